/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "batch/batch_i.h"

void ag_batch_close(struct ag_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    ag_vec_close(&batch->header);
    ag_vec_close(&batch->entries);
    ag_vec_close(&batch->evidence);
    ag_vec_close(&batch->identity);
    ag_free(batch);
}

enum ag_batch_state ag_batch_state(const struct ag_batch *batch)
{
    return batch->state;
}

const struct ag_batch_header *ag_batch_fields(const struct ag_batch *batch)
{
    return &batch->fields;
}

const struct ag_hash *ag_batch_digest(const struct ag_batch *batch)
{
    return &batch->digest;
}

const struct ag_batch_file *ag_batch_parts(const struct ag_batch *batch)
{
    return &batch->file;
}

/* Both roots in one walk; `leaves` has room for twice `count`. */
static enum ag_err compute_roots(struct ag_batch_header *fields,
                                 const struct ag_batch_entry *entries, size_t count,
                                 struct ag_id *leaves)
{
    struct ag_id *outcomes = leaves + count;
    size_t tx_count = 0;

    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[AG_OUTCOME_SIZE];
        ag_outcome_encode(&entries[i].outcome, bytes);
        AG_TRY(ag_merkle_leaf(AG_ARRAY_VIEW(bytes), &outcomes[i]));
        if (entries[i].outcome.status == AG_OUTCOME_INCLUDED) {
            AG_TRY(ag_merkle_leaf(entries[i].payload, &leaves[tx_count++]));
        }
    }
    fields->tx_count = (uint32_t)tx_count;
    AG_TRY(ag_merkle_root(outcomes, count, &fields->receipt_root));
    return ag_merkle_root(leaves, tx_count, &fields->transaction_root);
}

static enum ag_err encode_all(struct ag_batch *batch, const struct ag_batch_entry *entries,
                              size_t count)
{
    size_t room = count == 0 ? 1 : count;
    struct ag_id *leaves AG_SCOPED(ag_free_cleanup) = ag_alloc_array(2 * room, sizeof(*leaves));
    AG_ENSURE(leaves != NULL, AG_ERR_NO_MEMORY);
    AG_TRY(compute_roots(&batch->fields, entries, count, leaves));

    for (size_t i = 0; i < count; i++) {
        AG_TRY(ag_batch_entry_encode(&entries[i], &batch->entries));
    }
    AG_TRY(ag_batch_header_encode(&batch->fields, &batch->header));
    return ag_batch_header_digest(ag_vec_view(&batch->header), &batch->digest);
}

enum ag_err ag_batch_build(const struct ag_batch_header *fields,
                           const struct ag_batch_entry *entries, size_t count,
                           struct ag_batch **out)
{
    AG_ENSURE(count == fields->admission_count && count <= AG_LIMIT_BATCH_TXS, AG_ERR_ARGUMENT);
    struct ag_batch *batch = ag_alloc(sizeof(*batch));
    AG_ENSURE(batch != NULL, AG_ERR_NO_MEMORY);
    ag_vec_init(&batch->header, AG_LIMIT_RECEIPT_BYTES);
    ag_vec_init(&batch->entries, AG_LIMIT_BATCH_FILE_BYTES);
    ag_vec_init(&batch->evidence, AG_LIMIT_EVIDENCE_BYTES * 2);
    ag_vec_init(&batch->identity, AG_LIMIT_BATCH_FILE_BYTES);
    batch->fields = *fields;

    enum ag_err err = encode_all(batch, entries, count);
    if (err != AG_OK) {
        ag_batch_close(batch);
        return err;
    }
    batch->file.header = ag_vec_view(&batch->header);
    batch->file.entries = ag_vec_view(&batch->entries);
    batch->file.entry_count = (uint32_t)count;
    batch->state = AG_BATCH_EXECUTED;
    *out = batch;
    return AG_OK;
}
