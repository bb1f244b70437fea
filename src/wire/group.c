/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

#include <string.h>

/* AGAG, the admission group, 178 bytes; and AGAR, the admission receipt: magic, version, group,
 * leaf, proof, signature. */

_Static_assert(AG_PROOF_NODES_MAX == AG_LIMIT_PROOF_NODES, "one number in two headers");

static enum ag_err check(const struct ag_group *group, struct ag_fault *fault)
{
    if (group->number == 0) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "group.number");
    }
    if (group->count == 0 || group->count > AG_LIMIT_GROUP_COUNT) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "group.count", AG_LIMIT_GROUP_COUNT,
                              group->count);
    }
    if (group->first_admission > UINT64_MAX - group->count) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "group.first_admission",
                              UINT64_MAX - group->count, group->first_admission);
    }
    return AG_OK;
}

enum ag_err ag_group_encode(const struct ag_group *group, struct ag_vec *out)
{
    AG_TRY(check(group, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGAG", 1);
    ag_wr_u64(&wr, group->chain_id);
    ag_wr_u64(&wr, group->key_epoch);
    ag_wr_bytes(&wr, AG_VIEW(&group->bundle_digest));
    ag_wr_u64(&wr, group->number);
    ag_wr_bytes(&wr, AG_VIEW(&group->previous));
    ag_wr_u64(&wr, group->time_ms);
    ag_wr_u64(&wr, group->first_admission);
    ag_wr_u32(&wr, group->count);
    ag_wr_bytes(&wr, AG_VIEW(&group->root));
    return ag_wr_finish(&wr);
}

enum ag_err ag_group_decode(struct ag_bytes in, struct ag_group *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_group group = {0};

    ag_rd_magic(&rd, "AGAG", 1);
    group.chain_id = ag_rd_u64(&rd, "group.chain_id");
    group.key_epoch = ag_rd_u64(&rd, "group.key_epoch");
    group.bundle_digest = ag_rd_hash(&rd, "group.bundle_digest");
    group.number = ag_rd_u64(&rd, "group.number");
    group.previous = ag_rd_hash(&rd, "group.previous");
    group.time_ms = ag_rd_u64(&rd, "group.time_ms");
    group.first_admission = ag_rd_u64(&rd, "group.first_admission");
    group.count = ag_rd_u32(&rd, "group.count");
    group.root = ag_rd_id(&rd, "group.root");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check(&group, fault));

    *out = group;
    return AG_OK;
}

enum ag_err ag_group_digest(struct ag_bytes encoding, struct ag_hash *out)
{
    return ag_hash_one(AG_TAG_GROUP, encoding, out);
}

void ag_admission_leaf_encode(const struct ag_admission_leaf *leaf,
                              uint8_t out[AG_ADMISSION_LEAF_SIZE])
{
    ag_wire_put_u64(out, leaf->admission);
    memcpy(out + 8, leaf->envelope_id.bytes, AG_ID_SIZE);
    ag_wire_put_u64(out + 8 + AG_ID_SIZE, leaf->deadline_ms);
}

/* ---- the receipt ----------------------------------------------------------------------------- */

void ag_wire_proof_write(struct ag_wr *wr, const struct ag_proof *proof)
{
    if (proof->count > AG_PROOF_NODES_MAX) {
        wr->err = wr->err != AG_OK ? wr->err : AG_ERR_WIRE_LIMIT;
        return;
    }
    ag_wr_u64(wr, proof->index);
    ag_wr_u64(wr, proof->size);
    ag_wr_u8(wr, (uint8_t)proof->count);
    for (size_t i = 0; i < proof->count; i++) {
        ag_wr_bytes(wr, AG_VIEW(&proof->nodes[i]));
    }
}

struct ag_proof ag_wire_proof_read(struct ag_rd *rd)
{
    struct ag_proof proof = {0};
    proof.index = ag_rd_u64(rd, "proof.index");
    proof.size = ag_rd_u64(rd, "proof.size");
    proof.count = ag_rd_u8(rd, "proof.count");
    if (proof.count > AG_PROOF_NODES_MAX) {
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_LIMIT, "proof.count", AG_PROOF_NODES_MAX, proof.count);
        proof.count = 0;
    }
    for (size_t i = 0; i < proof.count && ag_rd_is_ok(rd); i++) {
        proof.nodes[i] = ag_rd_id(rd, "proof.nodes");
    }
    return proof;
}

/* The leaf is one of the group, and the proof speaks of its place in the group's tree. */
static enum ag_err check_receipt(const struct ag_admission_receipt *receipt, struct ag_fault *fault)
{
    const struct ag_group *group = &receipt->group;
    if (receipt->leaf.admission < group->first_admission ||
        receipt->leaf.admission - group->first_admission >= group->count) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "leaf.admission");
    }
    if (receipt->proof.index != receipt->leaf.admission - group->first_admission) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "proof.index");
    }
    if (receipt->proof.size != group->count) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "proof.size", group->count,
                              receipt->proof.size);
    }
    if (receipt->signature.size != AG_MLDSA87_SIGNATURE_SIZE) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "signature", AG_MLDSA87_SIGNATURE_SIZE,
                              receipt->signature.size);
    }
    return AG_OK;
}

enum ag_err ag_admission_receipt_encode(const struct ag_admission_receipt *receipt,
                                        struct ag_vec *out)
{
    uint8_t leaf[AG_ADMISSION_LEAF_SIZE];
    AG_TRY(check(&receipt->group, NULL));
    AG_TRY(check_receipt(receipt, NULL));
    ag_admission_leaf_encode(&receipt->leaf, leaf);

    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGAR", 1);
    if (wr.err == AG_OK) {
        wr.err = ag_group_encode(&receipt->group, out);
    }
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(leaf));
    ag_wire_proof_write(&wr, &receipt->proof);
    ag_wr_bytes(&wr, receipt->signature);
    return ag_wr_finish(&wr);
}

enum ag_err ag_admission_receipt_decode(struct ag_bytes in, struct ag_admission_receipt *out,
                                        struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_admission_receipt receipt = {0};

    ag_rd_magic(&rd, "AGAR", 1);
    struct ag_bytes group = ag_rd_fixed(&rd, AG_GROUP_SIZE, "group");
    receipt.leaf.admission = ag_rd_u64(&rd, "leaf.admission");
    receipt.leaf.envelope_id = ag_rd_id(&rd, "leaf.envelope_id");
    receipt.leaf.deadline_ms = ag_rd_u64(&rd, "leaf.deadline_ms");
    receipt.proof = ag_wire_proof_read(&rd);
    receipt.signature = ag_rd_fixed(&rd, AG_MLDSA87_SIGNATURE_SIZE, "signature");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(ag_group_decode(group, &receipt.group, fault));
    AG_TRY(check_receipt(&receipt, fault));

    *out = receipt;
    return AG_OK;
}

static enum ag_err verify_signature(const struct ag_admission_receipt *receipt,
                                    const struct ag_bundle *bundle)
{
    struct ag_hash digest;
    struct ag_vec encoding AG_SCOPED(ag_vec_close);
    ag_vec_init(&encoding, AG_GROUP_SIZE);
    AG_TRY(ag_group_encode(&receipt->group, &encoding));
    AG_TRY(ag_group_digest(ag_vec_view(&encoding), &digest));
    return ag_sig_verify_once(AG_SIG_MLDSA87, bundle->mldsa87, AG_TAG_GROUP_MLDSA, AG_VIEW(&digest),
                              receipt->signature);
}

enum ag_err ag_admission_receipt_verify(const struct ag_admission_receipt *receipt,
                                        struct ag_bytes bundle_encoding, struct ag_fault *fault)
{
    struct ag_bundle bundle;
    uint8_t leaf[AG_ADMISSION_LEAF_SIZE];
    struct ag_id leaf_hash;

    AG_TRY(check(&receipt->group, fault));
    AG_TRY(check_receipt(receipt, fault));
    AG_TRY(ag_wire_bundle_match(bundle_encoding, &receipt->group.bundle_digest,
                                receipt->group.chain_id, receipt->group.key_epoch, &bundle, fault));

    ag_admission_leaf_encode(&receipt->leaf, leaf);
    AG_TRY(ag_merkle_leaf(AG_ARRAY_VIEW(leaf), &leaf_hash));
    enum ag_err err = ag_merkle_verify_inclusion(&leaf_hash, &receipt->proof, &receipt->group.root);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "proof");
    }
    err = verify_signature(receipt, &bundle);
    return err == AG_OK ? AG_OK : ag_fault_set(fault, err, "signature");
}
