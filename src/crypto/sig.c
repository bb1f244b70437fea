/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include <openssl/core_names.h>

#include "crypto/crypto_i.h"

/* sig: ML-DSA-87 [FIPS204] and SLH-DSA-SHA2-256s [FIPS205], pure mode, hedged. */

#define CONTEXT_SIZE_MAX 255u /* [FIPS204 5.2], [FIPS205 10.2] */

struct ag_sig_key {
    enum ag_sig_alg alg;
    EVP_PKEY *key;
};

struct ag_sig_public {
    enum ag_sig_alg alg;
    EVP_PKEY *key;
};

/* What differs between the two. */
struct algorithm {
    const char *name;
    size_t public_size;
    size_t seed_size;
    size_t signature_size;
};

static const struct algorithm *find(enum ag_sig_alg alg)
{
    static const struct algorithm mldsa = {"ML-DSA-87", AG_MLDSA87_PUBLIC_SIZE,
                                           AG_MLDSA87_SEED_SIZE, AG_MLDSA87_SIGNATURE_SIZE};
    static const struct algorithm slhdsa = {"SLH-DSA-SHA2-256s", AG_SLHDSA_PUBLIC_SIZE,
                                            AG_SLHDSA_SEED_SIZE, AG_SLHDSA_SIGNATURE_SIZE};
    switch (alg) {
    case AG_SIG_MLDSA87:
        return &mldsa;
    case AG_SIG_SLHDSA_SHA2_256S:
        return &slhdsa;
    }
    return NULL;
}

static EVP_SIGNATURE *fetched(enum ag_sig_alg alg)
{
    return alg == AG_SIG_MLDSA87 ? ag_crypto_get()->mldsa87 : ag_crypto_get()->slhdsa;
}

size_t ag_sig_public_size(enum ag_sig_alg alg)
{
    const struct algorithm *algorithm = find(alg);
    return algorithm == NULL ? 0 : algorithm->public_size;
}

size_t ag_sig_seed_size(enum ag_sig_alg alg)
{
    const struct algorithm *algorithm = find(alg);
    return algorithm == NULL ? 0 : algorithm->seed_size;
}

size_t ag_sig_signature_size(enum ag_sig_alg alg)
{
    const struct algorithm *algorithm = find(alg);
    return algorithm == NULL ? 0 : algorithm->signature_size;
}

/* ---- one operation, with everything that tests may choose ---- */

/* The parameters of an operation, and what they point to. */
struct parameters {
    uint8_t context[CONTEXT_SIZE_MAX];
    uint8_t entropy[32];
    int deterministic;
    int encoding;
    int mu;
    OSSL_PARAM list[6];
};

/* In a program only the context string is ever set: hedged and encoded are libcrypto's defaults. */
static enum ag_err fill(struct parameters *out, const struct ag_sig_mode *mode)
{
    size_t count = 0;
    AG_ENSURE(mode->context.size <= CONTEXT_SIZE_MAX, AG_ERR_CONTEXT);
    AG_ENSURE(mode->test_entropy.size <= sizeof(out->entropy), AG_ERR_ARGUMENT);
    if (mode->context.size != 0) {
        memcpy(out->context, mode->context.data, mode->context.size);
        out->list[count++] = OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                                               out->context, mode->context.size);
    }
    if (mode->is_deterministic) {
        out->deterministic = 1;
        out->list[count++] =
            OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &out->deterministic);
    }
    if (mode->test_entropy.size != 0) {
        memcpy(out->entropy, mode->test_entropy.data, mode->test_entropy.size);
        out->list[count++] = OSSL_PARAM_construct_octet_string(
            OSSL_SIGNATURE_PARAM_TEST_ENTROPY, out->entropy, mode->test_entropy.size);
    }
    if (mode->is_raw) {
        out->encoding = 0;
        out->list[count++] =
            OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_MESSAGE_ENCODING, &out->encoding);
    }
    if (mode->is_mu) {
        out->mu = 1;
        out->list[count++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_MU, &out->mu);
    }
    out->list[count] = OSSL_PARAM_construct_end();
    return AG_OK;
}

static EVP_PKEY_CTX *context_of(EVP_PKEY *key)
{
    return EVP_PKEY_CTX_new_from_pkey(ag_crypto_get()->library, key, AG_CRYPTO_PROPERTIES);
}

enum ag_err ag_crypto_sign(EVP_PKEY *key, EVP_SIGNATURE *algorithm, const struct ag_sig_mode *mode,
                           struct ag_bytes message, struct ag_buf out)
{
    struct parameters parameters = {0};
    size_t size = out.size;
    AG_TRY(fill(&parameters, mode));
    EVP_PKEY_CTX *context AG_SCOPED(ag_crypto_pkey_ctx_cleanup) = context_of(key);
    AG_ENSURE(context != NULL &&
                  EVP_PKEY_sign_message_init(context, algorithm, parameters.list) == 1 &&
                  EVP_PKEY_sign(context, out.data, &size, message.data, message.size) == 1 &&
                  size == out.size,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_crypto_verify(EVP_PKEY *key, EVP_SIGNATURE *algorithm,
                             const struct ag_sig_mode *mode, struct ag_bytes message,
                             struct ag_bytes signature)
{
    struct parameters parameters = {0};
    AG_TRY(fill(&parameters, mode));
    EVP_PKEY_CTX *context AG_SCOPED(ag_crypto_pkey_ctx_cleanup) = context_of(key);
    AG_ENSURE(context != NULL &&
                  EVP_PKEY_verify_message_init(context, algorithm, parameters.list) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_ENSURE(
        EVP_PKEY_verify(context, signature.data, signature.size, message.data, message.size) == 1,
        ag_crypto_failed(AG_ERR_SIGNATURE));
    return AG_OK;
}

static struct ag_sig_mode mode_of(enum ag_tag tag)
{
    const char *label = ag_tag_label(tag);
    return (struct ag_sig_mode){.context = ag_bytes_of(label, strlen(label))};
}

/* ---- private keys ---- */

enum ag_err ag_sig_key_open(enum ag_sig_alg alg, struct ag_bytes seed, struct ag_sig_key **out)
{
    const struct algorithm *algorithm = find(alg);
    AG_ENSURE(algorithm != NULL, AG_ERR_SUITE);
    AG_ENSURE(seed.size == algorithm->seed_size, AG_ERR_KEY);
    struct ag_sig_key *key = ag_alloc(sizeof(*key));
    AG_ENSURE(key != NULL, AG_ERR_NO_MEMORY);
    key->alg = alg;
    enum ag_err err = ag_crypto_key_from_seed(algorithm->name, seed, &key->key);
    if (err != AG_OK) {
        ag_sig_key_close(key);
        return err;
    }
    *out = key;
    return AG_OK;
}

void ag_sig_key_close(struct ag_sig_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        ag_free(key);
    }
}

enum ag_err ag_sig_key_public(const struct ag_sig_key *key, struct ag_buf out)
{
    size_t size = out.size;
    AG_ENSURE(out.size == ag_sig_public_size(key->alg), AG_ERR_ARGUMENT);
    AG_ENSURE(EVP_PKEY_get_raw_public_key(key->key, out.data, &size) == 1 && size == out.size,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_sig_sign(const struct ag_sig_key *key, enum ag_tag tag, struct ag_bytes message,
                        struct ag_buf out)
{
    AG_ENSURE((unsigned)tag < AG_TAG_COUNT, AG_ERR_ARGUMENT);
    AG_ENSURE(out.size == ag_sig_signature_size(key->alg), AG_ERR_ARGUMENT);
    const struct ag_sig_mode mode = mode_of(tag);
    enum ag_err err = ag_crypto_sign(key->key, fetched(key->alg), &mode, message, out);
    if (err == AG_OK && key->alg == AG_SIG_SLHDSA_SHA2_256S) {
        /* A fault while a subtree is hashed lets a one-time key sign two roots, and forging follows
         * [Castelnovi et al. 2018]. This catches a part of such faults; the rest is said in
         * docs/spec/crypto.md. */
        err = ag_crypto_verify(key->key, fetched(key->alg), &mode, message,
                               ag_bytes_of(out.data, out.size)) == AG_OK
                  ? AG_OK
                  : AG_ERR_CRYPTO;
    }
    if (err != AG_OK) {
        ag_wipe(out.data, out.size);
    }
    return err;
}

/* ---- public keys ---- */

enum ag_err ag_sig_public_open(enum ag_sig_alg alg, struct ag_bytes public_key,
                               struct ag_sig_public **out)
{
    const struct algorithm *algorithm = find(alg);
    AG_ENSURE(algorithm != NULL, AG_ERR_SUITE);
    AG_ENSURE(public_key.size == algorithm->public_size, AG_ERR_KEY);
    struct ag_sig_public *key = ag_alloc(sizeof(*key));
    AG_ENSURE(key != NULL, AG_ERR_NO_MEMORY);
    key->alg = alg;
    key->key =
        EVP_PKEY_new_raw_public_key_ex(ag_crypto_get()->library, algorithm->name,
                                       AG_CRYPTO_PROPERTIES, public_key.data, public_key.size);
    if (key->key == NULL) {
        ag_sig_public_close(key);
        return ag_crypto_failed(AG_ERR_KEY);
    }
    *out = key;
    return AG_OK;
}

void ag_sig_public_close(struct ag_sig_public *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        ag_free(key);
    }
}

EVP_PKEY *ag_sig_public_pkey(const struct ag_sig_public *key)
{
    return key->key;
}

static void close_public(struct ag_sig_public **key)
{
    ag_sig_public_close(*key);
}

enum ag_err ag_sig_verify(const struct ag_sig_public *key, enum ag_tag tag, struct ag_bytes message,
                          struct ag_bytes signature)
{
    AG_ENSURE((unsigned)tag < AG_TAG_COUNT, AG_ERR_ARGUMENT);
    AG_ENSURE(signature.size == ag_sig_signature_size(key->alg), AG_ERR_SIGNATURE);
    const struct ag_sig_mode mode = mode_of(tag);
    return ag_crypto_verify(key->key, fetched(key->alg), &mode, message, signature);
}

enum ag_err ag_sig_verify_once(enum ag_sig_alg alg, struct ag_bytes public_key, enum ag_tag tag,
                               struct ag_bytes message, struct ag_bytes signature)
{
    struct ag_sig_public *key AG_SCOPED(close_public) = NULL;
    AG_TRY(ag_sig_public_open(alg, public_key, &key));
    return ag_sig_verify(key, tag, message, signature);
}
