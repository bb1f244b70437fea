/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* The anchored record, sealed under the name of its entry: the meta encoding, then the replay sum
 * (32 bytes), the oldest honoured key epoch (u64) and the digest of the current bundle (48). */

#define TAIL_SIZE (32u + 8u + AG_HASH_SIZE)

static struct ag_bytes meta_key(void)
{
    return AG_LITERAL(AG_SEQ_KEY_META);
}

static enum ag_err put_anchored(struct ag_seq *seq, struct ag_store_tx *tx,
                                const struct anchored *next)
{
    struct ag_vec record AG_SCOPED(ag_vec_close);
    struct ag_vec blob AG_SCOPED(ag_vec_close);
    ag_vec_init(&record, 4096);
    ag_vec_init(&blob, 4096 + AG_SEAL_OVERHEAD_SIZE);

    AG_TRY(ag_meta_encode(&next->meta, &record));
    AG_TRY(ag_vec_append(&record, AG_VIEW(&next->replay)));
    struct ag_store_u64 epoch_first = ag_store_u64(next->key_epoch_first);
    AG_TRY(ag_vec_append(&record, AG_VIEW(&epoch_first)));
    AG_TRY(ag_vec_append(&record, AG_VIEW(&next->bundle_digest)));
    AG_TRY(ag_seal_seal(seq->seal, AG_PURPOSE_META, next->meta.key_epoch, meta_key(),
                        ag_vec_view(&record), &blob));
    return ag_store_put(tx, AG_TABLE_META, meta_key(), ag_vec_view(&blob));
}

enum ag_err ag_seq_anchored_commit(struct ag_seq *seq, struct ag_store_tx *tx,
                                   struct anchored *next)
{
    next->meta.anchor_counter = seq->anchored.meta.anchor_counter + 1;
    enum ag_err err = put_anchored(seq, tx, next);
    if (err != AG_OK) {
        ag_store_abort(tx);
        return err;
    }
    err = ag_store_commit(tx);
    if (err != AG_OK) {
        /* The sealed record of this counter value may lie on the disk in some page: before the next
         * commit says something else, the counter must have passed it [docs/spec/sealing.md]. */
        seq->is_anchor_open = true;
        return err;
    }
    AG_FAILPOINT("anchor.before_advance", AG_ERR_TEE);
    /* Committed and not anchored: whatever the reason, only a restart may judge it. */
    AG_ENSURE(ag_seal_anchor_advance(seq->tee, next->meta.anchor_counter) == AG_OK, AG_ERR_TEE);
    AG_FAILPOINT("anchor.after_advance", AG_ERR_TEE);
    seq->anchored = *next;
    return AG_OK;
}

enum ag_err ag_seq_anchor_again(struct ag_seq *seq)
{
    struct anchored next = seq->anchored;
    struct ag_store_tx *tx = NULL;
    AG_TRY(ag_store_begin(seq->store, &tx));
    AG_TRY(ag_seq_anchored_commit(seq, tx, &next));
    seq->is_anchor_open = false;
    return AG_OK;
}

static enum ag_err decode_anchored(struct ag_bytes record, struct anchored *out)
{
    struct anchored anchored = {0};
    AG_ENSURE(record.size > TAIL_SIZE, AG_ERR_STORE_CORRUPT);
    struct ag_bytes meta = ag_bytes_head(record, record.size - TAIL_SIZE);
    struct ag_bytes tail = ag_bytes_tail(record, meta.size);
    AG_ENSURE(tail.size == TAIL_SIZE, AG_ERR_STORE_CORRUPT);
    AG_ENSURE(ag_meta_decode(meta, &anchored.meta, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
    memcpy(anchored.replay.bytes, tail.data, 32);
    AG_TRY(ag_store_u64_parse(ag_bytes_of(tail.data + 32, 8), &anchored.key_epoch_first));
    memcpy(anchored.bundle_digest.bytes, tail.data + 40, AG_HASH_SIZE);
    *out = anchored;
    return AG_OK;
}

enum ag_err ag_seq_anchor_read(struct ag_seq *seq, struct anchored *out)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes blob;
    struct ag_bytes record;
    ag_arena_init_secret(&arena, 16384);

    AG_TRY(ag_store_read_begin(seq->store, &tx));
    enum ag_err err = ag_store_get(tx, AG_TABLE_META, meta_key(), &blob);
    if (err == AG_ERR_NOT_FOUND) {
        /* A new store is right only on hardware that never counted for this program. */
        AG_TRY(ag_seal_anchor_check(seq->tee, 0));
        return AG_ERR_NOT_FOUND;
    }
    AG_TRY(err);
    AG_TRY(ag_seal_unseal(seq->seal, AG_PURPOSE_META, 0, meta_key(), blob, &arena, &record));
    struct anchored anchored;
    AG_TRY(decode_anchored(record, &anchored));
    AG_TRY(ag_seal_anchor_check(seq->tee, anchored.meta.anchor_counter));
    *out = anchored;
    return AG_OK;
}
