/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_CRYPTO_PKI_H
#define AG_TEST_CRYPTO_PKI_H

/* A small hierarchy of certificates for the tests. */

#include <openssl/x509v3.h>

#include "crypto/x509_i.h"
#include "test_crypto_ground.h"

#define YEAR_MS (365ull * 24 * 3600 * 1000)
#define NOW_MS  1760000000000ull /* a whole second */

/* A root, a CA below it, a leaf below that. */
struct pki {
    struct ag_ecdsa_key *keys[3];
    struct ag_cert *certs[3];
    struct ag_vec der[3];
};

static const char *const names[] = {"Root", "Platform CA", "Leaf"};
static const char extra_oid[] = "1.2.840.113741.1.13.1";

static inline struct ag_ecdsa_key *make_key(uint8_t number)
{
    const uint8_t scalar[32] = {[31] = number};
    struct ag_ecdsa_key *key = NULL;
    CHECK_OK(ag_ecdsa_key_open(AG_ARRAY_VIEW(scalar), &key));
    return key;
}

static inline void open_pki(struct pki *pki)
{
    *pki = (struct pki){0};
    for (size_t i = 0; i < 3; i++) {
        const uint8_t serial[] = {(uint8_t)(0x81 + i), 0x00, (uint8_t)i};
        const struct ag_cert_request request = {
            .common_name = names[i],
            .organization = "Aegis insecure-sim",
            .serial = AG_ARRAY_VIEW(serial),
            .not_before_ms = NOW_MS,
            .not_after_ms = NOW_MS + YEAR_MS,
            .is_ca = i < 2,
            .extension_oid = i == 2 ? extra_oid : NULL,
            .extension = AG_LITERAL("\x04\x02ok"),
        };
        pki->keys[i] = make_key((uint8_t)(i + 2));
        ag_vec_init(&pki->der[i], AG_LIMIT_CERT_BYTES);
        CHECK_OK(ag_cert_issue(&request, pki->keys[i], i == 0 ? NULL : pki->certs[i - 1],
                               pki->keys[i == 0 ? 0 : i - 1], &pki->der[i]));
        CHECK_OK(ag_cert_parse_der(ag_vec_view(&pki->der[i]), &pki->certs[i]));
    }
}

static inline void close_pki(struct pki *pki)
{
    for (size_t i = 0; i < 3; i++) {
        ag_cert_close(pki->certs[i]);
        ag_ecdsa_key_close(pki->keys[i]);
        ag_vec_close(&pki->der[i]);
    }
}

#endif
