/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_STORE_GROUND_H
#define AG_TEST_STORE_GROUND_H

/* A store in a directory of its own for each case; the tests of store share it. */

#include <sys/stat.h>

#include "store/store.h"
#include "test.h"
#include "test_directory.h"

#define MIB ((size_t)1 << 20)

/* ---- a directory for each case --------------------------------------------------------------- */

static char directory[64];
static char path[96];

static inline void make_directory(void)
{
    strcpy(directory, "/tmp/ag-store-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    join_name(path, sizeof(path), directory, "store");
}

static inline void remove_directory(void)
{
    remove_flat(path);
    remove_flat(directory);
}

static inline struct ag_store *open_store(size_t size_max)
{
    struct ag_store *store = NULL;
    CHECK_OK(ag_store_open(path, size_max, &store));
    return store;
}

static inline struct ag_bytes text(const char *characters)
{
    return ag_bytes_of(characters, strlen(characters));
}

/* One entry in one transaction. */
static inline enum ag_err put_one(struct ag_store *store, enum ag_table table, struct ag_bytes key,
                                  struct ag_bytes value)
{
    struct ag_store_tx *tx = NULL;
    AG_TRY(ag_store_begin(store, &tx));
    enum ag_err err = ag_store_put(tx, table, key, value);
    if (err != AG_OK) {
        ag_store_abort(tx);
        return err;
    }
    return ag_store_commit(tx);
}

static inline enum ag_err put_number(struct ag_store *store, uint64_t number, struct ag_bytes value)
{
    struct ag_store_u64 key = ag_store_u64(number);
    return put_one(store, AG_TABLE_BATCHES, AG_VIEW(&key), value);
}

static inline uint64_t count_of(struct ag_store *store, enum ag_table table)
{
    struct ag_store_tx *tx = NULL;
    uint64_t count = UINT64_MAX;
    CHECK_OK(ag_store_read_begin(store, &tx));
    if (tx != NULL) {
        CHECK_OK(ag_store_count(tx, table, &count));
    }
    ag_store_read_end(tx);
    return count;
}

static inline void check_value(struct ag_store *store, enum ag_table table, struct ag_bytes key,
                               struct ag_bytes wanted)
{
    struct ag_store_tx *tx = NULL;
    struct ag_bytes got = {NULL, 0};
    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_OK(ag_store_get(tx, table, key, &got));
    CHECK_BYTES(got, wanted);
    ag_store_read_end(tx);
}

#endif
