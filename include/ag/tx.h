/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TX_H
#define AG_TX_H

/* tx: what a client sends: key bundle, envelope, head, body, and the Ethereum transactions inside.
 *
 * Owns:    nothing; decoded structs borrow from the bytes they were decoded from.
 * Threads: values only.
 * Fails:   WIRE_*, RLP, TX_*; `fault` (may be NULL) names the field and the limit.
 * Units:   instants are Unix milliseconds, risk is basis points (0 to 10000), fees are wei per gas.
 * Formats: docs/spec/wire.md, version 1. Integers are big-endian and fixed width; there is one
 *          encoding of every value. */

#include <ag/bytes.h>
#include <ag/err.h>

struct ag_vec;   /* base: a growing byte string */
struct ag_arena; /* base */
struct ag_host;  /* base: time and chance */

/* ---- key bundle ------------------------------------------------------------------------------ */

struct ag_bundle_kem {
    uint16_t kem; /* enum ag_kem */
    struct ag_bytes public_key;
};

/* Everything a client must know of a node. Its digest is in the report data of the node's
 * evidence. */
struct ag_bundle {
    uint64_t chain_id;
    struct ag_hash genesis;
    uint64_t key_epoch;
    uint64_t created_ms;
    struct ag_hash previous;      /* digest of the bundle of the epoch before; zero for the first */
    struct ag_bundle_kem kems[4]; /* ascending by id */
    size_t kem_count;
    struct ag_bytes mldsa87; /* 2592 bytes */
    struct ag_bytes slhdsa;  /* 64 bytes */
    uint8_t posting_key[33]; /* secp256k1, compressed */
};
AG_MUST_CHECK enum ag_err ag_bundle_encode(const struct ag_bundle *bundle, struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_bundle_decode(struct ag_bytes in, struct ag_bundle *out,
                                           struct ag_fault *fault);
/* ag_hash(BUNDLE, encoding). */
AG_MUST_CHECK enum ag_err ag_bundle_digest(struct ag_bytes encoding, struct ag_hash *out);
/* The key of one suite, or NULL. */
const struct ag_bundle_kem *ag_bundle_find_kem(const struct ag_bundle *bundle, uint16_t kem);
/* HPKE info: "aegis/v1/envelope" 00 | version u16 | chain id u64 | key epoch u64 | bundle
 * digest. */
#define AG_HPKE_INFO_SIZE 84u
void ag_hpke_info_bytes(uint64_t chain_id, uint64_t key_epoch, const struct ag_hash *bundle_digest,
                        uint8_t out[AG_HPKE_INFO_SIZE]);

/* ---- head ------------------------------------------------------------------------------------ */

enum ag_sender_kind {
    AG_SENDER_SECP256K1 = 1, /* an Ethereum address in the first 20 bytes, zeros after */
    AG_SENDER_MLDSA87 = 2,   /* ag_hash_id(ACCOUNT, public key) */
};
struct ag_sender {
    uint8_t kind;
    uint8_t id[32];
};

enum ag_payload_kind {
    AG_PAYLOAD_ETHEREUM = 1, /* a raw signed transaction (EIP-2718) bound for the L2 */
    AG_PAYLOAD_DEPLOY = 2,   /* a contract */
    AG_PAYLOAD_CALL = 3,
    AG_PAYLOAD_ASSET = 4, /* registration or update */
    AG_PAYLOAD_MIGRATION = 5,
};

#define AG_HEAD_ASSETS_MAX    16u
#define AG_OPERATION_SIZE_MAX 32u
/* The plain text of a head is padded with zeros to one of these. */
#define AG_HEAD_CLASS_COUNT 2u
extern const uint16_t ag_head_classes[AG_HEAD_CLASS_COUNT]; /* 256, 768 */
/* The plain text of a body is padded with zeros to one of these. */
#define AG_BODY_CLASS_COUNT 5u
extern const uint32_t ag_body_classes[AG_BODY_CLASS_COUNT]; /* 512, 2048, 8192, 32768, 131072 */

/* What the node reads before the order is fixed. A plain value. */
struct ag_head {
    uint64_t chain_id;
    uint64_t key_epoch;
    struct ag_sender sender;
    uint64_t nonce;
    uint64_t priority_fee; /* wei per gas, saturated to 64 bits */
    uint64_t expires_ms;
    uint64_t gas_limit;
    bool requires_migration;
    uint16_t declared_risk_bp; /* can only ask for more protection */
    uint8_t payload_kind;
    struct ag_id contract; /* zero: none */
    uint8_t operation_size;
    uint8_t operation[AG_OPERATION_SIZE_MAX]; /* a-z, 0-9, '_' and '.'; may be empty */
    uint8_t asset_count;
    struct ag_id assets[AG_HEAD_ASSETS_MAX]; /* strictly ascending */
    struct ag_id body_id;                    /* ag_hash_id(BODY, padded plain text of the body) */
};
/* `encode` writes without padding; `decode` refuses padding. Batches carry this form. */
AG_MUST_CHECK enum ag_err ag_head_encode(const struct ag_head *head, struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_head_decode(struct ag_bytes in, struct ag_head *out,
                                         struct ag_fault *fault);
/* The padded plain text: the decoder takes a whole class and checks the padding. `out_size` is the
 * number of bytes before the padding. */
AG_MUST_CHECK enum ag_err ag_head_decode_padded(struct ag_bytes in, struct ag_head *out,
                                                size_t *out_size, struct ag_fault *fault);
/* ag_hash_id(HEAD, unpadded encoding). */
AG_MUST_CHECK enum ag_err ag_head_id(struct ag_bytes encoding, struct ag_id *out);

/* ---- body ------------------------------------------------------------------------------------ */

enum ag_authorisation {
    AG_AUTH_PAYLOAD = 0, /* the payload authorises itself: a signed Ethereum transaction */
    /* What the others sign: ag_hash(AUTHORISE, unpadded head without its body_id | payload). */
    AG_AUTH_SECP256K1 = 1, /* 65 bytes over its first 32 bytes */
    AG_AUTH_MLDSA87 = 2,   /* public key and signature (label AUTHORISE), 2592 and 4627 bytes */
};
struct ag_body {
    uint8_t salt[32]; /* random: body_id tells nothing of a guessable payload */
    uint8_t payload_kind;
    struct ag_bytes payload;
    uint8_t auth_scheme;
    struct ag_bytes auth;
};
/* Encodes and pads to the smallest class that fits. */
AG_MUST_CHECK enum ag_err ag_body_encode(const struct ag_body *body, struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_body_decode(struct ag_bytes in, struct ag_body *out,
                                         struct ag_fault *fault);

/* ---- envelope -------------------------------------------------------------------------------- */

struct ag_envelope {
    uint16_t kem;
    uint16_t kdf;
    uint16_t aead;
    uint64_t chain_id;
    uint64_t key_epoch;
    struct ag_bytes enc;         /* KEM ciphertext: size fixed by kem */
    struct ag_bytes sealed_head; /* class + 16 */
    struct ag_bytes sealed_body; /* class + 16 */
    uint64_t stamp;              /* proof-of-work nonce, 0 when none was asked for */
    struct ag_bytes clear;       /* the encoding up to and without sealed_head: aad of the head */
    struct ag_bytes whole;       /* the encoding without the stamp: what the id hashes */
};
AG_MUST_CHECK enum ag_err ag_envelope_decode(struct ag_bytes in, struct ag_envelope *out,
                                             struct ag_fault *fault);
/* From the fields above; `clear` and `whole` are not looked at. */
AG_MUST_CHECK enum ag_err ag_envelope_encode(const struct ag_envelope *envelope,
                                             struct ag_vec *out);
/* ag_hash_id(ENVELOPE, whole). */
AG_MUST_CHECK enum ag_err ag_envelope_id(const struct ag_envelope *envelope, struct ag_id *out);
/* Leading zero bits of SHA-256("aegis/v1/stamp" | envelope id | stamp u64). */
AG_MUST_CHECK enum ag_err ag_stamp_bits(const struct ag_id *envelope_id, uint64_t stamp,
                                        unsigned *out_bits);

/* The client's side: pads, seals and encodes; `head->body_id`, chain and epoch are filled in from
 * body and bundle. `stamp_bits` 0: no stamp. */
AG_MUST_CHECK enum ag_err ag_envelope_seal(const struct ag_host *host,
                                           const struct ag_bundle *bundle,
                                           const struct ag_hash *bundle_digest, uint16_t kem,
                                           struct ag_head *head, struct ag_body *body,
                                           unsigned stamp_bits, struct ag_vec *out);

/* ---- Ethereum transactions ------------------------------------------------------------------- */

enum ag_eth_type {
    AG_ETH_LEGACY = 0,
    AG_ETH_2930 = 1,
    AG_ETH_1559 = 2,
    AG_ETH_4844 = 3,
    AG_ETH_7702 = 4,
};
/* A 256-bit integer, big-endian. */
struct ag_u256 {
    uint8_t bytes[32];
};
struct ag_eth_tx {
    uint8_t type;
    bool has_chain_id; /* false only for legacy before EIP-155 */
    uint64_t chain_id;
    uint64_t nonce;
    struct ag_u256 priority_fee; /* legacy and 2930: the gas price */
    struct ag_u256 max_fee;      /* legacy and 2930: the gas price */
    uint64_t gas;
    bool has_to;
    struct ag_address to;
    struct ag_u256 value;
    struct ag_bytes data;
    uint32_t access_addresses;
    uint32_t access_keys;
    struct ag_u256 blob_fee;
    uint32_t blob_count;
    uint32_t authorization_count;
    unsigned parity;
    uint8_t r[32];
    uint8_t s[32];
    uint8_t sighash[32];
    uint8_t hash[32];
    struct ag_address sender;
};
/* Strict decoding, canonical RLP, all signature rules (EIP-2), sender recovered. Checks in this
 * order: rlp, type, field, chain, signature, intrinsic. `chain_id` is the chain it must be for; a
 * legacy transaction without one is taken only if `allow_unprotected`. */
AG_MUST_CHECK enum ag_err ag_eth_tx_decode(struct ag_bytes raw, uint64_t chain_id,
                                           bool allow_unprotected, struct ag_eth_tx *out,
                                           struct ag_fault *fault);
/* Builds and signs an EIP-1559 transaction (for `aegis tx make` and tests). */
struct ag_secp256k1_key;
AG_MUST_CHECK enum ag_err ag_eth_tx_sign_1559(const struct ag_secp256k1_key *key, uint64_t chain_id,
                                              uint64_t nonce, uint64_t priority_fee,
                                              uint64_t max_fee, uint64_t gas,
                                              const struct ag_address *to, uint64_t value_wei,
                                              struct ag_bytes data, struct ag_vec *out);

#endif
