/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

/* A value copied into a text, without recursion: a parsed document is at most JSON_DEPTH deep. */

struct level {
    const struct ag_json_value *value;
    size_t next;
};

static void put_plain(struct ag_json_out *out, const char *key, const struct ag_json_value *value)
{
    uint64_t number = 0;
    switch (ag_json_type(value)) {
    case AG_JSON_STRING: {
        size_t length = 0;
        const char *text = ag_json_string(value, &length);
        ag_json_put_text(out, key, ag_bytes_of(text, length));
        break;
    }
    case AG_JSON_NUMBER:
        if (ag_json_u64(value, &number) == AG_OK) {
            ag_json_put_u64(out, key, number);
        } else {
            ag_json_put_null(out, key); /* negative: no message of ours has one */
        }
        break;
    case AG_JSON_BOOL:
        ag_json_put_bool(out, key, ag_json_bool(value, false));
        break;
    case AG_JSON_NULL:
    case AG_JSON_ARRAY:
    case AG_JSON_OBJECT:
        ag_json_put_null(out, key);
        break;
    }
}

static bool is_nested(const struct ag_json_value *value)
{
    return ag_json_type(value) == AG_JSON_OBJECT || ag_json_type(value) == AG_JSON_ARRAY;
}

static void open_level(struct ag_json_out *out, const char *key, const struct ag_json_value *value)
{
    if (ag_json_type(value) == AG_JSON_OBJECT) {
        ag_json_object(out, key);
    } else {
        ag_json_array(out, key);
    }
}

void ag_json_put_value(struct ag_json_out *out, const char *key, const struct ag_json_value *value)
{
    struct level stack[AG_LIMIT_JSON_DEPTH + 1];
    size_t depth = 0;
    if (!is_nested(value)) {
        put_plain(out, key, value);
        return;
    }
    open_level(out, key, value);
    stack[depth++] = (struct level){value, 0};
    while (depth != 0) {
        struct level *level = &stack[depth - 1];
        if (level->next == ag_json_count(level->value)) {
            ag_json_end(out);
            depth--;
            continue;
        }
        const char *name = NULL;
        const struct ag_json_value *child = ag_json_type(level->value) == AG_JSON_OBJECT
                                                ? ag_json_member(level->value, level->next, &name)
                                                : ag_json_at(level->value, level->next);
        level->next++;
        if (!is_nested(child)) {
            put_plain(out, name, child);
            continue;
        }
        AG_ASSERT(depth <= AG_LIMIT_JSON_DEPTH);
        open_level(out, name, child);
        stack[depth++] = (struct level){child, 0};
    }
}
