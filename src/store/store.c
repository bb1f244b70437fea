/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/store_i.h"

/* Names are part of the stored format. */
static const char *const table_names[AG_TABLE_COUNT] = {
    [AG_TABLE_META] = "meta",
    [AG_TABLE_KEYS] = "keys",
    [AG_TABLE_ASSETS] = "assets",
    [AG_TABLE_CODE] = "code",
    [AG_TABLE_STATE] = "state",
    [AG_TABLE_BATCHES] = "batches",
    [AG_TABLE_RECEIPTS] = "receipts",
    [AG_TABLE_CHECKPOINTS] = "checkpoints",
    [AG_TABLE_COLLATERAL] = "collateral",
    [AG_TABLE_OUTBOX] = "outbox",
    [AG_TABLE_SPOOL] = "spool",
    [AG_TABLE_REPLAY] = "replay",
    [AG_TABLE_ACCOUNTS] = "accounts",
    [AG_TABLE_GROUPS] = "groups",
};

#define FORMAT_KEY    AG_STORE_RESERVED_PREFIX "format"
#define PATH_SIZE_MAX 4096u

const char *ag_store_table_name(enum ag_table table)
{
    return (unsigned)table < AG_TABLE_COUNT ? table_names[table] : "unknown";
}

/* A short write at the end of a full disk reaches us as EIO, because LMDB has nothing better to say
 * [LMDB 0.9.24, mdb_page_flush]. Few blocks left tell the two apart. */
static bool is_disk_full(const struct ag_store *store)
{
    enum {
        BLOCKS_LEFT = 16
    };
    mdb_filehandle_t fd = -1;
    struct statvfs stat = {0};

    if (store == NULL || store->env == NULL || mdb_env_get_fd(store->env, &fd) != 0) {
        return false;
    }
    return fstatvfs(fd, &stat) == 0 && stat.f_bavail < BLOCKS_LEFT;
}

enum ag_err ag_store_err(const struct ag_store *store, int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return AG_OK;
    case MDB_NOTFOUND:
        return AG_ERR_NOT_FOUND;
    case MDB_KEYEXIST: /* MDB_APPEND below the last key */
    case MDB_BAD_VALSIZE:
        return AG_ERR_ARGUMENT;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return AG_ERR_STORE_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL: /* a tree deeper than any that LMDB writes */
    case MDB_INVALID:
        return AG_ERR_STORE_CORRUPT;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return AG_ERR_STORE_FORMAT;
    case MDB_READERS_FULL:
        return AG_ERR_BUSY;
    case ENOMEM:
        return AG_ERR_NO_MEMORY;
    case EIO:
        return is_disk_full(store) ? AG_ERR_STORE_FULL : AG_ERR_STORE;
    default:
        return AG_ERR_STORE;
    }
}

bool ag_store_key_is_free(enum ag_table table, struct ag_bytes key)
{
    struct ag_bytes prefix = AG_LITERAL(AG_STORE_RESERVED_PREFIX);

    return table != AG_TABLE_META || !ag_bytes_equal(ag_bytes_head(key, prefix.size), prefix);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum ag_err join(const char *path, const char *name, char out[PATH_SIZE_MAX])
{
    int length = snprintf(out, PATH_SIZE_MAX, "%s/%s", path, name);

    AG_ENSURE(length > 0 && (size_t)length < PATH_SIZE_MAX, AG_ERR_ARGUMENT);
    return AG_OK;
}

/* A name that was just made is durable once its directory is. */
static enum ag_err sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = 0;

    AG_ENSURE(fd >= 0, AG_ERR_STORE);
    result = fsync(fd);
    (void)close(fd); /* nothing was written through it */
    AG_ENSURE(result == 0, AG_ERR_STORE);
    return AG_OK;
}

/* The lock is of the open file, so it dies with the process however that dies, and a second open in
 * this process is refused too, which LMDB could not survive. */
static enum ag_err lock_directory(struct ag_store *store, const char *path)
{
    char name[PATH_SIZE_MAX];

    AG_TRY(join(path, "aegis.lock", name));
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ag_store_err(NULL, errno);
    }
    store->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        return ag_store_err(NULL, errno);
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? AG_ERR_STORE_LOCKED : AG_ERR_STORE;
    }
    return AG_OK;
}

/* LMDB maps its reader table from a sparse file: on a full disk the first reader in an untouched
 * page would end in SIGBUS. So its blocks are taken now. The descriptor stays open as long as
 * LMDB's own, because closing any descriptor of that file drops LMDB's fcntl locks [LMDB
 * caveats]. */
static enum ag_err reserve_reader_table(struct ag_store *store, const char *path)
{
    char name[PATH_SIZE_MAX];
    struct stat stat = {0};
    int code = 0;

    AG_TRY(join(path, "lock.mdb", name));
    store->readers_fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    AG_ENSURE(store->readers_fd >= 0, AG_ERR_STORE);
    AG_ENSURE(fstat(store->readers_fd, &stat) == 0, AG_ERR_STORE);
    code = posix_fallocate(store->readers_fd, 0, stat.st_size);
    if (code != 0 && code != EOPNOTSUPP && code != EINVAL) {
        return ag_store_err(store, code);
    }
    return AG_OK;
}

/* One line of /proc/self/maps: address range, permissions, offset, device, inode, path
 * [proc(5)]. */
static bool parse_mapping(char *line, uintptr_t *out_start, uintptr_t *out_end, uint64_t *out_inode)
{
    char *save = NULL;
    char *fields[5] = {NULL};
    char *dash = NULL;

    for (size_t i = 0; i < AG_COUNT(fields); i++) {
        fields[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
        if (fields[i] == NULL) {
            return false;
        }
    }
    *out_start = strtoul(fields[0], &dash, 16);
    if (*dash != '-') {
        return false;
    }
    *out_end = strtoul(dash + 1, NULL, 16);
    *out_inode = strtoull(fields[4], NULL, 10);
    return *out_start < *out_end;
}

/* A process that locks its memory does not mean the data file: it is sealed, and may be larger than
 * the memory. LMDB does not tell where its map lies, so the kernel is asked; where it does not
 * answer the map stays locked, which costs memory and nothing else. */
static void unlock_map(const struct ag_store *store)
{
    char line[PATH_SIZE_MAX + 128];
    struct stat stat = {0};
    mdb_filehandle_t fd = -1;
    FILE *maps = fopen("/proc/self/maps", "re");

    if (maps == NULL) {
        return;
    }
    if (mdb_env_get_fd(store->env, &fd) == 0 && fstat(fd, &stat) == 0) {
        while (fgets(line, sizeof(line), maps) != NULL) {
            bool is_data = strstr(line, "/data.mdb\n") != NULL;
            uintptr_t start = 0;
            uintptr_t end = 0;
            uint64_t inode = 0;

            if (is_data && parse_mapping(line, &start, &end, &inode) && inode == stat.st_ino) {
                /* Refused if it was not locked. clang-tidy performance-no-int-to-ptr: the kernel
                 * gives the address as text. */
                (void)munlock((void *)start, end - start); // NOLINT(performance-no-int-to-ptr)
            }
        }
    }
    (void)fclose(maps); /* read only */
}

static enum ag_err open_environment(struct ag_store *store, const char *path)
{
    size_t map_size = 0;
    int code = mdb_env_create(&store->env);

    if (code != 0) {
        store->env = NULL;
        return ag_store_err(NULL, code);
    }
    AG_ENSURE(!__builtin_add_overflow(store->size_max, store->size_max / 8 + (1u << 20), &map_size),
              AG_ERR_ARGUMENT);
    AG_TRY(ag_store_err(store, mdb_env_set_mapsize(store->env, map_size)));
    AG_TRY(ag_store_err(store, mdb_env_set_maxdbs(store->env, AG_TABLE_COUNT)));
    AG_TRY(ag_store_err(store, mdb_env_set_maxreaders(store->env, AG_LIMIT_STORE_READERS)));
    /* Not among the flags, on purpose: WRITEMAP (a full disk would be SIGBUS, a stray write would
     * be data), NOSYNC and NOMETASYNC (a commit would not be durable), NOMEMINIT (old heap would
     * reach the disk). NOTLS ties a reader to its transaction instead of its thread. */
    AG_TRY(ag_store_err(store, mdb_env_open(store->env, path, MDB_NOTLS, 0600)));
    AG_TRY(ag_store_err(store, mdb_reader_check(store->env, &store->stale_count)));
    AG_TRY(reserve_reader_table(store, path));
    unlock_map(store);
    return AG_OK;
}

/* Compares the format, or writes it into an environment that is empty. */
static enum ag_err check_format(struct ag_store *store, MDB_txn *txn, bool is_new)
{
    char name[] = FORMAT_KEY;
    struct ag_store_u64 format = ag_store_u64(AG_STORE_FORMAT);
    MDB_val key = {sizeof(name) - 1, name};
    MDB_val value = {sizeof(format.bytes), format.bytes};
    uint64_t found = 0;
    int code = 0;

    if (is_new) {
        return ag_store_err(store, mdb_put(txn, store->tables[AG_TABLE_META], &key, &value, 0));
    }
    code = mdb_get(txn, store->tables[AG_TABLE_META], &key, &value);
    AG_ENSURE(code != MDB_NOTFOUND, AG_ERR_STORE_FORMAT);
    AG_TRY(ag_store_err(store, code));
    AG_TRY(ag_store_u64_parse(ag_bytes_of(value.mv_data, value.mv_size), &found));
    AG_ENSURE(found == AG_STORE_FORMAT, AG_ERR_STORE_FORMAT);
    return AG_OK;
}

static enum ag_err open_tables(struct ag_store *store, MDB_txn *txn, bool *out_is_new)
{
    MDB_dbi root = 0;
    MDB_stat stat = {0};

    AG_TRY(ag_store_err(store, mdb_dbi_open(txn, NULL, 0, &root)));
    AG_TRY(ag_store_err(store, mdb_stat(txn, root, &stat)));
    *out_is_new = stat.ms_entries == 0;
    for (size_t i = 0; i < AG_TABLE_COUNT; i++) {
        /* META must be there in whatever is not new; the others may have come with a version. */
        unsigned flags = i == AG_TABLE_META && !*out_is_new ? 0 : MDB_CREATE;
        int code = mdb_dbi_open(txn, table_names[i], flags, &store->tables[i]);

        AG_ENSURE(i != AG_TABLE_META || code != MDB_NOTFOUND, AG_ERR_STORE_FORMAT);
        AG_TRY(ag_store_err(store, code));
        if (i == AG_TABLE_META) {
            AG_TRY(check_format(store, txn, *out_is_new));
        }
    }
    return AG_OK;
}

/* Tables and format appear in one transaction: there is no half-made store. */
static enum ag_err prepare(struct ag_store *store, const char *path)
{
    MDB_txn *txn = NULL;
    bool is_new = false;
    enum ag_err err = AG_OK;

    AG_TRY(ag_store_err(store, mdb_txn_begin(store->env, NULL, 0, &txn)));
    err = open_tables(store, txn, &is_new);
    if (err != AG_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    AG_TRY(ag_store_err(store, mdb_txn_commit(txn))); /* writes nothing when nothing is new */
    if (is_new) {
        char parent[PATH_SIZE_MAX];

        AG_TRY(join(path, "..", parent));
        AG_TRY(sync_directory(path));
        AG_TRY(sync_directory(parent));
    }
    return AG_OK;
}

enum ag_err ag_store_open(const char *path, size_t size_max, struct ag_store **out)
{
    struct ag_store *store AG_SCOPED(ag_store_cleanup) = NULL;

    AG_ENSURE(path != NULL && path[0] != '\0' && size_max >= AG_STORE_SIZE_MIN, AG_ERR_ARGUMENT);
    store = ag_alloc(sizeof(*store));
    AG_ENSURE(store != NULL, AG_ERR_NO_MEMORY);
    store->size_max = size_max;
    store->lock_fd = -1;
    store->readers_fd = -1;
    AG_TRY(lock_directory(store, path));
    AG_TRY(open_environment(store, path));
    AG_TRY(prepare(store, path));

    *out = store;
    store = NULL;
    return AG_OK;
}

void ag_store_close(struct ag_store *store)
{
    if (store == NULL) {
        return;
    }
    AG_ASSERT(!atomic_load(&store->has_writer));
    if (store->env != NULL) {
        mdb_env_close(store->env);
    }
    /* Nothing is buffered in these: their closing cannot lose anything. */
    if (store->readers_fd >= 0) {
        (void)close(store->readers_fd);
    }
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd);
    }
    ag_free(store);
}

void ag_store_cleanup(struct ag_store **store)
{
    ag_store_close(*store);
}

enum ag_err ag_store_info(struct ag_store *store, struct ag_store_info *out)
{
    MDB_envinfo info = {0};
    MDB_stat stat = {0};

    AG_TRY(ag_store_err(store, mdb_env_info(store->env, &info)));
    AG_TRY(ag_store_err(store, mdb_env_stat(store->env, &stat)));
    *out = (struct ag_store_info){
        .size_max = store->size_max,
        .size_file = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize,
        .transaction = info.me_last_txnid,
        .reader_count = info.me_numreaders,
        .stale_count = (uint32_t)store->stale_count,
    };
    return AG_OK;
}

/* ---- numbers as keys ------------------------------------------------------------------------- */

struct ag_store_u64 ag_store_u64(uint64_t number)
{
    struct ag_store_u64 key = {{0}};

    for (size_t i = 0; i < sizeof(key.bytes); i++) {
        key.bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    return key;
}

enum ag_err ag_store_u64_parse(struct ag_bytes bytes, uint64_t *out)
{
    uint64_t number = 0;

    AG_ENSURE(bytes.size == 8, AG_ERR_STORE_CORRUPT);
    for (size_t i = 0; i < bytes.size; i++) {
        number = number << 8 | bytes.data[i];
    }
    *out = number;
    return AG_OK;
}
