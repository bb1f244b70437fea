/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_bytes raw = ag_bytes_of(data, size);
    struct ag_fault fault = {0};
    struct ag_eth_tx tx;
    struct ag_eth_tx strict;
    AG_ASSERT(ag_crypto_start() == AG_OK);

    uint64_t chain_id = 1;
    enum ag_err err = ag_eth_tx_decode_under(AG_ETH_RULES_FORM, raw, chain_id, true, &tx, &fault);
    if (err == AG_ERR_TX_CHAIN && fault.has_limit) {
        chain_id = fault.got;
        err = ag_eth_tx_decode_under(AG_ETH_RULES_FORM, raw, chain_id, true, &tx, &fault);
        AG_ASSERT(err != AG_ERR_TX_CHAIN);
    }
    if (err != AG_OK) {
        AG_ASSERT(fault.err == err && fault.field != NULL);
        AG_ASSERT(ag_eth_tx_decode(raw, chain_id, true, &strict, NULL) != AG_OK);
        return 0;
    }
    AG_ASSERT(tx.has_chain_id ? tx.chain_id == chain_id : tx.type == AG_ETH_LEGACY);
    AG_ASSERT(ag_eth_tx_decode_under(AG_ETH_RULES_FORM, raw, chain_id + 1, false, &strict, NULL) ==
              AG_ERR_TX_CHAIN);

    /* The rules of a fork only ever refuse more. */
    err = ag_eth_tx_decode(raw, chain_id, true, &strict, &fault);
    AG_ASSERT(err == AG_OK || err == AG_ERR_TX_INTRINSIC || err == AG_ERR_WIRE_LIMIT);
    if (err == AG_OK) {
        AG_ASSERT(strict.gas >= ag_eth_tx_intrinsic_gas(&tx));
        AG_ASSERT(ag_bytes_equal(AG_VIEW(&strict.sender), AG_VIEW(&tx.sender)));
    }
    return 0;
}
