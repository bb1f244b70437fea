/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto_i.h"

#include <string.h>

#include <openssl/core_names.h>

/* keys: libcrypto's key objects from bytes. Its parameter arrays want pointers to bytes that may be
 * written, so secrets pass through a copy that is wiped. */

struct seed_copy {
    uint8_t bytes[AG_SLHDSA_SEED_SIZE]; /* the longest seed */
};

static void wipe_seed(struct seed_copy *seed)
{
    ag_wipe(seed, sizeof(*seed));
}

enum ag_err ag_crypto_key_from_seed(const char *name, struct ag_bytes seed, EVP_PKEY **out)
{
    struct seed_copy copy AG_SCOPED(wipe_seed) = {0};
    AG_ENSURE(seed.size != 0 && seed.size <= sizeof(copy.bytes), AG_ERR_KEY);
    memcpy(copy.bytes, seed.data, seed.size);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_KEM_SEED, copy.bytes, seed.size),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context AG_SCOPED(ag_crypto_pkey_ctx_cleanup) =
        EVP_PKEY_CTX_new_from_name(ag_crypto_get()->library, name, AG_CRYPTO_PROPERTIES);
    EVP_PKEY *key = NULL;
    AG_ENSURE(context != NULL && EVP_PKEY_keygen_init(context) == 1 &&
                  EVP_PKEY_CTX_set_params(context, params) == 1 &&
                  EVP_PKEY_generate(context, &key) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    *out = key;
    return AG_OK;
}

/* ---- NIST curves ---- */

struct curve {
    const char *name;
    size_t scalar_size;
};

static struct curve find_curve(enum ag_curve curve)
{
    return curve == AG_CURVE_P256 ? (struct curve){"P-256", 32} : (struct curve){"P-384", 48};
}

size_t ag_ec_point_size(enum ag_curve curve)
{
    return 1u + 2u * find_curve(curve).scalar_size;
}

/* A scalar as a number: between 1 and the order, else KEY. */
static enum ag_err read_scalar(const EC_GROUP *group, const uint8_t *scalar, size_t size,
                               BIGNUM **out)
{
    BIGNUM *number AG_SCOPED(ag_crypto_bn_cleanup) = BN_bin2bn(scalar, (int)size, NULL);
    AG_ENSURE(number != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    BN_set_flags(number, BN_FLG_CONSTTIME);
    const BIGNUM *order = EC_GROUP_get0_order(group);
    AG_ENSURE(!BN_is_zero(number) && BN_cmp(number, order) < 0, AG_ERR_KEY);
    *out = number;
    number = NULL;
    return AG_OK;
}

enum ag_err ag_ec_public(enum ag_curve curve, const uint8_t *scalar, uint8_t *out)
{
    const EC_GROUP *group = ag_crypto_get()->group[curve];
    size_t size = ag_ec_point_size(curve);
    BIGNUM *number AG_SCOPED(ag_crypto_bn_cleanup) = NULL;
    AG_TRY(read_scalar(group, scalar, find_curve(curve).scalar_size, &number));
    EC_POINT *point AG_SCOPED(ag_crypto_point_cleanup) = EC_POINT_new(group);
    AG_ENSURE(point != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(EC_POINT_mul(group, point, number, NULL, NULL, NULL) == 1 &&
                  EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, size,
                                     NULL) == size,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

/* What the parameters of a key point to. */
struct ec_parts {
    char group[6];
    uint8_t point[AG_P384_POINT_SIZE];
    uint8_t scalar[AG_P384_SCALAR_SIZE]; /* little-endian, as numbers stand in parameters */
};

static void wipe_parts(struct ec_parts *parts)
{
    ag_wipe(parts, sizeof(*parts));
}

static enum ag_err import(OSSL_PARAM *params, int selection, EVP_PKEY **out)
{
    EVP_PKEY_CTX *context AG_SCOPED(ag_crypto_pkey_ctx_cleanup) =
        EVP_PKEY_CTX_new_from_name(ag_crypto_get()->library, "EC", AG_CRYPTO_PROPERTIES);
    EVP_PKEY *key = NULL;
    AG_ENSURE(context != NULL && EVP_PKEY_fromdata_init(context) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_ENSURE(EVP_PKEY_fromdata(context, &key, selection, params) == 1,
              ag_crypto_failed(AG_ERR_KEY));
    *out = key;
    return AG_OK;
}

enum ag_err ag_ec_key(enum ag_curve curve, const uint8_t *scalar, const uint8_t *point,
                      EVP_PKEY **out)
{
    struct ec_parts parts AG_SCOPED(wipe_parts) = {0};
    size_t size = find_curve(curve).scalar_size;
    memcpy(parts.group, find_curve(curve).name, sizeof(parts.group));
    memcpy(parts.point, point, ag_ec_point_size(curve));
    for (size_t i = 0; i < size; i++) {
        parts.scalar[i] = scalar[size - 1u - i];
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, parts.group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, parts.point,
                                          ag_ec_point_size(curve)),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, parts.scalar, size),
        OSSL_PARAM_construct_end(),
    };
    return import(params, EVP_PKEY_KEYPAIR, out);
}

enum ag_err ag_ec_peer(enum ag_curve curve, const uint8_t *point, EVP_PKEY **out)
{
    struct ec_parts parts = {0};
    /* libcrypto also takes the hybrid tags 06 and 07 at this length; there is one encoding here. */
    AG_ENSURE(point[0] == POINT_CONVERSION_UNCOMPRESSED, AG_ERR_KEY);
    memcpy(parts.group, find_curve(curve).name, sizeof(parts.group));
    memcpy(parts.point, point, ag_ec_point_size(curve));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, parts.group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, parts.point,
                                          ag_ec_point_size(curve)),
        OSSL_PARAM_construct_end(),
    };
    return import(params, EVP_PKEY_PUBLIC_KEY, out);
}

enum ag_err ag_p384_derive(EVP_PKEY_CTX *derive, EVP_PKEY *peer, uint8_t out[AG_P384_SCALAR_SIZE])
{
    size_t size = AG_P384_SCALAR_SIZE;
    /* No full check of the peer: its point was found on the curve when it was decoded, and the
     * order of the curve is prime, so there is no small subgroup to be led into. Saves 25 us. */
    AG_ENSURE(EVP_PKEY_derive_set_peer_ex(derive, peer, 0) == 1 &&
                  EVP_PKEY_derive(derive, out, &size) == 1 && size == AG_P384_SCALAR_SIZE,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_p384_exchange(EVP_PKEY_CTX *derive, EVP_PKEY *peer, const uint8_t *stand_in,
                             const uint8_t *point, uint8_t out[AG_P384_SCALAR_SIZE],
                             bool *out_is_point)
{
    bool is_point = point[0] == POINT_CONVERSION_UNCOMPRESSED &&
                    EVP_PKEY_set1_encoded_public_key(peer, point, AG_P384_POINT_SIZE) == 1;
    if (!is_point) {
        ag_crypto_forget_errors();
        AG_ENSURE(EVP_PKEY_set1_encoded_public_key(peer, stand_in, AG_P384_POINT_SIZE) == 1,
                  ag_crypto_failed(AG_ERR_CRYPTO));
    }
    AG_TRY(ag_p384_derive(derive, peer, out));
    *out_is_point = is_point;
    return AG_OK;
}
