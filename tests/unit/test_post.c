/* SPDX-License-Identifier: Apache-2.0 */
/* Does post keep its contract, linked alone? */
#include "post/post.h"

#include "test.h"
#include "test_directory.h"

static char directory[64];
static char path[96];

static struct ag_store *open_store(void)
{
    struct ag_store *store = NULL;
    CHECK_OK(ag_store_open(path, 1 << 22, &store));
    return store;
}

static void make_directory(void)
{
    strcpy(directory, "/tmp/ag-post-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    join_name(path, sizeof(path), directory, "store");
}

static void remove_directory(void)
{
    remove_flat(path);
    remove_flat(directory);
}

static struct ag_outbox_entry entry_of(uint64_t number)
{
    struct ag_outbox_entry entry = {.batch_number = number, .created_ms = number * 7};
    memset(entry.header_digest.bytes, (int)number, sizeof(entry.header_digest.bytes));
    return entry;
}

static enum ag_err put(struct ag_store *store, uint64_t number)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_abort_cleanup) = NULL;
    struct ag_outbox_entry entry = entry_of(number);
    AG_TRY(ag_store_begin(store, &tx));
    AG_TRY(ag_post_put(tx, &entry));
    enum ag_err err = ag_store_commit(tx);
    tx = NULL;
    return err;
}

static enum ag_err done(struct ag_store *store, uint64_t number)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_abort_cleanup) = NULL;
    AG_TRY(ag_store_begin(store, &tx));
    AG_TRY(ag_post_done(tx, number));
    enum ag_err err = ag_store_commit(tx);
    tx = NULL;
    return err;
}

static enum ag_err next(struct ag_store *store, uint64_t from, struct ag_outbox_entry *out)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    AG_TRY(ag_store_read_begin(store, &tx));
    return ag_post_next(tx, from, out);
}

static uint64_t count(struct ag_store *store)
{
    struct ag_store_tx *tx = NULL;
    uint64_t number = UINT64_MAX;
    CHECK_OK(ag_store_read_begin(store, &tx));
    CHECK_OK(ag_post_count(tx, &number));
    ag_store_read_end(tx);
    return number;
}

static void test_in_order(void)
{
    make_directory();
    struct ag_store *store = open_store();
    struct ag_outbox_entry entry = {0};
    struct ag_outbox_entry first = entry_of(1);

    CHECK_ERR(next(store, 0, &entry), AG_ERR_NOT_FOUND);
    CHECK_ERR(done(store, 1), AG_ERR_NOT_FOUND);
    CHECK_ERR(put(store, 2), AG_ERR_ARGUMENT); /* the first batch is 1 */
    CHECK_ERR(put(store, 0), AG_ERR_ARGUMENT);
    CHECK_OK(put(store, 1));
    CHECK_ERR(put(store, 1), AG_ERR_ARGUMENT); /* a repeat */
    CHECK_ERR(put(store, 3), AG_ERR_ARGUMENT); /* a gap */
    CHECK_OK(put(store, 2));
    CHECK_OK(put(store, 3));
    CHECK_U64(count(store), 3);

    CHECK_OK(next(store, 0, &entry));
    CHECK_U64(entry.batch_number, 1);
    CHECK_U64(entry.created_ms, 7);
    CHECK_BYTES(AG_VIEW(&entry.header_digest), AG_VIEW(&first.header_digest));
    CHECK_OK(next(store, 3, &entry));
    CHECK_U64(entry.batch_number, 3);
    CHECK_ERR(next(store, 4, &entry), AG_ERR_NOT_FOUND);

    CHECK_ERR(done(store, 2), AG_ERR_ARGUMENT); /* 1 is older */
    CHECK_OK(done(store, 1));
    CHECK_ERR(done(store, 1), AG_ERR_ARGUMENT);
    CHECK_OK(done(store, 2));
    CHECK_OK(done(store, 3));
    CHECK_U64(count(store), 0);
    ag_store_close(store);

    store = open_store(); /* an empty outbox still knows where it stands */
    CHECK_ERR(put(store, 1), AG_ERR_ARGUMENT);
    CHECK_ERR(put(store, 3), AG_ERR_ARGUMENT);
    CHECK_OK(put(store, 4));
    CHECK_U64(count(store), 1);
    ag_store_close(store);
    remove_directory();
}

static void test_abort_leaves_nothing(void)
{
    make_directory();
    struct ag_store *store = open_store();
    struct ag_store_tx *tx = NULL;
    struct ag_outbox_entry entry = entry_of(1);
    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_post_put(tx, &entry));
    ag_store_abort(tx); /* the batch was not committed, so it is not posted */
    CHECK_U64(count(store), 0);
    CHECK_OK(put(store, 1));
    ag_store_close(store);
    remove_directory();
}

static void put_raw(struct ag_store *store, enum ag_table table, struct ag_bytes key,
                    struct ag_bytes value)
{
    struct ag_store_tx *tx = NULL;
    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_store_put(tx, table, key, value));
    CHECK_OK(ag_store_commit(tx));
}

static void test_what_we_did_not_write(void)
{
    make_directory();
    struct ag_store *store = open_store();
    struct ag_outbox_entry entry = entry_of(1);
    struct ag_store_u64 one = ag_store_u64(1);
    struct ag_vec encoding;
    ag_vec_init(&encoding, 1024);
    CHECK_OK(ag_outbox_entry_encode(&entry, &encoding));

    put_raw(store, AG_TABLE_OUTBOX, AG_VIEW(&one), AG_LITERAL("not an entry"));
    CHECK_ERR(next(store, 0, &entry), AG_ERR_STORE_CORRUPT);
    CHECK_ERR(done(store, 1), AG_ERR_STORE_CORRUPT);
    struct ag_store_u64 two = ag_store_u64(2); /* a true entry under another number */
    put_raw(store, AG_TABLE_OUTBOX, AG_VIEW(&two), ag_vec_view(&encoding));
    CHECK_ERR(next(store, 2, &entry), AG_ERR_STORE_CORRUPT);
    put_raw(store, AG_TABLE_OUTBOX, AG_LITERAL("\xff"), ag_vec_view(&encoding));
    CHECK_ERR(put(store, 3), AG_ERR_STORE_CORRUPT);
    ag_vec_close(&encoding);
    ag_store_close(store);
    remove_directory();

    make_directory();
    store = open_store();
    put_raw(store, AG_TABLE_META, AG_LITERAL("post.done"), AG_LITERAL("x"));
    CHECK_ERR(put(store, 1), AG_ERR_STORE_CORRUPT);
    ag_store_close(store);
    remove_directory();
}

static void test_failed_allocations(void)
{
    make_directory();
    struct ag_store *store = open_store();
    unsigned failures = 0;
    for (uint64_t nth = 1; nth < 100; nth++) {
        ag_alloc_fail_nth(nth);
        enum ag_err err = put(store, 1);
        ag_alloc_fail_nth(0);
        if (err == AG_OK) {
            break;
        }
        CHECK_ERR(err, AG_ERR_NO_MEMORY);
        CHECK_U64(count(store), 0);
        failures++;
    }
    CHECK(failures >= 3);
    CHECK_U64(count(store), 1);
    ag_store_close(store);
    remove_directory();
}

static void test_sinks(void)
{
    enum ag_post_sink sink = (enum ag_post_sink)99;
    CHECK(strcmp(ag_post_sink_name(sink), "unknown") == 0);
    CHECK(!ag_post_sink_delivers(sink));
    CHECK_ERR(ag_post_sink_parse("ethereum", &sink), AG_ERR_TEXT);
    CHECK_ERR(ag_post_sink_parse("", &sink), AG_ERR_TEXT);
    CHECK_OK(ag_post_sink_parse("none", &sink));
    CHECK(sink == AG_POST_SINK_NONE && !ag_post_sink_delivers(sink));
    CHECK(strcmp(ag_post_sink_name(sink), "none") == 0);
}

static const struct ag_test_case cases[] = {
    {"entries go in and out in order; gaps and repeats are refused", test_in_order},
    {"an aborted batch is not in the outbox", test_abort_leaves_nothing},
    {"entries that we did not write are STORE_CORRUPT", test_what_we_did_not_write},
    {"each allocation fails once", test_failed_allocations},
    {"sinks by name", test_sinks},
};
TEST_MAIN(cases)
