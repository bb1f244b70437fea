/* SPDX-License-Identifier: Apache-2.0 */
/* Parsed collateral, kept by content. The key is the content itself, compared byte by byte: sets
 * are few and some 20 KiB, so a hit costs less than a digest would, and there is nothing to
 * collide. No instant is in the key because nothing kept depends on one. */
#include "attest/attest_i.h"

#include <pthread.h>
#include <string.h>

#define PART_COUNT 7u

/* Shared by the cache and by every verdict under way; counted under the cache's lock. */
struct ag_collateral_entry {
    struct ag_collateral_parsed *parsed;
    struct ag_vec content; /* the parts in a row */
    size_t sizes[PART_COUNT];
    uint64_t used; /* when last taken, in takes */
    unsigned references;
};

struct ag_attest_cache {
    pthread_mutex_t lock;
    uint64_t takes;
    uint64_t misses;
    size_t capacity;
    struct ag_collateral_entry **entries; /* `capacity` places, NULL: free */
};

static void list_parts(const struct ag_collateral *in, struct ag_bytes out[PART_COUNT])
{
    /* fetched_ms says nothing about the content. */
    const struct ag_bytes parts[PART_COUNT] = {
        in->tcb_info, in->tcb_info_chain, in->qe_identity,  in->qe_identity_chain,
        in->root_crl, in->pck_crl,        in->pck_crl_chain};
    memcpy(out, parts, sizeof(parts));
}

static bool is_same(const struct ag_collateral_entry *entry,
                    const struct ag_bytes parts[PART_COUNT], const struct ag_anchor *anchor)
{
    if (memcmp(entry->parsed->anchor.fingerprint, anchor->fingerprint,
               sizeof(anchor->fingerprint)) != 0) {
        return false;
    }
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (entry->sizes[i] != parts[i].size) {
            return false;
        }
    }
    struct ag_bytes rest = ag_vec_view(&entry->content);
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (!ag_bytes_equal(ag_bytes_head(rest, parts[i].size), parts[i])) {
            return false;
        }
        rest = ag_bytes_tail(rest, parts[i].size);
    }
    return true;
}

static void entry_close(struct ag_collateral_entry *entry)
{
    ag_collateral_parsed_close(entry->parsed);
    ag_vec_close(&entry->content);
    ag_free(entry);
}

static enum ag_err entry_fill(struct ag_collateral_entry *entry, const struct ag_collateral *in,
                              const struct ag_anchor *anchor, bool keep_content)
{
    AG_TRY(ag_collateral_parse(in, anchor, &entry->parsed));
    if (!keep_content) {
        return AG_OK;
    }
    struct ag_bytes parts[PART_COUNT];
    list_parts(in, parts);
    for (size_t i = 0; i < PART_COUNT; i++) {
        entry->sizes[i] = parts[i].size;
        AG_TRY(ag_vec_append(&entry->content, parts[i]));
    }
    return AG_OK;
}

static enum ag_err entry_open(const struct ag_collateral *in, const struct ag_anchor *anchor,
                              bool keep_content, struct ag_collateral_entry **out)
{
    struct ag_collateral_entry *entry = ag_alloc(sizeof(*entry));
    AG_ENSURE(entry != NULL, AG_ERR_NO_MEMORY);
    entry->references = 1;
    ag_vec_init(&entry->content, PART_COUNT * (size_t)AG_LIMIT_COLLATERAL_PART_BYTES);
    enum ag_err err = entry_fill(entry, in, anchor, keep_content);
    if (err != AG_OK) {
        entry_close(entry);
        return err;
    }
    *out = entry;
    return AG_OK;
}

/* Collateral over its limits is judged, but not worth keeping. */
static bool is_worth_keeping(const struct ag_collateral *in)
{
    struct ag_bytes parts[PART_COUNT];
    list_parts(in, parts);
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (parts[i].size > AG_LIMIT_COLLATERAL_PART_BYTES) {
            return false;
        }
    }
    return true;
}

/* The entry for this content with one more reference, or NULL. The caller holds the lock. */
static struct ag_collateral_entry *find_locked(struct ag_attest_cache *cache,
                                               const struct ag_collateral *in,
                                               const struct ag_anchor *anchor)
{
    struct ag_bytes parts[PART_COUNT];
    list_parts(in, parts);
    for (size_t i = 0; i < cache->capacity; i++) {
        struct ag_collateral_entry *entry = cache->entries[i];
        if (entry != NULL && is_same(entry, parts, anchor)) {
            entry->used = ++cache->takes;
            entry->references++;
            return entry;
        }
    }
    return NULL;
}

/* Gives `entry` a place, and returns what must be closed outside the lock: the least recently used
 * one, if nobody else holds it. */
static struct ag_collateral_entry *keep_locked(struct ag_attest_cache *cache,
                                               struct ag_collateral_entry *entry)
{
    size_t place = 0;
    for (size_t i = 0; i < cache->capacity; i++) {
        if (cache->entries[i] == NULL) {
            place = i;
            break;
        }
        if (cache->entries[i]->used < cache->entries[place]->used) {
            place = i;
        }
    }
    struct ag_collateral_entry *old = cache->entries[place];
    entry->used = ++cache->takes;
    entry->references++;
    cache->entries[place] = entry;
    return old != NULL && --old->references == 0 ? old : NULL;
}

enum ag_err ag_attest_cache_take(struct ag_attest_cache *cache, const struct ag_collateral *in,
                                 const struct ag_anchor *anchor, struct ag_collateral_entry **out)
{
    bool is_kept = cache != NULL && is_worth_keeping(in);
    if (is_kept) {
        pthread_mutex_lock(&cache->lock);
        struct ag_collateral_entry *found = find_locked(cache, in, anchor);
        cache->misses += found == NULL ? 1u : 0u;
        pthread_mutex_unlock(&cache->lock);
        if (found != NULL) {
            *out = found;
            return AG_OK;
        }
    }
    /* Parsed outside the lock: two threads may do the same work once, and both are right. */
    struct ag_collateral_entry *made = NULL;
    AG_TRY(entry_open(in, anchor, is_kept, &made));
    if (is_kept) {
        pthread_mutex_lock(&cache->lock);
        struct ag_collateral_entry *old = keep_locked(cache, made);
        pthread_mutex_unlock(&cache->lock);
        if (old != NULL) {
            entry_close(old);
        }
    }
    *out = made;
    return AG_OK;
}

const struct ag_collateral_parsed *ag_attest_cache_parsed(const struct ag_collateral_entry *entry)
{
    return entry->parsed;
}

void ag_attest_cache_give_back(struct ag_attest_cache *cache, struct ag_collateral_entry *entry)
{
    bool is_last = cache == NULL;
    if (cache != NULL) {
        pthread_mutex_lock(&cache->lock);
        is_last = --entry->references == 0;
        pthread_mutex_unlock(&cache->lock);
    }
    if (is_last) {
        entry_close(entry);
    }
}

uint64_t ag_attest_cache_miss_count(struct ag_attest_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t misses = cache->misses;
    pthread_mutex_unlock(&cache->lock);
    return misses;
}

enum ag_err ag_attest_cache_open(size_t capacity, struct ag_attest_cache **out)
{
    AG_ENSURE(capacity >= 1 && capacity <= AG_LIMIT_ATTEST_CACHE, AG_ERR_ARGUMENT);
    struct ag_attest_cache *cache = ag_alloc(sizeof(*cache));
    AG_ENSURE(cache != NULL, AG_ERR_NO_MEMORY);
    cache->entries = ag_alloc_array(capacity, sizeof(struct ag_collateral_entry *));
    if (cache->entries == NULL) {
        ag_free(cache);
        return AG_ERR_NO_MEMORY;
    }
    cache->capacity = capacity;
    pthread_mutex_init(&cache->lock, NULL); /* cannot fail with default attributes */
    *out = cache;
    return AG_OK;
}

void ag_attest_cache_close(struct ag_attest_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < cache->capacity; i++) {
        if (cache->entries[i] != NULL) {
            AG_ASSERT(cache->entries[i]->references == 1);
            entry_close(cache->entries[i]);
        }
    }
    ag_free(cache->entries);
    pthread_mutex_destroy(&cache->lock);
    ag_free(cache);
}
