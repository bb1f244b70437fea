/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_WIRE_SAMPLES_H
#define AG_TEST_WIRE_SAMPLES_H

/* One well-formed encoding of every message, with contents drawn from the test's generator. */

#include <string.h>

#include "crypto/crypto.h"
#include "test.h"
#include "test_wire_again.h"

enum {
    SAMPLE_VEC_SIZE = 4 * 1024 * 1024
};

/* Random bytes that keys, signatures and quotes of a sample borrow; drawn anew by sample_fresh. */
static uint8_t sample_pool[160 * 1024];

static inline void sample_fresh(void)
{
    ag_test_random_bytes(sample_pool, sizeof(sample_pool));
}

static inline struct ag_bytes sample_bytes(size_t size)
{
    AG_ASSERT(size <= sizeof(sample_pool));
    return ag_bytes_of(sample_pool + ag_test_random() % (sizeof(sample_pool) - size + 1), size);
}

static inline uint64_t sample_below(uint64_t limit)
{
    return ag_test_random() % limit;
}

static inline struct ag_bundle sample_bundle(void)
{
    struct ag_bundle bundle = {.chain_id = ag_test_random(), .key_epoch = ag_test_random()};
    bundle.created_ms = ag_test_random();
    ag_test_random_bytes(bundle.genesis.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(bundle.previous.bytes, AG_HASH_SIZE);
    uint64_t which = 1 + sample_below(3);
    if ((which & 1) != 0) {
        bundle.kems[bundle.kem_count++] = (struct ag_bundle_kem){
            AG_KEM_MLKEM1024, sample_bytes(ag_kem_public_size(AG_KEM_MLKEM1024))};
    }
    if ((which & 2) != 0) {
        bundle.kems[bundle.kem_count++] = (struct ag_bundle_kem){
            AG_KEM_MLKEM1024_P384, sample_bytes(ag_kem_public_size(AG_KEM_MLKEM1024_P384))};
    }
    bundle.mldsa87 = sample_bytes(AG_MLDSA87_PUBLIC_SIZE);
    bundle.slhdsa = sample_bytes(AG_SLHDSA_PUBLIC_SIZE);
    ag_test_random_bytes(bundle.posting_key, sizeof(bundle.posting_key));
    bundle.posting_key[0] = 2;
    return bundle;
}

static inline struct ag_head sample_head(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    struct ag_head head = {.chain_id = ag_test_random(), .key_epoch = ag_test_random()};
    head.sender.kind = (uint8_t)(1 + sample_below(2));
    ag_test_random_bytes(head.sender.id, head.sender.kind == AG_SENDER_SECP256K1 ? 20 : 32);
    head.nonce = ag_test_random();
    head.priority_fee = ag_test_random();
    head.expires_ms = ag_test_random();
    head.gas_limit = ag_test_random();
    head.requires_migration = sample_below(2) != 0;
    head.declared_risk_bp = (uint16_t)sample_below(10001);
    head.payload_kind = (uint8_t)(1 + sample_below(5));
    ag_test_random_bytes(head.contract.bytes, AG_ID_SIZE);
    head.operation_size = (uint8_t)sample_below(AG_OPERATION_SIZE_MAX + 1);
    for (size_t i = 0; i < head.operation_size; i++) {
        head.operation[i] = (uint8_t)letters[sample_below(sizeof(letters) - 1)];
    }
    head.asset_count = (uint8_t)sample_below(AG_HEAD_ASSETS_MAX + 1);
    for (size_t i = 0; i < head.asset_count; i++) {
        ag_test_random_bytes(head.assets[i].bytes, AG_ID_SIZE);
        head.assets[i].bytes[0] = (uint8_t)(i + 1);
    }
    ag_test_random_bytes(head.body_id.bytes, AG_ID_SIZE);
    return head;
}

static inline struct ag_body sample_body(size_t payload_size)
{
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM,
                           .payload = sample_bytes(payload_size),
                           .auth_scheme = (uint8_t)sample_below(3)};
    ag_test_random_bytes(body.salt, sizeof(body.salt));
    if (body.auth_scheme == AG_AUTH_SECP256K1) {
        body.auth = sample_bytes(AG_SECP256K1_SIGNATURE_SIZE);
    } else if (body.auth_scheme == AG_AUTH_MLDSA87) {
        body.auth = sample_bytes(AG_MLDSA87_PUBLIC_SIZE + AG_MLDSA87_SIGNATURE_SIZE);
    }
    if (body.auth_scheme != AG_AUTH_PAYLOAD) {
        body.payload_kind = (uint8_t)(1 + sample_below(5));
    }
    return body;
}

static inline struct ag_envelope sample_envelope(void)
{
    struct ag_envelope envelope = {
        .kem = sample_below(2) == 0 ? AG_KEM_MLKEM1024 : AG_KEM_MLKEM1024_P384,
        .kdf = AG_KDF_HKDF_SHA384,
        .aead = AG_AEAD_AES256GCM,
        .chain_id = ag_test_random(),
        .key_epoch = ag_test_random(),
        .stamp = ag_test_random(),
    };
    envelope.enc = sample_bytes(ag_kem_enc_size((enum ag_kem)envelope.kem));
    envelope.sealed_head = sample_bytes(ag_head_classes[sample_below(2)] + AG_GCM_TAG_SIZE);
    envelope.sealed_body = sample_bytes(ag_body_classes[sample_below(3)] + AG_GCM_TAG_SIZE);
    return envelope;
}

static inline struct ag_group sample_group(uint32_t count)
{
    struct ag_group group = {.chain_id = ag_test_random(),
                             .key_epoch = ag_test_random(),
                             .number = 1 + sample_below(1000),
                             .time_ms = ag_test_random(),
                             .first_admission = ag_test_random() >> 1,
                             .count = count};
    ag_test_random_bytes(group.bundle_digest.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(group.previous.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(group.root.bytes, AG_ID_SIZE);
    return group;
}

static inline struct ag_proof sample_proof(uint64_t size)
{
    struct ag_proof proof = {.size = size, .index = sample_below(size)};
    proof.count = sample_below(11);
    for (size_t i = 0; i < proof.count; i++) {
        ag_test_random_bytes(proof.nodes[i].bytes, AG_ID_SIZE);
    }
    return proof;
}

static inline struct ag_outcome sample_outcome(bool is_included)
{
    struct ag_outcome outcome = {.admission = ag_test_random()};
    ag_test_random_bytes(outcome.envelope_id.bytes, AG_ID_SIZE);
    ag_test_random_bytes(outcome.head_id.bytes, AG_ID_SIZE);
    if (is_included) {
        outcome.status = AG_OUTCOME_INCLUDED;
        outcome.tx_index = (uint32_t)sample_below(5000);
        ag_test_random_bytes(outcome.tx_hash, sizeof(outcome.tx_hash));
    } else {
        outcome.status = AG_OUTCOME_EXCLUDED;
        outcome.reason = AG_ERR_ENVELOPE_EXPIRED;
        outcome.tx_index = AG_NO_TX_INDEX;
    }
    return outcome;
}

static inline struct ag_batch_header sample_batch_header(void)
{
    struct ag_batch_header header = {.chain_id = ag_test_random(),
                                     .number = 1 + sample_below(1000000),
                                     .time_ms = ag_test_random(),
                                     .key_epoch = ag_test_random(),
                                     .order_mode = (uint8_t)(1 + sample_below(4)),
                                     .first_admission = ag_test_random() >> 1,
                                     .admission_count = 5000 + (uint32_t)sample_below(5001),
                                     .last_group = ag_test_random(),
                                     .tx_count = 5000};
    ag_test_random_bytes(header.parent.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(header.bundle_digest.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(header.last_group_digest.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(header.checkpoint.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(header.transaction_root.bytes, AG_ID_SIZE);
    ag_test_random_bytes(header.receipt_root.bytes, AG_ID_SIZE);
    ag_test_random_bytes(header.state_root.bytes, AG_ID_SIZE);
    ag_test_random_bytes(header.asset_root.bytes, AG_ID_SIZE);
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        header.risk.category_bp[i] = (uint16_t)sample_below(10001);
    }
    header.risk.global_bp = (uint16_t)sample_below(10001);
    return header;
}

/* ---- encodings ------------------------------------------------------------------------------- */

static inline enum ag_err sample_make_bundle(struct ag_vec *out)
{
    struct ag_bundle bundle = sample_bundle();
    return ag_bundle_encode(&bundle, out);
}

static inline enum ag_err sample_make_head(struct ag_vec *out)
{
    struct ag_head head = sample_head();
    return ag_head_encode(&head, out);
}

static inline enum ag_err sample_make_head_padded(struct ag_vec *out)
{
    uint8_t *padding = NULL;
    AG_TRY(sample_make_head(out));
    return ag_vec_extend(out, ag_head_classes[out->size <= 256 ? 0 : 1] - out->size, &padding);
}

static inline enum ag_err sample_make_body(struct ag_vec *out)
{
    struct ag_body body = sample_body(sample_below(3000));
    return ag_body_encode(&body, out);
}

static inline enum ag_err sample_make_envelope(struct ag_vec *out)
{
    struct ag_envelope envelope = sample_envelope();
    return ag_envelope_encode(&envelope, out);
}

static inline enum ag_err sample_make_group(struct ag_vec *out)
{
    struct ag_group group = sample_group(1 + (uint32_t)sample_below(AG_LIMIT_GROUP_COUNT));
    return ag_group_encode(&group, out);
}

static inline enum ag_err sample_make_admission_receipt(struct ag_vec *out)
{
    struct ag_admission_receipt receipt = {.group = sample_group(1000)};
    receipt.proof = sample_proof(1000);
    receipt.leaf.admission = receipt.group.first_admission + receipt.proof.index;
    receipt.leaf.deadline_ms = ag_test_random();
    ag_test_random_bytes(receipt.leaf.envelope_id.bytes, AG_ID_SIZE);
    receipt.signature = sample_bytes(AG_MLDSA87_SIGNATURE_SIZE);
    return ag_admission_receipt_encode(&receipt, out);
}

static inline enum ag_err sample_make_outcome(struct ag_vec *out)
{
    uint8_t encoding[AG_OUTCOME_SIZE];
    struct ag_outcome outcome = sample_outcome(sample_below(2) != 0);
    ag_outcome_encode(&outcome, encoding);
    return ag_vec_append(out, AG_ARRAY_VIEW(encoding));
}

static inline enum ag_err sample_make_batch_header(struct ag_vec *out)
{
    struct ag_batch_header header = sample_batch_header();
    return ag_batch_header_encode(&header, out);
}

static inline enum ag_err sample_make_outcome_receipt(struct ag_vec *out)
{
    struct ag_batch_header header = sample_batch_header();
    struct ag_vec header_encoding AG_SCOPED(ag_vec_close);
    ag_vec_init(&header_encoding, 1024);
    AG_TRY(ag_batch_header_encode(&header, &header_encoding));

    struct ag_outcome_receipt receipt = {.outcome = sample_outcome(sample_below(2) != 0)};
    receipt.proof = sample_proof(header.admission_count);
    receipt.outcome.admission = header.first_admission + sample_below(header.admission_count);
    receipt.header = ag_vec_view(&header_encoding);
    receipt.mldsa87 = sample_bytes(AG_MLDSA87_SIGNATURE_SIZE);
    receipt.slhdsa = sample_bytes(AG_SLHDSA_SIGNATURE_SIZE);
    return ag_outcome_receipt_encode(&receipt, out);
}

static inline enum ag_err sample_make_evidence(struct ag_vec *out)
{
    struct ag_evidence evidence = {(uint8_t)(1 + sample_below(7)),
                                   sample_bytes(1 + sample_below(5000))};
    return ag_evidence_encode(&evidence, out);
}

static inline enum ag_err sample_make_collateral(struct ag_vec *out)
{
    struct ag_collateral collateral = {.tcb_info = sample_bytes(sample_below(3000)),
                                       .tcb_info_chain = sample_bytes(sample_below(300)),
                                       .qe_identity = sample_bytes(sample_below(300)),
                                       .qe_identity_chain = sample_bytes(sample_below(300)),
                                       .root_crl = sample_bytes(sample_below(2)),
                                       .pck_crl = sample_bytes(sample_below(300)),
                                       .pck_crl_chain = sample_bytes(sample_below(300)),
                                       .fetched_ms = ag_test_random()};
    return ag_collateral_encode(&collateral, out);
}

static inline enum ag_err sample_make_batch_entries(struct ag_vec *out)
{
    struct ag_vec head AG_SCOPED(ag_vec_close);
    ag_vec_init(&head, 1024);
    AG_TRY(sample_make_head(&head));
    for (int i = 0; i < 3; i++) {
        bool is_included = sample_below(2) != 0;
        struct ag_batch_entry entry = {.outcome = sample_outcome(is_included),
                                       .head = ag_vec_view(&head)};
        if (is_included) {
            entry.payload = sample_bytes(1 + sample_below(300));
        }
        AG_TRY(ag_batch_entry_encode(&entry, out));
    }
    return AG_OK;
}

static inline enum ag_err sample_make_batch_file(struct ag_vec *out)
{
    struct ag_vec entries AG_SCOPED(ag_vec_close);
    ag_vec_init(&entries, 65536);
    AG_TRY(sample_make_batch_entries(&entries));
    struct ag_batch_file file = {.header = sample_bytes(409),
                                 .mldsa87 = sample_bytes(AG_MLDSA87_SIGNATURE_SIZE),
                                 .slhdsa = sample_bytes(AG_SLHDSA_SIGNATURE_SIZE),
                                 .bundle = sample_bytes(sample_below(300)),
                                 .bundle_evidence = sample_bytes(sample_below(300)),
                                 .batch_evidence = sample_bytes(sample_below(300)),
                                 .collateral = sample_bytes(sample_below(300)),
                                 .judged_ms = ag_test_random(),
                                 .entry_count = 3,
                                 .entries = ag_vec_view(&entries)};
    return ag_batch_file_encode(&file, out);
}

static inline enum ag_err sample_make_spool_group(struct ag_vec *out)
{
    struct ag_spool_entry entries[3];
    struct ag_group group = sample_group(3);
    struct ag_vec group_encoding AG_SCOPED(ag_vec_close);
    ag_vec_init(&group_encoding, 1024);
    AG_TRY(ag_group_encode(&group, &group_encoding));
    for (size_t i = 0; i < 3; i++) {
        entries[i] =
            (struct ag_spool_entry){ag_test_random(), sample_bytes(1 + sample_below(3000))};
    }
    struct ag_spool_group spool = {.group = ag_vec_view(&group_encoding),
                                   .signature = sample_bytes(AG_MLDSA87_SIGNATURE_SIZE),
                                   .count = 3};
    return ag_spool_group_encode(&spool, entries, out);
}

static inline enum ag_err sample_make_meta(struct ag_vec *out)
{
    struct ag_meta meta = {.store_format = 1, .chain_id = ag_test_random()};
    ag_test_random_bytes(meta.genesis.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(meta.head_digest.bytes, AG_HASH_SIZE);
    ag_test_random_bytes(meta.last_group_digest.bytes, AG_HASH_SIZE);
    meta.head_number = ag_test_random();
    meta.next_admission = ag_test_random();
    meta.last_group = ag_test_random();
    meta.first_unbatched = meta.next_admission >> 1;
    meta.key_epoch = ag_test_random();
    meta.anchor_counter = ag_test_random();
    return ag_meta_encode(&meta, out);
}

static inline enum ag_err sample_make_outbox_entry(struct ag_vec *out)
{
    struct ag_outbox_entry entry = {1 + sample_below(1000), {{0}}, ag_test_random(), 7};
    ag_test_random_bytes(entry.header_digest.bytes, AG_HASH_SIZE);
    return ag_outbox_entry_encode(&entry, out);
}

static inline enum ag_err sample_make_batch_index(struct ag_vec *out)
{
    struct ag_batch_header header = sample_batch_header();
    struct ag_vec encoding AG_SCOPED(ag_vec_close);
    ag_vec_init(&encoding, 1024);
    AG_TRY(ag_batch_header_encode(&header, &encoding));
    struct ag_batch_index index = {ag_vec_view(&encoding), header.tx_count, ag_test_random()};
    return ag_batch_index_encode(&index, out);
}

static inline enum ag_err sample_make_receipt_index(struct ag_vec *out)
{
    struct ag_receipt_index index = {ag_test_random(), 1 + sample_below(1000),
                                     (uint32_t)sample_below(1024), 1 + sample_below(9),
                                     (uint32_t)sample_below(10000)};
    return ag_receipt_index_encode(&index, out);
}

static const struct wire_message {
    const char *name;
    const char *magic;         /* NULL: nested, begins with a version or with its first field */
    const char *version_field; /* NULL: has none of its own */
    enum ag_err (*make)(struct ag_vec *out);
    wire_again *again;
} wire_messages[] = {
    {"bundle", "AGKB", "version", sample_make_bundle, wire_again_bundle},
    {"head", NULL, "head version", sample_make_head, wire_again_head},
    {"padded head", NULL, "head version", sample_make_head_padded, wire_again_head_padded},
    {"body", NULL, "body version", sample_make_body, wire_again_body},
    {"envelope", "AGEV", "version", sample_make_envelope, wire_again_envelope},
    {"admission group", "AGAG", "version", sample_make_group, wire_again_group},
    {"admission receipt", "AGAR", "version", sample_make_admission_receipt,
     wire_again_admission_receipt},
    {"outcome", NULL, "outcome version", sample_make_outcome, wire_again_outcome},
    {"outcome receipt", "AGOR", "version", sample_make_outcome_receipt, wire_again_outcome_receipt},
    {"batch header", "AGBH", "version", sample_make_batch_header, wire_again_batch_header},
    {"evidence", "AGEE", "version", sample_make_evidence, wire_again_evidence},
    {"collateral", "AGCO", "version", sample_make_collateral, wire_again_collateral},
    {"batch file", "AGBF", "version", sample_make_batch_file, wire_again_batch_file},
    {"spool group", "AGSG", "version", sample_make_spool_group, wire_again_spool_group},
    {"meta", "AGME", "version", sample_make_meta, wire_again_meta},
    {"outbox entry", "AGOB", "version", sample_make_outbox_entry, wire_again_outbox_entry},
    {"batch index", "AGBI", "version", sample_make_batch_index, wire_again_batch_index},
    {"receipt index", "AGRI", "version", sample_make_receipt_index, wire_again_receipt_index},
};

#endif
