/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto_i.h"

#include <pthread.h>

/* The contexts of this thread. The key exists for its destructor alone. */
static _Thread_local struct ag_crypto_thread *mine;
static pthread_key_t at_exit;

static void free_contexts(void *memory)
{
    struct ag_crypto_thread *thread = memory;
    for (size_t i = 0; i < AG_MD_COUNT; i++) {
        EVP_MD_CTX_free(thread->md[i]);
    }
    EVP_CIPHER_CTX_free(thread->gcm);
    EVP_MD_CTX_free(thread->hmac.inner);
    EVP_MD_CTX_free(thread->hmac.outer);
    EVP_MD_CTX_free(thread->hmac.run);
    ag_free(thread);
    mine = NULL;
}

enum ag_err ag_crypto_thread_prepare(void)
{
    AG_ENSURE(pthread_key_create(&at_exit, free_contexts) == 0, AG_ERR_THREAD);
    return AG_OK;
}

static bool make_contexts(struct ag_crypto_thread *thread)
{
    bool is_whole = true;
    for (size_t i = 0; i < AG_MD_COUNT; i++) {
        thread->md[i] = EVP_MD_CTX_new();
        is_whole = is_whole && thread->md[i] != NULL;
    }
    thread->gcm = EVP_CIPHER_CTX_new();
    thread->hmac.inner = EVP_MD_CTX_new();
    thread->hmac.outer = EVP_MD_CTX_new();
    thread->hmac.run = EVP_MD_CTX_new();
    return is_whole && thread->gcm != NULL && thread->hmac.inner != NULL &&
           thread->hmac.outer != NULL && thread->hmac.run != NULL;
}

struct ag_crypto_thread *ag_crypto_thread_get(void)
{
    if (mine != NULL) {
        return mine;
    }
    (void)ag_crypto_get(); /* the key above exists from start on */
    struct ag_crypto_thread *thread = ag_alloc(sizeof(*thread));
    if (thread == NULL) {
        return NULL;
    }
    if (!make_contexts(thread) || pthread_setspecific(at_exit, thread) != 0) {
        free_contexts(thread);
        ag_crypto_forget_errors();
        return NULL;
    }
    mine = thread;
    return mine;
}
