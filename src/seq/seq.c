/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "order/order.h"
#include "post/post.h"
#include "seq/seq_i.h"

uint64_t ag_seq_now_ms(struct ag_seq *seq)
{
    return seq->host->now_ms(seq->host->context);
}

uint64_t ag_seq_mono_ms(struct ag_seq *seq)
{
    return seq->host->monotonic_ns(seq->host->context) / 1000000u;
}

/* ---- submissions and events ------------------------------------------------------------------ */

/* An event that waits; a submission carries its own, so that an answer never needs memory. */
struct event_node {
    struct ag_event event;
    bool is_heap;
};

struct submission_node {
    struct ag_submission submission; /* first: the caller's pointer is ours */
    struct event_node node;
};

enum ag_err ag_seq_submission_open(struct ag_bytes envelope, const struct ag_id *source,
                                   void *context, struct ag_submission **out)
{
    struct submission_node *node = ag_alloc(sizeof(*node));
    AG_ENSURE(node != NULL, AG_ERR_NO_MEMORY);
    struct ag_submission *submission = &node->submission;
    ag_vec_init(&submission->envelope, AG_LIMIT_ENVELOPE_BYTES);
    ag_vec_init(&submission->receipt, AG_LIMIT_RECEIPT_BYTES);
    submission->source = *source;
    submission->context = context;
    enum ag_err err = ag_vec_append(&submission->envelope, envelope);
    if (err != AG_OK) {
        ag_seq_submission_close(submission);
        return err;
    }
    *out = submission;
    return AG_OK;
}

void ag_seq_submission_close(struct ag_submission *submission)
{
    if (submission == NULL) {
        return;
    }
    ag_vec_close(&submission->envelope);
    ag_vec_close(&submission->receipt);
    ag_free(submission); /* the node: its first member */
}

enum ag_err ag_seq_submit(struct ag_seq *seq, struct ag_submission *const *submissions,
                          size_t count)
{
    pthread_mutex_lock(&seq->lock);
    enum ag_err err = AG_OK;
    if (seq->is_draining) {
        err = AG_ERR_DRAINING;
    } else if (count > AG_LIMIT_SUBMIT_QUEUE - seq->submissions_out) {
        err = AG_ERR_BUSY;
    } else {
        seq->submissions_out += (unsigned)count;
    }
    /* Under the lock: a sequencer that stops answers what is in the queue after it set the mark,
     * and nothing may come in behind that. */
    for (size_t i = 0; i < count && err == AG_OK; i++) {
        /* There is a place for every submission that is out, so this cannot fail. */
        AG_ASSERT(ag_queue_push(seq->submissions, submissions[i]) == AG_OK);
    }
    pthread_mutex_unlock(&seq->lock);
    return err;
}

void ag_seq_answer(struct ag_seq *seq, struct ag_submission *submission)
{
    struct submission_node *node = (struct submission_node *)submission;
    node->node = (struct event_node){
        .event = {.kind = AG_EVENT_SUBMISSION, .submission = submission},
    };
    AG_ASSERT(ag_queue_push(seq->events, &node->node) == AG_OK);
}

void ag_seq_event_push(struct ag_seq *seq, const struct ag_event *event)
{
    /* Answers have the first claim on the queue; nobody waits for an announcement. */
    if (ag_queue_count(seq->events) >= AG_LIMIT_EVENT_QUEUE) {
        return;
    }
    struct event_node *node = ag_alloc(sizeof(*node));
    if (node == NULL) {
        return;
    }
    node->event = *event;
    node->is_heap = true;
    if (ag_queue_push(seq->events, node) != AG_OK) {
        ag_free(node);
    }
}

int ag_seq_events_fd(const struct ag_seq *seq)
{
    return ag_queue_fd(seq->events);
}

size_t ag_seq_events(struct ag_seq *seq, struct ag_event *out, size_t limit)
{
    void *items[64];
    size_t count = ag_queue_pop(seq->events, items, limit < 64 ? limit : 64);
    unsigned answered = 0;
    for (size_t i = 0; i < count; i++) {
        struct event_node *node = items[i];
        out[i] = node->event;
        answered += node->event.kind == AG_EVENT_SUBMISSION ? 1 : 0;
        if (node->is_heap) {
            ag_free(node);
        }
    }
    pthread_mutex_lock(&seq->lock);
    seq->submissions_out -= answered;
    for (size_t i = 0; i < count; i++) {
        seq->has_pool_event = seq->has_pool_event && out[i].kind != AG_EVENT_POOL;
    }
    pthread_mutex_unlock(&seq->lock);
    return count;
}

/* ---- status ---------------------------------------------------------------------------------- */

static void publish_metrics(const struct ag_seq_status *status)
{
    ag_metric_set(AG_METRIC_POOL_COUNT, status->pool_count);
    ag_metric_set(AG_METRIC_POOL_BYTES, status->pool_bytes);
    ag_metric_set(AG_METRIC_STAMP_BITS, status->stamp_bits);
    ag_metric_set(AG_METRIC_HEAD_NUMBER, status->head_number);
    ag_metric_set(AG_METRIC_KEY_EPOCH, status->key_epoch);
    ag_metric_set(AG_METRIC_BATCHES_IN_FLIGHT, status->batches_in_flight);
    ag_metric_set(AG_METRIC_OUTBOX, status->outbox_count);
    ag_metric_set(AG_METRIC_MEMORY_BYTES, ag_alloc_in_use());
}

void ag_seq_publish_status(struct ag_seq *seq)
{
    const struct ag_meta *meta = &seq->anchored.meta;
    struct ag_mempool_stats stats;
    ag_mempool_stats(seq->mempool, &stats);

    pthread_mutex_lock(&seq->lock);
    struct ag_seq_status *status = &seq->status;
    bool has_changed =
        status->pool_count != stats.count || status->head_number != meta->head_number;
    status->chain_id = meta->chain_id;
    status->genesis = meta->genesis;
    status->key_epoch = ag_keyring_epoch(seq->keyring);
    status->provider = ag_tee_provider(seq->tee);
    ag_tee_measurement(seq->tee, status->measurement);
    status->order_mode = seq->order_mode;
    status->head_number = meta->head_number;
    status->head_digest = meta->head_digest;
    status->head_time_ms = seq->committed_time_ms;
    status->next_admission = meta->next_admission;
    status->first_unbatched = meta->first_unbatched;
    status->group_number = meta->last_group;
    status->pool_count = stats.count;
    status->pool_bytes = stats.bytes;
    status->stamp_bits = stats.stamp_bits;
    status->batches_in_flight = (unsigned)seq->flight_count;
    status->outbox_count = seq->outbox_count;
    status->collateral_expires_ms = seq->identity.collateral_expires_ms;
    status->counter = meta->anchor_counter;
    struct ag_seq_status copy = *status;
    bool is_new = has_changed && !seq->has_pool_event;
    seq->has_pool_event = seq->has_pool_event || is_new;
    pthread_mutex_unlock(&seq->lock);

    publish_metrics(&copy);
    if (is_new && seq->events != NULL) {
        const struct ag_event event = {
            .kind = AG_EVENT_POOL,
            .number = copy.pool_count,
            .bytes = copy.pool_bytes,
        };
        ag_seq_event_push(seq, &event);
    }
}

static void set_state(struct ag_seq *seq, enum ag_node_state state, enum ag_err refusal)
{
    pthread_mutex_lock(&seq->lock);
    /* What refused stays refused, also while it is being stopped. */
    if (seq->status.state != AG_NODE_REFUSING) {
        seq->status.state = state;
        seq->status.refusal = refusal;
    }
    pthread_mutex_unlock(&seq->lock);
}

enum ag_err ag_seq_set_order_mode(struct ag_seq *seq, uint8_t mode)
{
    AG_ENSURE(ag_order_mode_is_known(mode), AG_ERR_ORDER_MODE);
    pthread_mutex_lock(&seq->lock);
    seq->order_mode = mode;
    seq->status.order_mode = mode; /* who asks at once is told what he chose */
    pthread_mutex_unlock(&seq->lock);
    ag_seq_wake(seq);
    return AG_OK;
}

/* ---- the crank ------------------------------------------------------------------------------- */

static bool is_draining(struct ag_seq *seq)
{
    pthread_mutex_lock(&seq->lock);
    bool is = seq->is_draining;
    pthread_mutex_unlock(&seq->lock);
    return is;
}

enum ag_err ag_seq_step(struct ag_seq *seq, bool *out_did_work)
{
    *out_did_work = false;
    AG_TRY(ag_seq_keys_step(seq, out_did_work));
    /* Envelopes become promises, ... */
    AG_TRY(ag_seq_admit_group(seq, out_did_work));
    /* ... what is signed and judged becomes history, ... */
    AG_TRY(ag_seq_commit_ready(seq, out_did_work));
    /* ... and what waits is ordered, opened, run, and given to the signers. */
    if (!is_draining(seq)) {
        AG_TRY(ag_seq_build_batch(seq, out_did_work));
    }
    /* Evidence stays as fresh as its collateral. */
    enum ag_err err = ag_seq_identity_renew(seq, ag_seq_now_ms(seq));
    if (err != AG_OK) {
        ag_log(AG_LOG_ERROR, "identity.stale", ag_kv_err("error", err));
    }
    if (*out_did_work) {
        ag_seq_publish_status(seq);
    }
    return AG_OK;
}

void ag_seq_wake(struct ag_seq *seq)
{
    uint64_t one = 1;
    if (seq->wake_fd >= 0) {
        (void)!write(seq->wake_fd, &one, sizeof(one));
    }
}

static void wait_for_work(struct ag_seq *seq)
{
    uint64_t wait_ms = 0;
    (void)ag_seq_is_batch_due(seq, &wait_ms);
    if (wait_ms > 1000) {
        wait_ms = 1000;
    }
    struct pollfd fds[2] = {
        {.fd = ag_queue_fd(seq->submissions), .events = POLLIN},
        {.fd = seq->wake_fd, .events = POLLIN},
    };
    (void)poll(fds, 2, (int)wait_ms + 1);
    uint64_t count = 0;
    (void)!read(seq->wake_fd, &count, sizeof(count));

    /* A group that waits a moment for company costs each member less. */
    size_t queued = ag_queue_count(seq->submissions);
    if (queued != 0 && queued < 64 && seq->conf->group_linger_us != 0 && !is_draining(seq)) {
        usleep((useconds_t)seq->conf->group_linger_us);
    }
}

/* Answers what was handed in and will not be judged any more. */
static void refuse_rest(struct ag_seq *seq, enum ag_err err)
{
    void *item = NULL;
    while (ag_queue_pop(seq->submissions, &item, 1) == 1) {
        struct ag_submission *submission = item;
        submission->result = err;
        ag_seq_answer(seq, submission);
    }
}

static void *sequencer_main(void *context)
{
    struct ag_seq *seq = context;
    enum ag_err err = AG_OK;
    set_state(seq, AG_NODE_RUNNING, AG_OK);
    while (err == AG_OK) {
        bool did_work = false;
        err = ag_seq_step(seq, &did_work);
        bool is_done =
            is_draining(seq) && seq->flight_count == 0 && ag_queue_count(seq->submissions) == 0;
        /* A full disk must not keep a node from stopping: the spool keeps what it promised. */
        bool is_stuck = is_draining(seq) && ag_seq_mono_ms(seq) < seq->retry_at_ms;
        if (is_done || (is_stuck && err == AG_OK)) {
            break;
        }
        if (err == AG_OK && !did_work) {
            wait_for_work(seq);
        }
    }
    if (err != AG_OK) {
        ag_log(AG_LOG_ERROR, "node.refusing", ag_kv_err("error", err));
        set_state(seq, AG_NODE_REFUSING, err);
    }
    pthread_mutex_lock(&seq->lock);
    seq->is_draining = true; /* nothing is taken in any more */
    pthread_mutex_unlock(&seq->lock);
    refuse_rest(seq, err == AG_OK ? AG_ERR_DRAINING : err);
    set_state(seq, AG_NODE_STOPPED, AG_OK);
    const struct ag_event event = {.kind = AG_EVENT_STOPPED, .err = err};
    ag_seq_event_push(seq, &event);
    return NULL;
}

enum ag_err ag_seq_start(struct ag_seq *seq)
{
    AG_TRY(ag_seq_signers_start(seq, (unsigned)seq->conf->signers));
    if (pthread_create(&seq->thread, NULL, sequencer_main, seq) != 0) {
        ag_seq_signers_stop(seq);
        return AG_ERR_THREAD;
    }
    seq->has_thread = true;
    return AG_OK;
}

void ag_seq_stop(struct ag_seq *seq)
{
    pthread_mutex_lock(&seq->lock);
    seq->is_draining = true;
    pthread_mutex_unlock(&seq->lock);
    if (!seq->has_thread) {
        return;
    }
    set_state(seq, AG_NODE_DRAINING, AG_OK);
    ag_seq_wake(seq);
    pthread_join(seq->thread, NULL);
    seq->has_thread = false;
    ag_seq_signers_stop(seq);
}
