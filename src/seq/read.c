/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* Everything here runs on the caller's thread over a read transaction of its own. */

void ag_seq_status(struct ag_seq *seq, struct ag_seq_status *out)
{
    pthread_mutex_lock(&seq->lock);
    *out = seq->status;
    pthread_mutex_unlock(&seq->lock);
    out->now_ms = ag_seq_now_ms(seq);
}

const char *ag_seq_state_name(enum ag_node_state state)
{
    static const char *const names[] = {"starting", "checking", "running",
                                        "draining", "stopped",  "refusing"};
    return (size_t)state < AG_COUNT(names) ? names[state] : "unknown";
}

static bool find_pending(struct ag_seq *seq, const struct ag_id *id, struct pending *out)
{
    pthread_mutex_lock(&seq->lock);
    const struct pending *pending = ag_lru_find(seq->pending, id);
    if (pending != NULL) {
        *out = *pending;
    }
    pthread_mutex_unlock(&seq->lock);
    return pending != NULL;
}

/* ---- batches --------------------------------------------------------------------------------- */

/* What is committed is not told before the counter has passed it: until then the host can take it
 * back. */
static uint64_t released(struct ag_seq *seq)
{
    pthread_mutex_lock(&seq->lock);
    uint64_t number = seq->released_number;
    pthread_mutex_unlock(&seq->lock);
    return number;
}

/* Opens one part of a batch; `*number` 0 becomes the newest. */
static enum ag_err load_part(struct ag_seq *seq, struct ag_store_tx *tx, uint64_t *number,
                             enum ag_seq_batch_part part, struct ag_arena *arena,
                             struct ag_bytes *out)
{
    uint64_t newest = released(seq);
    *number = *number == 0 ? newest : *number;
    AG_ENSURE(*number != 0 && *number <= newest, AG_ERR_BATCH_NUMBER);
    enum ag_err err = ag_seq_get_batch(seq, tx, *number, part, arena, out);
    AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_BATCH_NUMBER);
    return err;
}

/* Both signatures and the header. */
struct proof {
    struct ag_bytes header;
    struct ag_bytes mldsa87;
    struct ag_bytes slhdsa;
};

static enum ag_err load_proof(struct ag_seq *seq, struct ag_store_tx *tx, uint64_t number,
                              struct ag_arena *arena, struct proof *out)
{
    struct ag_bytes bytes;
    AG_TRY(load_part(seq, tx, &number, AG_SEQ_BATCH_PROOF, arena, &bytes));
    AG_ENSURE(bytes.size > AG_MLDSA87_SIGNATURE_SIZE + AG_SLHDSA_SIGNATURE_SIZE,
              AG_ERR_STORE_CORRUPT);
    out->mldsa87 = ag_bytes_head(bytes, AG_MLDSA87_SIGNATURE_SIZE);
    bytes = ag_bytes_tail(bytes, AG_MLDSA87_SIGNATURE_SIZE);
    out->slhdsa = ag_bytes_head(bytes, AG_SLHDSA_SIGNATURE_SIZE);
    out->header = ag_bytes_tail(bytes, AG_SLHDSA_SIGNATURE_SIZE);
    return AG_OK;
}

/* Room for the parts of a batch but its file. */
static void parts_arena_init(struct ag_arena *arena)
{
    ag_arena_init(arena,
                  AG_LIMIT_RECEIPT_BYTES + (size_t)AG_LIMIT_BATCH_TXS * AG_OUTCOME_SIZE + 4096u);
}

enum ag_err ag_seq_batch_header(struct ag_seq *seq, uint64_t number, struct ag_batch_header *out,
                                struct ag_hash *out_digest)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct proof proof;
    parts_arena_init(&arena);
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    AG_TRY(load_proof(seq, tx, number, &arena, &proof));
    AG_TRY(ag_batch_header_decode(proof.header, out, NULL));
    return ag_batch_header_digest(proof.header, out_digest);
}

/* In the store a batch names its bundle, evidence and collateral by digest: they are the same for
 * many batches. In a file they stand in full. */
static enum ag_err resolve(struct ag_store_tx *tx, struct ag_arena *arena, struct ag_bytes *part)
{
    struct ag_bytes stored;
    struct ag_bytes copy;
    struct ag_hash digest;
    enum ag_err err = ag_store_get(tx, AG_TABLE_COLLATERAL, *part, &stored);
    AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_STORE_CORRUPT);
    AG_TRY(err);
    /* These stand in clear: what is compared is our own copy. */
    AG_TRY(ag_arena_copy(arena, stored, &copy));
    AG_TRY(ag_hash_one(AG_TAG_COLLATERAL, copy, &digest));
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&digest), *part), AG_ERR_STORE_CORRUPT);
    *part = copy;
    return AG_OK;
}

enum ag_err ag_seq_batch_export(struct ag_seq *seq, uint64_t number, struct ag_vec *out)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_batch_file file;
    struct ag_bytes stored;
    ag_arena_init(&arena, AG_LIMIT_BATCH_FILE_BYTES + (size_t)8 * AG_LIMIT_COLLATERAL_PART_BYTES);
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    AG_TRY(load_part(seq, tx, &number, AG_SEQ_BATCH_FILE, &arena, &stored));
    AG_ENSURE(ag_batch_file_decode(stored, &file, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
    AG_TRY(resolve(tx, &arena, &file.bundle));
    AG_TRY(resolve(tx, &arena, &file.bundle_evidence));
    AG_TRY(resolve(tx, &arena, &file.collateral));
    return ag_batch_file_encode(&file, out);
}

static enum ag_err outcome_at(struct ag_bytes outcomes, size_t index, struct ag_outcome *out)
{
    AG_ENSURE(index < outcomes.size / AG_OUTCOME_SIZE, AG_ERR_STORE_CORRUPT);
    struct ag_bytes rest = ag_bytes_tail(outcomes, index * AG_OUTCOME_SIZE);
    AG_ENSURE(ag_outcome_decode(ag_bytes_head(rest, AG_OUTCOME_SIZE), out, NULL) == AG_OK,
              AG_ERR_STORE_CORRUPT);
    return AG_OK;
}

enum ag_err ag_seq_batch_outcomes(struct ag_seq *seq, uint64_t number, ag_seq_outcome_fn *each,
                                  void *context)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes outcomes;
    parts_arena_init(&arena);
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    AG_TRY(load_part(seq, tx, &number, AG_SEQ_BATCH_OUTCOMES, &arena, &outcomes));
    for (uint32_t i = 0; i < outcomes.size / AG_OUTCOME_SIZE; i++) {
        struct ag_outcome outcome;
        AG_TRY(outcome_at(outcomes, i, &outcome));
        AG_TRY(each(context, i, &outcome));
    }
    return AG_OK;
}

/* ---- one transaction ------------------------------------------------------------------------- */

static enum ag_err find_index(struct ag_seq *seq, struct ag_store_tx *tx, const struct ag_id *id,
                              struct ag_receipt_index *out)
{
    struct ag_bytes stored;
    AG_TRY(ag_store_get(tx, AG_TABLE_RECEIPTS, AG_VIEW(id), &stored));
    AG_ENSURE(ag_receipt_index_decode(stored, out, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
    AG_ENSURE(out->batch_number <= released(seq), AG_ERR_NOT_FOUND);
    return AG_OK;
}

/* The index stands in clear: whoever changes rows over must not have us answer for another. */
static enum ag_err check_subject(const struct ag_id *found, const struct ag_id *wanted)
{
    AG_ENSURE(ag_bytes_equal(AG_VIEW(found), AG_VIEW(wanted)), AG_ERR_STORE_CORRUPT);
    return AG_OK;
}

enum ag_err ag_seq_tx_status(struct ag_seq *seq, const struct ag_id *envelope_id,
                             struct ag_tx_status *out)
{
    struct ag_tx_status status = {0};
    struct pending pending;
    if (find_pending(seq, envelope_id, &pending)) {
        status.state = pending.is_planned ? AG_TX_PLANNED : AG_TX_ADMITTED;
        status.admission = pending.admission;
        *out = status;
        return AG_OK;
    }
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_receipt_index index;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes outcomes;
    parts_arena_init(&arena);
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    AG_TRY(find_index(seq, tx, envelope_id, &index));
    AG_TRY(load_part(seq, tx, &index.batch_number, AG_SEQ_BATCH_OUTCOMES, &arena, &outcomes));
    AG_TRY(outcome_at(outcomes, index.entry_index, &status.outcome));
    AG_TRY(check_subject(&status.outcome.envelope_id, envelope_id));
    status.state = AG_TX_COMMITTED;
    status.admission = index.admission;
    status.batch = index.batch_number;
    *out = status;
    return AG_OK;
}

/* A group as it stands in table `groups`: a spool group whose envelopes are their ids. */
static enum ag_err admission_receipt(struct ag_bytes stored, uint32_t leaf,
                                     const struct ag_id *envelope_id, struct ag_vec *out)
{
    struct ag_spool_group spool;
    struct ag_admission_receipt receipt = {0};
    AG_TRY(ag_spool_group_decode(stored, &spool, NULL));
    AG_TRY(ag_group_decode(spool.group, &receipt.group, NULL));
    AG_ENSURE(leaf < spool.count, AG_ERR_STORE_CORRUPT);

    struct ag_id *nodes AG_SCOPED(ag_free_cleanup) =
        ag_alloc_array(3 * (size_t)spool.count, sizeof(*nodes));
    AG_ENSURE(nodes != NULL, AG_ERR_NO_MEMORY);
    struct ag_id *leaves = nodes + 2 * (size_t)spool.count;
    struct ag_bytes rest = spool.entries;
    for (uint32_t i = 0; i < spool.count; i++) {
        struct ag_spool_entry entry;
        AG_TRY(ag_spool_entry_next(&rest, &entry, NULL));
        AG_ENSURE(entry.envelope.size == AG_ID_SIZE, AG_ERR_STORE_CORRUPT);
        struct ag_admission_leaf fields = {
            receipt.group.first_admission + i, {{0}}, entry.deadline_ms};
        memcpy(fields.envelope_id.bytes, entry.envelope.data, AG_ID_SIZE);
        uint8_t bytes[AG_ADMISSION_LEAF_SIZE];
        ag_admission_leaf_encode(&fields, bytes);
        AG_TRY(ag_merkle_leaf(AG_ARRAY_VIEW(bytes), &leaves[i]));
        if (i == leaf) {
            receipt.leaf = fields;
        }
    }
    AG_TRY(check_subject(&receipt.leaf.envelope_id, envelope_id));
    struct ag_tree tree = {nodes, spool.count};
    struct ag_id root;
    AG_TRY(ag_tree_build(&tree, leaves, spool.count, &root));
    AG_TRY(ag_tree_prove(&tree, leaf, &receipt.proof));
    receipt.signature = spool.signature;
    return ag_admission_receipt_encode(&receipt, out);
}

enum ag_err ag_seq_admission_receipt(struct ag_seq *seq, const struct ag_id *envelope_id,
                                     struct ag_vec *out)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_receipt_index index = {0};
    struct pending pending;
    bool is_pending = find_pending(seq, envelope_id, &pending);
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    if (is_pending) {
        index.group_number = pending.group;
        index.leaf_index = pending.leaf;
    } else {
        AG_TRY(find_index(seq, tx, envelope_id, &index));
    }
    struct ag_bytes stored;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    ag_arena_init(&arena, AG_LIMIT_GROUP_BYTES);
    AG_TRY(ag_seq_get_group(seq, tx, index.group_number, &arena, &stored));
    return admission_receipt(stored, index.leaf_index, envelope_id, out);
}

static enum ag_err outcome_receipt(const struct proof *proof, struct ag_bytes outcomes,
                                   uint32_t entry, const struct ag_id *envelope_id,
                                   struct ag_vec *out)
{
    struct ag_outcome_receipt receipt = {0};
    size_t count = outcomes.size / AG_OUTCOME_SIZE;
    struct ag_id *nodes AG_SCOPED(ag_free_cleanup) = ag_alloc_array(3 * count + 1, sizeof(*nodes));
    AG_ENSURE(nodes != NULL, AG_ERR_NO_MEMORY);
    struct ag_id *leaves = nodes + 2 * count;
    AG_TRY(outcome_at(outcomes, entry, &receipt.outcome));
    AG_TRY(check_subject(&receipt.outcome.envelope_id, envelope_id));
    for (size_t i = 0; i < count; i++) {
        struct ag_bytes rest = ag_bytes_tail(outcomes, i * AG_OUTCOME_SIZE);
        AG_TRY(ag_merkle_leaf(ag_bytes_head(rest, AG_OUTCOME_SIZE), &leaves[i]));
    }

    struct ag_tree tree = {nodes, count};
    struct ag_id root;
    AG_TRY(ag_tree_build(&tree, leaves, count, &root));
    AG_TRY(ag_tree_prove(&tree, entry, &receipt.proof));
    receipt.header = proof->header;
    receipt.mldsa87 = proof->mldsa87;
    receipt.slhdsa = proof->slhdsa;
    return ag_outcome_receipt_encode(&receipt, out);
}

enum ag_err ag_seq_outcome_receipt(struct ag_seq *seq, const struct ag_id *envelope_id,
                                   struct ag_vec *out)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_receipt_index index;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes outcomes;
    struct proof proof;
    parts_arena_init(&arena);
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    AG_TRY(find_index(seq, tx, envelope_id, &index));
    AG_TRY(load_part(seq, tx, &index.batch_number, AG_SEQ_BATCH_OUTCOMES, &arena, &outcomes));
    AG_TRY(load_proof(seq, tx, index.batch_number, &arena, &proof));
    return outcome_receipt(&proof, outcomes, index.entry_index, envelope_id, out);
}
