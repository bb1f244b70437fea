/* SPDX-License-Identifier: Apache-2.0 */
/* Key material: every draw of every source fails once, in every way a source was seen to fail. */
#include "test_crypto_ground.h"

enum fault {
    FAILS,
    ALL_ZERO,
    ALL_ONE,
    REPEATS,
    FAULT_COUNT
};

/* Sources of the test: good until the `bad_draw`-th draw, counted over both. */
struct broken {
    enum fault fault;
    unsigned bad_draw;
    unsigned draws;
    uint64_t state;
    uint64_t last_word;
    uint8_t last_block[AG_RANDOM_DRAW_SIZE];
};

/* The room hands the context out as const; a test counts in it. */
static struct broken *broken_of(const void *context)
{
    struct broken *broken = NULL;
    memcpy(&broken, &context, sizeof(broken));
    return broken;
}

static bool is_bad_draw(struct broken *broken)
{
    return ++broken->draws == broken->bad_draw;
}

static enum ag_err library(const void *context, uint8_t out[AG_RANDOM_DRAW_SIZE])
{
    struct broken *broken = broken_of(context);
    bool is_bad = is_bad_draw(broken);
    if (is_bad && broken->fault == FAILS) {
        return AG_ERR_ENTROPY;
    }
    for (size_t i = 0; i < AG_RANDOM_DRAW_SIZE; i++) {
        broken->state = broken->state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(broken->state >> 56);
    }
    if (is_bad && broken->fault == REPEATS) {
        memcpy(out, broken->last_block, AG_RANDOM_DRAW_SIZE);
    } else if (is_bad) {
        memset(out, broken->fault == ALL_ZERO ? 0x00 : 0xff, AG_RANDOM_DRAW_SIZE);
    }
    memcpy(broken->last_block, out, AG_RANDOM_DRAW_SIZE);
    return AG_OK;
}

static bool cpu(const void *context, uint64_t *out)
{
    struct broken *broken = broken_of(context);
    bool is_bad = is_bad_draw(broken);
    broken->state = broken->state * 6364136223846793005u + 1442695040888963407u;
    *out = broken->state;
    if (is_bad) {
        *out = broken->fault == ALL_ZERO  ? 0
               : broken->fault == ALL_ONE ? UINT64_MAX
               : broken->fault == REPEATS ? broken->last_word
                                          : 0;
    }
    broken->last_word = *out;
    return !(is_bad && broken->fault == FAILS);
}

/* Two draws of the library, then four words of the processor. */
enum {
    LIBRARY_DRAWS = 2,
    CPU_DRAWS = 4
};

static void test_each_draw_fails(void)
{
    struct ag_host_test host;
    for (unsigned fault = 0; fault < FAULT_COUNT; fault++) {
        for (unsigned draw = 1; draw <= LIBRARY_DRAWS + CPU_DRAWS; draw++) {
            /* The first draw of a source has nothing to repeat. */
            if (fault == REPEATS && (draw == 1 || draw == LIBRARY_DRAWS + 1)) {
                continue;
            }
            struct broken broken = {.fault = fault, .bad_draw = draw, .state = draw};
            const struct ag_random_sources sources = {&broken, library, cpu};
            uint8_t out[32] = {0};
            ag_host_test_init(&host, 1, 0);
            CHECK_ERR(ag_random_mix(&host.host, &sources, BUF(out)), AG_ERR_ENTROPY);
            CHECK(ag_bytes_is_zero(AG_ARRAY_VIEW(out)));
        }
    }
    struct broken good = {.state = 5};
    const struct ag_random_sources sources = {&good, library, cpu};
    uint8_t out[32] = {0};
    ag_host_test_init(&host, 1, 0);
    CHECK_OK(ag_random_mix(&host.host, &sources, BUF(out)));
    CHECK_U64(good.draws, LIBRARY_DRAWS + CPU_DRAWS);
    CHECK(!ag_bytes_is_zero(AG_ARRAY_VIEW(out)));
}

/* ---- the kernel's draws ---------------------------------------------------------------------- */

static enum ag_err stuck(void *context, struct ag_buf out)
{
    const uint8_t *value = context;
    memset(out.data, *value, out.size);
    return AG_OK;
}

static void test_kernel_draws(void)
{
    struct ag_host_test host;
    uint8_t out[48] = {0};
    for (uint64_t draw = 1; draw <= 2; draw++) {
        ag_host_test_init(&host, 1, 0);
        host.fail_draw = draw;
        CHECK_ERR(ag_random_key(&host.host, BUF(out)), AG_ERR_ENTROPY);
        CHECK(ag_bytes_is_zero(AG_ARRAY_VIEW(out)));
    }
    ag_host_test_init(&host, 1, 0);
    CHECK_OK(ag_random_key(&host.host, BUF(out)));
    CHECK_U64(host.draw_count, 2);
    /* All zero, all one, and the same again. */
    static uint8_t values[] = {0x00, 0xff, 0x5a};
    for (size_t i = 0; i < sizeof(values); i++) {
        host.host.random = stuck;
        host.host.context = &values[i];
        CHECK_ERR(ag_random_key(&host.host, BUF(out)), AG_ERR_ENTROPY);
    }
}

/* The same kernel twice does not give the same key: the other sources are in it. */
static void test_sources_are_mixed(void)
{
    struct ag_host_test host;
    uint8_t first[32] = {0};
    uint8_t second[32] = {0};
    ag_host_test_init(&host, 7, 0);
    CHECK_OK(ag_random_key(&host.host, BUF(first)));
    ag_host_test_init(&host, 7, 0);
    CHECK_OK(ag_random_key(&host.host, BUF(second)));
    CHECK(!ag_bytes_equal(AG_ARRAY_VIEW(first), AG_ARRAY_VIEW(second)));
    /* And each source alone changes it. */
    for (unsigned which = 0; which < 2; which++) {
        uint8_t out[2][32] = {{0}};
        for (unsigned turn = 0; turn < 2; turn++) {
            struct broken broken = {.state = which == 0 ? turn : 9};
            const struct ag_random_sources sources = {&broken, library, cpu};
            ag_host_test_init(&host, which == 1 ? turn : 9, 0);
            CHECK_OK(ag_random_mix(&host.host, &sources, BUF(out[turn])));
        }
        CHECK(!ag_bytes_equal(AG_ARRAY_VIEW(out[0]), AG_ARRAY_VIEW(out[1])));
    }
}

static void test_sizes(void)
{
    uint8_t out[300] = {0};
    CHECK_ERR(ag_random_key(ag_host_system(), (struct ag_buf){out, 0}), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_random_key(NULL, BUF(out)), AG_ERR_ARGUMENT);
    CHECK_OK(ag_random_key(ag_host_system(), (struct ag_buf){out, 1}));
    CHECK_OK(ag_random_key(ag_host_system(), BUF(out)));
    CHECK(!ag_bytes_is_zero(ag_bytes_of(out + 268, 32)));
}

static void test_cpu(void)
{
    uint8_t words[AG_RANDOM_DRAW_SIZE] = {0};
    CHECK_OK(ag_crypto_cpu_check());
    CHECK_OK(ag_random_cpu(ag_crypto_get(), words));
    CHECK(!ag_bytes_is_zero(AG_ARRAY_VIEW(words)));
    /* Without RDSEED its elder is asked; without both there is nothing. */
    struct ag_crypto other = {.has_rdrand = ag_crypto_cpu_has_rdrand()};
    CHECK_OK(ag_random_cpu(&other, words));
    other.has_rdrand = false;
    CHECK_ERR(ag_random_cpu(&other, words), AG_ERR_ENTROPY);
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start());
}

static const struct ag_test_case cases[] = {
    {"start", test_start},
    {"every draw of library and processor fails once", test_each_draw_fails},
    {"every draw of the kernel fails once", test_kernel_draws},
    {"all sources are in the key", test_sources_are_mixed},
    {"sizes", test_sizes},
    {"the processor's words", test_cpu},
};

TEST_MAIN(cases)
