/* SPDX-License-Identifier: Apache-2.0 */
/* verify_batch: judges one exported batch with libag, as a bridge or an exchange would.
 *
 *     verify_batch BATCH POLICY [NUMBER PARENT]
 *
 * BATCH comes from `aegis batch export N --out FILE`. POLICY is a policy file, docs/spec/policy.md;
 * the operator publishes it, or an auditor writes it from a build that he measured himself. NUMBER
 * and PARENT say what the batch must be when a caller follows the chain: its number, and the header
 * digest of the batch before in hex.
 *
 * Exit status: 0 accepted, 1 refused, 2 could not be judged.
 *
 *     cc -o verify_batch verify_batch.c $(pkg-config --static --cflags --libs aegis-ag)
 *
 * Only the public headers are used. The library opens no file and no socket and asks no clock, so
 * reading the two files is the business of this program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ag/verify.h>

enum {
    ACCEPTED = 0,
    REFUSED = 1,
    NOT_JUDGED = 2
};

#define BATCH_SIZE_MAX  (256u << 20) /* BATCH_FILE_BYTES of docs/limits.md */
#define POLICY_SIZE_MAX (64u << 10)  /* TEXT_BYTES */

struct contents {
    uint8_t *data;
    size_t size;
};

/* Reads a whole file; the caller frees `out->data`. */
static bool read_file(const char *path, size_t limit, struct contents *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    uint8_t *data = malloc(limit + 1); /* one more byte shows that a file is over its limit */
    size_t size = data == NULL ? 0 : fread(data, 1, limit + 1, file);
    bool is_read = data != NULL && ferror(file) == 0 && size <= limit;
    (void)fclose(file);
    if (!is_read) {
        fprintf(stderr, "%s: cannot be read, or is larger than %zu bytes\n", path, limit);
        free(data);
        return false;
    }
    out->data = data;
    out->size = size;
    return true;
}

static bool parse_digest(const char *hex, struct ag_hash *out)
{
    if (strncmp(hex, "0x", 2) == 0) {
        hex += 2;
    }
    if (strlen(hex) != 2u * AG_HASH_SIZE) {
        return false;
    }
    for (size_t i = 0; i < AG_HASH_SIZE; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        char *end = NULL;
        unsigned long value = strtoul(digits, &end, 16);
        if (end != digits + 2 || digits[0] == '+' || digits[0] == '-') {
            return false;
        }
        out->bytes[i] = (uint8_t)value;
    }
    return true;
}

/* What the caller knows beside the file. Without it the batch is judged by itself: genuine, but
 * perhaps not the one that follows the last. */
static bool parse_expectations(int argc, char **argv, struct ag_batch_expect *out)
{
    if (argc == 3) {
        return true;
    }
    char *end = NULL;
    errno = 0;
    out->number = strtoull(argv[3], &end, 10);
    out->has_number = true;
    out->has_parent = true;
    return errno == 0 && end != argv[3] && *end == '\0' && parse_digest(argv[4], &out->parent);
}

/* A verdict is never only yes or no: each thing that was checked stands there with its reason. */
static void print_claims(const struct ag_claim *claims, size_t count, const char *indent)
{
    for (size_t i = 0; i < count; i++) {
        static const char *const words[] = {"-", "ok", "FAILED"};
        printf("%s%-6s  %-30s  %s\n", indent, words[claims[i].result], claims[i].name,
               claims[i].reason);
    }
}

static void print_digest(const struct ag_hash *digest)
{
    printf("header digest ");
    for (size_t i = 0; i < AG_HASH_SIZE; i++) {
        printf("%02x", digest->bytes[i]);
    }
    printf("\n"); /* the PARENT of the next batch */
}

static int judge(struct ag_bytes file, struct ag_bytes policy_text,
                 const struct ag_batch_expect *expect)
{
    struct ag_policy *policy = NULL;
    struct ag_fault fault = {0};
    unsigned line = 0;
    enum ag_err err = ag_policy_parse(policy_text, &policy, &line, &fault);
    if (err != AG_OK) {
        fprintf(stderr, "policy, line %u: %s (%s)\n", line, ag_err_text(err),
                fault.field == NULL ? "?" : fault.field);
        return NOT_JUDGED;
    }

    /* Everything that is wrong with the batch is in the verdict. An error here is our own: no
     * memory, or a processor without the instructions that the library needs. The last argument
     * but one is a pool of threads for the recovery of many senders; one thread will do. */
    struct ag_batch_verdict *verdict = NULL;
    err = ag_batch_verify(file, policy, expect, NULL, &verdict);
    ag_policy_close(policy);
    if (err != AG_OK) {
        fprintf(stderr, "not judged: %s [%s]\n", ag_err_text(err), ag_err_name(err));
        return NOT_JUDGED;
    }

    print_claims(verdict->claims, verdict->claim_count, "");
    printf("evidence over the key bundle: %s\n",
           ag_attest_status_name(verdict->bundle_evidence.status));
    print_claims(verdict->bundle_evidence.claims, verdict->bundle_evidence.claim_count, "  ");
    printf("evidence over the batch header: %s\n",
           ag_attest_status_name(verdict->batch_evidence.status));
    print_claims(verdict->batch_evidence.claims, verdict->batch_evidence.claim_count, "  ");
    print_digest(&verdict->digest);

    bool is_accepted = verdict->is_accepted;
    printf("%s: batch %llu of chain %llu, %u transactions\n", is_accepted ? "accepted" : "refused",
           (unsigned long long)verdict->header.number, (unsigned long long)verdict->header.chain_id,
           verdict->header.tx_count);
    ag_batch_verdict_close(verdict);
    return is_accepted ? ACCEPTED : REFUSED;
}

int main(int argc, char **argv)
{
    struct ag_batch_expect expect = {0};
    if ((argc != 3 && argc != 5) || !parse_expectations(argc, argv, &expect)) {
        fprintf(stderr, "usage: verify_batch BATCH POLICY [NUMBER PARENT]\n");
        return NOT_JUDGED;
    }
    struct contents file = {NULL, 0};
    struct contents policy = {NULL, 0};
    int status = NOT_JUDGED;
    if (read_file(argv[1], BATCH_SIZE_MAX, &file) && read_file(argv[2], POLICY_SIZE_MAX, &policy)) {
        status = judge((struct ag_bytes){file.data, file.size},
                       (struct ag_bytes){policy.data, policy.size}, &expect);
    }
    free(file.data);
    free(policy.data);
    return status;
}
