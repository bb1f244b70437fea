/* SPDX-License-Identifier: Apache-2.0 */

/* run_attestation DIR: every Intel case below DIR through the attest room, with the root,
 * collateral and instant that it names; the outcome, the flags, the TCB parts and the parsed
 * fields are compared. Each case is judged twice, with and without the cache of collateral, and
 * both verdicts must be equal to the byte. The last line counts; the status is 0 only if some ran
 * and none failed. */

#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_attestation.h"

enum {
    FILES_MAX = 16,
    KINDS_MAX = 32
};

/* Lets every genuine outcome through: what a policy refuses is not what vectors are about. */
static const char open_policy[] = "accept_tee = tdx, sgx\n"
                                  "any_measurement_insecure = yes\n";

/* Kinds of evidence that are not judged yet, each with its number of cases. */
struct left_out {
    char names[KINDS_MAX][32];
    unsigned counts[KINDS_MAX];
    size_t size;
};

bool run_fail(const struct run_case *one, const char *format, ...)
{
    va_list arguments;
    printf("FAIL %s: ", one->path);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return false;
}

/* ---- files ---- */

/* Everything that one case read; its views point here. */
struct files {
    struct ag_vec vecs[FILES_MAX];
    size_t count;
};

static void files_close(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        ag_vec_close(&files->vecs[i]);
    }
}

static bool read_path(struct files *files, const char *path, struct ag_bytes *out)
{
    AG_ASSERT(files->count < FILES_MAX);
    struct ag_vec *vec = &files->vecs[files->count++];
    ag_vec_init(vec, 1u << 24);
    if (ag_file_read(path, 1u << 24, vec) != AG_OK) {
        fprintf(stderr, "run_attestation: cannot read %s\n", path);
        return false;
    }
    *out = ag_vec_view(vec);
    return true;
}

/* Reads the file that member `key` names, relative to the case; absent: `*out` stays empty. */
static bool read_member(struct files *files, const char *case_path,
                        const struct ag_json_value *object, const char *key, struct ag_bytes *out)
{
    size_t length = 0;
    const char *name = ag_json_string(ag_json_get(object, key), &length);
    if (name == NULL) {
        return true;
    }
    char path[PATH_MAX];
    const char *slash = strrchr(case_path, '/');
    int size = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - case_path), case_path, name);
    return size > 0 && size < PATH_MAX && read_path(files, path, out);
}

/* ---- one case ---- */

static bool load_anchor(struct ag_bytes pem, struct ag_anchor *out)
{
    struct ag_policy *none = NULL;
    struct ag_chain chain AG_SCOPED(ag_chain_close) = {.count = 0};
    bool is_parsed = false;
    return ag_anchor_for(AG_TEE_TDX, none, out) &&
           ag_chain_parse(pem, &chain, &is_parsed) == AG_OK && is_parsed && chain.count == 1 &&
           ag_cert_fingerprint(chain.certs[0], out->fingerprint) == AG_OK;
}

static bool load(struct run_case *one, struct files *files)
{
    const struct ag_json_value *parts = ag_json_get(one->json, "collateral");
    struct ag_collateral *collateral = &one->collateral;
    struct ag_bytes root = {NULL, 0};
    bool is_read =
        read_member(files, one->path, one->json, "quote", &one->evidence.quote) &&
        read_member(files, one->path, one->json, "trusted_root", &root) &&
        read_member(files, one->path, one->json, "pck_chain", &one->pck_chain) &&
        read_member(files, one->path, parts, "tcb_info", &collateral->tcb_info) &&
        read_member(files, one->path, parts, "tcb_signing_chain", &collateral->tcb_info_chain) &&
        read_member(files, one->path, parts, "qe_identity", &collateral->qe_identity) &&
        read_member(files, one->path, parts, "qe_identity_chain", &collateral->qe_identity_chain) &&
        read_member(files, one->path, parts, "root_ca_crl", &collateral->root_crl) &&
        read_member(files, one->path, parts, "pck_crl", &collateral->pck_crl) &&
        read_member(files, one->path, parts, "pck_crl_issuer_chain", &collateral->pck_crl_chain);
    if (collateral->qe_identity_chain.size == 0) {
        collateral->qe_identity_chain = collateral->tcb_info_chain;
    }
    size_t length = 0;
    const char *instant = ag_json_string(ag_json_get(one->json, "verify_time"), &length);
    return is_read && instant != NULL && ag_attest_time_parse(instant, length, &one->now_ms) &&
           load_anchor(root, &one->anchor);
}

static bool run(struct run_case *one, struct ag_attest_cache *cache)
{
    static struct ag_verdict plain;
    static struct ag_verdict cached;
    struct ag_attest_input in = {
        .evidence = &one->evidence,
        .collateral = &one->collateral,
        .policy = one->policy,
        .now_ms = one->now_ms,
        .anchor = &one->anchor,
        .pck_chain = one->pck_chain,
    };
    enum ag_err err = ag_attest_judge(&in, &plain);
    if (err != AG_OK) {
        return run_fail(one, "no verdict: %s", ag_err_name(err));
    }
    in.cache = cache;
    for (int i = 0; i < 2; i++) { /* filling the cache, then from it */
        err = ag_attest_judge(&in, &cached);
        /* A verdict is zeroed whole before it is filled, so equal bytes are the strictest check.
         * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
        if (err != AG_OK || memcmp(&plain, &cached, sizeof(plain)) != 0) {
            return run_fail(one, "the verdict differs with the cache");
        }
    }
    bool is_right = run_check_verdict(one, &plain);
    return run_check_fields(one, &plain) && is_right;
}

/* ---- all cases ---- */

/* The kind of evidence by the case's type; 0: not judged by this version. */
static uint8_t kind_of(const char *type)
{
    return strncmp(type, "tdx-", 4) == 0   ? AG_TEE_TDX
           : strncmp(type, "sgx-", 4) == 0 ? AG_TEE_SGX
                                           : 0;
}

static void leave_out(struct left_out *out, const char *type)
{
    for (size_t i = 0; i < out->size; i++) {
        if (strcmp(out->names[i], type) == 0) {
            out->counts[i]++;
            return;
        }
    }
    if (out->size < KINDS_MAX) {
        snprintf(out->names[out->size], sizeof(out->names[0]), "%s", type);
        out->counts[out->size++] = 1;
    }
}

struct totals {
    unsigned passed;
    unsigned failed;
    struct left_out left_out;
};

static void run_file(const char *path, const struct ag_policy *policy,
                     struct ag_attest_cache *cache, struct totals *totals)
{
    struct files files AG_SCOPED(files_close) = {.count = 0};
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    struct run_case one = {.path = path, .policy = policy};
    struct ag_bytes text;
    if (!read_path(&files, path, &text) || ag_json_parse(text, &json) != AG_OK) {
        totals->failed++;
        run_fail(&one, "cannot be read");
        return;
    }
    one.json = ag_json_root(json);
    size_t length = 0;
    const char *type = ag_json_string(ag_json_get(one.json, "type"), &length);
    one.evidence.kind = kind_of(type == NULL ? "" : type);
    if (one.evidence.kind == 0) {
        leave_out(&totals->left_out, type == NULL ? "untyped" : type);
        return;
    }
    if (!load(&one, &files)) {
        totals->failed++;
        run_fail(&one, "a file or member of the case is missing");
        return;
    }
    if (run(&one, cache)) {
        totals->passed++;
    } else {
        totals->failed++;
    }
}

static int run_all(const char *directory, const struct ag_policy *policy,
                   struct ag_attest_cache *cache)
{
    char pattern[PATH_MAX];
    glob_t paths = {0};
    snprintf(pattern, sizeof(pattern), "%s/*/case.json", directory);
    /* One thread here. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    (void)glob(pattern, 0, NULL, &paths);
    snprintf(pattern, sizeof(pattern), "%s/*/*/case.json", directory);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    (void)glob(pattern, paths.gl_pathc == 0 ? 0 : GLOB_APPEND, NULL, &paths);

    struct totals totals = {0};
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        run_file(paths.gl_pathv[i], policy, cache, &totals);
    }
    globfree(&paths);
    for (size_t i = 0; i < totals.left_out.size; i++) {
        printf("left out, not judged by this version: %u of %s\n", totals.left_out.counts[i],
               totals.left_out.names[i]);
    }
    printf("%u passed, %u failed\n", totals.passed, totals.failed);
    return totals.passed != 0 && totals.failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: run_attestation DIR\n");
        return 2;
    }
    struct ag_policy *policy = NULL;
    struct ag_attest_cache *cache = NULL;
    enum ag_err err = ag_crypto_start();
    if (err == AG_OK) {
        err = ag_policy_parse(AG_LITERAL(open_policy), &policy, NULL, NULL);
    }
    if (err == AG_OK) {
        err = ag_attest_cache_open(8, &cache);
    }
    if (err != AG_OK) {
        fprintf(stderr, "run_attestation: %s\n", ag_err_text(err));
        return 1;
    }
    int status = run_all(argv[1], policy, cache);
    ag_attest_cache_close(cache);
    ag_policy_close(policy);
    return status;
}
