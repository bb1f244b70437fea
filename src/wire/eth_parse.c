/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/eth_i.h"

#include <string.h>

/* The five transaction types [EIP-2718], each a list of these items:
 *
 *   legacy  nonce gas_price gas to value data v r s                                              9
 *   2930    chain_id nonce gas_price gas to value data access_list parity r s                   11
 *   1559    chain_id nonce priority_fee max_fee gas to value data access_list parity r s        12
 *   4844    ... access_list blob_fee blob_hashes parity r s, `to` not empty                     14
 *   7702    ... access_list authorization_list parity r s, `to` not empty                       13
 *
 * A 4844 transaction is taken in its canonical form only; the form of the gossip network, which
 * wraps it with blobs, commitments and proofs, is refused: its first item is a list. */

/* An entry of an access list takes at least 23 bytes, a key 33: the size bounds their number. */
_Static_assert(AG_LIMIT_TX_BYTES / 23 <= AG_LIMIT_ACCESS_ENTRIES, "counts of an access list");

static const size_t field_counts[] = {
    [AG_ETH_LEGACY] = 9, [AG_ETH_2930] = 11, [AG_ETH_1559] = 12,
    [AG_ETH_4844] = 14,  [AG_ETH_7702] = 13,
};

/* A walk over the items of one list; like ag_rd it remembers its first failure. The bytes have
 * passed ag_rlp_check, so that an item can be missing but not malformed. */
struct walk {
    struct ag_bytes rest;
    struct ag_fault fault;
};

static void refuse(struct walk *walk, const char *field)
{
    if (walk->fault.err == AG_OK) {
        walk->fault = (struct ag_fault){.err = AG_ERR_TX_FIELD, .field = field};
    }
}

static void refuse_limit(struct walk *walk, const char *field, uint64_t limit, uint64_t got)
{
    if (walk->fault.err == AG_OK) {
        walk->fault = (struct ag_fault){
            .err = AG_ERR_TX_FIELD, .field = field, .has_limit = true, .limit = limit, .got = got};
    }
}

static struct ag_bytes take(struct walk *walk, bool is_list, const char *field)
{
    struct ag_rlp_item item;
    if (walk->fault.err != AG_OK) {
        return (struct ag_bytes){NULL, 0};
    }
    if (ag_rlp_next(&walk->rest, &item) != AG_OK || item.is_list != is_list) {
        refuse(walk, field);
        return (struct ag_bytes){NULL, 0};
    }
    return item.payload;
}

static struct ag_bytes take_string(struct walk *walk, const char *field)
{
    return take(walk, false, field);
}

static struct ag_bytes take_list(struct walk *walk, const char *field)
{
    return take(walk, true, field);
}

/* An integer of at most `limit` bytes, without leading zeros; zero is the empty string. */
static struct ag_bytes take_integer(struct walk *walk, size_t limit, const char *field)
{
    struct ag_bytes number = take_string(walk, field);
    if (number.size > limit) {
        refuse_limit(walk, field, limit, number.size);
        return (struct ag_bytes){NULL, 0};
    }
    if (number.size != 0 && number.data[0] == 0) {
        refuse(walk, field);
        return (struct ag_bytes){NULL, 0};
    }
    return number;
}

static uint64_t take_u64(struct walk *walk, const char *field)
{
    struct ag_bytes number = take_integer(walk, 8, field);
    uint64_t value = 0;
    for (size_t i = 0; i < number.size; i++) {
        value = value << 8 | number.data[i];
    }
    return value;
}

static void take_u256(struct walk *walk, uint8_t out[32], const char *field)
{
    struct ag_bytes number = take_integer(walk, 32, field);
    memset(out, 0, 32);
    if (number.size != 0) {
        memcpy(out + 32 - number.size, number.data, number.size);
    }
}

/* A string of exactly `size` bytes. */
static struct ag_bytes take_fixed(struct walk *walk, size_t size, const char *field)
{
    struct ag_bytes text = take_string(walk, field);
    if (text.size != size) {
        refuse_limit(walk, field, size, text.size);
        return (struct ag_bytes){NULL, 0};
    }
    return text;
}

/* `to`: an address, or the empty string where the type may create a contract. */
static void take_to(struct walk *walk, bool may_create, struct ag_eth_tx *tx)
{
    struct ag_bytes to = take_string(walk, "to");
    if (to.size == AG_ADDRESS_SIZE) {
        tx->has_to = true;
        memcpy(tx->to.bytes, to.data, AG_ADDRESS_SIZE);
    } else if (to.size != 0 || !may_create) {
        refuse_limit(walk, "to", AG_ADDRESS_SIZE, to.size);
    }
}

/* What ends a nested list: nothing may be left, and its failure becomes the outer one's. */
static void finish_nested(struct walk *outer, const struct walk *inner, const char *field)
{
    if (inner->fault.err != AG_OK) {
        if (outer->fault.err == AG_OK) {
            outer->fault = inner->fault;
        }
    } else if (inner->rest.size != 0) {
        refuse(outer, field);
    }
}

/* [EIP-2930]: a list of [address, [key, ...]] */
static void take_access_list(struct walk *walk, struct ag_eth_tx *tx)
{
    struct walk entries = {.rest = take_list(walk, "access_list")};
    while (entries.rest.size != 0 && entries.fault.err == AG_OK) {
        struct walk entry = {.rest = take_list(&entries, "access_list entry")};
        take_fixed(&entry, AG_ADDRESS_SIZE, "access_list address");
        struct walk keys = {.rest = take_list(&entry, "access_list keys")};
        while (keys.rest.size != 0 && keys.fault.err == AG_OK) {
            take_fixed(&keys, 32, "access_list key");
            tx->access_keys++;
        }
        finish_nested(&entry, &keys, "access_list keys");
        finish_nested(&entries, &entry, "access_list entry");
        tx->access_addresses++;
    }
    finish_nested(walk, &entries, "access_list");
}

/* [EIP-4844]: versioned hashes of 32 bytes; which versions are known is an intrinsic rule. */
static void take_blobs(struct walk *walk, struct ag_eth_parsed *parsed)
{
    take_u256(walk, parsed->tx.blob_fee.bytes, "blob_fee");
    struct walk hashes = {.rest = take_list(walk, "blob_hashes")};
    while (hashes.rest.size != 0 && hashes.fault.err == AG_OK) {
        struct ag_bytes hash = take_fixed(&hashes, 32, "blob_hash");
        if (hash.size != 0 && hash.data[0] != 0x01) {
            parsed->has_bad_blob_version = true;
        }
        parsed->tx.blob_count++;
    }
    finish_nested(walk, &hashes, "blob_hashes");
}

/* [EIP-7702]: a list of [chain_id, address, nonce, parity, r, s]. A tuple that is well formed and
 * wrong is skipped when executed; only its form is judged here. */
static void take_authorizations(struct walk *walk, struct ag_eth_tx *tx)
{
    struct walk tuples = {.rest = take_list(walk, "authorization_list")};
    while (tuples.rest.size != 0 && tuples.fault.err == AG_OK) {
        struct walk tuple = {.rest = take_list(&tuples, "authorization")};
        take_integer(&tuple, 32, "authorization chain_id");
        take_fixed(&tuple, AG_ADDRESS_SIZE, "authorization address");
        take_integer(&tuple, 8, "authorization nonce");
        take_integer(&tuple, 1, "authorization parity");
        take_integer(&tuple, 32, "authorization r");
        take_integer(&tuple, 32, "authorization s");
        finish_nested(&tuples, &tuple, "authorization");
        tx->authorization_count++;
    }
    finish_nested(walk, &tuples, "authorization_list");
}

static void take_fees(struct walk *walk, struct ag_eth_tx *tx)
{
    if (tx->type == AG_ETH_LEGACY || tx->type == AG_ETH_2930) {
        take_u256(walk, tx->max_fee.bytes, "gas_price");
        tx->priority_fee = tx->max_fee;
    } else {
        take_u256(walk, tx->priority_fee.bytes, "priority_fee");
        take_u256(walk, tx->max_fee.bytes, "max_fee");
    }
}

static void take_fields(struct walk *walk, struct ag_eth_parsed *parsed)
{
    struct ag_eth_tx *tx = &parsed->tx;
    struct ag_bytes all = walk->rest;

    if (tx->type != AG_ETH_LEGACY) {
        tx->has_chain_id = true;
        tx->chain_id = take_u64(walk, "chain_id");
    }
    tx->nonce = take_u64(walk, "nonce");
    take_fees(walk, tx);
    tx->gas = take_u64(walk, "gas");
    take_to(walk, tx->type != AG_ETH_4844 && tx->type != AG_ETH_7702, tx);
    take_u256(walk, tx->value.bytes, "value");
    tx->data = take_string(walk, "data");
    if (tx->type != AG_ETH_LEGACY) {
        take_access_list(walk, tx);
    }
    if (tx->type == AG_ETH_4844) {
        take_blobs(walk, parsed);
    }
    if (tx->type == AG_ETH_7702) {
        take_authorizations(walk, tx);
    }
    parsed->unsigned_fields = ag_bytes_head(all, all.size - walk->rest.size);
    parsed->v = take_integer(walk, 32, "v");
    take_u256(walk, tx->r, "r");
    take_u256(walk, tx->s, "s");
}

/* The type byte off the front of a typed transaction. */
static enum ag_err take_type(struct ag_bytes *raw, uint8_t *out, struct ag_fault *fault)
{
    if (raw->size == 0) {
        return ag_fault_set(fault, AG_ERR_RLP, "transaction");
    }
    uint8_t first = raw->data[0];
    if (first >= 0xc0) {
        *out = AG_ETH_LEGACY;
        return AG_OK;
    }
    if (first >= 0x80) {
        return ag_fault_set(fault, AG_ERR_RLP, "transaction");
    }
    if (first < AG_ETH_2930 || first > AG_ETH_7702) {
        return ag_fault_limit(fault, AG_ERR_TX_TYPE, "type", AG_ETH_7702, first);
    }
    *out = first;
    *raw = ag_bytes_tail(*raw, 1);
    return AG_OK;
}

enum ag_err ag_eth_parse(struct ag_bytes raw, struct ag_eth_parsed *out, struct ag_fault *fault)
{
    struct ag_eth_parsed parsed = {0};
    struct ag_fault found = {0};
    AG_TRY(take_type(&raw, &parsed.tx.type, fault));

    if (ag_rlp_check(raw, &found) != AG_OK) {
        /* Too deep is no fault of the form: no field nests so deep. */
        if (found.has_limit) {
            return ag_fault_limit(fault, AG_ERR_TX_FIELD, "nesting", found.limit, found.got);
        }
        return ag_fault_set(fault, AG_ERR_RLP, found.field);
    }
    struct ag_rlp_item list;
    AG_TRY(ag_rlp_next(&raw, &list));
    if (!list.is_list) {
        return ag_fault_set(fault, AG_ERR_RLP, "transaction");
    }

    size_t count = 0;
    struct ag_rlp_item item;
    for (struct ag_bytes rest = list.payload; rest.size != 0; count++) {
        AG_TRY(ag_rlp_next(&rest, &item));
    }
    if (count != field_counts[parsed.tx.type]) {
        return ag_fault_limit(fault, AG_ERR_TX_FIELD, "field count", field_counts[parsed.tx.type],
                              count);
    }
    struct walk walk = {.rest = list.payload};
    take_fields(&walk, &parsed);
    if (walk.fault.err != AG_OK) {
        if (fault != NULL) {
            *fault = walk.fault;
        }
        return walk.fault.err;
    }
    *out = parsed;
    return AG_OK;
}
