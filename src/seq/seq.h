/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_SEQ_SEQ_H
#define AG_SEQ_SEQ_H

/* seq: owns every object of the node and turns the crank. The only room that knows the way of a
 * transaction from door to chain: ag_seq_step reads from top to bottom like the drawing.
 *
 * Owns:    hardware, store, keys, pool, batches in flight, and the threads that serve them.
 * Threads: ag_seq_step and what it calls run on the sequencer thread; signatures on the signer
 *          threads. Functions under "from any thread" may be called by the I/O thread at any time
 *          between open and close; they never wait for the sequencer.
 * Fails:   a submission is answered with an error and a fault; a step that fails for a HOST or
 *          CORRUPT reason stops the node (state refusing), losing nothing that was promised.
 * Not:     no sockets, no JSON-RPC, no clock but the host's. */

#include <ag/attest.h>
#include <ag/receipt.h>
#include <ag/verify.h>

#include "base/base.h"

struct ag_conf; /* conf: the frozen configuration */
struct ag_seq;

/* Opens hardware, store and keys, checks freshness, restores the pool from the spool. Refuses by
 * name: wrong machine, wrong measurement, rolled-back store, simulated hardware without leave. */
AG_MUST_CHECK enum ag_err ag_seq_open(const struct ag_conf *conf, const struct ag_host *host,
                                      struct ag_seq **out, struct ag_fault *fault);
void ag_seq_close(struct ag_seq *seq);

/* Appends a policy file that accepts this very program on the configured hardware, and nothing
 * else: the node judges itself by it, and clients at home may. */
AG_MUST_CHECK enum ag_err ag_seq_write_policy(const struct ag_conf *conf,
                                              const struct ag_host *host, struct ag_vec *out,
                                              struct ag_fault *fault);

/* Starts the sequencer and signer threads. */
AG_MUST_CHECK enum ag_err ag_seq_start(struct ag_seq *seq);
/* Stops taking submissions, finishes what is in flight, and stops the threads. What is still in the
 * spool stays promised and is taken up at the next start. */
void ag_seq_stop(struct ag_seq *seq);

/* One turn, for tests that drive a node without threads: admit a group, commit what is signed,
 * build a batch if one is due. `out_did_work` tells whether anything happened. */
AG_MUST_CHECK enum ag_err ag_seq_step(struct ag_seq *seq, bool *out_did_work);

/* ---- submissions: from any thread ------------------------------------------------------------ */

/* One envelope on its way in. The caller allocates, fills the first part, and gets it back in an
 * event; whoever holds it last frees it. */
struct ag_submission {
    /* in */
    struct ag_vec envelope; /* the bytes as received */
    struct ag_id source;    /* whose allowance it is charged to: a hash of the peer address */
    void *context;          /* the caller's */
    /* out */
    enum ag_err result;
    struct ag_fault fault;
    uint64_t admission;
    struct ag_id envelope_id;
    uint64_t deadline_ms;
    unsigned stamp_bits;   /* asked for when result is MEMPOOL_STAMP */
    struct ag_vec receipt; /* ag_admission_receipt encoding when result is OK */
};
AG_MUST_CHECK enum ag_err ag_seq_submission_open(struct ag_bytes envelope,
                                                 const struct ag_id *source, void *context,
                                                 struct ag_submission **out);
void ag_seq_submission_close(struct ag_submission *submission);

/* Hands over up to `count` submissions at once; all are taken, or none with BUSY or DRAINING and
 * the caller still owns them. */
AG_MUST_CHECK enum ag_err ag_seq_submit(struct ag_seq *seq,
                                        struct ag_submission *const *submissions, size_t count);

enum ag_event_kind {
    AG_EVENT_SUBMISSION, /* a submission is answered; the receiver now owns it */
    AG_EVENT_POOL,       /* the pool changed */
    AG_EVENT_BATCH,      /* a batch was committed; its outcomes are readable */
    AG_EVENT_STOPPED,    /* the sequencer stopped; `err` says why */
};
struct ag_event {
    enum ag_event_kind kind;
    struct ag_submission *submission;
    uint64_t number;        /* batch: its number; pool: envelopes */
    uint64_t bytes;         /* pool */
    uint32_t tx_count;      /* batch: included */
    uint32_t outcome_count; /* batch: admissions covered */
    struct ag_hash digest;  /* batch */
    enum ag_err err;
};
/* Events wait in a bounded queue whose descriptor is readable while it holds something. One reader.
 * Answers to submissions always find a place; announcements of pool and batches are dropped while a
 * reader leaves EVENT_QUEUE events unread. */
int ag_seq_events_fd(const struct ag_seq *seq);
size_t ag_seq_events(struct ag_seq *seq, struct ag_event *out, size_t limit);

/* ---- reading: from any thread ---------------------------------------------------------------- */

/* starting ► checking ► running ► draining ► stopped; any ► refusing. */
enum ag_node_state {
    AG_NODE_STARTING = 0,
    AG_NODE_CHECKING,
    AG_NODE_RUNNING,
    AG_NODE_DRAINING,
    AG_NODE_STOPPED,
    AG_NODE_REFUSING,
};

struct ag_seq_status {
    enum ag_node_state state;
    enum ag_err refusal; /* why, when refusing */
    uint64_t chain_id;
    struct ag_hash genesis;
    uint64_t key_epoch;
    const char *provider; /* "insecure-sim" */
    uint8_t measurement[48];
    uint8_t order_mode;
    uint64_t head_number; /* newest committed batch, 0: none */
    struct ag_hash head_digest;
    uint64_t head_time_ms;
    uint64_t next_admission;
    uint64_t first_unbatched;
    uint64_t group_number;
    uint64_t pool_count;
    uint64_t pool_bytes;
    unsigned stamp_bits;
    unsigned batches_in_flight;
    uint64_t outbox_count;
    uint64_t started_ms;
    uint64_t now_ms;
    uint64_t collateral_expires_ms;
    uint64_t counter;
};
void ag_seq_status(struct ag_seq *seq, struct ag_seq_status *out);
const char *ag_seq_state_name(enum ag_node_state state);

/* What a client needs before it seals: bundle, evidence over it (fresh over `nonce` when it has 32
 * bytes), collateral. Each vec is appended to. */
AG_MUST_CHECK enum ag_err ag_seq_identity(struct ag_seq *seq, struct ag_bytes nonce,
                                          struct ag_vec *out_bundle, struct ag_vec *out_evidence,
                                          struct ag_vec *out_collateral);

enum ag_tx_state {
    AG_TX_UNKNOWN = 0,
    AG_TX_ADMITTED,
    AG_TX_PLANNED,
    AG_TX_COMMITTED
};
struct ag_tx_status {
    enum ag_tx_state state;
    uint64_t admission;
    uint64_t batch;            /* 0: none yet */
    struct ag_outcome outcome; /* when committed */
};
AG_MUST_CHECK enum ag_err ag_seq_tx_status(struct ag_seq *seq, const struct ag_id *envelope_id,
                                           struct ag_tx_status *out);
/* Encodings of the receipts; NOT_FOUND while there is none. */
AG_MUST_CHECK enum ag_err
ag_seq_admission_receipt(struct ag_seq *seq, const struct ag_id *envelope_id, struct ag_vec *out);
AG_MUST_CHECK enum ag_err
ag_seq_outcome_receipt(struct ag_seq *seq, const struct ag_id *envelope_id, struct ag_vec *out);

/* BATCH_NUMBER when there is none; `number` 0 means the newest. */
AG_MUST_CHECK enum ag_err ag_seq_batch_header(struct ag_seq *seq, uint64_t number,
                                              struct ag_batch_header *out,
                                              struct ag_hash *out_digest);
/* The self-contained file (ag_batch_file encoding). */
AG_MUST_CHECK enum ag_err ag_seq_batch_export(struct ag_seq *seq, uint64_t number,
                                              struct ag_vec *out);
/* Calls `each` for every outcome of a batch, in plan order. */
typedef enum ag_err ag_seq_outcome_fn(void *context, uint32_t index,
                                      const struct ag_outcome *outcome);
AG_MUST_CHECK enum ag_err ag_seq_batch_outcomes(struct ag_seq *seq, uint64_t number,
                                                ag_seq_outcome_fn *each, void *context);

/* ---- steering: from any thread --------------------------------------------------------------- */

/* Takes effect with the next plan; recorded in headers. ORDER_MODE for an unknown mode. */
AG_MUST_CHECK enum ag_err ag_seq_set_order_mode(struct ag_seq *seq, uint8_t mode);

/* Makes the next key epoch with the sequencer's next turn: new keys of every kind, a bundle that
 * names the one before, evidence over it. Envelopes to older epochs are honoured for
 * epoch_overlap_ms; then their keys are erased. KEYRING_EPOCHS while too many are honoured. */
AG_MUST_CHECK enum ag_err ag_seq_rotate_keys(struct ag_seq *seq);

#endif
