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

#include "base/json_i.h"

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

/* ---- parsing ---- */

/* The string whose place `value` holds, as a value of its own; NULL if it holds no place. */
static json_t *restore_one(const json_t *value, const struct ag_bytes *strings, size_t count)
{
    size_t index = (size_t)json_real_value(value); /* 0.5 is the first */
    if (index >= count) {
        return NULL;
    }
    return json_stringn_nocheck((const char *)strings[index].data, strings[index].size);
}

/* One container on the way through a document. */
struct level {
    json_t *container;
    size_t index;
    void *iterator;
};

static json_t *child_of(const struct level *level)
{
    return json_is_array(level->container) ? json_array_get(level->container, level->index)
                                           : json_object_iter_value(level->iterator);
}

static void set_child(const struct level *level, json_t *value)
{
    int result = json_is_array(level->container)
                     ? json_array_set_new(level->container, level->index, value)
                     : json_object_iter_set_new(level->container, level->iterator, value);
    AG_ASSERT(result == 0);
}

static void step(struct level *level)
{
    if (json_is_array(level->container)) {
        level->index++;
    } else {
        level->iterator = json_object_iter_next(level->container, level->iterator);
    }
}

/* Puts the long strings back in the places that ag_json_shorten gave them. */
static enum ag_err restore(json_t **root, const struct ag_bytes *strings, size_t count)
{
    struct level levels[AG_LIMIT_JSON_DEPTH];
    unsigned depth = 0;
    if (json_is_real(*root)) {
        *root = restore_one(*root, strings, count);
        return *root != NULL ? AG_OK : AG_ERR_JSON;
    }
    levels[depth++] = (struct level){.container = *root, .iterator = json_object_iter(*root)};
    while (depth > 0) {
        struct level *level = &levels[depth - 1u];
        json_t *child = child_of(level);
        if (child == NULL) {
            depth--;
            continue;
        }
        if (json_is_real(child)) {
            child = restore_one(child, strings, count);
            AG_ENSURE(child != NULL, AG_ERR_JSON);
            set_child(level, child);
        }
        step(level);
        if (json_is_array(child) || json_is_object(child)) {
            AG_ASSERT(depth < AG_COUNT(levels));
            levels[depth++] =
                (struct level){.container = child, .iterator = json_object_iter(child)};
        }
    }
    return AG_OK;
}

static enum ag_err run_library(struct ag_bytes text, const struct ag_bytes *strings, size_t count,
                               struct ag_arena *arena, json_t **out)
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
    enum ag_err err = root == NULL ? AG_ERR_JSON : AG_OK;
    if (err == AG_OK && count != 0) {
        err = restore(&root, strings, count);
    }
    parse_now = NULL;
    AG_TRY(err);
    *out = root;
    return AG_OK;
}

static enum ag_err parse_into(struct ag_bytes text, size_t long_count, struct ag_json *json)
{
    struct ag_bytes *strings = NULL;
    size_t string_count = 0;
    if (long_count != 0) {
        AG_TRY(ag_json_shorten(text, long_count, &json->arena, &text, &strings, &string_count));
    }
    return run_library(text, strings, string_count, &json->arena, &json->root);
}

enum ag_err ag_json_parse(struct ag_bytes text, struct ag_json **out)
{
    AG_ASSERT(pthread_once(&library_once, set_up_library) == 0);
    size_t long_count = 0;
    AG_TRY(ag_json_scan(text, &long_count));

    struct ag_json *json = ag_alloc(sizeof(*json));
    AG_ENSURE(json != NULL, AG_ERR_NO_MEMORY);
    /* The limits on bytes and values bound the region; it needs none of its own. */
    ag_arena_init(&json->arena, SIZE_MAX);
    enum ag_err err = parse_into(text, long_count, json);
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
    union {
        const struct ag_json_value *ours;
        json_t *theirs;
    } view = {.ours = object};
    void *iterator = json_object_iter(view.theirs);
    for (size_t i = 0; i < index && iterator != NULL; i++) {
        iterator = json_object_iter_next(view.theirs, iterator);
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
