/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A ring under a lock. The eventfd changes only under the same lock, at the steps from empty and to
 * empty, so that it is readable exactly while something is held. */
struct ag_queue {
    pthread_mutex_t mutex;
    int fd;
    size_t capacity;
    size_t first;
    _Atomic size_t count; /* written under the lock, read by anyone */
    void *items[];
};

enum ag_err ag_queue_open(size_t capacity, struct ag_queue **out)
{
    AG_ENSURE(capacity != 0, AG_ERR_ARGUMENT);
    size_t size = 0;
    if (__builtin_mul_overflow(capacity, sizeof(void *), &size) ||
        __builtin_add_overflow(size, sizeof(struct ag_queue), &size)) {
        return AG_ERR_NO_MEMORY;
    }
    struct ag_queue *queue = ag_alloc(size);
    AG_ENSURE(queue != NULL, AG_ERR_NO_MEMORY);
    queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->fd < 0) {
        ag_free(queue);
        return AG_ERR_IO;
    }
    AG_ASSERT(pthread_mutex_init(&queue->mutex, NULL) == 0);
    queue->capacity = capacity;
    *out = queue;
    return AG_OK;
}

void ag_queue_close(struct ag_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    close(queue->fd);
    pthread_mutex_destroy(&queue->mutex);
    ag_free(queue);
}

/* Neither call can block or fail: the counter is 0 or 1, and EINTR does not occur on a descriptor
 * that does not block. */
static void raise_event(const struct ag_queue *queue)
{
    uint64_t one = 1;
    AG_ASSERT(write(queue->fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

static void clear_event(const struct ag_queue *queue)
{
    uint64_t value = 0;
    AG_ASSERT(read(queue->fd, &value, sizeof(value)) == (ssize_t)sizeof(value));
}

enum ag_err ag_queue_push(struct ag_queue *queue, void *item)
{
    enum ag_err err = AG_OK;
    pthread_mutex_lock(&queue->mutex);
    if (queue->count == queue->capacity) {
        err = AG_ERR_BUSY;
    } else {
        queue->items[(queue->first + queue->count) % queue->capacity] = item;
        queue->count++;
        if (queue->count == 1) {
            raise_event(queue);
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    return err;
}

size_t ag_queue_pop(struct ag_queue *queue, void **items, size_t limit)
{
    pthread_mutex_lock(&queue->mutex);
    size_t taken = queue->count < limit ? queue->count : limit;
    for (size_t i = 0; i < taken; i++) {
        items[i] = queue->items[queue->first];
        queue->first = (queue->first + 1u) % queue->capacity;
    }
    queue->count -= taken;
    if (taken != 0 && queue->count == 0) {
        clear_event(queue);
    }
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

int ag_queue_fd(const struct ag_queue *queue)
{
    return queue->fd;
}

size_t ag_queue_count(const struct ag_queue *queue)
{
    return atomic_load_explicit(&queue->count, memory_order_relaxed);
}
