/* SPDX-License-Identifier: Apache-2.0 */
#include "order/order_i.h"

/* MigrationAware: migration transactions stand together at the front of a batch, so that a
 * checkpoint can be taken behind them. One that follows another kind of transaction of its own
 * sender cannot: nonces come first. */
enum {
    PLACES_MIGRATION = 15000,
    PLACES_PER_FEE_BUCKET = 10,
    PLACES_PER_ASSET = 50,
    UNITS_PER_RISK_BP = 1,
};
_Static_assert(ORDER_PLACES(PLACES_MIGRATION) >=
                   ORDER_PLACES(ORDER_FEE_BUCKET_MAX * PLACES_PER_FEE_BUCKET +
                                AG_HEAD_ASSETS_MAX * PLACES_PER_ASSET + ORDER_BATCH_PLACES) +
                       UINT64_C(10000) * UNITS_PER_RISK_BP,
               "inside a batch the migration flag decides");
_Static_assert(ORDER_PLACES(PLACES_MIGRATION + ORDER_FEE_BUCKET_MAX * PLACES_PER_FEE_BUCKET +
                            AG_HEAD_ASSETS_MAX * PLACES_PER_ASSET) +
                       UINT64_C(10000) * UNITS_PER_RISK_BP <
                   ORDER_PLACES(AG_ORDER_AGE_BOUND),
               "age must win in the end");

uint64_t ag_order_migration_aware(const struct order_terms *terms)
{
    uint64_t places = (uint64_t)terms->fee_bucket * PLACES_PER_FEE_BUCKET;
    places += (uint64_t)terms->protected_count * PLACES_PER_ASSET;
    places += terms->is_migration ? PLACES_MIGRATION : 0;
    return ORDER_PLACES(places) + (uint64_t)terms->risk_bp * UNITS_PER_RISK_BP;
}
