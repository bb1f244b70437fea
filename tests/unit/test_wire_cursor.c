/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "test.h"
#include "wire/wire.h"

/* The cursor, the writer, and RLP. */

static void check_fault(const struct ag_fault *fault, enum ag_err err, const char *field)
{
    CHECK_ERR(fault->err, err);
    CHECK(fault->field != NULL);
    if (fault->field != NULL) {
        CHECK_BYTES(ag_bytes_of(fault->field, strlen(fault->field)),
                    ag_bytes_of(field, strlen(field)));
    }
}

static void reads_every_width(void)
{
    static const uint8_t bytes[] = {
        1,                                /* u8 */
        2, 3,                             /* u16 */
        4, 5,   6,   7,                   /* u32 */
        8, 9,   10,  11, 12,  13, 14, 15, /* u64 */
        1,                                /* bool */
        2, 'a', 'b',                      /* bytes8 */
        0, 1,   'c',                      /* bytes16 */
        0, 0,   0,   1,  'd',             /* bytes32 */
    };
    struct ag_rd rd = ag_rd_from(AG_ARRAY_VIEW(bytes));
    CHECK_U64(ag_rd_u8(&rd, "a"), 1);
    CHECK_U64(ag_rd_u16(&rd, "b"), 0x0203);
    CHECK_U64(ag_rd_u32(&rd, "c"), 0x04050607);
    CHECK_U64(ag_rd_u64(&rd, "d"), UINT64_C(0x08090a0b0c0d0e0f));
    CHECK(ag_rd_bool(&rd, "e"));
    CHECK_BYTES(ag_rd_bytes8(&rd, 2, "f"), AG_LITERAL("ab"));
    CHECK_BYTES(ag_rd_bytes16(&rd, 2, "g"), AG_LITERAL("c"));
    CHECK_BYTES(ag_rd_bytes32(&rd, 2, "h"), AG_LITERAL("d"));
    CHECK_OK(ag_rd_finish(&rd, NULL));
}

static void remembers_the_first_failure(void)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct ag_fault fault = {0};
    struct ag_rd rd = ag_rd_from(AG_ARRAY_VIEW(bytes));
    CHECK_U64(ag_rd_u32(&rd, "first"), 0);
    CHECK_U64(ag_rd_u8(&rd, "second"), 0); /* there would be a byte: nothing is read any more */
    ag_rd_refuse(&rd, AG_ERR_WIRE_VALUE, "third");
    CHECK(!ag_rd_is_ok(&rd));
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_SHORT);
    check_fault(&fault, AG_ERR_WIRE_SHORT, "first");
    CHECK(fault.has_limit);
    CHECK_U64(fault.limit, 4);
    CHECK_U64(fault.got, 3);
}

static void refuses_what_is_left(void)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct ag_fault fault = {0};
    struct ag_rd rd = ag_rd_from(AG_ARRAY_VIEW(bytes));
    CHECK_U64(ag_rd_u8(&rd, "one"), 1);
    CHECK_OK(ag_rd_finish_item(&rd, &fault));
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_TRAILING);
    check_fault(&fault, AG_ERR_WIRE_TRAILING, "end of message");
    CHECK_U64(fault.got, 2);

    struct ag_rd all = ag_rd_from(AG_ARRAY_VIEW(bytes));
    CHECK_BYTES(ag_rd_rest(&all), AG_ARRAY_VIEW(bytes));
    CHECK_OK(ag_rd_finish(&all, NULL));
}

static void refuses_lengths_over_a_limit(void)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff};
    static const uint8_t three[] = {3, 'a', 'b', 'c'};
    static const uint8_t cut[] = {3, 'a', 'b'};
    struct ag_fault fault = {0};
    struct ag_rd rd = ag_rd_from(AG_ARRAY_VIEW(huge));
    CHECK_U64(ag_rd_bytes32(&rd, 10, "huge").size, 0);
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_LIMIT);
    check_fault(&fault, AG_ERR_WIRE_LIMIT, "huge");
    CHECK_U64(fault.limit, 10);
    CHECK_U64(fault.got, 0xffffffff);

    rd = ag_rd_from(AG_ARRAY_VIEW(three));
    (void)ag_rd_bytes8(&rd, 2, "three");
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_LIMIT);
    CHECK_U64(fault.limit, 2);
    CHECK_U64(fault.got, 3);

    rd = ag_rd_from(AG_ARRAY_VIEW(cut));
    (void)ag_rd_bytes8(&rd, 3, "cut");
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_SHORT);
    check_fault(&fault, AG_ERR_WIRE_SHORT, "cut");
}

static void refuses_other_booleans_and_versions(void)
{
    static const uint8_t two[] = {2};
    struct ag_fault fault = {0};
    struct ag_rd rd = ag_rd_from(AG_ARRAY_VIEW(two));
    CHECK(!ag_rd_bool(&rd, "flag"));
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_VALUE);
    check_fault(&fault, AG_ERR_WIRE_VALUE, "flag");

    rd = ag_rd_from(AG_LITERAL("ABCD\0\2"));
    ag_rd_magic(&rd, "ABCD", 1);
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_VERSION);
    check_fault(&fault, AG_ERR_WIRE_VERSION, "version");
    CHECK_U64(fault.limit, 1);
    CHECK_U64(fault.got, 2);

    rd = ag_rd_from(AG_LITERAL("ABCE\0\1"));
    ag_rd_magic(&rd, "ABCD", 1);
    CHECK_ERR(ag_rd_finish(&rd, &fault), AG_ERR_WIRE_VERSION);
    check_fault(&fault, AG_ERR_WIRE_VERSION, "magic");
}

static void reads_nothing_from_nothing(void)
{
    struct ag_rd rd = ag_rd_from((struct ag_bytes){NULL, 0});
    uint8_t untouched = 7;
    CHECK_U64(ag_rd_fixed(&rd, 0, "none").size, 0);
    CHECK_OK(ag_rd_finish(&rd, NULL));
    ag_rd_copy(&rd, &untouched, 1, "byte");
    CHECK_U64(untouched, 7);
    struct ag_id id = ag_rd_id(&rd, "id");
    CHECK(ag_bytes_is_zero(AG_VIEW(&id)));
    CHECK_ERR(ag_rd_finish(&rd, NULL), AG_ERR_WIRE_SHORT);
}

static void writes_and_cuts_back(void)
{
    struct ag_vec vec;
    ag_vec_init(&vec, 16);
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("kept")));

    struct ag_wr wr = ag_wr_to(&vec);
    ag_wr_u16(&wr, 0x0102);
    ag_wr_bytes8(&wr, AG_LITERAL("xyz"), 2);
    ag_wr_u64(&wr, 1); /* nothing is written any more */
    CHECK_ERR(ag_wr_finish(&wr), AG_ERR_WIRE_LIMIT);
    CHECK_BYTES(ag_vec_view(&vec), AG_LITERAL("kept"));

    wr = ag_wr_to(&vec);
    ag_wr_zeros(&wr, 13);
    CHECK(ag_wr_finish(&wr) != AG_OK);
    CHECK_BYTES(ag_vec_view(&vec), AG_LITERAL("kept"));

    wr = ag_wr_to(&vec);
    ag_wr_reserve(&wr, 13);
    CHECK(ag_wr_finish(&wr) != AG_OK);

    wr = ag_wr_to(&vec);
    ag_wr_reserve(&wr, 12);
    ag_wr_magic(&wr, "ABCD", 1);
    ag_wr_u8(&wr, 9);
    ag_wr_bytes16(&wr, AG_LITERAL("e"), 1);
    ag_wr_zeros(&wr, 1);
    CHECK_OK(ag_wr_finish(&wr));
    CHECK_BYTES(ag_vec_view(&vec), AG_LITERAL("keptABCD\0\1\x09\0\1e\0"));
    ag_vec_close(&vec);
}

static void writer_keeps_to_its_width(void)
{
    static uint8_t long_text[70000];
    struct ag_vec vec;
    ag_vec_init(&vec, 200000);
    struct ag_wr wr = ag_wr_to(&vec);
    ag_wr_bytes8(&wr, ag_bytes_of(long_text, 256), 1000);
    CHECK_ERR(ag_wr_finish(&wr), AG_ERR_WIRE_LIMIT);
    wr = ag_wr_to(&vec);
    ag_wr_bytes16(&wr, ag_bytes_of(long_text, 65536), 70000);
    CHECK_ERR(ag_wr_finish(&wr), AG_ERR_WIRE_LIMIT);
    wr = ag_wr_to(&vec);
    ag_wr_bytes32(&wr, ag_bytes_of(long_text, 65536), 70000);
    CHECK_OK(ag_wr_finish(&wr));
    CHECK_U64(vec.size, 65540);
    ag_vec_close(&vec);
}

/* Every allocation of a writer fails once: the error comes out and nothing is left behind. */
static void writer_survives_failing_memory(void)
{
    for (uint64_t nth = 1; nth < 10; nth++) {
        struct ag_vec vec;
        ag_vec_init(&vec, 100000);
        struct ag_wr wr = ag_wr_to(&vec);
        ag_alloc_fail_nth(nth);
        for (int i = 0; i < 2000; i++) {
            ag_wr_u64(&wr, 1);
        }
        enum ag_err err = ag_wr_finish(&wr);
        ag_alloc_fail_nth(0);
        CHECK(err == AG_OK || (err == AG_ERR_NO_MEMORY && vec.size == 0));
        CHECK(nth != 1 || err == AG_ERR_NO_MEMORY);
        ag_vec_close(&vec);
    }
}

/* ---- RLP ------------------------------------------------------------------------------------- */

static void rlp_takes_canonical_items(void)
{
    static const struct {
        const char *text;
        size_t size;
        bool is_list;
        size_t payload;
    } cases[] = {
        {"\x00", 1, false, 1},
        {"\x7f", 1, false, 1},
        {"\x80", 1, false, 0},
        {"\x81\x80", 2, false, 1},
        {"\x83"
         "dog",
         4, false, 3},
        {"\xc0", 1, true, 0},
        {"\xc2\x01\x02", 3, true, 2},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_bytes in = ag_bytes_of(cases[i].text, cases[i].size);
        struct ag_rlp_item item;
        CHECK_OK(ag_rlp_check(in, NULL));
        CHECK_OK(ag_rlp_next(&in, &item));
        CHECK_U64(in.size, 0);
        CHECK(item.is_list == cases[i].is_list);
        CHECK_U64(item.payload.size, cases[i].payload);
        CHECK_U64(item.whole.size, cases[i].size);
    }
}

static void rlp_refuses(void)
{
    static const struct {
        const char *text;
        size_t size;
        const char *why;
    } cases[] = {
        {"", 0, "nothing"},
        {"\x81\x7f", 2, "a single small byte in the short form"},
        {"\x83"
         "do",
         3, "a string cut short"},
        {"\xb8\x01\xff", 3, "a long form that fits the short one"},
        {"\xb8", 1, "a long form without its length"},
        {"\xb9\x00\x38", 3, "a length with a leading zero"},
        {"\xbf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "a length of 2^64 - 1"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, "a list of 2^64 - 1 bytes"},
        {"\xf8\x01\x01", 3, "a long list that fits the short form"},
        {"\xc2\x01", 2, "a list cut short"},
        {"\xc1\x81", 2, "an item that runs past its list"},
        {"\xc3\xc2\x81\x00", 4, "a fault two levels down"},
        {"\x01\x01", 2, "two items"},
        {"\xc0\x80", 2, "an item behind a list"},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_fault fault = {0};
        CHECK_ERR(ag_rlp_check(ag_bytes_of(cases[i].text, cases[i].size), &fault), AG_ERR_RLP);
        CHECK(fault.field != NULL);
    }
}

static void rlp_depth_is_bounded(void)
{
    uint8_t nested[AG_LIMIT_RLP_DEPTH + 1];
    for (size_t i = 0; i < sizeof(nested); i++) {
        nested[i] = (uint8_t)(0xc0 + sizeof(nested) - 1 - i);
    }
    struct ag_fault fault = {0};
    CHECK_ERR(ag_rlp_check(AG_ARRAY_VIEW(nested), &fault), AG_ERR_RLP);
    CHECK(fault.has_limit);
    CHECK_U64(fault.limit, AG_LIMIT_RLP_DEPTH);
    CHECK_OK(ag_rlp_check(ag_bytes_of(nested + 1, sizeof(nested) - 1), NULL));
}

static void rlp_writers_give_canonical_form(void)
{
    static const size_t sizes[] = {0, 1, 55, 56, 255, 256, 65535, 65536};
    static uint8_t text[65536];
    memset(text, 0x61, sizeof(text));
    for (size_t i = 0; i < AG_COUNT(sizes); i++) {
        struct ag_vec vec;
        struct ag_rlp_item item;
        ag_vec_init(&vec, 70000);
        CHECK_OK(ag_rlp_put_string(&vec, ag_bytes_of(text, sizes[i])));
        struct ag_bytes view = ag_vec_view(&vec);
        CHECK_OK(ag_rlp_check(view, NULL));
        CHECK_OK(ag_rlp_next(&view, &item));
        CHECK_U64(item.payload.size, sizes[i]);
        ag_vec_close(&vec);
    }
}

static void rlp_integers_have_no_leading_zeros(void)
{
    static const struct {
        uint64_t value;
        const char *text;
        size_t size;
    } cases[] = {
        {0, "\x80", 1},           {1, "\x01", 1},
        {127, "\x7f", 1},         {128, "\x81\x80", 2},
        {256, "\x82\x01\x00", 3}, {UINT64_MAX, "\x88\xff\xff\xff\xff\xff\xff\xff\xff", 9},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_vec vec;
        ag_vec_init(&vec, 16);
        CHECK_OK(ag_rlp_put_u64(&vec, cases[i].value));
        CHECK_BYTES(ag_vec_view(&vec), ag_bytes_of(cases[i].text, cases[i].size));
        ag_vec_close(&vec);
    }
    struct ag_vec small;
    ag_vec_init(&small, 3);
    CHECK(ag_rlp_put_string(&small, AG_LITERAL("dog")) != AG_OK);
    CHECK_U64(small.size, 0);
    CHECK_OK(ag_rlp_put_list(&small, 0));
    CHECK_BYTES(ag_vec_view(&small), AG_LITERAL("\xc0"));
    ag_vec_close(&small);
}

static const struct ag_test_case cases[] = {
    {"the cursor reads every width", reads_every_width},
    {"the cursor remembers its first failure", remembers_the_first_failure},
    {"the cursor refuses bytes that are left", refuses_what_is_left},
    {"the cursor refuses lengths over a limit", refuses_lengths_over_a_limit},
    {"the cursor refuses other booleans, magics and versions", refuses_other_booleans_and_versions},
    {"the cursor reads nothing from nothing", reads_nothing_from_nothing},
    {"the writer cuts back what it could not finish", writes_and_cuts_back},
    {"the writer keeps lengths to their width", writer_keeps_to_its_width},
    {"the writer survives failing memory", writer_survives_failing_memory},
    {"RLP takes canonical items", rlp_takes_canonical_items},
    {"RLP refuses every other form", rlp_refuses},
    {"RLP depth is bounded", rlp_depth_is_bounded},
    {"RLP writers give canonical form", rlp_writers_give_canonical_form},
    {"RLP integers have no leading zeros", rlp_integers_have_no_leading_zeros},
};

TEST_MAIN(cases)
