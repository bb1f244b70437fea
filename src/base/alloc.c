/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Every block starts with its size, so that ag_free can count it back. The header keeps the
 * alignment that malloc promises. */
struct block_header {
    size_t size;
    size_t padding;
};
_Static_assert(sizeof(struct block_header) == 16, "the header must keep 16-byte alignment");

/* Secrets begin on a cache line and end as near to the guard page as that allows. */
#define SECRET_ALIGN 64u

static _Atomic size_t bytes_in_use;
static _Atomic size_t bytes_cap;
static _Atomic uint64_t allocations;
static _Atomic uint64_t fail_countdown;

/* Counts `size` bytes in, or says that the cap or a test forbids them. */
static bool reserve(size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);

    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    while (left != 0) {
        if (atomic_compare_exchange_weak_explicit(&fail_countdown, &left, left - 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            if (left == 1) {
                return false;
            }
            break;
        }
    }

    size_t cap = atomic_load_explicit(&bytes_cap, memory_order_relaxed);
    size_t before = atomic_fetch_add_explicit(&bytes_in_use, size, memory_order_relaxed);
    if (cap != 0 && (before > cap || size > cap - before)) {
        atomic_fetch_sub_explicit(&bytes_in_use, size, memory_order_relaxed);
        return false;
    }
    return true;
}

static void release(size_t size)
{
    atomic_fetch_sub_explicit(&bytes_in_use, size, memory_order_relaxed);
}

void *ag_alloc(size_t size)
{
    size_t total = 0;
    if (__builtin_add_overflow(size, sizeof(struct block_header), &total) || !reserve(size)) {
        return NULL;
    }
    struct block_header *header = calloc(1, total);
    if (header == NULL) {
        release(size);
        return NULL;
    }
    header->size = size;
    return header + 1;
}

void *ag_alloc_array(size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    return ag_alloc(total);
}

void ag_free(void *memory)
{
    if (memory == NULL) {
        return;
    }
    struct block_header *header = (struct block_header *)memory - 1;
    release(header->size);
    free(header);
}

void ag_free_cleanup(void *pointer_to_pointer)
{
    void *memory = NULL;
    /* The variable may be a pointer to any type; a copy breaks no aliasing rule. */
    memcpy(&memory, pointer_to_pointer, sizeof(memory));
    ag_free(memory);
}

void ag_alloc_set_cap(size_t bytes)
{
    atomic_store_explicit(&bytes_cap, bytes, memory_order_relaxed);
}

size_t ag_alloc_in_use(void)
{
    return atomic_load_explicit(&bytes_in_use, memory_order_relaxed);
}

uint64_t ag_alloc_count(void)
{
    return atomic_load_explicit(&allocations, memory_order_relaxed);
}

void ag_alloc_fail_nth(uint64_t nth)
{
    atomic_store_explicit(&fail_countdown, nth, memory_order_relaxed);
}

/* ---- secrets ---- */

/* Where a secret of `size` bytes lies: guard page, body pages, guard page; the secret at the end of
 * the body, so that an overrun faults at once. */
struct secret_layout {
    size_t page_size;
    size_t body_size;
    size_t total_size;
    size_t offset; /* of the secret, from the start of the mapping */
};

static bool plan_secret(size_t size, struct secret_layout *out)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    size_t aligned = 0;
    size_t rounded = 0;
    size_t total = 0;
    if (size == 0 || __builtin_add_overflow(size, SECRET_ALIGN - 1u, &aligned)) {
        return false;
    }
    aligned &= ~(size_t)(SECRET_ALIGN - 1u);
    if (__builtin_add_overflow(aligned, page_size - 1u, &rounded)) {
        return false;
    }
    rounded &= ~(page_size - 1u);
    if (__builtin_add_overflow(rounded, 2u * page_size, &total)) {
        return false;
    }
    *out = (struct secret_layout){.page_size = page_size,
                                  .body_size = rounded,
                                  .total_size = total,
                                  .offset = page_size + rounded - aligned};
    return true;
}

void *ag_secret_alloc(size_t size)
{
    struct secret_layout layout = {0};
    if (!plan_secret(size, &layout) || !reserve(size)) {
        return NULL;
    }
    uint8_t *base = mmap(NULL, layout.total_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        release(size);
        return NULL;
    }
    uint8_t *body = base + layout.page_size;
    /* A secret that may reach the swap or a core file is no secret: without the lock there is none.
     */
    if (mprotect(body, layout.body_size, PROT_READ | PROT_WRITE) != 0 ||
        mlock(body, layout.body_size) != 0 || madvise(body, layout.body_size, MADV_DONTDUMP) != 0) {
        munmap(base, layout.total_size);
        release(size);
        return NULL;
    }
    return base + layout.offset;
}

void ag_secret_free(void *memory, size_t size)
{
    if (memory == NULL) {
        return;
    }
    struct secret_layout layout = {0};
    AG_ASSERT(plan_secret(size, &layout));
    uint8_t *base = (uint8_t *)memory - layout.offset;
    ag_wipe(base + layout.page_size, layout.body_size);
    AG_ASSERT(munmap(base, layout.total_size) == 0);
    release(size);
}
