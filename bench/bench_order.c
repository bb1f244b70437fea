/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "crypto/crypto.h"
#include "order/order.h"
#include "risk/risk.h"

/* What a plan of a full batch costs in processor time, against qsort of as many 64-bit keys in the
 * same run: the least that any order could cost with the C library's own means. */

enum {
    HEADS = 10000,
    RUNS = 31,
    PROTECTED = 64
};

static struct ag_head heads[HEADS];
static struct ag_order_item items[HEADS];
static uint32_t order[HEADS];
static uint64_t keys[HEADS];
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t qsort_ns(void)
{
    uint64_t samples[RUNS];
    for (unsigned run = 0; run < RUNS; run++) {
        for (size_t i = 0; i < HEADS; i++) {
            keys[i] = draw();
        }
        uint64_t start_ns = bench_cpu_ns();
        qsort(keys, HEADS, sizeof(keys[0]), bench_compare_u64);
        samples[run] = bench_cpu_ns() - start_ns;
    }
    return bench_median(samples, RUNS);
}

static struct ag_asset_table *make_assets(void)
{
    struct ag_asset_table *assets = NULL;
    BENCH_MUST(ag_asset_table_open(PROTECTED, &assets));
    for (unsigned i = 0; i < PROTECTED; i++) {
        const struct ag_asset asset = {.id = {{(uint8_t)(i + 1)}}, .type = AG_ASSET_TOKEN};
        BENCH_MUST(ag_asset_table_put(assets, &asset, NULL));
    }
    return assets;
}

/* Three transactions of each sender on average; a quarter of them touch two assets. */
static void make_heads(bool has_one_prefix)
{
    for (size_t i = 0; i < HEADS; i++) {
        uint64_t sender = draw() % (HEADS / 3);
        struct ag_head *head = &heads[i];
        memset(head, 0, sizeof(*head));
        head->sender.kind = AG_SENDER_MLDSA87;
        for (size_t word = has_one_prefix ? 1 : 0; word < 4; word++) {
            uint64_t mixed = (sender + 1) * (0x9e3779b97f4a7c15u + 2 * word);
            memcpy(head->sender.id + 8 * word, &mixed, sizeof(mixed));
        }
        head->nonce = draw() % 64;
        head->priority_fee = draw() >> (draw() % 64);
        head->payload_kind = (uint8_t)(1 + draw() % 5);
        head->requires_migration = draw() % 16 == 0;
        if (draw() % 4 == 0) {
            head->asset_count = 2;
            head->assets[0].bytes[0] = (uint8_t)(1 + draw() % 60);
            head->assets[1].bytes[0] = (uint8_t)(head->assets[0].bytes[0] + 1);
        }
        items[i] = (struct ag_order_item){1000000 + i, head};
    }
}

static void measure(enum ag_order_mode mode, const char *senders,
                    const struct ag_asset_table *assets, uint64_t sort_ns)
{
    struct ag_risk_snapshot risk = {{0}, 0};
    struct ag_arena scratch;
    uint64_t samples[RUNS];
    char fields[256];
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        risk.category_bp[i] = (uint16_t)(draw() % 10001);
    }
    risk.global_bp = ag_risk_global(&risk);
    ag_arena_init(&scratch, AG_ORDER_SCRATCH_SIZE(HEADS));
    for (unsigned run = 0; run < RUNS; run++) {
        ag_arena_reset(&scratch);
        uint64_t start_ns = bench_cpu_ns();
        BENCH_MUST(ag_order_plan(mode, items, HEADS, assets, &risk, &scratch, order));
        samples[run] = bench_cpu_ns() - start_ns;
    }
    ag_arena_close(&scratch);
    uint64_t plan_ns = bench_median(samples, RUNS);
    snprintf(fields, sizeof(fields),
             "\"mode\":\"%s\",\"senders\":\"%s\",\"heads\":%d,\"plan_us\":%.1f,\"qsort_us\":%.1f,"
             "\"ratio_to_qsort\":%.2f",
             ag_order_mode_name((uint8_t)mode), senders, HEADS, (double)plan_ns / 1e3,
             (double)sort_ns / 1e3, (double)plan_ns / (double)sort_ns);
    bench_print("order.plan", fields);
}

int main(void)
{
    BENCH_MUST(ag_crypto_start());
    struct ag_asset_table *assets = make_assets();
    uint64_t sort_ns = qsort_ns();
    make_heads(false);
    measure(AG_ORDER_RISK_AWARE, "mixed", assets, sort_ns);
    measure(AG_ORDER_ASSET_PROTECTION, "mixed", assets, sort_ns);
    measure(AG_ORDER_MIGRATION_AWARE, "mixed", assets, sort_ns);
    measure(AG_ORDER_HYBRID, "mixed", assets, sort_ns);
    make_heads(true); /* what an adversary would send */
    measure(AG_ORDER_HYBRID, "one prefix", assets, sort_ns);
    ag_asset_table_close(assets);
    return 0;
}
