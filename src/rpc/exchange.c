/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rpc/rpc_i.h"

#define TYPE_JSON       "application/json"
#define TYPE_BINARY     "application/octet-stream"
#define ITEM_SIZE_GUESS 384u   /* of an answer to one envelope, without the hex of its receipt */
#define ERROR_SIZE_MAX  65536u /* room for error replies behind an answer that fills its limit */

/* ---- the core ---- */

enum ag_err ag_rpc_core_init(struct rpc_core *core, const struct rpc_node_ops *ops, void *node,
                             const struct ag_rpc_config *config)
{
    memset(core, 0, sizeof(*core));
    core->ops = *ops;
    core->node = node;
    core->host = config->host;
    core->drain = config->drain;
    core->drain_context = config->drain_context;
    core->max_lag_ms = config->max_lag_ms == 0 ? 60000 : config->max_lag_ms;
    const char *version = config->version == NULL ? "0" : config->version;
    size_t size = strnlen(version, sizeof(core->version) - 1u);
    memcpy(core->version, version, size);
    ag_arena_init(&core->arena, 2u * (size_t)AG_LIMIT_HTTP_BODY_BYTES);
    return AG_OK;
}

static void close_exchange(struct rpc_exchange *exchange)
{
    struct rpc_core *core = exchange->core;
    if (exchange->previous != NULL) {
        exchange->previous->next = exchange->next;
    } else if (core->first == exchange) {
        core->first = exchange->next;
    }
    if (exchange->next != NULL) {
        exchange->next->previous = exchange->previous;
    }
    for (size_t i = 0; i < exchange->item_count; i++) {
        ag_seq_submission_close(exchange->items[i].submission);
    }
    ag_free(exchange->items);
    ag_free(exchange->calls);
    ag_vec_close(&exchange->ids);
    ag_vec_close(&exchange->done_text);
    ag_free(exchange);
}

void ag_rpc_core_close(struct rpc_core *core)
{
    while (core->first != NULL) {
        close_exchange(core->first);
    }
    ag_arena_close(&core->arena);
}

/* ---- envelopes ---- */

static enum ag_err grow_items(struct rpc_exchange *exchange)
{
    if (exchange->item_count < exchange->item_capacity) {
        return AG_OK;
    }
    size_t capacity = exchange->item_capacity == 0 ? 1 : 4u * exchange->item_capacity;
    struct rpc_item *items = ag_alloc_array(capacity, sizeof(*items));
    AG_ENSURE(items != NULL, AG_ERR_NO_MEMORY);
    if (exchange->item_count != 0) {
        memcpy(items, exchange->items, exchange->item_count * sizeof(*items));
    }
    ag_free(exchange->items);
    exchange->items = items;
    exchange->item_capacity = capacity;
    return AG_OK;
}

enum ag_err ag_rpc_exchange_add(struct rpc_exchange *exchange, struct ag_bytes envelope)
{
    AG_TRY(grow_items(exchange));
    struct rpc_item *item = &exchange->items[exchange->item_count];
    *item = (struct rpc_item){.exchange = exchange};
    if (exchange->item_count >= AG_LIMIT_GROUP_COUNT) {
        /* Every further one is refused at the same small cost; the body's limit bounds how many. */
        item->err = ag_fault_limit(&item->fault, AG_ERR_NET_LIMIT, "envelopes of one request",
                                   AG_LIMIT_GROUP_COUNT, exchange->item_count + 1u);
    } else if (envelope.size > AG_LIMIT_ENVELOPE_BYTES) {
        item->err = ag_fault_limit(&item->fault, AG_ERR_WIRE_LIMIT, "envelope",
                                   AG_LIMIT_ENVELOPE_BYTES, envelope.size);
    } else {
        AG_TRY(ag_seq_submission_open(envelope, &exchange->caller.source, NULL, &item->submission));
    }
    exchange->item_count++;
    return AG_OK;
}

void ag_rpc_exchange_drop(struct rpc_exchange *exchange, size_t first)
{
    while (exchange->item_count > first) {
        ag_seq_submission_close(exchange->items[--exchange->item_count].submission);
    }
}

/* Hands all envelopes over at once: the sequencer takes them all, or none. */
static enum ag_err submit(struct rpc_exchange *exchange)
{
    struct rpc_core *core = exchange->core;
    void *memory = NULL;
    AG_TRY(ag_arena_take(&core->arena, exchange->item_count * sizeof(struct ag_submission *),
                         &memory));
    struct ag_submission **submissions = memory;
    size_t count = 0;
    for (size_t i = 0; i < exchange->item_count; i++) {
        struct rpc_item *item = &exchange->items[i];
        if (item->err == AG_OK) {
            item->submission->context = item;
            submissions[count++] = item->submission;
        }
    }
    if (count == 0) {
        return AG_OK;
    }
    AG_TRY(core->ops.submit(core->node, submissions, count));
    for (size_t i = 0; i < exchange->item_count; i++) {
        exchange->items[i].submission = NULL; /* the sequencer's until it answers */
    }
    exchange->waiting = count;
    return AG_OK;
}

static void submit_or_refuse(struct rpc_exchange *exchange)
{
    if (exchange->item_count == 0) {
        return;
    }
    enum ag_err err = submit(exchange);
    for (size_t i = 0; err != AG_OK && i < exchange->item_count; i++) {
        if (exchange->items[i].err == AG_OK) {
            exchange->items[i].err = err;
        }
    }
}

/* ---- replies ---- */

static void begin_reply(const struct rpc_exchange *exchange, const struct rpc_call *call,
                        struct ag_json_out *out, struct ag_vec *vec)
{
    ag_json_begin(out, vec, false);
    ag_json_object(out, NULL);
    ag_json_put_raw(out, "jsonrpc", AG_LITERAL("\"2.0\""));
    struct ag_bytes id = AG_LITERAL("null");
    if (call->id_size != 0) {
        id = ag_bytes_of(exchange->ids.data + call->id_at, call->id_size);
    }
    ag_json_put_raw(out, "id", id);
}

static enum ag_err write_error_reply(const struct rpc_exchange *exchange,
                                     const struct rpc_call *call, enum ag_err failure,
                                     const struct ag_fault *fault, unsigned stamp_bits,
                                     struct ag_vec *vec)
{
    struct ag_json_out out;
    begin_reply(exchange, call, &out, vec);
    ag_rpc_put_error(&out, "error", failure, fault, stamp_bits);
    ag_json_end(&out);
    ag_metric_add(AG_METRIC_RPC_ERRORS, 1);
    return ag_json_finish(&out);
}

/* The reply to a call whose envelopes are answered. */
static enum ag_err write_item_reply(const struct rpc_exchange *exchange,
                                    const struct rpc_call *call, struct ag_vec *vec)
{
    const struct rpc_item *first = exchange->items + call->item_first;
    if (call->kind == RPC_CALL_ONE && ag_rpc_item_err(first) != AG_OK) {
        unsigned stamp_bits = first->submission == NULL ? 0 : first->submission->stamp_bits;
        return write_error_reply(exchange, call, ag_rpc_item_err(first), ag_rpc_item_fault(first),
                                 stamp_bits, vec);
    }
    struct ag_json_out out;
    begin_reply(exchange, call, &out, vec);
    if (call->kind == RPC_CALL_ONE) {
        ag_rpc_put_item(&out, "result", first);
    } else {
        ag_json_array(&out, "result");
        for (size_t i = 0; i < call->item_count; i++) {
            ag_rpc_put_item(&out, NULL, first + i);
        }
        ag_json_end(&out);
    }
    ag_json_end(&out);
    return ag_json_finish(&out);
}

/* Writes a reply, or an error in its place when it does not fit the answer. */
static enum ag_err write_reply(const struct rpc_exchange *exchange, const struct rpc_call *call,
                               struct ag_vec *vec)
{
    size_t before = vec->size;
    enum ag_err err =
        call->kind == RPC_CALL_DONE
            ? ag_vec_append(
                  vec, ag_bytes_of(exchange->done_text.data + call->reply_at, call->reply_size))
            : write_item_reply(exchange, call, vec);
    if (err == AG_OK || err == AG_ERR_NO_MEMORY) {
        return err;
    }
    vec->size = before;
    struct ag_fault fault = {.field = "answer"};
    return write_error_reply(exchange, call, AG_ERR_NET_LIMIT, &fault, 0, vec);
}

static enum ag_err write_calls(struct rpc_exchange *exchange, struct ag_vec *out)
{
    bool is_first = true;
    for (size_t i = 0; i < exchange->call_count; i++) {
        const struct rpc_call *call = &exchange->calls[i];
        if (call->is_notification) {
            continue;
        }
        if (exchange->is_list) {
            AG_TRY(ag_vec_append(out, is_first ? AG_LITERAL("[") : AG_LITERAL(",")));
        }
        is_first = false;
        AG_TRY(write_reply(exchange, call, out));
    }
    return exchange->is_list && !is_first ? ag_vec_append(out, AG_LITERAL("]")) : AG_OK;
}

static enum ag_err write_list(const struct rpc_exchange *exchange, struct ag_vec *vec)
{
    struct ag_json_out out;
    ag_json_begin(&out, vec, false);
    ag_json_object(&out, NULL);
    ag_json_array(&out, "results");
    for (size_t i = 0; i < exchange->item_count; i++) {
        ag_rpc_put_item(&out, NULL, &exchange->items[i]);
    }
    ag_json_end(&out);
    ag_json_end(&out);
    return ag_json_finish(&out);
}

static enum ag_err write_answer(struct rpc_exchange *exchange, struct ag_vec *out)
{
    switch (exchange->form) {
    case RPC_FORM_BINARY:
        return ag_rpc_binary_write(exchange, out);
    case RPC_FORM_LIST:
        return write_list(exchange, out);
    case RPC_FORM_CALLS:
    default:
        break;
    }
    if (exchange->call_count == 1 && !exchange->is_list &&
        exchange->calls[0].kind == RPC_CALL_DONE) {
        /* The one reply is the answer: no copy. */
        *out = exchange->done_text;
        out->limit = AG_LIMIT_RPC_ANSWER_BYTES;
        out->size = exchange->calls[0].is_notification ? 0 : out->size;
        exchange->done_text = (struct ag_vec){0};
        return AG_OK;
    }
    return write_calls(exchange, out);
}

/* Makes room for the receipts at once, in place of growing to it by halves. */
static enum ag_err reserve_answer(const struct rpc_exchange *exchange, struct ag_vec *out)
{
    size_t size = 0;
    for (size_t i = 0; i < exchange->item_count; i++) {
        const struct ag_submission *submission = exchange->items[i].submission;
        size += ITEM_SIZE_GUESS + (submission == NULL ? 0 : 2u * submission->receipt.size);
    }
    uint8_t *room = NULL;
    if (size < out->limit) {
        AG_TRY(ag_vec_extend(out, size, &room));
        out->size = 0;
    }
    return AG_OK;
}

/* Answers and ends the exchange. */
static void finish(struct rpc_exchange *exchange)
{
    struct ag_vec body AG_SCOPED(ag_vec_close);
    ag_vec_init(&body, (size_t)AG_LIMIT_RPC_ANSWER_BYTES + ERROR_SIZE_MAX);
    enum ag_err err = exchange->item_count == 0 ? AG_OK : reserve_answer(exchange, &body);
    if (err == AG_OK) {
        err = write_answer(exchange, &body);
    }
    const char *type = exchange->form == RPC_FORM_BINARY ? TYPE_BINARY : TYPE_JSON;
    if (err != AG_OK) {
        body.size = 0;
        exchange->done(exchange->context, 503, TYPE_JSON, &body);
    } else {
        exchange->done(exchange->context, body.size == 0 ? 204 : 200, type, &body);
    }
    close_exchange(exchange);
}

void ag_rpc_core_answer(struct rpc_core *core, struct ag_submission *submission)
{
    struct rpc_item *item = submission->context;
    struct rpc_exchange *exchange = item->exchange;
    AG_ASSERT(exchange->core == core && exchange->waiting != 0 && item->submission == NULL);
    item->submission = submission;
    if (--exchange->waiting == 0) {
        core->waiting_count--;
        finish(exchange);
    }
}

/* ---- reading calls ---- */

/* The id as JSON text: a string, an integer or null [JSON-RPC 2.0, 4]. */
static enum ag_err read_id(struct rpc_exchange *exchange, struct rpc_call *call,
                           const struct ag_json_value *id)
{
    size_t before = exchange->ids.size;
    struct ag_json_out out;
    ag_json_begin(&out, &exchange->ids, false);
    int64_t number = 0;
    size_t size = 0;
    const char *text = ag_json_string(id, &size);
    if (text != NULL) {
        AG_ENSURE(size <= AG_LIMIT_RPC_ID_BYTES, AG_ERR_RPC_REQUEST);
        ag_json_put_text(&out, NULL, ag_bytes_of(text, size));
    } else if (ag_json_type(id) == AG_JSON_NUMBER) {
        AG_TRY(ag_json_i64(id, &number));
        ag_json_put_i64(&out, NULL, number);
    } else {
        AG_ENSURE(ag_json_type(id) == AG_JSON_NULL, AG_ERR_RPC_REQUEST);
        ag_json_put_null(&out, NULL);
    }
    AG_TRY(ag_json_finish(&out));
    call->id_at = (uint32_t)before;
    call->id_size = (uint32_t)(exchange->ids.size - before);
    return AG_OK;
}

static bool has_member(const struct ag_json_value *object, const char *name)
{
    return ag_json_get(object, name) != NULL;
}

/* The envelope of a call: version, id, method and the kind of its parameters. */
static enum ag_err read_call(struct rpc_exchange *exchange, struct rpc_call *call,
                             const struct ag_json_value *value, struct rpc_request *request,
                             const char **out_method)
{
    struct ag_fault *fault = &request->fault;
    call->is_notification = false; /* what is no request is answered with an error and a null id */
    if (ag_json_type(value) != AG_JSON_OBJECT) {
        return ag_fault_set(fault, AG_ERR_RPC_REQUEST, "request");
    }
    if (has_member(value, "id")) {
        enum ag_err err = read_id(exchange, call, ag_json_get(value, "id"));
        if (err == AG_ERR_RPC_REQUEST) {
            return ag_fault_set(fault, err, "id");
        }
        AG_TRY(err);
    }
    const char *version = ag_json_string(ag_json_get(value, "jsonrpc"), NULL);
    if (version == NULL || strcmp(version, "2.0") != 0) {
        return ag_fault_set(fault, AG_ERR_RPC_REQUEST, "jsonrpc");
    }
    *out_method = ag_json_string(ag_json_get(value, "method"), NULL);
    if (*out_method == NULL) {
        return ag_fault_set(fault, AG_ERR_RPC_REQUEST, "method");
    }
    request->params = ag_json_get(value, "params");
    enum ag_json_type type = ag_json_type(request->params);
    if (has_member(value, "params") && type != AG_JSON_ARRAY && type != AG_JSON_OBJECT) {
        return ag_fault_set(fault, AG_ERR_RPC_REQUEST, "params");
    }
    call->is_notification = !has_member(value, "id");
    return AG_OK;
}

static enum ag_err dispatch(struct rpc_request *request, const char *name)
{
    request->method = ag_rpc_method_find(name);
    if (request->method == NULL) {
        return ag_fault_set(&request->fault, AG_ERR_RPC_METHOD, "method");
    }
    AG_TRY(ag_rpc_params_check(request));
    if (request->method->is_operator && !request->exchange->caller.is_operator) {
        return ag_fault_set(&request->fault, AG_ERR_RPC_AUTH, "Authorization");
    }
    return request->method->handler(request);
}

/* Runs one call. Its reply is written at once unless envelopes wait. */
static enum ag_err run_call(struct rpc_exchange *exchange, struct rpc_call *call,
                            const struct ag_json_value *value)
{
    struct ag_vec *vec = &exchange->done_text;
    struct ag_json_out out;
    struct rpc_request request = {
        .core = exchange->core, .exchange = exchange, .call = call, .out = &out};
    const char *name = NULL;
    ag_metric_add(AG_METRIC_RPC_CALLS, 1);
    call->reply_at = vec->size;
    call->item_first = exchange->item_count;
    enum ag_err err = read_call(exchange, call, value, &request, &name);
    if (err == AG_OK) {
        begin_reply(exchange, call, &out, vec);
        err = dispatch(&request, name);
    }
    if (err == AG_OK && call->kind != RPC_CALL_DONE) {
        vec->size = call->reply_at;
        call->item_count = exchange->item_count - call->item_first;
        return AG_OK;
    }
    call->kind = RPC_CALL_DONE;
    if (err == AG_OK) {
        ag_json_end(&out);
        err = ag_json_finish(&out);
    }
    if (err != AG_OK) {
        vec->size = call->reply_at;
        if (err == AG_ERR_WIRE_SPACE) {
            err = ag_fault_limit(&request.fault, AG_ERR_NET_LIMIT, "answer",
                                 AG_LIMIT_RPC_ANSWER_BYTES, AG_LIMIT_RPC_ANSWER_BYTES + 1u);
        }
        AG_TRY(write_error_reply(exchange, call, err, &request.fault, 0, vec));
    }
    call->reply_size = vec->size - call->reply_at;
    return AG_OK;
}

/* Answers the whole body with one error and a null id. */
static enum ag_err refuse_body(struct rpc_exchange *exchange, enum ag_err failure,
                               const struct ag_fault *fault)
{
    ag_free(exchange->calls);
    exchange->calls = ag_alloc(sizeof(*exchange->calls));
    AG_ENSURE(exchange->calls != NULL, AG_ERR_NO_MEMORY);
    exchange->call_count = 1;
    exchange->is_list = false;
    AG_TRY(write_error_reply(exchange, exchange->calls, failure, fault, 0, &exchange->done_text));
    exchange->calls->reply_size = exchange->done_text.size;
    return AG_OK;
}

static enum ag_err run_calls(struct rpc_exchange *exchange, const struct ag_json_value *root)
{
    exchange->is_list = ag_json_type(root) == AG_JSON_ARRAY;
    size_t count = exchange->is_list ? ag_json_count(root) : 1;
    struct ag_fault fault = {0};
    if (count == 0 || count > AG_LIMIT_RPC_BATCH) {
        enum ag_err err =
            ag_fault_limit(&fault, AG_ERR_RPC_REQUEST, "calls", AG_LIMIT_RPC_BATCH, count);
        return refuse_body(exchange, err, &fault);
    }
    exchange->calls = ag_alloc_array(count, sizeof(*exchange->calls));
    AG_ENSURE(exchange->calls != NULL, AG_ERR_NO_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const struct ag_json_value *value = exchange->is_list ? ag_json_at(root, i) : root;
        AG_TRY(run_call(exchange, &exchange->calls[i], value));
        exchange->call_count++;
    }
    return AG_OK;
}

static enum ag_err read_calls(struct rpc_exchange *exchange, struct ag_bytes body)
{
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    enum ag_err err = ag_json_parse(body, &json);
    if (err != AG_OK) {
        return refuse_body(exchange, err, NULL);
    }
    return run_calls(exchange, ag_json_root(json));
}

static enum ag_err read_envelopes(struct rpc_exchange *exchange, struct ag_bytes body)
{
    struct ag_fault fault = {0};
    enum ag_err err = ag_rpc_binary_read(exchange, body, &fault);
    if (err == AG_OK) {
        return AG_OK;
    }
    /* The frame itself is wrong: nothing of it is taken. */
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 4096);
    struct ag_json_out out;
    ag_json_begin(&out, &text, false);
    ag_json_object(&out, NULL);
    ag_rpc_put_error(&out, "error", err, &fault, 0);
    ag_json_end(&out);
    AG_TRY(ag_json_finish(&out));
    exchange->done(exchange->context, ag_err_class(err) == AG_CLASS_INPUT ? 400 : 503, TYPE_JSON,
                   &text);
    exchange->done = NULL;
    return AG_OK;
}

void ag_rpc_exchange_run(struct rpc_core *core, enum rpc_form form, const struct rpc_caller *caller,
                         struct ag_bytes body, rpc_exchange_done *done, void *context)
{
    struct ag_vec nothing = {0};
    struct rpc_exchange *exchange = ag_alloc(sizeof(*exchange));
    if (exchange == NULL) {
        done(context, 503, TYPE_JSON, &nothing);
        return;
    }
    *exchange = (struct rpc_exchange){
        .core = core, .form = form, .caller = *caller, .done = done, .context = context};
    ag_vec_init(&exchange->ids, (size_t)AG_LIMIT_RPC_BATCH * 8u * AG_LIMIT_RPC_ID_BYTES);
    ag_vec_init(&exchange->done_text, (size_t)AG_LIMIT_RPC_ANSWER_BYTES + ERROR_SIZE_MAX);

    enum ag_err err =
        form == RPC_FORM_CALLS ? read_calls(exchange, body) : read_envelopes(exchange, body);
    if (err == AG_OK && exchange->done != NULL) {
        submit_or_refuse(exchange);
    }
    ag_arena_reset(&core->arena);
    if (exchange->done == NULL) {
        close_exchange(exchange);
    } else if (err != AG_OK) {
        done(context, 503, TYPE_JSON, &nothing);
        close_exchange(exchange);
    } else if (exchange->waiting == 0) {
        finish(exchange);
    } else {
        exchange->next = core->first;
        if (core->first != NULL) {
            core->first->previous = exchange;
        }
        core->first = exchange;
        core->waiting_count++;
    }
}
