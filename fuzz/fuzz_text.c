/* SPDX-License-Identifier: Apache-2.0 */
/* Does any text crash the small readers, or mean something that does not lead back to it?
 *
 * The first byte picks the reader: h hex, b base64, u number, t `key = value` lines; anything else
 * is text for the JSON writer. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_LIMIT ((size_t)100000)

static void check_hex(const char *text, size_t length)
{
    struct ag_arena arena;
    struct ag_bytes bytes = {0};
    ag_arena_init(&arena, 2 * SIZE_LIMIT);
    if (ag_hex_decode_arena(text, length, SIZE_LIMIT, &arena, &bytes) == AG_OK) {
        /* Lower case and without a prefix, the text is what encoding gives. */
        if (length >= 2 && memcmp(text, "0x", 2) == 0) {
            text += 2;
            length -= 2;
        }
        char *back = malloc(2 * bytes.size + 1);
        AG_ASSERT(back != NULL && length == 2 * bytes.size);
        ag_hex_encode(bytes, back);
        for (size_t i = 0; i < length; i++) {
            AG_ASSERT(back[i] == tolower((uint8_t)text[i]));
        }
        free(back);
    }
    ag_arena_close(&arena);
}

static void check_base64(const char *text, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct ag_arena arena;
    struct ag_bytes bytes = {0};
    ag_arena_init(&arena, 2 * SIZE_LIMIT);
    if (ag_base64_decode(text, length, SIZE_LIMIT, &arena, &bytes) == AG_OK) {
        /* There is one text for each value, so encoding must give this one. */
        AG_ASSERT(length == (bytes.size + 2) / 3 * 4);
        for (size_t i = 0; i < length; i++) {
            size_t bit = i / 4 * 24 + i % 4 * 6;
            unsigned value = 0;
            for (size_t k = 0; k < 6; k++) {
                size_t at = (bit + k) / 8;
                unsigned one = at < bytes.size ? bytes.data[at] >> (7 - (bit + k) % 8) & 1u : 0;
                value = value << 1 | one;
            }
            AG_ASSERT(text[i] == (bit >= 8 * bytes.size ? '=' : digits[value]));
        }
    }
    ag_arena_close(&arena);
}

static void check_number(const char *text, size_t length)
{
    uint64_t decimal = 0;
    uint64_t either = 0;
    enum ag_err err = ag_u64_parse(text, length, false, &decimal);
    enum ag_err err_either = ag_u64_parse(text, length, true, &either);
    if (err == AG_OK) {
        char back[24];
        int back_length = snprintf(back, sizeof(back), "%" PRIu64, decimal);
        AG_ASSERT((size_t)back_length == length && memcmp(back, text, length) == 0);
        AG_ASSERT(err_either == AG_OK && either == decimal);
    } else if (err_either == AG_OK) {
        AG_ASSERT(length >= 3 && length <= 18 && memcmp(text, "0x", 2) == 0);
    }
}

/* Writes each row as a line that must be read back as the same row. */
static enum ag_err write_row(void *context, unsigned line, const char *key, const char *value,
                             struct ag_fault *fault)
{
    struct ag_vec *out = context;
    (void)line;
    (void)fault;
    AG_TRY(ag_vec_printf(out, "%s = \"", key));
    for (; *value != '\0'; value++) {
        AG_TRY(ag_vec_printf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value));
    }
    return ag_vec_printf(out, "\"\n");
}

static void check_lines(const char *text, size_t length)
{
    struct ag_vec first;
    struct ag_vec second;
    unsigned line = 0;
    struct ag_fault fault = {0};
    ag_vec_init(&first, 4 * SIZE_LIMIT);
    ag_vec_init(&second, 4 * SIZE_LIMIT);
    enum ag_err err = ag_text_parse(ag_bytes_of(text, length), write_row, &first, &line, &fault);
    AG_ASSERT(err == AG_OK || (err == AG_ERR_TEXT && fault.field != NULL));
    /* What was written is longer than what was read, and may be over a limit; what is not over one
     * has to be read. */
    if (err == AG_OK) {
        err = ag_text_parse(ag_vec_view(&first), write_row, &second, &line, &fault);
        AG_ASSERT(err == AG_OK || fault.has_limit);
        AG_ASSERT(err != AG_OK || ag_bytes_equal(ag_vec_view(&first), ag_vec_view(&second)));
    }
    ag_vec_close(&first);
    ag_vec_close(&second);
}

static void check_json_text(struct ag_bytes text)
{
    struct ag_vec vec;
    struct ag_json_out out;
    struct ag_json *json = NULL;
    ag_vec_init(&vec, 8 * SIZE_LIMIT);
    ag_json_begin(&out, &vec, false);
    ag_json_object(&out, NULL);
    ag_json_put_text(&out, "a", text);
    ag_json_end(&out);
    AG_ASSERT(ag_json_finish(&out) == AG_OK);
    bool has_nul = text.size != 0 && memchr(text.data, 0, text.size) != NULL;
    enum ag_err err = ag_json_parse(ag_vec_view(&vec), &json);
    /* Our reader takes no NUL; other readers do. */
    AG_ASSERT(err == (has_nul ? AG_ERR_JSON : AG_OK));
    ag_json_close(json);
    ag_vec_close(&vec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > SIZE_LIMIT) {
        return 0;
    }
    size_t in_use = ag_alloc_in_use();
    const char *text = (const char *)data + 1;
    size_t length = size - 1;
    switch (data[0]) {
    case 'h':
        check_hex(text, length);
        break;
    case 'b':
        check_base64(text, length);
        break;
    case 'u':
        check_number(text, length);
        break;
    case 't':
        check_lines(text, length);
        break;
    default:
        check_json_text(ag_bytes_of(text, length));
        break;
    }
    AG_ASSERT(ag_alloc_in_use() == in_use);
    return 0;
}
