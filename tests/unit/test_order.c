/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "order/order.h"
#include "test.h"

/* Fixed plans and refusals; the laws over random worlds are in tests/prop/prop_order.c. */

static const struct ag_risk_snapshot calm = {{0}, 0};

static struct ag_head head_of(uint8_t sender, uint64_t nonce, uint64_t fee)
{
    struct ag_head head = {.nonce = nonce, .priority_fee = fee};
    head.sender = (struct ag_sender){AG_SENDER_SECP256K1, {sender}};
    head.payload_kind = AG_PAYLOAD_ETHEREUM;
    return head;
}

static void modes(void)
{
    static const struct {
        uint8_t mode;
        const char *name;
    } known[] = {{AG_ORDER_RISK_AWARE, "risk-aware"},
                 {AG_ORDER_ASSET_PROTECTION, "asset-protection"},
                 {AG_ORDER_MIGRATION_AWARE, "migration-aware"},
                 {AG_ORDER_HYBRID, "hybrid"}};
    for (size_t i = 0; i < AG_COUNT(known); i++) {
        enum ag_order_mode mode = AG_ORDER_HYBRID;
        CHECK(strcmp(ag_order_mode_name(known[i].mode), known[i].name) == 0);
        CHECK_OK(ag_order_mode_parse(known[i].name, &mode));
        CHECK_U64(mode, known[i].mode);
        CHECK(ag_order_mode_is_known(known[i].mode));
    }
    static const char *const wrong[] = {"", "Hybrid", "hybrid ", "fifo", "unknown"};
    for (size_t i = 0; i < AG_COUNT(wrong); i++) {
        enum ag_order_mode mode = AG_ORDER_RISK_AWARE;
        CHECK_ERR(ag_order_mode_parse(wrong[i], &mode), AG_ERR_ORDER_MODE);
        CHECK_U64(mode, AG_ORDER_RISK_AWARE);
    }
    static const uint8_t numbers[] = {0, 5, 255};
    for (size_t i = 0; i < AG_COUNT(numbers); i++) {
        CHECK(!ag_order_mode_is_known(numbers[i]));
        CHECK(strcmp(ag_order_mode_name(numbers[i]), "unknown") == 0);
    }
}

static void fee_buckets(void)
{
    static const struct {
        uint64_t fee;
        uint32_t bucket;
    } cases[] = {
        {0, 0},
        {1, 1},
        {2, 5},
        {3, 7},
        {4, 9},
        {5, 10},
        {7, 12},
        {8, 13},
        {9, 13},
        {10, 14},
        {255, 32},
        {1000000000, 120},
        {UINT64_MAX, 256},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        CHECK_U64(ag_order_fee_bucket(cases[i].fee), cases[i].bucket);
    }
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t fee = ag_test_random() >> (ag_test_random() % 64);
        uint64_t more = ag_test_random() >> (ag_test_random() % 64);
        uint64_t higher = fee > UINT64_MAX - more ? UINT64_MAX : fee + more;
        CHECK(ag_order_fee_bucket(fee) <= ag_order_fee_bucket(higher));
        CHECK(ag_order_fee_bucket(fee) <= 256);
    }
}

static void refusals(void)
{
    struct ag_head head = head_of(1, 0, 0);
    struct ag_order_item items[2] = {{7, &head}, {8, &head}};
    uint32_t order[2] = {77, 77};
    struct ag_arena scratch;
    ag_arena_init(&scratch, AG_ORDER_SCRATCH_SIZE(2));

    CHECK_ERR(ag_order_plan((enum ag_order_mode)0, items, 2, NULL, &calm, &scratch, order),
              AG_ERR_ORDER_MODE);
    CHECK_ERR(ag_order_plan((enum ag_order_mode)5, items, 2, NULL, &calm, &scratch, order),
              AG_ERR_ORDER_MODE);
    CHECK_ERR(ag_order_plan((enum ag_order_mode)260, items, 2, NULL, &calm, &scratch, order),
              AG_ERR_ORDER_MODE);
    uint64_t units = 0;
    CHECK_ERR(ag_order_score((enum ag_order_mode)9, &head, NULL, &calm, &units), AG_ERR_ORDER_MODE);
    CHECK_ERR(ag_order_plan(AG_ORDER_HYBRID, items, AG_LIMIT_BATCH_TXS + 1u, NULL, &calm, &scratch,
                            order),
              AG_ERR_ARGUMENT);

    items[1].admission = 7; /* twice */
    CHECK_ERR(ag_order_plan(AG_ORDER_HYBRID, items, 2, NULL, &calm, &scratch, order),
              AG_ERR_ARGUMENT);
    ag_arena_reset(&scratch);
    items[1] = (struct ag_order_item){8, NULL};
    CHECK_ERR(ag_order_plan(AG_ORDER_HYBRID, items, 2, NULL, &calm, &scratch, order),
              AG_ERR_ARGUMENT);
    ag_arena_close(&scratch);

    items[1].head = &head;
    ag_arena_init(&scratch, AG_ORDER_SCRATCH_SIZE(2) - 1u);
    CHECK_ERR(ag_order_plan(AG_ORDER_HYBRID, items, 2, NULL, &calm, &scratch, order),
              AG_ERR_NO_MEMORY);
    ag_arena_close(&scratch);
    CHECK_U64(order[0], 77);
    CHECK_U64(order[1], 77);

    ag_arena_init(&scratch, AG_ORDER_SCRATCH_SIZE(2));
    CHECK_OK(ag_order_plan(AG_ORDER_HYBRID, NULL, 0, NULL, &calm, &scratch, NULL));
    CHECK_OK(ag_order_plan(AG_ORDER_HYBRID, items, 2, NULL, &calm, &scratch, order));
    ag_arena_close(&scratch);
}

static void allocations_fail(void)
{
    struct ag_head head = head_of(1, 0, 0);
    struct ag_order_item item = {7, &head};
    uint32_t order = 77;
    struct ag_arena scratch;
    ag_arena_init(&scratch, AG_ORDER_SCRATCH_SIZE(1));
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_order_plan(AG_ORDER_HYBRID, &item, 1, NULL, &calm, &scratch, &order),
              AG_ERR_NO_MEMORY);
    CHECK_U64(order, 77);
    ag_alloc_fail_nth(0);
    CHECK_OK(ag_order_plan(AG_ORDER_HYBRID, &item, 1, NULL, &calm, &scratch, &order));
    CHECK_U64(order, 0);
    ag_arena_close(&scratch);
}

/* What each mode puts first. */

static void check_plan(enum ag_order_mode mode, const struct ag_head *heads, size_t count,
                       const struct ag_asset_table *assets, const struct ag_risk_snapshot *risk,
                       const uint32_t *wanted)
{
    struct ag_order_item items[16];
    uint32_t order[16];
    struct ag_arena scratch;
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct ag_order_item){100 + i, &heads[i]};
    }
    ag_arena_init(&scratch, AG_ORDER_SCRATCH_SIZE(count));
    CHECK_OK(ag_order_plan(mode, items, count, assets, risk, &scratch, order));
    for (size_t i = 0; i < count; i++) {
        CHECK_U64(order[i], wanted[i]);
    }
    ag_arena_close(&scratch);
}

static void by_fee_and_nonce(void)
{
    /* Sender 1 has a rich transaction behind a poor one: it waits for it. Sender 2's second nonce
     * comes first in time, and still second. */
    struct ag_head heads[] = {
        head_of(1, 0, 10),   head_of(1, 1, 1000000), head_of(2, 6, 5000),
        head_of(2, 5, 5000), head_of(3, 0, 100),
    };
    static const uint32_t wanted[] = {3, 2, 4, 0, 1};
    check_plan(AG_ORDER_HYBRID, heads, 5, NULL, &calm, wanted);
    check_plan(AG_ORDER_RISK_AWARE, heads, 5, NULL, &calm, wanted);
    check_plan(AG_ORDER_ASSET_PROTECTION, heads, 5, NULL, &calm, wanted);
    check_plan(AG_ORDER_MIGRATION_AWARE, heads, 5, NULL, &calm, wanted);
}

static void same_nonce_twice(void)
{
    struct ag_head heads[] = {head_of(1, 3, 1), head_of(1, 3, UINT64_MAX), head_of(1, 2, 1)};
    static const uint32_t wanted[] = {2, 0, 1};
    check_plan(AG_ORDER_HYBRID, heads, 3, NULL, &calm, wanted);
}

static void migrations_stand_together(void)
{
    struct ag_head heads[] = {
        head_of(1, 0, UINT64_MAX), head_of(2, 0, 1), head_of(3, 0, UINT64_MAX),
        head_of(4, 0, 0),          head_of(5, 0, 7), head_of(5, 1, 9),
    };
    heads[1].requires_migration = true;
    heads[3].requires_migration = true;
    heads[5].requires_migration = true; /* behind one that is none */
    static const uint32_t wanted[] = {1, 3, 0, 2, 4, 5};
    check_plan(AG_ORDER_MIGRATION_AWARE, heads, 6, NULL, &calm, wanted);
}

/* The whole width of a batch and the highest fee do not break the group at the front. */
static void migration_beats_a_batch_of_age(void)
{
    struct ag_head old_rich = head_of(1, 0, UINT64_MAX);
    struct ag_head young = head_of(2, 0, 0);
    young.requires_migration = true;
    struct ag_order_item items[2] = {{1, &old_rich}, {AG_LIMIT_BATCH_TXS, &young}};
    uint32_t order[2];
    struct ag_arena scratch;
    ag_arena_init(&scratch, 2 * AG_ORDER_SCRATCH_SIZE(2));
    CHECK_OK(ag_order_plan(AG_ORDER_MIGRATION_AWARE, items, 2, NULL, &calm, &scratch, order));
    CHECK_U64(order[0], 1);
    items[1].admission = 1 + AG_ORDER_AGE_BOUND;
    CHECK_OK(ag_order_plan(AG_ORDER_MIGRATION_AWARE, items, 2, NULL, &calm, &scratch, order));
    CHECK_U64(order[0], 0);
    ag_arena_close(&scratch);
}

static void exposed_first(void)
{
    struct ag_risk_snapshot risk = {.category_bp = {[9] = 8000}, .global_bp = 8000};
    struct ag_head heads[] = {head_of(1, 0, 1000), head_of(2, 0, 1000), head_of(3, 0, 1)};
    heads[1].declared_risk_bp = 10000; /* its word counts for nothing */
    heads[2].payload_kind = AG_PAYLOAD_CALL;
    static const uint32_t wanted[] = {2, 0, 1};
    check_plan(AG_ORDER_RISK_AWARE, heads, 3, NULL, &risk, wanted);
    static const uint32_t wanted_calm[] = {0, 1, 2};
    check_plan(AG_ORDER_RISK_AWARE, heads, 3, NULL, &calm, wanted_calm);
}

static const struct ag_test_case cases[] = {
    {"modes", modes},
    {"fee buckets", fee_buckets},
    {"refusals", refusals},
    {"allocations fail", allocations_fail},
    {"by fee and nonce", by_fee_and_nonce},
    {"the same nonce twice", same_nonce_twice},
    {"migrations stand together", migrations_stand_together},
    {"migration beats a batch of age, not the bound", migration_beats_a_batch_of_age},
    {"exposed first", exposed_first},
};
TEST_MAIN(cases)
