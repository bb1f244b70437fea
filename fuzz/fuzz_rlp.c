/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_wire.h"

/* An item is what the writers make of its content. */
static void write_again(const struct ag_rlp_item *item)
{
    struct ag_vec out AG_SCOPED(ag_vec_close);
    ag_vec_init(&out, item->whole.size + 16);
    if (item->is_list) {
        AG_ASSERT(ag_rlp_put_list(&out, item->payload.size) == AG_OK);
        AG_ASSERT(item->payload.size == 0 || ag_vec_append(&out, item->payload) == AG_OK);
    } else {
        AG_ASSERT(ag_rlp_put_string(&out, item->payload) == AG_OK);
    }
    AG_ASSERT(ag_bytes_equal(ag_vec_view(&out), item->whole));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_bytes open[AG_LIMIT_RLP_DEPTH + 2] = {{data, size}};
    struct ag_fault fault = {0};
    size_t depth = 0;
    if (ag_rlp_check(open[0], &fault) != AG_OK) {
        AG_ASSERT(fault.err == AG_ERR_RLP && fault.field != NULL);
        return 0;
    }
    for (;;) {
        struct ag_rlp_item item;
        if (open[depth].size == 0) {
            if (depth == 0) {
                return 0;
            }
            depth--;
            continue;
        }
        AG_ASSERT(ag_rlp_next(&open[depth], &item) == AG_OK);
        write_again(&item);
        if (item.is_list) {
            AG_ASSERT(depth < AG_LIMIT_RLP_DEPTH);
            open[++depth] = item.payload;
        }
    }
}
