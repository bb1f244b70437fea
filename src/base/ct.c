/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The checker of tests/ct runs under memcheck; its builds define AG_CT_CHECK, and only they carry
 * the client requests. */
#ifdef AG_CT_CHECK
#include <valgrind/memcheck.h>
#endif

_Noreturn void ag_assert_failed(const char *condition, const char *file, int line)
{
    /* Nothing is allocated and no lock of ours is taken: the process may be in any state. */
    (void)fprintf(stderr, "%s:%d: bug: not so: %s\n", file, line, condition);
    abort();
}

void ag_wipe(void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    explicit_bzero(data, size);
    /* Tells link-time optimisation as well that the zeroes are read. */
    __asm__ volatile("" : : "r"(data) : "memory");
}

bool ag_ct_equal(const void *a, const void *b, size_t size)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    uint32_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= (uint32_t)(left[i] ^ right[i]);
        /* A value barrier: the compiler may not learn that one set bit decides the answer and stop
         * early. The idea is that of mlkem-native's verify.h. */
        __asm__("" : "+r"(difference));
    }
    /* 0 becomes 1 and 1..255 becomes 0, without a branch. */
    uint32_t is_equal = ((difference - 1u) >> 8) & 1u;
    /* Whether two values are equal is what the caller asked to learn. */
    ag_ct_public(&is_equal, sizeof(is_equal));
    return is_equal != 0;
}

void ag_ct_secret(const void *data, size_t size)
{
#ifdef AG_CT_CHECK
    (void)VALGRIND_MAKE_MEM_UNDEFINED(data, size);
#else
    (void)data;
    (void)size;
#endif
}

void ag_ct_public(const void *data, size_t size)
{
#ifdef AG_CT_CHECK
    (void)VALGRIND_MAKE_MEM_DEFINED(data, size);
#else
    (void)data;
    (void)size;
#endif
}
