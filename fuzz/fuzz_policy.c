/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/attest_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A refusal names field and line; a policy that parses never trusts a simulated root by
 * accident. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_policy *policy = NULL;
    struct ag_fault fault = {0};
    unsigned line = 0;
    enum ag_err err = ag_policy_parse(ag_bytes_of(data, size), &policy, &line, &fault);
    if (err != AG_OK) {
        AG_ASSERT(err == AG_ERR_POLICY && policy == NULL);
        AG_ASSERT(fault.err == AG_ERR_POLICY && fault.field != NULL);
        return 0;
    }
    struct ag_anchor anchor;
    AG_ASSERT(line == 0);
    AG_ASSERT(ag_anchor_for(AG_TEE_INSECURE_SIM, policy, &anchor) ==
              ag_policy_allows_insecure_sim(policy));
    AG_ASSERT(ag_anchor_for(AG_TEE_TDX, policy, &anchor) && anchor.fingerprint[0] == 0x44);
    ag_policy_close(policy);
    return 0;
}
