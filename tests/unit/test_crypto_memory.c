/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of every operation fails once, our own and libcrypto's: the operation fails with
 * a code or succeeds rightly, leaks nothing, and works the next time. */
#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "test_crypto_pki.h"

/* ---- libcrypto's allocations ----------------------------------------------------------------- */

static _Atomic unsigned countdown; /* 0: none fails */
static _Atomic unsigned allocations;

static bool is_to_fail(void)
{
    allocations++;
    return countdown != 0 && --countdown == 0;
}

static void *library_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_to_fail() ? NULL : malloc(size);
}

static void *library_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_to_fail() ? NULL : realloc(memory, size);
}

static void library_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* What they work on; made once. */
static struct {
    struct pki pki;
    struct ag_vec pem;
    struct ag_vec crl_der;
    struct ag_crl *crl;
    struct ag_kem_key *kem_key;
    struct ag_kem_work *work;
    struct ag_hpke_info info;
    uint8_t kem_public[AG_KEM_PUBLIC_SIZE_MAX];
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    struct ag_hpke hpke;
    uint8_t sealed[7 + AG_GCM_TAG_SIZE];
    struct ag_sig_key *sig_key;
    struct ag_sig_public *sig_public;
    uint8_t sig_public_bytes[AG_MLDSA87_PUBLIC_SIZE];
    uint8_t signature[AG_MLDSA87_SIGNATURE_SIZE];
    uint8_t ecdsa_signature[64];
    uint8_t ecdsa_point[65];
} world;

static const uint8_t seed[32] = {1, 2, 3};
static const struct ag_bytes message = {(const uint8_t *)"message", 7};

static void open_world(void)
{
    open_pki(&world.pki);
    ag_vec_init(&world.pem, 65536);
    CHECK_OK(ag_cert_to_pem(ag_vec_view(&world.pki.der[0]), &world.pem));
    ag_vec_init(&world.crl_der, 65536);
    CHECK_OK(ag_crl_issue(world.pki.certs[0], world.pki.keys[0], NOW_MS, NOW_MS, &message, 1,
                          &world.crl_der));
    CHECK_OK(ag_crl_parse_der(ag_vec_view(&world.crl_der), &world.crl));
    CHECK_OK(ag_kem_key_open(AG_KEM_MLKEM1024_P384, AG_ARRAY_VIEW(seed), &world.kem_key));
    CHECK_OK(ag_kem_work_open(world.kem_key, &world.work));
    CHECK_OK(ag_kem_key_public(world.kem_key, BUF(world.kem_public)));
    CHECK_OK(ag_hpke_info_init(&world.info, AG_KEM_MLKEM1024_P384, none));
    CHECK_OK(ag_hpke_send(ag_host_system(), AG_KEM_MLKEM1024_P384, AG_ARRAY_VIEW(world.kem_public),
                          &world.info, none, true, BUF(world.enc), &world.hpke));
    CHECK_OK(ag_hpke_seal_part(&world.hpke, 0, none, message, BUF(world.sealed)));
    CHECK_OK(ag_sig_key_open(AG_SIG_MLDSA87, AG_ARRAY_VIEW(seed), &world.sig_key));
    CHECK_OK(ag_sig_key_public(world.sig_key, BUF(world.sig_public_bytes)));
    CHECK_OK(ag_sig_public_open(AG_SIG_MLDSA87, AG_ARRAY_VIEW(world.sig_public_bytes),
                                &world.sig_public));
    CHECK_OK(ag_sig_sign(world.sig_key, AG_TAG_BATCH, message, BUF(world.signature)));
    CHECK_OK(ag_ecdsa_public(world.pki.keys[0], world.ecdsa_point));
    CHECK_OK(ag_ecdsa_sign(world.pki.keys[0], message, world.ecdsa_signature));
}

static void close_world(void)
{
    ag_sig_public_close(world.sig_public);
    ag_sig_key_close(world.sig_key);
    ag_kem_work_close(world.work);
    ag_kem_key_close(world.kem_key);
    ag_crl_close(world.crl);
    ag_vec_close(&world.crl_der);
    ag_vec_close(&world.pem);
    close_pki(&world.pki);
}

static enum ag_err run_hash(void)
{
    struct ag_hash out;
    return ag_hash_one(AG_TAG_BATCH, message, &out);
}

static enum ag_err run_kdf(void)
{
    uint8_t out[100];
    uint8_t long_key[200] = {1};
    AG_TRY(ag_hkdf(256, AG_ARRAY_VIEW(long_key), AG_ARRAY_VIEW(long_key), none, BUF(out)));
    return ag_kdf(AG_TAG_SEAL_ROOT, message, message, message, BUF(out));
}

static enum ag_err run_gcm(void)
{
    const struct ag_key256 key = {{1}};
    const uint8_t nonce[AG_GCM_NONCE_SIZE] = {0};
    uint8_t sealed[7 + AG_GCM_TAG_SIZE];
    uint8_t opened[7];
    AG_TRY(ag_gcm_seal(&key, nonce, message, message, BUF(sealed)));
    return ag_gcm_open(&key, nonce, message, AG_ARRAY_VIEW(sealed), BUF(opened));
}

static enum ag_err run_random(void)
{
    uint8_t out[32];
    return ag_random_key(ag_host_system(), BUF(out));
}

static enum ag_err run_kem_open(void)
{
    struct ag_kem_key *key = NULL;
    struct ag_kem_work *work = NULL;
    enum ag_err err = ag_kem_key_open(AG_KEM_MLKEM1024_P384, AG_ARRAY_VIEW(seed), &key);
    err = err == AG_OK ? ag_kem_work_open(key, &work) : err;
    ag_kem_work_close(work);
    ag_kem_key_close(key);
    return err;
}

static enum ag_err run_send(void)
{
    struct ag_hpke hpke = {.kem = AG_KEM_MLKEM1024_P384};
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    return ag_hpke_send(ag_host_system(), AG_KEM_MLKEM1024_P384, AG_ARRAY_VIEW(world.kem_public),
                        &world.info, none, true, BUF(enc), &hpke);
}

static enum ag_err run_receive(void)
{
    struct ag_hpke hpke = {.kem = AG_KEM_MLKEM1024_P384};
    enum ag_err err =
        ag_hpke_receive(world.work, &world.info, AG_ARRAY_VIEW(world.enc), true, &hpke);
    if (err == AG_OK && !ag_bytes_equal(AG_VIEW(&hpke.key), AG_VIEW(&world.hpke.key))) {
        /* Without memory, libcrypto answers as for a wrong ciphertext: with another secret. */
        uint8_t opened[7];
        CHECK_ERR(ag_hpke_open_part(&hpke, 0, none, AG_ARRAY_VIEW(world.sealed), BUF(opened)),
                  AG_ERR_OPEN);
    }
    return err;
}

static enum ag_err run_sig_open(void)
{
    struct ag_sig_key *key = NULL;
    enum ag_err err = ag_sig_key_open(AG_SIG_MLDSA87, AG_ARRAY_VIEW(seed), &key);
    ag_sig_key_close(key);
    return err;
}

static enum ag_err run_sign(void)
{
    uint8_t out[AG_MLDSA87_SIGNATURE_SIZE];
    AG_TRY(ag_sig_sign(world.sig_key, AG_TAG_BATCH, message, BUF(out)));
    return ag_sig_verify(world.sig_public, AG_TAG_BATCH, message, AG_ARRAY_VIEW(out));
}

static enum ag_err run_verify(void)
{
    return ag_sig_verify_once(AG_SIG_MLDSA87, AG_ARRAY_VIEW(world.sig_public_bytes), AG_TAG_BATCH,
                              message, AG_ARRAY_VIEW(world.signature));
}

static enum ag_err run_ecdsa(void)
{
    uint8_t out[64];
    struct ag_ecdsa_key *key = NULL;
    enum ag_err err = ag_ecdsa_key_open(AG_ARRAY_VIEW(seed), &key);
    err = err == AG_OK ? ag_ecdsa_sign(key, message, out) : err;
    ag_ecdsa_key_close(key);
    AG_TRY(err);
    return ag_ecdsa_verify(AG_ARRAY_VIEW(world.ecdsa_point), message,
                           AG_ARRAY_VIEW(world.ecdsa_signature));
}

static enum ag_err run_cert(void)
{
    struct ag_cert *cert = NULL;
    AG_TRY(ag_cert_parse_der(ag_vec_view(&world.pki.der[1]), &cert));
    enum ag_err err = ag_cert_verify_signed_by(cert, world.pki.certs[0]);
    (void)ag_cert_common_name_is(cert, "Platform CA");
    ag_cert_close(cert);
    return err;
}

static enum ag_err run_pem(void)
{
    struct ag_cert *certs[2] = {NULL};
    size_t count = 0;
    enum ag_err err = ag_cert_parse_pem(ag_vec_view(&world.pem), certs, 2, &count);
    ag_cert_close(certs[0]);
    return err;
}

static enum ag_err run_crl(void)
{
    struct ag_crl *crl = NULL;
    AG_TRY(ag_crl_parse_der(ag_vec_view(&world.crl_der), &crl));
    enum ag_err err = ag_crl_verify_signed_by(crl, world.pki.certs[0]);
    ag_crl_close(crl);
    return err;
}

static enum ag_err run_issue(void)
{
    struct ag_vec der;
    const struct ag_cert_request request = {.common_name = "x",
                                            .organization = "y",
                                            .serial = message,
                                            .not_before_ms = NOW_MS,
                                            .not_after_ms = NOW_MS,
                                            .is_ca = true,
                                            .extension_oid = "1.2.3.4",
                                            .extension = message};
    ag_vec_init(&der, 65536);
    enum ag_err err =
        ag_cert_issue(&request, world.pki.keys[1], world.pki.certs[0], world.pki.keys[0], &der);
    err = err == AG_OK ? ag_crl_issue(world.pki.certs[0], world.pki.keys[0], NOW_MS, NOW_MS,
                                      &message, 1, &der)
                       : err;
    ag_vec_close(&der);
    return err;
}

/* ---- each allocation fails once -------------------------------------------------------------- */

typedef enum ag_err operation(void);

static const struct {
    const char *name;
    operation *run;
} operations[] = {
    {"hash", run_hash},         {"kdf", run_kdf},
    {"gcm", run_gcm},           {"random", run_random},
    {"kem open", run_kem_open}, {"send", run_send},
    {"receive", run_receive},   {"signature key", run_sig_open},
    {"sign", run_sign},         {"verify", run_verify},
    {"ecdsa", run_ecdsa},       {"certificate", run_cert},
    {"pem", run_pem},           {"crl", run_crl},
    {"issue", run_issue},
};

enum {
    TURNS_MAX = 20000
};

static void test_library(void)
{
    for (size_t i = 0; i < AG_COUNT(operations); i++) {
        unsigned failures = 0;
        unsigned turn = 1;
        for (; turn < TURNS_MAX; turn++) {
            countdown = turn;
            enum ag_err err = operations[i].run();
            bool is_over = countdown != 0; /* it was never reached */
            countdown = 0;
            failures += err != AG_OK;
            if (is_over) {
                CHECK_OK(err);
                break;
            }
            CHECK_OK(operations[i].run());
        }
        CHECK(turn < TURNS_MAX);
        ag_test_note("%s: %u allocations of libcrypto, %u of them needed", operations[i].name,
                     turn - 1, failures);
    }
}

static void test_own(void)
{
    for (size_t i = 0; i < AG_COUNT(operations); i++) {
        const size_t before = ag_alloc_in_use();
        for (unsigned turn = 1; turn < TURNS_MAX; turn++) {
            const uint64_t first = ag_alloc_count();
            ag_alloc_fail_nth(turn);
            enum ag_err err = operations[i].run();
            ag_alloc_fail_nth(0);
            if (ag_alloc_count() - first < turn) {
                CHECK_OK(err);
                break;
            }
            CHECK_ERR(err, AG_ERR_NO_MEMORY);
        }
        CHECK_U64(ag_alloc_in_use(), before);
    }
}

/* The first call of a thread makes its contexts. */
static void *first_call(void *context)
{
    enum ag_err *err = context;
    *err = run_hash();
    if (*err == AG_OK) {
        *err = run_kdf();
    }
    return NULL;
}

static void test_new_thread(void)
{
    for (unsigned turn = 1; turn < 40; turn++) {
        pthread_t thread;
        enum ag_err err = AG_OK;
        countdown = turn;
        CHECK(pthread_create(&thread, NULL, first_call, &err) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        bool is_over = countdown != 0;
        countdown = 0;
        CHECK_ERR(err, is_over ? AG_OK : err == AG_ERR_CRYPTO ? AG_ERR_CRYPTO : AG_ERR_NO_MEMORY);
    }
    pthread_t thread;
    enum ag_err err = AG_OK;
    ag_alloc_fail_nth(1);
    CHECK(pthread_create(&thread, NULL, first_call, &err) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_ERR(err, AG_ERR_NO_MEMORY);
    ag_alloc_fail_nth(0);
}

static void test_start(void)
{
    CHECK_OK(ag_crypto_start());
    open_world();
}

static void test_end(void)
{
    close_world();
}

static const struct ag_test_case cases[] = {
    {"start", test_start},
    {"each allocation of libcrypto fails once", test_library},
    {"each allocation of ours fails once", test_own},
    {"a new thread without memory", test_new_thread},
    {"end", test_end},
};

int main(int argc, char **argv)
{
    /* Only before libcrypto's first allocation. */
    if (CRYPTO_set_mem_functions(library_malloc, library_realloc, library_free) != 1) {
        return 99;
    }
    return ag_test_main(argc, argv, cases, AG_COUNT(cases));
}
