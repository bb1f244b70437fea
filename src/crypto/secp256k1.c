/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include <secp256k1_recovery.h>

#include "crypto/crypto_i.h"

/* secp256k1: what Ethereum does with the curve, by libsecp256k1 (docs/adr/0004). */

void ag_secp256k1_key_wipe(struct ag_secp256k1_key *key)
{
    ag_wipe(key->bytes, sizeof(key->bytes));
}

/* The last 20 bytes of Keccak-256 of the two coordinates [Ethereum yellow paper, 285]. */
static enum ag_err address_of(const secp256k1_pubkey *public_key, struct ag_address *out)
{
    uint8_t point[65] = {0};
    uint8_t digest[32] = {0};
    size_t size = sizeof(point);
    AG_ENSURE(secp256k1_ec_pubkey_serialize(ag_crypto_get()->secp256k1, point, &size, public_key,
                                            SECP256K1_EC_UNCOMPRESSED) == 1,
              AG_ERR_CRYPTO);
    const struct ag_bytes coordinates = ag_bytes_of(point + 1, sizeof(point) - 1u);
    AG_TRY(ag_keccak256(&coordinates, 1, digest));
    memcpy(out->bytes, digest + 12, sizeof(out->bytes));
    return AG_OK;
}

enum ag_err ag_secp256k1_public(const struct ag_secp256k1_key *key, uint8_t out_compressed[33],
                                struct ag_address *out_address)
{
    const secp256k1_context *context = ag_crypto_get()->secp256k1;
    secp256k1_pubkey public_key = {0};
    struct ag_address address = {0};
    size_t size = 33;
    AG_ENSURE(secp256k1_ec_pubkey_create(context, &public_key, key->bytes) == 1, AG_ERR_KEY);
    AG_TRY(address_of(&public_key, &address));
    AG_ENSURE(secp256k1_ec_pubkey_serialize(context, out_compressed, &size, &public_key,
                                            SECP256K1_EC_COMPRESSED) == 1,
              AG_ERR_CRYPTO);
    *out_address = address;
    return AG_OK;
}

enum ag_err ag_secp256k1_sign(const struct ag_secp256k1_key *key, const uint8_t digest[32],
                              uint8_t out[65])
{
    const secp256k1_context *context = ag_crypto_get()->secp256k1;
    secp256k1_ecdsa_recoverable_signature signature = {0};
    uint8_t compact[64] = {0};
    int recovery = 0;
    /* The nonce of RFC 6979 is the library's default, and it makes s low. */
    AG_ENSURE(
        secp256k1_ecdsa_sign_recoverable(context, &signature, digest, key->bytes, NULL, NULL) == 1,
        AG_ERR_KEY);
    AG_ENSURE(secp256k1_ecdsa_recoverable_signature_serialize_compact(context, compact, &recovery,
                                                                      &signature) == 1,
              AG_ERR_CRYPTO);
    /* 2 and 3 mean that x of the nonce point is not below the order: chance 2^-128, and Ethereum
     * cannot say it. */
    AG_ENSURE(recovery == 0 || recovery == 1, AG_ERR_CRYPTO);
    memcpy(out, compact, sizeof(compact));
    out[64] = (uint8_t)recovery;
    return AG_OK;
}

/* Whether s is at most half the order [EIP-2]. */
static bool is_low_s(const uint8_t s[32])
{
    static const uint8_t half_order[32] = {
        0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4,
        0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
    };
    return memcmp(s, half_order, sizeof(half_order)) <= 0;
}

enum ag_err ag_secp256k1_recover(const uint8_t digest[32], const uint8_t r[32], const uint8_t s[32],
                                 unsigned parity, bool require_low_s, struct ag_address *out)
{
    const secp256k1_context *context = ag_crypto_get()->secp256k1;
    secp256k1_ecdsa_recoverable_signature signature = {0};
    secp256k1_pubkey public_key = {0};
    uint8_t compact[64] = {0};

    AG_ENSURE(parity <= 1, AG_ERR_SIGNATURE);
    AG_ENSURE(!require_low_s || is_low_s(s), AG_ERR_SIGNATURE);
    memcpy(compact, r, 32);
    memcpy(compact + 32, s, 32);
    /* Refuses r or s not below the order; recovery refuses zero and an r that is on no point. */
    AG_ENSURE(secp256k1_ecdsa_recoverable_signature_parse_compact(context, &signature, compact,
                                                                  (int)parity) == 1,
              AG_ERR_SIGNATURE);
    AG_ENSURE(secp256k1_ecdsa_recover(context, &public_key, &signature, digest) == 1,
              AG_ERR_SIGNATURE);
    return address_of(&public_key, out);
}

enum ag_err ag_secp256k1_address(struct ag_bytes public_key, struct ag_address *out)
{
    secp256k1_pubkey parsed = {0};
    AG_ENSURE(public_key.size == 33 || public_key.size == 65, AG_ERR_KEY);
    /* The library also takes the hybrid tags 06 and 07 at 65 bytes; there is one encoding here. */
    AG_ENSURE(public_key.size == 33 || public_key.data[0] == 0x04, AG_ERR_KEY);
    AG_ENSURE(secp256k1_ec_pubkey_parse(ag_crypto_get()->secp256k1, &parsed, public_key.data,
                                        public_key.size) == 1,
              AG_ERR_KEY);
    return address_of(&parsed, out);
}
