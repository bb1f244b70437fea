/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "asset/asset.h"
#include "crypto/crypto.h"
#include "order/order.h"
#include "verify/verify_i.h"

/* What is known of one entry while a batch is judged. */
struct item {
    struct ag_batch_entry entry;
    struct ag_head head;
    enum ag_err payload_err; /* why an included payload should not have been */
    const char *payload_field;
};

struct items {
    struct judge *judge;
    struct item *items;
    size_t count;
    struct ag_order_item *heads; /* in file order */
    uint32_t *order;
    struct ag_id *leaves;
};

static void items_close(struct items *items)
{
    ag_free(items->items);
    ag_free(items->heads);
    ag_free(items->order);
    ag_free(items->leaves);
}

static enum ag_err items_open(struct items *items, struct judge *judge)
{
    items->judge = judge;
    items->count = judge->file.entry_count;
    size_t room = items->count == 0 ? 1 : items->count;
    items->items = ag_alloc_array(room, sizeof(*items->items));
    items->heads = ag_alloc_array(room, sizeof(*items->heads));
    items->order = ag_alloc_array(room, sizeof(*items->order));
    items->leaves = ag_alloc_array(room, sizeof(*items->leaves));
    AG_ENSURE(items->items != NULL && items->heads != NULL && items->order != NULL &&
                  items->leaves != NULL,
              AG_ERR_NO_MEMORY);
    return AG_OK;
}

/* Only what is wrong with an envelope excludes it: that a node was busy, or short of memory, is no
 * reason to drop what it had promised to run. */
static bool is_reason(enum ag_err reason)
{
    enum ag_err_class class = ag_err_class(reason);
    return strcmp(ag_err_name(reason), "UNKNOWN") != 0 &&
           (class == AG_CLASS_INPUT || class == AG_CLASS_DENIED || class == AG_CLASS_UNSUPPORTED);
}

/* What no node would have admitted, or would include. */
static const char *contradiction(const struct ag_batch_header *header, const struct ag_head *head,
                                 bool is_included)
{
    if (head->chain_id != header->chain_id) {
        return "the head is for another chain";
    }
    if (head->key_epoch == 0 || head->key_epoch > header->key_epoch) {
        return "the head is sealed to keys that the batch comes before";
    }
    if (head->requires_migration && head->payload_kind == AG_PAYLOAD_ETHEREUM) {
        return "a plain transaction has a migration's place";
    }
    if (is_included && ag_verify_expiry(head, header->time_ms) != AG_OK) {
        return "included after its expiry";
    }
    return NULL;
}

/* Every entry decodes, its outcome is about this very head, and an outcome says one thing. */
static enum ag_err decode_entries(struct items *items, bool *out_is_whole)
{
    struct ag_bytes rest = items->judge->file.entries;
    const char *wrong = NULL;
    size_t i = 0;

    for (; i < items->count && wrong == NULL; i++) {
        struct item *item = &items->items[i];
        struct ag_fault fault = {0};
        struct ag_id head_id;
        enum ag_err err = ag_batch_entry_next(&rest, &item->entry, &fault);
        if (err == AG_OK) {
            err = ag_head_decode(item->entry.head, &item->head, &fault);
        }
        if (err != AG_OK) {
            wrong = ag_err_text(err);
            break;
        }
        AG_TRY(ag_head_id(item->entry.head, &head_id));
        const struct ag_outcome *outcome = &item->entry.outcome;
        bool is_included = outcome->status == AG_OUTCOME_INCLUDED;
        if (!ag_bytes_equal(AG_VIEW(&head_id), AG_VIEW(&outcome->head_id))) {
            wrong = "the outcome is about another head";
        } else if (is_included != (outcome->reason == 0) ||
                   is_included != (item->entry.payload.size != 0) ||
                   is_included != (outcome->tx_index != AG_NO_TX_INDEX)) {
            wrong = "status, reason, place and payload contradict each other";
        } else if (!is_included && !is_reason((enum ag_err)outcome->reason)) {
            wrong = "the reason of an exclusion has no meaning";
        } else {
            wrong = contradiction(&items->judge->verdict->header, &item->head, is_included);
        }
        items->heads[i] = (struct ag_order_item){outcome->admission, &item->head};
    }
    *out_is_whole = wrong == NULL;
    if (wrong != NULL) {
        ag_verify_claim_at(items->judge, "entries", i, wrong);
        return AG_OK;
    }
    ag_verify_claim(items->judge, "entries", true,
                    "every head decodes, and every outcome is about its own head");
    return AG_OK;
}

/* The batch covers exactly the admissions its header names, each once: nothing was dropped. */
static void check_admissions(struct items *items, uint8_t *seen)
{
    const struct ag_batch_header *header = &items->judge->verdict->header;
    const char *wrong = header->admission_count == items->count
                            ? NULL
                            : "the header counts other admissions than the file has";

    for (size_t i = 0; i < items->count && wrong == NULL; i++) {
        uint64_t place = items->heads[i].admission - header->first_admission;
        if (items->heads[i].admission < header->first_admission || place >= items->count) {
            wrong = "an admission number is outside the range of the header";
        } else if (seen[place] != 0) {
            wrong = "an admission number occurs twice";
        } else {
            seen[place] = 1;
        }
    }
    ag_verify_claim(items->judge, "admissions", wrong == NULL,
                    wrong == NULL ? "each admission of the range has exactly one outcome" : wrong);
}

/* Recomputes the plan from heads, admission numbers, risk and mode: an auditor's own order. */
static enum ag_err check_order(struct items *items)
{
    const struct ag_batch_header *header = &items->judge->verdict->header;
    struct ag_arena scratch AG_SCOPED(ag_arena_close);
    ag_arena_init(&scratch, AG_ORDER_SCRATCH_SIZE(items->count));

    enum ag_err err = ag_order_plan((enum ag_order_mode)header->order_mode, items->heads,
                                    items->count, NULL, &header->risk, &scratch, items->order);
    if (err != AG_OK && (ag_err_class(err) == AG_CLASS_HOST)) {
        return err;
    }
    if (err != AG_OK) {
        ag_verify_claim(items->judge, "order", false, ag_err_text(err));
        return AG_OK;
    }
    for (size_t i = 0; i < items->count; i++) {
        if (items->order[i] != i) {
            ag_verify_claim_at(items->judge, "order", i, "the plan puts another one here");
            return AG_OK;
        }
    }
    ag_verify_claim(items->judge, "order", true,
                    "the plan recomputed from the heads is the order of the batch");
    return AG_OK;
}

static void check_payload(void *context, size_t index, unsigned lane)
{
    struct items *items = context;
    struct item *item = &items->items[index];
    (void)lane;

    if (item->entry.outcome.status != AG_OUTCOME_INCLUDED) {
        return;
    }
    struct ag_eth_tx tx = {0};
    struct ag_fault fault = {0};
    item->payload_err = ag_verify_payload(&item->head, item->head.payload_kind, item->entry.payload,
                                          items->judge->verdict->header.chain_id, &tx, &fault);
    item->payload_field = fault.field;
    if (item->payload_err == AG_OK &&
        memcmp(tx.hash, item->entry.outcome.tx_hash, sizeof(tx.hash)) != 0) {
        item->payload_err = AG_ERR_ENVELOPE_MISMATCH;
        item->payload_field = "tx_hash";
    }
}

static enum ag_err check_payloads(struct items *items)
{
    struct judge *judge = items->judge;
    if (judge->options->senders_are_known) {
        ag_verify_claim_skipped(judge, "transactions",
                                "decoded and recovered by the same rules at execution");
        return AG_OK;
    }
    if (judge->options->pool != NULL) {
        ag_pool_run(judge->options->pool, items->count, check_payload, items);
    } else {
        for (size_t i = 0; i < items->count; i++) {
            check_payload(items, i, 0);
        }
    }
    for (size_t i = 0; i < items->count; i++) {
        enum ag_err err = items->items[i].payload_err;
        if (err == AG_OK) {
            continue;
        }
        if (ag_err_class(err) == AG_CLASS_HOST) {
            return err;
        }
        ag_verify_claim_at(judge, "transactions", i, ag_err_text(err));
        return AG_OK;
    }
    ag_verify_claim(
        judge, "transactions", true,
        "every signature recovers the sender in its head; chain, nonce, gas and fee agree");
    return AG_OK;
}

/* Included nonces of one sender rise by one, and places count up in plan order. */
static enum ag_err check_nonces(struct items *items)
{
    const struct ag_batch_header *header = &items->judge->verdict->header;
    struct ag_nonce_rule *rule = NULL;
    AG_TRY(ag_nonce_rule_open(items->count, &rule));

    const char *wrong = NULL;
    uint32_t next_index = 0;
    for (size_t i = 0; i < items->count && wrong == NULL; i++) {
        const struct item *item = &items->items[i];
        if (item->entry.outcome.status != AG_OUTCOME_INCLUDED) {
            continue;
        }
        if (item->entry.outcome.tx_index != next_index++) {
            wrong = "a transaction does not stand at its place";
        } else if (ag_nonce_rule_include(rule, &item->head) != AG_OK) {
            wrong = "the nonces of a sender do not rise by one";
        }
    }
    ag_nonce_rule_close(rule);
    if (wrong == NULL && next_index != header->tx_count) {
        wrong = "the header counts other transactions than the file has";
    }
    ag_verify_claim(items->judge, "nonces", wrong == NULL,
                    wrong == NULL ? "places count up and nonces of a sender rise by one" : wrong);
    return AG_OK;
}

static enum ag_err check_roots(struct items *items)
{
    const struct ag_batch_header *header = &items->judge->verdict->header;
    size_t leaf_count = 0;
    struct ag_id root;

    for (size_t i = 0; i < items->count; i++) {
        if (items->items[i].entry.outcome.status == AG_OUTCOME_INCLUDED) {
            AG_TRY(ag_merkle_leaf(items->items[i].entry.payload, &items->leaves[leaf_count++]));
        }
    }
    AG_TRY(ag_merkle_root(items->leaves, leaf_count, &root));
    bool is_same = ag_bytes_equal(AG_VIEW(&root), AG_VIEW(&header->transaction_root));
    ag_verify_claim(items->judge, "transaction root", is_same,
                    is_same ? "the tree over the transactions has the root of the header"
                            : "the tree over the transactions has another root");

    for (size_t i = 0; i < items->count; i++) {
        uint8_t bytes[AG_OUTCOME_SIZE];
        ag_outcome_encode(&items->items[i].entry.outcome, bytes);
        AG_TRY(ag_merkle_leaf(AG_ARRAY_VIEW(bytes), &items->leaves[i]));
    }
    AG_TRY(ag_merkle_root(items->leaves, items->count, &root));
    is_same = ag_bytes_equal(AG_VIEW(&root), AG_VIEW(&header->receipt_root));
    ag_verify_claim(items->judge, "receipt root", is_same,
                    is_same ? "the tree over the outcomes has the root of the header"
                            : "the tree over the outcomes has another root");

    AG_TRY(ag_verify_empty_root(&root));
    is_same = ag_bytes_equal(AG_VIEW(&root), AG_VIEW(&header->state_root)) &&
              ag_bytes_equal(AG_VIEW(&root), AG_VIEW(&header->asset_root));
    ag_verify_claim(items->judge, "state and asset root", is_same,
                    is_same ? "no contract and no asset exists yet: roots of empty trees"
                            : "a root is not that of an empty tree");
    return AG_OK;
}

static enum ag_err check_items(struct items *items)
{
    bool is_whole = false;
    AG_TRY(decode_entries(items, &is_whole));
    if (!is_whole) {
        return AG_OK;
    }
    uint8_t *seen = ag_alloc(items->count + 1);
    AG_ENSURE(seen != NULL, AG_ERR_NO_MEMORY);
    check_admissions(items, seen);
    ag_free(seen);
    AG_TRY(check_order(items));
    AG_TRY(check_payloads(items));
    AG_TRY(check_nonces(items));
    return check_roots(items);
}

enum ag_err ag_verify_entries(struct judge *judge)
{
    struct items items = {0};
    enum ag_err err = items_open(&items, judge);
    if (err == AG_OK) {
        err = check_items(&items);
    }
    items_close(&items);
    return err;
}
