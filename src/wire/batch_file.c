/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

/* AGBF, the batch file: magic, version, header, ML-DSA-87 and SLH-DSA signatures, bundle, evidence
 * of the bundle, evidence of the batch, collateral, judged_ms, entry count u32, entries to the
 * end. What has no fixed size carries its length u32. The parts are judged by ag_batch_verify, one
 * claim each: here only their frames are. */

enum {
    HEAD_LIMIT = AG_HEAD_SIZE_MAX
};

static enum ag_err check_entry(const struct ag_batch_entry *entry, struct ag_fault *fault)
{
    if (entry->head.size == 0 || entry->head.size > HEAD_LIMIT) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "entry.head", HEAD_LIMIT, entry->head.size);
    }
    if (entry->payload.size > AG_LIMIT_TX_BYTES) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "entry.payload", AG_LIMIT_TX_BYTES,
                              entry->payload.size);
    }
    if ((entry->payload.size != 0) != (entry->outcome.status == AG_OUTCOME_INCLUDED)) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "entry.payload");
    }
    return AG_OK;
}

enum ag_err ag_batch_entry_encode(const struct ag_batch_entry *entry, struct ag_vec *out)
{
    uint8_t outcome[AG_OUTCOME_SIZE];
    struct ag_outcome ignored;
    ag_outcome_encode(&entry->outcome, outcome);
    AG_TRY(ag_outcome_decode(AG_ARRAY_VIEW(outcome), &ignored, NULL));
    AG_TRY(check_entry(entry, NULL));

    struct ag_wr wr = ag_wr_to(out);
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(outcome));
    ag_wr_bytes16(&wr, entry->head, HEAD_LIMIT);
    ag_wr_bytes32(&wr, entry->payload, AG_LIMIT_TX_BYTES);
    return ag_wr_finish(&wr);
}

enum ag_err ag_batch_entry_next(struct ag_bytes *entries, struct ag_batch_entry *out,
                                struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(*entries);
    struct ag_batch_entry entry = {0};

    struct ag_bytes outcome = ag_rd_fixed(&rd, AG_OUTCOME_SIZE, "entry.outcome");
    entry.head = ag_rd_bytes16(&rd, HEAD_LIMIT, "entry.head");
    entry.payload = ag_rd_bytes32(&rd, AG_LIMIT_TX_BYTES, "entry.payload");
    AG_TRY(ag_rd_finish_item(&rd, fault));
    AG_TRY(ag_outcome_decode(outcome, &entry.outcome, fault));
    AG_TRY(check_entry(&entry, fault));

    *out = entry;
    *entries = rd.rest;
    return AG_OK;
}

/* Walks all entries once, so that walking them again cannot fail. */
static enum ag_err check_entries(const struct ag_batch_file *file, struct ag_fault *fault)
{
    struct ag_bytes rest = file->entries;
    struct ag_batch_entry entry;
    if (file->entry_count > AG_LIMIT_BATCH_TXS) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "entry count", AG_LIMIT_BATCH_TXS,
                              file->entry_count);
    }
    for (uint32_t i = 0; i < file->entry_count; i++) {
        AG_TRY(ag_batch_entry_next(&rest, &entry, fault));
    }
    if (rest.size != 0) {
        return ag_fault_limit(fault, AG_ERR_WIRE_TRAILING, "entries",
                              file->entries.size - rest.size, file->entries.size);
    }
    return AG_OK;
}

enum ag_err ag_batch_file_encode(const struct ag_batch_file *file, struct ag_vec *out)
{
    AG_ENSURE(file->header.size == AG_BATCH_HEADER_SIZE, AG_ERR_WIRE_VALUE);
    AG_ENSURE(file->mldsa87.size == AG_MLDSA87_SIGNATURE_SIZE, AG_ERR_WIRE_VALUE);
    AG_ENSURE(file->slhdsa.size == AG_SLHDSA_SIGNATURE_SIZE, AG_ERR_WIRE_VALUE);
    AG_TRY(check_entries(file, NULL));

    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGBF", 1);
    ag_wr_bytes(&wr, file->header);
    ag_wr_bytes(&wr, file->mldsa87);
    ag_wr_bytes(&wr, file->slhdsa);
    ag_wr_bytes32(&wr, file->bundle, AG_LIMIT_BUNDLE_BYTES);
    ag_wr_bytes32(&wr, file->bundle_evidence, AG_LIMIT_EVIDENCE_BYTES + AG_EVIDENCE_OVERHEAD);
    ag_wr_bytes32(&wr, file->batch_evidence, AG_LIMIT_EVIDENCE_BYTES + AG_EVIDENCE_OVERHEAD);
    ag_wr_bytes32(&wr, file->collateral, AG_COLLATERAL_SIZE_MAX);
    ag_wr_u64(&wr, file->judged_ms);
    ag_wr_u32(&wr, file->entry_count);
    ag_wr_bytes(&wr, file->entries);
    if (wr.err == AG_OK && out->size - wr.start > AG_LIMIT_BATCH_FILE_BYTES) {
        wr.err = AG_ERR_WIRE_LIMIT;
    }
    return ag_wr_finish(&wr);
}

enum ag_err ag_batch_file_decode(struct ag_bytes in, struct ag_batch_file *out,
                                 struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_batch_file file = {0};

    if (in.size > AG_LIMIT_BATCH_FILE_BYTES) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "batch file", AG_LIMIT_BATCH_FILE_BYTES,
                              in.size);
    }
    ag_rd_magic(&rd, "AGBF", 1);
    file.header = ag_rd_fixed(&rd, AG_BATCH_HEADER_SIZE, "header");
    file.mldsa87 = ag_rd_fixed(&rd, AG_MLDSA87_SIGNATURE_SIZE, "mldsa87");
    file.slhdsa = ag_rd_fixed(&rd, AG_SLHDSA_SIGNATURE_SIZE, "slhdsa");
    file.bundle = ag_rd_bytes32(&rd, AG_LIMIT_BUNDLE_BYTES, "bundle");
    file.bundle_evidence =
        ag_rd_bytes32(&rd, AG_LIMIT_EVIDENCE_BYTES + AG_EVIDENCE_OVERHEAD, "bundle_evidence");
    file.batch_evidence =
        ag_rd_bytes32(&rd, AG_LIMIT_EVIDENCE_BYTES + AG_EVIDENCE_OVERHEAD, "batch_evidence");
    file.collateral = ag_rd_bytes32(&rd, AG_COLLATERAL_SIZE_MAX, "collateral");
    file.judged_ms = ag_rd_u64(&rd, "judged_ms");
    file.entry_count = ag_rd_u32(&rd, "entry count");
    file.entries = ag_rd_rest(&rd);
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check_entries(&file, fault));

    *out = file;
    return AG_OK;
}
