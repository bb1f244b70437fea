/* SPDX-License-Identifier: Apache-2.0 */
/* Intel evidence, step by step as DCAP has it [PCS v4 appraisal] [TDX-DCAP 4]: each step passes or
 * fails its claims, and the first failure ends the way. Evidence of insecure-sim takes the very
 * same steps to another anchor. */
#include "attest/attest_i.h"

#include <string.h>

/* ---- anchors ---- */

/* Intel SGX Root CA, 2018-05-21 to 2049-12-31, the root of SGX and TDX alike. The certificate is
 * pinned, not its name: anyone can make a root of that name. */
static const struct ag_anchor intel_anchor = {
    .fingerprint = {0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49,
                    0xe9, 0x5b, 0x80, 0x7a, 0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99,
                    0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3},
    .name = "Intel SGX Root CA",
    .platform_ca = "Intel SGX PCK Platform CA",
    .processor_ca = "Intel SGX PCK Processor CA",
    .pck = "Intel SGX PCK Certificate",
    .tcb_signer = "Intel SGX TCB Signing",
};

/* The names that insecure-sim gives; the fingerprint is the policy's. */
static const struct ag_anchor sim_anchor = {
    .name = "the simulated root",
    .platform_ca = "Aegis Insecure Simulated PCK Platform CA",
    .pck = "Aegis Insecure Simulated PCK Certificate",
    .tcb_signer = "Aegis Insecure Simulated TCB Signing",
};

bool ag_anchor_for(uint8_t kind, const struct ag_policy *policy, struct ag_anchor *out)
{
    if (kind != AG_TEE_INSECURE_SIM) {
        *out = intel_anchor;
        return true;
    }
    const uint8_t *fingerprint = ag_policy_sim_root(policy);
    if (fingerprint == NULL) {
        return false;
    }
    *out = sim_anchor;
    memcpy(out->fingerprint, fingerprint, sizeof(out->fingerprint));
    return true;
}

/* ---- step 1: the quote ---- */

/* Half of the order of P-256, rounded down: an s above it is the larger of the two valid ones. */
static const uint8_t half_order[32] = {
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
};

static void note_flags(struct ag_dcap *dcap)
{
    struct ag_verdict *verdict = dcap->verdict;
    verdict->is_high_s = memcmp(dcap->quote.signature.data + 32, half_order, 32) > 0;
    verdict->has_trailing_bytes = dcap->quote.trailing_size != 0;
    if (!dcap->is_tdx) {
        verdict->is_debug = (verdict->sgx.attributes[0] & 0x02u) != 0;
        return;
    }
    const struct ag_td_claims *td = &verdict->td;
    verdict->is_debug = (td->td_attributes[0] & 0x01u) != 0;
    verdict->is_sept_ve_disable_clear = (td->td_attributes[3] & 0x10u) == 0; /* bit 28 */
    verdict->is_migratable = (td->td_attributes[3] & 0x20u) != 0;            /* bit 29 */
    verdict->has_service_td = !ag_bytes_is_zero(AG_ARRAY_VIEW(td->mr_service_td));
}

static enum ag_err step_format(struct ag_dcap *dcap)
{
    struct ag_verdict *verdict = dcap->verdict;
    struct ag_finding finding = ag_quote_parse(dcap->in->evidence->quote, &dcap->quote);
    if (!ag_finding_is_ok(finding)) {
        ag_judge_fail(dcap->judge, AG_CLAIM_FORMAT, finding.status, "%s", finding.reason);
        return AG_OK;
    }
    dcap->is_tdx = dcap->quote.body_type != AG_ATTEST_BODY_SGX;
    if (dcap->is_tdx == (dcap->in->evidence->kind == AG_TEE_SGX)) {
        ag_judge_fail(dcap->judge, AG_CLAIM_FORMAT, AG_ATTEST_Malformed,
                      "the quote is of another TEE than the evidence says");
        return AG_OK;
    }
    verdict->quote_version = dcap->quote.version;
    verdict->body = dcap->quote.body_type;
    if (dcap->is_tdx) {
        ag_quote_td_claims(&dcap->quote, &verdict->td);
    } else {
        ag_quote_sgx_claims(dcap->quote.body, &verdict->sgx);
    }
    struct ag_bytes identity[] = {dcap->quote.signed_part, dcap->quote.attestation_key};
    AG_TRY(ag_sha256(identity, AG_COUNT(identity), verdict->evidence_id));
    verdict->is_parsed = true;
    note_flags(dcap);
    ag_judge_pass(dcap->judge, AG_CLAIM_FORMAT, "%s quote of version %u%s",
                  dcap->is_tdx ? "TDX" : "SGX", dcap->quote.version,
                  verdict->has_trailing_bytes ? ", zero padding behind it" : "");
    return AG_OK;
}

static enum ag_err step_collateral(struct ag_dcap *dcap)
{
    struct ag_finding presence = dcap->collateral->presence;
    if (!ag_finding_is_ok(presence)) {
        ag_judge_fail(dcap->judge, AG_CLAIM_COLLATERAL, presence.status, "%s", presence.reason);
        return AG_OK;
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_COLLATERAL, "every part is there");
    return AG_OK;
}

/* ---- steps 5 and 6: is this collateral for this platform and module ---- */

static enum ag_err step_family(struct ag_dcap *dcap)
{
    const struct ag_tcb_info *info = &dcap->collateral->tcb_info;
    const char *wrong = NULL;
    if (info->is_tdx != dcap->is_tdx) {
        wrong = "the TCB info is for another TEE";
    } else if (memcmp(info->fmspc, dcap->pck.fmspc, sizeof(info->fmspc)) != 0) {
        wrong = "the TCB info is for another platform family (FMSPC)";
    } else if (memcmp(info->pce_id, dcap->pck.pce_id, sizeof(info->pce_id)) != 0) {
        wrong = "the TCB info is for another provisioning enclave (PCEID)";
    }
    if (wrong != NULL) {
        ag_judge_fail(dcap->judge, AG_CLAIM_FAMILY, AG_ATTEST_TcbInfoMismatch, "%s", wrong);
        return AG_OK;
    }
    char fmspc[2u * sizeof(info->fmspc) + 1u];
    ag_hex_encode(AG_ARRAY_VIEW(info->fmspc), fmspc);
    ag_judge_pass(dcap->judge, AG_CLAIM_FAMILY, "FMSPC %s and PCEID agree", fmspc);
    return AG_OK;
}

/* Masked bits equal the vendor's, and bits the vendor does not speak of are zero. */
static bool is_module_attributes(const struct ag_module_identity *module,
                                 const uint8_t attributes[8])
{
    for (size_t i = 0; i < 8; i++) {
        uint8_t mask = module->attributes_mask[i];
        if ((attributes[i] & mask) != module->attributes[i] || (attributes[i] & ~mask) != 0) {
            return false;
        }
    }
    return true;
}

static enum ag_err step_module(struct ag_dcap *dcap)
{
    if (!dcap->is_tdx) {
        ag_judge_skip(dcap->judge, AG_CLAIM_MODULE, "SGX has no TDX module");
        return AG_OK;
    }
    const struct ag_td_claims *td = &dcap->verdict->td;
    uint8_t major = td->tee_tcb_svn[1];
    dcap->module = ag_tcb_module(&dcap->collateral->tcb_info, major);
    if (dcap->module == NULL) {
        ag_judge_fail(dcap->judge, AG_CLAIM_MODULE, AG_ATTEST_TdxModuleMismatch,
                      "the TCB info knows no module TDX_%02X", major);
        return AG_OK;
    }
    if (memcmp(td->mr_signer_seam, dcap->module->mr_signer, sizeof(td->mr_signer_seam)) != 0) {
        ag_judge_fail(dcap->judge, AG_CLAIM_MODULE, AG_ATTEST_TdxModuleMismatch,
                      "the module is signed by somebody else (MRSIGNERSEAM)");
        return AG_OK;
    }
    if (!is_module_attributes(dcap->module, td->seam_attributes)) {
        ag_judge_fail(dcap->judge, AG_CLAIM_MODULE, AG_ATTEST_TdxModuleMismatch,
                      "the module has other attributes than its vendor allows (SEAMATTRIBUTES)");
        return AG_OK;
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_MODULE, "signer and attributes of module major version %u",
                  major);
    return AG_OK;
}

/* ---- steps 7 to 9: quoting enclave and quote ---- */

/* ECDSA as a yes or no; a point off the curve is a no. */
static enum ag_err is_signature(struct ag_bytes point, struct ag_bytes message,
                                struct ag_bytes signature, bool *out)
{
    enum ag_err err = ag_ecdsa_verify(point, message, signature);
    *out = err == AG_OK;
    return ag_attest_is_input_error(err) ? AG_OK : err;
}

static enum ag_err step_qe_report(struct ag_dcap *dcap)
{
    const struct ag_quote *quote = &dcap->quote;
    bool is_true = false;
    AG_TRY(is_signature(ag_cert_point(dcap->chain.certs[0]), quote->qe_report,
                        quote->qe_report_signature, &is_true));
    if (!is_true) {
        ag_judge_fail(dcap->judge, AG_CLAIM_QE_REPORT, AG_ATTEST_BadQeReportSignature,
                      "the QE report is not signed by this platform's PCK key");
        return AG_OK;
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_QE_REPORT, "signed by this platform's PCK key");

    uint8_t bound[64] = {0};
    struct ag_bytes parts[] = {quote->attestation_key, quote->qe_auth};
    AG_TRY(ag_sha256(parts, AG_COUNT(parts), bound));
    /* All 64 bytes: the zero half too, which others do not look at. */
    if (memcmp(quote->qe_report.data + 320, bound, sizeof(bound)) != 0) {
        ag_judge_fail(dcap->judge, AG_CLAIM_QE_BINDING, AG_ATTEST_QeReportDataMismatch,
                      "the QE report does not vouch for this attestation key");
        return AG_OK;
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_QE_BINDING,
                  "the QE report vouches for the attestation key");
    return AG_OK;
}

static bool equals_masked(const uint8_t *value, const uint8_t *mask, const uint8_t *wanted,
                          size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((value[i] & mask[i]) != wanted[i]) {
            return false;
        }
    }
    return true;
}

static enum ag_err step_qe_identity(struct ag_dcap *dcap)
{
    const struct ag_qe_identity *identity = &dcap->collateral->qe_identity;
    struct ag_sgx_claims qe;
    ag_quote_sgx_claims(dcap->quote.qe_report, &qe);
    const char *wrong = NULL;
    if (identity->kind != (dcap->is_tdx ? AG_QE_TD : AG_QE_SGX)) {
        wrong = "the QE identity is for another kind of quoting enclave";
    } else if (memcmp(qe.mr_signer, identity->mr_signer, sizeof(qe.mr_signer)) != 0) {
        wrong = "the quoting enclave is signed by somebody else (MRSIGNER)";
    } else if (qe.isv_prod_id != identity->isv_prod_id) {
        wrong = "the quoting enclave is another product (ISVPRODID)";
    } else if (!equals_masked(qe.misc_select, identity->misc_select_mask, identity->misc_select,
                              sizeof(qe.misc_select))) {
        wrong = "the quoting enclave has another MISCSELECT";
    } else if (!equals_masked(qe.attributes, identity->attributes_mask, identity->attributes,
                              sizeof(qe.attributes))) {
        wrong = "the quoting enclave has other attributes, such as DEBUG";
    }
    if (wrong != NULL) {
        ag_judge_fail(dcap->judge, AG_CLAIM_QE_IDENTITY, AG_ATTEST_QeIdentityMismatch, "%s", wrong);
        return AG_OK;
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_QE_IDENTITY, "the vendor's quoting enclave, SVN %u",
                  qe.isv_svn);
    return AG_OK;
}

static enum ag_err step_quote(struct ag_dcap *dcap)
{
    uint8_t point[65] = {0x04};
    memcpy(point + 1, dcap->quote.attestation_key.data, 64);
    bool is_true = false;
    AG_TRY(is_signature(AG_ARRAY_VIEW(point), dcap->quote.signed_part, dcap->quote.signature,
                        &is_true));
    if (!is_true) {
        ag_judge_fail(dcap->judge, AG_CLAIM_QUOTE, AG_ATTEST_BadQuoteSignature,
                      "the quote is not signed by the attestation key");
        return AG_OK;
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_QUOTE, "signed by the attestation key");
    return AG_OK;
}

/* ---- the way ---- */

static enum ag_err run_steps(struct ag_dcap *dcap)
{
    static ag_dcap_step *const steps[] = {
        step_collateral, ag_dcap_pck_chain, ag_dcap_revocation, ag_dcap_signed_info, step_family,
        step_module,     step_qe_report,    step_qe_identity,   step_quote,          ag_dcap_tcb,
    };
    for (size_t i = 0; i < AG_COUNT(steps) && !dcap->judge->has_failed; i++) {
        AG_TRY(steps[i](dcap));
    }
    return AG_OK;
}

enum ag_err ag_dcap_judge(const struct ag_attest_input *in, struct ag_judge *judge)
{
    struct ag_dcap dcap = {.in = in, .judge = judge, .verdict = judge->verdict};
    AG_TRY(step_format(&dcap));
    if (judge->has_failed) {
        return AG_OK;
    }
    if (in->anchor != NULL) {
        dcap.anchor = *in->anchor;
    } else if (!ag_anchor_for(in->evidence->kind, in->policy, &dcap.anchor)) {
        ag_judge_fail(judge, AG_CLAIM_ANCHOR, AG_ATTEST_ChainUntrusted,
                      "the policy trusts no simulated root (accept_tee and insecure_sim_root)");
        return AG_OK;
    }
    ag_judge_pass(judge, AG_CLAIM_ANCHOR, "pinned: %s", dcap.anchor.name);

    struct ag_collateral_entry *entry = NULL;
    AG_TRY(ag_attest_cache_take(in->cache, in->collateral, &dcap.anchor, &entry));
    dcap.collateral = ag_attest_cache_parsed(entry);
    enum ag_err err = run_steps(&dcap);
    ag_chain_close(&dcap.chain);
    ag_attest_cache_give_back(in->cache, entry);
    return err;
}
