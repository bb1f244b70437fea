/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "order/order_i.h"
#include "risk/risk.h"

static const char *const mode_names[] = {
    [AG_ORDER_RISK_AWARE] = "risk-aware",
    [AG_ORDER_ASSET_PROTECTION] = "asset-protection",
    [AG_ORDER_MIGRATION_AWARE] = "migration-aware",
    [AG_ORDER_HYBRID] = "hybrid",
};

bool ag_order_mode_is_known(uint8_t mode)
{
    return mode < AG_COUNT(mode_names) && mode_names[mode] != NULL;
}

const char *ag_order_mode_name(uint8_t mode)
{
    return ag_order_mode_is_known(mode) ? mode_names[mode] : "unknown";
}

enum ag_err ag_order_mode_parse(const char *text, enum ag_order_mode *out)
{
    for (size_t i = 0; i < AG_COUNT(mode_names); i++) {
        if (mode_names[i] != NULL && strcmp(text, mode_names[i]) == 0) {
            *out = (enum ag_order_mode)i;
            return AG_OK;
        }
    }
    return AG_ERR_ORDER_MODE;
}

/* The logarithm in steps of a quarter octave: a payer of a little more learns nothing of his
 * neighbours' fees, and a place costs a fifth more than the place behind. */
uint32_t ag_order_fee_bucket(uint64_t priority_fee)
{
    if (priority_fee == 0) {
        return 0;
    }
    uint32_t octave = 63u - (uint32_t)__builtin_clzll(priority_fee);
    uint64_t below_leading =
        octave >= 2 ? priority_fee >> (octave - 2u) : priority_fee << (2u - octave);
    return 4u * octave + (uint32_t)(below_leading & 3u) + 1u;
}
_Static_assert(4 * 63 + 3 + 1 == ORDER_FEE_BUCKET_MAX, "the highest fee has the highest bucket");

/* Registered assets of a head, each counted once however often it is named. */
static void add_assets(const struct ag_head *head, const struct ag_asset_table *assets,
                       struct ag_risk_subject *subject)
{
    if (ag_asset_table_count(assets) == 0) {
        return;
    }
    for (size_t i = 0; i < head->asset_count && i < AG_HEAD_ASSETS_MAX; i++) {
        const struct ag_asset *asset = ag_asset_table_find(assets, &head->assets[i]);
        bool is_repeated = false;
        for (size_t j = 0; j < i && !is_repeated; j++) {
            is_repeated = memcmp(&head->assets[i], &head->assets[j], sizeof(head->assets[i])) == 0;
        }
        if (asset == NULL || is_repeated) {
            continue;
        }
        subject->protected_count++;
        subject->has_bridge |= asset->type == AG_ASSET_BRIDGE;
        subject->has_off_chain |= ag_asset_type_is_off_chain(asset->type);
    }
}

uint64_t ag_order_score_head(enum ag_order_mode mode, const struct ag_head *head,
                             const struct ag_asset_table *assets,
                             const struct ag_risk_snapshot *risk)
{
    struct ag_risk_subject subject = {
        .sender_kind = head->sender.kind,
        .payload_kind = head->payload_kind,
    };
    add_assets(head, assets, &subject);
    struct order_terms terms = {
        .fee_bucket = ag_order_fee_bucket(head->priority_fee),
        .risk_bp = ag_risk_figure(risk, &subject),
        .protected_count = subject.protected_count,
        .is_migration = head->requires_migration,
    };
    switch (mode) {
    case AG_ORDER_RISK_AWARE:
        return ag_order_risk_aware(&terms);
    case AG_ORDER_ASSET_PROTECTION:
        return ag_order_asset_first(&terms);
    case AG_ORDER_MIGRATION_AWARE:
        return ag_order_migration_aware(&terms);
    case AG_ORDER_HYBRID:
        break;
    }
    return ag_order_hybrid(&terms);
}

enum ag_err ag_order_score(enum ag_order_mode mode, const struct ag_head *head,
                           const struct ag_asset_table *assets, const struct ag_risk_snapshot *risk,
                           uint64_t *out_units)
{
    AG_ENSURE((unsigned)mode <= UINT8_MAX && ag_order_mode_is_known((uint8_t)mode),
              AG_ERR_ORDER_MODE);
    *out_units = ag_order_score_head(mode, head, assets, risk);
    return AG_OK;
}
