/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

#include <string.h>

const uint16_t ag_head_classes[AG_HEAD_CLASS_COUNT] = {256, 768};
_Static_assert(AG_HEAD_SIZE_MAX <= 768, "the largest head fits the largest class");
_Static_assert(AG_HEAD_ASSETS_MAX == AG_LIMIT_HEAD_ASSETS, "one number in two headers");
_Static_assert(AG_OPERATION_SIZE_MAX == AG_LIMIT_OPERATION_BYTES, "one number in two headers");

static bool is_operation(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i];
        bool is_letter = c >= 'a' && c <= 'z';
        bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && c != '_' && c != '.') {
            return false;
        }
    }
    return true;
}

static enum ag_err check_sender(const struct ag_sender *sender, struct ag_fault *fault)
{
    if (sender->kind != AG_SENDER_SECP256K1 && sender->kind != AG_SENDER_MLDSA87) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "sender.kind", AG_SENDER_MLDSA87,
                              sender->kind);
    }
    struct ag_bytes tail = ag_bytes_tail(AG_ARRAY_VIEW(sender->id), AG_ADDRESS_SIZE);
    if (sender->kind == AG_SENDER_SECP256K1 && !ag_bytes_is_zero(tail)) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "sender.id");
    }
    return AG_OK;
}

static enum ag_err check_assets(const struct ag_head *head, struct ag_fault *fault)
{
    if (head->asset_count > AG_HEAD_ASSETS_MAX) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "asset count", AG_HEAD_ASSETS_MAX,
                              head->asset_count);
    }
    for (size_t i = 1; i < head->asset_count; i++) {
        if (ag_bytes_compare(AG_VIEW(&head->assets[i - 1]), AG_VIEW(&head->assets[i])) >= 0) {
            return ag_fault_set(fault, AG_ERR_WIRE_ORDER, "assets");
        }
    }
    return AG_OK;
}

static enum ag_err check(const struct ag_head *head, struct ag_fault *fault)
{
    AG_TRY(check_sender(&head->sender, fault));
    if (head->declared_risk_bp > 10000) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "declared_risk_bp", 10000,
                              head->declared_risk_bp);
    }
    if (head->payload_kind < AG_PAYLOAD_ETHEREUM || head->payload_kind > AG_PAYLOAD_MIGRATION) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "payload_kind", AG_PAYLOAD_MIGRATION,
                              head->payload_kind);
    }
    if (head->operation_size > AG_OPERATION_SIZE_MAX) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "operation", AG_OPERATION_SIZE_MAX,
                              head->operation_size);
    }
    if (!is_operation(head->operation, head->operation_size)) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "operation");
    }
    return check_assets(head, fault);
}

enum ag_err ag_head_encode(const struct ag_head *head, struct ag_vec *out)
{
    AG_TRY(check(head, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_reserve(&wr, AG_HEAD_SIZE_MAX);
    ag_wr_u16(&wr, 1);
    ag_wr_u64(&wr, head->chain_id);
    ag_wr_u64(&wr, head->key_epoch);
    ag_wr_u8(&wr, head->sender.kind);
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(head->sender.id));
    ag_wr_u64(&wr, head->nonce);
    ag_wr_u64(&wr, head->priority_fee);
    ag_wr_u64(&wr, head->expires_ms);
    ag_wr_u64(&wr, head->gas_limit);
    ag_wr_u8(&wr, head->requires_migration ? 1 : 0);
    ag_wr_u16(&wr, head->declared_risk_bp);
    ag_wr_u8(&wr, head->payload_kind);
    ag_wr_bytes(&wr, AG_VIEW(&head->contract));
    ag_wr_bytes8(&wr, ag_bytes_of(head->operation, head->operation_size), AG_OPERATION_SIZE_MAX);
    ag_wr_u8(&wr, head->asset_count);
    for (size_t i = 0; i < head->asset_count; i++) {
        ag_wr_bytes(&wr, AG_VIEW(&head->assets[i]));
    }
    ag_wr_bytes(&wr, AG_VIEW(&head->body_id));
    return ag_wr_finish(&wr);
}

static void read_fields(struct ag_rd *rd, struct ag_head *head)
{
    ag_rd_version(rd, 1, "head version");
    head->chain_id = ag_rd_u64(rd, "chain_id");
    head->key_epoch = ag_rd_u64(rd, "key_epoch");
    head->sender.kind = ag_rd_u8(rd, "sender.kind");
    ag_rd_copy(rd, head->sender.id, sizeof(head->sender.id), "sender.id");
    head->nonce = ag_rd_u64(rd, "nonce");
    head->priority_fee = ag_rd_u64(rd, "priority_fee");
    head->expires_ms = ag_rd_u64(rd, "expires_ms");
    head->gas_limit = ag_rd_u64(rd, "gas_limit");
    head->requires_migration = ag_rd_bool(rd, "requires_migration");
    head->declared_risk_bp = ag_rd_u16(rd, "declared_risk_bp");
    head->payload_kind = ag_rd_u8(rd, "payload_kind");
    head->contract = ag_rd_id(rd, "contract");
    struct ag_bytes operation = ag_rd_bytes8(rd, AG_OPERATION_SIZE_MAX, "operation");
    if (operation.size != 0) {
        memcpy(head->operation, operation.data, operation.size);
        head->operation_size = (uint8_t)operation.size;
    }
    head->asset_count = ag_rd_u8(rd, "asset count");
    if (head->asset_count > AG_HEAD_ASSETS_MAX) {
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_LIMIT, "asset count", AG_HEAD_ASSETS_MAX,
                           head->asset_count);
    }
    for (size_t i = 0; i < head->asset_count && ag_rd_is_ok(rd); i++) {
        head->assets[i] = ag_rd_id(rd, "assets");
    }
    head->body_id = ag_rd_id(rd, "body_id");
}

enum ag_err ag_head_decode(struct ag_bytes in, struct ag_head *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_head head = {0};
    read_fields(&rd, &head);
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check(&head, fault));
    *out = head;
    return AG_OK;
}

enum ag_err ag_head_decode_padded(struct ag_bytes in, struct ag_head *out, size_t *out_size,
                                  struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_head head = {0};
    read_fields(&rd, &head);
    AG_TRY(ag_rd_finish_item(&rd, fault));
    AG_TRY(check(&head, fault));

    size_t used = in.size - rd.rest.size;
    size_t class_size = 0;
    AG_TRY(ag_wire_class_of(AG_WIRE_HEAD_CLASSES, used, NULL, &class_size));
    if (in.size != class_size) {
        return ag_fault_limit(fault, AG_ERR_WIRE_PADDING, "head class", class_size, in.size);
    }
    if (!ag_bytes_is_zero(rd.rest)) {
        return ag_fault_set(fault, AG_ERR_WIRE_PADDING, "head padding");
    }
    *out = head;
    *out_size = used;
    return AG_OK;
}

enum ag_err ag_head_id(struct ag_bytes encoding, struct ag_id *out)
{
    return ag_hash_id(AG_TAG_HEAD, encoding, out);
}
