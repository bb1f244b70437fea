/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "risk/risk.h"
#include "test.h"

static void names(void)
{
    CHECK(strcmp(ag_risk_category_name(AG_RISK_SIGNATURES), "signatures") == 0);
    CHECK(strcmp(ag_risk_category_name(AG_RISK_AGILITY), "agility") == 0);
    CHECK(strcmp(ag_risk_category_name(AG_RISK_CATEGORIES), "unknown") == 0);
    for (unsigned i = 0; i < AG_RISK_CATEGORIES; i++) {
        for (unsigned j = 0; j < i; j++) {
            CHECK(strcmp(ag_risk_category_name(i), ag_risk_category_name(j)) != 0);
        }
    }
}

static void snapshots(void)
{
    struct ag_risk_snapshot good = {{0}, 0};
    CHECK_OK(ag_risk_snapshot_check(&good, NULL));
    good.category_bp[AG_RISK_HASHES] = 10000;
    good.category_bp[AG_RISK_AGILITY] = 9999;
    good.global_bp = 10000;
    CHECK_OK(ag_risk_snapshot_check(&good, NULL));
    CHECK_U64(ag_risk_global(&good), 10000);

    for (unsigned i = 0; i < AG_RISK_CATEGORIES; i++) {
        struct ag_risk_snapshot bad = {{0}, 0};
        struct ag_fault fault = {0};
        bad.category_bp[i] = 10001;
        bad.global_bp = 10001;
        CHECK_ERR(ag_risk_snapshot_check(&bad, &fault), AG_ERR_WIRE_VALUE);
        CHECK(fault.field != NULL && strcmp(fault.field, ag_risk_category_name(i)) == 0);
        CHECK(fault.has_limit);
        CHECK_U64(fault.limit, 10000);
        CHECK_U64(fault.got, 10001);
    }

    struct ag_risk_snapshot low = good;
    struct ag_fault fault = {0};
    low.global_bp = 9999;
    CHECK_ERR(ag_risk_snapshot_check(&low, &fault), AG_ERR_WIRE_VALUE);
    CHECK(strcmp(fault.field, "global") == 0);
    CHECK_U64(fault.limit, 10000);
    low.global_bp = 10001;
    CHECK_ERR(ag_risk_snapshot_check(&low, NULL), AG_ERR_WIRE_VALUE);
}

/* Which categories a transaction is exposed to: each named one raises the figure, no other does. */
static void exposures(void)
{
    static const struct {
        const char *name;
        struct ag_risk_subject subject;
        unsigned set; /* bits by category */
    } cases[] = {
        {"ethereum by secp256k1",
         {AG_SENDER_SECP256K1, AG_PAYLOAD_ETHEREUM, 1, false, false},
         1u << AG_RISK_SIGNATURES | 1u << AG_RISK_ORDERING},
        {"ethereum by ml-dsa",
         {AG_SENDER_MLDSA87, AG_PAYLOAD_ETHEREUM, 1, false, false},
         1u << AG_RISK_ORDERING},
        {"deploy",
         {AG_SENDER_MLDSA87, AG_PAYLOAD_DEPLOY, 1, false, false},
         1u << AG_RISK_CONTRACTS | 1u << AG_RISK_SIDE_CHANNELS},
        {"call",
         {AG_SENDER_MLDSA87, AG_PAYLOAD_CALL, 1, false, false},
         1u << AG_RISK_CONTRACTS | 1u << AG_RISK_SIDE_CHANNELS},
        {"asset",
         {AG_SENDER_MLDSA87, AG_PAYLOAD_ASSET, 1, false, false},
         1u << AG_RISK_KEY_MANAGEMENT},
        {"migration",
         {AG_SENDER_MLDSA87, AG_PAYLOAD_MIGRATION, 1, false, false},
         1u << AG_RISK_KEY_MANAGEMENT | 1u << AG_RISK_AGILITY},
        {"bridge",
         {AG_SENDER_MLDSA87, 0, 1, true, false},
         1u << AG_RISK_CROSS_CHAIN | 1u << AG_RISK_PROOF_FORGERY},
        {"off chain", {AG_SENDER_MLDSA87, 0, 1, false, true}, 1u << AG_RISK_HARVEST},
        {"nothing known", {0, 0, 1, false, false}, 0},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        for (unsigned category = 0; category < AG_RISK_CATEGORIES; category++) {
            struct ag_risk_snapshot snapshot = {{0}, 0};
            snapshot.category_bp[category] = 7001;
            uint16_t wanted = (cases[i].set >> category & 1u) != 0 ? 7001 : 0;
            uint16_t got = ag_risk_figure(&snapshot, &cases[i].subject);
            if (got != wanted) {
                ag_test_note("%s, %s", cases[i].name, ag_risk_category_name(category));
            }
            CHECK_U64(got, wanted);

            struct ag_risk_subject unprotected = cases[i].subject;
            unprotected.protected_count = 0;
            CHECK_U64(ag_risk_figure(&snapshot, &unprotected), wanted / 2u);
        }
    }
}

static void figures_are_monotone_and_bounded(void)
{
    for (unsigned round = 0; round < 2000; round++) {
        struct ag_risk_snapshot snapshot;
        for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
            snapshot.category_bp[i] = (uint16_t)ag_test_random(); /* out of range as well */
        }
        snapshot.global_bp = 0;
        struct ag_risk_subject subject = {
            .sender_kind = (uint8_t)(ag_test_random() % 3),
            .payload_kind = (uint8_t)(ag_test_random() % 7),
            .protected_count = (unsigned)(ag_test_random() % 3),
            .has_bridge = ag_test_random() % 2 == 0,
            .has_off_chain = ag_test_random() % 2 == 0,
        };
        uint16_t before = ag_risk_figure(&snapshot, &subject);
        CHECK(before <= AG_RISK_BP_MAX);
        size_t raised = ag_test_random() % AG_RISK_CATEGORIES;
        snapshot.category_bp[raised] = UINT16_MAX;
        CHECK(ag_risk_figure(&snapshot, &subject) >= before);
    }
}

static const struct ag_test_case cases[] = {
    {"names", names},
    {"snapshots", snapshots},
    {"exposures", exposures},
    {"figures are monotone and bounded", figures_are_monotone_and_bounded},
};
TEST_MAIN(cases)
