/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of TCB levels [PCS v4 appraisal], pure: what is reached, how parts merge, when a
 * relaunch is all that is missing. Components are compared one by one, never as one number. */
#include "attest/attest_i.h"

/* Whether all of components `from` to 15 are at least the level's. */
static bool reaches(const uint8_t have[16], const uint8_t level[16], size_t from)
{
    for (size_t i = from; i < 16; i++) {
        if (have[i] < level[i]) {
            return false;
        }
    }
    return true;
}

const struct ag_tcb_level *ag_tcb_match(const struct ag_tcb_info *info, const struct ag_pck *pck,
                                        const uint8_t tee_tcb_svn[16],
                                        const struct ag_tcb_level **out_sgx)
{
    /* From module major version 1 on, components 0 and 1 are the module identity's business. */
    size_t from = tee_tcb_svn != NULL && tee_tcb_svn[1] > 0 ? 2 : 0;
    *out_sgx = NULL;
    for (size_t i = 0; i < info->level_count; i++) {
        const struct ag_tcb_level *level = &info->levels[i];
        if (!reaches(pck->components, level->sgx, 0) || pck->pce_svn < level->pce_svn) {
            continue;
        }
        if (*out_sgx == NULL) {
            *out_sgx = level;
        }
        if (tee_tcb_svn == NULL || reaches(tee_tcb_svn, level->tdx, from)) {
            return level;
        }
    }
    return NULL;
}

const struct ag_isv_level *ag_isv_match(const struct ag_isv_levels *levels, uint16_t isv_svn)
{
    for (size_t i = 0; i < levels->count; i++) {
        if (isv_svn >= levels->rows[i].isv_svn) {
            return &levels->rows[i];
        }
    }
    return NULL;
}

const struct ag_module_identity *ag_tcb_module(const struct ag_tcb_info *info, uint8_t major)
{
    if (major == 0) {
        return &info->module;
    }
    for (size_t i = 0; i < info->module_count; i++) {
        if (info->modules[i].major == major) {
            return &info->modules[i];
        }
    }
    return NULL;
}

enum ag_attest_status ag_tcb_merge(enum ag_attest_status platform, enum ag_attest_status part)
{
    if (part == AG_ATTEST_Revoked || platform == AG_ATTEST_Revoked) {
        return AG_ATTEST_Revoked;
    }
    if (part != AG_ATTEST_OutOfDate) {
        return platform;
    }
    if (platform == AG_ATTEST_UpToDate || platform == AG_ATTEST_SWHardeningNeeded) {
        return AG_ATTEST_OutOfDate;
    }
    if (platform == AG_ATTEST_ConfigurationNeeded ||
        platform == AG_ATTEST_ConfigurationAndSWHardeningNeeded) {
        return AG_ATTEST_OutOfDateConfigurationNeeded;
    }
    return platform;
}

static bool needs_configuration(enum ag_attest_status status)
{
    return status == AG_ATTEST_ConfigurationNeeded ||
           status == AG_ATTEST_ConfigurationAndSWHardeningNeeded ||
           status == AG_ATTEST_OutOfDateConfigurationNeeded;
}

static bool is_out_of_date(enum ag_attest_status status)
{
    return status == AG_ATTEST_OutOfDate || status == AG_ATTEST_OutOfDateConfigurationNeeded;
}

enum ag_attest_status ag_tcb_relaunch(const struct ag_relaunch *relaunch)
{
    bool applies = relaunch->qe == AG_ATTEST_UpToDate && !is_out_of_date(relaunch->sgx) &&
                   relaunch->sgx != AG_ATTEST_Revoked && is_out_of_date(relaunch->merged) &&
                   relaunch->module == AG_ATTEST_OutOfDate && relaunch->info->level_count != 0;
    if (!applies) {
        return relaunch->merged;
    }
    const uint8_t *now = relaunch->tee_tcb_svn2;
    const struct ag_tcb_level *newest = &relaunch->info->levels[0];
    uint16_t wanted = newest->tdx[0];
    if (now[1] != 0) {
        const struct ag_module_identity *module = ag_tcb_module(relaunch->info, now[1]);
        if (module == NULL) {
            return AG_ATTEST_TdxModuleMismatch;
        }
        wanted = module->levels.rows[0].isv_svn;
    }
    if (now[0] < wanted || now[2] < newest->tdx[2]) {
        return relaunch->merged;
    }
    return needs_configuration(relaunch->sgx) || needs_configuration(relaunch->merged)
               ? AG_ATTEST_TDRelaunchAdvisedConfigurationNeeded
               : AG_ATTEST_TDRelaunchAdvised;
}
