/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mempool/mempool_i.h"

/* ---- life ------------------------------------------------------------------------------------ */

void ag_mempool_config_default(struct ag_mempool_config *out)
{
    *out = (struct ag_mempool_config){
        .kems = {AG_KEM_MLKEM1024_P384},
        .payload_kinds = {AG_PAYLOAD_ETHEREUM},
        .count_max = AG_LIMIT_POOL_COUNT,
        .bytes_max = AG_LIMIT_POOL_BYTES,
        .sender_count_max = 256,
        .replay_count_max = AG_LIMIT_REPLAY_COUNT,
        .ttl_max_ms = 300000,
        .slack_ms = 30000,
        .inclusion_ms = 60000,
        .source_rate = 200,
        .source_burst = 400,
        .source_penalty = 20,
        .strikes_max = 16,
        .strike_decay_ms = 10000,
        .stamp_bits_max = 20,
    };
}

static enum ag_err check_range(uint64_t value, uint64_t least, uint64_t most, const char *field,
                               struct ag_fault *fault)
{
    if (value < least || value > most) {
        return ag_fault_limit(fault, AG_ERR_ARGUMENT, field, value < least ? least : most, value);
    }
    return AG_OK;
}

static enum ag_err check_config(const struct ag_mempool_config *config, struct ag_fault *fault)
{
    /* A year: no sum of a clock and these can overflow before the clock itself is nonsense. */
    const uint64_t year_ms = UINT64_C(31536000000);
    AG_TRY(check_range(config->count_max, 1, AG_LIMIT_POOL_COUNT, "count_max", fault));
    AG_TRY(check_range(config->bytes_max, 1, AG_LIMIT_POOL_BYTES, "bytes_max", fault));
    AG_TRY(check_range(config->sender_count_max, 1, AG_LIMIT_POOL_SENDER_COUNT, "sender_count_max",
                       fault));
    AG_TRY(
        check_range(config->replay_count_max, 2, AG_LIMIT_REPLAY_COUNT, "replay_count_max", fault));
    AG_TRY(check_range(config->ttl_max_ms, 1, year_ms, "ttl_max_ms", fault));
    AG_TRY(check_range(config->slack_ms, 0, year_ms, "slack_ms", fault));
    AG_TRY(check_range(config->inclusion_ms, 1, year_ms, "inclusion_ms", fault));
    AG_TRY(check_range(config->source_rate, 0, 1000000, "source_rate", fault));
    AG_TRY(check_range(config->source_burst, config->source_rate != 0, 1000000, "source_burst",
                       fault));
    AG_TRY(check_range(config->source_penalty, 0, 1000000, "source_penalty", fault));
    AG_TRY(check_range(config->strikes_max, 0, 1000000, "strikes_max", fault));
    AG_TRY(check_range(config->strike_decay_ms, config->strikes_max != 0, year_ms,
                       "strike_decay_ms", fault));
    AG_TRY(check_range(config->stamp_bits_max, 0, AG_LIMIT_STAMP_BITS, "stamp_bits_max", fault));
    for (size_t i = 0; i < AG_MEMPOOL_KEMS_MAX && config->kems[i] != 0; i++) {
        if (!ag_kem_is_known(config->kems[i])) {
            return ag_fault_set(fault, AG_ERR_ARGUMENT, "kems");
        }
    }
    return AG_OK;
}

static enum ag_err allocate(struct ag_mempool *pool)
{
    size_t count_max = pool->config.count_max;
    pool->slots = ag_alloc_array(count_max, sizeof(pool->slots[0]));
    pool->keys = ag_secret_alloc(count_max * sizeof(pool->keys[0]));
    pool->candidates = ag_alloc_array(AG_LIMIT_GROUP_COUNT, sizeof(pool->candidates[0]));
    pool->candidate_keys = ag_secret_alloc(AG_LIMIT_GROUP_COUNT * sizeof(pool->keys[0]));
    AG_ENSURE(pool->slots != NULL && pool->keys != NULL && pool->candidates != NULL &&
                  pool->candidate_keys != NULL,
              AG_ERR_NO_MEMORY);
    AG_TRY(ag_lru_open(count_max, sizeof(uint64_t), pool->config.hash_seed, &pool->index));
    ag_mempool_table_init(&pool->replay, pool->config.replay_count_max, pool->config.hash_seed);
    return ag_mempool_accounts_open(&pool->accounts, &pool->config);
}

enum ag_err ag_mempool_open(const struct ag_mempool_config *config,
                            const struct ag_mempool_keys *keys, struct ag_mempool **out,
                            struct ag_fault *fault)
{
    AG_TRY(check_config(config, fault));
    if (keys->honours == NULL || keys->receive == NULL || keys->lane_count == 0) {
        return ag_fault_set(fault, AG_ERR_ARGUMENT, "keys");
    }
    struct ag_mempool *pool AG_SCOPED(ag_mempool_cleanup) = ag_alloc(sizeof(*pool));
    AG_ENSURE(pool != NULL, AG_ERR_NO_MEMORY);
    pool->config = *config;
    pool->keys_door = *keys;
    pool->risk = &pool->no_risk;
    pool->clock_ms = config->clock_floor_ms;
    pool->first = config->first_admission;
    pool->planned = config->first_admission;
    pool->confirmed = config->first_admission;
    pool->next = config->first_admission;
    AG_TRY(allocate(pool));
    *out = pool;
    pool = NULL;
    return AG_OK;
}

/* Wipes and frees one slot; accounts and records are its caller's business. */
static void empty_slot(struct ag_mempool *pool, size_t index)
{
    struct slot *slot = &pool->slots[index];
    ag_wipe(slot->memory, slot->envelope_size + slot->head_size);
    ag_free(slot->memory);
    ag_wipe(slot, sizeof(*slot));
    ag_hpke_wipe(&pool->keys[index]);
}

void ag_mempool_close(struct ag_mempool *pool)
{
    if (pool == NULL) {
        return;
    }
    if (pool->slots != NULL && pool->keys != NULL) {
        for (uint64_t admission = pool->first; admission != pool->next; admission++) {
            empty_slot(pool, slot_index(pool, admission));
        }
    }
    ag_secret_free(pool->keys, pool->config.count_max * sizeof(pool->keys[0]));
    ag_secret_free(pool->candidate_keys, AG_LIMIT_GROUP_COUNT * sizeof(pool->keys[0]));
    ag_free(pool->slots);
    ag_free(pool->candidates);
    ag_lru_close(pool->index);
    ag_mempool_table_wipe(&pool->replay);
    ag_mempool_accounts_close(&pool->accounts);
    ag_free(pool);
}

void ag_mempool_cleanup(struct ag_mempool **pool)
{
    ag_mempool_close(*pool);
}

void ag_mempool_set_policy(struct ag_mempool *pool, const struct ag_asset_table *assets,
                           const struct ag_risk_snapshot *risk, bool is_appraised)
{
    pool->assets = assets;
    pool->risk = risk != NULL ? risk : &pool->no_risk;
    pool->is_appraised = is_appraised;
}

/* The host owns the clock and may turn it back so that what expired seems fresh, and its record
 * forgotten. So ours only goes on, from the newest instant that the node ever committed. */
void ag_mempool_advance_clock(struct ag_mempool *pool, uint64_t now_ms)
{
    if (now_ms > pool->clock_ms) {
        pool->clock_ms = now_ms;
    }
}

/* ---- records --------------------------------------------------------------------------------- */

/* An envelope is refused as expired once the clock is past expiry and slack; its records live
 * for one slack more, so that no comparison of theirs can come too late. */
static uint64_t record_expiry(const struct ag_mempool *pool, const struct ag_head *head)
{
    uint64_t expires_ms =
        add_ms(add_ms(head->expires_ms, pool->config.slack_ms), pool->config.slack_ms);
    return expires_ms == 0 ? 1 : expires_ms;
}

static void put_u64(uint8_t out[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56u - 8u * i));
    }
}

enum ag_err ag_mempool_nonce_record(const struct ag_mempool *pool, const struct ag_head *head,
                                    struct replay_record *out)
{
    /* Without the key epoch: what was admitted under one epoch must not run again because it was
     * sealed anew to the next. */
    uint8_t text[8 + 1 + 32 + 8];
    struct ag_id id;
    put_u64(text, head->chain_id);
    text[8] = head->sender.kind;
    memcpy(text + 9, head->sender.id, 32);
    put_u64(text + 41, head->nonce);
    AG_TRY(ag_hash_id(AG_TAG_REPLAY, AG_ARRAY_VIEW(text), &id));
    memcpy(out->digest, id.bytes, REPLAY_DIGEST_SIZE);
    out->expires_ms = record_expiry(pool, head);
    return AG_OK;
}

void ag_mempool_envelope_record(const struct ag_mempool *pool, const struct ag_id *id,
                                const struct ag_head *head, struct replay_record *out)
{
    memcpy(out->digest, id->bytes, REPLAY_DIGEST_SIZE);
    out->expires_ms = record_expiry(pool, head);
}

/* ---- the row --------------------------------------------------------------------------------- */

enum ag_err ag_mempool_accept(struct ag_mempool *pool, size_t candidate_index,
                              const struct ag_id *source, const struct replay_record *nonce_record,
                              uint64_t deadline_ms)
{
    const struct candidate *candidate = &pool->candidates[candidate_index];
    size_t index = slot_index(pool, pool->next);
    struct slot *slot = &pool->slots[index];
    uint8_t *memory = ag_alloc(candidate->bytes.size + candidate->head_size);
    AG_ENSURE(memory != NULL, AG_ERR_NO_MEMORY);
    memcpy(memory, candidate->bytes.data, candidate->bytes.size);
    memcpy(memory + candidate->bytes.size, candidate->text, candidate->head_size);

    *slot = (struct slot){
        .deadline_ms = deadline_ms,
        .envelope_id = candidate->id,
        .source = *source,
        .head = candidate->head,
        .nonce_record = *nonce_record,
        .memory = memory,
        .envelope_size = candidate->bytes.size,
        .head_size = candidate->head_size,
        .sealed_head_start = candidate->envelope.clear.size,
        .sealed_head_size = candidate->envelope.sealed_head.size,
        .sealed_body_size = candidate->envelope.sealed_body.size,
        .owns_nonce_record = ag_mempool_table_find(&pool->replay, nonce_record->digest) == NULL,
    };
    pool->keys[index] = pool->candidate_keys[candidate_index];

    struct replay_record envelope_record;
    ag_mempool_envelope_record(pool, &slot->envelope_id, &slot->head, &envelope_record);
    ag_mempool_table_put(&pool->replay, &envelope_record);
    ag_mempool_table_put(&pool->replay, nonce_record);
    ag_mempool_sender_hold(&pool->accounts, &slot->head.sender);
    uint64_t *admission = ag_lru_insert(pool->index, &slot->envelope_id);
    *admission = pool->next;
    pool->bytes += slot->envelope_size;
    pool->next++;
    return AG_OK;
}

void ag_mempool_confirm(struct ag_mempool *pool)
{
    pool->accepted += pool->next - pool->confirmed;
    pool->confirmed = pool->next;
}

/* Takes one envelope out of the row, at either end. Its records stay. */
static void drop(struct ag_mempool *pool, uint64_t admission)
{
    size_t index = slot_index(pool, admission);
    struct slot *slot = &pool->slots[index];
    ag_lru_remove(pool->index, &slot->envelope_id);
    ag_mempool_sender_drop(&pool->accounts, &slot->head.sender);
    pool->bytes -= slot->envelope_size;
    empty_slot(pool, index);
}

void ag_mempool_revoke(struct ag_mempool *pool)
{
    while (pool->next != pool->confirmed) {
        pool->next--;
        const struct slot *slot = &pool->slots[slot_index(pool, pool->next)];
        ag_mempool_table_remove(&pool->replay, slot->envelope_id.bytes);
        if (slot->owns_nonce_record) {
            ag_mempool_table_remove(&pool->replay, slot->nonce_record.digest);
        }
        drop(pool, pool->next);
    }
}

enum ag_err ag_mempool_replay_export(const struct ag_mempool *pool, struct ag_vec *out)
{
    uint8_t *records = NULL;
    size_t count = (size_t)(pool->next - pool->confirmed);
    AG_TRY(ag_vec_extend(out, count * AG_REPLAY_RECORD_SIZE, &records));
    for (size_t i = 0; i < count; i++) {
        const struct slot *slot = &pool->slots[slot_index(pool, pool->confirmed + i)];
        ag_mempool_record_encode(&slot->nonce_record, records + i * AG_REPLAY_RECORD_SIZE);
    }
    return AG_OK;
}

enum ag_err ag_mempool_replay_load(struct ag_mempool *pool, struct ag_bytes records)
{
    AG_ENSURE(records.size % AG_REPLAY_RECORD_SIZE == 0, AG_ERR_ARGUMENT);
    for (size_t i = 0; i < records.size; i += AG_REPLAY_RECORD_SIZE) {
        struct replay_record record;
        ag_mempool_record_decode(records.data + i, &record);
        if (record.expires_ms == 0 || record.expires_ms < ag_mempool_replay_horizon_ms(pool)) {
            continue;
        }
        AG_TRY(ag_mempool_table_reserve(&pool->replay, 1, pool->clock_ms));
        ag_mempool_table_put(&pool->replay, &record);
    }
    return AG_OK;
}

uint64_t ag_mempool_replay_horizon_ms(const struct ag_mempool *pool)
{
    return pool->clock_ms;
}

/* ---- batches --------------------------------------------------------------------------------- */

size_t ag_mempool_take(struct ag_mempool *pool, size_t max, struct ag_mempool_planned *out)
{
    size_t count = 0;
    while (count < max && pool->planned != pool->confirmed) {
        const struct slot *slot = &pool->slots[slot_index(pool, pool->planned)];
        out[count++] = (struct ag_mempool_planned){pool->planned, &slot->head};
        pool->planned++;
    }
    return count;
}

enum ag_err ag_mempool_entry(const struct ag_mempool *pool, uint64_t admission,
                             struct ag_mempool_entry *out)
{
    AG_ENSURE(admission >= pool->first && admission < pool->confirmed, AG_ERR_NOT_FOUND);
    size_t index = slot_index(pool, admission);
    const struct slot *slot = &pool->slots[index];
    const uint8_t *sealed_head = slot->memory + slot->sealed_head_start;
    *out = (struct ag_mempool_entry){
        .admission = admission,
        .deadline_ms = slot->deadline_ms,
        .envelope_id = slot->envelope_id,
        .head = &slot->head,
        .head_encoding = ag_bytes_of(slot->memory + slot->envelope_size, slot->head_size),
        .sealed_head = ag_bytes_of(sealed_head, slot->sealed_head_size),
        .sealed_body = ag_bytes_of(sealed_head + slot->sealed_head_size, slot->sealed_body_size),
        .envelope = ag_bytes_of(slot->memory, slot->envelope_size),
        .keys = &pool->keys[index],
    };
    return AG_OK;
}

bool ag_mempool_find(const struct ag_mempool *pool, const struct ag_id *envelope_id,
                     uint64_t *out_admission, bool *out_is_planned)
{
    const uint64_t *admission = ag_lru_find(pool->index, envelope_id);
    if (admission == NULL || *admission >= pool->confirmed) {
        return false;
    }
    *out_admission = *admission;
    *out_is_planned = *admission < pool->planned;
    return true;
}

enum ag_err ag_mempool_replay_swap(const struct ag_mempool *pool, uint64_t admission,
                                   uint8_t out_remove[AG_REPLAY_RECORD_SIZE],
                                   uint8_t out_add[AG_REPLAY_RECORD_SIZE])
{
    AG_ENSURE(admission >= pool->first && admission < pool->planned, AG_ERR_NOT_FOUND);
    const struct slot *slot = &pool->slots[slot_index(pool, admission)];
    struct replay_record envelope_record;
    ag_mempool_envelope_record(pool, &slot->envelope_id, &slot->head, &envelope_record);
    ag_mempool_record_encode(&slot->nonce_record, out_remove);
    ag_mempool_record_encode(&envelope_record, out_add);
    return AG_OK;
}

/* Reasons after which anybody may have written the sender's name into the head. */
static bool is_unproved(enum ag_err reason)
{
    enum {
        WIRE_ROOM = 0x01
    };
    return (unsigned)reason >> 8 == WIRE_ROOM || reason == AG_ERR_OPEN || reason == AG_ERR_KEY ||
           reason == AG_ERR_SIGNATURE || reason == AG_ERR_ENVELOPE_MISMATCH ||
           reason == AG_ERR_ENVELOPE_SENDER || reason == AG_ERR_ENVELOPE_FEE;
}

enum ag_err ag_mempool_settle(struct ag_mempool *pool, const struct ag_mempool_outcome *outcome,
                              uint64_t now_ms)
{
    uint64_t admission = outcome->admission;
    AG_ENSURE(admission >= pool->first && admission < pool->planned, AG_ERR_NOT_FOUND);
    struct slot *slot = &pool->slots[slot_index(pool, admission)];
    ag_mempool_advance_clock(pool, now_ms);
    if (slot->is_settled) {
        return AG_OK; /* the nonce may be another envelope's by now */
    }
    slot->is_settled = true;
    if (outcome->frees_nonce) {
        /* Its record may have expired and given way to another envelope's of the same nonce. */
        const struct replay_record *record =
            ag_mempool_table_find(&pool->replay, slot->nonce_record.digest);
        if (record != NULL && record->expires_ms == slot->nonce_record.expires_ms) {
            ag_mempool_table_remove(&pool->replay, slot->nonce_record.digest);
        }
    }
    if (outcome->is_charged) {
        ag_mempool_sender_strike(&pool->accounts, &pool->config, &slot->head.sender,
                                 pool->clock_ms);
    } else if (is_unproved(outcome->reason)) {
        ag_mempool_source_penalise(&pool->accounts, &pool->config, &slot->source, pool->clock_ms);
    }
    return AG_OK;
}

enum ag_err ag_mempool_release(struct ag_mempool *pool, uint64_t first, size_t count)
{
    AG_ENSURE(first == pool->first && count <= pool->planned - pool->first, AG_ERR_ARGUMENT);
    for (size_t i = 0; i < count; i++) {
        drop(pool, pool->first);
        pool->first++;
    }
    return AG_OK;
}

enum ag_err ag_mempool_untake(struct ag_mempool *pool, uint64_t first, size_t count)
{
    AG_ENSURE(count <= pool->planned - pool->first && first == pool->planned - count,
              AG_ERR_ARGUMENT);
    pool->planned = first;
    return AG_OK;
}

/* ---- status ---------------------------------------------------------------------------------- */

void ag_mempool_stats(const struct ag_mempool *pool, struct ag_mempool_stats *out)
{
    *out = (struct ag_mempool_stats){
        .first_admission = pool->first,
        .planned_end = pool->planned,
        .confirmed_end = pool->confirmed,
        .next_admission = pool->next,
        .count = held_count(pool),
        .bytes = pool->bytes,
        .sender_count = ag_lru_count(pool->accounts.held),
        .replay_count = pool->replay.count,
        .stamp_bits =
            ag_mempool_stamp_bits(ag_mempool_load_permille(pool), pool->config.stamp_bits_max),
        .accepted = pool->accepted,
        .refusal_count = pool->refusal_count,
    };
    memcpy(out->refusals, pool->refusals, sizeof(out->refusals));
}
