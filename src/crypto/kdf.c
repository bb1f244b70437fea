/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <string.h>

#include "crypto/crypto_i.h"

/* kdf: HMAC [RFC2104] and HKDF [RFC5869], made from libcrypto's hash. Its own HMAC takes 0.7 us for
 * a short message against 0.55 us here, and cannot keep a key for the next message without
 * copying. */

#define BLOCK_SIZE_MAX 128u /* SHA-384 */

size_t ag_hmac_size(enum ag_md md)
{
    AG_ASSERT(md == AG_MD_SHA256 || md == AG_MD_SHA384);
    return md == AG_MD_SHA256 ? 32 : 48;
}

static size_t block_size(enum ag_md md)
{
    return md == AG_MD_SHA256 ? 64 : 128;
}

struct pad {
    uint8_t bytes[BLOCK_SIZE_MAX];
};

static void wipe_pad(struct pad *pad)
{
    ag_wipe(pad, sizeof(*pad));
}

static enum ag_err absorb_pad(EVP_MD_CTX *context, const EVP_MD *md, const struct pad *key,
                              size_t size, uint8_t with)
{
    struct pad pad AG_SCOPED(wipe_pad) = {0};
    for (size_t i = 0; i < size; i++) {
        pad.bytes[i] = (uint8_t)(key->bytes[i] ^ with);
    }
    AG_ENSURE(EVP_DigestInit_ex2(context, md, NULL) == 1 &&
                  EVP_DigestUpdate(context, pad.bytes, size) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

enum ag_err ag_hmac_init(struct ag_hmac *hmac, enum ag_md md, struct ag_bytes key)
{
    struct pad block AG_SCOPED(wipe_pad) = {0};
    size_t size = block_size(md);
    const EVP_MD *digest = ag_crypto_get()->md[md];
    struct ag_crypto_thread *thread = ag_crypto_thread_get();
    AG_ENSURE(thread != NULL, AG_ERR_NO_MEMORY);
    *hmac = thread->hmac;
    hmac->md = md;

    if (key.size > size) {
        AG_TRY(ag_crypto_hash_secret(md, &key, 1, (struct ag_buf){block.bytes, ag_hmac_size(md)}));
    } else if (key.size != 0) {
        memcpy(block.bytes, key.data, key.size);
    }
    AG_TRY(absorb_pad(hmac->inner, digest, &block, size, 0x36));
    return absorb_pad(hmac->outer, digest, &block, size, 0x5c);
}

enum ag_err ag_hmac_run(const struct ag_hmac *hmac, const struct ag_bytes *parts, size_t part_count,
                        uint8_t *out)
{
    uint8_t digest[AG_HMAC_SIZE_MAX] = {0};
    size_t size = ag_hmac_size(hmac->md);

    bool is_good = EVP_MD_CTX_copy_ex(hmac->run, hmac->inner) == 1;
    for (size_t i = 0; is_good && i < part_count; i++) {
        is_good =
            parts[i].size == 0 || EVP_DigestUpdate(hmac->run, parts[i].data, parts[i].size) == 1;
    }
    is_good = is_good && EVP_DigestFinal_ex(hmac->run, digest, NULL) == 1 &&
              EVP_MD_CTX_copy_ex(hmac->run, hmac->outer) == 1 &&
              EVP_DigestUpdate(hmac->run, digest, size) == 1 &&
              EVP_DigestFinal_ex(hmac->run, out, NULL) == 1;
    ag_wipe(digest, sizeof(digest));
    AG_ENSURE(is_good, ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

void ag_hmac_wipe(struct ag_hmac *hmac)
{
    /* NULL where init did not come far. */
    ag_crypto_scrub(hmac->inner);
    ag_crypto_scrub(hmac->outer);
    ag_crypto_scrub(hmac->run);
    *hmac = (struct ag_hmac){0};
}

enum ag_err ag_hmac_expand(const struct ag_hmac *hmac, const struct ag_bytes *info,
                           size_t info_count, struct ag_buf out)
{
    enum {
        INFO_PARTS_MAX = 8
    };
    struct ag_bytes parts[INFO_PARTS_MAX + 2] = {{0}};
    uint8_t block[AG_HMAC_SIZE_MAX] = {0};
    size_t size = ag_hmac_size(hmac->md);
    enum ag_err err = AG_OK;

    AG_ASSERT(info_count <= INFO_PARTS_MAX);
    AG_ENSURE(out.size != 0 && out.size <= 255u * size, AG_ERR_ARGUMENT);
    for (size_t i = 0; i < info_count; i++) {
        parts[i + 1] = info[i];
    }
    /* T(n) = HMAC(key, T(n - 1) | info | n), and T(0) is empty. */
    uint8_t counter = 1;
    for (size_t done = 0; err == AG_OK && done < out.size; done += size, counter++) {
        parts[0] = ag_bytes_of(block, done == 0 ? 0 : size);
        parts[info_count + 1] = ag_bytes_of(&counter, 1);
        err = ag_hmac_run(hmac, parts, info_count + 2, block);
        if (err == AG_OK) {
            memcpy(out.data + done, block, out.size - done < size ? out.size - done : size);
        }
    }
    ag_wipe(block, sizeof(block));
    if (err != AG_OK) {
        ag_wipe(out.data, out.size);
    }
    return err;
}

/* ---- the door ---- */

struct prk {
    uint8_t bytes[AG_HMAC_SIZE_MAX];
};

static void wipe_prk(struct prk *prk)
{
    ag_wipe(prk, sizeof(*prk));
}

/* HKDF-Extract: HMAC(salt, secret). An absent salt is a block of zeroes, which is what HMAC makes
 * of an empty key [RFC5869 2.2]. */
static enum ag_err extract(enum ag_md md, struct ag_bytes salt, struct ag_bytes secret,
                           struct prk *out)
{
    struct ag_hmac hmac AG_SCOPED(ag_hmac_wipe) = {0};
    AG_TRY(ag_hmac_init(&hmac, md, salt));
    return ag_hmac_run(&hmac, &secret, 1, out->bytes);
}

static enum ag_err hkdf(enum ag_md md, struct ag_bytes secret, struct ag_bytes salt,
                        const struct ag_bytes *info, size_t info_count, struct ag_buf out)
{
    struct prk prk AG_SCOPED(wipe_prk) = {0};
    AG_TRY(extract(md, salt, secret, &prk));
    struct ag_hmac hmac AG_SCOPED(ag_hmac_wipe) = {0};
    AG_TRY(ag_hmac_init(&hmac, md, ag_bytes_of(prk.bytes, ag_hmac_size(md))));
    return ag_hmac_expand(&hmac, info, info_count, out);
}

enum ag_err ag_kdf(enum ag_tag tag, struct ag_bytes secret, struct ag_bytes salt,
                   struct ag_bytes info, struct ag_buf out)
{
    AG_ENSURE((unsigned)tag < AG_TAG_COUNT, AG_ERR_ARGUMENT);
    const char *label = ag_tag_label(tag);
    /* The terminator of the label is the 00 that ends it. */
    const struct ag_bytes parts[] = {ag_bytes_of(label, strlen(label) + 1u), info};
    return hkdf(AG_MD_SHA384, secret, salt, parts, AG_COUNT(parts), out);
}

enum ag_err ag_hkdf(unsigned hash_bits, struct ag_bytes secret, struct ag_bytes salt,
                    struct ag_bytes info, struct ag_buf out)
{
    AG_ENSURE(hash_bits == 256 || hash_bits == 384, AG_ERR_ARGUMENT);
    return hkdf(hash_bits == 256 ? AG_MD_SHA256 : AG_MD_SHA384, secret, salt, &info, 1, out);
}

enum ag_err ag_hmac384(struct ag_bytes key, const struct ag_bytes *parts, size_t part_count,
                       uint8_t out[48])
{
    struct ag_hmac hmac AG_SCOPED(ag_hmac_wipe) = {0};
    AG_TRY(ag_hmac_init(&hmac, AG_MD_SHA384, key));
    return ag_hmac_run(&hmac, parts, part_count, out);
}

void ag_key256_wipe(struct ag_key256 *key)
{
    ag_wipe(key->bytes, sizeof(key->bytes));
}
