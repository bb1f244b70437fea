/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "batch/batch_i.h"

enum ag_err ag_batch_sign(struct ag_batch *batch, struct ag_keyring *keyring)
{
    AG_ENSURE(batch->state == AG_BATCH_EXECUTED, AG_ERR_STATE_MOVE);
    struct ag_bytes digest = AG_VIEW(&batch->digest);
    uint64_t epoch = batch->fields.key_epoch;

    AG_TRY(ag_keyring_sign_epoch(keyring, epoch, AG_SIG_MLDSA87, AG_TAG_BATCH_MLDSA, digest,
                                 (struct ag_buf){batch->mldsa87, sizeof(batch->mldsa87)}));
    AG_TRY(ag_keyring_sign_epoch(keyring, epoch, AG_SIG_SLHDSA_SHA2_256S, AG_TAG_BATCH_SLHDSA,
                                 digest, (struct ag_buf){batch->slhdsa, sizeof(batch->slhdsa)}));
    batch->file.mldsa87 = AG_ARRAY_VIEW(batch->mldsa87);
    batch->file.slhdsa = AG_ARRAY_VIEW(batch->slhdsa);
    batch->state = AG_BATCH_SIGNED;
    return AG_OK;
}

/* The identity may be renewed while this batch waits, so the batch keeps what it was judged
 * with. */
static enum ag_err keep_identity(struct ag_batch *batch, const struct ag_batch_identity *identity)
{
    AG_TRY(ag_vec_append(&batch->identity, identity->bundle));
    AG_TRY(ag_vec_append(&batch->identity, identity->bundle_evidence));
    AG_TRY(ag_vec_append(&batch->identity, identity->collateral));

    struct ag_bytes rest = ag_vec_view(&batch->identity);
    batch->file.bundle = ag_bytes_head(rest, identity->bundle.size);
    rest = ag_bytes_tail(rest, identity->bundle.size);
    batch->file.bundle_evidence = ag_bytes_head(rest, identity->bundle_evidence.size);
    batch->file.collateral = ag_bytes_tail(rest, identity->bundle_evidence.size);
    return AG_OK;
}

enum ag_err ag_batch_attest(struct ag_batch *batch, struct ag_tee *tee,
                            const struct ag_batch_identity *identity, uint64_t now_ms)
{
    AG_ENSURE(batch->state == AG_BATCH_SIGNED, AG_ERR_STATE_MOVE);
    uint8_t report_data[64];
    AG_TRY(
        ag_report_data(AG_REPORT_BATCH, &batch->digest, (struct ag_bytes){NULL, 0}, report_data));

    struct ag_vec quote AG_SCOPED(ag_vec_close);
    ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
    AG_TRY(ag_tee_quote(tee, report_data, &quote));
    struct ag_evidence evidence = {ag_tee_kind(tee), ag_vec_view(&quote)};
    AG_TRY(ag_evidence_encode(&evidence, &batch->evidence));
    AG_TRY(keep_identity(batch, identity));

    batch->file.batch_evidence = ag_vec_view(&batch->evidence);
    batch->file.judged_ms = now_ms > batch->fields.time_ms ? now_ms : batch->fields.time_ms;
    batch->state = AG_BATCH_ATTESTED;
    return AG_OK;
}
