/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_ORDER_ORDER_H
#define AG_ORDER_ORDER_H

/* order: a plan from heads, admission numbers, assets, risk and a mode.
 *
 * Owns:    nothing; all memory is the caller's arena.
 * Threads: a pure function, free-threaded.
 * Fails:   ORDER_MODE for an unknown mode, ARGUMENT for more than BATCH_TXS items, a missing head
 *          or an admission number that occurs twice, NO_MEMORY when the arena ends.
 * Not:     no bodies, no clock, no chance: the same arguments give one plan on every machine.
 * Rules:   docs/spec/ordering.md. */

#include <ag/batch.h>

#include "asset/asset.h"
#include "base/base.h"

struct ag_order_item {
    uint64_t admission;
    const struct ag_head *head; /* borrowed */
};

/* A place is the unit of every score: a term of n places is worth being admitted n earlier. */
#define AG_ORDER_UNITS_PER_PLACE 16u
/* The age law: whatever the other terms say, nothing admitted this many places later goes
 * before. */
#define AG_ORDER_AGE_BOUND 20000u

const char *ag_order_mode_name(uint8_t mode); /* "hybrid"; "unknown" */
bool ag_order_mode_is_known(uint8_t mode);
/* ORDER_MODE when the text names none. */
AG_MUST_CHECK enum ag_err ag_order_mode_parse(const char *text, enum ag_order_mode *out);

/* Writes to `out_order` the indices of `items` in plan order, `count` of them. The plan depends
 * on the items, not on where they stand in the array. Takes at most AG_ORDER_SCRATCH_SIZE(count)
 * bytes of `scratch`, which the caller resets. `assets` may be NULL. */
#define AG_ORDER_SCRATCH_SIZE(count) ((size_t)(count)*40u)
AG_MUST_CHECK enum ag_err ag_order_plan(enum ag_order_mode mode, const struct ag_order_item *items,
                                        size_t count, const struct ag_asset_table *assets,
                                        const struct ag_risk_snapshot *risk,
                                        struct ag_arena *scratch, uint32_t *out_order);

/* What the plan sees of one head before its age and its sender's earlier nonces: for `explain` and
 * for tests. In units of 1/16 place; below AG_ORDER_AGE_BOUND places in every mode. */
AG_MUST_CHECK enum ag_err ag_order_score(enum ag_order_mode mode, const struct ag_head *head,
                                         const struct ag_asset_table *assets,
                                         const struct ag_risk_snapshot *risk, uint64_t *out_units);
/* The coarse, monotone bucket of a fee: 0 for none, then four to an octave, up to 256. */
uint32_t ag_order_fee_bucket(uint64_t priority_fee);

#endif
