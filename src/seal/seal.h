/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_SEAL_SEAL_H
#define AG_SEAL_SEAL_H

/* seal: binds bytes to this machine, this program, a purpose, an epoch and a name, and opens them
 * again; and judges whether what lies on the disk is the newest.
 *
 * Owns:    the seal root, in locked memory, from ag_seal_open to ag_seal_close.
 * Threads: an open seal does not change: every function may be called from any thread at once.
 * Fails:   each way a blob can be wrong has its own name (below). A failed call leaves its outputs as
 *          they were.
 * Not:     sizes, purposes, epochs and equality of names are visible; a broken TEE protects nothing.
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
    AG_PURPOSE_META = 5,       /* the node's own bookkeeping */
    AG_PURPOSE_CHECKPOINT = 6, /* migration checkpoints */
    AG_PURPOSE_ANCHOR = 7,     /* the freshness anchor of the store, below */
    AG_PURPOSE_TLS = 8,        /* the key of the attested TLS certificate */
};

/* Bytes that sealing adds. */
#define AG_SEAL_HEADER_SIZE   164u
#define AG_SEAL_OVERHEAD_SIZE (AG_SEAL_HEADER_SIZE + 16u)

/* Derives the seal root from the hardware's secret. Borrows `tee` and `host` until ag_seal_close. */
AG_MUST_CHECK enum ag_err ag_seal_open(struct ag_tee *tee, const struct ag_host *host,
                                       struct ag_seal **out);
void ag_seal_close(struct ag_seal *seal); /* NULL is fine */
void ag_seal_cleanup(struct ag_seal **seal);

/* Appends the sealed form of `plain` to `out`. `name` says where the blob will stand (a table key):
 * 1 to SEALED_NAME_BYTES bytes. `plain` is at most SEALED_BYTES. ENTROPY when no salt can be had. */
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

/* ---- the anchor: is the store the newest? ------------------------------------------------------ */

/* A sealed entry of the store says: "counter c, content d". The store is fresh if c is the hardware
 * counter. Discipline of an anchored commit, with `c` the counter before it:
 *
 *   1. ag_seal_anchor_seal(seal, c + 1, content, blob), put into the same write transaction
 *   2. commit
 *   3. ag_seal_anchor_advance(seal, c + 1)
 *
 * A crash before 2 leaves stored = counter. A crash between 2 and 3 leaves stored = counter + 1,
 * which the next start accepts, because only this program can have sealed it, and finishes. An older
 * copy of the store has stored < counter. The proof is in docs/spec/sealing.md.
 *
 * `content` is a digest of what the store must hold (the head, the newest group, the key inventory):
 * it keeps a new anchor from standing over old tables. Commits between two anchored ones may seal
 * the same counter with their new content; a store taken back to one of them is not noticed. */

/* Appends the sealed anchor. */
AG_MUST_CHECK enum ag_err ag_seal_anchor_seal(const struct ag_seal *seal, uint64_t counter,
                                              const struct ag_hash *content, struct ag_vec *out);
/* Step 3. Repeating it is harmless; TEE_COUNTER if the counter is already past `counter`. */
AG_MUST_CHECK enum ag_err ag_seal_anchor_advance(const struct ag_seal *seal, uint64_t counter);
/* At start. `blob` is empty when the store has no anchor yet, which is right only while the counter
 * is 0. Refuses as ag_seal_unseal does; SEAL_ROLLBACK when the anchor is older than the counter or
 * stands over other content; TEE_COUNTER when it is ahead by more than one; NOT_FOUND when the
 * hardware has no counter: freshness must then come from elsewhere. */
AG_MUST_CHECK enum ag_err ag_seal_anchor_open(const struct ag_seal *seal, struct ag_bytes blob,
                                              const struct ag_hash *content, uint64_t *out_counter);
/* The rule alone: OK if `stored` is the counter, or one ahead of it, which is then caught up. */
AG_MUST_CHECK enum ag_err ag_seal_anchor_check(struct ag_tee *tee, uint64_t stored);

#endif
