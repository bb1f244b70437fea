/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* Collateral is looked at this often; the provider hands out the same bytes until it renews
 * them. */
#define CHECK_INTERVAL_MS 60000u

void ag_seq_identity_init(struct identity *identity)
{
    memset(identity, 0, sizeof(*identity));
    ag_vec_init(&identity->bundle, AG_LIMIT_BUNDLE_BYTES);
    ag_vec_init(&identity->evidence, AG_LIMIT_EVIDENCE_BYTES + 64u);
    ag_vec_init(&identity->collateral, (size_t)AG_LIMIT_COLLATERAL_PART_BYTES * 8u);
}

void ag_seq_identity_close(struct identity *identity)
{
    ag_vec_close(&identity->bundle);
    ag_vec_close(&identity->evidence);
    ag_vec_close(&identity->collateral);
}

enum ag_err ag_seq_identity_copy(const struct identity *from, struct identity *to)
{
    AG_TRY(ag_vec_append(&to->bundle, ag_vec_view(&from->bundle)));
    AG_TRY(ag_vec_append(&to->evidence, ag_vec_view(&from->evidence)));
    AG_TRY(ag_vec_append(&to->collateral, ag_vec_view(&from->collateral)));
    to->bundle_digest = from->bundle_digest;
    to->bundle_created_ms = from->bundle_created_ms;
    to->collateral_expires_ms = from->collateral_expires_ms;
    return AG_OK;
}

/* A policy in the words any verifier uses: this program on this hardware. */
static enum ag_err write_policy(struct ag_tee *tee, struct ag_vec *out)
{
    uint8_t measurement[48];
    char hex[2 * 48 + 1];
    ag_tee_measurement(tee, measurement);
    ag_hex_encode(AG_ARRAY_VIEW(measurement), hex);
    AG_TRY(ag_vec_printf(out, "accept_tee = %s\nmr_td = %s\n", ag_tee_provider(tee), hex));
    if (ag_tee_kind(tee) == AG_TEE_INSECURE_SIM) {
        uint8_t fingerprint[32];
        char root[2 * 32 + 1];
        AG_TRY(ag_tee_root_fingerprint(tee, fingerprint));
        ag_hex_encode(AG_ARRAY_VIEW(fingerprint), root);
        AG_TRY(ag_vec_printf(out, "insecure_sim_root = %s\n", root));
    }
    return AG_OK;
}

enum ag_err ag_seq_write_policy(const struct ag_conf *conf, const struct ag_host *host,
                                struct ag_vec *out, struct ag_fault *fault)
{
    struct ag_tee *tee = NULL;
    if (conf->provider == AG_TEE_INSECURE_SIM && !conf->allow_insecure_sim) {
        return ag_fault_set(fault, AG_ERR_TEE_SIMULATED, "allow_insecure_sim");
    }
    AG_TRY(ag_tee_open(conf->provider, conf->sim_dir, host, &tee));
    enum ag_err err = write_policy(tee, out);
    ag_tee_close(tee);
    return err;
}

enum ag_err ag_seq_own_policy(struct ag_seq *seq)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES);
    AG_TRY(write_policy(seq->tee, &text));
    unsigned line = 0;
    return ag_policy_parse(ag_vec_view(&text), &seq->policy, &line, NULL);
}

static enum ag_err make_evidence(struct ag_seq *seq, struct identity *identity)
{
    uint8_t report_data[64];
    AG_TRY(ag_report_data(AG_REPORT_BUNDLE, &identity->bundle_digest, (struct ag_bytes){NULL, 0},
                          report_data));
    struct ag_vec quote AG_SCOPED(ag_vec_close);
    ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
    AG_TRY(ag_tee_quote(seq->tee, report_data, &quote));
    struct ag_evidence evidence = {ag_tee_kind(seq->tee), ag_vec_view(&quote)};
    return ag_evidence_encode(&evidence, &identity->evidence);
}

/* A node that its own verifier would not accept has nothing to say to clients. */
static enum ag_err judge_identity(struct ag_seq *seq, struct identity *identity, uint64_t now_ms)
{
    struct ag_evidence evidence;
    struct ag_collateral collateral;
    uint8_t report_data[64];
    AG_TRY(ag_evidence_decode(ag_vec_view(&identity->evidence), &evidence, NULL));
    AG_TRY(ag_collateral_decode(ag_vec_view(&identity->collateral), &collateral, NULL));
    AG_TRY(ag_report_data(AG_REPORT_BUNDLE, &identity->bundle_digest, (struct ag_bytes){NULL, 0},
                          report_data));

    struct ag_verdict *verdict AG_SCOPED(ag_free_cleanup) = ag_alloc(sizeof(*verdict));
    AG_ENSURE(verdict != NULL, AG_ERR_NO_MEMORY);
    AG_TRY(ag_attest_verify(&evidence, &collateral, seq->policy, AG_ARRAY_VIEW(report_data), now_ms,
                            verdict));
    identity->collateral_expires_ms = verdict->collateral_expires_ms;
    if (!verdict->is_accepted) {
        ag_log(AG_LOG_ERROR, "identity.refused",
               ag_kv_text("status", ag_attest_status_name(verdict->status)));
        return AG_ERR_EVIDENCE_DENIED;
    }
    return AG_OK;
}

static enum ag_err make_identity(struct ag_seq *seq, uint64_t now_ms, struct identity *identity)
{
    struct ag_bundle bundle;
    AG_TRY(ag_keyring_bundle(seq->keyring, ag_keyring_epoch(seq->keyring), &identity->bundle,
                             &identity->bundle_digest));
    AG_TRY(ag_bundle_decode(ag_vec_view(&identity->bundle), &bundle, NULL));
    identity->bundle_created_ms = bundle.created_ms;
    AG_TRY(ag_tee_collateral(seq->tee, now_ms, &identity->collateral));
    AG_TRY(make_evidence(seq, identity));
    return judge_identity(seq, identity, now_ms);
}

enum ag_err ag_seq_identity_renew(struct ag_seq *seq, uint64_t now_ms)
{
    uint64_t mono_ms = ag_seq_mono_ms(seq);
    if (seq->identity.bundle.size != 0 && mono_ms < seq->identity_check_ms) {
        return AG_OK;
    }
    seq->identity_check_ms = mono_ms + CHECK_INTERVAL_MS;

    struct identity fresh;
    ag_seq_identity_init(&fresh);
    enum ag_err err = make_identity(seq, now_ms, &fresh);
    if (err != AG_OK) {
        ag_seq_identity_close(&fresh);
        return err;
    }
    pthread_mutex_lock(&seq->lock);
    struct identity old = seq->identity;
    seq->identity = fresh;
    pthread_mutex_unlock(&seq->lock);
    ag_seq_identity_close(&old);
    ag_metric_set(AG_METRIC_COLLATERAL_EXPIRES_MS, fresh.collateral_expires_ms);
    return AG_OK;
}

/* Fresh evidence over a client's nonce; made on the calling thread. */
static enum ag_err quote_nonce(struct ag_seq *seq, const struct ag_hash *digest,
                               struct ag_bytes nonce, struct ag_vec *out)
{
    uint8_t report_data[64];
    AG_TRY(ag_report_data(AG_REPORT_BUNDLE, digest, nonce, report_data));
    struct ag_vec quote AG_SCOPED(ag_vec_close);
    ag_vec_init(&quote, AG_LIMIT_EVIDENCE_BYTES);
    AG_TRY(ag_tee_quote(seq->tee, report_data, &quote));
    struct ag_evidence evidence = {ag_tee_kind(seq->tee), ag_vec_view(&quote)};
    return ag_evidence_encode(&evidence, out);
}

enum ag_err ag_seq_identity(struct ag_seq *seq, struct ag_bytes nonce, struct ag_vec *out_bundle,
                            struct ag_vec *out_evidence, struct ag_vec *out_collateral)
{
    AG_ENSURE(nonce.size == 0 || nonce.size == 32, AG_ERR_ARGUMENT);
    pthread_mutex_lock(&seq->lock);
    struct ag_hash digest = seq->identity.bundle_digest;
    enum ag_err err = ag_vec_append(out_bundle, ag_vec_view(&seq->identity.bundle));
    if (err == AG_OK) {
        err = ag_vec_append(out_collateral, ag_vec_view(&seq->identity.collateral));
    }
    if (err == AG_OK && nonce.size == 0) {
        err = ag_vec_append(out_evidence, ag_vec_view(&seq->identity.evidence));
    }
    pthread_mutex_unlock(&seq->lock);
    AG_TRY(err);
    return nonce.size == 0 ? AG_OK : quote_nonce(seq, &digest, nonce, out_evidence);
}
