/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include <openssl/core_names.h>

#include "crypto/crypto_i.h"

/* kem: ML-KEM-1024 [FIPS203] alone (0x0042), and with P-384 beside it (0x0051)
 * [draft-ietf-hpke-pq, draft-irtf-cfrg-concrete-hybrid-kems]:
 *
 *     expand(seed):  x = SHAKE256(seed, 112);  ML-KEM from x[0..64];  scalar = x[64..112]
 *     public key     ekP (1568) | ekT (97)
 *     enc            ctP (1568) | ctT (97)
 *     secret         SHA3-256(ssP | ssT | ctT | ekT | "MLKEM1024-P384")
 *
 * Only the point halves enter the hash, since ML-KEM binds its own ciphertext and key. */

#define MLKEM_PUBLIC_SIZE     1568u
#define MLKEM_SEED_SIZE       64u
#define HYBRID_SEED_SIZE      32u
#define MLKEM_RANDOMNESS_SIZE 32u
static const char combiner_label[] = "MLKEM1024-P384";
static const char mlkem_name[] = "ML-KEM-1024";

struct ag_kem_key {
    enum ag_kem kem;
    EVP_PKEY *mlkem;
    EVP_PKEY *p384; /* NULL without the hybrid */
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
};

struct ag_kem_work {
    const struct ag_kem_key *key;
    EVP_PKEY_CTX *decap;
    EVP_PKEY_CTX *derive; /* NULL without the hybrid, as is the next */
    EVP_PKEY *peer;       /* its point is replaced for every message */
};

/* ---- sizes ---- */

bool ag_kem_is_known(uint16_t kem)
{
    return kem == AG_KEM_MLKEM1024 || kem == AG_KEM_MLKEM1024_P384;
}

size_t ag_kem_public_size(enum ag_kem kem)
{
    AG_ASSERT(ag_kem_is_known((uint16_t)kem));
    return kem == AG_KEM_MLKEM1024 ? MLKEM_PUBLIC_SIZE : MLKEM_PUBLIC_SIZE + AG_P384_POINT_SIZE;
}

size_t ag_kem_enc_size(enum ag_kem kem)
{
    AG_ASSERT(ag_kem_is_known((uint16_t)kem));
    return kem == AG_KEM_MLKEM1024 ? AG_MLKEM1024_CT_SIZE
                                   : AG_MLKEM1024_CT_SIZE + AG_P384_POINT_SIZE;
}

size_t ag_kem_seed_size(enum ag_kem kem)
{
    AG_ASSERT(ag_kem_is_known((uint16_t)kem));
    return kem == AG_KEM_MLKEM1024 ? MLKEM_SEED_SIZE : HYBRID_SEED_SIZE;
}

size_t ag_kem_randomness_size(enum ag_kem kem)
{
    AG_ASSERT(ag_kem_is_known((uint16_t)kem));
    return kem == AG_KEM_MLKEM1024 ? MLKEM_RANDOMNESS_SIZE
                                   : MLKEM_RANDOMNESS_SIZE + AG_P384_SCALAR_SIZE;
}

/* ---- private keys ---- */

/* The expanded seed of the hybrid. */
struct expanded {
    uint8_t bytes[MLKEM_SEED_SIZE + AG_P384_SCALAR_SIZE];
};

static void wipe_expanded(struct expanded *expanded)
{
    ag_wipe(expanded, sizeof(*expanded));
}

static enum ag_err open_hybrid(struct ag_kem_key *key, struct ag_bytes seed)
{
    struct expanded x AG_SCOPED(wipe_expanded) = {0};
    uint8_t *point = key->public_key + MLKEM_PUBLIC_SIZE;
    const uint8_t *scalar = x.bytes + MLKEM_SEED_SIZE;

    AG_TRY(
        ag_crypto_hash_secret(AG_MD_SHAKE256, &seed, 1, (struct ag_buf){x.bytes, sizeof(x.bytes)}));
    AG_TRY(ag_crypto_key_from_seed(mlkem_name, ag_bytes_of(x.bytes, MLKEM_SEED_SIZE), &key->mlkem));
    AG_TRY(ag_ec_public(AG_CURVE_P384, scalar, point));
    return ag_ec_key(AG_CURVE_P384, scalar, point, &key->p384);
}

static enum ag_err open_key(struct ag_kem_key *key, struct ag_bytes seed)
{
    size_t size = 0;
    if (key->kem == AG_KEM_MLKEM1024) {
        AG_TRY(ag_crypto_key_from_seed(mlkem_name, seed, &key->mlkem));
    } else {
        AG_TRY(open_hybrid(key, seed));
    }
    AG_ENSURE(EVP_PKEY_get_octet_string_param(key->mlkem, OSSL_PKEY_PARAM_PUB_KEY, key->public_key,
                                              MLKEM_PUBLIC_SIZE, &size) == 1 &&
                  size == MLKEM_PUBLIC_SIZE,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_kem_key_open(enum ag_kem kem, struct ag_bytes seed, struct ag_kem_key **out)
{
    AG_ENSURE(ag_kem_is_known((uint16_t)kem), AG_ERR_SUITE);
    AG_ENSURE(seed.size == ag_kem_seed_size(kem), AG_ERR_KEY);
    struct ag_kem_key *key = ag_alloc(sizeof(*key));
    AG_ENSURE(key != NULL, AG_ERR_NO_MEMORY);
    key->kem = kem;
    enum ag_err err = open_key(key, seed);
    if (err != AG_OK) {
        ag_kem_key_close(key);
        return err;
    }
    *out = key;
    return AG_OK;
}

void ag_kem_key_close(struct ag_kem_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->mlkem);
        EVP_PKEY_free(key->p384);
        ag_free(key);
    }
}

enum ag_err ag_kem_key_public(const struct ag_kem_key *key, struct ag_buf out)
{
    AG_ENSURE(out.size == ag_kem_public_size(key->kem), AG_ERR_ARGUMENT);
    memcpy(out.data, key->public_key, out.size);
    return AG_OK;
}

/* SHAKE256.LabeledDerive(ikm, "DeriveKeyPair", "", size) [draft-ietf-hpke-pq]. */
enum ag_err ag_kem_derive_seed(enum ag_kem kem, struct ag_bytes ikm, struct ag_buf out)
{
    AG_ENSURE(ag_kem_is_known((uint16_t)kem), AG_ERR_SUITE);
    AG_ENSURE(out.size == ag_kem_seed_size(kem), AG_ERR_ARGUMENT);
    static const char label[] = "DeriveKeyPair";
    const uint8_t suite[] = {'K', 'E', 'M', (uint8_t)((unsigned)kem >> 8), (uint8_t)kem};
    const uint8_t label_size[] = {0, sizeof(label) - 1u};
    const uint8_t size[] = {(uint8_t)(out.size >> 8), (uint8_t)out.size};
    const struct ag_bytes parts[] = {
        ikm,
        AG_LITERAL("HPKE-v1"),
        AG_ARRAY_VIEW(suite),
        AG_ARRAY_VIEW(label_size),
        AG_LITERAL(label),
        AG_ARRAY_VIEW(size),
    };
    return ag_crypto_hash_secret(AG_MD_SHAKE256, parts, AG_COUNT(parts), out);
}

/* ---- decapsulation ---- */

static enum ag_err open_work(struct ag_kem_work *work)
{
    const struct ag_kem_key *key = work->key;
    OSSL_LIB_CTX *library = ag_crypto_get()->library;
    work->decap = EVP_PKEY_CTX_new_from_pkey(library, key->mlkem, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(work->decap != NULL && EVP_PKEY_decapsulate_init(work->decap, NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    if (key->p384 == NULL) {
        return AG_OK;
    }
    work->derive = EVP_PKEY_CTX_new_from_pkey(library, key->p384, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(work->derive != NULL && EVP_PKEY_derive_init(work->derive) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return ag_ec_peer(AG_CURVE_P384, key->public_key + MLKEM_PUBLIC_SIZE, &work->peer);
}

enum ag_err ag_kem_work_open(const struct ag_kem_key *key, struct ag_kem_work **out)
{
    struct ag_kem_work *work = ag_alloc(sizeof(*work));
    AG_ENSURE(work != NULL, AG_ERR_NO_MEMORY);
    work->key = key;
    enum ag_err err = open_work(work);
    if (err != AG_OK) {
        ag_kem_work_close(work);
        return err;
    }
    *out = work;
    return AG_OK;
}

void ag_kem_work_close(struct ag_kem_work *work)
{
    if (work != NULL) {
        EVP_PKEY_CTX_free(work->decap);
        EVP_PKEY_CTX_free(work->derive);
        EVP_PKEY_free(work->peer);
        ag_free(work);
    }
}

enum ag_kem ag_kem_work_kem(const struct ag_kem_work *work)
{
    return work->key->kem;
}

/* Both halves before they are combined. */
struct halves {
    uint8_t mlkem[AG_KEM_SECRET_SIZE];
    uint8_t p384[AG_P384_SCALAR_SIZE];
};

static void wipe_halves(struct halves *halves)
{
    ag_wipe(halves, sizeof(*halves));
}

static enum ag_err combine(const struct halves *halves, const uint8_t *ct_point,
                           const uint8_t *ek_point, uint8_t out[AG_KEM_SECRET_SIZE])
{
    const struct ag_bytes parts[] = {
        AG_ARRAY_VIEW(halves->mlkem),
        AG_ARRAY_VIEW(halves->p384),
        ag_bytes_of(ct_point, AG_P384_POINT_SIZE),
        ag_bytes_of(ek_point, AG_P384_POINT_SIZE),
        AG_LITERAL(combiner_label),
    };
    return ag_crypto_hash_secret(AG_MD_SHA3_256, parts, AG_COUNT(parts),
                                 (struct ag_buf){out, AG_KEM_SECRET_SIZE});
}

/* Never fails for a right length: a wrong ciphertext gives another secret (implicit rejection). */
static enum ag_err decap_mlkem(struct ag_kem_work *work, const uint8_t *ct,
                               uint8_t out[AG_KEM_SECRET_SIZE])
{
    size_t size = AG_KEM_SECRET_SIZE;
    AG_ENSURE(EVP_PKEY_decapsulate(work->decap, out, &size, ct, AG_MLKEM1024_CT_SIZE) == 1 &&
                  size == AG_KEM_SECRET_SIZE,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_kem_decap(struct ag_kem_work *work, struct ag_bytes enc,
                         uint8_t out[AG_KEM_SECRET_SIZE])
{
    AG_ENSURE(enc.size == ag_kem_enc_size(work->key->kem), AG_ERR_OPEN);
    if (work->key->kem == AG_KEM_MLKEM1024) {
        return decap_mlkem(work, enc.data, out);
    }
    struct halves halves AG_SCOPED(wipe_halves) = {0};
    const uint8_t *ct_point = enc.data + AG_MLKEM1024_CT_SIZE;
    const uint8_t *ek_point = work->key->public_key + MLKEM_PUBLIC_SIZE;
    bool is_point = false;
    AG_TRY(decap_mlkem(work, enc.data, halves.mlkem));
    AG_TRY(ag_p384_exchange(work->derive, work->peer, ek_point, ct_point, halves.p384, &is_point));
    AG_TRY(combine(&halves, ct_point, ek_point, out));
    if (!is_point) {
        ag_wipe(out, AG_KEM_SECRET_SIZE);
        return AG_ERR_OPEN;
    }
    return AG_OK;
}

/* ---- encapsulation ---- */

struct mlkem_randomness {
    uint8_t bytes[MLKEM_RANDOMNESS_SIZE];
};

static void wipe_randomness(struct mlkem_randomness *randomness)
{
    ag_wipe(randomness, sizeof(*randomness));
}

/* The randomness is ours, so that it is mixed as key material is and vectors can choose it. */
static enum ag_err encap_mlkem(struct ag_bytes public_key, const uint8_t *randomness, uint8_t *ct,
                               uint8_t out[AG_KEM_SECRET_SIZE])
{
    OSSL_LIB_CTX *library = ag_crypto_get()->library;
    struct mlkem_randomness m AG_SCOPED(wipe_randomness) = {0};
    memcpy(m.bytes, randomness, sizeof(m.bytes));
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KEM_PARAM_IKME, m.bytes, sizeof(m.bytes)),
        OSSL_PARAM_construct_end(),
    };
    /* Refuses a coefficient that is not below q [FIPS203 7.2]. */
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = EVP_PKEY_new_raw_public_key_ex(
        library, mlkem_name, AG_CRYPTO_PROPERTIES, public_key.data, MLKEM_PUBLIC_SIZE);
    AG_ENSURE(key != NULL, ag_crypto_failed(AG_ERR_KEY));
    EVP_PKEY_CTX *context AG_SCOPED(ag_crypto_pkey_ctx_cleanup) =
        EVP_PKEY_CTX_new_from_pkey(library, key, AG_CRYPTO_PROPERTIES);
    size_t ct_size = AG_MLKEM1024_CT_SIZE;
    size_t size = AG_KEM_SECRET_SIZE;
    AG_ENSURE(context != NULL && EVP_PKEY_encapsulate_init(context, params) == 1 &&
                  EVP_PKEY_encapsulate(context, ct, &ct_size, out, &size) == 1 &&
                  ct_size == AG_MLKEM1024_CT_SIZE && size == AG_KEM_SECRET_SIZE,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

/* Writes our ephemeral point and the shared x coordinate. */
static enum ag_err encap_p384(const uint8_t *ek_point, const uint8_t *scalar, uint8_t *ct_point,
                              uint8_t out[AG_P384_SCALAR_SIZE])
{
    EVP_PKEY *peer AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    EVP_PKEY *ours AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    AG_TRY(ag_ec_peer(AG_CURVE_P384, ek_point, &peer));
    AG_TRY(ag_ec_public(AG_CURVE_P384, scalar, ct_point));
    AG_TRY(ag_ec_key(AG_CURVE_P384, scalar, ct_point, &ours));
    EVP_PKEY_CTX *derive AG_SCOPED(ag_crypto_pkey_ctx_cleanup) =
        EVP_PKEY_CTX_new_from_pkey(ag_crypto_get()->library, ours, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(derive != NULL && EVP_PKEY_derive_init(derive) == 1, ag_crypto_failed(AG_ERR_CRYPTO));
    return ag_p384_derive(derive, peer, out);
}

enum ag_err ag_kem_encap(enum ag_kem kem, struct ag_bytes public_key, struct ag_bytes randomness,
                         struct ag_buf out_enc, uint8_t out[AG_KEM_SECRET_SIZE])
{
    AG_ENSURE(ag_kem_is_known((uint16_t)kem), AG_ERR_SUITE);
    AG_ENSURE(public_key.size == ag_kem_public_size(kem), AG_ERR_KEY);
    AG_ENSURE(randomness.size == ag_kem_randomness_size(kem), AG_ERR_ARGUMENT);
    AG_ENSURE(out_enc.size == ag_kem_enc_size(kem), AG_ERR_ARGUMENT);
    if (kem == AG_KEM_MLKEM1024) {
        return encap_mlkem(public_key, randomness.data, out_enc.data, out);
    }
    struct halves halves AG_SCOPED(wipe_halves) = {0};
    uint8_t *ct_point = out_enc.data + AG_MLKEM1024_CT_SIZE;
    const uint8_t *ek_point = public_key.data + MLKEM_PUBLIC_SIZE;
    AG_TRY(encap_mlkem(public_key, randomness.data, out_enc.data, halves.mlkem));
    AG_TRY(encap_p384(ek_point, randomness.data + MLKEM_RANDOMNESS_SIZE, ct_point, halves.p384));
    return combine(&halves, ct_point, ek_point, out);
}
