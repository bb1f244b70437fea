/* SPDX-License-Identifier: Apache-2.0 */
/* Does store keep its contract, linked alone? */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "test.h"

#define MIB ((size_t)1 << 20)

/* ---- a directory for each case ----------------------------------------------------------------- */

static char directory[64];
static char path[96];

static int remove_one(const char *name, const struct stat *stat, int type, struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(name);
}

static void make_directory(void)
{
    strcpy(directory, "/tmp/ag-store-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/store", directory);
}

static void remove_directory(void)
{
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct ag_store *open_store(size_t size_max)
{
    struct ag_store *store = NULL;
    CHECK_OK(ag_store_open(path, size_max, &store));
    return store;
}

static struct ag_bytes text(const char *characters)
{
    return ag_bytes_of(characters, strlen(characters));
}

static double milliseconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* One entry in one transaction. */
static enum ag_err put_one(struct ag_store *store, enum ag_table table, struct ag_bytes key,
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

static enum ag_err put_number(struct ag_store *store, uint64_t number, struct ag_bytes value)
{
    struct ag_store_u64 key = ag_store_u64(number);
    return put_one(store, AG_TABLE_BATCHES, AG_VIEW(&key), value);
}

static uint64_t count_of(struct ag_store *store, enum ag_table table)
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

static void check_value(struct ag_store *store, enum ag_table table, struct ag_bytes key,
                        struct ag_bytes wanted)
{
    struct ag_store_tx *tx = NULL;
    struct ag_bytes got = {NULL, 0};
    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_OK(ag_store_get(tx, table, key, &got));
    CHECK_BYTES(got, wanted);
    ag_store_read_end(tx);
}

/* ---- entries ----------------------------------------------------------------------------------- */

static void test_entries(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *tx = NULL;
    struct ag_bytes got = {NULL, 0};
    struct ag_buf room = {NULL, 0};
    uint8_t long_key[AG_LIMIT_STORE_KEY_BYTES];
    memset(long_key, 0xab, sizeof(long_key));

    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, text("a"), text("one")));
    CHECK_OK(ag_store_get(tx, AG_TABLE_KEYS, text("a"), &got)); /* a writer sees itself */
    CHECK_BYTES(got, text("one"));
    CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, text("a"), text("two")));
    CHECK_OK(ag_store_put(tx, AG_TABLE_STATE, text("a"), text("elsewhere")));
    CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, text("empty"), (struct ag_bytes){NULL, 0}));
    CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, AG_ARRAY_VIEW(long_key), text("long")));
    CHECK_OK(ag_store_reserve(tx, AG_TABLE_KEYS, text("room"), 10000, &room));
    CHECK_U64(room.size, 10000);
    memcpy(room.data + 9990, "0123456789", 10);
    CHECK_OK(ag_store_put(tx, AG_TABLE_META, text("head"), text("h")));
    CHECK_OK(ag_store_commit(tx));

    check_value(store, AG_TABLE_KEYS, text("a"), text("two"));
    check_value(store, AG_TABLE_STATE, text("a"), text("elsewhere"));
    check_value(store, AG_TABLE_KEYS, text("empty"), text(""));
    check_value(store, AG_TABLE_KEYS, AG_ARRAY_VIEW(long_key), text("long"));
    CHECK_U64(count_of(store, AG_TABLE_KEYS), 4);
    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_OK(ag_store_get(tx, AG_TABLE_KEYS, text("room"), &got));
    CHECK_U64(got.size, 10000);
    CHECK(ag_bytes_is_zero(ag_bytes_head(got, 9990)));
    CHECK_BYTES(ag_bytes_tail(got, 9990), text("0123456789"));
    ag_store_read_end(tx);

    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_store_delete(tx, AG_TABLE_KEYS, text("a")));
    CHECK_ERR(ag_store_delete(tx, AG_TABLE_KEYS, text("a")), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_store_get(tx, AG_TABLE_KEYS, text("a"), &got), AG_ERR_NOT_FOUND);
    CHECK_OK(ag_store_commit(tx)); /* NOT_FOUND is no failure of the transaction */
    CHECK_U64(count_of(store, AG_TABLE_KEYS), 3);
    ag_store_close(store);

    store = open_store(16 * MIB); /* and all of it is there again */
    check_value(store, AG_TABLE_STATE, text("a"), text("elsewhere"));
    check_value(store, AG_TABLE_META, text("head"), text("h"));
    CHECK_U64(count_of(store, AG_TABLE_KEYS), 3);
    ag_store_close(store);
    remove_directory();
}

static void test_misuse_is_refused(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *tx = NULL;
    struct ag_store_cursor *cursor = NULL;
    struct ag_bytes got = {NULL, 0};
    struct ag_buf room = {NULL, 0};
    struct ag_store_entry entry = {0};
    uint64_t number = 0;
    uint8_t long_key[AG_LIMIT_STORE_KEY_BYTES + 1] = {1};
    struct ag_bytes big = {long_key, (size_t)AG_LIMIT_STORE_VALUE_BYTES + 1};
    enum ag_table none = AG_TABLE_COUNT;

    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_ERR(ag_store_put(tx, none, text("a"), text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_put(tx, AG_TABLE_KEYS, text(""), text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_put(tx, AG_TABLE_KEYS, AG_ARRAY_VIEW(long_key), text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_put(tx, AG_TABLE_KEYS, text("a"), big), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_put_append(tx, none, text("a"), text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_reserve(tx, AG_TABLE_KEYS, text("a"), big.size, &room), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_reserve(tx, none, text("a"), 1, &room), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_get(tx, none, text("a"), &got), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_get(tx, AG_TABLE_KEYS, text(""), &got), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_delete(tx, AG_TABLE_KEYS, text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_delete(tx, none, text("a")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_count(tx, none, &number), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_cursor_open(tx, none, &cursor), AG_ERR_ARGUMENT);
    CHECK(cursor == NULL && room.data == NULL && got.data == NULL);

    /* The store's own entry is nobody else's, by any way. */
    struct ag_bytes own = AG_LITERAL(AG_STORE_RESERVED_PREFIX "format");
    CHECK_ERR(ag_store_put(tx, AG_TABLE_META, own, text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_delete(tx, AG_TABLE_META, own), AG_ERR_ARGUMENT);
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_META, &cursor));
    CHECK_ERR(ag_store_cursor_delete(cursor), AG_ERR_ARGUMENT); /* stands on nothing */
    CHECK_OK(ag_store_seek(cursor, own, &entry));
    CHECK_ERR(ag_store_cursor_delete(cursor), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_seek(cursor, text(""), &entry), AG_ERR_ARGUMENT);
    ag_store_cursor_close(cursor);
    CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, own, text("")));
    CHECK_OK(ag_store_commit(tx)); /* refused arguments do not spoil the transaction */

    /* A read transaction changes nothing. */
    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_ERR(ag_store_put(tx, AG_TABLE_KEYS, text("a"), text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_put_append(tx, AG_TABLE_KEYS, text("a"), text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_reserve(tx, AG_TABLE_KEYS, text("a"), 1, &room), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_delete(tx, AG_TABLE_KEYS, own), AG_ERR_ARGUMENT);
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_KEYS, &cursor));
    CHECK_OK(ag_store_first(cursor, &entry));
    CHECK_ERR(ag_store_cursor_delete(cursor), AG_ERR_ARGUMENT);
    ag_store_cursor_close(cursor);
    CHECK_ERR(ag_store_commit(tx), AG_ERR_ARGUMENT); /* and it is over all the same */

    CHECK_ERR(ag_store_u64_parse(text("1234567"), &number), AG_ERR_STORE_CORRUPT);
    CHECK_ERR(ag_store_u64_parse(text("123456789"), &number), AG_ERR_STORE_CORRUPT);
    CHECK_OK(ag_store_u64_parse(AG_LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08"), &number));
    CHECK_U64(number, 0x0102030405060708u);
    CHECK(strcmp(ag_store_table_name(AG_TABLE_ACCOUNTS), "accounts") == 0);
    CHECK(strcmp(ag_store_table_name(none), "unknown") == 0);
    ag_store_close(store);
    ag_store_close(NULL);
    ag_store_abort(NULL);
    ag_store_read_end(NULL);
    ag_store_cursor_close(NULL);
    remove_directory();
}

static void test_open_is_refused(void)
{
    make_directory();
    struct ag_store *store = NULL;
    char below[128];
    char too_long[5000];
    memset(too_long, 'a', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    snprintf(below, sizeof(below), "%s/no/such", directory);

    CHECK_ERR(ag_store_open(NULL, 16 * MIB, &store), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_open("", 16 * MIB, &store), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_open(too_long, 16 * MIB, &store), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_open(path, AG_STORE_SIZE_MIN - 1, &store), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_open(path, SIZE_MAX, &store), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_open(below, 16 * MIB, &store), AG_ERR_STORE); /* no parent */
    CHECK(store == NULL);
    store = open_store(AG_STORE_SIZE_MIN);
    struct stat stat_of;
    CHECK(stat(path, &stat_of) == 0 && (stat_of.st_mode & 0777) == 0700);
    ag_store_close(store);
    remove_directory();
}

/* ---- transactions ------------------------------------------------------------------------------ */

static void test_abort_leaves_nothing(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *tx = NULL;
    CHECK_OK(put_one(store, AG_TABLE_KEYS, text("a"), text("one")));
    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, text("a"), text("two")));
    CHECK_OK(ag_store_put(tx, AG_TABLE_STATE, text("b"), text("new")));
    ag_store_abort(tx);
    check_value(store, AG_TABLE_KEYS, text("a"), text("one"));
    CHECK_U64(count_of(store, AG_TABLE_STATE), 0);
    ag_store_close(store);
    remove_directory();
}

static void *second_writer(void *argument)
{
    struct ag_store_tx *tx = NULL;
    enum ag_err *err = ((void **)argument)[1];
    *err = ag_store_begin(((void **)argument)[0], &tx);
    ag_store_abort(tx);
    return NULL;
}

static void test_one_writer(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *tx = NULL;
    struct ag_store_tx *second = NULL;
    enum ag_err err = AG_OK;
    void *arguments[2] = {store, &err};
    pthread_t thread;

    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_ERR(ag_store_begin(store, &second), AG_ERR_BUSY);
    CHECK(pthread_create(&thread, NULL, second_writer, arguments) == 0);
    pthread_join(thread, NULL);
    CHECK_ERR(err, AG_ERR_BUSY);
    ag_store_abort(tx);
    CHECK(pthread_create(&thread, NULL, second_writer, arguments) == 0);
    pthread_join(thread, NULL);
    CHECK_OK(err);
    ag_store_close(store);
    remove_directory();
}

static void test_readers_see_their_snapshot(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *before = NULL;
    struct ag_store_tx *writer = NULL;
    struct ag_bytes got = {NULL, 0};
    CHECK_OK(put_one(store, AG_TABLE_KEYS, text("a"), text("one")));
    CHECK_OK(ag_store_read_begin(store, &before));
    CHECK_OK(ag_store_begin(store, &writer));
    CHECK_OK(ag_store_put(writer, AG_TABLE_KEYS, text("a"), text("two")));
    check_value(store, AG_TABLE_KEYS, text("a"), text("one")); /* not committed yet */
    CHECK_OK(ag_store_commit(writer));
    CHECK_OK(ag_store_get(before, AG_TABLE_KEYS, text("a"), &got));
    CHECK_BYTES(got, text("one"));
    /* The view outlives any number of commits, as long as its transaction does. */
    for (uint64_t i = 0; i < 50; i++) {
        CHECK_OK(put_number(store, i % 5, text("something else")));
    }
    CHECK_BYTES(got, text("one"));
    ag_store_read_end(before);
    check_value(store, AG_TABLE_KEYS, text("a"), text("two"));
    ag_store_close(store);
    remove_directory();
}

static void test_readers_are_bounded(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *readers[4 * AG_LIMIT_STORE_READERS] = {NULL};
    size_t count = 0;
    enum ag_err err = AG_OK;
    while (count < AG_COUNT(readers)) {
        err = ag_store_read_begin(store, &readers[count]);
        if (err != AG_OK) {
            break;
        }
        count++;
    }
    CHECK_ERR(err, AG_ERR_BUSY);
    CHECK_U64(count, AG_LIMIT_STORE_READERS);
    CHECK_OK(put_number(store, 1, text("the writer needs no slot")));
    while (count > 0) {
        ag_store_read_end(readers[--count]);
    }
    CHECK_U64(count_of(store, AG_TABLE_BATCHES), 1);
    ag_store_close(store);
    remove_directory();
}

static void test_failed_allocations(void)
{
    make_directory();
    struct ag_store *store = NULL;
    struct ag_store_tx *tx = NULL;
    struct ag_store_cursor *cursor = NULL;
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_NO_MEMORY);
    store = open_store(16 * MIB);
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_store_begin(store, &tx), AG_ERR_NO_MEMORY);
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_store_read_begin(store, &tx), AG_ERR_NO_MEMORY);
    CHECK_OK(ag_store_begin(store, &tx)); /* the failed one does not hold the writer's place */
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_store_cursor_open(tx, AG_TABLE_KEYS, &cursor), AG_ERR_NO_MEMORY);
    CHECK_OK(ag_store_commit(tx));
    ag_store_close(store);
    remove_directory();
}

/* ---- order ------------------------------------------------------------------------------------- */

static void test_order(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *tx = NULL;
    struct ag_store_cursor *cursor = NULL;
    struct ag_store_entry entry = {0};
    uint64_t number = 0;

    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_BATCHES, &cursor));
    CHECK_ERR(ag_store_first(cursor, &entry), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_store_last(cursor, &entry), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_store_next(cursor, &entry), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_store_prev(cursor, &entry), AG_ERR_NOT_FOUND);
    ag_store_cursor_close(cursor);
    for (uint64_t i = 0; i < 1000; i++) {
        struct ag_store_u64 key = ag_store_u64(i * 10);
        CHECK_OK(ag_store_put_append(tx, AG_TABLE_BATCHES, AG_VIEW(&key), AG_VIEW(&key)));
    }
    struct ag_store_u64 low = ag_store_u64(5);
    struct ag_store_u64 same = ag_store_u64(9990);
    CHECK_ERR(ag_store_put_append(tx, AG_TABLE_BATCHES, AG_VIEW(&low), text("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_store_put_append(tx, AG_TABLE_BATCHES, AG_VIEW(&same), text("")), AG_ERR_ARGUMENT);
    CHECK_OK(ag_store_commit(tx));

    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_BATCHES, &cursor));
    for (uint64_t i = 0; i < 1000; i++) {
        CHECK_OK(ag_store_next(cursor, &entry)); /* a fresh cursor starts at the first */
        CHECK_OK(ag_store_u64_parse(entry.key, &number));
        CHECK_U64(number, i * 10);
        CHECK_BYTES(entry.value, entry.key);
    }
    CHECK_ERR(ag_store_next(cursor, &entry), AG_ERR_NOT_FOUND);
    CHECK_OK(ag_store_last(cursor, &entry));
    CHECK_OK(ag_store_prev(cursor, &entry));
    CHECK_OK(ag_store_u64_parse(entry.key, &number));
    CHECK_U64(number, 9980);
    CHECK_OK(ag_store_seek(cursor, AG_VIEW(&low), &entry));
    CHECK_OK(ag_store_u64_parse(entry.key, &number));
    CHECK_U64(number, 10);
    struct ag_store_u64 above = ag_store_u64(9991);
    CHECK_ERR(ag_store_seek(cursor, AG_VIEW(&above), &entry), AG_ERR_NOT_FOUND);
    ag_store_cursor_close(cursor);
    ag_store_read_end(tx);

    /* A range goes away under a cursor. */
    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_BATCHES, &cursor));
    CHECK_OK(ag_store_first(cursor, &entry));
    for (uint64_t i = 0; i < 995; i++) {
        CHECK_OK(ag_store_u64_parse(entry.key, &number));
        CHECK_U64(number, i * 10);
        CHECK_OK(ag_store_cursor_delete(cursor));
        CHECK_OK(ag_store_next(cursor, &entry));
    }
    ag_store_cursor_close(cursor);
    CHECK_OK(ag_store_commit(tx));
    CHECK_U64(count_of(store, AG_TABLE_BATCHES), 5);
    ag_store_close(store);
    remove_directory();
}

/* The law: the store equals a plain array, after any series of changes, commits and aborts. */
enum {
    MODEL_KEYS = 256,
    MODEL_STEPS = 3000
};
struct model {
    bool has[MODEL_KEYS];
    uint8_t fill[MODEL_KEYS];
    uint16_t size[MODEL_KEYS];
};

static void check_model(struct ag_store *store, const struct model *model)
{
    struct ag_store_tx *tx = NULL;
    struct ag_store_cursor *cursor = NULL;
    struct ag_store_entry entry = {0};
    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_STATE, &cursor));
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        if (!model->has[i]) {
            continue;
        }
        CHECK_OK(ag_store_next(cursor, &entry));
        CHECK(entry.key.size == 1 && entry.key.data[0] == i);
        CHECK_U64(entry.value.size, model->size[i]);
        for (size_t j = 0; j < entry.value.size; j++) {
            if (entry.value.data[j] != model->fill[i]) {
                CHECK(entry.value.data[j] == model->fill[i]);
                break;
            }
        }
    }
    CHECK_ERR(ag_store_next(cursor, &entry), AG_ERR_NOT_FOUND);
    ag_store_cursor_close(cursor);
    ag_store_read_end(tx);
}

static void test_equals_a_model(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_tx *tx = NULL;
    static uint8_t value[5000];
    struct model committed = {0};
    struct model now = {0};
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        uint64_t dice = ag_test_random() >> 20;
        uint8_t key = (uint8_t)dice;
        struct ag_bytes key_view = {&key, 1};
        if (tx == NULL) {
            CHECK_OK(ag_store_begin(store, &tx));
        }
        if (dice % 7 < 4) {
            now.has[key] = true;
            now.fill[key] = (uint8_t)(dice >> 8);
            now.size[key] = (uint16_t)((dice >> 16) % sizeof(value));
            memset(value, now.fill[key], now.size[key]);
            CHECK_OK(ag_store_put(tx, AG_TABLE_STATE, key_view,
                                  (struct ag_bytes){value, now.size[key]}));
        } else {
            CHECK_ERR(ag_store_delete(tx, AG_TABLE_STATE, key_view),
                      now.has[key] ? AG_OK : AG_ERR_NOT_FOUND);
            now.has[key] = false;
        }
        if (dice >> 8 & 1 && dice >> 9 & 1 && dice >> 10 & 1 && dice >> 11 & 1) {
            CHECK_OK(ag_store_commit(tx));
            committed = now;
            tx = NULL;
        } else if ((dice >> 8 & 63) == 0) {
            ag_store_abort(tx);
            now = committed;
            tx = NULL;
        }
        if (step % 300 == 299) {
            check_model(store, &committed);
        }
    }
    ag_store_abort(tx);
    ag_store_close(store);
    store = open_store(16 * MIB);
    check_model(store, &committed);
    ag_store_close(store);
    remove_directory();
}

/* ---- other processes, other formats ------------------------------------------------------------ */

static int status_of(pid_t child)
{
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_second_open_is_refused(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store *second = NULL;
    CHECK_ERR(ag_store_open(path, 16 * MIB, &second), AG_ERR_STORE_LOCKED);
    pid_t child = fork();
    if (child == 0) {
        _exit(ag_store_open(path, 16 * MIB, &second) == AG_ERR_STORE_LOCKED ? 0 : 1);
    }
    CHECK(status_of(child) == 0);
    CHECK_OK(put_number(store, 1, text("the refused ones did no harm")));
    ag_store_close(store);
    store = open_store(16 * MIB);
    CHECK_U64(count_of(store, AG_TABLE_BATCHES), 1);
    ag_store_close(store);
    remove_directory();
}

/* Writes one raw entry into a database at `path`, behind the store's back. */
static void write_raw(const char *table, const char *key, struct ag_bytes value)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi = 0;
    static uint8_t copy[64];
    char name[64];
    snprintf(name, sizeof(name), "%s", key);
    memcpy(copy, value.data, value.size);
    MDB_val key_val = {strlen(name), name};
    MDB_val value_val = {value.size, copy};
    mkdir(path, 0700);
    CHECK(mdb_env_create(&env) == 0);
    CHECK(mdb_env_set_maxdbs(env, 4) == 0);
    CHECK(mdb_env_open(env, path, 0, 0600) == 0);
    CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    CHECK(mdb_dbi_open(txn, table, MDB_CREATE, &dbi) == 0);
    CHECK(mdb_put(txn, dbi, &key_val, &value_val, 0) == 0);
    CHECK(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

static void write_file(const char *name, size_t offset, struct ag_bytes bytes)
{
    char file[160];
    snprintf(file, sizeof(file), "%s/%s", path, name);
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0);
    CHECK(pwrite(fd, bytes.data, bytes.size, (off_t)offset) == (ssize_t)bytes.size);
    close(fd);
}

static void test_other_formats_are_refused(void)
{
    struct ag_store *store = NULL;

    make_directory(); /* a later format */
    ag_store_close(open_store(16 * MIB));
    write_raw("meta", "store.format", AG_LITERAL("\0\0\0\0\0\0\0\2"));
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_STORE_FORMAT);
    write_raw("meta", "store.format", AG_LITERAL("\0\0\0\0\0\0\0\1"));
    ag_store_close(open_store(16 * MIB));
    write_raw("meta", "store.format", AG_LITERAL("1"));
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_STORE_CORRUPT);
    remove_directory();

    make_directory(); /* another program's database: refused, and left alone */
    write_raw("meta", "other", AG_LITERAL("x"));
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_STORE_FORMAT);
    remove_directory();
    make_directory();
    write_raw("things", "other", AG_LITERAL("x"));
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_STORE_FORMAT);
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_STORE_FORMAT);
    remove_directory();

    make_directory(); /* no database at all */
    mkdir(path, 0700);
    static uint8_t noise[16384];
    ag_test_random_bytes(noise, sizeof(noise));
    write_file("data.mdb", 0, AG_ARRAY_VIEW(noise));
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_STORE_CORRUPT);
    CHECK(store == NULL);
    remove_directory();
}

/* A root page that is not one is found out, not followed. */
static void test_a_damaged_page_is_refused(void)
{
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    struct ag_store_info info = {0};
    for (uint64_t i = 0; i < 100; i++) {
        CHECK_OK(put_number(store, i, text("value")));
    }
    CHECK_OK(ag_store_info(store, &info));
    ag_store_close(store);
    static const uint8_t zeros[4096];
    for (size_t page = 2; page * sizeof(zeros) < info.size_file; page++) {
        write_file("data.mdb", page * sizeof(zeros), AG_ARRAY_VIEW(zeros));
    }
    CHECK_ERR(ag_store_open(path, 16 * MIB, &store), AG_ERR_STORE_CORRUPT);
    remove_directory();
}

/* ---- full -------------------------------------------------------------------------------------- */

/* Fills until refused, in transactions of `per_tx` values, and checks what remains. */
static void fill(size_t value_size, unsigned per_tx)
{
    make_directory();
    struct ag_store *store = open_store(2 * MIB);
    static uint8_t value[100000];
    struct ag_store_tx *tx = NULL;
    uint64_t kept = 0;
    enum ag_err err = AG_OK;
    memset(value, 7, sizeof(value));
    while (err == AG_OK) {
        CHECK_OK(ag_store_begin(store, &tx));
        for (unsigned i = 0; i < per_tx && err == AG_OK; i++) {
            struct ag_store_u64 key = ag_store_u64(kept + i);
            err = ag_store_put(tx, AG_TABLE_SPOOL, AG_VIEW(&key),
                               (struct ag_bytes){value, value_size});
        }
        if (err != AG_OK) { /* a caller who goes on and commits is refused too */
            CHECK_ERR(ag_store_put(tx, AG_TABLE_META, text("x"), text("")), AG_ERR_STORE_FULL);
            CHECK_ERR(ag_store_commit(tx), AG_ERR_STORE_FULL);
        } else {
            err = ag_store_commit(tx);
        }
        kept += err == AG_OK ? per_tx : 0;
    }
    CHECK_ERR(err, AG_ERR_STORE_FULL);
    CHECK(kept > 0);
    CHECK_U64(count_of(store, AG_TABLE_SPOOL), kept);
    CHECK(kept * value_size > 1 * MIB); /* full means full */

    /* It can be emptied, and then filled again. */
    for (uint64_t i = 0; i < kept; i++) {
        struct ag_store_u64 key = ag_store_u64(i);
        if (i % per_tx == 0) {
            CHECK_OK(ag_store_begin(store, &tx));
        }
        CHECK_OK(ag_store_delete(tx, AG_TABLE_SPOOL, AG_VIEW(&key)));
        if (i % per_tx == per_tx - 1) {
            CHECK_OK(ag_store_commit(tx));
        }
    }
    CHECK_U64(count_of(store, AG_TABLE_SPOOL), 0);
    for (uint64_t i = 0; i < kept / 2; i++) {
        CHECK_OK(put_number(store, i, (struct ag_bytes){value, value_size}));
    }
    ag_store_close(store);
    /* A smaller limit than what is there: readable, and refused to grow. */
    store = open_store(AG_STORE_SIZE_MIN);
    CHECK_U64(count_of(store, AG_TABLE_BATCHES), kept / 2);
    remove_directory();
    ag_store_close(store);
}

static void test_full(void)
{
    fill(40, 500);
    fill(1000, 1);
    fill(3000, 10);
    fill(100000, 1);
    fill(100000, 3);
}

static void test_a_single_value_over_the_limit(void)
{
    make_directory();
    struct ag_store *store = open_store(2 * MIB);
    static uint8_t value[4 * MIB];
    CHECK_OK(put_number(store, 1, text("kept")));
    CHECK_ERR(put_number(store, 2, AG_ARRAY_VIEW(value)), AG_ERR_STORE_FULL);
    CHECK_U64(count_of(store, AG_TABLE_BATCHES), 1);
    CHECK_OK(put_number(store, 2, text("fits")));
    ag_store_close(store);
    remove_directory();
}

/* A private mount, with the rights of root or of a user namespace. */
static bool mount_small_disk(void)
{
    char map[64];
    int length = snprintf(map, sizeof(map), "0 %u 1", (unsigned)getuid());
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            return false;
        }
        int fd = open("/proc/self/uid_map", O_WRONLY);
        if (fd < 0 || write(fd, map, (size_t)length) != length) {
            return false;
        }
        close(fd);
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", directory, "tmpfs", 0, "size=1m") == 0;
}

/* In a child, on a file system of its own with 1 MiB of room: the disk is full before the limit. */
static int fill_a_disk(void)
{
    struct ag_store *store = NULL;
    static uint8_t value[20000];
    uint64_t kept = 0;
    uint64_t count = 0;
    struct ag_store_tx *tx = NULL;
    enum ag_err err = AG_OK;
    if (!mount_small_disk()) {
        return 77;
    }
    if (ag_store_open(path, 64 * MIB, &store) != AG_OK) {
        return 1;
    }
    while (kept < 1000 && (err = put_number(store, kept, AG_ARRAY_VIEW(value))) == AG_OK) {
        kept++;
    }
    if (err != AG_ERR_STORE_FULL || kept < 10 || kept == 1000) {
        fprintf(stderr, "filling ended with 0x%04x after %llu\n", (unsigned)err,
                (unsigned long long)kept);
        return 2;
    }
    if (ag_store_read_begin(store, &tx) != AG_OK ||
        ag_store_count(tx, AG_TABLE_BATCHES, &count) != AG_OK || count != kept) {
        return 3;
    }
    ag_store_read_end(tx);
    for (uint64_t i = 0; i < kept; i++) { /* room comes back by deleting */
        struct ag_store_u64 key = ag_store_u64(i);
        if (ag_store_begin(store, &tx) != AG_OK ||
            ag_store_delete(tx, AG_TABLE_BATCHES, AG_VIEW(&key)) != AG_OK ||
            ag_store_commit(tx) != AG_OK) {
            return 4;
        }
    }
    if (put_number(store, 1, AG_ARRAY_VIEW(value)) != AG_OK) {
        return 5;
    }
    ag_store_close(store);
    return ag_store_open(path, 64 * MIB, &store) == AG_OK ? 0 : 6;
}

static void test_disk_full(void)
{
    make_directory();
    pid_t child = fork();
    if (child == 0) {
        _exit(fill_a_disk());
    }
    int status = status_of(child);
    if (status == 77) {
        ag_test_skip("no leave to mount a small file system here");
    } else {
        CHECK_U64((uint64_t)status, 0);
    }
    remove_directory();
}

/* ---- crashes ----------------------------------------------------------------------------------- */

/* Commits numbers for ever, and tells each one to the parent once it is committed. */
static void commit_for_ever(int fd)
{
    struct ag_store *store = NULL;
    struct ag_store_tx *tx = NULL;
    uint64_t next = 0;
    if (ag_store_open(path, 64 * MIB, &store) != AG_OK ||
        ag_store_read_begin(store, &tx) != AG_OK || /* a reader that will never end */
        ag_store_count(tx, AG_TABLE_BATCHES, &next) != AG_OK) {
        _exit(1);
    }
    for (;; next++) {
        struct ag_store_u64 key = ag_store_u64(next);
        if (ag_store_begin(store, &tx) != AG_OK ||
            ag_store_put_append(tx, AG_TABLE_BATCHES, AG_VIEW(&key), AG_VIEW(&key)) != AG_OK ||
            ag_store_put(tx, AG_TABLE_META, text("head"), AG_VIEW(&key)) != AG_OK ||
            ag_store_commit(tx) != AG_OK ||
            write(fd, &next, sizeof(next)) != (ssize_t)sizeof(next)) {
            _exit(1);
        }
    }
}

static void test_kill_loses_nothing(void)
{
    make_directory();
    uint64_t told = 0;
    bool was_told = false;
    for (unsigned round = 0; round < 25; round++) {
        int pipe_fds[2];
        CHECK(pipe(pipe_fds) == 0);
        pid_t child = fork();
        if (child == 0) {
            close(pipe_fds[0]);
            commit_for_ever(pipe_fds[1]);
        }
        close(pipe_fds[1]);
        usleep((useconds_t)(5000 + (ag_test_random() >> 16) % 25000));
        CHECK(kill(child, SIGKILL) == 0);
        waitpid(child, NULL, 0);
        uint64_t number;
        while (read(pipe_fds[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
            told = number;
            was_told = true;
        }
        close(pipe_fds[0]);

        struct ag_store *store = open_store(64 * MIB);
        uint64_t count = count_of(store, AG_TABLE_BATCHES);
        CHECK(!was_told || count >= told + 1); /* what was told is there */
        if (count > 0) {                       /* and each commit is whole */
            struct ag_store_u64 last = ag_store_u64(count - 1);
            check_value(store, AG_TABLE_META, text("head"), AG_VIEW(&last));
            check_value(store, AG_TABLE_BATCHES, AG_VIEW(&last), AG_VIEW(&last));
        }
        ag_store_close(store);
    }
    CHECK(was_told);
    ag_test_note("%llu commits survived 25 kills", (unsigned long long)told + 1);
    remove_directory();
}

static void test_restart_is_fast(void)
{
    make_directory();
    struct ag_store *store = open_store(256 * MIB);
    struct ag_store_tx *tx = NULL;
    struct ag_store_cursor *cursor = NULL;
    struct ag_store_entry entry = {0};
    uint8_t value[600] = {1};
    for (uint64_t i = 0; i < 100000; i++) {
        struct ag_store_u64 key = ag_store_u64(i);
        if (i % 10000 == 0) {
            CHECK_OK(ag_store_begin(store, &tx));
        }
        if (ag_store_put_append(tx, AG_TABLE_BATCHES, AG_VIEW(&key), AG_ARRAY_VIEW(value)) !=
            AG_OK) {
            CHECK(false);
            break;
        }
        if (i % 10000 == 9999) {
            CHECK_OK(ag_store_commit(tx));
        }
    }
    ag_store_close(store);
    double start = milliseconds();
    store = open_store(256 * MIB);
    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_BATCHES, &cursor));
    CHECK_OK(ag_store_last(cursor, &entry));
    double spent = milliseconds() - start;
    uint64_t number = 0;
    CHECK_OK(ag_store_u64_parse(entry.key, &number));
    CHECK_U64(number, 99999);
    CHECK(spent < 50.0);
    ag_test_note("opened with 100000 batches and read the last in %.2f ms", spent);
    ag_store_cursor_close(cursor);
    ag_store_read_end(tx);
    struct ag_store_info info = {0};
    CHECK_OK(ag_store_info(store, &info));
    CHECK(info.size_file > 60 * MIB && info.size_max == 256 * MIB && info.transaction >= 10);
    ag_store_close(store);
    remove_directory();
}

/* A daemon locks its memory; the map of the data file must not be meant by it. */
static int open_under_mlockall(void)
{
    struct ag_store *store = NULL;
    char line[256];
    unsigned long locked_kib = 0;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        return 77;
    }
    if (ag_store_open(path, (size_t)1 << 36, &store) != AG_OK) {
        return 1;
    }
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "VmLck:", 6) == 0) {
            locked_kib = strtoul(line + 6, NULL, 10);
        }
    }
    if (locked_kib == 0) {
        return 77; /* sanitizers make mlockall do nothing */
    }
    return locked_kib < (1u << 20) ? 0 : 2; /* of a map of 72 GiB */
}

static void test_locked_memory(void)
{
    make_directory();
    pid_t child = fork();
    if (child == 0) {
        _exit(open_under_mlockall());
    }
    int status = status_of(child);
    if (status == 77) {
        ag_test_skip("no leave to lock memory here");
    } else {
        CHECK_U64((uint64_t)status, 0);
    }
    remove_directory();
}

static void test_failpoints(void)
{
#ifdef AG_FAILPOINTS
    make_directory();
    struct ag_store *store = open_store(16 * MIB);
    CHECK_OK(ag_failpoint_configure("store.before_commit=fail@1"));
    CHECK_ERR(put_number(store, 1, text("lost")), AG_ERR_STORE);
    CHECK_U64(count_of(store, AG_TABLE_BATCHES), 0);
    CHECK_OK(ag_failpoint_configure("store.after_commit=fail@1"));
    CHECK_ERR(put_number(store, 2, text("kept")), AG_ERR_STORE);
    CHECK_U64(count_of(store, AG_TABLE_BATCHES), 1);
    CHECK_OK(put_number(store, 3, text("goes on")));
    CHECK_OK(ag_failpoint_configure(""));
    ag_store_close(store);
    remove_directory();
#else
    ag_test_skip("built without failpoints");
#endif
}

static const struct ag_test_case cases[] = {
    {"entries: put, replace, reserve, delete, reopen", test_entries},
    {"misuse: tables, keys, values, reserved names, read-only", test_misuse_is_refused},
    {"open: bad paths and sizes are refused", test_open_is_refused},
    {"abort leaves nothing", test_abort_leaves_nothing},
    {"a second writer is BUSY", test_one_writer},
    {"a reader keeps its snapshot", test_readers_see_their_snapshot},
    {"readers are bounded", test_readers_are_bounded},
    {"each allocation fails once", test_failed_allocations},
    {"order: append, cursors, ranges", test_order},
    {"the store equals a model", test_equals_a_model},
    {"a second open is STORE_LOCKED", test_second_open_is_refused},
    {"other formats and other programs' files are refused", test_other_formats_are_refused},
    {"damaged pages are STORE_CORRUPT", test_a_damaged_page_is_refused},
    {"full: nothing lost, emptied, filled again", test_full},
    {"full: one value over the limit", test_a_single_value_over_the_limit},
    {"full: the disk before the limit", test_disk_full},
    {"kill -9 loses nothing that was committed", test_kill_loses_nothing},
    {"restart with 100000 batches", test_restart_is_fast},
    {"memory locking spares the map", test_locked_memory},
    {"failpoints around the commit", test_failpoints},
};
TEST_MAIN(cases)
