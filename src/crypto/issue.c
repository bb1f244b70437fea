/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "crypto/x509_i.h"

/* issue: certificates and revocation lists of the simulated hardware, which has real formats and
 * real chains under a root that policies reject. P-256 with SHA-256 [RFC5280]. */

#define TIME_MS_END     253402300800000ull /* the year 10000, which no certificate can say */
#define PATH_LENGTH_MAX 2                  /* a root, two intermediates and a leaf */

static void free_x509(X509 **x509)
{
    X509_free(*x509);
    *x509 = NULL;
}

static void free_crl(X509_CRL **crl)
{
    X509_CRL_free(*crl);
    *crl = NULL;
}

static void free_name(X509_NAME **name)
{
    X509_NAME_free(*name);
    *name = NULL;
}

static void free_time(ASN1_TIME **time)
{
    ASN1_TIME_free(*time);
    *time = NULL;
}

static void free_integer(ASN1_INTEGER **integer)
{
    ASN1_INTEGER_free(*integer);
    *integer = NULL;
}

static void free_octets(ASN1_OCTET_STRING **octets)
{
    ASN1_OCTET_STRING_free(*octets);
    *octets = NULL;
}

static void free_bits(ASN1_BIT_STRING **bits)
{
    ASN1_BIT_STRING_free(*bits);
    *bits = NULL;
}

static void free_constraints(BASIC_CONSTRAINTS **constraints)
{
    BASIC_CONSTRAINTS_free(*constraints);
    *constraints = NULL;
}

static void free_authority(AUTHORITY_KEYID **authority)
{
    AUTHORITY_KEYID_free(*authority);
    *authority = NULL;
}

static void free_object(ASN1_OBJECT **object)
{
    ASN1_OBJECT_free(*object);
    *object = NULL;
}

static void free_extension(X509_EXTENSION **extension)
{
    X509_EXTENSION_free(*extension);
    *extension = NULL;
}

static void free_revoked(X509_REVOKED **revoked)
{
    X509_REVOKED_free(*revoked);
    *revoked = NULL;
}

/* ---- parts ---- */

static enum ag_err make_name(const struct ag_cert_request *request, X509_NAME **out)
{
    X509_NAME *name AG_SCOPED(free_name) = X509_NAME_new();
    AG_ENSURE(name != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                         (const unsigned char *)request->common_name, -1, -1,
                                         0) == 1,
              ag_crypto_failed(AG_ERR_ARGUMENT));
    AG_ENSURE(request->organization == NULL ||
                  X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                             (const unsigned char *)request->organization, -1, -1,
                                             0) == 1,
              ag_crypto_failed(AG_ERR_ARGUMENT));
    *out = name;
    name = NULL;
    return AG_OK;
}

static enum ag_err make_time(uint64_t ms, ASN1_TIME **out)
{
    AG_ENSURE(ms < TIME_MS_END, AG_ERR_ARGUMENT);
    *out = ASN1_TIME_set(NULL, (time_t)(ms / 1000u));
    AG_ENSURE(*out != NULL, ag_crypto_failed(AG_ERR_ARGUMENT));
    return AG_OK;
}

static enum ag_err make_integer(struct ag_bytes value, ASN1_INTEGER **out)
{
    /* [RFC5280 4.1.2.2]: at most 20 bytes. */
    AG_ENSURE(value.size != 0 && value.size <= 20, AG_ERR_ARGUMENT);
    BIGNUM *number AG_SCOPED(ag_crypto_bn_cleanup) = BN_bin2bn(value.data, (int)value.size, NULL);
    AG_ENSURE(number != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    *out = BN_to_ASN1_INTEGER(number, NULL);
    AG_ENSURE(*out != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    return AG_OK;
}

/* The identifier of a key: the first 20 bytes of SHA-256 over its point [RFC7093 2, method 1]. */
static enum ag_err make_key_id(struct ag_bytes point, ASN1_OCTET_STRING **out)
{
    uint8_t digest[32] = {0};
    AG_TRY(ag_sha256(&point, 1, digest));
    ASN1_OCTET_STRING *octets AG_SCOPED(free_octets) = ASN1_OCTET_STRING_new();
    AG_ENSURE(octets != NULL && ASN1_OCTET_STRING_set(octets, digest, 20) == 1,
              ag_crypto_failed(AG_ERR_NO_MEMORY));
    *out = octets;
    octets = NULL;
    return AG_OK;
}

static enum ag_err make_authority(struct ag_bytes issuer_point, AUTHORITY_KEYID **out)
{
    AUTHORITY_KEYID *authority AG_SCOPED(free_authority) = AUTHORITY_KEYID_new();
    AG_ENSURE(authority != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_TRY(make_key_id(issuer_point, &authority->keyid));
    *out = authority;
    authority = NULL;
    return AG_OK;
}

static enum ag_err append_der(const uint8_t *der, int size, struct ag_vec *out)
{
    AG_ENSURE(size > 0, ag_crypto_failed(AG_ERR_CRYPTO));
    return ag_vec_append(out, ag_bytes_of(der, (size_t)size));
}

/* ---- certificates ---- */

static enum ag_err add_constraints(X509 *x509, bool is_ca)
{
    BASIC_CONSTRAINTS *constraints AG_SCOPED(free_constraints) = BASIC_CONSTRAINTS_new();
    AG_ENSURE(constraints != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    if (is_ca) {
        constraints->ca = 1;
        constraints->pathlen = ASN1_INTEGER_new();
        AG_ENSURE(constraints->pathlen != NULL &&
                      ASN1_INTEGER_set(constraints->pathlen, PATH_LENGTH_MAX) == 1,
                  ag_crypto_failed(AG_ERR_NO_MEMORY));
    }
    AG_ENSURE(X509_add1_ext_i2d(x509, NID_basic_constraints, constraints, 1, 0) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

static enum ag_err add_usage(X509 *x509, bool is_ca)
{
    enum {
        DIGITAL_SIGNATURE = 0,
        KEY_CERT_SIGN = 5,
        CRL_SIGN = 6
    };
    ASN1_BIT_STRING *bits AG_SCOPED(free_bits) = ASN1_BIT_STRING_new();
    AG_ENSURE(bits != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    bool is_set = is_ca ? ASN1_BIT_STRING_set_bit(bits, KEY_CERT_SIGN, 1) == 1 &&
                              ASN1_BIT_STRING_set_bit(bits, CRL_SIGN, 1) == 1
                        : ASN1_BIT_STRING_set_bit(bits, DIGITAL_SIGNATURE, 1) == 1;
    AG_ENSURE(is_set && X509_add1_ext_i2d(x509, NID_key_usage, bits, 1, 0) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

static enum ag_err add_key_ids(X509 *x509, struct ag_bytes point, struct ag_bytes issuer_point)
{
    ASN1_OCTET_STRING *subject AG_SCOPED(free_octets) = NULL;
    AUTHORITY_KEYID *authority AG_SCOPED(free_authority) = NULL;
    AG_TRY(make_key_id(point, &subject));
    AG_TRY(make_authority(issuer_point, &authority));
    AG_ENSURE(X509_add1_ext_i2d(x509, NID_subject_key_identifier, subject, 0, 0) == 1 &&
                  X509_add1_ext_i2d(x509, NID_authority_key_identifier, authority, 0, 0) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

static enum ag_err add_extra(X509 *x509, const struct ag_cert_request *request)
{
    if (request->extension_oid == NULL) {
        return AG_OK;
    }
    AG_ENSURE(request->extension.size <= AG_LIMIT_CERT_BYTES, AG_ERR_ARGUMENT);
    ASN1_OBJECT *object AG_SCOPED(free_object) = OBJ_txt2obj(request->extension_oid, 1);
    AG_ENSURE(object != NULL, ag_crypto_failed(AG_ERR_ARGUMENT));
    ASN1_OCTET_STRING *content AG_SCOPED(free_octets) = ASN1_OCTET_STRING_new();
    AG_ENSURE(content != NULL && ASN1_OCTET_STRING_set(content, request->extension.data,
                                                       (int)request->extension.size) == 1,
              ag_crypto_failed(AG_ERR_NO_MEMORY));
    X509_EXTENSION *extension AG_SCOPED(free_extension) =
        X509_EXTENSION_create_by_OBJ(NULL, object, 0, content);
    AG_ENSURE(extension != NULL && X509_add_ext(x509, extension, -1) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

static enum ag_err set_fields(X509 *x509, const struct ag_cert_request *request,
                              const struct ag_cert *issuer)
{
    X509_NAME *subject AG_SCOPED(free_name) = NULL;
    ASN1_INTEGER *serial AG_SCOPED(free_integer) = NULL;
    ASN1_TIME *not_before AG_SCOPED(free_time) = NULL;
    ASN1_TIME *not_after AG_SCOPED(free_time) = NULL;
    AG_TRY(make_name(request, &subject));
    AG_TRY(make_integer(request->serial, &serial));
    AG_TRY(make_time(request->not_before_ms, &not_before));
    AG_TRY(make_time(request->not_after_ms, &not_after));
    const X509_NAME *issuer_name =
        issuer == NULL ? subject : X509_get_subject_name(ag_cert_x509(issuer));
    AG_ENSURE(
        X509_set_version(x509, X509_VERSION_3) == 1 && X509_set_subject_name(x509, subject) == 1 &&
            X509_set_issuer_name(x509, issuer_name) == 1 &&
            X509_set_serialNumber(x509, serial) == 1 &&
            X509_set1_notBefore(x509, not_before) == 1 && X509_set1_notAfter(x509, not_after) == 1,
        ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_cert_issue(const struct ag_cert_request *request,
                          const struct ag_ecdsa_key *subject_key, const struct ag_cert *issuer,
                          const struct ag_ecdsa_key *issuer_key, struct ag_vec *out_der)
{
    uint8_t point[65] = {0};
    uint8_t issuer_point[65] = {0};
    AG_ENSURE(request->common_name != NULL && request->not_before_ms <= request->not_after_ms,
              AG_ERR_ARGUMENT);
    AG_TRY(ag_ecdsa_public(subject_key, point));
    AG_TRY(ag_ecdsa_public(issuer_key, issuer_point));
    X509 *x509 AG_SCOPED(free_x509) = X509_new_ex(ag_crypto_get()->library, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(x509 != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_TRY(set_fields(x509, request, issuer));
    AG_ENSURE(X509_set_pubkey(x509, ag_ecdsa_key_pkey(subject_key)) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_TRY(add_constraints(x509, request->is_ca));
    AG_TRY(add_usage(x509, request->is_ca));
    AG_TRY(add_key_ids(x509, AG_ARRAY_VIEW(point), AG_ARRAY_VIEW(issuer_point)));
    AG_TRY(add_extra(x509, request));
    AG_ENSURE(X509_sign(x509, ag_ecdsa_key_pkey(issuer_key), ag_crypto_get()->md[AG_MD_SHA256]) > 0,
              ag_crypto_failed(AG_ERR_CRYPTO));
    uint8_t *der AG_SCOPED(ag_crypto_openssl_free_cleanup) = NULL;
    int size = i2d_X509(x509, &der);
    return append_der(der, size, out_der);
}

/* ---- revocation lists ---- */

static enum ag_err add_revoked(X509_CRL *crl, struct ag_bytes serial, ASN1_TIME *when)
{
    ASN1_INTEGER *number AG_SCOPED(free_integer) = NULL;
    AG_TRY(make_integer(serial, &number));
    X509_REVOKED *revoked AG_SCOPED(free_revoked) = X509_REVOKED_new();
    AG_ENSURE(revoked != NULL && X509_REVOKED_set_serialNumber(revoked, number) == 1 &&
                  X509_REVOKED_set_revocationDate(revoked, when) == 1 &&
                  X509_CRL_add0_revoked(crl, revoked) == 1,
              ag_crypto_failed(AG_ERR_NO_MEMORY));
    revoked = NULL; /* the list's now */
    return AG_OK;
}

/* The number grows with time, as [RFC5280 5.2.3] asks: seconds of this update. */
static enum ag_err add_crl_extensions(X509_CRL *crl, uint64_t this_update_ms,
                                      struct ag_bytes issuer_point)
{
    AUTHORITY_KEYID *authority AG_SCOPED(free_authority) = NULL;
    AG_TRY(make_authority(issuer_point, &authority));
    ASN1_INTEGER *number AG_SCOPED(free_integer) = ASN1_INTEGER_new();
    AG_ENSURE(number != NULL && ASN1_INTEGER_set_uint64(number, this_update_ms / 1000u) == 1,
              ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1 &&
                  X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority, 0, 0) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_crl_issue(const struct ag_cert *issuer, const struct ag_ecdsa_key *issuer_key,
                         uint64_t this_update_ms, uint64_t next_update_ms,
                         const struct ag_bytes *serials, size_t serial_count,
                         struct ag_vec *out_der)
{
    uint8_t issuer_point[65] = {0};
    ASN1_TIME *this_update AG_SCOPED(free_time) = NULL;
    ASN1_TIME *next_update AG_SCOPED(free_time) = NULL;
    AG_ENSURE(serial_count <= AG_LIMIT_CRL_ENTRIES && this_update_ms <= next_update_ms,
              AG_ERR_ARGUMENT);
    AG_TRY(ag_ecdsa_public(issuer_key, issuer_point));
    AG_TRY(make_time(this_update_ms, &this_update));
    AG_TRY(make_time(next_update_ms, &next_update));
    X509_CRL *crl AG_SCOPED(free_crl) =
        X509_CRL_new_ex(ag_crypto_get()->library, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(crl != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
                  X509_CRL_set_issuer_name(crl, X509_get_subject_name(ag_cert_x509(issuer))) == 1 &&
                  X509_CRL_set1_lastUpdate(crl, this_update) == 1 &&
                  X509_CRL_set1_nextUpdate(crl, next_update) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    for (size_t i = 0; i < serial_count; i++) {
        AG_TRY(add_revoked(crl, serials[i], this_update));
    }
    AG_TRY(add_crl_extensions(crl, this_update_ms, AG_ARRAY_VIEW(issuer_point)));
    AG_ENSURE(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ag_ecdsa_key_pkey(issuer_key),
                                                       ag_crypto_get()->md[AG_MD_SHA256]) > 0,
              ag_crypto_failed(AG_ERR_CRYPTO));
    uint8_t *der AG_SCOPED(ag_crypto_openssl_free_cleanup) = NULL;
    int size = i2d_X509_CRL(crl, &der);
    return append_der(der, size, out_der);
}

/* ---- PEM ---- */

enum ag_err ag_cert_to_pem(struct ag_bytes der, struct ag_vec *out_pem)
{
    enum {
        LINE_BYTES = 48
    }; /* 64 characters [RFC7468 2] */
    AG_ENSURE(der.size != 0 && der.size <= AG_LIMIT_CERT_BYTES, AG_ERR_ARGUMENT);
    AG_TRY(ag_vec_append(out_pem, AG_LITERAL("-----BEGIN CERTIFICATE-----\n")));
    while (der.size != 0) {
        struct ag_bytes line = ag_bytes_head(der, LINE_BYTES);
        unsigned char text[4 * LINE_BYTES / 3 + 1] = {0};
        int size = EVP_EncodeBlock(text, line.data, (int)line.size);
        AG_TRY(append_der(text, size, out_pem));
        AG_TRY(ag_vec_append(out_pem, AG_LITERAL("\n")));
        der = ag_bytes_tail(der, LINE_BYTES);
    }
    return ag_vec_append(out_pem, AG_LITERAL("-----END CERTIFICATE-----\n"));
}
