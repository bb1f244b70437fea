/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "post/post.h"
#include "seq/seq_i.h"

/* How often a batch is given to a signer again when the machine failed, before the node refuses. */
#define ATTEMPTS_MAX 5u
/* After a full disk or a failed step: milliseconds until the next try. */
#define RETRY_MS 1000u

/* Same bytes for many batches are stored once, under their digest; `part` becomes that digest. */
static enum ag_err put_shared(struct ag_store_tx *tx, struct ag_bytes *part, struct ag_hash *digest)
{
    struct ag_bytes present;
    AG_TRY(ag_hash_one(AG_TAG_COLLATERAL, *part, digest));
    enum ag_err err = ag_store_get(tx, AG_TABLE_COLLATERAL, AG_VIEW(digest), &present);
    if (err == AG_ERR_NOT_FOUND) {
        err = ag_store_put(tx, AG_TABLE_COLLATERAL, AG_VIEW(digest), *part);
    }
    *part = AG_VIEW(digest);
    return err;
}

static enum ag_err append_outcomes(const struct ag_batch_file *file, struct ag_vec *out)
{
    struct ag_bytes rest = file->entries;
    for (uint32_t i = 0; i < file->entry_count; i++) {
        struct ag_batch_entry entry;
        uint8_t *bytes = NULL;
        AG_TRY(ag_batch_entry_next(&rest, &entry, NULL));
        AG_TRY(ag_vec_extend(out, AG_OUTCOME_SIZE, &bytes));
        ag_outcome_encode(&entry.outcome, bytes);
    }
    return AG_OK;
}

static enum ag_err put_file(struct ag_seq *seq, struct ag_store_tx *tx, const struct flight *flight)
{
    struct ag_batch_file file = *ag_batch_parts(flight->batch);
    struct ag_hash digests[3];
    struct ag_vec bytes AG_SCOPED(ag_vec_close);
    ag_vec_init(&bytes, AG_LIMIT_BATCH_FILE_BYTES);
    AG_TRY(put_shared(tx, &file.bundle, &digests[0]));
    AG_TRY(put_shared(tx, &file.bundle_evidence, &digests[1]));
    AG_TRY(put_shared(tx, &file.collateral, &digests[2]));
    AG_TRY(ag_batch_file_encode(&file, &bytes));

    struct ag_vec proof AG_SCOPED(ag_vec_close);
    struct ag_vec outcomes AG_SCOPED(ag_vec_close);
    ag_vec_init(&proof, AG_LIMIT_RECEIPT_BYTES);
    ag_vec_init(&outcomes, (size_t)AG_LIMIT_BATCH_TXS * AG_OUTCOME_SIZE);
    AG_TRY(ag_vec_append(&proof, file.mldsa87));
    AG_TRY(ag_vec_append(&proof, file.slhdsa));
    AG_TRY(ag_vec_append(&proof, file.header));
    AG_TRY(append_outcomes(&file, &outcomes));
    const struct ag_bytes parts[AG_SEQ_BATCH_PARTS] = {
        [AG_SEQ_BATCH_PROOF] = ag_vec_view(&proof),
        [AG_SEQ_BATCH_OUTCOMES] = ag_vec_view(&outcomes),
        [AG_SEQ_BATCH_FILE] = ag_vec_view(&bytes),
    };
    return ag_seq_put_batch(seq, tx, flight->number, parts);
}

/* Where each envelope's receipts are found from now on. */
static enum ag_err put_receipts(struct ag_seq *seq, struct ag_store_tx *tx,
                                const struct flight *flight)
{
    const struct ag_batch_file *file = ag_batch_parts(flight->batch);
    struct ag_bytes rest = file->entries;
    for (uint32_t i = 0; i < file->entry_count; i++) {
        struct ag_batch_entry entry;
        AG_TRY(ag_batch_entry_next(&rest, &entry, NULL));

        pthread_mutex_lock(&seq->lock);
        const struct pending *pending = ag_lru_find(seq->pending, &entry.outcome.envelope_id);
        struct ag_receipt_index index = {
            .admission = entry.outcome.admission,
            .group_number = pending == NULL ? 0 : pending->group,
            .leaf_index = pending == NULL ? 0 : pending->leaf,
            .batch_number = flight->number,
            .entry_index = i,
        };
        pthread_mutex_unlock(&seq->lock);
        AG_ASSERT(pending != NULL);

        struct ag_vec bytes AG_SCOPED(ag_vec_close);
        ag_vec_init(&bytes, 256);
        AG_TRY(ag_receipt_index_encode(&index, &bytes));
        AG_TRY(ag_store_put(tx, AG_TABLE_RECEIPTS, AG_VIEW(&entry.outcome.envelope_id),
                            ag_vec_view(&bytes)));
    }
    return AG_OK;
}

/* Groups whose every envelope is in a batch need their envelopes no more. */
static enum ag_err drop_spool(struct ag_store_tx *tx, uint64_t first_unbatched)
{
    struct ag_store_cursor *cursor AG_SCOPED(ag_store_cursor_cleanup) = NULL;
    struct ag_store_entry entry;
    AG_TRY(ag_store_cursor_open(tx, AG_TABLE_SPOOL, &cursor));
    enum ag_err err = ag_store_first(cursor, &entry);
    while (err == AG_OK) {
        uint64_t last_admission = 0;
        AG_TRY(ag_store_u64_parse(entry.key, &last_admission));
        if (last_admission >= first_unbatched) {
            return AG_OK;
        }
        AG_TRY(ag_store_cursor_delete(cursor));
        err = ag_store_next(cursor, &entry);
    }
    return err == AG_ERR_NOT_FOUND ? AG_OK : err;
}

static enum ag_err put_effects(struct ag_seq *seq, struct ag_store_tx *tx,
                               const struct flight *flight, struct replay_sum *sum)
{
    for (size_t i = 0; i < flight->effect_count; i++) {
        uint8_t removed[AG_REPLAY_RECORD_SIZE];
        uint8_t added[AG_REPLAY_RECORD_SIZE];
        if (!flight->effects[i].frees_nonce) {
            continue;
        }
        AG_TRY(ag_mempool_replay_swap(seq->mempool, flight->effects[i].admission, removed, added));
        AG_TRY(ag_seq_replay_remove(seq, tx, AG_ARRAY_VIEW(removed), sum));
        AG_TRY(ag_seq_replay_add(seq, tx, AG_ARRAY_VIEW(added), sum));
    }
    return AG_OK;
}

static enum ag_err put_all(struct ag_seq *seq, struct ag_store_tx *tx, const struct flight *flight,
                           struct anchored *next)
{
    next->meta.head_number = flight->number;
    next->meta.head_digest = *ag_batch_digest(flight->batch);
    next->meta.first_unbatched = flight->first_admission + flight->admission_count;

    AG_TRY(put_file(seq, tx, flight));
    AG_TRY(put_receipts(seq, tx, flight));
    AG_TRY(drop_spool(tx, next->meta.first_unbatched));
    AG_TRY(put_effects(seq, tx, flight, &next->replay));
    AG_TRY(ag_seq_replay_prune(seq, tx, ag_batch_fields(flight->batch)->time_ms, &next->replay));
    const struct ag_outbox_entry entry = {
        .batch_number = flight->number,
        .header_digest = *ag_batch_digest(flight->batch),
        .created_ms = ag_seq_now_ms(seq),
    };
    return ag_post_put(tx, &entry);
}

static enum ag_err commit(struct ag_seq *seq, const struct flight *flight)
{
    struct anchored next = seq->anchored;
    struct ag_store_tx *tx = NULL;
    AG_FAILPOINT("batch.before_commit", AG_ERR_STORE_FULL);
    if (seq->is_anchor_open) {
        AG_TRY(ag_seq_anchor_again(seq));
        next = seq->anchored;
    }
    AG_TRY(ag_store_begin(seq->store, &tx));
    enum ag_err err = put_all(seq, tx, flight, &next);
    if (err != AG_OK) {
        ag_store_abort(tx);
        return err;
    }
    AG_TRY(ag_seq_anchored_commit(seq, tx, &next));
    AG_FAILPOINT("batch.after_commit", AG_ERR_IO);
    return AG_OK;
}

/* The pool and the index learn what is on disk already. */
static enum ag_err settle(struct ag_seq *seq, const struct flight *flight)
{
    uint64_t now_ms = ag_seq_now_ms(seq);
    for (size_t i = 0; i < flight->effect_count; i++) {
        const struct ag_mempool_outcome outcome = {
            .admission = flight->effects[i].admission,
            .reason = flight->effects[i].reason,
            .is_charged = flight->effects[i].is_charged,
            .frees_nonce = flight->effects[i].frees_nonce,
        };
        AG_TRY(ag_mempool_settle(seq->mempool, &outcome, now_ms));
    }
    AG_TRY(ag_mempool_release(seq->mempool, flight->first_admission, flight->admission_count));

    struct ag_bytes rest = ag_batch_parts(flight->batch)->entries;
    pthread_mutex_lock(&seq->lock);
    seq->released_number = flight->number;
    for (uint32_t i = 0; i < flight->admission_count; i++) {
        struct ag_batch_entry entry;
        if (ag_batch_entry_next(&rest, &entry, NULL) == AG_OK) {
            ag_lru_remove(seq->pending, &entry.outcome.envelope_id);
        }
    }
    pthread_mutex_unlock(&seq->lock);
    return AG_OK;
}

static void announce(struct ag_seq *seq, const struct flight *flight)
{
    const struct ag_batch_header *fields = ag_batch_fields(flight->batch);
    const struct ag_event event = {
        .kind = AG_EVENT_BATCH,
        .number = flight->number,
        .tx_count = fields->tx_count,
        .outcome_count = fields->admission_count,
        .digest = *ag_batch_digest(flight->batch),
    };
    ag_metric_add(AG_METRIC_BATCHES, 1);
    ag_metric_add(AG_METRIC_INCLUDED, fields->tx_count);
    ag_metric_add(AG_METRIC_EXCLUDED, fields->admission_count - fields->tx_count);
    ag_metric_set(AG_METRIC_HEAD_NUMBER, flight->number);
    ag_log(AG_LOG_INFO, "batch.committed", ag_kv_u64("number", flight->number),
           ag_kv_u64("included", fields->tx_count),
           ag_kv_u64("excluded", fields->admission_count - fields->tx_count),
           ag_kv_hash("digest", &event.digest));
    ag_seq_event_push(seq, &event);
}

static enum flight_state state_of(struct ag_seq *seq, const struct flight *flight)
{
    pthread_mutex_lock(&seq->signers.lock);
    enum flight_state state = flight->state;
    pthread_mutex_unlock(&seq->signers.lock);
    return state;
}

/* What could not be signed is tried again: the header is fixed, and others may be built on it. */
static enum ag_err sign_again(struct ag_seq *seq, struct flight *flight)
{
    ag_log(AG_LOG_ERROR, "batch.failed", ag_kv_u64("number", flight->number),
           ag_kv_err("error", flight->err),
           ag_kv_text("claim", flight->failed_claim == NULL ? "" : flight->failed_claim));
    enum ag_err_class class = ag_err_class(flight->err);
    bool is_ours = class == AG_CLASS_HOST || class == AG_CLASS_LIMIT;
    AG_ENSURE(is_ours && flight->attempts < ATTEMPTS_MAX, flight->err);
    ag_seq_signers_push(seq, flight);
    return AG_OK;
}

enum ag_err ag_seq_commit_ready(struct ag_seq *seq, bool *out_did_work)
{
    while (seq->flight_count != 0) {
        struct flight *flight = &seq->flights[seq->flight_first];
        if (state_of(seq, flight) != FLIGHT_DONE || ag_seq_mono_ms(seq) < seq->retry_at_ms) {
            return AG_OK;
        }
        if (flight->err != AG_OK) {
            return sign_again(seq, flight);
        }
        uint64_t start_ns = seq->host->monotonic_ns(seq->host->context);
        enum ag_err err = commit(seq, flight);
        if (ag_err_class(err) == AG_CLASS_LIMIT || err == AG_ERR_NO_MEMORY) {
            ag_log(AG_LOG_ERROR, "commit.postponed", ag_kv_u64("number", flight->number),
                   ag_kv_err("error", err));
            seq->retry_at_ms = ag_seq_mono_ms(seq) + RETRY_MS;
            return AG_OK;
        }
        AG_TRY(err);
        AG_TRY(settle(seq, flight));
        ag_metric_observe_us(AG_METRIC_COMMIT_US,
                             (seq->host->monotonic_ns(seq->host->context) - start_ns) / 1000u);
        seq->committed_time_ms = ag_batch_fields(flight->batch)->time_ms;
        seq->outbox_count++; /* the only sink of this version keeps what it is given */
        announce(seq, flight);
        ag_seq_flight_close(flight);
        seq->flight_first = (seq->flight_first + 1) % AG_LIMIT_BATCHES_IN_FLIGHT;
        seq->flight_count--;
        *out_did_work = true;
    }
    return AG_OK;
}
