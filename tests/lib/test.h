/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_H
#define AG_TEST_H

/* test: the smallest harness. A test is a table of named cases; a failed check prints its place and
 * the case goes on, so that one run shows every failure. Not thread-safe: check on one thread. */

#include <ag/bytes.h>
#include <ag/err.h>

struct ag_test_case {
    const char *name;
    void (*run)(void);
};

/* Runs all cases, or those whose name holds argv[1]; prints one line each; returns the exit status.
 * `--seed N` sets ag_test_seed; the seed is printed first. */
int ag_test_main(int argc, char **argv, const struct ag_test_case *cases, size_t count);

/* A small deterministic generator for random tests (xorshift); seeded per run. */
extern uint64_t ag_test_seed;
uint64_t ag_test_random(void);
void ag_test_random_bytes(void *out, size_t size);

void ag_test_check(bool is_true, const char *text, const char *file, int line);
void ag_test_check_err(enum ag_err got, enum ag_err wanted, const char *text, const char *file,
                       int line);
void ag_test_check_u64(uint64_t got, uint64_t wanted, const char *text, const char *file, int line);
void ag_test_check_bytes(struct ag_bytes got, struct ag_bytes wanted, const char *text,
                         const char *file, int line);
void ag_test_note(const char *format, ...) AG_PRINTF(1, 2);
/* Marks the case skipped, loudly, with the reason. */
void ag_test_skip(const char *reason);

#define CHECK(condition)         ag_test_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_OK(call)           ag_test_check_err((call), AG_OK, #call, __FILE__, __LINE__)
#define CHECK_ERR(call, wanted)  ag_test_check_err((call), (wanted), #call, __FILE__, __LINE__)
#define CHECK_U64(got, wanted)   ag_test_check_u64((got), (wanted), #got, __FILE__, __LINE__)
#define CHECK_BYTES(got, wanted) ag_test_check_bytes((got), (wanted), #got, __FILE__, __LINE__)

#define TEST_MAIN(cases)                                                                           \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return ag_test_main(argc, argv, (cases), sizeof(cases) / sizeof((cases)[0]));              \
    }

#endif
