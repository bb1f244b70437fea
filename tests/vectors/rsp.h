/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_RSP_H
#define AG_TEST_RSP_H

/* rsp: reads a file of test cases: blocks of `key = value` lines parted by an empty line; a line
 * that starts with # is a comment. Sizes are bounded; whatever is over a bound is an error, never
 * cut. */

#include "base/base.h"

#define RSP_KEYS_MAX         64u
#define RSP_COMMENT_SIZE_MAX 4096u

struct rsp_case {
    unsigned line; /* of its first key, from 1 */
    size_t key_count;
    const char *keys[RSP_KEYS_MAX];
    const char *values[RSP_KEYS_MAX]; /* never NULL; empty when nothing follows the = */
};

struct rsp_file {
    struct ag_vec text; /* ended by a zero byte, cut up by rsp_next */
    char *at;
    unsigned line;
    char comments[RSP_COMMENT_SIZE_MAX]; /* those before the first case */
};

/* Prints what is wrong and returns false when the file cannot be read. */
bool rsp_open(struct rsp_file *file, const char *path);
void rsp_close(struct rsp_file *file);
/* False at the end. `*is_bad` is set, and a line printed, when a line is not `key = value`. */
bool rsp_next(struct rsp_file *file, struct rsp_case *out, bool *is_bad);

/* The value of a key, or NULL when the case does not have it. */
const char *rsp_get(const struct rsp_case *one, const char *key);
/* The bytes of a hex value; false when there is no such key or it is not hex. The empty value is
 * the empty string. Borrowed from `arena`. */
bool rsp_hex(const struct rsp_case *one, const char *key, struct ag_arena *arena,
             struct ag_bytes *out);
bool rsp_hex_text(const char *text, size_t length, struct ag_arena *arena, struct ag_bytes *out);
bool rsp_u64(const struct rsp_case *one, const char *key, uint64_t *out);

#endif
