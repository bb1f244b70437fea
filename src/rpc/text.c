/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "rpc/rpc_i.h"

enum ag_err rpc_text_init(struct rpc_text *text, const struct ag_host *host)
{
    uint8_t random[8];
    char digits[17];
    memset(text, 0, sizeof(*text));
    AG_TRY(host->random(host->context, (struct ag_buf){random, sizeof(random)}));
    ag_hex_encode(AG_ARRAY_VIEW(random), digits);
    int size = snprintf(text->mark, sizeof(text->mark), "hex-%s-", digits);
    AG_ASSERT(size == 21);
    ag_vec_init(&text->text, AG_LIMIT_RPC_TEXT_BYTES);
    ag_vec_init(&text->pieces,
                AG_LIMIT_HTTP_BODY_BYTES / RPC_HEX_SIZE_MIN * sizeof(struct ag_bytes));
    return AG_OK;
}

void rpc_text_close(struct rpc_text *text)
{
    ag_vec_close(&text->text);
    ag_vec_close(&text->pieces);
}

/* The index of the quote that ends the string whose opening quote is at `at`; the text's size if
 * there is none. */
static size_t find_string_end(struct ag_bytes body, size_t at)
{
    const uint8_t *start = body.data + at + 1u;
    size_t left = body.size - at - 1u;
    const uint8_t *quote = left == 0 ? NULL : memchr(start, '"', left);
    if (quote == NULL) {
        return body.size;
    }
    if (memchr(start, '\\', (size_t)(quote - start)) == NULL) {
        return (size_t)(quote - body.data);
    }
    for (size_t i = at + 1u; i < body.size; i++) {
        if (body.data[i] == '\\') {
            i++;
        } else if (body.data[i] == '"') {
            return i;
        }
    }
    return body.size;
}

static enum ag_err append(struct rpc_text *text, struct ag_bytes bytes, struct ag_fault *fault)
{
    enum ag_err err = ag_vec_append(&text->text, bytes);
    if (err == AG_ERR_WIRE_SPACE) {
        return ag_fault_limit(fault, AG_ERR_RPC_REQUEST, "text beside hex", AG_LIMIT_RPC_TEXT_BYTES,
                              text->text.size + bytes.size);
    }
    return err;
}

/* Decodes the string `inside` and writes its mark; `*out_taken` is false if it is not hex. */
static enum ag_err take_hex(struct rpc_text *text, struct ag_bytes inside, struct ag_arena *arena,
                            struct ag_fault *fault, bool *out_taken)
{
    struct ag_bytes piece = {0};
    enum ag_err err = ag_hex_decode_arena((const char *)inside.data, inside.size,
                                          AG_LIMIT_HTTP_BODY_BYTES, arena, &piece);
    *out_taken = err == AG_OK;
    if (err != AG_OK) {
        /* The parser will see it, and refuse it if it must be hex. */
        return err == AG_ERR_TEXT ? AG_OK : err;
    }
    char mark[48];
    int size = snprintf(mark, sizeof(mark), "%s%zu", text->mark,
                        text->pieces.size / sizeof(struct ag_bytes));
    AG_ASSERT(size > 0 && (size_t)size < sizeof(mark));
    AG_TRY(ag_vec_append(&text->pieces, ag_bytes_of(&piece, sizeof(piece))));
    return append(text, ag_bytes_of(mark, (size_t)size), fault);
}

enum ag_err rpc_text_take(struct rpc_text *text, struct ag_bytes body, struct ag_arena *arena,
                          struct ag_fault *fault)
{
    text->text.size = 0;
    text->pieces.size = 0;
    size_t copied = 0; /* what stands before this index is in the new text */
    size_t at = 0;
    while (at < body.size) {
        const uint8_t *quote = memchr(body.data + at, '"', body.size - at);
        if (quote == NULL) {
            break;
        }
        size_t start = (size_t)(quote - body.data);
        size_t end = find_string_end(body, start);
        size_t inside_size = end - start - 1u;
        if (end < body.size && inside_size >= RPC_HEX_SIZE_MIN) {
            struct ag_bytes inside = ag_bytes_of(quote + 1, inside_size);
            bool is_taken = false;
            AG_TRY(append(text, ag_bytes_of(body.data + copied, start + 1u - copied), fault));
            AG_TRY(take_hex(text, inside, arena, fault, &is_taken));
            copied = is_taken ? end : start + 1u;
        }
        at = end + 1u;
    }
    return append(text, ag_bytes_tail(body, copied), fault);
}

enum ag_err rpc_text_bytes(const struct rpc_text *text, const struct ag_json_value *value,
                           size_t limit, struct ag_arena *arena, struct ag_bytes *out)
{
    size_t size = 0;
    const char *string = ag_json_string(value, &size);
    AG_ENSURE(string != NULL, AG_ERR_TEXT);
    size_t mark_size = strlen(text->mark);
    if (size <= mark_size || memcmp(string, text->mark, mark_size) != 0) {
        return ag_hex_decode_arena(string, size, limit, arena, out);
    }
    uint64_t index = 0;
    struct ag_bytes piece = {0};
    AG_TRY(ag_u64_parse(string + mark_size, size - mark_size, false, &index));
    AG_ENSURE(index < text->pieces.size / sizeof(piece), AG_ERR_TEXT);
    memcpy(&piece, text->pieces.data + index * sizeof(piece), sizeof(piece));
    AG_ENSURE(piece.size <= limit, AG_ERR_TEXT);
    *out = piece;
    return AG_OK;
}
