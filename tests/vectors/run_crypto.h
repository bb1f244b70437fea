/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_RUN_CRYPTO_H
#define AG_TEST_RUN_CRYPTO_H

/* run_crypto, inside: a case is one block of a file, or what stands for it. */

#include "crypto/vectors_i.h"
#include "rsp.h"

enum verdict {
    PASSED,
    FAILED,
    LEFT_OUT
};

struct job;
typedef enum verdict run_case(struct job *job);

struct vector_file {
    char *path; /* as shown; owned */
    struct rsp_file rsp;
    size_t passed;
    size_t failed;
    size_t left_out;
    const char *reason; /* why the first one was left out */
};

struct job {
    struct vector_file *file;
    struct rsp_case one;    /* empty where the file is not of blocks */
    struct rsp_case parent; /* the suite block that an HPKE block belongs to */
    const char *text;       /* a line of a file that is not of blocks */
    run_case *run;
    bool is_slow;           /* goes first, so that the last thread does not work alone */
    struct ag_arena *arena; /* reset after each case */
    const char *reason;     /* of LEFT_OUT */
    enum verdict verdict;
};

/* By the keys of the case; NULL when it is of no known kind. */
run_case *run_find_pq(const struct job *job);
run_case *run_find_classic(const struct job *job);
run_case *run_find_hpke(const struct job *job);
run_case run_modulus;     /* CCTV: a line is a key that must be refused */
run_case run_benchmark;   /* CCTV: a line is a message to be signed */
run_case run_accumulated; /* CCTV: one digest over 100 keys and signatures */

/* ---- for the cases ---- */

/* Prints where and why; returns FAILED. */
enum verdict run_fail(const struct job *job, const char *format, ...) AG_PRINTF(2, 3);
enum verdict run_leave_out(struct job *job, const char *reason);
bool run_has(const struct job *job, const char *key);
/* The bytes of a key of the case; empty when it is not there. */
struct ag_bytes run_bytes(const struct job *job, const char *key);
struct ag_bytes run_parent_bytes(const struct job *job, const char *key);
/* `result = invalid`; without a result a case is valid. */
bool run_is_invalid(const struct job *job);
bool run_is_acceptable(const struct job *job);
/* Memory of the case; stops the process when there is none. */
struct ag_buf run_take(const struct job *job, size_t size);
/* PASSED when equal, else a printed FAILED. */
enum verdict run_expect(const struct job *job, const char *what, struct ag_bytes got,
                        struct ag_bytes wanted);
/* For a case that must be refused: PASSED when `err` is a refusal of the input, and not a success
 * or a failure of ours. */
enum verdict run_refused(const struct job *job, enum ag_err err);
/* Whether the name of the file, without folders, holds `text`. */
bool run_name_has(const struct job *job, const char *text);

#endif
