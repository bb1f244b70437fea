/* SPDX-License-Identifier: Apache-2.0 */
#include "test_wire_samples.h"

/* Receipts signed by a real node key: every way in which one can lie. Merkle trees at their
 * edges. */

enum {
    LEAVES = 5,
    MINE = 3
};

/* A node's bundle and keys, and a group and a batch of five signed by them. */
struct world {
    struct ag_sig_key *mldsa87;
    struct ag_sig_key *slhdsa;
    uint8_t mldsa87_public[AG_MLDSA87_PUBLIC_SIZE];
    uint8_t slhdsa_public[AG_SLHDSA_PUBLIC_SIZE];
    struct ag_bundle bundle;
    struct ag_vec bundle_encoding;
    struct ag_hash bundle_digest;
    struct ag_vec header_encoding;
    uint8_t group_signature[AG_MLDSA87_SIGNATURE_SIZE];
    uint8_t batch_mldsa87[AG_MLDSA87_SIGNATURE_SIZE];
    uint8_t batch_slhdsa[AG_SLHDSA_SIGNATURE_SIZE];
    struct ag_admission_receipt admission;
    struct ag_outcome_receipt outcome;
};
static struct world world;

static void make_bundle(void)
{
    static const uint8_t seed[AG_SLHDSA_SEED_SIZE] = {7};
    CHECK_OK(
        ag_sig_key_open(AG_SIG_MLDSA87, ag_bytes_of(seed, AG_MLDSA87_SEED_SIZE), &world.mldsa87));
    CHECK_OK(ag_sig_key_open(AG_SIG_SLHDSA_SHA2_256S, AG_ARRAY_VIEW(seed), &world.slhdsa));
    CHECK_OK(ag_sig_key_public(
        world.mldsa87, (struct ag_buf){world.mldsa87_public, sizeof(world.mldsa87_public)}));
    CHECK_OK(ag_sig_key_public(world.slhdsa,
                               (struct ag_buf){world.slhdsa_public, sizeof(world.slhdsa_public)}));
    world.bundle = sample_bundle();
    world.bundle.mldsa87 = AG_ARRAY_VIEW(world.mldsa87_public);
    world.bundle.slhdsa = AG_ARRAY_VIEW(world.slhdsa_public);
    ag_vec_init(&world.bundle_encoding, AG_LIMIT_BUNDLE_BYTES);
    CHECK_OK(ag_bundle_encode(&world.bundle, &world.bundle_encoding));
    CHECK_OK(ag_bundle_digest(ag_vec_view(&world.bundle_encoding), &world.bundle_digest));
}

static void make_admission(void)
{
    struct ag_id hashes[LEAVES];
    struct ag_id nodes[2 * LEAVES];
    struct ag_tree tree = {.nodes = nodes};
    struct ag_group group = sample_group(LEAVES);
    uint8_t leaf[AG_ADMISSION_LEAF_SIZE];

    for (size_t i = 0; i < LEAVES; i++) {
        struct ag_admission_leaf one = {group.first_admission + i, {{(uint8_t)i}}, 1000 + i};
        ag_admission_leaf_encode(&one, leaf);
        CHECK_OK(ag_merkle_leaf(AG_ARRAY_VIEW(leaf), &hashes[i]));
        if (i == MINE) {
            world.admission.leaf = one;
        }
    }
    CHECK_OK(ag_tree_build(&tree, hashes, LEAVES, &group.root));
    CHECK_OK(ag_tree_prove(&tree, MINE, &world.admission.proof));
    group.chain_id = world.bundle.chain_id;
    group.key_epoch = world.bundle.key_epoch;
    group.bundle_digest = world.bundle_digest;
    world.admission.group = group;

    struct ag_hash digest;
    struct ag_vec encoding;
    ag_vec_init(&encoding, 1000);
    CHECK_OK(ag_group_encode(&group, &encoding));
    CHECK_OK(ag_group_digest(ag_vec_view(&encoding), &digest));
    ag_vec_close(&encoding);
    CHECK_OK(ag_sig_sign(world.mldsa87, AG_TAG_GROUP_MLDSA, AG_VIEW(&digest),
                         (struct ag_buf){world.group_signature, sizeof(world.group_signature)}));
    world.admission.signature = AG_ARRAY_VIEW(world.group_signature);
}

static void make_outcome(void)
{
    struct ag_id hashes[LEAVES];
    struct ag_id nodes[2 * LEAVES];
    struct ag_tree tree = {.nodes = nodes};
    struct ag_batch_header header = sample_batch_header();
    uint8_t leaf[AG_OUTCOME_SIZE];

    header.chain_id = world.bundle.chain_id;
    header.key_epoch = world.bundle.key_epoch;
    header.bundle_digest = world.bundle_digest;
    header.admission_count = LEAVES;
    header.tx_count = LEAVES;
    for (uint32_t i = 0; i < LEAVES; i++) {
        struct ag_outcome one = sample_outcome(true);
        one.admission = header.first_admission + (i + 2) % LEAVES; /* the plan has its own order */
        one.tx_index = i;
        ag_outcome_encode(&one, leaf);
        CHECK_OK(ag_merkle_leaf(AG_ARRAY_VIEW(leaf), &hashes[i]));
        if (i == MINE) {
            world.outcome.outcome = one;
        }
    }
    CHECK_OK(ag_tree_build(&tree, hashes, LEAVES, &header.receipt_root));
    CHECK_OK(ag_tree_prove(&tree, MINE, &world.outcome.proof));

    struct ag_hash digest;
    ag_vec_init(&world.header_encoding, 1000);
    CHECK_OK(ag_batch_header_encode(&header, &world.header_encoding));
    CHECK_OK(ag_batch_header_digest(ag_vec_view(&world.header_encoding), &digest));
    CHECK_OK(ag_sig_sign(world.mldsa87, AG_TAG_BATCH_MLDSA, AG_VIEW(&digest),
                         (struct ag_buf){world.batch_mldsa87, sizeof(world.batch_mldsa87)}));
    CHECK_OK(ag_sig_sign(world.slhdsa, AG_TAG_BATCH_SLHDSA, AG_VIEW(&digest),
                         (struct ag_buf){world.batch_slhdsa, sizeof(world.batch_slhdsa)}));
    world.outcome.header = ag_vec_view(&world.header_encoding);
    world.outcome.mldsa87 = AG_ARRAY_VIEW(world.batch_mldsa87);
    world.outcome.slhdsa = AG_ARRAY_VIEW(world.batch_slhdsa);
}

/* An SLH-DSA signature takes half a second: one world for all cases. */
static void start(void)
{
    static bool is_made;
    CHECK_OK(ag_crypto_start());
    if (!is_made) {
        is_made = true;
        sample_fresh();
        make_bundle();
        make_admission();
        make_outcome();
    }
}

/* ---- admission ------------------------------------------------------------------------------- */

static enum ag_err verify_admission(const struct ag_admission_receipt *receipt, const char *field)
{
    struct ag_fault fault = {0};
    enum ag_err err =
        ag_admission_receipt_verify(receipt, ag_vec_view(&world.bundle_encoding), &fault);
    if (err != AG_OK) {
        CHECK(fault.err == err && fault.field != NULL && strcmp(fault.field, field) == 0);
    }
    return err;
}

static void admission_receipts_verify(void)
{
    start();
    struct ag_vec vec;
    struct ag_admission_receipt back;
    CHECK_OK(verify_admission(&world.admission, ""));
    ag_vec_init(&vec, AG_LIMIT_RECEIPT_BYTES);
    CHECK_OK(ag_admission_receipt_encode(&world.admission, &vec));
    CHECK_OK(ag_admission_receipt_decode(ag_vec_view(&vec), &back, NULL));
    CHECK_OK(verify_admission(&back, ""));
    ag_vec_close(&vec);
}

static void admission_receipts_that_lie(void)
{
    start();
    struct ag_admission_receipt bad = world.admission;
    bad.leaf.deadline_ms++;
    CHECK_ERR(verify_admission(&bad, "proof"), AG_ERR_PROOF);

    bad = world.admission;
    bad.leaf.envelope_id.bytes[0] ^= 1;
    CHECK_ERR(verify_admission(&bad, "proof"), AG_ERR_PROOF);

    bad = world.admission;
    bad.leaf.admission--;
    CHECK_ERR(verify_admission(&bad, "proof.index"), AG_ERR_WIRE_VALUE);
    bad.proof.index--;
    CHECK_ERR(verify_admission(&bad, "proof"), AG_ERR_PROOF);

    bad = world.admission;
    bad.group.time_ms++;
    CHECK_ERR(verify_admission(&bad, "signature"), AG_ERR_SIGNATURE);

    bad = world.admission;
    bad.group.root.bytes[5] ^= 1;
    CHECK_ERR(verify_admission(&bad, "proof"), AG_ERR_PROOF);

    bad = world.admission;
    bad.group.bundle_digest.bytes[47] ^= 1;
    CHECK_ERR(verify_admission(&bad, "bundle_digest"), AG_ERR_WIRE_VALUE);

    bad = world.admission;
    bad.group.chain_id++;
    CHECK_ERR(verify_admission(&bad, "chain_id"), AG_ERR_WIRE_VALUE);

    bad = world.admission;
    bad.group.key_epoch++;
    CHECK_ERR(verify_admission(&bad, "key_epoch"), AG_ERR_WIRE_VALUE);

    bad = world.admission;
    bad.signature = AG_ARRAY_VIEW(world.batch_mldsa87); /* right key, other purpose */
    CHECK_ERR(verify_admission(&bad, "signature"), AG_ERR_SIGNATURE);

    bad = world.admission;
    bad.signature.size--;
    CHECK_ERR(verify_admission(&bad, "signature"), AG_ERR_WIRE_VALUE);

    bad = world.admission;
    bad.proof.count = AG_PROOF_NODES_MAX + 1;
    CHECK_ERR(verify_admission(&bad, "proof"), AG_ERR_PROOF);
    struct ag_vec vec;
    ag_vec_init(&vec, AG_LIMIT_RECEIPT_BYTES);
    CHECK_ERR(ag_admission_receipt_encode(&bad, &vec), AG_ERR_WIRE_LIMIT);
    CHECK_U64(vec.size, 0);
    ag_vec_close(&vec);
}

static void receipts_need_their_bundle(void)
{
    start();
    struct ag_fault fault = {0};
    struct ag_bundle other = world.bundle;
    other.created_ms++;
    struct ag_vec vec;
    ag_vec_init(&vec, AG_LIMIT_BUNDLE_BYTES);
    CHECK_OK(ag_bundle_encode(&other, &vec));
    CHECK_ERR(ag_admission_receipt_verify(&world.admission, ag_vec_view(&vec), &fault),
              AG_ERR_WIRE_VALUE);
    CHECK(strcmp(fault.field, "bundle_digest") == 0);
    CHECK_ERR(ag_outcome_receipt_verify(&world.outcome, ag_vec_view(&vec), &fault),
              AG_ERR_WIRE_VALUE);
    CHECK(strcmp(fault.field, "bundle_digest") == 0);
    CHECK_ERR(ag_outcome_receipt_verify(&world.outcome, AG_LITERAL("no bundle"), &fault),
              AG_ERR_WIRE_VERSION);
    ag_vec_close(&vec);
}

/* ---- outcome --------------------------------------------------------------------------------- */

static enum ag_err verify_outcome(const struct ag_outcome_receipt *receipt, const char *field)
{
    struct ag_fault fault = {0};
    enum ag_err err =
        ag_outcome_receipt_verify(receipt, ag_vec_view(&world.bundle_encoding), &fault);
    if (err != AG_OK) {
        CHECK(fault.err == err && fault.field != NULL && strcmp(fault.field, field) == 0);
    }
    return err;
}

static void outcome_receipts_verify(void)
{
    start();
    struct ag_vec vec;
    struct ag_outcome_receipt back;
    ag_vec_init(&vec, AG_LIMIT_RECEIPT_BYTES);
    CHECK_OK(ag_outcome_receipt_encode(&world.outcome, &vec));
    CHECK_OK(ag_outcome_receipt_decode(ag_vec_view(&vec), &back, NULL));
    CHECK_OK(verify_outcome(&back, ""));
    ag_vec_close(&vec);
}

static void outcome_receipts_that_lie(void)
{
    start();
    struct ag_outcome_receipt bad = world.outcome;
    bad.outcome.tx_hash[0] ^= 1;
    CHECK_ERR(verify_outcome(&bad, "proof"), AG_ERR_PROOF);

    bad = world.outcome;
    bad.outcome.status = AG_OUTCOME_EXCLUDED;
    CHECK_ERR(verify_outcome(&bad, "outcome.reason"), AG_ERR_WIRE_VALUE);
    bad.outcome.reason = AG_ERR_ENVELOPE_EXPIRED;
    bad.outcome.tx_index = AG_NO_TX_INDEX;
    memset(bad.outcome.tx_hash, 0, sizeof(bad.outcome.tx_hash));
    CHECK_ERR(verify_outcome(&bad, "proof"), AG_ERR_PROOF);

    bad = world.outcome;
    bad.outcome.admission += LEAVES;
    CHECK_ERR(verify_outcome(&bad, "outcome.admission"), AG_ERR_WIRE_VALUE);

    bad = world.outcome;
    bad.proof.index = LEAVES;
    CHECK_ERR(verify_outcome(&bad, "proof.index"), AG_ERR_WIRE_VALUE);
    bad.proof.index = MINE - 1;
    CHECK_ERR(verify_outcome(&bad, "proof"), AG_ERR_PROOF);

    bad = world.outcome;
    bad.slhdsa.size--;
    CHECK_ERR(verify_outcome(&bad, "slhdsa"), AG_ERR_WIRE_VALUE);
    bad = world.outcome;
    bad.mldsa87.size--;
    CHECK_ERR(verify_outcome(&bad, "mldsa87"), AG_ERR_WIRE_VALUE);
    bad = world.outcome;
    bad.mldsa87 = AG_ARRAY_VIEW(world.group_signature); /* right key, other purpose */
    CHECK_ERR(verify_outcome(&bad, "mldsa87"), AG_ERR_SIGNATURE);

    /* Both signatures count: the second alone is spoiled. */
    world.batch_slhdsa[AG_SLHDSA_SIGNATURE_SIZE - 1] ^= 1;
    CHECK_ERR(verify_outcome(&world.outcome, "slhdsa"), AG_ERR_SIGNATURE);
    world.batch_slhdsa[AG_SLHDSA_SIGNATURE_SIZE - 1] ^= 1;

    /* The time of the header is under both signatures. */
    world.header_encoding.data[77] ^= 1;
    CHECK_ERR(verify_outcome(&world.outcome, "mldsa87"), AG_ERR_SIGNATURE);
    world.header_encoding.data[77] ^= 1;
    CHECK_OK(verify_outcome(&world.outcome, ""));
}

/* ---- trees at their edges -------------------------------------------------------------------- */

static void trees_at_their_edges(void)
{
    start();
    struct ag_id root;
    struct ag_id leaf;
    struct ag_id nodes[2];
    struct ag_proof proof;
    struct ag_tree tree = {.nodes = nodes};
    uint8_t nothing[32];
    CHECK_OK(ag_sha256(NULL, 0, nothing));
    CHECK_OK(ag_merkle_root(NULL, 0, &root));
    CHECK_BYTES(AG_VIEW(&root), AG_ARRAY_VIEW(nothing));
    CHECK_OK(ag_tree_build(&tree, NULL, 0, &root));
    CHECK_BYTES(AG_VIEW(&root), AG_ARRAY_VIEW(nothing));
    CHECK_ERR(ag_tree_prove(&tree, 0, &proof), AG_ERR_ARGUMENT);

    CHECK_OK(ag_merkle_leaf(AG_LITERAL("one"), &leaf));
    CHECK_OK(ag_tree_build(&tree, &leaf, 1, &root));
    CHECK_BYTES(AG_VIEW(&root), AG_VIEW(&leaf));
    CHECK_OK(ag_tree_prove(&tree, 0, &proof));
    CHECK_U64(proof.count, 0);
    CHECK_OK(ag_merkle_verify_inclusion(&leaf, &proof, &root));
    CHECK_ERR(ag_tree_prove(&tree, 1, &proof), AG_ERR_ARGUMENT);
    proof.size = 0;
    CHECK_ERR(ag_merkle_verify_inclusion(&leaf, &proof, &root), AG_ERR_PROOF);
}

/* The tree of `size` leaves, and the proof that the tree of eight extends it. */
static void consistency_is_checked(void)
{
    start();
    enum {
        SIZE = 8
    };
    struct ag_id leaves[SIZE];
    struct ag_id whole;
    struct ag_id half;
    struct ag_id right;
    ag_test_random_bytes(leaves, sizeof(leaves));
    CHECK_OK(ag_merkle_root(leaves, SIZE, &whole));
    CHECK_OK(ag_merkle_root(leaves, SIZE / 2, &half));
    CHECK_OK(ag_merkle_root(leaves + SIZE / 2, SIZE / 2, &right));
    CHECK_OK(ag_merkle_verify_consistency(SIZE / 2, &half, SIZE, &whole, &right, 1));
    CHECK_OK(ag_merkle_verify_consistency(SIZE, &whole, SIZE, &whole, NULL, 0));

    CHECK_ERR(ag_merkle_verify_consistency(SIZE / 2, &whole, SIZE, &whole, &right, 1),
              AG_ERR_PROOF);
    CHECK_ERR(ag_merkle_verify_consistency(SIZE / 2, &half, SIZE, &half, &right, 1), AG_ERR_PROOF);
    CHECK_ERR(ag_merkle_verify_consistency(SIZE / 2, &half, SIZE, &whole, NULL, 0), AG_ERR_PROOF);
    CHECK_ERR(ag_merkle_verify_consistency(0, &half, SIZE, &whole, &right, 1), AG_ERR_PROOF);
    CHECK_ERR(ag_merkle_verify_consistency(SIZE, &whole, SIZE / 2, &half, &right, 1), AG_ERR_PROOF);
    CHECK_ERR(ag_merkle_verify_consistency(SIZE, &whole, SIZE, &whole, &right, 1), AG_ERR_PROOF);
    CHECK_ERR(ag_merkle_verify_consistency(SIZE, &whole, SIZE, &half, NULL, 0), AG_ERR_PROOF);
    CHECK_ERR(
        ag_merkle_verify_consistency(SIZE / 2, &half, SIZE, &whole, &right, AG_PROOF_NODES_MAX + 1),
        AG_ERR_PROOF);
}

static const struct ag_test_case cases[] = {
    {"an admission receipt verifies", admission_receipts_verify},
    {"an admission receipt that lies is refused", admission_receipts_that_lie},
    {"a receipt needs the bundle that it names", receipts_need_their_bundle},
    {"an outcome receipt verifies", outcome_receipts_verify},
    {"an outcome receipt that lies is refused", outcome_receipts_that_lie},
    {"trees at their edges", trees_at_their_edges},
    {"consistency of trees is checked", consistency_is_checked},
};

TEST_MAIN(cases)
