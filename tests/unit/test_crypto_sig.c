/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: what verifies, and what does not. */
#include "test_crypto_ground.h"

/* The largest of either algorithm. */
static uint8_t signature[AG_SLHDSA_SIGNATURE_SIZE];
static uint8_t public_key[AG_MLDSA87_PUBLIC_SIZE];

static const enum ag_sig_alg algs[] = {AG_SIG_MLDSA87, AG_SIG_SLHDSA_SHA2_256S};

/* ---- ML-DSA and SLH-DSA ---------------------------------------------------------------------- */

static struct ag_bytes signature_of(enum ag_sig_alg alg)
{
    return ag_bytes_of(signature, ag_sig_signature_size(alg));
}

static void check_refusals(enum ag_sig_alg alg, const struct ag_sig_public *key,
                           struct ag_bytes message)
{
    const struct ag_bytes good = signature_of(alg);
    CHECK_OK(ag_sig_verify(key, AG_TAG_BATCH, message, good));
    CHECK_ERR(ag_sig_verify(key, AG_TAG_HEAD, message, good), AG_ERR_SIGNATURE);
    CHECK_ERR(ag_sig_verify(key, AG_TAG_BATCH, ag_bytes_tail(message, 1), good), AG_ERR_SIGNATURE);
    CHECK_ERR(ag_sig_verify(key, AG_TAG_BATCH, none, good), AG_ERR_SIGNATURE);
    CHECK_ERR(ag_sig_verify(key, AG_TAG_BATCH, message, ag_bytes_tail(good, 1)), AG_ERR_SIGNATURE);
    CHECK_ERR(ag_sig_verify(key, AG_TAG_BATCH, message, none), AG_ERR_SIGNATURE);
    CHECK_ERR(ag_sig_verify(key, AG_TAG_COUNT, message, good), AG_ERR_ARGUMENT);
    for (size_t at = 0; at < good.size; at += good.size / 13) {
        signature[at] ^= 0x04;
        CHECK_ERR(ag_sig_verify(key, AG_TAG_BATCH, message, good), AG_ERR_SIGNATURE);
        signature[at] ^= 0x04;
    }
    signature[good.size - 1] ^= 0x80;
    CHECK_ERR(ag_sig_verify(key, AG_TAG_BATCH, message, good), AG_ERR_SIGNATURE);
    signature[good.size - 1] ^= 0x80;
}

static void test_sign_and_verify(void)
{
    for (size_t i = 0; i < AG_COUNT(algs); i++) {
        const enum ag_sig_alg alg = algs[i];
        const struct ag_bytes message = AG_LITERAL("a header digest");
        struct ag_sig_key *key = NULL;
        struct ag_sig_public *public = NULL;
        uint8_t seed[AG_SLHDSA_SEED_SIZE];
        ag_test_random_bytes(seed, sizeof(seed));
        const struct ag_buf public_buf = {public_key, ag_sig_public_size(alg)};
        CHECK_OK(ag_sig_key_open(alg, ag_bytes_of(seed, ag_sig_seed_size(alg)), &key));
        CHECK_OK(ag_sig_key_public(key, public_buf));
        CHECK_OK(ag_sig_sign(key, AG_TAG_BATCH, message,
                             (struct ag_buf){signature, ag_sig_signature_size(alg)}));
        const struct ag_bytes view = ag_bytes_of(public_buf.data, public_buf.size);
        CHECK_OK(ag_sig_public_open(alg, view, &public));
        check_refusals(alg, public, message);
        CHECK(ag_sig_public_pkey(public) != NULL);
        CHECK_OK(ag_sig_verify_once(alg, view, AG_TAG_BATCH, message, signature_of(alg)));
        CHECK_ERR(ag_sig_verify_once(alg, view, AG_TAG_BODY, message, signature_of(alg)),
                  AG_ERR_SIGNATURE);
        ag_sig_public_close(public);
        public_key[5] ^= 1; /* another key: parses, and verifies nothing */
        CHECK_ERR(ag_sig_verify_once(alg, view, AG_TAG_BATCH, message, signature_of(alg)),
                  AG_ERR_SIGNATURE);
        ag_sig_key_close(key);
    }
}

/* Hedged: two signatures of one message differ, and both verify. */
static void test_hedged(void)
{
    static uint8_t second[AG_MLDSA87_SIGNATURE_SIZE];
    const uint8_t seed[AG_MLDSA87_SEED_SIZE] = {3};
    struct ag_sig_key *key = NULL;
    const struct ag_buf first = {signature, AG_MLDSA87_SIGNATURE_SIZE};
    CHECK_OK(ag_sig_key_open(AG_SIG_MLDSA87, AG_ARRAY_VIEW(seed), &key));
    CHECK_OK(ag_sig_key_public(key, BUF(public_key)));
    CHECK_OK(ag_sig_sign(key, AG_TAG_BATCH, none, first));
    CHECK_OK(ag_sig_sign(key, AG_TAG_BATCH, none, BUF(second)));
    CHECK(!ag_bytes_equal(ag_bytes_of(first.data, first.size), AG_ARRAY_VIEW(second)));
    CHECK_OK(ag_sig_verify_once(AG_SIG_MLDSA87, AG_ARRAY_VIEW(public_key), AG_TAG_BATCH, none,
                                ag_bytes_of(first.data, first.size)));
    CHECK_OK(ag_sig_verify_once(AG_SIG_MLDSA87, AG_ARRAY_VIEW(public_key), AG_TAG_BATCH, none,
                                AG_ARRAY_VIEW(second)));
    ag_sig_key_close(key);
}

static void test_wrong_arguments(void)
{
    uint8_t bytes[AG_MLDSA87_PUBLIC_SIZE + 1] = {0};
    for (size_t i = 0; i < AG_COUNT(algs); i++) {
        const enum ag_sig_alg alg = algs[i];
        struct ag_sig_key *key = NULL;
        struct ag_sig_public *public = NULL;
        const size_t seed_size = ag_sig_seed_size(alg);
        CHECK_ERR(ag_sig_key_open(alg, ag_bytes_of(bytes, seed_size - 1), &key), AG_ERR_KEY);
        CHECK_ERR(ag_sig_key_open(alg, ag_bytes_of(bytes, seed_size + 1), &key), AG_ERR_KEY);
        CHECK_ERR(ag_sig_public_open(alg, ag_bytes_of(bytes, ag_sig_public_size(alg) - 1), &public),
                  AG_ERR_KEY);
        CHECK_ERR(ag_sig_public_open(alg, ag_bytes_of(bytes, ag_sig_public_size(alg) + 1), &public),
                  AG_ERR_KEY);
        CHECK_ERR(ag_sig_verify_once(alg, none, AG_TAG_BATCH, none, none), AG_ERR_KEY);
        CHECK(key == NULL && public == NULL);
    }
    struct ag_sig_key *key = NULL;
    CHECK_OK(ag_sig_key_open(AG_SIG_MLDSA87, ag_bytes_of(bytes, 32), &key));
    CHECK_ERR(ag_sig_sign(key, AG_TAG_BATCH, none, (struct ag_buf){signature, 4626}),
              AG_ERR_ARGUMENT);
    CHECK_ERR(
        ag_sig_sign(key, AG_TAG_COUNT, none, (struct ag_buf){signature, AG_MLDSA87_SIGNATURE_SIZE}),
        AG_ERR_ARGUMENT);
    CHECK_ERR(ag_sig_key_public(key, (struct ag_buf){bytes, 2591}), AG_ERR_ARGUMENT);
    ag_sig_key_close(key);
    ag_sig_key_close(NULL);
    ag_sig_public_close(NULL);

    const enum ag_sig_alg unknown = (enum ag_sig_alg)3;
    struct ag_sig_public *public = NULL;
    CHECK_U64(ag_sig_public_size(unknown) + ag_sig_seed_size(unknown) +
                  ag_sig_signature_size(unknown),
              0);
    CHECK_ERR(ag_sig_key_open(unknown, ag_bytes_of(bytes, 32), &key), AG_ERR_SUITE);
    CHECK_ERR(ag_sig_public_open(unknown, none, &public), AG_ERR_SUITE);
    CHECK_ERR(ag_sig_verify_once(unknown, none, AG_TAG_BATCH, none, none), AG_ERR_SUITE);
}

static void test_context_limit(void)
{
    static const uint8_t long_context[256];
    const uint8_t seed[AG_MLDSA87_SEED_SIZE] = {3};
    const struct ag_crypto *crypto = ag_crypto_get();
    struct ag_sig_mode mode = {.context = AG_ARRAY_VIEW(long_context)};
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    const struct ag_buf out = {signature, AG_MLDSA87_SIGNATURE_SIZE};
    CHECK_OK(ag_crypto_key_from_seed("ML-DSA-87", AG_ARRAY_VIEW(seed), &key));
    CHECK_ERR(ag_crypto_sign(key, crypto->mldsa87, &mode, none, out), AG_ERR_CONTEXT);
    CHECK_ERR(ag_crypto_verify(key, crypto->mldsa87, &mode, none, ag_bytes_of(out.data, out.size)),
              AG_ERR_CONTEXT);
    mode.context.size = 255;
    CHECK_OK(ag_crypto_sign(key, crypto->mldsa87, &mode, none, out));
    CHECK_OK(ag_crypto_verify(key, crypto->mldsa87, &mode, none, ag_bytes_of(out.data, out.size)));
    mode.test_entropy = AG_ARRAY_VIEW(long_context);
    CHECK_ERR(ag_crypto_sign(key, crypto->mldsa87, &mode, none, out), AG_ERR_ARGUMENT);
}

/* What only vectors use: each choice changes the signature, and the same choice repeats it. */
static void test_modes(void)
{
    static uint8_t second[AG_MLDSA87_SIGNATURE_SIZE];
    const uint8_t seed[AG_MLDSA87_SEED_SIZE] = {3};
    const uint8_t entropy[32] = {4};
    const uint8_t mu[64] = {5};
    const struct ag_crypto *crypto = ag_crypto_get();
    const struct ag_sig_mode modes[] = {
        {.is_deterministic = true},
        {.test_entropy = AG_ARRAY_VIEW(entropy)},
        {.is_deterministic = true, .is_raw = true},
        {.is_deterministic = true, .is_mu = true},
    };
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    const struct ag_buf first = {signature, AG_MLDSA87_SIGNATURE_SIZE};
    uint8_t before[32] = {0};
    CHECK_OK(ag_crypto_key_from_seed("ML-DSA-87", AG_ARRAY_VIEW(seed), &key));
    for (size_t i = 0; i < AG_COUNT(modes); i++) {
        CHECK_OK(ag_crypto_sign(key, crypto->mldsa87, &modes[i], AG_ARRAY_VIEW(mu), first));
        CHECK_OK(ag_crypto_sign(key, crypto->mldsa87, &modes[i], AG_ARRAY_VIEW(mu), BUF(second)));
        CHECK_BYTES(ag_bytes_of(first.data, first.size), AG_ARRAY_VIEW(second));
        CHECK_OK(ag_crypto_verify(key, crypto->mldsa87, &modes[i], AG_ARRAY_VIEW(mu),
                                  AG_ARRAY_VIEW(second)));
        CHECK(memcmp(before, second, sizeof(before)) != 0);
        memcpy(before, second, sizeof(before));
    }
}

static void test_bad_seeds(void)
{
    EVP_PKEY *key = NULL;
    uint8_t bytes[97] = {0};
    CHECK_ERR(ag_crypto_key_from_seed("ML-DSA-87", none, &key), AG_ERR_KEY);
    CHECK_ERR(ag_crypto_key_from_seed("ML-DSA-87", AG_ARRAY_VIEW(bytes), &key), AG_ERR_KEY);
    CHECK_ERR(ag_crypto_key_from_seed("ML-DSA-87", ag_bytes_of(bytes, 31), &key), AG_ERR_CRYPTO);
    CHECK_ERR(ag_crypto_key_from_seed("no such thing", ag_bytes_of(bytes, 32), &key),
              AG_ERR_CRYPTO);
    CHECK(key == NULL);
}

/* ---- secp256k1 ------------------------------------------------------------------------------- */

static void test_secp256k1_round_trip(void)
{
    for (unsigned turn = 0; turn < 50; turn++) {
        struct ag_secp256k1_key key;
        uint8_t digest[32];
        uint8_t compressed[33] = {0};
        uint8_t out[65] = {0};
        struct ag_address address = {{0}};
        struct ag_address found = {{0}};
        ag_test_random_bytes(key.bytes, sizeof(key.bytes));
        ag_test_random_bytes(digest, sizeof(digest));
        CHECK_OK(ag_secp256k1_public(&key, compressed, &address));
        CHECK_OK(ag_secp256k1_sign(&key, digest, out));
        CHECK(out[64] <= 1 && out[32] < 0x80);
        CHECK_OK(ag_secp256k1_recover(digest, out, out + 32, out[64], true, &found));
        CHECK_BYTES(AG_VIEW(&found), AG_VIEW(&address));
        CHECK_OK(ag_secp256k1_address(AG_ARRAY_VIEW(compressed), &found));
        CHECK_BYTES(AG_VIEW(&found), AG_VIEW(&address));
        digest[7] ^= 1;
        CHECK_OK(ag_secp256k1_recover(digest, out, out + 32, out[64], true, &found));
        CHECK(!ag_bytes_equal(AG_VIEW(&found), AG_VIEW(&address)));
        ag_secp256k1_key_wipe(&key);
        CHECK(ag_bytes_is_zero(AG_VIEW(&key)));
    }
}

/* The order less s: the same signature with the other parity, which only transactions refuse. */
static void test_secp256k1_high_s(void)
{
    const struct ag_secp256k1_key key = {{[31] = 2}};
    const uint8_t digest[32] = {9};
    const struct text_bytes order =
        from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    uint8_t out[65] = {0};
    uint8_t compressed[33] = {0};
    struct ag_address address = {{0}};
    struct ag_address found = {{0}};
    CHECK_OK(ag_secp256k1_public(&key, compressed, &address));
    CHECK_OK(ag_secp256k1_sign(&key, digest, out));
    int borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        int digit = (int)order.bytes[i] - (int)out[32 + i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        out[32 + i] = (uint8_t)(digit + (borrow << 8));
    }
    CHECK_ERR(ag_secp256k1_recover(digest, out, out + 32, out[64] ^ 1u, true, &found),
              AG_ERR_SIGNATURE);
    CHECK_OK(ag_secp256k1_recover(digest, out, out + 32, out[64] ^ 1u, false, &found));
    CHECK_BYTES(AG_VIEW(&found), AG_VIEW(&address));
}

static const struct {
    const char *why;
    const char *r;
    const char *s;
    unsigned parity;
    bool require_low_s;
} bad_signatures[] = {
    {"r = 0", "0000000000000000000000000000000000000000000000000000000000000000",
     "0000000000000000000000000000000000000000000000000000000000000001", 0, true},
    {"s = 0", "0000000000000000000000000000000000000000000000000000000000000001",
     "0000000000000000000000000000000000000000000000000000000000000000", 0, true},
    {"r is the order", "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
     "0000000000000000000000000000000000000000000000000000000000000001", 0, true},
    {"s is the order", "0000000000000000000000000000000000000000000000000000000000000001",
     "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 0, false},
    {"r is on no point", "0000000000000000000000000000000000000000000000000000000000000005",
     "0000000000000000000000000000000000000000000000000000000000000001", 0, true},
    {"parity 2", "0000000000000000000000000000000000000000000000000000000000000001",
     "0000000000000000000000000000000000000000000000000000000000000001", 2, true},
    {"parity 27", "0000000000000000000000000000000000000000000000000000000000000001",
     "0000000000000000000000000000000000000000000000000000000000000001", 27, true},
    {"s above half the order", "0000000000000000000000000000000000000000000000000000000000000001",
     "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1", 0, true},
};

static void test_secp256k1_refusals(void)
{
    const uint8_t digest[32] = {1};
    struct ag_address found = {{7}};
    for (size_t i = 0; i < AG_COUNT(bad_signatures); i++) {
        const struct text_bytes r = from_hex(bad_signatures[i].r);
        const struct text_bytes s = from_hex(bad_signatures[i].s);
        CHECK_ERR(ag_secp256k1_recover(digest, r.bytes, s.bytes, bad_signatures[i].parity,
                                       bad_signatures[i].require_low_s, &found),
                  AG_ERR_SIGNATURE);
    }
    /* Exactly half the order is low. */
    const struct text_bytes one =
        from_hex("0000000000000000000000000000000000000000000000000000000000000001");
    const struct text_bytes half =
        from_hex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
    CHECK_OK(ag_secp256k1_recover(digest, one.bytes, half.bytes, 0, true, &found));
}

static void test_secp256k1_keys(void)
{
    struct ag_secp256k1_key key = {{0}};
    uint8_t out[65] = {0};
    struct ag_address address = {{0}};
    CHECK_ERR(ag_secp256k1_public(&key, out, &address), AG_ERR_KEY);
    CHECK_ERR(ag_secp256k1_sign(&key, out, out), AG_ERR_KEY);
    memset(key.bytes, 0xff, sizeof(key.bytes));
    CHECK_ERR(ag_secp256k1_public(&key, out, &address), AG_ERR_KEY);
    CHECK_ERR(ag_secp256k1_sign(&key, out, out), AG_ERR_KEY);

    /* The generator, in each encoding. */
    static const char generator[] =
        "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";
    struct text_bytes point = from_hex(generator);
    CHECK_OK(ag_secp256k1_address(ag_bytes_of(point.bytes, 65), &address));
    CHECK_HEX(AG_VIEW(&address), "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    for (unsigned tag = 0; tag < 8; tag++) {
        point.bytes[0] = (uint8_t)tag;
        CHECK_ERR(ag_secp256k1_address(ag_bytes_of(point.bytes, 65), &address),
                  tag == 4 ? AG_OK : AG_ERR_KEY);
        CHECK_ERR(ag_secp256k1_address(ag_bytes_of(point.bytes, 33), &address),
                  tag == 2 || tag == 3 ? AG_OK : AG_ERR_KEY);
    }
    point.bytes[0] = 4;
    point.bytes[64] ^= 1;
    CHECK_ERR(ag_secp256k1_address(ag_bytes_of(point.bytes, 65), &address), AG_ERR_KEY);
    CHECK_ERR(ag_secp256k1_address(ag_bytes_of(point.bytes, 64), &address), AG_ERR_KEY);
    CHECK_ERR(ag_secp256k1_address(none, &address), AG_ERR_KEY);
}

/* ---- NIST curves ----------------------------------------------------------------------------- */

static void test_ecdsa(void)
{
    uint8_t scalar[32] = {[31] = 5};
    uint8_t point[65] = {0};
    uint8_t out[64] = {0};
    struct ag_ecdsa_key *key = NULL;
    CHECK_OK(ag_ecdsa_key_open(AG_ARRAY_VIEW(scalar), &key));
    CHECK_OK(ag_ecdsa_public(key, point));
    CHECK_OK(ag_ecdsa_sign(key, AG_LITERAL("message"), out));
    CHECK_OK(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("message"), AG_ARRAY_VIEW(out)));
    CHECK_ERR(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("massage"), AG_ARRAY_VIEW(out)),
              AG_ERR_SIGNATURE);
    CHECK_ERR(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("message"), ag_bytes_of(out, 63)),
              AG_ERR_SIGNATURE);
    CHECK_ERR(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("message"), none), AG_ERR_SIGNATURE);
    CHECK_ERR(ag_ecdsa_verify(ag_bytes_of(point, 64), none, AG_ARRAY_VIEW(out)), AG_ERR_KEY);
    CHECK_ERR(ag_ecdsa_verify(none, none, AG_ARRAY_VIEW(out)), AG_ERR_KEY);
    for (unsigned tag = 0; tag < 8; tag++) {
        point[0] = (uint8_t)tag;
        CHECK_ERR(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("message"), AG_ARRAY_VIEW(out)),
                  tag == 4 ? AG_OK : AG_ERR_KEY);
    }
    point[0] = 4;
    point[64] ^= 1;
    CHECK_ERR(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("message"), AG_ARRAY_VIEW(out)),
              AG_ERR_KEY);
    point[64] ^= 1;
    memset(out, 0, 32); /* r = 0 */
    CHECK_ERR(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("message"), AG_ARRAY_VIEW(out)),
              AG_ERR_SIGNATURE);
    memset(out, 0xff, 64); /* both beyond the order */
    CHECK_ERR(ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_LITERAL("message"), AG_ARRAY_VIEW(out)),
              AG_ERR_SIGNATURE);
    ag_ecdsa_key_close(key);
    ag_ecdsa_key_close(NULL);
}

/* [RFC6979 A.2.6], P-384 with SHA-384, "sample". */
static void test_ecdsa_p384(void)
{
    const struct text_bytes point =
        from_hex("04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
                 "def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9"
                 "f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720");
    const struct text_bytes good =
        from_hex("94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c"
                 "81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526"
                 "203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8");
    const struct ag_bytes key = ag_bytes_of(point.bytes, point.size);
    const struct ag_bytes pair = ag_bytes_of(good.bytes, good.size);
    CHECK_OK(ag_ecdsa_verify(key, AG_LITERAL("sample"), pair));
    CHECK_ERR(ag_ecdsa_verify(key, AG_LITERAL("simple"), pair), AG_ERR_SIGNATURE);
    CHECK_ERR(ag_ecdsa_verify(key, AG_LITERAL("sample"), ag_bytes_head(pair, 64)),
              AG_ERR_SIGNATURE);
}

static void test_ecdsa_keys(void)
{
    uint8_t scalar[33] = {0};
    struct ag_ecdsa_key *key = NULL;
    CHECK_ERR(ag_ecdsa_key_open(ag_bytes_of(scalar, 32), &key), AG_ERR_KEY); /* zero */
    CHECK_ERR(ag_ecdsa_key_open(ag_bytes_of(scalar, 31), &key), AG_ERR_KEY);
    CHECK_ERR(ag_ecdsa_key_open(ag_bytes_of(scalar, 33), &key), AG_ERR_KEY);
    memset(scalar, 0xff, sizeof(scalar));
    CHECK_ERR(ag_ecdsa_key_open(ag_bytes_of(scalar, 32), &key), AG_ERR_KEY); /* over the order */
    CHECK(key == NULL);
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start());
}

static const struct ag_test_case cases[] = {
    {"start", test_start},
    {"sign and verify with both algorithms", test_sign_and_verify},
    {"signing is hedged", test_hedged},
    {"wrong sizes, tags and algorithms are refused", test_wrong_arguments},
    {"a context of 256 bytes is refused", test_context_limit},
    {"the modes of vectors", test_modes},
    {"bad seeds are refused", test_bad_seeds},
    {"secp256k1: sign, recover, address", test_secp256k1_round_trip},
    {"secp256k1: high s only where it is allowed", test_secp256k1_high_s},
    {"secp256k1: bad signatures recover nothing", test_secp256k1_refusals},
    {"secp256k1: bad keys are refused", test_secp256k1_keys},
    {"ecdsa on P-256", test_ecdsa},
    {"ecdsa on P-384", test_ecdsa_p384},
    {"ecdsa: bad scalars are refused", test_ecdsa_keys},
};

TEST_MAIN(cases)
