/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "crypto/x509_i.h"

/* ecdsa: on P-256 with SHA-256 and P-384 with SHA-384 [FIPS186-5], signatures as r | s. */

#define P256_SCALAR_SIZE 32u
#define DER_SIZE_MAX     110u /* two integers of 49 bytes and their headers: 2 + 2 * 51 */

static void free_signature(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
    *signature = NULL;
}

/* r | s as libcrypto wants it: DER. */
static enum ag_err encode(struct ag_bytes pair, uint8_t der[DER_SIZE_MAX], size_t *out_size)
{
    size_t size = pair.size / 2u;
    ECDSA_SIG *signature AG_SCOPED(free_signature) = ECDSA_SIG_new();
    BIGNUM *r AG_SCOPED(ag_crypto_bn_cleanup) = BN_bin2bn(pair.data, (int)size, NULL);
    BIGNUM *s AG_SCOPED(ag_crypto_bn_cleanup) = BN_bin2bn(pair.data + size, (int)size, NULL);
    AG_ENSURE(signature != NULL && r != NULL && s != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(ECDSA_SIG_set0(signature, r, s) == 1, ag_crypto_failed(AG_ERR_CRYPTO));
    r = NULL; /* both are the signature's now */
    s = NULL;
    int wanted = i2d_ECDSA_SIG(signature, NULL);
    AG_ENSURE(wanted > 0 && (size_t)wanted <= DER_SIZE_MAX, ag_crypto_failed(AG_ERR_CRYPTO));
    uint8_t *end = der;
    int written = i2d_ECDSA_SIG(signature, &end);
    AG_ENSURE(written == wanted, ag_crypto_failed(AG_ERR_CRYPTO));
    *out_size = (size_t)written;
    return AG_OK;
}

static enum ag_err verify(EVP_PKEY *key, const char *digest, struct ag_bytes message,
                          struct ag_bytes signature)
{
    uint8_t der[DER_SIZE_MAX] = {0};
    size_t der_size = 0;
    AG_TRY(encode(signature, der, &der_size));
    EVP_MD_CTX *context AG_SCOPED(ag_crypto_md_ctx_cleanup) = EVP_MD_CTX_new();
    AG_ENSURE(context != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(EVP_DigestVerifyInit_ex(context, NULL, digest, ag_crypto_get()->library,
                                      AG_CRYPTO_PROPERTIES, key, NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_ENSURE(EVP_DigestVerify(context, der, der_size, message.data, message.size) == 1,
              ag_crypto_failed(AG_ERR_SIGNATURE));
    return AG_OK;
}

enum ag_err ag_ecdsa_verify(struct ag_bytes point, struct ag_bytes message,
                            struct ag_bytes signature)
{
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    enum ag_curve curve = point.size == 65 ? AG_CURVE_P256 : AG_CURVE_P384;
    AG_ENSURE(point.size == ag_ec_point_size(curve), AG_ERR_KEY);
    AG_ENSURE(signature.size == point.size - 1u, AG_ERR_SIGNATURE);
    AG_TRY(ag_ec_peer(curve, point.data, &key));
    return verify(key, curve == AG_CURVE_P256 ? "SHA256" : "SHA384", message, signature);
}

/* ---- the simulated hardware's keys ---- */

struct ag_ecdsa_key {
    EVP_PKEY *key;
    uint8_t point[65];
};

enum ag_err ag_ecdsa_key_open(struct ag_bytes scalar, struct ag_ecdsa_key **out)
{
    AG_ENSURE(scalar.size == P256_SCALAR_SIZE, AG_ERR_KEY);
    struct ag_ecdsa_key *key = ag_alloc(sizeof(*key));
    AG_ENSURE(key != NULL, AG_ERR_NO_MEMORY);
    enum ag_err err = ag_ec_public(AG_CURVE_P256, scalar.data, key->point);
    if (err == AG_OK) {
        err = ag_ec_key(AG_CURVE_P256, scalar.data, key->point, &key->key);
    }
    if (err != AG_OK) {
        ag_ecdsa_key_close(key);
        return err;
    }
    *out = key;
    return AG_OK;
}

void ag_ecdsa_key_close(struct ag_ecdsa_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        ag_free(key);
    }
}

EVP_PKEY *ag_ecdsa_key_pkey(const struct ag_ecdsa_key *key)
{
    return key->key;
}

enum ag_err ag_ecdsa_public(const struct ag_ecdsa_key *key, uint8_t out[65])
{
    memcpy(out, key->point, sizeof(key->point));
    return AG_OK;
}

/* DER as libcrypto gives it, as r | s. */
static enum ag_err decode(const uint8_t *der, size_t der_size, uint8_t out[64])
{
    const uint8_t *at = der;
    ECDSA_SIG *signature AG_SCOPED(free_signature) = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
    AG_ENSURE(signature != NULL, ag_crypto_failed(AG_ERR_CRYPTO));
    uint8_t pair[2 * P256_SCALAR_SIZE] = {0};
    AG_ENSURE(
        BN_bn2binpad(ECDSA_SIG_get0_r(signature), pair, P256_SCALAR_SIZE) == P256_SCALAR_SIZE &&
            BN_bn2binpad(ECDSA_SIG_get0_s(signature), pair + P256_SCALAR_SIZE, P256_SCALAR_SIZE) ==
                P256_SCALAR_SIZE,
        ag_crypto_failed(AG_ERR_CRYPTO));
    memcpy(out, pair, sizeof(pair));
    return AG_OK;
}

enum ag_err ag_ecdsa_sign(const struct ag_ecdsa_key *key, struct ag_bytes message, uint8_t out[64])
{
    uint8_t der[DER_SIZE_MAX] = {0};
    size_t der_size = sizeof(der);
    EVP_MD_CTX *context AG_SCOPED(ag_crypto_md_ctx_cleanup) = EVP_MD_CTX_new();
    AG_ENSURE(context != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(EVP_DigestSignInit_ex(context, NULL, "SHA256", ag_crypto_get()->library,
                                    AG_CRYPTO_PROPERTIES, key->key, NULL) == 1 &&
                  EVP_DigestSign(context, der, &der_size, message.data, message.size) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return decode(der, der_size, out);
}
