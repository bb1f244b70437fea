/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 10 to 13 of DCAP: how current platform, module and quoting enclave are, each for itself
 * and then merged. The three are kept apart in the verdict: an operator asks which one is
 * behind. */
#include "attest/attest_i.h"

#include <string.h>

static void add_advisories(struct ag_verdict *verdict, const struct ag_advisory_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < verdict->advisory_count && !is_known; k++) {
            is_known = strcmp(verdict->advisories[k], list->ids[i]) == 0;
        }
        /* Three levels of 64 could overflow; the count is for people and decides nothing. */
        if (!is_known && verdict->advisory_count < AG_VERDICT_ADVISORIES_MAX) {
            memcpy(verdict->advisories[verdict->advisory_count++], list->ids[i], AG_ADVISORY_SIZE);
        }
    }
}

/* Passes or fails the claim of one part by the level it reached. */
static void judge_level(struct ag_dcap *dcap, enum ag_claim_id claim, const char *part,
                        enum ag_attest_status status, uint64_t date_ms)
{
    char date[AG_ATTEST_TIME_SIZE];
    ag_attest_time_print(date_ms, date);
    if (status == AG_ATTEST_Revoked) {
        ag_judge_fail(dcap->judge, claim, status, "the %s's TCB level of %.10s is revoked", part,
                      date);
        return;
    }
    ag_judge_pass(dcap->judge, claim, "%s, level of %.10s", ag_attest_status_name(status), date);
}

static void judge_none(struct ag_dcap *dcap, enum ag_claim_id claim, const char *part)
{
    ag_judge_fail(dcap->judge, claim, AG_ATTEST_TcbNotSupported,
                  "the %s reaches no TCB level that the vendor knows", part);
}

static enum ag_attest_status judge_platform(struct ag_dcap *dcap,
                                            const struct ag_tcb_level **out_sgx)
{
    const uint8_t *tee_tcb_svn = dcap->is_tdx ? dcap->verdict->td.tee_tcb_svn : NULL;
    const struct ag_tcb_level *level =
        ag_tcb_match(&dcap->collateral->tcb_info, &dcap->pck, tee_tcb_svn, out_sgx);
    if (level == NULL) {
        judge_none(dcap, AG_CLAIM_PLATFORM_TCB, "platform");
        return AG_ATTEST_TcbNotSupported;
    }
    dcap->verdict->tcb_date_ms = level->date_ms;
    add_advisories(dcap->verdict, &level->advisories);
    judge_level(dcap, AG_CLAIM_PLATFORM_TCB, "platform", level->status, level->date_ms);
    return level->status;
}

/* Module major version 0 has no levels of its own: the platform's level judges it. */
static enum ag_attest_status judge_module(struct ag_dcap *dcap)
{
    const uint8_t *tee_tcb_svn = dcap->verdict->td.tee_tcb_svn;
    if (!dcap->is_tdx || tee_tcb_svn[1] == 0) {
        ag_judge_skip(dcap->judge, AG_CLAIM_MODULE_TCB, "the platform's level judges it");
        return AG_ATTEST_NONE;
    }
    const struct ag_isv_level *level = ag_isv_match(&dcap->module->levels, tee_tcb_svn[0]);
    if (level == NULL) {
        judge_none(dcap, AG_CLAIM_MODULE_TCB, "TDX module");
        return AG_ATTEST_TcbNotSupported;
    }
    add_advisories(dcap->verdict, &level->advisories);
    judge_level(dcap, AG_CLAIM_MODULE_TCB, "TDX module", level->status, level->date_ms);
    return level->status;
}

static enum ag_attest_status judge_qe(struct ag_dcap *dcap)
{
    struct ag_sgx_claims qe;
    ag_quote_sgx_claims(dcap->quote.qe_report, &qe);
    const struct ag_isv_level *level =
        ag_isv_match(&dcap->collateral->qe_identity.levels, qe.isv_svn);
    if (level == NULL) {
        judge_none(dcap, AG_CLAIM_QE_TCB, "quoting enclave");
        return AG_ATTEST_TcbNotSupported;
    }
    add_advisories(dcap->verdict, &level->advisories);
    judge_level(dcap, AG_CLAIM_QE_TCB, "quoting enclave", level->status, level->date_ms);
    return level->status;
}

/* The three parts are always all judged, so that a verdict names every one that is behind. */
enum ag_err ag_dcap_tcb(struct ag_dcap *dcap)
{
    struct ag_verdict *verdict = dcap->verdict;
    const struct ag_tcb_level *sgx_level = NULL;
    verdict->platform_status = judge_platform(dcap, &sgx_level);
    verdict->module_status = judge_module(dcap);
    verdict->qe_status = judge_qe(dcap);
    if (dcap->judge->has_failed) {
        return AG_OK;
    }

    enum ag_attest_status merged = ag_tcb_merge(verdict->platform_status, verdict->module_status);
    if (dcap->quote.body_type == AG_ATTEST_BODY_TD15) {
        struct ag_relaunch relaunch = {
            .info = &dcap->collateral->tcb_info,
            .tee_tcb_svn2 = verdict->td.tee_tcb_svn2,
            .sgx = sgx_level->status,
            .merged = merged,
            .module = verdict->module_status,
            .qe = verdict->qe_status,
        };
        merged = ag_tcb_relaunch(&relaunch);
        if (merged == AG_ATTEST_TdxModuleMismatch) {
            ag_judge_fail(dcap->judge, AG_CLAIM_MODULE_TCB, merged,
                          "the TCB info does not know the module that runs now");
            return AG_OK;
        }
    }
    verdict->status = ag_tcb_merge(merged, verdict->qe_status);
    return AG_OK;
}
