/* SPDX-License-Identifier: Apache-2.0 */
#include "run_crypto.h"

#include <string.h>

/* HPKE: the vectors of the draft, envelopes sealed by others, and envelopes that must not open. */

struct suite {
    uint64_t kem;
    uint64_t kdf;
    uint64_t aead;
};

/* False when the case names a suite that we do not have. */
static bool read_suite(const struct rsp_case *one, struct suite *out)
{
    return rsp_u64(one, "kem_id", &out->kem) && rsp_u64(one, "kdf_id", &out->kdf) &&
           rsp_u64(one, "aead_id", &out->aead) && out->kem <= UINT16_MAX &&
           out->kdf <= UINT16_MAX && out->aead <= UINT16_MAX &&
           ag_hpke_suite_is_known((uint16_t)out->kem, (uint16_t)out->kdf, (uint16_t)out->aead);
}

/* ---- the draft ------------------------------------------------------------------------------- */

static enum verdict compare_keys(const struct job *job, const struct ag_hpke *hpke)
{
    if (run_expect(job, "the key", AG_ARRAY_VIEW(hpke->key.bytes), run_bytes(job, "key")) !=
            PASSED ||
        run_expect(job, "the base nonce", AG_ARRAY_VIEW(hpke->base_nonce),
                   run_bytes(job, "base_nonce")) != PASSED) {
        return FAILED;
    }
    return run_expect(job, "the exporter secret", AG_ARRAY_VIEW(hpke->exporter),
                      run_bytes(job, "exporter_secret"));
}

/* DeriveKeyPair, the public key, and the sender with the randomness of the case. */
static enum verdict send_as_given(const struct job *job, enum ag_kem kem,
                                  const struct ag_hpke_info *info)
{
    struct ag_buf seed = run_take(job, ag_kem_seed_size(kem));
    struct ag_buf enc = run_take(job, ag_kem_enc_size(kem));
    struct ag_hpke sent AG_SCOPED(ag_hpke_wipe) = {0};
    enum ag_err err = ag_kem_derive_seed(kem, run_bytes(job, "ikmR"), seed);
    if (err != AG_OK) {
        return run_fail(job, "no key pair: %s", ag_err_name(err));
    }
    if (run_expect(job, "the private key", ag_bytes_of(seed.data, seed.size),
                   run_bytes(job, "skRm")) != PASSED) {
        return FAILED;
    }
    err = ag_hpke_send(NULL, kem, run_bytes(job, "pkRm"), info, run_bytes(job, "ikmE"), true, enc,
                       &sent);
    if (err != AG_OK) {
        return run_fail(job, "sending failed with %s", ag_err_name(err));
    }
    if (run_expect(job, "enc", ag_bytes_of(enc.data, enc.size), run_bytes(job, "enc")) != PASSED) {
        return FAILED;
    }
    return compare_keys(job, &sent);
}

static enum verdict receive_as_given(const struct job *job, struct ag_kem_work *work,
                                     const struct ag_hpke_info *info)
{
    uint8_t secret[AG_KEM_SECRET_SIZE] = {0};
    struct ag_hpke received AG_SCOPED(ag_hpke_wipe) = {0};
    enum ag_err err = ag_kem_decap(work, run_bytes(job, "enc"), secret);
    err = err == AG_OK ? ag_hpke_receive(work, info, run_bytes(job, "enc"), true, &received) : err;
    if (err != AG_OK) {
        return run_fail(job, "receiving failed with %s", ag_err_name(err));
    }
    if (run_has(job, "shared_secret") && run_expect(job, "the shared secret", AG_ARRAY_VIEW(secret),
                                                    run_bytes(job, "shared_secret")) != PASSED) {
        return FAILED;
    }
    return compare_keys(job, &received);
}

static enum verdict run_suite(struct job *job)
{
    struct suite suite = {0};
    struct ag_hpke_info info = {0};
    if (!read_suite(&job->one, &suite)) {
        return run_leave_out(job, "an HPKE suite that is not ours");
    }
    const char *mode = rsp_get(&job->one, "mode");
    if (mode != NULL && strcmp(mode, "0") != 0) {
        return run_leave_out(job, "an HPKE mode other than base");
    }
    enum ag_kem kem = (enum ag_kem)suite.kem;
    struct ag_kem_key *key = NULL;
    struct ag_kem_work *work = NULL;
    enum ag_err err = ag_hpke_info_init(&info, kem, run_bytes(job, "info"));
    err = err == AG_OK ? ag_kem_key_open(kem, run_bytes(job, "skRm"), &key) : err;
    err = err == AG_OK ? ag_kem_work_open(key, &work) : err;
    enum verdict verdict = FAILED;
    if (err != AG_OK) {
        (void)run_fail(job, "%s", ag_err_name(err));
    } else {
        struct ag_buf public_key = run_take(job, ag_kem_public_size(kem));
        verdict =
            ag_kem_key_public(key, public_key) == AG_OK
                ? run_expect(job, "the public key", ag_bytes_of(public_key.data, public_key.size),
                             run_bytes(job, "pkRm"))
                : FAILED;
        verdict = verdict == PASSED ? send_as_given(job, kem, &info) : verdict;
        verdict = verdict == PASSED ? receive_as_given(job, work, &info) : verdict;
    }
    ag_kem_work_close(work);
    ag_kem_key_close(key);
    return verdict;
}

/* The keys of the suite that this block belongs to; its own case has proved them. */
static bool keys_of_parent(const struct job *job, struct ag_hpke *out)
{
    struct suite suite = {0};
    const struct ag_bytes key = run_parent_bytes(job, "key");
    const struct ag_bytes nonce = run_parent_bytes(job, "base_nonce");
    const struct ag_bytes exporter = run_parent_bytes(job, "exporter_secret");
    if (!read_suite(&job->parent, &suite) || key.size != sizeof(out->key.bytes) ||
        nonce.size != sizeof(out->base_nonce) || exporter.size != sizeof(out->exporter)) {
        return false;
    }
    out->kem = (enum ag_kem)suite.kem;
    out->has_exporter = true;
    memcpy(out->key.bytes, key.data, key.size);
    memcpy(out->base_nonce, nonce.data, nonce.size);
    memcpy(out->exporter, exporter.data, exporter.size);
    return true;
}

static enum verdict run_encryption(struct job *job)
{
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    uint64_t sequence = 0;
    if (!keys_of_parent(job, &hpke)) {
        return run_leave_out(job, "an HPKE suite that is not ours");
    }
    if (!rsp_u64(&job->one, "seq", &sequence)) {
        return run_fail(job, "no sequence number");
    }
    const struct ag_bytes plain = run_bytes(job, "pt");
    const struct ag_bytes aad = run_bytes(job, "aad");
    const struct ag_bytes wanted = run_bytes(job, "ct");
    struct ag_buf sealed = run_take(job, plain.size + AG_GCM_TAG_SIZE);
    struct ag_buf opened = run_take(job, plain.size);
    enum ag_err err = ag_hpke_seal_part(&hpke, sequence, aad, plain, sealed);
    if (err != AG_OK) {
        return run_fail(job, "sealing failed with %s", ag_err_name(err));
    }
    if (run_expect(job, "the ciphertext", ag_bytes_of(sealed.data, sealed.size), wanted) !=
        PASSED) {
        return FAILED;
    }
    err = ag_hpke_open_part(&hpke, sequence, aad, wanted, opened);
    if (err != AG_OK) {
        return run_fail(job, "opening failed with %s", ag_err_name(err));
    }
    return run_expect(job, "the plaintext", ag_bytes_of(opened.data, opened.size), plain);
}

static enum verdict run_export(struct job *job)
{
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    const struct ag_bytes wanted = run_bytes(job, "exported_value");
    if (!keys_of_parent(job, &hpke)) {
        return run_leave_out(job, "an HPKE suite that is not ours");
    }
    struct ag_buf out = run_take(job, wanted.size);
    enum ag_err err = ag_hpke_export(&hpke, run_bytes(job, "exporter_context"), out);
    if (err != AG_OK) {
        return run_fail(job, "%s", ag_err_name(err));
    }
    return run_expect(job, "the exported value", ag_bytes_of(out.data, out.size), wanted);
}

/* ---- whole envelopes ------------------------------------------------------------------------- */

/* What a receiver does with one envelope. `*out_step` says how far it came. */
static enum ag_err open_envelope(const struct job *job, enum ag_kem kem, struct ag_buf *out,
                                 const char **out_step)
{
    const struct ag_bytes sealed = run_bytes(job, "ct");
    struct ag_hpke_info info = {0};
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    struct ag_kem_key *key = NULL;
    struct ag_kem_work *work = NULL;
    *out_step = "key";
    enum ag_err err = ag_hpke_info_init(&info, kem, run_bytes(job, "info"));
    err = err == AG_OK ? ag_kem_key_open(kem, run_bytes(job, "skRm"), &key) : err;
    err = err == AG_OK ? ag_kem_work_open(key, &work) : err;
    if (err == AG_OK) {
        *out_step = "decap";
        err = ag_hpke_receive(work, &info, run_bytes(job, "enc"), false, &hpke);
    }
    if (err == AG_OK) {
        *out_step = "open";
        *out = run_take(job, sealed.size < AG_GCM_TAG_SIZE ? 0 : sealed.size - AG_GCM_TAG_SIZE);
        err = ag_hpke_open_part(&hpke, 0, run_bytes(job, "aad"), sealed, *out);
    }
    ag_kem_work_close(work);
    ag_kem_key_close(key);
    return err;
}

static enum verdict run_good_envelope(struct job *job)
{
    struct suite suite = {0};
    struct ag_buf opened = {NULL, 0};
    const char *step = NULL;
    if (!read_suite(&job->one, &suite)) {
        return run_leave_out(job, "an HPKE suite that is not ours");
    }
    enum ag_err err = open_envelope(job, (enum ag_kem)suite.kem, &opened, &step);
    if (err != AG_OK) {
        return run_fail(job, "step %s: %s", step, ag_err_name(err));
    }
    return run_expect(job, "the plaintext", ag_bytes_of(opened.data, opened.size),
                      run_bytes(job, "pt"));
}

static enum verdict run_bad_envelope(struct job *job)
{
    struct suite suite = {0};
    struct ag_buf opened = {NULL, 0};
    const char *step = NULL;
    /* A suite that is not ours is refused before any key is touched. */
    if (!read_suite(&job->one, &suite)) {
        return PASSED;
    }
    enum ag_err err = open_envelope(job, (enum ag_kem)suite.kem, &opened, &step);
    if (run_refused(job, err) != PASSED) {
        return FAILED;
    }
    const char *wanted = rsp_get(&job->one, "expect");
    if (strcmp(step, "key") == 0 || (strcmp(wanted, "open") == 0) != (strcmp(step, "open") == 0)) {
        return run_fail(job, "refused at step %s, wanted %s", step, wanted);
    }
    return err == AG_ERR_OPEN ? PASSED : run_fail(job, "refused with %s", ag_err_name(err));
}

run_case *run_find_hpke(const struct job *job)
{
    if (run_has(job, "enc_id")) {
        return run_encryption;
    }
    if (run_has(job, "exp_id")) {
        return run_export;
    }
    if (!run_has(job, "kem_id")) {
        return NULL;
    }
    if (run_has(job, "pkRm")) {
        return run_suite;
    }
    return run_has(job, "expect") ? run_bad_envelope : run_good_envelope;
}
