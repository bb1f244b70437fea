/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/x509v3.h>

#include "crypto/x509_i.h"

/* cert: one certificate, parsed once with everything that is asked of it later. Chains, dates and
 * policy belong to attest. */

struct ag_cert {
    X509 *x509;
    EVP_PKEY *key; /* the certificate's, borrowed from x509 */
    uint8_t *der_copy;
    struct ag_bytes der;
    struct ag_bytes subject;
    struct ag_bytes issuer;
    struct ag_bytes serial;
    struct ag_bytes point;
    uint64_t not_before_ms;
    uint64_t not_after_ms;
};

X509 *ag_cert_x509(const struct ag_cert *cert)
{
    return cert->x509;
}

EVP_PKEY *ag_cert_pkey(const struct ag_cert *cert)
{
    return cert->key;
}

/* ---- parsing ---- */

/* The bytes of the subject's key when they are an uncompressed point of P-256 or P-384. */
static struct ag_bytes find_point(const struct ag_cert *cert)
{
    static const struct ag_bytes none = {NULL, 0};
    char name[32] = {0};
    if (EVP_PKEY_is_a(cert->key, "EC") != 1 ||
        EVP_PKEY_get_group_name(cert->key, name, sizeof(name), NULL) != 1) {
        return none;
    }
    int nid = OBJ_sn2nid(name);
    size_t wanted = nid == NID_X9_62_prime256v1 ? 65 : nid == NID_secp384r1 ? 97 : 0;
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(cert->x509);
    if (wanted == 0 || bits == NULL || (size_t)ASN1_STRING_length(bits) != wanted ||
        ASN1_STRING_get0_data(bits)[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return none;
    }
    return ag_bytes_of(ASN1_STRING_get0_data(bits), wanted);
}

/* Restrictions that nobody here enforces must not be critical. */
static const int critical_known[] = {NID_basic_constraints, NID_key_usage, NID_subject_alt_name};

static enum ag_err read_fields(struct ag_cert *cert)
{
    X509 *x509 = cert->x509;
    AG_ENSURE(X509_get_version(x509) == X509_VERSION_3, AG_ERR_CERT);
    AG_TRY(ag_x509_name(X509_get_subject_name(x509), &cert->subject));
    AG_TRY(ag_x509_name(X509_get_issuer_name(x509), &cert->issuer));
    AG_TRY(ag_x509_integer(X509_get0_serialNumber(x509), &cert->serial));
    AG_TRY(ag_x509_time(X509_get0_notBefore(x509), &cert->not_before_ms));
    AG_TRY(ag_x509_time(X509_get0_notAfter(x509), &cert->not_after_ms));
    AG_TRY(
        ag_x509_extensions(X509_get0_extensions(x509), critical_known, AG_COUNT(critical_known)));
    /* Reads and keeps the extensions that libcrypto knows; it finds, for one, a malformed usage. */
    AG_ENSURE((X509_get_extension_flags(x509) & EXFLAG_INVALID) == 0,
              ag_crypto_failed(AG_ERR_CERT));
    cert->key = X509_get0_pubkey(x509);
    AG_ENSURE(cert->key != NULL, ag_crypto_failed(AG_ERR_CERT));
    cert->point = find_point(cert);
    ag_crypto_forget_errors(); /* what reading optional extensions left behind */
    return AG_OK;
}

static enum ag_err parse(struct ag_cert *cert, struct ag_bytes der)
{
    cert->der_copy = ag_alloc(der.size);
    AG_ENSURE(cert->der_copy != NULL, AG_ERR_NO_MEMORY);
    memcpy(cert->der_copy, der.data, der.size);
    cert->der = ag_bytes_of(cert->der_copy, der.size);

    cert->x509 = X509_new_ex(ag_crypto_get()->library, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(cert->x509 != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    const unsigned char *at = cert->der_copy;
    /* On failure libcrypto frees the object and clears the pointer. */
    AG_ENSURE(d2i_X509(&cert->x509, &at, (long)der.size) != NULL, ag_crypto_failed(AG_ERR_CERT));
    AG_ENSURE(at == cert->der_copy + der.size, AG_ERR_CERT);
    return read_fields(cert);
}

enum ag_err ag_cert_parse_der(struct ag_bytes der, struct ag_cert **out)
{
    AG_ENSURE(der.size != 0 && der.size <= AG_LIMIT_CERT_BYTES, AG_ERR_CERT);
    struct ag_cert *cert = ag_alloc(sizeof(*cert));
    AG_ENSURE(cert != NULL, AG_ERR_NO_MEMORY);
    enum ag_err err = parse(cert, der);
    if (err != AG_OK) {
        ag_cert_close(cert);
        return err;
    }
    *out = cert;
    return AG_OK;
}

void ag_cert_close(struct ag_cert *cert)
{
    if (cert != NULL) {
        X509_free(cert->x509);
        ag_free(cert->der_copy);
        ag_free(cert);
    }
}

/* ---- reading ---- */

struct ag_bytes ag_cert_der(const struct ag_cert *cert)
{
    return cert->der;
}

struct ag_bytes ag_cert_subject_der(const struct ag_cert *cert)
{
    return cert->subject;
}

struct ag_bytes ag_cert_issuer_der(const struct ag_cert *cert)
{
    return cert->issuer;
}

struct ag_bytes ag_cert_serial(const struct ag_cert *cert)
{
    return cert->serial;
}

struct ag_bytes ag_cert_point(const struct ag_cert *cert)
{
    return cert->point;
}

uint64_t ag_cert_not_before_ms(const struct ag_cert *cert)
{
    return cert->not_before_ms;
}

uint64_t ag_cert_not_after_ms(const struct ag_cert *cert)
{
    return cert->not_after_ms;
}

bool ag_cert_common_name_is(const struct ag_cert *cert, const char *common_name)
{
    const X509_NAME *subject = X509_get_subject_name(cert->x509);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    /* A second common name would let two readers see two subjects. */
    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) {
        return false;
    }
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
    uint8_t *text AG_SCOPED(ag_crypto_openssl_free_cleanup) = NULL;
    int size = ASN1_STRING_to_UTF8(&text, value);
    if (size < 0) {
        ag_crypto_forget_errors();
        return false;
    }
    return (size_t)size == strlen(common_name) && memcmp(text, common_name, (size_t)size) == 0;
}

bool ag_cert_has_key_usage(const struct ag_cert *cert, unsigned bit)
{
    /* libcrypto keeps the bits as they lie in the two bytes of the string [RFC5280 4.2.1.3]. */
    AG_ASSERT(bit <= 8);
    uint32_t mask = bit == 8 ? KU_DECIPHER_ONLY : 0x80u >> bit;
    uint32_t usage = X509_get_key_usage(cert->x509);
    return usage != UINT32_MAX && (usage & mask) != 0;
}

bool ag_cert_is_ca(const struct ag_cert *cert)
{
    enum {
        KEY_CERT_SIGN = 5
    };
    return (X509_get_extension_flags(cert->x509) & EXFLAG_CA) != 0 &&
           ag_cert_has_key_usage(cert, KEY_CERT_SIGN);
}

uint32_t ag_cert_path_length_max(const struct ag_cert *cert)
{
    long length = X509_get_pathlen(cert->x509);
    return length < 0 || length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
}

static void free_object(ASN1_OBJECT **object)
{
    ASN1_OBJECT_free(*object);
    *object = NULL;
}

enum ag_err ag_cert_extension(const struct ag_cert *cert, const char *oid, struct ag_bytes *out)
{
    ASN1_OBJECT *object AG_SCOPED(free_object) = OBJ_txt2obj(oid, 1);
    AG_ENSURE(object != NULL, ag_crypto_failed(AG_ERR_ARGUMENT));
    int index = X509_get_ext_by_OBJ(cert->x509, object, -1);
    if (index < 0) {
        *out = (struct ag_bytes){NULL, 0};
        return AG_OK;
    }
    AG_ENSURE(X509_get_ext_by_OBJ(cert->x509, object, index) < 0, AG_ERR_CERT);
    const ASN1_OCTET_STRING *content = X509_EXTENSION_get_data(X509_get_ext(cert->x509, index));
    *out = ag_bytes_of(ASN1_STRING_get0_data(content), (size_t)ASN1_STRING_length(content));
    return AG_OK;
}

enum ag_err ag_cert_fingerprint(const struct ag_cert *cert, uint8_t out[32])
{
    return ag_sha256(&cert->der, 1, out);
}

enum ag_err ag_cert_verify_signed_by(const struct ag_cert *cert, const struct ag_cert *issuer)
{
    const X509_ALGOR *algorithm = NULL;
    AG_ENSURE(ag_bytes_equal(cert->issuer, issuer->subject), AG_ERR_CERT);
    X509_get0_signature(NULL, &algorithm, cert->x509);
    AG_TRY(ag_x509_algorithm(algorithm, issuer->key));
    /* Also finds that the algorithm inside the signed part is the one outside. */
    AG_ENSURE(X509_verify(cert->x509, issuer->key) == 1, ag_crypto_failed(AG_ERR_SIGNATURE));
    return AG_OK;
}

/* ---- PEM [RFC7468] ---- */

static const char pem_begin[] = "-----BEGIN CERTIFICATE-----";
static const char pem_end[] = "-----END CERTIFICATE-----";

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct ag_bytes skip_space(struct ag_bytes text)
{
    size_t size = 0;
    while (size < text.size && is_space(text.data[size])) {
        size++;
    }
    return ag_bytes_tail(text, size);
}

static bool starts_with(struct ag_bytes text, const char *word)
{
    return text.data != NULL && text.size >= strlen(word) &&
           memcmp(text.data, word, strlen(word)) == 0;
}

/* Only NUL bytes and white space: quotes pad their chains with them. */
static bool is_blank(struct ag_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != 0 && !is_space(text.data[i])) {
            return false;
        }
    }
    return true;
}

/* Decodes what stands between the marks. `*text` moves behind the end mark. */
static enum ag_err parse_block(struct ag_bytes *text, struct ag_cert **out)
{
    struct ag_bytes body = ag_bytes_tail(*text, sizeof(pem_begin) - 1u);
    const uint8_t *end =
        body.size == 0 ? NULL : memmem(body.data, body.size, pem_end, sizeof(pem_end) - 1u);
    AG_ENSURE(end != NULL, AG_ERR_CERT);
    size_t body_size = (size_t)(end - body.data);
    /* Four characters for three bytes, and line ends: less than twice the DER. */
    AG_ENSURE(body_size != 0 && body_size <= 2u * AG_LIMIT_CERT_BYTES, AG_ERR_CERT);

    struct ag_arena arena AG_SCOPED(ag_arena_close) = {0};
    ag_arena_init(&arena, 4u * AG_LIMIT_CERT_BYTES);
    void *memory = NULL;
    AG_TRY(ag_arena_take(&arena, body_size, &memory));
    char *packed = memory;
    size_t packed_size = 0;
    for (size_t i = 0; i < body_size; i++) {
        if (!is_space(body.data[i])) {
            packed[packed_size++] = (char)body.data[i];
        }
    }
    struct ag_bytes der = {0};
    AG_ENSURE(ag_base64_decode(packed, packed_size, AG_LIMIT_CERT_BYTES, &arena, &der) == AG_OK,
              AG_ERR_CERT);
    AG_TRY(ag_cert_parse_der(der, out));
    *text = ag_bytes_tail(body, body_size + sizeof(pem_end) - 1u);
    return AG_OK;
}

static enum ag_err parse_all(struct ag_bytes pem, struct ag_cert **out, size_t limit, size_t *count)
{
    struct ag_bytes text = skip_space(pem);
    while (starts_with(text, pem_begin)) {
        AG_ENSURE(*count < limit, AG_ERR_CERT);
        AG_TRY(parse_block(&text, &out[*count]));
        (*count)++;
        text = skip_space(text);
    }
    AG_ENSURE(*count != 0 && is_blank(text), AG_ERR_CERT);
    return AG_OK;
}

enum ag_err ag_cert_parse_pem(struct ag_bytes pem, struct ag_cert **out, size_t limit,
                              size_t *out_count)
{
    size_t count = 0;
    enum ag_err err = parse_all(pem, out, limit, &count);
    if (err != AG_OK) {
        for (size_t i = 0; i < count; i++) {
            ag_cert_close(out[i]);
            out[i] = NULL;
        }
        return err;
    }
    *out_count = count;
    return AG_OK;
}
