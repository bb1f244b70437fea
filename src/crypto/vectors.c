/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/vectors_i.h"

#include <string.h>

#include <openssl/core_names.h>

/* ---- keys ---- */

static enum ag_err keep(EVP_PKEY *key, EVP_PKEY **out)
{
    AG_ENSURE(key != NULL, ag_crypto_failed(AG_ERR_KEY));
    *out = key;
    return AG_OK;
}

enum ag_err ag_vector_private(const char *name, struct ag_bytes bytes, EVP_PKEY **out)
{
    return keep(EVP_PKEY_new_raw_private_key_ex(ag_crypto_get()->library, name,
                                                AG_CRYPTO_PROPERTIES, bytes.data, bytes.size),
                out);
}

enum ag_err ag_vector_public(const char *name, struct ag_bytes bytes, EVP_PKEY **out)
{
    return keep(EVP_PKEY_new_raw_public_key_ex(ag_crypto_get()->library, name, AG_CRYPTO_PROPERTIES,
                                               bytes.data, bytes.size),
                out);
}

enum ag_err ag_vector_raw(EVP_PKEY *key, bool is_private, struct ag_arena *arena,
                          struct ag_bytes *out)
{
    size_t size = 0;
    void *memory = NULL;
    int (*get)(const EVP_PKEY *, unsigned char *, size_t *) =
        is_private ? EVP_PKEY_get_raw_private_key : EVP_PKEY_get_raw_public_key;
    AG_ENSURE(get(key, NULL, &size) == 1, ag_crypto_failed(AG_ERR_CRYPTO));
    AG_TRY(ag_arena_take(arena, size, &memory));
    AG_ENSURE(get(key, memory, &size) == 1, ag_crypto_failed(AG_ERR_CRYPTO));
    *out = ag_bytes_of(memory, size);
    return AG_OK;
}

/* ---- operations ---- */

static void free_algorithm(EVP_SIGNATURE **algorithm)
{
    EVP_SIGNATURE_free(*algorithm);
    *algorithm = NULL;
}

/* The room's own fetched one where it has it; either way the caller frees a reference. */
static EVP_SIGNATURE *find_algorithm(const char *name)
{
    const struct ag_crypto *crypto = ag_crypto_get();
    EVP_SIGNATURE *known = strcmp(name, "ML-DSA-87") == 0           ? crypto->mldsa87
                           : strcmp(name, "SLH-DSA-SHA2-256s") == 0 ? crypto->slhdsa
                                                                    : NULL;
    if (known != NULL) {
        return EVP_SIGNATURE_up_ref(known) == 1 ? known : NULL;
    }
    return EVP_SIGNATURE_fetch(crypto->library, name, AG_CRYPTO_PROPERTIES);
}

enum ag_err ag_vector_sign(const char *name, EVP_PKEY *key, const struct ag_sig_mode *mode,
                           struct ag_bytes message, struct ag_arena *arena, struct ag_bytes *out)
{
    EVP_SIGNATURE *algorithm AG_SCOPED(free_algorithm) = find_algorithm(name);
    AG_ENSURE(algorithm != NULL, ag_crypto_failed(AG_ERR_SUITE));
    int size = EVP_PKEY_get_size(key);
    AG_ENSURE(size > 0, ag_crypto_failed(AG_ERR_CRYPTO));
    void *memory = NULL;
    AG_TRY(ag_arena_take(arena, (size_t)size, &memory));
    AG_TRY(ag_crypto_sign(key, algorithm, mode, message, (struct ag_buf){memory, (size_t)size}));
    *out = ag_bytes_of(memory, (size_t)size);
    return AG_OK;
}

enum ag_err ag_vector_verify(const char *name, EVP_PKEY *key, const struct ag_sig_mode *mode,
                             struct ag_bytes message, struct ag_bytes signature)
{
    EVP_SIGNATURE *algorithm AG_SCOPED(free_algorithm) = find_algorithm(name);
    AG_ENSURE(algorithm != NULL, ag_crypto_failed(AG_ERR_SUITE));
    return ag_crypto_verify(key, algorithm, mode, message, signature);
}

enum ag_err ag_vector_decap(EVP_PKEY *key, struct ag_bytes ct, uint8_t out[AG_KEM_SECRET_SIZE])
{
    size_t size = AG_KEM_SECRET_SIZE;
    EVP_PKEY_CTX *context AG_SCOPED(ag_crypto_pkey_ctx_cleanup) =
        EVP_PKEY_CTX_new_from_pkey(ag_crypto_get()->library, key, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(context != NULL && EVP_PKEY_decapsulate_init(context, NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_ENSURE(EVP_PKEY_decapsulate(context, out, &size, ct.data, ct.size) == 1 &&
                  size == AG_KEM_SECRET_SIZE,
              ag_crypto_failed(AG_ERR_OPEN));
    return AG_OK;
}

enum ag_err ag_vector_ecdh_p384(const uint8_t scalar[AG_P384_SCALAR_SIZE], struct ag_bytes point,
                                uint8_t out[AG_P384_SCALAR_SIZE])
{
    uint8_t own[AG_P384_POINT_SIZE] = {0};
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    EVP_PKEY *peer AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    bool is_point = false;
    AG_ENSURE(point.size == AG_P384_POINT_SIZE, AG_ERR_KEY);
    AG_TRY(ag_ec_public(AG_CURVE_P384, scalar, own));
    AG_TRY(ag_ec_key(AG_CURVE_P384, scalar, own, &key));
    AG_TRY(ag_ec_peer(AG_CURVE_P384, own, &peer));
    EVP_PKEY_CTX *derive AG_SCOPED(ag_crypto_pkey_ctx_cleanup) =
        EVP_PKEY_CTX_new_from_pkey(ag_crypto_get()->library, key, AG_CRYPTO_PROPERTIES);
    AG_ENSURE(derive != NULL && EVP_PKEY_derive_init(derive) == 1, ag_crypto_failed(AG_ERR_CRYPTO));
    AG_TRY(ag_p384_exchange(derive, peer, own, point.data, out, &is_point));
    AG_ENSURE(is_point, AG_ERR_KEY);
    return AG_OK;
}

/* ---- AES-256-GCM with other nonces ---- */

static void free_cipher(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
    *context = NULL;
}

/* In one direction up to the tag. */
static bool run_gcm(EVP_CIPHER_CTX *context, int is_sealing, struct ag_bytes key,
                    struct ag_bytes iv, struct ag_bytes aad, struct ag_bytes in, uint8_t *out)
{
    int size = 0;
    return EVP_CipherInit_ex2(context, ag_crypto_get()->aes256gcm, NULL, NULL, is_sealing, NULL) ==
               1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.size, NULL) == 1 &&
           EVP_CipherInit_ex2(context, NULL, key.data, iv.data, is_sealing, NULL) == 1 &&
           (aad.size == 0 ||
            EVP_CipherUpdate(context, NULL, &size, aad.data, (int)aad.size) == 1) &&
           (in.size == 0 || EVP_CipherUpdate(context, out, &size, in.data, (int)in.size) == 1);
}

enum ag_err ag_vector_gcm_seal(struct ag_bytes key, struct ag_bytes iv, struct ag_bytes aad,
                               struct ag_bytes plain, struct ag_buf out)
{
    int size = 0;
    EVP_CIPHER_CTX *context AG_SCOPED(free_cipher) = EVP_CIPHER_CTX_new();
    AG_ENSURE(context != NULL && key.size == 32 && out.size == plain.size + AG_GCM_TAG_SIZE,
              AG_ERR_ARGUMENT);
    AG_ENSURE(run_gcm(context, 1, key, iv, aad, plain, out.data) &&
                  EVP_CipherFinal_ex(context, out.data + plain.size, &size) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AG_GCM_TAG_SIZE,
                                      out.data + plain.size) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_vector_gcm_open(struct ag_bytes key, struct ag_bytes iv, struct ag_bytes aad,
                               struct ag_bytes sealed, struct ag_buf out)
{
    int size = 0;
    uint8_t tag[AG_GCM_TAG_SIZE] = {0};
    EVP_CIPHER_CTX *context AG_SCOPED(free_cipher) = EVP_CIPHER_CTX_new();
    AG_ENSURE(context != NULL && key.size == 32 && sealed.size == out.size + AG_GCM_TAG_SIZE,
              AG_ERR_ARGUMENT);
    memcpy(tag, sealed.data + out.size, sizeof(tag));
    AG_ENSURE(run_gcm(context, 0, key, iv, aad, ag_bytes_of(sealed.data, out.size), out.data) &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
                  EVP_CipherFinal_ex(context, tag, &size) == 1,
              ag_crypto_failed(AG_ERR_OPEN));
    return AG_OK;
}

/* ---- secp256k1 ---- */

bool ag_vector_secp256k1_from_der(struct ag_bytes der, uint8_t out[64])
{
    const secp256k1_context *context = ag_crypto_get()->secp256k1;
    secp256k1_ecdsa_signature signature = {0};
    return der.size != 0 &&
           secp256k1_ecdsa_signature_parse_der(context, &signature, der.data, der.size) == 1 &&
           secp256k1_ecdsa_signature_serialize_compact(context, out, &signature) == 1;
}

bool ag_vector_secp256k1_verify(struct ag_bytes public_key, const uint8_t digest[32],
                                const uint8_t compact[64])
{
    const secp256k1_context *context = ag_crypto_get()->secp256k1;
    secp256k1_ecdsa_signature signature = {0};
    secp256k1_pubkey key = {0};
    if (secp256k1_ec_pubkey_parse(context, &key, public_key.data, public_key.size) != 1 ||
        secp256k1_ecdsa_signature_parse_compact(context, &signature, compact) != 1) {
        return false;
    }
    /* The library verifies low s alone. */
    (void)secp256k1_ecdsa_signature_normalize(context, &signature, &signature);
    return secp256k1_ecdsa_verify(context, &signature, digest, &key) == 1;
}

/* ---- hashes that the room has no use for ---- */

enum ag_err ag_vector_sha3_512(struct ag_bytes message, uint8_t out[64])
{
    AG_ENSURE(EVP_Q_digest(ag_crypto_get()->library, "SHA3-512", AG_CRYPTO_PROPERTIES, message.data,
                           message.size, out, NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

static void free_md(EVP_MD **md)
{
    EVP_MD_free(*md);
    *md = NULL;
}

enum ag_err ag_vector_xof_open(struct ag_vector_xof *xof)
{
    EVP_MD *md AG_SCOPED(free_md) =
        EVP_MD_fetch(ag_crypto_get()->library, "SHAKE128", AG_CRYPTO_PROPERTIES);
    xof->context = EVP_MD_CTX_new();
    AG_ENSURE(md != NULL && xof->context != NULL && EVP_DigestInit_ex2(xof->context, md, NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_vector_xof_absorb(struct ag_vector_xof *xof, struct ag_bytes bytes)
{
    AG_ENSURE(EVP_DigestUpdate(xof->context, bytes.data, bytes.size) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_vector_xof_squeeze(struct ag_vector_xof *xof, struct ag_buf out)
{
    AG_ENSURE(EVP_DigestSqueeze(xof->context, out.data, out.size) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

void ag_vector_xof_close(struct ag_vector_xof *xof)
{
    EVP_MD_CTX_free(xof->context);
    xof->context = NULL;
}
