/* SPDX-License-Identifier: Apache-2.0 */
/* What we know about JSON ourselves: where strings and values end. No syntax is judged here. */
#include "base/json_i.h"

#include <stdio.h>
#include <string.h>

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_spaces(struct ag_bytes text, size_t at)
{
    while (at < text.size && is_space(text.data[at])) {
        at++;
    }
    return at;
}

static bool is_at(struct ag_bytes text, size_t at, char wanted)
{
    return at < text.size && text.data[at] == (uint8_t)wanted;
}

/* The index behind the string that starts with a quote at `at`; the text's size if it has no
 * end. */
static size_t skip_string(struct ag_bytes text, size_t at)
{
    for (at++; at < text.size; at++) {
        if (text.data[at] == '\\') {
            at++;
        } else if (text.data[at] == '"') {
            return at + 1u;
        }
    }
    return text.size;
}

/* ASCII without control characters, eight bytes at a time: a byte below 0x20 borrows from its high
 * bit, a byte above 0x7f has it set. What a borrow does to the byte above changes no answer. */
static bool is_plain_ascii(const uint8_t *data, size_t size)
{
    const uint64_t high_bits = 0x8080808080808080u;
    const uint64_t spaces = 0x2020202020202020u;
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        uint64_t word = 0;
        memcpy(&word, data + at, sizeof(word));
        if ((((word - spaces) | word) & high_bits) != 0) {
            return false;
        }
    }
    for (; at < size; at++) {
        if (data[at] < 0x20 || data[at] > 0x7f) {
            return false;
        }
    }
    return true;
}

size_t ag_json_long_string(struct ag_bytes text, size_t at)
{
    size_t start = at + 1u;
    const uint8_t *quote = memchr(text.data + start, '"', text.size - start);
    if (quote == NULL) {
        return 0;
    }
    size_t length = (size_t)(quote - text.data) - start;
    bool is_long = length >= AG_JSON_LONG_STRING &&
                   memchr(text.data + start, '\\', length) == NULL &&
                   is_plain_ascii(text.data + start, length);
    return is_long ? length : 0;
}

/* ---- limits ---- */

/* What a value costs before it exists: levels of nesting and members of each object. */
struct scan {
    unsigned depth;
    size_t value_count;
    size_t member_counts[AG_LIMIT_JSON_DEPTH];
};

static enum ag_err scan_structure(struct scan *scan, uint8_t c)
{
    switch (c) {
    case '{':
    case '[':
        AG_ENSURE(scan->depth < AG_LIMIT_JSON_DEPTH, AG_ERR_JSON);
        scan->member_counts[scan->depth++] = 0;
        scan->value_count++;
        break;
    case '}':
    case ']':
        AG_ENSURE(scan->depth > 0, AG_ERR_JSON);
        scan->depth--;
        break;
    case ',':
        scan->value_count++;
        break;
    case ':':
        AG_ENSURE(scan->depth > 0, AG_ERR_JSON);
        AG_ENSURE(++scan->member_counts[scan->depth - 1u] <= AG_LIMIT_JSON_MEMBERS, AG_ERR_JSON);
        break;
    default:
        break;
    }
    AG_ENSURE(scan->value_count <= AG_LIMIT_JSON_VALUES, AG_ERR_JSON);
    return AG_OK;
}

enum ag_err ag_json_scan(struct ag_bytes text, size_t *out_long_count)
{
    AG_ENSURE(text.size != 0 && text.size <= AG_LIMIT_JSON_BYTES, AG_ERR_JSON);
    /* The library skips a NUL behind a number or a word, so its syntax is ours to refuse. */
    AG_ENSURE(memchr(text.data, 0, text.size) == NULL, AG_ERR_JSON);
    struct scan scan = {0};
    size_t long_count = 0;
    bool is_number = false;
    for (size_t at = 0; at < text.size;) {
        uint8_t c = text.data[at];
        if (c == '"') {
            size_t length = ag_json_long_string(text, at);
            long_count += length != 0 ? 1u : 0u;
            at = length != 0 ? at + length + 2u : skip_string(text, at);
            is_number = false;
            continue;
        }
        if ((c >= '0' && c <= '9') || c == '-') {
            is_number = true;
        } else if (is_number && (c == '.' || c == 'e' || c == 'E')) {
            /* A real has no exact value here: refused rather than rounded. */
            return AG_ERR_JSON;
        } else {
            is_number = false;
            AG_TRY(scan_structure(&scan, c));
        }
        at++;
    }
    *out_long_count = long_count;
    return AG_OK;
}

/* ---- long strings ---- */

/* A cursor over the shortened text, which is never longer than its source. */
static uint8_t *put(uint8_t *out, struct ag_bytes piece)
{
    if (piece.size != 0) {
        memcpy(out, piece.data, piece.size);
    }
    return out + piece.size;
}

enum ag_err ag_json_shorten(struct ag_bytes text, size_t long_count, struct ag_arena *arena,
                            struct ag_bytes *out_text, struct ag_bytes **out_strings,
                            size_t *out_string_count)
{
    void *memory = NULL;
    AG_TRY(ag_arena_take(arena, long_count * sizeof(struct ag_bytes), &memory));
    struct ag_bytes *strings = memory;
    AG_TRY(ag_arena_take(arena, text.size, &memory));
    uint8_t *start = memory;
    uint8_t *out = start;

    size_t count = 0;
    size_t copied = 0; /* the source up to here is in the output */
    for (;;) {
        const uint8_t *quote = memchr(text.data + copied, '"', text.size - copied);
        if (quote == NULL) {
            break;
        }
        size_t at = (size_t)(quote - text.data);
        size_t length = ag_json_long_string(text, at);
        size_t end = length != 0 ? at + length + 2u : skip_string(text, at);
        /* A key stays, for the library has to compare it with others. */
        if (length != 0 && !is_at(text, skip_spaces(text, end), ':')) {
            AG_ASSERT(count < long_count);
            char number[AG_JSON_LONG_STRING];
            int size = snprintf(number, sizeof(number), " %zu.5 ", count);
            strings[count++] = (struct ag_bytes){text.data + at + 1u, length};
            out = put(out, (struct ag_bytes){text.data + copied, at - copied});
            out = put(out, ag_bytes_of(number, (size_t)size));
        } else {
            out = put(out, (struct ag_bytes){text.data + copied, end - copied});
        }
        copied = end;
    }
    out = put(out, (struct ag_bytes){text.data + copied, text.size - copied});
    *out_text = (struct ag_bytes){start, (size_t)(out - start)};
    *out_strings = strings;
    *out_string_count = count;
    return AG_OK;
}

/* ---- the exact bytes of a member ---- */

/* The index behind the value that starts at `at`. Brackets are counted, not matched by kind: the
 * text has been parsed before. The text's size if the value never ends. */
static size_t skip_value(struct ag_bytes text, size_t at)
{
    size_t depth = 0;
    while (at < text.size) {
        uint8_t c = text.data[at];
        if (c == '"') {
            at = skip_string(text, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (depth != 0 && (c == '}' || c == ']')) {
            depth--;
            at++;
        } else if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_space(c))) {
            return at;
        } else {
            at++;
            continue;
        }
        /* A string or a closed bracket at the top ends the value. */
        if (depth == 0) {
            return at;
        }
    }
    return at;
}

enum ag_err ag_json_raw_member(struct ag_bytes text, const char *key, struct ag_bytes *out)
{
    struct ag_bytes wanted = ag_bytes_of(key, strlen(key));
    struct ag_bytes found = {0};
    bool is_found = false;

    size_t at = skip_spaces(text, 0);
    AG_ENSURE(is_at(text, at, '{'), AG_ERR_JSON);
    at = skip_spaces(text, at + 1u);
    while (!is_at(text, at, '}')) {
        AG_ENSURE(is_at(text, at, '"'), AG_ERR_JSON);
        size_t key_end = skip_string(text, at);
        AG_ENSURE(key_end < text.size && key_end - at >= 2, AG_ERR_JSON);
        struct ag_bytes name = {text.data + at + 1u, key_end - at - 2u};
        at = skip_spaces(text, key_end);
        AG_ENSURE(is_at(text, at, ':'), AG_ERR_JSON);
        at = skip_spaces(text, at + 1u);
        size_t value_end = skip_value(text, at);
        AG_ENSURE(value_end > at && value_end < text.size, AG_ERR_JSON);
        /* A key with escapes is never equal; the parser has refused two keys that mean the same. */
        if (ag_bytes_equal(name, wanted)) {
            AG_ENSURE(!is_found, AG_ERR_JSON);
            is_found = true;
            found = (struct ag_bytes){text.data + at, value_end - at};
        }
        at = skip_spaces(text, value_end);
        if (is_at(text, at, ',')) {
            at = skip_spaces(text, at + 1u);
            AG_ENSURE(is_at(text, at, '"'), AG_ERR_JSON);
        } else {
            AG_ENSURE(is_at(text, at, '}'), AG_ERR_JSON);
        }
    }
    AG_ENSURE(skip_spaces(text, at + 1u) == text.size, AG_ERR_JSON);
    AG_ENSURE(is_found, AG_ERR_NOT_FOUND);
    *out = found;
    return AG_OK;
}
