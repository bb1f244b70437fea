/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BATCH_BATCH_H
#define AG_BATCH_BATCH_H

/* batch: header, Merkle roots, both signatures, evidence, and our own verdict before a commit.
 *
 *     executed ──sign──► signed ──attest──► attested ──selfcheck──► checked (ready to commit)
 *
 * Owns:    everything of one batch, from ag_batch_build to ag_batch_close.
 * Threads: one at a time per batch; different batches are independent and may be signed at once.
 * Fails:   STATE_MOVE when a step is out of turn; BATCH_INVALID when our own verifier says no.
 * Not:     no store, no plan, no execution. */

#include <ag/batch.h>

#include "base/base.h"
#include "keyring/keyring.h"
#include "tee/tee.h"
#include "verify/verify.h"

enum ag_batch_state {
    AG_BATCH_EXECUTED = 1,
    AG_BATCH_SIGNED,
    AG_BATCH_ATTESTED,
    AG_BATCH_CHECKED,
};

struct ag_batch;

/* `fields` carries everything but the two roots over the entries and tx_count, which are computed.
 * `entries` in plan order; copied. */
AG_MUST_CHECK enum ag_err ag_batch_build(const struct ag_batch_header *fields,
                                         const struct ag_batch_entry *entries, size_t count,
                                         struct ag_batch **out);
void ag_batch_close(struct ag_batch *batch);

/* Both signatures over the header digest, with the keys of the header's epoch. */
AG_MUST_CHECK enum ag_err ag_batch_sign(struct ag_batch *batch, struct ag_keyring *keyring);

/* What the node proves of itself beside each batch; borrowed. */
struct ag_batch_identity {
    struct ag_bytes bundle;
    struct ag_bytes bundle_evidence;
    struct ag_bytes collateral;
};
/* Evidence whose report data binds the header digest. `now_ms` becomes the instant of the verdict,
 * but never earlier than the batch itself: the host's clock may have gone back meanwhile. */
AG_MUST_CHECK enum ag_err ag_batch_attest(struct ag_batch *batch, struct ag_tee *tee,
                                          const struct ag_batch_identity *identity,
                                          uint64_t now_ms);

/* The verdict of our own verifier over the whole file. `out_claim` (static text) names the first
 * failed claim when the result is BATCH_INVALID. */
AG_MUST_CHECK enum ag_err ag_batch_selfcheck(struct ag_batch *batch, const struct ag_policy *policy,
                                             struct ag_attest_cache *cache, const char **out_claim);

enum ag_batch_state ag_batch_state(const struct ag_batch *batch);
const struct ag_batch_header *ag_batch_fields(const struct ag_batch *batch);
const struct ag_hash *ag_batch_digest(const struct ag_batch *batch);
/* The parts of the file as they stand now; views borrow from the batch. */
const struct ag_batch_file *ag_batch_parts(const struct ag_batch *batch);

#endif
