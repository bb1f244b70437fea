/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "rpc/rpc_i.h"

#define EXACT_MAX ((uint64_t)1 << 53) /* below this every reader of JSON keeps an integer exact */

/* ---- numbers ---- */

void ag_rpc_put_number(struct ag_json_out *out, const char *key, uint64_t value)
{
    if (value < EXACT_MAX) {
        ag_json_put_u64(out, key, value);
        return;
    }
    char text[24];
    int size = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    AG_ASSERT(size > 0 && (size_t)size < sizeof(text));
    ag_json_put_string(out, key, text);
}

void ag_rpc_put_quantity(struct ag_json_out *out, const char *key, uint64_t value)
{
    char text[24];
    int size = snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
    AG_ASSERT(size > 0 && (size_t)size < sizeof(text));
    ag_json_put_string(out, key, text);
}

void ag_rpc_put_base64(struct ag_json_out *out, const char *key, struct ag_bytes bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (bytes.size > AG_LIMIT_RPC_ANSWER_BYTES / 2u) {
        out->err = AG_ERR_WIRE_SPACE;
        return;
    }
    size_t size = 2u + (bytes.size + 2u) / 3u * 4u;
    uint8_t *text = ag_alloc(size);
    if (text == NULL) {
        out->err = AG_ERR_NO_MEMORY;
        return;
    }
    size_t at = 0;
    text[at++] = '"';
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1u] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2u] : 0;
        text[at++] = (uint8_t)alphabet[group >> 18];
        text[at++] = (uint8_t)alphabet[group >> 12 & 63u];
        text[at++] = left > 1 ? (uint8_t)alphabet[group >> 6 & 63u] : '=';
        text[at++] = left > 2 ? (uint8_t)alphabet[group & 63u] : '=';
    }
    text[at++] = '"';
    ag_json_put_raw(out, key, ag_bytes_of(text, at));
    ag_free(text);
}

/* ---- errors ---- */

int ag_rpc_error_code(enum ag_err err)
{
    /* What the protocol itself has a code for [JSON-RPC 2.0, 5.1]; all others go by their class. */
    static const struct {
        enum ag_err err;
        int code;
    } own[] = {
        {AG_ERR_JSON, -32700},
        {AG_ERR_RPC_REQUEST, -32600},
        {AG_ERR_RPC_METHOD, -32601},
        {AG_ERR_RPC_PARAMS, -32602},
    };
    static const int by_class[] = {
        [AG_CLASS_OK] = -32603,          [AG_CLASS_INPUT] = -32010, [AG_CLASS_DENIED] = -32011,
        [AG_CLASS_LIMIT] = -32012,       [AG_CLASS_HOST] = -32013,  [AG_CLASS_CORRUPT] = -32014,
        [AG_CLASS_UNSUPPORTED] = -32015,
    };
    for (size_t i = 0; i < AG_COUNT(own); i++) {
        if (own[i].err == err) {
            return own[i].code;
        }
    }
    size_t class = ag_err_class(err);
    return class < AG_COUNT(by_class) ? by_class[class] : -32603;
}

bool ag_rpc_error_is_retry(enum ag_err err)
{
    /* A cap on one request's size stays what it is. */
    return ag_err_class(err) == AG_CLASS_LIMIT && err != AG_ERR_NET_LIMIT;
}

void ag_rpc_put_error(struct ag_json_out *out, const char *key, enum ag_err err,
                      const struct ag_fault *fault, unsigned stamp_bits)
{
    char code[12];
    int size = snprintf(code, sizeof(code), "0x%04x", (unsigned)err);
    AG_ASSERT(size > 0 && (size_t)size < sizeof(code));
    ag_json_object(out, key);
    ag_json_put_i64(out, "code", ag_rpc_error_code(err));
    ag_json_put_string(out, "message", ag_err_text(err));
    ag_json_object(out, "data");
    ag_json_put_string(out, "error", ag_err_name(err));
    ag_json_put_string(out, "code", code);
    ag_json_put_string(out, "class", ag_err_class_name(ag_err_class(err)));
    if (fault != NULL && fault->field != NULL) {
        ag_json_put_string(out, "field", fault->field);
    }
    if (fault != NULL && fault->has_limit) {
        ag_rpc_put_number(out, "limit", fault->limit);
        ag_rpc_put_number(out, "got", fault->got);
    }
    if (stamp_bits != 0) {
        ag_json_put_u64(out, "stampBits", stamp_bits);
    }
    ag_json_put_bool(out, "retry", ag_rpc_error_is_retry(err));
    ag_json_end(out);
    ag_json_end(out);
}

/* ---- envelopes ---- */

enum ag_err ag_rpc_item_err(const struct rpc_item *item)
{
    return item->err != AG_OK ? item->err : item->submission->result;
}

const struct ag_fault *ag_rpc_item_fault(const struct rpc_item *item)
{
    return item->err != AG_OK ? &item->fault : &item->submission->fault;
}

void ag_rpc_put_item(struct ag_json_out *out, const char *key, const struct rpc_item *item)
{
    enum ag_err err = ag_rpc_item_err(item);
    ag_json_object(out, key);
    if (err != AG_OK) {
        ag_rpc_put_error(out, "error", err, ag_rpc_item_fault(item),
                         item->submission == NULL ? 0 : item->submission->stamp_bits);
    } else {
        const struct ag_submission *submission = item->submission;
        ag_json_put_hex(out, "envelopeId", AG_VIEW(&submission->envelope_id));
        ag_rpc_put_number(out, "admission", submission->admission);
        ag_rpc_put_number(out, "deadlineMs", submission->deadline_ms);
        ag_json_put_hex(out, "receipt", ag_vec_view(&submission->receipt));
    }
    ag_json_end(out);
}

const char *ag_rpc_tx_state_name(enum ag_tx_state state)
{
    static const char *const names[] = {"unknown", "admitted", "planned", "committed"};
    return (size_t)state < AG_COUNT(names) ? names[state] : "unknown";
}

void ag_rpc_put_outcome(struct ag_json_out *out, const char *key, const struct ag_outcome *outcome)
{
    bool is_included = outcome->status == AG_OUTCOME_INCLUDED;
    ag_json_object(out, key);
    ag_rpc_put_number(out, "admission", outcome->admission);
    ag_json_put_hex(out, "envelopeId", AG_VIEW(&outcome->envelope_id));
    ag_json_put_hex(out, "headId", AG_VIEW(&outcome->head_id));
    ag_json_put_string(out, "status", is_included ? "included" : "excluded");
    if (is_included) {
        ag_json_put_u64(out, "txIndex", outcome->tx_index);
        ag_json_put_hex(out, "txHash", AG_ARRAY_VIEW(outcome->tx_hash));
    } else {
        char code[12];
        int size = snprintf(code, sizeof(code), "0x%04x", outcome->reason);
        AG_ASSERT(size > 0 && (size_t)size < sizeof(code));
        ag_json_put_string(out, "reason", ag_err_name((enum ag_err)outcome->reason));
        ag_json_put_string(out, "reasonCode", code);
        ag_json_put_string(out, "reasonText", ag_err_text((enum ag_err)outcome->reason));
    }
    ag_json_end(out);
}

/* ---- batches ---- */

static const struct {
    uint8_t mode;
    const char *name;
} order_modes[] = {
    {AG_ORDER_RISK_AWARE, "risk-aware"},
    {AG_ORDER_ASSET_PROTECTION, "asset-protection"},
    {AG_ORDER_MIGRATION_AWARE, "migration-aware"},
    {AG_ORDER_HYBRID, "hybrid"},
};

const char *ag_rpc_order_mode_name(uint8_t mode)
{
    for (size_t i = 0; i < AG_COUNT(order_modes); i++) {
        if (order_modes[i].mode == mode) {
            return order_modes[i].name;
        }
    }
    return NULL;
}

uint8_t ag_rpc_order_mode_find(const char *name)
{
    for (size_t i = 0; i < AG_COUNT(order_modes); i++) {
        if (strcmp(order_modes[i].name, name) == 0) {
            return order_modes[i].mode;
        }
    }
    return 0;
}

static void put_risk(struct ag_json_out *out, const struct ag_risk_snapshot *risk)
{
    ag_json_object(out, "risk");
    ag_json_put_u64(out, "globalBp", risk->global_bp);
    ag_json_array(out, "categoryBp");
    for (size_t i = 0; i < AG_RISK_CATEGORIES; i++) {
        ag_json_put_u64(out, NULL, risk->category_bp[i]);
    }
    ag_json_end(out);
    ag_json_end(out);
}

void ag_rpc_put_header(struct ag_json_out *out, const char *key,
                       const struct ag_batch_header *header, const struct ag_hash *digest)
{
    ag_json_object(out, key);
    ag_rpc_put_number(out, "number", header->number);
    ag_json_put_hex(out, "digest", AG_VIEW(digest));
    ag_json_put_hex(out, "parent", AG_VIEW(&header->parent));
    ag_rpc_put_quantity(out, "chainId", header->chain_id);
    ag_rpc_put_number(out, "timeMs", header->time_ms);
    ag_rpc_put_number(out, "keyEpoch", header->key_epoch);
    ag_json_put_hex(out, "bundleDigest", AG_VIEW(&header->bundle_digest));
    ag_json_put_string(out, "orderMode", ag_rpc_order_mode_name(header->order_mode));
    ag_rpc_put_number(out, "firstAdmission", header->first_admission);
    ag_json_put_u64(out, "admissionCount", header->admission_count);
    ag_rpc_put_number(out, "lastGroup", header->last_group);
    ag_json_put_hex(out, "lastGroupDigest", AG_VIEW(&header->last_group_digest));
    ag_json_put_u64(out, "txCount", header->tx_count);
    ag_json_put_hex(out, "transactionRoot", AG_VIEW(&header->transaction_root));
    ag_json_put_hex(out, "receiptRoot", AG_VIEW(&header->receipt_root));
    ag_json_put_hex(out, "stateRoot", AG_VIEW(&header->state_root));
    ag_json_put_hex(out, "assetRoot", AG_VIEW(&header->asset_root));
    put_risk(out, &header->risk);
    ag_json_put_hex(out, "checkpoint", AG_VIEW(&header->checkpoint));
    ag_json_end(out);
}

/* ---- the node ---- */

void ag_rpc_put_status(struct ag_json_out *out, const char *key, const struct ag_seq_status *status)
{
    ag_json_object(out, key);
    ag_json_put_string(out, "state", ag_seq_state_name(status->state));
    if (status->state == AG_NODE_REFUSING) {
        ag_json_put_string(out, "refusal", ag_err_name(status->refusal));
        ag_json_put_string(out, "refusalText", ag_err_text(status->refusal));
    }
    ag_rpc_put_quantity(out, "chainId", status->chain_id);
    ag_json_put_hex(out, "genesis", AG_VIEW(&status->genesis));
    ag_json_put_string(out, "provider", status->provider);
    ag_json_put_hex(out, "measurement", AG_ARRAY_VIEW(status->measurement));
    ag_rpc_put_number(out, "keyEpoch", status->key_epoch);
    ag_json_put_string(out, "orderMode", ag_rpc_order_mode_name(status->order_mode));
    ag_rpc_put_number(out, "headNumber", status->head_number);
    ag_json_put_hex(out, "headDigest", AG_VIEW(&status->head_digest));
    ag_rpc_put_number(out, "headTimeMs", status->head_time_ms);
    ag_rpc_put_number(out, "nextAdmission", status->next_admission);
    ag_rpc_put_number(out, "firstUnbatched", status->first_unbatched);
    ag_rpc_put_number(out, "groupNumber", status->group_number);
    ag_rpc_put_number(out, "poolCount", status->pool_count);
    ag_rpc_put_number(out, "poolBytes", status->pool_bytes);
    ag_json_put_u64(out, "stampBits", status->stamp_bits);
    ag_json_put_u64(out, "batchesInFlight", status->batches_in_flight);
    ag_rpc_put_number(out, "outboxCount", status->outbox_count);
    ag_rpc_put_number(out, "startedMs", status->started_ms);
    ag_rpc_put_number(out, "nowMs", status->now_ms);
    ag_rpc_put_number(out, "collateralExpiresMs", status->collateral_expires_ms);
    ag_rpc_put_number(out, "counter", status->counter);
    ag_json_end(out);
}

struct health_check {
    bool is_failed;
    enum rpc_health health;
    const char *reason;
};

enum ag_err ag_rpc_health_write(const struct rpc_core *core, struct ag_vec *vec,
                                enum rpc_health *out_health)
{
    static const char *const names[] = {"good", "degraded", "bad"};
    struct ag_seq_status status;
    core->ops.status(core->node, &status);
    uint64_t now_ms = status.now_ms;
    uint64_t since_ms =
        status.head_time_ms > status.started_ms ? status.head_time_ms : status.started_ms;
    bool has_waiting = status.first_unbatched < status.next_admission;
    const struct health_check checks[] = {
        {status.state != AG_NODE_RUNNING, RPC_HEALTH_BAD, "the node is not running"},
        {status.collateral_expires_ms != 0 && status.collateral_expires_ms <= now_ms,
         RPC_HEALTH_DEGRADED, "the collateral of the evidence has expired"},
        {has_waiting && now_ms > since_ms && now_ms - since_ms > core->max_lag_ms,
         RPC_HEALTH_DEGRADED, "admitted envelopes wait for a batch longer than they should"},
        {status.pool_count >= (uint64_t)AG_LIMIT_POOL_COUNT * 9u / 10u ||
             status.pool_bytes >= (uint64_t)AG_LIMIT_POOL_BYTES / 10u * 9u,
         RPC_HEALTH_DEGRADED, "the pool is nine tenths full"},
        {status.stamp_bits != 0, RPC_HEALTH_DEGRADED, "envelopes need a proof of work"},
    };
    enum rpc_health health = RPC_HEALTH_GOOD;
    for (size_t i = 0; i < AG_COUNT(checks); i++) {
        if (checks[i].is_failed && checks[i].health > health) {
            health = checks[i].health;
        }
    }
    struct ag_json_out out;
    ag_json_begin(&out, vec, false);
    ag_json_object(&out, NULL);
    ag_json_put_string(&out, "health", names[health]);
    ag_json_put_string(&out, "state", ag_seq_state_name(status.state));
    ag_json_put_string(&out, "provider", status.provider);
    ag_rpc_put_number(&out, "headNumber", status.head_number);
    ag_rpc_put_number(&out, "poolCount", status.pool_count);
    ag_json_array(&out, "reasons");
    for (size_t i = 0; i < AG_COUNT(checks); i++) {
        if (checks[i].is_failed) {
            ag_json_put_string(&out, NULL, checks[i].reason);
        }
    }
    if (status.state == AG_NODE_REFUSING) {
        ag_json_put_string(&out, NULL, ag_err_text(status.refusal));
    }
    ag_json_end(&out);
    ag_json_end(&out);
    *out_health = health;
    return ag_json_finish(&out);
}
