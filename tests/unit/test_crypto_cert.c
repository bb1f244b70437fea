/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: what is issued parses and verifies; what is malformed, signed by
 * another, or says more than we enforce does not. */
#include "test_crypto_pki.h"

/* ---- good certificates ----------------------------------------------------------------------- */

static void check_leaf(const struct pki *pki)
{
    const struct ag_cert *leaf = pki->certs[2];
    struct ag_bytes content = {NULL, 0};
    uint8_t point[65] = {0};
    uint8_t digest[2][32] = {{0}};
    CHECK_OK(ag_ecdsa_public(pki->keys[2], point));
    CHECK_BYTES(ag_cert_der(leaf), ag_vec_view(&pki->der[2]));
    CHECK_BYTES(ag_cert_issuer_der(leaf), ag_cert_subject_der(pki->certs[1]));
    CHECK_HEX(ag_cert_serial(leaf), "830002");
    CHECK(ag_cert_common_name_is(leaf, "Leaf"));
    CHECK(!ag_cert_common_name_is(leaf, "Lea") && !ag_cert_common_name_is(leaf, "Leaf "));
    CHECK(!ag_cert_common_name_is(leaf, ""));
    CHECK_U64(ag_cert_not_before_ms(leaf), NOW_MS);
    CHECK_U64(ag_cert_not_after_ms(leaf), NOW_MS + YEAR_MS);
    CHECK(!ag_cert_is_ca(leaf));
    CHECK(ag_cert_has_key_usage(leaf, 0) && !ag_cert_has_key_usage(leaf, 5));
    CHECK_BYTES(ag_cert_point(leaf), AG_ARRAY_VIEW(point));
    CHECK_OK(ag_cert_extension(leaf, extra_oid, &content));
    CHECK_BYTES(content, AG_LITERAL("\x04\x02ok"));
    CHECK_OK(ag_cert_extension(leaf, "1.2.3.4", &content));
    CHECK_U64(content.size, 0);
    CHECK_ERR(ag_cert_extension(leaf, "not an oid", &content), AG_ERR_ARGUMENT);
    const struct ag_bytes der = ag_cert_der(leaf);
    CHECK_OK(ag_cert_fingerprint(leaf, digest[0]));
    CHECK_OK(ag_sha256(&der, 1, digest[1]));
    CHECK_BYTES(AG_ARRAY_VIEW(digest[0]), AG_ARRAY_VIEW(digest[1]));
}

static void test_issue_and_read(void)
{
    struct pki pki;
    open_pki(&pki);
    check_leaf(&pki);
    for (size_t i = 0; i < 2; i++) {
        CHECK(ag_cert_is_ca(pki.certs[i]));
        CHECK(ag_cert_has_key_usage(pki.certs[i], 5) && ag_cert_has_key_usage(pki.certs[i], 6));
        CHECK(!ag_cert_has_key_usage(pki.certs[i], 0) && !ag_cert_has_key_usage(pki.certs[i], 8));
        CHECK_U64(ag_cert_path_length_max(pki.certs[i]), 2);
    }
    CHECK_U64(ag_cert_path_length_max(pki.certs[2]), UINT32_MAX);
    close_pki(&pki);
}

static void test_chain(void)
{
    struct pki pki;
    struct pki other;
    open_pki(&pki);
    open_pki(&other);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            const bool is_issuer = j == (i == 0 ? 0 : i - 1);
            CHECK_ERR(ag_cert_verify_signed_by(pki.certs[i], pki.certs[j]),
                      is_issuer ? AG_OK : AG_ERR_CERT);
        }
    }
    close_pki(&other);
    close_pki(&pki);
}

/* The right name over the wrong key. */
static void test_lookalike_root(void)
{
    struct pki pki;
    open_pki(&pki);
    struct ag_ecdsa_key *key = make_key(99);
    const uint8_t serial[] = {1};
    const struct ag_cert_request request = {.common_name = "Root",
                                            .organization = "Aegis insecure-sim",
                                            .serial = AG_ARRAY_VIEW(serial),
                                            .not_before_ms = NOW_MS,
                                            .not_after_ms = NOW_MS,
                                            .is_ca = true};
    struct ag_vec der;
    struct ag_cert *lookalike = NULL;
    ag_vec_init(&der, AG_LIMIT_CERT_BYTES);
    CHECK_OK(ag_cert_issue(&request, key, NULL, key, &der));
    CHECK_OK(ag_cert_parse_der(ag_vec_view(&der), &lookalike));
    CHECK_BYTES(ag_cert_subject_der(lookalike), ag_cert_subject_der(pki.certs[0]));
    CHECK_ERR(ag_cert_verify_signed_by(pki.certs[1], lookalike), AG_ERR_SIGNATURE);
    CHECK_OK(ag_cert_verify_signed_by(lookalike, lookalike));
    ag_cert_close(lookalike);
    ag_vec_close(&der);
    ag_ecdsa_key_close(key);
    close_pki(&pki);
}

/* ---- malformed certificates ------------------------------------------------------------------ */

/* No flipped bit gives a certificate that verifies: it does not parse, or the signature is
 * wrong. */
static void test_flipped_bits(void)
{
    struct pki pki;
    open_pki(&pki);
    struct ag_vec *der = &pki.der[1];
    for (size_t at = 0; at < der->size; at++) {
        struct ag_cert *cert = NULL;
        der->data[at] ^= (uint8_t)(1u << (at % 8));
        enum ag_err err = ag_cert_parse_der(ag_vec_view(der), &cert);
        if (err == AG_OK) {
            err = ag_cert_verify_signed_by(cert, pki.certs[0]);
            CHECK(err == AG_ERR_SIGNATURE || err == AG_ERR_CERT);
            ag_cert_close(cert);
        } else {
            CHECK_ERR(err, AG_ERR_CERT);
        }
        der->data[at] ^= (uint8_t)(1u << (at % 8));
    }
    close_pki(&pki);
}

static void test_sizes(void)
{
    struct pki pki;
    struct ag_cert *cert = NULL;
    uint8_t longer[AG_LIMIT_CERT_BYTES + 1] = {0};
    open_pki(&pki);
    const struct ag_bytes der = ag_vec_view(&pki.der[0]);
    memcpy(longer, der.data, der.size);
    CHECK_ERR(ag_cert_parse_der(ag_bytes_of(longer, der.size + 1), &cert), AG_ERR_CERT);
    CHECK_ERR(ag_cert_parse_der(ag_bytes_of(longer, sizeof(longer)), &cert), AG_ERR_CERT);
    CHECK_ERR(ag_cert_parse_der(none, &cert), AG_ERR_CERT);
    for (size_t size = 1; size < der.size; size += 3) {
        CHECK_ERR(ag_cert_parse_der(ag_bytes_head(der, size), &cert), AG_ERR_CERT);
    }
    CHECK(cert == NULL);
    ag_cert_close(NULL);
    close_pki(&pki);
}

/* Changes a copy of a good certificate through libcrypto, signs it again and parses it. */
typedef void change_cert(X509 *x509);

static enum ag_err parse_changed(const struct pki *pki, change_cert *change)
{
    struct ag_cert *cert = NULL;
    unsigned char *der = NULL;
    X509 *x509 = X509_dup(ag_cert_x509(pki->certs[2]));
    CHECK(x509 != NULL);
    change(x509);
    CHECK(X509_sign(x509, ag_ecdsa_key_pkey(pki->keys[1]), EVP_sha256()) > 0);
    int size = i2d_X509(x509, &der);
    enum ag_err err = ag_cert_parse_der(ag_bytes_of(der, (size_t)size), &cert);
    ag_cert_close(cert);
    OPENSSL_free(der);
    X509_free(x509);
    return err;
}

static void add_extension(X509 *x509, const char *oid, int is_critical, const char *content)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    CHECK(ASN1_OCTET_STRING_set(octets, (const unsigned char *)content, (int)strlen(content)) == 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, is_critical, octets);
    CHECK(X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
}

static void nothing(X509 *x509)
{
    (void)x509;
}

static void unknown_optional(X509 *x509)
{
    add_extension(x509, "1.2.3.4", 0, "x");
}

static void unknown_critical(X509 *x509)
{
    add_extension(x509, "1.2.3.4", 1, "x");
}

static void twice(X509 *x509)
{
    add_extension(x509, extra_oid, 0, "x");
}

static void constraints_twice(X509 *x509)
{
    add_extension(x509, "2.5.29.19", 0, "\x30"); /* and an empty sequence below */
}

static void bad_usage(X509 *x509)
{
    X509_EXTENSION_free(X509_delete_ext(x509, X509_get_ext_by_NID(x509, NID_key_usage, -1)));
    add_extension(x509, "2.5.29.15", 1, "not a bit string");
}

static void name_constraints(X509 *x509)
{
    add_extension(x509, "2.5.29.30", 1, "x");
}

static void version_1(X509 *x509)
{
    /* Signing makes it version 3 again for as long as it has extensions. */
    while (X509_get_ext_count(x509) != 0) {
        X509_EXTENSION_free(X509_delete_ext(x509, 0));
    }
    CHECK(X509_set_version(x509, X509_VERSION_1) == 1);
}

static void negative_serial(X509 *x509)
{
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    CHECK(ASN1_INTEGER_set(serial, -5) == 1 && X509_set_serialNumber(x509, serial) == 1);
    ASN1_INTEGER_free(serial);
}

static void before_1970(X509 *x509)
{
    ASN1_TIME *time = ASN1_TIME_set(NULL, -1000);
    CHECK(time != NULL && X509_set1_notBefore(x509, time) == 1);
    ASN1_TIME_free(time);
}

static void many_extensions(X509 *x509)
{
    for (unsigned i = 0; i < 40; i++) {
        char oid[] = "1.2.3.4.10";
        oid[8] = (char)('1' + i / 10);
        oid[9] = (char)('0' + i % 10);
        add_extension(x509, oid, 0, "x");
    }
}

static void test_extensions(void)
{
    static const struct {
        const char *why;
        change_cert *change;
        enum ag_err wanted;
    } changes[] = {
        {"nothing changed", nothing, AG_OK},
        {"an unknown optional extension", unknown_optional, AG_OK},
        {"an unknown critical extension", unknown_critical, AG_ERR_CERT},
        {"an extension twice", twice, AG_ERR_CERT},
        {"basic constraints twice", constraints_twice, AG_ERR_CERT},
        {"a malformed key usage", bad_usage, AG_ERR_CERT},
        {"name constraints, which nobody enforces", name_constraints, AG_ERR_CERT},
        {"version 1", version_1, AG_ERR_CERT},
        {"a negative serial number", negative_serial, AG_ERR_CERT},
        {"a date before 1970", before_1970, AG_ERR_CERT},
        {"forty extensions", many_extensions, AG_ERR_CERT},
    };
    struct pki pki;
    open_pki(&pki);
    for (size_t i = 0; i < AG_COUNT(changes); i++) {
        enum ag_err err = parse_changed(&pki, changes[i].change);
        if (err != changes[i].wanted) {
            ag_test_note("%s", changes[i].why);
        }
        CHECK_ERR(err, changes[i].wanted);
    }
    close_pki(&pki);
}

/* A second common name: two readers could see two subjects. */
static void two_names(X509 *x509)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x509));
    CHECK(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                     (const unsigned char *)"Other", -1, -1, 0) == 1);
    CHECK(X509_set_subject_name(x509, name) == 1);
    X509_NAME_free(name);
}

static void test_common_names(void)
{
    struct pki pki;
    struct ag_cert *cert = NULL;
    unsigned char *der = NULL;
    open_pki(&pki);
    X509 *x509 = X509_dup(ag_cert_x509(pki.certs[2]));
    two_names(x509);
    CHECK(X509_sign(x509, ag_ecdsa_key_pkey(pki.keys[1]), EVP_sha256()) > 0);
    int size = i2d_X509(x509, &der);
    CHECK_OK(ag_cert_parse_der(ag_bytes_of(der, (size_t)size), &cert));
    CHECK(!ag_cert_common_name_is(cert, "Leaf") && !ag_cert_common_name_is(cert, "Other"));
    ag_cert_close(cert);
    OPENSSL_free(der);
    X509_free(x509);
    close_pki(&pki);
}

/* ---- signature algorithms -------------------------------------------------------------------- */

static EVP_PKEY *make_rsa(unsigned bits)
{
    EVP_PKEY *key =
        EVP_PKEY_Q_keygen(ag_crypto_get()->library, AG_CRYPTO_PROPERTIES, "RSA", (size_t)bits);
    CHECK(key != NULL);
    return key;
}

/* A leaf signed by `key` in the way that `mgf` and the others say, under a like self-signed
 * root. */
struct rsa_way {
    const char *why;
    const char *digest;
    const char *mask;
    int salt_size;
    bool is_pss;
    enum ag_err wanted;
};

static void sign_rsa(X509 *x509, EVP_PKEY *key, const struct rsa_way *way)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    CHECK(EVP_DigestSignInit_ex(context, &parameters, way->digest, ag_crypto_get()->library,
                                AG_CRYPTO_PROPERTIES, key, NULL) == 1);
    if (way->is_pss) {
        CHECK(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1);
        CHECK(EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters, way->mask, NULL) == 1);
        CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, way->salt_size) == 1);
    }
    CHECK(X509_sign_ctx(x509, context) > 0);
    EVP_MD_CTX_free(context);
}

static struct ag_cert *make_rsa_root(EVP_PKEY *key, const struct rsa_way *way)
{
    struct ag_cert *cert = NULL;
    unsigned char *der = NULL;
    X509 *x509 = X509_new_ex(ag_crypto_get()->library, AG_CRYPTO_PROPERTIES);
    X509_NAME *name = X509_NAME_new();
    CHECK(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                     (const unsigned char *)"ARK", -1, -1, 0) == 1);
    CHECK(X509_set_version(x509, X509_VERSION_3) == 1 && X509_set_subject_name(x509, name) == 1 &&
          X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x509), 7) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(x509), 0) != NULL &&
          X509_gmtime_adj(X509_getm_notAfter(x509), 1000) != NULL);
    sign_rsa(x509, key, way);
    int size = i2d_X509(x509, &der);
    CHECK_OK(ag_cert_parse_der(ag_bytes_of(der, (size_t)size), &cert));
    OPENSSL_free(der);
    X509_NAME_free(name);
    X509_free(x509);
    return cert;
}

static void test_rsa(void)
{
    static const struct rsa_way ways[] = {
        {"as AMD signs", "SHA384", "SHA384", 48, true, AG_OK},
        {"mask over SHA-256", "SHA384", "SHA256", 48, true, AG_ERR_CERT},
        {"a salt of 20", "SHA384", "SHA384", 20, true, AG_ERR_CERT},
        {"SHA-256", "SHA256", "SHA256", 32, true, AG_ERR_CERT},
        {"SHA-512 over SHA-384", "SHA512", "SHA384", 48, true, AG_ERR_CERT},
        {"PKCS 1 version 1.5", "SHA384", "SHA384", 0, false, AG_ERR_CERT},
    };
    EVP_PKEY *key = make_rsa(3072);
    for (size_t i = 0; i < AG_COUNT(ways); i++) {
        struct ag_cert *cert = make_rsa_root(key, &ways[i]);
        enum ag_err err = ag_cert_verify_signed_by(cert, cert);
        if (err != ways[i].wanted) {
            ag_test_note("%s", ways[i].why);
        }
        CHECK_ERR(err, ways[i].wanted);
        CHECK_U64(ag_cert_point(cert).size, 0);
        CHECK(!ag_cert_is_ca(cert) && !ag_cert_has_key_usage(cert, 5));
        ag_cert_close(cert);
    }
    EVP_PKEY_free(key);
    key = make_rsa(2048);
    struct ag_cert *cert = make_rsa_root(key, &ways[0]);
    CHECK_ERR(ag_cert_verify_signed_by(cert, cert), AG_ERR_CERT); /* too short */
    ag_cert_close(cert);
    EVP_PKEY_free(key);
}

/* ---- PEM ------------------------------------------------------------------------------------- */

static void check_pem(struct ag_bytes text, size_t limit, enum ag_err wanted, size_t wanted_count)
{
    struct ag_cert *certs[4] = {NULL};
    size_t count = 0;
    CHECK_ERR(ag_cert_parse_pem(text, certs, limit, &count), wanted);
    CHECK_U64(count, wanted_count);
    for (size_t i = 0; i < AG_COUNT(certs); i++) {
        CHECK((certs[i] != NULL) == (i < wanted_count));
        ag_cert_close(certs[i]);
    }
}

static void append(struct ag_vec *vec, struct ag_bytes bytes)
{
    CHECK_OK(ag_vec_append(vec, bytes));
}

static void test_pem(void)
{
    struct pki pki;
    struct ag_vec pem;
    open_pki(&pki);
    ag_vec_init(&pem, 65536);
    for (size_t i = 3; i-- > 0;) {
        CHECK_OK(ag_cert_to_pem(ag_vec_view(&pki.der[i]), &pem));
    }
    const size_t size = pem.size;
    check_pem(ag_vec_view(&pem), 4, AG_OK, 3);
    check_pem(ag_vec_view(&pem), 3, AG_OK, 3);
    check_pem(ag_vec_view(&pem), 2, AG_ERR_CERT, 0);
    check_pem(ag_vec_view(&pem), 0, AG_ERR_CERT, 0);
    check_pem(ag_bytes_head(ag_vec_view(&pem), size - 10), 4, AG_ERR_CERT, 0);
    check_pem(none, 4, AG_ERR_CERT, 0);
    append(&pem, AG_LITERAL("\r\n \0\0\0"));
    check_pem(ag_vec_view(&pem), 4, AG_OK, 3); /* as quotes pad them */
    append(&pem, AG_LITERAL("x"));
    check_pem(ag_vec_view(&pem), 4, AG_ERR_CERT, 0);
    pem.size = size;
    append(&pem, AG_LITERAL("\0-----BEGIN CERTIFICATE-----\n"));
    check_pem(ag_vec_view(&pem), 4, AG_ERR_CERT, 0); /* nothing after a NUL */
    pem.size = size;
    pem.data[100] = '*';
    check_pem(ag_vec_view(&pem), 4, AG_ERR_CERT, 0);
    check_pem(AG_LITERAL("text first\n-----BEGIN CERTIFICATE-----\n"), 4, AG_ERR_CERT, 0);
    check_pem(AG_LITERAL("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), 4,
              AG_ERR_CERT, 0);
    check_pem(AG_LITERAL("-----BEGIN CERTIFICATE-----"), 4, AG_ERR_CERT, 0);
    check_pem(AG_LITERAL("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 4,
              AG_ERR_CERT, 0);
    check_pem(AG_LITERAL("\0\0\0"), 4, AG_ERR_CERT, 0);
    pem.size = 0;
    CHECK_ERR(ag_cert_to_pem(none, &pem), AG_ERR_ARGUMENT);
    ag_vec_close(&pem);
    close_pki(&pki);
}

/* Windows line ends, and lines of any length. */
static void test_pem_lines(void)
{
    struct pki pki;
    struct ag_vec pem;
    struct ag_vec other;
    open_pki(&pki);
    ag_vec_init(&pem, 65536);
    ag_vec_init(&other, 65536);
    CHECK_OK(ag_cert_to_pem(ag_vec_view(&pki.der[0]), &pem));
    for (size_t i = 0; i < pem.size; i++) {
        append(&other, pem.data[i] == '\n' ? AG_LITERAL("\r\n") : ag_bytes_of(&pem.data[i], 1));
    }
    check_pem(ag_vec_view(&other), 4, AG_OK, 1);
    ag_vec_close(&other);
    ag_vec_close(&pem);
    close_pki(&pki);
}

/* ---- issuing: wrong requests ----------------------------------------------------------------- */

static void test_bad_requests(void)
{
    struct pki pki;
    struct ag_vec der;
    const uint8_t serial[21] = {1};
    open_pki(&pki);
    ag_vec_init(&der, AG_LIMIT_CERT_BYTES);
    const struct ag_cert_request good = {.common_name = "x",
                                         .serial = ag_bytes_of(serial, 20),
                                         .not_before_ms = NOW_MS,
                                         .not_after_ms = NOW_MS};
    struct ag_cert_request request = good;
    CHECK_OK(ag_cert_issue(&request, pki.keys[2], pki.certs[0], pki.keys[0], &der));
    request.common_name = NULL;
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    request = good;
    request.common_name = "\xff\xfe"; /* not UTF-8 */
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    request = good;
    request.organization = "\xff\xfe";
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    request = good;
    request.serial = none;
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    request.serial = AG_ARRAY_VIEW(serial);
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    request = good;
    request.not_after_ms = NOW_MS - 1;
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    request = good;
    request.not_after_ms = UINT64_MAX; /* beyond the year 9999 */
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    request = good;
    request.extension_oid = "nonsense";
    CHECK_ERR(ag_cert_issue(&request, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_ARGUMENT);
    ag_vec_close(&der);
    ag_vec_init(&der, 10); /* no room for it */
    CHECK_ERR(ag_cert_issue(&good, pki.keys[2], NULL, pki.keys[0], &der), AG_ERR_WIRE_SPACE);
    ag_vec_close(&der);
    close_pki(&pki);
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start());
}

static const struct ag_test_case cases[] = {
    {"start", test_start},
    {"what is issued can be read", test_issue_and_read},
    {"each is signed by the one above alone", test_chain},
    {"a root of the same name is not the root", test_lookalike_root},
    {"no flipped bit verifies", test_flipped_bits},
    {"cut, trailing and over-long are refused", test_sizes},
    {"extensions and versions that are refused", test_extensions},
    {"two common names are none", test_common_names},
    {"RSA: only as AMD signs", test_rsa},
    {"PEM: strict, with padding", test_pem},
    {"PEM: line ends", test_pem_lines},
    {"bad requests are refused", test_bad_requests},
};

TEST_MAIN(cases)
