/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "base/hex_i.h"

#include <stdio.h>
#include <string.h>

/* ---- hex ---- */

/* For each hex digit its value and HEX_VALID; 0 for every other character. */
#define HEX_VALID 0x10u
#define HEX_ROW(first, value)                                                                      \
    [(first)] = HEX_VALID | (value), [(first) + 1] = HEX_VALID | ((value) + 1),                    \
    [(first) + 2] = HEX_VALID | ((value) + 2), [(first) + 3] = HEX_VALID | ((value) + 3),          \
    [(first) + 4] = HEX_VALID | ((value) + 4)
static const uint8_t hex_values[256] = {
    HEX_ROW('0', 0),        HEX_ROW('5', 5),  HEX_ROW('a', 10),
    ['f'] = HEX_VALID | 15, HEX_ROW('A', 10), ['F'] = HEX_VALID | 15,
};

static const char hex_digits[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                    '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};

void ag_hex_encode(struct ag_bytes bytes, char *out)
{
    size_t done = ag_base_hex_encode_blocks(bytes.data, bytes.size, out);
    for (size_t i = done; i < bytes.size; i++) {
        out[2u * i] = hex_digits[bytes.data[i] >> 4];
        out[2u * i + 1u] = hex_digits[bytes.data[i] & 15u];
    }
    out[2u * bytes.size] = '\0';
}

static void skip_hex_prefix(const char **text, size_t *length)
{
    if (*length >= 2 && (*text)[0] == '0' && (*text)[1] == 'x') {
        *text += 2;
        *length -= 2;
    }
}

/* Decodes 2 * size digits. Wrong digits are gathered and judged once at the end, which keeps the
 * loop free of branches: envelopes of 140 kB arrive as hex. */
static enum ag_err decode_digits(const char *text, size_t size, uint8_t *out)
{
    unsigned valid = HEX_VALID;
    bool is_valid = true;
    size_t done = ag_base_hex_decode_blocks(text, size, out, &is_valid);
    for (size_t i = done; i < size; i++) {
        unsigned high = hex_values[(uint8_t)text[2u * i]];
        unsigned low = hex_values[(uint8_t)text[2u * i + 1u]];
        valid &= high & low;
        out[i] = (uint8_t)(high << 4 | (low & 15u));
    }
    return valid != 0 && is_valid ? AG_OK : AG_ERR_TEXT;
}

enum ag_err ag_hex_decode(const char *text, size_t length, struct ag_buf out)
{
    skip_hex_prefix(&text, &length);
    AG_ENSURE(length % 2 == 0 && length / 2 == out.size, AG_ERR_TEXT);
    enum ag_err err = decode_digits(text, out.size, out.data);
    if (err != AG_OK && out.size != 0) {
        memset(out.data, 0, out.size);
    }
    return err;
}

enum ag_err ag_hex_decode_arena(const char *text, size_t length, size_t limit,
                                struct ag_arena *arena, struct ag_bytes *out)
{
    skip_hex_prefix(&text, &length);
    AG_ENSURE(length % 2 == 0 && length / 2 <= limit, AG_ERR_TEXT);
    void *memory = NULL;
    AG_TRY(ag_arena_take(arena, length / 2, &memory));
    AG_TRY(decode_digits(text, length / 2, memory));
    *out = ag_bytes_of(memory, length / 2);
    return AG_OK;
}

/* ---- base64 ---- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes `count` (2 to 4) characters of one group into count - 1 bytes. Bits that no byte takes
 * must be zero, or one value would have several texts [RFC4648 3.5]. */
static enum ag_err decode_group(const char *text, unsigned count, uint8_t *out)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < 4; i++) {
        int value = i < count ? base64_value(text[i]) : 0;
        AG_ENSURE(value >= 0, AG_ERR_TEXT);
        bits = bits << 6 | (uint32_t)value;
    }
    for (unsigned i = 0; i < 3; i++) {
        uint8_t byte = (uint8_t)(bits >> (16u - 8u * i));
        if (i + 1u < count) {
            out[i] = byte;
        } else {
            AG_ENSURE(byte == 0, AG_ERR_TEXT);
        }
    }
    return AG_OK;
}

enum ag_err ag_base64_decode(const char *text, size_t length, size_t limit, struct ag_arena *arena,
                             struct ag_bytes *out)
{
    AG_ENSURE(length % 4 == 0, AG_ERR_TEXT);
    size_t padding = 0;
    if (length != 0 && text[length - 1u] == '=') {
        padding = text[length - 2u] == '=' ? 2 : 1;
    }
    size_t size = length / 4u * 3u - padding;
    AG_ENSURE(size <= limit, AG_ERR_TEXT);

    void *memory = NULL;
    AG_TRY(ag_arena_take(arena, size, &memory));
    uint8_t *bytes = memory;
    size_t groups = length / 4u;
    for (size_t i = 0; i < groups; i++) {
        unsigned count = i + 1u == groups ? 4u - (unsigned)padding : 4u;
        AG_TRY(decode_group(text + 4u * i, count, bytes + 3u * i));
    }
    *out = ag_bytes_of(bytes, size);
    return AG_OK;
}

/* ---- messages ---- */

void ag_text_format(char *out, size_t size, const char *format, ...)
{
    AG_ASSERT(size != 0);
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(out, size, format, arguments) < 0) {
        out[0] = '\0';
    }
    va_end(arguments);
}

/* ---- numbers ---- */

static enum ag_err parse_hex_u64(const char *text, size_t length, uint64_t *out)
{
    AG_ENSURE(length >= 1 && length <= 16, AG_ERR_TEXT);
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t digit = hex_values[(uint8_t)text[i]];
        AG_ENSURE((digit & HEX_VALID) != 0, AG_ERR_TEXT);
        value = value << 4 | (digit & 15u);
    }
    *out = value;
    return AG_OK;
}

enum ag_err ag_u64_parse(const char *text, size_t length, bool allow_hex, uint64_t *out)
{
    if (allow_hex && length >= 2 && text[0] == '0' && text[1] == 'x') {
        return parse_hex_u64(text + 2, length - 2, out);
    }
    /* A leading zero means octal to some readers, so it means nothing here. */
    AG_ENSURE(length >= 1 && (length == 1 || text[0] != '0'), AG_ERR_TEXT);
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        AG_ENSURE(text[i] >= '0' && text[i] <= '9', AG_ERR_TEXT);
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value)) {
            return AG_ERR_TEXT;
        }
    }
    *out = value;
    return AG_OK;
}

/* ---- `key = value` files ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* Takes the quotes off `value` in place: "..." with \" and \\ as the only escapes, and nothing
 * behind the closing quote. */
static enum ag_err unquote(char *value)
{
    size_t write = 0;
    size_t read = 1;
    for (; value[read] != '\0' && value[read] != '"'; read++) {
        if (value[read] == '\\') {
            read++;
            AG_ENSURE(value[read] == '"' || value[read] == '\\', AG_ERR_TEXT);
        }
        value[write++] = value[read];
    }
    AG_ENSURE(value[read] == '"' && value[read + 1u] == '\0', AG_ERR_TEXT);
    value[write] = '\0';
    return AG_OK;
}

/* Cuts one line into key and value in place. `*out_key` stays NULL for an empty line or comment. */
static enum ag_err split_line(char *line, size_t length, const char **out_key,
                              const char **out_value, struct ag_fault *fault)
{
    while (length != 0 && (is_blank(line[length - 1u]) || line[length - 1u] == '\r')) {
        line[--length] = '\0';
    }
    while (is_blank(*line)) {
        line++;
    }
    if (*line == '\0' || *line == '#') {
        return AG_OK;
    }

    char *key = line;
    while (is_key_char(*line)) {
        line++;
    }
    char *key_end = line;
    while (is_blank(*line)) {
        line++;
    }
    if (key_end == key || *line != '=') {
        return ag_fault_set(fault, AG_ERR_TEXT, "key");
    }
    *key_end = '\0';
    line++;
    while (is_blank(*line)) {
        line++;
    }
    /* An empty value is written "", so that a forgotten one is seen. */
    if (*line == '\0' || (*line == '"' && unquote(line) != AG_OK)) {
        return ag_fault_set(fault, AG_ERR_TEXT, "value");
    }
    *out_key = key;
    *out_value = line;
    return AG_OK;
}

static bool is_text(struct ag_bytes line)
{
    for (size_t i = 0; i < line.size; i++) {
        uint8_t c = line.data[i];
        bool is_line_end = c == '\r' && i + 1u == line.size;
        if ((c < 0x20 && c != '\t' && !is_line_end) || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static enum ag_err parse_line(struct ag_bytes source, unsigned line, ag_text_row *row,
                              void *context, struct ag_fault *fault)
{
    char copy[AG_LIMIT_TEXT_LINE_BYTES + 1];
    if (source.size > AG_LIMIT_TEXT_LINE_BYTES) {
        return ag_fault_limit(fault, AG_ERR_TEXT, "line", AG_LIMIT_TEXT_LINE_BYTES, source.size);
    }
    if (!is_text(source)) {
        return ag_fault_set(fault, AG_ERR_TEXT, "control character");
    }
    if (source.size != 0) {
        memcpy(copy, source.data, source.size);
    }
    copy[source.size] = '\0';

    const char *key = NULL;
    const char *value = NULL;
    AG_TRY(split_line(copy, source.size, &key, &value, fault));
    return key == NULL ? AG_OK : row(context, line, key, value, fault);
}

enum ag_err ag_text_parse(struct ag_bytes text, ag_text_row *row, void *context, unsigned *out_line,
                          struct ag_fault *fault)
{
    *out_line = 0;
    if (text.size > AG_LIMIT_TEXT_BYTES) {
        return ag_fault_limit(fault, AG_ERR_TEXT, "text", AG_LIMIT_TEXT_BYTES, text.size);
    }
    unsigned line = 0;
    while (text.size != 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t length = end == NULL ? text.size : (size_t)(end - text.data);
        line++;
        *out_line = line;
        if (line > AG_LIMIT_TEXT_LINES) {
            return ag_fault_limit(fault, AG_ERR_TEXT, "lines", AG_LIMIT_TEXT_LINES, line);
        }
        AG_TRY(parse_line(ag_bytes_head(text, length), line, row, context, fault));
        text = ag_bytes_tail(text, end == NULL ? length : length + 1u);
    }
    return AG_OK;
}
