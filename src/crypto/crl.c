/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <stdlib.h>

#include <openssl/x509v3.h>

#include "crypto/x509_i.h"

/* crl: a revocation list that is complete for its issuer [RFC5280 5]. Deltas, lists by others than
 * the issuer (indirect) and lists of a part of the certificates are refused, because "not listed"
 * would then not mean "not revoked". */

struct ag_crl {
    X509_CRL *x509;
    struct ag_bytes issuer;
    uint64_t this_update_ms;
    uint64_t next_update_ms;
    struct ag_bytes *serials; /* sorted; borrowed from x509 */
    size_t serial_count;
};

static int compare_serials(const void *a, const void *b)
{
    const struct ag_bytes *left = a;
    const struct ag_bytes *right = b;
    /* Minimal big-endian numbers: the longer is the greater. */
    if (left->size != right->size) {
        return left->size < right->size ? -1 : 1;
    }
    return ag_bytes_compare(*left, *right);
}

static void free_point(ISSUING_DIST_POINT **point)
{
    ISSUING_DIST_POINT_free(*point);
    *point = NULL;
}

/* Where the list is published may be said; which part of the certificates it covers may not. */
static enum ag_err check_distribution_point(const X509_CRL *x509)
{
    int critical = 0;
    ISSUING_DIST_POINT *point AG_SCOPED(free_point) =
        X509_CRL_get_ext_d2i(x509, NID_issuing_distribution_point, &critical, NULL);
    if (point == NULL) {
        ag_crypto_forget_errors();
        return critical == -1 ? AG_OK : AG_ERR_CERT; /* -1: there is none */
    }
    AG_ENSURE(!point->onlyuser && !point->onlyCA && !point->indirectCRL && !point->onlyattr &&
                  point->onlysomereasons == NULL,
              AG_ERR_CERT);
    return AG_OK;
}

static enum ag_err check_extensions(const X509_CRL *x509)
{
    static const int known[] = {NID_authority_key_identifier, NID_crl_number,
                                NID_issuing_distribution_point};
    AG_TRY(ag_x509_extensions(X509_CRL_get0_extensions(x509), known, AG_COUNT(known)));
    AG_ENSURE(X509_CRL_get_ext_by_NID(x509, NID_delta_crl, -1) < 0, AG_ERR_CERT);
    return check_distribution_point(x509);
}

static enum ag_err check_entry(const X509_REVOKED *entry)
{
    static const int known[] = {NID_crl_reason, NID_invalidity_date};
    AG_TRY(ag_x509_extensions(X509_REVOKED_get0_extensions(entry), known, AG_COUNT(known)));
    /* Names another issuer: part of an indirect list, even where it is not marked critical. */
    AG_ENSURE(X509_REVOKED_get_ext_by_NID(entry, NID_certificate_issuer, -1) < 0, AG_ERR_CERT);
    return AG_OK;
}

static enum ag_err read_entries(struct ag_crl *crl)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl->x509);
    int count = entries == NULL ? 0 : sk_X509_REVOKED_num(entries);
    if (count <= 0) {
        return AG_OK;
    }
    AG_ENSURE((size_t)count <= AG_LIMIT_CRL_ENTRIES, AG_ERR_CERT);
    crl->serials = ag_alloc_array((size_t)count, sizeof(*crl->serials));
    AG_ENSURE(crl->serials != NULL, AG_ERR_NO_MEMORY);
    for (int i = 0; i < count; i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        AG_TRY(check_entry(entry));
        AG_TRY(ag_x509_integer(X509_REVOKED_get0_serialNumber(entry), &crl->serials[i]));
    }
    crl->serial_count = (size_t)count;
    qsort(crl->serials, crl->serial_count, sizeof(*crl->serials), compare_serials);
    return AG_OK;
}

static enum ag_err parse(struct ag_crl *crl, struct ag_bytes der)
{
    crl->x509 = X509_CRL_new_ex(ag_crypto_get()->library, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(crl->x509 != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    const unsigned char *at = der.data;
    AG_ENSURE(d2i_X509_CRL(&crl->x509, &at, (long)der.size) != NULL, ag_crypto_failed(AG_ERR_CERT));
    AG_ENSURE(at == der.data + der.size, AG_ERR_CERT);
    AG_ENSURE(X509_CRL_get_version(crl->x509) == X509_CRL_VERSION_2, AG_ERR_CERT);
    AG_TRY(ag_x509_name(X509_CRL_get_issuer(crl->x509), &crl->issuer));
    AG_TRY(ag_x509_time(X509_CRL_get0_lastUpdate(crl->x509), &crl->this_update_ms));
    if (X509_CRL_get0_nextUpdate(crl->x509) != NULL) {
        AG_TRY(ag_x509_time(X509_CRL_get0_nextUpdate(crl->x509), &crl->next_update_ms));
    }
    AG_TRY(check_extensions(crl->x509));
    return read_entries(crl);
}

enum ag_err ag_crl_parse_der(struct ag_bytes der, struct ag_crl **out)
{
    AG_ENSURE(der.size != 0 && der.size <= AG_LIMIT_COLLATERAL_PART_BYTES, AG_ERR_CERT);
    struct ag_crl *crl = ag_alloc(sizeof(*crl));
    AG_ENSURE(crl != NULL, AG_ERR_NO_MEMORY);
    enum ag_err err = parse(crl, der);
    if (err != AG_OK) {
        ag_crl_close(crl);
        return err;
    }
    *out = crl;
    return AG_OK;
}

void ag_crl_close(struct ag_crl *crl)
{
    if (crl != NULL) {
        X509_CRL_free(crl->x509);
        ag_free(crl->serials);
        ag_free(crl);
    }
}

struct ag_bytes ag_crl_issuer_der(const struct ag_crl *crl)
{
    return crl->issuer;
}

uint64_t ag_crl_this_update_ms(const struct ag_crl *crl)
{
    return crl->this_update_ms;
}

uint64_t ag_crl_next_update_ms(const struct ag_crl *crl)
{
    return crl->next_update_ms;
}

enum ag_err ag_crl_verify_signed_by(const struct ag_crl *crl, const struct ag_cert *issuer)
{
    const X509_ALGOR *algorithm = NULL;
    AG_ENSURE(ag_bytes_equal(crl->issuer, ag_cert_subject_der(issuer)), AG_ERR_CERT);
    X509_CRL_get0_signature(crl->x509, NULL, &algorithm);
    AG_TRY(ag_x509_algorithm(algorithm, ag_cert_pkey(issuer)));
    AG_ENSURE(X509_CRL_verify(crl->x509, ag_cert_pkey(issuer)) == 1,
              ag_crypto_failed(AG_ERR_SIGNATURE));
    return AG_OK;
}

bool ag_crl_lists(const struct ag_crl *crl, struct ag_bytes serial)
{
    /* A caller's serial may have leading zeroes; ours have none, but for zero itself. */
    while (serial.size > 1 && serial.data[0] == 0) {
        serial = ag_bytes_tail(serial, 1);
    }
    return crl->serial_count != 0 && bsearch(&serial, crl->serials, crl->serial_count,
                                             sizeof(*crl->serials), compare_serials) != NULL;
}
