/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_CRYPTO_CRYPTO_I_H
#define AG_CRYPTO_CRYPTO_I_H

/* crypto, inside: the fetched algorithms, the contexts that a thread keeps, and the tools that more
 * than one file of this room uses. */

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <secp256k1.h>

#include "crypto/crypto.h"

/* ---- what start fetches ---------------------------------------------------------------------- */

enum ag_md {
    AG_MD_SHA256,
    AG_MD_SHA384,
    AG_MD_SHA512,
    AG_MD_SHA3_256,
    AG_MD_KECCAK256,
    AG_MD_SHAKE256,
    AG_MD_COUNT,
};

enum ag_curve {
    AG_CURVE_P256,
    AG_CURVE_P384,
    AG_CURVE_COUNT,
};

/* Every fetch names this, so that no other provider is ever asked. */
#define AG_CRYPTO_PROPERTIES "provider=default"

/* Written once by ag_crypto_start, then read by every thread. */
struct ag_crypto {
    OSSL_LIB_CTX *library;
    EVP_MD *md[AG_MD_COUNT];
    EVP_CIPHER *aes256gcm;
    EVP_SIGNATURE *mldsa87;
    EVP_SIGNATURE *slhdsa;
    EC_GROUP *group[AG_CURVE_COUNT];
    secp256k1_context *secp256k1; /* blinded at start; only its const functions are used after */
    bool has_rdseed;              /* asked once: in a guest, each CPUID is a trip to the host */
    bool has_rdrand;
};

/* To use this room before ag_crypto_start is a bug, and stops the process. */
const struct ag_crypto *ag_crypto_get(void);

/* Empties libcrypto's error queue of this thread: libssl would take what is left for its own. */
void ag_crypto_forget_errors(void);
/* Does that and returns `err`, so that AG_ENSURE(call == 1, ag_crypto_failed(...)) is one line. */
static inline enum ag_err ag_crypto_failed(enum ag_err err)
{
    ag_crypto_forget_errors();
    return err;
}

/* OK when CPUID and XCR0 show what we require, else CPU. */
AG_MUST_CHECK enum ag_err ag_crypto_cpu_check(void);
bool ag_crypto_cpu_has_rdseed(void);
bool ag_crypto_cpu_has_rdrand(void);

/* ---- contexts of a thread -------------------------------------------------------------------- */

/* HMAC keyed and ready: one copy of each half for every message under the same key. */
struct ag_hmac {
    EVP_MD_CTX *inner; /* has absorbed key xor ipad */
    EVP_MD_CTX *outer; /* has absorbed key xor opad */
    EVP_MD_CTX *run;
    enum ag_md md;
};

/* Making a context costs as much as hashing a block, so each thread keeps its own. */
struct ag_crypto_thread {
    EVP_MD_CTX *md[AG_MD_COUNT];
    EVP_CIPHER_CTX *gcm;
    struct ag_hmac hmac;
};
/* NULL when there is no memory. Freed when the thread ends. */
struct ag_crypto_thread *ag_crypto_thread_get(void);
AG_MUST_CHECK enum ag_err ag_crypto_thread_prepare(void); /* called once, by start */

/* ---- HMAC and HKDF --------------------------------------------------------------------------- */

#define AG_HMAC_SIZE_MAX 48u

size_t ag_hmac_size(enum ag_md md); /* 32 or 48 */
/* [RFC2104] over SHA-256 or SHA-384, in the contexts of this thread. Between init and wipe no other
 * function of this file may run on the thread. */
AG_MUST_CHECK enum ag_err ag_hmac_init(struct ag_hmac *hmac, enum ag_md md, struct ag_bytes key);
AG_MUST_CHECK enum ag_err ag_hmac_run(const struct ag_hmac *hmac, const struct ag_bytes *parts,
                                      size_t part_count, uint8_t *out);
void ag_hmac_wipe(struct ag_hmac *hmac);
/* HKDF-Expand [RFC5869 2.3] of the keyed `hmac`; `info` in parts. */
AG_MUST_CHECK enum ag_err ag_hmac_expand(const struct ag_hmac *hmac, const struct ag_bytes *info,
                                         size_t info_count, struct ag_buf out);

/* ---- hashes of secrets ----------------------------------------------------------------------- */

/* Like the public hashes, in a context of its own that is wiped before it returns. */
AG_MUST_CHECK enum ag_err ag_crypto_hash_secret(enum ag_md md, const struct ag_bytes *parts,
                                                size_t part_count, struct ag_buf out);
/* A context keeps the last block of what it hashed. This clears it for a tenth of what freeing
 * costs: beginning anew resets the state, and all but one byte of a block of zeroes covers the
 * buffer; the byte that is left out is always padding. */
void ag_crypto_scrub(EVP_MD_CTX *context);

/* ---- random ---------------------------------------------------------------------------------- */

#define AG_RANDOM_DRAW_SIZE 32u

/* Where ag_random_key draws from; a test hands in broken ones. */
struct ag_random_sources {
    const void *context;
    /* libcrypto's private generator. */
    enum ag_err (*library)(const void *context, uint8_t out[AG_RANDOM_DRAW_SIZE]);
    /* One word of the processor; false when it had none. */
    bool (*cpu)(const void *context, uint64_t *out);
};
AG_MUST_CHECK enum ag_err ag_random_mix(const struct ag_host *host,
                                        const struct ag_random_sources *sources, struct ag_buf out);
/* 32 bytes of the processor's generator, checked; to seed libcrypto's own. */
AG_MUST_CHECK enum ag_err ag_random_cpu(const struct ag_crypto *crypto,
                                        uint8_t out[AG_RANDOM_DRAW_SIZE]);

/* ---- signatures, with everything that tests may choose --------------------------------------- */

struct ag_sig_mode {
    struct ag_bytes context;      /* at most 255 bytes, else CONTEXT */
    bool is_deterministic;        /* outside tests always false */
    struct ag_bytes test_entropy; /* outside tests always empty */
    bool is_raw;                  /* message-encoding 0: outside tests always false */
    bool is_mu;                   /* the message is mu (ML-DSA): outside tests always false */
};
AG_MUST_CHECK enum ag_err ag_crypto_sign(EVP_PKEY *key, EVP_SIGNATURE *algorithm,
                                         const struct ag_sig_mode *mode, struct ag_bytes message,
                                         struct ag_buf out);
AG_MUST_CHECK enum ag_err ag_crypto_verify(EVP_PKEY *key, EVP_SIGNATURE *algorithm,
                                           const struct ag_sig_mode *mode, struct ag_bytes message,
                                           struct ag_bytes signature);
EVP_PKEY *ag_sig_public_pkey(const struct ag_sig_public *key);
/* A private key from the seed that is stored: `name` is libcrypto's, `seed` may be a secret. */
AG_MUST_CHECK enum ag_err ag_crypto_key_from_seed(const char *name, struct ag_bytes seed,
                                                  EVP_PKEY **out);

/* ---- KEM parts ------------------------------------------------------------------------------- */

#define AG_P384_POINT_SIZE   97u
#define AG_P384_SCALAR_SIZE  48u
#define AG_MLKEM1024_CT_SIZE 1568u
#define AG_KEM_SECRET_SIZE   32u

/* Scalars are 32 or 48 bytes, points 65 or 97: uncompressed, tag 04 first. */
size_t ag_ec_point_size(enum ag_curve curve);
/* The public point of a scalar; KEY when the scalar is 0 or not below the order. */
AG_MUST_CHECK enum ag_err ag_ec_public(enum ag_curve curve, const uint8_t *scalar, uint8_t *out);
/* A key from a scalar and its point. */
AG_MUST_CHECK enum ag_err ag_ec_key(enum ag_curve curve, const uint8_t *scalar,
                                    const uint8_t *point, EVP_PKEY **out);
/* A public key from a point; KEY when it is none. */
AG_MUST_CHECK enum ag_err ag_ec_peer(enum ag_curve curve, const uint8_t *point, EVP_PKEY **out);
/* x coordinate of private times peer, in a context that derives with the private key. */
AG_MUST_CHECK enum ag_err ag_p384_derive(EVP_PKEY_CTX *derive, EVP_PKEY *peer,
                                         uint8_t out[AG_P384_SCALAR_SIZE]);

/* The same with `point` from a message, for which `peer` is changed in place. A point that is none
 * is replaced by `stand_in`, so that it costs what a good one costs; the caller refuses when its
 * work is done. */
AG_MUST_CHECK enum ag_err ag_p384_exchange(EVP_PKEY_CTX *derive, EVP_PKEY *peer,
                                           const uint8_t *stand_in, const uint8_t *point,
                                           uint8_t out[AG_P384_SCALAR_SIZE], bool *out_is_point);

AG_MUST_CHECK enum ag_err ag_kem_decap(struct ag_kem_work *work, struct ag_bytes enc,
                                       uint8_t out[AG_KEM_SECRET_SIZE]);
/* `randomness` is 32 bytes (0x0042) or 80 (0x0051: for ML-KEM 32, the scalar 48). */
size_t ag_kem_randomness_size(enum ag_kem kem);
AG_MUST_CHECK enum ag_err ag_kem_encap(enum ag_kem kem, struct ag_bytes public_key,
                                       struct ag_bytes randomness, struct ag_buf out_enc,
                                       uint8_t out[AG_KEM_SECRET_SIZE]);
enum ag_kem ag_kem_work_kem(const struct ag_kem_work *work);
/* The key schedule of base mode from the shared secret on [RFC9180 5.1]. */
AG_MUST_CHECK enum ag_err ag_hpke_schedule(const struct ag_hpke_info *info,
                                           const uint8_t secret[AG_KEM_SECRET_SIZE],
                                           bool want_exporter, struct ag_hpke *out);

/* ---- scoped cleanup -------------------------------------------------------------------------- */

void ag_crypto_pkey_cleanup(EVP_PKEY **key);
void ag_crypto_pkey_ctx_cleanup(EVP_PKEY_CTX **context);
void ag_crypto_md_ctx_cleanup(EVP_MD_CTX **context);
void ag_crypto_bn_cleanup(BIGNUM **number); /* wipes */
void ag_crypto_point_cleanup(EC_POINT **point);
void ag_crypto_openssl_free_cleanup(uint8_t **memory);

#endif
