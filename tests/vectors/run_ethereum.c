/* SPDX-License-Identifier: Apache-2.0 */

/* run_ethereum DIR: every case of every .rsp file below DIR through the node's own code: RLP,
 * transactions, Keccak, signature recovery, Merkle trees. A case is known by its keys, not by the
 * name of its file. The last line counts cases; the status is 0 only if some ran and none failed.
 *
 * CBOR is not spoken by the wire room: those cases are counted as left out, by name. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run_ethereum.h"

enum {
    DEPTH_MAX = 4,
    PATHS_MAX = 4096,
    ARENA_BYTES = 256 * 1024 * 1024
};

/* ---- what kind of case ----------------------------------------------------------------------- */

static const struct {
    const char *key;      /* a case that has it ... */
    run_case *run;        /* ... is run by this; NULL: left out */
    const char *left_out; /* why */
} kinds[] = {
    {"tx", run_tx, NULL},
    {"keccak256", run_keccak, NULL},
    {"leaves", run_merkle_root, NULL},
    {"leaf", run_merkle_inclusion, NULL},
    {"size1", run_merkle_consistency, NULL},
    {"rlp", run_rlp, NULL},
    {"v", run_recover, NULL},
    {"cbor", NULL, "the wire room does not speak CBOR"},
};

bool run_fail(struct run_context *context, const char *format, ...)
{
    va_list arguments;
    const char *id = rsp_get(context->one, "id");
    printf("FAIL %s:%u %s: ", context->path, context->one->line, id == NULL ? "?" : id);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return false;
}

void run_note(struct run_context *context, const char *format, ...)
{
    va_list arguments;
    const char *id = rsp_get(context->one, "id");
    printf("note %s:%u %s: ", context->path, context->one->line, id == NULL ? "?" : id);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* ---- files ----------------------------------------------------------------------------------- */

struct totals {
    unsigned passed;
    unsigned failed;
    unsigned left_out;
    unsigned layers; /* refused at another layer than the case names */
    unsigned older; /* valid by form; refused by the rules of Osaka, which the case does not name */
};

static void run_one(struct run_context *context, struct totals *counts, const char **left_out)
{
    for (size_t i = 0; i < AG_COUNT(kinds); i++) {
        if (rsp_get(context->one, kinds[i].key) == NULL) {
            continue;
        }
        if (kinds[i].run == NULL) {
            *left_out = kinds[i].left_out;
            counts->left_out++;
        } else if (kinds[i].run(context)) {
            counts->passed++;
        } else {
            counts->failed++;
        }
        return;
    }
    run_fail(context, "no key of this case is known");
    counts->failed++;
}

static void run_file(const char *path, const char *shown, struct totals *totals)
{
    struct rsp_file file;
    struct rsp_case one;
    struct totals counts = {0};
    const char *left_out = NULL;
    bool is_bad = false;
    if (!rsp_open(&file, path)) {
        totals->failed++;
        return;
    }
    struct ag_arena arena;
    ag_arena_init(&arena, ARENA_BYTES);
    while (rsp_next(&file, &one, &is_bad)) {
        struct run_context context = {
            .path = shown, .comments = file.comments, .one = &one, .arena = &arena};
        run_one(&context, &counts, &left_out);
        counts.layers += context.has_other_layer ? 1 : 0;
        counts.older += context.is_older ? 1 : 0;
        ag_arena_reset(&arena);
    }
    counts.failed += is_bad ? 1 : 0;
    ag_arena_close(&arena);
    rsp_close(&file);

    printf("%s: %u passed, %u failed", shown, counts.passed, counts.failed);
    if (counts.layers != 0) {
        printf(", %u refused at another layer", counts.layers);
    }
    if (counts.older != 0) {
        printf(", %u valid then and refused by Osaka's gas and fee rules", counts.older);
    }
    if (counts.left_out != 0) {
        printf(", %u left out: %s", counts.left_out, left_out);
    }
    printf("\n");
    totals->passed += counts.passed;
    totals->failed += counts.failed;
    totals->left_out += counts.left_out;
    totals->layers += counts.layers;
}

/* ---- folders --------------------------------------------------------------------------------- */

struct paths {
    size_t count;
    char *at[PATHS_MAX];
};

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name);
    size_t end_length = strlen(end);
    return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_path(struct paths *paths, const char *folder, const char *name)
{
    char *path = NULL;
    if (paths->count == PATHS_MAX || asprintf(&path, "%s/%s", folder, name) < 0) {
        printf("%s: too many files\n", folder);
        return false;
    }
    paths->at[paths->count++] = path;
    return true;
}

/* Lists the .rsp files of one folder, and its folders. */
static bool list_folder(const char *folder, struct paths *files, struct paths *folders)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, by_name);
    bool is_good = count >= 0;
    if (!is_good) {
        perror(folder);
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        struct stat status;
        char *path = NULL;
        if (name[0] != '.' && asprintf(&path, "%s/%s", folder, name) >= 0 &&
            stat(path, &status) == 0) {
            if (S_ISDIR(status.st_mode)) {
                is_good = add_path(folders, folder, name) && is_good;
            } else if (ends_in(name, ".rsp")) {
                is_good = add_path(files, folder, name) && is_good;
            }
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return is_good;
}

/* All .rsp files below `root`, level by level. */
static bool list_files(const char *root, struct paths *files)
{
    static struct paths folders;
    char *copy = strdup(root);
    bool is_good = copy != NULL;
    if (is_good) {
        folders.at[folders.count++] = copy;
    }
    size_t next = 0;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        for (size_t end = folders.count; next < end; next++) {
            is_good = list_folder(folders.at[next], files, &folders) && is_good;
        }
    }
    for (size_t i = 0; i < folders.count; i++) {
        free(folders.at[i]);
    }
    return is_good;
}

int main(int argc, char **argv)
{
    static struct paths files;
    struct totals totals = {0};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: run_ethereum DIR\n");
        return 2;
    }
    if (ag_crypto_start() != AG_OK) {
        printf("libcrypto did not start\n0 passed, 1 failed\n");
        return 1;
    }
    totals.failed += list_files(argv[1], &files) ? 0 : 1;
    for (size_t i = 0; i < files.count; i++) {
        run_file(files.at[i], files.at[i] + strlen(argv[1]) + 1, &totals);
        free(files.at[i]);
    }
    if (totals.left_out != 0) {
        printf("%u cases left out\n", totals.left_out);
    }
    if (totals.layers != 0) {
        printf("%u cases refused at another layer than they name\n", totals.layers);
    }
    printf("%u passed, %u failed\n", totals.passed, totals.failed);
    return totals.failed == 0 && totals.passed != 0 ? 0 : 1;
}
