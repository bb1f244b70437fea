/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "order/order.h"
#include "seq/seq_i.h"

#define STORE_FORMAT 1u
/* Sets of collateral kept parsed: the current one, and the one before for batches in flight. */
#define COLLATERAL_KEPT 2u

/* ---- hardware, store, keys ------------------------------------------------------------------- */

static enum ag_err open_hardware(struct ag_seq *seq, struct ag_fault *fault)
{
    const struct ag_conf *conf = seq->conf;
    if (conf->provider == AG_TEE_INSECURE_SIM && !conf->allow_insecure_sim) {
        return ag_fault_set(fault, AG_ERR_TEE_SIMULATED, "allow_insecure_sim");
    }
    enum ag_err err = ag_tee_open(conf->provider, conf->sim_dir, seq->host, &seq->tee);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "provider");
    }
    return AG_OK;
}

static enum ag_err open_store(struct ag_seq *seq, struct ag_fault *fault)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/store", seq->conf->data_dir);
    AG_ENSURE(length > 0 && (size_t)length < sizeof(path), AG_ERR_ARGUMENT);
    enum ag_err err = ag_store_open(path, (size_t)seq->conf->store_size_max, &seq->store);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "data_dir");
    }
    return ag_seal_open(seq->tee, seq->host, &seq->seal);
}

/* A new store: the genesis is chance, chain and instant, so that no two nodes share one. */
static enum ag_err begin_chain(struct ag_seq *seq, uint64_t now_ms)
{
    struct anchored first = {.meta = {
                                 .store_format = STORE_FORMAT,
                                 .chain_id = seq->conf->chain_id,
                                 .next_admission = 1,
                                 .first_unbatched = 1,
                                 .key_epoch = 1,
                             }};
    uint8_t chance[32];
    uint8_t numbers[16];
    AG_TRY(seq->host->random(seq->host->context, (struct ag_buf){chance, sizeof(chance)}));
    for (size_t i = 0; i < 8; i++) {
        numbers[i] = (uint8_t)(seq->conf->chain_id >> (56 - 8 * i));
        numbers[8 + i] = (uint8_t)(now_ms >> (56 - 8 * i));
    }
    const struct ag_bytes parts[] = {AG_ARRAY_VIEW(chance), AG_ARRAY_VIEW(numbers)};
    AG_TRY(ag_hash(AG_TAG_GENESIS, parts, AG_COUNT(parts), &first.meta.genesis));
    first.meta.head_digest = first.meta.genesis;
    first.meta.last_group_digest = first.meta.genesis;

    struct ag_store_tx *tx = NULL;
    AG_TRY(ag_store_begin(seq->store, &tx));
    enum ag_err err = ag_seq_replay_key_make(seq, tx);
    if (err != AG_OK) {
        ag_store_abort(tx);
        return err;
    }
    return ag_seq_anchored_commit(seq, tx, &first);
}

static enum ag_err open_chain(struct ag_seq *seq, uint64_t now_ms, struct ag_fault *fault)
{
    enum ag_err err = ag_seq_anchor_read(seq, &seq->anchored);
    if (err == AG_ERR_NOT_FOUND) {
        return begin_chain(seq, now_ms);
    }
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "store");
    }
    if (seq->anchored.meta.chain_id != seq->conf->chain_id) {
        return ag_fault_limit(fault, AG_ERR_CONFIG, "chain_id", seq->anchored.meta.chain_id,
                              seq->conf->chain_id);
    }
    AG_ENSURE(seq->anchored.meta.store_format == STORE_FORMAT, AG_ERR_STORE_FORMAT);
    return ag_seq_replay_key_read(seq);
}

static enum ag_err open_keys(struct ag_seq *seq, uint64_t now_ms)
{
    AG_TRY(ag_pool_open((unsigned)seq->conf->workers, &seq->workers));
    const struct ag_keyring_config config = {
        .chain_id = seq->anchored.meta.chain_id,
        .genesis = seq->anchored.meta.genesis,
        .kems = seq->conf->key_suites.kems,
        .kem_count = seq->conf->key_suites.count,
        .lanes = ag_pool_size(seq->workers),
    };
    AG_TRY(ag_keyring_open(seq->store, seq->seal, seq->host, &config, now_ms, &seq->keyring));
    /* An older key table under a newer anchor, or the reverse. */
    struct ag_hash digest;
    uint64_t epoch = ag_keyring_epoch(seq->keyring);
    AG_TRY(ag_keyring_bundle(seq->keyring, epoch, NULL, &digest));
    AG_ENSURE(epoch == seq->anchored.meta.key_epoch, AG_ERR_SEAL_ROLLBACK);
    if (!ag_bytes_is_zero(AG_VIEW(&seq->anchored.bundle_digest))) {
        AG_ENSURE(ag_keyring_epoch_first(seq->keyring) == seq->anchored.key_epoch_first &&
                      ag_bytes_equal(AG_VIEW(&digest), AG_VIEW(&seq->anchored.bundle_digest)),
                  AG_ERR_SEAL_ROLLBACK);
    }
    seq->anchored.key_epoch_first = ag_keyring_epoch_first(seq->keyring);
    seq->anchored.bundle_digest = digest;
    return AG_OK;
}

/* ---- the pool -------------------------------------------------------------------------------- */

static enum ag_err honours(void *context, uint64_t epoch, uint16_t kem)
{
    struct ag_seq *seq = context;
    AG_ENSURE(epoch >= ag_keyring_epoch_first(seq->keyring) && epoch >= seq->honoured_first &&
                  epoch <= ag_keyring_epoch(seq->keyring),
              AG_ERR_ENVELOPE_EPOCH);
    for (size_t i = 0; i < seq->conf->key_suites.count; i++) {
        if (seq->conf->key_suites.kems[i] == kem) {
            return AG_OK;
        }
    }
    return AG_ERR_SUITE;
}

static enum ag_err receive(void *context, unsigned lane, uint64_t epoch, uint16_t kem,
                           struct ag_bytes enc, struct ag_hpke *out)
{
    struct ag_seq *seq = context;
    return ag_keyring_receive(seq->keyring, lane, epoch, kem, enc, out);
}

static enum ag_err open_pool(struct ag_seq *seq, struct ag_fault *fault)
{
    const struct ag_conf *conf = seq->conf;
    const struct ag_mempool_keys keys = {seq, honours, receive, ag_pool_size(seq->workers)};
    struct ag_mempool_config config;
    ag_mempool_config_default(&config);
    config.chain_id = conf->chain_id;
    memset(config.kems, 0, sizeof(config.kems));
    for (size_t i = 0; i < conf->key_suites.count && i < AG_MEMPOOL_KEMS_MAX; i++) {
        config.kems[i] = conf->key_suites.kems[i];
    }
    config.first_admission = seq->anchored.meta.first_unbatched;
    config.clock_floor_ms = seq->last_time_ms;
    config.count_max = (size_t)conf->pool_count;
    config.bytes_max = (size_t)conf->pool_bytes;
    config.sender_count_max = (size_t)conf->pool_sender_count;
    config.ttl_max_ms = conf->envelope_ttl_ms_max;
    config.slack_ms = conf->clock_slack_ms;
    config.source_rate = (uint32_t)conf->source_rate;
    config.source_burst = (uint32_t)conf->source_burst;
    config.stamp_bits_max = (unsigned)conf->stamp_bits_max;
    AG_TRY(seq->host->random(seq->host->context, (struct ag_buf){(uint8_t *)&config.hash_seed,
                                                                 sizeof(config.hash_seed)}));
    AG_TRY(ag_mempool_open(&config, &keys, &seq->mempool, fault));
    ag_mempool_set_policy(seq->mempool, NULL, NULL, true);

    AG_TRY(ag_lru_open(AG_LIMIT_POOL_COUNT + AG_LIMIT_GROUP_COUNT, sizeof(struct pending),
                       config.hash_seed, &seq->pending));
    return ag_exec_open(seq->workers, conf->chain_id, AG_LIMIT_BATCH_TXS, &seq->exec);
}

static enum ag_err open_parts(struct ag_seq *seq, struct ag_fault *fault)
{
    uint64_t now_ms = ag_seq_now_ms(seq);
    AG_TRY(open_hardware(seq, fault));
    AG_TRY(open_store(seq, fault));
    AG_TRY(open_chain(seq, now_ms, fault));
    AG_TRY(open_keys(seq, now_ms));
    AG_TRY(ag_seq_restore_head(seq));
    AG_TRY(open_pool(seq, fault));
    AG_TRY(ag_seq_restore(seq));
    /* Each start counts once before anything leaves: a copy of the store taken around a crash
     * between commit and counter is then older than this run. */
    AG_TRY(ag_seq_anchor_again(seq));
    AG_TRY(ag_seq_own_policy(seq));
    AG_TRY(ag_attest_cache_open(COLLATERAL_KEPT, &seq->cache));
    AG_TRY(ag_seq_identity_renew(seq, now_ms));
    AG_TRY(ag_queue_open(AG_LIMIT_SUBMIT_QUEUE, &seq->submissions));
    AG_TRY(ag_queue_open(AG_LIMIT_SUBMIT_QUEUE + AG_LIMIT_EVENT_QUEUE, &seq->events));
    seq->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    AG_ENSURE(seq->wake_fd >= 0, AG_ERR_IO);
    return AG_OK;
}

enum ag_err ag_seq_open(const struct ag_conf *conf, const struct ag_host *host, struct ag_seq **out,
                        struct ag_fault *fault)
{
    struct ag_seq *seq = ag_alloc(sizeof(*seq));
    AG_ENSURE(seq != NULL, AG_ERR_NO_MEMORY);
    seq->conf = conf;
    seq->host = host;
    seq->wake_fd = -1;
    seq->order_mode = conf->order_mode;
    seq->take_limit = (uint32_t)conf->batch_tx_max;
    seq->last_build_ms = ag_seq_mono_ms(seq);
    seq->status.started_ms = ag_seq_now_ms(seq);
    seq->status.state = AG_NODE_CHECKING;
    pthread_mutex_init(&seq->lock, NULL);
    pthread_mutex_init(&seq->signers.lock, NULL);
    pthread_cond_init(&seq->signers.wake, NULL);
    ag_seq_identity_init(&seq->identity);
    ag_arena_init(&seq->scratch, (size_t)64 * 1024 * 1024);

    enum ag_err err = ag_crypto_start();
    if (err == AG_OK) {
        err = open_parts(seq, fault);
    }
    if (err != AG_OK) {
        if (fault != NULL && fault->err != err) {
            (void)ag_fault_set(fault, err, NULL);
        }
        ag_seq_close(seq);
        return err;
    }
    ag_seq_publish_status(seq);
    *out = seq;
    return AG_OK;
}

static void close_queues(struct ag_seq *seq)
{
    void *item = NULL;
    while (seq->submissions != NULL && ag_queue_pop(seq->submissions, &item, 1) == 1) {
        ag_seq_submission_close(item);
    }
    struct ag_event event;
    while (seq->events != NULL && ag_seq_events(seq, &event, 1) == 1) {
        ag_seq_submission_close(event.submission);
    }
    ag_queue_close(seq->submissions);
    ag_queue_close(seq->events);
}

void ag_seq_close(struct ag_seq *seq)
{
    if (seq == NULL) {
        return;
    }
    ag_seq_stop(seq);
    for (size_t i = 0; i < AG_LIMIT_BATCHES_IN_FLIGHT; i++) {
        ag_seq_flight_close(&seq->flights[i]);
    }
    close_queues(seq);
    ag_seq_identity_close(&seq->identity);
    ag_attest_cache_close(seq->cache);
    ag_policy_close(seq->policy);
    ag_exec_close(seq->exec);
    ag_lru_close(seq->pending);
    ag_mempool_close(seq->mempool);
    ag_keyring_close(seq->keyring);
    ag_pool_close(seq->workers);
    ag_seal_close(seq->seal);
    ag_store_close(seq->store);
    ag_tee_close(seq->tee);
    ag_arena_close(&seq->scratch);
    ag_key256_wipe(&seq->replay_key);
    if (seq->wake_fd >= 0) {
        close(seq->wake_fd);
    }
    pthread_cond_destroy(&seq->signers.wake);
    pthread_mutex_destroy(&seq->signers.lock);
    pthread_mutex_destroy(&seq->lock);
    ag_free(seq);
}
