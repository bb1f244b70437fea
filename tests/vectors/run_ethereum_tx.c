/* SPDX-License-Identifier: Apache-2.0 */
#include "run_ethereum.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Transactions. A valid case must pass every rule of form and signature and give each field that
 * the case names; where the file or the case speaks of a fork, Osaka's fee and gas rules must
 * agree too. An invalid one must be refused by the strict decoder, and by form alone unless only a
 * rule of the fork is broken. */

static const char *layer_of(enum ag_err err)
{
    static const struct {
        enum ag_err err;
        const char *name;
    } layers[] = {
        {AG_ERR_RLP, "rlp"},
        {AG_ERR_TX_TYPE, "type"},
        {AG_ERR_TX_FIELD, "field"},
        {AG_ERR_TX_CHAIN, "chain"},
        {AG_ERR_TX_SIGNATURE, "signature"},
        {AG_ERR_TX_INTRINSIC, "intrinsic"},
    };
    for (size_t i = 0; i < AG_COUNT(layers); i++) {
        if (layers[i].err == err) {
            return layers[i].name;
        }
    }
    return NULL;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* Compares with the case's text if it names the field. */
static bool same_text(struct run_context *context, const char *key, const char *got)
{
    const char *wanted = rsp_get(context->one, key);
    if (wanted != NULL && strcmp(wanted, got) != 0) {
        return run_fail(context, "%s is %s, wanted %s", key, got, wanted);
    }
    return true;
}

static bool same_number(struct run_context *context, const char *key, uint64_t got)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, got);
    return same_text(context, key, text);
}

static bool same_bytes(struct run_context *context, const char *key, struct ag_bytes got)
{
    char text[2 * 64 + 1];
    AG_ASSERT(got.size <= 64);
    ag_hex_encode(got, text);
    return same_text(context, key, text);
}

/* Big-endian hex without leading zero bytes; zero is 00. */
static bool same_amount(struct run_context *context, const char *key, const struct ag_u256 *got)
{
    struct ag_bytes bytes = AG_VIEW(got);
    while (bytes.size > 1 && bytes.data[0] == 0) {
        bytes = ag_bytes_tail(bytes, 1);
    }
    return same_bytes(context, key, bytes);
}

static bool same_chain(struct run_context *context, const struct ag_eth_tx *tx)
{
    return tx->has_chain_id ? same_number(context, "chain_id", tx->chain_id)
                            : same_text(context, "chain_id", "");
}

static bool same_fields(struct run_context *context, const struct ag_eth_tx *tx)
{
    char counts[48];
    (void)snprintf(counts, sizeof(counts), "%" PRIu32 " %" PRIu32, tx->access_addresses,
                   tx->access_keys);
    bool is_same = same_number(context, "type", tx->type);
    is_same &= same_chain(context, tx);
    is_same &= same_number(context, "nonce", tx->nonce);
    is_same &= same_number(context, "gas", tx->gas);
    is_same &= same_amount(context, "fee", &tx->max_fee);
    is_same &= same_amount(context, "priority", &tx->priority_fee);
    is_same &=
        same_bytes(context, "to", tx->has_to ? AG_VIEW(&tx->to) : (struct ag_bytes){NULL, 0});
    is_same &= same_amount(context, "value", &tx->value);
    is_same &= same_number(context, "data_length", tx->data.size);
    is_same &= same_text(context, "access_list", counts);
    is_same &= same_amount(context, "blob_fee", &tx->blob_fee);
    is_same &= same_number(context, "blobs", tx->blob_count);
    is_same &= same_number(context, "authorizations", tx->authorization_count);
    is_same &= same_number(context, "intrinsic_gas", ag_eth_tx_intrinsic_gas(tx));
    is_same &= same_bytes(context, "sighash", AG_ARRAY_VIEW(tx->sighash));
    is_same &= same_bytes(context, "hash", AG_ARRAY_VIEW(tx->hash));
    is_same &= same_bytes(context, "sender", AG_VIEW(&tx->sender));
    return is_same;
}

/* ---- valid ----------------------------------------------------------------------------------- */

/* The same bytes must not pass for another chain, nor unprotected where that is not allowed. */
static bool is_bound_to_chain(struct run_context *context, struct ag_bytes raw,
                              const struct ag_eth_tx *tx)
{
    struct ag_eth_tx other;
    enum ag_err err =
        ag_eth_tx_decode_under(AG_ETH_RULES_FORM, raw, tx->chain_id + 1, false, &other, NULL);
    return err == AG_ERR_TX_CHAIN ||
           run_fail(context, "for another chain: %s, wanted TX_CHAIN", ag_err_name(err));
}

static bool keeps_osaka(struct run_context *context, struct ag_bytes raw, uint64_t chain_id)
{
    struct ag_eth_tx tx;
    struct ag_fault fault = {0};
    enum ag_err err = ag_eth_tx_decode(raw, chain_id, true, &tx, &fault);
    if (rsp_get(context->one, "osaka") != NULL) {
        return err == AG_ERR_TX_INTRINSIC ||
               run_fail(context, "under Osaka: %s, wanted TX_INTRINSIC", ag_err_name(err));
    }
    bool is_asked = rsp_get(context->one, "fork") != NULL ||
                    strstr(context->comments, "rules of Osaka") != NULL;
    if (err == AG_OK) {
        return true;
    }
    /* Beyond TX_BYTES nothing reaches us: no client's pool takes it. */
    if (!is_asked || err == AG_ERR_WIRE_LIMIT) {
        context->is_older = true;
        return err == AG_ERR_TX_INTRINSIC || err == AG_ERR_WIRE_LIMIT ||
               run_fail(context, "under Osaka: %s (%s)", ag_err_name(err), fault.field);
    }
    return run_fail(context, "under Osaka: %s (%s)", ag_err_name(err), fault.field);
}

static bool run_valid(struct run_context *context, struct ag_bytes raw, uint64_t chain_id)
{
    struct ag_eth_tx tx;
    struct ag_fault fault = {0};
    enum ag_err err = ag_eth_tx_decode_under(AG_ETH_RULES_FORM, raw, chain_id, true, &tx, &fault);
    if (err != AG_OK) {
        return run_fail(context, "refused: %s (%s)", ag_err_name(err),
                        fault.field == NULL ? "?" : fault.field);
    }
    bool is_good = same_fields(context, &tx);
    is_good = is_bound_to_chain(context, raw, &tx) && is_good;
    return keeps_osaka(context, raw, chain_id) && is_good;
}

/* ---- invalid --------------------------------------------------------------------------------- */

static bool run_invalid(struct run_context *context, struct ag_bytes raw, uint64_t chain_id)
{
    struct ag_eth_tx tx;
    struct ag_fault fault = {0};
    const char *wanted = rsp_get(context->one, "layer");
    enum ag_err err = ag_eth_tx_decode(raw, chain_id, true, &tx, &fault);
    if (err == AG_OK) {
        return run_fail(context, "accepted");
    }
    const char *got = layer_of(err);
    if (got == NULL || fault.field == NULL || fault.err != err) {
        return run_fail(context, "refused with %s, which names no layer or no field",
                        ag_err_name(err));
    }
    bool is_intrinsic = wanted != NULL && strcmp(wanted, "intrinsic") == 0;
    if (!is_intrinsic &&
        ag_eth_tx_decode_under(AG_ETH_RULES_FORM, raw, chain_id, true, &tx, NULL) == AG_OK) {
        return run_fail(context, "accepted by form");
    }
    if (wanted != NULL && strcmp(wanted, got) != 0) {
        context->has_other_layer = true;
        run_note(context, "refused at layer %s (%s), the case names %s", got, fault.field, wanted);
    }
    return true;
}

/* Without one of its own a case is for the chain that the head of its file names, else for 1. */
static uint64_t chain_of(const struct run_context *context)
{
    static const char word[] = "chain ";
    uint64_t chain_id = 1;
    if (rsp_u64(context->one, "chain_id", &chain_id)) {
        return chain_id;
    }
    const char *found = strstr(context->comments, word);
    if (found != NULL) {
        const char *digits = found + sizeof(word) - 1;
        size_t length = strspn(digits, "0123456789");
        if (ag_u64_parse(digits, length, false, &chain_id) != AG_OK) {
            return 1;
        }
    }
    return chain_id;
}

bool run_tx(struct run_context *context)
{
    struct ag_bytes raw;
    const char *result = rsp_get(context->one, "result");
    if (!rsp_hex(context->one, "tx", context->arena, &raw)) {
        return run_fail(context, "tx is not hex");
    }
    uint64_t chain_id = chain_of(context);
    if (result == NULL || strcmp(result, "valid") == 0) {
        return run_valid(context, raw, chain_id);
    }
    if (strcmp(result, "invalid") == 0) {
        return run_invalid(context, raw, chain_id);
    }
    return run_fail(context, "result %s is neither valid nor invalid", result);
}
