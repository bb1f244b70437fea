/* SPDX-License-Identifier: Apache-2.0 */
#include "asset/asset.h"

static bool allows_operation(const struct ag_asset_policy *policy, struct ag_bytes operation)
{
    for (size_t i = 0; i < policy->operation_count; i++) {
        const struct ag_asset_operation *allowed = &policy->operations[i];
        if (ag_bytes_equal(ag_bytes_of(allowed->name, allowed->size), operation)) {
            return true;
        }
    }
    return false;
}

/* One asset's policy against one head. */
static enum ag_err check_one(const struct ag_asset_policy *policy, const struct ag_head *head,
                             const struct ag_asset_context *context, uint16_t risk_bp,
                             struct ag_fault *fault)
{
    bool has_pqc = head->sender.kind == AG_SENDER_MLDSA87;
    bool has_tee = context->is_sealed && context->is_appraised;

    if (!allows_operation(policy, ag_bytes_of(head->operation, head->operation_size))) {
        return ag_fault_set(fault, AG_ERR_POLICY_ASSET, "asset.operation");
    }
    if (policy->requires_pqc && !has_pqc) {
        return ag_fault_set(fault, AG_ERR_POLICY_ASSET, "asset.requires_pqc");
    }
    if (policy->requires_tee && !has_tee) {
        return ag_fault_set(fault, AG_ERR_POLICY_ASSET, "asset.requires_tee");
    }
    if (risk_bp >= policy->risk_threshold_bp && !(has_pqc && has_tee)) {
        return ag_fault_limit(fault, AG_ERR_POLICY_ASSET, "asset.risk", policy->risk_threshold_bp,
                              risk_bp);
    }
    return AG_OK;
}

enum ag_err ag_asset_check(const struct ag_asset_table *table, const struct ag_head *head,
                           const struct ag_asset_context *context, struct ag_fault *fault)
{
    /* A declared level can only ask for more protection, so the higher one counts. */
    uint16_t risk_bp = context->risk->global_bp;
    if (head->declared_risk_bp > risk_bp) {
        risk_bp = head->declared_risk_bp;
    }
    for (size_t i = 0; i < head->asset_count && i < AG_HEAD_ASSETS_MAX; i++) {
        const struct ag_asset *asset = ag_asset_table_find(table, &head->assets[i]);
        if (asset != NULL) {
            AG_TRY(check_one(&asset->policy, head, context, risk_bp, fault));
        }
    }
    return AG_OK;
}
