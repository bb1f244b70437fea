/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* One group on its way: what was accepted, and what will be written and promised. */
struct group {
    struct ag_submission **submissions; /* all of them */
    struct ag_admission *items;
    size_t count;
    size_t accepted_count;
    struct ag_admission_leaf *leaves; /* accepted ones, in admission order */
    struct ag_submission **accepted;
    struct ag_id *nodes; /* 3 * accepted_count: leaf hashes, then the tree */
    struct ag_tree tree;
    struct ag_group fields;
    struct ag_hash digest;
    uint8_t signature[AG_MLDSA87_SIGNATURE_SIZE];
};

static enum ag_err take_memory(struct ag_seq *seq, struct group *group)
{
    struct ag_arena *arena = &seq->scratch;
    void *memory = NULL;
    ag_arena_reset(arena);
    AG_TRY(ag_arena_take(arena, AG_LIMIT_GROUP_COUNT * sizeof(*group->submissions), &memory));
    group->submissions = memory;
    AG_TRY(ag_arena_take(arena, AG_LIMIT_GROUP_COUNT * sizeof(*group->items), &memory));
    group->items = memory;
    AG_TRY(ag_arena_take(arena, AG_LIMIT_GROUP_COUNT * sizeof(*group->leaves), &memory));
    group->leaves = memory;
    AG_TRY(ag_arena_take(arena, AG_LIMIT_GROUP_COUNT * sizeof(*group->accepted), &memory));
    group->accepted = memory;
    AG_TRY(ag_arena_take(arena, (size_t)3 * AG_LIMIT_GROUP_COUNT * sizeof(*group->nodes), &memory));
    group->nodes = memory;
    return AG_OK;
}

/* ---- the promise ----------------------------------------------------------------------------- */

static enum ag_err build_group(struct ag_seq *seq, struct group *group, uint64_t now_ms)
{
    const struct ag_meta *meta = &seq->anchored.meta;
    size_t count = group->accepted_count;

    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[AG_ADMISSION_LEAF_SIZE];
        ag_admission_leaf_encode(&group->leaves[i], bytes);
        AG_TRY(ag_merkle_leaf(AG_ARRAY_VIEW(bytes), &group->nodes[i]));
    }
    group->tree = (struct ag_tree){group->nodes + count, count};
    group->fields = (struct ag_group){
        .chain_id = meta->chain_id,
        .key_epoch = ag_keyring_epoch(seq->keyring),
        .bundle_digest = seq->identity.bundle_digest,
        .number = meta->last_group + 1,
        .previous = meta->last_group == 0 ? meta->genesis : meta->last_group_digest,
        .time_ms = now_ms,
        .first_admission = group->leaves[0].admission,
        .count = (uint32_t)count,
    };
    AG_TRY(ag_tree_build(&group->tree, group->nodes, count, &group->fields.root));

    struct ag_vec encoding AG_SCOPED(ag_vec_close);
    ag_vec_init(&encoding, 4096);
    AG_TRY(ag_group_encode(&group->fields, &encoding));
    AG_TRY(ag_group_digest(ag_vec_view(&encoding), &group->digest));
    return ag_keyring_sign(seq->keyring, AG_SIG_MLDSA87, AG_TAG_GROUP_MLDSA,
                           AG_VIEW(&group->digest),
                           (struct ag_buf){group->signature, sizeof(group->signature)});
}

/* Puts the group twice: whole into the spool until a batch covers it, and with ids in place of
 * envelopes, sealed, into `groups`, where its receipts can be asked for later. */
static enum ag_err put_group(struct ag_seq *seq, struct ag_store_tx *tx, const struct group *group,
                             bool is_whole)
{
    struct ag_vec encoding AG_SCOPED(ag_vec_close);
    struct ag_vec out AG_SCOPED(ag_vec_close);
    ag_vec_init(&encoding, 4096);
    ag_vec_init(&out, (size_t)AG_LIMIT_GROUP_BYTES * 2u);
    AG_TRY(ag_group_encode(&group->fields, &encoding));

    struct ag_spool_entry *entries AG_SCOPED(ag_free_cleanup) =
        ag_alloc_array(group->accepted_count, sizeof(*entries));
    AG_ENSURE(entries != NULL, AG_ERR_NO_MEMORY);
    for (size_t i = 0; i < group->accepted_count; i++) {
        entries[i].deadline_ms = group->leaves[i].deadline_ms;
        entries[i].envelope = is_whole ? ag_vec_view(&group->accepted[i]->envelope)
                                       : AG_VIEW(&group->leaves[i].envelope_id);
    }
    /* Nobody reads the signature again from the spool: the host need not see it there. */
    static const uint8_t no_signature[AG_MLDSA87_SIGNATURE_SIZE];
    const struct ag_spool_group spool = {
        .group = ag_vec_view(&encoding),
        .signature = is_whole ? AG_ARRAY_VIEW(no_signature) : AG_ARRAY_VIEW(group->signature),
        .count = (uint32_t)group->accepted_count,
    };
    AG_TRY(ag_spool_group_encode(&spool, entries, &out));

    if (!is_whole) {
        return ag_seq_put_group(seq, tx, group->fields.number, ag_vec_view(&out));
    }
    /* The spool is keyed by its last admission: what a batch covers is a prefix of the table. */
    struct ag_store_u64 key = ag_store_u64(group->fields.first_admission + group->fields.count - 1);
    return ag_store_put_append(tx, AG_TABLE_SPOOL, AG_VIEW(&key), ag_vec_view(&out));
}

static enum ag_err put_all(struct ag_seq *seq, struct ag_store_tx *tx, const struct group *group,
                           struct anchored *next)
{
    struct ag_vec records AG_SCOPED(ag_vec_close);
    ag_vec_init(&records, (size_t)AG_LIMIT_GROUP_COUNT * 2u * AG_REPLAY_RECORD_SIZE);
    AG_TRY(put_group(seq, tx, group, true));
    AG_TRY(put_group(seq, tx, group, false));
    AG_TRY(ag_mempool_replay_export(seq->mempool, &records));
    AG_TRY(ag_seq_replay_add(seq, tx, ag_vec_view(&records), &next->replay));

    next->meta.last_group = group->fields.number;
    next->meta.last_group_digest = group->digest;
    next->meta.next_admission = group->fields.first_admission + group->fields.count;
    return AG_OK;
}

static enum ag_err write_group(struct ag_seq *seq, const struct group *group)
{
    struct anchored next = seq->anchored;
    struct ag_store_tx *tx = NULL;
    AG_FAILPOINT("admit.before_write", AG_ERR_STORE_FULL);
    if (seq->is_anchor_open) {
        AG_TRY(ag_seq_anchor_again(seq));
        next = seq->anchored;
    }
    AG_TRY(ag_store_begin(seq->store, &tx));
    enum ag_err err = put_all(seq, tx, group, &next);
    if (err != AG_OK) {
        ag_store_abort(tx);
        return err;
    }
    return ag_seq_anchored_commit(seq, tx, &next);
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum ag_err make_receipt(const struct group *group, size_t index, struct ag_vec *out)
{
    struct ag_admission_receipt receipt = {
        .group = group->fields,
        .leaf = group->leaves[index],
        .signature = AG_ARRAY_VIEW(group->signature),
    };
    AG_TRY(ag_tree_prove(&group->tree, index, &receipt.proof));
    return ag_admission_receipt_encode(&receipt, out);
}

static void promise(struct ag_seq *seq, struct group *group)
{
    ag_mempool_confirm(seq->mempool);
    pthread_mutex_lock(&seq->lock);
    for (size_t i = 0; i < group->accepted_count; i++) {
        struct pending *pending = ag_lru_insert(seq->pending, &group->leaves[i].envelope_id);
        pending->admission = group->leaves[i].admission;
        pending->group = group->fields.number;
        pending->leaf = (uint32_t)i;
    }
    pthread_mutex_unlock(&seq->lock);
    for (size_t i = 0; i < group->accepted_count; i++) {
        struct ag_submission *submission = group->accepted[i];
        /* Without memory for the receipt the promise still stands: it can be asked for later. */
        submission->result = make_receipt(group, i, &submission->receipt);
    }
    ag_metric_add(AG_METRIC_ADMITTED, group->accepted_count);
    ag_metric_add(AG_METRIC_GROUPS, 1);
}

static void count_refusal(enum ag_err err)
{
    switch (ag_err_class(err)) {
    case AG_CLASS_LIMIT:
    case AG_CLASS_HOST:
        ag_metric_add(AG_METRIC_REFUSED_LIMIT, 1);
        break;
    case AG_CLASS_DENIED:
        ag_metric_add(AG_METRIC_REFUSED_DENIED, 1);
        break;
    case AG_CLASS_INPUT:
    case AG_CLASS_UNSUPPORTED:
    case AG_CLASS_CORRUPT:
        ag_metric_add(AG_METRIC_REFUSED_INPUT, 1);
        break;
    case AG_CLASS_OK:
        break;
    }
}

static void refuse_all(struct group *group, enum ag_err err)
{
    for (size_t i = 0; i < group->accepted_count; i++) {
        group->accepted[i]->result = err;
    }
}

static void answer_all(struct ag_seq *seq, struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        count_refusal(group->submissions[i]->result);
        ag_seq_answer(seq, group->submissions[i]);
    }
}

/* ---- the group ------------------------------------------------------------------------------- */

static void read_results(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct ag_submission *submission = group->submissions[i];
        const struct ag_admission *item = &group->items[i];
        submission->result = item->result;
        submission->fault = item->fault;
        submission->stamp_bits = item->stamp_bits;
        submission->envelope_id = item->envelope_id;
        if (item->result != AG_OK) {
            continue;
        }
        submission->admission = item->admission;
        submission->deadline_ms = item->deadline_ms;
        group->leaves[group->accepted_count] =
            (struct ag_admission_leaf){item->admission, item->envelope_id, item->deadline_ms};
        group->accepted[group->accepted_count++] = submission;
    }
}

static enum ag_err judge_group(struct ag_seq *seq, struct group *group, uint64_t now_ms)
{
    for (size_t i = 0; i < group->count; i++) {
        group->items[i] = (struct ag_admission){
            .bytes = ag_vec_view(&group->submissions[i]->envelope),
            .source = group->submissions[i]->source,
        };
    }
    uint64_t open_ns = seq->host->monotonic_ns(seq->host->context);
    AG_TRY(ag_mempool_admit(seq->mempool, seq->workers, group->items, group->count, now_ms));
    open_ns = seq->host->monotonic_ns(seq->host->context) - open_ns;
    ag_metric_observe_us(AG_METRIC_OPEN_HEAD_US, open_ns / 1000u / group->count);
    read_results(group);
    if (group->accepted_count == 0) {
        return AG_OK;
    }
    uint64_t start_ns = seq->host->monotonic_ns(seq->host->context);
    enum ag_err err = build_group(seq, group, now_ms);
    if (err == AG_OK) {
        err = write_group(seq, group);
    }
    if (err != AG_OK) {
        ag_mempool_revoke(seq->mempool);
        refuse_all(group, err);
        return err;
    }
    AG_FAILPOINT("admit.after_write", AG_ERR_IO);
    promise(seq, group);
    ag_metric_observe_us(AG_METRIC_GROUP_COMMIT_US,
                         (seq->host->monotonic_ns(seq->host->context) - start_ns) / 1000u);
    return AG_OK;
}

/* Whether the node may go on after this error: nothing was written, or nothing was wrong with
 * it. */
static bool is_survivable(enum ag_err err)
{
    return ag_err_class(err) == AG_CLASS_LIMIT || err == AG_ERR_NO_MEMORY ||
           err == AG_ERR_ENTROPY || err == AG_ERR_CRYPTO;
}

enum ag_err ag_seq_admit_group(struct ag_seq *seq, bool *out_did_work)
{
    struct group group = {0};
    if (ag_queue_count(seq->submissions) == 0) {
        return AG_OK;
    }
    if (take_memory(seq, &group) != AG_OK) {
        return AG_OK; /* nothing was taken from the queue: the next turn tries again */
    }
    void *items[AG_LIMIT_GROUP_COUNT];
    group.count = ag_queue_pop(seq->submissions, items, AG_LIMIT_GROUP_COUNT);
    for (size_t i = 0; i < group.count; i++) {
        group.submissions[i] = items[i];
        group.submissions[i]->result = AG_ERR_BUSY; /* what is not judged may be sent again */
    }
    if (group.count == 0) {
        return AG_OK;
    }
    *out_did_work = true;
    enum ag_err err = judge_group(seq, &group, ag_seq_now_ms(seq));
    if (err != AG_OK) {
        ag_log(AG_LOG_ERROR, "admit.failed", ag_kv_err("error", err),
               ag_kv_u64("envelopes", group.accepted_count));
        for (size_t i = 0; i < group.count && group.accepted_count == 0; i++) {
            group.submissions[i]->result = err;
        }
    }
    AG_FAILPOINT("admit.before_answer", AG_ERR_IO);
    answer_all(seq, &group);
    return is_survivable(err) ? AG_OK : err;
}
