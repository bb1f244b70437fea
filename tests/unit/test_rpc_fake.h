/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TESTS_UNIT_TEST_RPC_FAKE_H
#define AG_TESTS_UNIT_TEST_RPC_FAKE_H

/* test_rpc_fake: a node that does what its envelopes say, for the tests of rpc and its fuzz target.
 * The first byte of an envelope is its fate: 'A' admitted, 'R' too fast, 'S' needs a stamp, 'H'
 * held until fake_release, 'B' the queue is full; anything else is not understood. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/rpc_i.h"

#define FAKE_HELD_MAX 64u

struct fake {
    pthread_mutex_t lock;
    struct ag_queue *events; /* of struct ag_event, on the heap */
    struct ag_submission *held[FAKE_HELD_MAX];
    size_t held_count;
    uint64_t next_admission;
    struct ag_seq_status status;
    uint32_t outcome_count; /* of each batch */
    size_t export_size;
    size_t receipt_size; /* the first bytes of the envelope */
    bool is_identity_broken;
};

static inline void fake_push(struct fake *fake, const struct ag_event *event)
{
    struct ag_event *copy = malloc(sizeof(*copy)); /* never made to fail */
    if (copy == NULL) {
        abort();
    }
    *copy = *event;
    if (ag_queue_push(fake->events, copy) != AG_OK) {
        abort();
    }
}

static inline void fake_answer(struct fake *fake, struct ag_submission *submission)
{
    uint8_t fate = submission->envelope.size == 0 ? 0 : submission->envelope.data[0];
    submission->result = fate == 'R'                  ? AG_ERR_MEMPOOL_RATE
                         : fate == 'S'                ? AG_ERR_MEMPOOL_STAMP
                         : fate == 'A' || fate == 'H' ? AG_OK
                                                      : AG_ERR_WIRE_VERSION;
    submission->stamp_bits = fate == 'S' ? 12 : 0;
    if (submission->result == AG_ERR_WIRE_VERSION) {
        submission->fault = (struct ag_fault){.err = AG_ERR_WIRE_VERSION, .field = "magic"};
    }
    if (submission->result == AG_OK) {
        submission->admission = fake->next_admission++;
        submission->deadline_ms = 1000;
        memset(submission->envelope_id.bytes, fate, sizeof(submission->envelope_id.bytes));
        struct ag_bytes receipt =
            ag_bytes_head(ag_vec_view(&submission->envelope), fake->receipt_size);
        if (ag_vec_append(&submission->receipt, receipt) != AG_OK) {
            submission->result = AG_ERR_NO_MEMORY;
        }
    }
    struct ag_event event = {.kind = AG_EVENT_SUBMISSION, .submission = submission};
    fake_push(fake, &event);
}

static inline enum ag_err fake_submit(void *node, struct ag_submission *const *submissions,
                                      size_t count)
{
    struct fake *fake = node;
    for (size_t i = 0; i < count; i++) {
        if (submissions[i]->envelope.size != 0 && submissions[i]->envelope.data[0] == 'B') {
            return AG_ERR_BUSY;
        }
    }
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < count; i++) {
        bool is_held = submissions[i]->envelope.size != 0 &&
                       submissions[i]->envelope.data[0] == 'H' && fake->held_count < FAKE_HELD_MAX;
        if (is_held) {
            fake->held[fake->held_count++] = submissions[i];
        } else {
            fake_answer(fake, submissions[i]);
        }
    }
    pthread_mutex_unlock(&fake->lock);
    return AG_OK;
}

static inline void fake_release(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->held_count; i++) {
        fake_answer(fake, fake->held[i]);
    }
    fake->held_count = 0;
    pthread_mutex_unlock(&fake->lock);
}

static inline int fake_events_fd(void *node)
{
    return ag_queue_fd(((struct fake *)node)->events);
}

static inline size_t fake_events(void *node, struct ag_event *out, size_t limit)
{
    struct fake *fake = node;
    void *items[64];
    size_t count = ag_queue_pop(fake->events, items, limit < 64 ? limit : 64);
    for (size_t i = 0; i < count; i++) {
        memcpy(&out[i], items[i], sizeof(out[i]));
        free(items[i]);
    }
    return count;
}

static inline void fake_status(void *node, struct ag_seq_status *out)
{
    struct fake *fake = node;
    pthread_mutex_lock(&fake->lock);
    *out = fake->status;
    pthread_mutex_unlock(&fake->lock);
}

static inline void fake_set_head(struct fake *fake, uint64_t number)
{
    pthread_mutex_lock(&fake->lock);
    fake->status.head_number = number;
    pthread_mutex_unlock(&fake->lock);
}

static inline enum ag_err fake_identity(void *node, struct ag_bytes nonce,
                                        struct ag_vec *out_bundle, struct ag_vec *out_evidence,
                                        struct ag_vec *out_collateral)
{
    const struct fake *fake = node;
    AG_ENSURE(!fake->is_identity_broken, AG_ERR_TEE);
    AG_TRY(ag_vec_append(out_bundle, AG_LITERAL("bundle")));
    AG_TRY(ag_vec_append(out_evidence, AG_LITERAL("quote")));
    AG_TRY(ag_vec_append(out_evidence, nonce));
    return ag_vec_append(out_collateral, AG_LITERAL("collateral"));
}

/* The first byte of an id is its state; 'E' is excluded. */
static inline enum ag_err fake_tx_status(void *node, const struct ag_id *id,
                                         struct ag_tx_status *out)
{
    (void)node;
    uint8_t state = id->bytes[0];
    AG_ENSURE(state != 0xff, AG_ERR_STORE_CORRUPT);
    AG_ENSURE(state != 0, AG_ERR_NOT_FOUND);
    *out = (struct ag_tx_status){.admission = 7};
    out->state = state == 1 ? AG_TX_ADMITTED : state == 2 ? AG_TX_PLANNED : AG_TX_COMMITTED;
    if (out->state == AG_TX_COMMITTED) {
        out->batch = 3;
        out->outcome = (struct ag_outcome){.admission = 7, .envelope_id = *id};
        out->outcome.status = state == 'E' ? AG_OUTCOME_EXCLUDED : AG_OUTCOME_INCLUDED;
        out->outcome.reason = state == 'E' ? AG_ERR_ENVELOPE_EXPIRED : 0;
    }
    return AG_OK;
}

static inline enum ag_err fake_receipt(void *node, const struct ag_id *id, struct ag_vec *out)
{
    (void)node;
    AG_ENSURE(id->bytes[0] != 0, AG_ERR_NOT_FOUND);
    return ag_vec_append(out, AG_LITERAL("receipt"));
}

static inline enum ag_err fake_batch_header(void *node, uint64_t number,
                                            struct ag_batch_header *out, struct ag_hash *out_digest)
{
    struct ag_seq_status status;
    fake_status(node, &status);
    number = number == 0 ? status.head_number : number;
    AG_ENSURE(number != 0 && number <= status.head_number, AG_ERR_BATCH_NUMBER);
    *out = (struct ag_batch_header){.chain_id = status.chain_id,
                                    .number = number,
                                    .order_mode = AG_ORDER_HYBRID,
                                    .tx_count = 2};
    memset(out_digest, (int)number, sizeof(*out_digest));
    return AG_OK;
}

static inline enum ag_err fake_batch_export(void *node, uint64_t number, struct ag_vec *out)
{
    const struct fake *fake = node;
    struct ag_batch_header header;
    struct ag_hash digest;
    uint8_t *bytes = NULL;
    AG_TRY(fake_batch_header(node, number, &header, &digest));
    AG_TRY(ag_vec_extend(out, fake->export_size, &bytes));
    memset(bytes, 'f', fake->export_size);
    return AG_OK;
}

static inline enum ag_err fake_batch_outcomes(void *node, uint64_t number, ag_seq_outcome_fn *each,
                                              void *context)
{
    const struct fake *fake = node;
    struct ag_batch_header header;
    struct ag_hash digest;
    AG_TRY(fake_batch_header(node, number, &header, &digest));
    for (uint32_t i = 0; i < fake->outcome_count; i++) {
        struct ag_outcome outcome = {.admission = i + 1u, .status = AG_OUTCOME_INCLUDED};
        if (i % 2 == 1) {
            outcome.status = AG_OUTCOME_EXCLUDED;
            outcome.reason = AG_ERR_ENVELOPE_NONCE;
        }
        AG_TRY(each(context, i, &outcome));
    }
    return AG_OK;
}

static inline enum ag_err fake_rotate_keys(void *node)
{
    struct fake *fake = node;
    pthread_mutex_lock(&fake->lock);
    fake->status.key_epoch++;
    pthread_mutex_unlock(&fake->lock);
    return AG_OK;
}

static inline enum ag_err fake_set_order_mode(void *node, uint8_t mode)
{
    struct fake *fake = node;
    pthread_mutex_lock(&fake->lock);
    fake->status.order_mode = mode;
    pthread_mutex_unlock(&fake->lock);
    return AG_OK;
}

static const struct rpc_node_ops fake_ops = {
    .submit = fake_submit,
    .events_fd = fake_events_fd,
    .events = fake_events,
    .status = fake_status,
    .identity = fake_identity,
    .tx_status = fake_tx_status,
    .admission_receipt = fake_receipt,
    .outcome_receipt = fake_receipt,
    .batch_header = fake_batch_header,
    .batch_export = fake_batch_export,
    .batch_outcomes = fake_batch_outcomes,
    .set_order_mode = fake_set_order_mode,
    .rotate_keys = fake_rotate_keys,
};

static inline void fake_open(struct fake *fake)
{
    memset(fake, 0, sizeof(*fake));
    if (ag_queue_open(4096, &fake->events) != AG_OK || pthread_mutex_init(&fake->lock, NULL) != 0) {
        abort();
    }
    fake->next_admission = 1;
    fake->outcome_count = 3;
    fake->export_size = 10;
    fake->receipt_size = 4;
    fake->status = (struct ag_seq_status){.state = AG_NODE_RUNNING,
                                          .chain_id = 0x2105,
                                          .provider = "insecure-sim",
                                          .order_mode = AG_ORDER_HYBRID,
                                          .head_number = 3,
                                          .head_time_ms = 1000,
                                          .next_admission = 1,
                                          .first_unbatched = 1,
                                          .now_ms = 2000};
}

/* Frees what nobody took. */
static inline void fake_close(struct fake *fake)
{
    struct ag_event event;
    fake_release(fake);
    while (fake_events(fake, &event, 1) != 0) {
        ag_seq_submission_close(event.submission);
    }
    ag_queue_close(fake->events);
    pthread_mutex_destroy(&fake->lock);
}

/* Hands the node's answers to a core that no server drives. */
static inline void fake_pump(struct fake *fake, struct rpc_core *core)
{
    struct ag_event event;
    while (fake_events(fake, &event, 1) != 0) {
        ag_rpc_core_answer(core, event.submission);
    }
}

#endif
