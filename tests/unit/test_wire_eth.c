/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "crypto/crypto.h"
#include "test.h"
#include "wire/wire.h"

/* Ethereum transactions: one of each type, bent one rule at a time. Thousands of published cases
 * run through tests/vectors/run-ethereum. */

static const struct ag_secp256k1_key key = {{[31] = 9}};
static const struct ag_bytes none = {NULL, 0};

/* ---- a small builder ------------------------------------------------------------------------- */

enum {
    MAX_ITEMS = 16
};
/* The items of one transaction, already encoded. */
struct draft {
    uint8_t type;
    size_t count;
    struct ag_vec items[MAX_ITEMS];
};

static void draft_string(struct draft *draft, struct ag_bytes text)
{
    ag_vec_init(&draft->items[draft->count], 200000);
    CHECK_OK(ag_rlp_put_string(&draft->items[draft->count++], text));
}

static void draft_number(struct draft *draft, uint64_t value)
{
    ag_vec_init(&draft->items[draft->count], 200000);
    CHECK_OK(ag_rlp_put_u64(&draft->items[draft->count++], value));
}

/* A list whose items are given in their encoded form. */
static void draft_list(struct draft *draft, struct ag_bytes items)
{
    struct ag_vec *vec = &draft->items[draft->count++];
    ag_vec_init(vec, 200000);
    CHECK_OK(ag_rlp_put_list(vec, items.size));
    CHECK_OK(ag_vec_append(vec, items));
}

static void draft_close(struct draft *draft)
{
    for (size_t i = 0; i < draft->count; i++) {
        ag_vec_close(&draft->items[i]);
    }
    draft->count = 0;
}

static void write_list(const struct draft *draft, struct ag_vec *out)
{
    size_t size = 0;
    for (size_t i = 0; i < draft->count; i++) {
        size += draft->items[i].size;
    }
    if (draft->type != AG_ETH_LEGACY) {
        CHECK_OK(ag_vec_append(out, ag_bytes_of(&draft->type, 1)));
    }
    CHECK_OK(ag_rlp_put_list(out, size));
    for (size_t i = 0; i < draft->count; i++) {
        CHECK_OK(ag_vec_append(out, ag_vec_view(&draft->items[i])));
    }
}

/* Signs the items; a legacy draft is signed for chain 1 [EIP-155] unless `is_unprotected`. */
static void sign(struct draft *draft, bool is_unprotected, struct ag_vec *out)
{
    uint8_t digest[32];
    uint8_t signature[65];
    struct ag_vec text;
    bool has_chain = draft->type == AG_ETH_LEGACY && !is_unprotected;
    if (has_chain) {
        draft_number(draft, 1);
        draft_number(draft, 0);
        draft_number(draft, 0);
    }
    ag_vec_init(&text, 200000);
    write_list(draft, &text);
    CHECK_OK(ag_keccak256(&(struct ag_bytes){text.data, text.size}, 1, digest));
    CHECK_OK(ag_secp256k1_sign(&key, digest, signature));
    ag_vec_close(&text);
    if (has_chain) {
        for (int i = 0; i < 3; i++) {
            ag_vec_close(&draft->items[--draft->count]);
        }
    }
    uint64_t v = signature[64];
    if (draft->type == AG_ETH_LEGACY) {
        v += is_unprotected ? 27 : 37;
    }
    draft_number(draft, v);
    ag_vec_init(&draft->items[draft->count], 64);
    CHECK_OK(ag_rlp_put_integer(&draft->items[draft->count++], ag_bytes_of(signature, 32)));
    ag_vec_init(&draft->items[draft->count], 64);
    CHECK_OK(ag_rlp_put_integer(&draft->items[draft->count++], ag_bytes_of(signature + 32, 32)));
    write_list(draft, out);
}

/* What a draft is made of, so that a case can change one thing. */
struct plan {
    uint8_t type;
    uint64_t nonce;
    uint64_t gas;
    uint64_t priority_fee;
    uint64_t max_fee;
    size_t to_size;
    struct ag_bytes data;
    struct ag_bytes access; /* encoded items */
    size_t blob_count;
    uint8_t blob_version;
    size_t authorization_count;
    bool is_unprotected;
};

static struct plan plan_of(uint8_t type)
{
    return (struct plan){.type = type,
                         .nonce = 3,
                         .gas = 200000,
                         .priority_fee = 1,
                         .max_fee = 2,
                         .to_size = 20,
                         .blob_count = 1,
                         .blob_version = 1,
                         .authorization_count = 1};
}

static void put_blobs(struct draft *draft, const struct plan *plan)
{
    uint8_t hashes[16][33];
    memset(hashes, 0, sizeof(hashes));
    AG_ASSERT(plan->blob_count <= 16);
    for (size_t i = 0; i < plan->blob_count; i++) {
        hashes[i][0] = 0xa0;
        hashes[i][1] = plan->blob_version;
    }
    draft_number(draft, 5);
    draft_list(draft, ag_bytes_of(hashes, plan->blob_count * 33));
}

static void put_authorizations(struct draft *draft, const struct plan *plan)
{
    /* [1, 20 bytes, 0, 0, 1, 1], 26 bytes in a list */
    static const uint8_t one[27] = {0xda, 0x01, 0x94, [23] = 0x80, 0x80, 0x01, 0x01};
    uint8_t all[4][27];
    AG_ASSERT(plan->authorization_count <= 4);
    for (size_t i = 0; i < plan->authorization_count; i++) {
        memcpy(all[i], one, sizeof(one));
    }
    draft_list(draft, ag_bytes_of(all, plan->authorization_count * 27));
}

static void build(const struct plan *plan, struct ag_vec *out)
{
    static const uint8_t to[32] = {0x11};
    struct draft draft = {.type = plan->type};
    if (plan->type != AG_ETH_LEGACY) {
        draft_number(&draft, 1);
    }
    draft_number(&draft, plan->nonce);
    if (plan->type >= AG_ETH_1559) {
        draft_number(&draft, plan->priority_fee);
    }
    draft_number(&draft, plan->max_fee);
    draft_number(&draft, plan->gas);
    draft_string(&draft, ag_bytes_of(to, plan->to_size));
    draft_number(&draft, 1000);
    draft_string(&draft, plan->data);
    if (plan->type != AG_ETH_LEGACY) {
        draft_list(&draft, plan->access);
    }
    if (plan->type == AG_ETH_4844) {
        put_blobs(&draft, plan);
    }
    if (plan->type == AG_ETH_7702) {
        put_authorizations(&draft, plan);
    }
    sign(&draft, plan->is_unprotected, out);
    draft_close(&draft);
}

static enum ag_err decode(const struct plan *plan, struct ag_eth_tx *tx, struct ag_fault *fault)
{
    struct ag_vec vec AG_SCOPED(ag_vec_close);
    ag_vec_init(&vec, 200000);
    build(plan, &vec);
    enum ag_err err = ag_eth_tx_decode(ag_vec_view(&vec), 1, plan->is_unprotected, tx, fault);
    tx->data = none; /* it borrowed from vec */
    return err;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void every_type_decodes(void)
{
    struct ag_address wanted;
    uint8_t compressed[33];
    CHECK_OK(ag_crypto_start());
    CHECK_OK(ag_secp256k1_public(&key, compressed, &wanted));
    for (unsigned type = AG_ETH_LEGACY; type <= AG_ETH_7702; type++) {
        struct plan plan = plan_of((uint8_t)type);
        struct ag_eth_tx tx;
        struct ag_fault fault = {0};
        CHECK_OK(decode(&plan, &tx, &fault));
        CHECK_U64(tx.type, type);
        CHECK(tx.has_chain_id && tx.chain_id == 1);
        CHECK_U64(tx.nonce, 3);
        CHECK_U64(tx.gas, 200000);
        CHECK_U64(tx.max_fee.bytes[31], 2);
        CHECK_U64(tx.priority_fee.bytes[31], type >= AG_ETH_1559 ? 1 : 2);
        CHECK(tx.has_to && tx.to.bytes[0] == 0x11);
        CHECK_U64(tx.blob_count, type == AG_ETH_4844 ? 1 : 0);
        CHECK_U64(tx.authorization_count, type == AG_ETH_7702 ? 1 : 0);
        CHECK_BYTES(AG_VIEW(&tx.sender), AG_VIEW(&wanted));
    }
}

static void unprotected_only_where_allowed(void)
{
    struct ag_vec vec;
    struct ag_eth_tx tx;
    struct ag_fault fault = {0};
    struct plan plan = plan_of(AG_ETH_LEGACY);
    CHECK_OK(ag_crypto_start());
    plan.is_unprotected = true;
    ag_vec_init(&vec, 1000);
    build(&plan, &vec);
    CHECK_OK(ag_eth_tx_decode(ag_vec_view(&vec), 1, true, &tx, &fault));
    CHECK(!tx.has_chain_id);
    CHECK_ERR(ag_eth_tx_decode(ag_vec_view(&vec), 1, false, &tx, &fault), AG_ERR_TX_CHAIN);
    CHECK(strcmp(fault.field, "chain_id") == 0);
    ag_vec_close(&vec);
}

static void other_chains_are_refused(void)
{
    CHECK_OK(ag_crypto_start());
    for (unsigned type = AG_ETH_LEGACY; type <= AG_ETH_7702; type++) {
        struct ag_vec vec;
        struct ag_eth_tx tx;
        struct ag_fault fault = {0};
        struct plan plan = plan_of((uint8_t)type);
        ag_vec_init(&vec, 1000);
        build(&plan, &vec);
        CHECK_ERR(ag_eth_tx_decode(ag_vec_view(&vec), 2, true, &tx, &fault), AG_ERR_TX_CHAIN);
        CHECK(fault.has_limit && fault.limit == 2 && fault.got == 1);
        ag_vec_close(&vec);
    }
}

/* Each rule of Osaka, just kept and just broken. */
static void intrinsic_rules(void)
{
    static uint8_t data[49153];
    struct ag_eth_tx tx;
    struct ag_fault fault;
    CHECK_OK(ag_crypto_start());
    memset(data, 1, sizeof(data));

    struct plan plan = plan_of(AG_ETH_1559);
    plan.nonce = UINT64_MAX - 1;
    CHECK_OK(decode(&plan, &tx, &fault));
    plan.nonce = UINT64_MAX;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(strcmp(fault.field, "nonce") == 0);

    plan = plan_of(AG_ETH_1559);
    plan.gas = 1 << 24;
    CHECK_OK(decode(&plan, &tx, &fault));
    plan.gas++;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(strcmp(fault.field, "gas") == 0 && fault.limit == 1 << 24);

    plan = plan_of(AG_ETH_1559);
    plan.priority_fee = 2;
    CHECK_OK(decode(&plan, &tx, &fault));
    plan.priority_fee = 3;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(strcmp(fault.field, "priority_fee") == 0);

    plan = plan_of(AG_ETH_LEGACY);
    plan.gas = 21000;
    CHECK_OK(decode(&plan, &tx, &fault));
    plan.gas--;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(strcmp(fault.field, "gas (intrinsic)") == 0 && fault.limit == 21000);

    /* One byte of data: 16 by EIP-2028, 40 by the floor of EIP-7623. */
    plan = plan_of(AG_ETH_LEGACY);
    plan.data = ag_bytes_of(data, 1);
    plan.gas = 21040;
    CHECK_OK(decode(&plan, &tx, &fault));
    CHECK_U64(ag_eth_tx_intrinsic_gas(&tx), 21000); /* the data is gone by now */
    plan.gas--;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(strcmp(fault.field, "gas (floor)") == 0 && fault.limit == 21040);

    plan = plan_of(AG_ETH_LEGACY);
    plan.to_size = 0;
    plan.data = ag_bytes_of(data, 49152);
    plan.gas = 1 << 24;
    CHECK_OK(decode(&plan, &tx, &fault));
    CHECK(!tx.has_to);
    plan.data.size++;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(fault.limit == 49152 && fault.got == 49153);
    plan.to_size = 20; /* not init code then */
    CHECK_OK(decode(&plan, &tx, &fault));
}

static void blobs_and_authorizations(void)
{
    struct ag_eth_tx tx;
    struct ag_fault fault;
    CHECK_OK(ag_crypto_start());
    struct plan plan = plan_of(AG_ETH_4844);
    plan.blob_count = 6;
    CHECK_OK(decode(&plan, &tx, &fault));
    plan.blob_count = 7;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(fault.limit == 6 && fault.got == 7);
    plan.blob_count = 0;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    plan = plan_of(AG_ETH_4844);
    plan.blob_version = 2;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(strcmp(fault.field, "blob_hash version") == 0);

    plan = plan_of(AG_ETH_7702);
    plan.authorization_count = 0;
    CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_INTRINSIC);
    CHECK(strcmp(fault.field, "authorization_list") == 0);

    for (unsigned type = AG_ETH_4844; type <= AG_ETH_7702; type++) {
        plan = plan_of((uint8_t)type);
        plan.to_size = 0; /* these two types create nothing */
        CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_FIELD);
        CHECK(strcmp(fault.field, "to") == 0);
    }
    static const size_t to_sizes[] = {1, 19, 21, 32};
    for (size_t i = 0; i < AG_COUNT(to_sizes); i++) {
        plan = plan_of(AG_ETH_2930);
        plan.to_size = to_sizes[i];
        CHECK_ERR(decode(&plan, &tx, &fault), AG_ERR_TX_FIELD);
        CHECK(strcmp(fault.field, "to") == 0);
    }
}

static void access_lists(void)
{
    /* [[20 bytes, [32 bytes]]] and what is not of this form */
    static const uint8_t good[] = {0xf7, 0x94, [22] = 0xe1, 0xa0, [55] = 0};
    static const uint8_t not_a_list[] = {0x80};
    static const uint8_t empty_entry[] = {0xc0};
    static const uint8_t one_item[] = {0xd5, 0x94, [21] = 0};
    static const uint8_t short_address[] = {0xd5, 0x93, [20] = 0, 0xc0};
    static const uint8_t short_key[] = {0xd8, 0x94, [22] = 0xc2, 0x81, 0x80};
    static const struct {
        struct ag_bytes items;
        enum ag_err err;
        const char *field;
    } rows[] = {
        {{good, sizeof(good)}, AG_OK, ""},
        {{not_a_list, sizeof(not_a_list)}, AG_ERR_TX_FIELD, "access_list entry"},
        {{empty_entry, sizeof(empty_entry)}, AG_ERR_TX_FIELD, "access_list address"},
        {{one_item, sizeof(one_item)}, AG_ERR_TX_FIELD, "access_list keys"},
        {{short_address, sizeof(short_address)}, AG_ERR_TX_FIELD, "access_list address"},
        {{short_key, sizeof(short_key)}, AG_ERR_TX_FIELD, "access_list key"},
    };
    CHECK_OK(ag_crypto_start());
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_eth_tx tx;
        struct ag_fault fault = {.field = ""};
        struct plan plan = plan_of(AG_ETH_2930);
        plan.access = rows[i].items;
        CHECK_ERR(decode(&plan, &tx, &fault), rows[i].err);
        CHECK(strcmp(fault.field, rows[i].field) == 0);
        CHECK(rows[i].err != AG_OK || (tx.access_addresses == 1 && tx.access_keys == 1));
    }
}

static void frames_are_refused_in_order(void)
{
    static const struct {
        const char *text;
        size_t size;
        enum ag_err err;
    } rows[] = {
        {"", 0, AG_ERR_RLP},
        {"\x00\xc0", 2, AG_ERR_TX_TYPE},
        {"\x05\xc0", 2, AG_ERR_TX_TYPE},
        {"\x7f", 1, AG_ERR_TX_TYPE},
        {"\x80", 1, AG_ERR_RLP},
        {"\xbf", 1, AG_ERR_RLP},
        {"\x02", 1, AG_ERR_RLP},
        {"\x02\x80", 2, AG_ERR_RLP},
        {"\x02\xc0", 2, AG_ERR_TX_FIELD},
        {"\xc0", 1, AG_ERR_TX_FIELD},
        {"\xc0\x00", 2, AG_ERR_RLP},
        {"\x02\xc1\x81", 3, AG_ERR_RLP},
    };
    CHECK_OK(ag_crypto_start());
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_eth_tx tx;
        struct ag_fault fault = {0};
        CHECK_ERR(ag_eth_tx_decode(ag_bytes_of(rows[i].text, rows[i].size), 1, true, &tx, &fault),
                  rows[i].err);
        CHECK(fault.err == rows[i].err && fault.field != NULL);
        /* A caller may not want the fault. */
        CHECK_ERR(ag_eth_tx_decode(ag_bytes_of(rows[i].text, rows[i].size), 1, true, &tx, NULL),
                  rows[i].err);
    }
}

static void long_transactions_are_refused_first(void)
{
    static uint8_t data[131001];
    struct ag_eth_tx tx;
    struct ag_fault fault = {0};
    CHECK_OK(ag_crypto_start());
    CHECK_ERR(ag_eth_tx_decode(AG_ARRAY_VIEW(data), 1, true, &tx, &fault), AG_ERR_WIRE_LIMIT);
    CHECK(fault.has_limit && fault.limit == 131000 && fault.got == 131001);
}

/* Writes the items of a transaction again, one of them replaced by a string. */
static void replace(uint8_t type, struct ag_vec *raw, size_t index, struct ag_bytes text)
{
    struct draft draft = {.type = type};
    struct ag_bytes in = ag_bytes_tail(ag_vec_view(raw), type == AG_ETH_LEGACY ? 0 : 1);
    struct ag_rlp_item item;
    CHECK_OK(ag_rlp_next(&in, &item));
    for (struct ag_bytes rest = item.payload; rest.size != 0;) {
        CHECK_OK(ag_rlp_next(&rest, &item));
        if (draft.count == index) {
            draft_string(&draft, text);
        } else if (item.is_list) {
            draft_list(&draft, item.payload);
        } else {
            draft_string(&draft, item.payload);
        }
    }
    raw->size = 0;
    write_list(&draft, raw);
    draft_close(&draft);
}

/* 35 + 2 * chain, in 65 bits, without leading zeros. */
static struct ag_bytes legacy_v(uint64_t chain_id, uint8_t out[9])
{
    unsigned carry = 35;
    for (size_t i = 0; i < 9; i++) {
        carry += (unsigned)(2 * (i < 8 ? chain_id >> (8 * i) & 0xff : 0));
        out[8 - i] = (uint8_t)carry;
        carry >>= 8;
    }
    size_t zeros = 0;
    while (zeros < 8 && out[zeros] == 0) {
        zeros++;
    }
    return ag_bytes_of(out + zeros, 9 - zeros);
}

/* V of a legacy transaction for chains up to the last that fits 64 bits. */
static void legacy_chain_ids_of_every_width(void)
{
    static const uint64_t chains[] = {0, 1, 46, 47, 110, 0x7fffffff, UINT64_MAX >> 1, UINT64_MAX};
    CHECK_OK(ag_crypto_start());
    for (size_t i = 0; i < AG_COUNT(chains); i++) {
        struct plan plan = plan_of(AG_ETH_LEGACY);
        struct ag_vec vec;
        struct ag_eth_tx tx;
        uint8_t v[9];
        ag_vec_init(&vec, 1000);
        build(&plan, &vec);
        replace(AG_ETH_LEGACY, &vec, 6, legacy_v(chains[i], v));
        enum ag_err err = ag_eth_tx_decode(ag_vec_view(&vec), chains[i], false, &tx, NULL);
        /* The sender is another then, or nobody; none may be taken for another chain. */
        CHECK(err == AG_OK || err == AG_ERR_TX_SIGNATURE);
        CHECK(err != AG_OK || tx.chain_id == chains[i]);
        CHECK_ERR(ag_eth_tx_decode(ag_vec_view(&vec), chains[i] + 1, true, &tx, NULL),
                  AG_ERR_TX_CHAIN);
        ag_vec_close(&vec);
    }
}

static void wrong_numbers_are_refused(void)
{
    static uint8_t max[33];
    static const uint8_t zero[1] = {0};
    static const uint8_t small[1] = {2};
    static const uint8_t v34[1] = {34};
    static const struct {
        uint8_t type;
        size_t index;
        struct ag_bytes text;
        enum ag_err err;
        const char *field;
    } rows[] = {
        {AG_ETH_LEGACY, 6, {v34, 1}, AG_ERR_TX_SIGNATURE, "v"},
        {AG_ETH_LEGACY, 6, {small, 1}, AG_ERR_TX_SIGNATURE, "v"},
        {AG_ETH_LEGACY, 6, {NULL, 0}, AG_ERR_TX_SIGNATURE, "v"},
        {AG_ETH_LEGACY, 6, {max, 32}, AG_ERR_TX_CHAIN, "v"},
        {AG_ETH_LEGACY, 6, {max, 10}, AG_ERR_TX_CHAIN, "v"},
        {AG_ETH_LEGACY, 6, {max, 33}, AG_ERR_TX_FIELD, "v"},
        {AG_ETH_LEGACY, 6, {zero, 1}, AG_ERR_TX_FIELD, "v"},
        {AG_ETH_LEGACY, 0, {max, 9}, AG_ERR_TX_FIELD, "nonce"},
        {AG_ETH_LEGACY, 0, {zero, 1}, AG_ERR_TX_FIELD, "nonce"},
        {AG_ETH_LEGACY, 1, {max, 33}, AG_ERR_TX_FIELD, "gas_price"},
        {AG_ETH_1559, 0, {max, 9}, AG_ERR_TX_FIELD, "chain_id"},
        {AG_ETH_1559, 3, {max, 32}, AG_ERR_TX_SIGNATURE, "signature"},
        {AG_ETH_1559, 8, {small, 1}, AG_ERR_TX_FIELD, "access_list"},
        {AG_ETH_1559, 9, {small, 1}, AG_ERR_TX_SIGNATURE, "parity"},
        {AG_ETH_1559, 9, {max, 32}, AG_ERR_TX_SIGNATURE, "parity"},
        {AG_ETH_1559, 10, {NULL, 0}, AG_ERR_TX_SIGNATURE, "signature"},
        {AG_ETH_1559, 10, {max, 32}, AG_ERR_TX_SIGNATURE, "signature"},
        {AG_ETH_1559, 11, {NULL, 0}, AG_ERR_TX_SIGNATURE, "signature"},
        {AG_ETH_1559, 11, {max, 32}, AG_ERR_TX_SIGNATURE, "signature"},
        {AG_ETH_1559, 11, {max, 33}, AG_ERR_TX_FIELD, "s"},
    };
    CHECK_OK(ag_crypto_start());
    memset(max, 0xff, sizeof(max));
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_vec vec;
        struct ag_eth_tx tx;
        struct ag_fault fault = {.field = ""};
        struct plan plan = plan_of(rows[i].type);
        ag_vec_init(&vec, 1000);
        build(&plan, &vec);
        replace(rows[i].type, &vec, rows[i].index, rows[i].text);
        enum ag_err err = ag_eth_tx_decode(ag_vec_view(&vec), 1, true, &tx, &fault);
        if (i == 11) {
            /* A fee of 2^256 - 1 changes what was signed: somebody's, and too much in any case. */
            CHECK(err == AG_ERR_TX_SIGNATURE || err == AG_ERR_TX_INTRINSIC);
            CHECK(err != AG_ERR_TX_INTRINSIC || strcmp(fault.field, "max_fee times gas") == 0);
        } else {
            CHECK_ERR(err, rows[i].err);
            CHECK(strcmp(fault.field, rows[i].field) == 0);
        }
        ag_vec_close(&vec);
    }
}

static void deep_nesting_is_a_wrong_field(void)
{
    uint8_t deep[80];
    struct ag_eth_tx tx;
    struct ag_fault fault = {0};
    size_t inner = sizeof(deep) - 3;
    CHECK_OK(ag_crypto_start());
    /* A list whose first item is a list in a list, 55 levels down. */
    memset(deep, 0x80, sizeof(deep));
    deep[0] = AG_ETH_1559;
    deep[1] = 0xf8;
    deep[2] = (uint8_t)inner;
    for (size_t i = 0; i <= 55; i++) {
        deep[3 + i] = (uint8_t)(0xc0 + 55 - i);
    }
    CHECK_ERR(ag_eth_tx_decode(AG_ARRAY_VIEW(deep), 1, true, &tx, &fault), AG_ERR_TX_FIELD);
    CHECK(strcmp(fault.field, "nesting") == 0 && fault.limit == AG_LIMIT_RLP_DEPTH);
}

static void signing_makes_what_decoding_takes(void)
{
    static const uint8_t data[] = {1, 2, 3, 0};
    struct ag_address to = {{0xaa, [19] = 0xbb}};
    struct ag_address sender;
    uint8_t compressed[33];
    struct ag_vec vec;
    struct ag_eth_tx tx;
    CHECK_OK(ag_crypto_start());
    CHECK_OK(ag_secp256k1_public(&key, compressed, &sender));
    ag_vec_init(&vec, 100000);
    CHECK_OK(
        ag_eth_tx_sign_1559(&key, 10, 77, 5, 9, 50000, &to, UINT64_MAX, AG_ARRAY_VIEW(data), &vec));
    CHECK_OK(ag_eth_tx_decode(ag_vec_view(&vec), 10, false, &tx, NULL));
    CHECK_U64(tx.type, AG_ETH_1559);
    CHECK_U64(tx.nonce, 77);
    CHECK_U64(tx.gas, 50000);
    CHECK_U64(tx.priority_fee.bytes[31], 5);
    CHECK_U64(tx.max_fee.bytes[31], 9);
    CHECK_BYTES(AG_VIEW(&tx.to), AG_VIEW(&to));
    CHECK_BYTES(ag_bytes_of(tx.value.bytes + 24, 8),
                AG_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff"));
    CHECK_BYTES(tx.data, AG_ARRAY_VIEW(data));
    CHECK_BYTES(AG_VIEW(&tx.sender), AG_VIEW(&sender));

    vec.size = 0;
    CHECK_OK(ag_eth_tx_sign_1559(&key, 10, 0, 0, 0, 60000, NULL, 0, AG_ARRAY_VIEW(data), &vec));
    CHECK_OK(ag_eth_tx_decode(ag_vec_view(&vec), 10, false, &tx, NULL));
    CHECK(!tx.has_to);
    ag_vec_close(&vec);

    /* No key, no room: nothing is left behind. */
    static const struct ag_secp256k1_key zero = {{0}};
    ag_vec_init(&vec, 20);
    CHECK(ag_eth_tx_sign_1559(&zero, 1, 0, 0, 0, 21000, &to, 0, none, &vec) != AG_OK);
    CHECK(ag_eth_tx_sign_1559(&key, 1, 0, 0, 0, 21000, &to, 0, none, &vec) != AG_OK);
    CHECK_U64(vec.size, 0);
    ag_vec_close(&vec);
}

static const struct ag_test_case cases[] = {
    {"every type decodes", every_type_decodes},
    {"an unprotected one only where it is allowed", unprotected_only_where_allowed},
    {"one for another chain is refused", other_chains_are_refused},
    {"intrinsic rules, just kept and just broken", intrinsic_rules},
    {"blobs and authorizations", blobs_and_authorizations},
    {"access lists", access_lists},
    {"frames are refused in order", frames_are_refused_in_order},
    {"a long transaction is refused first", long_transactions_are_refused_first},
    {"legacy chain ids of every width", legacy_chain_ids_of_every_width},
    {"wrong numbers are refused", wrong_numbers_are_refused},
    {"deep nesting is a wrong field", deep_nesting_is_a_wrong_field},
    {"signing makes what decoding takes", signing_makes_what_decoding_takes},
};

TEST_MAIN(cases)
