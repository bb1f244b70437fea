/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "attest/attest_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_levels(const struct ag_isv_levels *levels)
{
    AG_ASSERT(levels->count != 0 && levels->count <= AG_LIMIT_TCB_LEVELS);
    for (size_t i = 1; i < levels->count; i++) {
        AG_ASSERT(levels->rows[i - 1].isv_svn >= levels->rows[i].isv_svn);
    }
    /* The first level that is reached is the highest that is reached. */
    for (unsigned svn = 0; svn <= UINT16_MAX; svn += 4099) {
        const struct ag_isv_level *level = ag_isv_match(levels, (uint16_t)svn);
        AG_ASSERT(level == NULL || level->isv_svn <= svn);
        AG_ASSERT(level == NULL || level == levels->rows || level[-1].isv_svn > svn);
    }
}

/* Whatever parses is sorted and bounded, and matching finds only what is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_arena arena;
    struct ag_tcb_info info;
    struct ag_bytes in = ag_bytes_of(data, size);
    struct ag_bytes message;
    uint8_t signature[64];
    struct ag_finding finding;
    if (size > AG_LIMIT_COLLATERAL_PART_BYTES) {
        return 0; /* refused before it is parsed */
    }
    ag_arena_init(&arena, 16u * (size_t)AG_LIMIT_COLLATERAL_PART_BYTES);
    enum ag_err err = ag_tcb_info_parse(in, &arena, &info, &message, signature, &finding);
    AG_ASSERT(err == AG_OK);
    if (ag_finding_is_ok(finding)) {
        AG_ASSERT(message.size != 0 && message.data >= in.data &&
                  message.data + message.size <= in.data + in.size);
        AG_ASSERT(info.level_count != 0 && info.level_count <= AG_LIMIT_TCB_LEVELS);
        for (size_t i = 0; i < info.module_count; i++) {
            check_levels(&info.modules[i].levels);
        }
        for (unsigned fill = 0; fill < 256; fill += 51) {
            struct ag_pck pck = {.pce_svn = (uint16_t)(fill << 8)};
            uint8_t tee_tcb_svn[16];
            const struct ag_tcb_level *sgx = NULL;
            memset(pck.components, (int)fill, sizeof(pck.components));
            memset(tee_tcb_svn, (int)(fill / 2), sizeof(tee_tcb_svn));
            const struct ag_tcb_level *level = ag_tcb_match(&info, &pck, tee_tcb_svn, &sgx);
            AG_ASSERT(level == NULL || (sgx != NULL && sgx <= level));
        }
    } else {
        AG_ASSERT(finding.reason != NULL);
    }
    ag_arena_close(&arena);
    return 0;
}
