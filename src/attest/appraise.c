/* SPDX-License-Identifier: Apache-2.0 */
/* Step 14: genuine evidence against the policy. Every rule is judged, so that one verdict shows
 * all that an operator has to change; the first refusal names the deciding line. */
#include "attest/policy_i.h"

#include <string.h>

#define DAY_MS 86400000u

static bool has_member(const struct ag_policy_set *set, unsigned value)
{
    return value < 64u && (set->members >> value & 1u) != 0;
}

static void appraise_tee(const struct ag_policy *policy, struct ag_judge *judge)
{
    uint8_t kind = judge->verdict->tee_kind;
    if (!has_member(&policy->tee_kinds, kind)) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_TEE, policy->tee_kinds.line,
                        "accept_tee does not list %s", ag_tee_kind_name(kind));
        return;
    }
    ag_judge_pass(judge, AG_CLAIM_POLICY_TEE, "accept_tee lists %s", ag_tee_kind_name(kind));
}

static void appraise_tcb(const struct ag_policy *policy, struct ag_judge *judge)
{
    const struct ag_verdict *verdict = judge->verdict;
    const char *status = ag_attest_status_name(verdict->status);
    if (!has_member(&policy->statuses, verdict->status)) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_STATUS, policy->statuses.line,
                        "accept_status does not list %s", status);
    } else {
        ag_judge_pass(judge, AG_CLAIM_POLICY_STATUS, "accept_status lists %s", status);
    }

    const struct ag_policy_number *least = &policy->min_evaluation;
    if (least->line == 0) {
        ag_judge_skip(judge, AG_CLAIM_POLICY_EVALUATION, "the policy does not ask");
    } else if (verdict->tcb_evaluation_number < least->value) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_EVALUATION, least->line,
                        "collateral of evaluation %u, at least %u is asked for",
                        verdict->tcb_evaluation_number, (unsigned)least->value);
    } else {
        ag_judge_pass(judge, AG_CLAIM_POLICY_EVALUATION, "collateral of evaluation %u",
                      verdict->tcb_evaluation_number);
    }

    char date[AG_ATTEST_TIME_SIZE];
    ag_attest_time_print(verdict->tcb_date_ms, date);
    if (policy->min_tcb_date_ms.line == 0) {
        ag_judge_skip(judge, AG_CLAIM_POLICY_TCB_DATE, "the policy does not ask");
    } else if (verdict->tcb_date_ms < policy->min_tcb_date_ms.value) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_TCB_DATE, policy->min_tcb_date_ms.line,
                        "the platform's level is of %.10s, a later one is asked for", date);
    } else {
        ag_judge_pass(judge, AG_CLAIM_POLICY_TCB_DATE, "the platform's level is of %.10s", date);
    }
}

static void appraise_age(const struct ag_policy *policy, uint64_t now_ms, struct ag_judge *judge)
{
    /* Genuine evidence has collateral that was issued before now. */
    uint64_t age_ms = now_ms - judge->verdict->collateral_issued_ms;
    unsigned age_days = (unsigned)(age_ms / DAY_MS);
    if (age_ms > policy->age_max_days.value * DAY_MS) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_AGE, policy->age_max_days.line,
                        "the oldest collateral is %u days old, %u are allowed", age_days,
                        (unsigned)policy->age_max_days.value);
        return;
    }
    ag_judge_pass(judge, AG_CLAIM_POLICY_AGE, "the oldest collateral is %u days old", age_days);
}

static void appraise_attributes(const struct ag_policy *policy, struct ag_judge *judge)
{
    const struct ag_verdict *verdict = judge->verdict;
    if (verdict->body == AG_ATTEST_BODY_SGX) {
        ag_judge_skip(judge, AG_CLAIM_POLICY_ATTRIBUTES, "SGX has no TD attributes");
        return;
    }
    bool lacks = false;
    bool has_forbidden = false;
    for (size_t i = 0; i < 8; i++) {
        uint8_t attributes = verdict->td.td_attributes[i];
        lacks |= (policy->td_required.bytes[i] & ~attributes) != 0;
        has_forbidden |= (policy->td_forbidden.bytes[i] & attributes) != 0;
    }
    if (lacks) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_ATTRIBUTES, policy->td_required.line,
                        "the TD lacks an attribute of td_attributes_required");
    } else if (has_forbidden) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_ATTRIBUTES, policy->td_forbidden.line,
                        "the TD has an attribute of td_attributes_forbidden");
    } else {
        ag_judge_pass(judge, AG_CLAIM_POLICY_ATTRIBUTES, "required ones set, forbidden ones clear");
    }
}

static void appraise_debug(const struct ag_policy *policy, struct ag_judge *judge)
{
    const struct ag_verdict *verdict = judge->verdict;
    if (!verdict->is_debug) {
        ag_judge_pass(judge, AG_CLAIM_POLICY_DEBUG, "debugging is off");
    } else if (policy->allow_debug.value == 0) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_DEBUG, policy->allow_debug.line,
                        "debugging is on: the host can read everything");
    } else {
        ag_judge_pass(judge, AG_CLAIM_POLICY_DEBUG,
                      "debugging is on, and allow_debug_tee_insecure allows it");
    }

    if (verdict->body != AG_ATTEST_BODY_TD15) {
        ag_judge_skip(judge, AG_CLAIM_POLICY_SERVICE_TD, "this report names no service TD");
    } else if (!verdict->has_service_td) {
        ag_judge_pass(judge, AG_CLAIM_POLICY_SERVICE_TD, "no service TD is bound");
    } else if (policy->allow_service_td.value == 0) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_SERVICE_TD, policy->allow_service_td.line,
                        "a service TD is bound (MRSERVICETD)");
    } else {
        ag_judge_pass(judge, AG_CLAIM_POLICY_SERVICE_TD, "a service TD is bound and allowed");
    }
}

/* The line of the row that has this value; 0: none has. */
static unsigned find_line(const struct ag_policy_list *list, struct ag_bytes value)
{
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->rows[i].bytes, value.data, value.size) == 0) {
            return list->rows[i].line;
        }
    }
    return 0;
}

/* A list that is optional: the policy does not ask where it has no row. */
static void appraise_list(const struct ag_policy_list *list, struct ag_bytes value,
                          enum ag_claim_id claim, struct ag_judge *judge)
{
    unsigned line = find_line(list, value);
    if (list->count == 0) {
        ag_judge_skip(judge, claim, "the policy does not ask");
    } else if (line == 0) {
        ag_judge_refuse(judge, claim, list->rows[0].line, "none of the %zu values listed",
                        list->count);
    } else {
        ag_judge_pass(judge, claim, "as in policy line %u", line);
    }
}

/* The measurement of the program: the one list that must be there. */
static void appraise_measurement(const struct ag_policy *policy, struct ag_judge *judge)
{
    struct ag_verdict *verdict = judge->verdict;
    bool is_sgx = verdict->body == AG_ATTEST_BODY_SGX;
    const struct ag_policy_list *list = is_sgx ? &policy->mr_enclave : &policy->mr_td;
    const char *key = is_sgx ? "mr_enclave" : "mr_td";
    unsigned line = find_line(list, is_sgx ? AG_ARRAY_VIEW(verdict->sgx.mr_enclave)
                                           : AG_ARRAY_VIEW(verdict->td.mr_td));
    if (list->count != 0 && line == 0) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_MEASUREMENT, list->rows[0].line,
                        "%s is none of the %zu values listed", key, list->count);
        return;
    }
    if (list->count == 0 && policy->any_measurement.value == 0) {
        ag_judge_refuse(judge, AG_CLAIM_POLICY_MEASUREMENT, policy->any_measurement.line,
                        "the policy has no %s, and a program that nobody measured is none", key);
        return;
    }
    if (list->count == 0) {
        line = policy->any_measurement.line;
        ag_judge_pass(judge, AG_CLAIM_POLICY_MEASUREMENT,
                      "not compared: any_measurement_insecure in policy line %u", line);
    } else {
        ag_judge_pass(judge, AG_CLAIM_POLICY_MEASUREMENT, "%s as in policy line %u", key, line);
    }
    /* What admitted the program, unless a rule before has refused. */
    if (!judge->is_refused) {
        verdict->policy_line = line;
    }
}

static void appraise_values(const struct ag_policy *policy, struct ag_judge *judge)
{
    const struct ag_verdict *verdict = judge->verdict;
    appraise_measurement(policy, judge);
    if (verdict->body == AG_ATTEST_BODY_SGX) {
        appraise_list(&policy->mr_signer, AG_ARRAY_VIEW(verdict->sgx.mr_signer),
                      AG_CLAIM_POLICY_SIGNER, judge);
        for (int claim = AG_CLAIM_POLICY_SEAM; claim <= AG_CLAIM_POLICY_RTMR3; claim++) {
            ag_judge_skip(judge, (enum ag_claim_id)claim, "SGX has no such register");
        }
    } else {
        ag_judge_skip(judge, AG_CLAIM_POLICY_SIGNER, "a TD has no signer");
        appraise_list(&policy->mr_seam, AG_ARRAY_VIEW(verdict->td.mr_seam), AG_CLAIM_POLICY_SEAM,
                      judge);
        for (size_t i = 0; i < 4; i++) {
            appraise_list(&policy->rtmr[i], ag_bytes_of(verdict->td.rtmr[i], 48),
                          (enum ag_claim_id)(AG_CLAIM_POLICY_RTMR0 + i), judge);
        }
    }
    appraise_list(&policy->fmspc, AG_ARRAY_VIEW(verdict->fmspc), AG_CLAIM_POLICY_FMSPC, judge);
    appraise_list(&policy->ppid, AG_ARRAY_VIEW(verdict->ppid), AG_CLAIM_POLICY_PPID, judge);
}

void ag_policy_appraise(const struct ag_policy *policy, uint64_t now_ms, struct ag_judge *judge)
{
    appraise_tee(policy, judge);
    appraise_tcb(policy, judge);
    appraise_age(policy, now_ms, judge);
    appraise_debug(policy, judge);
    appraise_attributes(policy, judge);
    appraise_values(policy, judge);
}
