/* SPDX-License-Identifier: Apache-2.0 */
/* Does base keep its contract for JSON, read and written? */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static enum ag_err parse(struct ag_bytes text)
{
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    enum ag_err err = ag_json_parse(text, &json);
    CHECK((err == AG_OK) == (json != NULL));
    return err;
}

/* Writes what was read; by recursion, for the texts are the tests' own. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the texts of this file */
static void write_value(struct ag_json_out *out, const char *key, const struct ag_json_value *value)
{
    bool is_object = ag_json_type(value) == AG_JSON_OBJECT;
    size_t length = 0;
    int64_t number = 0;
    if (ag_json_string(value, &length) != NULL) {
        ag_json_put_text(out, key, ag_bytes_of(ag_json_string(value, NULL), length));
    } else if (ag_json_i64(value, &number) == AG_OK) {
        ag_json_put_i64(out, key, number);
    } else {
        if (is_object) {
            ag_json_object(out, key);
        } else {
            ag_json_array(out, key);
        }
        for (size_t i = 0; i < ag_json_count(value); i++) {
            const char *name = NULL;
            const struct ag_json_value *member = ag_json_member(value, i, &name);
            write_value(out, name, is_object ? member : ag_json_at(value, i));
        }
        ag_json_end(out);
    }
}

static void write_tree(const struct ag_json_value *root, struct ag_vec *vec)
{
    struct ag_json_out out;
    ag_json_begin(&out, vec, false);
    write_value(&out, NULL, root);
    CHECK_OK(ag_json_finish(&out));
}

/* ---- what is refused ---- */

static const struct {
    const char *name;
    const char *text;
    bool is_accepted;
} texts[] = {
    {"object", "{}", true},
    {"array", "[]", true},
    {"scalar", "5", true},
    {"string", "\"x\"", true},
    {"null", "null", true},
    {"white space", " \t\r\n{ \"a\" : [ 1 , true ] } \n", true},
    {"negative", "[-9223372036854775808]", true},
    {"largest", "[9223372036854775807]", true},
    {"minus zero", "[-0]", true},
    {"escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"]", true},
    {"surrogate pair", "[\"\\ud83d\\ude00\"]", true},
    {"UTF-8", "[\"\xf0\x9f\x98\x80\"]", true},
    {"same key at two levels", "{\"a\":{\"a\":1}}", true},
    {"numbers in strings", "[\"1.5e9\"]", true},
    {"e and point outside numbers", "{\"e.\":true,\"f\":false}", true},
    {"empty key", "{\"\":1}", true},
    {"nothing", "", false},
    {"white space alone", "  ", false},
    {"trailing bytes", "{} x", false},
    {"trailing bracket", "{}}", false},
    {"two documents", "{}{}", false},
    {"duplicate key", "{\"a\":1,\"a\":1}", false},
    {"duplicate key under an escape", "{\"a\":1,\"\\u0061\":1}", false},
    {"duplicate key below", "[{\"x\":{\"a\":1,\"a\":2}}]", false},
    {"real", "[1.5]", false},
    {"real zero", "[0.0]", false},
    {"exponent", "[1e3]", false},
    {"capital exponent", "[1E3]", false},
    {"negative real", "[-1.5]", false},
    {"one above the largest", "[9223372036854775808]", false},
    {"one below the smallest", "[-9223372036854775809]", false},
    {"many digits", "[123456789012345678901234567890]", false},
    {"leading zero", "[01]", false},
    {"plus", "[+1]", false},
    {"minus alone", "[-]", false},
    {"hex", "[0x10]", false},
    {"NaN", "[NaN]", false},
    {"trailing comma", "[1,]", false},
    {"trailing comma in object", "{\"a\":1,}", false},
    {"comma alone", "[,]", false},
    {"no colon", "{\"a\" 1}", false},
    {"key without quotes", "{a:1}", false},
    {"single quotes", "['a']", false},
    {"comment", "[1] // x", false},
    {"wrong bracket", "[1}", false},
    {"open array", "[1", false},
    {"open object", "{\"a\":1", false},
    {"open string", "[\"a", false},
    {"open escape", "[\"a\\", false},
    {"unknown escape", "[\"\\x41\"]", false},
    {"short escape", "[\"\\u004\"]", false},
    {"NUL by escape", "[\"a\\u0000b\"]", false},
    {"lone high surrogate", "[\"\\ud83d\"]", false},
    {"lone low surrogate", "[\"\\ude00\"]", false},
    {"surrogates turned round", "[\"\\ude00\\ud83d\"]", false},
    {"high surrogate and a letter", "[\"\\ud83d\\u0041\"]", false},
    {"surrogate in UTF-8", "[\"\xed\xa0\x80\"]", false},
    {"overlong UTF-8", "[\"\xc0\x80\"]", false},
    {"half UTF-8", "[\"\xe2\x82\"]", false},
    {"above Unicode", "[\"\xf4\x90\x80\x80\"]", false},
    {"byte order mark", "\xef\xbb\xbf{}", false},
    {"line break in a string", "[\"a\nb\"]", false},
    {"control character in a string", "[\"a\x01\"]", false},
    {"literal with a capital", "[True]", false},
    {"half a literal", "[tru]", false},
    {"colon alone", ":", false},
    {"closing alone", "]", false},
};

static void test_parse(void)
{
    for (size_t i = 0; i < AG_COUNT(texts); i++) {
        enum ag_err err = parse(ag_bytes_of(texts[i].text, strlen(texts[i].text)));
        ag_test_check_err(err, texts[i].is_accepted ? AG_OK : AG_ERR_JSON, texts[i].name, __FILE__,
                          __LINE__);
    }
}

static void test_parse_nul(void)
{
    CHECK_ERR(parse(AG_LITERAL("[\"a\0b\"]")), AG_ERR_JSON);
    CHECK_ERR(parse(AG_LITERAL("{}\0")), AG_ERR_JSON);
    CHECK_ERR(parse(AG_LITERAL("[1\0]")), AG_ERR_JSON);
    CHECK_ERR(parse((struct ag_bytes){NULL, 0}), AG_ERR_JSON);
}

static void test_parse_depth(void)
{
    char text[64] = "";
    for (unsigned depth = 1; depth <= 20; depth++) {
        for (unsigned i = 0; i < depth; i++) {
            /* Arrays and objects count alike. */
            memcpy(text + i, "[", 1);
            text[2u * depth - 1u - i] = ']';
        }
        CHECK_ERR(parse(ag_bytes_of(text, 2 * (size_t)depth)),
                  depth <= AG_LIMIT_JSON_DEPTH ? AG_OK : AG_ERR_JSON);
    }
    CHECK_U64(AG_LIMIT_JSON_DEPTH, 16);

    struct ag_vec vec;
    ag_vec_init(&vec, 1000);
    for (unsigned i = 0; i < AG_LIMIT_JSON_DEPTH; i++) {
        CHECK_OK(ag_vec_printf(&vec, "{\"a\":"));
    }
    CHECK_OK(ag_vec_printf(&vec, "1"));
    for (unsigned i = 0; i < AG_LIMIT_JSON_DEPTH; i++) {
        CHECK_OK(ag_vec_printf(&vec, "}"));
    }
    CHECK_OK(parse(ag_vec_view(&vec)));
    vec.data[vec.size - AG_LIMIT_JSON_DEPTH - 1] = '{';
    CHECK_ERR(parse(ag_vec_view(&vec)), AG_ERR_JSON);
    /* Brackets inside strings are no levels, nor is what a quote escapes. */
    vec.size = 0;
    CHECK_OK(ag_vec_printf(&vec, "[\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[\"]"));
    CHECK_OK(parse(ag_vec_view(&vec)));
    ag_vec_close(&vec);
}

/* The limits on size and counts, each at its value and one above. */
static void test_parse_limits(void)
{
    size_t in_use = ag_alloc_in_use();
    struct ag_vec vec;
    uint8_t *room = NULL;
    ag_vec_init(&vec, AG_LIMIT_JSON_BYTES + 1u);
    CHECK_OK(ag_vec_extend(&vec, AG_LIMIT_JSON_BYTES + 1u, &room));
    memset(room, ' ', AG_LIMIT_JSON_BYTES + 1u);
    room[0] = '1';
    CHECK_OK(parse(ag_bytes_of(room, AG_LIMIT_JSON_BYTES)));
    uint64_t count = ag_alloc_count();
    CHECK_ERR(parse(ag_bytes_of(room, AG_LIMIT_JSON_BYTES + 1u)), AG_ERR_JSON);
    CHECK_U64(ag_alloc_count(), count); /* refused before any memory was taken */

    /* An array of n values is itself one and holds n - 1 commas. */
    vec.size = 0;
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("[")));
    for (unsigned i = 0; i + 1u < AG_LIMIT_JSON_VALUES; i++) {
        CHECK_OK(ag_vec_append(&vec, AG_LITERAL("0,")));
    }
    vec.data[vec.size++] = '0';
    vec.data[vec.size++] = ']';
    CHECK_OK(parse(ag_vec_view(&vec)));
    vec.size -= 2;
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("0,0]")));
    count = ag_alloc_count();
    CHECK_ERR(parse(ag_vec_view(&vec)), AG_ERR_JSON);
    CHECK_U64(ag_alloc_count(), count);

    vec.size = 0;
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("{")));
    for (unsigned i = 0; i < AG_LIMIT_JSON_MEMBERS; i++) {
        CHECK_OK(ag_vec_printf(&vec, "%s\"%u\":[]", i == 0 ? "" : ",", i));
    }
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("}")));
    CHECK_OK(parse(ag_vec_view(&vec)));
    vec.size--;
    CHECK_OK(ag_vec_printf(&vec, ",\"x\":[]}"));
    CHECK_ERR(parse(ag_vec_view(&vec)), AG_ERR_JSON);
    ag_vec_close(&vec);
    CHECK_U64(ag_alloc_in_use(), in_use);
}

/* The library forgets characters when it has no memory, and reads past its buffer: each allocation
 * of a long string fails here, under the address sanitizer too. */
static void test_parse_without_memory(void)
{
    static char text[70000];
    for (size_t length = 4080; length < sizeof(text); length = length * 2 + 7) {
        memset(text, 'x', length);
        memcpy(text, "[\"", 2);
        memcpy(text + length - 2, "\"]", 2);
        struct ag_bytes view = ag_bytes_of(text, length);
        size_t in_use = ag_alloc_in_use();
        uint64_t before = ag_alloc_count();
        CHECK_OK(parse(view));
        uint64_t count = ag_alloc_count() - before;
        for (uint64_t nth = 1; nth <= count; nth++) {
            ag_alloc_fail_nth(nth);
            CHECK_ERR(parse(view), AG_ERR_NO_MEMORY);
        }
        /* And from any point on all of them fail. */
        for (size_t cap = 1; cap < 4 * length; cap += length / 7) {
            ag_alloc_set_cap(in_use + cap);
            enum ag_err err = parse(view);
            CHECK(err == AG_ERR_NO_MEMORY || err == AG_OK);
        }
        ag_alloc_set_cap(0);
        CHECK_U64(ag_alloc_in_use(), in_use);
    }
}

/* ---- reading ---- */

static void test_read(void)
{
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    CHECK_OK(
        ag_json_parse(AG_LITERAL("{\"s\":\"h\\u00e9\",\"n\":42,\"m\":-7,\"t\":true,\"f\":false,"
                                 "\"z\":null,\"a\":[1,\"x\",[]],\"o\":{\"y\":1,\"b\":2}}"),
                      &json));
    const struct ag_json_value *root = ag_json_root(json);
    CHECK(ag_json_type(root) == AG_JSON_OBJECT);
    CHECK_U64(ag_json_count(root), 8);

    size_t length = 0;
    const char *text = ag_json_string(ag_json_get(root, "s"), &length);
    CHECK(text != NULL && length == 3 && strcmp(text, "h\xc3\xa9") == 0);
    CHECK(ag_json_string(ag_json_get(root, "s"), NULL) == text);

    uint64_t u64 = 0;
    int64_t i64 = 0;
    CHECK_OK(ag_json_u64(ag_json_get(root, "n"), &u64));
    CHECK_U64(u64, 42);
    CHECK_ERR(ag_json_u64(ag_json_get(root, "m"), &u64), AG_ERR_JSON);
    CHECK_OK(ag_json_i64(ag_json_get(root, "m"), &i64));
    CHECK(i64 == -7);
    CHECK(ag_json_bool(ag_json_get(root, "t"), false));
    CHECK(!ag_json_bool(ag_json_get(root, "f"), true));

    const struct ag_json_value *array = ag_json_get(root, "a");
    CHECK(ag_json_type(array) == AG_JSON_ARRAY && ag_json_count(array) == 3);
    CHECK(ag_json_type(ag_json_at(array, 0)) == AG_JSON_NUMBER);
    CHECK(ag_json_type(ag_json_at(array, 1)) == AG_JSON_STRING);
    CHECK(ag_json_type(ag_json_at(array, 2)) == AG_JSON_ARRAY);
    CHECK(ag_json_at(array, 3) == NULL);

    /* Members come in the order of the source, not of their names. */
    const char *key = NULL;
    const struct ag_json_value *object = ag_json_get(root, "o");
    CHECK(ag_json_member(object, 0, &key) != NULL && strcmp(key, "y") == 0);
    CHECK(ag_json_member(object, 1, &key) != NULL && strcmp(key, "b") == 0);
    CHECK(ag_json_member(object, 1, NULL) != NULL);
    key = NULL;
    CHECK(ag_json_member(object, 2, &key) == NULL && key == NULL);
}

static void test_read_wrong_types(void)
{
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    CHECK_OK(ag_json_parse(AG_LITERAL("[{},[],\"1\",1,true,null]"), &json));
    uint64_t u64 = 5;
    int64_t i64 = 5;
    size_t length = 5;
    for (size_t i = 0; i <= 6; i++) {
        /* Index 6 is absent: NULL is read like JSON null. */
        const struct ag_json_value *value = ag_json_at(ag_json_root(json), i);
        CHECK(ag_json_get(value, "x") == NULL);
        CHECK(ag_json_at(value, 0) == NULL);
        CHECK(ag_json_member(value, 0, NULL) == NULL);
        CHECK_U64(ag_json_count(value), 0);
        if (i != 2) {
            CHECK(ag_json_string(value, &length) == NULL && length == 5);
        }
        if (i != 3) {
            CHECK_ERR(ag_json_u64(value, &u64), AG_ERR_JSON);
            CHECK_ERR(ag_json_i64(value, &i64), AG_ERR_JSON);
        }
        if (i != 4) {
            CHECK(ag_json_bool(value, true) && !ag_json_bool(value, false));
        }
        CHECK((ag_json_type(value) == AG_JSON_NULL) == (i >= 5));
    }
    CHECK(u64 == 5 && i64 == 5);
    CHECK(ag_json_root(NULL) == NULL);
    ag_json_close(NULL);
}

/* ---- long strings, which go round the library ---- */

#define L16  "0123456789abcdef"
#define L127 L16 L16 L16 L16 L16 L16 L16 "0123456789abcde"
#define L128 L127 "f"

static const struct {
    const char *name;
    const char *text;
    const char *written; /* NULL: refused */
} long_texts[] = {
    {"alone", "\"" L128 "\"", "\"" L128 "\""},
    {"with blanks", " \"" L128 "\"\n", "\"" L128 "\""},
    {"one below the length", "[\"" L127 "\"]", "[\"" L127 "\"]"},
    {"several", "[\"" L128 "a\",\"" L128 "b\",1,\"" L127 "c\"]",
     "[\"" L128 "a\",\"" L128 "b\",1,\"" L127 "c\"]"},
    {"in objects", "{\"a\":\"" L128 "\",\"b\":{\"c\":\"d" L128 "\"},\"e\":[[\"f" L128 "\"]]}",
     "{\"a\":\"" L128 "\",\"b\":{\"c\":\"d" L128 "\"},\"e\":[[\"f" L128 "\"]]}"},
    {"a key", "{\"" L128 "\" : 1}", "{\"" L128 "\":1}"},
    {"key and value", "{\"" L128 "\":\"" L128 "\"}", "{\"" L128 "\":\"" L128 "\"}"},
    {"brackets, commas, points", "[\"" L128 "]}[{,:1.5e3\",2]", "[\"" L128 "]}[{,:1.5e3\",2]"},
    {"an escape", "[\"" L128 "\\n\"]", "[\"" L128 "\\n\"]"},
    {"an escaped quote", "[\"" L128 "\\\"\",\"x\"]", "[\"" L128 "\\\"\",\"x\"]"},
    {"not ASCII", "[\"" L128 "\xc3\xa9\"]", "[\"" L128 "\xc3\xa9\"]"},
    {"delete", "[\"" L128 "\x7f\"]", "[\"" L128 "\\u007f\"]"},
    {"a number right behind", "[\"" L128 "\"5]", NULL},
    {"a number right before", "[5\"" L128 "\"]", NULL},
    {"a point right before", "[.\"" L128 "\"]", NULL},
    {"a minus right before", "[-\"" L128 "\"]", NULL},
    {"an exponent right behind", "[\"" L128 "\"e5]", NULL},
    {"two in a row", "[\"" L128 "\"\"" L128 "\"]", NULL},
    {"where a key belongs", "{\"" L128 "\"}", NULL},
    {"two colons", "{\"a\":\"" L128 "\":1}", NULL},
    {"two at the top", "\"" L128 "\" \"" L128 "\"", NULL},
    {"a real beside it", "[\"" L128 "\",0.5]", NULL},
    {"a real instead of it", "[0.5,\"" L128 "\"]", NULL},
    {"the same key twice", "{\"" L128 "\":1,\"" L128 "\":2}", NULL},
    {"a control character", "[\"" L128 "\x01\"]", NULL},
    {"a line break", "[\"" L128 "\n\"]", NULL},
    {"wrong UTF-8", "[\"" L128 "\xff\"]", NULL},
    {"never closed", "[\"" L128, NULL},
    {"closed by an escape", "[\"" L128 "\\\"]", NULL},
};

static void test_long_strings(void)
{
    struct ag_vec vec;
    ag_vec_init(&vec, 10000);
    for (size_t i = 0; i < AG_COUNT(long_texts); i++) {
        struct ag_json *json = NULL;
        struct ag_bytes text = ag_bytes_of(long_texts[i].text, strlen(long_texts[i].text));
        uint64_t before = ag_alloc_count();
        enum ag_err err = ag_json_parse(text, &json);
        uint64_t count = ag_alloc_count() - before;
        ag_test_check_err(err, long_texts[i].written == NULL ? AG_ERR_JSON : AG_OK,
                          long_texts[i].name, __FILE__, __LINE__);
        if (err == AG_OK && long_texts[i].written != NULL) {
            vec.size = 0;
            write_tree(ag_json_root(json), &vec);
            ag_test_check_bytes(ag_vec_view(&vec),
                                ag_bytes_of(long_texts[i].written, strlen(long_texts[i].written)),
                                long_texts[i].name, __FILE__, __LINE__);
        }
        ag_json_close(json);
        for (uint64_t nth = 1; nth <= count; nth++) {
            ag_alloc_fail_nth(nth);
            CHECK_ERR(ag_json_parse(text, &json), AG_ERR_NO_MEMORY);
        }
    }
    ag_vec_close(&vec);
}

/* Strings of every length about the border, at every alignment, with one byte of any value. */
static void test_long_string_bytes(void)
{
    char text[200];
    for (size_t length = 120; length < 145; length++) {
        for (unsigned c = 1; c < 256; c++) {
            size_t place = ag_test_random() % length;
            memset(text, 'x', sizeof(text));
            memcpy(text, "[\"", 2);
            text[2 + place] = (char)c;
            memcpy(text + 2 + length, "\"]", 2);
            bool is_plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            struct ag_json *json = NULL;
            CHECK_ERR(ag_json_parse(ag_bytes_of(text, length + 4), &json),
                      is_plain ? AG_OK : AG_ERR_JSON);
            size_t got_length = 0;
            const char *got = ag_json_string(ag_json_at(ag_json_root(json), 0), &got_length);
            if (is_plain) {
                CHECK(got != NULL && got_length == length && memcmp(got, text + 2, length) == 0 &&
                      got[length] == '\0');
            }
            ag_json_close(json);
        }
    }
}

/* ---- the exact bytes of a member ---- */

static void test_raw_member(void)
{
    static const struct {
        const char *name;
        const char *text;
        const char *raw; /* NULL: not found or refused */
        enum ag_err err;
    } cases[] = {
        {"object", "{\"x\":1,\"k\":{\"a\": [1, 2]} ,\"y\":2}", "{\"a\": [1, 2]}", AG_OK},
        {"white space kept inside", "{ \"k\" :  { \"a\" :\n1 }  }", "{ \"a\" :\n1 }", AG_OK},
        {"number at the end", "{\"k\":17}", "17", AG_OK},
        {"number and space", "{\"k\":17 }", "17", AG_OK},
        {"string with brackets", "{\"k\":\"}],{\\\"[\"}", "\"}],{\\\"[\"", AG_OK},
        {"empty string", "{\"k\":\"\"}", "\"\"", AG_OK},
        {"true", "{\"k\":true,\"x\":1}", "true", AG_OK},
        {"array", "{\"k\":[{},[],\"]\"]}", "[{},[],\"]\"]", AG_OK},
        {"top level only", "{\"x\":{\"k\":1},\"k\":2}", "2", AG_OK},
        {"key as a value", "{\"x\":\"k\",\"k\":3}", "3", AG_OK},
        {"longer key", "{\"kk\":1}", NULL, AG_ERR_NOT_FOUND},
        {"nested only", "{\"x\":{\"k\":1}}", NULL, AG_ERR_NOT_FOUND},
        {"empty object", "{ }", NULL, AG_ERR_NOT_FOUND},
        {"escaped key is another text", "{\"\\u006b\":1}", NULL, AG_ERR_NOT_FOUND},
        {"twice", "{\"k\":1,\"k\":1}", NULL, AG_ERR_JSON},
        {"array at the top", "[\"k\"]", NULL, AG_ERR_JSON},
        {"nothing", "", NULL, AG_ERR_JSON},
        {"cut in the key", "{\"k", NULL, AG_ERR_JSON},
        {"cut behind the key", "{\"k\"", NULL, AG_ERR_JSON},
        {"cut behind the colon", "{\"k\":", NULL, AG_ERR_JSON},
        {"cut in the value", "{\"k\":{\"a\":1", NULL, AG_ERR_JSON},
        {"cut behind the value", "{\"k\":{}", NULL, AG_ERR_JSON},
        {"cut in a string", "{\"k\":\"a\\", NULL, AG_ERR_JSON},
        {"no value", "{\"k\":}", NULL, AG_ERR_JSON},
        {"trailing comma", "{\"k\":1,}", NULL, AG_ERR_JSON},
        {"trailing bytes", "{\"k\":1} x", NULL, AG_ERR_JSON},
        {"number as key", "{1:1,\"k\":1}", NULL, AG_ERR_JSON},
        {"no comma", "{\"x\":{}\"k\":1}", NULL, AG_ERR_JSON},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_bytes text = ag_bytes_of(cases[i].text, strlen(cases[i].text));
        struct ag_bytes raw = {0};
        enum ag_err err = ag_json_raw_member(text, "k", &raw);
        ag_test_check_err(err, cases[i].err, cases[i].name, __FILE__, __LINE__);
        if (cases[i].raw != NULL) {
            ag_test_check_bytes(raw, ag_bytes_of(cases[i].raw, strlen(cases[i].raw)), cases[i].name,
                                __FILE__, __LINE__);
        } else {
            CHECK(raw.data == NULL);
        }
    }
}

/* ---- writing ---- */

static void write_all_kinds(struct ag_json_out *out)
{
    ag_json_object(out, NULL);
    ag_json_put_string(out, "text", "a\"b\\c\n\r\t\x01/\x7f");
    ag_json_put_string(out, "none", NULL);
    ag_json_put_text(out, "view", AG_LITERAL("h\xc3\xa9\0"));
    ag_json_put_text(out, "bad", AG_LITERAL("\xff\xc3(\xed\xa0\x80"));
    ag_json_put_u64(out, "u", UINT64_MAX);
    ag_json_put_i64(out, "i", INT64_MIN);
    ag_json_put_bool(out, "t", true);
    ag_json_put_bool(out, "f", false);
    ag_json_put_null(out, "z");
    ag_json_put_hex(out, "h", AG_LITERAL("\x01\xff"));
    ag_json_put_hex(out, "e", (struct ag_bytes){NULL, 0});
    ag_json_put_raw(out, "r", AG_LITERAL("[1, 2]"));
    ag_json_array(out, "a");
    ag_json_put_u64(out, NULL, 1);
    ag_json_object(out, NULL);
    ag_json_end(out);
    ag_json_array(out, NULL);
    ag_json_end(out);
    ag_json_put_u64(out, NULL, 2);
    ag_json_end(out);
    ag_json_end(out);
}

static void test_write(void)
{
    struct ag_vec vec;
    struct ag_json_out out;
    ag_vec_init(&vec, 4096);
    ag_json_begin(&out, &vec, false);
    write_all_kinds(&out);
    CHECK_OK(ag_json_finish(&out));
    CHECK_BYTES(ag_vec_view(&vec),
                AG_LITERAL("{\"text\":\"a\\\"b\\\\c\\n\\r\\t\\u0001/\\u007f\",\"none\":null,"
                           "\"view\":\"h\xc3\xa9\\u0000\",\"bad\":\"\\ufffd\\ufffd(\\ufffd\\ufffd"
                           "\\ufffd\",\"u\":18446744073709551615,\"i\":-9223372036854775808,"
                           "\"t\":true,\"f\":false,\"z\":null,\"h\":\"0x01ff\",\"e\":\"0x\","
                           "\"r\":[1, 2],\"a\":[1,{},[],2]}"));
    ag_vec_close(&vec);
}

static void test_write_pretty(void)
{
    struct ag_vec vec;
    struct ag_json_out out;
    ag_vec_init(&vec, 4096);
    ag_json_begin(&out, &vec, true);
    ag_json_object(&out, NULL);
    ag_json_put_u64(&out, "a", 1);
    ag_json_array(&out, "b");
    ag_json_put_bool(&out, NULL, true);
    ag_json_object(&out, NULL);
    ag_json_end(&out);
    ag_json_end(&out);
    ag_json_end(&out);
    CHECK_OK(ag_json_finish(&out));
    CHECK_BYTES(ag_vec_view(&vec),
                AG_LITERAL("{\n  \"a\": 1,\n  \"b\": [\n    true,\n    {}\n  ]\n}\n"));
    ag_vec_close(&vec);
}

static void test_write_no_space(void)
{
    for (size_t limit = 0; limit < 20; limit++) {
        struct ag_vec vec;
        struct ag_json_out out;
        ag_vec_init(&vec, limit);
        ag_json_begin(&out, &vec, false);
        write_all_kinds(&out);
        CHECK_ERR(ag_json_finish(&out), AG_ERR_WIRE_SPACE);
        CHECK(vec.size <= limit);
        ag_vec_close(&vec);
    }
}

/* Any bytes written as text come back, where they were UTF-8 without NUL. */
static void test_write_read(void)
{
    struct ag_vec vec;
    ag_vec_init(&vec, 100000);
    for (uint32_t code = 1; code < 0x110000; code += 1 + code / 64) {
        if (code >= 0xd800 && code < 0xe000) {
            continue;
        }
        char text[5] = "";
        if (code < 0x80) {
            text[0] = (char)code;
        } else if (code < 0x800) {
            text[0] = (char)(0xc0 | code >> 6);
            text[1] = (char)(0x80 | (code & 63));
        } else if (code < 0x10000) {
            text[0] = (char)(0xe0 | code >> 12);
            text[1] = (char)(0x80 | (code >> 6 & 63));
            text[2] = (char)(0x80 | (code & 63));
        } else {
            text[0] = (char)(0xf0 | code >> 18);
            text[1] = (char)(0x80 | (code >> 12 & 63));
            text[2] = (char)(0x80 | (code >> 6 & 63));
            text[3] = (char)(0x80 | (code & 63));
        }
        struct ag_json_out out;
        struct ag_json *json = NULL;
        vec.size = 0;
        ag_json_begin(&out, &vec, false);
        ag_json_array(&out, NULL);
        ag_json_put_string(&out, NULL, text);
        ag_json_end(&out);
        CHECK_OK(ag_json_finish(&out));
        CHECK_OK(ag_json_parse(ag_vec_view(&vec), &json));
        const char *back = ag_json_string(ag_json_at(ag_json_root(json), 0), NULL);
        CHECK(back != NULL && strcmp(back, text) == 0);
        ag_json_close(json);
    }
    /* And random bytes never make output that the reader refuses. */
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[12];
        ag_test_random_bytes(bytes, sizeof(bytes));
        for (size_t k = 0; k < sizeof(bytes); k++) {
            bytes[k] = bytes[k] == 0 ? 1 : bytes[k];
        }
        struct ag_json_out out;
        vec.size = 0;
        ag_json_begin(&out, &vec, false);
        ag_json_put_text(&out, NULL, AG_ARRAY_VIEW(bytes));
        CHECK_OK(ag_json_finish(&out));
        CHECK_OK(parse(ag_vec_view(&vec)));
    }
    ag_vec_close(&vec);
}

static const struct ag_test_case cases[] = {
    {"parse: accepted and refused", test_parse},
    {"parse: NUL", test_parse_nul},
    {"parse: depth", test_parse_depth},
    {"parse: size and counts", test_parse_limits},
    {"parse: without memory", test_parse_without_memory},
    {"read: values", test_read},
    {"read: wrong types", test_read_wrong_types},
    {"long strings", test_long_strings},
    {"long strings: lengths and bytes", test_long_string_bytes},
    {"raw member", test_raw_member},
    {"write: all kinds", test_write},
    {"write: pretty", test_write_pretty},
    {"write: no space", test_write_no_space},
    {"write: what was written is read", test_write_read},
};
TEST_MAIN(cases)
