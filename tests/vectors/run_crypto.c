/* SPDX-License-Identifier: Apache-2.0 */

/* run_crypto DIR: every case of every file below DIR through the crypto room's own code, and
 * through libcrypto where the room has no such operation (crypto/vectors_i.h). A case is known by
 * its keys; the name of its file says what the keys do not (which hash, which encoding). What is
 * not run is counted and named. The last line is `N passed, M failed`; the status is 0 only when
 * some case ran and none failed. */

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run_crypto.h"

enum {
    FOLDERS_MAX = 1024,
    FILES_MAX = 4096,
    PATH_SIZE = 4096,
    JOBS_MAX = 1000000,
    THREADS = 2,
    TEXT_BYTES = 256 * 1024 * 1024,
    CASE_BYTES = 256 * 1024 * 1024,
};

/* ---- for the cases --------------------------------------------------------------------------- */

static const char *id_of(const struct job *job)
{
    static const char *const keys[] = {"id", "enc_id", "exp_id"};
    for (size_t i = 0; i < AG_COUNT(keys); i++) {
        const char *id = rsp_get(&job->one, keys[i]);
        if (id != NULL) {
            return id;
        }
    }
    return job->text == NULL ? "?" : "line";
}

enum verdict run_fail(const struct job *job, const char *format, ...)
{
    char text[512] = {0};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* One call, so that two threads do not mix their lines. */
    printf("FAIL %s:%u case %s: %s\n", job->file->path, job->one.line, id_of(job), text);
    return FAILED;
}

enum verdict run_leave_out(struct job *job, const char *reason)
{
    job->reason = reason;
    return LEFT_OUT;
}

bool run_has(const struct job *job, const char *key)
{
    return rsp_get(&job->one, key) != NULL;
}

static struct ag_bytes bytes_of(const struct job *job, const struct rsp_case *one, const char *key)
{
    struct ag_bytes bytes = {NULL, 0};
    if (rsp_get(one, key) != NULL && !rsp_hex(one, key, job->arena, &bytes)) {
        /* Counted here, for the case itself may still come out right. */
        (void)run_fail(job, "%s is not hex", key);
        (void)__atomic_add_fetch(&job->file->failed, 1, __ATOMIC_RELAXED);
    }
    return bytes;
}

struct ag_bytes run_bytes(const struct job *job, const char *key)
{
    return bytes_of(job, &job->one, key);
}

struct ag_bytes run_parent_bytes(const struct job *job, const char *key)
{
    return bytes_of(job, &job->parent, key);
}

static bool result_is(const struct job *job, const char *word)
{
    const char *result = rsp_get(&job->one, "result");
    return result != NULL && strcmp(result, word) == 0;
}

bool run_is_invalid(const struct job *job)
{
    return result_is(job, "invalid");
}

bool run_is_acceptable(const struct job *job)
{
    return result_is(job, "acceptable");
}

struct ag_buf run_take(const struct job *job, size_t size)
{
    void *memory = NULL;
    AG_ASSERT(ag_arena_take(job->arena, size == 0 ? 1 : size, &memory) == AG_OK);
    return (struct ag_buf){memory, size};
}

enum verdict run_expect(const struct job *job, const char *what, struct ag_bytes got,
                        struct ag_bytes wanted)
{
    if (ag_bytes_equal(got, wanted)) {
        return PASSED;
    }
    return run_fail(job, "%s differs (%zu bytes, wanted %zu)", what, got.size, wanted.size);
}

enum verdict run_refused(const struct job *job, enum ag_err err)
{
    if (err == AG_OK) {
        return run_fail(job, "accepted, and must be refused");
    }
    enum ag_err_class class = ag_err_class(err);
    if (class != AG_CLASS_INPUT && class != AG_CLASS_UNSUPPORTED) {
        return run_fail(job, "must be refused, and failed with %s", ag_err_name(err));
    }
    return PASSED;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

bool run_name_has(const struct job *job, const char *text)
{
    return strstr(name_of(job->file->path), text) != NULL;
}

/* ---- the plan -------------------------------------------------------------------------------- */

struct plan {
    const char *root;
    struct vector_file *files[FILES_MAX];
    size_t file_count;
    struct job *jobs;
    size_t job_count;
    size_t job_capacity;
    size_t unknown_files;
    bool is_broken; /* something could not be read */
};

static void add_job(struct plan *plan, const struct job *job)
{
    if (plan->job_count == plan->job_capacity) {
        size_t capacity = plan->job_capacity == 0 ? 256 : plan->job_capacity * 2;
        AG_ASSERT(capacity <= JOBS_MAX);
        struct job *jobs = realloc(plan->jobs, capacity * sizeof(*jobs));
        AG_ASSERT(jobs != NULL);
        plan->jobs = jobs;
        plan->job_capacity = capacity;
    }
    plan->jobs[plan->job_count++] = *job;
}

static enum verdict run_unknown(struct job *job)
{
    return run_leave_out(job, "no known kind of case");
}

static run_case *find_run(const struct job *job)
{
    run_case *run = run_find_hpke(job);
    run = run == NULL ? run_find_pq(job) : run;
    run = run == NULL ? run_find_classic(job) : run;
    return run == NULL ? run_unknown : run;
}

/* An SLH-DSA signature takes half a second, a key of it a twentieth. */
static bool is_slow(const struct job *job)
{
    const char *alg = rsp_get(&job->one, "alg");
    return alg != NULL && strncmp(alg, "SLH", 3) == 0 && rsp_get(&job->one, "sk") != NULL;
}

static void plan_blocks(struct plan *plan, struct vector_file *file)
{
    struct rsp_case one;
    struct rsp_case parent = {0};
    bool is_bad = false;
    while (rsp_next(&file->rsp, &one, &is_bad)) {
        if (rsp_get(&one, "pkRm") != NULL) {
            parent = one;
        }
        struct job job = {.file = file, .one = one, .parent = parent};
        job.run = find_run(&job);
        job.is_slow = is_slow(&job);
        add_job(plan, &job);
    }
    if (is_bad) {
        printf("FAIL %s: not a file of cases\n", file->path);
        file->failed++;
    }
}

/* Every word of hex or of a JSON list of strings is a case of its own. */
static void plan_words(struct plan *plan, struct vector_file *file, run_case *run)
{
    static const char separators[] = " \t\r\n[]\",";
    char *at = file->rsp.at;
    for (char *word = strtok_r(at, separators, &at); word != NULL;
         word = strtok_r(NULL, separators, &at)) {
        struct job job = {.file = file, .text = word, .run = run};
        add_job(plan, &job);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The output of `gzip -dc`, run without a shell. */
static bool read_gzip(const char *path, struct rsp_file *out)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        execlp("gzip", "gzip", "-dc", "--", path, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    *out = (struct rsp_file){0};
    ag_vec_init(&out->text, TEXT_BYTES);
    bool is_good = child > 0;
    uint8_t block[65536];
    ssize_t got = 0;
    while (is_good && (got = read(ends[0], block, sizeof(block))) > 0) {
        is_good = ag_vec_append(&out->text, ag_bytes_of(block, (size_t)got)) == AG_OK;
    }
    (void)close(ends[0]);
    int status = 0;
    is_good = child > 0 && waitpid(child, &status, 0) == child && is_good && got == 0 &&
              WIFEXITED(status) && WEXITSTATUS(status) == 0;
    static const uint8_t end = 0;
    is_good = is_good && ag_vec_append(&out->text, ag_bytes_of(&end, 1)) == AG_OK;
    out->at = (char *)out->text.data;
    return is_good;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

/* A text without `key = value` is a list of words. */
static bool is_blocks(const struct rsp_file *rsp)
{
    return strstr(rsp->at, " =") != NULL;
}

static void plan_content(struct plan *plan, struct vector_file *file)
{
    const char *name = name_of(file->path);
    if (strstr(name, ".json") != NULL) {
        if (strstr(name, "ml-dsa-87") == NULL && strstr(name, "ML-DSA-87") == NULL) {
            file->reason = "JSON of no known kind";
            return;
        }
        plan_words(plan, file, run_benchmark);
        struct job job = {.file = file, .text = "", .run = run_accumulated};
        add_job(plan, &job);
    } else if (is_blocks(&file->rsp)) {
        plan_blocks(plan, file);
    } else if (strstr(name, "modulus") != NULL) {
        plan_words(plan, file, run_modulus);
    } else {
        file->reason = "a list of no known kind";
    }
}

static void plan_file(struct plan *plan, const char *path)
{
    AG_ASSERT(plan->file_count < FILES_MAX);
    struct vector_file *file = calloc(1, sizeof(*file));
    char *shown = strdup(path + strlen(plan->root) + 1);
    AG_ASSERT(file != NULL && shown != NULL);
    file->path = shown;
    plan->files[plan->file_count++] = file;

    bool is_packed = ends_with(path, ".gz");
    bool is_text = ends_with(path, ".rsp") || ends_with(path, ".txt") || ends_with(path, ".json");
    if (!is_packed && !is_text) {
        file->reason = "not a file of cases";
        return;
    }
    if (is_packed ? !read_gzip(path, &file->rsp) : !rsp_open(&file->rsp, path)) {
        printf("FAIL %s: cannot be read\n", file->path);
        file->failed++;
        return;
    }
    plan_content(plan, file);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Folders that are still to be looked at, breadth first. */
struct folders {
    char *paths[FOLDERS_MAX];
    size_t count;
};

static void plan_entry(struct plan *plan, struct folders *folders, const char *folder,
                       const char *name)
{
    char path[PATH_SIZE];
    struct stat status;
    int size = snprintf(path, sizeof(path), "%s/%s", folder, name);
    AG_ASSERT(size > 0 && (size_t)size < sizeof(path));
    if (name[0] == '.' || stat(path, &status) != 0) {
        return; /* hidden, or gone meanwhile */
    }
    if (S_ISREG(status.st_mode)) {
        plan_file(plan, path);
    } else if (S_ISDIR(status.st_mode) && folders->count < FOLDERS_MAX) {
        folders->paths[folders->count] = strdup(path);
        AG_ASSERT(folders->paths[folders->count] != NULL);
        folders->count++;
    } else if (S_ISDIR(status.st_mode)) {
        plan->is_broken = true; /* too many, or a link that leads back up */
    }
}

static void plan_folders(struct plan *plan)
{
    static struct folders folders;
    folders.paths[folders.count++] = strdup(plan->root);
    for (size_t i = 0; i < folders.count; i++) {
        struct dirent **entries = NULL;
        int count = scandir(folders.paths[i], &entries, NULL, compare_names);
        plan->is_broken = plan->is_broken || count < 0;
        for (int k = 0; k < count; k++) {
            plan_entry(plan, &folders, folders.paths[i], entries[k]->d_name);
            free(entries[k]);
        }
        free(entries);
        free(folders.paths[i]);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

struct run {
    struct plan *plan;
    struct ag_arena arenas[THREADS];
    _Atomic size_t done;
    _Atomic time_t told;
};

static void run_job(void *context, size_t index, unsigned lane)
{
    struct run *run = context;
    struct job *job = &run->plan->jobs[index];
    job->arena = &run->arenas[lane];
    job->verdict = job->run(job);
    ag_arena_reset(job->arena);

    size_t done = atomic_fetch_add(&run->done, 1) + 1;
    time_t now = time(NULL);
    time_t told = atomic_load(&run->told);
    if (now > told && atomic_compare_exchange_strong(&run->told, &told, now)) {
        fprintf(stderr, "%zu/%zu cases\n", done, run->plan->job_count);
    }
}

static int compare_jobs(const void *a, const void *b)
{
    const struct job *left = a;
    const struct job *right = b;
    if (left->is_slow != right->is_slow) {
        return left->is_slow ? -1 : 1;
    }
    return 0;
}

static bool run_all(struct plan *plan)
{
    struct run *run = calloc(1, sizeof(*run));
    struct ag_pool *pool = NULL;
    AG_ASSERT(run != NULL);
    run->plan = plan;
    atomic_store(&run->told, time(NULL));
    for (size_t i = 0; i < THREADS; i++) {
        ag_arena_init(&run->arenas[i], CASE_BYTES);
    }
    if (ag_pool_open(THREADS, &pool) != AG_OK) {
        printf("FAIL: no threads\n");
        free(run);
        return false;
    }
    if (plan->job_count != 0) {
        qsort(plan->jobs, plan->job_count, sizeof(*plan->jobs), compare_jobs);
        ag_pool_run(pool, plan->job_count, run_job, run);
    }
    ag_pool_close(pool);
    for (size_t i = 0; i < THREADS; i++) {
        ag_arena_close(&run->arenas[i]);
    }
    free(run);
    return true;
}

/* ---- reporting ------------------------------------------------------------------------------- */

static void count_jobs(const struct plan *plan)
{
    for (size_t i = 0; i < plan->job_count; i++) {
        const struct job *job = &plan->jobs[i];
        struct vector_file *file = job->file;
        file->passed += job->verdict == PASSED;
        file->failed += job->verdict == FAILED;
        file->left_out += job->verdict == LEFT_OUT;
        if (job->verdict == LEFT_OUT && file->reason == NULL) {
            file->reason = job->reason;
        }
    }
}

static void print_file(const struct vector_file *file)
{
    if (file->passed + file->failed + file->left_out == 0) {
        printf("%-52s left out: %s\n", file->path,
               file->reason == NULL ? "no case in it" : file->reason);
        return;
    }
    printf("%-52s %zu passed, %zu failed", file->path, file->passed, file->failed);
    if (file->left_out != 0) {
        printf(", %zu left out: %s", file->left_out, file->reason);
    }
    printf("\n");
}

static int report(const struct plan *plan)
{
    size_t passed = 0;
    size_t failed = plan->is_broken ? 1 : 0;
    size_t left_out = 0;
    size_t unknown = 0;
    count_jobs(plan);
    for (size_t i = 0; i < plan->file_count; i++) {
        const struct vector_file *file = plan->files[i];
        print_file(file);
        passed += file->passed;
        failed += file->failed;
        left_out += file->left_out;
        unknown += file->passed + file->failed + file->left_out == 0;
    }
    printf("left out: %zu cases, %zu files\n", left_out, unknown);
    if (passed + failed == 0) {
        printf("nothing was run\n");
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return passed != 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    static struct plan plan;
    char *root = strdup(argv[1]);
    AG_ASSERT(root != NULL);
    while (strlen(root) > 1 && root[strlen(root) - 1] == '/') {
        root[strlen(root) - 1] = '\0';
    }
    plan.root = root;
    enum ag_err err = ag_crypto_start();
    if (err != AG_OK) {
        printf("the crypto room does not start: %s\n0 passed, 1 failed\n", ag_err_text(err));
        return EXIT_FAILURE;
    }
    plan_folders(&plan);
    if (!run_all(&plan)) {
        plan.is_broken = true;
    }
    int status = report(&plan);
    for (size_t i = 0; i < plan.file_count; i++) {
        rsp_close(&plan.files[i]->rsp);
        free(plan.files[i]->path);
        free(plan.files[i]);
    }
    free(plan.jobs);
    free(root);
    return status;
}
