/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs come and go. The honoured ones change only in ag_keyring_settle, after the transaction
 * that says so; only the writer thread changes them, so it may read them without the lock. */
#include "keyring/keyring_i.h"

static void forget_pending(struct ag_keyring *keyring)
{
    keyring->has_pending = false;
    keyring->pending_new = NULL;
    keyring->pending_first = 0;
}

static enum ag_err put_inventory(const struct ag_vec *sealed, struct ag_store_tx *tx)
{
    struct ag_keyring_row_key key = ag_keyring_row_key(0, AG_KEYRING_INVENTORY);

    return ag_store_put(tx, AG_TABLE_KEYS, AG_VIEW(&key), ag_vec_view(sealed));
}

enum ag_err ag_keyring_rotate_in(struct ag_keyring *keyring, struct ag_store_tx *tx,
                                 uint64_t now_ms)
{
    struct ag_keyring_rows rows AG_SCOPED(ag_keyring_rows_close) = {0};
    struct ag_vec sealed AG_SCOPED(ag_vec_close) = {0};
    struct ag_keyring_keys *keys AG_SCOPED(ag_keyring_keys_cleanup) = NULL;
    struct ag_keyring_keys *current = NULL;
    struct ag_keyring_inventory inventory = {.first = 1, .current = 1};
    struct ag_hash previous = {{0}};

    AG_ENSURE(!keyring->has_pending, AG_ERR_BUSY);
    AG_ENSURE(keyring->honoured_count < AG_LIMIT_KEY_EPOCHS, AG_ERR_KEYRING_EPOCHS);
    if (keyring->honoured_count > 0) {
        current = keyring->honoured[keyring->honoured_count - 1];
        previous = current->digest;
        inventory.first = keyring->honoured[0]->epoch;
        inventory.current = current->epoch + 1;
    }
    /* All that can fail without the database comes first: after an error the transaction is either
     * untouched or refuses to commit. */
    AG_TRY(ag_keyring_keys_make(keyring, inventory.current, &previous, now_ms, &rows, &keys));
    inventory.digest = keys->digest;
    ag_vec_init(&sealed, AG_LIMIT_BUNDLE_BYTES);
    AG_TRY(ag_keyring_inventory_seal(keyring, &inventory, &sealed));
    AG_TRY(ag_keyring_rows_put(&rows, tx));
    AG_TRY(put_inventory(&sealed, tx));

    keyring->has_pending = true;
    keyring->pending_first = inventory.first;
    keyring->pending_new = keys;
    keys = NULL;
    return AG_OK;
}

/* Deletes the rows that hold secrets; bundle and digest stay. */
static enum ag_err delete_secrets(const struct ag_keyring_keys *keys, struct ag_store_tx *tx)
{
    uint32_t kinds[3 + AG_LIMIT_BUNDLE_KEMS] = {AG_KEYRING_MLDSA87, AG_KEYRING_SLHDSA,
                                                AG_KEYRING_POSTING};
    size_t kind_count = 3;

    for (size_t i = 0; i < keys->kem_count; i++) {
        kinds[kind_count++] = (uint32_t)AG_KEYRING_KEM_BASE + keys->kems[i].kem;
    }
    for (size_t i = 0; i < kind_count; i++) {
        struct ag_keyring_row_key key = ag_keyring_row_key(keys->epoch, kinds[i]);

        AG_TRY(ag_store_delete(tx, AG_TABLE_KEYS, AG_VIEW(&key)));
    }
    return AG_OK;
}

enum ag_err ag_keyring_retire_in(struct ag_keyring *keyring, struct ag_store_tx *tx, uint64_t epoch)
{
    struct ag_vec sealed AG_SCOPED(ag_vec_close) = {0};
    const struct ag_keyring_keys *current = keyring->honoured[keyring->honoured_count - 1];
    struct ag_keyring_inventory inventory = {
        .first = epoch + 1, .current = current->epoch, .digest = current->digest};

    AG_ENSURE(!keyring->has_pending, AG_ERR_BUSY);
    AG_ENSURE(epoch != current->epoch, AG_ERR_ARGUMENT);
    AG_ENSURE(epoch >= keyring->honoured[0]->epoch && epoch < current->epoch, AG_ERR_NOT_FOUND);
    ag_vec_init(&sealed, AG_LIMIT_BUNDLE_BYTES);
    AG_TRY(ag_keyring_inventory_seal(keyring, &inventory, &sealed));
    for (size_t i = 0; keyring->honoured[i]->epoch <= epoch; i++) {
        enum ag_err err = delete_secrets(keyring->honoured[i], tx);

        AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_STORE_CORRUPT);
        AG_TRY(err);
    }
    AG_TRY(put_inventory(&sealed, tx));

    keyring->has_pending = true;
    keyring->pending_first = inventory.first;
    keyring->pending_new = NULL;
    return AG_OK;
}

/* Moves the run of honoured epochs; gives back those that left it, for their release. */
static size_t install(struct ag_keyring *keyring,
                      struct ag_keyring_keys *out_left[AG_LIMIT_KEY_EPOCHS])
{
    size_t left = 0;

    AG_ASSERT(pthread_mutex_lock(&keyring->lock) == 0);
    while (left < keyring->honoured_count &&
           keyring->honoured[left]->epoch < keyring->pending_first) {
        out_left[left] = keyring->honoured[left];
        left++;
    }
    keyring->honoured_count -= left;
    for (size_t i = 0; i < keyring->honoured_count; i++) {
        keyring->honoured[i] = keyring->honoured[i + left];
    }
    if (keyring->pending_new != NULL) {
        AG_ASSERT(keyring->honoured_count < AG_LIMIT_KEY_EPOCHS);
        keyring->honoured[keyring->honoured_count++] = keyring->pending_new;
    }
    AG_ASSERT(pthread_mutex_unlock(&keyring->lock) == 0);
    return left;
}

enum ag_err ag_keyring_pending(struct ag_keyring *keyring, uint64_t *out_first,
                               uint64_t *out_current, struct ag_hash *out_digest)
{
    const struct ag_keyring_keys *current = keyring->pending_new;

    AG_ENSURE(keyring->has_pending, AG_ERR_NOT_FOUND);
    if (current == NULL) {
        current = keyring->honoured[keyring->honoured_count - 1];
    }
    *out_first = keyring->pending_first;
    *out_current = current->epoch;
    *out_digest = current->digest;
    return AG_OK;
}

void ag_keyring_settle(struct ag_keyring *keyring, bool is_committed)
{
    struct ag_keyring_keys *left[AG_LIMIT_KEY_EPOCHS] = {NULL};
    size_t left_count = 0;

    if (!keyring->has_pending) {
        return;
    }
    if (is_committed) {
        left_count = install(keyring, left);
    } else {
        ag_keyring_keys_release(keyring->pending_new);
    }
    forget_pending(keyring);
    for (size_t i = 0; i < left_count; i++) {
        ag_keyring_keys_release(left[i]);
    }
}

/* ---- in a transaction of their own ----------------------------------------------------------- */

static enum ag_err finish(struct ag_keyring *keyring, struct ag_store_tx *tx, enum ag_err err)
{
    if (err != AG_OK) {
        ag_store_abort(tx);
        return err;
    }
    err = ag_store_commit(tx);
    ag_keyring_settle(keyring, err == AG_OK);
    return err;
}

enum ag_err ag_keyring_rotate(struct ag_keyring *keyring, uint64_t now_ms)
{
    struct ag_store_tx *tx = NULL;

    AG_TRY(ag_store_begin(keyring->store, &tx));
    return finish(keyring, tx, ag_keyring_rotate_in(keyring, tx, now_ms));
}

enum ag_err ag_keyring_retire(struct ag_keyring *keyring, uint64_t epoch)
{
    struct ag_store_tx *tx = NULL;

    AG_TRY(ag_store_begin(keyring->store, &tx));
    return finish(keyring, tx, ag_keyring_retire_in(keyring, tx, epoch));
}
