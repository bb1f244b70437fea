/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/attest_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_pck pck;
    struct ag_finding finding = ag_pck_parse(ag_bytes_of(data, size), &pck);
    AG_ASSERT(ag_finding_is_ok(finding) ||
              (finding.status == AG_ATTEST_Malformed && finding.reason != NULL));
    return 0;
}
