/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_CRYPTO_VECTORS_I_H
#define AG_CRYPTO_VECTORS_I_H

/* vectors: what published test vectors ask and the room does not offer: expanded private keys,
 * other parameter sets, nonces that are not 12 bytes, DER signatures. Compiled into the driver of
 * tests/vectors alone; no library holds it. Borrowed results live in the arena. */

#include "crypto/crypto_i.h"

/* Keys in the standard's own encoding, by libcrypto's name of the algorithm. KEY when refused. */
AG_MUST_CHECK enum ag_err ag_vector_private(const char *name, struct ag_bytes bytes,
                                            EVP_PKEY **out);
AG_MUST_CHECK enum ag_err ag_vector_public(const char *name, struct ag_bytes bytes, EVP_PKEY **out);
AG_MUST_CHECK enum ag_err ag_vector_raw(EVP_PKEY *key, bool is_private, struct ag_arena *arena,
                                        struct ag_bytes *out);

AG_MUST_CHECK enum ag_err ag_vector_sign(const char *name, EVP_PKEY *key,
                                         const struct ag_sig_mode *mode, struct ag_bytes message,
                                         struct ag_arena *arena, struct ag_bytes *out);
AG_MUST_CHECK enum ag_err ag_vector_verify(const char *name, EVP_PKEY *key,
                                           const struct ag_sig_mode *mode, struct ag_bytes message,
                                           struct ag_bytes signature);
AG_MUST_CHECK enum ag_err ag_vector_decap(EVP_PKEY *key, struct ag_bytes ct,
                                          uint8_t out[AG_KEM_SECRET_SIZE]);

/* x coordinate of scalar times point, the way ag_kem_decap does it; KEY when either is refused. */
AG_MUST_CHECK enum ag_err ag_vector_ecdh_p384(const uint8_t scalar[AG_P384_SCALAR_SIZE],
                                              struct ag_bytes point,
                                              uint8_t out[AG_P384_SCALAR_SIZE]);

/* AES-256-GCM with a nonce of any length that libcrypto takes. */
#define AG_VECTOR_IV_SIZE_MAX 128u
AG_MUST_CHECK enum ag_err ag_vector_gcm_seal(struct ag_bytes key, struct ag_bytes iv,
                                             struct ag_bytes aad, struct ag_bytes plain,
                                             struct ag_buf out);
AG_MUST_CHECK enum ag_err ag_vector_gcm_open(struct ag_bytes key, struct ag_bytes iv,
                                             struct ag_bytes aad, struct ag_bytes sealed,
                                             struct ag_buf out);

/* r | s of a strict DER signature. */
bool ag_vector_secp256k1_from_der(struct ag_bytes der, uint8_t out[64]);
/* Plain verification; s may be high. */
bool ag_vector_secp256k1_verify(struct ag_bytes public_key, const uint8_t digest[32],
                                const uint8_t signature[64]);

/* SHA3-512, for the draft of ML-KEM. */
AG_MUST_CHECK enum ag_err ag_vector_sha3_512(struct ag_bytes message, uint8_t out[64]);

/* SHAKE128 as a stream. */
struct ag_vector_xof {
    EVP_MD_CTX *context;
};
AG_MUST_CHECK enum ag_err ag_vector_xof_open(struct ag_vector_xof *xof);
AG_MUST_CHECK enum ag_err ag_vector_xof_absorb(struct ag_vector_xof *xof, struct ag_bytes bytes);
AG_MUST_CHECK enum ag_err ag_vector_xof_squeeze(struct ag_vector_xof *xof, struct ag_buf out);
void ag_vector_xof_close(struct ag_vector_xof *xof);

#endif
