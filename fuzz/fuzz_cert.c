/* SPDX-License-Identifier: Apache-2.0 */
/* Does any byte string crash the certificate parser or give a certificate that contradicts itself?
 *
 * What begins with a dash is read as PEM, the rest as DER. What parses must be its own DER, parse
 * again to the same fields, and come back from PEM. It is also asked to verify itself, which runs
 * its key and its signature algorithm. */
#include <string.h>

#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Borrowed views must lie inside the object's own memory, so reading all of them is the check. */
static unsigned touch(struct ag_bytes bytes)
{
    unsigned sum = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        sum += bytes.data[i];
    }
    return sum;
}

static void check_fields(const struct ag_cert *a, const struct ag_cert *b)
{
    static const char *const oids[] = {"2.5.29.19", "2.5.29.15", "1.2.840.113741.1.13.1"};
    AG_ASSERT(ag_bytes_equal(ag_cert_subject_der(a), ag_cert_subject_der(b)));
    AG_ASSERT(ag_bytes_equal(ag_cert_issuer_der(a), ag_cert_issuer_der(b)));
    AG_ASSERT(ag_bytes_equal(ag_cert_serial(a), ag_cert_serial(b)));
    AG_ASSERT(ag_bytes_equal(ag_cert_point(a), ag_cert_point(b)));
    AG_ASSERT(ag_cert_not_before_ms(a) == ag_cert_not_before_ms(b));
    AG_ASSERT(ag_cert_not_after_ms(a) == ag_cert_not_after_ms(b));
    AG_ASSERT(ag_cert_is_ca(a) == ag_cert_is_ca(b));
    AG_ASSERT(ag_cert_path_length_max(a) == ag_cert_path_length_max(b));
    AG_ASSERT(ag_cert_common_name_is(a, "Root") == ag_cert_common_name_is(b, "Root"));
    for (unsigned bit = 0; bit <= 8; bit++) {
        AG_ASSERT(ag_cert_has_key_usage(a, bit) == ag_cert_has_key_usage(b, bit));
    }
    for (size_t i = 0; i < AG_COUNT(oids); i++) {
        struct ag_bytes content[2] = {{NULL, 0}, {NULL, 0}};
        AG_ASSERT(ag_cert_extension(a, oids[i], &content[0]) == AG_OK);
        AG_ASSERT(ag_cert_extension(b, oids[i], &content[1]) == AG_OK);
        AG_ASSERT(ag_bytes_equal(content[0], content[1]));
    }
    const struct ag_bytes serial = ag_cert_serial(a);
    AG_ASSERT(serial.size == 1 || serial.data[0] != 0);
    AG_ASSERT(ag_cert_point(a).size == 0 || ag_cert_point(a).data[0] == 4);
    (void)touch(ag_cert_subject_der(a));
}

static void check_cert(const struct ag_cert *cert)
{
    struct ag_cert *again = NULL;
    struct ag_cert *from_pem = NULL;
    struct ag_vec pem;
    size_t count = 0;
    uint8_t digest[32];
    AG_ASSERT(ag_cert_parse_der(ag_cert_der(cert), &again) == AG_OK);
    check_fields(cert, again);
    ag_vec_init(&pem, (size_t)2 * AG_LIMIT_CERT_BYTES);
    AG_ASSERT(ag_cert_to_pem(ag_cert_der(cert), &pem) == AG_OK);
    AG_ASSERT(ag_cert_parse_pem(ag_vec_view(&pem), &from_pem, 1, &count) == AG_OK && count == 1);
    AG_ASSERT(ag_bytes_equal(ag_cert_der(from_pem), ag_cert_der(cert)));
    AG_ASSERT(ag_cert_fingerprint(cert, digest) == AG_OK);
    AG_ASSERT(ag_cert_verify_signed_by(cert, cert) == ag_cert_verify_signed_by(cert, again));
    ag_vec_close(&pem);
    ag_cert_close(from_pem);
    ag_cert_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_cert *certs[4] = {NULL};
    size_t count = 0;
    AG_ASSERT(ag_crypto_start() == AG_OK);
    const struct ag_bytes input = ag_bytes_of(data, size);
    enum ag_err err = AG_OK;
    if (size != 0 && data[0] == '-') {
        err = ag_cert_parse_pem(input, certs, AG_COUNT(certs), &count);
    } else {
        err = ag_cert_parse_der(input, &certs[0]);
        count = err == AG_OK ? 1 : 0;
        AG_ASSERT(err != AG_OK || ag_bytes_equal(ag_cert_der(certs[0]), input));
    }
    AG_ASSERT(err == AG_OK || err == AG_ERR_CERT);
    for (size_t i = 0; i < count; i++) {
        check_cert(certs[i]);
        ag_cert_close(certs[i]);
    }
    return 0;
}
