/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

#include <string.h>

/* The outcome, 115 bytes, a leaf of a batch's receipt tree; and AGOR, the outcome receipt: magic,
 * version, outcome, proof, header, ML-DSA-87 and SLH-DSA signatures. */

_Static_assert(6 + AG_OUTCOME_SIZE + 17 + AG_PROOF_NODES_MAX * AG_ID_SIZE + AG_BATCH_HEADER_SIZE +
                       AG_MLDSA87_SIGNATURE_SIZE + AG_SLHDSA_SIGNATURE_SIZE <=
                   AG_LIMIT_RECEIPT_BYTES,
               "the largest receipt is within its limit");

static enum ag_err check(const struct ag_outcome *outcome, struct ag_fault *fault)
{
    bool is_included = outcome->status == AG_OUTCOME_INCLUDED;
    if (!is_included && outcome->status != AG_OUTCOME_EXCLUDED) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "outcome.status", AG_OUTCOME_EXCLUDED,
                              outcome->status);
    }
    if ((outcome->reason == 0) != is_included) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "outcome.reason");
    }
    if ((outcome->tx_index != AG_NO_TX_INDEX) != is_included) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "outcome.tx_index");
    }
    if (!is_included && !ag_bytes_is_zero(AG_ARRAY_VIEW(outcome->tx_hash))) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "outcome.tx_hash");
    }
    return AG_OK;
}

void ag_outcome_encode(const struct ag_outcome *outcome, uint8_t out[AG_OUTCOME_SIZE])
{
    uint8_t *at = ag_wire_put_u16(out, 1);
    at = ag_wire_put_u64(at, outcome->admission);
    memcpy(at, outcome->envelope_id.bytes, AG_ID_SIZE);
    memcpy(at + AG_ID_SIZE, outcome->head_id.bytes, AG_ID_SIZE);
    at += sizeof(outcome->envelope_id) + sizeof(outcome->head_id);
    *at++ = outcome->status;
    at = ag_wire_put_u32(at, outcome->reason);
    at = ag_wire_put_u32(at, outcome->tx_index);
    memcpy(at, outcome->tx_hash, sizeof(outcome->tx_hash));
    AG_ASSERT(at + sizeof(outcome->tx_hash) == out + AG_OUTCOME_SIZE);
}

enum ag_err ag_outcome_decode(struct ag_bytes in, struct ag_outcome *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_outcome outcome = {0};

    ag_rd_version(&rd, 1, "outcome version");
    outcome.admission = ag_rd_u64(&rd, "outcome.admission");
    outcome.envelope_id = ag_rd_id(&rd, "outcome.envelope_id");
    outcome.head_id = ag_rd_id(&rd, "outcome.head_id");
    outcome.status = ag_rd_u8(&rd, "outcome.status");
    outcome.reason = ag_rd_u32(&rd, "outcome.reason");
    outcome.tx_index = ag_rd_u32(&rd, "outcome.tx_index");
    ag_rd_copy(&rd, outcome.tx_hash, sizeof(outcome.tx_hash), "outcome.tx_hash");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check(&outcome, fault));

    *out = outcome;
    return AG_OK;
}

/* ---- the receipt ----------------------------------------------------------------------------- */

static enum ag_err check_receipt(const struct ag_outcome_receipt *receipt,
                                 struct ag_batch_header *out_header, struct ag_fault *fault)
{
    const struct ag_outcome *outcome = &receipt->outcome;
    AG_TRY(check(outcome, fault));
    AG_TRY(ag_batch_header_decode(receipt->header, out_header, fault));
    if (outcome->admission < out_header->first_admission ||
        outcome->admission - out_header->first_admission >= out_header->admission_count) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "outcome.admission");
    }
    if (outcome->status == AG_OUTCOME_INCLUDED && outcome->tx_index >= out_header->tx_count) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "outcome.tx_index", out_header->tx_count,
                              outcome->tx_index);
    }
    if (receipt->proof.size != out_header->admission_count) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "proof.size", out_header->admission_count,
                              receipt->proof.size);
    }
    if (receipt->proof.index >= receipt->proof.size) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "proof.index", receipt->proof.size,
                              receipt->proof.index);
    }
    if (receipt->mldsa87.size != AG_MLDSA87_SIGNATURE_SIZE) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "mldsa87", AG_MLDSA87_SIGNATURE_SIZE,
                              receipt->mldsa87.size);
    }
    if (receipt->slhdsa.size != AG_SLHDSA_SIGNATURE_SIZE) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "slhdsa", AG_SLHDSA_SIGNATURE_SIZE,
                              receipt->slhdsa.size);
    }
    return AG_OK;
}

enum ag_err ag_outcome_receipt_encode(const struct ag_outcome_receipt *receipt, struct ag_vec *out)
{
    struct ag_batch_header header;
    uint8_t outcome[AG_OUTCOME_SIZE];
    AG_TRY(check_receipt(receipt, &header, NULL));
    ag_outcome_encode(&receipt->outcome, outcome);

    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGOR", 1);
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(outcome));
    ag_wire_proof_write(&wr, &receipt->proof);
    ag_wr_bytes(&wr, receipt->header);
    ag_wr_bytes(&wr, receipt->mldsa87);
    ag_wr_bytes(&wr, receipt->slhdsa);
    return ag_wr_finish(&wr);
}

enum ag_err ag_outcome_receipt_decode(struct ag_bytes in, struct ag_outcome_receipt *out,
                                      struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_outcome_receipt receipt = {0};
    struct ag_batch_header header;

    ag_rd_magic(&rd, "AGOR", 1);
    struct ag_bytes outcome = ag_rd_fixed(&rd, AG_OUTCOME_SIZE, "outcome");
    receipt.proof = ag_wire_proof_read(&rd);
    receipt.header = ag_rd_fixed(&rd, AG_BATCH_HEADER_SIZE, "header");
    receipt.mldsa87 = ag_rd_fixed(&rd, AG_MLDSA87_SIGNATURE_SIZE, "mldsa87");
    receipt.slhdsa = ag_rd_fixed(&rd, AG_SLHDSA_SIGNATURE_SIZE, "slhdsa");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(ag_outcome_decode(outcome, &receipt.outcome, fault));
    AG_TRY(check_receipt(&receipt, &header, fault));

    *out = receipt;
    return AG_OK;
}

static enum ag_err verify_signatures(const struct ag_outcome_receipt *receipt,
                                     const struct ag_bundle *bundle, struct ag_fault *fault)
{
    struct ag_hash digest;
    AG_TRY(ag_batch_header_digest(receipt->header, &digest));
    enum ag_err err = ag_sig_verify_once(AG_SIG_MLDSA87, bundle->mldsa87, AG_TAG_BATCH_MLDSA,
                                         AG_VIEW(&digest), receipt->mldsa87);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "mldsa87");
    }
    err = ag_sig_verify_once(AG_SIG_SLHDSA_SHA2_256S, bundle->slhdsa, AG_TAG_BATCH_SLHDSA,
                             AG_VIEW(&digest), receipt->slhdsa);
    return err == AG_OK ? AG_OK : ag_fault_set(fault, err, "slhdsa");
}

enum ag_err ag_outcome_receipt_verify(const struct ag_outcome_receipt *receipt,
                                      struct ag_bytes bundle_encoding, struct ag_fault *fault)
{
    struct ag_batch_header header;
    struct ag_bundle bundle;
    uint8_t outcome[AG_OUTCOME_SIZE];
    struct ag_id leaf_hash;

    AG_TRY(check_receipt(receipt, &header, fault));
    AG_TRY(ag_wire_bundle_match(bundle_encoding, &header.bundle_digest, header.chain_id,
                                header.key_epoch, &bundle, fault));

    ag_outcome_encode(&receipt->outcome, outcome);
    AG_TRY(ag_merkle_leaf(AG_ARRAY_VIEW(outcome), &leaf_hash));
    enum ag_err err = ag_merkle_verify_inclusion(&leaf_hash, &receipt->proof, &header.receipt_root);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "proof");
    }
    return verify_signatures(receipt, &bundle, fault);
}
