/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, entries and cursors. */
#include <string.h>

#include "store/store_i.h"

/* ---- begin and end --------------------------------------------------------------------------- */

static enum ag_err tx_open(struct ag_store *store, bool is_write, struct ag_store_tx **out)
{
    struct ag_store_tx *tx = ag_alloc(sizeof(*tx));
    int code = 0;

    AG_ENSURE(tx != NULL, AG_ERR_NO_MEMORY);
    tx->store = store;
    tx->is_write = is_write;
    code = mdb_txn_begin(store->env, NULL, is_write ? 0 : MDB_RDONLY, &tx->txn);
    if (code != 0) {
        ag_free(tx);
        return ag_store_err(store, code);
    }
    *out = tx;
    return AG_OK;
}

enum ag_err ag_store_begin(struct ag_store *store, struct ag_store_tx **out)
{
    enum ag_err err = AG_OK;

    /* LMDB would wait for the other writer, and for ever if that is the caller itself. */
    AG_ENSURE(!atomic_exchange(&store->has_writer, true), AG_ERR_BUSY);
    err = tx_open(store, true, out);
    if (err != AG_OK) {
        atomic_store(&store->has_writer, false);
    }
    return err;
}

enum ag_err ag_store_read_begin(struct ag_store *store, struct ag_store_tx **out)
{
    return tx_open(store, false, out);
}

static void tx_close(struct ag_store_tx *tx, bool is_write)
{
    struct ag_store *store = tx->store;

    AG_ASSERT(tx->is_write == is_write && tx->cursor_count == 0);
    if (tx->txn != NULL) {
        mdb_txn_abort(tx->txn);
    }
    ag_free(tx);
    if (is_write) {
        atomic_store(&store->has_writer, false);
    }
}

void ag_store_abort(struct ag_store_tx *tx)
{
    if (tx != NULL) {
        tx_close(tx, true);
    }
}

void ag_store_abort_cleanup(struct ag_store_tx **tx)
{
    ag_store_abort(*tx);
}

void ag_store_read_end(struct ag_store_tx *tx)
{
    if (tx != NULL) {
        tx_close(tx, false);
    }
}

void ag_store_read_cleanup(struct ag_store_tx **tx)
{
    ag_store_read_end(*tx);
}

/* A transaction that put something must leave the tables within size_max; what the file has beyond
 * it is kept for transactions that only delete. */
static enum ag_err check_size(struct ag_store_tx *tx)
{
    /* LMDB's own two trees, the free list and the table of tables, have the first two handles; the
     * file begins with two meta pages. [LMDB mdb.c, FREE_DBI, MAIN_DBI, NUM_METAS] */
    enum {
        OWN_TREES = 2,
        META_PAGES = 2
    };
    uint64_t pages = META_PAGES;
    unsigned page_size = 0;

    if (!tx->has_put) {
        return AG_OK;
    }
    for (size_t i = 0; i < OWN_TREES + AG_TABLE_COUNT; i++) {
        MDB_dbi tree = i < OWN_TREES ? (MDB_dbi)i : tx->store->tables[i - OWN_TREES];
        MDB_stat stat = {0};

        AG_TRY(ag_store_err(tx->store, mdb_stat(tx->txn, tree, &stat)));
        pages += (uint64_t)stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
        page_size = stat.ms_psize;
    }
    AG_ENSURE(pages <= tx->store->size_max / page_size, AG_ERR_STORE_FULL);
    return AG_OK;
}

static enum ag_err before_commit(struct ag_store_tx *tx)
{
    AG_ENSURE(tx->is_write, AG_ERR_ARGUMENT);
    /* A change that failed half-way must not be forgotten by a caller who goes on. */
    AG_TRY(tx->failure);
    AG_TRY(check_size(tx));
    AG_FAILPOINT("store.before_commit", AG_ERR_STORE);
    return AG_OK;
}

enum ag_err ag_store_commit(struct ag_store_tx *tx)
{
    enum ag_err err = before_commit(tx);

    if (err == AG_OK) {
        MDB_txn *txn = tx->txn;

        tx->txn = NULL; /* LMDB frees it, committed or not */
        err = ag_store_err(tx->store, mdb_txn_commit(txn));
    }
    tx_close(tx, tx->is_write);
    AG_TRY(err);
    AG_FAILPOINT("store.after_commit", AG_ERR_STORE);
    return AG_OK;
}

/* ---- entries --------------------------------------------------------------------------------- */

/* LMDB's type lacks the const, and LMDB does not write through it. */
static MDB_val val_of(struct ag_bytes bytes)
{
    union {
        const void *given;
        void *wanted;
    } data = {.given = bytes.data};

    return (MDB_val){bytes.size, data.wanted};
}

static struct ag_bytes bytes_of(MDB_val val)
{
    return ag_bytes_of(val.mv_data, val.mv_size);
}

static bool is_key(enum ag_table table, struct ag_bytes key)
{
    return (unsigned)table < AG_TABLE_COUNT && key.size > 0 && key.size <= AG_LIMIT_STORE_KEY_BYTES;
}

/* Notes a failure after which LMDB cannot commit, so that nobody tries. */
static enum ag_err changed(struct ag_store_tx *tx, int code)
{
    enum ag_err err = ag_store_err(tx->store, code);

    if (err != AG_OK && err != AG_ERR_NOT_FOUND && err != AG_ERR_ARGUMENT && tx->failure == AG_OK) {
        tx->failure = err;
    }
    return err;
}

enum ag_err ag_store_get(struct ag_store_tx *tx, enum ag_table table, struct ag_bytes key,
                         struct ag_bytes *out)
{
    MDB_val key_val = val_of(key);
    MDB_val value = {0};

    AG_ENSURE(is_key(table, key), AG_ERR_ARGUMENT);
    AG_TRY(ag_store_err(tx->store, mdb_get(tx->txn, tx->store->tables[table], &key_val, &value)));
    *out = bytes_of(value);
    return AG_OK;
}

enum ag_err ag_store_count(struct ag_store_tx *tx, enum ag_table table, uint64_t *out)
{
    MDB_stat stat = {0};

    AG_ENSURE((unsigned)table < AG_TABLE_COUNT, AG_ERR_ARGUMENT);
    AG_TRY(ag_store_err(tx->store, mdb_stat(tx->txn, tx->store->tables[table], &stat)));
    *out = stat.ms_entries;
    return AG_OK;
}

static enum ag_err put(struct ag_store_tx *tx, enum ag_table table, struct ag_bytes key,
                       MDB_val *value, unsigned flags)
{
    MDB_val key_val = val_of(key);

    AG_ENSURE(tx->is_write && is_key(table, key) && ag_store_key_is_free(table, key) &&
                  value->mv_size <= AG_LIMIT_STORE_VALUE_BYTES,
              AG_ERR_ARGUMENT);
    AG_TRY(tx->failure);
    tx->has_put = true;
    return changed(tx, mdb_put(tx->txn, tx->store->tables[table], &key_val, value, flags));
}

enum ag_err ag_store_put(struct ag_store_tx *tx, enum ag_table table, struct ag_bytes key,
                         struct ag_bytes value)
{
    MDB_val value_val = val_of(value);

    return put(tx, table, key, &value_val, 0);
}

enum ag_err ag_store_put_append(struct ag_store_tx *tx, enum ag_table table, struct ag_bytes key,
                                struct ag_bytes value)
{
    MDB_val value_val = val_of(value);

    return put(tx, table, key, &value_val, MDB_APPEND);
}

enum ag_err ag_store_reserve(struct ag_store_tx *tx, enum ag_table table, struct ag_bytes key,
                             size_t size, struct ag_buf *out)
{
    MDB_val value = {size, NULL};

    AG_TRY(put(tx, table, key, &value, MDB_RESERVE));
    /* What the caller forgets to write is zero and not an old page. */
    memset(value.mv_data, 0, size);
    *out = (struct ag_buf){value.mv_data, size};
    return AG_OK;
}

enum ag_err ag_store_delete(struct ag_store_tx *tx, enum ag_table table, struct ag_bytes key)
{
    MDB_val key_val = val_of(key);

    AG_ENSURE(tx->is_write && is_key(table, key) && ag_store_key_is_free(table, key),
              AG_ERR_ARGUMENT);
    AG_TRY(tx->failure);
    return changed(tx, mdb_del(tx->txn, tx->store->tables[table], &key_val, NULL));
}

/* ---- cursors --------------------------------------------------------------------------------- */

enum ag_err ag_store_cursor_open(struct ag_store_tx *tx, enum ag_table table,
                                 struct ag_store_cursor **out)
{
    struct ag_store_cursor *cursor = NULL;
    int code = 0;

    AG_ENSURE((unsigned)table < AG_TABLE_COUNT, AG_ERR_ARGUMENT);
    cursor = ag_alloc(sizeof(*cursor));
    AG_ENSURE(cursor != NULL, AG_ERR_NO_MEMORY);
    code = mdb_cursor_open(tx->txn, tx->store->tables[table], &cursor->cursor);
    if (code != 0) {
        ag_free(cursor);
        return ag_store_err(tx->store, code);
    }
    cursor->tx = tx;
    cursor->table = table;
    tx->cursor_count++;
    *out = cursor;
    return AG_OK;
}

void ag_store_cursor_close(struct ag_store_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    mdb_cursor_close(cursor->cursor);
    cursor->tx->cursor_count--;
    ag_free(cursor);
}

void ag_store_cursor_cleanup(struct ag_store_cursor **cursor)
{
    ag_store_cursor_close(*cursor);
}

static enum ag_err move(struct ag_store_cursor *cursor, struct ag_bytes from, MDB_cursor_op op,
                        struct ag_store_entry *out)
{
    MDB_val key = val_of(from);
    MDB_val value = {0};

    AG_TRY(ag_store_err(cursor->tx->store, mdb_cursor_get(cursor->cursor, &key, &value, op)));
    *out = (struct ag_store_entry){bytes_of(key), bytes_of(value)};
    return AG_OK;
}

enum ag_err ag_store_first(struct ag_store_cursor *cursor, struct ag_store_entry *out)
{
    return move(cursor, (struct ag_bytes){NULL, 0}, MDB_FIRST, out);
}

enum ag_err ag_store_last(struct ag_store_cursor *cursor, struct ag_store_entry *out)
{
    return move(cursor, (struct ag_bytes){NULL, 0}, MDB_LAST, out);
}

enum ag_err ag_store_next(struct ag_store_cursor *cursor, struct ag_store_entry *out)
{
    return move(cursor, (struct ag_bytes){NULL, 0}, MDB_NEXT, out);
}

enum ag_err ag_store_prev(struct ag_store_cursor *cursor, struct ag_store_entry *out)
{
    return move(cursor, (struct ag_bytes){NULL, 0}, MDB_PREV, out);
}

enum ag_err ag_store_seek(struct ag_store_cursor *cursor, struct ag_bytes key,
                          struct ag_store_entry *out)
{
    AG_ENSURE(is_key(cursor->table, key), AG_ERR_ARGUMENT);
    return move(cursor, key, MDB_SET_RANGE, out);
}

enum ag_err ag_store_cursor_delete(struct ag_store_cursor *cursor)
{
    struct ag_store_tx *tx = cursor->tx;
    MDB_val key = {0};
    MDB_val value = {0};

    AG_ENSURE(tx->is_write, AG_ERR_ARGUMENT);
    AG_TRY(tx->failure);
    AG_ENSURE(mdb_cursor_get(cursor->cursor, &key, &value, MDB_GET_CURRENT) == 0 &&
                  ag_store_key_is_free(cursor->table, bytes_of(key)),
              AG_ERR_ARGUMENT);
    return changed(tx, mdb_cursor_del(cursor->cursor, 0));
}
