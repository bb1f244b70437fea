/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_CRYPTO_CRYPTO_H
#define AG_CRYPTO_CRYPTO_H

/* crypto: hashes, derivation, sealing to a key, signatures, certificates. The only room that sees
 * libcrypto and libsecp256k1.
 *
 * Owns:    one private OSSL_LIB_CTX and every fetched algorithm, from ag_crypto_start on.
 * Threads: after ag_crypto_start every function may be called from any thread; key objects may be
 *          shared for reading; a struct with an `_open` is used by one thread at a time.
 * Fails:   CRYPTO when the library does; INPUT errors name what was wrong with the argument. A
 *          failed call leaves its outputs untouched; a secret output is wiped.
 * Not:     no key storage (keyring), no policy beyond the suite list. */

#include "base/base.h"

/* ---- start --------------------------------------------------------------------------------- */

/* Before main does anything else: no environment (re-executes itself once with an empty one when it
 * is not empty, because libcrypto's constructor reads it), no core dumps, no tracing, locked
 * memory. Tests and client tools may pass AG_HARDEN_CLIENT: the environment is still cleared of
 * every name libcrypto reads, but memory is not locked. */
enum ag_harden {
    AG_HARDEN_NODE,
    AG_HARDEN_CLIENT
};
AG_MUST_CHECK enum ag_err ag_crypto_harden(enum ag_harden level, char **argv, bool *out_locked);

/* Fetches every algorithm once, without any configuration file; refuses with CPU when AES-NI,
 * PCLMULQDQ, SHA-NI or AVX2 are missing (the host shapes CPUID). Idempotent. Random bytes come
 * from `host` where a function takes one, else from libcrypto's private generator. */
AG_MUST_CHECK enum ag_err ag_crypto_start(void);
/* The same on any processor, without its random words: for memory checkers, which imitate an older
 * one. Never in a program. */
AG_MUST_CHECK enum ag_err ag_crypto_start_any_cpu_insecure(void);
/* Runs known-answer tests of every algorithm in use; CRYPTO when one disagrees. */
AG_MUST_CHECK enum ag_err ag_crypto_selftest(void);
const char *ag_crypto_version(void);

/* ---- purposes ------------------------------------------------------------------------------ */

/* Every hash, derivation and signature names its purpose; two uses never share one. The label is
 * part of the public formats (docs/spec/wire.md): labels are frozen. X(NAME, "label") */
#define AG_TAG_TABLE(X)                                                                            \
    X(BUNDLE, "aegis/v1/bundle")                                                                   \
    X(GENESIS, "aegis/v1/genesis")                                                                 \
    X(ENVELOPE, "aegis/v1/envelope")                                                               \
    X(HEAD, "aegis/v1/head")                                                                       \
    X(BODY, "aegis/v1/body")                                                                       \
    X(STAMP, "aegis/v1/stamp")                                                                     \
    X(AUTHORISE, "aegis/v1/authorise")                                                             \
    X(GROUP, "aegis/v1/admission-group")                                                           \
    X(GROUP_MLDSA, "aegis/v1/admission-group/ml-dsa-87")                                           \
    X(BATCH, "aegis/v1/batch-header")                                                              \
    X(BATCH_MLDSA, "aegis/v1/batch/ml-dsa-87")                                                     \
    X(BATCH_SLHDSA, "aegis/v1/batch/slh-dsa-sha2-256s")                                            \
    X(COLLATERAL, "aegis/v1/collateral")                                                           \
    X(EVIDENCE_BUNDLE, "aegis/v1/evidence/bundle")                                                 \
    X(EVIDENCE_BATCH, "aegis/v1/evidence/batch")                                                   \
    X(EVIDENCE_NONCE, "aegis/v1/evidence/nonce")                                                   \
    X(SEAL_ROOT, "aegis/v1/seal/root")                                                             \
    X(SEAL_BLOB, "aegis/v1/seal/blob")                                                             \
    X(SEAL_NAME, "aegis/v1/seal/name")                                                             \
    X(REPLAY, "aegis/v1/replay")                                                                   \
    X(MEASURE, "aegis/v1/sim/measurement")                                                         \
    X(SIM, "aegis/v1/sim")                                                                         \
    X(ANCHOR, "aegis/v1/anchor")                                                                   \
    X(ACCOUNT, "aegis/v1/account")                                                                 \
    X(LOG_ID, "aegis/v1/log-id")

enum ag_tag {
#define X(name, label) AG_TAG_##name,
    AG_TAG_TABLE(X)
#undef X
    AG_TAG_COUNT
};
const char *ag_tag_label(enum ag_tag tag);

/* ---- hashes -------------------------------------------------------------------------------- */

/* SHA-384(len(label) as one byte | label | parts in a row). */
AG_MUST_CHECK enum ag_err ag_hash(enum ag_tag tag, const struct ag_bytes *parts, size_t part_count,
                                  struct ag_hash *out);
AG_MUST_CHECK enum ag_err ag_hash_one(enum ag_tag tag, struct ag_bytes message,
                                      struct ag_hash *out);
/* The first 32 bytes of ag_hash: ids of envelopes, heads, bodies. */
AG_MUST_CHECK enum ag_err ag_hash_id(enum ag_tag tag, struct ag_bytes message, struct ag_id *out);

/* Untagged, for formats of others only: RFC 9162 nodes (with their own 00 and 01 prefixes),
 * Ethereum, evidence. Each takes several parts to save a copy. */
AG_MUST_CHECK enum ag_err ag_sha256(const struct ag_bytes *parts, size_t part_count,
                                    uint8_t out[32]);
AG_MUST_CHECK enum ag_err ag_sha384(const struct ag_bytes *parts, size_t part_count,
                                    uint8_t out[48]);
AG_MUST_CHECK enum ag_err ag_sha512(const struct ag_bytes *parts, size_t part_count,
                                    uint8_t out[64]);
AG_MUST_CHECK enum ag_err ag_sha3_256(const struct ag_bytes *parts, size_t part_count,
                                      uint8_t out[32]);
AG_MUST_CHECK enum ag_err ag_keccak256(const struct ag_bytes *parts, size_t part_count,
                                       uint8_t out[32]);
AG_MUST_CHECK enum ag_err ag_shake256(const struct ag_bytes *parts, size_t part_count,
                                      struct ag_buf out);

/* ---- keys and derivation ------------------------------------------------------------------- */

/* A 256-bit secret: locked memory if it outlives a call, always scoped to its wipe. */
struct ag_key256 {
    uint8_t bytes[32];
};
void ag_key256_wipe(struct ag_key256 *key);

/* HKDF-SHA384 extract and expand in one; `info` is the tag's label | 00 | info. */
AG_MUST_CHECK enum ag_err ag_kdf(enum ag_tag tag, struct ag_bytes secret, struct ag_bytes salt,
                                 struct ag_bytes info, struct ag_buf out);
/* Plain HKDF (RFC 5869) with SHA-256 or SHA-384 for formats of others. */
AG_MUST_CHECK enum ag_err ag_hkdf(unsigned hash_bits, struct ag_bytes secret, struct ag_bytes salt,
                                  struct ag_bytes info, struct ag_buf out);
AG_MUST_CHECK enum ag_err ag_hmac384(struct ag_bytes key, const struct ag_bytes *parts,
                                     size_t part_count, uint8_t out[48]);

/* Fresh random bytes from libcrypto's private generator, mixed with the kernel's and RDSEED where
 * key material is made; ENTROPY when draws repeat or are all zero or one. */
AG_MUST_CHECK enum ag_err ag_random_key(const struct ag_host *host, struct ag_buf out);

/* ---- AES-256-GCM --------------------------------------------------------------------------- */

#define AG_GCM_TAG_SIZE   16u
#define AG_GCM_NONCE_SIZE 12u
/* out.size must be plain.size + 16. Only for keys used once per nonce by construction: seal and
 * HPKE derive a fresh key or a counted nonce; callers elsewhere do not choose nonces. */
AG_MUST_CHECK enum ag_err ag_gcm_seal(const struct ag_key256 *key, const uint8_t nonce[12],
                                      struct ag_bytes aad, struct ag_bytes plain,
                                      struct ag_buf out);
/* out.size must be sealed.size - 16. OPEN when it does not authenticate; out is then wiped. */
AG_MUST_CHECK enum ag_err ag_gcm_open(const struct ag_key256 *key, const uint8_t nonce[12],
                                      struct ag_bytes aad, struct ag_bytes sealed,
                                      struct ag_buf out);

/* ---- HPKE (RFC 9180 base mode; KEMs of draft-ietf-hpke-pq) ---------------------------------- */

enum ag_kem {
    AG_KEM_MLKEM1024 = 0x0042,
    AG_KEM_MLKEM1024_P384 = 0x0051,
};
enum {
    AG_KDF_HKDF_SHA384 = 0x0002,
    AG_AEAD_AES256GCM = 0x0002
};
#define AG_KEM_PUBLIC_SIZE_MAX 1665u
#define AG_KEM_ENC_SIZE_MAX    1665u
#define AG_KEM_SEED_SIZE_MAX   64u
bool ag_kem_is_known(uint16_t kem);
bool ag_hpke_suite_is_known(uint16_t kem, uint16_t kdf, uint16_t aead);
size_t ag_kem_public_size(enum ag_kem kem); /* 1568, 1665 */
size_t ag_kem_enc_size(enum ag_kem kem);    /* 1568, 1665 */
size_t ag_kem_seed_size(enum ag_kem kem);   /* 64, 32: what is stored */

struct ag_kem_key; /* a private key, expanded and ready; shared for reading */
AG_MUST_CHECK enum ag_err ag_kem_key_open(enum ag_kem kem, struct ag_bytes seed,
                                          struct ag_kem_key **out);
void ag_kem_key_close(struct ag_kem_key *key);
/* Writes the public key; out.size must be ag_kem_public_size. */
AG_MUST_CHECK enum ag_err ag_kem_key_public(const struct ag_kem_key *key, struct ag_buf out);
/* DeriveKeyPair of the draft: the seed for ikm. For tests and vectors. */
AG_MUST_CHECK enum ag_err ag_kem_derive_seed(enum ag_kem kem, struct ag_bytes ikm,
                                             struct ag_buf out);

/* The part of the key schedule that depends on info alone: once per info. */
struct ag_hpke_info {
    enum ag_kem kem;
    uint8_t context[97];
};
AG_MUST_CHECK enum ag_err ag_hpke_info_init(struct ag_hpke_info *out, enum ag_kem kem,
                                            struct ag_bytes info);

/* One encapsulation's keys. A secret: scoped to its wipe. */
struct ag_hpke {
    struct ag_key256 key;
    uint8_t base_nonce[12];
    uint8_t exporter[48];
    bool has_exporter;
    enum ag_kem kem;
};
void ag_hpke_wipe(struct ag_hpke *hpke);

/* A per-thread workspace for decapsulation: contexts are reused. */
struct ag_kem_work;
AG_MUST_CHECK enum ag_err ag_kem_work_open(const struct ag_kem_key *key, struct ag_kem_work **out);
void ag_kem_work_close(struct ag_kem_work *work);

/* The receiver: decapsulates `enc` and runs the schedule. OPEN for every way `enc` can be wrong
 * that is seen here; a wrong ML-KEM ciphertext shows only when a part does not open. */
AG_MUST_CHECK enum ag_err ag_hpke_receive(struct ag_kem_work *work, const struct ag_hpke_info *info,
                                          struct ag_bytes enc, bool want_exporter,
                                          struct ag_hpke *out);
/* The sender: encapsulates to `public_key` (checked: KEY) with randomness from `host`; writes enc.
 * out_enc.size must be ag_kem_enc_size. `test_randomness` is empty outside vectors. */
AG_MUST_CHECK enum ag_err ag_hpke_send(const struct ag_host *host, enum ag_kem kem,
                                       struct ag_bytes public_key, const struct ag_hpke_info *info,
                                       struct ag_bytes test_randomness, bool want_exporter,
                                       struct ag_buf out_enc, struct ag_hpke *out);
/* Part `index` of the message (head 0, body 1): AES-256-GCM under base_nonce xor index. */
AG_MUST_CHECK enum ag_err ag_hpke_seal_part(const struct ag_hpke *hpke, uint64_t index,
                                            struct ag_bytes aad, struct ag_bytes plain,
                                            struct ag_buf out);
AG_MUST_CHECK enum ag_err ag_hpke_open_part(const struct ag_hpke *hpke, uint64_t index,
                                            struct ag_bytes aad, struct ag_bytes sealed,
                                            struct ag_buf out);
AG_MUST_CHECK enum ag_err ag_hpke_export(const struct ag_hpke *hpke, struct ag_bytes context,
                                         struct ag_buf out);

/* ---- signatures ---------------------------------------------------------------------------- */

enum {
    AG_MLDSA87_PUBLIC_SIZE = 2592,
    AG_MLDSA87_SEED_SIZE = 32,
    AG_MLDSA87_SIGNATURE_SIZE = 4627,
    AG_SLHDSA_PUBLIC_SIZE = 64,
    AG_SLHDSA_PRIVATE_SIZE = 128,
    AG_SLHDSA_SEED_SIZE = 96,
    AG_SLHDSA_SIGNATURE_SIZE = 29792,
    AG_SECP256K1_PUBLIC_SIZE = 33,    /* compressed */
    AG_SECP256K1_SIGNATURE_SIZE = 65, /* r | s | y parity (0 or 1) */
};

enum ag_sig_alg {
    AG_SIG_MLDSA87 = 1,
    AG_SIG_SLHDSA_SHA2_256S = 2,
};
size_t ag_sig_public_size(enum ag_sig_alg alg);
size_t ag_sig_seed_size(enum ag_sig_alg alg);
size_t ag_sig_signature_size(enum ag_sig_alg alg);

/* A signing key made from its seed (32 or 96 bytes). Hedged signing, pure mode, the tag's label as
 * context string; SLH-DSA signatures are verified before they leave. Shared for reading. */
struct ag_sig_key;
AG_MUST_CHECK enum ag_err ag_sig_key_open(enum ag_sig_alg alg, struct ag_bytes seed,
                                          struct ag_sig_key **out);
void ag_sig_key_close(struct ag_sig_key *key);
AG_MUST_CHECK enum ag_err ag_sig_key_public(const struct ag_sig_key *key, struct ag_buf out);
AG_MUST_CHECK enum ag_err ag_sig_sign(const struct ag_sig_key *key, enum ag_tag tag,
                                      struct ag_bytes message, struct ag_buf out);

/* A public key, parsed once for many checks. Shared for reading. */
struct ag_sig_public;
AG_MUST_CHECK enum ag_err ag_sig_public_open(enum ag_sig_alg alg, struct ag_bytes public_key,
                                             struct ag_sig_public **out);
void ag_sig_public_close(struct ag_sig_public *key);
/* SIGNATURE when it does not verify. */
AG_MUST_CHECK enum ag_err ag_sig_verify(const struct ag_sig_public *key, enum ag_tag tag,
                                        struct ag_bytes message, struct ag_bytes signature);
/* One-shot forms. */
AG_MUST_CHECK enum ag_err ag_sig_verify_once(enum ag_sig_alg alg, struct ag_bytes public_key,
                                             enum ag_tag tag, struct ag_bytes message,
                                             struct ag_bytes signature);

/* ---- secp256k1 (Ethereum's own rules) -------------------------------------------------------- */

struct ag_secp256k1_key {
    uint8_t bytes[32];
};
void ag_secp256k1_key_wipe(struct ag_secp256k1_key *key);
AG_MUST_CHECK enum ag_err ag_secp256k1_public(const struct ag_secp256k1_key *key,
                                              uint8_t out_compressed[33],
                                              struct ag_address *out_address);
/* Deterministic nonce (RFC 6979), low s. */
AG_MUST_CHECK enum ag_err ag_secp256k1_sign(const struct ag_secp256k1_key *key,
                                            const uint8_t digest[32], uint8_t out[65]);
/* r, s big-endian; parity 0 or 1. `require_low_s` as transactions demand (EIP-2); the precompile
 * does not. SIGNATURE when nothing is recovered. */
AG_MUST_CHECK enum ag_err ag_secp256k1_recover(const uint8_t digest[32], const uint8_t r[32],
                                               const uint8_t s[32], unsigned parity,
                                               bool require_low_s, struct ag_address *out);
/* The address of a public key (compressed 33 or uncompressed 65 bytes). */
AG_MUST_CHECK enum ag_err ag_secp256k1_address(struct ag_bytes public_key, struct ag_address *out);

/* ---- NIST curves, certificates, revocation lists (for attest and the simulated hardware) ----- */

/* ECDSA with the curve of the key: 65-byte uncompressed P-256 with SHA-256, 97-byte P-384 with
 * SHA-384. Signature is r | s big-endian. */
AG_MUST_CHECK enum ag_err ag_ecdsa_verify(struct ag_bytes point, struct ag_bytes message,
                                          struct ag_bytes signature);
struct ag_ecdsa_key; /* P-256 private key; only the simulated hardware holds one */
AG_MUST_CHECK enum ag_err ag_ecdsa_key_open(struct ag_bytes scalar, struct ag_ecdsa_key **out);
void ag_ecdsa_key_close(struct ag_ecdsa_key *key);
AG_MUST_CHECK enum ag_err ag_ecdsa_public(const struct ag_ecdsa_key *key, uint8_t out[65]);
AG_MUST_CHECK enum ag_err ag_ecdsa_sign(const struct ag_ecdsa_key *key, struct ag_bytes message,
                                        uint8_t out[64]);

/* A parsed certificate; owns its copy of the DER. */
struct ag_cert;
AG_MUST_CHECK enum ag_err ag_cert_parse_der(struct ag_bytes der, struct ag_cert **out);
/* All certificates of a PEM text, leaf first as they stand; at most `limit`. Ends in *out_count;
 * the text may end in NUL bytes or white space, nothing else. */
AG_MUST_CHECK enum ag_err ag_cert_parse_pem(struct ag_bytes pem, struct ag_cert **out, size_t limit,
                                            size_t *out_count);
void ag_cert_close(struct ag_cert *cert);
struct ag_bytes ag_cert_der(const struct ag_cert *cert);         /* borrowed */
struct ag_bytes ag_cert_subject_der(const struct ag_cert *cert); /* borrowed */
struct ag_bytes ag_cert_issuer_der(const struct ag_cert *cert);  /* borrowed */
struct ag_bytes ag_cert_serial(const struct ag_cert *cert);      /* borrowed, big-endian, minimal */
bool ag_cert_common_name_is(const struct ag_cert *cert, const char *common_name);
uint64_t ag_cert_not_before_ms(const struct ag_cert *cert);
uint64_t ag_cert_not_after_ms(const struct ag_cert *cert);
bool ag_cert_is_ca(const struct ag_cert *cert); /* basicConstraints CA and keyCertSign */
/* How many intermediates may follow below a CA; UINT32_MAX when it does not say. */
uint32_t ag_cert_path_length_max(const struct ag_cert *cert);
bool ag_cert_has_key_usage(const struct ag_cert *cert, unsigned bit); /* RFC 5280 bit number */
/* The uncompressed point when the key is on P-256 or P-384, else empty. Borrowed. */
struct ag_bytes ag_cert_point(const struct ag_cert *cert);
/* The content of the one extension with this dotted OID, or empty; CERT when it occurs twice. */
AG_MUST_CHECK enum ag_err ag_cert_extension(const struct ag_cert *cert, const char *oid,
                                            struct ag_bytes *out);
/* Signature, algorithm and issuer name; nothing about dates or CA bits. */
AG_MUST_CHECK enum ag_err ag_cert_verify_signed_by(const struct ag_cert *cert,
                                                   const struct ag_cert *issuer);
AG_MUST_CHECK enum ag_err ag_cert_fingerprint(const struct ag_cert *cert, uint8_t out[32]);

struct ag_crl;
AG_MUST_CHECK enum ag_err ag_crl_parse_der(struct ag_bytes der, struct ag_crl **out);
void ag_crl_close(struct ag_crl *crl);
struct ag_bytes ag_crl_issuer_der(const struct ag_crl *crl);
uint64_t ag_crl_this_update_ms(const struct ag_crl *crl);
uint64_t ag_crl_next_update_ms(const struct ag_crl *crl); /* 0 when absent */
AG_MUST_CHECK enum ag_err ag_crl_verify_signed_by(const struct ag_crl *crl,
                                                  const struct ag_cert *issuer);
bool ag_crl_lists(const struct ag_crl *crl, struct ag_bytes serial);

/* Issuing, for the simulated hardware only. */
struct ag_cert_request {
    const char *common_name;
    const char *organization;
    struct ag_bytes serial;
    uint64_t not_before_ms;
    uint64_t not_after_ms;
    bool is_ca;
    const char *extension_oid; /* one extra, non-critical extension, or NULL */
    struct ag_bytes extension; /* its DER content */
};
AG_MUST_CHECK enum ag_err ag_cert_issue(const struct ag_cert_request *request,
                                        const struct ag_ecdsa_key *subject_key,
                                        const struct ag_cert *issuer, /* NULL: self-signed */
                                        const struct ag_ecdsa_key *issuer_key,
                                        struct ag_vec *out_der);
AG_MUST_CHECK enum ag_err ag_crl_issue(const struct ag_cert *issuer,
                                       const struct ag_ecdsa_key *issuer_key,
                                       uint64_t this_update_ms, uint64_t next_update_ms,
                                       const struct ag_bytes *serials, size_t serial_count,
                                       struct ag_vec *out_der);
AG_MUST_CHECK enum ag_err ag_cert_to_pem(struct ag_bytes der, struct ag_vec *out_pem);

#endif
