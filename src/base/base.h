/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BASE_BASE_H
#define AG_BASE_BASE_H

/* base: the ground that every room stands on.
 *
 * Owns:    the process-wide allocation count and the log stream; nothing else is global.
 * Threads: as each part says. Plain values are free-threaded.
 * Fails:   with the HOST class for the system, INPUT for texts it parses.
 * Not:     no cryptography, no sockets, no database. */

#include <stdarg.h>

#include <ag/bytes.h>
#include <ag/err.h>

/* ---- limits -------------------------------------------------------------------------------- */

enum ag_limit {
#define X(name, value, unit, reason) AG_LIMIT_##name = (value),
#include "limits.def"
#undef X
};

/* ---- assertions ---------------------------------------------------------------------------- */

/* A bug, never an input: always compiled in, prints the place and stops the process. */
#define AG_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ag_assert_failed(#condition, __FILE__, __LINE__);                                      \
        }                                                                                          \
    } while (0)
_Noreturn void ag_assert_failed(const char *condition, const char *file, int line);

#define AG_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Runs `function(&variable)` when the variable leaves its scope. */
#define AG_SCOPED(function) __attribute__((__cleanup__(function)))

/* ---- secrets ------------------------------------------------------------------------------- */

/* Overwrites memory in a way the compiler keeps. `ag_wipe(NULL, 0)` does nothing. */
void ag_wipe(void *data, size_t size);
/* Equality in time that depends on `size` alone. */
bool ag_ct_equal(const void *a, const void *b, size_t size);
/* For the checker in tests/ct: mark bytes secret (undefined) or public (defined) under memcheck, in
 * builds that define AG_CT_CHECK. Free in other builds. Each use of ag_ct_public carries its
 * reason. */
void ag_ct_secret(const void *data, size_t size);
void ag_ct_public(const void *data, size_t size);

/* ---- memory -------------------------------------------------------------------------------- */

/* All allocation of the project. Counted and capped; returns NULL when the cap is reached, when the
 * system has none, or when a test told the n-th allocation to fail. Zeroed. Any thread. */
void *ag_alloc(size_t size);
void *ag_alloc_array(size_t count, size_t size); /* checked multiplication */
void ag_free(void *memory);                      /* NULL is fine */
void ag_free_cleanup(void *pointer_to_pointer);  /* for AG_SCOPED */
void ag_alloc_set_cap(size_t bytes);             /* 0: no cap */
size_t ag_alloc_in_use(void);                    /* bytes */
uint64_t ag_alloc_count(void);                   /* allocations since start */
/* The `nth` allocation from now fails, once (1 is the next; 0 switches this off). For tests. */
void ag_alloc_fail_nth(uint64_t nth);

/* Locked, undumped memory for secrets that outlive a call. Zeroed; wiped when freed. */
void *ag_secret_alloc(size_t size);
void ag_secret_free(void *memory, size_t size);

/* A region that is reset, not freed. Blocks never move, memory is aligned to 16 bytes and zeroed.
 * NO_MEMORY when the limit is reached. Not thread-safe. */
struct ag_arena {
    struct ag_arena_block *first;
    struct ag_arena_block *current;
    size_t used;    /* bytes handed out */
    size_t limit;   /* bytes it may hand out */
    bool is_secret; /* wiped on reset and close */
};
void ag_arena_init(struct ag_arena *arena, size_t limit);
void ag_arena_init_secret(struct ag_arena *arena, size_t limit);
AG_MUST_CHECK enum ag_err ag_arena_take(struct ag_arena *arena, size_t size, void **out);
AG_MUST_CHECK enum ag_err ag_arena_copy(struct ag_arena *arena, struct ag_bytes bytes,
                                        struct ag_bytes *out);
void ag_arena_reset(struct ag_arena *arena); /* keeps its blocks */
void ag_arena_close(struct ag_arena *arena);

/* A growing byte string with a limit; WIRE_SPACE when it is reached. Not thread-safe. */
struct ag_vec {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit;
};
void ag_vec_init(struct ag_vec *vec, size_t limit);
AG_MUST_CHECK enum ag_err ag_vec_append(struct ag_vec *vec, struct ag_bytes bytes);
AG_MUST_CHECK enum ag_err ag_vec_printf(struct ag_vec *vec, const char *format, ...)
    AG_PRINTF(2, 3);
/* Makes room for `size` more bytes and returns where they start; they count as appended. */
AG_MUST_CHECK enum ag_err ag_vec_extend(struct ag_vec *vec, size_t size, uint8_t **out);
struct ag_bytes ag_vec_view(const struct ag_vec *vec);
void ag_vec_close(struct ag_vec *vec);

/* ---- text ---------------------------------------------------------------------------------- */

/* Lower-case hex. `out` holds 2 * bytes.size + 1 characters. */
void ag_hex_encode(struct ag_bytes bytes, char *out);
/* Hex of either case, with or without 0x, exactly out.size bytes. TEXT otherwise. */
AG_MUST_CHECK enum ag_err ag_hex_decode(const char *text, size_t length, struct ag_buf out);
/* Hex of unknown size into an arena; at most `limit` bytes. */
AG_MUST_CHECK enum ag_err ag_hex_decode_arena(const char *text, size_t length, size_t limit,
                                              struct ag_arena *arena, struct ag_bytes *out);
/* Standard base64 with padding, strict. */
AG_MUST_CHECK enum ag_err ag_base64_decode(const char *text, size_t length, size_t limit,
                                           struct ag_arena *arena, struct ag_bytes *out);
/* Formats into `out`, cut to fit and always terminated: for messages, which a cut does not harm. */
void ag_text_format(char *out, size_t size, const char *format, ...) AG_PRINTF(3, 4);
/* Unsigned decimal without sign, space or overflow; 0x-hex if `allow_hex`. */
AG_MUST_CHECK enum ag_err ag_u64_parse(const char *text, size_t length, bool allow_hex,
                                       uint64_t *out);

/* `key = value` files: conf and policies share this reader. Lines may be empty or comments (#);
 * values may be quoted ("" is an empty one; \" and \\ are the escapes), and a # behind a value is
 * part of it. Calls `row` for each; the first error stops and `out_line` says where. Whether a key
 * may come twice is for `row` to say. */
typedef enum ag_err ag_text_row(void *context, unsigned line, const char *key, const char *value,
                                struct ag_fault *fault);
AG_MUST_CHECK enum ag_err ag_text_parse(struct ag_bytes text, ag_text_row *row, void *context,
                                        unsigned *out_line, struct ag_fault *fault);

/* ---- JSON: a door over the library, with our limits ---------------------------------------- */

/* A parsed document. Not thread-safe. Duplicate keys, depth over JSON_DEPTH, size over JSON_BYTES,
 * more than JSON_VALUES values or JSON_MEMBERS members of one object, numbers that are not 64-bit
 * integers, NUL characters, lone surrogates and trailing bytes are refused with JSON. */
struct ag_json;       /* the document: owns everything */
struct ag_json_value; /* borrowed from a document */

AG_MUST_CHECK enum ag_err ag_json_parse(struct ag_bytes text, struct ag_json **out);
void ag_json_close(struct ag_json *json);
void ag_json_cleanup(struct ag_json **json); /* for AG_SCOPED */
const struct ag_json_value *ag_json_root(const struct ag_json *json);

enum ag_json_type {
    AG_JSON_NULL,
    AG_JSON_BOOL,
    AG_JSON_NUMBER, /* an integer that fits int64_t; others are refused at parse: larger ones are
                     * sent as text */
    AG_JSON_STRING,
    AG_JSON_ARRAY,
    AG_JSON_OBJECT,
};
/* All readers accept NULL and answer as for JSON null. */
enum ag_json_type ag_json_type(const struct ag_json_value *value);
const struct ag_json_value *ag_json_get(const struct ag_json_value *object, const char *key);
size_t ag_json_count(const struct ag_json_value *array_or_object);
const struct ag_json_value *ag_json_at(const struct ag_json_value *array, size_t index);
/* The `index`-th member in source order, or NULL. */
const struct ag_json_value *ag_json_member(const struct ag_json_value *object, size_t index,
                                           const char **out_key);
/* The text of a string (UTF-8, may hold no NUL), or NULL when it is not one. */
const char *ag_json_string(const struct ag_json_value *value, size_t *out_length);
AG_MUST_CHECK enum ag_err ag_json_u64(const struct ag_json_value *value, uint64_t *out);
AG_MUST_CHECK enum ag_err ag_json_i64(const struct ag_json_value *value, int64_t *out);
bool ag_json_bool(const struct ag_json_value *value, bool fallback);
/* The exact bytes of the value of a top-level member, as signed by vendors: white space kept. */
AG_MUST_CHECK enum ag_err ag_json_raw_member(struct ag_bytes text, const char *key,
                                             struct ag_bytes *out);

/* Writing: text is produced in order into a vec; the writer keeps commas and nesting right. A key
 * outside an object, none inside one, and a nesting over 64 are bugs. Text that is not UTF-8 comes
 * out with replacement characters, so the output is always valid. */
struct ag_json_out {
    struct ag_vec *vec;
    enum ag_err err; /* the first failure; later calls do nothing */
    unsigned depth;
    uint64_t has_items; /* one bit per level */
    uint64_t is_object; /* one bit per level */
    bool is_pretty;
    bool has_root;
};
void ag_json_begin(struct ag_json_out *out, struct ag_vec *vec, bool is_pretty);
void ag_json_object(struct ag_json_out *out, const char *key); /* key NULL inside arrays */
void ag_json_array(struct ag_json_out *out, const char *key);
void ag_json_end(struct ag_json_out *out); /* closes the innermost object or array */
void ag_json_put_string(struct ag_json_out *out, const char *key, const char *text);
void ag_json_put_text(struct ag_json_out *out, const char *key, struct ag_bytes text);
void ag_json_put_u64(struct ag_json_out *out, const char *key, uint64_t value);
void ag_json_put_i64(struct ag_json_out *out, const char *key, int64_t value);
void ag_json_put_bool(struct ag_json_out *out, const char *key, bool value);
void ag_json_put_null(struct ag_json_out *out, const char *key);
void ag_json_put_hex(struct ag_json_out *out, const char *key, struct ag_bytes bytes); /* 0x… */
/* A value that is JSON text already. */
void ag_json_put_raw(struct ag_json_out *out, const char *key, struct ag_bytes json);
/* A parsed value, whole. */
void ag_json_put_value(struct ag_json_out *out, const char *key, const struct ag_json_value *value);
AG_MUST_CHECK enum ag_err ag_json_finish(struct ag_json_out *out);

/* ---- the host: time and chance ------------------------------------------------------------- */

/* What tests replace. Deterministic rooms never see it. Free-threaded. */
struct ag_host {
    void *context;
    /* Unix milliseconds of the (untrusted) wall clock. */
    uint64_t (*now_ms)(void *context);
    /* Monotonic nanoseconds, for durations and deadlines only. */
    uint64_t (*monotonic_ns)(void *context);
    /* Fills `out` with fresh random bytes from the kernel, checked: two successive draws that are
     * equal, all zero or all one are refused with ENTROPY. */
    enum ag_err (*random)(void *context, struct ag_buf out);
};
/* The real one: clock_gettime and getrandom. */
const struct ag_host *ag_host_system(void);
/* A replaceable one for tests: a settable clock, a seeded generator (never for keys outside tests),
 * and the n-th random draw fails. */
struct ag_host_test {
    struct ag_host host;
    uint64_t now_ms;
    uint64_t state;
    uint64_t fail_draw;  /* the n-th draw from now fails; 0: none */
    uint64_t draw_count; /* draws so far, so that a test can fail each of them once */
};
void ag_host_test_init(struct ag_host_test *test, uint64_t seed, uint64_t now_ms);

/* ---- files --------------------------------------------------------------------------------- */

/* Appends the whole file. NOT_FOUND; ARGUMENT when it is longer than `limit`; IO otherwise; then
 * `out` is as it was. The size that the system reports is not trusted: /sys and /proc work too. */
AG_MUST_CHECK enum ag_err ag_file_read(const char *path, size_t limit, struct ag_vec *out);
/* Writes to `path`.tmp, syncs, renames and syncs the directory: old or new, never half. `mode` is
 * exact, whatever the umask. One writer per path. IO when anything fails, a full disk included. */
AG_MUST_CHECK enum ag_err ag_file_write(const char *path, struct ag_bytes bytes, unsigned mode);

/* ---- log ----------------------------------------------------------------------------------- */

enum ag_log_level {
    AG_LOG_DEBUG,
    AG_LOG_INFO,
    AG_LOG_WARN,
    AG_LOG_ERROR
};

struct ag_kv {
    const char *key;
    enum {
        AG_KV_END,
        AG_KV_U64,
        AG_KV_I64,
        AG_KV_TEXT,
        AG_KV_HASH,
        AG_KV_ERR
    } type;
    union {
        uint64_t u64;
        int64_t i64;
        const char *text;     /* static or caller's; printable characters only are written */
        struct ag_bytes hash; /* at most 48 bytes, a public digest */
        enum ag_err err;
    } value;
};
struct ag_kv ag_kv_u64(const char *key, uint64_t value);
struct ag_kv ag_kv_i64(const char *key, int64_t value);
struct ag_kv ag_kv_text(const char *key, const char *value);
struct ag_kv ag_kv_hash(const char *key, const struct ag_hash *value);
struct ag_kv ag_kv_id(const char *key, const struct ag_id *value);
struct ag_kv ag_kv_err(const char *key, enum ag_err value);

/* One line to stderr: time, level, event, fields; JSON when configured. Any thread. */
#define ag_log(level, event, ...)                                                                  \
    ag_log_write(                                                                                  \
        (level), (event),                                                                          \
        (const struct ag_kv[]){__VA_ARGS__ __VA_OPT__(, )(struct ag_kv){.type = AG_KV_END}})
void ag_log_write(enum ag_log_level level, const char *event, const struct ag_kv *fields);
void ag_log_configure(enum ag_log_level least, bool is_json);

/* ---- metrics ------------------------------------------------------------------------------- */

/* Names, kinds and help texts stand in metrics.def. Any thread. */
enum ag_metric {
#define X(name, kind, text_name, help) AG_METRIC_##name,
#include "metrics.def"
#undef X
    AG_METRIC_COUNT
};
void ag_metric_add(enum ag_metric metric, uint64_t amount);          /* counters */
void ag_metric_set(enum ag_metric metric, uint64_t value);           /* gauges */
void ag_metric_observe_us(enum ag_metric metric, uint64_t value_us); /* summaries: sum and count */
uint64_t ag_metric_get(enum ag_metric metric);                       /* of a summary: the sum */
uint64_t ag_metric_get_count(enum ag_metric metric);            /* of a summary: observations */
AG_MUST_CHECK enum ag_err ag_metrics_print(struct ag_vec *out); /* Prometheus text format */

/* ---- threads ------------------------------------------------------------------------------- */

/* A fixed set of workers that run index ranges: the only parallelism below seq. */
struct ag_pool;
/* `count` 0 means one per processor, at most WORKERS. A pool of 1 runs in the caller. */
AG_MUST_CHECK enum ag_err ag_pool_open(unsigned count, struct ag_pool **out);
void ag_pool_close(struct ag_pool *pool);
unsigned ag_pool_size(const struct ag_pool *pool);
/* Calls task(context, index, lane) for 0 <= index < count, each once, in any order, `lane` below
 * ag_pool_size; returns when all are done. The caller works too. One caller at a time. */
typedef void ag_pool_task(void *context, size_t index, unsigned lane);
void ag_pool_run(struct ag_pool *pool, size_t count, ag_pool_task *task, void *context);

/* A bounded queue of pointers between two threads (or many to one), with an eventfd that is
 * readable while it holds something. */
struct ag_queue;
AG_MUST_CHECK enum ag_err ag_queue_open(size_t capacity, struct ag_queue **out);
void ag_queue_close(struct ag_queue *queue);
AG_MUST_CHECK enum ag_err ag_queue_push(struct ag_queue *queue, void *item); /* BUSY when full */
size_t ag_queue_pop(struct ag_queue *queue, void **items, size_t limit);     /* 0 when empty */
int ag_queue_fd(const struct ag_queue *queue);
size_t ag_queue_count(const struct ag_queue *queue);

/* ---- a bounded map with least-recently-used eviction ---------------------------------------- */

/* Keys are 32-byte ids, values are small and copied. Sized at open. Not thread-safe. */
struct ag_lru;
AG_MUST_CHECK enum ag_err ag_lru_open(size_t capacity, size_t value_size, uint64_t hash_seed,
                                      struct ag_lru **out);
void ag_lru_close(struct ag_lru *lru);
void *ag_lru_find(struct ag_lru *lru, const struct ag_id *key);   /* NULL if absent; touches */
void *ag_lru_insert(struct ag_lru *lru, const struct ag_id *key); /* zeroed if new; evicts oldest */
void ag_lru_remove(struct ag_lru *lru, const struct ag_id *key);
size_t ag_lru_count(const struct ag_lru *lru);

/* ---- failpoints ---------------------------------------------------------------------------- */

/* Named places where a test kills the process or makes a step fail. Compiled in only with the
 * build option `failpoints`; otherwise they cost nothing and cannot be switched on. */
#ifdef AG_FAILPOINTS
bool ag_failpoint_hit(const char *name); /* kills the process itself when told to */
/* "name=kill@3,other=fail@1": act at the n-th passage. */
AG_MUST_CHECK enum ag_err ag_failpoint_configure(const char *text);
#define AG_FAILPOINT(name, error)                                                                  \
    do {                                                                                           \
        if (ag_failpoint_hit(name)) {                                                              \
            return (error);                                                                        \
        }                                                                                          \
    } while (0)
#else
#define AG_FAILPOINT(name, error)                                                                  \
    do {                                                                                           \
    } while (0)
#endif

#endif
