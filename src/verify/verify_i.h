/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_VERIFY_VERIFY_I_H
#define AG_VERIFY_VERIFY_I_H

#include "verify/verify.h"

/* One judgement under way. */
struct judge {
    const struct ag_policy *policy;
    const struct ag_judge_options *options;
    struct ag_batch_verdict *verdict;
    struct ag_attest_cache *cache;
    struct ag_batch_file file;
    struct ag_bundle bundle;
    struct ag_hash bundle_digest;
    uint64_t instant_ms; /* at which evidence is judged */
};

/* Claims over the entries: admissions, order, outcomes, payloads, nonces, roots. */
AG_MUST_CHECK enum ag_err ag_verify_entries(struct judge *judge);

void ag_verify_claim(struct judge *judge, const char *name, bool is_passed, const char *reason);
void ag_verify_claim_at(struct judge *judge, const char *name, size_t index, const char *reason);
void ag_verify_claim_skipped(struct judge *judge, const char *name, const char *reason);

#endif
