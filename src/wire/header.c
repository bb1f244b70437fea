/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

/* AGBH, the batch header, 409 bytes: the fields of struct ag_batch_header in their order. */

static enum ag_err check(const struct ag_batch_header *header, struct ag_fault *fault)
{
    if (header->number == 0) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "number");
    }
    if (header->order_mode < AG_ORDER_RISK_AWARE || header->order_mode > AG_ORDER_HYBRID) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "order_mode", AG_ORDER_HYBRID,
                              header->order_mode);
    }
    if (header->admission_count > AG_LIMIT_BATCH_TXS) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "admission_count", AG_LIMIT_BATCH_TXS,
                              header->admission_count);
    }
    if (header->first_admission > UINT64_MAX - header->admission_count) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "first_admission",
                              UINT64_MAX - header->admission_count, header->first_admission);
    }
    if (header->tx_count > header->admission_count) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "tx_count", header->admission_count,
                              header->tx_count);
    }
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        if (header->risk.category_bp[i] > 10000) {
            return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "risk.category_bp", 10000,
                                  header->risk.category_bp[i]);
        }
    }
    if (header->risk.global_bp > 10000) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "risk.global_bp", 10000,
                              header->risk.global_bp);
    }
    return AG_OK;
}

enum ag_err ag_batch_header_encode(const struct ag_batch_header *header, struct ag_vec *out)
{
    AG_TRY(check(header, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGBH", 1);
    ag_wr_u64(&wr, header->chain_id);
    ag_wr_u64(&wr, header->number);
    ag_wr_bytes(&wr, AG_VIEW(&header->parent));
    ag_wr_u64(&wr, header->time_ms);
    ag_wr_u64(&wr, header->key_epoch);
    ag_wr_bytes(&wr, AG_VIEW(&header->bundle_digest));
    ag_wr_u8(&wr, header->order_mode);
    ag_wr_u64(&wr, header->first_admission);
    ag_wr_u32(&wr, header->admission_count);
    ag_wr_u64(&wr, header->last_group);
    ag_wr_bytes(&wr, AG_VIEW(&header->last_group_digest));
    ag_wr_u32(&wr, header->tx_count);
    ag_wr_bytes(&wr, AG_VIEW(&header->transaction_root));
    ag_wr_bytes(&wr, AG_VIEW(&header->receipt_root));
    ag_wr_bytes(&wr, AG_VIEW(&header->state_root));
    ag_wr_bytes(&wr, AG_VIEW(&header->asset_root));
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        ag_wr_u16(&wr, header->risk.category_bp[i]);
    }
    ag_wr_u16(&wr, header->risk.global_bp);
    ag_wr_bytes(&wr, AG_VIEW(&header->checkpoint));
    return ag_wr_finish(&wr);
}

enum ag_err ag_batch_header_decode(struct ag_bytes in, struct ag_batch_header *out,
                                   struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_batch_header header = {0};

    ag_rd_magic(&rd, "AGBH", 1);
    header.chain_id = ag_rd_u64(&rd, "chain_id");
    header.number = ag_rd_u64(&rd, "number");
    header.parent = ag_rd_hash(&rd, "parent");
    header.time_ms = ag_rd_u64(&rd, "time_ms");
    header.key_epoch = ag_rd_u64(&rd, "key_epoch");
    header.bundle_digest = ag_rd_hash(&rd, "bundle_digest");
    header.order_mode = ag_rd_u8(&rd, "order_mode");
    header.first_admission = ag_rd_u64(&rd, "first_admission");
    header.admission_count = ag_rd_u32(&rd, "admission_count");
    header.last_group = ag_rd_u64(&rd, "last_group");
    header.last_group_digest = ag_rd_hash(&rd, "last_group_digest");
    header.tx_count = ag_rd_u32(&rd, "tx_count");
    header.transaction_root = ag_rd_id(&rd, "transaction_root");
    header.receipt_root = ag_rd_id(&rd, "receipt_root");
    header.state_root = ag_rd_id(&rd, "state_root");
    header.asset_root = ag_rd_id(&rd, "asset_root");
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        header.risk.category_bp[i] = ag_rd_u16(&rd, "risk.category_bp");
    }
    header.risk.global_bp = ag_rd_u16(&rd, "risk.global_bp");
    header.checkpoint = ag_rd_hash(&rd, "checkpoint");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check(&header, fault));

    *out = header;
    return AG_OK;
}

enum ag_err ag_batch_header_digest(struct ag_bytes encoding, struct ag_hash *out)
{
    return ag_hash_one(AG_TAG_BATCH, encoding, out);
}
