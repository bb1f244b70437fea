/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_WIRE_ETH_I_H
#define AG_WIRE_ETH_I_H

/* Private to wire: a transaction between its decoding and its rules. */

#include "wire/wire_i.h"

struct ag_eth_parsed {
    struct ag_eth_tx tx;
    struct ag_bytes unsigned_fields; /* the items before the signature, as they stand */
    struct ag_bytes v;               /* big-endian, up to 32 bytes: V or the parity */
    bool has_bad_blob_version;
};

/* Layers rlp, type and field: everything but hash, chain, sender. */
enum ag_err ag_eth_parse(struct ag_bytes raw, struct ag_eth_parsed *out, struct ag_fault *fault);

/* Layer intrinsic, as of Osaka. */
enum ag_err ag_eth_check_osaka(const struct ag_eth_parsed *parsed, struct ag_fault *fault);

#endif
