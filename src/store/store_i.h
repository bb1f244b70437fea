/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_STORE_STORE_I_H
#define AG_STORE_STORE_I_H

#include <lmdb.h>
#include <stdatomic.h>

#include "store/store.h"

struct ag_store {
    MDB_env *env;
    MDB_dbi tables[AG_TABLE_COUNT];
    size_t size_max; /* bytes: what the tables may hold */
    int lock_fd;     /* carries the exclusive lock of the directory */
    int readers_fd;  /* LMDB's reader table; see reserve_reader_table */
    int stale_count; /* readers of a killed process, cleared at open */
    atomic_bool has_writer;
};

struct ag_store_tx {
    struct ag_store *store;
    MDB_txn *txn;
    bool is_write;
    bool has_put;        /* it may have grown the tables */
    enum ag_err failure; /* of the first change that LMDB could not make: it cannot be committed */
    unsigned cursor_count; /* open cursors; they must be closed first */
};

struct ag_store_cursor {
    struct ag_store_tx *tx;
    MDB_cursor *cursor;
    enum ag_table table;
};

/* What an LMDB or system error number means to our callers. */
enum ag_err ag_store_err(const struct ag_store *store, int code);
/* Whether this key may be changed by a caller. */
bool ag_store_key_is_free(enum ag_table table, struct ag_bytes key);

#endif
