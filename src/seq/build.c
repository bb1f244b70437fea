/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "order/order.h"
#include "seq/seq_i.h"

/* Memory of one batch under construction, from the scratch arena. */
struct draft {
    size_t count;
    struct ag_mempool_planned *planned; /* in admission order */
    struct ag_order_item *items;
    uint32_t *order;
    struct ag_exec_input *inputs; /* in plan order */
    struct ag_exec_result *results;
    struct ag_batch_entry *entries;
    uint8_t order_mode;
    struct ag_risk_snapshot risk;
    uint64_t time_ms; /* of the header, fixed before anything runs */
};

/* So long before the deadline of the oldest envelope a batch is due, whatever else would have it
 * wait: a signature takes half a second, and several batches may be waiting for theirs. */
#define DEADLINE_MARGIN_MS 20000u

/* A receipt says by when its envelope is in a batch. */
static bool is_deadline_near(struct ag_seq *seq, uint64_t oldest_admission)
{
    struct ag_mempool_entry entry;
    return ag_mempool_entry(seq->mempool, oldest_admission, &entry) == AG_OK &&
           entry.deadline_ms <= ag_seq_now_ms(seq) + DEADLINE_MARGIN_MS;
}

bool ag_seq_is_batch_due(struct ag_seq *seq, uint64_t *out_wait_ms)
{
    struct ag_mempool_stats stats;
    uint64_t now_ms = ag_seq_mono_ms(seq);
    uint64_t interval_ms = seq->conf->batch_interval_ms;
    uint64_t passed_ms = now_ms - seq->last_build_ms;
    ag_mempool_stats(seq->mempool, &stats);
    uint64_t waiting = stats.confirmed_end - stats.planned_end;

    *out_wait_ms = passed_ms >= interval_ms ? interval_ms : interval_ms - passed_ms;
    if (seq->flight_count == AG_LIMIT_BATCHES_IN_FLIGHT || now_ms < seq->retry_at_ms) {
        return false;
    }
    if (waiting >= seq->take_limit || (waiting != 0 && is_deadline_near(seq, stats.planned_end))) {
        return true;
    }
    return passed_ms >= interval_ms && waiting >= seq->conf->batch_min_tx;
}

static enum ag_err take_array(struct ag_seq *seq, size_t count, size_t size, void *out_pointer)
{
    void *memory = NULL;
    AG_TRY(ag_arena_take(&seq->scratch, (count == 0 ? 1 : count) * size, &memory));
    memcpy(out_pointer, &memory, sizeof(memory));
    return AG_OK;
}

static enum ag_err take_memory(struct ag_seq *seq, struct draft *draft, size_t count)
{
    ag_arena_reset(&seq->scratch);
    AG_TRY(take_array(seq, count, sizeof(*draft->planned), &draft->planned));
    AG_TRY(take_array(seq, count, sizeof(*draft->items), &draft->items));
    AG_TRY(take_array(seq, count, sizeof(*draft->order), &draft->order));
    AG_TRY(take_array(seq, count, sizeof(*draft->inputs), &draft->inputs));
    AG_TRY(take_array(seq, count, sizeof(*draft->results), &draft->results));
    return take_array(seq, count, sizeof(*draft->entries), &draft->entries);
}

/* The order is fixed here, from heads alone. */
static enum ag_err plan(struct ag_seq *seq, struct draft *draft)
{
    uint64_t start_ns = seq->host->monotonic_ns(seq->host->context);
    for (size_t i = 0; i < draft->count; i++) {
        draft->items[i] =
            (struct ag_order_item){draft->planned[i].admission, draft->planned[i].head};
    }
    AG_TRY(ag_order_plan((enum ag_order_mode)draft->order_mode, draft->items, draft->count, NULL,
                         &draft->risk, &seq->scratch, draft->order));
    ag_metric_observe_us(AG_METRIC_PLAN_US,
                         (seq->host->monotonic_ns(seq->host->context) - start_ns) / 1000u);
    AG_FAILPOINT("batch.after_plan", AG_ERR_NO_MEMORY);
    return AG_OK;
}

/* Only now are bodies opened. */
static enum ag_err execute(struct ag_seq *seq, struct draft *draft)
{
    uint64_t start_ns = seq->host->monotonic_ns(seq->host->context);
    for (size_t i = 0; i < draft->count; i++) {
        struct ag_mempool_entry entry;
        AG_TRY(ag_mempool_entry(seq->mempool, draft->items[draft->order[i]].admission, &entry));
        draft->inputs[i] = (struct ag_exec_input){
            .admission = entry.admission,
            .envelope_id = entry.envelope_id,
            .head = entry.head,
            .head_encoding = entry.head_encoding,
            .sealed_head = entry.sealed_head,
            .sealed_body = entry.sealed_body,
            .keys = entry.keys,
        };
    }
    AG_TRY(ag_exec_run(seq->exec, draft->time_ms, draft->inputs, draft->count, draft->results));
    for (size_t i = 0; i < draft->count; i++) {
        draft->entries[i] = (struct ag_batch_entry){
            .outcome = draft->results[i].outcome,
            .head = draft->inputs[i].head_encoding,
            .payload = draft->results[i].payload,
        };
    }
    ag_metric_observe_us(AG_METRIC_EXEC_US,
                         (seq->host->monotonic_ns(seq->host->context) - start_ns) / 1000u);
    AG_FAILPOINT("batch.after_exec", AG_ERR_NO_MEMORY);
    return AG_OK;
}

static enum ag_err keep_effects(const struct draft *draft, struct flight *flight)
{
    size_t count = 0;
    for (size_t i = 0; i < draft->count; i++) {
        count += draft->results[i].frees_nonce || draft->results[i].is_charged ? 1 : 0;
    }
    if (count == 0) {
        return AG_OK;
    }
    flight->effects = ag_alloc_array(count, sizeof(*flight->effects));
    AG_ENSURE(flight->effects != NULL, AG_ERR_NO_MEMORY);
    for (size_t i = 0; i < draft->count; i++) {
        const struct ag_exec_result *result = &draft->results[i];
        if (result->frees_nonce || result->is_charged) {
            flight->effects[flight->effect_count++] =
                (struct effect){result->outcome.admission, (enum ag_err)result->outcome.reason,
                                result->is_charged, result->frees_nonce};
        }
    }
    return AG_OK;
}

static enum ag_err build(struct ag_seq *seq, const struct draft *draft, uint64_t first_admission,
                         struct flight *flight)
{
    const struct ag_meta *meta = &seq->anchored.meta;
    struct ag_batch_header fields = {
        .chain_id = meta->chain_id,
        .number = seq->built_number + 1,
        .parent = seq->built_digest,
        .time_ms = draft->time_ms,
        .key_epoch = ag_keyring_epoch(seq->keyring),
        .bundle_digest = flight->identity.bundle_digest,
        .order_mode = draft->order_mode,
        .first_admission = first_admission,
        .admission_count = (uint32_t)draft->count,
        .last_group = meta->last_group,
        .last_group_digest = meta->last_group_digest,
        .risk = draft->risk,
    };
    AG_TRY(ag_verify_empty_root(&fields.state_root));
    AG_TRY(ag_verify_empty_root(&fields.asset_root));
    AG_TRY(ag_batch_build(&fields, draft->entries, draft->count, &flight->batch));
    flight->number = fields.number;
    flight->first_admission = first_admission;
    flight->admission_count = fields.admission_count;
    return AG_OK;
}

/* Time never goes back along the chain, whatever the host's clock does. */
static uint64_t header_time(struct ag_seq *seq)
{
    uint64_t time_ms = ag_seq_now_ms(seq);
    if (time_ms < seq->last_time_ms) {
        time_ms = seq->last_time_ms;
    }
    return time_ms < seq->identity.bundle_created_ms ? seq->identity.bundle_created_ms : time_ms;
}

static enum ag_err draft_to_flight(struct ag_seq *seq, struct draft *draft, uint64_t first,
                                   struct flight *flight)
{
    draft->time_ms = header_time(seq);
    AG_TRY(plan(seq, draft));
    AG_TRY(execute(seq, draft));
    ag_seq_identity_init(&flight->identity);
    AG_TRY(ag_seq_identity_copy(&seq->identity, &flight->identity));
    AG_TRY(keep_effects(draft, flight));
    return build(seq, draft, first, flight);
}

static void mark_planned(struct ag_seq *seq, const struct draft *draft)
{
    pthread_mutex_lock(&seq->lock);
    for (size_t i = 0; i < draft->count; i++) {
        struct pending *pending = ag_lru_find(seq->pending, &draft->inputs[i].envelope_id);
        if (pending != NULL) {
            pending->is_planned = true;
        }
    }
    pthread_mutex_unlock(&seq->lock);
}

void ag_seq_flight_close(struct flight *flight)
{
    ag_batch_close(flight->batch);
    ag_seq_identity_close(&flight->identity);
    ag_free(flight->effects);
    memset(flight, 0, sizeof(*flight));
}

enum ag_err ag_seq_build_batch(struct ag_seq *seq, bool *out_did_work)
{
    uint64_t wait_ms = 0;
    if (!ag_seq_is_batch_due(seq, &wait_ms)) {
        return AG_OK;
    }
    size_t slot = (seq->flight_first + seq->flight_count) % AG_LIMIT_BATCHES_IN_FLIGHT;
    struct flight *flight = &seq->flights[slot];
    struct ag_mempool_stats stats;
    struct draft draft = {0};
    ag_mempool_stats(seq->mempool, &stats);
    uint64_t first = stats.planned_end;

    AG_TRY(take_memory(seq, &draft, seq->take_limit));
    draft.count = ag_mempool_take(seq->mempool, seq->take_limit, draft.planned);
    pthread_mutex_lock(&seq->lock);
    draft.order_mode = seq->order_mode;
    pthread_mutex_unlock(&seq->lock);

    enum ag_err err = draft_to_flight(seq, &draft, first, flight);
    if (err != AG_OK) {
        ag_seq_flight_close(flight);
        AG_TRY(ag_mempool_untake(seq->mempool, first, draft.count));
        if (ag_err_class(err) != AG_CLASS_HOST && ag_err_class(err) != AG_CLASS_LIMIT) {
            return err;
        }
        /* Memory ran out, most likely: try a smaller batch, and not at once. */
        ag_log(AG_LOG_WARN, "batch.postponed", ag_kv_err("error", err),
               ag_kv_u64("envelopes", draft.count));
        seq->take_limit = seq->take_limit > 1 ? seq->take_limit / 2 : 1;
        seq->retry_at_ms = ag_seq_mono_ms(seq) + 1000;
        return AG_OK;
    }
    mark_planned(seq, &draft);
    seq->take_limit = (uint32_t)seq->conf->batch_tx_max;
    seq->built_number = flight->number;
    seq->built_digest = *ag_batch_digest(flight->batch);
    seq->last_time_ms = ag_batch_fields(flight->batch)->time_ms;
    seq->last_build_ms = ag_seq_mono_ms(seq);
    seq->flight_count++;
    *out_did_work = true;
    ag_seq_signers_push(seq, flight);
    return AG_OK;
}
