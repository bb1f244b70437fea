/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <inttypes.h>
#include <string.h>

/* One bit of has_items and of is_object per level. */
#define WRITER_DEPTH_MAX 64u

void ag_json_begin(struct ag_json_out *out, struct ag_vec *vec, bool is_pretty)
{
    *out = (struct ag_json_out){.vec = vec, .err = AG_OK, .is_pretty = is_pretty};
}

static void put(struct ag_json_out *out, struct ag_bytes text)
{
    if (out->err == AG_OK) {
        out->err = ag_vec_append(out->vec, text);
    }
}

static void put_line_break(struct ag_json_out *out)
{
    if (!out->is_pretty) {
        return;
    }
    put(out, AG_LITERAL("\n"));
    for (unsigned i = 0; i < out->depth; i++) {
        put(out, AG_LITERAL("  "));
    }
}

/* ---- strings ---- */

/* The length of the UTF-8 sequence at the start of `text`, or 0 if there is none [RFC3629 4]. */
static size_t utf8_length(struct ag_bytes text)
{
    uint8_t first = text.data[0];
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length == 0 || length > text.size || first > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text.data[i] & 0xc0u) != 0x80) {
            return 0;
        }
    }
    if (length >= 3) {
        uint8_t second = text.data[1];
        /* Overlong forms, surrogates, and what lies above U+10FFFF. */
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
            (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
            return 0;
        }
    }
    return length;
}

static void put_escaped(struct ag_json_out *out, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    switch (c) {
    case '"':
        put(out, AG_LITERAL("\\\""));
        break;
    case '\\':
        put(out, AG_LITERAL("\\\\"));
        break;
    case '\n':
        put(out, AG_LITERAL("\\n"));
        break;
    case '\r':
        put(out, AG_LITERAL("\\r"));
        break;
    case '\t':
        put(out, AG_LITERAL("\\t"));
        break;
    default: {
        char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15u]};
        put(out, AG_ARRAY_VIEW(escape));
        break;
    }
    }
}

static void put_quoted(struct ag_json_out *out, struct ag_bytes text)
{
    put(out, AG_LITERAL("\""));
    while (text.size != 0) {
        /* Plain characters go in one piece. */
        size_t plain = 0;
        while (plain < text.size && text.data[plain] >= 0x20 && text.data[plain] < 0x7f &&
               text.data[plain] != '"' && text.data[plain] != '\\') {
            plain++;
        }
        put(out, ag_bytes_head(text, plain));
        text = ag_bytes_tail(text, plain);
        if (text.size == 0) {
            break;
        }
        size_t length = text.data[0] < 0x80 ? 0 : utf8_length(text);
        if (length != 0) {
            put(out, ag_bytes_head(text, length));
        } else if (text.data[0] < 0x80) {
            put_escaped(out, text.data[0]);
        } else {
            /* Not UTF-8: the replacement character, so that the output is always valid. */
            put(out, AG_LITERAL("\\ufffd"));
        }
        text = ag_bytes_tail(text, length == 0 ? 1 : length);
    }
    put(out, AG_LITERAL("\""));
}

/* ---- structure ---- */

/* Writes the comma, line break and key that stand before a value. A key where none belongs, or none
 * where one does, is a bug of the caller. */
static void start_value(struct ag_json_out *out, const char *key)
{
    if (out->depth == 0) {
        AG_ASSERT(key == NULL && !out->has_root);
        out->has_root = true;
        return;
    }
    uint64_t bit = (uint64_t)1 << (out->depth - 1u);
    AG_ASSERT((key != NULL) == ((out->is_object & bit) != 0));
    if ((out->has_items & bit) != 0) {
        put(out, AG_LITERAL(","));
    }
    out->has_items |= bit;
    put_line_break(out);
    if (key != NULL) {
        put_quoted(out, ag_bytes_of(key, strlen(key)));
        put(out, out->is_pretty ? AG_LITERAL(": ") : AG_LITERAL(":"));
    }
}

static void open_level(struct ag_json_out *out, const char *key, bool is_object)
{
    start_value(out, key);
    AG_ASSERT(out->depth < WRITER_DEPTH_MAX);
    put(out, is_object ? AG_LITERAL("{") : AG_LITERAL("["));
    uint64_t bit = (uint64_t)1 << out->depth;
    out->has_items &= ~bit;
    out->is_object = is_object ? out->is_object | bit : out->is_object & ~bit;
    out->depth++;
}

void ag_json_object(struct ag_json_out *out, const char *key)
{
    open_level(out, key, true);
}

void ag_json_array(struct ag_json_out *out, const char *key)
{
    open_level(out, key, false);
}

void ag_json_end(struct ag_json_out *out)
{
    AG_ASSERT(out->depth > 0);
    out->depth--;
    uint64_t bit = (uint64_t)1 << out->depth;
    if ((out->has_items & bit) != 0) {
        put_line_break(out);
    }
    put(out, (out->is_object & bit) != 0 ? AG_LITERAL("}") : AG_LITERAL("]"));
}

/* ---- values ---- */

void ag_json_put_string(struct ag_json_out *out, const char *key, const char *text)
{
    if (text == NULL) {
        ag_json_put_null(out, key);
        return;
    }
    ag_json_put_text(out, key, ag_bytes_of(text, strlen(text)));
}

void ag_json_put_text(struct ag_json_out *out, const char *key, struct ag_bytes text)
{
    start_value(out, key);
    put_quoted(out, text);
}

void ag_json_put_u64(struct ag_json_out *out, const char *key, uint64_t value)
{
    start_value(out, key);
    if (out->err == AG_OK) {
        out->err = ag_vec_printf(out->vec, "%" PRIu64, value);
    }
}

void ag_json_put_i64(struct ag_json_out *out, const char *key, int64_t value)
{
    start_value(out, key);
    if (out->err == AG_OK) {
        out->err = ag_vec_printf(out->vec, "%" PRId64, value);
    }
}

void ag_json_put_bool(struct ag_json_out *out, const char *key, bool value)
{
    start_value(out, key);
    put(out, value ? AG_LITERAL("true") : AG_LITERAL("false"));
}

void ag_json_put_null(struct ag_json_out *out, const char *key)
{
    start_value(out, key);
    put(out, AG_LITERAL("null"));
}

void ag_json_put_hex(struct ag_json_out *out, const char *key, struct ag_bytes bytes)
{
    start_value(out, key);
    put(out, AG_LITERAL("\"0x"));
    /* In pieces, so that no buffer of twice the size is needed. */
    char digits[2 * 256 + 1];
    while (bytes.size != 0) {
        struct ag_bytes piece = ag_bytes_head(bytes, 256);
        ag_hex_encode(piece, digits);
        put(out, ag_bytes_of(digits, 2u * piece.size));
        bytes = ag_bytes_tail(bytes, piece.size);
    }
    put(out, AG_LITERAL("\""));
}

void ag_json_put_raw(struct ag_json_out *out, const char *key, struct ag_bytes json)
{
    start_value(out, key);
    put(out, json);
}

enum ag_err ag_json_finish(struct ag_json_out *out)
{
    AG_ASSERT(out->depth == 0 && out->has_root);
    if (out->is_pretty) {
        put(out, AG_LITERAL("\n"));
    }
    return out->err;
}
