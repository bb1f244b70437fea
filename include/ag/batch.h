/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BATCH_H
#define AG_BATCH_H

/* batch: the header that everything binds to, and the file that carries a whole batch.
 *
 * Owns:    nothing; decoded structs borrow from the bytes they were decoded from.
 * Threads: values only.
 * Fails:   WIRE_*; `fault` names the field. The judgement is ag_batch_verify in <ag/verify.h>.
 * Formats: docs/spec/wire.md. */

#include <ag/bytes.h>
#include <ag/err.h>
#include <ag/receipt.h>
#include <ag/tx.h>

enum ag_order_mode {
    AG_ORDER_RISK_AWARE = 1,
    AG_ORDER_ASSET_PROTECTION = 2,
    AG_ORDER_MIGRATION_AWARE = 3,
    AG_ORDER_HYBRID = 4, /* default */
};

#define AG_RISK_CATEGORIES 12u
/* Basis points, 0 to 10000, in the order of risk/risk.h. */
struct ag_risk_snapshot {
    uint16_t category_bp[AG_RISK_CATEGORIES];
    uint16_t global_bp;
};

struct ag_batch_header {
    uint64_t chain_id;
    uint64_t number;       /* from 1 */
    struct ag_hash parent; /* digest of the header before; the genesis for batch 1 */
    uint64_t time_ms;
    uint64_t key_epoch;
    struct ag_hash bundle_digest;
    uint8_t order_mode;
    uint64_t first_admission; /* the batch covers exactly these admissions, one outcome each: */
    uint32_t admission_count; /* none is dropped silently, and consecutive batches leave no gap */
    uint64_t last_group;      /* number of the newest admission group when the plan was fixed */
    struct ag_hash last_group_digest;
    uint32_t tx_count;             /* included */
    struct ag_id transaction_root; /* leaves: raw transactions in order */
    struct ag_id receipt_root;     /* leaves: outcomes in plan order */
    struct ag_id state_root;
    struct ag_id asset_root;
    struct ag_risk_snapshot risk;
    struct ag_hash checkpoint; /* digest of a migration checkpoint; zero: none */
};
AG_MUST_CHECK enum ag_err ag_batch_header_encode(const struct ag_batch_header *header,
                                                 struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_batch_header_decode(struct ag_bytes in, struct ag_batch_header *out,
                                                 struct ag_fault *fault);
/* ag_hash(BATCH, encoding): what both signatures and the evidence cover. */
AG_MUST_CHECK enum ag_err ag_batch_header_digest(struct ag_bytes encoding, struct ag_hash *out);

/* ---- evidence on the wire -------------------------------------------------------------------- */

enum ag_tee_kind {
    AG_TEE_TDX = 1,
    AG_TEE_SNP = 2,
    AG_TEE_SGX = 3,
    AG_TEE_PSA = 4,
    AG_TEE_CCA = 5,
    AG_TEE_TPM = 6,
    AG_TEE_INSECURE_SIM = 7, /* TDX formats under a root that policies reject by default */
};
const char *ag_tee_kind_name(uint8_t kind); /* "tdx", "insecure-sim", or "unknown" */

struct ag_evidence {
    uint8_t kind;
    struct ag_bytes quote;
};
AG_MUST_CHECK enum ag_err ag_evidence_encode(const struct ag_evidence *evidence,
                                             struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_evidence_decode(struct ag_bytes in, struct ag_evidence *out,
                                             struct ag_fault *fault);

/* What a verifier of a DCAP quote needs beside it. Every part may be empty: the verdict then says
 * CollateralMissing. */
struct ag_collateral {
    struct ag_bytes tcb_info;          /* service response, byte for byte */
    struct ag_bytes tcb_info_chain;    /* PEM */
    struct ag_bytes qe_identity;       /* service response, byte for byte */
    struct ag_bytes qe_identity_chain; /* PEM */
    struct ag_bytes root_crl;          /* DER */
    struct ag_bytes pck_crl;           /* DER */
    struct ag_bytes pck_crl_chain;     /* PEM */
    uint64_t fetched_ms;
};
AG_MUST_CHECK enum ag_err ag_collateral_encode(const struct ag_collateral *collateral,
                                               struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_collateral_decode(struct ag_bytes in, struct ag_collateral *out,
                                               struct ag_fault *fault);

/* ---- the batch file -------------------------------------------------------------------------- */

/* One admitted envelope of a batch, in plan order. */
struct ag_batch_entry {
    struct ag_outcome outcome;
    struct ag_bytes head;    /* unpadded encoding */
    struct ag_bytes payload; /* the raw transaction when included, else empty */
};

/* A batch with everything needed to judge it. Sections in this order, each once. */
struct ag_batch_file {
    struct ag_bytes header;
    struct ag_bytes mldsa87;         /* 4627 bytes, label BATCH_MLDSA, over the header digest */
    struct ag_bytes slhdsa;          /* 29792 bytes, label BATCH_SLHDSA, over the header digest */
    struct ag_bytes bundle;          /* encoding */
    struct ag_bytes bundle_evidence; /* ag_evidence: report data binds the bundle digest */
    struct ag_bytes batch_evidence;  /* ag_evidence: report data binds the header digest */
    struct ag_bytes collateral;      /* encoding, as used at `judged_ms` */
    uint64_t judged_ms;              /* the instant of the node's own verdict */
    uint32_t entry_count;
    struct ag_bytes entries; /* walked with ag_batch_entry_next */
};
AG_MUST_CHECK enum ag_err ag_batch_file_encode(const struct ag_batch_file *file,
                                               struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_batch_file_decode(struct ag_bytes in, struct ag_batch_file *out,
                                               struct ag_fault *fault);
AG_MUST_CHECK enum ag_err ag_batch_entry_encode(const struct ag_batch_entry *entry,
                                                struct ag_vec *out);
/* Takes the first entry off `*entries`. */
AG_MUST_CHECK enum ag_err ag_batch_entry_next(struct ag_bytes *entries, struct ag_batch_entry *out,
                                              struct ag_fault *fault);

/* The 64 bytes of report data that bind a digest: 48 bytes of ag_hash(tag, digest | nonce), then
 * 16 zeros. `nonce` is empty, or 32 bytes of a client that asks for fresh evidence of the bundle.
 * BATCH evidence uses tag EVIDENCE_BATCH, bundle evidence EVIDENCE_BUNDLE or EVIDENCE_NONCE. */
enum ag_report_subject {
    AG_REPORT_BUNDLE,
    AG_REPORT_BATCH
};
AG_MUST_CHECK enum ag_err ag_report_data(enum ag_report_subject subject,
                                         const struct ag_hash *digest, struct ag_bytes nonce,
                                         uint8_t out[64]);

#endif
