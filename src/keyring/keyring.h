/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_KEYRING_KEYRING_H
#define AG_KEYRING_KEYRING_H

/* keyring: owns the node's long-term secret keys, one set per key epoch: signs, decapsulates, and
 * never shows bytes.
 *
 * Owns:    every honoured epoch's keys, from ag_keyring_open to ag_keyring_close; table `keys`.
 * Threads: reading, signing and receiving from any thread at once, but one thread per lane in
 *          ag_keyring_receive; rotation and retirement on the store's writer thread, beside them. A
 *          call that began with an epoch ends with it, even if it is retired meanwhile.
 * Fails:   SEAL_* when the stored keys are not this TEE's; STORE_CORRUPT when they contradict their
 *          bundle or their inventory; KEYRING_CHAIN when they are for another chain.
 * Not:     no decision when to rotate; no evidence over bundles (seq and tee make it).
 *
 * Honoured epochs are always a run: from the oldest that is not retired to the current one. */

#include <ag/tx.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "seal/seal.h"
#include "store/store.h"

struct ag_keyring;

struct ag_keyring_config {
    uint64_t chain_id;
    struct ag_hash genesis;
    const uint16_t *kems; /* enum ag_kem, for new epochs; ascending, at most BUNDLE_KEMS */
    size_t kem_count;
    unsigned lanes; /* callers of ag_keyring_receive at once, at most WORKERS */
};

/* Loads all honoured epochs, or makes epoch 1 in one store transaction. `store`, `seal` and `host`
 * are borrowed until ag_keyring_close. Stored epochs keep the suites they were made with. */
AG_MUST_CHECK enum ag_err ag_keyring_open(struct ag_store *store, const struct ag_seal *seal,
                                          const struct ag_host *host,
                                          const struct ag_keyring_config *config, uint64_t now_ms,
                                          struct ag_keyring **out);
void ag_keyring_close(struct ag_keyring *keyring); /* NULL is fine */
void ag_keyring_cleanup(struct ag_keyring **keyring);

/* ---- public ---------------------------------------------------------------------------------- */

uint64_t ag_keyring_epoch(struct ag_keyring *keyring);       /* the current one, from 1 */
uint64_t ag_keyring_epoch_first(struct ag_keyring *keyring); /* the oldest that is honoured */
/* Appends the encoded bundle of an epoch; NOT_FOUND when it was never made. Bundles of retired
 * epochs are kept: verifiers of old batches ask for them. Either output may be NULL. */
AG_MUST_CHECK enum ag_err ag_keyring_bundle(struct ag_keyring *keyring, uint64_t epoch,
                                            struct ag_vec *out_encoding,
                                            struct ag_hash *out_digest);

/* ---- secret ---------------------------------------------------------------------------------- */

/* Decapsulates `enc` with the key of `epoch` and `kem`. ENVELOPE_EPOCH when the epoch is not
 * honoured; SUITE when it does not offer the suite; OPEN when `enc` cannot be right. `lane` is
 * below config.lanes, and in use by one thread. */
AG_MUST_CHECK enum ag_err ag_keyring_receive(struct ag_keyring *keyring, unsigned lane,
                                             uint64_t epoch, uint16_t kem, struct ag_bytes enc,
                                             struct ag_hpke *out);

/* Signs `message` under the tag's label with the current epoch's key. Each tag belongs to one
 * algorithm (ARGUMENT otherwise): GROUP_MLDSA and BATCH_MLDSA to ML-DSA-87, BATCH_SLHDSA to
 * SLH-DSA. out.size must be ag_sig_signature_size. */
AG_MUST_CHECK enum ag_err ag_keyring_sign(struct ag_keyring *keyring, enum ag_sig_alg alg,
                                          enum ag_tag tag, struct ag_bytes message,
                                          struct ag_buf out);
/* With the key of a named epoch; ENVELOPE_EPOCH when it is not honoured. */
AG_MUST_CHECK enum ag_err ag_keyring_sign_epoch(struct ag_keyring *keyring, uint64_t epoch,
                                                enum ag_sig_alg alg, enum ag_tag tag,
                                                struct ag_bytes message, struct ag_buf out);
/* The current posting key over a digest: r | s | parity. */
AG_MUST_CHECK enum ag_err ag_keyring_post_sign(struct ag_keyring *keyring, const uint8_t digest[32],
                                               uint8_t out[AG_SECP256K1_SIGNATURE_SIZE]);

/* ---- rotation -------------------------------------------------------------------------------- */

/* Makes a new epoch, whose bundle names the digest of the one before, in its own transaction, and
 * makes it current. Older epochs stay honoured. KEYRING_EPOCHS when KEY_EPOCHS are honoured. */
AG_MUST_CHECK enum ag_err ag_keyring_rotate(struct ag_keyring *keyring, uint64_t now_ms);
/* Retires `epoch` and all before it: their sealed seeds leave the store, the keys are wiped as soon
 * as the last call with them ends. ARGUMENT for the current epoch, NOT_FOUND when not honoured. */
AG_MUST_CHECK enum ag_err ag_keyring_retire(struct ag_keyring *keyring, uint64_t epoch);

/* The same within the caller's transaction (an anchored commit, for instance). Call
 * ag_keyring_settle once the transaction has ended; until then the keyring answers as before, and a
 * second change is refused with BUSY. After an error abort the transaction; there is nothing to
 * settle then. */
AG_MUST_CHECK enum ag_err ag_keyring_rotate_in(struct ag_keyring *keyring, struct ag_store_tx *tx,
                                               uint64_t now_ms);
AG_MUST_CHECK enum ag_err ag_keyring_retire_in(struct ag_keyring *keyring, struct ag_store_tx *tx,
                                               uint64_t epoch);
void ag_keyring_settle(struct ag_keyring *keyring, bool is_committed);
/* Between the two: what the commit will make true, for records that name it. NOT_FOUND when nothing
 * is pending. The writer thread. */
AG_MUST_CHECK enum ag_err ag_keyring_pending(struct ag_keyring *keyring, uint64_t *out_first,
                                             uint64_t *out_current, struct ag_hash *out_digest);

#endif
