/* SPDX-License-Identifier: Apache-2.0 */
/* Does any text crash the JSON reader or come back different from the writer?
 *
 * What is read is written, read again and written again: both writings must be equal. Each member
 * of a top-level object is cut out of the text as it stands and must mean the same. Allocations
 * fail on the way, because the library behind the reader does not survive that by itself. */
#include <string.h>

#include "base/base.h"

#define OUT_LIMIT (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_scalar(struct ag_json_out *out, const char *key,
                         const struct ag_json_value *value)
{
    size_t length = 0;
    int64_t number = 0;
    switch (ag_json_type(value)) {
    case AG_JSON_STRING: {
        const char *text = ag_json_string(value, &length);
        AG_ASSERT(strlen(text) == length); /* no NUL inside */
        ag_json_put_text(out, key, ag_bytes_of(text, length));
        break;
    }
    case AG_JSON_NUMBER:
        AG_ASSERT(ag_json_i64(value, &number) == AG_OK);
        ag_json_put_i64(out, key, number);
        break;
    case AG_JSON_BOOL:
        ag_json_put_bool(out, key, ag_json_bool(value, false));
        break;
    case AG_JSON_NULL:
    case AG_JSON_ARRAY:
    case AG_JSON_OBJECT:
    default:
        ag_json_put_null(out, key);
        break;
    }
}

/* Starts `value` in the output; true if it has an inside to walk. */
static bool enter(struct ag_json_out *out, const char *key, const struct ag_json_value *value)
{
    switch (ag_json_type(value)) {
    case AG_JSON_OBJECT:
        ag_json_object(out, key);
        return true;
    case AG_JSON_ARRAY:
        ag_json_array(out, key);
        return true;
    case AG_JSON_NULL:
    case AG_JSON_BOOL:
    case AG_JSON_NUMBER:
    case AG_JSON_STRING:
    default:
        write_scalar(out, key, value);
        return false;
    }
}

static void write_value(const struct ag_json_value *root, struct ag_vec *vec)
{
    struct {
        const struct ag_json_value *value;
        size_t next;
    } levels[AG_LIMIT_JSON_DEPTH + 1];
    unsigned depth = 0;
    struct ag_json_out out;

    vec->size = 0;
    ag_json_begin(&out, vec, false);
    if (enter(&out, NULL, root)) {
        levels[0].value = root;
        levels[0].next = 0;
        depth = 1;
    }
    while (depth > 0) {
        const struct ag_json_value *parent = levels[depth - 1].value;
        size_t index = levels[depth - 1].next++;
        if (index == ag_json_count(parent)) {
            ag_json_end(&out);
            depth--;
            continue;
        }
        const char *key = NULL;
        const struct ag_json_value *child = ag_json_type(parent) == AG_JSON_OBJECT
                                                ? ag_json_member(parent, index, &key)
                                                : ag_json_at(parent, index);
        AG_ASSERT(child != NULL);
        AG_ASSERT(key == NULL || ag_json_get(parent, key) == child);
        if (enter(&out, key, child)) {
            AG_ASSERT(depth < AG_COUNT(levels));
            levels[depth].value = child;
            levels[depth].next = 0;
            depth++;
        }
    }
    AG_ASSERT(ag_json_finish(&out) == AG_OK);
}

/* A string without escapes is what stands between its quotes, however long it is. */
static void check_plain(struct ag_bytes raw, const struct ag_json_value *value)
{
    size_t length = 0;
    const char *text = ag_json_string(value, &length);
    if (text != NULL && memchr(raw.data, '\\', raw.size) == NULL) {
        AG_ASSERT(raw.size == length + 2 && memcmp(raw.data + 1, text, length) == 0);
    }
}

static void check_members(struct ag_bytes text, const struct ag_json_value *root)
{
    struct ag_vec whole;
    struct ag_vec alone;
    ag_vec_init(&whole, OUT_LIMIT);
    ag_vec_init(&alone, OUT_LIMIT);
    size_t count = ag_json_type(root) == AG_JSON_OBJECT ? ag_json_count(root) : 0;
    for (size_t i = 0; i < count && i < 32; i++) {
        const char *key = NULL;
        struct ag_bytes raw = {0};
        struct ag_json *json = NULL;
        const struct ag_json_value *value = ag_json_member(root, i, &key);
        enum ag_err err = ag_json_raw_member(text, key, &raw);
        /* A key written with escapes is not found; nothing else may go wrong in parsed text. */
        AG_ASSERT(err == AG_OK || err == AG_ERR_NOT_FOUND);
        if (err == AG_OK) {
            AG_ASSERT(ag_json_parse(raw, &json) == AG_OK);
            write_value(value, &whole);
            write_value(ag_json_root(json), &alone);
            AG_ASSERT(ag_bytes_equal(ag_vec_view(&whole), ag_vec_view(&alone)));
            ag_json_close(json);
            check_plain(raw, value);
        }
    }
    ag_vec_close(&whole);
    ag_vec_close(&alone);
}

static void check_without_memory(struct ag_bytes text)
{
    for (uint64_t nth = 1; nth <= 4; nth++) {
        struct ag_json *json = NULL;
        ag_alloc_fail_nth(nth);
        enum ag_err err = ag_json_parse(text, &json);
        ag_alloc_fail_nth(0);
        AG_ASSERT(err == AG_OK || err == AG_ERR_NO_MEMORY);
        ag_json_close(json);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_bytes text = ag_bytes_of(data, size);
    struct ag_bytes raw = {0};
    struct ag_json *json = NULL;
    size_t in_use = ag_alloc_in_use();

    /* The cutter stays within any bytes, and what it cuts lies within them. */
    if (ag_json_raw_member(text, "a", &raw) == AG_OK) {
        AG_ASSERT(raw.data > data && raw.size != 0 && raw.data + raw.size < data + size);
    }
    enum ag_err err = ag_json_parse(text, &json);
    AG_ASSERT(err == AG_OK || err == AG_ERR_JSON);
    if (err == AG_OK) {
        struct ag_vec first;
        struct ag_vec second;
        ag_vec_init(&first, OUT_LIMIT);
        ag_vec_init(&second, OUT_LIMIT);
        write_value(ag_json_root(json), &first);
        check_members(text, ag_json_root(json));
        ag_json_close(json);
        AG_ASSERT(ag_json_parse(ag_vec_view(&first), &json) == AG_OK);
        write_value(ag_json_root(json), &second);
        ag_json_close(json);
        AG_ASSERT(ag_bytes_equal(ag_vec_view(&first), ag_vec_view(&second)));
        ag_vec_close(&first);
        ag_vec_close(&second);
        check_without_memory(text);
    }
    AG_ASSERT(ag_alloc_in_use() == in_use);
    return 0;
}
