/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_MEMPOOL_MEMPOOL_H
#define AG_MEMPOOL_MEMPOOL_H

/* mempool: admits envelopes, holds them, and hands them out in order of admission.
 *
 * Owns:    copies of the envelopes it holds, their heads, and their keys (in locked memory), until
 *          they are released or revoked; replay records; accounts of senders and sources.
 * Threads: one caller, the sequencer's; heads are opened in the lanes of a worker pool.
 * Fails:   a refusal is the result of its item, typed, with field and limit; the call itself fails
 *          only for our own reasons, and then changed nothing.
 * Not:     no store: the caller writes a group to disk between admit and confirm. No body is
 *          opened. A sender is only named by a head, not proved, until execution.
 * Rules:   docs/spec/admission.md. Envelopes are planned in contiguous ranges (docs/adr/0006).
 *
 * Admission numbers are consecutive. The pool is a row with four marks:
 *
 *   first ......... planned ......... confirmed ......... next
 *     |  in batches    |    waiting      |  provisional     |
 *     |  (take)        |    (confirm)    |  (admit)         |
 *
 *   admit moves `next`; confirm moves `confirmed` up to it, revoke moves `next` back; take moves
 *   `planned` on, untake moves it back; release moves `first`. */

#include <ag/tx.h>

#include "asset/asset.h"
#include "base/base.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

struct ag_mempool;

/* ---- what it is given ------------------------------------------------------------------------ */

/* The node's decapsulation keys, as functions: the pool needs no other part of the keyring. */
struct ag_mempool_keys {
    void *context;
    /* Whether this epoch and suite can be opened at all; before any private-key work. OK,
     * ENVELOPE_EPOCH or SUITE. One thread. */
    enum ag_err (*honours)(void *context, uint64_t epoch, uint16_t kem);
    /* Decapsulates. Called in lanes below `lane_count`, each from one thread at a time. */
    enum ag_err (*receive)(void *context, unsigned lane, uint64_t epoch, uint16_t kem,
                           struct ag_bytes enc, struct ag_hpke *out);
    unsigned lane_count;
};

#define AG_MEMPOOL_KEMS_MAX 4u
struct ag_mempool_config {
    uint64_t chain_id;
    uint16_t kems[AG_MEMPOOL_KEMS_MAX]; /* suites that policy allows; 0 ends the list */
    uint8_t payload_kinds[8];           /* enum ag_payload_kind that this node runs; 0 ends it */
    uint64_t first_admission;           /* the number of the first envelope to come */
    uint64_t
        clock_floor_ms; /* the newest instant the node ever committed: the clock starts there */
    size_t count_max;   /* envelopes held, at most POOL_COUNT */
    size_t bytes_max;   /* bytes of sealed envelopes held, at most POOL_BYTES */
    size_t sender_count_max;  /* envelopes held of one sender, at most POOL_SENDER_COUNT */
    size_t replay_count_max;  /* records, two for each envelope; at most REPLAY_COUNT */
    uint64_t ttl_max_ms;      /* an expiry may be this far ahead */
    uint64_t slack_ms;        /* and clocks may differ by this much */
    uint64_t inclusion_ms;    /* an admitted envelope is in a batch within this time */
    uint32_t source_rate;     /* envelopes per second of one source; 0: no limit */
    uint32_t source_burst;    /* envelopes at once; at least 1 if there is a rate */
    uint32_t source_penalty;  /* envelopes that an unauthorised body costs its source */
    uint32_t strikes_max;     /* of one sender, before he has to wait; 0: never */
    uint64_t strike_decay_ms; /* one strike is forgiven in this time */
    unsigned stamp_bits_max; /* proof of work asked for when the pool is full, at most STAMP_BITS */
    uint64_t hash_seed;      /* random: nobody outside can aim at our tables */
};
/* The documented defaults; chain, first admission, clock and seed remain to be set. */
void ag_mempool_config_default(struct ag_mempool_config *out);

/* ARGUMENT when a field is outside its range; `fault` names it. `keys` is borrowed whole. */
AG_MUST_CHECK enum ag_err ag_mempool_open(const struct ag_mempool_config *config,
                                          const struct ag_mempool_keys *keys,
                                          struct ag_mempool **out, struct ag_fault *fault);
void ag_mempool_close(struct ag_mempool *pool); /* NULL is fine; wipes */
void ag_mempool_cleanup(struct ag_mempool **pool);
/* Against what asset policies are checked at admission, from the next call on. Borrowed; before the
 * first call there is no asset, no risk, and the node is not appraised. */
void ag_mempool_set_policy(struct ag_mempool *pool, const struct ag_asset_table *assets,
                           const struct ag_risk_snapshot *risk, bool is_appraised);

/* ---- admission ------------------------------------------------------------------------------- */

struct ag_admission {
    struct ag_bytes bytes; /* in: the envelope as received; borrowed for the call */
    struct ag_id source;   /* in: who delivered it; zero: not limited */

    enum ag_err result;       /* out; the rest counts only as said */
    struct ag_fault fault;    /* when refused */
    unsigned stamp_bits;      /* asked for when it was judged */
    struct ag_id envelope_id; /* when it decodes, refused or not */
    uint64_t admission;       /* when accepted */
    uint64_t deadline_ms;     /* when accepted: by then it is in a batch */
};

/* Judges `count` envelopes (at most GROUP_COUNT) and takes in what passes, provisionally. The
 * checks, in this order, with the error and `fault.field` of each:
 *
 *   before any private-key work
 *     WIRE_*, ENVELOPE_CLASS     does not decode; a part is of no size class
 *     SUITE                      suite unknown or not allowed
 *     ENVELOPE_CHAIN             for another chain
 *     ENVELOPE_EPOCH             key epoch not honoured
 *     ENVELOPE_REPLAY  envelope  this very envelope was admitted before
 *     MEMPOOL_RATE               its source has no allowance left
 *     MEMPOOL_FULL               count, bytes or replay records are at their bound
 *     MEMPOOL_STAMP              fewer stamp bits than asked for (limit, got)
 *   in lanes
 *     OPEN, WIRE_*               the head does not open or decode
 *   in order
 *     ENVELOPE_MISMATCH          head and clear part contradict each other
 *     ENVELOPE_EXPIRED, _FUTURE  expiry passed; too far ahead
 *     ENVELOPE_REPLAY  nonce     this sender and nonce were admitted before, in any epoch
 *     MEMPOOL_SENDER   strikes   the sender has to wait; count: he holds too many
 *     ENVELOPE_KIND              payload kind not run here
 *     ENVELOPE_MISMATCH          a plain transaction asks for a migration's place
 *     POLICY_ASSET               see asset.h
 *
 * Accepted items have consecutive numbers in the order of `items`. */
AG_MUST_CHECK enum ag_err ag_mempool_admit(struct ag_mempool *pool, struct ag_pool *workers,
                                           struct ag_admission *items, size_t count,
                                           uint64_t now_ms);
/* All that is provisional: it is on disk and promised. */
void ag_mempool_confirm(struct ag_mempool *pool);
/* All that is provisional: it could not be written. Undone without a trace but the allowance that
 * its sources used; the numbers are given again. */
void ag_mempool_revoke(struct ag_mempool *pool);

/* What was promised before a restart, in admission order and without gap from `next` on. Nothing
 * is refused for rate, stamp, bytes, replay, expiry or policy: a promise is kept. All or
 * nothing: what does not open any more is STORE_CORRUPT with the reason as field; more than
 * `count_max` together is MEMPOOL_FULL, and ARGUMENT a number out of row. They are confirmed at
 * once. */
struct ag_mempool_restored {
    uint64_t admission;
    uint64_t deadline_ms;
    struct ag_bytes bytes; /* borrowed for the call */
};
AG_MUST_CHECK enum ag_err ag_mempool_restore(struct ag_mempool *pool, struct ag_pool *workers,
                                             const struct ag_mempool_restored *entries,
                                             size_t count, struct ag_fault *fault);

/* ---- replay records -------------------------------------------------------------------------- */

/* Expiry (8 bytes, big-endian), then a digest. As a table key its order is time: the caller deletes
 * what lies below the horizon. */
#define AG_REPLAY_RECORD_SIZE 32u
/* Appends the records of all that is provisional, for the store transaction of its group. */
AG_MUST_CHECK enum ag_err ag_mempool_replay_export(const struct ag_mempool *pool,
                                                   struct ag_vec *out);
/* Takes in records at start, any number at a time; those below the horizon are skipped. ARGUMENT if
 * not a row of whole records. */
AG_MUST_CHECK enum ag_err ag_mempool_replay_load(struct ag_mempool *pool, struct ag_bytes records);
/* Records with a smaller expiry can never be needed again, as long as the clock floor of the next
 * start is not below now. */
uint64_t ag_mempool_replay_horizon_ms(const struct ag_mempool *pool);

/* ---- batches --------------------------------------------------------------------------------- */

struct ag_mempool_planned {
    uint64_t admission;
    const struct ag_head *head; /* lives until the entry is released */
};
/* The oldest waiting envelopes, at most `max`, in admission order; they are now planned. */
size_t ag_mempool_take(struct ag_mempool *pool, size_t max, struct ag_mempool_planned *out);

/* Everything that execution needs of one confirmed envelope; borrowed until it is released. */
struct ag_mempool_entry {
    uint64_t admission;
    uint64_t deadline_ms;
    struct ag_id envelope_id;
    const struct ag_head *head;
    struct ag_bytes head_encoding; /* unpadded */
    struct ag_bytes sealed_head;
    struct ag_bytes sealed_body;
    struct ag_bytes envelope; /* as received */
    const struct ag_hpke *keys;
};
/* NOT_FOUND when it is not held or not confirmed. */
AG_MUST_CHECK enum ag_err ag_mempool_entry(const struct ag_mempool *pool, uint64_t admission,
                                           struct ag_mempool_entry *out);
/* Whether an envelope is held; for status. */
bool ag_mempool_find(const struct ag_mempool *pool, const struct ag_id *envelope_id,
                     uint64_t *out_admission, bool *out_is_planned);

/* What execution found. `is_charged`: the sender is proved, and what he asked for could not run: a
 * strike. `frees_nonce`: it never reached the chain, so the record of the nonce gives way to one of
 * this envelope: the sender may use the nonce again, nobody may use this envelope again. If nobody
 * was proved to be the sender (by `reason`: a body that does not open or decode, does not belong to
 * its head, or is signed by another), the source pays. */
struct ag_mempool_outcome {
    uint64_t admission;
    enum ag_err reason; /* OK: included */
    bool is_charged;
    bool frees_nonce;
};
/* For an outcome that frees its nonce: what the store transaction of the batch deletes and adds.
 * Changes nothing here. NOT_FOUND when the envelope is not planned. */
AG_MUST_CHECK enum ag_err ag_mempool_replay_swap(const struct ag_mempool *pool, uint64_t admission,
                                                 uint8_t out_remove[AG_REPLAY_RECORD_SIZE],
                                                 uint8_t out_add[AG_REPLAY_RECORD_SIZE]);
/* After that transaction, before the release: keeps the accounts and frees the nonce. NOT_FOUND
 * when the envelope is not planned. */
AG_MUST_CHECK enum ag_err ag_mempool_settle(struct ag_mempool *pool,
                                            const struct ag_mempool_outcome *outcome,
                                            uint64_t now_ms);
/* The oldest batch is committed: its envelopes are wiped. ARGUMENT unless the range is planned and
 * the oldest. */
AG_MUST_CHECK enum ag_err ag_mempool_release(struct ag_mempool *pool, uint64_t first, size_t count);
/* The newest batch is abandoned: its envelopes wait again. ARGUMENT unless the range is planned and
 * the newest. */
AG_MUST_CHECK enum ag_err ag_mempool_untake(struct ag_mempool *pool, uint64_t first, size_t count);

/* ---- status ---------------------------------------------------------------------------------- */

#define AG_MEMPOOL_REFUSALS_MAX 48u
struct ag_mempool_stats {
    uint64_t first_admission; /* the four marks */
    uint64_t planned_end;
    uint64_t confirmed_end;
    uint64_t next_admission;
    size_t count; /* held */
    size_t bytes; /* of sealed envelopes held */
    size_t sender_count;
    size_t replay_count;
    unsigned stamp_bits; /* asked for now */
    uint64_t accepted;   /* ever, revoked ones not counted */
    size_t refusal_count;
    struct ag_mempool_refusal {
        enum ag_err err;
        uint64_t count;
    } refusals[AG_MEMPOOL_REFUSALS_MAX]; /* in order of first occurrence */
};
void ag_mempool_stats(const struct ag_mempool *pool, struct ag_mempool_stats *out);
/* Proof of work asked for at a load in thousandths: none below half, then from one bit at half to
 * `bits_max` when full. */
unsigned ag_mempool_stamp_bits(unsigned load_permille, unsigned bits_max);

#endif
