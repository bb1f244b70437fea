/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* Epochs of keys while the node runs. A rotation makes the next epoch current at once; envelopes to
 * older ones are honoured for the overlap, then refused; and when the last of them is in a batch,
 * the old keys are erased. Where an epoch stands follows from the bundles alone, so a restart
 * changes nothing. */

#define CHECK_INTERVAL_MS 1000u

/* Changes the keys and what the anchor says of them in one commit. `retired` 0 rotates. */
static enum ag_err change_keys(struct ag_seq *seq, uint64_t retired)
{
    struct anchored next = seq->anchored;
    struct ag_store_tx *tx = NULL;
    if (seq->is_anchor_open) {
        AG_TRY(ag_seq_anchor_again(seq));
        next = seq->anchored;
    }
    AG_TRY(ag_store_begin(seq->store, &tx));
    enum ag_err err = retired == 0 ? ag_keyring_rotate_in(seq->keyring, tx, ag_seq_now_ms(seq))
                                   : ag_keyring_retire_in(seq->keyring, tx, retired);
    if (err == AG_OK) {
        err = ag_keyring_pending(seq->keyring, &next.key_epoch_first, &next.meta.key_epoch,
                                 &next.bundle_digest);
    }
    if (err != AG_OK) {
        ag_store_abort(tx);
        ag_keyring_settle(seq->keyring, false);
        return err;
    }
    err = ag_seq_anchored_commit(seq, tx, &next);
    ag_keyring_settle(seq->keyring, err == AG_OK);
    return err;
}

static enum ag_err rotate(struct ag_seq *seq)
{
    enum ag_err err = change_keys(seq, 0);
    if (err == AG_ERR_KEYRING_EPOCHS || ag_err_class(err) == AG_CLASS_LIMIT) {
        ag_log(AG_LOG_WARN, "keys.not_rotated", ag_kv_err("error", err));
        return AG_OK;
    }
    AG_TRY(err);
    ag_log(AG_LOG_INFO, "keys.rotated", ag_kv_u64("epoch", ag_keyring_epoch(seq->keyring)),
           ag_kv_hash("bundle", &seq->anchored.bundle_digest));
    /* Groups and batches name the new bundle from here on, so its evidence must exist. */
    seq->identity_check_ms = 0;
    return ag_seq_identity_renew(seq, ag_seq_now_ms(seq));
}

/* Whether the overlap of the oldest epoch is over: it ends a fixed time after the next one
 * began. */
static enum ag_err is_overlap_over(struct ag_seq *seq, uint64_t oldest, bool *out)
{
    struct ag_vec encoding AG_SCOPED(ag_vec_close);
    struct ag_bundle next;
    ag_vec_init(&encoding, AG_LIMIT_BUNDLE_BYTES);
    AG_TRY(ag_keyring_bundle(seq->keyring, oldest + 1, &encoding, NULL));
    AG_ENSURE(ag_bundle_decode(ag_vec_view(&encoding), &next, NULL) == AG_OK, AG_ERR_STORE_CORRUPT);
    *out = ag_seq_now_ms(seq) >= next.created_ms + seq->conf->epoch_overlap_ms;
    return AG_OK;
}

static enum ag_err retire(struct ag_seq *seq)
{
    const struct ag_meta *meta = &seq->anchored.meta;
    uint64_t oldest = ag_keyring_epoch_first(seq->keyring);
    bool is_over = false;
    if (oldest == ag_keyring_epoch(seq->keyring)) {
        return AG_OK;
    }
    AG_TRY(is_overlap_over(seq, oldest, &is_over));
    if (!is_over) {
        return AG_OK;
    }
    if (seq->honoured_first <= oldest) {
        /* From here on none is admitted; what was admitted before is waited for. */
        seq->honoured_first = oldest + 1;
        seq->retire_mark = meta->next_admission;
    }
    if (meta->first_unbatched < seq->retire_mark || seq->flight_count != 0) {
        return AG_OK;
    }
    AG_TRY(change_keys(seq, oldest));
    ag_log(AG_LOG_INFO, "keys.retired", ag_kv_u64("epoch", oldest));
    return AG_OK;
}

enum ag_err ag_seq_keys_step(struct ag_seq *seq, bool *out_did_work)
{
    uint64_t mono_ms = ag_seq_mono_ms(seq);
    pthread_mutex_lock(&seq->lock);
    bool is_wanted = seq->is_rotation_wanted;
    seq->is_rotation_wanted = false;
    pthread_mutex_unlock(&seq->lock);
    if (is_wanted) {
        *out_did_work = true;
        AG_TRY(rotate(seq));
    }
    if (mono_ms < seq->keys_check_ms) {
        return AG_OK;
    }
    seq->keys_check_ms = mono_ms + CHECK_INTERVAL_MS;
    enum ag_err err = retire(seq);
    return ag_err_class(err) == AG_CLASS_LIMIT || err == AG_ERR_NO_MEMORY ? AG_OK : err;
}

enum ag_err ag_seq_rotate_keys(struct ag_seq *seq)
{
    pthread_mutex_lock(&seq->lock);
    bool is_draining = seq->is_draining;
    seq->is_rotation_wanted = !is_draining;
    pthread_mutex_unlock(&seq->lock);
    AG_ENSURE(!is_draining, AG_ERR_DRAINING);
    /* Asked of a copy: the keyring itself says no again if it has become true meanwhile. */
    AG_ENSURE(ag_keyring_epoch(seq->keyring) - ag_keyring_epoch_first(seq->keyring) + 1 <
                  AG_LIMIT_KEY_EPOCHS,
              AG_ERR_KEYRING_EPOCHS);
    ag_seq_wake(seq);
    return AG_OK;
}
