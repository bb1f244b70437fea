/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "mempool/mempool_i.h"

/* ---- load ------------------------------------------------------------------------------------ */

/* How full the pool is, by count or by bytes, whichever is more; candidates count as held. */
unsigned ag_mempool_load_permille(const struct ag_mempool *pool)
{
    uint64_t count = held_count(pool) + pool->candidate_count;
    uint64_t bytes = pool->bytes + pool->candidate_bytes;
    uint64_t by_count = count * 1000u / pool->config.count_max;
    uint64_t by_bytes = bytes * 1000u / pool->config.bytes_max;
    uint64_t load = by_count > by_bytes ? by_count : by_bytes;
    return load > 1000 ? 1000u : (unsigned)load;
}

unsigned ag_mempool_stamp_bits(unsigned load_permille, unsigned bits_max)
{
    if (load_permille < 500 || bits_max == 0) {
        return 0;
    }
    unsigned above = (load_permille > 1000 ? 1000 : load_permille) - 500u;
    return 1u + above * (bits_max - 1u) / 500u;
}

/* ---- before any private-key work ------------------------------------------------------------- */

static bool allows_kem(const struct ag_mempool_config *config, uint16_t kem)
{
    for (size_t i = 0; i < AG_MEMPOOL_KEMS_MAX && config->kems[i] != 0; i++) {
        if (config->kems[i] == kem) {
            return true;
        }
    }
    return false;
}

/* What the clear part says, against what this node is. */
static enum ag_err screen_clear(struct ag_mempool *pool, const struct ag_envelope *envelope,
                                struct ag_fault *fault)
{
    const struct ag_mempool_config *config = &pool->config;
    if (!allows_kem(config, envelope->kem)) {
        return ag_fault_set(fault, AG_ERR_SUITE, "suite");
    }
    if (envelope->chain_id != config->chain_id) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_CHAIN, "chain_id", config->chain_id,
                              envelope->chain_id);
    }
    enum ag_err err =
        pool->keys_door.honours(pool->keys_door.context, envelope->key_epoch, envelope->kem);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, err == AG_ERR_SUITE ? "suite" : "key_epoch");
    }
    return AG_OK;
}

/* Room for one more, beside the candidates before it. */
static enum ag_err screen_room(struct ag_mempool *pool, size_t size, struct ag_fault *fault)
{
    const struct ag_mempool_config *config = &pool->config;
    size_t count = held_count(pool) + pool->candidate_count;
    size_t bytes = pool->bytes + pool->candidate_bytes;
    if (count >= config->count_max) {
        return ag_fault_limit(fault, AG_ERR_MEMPOOL_FULL, "count", config->count_max, count + 1u);
    }
    if (bytes >= config->bytes_max || size > config->bytes_max - bytes) {
        return ag_fault_limit(fault, AG_ERR_MEMPOOL_FULL, "bytes", config->bytes_max, bytes + size);
    }
    /* Its own two records, and the nonce records that the candidates before it still need. */
    enum ag_err err =
        ag_mempool_table_reserve(&pool->replay, 2u + pool->candidate_count, pool->clock_ms);
    if (err == AG_ERR_MEMPOOL_FULL) {
        return ag_fault_limit(fault, err, "replay records", config->replay_count_max,
                              config->replay_count_max + 2u);
    }
    return err == AG_OK ? AG_OK : ag_fault_set(fault, err, NULL);
}

static enum ag_err screen_stamp(struct ag_admission *item, const struct ag_envelope *envelope)
{
    unsigned bits = 0;
    if (item->stamp_bits == 0) {
        return AG_OK;
    }
    AG_TRY(ag_stamp_bits(&item->envelope_id, envelope->stamp, &bits));
    if (bits < item->stamp_bits) {
        return ag_fault_limit(&item->fault, AG_ERR_MEMPOOL_STAMP, "stamp", item->stamp_bits, bits);
    }
    return AG_OK;
}

static bool is_class_field(const struct ag_fault *fault)
{
    return fault->field != NULL &&
           (strcmp(fault->field, "head class") == 0 || strcmp(fault->field, "body class") == 0);
}

static enum ag_err decode(struct ag_bytes bytes, struct ag_envelope *out, struct ag_fault *fault)
{
    enum ag_err err = ag_envelope_decode(bytes, out, fault);
    return err == AG_ERR_WIRE_VALUE && is_class_field(fault) ? AG_ERR_ENVELOPE_CLASS : err;
}

/* The cheap checks, in the order of the header. What passes becomes a candidate. */
static enum ag_err screen(struct ag_mempool *pool, struct ag_admission *item, size_t item_index)
{
    struct candidate *candidate = &pool->candidates[pool->candidate_count];
    struct ag_envelope *envelope = &candidate->envelope;
    AG_TRY(decode(item->bytes, envelope, &item->fault));
    AG_TRY(screen_clear(pool, envelope, &item->fault));
    AG_TRY(ag_envelope_id(envelope, &item->envelope_id));
    if (ag_mempool_table_find(&pool->replay, item->envelope_id.bytes) != NULL) {
        return ag_fault_set(&item->fault, AG_ERR_ENVELOPE_REPLAY, "envelope");
    }
    AG_TRY(ag_mempool_source_spend(&pool->accounts, &pool->config, &item->source, pool->clock_ms,
                                   &item->fault));
    AG_TRY(screen_room(pool, item->bytes.size, &item->fault));
    item->stamp_bits =
        ag_mempool_stamp_bits(ag_mempool_load_permille(pool), pool->config.stamp_bits_max);
    AG_TRY(screen_stamp(item, envelope));

    candidate->item = item_index;
    candidate->bytes = item->bytes;
    candidate->id = item->envelope_id;
    /* The same envelope twice in one call is seen at once; the expiry is set at acceptance. */
    struct replay_record record = {.expires_ms = UINT64_MAX};
    memcpy(record.digest, item->envelope_id.bytes, REPLAY_DIGEST_SIZE);
    ag_mempool_table_put(&pool->replay, &record);
    pool->candidate_count++;
    pool->candidate_bytes += item->bytes.size;
    return AG_OK;
}

/* ---- in lanes -------------------------------------------------------------------------------- */

static enum ag_err open_head(const struct ag_mempool_keys *keys, unsigned lane,
                             struct candidate *candidate, struct ag_hpke *hpke)
{
    const struct ag_envelope *envelope = &candidate->envelope;
    size_t size = envelope->sealed_head.size - AG_GCM_TAG_SIZE;
    AG_ENSURE(envelope->sealed_head.size > AG_GCM_TAG_SIZE && size <= sizeof(candidate->text),
              AG_ERR_ENVELOPE_CLASS);
    enum ag_err err =
        keys->receive(keys->context, lane, envelope->key_epoch, envelope->kem, envelope->enc, hpke);
    if (err != AG_OK) {
        return ag_fault_set(&candidate->fault, err, "enc");
    }
    err = ag_hpke_open_part(hpke, 0, envelope->clear, envelope->sealed_head,
                            (struct ag_buf){candidate->text, size});
    if (err != AG_OK) {
        return ag_fault_set(&candidate->fault, err, "sealed_head");
    }
    return ag_head_decode_padded(ag_bytes_of(candidate->text, size), &candidate->head,
                                 &candidate->head_size, &candidate->fault);
}

static void open_task(void *context, size_t index, unsigned lane)
{
    struct ag_mempool *pool = context;
    struct candidate *candidate = &pool->candidates[index];
    candidate->fault = (struct ag_fault){.err = AG_OK};
    candidate->err = open_head(&pool->keys_door, lane, candidate, &pool->candidate_keys[index]);
}

void ag_mempool_open_heads(struct ag_mempool *pool, struct ag_pool *workers)
{
    ag_pool_run(workers, pool->candidate_count, open_task, pool);
}

void ag_mempool_forget_candidates(struct ag_mempool *pool)
{
    ag_wipe(pool->candidates, pool->candidate_count * sizeof(pool->candidates[0]));
    ag_wipe(pool->candidate_keys, pool->candidate_count * sizeof(pool->candidate_keys[0]));
    pool->candidate_count = 0;
    pool->candidate_bytes = 0;
}

/* ---- in order -------------------------------------------------------------------------------- */

static enum ag_err judge_time(const struct ag_mempool *pool, const struct ag_head *head,
                              struct ag_fault *fault)
{
    const struct ag_mempool_config *config = &pool->config;
    uint64_t latest_ms = add_ms(add_ms(pool->clock_ms, config->ttl_max_ms), config->slack_ms);
    if (add_ms(head->expires_ms, config->slack_ms) < pool->clock_ms) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_EXPIRED, "expires_ms", pool->clock_ms,
                              head->expires_ms);
    }
    /* Records of the time before the start may have been kept with another slack: what had expired
     * by then is not given any. */
    if (head->expires_ms < config->clock_floor_ms) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_EXPIRED, "expires_ms", config->clock_floor_ms,
                              head->expires_ms);
    }
    if (head->expires_ms > latest_ms) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_FUTURE, "expires_ms", latest_ms,
                              head->expires_ms);
    }
    return AG_OK;
}

static bool runs_kind(const struct ag_mempool_config *config, uint8_t kind)
{
    return kind != 0 && memchr(config->payload_kinds, kind, sizeof(config->payload_kinds)) != NULL;
}

/* What only the opened head tells. */
static enum ag_err judge(struct ag_mempool *pool, const struct candidate *candidate,
                         struct replay_record *out_nonce_record, struct ag_fault *fault)
{
    const struct ag_head *head = &candidate->head;
    if (head->chain_id != candidate->envelope.chain_id) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_MISMATCH, "chain_id");
    }
    if (head->key_epoch != candidate->envelope.key_epoch) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_MISMATCH, "key_epoch");
    }
    AG_TRY(judge_time(pool, head, fault));
    AG_TRY(ag_mempool_nonce_record(pool, head, out_nonce_record));
    if (ag_mempool_table_find(&pool->replay, out_nonce_record->digest) != NULL) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_REPLAY, "nonce");
    }
    AG_TRY(ag_mempool_sender_check(&pool->accounts, &pool->config, &head->sender, pool->clock_ms,
                                   fault));
    if (!runs_kind(&pool->config, head->payload_kind)) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_KIND, "payload_kind");
    }
    /* The flag is worth thousands of places: what the chain runs by itself has no use for it. */
    if (head->requires_migration && head->payload_kind == AG_PAYLOAD_ETHEREUM) {
        return ag_fault_set(fault, AG_ERR_ENVELOPE_MISMATCH, "requires_migration");
    }
    const struct ag_asset_context context = {pool->risk, true, pool->is_appraised};
    return ag_asset_check(pool->assets, head, &context, fault);
}

/* Takes one candidate in, or gives back what screening reserved for it. */
static void settle_candidate(struct ag_mempool *pool, size_t index, struct ag_admission *item)
{
    const struct candidate *candidate = &pool->candidates[index];
    struct replay_record nonce_record;
    uint64_t deadline_ms = add_ms(pool->clock_ms, pool->config.inclusion_ms);

    item->result = candidate->err;
    item->fault = candidate->fault;
    if (item->result == AG_OK) {
        item->result = judge(pool, candidate, &nonce_record, &item->fault);
    }
    uint64_t admission = pool->next;
    if (item->result == AG_OK) {
        item->result = ag_mempool_accept(pool, index, &item->source, &nonce_record, deadline_ms);
    }
    if (item->result != AG_OK) {
        ag_mempool_table_remove(&pool->replay, candidate->id.bytes);
        return;
    }
    item->admission = admission;
    item->deadline_ms = deadline_ms;
}

static void count_refusal(struct ag_mempool *pool, enum ag_err err)
{
    size_t i = 0;
    while (i < pool->refusal_count && pool->refusals[i].err != err) {
        i++;
    }
    if (i == pool->refusal_count) {
        if (i == AG_MEMPOOL_REFUSALS_MAX) {
            return; /* more kinds of refusal than there are checks: the rest is not counted */
        }
        pool->refusal_count++;
        pool->refusals[i].err = err;
    }
    pool->refusals[i].count++;
}

enum ag_err ag_mempool_admit(struct ag_mempool *pool, struct ag_pool *workers,
                             struct ag_admission *items, size_t count, uint64_t now_ms)
{
    AG_ENSURE(count <= AG_LIMIT_GROUP_COUNT, AG_ERR_ARGUMENT);
    AG_ENSURE(ag_pool_size(workers) <= pool->keys_door.lane_count, AG_ERR_ARGUMENT);
    ag_mempool_advance_clock(pool, now_ms);

    for (size_t i = 0; i < count; i++) {
        struct ag_admission *item = &items[i];
        item->fault = (struct ag_fault){.err = AG_OK};
        item->stamp_bits = 0;
        item->envelope_id = (struct ag_id){{0}};
        item->admission = 0;
        item->deadline_ms = 0;
        item->result = screen(pool, item, i);
    }
    ag_mempool_open_heads(pool, workers);
    for (size_t i = 0; i < pool->candidate_count; i++) {
        settle_candidate(pool, i, &items[pool->candidates[i].item]);
    }
    ag_mempool_forget_candidates(pool);
    for (size_t i = 0; i < count; i++) {
        if (items[i].result != AG_OK) {
            items[i].fault.err = items[i].result;
            count_refusal(pool, items[i].result);
        }
    }
    return AG_OK;
}

/* ---- after a restart ------------------------------------------------------------------------- */

/* Screening for what was promised: only what could not be opened at all is refused. */
static enum ag_err rescreen(struct ag_mempool *pool, const struct ag_mempool_restored *entry,
                            size_t index, struct ag_fault *fault)
{
    struct candidate *candidate = &pool->candidates[pool->candidate_count];
    AG_TRY(ag_envelope_decode(entry->bytes, &candidate->envelope, fault));
    if (candidate->envelope.chain_id != pool->config.chain_id) {
        return ag_fault_limit(fault, AG_ERR_ENVELOPE_CHAIN, "chain_id", pool->config.chain_id,
                              candidate->envelope.chain_id);
    }
    AG_TRY(ag_envelope_id(&candidate->envelope, &candidate->id));
    candidate->item = index;
    candidate->bytes = entry->bytes;
    pool->candidate_count++;
    return AG_OK;
}

/* At most GROUP_COUNT entries. */
static enum ag_err restore_some(struct ag_mempool *pool, struct ag_pool *workers,
                                const struct ag_mempool_restored *entries, size_t count,
                                struct ag_fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        AG_TRY(rescreen(pool, &entries[i], i, fault));
    }
    ag_mempool_open_heads(pool, workers);
    for (size_t i = 0; i < count; i++) {
        const struct candidate *candidate = &pool->candidates[i];
        const struct ag_id no_source = {{0}};
        struct replay_record nonce_record;
        if (candidate->err != AG_OK) {
            *fault = candidate->fault;
            return candidate->err;
        }
        AG_TRY(ag_mempool_nonce_record(pool, &candidate->head, &nonce_record));
        AG_TRY(ag_mempool_table_reserve(&pool->replay, 2, pool->clock_ms));
        AG_TRY(ag_mempool_accept(pool, i, &no_source, &nonce_record, entries[i].deadline_ms));
    }
    return AG_OK;
}

/* Our own data that does not open any more is corrupt, whatever the reason; `field` keeps it. */
static enum ag_err as_corrupt(enum ag_err err, struct ag_fault *fault)
{
    enum ag_err_class class = ag_err_class(err);
    if (class == AG_CLASS_INPUT || class == AG_CLASS_UNSUPPORTED) {
        err = AG_ERR_STORE_CORRUPT;
    }
    fault->err = err;
    return err;
}

enum ag_err ag_mempool_restore(struct ag_mempool *pool, struct ag_pool *workers,
                               const struct ag_mempool_restored *entries, size_t count,
                               struct ag_fault *fault)
{
    struct ag_fault ignored = {.err = AG_OK};
    fault = fault != NULL ? fault : &ignored;
    *fault = (struct ag_fault){.err = AG_OK};
    AG_ENSURE(pool->next == pool->confirmed, AG_ERR_ARGUMENT);
    AG_ENSURE(ag_pool_size(workers) <= pool->keys_door.lane_count, AG_ERR_ARGUMENT);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].admission != pool->next + i) {
            return ag_fault_limit(fault, AG_ERR_ARGUMENT, "admission", pool->next + i,
                                  entries[i].admission);
        }
    }
    if (count > pool->config.count_max - held_count(pool)) {
        return ag_fault_limit(fault, AG_ERR_MEMPOOL_FULL, "count_max", pool->config.count_max,
                              held_count(pool) + count);
    }
    enum ag_err err = AG_OK;
    for (size_t done = 0; done < count && err == AG_OK;) {
        size_t left = count - done;
        size_t some = left < AG_LIMIT_GROUP_COUNT ? left : AG_LIMIT_GROUP_COUNT;
        err = restore_some(pool, workers, entries + done, some, fault);
        ag_mempool_forget_candidates(pool);
        done += some;
    }
    if (err != AG_OK) {
        ag_mempool_revoke(pool);
        return as_corrupt(err, fault);
    }
    pool->confirmed = pool->next;
    return AG_OK;
}
