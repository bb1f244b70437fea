/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

/* The client's side of an envelope: pad, seal to the node's key, stamp. */

/* Text that only the node may read: the memory is wiped before it is given back. */
static void secret_vec_close(struct ag_vec *vec)
{
    ag_wipe(vec->data, vec->capacity);
    ag_vec_close(vec);
}

static enum ag_err pad_head(const struct ag_head *head, struct ag_vec *out)
{
    size_t class_size = 0;
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_reserve(&wr, ag_wire_class_size(AG_WIRE_HEAD_CLASSES, AG_HEAD_CLASS_COUNT - 1));
    AG_TRY(ag_wr_finish(&wr));
    AG_TRY(ag_head_encode(head, out));
    AG_TRY(ag_wire_class_of(AG_WIRE_HEAD_CLASSES, out->size, NULL, &class_size));
    ag_wr_zeros(&wr, class_size - out->size);
    return ag_wr_finish(&wr);
}

/* Appends `plain` sealed as part `index` to `out`. */
static enum ag_err seal_part(const struct ag_hpke *hpke, uint64_t index, struct ag_bytes aad,
                             struct ag_bytes plain, struct ag_vec *out)
{
    uint8_t *sealed = NULL;
    size_t sealed_size = plain.size + AG_GCM_TAG_SIZE;
    AG_TRY(ag_vec_extend(out, sealed_size, &sealed));
    return ag_hpke_seal_part(hpke, index, aad, plain, (struct ag_buf){sealed, sealed_size});
}

/* The smallest stamp of at least `bits` bits. 1024 times the expected work never fails in practice
 * (chance e^-1024) and still ends. */
static enum ag_err find_stamp(struct ag_bytes whole, unsigned bits, uint64_t *out)
{
    struct ag_id id;
    AG_TRY(ag_hash_id(AG_TAG_ENVELOPE, whole, &id));
    uint64_t limit = UINT64_C(1) << (bits + 10);
    for (uint64_t stamp = 1; stamp <= limit; stamp++) {
        unsigned found = 0;
        AG_TRY(ag_stamp_bits(&id, stamp, &found));
        if (found >= bits) {
            *out = stamp;
            return AG_OK;
        }
    }
    return AG_ERR_CRYPTO;
}

/* Everything before the sealed parts, with `enc` still zero. */
static enum ag_err write_clear(const struct ag_head *head, uint16_t kem, size_t head_size,
                               size_t body_size, struct ag_vec *out)
{
    uint8_t head_class = 0;
    uint8_t body_class = 0;
    AG_TRY(ag_wire_class_of(AG_WIRE_HEAD_CLASSES, head_size, &head_class, &head_size));
    AG_TRY(ag_wire_class_of(AG_WIRE_BODY_CLASSES, body_size, &body_class, &body_size));

    struct ag_wr wr = ag_wr_to(out);
    /* All of the envelope at once: the views that later steps hold into it stay where they are. */
    ag_wr_reserve(&wr, AG_ENVELOPE_CLEAR_SIZE + ag_kem_enc_size((enum ag_kem)kem) + head_size +
                           body_size + 2 * (size_t)AG_GCM_TAG_SIZE + 8);
    ag_wr_magic(&wr, "AGEV", 1);
    ag_wr_u16(&wr, kem);
    ag_wr_u16(&wr, AG_KDF_HKDF_SHA384);
    ag_wr_u16(&wr, AG_AEAD_AES256GCM);
    ag_wr_u64(&wr, head->chain_id);
    ag_wr_u64(&wr, head->key_epoch);
    ag_wr_u8(&wr, head_class);
    ag_wr_u8(&wr, body_class);
    ag_wr_zeros(&wr, ag_kem_enc_size((enum ag_kem)kem));
    return ag_wr_finish(&wr);
}

static enum ag_err seal(const struct ag_host *host, const struct ag_bundle_kem *key,
                        const struct ag_hash *bundle_digest, struct ag_head *head,
                        const struct ag_body *body, struct ag_vec *out)
{
    struct ag_vec head_text AG_SCOPED(secret_vec_close);
    struct ag_vec body_text AG_SCOPED(secret_vec_close);
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    ag_vec_init(&head_text, 768);
    ag_vec_init(&body_text, AG_LIMIT_BODY_BYTES);

    AG_TRY(ag_body_encode(body, &body_text));
    AG_TRY(ag_hash_id(AG_TAG_BODY, ag_vec_view(&body_text), &head->body_id));
    head->payload_kind = body->payload_kind;
    AG_TRY(pad_head(head, &head_text));

    uint8_t info_bytes[AG_HPKE_INFO_SIZE];
    struct ag_hpke_info info;
    ag_hpke_info_bytes(head->chain_id, head->key_epoch, bundle_digest, info_bytes);
    AG_TRY(ag_hpke_info_init(&info, (enum ag_kem)key->kem, AG_ARRAY_VIEW(info_bytes)));

    size_t start = out->size;
    AG_TRY(write_clear(head, key->kem, head_text.size, body_text.size, out));
    size_t clear_size = out->size - start;
    size_t enc_size = ag_kem_enc_size((enum ag_kem)key->kem);
    struct ag_buf enc = {out->data + out->size - enc_size, enc_size};
    AG_TRY(ag_hpke_send(host, (enum ag_kem)key->kem, key->public_key, &info,
                        (struct ag_bytes){NULL, 0}, false, enc, &hpke));

    AG_TRY(seal_part(&hpke, 0, ag_bytes_of(out->data + start, clear_size), ag_vec_view(&head_text),
                     out));
    size_t sealed_head_size = head_text.size + AG_GCM_TAG_SIZE;
    return seal_part(&hpke, 1, ag_bytes_of(out->data + start + clear_size, sealed_head_size),
                     ag_vec_view(&body_text), out);
}

enum ag_err ag_envelope_seal(const struct ag_host *host, const struct ag_bundle *bundle,
                             const struct ag_hash *bundle_digest, uint16_t kem,
                             struct ag_head *head, struct ag_body *body, unsigned stamp_bits,
                             struct ag_vec *out)
{
    const struct ag_bundle_kem *key = ag_bundle_find_kem(bundle, kem);
    AG_ENSURE(key != NULL, AG_ERR_SUITE);
    AG_ENSURE(stamp_bits <= AG_LIMIT_STAMP_BITS, AG_ERR_ARGUMENT);
    head->chain_id = bundle->chain_id;
    head->key_epoch = bundle->key_epoch;
    AG_TRY(host->random(host->context, (struct ag_buf){body->salt, sizeof(body->salt)}));

    size_t start = out->size;
    uint64_t stamp = 0;
    enum ag_err err = seal(host, key, bundle_digest, head, body, out);
    if (err == AG_OK && stamp_bits != 0) {
        err = find_stamp(ag_bytes_of(out->data + start, out->size - start), stamp_bits, &stamp);
    }
    if (err == AG_OK) {
        struct ag_wr wr = ag_wr_to(out);
        ag_wr_u64(&wr, stamp);
        err = ag_wr_finish(&wr);
    }
    if (err != AG_OK) {
        out->size = start;
    }
    return err;
}
