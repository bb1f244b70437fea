/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mempool/mempool_i.h"

enum {
    SLOTS_MIN = 1024,
    PURGE_PAUSE_MS = 1000, /* at the bound, expired records are looked for once in this time */
};

/* Slots for `count` records at three quarters. */
static size_t slots_for(size_t count)
{
    return count + count / 3u + 1u;
}

void ag_mempool_table_init(struct replay_table *table, size_t count_max, uint64_t seed)
{
    *table = (struct replay_table){.count_max = count_max, .seed = seed};
}

void ag_mempool_table_wipe(struct replay_table *table)
{
    ag_free(table->slots);
    *table = (struct replay_table){.count_max = table->count_max, .seed = table->seed};
}

/* Digests can be searched for until many look alike; with a seed that nobody outside knows they
 * cannot be made to collide. */
static size_t home_slot(const struct replay_table *table, const uint8_t *digest)
{
    uint64_t hash = table->seed ^ 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < REPLAY_DIGEST_SIZE; i += 8u) {
        uint64_t word = 0;
        memcpy(&word, digest + i, sizeof(word));
        __extension__ unsigned __int128 product =
            (unsigned __int128)(hash ^ word) * 0xa0761d6478bd642fu;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ table->seed;
    }
    return (size_t)(hash % table->slot_count);
}

static size_t next_slot(const struct replay_table *table, size_t slot)
{
    return slot + 1u == table->slot_count ? 0 : slot + 1u;
}

/* Where the digest is, or the free slot where it would go. A quarter is free, so the walk ends. */
static size_t find_slot(const struct replay_table *table, const uint8_t *digest)
{
    size_t slot = home_slot(table, digest);
    while (table->slots[slot].expires_ms != 0 &&
           memcmp(table->slots[slot].digest, digest, REPLAY_DIGEST_SIZE) != 0) {
        slot = next_slot(table, slot);
    }
    return slot;
}

struct replay_record *ag_mempool_table_find(const struct replay_table *table,
                                            const uint8_t digest[REPLAY_DIGEST_SIZE])
{
    if (table->slot_count == 0) {
        return NULL;
    }
    struct replay_record *record = &table->slots[find_slot(table, digest)];
    return record->expires_ms != 0 ? record : NULL;
}

/* Moves what has not expired into a new array with room for `count` more. */
static enum ag_err rebuild(struct replay_table *table, size_t count, uint64_t clock_ms)
{
    size_t live = 0;
    for (size_t i = 0; i < table->slot_count; i++) {
        live += table->slots[i].expires_ms >= clock_ms && table->slots[i].expires_ms != 0;
    }
    AG_ENSURE(count <= table->count_max && live <= table->count_max - count, AG_ERR_MEMPOOL_FULL);

    /* Twice what is needed, so that the next rebuild is as many puts away as this one is moves. */
    size_t wanted = 2u * (live + count);
    size_t slot_count = slots_for(wanted < table->count_max ? wanted : table->count_max);
    slot_count = slot_count < SLOTS_MIN ? SLOTS_MIN : slot_count;
    struct replay_table fresh = *table;
    fresh.slots = ag_alloc_array(slot_count, sizeof(fresh.slots[0]));
    AG_ENSURE(fresh.slots != NULL, AG_ERR_NO_MEMORY);
    fresh.slot_count = slot_count;
    fresh.count = live;
    for (size_t i = 0; i < table->slot_count; i++) {
        const struct replay_record *record = &table->slots[i];
        if (record->expires_ms >= clock_ms && record->expires_ms != 0) {
            fresh.slots[find_slot(&fresh, record->digest)] = *record;
        }
    }
    ag_free(table->slots);
    *table = fresh;
    return AG_OK;
}

enum ag_err ag_mempool_table_reserve(struct replay_table *table, size_t count, uint64_t clock_ms)
{
    bool is_within = count <= table->count_max && table->count <= table->count_max - count;
    if (is_within && slots_for(table->count + count) <= table->slot_count) {
        return AG_OK;
    }
    if (!is_within) {
        /* A full table is not searched again for every envelope that knocks. */
        AG_ENSURE(table->purged_ms == 0 || clock_ms >= add_ms(table->purged_ms, PURGE_PAUSE_MS),
                  AG_ERR_MEMPOOL_FULL);
        table->purged_ms = clock_ms;
    }
    return rebuild(table, count, clock_ms);
}

void ag_mempool_table_put(struct replay_table *table, const struct replay_record *record)
{
    AG_ASSERT(table->slot_count != 0 && record->expires_ms != 0);
    struct replay_record *there = &table->slots[find_slot(table, record->digest)];
    if (there->expires_ms == 0) {
        table->count++;
        AG_ASSERT(table->count < table->slot_count);
    }
    *there = *record;
}

void ag_mempool_table_remove(struct replay_table *table, const uint8_t digest[REPLAY_DIGEST_SIZE])
{
    if (table->slot_count == 0) {
        return;
    }
    size_t hole = find_slot(table, digest);
    if (table->slots[hole].expires_ms == 0) {
        return;
    }
    /* Followers whose way from home passes the hole move back into it: no tombstones. */
    size_t slot = hole;
    for (;;) {
        slot = next_slot(table, slot);
        if (table->slots[slot].expires_ms == 0) {
            break;
        }
        size_t home = home_slot(table, table->slots[slot].digest);
        size_t from_home = (slot + table->slot_count - home) % table->slot_count;
        size_t from_hole = (slot + table->slot_count - hole) % table->slot_count;
        if (from_home >= from_hole) {
            table->slots[hole] = table->slots[slot];
            hole = slot;
        }
    }
    table->slots[hole] = (struct replay_record){{0}, 0};
    table->count--;
}

void ag_mempool_record_encode(const struct replay_record *record,
                              uint8_t out[AG_REPLAY_RECORD_SIZE])
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(record->expires_ms >> (56u - 8u * i));
    }
    memcpy(out + 8, record->digest, REPLAY_DIGEST_SIZE);
}

void ag_mempool_record_decode(const uint8_t in[AG_REPLAY_RECORD_SIZE], struct replay_record *out)
{
    out->expires_ms = 0;
    for (unsigned i = 0; i < 8; i++) {
        out->expires_ms = out->expires_ms << 8 | in[i];
    }
    memcpy(out->digest, in + 8, REPLAY_DIGEST_SIZE);
}
