/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rpc/rpc_i.h"

#define OUTCOMES_PER_EVENT 64u

/* ---- topics ---- */

static const struct {
    const char *name;
    enum rpc_topic topic;
} topic_names[] = {
    {"pool", RPC_TOPIC_POOL},
    {"batch", RPC_TOPIC_BATCH},
    {"receipt", RPC_TOPIC_RECEIPT},
};

/* `pool,batch`; 0 if a name is unknown. */
static unsigned parse_topics(const char *text)
{
    unsigned topics = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        unsigned found = 0;
        for (size_t i = 0; i < AG_COUNT(topic_names); i++) {
            if (strlen(topic_names[i].name) == size &&
                memcmp(topic_names[i].name, text, size) == 0) {
                found = topic_names[i].topic;
            }
        }
        if (found == 0) {
            return 0;
        }
        topics |= found;
        text += text[size] == ',' ? size + 1u : size;
    }
    return topics;
}

/* The last batch that the listener knows, of the field that browsers send by themselves or of the
 * query. False if it is no number. */
static bool read_last_id(const struct ag_net_request *request, bool *out_has, uint64_t *out)
{
    char text[24];
    struct ag_bytes field = ag_net_field(request, "last-event-id");
    *out_has = false;
    if (field.size == 0) {
        enum ag_err err = ag_net_query_value(request, "lastEventId", text, sizeof(text));
        if (err == AG_ERR_NOT_FOUND) {
            return true;
        }
        if (err != AG_OK) {
            return false;
        }
        field = ag_bytes_of(text, strlen(text));
    }
    *out_has = true;
    return ag_u64_parse((const char *)field.data, field.size, false, out) == AG_OK;
}

/* ---- events as text ---- */

static enum ag_err write_batch(const struct rpc_core *core, uint64_t number, struct ag_vec *out)
{
    struct ag_vec data AG_SCOPED(ag_vec_close);
    struct ag_batch_header header;
    struct ag_hash digest;
    char id[24];
    ag_vec_init(&data, 16384);
    AG_TRY(core->ops.batch_header(core->node, number, &header, &digest));
    struct ag_json_out json;
    ag_json_begin(&json, &data, false);
    ag_rpc_put_header(&json, NULL, &header, &digest);
    AG_TRY(ag_json_finish(&json));
    int size = snprintf(id, sizeof(id), "%llu", (unsigned long long)number);
    AG_ASSERT(size > 0 && (size_t)size < sizeof(id));
    return ag_net_event_format(out, "batch", id, ag_vec_view(&data));
}

/* Gathers outcomes into events of a bounded size. */
struct outcome_writer {
    struct ag_vec *out;
    struct ag_vec data;
    struct ag_json_out json;
    uint64_t number;
    unsigned count;
};

static void begin_outcomes(struct outcome_writer *writer)
{
    writer->data.size = 0;
    writer->count = 0;
    ag_json_begin(&writer->json, &writer->data, false);
    ag_json_object(&writer->json, NULL);
    ag_rpc_put_number(&writer->json, "batch", writer->number);
    ag_json_array(&writer->json, "outcomes");
}

static enum ag_err end_outcomes(struct outcome_writer *writer)
{
    if (writer->count == 0) {
        return AG_OK;
    }
    ag_json_end(&writer->json);
    ag_json_end(&writer->json);
    AG_TRY(ag_json_finish(&writer->json));
    /* No id: only batches can be resumed. */
    return ag_net_event_format(writer->out, "receipt", NULL, ag_vec_view(&writer->data));
}

/* [envelopeId, status, reason or place]: short, because a batch has ten thousand of them. */
static enum ag_err write_outcome(void *context, uint32_t index, const struct ag_outcome *outcome)
{
    struct outcome_writer *writer = context;
    (void)index;
    bool is_included = outcome->status == AG_OUTCOME_INCLUDED;
    ag_json_array(&writer->json, NULL);
    ag_json_put_hex(&writer->json, NULL, AG_VIEW(&outcome->envelope_id));
    ag_json_put_string(&writer->json, NULL, is_included ? "included" : "excluded");
    if (is_included) {
        ag_json_put_u64(&writer->json, NULL, outcome->tx_index);
    } else {
        ag_json_put_string(&writer->json, NULL, ag_err_name((enum ag_err)outcome->reason));
    }
    ag_json_end(&writer->json);
    if (++writer->count == OUTCOMES_PER_EVENT) {
        AG_TRY(end_outcomes(writer));
        begin_outcomes(writer);
    }
    return AG_OK;
}

static enum ag_err write_outcomes(const struct rpc_core *core, uint64_t number, struct ag_vec *out)
{
    struct outcome_writer writer = {.out = out, .number = number};
    ag_vec_init(&writer.data, 65536);
    begin_outcomes(&writer);
    enum ag_err err = core->ops.batch_outcomes(core->node, number, write_outcome, &writer);
    if (err == AG_OK) {
        err = end_outcomes(&writer);
    }
    ag_vec_close(&writer.data);
    return err;
}

static enum ag_err write_pool(uint64_t count, uint64_t bytes, struct ag_vec *out)
{
    struct ag_vec data AG_SCOPED(ag_vec_close);
    struct ag_json_out json;
    ag_vec_init(&data, 256);
    ag_json_begin(&json, &data, false);
    ag_json_object(&json, NULL);
    ag_rpc_put_number(&json, "count", count);
    ag_rpc_put_number(&json, "bytes", bytes);
    ag_json_end(&json);
    AG_TRY(ag_json_finish(&json));
    return ag_net_event_format(out, "pool", NULL, ag_vec_view(&data));
}

/* ---- sending ---- */

static unsigned wanted_topics(const struct ag_rpc *rpc)
{
    unsigned topics = 0;
    for (size_t i = 0; i < AG_COUNT(rpc->listeners); i++) {
        topics |= rpc->listeners[i].stream != NULL ? rpc->listeners[i].topics : 0;
    }
    return topics;
}

/* `number` is that of the batch, 0 for events that are no batch. A listener that was told of a
 * batch when it resumed is not told again. */
static void send_to(struct ag_rpc *rpc, enum rpc_topic topic, uint64_t number,
                    const struct ag_vec *events)
{
    for (size_t i = 0; i < AG_COUNT(rpc->listeners); i++) {
        struct rpc_listener *listener = &rpc->listeners[i];
        bool is_known = number != 0 && number <= listener->last_batch;
        if (listener->stream != NULL && (listener->topics & (unsigned)topic) != 0 && !is_known) {
            ag_net_stream_send(listener->stream, ag_vec_view(events));
        }
    }
}

void ag_rpc_events_batch(struct ag_rpc *rpc, uint64_t number)
{
    /* Announcements may be lost when we are slow: what lies between is said first. */
    uint64_t from = number;
    if (rpc->last_batch != 0 && rpc->last_batch + 1u < number) {
        from = rpc->last_batch + 1u;
        if (number - from >= AG_LIMIT_SSE_RESUME_BATCHES) {
            from = number - AG_LIMIT_SSE_RESUME_BATCHES + 1u;
        }
    }
    rpc->last_batch = number;
    unsigned topics = wanted_topics(rpc);
    struct ag_vec events AG_SCOPED(ag_vec_close);
    ag_vec_init(&events, (size_t)AG_LIMIT_SSE_BUFFER_BYTES * 4u);
    for (uint64_t each = from; each <= number; each++) {
        events.size = 0;
        if ((topics & RPC_TOPIC_BATCH) != 0 && write_batch(&rpc->core, each, &events) == AG_OK) {
            send_to(rpc, RPC_TOPIC_BATCH, each, &events);
        }
        events.size = 0;
        if ((topics & RPC_TOPIC_RECEIPT) != 0 &&
            write_outcomes(&rpc->core, each, &events) == AG_OK) {
            send_to(rpc, RPC_TOPIC_RECEIPT, 0, &events);
        }
    }
}

void ag_rpc_events_pool(void *context)
{
    struct ag_rpc *rpc = context;
    if (!rpc->is_pool_changed || (wanted_topics(rpc) & RPC_TOPIC_POOL) == 0) {
        return;
    }
    rpc->is_pool_changed = false;
    struct ag_vec events AG_SCOPED(ag_vec_close);
    ag_vec_init(&events, 1024);
    if (write_pool(rpc->pool_count, rpc->pool_bytes, &events) == AG_OK) {
        send_to(rpc, RPC_TOPIC_POOL, 0, &events);
    }
}

/* ---- listeners ---- */

static void on_close(void *context, struct ag_net_stream *stream)
{
    struct rpc_listener *listener = context;
    AG_ASSERT(listener->stream == stream);
    listener->stream = NULL;
}

/* Batches after `last` that a listener missed, and a word when some are too old to be repeated. */
static enum ag_err write_missed(const struct rpc_core *core, uint64_t last, struct ag_vec *out,
                                uint64_t *out_newest)
{
    struct ag_seq_status status;
    core->ops.status(core->node, &status);
    *out_newest = status.head_number;
    if (last >= status.head_number) {
        return AG_OK;
    }
    uint64_t from = last + 1u;
    if (status.head_number - last > AG_LIMIT_SSE_RESUME_BATCHES) {
        uint64_t to = status.head_number - AG_LIMIT_SSE_RESUME_BATCHES;
        char text[96];
        int size =
            snprintf(text, sizeof(text), "{\"from\":%" PRIu64 ",\"to\":%" PRIu64 "}", from, to);
        from = to + 1u;
        AG_ASSERT(size > 0 && (size_t)size < sizeof(text));
        AG_TRY(ag_net_event_format(out, "gap", NULL, ag_bytes_of(text, (size_t)size)));
    }
    for (uint64_t number = from; number <= status.head_number; number++) {
        AG_TRY(write_batch(core, number, out));
    }
    return AG_OK;
}

static struct rpc_listener *find_place(struct ag_rpc *rpc)
{
    for (size_t i = 0; i < AG_COUNT(rpc->listeners); i++) {
        if (rpc->listeners[i].stream == NULL) {
            return &rpc->listeners[i];
        }
    }
    return NULL;
}

void ag_rpc_events_open(struct ag_rpc *rpc, struct ag_net_request *request)
{
    char text[64];
    unsigned topics = RPC_TOPIC_POOL | RPC_TOPIC_BATCH;
    enum ag_err err = ag_net_query_value(request, "topics", text, sizeof(text));
    if (err != AG_ERR_NOT_FOUND) {
        topics = err == AG_OK ? parse_topics(text) : 0;
    }
    bool has_last = false;
    uint64_t last = 0;
    if (topics == 0 || !read_last_id(request, &has_last, &last)) {
        ag_net_respond_status(request, 400);
        return;
    }
    uint64_t newest = 0;
    struct ag_vec first AG_SCOPED(ag_vec_close);
    ag_vec_init(&first, AG_LIMIT_SSE_BUFFER_BYTES);
    err = ag_vec_append(&first, AG_LITERAL("retry: 3000\n\n"));
    if (err == AG_OK && has_last && (topics & RPC_TOPIC_BATCH) != 0) {
        err = write_missed(&rpc->core, last, &first, &newest);
    }
    struct rpc_listener *listener = find_place(rpc);
    if (err != AG_OK || listener == NULL) {
        ag_net_respond_status(request, 503);
        return;
    }
    listener->rpc = rpc;
    listener->topics = topics;
    listener->last_batch = newest;
    if (ag_net_stream_open(request, on_close, listener, &listener->stream) == AG_OK) {
        ag_net_stream_send(listener->stream, ag_vec_view(&first));
    }
}
