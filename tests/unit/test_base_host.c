/* SPDX-License-Identifier: Apache-2.0 */
/* Does base keep its contract towards the system: clock, chance, files, log and metrics? */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/host_i.h"

/* ---- the host ---- */

static void test_host_system(void)
{
    const struct ag_host *host = ag_host_system();
    uint64_t now_ms = host->now_ms(host->context);
    CHECK(now_ms > 1577836800000u && now_ms < 32503680000000u); /* the years 2020 to 3000 */
    uint64_t start_ns = host->monotonic_ns(host->context);
    CHECK(host->monotonic_ns(host->context) >= start_ns);

    uint8_t a[48] = {0};
    uint8_t b[48] = {0};
    CHECK_OK(host->random(host->context, (struct ag_buf){a, sizeof(a)}));
    CHECK_OK(host->random(host->context, (struct ag_buf){b, sizeof(b)}));
    CHECK(!ag_bytes_equal(AG_ARRAY_VIEW(a), AG_ARRAY_VIEW(b)));
    CHECK_OK(host->random(host->context, (struct ag_buf){NULL, 0}));
    /* One byte repeats and is zero now and then; that is no failure. */
    for (unsigned i = 0; i < 2000; i++) {
        CHECK_OK(host->random(host->context, (struct ag_buf){a, 1}));
    }
}

/* A source that can be broken in one way at its n-th call. */
enum fault_kind {
    FAULT_ERROR,
    FAULT_NOTHING,
    FAULT_ZERO,
    FAULT_ONES,
    FAULT_REPEAT,
    FAULT_TOO_MUCH
};
static enum fault_kind source_fault;
static unsigned source_fault_call;
static unsigned source_calls;
static bool is_source_slow;
static uint8_t source_last[256];

static ssize_t test_source(void *out, size_t size, unsigned flags)
{
    (void)flags;
    source_calls++;
    if (is_source_slow) {
        /* Half of the calls are interrupted, the others give one byte. */
        if (source_calls % 2 == 0) {
            errno = EINTR;
            return -1;
        }
        size = size == 0 ? 0 : 1;
    }
    if (source_calls == source_fault_call) {
        switch (source_fault) {
        case FAULT_ERROR:
            errno = ENOSYS;
            return -1;
        case FAULT_NOTHING:
            return 0;
        case FAULT_ZERO:
            memset(out, 0, size);
            return (ssize_t)size;
        case FAULT_ONES:
            memset(out, 0xff, size);
            return (ssize_t)size;
        case FAULT_REPEAT:
            memcpy(out, source_last, size);
            return (ssize_t)size;
        case FAULT_TOO_MUCH:
        default:
            return (ssize_t)size + 1;
        }
    }
    ag_test_random_bytes(out, size);
    memcpy(source_last, out, size);
    return (ssize_t)size;
}

static void test_random_checks(void)
{
    uint8_t out[32] = {0};
    /* Two calls of a probe and an output each; the fault is in each of the four draws once. */
    for (unsigned kind = FAULT_ERROR; kind <= FAULT_TOO_MUCH; kind++) {
        for (unsigned call = 1; call <= 4; call++) {
            uint8_t probe[AG_RANDOM_PROBE_SIZE] = {0};
            source_fault = (enum fault_kind)kind;
            source_fault_call = call;
            source_calls = 0;
            if (kind == FAULT_REPEAT && call == 1) {
                memset(source_last, 0, sizeof(source_last));
            }
            enum ag_err first =
                ag_random_checked(test_source, probe, (struct ag_buf){out, sizeof(out)});
            CHECK_ERR(first, call <= 2 ? AG_ERR_ENTROPY : AG_OK);
            if (call > 2) {
                if (kind == FAULT_REPEAT && call == 3) {
                    memcpy(source_last, probe, sizeof(probe));
                }
                memset(out, 0x55, sizeof(out));
                CHECK_ERR(ag_random_checked(test_source, probe, (struct ag_buf){out, sizeof(out)}),
                          AG_ERR_ENTROPY);
                if (call == 4) {
                    CHECK(ag_bytes_is_zero(AG_ARRAY_VIEW(out))); /* nothing half-filled leaves */
                }
            }
        }
    }
    /* A short output may look stuck by chance: only the probe can tell. */
    uint8_t probe[AG_RANDOM_PROBE_SIZE] = {0};
    source_fault = FAULT_ZERO;
    source_fault_call = 2;
    source_calls = 0;
    CHECK_OK(ag_random_checked(test_source, probe, (struct ag_buf){out, 15}));
    source_calls = 0;
    CHECK_ERR(ag_random_checked(test_source, probe, (struct ag_buf){out, 16}), AG_ERR_ENTROPY);
    source_fault_call = 0;

    is_source_slow = true;
    source_calls = 0;
    CHECK_OK(ag_random_checked(test_source, probe, (struct ag_buf){out, sizeof(out)}));
    CHECK(source_calls >= 2 * (AG_RANDOM_PROBE_SIZE + sizeof(out)) - 1);
    is_source_slow = false;
}

static void test_host_test(void)
{
    struct ag_host_test a;
    struct ag_host_test b;
    ag_host_test_init(&a, 42, 1000);
    ag_host_test_init(&b, 42, 1000);
    CHECK_U64(a.host.now_ms(a.host.context), 1000);
    a.now_ms = 1234;
    CHECK_U64(a.host.now_ms(a.host.context), 1234);
    CHECK_U64(a.host.monotonic_ns(a.host.context), 1234000000);

    uint8_t from_a[13] = {0};
    uint8_t from_b[13] = {0};
    CHECK_OK(a.host.random(a.host.context, (struct ag_buf){from_a, sizeof(from_a)}));
    CHECK_OK(b.host.random(b.host.context, (struct ag_buf){from_b, sizeof(from_b)}));
    CHECK_BYTES(AG_ARRAY_VIEW(from_a), AG_ARRAY_VIEW(from_b));
    CHECK_OK(b.host.random(b.host.context, (struct ag_buf){from_b, sizeof(from_b)}));
    CHECK(!ag_bytes_equal(AG_ARRAY_VIEW(from_a), AG_ARRAY_VIEW(from_b)));

    /* Every draw fails once. */
    for (uint64_t nth = 1; nth <= 4; nth++) {
        ag_host_test_init(&a, 7, 0);
        a.fail_draw = nth;
        for (uint64_t draw = 1; draw <= 5; draw++) {
            CHECK_ERR(a.host.random(a.host.context, (struct ag_buf){from_a, sizeof(from_a)}),
                      draw == nth ? AG_ERR_ENTROPY : AG_OK);
        }
        CHECK_U64(a.draw_count, 5);
    }
}

/* ---- files ---- */

static char directory[256];

static const char *path_of(const char *name)
{
    static char path[512];
    ag_text_format(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void make_directory(void)
{
    ag_text_format(directory, sizeof(directory), "%s/ag-test-XXXXXX", P_tmpdir);
    CHECK(mkdtemp(directory) != NULL);
}

static void remove_directory(void)
{
    CHECK(rmdir(directory) == 0); /* fails if a temporary file was left */
}

static struct ag_bytes read_back(struct ag_vec *vec, const char *name)
{
    vec->size = 0;
    CHECK_OK(ag_file_read(path_of(name), vec->limit, vec));
    return ag_vec_view(vec);
}

static void test_file(void)
{
    make_directory();
    struct ag_vec vec;
    ag_vec_init(&vec, 1000000);
    mode_t mask = umask(077);

    CHECK_OK(ag_file_write(path_of("a"), AG_LITERAL("one"), 0644));
    CHECK_BYTES(read_back(&vec, "a"), AG_LITERAL("one"));
    struct stat status;
    CHECK(stat(path_of("a"), &status) == 0 && (status.st_mode & 07777) == 0644);
    CHECK_OK(ag_file_write(path_of("a"), AG_LITERAL("two!"), 0600));
    CHECK_BYTES(read_back(&vec, "a"), AG_LITERAL("two!"));
    CHECK(stat(path_of("a"), &status) == 0 && (status.st_mode & 07777) == 0600);
    CHECK_OK(ag_file_write(path_of("a"), (struct ag_bytes){NULL, 0}, 0600));
    CHECK_U64(read_back(&vec, "a").size, 0);

    /* Reading appends, and stops at the limit. */
    static uint8_t big[200000];
    ag_test_random_bytes(big, sizeof(big));
    CHECK_OK(ag_file_write(path_of("a"), AG_ARRAY_VIEW(big), 0600));
    CHECK_BYTES(read_back(&vec, "a"), AG_ARRAY_VIEW(big));
    vec.size = 0;
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("before")));
    CHECK_ERR(ag_file_read(path_of("a"), sizeof(big) - 1, &vec), AG_ERR_ARGUMENT);
    CHECK_BYTES(ag_vec_view(&vec), AG_LITERAL("before"));
    CHECK_OK(ag_file_read(path_of("a"), sizeof(big), &vec));
    CHECK_U64(vec.size, sizeof(big) + 6);
    struct ag_vec small;
    ag_vec_init(&small, 10);
    CHECK_ERR(ag_file_read(path_of("a"), sizeof(big), &small), AG_ERR_WIRE_SPACE);
    ag_vec_close(&small);

    CHECK_ERR(ag_file_read(path_of("none"), 10, &vec), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_file_read(path_of("a/none"), 10, &vec), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_file_read(directory, 10, &vec), AG_ERR_IO);
    CHECK_ERR(ag_file_write(path_of("none/a"), AG_LITERAL("x"), 0600), AG_ERR_IO);
    CHECK_ERR(ag_file_write("", AG_LITERAL("x"), 0600), AG_ERR_ARGUMENT);
    static char long_path[5000];
    memset(long_path, 'x', sizeof(long_path) - 1);
    CHECK_ERR(ag_file_write(long_path, AG_LITERAL("x"), 0600), AG_ERR_ARGUMENT);

    /* A directory of that name cannot be replaced, and the attempt leaves nothing behind. */
    CHECK(mkdir(path_of("d"), 0700) == 0);
    CHECK_ERR(ag_file_write(path_of("d"), AG_LITERAL("x"), 0600), AG_ERR_IO);
    CHECK(rmdir(path_of("d")) == 0);

    umask(mask);
    ag_vec_close(&vec);
    CHECK(unlink(path_of("a")) == 0);
    remove_directory();
}

static void test_file_leftovers(void)
{
    make_directory();
    struct ag_vec vec;
    ag_vec_init(&vec, 1000);
    CHECK_OK(ag_file_write(path_of("victim"), AG_LITERAL("keep"), 0600));
    /* What a crash left, and what an enemy laid there to be written through. */
    CHECK_OK(ag_file_write(path_of("a.tmp"), AG_LITERAL("a longer leftover"), 0644));
    CHECK_OK(ag_file_write(path_of("a"), AG_LITERAL("new"), 0600));
    CHECK_BYTES(read_back(&vec, "a"), AG_LITERAL("new"));
    CHECK(symlink("victim", path_of("a.tmp")) == 0);
    CHECK_OK(ag_file_write(path_of("a"), AG_LITERAL("newer"), 0600));
    CHECK_BYTES(read_back(&vec, "a"), AG_LITERAL("newer"));
    CHECK_BYTES(read_back(&vec, "victim"), AG_LITERAL("keep"));
    ag_vec_close(&vec);
    CHECK(unlink(path_of("a")) == 0 && unlink(path_of("victim")) == 0);
    remove_directory();
}

/* A disk that is full after 4 KiB, played by a limit on file sizes in a child. */
static void test_file_full(void)
{
    make_directory();
    CHECK_OK(ag_file_write(path_of("a"), AG_LITERAL("old"), 0600));
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static uint8_t big[65536];
        struct rlimit limit = {4096, 4096};
        (void)signal(SIGXFSZ, SIG_IGN);
        enum ag_err err = setrlimit(RLIMIT_FSIZE, &limit) != 0
                              ? AG_OK
                              : ag_file_write(path_of("a"), AG_ARRAY_VIEW(big), 0600);
        _exit(err == AG_ERR_IO ? 0 : 1);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    struct ag_vec vec;
    ag_vec_init(&vec, 1000);
    CHECK_BYTES(read_back(&vec, "a"), AG_LITERAL("old"));
    ag_vec_close(&vec);
    CHECK(unlink(path_of("a")) == 0);
    remove_directory();
}

/* While one process replaces a file for ever, another never reads half of it. */
static void test_file_atomic(void)
{
    make_directory();
    static uint8_t ones[20000];
    static uint8_t twos[30000];
    memset(ones, 1, sizeof(ones));
    memset(twos, 2, sizeof(twos));
    CHECK_OK(ag_file_write(path_of("a"), AG_ARRAY_VIEW(ones), 0600));
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < 40; i++) {
            struct ag_bytes next = i % 2 == 0 ? AG_ARRAY_VIEW(twos) : AG_ARRAY_VIEW(ones);
            if (ag_file_write(path_of("a"), next, 0600) != AG_OK) {
                _exit(1);
            }
        }
        _exit(0);
    }
    struct ag_vec vec;
    ag_vec_init(&vec, 100000);
    int status = 0;
    unsigned reads = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        struct ag_bytes seen = read_back(&vec, "a");
        CHECK(ag_bytes_equal(seen, AG_ARRAY_VIEW(ones)) ||
              ag_bytes_equal(seen, AG_ARRAY_VIEW(twos)));
        reads++;
    }
    CHECK(status == 0);
    ag_test_note("%u reads saw a whole file", reads);
    ag_vec_close(&vec);
    CHECK(unlink(path_of("a")) == 0);
    remove_directory();
}

/* ---- the log ---- */

static char log_text[3 * AG_LIMIT_LOG_LINE_BYTES];

/* Turns stderr into a pipe, and back. What was written is in log_text. */
static int saved_stderr;
static int log_pipe[2];

static void catch_log(void)
{
    (void)fflush(stderr);
    CHECK(pipe2(log_pipe, O_NONBLOCK) == 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(log_pipe[1], STDERR_FILENO);
}

static void release_log(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(log_pipe[1]);
    ssize_t size = read(log_pipe[0], log_text, sizeof(log_text) - 1);
    close(log_pipe[0]);
    log_text[size < 0 ? 0 : size] = '\0';
}

/* The line behind the time, which is checked for its form. */
static const char *behind_time(void)
{
    /* 2026-01-31T12:34:56.789Z */
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; i + 1 < sizeof(form); i++) {
        char c = log_text[i];
        if (form[i] == 'd' ? c < '0' || c > '9' : c != form[i]) {
            bool is_time = false;
            CHECK(is_time);
            return log_text;
        }
    }
    return log_text + sizeof(form) - 1;
}

static void test_log_text(void)
{
    struct ag_hash hash = {{0xab, 0xcd}};
    struct ag_id id = {{0x01}};
    catch_log();
    errno = 77;
    ag_log(AG_LOG_INFO, "batch.committed", ag_kv_u64("number", 3), ag_kv_i64("delta", -4),
           ag_kv_text("who", "plain"), ag_kv_text("empty", ""), ag_kv_text("none", NULL),
           ag_kv_err("err", AG_ERR_IO), ag_kv_id("id", &id));
    CHECK_U64((uint64_t)errno, 77);
    release_log();
    CHECK(strcmp(behind_time(),
                 "INFO batch.committed number=3 delta=-4 who=plain empty=\"\" none=\"\" err=IO "
                 "id=0100000000000000000000000000000000000000000000000000000000000000\n") == 0);
    catch_log();
    ag_log(AG_LOG_ERROR, "no.fields");
    release_log();
    CHECK(strcmp(behind_time(), "ERROR no.fields\n") == 0);
    catch_log();
    ag_log(AG_LOG_WARN, "hash", ag_kv_hash("h", &hash));
    release_log();
    CHECK(strncmp(behind_time(), "WARN hash h=abcd0000", 20) == 0);
    CHECK_U64(strlen(behind_time()), 12 + 96 + 1);
}

/* What a sender wrote can neither make a line of its own, nor pass for a field, nor reach the
 * terminal. */
static void test_log_escapes(void)
{
    static const struct {
        const char *value;
        const char *text;
        const char *json;
    } cases[] = {
        {"a b", "\"a b\"", "\"a b\""},
        {"a\nERROR x", "\"a\\x0aERROR x\"", "\"a\\\\x0aERROR x\""},
        {"\x1b[2J", "\"\\x1b[2J\"", "\"\\\\x1b[2J\""},
        {"say \"x\"\\", "\"say \\\"x\\\"\\\\\"", "\"say \\\"x\\\"\\\\\""},
        {"k=v", "\"k=v\"", "\"k=v\""},
        {"\xc2\x9b\xff", "\"\\xc2\\x9b\\xff\"", "\"\\\\xc2\\\\x9b\\\\xff\""},
        {"\x7f\t\r", "\"\\x7f\\x09\\x0d\"", "\"\\\\x7f\\\\x09\\\\x0d\""},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        char wanted[256];
        catch_log();
        ag_log(AG_LOG_INFO, "e", ag_kv_text("v", cases[i].value));
        release_log();
        ag_text_format(wanted, sizeof(wanted), "INFO e v=%s\n", cases[i].text);
        ag_test_check(strcmp(behind_time(), wanted) == 0, cases[i].text, __FILE__, __LINE__);

        ag_log_configure(AG_LOG_INFO, true);
        catch_log();
        ag_log(AG_LOG_INFO, "e", ag_kv_text("v", cases[i].value));
        release_log();
        ag_log_configure(AG_LOG_INFO, false);
        ag_text_format(wanted, sizeof(wanted), "\"level\":\"INFO\",\"event\":\"e\",\"v\":%s}\n",
                       cases[i].json);
        ag_test_check(strstr(log_text, wanted) != NULL, cases[i].json, __FILE__, __LINE__);
        struct ag_json *json = NULL;
        CHECK_OK(ag_json_parse(ag_bytes_of(log_text, strlen(log_text)), &json));
        ag_json_close(json);
    }
}

static void test_log_cut(void)
{
    static char huge[5000];
    memset(huge, '\x01', sizeof(huge) - 1); /* the longest escapes */
    for (unsigned is_json = 0; is_json < 2; is_json++) {
        ag_log_configure(AG_LOG_INFO, is_json != 0);
        catch_log();
        ag_log(AG_LOG_INFO, "cut", ag_kv_text("one", huge), ag_kv_u64("two", 2));
        release_log();
        CHECK(strlen(log_text) <= AG_LIMIT_LOG_LINE_BYTES);
        CHECK(strchr(log_text, '\n') == log_text + strlen(log_text) - 1);
        if (is_json != 0) {
            CHECK(strstr(log_text, "\"truncated\":true") != NULL);
            struct ag_json *json = NULL;
            CHECK_OK(ag_json_parse(ag_bytes_of(log_text, strlen(log_text)), &json));
            ag_json_close(json);
        } else {
            CHECK(strstr(log_text, "...\" two=2\n") != NULL);
        }
        catch_log();
        ag_log(AG_LOG_INFO, "cut", ag_kv_u64("first", 1), ag_kv_text("a", huge),
               ag_kv_text("b", huge), ag_kv_text("c", huge), ag_kv_u64("last", 9));
        release_log();
        CHECK(strlen(log_text) <= AG_LIMIT_LOG_LINE_BYTES);
        CHECK(strstr(log_text, "first") != NULL && strstr(log_text, "last") == NULL);
        CHECK(strstr(log_text, "truncated") != NULL);
    }
    ag_log_configure(AG_LOG_INFO, false);
    /* A long plain text is cut as well. */
    memset(huge, 'x', sizeof(huge) - 1);
    catch_log();
    ag_log(AG_LOG_INFO, "cut", ag_kv_text("plain", huge));
    release_log();
    CHECK(strstr(log_text, "xxx...\n") != NULL && strlen(log_text) < 500);
}

static void test_log_level(void)
{
    catch_log();
    ag_log(AG_LOG_DEBUG, "unseen");
    ag_log_configure(AG_LOG_WARN, false);
    ag_log(AG_LOG_INFO, "unseen");
    ag_log(AG_LOG_WARN, "seen");
    ag_log_configure(AG_LOG_DEBUG, false);
    ag_log(AG_LOG_DEBUG, "seen.too");
    ag_log_configure(AG_LOG_INFO, false);
    release_log();
    CHECK(strstr(log_text, "unseen") == NULL);
    CHECK(strstr(log_text, "WARN seen\n") != NULL && strstr(log_text, "DEBUG seen.too\n") != NULL);
}

/* ---- metrics ---- */

static void test_metrics(void)
{
    uint64_t before = ag_metric_get(AG_METRIC_ADMITTED);
    ag_metric_add(AG_METRIC_ADMITTED, 2);
    ag_metric_add(AG_METRIC_ADMITTED, 40);
    CHECK_U64(ag_metric_get(AG_METRIC_ADMITTED) - before, 42);
    ag_metric_set(AG_METRIC_HEAD_NUMBER, 17);
    ag_metric_set(AG_METRIC_HEAD_NUMBER, 16);
    CHECK_U64(ag_metric_get(AG_METRIC_HEAD_NUMBER), 16);
    ag_metric_observe_us(AG_METRIC_SIGN_US, 100);
    ag_metric_observe_us(AG_METRIC_SIGN_US, 11);
    CHECK_U64(ag_metric_get(AG_METRIC_SIGN_US), 111);
    CHECK_U64(ag_metric_get_count(AG_METRIC_SIGN_US), 2);

    struct ag_vec vec;
    ag_vec_init(&vec, 100000);
    void *memory = ag_alloc(5000);
    CHECK_OK(ag_metrics_print(&vec));
    ag_free(memory);
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("\0")));
    const char *text = (const char *)vec.data;
    CHECK(strstr(text, "# HELP aegis_admitted_total Envelopes accepted: on disk and promised\n"
                       "# TYPE aegis_admitted_total counter\naegis_admitted_total 42\n") != NULL);
    CHECK(strstr(text, "# TYPE aegis_head_number gauge\naegis_head_number 16\n") != NULL);
    CHECK(strstr(text, "# TYPE aegis_sign_us summary\naegis_sign_us_sum 111\n"
                       "aegis_sign_us_count 2\n") != NULL);
    CHECK(ag_metric_get(AG_METRIC_MEMORY_BYTES) >= 5000);
    ag_vec_close(&vec);

    ag_vec_init(&vec, 100);
    CHECK_ERR(ag_metrics_print(&vec), AG_ERR_WIRE_SPACE);
    ag_vec_close(&vec);
}

/* Prometheus refuses a page whose names are malformed or repeated. */
static void test_metric_names(void)
{
    static const char *const names[] = {
#define X(name, kind, text_name, help) text_name,
#include "base/metrics.def"
#undef X
    };
    for (size_t i = 0; i < AG_COUNT(names); i++) {
        CHECK(strncmp(names[i], "aegis_", 6) == 0);
        CHECK(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_") == strlen(names[i]));
        for (size_t k = 0; k < i; k++) {
            CHECK(strcmp(names[i], names[k]) != 0);
        }
    }
}

static void misuse_metric(void)
{
    ag_metric_add(AG_METRIC_HEAD_NUMBER, 1); /* a gauge */
}

static void test_metric_kind(void)
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        if (freopen("/dev/null", "w", stderr) != NULL) {
            misuse_metric();
        }
        _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static const struct ag_test_case cases[] = {
    {"host: clock and chance", test_host_system},
    {"host: a broken source is noticed", test_random_checks},
    {"host: the tests' own", test_host_test},
    {"file: read and write", test_file},
    {"file: leftovers and links", test_file_leftovers},
    {"file: full disk", test_file_full},
    {"file: old or new, never half", test_file_atomic},
    {"log: text", test_log_text},
    {"log: hostile text", test_log_escapes},
    {"log: long lines", test_log_cut},
    {"log: levels", test_log_level},
    {"metrics: count and print", test_metrics},
    {"metrics: names", test_metric_names},
    {"metrics: wrong kind is a bug", test_metric_kind},
};
TEST_MAIN(cases)
