/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_SEQ_SEQ_I_H
#define AG_SEQ_SEQ_I_H

#include <pthread.h>

#include "batch/batch.h"
#include "conf/conf.h"
#include "exec/exec.h"
#include "keyring/keyring.h"
#include "mempool/mempool.h"
#include "seal/seal.h"
#include "seq/seq.h"
#include "store/store.h"
#include "tee/tee.h"
#include "wire/wire.h"

/* Entries of table META that seq owns. */
#define AG_SEQ_KEY_META       "meta"       /* sealed: what the newest commit left */
#define AG_SEQ_KEY_REPLAY_KEY "replay.key" /* sealed: the key of that sum */

/* The replay records stand in clear in their table, which the host could thin out. Their sum under
 * a secret key (an additive multiset hash: SHA-256(key | record), added up modulo 2^256) is bound
 * by the anchor, and every commit updates it by what it adds and takes away. */
struct replay_sum {
    uint8_t bytes[32]; /* little-endian number */
};

/* What the anchor binds, as of the newest commit. */
struct anchored {
    struct ag_meta meta;
    struct replay_sum replay;
    /* The inventory of keys: no retired epoch comes back, and no key is made anew in silence. The
     * digest is zero only between the first commit of a store and the first start's own. */
    uint64_t key_epoch_first;
    struct ag_hash bundle_digest;
};

/* Bundle, its evidence and collateral: what the node proves of itself. */
struct identity {
    struct ag_vec bundle;
    struct ag_vec evidence;
    struct ag_vec collateral;
    struct ag_hash bundle_digest;
    uint64_t bundle_created_ms;
    uint64_t collateral_expires_ms;
};

/* What execution found that the pool must learn when the batch is committed. */
struct effect {
    uint64_t admission;
    enum ag_err reason;
    bool is_charged;
    bool frees_nonce;
};

enum flight_state {
    FLIGHT_FREE = 0,
    FLIGHT_WAITING, /* for a signer */
    FLIGHT_SIGNING,
    FLIGHT_DONE, /* signed, attested and judged, or failed: `err` */
};

/* A batch between execution and commit. `state` is guarded by the signers' lock; the rest is
 * written by the sequencer before it hands the flight over, by that signer until it hands it back,
 * and by the sequencer after. */
struct flight {
    enum flight_state state;
    struct ag_batch *batch;
    struct identity identity; /* of its epoch, when it was built */
    uint64_t number;
    uint64_t first_admission;
    uint32_t admission_count;
    struct effect *effects; /* of excluded envelopes */
    size_t effect_count;
    enum ag_err err;
    const char *failed_claim;
    unsigned attempts;
};

/* The signer threads and their list of work. */
struct signers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t threads[AG_LIMIT_WORKERS];
    unsigned count;
    bool is_stopping;
    struct flight *queue[AG_LIMIT_BATCHES_IN_FLIGHT];
    size_t queue_count;
};

struct ag_seq {
    const struct ag_conf *conf;
    const struct ag_host *host;

    /* Opened in this order, closed in the reverse one. */
    struct ag_tee *tee;
    struct ag_store *store;
    struct ag_seal *seal;
    struct ag_keyring *keyring;
    struct ag_pool *workers;
    struct ag_mempool *mempool;
    struct ag_exec *exec;
    struct ag_attest_cache *cache; /* collateral, parsed and checked once for many batches */
    struct ag_policy *policy;      /* of our own verdict: this program on this hardware */
    struct ag_arena scratch;

    /* Only the sequencer thread writes these. */
    struct anchored anchored;
    struct ag_key256 replay_key;
    bool is_anchor_open;   /* a commit failed: its counter value must not serve another content */
    uint64_t last_time_ms; /* of the newest header built: time never goes back */
    uint64_t committed_time_ms; /* of the newest committed header */
    uint64_t outbox_count;
    uint64_t built_number; /* newest batch built, committed or in flight */
    struct ag_hash built_digest;
    uint64_t last_build_ms;     /* monotonic: when the last batch was taken from the pool */
    uint64_t retry_at_ms;       /* monotonic: after a failed commit, not before */
    uint64_t identity_check_ms; /* monotonic: when collateral is looked at again */
    uint64_t keys_check_ms;     /* monotonic: when the age of key epochs is looked at again */
    uint64_t honoured_first;    /* envelopes to older epochs are refused */
    uint64_t retire_mark;       /* admissions below it may be to the epoch that is about to go */
    uint32_t take_limit;        /* halved while batches do not fit into memory */
    struct flight flights[AG_LIMIT_BATCHES_IN_FLIGHT]; /* a ring in batch order */
    size_t flight_first;
    size_t flight_count;

    struct signers signers;
    struct ag_queue *submissions;
    struct ag_queue *events;
    int wake_fd;
    pthread_t thread;
    bool has_thread;

    /* Shared with other threads. */
    pthread_mutex_t lock;
    struct ag_seq_status status;
    struct identity identity;
    struct ag_lru *pending;   /* envelope id -> struct pending */
    unsigned submissions_out; /* handed in and not yet answered */
    uint64_t released_number; /* newest batch that is anchored: nobody is told of a later one */
    uint8_t order_mode;
    bool is_draining;
    bool is_rotation_wanted;
    bool has_pool_event;
};

/* Where a promised envelope that no committed batch covers yet stands. */
struct pending {
    uint64_t admission;
    uint64_t group;
    uint32_t leaf;
    bool is_planned;
};

/* ---- parts, in the order of a transaction's way ---------------------------------------------- */

/* admit.c: one group: check, sign, write, promise, answer. */
AG_MUST_CHECK enum ag_err ag_seq_admit_group(struct ag_seq *seq, bool *out_did_work);
/* build.c: take, plan, open and execute, build, hand to the signers. */
AG_MUST_CHECK enum ag_err ag_seq_build_batch(struct ag_seq *seq, bool *out_did_work);
void ag_seq_flight_close(struct flight *flight);
bool ag_seq_is_batch_due(struct ag_seq *seq, uint64_t *out_wait_ms);
/* commit.c: commit what is signed, in order. */
AG_MUST_CHECK enum ag_err ag_seq_commit_ready(struct ag_seq *seq, bool *out_did_work);

/* anchor.c: puts meta, replay sum and anchor for the next counter into the open transaction,
 * commits it, and advances the counter; `next` then is what the node goes on from. Ends `tx` in
 * every case. LIMIT errors leave everything as it was; after any other the node must stop, because
 * what is on disk is not known or not anchored. */
AG_MUST_CHECK enum ag_err ag_seq_anchored_commit(struct ag_seq *seq, struct ag_store_tx *tx,
                                                 struct anchored *next);
/* An anchored commit of what is anchored already. */
AG_MUST_CHECK enum ag_err ag_seq_anchor_again(struct ag_seq *seq);
/* Reads what the newest commit left and judges its freshness. NOT_FOUND in a new store. */
AG_MUST_CHECK enum ag_err ag_seq_anchor_read(struct ag_seq *seq, struct anchored *out);

/* sealed.c: rows of BATCHES and GROUPS, by number. `out` lies in `arena`. */
enum ag_seq_batch_part {
    AG_SEQ_BATCH_PROOF = 0,    /* both signatures and the header */
    AG_SEQ_BATCH_OUTCOMES = 1, /* in plan order, OUTCOME_SIZE bytes each */
    AG_SEQ_BATCH_FILE = 2,     /* the batch file, with digests for what batches share */
    AG_SEQ_BATCH_PARTS = 3,
};
AG_MUST_CHECK enum ag_err ag_seq_put_batch(struct ag_seq *seq, struct ag_store_tx *tx,
                                           uint64_t number,
                                           const struct ag_bytes parts[AG_SEQ_BATCH_PARTS]);
AG_MUST_CHECK enum ag_err ag_seq_get_batch(struct ag_seq *seq, struct ag_store_tx *tx,
                                           uint64_t number, enum ag_seq_batch_part part,
                                           struct ag_arena *arena, struct ag_bytes *out);
AG_MUST_CHECK enum ag_err ag_seq_put_group(struct ag_seq *seq, struct ag_store_tx *tx,
                                           uint64_t number, struct ag_bytes group);
AG_MUST_CHECK enum ag_err ag_seq_get_group(struct ag_seq *seq, struct ag_store_tx *tx,
                                           uint64_t number, struct ag_arena *arena,
                                           struct ag_bytes *out);

/* replay.c */
AG_MUST_CHECK enum ag_err ag_seq_replay_key_make(struct ag_seq *seq, struct ag_store_tx *tx);
AG_MUST_CHECK enum ag_err ag_seq_replay_key_read(struct ag_seq *seq);
/* Adds `records` to the table and to the sum; takes one out of both. */
AG_MUST_CHECK enum ag_err ag_seq_replay_add(struct ag_seq *seq, struct ag_store_tx *tx,
                                            struct ag_bytes records, struct replay_sum *sum);
AG_MUST_CHECK enum ag_err ag_seq_replay_remove(struct ag_seq *seq, struct ag_store_tx *tx,
                                               struct ag_bytes record, struct replay_sum *sum);
/* Takes out what lies below the pool's horizon and before `floor_ms`, a bounded number at a time.
 * The next start's clock begins at `floor_ms`, so nothing is forgotten that it could be asked
 * about. */
AG_MUST_CHECK enum ag_err ag_seq_replay_prune(struct ag_seq *seq, struct ag_store_tx *tx,
                                              uint64_t floor_ms, struct replay_sum *sum);
/* Gives all records to the pool, and refuses a table whose sum is not the anchored one. */
AG_MUST_CHECK enum ag_err ag_seq_replay_load(struct ag_seq *seq);

/* signers.c */
AG_MUST_CHECK enum ag_err ag_seq_signers_start(struct ag_seq *seq, unsigned count);
void ag_seq_signers_stop(struct ag_seq *seq);
void ag_seq_signers_push(struct ag_seq *seq, struct flight *flight);
/* Signs, attests and judges one flight on the calling thread. */
void ag_seq_sign_flight(struct ag_seq *seq, struct flight *flight);

/* rotate.c: makes the epoch that was asked for, retires those whose overlap is over. */
AG_MUST_CHECK enum ag_err ag_seq_keys_step(struct ag_seq *seq, bool *out_did_work);

/* identity.c */
AG_MUST_CHECK enum ag_err ag_seq_identity_renew(struct ag_seq *seq, uint64_t now_ms);
AG_MUST_CHECK enum ag_err ag_seq_own_policy(struct ag_seq *seq);
void ag_seq_identity_init(struct identity *identity);
void ag_seq_identity_close(struct identity *identity);
AG_MUST_CHECK enum ag_err ag_seq_identity_copy(const struct identity *from, struct identity *to);

/* restore.c: the pool, the replay records and the pending index after a start. */
AG_MUST_CHECK enum ag_err ag_seq_restore_head(struct ag_seq *seq);
AG_MUST_CHECK enum ag_err ag_seq_restore(struct ag_seq *seq);

/* seq.c */
void ag_seq_wake(struct ag_seq *seq);
void ag_seq_event_push(struct ag_seq *seq, const struct ag_event *event);
void ag_seq_answer(struct ag_seq *seq, struct ag_submission *submission);
void ag_seq_publish_status(struct ag_seq *seq);
uint64_t ag_seq_now_ms(struct ag_seq *seq);
uint64_t ag_seq_mono_ms(struct ag_seq *seq);

#endif
