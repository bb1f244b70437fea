/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* The anchored record: the meta encoding, then the replay sum; sealed under the name of its entry. */

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
    AG_TRY(ag_store_commit(tx));
    AG_FAILPOINT("anchor.before_advance", AG_ERR_TEE);
    /* Committed and not anchored: whatever the reason, only a restart may judge it. */
    AG_ENSURE(ag_seal_anchor_advance(seq->tee, next->meta.anchor_counter) == AG_OK, AG_ERR_TEE);
    AG_FAILPOINT("anchor.after_advance", AG_ERR_TEE);
    seq->anchored = *next;
    return AG_OK;
}

static enum ag_err decode_anchored(struct ag_bytes record, struct anchored *out)
{
    struct anchored anchored = {0};
    size_t sum_size = sizeof(anchored.replay.bytes);
    AG_ENSURE(record.size > sum_size, AG_ERR_STORE_CORRUPT);
    struct ag_bytes meta = ag_bytes_head(record, record.size - sum_size);
    struct ag_bytes sum = ag_bytes_tail(record, meta.size);
    AG_ENSURE(ag_meta_decode(meta, &anchored.meta, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
    memcpy(anchored.replay.bytes, sum.data, sum_size);
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
