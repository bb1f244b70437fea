/* SPDX-License-Identifier: Apache-2.0 */
/* Is secret data kept out of branches and addresses by our own code?
 *
 * Secrets are marked undefined, so that memcheck reports every branch and every address that
 * depends on one. Without valgrind the cases only run. What libcrypto and libsecp256k1 do inside
 * their key operations is theirs to prove; the hashes and the cipher that our code feeds with
 * secrets do run here, tainted. The last case is about time instead: every way in which an
 * encapsulation is refused costs what a good one costs. */
#include <string.h>
#include <time.h>

#ifdef AG_CT_CHECK
#include <valgrind/memcheck.h>
#endif

#include "crypto/crypto_i.h"
#include "test.h"

#define BUF(array) ((struct ag_buf){(array), sizeof(array)})
static const struct ag_bytes none = {NULL, 0};

static bool is_under_memcheck(void)
{
#ifdef AG_CT_CHECK
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

/* Under memcheck: that the bytes still depend on a secret. Then makes them public, to be looked at
 * by the test. A result that is no longer tainted would mean that nothing was checked. */
static void check_secret(const void *data, size_t size)
{
#ifdef AG_CT_CHECK
    if (is_under_memcheck()) {
        uint8_t bits[256] = {0};
        CHECK(size <= sizeof(bits));
        CHECK(VALGRIND_GET_VBITS(data, bits, size) == 1);
        CHECK(!ag_bytes_is_zero(ag_bytes_of(bits, size)));
    }
#endif
    ag_ct_public(data, size);
}

static void make_secret(uint8_t *data, size_t size)
{
    ag_test_random_bytes(data, size);
    ag_ct_secret(data, size);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void test_equal(void)
{
    uint8_t a[64];
    uint8_t b[64];
    ag_test_random_bytes(a, sizeof(a));
    for (size_t at = 0; at <= sizeof(a); at++) {
        memcpy(b, a, sizeof(b));
        if (at < sizeof(b)) {
            b[at] ^= (uint8_t)(1u << (at % 8));
        }
        ag_ct_secret(a, sizeof(a));
        ag_ct_secret(b, sizeof(b));
        CHECK(ag_ct_equal(a, b, sizeof(a)) == (at == sizeof(a)));
        ag_ct_public(a, sizeof(a));
    }
    CHECK(ag_ct_equal(a, b, 0));
}

/* ---- derivation ------------------------------------------------------------------------------ */

static void test_derivation(void)
{
    uint8_t secret[32];
    uint8_t long_secret[200];
    uint8_t out[100];
    uint8_t mac[48];
    make_secret(secret, sizeof(secret));
    make_secret(long_secret, sizeof(long_secret));
    CHECK_OK(ag_kdf(AG_TAG_SEAL_ROOT, AG_ARRAY_VIEW(secret), AG_LITERAL("salt"), none, BUF(out)));
    check_secret(out, sizeof(out));
    CHECK_OK(ag_hkdf(256, AG_ARRAY_VIEW(secret), AG_ARRAY_VIEW(long_secret), none, BUF(out)));
    check_secret(out, sizeof(out));
    const struct ag_bytes parts[] = {AG_ARRAY_VIEW(secret), AG_LITERAL("public")};
    CHECK_OK(ag_hmac384(AG_ARRAY_VIEW(long_secret), parts, 2, mac));
    check_secret(mac, sizeof(mac));
    CHECK_OK(ag_crypto_hash_secret(AG_MD_SHA3_256, parts, 2, (struct ag_buf){out, 32}));
    check_secret(out, 32);
    CHECK_OK(ag_crypto_hash_secret(AG_MD_SHAKE256, parts, 2, BUF(out)));
    check_secret(out, sizeof(out));
}

/* Hashing a body, and the scrubbing after it. */
static void test_hashes(void)
{
    uint8_t body[300];
    uint8_t out[64];
    struct ag_hash hash;
    make_secret(body, sizeof(body));
    const struct ag_bytes message = AG_ARRAY_VIEW(body);
    CHECK_OK(ag_hash_one(AG_TAG_BODY, message, &hash));
    check_secret(&hash, sizeof(hash));
    CHECK_OK(ag_keccak256(&message, 1, out));
    check_secret(out, 32);
    CHECK_OK(ag_sha256(&message, 1, out));
    check_secret(out, 32);
}

/* ---- random ---------------------------------------------------------------------------------- */

static enum ag_err secret_library(const void *context, uint8_t out[AG_RANDOM_DRAW_SIZE])
{
    (void)context;
    make_secret(out, AG_RANDOM_DRAW_SIZE);
    return AG_OK;
}

static bool secret_word(const void *context, uint64_t *out)
{
    (void)context;
    *out = ag_test_random();
    ag_ct_secret(out, sizeof(*out));
    return true;
}

static enum ag_err secret_kernel(void *context, struct ag_buf out)
{
    (void)context;
    make_secret(out.data, out.size);
    return AG_OK;
}

static void test_random(void)
{
    const struct ag_host host = {.random = secret_kernel};
    const struct ag_random_sources sources = {NULL, secret_library, secret_word};
    uint8_t out[96];
    CHECK_OK(ag_random_mix(&host, &sources, BUF(out)));
    check_secret(out, sizeof(out));
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static void test_schedule(void)
{
    static const enum ag_kem kems[] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024_P384};
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        uint8_t secret[AG_KEM_SECRET_SIZE];
        uint8_t plain[100];
        uint8_t sealed[sizeof(plain) + AG_GCM_TAG_SIZE];
        uint8_t reply[32];
        struct ag_hpke_info info;
        struct ag_hpke hpke = {.kem = kems[i]};
        make_secret(secret, sizeof(secret));
        make_secret(plain, sizeof(plain));
        CHECK_OK(ag_hpke_info_init(&info, kems[i], AG_LITERAL("info")));
        CHECK_OK(ag_hpke_schedule(&info, secret, true, &hpke));
        CHECK_OK(ag_hpke_export(&hpke, AG_LITERAL("reply"), BUF(reply)));
        check_secret(reply, sizeof(reply));
        CHECK_OK(ag_hpke_seal_part(&hpke, 1, AG_LITERAL("aad"), AG_ARRAY_VIEW(plain), BUF(sealed)));
        check_secret(sealed, sizeof(sealed));
        /* The keys were never made public on the way. */
        check_secret(hpke.key.bytes, sizeof(hpke.key.bytes));
        check_secret(hpke.exporter, sizeof(hpke.exporter));
        ag_hpke_wipe(&hpke);
        CHECK(ag_bytes_is_zero(AG_VIEW(&hpke.key)));
    }
}

/* ---- refusals cost what acceptance costs ----------------------------------------------------- */

enum {
    RUNS = 200,
    CT_SIZE = 1568
};

static uint64_t cpu_ns(void)
{
    struct timespec now = {0};
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The least of many runs: what the machine does beside us only ever adds. */
static uint64_t least_ns(struct ag_kem_work *work, const struct ag_hpke_info *info,
                         struct ag_bytes enc, enum ag_err wanted)
{
    uint64_t least = UINT64_MAX;
    const unsigned runs = is_under_memcheck() ? 1 : RUNS;
    for (unsigned i = 0; i < runs; i++) {
        struct ag_hpke hpke = {.kem = info->kem};
        const uint64_t start_ns = cpu_ns();
        const enum ag_err err = ag_hpke_receive(work, info, enc, false, &hpke);
        const uint64_t taken_ns = cpu_ns() - start_ns;
        CHECK_ERR(err, wanted);
        least = taken_ns < least ? taken_ns : least;
    }
    return least;
}

/* Bytes to change in a good encapsulation. */
static const struct {
    const char *why;
    size_t at;
    uint8_t difference;
    enum ag_err wanted;
} changes[] = {
    {"first byte of the ML-KEM ciphertext", 0, 0x01, AG_OK},
    {"last byte of the ML-KEM ciphertext", CT_SIZE - 1, 0x80, AG_OK},
    {"compressed tag", CT_SIZE, 0x04 ^ 0x02, AG_ERR_OPEN},
    {"hybrid tag", CT_SIZE, 0x04 ^ 0x06, AG_ERR_OPEN},
    {"off the curve, first byte", CT_SIZE + 1, 0x01, AG_ERR_OPEN},
    {"off the curve, last byte", CT_SIZE + 96, 0x01, AG_ERR_OPEN},
};

static void test_refusals(void)
{
    const uint8_t seed[32] = {9};
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    uint8_t randomness[80];
    struct ag_kem_key *key = NULL;
    struct ag_kem_work *work = NULL;
    struct ag_hpke_info info;
    struct ag_hpke hpke = {.kem = AG_KEM_MLKEM1024_P384};
    memset(randomness, 0x33, sizeof(randomness));
    CHECK_OK(ag_kem_key_open(AG_KEM_MLKEM1024_P384, AG_ARRAY_VIEW(seed), &key));
    CHECK_OK(ag_kem_work_open(key, &work));
    CHECK_OK(ag_kem_key_public(key, BUF(public_key)));
    CHECK_OK(ag_hpke_info_init(&info, AG_KEM_MLKEM1024_P384, none));
    CHECK_OK(ag_hpke_send(NULL, AG_KEM_MLKEM1024_P384, AG_ARRAY_VIEW(public_key), &info,
                          AG_ARRAY_VIEW(randomness), false, BUF(enc), &hpke));
    const uint64_t good_ns = least_ns(work, &info, AG_ARRAY_VIEW(enc), AG_OK);
    for (size_t i = 0; i < AG_COUNT(changes); i++) {
        enc[changes[i].at] ^= changes[i].difference;
        const uint64_t bad_ns = least_ns(work, &info, AG_ARRAY_VIEW(enc), changes[i].wanted);
        enc[changes[i].at] ^= changes[i].difference;
        ag_test_note("%s: %.3f of the time of a good one", changes[i].why,
                     (double)bad_ns / (double)good_ns);
        /* The schedule that a refusal saves is 1 in 100; the rest of the margin is the machine. */
        if (!is_under_memcheck()) {
            CHECK(bad_ns > good_ns - good_ns / 5 && bad_ns < good_ns + good_ns / 5);
        }
    }
    ag_kem_work_close(work);
    ag_kem_key_close(key);
    ag_hpke_wipe(&hpke);
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start_any_cpu_insecure());
    if (!is_under_memcheck()) {
        ag_test_note("not under memcheck: this run proves nothing about branches and addresses");
    }
}

static const struct ag_test_case cases[] = {
    {"start", test_start},
    {"comparing secrets", test_equal},
    {"deriving keys", test_derivation},
    {"hashing secret messages", test_hashes},
    {"mixing random draws", test_random},
    {"the schedule and sealing", test_schedule},
    {"refusals cost what acceptance costs", test_refusals},
};

TEST_MAIN(cases)
