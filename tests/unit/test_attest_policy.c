/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: what the reader refuses and where, what each rule decides, which line a verdict names.
 * And the text of verdicts. */
#include "test_attest_make.h"

#define HEX48 WORLD_ZEROS WORLD_ZEROS
#define BB12  "bbbbbbbbbbbbbbbbbbbbbbbb"
#define BB48  BB12 BB12 BB12 BB12 /* the MRTD of the made-up world */
#define AA12  "aaaaaaaaaaaaaaaaaaaaaaaa"
#define AA48  AA12 AA12 AA12 AA12
#define BASE  "accept_tee = tdx, sgx\nany_measurement_insecure = yes\n"

/* ---- reading ---- */

static void test_refused_files(void)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *field;
    } rows[] = {
        {"colour = blue\n", 1, "unknown key"},
        {"# comment\n\nmr_tdx = " BB48 "\n", 3, "unknown key"},
        {"accept_tee\n", 1, "key"},
        {"accept_tee =\n", 1, "value"},
        {"accept_tee = \"\"\n", 1, "accept_tee"},
        {"accept_tee = tdx, vtx\n", 1, "accept_tee"},
        {"accept_tee = TDX\n", 1, "accept_tee"},
        {"accept_tee = ,\n", 1, "accept_tee"},
        {"accept_status = Revoked\n", 1, "accept_status"},
        {"accept_status = TcbNotSupported\n", 1, "accept_status"},
        {"accept_status = ChainUntrusted\n", 1, "accept_status"},
        {"accept_status = UpToDate uptodate\n", 1, "accept_status"},
        {"mr_td = bb\n", 1, "mr_td"},
        {"mr_td = " BB48 "00\n", 1, "mr_td"},
        {"mr_td = z" BB48 "\n", 1, "mr_td"},
        {"mr_td = " BB48 " " AA12 "\n", 1, "mr_td"},
        {"rtmr4 = " BB48 "\n", 1, "unknown key"},
        {"mr_enclave = " BB48 "\n", 1, "mr_enclave"},
        {"allowed_fmspc = 00806f05\n", 1, "allowed_fmspc"},
        {"allowed_ppid = " BB48 "\n", 1, "allowed_ppid"},
        {"td_attributes_required = 10\n", 1, "td_attributes_required"},
        {"td_attributes_required = 0000000000000000\ntd_attributes_required = 0000000000000000\n",
         2, "td_attributes_required"},
        {"allow_debug_tee_insecure = true\n", 1, "allow_debug_tee_insecure"},
        {"allow_debug_tee_insecure = no\nallow_debug_tee_insecure = yes\n", 2,
         "allow_debug_tee_insecure"},
        {"any_measurement_insecure = 1\n", 1, "any_measurement_insecure"},
        {"min_tcb_evaluation = -1\n", 1, "min_tcb_evaluation"},
        {"min_tcb_evaluation = 4294967296\n", 1, "min_tcb_evaluation"},
        {"min_tcb_date = 2026-02-30\n", 1, "min_tcb_date"},
        {"min_tcb_date = 2026-01-01T00:00:00Z\n", 1, "min_tcb_date"},
        {"collateral_age_max_days = 3651\n", 1, "collateral_age_max_days"},
        {"collateral_age_max_days = 7 days\n", 1, "collateral_age_max_days"},
        {"insecure_sim_root = " BB48 "\n", 1, "insecure_sim_root"},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_policy *policy = NULL;
        struct ag_fault fault = {0};
        unsigned line = 99;
        enum ag_err err = ag_policy_parse(ag_bytes_of(rows[i].text, strlen(rows[i].text)), &policy,
                                          &line, &fault);
        bool is_right = err == AG_ERR_POLICY && policy == NULL && line == rows[i].line &&
                        fault.err == AG_ERR_POLICY && fault.field != NULL &&
                        strcmp(fault.field, rows[i].field) == 0;
        if (!is_right) {
            ag_test_note("%s -> line %u, %s", rows[i].text, line,
                         fault.field == NULL ? "nothing" : fault.field);
        }
        CHECK(is_right);
    }
}

static void test_too_many_rows(void)
{
    struct ag_vec text;
    ag_vec_init(&text, 1u << 16);
    for (unsigned i = 0; i <= AG_LIMIT_POLICY_ROWS; i++) {
        must(ag_vec_printf(&text, "mr_td = %02x%s\n", i, &BB48[2]), "policy");
    }
    struct ag_policy *policy = NULL;
    unsigned line = 0;
    CHECK_ERR(ag_policy_parse(ag_vec_view(&text), &policy, &line, NULL), AG_ERR_POLICY);
    CHECK_U64(line, AG_LIMIT_POLICY_ROWS + 1u);
    text.size -= strlen("mr_td = 40\n") + 94;
    CHECK_OK(ag_policy_parse(ag_vec_view(&text), &policy, &line, NULL));
    ag_policy_close(policy);
    ag_vec_close(&text);
    ag_policy_close(NULL);
}

static void test_sim_needs_both_rules(void)
{
    static const struct {
        const char *text;
        bool allows;
    } rows[] = {
        {"", false},
        {"accept_tee = insecure-sim\n", false},
        {"insecure_sim_root = " WORLD_ZEROS "0000000000000000\n", false},
        {"accept_tee = tdx\ninsecure_sim_root = " WORLD_ZEROS "0000000000000000\n", false},
        {"accept_tee = tdx, insecure-sim\ninsecure_sim_root = " WORLD_ZEROS "0000000000000000\n",
         true},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_policy *policy = NULL;
        CHECK_OK(
            ag_policy_parse(ag_bytes_of(rows[i].text, strlen(rows[i].text)), &policy, NULL, NULL));
        CHECK(ag_policy_allows_insecure_sim(policy) == rows[i].allows);
        ag_policy_close(policy);
    }
    /* Without the rules, evidence of the kind has no anchor at all. */
    struct made made;
    struct world world = world_default();
    struct ag_verdict verdict;
    struct ag_policy *policy = NULL;
    world_make(&world, &made);
    CHECK_OK(ag_policy_parse(AG_LITERAL(BASE), &policy, NULL, NULL));
    struct ag_evidence evidence = {AG_TEE_INSECURE_SIM, ag_vec_view(&made.quote)};
    struct ag_collateral collateral = made_collateral(&world, &made);
    CHECK_OK(ag_attest_verify(&evidence, &collateral, policy, (struct ag_bytes){NULL, 0},
                              world.now_ms, &verdict));
    CHECK(verdict.status == AG_ATTEST_ChainUntrusted && !verdict.is_accepted);
    CHECK(claim_of(&verdict, AG_CLAIM_ANCHOR)->result == AG_CLAIM_FAILED);
    ag_policy_close(policy);
    made_close(&made);
}

/* ---- deciding ---- */

struct decision {
    const char *policy;
    bool is_accepted;
    unsigned line; /* that decided */
    enum ag_claim_id failed;
};

static void check_decisions(const struct world *base, const struct decision *rows, size_t count)
{
    struct made made;
    world_make(base, &made);
    for (size_t i = 0; i < count; i++) {
        struct world world = *base;
        struct ag_verdict verdict;
        world.policy = rows[i].policy;
        CHECK_OK(made_judge(&world, &made, &verdict));
        bool is_right =
            verdict.is_accepted == rows[i].is_accepted && verdict.policy_line == rows[i].line &&
            (rows[i].is_accepted || claim_of(&verdict, rows[i].failed)->result == AG_CLAIM_FAILED);
        if (!is_right) {
            ag_test_note("%s -> accepted %d, line %u", rows[i].policy, verdict.is_accepted,
                         verdict.policy_line);
        }
        CHECK(is_right);
        /* A policy never changes what the evidence is. */
        CHECK(verdict.status == AG_ATTEST_UpToDate);
    }
    made_close(&made);
}

static void test_decisions_on_a_td(void)
{
    static const struct decision rows[] = {
        {"", false, 0, AG_CLAIM_POLICY_TEE},
        {"any_measurement_insecure = yes\n", false, 0, AG_CLAIM_POLICY_TEE},
        {"accept_tee = sgx\nany_measurement_insecure = yes\n", false, 1, AG_CLAIM_POLICY_TEE},
        /* No measurement rule accepts no program. */
        {"accept_tee = tdx\n", false, 0, AG_CLAIM_POLICY_MEASUREMENT},
        {"accept_tee = tdx\nany_measurement_insecure = no\n", false, 2,
         AG_CLAIM_POLICY_MEASUREMENT},
        {"accept_tee = tdx\nmr_enclave = " WORLD_ZEROS "0000000000000000\n", false, 0,
         AG_CLAIM_POLICY_MEASUREMENT},
        {"accept_tee = tdx\nrtmr0 = " BB48 "\n", false, 0, AG_CLAIM_POLICY_MEASUREMENT},
        {BASE, true, 2, 0},
        {"accept_tee = tdx\nmr_td = " BB48 "\n", true, 2, 0},
        {"accept_tee = tdx\nmr_td = " AA48 "\nmr_td = 0x" BB48 "\n", true, 3, 0},
        {"accept_tee = tdx\nmr_td = " AA48 ", " BB48 "\n", true, 2, 0},
        {"accept_tee = tdx\nmr_td = " AA48 "\n", false, 2, AG_CLAIM_POLICY_MEASUREMENT},
        /* A listed measurement is compared even where any would do. */
        {BASE "mr_td = " AA48 "\n", false, 3, AG_CLAIM_POLICY_MEASUREMENT},
        {BASE "mr_seam = " AA48 "\n", true, 2, 0},
        {BASE "mr_seam = " BB48 "\n", false, 3, AG_CLAIM_POLICY_SEAM},
        {BASE "rtmr0 = " BB48 "\n", false, 3, AG_CLAIM_POLICY_RTMR0},
        {BASE "rtmr1 = " BB48 "\n", false, 3, AG_CLAIM_POLICY_RTMR1},
        {BASE "rtmr2 = " BB48 "\n", false, 3, AG_CLAIM_POLICY_RTMR2},
        {BASE "rtmr3 = " BB48 "\n", false, 3, AG_CLAIM_POLICY_RTMR3},
        {BASE "allowed_fmspc = c0ffee000000\n", true, 2, 0},
        {BASE "allowed_fmspc = 00806f050000, C0FFEE000000\n", true, 2, 0},
        {BASE "allowed_fmspc = 00806f050000\n", false, 3, AG_CLAIM_POLICY_FMSPC},
        {BASE "allowed_ppid = 000102030405060708090a0b0c0d0e0f\n", true, 2, 0},
        {BASE "allowed_ppid = 100102030405060708090a0b0c0d0e0f\n", false, 3, AG_CLAIM_POLICY_PPID},
        {BASE "td_attributes_required = 0000001000000000\n", true, 2, 0},
        {BASE "td_attributes_required = 0000005000000000\n", false, 3, AG_CLAIM_POLICY_ATTRIBUTES},
        {BASE "td_attributes_forbidden = 0000001000000000\n", false, 3, AG_CLAIM_POLICY_ATTRIBUTES},
        {BASE "accept_status = SWHardeningNeeded\n", false, 3, AG_CLAIM_POLICY_STATUS},
        {BASE "accept_status = UpToDate\n", true, 2, 0},
        {BASE "min_tcb_evaluation = 21\n", false, 3, AG_CLAIM_POLICY_EVALUATION},
        {BASE "min_tcb_date = 2026-01-01\n", true, 2, 0},
        {BASE "min_tcb_date = 2026-01-02\n", false, 3, AG_CLAIM_POLICY_TCB_DATE},
        {BASE "collateral_age_max_days = 9\n", false, 3, AG_CLAIM_POLICY_AGE},
        /* The first refusal in the order of the verdict names the line. */
        {BASE "rtmr0 = " BB48 "\nmin_tcb_evaluation = 21\n", false, 4, AG_CLAIM_POLICY_RTMR0},
    };
    struct world world = world_default();
    check_decisions(&world, rows, AG_COUNT(rows));
}

static void test_decisions_on_an_enclave(void)
{
#define EE8  "eeeeeeeeeeeeeeee"
#define DD8  "dddddddddddddddd"
#define EE32 EE8 EE8 EE8 EE8
#define DD32 DD8 DD8 DD8 DD8
    static const struct decision rows[] = {
        {"accept_tee = sgx\nmr_td = " BB48 "\n", false, 0, AG_CLAIM_POLICY_MEASUREMENT},
        {"accept_tee = sgx\nmr_signer = " DD32 "\n", false, 0, AG_CLAIM_POLICY_MEASUREMENT},
        {"accept_tee = sgx\nmr_enclave = " EE32 "\n", true, 2, 0},
        {"accept_tee = sgx\nmr_enclave = " EE32 "\nmr_signer = " DD32 "\n", true, 2, 0},
        {"accept_tee = sgx\nmr_enclave = " EE32 "\nmr_signer = " EE32 "\n", false, 3,
         AG_CLAIM_POLICY_SIGNER},
        {"accept_tee = sgx\nmr_enclave = " DD32 "\n", false, 2, AG_CLAIM_POLICY_MEASUREMENT},
        /* Rules about TDs are not asked of enclaves. */
        {BASE "rtmr0 = " BB48 "\ntd_attributes_required = ffffffffffffffff\n", true, 2, 0},
    };
    struct world world = world_sgx();
    check_decisions(&world, rows, AG_COUNT(rows));
}

static void test_debug_needs_its_word(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    world.td_attributes[0] = 1;
    world.policy = BASE "td_attributes_forbidden = 0000000000000000\n";
    world_judge(&world, &verdict);
    CHECK(!verdict.is_accepted); /* the mask does not speak of DEBUG */
    world.policy = BASE "allow_debug_tee_insecure = no\n";
    world_judge(&world, &verdict);
    CHECK(!verdict.is_accepted);
    CHECK_U64(verdict.policy_line, 3);
    world.policy = BASE "allow_debug_tee_insecure = yes\n";
    world_judge(&world, &verdict);
    CHECK(verdict.is_accepted && verdict.is_debug);
}

/* ---- text ---- */

static void test_verdict_as_json(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    struct ag_vec text;
    struct ag_json_out out;
    struct ag_json *json = NULL;
    ag_vec_init(&text, 1u << 16);
    world.td_attributes[0] = 1;
    world_judge(&world, &verdict);
    ag_json_begin(&out, &text, false);
    ag_json_object(&out, NULL);
    ag_verdict_json(&verdict, &out, "verdict");
    ag_json_end(&out);
    CHECK_OK(ag_json_finish(&out));
    CHECK_OK(ag_json_parse(ag_vec_view(&text), &json));
    const struct ag_json_value *value = ag_json_get(ag_json_root(json), "verdict");
    CHECK(!ag_json_bool(ag_json_get(value, "accepted"), true));
    size_t length = 0;
    CHECK(strcmp(ag_json_string(ag_json_get(value, "status"), &length), "UpToDate") == 0);
    CHECK(strcmp(ag_json_string(ag_json_get(value, "tee"), &length), "tdx") == 0);
    CHECK(strcmp(ag_json_string(ag_json_at(ag_json_get(value, "flags"), 0), &length), "debug") ==
          0);
    CHECK(strcmp(ag_json_string(ag_json_get(value, "collateral_expires"), &length),
                 "2026-06-21T00:00:00Z") == 0);
    CHECK(strcmp(ag_json_string(ag_json_get(ag_json_get(value, "td"), "mr_td"), &length),
                 "0x" BB48) == 0);
    CHECK_U64(ag_json_count(ag_json_get(value, "claims")), AG_CLAIM_COUNT);
    ag_json_close(json);

    /* A verdict on nothing is still whole. */
    world.kind = AG_TEE_SNP;
    world_judge(&world, &verdict);
    text.size = 0;
    ag_json_begin(&out, &text, true);
    ag_verdict_json(&verdict, &out, NULL);
    CHECK_OK(ag_json_finish(&out));
    CHECK_OK(ag_json_parse(ag_vec_view(&text), &json));
    CHECK(ag_json_type(ag_json_get(ag_json_root(json), "platform_status")) == AG_JSON_NULL);
    CHECK(ag_json_get(ag_json_root(json), "td") == NULL);
    ag_json_close(json);
    ag_vec_close(&text);
}

static void test_verdict_as_lines(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    struct ag_vec text;
    ag_vec_init(&text, 1u << 16);
    world.policy = BASE "min_tcb_evaluation = 21\n";
    world_judge(&world, &verdict);
    CHECK_OK(ag_verdict_print(&verdict, &text));
    CHECK_OK(ag_vec_append(&text, ag_bytes_of("", 1)));
    const char *lines = (const char *)text.data;
    CHECK(strstr(lines, "verdict     refused\n") != NULL);
    CHECK(strstr(lines, "status      UpToDate\n") != NULL);
    CHECK(strstr(lines, "MRTD        " BB48 "\n") != NULL);
    CHECK(strstr(lines, "FAILED  policy: TCB evaluation number") != NULL);
    CHECK(strstr(lines, "(policy line 3)") != NULL);
    CHECK(strstr(lines, "ok      quote signature") != NULL);
    struct ag_vec small;
    ag_vec_init(&small, 40);
    CHECK_ERR(ag_verdict_print(&verdict, &small), AG_ERR_WIRE_SPACE);
    ag_vec_close(&small);
    ag_vec_close(&text);
}

static void test_text_of_an_enclave(void)
{
    struct world world = world_sgx();
    struct ag_verdict verdict;
    struct ag_vec text;
    struct ag_json_out out;
    struct ag_json *json = NULL;
    size_t length = 0;
    ag_vec_init(&text, 1u << 16);
    world.levels = WORLD_LEVEL(WORLD_SVN16("5"), WORLD_TDX16("5", "0", "7"), "11",
                               "UpToDate\",\"advisoryIDs\":[\"INTEL-SA-00001\",\"INTEL-SA-00002\"],"
                               "\"x\":\"");
    world_judge(&world, &verdict);
    ag_json_begin(&out, &text, false);
    ag_verdict_json(&verdict, &out, NULL);
    CHECK_OK(ag_json_finish(&out));
    CHECK_OK(ag_json_parse(ag_vec_view(&text), &json));
    const struct ag_json_value *sgx = ag_json_get(ag_json_root(json), "sgx");
    CHECK(strcmp(ag_json_string(ag_json_get(sgx, "mr_enclave"), &length), "0x" EE32) == 0);
    CHECK(strcmp(ag_json_string(ag_json_get(sgx, "mr_signer"), &length), "0x" DD32) == 0);
    CHECK_U64(ag_json_count(ag_json_get(ag_json_root(json), "advisories")), 2);
    CHECK(ag_json_get(ag_json_root(json), "td") == NULL);
    ag_json_close(json);

    text.size = 0;
    CHECK_OK(ag_verdict_print(&verdict, &text));
    CHECK_OK(ag_vec_append(&text, ag_bytes_of("", 1)));
    const char *lines = (const char *)text.data;
    CHECK(strstr(lines, "verdict     accepted\n") != NULL);
    CHECK(strstr(lines, "MRENCLAVE   " EE32 "\n") != NULL);
    CHECK(strstr(lines, "advisories  INTEL-SA-00001, INTEL-SA-00002\n") != NULL);
    CHECK(strstr(lines, "module with the platform") != NULL);
    ag_vec_close(&text);
}

static void test_status_names(void)
{
    CHECK(strcmp(ag_attest_status_name(AG_ATTEST_NONE), "None") == 0);
    CHECK(strcmp(ag_attest_status_name(AG_ATTEST_Valid), "Valid") == 0);
    CHECK(strcmp(ag_attest_status_name(AG_ATTEST_BadCollateralSignature),
                 "BadCollateralSignature") == 0);
    CHECK(strcmp(ag_attest_status_name((enum ag_attest_status)200), "None") == 0);
}

static const struct ag_test_case cases[] = {
    {"files that are refused", test_refused_files},
    {"too many rows", test_too_many_rows},
    {"insecure-sim needs both rules", test_sim_needs_both_rules},
    {"decisions on a TD", test_decisions_on_a_td},
    {"decisions on an enclave", test_decisions_on_an_enclave},
    {"debug needs its word", test_debug_needs_its_word},
    {"a verdict as JSON", test_verdict_as_json},
    {"a verdict as lines", test_verdict_as_lines},
    {"the text of an enclave", test_text_of_an_enclave},
    {"names of outcomes", test_status_names},
};

TEST_MAIN(cases)
