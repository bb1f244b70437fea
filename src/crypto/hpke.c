/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include "crypto/crypto_i.h"

/* hpke: the key schedule of base mode and the parts of a message [RFC9180 5.1, 5.2]. KDF and AEAD
 * are fixed: HKDF-SHA384 and AES-256-GCM. The KEM stands in kem.c. */

#define SUITE_ID_SIZE 10u

struct suite_id {
    uint8_t bytes[SUITE_ID_SIZE];
};

/* "HPKE" | KEM | KDF | AEAD, two bytes each. */
static struct suite_id suite_of(enum ag_kem kem)
{
    return (struct suite_id){{'H', 'P', 'K', 'E', (uint8_t)((unsigned)kem >> 8), (uint8_t)kem,
                              AG_KDF_HKDF_SHA384 >> 8, AG_KDF_HKDF_SHA384, AG_AEAD_AES256GCM >> 8,
                              AG_AEAD_AES256GCM}};
}

bool ag_hpke_suite_is_known(uint16_t kem, uint16_t kdf, uint16_t aead)
{
    return ag_kem_is_known(kem) && kdf == AG_KDF_HKDF_SHA384 && aead == AG_AEAD_AES256GCM;
}

/* LabeledExtract(salt, label, ikm) [RFC9180 4]. */
static enum ag_err labeled_extract(const struct suite_id *suite, struct ag_bytes salt,
                                   struct ag_bytes label, struct ag_bytes ikm,
                                   uint8_t out[AG_HASH_SIZE])
{
    struct ag_hmac hmac AG_SCOPED(ag_hmac_wipe) = {0};
    const struct ag_bytes parts[] = {AG_LITERAL("HPKE-v1"), AG_VIEW(suite), label, ikm};
    AG_TRY(ag_hmac_init(&hmac, AG_MD_SHA384, salt));
    return ag_hmac_run(&hmac, parts, AG_COUNT(parts), out);
}

/* LabeledExpand(prk, label, info, L), with HMAC keyed by prk already. */
static enum ag_err labeled_expand(const struct ag_hmac *prk, const struct suite_id *suite,
                                  struct ag_bytes label, struct ag_bytes info, struct ag_buf out)
{
    AG_ENSURE(out.size <= UINT16_MAX, AG_ERR_ARGUMENT);
    const uint8_t size[] = {(uint8_t)(out.size >> 8), (uint8_t)out.size};
    const struct ag_bytes parts[] = {AG_ARRAY_VIEW(size), AG_LITERAL("HPKE-v1"), AG_VIEW(suite),
                                     label, info};
    return ag_hmac_expand(prk, parts, AG_COUNT(parts), out);
}

enum ag_err ag_hpke_info_init(struct ag_hpke_info *out, enum ag_kem kem, struct ag_bytes info)
{
    AG_ENSURE(ag_kem_is_known((uint16_t)kem), AG_ERR_SUITE);
    const struct suite_id suite = suite_of(kem);
    const struct ag_bytes none = {NULL, 0};
    struct ag_hpke_info made = {.kem = kem};
    made.context[0] = 0; /* base mode */
    AG_TRY(labeled_extract(&suite, none, AG_LITERAL("psk_id_hash"), none, made.context + 1));
    AG_TRY(labeled_extract(&suite, none, AG_LITERAL("info_hash"), info,
                           made.context + 1 + AG_HASH_SIZE));
    *out = made;
    return AG_OK;
}

void ag_hpke_wipe(struct ag_hpke *hpke)
{
    ag_wipe(hpke, sizeof(*hpke));
}

struct schedule_secret {
    uint8_t bytes[AG_HASH_SIZE];
};

static void wipe_schedule_secret(struct schedule_secret *secret)
{
    ag_wipe(secret, sizeof(*secret));
}

enum ag_err ag_hpke_schedule(const struct ag_hpke_info *info,
                             const uint8_t secret[AG_KEM_SECRET_SIZE], bool want_exporter,
                             struct ag_hpke *out)
{
    struct schedule_secret prk AG_SCOPED(wipe_schedule_secret) = {0};
    struct ag_hpke made AG_SCOPED(ag_hpke_wipe) = {.kem = info->kem, .has_exporter = want_exporter};
    const struct suite_id suite = suite_of(info->kem);
    const struct ag_bytes context = AG_ARRAY_VIEW(info->context);
    const struct ag_bytes no_psk = {NULL, 0};

    AG_TRY(labeled_extract(&suite, ag_bytes_of(secret, AG_KEM_SECRET_SIZE), AG_LITERAL("secret"),
                           no_psk, prk.bytes));
    struct ag_hmac hmac AG_SCOPED(ag_hmac_wipe) = {0};
    AG_TRY(ag_hmac_init(&hmac, AG_MD_SHA384, AG_ARRAY_VIEW(prk.bytes)));
    AG_TRY(labeled_expand(&hmac, &suite, AG_LITERAL("key"), context,
                          (struct ag_buf){made.key.bytes, sizeof(made.key.bytes)}));
    AG_TRY(labeled_expand(&hmac, &suite, AG_LITERAL("base_nonce"), context,
                          (struct ag_buf){made.base_nonce, sizeof(made.base_nonce)}));
    if (want_exporter) {
        AG_TRY(labeled_expand(&hmac, &suite, AG_LITERAL("exp"), context,
                              (struct ag_buf){made.exporter, sizeof(made.exporter)}));
    }
    *out = made;
    return AG_OK;
}

/* ---- receiver and sender ---- */

struct shared {
    uint8_t bytes[AG_KEM_SECRET_SIZE];
};

static void wipe_shared(struct shared *shared)
{
    ag_wipe(shared, sizeof(*shared));
}

static enum ag_err receive(struct ag_kem_work *work, const struct ag_hpke_info *info,
                           struct ag_bytes enc, bool want_exporter, struct ag_hpke *out)
{
    struct shared shared AG_SCOPED(wipe_shared) = {0};
    AG_ENSURE(info->kem == ag_kem_work_kem(work), AG_ERR_SUITE);
    AG_TRY(ag_kem_decap(work, enc, shared.bytes));
    return ag_hpke_schedule(info, shared.bytes, want_exporter, out);
}

enum ag_err ag_hpke_receive(struct ag_kem_work *work, const struct ag_hpke_info *info,
                            struct ag_bytes enc, bool want_exporter, struct ag_hpke *out)
{
    enum ag_err err = receive(work, info, enc, want_exporter, out);
    if (err != AG_OK) {
        ag_hpke_wipe(out);
    }
    return err;
}

/* Randomness of one encapsulation. */
struct randomness {
    uint8_t bytes[32 + AG_P384_SCALAR_SIZE];
};

static void wipe_randomness(struct randomness *randomness)
{
    ag_wipe(randomness, sizeof(*randomness));
}

struct enc {
    uint8_t bytes[AG_KEM_ENC_SIZE_MAX];
};

static enum ag_err send(const struct ag_host *host, enum ag_kem kem, struct ag_bytes public_key,
                        const struct ag_hpke_info *info, struct ag_bytes test_randomness,
                        bool want_exporter, struct ag_buf out_enc, struct ag_hpke *out)
{
    struct randomness random AG_SCOPED(wipe_randomness) = {0};
    struct shared shared AG_SCOPED(wipe_shared) = {0};
    struct enc enc = {0};
    size_t size = ag_kem_randomness_size(kem);

    AG_ASSERT(size <= sizeof(random.bytes));
    if (test_randomness.size != 0) {
        AG_ENSURE(test_randomness.size == size, AG_ERR_ARGUMENT);
        memcpy(random.bytes, test_randomness.data, size);
    } else {
        AG_TRY(ag_random_key(host, (struct ag_buf){random.bytes, size}));
    }
    AG_TRY(ag_kem_encap(kem, public_key, ag_bytes_of(random.bytes, size),
                        (struct ag_buf){enc.bytes, out_enc.size}, shared.bytes));
    AG_TRY(ag_hpke_schedule(info, shared.bytes, want_exporter, out));
    memcpy(out_enc.data, enc.bytes, out_enc.size);
    return AG_OK;
}

enum ag_err ag_hpke_send(const struct ag_host *host, enum ag_kem kem, struct ag_bytes public_key,
                         const struct ag_hpke_info *info, struct ag_bytes test_randomness,
                         bool want_exporter, struct ag_buf out_enc, struct ag_hpke *out)
{
    enum ag_err err = AG_ERR_SUITE;
    if (ag_kem_is_known((uint16_t)kem) && info->kem == kem) {
        err = AG_ERR_ARGUMENT;
        if (out_enc.size == ag_kem_enc_size(kem)) {
            err = send(host, kem, public_key, info, test_randomness, want_exporter, out_enc, out);
        }
    }
    if (err != AG_OK) {
        ag_hpke_wipe(out);
    }
    return err;
}

/* ---- parts ---- */

/* base_nonce xor I2OSP(index, 12) [RFC9180 5.2]. */
static void part_nonce(const struct ag_hpke *hpke, uint64_t index, uint8_t out[AG_GCM_NONCE_SIZE])
{
    memcpy(out, hpke->base_nonce, AG_GCM_NONCE_SIZE);
    for (size_t i = 0; i < sizeof(index); i++) {
        out[AG_GCM_NONCE_SIZE - 1u - i] ^= (uint8_t)(index >> (8u * i));
    }
}

enum ag_err ag_hpke_seal_part(const struct ag_hpke *hpke, uint64_t index, struct ag_bytes aad,
                              struct ag_bytes plain, struct ag_buf out)
{
    uint8_t nonce[AG_GCM_NONCE_SIZE];
    part_nonce(hpke, index, nonce);
    return ag_gcm_seal(&hpke->key, nonce, aad, plain, out);
}

enum ag_err ag_hpke_open_part(const struct ag_hpke *hpke, uint64_t index, struct ag_bytes aad,
                              struct ag_bytes sealed, struct ag_buf out)
{
    uint8_t nonce[AG_GCM_NONCE_SIZE];
    part_nonce(hpke, index, nonce);
    return ag_gcm_open(&hpke->key, nonce, aad, sealed, out);
}

enum ag_err ag_hpke_export(const struct ag_hpke *hpke, struct ag_bytes context, struct ag_buf out)
{
    AG_ENSURE(hpke->has_exporter, AG_ERR_ARGUMENT);
    const struct suite_id suite = suite_of(hpke->kem);
    struct ag_hmac hmac AG_SCOPED(ag_hmac_wipe) = {0};
    AG_TRY(ag_hmac_init(&hmac, AG_MD_SHA384, AG_ARRAY_VIEW(hpke->exporter)));
    return labeled_expand(&hmac, &suite, AG_LITERAL("sec"), context, out);
}
