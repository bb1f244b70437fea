/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BENCH_BENCH_H
#define AG_BENCH_BENCH_H

/* bench: one JSON line per measurement, each with the machine and the compiler it was made with.
 * A figure is the median of several runs, because the machine is shared. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"

#define BENCH_MUST(call) AG_ASSERT((call) == AG_OK)

static inline uint64_t bench_now_ns(void)
{
    const struct ag_host *host = ag_host_system();
    return host->monotonic_ns(host->context);
}

/* Processor time of all threads of this process. */
static inline uint64_t bench_cpu_ns(void)
{
    return (uint64_t)clock() * (UINT64_C(1000000000) / CLOCKS_PER_SEC);
}

static inline int bench_compare_u64(const void *a, const void *b)
{
    uint64_t left = 0;
    uint64_t right = 0;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return (left > right) - (left < right);
}

/* The number at the start of a file of /proc, after `skip` other words; false if it is not
 * there. */
static inline bool bench_read_number(const char *path, unsigned skip, uint64_t *out)
{
    char line[128];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    bool is_read = fgets(line, sizeof(line), file) != NULL;
    (void)fclose(file);
    const char *word = line;
    for (; is_read && skip > 0; skip--) {
        word = strchr(word, ' ');
        is_read = word != NULL;
        word = is_read ? word + 1 : line;
    }
    char *end = line;
    errno = 0;
    *out = is_read ? strtoull(word, &end, 10) : 0;
    return is_read && end != word && errno == 0;
}

/* Sorts `samples`. */
static inline uint64_t bench_median(uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof(samples[0]), bench_compare_u64);
    return samples[count / 2];
}

/* The processor's name, without characters that JSON would need to escape. */
static inline void bench_machine(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(out, size, "unknown");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(out, size, "%s", colon + 2);
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    for (char *c = out; *c != '\0'; c++) {
        if (*c == '\n') {
            *c = '\0';
            break;
        }
        if (*c == '"' || *c == '\\' || *c < ' ') {
            *c = ' ';
        }
    }
}

/* Prints `{"bench":name, fields, "machine":…, "compiler":…}`; `fields` is JSON members. */
static inline void bench_print(const char *name, const char *fields)
{
    char machine[128];
    bench_machine(machine, sizeof(machine));
#ifdef __clang__
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    printf("{\"bench\":\"%s\",%s,\"machine\":\"%s\",\"compiler\":\"%s\"}\n", name, fields, machine,
           compiler);
    /* A reader of a pipe sees each line at once. What is not written is a failed run. */
    AG_ASSERT(fflush(stdout) == 0);
}

#endif
