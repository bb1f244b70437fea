/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

/* RLP as the Yellow Paper's appendix B has it, canonical form only [YP B]:
 *
 *   00..7f      the byte itself
 *   80..b7      a string of 0..55 bytes; a single byte below 80 must not be written so
 *   b8..bf      a string of more than 55 bytes, its length in 1..8 bytes without leading zeros
 *   c0..f7      a list of 0..55 bytes
 *   f8..ff      a list of more than 55 bytes, its length likewise */

enum {
    SHORT_MAX = 55
};

/* Reads a long form's length. RLP when it has leading zeros or would fit the short form. */
static enum ag_err long_size(struct ag_bytes in, size_t width, uint64_t *out)
{
    AG_ENSURE(in.size > width, AG_ERR_RLP);
    AG_ENSURE(in.data[1] != 0, AG_ERR_RLP);
    uint64_t size = 0;
    for (size_t i = 0; i < width; i++) {
        size = size << 8 | in.data[1 + i];
    }
    AG_ENSURE(size > SHORT_MAX, AG_ERR_RLP);
    *out = size;
    return AG_OK;
}

enum ag_err ag_rlp_next(struct ag_bytes *in, struct ag_rlp_item *out)
{
    AG_ENSURE(in->size != 0, AG_ERR_RLP);
    uint8_t first = in->data[0];
    size_t header = 1;
    uint64_t size = 0;

    if (first < 0x80) {
        header = 0;
        size = 1;
    } else if (first <= 0xb7) {
        size = first - 0x80u;
    } else if (first <= 0xbf) {
        size_t width = first - 0xb7u;
        AG_TRY(long_size(*in, width, &size));
        header += width;
    } else if (first <= 0xf7) {
        size = first - 0xc0u;
    } else {
        size_t width = first - 0xf7u;
        AG_TRY(long_size(*in, width, &size));
        header += width;
    }
    AG_ENSURE(size <= in->size - header, AG_ERR_RLP);

    struct ag_rlp_item item = {
        .is_list = first >= 0xc0,
        .payload = {in->data + header, (size_t)size},
        .whole = {in->data, header + (size_t)size},
    };
    AG_ENSURE(first != 0x81 || item.payload.data[0] >= 0x80, AG_ERR_RLP);
    *out = item;
    *in = ag_bytes_tail(*in, item.whole.size);
    return AG_OK;
}

enum ag_err ag_rlp_check(struct ag_bytes in, struct ag_fault *fault)
{
    /* What is left of each open list, innermost last. */
    struct ag_bytes open[AG_LIMIT_RLP_DEPTH + 1];
    size_t depth = 0;
    bool is_first = true;
    open[0] = in;

    while (is_first || depth > 0) {
        if (depth > 0 && open[depth].size == 0) {
            depth--;
            continue;
        }
        struct ag_rlp_item item;
        if (ag_rlp_next(&open[depth], &item) != AG_OK) {
            return ag_fault_set(fault, AG_ERR_RLP, "rlp");
        }
        if (is_first && open[0].size != 0) {
            return ag_fault_set(fault, AG_ERR_RLP, "end of rlp");
        }
        is_first = false;
        if (item.is_list) {
            if (depth == AG_LIMIT_RLP_DEPTH) {
                return ag_fault_limit(fault, AG_ERR_RLP, "rlp depth", AG_LIMIT_RLP_DEPTH,
                                      depth + 1);
            }
            open[++depth] = item.payload;
        }
    }
    return AG_OK;
}

size_t ag_wire_rlp_header(uint8_t out[AG_RLP_HEADER_SIZE_MAX], bool is_list, size_t size)
{
    uint8_t base = is_list ? 0xc0 : 0x80;
    if (size <= SHORT_MAX) {
        out[0] = (uint8_t)(base + size);
        return 1;
    }
    size_t width = 0;
    for (size_t rest = size; rest != 0; rest >>= 8) {
        width++;
    }
    out[0] = (uint8_t)(base + SHORT_MAX + width);
    for (size_t i = 0; i < width; i++) {
        out[1 + i] = (uint8_t)(size >> (8 * (width - 1 - i)));
    }
    return 1 + width;
}

static enum ag_err put_header(struct ag_vec *out, bool is_list, size_t size)
{
    uint8_t header[AG_RLP_HEADER_SIZE_MAX];
    size_t used = ag_wire_rlp_header(header, is_list, size);
    return ag_vec_append(out, ag_bytes_of(header, used));
}

enum ag_err ag_rlp_put_string(struct ag_vec *out, struct ag_bytes text)
{
    size_t start = out->size;
    if (text.size != 1 || text.data[0] >= 0x80) {
        AG_TRY(put_header(out, false, text.size));
    }
    if (text.size != 0) {
        enum ag_err err = ag_vec_append(out, text);
        if (err != AG_OK) {
            out->size = start;
            return err;
        }
    }
    return AG_OK;
}

enum ag_err ag_rlp_put_integer(struct ag_vec *out, struct ag_bytes big_endian)
{
    while (big_endian.size != 0 && big_endian.data[0] == 0) {
        big_endian = ag_bytes_tail(big_endian, 1);
    }
    return ag_rlp_put_string(out, big_endian);
}

enum ag_err ag_rlp_put_u64(struct ag_vec *out, uint64_t value)
{
    uint8_t bytes[8];
    ag_wire_put_u64(bytes, value);
    return ag_rlp_put_integer(out, AG_ARRAY_VIEW(bytes));
}

enum ag_err ag_rlp_put_list(struct ag_vec *out, size_t payload_size)
{
    return put_header(out, true, payload_size);
}
