/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "order/order.h"
#include "risk/risk.h"
#include "test.h"

/* Laws of a plan, over random worlds: heads, senders that share prefixes, nonces that repeat,
 * assets, risk, every mode. `--seed N` repeats a run. */

#define WORLD_MAX 10000u

struct world {
    struct ag_head *heads;
    struct ag_order_item *items;
    uint32_t *order;
    size_t count;
    struct ag_asset_table *assets;
    struct ag_risk_snapshot risk;
    struct ag_arena scratch;
};

static const enum ag_order_mode modes[] = {AG_ORDER_RISK_AWARE, AG_ORDER_ASSET_PROTECTION,
                                           AG_ORDER_MIGRATION_AWARE, AG_ORDER_HYBRID};

static uint64_t below(uint64_t limit)
{
    return ag_test_random() % limit;
}

static void asset_id(uint64_t number, struct ag_id *out)
{
    memset(out, 0, sizeof(*out));
    out->bytes[0] = (uint8_t)(number + 1);
}

/* Assets 0 to 15 are registered, 16 to 31 are not. */
static void make_assets(struct world *world)
{
    CHECK_OK(ag_asset_table_open(16, &world->assets));
    for (uint64_t i = 0; i < 16; i++) {
        struct ag_asset asset = {.type = (uint8_t)(1 + below(7)),
                                 .policy = {.risk_threshold_bp = AG_ASSET_THRESHOLD_NEVER}};
        asset_id(i, &asset.id);
        CHECK_OK(ag_asset_table_put(world->assets, &asset, NULL));
    }
}

static void make_risk(struct ag_risk_snapshot *risk)
{
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        risk->category_bp[i] = (uint16_t)below(10001);
    }
    risk->global_bp = ag_risk_global(risk);
}

/* Few senders, so that queues form; some share all but their last byte, and some differ in kind
 * alone. */
static void make_sender(uint64_t sender_count, struct ag_sender *out)
{
    uint64_t number = below(sender_count);
    memset(out, 0, sizeof(*out));
    out->kind = (uint8_t)(1 + number % 2);
    out->id[number % 3 == 0 ? 0 : 19] = (uint8_t)(number / 2);
    out->id[10] = (uint8_t)(number >> 9);
}

static void make_head(uint64_t sender_count, struct ag_head *out)
{
    memset(out, 0, sizeof(*out));
    make_sender(sender_count, &out->sender);
    out->nonce = below(4) == 0 ? ag_test_random() : below(8);
    out->priority_fee = ag_test_random() >> below(64);
    out->requires_migration = below(4) == 0;
    out->declared_risk_bp = (uint16_t)below(10001);
    out->payload_kind = (uint8_t)(1 + below(5));
    if (below(2) == 0) {
        out->asset_count = (uint8_t)below(AG_HEAD_ASSETS_MAX + 1);
        uint64_t first = below(16);
        for (uint64_t i = 0; i < out->asset_count; i++) {
            asset_id(first + i, &out->assets[i]);
        }
    }
}

static void world_open(struct world *world, size_t count, uint64_t sender_count)
{
    memset(world, 0, sizeof(*world));
    world->count = count;
    world->heads = calloc(WORLD_MAX, sizeof(*world->heads));
    world->items = calloc(WORLD_MAX, sizeof(*world->items));
    world->order = calloc(WORLD_MAX, sizeof(*world->order));
    if (world->heads == NULL || world->items == NULL || world->order == NULL) {
        abort();
    }
    ag_arena_init(&world->scratch, AG_ORDER_SCRATCH_SIZE(WORLD_MAX));
    make_assets(world);
    make_risk(&world->risk);
    uint64_t first = ag_test_random() >> below(64);
    if (first > UINT64_MAX - WORLD_MAX) {
        first -= WORLD_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        make_head(sender_count, &world->heads[i]);
        world->items[i] = (struct ag_order_item){first + i, &world->heads[i]};
    }
}

static void world_close(struct world *world)
{
    ag_asset_table_close(world->assets);
    ag_arena_close(&world->scratch);
    free(world->heads);
    free(world->items);
    free(world->order);
}

static void plan(struct world *world, enum ag_order_mode mode)
{
    ag_arena_reset(&world->scratch);
    CHECK_OK(ag_order_plan(mode, world->items, world->count, world->assets, &world->risk,
                           &world->scratch, world->order));
}

static void shuffle_items(struct world *world)
{
    for (size_t i = world->count; i > 1; i--) {
        size_t j = below(i);
        struct ag_order_item swap = world->items[i - 1];
        world->items[i - 1] = world->items[j];
        world->items[j] = swap;
    }
}

static bool same_sender(const struct ag_head *a, const struct ag_head *b)
{
    return a->sender.kind == b->sender.kind &&
           memcmp(a->sender.id, b->sender.id, sizeof(a->sender.id)) == 0;
}

/* Whether `a` stands before `b` in the queue of their common sender. */
static bool is_earlier_in_queue(const struct ag_order_item *a, const struct ag_order_item *b)
{
    return a->head->nonce != b->head->nonce ? a->head->nonce < b->head->nonce
                                            : a->admission < b->admission;
}

/* Runs `law` on worlds of many sizes in every mode. */
static void in_many_worlds(unsigned rounds, size_t count_max,
                           void (*law)(struct world *world, enum ag_order_mode mode))
{
    for (unsigned round = 0; round < rounds; round++) {
        struct world world;
        world_open(&world, below(count_max + 1), 1 + below(40));
        for (size_t i = 0; i < AG_COUNT(modes); i++) {
            law(&world, modes[i]);
        }
        world_close(&world);
    }
}

/* ---- permutation, nonces, ties --------------------------------------------------------------- */

static void check_permutation(struct world *world, enum ag_order_mode mode)
{
    static uint8_t seen[WORLD_MAX];
    plan(world, mode);
    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < world->count; i++) {
        bool is_new = world->order[i] < world->count && seen[world->order[i]] == 0;
        CHECK(is_new);
        if (is_new) {
            seen[world->order[i]] = 1;
        }
    }
}

static void check_nonces(struct world *world, enum ag_order_mode mode)
{
    plan(world, mode);
    for (size_t i = 0; i < world->count; i++) {
        const struct ag_order_item *earlier = &world->items[world->order[i]];
        for (size_t j = i + 1; j < world->count; j++) {
            const struct ag_order_item *later = &world->items[world->order[j]];
            if (same_sender(earlier->head, later->head)) {
                CHECK(is_earlier_in_queue(earlier, later));
            }
        }
    }
}

static void permutation(void)
{
    in_many_worlds(60, 400, check_permutation);
}

static void nonce_order(void)
{
    in_many_worlds(60, 200, check_nonces);
}

/* ---- the clerk ------------------------------------------------------------------------------- */

static uint64_t score_with_age(const struct world *world, enum ag_order_mode mode, size_t index,
                               uint64_t newest)
{
    uint64_t units = 0;
    CHECK_OK(ag_order_score(mode, world->items[index].head, world->assets, &world->risk, &units));
    return units + (newest - world->items[index].admission) * AG_ORDER_UNITS_PER_PLACE;
}

/* The definition of docs/spec/ordering.md, word by word and slowly: of all items whose sender
 * has no earlier one waiting, the best is called. */
static void check_clerk(struct world *world, enum ag_order_mode mode)
{
    static bool is_called[WORLD_MAX];
    static uint64_t scores[WORLD_MAX];
    uint64_t newest = 0;
    plan(world, mode);
    memset(is_called, 0, sizeof(is_called));
    for (size_t i = 0; i < world->count; i++) {
        newest = world->items[i].admission > newest ? world->items[i].admission : newest;
    }
    for (size_t i = 0; i < world->count; i++) {
        scores[i] = score_with_age(world, mode, i, newest);
    }
    for (size_t place = 0; place < world->count; place++) {
        size_t best = world->count;
        for (size_t i = 0; i < world->count; i++) {
            bool is_head = !is_called[i];
            for (size_t j = 0; j < world->count && is_head; j++) {
                is_head = is_called[j] || j == i ||
                          !same_sender(world->items[j].head, world->items[i].head) ||
                          !is_earlier_in_queue(&world->items[j], &world->items[i]);
            }
            if (is_head && (best == world->count || scores[i] > scores[best] ||
                            (scores[i] == scores[best] &&
                             world->items[i].admission < world->items[best].admission))) {
                best = i;
            }
        }
        CHECK_U64(world->order[place], best);
        if (world->order[place] != best) {
            return;
        }
        is_called[best] = true;
    }
}

static void equals_the_clerk(void)
{
    in_many_worlds(100, 60, check_clerk);
}

/* ---- determinism ----------------------------------------------------------------------------- */

static void check_same_plan(struct world *world, enum ag_order_mode mode)
{
    static uint64_t before[WORLD_MAX];
    plan(world, mode);
    for (size_t i = 0; i < world->count; i++) {
        before[i] = world->items[world->order[i]].admission;
    }
    plan(world, mode);
    for (size_t i = 0; i < world->count; i++) {
        CHECK_U64(world->items[world->order[i]].admission, before[i]);
    }
    shuffle_items(world);
    plan(world, mode);
    for (size_t i = 0; i < world->count; i++) {
        CHECK_U64(world->items[world->order[i]].admission, before[i]);
    }
}

static void same_items_same_plan(void)
{
    in_many_worlds(60, 400, check_same_plan);
}

/* ---- what may and what may not move an item -------------------------------------------------- */

static size_t place_of(const struct world *world, uint64_t admission)
{
    for (size_t i = 0; i < world->count; i++) {
        if (world->items[world->order[i]].admission == admission) {
            return i;
        }
    }
    return world->count;
}

static void check_fee(struct world *world, enum ag_order_mode mode)
{
    for (unsigned i = 0; i < 10 && world->count != 0; i++) {
        size_t index = below(world->count);
        struct ag_head *head = &world->heads[index];
        plan(world, mode);
        size_t before = place_of(world, world->items[index].admission);
        uint64_t more = ag_test_random() >> below(64);
        head->priority_fee =
            head->priority_fee > UINT64_MAX - more ? UINT64_MAX : head->priority_fee + more;
        plan(world, mode);
        CHECK(place_of(world, world->items[index].admission) <= before);
    }
}

static void a_higher_fee_never_hurts(void)
{
    in_many_worlds(60, 200, check_fee);
}

static void check_declared_risk(struct world *world, enum ag_order_mode mode)
{
    static uint32_t before[WORLD_MAX];
    plan(world, mode);
    memcpy(before, world->order, world->count * sizeof(before[0]));
    for (size_t i = 0; i < world->count; i++) {
        world->heads[i].declared_risk_bp = (uint16_t)ag_test_random();
    }
    plan(world, mode);
    CHECK(memcmp(before, world->order, world->count * sizeof(before[0])) == 0);
}

static void a_declared_risk_moves_nothing(void)
{
    in_many_worlds(60, 300, check_declared_risk);
}

/* Neither ids of bodies nor of contracts can be ground for a place. */
static void check_hashes(struct world *world, enum ag_order_mode mode)
{
    static uint32_t before[WORLD_MAX];
    plan(world, mode);
    memcpy(before, world->order, world->count * sizeof(before[0]));
    for (size_t i = 0; i < world->count; i++) {
        ag_test_random_bytes(&world->heads[i].body_id, sizeof(world->heads[i].body_id));
        ag_test_random_bytes(&world->heads[i].contract, sizeof(world->heads[i].contract));
        world->heads[i].expires_ms = ag_test_random();
        world->heads[i].gas_limit = ag_test_random();
    }
    plan(world, mode);
    CHECK(memcmp(before, world->order, world->count * sizeof(before[0])) == 0);
}

static void hashes_move_nothing(void)
{
    in_many_worlds(40, 300, check_hashes);
}

static void check_repeats(struct world *world, enum ag_order_mode mode)
{
    struct ag_head once;
    struct ag_head often;
    uint64_t units_once = 0;
    uint64_t units_often = 0;
    make_head(10, &once);
    once.asset_count = 1;
    asset_id(below(16), &once.assets[0]);
    often = once;
    often.asset_count = AG_HEAD_ASSETS_MAX;
    for (size_t i = 1; i < AG_HEAD_ASSETS_MAX; i++) {
        often.assets[i] = once.assets[0];
    }
    CHECK_OK(ag_order_score(mode, &once, world->assets, &world->risk, &units_once));
    CHECK_OK(ag_order_score(mode, &often, world->assets, &world->risk, &units_often));
    CHECK_U64(units_often, units_once);

    /* Naming what nobody registered buys nothing either. */
    struct ag_head none = once;
    struct ag_head strangers = often;
    none.asset_count = 0;
    for (size_t i = 0; i < AG_HEAD_ASSETS_MAX; i++) {
        asset_id(16 + i, &strangers.assets[i]);
    }
    CHECK_OK(ag_order_score(mode, &none, world->assets, &world->risk, &units_once));
    CHECK_OK(ag_order_score(mode, &strangers, world->assets, &world->risk, &units_often));
    CHECK_U64(units_often, units_once);
}

static void an_asset_counts_once(void)
{
    in_many_worlds(100, 1, check_repeats);
}

static void check_ties(struct world *world, enum ag_order_mode mode)
{
    for (size_t i = 0; i < world->count; i++) {
        struct ag_head same = {.payload_kind = AG_PAYLOAD_ETHEREUM, .priority_fee = 1000};
        same.sender.kind = AG_SENDER_SECP256K1;
        ag_test_random_bytes(same.sender.id, AG_ADDRESS_SIZE);
        ag_test_random_bytes(&same.body_id, sizeof(same.body_id));
        world->heads[i] = same;
    }
    shuffle_items(world);
    plan(world, mode);
    for (size_t i = 1; i < world->count; i++) {
        CHECK(world->items[world->order[i - 1]].admission <
              world->items[world->order[i]].admission);
    }
}

static void ties_go_to_the_elder(void)
{
    in_many_worlds(20, 500, check_ties);
}

/* ---- age ------------------------------------------------------------------------------------- */

/* What is admitted AGE_BOUND later never goes before, whatever it offers. */
static void check_age(struct world *world, enum ag_order_mode mode)
{
    if (world->count < 2) {
        return;
    }
    uint64_t first = ag_test_random() >> 1 >> below(63);
    for (size_t i = 0; i < world->count; i++) {
        /* Each its own sender: a queue of one's own is no one else's age. */
        memset(&world->heads[i].sender, 0, sizeof(world->heads[i].sender));
        world->heads[i].sender.kind = AG_SENDER_MLDSA87;
        memcpy(world->heads[i].sender.id + 20, &i, sizeof(i));
        first += 1 + below(2000);
        world->items[i] = (struct ag_order_item){first, &world->heads[i]};
    }
    plan(world, mode);
    uint64_t youngest = 0;
    for (size_t i = 0; i < world->count; i++) {
        uint64_t admission = world->items[world->order[i]].admission;
        CHECK(youngest < admission + AG_ORDER_AGE_BOUND);
        youngest = admission > youngest ? admission : youngest;
    }
}

static void nothing_much_younger_goes_before(void)
{
    in_many_worlds(60, 400, check_age);
}

/* An adversary sends, for ever and at once, what ranks highest; the plan's first `take` leave each
 * round. A poor transaction still leaves before AGE_BOUND others that were admitted after it. */
static void bounded_wait_of(enum ag_order_mode mode)
{
    enum {
        WAITING = 600,
        TAKE = 300
    };
    struct world world;
    world_open(&world, WAITING, 1);
    uint64_t next = 1;
    struct ag_head rich = {.payload_kind = AG_PAYLOAD_MIGRATION,
                           .priority_fee = UINT64_MAX,
                           .requires_migration = true,
                           .asset_count = AG_HEAD_ASSETS_MAX};
    for (uint64_t i = 0; i < AG_HEAD_ASSETS_MAX; i++) {
        asset_id(i, &rich.assets[i]);
    }
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        world.risk.category_bp[i] = 10000;
    }
    for (size_t i = 0; i < WAITING; i++) {
        world.heads[i] = rich;
        world.heads[i].sender = (struct ag_sender){AG_SENDER_SECP256K1, {1, (uint8_t)i}};
        memcpy(world.heads[i].sender.id + 8, &i, sizeof(i));
        world.items[i] = (struct ag_order_item){next++, &world.heads[i]};
    }
    struct ag_head poor = {.payload_kind = AG_PAYLOAD_ETHEREUM};
    poor.sender.kind = AG_SENDER_MLDSA87;
    uint64_t poor_admission = next++;
    world.items[0] = (struct ag_order_item){poor_admission, &poor};

    unsigned rounds = 0;
    bool is_out = false;
    while (!is_out && rounds < 200) {
        plan(&world, mode);
        for (size_t i = 0; i < TAKE; i++) {
            struct ag_order_item *item = &world.items[world.order[i]];
            is_out = is_out || item->admission == poor_admission;
            item->admission = next++; /* a fresh one takes its place */
        }
        rounds++;
    }
    CHECK(is_out);
    /* 599 were there before it and fewer than the bound can pass it. */
    CHECK(rounds <= (WAITING + AG_ORDER_AGE_BOUND) / TAKE + 1);
    CHECK(rounds > 2); /* the adversary did get ahead, or this test shows nothing */
    ag_test_note("%s: out after %u rounds of %d", ag_order_mode_name((uint8_t)mode), rounds,
                 (int)TAKE);
    world_close(&world);
}

static void bounded_wait(void)
{
    for (size_t i = 0; i < AG_COUNT(modes); i++) {
        bounded_wait_of(modes[i]);
    }
}

/* ---- assets ---------------------------------------------------------------------------------- */

/* In asset-protection mode, inside a batch: what touches a registered asset, then what touches
 * none; no sender has a queue here, since nonces come before that. */
static void check_assets_first(struct world *world, enum ag_order_mode mode)
{
    if (mode != AG_ORDER_ASSET_PROTECTION) {
        return;
    }
    static bool is_protected[WORLD_MAX];
    for (size_t i = 0; i < world->count; i++) {
        struct ag_head *head = &world->heads[i];
        head->nonce = 0;
        memset(&head->sender, 0, sizeof(head->sender));
        head->sender.kind = AG_SENDER_MLDSA87;
        memcpy(head->sender.id, &i, sizeof(i)); /* no queues */
        is_protected[i] = false;
        for (size_t j = 0; j < head->asset_count; j++) {
            is_protected[i] =
                is_protected[i] || ag_asset_table_find(world->assets, &head->assets[j]) != NULL;
        }
    }
    plan(world, mode);
    for (size_t i = 1; i < world->count; i++) {
        CHECK(is_protected[world->order[i - 1]] || !is_protected[world->order[i]]);
    }
}

static void protected_assets_first(void)
{
    in_many_worlds(40, 1000, check_assets_first);
}

/* The same for the flag in migration-aware mode. */
static void check_migrations_first(struct world *world, enum ag_order_mode mode)
{
    if (mode != AG_ORDER_MIGRATION_AWARE) {
        return;
    }
    for (size_t i = 0; i < world->count; i++) {
        memset(&world->heads[i].sender, 0, sizeof(world->heads[i].sender));
        world->heads[i].sender.kind = AG_SENDER_MLDSA87;
        memcpy(world->heads[i].sender.id, &i, sizeof(i));
    }
    plan(world, mode);
    for (size_t i = 1; i < world->count; i++) {
        CHECK(world->heads[world->order[i - 1]].requires_migration ||
              !world->heads[world->order[i]].requires_migration);
    }
}

static void migrations_first(void)
{
    in_many_worlds(40, 1000, check_migrations_first);
}

/* ---- extremes -------------------------------------------------------------------------------- */

/* Admission numbers at both ends of 64 bits: sums saturate, the elder stays first. */
static void saturation(void)
{
    for (size_t m = 0; m < AG_COUNT(modes); m++) {
        struct world world;
        world_open(&world, 4, 1);
        static const uint64_t admissions[4] = {0, 1, UINT64_MAX - 1, UINT64_MAX};
        for (size_t i = 0; i < 4; i++) {
            struct ag_head *head = &world.heads[i];
            memset(head, 0, sizeof(*head));
            head->sender = (struct ag_sender){AG_SENDER_SECP256K1, {(uint8_t)i}};
            head->priority_fee = i % 2 == 0 ? 0 : UINT64_MAX;
            head->requires_migration = i % 2 == 1;
            world.items[i] = (struct ag_order_item){admissions[i], head};
        }
        plan(&world, modes[m]);
        CHECK_U64(world.order[0], 0);
        CHECK_U64(world.order[1], 1);
        CHECK_U64(world.order[2], 3); /* one place of age against a fee */
        CHECK_U64(world.order[3], 2);
        world_close(&world);
    }
}

static void ten_thousand(void)
{
    struct world world;
    world_open(&world, WORLD_MAX, 900);
    for (size_t i = 0; i < AG_COUNT(modes); i++) {
        check_permutation(&world, modes[i]);
        /* Nonce order in linear time: the newest of each sender's nonces so far, by a hash
         * table. */
        static const struct ag_order_item *last[1u << 16];
        memset(last, 0, sizeof(last));
        for (size_t place = 0; place < world.count; place++) {
            const struct ag_order_item *item = &world.items[world.order[place]];
            size_t slot = (size_t)item->head->sender.id[0] | (size_t)item->head->sender.id[19] << 8;
            slot = (slot * 31u + (size_t)item->head->sender.kind * 7u + item->head->sender.id[10]) %
                   65536u;
            while (last[slot] != NULL && !same_sender(last[slot]->head, item->head)) {
                slot = (slot + 1) % 65536u;
            }
            CHECK(last[slot] == NULL || is_earlier_in_queue(last[slot], item));
            last[slot] = item;
        }
    }
    shuffle_items(&world);
    check_same_plan(&world, AG_ORDER_HYBRID);
    world_close(&world);
}

/* All senders share their first 31 bytes: grouping still holds, and is still quick. */
static void senders_that_look_alike(void)
{
    struct world world;
    world_open(&world, WORLD_MAX, 1);
    for (size_t i = 0; i < WORLD_MAX; i++) {
        memset(&world.heads[i].sender, 7, sizeof(world.heads[i].sender));
        world.heads[i].sender.kind = AG_SENDER_MLDSA87;
        world.heads[i].sender.id[31] = (uint8_t)below(256);
    }
    const struct ag_order_item *last[256] = {NULL};
    plan(&world, AG_ORDER_HYBRID);
    for (size_t i = 0; i < world.count; i++) {
        const struct ag_order_item *item = &world.items[world.order[i]];
        uint8_t sender = item->head->sender.id[31];
        CHECK(last[sender] == NULL || is_earlier_in_queue(last[sender], item));
        last[sender] = item;
    }
    world_close(&world);
}

static const struct ag_test_case cases[] = {
    {"permutation", permutation},
    {"nonce order", nonce_order},
    {"equals the clerk with one queue per sender", equals_the_clerk},
    {"same items, same plan", same_items_same_plan},
    {"a higher fee never hurts", a_higher_fee_never_hurts},
    {"a declared risk moves nothing", a_declared_risk_moves_nothing},
    {"hashes move nothing", hashes_move_nothing},
    {"an asset counts once", an_asset_counts_once},
    {"ties go to the elder", ties_go_to_the_elder},
    {"nothing much younger goes before", nothing_much_younger_goes_before},
    {"bounded wait", bounded_wait},
    {"protected assets first", protected_assets_first},
    {"migrations first", migrations_first},
    {"saturation", saturation},
    {"ten thousand", ten_thousand},
    {"senders that look alike", senders_that_look_alike},
};

int main(int argc, char **argv)
{
    if (ag_crypto_start() != AG_OK) { /* leaves of the asset tree are hashes */
        return 1;
    }
    return ag_test_main(argc, argv, cases, AG_COUNT(cases));
}
