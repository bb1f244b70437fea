/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ag/attest.h>

#include "bench.h"
#include "tee/tee.h"

/* What one TDX quote costs to judge in processor time: cold, and with collateral that was parsed
 * before. The floor of each is the same number of bare P-256 checks, made in the same run. And what
 * a quote and its collateral cost to make. The hardware is insecure-sim; formats, chain and number
 * of checks are those of real evidence, the TCB info is smaller than a real one. */

enum {
    ROUNDS = 41,
    ROUND_CALLS = 20
};
#define NOW_MS 1780272000000u

/* P-256 checks of one judgement. Cold: TCB signer, TCB info, QE identity, two revocation lists, PCK
 * CA, PCK certificate, QE report, quote. With parsed collateral: the last three. */
#define CHECKS_COLD   9u
#define CHECKS_CACHED 3u

struct scene {
    struct ag_tee *tee;
    struct ag_evidence evidence;
    struct ag_collateral collateral;
    struct ag_policy *policy;
    struct ag_attest_cache *cache; /* NULL: cold */
    uint8_t report_data[64];
    uint8_t point[65];
    struct ag_vec quote;
    struct ag_vec encoding;
};

typedef void bench_work(struct scene *scene);

static void judge(struct scene *scene)
{
    static struct ag_verdict verdict;
    BENCH_MUST(ag_attest_verify_cached(scene->cache, &scene->evidence, &scene->collateral,
                                       scene->policy, AG_ARRAY_VIEW(scene->report_data), NOW_MS,
                                       &verdict));
    AG_ASSERT(verdict.is_accepted);
}

static void check_signature(struct scene *scene)
{
    BENCH_MUST(ag_ecdsa_verify(AG_ARRAY_VIEW(scene->point), ag_bytes_of(scene->quote.data, 632),
                               ag_bytes_of(scene->quote.data + 636, 64)));
}

static void make_quote(struct scene *scene)
{
    struct ag_vec quote AG_SCOPED(ag_vec_close);
    ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
    BENCH_MUST(ag_tee_quote(scene->tee, scene->report_data, &quote));
}

static void advance_counter(struct scene *scene)
{
    static uint64_t value;
    BENCH_MUST(ag_tee_counter_advance(scene->tee, ++value));
}

/* Nanoseconds of one call. */
static uint64_t round_ns(bench_work *work, struct scene *scene)
{
    uint64_t start_ns = bench_cpu_ns();
    for (unsigned i = 0; i < ROUND_CALLS; i++) {
        work(scene);
    }
    return (bench_cpu_ns() - start_ns) / ROUND_CALLS;
}

/* `work` against `checks` bare signature checks, in turns, so that both see the same machine. */
static void measure(const char *name, bench_work *work, unsigned checks, struct scene *scene)
{
    uint64_t samples[ROUNDS];
    uint64_t floors[ROUNDS];
    char fields[256];
    const size_t p95 = (size_t)ROUNDS * 95 / 100;
    work(scene); /* fills the cache, if there is one */
    for (unsigned i = 0; i < ROUNDS; i++) {
        samples[i] = round_ns(work, scene);
        floors[i] = round_ns(check_signature, scene) * checks;
    }
    uint64_t sample_ns = bench_median(samples, ROUNDS);
    uint64_t floor_ns = bench_median(floors, ROUNDS);
    snprintf(fields, sizeof(fields),
             "\"us\":%.1f,\"us_p95\":%.1f,\"checks\":%u,\"floor_us\":%.1f,\"to_floor\":%.2f",
             (double)sample_ns / 1000.0, (double)samples[p95] / 1000.0, checks,
             (double)floor_ns / 1000.0, (double)sample_ns / (double)floor_ns);
    bench_print(name, fields);
}

static void set_up(struct scene *scene, const char *directory)
{
    BENCH_MUST(ag_crypto_start());
    BENCH_MUST(ag_tee_open(AG_TEE_INSECURE_SIM, directory, ag_host_system(), &scene->tee));
    ag_vec_init(&scene->quote, AG_LIMIT_EVIDENCE_BYTES);
    ag_vec_init(&scene->encoding, 1u << 20);
    memset(scene->report_data, 0x42, sizeof(scene->report_data));
    BENCH_MUST(ag_tee_quote(scene->tee, scene->report_data, &scene->quote));
    BENCH_MUST(ag_tee_collateral(scene->tee, NOW_MS, &scene->encoding));
    BENCH_MUST(ag_collateral_decode(ag_vec_view(&scene->encoding), &scene->collateral, NULL));
    scene->evidence = (struct ag_evidence){AG_TEE_INSECURE_SIM, ag_vec_view(&scene->quote)};
    scene->point[0] = 4;
    memcpy(scene->point + 1, scene->quote.data + 700, 64);

    uint8_t measurement[48];
    uint8_t root[32];
    char mr_td[97];
    char fingerprint[65];
    char policy[512];
    ag_tee_measurement(scene->tee, measurement);
    BENCH_MUST(ag_tee_root_fingerprint(scene->tee, root));
    ag_hex_encode(AG_ARRAY_VIEW(measurement), mr_td);
    ag_hex_encode(AG_ARRAY_VIEW(root), fingerprint);
    int size = snprintf(policy, sizeof(policy),
                        "accept_tee = insecure-sim\ninsecure_sim_root = %s\nmr_td = %s\n",
                        fingerprint, mr_td);
    BENCH_MUST(ag_policy_parse(ag_bytes_of(policy, (size_t)size), &scene->policy, NULL, NULL));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int main(void)
{
    char directory[] = "/tmp/aegis-bench-attest.XXXXXX";
    struct scene scene = {0};
    AG_ASSERT(mkdtemp(directory) != NULL);
    set_up(&scene, directory);

    measure("attest_tdx_v4_cold", judge, CHECKS_COLD, &scene);
    BENCH_MUST(ag_attest_cache_open(4, &scene.cache));
    measure("attest_tdx_v4_cached", judge, CHECKS_CACHED, &scene);
    measure("tee_sim_quote", make_quote, 1, &scene);
    measure("tee_sim_counter_cpu", advance_counter, 1, &scene);

    ag_attest_cache_close(scene.cache);
    ag_policy_close(scene.policy);
    ag_vec_close(&scene.quote);
    ag_vec_close(&scene.encoding);
    ag_tee_close(scene.tee);
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
