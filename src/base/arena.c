/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <string.h>

#include "base/sanitizer_i.h"

/* Under the address sanitizer, bytes that were not handed out cannot be touched, so that reading
 * past a copied field is seen although the block goes on. */
#ifdef AG_HAS_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(memory, size)   __asan_poison_memory_region((memory), (size))
#define UNPOISON(memory, size) __asan_unpoison_memory_region((memory), (size))
#else
#define POISON(memory, size)   ((void)(memory), (void)(size))
#define UNPOISON(memory, size) ((void)(memory), (void)(size))
#endif

/* The first block is small, because most arenas serve one request; later ones double. */
#define BLOCK_SIZE_MIN 4096u
#define BLOCK_SIZE_MAX 1048576u
#define ARENA_ALIGN    16u

struct ag_arena_block {
    struct ag_arena_block *next;
    size_t capacity;
    size_t used;
    size_t padding;
    uint8_t data[];
};
_Static_assert(sizeof(struct ag_arena_block) % ARENA_ALIGN == 0, "data must stay aligned");

void ag_arena_init(struct ag_arena *arena, size_t limit)
{
    *arena = (struct ag_arena){.limit = limit};
}

void ag_arena_init_secret(struct ag_arena *arena, size_t limit)
{
    *arena = (struct ag_arena){.limit = limit, .is_secret = true};
}

/* Links a new block of at least `size` bytes after the current one and makes it current. */
static enum ag_err add_block(struct ag_arena *arena, size_t size)
{
    size_t capacity = BLOCK_SIZE_MIN;
    if (arena->current != NULL) {
        capacity = arena->current->capacity;
        capacity = capacity > BLOCK_SIZE_MAX / 2u ? BLOCK_SIZE_MAX : capacity * 2u;
    }
    if (capacity < size) {
        capacity = size;
    }
    size_t total = 0;
    if (__builtin_add_overflow(capacity, sizeof(struct ag_arena_block), &total)) {
        return AG_ERR_NO_MEMORY;
    }
    struct ag_arena_block *block = ag_alloc(total);
    AG_ENSURE(block != NULL, AG_ERR_NO_MEMORY);
    block->capacity = capacity;
    POISON(block->data, block->capacity);

    if (arena->current == NULL) {
        arena->first = block;
    } else {
        block->next = arena->current->next;
        arena->current->next = block;
    }
    arena->current = block;
    return AG_OK;
}

static bool has_room(const struct ag_arena_block *block, size_t size)
{
    return block != NULL && size <= block->capacity - block->used;
}

/* Hands out `size` bytes with whatever they hold. */
static enum ag_err take_raw(struct ag_arena *arena, size_t size, uint8_t **out)
{
    size_t rounded = 0;
    size_t used = 0;
    /* An empty request takes a unit as well, so that its pointer is its own. */
    if (__builtin_add_overflow(size == 0 ? 1u : size, ARENA_ALIGN - 1u, &rounded) ||
        __builtin_add_overflow(arena->used, size, &used) || used > arena->limit) {
        return AG_ERR_NO_MEMORY;
    }
    rounded &= ~(size_t)(ARENA_ALIGN - 1u);

    /* After a reset the following blocks are empty: walk to one that has room. What is skipped is
     * used again after the next reset. */
    while (arena->current != NULL && !has_room(arena->current, rounded) &&
           arena->current->next != NULL) {
        arena->current = arena->current->next;
    }
    if (!has_room(arena->current, rounded)) {
        AG_TRY(add_block(arena, rounded));
    }
    struct ag_arena_block *block = arena->current;
    uint8_t *memory = block->data + block->used;
    block->used += rounded;
    arena->used = used;
    UNPOISON(memory, size);
    *out = memory;
    return AG_OK;
}

enum ag_err ag_arena_take(struct ag_arena *arena, size_t size, void **out)
{
    uint8_t *memory = NULL;
    AG_TRY(take_raw(arena, size, &memory));
    memset(memory, 0, size);
    *out = memory;
    return AG_OK;
}

enum ag_err ag_arena_copy(struct ag_arena *arena, struct ag_bytes bytes, struct ag_bytes *out)
{
    uint8_t *memory = NULL;
    AG_TRY(take_raw(arena, bytes.size, &memory));
    if (bytes.size != 0) {
        memcpy(memory, bytes.data, bytes.size);
    }
    *out = (struct ag_bytes){memory, bytes.size};
    return AG_OK;
}

void ag_arena_reset(struct ag_arena *arena)
{
    for (struct ag_arena_block *block = arena->first; block != NULL; block = block->next) {
        if (arena->is_secret) {
            UNPOISON(block->data, block->capacity);
            ag_wipe(block->data, block->used);
        }
        POISON(block->data, block->capacity);
        block->used = 0;
    }
    arena->current = arena->first;
    arena->used = 0;
}

void ag_arena_close(struct ag_arena *arena)
{
    struct ag_arena_block *block = arena->first;
    while (block != NULL) {
        struct ag_arena_block *next = block->next;
        UNPOISON(block->data, block->capacity);
        if (arena->is_secret) {
            ag_wipe(block->data, block->used);
        }
        ag_free(block);
        block = next;
    }
    *arena = (struct ag_arena){.limit = arena->limit, .is_secret = arena->is_secret};
}
