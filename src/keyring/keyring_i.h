/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_KEYRING_KEYRING_I_H
#define AG_KEYRING_KEYRING_I_H

#include <pthread.h>
#include <stdatomic.h>

#include "keyring/keyring.h"

/* ---- rows of table `keys` -------------------------------------------------------------------- */

/* The key of a row is epoch u64 | kind u32, and a sealed row's name is its key. Frozen. */
enum ag_keyring_kind {
    AG_KEYRING_BUNDLE = 0,    /* in clear: the encoded bundle; kept after retirement */
    AG_KEYRING_DIGEST = 1,    /* sealed: the bundle's digest; kept after retirement */
    AG_KEYRING_MLDSA87 = 2,   /* sealed: seed */
    AG_KEYRING_SLHDSA = 3,    /* sealed: seed */
    AG_KEYRING_POSTING = 4,   /* sealed: secp256k1 scalar */
    AG_KEYRING_INVENTORY = 5, /* sealed, epoch 0: first u64 | current u64 | digest of current */
    AG_KEYRING_KEM_BASE = 0x10000, /* sealed: seed of suite kind - base */
};
enum {
    AG_KEYRING_ROW_KEY_SIZE = 12,
    AG_KEYRING_INVENTORY_SIZE = 8 + 8 + (int)AG_HASH_SIZE,
    /* bundle, digest, three keys, one per suite */
    AG_KEYRING_ROWS_MAX = 5 + AG_LIMIT_BUNDLE_KEMS,
};
struct ag_keyring_row_key {
    uint8_t bytes[AG_KEYRING_ROW_KEY_SIZE];
};
struct ag_keyring_row_key ag_keyring_row_key(uint64_t epoch, uint32_t kind);

/* Rows that are ready to be put: everything that can fail but the database has happened. */
struct ag_keyring_rows {
    size_t count;
    struct ag_keyring_row {
        struct ag_keyring_row_key key;
        struct ag_vec value;
    } rows[AG_KEYRING_ROWS_MAX];
};
void ag_keyring_rows_close(struct ag_keyring_rows *rows);
AG_MUST_CHECK enum ag_err ag_keyring_rows_put(const struct ag_keyring_rows *rows,
                                              struct ag_store_tx *tx);

/* ---- the keys of one epoch ------------------------------------------------------------------- */

struct ag_keyring_kem {
    struct ag_kem_key *key;
    struct ag_hpke_info info;
    struct ag_kem_work *works[AG_LIMIT_WORKERS]; /* one per lane */
    uint16_t kem;
};

/* Does not change once it is made, but for the workspaces, which belong to their lanes. Shared by
 * reference: the last holder wipes it. */
struct ag_keyring_keys {
    atomic_uint holders;
    uint64_t epoch;
    struct ag_vec bundle; /* encoding */
    struct ag_hash digest;
    struct ag_sig_key *mldsa87;
    struct ag_sig_key *slhdsa;
    struct ag_secp256k1_key *posting; /* locked memory */
    size_t kem_count;
    struct ag_keyring_kem kems[AG_LIMIT_BUNDLE_KEMS];
};

struct ag_keyring {
    struct ag_store *store;
    const struct ag_seal *seal;
    const struct ag_host *host;
    uint64_t chain_id;
    struct ag_hash genesis;
    uint16_t kems[AG_LIMIT_BUNDLE_KEMS];
    size_t kem_count;
    unsigned lanes;

    pthread_mutex_t lock; /* guards what follows; never held across a call into another room */
    struct ag_keyring_keys *honoured[AG_LIMIT_KEY_EPOCHS]; /* a run of epochs, oldest first */
    size_t honoured_count;                                 /* at least 1 once open */

    /* A change that waits for its transaction; the writer thread's alone. */
    bool has_pending;
    struct ag_keyring_keys *pending_new; /* NULL: a retirement */
    uint64_t pending_first;              /* the first epoch that will be honoured */
};

/* Draws the seeds of a new epoch, opens its keys, and seals everything into `rows`. */
AG_MUST_CHECK enum ag_err ag_keyring_keys_make(const struct ag_keyring *keyring, uint64_t epoch,
                                               const struct ag_hash *previous, uint64_t now_ms,
                                               struct ag_keyring_rows *rows,
                                               struct ag_keyring_keys **out);
/* Reads an epoch back and compares it with its bundle. */
AG_MUST_CHECK enum ag_err ag_keyring_keys_load(const struct ag_keyring *keyring,
                                               struct ag_store_tx *tx, uint64_t epoch,
                                               struct ag_keyring_keys **out);
/* Reads a bundle and checks it against its sealed digest; `*out` borrows from `tx`. NOT_FOUND when
 * there is none. */
AG_MUST_CHECK enum ag_err ag_keyring_bundle_load(const struct ag_keyring *keyring,
                                                 struct ag_store_tx *tx, uint64_t epoch,
                                                 struct ag_bytes *out, struct ag_hash *out_digest);
void ag_keyring_keys_release(struct ag_keyring_keys *keys); /* NULL is fine */
void ag_keyring_keys_cleanup(struct ag_keyring_keys **keys);

/* The sealed list of honoured epochs. */
struct ag_keyring_inventory {
    uint64_t first;
    uint64_t current;
    struct ag_hash digest; /* of the current bundle */
};
AG_MUST_CHECK enum ag_err ag_keyring_inventory_seal(const struct ag_keyring *keyring,
                                                    const struct ag_keyring_inventory *inventory,
                                                    struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_keyring_inventory_load(const struct ag_keyring *keyring,
                                                    struct ag_store_tx *tx,
                                                    struct ag_keyring_inventory *out);

#endif
