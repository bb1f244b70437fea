/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists: what is issued parses and verifies; what is malformed, signed by another, or
 * not complete for its issuer does not. */
#include "test_crypto_pki.h"

/* ---- good lists ------------------------------------------------------------------------------ */

static struct ag_crl *issue_crl(const struct pki *pki, const struct ag_bytes *serials, size_t count,
                                struct ag_vec *out_der)
{
    struct ag_crl *crl = NULL;
    ag_vec_init(out_der, AG_LIMIT_COLLATERAL_PART_BYTES);
    CHECK_OK(ag_crl_issue(pki->certs[0], pki->keys[0], NOW_MS, NOW_MS + YEAR_MS, serials, count,
                          out_der));
    CHECK_OK(ag_crl_parse_der(ag_vec_view(out_der), &crl));
    return crl;
}

static void test_crl(void)
{
    struct pki pki;
    struct ag_vec der;
    const uint8_t bytes[][3] = {{0x81, 0, 0}, {0x00, 0x05, 0x01}, {0x7f, 0xff, 0xff}, {0, 0, 9}};
    struct ag_bytes serials[AG_COUNT(bytes)];
    open_pki(&pki);
    for (size_t i = 0; i < AG_COUNT(bytes); i++) {
        serials[i] = AG_ARRAY_VIEW(bytes[i]);
    }
    struct ag_crl *crl = issue_crl(&pki, serials, AG_COUNT(bytes), &der);
    CHECK_BYTES(ag_crl_issuer_der(crl), ag_cert_subject_der(pki.certs[0]));
    CHECK_U64(ag_crl_this_update_ms(crl), NOW_MS);
    CHECK_U64(ag_crl_next_update_ms(crl), NOW_MS + YEAR_MS);
    CHECK_OK(ag_crl_verify_signed_by(crl, pki.certs[0]));
    CHECK_ERR(ag_crl_verify_signed_by(crl, pki.certs[1]), AG_ERR_CERT);
    for (size_t i = 0; i < AG_COUNT(bytes); i++) {
        CHECK(ag_crl_lists(crl, serials[i]));
        CHECK(!ag_crl_lists(crl, ag_bytes_head(serials[i], 2)));
    }
    CHECK(ag_crl_lists(crl, AG_LITERAL("\x05\x01")) && ag_crl_lists(crl, AG_LITERAL("\x09")));
    CHECK(!ag_crl_lists(crl, AG_LITERAL("\x81\x00\x01")) && !ag_crl_lists(crl, none));
    CHECK(ag_crl_lists(crl, ag_cert_serial(pki.certs[0])));
    CHECK(!ag_crl_lists(crl, ag_cert_serial(pki.certs[1])));
    ag_crl_close(crl);
    ag_vec_close(&der);

    crl = issue_crl(&pki, NULL, 0, &der);
    CHECK(!ag_crl_lists(crl, serials[0]));
    ag_crl_close(crl);
    ag_crl_close(NULL);
    ag_vec_close(&der);
    close_pki(&pki);
}

static void test_crl_flipped_bits(void)
{
    struct pki pki;
    struct ag_vec der;
    const struct ag_bytes serial = AG_LITERAL("\x12\x34");
    open_pki(&pki);
    struct ag_crl *good = issue_crl(&pki, &serial, 1, &der);
    ag_crl_close(good);
    for (size_t at = 0; at < der.size; at++) {
        struct ag_crl *crl = NULL;
        der.data[at] ^= (uint8_t)(1u << (at % 8));
        enum ag_err err = ag_crl_parse_der(ag_vec_view(&der), &crl);
        if (err == AG_OK) {
            err = ag_crl_verify_signed_by(crl, pki.certs[0]);
            CHECK(err == AG_ERR_SIGNATURE || err == AG_ERR_CERT);
            ag_crl_close(crl);
        } else {
            CHECK_ERR(err, AG_ERR_CERT);
        }
        der.data[at] ^= (uint8_t)(1u << (at % 8));
    }
    struct ag_crl *crl = NULL;
    CHECK_ERR(ag_crl_parse_der(none, &crl), AG_ERR_CERT);
    CHECK_ERR(ag_crl_parse_der(ag_bytes_head(ag_vec_view(&der), der.size - 1), &crl), AG_ERR_CERT);
    CHECK_OK(ag_vec_append(&der, AG_LITERAL("x")));
    CHECK_ERR(ag_crl_parse_der(ag_vec_view(&der), &crl), AG_ERR_CERT);
    CHECK_ERR(ag_crl_parse_der(ag_bytes_of(der.data, AG_LIMIT_COLLATERAL_PART_BYTES + 1), &crl),
              AG_ERR_CERT);
    ag_vec_close(&der);
    close_pki(&pki);
}

/* ---- lists that are not complete for their issuer -------------------------------------------- */

typedef void change_crl(X509_CRL *crl);

static enum ag_err parse_changed_crl(const struct pki *pki, change_crl *change)
{
    struct ag_vec der;
    struct ag_crl *crl = NULL;
    unsigned char *changed = NULL;
    const struct ag_bytes serial = AG_LITERAL("\x12\x34");
    ag_crl_close(issue_crl(pki, &serial, 1, &der));
    const unsigned char *at = der.data;
    X509_CRL *x509 = d2i_X509_CRL(NULL, &at, (long)der.size);
    CHECK(x509 != NULL);
    change(x509);
    CHECK(X509_CRL_sign(x509, ag_ecdsa_key_pkey(pki->keys[0]), EVP_sha256()) > 0);
    int size = i2d_X509_CRL(x509, &changed);
    enum ag_err err = ag_crl_parse_der(ag_bytes_of(changed, (size_t)size), &crl);
    ag_crl_close(crl);
    OPENSSL_free(changed);
    X509_CRL_free(x509);
    ag_vec_close(&der);
    return err;
}

static void crl_nothing(X509_CRL *crl)
{
    (void)crl;
}

static void crl_delta(X509_CRL *crl)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    CHECK(ASN1_INTEGER_set(number, 1) == 1 &&
          X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 0, 0) == 1);
    ASN1_INTEGER_free(number);
}

static void add_point(X509_CRL *crl, int is_critical, void (*set)(ISSUING_DIST_POINT *point))
{
    ISSUING_DIST_POINT *point = ISSUING_DIST_POINT_new();
    set(point);
    CHECK(X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point, is_critical, 0) == 1);
    ISSUING_DIST_POINT_free(point);
}

static void set_name(ISSUING_DIST_POINT *point)
{
    point->distpoint = DIST_POINT_NAME_new();
    point->distpoint->type = 0;
    point->distpoint->name.fullname = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *uri = ASN1_IA5STRING_new();
    CHECK(ASN1_STRING_set(uri, "https://pki.example/crl", -1) == 1);
    GENERAL_NAME_set0_value(name, GEN_URI, uri);
    CHECK(sk_GENERAL_NAME_push(point->distpoint->name.fullname, name) == 1);
}

static void set_indirect(ISSUING_DIST_POINT *point)
{
    set_name(point);
    point->indirectCRL = 0xff;
}

static void set_only_user(ISSUING_DIST_POINT *point)
{
    set_name(point);
    point->onlyuser = 0xff;
}

static void set_only_ca(ISSUING_DIST_POINT *point)
{
    set_name(point);
    point->onlyCA = 0xff;
}

static void set_only_attributes(ISSUING_DIST_POINT *point)
{
    set_name(point);
    point->onlyattr = 0xff;
}

static void set_reasons(ISSUING_DIST_POINT *point)
{
    set_name(point);
    point->onlysomereasons = ASN1_BIT_STRING_new();
    CHECK(ASN1_BIT_STRING_set_bit(point->onlysomereasons, 1, 1) == 1);
}

static void crl_named(X509_CRL *crl)
{
    add_point(crl, 1, set_name);
}

static void crl_indirect(X509_CRL *crl)
{
    add_point(crl, 1, set_indirect);
}

static void crl_only_user(X509_CRL *crl)
{
    add_point(crl, 1, set_only_user);
}

static void crl_only_ca(X509_CRL *crl)
{
    add_point(crl, 0, set_only_ca);
}

static void crl_only_attributes(X509_CRL *crl)
{
    add_point(crl, 1, set_only_attributes);
}

static void crl_reasons(X509_CRL *crl)
{
    add_point(crl, 0, set_reasons);
}

static void add_crl_extension(X509_CRL *crl, const char *oid, int is_critical)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    CHECK(ASN1_OCTET_STRING_set(octets, (const unsigned char *)"x", 1) == 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, is_critical, octets);
    CHECK(X509_CRL_add_ext(crl, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
}

static void crl_bad_point(X509_CRL *crl)
{
    add_crl_extension(crl, "2.5.29.28", 0);
}

static void crl_critical(X509_CRL *crl)
{
    add_crl_extension(crl, "1.2.3.4", 1);
}

static void crl_optional(X509_CRL *crl)
{
    add_crl_extension(crl, "1.2.3.4", 0);
}

static void crl_version_1(X509_CRL *crl)
{
    CHECK(X509_CRL_set_version(crl, X509_CRL_VERSION_1) == 1);
}

static X509_REVOKED *first_entry(X509_CRL *crl)
{
    return sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
}

static void entry_reason(X509_CRL *crl)
{
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    CHECK(ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE) == 1 &&
          X509_REVOKED_add1_ext_i2d(first_entry(crl), NID_crl_reason, reason, 0, 0) == 1);
    ASN1_ENUMERATED_free(reason);
}

static void entry_issuer(X509_CRL *crl)
{
    GENERAL_NAMES *issuers = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(X509_CRL_get_issuer(crl)));
    CHECK(sk_GENERAL_NAME_push(issuers, name) == 1);
    CHECK(X509_REVOKED_add1_ext_i2d(first_entry(crl), NID_certificate_issuer, issuers, 0, 0) == 1);
    GENERAL_NAMES_free(issuers);
}

static void entry_critical(X509_CRL *crl)
{
    ASN1_OBJECT *object = OBJ_txt2obj("1.2.3.4", 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, octets);
    CHECK(X509_REVOKED_add_ext(first_entry(crl), extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
}

static void entry_negative(X509_CRL *crl)
{
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    CHECK(ASN1_INTEGER_set(serial, -3) == 1 &&
          X509_REVOKED_set_serialNumber(first_entry(crl), serial) == 1);
    ASN1_INTEGER_free(serial);
}

static void test_incomplete_lists(void)
{
    static const struct {
        const char *why;
        change_crl *change;
        enum ag_err wanted;
    } changes[] = {
        {"nothing changed", crl_nothing, AG_OK},
        {"an unknown optional extension", crl_optional, AG_OK},
        {"an entry with a reason", entry_reason, AG_OK},
        {"a place of publication", crl_named, AG_OK},
        {"a delta", crl_delta, AG_ERR_CERT},
        {"an indirect list", crl_indirect, AG_ERR_CERT},
        {"users only", crl_only_user, AG_ERR_CERT},
        {"authorities only, not critical", crl_only_ca, AG_ERR_CERT},
        {"attribute certificates only", crl_only_attributes, AG_ERR_CERT},
        {"some reasons only", crl_reasons, AG_ERR_CERT},
        {"a malformed place of publication", crl_bad_point, AG_ERR_CERT},
        {"an unknown critical extension", crl_critical, AG_ERR_CERT},
        {"version 1", crl_version_1, AG_ERR_CERT},
        {"an entry of another issuer", entry_issuer, AG_ERR_CERT},
        {"an entry with an unknown critical extension", entry_critical, AG_ERR_CERT},
        {"an entry with a negative serial number", entry_negative, AG_ERR_CERT},
    };
    struct pki pki;
    open_pki(&pki);
    for (size_t i = 0; i < AG_COUNT(changes); i++) {
        enum ag_err err = parse_changed_crl(&pki, changes[i].change);
        if (err != changes[i].wanted) {
            ag_test_note("%s", changes[i].why);
        }
        CHECK_ERR(err, changes[i].wanted);
    }
    close_pki(&pki);
}

static void test_bad_crl_requests(void)
{
    struct pki pki;
    struct ag_vec der;
    const uint8_t zeroes[21] = {0};
    const struct ag_bytes bad = AG_ARRAY_VIEW(zeroes);
    open_pki(&pki);
    ag_vec_init(&der, AG_LIMIT_COLLATERAL_PART_BYTES);
    CHECK_ERR(ag_crl_issue(pki.certs[0], pki.keys[0], NOW_MS, NOW_MS - 1, NULL, 0, &der),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_crl_issue(pki.certs[0], pki.keys[0], NOW_MS, UINT64_MAX, NULL, 0, &der),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_crl_issue(pki.certs[0], pki.keys[0], NOW_MS, NOW_MS, &bad, 1, &der),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_crl_issue(pki.certs[0], pki.keys[0], NOW_MS, NOW_MS, &bad,
                           AG_LIMIT_CRL_ENTRIES + 1, &der),
              AG_ERR_ARGUMENT);
    CHECK_U64(der.size, 0);
    ag_vec_close(&der);
    close_pki(&pki);
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start());
}

static const struct ag_test_case cases[] = {
    {"start", test_start},
    {"listed and not listed", test_crl},
    {"no flipped bit verifies", test_crl_flipped_bits},
    {"incomplete lists are refused", test_incomplete_lists},
    {"bad requests are refused", test_bad_crl_requests},
};

TEST_MAIN(cases)
