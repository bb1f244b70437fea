/* SPDX-License-Identifier: Apache-2.0 */
#include "order/order_i.h"

/* RiskAware: the most exposed first, because what waits is exposed for longer. A tenth of the
 * scale of risk (1000 points, 1500 places) weighs more than half of the scale of fees. */
enum {
    UNITS_PER_RISK_BP = 24, /* one and a half places */
    PLACES_PER_FEE_BUCKET = 10,
    PLACES_PER_ASSET = 50,
    PLACES_MIGRATION = 500,
};
_Static_assert(UINT64_C(10000) * UNITS_PER_RISK_BP +
                       ORDER_PLACES(ORDER_FEE_BUCKET_MAX * PLACES_PER_FEE_BUCKET +
                                    AG_HEAD_ASSETS_MAX * PLACES_PER_ASSET + PLACES_MIGRATION) <
                   ORDER_PLACES(AG_ORDER_AGE_BOUND),
               "age must win in the end");

uint64_t ag_order_risk_aware(const struct order_terms *terms)
{
    uint64_t places = (uint64_t)terms->fee_bucket * PLACES_PER_FEE_BUCKET;
    places += (uint64_t)terms->protected_count * PLACES_PER_ASSET;
    places += terms->is_migration ? PLACES_MIGRATION : 0;
    return ORDER_PLACES(places) + (uint64_t)terms->risk_bp * UNITS_PER_RISK_BP;
}
