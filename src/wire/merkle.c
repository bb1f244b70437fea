/* SPDX-License-Identifier: Apache-2.0 */
#include <ag/receipt.h>

#include <string.h>

#include "crypto/crypto.h"

/* Trees of [RFC9162 2.1]: leaf = SHA-256(00 | data), node = SHA-256(01 | left | right). A level
 * with an odd count hands its last node up unhashed, which gives the same tree as the recursive
 * definition with the largest power of two on the left. */

enum {
    LEVELS_MAX = 64
};

static enum ag_err hash_node(const struct ag_id *left, const struct ag_id *right, struct ag_id *out)
{
    uint8_t text[1 + 2 * AG_ID_SIZE];
    text[0] = 0x01;
    memcpy(text + 1, left->bytes, AG_ID_SIZE);
    memcpy(text + 1 + AG_ID_SIZE, right->bytes, AG_ID_SIZE);
    return ag_sha256(&(struct ag_bytes){text, sizeof(text)}, 1, out->bytes);
}

enum ag_err ag_merkle_leaf(struct ag_bytes leaf, struct ag_id *out)
{
    static const uint8_t prefix = 0x00;
    const struct ag_bytes parts[2] = {{&prefix, 1}, leaf};
    return ag_sha256(parts, 2, out->bytes);
}

enum ag_err ag_merkle_root(const struct ag_id *leaf_hashes, size_t count, struct ag_id *out)
{
    /* full[k] is the root of a whole subtree of 2^k leaves; bit k of `done` says that it is
     * there. */
    struct ag_id full[LEVELS_MAX];
    struct ag_id node;

    if (count == 0) {
        return ag_sha256(NULL, 0, out->bytes);
    }
    for (size_t done = 0; done < count; done++) {
        node = leaf_hashes[done];
        unsigned level = 0;
        for (; (done >> level & 1) != 0; level++) {
            AG_TRY(hash_node(&full[level], &node, &node));
        }
        full[level] = node;
    }
    /* The subtrees that are left, from the smallest, which is the rightmost. */
    bool has_node = false;
    for (unsigned level = 0; level < LEVELS_MAX; level++) {
        if ((count >> level & 1) == 0) {
            continue;
        }
        if (has_node) {
            AG_TRY(hash_node(&full[level], &node, &node));
        } else {
            node = full[level];
            has_node = true;
        }
    }
    *out = node;
    return AG_OK;
}

/* A built tree holds its levels in a row, leaves first; only hashed nodes are stored, so that it
 * has 2 * count - 1 of them. A level of `width` nodes stores the first `stored`; where the width
 * is odd, the last one is the last one of the level below. */
struct level {
    size_t start;
    size_t width;
    size_t stored;
};

static size_t list_levels(size_t count, struct level levels[LEVELS_MAX + 1])
{
    size_t used = 0;
    size_t start = 0;
    size_t width = count;
    size_t stored = count;
    for (;;) {
        levels[used++] = (struct level){start, width, stored};
        if (width <= 1) {
            return used;
        }
        start += stored;
        stored = width / 2;
        width -= stored;
    }
}

static const struct ag_id *node_at(const struct ag_id *nodes, const struct level *levels,
                                   size_t level, size_t index)
{
    while (index >= levels[level].stored) {
        level--;
        index *= 2;
    }
    return &nodes[levels[level].start + index];
}

enum ag_err ag_tree_build(struct ag_tree *tree, const struct ag_id *leaf_hashes, size_t count,
                          struct ag_id *out_root)
{
    struct level levels[LEVELS_MAX + 1];
    if (count == 0) {
        AG_TRY(ag_sha256(NULL, 0, out_root->bytes));
        tree->count = 0;
        return AG_OK;
    }
    memmove(tree->nodes, leaf_hashes, count * sizeof(*leaf_hashes));
    size_t used = list_levels(count, levels);
    for (size_t level = 1; level < used; level++) {
        for (size_t i = 0; i < levels[level].stored; i++) {
            AG_TRY(hash_node(node_at(tree->nodes, levels, level - 1, 2 * i),
                             node_at(tree->nodes, levels, level - 1, 2 * i + 1),
                             &tree->nodes[levels[level].start + i]));
        }
    }
    tree->count = count;
    *out_root = *node_at(tree->nodes, levels, used - 1, 0);
    return AG_OK;
}

enum ag_err ag_tree_prove(const struct ag_tree *tree, uint64_t index, struct ag_proof *out)
{
    struct level levels[LEVELS_MAX + 1];
    AG_ENSURE(index < tree->count, AG_ERR_ARGUMENT);

    struct ag_proof proof = {.index = index, .size = tree->count};
    size_t used = list_levels(tree->count, levels);
    size_t place = (size_t)index;
    for (size_t level = 0; level + 1 < used; level++, place /= 2) {
        size_t sibling = place ^ 1;
        if (sibling < levels[level].width) {
            proof.nodes[proof.count++] = *node_at(tree->nodes, levels, level, sibling);
        }
    }
    *out = proof;
    return AG_OK;
}

/* [RFC9162 2.1.3.2] */
enum ag_err ag_merkle_verify_inclusion(const struct ag_id *leaf_hash, const struct ag_proof *proof,
                                       const struct ag_id *root)
{
    AG_ENSURE(proof->index < proof->size && proof->count <= AG_PROOF_NODES_MAX, AG_ERR_PROOF);
    uint64_t place = proof->index;
    uint64_t last = proof->size - 1;
    struct ag_id hash = *leaf_hash;

    for (size_t i = 0; i < proof->count; i++) {
        AG_ENSURE(last != 0, AG_ERR_PROOF);
        if ((place & 1) != 0 || place == last) {
            AG_TRY(hash_node(&proof->nodes[i], &hash, &hash));
            while ((place & 1) == 0 && place != 0) {
                place >>= 1;
                last >>= 1;
            }
        } else {
            AG_TRY(hash_node(&hash, &proof->nodes[i], &hash));
        }
        place >>= 1;
        last >>= 1;
    }
    AG_ENSURE(last == 0 && memcmp(hash.bytes, root->bytes, AG_ID_SIZE) == 0, AG_ERR_PROOF);
    return AG_OK;
}

/* The loop of [RFC9162 2.1.4.2], from step 4 on; `nodes` starts with the first subtree's root. */
static enum ag_err climb(uint64_t first, uint64_t second, const struct ag_id *nodes, size_t count,
                         struct ag_id *out_old, struct ag_id *out_new)
{
    uint64_t place = first - 1;
    uint64_t last = second - 1;
    while ((place & 1) != 0) {
        place >>= 1;
        last >>= 1;
    }
    *out_old = nodes[0];
    *out_new = nodes[0];
    for (size_t i = 1; i < count; i++) {
        AG_ENSURE(last != 0, AG_ERR_PROOF);
        if ((place & 1) != 0 || place == last) {
            AG_TRY(hash_node(&nodes[i], out_old, out_old));
            AG_TRY(hash_node(&nodes[i], out_new, out_new));
            while ((place & 1) == 0 && place != 0) {
                place >>= 1;
                last >>= 1;
            }
        } else {
            AG_TRY(hash_node(out_new, &nodes[i], out_new));
        }
        place >>= 1;
        last >>= 1;
    }
    AG_ENSURE(last == 0, AG_ERR_PROOF);
    return AG_OK;
}

enum ag_err ag_merkle_verify_consistency(uint64_t old_size, const struct ag_id *old_root,
                                         uint64_t new_size, const struct ag_id *new_root,
                                         const struct ag_id *nodes, size_t count)
{
    AG_ENSURE(old_size != 0 && old_size <= new_size, AG_ERR_PROOF);
    AG_ENSURE(count <= AG_PROOF_NODES_MAX, AG_ERR_PROOF);
    if (old_size == new_size) {
        AG_ENSURE(count == 0 && memcmp(old_root->bytes, new_root->bytes, AG_ID_SIZE) == 0,
                  AG_ERR_PROOF);
        return AG_OK;
    }
    AG_ENSURE(count != 0, AG_ERR_PROOF);

    /* A whole old tree is a subtree of the new one: its root is known and not sent. */
    struct ag_id path[AG_PROOF_NODES_MAX + 1];
    size_t used = 0;
    if ((old_size & (old_size - 1)) == 0) {
        path[used++] = *old_root;
    }
    memcpy(&path[used], nodes, count * sizeof(*nodes));
    used += count;

    struct ag_id old_hash;
    struct ag_id new_hash;
    AG_TRY(climb(old_size, new_size, path, used, &old_hash, &new_hash));
    AG_ENSURE(memcmp(old_hash.bytes, old_root->bytes, AG_ID_SIZE) == 0, AG_ERR_PROOF);
    AG_ENSURE(memcmp(new_hash.bytes, new_root->bytes, AG_ID_SIZE) == 0, AG_ERR_PROOF);
    return AG_OK;
}
