/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 2 to 4 of DCAP: who signed the platform's certificate, what was revoked, and who signed
 * what the vendor says of platforms. Revocation is always on: a missing list is a failure. */
#include "attest/attest_i.h"

#include <string.h>

#define PCK_EXTENSION_OID "1.2.840.113741.1.13.1"
#define P256_POINT_SIZE   65u

/* ---- instants ---- */

/* Fails `claim` unless `now` lies in the certificate's validity, both ends included. */
static bool is_cert_current(struct ag_dcap *dcap, enum ag_claim_id claim, const char *name,
                            const struct ag_cert *cert)
{
    char instant[AG_ATTEST_TIME_SIZE];
    if (dcap->in->now_ms < ag_cert_not_before_ms(cert)) {
        ag_attest_time_print(ag_cert_not_before_ms(cert), instant);
        ag_judge_fail(dcap->judge, claim, AG_ATTEST_CertNotYetValid,
                      "the %s certificate is valid only from %s", name, instant);
        return false;
    }
    if (dcap->in->now_ms > ag_cert_not_after_ms(cert)) {
        ag_attest_time_print(ag_cert_not_after_ms(cert), instant);
        ag_judge_fail(dcap->judge, claim, AG_ATTEST_CertExpired, "the %s certificate expired on %s",
                      name, instant);
        return false;
    }
    return true;
}

/* Notes an end of validity, and keeps the first. */
static void note_end(struct ag_dcap *dcap, uint64_t end_ms)
{
    if (dcap->verdict->collateral_expires_ms == 0 ||
        end_ms < dcap->verdict->collateral_expires_ms) {
        dcap->verdict->collateral_expires_ms = end_ms;
    }
}

static void note_issue(struct ag_dcap *dcap, uint64_t issued_ms)
{
    if (dcap->verdict->collateral_issued_ms == 0 ||
        issued_ms < dcap->verdict->collateral_issued_ms) {
        dcap->verdict->collateral_issued_ms = issued_ms;
    }
}

/* ---- step 2: the platform's certificate ---- */

/* Where the chain is depends on the certification data. */
static bool find_chain(struct ag_dcap *dcap, struct ag_bytes *out_pem)
{
    switch (dcap->quote.cert_type) {
    case 5: /* the usual: PEM, leaf first */
        *out_pem = dcap->quote.cert_data;
        return true;
    case 1: /* an identifier of the platform, plain or encrypted: the chain comes otherwise */
    case 2:
    case 3:
        if (dcap->in->pck_chain.size != 0) {
            *out_pem = dcap->in->pck_chain;
            return true;
        }
        ag_judge_fail(dcap->judge, AG_CLAIM_PCK_CHAIN, AG_ATTEST_CollateralMissing,
                      "the quote carries no certificate chain (certification data type %u)",
                      dcap->quote.cert_type);
        return false;
    default:
        ag_judge_fail(dcap->judge, AG_CLAIM_PCK_CHAIN, AG_ATTEST_Unsupported,
                      "certification data of type %u are not judged", dcap->quote.cert_type);
        return false;
    }
}

static bool is_pck_ca_name(const struct ag_cert *cert, const struct ag_anchor *anchor)
{
    return ag_cert_common_name_is(cert, anchor->platform_ca) ||
           (anchor->processor_ca != NULL && ag_cert_common_name_is(cert, anchor->processor_ca));
}

static bool is_same_cert(const struct ag_cert *a, const struct ag_cert *b)
{
    return a != NULL && b != NULL && ag_bytes_equal(ag_cert_der(a), ag_cert_der(b));
}

/* Exactly leaf, CA and pinned root, each by name and role, then the signatures: what is wrong,
 * or NULL. The CA's signature is not checked again when the collateral's own chain had the same
 * CA. */
static enum ag_err walk_chain(struct ag_dcap *dcap, const char **out_wrong)
{
    const struct ag_cert *leaf = dcap->chain.certs[0];
    const struct ag_cert *ca = dcap->chain.certs[1];
    const struct ag_cert *root = dcap->chain.certs[2];
    bool is_true = false;
    AG_TRY(ag_attest_is_anchor(root, &dcap->anchor, &is_true));
    if (!is_true) {
        *out_wrong = "the chain does not end in the pinned root";
        return AG_OK;
    }
    if (!is_pck_ca_name(ca, &dcap->anchor) || !ag_cert_is_ca(ca) ||
        ag_cert_point(ca).size != P256_POINT_SIZE) {
        *out_wrong = "the second certificate is not that of a PCK CA";
        return AG_OK;
    }
    if (!ag_cert_common_name_is(leaf, dcap->anchor.pck) || ag_cert_is_ca(leaf) ||
        !ag_cert_has_key_usage(leaf, 0) || ag_cert_point(leaf).size != P256_POINT_SIZE) {
        *out_wrong = "the first certificate is not a PCK certificate";
        return AG_OK;
    }
    if (!is_same_cert(ca, dcap->collateral->pck_ca)) {
        AG_TRY(ag_attest_is_signed_by(ca, root, &is_true));
        if (!is_true) {
            *out_wrong = "the PCK CA is not signed by the pinned root";
            return AG_OK;
        }
    }
    AG_TRY(ag_attest_is_signed_by(leaf, ca, &is_true));
    if (!is_true) {
        *out_wrong = "the PCK certificate is not signed by its CA";
    }
    return AG_OK;
}

static enum ag_err read_extension(struct ag_dcap *dcap)
{
    struct ag_bytes extension = {NULL, 0};
    enum ag_err err = ag_cert_extension(dcap->chain.certs[0], PCK_EXTENSION_OID, &extension);
    AG_ENSURE(err == AG_OK || ag_attest_is_input_error(err), err);
    struct ag_finding finding =
        err != AG_OK
            ? ag_finding_of(AG_ATTEST_Malformed, "the PCK extension does not occur exactly once")
            : ag_pck_parse(extension, &dcap->pck);
    if (!ag_finding_is_ok(finding)) {
        ag_judge_fail(dcap->judge, AG_CLAIM_PCK_CHAIN, finding.status, "%s", finding.reason);
        return AG_OK;
    }
    memcpy(dcap->verdict->fmspc, dcap->pck.fmspc, sizeof(dcap->pck.fmspc));
    memcpy(dcap->verdict->pce_id, dcap->pck.pce_id, sizeof(dcap->pck.pce_id));
    memcpy(dcap->verdict->ppid, dcap->pck.ppid, sizeof(dcap->pck.ppid));
    memcpy(dcap->verdict->root_fingerprint, dcap->anchor.fingerprint, 32);
    ag_judge_pass(dcap->judge, AG_CLAIM_PCK_CHAIN, "PCK certificate, PCK CA and %s",
                  dcap->anchor.name);
    return AG_OK;
}

enum ag_err ag_dcap_pck_chain(struct ag_dcap *dcap)
{
    struct ag_bytes pem = {NULL, 0};
    if (!find_chain(dcap, &pem)) {
        return AG_OK;
    }
    bool is_parsed = false;
    AG_TRY(ag_chain_parse(pem, &dcap->chain, &is_parsed));
    if (!is_parsed) {
        ag_judge_fail(dcap->judge, AG_CLAIM_PCK_CHAIN, AG_ATTEST_Malformed,
                      "the chain is not PEM certificates");
        return AG_OK;
    }
    const char *wrong = NULL;
    if (dcap->chain.count != 3) {
        wrong = "the chain is not exactly PCK certificate, CA and root";
    } else {
        AG_TRY(walk_chain(dcap, &wrong));
    }
    if (wrong != NULL) {
        ag_judge_fail(dcap->judge, AG_CLAIM_PCK_CHAIN, AG_ATTEST_ChainUntrusted, "%s", wrong);
        return AG_OK;
    }
    AG_TRY(read_extension(dcap));
    if (dcap->judge->has_failed) {
        return AG_OK;
    }
    static const char *const names[] = {"PCK", "PCK CA", "root"};
    for (size_t i = 0; i < AG_COUNT(names); i++) {
        if (!is_cert_current(dcap, AG_CLAIM_PCK_VALIDITY, names[i], dcap->chain.certs[i])) {
            return AG_OK;
        }
        note_end(dcap, ag_cert_not_after_ms(dcap->chain.certs[i]));
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_PCK_VALIDITY, "all three certificates are valid now");
    return AG_OK;
}

/* ---- step 3: revocation ---- */

static void judge_crl(struct ag_dcap *dcap, enum ag_claim_id claim, struct ag_finding finding,
                      const struct ag_crl *crl)
{
    if (!ag_finding_is_ok(finding)) {
        ag_judge_fail(dcap->judge, claim, finding.status, "%s", finding.reason);
        return;
    }
    char instant[AG_ATTEST_TIME_SIZE];
    if (dcap->in->now_ms < ag_crl_this_update_ms(crl)) {
        ag_attest_time_print(ag_crl_this_update_ms(crl), instant);
        ag_judge_fail(dcap->judge, claim, AG_ATTEST_CollateralNotYetValid,
                      "the list is of the future: %s", instant);
        return;
    }
    ag_attest_time_print(ag_crl_next_update_ms(crl), instant);
    if (dcap->in->now_ms > ag_crl_next_update_ms(crl)) {
        ag_judge_fail(dcap->judge, claim, AG_ATTEST_CrlExpired, "the list ended on %s", instant);
        return;
    }
    note_end(dcap, ag_crl_next_update_ms(crl));
    ag_judge_pass(dcap->judge, claim, "signed by its CA and valid until %s", instant);
}

static void judge_revoked(struct ag_dcap *dcap)
{
    const struct ag_collateral_parsed *collateral = dcap->collateral;
    const struct {
        const struct ag_crl *crl;
        const struct ag_cert *cert; /* NULL: not there; its own claim fails next */
        enum ag_attest_status status;
        const char *reason;
    } rows[] = {
        {collateral->root_crl, dcap->chain.certs[1], AG_ATTEST_CaRevoked,
         "the root's list revokes the PCK CA"},
        {collateral->root_crl, collateral->tcb_signer, AG_ATTEST_TcbSignerRevoked,
         "the root's list revokes the signer of the TCB info"},
        {collateral->root_crl, collateral->qe_signer, AG_ATTEST_TcbSignerRevoked,
         "the root's list revokes the signer of the QE identity"},
        {collateral->pck_crl, dcap->chain.certs[0], AG_ATTEST_PckRevoked,
         "the CA's list revokes this platform's certificate"},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        if (rows[i].cert != NULL && ag_crl_lists(rows[i].crl, ag_cert_serial(rows[i].cert))) {
            ag_judge_fail(dcap->judge, AG_CLAIM_REVOCATION, rows[i].status, "%s", rows[i].reason);
            return;
        }
    }
    ag_judge_pass(dcap->judge, AG_CLAIM_REVOCATION,
                  "neither the platform, its CA nor the TCB signer is on a list");
}

enum ag_err ag_dcap_revocation(struct ag_dcap *dcap)
{
    const struct ag_collateral_parsed *collateral = dcap->collateral;
    judge_crl(dcap, AG_CLAIM_ROOT_CRL, collateral->root_crl_finding, collateral->root_crl);
    if (dcap->judge->has_failed) {
        return AG_OK;
    }
    struct ag_finding finding = collateral->pck_crl_finding;
    const struct ag_cert *ca = dcap->chain.certs[1];
    bool is_known = collateral->is_pck_crl_by_ca && is_same_cert(ca, collateral->pck_ca);
    if (ag_finding_is_ok(finding) && !is_known) {
        bool is_of_ca = false;
        AG_TRY(ag_attest_is_crl_of(collateral->pck_crl, ca, &is_of_ca));
        if (!is_of_ca) {
            finding = ag_finding_of(AG_ATTEST_CrlInvalid,
                                    "the list is not signed by the CA of this platform");
        }
    }
    judge_crl(dcap, AG_CLAIM_PCK_CRL, finding, collateral->pck_crl);
    if (dcap->judge->has_failed) {
        return AG_OK;
    }
    note_issue(dcap, ag_crl_this_update_ms(collateral->pck_crl));
    judge_revoked(dcap);
    return AG_OK;
}

/* ---- step 4: TCB info and QE identity ---- */

/* One signed text: its signer, its signature, its window. */
struct signed_info {
    const char *name;
    enum ag_claim_id chain_claim;
    enum ag_claim_id text_claim;
    enum ag_claim_id window_claim;
    struct ag_finding chain_finding;
    const struct ag_cert *signer;
    struct ag_finding text_finding;
    uint64_t issued_ms;
    uint64_t expires_ms;
    uint32_t evaluation;
};

static bool judge_signer_and_text(struct ag_dcap *dcap, const struct signed_info *info)
{
    if (!ag_finding_is_ok(info->chain_finding)) {
        ag_judge_fail(dcap->judge, info->chain_claim, info->chain_finding.status, "%s",
                      info->chain_finding.reason);
        return false;
    }
    if (!is_cert_current(dcap, info->chain_claim, "TCB signer", info->signer)) {
        return false;
    }
    ag_judge_pass(dcap->judge, info->chain_claim, "TCB signer under %s, valid now",
                  dcap->anchor.name);
    if (!ag_finding_is_ok(info->text_finding)) {
        ag_judge_fail(dcap->judge, info->text_claim, info->text_finding.status, "%s",
                      info->text_finding.reason);
        return false;
    }
    ag_judge_pass(dcap->judge, info->text_claim, "signed over the received bytes");
    return true;
}

static bool judge_window(struct ag_dcap *dcap, const struct signed_info *info)
{
    char instant[AG_ATTEST_TIME_SIZE];
    if (dcap->in->now_ms < info->issued_ms) {
        ag_attest_time_print(info->issued_ms, instant);
        ag_judge_fail(dcap->judge, info->window_claim, AG_ATTEST_CollateralNotYetValid,
                      "the %s was issued in the future: %s", info->name, instant);
        return false;
    }
    ag_attest_time_print(info->expires_ms, instant);
    if (dcap->in->now_ms > info->expires_ms) {
        ag_judge_fail(dcap->judge, info->window_claim, AG_ATTEST_CollateralExpired,
                      "the %s ended on %s", info->name, instant);
        return false;
    }
    note_issue(dcap, info->issued_ms);
    note_end(dcap, info->expires_ms);
    note_end(dcap, ag_cert_not_after_ms(info->signer));
    ag_judge_pass(dcap->judge, info->window_claim, "evaluation %u, valid until %s",
                  info->evaluation, instant);
    return true;
}

enum ag_err ag_dcap_signed_info(struct ag_dcap *dcap)
{
    const struct ag_collateral_parsed *collateral = dcap->collateral;
    const struct ag_tcb_info *tcb = &collateral->tcb_info;
    const struct ag_qe_identity *qe = &collateral->qe_identity;
    const struct ag_cert *qe_signer =
        collateral->qe_signer != NULL ? collateral->qe_signer : collateral->tcb_signer;
    const struct signed_info infos[] = {
        {"TCB info", AG_CLAIM_TCB_CHAIN, AG_CLAIM_TCB_INFO, AG_CLAIM_TCB_WINDOW,
         collateral->tcb_chain_finding, collateral->tcb_signer, collateral->tcb_finding,
         tcb->issued_ms, tcb->expires_ms, tcb->evaluation},
        {"QE identity", AG_CLAIM_QE_CHAIN, AG_CLAIM_QE_SIGNED, AG_CLAIM_QE_WINDOW,
         collateral->qe_chain_finding, qe_signer, collateral->qe_finding, qe->issued_ms,
         qe->expires_ms, qe->evaluation},
    };
    for (size_t i = 0; i < AG_COUNT(infos); i++) {
        if (!judge_signer_and_text(dcap, &infos[i]) || !judge_window(dcap, &infos[i])) {
            return AG_OK;
        }
    }
    dcap->verdict->tcb_evaluation_number =
        tcb->evaluation < qe->evaluation ? tcb->evaluation : qe->evaluation;
    return AG_OK;
}
