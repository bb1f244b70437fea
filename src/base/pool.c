/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

/* A run is opened under the lock; workers that wake in time join it, take indices from one atomic
 * counter until there are none, and leave. The caller does the same and then waits for those who
 * joined, not for those who slept: a run costs no more than its slowest index. */
struct ag_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work_cond; /* a run was opened, or the pool closes */
    pthread_cond_t done_cond; /* the last joined worker left */
    unsigned size;            /* lanes: the caller's and one per thread */
    unsigned thread_count;
    uint64_t generation; /* counts runs, so that no worker joins one twice */
    bool is_open;        /* the run may be joined */
    bool is_closing;
    unsigned joined;
    ag_pool_task *task;
    void *context;
    size_t count;
    _Atomic size_t next;
    struct worker {
        struct ag_pool *pool;
        pthread_t thread;
        unsigned lane;
    } workers[AG_LIMIT_WORKERS];
};

static void work(struct ag_pool *pool, ag_pool_task *task, void *context, size_t count,
                 unsigned lane)
{
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= count) {
            return;
        }
        task(context, index, lane);
    }
}

static void *worker_main(void *argument)
{
    const struct worker *worker = argument;
    struct ag_pool *pool = worker->pool;
    uint64_t seen = 0;

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->is_closing && (!pool->is_open || pool->generation == seen)) {
            pthread_cond_wait(&pool->work_cond, &pool->mutex);
        }
        if (pool->is_closing) {
            break;
        }
        seen = pool->generation;
        pool->joined++;
        ag_pool_task *task = pool->task;
        void *context = pool->context;
        size_t count = pool->count;
        pthread_mutex_unlock(&pool->mutex);

        work(pool, task, context, count, worker->lane);

        pthread_mutex_lock(&pool->mutex);
        pool->joined--;
        if (pool->joined == 0) {
            pthread_cond_signal(&pool->done_cond);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Processors that this process may use, which in a container are fewer than the machine has. */
static unsigned processor_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (unsigned)count;
}

/* Starts the threads. They take no signals: those are for the thread that asked for them. */
static enum ag_err start_workers(struct ag_pool *pool)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    AG_ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    enum ag_err err = AG_OK;
    for (unsigned i = 0; i + 1u < pool->size && err == AG_OK; i++) {
        struct worker *worker = &pool->workers[i];
        *worker = (struct worker){.pool = pool, .lane = i + 1u};
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
            err = AG_ERR_THREAD;
        } else {
            pool->thread_count++;
        }
    }
    AG_ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return err;
}

enum ag_err ag_pool_open(unsigned count, struct ag_pool **out)
{
    if (count == 0) {
        count = processor_count();
    }
    if (count > AG_LIMIT_WORKERS) {
        count = AG_LIMIT_WORKERS;
    }
    struct ag_pool *pool = ag_alloc(sizeof(*pool));
    AG_ENSURE(pool != NULL, AG_ERR_NO_MEMORY);
    pool->size = count;
    /* With default attributes these three cannot fail on Linux. */
    AG_ASSERT(pthread_mutex_init(&pool->mutex, NULL) == 0);
    AG_ASSERT(pthread_cond_init(&pool->work_cond, NULL) == 0);
    AG_ASSERT(pthread_cond_init(&pool->done_cond, NULL) == 0);

    enum ag_err err = start_workers(pool);
    if (err != AG_OK) {
        ag_pool_close(pool);
        return err;
    }
    *out = pool;
    return AG_OK;
}

void ag_pool_close(struct ag_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->is_closing = true;
    pthread_cond_broadcast(&pool->work_cond);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->done_cond);
    pthread_cond_destroy(&pool->work_cond);
    pthread_mutex_destroy(&pool->mutex);
    ag_free(pool);
}

unsigned ag_pool_size(const struct ag_pool *pool)
{
    return pool->size;
}

void ag_pool_run(struct ag_pool *pool, size_t count, ag_pool_task *task, void *context)
{
    /* One index or one lane needs nobody else. */
    if (count <= 1 || pool->size == 1) {
        for (size_t index = 0; index < count; index++) {
            task(context, index, 0);
        }
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    AG_ASSERT(!pool->is_open && pool->joined == 0); /* one caller at a time */
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->generation++;
    pool->is_open = true;
    pthread_cond_broadcast(&pool->work_cond);
    pthread_mutex_unlock(&pool->mutex);

    work(pool, task, context, count, 0);

    pthread_mutex_lock(&pool->mutex);
    pool->is_open = false;
    while (pool->joined != 0) {
        pthread_cond_wait(&pool->done_cond, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
}
