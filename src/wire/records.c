/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

/* Records of the store: AGME meta, AGOB outbox entry, AGBI batch index, AGRI receipt index. */

static enum ag_err check_meta(const struct ag_meta *meta, struct ag_fault *fault)
{
    if (meta->store_format == 0) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "meta.store_format");
    }
    if (meta->first_unbatched > meta->next_admission) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "meta.first_unbatched",
                              meta->next_admission, meta->first_unbatched);
    }
    return AG_OK;
}

enum ag_err ag_meta_encode(const struct ag_meta *meta, struct ag_vec *out)
{
    AG_TRY(check_meta(meta, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGME", 1);
    ag_wr_u16(&wr, meta->store_format);
    ag_wr_u64(&wr, meta->chain_id);
    ag_wr_bytes(&wr, AG_VIEW(&meta->genesis));
    ag_wr_u64(&wr, meta->head_number);
    ag_wr_bytes(&wr, AG_VIEW(&meta->head_digest));
    ag_wr_u64(&wr, meta->next_admission);
    ag_wr_u64(&wr, meta->last_group);
    ag_wr_bytes(&wr, AG_VIEW(&meta->last_group_digest));
    ag_wr_u64(&wr, meta->first_unbatched);
    ag_wr_u64(&wr, meta->key_epoch);
    ag_wr_u64(&wr, meta->anchor_counter);
    return ag_wr_finish(&wr);
}

enum ag_err ag_meta_decode(struct ag_bytes in, struct ag_meta *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_meta meta = {0};

    ag_rd_magic(&rd, "AGME", 1);
    meta.store_format = ag_rd_u16(&rd, "meta.store_format");
    meta.chain_id = ag_rd_u64(&rd, "meta.chain_id");
    meta.genesis = ag_rd_hash(&rd, "meta.genesis");
    meta.head_number = ag_rd_u64(&rd, "meta.head_number");
    meta.head_digest = ag_rd_hash(&rd, "meta.head_digest");
    meta.next_admission = ag_rd_u64(&rd, "meta.next_admission");
    meta.last_group = ag_rd_u64(&rd, "meta.last_group");
    meta.last_group_digest = ag_rd_hash(&rd, "meta.last_group_digest");
    meta.first_unbatched = ag_rd_u64(&rd, "meta.first_unbatched");
    meta.key_epoch = ag_rd_u64(&rd, "meta.key_epoch");
    meta.anchor_counter = ag_rd_u64(&rd, "meta.anchor_counter");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check_meta(&meta, fault));

    *out = meta;
    return AG_OK;
}

enum ag_err ag_outbox_entry_encode(const struct ag_outbox_entry *entry, struct ag_vec *out)
{
    AG_ENSURE(entry->batch_number != 0, AG_ERR_WIRE_VALUE);
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGOB", 1);
    ag_wr_u64(&wr, entry->batch_number);
    ag_wr_bytes(&wr, AG_VIEW(&entry->header_digest));
    ag_wr_u64(&wr, entry->created_ms);
    ag_wr_u32(&wr, entry->attempts);
    return ag_wr_finish(&wr);
}

enum ag_err ag_outbox_entry_decode(struct ag_bytes in, struct ag_outbox_entry *out,
                                   struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_outbox_entry entry = {0};

    ag_rd_magic(&rd, "AGOB", 1);
    entry.batch_number = ag_rd_u64(&rd, "outbox.batch_number");
    entry.header_digest = ag_rd_hash(&rd, "outbox.header_digest");
    entry.created_ms = ag_rd_u64(&rd, "outbox.created_ms");
    entry.attempts = ag_rd_u32(&rd, "outbox.attempts");
    if (ag_rd_is_ok(&rd) && entry.batch_number == 0) {
        ag_rd_refuse(&rd, AG_ERR_WIRE_VALUE, "outbox.batch_number");
    }
    AG_TRY(ag_rd_finish(&rd, fault));

    *out = entry;
    return AG_OK;
}

enum ag_err ag_batch_index_encode(const struct ag_batch_index *index, struct ag_vec *out)
{
    struct ag_batch_header header;
    AG_TRY(ag_batch_header_decode(index->header, &header, NULL));
    AG_ENSURE(index->tx_count == header.tx_count, AG_ERR_WIRE_VALUE);

    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGBI", 1);
    ag_wr_bytes(&wr, index->header);
    ag_wr_u64(&wr, index->committed_ms);
    return ag_wr_finish(&wr);
}

enum ag_err ag_batch_index_decode(struct ag_bytes in, struct ag_batch_index *out,
                                  struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_batch_index index = {0};
    struct ag_batch_header header;

    ag_rd_magic(&rd, "AGBI", 1);
    index.header = ag_rd_fixed(&rd, AG_BATCH_HEADER_SIZE, "index.header");
    index.committed_ms = ag_rd_u64(&rd, "index.committed_ms");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(ag_batch_header_decode(index.header, &header, fault));
    index.tx_count = header.tx_count;

    *out = index;
    return AG_OK;
}

static enum ag_err check_receipt_index(const struct ag_receipt_index *index, struct ag_fault *fault)
{
    if (index->group_number == 0) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "index.group_number");
    }
    if (index->leaf_index >= AG_LIMIT_GROUP_COUNT) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "index.leaf_index",
                              AG_LIMIT_GROUP_COUNT - 1, index->leaf_index);
    }
    if (index->entry_index >= AG_LIMIT_BATCH_TXS) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "index.entry_index", AG_LIMIT_BATCH_TXS - 1,
                              index->entry_index);
    }
    if (index->batch_number == 0 && index->entry_index != 0) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "index.entry_index");
    }
    return AG_OK;
}

enum ag_err ag_receipt_index_encode(const struct ag_receipt_index *index, struct ag_vec *out)
{
    AG_TRY(check_receipt_index(index, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGRI", 1);
    ag_wr_u64(&wr, index->admission);
    ag_wr_u64(&wr, index->group_number);
    ag_wr_u32(&wr, index->leaf_index);
    ag_wr_u64(&wr, index->batch_number);
    ag_wr_u32(&wr, index->entry_index);
    return ag_wr_finish(&wr);
}

enum ag_err ag_receipt_index_decode(struct ag_bytes in, struct ag_receipt_index *out,
                                    struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_receipt_index index = {0};

    ag_rd_magic(&rd, "AGRI", 1);
    index.admission = ag_rd_u64(&rd, "index.admission");
    index.group_number = ag_rd_u64(&rd, "index.group_number");
    index.leaf_index = ag_rd_u32(&rd, "index.leaf_index");
    index.batch_number = ag_rd_u64(&rd, "index.batch_number");
    index.entry_index = ag_rd_u32(&rd, "index.entry_index");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check_receipt_index(&index, fault));

    *out = index;
    return AG_OK;
}
