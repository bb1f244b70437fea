/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_DIRECTORY_H
#define AG_TEST_DIRECTORY_H

/* Directories of files that a test leaves behind. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Joins two names; a test's names are short, and one that is cut off does not exist. */
static inline void join_name(char *out, size_t size, const char *directory, const char *name)
{
    (void)snprintf(out, size, "%s/%s", directory, name);
}

/* Removes a directory and the files in it, but not directories in it. */
static inline void remove_flat(const char *directory)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, NULL, NULL);
    for (int i = 0; i < count; i++) {
        char name[512];
        join_name(name, sizeof(name), directory, entries[i]->d_name);
        (void)unlink(name); /* the two dots are refused */
        free(entries[i]);
    }
    free(entries);
    (void)rmdir(directory);
}

#endif
