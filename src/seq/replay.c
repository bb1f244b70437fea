/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* Records pruned in one commit at most: a commit stays short after a long stop. */
#define PRUNE_MAX 4096u

static struct ag_bytes text_key(const char *name)
{
    return ag_bytes_of(name, strlen(name));
}

static enum ag_err term(struct ag_seq *seq, struct ag_bytes record, uint8_t out[32])
{
    const struct ag_bytes parts[] = {AG_VIEW(&seq->replay_key), record};
    return ag_sha256(parts, AG_COUNT(parts), out);
}

static void sum_add(struct replay_sum *sum, const uint8_t value[32])
{
    unsigned carry = 0;
    for (size_t i = 0; i < sizeof(sum->bytes); i++) {
        carry += (unsigned)sum->bytes[i] + value[i];
        sum->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void sum_subtract(struct replay_sum *sum, const uint8_t value[32])
{
    unsigned borrow = 0;
    for (size_t i = 0; i < sizeof(sum->bytes); i++) {
        unsigned taken = (unsigned)value[i] + borrow;
        borrow = sum->bytes[i] < taken ? 1 : 0;
        sum->bytes[i] = (uint8_t)(sum->bytes[i] - taken);
    }
}

enum ag_err ag_seq_replay_key_make(struct ag_seq *seq, struct ag_store_tx *tx)
{
    struct ag_bytes name = text_key(AG_SEQ_KEY_REPLAY_KEY);
    struct ag_vec blob AG_SCOPED(ag_vec_close);
    ag_vec_init(&blob, AG_SEAL_OVERHEAD_SIZE + sizeof(seq->replay_key.bytes));
    AG_TRY(ag_random_key(seq->host,
                         (struct ag_buf){seq->replay_key.bytes, sizeof(seq->replay_key.bytes)}));
    AG_TRY(ag_seal_seal(seq->seal, AG_PURPOSE_META, 0, name, AG_VIEW(&seq->replay_key), &blob));
    return ag_store_put(tx, AG_TABLE_META, name, ag_vec_view(&blob));
}

enum ag_err ag_seq_replay_key_read(struct ag_seq *seq)
{
    struct ag_bytes name = text_key(AG_SEQ_KEY_REPLAY_KEY);
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    ag_arena_init_secret(&arena, 4096);

    struct ag_bytes blob;
    struct ag_bytes key;
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    enum ag_err err = ag_store_get(tx, AG_TABLE_META, name, &blob);
    AG_ENSURE(err != AG_ERR_NOT_FOUND, AG_ERR_STORE_CORRUPT);
    AG_TRY(err);
    AG_TRY(ag_seal_unseal(seq->seal, AG_PURPOSE_META, 0, name, blob, &arena, &key));
    AG_ENSURE(key.size == sizeof(seq->replay_key.bytes), AG_ERR_STORE_CORRUPT);
    memcpy(seq->replay_key.bytes, key.data, key.size);
    return AG_OK;
}

enum ag_err ag_seq_replay_add(struct ag_seq *seq, struct ag_store_tx *tx, struct ag_bytes records,
                              struct replay_sum *sum)
{
    for (; records.size >= AG_REPLAY_RECORD_SIZE;
         records = ag_bytes_tail(records, AG_REPLAY_RECORD_SIZE)) {
        struct ag_bytes record = ag_bytes_head(records, AG_REPLAY_RECORD_SIZE);
        uint8_t value[32];
        AG_TRY(term(seq, record, value));
        sum_add(sum, value);
        AG_TRY(ag_store_put(tx, AG_TABLE_REPLAY, record, (struct ag_bytes){NULL, 0}));
    }
    return AG_OK;
}

enum ag_err ag_seq_replay_remove(struct ag_seq *seq, struct ag_store_tx *tx, struct ag_bytes record,
                                 struct replay_sum *sum)
{
    uint8_t value[32];
    enum ag_err err = ag_store_delete(tx, AG_TABLE_REPLAY, record);
    if (err == AG_ERR_NOT_FOUND) {
        return AG_OK; /* pruned before: its expiry has passed */
    }
    AG_TRY(err);
    AG_TRY(term(seq, record, value));
    sum_subtract(sum, value);
    return AG_OK;
}

/* A row lies in a page of the host's disk, which may be read anew with other bytes: what is counted
 * and what is taken in must be one copy. */
static enum ag_err copy_record(struct ag_bytes row, uint8_t out[AG_REPLAY_RECORD_SIZE])
{
    AG_ENSURE(row.size == AG_REPLAY_RECORD_SIZE, AG_ERR_STORE_CORRUPT);
    memcpy(out, row.data, AG_REPLAY_RECORD_SIZE);
    return AG_OK;
}

static uint64_t expiry_of(struct ag_bytes record)
{
    uint64_t expiry_ms = 0;
    for (size_t i = 0; i < 8 && i < record.size; i++) {
        expiry_ms = expiry_ms << 8 | record.data[i];
    }
    return expiry_ms;
}

enum ag_err ag_seq_replay_prune(struct ag_seq *seq, struct ag_store_tx *tx, uint64_t floor_ms,
                                struct replay_sum *sum)
{
    uint64_t horizon_ms = ag_mempool_replay_horizon_ms(seq->mempool);
    if (horizon_ms > floor_ms) {
        horizon_ms = floor_ms;
    }
    struct ag_store_cursor *cursor AG_SCOPED(ag_store_cursor_cleanup) = NULL;
    struct ag_store_entry entry;
    AG_TRY(ag_store_cursor_open(tx, AG_TABLE_REPLAY, &cursor));

    enum ag_err err = ag_store_first(cursor, &entry);
    for (unsigned i = 0; i < PRUNE_MAX && err == AG_OK; i++) {
        uint8_t record[AG_REPLAY_RECORD_SIZE];
        uint8_t value[32];
        AG_TRY(copy_record(entry.key, record));
        if (expiry_of(AG_ARRAY_VIEW(record)) >= horizon_ms) {
            return AG_OK;
        }
        AG_TRY(term(seq, AG_ARRAY_VIEW(record), value));
        sum_subtract(sum, value);
        AG_TRY(ag_store_cursor_delete(cursor));
        err = ag_store_next(cursor, &entry);
    }
    return err == AG_ERR_NOT_FOUND ? AG_OK : err;
}

enum ag_err ag_seq_replay_load(struct ag_seq *seq)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_store_cursor *cursor AG_SCOPED(ag_store_cursor_cleanup) = NULL;
    struct ag_store_entry entry;
    struct replay_sum sum = {{0}};
    AG_TRY(ag_store_read_begin(seq->store, &tx));
    AG_TRY(ag_store_cursor_open(tx, AG_TABLE_REPLAY, &cursor));

    enum ag_err err = ag_store_first(cursor, &entry);
    for (; err == AG_OK; err = ag_store_next(cursor, &entry)) {
        uint8_t record[AG_REPLAY_RECORD_SIZE];
        uint8_t value[32];
        AG_TRY(copy_record(entry.key, record));
        AG_TRY(term(seq, AG_ARRAY_VIEW(record), value));
        sum_add(&sum, value);
        AG_TRY(ag_mempool_replay_load(seq->mempool, AG_ARRAY_VIEW(record)));
    }
    AG_ENSURE(err == AG_ERR_NOT_FOUND, err);
    AG_ENSURE(ag_ct_equal(sum.bytes, seq->anchored.replay.bytes, sizeof(sum.bytes)),
              AG_ERR_SEAL_ROLLBACK);
    return AG_OK;
}
