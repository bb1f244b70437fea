/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/host_i.h"

/* ---- the system ---- */

static uint64_t system_now_ms(void *context)
{
    (void)context;
    struct timespec now = {0};
    AG_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec >= 0);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static uint64_t system_monotonic_ns(void *context)
{
    (void)context;
    struct timespec now = {0};
    AG_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_sec >= 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static enum ag_err draw(ag_random_source *source, uint8_t *out, size_t size)
{
    size_t filled = 0;
    while (filled < size) {
        ssize_t got = source(out + filled, size - filled, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        /* No progress counts as failure: a source that gives nothing would hold us for ever. */
        AG_ENSURE(got > 0 && (size_t)got <= size - filled, AG_ERR_ENTROPY);
        filled += (size_t)got;
    }
    return AG_OK;
}

static bool is_constant(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

/* The stuck sources that were seen in the field answer all zero, all one, or the same again
 * (docs/references.md: CVE-2025-62626, CVE-2024-35875). A short draw may look like that by chance,
 * so each call first draws a probe of 256 bits, which may not, and throws it away. */
enum ag_err ag_random_checked(ag_random_source *source, uint8_t last_probe[AG_RANDOM_PROBE_SIZE],
                              struct ag_buf out)
{
    uint8_t probe[AG_RANDOM_PROBE_SIZE] = {0};
    AG_TRY(draw(source, probe, sizeof(probe)));
    AG_ENSURE(!is_constant(probe, sizeof(probe), 0x00), AG_ERR_ENTROPY);
    AG_ENSURE(!is_constant(probe, sizeof(probe), 0xff), AG_ERR_ENTROPY);
    AG_ENSURE(memcmp(probe, last_probe, sizeof(probe)) != 0, AG_ERR_ENTROPY);
    memcpy(last_probe, probe, sizeof(probe));

    enum ag_err err = draw(source, out.data, out.size);
    /* From 128 bits on, the output itself cannot look stuck by chance. */
    if (err == AG_OK && out.size >= 16) {
        size_t shared = out.size < sizeof(probe) ? out.size : sizeof(probe);
        if (is_constant(out.data, out.size, 0x00) || is_constant(out.data, out.size, 0xff) ||
            memcmp(out.data, probe, shared) == 0) {
            err = AG_ERR_ENTROPY;
        }
    }
    if (err != AG_OK) {
        ag_wipe(out.data, out.size);
    }
    return err;
}

static enum ag_err system_random(void *context, struct ag_buf out)
{
    (void)context;
    /* Per thread, so that no lock is needed; a probe is no secret, for nothing is made of it. */
    static _Thread_local uint8_t last_probe[AG_RANDOM_PROBE_SIZE];
    return ag_random_checked(getrandom, last_probe, out);
}

const struct ag_host *ag_host_system(void)
{
    static const struct ag_host host = {
        .context = NULL,
        .now_ms = system_now_ms,
        .monotonic_ns = system_monotonic_ns,
        .random = system_random,
    };
    return &host;
}

/* ---- the tests' ---- */

static uint64_t test_now_ms(void *context)
{
    const struct ag_host_test *test = context;
    return test->now_ms;
}

static uint64_t test_monotonic_ns(void *context)
{
    const struct ag_host_test *test = context;
    return test->now_ms * 1000000u;
}

/* SplitMix64: every seed gives a full period, and it is short enough to be seen right. */
static uint64_t next_u64(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static enum ag_err test_random(void *context, struct ag_buf out)
{
    struct ag_host_test *test = context;
    test->draw_count++;
    if (test->fail_draw != 0) {
        test->fail_draw--;
        if (test->fail_draw == 0) {
            return AG_ERR_ENTROPY;
        }
    }
    for (size_t i = 0; i < out.size; i += 8u) {
        uint64_t word = next_u64(&test->state);
        size_t size = out.size - i < 8u ? out.size - i : 8u;
        memcpy(out.data + i, &word, size);
    }
    return AG_OK;
}

void ag_host_test_init(struct ag_host_test *test, uint64_t seed, uint64_t now_ms)
{
    *test = (struct ag_host_test){
        .host = {.context = test,
                 .now_ms = test_now_ms,
                 .monotonic_ns = test_monotonic_ns,
                 .random = test_random},
        .now_ms = now_ms,
        .state = seed,
    };
}
