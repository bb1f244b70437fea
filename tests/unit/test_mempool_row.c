/* SPDX-License-Identifier: Apache-2.0 */
#include "mempool/mempool.h"
#include "test.h"
#include "test_mempool_node.h"

/* The row of envelopes: groups that are confirmed or revoked, batches, restarts, replay records,
 * accounts. Many of them at once are in test_mempool_many.c. */

static struct node node;
static struct ag_pool *workers;

static struct ag_mempool *open_pool(const struct ag_mempool_config *config)
{
    const struct ag_mempool_keys keys = node_keys(&node);
    struct ag_mempool *pool = NULL;
    struct ag_fault fault = {0};
    CHECK_OK(ag_mempool_open(config, &keys, &pool, &fault));
    return pool;
}

static struct ag_vec sealed(uint64_t sender, uint64_t nonce)
{
    const struct order order = order_of(sender, nonce);
    struct ag_vec vec;
    ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
    node_seal(&node, &order, &vec);
    return vec;
}

static struct ag_admission admit_at(struct ag_mempool *pool, const struct ag_vec *vec,
                                    uint64_t now_ms)
{
    struct ag_admission item = {.bytes = ag_vec_view(vec), .source = {{1}}};
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, now_ms));
    return item;
}

static enum ag_err admit(struct ag_mempool *pool, const struct ag_vec *vec)
{
    return admit_at(pool, vec, NODE_NOW).result;
}

/* Seals, admits and confirms nonces `first` to `first + count - 1` of one sender. */
static void fill(struct ag_mempool *pool, uint64_t sender, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct ag_vec vec = sealed(sender, first + i);
        CHECK_OK(admit(pool, &vec));
        ag_vec_close(&vec);
    }
    ag_mempool_confirm(pool);
}

/* Whether two pools are alike in all that statistics tell, but for what was accepted since the
 * start. */
static bool is_alike(const struct ag_mempool_stats *a, const struct ag_mempool_stats *b)
{
    bool is_same = a->first_admission == b->first_admission && a->planned_end == b->planned_end &&
                   a->confirmed_end == b->confirmed_end && a->next_admission == b->next_admission &&
                   a->count == b->count && a->bytes == b->bytes &&
                   a->sender_count == b->sender_count && a->replay_count == b->replay_count &&
                   a->stamp_bits == b->stamp_bits && a->refusal_count == b->refusal_count;
    for (size_t i = 0; i < a->refusal_count && is_same; i++) {
        is_same = a->refusals[i].err == b->refusals[i].err &&
                  a->refusals[i].count == b->refusals[i].count;
    }
    return is_same;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void revoke_leaves_no_trace(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_mempool_stats before;
    struct ag_mempool_stats after;
    fill(pool, 1, 0, 3);
    struct ag_vec vecs[4];
    for (unsigned i = 0; i < 4; i++) {
        vecs[i] = sealed(i, 100);
    }
    ag_mempool_stats(pool, &before);
    size_t memory = ag_alloc_in_use();
    struct ag_id id = {{0}};
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 4; i++) {
            struct ag_admission item = admit_at(pool, &vecs[i], NODE_NOW);
            CHECK_OK(item.result);
            CHECK_U64(item.admission, 4 + i); /* the same numbers every time */
            id = item.envelope_id;
        }
        struct ag_mempool_planned planned[8];
        struct ag_mempool_entry entry;
        uint64_t admission = 0;
        bool is_planned = true;
        CHECK_ERR(ag_mempool_entry(pool, 4, &entry), AG_ERR_NOT_FOUND);
        CHECK(!ag_mempool_find(pool, &id, &admission, &is_planned));
        CHECK_U64(ag_mempool_take(pool, 8, planned), 3); /* what is provisional is not planned */
        CHECK_OK(ag_mempool_untake(pool, 1, 3));
        ag_mempool_revoke(pool);
        ag_mempool_stats(pool, &after);
        CHECK(is_alike(&before, &after));
        CHECK_U64(ag_alloc_in_use(), memory);
    }
    /* A revoke with nothing provisional does nothing. */
    ag_mempool_revoke(pool);
    ag_mempool_stats(pool, &after);
    CHECK(is_alike(&before, &after));
    for (unsigned i = 0; i < 4; i++) {
        ag_vec_close(&vecs[i]);
    }
    ag_mempool_close(pool);
}

static void finds_what_it_holds(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_vec vec = sealed(1, 0);
    struct ag_mempool_planned planned;
    uint64_t admission = 0;
    bool is_planned = true;
    struct ag_admission item = admit_at(pool, &vec, NODE_NOW);
    ag_mempool_confirm(pool);
    CHECK(ag_mempool_find(pool, &item.envelope_id, &admission, &is_planned));
    CHECK_U64(admission, 1);
    CHECK(!is_planned);
    CHECK_U64(ag_mempool_take(pool, 1, &planned), 1);
    CHECK(ag_mempool_find(pool, &item.envelope_id, &admission, &is_planned));
    CHECK(is_planned);
    CHECK_OK(ag_mempool_release(pool, 1, 1));
    CHECK(!ag_mempool_find(pool, &item.envelope_id, &admission, &is_planned));
    ag_vec_close(&vec);
    ag_mempool_close(pool);
}

/* ---- batches --------------------------------------------------------------------------------- */

static void batches_in_flight(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_mempool_planned planned[10];
    struct ag_mempool_stats stats;
    struct ag_mempool_entry entry;
    CHECK_U64(ag_mempool_take(pool, 10, planned), 0);
    fill(pool, 1, 0, 10);
    CHECK_U64(ag_mempool_take(pool, 0, planned), 0);
    CHECK_U64(ag_mempool_take(pool, 4, planned), 4);
    for (uint64_t i = 0; i < 4; i++) {
        CHECK_U64(planned[i].admission, 1 + i);
        CHECK_U64(planned[i].head->nonce, i);
    }
    CHECK_U64(ag_mempool_take(pool, 4, planned), 4);
    CHECK_U64(planned[0].admission, 5);

    static const struct {
        const char *name;
        uint64_t first;
        size_t count;
    } wrong[] = {
        {"not the oldest", 5, 4},
        {"more than planned", 1, 9},
        {"before the first", 0, 1},
        {"no such number", 99, 0},
    };
    for (size_t i = 0; i < AG_COUNT(wrong); i++) {
        CHECK_ERR(ag_mempool_release(pool, wrong[i].first, wrong[i].count), AG_ERR_ARGUMENT);
    }
    CHECK_ERR(ag_mempool_untake(pool, 1, 4), AG_ERR_ARGUMENT); /* not the newest */
    CHECK_ERR(ag_mempool_untake(pool, 0, 9), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_mempool_untake(pool, 9, 1), AG_ERR_ARGUMENT); /* not planned */
    CHECK_ERR(ag_mempool_untake(pool, UINT64_MAX, SIZE_MAX), AG_ERR_ARGUMENT);

    CHECK_OK(ag_mempool_untake(pool, 5, 4));
    CHECK_U64(ag_mempool_take(pool, 10, planned), 6); /* they come again, with those behind */
    CHECK_U64(planned[0].admission, 5);
    CHECK_OK(ag_mempool_release(pool, 1, 4));
    CHECK_ERR(ag_mempool_entry(pool, 4, &entry), AG_ERR_NOT_FOUND);
    CHECK_OK(ag_mempool_entry(pool, 5, &entry));
    CHECK_ERR(ag_mempool_entry(pool, 11, &entry), AG_ERR_NOT_FOUND);
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.first_admission, 5);
    CHECK_U64(stats.planned_end, 11);
    CHECK_U64(stats.confirmed_end, 11);
    CHECK_U64(stats.next_admission, 11);
    CHECK_U64(stats.count, 6);
    CHECK_U64(stats.accepted, 10);
    CHECK_OK(ag_mempool_release(pool, 5, 6));
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.count, 0);
    CHECK_U64(stats.bytes, 0);
    CHECK_U64(stats.sender_count, 0);
    CHECK_U64(stats.replay_count, 20); /* records outlive the envelopes */
    ag_mempool_close(pool);
}

/* ---- restarts -------------------------------------------------------------------------------- */

static void restore_equals_before(void)
{
    enum {
        COUNT = 7
    };
    struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_vec vecs[COUNT];
    struct ag_mempool_restored spool[COUNT];
    struct ag_mempool_entry before[COUNT];
    struct ag_vec records;
    ag_vec_init(&records, 4096);
    for (unsigned i = 0; i < COUNT; i++) {
        vecs[i] = sealed(i % 2, i);
        struct ag_admission item = admit_at(pool, &vecs[i], NODE_NOW + i);
        spool[i] =
            (struct ag_mempool_restored){item.admission, item.deadline_ms, ag_vec_view(&vecs[i])};
    }
    CHECK_OK(ag_mempool_replay_export(pool, &records));
    CHECK_U64(records.size, (uint64_t)COUNT * AG_REPLAY_RECORD_SIZE);
    ag_mempool_confirm(pool);
    size_t exported = records.size;
    CHECK_OK(ag_mempool_replay_export(pool, &records)); /* nothing is provisional any more */
    CHECK_U64(records.size, exported);
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK_OK(ag_mempool_entry(pool, 1 + i, &before[i]));
    }

    struct ag_mempool *again = open_pool(&config);
    CHECK_OK(ag_mempool_replay_load(again, ag_vec_view(&records)));
    struct ag_fault fault = {0};
    CHECK_OK(ag_mempool_restore(again, workers, spool, COUNT, &fault));
    for (unsigned i = 0; i < COUNT; i++) {
        struct ag_mempool_entry after;
        CHECK_OK(ag_mempool_entry(again, 1 + i, &after));
        CHECK_U64(after.admission, before[i].admission);
        CHECK_U64(after.deadline_ms, before[i].deadline_ms);
        CHECK_BYTES(after.envelope, before[i].envelope);
        CHECK_BYTES(after.head_encoding, before[i].head_encoding);
        CHECK_BYTES(after.sealed_head, before[i].sealed_head);
        CHECK_BYTES(after.sealed_body, before[i].sealed_body);
        CHECK_BYTES(AG_VIEW(&after.envelope_id), AG_VIEW(&before[i].envelope_id));
        CHECK_U64(after.head->nonce, before[i].head->nonce);
        CHECK(ag_ct_equal(after.keys->key.bytes, before[i].keys->key.bytes, 32));
        CHECK(ag_ct_equal(after.keys->base_nonce, before[i].keys->base_nonce, 12));
    }
    struct ag_mempool_stats stats[2];
    ag_mempool_stats(pool, &stats[0]);
    ag_mempool_stats(again, &stats[1]);
    CHECK(is_alike(&stats[0], &stats[1]));
    /* What was admitted before the restart is refused after it. */
    CHECK_ERR(admit(again, &vecs[3]), AG_ERR_ENVELOPE_REPLAY);
    struct ag_vec other = sealed(1, 3);
    CHECK_ERR(admit(again, &other), AG_ERR_ENVELOPE_REPLAY);
    ag_vec_close(&other);
    /* More can be restored behind, and admitted. */
    other = sealed(1, 50);
    spool[0] = (struct ag_mempool_restored){COUNT + 1, 5, ag_vec_view(&other)};
    CHECK_OK(ag_mempool_restore(again, workers, spool, 1, NULL));
    fill(again, 9, 0, 1);
    ag_mempool_stats(again, &stats[1]);
    CHECK_U64(stats[1].next_admission, COUNT + 3);
    ag_vec_close(&other);
    ag_mempool_close(pool);
    ag_mempool_close(again);
    ag_vec_close(&records);
    for (unsigned i = 0; i < COUNT; i++) {
        ag_vec_close(&vecs[i]);
    }
}

/* What was promised is kept whatever rate, load, time and policy say now. */
static void restore_keeps_promises(void)
{
    struct ag_mempool_config config = node_config();
    config.count_max = 3;
    config.bytes_max = 1;
    config.sender_count_max = 1;
    config.source_rate = 1;
    config.source_burst = 1;
    config.stamp_bits_max = 32;
    config.clock_floor_ms = NODE_NOW + 1000000000; /* long expired */
    config.kems[0] = AG_KEM_MLKEM1024_P384;        /* a suite that is no longer taken */
    config.kems[1] = 0;
    config.payload_kinds[0] = AG_PAYLOAD_CALL;
    struct ag_mempool *pool = open_pool(&config);
    struct ag_vec vecs[3];
    struct ag_mempool_restored spool[3];
    for (unsigned i = 0; i < 3; i++) {
        vecs[i] = sealed(1, i);
        spool[i] = (struct ag_mempool_restored){1 + i, 77, ag_vec_view(&vecs[i])};
    }
    CHECK_OK(ag_mempool_restore(pool, workers, spool, 3, NULL));
    struct ag_mempool_planned planned[3];
    CHECK_U64(ag_mempool_take(pool, 3, planned), 3);
    ag_mempool_close(pool);
    for (unsigned i = 0; i < 3; i++) {
        ag_vec_close(&vecs[i]);
    }
}

static void restore_is_all_or_nothing(void)
{
    struct ag_mempool_config config = node_config();
    config.count_max = 3;
    struct ag_vec vecs[4];
    struct ag_mempool_restored spool[4];
    for (unsigned i = 0; i < 4; i++) {
        vecs[i] = sealed(1, i);
        spool[i] = (struct ag_mempool_restored){1 + i, 77, ag_vec_view(&vecs[i])};
    }
    struct ag_mempool *pool = open_pool(&config);
    struct ag_mempool_stats before;
    struct ag_mempool_stats after;
    struct ag_fault fault = {0};
    ag_mempool_stats(pool, &before);

    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 4, &fault), AG_ERR_MEMPOOL_FULL);
    CHECK_U64(fault.limit, 3);
    CHECK_U64(fault.got, 4);
    CHECK_ERR(ag_mempool_restore(pool, workers, spool + 1, 2, &fault), AG_ERR_ARGUMENT);
    CHECK(strcmp(fault.field, "admission") == 0);
    spool[2].admission = 5; /* a gap */
    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 3, &fault), AG_ERR_ARGUMENT);
    spool[2].admission = 3;

    vecs[2].data[100] ^= 1; /* does not open */
    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 3, &fault), AG_ERR_STORE_CORRUPT);
    CHECK(strcmp(fault.field, "sealed_head") == 0);
    CHECK_ERR(fault.err, AG_ERR_STORE_CORRUPT);
    vecs[2].data[100] ^= 1;
    spool[2].bytes.size--; /* does not decode */
    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 3, &fault), AG_ERR_STORE_CORRUPT);
    CHECK(strcmp(fault.field, "stamp") == 0);
    spool[2].bytes.size++;
    vecs[2].data[19] ^= 1; /* another chain's */
    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 3, &fault), AG_ERR_STORE_CORRUPT);
    CHECK(strcmp(fault.field, "chain_id") == 0);
    vecs[2].data[19] ^= 1;
    node.first_epoch = 3; /* its epoch's keys are gone */
    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 3, &fault), AG_ERR_STORE_CORRUPT);
    node.first_epoch = 1;
    ag_alloc_fail_nth(2);
    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 3, &fault), AG_ERR_NO_MEMORY);
    ag_alloc_fail_nth(0);

    ag_mempool_stats(pool, &after);
    CHECK(is_alike(&before, &after));
    struct ag_vec vec = sealed(8, 0);
    CHECK_OK(admit(pool, &vec));
    CHECK_ERR(ag_mempool_restore(pool, workers, spool, 1, &fault), AG_ERR_ARGUMENT);
    ag_mempool_revoke(pool);
    CHECK_OK(ag_mempool_restore(pool, workers, spool, 3, &fault));
    ag_vec_close(&vec);
    for (unsigned i = 0; i < 4; i++) {
        ag_vec_close(&vecs[i]);
    }
    ag_mempool_close(pool);
}

/* ---- replay records -------------------------------------------------------------------------- */

static void records_are_loaded_and_forgotten(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_mempool_stats stats;
    uint8_t records[3 * AG_REPLAY_RECORD_SIZE] = {0};
    CHECK_ERR(ag_mempool_replay_load(pool, ag_bytes_of(records, 31)), AG_ERR_ARGUMENT);
    CHECK_OK(ag_mempool_replay_load(pool, ag_bytes_of(records, 0)));
    CHECK_OK(ag_mempool_replay_load(pool, AG_ARRAY_VIEW(records))); /* expired at 0 */
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.replay_count, 0);
    CHECK_U64(ag_mempool_replay_horizon_ms(pool), NODE_NOW - 1000);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t expires_ms = NODE_NOW - 1001 + i; /* one below, one at, one above the horizon */
        for (unsigned j = 0; j < 8; j++) {
            records[32 * i + j] = (uint8_t)(expires_ms >> (56 - 8 * j));
        }
        records[32 * i + 20] = (uint8_t)i;
    }
    CHECK_OK(ag_mempool_replay_load(pool, AG_ARRAY_VIEW(records)));
    CHECK_OK(ag_mempool_replay_load(pool, AG_ARRAY_VIEW(records))); /* twice is once */
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.replay_count, 2);
    ag_mempool_close(pool);
}

/* The exported record is the documented one: expiry with two slacks, then the digest of the
 * nonce. */
static void record_encoding(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_vec records;
    struct ag_vec vec = sealed(0x0807060504030201, 0x1112131415161718);
    uint8_t text[49] = {0, 0, 0, 0, 0, 0, 0x40, 0xc8, 1};
    uint8_t wanted[32];
    struct ag_id id;
    for (unsigned i = 0; i < 8; i++) {
        text[9 + i] = (uint8_t)(1 + i);
        text[41 + i] = (uint8_t)(0x11 + i);
    }
    CHECK_OK(ag_hash_id(AG_TAG_REPLAY, AG_ARRAY_VIEW(text), &id));
    uint64_t expires_ms = NODE_NOW + 60000 + 2 * config.slack_ms;
    for (unsigned i = 0; i < 8; i++) {
        wanted[i] = (uint8_t)(expires_ms >> (56 - 8 * i));
    }
    memcpy(wanted + 8, id.bytes, 24);
    ag_vec_init(&records, 64);
    CHECK_OK(admit(pool, &vec));
    CHECK_OK(ag_mempool_replay_export(pool, &records));
    CHECK_BYTES(ag_vec_view(&records), AG_ARRAY_VIEW(wanted));
    ag_alloc_fail_nth(1);
    struct ag_vec none;
    ag_vec_init(&none, 64);
    CHECK_ERR(ag_mempool_replay_export(pool, &none), AG_ERR_NO_MEMORY);
    ag_alloc_fail_nth(0);
    ag_vec_close(&vec);
    ag_vec_close(&records);
    ag_mempool_close(pool);
}

/* A full table refuses, and takes in again when records have expired. */
static void records_make_room_with_time(void)
{
    struct ag_mempool_config config = node_config();
    config.replay_count_max = 4;
    struct ag_mempool *pool = open_pool(&config);
    struct ag_vec late;
    struct order order = order_of(1, 9);
    order.head.expires_ms = NODE_NOW + 200000;
    ag_vec_init(&late, AG_LIMIT_ENVELOPE_BYTES);
    node_seal(&node, &order, &late);
    fill(pool, 1, 0, 2);
    struct ag_mempool_planned planned[2];
    CHECK_U64(ag_mempool_take(pool, 2, planned), 2);
    CHECK_OK(ag_mempool_release(pool, 1, 2));
    uint64_t expired_ms = NODE_NOW + 60000 + 2 * config.slack_ms;
    CHECK_ERR(admit_at(pool, &late, NODE_NOW).result, AG_ERR_MEMPOOL_FULL);
    CHECK_ERR(admit_at(pool, &late, expired_ms).result, AG_ERR_MEMPOOL_FULL);
    /* It has just looked: within a second it does not look again. */
    CHECK_ERR(admit_at(pool, &late, expired_ms + 1).result, AG_ERR_MEMPOOL_FULL);
    CHECK_OK(admit_at(pool, &late, expired_ms + 1000).result);
    ag_vec_close(&late);
    ag_mempool_close(pool);
}

/* An excluded envelope frees its nonce and is itself refused for ever, also after a restart. */
static void a_freed_nonce_can_be_used_again(void)
{
    const struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    struct ag_vec squat = sealed(1, 5);
    struct ag_vec owner = sealed(1, 5);
    uint8_t removed[AG_REPLAY_RECORD_SIZE];
    uint8_t added[AG_REPLAY_RECORD_SIZE];
    struct ag_mempool_planned planned;
    struct ag_vec records;
    ag_vec_init(&records, 64);
    CHECK_OK(admit(pool, &squat));
    CHECK_OK(ag_mempool_replay_export(pool, &records));
    ag_mempool_confirm(pool);
    CHECK_ERR(admit(pool, &owner), AG_ERR_ENVELOPE_REPLAY);

    struct ag_mempool_outcome outcome = {
        .admission = 1, .reason = AG_ERR_ENVELOPE_SENDER, .frees_nonce = true};
    CHECK_ERR(ag_mempool_replay_swap(pool, 1, removed, added), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_mempool_settle(pool, &outcome, NODE_NOW), AG_ERR_NOT_FOUND);
    CHECK_U64(ag_mempool_take(pool, 1, &planned), 1);
    CHECK_OK(ag_mempool_replay_swap(pool, 1, removed, added));
    CHECK_BYTES(AG_ARRAY_VIEW(removed), ag_vec_view(&records));
    CHECK(memcmp(removed, added, 8) == 0 && memcmp(removed, added, 32) != 0);
    CHECK_ERR(admit(pool, &owner), AG_ERR_ENVELOPE_REPLAY); /* the swap alone changes nothing */
    CHECK_OK(ag_mempool_settle(pool, &outcome, NODE_NOW));
    CHECK_OK(admit(pool, &owner));
    ag_mempool_confirm(pool);
    CHECK_OK(ag_mempool_settle(pool, &outcome, NODE_NOW)); /* again: the owner's record stays */
    struct ag_vec third = sealed(1, 5);
    CHECK_ERR(admit(pool, &third), AG_ERR_ENVELOPE_REPLAY);
    CHECK_ERR(admit(pool, &squat), AG_ERR_ENVELOPE_REPLAY);
    CHECK_OK(ag_mempool_release(pool, 1, 1));
    CHECK_ERR(admit(pool, &squat), AG_ERR_ENVELOPE_REPLAY);
    CHECK_ERR(ag_mempool_settle(pool, &outcome, NODE_NOW), AG_ERR_NOT_FOUND);
    ag_mempool_close(pool);

    pool = open_pool(&config); /* the store has `added` and not `removed` */
    CHECK_OK(ag_mempool_replay_load(pool, AG_ARRAY_VIEW(added)));
    CHECK_ERR(admit(pool, &squat), AG_ERR_ENVELOPE_REPLAY);
    CHECK_OK(admit(pool, &owner));
    ag_mempool_close(pool);
    ag_vec_close(&records);
    ag_vec_close(&squat);
    ag_vec_close(&owner);
    ag_vec_close(&third);
}

/* ---- accounts -------------------------------------------------------------------------------- */

static void bounds_each_sender(void)
{
    struct ag_mempool_config config = node_config();
    config.sender_count_max = 2;
    struct ag_mempool *pool = open_pool(&config);
    fill(pool, 1, 0, 2);
    struct ag_vec more = sealed(1, 2);
    struct ag_admission item = admit_at(pool, &more, NODE_NOW);
    CHECK_ERR(item.result, AG_ERR_MEMPOOL_SENDER);
    CHECK(strcmp(item.fault.field, "count") == 0);
    CHECK_U64(item.fault.limit, 2);
    CHECK_U64(item.fault.got, 3);
    fill(pool, 2, 0, 1); /* another one is not concerned */
    struct ag_mempool_planned planned;
    CHECK_U64(ag_mempool_take(pool, 1, &planned), 1);
    CHECK_ERR(admit(pool, &more), AG_ERR_MEMPOOL_SENDER);
    CHECK_OK(ag_mempool_release(pool, 1, 1));
    CHECK_OK(admit(pool, &more)); /* the refusals left nothing that would refuse it now */
    ag_vec_close(&more);
    ag_mempool_close(pool);
}

static void charges_the_proved_sender(void)
{
    struct ag_mempool_config config = node_config();
    config.strikes_max = 2;
    config.strike_decay_ms = 1000;
    struct ag_mempool *pool = open_pool(&config);
    struct ag_mempool_planned planned[3];
    fill(pool, 1, 0, 3);
    CHECK_U64(ag_mempool_take(pool, 3, planned), 3);
    for (uint64_t i = 1; i <= 3; i++) {
        const struct ag_mempool_outcome outcome = {
            .admission = i, .reason = AG_ERR_ENVELOPE_FEE, .is_charged = true, .frees_nonce = true};
        CHECK_OK(ag_mempool_settle(pool, &outcome, NODE_NOW));
        CHECK_OK(ag_mempool_settle(pool, &outcome, NODE_NOW)); /* one envelope, one strike */
    }
    CHECK_OK(ag_mempool_release(pool, 1, 3));
    struct ag_vec vec = sealed(1, 9);
    struct ag_admission item = admit_at(pool, &vec, NODE_NOW + 1999);
    CHECK_ERR(item.result, AG_ERR_MEMPOOL_SENDER); /* three, and one forgiven */
    CHECK(strcmp(item.fault.field, "strikes") == 0);
    CHECK_U64(item.fault.limit, 2);
    CHECK_U64(item.fault.got, 2);
    struct ag_vec other = sealed(2, 9);
    CHECK_OK(admit_at(pool, &other, NODE_NOW + 1999).result);
    CHECK_OK(admit_at(pool, &vec, NODE_NOW + 2000).result);
    ag_vec_close(&vec);
    ag_vec_close(&other);
    ag_mempool_close(pool);
}

/* Who forges a sender's name hurts himself: the source pays, the sender does not. */
static void charges_the_source_of_a_forgery(void)
{
    static const struct {
        enum ag_err reason;
        bool is_charged;
        bool source_pays;
    } cases[] = {
        {AG_ERR_ENVELOPE_SENDER, false, true},   {AG_ERR_OPEN, false, true},
        {AG_ERR_ENVELOPE_MISMATCH, false, true}, {AG_ERR_WIRE_SHORT, false, true},
        {AG_ERR_TX_SIGNATURE, false, true},      {AG_ERR_ENVELOPE_NONCE, false, false},
        {AG_ERR_POLICY_ASSET, false, false},     {AG_ERR_ENVELOPE_EXPIRED, false, false},
        {AG_ERR_TX_INTRINSIC, true, false},      {AG_OK, false, false},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_mempool_config config = node_config();
        config.source_rate = 1;
        config.source_burst = 3;
        config.source_penalty = 2;
        config.strikes_max = 1;
        struct ag_mempool *pool = open_pool(&config);
        struct ag_mempool_planned planned;
        fill(pool, 1, 0, 1);
        CHECK_U64(ag_mempool_take(pool, 1, &planned), 1);
        const struct ag_mempool_outcome outcome = {.admission = 1,
                                                   .reason = cases[i].reason,
                                                   .is_charged = cases[i].is_charged,
                                                   .frees_nonce = cases[i].reason != AG_OK};
        CHECK_OK(ag_mempool_settle(pool, &outcome, NODE_NOW));
        struct ag_vec vec = sealed(1, 1);
        enum ag_err wanted = cases[i].source_pays  ? AG_ERR_MEMPOOL_RATE
                             : cases[i].is_charged ? AG_ERR_MEMPOOL_SENDER
                                                   : AG_OK;
        CHECK_ERR(admit(pool, &vec), wanted);
        ag_vec_close(&vec);
        ag_mempool_close(pool);
    }
}

static const struct ag_test_case cases[] = {
    {"revoke leaves no trace", revoke_leaves_no_trace},
    {"finds what it holds", finds_what_it_holds},
    {"batches in flight", batches_in_flight},
    {"restore equals before", restore_equals_before},
    {"restore keeps promises", restore_keeps_promises},
    {"restore is all or nothing", restore_is_all_or_nothing},
    {"records are loaded and forgotten", records_are_loaded_and_forgotten},
    {"record encoding", record_encoding},
    {"records make room with time", records_make_room_with_time},
    {"a freed nonce can be used again", a_freed_nonce_can_be_used_again},
    {"bounds each sender", bounds_each_sender},
    {"charges the proved sender", charges_the_proved_sender},
    {"charges the source of a forgery", charges_the_source_of_a_forgery},
};

int main(int argc, char **argv)
{
    if (ag_crypto_start() != AG_OK || ag_pool_open(1, &workers) != AG_OK) {
        return 1;
    }
    node_open(&node);
    int status = ag_test_main(argc, argv, cases, AG_COUNT(cases));
    node_close(&node);
    ag_pool_close(workers);
    return status;
}
