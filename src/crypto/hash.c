/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include "crypto/crypto_i.h"

static const char *const labels[AG_TAG_COUNT] = {
#define X(name, label) [AG_TAG_##name] = (label),
    AG_TAG_TABLE(X)
#undef X
};

/* A label is written with its length in one byte, and is the context string of a signature. */
#define X(name, label) _Static_assert(sizeof(label) - 1u <= 255u, "label of " #name);
AG_TAG_TABLE(X)
#undef X

const char *ag_tag_label(enum ag_tag tag)
{
    AG_ASSERT((unsigned)tag < AG_TAG_COUNT);
    return labels[tag];
}

static enum ag_err absorb(EVP_MD_CTX *context, const struct ag_bytes *parts, size_t part_count)
{
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size != 0) {
            AG_ENSURE(EVP_DigestUpdate(context, parts[i].data, parts[i].size) == 1,
                      ag_crypto_failed(AG_ERR_CRYPTO));
        }
    }
    return AG_OK;
}

static enum ag_err squeeze(EVP_MD_CTX *context, enum ag_md md, struct ag_buf out)
{
    if (md == AG_MD_SHAKE256) {
        /* SHAKE has no length of its own, so EVP_DigestFinal would fail. */
        AG_ENSURE(EVP_DigestFinalXOF(context, out.data, out.size) == 1,
                  ag_crypto_failed(AG_ERR_CRYPTO));
        return AG_OK;
    }
    unsigned size = 0;
    AG_ENSURE(EVP_DigestFinal_ex(context, out.data, &size) == 1, ag_crypto_failed(AG_ERR_CRYPTO));
    AG_ASSERT(size == out.size);
    return AG_OK;
}

void ag_crypto_scrub(EVP_MD_CTX *context)
{
    static const uint8_t zeroes[136]; /* the longest block: SHAKE256, SHA3-256, Keccak-256 */
    if (context == NULL || EVP_MD_CTX_get0_md(context) == NULL) {
        return;
    }
    size_t block_size = (size_t)EVP_MD_CTX_get_block_size(context);
    AG_ASSERT(block_size != 0 && block_size <= sizeof(zeroes));
    if (EVP_DigestInit_ex2(context, NULL, NULL) != 1 ||
        EVP_DigestUpdate(context, zeroes, block_size - 1u) != 1) {
        ag_crypto_forget_errors();
        (void)EVP_MD_CTX_reset(context); /* slower, and frees the wiped state */
    }
}

/* The hash of `first` and then `parts`, in this thread's context. */
static enum ag_err hash(enum ag_md md, struct ag_bytes first, const struct ag_bytes *parts,
                        size_t part_count, struct ag_buf out)
{
    const struct ag_crypto *crypto = ag_crypto_get();
    struct ag_crypto_thread *thread = ag_crypto_thread_get();
    AG_ENSURE(thread != NULL, AG_ERR_NO_MEMORY);
    EVP_MD_CTX *context = thread->md[md];
    AG_ENSURE(EVP_DigestInit_ex2(context, crypto->md[md], NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_TRY(absorb(context, &first, 1));
    AG_TRY(absorb(context, parts, part_count));
    enum ag_err err = squeeze(context, md, out);
    /* Merkle nodes and fingerprints are public, and the hash of their hot path is let off. */
    if (md != AG_MD_SHA256) {
        ag_crypto_scrub(context);
    }
    return err;
}

enum ag_err ag_crypto_hash_secret(enum ag_md md, const struct ag_bytes *parts, size_t part_count,
                                  struct ag_buf out)
{
    EVP_MD_CTX *context AG_SCOPED(ag_crypto_md_ctx_cleanup) = EVP_MD_CTX_new();
    AG_ENSURE(context != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    AG_ENSURE(EVP_DigestInit_ex2(context, ag_crypto_get()->md[md], NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_TRY(absorb(context, parts, part_count));
    return squeeze(context, md, out);
}

/* ---- tagged ---- */

static enum ag_err hash_tagged(enum ag_tag tag, const struct ag_bytes *parts, size_t part_count,
                               uint8_t out[48])
{
    AG_ENSURE((unsigned)tag < AG_TAG_COUNT, AG_ERR_ARGUMENT);
    uint8_t prefix[256];
    size_t length = strlen(labels[tag]);
    prefix[0] = (uint8_t)length;
    memcpy(prefix + 1, labels[tag], length);
    return hash(AG_MD_SHA384, ag_bytes_of(prefix, length + 1u), parts, part_count,
                (struct ag_buf){out, 48});
}

enum ag_err ag_hash(enum ag_tag tag, const struct ag_bytes *parts, size_t part_count,
                    struct ag_hash *out)
{
    struct ag_hash digest = {0};
    AG_TRY(hash_tagged(tag, parts, part_count, digest.bytes));
    *out = digest;
    return AG_OK;
}

enum ag_err ag_hash_one(enum ag_tag tag, struct ag_bytes message, struct ag_hash *out)
{
    return ag_hash(tag, &message, 1, out);
}

enum ag_err ag_hash_id(enum ag_tag tag, struct ag_bytes message, struct ag_id *out)
{
    struct ag_hash digest = {0};
    AG_TRY(ag_hash(tag, &message, 1, &digest));
    memcpy(out->bytes, digest.bytes, sizeof(out->bytes));
    return AG_OK;
}

/* ---- untagged ---- */

static const struct ag_bytes nothing = {NULL, 0};

enum ag_err ag_sha256(const struct ag_bytes *parts, size_t part_count, uint8_t out[32])
{
    return hash(AG_MD_SHA256, nothing, parts, part_count, (struct ag_buf){out, 32});
}

enum ag_err ag_sha384(const struct ag_bytes *parts, size_t part_count, uint8_t out[48])
{
    return hash(AG_MD_SHA384, nothing, parts, part_count, (struct ag_buf){out, 48});
}

enum ag_err ag_sha512(const struct ag_bytes *parts, size_t part_count, uint8_t out[64])
{
    return hash(AG_MD_SHA512, nothing, parts, part_count, (struct ag_buf){out, 64});
}

enum ag_err ag_sha3_256(const struct ag_bytes *parts, size_t part_count, uint8_t out[32])
{
    return hash(AG_MD_SHA3_256, nothing, parts, part_count, (struct ag_buf){out, 32});
}

enum ag_err ag_keccak256(const struct ag_bytes *parts, size_t part_count, uint8_t out[32])
{
    return hash(AG_MD_KECCAK256, nothing, parts, part_count, (struct ag_buf){out, 32});
}

enum ag_err ag_shake256(const struct ag_bytes *parts, size_t part_count, struct ag_buf out)
{
    AG_ENSURE(out.size != 0, AG_ERR_ARGUMENT);
    return hash(AG_MD_SHAKE256, nothing, parts, part_count, out);
}
