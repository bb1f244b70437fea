/* SPDX-License-Identifier: Apache-2.0 */
/* json_get: is standard input exactly one JSON document, and what does it say?
 *
 *   json_get [PATH...]     PATH as in claims.*.reason
 *
 * Prints the value of each path on a line: text as it is, numbers, yes or no, and the count of a
 * list or object. Exit status 1 when the input is not JSON, a path leads nowhere, or a text is
 * empty. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

#define VALUES_MAX 4096u

struct values {
    const struct ag_json_value *items[VALUES_MAX];
    size_t count;
};

static bool add(struct values *values, const struct ag_json_value *item)
{
    if (item == NULL || values->count == VALUES_MAX) {
        return false;
    }
    values->items[values->count++] = item;
    return true;
}

/* One step of a path from one value: a member, an element, or all of either. */
static bool step(const struct ag_json_value *from, const char *word, struct values *out)
{
    bool is_array = ag_json_type(from) == AG_JSON_ARRAY;
    uint64_t index = 0;
    if (strcmp(word, "*") == 0) {
        bool is_fine = ag_json_count(from) != 0;
        for (size_t i = 0; is_fine && i < ag_json_count(from); i++) {
            const char *key = NULL;
            is_fine = add(out, is_array ? ag_json_at(from, i) : ag_json_member(from, i, &key));
        }
        return is_fine;
    }
    if (is_array) {
        return ag_u64_parse(word, strlen(word), false, &index) == AG_OK &&
               add(out, ag_json_at(from, (size_t)index));
    }
    return add(out, ag_json_get(from, word));
}

static bool print_value(const struct ag_json_value *value)
{
    int64_t number = 0;
    const char *text = ag_json_string(value, NULL);
    switch (ag_json_type(value)) {
    case AG_JSON_STRING:
        (void)printf("%s\n", text);
        return text[0] != '\0';
    case AG_JSON_NUMBER:
        if (ag_json_i64(value, &number) != AG_OK) {
            return false;
        }
        (void)printf("%lld\n", (long long)number);
        return true;
    case AG_JSON_BOOL:
        (void)printf("%s\n", ag_json_bool(value, false) ? "yes" : "no");
        return true;
    case AG_JSON_NULL:
        (void)printf("null\n");
        return true;
    case AG_JSON_ARRAY:
    case AG_JSON_OBJECT:
        (void)printf("%zu\n", ag_json_count(value));
        return true;
    }
    return false;
}

static bool print_path(const struct ag_json_value *root, const char *path)
{
    static struct values sets[2];
    struct values *now = &sets[0];
    struct values *next = &sets[1];
    char words[256];
    (void)snprintf(words, sizeof(words), "%s", path);
    now->count = 0;
    bool is_fine = add(now, root);
    char *rest = words;
    for (char *word = strsep(&rest, "."); is_fine && word != NULL; word = strsep(&rest, ".")) {
        next->count = 0;
        for (size_t i = 0; is_fine && i < now->count; i++) {
            is_fine = step(now->items[i], word, next);
        }
        struct values *old = now;
        now = next;
        next = old;
    }
    for (size_t i = 0; is_fine && i < now->count; i++) {
        is_fine = print_value(now->items[i]);
    }
    if (!is_fine) {
        (void)fprintf(stderr, "json_get: %s leads nowhere\n", path);
    }
    return is_fine;
}

int main(int argc, char **argv)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    struct ag_json *document AG_SCOPED(ag_json_cleanup) = NULL;
    ag_vec_init(&text, AG_LIMIT_JSON_BYTES);
    if (ag_file_read("/dev/stdin", AG_LIMIT_JSON_BYTES, &text) != AG_OK ||
        ag_json_parse(ag_vec_view(&text), &document) != AG_OK) {
        (void)fprintf(stderr, "json_get: not one JSON document\n");
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (!print_path(ag_json_root(document), argv[i])) {
            return 1;
        }
    }
    return 0;
}
