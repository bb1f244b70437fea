/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto_i.h"

/* cpu: what the processor says that it can do. The host shapes CPUID for its guest, so an answer is
 * a claim: a missing instruction would push libcrypto onto table-based AES, and is refused. */

#if defined(__x86_64__)

#include <cpuid.h>

/* Bits of CPUID [AMD64 APM 3, appendix E]. */
#define LEAF1_ECX_PCLMULQDQ (1u << 1)
#define LEAF1_ECX_AES       (1u << 25)
#define LEAF1_ECX_OSXSAVE   (1u << 27)
#define LEAF1_ECX_AVX       (1u << 28)
#define LEAF1_ECX_RDRAND    (1u << 30)
#define LEAF7_EBX_AVX2      (1u << 5)
#define LEAF7_EBX_RDSEED    (1u << 18)
#define LEAF7_EBX_SHA       (1u << 29)
/* XCR0: the kernel saves the halves of the vector registers. */
#define XCR0_SSE_AVX 0x6u

struct leaf {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

static struct leaf read_leaf(uint32_t number)
{
    struct leaf leaf = {0};
    /* An unknown leaf leaves zeroes, which say "no" to every question below. */
    if (__get_cpuid_count(number, 0, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx) == 0) {
        return (struct leaf){0};
    }
    return leaf;
}

static uint32_t read_xcr0(void)
{
    uint32_t low = 0;
    uint32_t high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

enum ag_err ag_crypto_cpu_check(void)
{
    const uint32_t wanted1 =
        LEAF1_ECX_PCLMULQDQ | LEAF1_ECX_AES | LEAF1_ECX_OSXSAVE | LEAF1_ECX_AVX;
    const uint32_t wanted7 = LEAF7_EBX_AVX2 | LEAF7_EBX_SHA;
    AG_ENSURE((read_leaf(1).ecx & wanted1) == wanted1, AG_ERR_CPU);
    AG_ENSURE((read_leaf(7).ebx & wanted7) == wanted7, AG_ERR_CPU);
    /* Only now is XGETBV known to exist. CPUID alone does not say that the kernel keeps the
     * registers over a switch. */
    AG_ENSURE((read_xcr0() & XCR0_SSE_AVX) == XCR0_SSE_AVX, AG_ERR_CPU);
    return AG_OK;
}

bool ag_crypto_cpu_has_rdseed(void)
{
    return (read_leaf(7).ebx & LEAF7_EBX_RDSEED) != 0;
}

bool ag_crypto_cpu_has_rdrand(void)
{
    return (read_leaf(1).ecx & LEAF1_ECX_RDRAND) != 0;
}

#else

enum ag_err ag_crypto_cpu_check(void)
{
    return AG_ERR_CPU;
}

bool ag_crypto_cpu_has_rdseed(void)
{
    return false;
}

bool ag_crypto_cpu_has_rdrand(void)
{
    return false;
}

#endif
