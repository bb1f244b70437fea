/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_ATTEST_POLICY_I_H
#define AG_ATTEST_POLICY_I_H

/* A parsed policy. Every rule remembers its line, because a verdict names the line that decided.
 * Line 0 is a default. Keys and defaults: docs/spec/policy.md. */

#include "attest/attest_i.h"

struct ag_policy_value {
    uint8_t bytes[48]; /* as many as the list's values have */
    unsigned line;
};

/* Reference values of one kind; none means the policy does not ask. */
struct ag_policy_list {
    struct ag_policy_value rows[AG_LIMIT_POLICY_ROWS];
    size_t count;
};

struct ag_policy_number {
    uint64_t value;
    unsigned line;
};

struct ag_policy_mask {
    uint8_t bytes[8]; /* in memory order, as in a report */
    unsigned line;
};

struct ag_policy_set {
    uint64_t members; /* bit per value of the enum */
    unsigned line;    /* of the first row */
};

struct ag_policy {
    struct ag_policy_set tee_kinds; /* enum ag_tee_kind */
    struct ag_policy_set statuses;  /* enum ag_attest_status */
    struct ag_policy_list mr_td;
    struct ag_policy_list mr_seam;
    struct ag_policy_list rtmr[4];
    struct ag_policy_list mr_enclave;
    struct ag_policy_list mr_signer;
    struct ag_policy_list fmspc;
    struct ag_policy_list ppid;
    struct ag_policy_mask td_required;
    struct ag_policy_mask td_forbidden;
    struct ag_policy_number allow_debug;
    struct ag_policy_number allow_service_td;
    struct ag_policy_number any_measurement;
    struct ag_policy_number min_evaluation;
    struct ag_policy_number min_tcb_date_ms;
    struct ag_policy_number age_max_days;
    struct ag_policy_value sim_root;
};

#endif
