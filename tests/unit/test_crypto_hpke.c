/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes of both KEMs: round trips, and every wrong encapsulation that we could think of. */
#include "test_crypto_ground.h"

#define KEM_CT_SIZE 1568u

static const enum ag_kem kems[] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024_P384};

/* A receiver with its key, and one envelope to it. */
struct world {
    enum ag_kem kem;
    struct ag_kem_key *key;
    struct ag_kem_work *work;
    struct ag_hpke_info info;
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    size_t size; /* of both */
    struct ag_hpke sent;
};

static void open_world(struct world *world, enum ag_kem kem)
{
    uint8_t seed[AG_KEM_SEED_SIZE_MAX] = {0};
    *world = (struct world){.kem = kem, .size = ag_kem_public_size(kem)};
    ag_test_random_bytes(seed, sizeof(seed));
    CHECK_OK(ag_kem_key_open(kem, ag_bytes_of(seed, ag_kem_seed_size(kem)), &world->key));
    CHECK_OK(ag_kem_work_open(world->key, &world->work));
    CHECK_OK(ag_kem_key_public(world->key, (struct ag_buf){world->public_key, world->size}));
    CHECK_OK(ag_hpke_info_init(&world->info, kem, AG_LITERAL("info")));
    CHECK_OK(ag_hpke_send(ag_host_system(), kem, ag_bytes_of(world->public_key, world->size),
                          &world->info, none, true, (struct ag_buf){world->enc, world->size},
                          &world->sent));
}

static void close_world(struct world *world)
{
    ag_kem_work_close(world->work);
    ag_kem_key_close(world->key);
    ag_hpke_wipe(&world->sent);
}

static struct ag_bytes enc_of(const struct world *world)
{
    return ag_bytes_of(world->enc, world->size);
}

static bool is_wiped(const struct ag_hpke *hpke)
{
    return ag_bytes_is_zero(ag_bytes_of(hpke, sizeof(*hpke)));
}

/* ---- good ------------------------------------------------------------------------------------ */

static void check_same(const struct ag_hpke *a, const struct ag_hpke *b)
{
    CHECK_BYTES(AG_VIEW(&a->key), AG_VIEW(&b->key));
    CHECK_BYTES(AG_ARRAY_VIEW(a->base_nonce), AG_ARRAY_VIEW(b->base_nonce));
    CHECK_BYTES(AG_ARRAY_VIEW(a->exporter), AG_ARRAY_VIEW(b->exporter));
}

static void check_parts(const struct ag_hpke *sent, const struct ag_hpke *received)
{
    const struct ag_bytes head = AG_LITERAL("head");
    const struct ag_bytes body = AG_LITERAL("the body");
    uint8_t sealed_head[4 + 16];
    uint8_t sealed_body[8 + 16];
    uint8_t opened[8];
    CHECK_OK(ag_hpke_seal_part(sent, 0, AG_LITERAL("clear"), head, BUF(sealed_head)));
    CHECK_OK(ag_hpke_seal_part(sent, 1, AG_ARRAY_VIEW(sealed_head), body, BUF(sealed_body)));
    CHECK_OK(ag_hpke_open_part(received, 0, AG_LITERAL("clear"), AG_ARRAY_VIEW(sealed_head),
                               (struct ag_buf){opened, 4}));
    CHECK_BYTES(ag_bytes_of(opened, 4), head);
    CHECK_OK(ag_hpke_open_part(received, 1, AG_ARRAY_VIEW(sealed_head), AG_ARRAY_VIEW(sealed_body),
                               BUF(opened)));
    CHECK_BYTES(AG_ARRAY_VIEW(opened), body);
    /* Another index, another aad. */
    CHECK_ERR(ag_hpke_open_part(received, 0, AG_ARRAY_VIEW(sealed_head), AG_ARRAY_VIEW(sealed_body),
                                BUF(opened)),
              AG_ERR_OPEN);
    CHECK_ERR(ag_hpke_open_part(received, 1, none, AG_ARRAY_VIEW(sealed_body), BUF(opened)),
              AG_ERR_OPEN);
    /* All 64 bits of the index count. */
    CHECK_ERR(ag_hpke_open_part(received, ((uint64_t)1 << 63) | 1u, AG_ARRAY_VIEW(sealed_head),
                                AG_ARRAY_VIEW(sealed_body), BUF(opened)),
              AG_ERR_OPEN);
}

static void test_round_trip(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        struct ag_hpke received = {.kem = kems[i]};
        uint8_t exported[2][100] = {{0}};
        open_world(&world, kems[i]);
        CHECK_OK(ag_hpke_receive(world.work, &world.info, enc_of(&world), true, &received));
        check_same(&world.sent, &received);
        check_parts(&world.sent, &received);
        CHECK_OK(ag_hpke_export(&world.sent, AG_LITERAL("reply"), BUF(exported[0])));
        CHECK_OK(ag_hpke_export(&received, AG_LITERAL("reply"), BUF(exported[1])));
        CHECK_BYTES(AG_ARRAY_VIEW(exported[0]), AG_ARRAY_VIEW(exported[1]));
        CHECK_OK(ag_hpke_export(&received, AG_LITERAL("other"), BUF(exported[1])));
        CHECK(!ag_bytes_equal(AG_ARRAY_VIEW(exported[0]), AG_ARRAY_VIEW(exported[1])));

        CHECK_OK(ag_hpke_receive(world.work, &world.info, enc_of(&world), false, &received));
        CHECK(!received.has_exporter);
        CHECK(ag_bytes_is_zero(AG_ARRAY_VIEW(received.exporter)));
        CHECK_ERR(ag_hpke_export(&received, none, BUF(exported[0])), AG_ERR_ARGUMENT);
        ag_hpke_wipe(&received);
        CHECK(is_wiped(&received));
        close_world(&world);
    }
}

/* DeriveKeyPair of the draft's vectors. */
static void test_derive_seed(void)
{
    const struct text_bytes ikm[] = {
        from_hex("ece1c121b5cc978bdce5eb8d60e9ff101d65b94379898e800c37f79164a25d03"
                 "264a357df7cd28214b11e171c94dea2338b736e7dbb6f00a0b1b280ae6ad1ba4"),
        from_hex("0fce198c0c1ccfca5cd1ca8bc495b06696cbb8c733e708ead4531b2b294c38d2")};
    uint8_t seed[64] = {0};
    CHECK_OK(
        ag_kem_derive_seed(AG_KEM_MLKEM1024, ag_bytes_of(ikm[0].bytes, ikm[0].size), BUF(seed)));
    CHECK_HEX(AG_ARRAY_VIEW(seed),
              "c58f733ea1245a7a54723c30dbf0837acdd7e93c188692523b53b132b993a25a"
              "f933368a76bbcbf1212e1d34d7128e32c387dc9b04a7ceb0e2b40e1e5769c57d");
    CHECK_OK(ag_kem_derive_seed(AG_KEM_MLKEM1024_P384, ag_bytes_of(ikm[1].bytes, ikm[1].size),
                                (struct ag_buf){seed, 32}));
    CHECK_HEX(ag_bytes_of(seed, 32),
              "dbdae0423ba0e5db3d6322601b8dc302d3051d4677142079c7bdf441f4c448dd");
}

/* Two encapsulations to one key share nothing; two infos neither. */
static void test_freshness(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        struct ag_hpke again = {.kem = kems[i]};
        struct ag_hpke_info other;
        uint8_t enc[AG_KEM_ENC_SIZE_MAX];
        open_world(&world, kems[i]);
        CHECK_OK(ag_hpke_send(ag_host_system(), kems[i], ag_bytes_of(world.public_key, world.size),
                              &world.info, none, true, (struct ag_buf){enc, world.size}, &again));
        CHECK(!ag_bytes_equal(ag_bytes_of(enc, world.size), enc_of(&world)));
        CHECK(!ag_bytes_equal(AG_VIEW(&again.key), AG_VIEW(&world.sent.key)));
        CHECK_OK(ag_hpke_info_init(&other, kems[i], AG_LITERAL("infp")));
        CHECK_OK(ag_hpke_receive(world.work, &other, enc_of(&world), true, &again));
        CHECK(!ag_bytes_equal(AG_VIEW(&again.key), AG_VIEW(&world.sent.key)));
        close_world(&world);
    }
}

/* ---- wrong encapsulations -------------------------------------------------------------------- */

static void expect_refused(struct world *world, struct ag_bytes enc)
{
    struct ag_hpke hpke = {.kem = world->kem, .has_exporter = true, .key = {{1}}};
    CHECK_ERR(ag_hpke_receive(world->work, &world->info, enc, true, &hpke), AG_ERR_OPEN);
    CHECK(is_wiped(&hpke));
    /* And the workspace is as good as before. */
    CHECK_OK(ag_hpke_receive(world->work, &world->info, enc_of(world), true, &hpke));
    check_same(&hpke, &world->sent);
}

static void test_lengths(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        uint8_t longer[AG_KEM_ENC_SIZE_MAX + 1] = {0};
        open_world(&world, kems[i]);
        memcpy(longer, world.enc, world.size);
        expect_refused(&world, ag_bytes_of(world.enc, world.size - 1));
        expect_refused(&world, ag_bytes_of(longer, world.size + 1));
        expect_refused(&world, none);
        /* The length of the other KEM. */
        expect_refused(&world, ag_bytes_of(longer, i == 0 ? 1665 : 1568));
        close_world(&world);
    }
}

/* Points of P-384 that are none, or not in our encoding. */
static const struct {
    const char *why;
    const char *point; /* NULL: our own ephemeral one, with the tag below */
    uint8_t tag;
} bad_points[] = {
    {"compressed tag 02", NULL, 0x02},
    {"compressed tag 03", NULL, 0x03},
    {"hybrid tag 06", NULL, 0x06},
    {"hybrid tag 07", NULL, 0x07},
    {"tag 00", NULL, 0x00},
    {"tag 05", NULL, 0x05},
    {"infinity as zeroes",
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000"
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000",
     0x00},
    {"x = y = 0",
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000"
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000",
     0x04},
    {"x is the field prime",
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffff"
     "fff"
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "001",
     0x04},
    {"all ones",
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "fff"
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "fff",
     0x04},
};

static void test_points(void)
{
    struct world world;
    open_world(&world, AG_KEM_MLKEM1024_P384);
    for (size_t i = 0; i < AG_COUNT(bad_points); i++) {
        uint8_t enc[AG_KEM_ENC_SIZE_MAX];
        memcpy(enc, world.enc, sizeof(enc));
        if (bad_points[i].point != NULL) {
            CHECK_OK(ag_hex_decode(bad_points[i].point, 192,
                                   (struct ag_buf){enc + KEM_CT_SIZE + 1, 96}));
        }
        enc[KEM_CT_SIZE] = bad_points[i].tag;
        expect_refused(&world, AG_ARRAY_VIEW(enc));
    }
    /* Off the curve, wherever the bit. */
    for (size_t bit = 0; bit < 96u * 8u; bit += 31) {
        uint8_t enc[AG_KEM_ENC_SIZE_MAX];
        memcpy(enc, world.enc, sizeof(enc));
        enc[KEM_CT_SIZE + 1 + bit / 8] ^= (uint8_t)(1u << (bit % 8));
        expect_refused(&world, AG_ARRAY_VIEW(enc));
    }
    close_world(&world);
}

/* y becomes p - y: a good point with the same x, which only the combiner tells apart. */
static void negate_point(uint8_t point[97])
{
    struct text_bytes prime =
        from_hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
                 "ffffffff0000000000000000ffffffff");
    int borrow = 0;
    for (size_t i = 48; i-- > 0;) {
        int digit = (int)prime.bytes[i] - (int)point[49 + i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        point[49 + i] = (uint8_t)(digit + (borrow << 8));
    }
}

/* What decapsulates and must not open. */
static void test_implicit_rejection(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        uint8_t sealed[20] = {0};
        uint8_t opened[4] = {0};
        open_world(&world, kems[i]);
        CHECK_OK(ag_hpke_seal_part(&world.sent, 0, none, AG_LITERAL("text"), BUF(sealed)));
        for (size_t at = 0; at < KEM_CT_SIZE + 1; at += 98) {
            uint8_t enc[AG_KEM_ENC_SIZE_MAX];
            struct ag_hpke hpke = {.kem = kems[i]};
            memcpy(enc, world.enc, sizeof(enc));
            enc[at] ^= 1; /* 98 divides 1568: the last turn is the point's tag, or nothing */
            enum ag_err wanted = AG_OK;
            if (at == KEM_CT_SIZE) {
                enc[at] ^= 1;
                negate_point(enc + KEM_CT_SIZE);
                if (kems[i] == AG_KEM_MLKEM1024) {
                    continue;
                }
            }
            CHECK_ERR(
                ag_hpke_receive(world.work, &world.info, ag_bytes_of(enc, world.size), true, &hpke),
                wanted);
            CHECK_ERR(ag_hpke_open_part(&hpke, 0, none, AG_ARRAY_VIEW(sealed), BUF(opened)),
                      AG_ERR_OPEN);
        }
        close_world(&world);
    }
}

static void test_other_receiver(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        struct world other;
        struct ag_hpke hpke = {.kem = kems[i]};
        open_world(&world, kems[i]);
        open_world(&other, kems[i]);
        CHECK_OK(ag_hpke_receive(other.work, &other.info, enc_of(&world), true, &hpke));
        CHECK(!ag_bytes_equal(AG_VIEW(&hpke.key), AG_VIEW(&world.sent.key)));
        close_world(&other);
        close_world(&world);
    }
}

/* ---- wrong arguments ------------------------------------------------------------------------- */

static void test_suites(void)
{
    struct world world;
    struct ag_hpke hpke = {.kem = AG_KEM_MLKEM1024};
    struct ag_hpke_info other;
    struct ag_kem_key *key = NULL;
    uint8_t bytes[AG_KEM_PUBLIC_SIZE_MAX] = {0};
    open_world(&world, AG_KEM_MLKEM1024_P384);
    CHECK(ag_kem_is_known(0x0042) && ag_kem_is_known(0x0051));
    CHECK(!ag_kem_is_known(0x0050) && !ag_kem_is_known(0x647a) && !ag_kem_is_known(0));
    CHECK(ag_hpke_suite_is_known(0x0051, 2, 2) && ag_hpke_suite_is_known(0x0042, 2, 2));
    CHECK(!ag_hpke_suite_is_known(0x0051, 0x11, 2) && !ag_hpke_suite_is_known(0x0051, 2, 1));
    CHECK(!ag_hpke_suite_is_known(0x0041, 2, 2));
    CHECK_ERR(ag_hpke_info_init(&other, (enum ag_kem)0x0050, none), AG_ERR_SUITE);
    CHECK_ERR(ag_kem_key_open((enum ag_kem)0x0050, ag_bytes_of(bytes, 32), &key), AG_ERR_SUITE);
    CHECK_ERR(ag_kem_derive_seed((enum ag_kem)0x0050, none, BUF(bytes)), AG_ERR_SUITE);
    CHECK_ERR(ag_hpke_send(ag_host_system(), (enum ag_kem)0x0050, none, &world.info, none, false,
                           BUF(bytes), &hpke),
              AG_ERR_SUITE);
    /* The schedule of one KEM with the key of the other. */
    CHECK_OK(ag_hpke_info_init(&other, AG_KEM_MLKEM1024, none));
    CHECK_ERR(ag_hpke_receive(world.work, &other, enc_of(&world), false, &hpke), AG_ERR_SUITE);
    CHECK_ERR(ag_hpke_send(ag_host_system(), AG_KEM_MLKEM1024_P384,
                           ag_bytes_of(world.public_key, world.size), &other, none, false,
                           BUF(world.enc), &hpke),
              AG_ERR_SUITE);
    CHECK(is_wiped(&hpke));
    close_world(&world);
}

static void test_sizes(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        struct ag_kem_key *key = NULL;
        uint8_t bytes[AG_KEM_PUBLIC_SIZE_MAX + 1] = {0};
        open_world(&world, kems[i]);
        size_t seed_size = ag_kem_seed_size(kems[i]);
        CHECK_ERR(ag_kem_key_open(kems[i], ag_bytes_of(bytes, seed_size - 1), &key), AG_ERR_KEY);
        CHECK_ERR(ag_kem_key_open(kems[i], ag_bytes_of(bytes, seed_size + 1), &key), AG_ERR_KEY);
        CHECK(key == NULL);
        CHECK_ERR(ag_kem_key_public(world.key, (struct ag_buf){bytes, world.size - 1}),
                  AG_ERR_ARGUMENT);
        CHECK_ERR(ag_kem_derive_seed(kems[i], none, (struct ag_buf){bytes, seed_size + 1}),
                  AG_ERR_ARGUMENT);
        CHECK_U64(ag_kem_public_size(kems[i]), ag_kem_enc_size(kems[i]));
        close_world(&world);
    }
    ag_kem_key_close(NULL);
    ag_kem_work_close(NULL);
}

static enum ag_err send_to(struct world *world, struct ag_bytes public_key,
                           struct ag_bytes randomness, size_t enc_size)
{
    uint8_t enc[AG_KEM_ENC_SIZE_MAX + 1] = {0};
    struct ag_hpke hpke = {.kem = world->kem, .key = {{1}}};
    enum ag_err err = ag_hpke_send(ag_host_system(), world->kem, public_key, &world->info,
                                   randomness, true, (struct ag_buf){enc, enc_size}, &hpke);
    if (err != AG_OK) {
        CHECK(ag_bytes_is_zero(AG_ARRAY_VIEW(enc)));
        CHECK(is_wiped(&hpke));
    }
    return err;
}

static void test_bad_public_keys(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        uint8_t bad[AG_KEM_PUBLIC_SIZE_MAX + 1] = {0};
        open_world(&world, kems[i]);
        size_t size = world.size;
        memcpy(bad, world.public_key, size);
        CHECK_OK(send_to(&world, ag_bytes_of(bad, size), none, size));
        CHECK_ERR(send_to(&world, ag_bytes_of(bad, size - 1), none, size), AG_ERR_KEY);
        CHECK_ERR(send_to(&world, ag_bytes_of(bad, size + 1), none, size), AG_ERR_KEY);
        CHECK_ERR(send_to(&world, none, none, size), AG_ERR_KEY);
        CHECK_ERR(send_to(&world, ag_bytes_of(bad, size), none, size - 1), AG_ERR_ARGUMENT);
        CHECK_ERR(send_to(&world, ag_bytes_of(bad, size), none, size + 1), AG_ERR_ARGUMENT);
        /* A coefficient of 4095, which is not below q [FIPS203 7.2]. */
        bad[0] = 0xff;
        bad[1] |= 0x0f;
        CHECK_ERR(send_to(&world, ag_bytes_of(bad, size), none, size), AG_ERR_KEY);
        if (kems[i] == AG_KEM_MLKEM1024_P384) {
            memcpy(bad, world.public_key, size);
            for (unsigned tag = 0; tag < 8; tag++) {
                bad[KEM_CT_SIZE] = (uint8_t)tag;
                CHECK_ERR(send_to(&world, ag_bytes_of(bad, size), none, size),
                          tag == 4 ? AG_OK : AG_ERR_KEY);
            }
            bad[KEM_CT_SIZE] = 4;
            bad[size - 1] ^= 1;
            CHECK_ERR(send_to(&world, ag_bytes_of(bad, size), none, size), AG_ERR_KEY);
        }
        close_world(&world);
    }
}

static void test_randomness(void)
{
    for (size_t i = 0; i < AG_COUNT(kems); i++) {
        struct world world;
        uint8_t random[81] = {0};
        size_t size = ag_kem_randomness_size(kems[i]);
        open_world(&world, kems[i]);
        const struct ag_bytes key = ag_bytes_of(world.public_key, world.size);
        memset(random, 0x11, sizeof(random));
        CHECK_OK(send_to(&world, key, ag_bytes_of(random, size), world.size));
        CHECK_ERR(send_to(&world, key, ag_bytes_of(random, size - 1), world.size), AG_ERR_ARGUMENT);
        CHECK_ERR(send_to(&world, key, ag_bytes_of(random, size + 1), world.size), AG_ERR_ARGUMENT);
        if (kems[i] == AG_KEM_MLKEM1024_P384) {
            memset(random + 32, 0x00, 48); /* the scalar 0 */
            CHECK_ERR(send_to(&world, key, ag_bytes_of(random, size), world.size), AG_ERR_KEY);
            memset(random + 32, 0xff, 48); /* above the order */
            CHECK_ERR(send_to(&world, key, ag_bytes_of(random, size), world.size), AG_ERR_KEY);
        }
        /* Every draw fails once. */
        for (uint64_t draw = 1; draw <= 2; draw++) {
            struct ag_host_test host;
            struct ag_hpke hpke = {.kem = kems[i]};
            uint8_t enc[AG_KEM_ENC_SIZE_MAX] = {0};
            ag_host_test_init(&host, 3, 0);
            host.fail_draw = draw;
            CHECK_ERR(ag_hpke_send(&host.host, kems[i], key, &world.info, none, true,
                                   (struct ag_buf){enc, world.size}, &hpke),
                      AG_ERR_ENTROPY);
            CHECK(ag_bytes_is_zero(AG_ARRAY_VIEW(enc)) && is_wiped(&hpke));
        }
        close_world(&world);
    }
}

static void test_export_limits(void)
{
    struct world world;
    static uint8_t out[255 * 48 + 1];
    open_world(&world, AG_KEM_MLKEM1024);
    CHECK_OK(ag_hpke_export(&world.sent, none, (struct ag_buf){out, (size_t)255 * 48}));
    CHECK_ERR(ag_hpke_export(&world.sent, none, BUF(out)), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_hpke_export(&world.sent, none, (struct ag_buf){out, 70000}), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_hpke_export(&world.sent, none, (struct ag_buf){out, 0}), AG_ERR_ARGUMENT);
    close_world(&world);
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start());
}

static const struct ag_test_case cases[] = {
    {"start", test_start},
    {"round trip of both KEMs", test_round_trip},
    {"key pairs derived as in the draft", test_derive_seed},
    {"nothing repeats", test_freshness},
    {"enc of a wrong length is refused", test_lengths},
    {"enc with a wrong point is refused", test_points},
    {"a wrong ciphertext decapsulates and does not open", test_implicit_rejection},
    {"another receiver opens nothing", test_other_receiver},
    {"other suites are refused", test_suites},
    {"other sizes are refused", test_sizes},
    {"bad public keys are refused", test_bad_public_keys},
    {"bad randomness is refused", test_randomness},
    {"limits of the exporter", test_export_limits},
};

TEST_MAIN(cases)
