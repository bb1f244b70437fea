/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "crypto/crypto_i.h"

/* The room's only state that is written after load: libcrypto's objects, fetched once. */
static struct ag_crypto crypto;
static bool is_started;
static enum ag_err start_result;
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;

const struct ag_crypto *ag_crypto_get(void)
{
    AG_ASSERT(__atomic_load_n(&is_started, __ATOMIC_ACQUIRE));
    return &crypto;
}

void ag_crypto_forget_errors(void)
{
    ERR_clear_error();
}

const char *ag_crypto_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

/* Names that libcrypto gives the hashes, by enum ag_md. */
static const char *const md_names[AG_MD_COUNT] = {
    [AG_MD_SHA256] = "SHA256",     [AG_MD_SHA384] = "SHA384",        [AG_MD_SHA512] = "SHA512",
    [AG_MD_SHA3_256] = "SHA3-256", [AG_MD_KECCAK256] = "KECCAK-256", [AG_MD_SHAKE256] = "SHAKE256",
};

/* A private library context: what other code in the process loads or configures does not reach it,
 * and it reads no configuration file. */
static enum ag_err open_library(struct ag_crypto *out)
{
    AG_ENSURE(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1,
              ag_crypto_failed(AG_ERR_CRYPTO));
    AG_ENSURE(OpenSSL_version_num() >= 0x30500000ul, AG_ERR_CRYPTO);
    out->library = OSSL_LIB_CTX_new();
    AG_ENSURE(out->library != NULL, ag_crypto_failed(AG_ERR_NO_MEMORY));
    /* The provider stays loaded for as long as the process lives. */
    AG_ENSURE(OSSL_PROVIDER_load(out->library, "default") != NULL, ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

static enum ag_err fetch_all(struct ag_crypto *out)
{
    for (size_t i = 0; i < AG_MD_COUNT; i++) {
        out->md[i] = EVP_MD_fetch(out->library, md_names[i], AG_CRYPTO_PROPERTIES);
        AG_ENSURE(out->md[i] != NULL, ag_crypto_failed(AG_ERR_CRYPTO));
    }
    out->aes256gcm = EVP_CIPHER_fetch(out->library, "AES-256-GCM", AG_CRYPTO_PROPERTIES);
    out->mldsa87 = EVP_SIGNATURE_fetch(out->library, "ML-DSA-87", AG_CRYPTO_PROPERTIES);
    out->slhdsa = EVP_SIGNATURE_fetch(out->library, "SLH-DSA-SHA2-256s", AG_CRYPTO_PROPERTIES);
    out->group[AG_CURVE_P256] =
        EC_GROUP_new_by_curve_name_ex(out->library, AG_CRYPTO_PROPERTIES, NID_X9_62_prime256v1);
    out->group[AG_CURVE_P384] =
        EC_GROUP_new_by_curve_name_ex(out->library, AG_CRYPTO_PROPERTIES, NID_secp384r1);
    AG_ENSURE(out->aes256gcm != NULL && out->mldsa87 != NULL && out->slhdsa != NULL &&
                  out->group[AG_CURVE_P256] != NULL && out->group[AG_CURVE_P384] != NULL,
              ag_crypto_failed(AG_ERR_CRYPTO));
    return AG_OK;
}

/* libcrypto seeds itself from the kernel alone. In a confidential guest the kernel's pool is only
 * as good as the host lets it be, so the processor's own words are added (docs/spec/crypto.md). */
static enum ag_err stir_generator(struct ag_crypto *out)
{
    uint8_t words[AG_RANDOM_DRAW_SIZE] = {0};
    AG_TRY(ag_random_cpu(out, words));
    EVP_RAND_CTX *primary = RAND_get0_primary(out->library);
    bool is_done =
        primary != NULL && EVP_RAND_reseed(primary, 0, NULL, 0, words, sizeof(words)) == 1;
    ag_wipe(words, sizeof(words));
    AG_ENSURE(is_done, ag_crypto_failed(AG_ERR_ENTROPY));
    return AG_OK;
}

static enum ag_err open_secp256k1(struct ag_crypto *out)
{
    uint8_t seed[32] = {0};
    out->secp256k1 = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    AG_ENSURE(out->secp256k1 != NULL, AG_ERR_NO_MEMORY);
    AG_ENSURE(RAND_priv_bytes_ex(out->library, seed, sizeof(seed), 256) == 1,
              ag_crypto_failed(AG_ERR_ENTROPY));
    /* Blinds the multiplication with the generator. */
    int is_blinded = secp256k1_context_randomize(out->secp256k1, seed);
    ag_wipe(seed, sizeof(seed));
    AG_ENSURE(is_blinded == 1, AG_ERR_CRYPTO);
    return AG_OK;
}

/* The host may also speak through OPENSSL_ia32cap, which libcrypto's constructor has read by now:
 * with it the hardware's AES and SHA can be switched off. libcrypto says whether it was heard. */
static enum ag_err check_capabilities(void)
{
    const char *settings = OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);
    AG_ENSURE(settings == NULL || strstr(settings, "env:") == NULL, AG_ERR_CPU);
    return ag_crypto_cpu_check();
}

static enum ag_err start(bool any_cpu)
{
    if (!any_cpu) {
        AG_TRY(check_capabilities());
    }
    crypto.has_rdseed = ag_crypto_cpu_has_rdseed();
    crypto.has_rdrand = ag_crypto_cpu_has_rdrand();
    AG_TRY(open_library(&crypto));
    AG_TRY(fetch_all(&crypto));
    if (!any_cpu) {
        AG_TRY(stir_generator(&crypto));
    }
    AG_TRY(open_secp256k1(&crypto));
    return ag_crypto_thread_prepare();
}

static enum ag_err start_once(bool any_cpu)
{
    if (__atomic_load_n(&is_started, __ATOMIC_ACQUIRE)) {
        return AG_OK;
    }
    AG_ASSERT(pthread_mutex_lock(&start_lock) == 0);
    /* A start that failed is not tried again: half-made objects would have to be undone. */
    if (!is_started && start_result == AG_OK) {
        start_result = start(any_cpu);
        __atomic_store_n(&is_started, start_result == AG_OK, __ATOMIC_RELEASE);
    }
    enum ag_err result = start_result;
    AG_ASSERT(pthread_mutex_unlock(&start_lock) == 0);
    return result;
}

enum ag_err ag_crypto_start(void)
{
    return start_once(false);
}

enum ag_err ag_crypto_start_any_cpu_insecure(void)
{
    return start_once(true);
}

/* ---- scoped cleanup ---- */

void ag_crypto_pkey_cleanup(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
    *key = NULL;
}

void ag_crypto_pkey_ctx_cleanup(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
    *context = NULL;
}

void ag_crypto_md_ctx_cleanup(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
    *context = NULL;
}

void ag_crypto_bn_cleanup(BIGNUM **number)
{
    BN_clear_free(*number);
    *number = NULL;
}

void ag_crypto_point_cleanup(EC_POINT **point)
{
    EC_POINT_clear_free(*point);
    *point = NULL;
}

void ag_crypto_openssl_free_cleanup(uint8_t **memory)
{
    OPENSSL_free(*memory);
    *memory = NULL;
}
