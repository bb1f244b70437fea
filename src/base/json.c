/* SPDX-License-Identifier: Apache-2.0 */
/* The reader. Our own scanner walks the text once before the library sees it and refuses what would
 * cost memory or stack: depth, size and counts; and numbers that are not integers. Syntax is the
 * library's to judge, and no check is in two places. docs/adr/0003 tells what else is kept from
 * it. */
#include "base/base.h"

#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>

/* A document is one region. Nobody outside holds references of the library's, so closing a document
 * is dropping the region, and the library's own counting of references has nothing left to do. */
struct ag_json {
    struct ag_arena arena;
    json_t *root;
};

/* ---- the library's memory and chance are ours ---- */

/* The parse that runs on this thread. */
struct parse {
    struct ag_arena *arena;
    jmp_buf no_memory;
};
static _Thread_local struct parse *parse_now;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* The library does not survive a failed allocation: its lexer drops the character that had no room
 * and then reads on past its buffer, or stops the process (jansson issue 362). An adversary who
 * fills our pool up to the cap could time that. So an allocation never fails in its sight: we leave
 * the parse altogether, and its region goes with it. It holds no lock and no global state then. */
static void *library_alloc(size_t size)
{
    struct parse *parse = parse_now;
    AG_ASSERT(parse != NULL);
    void *memory = NULL;
    if (ag_arena_take(parse->arena, size, &memory) != AG_OK) {
        longjmp(parse->no_memory, 1);
    }
    return memory;
}

/* The region is dropped as a whole. */
static void library_free(void *memory)
{
    (void)memory;
}

static void set_up_library(void)
{
    json_set_alloc_funcs(library_alloc, library_free);
    /* The seed keeps hash tables from being filled with chosen collisions. Without entropy the
     * library makes its own; a parser must work before the node decides to refuse to run. */
    size_t seed = 0;
    const struct ag_host *host = ag_host_system();
    if (host->random(host->context, (struct ag_buf){(uint8_t *)&seed, sizeof(seed)}) != AG_OK) {
        seed = 0;
    }
    json_object_seed(seed);
}

/* ---- scanning ---- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The index behind the string that starts with a quote at `at`; the text's size if it never ends. */
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

static enum ag_err scan_limits(struct ag_bytes text)
{
    AG_ENSURE(text.size <= AG_LIMIT_JSON_BYTES, AG_ERR_JSON);
    /* The library skips a NUL behind a number or a word, so its syntax is ours to refuse. */
    AG_ENSURE(memchr(text.data, 0, text.size) == NULL, AG_ERR_JSON);
    struct scan scan = {0};
    bool is_number = false;
    for (size_t at = 0; at < text.size;) {
        uint8_t c = text.data[at];
        if (c == '"') {
            at = skip_string(text, at);
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
    return AG_OK;
}

/* ---- parsing ---- */

static enum ag_err run_library(struct ag_bytes text, struct ag_arena *arena, json_t **out)
{
    struct parse parse = {.arena = arena};
    parse_now = &parse;
    if (setjmp(parse.no_memory) != 0) {
        parse_now = NULL;
        return AG_ERR_NO_MEMORY;
    }
    json_error_t error = {0};
    json_t *root = json_loadb((const char *)text.data, text.size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    parse_now = NULL;
    AG_ENSURE(root != NULL, AG_ERR_JSON);
    *out = root;
    return AG_OK;
}

enum ag_err ag_json_parse(struct ag_bytes text, struct ag_json **out)
{
    AG_ASSERT(pthread_once(&library_once, set_up_library) == 0);
    AG_ENSURE(text.size != 0, AG_ERR_JSON);
    AG_TRY(scan_limits(text));

    struct ag_json *json = ag_alloc(sizeof(*json));
    AG_ENSURE(json != NULL, AG_ERR_NO_MEMORY);
    /* The limits on bytes and values bound the region; it needs none of its own. */
    ag_arena_init(&json->arena, SIZE_MAX);
    enum ag_err err = run_library(text, &json->arena, &json->root);
    if (err != AG_OK) {
        ag_json_close(json);
        return err;
    }
    *out = json;
    return AG_OK;
}

void ag_json_close(struct ag_json *json)
{
    if (json == NULL) {
        return;
    }
    ag_arena_close(&json->arena);
    ag_free(json);
}

void ag_json_cleanup(struct ag_json **json)
{
    ag_json_close(*json);
    *json = NULL;
}

/* ---- reading ---- */

/* Our borrowed values are the library's under another name. */
static const json_t *inner(const struct ag_json_value *value)
{
    return (const json_t *)(const void *)value;
}

static const struct ag_json_value *outer(const json_t *value)
{
    return (const struct ag_json_value *)(const void *)value;
}

const struct ag_json_value *ag_json_root(const struct ag_json *json)
{
    return json == NULL ? NULL : outer(json->root);
}

enum ag_json_type ag_json_type(const struct ag_json_value *value)
{
    if (value == NULL) {
        return AG_JSON_NULL;
    }
    switch (json_typeof(inner(value))) {
    case JSON_OBJECT:
        return AG_JSON_OBJECT;
    case JSON_ARRAY:
        return AG_JSON_ARRAY;
    case JSON_STRING:
        return AG_JSON_STRING;
    case JSON_INTEGER:
        return AG_JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return AG_JSON_BOOL;
    case JSON_REAL: /* refused before parsing */
    case JSON_NULL:
    default:
        return AG_JSON_NULL;
    }
}

const struct ag_json_value *ag_json_get(const struct ag_json_value *object, const char *key)
{
    return outer(json_object_get(inner(object), key));
}

size_t ag_json_count(const struct ag_json_value *array_or_object)
{
    /* Each answers 0 for another type and for NULL. */
    return json_array_size(inner(array_or_object)) + json_object_size(inner(array_or_object));
}

const struct ag_json_value *ag_json_at(const struct ag_json_value *array, size_t index)
{
    return outer(json_array_get(inner(array), index));
}

const struct ag_json_value *ag_json_member(const struct ag_json_value *object, size_t index,
                                           const char **out_key)
{
    if (ag_json_type(object) != AG_JSON_OBJECT) {
        return NULL;
    }
    /* The library iterates in source order, through an interface that is not const. A walk from the
     * start is quadratic over an object, which JSON_MEMBERS keeps small. */
    json_t *library_object = (json_t *)(uintptr_t)object;
    void *iterator = json_object_iter(library_object);
    for (size_t i = 0; i < index && iterator != NULL; i++) {
        iterator = json_object_iter_next(library_object, iterator);
    }
    if (iterator == NULL) {
        return NULL;
    }
    if (out_key != NULL) {
        *out_key = json_object_iter_key(iterator);
    }
    return outer(json_object_iter_value(iterator));
}

const char *ag_json_string(const struct ag_json_value *value, size_t *out_length)
{
    const char *text = json_string_value(inner(value));
    if (text != NULL && out_length != NULL) {
        *out_length = json_string_length(inner(value));
    }
    return text;
}

enum ag_err ag_json_u64(const struct ag_json_value *value, uint64_t *out)
{
    AG_ENSURE(ag_json_type(value) == AG_JSON_NUMBER, AG_ERR_JSON);
    json_int_t number = json_integer_value(inner(value));
    AG_ENSURE(number >= 0, AG_ERR_JSON);
    *out = (uint64_t)number;
    return AG_OK;
}

enum ag_err ag_json_i64(const struct ag_json_value *value, int64_t *out)
{
    AG_ENSURE(ag_json_type(value) == AG_JSON_NUMBER, AG_ERR_JSON);
    *out = json_integer_value(inner(value));
    return AG_OK;
}

bool ag_json_bool(const struct ag_json_value *value, bool fallback)
{
    if (ag_json_type(value) != AG_JSON_BOOL) {
        return fallback;
    }
    return json_is_true(inner(value));
}

/* ---- the exact bytes of a member ---- */

static size_t skip_spaces(struct ag_bytes text, size_t at)
{
    while (at < text.size && is_space(text.data[at])) {
        at++;
    }
    return at;
}

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

static bool is_at(struct ag_bytes text, size_t at, char wanted)
{
    return at < text.size && text.data[at] == (uint8_t)wanted;
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
