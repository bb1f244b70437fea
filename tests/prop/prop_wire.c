/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit/test_wire_samples.h"

/* Laws of the wire, over many seeds: decode after encode gives the same message, encode after
 * decode the same bytes, and no change of a byte goes unseen. */

enum {
    ROUNDS = 200
};

static void start(void)
{
    CHECK_OK(ag_crypto_start());
    sample_fresh();
}

static void encodings_come_back(void)
{
    start();
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        for (int round = 0; round < ROUNDS; round++) {
            struct ag_vec vec;
            struct ag_vec back;
            struct ag_fault fault = {0};
            ag_vec_init(&vec, SAMPLE_VEC_SIZE);
            ag_vec_init(&back, SAMPLE_VEC_SIZE);
            CHECK_OK(wire_messages[i].make(&vec));
            CHECK_OK(wire_messages[i].again(ag_vec_view(&vec), &back, &fault));
            CHECK_BYTES(ag_vec_view(&back), ag_vec_view(&vec));
            ag_vec_close(&vec);
            ag_vec_close(&back);
        }
    }
}

/* One byte changed: refused with a field, or another message that has the changed bytes as its only
 * encoding. Two encodings of one message would show as bytes that do not come back. */
static void every_byte_counts(void)
{
    start();
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        struct ag_vec vec;
        ag_vec_init(&vec, SAMPLE_VEC_SIZE);
        CHECK_OK(wire_messages[i].make(&vec));
        for (int round = 0; round < ROUNDS; round++) {
            struct ag_vec back;
            struct ag_fault fault = {0};
            size_t at = sample_below(round % 2 == 0 && vec.size > 300 ? 300 : vec.size);
            uint8_t change = (uint8_t)(1 + sample_below(255));
            vec.data[at] ^= change;
            ag_vec_init(&back, SAMPLE_VEC_SIZE);
            enum ag_err err = wire_messages[i].again(ag_vec_view(&vec), &back, &fault);
            if (err == AG_OK) {
                CHECK_BYTES(ag_vec_view(&back), ag_vec_view(&vec));
            } else {
                CHECK(fault.err == err && fault.field != NULL);
            }
            ag_vec_close(&back);
            vec.data[at] ^= change;
        }
        ag_vec_close(&vec);
    }
}

/* The struct comes back, not only the bytes: a field that neither side handles would not show
 * there. */
static void head_fields_come_back(void)
{
    start();
    for (int round = 0; round < ROUNDS; round++) {
        struct ag_head head = sample_head();
        struct ag_head back;
        struct ag_vec vec;
        ag_vec_init(&vec, 1024);
        memset(&back, 0xff, sizeof(back));
        CHECK_OK(ag_head_encode(&head, &vec));
        CHECK_OK(ag_head_decode(ag_vec_view(&vec), &back, NULL));
        CHECK_U64(back.chain_id, head.chain_id);
        CHECK_U64(back.key_epoch, head.key_epoch);
        CHECK_U64(back.sender.kind, head.sender.kind);
        CHECK_BYTES(AG_ARRAY_VIEW(back.sender.id), AG_ARRAY_VIEW(head.sender.id));
        CHECK_U64(back.nonce, head.nonce);
        CHECK_U64(back.priority_fee, head.priority_fee);
        CHECK_U64(back.expires_ms, head.expires_ms);
        CHECK_U64(back.gas_limit, head.gas_limit);
        CHECK(back.requires_migration == head.requires_migration);
        CHECK_U64(back.declared_risk_bp, head.declared_risk_bp);
        CHECK_U64(back.payload_kind, head.payload_kind);
        CHECK_BYTES(AG_VIEW(&back.contract), AG_VIEW(&head.contract));
        CHECK_U64(back.operation_size, head.operation_size);
        CHECK_BYTES(AG_ARRAY_VIEW(back.operation), AG_ARRAY_VIEW(head.operation));
        CHECK_U64(back.asset_count, head.asset_count);
        CHECK_BYTES(AG_ARRAY_VIEW(back.assets), AG_ARRAY_VIEW(head.assets));
        CHECK_BYTES(AG_VIEW(&back.body_id), AG_VIEW(&head.body_id));
        ag_vec_close(&vec);
    }
}

static void header_fields_come_back(void)
{
    start();
    for (int round = 0; round < ROUNDS; round++) {
        struct ag_batch_header header = sample_batch_header();
        struct ag_batch_header back;
        struct ag_vec vec;
        ag_vec_init(&vec, 1024);
        memset(&back, 0xff, sizeof(back));
        CHECK_OK(ag_batch_header_encode(&header, &vec));
        CHECK_OK(ag_batch_header_decode(ag_vec_view(&vec), &back, NULL));
        CHECK_U64(back.chain_id, header.chain_id);
        CHECK_U64(back.number, header.number);
        CHECK_BYTES(AG_VIEW(&back.parent), AG_VIEW(&header.parent));
        CHECK_U64(back.time_ms, header.time_ms);
        CHECK_U64(back.key_epoch, header.key_epoch);
        CHECK_BYTES(AG_VIEW(&back.bundle_digest), AG_VIEW(&header.bundle_digest));
        CHECK_U64(back.order_mode, header.order_mode);
        CHECK_U64(back.first_admission, header.first_admission);
        CHECK_U64(back.admission_count, header.admission_count);
        CHECK_U64(back.last_group, header.last_group);
        CHECK_BYTES(AG_VIEW(&back.last_group_digest), AG_VIEW(&header.last_group_digest));
        CHECK_U64(back.tx_count, header.tx_count);
        CHECK_BYTES(AG_VIEW(&back.transaction_root), AG_VIEW(&header.transaction_root));
        CHECK_BYTES(AG_VIEW(&back.receipt_root), AG_VIEW(&header.receipt_root));
        CHECK_BYTES(AG_VIEW(&back.state_root), AG_VIEW(&header.state_root));
        CHECK_BYTES(AG_VIEW(&back.asset_root), AG_VIEW(&header.asset_root));
        CHECK_BYTES(AG_ARRAY_VIEW(back.risk.category_bp), AG_ARRAY_VIEW(header.risk.category_bp));
        CHECK_U64(back.risk.global_bp, header.risk.global_bp);
        CHECK_BYTES(AG_VIEW(&back.checkpoint), AG_VIEW(&header.checkpoint));
        ag_vec_close(&vec);
    }
}

/* ---- Merkle trees ---------------------------------------------------------------------------- */

/* The definition of RFC 9162 word for word: the largest power of two below the count goes left. */
/* NOLINTNEXTLINE(misc-no-recursion): the definition is recursive; 9 levels here. */
static enum ag_err root_by_definition(const struct ag_id *leaves, size_t count, struct ag_id *out)
{
    static const uint8_t prefix = 0x01;
    if (count == 1) {
        *out = leaves[0];
        return AG_OK;
    }
    size_t left = 1;
    while (left * 2 < count) {
        left *= 2;
    }
    struct ag_id sides[2];
    AG_TRY(root_by_definition(leaves, left, &sides[0]));
    AG_TRY(root_by_definition(leaves + left, count - left, &sides[1]));
    const struct ag_bytes parts[2] = {{&prefix, 1}, {sides[0].bytes, sizeof(sides)}};
    return ag_sha256(parts, 2, out->bytes);
}

enum {
    LEAVES_MAX = 300
};
static struct ag_id leaves[LEAVES_MAX];
static struct ag_id nodes[2 * LEAVES_MAX];

static void trees_are_those_of_the_definition(void)
{
    start();
    ag_test_random_bytes(leaves, sizeof(leaves));
    for (size_t count = 1; count <= LEAVES_MAX; count++) {
        struct ag_id wanted;
        struct ag_id root;
        struct ag_tree tree = {.nodes = nodes};
        CHECK_OK(root_by_definition(leaves, count, &wanted));
        CHECK_OK(ag_merkle_root(leaves, count, &root));
        CHECK_BYTES(AG_VIEW(&root), AG_VIEW(&wanted));
        CHECK_OK(ag_tree_build(&tree, leaves, count, &root));
        CHECK_BYTES(AG_VIEW(&root), AG_VIEW(&wanted));
        CHECK_U64(tree.count, count);
    }
}

static void leaves_prove_themselves_and_nothing_else(void)
{
    start();
    ag_test_random_bytes(leaves, sizeof(leaves));
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = 1 + sample_below(LEAVES_MAX);
        uint64_t index = sample_below(count);
        struct ag_id root;
        struct ag_proof proof;
        struct ag_tree tree = {.nodes = nodes};
        CHECK_OK(ag_tree_build(&tree, leaves, count, &root));
        CHECK_OK(ag_tree_prove(&tree, index, &proof));
        CHECK_OK(ag_merkle_verify_inclusion(&leaves[index], &proof, &root));

        struct ag_id other = leaves[index];
        other.bytes[sample_below(32)] ^= 1;
        CHECK_ERR(ag_merkle_verify_inclusion(&other, &proof, &root), AG_ERR_PROOF);
        struct ag_proof bad = proof;
        bad.index ^= 1;
        CHECK(ag_merkle_verify_inclusion(&leaves[index], &bad, &root) == AG_ERR_PROOF);
        if (proof.count != 0) {
            bad = proof;
            bad.nodes[sample_below(proof.count)].bytes[sample_below(32)] ^= 0x80;
            CHECK_ERR(ag_merkle_verify_inclusion(&leaves[index], &bad, &root), AG_ERR_PROOF);
            bad = proof;
            bad.count--;
            CHECK_ERR(ag_merkle_verify_inclusion(&leaves[index], &bad, &root), AG_ERR_PROOF);
        }
        bad = proof;
        bad.count++;
        CHECK_ERR(ag_merkle_verify_inclusion(&leaves[index], &bad, &root), AG_ERR_PROOF);
    }
}

/* SUBPROOF of RFC 9162 2.1.4.1, word for word: that the first `old` of `count` leaves are a
 * part. */
/* NOLINTNEXTLINE(misc-no-recursion): the definition is recursive; 9 levels here. */
static enum ag_err subproof(size_t old, const struct ag_id *from, size_t count, bool is_whole,
                            struct ag_id *out, size_t *out_count)
{
    if (old == count) {
        return is_whole ? AG_OK : root_by_definition(from, count, &out[(*out_count)++]);
    }
    size_t left = 1;
    while (left * 2 < count) {
        left *= 2;
    }
    if (old <= left) {
        AG_TRY(subproof(old, from, left, is_whole, out, out_count));
        return root_by_definition(from + left, count - left, &out[(*out_count)++]);
    }
    AG_TRY(subproof(old - left, from + left, count - left, false, out, out_count));
    return root_by_definition(from, left, &out[(*out_count)++]);
}

static void trees_prove_that_they_grew(void)
{
    start();
    ag_test_random_bytes(leaves, sizeof(leaves));
    for (int round = 0; round < ROUNDS; round++) {
        size_t new_size = 1 + sample_below(LEAVES_MAX);
        size_t old_size = 1 + sample_below(new_size);
        struct ag_id roots[2];
        struct ag_id path[AG_PROOF_NODES_MAX];
        size_t count = 0;
        CHECK_OK(ag_merkle_root(leaves, old_size, &roots[0]));
        CHECK_OK(ag_merkle_root(leaves, new_size, &roots[1]));
        CHECK_OK(subproof(old_size, leaves, new_size, true, path, &count));
        CHECK_OK(
            ag_merkle_verify_consistency(old_size, &roots[0], new_size, &roots[1], path, count));
        if (count != 0) {
            path[sample_below(count)].bytes[sample_below(32)] ^= 4;
            CHECK_ERR(
                ag_merkle_verify_consistency(old_size, &roots[0], new_size, &roots[1], path, count),
                AG_ERR_PROOF);
            CHECK_ERR(ag_merkle_verify_consistency(old_size, &roots[0], new_size, &roots[1], path,
                                                   count - 1),
                      AG_ERR_PROOF);
        }
    }
}

/* ---- RLP ------------------------------------------------------------------------------------- */

/* Random bytes with many short lists and strings among them: what is taken must be canonical. */
static void rlp_has_one_form(void)
{
    unsigned taken = 0;
    for (int round = 0; round < 20000; round++) {
        static const uint8_t firsts[] = {0x80, 0x81, 0x82, 0xb8, 0xb9, 0xc0, 0xc1, 0xc2, 0xf8};
        uint8_t text[8];
        size_t size = 1 + sample_below(sizeof(text));
        ag_test_random_bytes(text, sizeof(text));
        for (size_t i = 0; i < size; i++) {
            text[i] = sample_below(2) != 0 ? firsts[sample_below(sizeof(firsts))] : text[i] & 0x7f;
        }
        struct ag_bytes in = {text, size};
        struct ag_rlp_item item;
        if (ag_rlp_check(in, NULL) != AG_OK) {
            continue;
        }
        taken++;
        struct ag_vec vec;
        ag_vec_init(&vec, 64);
        CHECK_OK(ag_rlp_next(&in, &item));
        CHECK_U64(in.size, 0);
        if (item.is_list) {
            CHECK_OK(ag_rlp_put_list(&vec, item.payload.size));
            CHECK_OK(ag_vec_append(&vec, item.payload));
        } else {
            CHECK_OK(ag_rlp_put_string(&vec, item.payload));
        }
        CHECK_BYTES(ag_vec_view(&vec), item.whole);
        ag_vec_close(&vec);
    }
    CHECK(taken > 100);
}

static const struct ag_test_case cases[] = {
    {"encodings come back", encodings_come_back},
    {"every byte of a message counts", every_byte_counts},
    {"fields of a head come back", head_fields_come_back},
    {"fields of a batch header come back", header_fields_come_back},
    {"trees are those of the definition", trees_are_those_of_the_definition},
    {"leaves prove themselves and nothing else", leaves_prove_themselves_and_nothing_else},
    {"trees prove that they grew", trees_prove_that_they_grew},
    {"RLP has one form", rlp_has_one_form},
};

TEST_MAIN(cases)
