/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/keyring.h"

#include <string.h>

#include "keyring/keyring_i.h"

/* ---- opening --------------------------------------------------------------------------------- */

static enum ag_err check_config(const struct ag_keyring_config *config)
{
    AG_ENSURE(config->lanes >= 1 && config->lanes <= AG_LIMIT_WORKERS && config->kem_count >= 1 &&
                  config->kem_count <= AG_LIMIT_BUNDLE_KEMS,
              AG_ERR_ARGUMENT);
    for (size_t i = 0; i < config->kem_count; i++) {
        AG_ENSURE(ag_kem_is_known(config->kems[i]), AG_ERR_SUITE);
        AG_ENSURE(i == 0 || config->kems[i - 1] < config->kems[i], AG_ERR_ARGUMENT);
    }
    return AG_OK;
}

static enum ag_err load_all(struct ag_keyring *keyring, struct ag_store_tx *tx,
                            const struct ag_keyring_inventory *inventory)
{
    for (uint64_t epoch = inventory->first; epoch <= inventory->current; epoch++) {
        AG_TRY(
            ag_keyring_keys_load(keyring, tx, epoch, &keyring->honoured[keyring->honoured_count]));
        keyring->honoured_count++;
    }
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&keyring->honoured[keyring->honoured_count - 1]->digest),
                             AG_VIEW(&inventory->digest)),
              AG_ERR_STORE_CORRUPT);
    return AG_OK;
}

/* Answers NOT_FOUND when the table is empty, and only then. */
static enum ag_err load(struct ag_keyring *keyring)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_keyring_inventory inventory = {0};
    uint64_t row_count = 0;
    enum ag_err err = AG_OK;

    AG_TRY(ag_store_read_begin(keyring->store, &tx));
    AG_TRY(ag_store_count(tx, AG_TABLE_KEYS, &row_count));
    AG_ENSURE(row_count > 0, AG_ERR_NOT_FOUND);
    err = ag_keyring_inventory_load(keyring, tx, &inventory);
    AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_STORE_CORRUPT);
    AG_TRY(err);
    return load_all(keyring, tx, &inventory);
}

enum ag_err ag_keyring_open(struct ag_store *store, const struct ag_seal *seal,
                            const struct ag_host *host, const struct ag_keyring_config *config,
                            uint64_t now_ms, struct ag_keyring **out)
{
    struct ag_keyring *keyring AG_SCOPED(ag_keyring_cleanup) = NULL;
    enum ag_err err = AG_OK;

    AG_TRY(check_config(config));
    keyring = ag_alloc(sizeof(*keyring));
    AG_ENSURE(keyring != NULL, AG_ERR_NO_MEMORY);
    AG_ASSERT(pthread_mutex_init(&keyring->lock, NULL) == 0); /* cannot fail on Linux */
    keyring->store = store;
    keyring->seal = seal;
    keyring->host = host;
    keyring->chain_id = config->chain_id;
    keyring->genesis = config->genesis;
    memcpy(keyring->kems, config->kems, config->kem_count * sizeof(*config->kems));
    keyring->kem_count = config->kem_count;
    keyring->lanes = config->lanes;
    err = load(keyring);
    if (err == AG_ERR_NOT_FOUND) {
        err = ag_keyring_rotate(keyring, now_ms); /* from no epoch to the first */
    }
    AG_TRY(err);

    *out = keyring;
    keyring = NULL;
    return AG_OK;
}

void ag_keyring_close(struct ag_keyring *keyring)
{
    if (keyring == NULL) {
        return;
    }
    ag_keyring_settle(keyring, false);
    for (size_t i = 0; i < keyring->honoured_count; i++) {
        ag_keyring_keys_release(keyring->honoured[i]);
    }
    (void)pthread_mutex_destroy(&keyring->lock); /* fails only while it is locked */
    ag_free(keyring);
}

void ag_keyring_cleanup(struct ag_keyring **keyring)
{
    ag_keyring_close(*keyring);
}

/* ---- finding --------------------------------------------------------------------------------- */

/* The keys of a honoured epoch, held, or NULL. Epoch 0 is the current one. */
static struct ag_keyring_keys *hold(struct ag_keyring *keyring, uint64_t epoch)
{
    struct ag_keyring_keys *found = NULL;

    AG_ASSERT(pthread_mutex_lock(&keyring->lock) == 0);
    for (size_t i = keyring->honoured_count; i > 0 && found == NULL; i--) {
        if (epoch == 0 || keyring->honoured[i - 1]->epoch == epoch) {
            found = keyring->honoured[i - 1];
            atomic_fetch_add(&found->holders, 1);
        }
    }
    AG_ASSERT(pthread_mutex_unlock(&keyring->lock) == 0);
    return found;
}

static uint64_t epoch_at(struct ag_keyring *keyring, bool is_first)
{
    uint64_t epoch = 0;

    AG_ASSERT(pthread_mutex_lock(&keyring->lock) == 0);
    epoch = keyring->honoured[is_first ? 0 : keyring->honoured_count - 1]->epoch;
    AG_ASSERT(pthread_mutex_unlock(&keyring->lock) == 0);
    return epoch;
}

uint64_t ag_keyring_epoch(struct ag_keyring *keyring)
{
    return epoch_at(keyring, false);
}

uint64_t ag_keyring_epoch_first(struct ag_keyring *keyring)
{
    return epoch_at(keyring, true);
}

static enum ag_err give_bundle(struct ag_bytes encoding, const struct ag_hash *digest,
                               struct ag_vec *out_encoding, struct ag_hash *out_digest)
{
    if (out_encoding != NULL) {
        AG_TRY(ag_vec_append(out_encoding, encoding));
    }
    if (out_digest != NULL) {
        *out_digest = *digest;
    }
    return AG_OK;
}

enum ag_err ag_keyring_bundle(struct ag_keyring *keyring, uint64_t epoch,
                              struct ag_vec *out_encoding, struct ag_hash *out_digest)
{
    struct ag_keyring_keys *keys AG_SCOPED(ag_keyring_keys_cleanup) = NULL;
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_bytes encoding = {NULL, 0};
    struct ag_hash digest = {{0}};

    AG_ENSURE(epoch != 0, AG_ERR_NOT_FOUND);
    keys = hold(keyring, epoch);
    if (keys != NULL) {
        return give_bundle(ag_vec_view(&keys->bundle), &keys->digest, out_encoding, out_digest);
    }
    AG_TRY(ag_store_read_begin(keyring->store, &tx));
    AG_TRY(ag_keyring_bundle_load(keyring, tx, epoch, &encoding, &digest));
    return give_bundle(encoding, &digest, out_encoding, out_digest);
}

/* ---- using ----------------------------------------------------------------------------------- */

enum ag_err ag_keyring_receive(struct ag_keyring *keyring, unsigned lane, uint64_t epoch,
                               uint16_t kem, struct ag_bytes enc, struct ag_hpke *out)
{
    struct ag_keyring_keys *keys AG_SCOPED(ag_keyring_keys_cleanup) = NULL;

    AG_ENSURE(lane < keyring->lanes, AG_ERR_ARGUMENT);
    AG_ENSURE(epoch != 0, AG_ERR_ENVELOPE_EPOCH);
    keys = hold(keyring, epoch);
    AG_ENSURE(keys != NULL, AG_ERR_ENVELOPE_EPOCH);
    for (size_t i = 0; i < keys->kem_count; i++) {
        if (keys->kems[i].kem == kem) {
            return ag_hpke_receive(keys->kems[i].works[lane], &keys->kems[i].info, enc, false, out);
        }
    }
    return AG_ERR_SUITE;
}

/* A tag that is not here is signed by nobody. */
static bool is_tag_of(enum ag_sig_alg alg, enum ag_tag tag)
{
    static const struct {
        enum ag_tag tag;
        enum ag_sig_alg alg;
    } rows[] = {
        {AG_TAG_GROUP_MLDSA, AG_SIG_MLDSA87},
        {AG_TAG_BATCH_MLDSA, AG_SIG_MLDSA87},
        {AG_TAG_BATCH_SLHDSA, AG_SIG_SLHDSA_SHA2_256S},
    };

    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        if (rows[i].tag == tag && rows[i].alg == alg) {
            return true;
        }
    }
    return false;
}

static enum ag_err sign_with(struct ag_keyring *keyring, uint64_t epoch, enum ag_sig_alg alg,
                             enum ag_tag tag, struct ag_bytes message, struct ag_buf out)
{
    struct ag_keyring_keys *keys AG_SCOPED(ag_keyring_keys_cleanup) = NULL;

    AG_ENSURE(is_tag_of(alg, tag) && out.size == ag_sig_signature_size(alg), AG_ERR_ARGUMENT);
    keys = hold(keyring, epoch);
    AG_ENSURE(keys != NULL, AG_ERR_ENVELOPE_EPOCH);
    return ag_sig_sign(alg == AG_SIG_MLDSA87 ? keys->mldsa87 : keys->slhdsa, tag, message, out);
}

enum ag_err ag_keyring_sign(struct ag_keyring *keyring, enum ag_sig_alg alg, enum ag_tag tag,
                            struct ag_bytes message, struct ag_buf out)
{
    return sign_with(keyring, 0, alg, tag, message, out);
}

enum ag_err ag_keyring_sign_epoch(struct ag_keyring *keyring, uint64_t epoch, enum ag_sig_alg alg,
                                  enum ag_tag tag, struct ag_bytes message, struct ag_buf out)
{
    AG_ENSURE(epoch != 0, AG_ERR_ENVELOPE_EPOCH);
    return sign_with(keyring, epoch, alg, tag, message, out);
}

enum ag_err ag_keyring_post_sign(struct ag_keyring *keyring, const uint8_t digest[32],
                                 uint8_t out[AG_SECP256K1_SIGNATURE_SIZE])
{
    struct ag_keyring_keys *keys AG_SCOPED(ag_keyring_keys_cleanup) = hold(keyring, 0);

    AG_ASSERT(keys != NULL); /* an open keyring has a current epoch */
    return ag_secp256k1_sign(keys->posting, digest, out);
}
