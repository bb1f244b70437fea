/* SPDX-License-Identifier: Apache-2.0 */
/* Does store keep its contract, linked alone? */
#include <pthread.h>

#include "test_store_ground.h"

/* ---- entries --------------------------------------------------------------------------------- */

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
    join_name(below, sizeof(below), directory, "no/such");

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

/* ---- transactions ---------------------------------------------------------------------------- */

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

/* ---- order ----------------------------------------------------------------------------------- */

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
};
TEST_MAIN(cases)
