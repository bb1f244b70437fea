/* SPDX-License-Identifier: Apache-2.0 */
/* Does base keep its contract for errors, views and texts? */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"

/* ---- errors ---- */

static void test_err_names(void)
{
    CHECK(strcmp(ag_err_name(AG_OK), "OK") == 0);
    CHECK(strcmp(ag_err_name(AG_ERR_WIRE_SHORT), "WIRE_SHORT") == 0);
    CHECK(strcmp(ag_err_text(AG_ERR_WIRE_SHORT), "message ends before its last field") == 0);
    CHECK(ag_err_class(AG_OK) == AG_CLASS_OK);
    CHECK(ag_err_class(AG_ERR_MEMPOOL_FULL) == AG_CLASS_LIMIT);
    CHECK(ag_err_class(AG_ERR_SEAL_TAMPERED) == AG_CLASS_CORRUPT);
    CHECK(strcmp(ag_err_class_name(AG_CLASS_DENIED), "denied") == 0);

    /* A code of a newer version has no name, and nobody is told to retry. */
    enum ag_err unknown = (enum ag_err)0x7ffe;
    CHECK(strcmp(ag_err_name(unknown), "UNKNOWN") == 0);
    CHECK(ag_err_text(unknown)[0] != '\0');
    CHECK(ag_err_class(unknown) == AG_CLASS_HOST);
    CHECK(strcmp(ag_err_class_name((enum ag_err_class)99), "unknown") == 0);
}

static void test_err_codes_are_unique(void)
{
    static const struct {
        unsigned code;
        const char *name;
    } rows[] = {
#define X(code, name, class, text) {(code), #name},
        AG_ERR_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        CHECK(rows[i].code != 0);
        for (size_t k = 0; k < i; k++) {
            CHECK(rows[i].code != rows[k].code);
            CHECK(strcmp(rows[i].name, rows[k].name) != 0);
        }
    }
}

static void test_fault(void)
{
    struct ag_fault fault = {0};
    CHECK_ERR(ag_fault_set(&fault, AG_ERR_TEXT, "key"), AG_ERR_TEXT);
    CHECK(fault.err == AG_ERR_TEXT && strcmp(fault.field, "key") == 0 && !fault.has_limit);
    CHECK_ERR(ag_fault_limit(&fault, AG_ERR_WIRE_LIMIT, "assets", 16, 17), AG_ERR_WIRE_LIMIT);
    CHECK(fault.has_limit && fault.limit == 16 && fault.got == 17);
    CHECK_ERR(ag_fault_set(NULL, AG_ERR_TEXT, "key"), AG_ERR_TEXT);
    CHECK_ERR(ag_fault_limit(NULL, AG_ERR_TEXT, "key", 1, 2), AG_ERR_TEXT);
}

/* ---- views ---- */

static void test_bytes(void)
{
    struct ag_bytes empty = {NULL, 0};
    struct ag_bytes abc = AG_LITERAL("abc");
    CHECK(ag_bytes_equal(empty, ag_bytes_of("x", 0)));
    CHECK(ag_bytes_equal(abc, AG_LITERAL("abc")));
    CHECK(!ag_bytes_equal(abc, AG_LITERAL("abd")));
    CHECK(!ag_bytes_equal(abc, AG_LITERAL("ab")));

    CHECK(ag_bytes_compare(abc, AG_LITERAL("abc")) == 0);
    CHECK(ag_bytes_compare(abc, AG_LITERAL("abd")) < 0);
    CHECK(ag_bytes_compare(abc, AG_LITERAL("ab")) > 0);
    CHECK(ag_bytes_compare(AG_LITERAL("ab"), abc) < 0);
    CHECK(ag_bytes_compare(empty, empty) == 0);
    CHECK(ag_bytes_compare(empty, abc) < 0);
    CHECK(ag_bytes_compare(AG_LITERAL("\xff"), AG_LITERAL("\x01")) > 0); /* unsigned */

    struct ag_id id = {0};
    CHECK(ag_bytes_is_zero(AG_VIEW(&id)) && ag_bytes_is_zero(empty));
    id.bytes[31] = 1;
    CHECK(!ag_bytes_is_zero(AG_VIEW(&id)));

    CHECK_BYTES(ag_bytes_head(abc, 2), AG_LITERAL("ab"));
    CHECK_BYTES(ag_bytes_head(abc, 9), abc);
    CHECK_BYTES(ag_bytes_tail(abc, 2), AG_LITERAL("c"));
    CHECK_U64(ag_bytes_tail(abc, 3).size, 0);
    CHECK_U64(ag_bytes_tail(abc, 9).size, 0);
}

/* ---- hex ---- */

static void test_hex_decode(void)
{
    static const struct {
        const char *name;
        const char *text;
        size_t size;
        enum ag_err err;
        uint8_t first;
    } cases[] = {
        {"plain", "0aff", 2, AG_OK, 0x0a},
        {"upper case", "AFfa", 2, AG_OK, 0xaf},
        {"prefix", "0xbeef", 2, AG_OK, 0xbe},
        {"empty", "", 0, AG_OK, 0},
        {"prefix alone", "0x", 0, AG_OK, 0},
        {"upper-case prefix", "0Xbeef", 2, AG_ERR_TEXT, 0},
        {"two prefixes", "0x0xbeef", 3, AG_ERR_TEXT, 0},
        {"odd", "abc", 1, AG_ERR_TEXT, 0},
        {"short", "ab", 2, AG_ERR_TEXT, 0},
        {"long", "abcdef", 2, AG_ERR_TEXT, 0},
        {"letter behind f", "ag", 1, AG_ERR_TEXT, 0},
        {"character before 0", "/0", 1, AG_ERR_TEXT, 0},
        {"character behind 9", "0:", 1, AG_ERR_TEXT, 0},
        {"character before A", "@0", 1, AG_ERR_TEXT, 0},
        {"character before a", "`0", 1, AG_ERR_TEXT, 0},
        {"space", " a", 1, AG_ERR_TEXT, 0},
        {"high byte", "\xc3\xa9", 1, AG_ERR_TEXT, 0},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        uint8_t out[4] = {0xee, 0xee, 0xee, 0xee};
        enum ag_err err = ag_hex_decode(cases[i].text, strlen(cases[i].text),
                                        (struct ag_buf){out, cases[i].size});
        ag_test_check_err(err, cases[i].err, cases[i].name, __FILE__, __LINE__);
        if (err == AG_OK && cases[i].size != 0) {
            ag_test_check_u64(out[0], cases[i].first, cases[i].name, __FILE__, __LINE__);
        }
        CHECK_U64(out[3], 0xee);

        struct ag_arena arena;
        ag_arena_init(&arena, 16);
        struct ag_bytes bytes = {0};
        err = ag_hex_decode_arena(cases[i].text, strlen(cases[i].text), cases[i].size, &arena,
                                  &bytes);
        /* What is too short for a buffer is within a limit. */
        bool is_within = strcmp(cases[i].name, "short") == 0;
        ag_test_check_err(err, is_within ? AG_OK : cases[i].err, cases[i].name, __FILE__, __LINE__);
        ag_arena_close(&arena);
    }
}

/* Every character at every place of a text that is long enough for whole blocks and a rest. */
static void test_hex_blocks(void)
{
    uint8_t bytes[41];
    uint8_t back[41];
    char text[2 * sizeof(bytes) + 1];
    ag_test_random_bytes(bytes, sizeof(bytes));
    ag_hex_encode(AG_ARRAY_VIEW(bytes), text);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        char pair[3];
        ag_hex_encode(ag_bytes_of(&bytes[i], 1), pair);
        CHECK(text[2 * i] == pair[0] && text[2 * i + 1] == pair[1]);
    }
    for (size_t place = 0; place < 2 * sizeof(bytes); place++) {
        char kept = text[place];
        for (unsigned c = 0; c < 256; c++) {
            bool is_digit =
                (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
            text[place] = (char)c;
            /* "0x" in front is taken as a prefix, and the text is then too short. */
            bool is_prefix = place == 1 && text[0] == '0' && c == 'x';
            enum ag_err err =
                ag_hex_decode(text, 2 * sizeof(bytes), (struct ag_buf){back, sizeof(back)});
            CHECK((err == AG_OK) == (is_digit && !is_prefix));
            if (err == AG_OK) {
                char pair[3];
                ag_hex_encode(ag_bytes_of(&back[place / 2], 1), pair);
                CHECK((pair[place % 2] | 0x20) == ((char)c | 0x20));
            }
        }
        text[place] = kept;
    }
    CHECK_OK(ag_hex_decode(text, 2 * sizeof(bytes), (struct ag_buf){back, sizeof(back)}));
    CHECK_BYTES(AG_ARRAY_VIEW(back), AG_ARRAY_VIEW(bytes));
}

static void test_hex_every_byte(void)
{
    uint8_t all[256];
    for (unsigned i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
    }
    char text[2 * 256 + 1];
    ag_hex_encode(AG_ARRAY_VIEW(all), text);
    CHECK_U64(strlen(text), 512);
    CHECK(strncmp(&text[(size_t)2 * 0xa9], "a9aa", 4) == 0);
    uint8_t back[256] = {0};
    CHECK_OK(ag_hex_decode(text, 512, (struct ag_buf){back, sizeof(back)}));
    CHECK_BYTES(AG_ARRAY_VIEW(back), AG_ARRAY_VIEW(all));

    /* Each character alone: 22 of 256 are digits. */
    unsigned accepted = 0;
    for (unsigned c = 0; c < 256; c++) {
        char pair[2] = {'0', (char)c};
        uint8_t out = 0;
        if (ag_hex_decode(pair, 2, (struct ag_buf){&out, 1}) == AG_OK) {
            accepted++;
        }
    }
    CHECK_U64(accepted, 22);
}

/* ---- base64 ---- */

static void test_base64(void)
{
    static const struct {
        const char *name;
        const char *text;
        const char *bytes; /* NULL: refused */
    } cases[] = {
        /* [RFC4648 10] */
        {"empty", "", ""},
        {"f", "Zg==", "f"},
        {"fo", "Zm8=", "fo"},
        {"foo", "Zm9v", "foo"},
        {"foob", "Zm9vYg==", "foob"},
        {"foobar", "Zm9vYmFy", "foobar"},
        {"plus and slash", "+/+/", "\xfb\xff\xbf"},
        {"no padding", "Zg", NULL},
        {"half padding", "Zg=", NULL},
        {"too much padding", "Z===", NULL},
        {"padding alone", "====", NULL},
        {"padding inside", "Zg==Zg==", NULL},
        {"one inside", "Zm8=Zm9v", NULL},
        {"bits behind one byte", "Zh==", NULL},
        {"bits behind two bytes", "Zm9=", NULL},
        {"line break", "Zm9v\nZg=", NULL},
        {"space", "Zm 9", NULL},
        {"url alphabet", "-_-_", NULL},
        {"high byte", "Zm9\xe9", NULL},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_arena arena;
        ag_arena_init(&arena, 64);
        struct ag_bytes out = {0};
        enum ag_err err = ag_base64_decode(cases[i].text, strlen(cases[i].text), 32, &arena, &out);
        ag_test_check_err(err, cases[i].bytes == NULL ? AG_ERR_TEXT : AG_OK, cases[i].name,
                          __FILE__, __LINE__);
        if (err == AG_OK && cases[i].bytes != NULL) {
            CHECK_BYTES(out, ag_bytes_of(cases[i].bytes, strlen(cases[i].bytes)));
        }
        ag_arena_close(&arena);
    }
}

static void test_base64_limit(void)
{
    struct ag_arena arena;
    ag_arena_init(&arena, 64);
    struct ag_bytes out = {0};
    CHECK_OK(ag_base64_decode("Zm9v", 4, 3, &arena, &out));
    CHECK_ERR(ag_base64_decode("Zm9v", 4, 2, &arena, &out), AG_ERR_TEXT);
    CHECK_OK(ag_base64_decode("Zm8=", 4, 2, &arena, &out));
    ag_arena_close(&arena);
    ag_arena_init(&arena, 2);
    CHECK_ERR(ag_base64_decode("Zm9v", 4, 3, &arena, &out), AG_ERR_NO_MEMORY);
    ag_arena_close(&arena);
}

/* ---- messages ---- */

static void test_format(void)
{
    char out[6] = "";
    ag_text_format(out, sizeof(out), "%d-%s", 12, "ab");
    CHECK(strcmp(out, "12-ab") == 0);
    ag_text_format(out, sizeof(out), "%d-%s", 12, "abc");
    CHECK(strcmp(out, "12-ab") == 0);
    ag_text_format(out, 1, "%d", 1);
    CHECK(out[0] == '\0' && out[1] == '2');
}

/* ---- numbers ---- */

static void test_u64(void)
{
    static const struct {
        const char *text;
        bool allow_hex;
        enum ag_err err;
        uint64_t value;
    } cases[] = {
        {"0", false, AG_OK, 0},
        {"42", false, AG_OK, 42},
        {"18446744073709551615", false, AG_OK, UINT64_MAX},
        {"18446744073709551616", false, AG_ERR_TEXT, 0},
        {"99999999999999999999", false, AG_ERR_TEXT, 0},
        {"184467440737095516150", false, AG_ERR_TEXT, 0},
        {"", false, AG_ERR_TEXT, 0},
        {"-1", false, AG_ERR_TEXT, 0},
        {"+1", false, AG_ERR_TEXT, 0},
        {" 1", false, AG_ERR_TEXT, 0},
        {"1 ", false, AG_ERR_TEXT, 0},
        {"007", false, AG_ERR_TEXT, 0},
        {"00", false, AG_ERR_TEXT, 0},
        {"1.0", false, AG_ERR_TEXT, 0},
        {"1e3", false, AG_ERR_TEXT, 0},
        {"0x10", false, AG_ERR_TEXT, 0},
        {"0x10", true, AG_OK, 16},
        {"10", true, AG_OK, 10},
        {"0xFFffFFffFFffFFff", true, AG_OK, UINT64_MAX},
        {"0x10000000000000000", true, AG_ERR_TEXT, 0},
        {"0x", true, AG_ERR_TEXT, 0},
        {"0xg", true, AG_ERR_TEXT, 0},
        {"0X10", true, AG_ERR_TEXT, 0},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        uint64_t value = 7;
        enum ag_err err =
            ag_u64_parse(cases[i].text, strlen(cases[i].text), cases[i].allow_hex, &value);
        ag_test_check_err(err, cases[i].err, cases[i].text, __FILE__, __LINE__);
        ag_test_check_u64(value, err == AG_OK ? cases[i].value : 7, cases[i].text, __FILE__,
                          __LINE__);
    }
}

/* ---- `key = value` files ---- */

struct rows {
    char text[256]; /* "key=value;" for each row */
    unsigned last_line;
    unsigned count;
};

static enum ag_err keep_row(void *context, unsigned line, const char *key, const char *value,
                            struct ag_fault *fault)
{
    struct rows *rows = context;
    rows->last_line = line;
    rows->count++;
    size_t used = strlen(rows->text);
    ag_text_format(rows->text + used, sizeof(rows->text) - used, "%s=%s;", key, value);
    return strcmp(key, "bad") == 0 ? ag_fault_set(fault, AG_ERR_CONFIG, "bad") : AG_OK;
}

static void test_text_rows(void)
{
    static const struct {
        const char *name;
        const char *text;
        enum ag_err err;
        unsigned line;
        const char *rows;
    } cases[] = {
        {"nothing", "", AG_OK, 0, ""},
        {"one", "a = b\n", AG_OK, 1, "a=b;"},
        {"no line end", "a = b", AG_OK, 1, "a=b;"},
        {"no spaces", "a=b", AG_OK, 1, "a=b;"},
        {"tabs and spaces", "\ta \t=\t b c \t\n", AG_OK, 1, "a=b c;"},
        {"DOS line ends", "a = b\r\nc = d\r\n", AG_OK, 2, "a=b;c=d;"},
        {"comments and empty lines", "# x = y\n\n  # z\na = b\n", AG_OK, 4, "a=b;"},
        {"no comment behind a value", "a = b # c\n", AG_OK, 1, "a=b # c;"},
        {"equals in a value", "a = b=c\n", AG_OK, 1, "a=b=c;"},
        {"quoted", "a = \" b \"\n", AG_OK, 1, "a= b ;"},
        {"quoted empty", "a = \"\"\n", AG_OK, 1, "a=;"},
        {"escapes", "a = \"q\\\"b\\\\\"\n", AG_OK, 1, "a=q\"b\\;"},
        {"repeated key goes to the row", "a = 1\na = 2\n", AG_OK, 2, "a=1;a=2;"},
        {"all key characters", "aZ0_-.x = 1\n", AG_OK, 1, "aZ0_-.x=1;"},
        {"UTF-8 value", "a = \xc3\xa9\n", AG_OK, 1, "a=\xc3\xa9;"},
        {"row refuses", "a = 1\nbad = 2\nc = 3\n", AG_ERR_CONFIG, 2, "a=1;bad=2;"},
        {"no equals", "a = 1\nb\n", AG_ERR_TEXT, 2, "a=1;"},
        {"no key", "= 1\n", AG_ERR_TEXT, 1, ""},
        {"two words before equals", "a b = 1\n", AG_ERR_TEXT, 1, ""},
        {"key with slash", "a/b = 1\n", AG_ERR_TEXT, 1, ""},
        {"no value", "a =\n", AG_ERR_TEXT, 1, ""},
        {"open quote", "a = \"b\n", AG_ERR_TEXT, 1, ""},
        {"text behind quote", "a = \"b\" c\n", AG_ERR_TEXT, 1, ""},
        {"unknown escape", "a = \"\\n\"\n", AG_ERR_TEXT, 1, ""},
        {"backslash at the end", "a = \"b\\\n", AG_ERR_TEXT, 1, ""},
        {"escape", "a = \x1b[2J\n", AG_ERR_TEXT, 1, ""},
        {"carriage return inside", "a = b\rc = d\n", AG_ERR_TEXT, 1, ""},
        {"delete", "a = \x7f\n", AG_ERR_TEXT, 1, ""},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct rows rows = {0};
        unsigned line = 99;
        struct ag_fault fault = {0};
        enum ag_err err = ag_text_parse(ag_bytes_of(cases[i].text, strlen(cases[i].text)), keep_row,
                                        &rows, &line, &fault);
        ag_test_check_err(err, cases[i].err, cases[i].name, __FILE__, __LINE__);
        ag_test_check_u64(line, cases[i].line, cases[i].name, __FILE__, __LINE__);
        ag_test_check(strcmp(rows.text, cases[i].rows) == 0, cases[i].name, __FILE__, __LINE__);
        ag_test_check((err == AG_OK) == (fault.field == NULL), cases[i].name, __FILE__, __LINE__);
    }
}

static void test_text_nul(void)
{
    struct rows rows = {0};
    unsigned line = 0;
    struct ag_fault fault = {0};
    CHECK_ERR(ag_text_parse(AG_LITERAL("a = b\0c\n"), keep_row, &rows, &line, &fault), AG_ERR_TEXT);
    CHECK_U64(rows.count, 0);
}

static uint8_t big_text[AG_LIMIT_TEXT_BYTES + 1];

static void test_text_limits(void)
{
    struct rows rows = {0};
    unsigned line = 0;
    struct ag_fault fault = {0};

    /* A line of exactly the limit passes, one byte more does not. */
    memset(big_text, 'x', sizeof(big_text));
    memcpy(big_text, "# ", 2);
    CHECK_OK(ag_text_parse(ag_bytes_of(big_text, AG_LIMIT_TEXT_LINE_BYTES), keep_row, &rows, &line,
                           &fault));
    CHECK_ERR(ag_text_parse(ag_bytes_of(big_text, AG_LIMIT_TEXT_LINE_BYTES + 1), keep_row, &rows,
                            &line, &fault),
              AG_ERR_TEXT);
    CHECK(fault.has_limit && fault.limit == AG_LIMIT_TEXT_LINE_BYTES &&
          fault.got == AG_LIMIT_TEXT_LINE_BYTES + 1);

    memset(big_text, '\n', sizeof(big_text));
    CHECK_OK(
        ag_text_parse(ag_bytes_of(big_text, AG_LIMIT_TEXT_LINES), keep_row, &rows, &line, &fault));
    CHECK_ERR(ag_text_parse(ag_bytes_of(big_text, AG_LIMIT_TEXT_LINES + 1), keep_row, &rows, &line,
                            &fault),
              AG_ERR_TEXT);
    CHECK_U64(line, AG_LIMIT_TEXT_LINES + 1);
    CHECK_ERR(ag_text_parse(AG_ARRAY_VIEW(big_text), keep_row, &rows, &line, &fault), AG_ERR_TEXT);
    CHECK_U64(fault.limit, AG_LIMIT_TEXT_BYTES);
    CHECK_U64(rows.count, 0);
}

static const struct ag_test_case cases[] = {
    {"err: names, texts and classes", test_err_names},
    {"err: no code or name twice", test_err_codes_are_unique},
    {"err: faults", test_fault},
    {"bytes: views and comparisons", test_bytes},
    {"hex: decode", test_hex_decode},
    {"hex: every byte and character", test_hex_every_byte},
    {"hex: whole blocks", test_hex_blocks},
    {"base64: decode", test_base64},
    {"base64: limits", test_base64_limit},
    {"format: cut to fit", test_format},
    {"u64: decimal and hex", test_u64},
    {"text: rows", test_text_rows},
    {"text: NUL", test_text_nul},
    {"text: limits", test_text_limits},
};
TEST_MAIN(cases)
