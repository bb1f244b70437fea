/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_ATTEST_ATTEST_I_H
#define AG_ATTEST_ATTEST_I_H

/* The inside of attest. The way of one quote:
 *
 *     quote.c        bytes ─► struct ag_quote, a set of views with exact length accounting
 *     pck.c          extension of the PCK certificate ─► struct ag_pck
 *     tcb_info.c     the two signed JSON texts ─► flat structs, levels sorted
 *     collateral.c   all collateral ─► one parsed, signature-checked, instant-free object
 *     cache.c        keeps such objects, addressed by content
 *     dcap.c         the fourteen steps of DCAP over all of these ─► claims
 *     tcb.c          pure rules of TCB levels: matching, merging, relaunch
 *     policy.c       the policy file; appraise.c compares it with what was claimed
 *     verdict.c      claims, names, printing
 *
 * Whatever a sender can cause ends as a claim. An `enum ag_err` is for our own failures only. */

#include <ag/attest.h>

#include "base/base.h"
#include "crypto/crypto.h"

/* ---- findings ------------------------------------------------------------------------------ */

/* The outcome of one check on foreign bytes. AG_ATTEST_Valid means passed. `reason` is static
 * text. */
struct ag_finding {
    enum ag_attest_status status;
    const char *reason;
};
#define AG_FINDING_OK ((struct ag_finding){AG_ATTEST_Valid, NULL})
static inline struct ag_finding ag_finding_of(enum ag_attest_status status, const char *reason)
{
    return (struct ag_finding){status, reason};
}
static inline bool ag_finding_is_ok(struct ag_finding finding)
{
    return finding.status == AG_ATTEST_Valid;
}
/* A library error on foreign bytes is a finding when its class blames the input; all others are
 * ours and must be passed on. */
bool ag_attest_is_input_error(enum ag_err err);

/* ---- instants ------------------------------------------------------------------------------ */

/* "2025-06-04T09:51:38Z" exactly, from 1970 to 9999; false otherwise. */
bool ag_attest_time_parse(const char *text, size_t length, uint64_t *out_ms);
/* "2025-06-04T09:51:38Z" and a terminator. */
#define AG_ATTEST_TIME_SIZE 21u
void ag_attest_time_print(uint64_t instant_ms, char out[AG_ATTEST_TIME_SIZE]);

/* ---- quotes -------------------------------------------------------------------------------- */

enum {
    AG_QUOTE_SGX_REPORT_SIZE = 384,
    AG_QUOTE_TD10_SIZE = 584,
    AG_QUOTE_TD15_SIZE = 648,
};

/* Views into the evidence; every length was checked against what contains it. */
struct ag_quote {
    uint16_t version;
    uint16_t key_type;
    uint32_t tee_type;           /* 0 SGX, 0x81 TDX */
    uint8_t body_type;           /* enum ag_attest_body */
    struct ag_bytes signed_part; /* header up to the end of the body */
    struct ag_bytes body;
    uint32_t signature_data_size;
    struct ag_bytes signature;       /* 64 */
    struct ag_bytes attestation_key; /* 64, x | y */
    struct ag_bytes qe_report;       /* 384 */
    struct ag_bytes qe_report_signature;
    struct ag_bytes qe_auth;
    uint16_t cert_type;
    struct ag_bytes cert_data;
    size_t trailing_size;
};
struct ag_finding ag_quote_parse(struct ag_bytes in, struct ag_quote *out);
/* Copies the body's fields; the caller picked by body_type. */
void ag_quote_td_claims(const struct ag_quote *quote, struct ag_td_claims *out);
void ag_quote_sgx_claims(struct ag_bytes report, struct ag_sgx_claims *out);

/* ---- the PCK certificate -------------------------------------------------------------------- */

/* The members of extension 1.2.840.113741.1.13.1 [PCK profile]. */
struct ag_pck {
    uint8_t ppid[16];
    uint8_t components[16];
    uint16_t pce_svn;
    uint8_t cpu_svn[16];
    uint8_t pce_id[2];
    uint8_t fmspc[6];
    uint8_t sgx_type;
    bool has_platform_instance;
    uint8_t platform_instance[16];
};
struct ag_finding ag_pck_parse(struct ag_bytes extension, struct ag_pck *out);

/* ---- TCB info and QE identity --------------------------------------------------------------- */

struct ag_advisory_list {
    const char (*ids)[AG_ADVISORY_SIZE];
    size_t count;
};

struct ag_tcb_level {
    uint8_t sgx[16];
    uint8_t tdx[16]; /* zero in SGX TCB info */
    uint16_t pce_svn;
    enum ag_attest_status status;
    uint64_t date_ms;
    struct ag_advisory_list advisories;
};

/* A level of an enclave or module: one number decides. */
struct ag_isv_level {
    uint16_t isv_svn;
    enum ag_attest_status status;
    uint64_t date_ms;
    struct ag_advisory_list advisories;
};

struct ag_isv_levels {
    struct ag_isv_level *rows; /* highest first */
    size_t count;
};

struct ag_module_identity {
    uint8_t major; /* of "TDX_xx" */
    uint8_t mr_signer[48];
    uint8_t attributes[8];
    uint8_t attributes_mask[8];
    struct ag_isv_levels levels;
};

struct ag_tcb_info {
    bool is_tdx;
    uint64_t issued_ms;
    uint64_t expires_ms;
    uint8_t fmspc[6];
    uint8_t pce_id[2];
    uint32_t evaluation;
    struct ag_module_identity module; /* tdxModule, for major version 0; TDX only */
    struct ag_module_identity *modules;
    size_t module_count;
    struct ag_tcb_level *levels; /* highest first, whatever the file said */
    size_t level_count;
};

enum ag_qe_kind {
    AG_QE_SGX,
    AG_QE_TD,
    AG_QE_OTHER
};
struct ag_qe_identity {
    enum ag_qe_kind kind;
    uint64_t issued_ms;
    uint64_t expires_ms;
    uint32_t evaluation;
    uint8_t misc_select[4]; /* in memory order, as in a report */
    uint8_t misc_select_mask[4];
    uint8_t attributes[16];
    uint8_t attributes_mask[16];
    uint8_t mr_signer[32];
    uint16_t isv_prod_id;
    struct ag_isv_levels levels;
};

/* Both take the whole service response and give the exact bytes that are signed and the signature.
 * What they allocate lives in `arena`. `*finding` says what is wrong with the text. */
AG_MUST_CHECK enum ag_err ag_tcb_info_parse(struct ag_bytes text, struct ag_arena *arena,
                                            struct ag_tcb_info *out, struct ag_bytes *out_signed,
                                            uint8_t out_signature[64],
                                            struct ag_finding *out_finding);
AG_MUST_CHECK enum ag_err ag_qe_identity_parse(struct ag_bytes text, struct ag_arena *arena,
                                               struct ag_qe_identity *out,
                                               struct ag_bytes *out_signed,
                                               uint8_t out_signature[64],
                                               struct ag_finding *out_finding);

/* ---- TCB rules: pure functions ------------------------------------------------------------- */

/* The first level that the platform reaches; NULL: none. `tee_tcb_svn` is NULL for SGX. `*out_sgx`
 * is the first level whose SGX part alone is reached. */
const struct ag_tcb_level *ag_tcb_match(const struct ag_tcb_info *info, const struct ag_pck *pck,
                                        const uint8_t tee_tcb_svn[16],
                                        const struct ag_tcb_level **out_sgx);
const struct ag_isv_level *ag_isv_match(const struct ag_isv_levels *levels, uint16_t isv_svn);
/* The identity of a module's major version; tdxModule for 0; NULL: none. */
const struct ag_module_identity *ag_tcb_module(const struct ag_tcb_info *info, uint8_t major);
/* What a platform's status becomes when module or QE have `part`. */
enum ag_attest_status ag_tcb_merge(enum ag_attest_status platform, enum ag_attest_status part);
/* The relaunch verdict for a TD report 1.5; `merged` unchanged where it does not apply. */
struct ag_relaunch {
    const struct ag_tcb_info *info;
    const uint8_t *tee_tcb_svn2; /* 16 */
    enum ag_attest_status sgx;
    enum ag_attest_status merged; /* platform with module */
    enum ag_attest_status module;
    enum ag_attest_status qe;
};
enum ag_attest_status ag_tcb_relaunch(const struct ag_relaunch *relaunch);

/* ---- anchors ------------------------------------------------------------------------------- */

/* A pinned root and the names its vendor gives to what stands below. */
struct ag_anchor {
    uint8_t fingerprint[32]; /* SHA-256 of the root certificate */
    const char *name;
    const char *platform_ca;
    const char *processor_ca; /* NULL: the vendor has one CA */
    const char *pck;
    const char *tcb_signer;
};
/* The anchor for evidence of `kind` under this policy; false: there is none. */
bool ag_anchor_for(uint8_t kind, const struct ag_policy *policy, struct ag_anchor *out);

/* ---- collateral ---------------------------------------------------------------------------- */

/* Everything about collateral that does not depend on the instant or the quote: parsed texts,
 * certificates, lists, and what the signature checks under `anchor` said. */
struct ag_collateral_parsed {
    struct ag_anchor anchor;
    struct ag_arena arena; /* of the JSON structs */
    struct ag_cert *root;  /* the pinned one, from whichever chain brought it; NULL: none did */
    struct ag_cert *tcb_signer;
    struct ag_cert *qe_signer; /* NULL when it is the same certificate as tcb_signer */
    struct ag_cert *pck_ca;    /* of the PCK CRL's chain; only a shortcut, may be NULL */
    struct ag_crl *root_crl;
    struct ag_crl *pck_crl;
    struct ag_tcb_info tcb_info;
    struct ag_qe_identity qe_identity;
    struct ag_finding presence;
    struct ag_finding root_crl_finding; /* parsed, of this root, signed by it */
    struct ag_finding pck_crl_finding;  /* parsed */
    bool is_pck_crl_by_ca;              /* signed by pck_ca, which is signed by the root */
    struct ag_finding tcb_chain_finding;
    struct ag_finding tcb_finding; /* text and signature */
    struct ag_finding qe_chain_finding;
    struct ag_finding qe_finding;
};
AG_MUST_CHECK enum ag_err ag_collateral_parse(const struct ag_collateral *in,
                                              const struct ag_anchor *anchor,
                                              struct ag_collateral_parsed **out);
void ag_collateral_parsed_close(struct ag_collateral_parsed *parsed);

/* A yes or no about certificates that may be anyone's. */
AG_MUST_CHECK enum ag_err ag_attest_is_anchor(const struct ag_cert *cert,
                                              const struct ag_anchor *anchor, bool *out);
AG_MUST_CHECK enum ag_err ag_attest_is_signed_by(const struct ag_cert *cert,
                                                 const struct ag_cert *issuer, bool *out);
AG_MUST_CHECK enum ag_err ag_attest_is_crl_of(const struct ag_crl *crl,
                                              const struct ag_cert *issuer, bool *out);

/* The certificates of one PEM text; scoped to its close. */
struct ag_chain {
    struct ag_cert *certs[AG_LIMIT_CHAIN_CERTS];
    size_t count;
};
void ag_chain_close(struct ag_chain *chain);
AG_MUST_CHECK enum ag_err ag_chain_parse(struct ag_bytes pem, struct ag_chain *out,
                                         bool *out_parsed);

/* Takes a reference on the parsed form of `in`, from the cache or made now. `cache` may be
 * NULL. */
struct ag_collateral_entry; /* one reference; opaque to users */
AG_MUST_CHECK enum ag_err ag_attest_cache_take(struct ag_attest_cache *cache,
                                               const struct ag_collateral *in,
                                               const struct ag_anchor *anchor,
                                               struct ag_collateral_entry **out);
const struct ag_collateral_parsed *ag_attest_cache_parsed(const struct ag_collateral_entry *entry);
void ag_attest_cache_give_back(struct ag_attest_cache *cache, struct ag_collateral_entry *entry);
/* How many sets were parsed since the cache was opened; for tests of reuse. */
uint64_t ag_attest_cache_miss_count(struct ag_attest_cache *cache);

/* ---- claims -------------------------------------------------------------------------------- */

/* In the order of a verdict: what the evidence proves, then what the policy asks. X(NAME,
 * "name") */
#define AG_CLAIM_TABLE(X)                                                                          \
    X(FORMAT, "quote format")                                                                      \
    X(ANCHOR, "trust anchor")                                                                      \
    X(COLLATERAL, "collateral present")                                                            \
    X(PCK_CHAIN, "platform certificate chain")                                                     \
    X(PCK_VALIDITY, "platform certificate validity")                                               \
    X(ROOT_CRL, "root revocation list")                                                            \
    X(PCK_CRL, "platform revocation list")                                                         \
    X(REVOCATION, "nothing revoked")                                                               \
    X(TCB_CHAIN, "TCB info signer")                                                                \
    X(TCB_INFO, "TCB info signature")                                                              \
    X(TCB_WINDOW, "TCB info validity")                                                             \
    X(QE_CHAIN, "QE identity signer")                                                              \
    X(QE_SIGNED, "QE identity signature")                                                          \
    X(QE_WINDOW, "QE identity validity")                                                           \
    X(FAMILY, "platform family")                                                                   \
    X(MODULE, "TDX module identity")                                                               \
    X(QE_REPORT, "QE report signature")                                                            \
    X(QE_BINDING, "attestation key binding")                                                       \
    X(QE_IDENTITY, "QE identity")                                                                  \
    X(QUOTE, "quote signature")                                                                    \
    X(PLATFORM_TCB, "platform TCB level")                                                          \
    X(MODULE_TCB, "TDX module TCB level")                                                          \
    X(QE_TCB, "QE TCB level")                                                                      \
    X(BINDING, "report data")                                                                      \
    X(POLICY_TEE, "policy: TEE kind")                                                              \
    X(POLICY_STATUS, "policy: TCB status")                                                         \
    X(POLICY_EVALUATION, "policy: TCB evaluation number")                                          \
    X(POLICY_TCB_DATE, "policy: TCB date")                                                         \
    X(POLICY_AGE, "policy: collateral age")                                                        \
    X(POLICY_DEBUG, "policy: debug off")                                                           \
    X(POLICY_ATTRIBUTES, "policy: TD attributes")                                                  \
    X(POLICY_SERVICE_TD, "policy: service TD")                                                     \
    X(POLICY_MEASUREMENT, "policy: measurement")                                                   \
    X(POLICY_SIGNER, "policy: enclave signer")                                                     \
    X(POLICY_SEAM, "policy: TDX module measurement")                                               \
    X(POLICY_RTMR0, "policy: RTMR0")                                                               \
    X(POLICY_RTMR1, "policy: RTMR1")                                                               \
    X(POLICY_RTMR2, "policy: RTMR2")                                                               \
    X(POLICY_RTMR3, "policy: RTMR3")                                                               \
    X(POLICY_FMSPC, "policy: platform family")                                                     \
    X(POLICY_PPID, "policy: platform")

enum ag_claim_id {
#define X(name, text) AG_CLAIM_##name,
    AG_CLAIM_TABLE(X)
#undef X
    AG_CLAIM_COUNT
};

/* A verdict under construction. The first failed claim decides the status. */
struct ag_judge {
    struct ag_verdict *verdict;
    bool has_failed;
    bool is_refused; /* by policy */
};
void ag_judge_start(struct ag_judge *judge, struct ag_verdict *verdict);
void ag_judge_pass(struct ag_judge *judge, enum ag_claim_id claim, const char *format, ...)
    AG_PRINTF(3, 4);
void ag_judge_skip(struct ag_judge *judge, enum ag_claim_id claim, const char *format, ...)
    AG_PRINTF(3, 4);
/* Evidence or trust failed: the first one sets the verdict's status. */
void ag_judge_fail(struct ag_judge *judge, enum ag_claim_id claim, enum ag_attest_status status,
                   const char *format, ...) AG_PRINTF(4, 5);
/* Genuine, but the policy says no; the first one sets policy_line (0: a default of the policy). */
void ag_judge_refuse(struct ag_judge *judge, enum ag_claim_id claim, unsigned line,
                     const char *format, ...) AG_PRINTF(4, 5);

/* ---- judging ------------------------------------------------------------------------------- */

struct ag_attest_input {
    const struct ag_evidence *evidence;
    const struct ag_collateral *collateral;
    const struct ag_policy *policy;
    struct ag_bytes report_data;
    uint64_t now_ms;
    struct ag_attest_cache *cache; /* may be NULL */
    /* For vectors: another root, and a PCK chain for quotes that carry none. */
    const struct ag_anchor *anchor;
    struct ag_bytes pck_chain;
};
AG_MUST_CHECK enum ag_err ag_attest_judge(const struct ag_attest_input *in, struct ag_verdict *out);
/* Steps 1 to 13: fills the claims up to QE_TCB and the statuses. */
AG_MUST_CHECK enum ag_err ag_dcap_judge(const struct ag_attest_input *in, struct ag_judge *judge);

/* A quote on its way through the steps. */
struct ag_dcap {
    const struct ag_attest_input *in;
    struct ag_judge *judge;
    struct ag_verdict *verdict; /* the judge's */
    struct ag_anchor anchor;
    struct ag_quote quote;
    bool is_tdx;
    const struct ag_collateral_parsed *collateral; /* borrowed for the judgement */
    struct ag_chain chain;                         /* leaf, CA, root */
    struct ag_pck pck;
    const struct ag_module_identity *module; /* TDX only */
};
/* One step: passes or fails its claims. The error is for our own failures. */
typedef enum ag_err ag_dcap_step(struct ag_dcap *dcap);
ag_dcap_step ag_dcap_pck_chain;   /* 2 */
ag_dcap_step ag_dcap_revocation;  /* 3 */
ag_dcap_step ag_dcap_signed_info; /* 4 */
ag_dcap_step ag_dcap_tcb;         /* 10 to 13 */

/* Step 14. */
void ag_policy_appraise(const struct ag_policy *policy, uint64_t now_ms, struct ag_judge *judge);
/* `insecure_sim_root`, if the policy both names it and accepts the kind. */
const uint8_t *ag_policy_sim_root(const struct ag_policy *policy);

#endif
