/* SPDX-License-Identifier: Apache-2.0 */
/* What table `keys` holds. The layout is in keyring_i.h and docs/spec/sealing.md. */
#include "keyring/keyring_i.h"

#include <string.h>

#include "wire/wire.h"

/* The largest row is a sealed bundle digest or seed, or a bundle in clear. */
#define ARENA_SIZE 4096u

struct ag_keyring_row_key ag_keyring_row_key(uint64_t epoch, uint32_t kind)
{
    struct ag_store_u64 number = ag_store_u64(epoch);
    struct ag_keyring_row_key key = {{0}};

    memcpy(key.bytes, number.bytes, sizeof(number.bytes));
    for (size_t i = 0; i < 4; i++) {
        key.bytes[sizeof(number.bytes) + i] = (uint8_t)(kind >> (24 - 8 * i));
    }
    return key;
}

void ag_keyring_rows_close(struct ag_keyring_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        ag_vec_close(&rows->rows[i].value);
    }
    rows->count = 0;
}

enum ag_err ag_keyring_rows_put(const struct ag_keyring_rows *rows, struct ag_store_tx *tx)
{
    for (size_t i = 0; i < rows->count; i++) {
        AG_TRY(ag_store_put(tx, AG_TABLE_KEYS, AG_VIEW(&rows->rows[i].key),
                            ag_vec_view(&rows->rows[i].value)));
    }
    return AG_OK;
}

/* ---- bundles --------------------------------------------------------------------------------- */

/* A bundle stands in clear, so anybody could replace it; its digest stands sealed beside it. */
enum ag_err ag_keyring_bundle_load(const struct ag_keyring *keyring, struct ag_store_tx *tx,
                                   uint64_t epoch, struct ag_bytes *out, struct ag_hash *out_digest)
{
    struct ag_keyring_row_key bundle_key = ag_keyring_row_key(epoch, AG_KEYRING_BUNDLE);
    struct ag_keyring_row_key digest_key = ag_keyring_row_key(epoch, AG_KEYRING_DIGEST);
    struct ag_arena arena AG_SCOPED(ag_arena_close) = {0};
    struct ag_bytes bundle = {NULL, 0};
    struct ag_bytes sealed = {NULL, 0};
    struct ag_bytes wanted = {NULL, 0};
    struct ag_hash digest = {{0}};
    enum ag_err err = AG_OK;

    ag_arena_init(&arena, ARENA_SIZE);
    AG_TRY(ag_store_get(tx, AG_TABLE_KEYS, AG_VIEW(&bundle_key), &bundle));
    AG_ENSURE(bundle.size <= AG_LIMIT_BUNDLE_BYTES, AG_ERR_STORE_CORRUPT);
    err = ag_store_get(tx, AG_TABLE_KEYS, AG_VIEW(&digest_key), &sealed);
    AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_STORE_CORRUPT);
    AG_TRY(err);
    AG_ENSURE(sealed.size <= AG_SEAL_OVERHEAD_SIZE + AG_HASH_SIZE, AG_ERR_STORE_CORRUPT);
    AG_TRY(ag_seal_unseal(keyring->seal, AG_PURPOSE_KEYRING, epoch, AG_VIEW(&digest_key), sealed,
                          &arena, &wanted));
    AG_TRY(ag_bundle_digest(bundle, &digest));
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&digest), wanted), AG_ERR_STORE_CORRUPT);

    *out = bundle;
    *out_digest = digest;
    return AG_OK;
}

/* ---- the inventory --------------------------------------------------------------------------- */

/* Without it, who deletes the rows of the newest epoch would bring back the one before. */
enum ag_err ag_keyring_inventory_seal(const struct ag_keyring *keyring,
                                      const struct ag_keyring_inventory *inventory,
                                      struct ag_vec *out)
{
    struct ag_keyring_row_key key = ag_keyring_row_key(0, AG_KEYRING_INVENTORY);
    struct ag_store_u64 first = ag_store_u64(inventory->first);
    struct ag_store_u64 current = ag_store_u64(inventory->current);
    uint8_t plain[AG_KEYRING_INVENTORY_SIZE];

    memcpy(plain, first.bytes, 8);
    memcpy(plain + 8, current.bytes, 8);
    memcpy(plain + 16, inventory->digest.bytes, AG_HASH_SIZE);
    return ag_seal_seal(keyring->seal, AG_PURPOSE_KEYRING, inventory->current, AG_VIEW(&key),
                        AG_ARRAY_VIEW(plain), out);
}

enum ag_err ag_keyring_inventory_load(const struct ag_keyring *keyring, struct ag_store_tx *tx,
                                      struct ag_keyring_inventory *out)
{
    struct ag_keyring_row_key key = ag_keyring_row_key(0, AG_KEYRING_INVENTORY);
    struct ag_arena arena AG_SCOPED(ag_arena_close) = {0};
    struct ag_keyring_inventory inventory = {0};
    struct ag_bytes sealed = {NULL, 0};
    struct ag_bytes plain = {NULL, 0};

    ag_arena_init(&arena, ARENA_SIZE);
    AG_TRY(ag_store_get(tx, AG_TABLE_KEYS, AG_VIEW(&key), &sealed));
    AG_ENSURE(sealed.size <= AG_SEAL_OVERHEAD_SIZE + AG_KEYRING_INVENTORY_SIZE,
              AG_ERR_STORE_CORRUPT);
    AG_TRY(ag_seal_unseal(keyring->seal, AG_PURPOSE_KEYRING, 1, AG_VIEW(&key), sealed, &arena,
                          &plain));
    AG_ENSURE(plain.size == AG_KEYRING_INVENTORY_SIZE, AG_ERR_STORE_CORRUPT);
    AG_TRY(ag_store_u64_parse(ag_bytes_head(plain, 8), &inventory.first));
    AG_TRY(ag_store_u64_parse(ag_bytes_head(ag_bytes_tail(plain, 8), 8), &inventory.current));
    memcpy(inventory.digest.bytes, plain.data + 16, AG_HASH_SIZE);
    AG_ENSURE(inventory.first >= 1 && inventory.first <= inventory.current &&
                  inventory.current - inventory.first < AG_LIMIT_KEY_EPOCHS,
              AG_ERR_STORE_CORRUPT);

    *out = inventory;
    return AG_OK;
}
