/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "risk/risk.h"
#include "verify/verify_i.h"

/* Claims stand in this order in every verdict, so that two verdicts can be compared line by
 * line. */
static void claim(struct judge *judge, const char *name, enum ag_claim_result result,
                  const char *format, ...) AG_PRINTF(4, 5);
static void claim(struct judge *judge, const char *name, enum ag_claim_result result,
                  const char *format, ...)
{
    struct ag_batch_verdict *verdict = judge->verdict;
    AG_ASSERT(verdict->claim_count < AG_BATCH_CLAIMS_MAX);
    struct ag_claim *slot = &verdict->claims[verdict->claim_count++];
    slot->name = name;
    slot->result = result;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(slot->reason, sizeof(slot->reason), format, arguments);
    va_end(arguments);
    if (result == AG_CLAIM_FAILED) {
        verdict->is_accepted = false;
    }
}

static bool is_own_failure(enum ag_err err)
{
    enum ag_err_class class = ag_err_class(err);
    return class == AG_CLASS_HOST || class == AG_CLASS_LIMIT;
}

/* ---- the file and its header ----------------------------------------------------------------- */

static enum ag_err decode_parts(struct judge *judge, struct ag_bytes bytes)
{
    struct ag_fault fault = {0};
    enum ag_err err = ag_batch_file_decode(bytes, &judge->file, &fault);
    if (err == AG_OK) {
        err = ag_batch_header_decode(judge->file.header, &judge->verdict->header, &fault);
    }
    if (err == AG_OK) {
        err = ag_bundle_decode(judge->file.bundle, &judge->bundle, &fault);
    }
    if (err != AG_OK) {
        claim(judge, "format", AG_CLAIM_FAILED, "%s: %s", ag_err_text(err),
              fault.field == NULL ? "file" : fault.field);
        return err;
    }
    AG_TRY(ag_batch_header_digest(judge->file.header, &judge->verdict->digest));
    claim(judge, "format", AG_CLAIM_PASSED, "%zu bytes, %u entries, one encoding of every value",
          bytes.size, judge->file.entry_count);
    return AG_OK;
}

/* What a header must say of itself, whoever signed it. */
static void check_header(struct judge *judge)
{
    const struct ag_batch_header *header = &judge->verdict->header;
    uint64_t end = header->first_admission + header->admission_count;
    const char *wrong = NULL;

    if (header->first_admission == 0 || (header->number == 1 && header->first_admission != 1)) {
        wrong = "admissions are numbered from 1, and the first batch begins there";
    } else if (header->last_group <
               (end - 1) / AG_LIMIT_GROUP_COUNT + ((end - 1) % AG_LIMIT_GROUP_COUNT != 0 ? 1 : 0)) {
        wrong = "its admissions do not fit into so few groups";
    } else if (ag_risk_snapshot_check(&header->risk, NULL) != AG_OK) {
        wrong = "the global risk is not that of its categories";
    } else if (!ag_bytes_is_zero(AG_VIEW(&header->checkpoint))) {
        wrong = "no migration exists yet, so there is no checkpoint";
    }
    claim(judge, "header", wrong == NULL ? AG_CLAIM_PASSED : AG_CLAIM_FAILED, "%s",
          wrong == NULL ? "its fields agree with each other" : wrong);
}

static void check_place(struct judge *judge, const struct ag_batch_expect *expect)
{
    const struct ag_batch_header *header = &judge->verdict->header;

    if (expect == NULL || !expect->has_number) {
        claim(judge, "number", AG_CLAIM_NOT_APPLICABLE, "batch %llu; the caller expects none",
              (unsigned long long)header->number);
    } else {
        bool is_same = expect->number == header->number;
        claim(judge, "number", is_same ? AG_CLAIM_PASSED : AG_CLAIM_FAILED,
              "batch %llu, expected %llu", (unsigned long long)header->number,
              (unsigned long long)expect->number);
    }
    if (expect == NULL || !expect->has_parent) {
        claim(judge, "parent", AG_CLAIM_NOT_APPLICABLE, "the caller knows no parent");
    } else {
        bool is_same = ag_bytes_equal(AG_VIEW(&expect->parent), AG_VIEW(&header->parent));
        claim(judge, "parent", is_same ? AG_CLAIM_PASSED : AG_CLAIM_FAILED,
              is_same ? "the header names the batch before" : "the header names another parent");
    }
}

static enum ag_err check_bundle(struct judge *judge)
{
    const struct ag_batch_header *header = &judge->verdict->header;
    struct ag_hash digest;
    AG_TRY(ag_bundle_digest(judge->file.bundle, &digest));

    const char *wrong = NULL;
    if (!ag_bytes_equal(AG_VIEW(&digest), AG_VIEW(&header->bundle_digest))) {
        wrong = "the header names another key bundle";
    } else if (judge->bundle.chain_id != header->chain_id) {
        wrong = "the key bundle is for another chain";
    } else if (judge->bundle.key_epoch != header->key_epoch) {
        wrong = "the key bundle is of another epoch";
    } else if (header->number == 1 &&
               !ag_bytes_equal(AG_VIEW(&judge->bundle.genesis), AG_VIEW(&header->parent))) {
        wrong = "the first batch does not follow the genesis";
    }
    judge->bundle_digest = digest;
    claim(judge, "key bundle", wrong == NULL ? AG_CLAIM_PASSED : AG_CLAIM_FAILED, "%s",
          wrong == NULL ? "the header names this bundle, its chain and its epoch" : wrong);
    return AG_OK;
}

/* The genesis is the bundle's, which the header names and evidence covers. */
static void check_genesis(struct judge *judge, const struct ag_batch_expect *expect)
{
    const struct ag_hash *genesis = &judge->bundle.genesis;
    char hex[2 * AG_HASH_SIZE + 1];
    ag_hex_encode(AG_VIEW(genesis), hex);
    if (expect == NULL || !expect->has_genesis) {
        claim(judge, "genesis", AG_CLAIM_NOT_APPLICABLE, "%s; the caller expects none", hex);
        return;
    }
    bool is_same = ag_bytes_equal(AG_VIEW(&expect->genesis), AG_VIEW(genesis));
    claim(judge, "genesis", is_same ? AG_CLAIM_PASSED : AG_CLAIM_FAILED, "%s%s", hex,
          is_same ? ", as expected" : ", not the expected one");
}

static enum ag_err check_signature(struct judge *judge, const char *name, enum ag_sig_alg alg,
                                   struct ag_bytes key, enum ag_tag tag, struct ag_bytes signature)
{
    enum ag_err err =
        ag_sig_verify_once(alg, key, tag, AG_VIEW(&judge->verdict->digest), signature);
    if (err != AG_OK && is_own_failure(err)) {
        return err;
    }
    claim(judge, name, err == AG_OK ? AG_CLAIM_PASSED : AG_CLAIM_FAILED, "%s",
          err == AG_OK ? "verifies over the header digest under its own context string"
                       : ag_err_text(err));
    return AG_OK;
}

/* ---- evidence -------------------------------------------------------------------------------- */

static enum ag_err judge_evidence(struct judge *judge, const char *name, struct ag_bytes bytes,
                                  enum ag_report_subject subject, const struct ag_hash *digest,
                                  const struct ag_collateral *collateral,
                                  struct ag_verdict *verdict)
{
    struct ag_evidence evidence;
    struct ag_fault fault = {0};
    enum ag_err err = ag_evidence_decode(bytes, &evidence, &fault);
    if (err != AG_OK) {
        claim(judge, name, AG_CLAIM_FAILED, "%s: %s", ag_err_text(err),
              fault.field == NULL ? "evidence" : fault.field);
        return AG_OK;
    }
    uint8_t report_data[64];
    AG_TRY(ag_report_data(subject, digest, (struct ag_bytes){NULL, 0}, report_data));
    AG_TRY(ag_attest_verify_cached(judge->cache, &evidence, collateral, judge->policy,
                                   AG_ARRAY_VIEW(report_data), judge->instant_ms, verdict));
    claim(judge, name, verdict->is_accepted ? AG_CLAIM_PASSED : AG_CLAIM_FAILED, "%s, %s%s",
          ag_tee_kind_name(verdict->tee_kind), ag_attest_status_name(verdict->status),
          verdict->is_accepted ? ", accepted by the policy" : "; see its own claims");
    return AG_OK;
}

static enum ag_err check_evidence(struct judge *judge)
{
    struct ag_batch_verdict *verdict = judge->verdict;
    struct ag_collateral collateral;
    struct ag_fault fault = {0};
    enum ag_err err = ag_collateral_decode(judge->file.collateral, &collateral, &fault);
    if (err != AG_OK) {
        claim(judge, "collateral", AG_CLAIM_FAILED, "%s: %s", ag_err_text(err),
              fault.field == NULL ? "collateral" : fault.field);
        return AG_OK;
    }
    claim(judge, "collateral", AG_CLAIM_PASSED, "archived with the batch; judged as of %llu ms",
          (unsigned long long)judge->instant_ms);

    AG_TRY(judge_evidence(judge, "bundle evidence", judge->file.bundle_evidence, AG_REPORT_BUNDLE,
                          &judge->bundle_digest, &collateral, &verdict->bundle_evidence));
    AG_TRY(judge_evidence(judge, "batch evidence", judge->file.batch_evidence, AG_REPORT_BATCH,
                          &verdict->digest, &collateral, &verdict->batch_evidence));

    const struct ag_verdict *a = &verdict->bundle_evidence;
    const struct ag_verdict *b = &verdict->batch_evidence;
    bool is_same = a->is_parsed && b->is_parsed && a->tee_kind == b->tee_kind &&
                   a->body == b->body &&
                   memcmp(a->td.mr_td, b->td.mr_td, sizeof(a->td.mr_td)) == 0 &&
                   memcmp(a->td.rtmr, b->td.rtmr, sizeof(a->td.rtmr)) == 0 &&
                   memcmp(a->sgx.mr_enclave, b->sgx.mr_enclave, sizeof(a->sgx.mr_enclave)) == 0;
    claim(judge, "one program", is_same ? AG_CLAIM_PASSED : AG_CLAIM_FAILED, "%s",
          is_same ? "both pieces of evidence carry the same measurements"
                  : "the two pieces of evidence do not carry the same measurements");
    return AG_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void check_time(struct judge *judge, const struct ag_batch_expect *expect)
{
    uint64_t time_ms = judge->verdict->header.time_ms;
    uint64_t created_ms = judge->bundle.created_ms;

    judge->instant_ms =
        expect != NULL && expect->now_ms != 0 ? expect->now_ms : judge->file.judged_ms;
    /* The node's clock is the host's: a batch may not be older than its keys, nor newer than its
     * own verdict, and that is all a clock of an untrusted host can be asked. */
    bool is_ordered = created_ms <= time_ms && time_ms <= judge->file.judged_ms;
    claim(judge, "time", is_ordered ? AG_CLAIM_PASSED : AG_CLAIM_FAILED,
          "keys %llu, batch %llu, own verdict %llu (Unix ms)", (unsigned long long)created_ms,
          (unsigned long long)time_ms, (unsigned long long)judge->file.judged_ms);
}

static enum ag_err judge_all(struct judge *judge, struct ag_bytes bytes,
                             const struct ag_batch_expect *expect)
{
    enum ag_err err = decode_parts(judge, bytes);
    if (err != AG_OK) {
        return is_own_failure(err) ? err : AG_OK; /* nothing more can be said of it */
    }
    check_header(judge);
    check_place(judge, expect);
    check_time(judge, expect);
    AG_TRY(check_bundle(judge));
    check_genesis(judge, expect);
    AG_TRY(check_signature(judge, "ML-DSA-87 signature", AG_SIG_MLDSA87, judge->bundle.mldsa87,
                           AG_TAG_BATCH_MLDSA, judge->file.mldsa87));
    AG_TRY(check_signature(judge, "SLH-DSA-SHA2-256s signature", AG_SIG_SLHDSA_SHA2_256S,
                           judge->bundle.slhdsa, AG_TAG_BATCH_SLHDSA, judge->file.slhdsa));
    AG_TRY(check_evidence(judge));
    return ag_verify_entries(judge);
}

void ag_verify_claim(struct judge *judge, const char *name, bool is_passed, const char *reason)
{
    claim(judge, name, is_passed ? AG_CLAIM_PASSED : AG_CLAIM_FAILED, "%s", reason);
}

void ag_verify_claim_at(struct judge *judge, const char *name, size_t index, const char *reason)
{
    claim(judge, name, AG_CLAIM_FAILED, "entry %zu: %s", index, reason);
}

void ag_verify_claim_skipped(struct judge *judge, const char *name, const char *reason)
{
    claim(judge, name, AG_CLAIM_NOT_APPLICABLE, "%s", reason);
}

enum ag_err ag_batch_judge(struct ag_bytes file, const struct ag_policy *policy,
                           const struct ag_batch_expect *expect,
                           const struct ag_judge_options *options, struct ag_batch_verdict **out)
{
    static const struct ag_judge_options no_options = {0};
    AG_TRY(ag_crypto_start());

    struct judge judge = {
        .policy = policy,
        .options = options == NULL ? &no_options : options,
        .verdict = ag_alloc(sizeof(*judge.verdict)),
    };
    AG_ENSURE(judge.verdict != NULL, AG_ERR_NO_MEMORY);
    judge.verdict->is_accepted = true;
    /* Two pieces of evidence share their collateral, so it is parsed and checked once. */
    struct ag_attest_cache *own_cache = NULL;
    enum ag_err err = AG_OK;
    if (judge.options->cache == NULL) {
        err = ag_attest_cache_open(1, &own_cache);
    }
    judge.cache = own_cache != NULL ? own_cache : judge.options->cache;
    if (err == AG_OK) {
        err = judge_all(&judge, file, expect);
    }
    ag_attest_cache_close(own_cache);
    if (err != AG_OK) {
        ag_free(judge.verdict);
        return err;
    }
    *out = judge.verdict;
    return AG_OK;
}

enum ag_err ag_batch_verify(struct ag_bytes file, const struct ag_policy *policy,
                            const struct ag_batch_expect *expect, struct ag_pool *pool,
                            struct ag_batch_verdict **out)
{
    struct ag_judge_options options = {.pool = pool};
    return ag_batch_judge(file, policy, expect, &options, out);
}

void ag_batch_verdict_close(struct ag_batch_verdict *verdict)
{
    ag_free(verdict);
}
