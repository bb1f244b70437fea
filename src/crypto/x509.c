/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_i.h"

#include <time.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>

/* x509: the checks that certificates and revocation lists have in common. */

#define EXTENSIONS_MAX 32   /* vendor certificates have below 10 */
#define RSA_BITS_MIN   3072 /* AMD's keys have 4096 */
#define PSS_SALT_SIZE  48   /* as long as the digest, SHA-384 */

enum ag_err ag_x509_time(const ASN1_TIME *time, uint64_t *out_ms)
{
    struct tm parts = {0};
    AG_ENSURE(time != NULL && ASN1_TIME_to_tm(time, &parts) == 1, ag_crypto_failed(AG_ERR_CERT));
    time_t seconds = timegm(&parts);
    AG_ENSURE(seconds >= 0, AG_ERR_CERT);
    *out_ms = (uint64_t)seconds * 1000u;
    return AG_OK;
}

enum ag_err ag_x509_integer(const ASN1_INTEGER *integer, struct ag_bytes *out)
{
    AG_ENSURE(integer != NULL && ASN1_STRING_type(integer) == V_ASN1_INTEGER, AG_ERR_CERT);
    AG_ENSURE(ASN1_STRING_length(integer) > 0, AG_ERR_CERT);
    *out = ag_bytes_of(ASN1_STRING_get0_data(integer), (size_t)ASN1_STRING_length(integer));
    return AG_OK;
}

enum ag_err ag_x509_name(const X509_NAME *name, struct ag_bytes *out)
{
    const unsigned char *der = NULL;
    size_t size = 0;
    AG_ENSURE(name != NULL && X509_NAME_get0_der(name, &der, &size) == 1,
              ag_crypto_failed(AG_ERR_CERT));
    *out = ag_bytes_of(der, size);
    return AG_OK;
}

enum ag_err ag_x509_extensions(const STACK_OF(X509_EXTENSION) * extensions, const int *known,
                               size_t known_count)
{
    int count = extensions == NULL ? 0 : sk_X509_EXTENSION_num(extensions);
    AG_ENSURE(count <= EXTENSIONS_MAX, AG_ERR_CERT);
    for (int i = 0; i < count; i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
        for (int j = 0; j < i; j++) {
            X509_EXTENSION *other = sk_X509_EXTENSION_value(extensions, j);
            AG_ENSURE(OBJ_cmp(object, X509_EXTENSION_get_object(other)) != 0, AG_ERR_CERT);
        }
        bool is_known = X509_EXTENSION_get_critical(extension) == 0;
        for (size_t k = 0; k < known_count; k++) {
            is_known = is_known || OBJ_obj2nid(object) == known[k];
        }
        AG_ENSURE(is_known, AG_ERR_CERT);
    }
    return AG_OK;
}

/* ---- signature algorithms ---- */

static bool is_named(const X509_ALGOR *algorithm, int nid)
{
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return OBJ_obj2nid(object) == nid;
}

static void free_pss(RSA_PSS_PARAMS **pss)
{
    RSA_PSS_PARAMS_free(*pss);
    *pss = NULL;
}

static void free_algorithm(X509_ALGOR **algorithm)
{
    X509_ALGOR_free(*algorithm);
    *algorithm = NULL;
}

/* The algorithm inside MGF1's parameters. */
static X509_ALGOR *mask_hash_of(const X509_ALGOR *mask)
{
    int type = 0;
    const void *value = NULL;
    X509_ALGOR_get0(NULL, &type, &value, mask);
    if (type != V_ASN1_SEQUENCE || value == NULL) {
        return NULL;
    }
    const unsigned char *at = ASN1_STRING_get0_data(value);
    return d2i_X509_ALGOR(NULL, &at, ASN1_STRING_length(value));
}

/* RSASSA-PSS with SHA-384 in all three places [RFC4055 3.1], as AMD signs. */
static bool is_pss_sha384(const X509_ALGOR *algorithm)
{
    int type = 0;
    const void *value = NULL;
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE || value == NULL) {
        return false;
    }
    const unsigned char *at = ASN1_STRING_get0_data(value);
    RSA_PSS_PARAMS *pss AG_SCOPED(free_pss) =
        d2i_RSA_PSS_PARAMS(NULL, &at, ASN1_STRING_length(value));
    if (pss == NULL || pss->hashAlgorithm == NULL || pss->maskGenAlgorithm == NULL ||
        pss->saltLength == NULL) {
        return false;
    }
    X509_ALGOR *mask AG_SCOPED(free_algorithm) = mask_hash_of(pss->maskGenAlgorithm);
    return mask != NULL && is_named(mask, NID_sha384) && is_named(pss->hashAlgorithm, NID_sha384) &&
           is_named(pss->maskGenAlgorithm, NID_mgf1) &&
           ASN1_INTEGER_get(pss->saltLength) == PSS_SALT_SIZE &&
           (pss->trailerField == NULL || ASN1_INTEGER_get(pss->trailerField) == 1);
}

static bool is_nist_curve(const EVP_PKEY *key)
{
    char name[32] = {0};
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1 &&
           (OBJ_sn2nid(name) == NID_X9_62_prime256v1 || OBJ_sn2nid(name) == NID_secp384r1);
}

enum ag_err ag_x509_algorithm(const X509_ALGOR *algorithm, const EVP_PKEY *signer)
{
    bool is_good = false;
    if (is_named(algorithm, NID_ecdsa_with_SHA256) || is_named(algorithm, NID_ecdsa_with_SHA384)) {
        is_good = is_nist_curve(signer);
    } else if (is_named(algorithm, NID_rsassaPss)) {
        is_good = EVP_PKEY_is_a(signer, "RSA") == 1 && EVP_PKEY_get_bits(signer) >= RSA_BITS_MIN &&
                  is_pss_sha384(algorithm);
    }
    AG_ENSURE(is_good, ag_crypto_failed(AG_ERR_CERT));
    return AG_OK;
}
