/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include <openssl/rand.h>

#include "crypto/crypto_i.h"

/* random: key material is the hash of draws from three sources that fail in different ways:
 * libcrypto's private generator, the kernel, and the processor. One good source is enough; one that
 * is seen to be bad stops us all the same, because a machine in that state makes bad keys
 * elsewhere.
 *
 * In a confidential guest the host controls every source but the processor's. What was seen in the
 * field [CVE-2025-62626, CVE-2024-35875]: 16- and 32-bit RDSEED that answers 0 with success, all
 * ones after a resume, and a kernel that starts without either. */

#define WORDS_PER_DRAW (AG_RANDOM_DRAW_SIZE / sizeof(uint64_t))

/* RDSEED runs dry when all cores ask at once; Intel's guide advises a pause and some patience. */
#define CPU_TRIES 4096u

static bool is_all(const uint8_t *bytes, size_t size, uint8_t value)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= (uint8_t)(bytes[i] ^ value);
    }
    bool is_stuck = difference == 0;
    /* Whether a source is stuck is what we act on, and tells nothing of one that is not. */
    ag_ct_public(&is_stuck, sizeof(is_stuck));
    return is_stuck;
}

/* Two successive draws of one source: neither may look stuck. */
static enum ag_err judge(uint8_t draws[2][AG_RANDOM_DRAW_SIZE])
{
    for (size_t i = 0; i < 2; i++) {
        AG_ENSURE(!is_all(draws[i], AG_RANDOM_DRAW_SIZE, 0x00), AG_ERR_ENTROPY);
        AG_ENSURE(!is_all(draws[i], AG_RANDOM_DRAW_SIZE, 0xff), AG_ERR_ENTROPY);
    }
    AG_ENSURE(!ag_ct_equal(draws[0], draws[1], AG_RANDOM_DRAW_SIZE), AG_ERR_ENTROPY);
    return AG_OK;
}

/* One draw of words, each of them judged against the one before: a word that is all zero, all one
 * or repeated is refused, which for a good source happens once in 2^62 words. There is no second
 * draw: where neighbours drain it, RDSEED was seen to say "no" to 19 of 20 tries. */
static enum ag_err draw_cpu(const struct ag_random_sources *sources,
                            uint8_t out[AG_RANDOM_DRAW_SIZE])
{
    uint64_t before = 0;
    for (size_t i = 0; i < WORDS_PER_DRAW; i++) {
        uint64_t word = 0;
        AG_ENSURE(sources->cpu(sources->context, &word), AG_ERR_ENTROPY);
        bool is_stuck = (word == 0) | (word == UINT64_MAX) | (word == before);
        ag_ct_public(&is_stuck, sizeof(is_stuck)); /* as above */
        AG_ENSURE(!is_stuck, AG_ERR_ENTROPY);
        memcpy(out + i * sizeof(word), &word, sizeof(word));
        before = word;
    }
    return AG_OK;
}

struct draws {
    uint8_t library[2][AG_RANDOM_DRAW_SIZE];
    uint8_t kernel[2][AG_RANDOM_DRAW_SIZE];
    uint8_t cpu[AG_RANDOM_DRAW_SIZE];
};

static void wipe_draws(struct draws *draws)
{
    ag_wipe(draws, sizeof(*draws));
}

enum ag_err ag_random_mix(const struct ag_host *host, const struct ag_random_sources *sources,
                          struct ag_buf out)
{
    struct draws draws AG_SCOPED(wipe_draws) = {0};

    AG_ENSURE(host != NULL && out.size != 0, AG_ERR_ARGUMENT);
    for (size_t i = 0; i < 2; i++) {
        AG_TRY(sources->library(sources->context, draws.library[i]));
        AG_TRY(host->random(host->context, (struct ag_buf){draws.kernel[i], AG_RANDOM_DRAW_SIZE}));
    }
    AG_TRY(draw_cpu(sources, draws.cpu));
    AG_TRY(judge(draws.library));
    AG_TRY(judge(draws.kernel));
    const struct ag_bytes parts[] = {
        AG_LITERAL("aegis/v1/random"),
        ag_bytes_of(&draws, sizeof(draws)),
    };
    return ag_crypto_hash_secret(AG_MD_SHAKE256, parts, AG_COUNT(parts), out);
}

/* ---- the real sources ---- */

static enum ag_err draw_library(const void *context, uint8_t out[AG_RANDOM_DRAW_SIZE])
{
    const struct ag_crypto *crypto = context;
    AG_ENSURE(RAND_priv_bytes_ex(crypto->library, out, AG_RANDOM_DRAW_SIZE, 256) == 1,
              ag_crypto_failed(AG_ERR_ENTROPY));
    return AG_OK;
}

#if defined(__x86_64__)

/* Only the 64-bit forms, and only the carry flag tells success: on Zen 4 a dry RDSEED was seen to
 * leave 0 in the register. */
static bool try_rdseed(uint64_t *out)
{
    uint64_t word = 0;
    bool is_good = false;
    __asm__ volatile("rdseed %0" : "=r"(word), "=@ccc"(is_good) : : "cc");
    *out = word;
    return is_good;
}

static bool try_rdrand(uint64_t *out)
{
    uint64_t word = 0;
    bool is_good = false;
    __asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(is_good) : : "cc");
    *out = word;
    return is_good;
}

/* RDSEED where it is, else RDRAND: newer kernels hide RDSEED on parts where its short forms
 * fail. */
static bool draw_word(const void *context, uint64_t *out)
{
    const struct ag_crypto *crypto = context;
    if (!crypto->has_rdseed && !crypto->has_rdrand) {
        return false;
    }
    for (unsigned i = 0; i < CPU_TRIES; i++) {
        if (crypto->has_rdseed ? try_rdseed(out) : try_rdrand(out)) {
            return true;
        }
        __builtin_ia32_pause();
    }
    *out = 0;
    return false;
}

#else

static bool draw_word(const void *context, uint64_t *out)
{
    (void)context;
    *out = 0;
    return false;
}

#endif

static struct ag_random_sources sources_of(const struct ag_crypto *crypto)
{
    return (struct ag_random_sources){crypto, draw_library, draw_word};
}

enum ag_err ag_random_cpu(const struct ag_crypto *crypto, uint8_t out[AG_RANDOM_DRAW_SIZE])
{
    const struct ag_random_sources sources = sources_of(crypto);
    return draw_cpu(&sources, out);
}

enum ag_err ag_random_key(const struct ag_host *host, struct ag_buf out)
{
    const struct ag_random_sources sources = sources_of(ag_crypto_get());
    return ag_random_mix(host, &sources, out);
}
