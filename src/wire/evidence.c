/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

#include <string.h>

/* AGEE, evidence: magic, version, kind u8, quote with its length u32. AGCO, collateral: magic,
 * version, seven parts with their lengths u32, fetched_ms. */

const char *ag_tee_kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [AG_TEE_TDX] = "tdx",
        [AG_TEE_SNP] = "snp",
        [AG_TEE_SGX] = "sgx",
        [AG_TEE_PSA] = "psa",
        [AG_TEE_CCA] = "cca",
        [AG_TEE_TPM] = "tpm",
        [AG_TEE_INSECURE_SIM] = "insecure-sim",
    };
    return kind < AG_COUNT(names) && names[kind] != NULL ? names[kind] : "unknown";
}

static enum ag_err check(const struct ag_evidence *evidence, struct ag_fault *fault)
{
    if (evidence->kind < AG_TEE_TDX || evidence->kind > AG_TEE_INSECURE_SIM) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "evidence.kind", AG_TEE_INSECURE_SIM,
                              evidence->kind);
    }
    if (evidence->quote.size == 0) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "evidence.quote");
    }
    return AG_OK;
}

enum ag_err ag_evidence_encode(const struct ag_evidence *evidence, struct ag_vec *out)
{
    AG_TRY(check(evidence, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGEE", 1);
    ag_wr_u8(&wr, evidence->kind);
    ag_wr_bytes32(&wr, evidence->quote, AG_LIMIT_EVIDENCE_BYTES);
    return ag_wr_finish(&wr);
}

enum ag_err ag_evidence_decode(struct ag_bytes in, struct ag_evidence *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_evidence evidence = {0};

    ag_rd_magic(&rd, "AGEE", 1);
    evidence.kind = ag_rd_u8(&rd, "evidence.kind");
    evidence.quote = ag_rd_bytes32(&rd, AG_LIMIT_EVIDENCE_BYTES, "evidence.quote");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check(&evidence, fault));

    *out = evidence;
    return AG_OK;
}

enum ag_err ag_collateral_encode(const struct ag_collateral *collateral, struct ag_vec *out)
{
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGCO", 1);
    ag_wr_bytes32(&wr, collateral->tcb_info, AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_wr_bytes32(&wr, collateral->tcb_info_chain, AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_wr_bytes32(&wr, collateral->qe_identity, AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_wr_bytes32(&wr, collateral->qe_identity_chain, AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_wr_bytes32(&wr, collateral->root_crl, AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_wr_bytes32(&wr, collateral->pck_crl, AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_wr_bytes32(&wr, collateral->pck_crl_chain, AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_wr_u64(&wr, collateral->fetched_ms);
    return ag_wr_finish(&wr);
}

enum ag_err ag_collateral_decode(struct ag_bytes in, struct ag_collateral *out,
                                 struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_collateral parts = {0};

    ag_rd_magic(&rd, "AGCO", 1);
    parts.tcb_info = ag_rd_bytes32(&rd, AG_LIMIT_COLLATERAL_PART_BYTES, "tcb_info");
    parts.tcb_info_chain = ag_rd_bytes32(&rd, AG_LIMIT_COLLATERAL_PART_BYTES, "tcb_info_chain");
    parts.qe_identity = ag_rd_bytes32(&rd, AG_LIMIT_COLLATERAL_PART_BYTES, "qe_identity");
    parts.qe_identity_chain =
        ag_rd_bytes32(&rd, AG_LIMIT_COLLATERAL_PART_BYTES, "qe_identity_chain");
    parts.root_crl = ag_rd_bytes32(&rd, AG_LIMIT_COLLATERAL_PART_BYTES, "root_crl");
    parts.pck_crl = ag_rd_bytes32(&rd, AG_LIMIT_COLLATERAL_PART_BYTES, "pck_crl");
    parts.pck_crl_chain = ag_rd_bytes32(&rd, AG_LIMIT_COLLATERAL_PART_BYTES, "pck_crl_chain");
    parts.fetched_ms = ag_rd_u64(&rd, "fetched_ms");
    AG_TRY(ag_rd_finish(&rd, fault));

    *out = parts;
    return AG_OK;
}

enum ag_err ag_report_data(enum ag_report_subject subject, const struct ag_hash *digest,
                           struct ag_bytes nonce, uint8_t out[64])
{
    enum ag_tag tag = AG_TAG_EVIDENCE_BATCH;
    AG_ENSURE(nonce.size == 0 || (nonce.size == 32 && subject == AG_REPORT_BUNDLE),
              AG_ERR_ARGUMENT);
    if (subject == AG_REPORT_BUNDLE) {
        tag = nonce.size == 0 ? AG_TAG_EVIDENCE_BUNDLE : AG_TAG_EVIDENCE_NONCE;
    }
    struct ag_hash bound;
    const struct ag_bytes parts[2] = {AG_VIEW(digest), nonce};
    AG_TRY(ag_hash(tag, parts, 2, &bound));
    memcpy(out, bound.bytes, AG_HASH_SIZE);
    memset(out + AG_HASH_SIZE, 0, 64 - AG_HASH_SIZE);
    return AG_OK;
}
