/* SPDX-License-Identifier: Apache-2.0 */
/* Does store keep its promises beside other processes, on a full disk, and when it is killed? */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "test_store_ground.h"

/* ---- other processes, other formats ---------------------------------------------------------- */

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
    (void)snprintf(name, sizeof(name), "%s", key);
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
    join_name(file, sizeof(file), path, name);
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

/* ---- full ------------------------------------------------------------------------------------ */

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
        (void)fprintf(stderr, "filling ended with 0x%04x after %llu\n", (unsigned)err,
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

/* ---- crashes --------------------------------------------------------------------------------- */

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

static double milliseconds(void)
{
    struct timespec now;
    (void)timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
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
