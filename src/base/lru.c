/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <string.h>

/* Entries lie in one array and are linked by use; a table of at least twice as many slots finds
 * them by linear probing. A removed entry's followers are shifted back, so that there are no
 * tombstones and a lookup stays short for ever. Index 0 means none. */

struct entry {
    struct ag_id key;
    uint32_t older;
    uint32_t newer; /* of a free entry: the next free one */
};

struct ag_lru {
    size_t capacity;
    size_t count;
    size_t value_size;
    size_t value_stride;
    uint64_t hash_seed;
    size_t slot_mask;
    uint32_t oldest;
    uint32_t newest;
    uint32_t first_free;
    uint32_t *slots;
    struct entry *entries; /* 1 to capacity */
    uint8_t *values;       /* entry i at (i - 1) * value_stride */
};

#define VALUE_ALIGN 16u

enum ag_err ag_lru_open(size_t capacity, size_t value_size, uint64_t hash_seed, struct ag_lru **out)
{
    AG_ENSURE(capacity >= 1 && capacity < UINT32_MAX / 4u, AG_ERR_ARGUMENT);
    AG_ENSURE(value_size >= 1 && value_size <= SIZE_MAX - VALUE_ALIGN, AG_ERR_ARGUMENT);
    size_t slot_count = 4;
    while (slot_count < 2u * capacity) {
        slot_count *= 2u;
    }
    struct ag_lru *lru = ag_alloc(sizeof(*lru));
    AG_ENSURE(lru != NULL, AG_ERR_NO_MEMORY);
    lru->capacity = capacity;
    lru->value_size = value_size;
    lru->value_stride = (value_size + VALUE_ALIGN - 1u) & ~(size_t)(VALUE_ALIGN - 1u);
    lru->hash_seed = hash_seed;
    lru->slot_mask = slot_count - 1u;
    lru->slots = ag_alloc_array(slot_count, sizeof(lru->slots[0]));
    lru->entries = ag_alloc_array(capacity + 1u, sizeof(lru->entries[0]));
    lru->values = ag_alloc_array(capacity, lru->value_stride);
    if (lru->slots == NULL || lru->entries == NULL || lru->values == NULL) {
        ag_lru_close(lru);
        return AG_ERR_NO_MEMORY;
    }
    for (size_t i = 1; i < capacity; i++) {
        lru->entries[i].newer = (uint32_t)(i + 1u);
    }
    lru->first_free = 1;
    *out = lru;
    return AG_OK;
}

void ag_lru_close(struct ag_lru *lru)
{
    if (lru == NULL) {
        return;
    }
    ag_free(lru->values);
    ag_free(lru->entries);
    ag_free(lru->slots);
    ag_free(lru);
}

size_t ag_lru_count(const struct ag_lru *lru)
{
    return lru->count;
}

/* Ids are digests, but a sender may search for some that look alike: all 32 bytes and a seed that
 * nobody outside knows go through a multiply-and-fold mixer. */
static uint64_t hash_key(const struct ag_lru *lru, const struct ag_id *key)
{
    uint64_t hash = lru->hash_seed ^ 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < sizeof(key->bytes); i += 8u) {
        uint64_t word = 0;
        memcpy(&word, key->bytes + i, sizeof(word));
        __extension__ unsigned __int128 product =
            (unsigned __int128)(hash ^ word) * 0xa0761d6478bd642fu;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ lru->hash_seed;
    }
    return hash;
}

static size_t home_slot(const struct ag_lru *lru, const struct ag_id *key)
{
    return (size_t)hash_key(lru, key) & lru->slot_mask;
}

/* The slot that holds `key`, or the free one where it would go. Half of the slots are free, so the
 * walk ends. */
static size_t find_slot(const struct ag_lru *lru, const struct ag_id *key)
{
    size_t slot = home_slot(lru, key);
    while (lru->slots[slot] != 0 &&
           memcmp(lru->entries[lru->slots[slot]].key.bytes, key->bytes, sizeof(key->bytes)) != 0) {
        slot = (slot + 1u) & lru->slot_mask;
    }
    return slot;
}

static void unlink_entry(struct ag_lru *lru, uint32_t index)
{
    const struct entry *entry = &lru->entries[index];
    if (entry->older != 0) {
        lru->entries[entry->older].newer = entry->newer;
    } else {
        lru->oldest = entry->newer;
    }
    if (entry->newer != 0) {
        lru->entries[entry->newer].older = entry->older;
    } else {
        lru->newest = entry->older;
    }
}

static void link_newest(struct ag_lru *lru, uint32_t index)
{
    struct entry *entry = &lru->entries[index];
    entry->older = lru->newest;
    entry->newer = 0;
    if (lru->newest != 0) {
        lru->entries[lru->newest].newer = index;
    } else {
        lru->oldest = index;
    }
    lru->newest = index;
}

static void *value_of(struct ag_lru *lru, uint32_t index)
{
    return lru->values + (size_t)(index - 1u) * lru->value_stride;
}

/* Empties `hole` and moves back every follower whose way from its home slot passes it. */
static void close_hole(struct ag_lru *lru, size_t hole)
{
    size_t slot = hole;
    for (;;) {
        slot = (slot + 1u) & lru->slot_mask;
        uint32_t index = lru->slots[slot];
        if (index == 0) {
            break;
        }
        size_t home = home_slot(lru, &lru->entries[index].key);
        if (((slot - home) & lru->slot_mask) >= ((slot - hole) & lru->slot_mask)) {
            lru->slots[hole] = index;
            hole = slot;
        }
    }
    lru->slots[hole] = 0;
}

static void remove_at(struct ag_lru *lru, size_t slot)
{
    uint32_t index = lru->slots[slot];
    close_hole(lru, slot);
    unlink_entry(lru, index);
    lru->entries[index].newer = lru->first_free;
    lru->first_free = index;
    lru->count--;
}

void *ag_lru_find(struct ag_lru *lru, const struct ag_id *key)
{
    uint32_t index = lru->slots[find_slot(lru, key)];
    if (index == 0) {
        return NULL;
    }
    unlink_entry(lru, index);
    link_newest(lru, index);
    return value_of(lru, index);
}

void *ag_lru_insert(struct ag_lru *lru, const struct ag_id *key)
{
    void *found = ag_lru_find(lru, key);
    if (found != NULL) {
        return found;
    }
    if (lru->count == lru->capacity) {
        remove_at(lru, find_slot(lru, &lru->entries[lru->oldest].key));
    }
    uint32_t index = lru->first_free;
    AG_ASSERT(index != 0);
    lru->first_free = lru->entries[index].newer;
    lru->entries[index].key = *key;
    lru->slots[find_slot(lru, key)] = index;
    link_newest(lru, index);
    lru->count++;
    void *value = value_of(lru, index);
    memset(value, 0, lru->value_size);
    return value;
}

void ag_lru_remove(struct ag_lru *lru, const struct ag_id *key)
{
    size_t slot = find_slot(lru, key);
    if (lru->slots[slot] != 0) {
        remove_at(lru, slot);
    }
}
