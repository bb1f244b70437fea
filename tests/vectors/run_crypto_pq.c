/* SPDX-License-Identifier: Apache-2.0 */
#include "run_crypto.h"

#include <stdio.h>
#include <string.h>

/* ML-DSA, SLH-DSA and ML-KEM: ACVP, Wycheproof and CCTV. */

static const char mldsa[] = "ML-DSA-87";
static const char mlkem[] = "ML-KEM-1024";

/* ---- signatures: what ACVP and Wycheproof share ---------------------------------------------- */

/* One case, whichever names its keys have. */
struct signature_case {
    const char *alg;
    struct ag_sig_mode mode;
    struct ag_bytes message;
    struct ag_bytes signature;
};

static struct signature_case read_case(const struct job *job, const char *alg)
{
    struct signature_case one = {.alg = alg};
    const char *mode = rsp_get(&job->one, "mode");
    const char *deterministic = rsp_get(&job->one, "deterministic");
    one.mode.context = run_bytes(job, "ctx");
    one.mode.is_raw = mode != NULL && strcmp(mode, "internal") == 0;
    one.mode.is_mu = (mode != NULL && strcmp(mode, "mu") == 0) || !run_has(job, "msg");
    one.mode.is_deterministic = deterministic == NULL || strcmp(deterministic, "0") != 0;
    if (run_has(job, "addrnd")) {
        one.mode.test_entropy = run_bytes(job, "addrnd");
        one.mode.is_deterministic = false;
    }
    one.message = run_bytes(job, one.mode.is_mu ? "mu" : "msg");
    one.signature = run_bytes(job, "sig");
    return one;
}

static enum verdict sign_and_compare(const struct job *job, const struct signature_case *one,
                                     EVP_PKEY *key)
{
    struct ag_bytes signature = {NULL, 0};
    enum ag_err err =
        ag_vector_sign(one->alg, key, &one->mode, one->message, job->arena, &signature);
    if (run_is_invalid(job)) {
        return run_refused(job, err);
    }
    if (err != AG_OK) {
        return run_fail(job, "signing failed with %s", ag_err_name(err));
    }
    if (run_expect(job, "the signature", signature, one->signature) != PASSED) {
        return FAILED;
    }
    const struct ag_sig_mode verifying = {
        .context = one->mode.context, .is_raw = one->mode.is_raw, .is_mu = one->mode.is_mu};
    err = ag_vector_verify(one->alg, key, &verifying, one->message, signature);
    return err == AG_OK ? PASSED : run_fail(job, "it does not verify: %s", ag_err_name(err));
}

/* Where a case has a message and mu, both must give the same signature. */
static enum verdict sign_case(const struct job *job, const char *alg, EVP_PKEY *key)
{
    struct signature_case one = read_case(job, alg);
    enum verdict verdict = sign_and_compare(job, &one, key);
    if (verdict == PASSED && !one.mode.is_mu && !run_is_invalid(job) && run_has(job, "mu")) {
        one.mode.is_mu = true;
        one.mode.context = (struct ag_bytes){NULL, 0};
        one.message = run_bytes(job, "mu");
        verdict = sign_and_compare(job, &one, key);
    }
    return verdict;
}

static enum verdict verify_case(const struct job *job, const char *alg, const char *key_name)
{
    const struct signature_case one = read_case(job, alg);
    const struct ag_sig_mode mode = {
        .context = one.mode.context, .is_raw = one.mode.is_raw, .is_mu = one.mode.is_mu};
    const struct ag_bytes public_key = run_bytes(job, key_name);
    enum ag_err err = AG_OK;
    if (strcmp(alg, mldsa) == 0 || strcmp(alg, "SLH-DSA-SHA2-256s") == 0) {
        enum ag_sig_alg id = strcmp(alg, mldsa) == 0 ? AG_SIG_MLDSA87 : AG_SIG_SLHDSA_SHA2_256S;
        struct ag_sig_public *key = NULL;
        err = ag_sig_public_open(id, public_key, &key);
        if (err == AG_OK) {
            err = ag_vector_verify(alg, ag_sig_public_pkey(key), &mode, one.message, one.signature);
            ag_sig_public_close(key);
        }
    } else {
        EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
        err = ag_vector_public(alg, public_key, &key);
        if (err == AG_OK) {
            err = ag_vector_verify(alg, key, &mode, one.message, one.signature);
        }
    }
    if (run_is_invalid(job)) {
        return run_refused(job, err);
    }
    return err == AG_OK ? PASSED : run_fail(job, "refused with %s", ag_err_name(err));
}

/* ---- ACVP ------------------------------------------------------------------------------------ */

static enum verdict compare_key(const struct job *job, EVP_PKEY *key, bool is_private,
                                const char *name)
{
    struct ag_bytes raw = {NULL, 0};
    if (!run_has(job, name)) {
        return PASSED;
    }
    if (ag_vector_raw(key, is_private, job->arena, &raw) != AG_OK) {
        return run_fail(job, "the key cannot be read");
    }
    return run_expect(job, name, raw, run_bytes(job, name));
}

/* The room's own key of the same seed must have the same public half. */
static enum verdict compare_room_key(const struct job *job, const char *alg, struct ag_bytes seed,
                                     struct ag_bytes wanted)
{
    struct ag_buf got = run_take(job, wanted.size);
    enum ag_err err = AG_ERR_SUITE;
    if (strcmp(alg, mlkem) == 0) {
        struct ag_kem_key *key = NULL;
        err = ag_kem_key_open(AG_KEM_MLKEM1024, seed, &key);
        err = err == AG_OK ? ag_kem_key_public(key, got) : err;
        ag_kem_key_close(key);
    } else if (strcmp(alg, mldsa) == 0 || strcmp(alg, "SLH-DSA-SHA2-256s") == 0) {
        enum ag_sig_alg id = strcmp(alg, mldsa) == 0 ? AG_SIG_MLDSA87 : AG_SIG_SLHDSA_SHA2_256S;
        struct ag_sig_key *key = NULL;
        err = ag_sig_key_open(id, seed, &key);
        err = err == AG_OK ? ag_sig_key_public(key, got) : err;
        ag_sig_key_close(key);
    } else {
        return PASSED;
    }
    if (err != AG_OK) {
        return run_fail(job, "the room's key failed with %s", ag_err_name(err));
    }
    return run_expect(job, "the room's public key", ag_bytes_of(got.data, got.size), wanted);
}

static enum verdict keygen(const struct job *job, const char *alg, const char *public_name,
                           const char *private_name)
{
    const struct ag_bytes seed = run_bytes(job, "seed");
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    enum ag_err err = ag_crypto_key_from_seed(alg, seed, &key);
    if (err != AG_OK) {
        return run_fail(job, "no key from the seed: %s", ag_err_name(err));
    }
    if (compare_key(job, key, false, public_name) != PASSED ||
        compare_key(job, key, true, private_name) != PASSED) {
        return FAILED;
    }
    return compare_room_key(job, alg, seed, run_bytes(job, public_name));
}

/* Names that libcrypto cannot fetch are left out. */
static bool is_runnable(const char *alg)
{
    return strncmp(alg, "ML-DSA-", 7) == 0 || strncmp(alg, "SLH-DSA-", 8) == 0;
}

static enum verdict acvp_keygen(struct job *job)
{
    const char *alg = rsp_get(&job->one, "alg");
    if (!is_runnable(alg) && strcmp(alg, mlkem) != 0) {
        return run_leave_out(job, "another algorithm");
    }
    return keygen(job, alg, "pk", "sk");
}

static enum verdict acvp_sign(struct job *job)
{
    const char *alg = rsp_get(&job->one, "alg");
    if (!is_runnable(alg)) {
        return run_leave_out(job, "another algorithm");
    }
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    enum ag_err err = ag_vector_private(alg, run_bytes(job, "sk"), &key);
    if (err != AG_OK) {
        return run_is_invalid(job) ? run_refused(job, err) : run_fail(job, "the key is refused");
    }
    return sign_case(job, alg, key);
}

static enum verdict acvp_verify(struct job *job)
{
    const char *alg = rsp_get(&job->one, "alg");
    if (!is_runnable(alg)) {
        return run_leave_out(job, "another algorithm");
    }
    return verify_case(job, alg, "pk");
}

/* ---- Wycheproof signatures ------------------------------------------------------------------- */

static enum verdict wycheproof_verify(struct job *job)
{
    return verify_case(job, mldsa, "publicKey");
}

static enum verdict wycheproof_sign_seed(struct job *job)
{
    const struct ag_bytes seed = run_bytes(job, "privateSeed");
    struct ag_sig_key *room_key = NULL;
    enum ag_err err = ag_sig_key_open(AG_SIG_MLDSA87, seed, &room_key);
    ag_sig_key_close(room_key);
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    err = err == AG_OK ? ag_crypto_key_from_seed(mldsa, seed, &key) : err;
    if (err != AG_OK) {
        return run_is_invalid(job) ? run_refused(job, err) : run_fail(job, "the seed is refused");
    }
    return sign_case(job, mldsa, key);
}

static enum verdict wycheproof_sign_noseed(struct job *job)
{
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    enum ag_err err = ag_vector_private(mldsa, run_bytes(job, "privateKey"), &key);
    if (err != AG_OK) {
        return run_is_invalid(job) ? run_refused(job, err) : run_fail(job, "the key is refused");
    }
    return sign_case(job, mldsa, key);
}

/* ---- ML-KEM ---------------------------------------------------------------------------------- */

/* The three sources name the same things differently. */
static struct ag_bytes either(const struct job *job, const char *a, const char *b)
{
    return run_bytes(job, run_has(job, a) ? a : b);
}

static enum verdict kem_keygen(struct job *job)
{
    return keygen(job, mlkem, "ek", "dk");
}

static enum verdict kem_encap(struct job *job)
{
    const char *alg = rsp_get(&job->one, "alg");
    if (alg != NULL && strcmp(alg, mlkem) != 0) {
        return run_leave_out(job, "another algorithm");
    }
    struct ag_buf ct = run_take(job, AG_MLKEM1024_CT_SIZE);
    uint8_t secret[AG_KEM_SECRET_SIZE] = {0};
    enum ag_err err =
        ag_kem_encap(AG_KEM_MLKEM1024, run_bytes(job, "ek"), run_bytes(job, "m"), ct, secret);
    if (run_is_invalid(job)) {
        return run_refused(job, err);
    }
    if (err != AG_OK) {
        return run_fail(job, "encapsulation failed with %s", ag_err_name(err));
    }
    if (run_expect(job, "the ciphertext", ag_bytes_of(ct.data, ct.size), either(job, "ct", "c")) !=
        PASSED) {
        return FAILED;
    }
    return run_expect(job, "the secret", AG_ARRAY_VIEW(secret), either(job, "ss", "K"));
}

static enum verdict finish_decap(const struct job *job, enum ag_err err,
                                 const uint8_t secret[AG_KEM_SECRET_SIZE])
{
    if (run_is_invalid(job)) {
        return run_refused(job, err);
    }
    if (err != AG_OK) {
        return run_fail(job, "decapsulation failed with %s", ag_err_name(err));
    }
    return run_expect(job, "the secret", ag_bytes_of(secret, AG_KEM_SECRET_SIZE),
                      either(job, "ss", "K"));
}

/* From a seed: the room's own receiver. */
static enum verdict kem_decap_seed(struct job *job)
{
    uint8_t secret[AG_KEM_SECRET_SIZE] = {0};
    struct ag_kem_key *key = NULL;
    struct ag_kem_work *work = NULL;
    enum ag_err err = ag_kem_key_open(AG_KEM_MLKEM1024, run_bytes(job, "seed"), &key);
    err = err == AG_OK ? ag_kem_work_open(key, &work) : err;
    err = err == AG_OK ? ag_kem_decap(work, either(job, "ct", "c"), secret) : err;
    ag_kem_work_close(work);
    ag_kem_key_close(key);
    return finish_decap(job, err, secret);
}

/* From an expanded key: libcrypto, because the room stores seeds alone. */
static enum verdict kem_decap_expanded(struct job *job)
{
    const char *alg = rsp_get(&job->one, "alg");
    if (alg != NULL && strcmp(alg, mlkem) != 0) {
        return run_leave_out(job, "another algorithm");
    }
    uint8_t secret[AG_KEM_SECRET_SIZE] = {0};
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    enum ag_err err = ag_vector_private(mlkem, run_bytes(job, "dk"), &key);
    err = err == AG_OK ? ag_vector_decap(key, either(job, "ct", "c"), secret) : err;
    return finish_decap(job, err, secret);
}

/* ---- CCTV ------------------------------------------------------------------------------------ */

/* CCTV made some files with the draft of FIPS 203, where the matrix seed was the first half of
 * SHA3-512(d); the standard hashes d and the rank. Only key generation differs. */
static bool is_of_draft(const struct job *job)
{
    uint8_t digest[64] = {0};
    const struct ag_bytes ek = run_bytes(job, "ek");
    return ek.size > 32 && ag_vector_sha3_512(run_bytes(job, "d"), digest) == AG_OK &&
           memcmp(digest, ek.data + ek.size - 32, 32) == 0;
}

static enum verdict unlucky_keygen(const struct job *job)
{
    struct ag_bytes d = run_bytes(job, "d");
    struct ag_bytes z = run_bytes(job, "z");
    uint8_t seed[64] = {0};
    if (d.size != 32 || z.size != 32) {
        return run_fail(job, "d and z are 32 bytes each");
    }
    memcpy(seed, d.data, 32);
    memcpy(seed + 32, z.data, 32);
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    if (ag_crypto_key_from_seed(mlkem, AG_ARRAY_VIEW(seed), &key) != AG_OK) {
        return run_fail(job, "no key from the seed");
    }
    return compare_key(job, key, false, "ek") == PASSED ? compare_key(job, key, true, "dk")
                                                        : FAILED;
}

/* d, z, ek, dk, m, K and c in one case: all three operations. */
static enum verdict unlucky(struct job *job)
{
    uint8_t secret[AG_KEM_SECRET_SIZE] = {0};
    if (is_of_draft(job)) {
        printf("note %s: made with the draft's key generation; the rest is run\n", job->file->path);
    } else if (unlucky_keygen(job) != PASSED) {
        return FAILED;
    }
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    enum ag_err err = ag_vector_private(mlkem, run_bytes(job, "dk"), &key);
    err = err == AG_OK ? ag_vector_decap(key, run_bytes(job, "c"), secret) : err;
    if (finish_decap(job, err, secret) != PASSED) {
        return FAILED;
    }
    return kem_encap(job);
}

enum verdict run_modulus(struct job *job)
{
    struct ag_bytes ek = {NULL, 0};
    struct ag_buf ct = run_take(job, AG_MLKEM1024_CT_SIZE);
    uint8_t secret[AG_KEM_SECRET_SIZE] = {0};
    static const uint8_t m[32] = {1};
    if (!rsp_hex_text(job->text, strlen(job->text), job->arena, &ek)) {
        return run_fail(job, "not a line of hex");
    }
    return run_refused(job, ag_kem_encap(AG_KEM_MLKEM1024, ek, AG_ARRAY_VIEW(m), ct, secret));
}

/* Signs and verifies the message through the room, with the key of the all-zero seed. */
enum verdict run_benchmark(struct job *job)
{
    static const uint8_t seed[AG_MLDSA87_SEED_SIZE];
    const struct ag_bytes message = ag_bytes_of(job->text, strlen(job->text));
    struct ag_buf signature = run_take(job, AG_MLDSA87_SIGNATURE_SIZE);
    struct ag_buf public_key = run_take(job, AG_MLDSA87_PUBLIC_SIZE);
    struct ag_sig_key *key = NULL;
    enum ag_err err = ag_sig_key_open(AG_SIG_MLDSA87, AG_ARRAY_VIEW(seed), &key);
    err = err == AG_OK ? ag_sig_key_public(key, public_key) : err;
    err = err == AG_OK ? ag_sig_sign(key, AG_TAG_BATCH_MLDSA, message, signature) : err;
    ag_sig_key_close(key);
    err = err == AG_OK
              ? ag_sig_verify_once(AG_SIG_MLDSA87, ag_bytes_of(public_key.data, public_key.size),
                                   AG_TAG_BATCH_MLDSA, message,
                                   ag_bytes_of(signature.data, signature.size))
              : err;
    return err == AG_OK ? PASSED : run_fail(job, "%s", ag_err_name(err));
}

static enum ag_err accumulate(const struct job *job, struct ag_vector_xof *seeds,
                              struct ag_vector_xof *sum)
{
    static const struct ag_sig_mode mode = {.is_deterministic = true};
    static const struct ag_bytes nothing = {NULL, 0};
    uint8_t seed[AG_MLDSA87_SEED_SIZE] = {0};
    struct ag_bytes public_key = {NULL, 0};
    struct ag_bytes signature = {NULL, 0};
    EVP_PKEY *key AG_SCOPED(ag_crypto_pkey_cleanup) = NULL;
    AG_TRY(ag_vector_xof_squeeze(seeds, (struct ag_buf){seed, sizeof(seed)}));
    AG_TRY(ag_crypto_key_from_seed(mldsa, AG_ARRAY_VIEW(seed), &key));
    AG_TRY(ag_vector_raw(key, false, job->arena, &public_key));
    AG_TRY(ag_vector_sign(mldsa, key, &mode, nothing, job->arena, &signature));
    AG_TRY(ag_vector_xof_absorb(sum, public_key));
    return ag_vector_xof_absorb(sum, signature);
}

enum verdict run_accumulated(struct job *job)
{
    static const char wanted_hex[] =
        "8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b";
    enum {
        ROUNDS = 100
    };
    struct ag_vector_xof seeds AG_SCOPED(ag_vector_xof_close) = {0};
    struct ag_vector_xof sum AG_SCOPED(ag_vector_xof_close) = {0};
    uint8_t digest[32] = {0};
    struct ag_bytes wanted = {NULL, 0};
    enum ag_err err = ag_vector_xof_open(&seeds);
    err = err == AG_OK ? ag_vector_xof_open(&sum) : err;
    for (unsigned i = 0; err == AG_OK && i < ROUNDS; i++) {
        err = accumulate(job, &seeds, &sum);
    }
    err = err == AG_OK ? ag_vector_xof_squeeze(&sum, (struct ag_buf){digest, sizeof(digest)}) : err;
    if (err != AG_OK || !rsp_hex_text(wanted_hex, strlen(wanted_hex), job->arena, &wanted)) {
        return run_fail(job, "%s", ag_err_name(err));
    }
    return run_expect(job, "the accumulated digest", AG_ARRAY_VIEW(digest), wanted);
}

/* ---- which ----------------------------------------------------------------------------------- */

static const struct {
    const char *keys[4]; /* the case has all of these */
    run_case *run;
} kinds[] = {
    {{"d", "z", "ek"}, unlucky},
    {{"privateSeed", "sig"}, wycheproof_sign_seed},
    {{"privateKey", "sig"}, wycheproof_sign_noseed},
    {{"publicKey", "sig"}, wycheproof_verify},
    {{"alg", "sk", "sig"}, acvp_sign},
    {{"alg", "pk", "sig"}, acvp_verify},
    {{"alg", "seed", "pk"}, acvp_keygen},
    {{"ek", "m"}, kem_encap},
    {{"seed", "c", "K"}, kem_decap_seed},
    {{"dk", "c"}, kem_decap_expanded},
    {{"dk", "ct"}, kem_decap_expanded},
    {{"seed", "ek", "dk"}, kem_keygen},
};

run_case *run_find_pq(const struct job *job)
{
    for (size_t i = 0; i < AG_COUNT(kinds); i++) {
        bool has_all = true;
        for (size_t k = 0; k < AG_COUNT(kinds[i].keys) && kinds[i].keys[k] != NULL; k++) {
            has_all = has_all && run_has(job, kinds[i].keys[k]);
        }
        if (has_all) {
            return kinds[i].run;
        }
    }
    return NULL;
}
