/* SPDX-License-Identifier: Apache-2.0 */
/* The door: which verifier a kind of evidence has, then binding and policy, which are
 * everybody's. */
#include "attest/attest_i.h"

#include <string.h>

static const char not_asked[] = "the caller asked for no binding";

/* [RATS] binding: all 64 bytes, or the evidence was made for something else. */
static void judge_binding(const struct ag_attest_input *in, struct ag_judge *judge)
{
    if (in->report_data.size == 0) {
        ag_judge_skip(judge, AG_CLAIM_BINDING, "%s", not_asked);
        return;
    }
    const uint8_t *bound = judge->verdict->body == AG_ATTEST_BODY_SGX
                               ? judge->verdict->sgx.report_data
                               : judge->verdict->td.report_data;
    if (memcmp(bound, in->report_data.data, 64) != 0) {
        ag_judge_fail(judge, AG_CLAIM_BINDING, AG_ATTEST_BindingMismatch,
                      "the evidence binds other bytes than those asked for");
        return;
    }
    ag_judge_pass(judge, AG_CLAIM_BINDING, "the evidence binds exactly the bytes asked for");
}

static enum ag_err judge_kind(const struct ag_attest_input *in, struct ag_judge *judge)
{
    uint8_t kind = in->evidence->kind;
    if (kind == AG_TEE_TDX || kind == AG_TEE_SGX || kind == AG_TEE_INSECURE_SIM) {
        return ag_dcap_judge(in, judge);
    }
    ag_judge_fail(judge, AG_CLAIM_FORMAT, AG_ATTEST_Unsupported,
                  "evidence of kind %s is not judged by this version", ag_tee_kind_name(kind));
    return AG_OK;
}

enum ag_err ag_attest_judge(const struct ag_attest_input *in, struct ag_verdict *out)
{
    AG_ENSURE(in->evidence != NULL && in->collateral != NULL && in->policy != NULL && out != NULL,
              AG_ERR_ARGUMENT);
    AG_ENSURE(in->report_data.size == 0 || in->report_data.size == 64, AG_ERR_ARGUMENT);
    struct ag_judge judge;
    ag_judge_start(&judge, out);
    out->tee_kind = in->evidence->kind;
    enum ag_err err = judge_kind(in, &judge);
    if (err == AG_OK && !judge.has_failed) {
        judge_binding(in, &judge);
    }
    if (err == AG_OK && !judge.has_failed) {
        ag_policy_appraise(in->policy, in->now_ms, &judge);
    }
    if (err != AG_OK) {
        /* Half a verdict is none: whoever forgets to check the error must not find an
         * acceptance. */
        memset(out, 0, sizeof(*out));
        return err;
    }
    out->is_accepted = !judge.has_failed && !judge.is_refused;
    return AG_OK;
}

enum ag_err ag_attest_verify_cached(struct ag_attest_cache *cache,
                                    const struct ag_evidence *evidence,
                                    const struct ag_collateral *collateral,
                                    const struct ag_policy *policy, struct ag_bytes report_data,
                                    uint64_t now_ms, struct ag_verdict *out)
{
    struct ag_attest_input in = {
        .evidence = evidence,
        .collateral = collateral,
        .policy = policy,
        .report_data = report_data,
        .now_ms = now_ms,
        .cache = cache,
    };
    return ag_attest_judge(&in, out);
}

enum ag_err ag_attest_verify(const struct ag_evidence *evidence,
                             const struct ag_collateral *collateral, const struct ag_policy *policy,
                             struct ag_bytes report_data, uint64_t now_ms, struct ag_verdict *out)
{
    return ag_attest_verify_cached(NULL, evidence, collateral, policy, report_data, now_ms, out);
}
