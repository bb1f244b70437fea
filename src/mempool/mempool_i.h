/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_MEMPOOL_MEMPOOL_I_H
#define AG_MEMPOOL_MEMPOOL_I_H

#include "mempool/mempool.h"

/* ---- replay table: table.c ------------------------------------------------------------------- */

#define REPLAY_DIGEST_SIZE 24u
struct replay_record {
    uint8_t digest[REPLAY_DIGEST_SIZE];
    uint64_t expires_ms; /* 0: an empty slot */
};
_Static_assert(sizeof(struct replay_record) == AG_REPLAY_RECORD_SIZE, "no padding");

/* A set of records in one array with linear probing, at most three quarters full. It grows by
 * rebuilding and forgets what has expired at the same time, so that memory follows the load. */
struct replay_table {
    struct replay_record *slots;
    size_t slot_count;
    size_t count;     /* records in slots, expired ones too */
    size_t count_max; /* records */
    uint64_t seed;
    uint64_t purged_ms; /* when expired records were last looked for at the bound */
};
void ag_mempool_table_init(struct replay_table *table, size_t count_max, uint64_t seed);
void ag_mempool_table_wipe(struct replay_table *table);
/* NULL when absent. Valid until the next put or remove. */
struct replay_record *ag_mempool_table_find(const struct replay_table *table,
                                            const uint8_t digest[REPLAY_DIGEST_SIZE]);
/* Makes room for `count` more records, forgetting what expired before `clock_ms`. MEMPOOL_FULL
 * at the bound. */
AG_MUST_CHECK enum ag_err ag_mempool_table_reserve(struct replay_table *table, size_t count,
                                                   uint64_t clock_ms);
/* Adds a record, or sets the expiry of the one there. Room has been reserved. */
void ag_mempool_table_put(struct replay_table *table, const struct replay_record *record);
void ag_mempool_table_remove(struct replay_table *table, const uint8_t digest[REPLAY_DIGEST_SIZE]);
void ag_mempool_record_encode(const struct replay_record *record,
                              uint8_t out[AG_REPLAY_RECORD_SIZE]);
void ag_mempool_record_decode(const uint8_t in[AG_REPLAY_RECORD_SIZE], struct replay_record *out);

/* ---- accounts: accounts.c -------------------------------------------------------------------- */

struct accounts {
    struct ag_lru *sources; /* token buckets, the least recently used goes first */
    struct ag_lru *strikes; /* senders that had something excluded */
    struct ag_lru *held;    /* senders that hold envelopes: never more than envelopes */
};
AG_MUST_CHECK enum ag_err ag_mempool_accounts_open(struct accounts *accounts,
                                                   const struct ag_mempool_config *config);
void ag_mempool_accounts_close(struct accounts *accounts);
/* Takes one envelope from the allowance of a source, or MEMPOOL_RATE. */
AG_MUST_CHECK enum ag_err ag_mempool_source_spend(struct accounts *accounts,
                                                  const struct ag_mempool_config *config,
                                                  const struct ag_id *source, uint64_t clock_ms,
                                                  struct ag_fault *fault);
void ag_mempool_source_penalise(struct accounts *accounts, const struct ag_mempool_config *config,
                                const struct ag_id *source, uint64_t clock_ms);
/* MEMPOOL_SENDER when the sender has to wait, or holds as many as he may. */
AG_MUST_CHECK enum ag_err ag_mempool_sender_check(struct accounts *accounts,
                                                  const struct ag_mempool_config *config,
                                                  const struct ag_sender *sender, uint64_t clock_ms,
                                                  struct ag_fault *fault);
void ag_mempool_sender_strike(struct accounts *accounts, const struct ag_mempool_config *config,
                              const struct ag_sender *sender, uint64_t clock_ms);
void ag_mempool_sender_hold(struct accounts *accounts, const struct ag_sender *sender);
void ag_mempool_sender_drop(struct accounts *accounts, const struct ag_sender *sender);

/* ---- the row --------------------------------------------------------------------------------- */

/* One envelope held, at admission number modulo count_max. Its keys stand at the same index in
 * `keys`, in locked memory. */
struct slot {
    uint64_t deadline_ms;
    struct ag_id envelope_id;
    struct ag_id source;
    struct ag_head head;
    struct replay_record nonce_record;
    uint8_t *memory; /* the envelope, then the head's encoding; wiped and freed */
    size_t envelope_size;
    size_t head_size;
    size_t sealed_head_start; /* in memory */
    size_t sealed_head_size;
    size_t sealed_body_size; /* follows the sealed head */
    bool owns_nonce_record;  /* revoke removes it */
    bool is_settled;
};

/* One envelope between screening and acceptance. */
struct candidate {
    size_t item; /* index in the caller's array */
    struct ag_bytes bytes;
    struct ag_envelope envelope;
    struct ag_id id;
    struct ag_head head;
    size_t head_size; /* without padding */
    enum ag_err err;
    struct ag_fault fault;
    uint8_t text[768]; /* the head's plain text */
};

struct ag_mempool {
    struct ag_mempool_config config;
    struct ag_mempool_keys keys_door;
    const struct ag_asset_table *assets;
    struct ag_risk_snapshot no_risk;
    const struct ag_risk_snapshot *risk;
    bool is_appraised;

    uint64_t clock_ms; /* never goes back */
    uint64_t first;    /* the four marks */
    uint64_t planned;
    uint64_t confirmed;
    uint64_t next;
    struct slot *slots;
    struct ag_hpke *keys;
    size_t bytes;
    struct ag_lru *index; /* envelope id to admission number; never more than envelopes */

    struct replay_table replay;
    struct accounts accounts;

    struct candidate *candidates; /* GROUP_COUNT */
    struct ag_hpke *candidate_keys;
    size_t candidate_count;
    size_t candidate_bytes;

    uint64_t accepted;
    size_t refusal_count;
    struct ag_mempool_refusal refusals[AG_MEMPOOL_REFUSALS_MAX];
};

static inline size_t slot_index(const struct ag_mempool *pool, uint64_t admission)
{
    return (size_t)(admission % pool->config.count_max);
}

static inline size_t held_count(const struct ag_mempool *pool)
{
    return (size_t)(pool->next - pool->first);
}

static inline uint64_t add_ms(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

unsigned ag_mempool_load_permille(const struct ag_mempool *pool);
void ag_mempool_advance_clock(struct ag_mempool *pool, uint64_t now_ms);
/* The record that keeps a sender's nonce from being used twice. */
AG_MUST_CHECK enum ag_err ag_mempool_nonce_record(const struct ag_mempool *pool,
                                                  const struct ag_head *head,
                                                  struct replay_record *out);
/* The record that keeps this very envelope from being used twice. */
void ag_mempool_envelope_record(const struct ag_mempool *pool, const struct ag_id *id,
                                const struct ag_head *head, struct replay_record *out);
/* Decapsulates and opens the heads of all candidates, in lanes; notes each one's error. */
void ag_mempool_open_heads(struct ag_mempool *pool, struct ag_pool *workers);
/* Takes a candidate in at `next`. Records and accounts follow; NO_MEMORY leaves everything as it
 * was. Room for both records has been reserved. */
AG_MUST_CHECK enum ag_err ag_mempool_accept(struct ag_mempool *pool, size_t candidate,
                                            const struct ag_id *source,
                                            const struct replay_record *nonce_record,
                                            uint64_t deadline_ms);
/* Wipes what the candidates held. */
void ag_mempool_forget_candidates(struct ag_mempool *pool);

#endif
