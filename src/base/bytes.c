/* SPDX-License-Identifier: Apache-2.0 */
#include <ag/bytes.h>

#include <string.h>

bool ag_bytes_equal(struct ag_bytes a, struct ag_bytes b)
{
    /* memcmp must not see NULL, which an empty view may hold. */
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int ag_bytes_compare(struct ag_bytes a, struct ag_bytes b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

bool ag_bytes_is_zero(struct ag_bytes view)
{
    for (size_t i = 0; i < view.size; i++) {
        if (view.data[i] != 0) {
            return false;
        }
    }
    return true;
}
