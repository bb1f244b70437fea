/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of one epoch: drawn, opened, sealed, read back. */
#include "keyring/keyring_i.h"

#include <string.h>

#include "wire/wire.h"

/* A random scalar is no secp256k1 key with probability 2^-127; four tries are more than enough. */
#define SCALAR_TRIES 4u

/* Everything an epoch's keys are made from. In locked memory, for the time of making or loading. */
struct seeds {
    uint8_t mldsa87[AG_MLDSA87_SEED_SIZE];
    uint8_t slhdsa[AG_SLHDSA_SEED_SIZE];
    uint8_t posting[32];
    uint8_t kems[AG_LIMIT_BUNDLE_KEMS][AG_KEM_SEED_SIZE_MAX];
};

static void seeds_cleanup(struct seeds **seeds)
{
    ag_secret_free(*seeds, sizeof(**seeds));
}

/* The part of a bundle that follows from the seeds. */
struct publics {
    uint8_t mldsa87[AG_MLDSA87_PUBLIC_SIZE];
    uint8_t slhdsa[AG_SLHDSA_PUBLIC_SIZE];
    uint8_t posting[AG_SECP256K1_PUBLIC_SIZE];
    uint8_t kems[AG_LIMIT_BUNDLE_KEMS][AG_KEM_PUBLIC_SIZE_MAX];
};

static void publics_cleanup(struct publics **publics)
{
    ag_free(*publics);
}

/* ---- life ------------------------------------------------------------------------------------ */

void ag_keyring_keys_release(struct ag_keyring_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->holders, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < keys->kem_count; i++) {
        for (size_t lane = 0; lane < AG_LIMIT_WORKERS; lane++) {
            ag_kem_work_close(keys->kems[i].works[lane]);
        }
        ag_kem_key_close(keys->kems[i].key);
    }
    ag_sig_key_close(keys->mldsa87);
    ag_sig_key_close(keys->slhdsa);
    ag_secret_free(keys->posting, sizeof(*keys->posting));
    ag_vec_close(&keys->bundle);
    ag_free(keys);
}

void ag_keyring_keys_cleanup(struct ag_keyring_keys **keys)
{
    ag_keyring_keys_release(*keys);
}

static enum ag_err keys_new(uint64_t epoch, const uint16_t *kems, size_t kem_count,
                            struct ag_keyring_keys **out)
{
    struct ag_keyring_keys *keys = ag_alloc(sizeof(*keys));

    AG_ENSURE(keys != NULL, AG_ERR_NO_MEMORY);
    atomic_init(&keys->holders, 1);
    keys->epoch = epoch;
    keys->kem_count = kem_count;
    for (size_t i = 0; i < kem_count; i++) {
        keys->kems[i].kem = kems[i];
    }
    ag_vec_init(&keys->bundle, AG_LIMIT_BUNDLE_BYTES);
    *out = keys;
    return AG_OK;
}

/* Opens the key objects and tells their public halves. */
static enum ag_err open_keys(const struct seeds *seeds, struct ag_keyring_keys *keys,
                             struct publics *publics)
{
    struct ag_address address = {{0}};

    AG_TRY(ag_sig_key_open(AG_SIG_MLDSA87, AG_ARRAY_VIEW(seeds->mldsa87), &keys->mldsa87));
    AG_TRY(ag_sig_key_public(keys->mldsa87,
                             (struct ag_buf){publics->mldsa87, sizeof(publics->mldsa87)}));
    AG_TRY(ag_sig_key_open(AG_SIG_SLHDSA_SHA2_256S, AG_ARRAY_VIEW(seeds->slhdsa), &keys->slhdsa));
    AG_TRY(
        ag_sig_key_public(keys->slhdsa, (struct ag_buf){publics->slhdsa, sizeof(publics->slhdsa)}));
    keys->posting = ag_secret_alloc(sizeof(*keys->posting));
    AG_ENSURE(keys->posting != NULL, AG_ERR_NO_MEMORY);
    memcpy(keys->posting->bytes, seeds->posting, sizeof(seeds->posting));
    AG_TRY(ag_secp256k1_public(keys->posting, publics->posting, &address));
    for (size_t i = 0; i < keys->kem_count; i++) {
        enum ag_kem kem = (enum ag_kem)keys->kems[i].kem;

        AG_TRY(ag_kem_key_open(kem, ag_bytes_of(seeds->kems[i], ag_kem_seed_size(kem)),
                               &keys->kems[i].key));
        AG_TRY(ag_kem_key_public(keys->kems[i].key,
                                 (struct ag_buf){publics->kems[i], ag_kem_public_size(kem)}));
    }
    return AG_OK;
}

/* Everything that receiving needs and that does not depend on the envelope. */
static enum ag_err open_lanes(const struct ag_keyring *keyring, struct ag_keyring_keys *keys)
{
    uint8_t info[AG_HPKE_INFO_SIZE];

    ag_hpke_info_bytes(keyring->chain_id, keys->epoch, &keys->digest, info);
    for (size_t i = 0; i < keys->kem_count; i++) {
        struct ag_keyring_kem *kem = &keys->kems[i];

        AG_TRY(ag_hpke_info_init(&kem->info, (enum ag_kem)kem->kem, AG_ARRAY_VIEW(info)));
        for (unsigned lane = 0; lane < keyring->lanes; lane++) {
            AG_TRY(ag_kem_work_open(kem->key, &kem->works[lane]));
        }
    }
    return AG_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

static enum ag_err draw_scalar(const struct ag_host *host, uint8_t out[32])
{
    struct ag_secp256k1_key key AG_SCOPED(ag_secp256k1_key_wipe) = {{0}};
    uint8_t public_key[AG_SECP256K1_PUBLIC_SIZE];
    struct ag_address address = {{0}};
    enum ag_err err = AG_ERR_KEY;

    for (unsigned i = 0; i < SCALAR_TRIES && err == AG_ERR_KEY; i++) {
        AG_TRY(ag_random_key(host, (struct ag_buf){key.bytes, sizeof(key.bytes)}));
        err = ag_secp256k1_public(&key, public_key, &address);
    }
    AG_TRY(err);
    memcpy(out, key.bytes, sizeof(key.bytes));
    return AG_OK;
}

static enum ag_err draw_seeds(const struct ag_keyring *keyring, struct seeds *seeds)
{
    const struct ag_host *host = keyring->host;

    AG_TRY(ag_random_key(host, (struct ag_buf){seeds->mldsa87, sizeof(seeds->mldsa87)}));
    AG_TRY(ag_random_key(host, (struct ag_buf){seeds->slhdsa, sizeof(seeds->slhdsa)}));
    AG_TRY(draw_scalar(host, seeds->posting));
    for (size_t i = 0; i < keyring->kem_count; i++) {
        AG_TRY(
            ag_random_key(host, (struct ag_buf){seeds->kems[i],
                                                ag_kem_seed_size((enum ag_kem)keyring->kems[i])}));
    }
    return AG_OK;
}

static enum ag_err make_bundle(const struct ag_keyring *keyring, const struct ag_hash *previous,
                               uint64_t now_ms, const struct publics *publics,
                               struct ag_keyring_keys *keys)
{
    struct ag_bundle bundle = {
        .chain_id = keyring->chain_id,
        .genesis = keyring->genesis,
        .key_epoch = keys->epoch,
        .created_ms = now_ms,
        .previous = *previous,
        .kem_count = keys->kem_count,
        .mldsa87 = AG_ARRAY_VIEW(publics->mldsa87),
        .slhdsa = AG_ARRAY_VIEW(publics->slhdsa),
    };

    memcpy(bundle.posting_key, publics->posting, sizeof(bundle.posting_key));
    for (size_t i = 0; i < keys->kem_count; i++) {
        uint16_t kem = keys->kems[i].kem;

        bundle.kems[i] = (struct ag_bundle_kem){
            kem, ag_bytes_of(publics->kems[i], ag_kem_public_size((enum ag_kem)kem))};
    }
    AG_TRY(ag_bundle_encode(&bundle, &keys->bundle));
    return ag_bundle_digest(ag_vec_view(&keys->bundle), &keys->digest);
}

static struct ag_keyring_row *add_row(struct ag_keyring_rows *rows, uint64_t epoch, uint32_t kind)
{
    struct ag_keyring_row *row = &rows->rows[rows->count];

    AG_ASSERT(rows->count < AG_KEYRING_ROWS_MAX);
    rows->count++;
    row->key = ag_keyring_row_key(epoch, kind);
    ag_vec_init(&row->value, AG_LIMIT_BUNDLE_BYTES);
    return row;
}

static enum ag_err add_sealed(const struct ag_keyring *keyring, uint64_t epoch, uint32_t kind,
                              struct ag_bytes plain, struct ag_keyring_rows *rows)
{
    struct ag_keyring_row *row = add_row(rows, epoch, kind);

    return ag_seal_seal(keyring->seal, AG_PURPOSE_KEYRING, epoch, AG_VIEW(&row->key), plain,
                        &row->value);
}

static enum ag_err make_rows(const struct ag_keyring *keyring, const struct seeds *seeds,
                             const struct ag_keyring_keys *keys, struct ag_keyring_rows *rows)
{
    struct ag_keyring_row *row = add_row(rows, keys->epoch, AG_KEYRING_BUNDLE);
    uint64_t epoch = keys->epoch;

    AG_TRY(ag_vec_append(&row->value, ag_vec_view(&keys->bundle)));
    AG_TRY(add_sealed(keyring, epoch, AG_KEYRING_DIGEST, AG_VIEW(&keys->digest), rows));
    AG_TRY(add_sealed(keyring, epoch, AG_KEYRING_MLDSA87, AG_ARRAY_VIEW(seeds->mldsa87), rows));
    AG_TRY(add_sealed(keyring, epoch, AG_KEYRING_SLHDSA, AG_ARRAY_VIEW(seeds->slhdsa), rows));
    AG_TRY(add_sealed(keyring, epoch, AG_KEYRING_POSTING, AG_ARRAY_VIEW(seeds->posting), rows));
    for (size_t i = 0; i < keys->kem_count; i++) {
        uint16_t kem = keys->kems[i].kem;

        AG_TRY(add_sealed(keyring, epoch, (uint32_t)AG_KEYRING_KEM_BASE + kem,
                          ag_bytes_of(seeds->kems[i], ag_kem_seed_size((enum ag_kem)kem)), rows));
    }
    return AG_OK;
}

enum ag_err ag_keyring_keys_make(const struct ag_keyring *keyring, uint64_t epoch,
                                 const struct ag_hash *previous, uint64_t now_ms,
                                 struct ag_keyring_rows *rows, struct ag_keyring_keys **out)
{
    struct seeds *seeds AG_SCOPED(seeds_cleanup) = ag_secret_alloc(sizeof(*seeds));
    struct publics *publics AG_SCOPED(publics_cleanup) = ag_alloc(sizeof(*publics));
    struct ag_keyring_keys *keys AG_SCOPED(ag_keyring_keys_cleanup) = NULL;

    AG_ENSURE(seeds != NULL && publics != NULL, AG_ERR_NO_MEMORY);
    AG_TRY(keys_new(epoch, keyring->kems, keyring->kem_count, &keys));
    AG_TRY(draw_seeds(keyring, seeds));
    AG_TRY(open_keys(seeds, keys, publics));
    AG_TRY(make_bundle(keyring, previous, now_ms, publics, keys));
    AG_TRY(open_lanes(keyring, keys));
    AG_TRY(make_rows(keyring, seeds, keys, rows));

    *out = keys;
    keys = NULL;
    return AG_OK;
}

/* ---- loading --------------------------------------------------------------------------------- */

static enum ag_err load_seed(const struct ag_keyring *keyring, struct ag_store_tx *tx,
                             uint64_t epoch, uint32_t kind, struct ag_buf out)
{
    struct ag_keyring_row_key key = ag_keyring_row_key(epoch, kind);
    struct ag_arena arena AG_SCOPED(ag_arena_close) = {0};
    struct ag_bytes sealed = {NULL, 0};
    struct ag_bytes plain = {NULL, 0};
    enum ag_err err = ag_store_get(tx, AG_TABLE_KEYS, AG_VIEW(&key), &sealed);

    AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_STORE_CORRUPT);
    AG_TRY(err);
    ag_arena_init_secret(&arena, out.size);
    AG_ENSURE(sealed.size <= AG_SEAL_OVERHEAD_SIZE + out.size, AG_ERR_STORE_CORRUPT);
    AG_TRY(ag_seal_unseal(keyring->seal, AG_PURPOSE_KEYRING, epoch, AG_VIEW(&key), sealed, &arena,
                          &plain));
    AG_ENSURE(plain.size == out.size, AG_ERR_STORE_CORRUPT);
    memcpy(out.data, plain.data, plain.size);
    return AG_OK;
}

static enum ag_err load_seeds(const struct ag_keyring *keyring, struct ag_store_tx *tx,
                              const struct ag_keyring_keys *keys, struct seeds *seeds)
{
    uint64_t epoch = keys->epoch;

    AG_TRY(load_seed(keyring, tx, epoch, AG_KEYRING_MLDSA87,
                     (struct ag_buf){seeds->mldsa87, sizeof(seeds->mldsa87)}));
    AG_TRY(load_seed(keyring, tx, epoch, AG_KEYRING_SLHDSA,
                     (struct ag_buf){seeds->slhdsa, sizeof(seeds->slhdsa)}));
    AG_TRY(load_seed(keyring, tx, epoch, AG_KEYRING_POSTING,
                     (struct ag_buf){seeds->posting, sizeof(seeds->posting)}));
    for (size_t i = 0; i < keys->kem_count; i++) {
        uint16_t kem = keys->kems[i].kem;

        AG_TRY(load_seed(keyring, tx, epoch, (uint32_t)AG_KEYRING_KEM_BASE + kem,
                         (struct ag_buf){seeds->kems[i], ag_kem_seed_size((enum ag_kem)kem)}));
    }
    return AG_OK;
}

/* Both were authenticated; that they disagree would be a bug or a fault, and clients would seal to
 * keys that we do not have. */
static bool are_of_bundle(const struct publics *publics, const struct ag_bundle *bundle)
{
    for (size_t i = 0; i < bundle->kem_count; i++) {
        struct ag_bytes public_key = bundle->kems[i].public_key;

        if (!ag_bytes_equal(ag_bytes_of(publics->kems[i], public_key.size), public_key)) {
            return false;
        }
    }
    return ag_bytes_equal(AG_ARRAY_VIEW(publics->mldsa87), bundle->mldsa87) &&
           ag_bytes_equal(AG_ARRAY_VIEW(publics->slhdsa), bundle->slhdsa) &&
           ag_bytes_equal(AG_ARRAY_VIEW(publics->posting), AG_ARRAY_VIEW(bundle->posting_key));
}

static enum ag_err load_bundle(const struct ag_keyring *keyring, struct ag_store_tx *tx,
                               uint64_t epoch, struct ag_bytes *out_encoding, struct ag_bundle *out,
                               struct ag_hash *out_digest)
{
    enum ag_err err = ag_keyring_bundle_load(keyring, tx, epoch, out_encoding, out_digest);

    AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_STORE_CORRUPT);
    AG_TRY(err);
    AG_ENSURE(ag_bundle_decode(*out_encoding, out, NULL) == AG_OK && out->key_epoch == epoch,
              AG_ERR_STORE_CORRUPT);
    AG_ENSURE(out->chain_id == keyring->chain_id &&
                  ag_bytes_equal(AG_VIEW(&out->genesis), AG_VIEW(&keyring->genesis)),
              AG_ERR_KEYRING_CHAIN);
    return AG_OK;
}

enum ag_err ag_keyring_keys_load(const struct ag_keyring *keyring, struct ag_store_tx *tx,
                                 uint64_t epoch, struct ag_keyring_keys **out)
{
    struct seeds *seeds AG_SCOPED(seeds_cleanup) = ag_secret_alloc(sizeof(*seeds));
    struct publics *publics AG_SCOPED(publics_cleanup) = ag_alloc(sizeof(*publics));
    struct ag_keyring_keys *keys AG_SCOPED(ag_keyring_keys_cleanup) = NULL;
    uint16_t kems[AG_LIMIT_BUNDLE_KEMS] = {0};
    struct ag_bundle bundle = {0};
    struct ag_bytes encoding = {NULL, 0};
    struct ag_hash digest = {{0}};

    AG_ENSURE(seeds != NULL && publics != NULL, AG_ERR_NO_MEMORY);
    AG_TRY(load_bundle(keyring, tx, epoch, &encoding, &bundle, &digest));
    for (size_t i = 0; i < bundle.kem_count; i++) {
        kems[i] = bundle.kems[i].kem;
    }
    AG_TRY(keys_new(epoch, kems, bundle.kem_count, &keys));
    keys->digest = digest;
    AG_TRY(ag_vec_append(&keys->bundle, encoding));
    AG_TRY(load_seeds(keyring, tx, keys, seeds));
    AG_TRY(open_keys(seeds, keys, publics));
    AG_ENSURE(are_of_bundle(publics, &bundle), AG_ERR_STORE_CORRUPT);
    AG_TRY(open_lanes(keyring, keys));

    *out = keys;
    keys = NULL;
    return AG_OK;
}
