/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/batch_i.h"

enum ag_err ag_batch_selfcheck(struct ag_batch *batch, const struct ag_policy *policy,
                               struct ag_attest_cache *cache, const char **out_claim)
{
    AG_ENSURE(batch->state == AG_BATCH_ATTESTED, AG_ERR_STATE_MOVE);

    /* The verdict is on the very bytes that will be exported, not on our own structs. */
    struct ag_vec file AG_SCOPED(ag_vec_close);
    ag_vec_init(&file, AG_LIMIT_BATCH_FILE_BYTES);
    AG_TRY(ag_batch_file_encode(&batch->file, &file));

    struct ag_batch_expect expect = {
        .has_number = true,
        .number = batch->fields.number,
        .has_parent = true,
        .parent = batch->fields.parent,
    };
    struct ag_judge_options options = {.senders_are_known = true, .cache = cache};
    struct ag_batch_verdict *verdict = NULL;
    AG_TRY(ag_batch_judge(ag_vec_view(&file), policy, &expect, &options, &verdict));

    bool is_accepted = verdict->is_accepted;
    for (size_t i = 0; i < verdict->claim_count && !is_accepted; i++) {
        if (verdict->claims[i].result == AG_CLAIM_FAILED) {
            *out_claim = verdict->claims[i].name;
            break;
        }
    }
    ag_batch_verdict_close(verdict);
    AG_ENSURE(is_accepted, AG_ERR_BATCH_INVALID);
    batch->state = AG_BATCH_CHECKED;
    return AG_OK;
}
