/* SPDX-License-Identifier: Apache-2.0 */
#include "mempool/mempool.h"
#include "test.h"
#include "test_mempool_node.h"

/* Admission: what is taken in, and every refusal by name. The row, restarts and accounts are in
 * test_mempool_row.c, our own failures and large numbers in test_mempool_many.c. */

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

static struct ag_mempool *open_default(void)
{
    const struct ag_mempool_config config = node_config();
    return open_pool(&config);
}

static struct ag_vec sealed(const struct order *order)
{
    struct ag_vec vec;
    ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
    node_seal(&node, order, &vec);
    return vec;
}

/* Admits one envelope at NODE_NOW; what is accepted stays provisional. */
static struct ag_admission admit(struct ag_mempool *pool, struct ag_bytes bytes)
{
    struct ag_admission item = {.bytes = bytes};
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW));
    return item;
}

static void check_refused(const struct ag_admission *item, enum ag_err wanted, const char *field)
{
    CHECK_ERR(item->result, wanted);
    CHECK_ERR(item->fault.err, wanted);
    CHECK(field == NULL ? item->fault.field == NULL
                        : item->fault.field != NULL && strcmp(item->fault.field, field) == 0);
    if (item->fault.field != NULL && field != NULL && strcmp(item->fault.field, field) != 0) {
        ag_test_note("field is %s, wanted %s", item->fault.field, field);
    }
    CHECK_U64(item->admission, 0);
}

static struct ag_admission admit_order(struct ag_mempool *pool, const struct order *order)
{
    struct ag_vec vec = sealed(order);
    struct ag_admission item = admit(pool, ag_vec_view(&vec));
    ag_vec_close(&vec);
    return item;
}

/* ---- configuration --------------------------------------------------------------------------- */

static void refuses_a_bad_configuration(void)
{
    static const struct {
        const char *field;
        size_t offset;
        size_t size;
        uint64_t value;
    } cases[] = {
#define FIELD(name, value)                                                                         \
    {#name, offsetof(struct ag_mempool_config, name),                                              \
     sizeof(((struct ag_mempool_config *)0)->name), value}
        FIELD(count_max, 0),
        FIELD(count_max, AG_LIMIT_POOL_COUNT + 1),
        FIELD(bytes_max, 0),
        FIELD(bytes_max, (uint64_t)AG_LIMIT_POOL_BYTES + 1),
        FIELD(sender_count_max, 0),
        FIELD(sender_count_max, AG_LIMIT_POOL_SENDER_COUNT + 1),
        FIELD(replay_count_max, 1),
        FIELD(replay_count_max, AG_LIMIT_REPLAY_COUNT + 1),
        FIELD(ttl_max_ms, 0),
        FIELD(ttl_max_ms, UINT64_MAX),
        FIELD(slack_ms, UINT64_MAX),
        FIELD(inclusion_ms, 0),
        FIELD(inclusion_ms, UINT64_MAX),
        FIELD(source_rate, 1000001),
        FIELD(source_burst, 1000001),
        FIELD(source_penalty, 1000001),
        FIELD(strikes_max, 1000001),
        FIELD(stamp_bits_max, AG_LIMIT_STAMP_BITS + 1),
#undef FIELD
    };
    const struct ag_mempool_keys keys = node_keys(&node);
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_mempool_config config = node_config();
        struct ag_mempool *pool = NULL;
        struct ag_fault fault = {0};
        memcpy((uint8_t *)&config + cases[i].offset, &cases[i].value, cases[i].size);
        CHECK_ERR(ag_mempool_open(&config, &keys, &pool, &fault), AG_ERR_ARGUMENT);
        CHECK(fault.field != NULL && strcmp(fault.field, cases[i].field) == 0);
        CHECK(pool == NULL);
    }
}

static void refuses_what_belongs_together(void)
{
    struct ag_mempool_keys keys = node_keys(&node);
    struct ag_mempool *pool = NULL;
    struct ag_fault fault = {0};
    struct ag_mempool_config config = node_config();
    config.source_rate = 1; /* without a burst nothing could ever come */
    CHECK_ERR(ag_mempool_open(&config, &keys, &pool, &fault), AG_ERR_ARGUMENT);
    CHECK(strcmp(fault.field, "source_burst") == 0);
    config = node_config();
    config.strikes_max = 1;
    config.strike_decay_ms = 0;
    CHECK_ERR(ag_mempool_open(&config, &keys, &pool, &fault), AG_ERR_ARGUMENT);
    CHECK(strcmp(fault.field, "strike_decay_ms") == 0);
    config = node_config();
    config.kems[1] = 0x0010;
    CHECK_ERR(ag_mempool_open(&config, &keys, &pool, &fault), AG_ERR_ARGUMENT);
    CHECK(strcmp(fault.field, "kems") == 0);

    config = node_config();
    keys.lane_count = 0;
    CHECK_ERR(ag_mempool_open(&config, &keys, &pool, &fault), AG_ERR_ARGUMENT);
    CHECK(strcmp(fault.field, "keys") == 0);
    keys = node_keys(&node);
    keys.receive = NULL;
    CHECK_ERR(ag_mempool_open(&config, &keys, &pool, NULL), AG_ERR_ARGUMENT);
    keys = node_keys(&node);
    keys.honours = NULL;
    CHECK_ERR(ag_mempool_open(&config, &keys, &pool, NULL), AG_ERR_ARGUMENT);
    CHECK(pool == NULL);
    ag_mempool_close(NULL);
    ag_mempool_cleanup(&pool);
}

static void defaults_are_valid(void)
{
    const struct ag_mempool_keys keys = node_keys(&node);
    struct ag_mempool_config config;
    struct ag_mempool *pool = NULL;
    struct ag_fault fault = {0};
    ag_mempool_config_default(&config);
    CHECK_OK(ag_mempool_open(&config, &keys, &pool, &fault));
    ag_mempool_close(pool);
}

/* ---- what is taken in ------------------------------------------------------------------------ */

static void takes_in_both_suites(void)
{
    struct ag_mempool *pool = open_default();
    for (unsigned k = 0; k < NODE_KEMS; k++) {
        struct order order = order_of(1, k);
        order.kem = (uint16_t)node_kems[k];
        order.clear_epoch = order.head.key_epoch = k + 1u; /* both epochs as well */
        struct ag_vec vec = sealed(&order);
        struct ag_admission item = admit(pool, ag_vec_view(&vec));
        CHECK_OK(item.result);
        CHECK_U64(item.admission, 1 + k);
        CHECK_U64(item.deadline_ms, NODE_NOW + node_config().inclusion_ms);
        CHECK_U64(item.stamp_bits, 0);

        /* The entry opens to what the client sealed. */
        struct ag_mempool_entry entry;
        CHECK_ERR(ag_mempool_entry(pool, item.admission, &entry), AG_ERR_NOT_FOUND);
        ag_mempool_confirm(pool);
        CHECK_OK(ag_mempool_entry(pool, item.admission, &entry));
        CHECK_BYTES(entry.envelope, ag_vec_view(&vec));
        CHECK_BYTES(AG_VIEW(&entry.envelope_id), AG_VIEW(&item.envelope_id));
        CHECK_U64(entry.deadline_ms, item.deadline_ms);
        CHECK_U64(entry.head->nonce, k);
        struct ag_vec head;
        ag_vec_init(&head, 768);
        CHECK_OK(ag_head_encode(entry.head, &head));
        CHECK_BYTES(entry.head_encoding, ag_vec_view(&head));
        ag_vec_close(&head);
        struct ag_vec body;
        uint8_t plain[512];
        ag_vec_init(&body, 1024);
        node_body(&body);
        CHECK_OK(ag_hpke_open_part(entry.keys, 1, entry.sealed_head, entry.sealed_body,
                                   (struct ag_buf){plain, sizeof(plain)}));
        CHECK_BYTES(AG_ARRAY_VIEW(plain), ag_vec_view(&body));
        ag_vec_close(&body);
        ag_vec_close(&vec);
    }
    ag_mempool_close(pool);
}

static void numbers_follow_the_array(void)
{
    struct ag_mempool *pool = open_default();
    struct ag_vec vecs[5];
    struct ag_admission items[5];
    memset(items, 0, sizeof(items));
    for (unsigned i = 0; i < 5; i++) {
        struct order order = order_of(i, 0);
        order.clear_chain = i == 2 ? NODE_CHAIN + 1 : NODE_CHAIN;
        order.head.expires_ms = i == 3 ? 1 : order.head.expires_ms;
        vecs[i] = sealed(&order);
        items[i].bytes = ag_vec_view(&vecs[i]);
    }
    CHECK_OK(ag_mempool_admit(pool, workers, items, 5, NODE_NOW));
    CHECK_U64(items[0].admission, 1);
    CHECK_U64(items[1].admission, 2);
    CHECK_ERR(items[2].result, AG_ERR_ENVELOPE_CHAIN);
    CHECK_ERR(items[3].result, AG_ERR_ENVELOPE_EXPIRED);
    CHECK_U64(items[4].admission, 3);

    struct ag_mempool_stats stats;
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.count, 3);
    CHECK_U64(stats.bytes, vecs[0].size + vecs[1].size + vecs[4].size);
    CHECK_U64(stats.sender_count, 3);
    CHECK_U64(stats.refusal_count, 2);
    CHECK_ERR(stats.refusals[0].err, AG_ERR_ENVELOPE_CHAIN);
    CHECK_U64(stats.refusals[0].count, 1);
    CHECK_ERR(stats.refusals[1].err, AG_ERR_ENVELOPE_EXPIRED);
    for (unsigned i = 0; i < 5; i++) {
        ag_vec_close(&vecs[i]);
    }
    ag_mempool_close(pool);
}

/* ---- refused before any private-key work ----------------------------------------------------- */

static void edit_nothing(struct ag_vec *vec)
{
    (void)vec;
}
static void edit_cut(struct ag_vec *vec)
{
    vec->size--;
}
static void edit_empty(struct ag_vec *vec)
{
    vec->size = 0;
}
static void edit_longer(struct ag_vec *vec)
{
    CHECK_OK(ag_vec_append(vec, AG_LITERAL("x")));
}
static void edit_magic(struct ag_vec *vec)
{
    vec->data[0] ^= 1;
}
static void edit_version(struct ag_vec *vec)
{
    vec->data[5] = 2;
}
static void edit_kem(struct ag_vec *vec)
{
    vec->data[7] = 0x10;
}
static void edit_aead(struct ag_vec *vec)
{
    vec->data[11] = 3;
}
static void edit_head_class(struct ag_vec *vec)
{
    vec->data[28] = 2;
}
static void edit_body_class(struct ag_vec *vec)
{
    vec->data[29] = 5;
}
static void edit_body_class_other(struct ag_vec *vec)
{
    vec->data[29] = 1;
}

static void refuses_before_private_key_work(void)
{
    static const struct {
        const char *name;
        void (*edit)(struct ag_vec *);
        uint64_t chain;
        uint64_t epoch;
        uint16_t kem;
        enum ag_err wanted;
        const char *field;
    } cases[] = {
        {"nothing", edit_empty, 0, 2, 0x42, AG_ERR_WIRE_SHORT, "magic"},
        {"a byte short", edit_cut, 0, 2, 0x42, AG_ERR_WIRE_SHORT, "stamp"},
        {"a byte more", edit_longer, 0, 2, 0x42, AG_ERR_WIRE_TRAILING, "end of message"},
        {"other magic", edit_magic, 0, 2, 0x42, AG_ERR_WIRE_VERSION, "magic"},
        {"other version", edit_version, 0, 2, 0x42, AG_ERR_WIRE_VERSION, "version"},
        {"unknown KEM", edit_kem, 0, 2, 0x42, AG_ERR_SUITE, "suite"},
        {"unknown AEAD", edit_aead, 0, 2, 0x42, AG_ERR_SUITE, "suite"},
        {"no head class", edit_head_class, 0, 2, 0x42, AG_ERR_ENVELOPE_CLASS, "head class"},
        {"no body class", edit_body_class, 0, 2, 0x42, AG_ERR_ENVELOPE_CLASS, "body class"},
        {"size of another class", edit_body_class_other, 0, 2, 0x42, AG_ERR_WIRE_SHORT,
         "sealed_body"},
        {"suite not allowed", edit_nothing, 0, 2, 0x51, AG_ERR_SUITE, "suite"},
        {"other chain", edit_nothing, 1, 2, 0x42, AG_ERR_ENVELOPE_CHAIN, "chain_id"},
        {"retired epoch", edit_nothing, 0, 1, 0x42, AG_ERR_ENVELOPE_EPOCH, "key_epoch"},
        {"future epoch", edit_nothing, 0, 3, 0x42, AG_ERR_ENVELOPE_EPOCH, "key_epoch"},
    };
    struct ag_mempool_config config = node_config();
    config.kems[1] = 0;
    struct ag_mempool *pool = open_pool(&config);
    node.first_epoch = 2;
    unsigned before = node.receive_count;
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct order order = order_of(1, i);
        order.kem = cases[i].kem;
        order.clear_chain = NODE_CHAIN + cases[i].chain;
        order.clear_epoch = cases[i].epoch;
        struct ag_vec vec = sealed(&order);
        cases[i].edit(&vec);
        struct ag_admission item = admit(pool, ag_vec_view(&vec));
        if (item.result != cases[i].wanted) {
            ag_test_note("%s", cases[i].name);
        }
        CHECK_ERR(item.result, cases[i].wanted);
        check_refused(&item, cases[i].wanted, cases[i].field);
        ag_vec_close(&vec);
    }
    CHECK_U64(node.receive_count, before);
    node.first_epoch = 1;
    struct ag_mempool_stats stats;
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.count, 0);
    CHECK_U64(stats.replay_count, 0);
    ag_mempool_close(pool);
}

static void refuses_the_same_envelope(void)
{
    struct ag_mempool *pool = open_default();
    struct order order = order_of(1, 0);
    struct ag_vec vec = sealed(&order);
    struct ag_admission items[3];
    memset(items, 0, sizeof(items));
    for (size_t i = 0; i < 3; i++) {
        items[i].bytes = ag_vec_view(&vec);
    }
    unsigned before = node.receive_count;
    CHECK_OK(ag_mempool_admit(pool, workers, items, 3, NODE_NOW));
    CHECK_OK(items[0].result);
    check_refused(&items[1], AG_ERR_ENVELOPE_REPLAY, "envelope");
    check_refused(&items[2], AG_ERR_ENVELOPE_REPLAY, "envelope");
    CHECK_BYTES(AG_VIEW(&items[1].envelope_id), AG_VIEW(&items[0].envelope_id));

    /* A stamp is no part of an envelope: another one makes no other envelope. */
    node_stamp(&vec, 1);
    struct ag_admission item = admit(pool, ag_vec_view(&vec));
    check_refused(&item, AG_ERR_ENVELOPE_REPLAY, "envelope");

    /* Nor does it help to wait for the batch. */
    struct ag_mempool_planned planned;
    ag_mempool_confirm(pool);
    CHECK_U64(ag_mempool_take(pool, 1, &planned), 1);
    CHECK_OK(ag_mempool_release(pool, 1, 1));
    item = admit(pool, ag_vec_view(&vec));
    check_refused(&item, AG_ERR_ENVELOPE_REPLAY, "envelope");
    CHECK_U64(node.receive_count, before + 1);
    ag_vec_close(&vec);
    ag_mempool_close(pool);
}

static void refuses_over_the_rate(void)
{
    struct ag_mempool_config config = node_config();
    config.source_rate = 10;
    config.source_burst = 3;
    struct ag_mempool *pool = open_pool(&config);
    struct ag_vec vecs[8];
    for (unsigned i = 0; i < 8; i++) {
        struct order order = order_of(1, i);
        vecs[i] = sealed(&order);
    }
    struct ag_admission item = {.source = {{1}}};
    for (unsigned i = 0; i < 4; i++) {
        item.bytes = ag_vec_view(&vecs[i]);
        CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW));
        CHECK_ERR(item.result, i < 3 ? AG_OK : AG_ERR_MEMPOOL_RATE);
    }
    check_refused(&item, AG_ERR_MEMPOOL_RATE, "source");
    /* Another source, or none, is not concerned. */
    item.source = (struct ag_id){{2}};
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW));
    CHECK_OK(item.result);
    item.source = (struct ag_id){{0}};
    item.bytes = ag_vec_view(&vecs[4]);
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW));
    CHECK_OK(item.result);
    /* A token is back after a tenth of a second, not before, and only one. */
    item.source = (struct ag_id){{1}};
    item.bytes = ag_vec_view(&vecs[5]);
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW + 99));
    CHECK_ERR(item.result, AG_ERR_MEMPOOL_RATE);
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW + 100));
    CHECK_OK(item.result);
    item.bytes = ag_vec_view(&vecs[6]);
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW + 100));
    CHECK_ERR(item.result, AG_ERR_MEMPOOL_RATE);
    for (unsigned i = 0; i < 8; i++) {
        ag_vec_close(&vecs[i]);
    }
    ag_mempool_close(pool);
}

static void refuses_when_full(void)
{
    struct order order = order_of(1, 0);
    struct ag_vec one = sealed(&order);
    order = order_of(1, 1);
    struct ag_vec two = sealed(&order);
    order = order_of(1, 2);
    struct ag_vec three = sealed(&order);
    static const char *const fields[] = {"count", "bytes", "replay records"};
    for (unsigned i = 0; i < 3; i++) {
        struct ag_mempool_config config = node_config();
        config.count_max = i == 0 ? 2 : config.count_max;
        config.bytes_max = i == 1 ? 3 * one.size - 1 : config.bytes_max;
        config.replay_count_max = i == 2 ? 5 : config.replay_count_max;
        struct ag_mempool *pool = open_pool(&config);
        struct ag_admission items[3] = {{.bytes = ag_vec_view(&one)},
                                        {.bytes = ag_vec_view(&two)},
                                        {.bytes = ag_vec_view(&three)}};
        unsigned before = node.receive_count;
        CHECK_OK(ag_mempool_admit(pool, workers, items, 3, NODE_NOW));
        CHECK_OK(items[0].result);
        CHECK_OK(items[1].result);
        check_refused(&items[2], AG_ERR_MEMPOOL_FULL, fields[i]);
        CHECK_U64(node.receive_count, before + 2);
        /* Room comes back with a release; records only with time. */
        struct ag_mempool_planned planned[2];
        ag_mempool_confirm(pool);
        CHECK_U64(ag_mempool_take(pool, 2, planned), 2);
        CHECK_OK(ag_mempool_release(pool, 1, 2));
        struct ag_admission item = admit(pool, ag_vec_view(&three));
        CHECK_ERR(item.result, i == 2 ? AG_ERR_MEMPOOL_FULL : AG_OK);
        ag_mempool_close(pool);
    }
    ag_vec_close(&one);
    ag_vec_close(&two);
    ag_vec_close(&three);
}

static void stamp_curve(void)
{
    static const struct {
        unsigned load;
        unsigned max;
        unsigned bits;
    } cases[] = {
        {0, 20, 0},    {499, 20, 0},  {500, 20, 1},   {526, 20, 1},   {527, 20, 2},
        {750, 20, 10}, {999, 20, 19}, {1000, 20, 20}, {5000, 20, 20}, {1000, 0, 0},
        {500, 1, 1},   {1000, 1, 1},  {1000, 32, 32},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        CHECK_U64(ag_mempool_stamp_bits(cases[i].load, cases[i].max), cases[i].bits);
    }
    for (unsigned load = 1; load <= 1000; load++) {
        CHECK(ag_mempool_stamp_bits(load, 20) >= ag_mempool_stamp_bits(load - 1, 20));
    }
}

static void asks_for_stamps_under_load(void)
{
    struct ag_mempool_config config = node_config();
    config.count_max = 4;
    config.stamp_bits_max = 9;
    struct ag_mempool *pool = open_pool(&config);
    struct ag_mempool_stats stats;
    for (uint64_t i = 0; i < 2; i++) {
        struct order order = order_of(1, i);
        CHECK_OK(admit_order(pool, &order).result);
    }
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.stamp_bits, 1);

    /* At three quarters five bits: four do not do. */
    struct order order = order_of(1, 2);
    struct ag_vec vec = sealed(&order);
    node_stamp(&vec, 1);
    CHECK_OK(admit(pool, ag_vec_view(&vec)).result);
    ag_vec_close(&vec);
    order = order_of(1, 3);
    vec = sealed(&order);
    struct ag_envelope envelope;
    struct ag_id id;
    unsigned bits = 0;
    CHECK_OK(ag_envelope_decode(ag_vec_view(&vec), &envelope, NULL));
    CHECK_OK(ag_envelope_id(&envelope, &id));
    uint8_t *last = vec.data + vec.size - 1;
    do { /* a stamp of less than five bits */
        (*last)++;
        CHECK_OK(ag_stamp_bits(&id, *last, &bits));
    } while (bits >= 5);
    unsigned before = node.receive_count;
    struct ag_admission item = admit(pool, ag_vec_view(&vec));
    check_refused(&item, AG_ERR_MEMPOOL_STAMP, "stamp");
    CHECK(item.fault.has_limit);
    CHECK_U64(item.fault.limit, 5);
    CHECK_U64(item.fault.got, bits);
    CHECK_U64(item.stamp_bits, 5);
    CHECK_U64(node.receive_count, before);
    node_stamp(&vec, 5);
    item = admit(pool, ag_vec_view(&vec));
    CHECK_OK(item.result);
    ag_vec_close(&vec);
    ag_mempool_close(pool);
}

/* ---- refused in lanes ------------------------------------------------------------------------ */

static void refuses_what_does_not_open(void)
{
    enum {
        CLEAR = 30
    };
    static const struct {
        const char *name;
        uint16_t kem;
        long offset; /* of the byte that is turned; negative: from the end */
        const char *field;
    } cases[] = {
        {"ML-KEM ciphertext", 0x42, CLEAR + 100, "sealed_head"},
        {"hybrid, ML-KEM ciphertext", 0x51, CLEAR + 100, "sealed_head"},
        {"hybrid, point", 0x51, CLEAR + 1568 + 40, "enc"},
        {"hybrid, form of the point", 0x51, CLEAR + 1568, "enc"},
        {"head", 0x42, CLEAR + 1568 + 3, "sealed_head"},
        {"tag of the head", 0x42, CLEAR + 1568 + 256 + 15, "sealed_head"},
    };
    struct ag_mempool *pool = open_default();
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct order order = order_of(1, i);
        order.kem = cases[i].kem;
        struct ag_vec vec = sealed(&order);
        vec.data[cases[i].offset] ^= 0x10;
        struct ag_admission item = admit(pool, ag_vec_view(&vec));
        ag_test_note("%s", cases[i].name);
        check_refused(&item, AG_ERR_OPEN, cases[i].field);
        ag_vec_close(&vec);
    }
    /* An epoch that was not the one sealed to: the clear part is bound as well. */
    struct order order = order_of(1, 0);
    struct ag_vec vec = sealed(&order);
    vec.data[27] = 1;
    struct ag_admission item = admit(pool, ag_vec_view(&vec));
    check_refused(&item, AG_ERR_OPEN, "sealed_head");
    ag_vec_close(&vec);

    struct ag_mempool_stats stats;
    ag_mempool_stats(pool, &stats);
    CHECK_U64(stats.replay_count, 0);
    ag_mempool_close(pool);
}

/* Well sealed, and no head inside. */
static void refuses_a_head_that_does_not_decode(void)
{
    struct ag_mempool *pool = open_default();
    struct order order = order_of(1, 0);
    uint8_t text[768];
    struct ag_bytes padded = node_pad_head(&order.head, text);
    text[255] = 1; /* padding */
    order.head_text = padded;
    struct ag_admission item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_WIRE_PADDING, "head padding");

    padded = node_pad_head(&order.head, text);
    order.head_text = ag_bytes_of(text, 768); /* a small head in the large class */
    item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_WIRE_PADDING, "head class");

    memset(text, 0, sizeof(text));
    order.head_text = padded;
    item = admit_order(pool, &order);
    CHECK_ERR(item.result, AG_ERR_WIRE_VERSION);
    ag_mempool_close(pool);
}

/* ---- refused in order ------------------------------------------------------------------------ */

static void refuses_a_mismatch(void)
{
    struct ag_mempool *pool = open_default();
    struct order order = order_of(1, 0);
    order.head.chain_id = 1;
    struct ag_admission item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_ENVELOPE_MISMATCH, "chain_id");
    order = order_of(1, 0);
    order.head.key_epoch = 1;
    item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_ENVELOPE_MISMATCH, "key_epoch");
    ag_mempool_close(pool);
}

static void refuses_by_time(void)
{
    const struct ag_mempool_config config = node_config();
    static const struct {
        int64_t offset_ms; /* of the expiry from NODE_NOW */
        enum ag_err wanted;
    } cases[] = {
        {-1000, AG_OK}, /* the clock floor: within the slack */
        {-1001, AG_ERR_ENVELOPE_EXPIRED},
        {0, AG_OK},
        {300000 + 30000, AG_OK},
        {300000 + 30001, AG_ERR_ENVELOPE_FUTURE},
    };
    struct ag_mempool *pool = open_default();
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct order order = order_of(1, i);
        order.head.expires_ms = (uint64_t)((int64_t)NODE_NOW + cases[i].offset_ms);
        struct ag_admission item = admit_order(pool, &order);
        CHECK_ERR(item.result, cases[i].wanted);
        CHECK(item.result == AG_OK || strcmp(item.fault.field, "expires_ms") == 0);
    }
    struct order order = order_of(1, 100);
    order.head.expires_ms = UINT64_MAX;
    struct ag_admission item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_ENVELOPE_FUTURE, "expires_ms");
    order.head.expires_ms = 0;
    item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_ENVELOPE_EXPIRED, "expires_ms");

    /* Later: the slack counts from the expiry, to the millisecond. */
    order = order_of(1, 101);
    struct ag_vec vec = sealed(&order);
    item = (struct ag_admission){.bytes = ag_vec_view(&vec)};
    uint64_t last_ms = order.head.expires_ms + config.slack_ms;
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, last_ms + 1));
    check_refused(&item, AG_ERR_ENVELOPE_EXPIRED, "expires_ms");
    /* A clock that is turned back does not make it fresh again. */
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, NODE_NOW));
    check_refused(&item, AG_ERR_ENVELOPE_EXPIRED, "expires_ms");
    ag_mempool_close(pool);
    pool = open_pool(&config);
    CHECK_OK(ag_mempool_admit(pool, workers, &item, 1, last_ms));
    CHECK_OK(item.result);
    ag_vec_close(&vec);
    ag_mempool_close(pool);
}

static void refuses_a_nonce_again(void)
{
    struct ag_mempool *pool = open_default();
    struct order order = order_of(1, 5);
    CHECK_OK(admit_order(pool, &order).result);
    order.head.priority_fee = 1000000; /* another envelope for the same nonce */
    struct ag_admission item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_ENVELOPE_REPLAY, "nonce");
    /* Another nonce, kind of sender or sender is another matter. */
    order = order_of(1, 6);
    CHECK_OK(admit_order(pool, &order).result);
    order = order_of(1, 5);
    order.head.sender.kind = AG_SENDER_MLDSA87;
    CHECK_OK(admit_order(pool, &order).result);
    order = order_of(2, 5);
    CHECK_OK(admit_order(pool, &order).result);
    order = order_of(1, 5);
    order.head.key_epoch = order.clear_epoch = 1; /* another epoch is not */
    item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_ENVELOPE_REPLAY, "nonce");
    ag_mempool_close(pool);
}

static void refuses_kinds_it_does_not_run(void)
{
    struct ag_mempool_config config = node_config();
    struct ag_mempool *pool = open_pool(&config);
    for (unsigned kind = AG_PAYLOAD_DEPLOY; kind <= AG_PAYLOAD_MIGRATION; kind++) {
        struct order order = order_of(1, kind);
        order.head.payload_kind = (uint8_t)kind;
        struct ag_admission item = admit_order(pool, &order);
        check_refused(&item, AG_ERR_ENVELOPE_KIND, "payload_kind");
    }
    ag_mempool_close(pool);
    config.payload_kinds[1] = AG_PAYLOAD_CALL;
    pool = open_pool(&config);
    struct order order = order_of(1, 0);
    order.head.payload_kind = AG_PAYLOAD_CALL;
    CHECK_OK(admit_order(pool, &order).result);
    ag_mempool_close(pool);
}

static void refuses_by_asset_policy(void)
{
    struct ag_mempool *pool = open_default();
    struct ag_asset_table *assets = NULL;
    struct ag_asset asset = {.id = {{9}}, .type = AG_ASSET_TOKEN};
    struct ag_risk_snapshot risk = {{0}, 6000};
    asset.policy.operation_count = 1;
    asset.policy.operations[0] = (struct ag_asset_operation){4, "send"};
    asset.policy.requires_tee = true;
    asset.policy.risk_threshold_bp = 7000;
    CHECK_OK(ag_asset_table_open(1, &assets));
    CHECK_OK(ag_asset_table_put(assets, &asset, NULL));

    struct order order = order_of(1, 0);
    order.head.asset_count = 1;
    order.head.assets[0] = asset.id;
    CHECK_OK(admit_order(pool, &order).result); /* no table yet */
    ag_mempool_set_policy(pool, assets, &risk, false);
    order.head.nonce = 1;
    struct ag_admission item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_POLICY_ASSET, "asset.operation");
    order.head.operation_size = 4;
    memcpy(order.head.operation, "send", 4);
    item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_POLICY_ASSET, "asset.requires_tee");
    ag_mempool_set_policy(pool, assets, &risk, true);
    order.head.declared_risk_bp = 7000;
    item = admit_order(pool, &order);
    check_refused(&item, AG_ERR_POLICY_ASSET, "asset.risk");
    order.head.declared_risk_bp = 0;
    CHECK_OK(admit_order(pool, &order).result);
    ag_mempool_set_policy(pool, NULL, NULL, false);
    ag_asset_table_close(assets);
    ag_mempool_close(pool);
}

static const struct ag_test_case cases[] = {
    {"refuses a bad configuration", refuses_a_bad_configuration},
    {"refuses what belongs together", refuses_what_belongs_together},
    {"defaults are valid", defaults_are_valid},
    {"takes in both suites", takes_in_both_suites},
    {"numbers follow the array", numbers_follow_the_array},
    {"refuses before private-key work", refuses_before_private_key_work},
    {"refuses the same envelope", refuses_the_same_envelope},
    {"refuses over the rate", refuses_over_the_rate},
    {"refuses when full", refuses_when_full},
    {"stamp curve", stamp_curve},
    {"asks for stamps under load", asks_for_stamps_under_load},
    {"refuses what does not open", refuses_what_does_not_open},
    {"refuses a head that does not decode", refuses_a_head_that_does_not_decode},
    {"refuses a mismatch", refuses_a_mismatch},
    {"refuses by time", refuses_by_time},
    {"refuses a nonce again", refuses_a_nonce_again},
    {"refuses kinds it does not run", refuses_kinds_it_does_not_run},
    {"refuses by asset policy", refuses_by_asset_policy},
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
