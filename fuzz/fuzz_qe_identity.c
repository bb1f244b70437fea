/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/attest_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_arena arena;
    struct ag_qe_identity identity;
    struct ag_bytes in = ag_bytes_of(data, size);
    struct ag_bytes message;
    uint8_t signature[64];
    struct ag_finding finding;
    if (size > AG_LIMIT_COLLATERAL_PART_BYTES) {
        return 0; /* refused before it is parsed */
    }
    ag_arena_init(&arena, 16u * (size_t)AG_LIMIT_COLLATERAL_PART_BYTES);
    enum ag_err err = ag_qe_identity_parse(in, &arena, &identity, &message, signature, &finding);
    AG_ASSERT(err == AG_OK);
    if (ag_finding_is_ok(finding)) {
        AG_ASSERT(message.size != 0 && message.data >= in.data &&
                  message.data + message.size <= in.data + in.size);
        AG_ASSERT(identity.levels.count != 0);
        for (size_t i = 1; i < identity.levels.count; i++) {
            AG_ASSERT(identity.levels.rows[i - 1].isv_svn >= identity.levels.rows[i].isv_svn);
        }
    } else {
        AG_ASSERT(finding.reason != NULL);
    }
    ag_arena_close(&arena);
    return 0;
}
