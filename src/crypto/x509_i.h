/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_CRYPTO_X509_I_H
#define AG_CRYPTO_X509_I_H

/* x509, inside: what certificates, revocation lists and their issuing share. */

#include <openssl/x509.h>

#include "crypto/crypto_i.h"

X509 *ag_cert_x509(const struct ag_cert *cert);
EVP_PKEY *ag_cert_pkey(const struct ag_cert *cert);
EVP_PKEY *ag_ecdsa_key_pkey(const struct ag_ecdsa_key *key);

/* Unix milliseconds; CERT when it is no time, or before 1970. */
AG_MUST_CHECK enum ag_err ag_x509_time(const ASN1_TIME *time, uint64_t *out_ms);
/* The magnitude, big-endian without leading zeroes; CERT when negative. Borrowed. */
AG_MUST_CHECK enum ag_err ag_x509_integer(const ASN1_INTEGER *integer, struct ag_bytes *out);
/* The DER of a name, borrowed. */
AG_MUST_CHECK enum ag_err ag_x509_name(const X509_NAME *name, struct ag_bytes *out);
/* OK when this algorithm and this signer's key are of those that vendors use, else CERT. */
AG_MUST_CHECK enum ag_err ag_x509_algorithm(const X509_ALGOR *algorithm, const EVP_PKEY *signer);
/* CERT when an extension occurs twice, or is critical and not one of `known`. */
AG_MUST_CHECK enum ag_err ag_x509_extensions(const STACK_OF(X509_EXTENSION) * extensions,
                                             const int *known, size_t known_count);

#endif
