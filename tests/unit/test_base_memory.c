/* SPDX-License-Identifier: Apache-2.0 */
/* Does base keep its contract for memory: allocation, secrets, arenas, vectors and the LRU map? */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/sanitizer_i.h"

/* Runs `run` in a child; returns the signal that ended it, or 0. */
static int signal_of(void (*run)(void))
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        /* What is printed about the wanted end is noise, and no core is wanted. */
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(3);
        }
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGSEGV, SIG_DFL);
        run();
        _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* ---- assertions, wiping, comparing ---- */

static void fail_assert(void)
{
    AG_ASSERT(1 + 1 == 3);
}

static void pass_assert(void)
{
    AG_ASSERT(1 + 1 == 2);
}

static void test_assert(void)
{
    CHECK_U64((uint64_t)signal_of(fail_assert), SIGABRT);
    CHECK_U64((uint64_t)signal_of(pass_assert), 0);
}

static void test_wipe(void)
{
    uint8_t bytes[64];
    memset(bytes, 0xaa, sizeof(bytes));
    ag_wipe(bytes + 1, sizeof(bytes) - 2);
    CHECK_U64(bytes[0], 0xaa);
    CHECK_U64(bytes[63], 0xaa);
    CHECK(ag_bytes_is_zero(ag_bytes_of(bytes + 1, sizeof(bytes) - 2)));
    ag_wipe(NULL, 0);
}

static void test_ct_equal(void)
{
    uint8_t a[33];
    uint8_t b[33];
    ag_test_random_bytes(a, sizeof(a));
    memcpy(b, a, sizeof(a));
    CHECK(ag_ct_equal(a, b, sizeof(a)));
    CHECK(ag_ct_equal(a, b, 0));
    for (size_t i = 0; i < sizeof(a); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b[i] = (uint8_t)(a[i] ^ (1u << bit));
            CHECK(!ag_ct_equal(a, b, sizeof(a)));
        }
        b[i] = a[i];
    }
    /* Differences that cancel in a sum or an exclusive or. */
    b[3] ^= 0x80;
    b[9] ^= 0x80;
    CHECK(!ag_ct_equal(a, b, sizeof(a)));
    ag_ct_secret(a, sizeof(a));
    ag_ct_public(a, sizeof(a));
}

/* ---- allocation ---- */

static void test_alloc(void)
{
    size_t in_use = ag_alloc_in_use();
    uint64_t count = ag_alloc_count();
    uint8_t *memory = ag_alloc(1000);
    CHECK(memory != NULL && (uintptr_t)memory % 16 == 0);
    CHECK(ag_bytes_is_zero(ag_bytes_of(memory, 1000)));
    CHECK_U64(ag_alloc_in_use() - in_use, 1000);
    CHECK_U64(ag_alloc_count() - count, 1);
    void *empty = ag_alloc(0);
    CHECK(empty != NULL);
    ag_free(empty);
    ag_free(memory);
    ag_free(NULL);
    CHECK_U64(ag_alloc_in_use(), in_use);

    /* The volatile hides the size from the compiler, which would warn of it. */
    volatile size_t huge = SIZE_MAX;
    CHECK(ag_alloc(huge) == NULL);
    CHECK(ag_alloc(huge - 15) == NULL);
    CHECK(ag_alloc_array(huge / 2 + 1, 2) == NULL);
    CHECK(ag_alloc_array(huge, huge) == NULL);
    CHECK_U64(ag_alloc_in_use(), in_use);

    {
        uint32_t *scoped AG_SCOPED(ag_free_cleanup) = ag_alloc_array(4, sizeof(*scoped));
        CHECK(scoped != NULL);
        CHECK_U64(ag_alloc_in_use() - in_use, 16);
    }
    CHECK_U64(ag_alloc_in_use(), in_use);
}

static void test_alloc_cap(void)
{
    size_t in_use = ag_alloc_in_use();
    ag_alloc_set_cap(in_use + 100);
    void *a = ag_alloc(60);
    CHECK(a != NULL);
    CHECK(ag_alloc(41) == NULL);
    void *b = ag_alloc(40);
    CHECK(b != NULL);
    CHECK(ag_alloc(1) == NULL);
    ag_free(a);
    a = ag_alloc(60);
    CHECK(a != NULL);
    ag_alloc_set_cap(1); /* below what is in use already */
    CHECK(ag_alloc(1) == NULL);
    ag_alloc_set_cap(0);
    ag_free(a);
    ag_free(b);
    CHECK_U64(ag_alloc_in_use(), in_use);
}

static void test_alloc_fail_nth(void)
{
    for (uint64_t nth = 1; nth <= 3; nth++) {
        ag_alloc_fail_nth(nth);
        for (uint64_t i = 1; i <= 5; i++) {
            void *memory = ag_alloc(8);
            CHECK((memory == NULL) == (i == nth));
            ag_free(memory);
        }
    }
    ag_alloc_fail_nth(1);
    ag_alloc_fail_nth(0);
    void *memory = ag_alloc(8);
    CHECK(memory != NULL);
    ag_free(memory);
}

/* ---- secrets ---- */

#ifndef AG_HAS_TSAN
static volatile uint8_t *secret_for_child;

static void read_behind_secret(void)
{
    (void)secret_for_child[64];
}
#endif

static void test_secret_alloc(void)
{
    size_t in_use = ag_alloc_in_use();
    uint8_t *secret = ag_secret_alloc(64);
    CHECK(secret != NULL && (uintptr_t)secret % 64 == 0);
    CHECK(ag_bytes_is_zero(ag_bytes_of(secret, 64)));
    CHECK_U64(ag_alloc_in_use() - in_use, 64);
    memset(secret, 0x5a, 64);
#ifndef AG_HAS_TSAN
    secret_for_child = secret;
    CHECK_U64((uint64_t)signal_of(read_behind_secret), SIGSEGV);
#endif
    ag_secret_free(secret, 64);
    CHECK_U64(ag_alloc_in_use(), in_use);

    /* More than a page, and no multiple of anything. */
    secret = ag_secret_alloc(5001);
    CHECK(secret != NULL);
    if (secret != NULL) {
        memset(secret, 0x5a, 5001);
    }
    ag_secret_free(secret, 5001);

    volatile size_t huge = SIZE_MAX;
    CHECK(ag_secret_alloc(0) == NULL);
    CHECK(ag_secret_alloc(huge) == NULL);
    CHECK(ag_secret_alloc(huge - 64) == NULL);
    CHECK(ag_secret_alloc(huge - 8192) == NULL);
    ag_alloc_fail_nth(1);
    CHECK(ag_secret_alloc(64) == NULL);
    ag_secret_free(NULL, 64);
    CHECK_U64(ag_alloc_in_use(), in_use);
}

#if !defined(AG_HAS_ASAN) && !defined(AG_HAS_TSAN)
static void refuse_lock(void)
{
    struct rlimit none = {0, 0};
    /* The superuser is exempt from the limit. */
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || setuid(65534) != 0) {
        abort();
    }
    if (ag_secret_alloc(64) != NULL) {
        (void)raise(SIGUSR1);
    }
}
#endif

static void test_secret_lock(void)
{
#if defined(AG_HAS_ASAN) || defined(AG_HAS_TSAN)
    ag_test_skip("the sanitizer makes mlock do nothing");
#else
    if (geteuid() != 0) {
        ag_test_skip("only the superuser can become one whom the limit binds");
        return;
    }
    /* A secret that cannot be locked is refused, not kept in memory that may be swapped. */
    CHECK_U64((uint64_t)signal_of(refuse_lock), 0);
#endif
}

/* ---- arenas ---- */

static void test_arena(void)
{
    struct ag_arena arena;
    ag_arena_init(&arena, 100000);
    void *first = NULL;
    CHECK_OK(ag_arena_take(&arena, 10, &first));
    CHECK(first != NULL && (uintptr_t)first % 16 == 0 && ag_bytes_is_zero(ag_bytes_of(first, 10)));
    memset(first, 0xee, 10);
    void *empty = NULL;
    void *other_empty = NULL;
    CHECK_OK(ag_arena_take(&arena, 0, &empty));
    CHECK_OK(ag_arena_take(&arena, 0, &other_empty));
    CHECK(empty != NULL && empty != other_empty);

    /* Blocks do not move: the first bytes stand while many blocks follow. */
    uint64_t total = 10;
    for (size_t size = 1; total + size < 90000; size += 7) {
        void *memory = NULL;
        CHECK_OK(ag_arena_take(&arena, size, &memory));
        CHECK((uintptr_t)memory % 16 == 0 && ag_bytes_is_zero(ag_bytes_of(memory, size)));
        memset(memory, 0xdd, size);
        total += size;
    }
    CHECK_U64(arena.used, total);
    for (size_t i = 0; i < 10; i++) {
        CHECK_U64(((uint8_t *)first)[i], 0xee);
    }

    /* After a reset the same blocks serve again, zeroed. */
    uint64_t allocations = ag_alloc_count();
    ag_arena_reset(&arena);
    CHECK_U64(arena.used, 0);
    for (size_t taken = 0; taken + 997 < 90000; taken += 997) {
        void *memory = NULL;
        CHECK_OK(ag_arena_take(&arena, 997, &memory));
        CHECK(ag_bytes_is_zero(ag_bytes_of(memory, 997)));
    }
    CHECK_U64(ag_alloc_count(), allocations);
    ag_arena_close(&arena);
    ag_arena_close(&arena);
}

static void test_arena_limit(void)
{
    size_t in_use = ag_alloc_in_use();
    struct ag_arena arena;
    ag_arena_init(&arena, 100);
    void *memory = NULL;
    CHECK_OK(ag_arena_take(&arena, 99, &memory));
    CHECK_ERR(ag_arena_take(&arena, 2, &memory), AG_ERR_NO_MEMORY);
    CHECK_OK(ag_arena_take(&arena, 1, &memory));
    CHECK_ERR(ag_arena_take(&arena, 1, &memory), AG_ERR_NO_MEMORY);
    volatile size_t huge = SIZE_MAX;
    CHECK_ERR(ag_arena_take(&arena, huge, &memory), AG_ERR_NO_MEMORY);
    CHECK_ERR(ag_arena_take(&arena, huge - 50, &memory), AG_ERR_NO_MEMORY);
    ag_arena_reset(&arena);
    CHECK_OK(ag_arena_take(&arena, 100, &memory));
    ag_arena_close(&arena);

    ag_arena_init(&arena, huge);
    CHECK_ERR(ag_arena_take(&arena, huge - 3, &memory), AG_ERR_NO_MEMORY);
    CHECK_ERR(ag_arena_take(&arena, huge - 40, &memory), AG_ERR_NO_MEMORY);
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_arena_take(&arena, 8, &memory), AG_ERR_NO_MEMORY);
    CHECK_OK(ag_arena_take(&arena, 8, &memory));
    ag_arena_close(&arena);
    CHECK_U64(ag_alloc_in_use(), in_use);
}

static void test_arena_copy(void)
{
    struct ag_arena arena;
    ag_arena_init(&arena, 64);
    struct ag_bytes copy = {0};
    char source[] = "source";
    CHECK_OK(ag_arena_copy(&arena, ag_bytes_of(source, 6), &copy));
    source[0] = 'x';
    CHECK_BYTES(copy, AG_LITERAL("source"));
    CHECK_OK(ag_arena_copy(&arena, (struct ag_bytes){NULL, 0}, &copy));
    CHECK_U64(copy.size, 0);
    CHECK_ERR(ag_arena_copy(&arena, ag_bytes_of(source, 64), &copy), AG_ERR_NO_MEMORY);
    ag_arena_close(&arena);
}

static void test_arena_secret(void)
{
    struct ag_arena arena;
    ag_arena_init_secret(&arena, 100000);
    void *small = NULL;
    void *large = NULL;
    CHECK_OK(ag_arena_take(&arena, 32, &small));
    CHECK_OK(ag_arena_take(&arena, 50000, &large));
    memset(small, 0x77, 32);
    memset(large, 0x77, 50000);
    ag_arena_reset(&arena);
#ifndef AG_HAS_ASAN
    /* The address sanitizer forbids the look; the bytes are still ours without it. */
    CHECK(ag_bytes_is_zero(ag_bytes_of(small, 32)));
    CHECK(ag_bytes_is_zero(ag_bytes_of(large, 50000)));
#endif
    ag_arena_close(&arena);
}

/* ---- vectors ---- */

static void test_vec(void)
{
    struct ag_vec vec;
    ag_vec_init(&vec, 1000);
    CHECK_U64(ag_vec_view(&vec).size, 0);
    CHECK_OK(ag_vec_append(&vec, (struct ag_bytes){NULL, 0}));
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("abc")));
    CHECK_OK(ag_vec_printf(&vec, "-%d-%s", 42, "x"));
    CHECK_OK(ag_vec_printf(&vec, "%s", ""));
    uint8_t *room = NULL;
    CHECK_OK(ag_vec_extend(&vec, 2, &room));
    CHECK_U64(room[0], 0);
    memcpy(room, "yz", 2);
    CHECK_BYTES(ag_vec_view(&vec), AG_LITERAL("abc-42-xyz"));

    for (unsigned i = 0; i < 990; i++) {
        CHECK_OK(ag_vec_append(&vec, AG_LITERAL("!")));
    }
    CHECK_U64(vec.size, 1000);
    CHECK_ERR(ag_vec_append(&vec, AG_LITERAL("!")), AG_ERR_WIRE_SPACE);
    CHECK_ERR(ag_vec_printf(&vec, "%d", 1), AG_ERR_WIRE_SPACE);
    CHECK_ERR(ag_vec_extend(&vec, 1, &room), AG_ERR_WIRE_SPACE);
    volatile size_t huge = SIZE_MAX;
    CHECK_ERR(ag_vec_extend(&vec, huge, &room), AG_ERR_WIRE_SPACE);
    CHECK_U64(vec.size, 1000);
    CHECK_BYTES(ag_bytes_head(ag_vec_view(&vec), 10), AG_LITERAL("abc-42-xyz"));
    ag_vec_close(&vec);
    ag_vec_close(&vec);

    ag_vec_init(&vec, huge);
    CHECK_ERR(ag_vec_extend(&vec, huge, &room), AG_ERR_NO_MEMORY);
    CHECK_ERR(ag_vec_extend(&vec, huge - 8, &room), AG_ERR_NO_MEMORY);
    ag_vec_close(&vec);
}

/* ---- every allocation fails once ---- */

/* A stretch of work that uses everything in base that allocates but threads. */
static enum ag_err scenario(void)
{
    struct ag_vec vec AG_SCOPED(ag_vec_close);
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    ag_vec_init(&vec, 10000);
    ag_arena_init(&arena, 100000);

    struct ag_json_out out;
    ag_json_begin(&out, &vec, true);
    ag_json_object(&out, NULL);
    for (char key[2] = "a"; key[0] <= 'z'; key[0]++) {
        ag_json_put_hex(&out, key, AG_LITERAL("0123456789abcdef"));
    }
    ag_json_array(&out, "list");
    ag_json_put_u64(&out, NULL, 1);
    ag_json_put_bool(&out, NULL, true);
    ag_json_end(&out);
    ag_json_end(&out);
    AG_TRY(ag_json_finish(&out));

    AG_TRY(ag_json_parse(ag_vec_view(&vec), &json));
    size_t length = 0;
    const char *text = ag_json_string(ag_json_get(ag_json_root(json), "q"), &length);
    AG_ENSURE(text != NULL, AG_ERR_JSON);
    struct ag_bytes bytes = {0};
    AG_TRY(ag_hex_decode_arena(text, length, 100, &arena, &bytes));
    AG_ENSURE(ag_bytes_equal(bytes, AG_LITERAL("0123456789abcdef")), AG_ERR_TEXT);
    AG_TRY(ag_base64_decode("Zm9v", 4, 3, &arena, &bytes));
    void *memory = NULL;
    AG_TRY(ag_arena_take(&arena, 20000, &memory));

    void *secret = ag_secret_alloc(32);
    AG_ENSURE(secret != NULL, AG_ERR_NO_MEMORY);
    ag_secret_free(secret, 32);

    struct ag_lru *lru = NULL;
    AG_TRY(ag_lru_open(4, 8, 1, &lru));
    ag_lru_close(lru);
    struct ag_queue *queue = NULL;
    AG_TRY(ag_queue_open(4, &queue));
    ag_queue_close(queue);
    return AG_OK;
}

static void test_every_allocation_fails_once(void)
{
    size_t in_use = ag_alloc_in_use();
    uint64_t before = ag_alloc_count();
    CHECK_OK(scenario());
    uint64_t count = ag_alloc_count() - before;
    CHECK(count > 15);
    CHECK_U64(ag_alloc_in_use(), in_use);

    for (uint64_t nth = 1; nth <= count; nth++) {
        ag_alloc_fail_nth(nth);
        CHECK_ERR(scenario(), AG_ERR_NO_MEMORY);
        CHECK_U64(ag_alloc_in_use(), in_use);
    }
    ag_alloc_fail_nth(0);
    CHECK_OK(scenario());
    ag_test_note("%llu allocations failed once each", (unsigned long long)count);
}

/* ---- the LRU map ---- */

static struct ag_id id_of(uint64_t number)
{
    struct ag_id id = {0};
    memcpy(id.bytes + 8, &number, sizeof(number));
    return id;
}

static uint64_t *find(struct ag_lru *lru, uint64_t number)
{
    struct ag_id id = id_of(number);
    return ag_lru_find(lru, &id);
}

static uint64_t *insert(struct ag_lru *lru, uint64_t number)
{
    struct ag_id id = id_of(number);
    return ag_lru_insert(lru, &id);
}

static void test_lru_order(void)
{
    struct ag_lru *lru = NULL;
    CHECK_OK(ag_lru_open(3, sizeof(uint64_t), 7, &lru));
    for (uint64_t i = 1; i <= 3; i++) {
        uint64_t *value = insert(lru, i);
        CHECK_U64(*value, 0);
        *value = i * 10;
    }
    CHECK_U64(ag_lru_count(lru), 3);
    /* 1 is touched by find and 2 by insert, so that 3 is the oldest. */
    CHECK_U64(*find(lru, 1), 10);
    CHECK_U64(*insert(lru, 2), 20);
    *insert(lru, 4) = 40;
    CHECK(find(lru, 3) == NULL);
    CHECK_U64(ag_lru_count(lru), 3);
    /* Now 1 is the oldest. */
    *insert(lru, 5) = 50;
    CHECK(find(lru, 1) == NULL);
    CHECK_U64(*find(lru, 2), 20);
    CHECK_U64(*find(lru, 4), 40);
    CHECK_U64(*find(lru, 5), 50);

    struct ag_id four = id_of(4);
    ag_lru_remove(lru, &four);
    ag_lru_remove(lru, &four);
    CHECK(find(lru, 4) == NULL);
    CHECK_U64(ag_lru_count(lru), 2);
    /* A freed entry comes back zeroed, and nothing is evicted for it. */
    CHECK_U64(*insert(lru, 6), 0);
    CHECK(find(lru, 2) != NULL && find(lru, 5) != NULL);
    ag_lru_close(lru);
    ag_lru_close(NULL);
}

static void test_lru_arguments(void)
{
    struct ag_lru *lru = NULL;
    volatile size_t huge = SIZE_MAX;
    CHECK_ERR(ag_lru_open(0, 8, 0, &lru), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_lru_open(8, 0, 0, &lru), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_lru_open(huge, 8, 0, &lru), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_lru_open(8, huge, 0, &lru), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_lru_open(8, huge / 2, 0, &lru), AG_ERR_NO_MEMORY);
    CHECK(lru == NULL);
    CHECK_OK(ag_lru_open(1, 1, 0, &lru));
    insert(lru, 1);
    insert(lru, 2);
    CHECK(find(lru, 1) == NULL && find(lru, 2) != NULL);
    ag_lru_close(lru);
}

/* The map against a plain list that is searched from end to end. */
#define MODEL_CAPACITY 37u

struct model {
    uint64_t keys[MODEL_CAPACITY]; /* oldest first */
    uint64_t values[MODEL_CAPACITY];
    size_t count;
};

static void model_drop(struct model *model, size_t index)
{
    size_t left = model->count - index - 1;
    memmove(&model->keys[index], &model->keys[index + 1], left * sizeof(uint64_t));
    memmove(&model->values[index], &model->values[index + 1], left * sizeof(uint64_t));
    model->count--;
}

static size_t model_find(const struct model *model, uint64_t key)
{
    size_t index = 0;
    while (index < model->count && model->keys[index] != key) {
        index++;
    }
    return index;
}

/* Moves `key` to the newest end with `value`. */
static void model_put(struct model *model, uint64_t key, uint64_t value)
{
    size_t index = model_find(model, key);
    if (index < model->count) {
        model_drop(model, index);
    } else if (model->count == MODEL_CAPACITY) {
        model_drop(model, 0);
    }
    model->keys[model->count] = key;
    model->values[model->count] = value;
    model->count++;
}

static void test_lru_against_model(void)
{
    struct ag_lru *lru = NULL;
    struct model model = {0};
    CHECK_OK(ag_lru_open(MODEL_CAPACITY, sizeof(uint64_t), ag_test_random(), &lru));
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t key = ag_test_random() % 80;
        size_t index = model_find(&model, key);
        bool is_there = index < model.count;
        switch (ag_test_random() % 3) {
        case 0: {
            const uint64_t *value = find(lru, key);
            CHECK((value != NULL) == is_there);
            if (value != NULL && is_there) {
                CHECK_U64(*value, model.values[index]);
                model_put(&model, key, *value);
            }
            break;
        }
        case 1: {
            uint64_t *value = insert(lru, key);
            CHECK_U64(*value, is_there ? model.values[index] : 0);
            *value = step + 1;
            model_put(&model, key, step + 1);
            break;
        }
        default: {
            struct ag_id id = id_of(key);
            ag_lru_remove(lru, &id);
            if (is_there) {
                model_drop(&model, index);
            }
            break;
        }
        }
        CHECK_U64(ag_lru_count(lru), model.count);
    }
    ag_lru_close(lru);
}

static const struct ag_test_case cases[] = {
    {"assert: stops the process", test_assert},
    {"wipe", test_wipe},
    {"ct: equality", test_ct_equal},
    {"alloc: counted and zeroed", test_alloc},
    {"alloc: cap", test_alloc_cap},
    {"alloc: the n-th fails", test_alloc_fail_nth},
    {"secret: guarded and counted", test_secret_alloc},
    {"secret: locked or refused", test_secret_lock},
    {"arena: stable, zeroed, reused", test_arena},
    {"arena: limits", test_arena_limit},
    {"arena: copy", test_arena_copy},
    {"arena: secret is wiped", test_arena_secret},
    {"vec: grows to its limit", test_vec},
    {"every allocation fails once", test_every_allocation_fails_once},
    {"lru: order of eviction", test_lru_order},
    {"lru: wrong arguments", test_lru_arguments},
    {"lru: against a model", test_lru_against_model},
};
TEST_MAIN(cases)
