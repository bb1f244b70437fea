/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_RUN_ETHEREUM_H
#define AG_TEST_RUN_ETHEREUM_H

/* run_ethereum, inside: one function for each kind of case; true is a pass, and a failure has been
 * printed by then. */

#include "crypto/crypto.h"
#include "rsp.h"
#include "wire/wire.h"

struct run_context {
    const char *path;     /* as shown */
    const char *comments; /* at the head of the file */
    const struct rsp_case *one;
    struct ag_arena *arena; /* reset after each case */
    bool has_other_layer;
    bool is_older;
};
typedef bool run_case(struct run_context *context);

run_case run_tx;
run_case run_rlp;
run_case run_keccak;
run_case run_recover;
run_case run_merkle_root;
run_case run_merkle_inclusion;
run_case run_merkle_consistency;

/* Prints the case and what is wrong; returns false. */
bool run_fail(struct run_context *context, const char *format, ...) AG_PRINTF(2, 3);
void run_note(struct run_context *context, const char *format, ...) AG_PRINTF(2, 3);

#endif
