/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include "crypto/crypto_i.h"

/* selftest: one known answer of every algorithm in use, so that a node on a broken machine or with
 * a broken library stops before it signs. Answers are published ones; those longer than a line are
 * given as their SHA-256. Takes half a second, which is one SLH-DSA signature. */

#define BYTES_MAX 256u

/* Hex of this file as bytes. */
struct known {
    uint8_t bytes[BYTES_MAX];
    size_t size;
};

static struct known from_hex(const char *hex)
{
    struct known known = {.size = strlen(hex) / 2u};
    AG_ASSERT(known.size <= sizeof(known.bytes));
    AG_ASSERT(ag_hex_decode(hex, strlen(hex), (struct ag_buf){known.bytes, known.size}) == AG_OK);
    return known;
}

static struct ag_bytes view(const struct known *known)
{
    return ag_bytes_of(known->bytes, known->size);
}

static enum ag_err expect(struct ag_bytes got, const char *hex)
{
    const struct known wanted = from_hex(hex);
    AG_ENSURE(ag_bytes_equal(got, view(&wanted)), AG_ERR_CRYPTO);
    return AG_OK;
}

/* The same for a long answer. */
static enum ag_err expect_digest(struct ag_bytes got, const char *hex)
{
    uint8_t digest[32] = {0};
    AG_TRY(ag_sha256(&got, 1, digest));
    return expect(AG_ARRAY_VIEW(digest), hex);
}

/* ---- symmetric ---- */

/* "abc": [FIPS180-4], [FIPS202] examples; Keccak-256 with the padding of Ethereum. */
static enum ag_err test_hashes(void)
{
    const struct ag_bytes abc = AG_LITERAL("abc");
    uint8_t out[64] = {0};
    AG_TRY(ag_sha256(&abc, 1, out));
    AG_TRY(expect(ag_bytes_of(out, 32),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    AG_TRY(ag_sha384(&abc, 1, out));
    AG_TRY(expect(ag_bytes_of(out, 48),
                  "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                  "8086072ba1e7cc2358baeca134c825a7"));
    AG_TRY(ag_sha512(&abc, 1, out));
    AG_TRY(expect(ag_bytes_of(out, 64),
                  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"));
    AG_TRY(ag_sha3_256(&abc, 1, out));
    AG_TRY(expect(ag_bytes_of(out, 32),
                  "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"));
    AG_TRY(ag_shake256(&abc, 1, (struct ag_buf){out, 32}));
    AG_TRY(expect(ag_bytes_of(out, 32),
                  "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739"));
    AG_TRY(ag_keccak256(&abc, 1, out));
    return expect(ag_bytes_of(out, 32),
                  "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

/* [RFC4231 4.3], [RFC5869 A.1], test case 14 of the GCM submission. */
static enum ag_err test_keyed(void)
{
    const struct ag_bytes message = AG_LITERAL("what do ya want for nothing?");
    uint8_t out[48] = {0};
    AG_TRY(ag_hmac384(AG_LITERAL("Jefe"), &message, 1, out));
    AG_TRY(expect(AG_ARRAY_VIEW(out),
                  "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                  "8e2240ca5e69e2c78b3239ecfab21649"));

    const struct known secret = from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
    const struct known salt = from_hex("000102030405060708090a0b0c");
    const struct known info = from_hex("f0f1f2f3f4f5f6f7f8f9");
    AG_TRY(ag_hkdf(256, view(&secret), view(&salt), view(&info), (struct ag_buf){out, 42}));
    AG_TRY(expect(ag_bytes_of(out, 42), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56"
                                        "ecc4c5bf34007208d5b887185865"));

    const struct ag_key256 key = {{0}};
    const uint8_t nonce[AG_GCM_NONCE_SIZE] = {0};
    const uint8_t plain[16] = {0};
    const struct ag_bytes no_aad = {NULL, 0};
    uint8_t opened[16] = {1};
    AG_TRY(ag_gcm_seal(&key, nonce, no_aad, AG_ARRAY_VIEW(plain), (struct ag_buf){out, 32}));
    AG_TRY(expect(ag_bytes_of(out, 32),
                  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
    AG_TRY(ag_gcm_open(&key, nonce, no_aad, ag_bytes_of(out, 32), (struct ag_buf){opened, 16}));
    AG_ENSURE(ag_bytes_is_zero(AG_ARRAY_VIEW(opened)), AG_ERR_CRYPTO);
    out[31] ^= 1;
    AG_ENSURE(ag_gcm_open(&key, nonce, no_aad, ag_bytes_of(out, 32), (struct ag_buf){opened, 16}) ==
                  AG_ERR_OPEN,
              AG_ERR_CRYPTO);
    return AG_OK;
}

/* ---- HPKE: the vectors of draft-ietf-hpke-pq for our two suites ---- */

struct hpke_known {
    enum ag_kem kem;
    const char *seed;
    const char *randomness;
    const char *public_digest;
    const char *enc_digest;
    const char *key;
    const char *base_nonce;
    const char *exporter;
};

static const struct hpke_known hpke_known[] = {
    {AG_KEM_MLKEM1024,
     "c58f733ea1245a7a54723c30dbf0837acdd7e93c188692523b53b132b993a25a"
     "f933368a76bbcbf1212e1d34d7128e32c387dc9b04a7ceb0e2b40e1e5769c57d",
     "0152bf3799ed0803b9ac3e62695c51065fe2cd4a18ff655fb3efe7399c404e19",
     "121abb2e70d21f6bead6d5cdf57f9cbc3dc460081b36007054cb01963b6f6140",
     "9cf10683e968ebdf277b15e857d5805783cbb42d9b7cc89c97d5102764e80655",
     "57928282570ac8e002ebc79908293d65faabdb3ef58149edb33083cc2f38a55b", "107259b6ac73abb151fb98a8",
     "9d4faf56b5319ad7a66492576d15522e30d948ed11ed3543daf774c0466b698c"
     "e699de9671ef34f9e23a741b7efc5074"},
    {AG_KEM_MLKEM1024_P384, "dbdae0423ba0e5db3d6322601b8dc302d3051d4677142079c7bdf441f4c448dd",
     "bd1207854ec0963347d5218f900783d6ca0ff62c5e2181ca5a932e2d6d8d96cc"
     "9b092a9d709468d10f7e8ec8d9eccd7e7a647d351133e2a2f4b438154d1dd708"
     "50af7f7841c1dbd0699feb9852d99c08",
     "5d0b42c6f1471a72045ec087a4c2e61875541f4550b513672f2d858eb1a133c3",
     "f2efb14c611a8637a214286298706af1433acb4f3bdc2f6a25c0d72dd3decf13",
     "6f5b0a62d262c2cc2026a8f38b3879abea8042823ca193573e7154953d22dd64", "b057357da81f0102a835a35d",
     "8865b4be7a2544efeeb3cceb2d0e010adde42cda0fd0b7d4c2230dad1f9c095a"
     "87b0ec6ff60bd5d76a1266d75ecac133"},
};

static enum ag_err expect_hpke(const struct ag_hpke *hpke, const struct hpke_known *known)
{
    AG_TRY(expect(AG_ARRAY_VIEW(hpke->key.bytes), known->key));
    AG_TRY(expect(AG_ARRAY_VIEW(hpke->base_nonce), known->base_nonce));
    return expect(AG_ARRAY_VIEW(hpke->exporter), known->exporter);
}

static enum ag_err test_hpke_with(const struct ag_kem_key *key, struct ag_kem_work *work,
                                  const struct hpke_known *known)
{
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX] = {0};
    uint8_t enc[AG_KEM_ENC_SIZE_MAX] = {0};
    const struct ag_bytes public_view = ag_bytes_of(public_key, ag_kem_public_size(known->kem));
    const struct ag_buf enc_buf = {enc, ag_kem_enc_size(known->kem)};
    const struct known randomness = from_hex(known->randomness);
    const struct known info_text = from_hex(
        "34663634363532303666366532303631323034373732363536333639363136653230353537323665");
    struct ag_hpke_info info = {0};
    struct ag_hpke sent AG_SCOPED(ag_hpke_wipe) = {0};
    struct ag_hpke received AG_SCOPED(ag_hpke_wipe) = {0};

    AG_TRY(ag_kem_key_public(key, (struct ag_buf){public_key, public_view.size}));
    AG_TRY(expect_digest(public_view, known->public_digest));
    AG_TRY(ag_hpke_info_init(&info, known->kem, view(&info_text)));
    AG_TRY(ag_hpke_send(NULL, known->kem, public_view, &info, view(&randomness), true, enc_buf,
                        &sent));
    AG_TRY(expect_digest(ag_bytes_of(enc, enc_buf.size), known->enc_digest));
    AG_TRY(expect_hpke(&sent, known));
    AG_TRY(ag_hpke_receive(work, &info, ag_bytes_of(enc, enc_buf.size), true, &received));
    return expect_hpke(&received, known);
}

static void close_kem_key(struct ag_kem_key **key)
{
    ag_kem_key_close(*key);
}

static void close_work(struct ag_kem_work **work)
{
    ag_kem_work_close(*work);
}

static enum ag_err test_hpke(const struct hpke_known *known)
{
    const struct known seed = from_hex(known->seed);
    struct ag_kem_key *key AG_SCOPED(close_kem_key) = NULL;
    struct ag_kem_work *work AG_SCOPED(close_work) = NULL;
    AG_TRY(ag_kem_key_open(known->kem, view(&seed), &key));
    AG_TRY(ag_kem_work_open(key, &work));
    return test_hpke_with(key, work, known);
}

/* ---- signatures ---- */

/* Wycheproof mldsa_87_sign_seed 3; ACVP SLH-DSA-SHA2-256s sigGen 201. */
struct sig_known {
    enum ag_sig_alg alg;
    const char *name;
    const char *seed;
    const char *context;
    const char *message;
    const char *signature_digest;
};

static const struct sig_known sig_known[] = {
    {AG_SIG_MLDSA87, "ML-DSA-87",
     "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a", "436f6e74657874",
     "48656c6c6f20776f726c64", "94d379ab53588db6ecd6789dacb30795d1a1e227775f23b4c401149604376ea2"},
    {AG_SIG_SLHDSA_SHA2_256S, "SLH-DSA-SHA2-256s",
     "9667d807b66f7f712e5d09436f14ad0310042557cbb742917d2684766214e3eeb9766f14f7f1e686e46f0b49"
     "e96ad29428d44d01c328daff32294245486bb52a901d32505fc287451e4c7e6d342246ab242c9ae0686fe284"
     "c1cabcbaa1a120da",
     "8920e1f370dc367f6691fd6e7415ed13e816a779ad15e5735fcfcdf9ee83d3b5705d689bf0054ddd8c1e3cbb"
     "67a946558fdc2734566640f2bcd1f8beb9c29ea24c6517ba6b7cef0f4bfee0ed08a145578d87bc8c25201b88"
     "18d418df1498db6c0b445cac01d4dc4b684d5571ee58c6d4b10d56952fa9e7a912198f47c8575ca070ce45cf"
     "75f664e41ceb350dca2da1a71ce03771394b3b5114d2a366b8f9379e5a1f9e9000e3b4e87f8fe06afbfb7cb5"
     "7f4741fff5b7c00f5f46b22adfe374fd55310946e221ef5ddf2d29f95a9a97c6fd834a2df68dd0636681b2ef"
     "409416a8883b0493c27938c975378cc61b26901135f3bff58cfd39",
     "5a", "7413c64e2cacc6c8cf6be1c6e9c045134ac76c382ad1ac0697e3fb24fe48a1ad"},
};

static void free_signature(uint8_t **signature)
{
    ag_free(*signature);
}

static enum ag_err test_signature(const struct sig_known *known)
{
    const struct known seed = from_hex(known->seed);
    const struct known context = from_hex(known->context);
    const struct known message = from_hex(known->message);
    const struct ag_sig_mode signing = {.context = view(&context), .is_deterministic = true};
    const struct ag_sig_mode verifying = {.context = view(&context)};
    const struct ag_crypto *crypto = ag_crypto_get();
    EVP_SIGNATURE *algorithm = known->alg == AG_SIG_MLDSA87 ? crypto->mldsa87 : crypto->slhdsa;
    size_t size = ag_sig_signature_size(known->alg);

    uint8_t *signature AG_SCOPED(free_signature) = ag_alloc(size);
    AG_ENSURE(signature != NULL, AG_ERR_NO_MEMORY);
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    AG_TRY(ag_crypto_key_from_seed(known->name, view(&seed), &key));
    AG_TRY(
        ag_crypto_sign(key, algorithm, &signing, view(&message), (struct ag_buf){signature, size}));
    AG_TRY(expect_digest(ag_bytes_of(signature, size), known->signature_digest));
    AG_TRY(
        ag_crypto_verify(key, algorithm, &verifying, view(&message), ag_bytes_of(signature, size)));
    signature[size / 2] ^= 1;
    AG_ENSURE(ag_crypto_verify(key, algorithm, &verifying, view(&message),
                               ag_bytes_of(signature, size)) == AG_ERR_SIGNATURE,
              AG_ERR_CRYPTO);
    return AG_OK;
}

/* [RFC6979 A.2.5], P-256 with SHA-256, "sample". */
static enum ag_err test_ecdsa(void)
{
    const struct known point =
        from_hex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    struct known signature =
        from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                 "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    AG_TRY(ag_ecdsa_verify(view(&point), AG_LITERAL("sample"), view(&signature)));
    signature.bytes[63] ^= 1;
    AG_ENSURE(ag_ecdsa_verify(view(&point), AG_LITERAL("sample"), view(&signature)) ==
                  AG_ERR_SIGNATURE,
              AG_ERR_CRYPTO);
    return AG_OK;
}

/* The key 1 with its well-known address, and SHA-256("Satoshi Nakamoto") under RFC 6979. */
static enum ag_err test_secp256k1(void)
{
    const struct ag_secp256k1_key key = {{[31] = 1}};
    const struct ag_bytes message = AG_LITERAL("Satoshi Nakamoto");
    struct ag_address address = {0};
    struct ag_address recovered = {0};
    uint8_t compressed[AG_SECP256K1_PUBLIC_SIZE] = {0};
    uint8_t digest[32] = {0};
    uint8_t signature[AG_SECP256K1_SIGNATURE_SIZE] = {0};
    AG_TRY(ag_secp256k1_public(&key, compressed, &address));
    AG_TRY(expect(AG_ARRAY_VIEW(address.bytes), "7e5f4552091a69125d5dfcb7b8c2659029395bdf"));
    AG_TRY(ag_sha256(&message, 1, digest));
    AG_TRY(ag_secp256k1_sign(&key, digest, signature));
    AG_TRY(expect(ag_bytes_of(signature, 64),
                  "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
                  "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"));
    AG_TRY(
        ag_secp256k1_recover(digest, signature, signature + 32, signature[64], true, &recovered));
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&address), AG_VIEW(&recovered)), AG_ERR_CRYPTO);
    return AG_OK;
}

static enum ag_err test_all(void)
{
    AG_TRY(test_hashes());
    AG_TRY(test_keyed());
    AG_TRY(test_hpke(&hpke_known[0]));
    AG_TRY(test_hpke(&hpke_known[1]));
    AG_TRY(test_signature(&sig_known[0]));
    AG_TRY(test_signature(&sig_known[1]));
    AG_TRY(test_ecdsa());
    return test_secp256k1();
}

enum ag_err ag_crypto_selftest(void)
{
    enum ag_err err = test_all();
    /* A wrong answer has many forms (an envelope that does not open, a key that is refused); the
     * caller has to know only that this machine cannot be trusted with keys. */
    return err == AG_OK || err == AG_ERR_NO_MEMORY ? err : AG_ERR_CRYPTO;
}
