/* SPDX-License-Identifier: Apache-2.0 */

/* replay: runs a fuzz target over kept inputs, without libFuzzer. Each argument is a folder. No
 * input at all is a failure: a moved corpus must not look like a passed test. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    INPUT_SIZE_MAX = 16 * 1024 * 1024
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The input is copied to memory of its own size, so that a read past its end is seen. */
static int run_file(const char *folder, const char *name, uint8_t *buffer)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = length < (int)sizeof(path) ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(buffer, 1, INPUT_SIZE_MAX, file);
    int failed = ferror(file) != 0 || size == INPUT_SIZE_MAX;
    (void)fclose(file);
    uint8_t *input = malloc(size == 0 ? 1 : size);
    if (failed != 0 || input == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(input);
        return 1;
    }
    memcpy(input, buffer, size);
    (void)LLVMFuzzerTestOneInput(input, size);
    free(input);
    return 0;
}

int main(int argc, char **argv)
{
    int count = 0;
    int failed = 0;
    uint8_t *buffer = malloc(INPUT_SIZE_MAX);
    if (buffer == NULL) {
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        struct dirent **entries = NULL;
        int found = scandir(argv[i], &entries, is_visible, by_name);
        if (found < 0) {
            perror(argv[i]);
            failed++;
        }
        for (int k = 0; k < found; k++) {
            failed += run_file(argv[i], entries[k]->d_name, buffer);
            free(entries[k]);
            count++;
        }
        free(entries);
    }
    free(buffer);
    printf("%d inputs, %d unreadable\n", count, failed);
    return failed == 0 && count != 0 ? 0 : 1;
}
