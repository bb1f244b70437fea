/* SPDX-License-Identifier: Apache-2.0 */
#include "risk/risk.h"

static const char *const names[AG_RISK_CATEGORIES] = {
#define X(name, number, text) [number] = (text),
    AG_RISK_CATEGORY_TABLE(X)
#undef X
};

const char *ag_risk_category_name(unsigned category)
{
    return category < AG_RISK_CATEGORIES ? names[category] : "unknown";
}

uint16_t ag_risk_global(const struct ag_risk_snapshot *snapshot)
{
    uint16_t worst = 0;
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        if (snapshot->category_bp[i] > worst) {
            worst = snapshot->category_bp[i];
        }
    }
    return worst;
}

enum ag_err ag_risk_snapshot_check(const struct ag_risk_snapshot *snapshot, struct ag_fault *fault)
{
    for (unsigned i = 0; i < AG_RISK_CATEGORIES; i++) {
        if (snapshot->category_bp[i] > AG_RISK_BP_MAX) {
            return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, ag_risk_category_name(i),
                                  AG_RISK_BP_MAX, snapshot->category_bp[i]);
        }
    }
    if (snapshot->global_bp != ag_risk_global(snapshot)) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "global", ag_risk_global(snapshot),
                              snapshot->global_bp);
    }
    return AG_OK;
}

/* Categories that a transaction is exposed to, as a set of bits. Hashes, consensus and network
 * concern every transaction alike: they raise the global figure and order nothing. */
#define BIT(category) (1u << AG_RISK_##category)

static unsigned exposure(const struct ag_risk_subject *subject)
{
    unsigned set = 0;
    if (subject->sender_kind == AG_SENDER_SECP256K1) {
        set |= BIT(SIGNATURES); /* the only authorisation here that a quantum computer forges */
    }
    switch (subject->payload_kind) {
    case AG_PAYLOAD_ETHEREUM:
        set |= BIT(ORDERING); /* what public chains lose most by */
        break;
    case AG_PAYLOAD_DEPLOY:
    case AG_PAYLOAD_CALL:
        set |= BIT(CONTRACTS) | BIT(SIDE_CHANNELS);
        break;
    case AG_PAYLOAD_ASSET:
        set |= BIT(KEY_MANAGEMENT);
        break;
    case AG_PAYLOAD_MIGRATION:
        set |= BIT(KEY_MANAGEMENT) | BIT(AGILITY);
        break;
    default:
        break;
    }
    if (subject->has_bridge) {
        set |= BIT(CROSS_CHAIN) | BIT(PROOF_FORGERY);
    }
    if (subject->has_off_chain) {
        set |= BIT(HARVEST); /* what is recorded today can be opened later */
    }
    return set;
}

uint16_t ag_risk_figure(const struct ag_risk_snapshot *snapshot,
                        const struct ag_risk_subject *subject)
{
    unsigned set = exposure(subject);
    uint16_t worst = 0;
    for (unsigned i = 0; i < AG_RISK_CATEGORIES; i++) {
        if ((set & (1u << i)) != 0 && snapshot->category_bp[i] > worst) {
            worst = snapshot->category_bp[i];
        }
    }
    if (worst > AG_RISK_BP_MAX) {
        worst = AG_RISK_BP_MAX; /* a snapshot that nobody checked still gives a figure in range */
    }
    return subject->protected_count != 0 ? worst : worst / 2u;
}
