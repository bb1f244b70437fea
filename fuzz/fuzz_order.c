/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "crypto/crypto.h"
#include "order/order.h"
#include "risk/risk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes become a world of at most 64 heads; its plan is compared with the definition: of all
 * items whose sender has none waiting before it, the best is called. And the same items in
 * reverse have the same plan. */

enum {
    ITEMS_MAX = 64,
    ITEM_SIZE = 10,
    ASSETS = 8
};

struct world {
    enum ag_order_mode mode;
    struct ag_risk_snapshot risk;
    struct ag_head heads[ITEMS_MAX];
    struct ag_order_item items[ITEMS_MAX];
    size_t count;
};

static struct ag_asset_table *make_assets(void)
{
    struct ag_asset_table *assets = NULL;
    AG_ASSERT(ag_crypto_start() == AG_OK);
    AG_ASSERT(ag_asset_table_open(ASSETS, &assets) == AG_OK);
    for (unsigned i = 0; i < ASSETS; i++) {
        const struct ag_asset asset = {.id = {{(uint8_t)(i + 1)}},
                                       .type = (uint8_t)(1 + i % AG_ASSET_BRIDGE)};
        AG_ASSERT(ag_asset_table_put(assets, &asset, NULL) == AG_OK);
    }
    return assets;
}

static void read_item(const uint8_t *data, uint64_t *admission, struct ag_head *head)
{
    memset(head, 0, sizeof(*head));
    head->sender.kind = (uint8_t)(1 + data[0] % 2);
    head->sender.id[data[0] / 2 % 32] = (uint8_t)(data[0] / 64);
    head->nonce = data[1];
    head->priority_fee = ((uint64_t)data[2] << 56 | 0xffffffffffffffu) >> data[3] % 64;
    head->requires_migration = data[4] % 2 != 0;
    head->payload_kind = (uint8_t)(1 + data[4] / 2 % 5);
    head->declared_risk_bp = (uint16_t)(data[4] * 39u);
    head->asset_count = (uint8_t)(data[5] % (AG_HEAD_ASSETS_MAX + 1));
    for (size_t i = 0; i < head->asset_count; i++) {
        head->assets[i].bytes[0] = (uint8_t)(data[6] + i * (data[5] / 32));
    }
    /* Mostly close together, sometimes very far; 64 of the farthest stay below 2^63. */
    uint64_t step = (uint64_t)data[7] << 8 | data[8];
    *admission += 1 + (data[9] % 8 == 0 ? step << data[9] % 42 : step % 64);
}

static bool read_world(const uint8_t *data, size_t size, struct world *world)
{
    if (size < 1 + AG_RISK_CATEGORIES) {
        return false;
    }
    uint64_t admission = 0;
    world->mode = (enum ag_order_mode)(1 + data[0] % 4);
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        world->risk.category_bp[i] = (uint16_t)(data[1 + i] * 39u);
    }
    world->risk.global_bp = ag_risk_global(&world->risk);
    data += 1 + AG_RISK_CATEGORIES;
    size -= 1 + AG_RISK_CATEGORIES;
    world->count = size / ITEM_SIZE < ITEMS_MAX ? size / ITEM_SIZE : ITEMS_MAX;
    for (size_t i = 0; i < world->count; i++) {
        read_item(data + i * ITEM_SIZE, &admission, &world->heads[i]);
        world->items[i] = (struct ag_order_item){admission, &world->heads[i]};
    }
    return true;
}

static bool waits_for(const struct ag_order_item *item, const struct ag_order_item *other)
{
    const struct ag_sender *a = &item->head->sender;
    const struct ag_sender *b = &other->head->sender;
    return a->kind == b->kind && memcmp(a->id, b->id, sizeof(a->id)) == 0 &&
           (other->head->nonce < item->head->nonce ||
            (other->head->nonce == item->head->nonce && other->admission < item->admission));
}

/* The next item that the definition calls. Items stand by admission, so the first best is the
 * eldest. / */
static size_t call_next(const struct world *world, const uint64_t *scores, const bool *is_called)
{
    size_t best = world->count;
    for (size_t i = 0; i < world->count; i++) {
        bool is_head = !is_called[i];
        for (size_t j = 0; j < world->count && is_head; j++) {
            is_head = is_called[j] || !waits_for(&world->items[i], &world->items[j]);
        }
        if (is_head && (best == world->count || scores[i] > scores[best])) {
            best = i;
        }
    }
    return best;
}

static void check(struct world *world, const struct ag_asset_table *assets)
{
    uint32_t order[ITEMS_MAX];
    uint32_t order_reverse[ITEMS_MAX];
    struct ag_order_item reverse[ITEMS_MAX];
    uint64_t scores[ITEMS_MAX];
    bool is_called[ITEMS_MAX] = {false};
    size_t count = world->count;
    struct ag_arena scratch;
    ag_arena_init(&scratch, 2 * AG_ORDER_SCRATCH_SIZE(ITEMS_MAX));
    for (size_t i = 0; i < count; i++) {
        reverse[count - 1 - i] = world->items[i];
    }
    AG_ASSERT(ag_order_plan(world->mode, world->items, count, assets, &world->risk, &scratch,
                            order) == AG_OK);
    AG_ASSERT(ag_order_plan(world->mode, reverse, count, assets, &world->risk, &scratch,
                            order_reverse) == AG_OK);
    for (size_t i = 0; i < count; i++) {
        uint64_t units = 0;
        uint64_t age = world->items[count - 1].admission - world->items[i].admission;
        AG_ASSERT(ag_order_score(world->mode, world->items[i].head, assets, &world->risk, &units) ==
                  AG_OK);
        AG_ASSERT(units < (uint64_t)AG_ORDER_AGE_BOUND * AG_ORDER_UNITS_PER_PLACE);
        bool is_over = age > (UINT64_MAX - units) / AG_ORDER_UNITS_PER_PLACE;
        scores[i] = is_over ? UINT64_MAX : units + age * AG_ORDER_UNITS_PER_PLACE;
    }
    for (size_t place = 0; place < count; place++) {
        size_t next = call_next(world, scores, is_called);
        AG_ASSERT(order[place] == next);
        AG_ASSERT(order_reverse[place] == count - 1 - next);
        is_called[next] = true;
    }
    ag_arena_close(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ag_asset_table *assets; /* one for the life of the process */
    static struct world world;
    if (assets == NULL) {
        assets = make_assets();
    }
    if (read_world(data, size, &world)) {
        check(&world, assets);
    }
    return 0;
}
