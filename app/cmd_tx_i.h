/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AEGIS_CMD_TX_I_H
#define AEGIS_CMD_TX_I_H

/* cmd_tx_i: where a signed transaction comes from: an argument, standard input, or the options. */

#include "cli.h"
#include "crypto/crypto.h"

/* What the user said, checked and kept until the chain id is known. */
struct tx_source {
    bool is_raw;
    struct ag_vec raw; /* if is_raw */
    struct ag_secp256k1_key key;
    struct ag_address to;
    struct ag_vec data;
    uint64_t chain_id; /* of --chain-id, or the default */
    uint64_t value;
    uint64_t nonce;
    uint64_t gas;
    uint64_t fee;
    uint64_t max_fee;
};
/* Reads arguments and options; prints and returns a status other than CLI_DONE when they are wrong.
 * The source is closed in either case. */
int tx_source_open(struct cli *cli, struct tx_source *out);
void tx_source_close(struct tx_source *source);
/* The transaction, signed for this chain unless it came signed. */
int tx_source_raw(struct cli *cli, const struct tx_source *source, uint64_t chain_id,
                  struct ag_vec *out);
/* Appends 0x, the bytes in hex, and a new line. */
AG_MUST_CHECK enum ag_err cli_put_hex_line(struct cli *cli, struct ag_bytes bytes);

#endif
