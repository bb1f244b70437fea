/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

#include <string.h>

/* AGKB: magic, version, chain_id, genesis, key_epoch, created_ms, previous, kem count u8, then for
 * each KEM its id and its key, whose size the id fixes; ML-DSA-87 key, SLH-DSA key, posting key. */

_Static_assert(127 + AG_LIMIT_BUNDLE_KEMS * (2 + AG_KEM_PUBLIC_SIZE_MAX) + AG_MLDSA87_PUBLIC_SIZE +
                       AG_SLHDSA_PUBLIC_SIZE + AG_SECP256K1_PUBLIC_SIZE <=
                   AG_LIMIT_BUNDLE_BYTES,
               "the largest bundle is within its limit");

static enum ag_err check(const struct ag_bundle *bundle, struct ag_fault *fault)
{
    if (bundle->kem_count == 0 || bundle->kem_count > AG_LIMIT_BUNDLE_KEMS) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "kem count", AG_LIMIT_BUNDLE_KEMS,
                              bundle->kem_count);
    }
    for (size_t i = 0; i < bundle->kem_count; i++) {
        const struct ag_bundle_kem *kem = &bundle->kems[i];
        if (!ag_kem_is_known(kem->kem)) {
            return ag_fault_set(fault, AG_ERR_SUITE, "kem");
        }
        if (kem->public_key.size != ag_kem_public_size((enum ag_kem)kem->kem)) {
            return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "kem key",
                                  ag_kem_public_size((enum ag_kem)kem->kem), kem->public_key.size);
        }
        if (i != 0 && kem->kem <= kem[-1].kem) {
            return ag_fault_set(fault, AG_ERR_WIRE_ORDER, "kem");
        }
    }
    if (bundle->mldsa87.size != AG_MLDSA87_PUBLIC_SIZE) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "mldsa87", AG_MLDSA87_PUBLIC_SIZE,
                              bundle->mldsa87.size);
    }
    if (bundle->slhdsa.size != AG_SLHDSA_PUBLIC_SIZE) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "slhdsa", AG_SLHDSA_PUBLIC_SIZE,
                              bundle->slhdsa.size);
    }
    if (bundle->posting_key[0] != 0x02 && bundle->posting_key[0] != 0x03) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "posting_key");
    }
    return AG_OK;
}

enum ag_err ag_bundle_encode(const struct ag_bundle *bundle, struct ag_vec *out)
{
    AG_TRY(check(bundle, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGKB", 1);
    ag_wr_u64(&wr, bundle->chain_id);
    ag_wr_bytes(&wr, AG_VIEW(&bundle->genesis));
    ag_wr_u64(&wr, bundle->key_epoch);
    ag_wr_u64(&wr, bundle->created_ms);
    ag_wr_bytes(&wr, AG_VIEW(&bundle->previous));
    ag_wr_u8(&wr, (uint8_t)bundle->kem_count);
    for (size_t i = 0; i < bundle->kem_count; i++) {
        ag_wr_u16(&wr, bundle->kems[i].kem);
        ag_wr_bytes(&wr, bundle->kems[i].public_key);
    }
    ag_wr_bytes(&wr, bundle->mldsa87);
    ag_wr_bytes(&wr, bundle->slhdsa);
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(bundle->posting_key));
    return ag_wr_finish(&wr);
}

enum ag_err ag_bundle_decode(struct ag_bytes in, struct ag_bundle *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_bundle bundle = {0};

    ag_rd_magic(&rd, "AGKB", 1);
    bundle.chain_id = ag_rd_u64(&rd, "chain_id");
    bundle.genesis = ag_rd_hash(&rd, "genesis");
    bundle.key_epoch = ag_rd_u64(&rd, "key_epoch");
    bundle.created_ms = ag_rd_u64(&rd, "created_ms");
    bundle.previous = ag_rd_hash(&rd, "previous");
    bundle.kem_count = ag_rd_u8(&rd, "kem count");
    if (bundle.kem_count == 0 || bundle.kem_count > AG_LIMIT_BUNDLE_KEMS) {
        ag_rd_refuse_limit(&rd, AG_ERR_WIRE_LIMIT, "kem count", AG_LIMIT_BUNDLE_KEMS,
                           bundle.kem_count);
    }
    for (size_t i = 0; i < bundle.kem_count && ag_rd_is_ok(&rd); i++) {
        struct ag_bundle_kem *kem = &bundle.kems[i];
        kem->kem = ag_rd_u16(&rd, "kem");
        if (!ag_kem_is_known(kem->kem)) {
            ag_rd_refuse(&rd, AG_ERR_SUITE, "kem");
            break;
        }
        kem->public_key = ag_rd_fixed(&rd, ag_kem_public_size((enum ag_kem)kem->kem), "kem key");
    }
    bundle.mldsa87 = ag_rd_fixed(&rd, AG_MLDSA87_PUBLIC_SIZE, "mldsa87");
    bundle.slhdsa = ag_rd_fixed(&rd, AG_SLHDSA_PUBLIC_SIZE, "slhdsa");
    ag_rd_copy(&rd, bundle.posting_key, sizeof(bundle.posting_key), "posting_key");
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(check(&bundle, fault));

    *out = bundle;
    return AG_OK;
}

enum ag_err ag_bundle_digest(struct ag_bytes encoding, struct ag_hash *out)
{
    return ag_hash_one(AG_TAG_BUNDLE, encoding, out);
}

const struct ag_bundle_kem *ag_bundle_find_kem(const struct ag_bundle *bundle, uint16_t kem)
{
    for (size_t i = 0; i < bundle->kem_count; i++) {
        if (bundle->kems[i].kem == kem) {
            return &bundle->kems[i];
        }
    }
    return NULL;
}

void ag_hpke_info_bytes(uint64_t chain_id, uint64_t key_epoch, const struct ag_hash *bundle_digest,
                        uint8_t out[AG_HPKE_INFO_SIZE])
{
    /* The terminator of the literal is the 00 after the label. */
    static const char label[] = "aegis/v1/envelope";
    _Static_assert(sizeof(label) + 2 + 8 + 8 + AG_HASH_SIZE == AG_HPKE_INFO_SIZE, "info layout");

    memcpy(out, label, sizeof(label));
    uint8_t *at = ag_wire_put_u16(out + sizeof(label), 1);
    at = ag_wire_put_u64(at, chain_id);
    at = ag_wire_put_u64(at, key_epoch);
    memcpy(at, bundle_digest->bytes, AG_HASH_SIZE);
}

enum ag_err ag_wire_bundle_match(struct ag_bytes bundle_encoding, const struct ag_hash *named,
                                 uint64_t chain_id, uint64_t key_epoch, struct ag_bundle *out,
                                 struct ag_fault *fault)
{
    struct ag_hash digest;
    AG_TRY(ag_bundle_decode(bundle_encoding, out, fault));
    AG_TRY(ag_bundle_digest(bundle_encoding, &digest));
    if (!ag_bytes_equal(AG_VIEW(&digest), AG_VIEW(named))) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "bundle_digest");
    }
    if (out->chain_id != chain_id) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "chain_id");
    }
    if (out->key_epoch != key_epoch) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "key_epoch");
    }
    return AG_OK;
}
