/* SPDX-License-Identifier: Apache-2.0 */
/* Claims into a verdict, and a verdict into text. */
#include "attest/attest_i.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Static_assert(AG_CLAIM_COUNT <= AG_VERDICT_CLAIMS_MAX, "a verdict has room for every claim");

const char *ag_attest_status_name(enum ag_attest_status status)
{
    static const char *const names[] = {"None",
#define X(name) #name,
                                        AG_ATTEST_STATUS_TABLE(X)
#undef X
    };
    return (size_t)status < AG_COUNT(names) ? names[status] : "None";
}

/* ---- claims ---- */

void ag_judge_start(struct ag_judge *judge, struct ag_verdict *verdict)
{
    static const char *const names[AG_CLAIM_COUNT] = {
#define X(name, text) text,
        AG_CLAIM_TABLE(X)
#undef X
    };
    memset(verdict, 0, sizeof(*verdict));
    verdict->claim_count = AG_CLAIM_COUNT;
    for (size_t i = 0; i < AG_CLAIM_COUNT; i++) {
        verdict->claims[i].name = names[i];
        (void)snprintf(verdict->claims[i].reason, AG_CLAIM_REASON_SIZE,
                       "not reached: an earlier claim failed");
    }
    *judge = (struct ag_judge){.verdict = verdict};
}

AG_PRINTF(4, 0)
static void set_claim(struct ag_judge *judge, enum ag_claim_id id, enum ag_claim_result result,
                      const char *format, va_list arguments)
{
    struct ag_claim *claim = &judge->verdict->claims[id];
    AG_ASSERT(format != NULL);
    claim->result = result;
    (void)vsnprintf(claim->reason, sizeof(claim->reason), format, arguments);
}

void ag_judge_pass(struct ag_judge *judge, enum ag_claim_id claim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_claim(judge, claim, AG_CLAIM_PASSED, format, arguments);
    va_end(arguments);
}

void ag_judge_skip(struct ag_judge *judge, enum ag_claim_id claim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_claim(judge, claim, AG_CLAIM_NOT_APPLICABLE, format, arguments);
    va_end(arguments);
}

void ag_judge_fail(struct ag_judge *judge, enum ag_claim_id claim, enum ag_attest_status status,
                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_claim(judge, claim, AG_CLAIM_FAILED, format, arguments);
    va_end(arguments);
    if (!judge->has_failed) {
        judge->has_failed = true;
        judge->verdict->status = status;
    }
}

void ag_judge_refuse(struct ag_judge *judge, enum ag_claim_id claim, unsigned line,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_claim(judge, claim, AG_CLAIM_FAILED, format, arguments);
    va_end(arguments);
    char *reason = judge->verdict->claims[claim].reason;
    size_t length = strlen(reason);
    if (line == 0) {
        (void)snprintf(reason + length, AG_CLAIM_REASON_SIZE - length, " (by default)");
    } else {
        (void)snprintf(reason + length, AG_CLAIM_REASON_SIZE - length, " (policy line %u)", line);
    }
    if (!judge->is_refused) {
        judge->is_refused = true;
        judge->verdict->policy_line = line;
    }
}

/* ---- text ---- */

static const char *result_name(enum ag_claim_result result)
{
    switch (result) {
    case AG_CLAIM_PASSED:
        return "passed";
    case AG_CLAIM_FAILED:
        return "failed";
    case AG_CLAIM_NOT_APPLICABLE:
    default:
        return "not-applicable";
    }
}

/* Facts beside the outcome, by the names of the test vectors where they have one. */
static size_t list_flags(const struct ag_verdict *verdict, const char *out[6])
{
    const struct {
        bool is_set;
        const char *name;
    } flags[] = {
        {verdict->is_debug, "debug"},
        {verdict->has_trailing_bytes, "trailing-bytes"},
        {verdict->is_sept_ve_disable_clear, "sept-ve-disable-clear"},
        {verdict->is_migratable, "migratable"},
        {verdict->has_service_td, "service-td"},
        {verdict->is_high_s, "high-s"},
    };
    size_t count = 0;
    for (size_t i = 0; i < AG_COUNT(flags); i++) {
        if (flags[i].is_set) {
            out[count++] = flags[i].name;
        }
    }
    return count;
}

static void json_time(struct ag_json_out *out, const char *key, uint64_t instant_ms)
{
    if (instant_ms == 0) {
        ag_json_put_null(out, key);
        return;
    }
    char text[AG_ATTEST_TIME_SIZE];
    ag_attest_time_print(instant_ms, text);
    ag_json_put_string(out, key, text);
}

static void json_status(struct ag_json_out *out, const char *key, enum ag_attest_status status)
{
    if (status == AG_ATTEST_NONE) {
        ag_json_put_null(out, key);
    } else {
        ag_json_put_string(out, key, ag_attest_status_name(status));
    }
}

static void json_td(struct ag_json_out *out, const struct ag_td_claims *td)
{
    ag_json_object(out, "td");
    ag_json_put_hex(out, "mr_td", AG_ARRAY_VIEW(td->mr_td));
    ag_json_put_hex(out, "mr_seam", AG_ARRAY_VIEW(td->mr_seam));
    ag_json_put_hex(out, "mr_config_id", AG_ARRAY_VIEW(td->mr_config_id));
    ag_json_put_hex(out, "mr_owner", AG_ARRAY_VIEW(td->mr_owner));
    ag_json_put_hex(out, "mr_owner_config", AG_ARRAY_VIEW(td->mr_owner_config));
    ag_json_array(out, "rtmr");
    for (size_t i = 0; i < 4; i++) {
        ag_json_put_hex(out, NULL, ag_bytes_of(td->rtmr[i], sizeof(td->rtmr[i])));
    }
    ag_json_end(out);
    ag_json_put_hex(out, "tee_tcb_svn", AG_ARRAY_VIEW(td->tee_tcb_svn));
    ag_json_put_hex(out, "td_attributes", AG_ARRAY_VIEW(td->td_attributes));
    ag_json_put_hex(out, "xfam", AG_ARRAY_VIEW(td->xfam));
    ag_json_put_hex(out, "report_data", AG_ARRAY_VIEW(td->report_data));
    ag_json_end(out);
}

static void json_sgx(struct ag_json_out *out, const struct ag_sgx_claims *sgx)
{
    ag_json_object(out, "sgx");
    ag_json_put_hex(out, "mr_enclave", AG_ARRAY_VIEW(sgx->mr_enclave));
    ag_json_put_hex(out, "mr_signer", AG_ARRAY_VIEW(sgx->mr_signer));
    ag_json_put_u64(out, "isv_prod_id", sgx->isv_prod_id);
    ag_json_put_u64(out, "isv_svn", sgx->isv_svn);
    ag_json_put_hex(out, "attributes", AG_ARRAY_VIEW(sgx->attributes));
    ag_json_put_hex(out, "report_data", AG_ARRAY_VIEW(sgx->report_data));
    ag_json_end(out);
}

static void json_evidence(struct ag_json_out *out, const struct ag_verdict *verdict)
{
    ag_json_put_u64(out, "quote_version", verdict->quote_version);
    ag_json_put_hex(out, "evidence_id", AG_ARRAY_VIEW(verdict->evidence_id));
    if (verdict->body == AG_ATTEST_BODY_SGX) {
        json_sgx(out, &verdict->sgx);
    } else {
        json_td(out, &verdict->td);
    }
    ag_json_put_hex(out, "fmspc", AG_ARRAY_VIEW(verdict->fmspc));
    ag_json_put_hex(out, "ppid", AG_ARRAY_VIEW(verdict->ppid));
    ag_json_put_hex(out, "root", AG_ARRAY_VIEW(verdict->root_fingerprint));
}

static void json_claims(struct ag_json_out *out, const struct ag_verdict *verdict)
{
    ag_json_array(out, "claims");
    for (size_t i = 0; i < verdict->claim_count; i++) {
        ag_json_object(out, NULL);
        ag_json_put_string(out, "name", verdict->claims[i].name);
        ag_json_put_string(out, "result", result_name(verdict->claims[i].result));
        ag_json_put_string(out, "reason", verdict->claims[i].reason);
        ag_json_end(out);
    }
    ag_json_end(out);
}

void ag_verdict_json(const struct ag_verdict *verdict, struct ag_json_out *out, const char *key)
{
    ag_json_object(out, key);
    ag_json_put_bool(out, "accepted", verdict->is_accepted);
    ag_json_put_string(out, "tee", ag_tee_kind_name(verdict->tee_kind));
    json_status(out, "status", verdict->status);
    json_status(out, "platform_status", verdict->platform_status);
    json_status(out, "module_status", verdict->module_status);
    json_status(out, "qe_status", verdict->qe_status);
    json_time(out, "tcb_date", verdict->tcb_date_ms);
    ag_json_put_u64(out, "tcb_evaluation_number", verdict->tcb_evaluation_number);
    json_time(out, "collateral_issued", verdict->collateral_issued_ms);
    json_time(out, "collateral_expires", verdict->collateral_expires_ms);
    ag_json_put_u64(out, "policy_line", verdict->policy_line);
    ag_json_array(out, "flags");
    const char *flags[6];
    size_t flag_count = list_flags(verdict, flags);
    for (size_t i = 0; i < flag_count; i++) {
        ag_json_put_string(out, NULL, flags[i]);
    }
    ag_json_end(out);
    ag_json_array(out, "advisories");
    for (size_t i = 0; i < verdict->advisory_count; i++) {
        ag_json_put_string(out, NULL, verdict->advisories[i]);
    }
    ag_json_end(out);
    if (verdict->is_parsed) {
        json_evidence(out, verdict);
    }
    json_claims(out, verdict);
    ag_json_end(out);
}

static enum ag_err print_list(struct ag_vec *out, const char *name, const char *const *items,
                              size_t count)
{
    AG_TRY(ag_vec_printf(out, "%-12s", name));
    for (size_t i = 0; i < count; i++) {
        AG_TRY(ag_vec_printf(out, "%s%s", i == 0 ? "" : ", ", items[i]));
    }
    return ag_vec_printf(out, "\n");
}

static enum ag_err print_head(const struct ag_verdict *verdict, struct ag_vec *out)
{
    AG_TRY(
        ag_vec_printf(out, "%-12s%s\n", "verdict", verdict->is_accepted ? "accepted" : "refused"));
    AG_TRY(ag_vec_printf(out, "%-12s%s\n", "evidence", ag_tee_kind_name(verdict->tee_kind)));
    AG_TRY(ag_vec_printf(out, "%-12s%s\n", "status", ag_attest_status_name(verdict->status)));
    if (verdict->platform_status != AG_ATTEST_NONE) {
        AG_TRY(ag_vec_printf(out, "%-12splatform %s, module %s, quoting enclave %s\n", "parts",
                             ag_attest_status_name(verdict->platform_status),
                             verdict->module_status == AG_ATTEST_NONE
                                 ? "with the platform"
                                 : ag_attest_status_name(verdict->module_status),
                             ag_attest_status_name(verdict->qe_status)));
    }
    if (verdict->is_parsed) {
        bool is_sgx = verdict->body == AG_ATTEST_BODY_SGX;
        char hex[97];
        ag_hex_encode(is_sgx ? AG_ARRAY_VIEW(verdict->sgx.mr_enclave)
                             : AG_ARRAY_VIEW(verdict->td.mr_td),
                      hex);
        AG_TRY(ag_vec_printf(out, "%-12s%s\n", is_sgx ? "MRENCLAVE" : "MRTD", hex));
    }
    const char *flags[6];
    size_t flag_count = list_flags(verdict, flags);
    if (flag_count != 0) {
        AG_TRY(print_list(out, "flags", flags, flag_count));
    }
    if (verdict->advisory_count != 0) {
        const char *advisories[AG_VERDICT_ADVISORIES_MAX];
        for (size_t i = 0; i < verdict->advisory_count; i++) {
            advisories[i] = verdict->advisories[i];
        }
        AG_TRY(print_list(out, "advisories", advisories, verdict->advisory_count));
    }
    return AG_OK;
}

enum ag_err ag_verdict_print(const struct ag_verdict *verdict, struct ag_vec *out)
{
    AG_TRY(print_head(verdict, out));
    for (size_t i = 0; i < verdict->claim_count; i++) {
        const struct ag_claim *claim = &verdict->claims[i];
        const char *mark = claim->result == AG_CLAIM_PASSED   ? "ok"
                           : claim->result == AG_CLAIM_FAILED ? "FAILED"
                                                              : "-";
        AG_TRY(ag_vec_printf(out, "  %-7s %-31s %s\n", mark, claim->name, claim->reason));
    }
    return AG_OK;
}
