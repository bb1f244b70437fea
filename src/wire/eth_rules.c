/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/eth_i.h"

#include <string.h>

/* What a transaction must keep before any state is looked at, as of Osaka. */

enum {
    GAS_TX = 21000,
    GAS_CREATE = 32000,         /* [EIP-2] */
    GAS_TOKEN = 4,              /* [EIP-2028]: 4 for a zero byte, 16 for another */
    GAS_FLOOR_TOKEN = 10,       /* [EIP-7623] */
    GAS_ACCESS_ADDRESS = 2400,  /* [EIP-2930] */
    GAS_ACCESS_KEY = 1900,      /* [EIP-2930] */
    GAS_AUTHORIZATION = 25000,  /* [EIP-7702] PER_EMPTY_ACCOUNT_COST */
    GAS_INIT_CODE_WORD = 2,     /* [EIP-3860] */
    INIT_CODE_SIZE_MAX = 49152, /* [EIP-3860] */
    TX_GAS_MAX = 16777216,      /* [EIP-7825] 2^24 */
    BLOBS_MAX = 6,              /* [EIP-7594] in one transaction */
};

static enum ag_err refuse(struct ag_fault *fault, const char *field, uint64_t limit, uint64_t got)
{
    return ag_fault_limit(fault, AG_ERR_TX_INTRINSIC, field, limit, got);
}

/* Whether fee * gas fits 256 bits. With gas at most 2^24 a limb's product and its carry fit 64. */
static bool is_product_small(const struct ag_u256 *fee, uint64_t gas)
{
    uint64_t carry = 0;
    for (size_t limb = 0; limb < 8; limb++) {
        const uint8_t *at = fee->bytes + 28 - 4 * limb;
        uint64_t value =
            (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
        carry = (value * gas + carry) >> 32;
    }
    return carry == 0;
}

/* Of the call data: a token for a zero byte, four for another. */
static uint64_t count_tokens(struct ag_bytes data)
{
    uint64_t tokens = 0;
    for (size_t i = 0; i < data.size; i++) {
        tokens += data.data[i] == 0 ? 1 : 4;
    }
    return tokens;
}

uint64_t ag_eth_tx_intrinsic_gas(const struct ag_eth_tx *tx)
{
    uint64_t gas = GAS_TX + GAS_TOKEN * count_tokens(tx->data);
    gas += (uint64_t)tx->access_addresses * GAS_ACCESS_ADDRESS;
    gas += (uint64_t)tx->access_keys * GAS_ACCESS_KEY;
    gas += (uint64_t)tx->authorization_count * GAS_AUTHORIZATION;
    if (!tx->has_to) {
        gas += GAS_CREATE + GAS_INIT_CODE_WORD * ((tx->data.size + 31) / 32);
    }
    return gas;
}

static enum ag_err check_gas(const struct ag_eth_tx *tx, struct ag_fault *fault)
{
    uint64_t least = ag_eth_tx_intrinsic_gas(tx);
    if (tx->gas < least) {
        return refuse(fault, "gas (intrinsic)", least, tx->gas);
    }
    uint64_t floor_gas = GAS_TX + GAS_FLOOR_TOKEN * count_tokens(tx->data);
    if (tx->gas < floor_gas) {
        return refuse(fault, "gas (floor)", floor_gas, tx->gas);
    }
    return AG_OK;
}

enum ag_err ag_eth_check_osaka(const struct ag_eth_parsed *parsed, struct ag_fault *fault)
{
    const struct ag_eth_tx *tx = &parsed->tx;
    /* [EIP-2681]: the nonce after this one must fit too. */
    if (tx->nonce == UINT64_MAX) {
        return refuse(fault, "nonce", UINT64_MAX - 1, tx->nonce);
    }
    if (tx->gas > TX_GAS_MAX) {
        return refuse(fault, "gas", TX_GAS_MAX, tx->gas);
    }
    if (memcmp(tx->priority_fee.bytes, tx->max_fee.bytes, 32) > 0) {
        return ag_fault_set(fault, AG_ERR_TX_INTRINSIC, "priority_fee");
    }
    if (!is_product_small(&tx->max_fee, tx->gas)) {
        return ag_fault_set(fault, AG_ERR_TX_INTRINSIC, "max_fee times gas");
    }
    if (!tx->has_to && tx->data.size > INIT_CODE_SIZE_MAX) {
        return refuse(fault, "data (init code)", INIT_CODE_SIZE_MAX, tx->data.size);
    }
    if (tx->type == AG_ETH_4844) {
        if (tx->blob_count == 0 || tx->blob_count > BLOBS_MAX) {
            return refuse(fault, "blob_hashes", BLOBS_MAX, tx->blob_count);
        }
        if (parsed->has_bad_blob_version) {
            return ag_fault_set(fault, AG_ERR_TX_INTRINSIC, "blob_hash version");
        }
    }
    if (tx->type == AG_ETH_7702 && tx->authorization_count == 0) {
        return ag_fault_set(fault, AG_ERR_TX_INTRINSIC, "authorization_list");
    }
    return check_gas(tx, fault);
}
