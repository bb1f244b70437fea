/* SPDX-License-Identifier: Apache-2.0 */
#include "run_ethereum.h"

#include <string.h>

static bool is_invalid(const struct run_context *context)
{
    const char *result = rsp_get(context->one, "result");
    return result != NULL && strcmp(result, "invalid") == 0;
}

/* ---- RLP ------------------------------------------------------------------------------------- */

enum {
    TREE_DEPTH_MAX = 64,
    TREE_SIZE_MAX = 64 * 1024 * 1024
};

/* Writes what the bytes hold: [..] is a list, - is the empty string, hex is a string. */
static enum ag_err print_tree(struct ag_bytes rlp, struct ag_vec *out)
{
    struct ag_bytes open[TREE_DEPTH_MAX];
    size_t depth = 0;
    struct ag_rlp_item item;
    char hex[3];
    open[0] = rlp;
    for (bool has_comma = false;;) {
        if (open[depth].size == 0) {
            if (depth == 0) {
                return AG_OK;
            }
            depth--;
            has_comma = true;
            AG_TRY(ag_vec_printf(out, "]"));
            continue;
        }
        AG_TRY(ag_rlp_next(&open[depth], &item));
        AG_TRY(ag_vec_printf(out, "%s%s", has_comma ? "," : "", item.is_list ? "[" : ""));
        has_comma = !item.is_list;
        if (item.is_list) {
            AG_ENSURE(depth + 1 < TREE_DEPTH_MAX, AG_ERR_RLP);
            open[++depth] = item.payload;
            continue;
        }
        for (size_t i = 0; i < item.payload.size; i++) {
            ag_hex_encode(ag_bytes_of(item.payload.data + i, 1), hex);
            AG_TRY(ag_vec_append(out, ag_bytes_of(hex, 2)));
        }
        if (item.payload.size == 0) {
            AG_TRY(ag_vec_printf(out, "-"));
        }
    }
}

/* Puts the header of the list whose items start at `start` in front of them. */
static enum ag_err close_list(struct ag_vec *out, size_t start)
{
    struct ag_vec header AG_SCOPED(ag_vec_close);
    uint8_t *ignored = NULL;
    size_t payload_size = out->size - start;
    ag_vec_init(&header, 16);
    AG_TRY(ag_rlp_put_list(&header, payload_size));
    AG_TRY(ag_vec_extend(out, header.size, &ignored));
    memmove(out->data + start + header.size, out->data + start, payload_size);
    memcpy(out->data + start, header.data, header.size);
    return AG_OK;
}

/* The encoding of such a tree. */
static enum ag_err encode_tree(const char *tree, struct ag_arena *arena, struct ag_vec *out)
{
    size_t starts[TREE_DEPTH_MAX];
    size_t depth = 0;
    while (*tree != '\0') {
        size_t length = strcspn(tree, "[],");
        if (length != 0) {
            struct ag_bytes text = {NULL, 0};
            if (*tree != '-') {
                AG_ENSURE(rsp_hex_text(tree, length, arena, &text), AG_ERR_TEXT);
            }
            AG_TRY(ag_rlp_put_string(out, text));
            tree += length;
            continue;
        }
        if (*tree == '[') {
            AG_ENSURE(depth < TREE_DEPTH_MAX, AG_ERR_TEXT);
            starts[depth++] = out->size;
        } else if (*tree == ']') {
            AG_ENSURE(depth > 0, AG_ERR_TEXT);
            AG_TRY(close_list(out, starts[--depth]));
        }
        tree++;
    }
    return depth == 0 ? AG_OK : AG_ERR_TEXT;
}

static bool run_rlp_valid(struct run_context *context, struct ag_bytes rlp)
{
    struct ag_fault fault = {0};
    const char *tree = rsp_get(context->one, "tree");
    if (ag_rlp_check(rlp, &fault) != AG_OK) {
        return run_fail(context, "refused: %s", fault.field);
    }
    if (tree == NULL) {
        return true;
    }
    struct ag_vec text AG_SCOPED(ag_vec_close);
    struct ag_vec encoding AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, TREE_SIZE_MAX);
    ag_vec_init(&encoding, TREE_SIZE_MAX);
    if (print_tree(rlp, &text) != AG_OK ||
        !ag_bytes_equal(ag_vec_view(&text), ag_bytes_of(tree, strlen(tree)))) {
        return run_fail(context, "decodes to another tree");
    }
    if (encode_tree(tree, context->arena, &encoding) != AG_OK ||
        !ag_bytes_equal(ag_vec_view(&encoding), rlp)) {
        return run_fail(context, "encodes to other bytes");
    }
    return true;
}

bool run_rlp(struct run_context *context)
{
    struct ag_bytes rlp;
    if (!rsp_hex(context->one, "rlp", context->arena, &rlp)) {
        return run_fail(context, "rlp is not hex");
    }
    if (is_invalid(context)) {
        return ag_rlp_check(rlp, NULL) == AG_ERR_RLP || run_fail(context, "accepted");
    }
    return run_rlp_valid(context, rlp);
}

/* ---- Keccak, recovery ------------------------------------------------------------------------ */

bool run_keccak(struct run_context *context)
{
    struct ag_bytes message;
    struct ag_bytes wanted;
    uint8_t got[32];
    if (!rsp_hex(context->one, "message", context->arena, &message) ||
        !rsp_hex(context->one, "keccak256", context->arena, &wanted)) {
        return run_fail(context, "message or keccak256 is not hex");
    }
    return (ag_keccak256(&message, 1, got) == AG_OK &&
            ag_bytes_equal(AG_ARRAY_VIEW(got), wanted)) ||
           run_fail(context, "another hash");
}

/* v is 27 or 28, as a 32-byte number. */
static bool read_parity(struct ag_bytes v, unsigned *out)
{
    if (v.size == 0 || !ag_bytes_is_zero(ag_bytes_head(v, v.size - 1))) {
        return false;
    }
    uint8_t last = v.data[v.size - 1];
    *out = last - 27u;
    return last == 27 || last == 28;
}

bool run_recover(struct run_context *context)
{
    struct ag_bytes hash;
    struct ag_bytes v;
    struct ag_bytes r;
    struct ag_bytes s;
    if (!rsp_hex(context->one, "hash", context->arena, &hash) || hash.size != 32 ||
        !rsp_hex(context->one, "v", context->arena, &v) ||
        !rsp_hex(context->one, "r", context->arena, &r) || r.size != 32 ||
        !rsp_hex(context->one, "s", context->arena, &s) || s.size != 32) {
        return run_fail(context, "hash, v, r or s is not 32 bytes of hex");
    }
    unsigned parity = 0;
    struct ag_address any = {{0}};
    struct ag_address low = {{0}};
    bool has_parity = read_parity(v, &parity);
    bool is_valid =
        has_parity && ag_secp256k1_recover(hash.data, r.data, s.data, parity, false, &any) == AG_OK;
    bool is_low =
        has_parity && ag_secp256k1_recover(hash.data, r.data, s.data, parity, true, &low) == AG_OK;
    if (is_valid == is_invalid(context)) {
        return run_fail(context, is_valid ? "accepted" : "refused");
    }
    const char *transaction = rsp_get(context->one, "transaction");
    if (transaction != NULL && is_low != (strcmp(transaction, "yes") == 0)) {
        return run_fail(context, "as a transaction's: %s", is_low ? "accepted" : "refused");
    }
    struct ag_bytes wanted;
    if (is_valid && (!rsp_hex(context->one, "address", context->arena, &wanted) ||
                     !ag_bytes_equal(AG_VIEW(&any), wanted) ||
                     (is_low && !ag_bytes_equal(AG_VIEW(&low), wanted)))) {
        return run_fail(context, "another address");
    }
    return true;
}

/* ---- Merkle trees ---------------------------------------------------------------------------- */

enum {
    WORDS_MAX = 4096
};

/* Words parted by spaces, as hex; - is the empty string. */
static bool read_words(struct run_context *context, const char *key, struct ag_bytes *words,
                       size_t *out_count)
{
    const char *text = rsp_get(context->one, key);
    size_t count = 0;
    if (text == NULL) {
        return false;
    }
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        words[count] = (struct ag_bytes){NULL, 0};
        if (count + 1 == WORDS_MAX || length == 0 ||
            (*text != '-' && !rsp_hex_text(text, length, context->arena, &words[count]))) {
            return false;
        }
        count++;
        text += length + (text[length] == ' ' ? 1 : 0);
    }
    *out_count = count;
    return true;
}

/* Every leaf of a built tree must prove itself. */
static bool prove_all(struct run_context *context, const struct ag_id *hashes, size_t count,
                      const struct ag_id *root)
{
    static struct ag_id nodes[2 * WORDS_MAX];
    struct ag_tree tree = {.nodes = nodes};
    struct ag_id built;
    struct ag_proof proof;
    if (ag_tree_build(&tree, hashes, count, &built) != AG_OK ||
        !ag_bytes_equal(AG_VIEW(&built), AG_VIEW(root))) {
        return run_fail(context, "ag_tree_build gives another root");
    }
    for (size_t i = 0; i < count; i++) {
        if (ag_tree_prove(&tree, i, &proof) != AG_OK ||
            ag_merkle_verify_inclusion(&hashes[i], &proof, root) != AG_OK) {
            return run_fail(context, "leaf %zu does not prove itself", i);
        }
    }
    return true;
}

bool run_merkle_root(struct run_context *context)
{
    static struct ag_bytes leaves[WORDS_MAX];
    static struct ag_id hashes[WORDS_MAX];
    size_t count = 0;
    uint64_t size = 0;
    struct ag_bytes wanted;
    struct ag_id root;
    if (!read_words(context, "leaves", leaves, &count) ||
        !rsp_hex(context->one, "root", context->arena, &wanted) ||
        (rsp_u64(context->one, "size", &size) && size != count)) {
        return run_fail(context, "leaves, size or root cannot be read");
    }
    for (size_t i = 0; i < count; i++) {
        if (ag_merkle_leaf(leaves[i], &hashes[i]) != AG_OK) {
            return run_fail(context, "leaf %zu", i);
        }
    }
    if (ag_merkle_root(hashes, count, &root) != AG_OK) {
        return run_fail(context, "no root");
    }
    bool is_same = ag_bytes_equal(AG_VIEW(&root), wanted);
    if (is_same == is_invalid(context)) {
        return run_fail(context, is_same ? "accepted" : "another root");
    }
    return prove_all(context, hashes, count, &root);
}

static bool to_id(struct ag_bytes bytes, struct ag_id *out)
{
    if (bytes.size != AG_ID_SIZE) {
        return false;
    }
    memcpy(out->bytes, bytes.data, AG_ID_SIZE);
    return true;
}

/* A key's value as one hash; a hash of another size is refused by our types. */
static bool read_id(struct run_context *context, const char *key, struct ag_id *out)
{
    struct ag_bytes bytes;
    return rsp_hex(context->one, key, context->arena, &bytes) && to_id(bytes, out);
}

static bool read_nodes(struct run_context *context, struct ag_id *out, size_t *out_count)
{
    static struct ag_bytes words[WORDS_MAX];
    size_t count = 0;
    if (!read_words(context, "proof", words, &count) || count > AG_PROOF_NODES_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!to_id(words[i], &out[i])) {
            return false;
        }
    }
    *out_count = count;
    return true;
}

bool run_merkle_inclusion(struct run_context *context)
{
    struct ag_id leaf;
    struct ag_id root;
    struct ag_proof proof = {0};
    bool is_valid = read_id(context, "leaf", &leaf) && read_id(context, "root", &root) &&
                    rsp_u64(context->one, "index", &proof.index) &&
                    rsp_u64(context->one, "size", &proof.size) &&
                    read_nodes(context, proof.nodes, &proof.count) &&
                    ag_merkle_verify_inclusion(&leaf, &proof, &root) == AG_OK;
    return is_valid != is_invalid(context) || run_fail(context, is_valid ? "accepted" : "refused");
}

/* Both roots of a consistency case. A published case asks for equal roots only and uses words that
 * are shorter than a hash: two of one size are carried with zeros behind, so that they stay equal
 * or different. */
static bool read_roots(struct run_context *context, struct ag_id *out_old, struct ag_id *out_new)
{
    struct ag_bytes old_root;
    struct ag_bytes new_root;
    *out_old = (struct ag_id){{0}};
    *out_new = (struct ag_id){{0}};
    if (!rsp_hex(context->one, "root1", context->arena, &old_root) ||
        !rsp_hex(context->one, "root2", context->arena, &new_root) ||
        old_root.size != new_root.size || old_root.size == 0 || old_root.size > AG_ID_SIZE) {
        return false;
    }
    memcpy(out_old->bytes, old_root.data, old_root.size);
    memcpy(out_new->bytes, new_root.data, new_root.size);
    return true;
}

bool run_merkle_consistency(struct run_context *context)
{
    struct ag_id old_root;
    struct ag_id new_root;
    struct ag_id nodes[AG_PROOF_NODES_MAX];
    uint64_t old_size = 0;
    uint64_t new_size = 0;
    size_t count = 0;
    bool is_valid =
        read_roots(context, &old_root, &new_root) && rsp_u64(context->one, "size1", &old_size) &&
        rsp_u64(context->one, "size2", &new_size) && read_nodes(context, nodes, &count) &&
        ag_merkle_verify_consistency(old_size, &old_root, new_size, &new_root, nodes, count) ==
            AG_OK;
    return is_valid != is_invalid(context) || run_fail(context, is_valid ? "accepted" : "refused");
}
