/* SPDX-License-Identifier: Apache-2.0 */
/* The traps of real verifiers, each as a made-up world that falls into it. The numbers are the
 * rows of docs/spec/evidence.md, "What other verifiers got wrong". */
#include "test_attest_make.h"

#define CHECK_STATUS(verdict, wanted) check_status(&(verdict), (wanted), __FILE__, __LINE__)

static void check_status(const struct ag_verdict *verdict, enum ag_attest_status wanted,
                         const char *file, int line)
{
    if (verdict->status != wanted) {
        for (size_t i = 0; i < verdict->claim_count; i++) {
            if (verdict->claims[i].result == AG_CLAIM_FAILED) {
                ag_test_note("%s: %s", verdict->claims[i].name, verdict->claims[i].reason);
            }
        }
        ag_test_note("got %s, wanted %s", ag_attest_status_name(verdict->status),
                     ag_attest_status_name(wanted));
    }
    ag_test_check(verdict->status == wanted, "status", file, line);
}

/* Judges and wants this outcome; whatever is not an acceptable TCB outcome must not be
 * accepted. */
#define WANT(world, wanted)                                                                        \
    do {                                                                                           \
        struct ag_verdict want_verdict;                                                            \
        world_judge(&(world), &want_verdict);                                                      \
        CHECK_STATUS(want_verdict, (wanted));                                                      \
        CHECK(want_verdict.is_accepted ==                                                          \
              ((wanted) == AG_ATTEST_UpToDate || (wanted) == AG_ATTEST_SWHardeningNeeded));        \
    } while (0)

static void test_good_worlds(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    world_judge(&world, &verdict);
    CHECK_STATUS(verdict, AG_ATTEST_UpToDate);
    CHECK(verdict.is_accepted);
    CHECK(verdict.is_parsed);
    CHECK_U64(verdict.claim_count, AG_CLAIM_COUNT);
    CHECK(verdict.platform_status == AG_ATTEST_UpToDate);
    CHECK(verdict.module_status == AG_ATTEST_UpToDate);
    CHECK(verdict.qe_status == AG_ATTEST_UpToDate);
    CHECK_U64(verdict.tcb_evaluation_number, 20);
    CHECK_U64(verdict.collateral_issued_ms, WORLD_NOW_MS - 10u * (uint64_t)WORLD_DAY_MS);
    CHECK_U64(verdict.collateral_expires_ms, WORLD_NOW_MS + 20u * (uint64_t)WORLD_DAY_MS);
    for (size_t i = 0; i < verdict.claim_count; i++) {
        CHECK(verdict.claims[i].result != AG_CLAIM_FAILED);
        CHECK(verdict.claims[i].name != NULL && verdict.claims[i].reason[0] != '\0');
    }

    struct world v5 = world_default();
    v5.version = 5;
    WANT(v5, AG_ATTEST_UpToDate);
    v5.body_type = AG_ATTEST_BODY_TD15;
    WANT(v5, AG_ATTEST_UpToDate);
    struct world sgx = world_sgx();
    WANT(sgx, AG_ATTEST_UpToDate);
    sgx.version = 4;
    WANT(sgx, AG_ATTEST_UpToDate);
    sgx.version = 5;
    WANT(sgx, AG_ATTEST_UpToDate);
    /* The shortcut chain beside the PCK CRL is not needed for a verdict. */
    world.has_pck_crl_chain = false;
    WANT(world, AG_ATTEST_UpToDate);
}

static void test_row_1_qe_identity(void)
{
    struct world world = world_default();
    world.qe_mr_signer_bit = 1;
    WANT(world, AG_ATTEST_QeIdentityMismatch);
    world = world_default();
    world.qe_prod_id = 1;
    WANT(world, AG_ATTEST_QeIdentityMismatch);
    world = world_default();
    world.qe_flags = 0x13; /* DEBUG */
    WANT(world, AG_ATTEST_QeIdentityMismatch);
    world = world_default();
    world.qe_id = "QE";
    WANT(world, AG_ATTEST_QeIdentityMismatch);
    world = world_default();
    world.qe_identity_signer = KEY_OTHER; /* rewritten to admit another enclave */
    WANT(world, AG_ATTEST_BadCollateralSignature);
    world = world_default();
    world.qe_svn = 1;
    WANT(world, AG_ATTEST_TcbNotSupported);
}

static void test_row_2_crl_is_authenticated(void)
{
    struct world world = world_default();
    world.has_root_crl = false;
    WANT(world, AG_ATTEST_CollateralMissing);
    world = world_default();
    world.has_pck_crl = false;
    WANT(world, AG_ATTEST_CollateralMissing);
    world = world_default();
    world.root_crl_signer = KEY_OTHER;
    WANT(world, AG_ATTEST_CrlInvalid);
    world = world_default();
    world.pck_crl_signer = KEY_OTHER;
    WANT(world, AG_ATTEST_CrlInvalid);
    world = world_default();
    world.pck_crl_signer = KEY_ROOT; /* the root's own, genuine list in the other's place */
    world.pck_crl_issuer = CERT_ROOT;
    WANT(world, AG_ATTEST_CrlInvalid);
    world = world_default();
    world.crl_next_ms = WORLD_NOW_MS - 1000u;
    WANT(world, AG_ATTEST_CrlExpired);
    world = world_default();
    world.crl_this_ms = WORLD_NOW_MS + 1000u;
    WANT(world, AG_ATTEST_CollateralNotYetValid);
    world = world_default();
    world.crl_next_ms = WORLD_NOW_MS; /* the last instant still counts */
    WANT(world, AG_ATTEST_UpToDate);
}

static void test_row_3_revocation_is_always_on(void)
{
    static const struct {
        enum world_cert cert;
        enum ag_attest_status status;
    } rows[] = {{CERT_PCK, AG_ATTEST_PckRevoked},
                {CERT_CA, AG_ATTEST_CaRevoked},
                {CERT_TCB, AG_ATTEST_TcbSignerRevoked}};
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct world world = world_default();
        world.is_revoked[rows[i].cert] = true;
        WANT(world, rows[i].status);
        world.has_pck_crl_chain = false;
        WANT(world, rows[i].status);
    }
}

static void test_row_5_roles_in_the_chain(void)
{
    struct world world = world_default();
    world.is_ca_a_ca = false;
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.pck_issuer = CERT_TCB; /* a leaf under the TCB signer, offered with the CA between */
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.pck_issuer = CERT_ROOT; /* straight under the root: no PCK list covers it */
    world.chain_size = 2;
    WANT(world, AG_ATTEST_ChainUntrusted);
    world.chain_size = 3;
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.is_chain_reversed = true;
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.chain_size = 1;
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.pck_name = "Intel SGX PCK Platform CA";
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.is_tcb_chain_pck = true; /* TCB info signed by a genuine PCK key */
    world.tcb_signer = KEY_PCK;
    world.qe_identity_signer = KEY_PCK;
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.tcb_name = "Intel SGX PCK Certificate";
    WANT(world, AG_ATTEST_ChainUntrusted);
    world = world_default();
    world.is_root_foreign = true; /* the same names under another root */
    WANT(world, AG_ATTEST_ChainUntrusted);
}

static void test_row_6_tdx_components_from_two(void)
{
    struct world world = world_default();
    /* Module 1.4: component 0 is below the newest level's 5, and must not matter. */
    WANT(world, AG_ATTEST_UpToDate);
    world.tee_tcb_svn[1] = 0; /* module 0.4: now it does */
    WANT(world, AG_ATTEST_OutOfDate);
    world = world_default();
    world.tee_tcb_svn[2] = 6;
    WANT(world, AG_ATTEST_OutOfDate);
    world.tee_tcb_svn[2] = 5;
    WANT(world, AG_ATTEST_TcbNotSupported);
}

static void test_row_7_module_identity(void)
{
    struct world world = world_default();
    world.mr_signer_seam_bit = 1;
    WANT(world, AG_ATTEST_TdxModuleMismatch);
    world.tee_tcb_svn[1] = 0;
    WANT(world, AG_ATTEST_TdxModuleMismatch);
    world = world_default();
    world.seam_attributes_bit = 1;
    WANT(world, AG_ATTEST_TdxModuleMismatch);
    world = world_default();
    world.tee_tcb_svn[1] = 2;
    WANT(world, AG_ATTEST_TdxModuleMismatch);
    world = world_default();
    world.modules = "";
    WANT(world, AG_ATTEST_TdxModuleMismatch);
    world = world_default();
    world.tee_tcb_svn[0] = 3;
    WANT(world, AG_ATTEST_OutOfDate);
    world.tee_tcb_svn[0] = 1;
    WANT(world, AG_ATTEST_TcbNotSupported);
    world = world_default();
    world.modules =
        "\"tdxModuleIdentities\":[" WORLD_MODULE("TDX_01", WORLD_ISV("4", "Revoked")) "],";
    WANT(world, AG_ATTEST_Revoked);
    /* Unmasked attribute bits must be zero although nobody compares them. */
    world = world_default();
    world.modules = "\"tdxModuleIdentities\":[{\"id\":\"tdx_01\"}],";
    WANT(world, AG_ATTEST_Malformed);
}

static void test_row_8_levels_are_sorted(void)
{
    struct world world = world_default();
    world.levels =
        WORLD_LEVEL(WORLD_SVN16("3"), WORLD_TDX16("3", "0", "6"), "10", "Revoked") "," WORLD_LEVEL(
            WORLD_SVN16("5"), WORLD_TDX16("5", "0", "7"), "11", "UpToDate");
    WANT(world, AG_ATTEST_UpToDate);
    world = world_default();
    world.qe_levels = WORLD_ISV("2", "Revoked") "," WORLD_ISV("4", "UpToDate");
    WANT(world, AG_ATTEST_UpToDate);
    world = world_default();
    world.modules = "\"tdxModuleIdentities\":[" WORLD_MODULE(
        "TDX_01", WORLD_ISV("2", "Revoked") "," WORLD_ISV("4", "UpToDate")) "],";
    WANT(world, AG_ATTEST_UpToDate);
    /* One component below the newest level, all others far above: per component, never one
     * number. */
    world = world_default();
    memset(world.components, 200, sizeof(world.components));
    world.components[15] = 4;
    WANT(world, AG_ATTEST_OutOfDate);
    world = world_default();
    world.pce_svn = 10;
    WANT(world, AG_ATTEST_OutOfDate);
}

#define ONE_LEVEL(status) WORLD_LEVEL(WORLD_SVN16("5"), WORLD_TDX16("5", "0", "7"), "11", status)

static void test_row_9_merge_table(void)
{
    static const struct {
        const char *levels;
        enum ag_attest_status merged; /* with a QE that is OutOfDate */
    } rows[] = {
        {ONE_LEVEL("UpToDate"), AG_ATTEST_OutOfDate},
        {ONE_LEVEL("SWHardeningNeeded"), AG_ATTEST_OutOfDate},
        {ONE_LEVEL("ConfigurationNeeded"), AG_ATTEST_OutOfDateConfigurationNeeded},
        {ONE_LEVEL("ConfigurationAndSWHardeningNeeded"), AG_ATTEST_OutOfDateConfigurationNeeded},
        {ONE_LEVEL("OutOfDate"), AG_ATTEST_OutOfDate},
        {ONE_LEVEL("OutOfDateConfigurationNeeded"), AG_ATTEST_OutOfDateConfigurationNeeded},
        {ONE_LEVEL("Revoked"), AG_ATTEST_Revoked},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct world world = world_default();
        world.levels = rows[i].levels;
        world.qe_svn = 3;
        WANT(world, rows[i].merged);
        /* The module merges by the same table. */
        world.qe_svn = 4;
        world.tee_tcb_svn[0] = 3;
        WANT(world, rows[i].merged);
    }
    struct world world = world_default();
    world.qe_levels = WORLD_ISV("4", "Revoked");
    WANT(world, AG_ATTEST_Revoked);
    world.qe_levels = WORLD_ISV("4", "Splendid");
    WANT(world, AG_ATTEST_Malformed);
}

static void test_row_10_relaunch(void)
{
    struct world world = world_default();
    world.version = 5;
    world.body_type = AG_ATTEST_BODY_TD15;
    world.tee_tcb_svn[0] = 3; /* launched by an old module; the one running now is 1.4 */
    WANT(world, AG_ATTEST_TDRelaunchAdvised);
    world.qe_svn = 3;
    WANT(world, AG_ATTEST_OutOfDate);
    world.qe_svn = 4;
    world.tee_tcb_svn2[0] = 3;
    WANT(world, AG_ATTEST_OutOfDate);
    world.tee_tcb_svn2[0] = 4;
    world.tee_tcb_svn2[2] = 6;
    WANT(world, AG_ATTEST_OutOfDate);
    world.tee_tcb_svn2[2] = 7;
    world.tee_tcb_svn2[1] = 9;
    WANT(world, AG_ATTEST_TdxModuleMismatch);
    world.tee_tcb_svn2[1] = 0; /* a module of major version 0: judged by component 0 */
    WANT(world, AG_ATTEST_OutOfDate);
    world.tee_tcb_svn2[0] = 5;
    WANT(world, AG_ATTEST_TDRelaunchAdvised);
    world.tee_tcb_svn2[1] = 1;
    world.levels = ONE_LEVEL("ConfigurationNeeded");
    WANT(world, AG_ATTEST_TDRelaunchAdvisedConfigurationNeeded);
    /* A TD report 1.0 does not say what runs now. */
    world.body_type = AG_ATTEST_BODY_TD10;
    WANT(world, AG_ATTEST_OutOfDateConfigurationNeeded);
}

static void test_row_11_family_and_pceid(void)
{
    struct world world = world_default();
    world.tcb_pce_id[1] = 1;
    WANT(world, AG_ATTEST_TcbInfoMismatch);
    world = world_default();
    world.tcb_fmspc[0] ^= 1u;
    WANT(world, AG_ATTEST_TcbInfoMismatch);
    world = world_default();
    world.tcb_id = "SGX";
    WANT(world, AG_ATTEST_TcbInfoMismatch);
    world = world_sgx();
    world.tcb_id = "TDX";
    WANT(world, AG_ATTEST_TcbInfoMismatch);
}

static void test_row_12_both_ends_of_every_window(void)
{
    static const struct {
        enum world_cert cert;
    } rows[] = {{CERT_PCK}, {CERT_CA}, {CERT_ROOT}, {CERT_TCB}};
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct world world = world_default();
        world.not_before_ms[rows[i].cert] = WORLD_NOW_MS + 1000u;
        WANT(world, AG_ATTEST_CertNotYetValid);
        world.not_before_ms[rows[i].cert] = WORLD_NOW_MS;
        WANT(world, AG_ATTEST_UpToDate);
        world.not_after_ms[rows[i].cert] = WORLD_NOW_MS;
        WANT(world, AG_ATTEST_UpToDate);
        world.not_before_ms[rows[i].cert] = WORLD_NOW_MS - 9000u;
        world.not_after_ms[rows[i].cert] = WORLD_NOW_MS - 1000u;
        WANT(world, AG_ATTEST_CertExpired);
    }
    struct world world = world_default();
    world.tcb_issued_ms = WORLD_NOW_MS + 1000u;
    WANT(world, AG_ATTEST_CollateralNotYetValid);
    world = world_default();
    world.qe_issued_ms = WORLD_NOW_MS + 1000u;
    WANT(world, AG_ATTEST_CollateralNotYetValid);
    world = world_default();
    world.tcb_expires_ms = WORLD_NOW_MS - 1000u;
    WANT(world, AG_ATTEST_CollateralExpired);
    world = world_default();
    world.qe_expires_ms = WORLD_NOW_MS - 1000u;
    WANT(world, AG_ATTEST_CollateralExpired);
    world.qe_expires_ms = WORLD_NOW_MS;
    WANT(world, AG_ATTEST_UpToDate);
}

static void test_row_13_bytes_not_values_are_signed(void)
{
    struct world world = world_default();
    world.is_tcb_reformatted = true;
    WANT(world, AG_ATTEST_BadCollateralSignature);
    world = world_default();
    world.tcb_signer = KEY_OTHER;
    WANT(world, AG_ATTEST_BadCollateralSignature);
}

static void test_row_14_auth_data_of_any_length(void)
{
    static const size_t sizes[] = {0, 1, 32, 33, 1000, 40000};
    for (size_t i = 0; i < AG_COUNT(sizes); i++) {
        struct world world = world_default();
        world.auth_size = sizes[i];
        WANT(world, AG_ATTEST_UpToDate);
    }
}

static void test_row_15_declared_sizes_and_types(void)
{
    struct world world = world_default();
    world.version = 5;
    world.body_size = 585;
    WANT(world, AG_ATTEST_Malformed);
    world.body_size = 648;
    WANT(world, AG_ATTEST_Malformed);
    world = world_default();
    world.outer_type = 5;
    WANT(world, AG_ATTEST_Malformed);
    world = world_default();
    world.cert_type = 6;
    WANT(world, AG_ATTEST_Malformed);
    world.cert_type = 7;
    WANT(world, AG_ATTEST_Unsupported);
    world.cert_type = 3;
    WANT(world, AG_ATTEST_CollateralMissing);
    world = world_default();
    world.vendor_bit = 1;
    WANT(world, AG_ATTEST_Unsupported);
    world = world_default();
    world.version = 3; /* a TDX type in a version that has none */
    WANT(world, AG_ATTEST_Unsupported);
    /* The kind beside the quote must be the quote's. */
    world = world_default();
    world.kind = AG_TEE_SGX;
    WANT(world, AG_ATTEST_Malformed);
    world = world_sgx();
    world.kind = AG_TEE_TDX;
    WANT(world, AG_ATTEST_Malformed);
}

static void test_row_16_status_is_enforced(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    world.pce_svn = 10;
    world_judge(&world, &verdict);
    CHECK_STATUS(verdict, AG_ATTEST_OutOfDate);
    CHECK(!verdict.is_accepted);
    CHECK(claim_of(&verdict, AG_CLAIM_POLICY_STATUS)->result == AG_CLAIM_FAILED);
    CHECK(claim_of(&verdict, AG_CLAIM_QUOTE)->result == AG_CLAIM_PASSED);
    CHECK_U64(verdict.policy_line, 0); /* a default decided */
    world.policy = "accept_tee = tdx\nany_measurement_insecure = yes\naccept_status = OutOfDate\n";
    world_judge(&world, &verdict);
    CHECK(verdict.is_accepted);
    world.pce_svn = 11;
    world_judge(&world, &verdict); /* the list is the list: UpToDate is not on it */
    CHECK(!verdict.is_accepted);
    CHECK_U64(verdict.policy_line, 3);
}

static void test_row_17_only_registers_are_reported(void)
{
    /* No event log is looked at, so nothing of one may appear to be verified: the four registers
     * are reported as they stand, and policies compare them as they stand. */
    struct world world = world_default();
    struct ag_verdict verdict;
    char policy[400];
    char rtmr[97];
    memset(rtmr, 'c', 96);
    for (size_t i = 1; i < 96; i += 2) {
        rtmr[i] = '3';
    }
    rtmr[96] = '\0';
    snprintf(policy, sizeof(policy),
             "accept_tee = tdx\nany_measurement_insecure = yes\nrtmr3 = %s\n", rtmr);
    world.policy = policy;
    world_judge(&world, &verdict);
    CHECK(verdict.is_accepted);
    uint8_t wanted[48];
    memset(wanted, 0xc3, sizeof(wanted));
    CHECK_BYTES(AG_ARRAY_VIEW(verdict.td.rtmr[3]), AG_ARRAY_VIEW(wanted));
    rtmr[0] = 'd';
    snprintf(policy, sizeof(policy),
             "accept_tee = tdx\nany_measurement_insecure = yes\nrtmr3 = %s\n", rtmr);
    world_judge(&world, &verdict);
    CHECK(!verdict.is_accepted);
    CHECK_U64(verdict.policy_line, 3);
}

static void test_row_18_collateral_of_the_judged_party(void)
{
    /* Whoever is judged may hand over any collateral: signed by anyone but the vendor it is worth
     * nothing. Here it is complete and consistent, under the attacker's own root. */
    struct world world = world_default();
    struct world attacker = world_default();
    struct made made;
    struct made other;
    world_make(&world, &made);
    attacker.is_root_foreign = true;
    attacker.not_after_ms[CERT_ROOT] += 1000u; /* another certificate, hence another root */
    world_make(&attacker, &other);
    struct ag_vec kept = made.tcb_chain;
    made.tcb_chain = other.tcb_chain;
    struct ag_verdict verdict;
    CHECK_OK(made_judge(&world, &made, &verdict));
    CHECK_STATUS(verdict, AG_ATTEST_ChainUntrusted);
    CHECK(!verdict.is_accepted);
    made.tcb_chain = kept;
    CHECK_OK(made_judge(&world, &made, &verdict));
    CHECK(verdict.is_accepted);
    made_close(&made);
    made_close(&other);
}

static void test_row_19_advisories_do_not_decide(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    world.levels =
        "{\"tcb\":{\"sgxtcbcomponents\":[" WORLD_SVN16("5") "],\"tdxtcbcomponents\":[" WORLD_TDX16(
            "5", "0", "7") "],\"pcesvn\":11},\"tcbDate\":\"2026-01-01T00:00:00Z\","
                           "\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[\"INTEL-SA-00001\","
                           "\"INTEL-SA-00002\",\"INTEL-SA-00001\"]}";
    world.qe_levels = "{\"tcb\":{\"isvsvn\":4},\"tcbDate\":\"2026-01-01T00:00:00Z\","
                      "\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[\"INTEL-SA-00002\","
                      "\"INTEL-SA-00003\"]}";
    world_judge(&world, &verdict);
    CHECK_STATUS(verdict, AG_ATTEST_UpToDate);
    CHECK(verdict.is_accepted);
    CHECK_U64(verdict.advisory_count, 3); /* the union, each once */
    CHECK(strcmp(verdict.advisories[2], "INTEL-SA-00003") == 0);
}

static void test_row_20_age_is_a_knob(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    world.now_ms = WORLD_NOW_MS + 15u * (uint64_t)WORLD_DAY_MS; /* the list is 25 days old */
    WANT(world, AG_ATTEST_UpToDate);
    world.policy =
        "accept_tee = tdx\nany_measurement_insecure = yes\ncollateral_age_max_days = 24\n";
    world_judge(&world, &verdict);
    CHECK_STATUS(verdict, AG_ATTEST_UpToDate);
    CHECK(!verdict.is_accepted);
    CHECK_U64(verdict.policy_line, 3);
    world.policy =
        "accept_tee = tdx\nany_measurement_insecure = yes\ncollateral_age_max_days = 25\n";
    WANT(world, AG_ATTEST_UpToDate);
    /* The default is 31 days. */
    world = world_default();
    world.crl_this_ms = WORLD_NOW_MS - 31u * (uint64_t)WORLD_DAY_MS;
    WANT(world, AG_ATTEST_UpToDate);
    world.crl_this_ms -= 1000u;
    world_judge(&world, &verdict);
    CHECK(!verdict.is_accepted);
    CHECK(claim_of(&verdict, AG_CLAIM_POLICY_AGE)->result == AG_CLAIM_FAILED);
}

static void test_row_21_evaluation_number(void)
{
    /* The same machine under the old and the coming standard set: a dry run is one more judgement
     * with other collateral. */
    struct world world = world_default();
    struct ag_verdict verdict;
    world.evaluation = 19;
    world.policy = "accept_tee = tdx\nany_measurement_insecure = yes\nmin_tcb_evaluation = 19\n";
    WANT(world, AG_ATTEST_UpToDate);
    world.policy = "accept_tee = tdx\nany_measurement_insecure = yes\nmin_tcb_evaluation = 20\n";
    world_judge(&world, &verdict);
    CHECK(!verdict.is_accepted);
    CHECK_U64(verdict.policy_line, 3);
    world.evaluation = 20;
    WANT(world, AG_ATTEST_UpToDate);
    world.levels = WORLD_LEVEL(WORLD_SVN16("6"), WORLD_TDX16("5", "0", "7"), "11",
                               "UpToDate") "," ONE_LEVEL("OutOfDate");
    WANT(world, AG_ATTEST_OutOfDate);
}

static void test_row_29_report_data_mismatch_is_a_failure(void)
{
    struct world worlds[] = {world_default(), world_sgx()};
    for (size_t i = 0; i < AG_COUNT(worlds); i++) {
        uint8_t asked[64];
        memcpy(asked, worlds[i].report_data, 64);
        worlds[i].asked = AG_ARRAY_VIEW(asked);
        WANT(worlds[i], AG_ATTEST_UpToDate);
        for (size_t at = 0; at < 64; at += 63) {
            asked[at] ^= 1u;
            WANT(worlds[i], AG_ATTEST_BindingMismatch);
            asked[at] ^= 1u;
        }
        memset(asked, 0, sizeof(asked)); /* asking for zeros is asking */
        WANT(worlds[i], AG_ATTEST_BindingMismatch);
    }
}

static void test_row_30_quote_bytes_are_no_identity(void)
{
    struct world world = world_default();
    struct made made;
    struct ag_verdict a;
    struct ag_verdict b;
    world_make(&world, &made);
    CHECK_OK(made_judge(&world, &made, &a));
    flip_s(made.quote.data + 48 + 584 + 4 + 32);
    CHECK_OK(made_judge(&world, &made, &b));
    CHECK_STATUS(a, AG_ATTEST_UpToDate);
    CHECK_STATUS(b, AG_ATTEST_UpToDate);
    CHECK(a.is_high_s != b.is_high_s);
    CHECK_BYTES(AG_ARRAY_VIEW(a.evidence_id), AG_ARRAY_VIEW(b.evidence_id));
    /* Another statement has another identity. */
    made.quote.data[48 + 520] ^= 1u;
    CHECK_OK(made_judge(&world, &made, &b));
    CHECK_STATUS(b, AG_ATTEST_BadQuoteSignature);
    CHECK(memcmp(a.evidence_id, b.evidence_id, 32) != 0);
    made_close(&made);
}

static void test_row_32_hostile_revocation_lists(void)
{
    /* Every single-byte change of a list, and every cut, is CrlInvalid or, where the byte is a
     * date, another refusal; nothing is accepted, nothing crashes. */
    struct world world = world_default();
    struct made made;
    struct ag_verdict verdict;
    world_make(&world, &made);
    struct ag_vec *lists[] = {&made.root_crl, &made.pck_crl};
    for (size_t l = 0; l < AG_COUNT(lists); l++) {
        for (size_t i = 0; i < lists[l]->size; i += 1 + l) {
            lists[l]->data[i] ^= 0xffu;
            CHECK_OK(made_judge(&world, &made, &verdict));
            CHECK(!verdict.is_accepted);
            CHECK(verdict.status == AG_ATTEST_CrlInvalid);
            lists[l]->data[i] ^= 0xffu;
        }
        size_t size = lists[l]->size;
        for (size_t cut = 1; cut < size; cut += 7) {
            lists[l]->size = cut;
            CHECK_OK(made_judge(&world, &made, &verdict));
            CHECK_STATUS(verdict, AG_ATTEST_CrlInvalid);
        }
        lists[l]->size = size;
    }
    made_close(&made);
}

/* ---- beside the rows ---- */

static void test_signatures_and_bindings(void)
{
    struct world world = world_default();
    world.quote_signer = KEY_OTHER;
    WANT(world, AG_ATTEST_BadQuoteSignature);
    world = world_default();
    world.qe_signer = KEY_OTHER;
    WANT(world, AG_ATTEST_BadQeReportSignature);
    world = world_default();
    world.qe_report_data_tail = 1; /* the half that Intel's library does not look at */
    WANT(world, AG_ATTEST_QeReportDataMismatch);
    /* A forger brings an own attestation key and signs with it: only the QE report stands
     * against. */
    struct made made;
    struct ag_verdict verdict;
    world = world_default();
    world_make(&world, &made);
    uint8_t point[65];
    CHECK_OK(ag_ecdsa_public(made.keys[KEY_OTHER], point));
    memcpy(made.quote.data + 636 + 64, point + 1, 64);
    CHECK_OK(ag_ecdsa_sign(made.keys[KEY_OTHER], ag_bytes_of(made.quote.data, 632),
                           made.quote.data + 636));
    CHECK_OK(made_judge(&world, &made, &verdict));
    CHECK_STATUS(verdict, AG_ATTEST_QeReportDataMismatch);
    made_close(&made);
}

static void test_flags(void)
{
    struct world world = world_default();
    struct ag_verdict verdict;
    world.td_attributes[0] = 1;
    world.trailing_size = 70;
    world_judge(&world, &verdict);
    CHECK_STATUS(verdict, AG_ATTEST_UpToDate);
    CHECK(verdict.is_debug && verdict.has_trailing_bytes && !verdict.is_accepted);
    CHECK(claim_of(&verdict, AG_CLAIM_POLICY_DEBUG)->result == AG_CLAIM_FAILED);
    world.trailing_byte = 1; /* transport padding is zero, or it is not padding */
    WANT(world, AG_ATTEST_Malformed);

    world = world_default();
    world.td_attributes[3] = 0;
    world_judge(&world, &verdict);
    CHECK(verdict.is_sept_ve_disable_clear && !verdict.is_accepted);
    CHECK(claim_of(&verdict, AG_CLAIM_POLICY_ATTRIBUTES)->result == AG_CLAIM_FAILED);
    world.td_attributes[3] = 0x30;
    world_judge(&world, &verdict);
    CHECK(verdict.is_migratable && !verdict.is_accepted);

    world = world_default();
    world.version = 5;
    world.body_type = AG_ATTEST_BODY_TD15;
    world.service_td_bit = 1;
    world_judge(&world, &verdict);
    CHECK(verdict.has_service_td && !verdict.is_accepted);
    world.policy = "accept_tee = tdx\nany_measurement_insecure = yes\nallow_service_td = yes\n";
    WANT(world, AG_ATTEST_UpToDate);

    world = world_sgx();
    world.sgx_flags = 0x07;
    world_judge(&world, &verdict);
    CHECK(verdict.is_debug && !verdict.is_accepted);
}

static void test_kinds_not_judged(void)
{
    static const uint8_t kinds[] = {AG_TEE_SNP, AG_TEE_PSA, AG_TEE_CCA, AG_TEE_TPM, 0, 200};
    for (size_t i = 0; i < AG_COUNT(kinds); i++) {
        struct world world = world_default();
        struct ag_verdict verdict;
        world.kind = kinds[i];
        world_judge(&world, &verdict);
        CHECK_STATUS(verdict, AG_ATTEST_Unsupported);
        CHECK(!verdict.is_accepted);
        CHECK(strstr(claim_of(&verdict, AG_CLAIM_FORMAT)->reason, ag_tee_kind_name(kinds[i])) !=
              NULL);
    }
}

/* Evidence that nobody gave, and arguments that are none. */
static void test_wrong_arguments(void)
{
    struct world world = world_default();
    struct made made;
    struct ag_policy *policy = NULL;
    struct ag_verdict verdict;
    world_make(&world, &made);
    CHECK_OK(ag_policy_parse(AG_LITERAL("accept_tee = tdx\nany_measurement_insecure = yes\n"),
                             &policy, NULL, NULL));
    struct ag_evidence evidence = {AG_TEE_TDX, {NULL, 0}};
    struct ag_collateral none = {0};
    CHECK_OK(ag_attest_verify(&evidence, &none, policy, (struct ag_bytes){NULL, 0}, world.now_ms,
                              &verdict));
    CHECK_STATUS(verdict, AG_ATTEST_Malformed);
    evidence.quote = ag_vec_view(&made.quote);
    CHECK_OK(ag_attest_verify(&evidence, &none, policy, (struct ag_bytes){NULL, 0}, world.now_ms,
                              &verdict));
    CHECK_STATUS(verdict, AG_ATTEST_CollateralMissing);
    /* Through the public door the made-up root is nobody's. */
    struct ag_collateral collateral = made_collateral(&world, &made);
    CHECK_OK(ag_attest_verify(&evidence, &collateral, policy, (struct ag_bytes){NULL, 0},
                              world.now_ms, &verdict));
    CHECK_STATUS(verdict, AG_ATTEST_ChainUntrusted);
    CHECK_ERR(ag_attest_verify(&evidence, &collateral, policy, ag_bytes_of(world.report_data, 63),
                               world.now_ms, &verdict),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_attest_verify(&evidence, &collateral, NULL, (struct ag_bytes){NULL, 0},
                               world.now_ms, &verdict),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_attest_verify(NULL, &collateral, policy, (struct ag_bytes){NULL, 0}, world.now_ms,
                               &verdict),
              AG_ERR_ARGUMENT);
    ag_policy_close(policy);
    made_close(&made);
}

/* Every cut and every flipped byte of a quote: refused, each time with a reason. */
static void test_no_byte_is_free(void)
{
    struct world world = world_default();
    struct made made;
    struct ag_attest_cache *cache = NULL;
    struct ag_verdict verdict;
    world_make(&world, &made);
    CHECK_OK(ag_attest_cache_open(1, &cache));
    world.cache = cache;
    size_t size = made.quote.size;
    for (size_t cut = 0; cut < size; cut += 11) {
        made.quote.size = cut;
        CHECK_OK(made_judge(&world, &made, &verdict));
        CHECK_STATUS(verdict, AG_ATTEST_Malformed);
    }
    made.quote.size = size;
    size_t accepted_count = 0;
    for (size_t i = 0; i < size; i += 3) {
        made.quote.data[i] ^= 0x01u;
        CHECK_OK(made_judge(&world, &made, &verdict));
        accepted_count += verdict.is_accepted ? 1u : 0u;
        if (verdict.is_accepted) {
            ag_test_note("accepted with byte %zu flipped", i);
        }
        made.quote.data[i] ^= 0x01u;
    }
    CHECK_U64(accepted_count, 0);
    ag_attest_cache_close(cache);
    made_close(&made);
}

static const struct ag_test_case cases[] = {
    {"good worlds", test_good_worlds},
    {"row 1: QE identity is compared and authenticated", test_row_1_qe_identity},
    {"row 2: revocation lists are authenticated", test_row_2_crl_is_authenticated},
    {"row 3: revocation is always on", test_row_3_revocation_is_always_on},
    {"row 5: roles in the chain", test_row_5_roles_in_the_chain},
    {"row 6: TDX components from two", test_row_6_tdx_components_from_two},
    {"row 7: module identity", test_row_7_module_identity},
    {"row 8: levels are sorted", test_row_8_levels_are_sorted},
    {"row 9: merge table", test_row_9_merge_table},
    {"row 10: relaunch", test_row_10_relaunch},
    {"row 11: family and PCEID", test_row_11_family_and_pceid},
    {"row 12: both ends of every window", test_row_12_both_ends_of_every_window},
    {"row 13: bytes, not values, are signed", test_row_13_bytes_not_values_are_signed},
    {"row 14: auth data of any length", test_row_14_auth_data_of_any_length},
    {"row 15: declared sizes and types", test_row_15_declared_sizes_and_types},
    {"row 16: the status is enforced", test_row_16_status_is_enforced},
    {"row 17: only registers are reported", test_row_17_only_registers_are_reported},
    {"row 18: collateral of the judged party", test_row_18_collateral_of_the_judged_party},
    {"row 19: advisories do not decide", test_row_19_advisories_do_not_decide},
    {"row 20: age is a knob", test_row_20_age_is_a_knob},
    {"row 21: evaluation number", test_row_21_evaluation_number},
    {"row 29: a report data mismatch is a failure", test_row_29_report_data_mismatch_is_a_failure},
    {"row 30: quote bytes are no identity", test_row_30_quote_bytes_are_no_identity},
    {"row 32: hostile revocation lists", test_row_32_hostile_revocation_lists},
    {"signatures and bindings", test_signatures_and_bindings},
    {"flags", test_flags},
    {"kinds not judged", test_kinds_not_judged},
    {"wrong arguments", test_wrong_arguments},
    {"no byte of a quote is free", test_no_byte_is_free},
};

TEST_MAIN(cases)
