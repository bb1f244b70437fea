/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_RISK_RISK_H
#define AG_RISK_RISK_H

/* risk: what threatens the node, in figures that everyone can recompute.
 *
 * Owns:    nothing; snapshots are values.
 * Threads: pure functions, free-threaded.
 * Fails:   WIRE_VALUE for a snapshot that contradicts itself; `fault` names the category.
 * Not:     no monitor yet: reports, their signatures and decay are not here. A snapshot comes from
 *          the caller. Nothing a sender says of risk enters a figure.
 * Units:   basis points, 0 to 10000.
 * Rules:   docs/spec/ordering.md. */

#include <ag/batch.h>

#include "base/base.h"

#define AG_RISK_BP_MAX 10000u

/* The twelve categories. The numbers are places in a snapshot and so part of every batch header:
 * frozen. X(NAME, number, "name") */
#define AG_RISK_CATEGORY_TABLE(X)                                                                  \
    X(SIGNATURES, 0, "signatures")                                                                 \
    X(PROOF_FORGERY, 1, "proof-forgery")                                                           \
    X(HARVEST, 2, "harvest-now-decrypt-later")                                                     \
    X(HASHES, 3, "hashes")                                                                         \
    X(CONSENSUS, 4, "consensus")                                                                   \
    X(CROSS_CHAIN, 5, "cross-chain")                                                               \
    X(NETWORK, 6, "network")                                                                       \
    X(KEY_MANAGEMENT, 7, "key-management")                                                         \
    X(ORDERING, 8, "ordering")                                                                     \
    X(CONTRACTS, 9, "contracts")                                                                   \
    X(SIDE_CHANNELS, 10, "side-channels")                                                          \
    X(AGILITY, 11, "agility")

enum ag_risk_category {
#define X(name, number, text) AG_RISK_##name = (number),
    AG_RISK_CATEGORY_TABLE(X)
#undef X
};
_Static_assert(AG_RISK_AGILITY + 1 == AG_RISK_CATEGORIES, "a snapshot has a place per category");

/* "signatures"; "unknown" for a number that is no category. */
const char *ag_risk_category_name(unsigned category);

/* The global figure is that of the worst category: one input explains it, and calm categories never
 * average a grave one away. */
uint16_t ag_risk_global(const struct ag_risk_snapshot *snapshot);

/* WIRE_VALUE when a figure is above 10000 or the global one is not that of the worst category. */
AG_MUST_CHECK enum ag_err ag_risk_snapshot_check(const struct ag_risk_snapshot *snapshot,
                                                 struct ag_fault *fault);

/* What a transaction exposes. Facts the node established, and what the body has to bear out. */
struct ag_risk_subject {
    uint8_t sender_kind;      /* enum ag_sender_kind: how the sender authorises */
    uint8_t payload_kind;     /* enum ag_payload_kind */
    unsigned protected_count; /* registered assets it touches, each once */
    bool has_bridge;          /* one of them is a bridge */
    bool has_off_chain;       /* one of them lives off the chain */
};

/* The node's own figure for one transaction: the worst category it is exposed to, and half of that
 * when it touches no registered asset. Monotone in every category. */
uint16_t ag_risk_figure(const struct ag_risk_snapshot *snapshot,
                        const struct ag_risk_subject *subject);

#endif
