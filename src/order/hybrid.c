/* SPDX-License-Identifier: Apache-2.0 */
#include "order/order_i.h"

/* Hybrid, the default: every term counts and none decides alone. Each of fee and risk is worth some
 * 5000 places over its whole scale, each of assets and migration some 3000. */
enum {
    PLACES_PER_FEE_BUCKET = 20,
    UNITS_PER_RISK_BP = 8, /* half a place */
    PLACES_PER_ASSET = 200,
    PLACES_MIGRATION = 3000,
};
_Static_assert(UINT64_C(10000) * UNITS_PER_RISK_BP +
                       ORDER_PLACES(ORDER_FEE_BUCKET_MAX * PLACES_PER_FEE_BUCKET +
                                    AG_HEAD_ASSETS_MAX * PLACES_PER_ASSET + PLACES_MIGRATION) <
                   ORDER_PLACES(AG_ORDER_AGE_BOUND),
               "age must win in the end");

uint64_t ag_order_hybrid(const struct order_terms *terms)
{
    uint64_t places = (uint64_t)terms->fee_bucket * PLACES_PER_FEE_BUCKET;
    places += (uint64_t)terms->protected_count * PLACES_PER_ASSET;
    places += terms->is_migration ? PLACES_MIGRATION : 0;
    return ORDER_PLACES(places) + (uint64_t)terms->risk_bp * UNITS_PER_RISK_BP;
}
