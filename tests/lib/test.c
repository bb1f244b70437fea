/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t ag_test_seed;
static uint64_t state;
static unsigned failures_of_case;
static const char *skip_reason;

uint64_t ag_test_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void ag_test_random_bytes(void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(ag_test_random() >> 24);
    }
}

void ag_test_check(bool is_true, const char *text, const char *file, int line)
{
    if (!is_true) {
        failures_of_case++;
        fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
    }
}

void ag_test_check_err(enum ag_err got, enum ag_err wanted, const char *text, const char *file,
                       int line)
{
    if (got != wanted) {
        failures_of_case++;
        fprintf(stderr, "%s:%d: %s gave 0x%04x, wanted 0x%04x\n", file, line, text, (unsigned)got,
                (unsigned)wanted);
    }
}

void ag_test_check_u64(uint64_t got, uint64_t wanted, const char *text, const char *file, int line)
{
    if (got != wanted) {
        failures_of_case++;
        fprintf(stderr, "%s:%d: %s is %llu, wanted %llu\n", file, line, text,
                (unsigned long long)got, (unsigned long long)wanted);
    }
}

static void print_bytes(const char *name, struct ag_bytes bytes)
{
    fprintf(stderr, "  %s (%zu): ", name, bytes.size);
    for (size_t i = 0; i < bytes.size && i < 64; i++) {
        fprintf(stderr, "%02x", bytes.data[i]);
    }
    fprintf(stderr, "%s\n", bytes.size > 64 ? "..." : "");
}

void ag_test_check_bytes(struct ag_bytes got, struct ag_bytes wanted, const char *text,
                         const char *file, int line)
{
    if (got.size != wanted.size ||
        (got.size != 0 && memcmp(got.data, wanted.data, got.size) != 0)) {
        failures_of_case++;
        fprintf(stderr, "%s:%d: %s differs\n", file, line, text);
        print_bytes("got", got);
        print_bytes("wanted", wanted);
    }
}

void ag_test_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("  ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void ag_test_skip(const char *reason)
{
    skip_reason = reason;
}

int ag_test_main(int argc, char **argv, const struct ag_test_case *cases, size_t count)
{
    const char *only = NULL;
    ag_test_seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            ag_test_seed = strtoull(argv[++i], NULL, 0);
        } else {
            only = argv[i];
        }
    }
    printf("seed %llu\n", (unsigned long long)ag_test_seed);

    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
    for (size_t i = 0; i < count; i++) {
        if (only != NULL && strstr(cases[i].name, only) == NULL) {
            continue;
        }
        failures_of_case = 0;
        skip_reason = NULL;
        state = ag_test_seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du;
        cases[i].run();
        if (failures_of_case != 0) {
            failed++;
            printf("FAIL %s (%u checks)\n", cases[i].name, failures_of_case);
        } else if (skip_reason != NULL) {
            skipped++;
            printf("SKIP %s: %s\n", cases[i].name, skip_reason);
        } else {
            passed++;
            printf("ok   %s\n", cases[i].name);
        }
        (void)fflush(stdout);
    }
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed == 0 ? 0 : 1;
}
