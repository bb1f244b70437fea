/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_SEAL_SEAL_H
#define AG_SEAL_SEAL_H

/* seal: binds bytes to this machine, this program, a purpose, an epoch and a name, and opens them
 * again; and judges whether what lies on the disk is the newest.
 *
 * Owns:    the seal root, in locked memory, from ag_seal_open to ag_seal_close.
 * Threads: an open seal does not change: every function may be called from any thread at once.
 * Fails:   each way a blob can be wrong has its own name (below). A failed call leaves its outputs
 *          as they were.
 * Not:     sizes, purposes, epochs and equality of names are visible; a broken TEE protects
 *          nothing.
 * Formats: docs/spec/sealing.md. */

#include "base/base.h"
#include "tee/tee.h"

struct ag_seal;

/* What a blob is for. The numbers are part of its key and of the stored format: frozen, never used
 * twice. Add at the end. */
enum ag_purpose {
    AG_PURPOSE_KEYRING = 1,    /* seeds of the node's long-term keys */
    AG_PURPOSE_STATE = 2,      /* values of contracts */
    AG_PURPOSE_ASSET = 3,      /* entries of the asset registry and its keys */
    AG_PURPOSE_SPOOL = 4,      /* what waits for a batch */
    AG_PURPOSE_META = 5,       /* the store's own record, which is also its anchor, below */
    AG_PURPOSE_CHECKPOINT = 6, /* migration checkpoints */
    AG_PURPOSE_TLS = 7,        /* the key of the attested TLS certificate */
    AG_PURPOSE_BATCH = 8,      /* a committed batch: nobody reads it before the counter moves */
    AG_PURPOSE_GROUP = 9,      /* an admission group and its signature: the same */
};

/* Bytes that sealing adds. */
#define AG_SEAL_HEADER_SIZE   164u
#define AG_SEAL_OVERHEAD_SIZE (AG_SEAL_HEADER_SIZE + 16u)

/* Derives the seal root from the hardware's secret. Borrows `tee` and `host` until
 * ag_seal_close. */
AG_MUST_CHECK enum ag_err ag_seal_open(struct ag_tee *tee, const struct ag_host *host,
                                       struct ag_seal **out);
void ag_seal_close(struct ag_seal *seal); /* NULL is fine */
void ag_seal_cleanup(struct ag_seal **seal);

/* Appends the sealed form of `plain` to `out`. `name` says where the blob will stand (a table key):
 * 1 to SEALED_NAME_BYTES bytes. `plain` is at most SEALED_BYTES. ENTROPY when no salt can be
 * had. */
AG_MUST_CHECK enum ag_err ag_seal_seal(const struct ag_seal *seal, enum ag_purpose purpose,
                                       uint64_t epoch, struct ag_bytes name, struct ag_bytes plain,
                                       struct ag_vec *out);

/* Opens `blob` into `arena`, which should be a secret one. The checks, in this order:
 *
 *   SEAL_FORMAT       not our magic, or another version
 *   SEAL_TRUNCATED    shorter than its header says
 *   SEAL_MACHINE      sealed on another machine
 *   SEAL_MEASUREMENT  sealed by another program
 *   SEAL_PURPOSE      sealed for another purpose
 *   SEAL_EPOCH        its epoch is below `epoch_min`
 *   SEAL_SWAPPED      sealed under another name
 *   SEAL_TAMPERED     does not authenticate, or is longer than its header says
 *
 * All but the last read public fields only, to give the refusal its name; those fields are
 * authenticated and part of the key, so forging one ends in SEAL_TAMPERED. */
AG_MUST_CHECK enum ag_err ag_seal_unseal(const struct ag_seal *seal, enum ag_purpose purpose,
                                         uint64_t epoch_min, struct ag_bytes name,
                                         struct ag_bytes blob, struct ag_arena *arena,
                                         struct ag_bytes *out);

/* ---- the anchor: is the store the newest? ---------------------------------------------------- */

/* The store holds one sealed record (ag_meta of wire, purpose META) that says which counter value
 * it was written for and names, by digest, what the tables must hold beside it. The store is fresh
 * if that value is the hardware's. Discipline of an anchored commit, with `c` the counter before
 * it:
 *
 *   1. put the sealed record with c + 1 into the same write transaction as what it names
 *   2. commit
 *   3. ag_seal_anchor_advance(tee, c + 1); only now may anything leave that the commit decided
 *
 * Each start makes an empty anchored commit, after ag_seal_anchor_check and before anything leaves,
 * and so does whoever goes on after a failed one: two records with one value must not both matter.
 *
 * A crash before 2 leaves stored = counter. A crash between 2 and 3 leaves stored = counter + 1,
 * which the next start accepts, because only this program can have sealed it, and catches up. An
 * older copy of the store has stored < counter. The proof, and what is not covered, stand in
 * docs/spec/sealing.md. Commits that change the record but not its counter are allowed; a store
 * taken back to one of them is not noticed here. */

/* At start, with the counter value of the authenticated record; 0 for a store without one. OK if it
 * is the hardware's, or one ahead of it, which is then caught up. SEAL_ROLLBACK when it is older;
 * TEE_COUNTER when it is further ahead; NOT_FOUND when the hardware has no counter: freshness must
 * then come from elsewhere. */
AG_MUST_CHECK enum ag_err ag_seal_anchor_check(struct ag_tee *tee, uint64_t stored);
/* Step 3. Repeating it is harmless; TEE_COUNTER if the counter is past `counter`, or would leap. */
AG_MUST_CHECK enum ag_err ag_seal_anchor_advance(struct ag_tee *tee, uint64_t counter);

#endif
