/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <limits.h>

#include "crypto/crypto_i.h"

/* gcm: AES-256-GCM [SP800-38D] in this thread's context. Resetting it after each use frees the key
 * schedule, wiped, and costs nothing that can be measured. */

/* libcrypto counts in int. A nonce could carry 64 GiB; nothing here is over 256 MiB. */
static bool fits(struct ag_bytes aad, size_t size)
{
    return aad.size <= (size_t)INT_MAX && size <= (size_t)INT_MAX;
}

static bool seal(EVP_CIPHER_CTX *context, const struct ag_key256 *key, const uint8_t nonce[12],
                 struct ag_bytes aad, struct ag_bytes plain, struct ag_buf out)
{
    int size = 0;
    bool is_good =
        EVP_EncryptInit_ex2(context, ag_crypto_get()->aes256gcm, key->bytes, nonce, NULL) == 1;
    if (is_good && aad.size != 0) {
        is_good = EVP_EncryptUpdate(context, NULL, &size, aad.data, (int)aad.size) == 1;
    }
    if (is_good && plain.size != 0) {
        is_good = EVP_EncryptUpdate(context, out.data, &size, plain.data, (int)plain.size) == 1 &&
                  (size_t)size == plain.size;
    }
    return is_good && EVP_EncryptFinal_ex(context, out.data + plain.size, &size) == 1 &&
           size == 0 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AG_GCM_TAG_SIZE,
                               out.data + plain.size) == 1;
}

enum ag_err ag_gcm_seal(const struct ag_key256 *key, const uint8_t nonce[12], struct ag_bytes aad,
                        struct ag_bytes plain, struct ag_buf out)
{
    AG_ENSURE(fits(aad, plain.size), AG_ERR_ARGUMENT);
    AG_ENSURE(out.size == plain.size + AG_GCM_TAG_SIZE, AG_ERR_ARGUMENT);
    struct ag_crypto_thread *thread = ag_crypto_thread_get();
    AG_ENSURE(thread != NULL, AG_ERR_NO_MEMORY);

    bool is_good = seal(thread->gcm, key, nonce, aad, plain, out);
    (void)EVP_CIPHER_CTX_reset(thread->gcm);
    if (!is_good) {
        ag_wipe(out.data, out.size);
        return ag_crypto_failed(AG_ERR_CRYPTO);
    }
    return AG_OK;
}

/* OPEN when the tag is wrong, CRYPTO when the library fails before it is looked at. */
static enum ag_err open_sealed(EVP_CIPHER_CTX *context, const struct ag_key256 *key,
                               const uint8_t nonce[12], struct ag_bytes aad, struct ag_bytes sealed,
                               struct ag_buf out)
{
    int size = 0;
    uint8_t tag[AG_GCM_TAG_SIZE];
    for (size_t i = 0; i < sizeof(tag); i++) {
        tag[i] = sealed.data[out.size + i];
    }
    bool is_good =
        EVP_DecryptInit_ex2(context, ag_crypto_get()->aes256gcm, key->bytes, nonce, NULL) == 1;
    if (is_good && aad.size != 0) {
        is_good = EVP_DecryptUpdate(context, NULL, &size, aad.data, (int)aad.size) == 1;
    }
    if (is_good && out.size != 0) {
        is_good = EVP_DecryptUpdate(context, out.data, &size, sealed.data, (int)out.size) == 1 &&
                  (size_t)size == out.size;
    }
    is_good =
        is_good && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AG_GCM_TAG_SIZE, tag) == 1;
    AG_ENSURE(is_good, AG_ERR_CRYPTO);
    AG_ENSURE(EVP_DecryptFinal_ex(context, tag, &size) == 1, AG_ERR_OPEN);
    return AG_OK;
}

enum ag_err ag_gcm_open(const struct ag_key256 *key, const uint8_t nonce[12], struct ag_bytes aad,
                        struct ag_bytes sealed, struct ag_buf out)
{
    AG_ENSURE(sealed.size >= AG_GCM_TAG_SIZE, AG_ERR_OPEN);
    AG_ENSURE(fits(aad, sealed.size), AG_ERR_ARGUMENT);
    AG_ENSURE(out.size == sealed.size - AG_GCM_TAG_SIZE, AG_ERR_ARGUMENT);
    struct ag_crypto_thread *thread = ag_crypto_thread_get();
    AG_ENSURE(thread != NULL, AG_ERR_NO_MEMORY);

    enum ag_err err = open_sealed(thread->gcm, key, nonce, aad, sealed, out);
    (void)EVP_CIPHER_CTX_reset(thread->gcm);
    if (err != AG_OK) {
        ag_wipe(out.data, out.size);
        return ag_crypto_failed(err);
    }
    return AG_OK;
}
