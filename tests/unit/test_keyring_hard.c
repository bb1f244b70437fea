/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the keys when the ground fails, and when the disk is another's? */
#include "test_keyring_node.h"

/* ---- failing ground -------------------------------------------------------------------------- */

static void test_failed_draws(void)
{
    struct node node;
    make_ground(&node);
    unsigned failures = 0;
    for (uint64_t nth = 1; nth < 100 && node.keyring == NULL; nth++) {
        chance.fail_draw = nth;
        enum ag_err err = open_keys(&node);
        chance.fail_draw = 0;
        if (err != AG_OK) {
            failures++;
            CHECK_ERR(err, AG_ERR_ENTROPY);
            CHECK(node.keyring == NULL);
            CHECK_U64(row_count(&node), 0); /* nothing half-written */
        }
    }
    CHECK(failures >= 5 + 7); /* each key, each salt */
    struct ag_hash digest = digest_of(&node, 1);
    for (uint64_t nth = 1; nth <= failures; nth++) {
        chance.fail_draw = nth;
        CHECK_ERR(ag_keyring_rotate(node.keyring, NOW_MS), AG_ERR_ENTROPY);
        chance.fail_draw = 0;
        CHECK_U64(ag_keyring_epoch(node.keyring), 1);
        CHECK_U64(row_count(&node), 8);
    }
    restart(&node);
    struct ag_hash again = digest_of(&node, 1);
    CHECK_BYTES(AG_VIEW(&again), AG_VIEW(&digest));
    ag_test_note("%u draws failed", failures);
    destroy(&node);
}

static void test_failed_allocations(void)
{
    struct node node;
    make_ground(&node);
    unsigned failures = 0;
    size_t in_use = ag_alloc_in_use();
    for (uint64_t nth = 1; nth < 500 && node.keyring == NULL; nth++) {
        ag_alloc_fail_nth(nth);
        enum ag_err err = open_keys(&node);
        ag_alloc_fail_nth(0);
        if (err != AG_OK) {
            failures++;
            CHECK_ERR(err, AG_ERR_NO_MEMORY);
            CHECK_U64(row_count(&node), 0);
            CHECK_U64(ag_alloc_in_use(), in_use); /* and nothing leaks */
        }
    }
    CHECK(failures >= 10 && node.keyring != NULL);
    ag_keyring_close(node.keyring);
    node.keyring = NULL;
    CHECK_U64(ag_alloc_in_use(), in_use);
    unsigned load_failures = 0;
    for (uint64_t nth = 1; nth < 500 && node.keyring == NULL; nth++) {
        ag_alloc_fail_nth(nth);
        enum ag_err err = open_keys(&node);
        ag_alloc_fail_nth(0);
        if (err != AG_OK) {
            load_failures++;
            CHECK_ERR(err, AG_ERR_NO_MEMORY);
            CHECK_U64(ag_alloc_in_use(), in_use);
        }
    }
    CHECK(load_failures >= 10 && node.keyring != NULL);
    ag_test_note("%u allocations failed while making, %u while loading", failures, load_failures);
    destroy(&node);
}

static void test_full_store(void)
{
    struct node node;
    make(&node);
    struct ag_store_tx *tx = NULL;
    static uint8_t value[3000];
    enum ag_err err = AG_OK;
    for (uint64_t i = 0; err == AG_OK; i++) {
        struct ag_store_u64 key = ag_store_u64(i);
        CHECK_OK(ag_store_begin(node.store, &tx));
        err = ag_store_put(tx, AG_TABLE_SPOOL, AG_VIEW(&key), AG_ARRAY_VIEW(value));
        if (err == AG_OK) {
            err = ag_store_commit(tx);
        } else {
            ag_store_abort(tx);
        }
    }
    CHECK_ERR(err, AG_ERR_STORE_FULL);
    CHECK_ERR(ag_keyring_rotate(node.keyring, NOW_MS), AG_ERR_STORE_FULL);
    CHECK_U64(ag_keyring_epoch(node.keyring), 1);
    CHECK_U64(row_count(&node), 8);
    check_signatures(&node, 1);
    restart(&node);
    CHECK_U64(ag_keyring_epoch(node.keyring), 1);
    destroy(&node);
}

/* ---- a hostile disk -------------------------------------------------------------------------- */

enum damage {
    DELETE, /* the row */
    FLIP,   /* its last byte */
    SWAP,   /* with the same row of epoch 2 */
    REPLACE /* by the row of another kind of its epoch */
};

static void damage_row(struct node *node, uint64_t epoch, uint32_t kind, enum damage damage,
                       uint32_t other_kind)
{
    struct ag_keyring_row_key key = ag_keyring_row_key(epoch, kind);
    struct ag_keyring_row_key other =
        damage == SWAP ? ag_keyring_row_key(2, kind) : ag_keyring_row_key(epoch, other_kind);
    struct ag_store_tx *tx = NULL;
    struct ag_bytes value = {NULL, 0};
    static uint8_t copy[AG_LIMIT_BUNDLE_BYTES];
    CHECK_OK(ag_store_begin(node->store, &tx));
    if (damage == DELETE) {
        CHECK_OK(ag_store_delete(tx, AG_TABLE_KEYS, AG_VIEW(&key)));
    } else {
        CHECK_OK(ag_store_get(tx, AG_TABLE_KEYS, damage == FLIP ? AG_VIEW(&key) : AG_VIEW(&other),
                              &value));
        memcpy(copy, value.data, value.size);
        copy[value.size - 1] ^= damage == FLIP ? 1 : 0;
        CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, AG_VIEW(&key), ag_bytes_of(copy, value.size)));
    }
    CHECK_OK(ag_store_commit(tx));
}

static void copy_file(const char *from, const char *to)
{
    struct ag_vec content;
    ag_vec_init(&content, AG_LIMIT_FILE_BYTES);
    CHECK_OK(ag_file_read(from, AG_LIMIT_FILE_BYTES, &content));
    CHECK_OK(ag_file_write(to, ag_vec_view(&content), 0600));
    ag_vec_close(&content);
}

/* The data file of the closed store, to or from beside it. */
static void save_store(const struct node *node, const char *name, bool is_restore)
{
    char data[160];
    char copy[160];
    join_name(data, sizeof(data), node->path, "data.mdb");
    join_name(copy, sizeof(copy), node->directory, name);
    copy_file(is_restore ? copy : data, is_restore ? data : copy);
}

static void test_damaged_rows(void)
{
    struct node node;
    const uint32_t kem = (uint32_t)AG_KEYRING_KEM_BASE + AG_KEM_MLKEM1024;
    const struct {
        const char *what;
        uint64_t epoch;
        uint32_t kind;
        enum damage damage;
        uint32_t other_kind;
        enum ag_err wanted;
    } rows[] = {
        {"inventory deleted", 0, AG_KEYRING_INVENTORY, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"inventory changed", 0, AG_KEYRING_INVENTORY, FLIP, 0, AG_ERR_SEAL_TAMPERED},
        {"bundle deleted", 1, AG_KEYRING_BUNDLE, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"bundle changed", 1, AG_KEYRING_BUNDLE, FLIP, 0, AG_ERR_STORE_CORRUPT},
        {"bundle of another epoch", 1, AG_KEYRING_BUNDLE, SWAP, 0, AG_ERR_STORE_CORRUPT},
        {"digest deleted", 1, AG_KEYRING_DIGEST, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"digest changed", 2, AG_KEYRING_DIGEST, FLIP, 0, AG_ERR_SEAL_TAMPERED},
        {"digest of another epoch", 1, AG_KEYRING_DIGEST, SWAP, 0, AG_ERR_SEAL_SWAPPED},
        {"newest key deleted", 2, AG_KEYRING_MLDSA87, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"key changed", 1, AG_KEYRING_MLDSA87, FLIP, 0, AG_ERR_SEAL_TAMPERED},
        {"key of another epoch", 1, AG_KEYRING_SLHDSA, SWAP, 0, AG_ERR_SEAL_SWAPPED},
        {"key of another kind", 1, AG_KEYRING_POSTING, REPLACE, AG_KEYRING_MLDSA87,
         AG_ERR_SEAL_SWAPPED},
        {"suite deleted", 1, kem, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"suite of another epoch", 1, kem, SWAP, 0, AG_ERR_SEAL_SWAPPED},
        {"a bundle where a key was", 1, kem, REPLACE, AG_KEYRING_BUNDLE, AG_ERR_STORE_CORRUPT},
    };
    make(&node);
    CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS));
    stop(&node);
    save_store(&node, "good", false);
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        save_store(&node, "good", true);
        start_ground(&node);
        damage_row(&node, rows[i].epoch, rows[i].kind, rows[i].damage, rows[i].other_kind);
        enum ag_err err = open_keys(&node);
        CHECK_ERR(err, rows[i].wanted);
        if (err != rows[i].wanted) {
            ag_test_note("%s", rows[i].what);
        }
        stop(&node);
    }
    save_store(&node, "good", true);
    start_ground(&node);
    CHECK_OK(open_keys(&node));
    /* A retired epoch's bundle is still judged when it is asked for. */
    CHECK_OK(ag_keyring_retire(node.keyring, 1));
    damage_row(&node, 1, AG_KEYRING_BUNDLE, FLIP, 0);
    CHECK_ERR(ag_keyring_bundle(node.keyring, 1, NULL, NULL), AG_ERR_STORE_CORRUPT);
    destroy(&node);
}

static void test_other_machine_other_program(void)
{
    struct node node;
    struct node thief;
    char program[160];
    char digits[96];
    make(&node);
    stop(&node);
    save_store(&node, "copy", false);
    start_ground(&node);

    make_ground(&thief);
    stop(&thief);
    char from[160];
    char to[160];
    join_name(from, sizeof(from), node.directory, "copy");
    join_name(to, sizeof(to), thief.path, "data.mdb");
    copy_file(from, to);
    start_ground(&thief);
    CHECK_ERR(open_keys(&thief), AG_ERR_SEAL_MACHINE);
    destroy(&thief);

    stop(&node);
    memset(digits, 'c', sizeof(digits));
    join_name(program, sizeof(program), node.hardware, "measurement.hex");
    CHECK_OK(ag_file_write(program, AG_ARRAY_VIEW(digits), 0600));
    start_ground(&node);
    CHECK_ERR(open_keys(&node), AG_ERR_SEAL_MEASUREMENT);
    stop(&node);
    CHECK(unlink(program) == 0);
    start_ground(&node);
    CHECK_OK(open_keys(&node));
    destroy(&node);
}

/* ---- the anchored store as a whole ----------------------------------------------------------- */

static const char meta_key[] = "meta";

/* Steps 1 to 3 of the discipline in seal.h, as far as `steps`. */
static void anchored_commit(struct node *node, uint64_t counter, unsigned steps)
{
    struct ag_meta meta = {.store_format = 1,
                           .chain_id = 901,
                           .next_admission = 1,
                           .first_unbatched = 1,
                           .key_epoch = 1,
                           .anchor_counter = counter + 1};
    struct ag_vec plain;
    struct ag_vec sealed;
    struct ag_store_tx *tx = NULL;
    ag_vec_init(&plain, 4096);
    ag_vec_init(&sealed, 4096);
    CHECK_OK(ag_meta_encode(&meta, &plain));
    CHECK_OK(
        ag_seal_seal(node->seal, AG_PURPOSE_META, 0, text(meta_key), ag_vec_view(&plain), &sealed));
    CHECK_OK(ag_store_begin(node->store, &tx));
    CHECK_OK(ag_store_put(tx, AG_TABLE_META, text(meta_key), ag_vec_view(&sealed)));
    if (steps >= 2) {
        CHECK_OK(ag_store_commit(tx));
    } else {
        ag_store_abort(tx);
    }
    if (steps >= 3) {
        CHECK_OK(ag_seal_anchor_advance(node->tee, counter + 1));
    }
    ag_vec_close(&plain);
    ag_vec_close(&sealed);
}

/* What the next start says, and the counter it goes on from. */
static enum ag_err check_anchor(struct node *node, uint64_t *out_counter)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close) = {0};
    struct ag_meta meta = {0};
    struct ag_bytes sealed = {NULL, 0};
    struct ag_bytes plain = {NULL, 0};
    ag_arena_init(&arena, 65536);
    AG_TRY(ag_store_read_begin(node->store, &tx));
    enum ag_err err = ag_store_get(tx, AG_TABLE_META, text(meta_key), &sealed);
    if (err != AG_ERR_NOT_FOUND) {
        AG_TRY(err);
        AG_TRY(
            ag_seal_unseal(node->seal, AG_PURPOSE_META, 0, text(meta_key), sealed, &arena, &plain));
        AG_TRY(ag_meta_decode(plain, &meta, NULL));
    }
    *out_counter = meta.anchor_counter;
    return ag_seal_anchor_check(node->tee, meta.anchor_counter);
}

static void stop_and_start_ground(struct node *node)
{
    stop(node);
    start_ground(node);
}

static void test_store_taken_back(void)
{
    struct node node;
    uint64_t counter = 0;
    make_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 0);
    for (uint64_t i = 0; i < 3; i++) {
        anchored_commit(&node, i, 3);
    }
    stop(&node);
    save_store(&node, "older", false);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 3);
    anchored_commit(&node, 3, 3);
    stop(&node);
    save_store(&node, "newest", false);

    save_store(&node, "older", true); /* the whole directory goes back one commit */
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    stop(&node);
    remove_flat(node.path); /* or is thrown away */
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    stop(&node);
    save_store(&node, "newest", true);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 4);
    destroy(&node);
}

static void test_crash_at_each_step(void)
{
    struct node node;
    uint64_t counter = 0;
    make_ground(&node);
    anchored_commit(&node, 0, 3);
    stop_and_start_ground(&node);

    anchored_commit(&node, 1, 1); /* died before the commit */
    stop(&node);
    save_store(&node, "before", false);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 1);

    anchored_commit(&node, 1, 2); /* died between commit and counter */
    stop(&node);
    save_store(&node, "between", false);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 2);
    CHECK_OK(check_anchor(&node, &counter)); /* caught up once, and that is that */
    stop(&node);
    save_store(&node, "before", true);
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    stop(&node);

    /* The host may pick either of two copies that differ in an unfinished commit; the anchored
     * commit that each start makes then closes the door on the other. */
    save_store(&node, "between", true);
    start_ground(&node);
    anchored_commit(&node, 2, 2);
    stop(&node);
    save_store(&node, "unfinished", false);
    save_store(&node, "between", true);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 2);
    anchored_commit(&node, 2,
                    3); /* of the start: empty, so it does not matter which copy is next */
    stop(&node);
    save_store(&node, "start", false);
    save_store(&node, "unfinished", true);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    stop(&node);
    save_store(&node, "start", true);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 3);
    anchored_commit(&node, 3, 3); /* of the first thing that leaves */
    stop(&node);
    save_store(&node, "unfinished", true);
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    destroy(&node);
}

static const struct ag_test_case cases[] = {
    {"each random draw fails once: nothing half-written", test_failed_draws},
    {"each allocation fails once: nothing half-written", test_failed_allocations},
    {"a full store does not lose keys", test_full_store},
    {"damaged rows are refused by name", test_damaged_rows},
    {"another machine's and another program's store", test_other_machine_other_program},
    {"the whole store taken back is SEAL_ROLLBACK", test_store_taken_back},
    {"a crash at each step of an anchored commit", test_crash_at_each_step},
};
TEST_MAIN(cases)
