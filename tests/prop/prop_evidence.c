/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of evidence from the simulated hardware, over random report data, instants and damage: our
 * own verifier accepts it while its collateral lasts and its policy names root, kind and program;
 * anything else is refused, and only the anchor tells it from evidence of real hardware. `--seed
 * N` repeats. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ag/attest.h>

#include "tee/tee.h"
#include "test.h"

#define NOW_MS 1780272000000u /* 2026-06-01T00:00:00Z */
#define DAY_MS 86400000u

struct scene {
    char directory[40];
    struct ag_tee *tee;
    struct ag_vec encoding;
    struct ag_collateral collateral;
    char mr_td[97];
    char root[65];
    struct ag_policy *policy;
};

/* `root` may be NULL: the policy then names none. */
static struct ag_policy *parse(const char *accept_tee, const char *root, const char *mr_td)
{
    char text[600];
    struct ag_policy *policy = NULL;
    int size =
        snprintf(text, sizeof(text), "accept_tee = %s\nmr_td = %s\n%s%s\n", accept_tee, mr_td,
                 root == NULL ? "" : "insecure_sim_root = ", root == NULL ? "" : root);
    CHECK_OK(ag_policy_parse(ag_bytes_of(text, (size_t)size), &policy, NULL, NULL));
    return policy;
}

static void scene_open(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    snprintf(scene->directory, sizeof(scene->directory), "/tmp/aegis-prop-evidence.XXXXXX");
    if (mkdtemp(scene->directory) == NULL) {
        abort();
    }
    CHECK_OK(ag_crypto_start());
    CHECK_OK(ag_tee_open(AG_TEE_INSECURE_SIM, scene->directory, ag_host_system(), &scene->tee));
    ag_vec_init(&scene->encoding, 1u << 20);
    CHECK_OK(ag_tee_collateral(scene->tee, NOW_MS, &scene->encoding));
    CHECK_OK(ag_collateral_decode(ag_vec_view(&scene->encoding), &scene->collateral, NULL));
    uint8_t measurement[48];
    uint8_t root[32];
    ag_tee_measurement(scene->tee, measurement);
    CHECK_OK(ag_tee_root_fingerprint(scene->tee, root));
    ag_hex_encode(AG_ARRAY_VIEW(measurement), scene->mr_td);
    ag_hex_encode(AG_ARRAY_VIEW(root), scene->root);
    scene->policy = parse("insecure-sim", scene->root, scene->mr_td);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void scene_close(struct scene *scene)
{
    ag_policy_close(scene->policy);
    ag_vec_close(&scene->encoding);
    ag_tee_close(scene->tee);
    CHECK(nftw(scene->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void judge(const struct scene *scene, uint8_t kind, struct ag_bytes quote,
                  const struct ag_policy *policy, const uint8_t asked[64], uint64_t now_ms,
                  struct ag_verdict *out)
{
    struct ag_evidence evidence = {kind, quote};
    CHECK_OK(ag_attest_verify(&evidence, &scene->collateral, policy, ag_bytes_of(asked, 64), now_ms,
                              out));
}

static void test_accepted_while_collateral_lasts(void)
{
    struct scene scene;
    struct ag_verdict verdict;
    scene_open(&scene);
    for (unsigned i = 0; i < 200; i++) {
        uint8_t report_data[64];
        struct ag_vec quote;
        ag_test_random_bytes(report_data, sizeof(report_data));
        ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
        CHECK_OK(ag_tee_quote(scene.tee, report_data, &quote));
        /* Between two hours before and 32 days after. */
        uint64_t now_ms = NOW_MS - 7200000u + ag_test_random() % (32u * (uint64_t)DAY_MS);
        judge(&scene, AG_TEE_INSECURE_SIM, ag_vec_view(&quote), scene.policy, report_data, now_ms,
              &verdict);
        bool is_in_time =
            now_ms >= NOW_MS - 3600000u && now_ms <= NOW_MS - 3600000u + 30u * (uint64_t)DAY_MS;
        if (verdict.is_accepted != is_in_time) {
            ag_test_note("%lld s: %s", (long long)(now_ms - NOW_MS) / 1000,
                         ag_attest_status_name(verdict.status));
        }
        CHECK(verdict.is_accepted == is_in_time);
        if (is_in_time) {
            CHECK(verdict.status == AG_ATTEST_UpToDate && !verdict.is_debug);
            CHECK_U64(verdict.collateral_expires_ms, NOW_MS - 3600000u + 30u * (uint64_t)DAY_MS);
        }
        report_data[ag_test_random() % 64] ^= (uint8_t)(1u << ag_test_random() % 8);
        judge(&scene, AG_TEE_INSECURE_SIM, ag_vec_view(&quote), scene.policy, report_data, NOW_MS,
              &verdict);
        CHECK(verdict.status == AG_ATTEST_BindingMismatch && !verdict.is_accepted);
        ag_vec_close(&quote);
    }
    scene_close(&scene);
}

static void test_any_damage_is_refused(void)
{
    struct scene scene;
    struct ag_verdict verdict;
    struct ag_vec quote;
    uint8_t report_data[64] = {1};
    scene_open(&scene);
    ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
    CHECK_OK(ag_tee_quote(scene.tee, report_data, &quote));
    for (unsigned i = 0; i < 600; i++) {
        size_t at = ag_test_random() % quote.size;
        uint8_t bit = (uint8_t)(1u << ag_test_random() % 8);
        quote.data[at] ^= bit;
        judge(&scene, AG_TEE_INSECURE_SIM, ag_vec_view(&quote), scene.policy, report_data, NOW_MS,
              &verdict);
        /* The white space of PEM is no part of what it says. */
        bool is_pem_space =
            verdict.is_accepted &&
            (quote.data[at] == '\r' || quote.data[at] == ' ' || quote.data[at] == '\t');
        if (verdict.is_accepted && !is_pem_space) {
            ag_test_note("accepted with bit %u of byte %zu flipped", bit, at);
        }
        CHECK(!verdict.is_accepted || is_pem_space);
        quote.data[at] ^= bit;
    }
    ag_vec_close(&quote);
    scene_close(&scene);
}

/* The simulated root is believed only where it is named; real names never lead to it. */
static void test_only_the_anchor_differs(void)
{
    struct scene scene;
    struct scene other;
    struct ag_verdict verdict;
    struct ag_vec quote;
    uint8_t report_data[64] = {2};
    scene_open(&scene);
    scene_open(&other);
    ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
    CHECK_OK(ag_tee_quote(scene.tee, report_data, &quote));

    const struct {
        uint8_t kind;
        struct ag_policy *policy;
        enum ag_attest_status status;
    } rows[] = {
        {AG_TEE_INSECURE_SIM, parse("insecure-sim", NULL, scene.mr_td), AG_ATTEST_ChainUntrusted},
        {AG_TEE_INSECURE_SIM, parse("tdx", scene.root, scene.mr_td), AG_ATTEST_ChainUntrusted},
        {AG_TEE_INSECURE_SIM, parse("insecure-sim", other.root, scene.mr_td),
         AG_ATTEST_ChainUntrusted},
        {AG_TEE_TDX, parse("tdx, insecure-sim", scene.root, scene.mr_td), AG_ATTEST_ChainUntrusted},
        {AG_TEE_SGX, parse("sgx, insecure-sim", scene.root, scene.mr_td), AG_ATTEST_Malformed},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        judge(&scene, rows[i].kind, ag_vec_view(&quote), rows[i].policy, report_data, NOW_MS,
              &verdict);
        CHECK(verdict.status == rows[i].status && !verdict.is_accepted);
        ag_policy_close(rows[i].policy);
    }
    judge(&scene, AG_TEE_INSECURE_SIM, ag_vec_view(&quote), scene.policy, report_data, NOW_MS,
          &verdict);
    CHECK(verdict.is_accepted);
    /* Collateral of another machine's vendor does not help. */
    judge(&other, AG_TEE_INSECURE_SIM, ag_vec_view(&quote), scene.policy, report_data, NOW_MS,
          &verdict);
    CHECK(verdict.status == AG_ATTEST_ChainUntrusted);
    ag_vec_close(&quote);
    scene_close(&scene);
    scene_close(&other);
}

static const struct ag_test_case cases[] = {
    {"accepted while collateral lasts", test_accepted_while_collateral_lasts},
    {"any damage is refused", test_any_damage_is_refused},
    {"only the anchor differs", test_only_the_anchor_differs},
};

TEST_MAIN(cases)
