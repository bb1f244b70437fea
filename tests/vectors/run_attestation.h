/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TESTS_VECTORS_RUN_ATTESTATION_H
#define AG_TESTS_VECTORS_RUN_ATTESTATION_H

/* One case of the attestation vectors and what came of it. */

#include <stdbool.h>

#include "attest/attest_i.h"

struct run_case {
    const char *path; /* of case.json */
    const struct ag_json_value *json;
    struct ag_evidence evidence;
    struct ag_collateral collateral;
    struct ag_anchor anchor;
    struct ag_bytes pck_chain;
    uint64_t now_ms;
    const struct ag_policy *policy; /* one that lets every outcome through */
};

/* Prints the case, a reason, and returns false. */
bool run_fail(const struct run_case *one, const char *format, ...) AG_PRINTF(2, 3);

/* Whether the verdict is as `expect` says, and, for parsed evidence, as `fields` says. */
bool run_check_verdict(const struct run_case *one, const struct ag_verdict *verdict);
bool run_check_fields(const struct run_case *one, const struct ag_verdict *verdict);

#endif
