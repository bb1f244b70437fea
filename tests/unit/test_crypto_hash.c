/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes, derivation and AES-GCM: known answers, every way to cut a message, wrong input. */
#include <pthread.h>

#include "test_crypto_ground.h"

/* ---- tags ------------------------------------------------------------------------------------ */

static void test_tags_are_distinct(void)
{
    for (unsigned i = 0; i < AG_TAG_COUNT; i++) {
        const char *label = ag_tag_label((enum ag_tag)i);
        CHECK(strncmp(label, "aegis/v1/", 9) == 0);
        for (unsigned j = 0; j < i; j++) {
            CHECK(strcmp(label, ag_tag_label((enum ag_tag)j)) != 0);
        }
    }
}

static void test_tagged_hash(void)
{
    /* SHA-384(len | label | message) by hand. */
    const char *label = ag_tag_label(AG_TAG_BATCH);
    const uint8_t length = (uint8_t)strlen(label);
    const struct ag_bytes parts[] = {ag_bytes_of(&length, 1), ag_bytes_of(label, length),
                                     AG_LITERAL("message")};
    uint8_t wanted[48] = {0};
    struct ag_hash got = {{0}};
    struct ag_id id = {{0}};
    CHECK_OK(ag_sha384(parts, 3, wanted));
    CHECK_OK(ag_hash_one(AG_TAG_BATCH, AG_LITERAL("message"), &got));
    CHECK_BYTES(AG_VIEW(&got), AG_ARRAY_VIEW(wanted));
    CHECK_OK(ag_hash_id(AG_TAG_BATCH, AG_LITERAL("message"), &id));
    CHECK_BYTES(AG_VIEW(&id), ag_bytes_of(wanted, 32));
    CHECK_OK(ag_hash_one(AG_TAG_HEAD, AG_LITERAL("message"), &got));
    CHECK(!ag_bytes_equal(AG_VIEW(&got), AG_ARRAY_VIEW(wanted)));
    /* A tag that is none leaves the output alone. */
    const struct ag_hash before = got;
    CHECK_ERR(ag_hash_one(AG_TAG_COUNT, AG_LITERAL("message"), &got), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_hash_one((enum ag_tag)(unsigned)-1, none, &got), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_hash_id(AG_TAG_COUNT, none, &id), AG_ERR_ARGUMENT);
    CHECK_BYTES(AG_VIEW(&got), AG_VIEW(&before));
}

/* ---- hashes ---------------------------------------------------------------------------------- */

typedef enum ag_err hash_function(const struct ag_bytes *parts, size_t part_count, uint8_t *out);

static enum ag_err shake(const struct ag_bytes *parts, size_t part_count, uint8_t *out)
{
    return ag_shake256(parts, part_count, (struct ag_buf){out, 64});
}

static const struct {
    hash_function *run;
    size_t size;
    const char *empty;
} hashes[] = {
    {ag_sha256, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {ag_sha384, 48,
     "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
     "274edebfe76f65fbd51ad2f14898b95b"},
    {ag_sha512, 64,
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {ag_sha3_256, 32, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"},
    {ag_keccak256, 32, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
    {shake, 64,
     "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"
     "d75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be"},
};

static void test_empty_message(void)
{
    for (size_t i = 0; i < AG_COUNT(hashes); i++) {
        uint8_t out[64] = {0};
        CHECK_OK(hashes[i].run(NULL, 0, out));
        CHECK_HEX(ag_bytes_of(out, hashes[i].size), hashes[i].empty);
        CHECK_OK(hashes[i].run(&none, 1, out));
        CHECK_HEX(ag_bytes_of(out, hashes[i].size), hashes[i].empty);
    }
}

/* However a message is cut into parts, and whatever was hashed before, the hash is the same. */
static void test_parts_and_order(void)
{
    uint8_t message[300];
    ag_test_random_bytes(message, sizeof(message));
    for (size_t i = 0; i < AG_COUNT(hashes); i++) {
        uint8_t whole[64] = {0};
        const struct ag_bytes one = AG_ARRAY_VIEW(message);
        CHECK_OK(hashes[i].run(&one, 1, whole));
        for (size_t cut = 0; cut <= sizeof(message); cut += 7) {
            const struct ag_bytes parts[] = {ag_bytes_head(one, cut), none,
                                             ag_bytes_tail(one, cut)};
            uint8_t out[64] = {0};
            uint8_t other[64] = {0};
            CHECK_OK(hashes[(i + 1) % AG_COUNT(hashes)].run(&one, 1, other));
            CHECK_OK(hashes[i].run(parts, 3, out));
            CHECK_BYTES(AG_ARRAY_VIEW(out), AG_ARRAY_VIEW(whole));
        }
    }
}

static void test_shake_sizes(void)
{
    uint8_t all[300] = {0};
    const struct ag_bytes message = AG_LITERAL("m");
    CHECK_OK(ag_shake256(&message, 1, BUF(all)));
    for (size_t size = 1; size < sizeof(all); size += 37) {
        uint8_t out[300] = {0};
        CHECK_OK(ag_shake256(&message, 1, (struct ag_buf){out, size}));
        CHECK_BYTES(ag_bytes_of(out, size), ag_bytes_of(all, size));
        CHECK(ag_bytes_is_zero(ag_bytes_of(out + size, sizeof(out) - size)));
    }
    CHECK_ERR(ag_shake256(&message, 1, (struct ag_buf){NULL, 0}), AG_ERR_ARGUMENT);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *hash_much(void *context)
{
    const struct ag_bytes message = AG_LITERAL("threads");
    bool *is_same = context;
    uint8_t first[32] = {0};
    *is_same = ag_keccak256(&message, 1, first) == AG_OK;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t out[48] = {0};
        *is_same = *is_same && ag_keccak256(&message, 1, out) == AG_OK &&
                   memcmp(out, first, sizeof(first)) == 0;
        *is_same = *is_same && ag_hmac384(message, &message, 1, out) == AG_OK;
    }
    return NULL;
}

/* Contexts are of a thread, and go with it: the leak checkers see if they do not. */
static void test_threads(void)
{
    pthread_t threads[4];
    bool is_same[4] = {false};
    for (size_t i = 0; i < AG_COUNT(threads); i++) {
        CHECK(pthread_create(&threads[i], NULL, hash_much, &is_same[i]) == 0);
    }
    for (size_t i = 0; i < AG_COUNT(threads); i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(is_same[i]);
    }
}

/* ---- derivation ------------------------------------------------------------------------------ */

/* [RFC4231] HMAC-SHA-384: short key, long key, long key and long message. */
static void test_hmac(void)
{
    uint8_t key[131];
    uint8_t out[48] = {0};
    memset(key, 0x0b, 20);
    const struct ag_bytes hi = AG_LITERAL("Hi There");
    CHECK_OK(ag_hmac384(ag_bytes_of(key, 20), &hi, 1, out));
    CHECK_HEX(AG_ARRAY_VIEW(out), "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
                                  "faea9ea9076ede7f4af152e8b2fa9cb6");
    memset(key, 0xaa, sizeof(key));
    const struct ag_bytes larger[] = {AG_LITERAL("Test Using Larger Than Block-Size Key"),
                                      AG_LITERAL(" - Hash Key First")};
    CHECK_OK(ag_hmac384(AG_ARRAY_VIEW(key), larger, 2, out));
    CHECK_HEX(AG_ARRAY_VIEW(out), "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
                                  "0c2ef6ab4030fe8296248df163f44952");
    /* No key is a block of zeroes. */
    uint8_t zeroes[128] = {0};
    uint8_t other[48] = {0};
    CHECK_OK(ag_hmac384(none, &hi, 1, out));
    CHECK_OK(ag_hmac384(AG_ARRAY_VIEW(zeroes), &hi, 1, other));
    CHECK_BYTES(AG_ARRAY_VIEW(out), AG_ARRAY_VIEW(other));
}

static void test_hkdf(void)
{
    const struct text_bytes secret = from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
    const struct ag_bytes ikm = ag_bytes_of(secret.bytes, secret.size);
    uint8_t out[255 * 48 + 1] = {0};
    /* [RFC5869 A.3]: no salt, no info. */
    CHECK_OK(ag_hkdf(256, ikm, none, none, (struct ag_buf){out, 42}));
    CHECK_HEX(ag_bytes_of(out, 42),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
              "9d201395faa4b61a96c8");
    CHECK_OK(ag_hkdf(384, ikm, none, none, (struct ag_buf){out, (size_t)255 * 48}));
    CHECK_OK(ag_hkdf(256, ikm, none, none, (struct ag_buf){out, (size_t)255 * 32}));
    CHECK_ERR(ag_hkdf(384, ikm, none, none, (struct ag_buf){out, (size_t)255 * 48 + 1}),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_hkdf(256, ikm, none, none, (struct ag_buf){out, (size_t)255 * 32 + 1}),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_hkdf(256, ikm, none, none, (struct ag_buf){out, 0}), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_hkdf(512, ikm, none, none, (struct ag_buf){out, 32}), AG_ERR_ARGUMENT);
}

static void test_kdf(void)
{
    uint8_t wanted[80] = {0};
    uint8_t got[80] = {0};
    static const char info[] = "aegis/v1/seal/blob\0more";
    CHECK_OK(ag_hkdf(384, AG_LITERAL("secret"), AG_LITERAL("salt"), AG_LITERAL(info), BUF(wanted)));
    CHECK_OK(ag_kdf(AG_TAG_SEAL_BLOB, AG_LITERAL("secret"), AG_LITERAL("salt"), AG_LITERAL("more"),
                    BUF(got)));
    CHECK_BYTES(AG_ARRAY_VIEW(got), AG_ARRAY_VIEW(wanted));
    CHECK_OK(ag_kdf(AG_TAG_SEAL_ROOT, AG_LITERAL("secret"), AG_LITERAL("salt"), AG_LITERAL("more"),
                    BUF(got)));
    CHECK(!ag_bytes_equal(AG_ARRAY_VIEW(got), AG_ARRAY_VIEW(wanted)));
    CHECK_ERR(ag_kdf(AG_TAG_COUNT, none, none, none, BUF(got)), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_kdf(AG_TAG_SEAL_ROOT, none, none, none, (struct ag_buf){got, 0}), AG_ERR_ARGUMENT);
}

/* ---- AES-256-GCM ----------------------------------------------------------------------------- */

static void test_gcm(void)
{
    struct ag_key256 key = {{0}};
    uint8_t nonce[AG_GCM_NONCE_SIZE] = {1};
    uint8_t plain[100];
    uint8_t sealed[sizeof(plain) + AG_GCM_TAG_SIZE];
    uint8_t opened[sizeof(plain)];
    ag_test_random_bytes(key.bytes, sizeof(key.bytes));
    ag_test_random_bytes(plain, sizeof(plain));
    for (size_t size = 0; size <= sizeof(plain); size += 25) {
        const struct ag_bytes text = ag_bytes_of(plain, size);
        const struct ag_bytes aad = ag_bytes_of(plain, sizeof(plain) - size);
        const struct ag_buf out = {sealed, size + AG_GCM_TAG_SIZE};
        CHECK_OK(ag_gcm_seal(&key, nonce, aad, text, out));
        CHECK_OK(ag_gcm_open(&key, nonce, aad, ag_bytes_of(sealed, out.size),
                             (struct ag_buf){opened, size}));
        CHECK_BYTES(ag_bytes_of(opened, size), text);
        for (size_t at = 0; at < out.size; at++) {
            sealed[at] ^= 0x10;
            CHECK_ERR(ag_gcm_open(&key, nonce, aad, ag_bytes_of(sealed, out.size),
                                  (struct ag_buf){opened, size}),
                      AG_ERR_OPEN);
            CHECK(ag_bytes_is_zero(ag_bytes_of(opened, size)));
            sealed[at] ^= 0x10;
        }
        nonce[11]++;
        CHECK_ERR(ag_gcm_open(&key, nonce, aad, ag_bytes_of(sealed, out.size),
                              (struct ag_buf){opened, size}),
                  AG_ERR_OPEN);
        nonce[11]--;
    }
    ag_key256_wipe(&key);
    CHECK(ag_bytes_is_zero(AG_VIEW(&key)));
}

static void test_gcm_sizes(void)
{
    const struct ag_key256 key = {{0}};
    const uint8_t nonce[AG_GCM_NONCE_SIZE] = {0};
    uint8_t out[64] = {0};
    CHECK_ERR(ag_gcm_seal(&key, nonce, none, AG_LITERAL("abc"), (struct ag_buf){out, 18}),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_gcm_seal(&key, nonce, none, AG_LITERAL("abc"), (struct ag_buf){out, 20}),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_gcm_open(&key, nonce, none, ag_bytes_of(out, 15), (struct ag_buf){out, 0}),
              AG_ERR_OPEN);
    CHECK_ERR(ag_gcm_open(&key, nonce, none, none, (struct ag_buf){out, 0}), AG_ERR_OPEN);
    CHECK_ERR(ag_gcm_open(&key, nonce, none, ag_bytes_of(out, 20), (struct ag_buf){out, 3}),
              AG_ERR_ARGUMENT);
    CHECK_ERR(
        ag_gcm_seal(&key, nonce, ag_bytes_of(out, (size_t)1 << 31), none, (struct ag_buf){out, 16}),
        AG_ERR_ARGUMENT);
}

/* In place: the store and the wire open where they read. */
static void test_gcm_in_place(void)
{
    const struct ag_key256 key = {{7}};
    const uint8_t nonce[AG_GCM_NONCE_SIZE] = {0};
    uint8_t text[33 + AG_GCM_TAG_SIZE] = "a text of exactly thirty-three b.";
    CHECK_OK(ag_gcm_seal(&key, nonce, none, ag_bytes_of(text, 33), BUF(text)));
    CHECK_OK(ag_gcm_open(&key, nonce, none, AG_ARRAY_VIEW(text), (struct ag_buf){text, 33}));
    CHECK_BYTES(ag_bytes_of(text, 33), AG_LITERAL("a text of exactly thirty-three b."));
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start());
    CHECK_OK(ag_crypto_start()); /* idempotent */
    CHECK_OK(ag_crypto_start_any_cpu_insecure());
    CHECK(strncmp(ag_crypto_version(), "OpenSSL 3.", 10) == 0 ||
          strncmp(ag_crypto_version(), "OpenSSL 4.", 10) == 0);
}

static void test_selftest(void)
{
    CHECK_OK(ag_crypto_selftest());
}

static const struct ag_test_case cases[] = {
    {"start is idempotent", test_start},
    {"selftest passes", test_selftest},
    {"tags are distinct", test_tags_are_distinct},
    {"tagged hash is length, label, message", test_tagged_hash},
    {"hashes of nothing", test_empty_message},
    {"hashes do not depend on how a message is cut", test_parts_and_order},
    {"shake256 of any size but none", test_shake_sizes},
    {"contexts belong to a thread", test_threads},
    {"hmac: known answers", test_hmac},
    {"hkdf: known answers and limits", test_hkdf},
    {"kdf is hkdf under a label", test_kdf},
    {"gcm: every flipped byte is refused", test_gcm},
    {"gcm: wrong sizes are refused", test_gcm_sizes},
    {"gcm works in place", test_gcm_in_place},
};

TEST_MAIN(cases)
