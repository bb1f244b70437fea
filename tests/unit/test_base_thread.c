/* SPDX-License-Identifier: Apache-2.0 */
/* Does base keep its contract across threads? Run with the thread sanitizer it also answers whether
 * anything races. */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

/* ---- the pool ---- */

#define TASKS_MAX 5000u

struct run {
    uint32_t calls[TASKS_MAX];            /* by index: plain memory, each written by one task */
    uint64_t lane_sums[AG_LIMIT_WORKERS]; /* by lane: what lanes are for */
    _Atomic unsigned wrong;
    unsigned size;
    pthread_t caller;
};

static void count_task(void *context, size_t index, unsigned lane)
{
    struct run *run = context;
    if (index >= TASKS_MAX || lane >= run->size) {
        atomic_fetch_add(&run->wrong, 1);
        return;
    }
    /* Lane 0 is the caller's. */
    if ((lane == 0) != (pthread_equal(pthread_self(), run->caller) != 0)) {
        atomic_fetch_add(&run->wrong, 1);
    }
    run->calls[index]++;
    run->lane_sums[lane] += index;
}

static void check_pool(unsigned threads)
{
    struct ag_pool *pool = NULL;
    CHECK_OK(ag_pool_open(threads, &pool));
    unsigned size = ag_pool_size(pool);
    CHECK(size >= 1 && size <= AG_LIMIT_WORKERS && (threads == 0 || size == threads));

    static const size_t counts[] = {0, 1, 2, 3, 64, TASKS_MAX};
    static struct run run;
    for (unsigned round = 0; round < 60; round++) {
        size_t count = counts[round % AG_COUNT(counts)];
        memset(&run, 0, sizeof(run));
        run.size = size;
        run.caller = pthread_self();
        ag_pool_run(pool, count, count_task, &run);
        CHECK_U64(run.wrong, 0);
        uint64_t sum = 0;
        for (size_t lane = 0; lane < AG_LIMIT_WORKERS; lane++) {
            sum += run.lane_sums[lane];
        }
        CHECK_U64(sum, count == 0 ? 0 : (uint64_t)count * (count - 1) / 2);
        unsigned wrong = 0;
        for (size_t i = 0; i < TASKS_MAX; i++) {
            wrong += run.calls[i] != (i < count ? 1u : 0u);
        }
        CHECK_U64(wrong, 0);
    }
    ag_pool_close(pool);
}

static void test_pool(void)
{
    check_pool(1);
    check_pool(2);
    check_pool(7);
    check_pool(0);
    ag_pool_close(NULL);

    struct ag_pool *pool = NULL;
    CHECK_OK(ag_pool_open(1000, &pool));
    CHECK_U64(ag_pool_size(pool), AG_LIMIT_WORKERS);
    ag_pool_close(pool);
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_pool_open(2, &pool), AG_ERR_NO_MEMORY);
}

/* Two tasks that wait for each other end only if two threads work at once. */
static void meet_task(void *context, size_t index, unsigned lane)
{
    pthread_barrier_t *barrier = context;
    (void)index;
    (void)lane;
    pthread_barrier_wait(barrier);
}

static void test_pool_is_parallel(void)
{
    struct ag_pool *pool = NULL;
    pthread_barrier_t barrier;
    CHECK_OK(ag_pool_open(3, &pool));
    pthread_barrier_init(&barrier, NULL, 3);
    for (unsigned i = 0; i < 20; i++) {
        ag_pool_run(pool, 3, meet_task, &barrier);
    }
    pthread_barrier_destroy(&barrier);
    ag_pool_close(pool);
}

/* ---- the queue ---- */

static bool is_readable(const struct ag_queue *queue)
{
    struct pollfd entry = {.fd = ag_queue_fd(queue), .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

static void test_queue(void)
{
    struct ag_queue *queue = NULL;
    int items[5];
    void *out[8] = {0};
    CHECK_ERR(ag_queue_open(0, &queue), AG_ERR_ARGUMENT);
    volatile size_t huge = SIZE_MAX / 2;
    CHECK_ERR(ag_queue_open(huge, &queue), AG_ERR_NO_MEMORY);
    CHECK_OK(ag_queue_open(3, &queue));
    CHECK(!is_readable(queue));
    CHECK_U64(ag_queue_pop(queue, out, 8), 0);

    /* Round and round, so that the ring wraps. */
    for (unsigned round = 0; round < 7; round++) {
        CHECK_OK(ag_queue_push(queue, &items[0]));
        CHECK(is_readable(queue));
        CHECK_OK(ag_queue_push(queue, &items[1]));
        CHECK_OK(ag_queue_push(queue, NULL));
        CHECK_ERR(ag_queue_push(queue, &items[3]), AG_ERR_BUSY);
        CHECK_U64(ag_queue_count(queue), 3);
        CHECK_U64(ag_queue_pop(queue, out, 0), 0);
        CHECK_U64(ag_queue_pop(queue, out, 1), 1);
        CHECK(out[0] == &items[0] && is_readable(queue));
        CHECK_OK(ag_queue_push(queue, &items[4]));
        CHECK_U64(ag_queue_pop(queue, out, 8), 3);
        CHECK(out[0] == &items[1] && out[1] == NULL && out[2] == &items[4]);
        CHECK(!is_readable(queue));
        CHECK_U64(ag_queue_count(queue), 0);
    }
    ag_queue_close(queue);
    ag_queue_close(NULL);
}

#define SENDERS    4u
#define ITEMS_EACH 20000u

struct item {
    unsigned sender;
    unsigned number;
};
static struct item all_items[SENDERS][ITEMS_EACH];

struct sender {
    struct ag_queue *queue;
    unsigned index;
    uint64_t busy;
};

static void *send_items(void *argument)
{
    struct sender *sender = argument;
    for (unsigned i = 0; i < ITEMS_EACH; i++) {
        struct item *item = &all_items[sender->index][i];
        *item = (struct item){sender->index, i};
        while (ag_queue_push(sender->queue, item) == AG_ERR_BUSY) {
            sender->busy++;
            usleep(50);
        }
    }
    return NULL;
}

/* Many senders, one receiver that sleeps on the descriptor: nothing is lost, doubled or overtaken,
 * and no wake-up is missed. */
static void test_queue_threads(void)
{
    struct ag_queue *queue = NULL;
    CHECK_OK(ag_queue_open(64, &queue));
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.queue = queue, .index = i};
        CHECK(pthread_create(&threads[i], NULL, send_items, &senders[i]) == 0);
    }
    unsigned next[SENDERS] = {0};
    unsigned received = 0;
    unsigned wrong = 0;
    while (received < SENDERS * ITEMS_EACH) {
        struct pollfd entry = {.fd = ag_queue_fd(queue), .events = POLLIN};
        bool is_woken = poll(&entry, 1, 20000) == 1;
        CHECK(is_woken);
        if (!is_woken) {
            break;
        }
        void *out[16];
        size_t count = ag_queue_pop(queue, out, AG_COUNT(out));
        for (size_t i = 0; i < count; i++) {
            const struct item *item = out[i];
            wrong += item->sender >= SENDERS || item->number != next[item->sender];
            next[item->sender]++;
        }
        received += (unsigned)count;
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_U64(next[i], ITEMS_EACH);
    }
    CHECK_U64(wrong, 0);
    CHECK_U64(ag_queue_count(queue), 0);
    ag_queue_close(queue);
}

/* ---- what any thread may use ---- */

static void shared_task(void *context, size_t index, unsigned lane)
{
    _Atomic unsigned *failures = context;
    (void)lane;
    ag_metric_add(AG_METRIC_RPC_CALLS, 1);
    ag_metric_set(AG_METRIC_OUTBOX, index);
    ag_metric_observe_us(AG_METRIC_PLAN_US, 2);

    struct ag_json *json = NULL;
    uint64_t value = 0;
    if (ag_json_parse(AG_LITERAL("{\"a\":[1,2,{\"b\":3}]}"), &json) != AG_OK ||
        ag_json_u64(ag_json_at(ag_json_get(ag_json_root(json), "a"), 1), &value) != AG_OK ||
        value != 2) {
        atomic_fetch_add(failures, 1);
    }
    ag_json_close(json);

    uint8_t random[32];
    const struct ag_host *host = ag_host_system();
    if (host->random(host->context, (struct ag_buf){random, sizeof(random)}) != AG_OK) {
        atomic_fetch_add(failures, 1);
    }
    if (index % 128 == 0) {
        ag_log(AG_LOG_DEBUG, "thread", ag_kv_u64("index", index));
        ag_log_configure(AG_LOG_INFO, false);
        void *secret = ag_secret_alloc(48);
        if (secret == NULL) {
            atomic_fetch_add(failures, 1);
        }
        ag_secret_free(secret, 48);
    }
}

static void test_shared(void)
{
    size_t in_use = ag_alloc_in_use();
    uint64_t calls = ag_metric_get(AG_METRIC_RPC_CALLS);
    struct ag_pool *pool = NULL;
    _Atomic unsigned failures = 0;
    CHECK_OK(ag_pool_open(4, &pool));
    ag_pool_run(pool, 4000, shared_task, &failures);
    ag_pool_close(pool);
    CHECK_U64(failures, 0);
    CHECK_U64(ag_metric_get(AG_METRIC_RPC_CALLS) - calls, 4000);
    CHECK_U64(ag_metric_get(AG_METRIC_PLAN_US), 2 * ag_metric_get_count(AG_METRIC_PLAN_US));
    CHECK_U64(ag_alloc_in_use(), in_use);
}

static const struct ag_test_case cases[] = {
    {"pool: each index once", test_pool},
    {"pool: lanes run at once", test_pool_is_parallel},
    {"queue: order, limit and descriptor", test_queue},
    {"queue: many senders, one receiver", test_queue_threads},
    {"shared: metrics, JSON, chance, log, memory", test_shared},
};
TEST_MAIN(cases)
