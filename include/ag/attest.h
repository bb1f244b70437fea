/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_ATTEST_H
#define AG_ATTEST_H

/* attest: evidence in, verdict out (words of RFC 9334). No I/O, no clock: collateral and the
 * instant are arguments. "false" alone never leaves: a verdict lists every claim with its reason.
 *
 * Owns:    a policy owns its rows; a verdict is a plain value with its own text.
 * Threads: ag_attest_* are free-threaded; a policy may be shared for reading.
 * Fails:   an error is returned only for our own failures (memory, library); whatever is wrong with
 *          evidence, collateral or machine is in the verdict. */

#include <ag/batch.h>
#include <ag/bytes.h>
#include <ag/err.h>

/* Named as in the test vectors: the vendor's outcomes first, then why evidence or trust failed. */
#define AG_ATTEST_STATUS_TABLE(X)                                                                  \
    X(Valid)                                                                                       \
    X(UpToDate)                                                                                    \
    X(SWHardeningNeeded)                                                                           \
    X(ConfigurationNeeded)                                                                         \
    X(ConfigurationAndSWHardeningNeeded)                                                           \
    X(OutOfDate)                                                                                   \
    X(OutOfDateConfigurationNeeded)                                                                \
    X(TDRelaunchAdvised)                                                                           \
    X(TDRelaunchAdvisedConfigurationNeeded)                                                        \
    X(Revoked)                                                                                     \
    X(TcbNotSupported)                                                                             \
    X(Malformed)                                                                                   \
    X(Unsupported)                                                                                 \
    X(BadQuoteSignature)                                                                           \
    X(BadQeReportSignature)                                                                        \
    X(QeReportDataMismatch)                                                                        \
    X(QeIdentityMismatch)                                                                          \
    X(TdxModuleMismatch)                                                                           \
    X(TcbInfoMismatch)                                                                             \
    X(BadSignature)                                                                                \
    X(BadRealmSignature)                                                                           \
    X(BindingMismatch)                                                                             \
    X(SignerMismatch)                                                                              \
    X(ProductMismatch)                                                                             \
    X(TcbMismatch)                                                                                 \
    X(ChipIdMismatch)                                                                              \
    X(NonceMismatch)                                                                               \
    X(ChainUntrusted)                                                                              \
    X(CertExpired)                                                                                 \
    X(CertNotYetValid)                                                                             \
    X(PckRevoked)                                                                                  \
    X(CaRevoked)                                                                                   \
    X(TcbSignerRevoked)                                                                            \
    X(CrlInvalid)                                                                                  \
    X(CrlExpired)                                                                                  \
    X(CollateralMissing)                                                                           \
    X(CollateralExpired)                                                                           \
    X(CollateralNotYetValid)                                                                       \
    X(BadCollateralSignature)

enum ag_attest_status {
    AG_ATTEST_NONE = 0, /* not judged */
#define X(name) AG_ATTEST_##name,
    AG_ATTEST_STATUS_TABLE(X)
#undef X
};
const char *ag_attest_status_name(enum ag_attest_status status);

enum ag_claim_result {
    AG_CLAIM_NOT_APPLICABLE = 0,
    AG_CLAIM_PASSED = 1,
    AG_CLAIM_FAILED = 2
};

#define AG_CLAIM_REASON_SIZE  160u
#define AG_VERDICT_CLAIMS_MAX 48u
/* One thing that was checked. `name` is static text such as "quote signature". */
struct ag_claim {
    const char *name;
    enum ag_claim_result result;
    char reason[AG_CLAIM_REASON_SIZE]; /* a sentence, in words */
};

/* What the evidence says of the machine and the program, parsed; valid if `is_parsed`. */
struct ag_td_claims {
    uint8_t tee_tcb_svn[16];
    uint8_t mr_seam[48];
    uint8_t mr_signer_seam[48];
    uint8_t seam_attributes[8];
    uint8_t td_attributes[8];
    uint8_t xfam[8];
    uint8_t mr_td[48];
    uint8_t mr_config_id[48];
    uint8_t mr_owner[48];
    uint8_t mr_owner_config[48];
    uint8_t rtmr[4][48];
    uint8_t report_data[64];
    uint8_t tee_tcb_svn2[16];  /* TD report 1.5, else zero: the module running now */
    uint8_t mr_service_td[48]; /* TD report 1.5, else zero */
};

/* What an SGX quote says of the enclave instead. */
struct ag_sgx_claims {
    uint8_t cpu_svn[16];
    uint8_t misc_select[4];
    uint8_t attributes[16];
    uint8_t mr_enclave[32];
    uint8_t mr_signer[32];
    uint16_t isv_prod_id;
    uint16_t isv_svn;
    uint8_t report_data[64];
};

enum ag_attest_body {
    AG_ATTEST_BODY_SGX = 1,
    AG_ATTEST_BODY_TD10 = 2,
    AG_ATTEST_BODY_TD15 = 3
};

#define AG_ADVISORY_SIZE          32u
#define AG_VERDICT_ADVISORIES_MAX 64u

struct ag_verdict {
    bool is_accepted;             /* evidence genuine, fresh, bound, and allowed by the policy */
    uint8_t tee_kind;             /* enum ag_tee_kind */
    enum ag_attest_status status; /* merged outcome, or the first failure */
    enum ag_attest_status platform_status; /* before merging; NONE when not reached */
    enum ag_attest_status module_status;
    enum ag_attest_status qe_status;
    bool is_parsed;
    bool is_debug;
    bool has_trailing_bytes; /* transport padding behind the quote */
    bool is_sept_ve_disable_clear;
    bool is_migratable;
    bool has_service_td; /* MRSERVICETD is not zero */
    /* Every ECDSA signature (r, s) has a twin (r, n - s) that anyone can make: the bytes of a
     * quote identify nothing. This says in which of the two forms it came; evidence_id is what
     * both share. */
    bool is_high_s;
    uint8_t evidence_id[32]; /* SHA-256(signed bytes, attestation key); valid if `is_parsed` */
    uint16_t quote_version;
    uint8_t body; /* enum ag_attest_body: which of the next two holds; valid if `is_parsed` */
    struct ag_td_claims td;
    struct ag_sgx_claims sgx;
    uint8_t fmspc[6];
    uint8_t pce_id[2];
    uint8_t ppid[16];
    uint8_t root_fingerprint[32];   /* SHA-256 of the root certificate that anchored it */
    uint64_t collateral_issued_ms;  /* the oldest of TCB info, QE identity and PCK CRL */
    uint64_t collateral_expires_ms; /* the first of all parts to end */
    uint32_t tcb_evaluation_number; /* the lower of TCB info and QE identity */
    uint64_t tcb_date_ms;           /* of the platform level that matched; 0: none */
    size_t advisory_count;          /* union over platform, module and QE level */
    char advisories[AG_VERDICT_ADVISORIES_MAX][AG_ADVISORY_SIZE];
    unsigned policy_line; /* the line of the policy that decided, 0 when evidence itself failed */
    size_t claim_count;
    struct ag_claim claims[AG_VERDICT_CLAIMS_MAX];
};

/* A parsed policy file (docs/spec/policy.md). */
struct ag_policy;
/* Unknown keys and bad values are POLICY errors; `out_line` points to the line, `fault` names
 * it. */
AG_MUST_CHECK enum ag_err ag_policy_parse(struct ag_bytes text, struct ag_policy **out,
                                          unsigned *out_line, struct ag_fault *fault);
void ag_policy_close(struct ag_policy *policy);
/* Whether this policy trusts the simulated root, by name. */
bool ag_policy_allows_insecure_sim(const struct ag_policy *policy);

/* Judges one piece of evidence. `report_data` is what it must bind (64 bytes, or empty: not
 * asked). `now_ms` is the instant to judge at: the clock's now, or the archived one of an old
 * batch. */
AG_MUST_CHECK enum ag_err ag_attest_verify(const struct ag_evidence *evidence,
                                           const struct ag_collateral *collateral,
                                           const struct ag_policy *policy,
                                           struct ag_bytes report_data, uint64_t now_ms,
                                           struct ag_verdict *out);

/* Collateral that was parsed and whose signatures were checked, kept for the next piece of
 * evidence: a bounded store, addressed by content, never by evidence. What depends on the instant
 * is judged anew every time, so that a verdict is the same with and without it. Free-threaded. */
struct ag_attest_cache;
/* `capacity` sets of collateral, at most ATTEST_CACHE; the least recently used goes first. */
AG_MUST_CHECK enum ag_err ag_attest_cache_open(size_t capacity, struct ag_attest_cache **out);
void ag_attest_cache_close(struct ag_attest_cache *cache); /* NULL is fine */
/* As ag_attest_verify; `cache` may be NULL. */
AG_MUST_CHECK enum ag_err
ag_attest_verify_cached(struct ag_attest_cache *cache, const struct ag_evidence *evidence,
                        const struct ag_collateral *collateral, const struct ag_policy *policy,
                        struct ag_bytes report_data, uint64_t now_ms, struct ag_verdict *out);

/* The verdict as JSON text, or as lines for people. */
struct ag_json_out;
void ag_verdict_json(const struct ag_verdict *verdict, struct ag_json_out *out, const char *key);
AG_MUST_CHECK enum ag_err ag_verdict_print(const struct ag_verdict *verdict, struct ag_vec *out);

#endif
