/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

#include <string.h>

/* AGEV, in clear: magic, version, kem, kdf, aead, chain_id, key_epoch, head class u8, body class
 * u8, enc; then sealed_head, sealed_body and the stamp. The suite and the classes fix every size,
 * so there are no lengths. */

_Static_assert(AG_ENVELOPE_CLEAR_SIZE + AG_KEM_ENC_SIZE_MAX + 768 + 131072 + 2 * AG_GCM_TAG_SIZE +
                       8 <=
                   AG_LIMIT_ENVELOPE_BYTES,
               "the largest envelope is within its limit");

size_t ag_wire_class_size(enum ag_wire_classes classes, size_t index)
{
    if (classes == AG_WIRE_HEAD_CLASSES) {
        return index < AG_HEAD_CLASS_COUNT ? ag_head_classes[index] : 0;
    }
    return index < AG_BODY_CLASS_COUNT ? ag_body_classes[index] : 0;
}

enum ag_err ag_wire_class_of(enum ag_wire_classes classes, size_t size, uint8_t *out_index,
                             size_t *out_size)
{
    for (uint8_t i = 0; ag_wire_class_size(classes, i) != 0; i++) {
        if (size <= ag_wire_class_size(classes, i)) {
            if (out_index != NULL) {
                *out_index = i;
            }
            *out_size = ag_wire_class_size(classes, i);
            return AG_OK;
        }
    }
    return AG_ERR_WIRE_LIMIT;
}

static bool is_suite_known(uint16_t kem, uint16_t kdf, uint16_t aead)
{
    return ag_kem_is_known(kem) && kdf == AG_KDF_HKDF_SHA384 && aead == AG_AEAD_AES256GCM;
}

/* The index of the class whose sealed form has exactly `sealed_size` bytes. */
static enum ag_err class_index(enum ag_wire_classes classes, size_t sealed_size, uint8_t *out)
{
    for (uint8_t i = 0; ag_wire_class_size(classes, i) != 0; i++) {
        if (sealed_size == ag_wire_class_size(classes, i) + AG_GCM_TAG_SIZE) {
            *out = i;
            return AG_OK;
        }
    }
    return AG_ERR_WIRE_VALUE;
}

enum ag_err ag_envelope_encode(const struct ag_envelope *envelope, struct ag_vec *out)
{
    uint8_t head_class = 0;
    uint8_t body_class = 0;
    AG_ENSURE(is_suite_known(envelope->kem, envelope->kdf, envelope->aead), AG_ERR_SUITE);
    AG_ENSURE(envelope->enc.size == ag_kem_enc_size((enum ag_kem)envelope->kem), AG_ERR_WIRE_VALUE);
    AG_TRY(class_index(AG_WIRE_HEAD_CLASSES, envelope->sealed_head.size, &head_class));
    AG_TRY(class_index(AG_WIRE_BODY_CLASSES, envelope->sealed_body.size, &body_class));

    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGEV", 1);
    ag_wr_u16(&wr, envelope->kem);
    ag_wr_u16(&wr, envelope->kdf);
    ag_wr_u16(&wr, envelope->aead);
    ag_wr_u64(&wr, envelope->chain_id);
    ag_wr_u64(&wr, envelope->key_epoch);
    ag_wr_u8(&wr, head_class);
    ag_wr_u8(&wr, body_class);
    ag_wr_bytes(&wr, envelope->enc);
    ag_wr_bytes(&wr, envelope->sealed_head);
    ag_wr_bytes(&wr, envelope->sealed_body);
    ag_wr_u64(&wr, envelope->stamp);
    return ag_wr_finish(&wr);
}

static size_t read_class(struct ag_rd *rd, enum ag_wire_classes classes, const char *field)
{
    uint8_t index = ag_rd_u8(rd, field);
    size_t size = ag_wire_class_size(classes, index);
    if (size == 0) {
        size_t last =
            (classes == AG_WIRE_HEAD_CLASSES ? AG_HEAD_CLASS_COUNT : AG_BODY_CLASS_COUNT) - 1u;
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_VALUE, field, last, index);
    }
    return size;
}

enum ag_err ag_envelope_decode(struct ag_bytes in, struct ag_envelope *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_envelope envelope = {0};

    ag_rd_magic(&rd, "AGEV", 1);
    envelope.kem = ag_rd_u16(&rd, "kem");
    envelope.kdf = ag_rd_u16(&rd, "kdf");
    envelope.aead = ag_rd_u16(&rd, "aead");
    if (!is_suite_known(envelope.kem, envelope.kdf, envelope.aead)) {
        ag_rd_refuse(&rd, AG_ERR_SUITE, "suite");
    }
    envelope.chain_id = ag_rd_u64(&rd, "chain_id");
    envelope.key_epoch = ag_rd_u64(&rd, "key_epoch");
    size_t head_size = read_class(&rd, AG_WIRE_HEAD_CLASSES, "head class");
    size_t body_size = read_class(&rd, AG_WIRE_BODY_CLASSES, "body class");
    if (ag_rd_is_ok(&rd)) {
        envelope.enc = ag_rd_fixed(&rd, ag_kem_enc_size((enum ag_kem)envelope.kem), "enc");
    }
    envelope.clear = ag_bytes_head(in, in.size - rd.rest.size);
    envelope.sealed_head = ag_rd_fixed(&rd, head_size + AG_GCM_TAG_SIZE, "sealed_head");
    envelope.sealed_body = ag_rd_fixed(&rd, body_size + AG_GCM_TAG_SIZE, "sealed_body");
    envelope.whole = ag_bytes_head(in, in.size - rd.rest.size);
    envelope.stamp = ag_rd_u64(&rd, "stamp");
    AG_TRY(ag_rd_finish(&rd, fault));

    *out = envelope;
    return AG_OK;
}

enum ag_err ag_envelope_id(const struct ag_envelope *envelope, struct ag_id *out)
{
    return ag_hash_id(AG_TAG_ENVELOPE, envelope->whole, out);
}

enum ag_err ag_stamp_bits(const struct ag_id *envelope_id, uint64_t stamp, unsigned *out_bits)
{
    uint8_t number[8];
    uint8_t digest[32];
    ag_wire_put_u64(number, stamp);
    const char *label = ag_tag_label(AG_TAG_STAMP);
    const struct ag_bytes parts[3] = {ag_bytes_of(label, strlen(label)), AG_VIEW(envelope_id),
                                      AG_ARRAY_VIEW(number)};
    AG_TRY(ag_sha256(parts, 3, digest));

    unsigned bits = 0;
    for (size_t i = 0; i < sizeof(digest); i++) {
        if (digest[i] != 0) {
            bits += (unsigned)__builtin_clz(digest[i]) - 24u;
            break;
        }
        bits += 8;
    }
    *out_bits = bits;
    return AG_OK;
}
