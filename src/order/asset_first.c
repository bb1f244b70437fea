/* SPDX-License-Identifier: Apache-2.0 */
#include "order/order_i.h"

/* AssetProtection: whatever touches a registered asset goes before what touches none; then by how
 * many, then by fee. */
enum {
    PLACES_PROTECTED = 13000,
    PLACES_PER_ASSET = 150,
    PLACES_PER_FEE_BUCKET = 10,
};
_Static_assert(PLACES_PROTECTED >=
                   ORDER_FEE_BUCKET_MAX * PLACES_PER_FEE_BUCKET + ORDER_BATCH_PLACES,
               "inside a batch a protected asset decides");
_Static_assert(PLACES_PROTECTED + AG_HEAD_ASSETS_MAX * PLACES_PER_ASSET +
                       ORDER_FEE_BUCKET_MAX * PLACES_PER_FEE_BUCKET <
                   AG_ORDER_AGE_BOUND,
               "age must win in the end");

uint64_t ag_order_asset_first(const struct order_terms *terms)
{
    uint64_t places = (uint64_t)terms->fee_bucket * PLACES_PER_FEE_BUCKET;
    places += (uint64_t)terms->protected_count * PLACES_PER_ASSET;
    places += terms->protected_count != 0 ? PLACES_PROTECTED : 0;
    return ORDER_PLACES(places);
}
