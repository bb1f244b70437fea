/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "post/post.h"
#include "seq/seq_i.h"

/* After a start, everything promised is taken up again. The spool lies on the host's disk, so it is
 * believed only as far as the anchored digest of the newest group reaches: each group names the one
 * before, and its root covers its envelopes. */

struct walk {
    struct ag_seq *seq;
    struct ag_mempool_restored *entries;
    size_t count;
    size_t capacity;
    uint64_t next_group;        /* expected number; 0: any */
    uint64_t next_admission;    /* expected first admission; 0: any */
    struct ag_hash last_digest; /* of the group before, once there is one */
    struct ag_arena arena;      /* copies of the groups */
};

static enum ag_err note_entry(struct walk *walk, const struct ag_group *group, uint32_t index,
                              const struct ag_spool_entry *entry, const struct ag_id *envelope_id)
{
    uint64_t admission = group->first_admission + index;
    if (admission < walk->seq->anchored.meta.first_unbatched) {
        return AG_OK; /* its batch is committed, a later one of its group is not */
    }
    AG_ENSURE(walk->count < walk->capacity, AG_ERR_STORE_CORRUPT);
    struct ag_mempool_restored *restored = &walk->entries[walk->count++];
    restored->admission = admission;
    restored->deadline_ms = entry->deadline_ms;
    restored->bytes = entry->envelope; /* in the copy of its group */

    pthread_mutex_lock(&walk->seq->lock);
    struct pending *pending = ag_lru_insert(walk->seq->pending, envelope_id);
    pending->admission = admission;
    pending->group = group->number;
    pending->leaf = index;
    pthread_mutex_unlock(&walk->seq->lock);
    return AG_OK;
}

/* The envelopes of a group lead to its root. */
static enum ag_err walk_entries(struct walk *walk, const struct ag_spool_group *spool,
                                const struct ag_group *group)
{
    struct ag_id *leaves AG_SCOPED(ag_free_cleanup) = ag_alloc_array(spool->count, sizeof(*leaves));
    AG_ENSURE(leaves != NULL, AG_ERR_NO_MEMORY);
    struct ag_bytes rest = spool->entries;
    for (uint32_t i = 0; i < spool->count; i++) {
        struct ag_spool_entry entry;
        struct ag_envelope envelope;
        struct ag_admission_leaf leaf = {.admission = group->first_admission + i};
        uint8_t bytes[AG_ADMISSION_LEAF_SIZE];
        AG_ENSURE(ag_spool_entry_next(&rest, &entry, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
        AG_ENSURE(ag_envelope_decode(entry.envelope, &envelope, NULL) == AG_OK,
                  AG_ERR_STORE_CORRUPT);
        AG_TRY(ag_envelope_id(&envelope, &leaf.envelope_id));
        leaf.deadline_ms = entry.deadline_ms;
        ag_admission_leaf_encode(&leaf, bytes);
        AG_TRY(ag_merkle_leaf(AG_ARRAY_VIEW(bytes), &leaves[i]));
        AG_TRY(note_entry(walk, group, i, &entry, &leaf.envelope_id));
    }
    struct ag_id root;
    AG_TRY(ag_merkle_root(leaves, spool->count, &root));
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&root), AG_VIEW(&group->root)), AG_ERR_STORE_CORRUPT);
    return AG_OK;
}

static enum ag_err walk_group(struct walk *walk, struct ag_bytes mapped)
{
    struct ag_spool_group spool;
    struct ag_group group;
    struct ag_bytes stored;
    /* The store's pages are mapped from the host's disk and may be read anew, with other bytes:
     * what is judged and what is taken up must be one copy. */
    AG_TRY(ag_arena_copy(&walk->arena, mapped, &stored));
    AG_ENSURE(ag_spool_group_decode(stored, &spool, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
    AG_ENSURE(ag_group_decode(spool.group, &group, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
    AG_ENSURE(group.count == spool.count, AG_ERR_STORE_CORRUPT);
    if (walk->next_group != 0) {
        AG_ENSURE(group.number == walk->next_group &&
                      group.first_admission == walk->next_admission &&
                      ag_bytes_equal(AG_VIEW(&group.previous), AG_VIEW(&walk->last_digest)),
                  AG_ERR_STORE_CORRUPT);
    } else {
        AG_ENSURE(group.first_admission <= walk->seq->anchored.meta.first_unbatched,
                  AG_ERR_STORE_CORRUPT);
    }
    AG_TRY(walk_entries(walk, &spool, &group));
    walk->next_group = group.number + 1;
    walk->next_admission = group.first_admission + group.count;
    return ag_group_digest(spool.group, &walk->last_digest);
}

static enum ag_err walk_spool(struct walk *walk)
{
    const struct ag_meta *meta = &walk->seq->anchored.meta;
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_store_cursor *cursor AG_SCOPED(ag_store_cursor_cleanup) = NULL;
    struct ag_store_entry entry;
    AG_TRY(ag_store_read_begin(walk->seq->store, &tx));
    AG_TRY(ag_store_cursor_open(tx, AG_TABLE_SPOOL, &cursor));
    enum ag_err err = ag_store_first(cursor, &entry);
    for (; err == AG_OK; err = ag_store_next(cursor, &entry)) {
        AG_TRY(walk_group(walk, entry.value));
    }
    AG_ENSURE(err == AG_ERR_NOT_FOUND, err);

    if (walk->next_group == 0) {
        AG_ENSURE(meta->first_unbatched == meta->next_admission, AG_ERR_STORE_CORRUPT);
        return AG_OK;
    }
    AG_ENSURE(walk->next_group == meta->last_group + 1 &&
                  walk->next_admission == meta->next_admission &&
                  ag_bytes_equal(AG_VIEW(&walk->last_digest), AG_VIEW(&meta->last_group_digest)),
              AG_ERR_STORE_CORRUPT);
    return AG_OK;
}

/* The newest batch is the one that the anchor names. */
enum ag_err ag_seq_restore_head(struct ag_seq *seq)
{
    const struct ag_meta *meta = &seq->anchored.meta;
    struct ag_batch_header header;
    struct ag_hash digest;
    if (meta->head_number == 0) {
        return AG_OK;
    }
    seq->released_number = meta->head_number; /* no other thread is there yet */
    AG_ENSURE(ag_seq_batch_header(seq, meta->head_number, &header, &digest) == AG_OK,
              AG_ERR_STORE_CORRUPT);
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&digest), AG_VIEW(&meta->head_digest)), AG_ERR_STORE_CORRUPT);
    seq->last_time_ms = header.time_ms;
    seq->committed_time_ms = header.time_ms;
    return AG_OK;
}

static enum ag_err restore_pool(struct ag_seq *seq)
{
    const struct ag_meta *meta = &seq->anchored.meta;
    uint64_t waiting = meta->next_admission - meta->first_unbatched;
    AG_ENSURE(waiting <= AG_LIMIT_POOL_COUNT, AG_ERR_STORE_CORRUPT);

    struct walk walk = {.seq = seq, .capacity = (size_t)waiting};
    ag_arena_init(&walk.arena, (size_t)AG_LIMIT_POOL_BYTES + (size_t)4 * AG_LIMIT_GROUP_BYTES);
    walk.entries = ag_alloc_array(walk.capacity + 1, sizeof(*walk.entries));
    enum ag_err err = walk.entries == NULL ? AG_ERR_NO_MEMORY : walk_spool(&walk);
    if (err == AG_OK && walk.count != 0) {
        struct ag_fault fault = {0};
        err = ag_mempool_restore(seq->mempool, seq->workers, walk.entries, walk.count, &fault);
        ag_log(AG_LOG_INFO, "pool.restored", ag_kv_u64("envelopes", walk.count),
               ag_kv_err("result", err));
    }
    ag_free(walk.entries);
    ag_arena_close(&walk.arena);
    return err;
}

enum ag_err ag_seq_restore(struct ag_seq *seq)
{
    AG_TRY(ag_seq_replay_load(seq));
    AG_TRY(restore_pool(seq));
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    AG_TRY(ag_post_count(tx, &seq->outbox_count));
    seq->built_number = seq->anchored.meta.head_number;
    seq->built_digest = seq->anchored.meta.head_digest;
    return AG_OK;
}
