/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tee/sim_i.h"
#include "tee/tee.h"
#include "test.h"
#include "wire/wire.h"

#define NOW_MS 1780272000000u /* 2026-06-01T00:00:00Z */
#define DAY_MS 86400000u

/* ---- a directory that is gone after the test ---- */

struct dir {
    char path[64];
};

static struct dir dir_make(void)
{
    struct dir dir = {"/tmp/aegis-test-tee.XXXXXX"};
    if (mkdtemp(dir.path) == NULL) {
        perror("mkdtemp");
        abort();
    }
    return dir;
}

static void path_in(const struct dir *dir, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", dir->path, name);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void dir_close(struct dir *dir)
{
    CHECK(nftw(dir->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

/* The name of the one counter file. */
static void counter_path(const struct dir *dir, char out[PATH_MAX])
{
    char pattern[PATH_MAX];
    glob_t found = {0};
    path_in(dir, "machine/counter-*.bin", pattern);
    /* One thread here. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    CHECK(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
    snprintf(out, PATH_MAX, "%s", found.gl_pathc == 0 ? "" : found.gl_pathv[0]);
    globfree(&found);
}

static struct ag_tee *open_in(const struct dir *dir)
{
    char path[PATH_MAX];
    struct ag_tee *tee = NULL;
    path_in(dir, "machine", path);
    CHECK_OK(ag_crypto_start());
    CHECK_OK(ag_tee_open(AG_TEE_INSECURE_SIM, path, ag_host_system(), &tee));
    return tee;
}

static void override_measurement(const struct dir *dir, const char *text)
{
    char path[PATH_MAX];
    path_in(dir, "machine/measurement.hex", path);
    CHECK_OK(ag_file_write(path, ag_bytes_of(text, strlen(text)), 0600));
}

#define OTHER_PROGRAM                                                                              \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab" \
    "cdef"

/* ---- open ---- */

static void test_open_refusals(void)
{
    struct ag_tee *tee = NULL;
    static const uint8_t kinds[] = {0,          AG_TEE_TDX, AG_TEE_SNP, AG_TEE_SGX, AG_TEE_PSA,
                                    AG_TEE_CCA, AG_TEE_TPM, 8,          255};
    for (size_t i = 0; i < AG_COUNT(kinds); i++) {
        CHECK(!ag_tee_has_provider(kinds[i]));
        CHECK_ERR(ag_tee_open(kinds[i], NULL, ag_host_system(), &tee), AG_ERR_TEE);
    }
    CHECK(ag_tee_has_provider(AG_TEE_INSECURE_SIM));
    CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, NULL, ag_host_system(), &tee), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, "", ag_host_system(), &tee), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, "/tmp", NULL, &tee), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, "/nowhere/at/all", ag_host_system(), &tee),
              AG_ERR_IO);
    CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, "/proc/self/exe", ag_host_system(), &tee),
              AG_ERR_IO);
    CHECK(tee == NULL);
    ag_tee_close(NULL);
}

static void test_a_machine_stays_itself(void)
{
    struct dir dir = dir_make();
    struct ag_tee *tee = open_in(&dir);
    struct stat status;
    char path[PATH_MAX];
    path_in(&dir, "machine", path);
    CHECK(stat(path, &status) == 0 && (status.st_mode & 0777u) == 0700u);
    path_in(&dir, "machine/hardware.bin", path);
    CHECK(stat(path, &status) == 0 && (status.st_mode & 0777u) == 0600u);
    CHECK(strcmp(ag_tee_provider(tee), "insecure-sim") == 0);
    CHECK_U64(ag_tee_kind(tee), AG_TEE_INSECURE_SIM);

    uint8_t measurements[2][48];
    uint8_t roots[2][32];
    struct ag_id machines[2];
    struct ag_key256 secrets[2];
    for (size_t i = 0; i < 2; i++) {
        ag_tee_measurement(tee, measurements[i]);
        ag_tee_machine(tee, &machines[i]);
        CHECK_OK(ag_tee_root_fingerprint(tee, roots[i]));
        CHECK_OK(ag_tee_root_secret(tee, &secrets[i]));
        ag_tee_close(tee);
        tee = i == 0 ? open_in(&dir) : NULL;
    }
    CHECK(memcmp(measurements[0], measurements[1], 48) == 0);
    CHECK(memcmp(&machines[0], &machines[1], 32) == 0);
    CHECK(memcmp(roots[0], roots[1], 32) == 0);
    CHECK(ag_ct_equal(secrets[0].bytes, secrets[1].bytes, 32));
    CHECK(!ag_bytes_is_zero(AG_VIEW(&secrets[0])));

    /* The measurement is that of this very program. */
    struct ag_vec program;
    struct ag_hash hash;
    ag_vec_init(&program, AG_LIMIT_FILE_BYTES);
    CHECK_OK(ag_file_read("/proc/self/exe", AG_LIMIT_FILE_BYTES, &program));
    CHECK_OK(ag_hash_one(AG_TAG_MEASURE, ag_vec_view(&program), &hash));
    CHECK_BYTES(AG_ARRAY_VIEW(measurements[0]), AG_VIEW(&hash));
    ag_vec_close(&program);

    /* The published fingerprint is the root's. */
    struct ag_vec text;
    char hex[65];
    ag_vec_init(&text, 100);
    path_in(&dir, "machine/root.sha256", path);
    CHECK_OK(ag_file_read(path, 100, &text));
    ag_hex_encode(AG_ARRAY_VIEW(roots[0]), hex);
    CHECK(text.size == 65 && memcmp(text.data, hex, 64) == 0);
    ag_vec_close(&text);
    dir_close(&dir);
}

static void test_other_program_and_other_machine(void)
{
    struct dir dir = dir_make();
    struct dir elsewhere = dir_make();
    struct ag_tee *tees[3];
    tees[0] = open_in(&dir);
    override_measurement(&dir, OTHER_PROGRAM "\n");
    tees[1] = open_in(&dir); /* both are open at once */
    tees[2] = open_in(&elsewhere);

    uint8_t measurements[3][48];
    struct ag_id machines[3];
    struct ag_key256 secrets[3];
    for (size_t i = 0; i < 3; i++) {
        ag_tee_measurement(tees[i], measurements[i]);
        ag_tee_machine(tees[i], &machines[i]);
        CHECK_OK(ag_tee_root_secret(tees[i], &secrets[i]));
    }
    CHECK(memcmp(measurements[0], measurements[1], 48) != 0);
    CHECK(memcmp(measurements[0], measurements[2], 48) == 0);
    CHECK(memcmp(&machines[0], &machines[1], 32) == 0);
    CHECK(memcmp(&machines[0], &machines[2], 32) != 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK(!ag_ct_equal(secrets[i].bytes, secrets[(i + 1) % 3].bytes, 32));
    }

    /* Each program has its own counter. */
    uint64_t value = 99;
    CHECK_OK(ag_tee_counter_advance(tees[0], 7));
    CHECK_OK(ag_tee_counter_read(tees[1], &value));
    CHECK_U64(value, 0);
    for (size_t i = 0; i < 3; i++) {
        ag_tee_close(tees[i]);
    }

    static const char *const bad[] = {"", "00", OTHER_PROGRAM "0", "g" OTHER_PROGRAM};
    char path[PATH_MAX];
    path_in(&dir, "machine", path);
    for (size_t i = 0; i < AG_COUNT(bad); i++) {
        struct ag_tee *tee = NULL;
        override_measurement(&dir, bad[i]);
        CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, path, ag_host_system(), &tee), AG_ERR_TEXT);
    }
    dir_close(&dir);
    dir_close(&elsewhere);
}

static void test_damaged_hardware_is_refused(void)
{
    struct dir dir = dir_make();
    struct ag_tee *tee = open_in(&dir);
    ag_tee_close(tee);
    char path[PATH_MAX];
    char machine[PATH_MAX];
    path_in(&dir, "machine", machine);
    path_in(&dir, "machine/hardware.bin", path);
    struct ag_vec file;
    ag_vec_init(&file, 1u << 16);
    CHECK_OK(ag_file_read(path, 1u << 16, &file));
    for (size_t at = 0; at < file.size; at += 97) {
        file.data[at] ^= 1u;
        CHECK_OK(ag_file_write(path, ag_vec_view(&file), 0600));
        CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, machine, ag_host_system(), &tee), AG_ERR_TEE);
        file.data[at] ^= 1u;
    }
    static const size_t cuts[] = {0, 1, 48, 49, 300};
    for (size_t i = 0; i < AG_COUNT(cuts); i++) {
        CHECK_OK(ag_file_write(path, ag_bytes_of(file.data, cuts[i]), 0600));
        CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, machine, ag_host_system(), &tee), AG_ERR_TEE);
    }
    CHECK_OK(ag_file_write(path, ag_vec_view(&file), 0600));
    ag_tee_close(open_in(&dir));
    ag_vec_close(&file);
    dir_close(&dir);
}

/* ---- quotes ---- */

static void test_a_quote_binds_its_report_data(void)
{
    struct dir dir = dir_make();
    struct ag_tee *tee = open_in(&dir);
    struct ag_vec quotes[2];
    uint8_t report_data[2][64];
    uint8_t measurement[48];
    ag_tee_measurement(tee, measurement);
    for (size_t i = 0; i < 2; i++) {
        ag_test_random_bytes(report_data[i], 64);
        ag_vec_init(&quotes[i], AG_LIMIT_EVIDENCE_BYTES);
        CHECK_OK(ag_vec_append(&quotes[i], AG_LITERAL("before")));
        CHECK_OK(ag_tee_quote(tee, report_data[i], &quotes[i]));
        const uint8_t *quote = quotes[i].data + 6;
        size_t size = quotes[i].size - 6;
        CHECK(memcmp(quotes[i].data, "before", 6) == 0); /* appended, not replaced */
        CHECK(quote[0] == 4 && quote[4] == 0x81);
        CHECK(memcmp(quote + 48 + 136, measurement, 48) == 0);
        CHECK(memcmp(quote + 48 + 520, report_data[i], 64) == 0);
        CHECK_U64(quote[632] | (size_t)quote[633] << 8, size - 636);
        /* The signature is a real one, by the key in the quote. */
        uint8_t point[65] = {4};
        memcpy(point + 1, quote + 700, 64);
        CHECK_OK(ag_ecdsa_verify(AG_ARRAY_VIEW(point), ag_bytes_of(quote, 632),
                                 ag_bytes_of(quote + 636, 64)));
    }
    CHECK_U64(quotes[0].size, quotes[1].size);
    CHECK(memcmp(quotes[0].data + 6 + 700, quotes[1].data + 6 + 700, quotes[0].size - 706) == 0);

    /* No room: the vec stays as it was. */
    struct ag_vec small;
    ag_vec_init(&small, 100);
    CHECK_OK(ag_vec_append(&small, AG_LITERAL("kept")));
    CHECK_ERR(ag_tee_quote(tee, report_data[0], &small), AG_ERR_WIRE_SPACE);
    CHECK_U64(small.size, 4);
    ag_vec_close(&small);
    ag_vec_close(&quotes[0]);
    ag_vec_close(&quotes[1]);
    ag_tee_close(tee);
    dir_close(&dir);
}

/* ---- collateral ---- */

static void take_collateral(struct ag_tee *tee, uint64_t now_ms, struct ag_vec *out)
{
    ag_vec_init(out, 1u << 18);
    CHECK_OK(ag_tee_collateral(tee, now_ms, out));
    struct ag_collateral collateral;
    CHECK_OK(ag_collateral_decode(ag_vec_view(out), &collateral, NULL));
    CHECK(collateral.tcb_info.size != 0 && collateral.qe_identity.size != 0 &&
          collateral.root_crl.size != 0 && collateral.pck_crl.size != 0 &&
          collateral.tcb_info_chain.size != 0 && collateral.qe_identity_chain.size != 0 &&
          collateral.pck_crl_chain.size != 0);
    CHECK(collateral.fetched_ms <= now_ms);
}

static void test_collateral_is_kept_and_renewed(void)
{
    static const struct {
        const char *what;
        uint64_t now_ms;
        bool is_same; /* as the one before */
    } rows[] = {
        {"first", NOW_MS, false},
        {"at once again", NOW_MS, true},
        {"a week later", NOW_MS + 7u * (uint64_t)DAY_MS, true},
        {"with a third left", NOW_MS + 21u * (uint64_t)DAY_MS, false},
        {"a year later", NOW_MS + 365u * (uint64_t)DAY_MS, false},
        {"a clock that went back", NOW_MS, false},
    };
    struct dir dir = dir_make();
    struct ag_tee *tee = open_in(&dir);
    struct ag_vec before;
    ag_vec_init(&before, 0);
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_vec now;
        take_collateral(tee, rows[i].now_ms, &now);
        bool is_same = ag_bytes_equal(ag_vec_view(&before), ag_vec_view(&now));
        if (is_same != rows[i].is_same) {
            ag_test_note("%s", rows[i].what);
        }
        CHECK(is_same == rows[i].is_same);
        ag_vec_close(&before);
        before = now;
    }
    ag_vec_close(&before);
    struct ag_vec none;
    ag_vec_init(&none, 1u << 18);
    CHECK_ERR(ag_tee_collateral(tee, UINT64_MAX, &none), AG_ERR_ARGUMENT);
    CHECK_U64(none.size, 0);
    ag_vec_close(&none);
    ag_tee_close(tee);
    dir_close(&dir);
}

/* ---- the counter ---- */

static void test_counter_never_goes_back(void)
{
    struct dir dir = dir_make();
    struct ag_tee *tee = open_in(&dir);
    uint64_t value = 99;
    CHECK_OK(ag_tee_counter_read(tee, &value));
    CHECK_U64(value, 0);
    uint64_t wanted = 0;
    for (unsigned i = 0; i < 40; i++) {
        wanted += 1u + ag_test_random() % 1000u;
        CHECK_OK(ag_tee_counter_advance(tee, wanted));
        CHECK_OK(ag_tee_counter_advance(tee, wanted)); /* where it is already: a no-op */
        CHECK_ERR(ag_tee_counter_advance(tee, wanted - 1u), AG_ERR_TEE_COUNTER);
        CHECK_ERR(ag_tee_counter_advance(tee, 0), AG_ERR_TEE_COUNTER);
        if (i % 8 == 7) {
            ag_tee_close(tee);
            tee = open_in(&dir);
        }
        CHECK_OK(ag_tee_counter_read(tee, &value));
        CHECK_U64(value, wanted);
    }
    CHECK_OK(ag_tee_counter_advance(tee, UINT64_MAX));
    CHECK_OK(ag_tee_counter_read(tee, &value));
    CHECK_U64(value, UINT64_MAX);
    ag_tee_close(tee);
    dir_close(&dir);
}

static void write_at(const char *path, long offset, const void *data, size_t size)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && pwrite(fd, data, size, offset) == (ssize_t)size);
    if (fd >= 0) {
        close(fd);
    }
}

static void test_torn_counter_writes(void)
{
    /* A write that stops after any number of bytes costs at most the value being written. */
    struct dir dir = dir_make();
    struct ag_tee *tee = open_in(&dir);
    CHECK_OK(ag_tee_counter_advance(tee, 100));
    CHECK_OK(ag_tee_counter_advance(tee, 200));
    char path[PATH_MAX];
    counter_path(&dir, path);
    struct ag_vec old;
    struct ag_vec new;
    ag_vec_init(&old, 1u << 14);
    ag_vec_init(&new, 1u << 14);
    CHECK_OK(ag_file_read(path, 1u << 14, &old));
    CHECK_OK(ag_tee_counter_advance(tee, 300));
    CHECK_OK(ag_file_read(path, 1u << 14, &new));
    CHECK_U64(old.size, new.size); /* the file never grows */
    size_t first = 0;
    while (first < old.size && old.data[first] == new.data[first]) {
        first++;
    }
    long slot = first < 4096 ? 0 : 4096;
    for (size_t cut = 0; cut <= 64; cut++) {
        write_at(path, 0, old.data, old.size);
        write_at(path, slot, new.data + slot, cut);
        uint64_t value = 0;
        CHECK_OK(ag_tee_counter_read(tee, &value));
        CHECK(value == 200 || (value == 300 && cut == 64));
        CHECK_OK(ag_tee_counter_advance(tee, 300)); /* and it goes on */
        CHECK_OK(ag_tee_counter_read(tee, &value));
        CHECK_U64(value, 300);
    }
    /* Both slots gone: nobody guesses. */
    write_at(path, 0, "x", 1);
    write_at(path, 4096, "x", 1);
    uint64_t value = 77;
    CHECK_ERR(ag_tee_counter_read(tee, &value), AG_ERR_TEE_COUNTER);
    CHECK_ERR(ag_tee_counter_advance(tee, 1000), AG_ERR_TEE_COUNTER);
    CHECK_U64(value, 77);
    ag_tee_close(tee);
    char machine[PATH_MAX];
    path_in(&dir, "machine", machine);
    CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, machine, ag_host_system(), &tee),
              AG_ERR_TEE_COUNTER);
    ag_vec_close(&old);
    ag_vec_close(&new);
    dir_close(&dir);
}

static void test_counter_of_another_program(void)
{
    struct dir dir = dir_make();
    struct ag_tee *tee = open_in(&dir);
    CHECK_OK(ag_tee_counter_advance(tee, 5));
    ag_tee_close(tee);
    char mine[PATH_MAX];
    counter_path(&dir, mine);
    struct ag_vec file;
    ag_vec_init(&file, 1u << 14);
    CHECK_OK(ag_file_read(mine, 1u << 14, &file));
    CHECK(unlink(mine) == 0);

    override_measurement(&dir, OTHER_PROGRAM);
    ag_tee_close(open_in(&dir));
    char other[PATH_MAX];
    counter_path(&dir, other);
    CHECK(strcmp(mine, other) != 0);
    CHECK_OK(ag_file_write(other, ag_vec_view(&file), 0600));
    char machine[PATH_MAX];
    path_in(&dir, "machine", machine);
    CHECK_ERR(ag_tee_open(AG_TEE_INSECURE_SIM, machine, ag_host_system(), &tee),
              AG_ERR_TEE_COUNTER);
    ag_vec_close(&file);
    dir_close(&dir);
}

/* ---- threads ---- */

struct worker {
    struct ag_tee *tee;
    pthread_t thread;
    uint64_t first;
    unsigned failures;
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (uint64_t i = 0; i < 25; i++) {
        uint8_t report_data[64] = {(uint8_t)i};
        struct ag_vec quote;
        struct ag_vec collateral;
        ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
        ag_vec_init(&collateral, 1u << 18);
        enum ag_err err = ag_tee_counter_advance(worker->tee, worker->first + i * 4);
        /* Another thread may have gone further: that is the only refusal there may be. */
        worker->failures += err != AG_OK && err != AG_ERR_TEE_COUNTER ? 1u : 0u;
        worker->failures += ag_tee_quote(worker->tee, report_data, &quote) != AG_OK ? 1u : 0u;
        worker->failures +=
            ag_tee_collateral(worker->tee, NOW_MS + i * DAY_MS, &collateral) != AG_OK ? 1u : 0u;
        ag_vec_close(&quote);
        ag_vec_close(&collateral);
    }
    return NULL;
}

static void test_many_threads(void)
{
    struct dir dir = dir_make();
    struct worker workers[4];
    struct ag_tee *tee = open_in(&dir);
    for (size_t i = 0; i < AG_COUNT(workers); i++) {
        workers[i] = (struct worker){.tee = tee, .first = i + 1};
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < AG_COUNT(workers); i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_U64(workers[i].failures, 0);
    }
    uint64_t value = 0;
    CHECK_OK(ag_tee_counter_read(tee, &value));
    CHECK_U64(value, 100); /* the highest that any of them asked for */
    ag_tee_close(tee);
    dir_close(&dir);
}

/* ---- when the ground fails ---- */

static void test_every_allocation_fails_once(void)
{
    struct dir dir = dir_make();
    ag_tee_close(open_in(&dir));
    char machine[PATH_MAX];
    path_in(&dir, "machine", machine);
    uint64_t nth = 1;
    for (;; nth++) {
        struct ag_tee *tee = NULL;
        size_t in_use = ag_alloc_in_use();
        ag_alloc_fail_nth(nth);
        enum ag_err err = ag_tee_open(AG_TEE_INSECURE_SIM, machine, ag_host_system(), &tee);
        ag_alloc_fail_nth(0);
        if (err == AG_OK) {
            ag_tee_close(tee);
        }
        CHECK_U64(ag_alloc_in_use(), in_use);
        if (err == AG_OK) {
            break;
        }
        CHECK(tee == NULL);
        CHECK(ag_err_class(err) == AG_CLASS_HOST);
    }
    CHECK(nth > 10);
    struct ag_tee *tee = open_in(&dir);
    for (nth = 1;; nth++) {
        struct ag_vec collateral;
        ag_vec_init(&collateral, 1u << 18);
        ag_alloc_fail_nth(nth);
        /* A year apart, so that each is issued anew. */
        enum ag_err err = ag_tee_collateral(tee, NOW_MS + nth * 365u * DAY_MS, &collateral);
        ag_alloc_fail_nth(0);
        CHECK_U64(err == AG_OK, collateral.size != 0);
        ag_vec_close(&collateral);
        if (err == AG_OK) {
            break;
        }
        CHECK(ag_err_class(err) == AG_CLASS_HOST);
    }
    CHECK(nth > 10);
    ag_tee_close(tee);
    dir_close(&dir);
}

static void test_every_random_draw_fails_once(void)
{
    for (uint64_t nth = 1;; nth++) {
        struct dir dir = dir_make();
        char machine[PATH_MAX];
        path_in(&dir, "machine", machine);
        struct ag_host_test host;
        ag_host_test_init(&host, ag_test_seed + nth, NOW_MS);
        host.fail_draw = nth;
        struct ag_tee *tee = NULL;
        enum ag_err err = ag_tee_open(AG_TEE_INSECURE_SIM, machine, &host.host, &tee);
        if (err == AG_OK) {
            CHECK(nth > 8); /* keys, secret, identifiers, serials */
            ag_tee_close(tee);
            dir_close(&dir);
            return;
        }
        CHECK_ERR(err, AG_ERR_ENTROPY);
        /* A machine that failed half-way does not exist: the next attempt makes a whole one. */
        char path[PATH_MAX];
        path_in(&dir, "machine/hardware.bin", path);
        CHECK(access(path, F_OK) != 0);
        ag_tee_close(open_in(&dir));
        dir_close(&dir);
    }
}

static const struct ag_test_case cases[] = {
    {"open refuses", test_open_refusals},
    {"a machine stays itself", test_a_machine_stays_itself},
    {"another program, another machine", test_other_program_and_other_machine},
    {"damaged hardware is refused", test_damaged_hardware_is_refused},
    {"a quote binds its report data", test_a_quote_binds_its_report_data},
    {"collateral is kept and renewed", test_collateral_is_kept_and_renewed},
    {"the counter never goes back", test_counter_never_goes_back},
    {"torn counter writes", test_torn_counter_writes},
    {"a counter of another program", test_counter_of_another_program},
    {"many threads", test_many_threads},
    {"every allocation fails once", test_every_allocation_fails_once},
    {"every random draw fails once", test_every_random_draw_fails_once},
};

TEST_MAIN(cases)
