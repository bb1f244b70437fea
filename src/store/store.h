/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_STORE_STORE_H
#define AG_STORE_STORE_H

/* store: named tables and atomic transactions, over LMDB.
 *
 * Owns:    one directory, held by one process at a time, from ag_store_open to ag_store_close.
 * Threads: one write transaction at a time, begun and ended by the same thread; read transactions
 *          from any thread, each used by one thread at a time, beside the writer.
 * Fails:   STORE_FULL when the size limit or the disk is reached: the transaction is gone, nothing
 *          committed is lost, and the store stays usable; STORE_CORRUPT when a page is not what the
 *          database wrote; STORE for other failures of disk or database; ARGUMENT for misuse.
 * Not:     no secrecy, no authenticity, no freshness: who may write the files can put anything
 *          there (docs/spec/store.md says what follows). Values are sealed by who owns them. */

#include "base/base.h"

/* The numbers are frozen only in the names of the tables (store.c), so that order here is free. */
enum ag_table {
    AG_TABLE_META = 0,
    AG_TABLE_KEYS,
    AG_TABLE_ASSETS,
    AG_TABLE_CODE,
    AG_TABLE_STATE,
    AG_TABLE_BATCHES,
    AG_TABLE_RECEIPTS,
    AG_TABLE_CHECKPOINTS,
    AG_TABLE_COLLATERAL,
    AG_TABLE_OUTBOX,
    AG_TABLE_SPOOL,
    AG_TABLE_REPLAY,
    AG_TABLE_ACCOUNTS,
    AG_TABLE_GROUPS, /* admission groups without their envelopes: for receipts */
    AG_TABLE_COUNT
};
/* "batches"; static text. */
const char *ag_store_table_name(enum ag_table table);

/* Keys in META that begin with this belong to the store itself; writing one is ARGUMENT. */
#define AG_STORE_RESERVED_PREFIX "store."
#define AG_STORE_FORMAT          1u
/* Bytes; below it not even empty tables fit. */
#define AG_STORE_SIZE_MIN 1048576u

/* ---- the environment ------------------------------------------------------------------------- */

struct ag_store;

/* Opens the directory `path`, making it (mode 0700, its parent must exist) and its tables at the
 * first use. `size_max` is the most that the tables may hold, in bytes with all overhead: it costs
 * address space and nothing else, and may be raised at a later open. The file itself may grow an
 * eighth and 1 MiB beyond it, so that a full store can still delete. STORE_LOCKED when a process,
 * this one included, has the store open; STORE_FORMAT when another version wrote it. */
AG_MUST_CHECK enum ag_err ag_store_open(const char *path, size_t size_max, struct ag_store **out);
/* Every transaction must have ended. NULL is fine. */
void ag_store_close(struct ag_store *store);
void ag_store_cleanup(struct ag_store **store); /* for AG_SCOPED */

struct ag_store_info {
    uint64_t size_max;     /* bytes that the tables may hold */
    uint64_t size_file;    /* bytes up to the highest page ever used; never shrinks */
    uint64_t transaction;  /* number of the last committed write transaction */
    uint32_t reader_count; /* slots ever used */
    uint32_t stale_count;  /* slots of dead readers that the open cleared */
};
AG_MUST_CHECK enum ag_err ag_store_info(struct ag_store *store, struct ag_store_info *out);

/* ---- transactions ---------------------------------------------------------------------------- */

/* One snapshot: a read transaction sees the last commit before it began; a write transaction sees
 * also what it wrote itself. */
struct ag_store_tx;

/* Begins the write transaction; BUSY when one is open. */
AG_MUST_CHECK enum ag_err ag_store_begin(struct ag_store *store, struct ag_store_tx **out);
/* Makes it durable: when this returns OK, it survives kill -9 and loss of power. Ends the
 * transaction in every case; after an error nothing of it is in the store (STORE from the failpoint
 * store.after_commit excepted, which models a crash after the commit). */
AG_MUST_CHECK enum ag_err ag_store_commit(struct ag_store_tx *tx);
/* Ends it without a trace. NULL is fine. */
void ag_store_abort(struct ag_store_tx *tx);
void ag_store_abort_cleanup(struct ag_store_tx **tx); /* for AG_SCOPED: aborts unless NULL */

/* Begins a read transaction; BUSY when STORE_READERS are open. It keeps every page of its snapshot
 * from being used again, so the file grows while it lives: end it with the request. */
AG_MUST_CHECK enum ag_err ag_store_read_begin(struct ag_store *store, struct ag_store_tx **out);
void ag_store_read_end(struct ag_store_tx *tx); /* NULL is fine */
void ag_store_read_cleanup(struct ag_store_tx **tx);

/* ---- one entry ------------------------------------------------------------------------------- */

/* Keys are 1 to STORE_KEY_BYTES bytes in lexicographic order. Values may be empty. */

/* NOT_FOUND when there is none. `*out` borrows: from a read transaction until it ends, from a write
 * transaction until its next change. Not aligned. */
AG_MUST_CHECK enum ag_err ag_store_get(struct ag_store_tx *tx, enum ag_table table,
                                       struct ag_bytes key, struct ag_bytes *out);
/* Entries of a table. */
AG_MUST_CHECK enum ag_err ag_store_count(struct ag_store_tx *tx, enum ag_table table,
                                         uint64_t *out);

/* Puts or replaces. */
AG_MUST_CHECK enum ag_err ag_store_put(struct ag_store_tx *tx, enum ag_table table,
                                       struct ag_bytes key, struct ag_bytes value);
/* Puts a key above every key of the table (ARGUMENT otherwise): fills pages to the brim. */
AG_MUST_CHECK enum ag_err ag_store_put_append(struct ag_store_tx *tx, enum ag_table table,
                                              struct ag_bytes key, struct ag_bytes value);
/* Puts a value of `size` bytes that the caller writes into `*out` before its next call on `tx`. */
AG_MUST_CHECK enum ag_err ag_store_reserve(struct ag_store_tx *tx, enum ag_table table,
                                           struct ag_bytes key, size_t size, struct ag_buf *out);
/* NOT_FOUND when there is none. */
AG_MUST_CHECK enum ag_err ag_store_delete(struct ag_store_tx *tx, enum ag_table table,
                                          struct ag_bytes key);

/* ---- in order -------------------------------------------------------------------------------- */

/* A place in one table of one transaction, and to be closed before that ends. Each mover answers
 * NOT_FOUND at the end of the table; views live as long as those of ag_store_get. */
struct ag_store_cursor;
struct ag_store_entry {
    struct ag_bytes key;
    struct ag_bytes value;
};
AG_MUST_CHECK enum ag_err ag_store_cursor_open(struct ag_store_tx *tx, enum ag_table table,
                                               struct ag_store_cursor **out);
void ag_store_cursor_close(struct ag_store_cursor *cursor);
void ag_store_cursor_cleanup(struct ag_store_cursor **cursor);
AG_MUST_CHECK enum ag_err ag_store_first(struct ag_store_cursor *cursor,
                                         struct ag_store_entry *out);
AG_MUST_CHECK enum ag_err ag_store_last(struct ag_store_cursor *cursor, struct ag_store_entry *out);
/* From a fresh cursor: the first entry, or the last. */
AG_MUST_CHECK enum ag_err ag_store_next(struct ag_store_cursor *cursor, struct ag_store_entry *out);
AG_MUST_CHECK enum ag_err ag_store_prev(struct ag_store_cursor *cursor, struct ag_store_entry *out);
/* The first entry whose key is not below `key`. */
AG_MUST_CHECK enum ag_err ag_store_seek(struct ag_store_cursor *cursor, struct ag_bytes key,
                                        struct ag_store_entry *out);
/* Deletes the entry the cursor stands on, in a write transaction; ag_store_next then gives the one
 * that followed it. ARGUMENT when it stands on none. */
AG_MUST_CHECK enum ag_err ag_store_cursor_delete(struct ag_store_cursor *cursor);

/* ---- numbers as keys ------------------------------------------------------------------------- */

/* Eight bytes, big-endian, so that order is order of numbers. */
struct ag_store_u64 {
    uint8_t bytes[8];
};
/* AG_VIEW(&ag_store_u64(n)) does not compile; keep the key in a variable and view that. */
struct ag_store_u64 ag_store_u64(uint64_t number);
/* STORE_CORRUPT when the bytes are not eight. */
AG_MUST_CHECK enum ag_err ag_store_u64_parse(struct ag_bytes bytes, uint64_t *out);

#endif
