/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_RECEIPT_H
#define AG_RECEIPT_H

/* receipt: promises of a node that anyone can check: admission, and what became of it.
 *
 * Owns:    nothing; decoded structs borrow.
 * Threads: values only.
 * Fails:   WIRE_*, PROOF, SIGNATURE; `fault` names the field.
 * Formats: docs/spec/wire.md. Trees are those of RFC 9162 (SHA-256, 00 and 01 prefixes). */

#include <ag/bytes.h>
#include <ag/err.h>

struct ag_vec;

/* ---- Merkle trees (RFC 9162) ----------------------------------------------------------------- */

#define AG_PROOF_NODES_MAX 64u
struct ag_proof {
    uint64_t index;
    uint64_t size; /* leaves in the tree */
    size_t count;
    struct ag_id nodes[AG_PROOF_NODES_MAX]; /* from the leaf up */
};
AG_MUST_CHECK enum ag_err ag_merkle_leaf(struct ag_bytes leaf, struct ag_id *out);
AG_MUST_CHECK enum ag_err ag_merkle_root(const struct ag_id *leaf_hashes, size_t count,
                                         struct ag_id *out); /* count 0: SHA-256 of nothing */
/* Proofs of many leaves cost one tree: build it once. `nodes` holds 2 * count entries. */
struct ag_tree {
    struct ag_id *nodes; /* caller's memory */
    size_t count;        /* leaves */
};
AG_MUST_CHECK enum ag_err ag_tree_build(struct ag_tree *tree, const struct ag_id *leaf_hashes,
                                        size_t count, struct ag_id *out_root);
AG_MUST_CHECK enum ag_err ag_tree_prove(const struct ag_tree *tree, uint64_t index,
                                        struct ag_proof *out);
/* PROOF when the path does not lead from the leaf hash to the root. */
AG_MUST_CHECK enum ag_err ag_merkle_verify_inclusion(const struct ag_id *leaf_hash,
                                                     const struct ag_proof *proof,
                                                     const struct ag_id *root);
AG_MUST_CHECK enum ag_err
ag_merkle_verify_consistency(uint64_t old_size, const struct ag_id *old_root, uint64_t new_size,
                             const struct ag_id *new_root, const struct ag_id *nodes, size_t count);

/* ---- admission ------------------------------------------------------------------------------- */

/* One group commit: what was put on disk together and signed together. */
struct ag_group {
    uint64_t chain_id;
    uint64_t key_epoch;
    struct ag_hash bundle_digest;
    uint64_t number;         /* from 1, without gap */
    struct ag_hash previous; /* digest of the group before; the genesis for the first */
    uint64_t time_ms;
    uint64_t first_admission; /* admission number of leaf 0 */
    uint32_t count;
    struct ag_id root; /* over the admission leaves */
};
AG_MUST_CHECK enum ag_err ag_group_encode(const struct ag_group *group, struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_group_decode(struct ag_bytes in, struct ag_group *out,
                                          struct ag_fault *fault);
AG_MUST_CHECK enum ag_err ag_group_digest(struct ag_bytes encoding, struct ag_hash *out);

struct ag_admission_leaf {
    uint64_t admission;
    struct ag_id envelope_id;
    uint64_t deadline_ms; /* by then it is in a batch, included or excluded */
};
#define AG_ADMISSION_LEAF_SIZE 48u
void ag_admission_leaf_encode(const struct ag_admission_leaf *leaf,
                              uint8_t out[AG_ADMISSION_LEAF_SIZE]);

/* An admission receipt: group, leaf, path and the ML-DSA-87 signature over the group's digest
 * under the label GROUP_MLDSA. */
struct ag_admission_receipt {
    struct ag_group group;
    struct ag_admission_leaf leaf;
    struct ag_proof proof;
    struct ag_bytes signature;
};
AG_MUST_CHECK enum ag_err ag_admission_receipt_encode(const struct ag_admission_receipt *receipt,
                                                      struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_admission_receipt_decode(struct ag_bytes in,
                                                      struct ag_admission_receipt *out,
                                                      struct ag_fault *fault);
/* Checks path and signature under the bundle's key, and that the group names this bundle. */
AG_MUST_CHECK enum ag_err ag_admission_receipt_verify(const struct ag_admission_receipt *receipt,
                                                      struct ag_bytes bundle_encoding,
                                                      struct ag_fault *fault);

/* ---- outcome --------------------------------------------------------------------------------- */

enum ag_outcome_status {
    AG_OUTCOME_INCLUDED = 1,
    AG_OUTCOME_EXCLUDED = 2
};
#define AG_NO_TX_INDEX 0xffffffffu
/* A leaf of a batch's receipt tree: what became of one admitted envelope. */
struct ag_outcome {
    uint64_t admission;
    struct ag_id envelope_id;
    struct ag_id head_id;
    uint8_t status;
    uint32_t reason;     /* enum ag_err; 0 when included */
    uint32_t tx_index;   /* place in the batch's transactions; AG_NO_TX_INDEX when excluded */
    uint8_t tx_hash[32]; /* zero when excluded */
};
#define AG_OUTCOME_SIZE 115u
void ag_outcome_encode(const struct ag_outcome *outcome, uint8_t out[AG_OUTCOME_SIZE]);
AG_MUST_CHECK enum ag_err ag_outcome_decode(struct ag_bytes in, struct ag_outcome *out,
                                            struct ag_fault *fault);

/* An inclusion or exclusion receipt: an outcome, its path, the header and both signatures. */
struct ag_outcome_receipt {
    struct ag_outcome outcome;
    struct ag_proof proof;
    struct ag_bytes header; /* encoding */
    struct ag_bytes mldsa87;
    struct ag_bytes slhdsa;
};
AG_MUST_CHECK enum ag_err ag_outcome_receipt_encode(const struct ag_outcome_receipt *receipt,
                                                    struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_outcome_receipt_decode(struct ag_bytes in,
                                                    struct ag_outcome_receipt *out,
                                                    struct ag_fault *fault);
AG_MUST_CHECK enum ag_err ag_outcome_receipt_verify(const struct ag_outcome_receipt *receipt,
                                                    struct ag_bytes bundle_encoding,
                                                    struct ag_fault *fault);

#endif
