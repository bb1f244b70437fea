/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_ORDER_ORDER_I_H
#define AG_ORDER_ORDER_I_H

#include "order/order.h"

/* What the modes weigh. All of it is bounded, so that sums cannot overflow and the age law
 * holds. */
struct order_terms {
    uint32_t fee_bucket;      /* 0 to ORDER_FEE_BUCKET_MAX */
    uint32_t risk_bp;         /* 0 to 10000; the node's own figure */
    uint32_t protected_count; /* 0 to AG_HEAD_ASSETS_MAX registered assets, each once */
    bool is_migration;
};
#define ORDER_FEE_BUCKET_MAX 256u
#define ORDER_PLACES(count)  ((uint64_t)(count)*AG_ORDER_UNITS_PER_PLACE)
/* A batch is a contiguous range of at most BATCH_TXS admissions: its ages differ by less than this.
 * A term worth more, over all others together, therefore decides inside a batch. */
#define ORDER_BATCH_PLACES ((unsigned)AG_LIMIT_BATCH_TXS)

/* One file per mode: the terms in units of 1/16 place. */
uint64_t ag_order_risk_aware(const struct order_terms *terms);
uint64_t ag_order_asset_first(const struct order_terms *terms);
uint64_t ag_order_migration_aware(const struct order_terms *terms);
uint64_t ag_order_hybrid(const struct order_terms *terms);

/* The score of one head in a known mode. */
uint64_t ag_order_score_head(enum ag_order_mode mode, const struct ag_head *head,
                             const struct ag_asset_table *assets,
                             const struct ag_risk_snapshot *risk);

#endif
