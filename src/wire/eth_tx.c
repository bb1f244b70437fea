/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/eth_i.h"

#include <string.h>

/* Hash, chain and sender of a parsed transaction, in the order that the door promises. */

/* V of a legacy transaction [EIP-155]: 27 or 28 without a chain, else 35 + 2 * chain_id + parity,
 * which needs up to 65 bits. */
static enum ag_err read_legacy_v(struct ag_eth_parsed *parsed, struct ag_fault *fault)
{
    struct ag_eth_tx *tx = &parsed->tx;
    uint64_t high = 0; /* all above the low 64 bits, saturated: only 0 and 1 matter */
    uint64_t low = 0;
    for (size_t i = 0; i < parsed->v.size; i++) {
        high = high >> 48 != 0 ? high : high << 8 | low >> 56;
        low = low << 8 | parsed->v.data[i];
    }
    if (high == 0 && (low == 27 || low == 28)) {
        tx->parity = (unsigned)(low - 27);
        return AG_OK;
    }
    if (high == 0 && low < 35) {
        return ag_fault_set(fault, AG_ERR_TX_SIGNATURE, "v");
    }
    high -= low < 35 ? 1 : 0;
    low -= 35;
    if (high > 1) {
        return ag_fault_set(fault, AG_ERR_TX_CHAIN, "v");
    }
    tx->parity = (unsigned)(low & 1);
    tx->has_chain_id = true;
    tx->chain_id = low >> 1 | high << 63;
    return AG_OK;
}

static enum ag_err check_chain(const struct ag_eth_tx *tx, uint64_t chain_id,
                               bool allow_unprotected, struct ag_fault *fault)
{
    if (!tx->has_chain_id) {
        return allow_unprotected ? AG_OK : ag_fault_set(fault, AG_ERR_TX_CHAIN, "chain_id");
    }
    if (tx->chain_id != chain_id) {
        return ag_fault_limit(fault, AG_ERR_TX_CHAIN, "chain_id", chain_id, tx->chain_id);
    }
    return AG_OK;
}

/* What was signed: the type, then a list of the items before the signature; after EIP-155 a legacy
 * transaction adds the chain id and two zeros. */
static enum ag_err hash_unsigned(const struct ag_eth_parsed *parsed, uint8_t out[32])
{
    const struct ag_eth_tx *tx = &parsed->tx;
    uint8_t chain[8 + 1 + 2];
    size_t tail_start = sizeof(chain);
    if (tx->type == AG_ETH_LEGACY && tx->has_chain_id) {
        chain[--tail_start] = 0x80;
        chain[--tail_start] = 0x80;
        size_t number_end = tail_start;
        for (uint64_t rest = tx->chain_id; rest != 0; rest >>= 8) {
            chain[--tail_start] = (uint8_t)rest;
        }
        if (tx->chain_id == 0 || tx->chain_id >= 0x80) {
            chain[tail_start - 1] = (uint8_t)(0x80 + (number_end - tail_start));
            tail_start--;
        }
    }
    size_t tail_size = sizeof(chain) - tail_start;
    uint8_t header[AG_RLP_HEADER_SIZE_MAX];
    size_t header_size = ag_wire_rlp_header(header, true, parsed->unsigned_fields.size + tail_size);

    const struct ag_bytes parts[4] = {
        {&tx->type, tx->type == AG_ETH_LEGACY ? 0 : 1},
        {header, header_size},
        parsed->unsigned_fields,
        {chain + tail_start, tail_size},
    };
    return ag_keccak256(parts, 4, out);
}

static enum ag_err recover_sender(struct ag_eth_parsed *parsed, struct ag_fault *fault)
{
    struct ag_eth_tx *tx = &parsed->tx;
    if (tx->type != AG_ETH_LEGACY) {
        if (parsed->v.size > 1 || (parsed->v.size == 1 && parsed->v.data[0] > 1)) {
            return ag_fault_set(fault, AG_ERR_TX_SIGNATURE, "parity");
        }
        tx->parity = parsed->v.size == 1 ? 1 : 0;
    }
    AG_TRY(hash_unsigned(parsed, tx->sighash));
    enum ag_err err =
        ag_secp256k1_recover(tx->sighash, tx->r, tx->s, tx->parity, true, &tx->sender);
    if (err == AG_ERR_SIGNATURE) {
        return ag_fault_set(fault, AG_ERR_TX_SIGNATURE, "signature");
    }
    return err;
}

enum ag_err ag_eth_tx_decode_under(enum ag_eth_rules rules, struct ag_bytes raw, uint64_t chain_id,
                                   bool allow_unprotected, struct ag_eth_tx *out,
                                   struct ag_fault *fault)
{
    struct ag_eth_parsed parsed;
    size_t size_max = rules == AG_ETH_RULES_FORM ? UINT32_MAX : (size_t)AG_LIMIT_TX_BYTES;
    if (raw.size > size_max) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "transaction", size_max, raw.size);
    }
    AG_TRY(ag_eth_parse(raw, &parsed, fault));
    if (parsed.tx.type == AG_ETH_LEGACY) {
        AG_TRY(read_legacy_v(&parsed, fault));
    }
    AG_TRY(check_chain(&parsed.tx, chain_id, allow_unprotected, fault));
    AG_TRY(recover_sender(&parsed, fault));
    AG_TRY(ag_keccak256(&raw, 1, parsed.tx.hash));
    if (rules == AG_ETH_RULES_OSAKA) {
        AG_TRY(ag_eth_check_osaka(&parsed, fault));
    }
    *out = parsed.tx;
    return AG_OK;
}

enum ag_err ag_eth_tx_decode(struct ag_bytes raw, uint64_t chain_id, bool allow_unprotected,
                             struct ag_eth_tx *out, struct ag_fault *fault)
{
    return ag_eth_tx_decode_under(AG_ETH_RULES_OSAKA, raw, chain_id, allow_unprotected, out, fault);
}

/* ---- making one ------------------------------------------------------------------------------ */

static enum ag_err put_unsigned(struct ag_vec *out, uint64_t chain_id, uint64_t nonce,
                                uint64_t priority_fee, uint64_t max_fee, uint64_t gas,
                                const struct ag_address *to, uint64_t value_wei,
                                struct ag_bytes data)
{
    AG_TRY(ag_rlp_put_u64(out, chain_id));
    AG_TRY(ag_rlp_put_u64(out, nonce));
    AG_TRY(ag_rlp_put_u64(out, priority_fee));
    AG_TRY(ag_rlp_put_u64(out, max_fee));
    AG_TRY(ag_rlp_put_u64(out, gas));
    AG_TRY(ag_rlp_put_string(out, to == NULL ? (struct ag_bytes){NULL, 0} : AG_VIEW(to)));
    AG_TRY(ag_rlp_put_u64(out, value_wei));
    AG_TRY(ag_rlp_put_string(out, data));
    return ag_rlp_put_list(out, 0); /* no access list */
}

/* Appends type | list(items). */
static enum ag_err put_typed(struct ag_vec *out, struct ag_bytes items)
{
    static const uint8_t type = AG_ETH_1559;
    AG_TRY(ag_vec_append(out, (struct ag_bytes){&type, 1}));
    AG_TRY(ag_rlp_put_list(out, items.size));
    return ag_vec_append(out, items);
}

static enum ag_err sign_items(const struct ag_secp256k1_key *key, struct ag_vec *items)
{
    uint8_t digest[32];
    uint8_t signature[AG_SECP256K1_SIGNATURE_SIZE];
    struct ag_vec unsigned_tx AG_SCOPED(ag_vec_close);
    ag_vec_init(&unsigned_tx, AG_LIMIT_TX_BYTES);
    AG_TRY(put_typed(&unsigned_tx, ag_vec_view(items)));
    struct ag_bytes text = ag_vec_view(&unsigned_tx);
    AG_TRY(ag_keccak256(&text, 1, digest));
    AG_TRY(ag_secp256k1_sign(key, digest, signature));
    AG_TRY(ag_rlp_put_u64(items, signature[64]));
    AG_TRY(ag_rlp_put_integer(items, ag_bytes_of(signature, 32)));
    return ag_rlp_put_integer(items, ag_bytes_of(signature + 32, 32));
}

enum ag_err ag_eth_tx_sign_1559(const struct ag_secp256k1_key *key, uint64_t chain_id,
                                uint64_t nonce, uint64_t priority_fee, uint64_t max_fee,
                                uint64_t gas, const struct ag_address *to, uint64_t value_wei,
                                struct ag_bytes data, struct ag_vec *out)
{
    struct ag_vec items AG_SCOPED(ag_vec_close);
    ag_vec_init(&items, AG_LIMIT_TX_BYTES);
    AG_TRY(put_unsigned(&items, chain_id, nonce, priority_fee, max_fee, gas, to, value_wei, data));
    AG_TRY(sign_items(key, &items));

    size_t start = out->size;
    enum ag_err err = put_typed(out, ag_vec_view(&items));
    if (err != AG_OK) {
        out->size = start;
    }
    return err;
}
