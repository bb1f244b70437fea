/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/verify_i.h"

static const char *result_word(enum ag_claim_result result)
{
    switch (result) {
    case AG_CLAIM_PASSED:
        return "passed";
    case AG_CLAIM_FAILED:
        return "failed";
    case AG_CLAIM_NOT_APPLICABLE:
        break;
    }
    return "not applicable";
}

void ag_batch_verdict_json(const struct ag_batch_verdict *verdict, struct ag_json_out *out,
                           const char *key)
{
    const struct ag_batch_header *header = &verdict->header;

    ag_json_object(out, key);
    ag_json_put_bool(out, "accepted", verdict->is_accepted);
    ag_json_put_u64(out, "number", header->number);
    ag_json_put_u64(out, "chainId", header->chain_id);
    ag_json_put_hex(out, "digest", AG_VIEW(&verdict->digest));
    ag_json_put_hex(out, "parent", AG_VIEW(&header->parent));
    ag_json_put_u64(out, "transactions", header->tx_count);
    ag_json_put_u64(out, "admissions", header->admission_count);
    ag_json_put_u64(out, "keyEpoch", header->key_epoch);
    ag_json_array(out, "claims");
    for (size_t i = 0; i < verdict->claim_count; i++) {
        ag_json_object(out, NULL);
        ag_json_put_string(out, "claim", verdict->claims[i].name);
        ag_json_put_string(out, "result", result_word(verdict->claims[i].result));
        ag_json_put_string(out, "reason", verdict->claims[i].reason);
        ag_json_end(out);
    }
    ag_json_end(out);
    ag_verdict_json(&verdict->bundle_evidence, out, "bundleEvidence");
    ag_verdict_json(&verdict->batch_evidence, out, "batchEvidence");
    ag_json_end(out);
}

enum ag_err ag_batch_verdict_print(const struct ag_batch_verdict *verdict, struct ag_vec *out)
{
    AG_TRY(ag_vec_printf(out, "batch %llu: %s\n", (unsigned long long)verdict->header.number,
                         verdict->is_accepted ? "accepted" : "REFUSED"));
    for (size_t i = 0; i < verdict->claim_count; i++) {
        AG_TRY(ag_vec_printf(out, "  %-14s  %-28s  %s\n", result_word(verdict->claims[i].result),
                             verdict->claims[i].name, verdict->claims[i].reason));
    }
    AG_TRY(ag_vec_printf(out, "evidence over the key bundle:\n"));
    AG_TRY(ag_verdict_print(&verdict->bundle_evidence, out));
    AG_TRY(ag_vec_printf(out, "evidence over the batch header:\n"));
    return ag_verdict_print(&verdict->batch_evidence, out);
}
