/* SPDX-License-Identifier: Apache-2.0 */
/* The binary route, drawn:
 *
 *   request   { u32 size | envelope } ...
 *   answer    { u8 kind | u32 size | bytes } ...     one per envelope, in order
 *                kind 0: an admission receipt; kind 1: an error object in JSON
 */
#include "rpc/rpc_i.h"

enum ag_err ag_rpc_binary_read(struct rpc_exchange *exchange, struct ag_bytes body,
                               struct ag_fault *fault)
{
    /* Two walks: the frame is judged as a whole before the first envelope is taken. */
    size_t count = 0;
    for (struct ag_bytes rest = body; rest.size != 0; count++) {
        if (rest.size < 4) {
            return ag_fault_limit(fault, AG_ERR_WIRE_SHORT, "size", 4, rest.size);
        }
        size_t size = (size_t)rest.data[0] << 24 | (size_t)rest.data[1] << 16 |
                      (size_t)rest.data[2] << 8 | rest.data[3];
        if (size > rest.size - 4u) {
            return ag_fault_limit(fault, AG_ERR_WIRE_SHORT, "envelope", size, rest.size - 4u);
        }
        rest = ag_bytes_tail(rest, 4u + size);
    }
    if (count > AG_LIMIT_GROUP_COUNT) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "envelopes", AG_LIMIT_GROUP_COUNT, count);
    }
    for (struct ag_bytes rest = body; rest.size != 0;) {
        size_t size = (size_t)rest.data[0] << 24 | (size_t)rest.data[1] << 16 |
                      (size_t)rest.data[2] << 8 | rest.data[3];
        AG_TRY(ag_rpc_exchange_add(exchange, ag_bytes_of(rest.data + 4, size)));
        rest = ag_bytes_tail(rest, 4u + size);
    }
    return AG_OK;
}

static enum ag_err append_part(struct ag_vec *out, uint8_t kind, struct ag_bytes bytes)
{
    const uint8_t head[5] = {kind, (uint8_t)(bytes.size >> 24), (uint8_t)(bytes.size >> 16),
                             (uint8_t)(bytes.size >> 8), (uint8_t)bytes.size};
    AG_TRY(ag_vec_append(out, AG_ARRAY_VIEW(head)));
    return ag_vec_append(out, bytes);
}

enum ag_err ag_rpc_binary_write(const struct rpc_exchange *exchange, struct ag_vec *out)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 4096);
    for (size_t i = 0; i < exchange->item_count; i++) {
        const struct rpc_item *item = &exchange->items[i];
        enum ag_err err = ag_rpc_item_err(item);
        if (err == AG_OK) {
            AG_TRY(append_part(out, 0, ag_vec_view(&item->submission->receipt)));
            continue;
        }
        struct ag_json_out json;
        text.size = 0;
        ag_json_begin(&json, &text, false);
        ag_rpc_put_error(&json, NULL, err, ag_rpc_item_fault(item),
                         item->submission == NULL ? 0 : item->submission->stamp_bits);
        AG_TRY(ag_json_finish(&json));
        AG_TRY(append_part(out, 1, ag_vec_view(&text)));
    }
    return AG_OK;
}
