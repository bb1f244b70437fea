/* SPDX-License-Identifier: Apache-2.0 */
/* The parts below a verdict: instants, the PCK extension, the signed texts, the cache of
 * collateral, and what happens when memory ends. */
#include <pthread.h>

#include "test_attest_make.h"

/* ---- instants ---- */

static void test_instants(void)
{
    static const struct {
        const char *text;
        uint64_t instant_ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-03-01T00:00:00Z", 5097600000u},
        {"2000-02-29T23:59:59Z", 951868799000u},
        {"2024-12-31T12:00:01Z", 1735646401000u},
        {"2026-06-01T00:00:00Z", WORLD_NOW_MS},
        {"2049-12-31T23:59:59Z", 2524607999000u},
        {"2100-03-01T00:00:00Z", 4107542400000u},
        {"9999-12-31T23:59:59Z", 253402300799000u},
    };
    for (size_t i = 0; i < AG_COUNT(good); i++) {
        uint64_t instant_ms = 1;
        char text[AG_ATTEST_TIME_SIZE];
        CHECK(ag_attest_time_parse(good[i].text, strlen(good[i].text), &instant_ms));
        CHECK_U64(instant_ms, good[i].instant_ms);
        ag_attest_time_print(good[i].instant_ms, text);
        CHECK(strcmp(text, good[i].text) == 0);
    }
    static const char *const bad[] = {
        "",
        "2026-06-01",
        "2026-06-01T00:00:00",
        "2026-06-01T00:00:00+",
        "2026-06-01 00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-06-31T00:00:00Z",
        "2026-06-00T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-06-01T24:00:00Z",
        "2026-06-01T00:60:00Z",
        "2026-06-01T00:00:60Z",
        "1969-12-31T23:59:59Z",
        "2026-06-01T00:00:00.5Z",
        "2O26-06-01T00:00:00Z",
        "-026-06-01T00:00:00Z",
    };
    for (size_t i = 0; i < AG_COUNT(bad); i++) {
        uint64_t instant_ms = 7;
        CHECK(!ag_attest_time_parse(bad[i], strlen(bad[i]), &instant_ms));
        CHECK_U64(instant_ms, 7);
    }
    /* Any instant of whole seconds survives both ways. */
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t instant_ms = ag_test_random() % 253402300800u * 1000u;
        uint64_t again = 0;
        char text[AG_ATTEST_TIME_SIZE];
        ag_attest_time_print(instant_ms, text);
        CHECK(ag_attest_time_parse(text, strlen(text), &again));
        CHECK_U64(again, instant_ms);
    }
    char text[AG_ATTEST_TIME_SIZE];
    ag_attest_time_print(UINT64_MAX, text);
    CHECK(strcmp(text, "9999-12-31T23:59:59Z") == 0);
}

/* ---- the PCK extension ---- */

static void test_pck_extension(void)
{
    struct world world = world_default();
    uint8_t extension[1100];
    struct ag_pck pck;
    world.components[3] = 255; /* written 02 02 00 ff */
    size_t size = world_pck_extension(&world, extension);
    CHECK(ag_finding_is_ok(ag_pck_parse(ag_bytes_of(extension, size), &pck)));
    CHECK_BYTES(AG_ARRAY_VIEW(pck.components), AG_ARRAY_VIEW(world.components));
    CHECK_U64(pck.pce_svn, 11);
    CHECK_BYTES(AG_ARRAY_VIEW(pck.fmspc), AG_ARRAY_VIEW(world.fmspc));
    CHECK(!pck.has_platform_instance);

    for (size_t cut = 0; cut < size; cut++) {
        CHECK(!ag_finding_is_ok(ag_pck_parse(ag_bytes_of(extension, cut), &pck)));
    }
    extension[size] = 0;
    CHECK(!ag_finding_is_ok(ag_pck_parse(ag_bytes_of(extension, size + 1), &pck)));

    /* A member twice: whoever reads the first and whoever reads the last would disagree. The
     * second copy of the 18-byte FMSPC member is put behind the others. */
    uint8_t twice[1100];
    size_t body_size = size - 4;
    uint8_t member[64];
    size_t member_size = 0;
    put_pck_member(member, &member_size, 4, 0, 0x04, world.fmspc, 6);
    size_t twice_size = 0;
    uint8_t body[1100];
    memcpy(body, extension + 4, body_size);
    memcpy(body + body_size, member, member_size);
    put_der(twice, &twice_size, 0x30, body, body_size + member_size);
    struct ag_finding finding = ag_pck_parse(ag_bytes_of(twice, twice_size), &pck);
    CHECK(finding.status == AG_ATTEST_Malformed && strstr(finding.reason, "twice") != NULL);

    /* An unknown member is none of our business; a missing one is. */
    member_size = 0;
    put_pck_member(member, &member_size, 30, 0, 0x04, "new", 3);
    memcpy(body + body_size, member, member_size);
    twice_size = 0;
    put_der(twice, &twice_size, 0x30, body, body_size + member_size);
    CHECK(ag_finding_is_ok(ag_pck_parse(ag_bytes_of(twice, twice_size), &pck)));
    twice_size = 0;
    put_der(twice, &twice_size, 0x30, member, member_size);
    finding = ag_pck_parse(ag_bytes_of(twice, twice_size), &pck);
    CHECK(finding.status == AG_ATTEST_Malformed && strstr(finding.reason, "lacks") != NULL);
    CHECK(!ag_finding_is_ok(ag_pck_parse((struct ag_bytes){NULL, 0}, &pck)));
}

/* ---- the signed texts ---- */

/* Replaces the first `from` in `text`; both in place. */
static void replace(struct ag_vec *text, const char *from, const char *to)
{
    struct ag_vec out;
    ag_vec_init(&out, text->limit);
    must(ag_vec_append(&out, ag_vec_view(text)), "copy");
    must(ag_vec_append(&out, ag_bytes_of("", 1)), "copy");
    char *at = strstr((char *)out.data, from);
    if (at == NULL) {
        must(AG_ERR_NOT_FOUND, from);
        return;
    }
    text->size = 0;
    must(ag_vec_printf(text, "%.*s%s%s", (int)(at - (char *)out.data), (char *)out.data, to,
                       at + strlen(from)),
         "replace");
    ag_vec_close(&out);
}

struct bend {
    const char *from;
    const char *to;
    enum ag_attest_status status;
};

static void check_text(bool is_tcb_info, const struct bend *rows, size_t count)
{
    struct world world = world_default();
    struct made made;
    world_make(&world, &made);
    for (size_t i = 0; i < count; i++) {
        struct ag_vec text;
        struct ag_arena arena;
        struct ag_finding finding = AG_FINDING_OK;
        struct ag_bytes message;
        uint8_t signature[64];
        ag_vec_init(&text, 1u << 18);
        ag_arena_init(&arena, 1u << 20);
        must(ag_vec_append(&text, ag_vec_view(is_tcb_info ? &made.tcb_info : &made.qe_identity)),
             "text");
        if (rows[i].from[0] != '\0') {
            replace(&text, rows[i].from, rows[i].to);
        }
        struct ag_tcb_info info;
        struct ag_qe_identity identity;
        enum ag_err err = is_tcb_info ? ag_tcb_info_parse(ag_vec_view(&text), &arena, &info,
                                                          &message, signature, &finding)
                                      : ag_qe_identity_parse(ag_vec_view(&text), &arena, &identity,
                                                             &message, signature, &finding);
        CHECK_OK(err);
        if (finding.status != rows[i].status) {
            ag_test_note("%s -> %s: %s", rows[i].from, rows[i].to,
                         finding.reason == NULL ? "fine" : finding.reason);
        }
        CHECK(finding.status == rows[i].status);
        ag_arena_close(&arena);
        ag_vec_close(&text);
    }
    made_close(&made);
}

static void test_tcb_info_texts(void)
{
    static const struct bend rows[] = {
        {"", "", AG_ATTEST_Valid},
        {"\"version\":3", "\"version\":2", AG_ATTEST_Unsupported},
        {"\"version\":3", "\"version\":\"3\"", AG_ATTEST_Malformed},
        {"\"version\":3,", "", AG_ATTEST_Malformed},
        {"\"id\":\"TDX\"", "\"id\":\"SEV\"", AG_ATTEST_Unsupported},
        {"\"tcbType\":0", "\"tcbType\":1", AG_ATTEST_Unsupported},
        {"\"fmspc\":\"c0", "\"fmspc\":\"", AG_ATTEST_Malformed},
        {"\"fmspc\":\"c0", "\"fmspc\":\"0x", AG_ATTEST_Malformed},
        {"\"fmspc\":\"c0ff", "\"fmspc\":\"C0FF", AG_ATTEST_Valid},
        {"\"pceId\":\"0000\"", "\"pceId\":0", AG_ATTEST_Malformed},
        {"\"issueDate\":\"2026", "\"issueDate\":\"26", AG_ATTEST_Malformed},
        {"\"nextUpdate\"", "\"lastUpdate\"", AG_ATTEST_Malformed},
        {"\"tcbEvaluationDataNumber\":20", "\"tcbEvaluationDataNumber\":-1", AG_ATTEST_Malformed},
        {"\"tdxModule\":", "\"tdxModulo\":", AG_ATTEST_Malformed},
        {"\"TDX_01\"", "\"TDX_1\"", AG_ATTEST_Malformed},
        {"\"TDX_01\"", "\"tdx_01\"", AG_ATTEST_Malformed},
        {"\"TDX_01\"", "\"TDX_0g\"", AG_ATTEST_Malformed},
        {"\"tdxModuleIdentities\":[", "\"tdxModuleIdentities\":[],\"x\":[", AG_ATTEST_Malformed},
        {"\"isvsvn\":4", "\"isvsvn\":65536", AG_ATTEST_Malformed},
        {"\"isvsvn\":4", "\"isvsvn\":4.0", AG_ATTEST_Malformed},
        {"\"pcesvn\":11", "\"pcesvn\":65536", AG_ATTEST_Malformed},
        {"{\"svn\":5},", "", AG_ATTEST_Malformed},
        {"{\"svn\":5},", "{\"svn\":256},", AG_ATTEST_Malformed},
        {"\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"UpTodate\"", AG_ATTEST_Malformed},
        {"\"tcbStatus\":\"OutOfDate\"", "\"tcbStatus\":\"SWHardeningNeeded\"",
         AG_ATTEST_Malformed}, /* the first is the module's, which knows three statuses */
        {"\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":\"INTEL\"",
         AG_ATTEST_Malformed},
        {"\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[\"<b>\"]",
         AG_ATTEST_Malformed},
        {"\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[]",
         AG_ATTEST_Valid},
        {"{\"tcbInfo\":", "{\"tcbinfo\":", AG_ATTEST_Malformed},
        {"{\"tcbInfo\":", "{\"tcbInfo\":{},\"tcbInfo\":", AG_ATTEST_Malformed},
        {"\"signature\":\"", "\"signature\":\"0", AG_ATTEST_Malformed},
        {"\"signature\":", "\"sig\":", AG_ATTEST_Malformed},
        {"{\"tcbInfo\":", "[{\"tcbInfo\":", AG_ATTEST_Malformed},
        {"{\"tcbInfo\":{", "{\"tcbInfo\":5,\"y\":{", AG_ATTEST_Malformed},
    };
    check_text(true, rows, AG_COUNT(rows));
}

static void test_qe_identity_texts(void)
{
    static const struct bend rows[] = {
        {"", "", AG_ATTEST_Valid},
        {"\"version\":2", "\"version\":1", AG_ATTEST_Unsupported},
        {"\"id\":\"TD_QE\"", "\"id\":\"QVE\"", AG_ATTEST_Valid}, /* of no quote: judged later */
        {"\"miscselect\":\"00", "\"miscselect\":\"", AG_ATTEST_Malformed},
        {"\"attributesMask\":\"FB", "\"attributesMask\":\"F", AG_ATTEST_Malformed},
        {"\"isvprodid\":2", "\"isvprodid\":65536", AG_ATTEST_Malformed},
        {"\"tcbLevels\":[", "\"tcbLevels\":[],\"x\":[", AG_ATTEST_Malformed},
        {"\"tcbLevels\":[", "\"tcbLevels\":[7,", AG_ATTEST_Malformed},
        {"\"mrsigner\":\"", "\"mrsigner\":\"zz", AG_ATTEST_Malformed},
    };
    check_text(false, rows, AG_COUNT(rows));
}

/* More than a limit of anything is a finding, not memory. */
static void test_texts_over_their_limits(void)
{
    struct ag_vec text;
    struct ag_arena arena;
    struct ag_tcb_info info;
    struct ag_bytes message;
    uint8_t signature[64];
    struct ag_finding finding;
    ag_vec_init(&text, 1u << 20);
    ag_arena_init(&arena, 1u << 22);
    must(ag_vec_printf(&text, "{\"tcbInfo\":{\"id\":\"SGX\",\"version\":3,\"issueDate\":"
                              "\"2026-01-01T00:00:00Z\",\"nextUpdate\":\"2026-02-01T00:00:00Z\","
                              "\"fmspc\":\"000000000000\",\"pceId\":\"0000\",\"tcbType\":0,"
                              "\"tcbEvaluationDataNumber\":1,\"tcbLevels\":["),
         "text");
    for (unsigned i = 0; i <= AG_LIMIT_TCB_LEVELS; i++) {
        must(ag_vec_printf(&text,
                           "%s{\"tcb\":{\"sgxtcbcomponents\":[" WORLD_SVN16(
                               "1") "],\"pcesvn\":%u},\"tcbDate\":\"2026-01-01T00:00:00Z\","
                                    "\"tcbStatus\":\"UpToDate\"}",
                           i == 0 ? "" : ",", i),
             "level");
    }
    must(ag_vec_printf(&text, "]},\"signature\":\"%0128d\"}", 0), "text");
    CHECK_OK(ag_tcb_info_parse(ag_vec_view(&text), &arena, &info, &message, signature, &finding));
    CHECK(finding.status == AG_ATTEST_Malformed);
    ag_arena_close(&arena);
    ag_vec_close(&text);
}

/* ---- collateral that is no collateral ---- */

static void test_parts_that_are_garbage(void)
{
    struct world world = world_default();
    struct made made;
    struct ag_verdict verdict;
    world_make(&world, &made);
    const struct {
        const char *what;
        struct ag_vec *part;
        enum ag_attest_status status; /* in place of the part: "garbage" */
    } rows[] = {
        {"TCB info", &made.tcb_info, AG_ATTEST_Malformed},
        {"signers' chain", &made.tcb_chain, AG_ATTEST_ChainUntrusted},
        {"QE identity", &made.qe_identity, AG_ATTEST_Malformed},
        {"root list", &made.root_crl, AG_ATTEST_CrlInvalid},
        {"PCK list", &made.pck_crl, AG_ATTEST_CrlInvalid},
        {"PCK list's chain", &made.pck_crl_chain, AG_ATTEST_UpToDate}, /* only a shortcut */
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_vec kept = *rows[i].part;
        ag_vec_init(rows[i].part, 1u << 20);
        must(ag_vec_append(rows[i].part, AG_LITERAL("garbage")), "garbage");
        CHECK_OK(made_judge(&world, &made, &verdict));
        if (verdict.status != rows[i].status) {
            ag_test_note("%s: %s", rows[i].what, ag_attest_status_name(verdict.status));
        }
        CHECK(verdict.status == rows[i].status);
        /* One byte over the limit is refused before it is parsed. */
        uint8_t *fill = NULL;
        must(ag_vec_extend(rows[i].part, AG_LIMIT_COLLATERAL_PART_BYTES - 6u, &fill), "garbage");
        CHECK_OK(made_judge(&world, &made, &verdict));
        CHECK(verdict.status == AG_ATTEST_Malformed);
        /* Nothing at all. */
        rows[i].part->size = 0;
        CHECK_OK(made_judge(&world, &made, &verdict));
        CHECK(verdict.status == (rows[i].status == AG_ATTEST_UpToDate
                                     ? AG_ATTEST_UpToDate
                                     : AG_ATTEST_CollateralMissing));
        ag_vec_close(rows[i].part);
        *rows[i].part = kept;
    }
    made_close(&made);
}

/* A second signer for the QE identity is judged like the first. */
static void test_two_signers(void)
{
    struct world world = world_default();
    struct made made;
    struct ag_verdict verdict;
    struct ag_policy *policy = NULL;
    world_make(&world, &made);
    CHECK_OK(ag_policy_parse(ag_bytes_of(world.policy, strlen(world.policy)), &policy, NULL, NULL));
    struct ag_evidence evidence = {world.kind, ag_vec_view(&made.quote)};
    struct ag_collateral collateral = made_collateral(&world, &made);
    struct ag_vec chain;
    ag_vec_init(&chain, 1u << 16);
    must(ag_vec_append(&chain, ag_vec_view(&made.tcb_chain)), "chain");
    must(ag_vec_append(&chain, AG_LITERAL("\n")), "chain"); /* the same, and not byte for byte */
    collateral.qe_identity_chain = ag_vec_view(&chain);
    struct ag_attest_input in = {
        .evidence = &evidence,
        .collateral = &collateral,
        .policy = policy,
        .now_ms = world.now_ms,
        .anchor = &made.anchor,
    };
    CHECK_OK(ag_attest_judge(&in, &verdict));
    CHECK(verdict.is_accepted);
    collateral.qe_identity_chain = ag_vec_view(&made.pck_crl_chain); /* the PCK CA is none */
    CHECK_OK(ag_attest_judge(&in, &verdict));
    CHECK(verdict.status == AG_ATTEST_ChainUntrusted);
    CHECK(claim_of(&verdict, AG_CLAIM_QE_CHAIN)->result == AG_CLAIM_FAILED);
    ag_vec_close(&chain);
    ag_policy_close(policy);
    made_close(&made);
}

/* ---- the cache ---- */

static void test_cache_changes_no_verdict(void)
{
    struct ag_attest_cache *cache = NULL;
    CHECK_ERR(ag_attest_cache_open(0, &cache), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_attest_cache_open(AG_LIMIT_ATTEST_CACHE + 1u, &cache), AG_ERR_ARGUMENT);
    CHECK_OK(ag_attest_cache_open(2, &cache));

    struct world world = world_default();
    struct made made;
    struct ag_verdict plain;
    struct ag_verdict cached;
    world_make(&world, &made);
    /* The instant moves, the collateral stays: parsed once, judged anew each time. */
    static const int64_t days[] = {0, 1, 19, 20, 21, 26, -4, -6, -9, -11, 0, 2000};
    for (size_t i = 0; i < AG_COUNT(days); i++) {
        world.now_ms = (uint64_t)((int64_t)WORLD_NOW_MS + days[i] * (int64_t)WORLD_DAY_MS);
        world.cache = NULL;
        CHECK_OK(made_judge(&world, &made, &plain));
        world.cache = cache;
        CHECK_OK(made_judge(&world, &made, &cached));
        /* A verdict is zeroed whole before it is filled, so equal bytes are the strictest check.
         * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
        CHECK(memcmp(&plain, &cached, sizeof(plain)) == 0);
    }
    CHECK_U64(ag_attest_cache_miss_count(cache), 1);

    /* One changed byte is other collateral; another root makes the same bytes other collateral. */
    made.tcb_info.data[40] ^= 1u;
    CHECK_OK(made_judge(&world, &made, &cached));
    CHECK(!cached.is_accepted);
    made.tcb_info.data[40] ^= 1u;
    CHECK_U64(ag_attest_cache_miss_count(cache), 2);
    made.anchor.fingerprint[5] ^= 1u;
    world.now_ms = WORLD_NOW_MS;
    CHECK_OK(made_judge(&world, &made, &cached));
    CHECK(cached.status == AG_ATTEST_ChainUntrusted);
    made.anchor.fingerprint[5] ^= 1u;
    CHECK_U64(ag_attest_cache_miss_count(cache), 3);
    /* Two places: the first set was the least recently used and is parsed again. */
    CHECK_OK(made_judge(&world, &made, &cached));
    CHECK(cached.is_accepted);
    CHECK_U64(ag_attest_cache_miss_count(cache), 4);
    CHECK_OK(made_judge(&world, &made, &cached));
    CHECK_U64(ag_attest_cache_miss_count(cache), 4);
    made_close(&made);
    ag_attest_cache_close(cache);
    ag_attest_cache_close(NULL);
}

struct judge_thread {
    pthread_t thread;
    struct world worlds[3];
    const struct made *made;
    unsigned failures;
};

static void *judge_many(void *context)
{
    struct judge_thread *job = context;
    for (unsigned i = 0; i < 60; i++) {
        struct ag_verdict verdict;
        enum ag_err err = made_judge(&job->worlds[i % 3], &job->made[i % 3], &verdict);
        job->failures += err != AG_OK || !verdict.is_accepted ? 1u : 0u;
    }
    return NULL;
}

static void test_cache_shared_by_threads(void)
{
    struct ag_attest_cache *cache = NULL;
    CHECK_OK(ag_attest_cache_open(2, &cache)); /* fewer places than sets: entries come and go */
    struct made made[3];
    struct judge_thread jobs[3];
    for (unsigned i = 0; i < 3; i++) {
        struct world world = world_default();
        world.evaluation = 20 + i;
        world.cache = cache;
        world_make(&world, &made[i]);
        for (unsigned k = 0; k < 3; k++) {
            jobs[k].worlds[i] = world;
        }
    }
    for (unsigned k = 0; k < 3; k++) {
        jobs[k].made = made;
        jobs[k].failures = 0;
        CHECK(pthread_create(&jobs[k].thread, NULL, judge_many, &jobs[k]) == 0);
    }
    for (unsigned k = 0; k < 3; k++) {
        pthread_join(jobs[k].thread, NULL);
        CHECK_U64(jobs[k].failures, 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        made_close(&made[i]);
    }
    ag_attest_cache_close(cache);
}

/* ---- when memory ends ---- */

static void test_every_allocation_fails_once(void)
{
    struct world world = world_default();
    struct made made;
    struct ag_attest_cache *cache = NULL;
    struct ag_verdict verdict;
    struct ag_policy *policy = NULL;
    world_make(&world, &made);
    CHECK_OK(ag_policy_parse(ag_bytes_of(world.policy, strlen(world.policy)), &policy, NULL, NULL));
    struct ag_evidence evidence = {world.kind, ag_vec_view(&made.quote)};
    struct ag_collateral collateral = made_collateral(&world, &made);
    struct ag_attest_input in = {
        .evidence = &evidence,
        .collateral = &collateral,
        .policy = policy,
        .now_ms = world.now_ms,
        .anchor = &made.anchor,
    };
    size_t in_use = ag_alloc_in_use();
    for (uint64_t nth = 1;; nth++) {
        CHECK_OK(ag_attest_cache_open(1, &cache));
        in.cache = cache;
        memset(&verdict, 0xff, sizeof(verdict));
        ag_alloc_fail_nth(nth);
        enum ag_err err = ag_attest_judge(&in, &verdict);
        ag_alloc_fail_nth(0);
        ag_attest_cache_close(cache);
        CHECK_U64(ag_alloc_in_use(), in_use);
        if (err == AG_OK) {
            CHECK(verdict.is_accepted);
            CHECK(nth > 10);
            break;
        }
        /* Our own failure is an error; it is never a verdict on the evidence. */
        CHECK(ag_err_class(err) == AG_CLASS_HOST);
        CHECK(!verdict.is_accepted && verdict.status == AG_ATTEST_NONE);
    }
    ag_policy_close(policy);
    made_close(&made);
}

static const struct ag_test_case cases[] = {
    {"instants", test_instants},
    {"the PCK extension", test_pck_extension},
    {"TCB info texts", test_tcb_info_texts},
    {"QE identity texts", test_qe_identity_texts},
    {"texts over their limits", test_texts_over_their_limits},
    {"parts that are garbage", test_parts_that_are_garbage},
    {"two signers", test_two_signers},
    {"the cache changes no verdict", test_cache_changes_no_verdict},
    {"the cache shared by threads", test_cache_shared_by_threads},
    {"every allocation fails once", test_every_allocation_fails_once},
};

TEST_MAIN(cases)
