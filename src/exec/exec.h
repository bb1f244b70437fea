/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_EXEC_EXEC_H
#define AG_EXEC_EXEC_H

/* exec: runs a plan. Opens bodies in lanes, then decides in plan order what is included.
 *
 * Owns:    one arena per lane for the bodies in the clear; wiped when the next run begins.
 * Threads: one caller; lanes are the pool's workers.
 * Fails:   only for our own reasons; what is wrong with a body is its outcome.
 * Not:     no contracts yet: payloads other than Ethereum transactions end in ENVELOPE_KIND. */

#include "base/base.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

struct ag_exec;

/* One planned envelope; everything is borrowed. */
struct ag_exec_input {
    uint64_t admission;
    struct ag_id envelope_id;
    const struct ag_head *head;
    struct ag_bytes head_encoding; /* unpadded */
    struct ag_bytes sealed_head;   /* authenticates the body */
    struct ag_bytes sealed_body;
    const struct ag_hpke *keys;
};

struct ag_exec_result {
    struct ag_outcome outcome;
    struct ag_bytes payload; /* the raw transaction when included; lives until the next run */
    bool is_charged;         /* excluded, and its sender authorised this envelope: never yet */
    bool frees_nonce;        /* excluded: the sender never asked for it, or may ask again */
};

/* Lanes of `pool`; batches of at most `count_max`. */
AG_MUST_CHECK enum ag_err ag_exec_open(struct ag_pool *pool, uint64_t chain_id, size_t count_max,
                                       struct ag_exec **out);
void ag_exec_close(struct ag_exec *exec);

/* `inputs` in plan order, for a batch of the time `time_ms`; writes `count` results in the same
 * order. Parallel and serial runs give the same bytes. */
AG_MUST_CHECK enum ag_err ag_exec_run(struct ag_exec *exec, uint64_t time_ms,
                                      const struct ag_exec_input *inputs, size_t count,
                                      struct ag_exec_result *results);

#endif
