/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/verify.h"

#include <string.h>

/* The low 64 bits of a fee, or the largest 64-bit number: heads saturate in the same way. */
static uint64_t saturate(const struct ag_u256 *value)
{
    uint64_t low = 0;
    for (size_t i = 0; i < 24; i++) {
        if (value->bytes[i] != 0) {
            return UINT64_MAX;
        }
    }
    for (size_t i = 24; i < 32; i++) {
        low = low << 8 | value->bytes[i];
    }
    return low;
}

enum ag_err ag_verify_payload(const struct ag_head *head, uint8_t payload_kind,
                              struct ag_bytes payload, uint64_t chain_id, struct ag_eth_tx *out,
                              struct ag_fault *fault)
{
    if (payload_kind != head->payload_kind) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_MISMATCH, "payload_kind");
    }
    if (payload_kind != AG_PAYLOAD_ETHEREUM) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_KIND, "payload_kind");
    }
    AG_TRY(ag_eth_tx_decode(payload, chain_id, false, out, fault));

    uint8_t padded[32] = {0};
    memcpy(padded, out->sender.bytes, AG_ADDRESS_SIZE);
    if (head->sender.kind != AG_SENDER_SECP256K1 ||
        !ag_bytes_equal(AG_ARRAY_VIEW(head->sender.id), AG_ARRAY_VIEW(padded))) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_SENDER, "sender");
    }
    if (out->nonce != head->nonce) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_MISMATCH, "nonce", out->nonce, head->nonce);
    }
    if (out->gas != head->gas_limit) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_MISMATCH, "gas_limit", out->gas,
                              head->gas_limit);
    }
    /* A place is bought with the fee that the chain will collect, not with a number in a head. */
    uint64_t paid = saturate(&out->priority_fee);
    if (head->priority_fee > paid) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_FEE, "priority_fee", paid, head->priority_fee);
    }
    return AG_OK;
}

enum ag_err ag_verify_expiry(const struct ag_head *head, uint64_t time_ms)
{
    AG_ENSURE(head->expires_ms >= time_ms, AG_ERR_ENVELOPE_EXPIRED);
    return AG_OK;
}

/* ---- the nonce rule -------------------------------------------------------------------------- */

struct ag_nonce_rule {
    struct ag_lru *next; /* sender id -> the nonce that may come next */
};

struct next_nonce {
    uint64_t value;
    bool is_set;
};

enum ag_err ag_nonce_rule_open(size_t sender_count_max, struct ag_nonce_rule **out)
{
    struct ag_nonce_rule *rule = ag_alloc(sizeof(*rule));
    AG_ENSURE(rule != NULL, AG_ERR_NO_MEMORY);

    size_t capacity = sender_count_max == 0 ? 1 : sender_count_max;
    enum ag_err err = ag_lru_open(capacity, sizeof(struct next_nonce), 0, &rule->next);
    if (err != AG_OK) {
        ag_free(rule);
        return err;
    }
    *out = rule;
    return AG_OK;
}

void ag_nonce_rule_close(struct ag_nonce_rule *rule)
{
    if (rule == NULL) {
        return;
    }
    ag_lru_close(rule->next);
    ag_free(rule);
}

enum ag_err ag_nonce_rule_include(struct ag_nonce_rule *rule, const struct ag_head *head)
{
    struct ag_id key;
    memcpy(key.bytes, head->sender.id, sizeof(key.bytes));
    /* Both kinds of sender are hashes or addresses; the kind keeps them apart. */
    key.bytes[31] ^= head->sender.kind;

    struct next_nonce *next = ag_lru_insert(rule->next, &key);
    AG_ENSURE(!next->is_set || (next->value == head->nonce && next->value != 0),
              AG_ERR_ENVELOPE_NONCE);
    next->is_set = true;
    next->value = head->nonce + 1;
    return AG_OK;
}

enum ag_err ag_verify_empty_root(struct ag_id *out)
{
    return ag_merkle_root(NULL, 0, out);
}
