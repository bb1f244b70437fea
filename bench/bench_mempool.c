/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "mempool/mempool.h"
#include "test_mempool_node.h"

/* What admission costs in processor time, against the two steps that nobody can spare:
 * decapsulating and opening the head. And what junk costs that is refused before any private-key
 * work. */

enum {
    ENVELOPES = 500,
    RUNS = 5
};

static struct node node;
static struct ag_vec vecs[ENVELOPES];
static struct ag_admission items[ENVELOPES];

static void seal_all(uint16_t kem)
{
    for (unsigned i = 0; i < ENVELOPES; i++) {
        struct order order = order_of(i % 50, i / 50);
        order.kem = kem;
        ag_vec_init(&vecs[i], AG_LIMIT_ENVELOPE_BYTES);
        node_seal(&node, &order, &vecs[i]);
    }
}

/* Decapsulation and the head alone, one after another. */
static uint64_t bare_ns(void)
{
    uint8_t text[768];
    uint64_t start_ns = bench_cpu_ns();
    for (unsigned i = 0; i < ENVELOPES; i++) {
        struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
        struct ag_envelope envelope;
        BENCH_MUST(ag_envelope_decode(ag_vec_view(&vecs[i]), &envelope, NULL));
        BENCH_MUST(node_receive(&node, 0, envelope.key_epoch, envelope.kem, envelope.enc, &hpke));
        BENCH_MUST(
            ag_hpke_open_part(&hpke, 0, envelope.clear, envelope.sealed_head,
                              (struct ag_buf){text, envelope.sealed_head.size - AG_GCM_TAG_SIZE}));
    }
    return (bench_cpu_ns() - start_ns) / ENVELOPES;
}

/* Admission of all in one group; `wanted` is every item's result. The second of two runs over the
 * same pool is refused as a replay. */
static uint64_t admit_ns(struct ag_mempool *pool, struct ag_pool *workers, enum ag_err wanted)
{
    memset(items, 0, sizeof(items));
    for (unsigned i = 0; i < ENVELOPES; i++) {
        items[i].bytes = ag_vec_view(&vecs[i]);
    }
    uint64_t start_ns = bench_cpu_ns();
    BENCH_MUST(ag_mempool_admit(pool, workers, items, ENVELOPES, NODE_NOW));
    uint64_t spent_ns = (bench_cpu_ns() - start_ns) / ENVELOPES;
    for (unsigned i = 0; i < ENVELOPES; i++) {
        AG_ASSERT(items[i].result == wanted);
    }
    return spent_ns;
}

static void measure(uint16_t kem, struct ag_pool *workers)
{
    const struct ag_mempool_config config = node_config();
    const struct ag_mempool_keys keys = node_keys(&node);
    uint64_t bare[RUNS];
    uint64_t admit[RUNS];
    uint64_t replay[RUNS];
    char fields[256];
    seal_all(kem);
    for (unsigned run = 0; run < RUNS; run++) {
        struct ag_mempool *pool = NULL;
        BENCH_MUST(ag_mempool_open(&config, &keys, &pool, NULL));
        bare[run] = bare_ns();
        admit[run] = admit_ns(pool, workers, AG_OK);
        ag_mempool_confirm(pool);
        replay[run] = admit_ns(pool, workers, AG_ERR_ENVELOPE_REPLAY);
        ag_mempool_close(pool);
    }
    uint64_t bare_median = bench_median(bare, RUNS);
    uint64_t admit_median = bench_median(admit, RUNS);
    snprintf(fields, sizeof(fields),
             "\"kem\":\"0x%04x\",\"lanes\":%u,\"admit_cpu_us\":%.1f,\"bare_open_cpu_us\":%.1f,"
             "\"ratio_to_bare\":%.3f,\"refuse_replay_cpu_us\":%.2f",
             kem, ag_pool_size(workers), (double)admit_median / 1e3, (double)bare_median / 1e3,
             (double)admit_median / (double)bare_median, (double)bench_median(replay, RUNS) / 1e3);
    bench_print("mempool.admit", fields);
    for (unsigned i = 0; i < ENVELOPES; i++) {
        ag_vec_close(&vecs[i]);
    }
}

int main(void)
{
    static const unsigned lanes[] = {1, 2};
    BENCH_MUST(ag_crypto_start());
    node_open(&node);
    for (size_t i = 0; i < AG_COUNT(lanes); i++) {
        struct ag_pool *workers = NULL;
        BENCH_MUST(ag_pool_open(lanes[i], &workers));
        measure(AG_KEM_MLKEM1024, workers);
        measure(AG_KEM_MLKEM1024_P384, workers);
        ag_pool_close(workers);
    }
    node_close(&node);
    return 0;
}
