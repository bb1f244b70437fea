/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "mempool/mempool.h"
#include "test.h"
#include "test_mempool_node.h"

/* Our own failures, ten thousand envelopes, a million records, and a random life against a naive
 * model. */

static struct node node;
static struct ag_pool *workers;

static struct ag_mempool *open_pool(const struct ag_mempool_config *config)
{
    const struct ag_mempool_keys keys = node_keys(&node);
    struct ag_mempool *pool = NULL;
    struct ag_fault fault = {0};
    CHECK_OK(ag_mempool_open(config, &keys, &pool, &fault));
    return pool;
}

static struct ag_vec sealed(uint64_t sender, uint64_t nonce)
{
    const struct order order = order_of(sender, nonce);
    struct ag_vec vec;
    ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
    node_seal(&node, &order, &vec);
    return vec;
}

static struct ag_admission admit_at(struct ag_mempool *pool, const struct ag_vec *vec,
                                    uint64_t now_ms)
{
    struct ag_admission item = {.bytes = ag_vec_view(vec), .source = {{1}}};
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, now_ms));
    return item;
}

/* ---- our own failures ------------------------------------------------------------------------ */

static void refuses_wrong_calls(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_admission item = {.bytes = {NULL, 0}};
    struct ag_pool *wide = NULL;
    CHECK_ERR(ag_mempool_admit(pool, workers, &item, AG_LIMIT_GROUP_COUNT + 1u, NODE_NOW),
              AG_ERR_ARGUMENT);
    CHECK_OK(ag_pool_open(NODE_LANES + 1, &wide)); /* more lanes than keys have */
    CHECK_ERR(ag_mempool_admit(pool, wide, &item, 1, NODE_NOW), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_mempool_restore(pool, wide, NULL, 0, NULL), AG_ERR_ARGUMENT);
    CHECK_OK(ag_mempool_admit(pool, workers, NULL, 0, NODE_NOW));
    ag_pool_close(wide);
    ag_mempool_close(pool);
}

static void allocations_fail(void)
{
    const struct ag_mempool_config config = node_config();
    const struct ag_mempool_keys keys = node_keys(&node);
    struct ag_mempool *pool = NULL;
    enum ag_err err = AG_ERR_NO_MEMORY;
    unsigned failures = 0;
    while (err != AG_OK && failures < 100) {
        ag_alloc_fail_nth(failures + 1u);
        err = ag_mempool_open(&config, &keys, &pool, NULL);
        CHECK(err == AG_OK || err == AG_ERR_NO_MEMORY);
        CHECK((err == AG_OK) == (pool != NULL));
        failures += err != AG_OK;
    }
    ag_alloc_fail_nth(0);
    CHECK(failures > 8 && failures < 100);

    struct ag_vec vec = sealed(1, 0);
    struct ag_admission item = {.bytes = ag_vec_view(&vec)};
    struct ag_mempool_stats stats;
    unsigned refused = 0;
    for (unsigned nth = 1; nth < 10; nth++) {
        ag_alloc_fail_nth(nth);
        CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW));
        ag_alloc_fail_nth(0);
        if (item.result == AG_OK) {
            break;
        }
        refused++;
        CHECK_ERR(item.result, AG_ERR_NO_MEMORY);
        ag_mempool_stats(pool, &stats);
        CHECK_U64(stats.count, 0);
        CHECK_U64(stats.bytes, 0);
        CHECK_U64(stats.sender_count, 0);
        CHECK_U64(stats.replay_count, 0);
    }
    CHECK(refused >= 2); /* the replay table and the copy of the envelope */
    CHECK_OK(item.result);
    ag_vec_close(&vec);
    ag_mempool_close(pool);
}

/* One lane and four give the same results in the same order. */
static void lanes_equal_serial(void)
{
    enum {
        COUNT = 200
    };
    static struct ag_vec vecs[COUNT];
    static struct ag_admission items[2][COUNT];
    const struct ag_mempool_config config = node_config();
    struct ag_pool *wide = NULL;
    memset(items, 0, sizeof(items));
    for (unsigned i = 0; i < COUNT; i++) {
        struct order order = order_of(ag_test_random() % 20, ag_test_random() % 8);
        order.clear_epoch = order.head.key_epoch = 1 + ag_test_random() % 2;
        ag_vec_init(&vecs[i], AG_LIMIT_ENVELOPE_BYTES);
        node_seal(&node, &order, &vecs[i]);
        vecs[i].data[ag_test_random() % vecs[i].size] ^= (uint8_t)(ag_test_random() % 4 == 0);
    }
    CHECK_OK(ag_pool_open(NODE_LANES, &wide));
    for (unsigned run = 0; run < 2; run++) {
        struct ag_mempool *pool = open_pool(&config);
        for (unsigned i = 0; i < COUNT; i++) {
            items[run][i].bytes = ag_vec_view(&vecs[i]);
        }
        CHECK_OK(ag_mempool_admit(pool, run == 0 ? workers : wide, items[run], COUNT, NODE_NOW));
        ag_mempool_close(pool);
    }
    unsigned accepted = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK_ERR(items[1][i].result, items[0][i].result);
        CHECK_U64(items[1][i].admission, items[0][i].admission);
        accepted += items[0][i].result == AG_OK;
        ag_vec_close(&vecs[i]);
    }
    CHECK(accepted > 20 && accepted < COUNT);
    ag_pool_close(wide);
}

/* ---- many ------------------------------------------------------------------------------------ */

/* Sanitizers keep what is freed, and shadows of all of it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_OURS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEMORY_IS_OURS 0
#endif
#endif
#ifndef MEMORY_IS_OURS
#define MEMORY_IS_OURS 1
#endif

/* Resident bytes of this process: the second number of statm, in pages. */
static size_t resident_bytes(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        size_t size = fread(line, 1, sizeof(line) - 1, file);
        line[size] = '\0';
        (void)fclose(file);
    }
    const char *space = strchr(line, ' ');
    return space == NULL ? 0 : (size_t)strtoull(space, NULL, 10) * 4096u;
}

static void ten_thousand(void)
{
    enum {
        GROUP = 1000,
        COUNT = 10000
    };
    static struct ag_vec vecs[GROUP];
    static struct ag_admission items[GROUP];
    static struct ag_mempool_planned planned[COUNT];
    const struct ag_mempool_config config = node_config();
    size_t resident = resident_bytes();
    size_t in_use = ag_alloc_in_use();
    struct ag_mempool *pool = open_pool(&config);
    for (unsigned group = 0; group < COUNT / GROUP; group++) {
        memset(items, 0, sizeof(items));
        for (unsigned i = 0; i < GROUP; i++) {
            vecs[i] = sealed(i % 100, 10u * group + i / 100);
            items[i].bytes = ag_vec_view(&vecs[i]);
        }
        CHECK_OK(ag_mempool_admit(pool, workers, items, GROUP, NODE_NOW));
        for (unsigned i = 0; i < GROUP; i++) {
            CHECK_OK(items[i].result);
            CHECK_U64(items[i].admission, 1 + UINT64_C(1) * GROUP * group + i);
            ag_vec_close(&vecs[i]);
        }
        ag_mempool_confirm(pool);
    }
    ag_test_note("%zu KiB counted, about %zu KiB resident for %d envelopes",
                 (ag_alloc_in_use() - in_use) / 1024, (resident_bytes() - resident) / 1024,
                 (int)COUNT);
    CHECK(MEMORY_IS_OURS == 0 || resident_bytes() - resident < (size_t)64 * 1024 * 1024);
    CHECK_U64(ag_mempool_take(pool, COUNT + 1, planned), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK_U64(planned[i].admission, 1 + i);
    }
    CHECK_OK(ag_mempool_release(pool, 1, COUNT));
    struct ag_mempool_stats stats;
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.count, 0);
    CHECK_U64(stats.bytes, 0);
    CHECK_U64(stats.replay_count, UINT64_C(2) * COUNT);
    ag_mempool_close(pool);
    CHECK_U64(ag_alloc_in_use(), in_use);
}

/* ---- a random life --------------------------------------------------------------------------- */

/* The model: 64 envelopes, two for each of 32 nonces; what each of them should be told. */
enum {
    LIVES = 64,
    NONCES = 32
};
struct life {
    struct ag_mempool *pool;
    struct ag_vec vecs[LIVES];
    struct ag_id ids[LIVES];
    bool is_envelope_used[LIVES];
    bool is_nonce_used[NONCES];
    unsigned row[4 * LIVES]; /* which envelope has admission 1 + i */
    size_t first, planned, confirmed, next;
};

static void life_check(const struct life *life)
{
    struct ag_mempool_stats stats;
    ag_mempool_stats(life->pool, &stats);
    CHECK_U64(stats.first_admission, 1 + life->first);
    CHECK_U64(stats.planned_end, 1 + life->planned);
    CHECK_U64(stats.confirmed_end, 1 + life->confirmed);
    CHECK_U64(stats.next_admission, 1 + life->next);
    size_t records = 0;
    for (unsigned i = 0; i < LIVES; i++) {
        records += life->is_envelope_used[i];
    }
    for (unsigned i = 0; i < NONCES; i++) {
        records += life->is_nonce_used[i];
    }
    CHECK_U64(stats.replay_count, records);
    size_t bytes = 0;
    for (size_t i = life->first; i < life->next; i++) {
        bytes += life->vecs[life->row[i]].size;
    }
    CHECK_U64(stats.bytes, bytes);
    for (size_t i = life->first; i < life->confirmed; i++) {
        struct ag_mempool_entry entry;
        CHECK_OK(ag_mempool_entry(life->pool, 1 + i, &entry));
        CHECK_BYTES(entry.envelope, ag_vec_view(&life->vecs[life->row[i]]));
        CHECK_U64(entry.head->nonce, life->row[i] % NONCES);
    }
}

static void life_admit(struct life *life)
{
    unsigned which = (unsigned)(ag_test_random() % LIVES);
    struct ag_admission item = admit_at(life->pool, &life->vecs[which], NODE_NOW);
    bool is_free = !life->is_envelope_used[which] && !life->is_nonce_used[which % NONCES];
    CHECK_ERR(item.result, is_free ? AG_OK : AG_ERR_ENVELOPE_REPLAY);
    if (!is_free) {
        CHECK(strcmp(item.fault.field, life->is_envelope_used[which] ? "envelope" : "nonce") == 0);
        return;
    }
    CHECK_U64(item.admission, 1 + life->next);
    life->row[life->next++] = which;
    life->is_envelope_used[which] = true;
    life->is_nonce_used[which % NONCES] = true;
}

static void life_revoke(struct life *life)
{
    ag_mempool_revoke(life->pool);
    while (life->next != life->confirmed) {
        unsigned which = life->row[--life->next];
        life->is_envelope_used[which] = false;
        life->is_nonce_used[which % NONCES] = false;
    }
}

/* The oldest planned ones are committed; some of them are excluded. */
static void life_commit(struct life *life)
{
    size_t count = (size_t)(ag_test_random() % (life->planned - life->first + 1));
    for (size_t i = life->first; i < life->first + count; i++) {
        if (ag_test_random() % 3 == 0) {
            const struct ag_mempool_outcome outcome = {
                .admission = 1 + i, .reason = AG_ERR_ENVELOPE_NONCE, .frees_nonce = true};
            CHECK_OK(ag_mempool_settle(life->pool, &outcome, NODE_NOW));
            life->is_nonce_used[life->row[i] % NONCES] = false;
        }
    }
    CHECK_OK(ag_mempool_release(life->pool, 1 + life->first, count));
    life->first += count;
}

static void life_step(struct life *life)
{
    static struct ag_mempool_planned planned[LIVES];
    size_t some = (size_t)(ag_test_random() % 5);
    switch (ag_test_random() % 8) {
    case 0:
        ag_mempool_confirm(life->pool);
        life->confirmed = life->next;
        break;
    case 1:
        life_revoke(life);
        break;
    case 2: {
        size_t left = life->confirmed - life->planned;
        some = some < left ? some : left;
        CHECK_U64(ag_mempool_take(life->pool, some, planned), some);
        life->planned += some;
        break;
    }
    case 3: {
        size_t most = life->planned - life->first;
        some = some < most ? some : most;
        CHECK_OK(ag_mempool_untake(life->pool, 1 + life->planned - some, some));
        life->planned -= some;
        break;
    }
    case 4:
        life_commit(life);
        break;
    default:
        life_admit(life);
        break;
    }
}

static void a_random_life(void)
{
    static struct life life;
    for (unsigned round = 0; round < 4; round++) {
        struct ag_mempool_config config = node_config();
        config.count_max = LIVES; /* so that the ring goes round */
        config.hash_seed = ag_test_random();
        memset(&life, 0, sizeof(life));
        life.pool = open_pool(&config);
        for (unsigned i = 0; i < LIVES; i++) {
            life.vecs[i] = sealed(3, i % NONCES);
        }
        for (unsigned step = 0; step < 1500 && life.next < AG_COUNT(life.row); step++) {
            life_step(&life);
            life_check(&life);
        }
        for (unsigned i = 0; i < LIVES; i++) {
            ag_vec_close(&life.vecs[i]);
        }
        ag_mempool_close(life.pool);
    }
}

/* A million records: what the documentation says of time and memory. */
static void a_million_records(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    size_t in_use = ag_alloc_in_use();
    uint8_t record[AG_REPLAY_RECORD_SIZE];
    for (unsigned i = 0; i < AG_LIMIT_REPLAY_COUNT; i++) {
        ag_test_random_bytes(record, sizeof(record));
        memset(record, 0, 2); /* some thousand years ahead */
        record[2] |= 2;
        CHECK_OK(ag_mempool_replay_load(pool, AG_ARRAY_VIEW(record)));
    }
    ag_test_random_bytes(record, sizeof(record));
    record[0] = 1;
    CHECK_ERR(ag_mempool_replay_load(pool, AG_ARRAY_VIEW(record)), AG_ERR_MEMPOOL_FULL);
    ag_test_note("%zu KiB", (ag_alloc_in_use() - in_use) / 1024);
    CHECK(ag_alloc_in_use() - in_use < (size_t)48 * 1024 * 1024);
    struct ag_vec vec = sealed(1, 0);
    struct ag_admission item = admit_at(pool, &vec, NODE_NOW);
    CHECK_ERR(item.result, AG_ERR_MEMPOOL_FULL);
    CHECK(strcmp(item.fault.field, "replay records") == 0);
    ag_vec_close(&vec);
    ag_mempool_close(pool);
}

static const struct ag_test_case cases[] = {
    {"refuses wrong calls", refuses_wrong_calls},
    {"allocations fail", allocations_fail},
    {"lanes equal serial", lanes_equal_serial},
    {"ten thousand", ten_thousand},
    {"a random life", a_random_life},
    {"a million records", a_million_records},
};

int main(int argc, char **argv)
{
    if (ag_crypto_start() != AG_OK || ag_pool_open(1, &workers) != AG_OK) {
        return 1;
    }
    node_open(&node);
    int status = ag_test_main(argc, argv, cases, AG_COUNT(cases));
    node_close(&node);
    ag_pool_close(workers);
    return status;
}
