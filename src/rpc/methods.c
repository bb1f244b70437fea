/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "rpc/rpc_i.h"

/* ---- parameters ---- */

static size_t param_count(const struct rpc_method *method)
{
    size_t count = 0;
    while (count < RPC_PARAMS_MAX && method->params[count].name != NULL) {
        count++;
    }
    return count;
}

static const struct ag_json_value *param(const struct rpc_request *request, size_t index)
{
    if (ag_json_type(request->params) == AG_JSON_OBJECT) {
        return ag_json_get(request->params, request->method->params[index].name);
    }
    return ag_json_at(request->params, index);
}

static enum ag_err bad_param(struct rpc_request *request, size_t index)
{
    return ag_fault_set(&request->fault, AG_ERR_RPC_PARAMS, request->method->params[index].name);
}

/* Every name of an object must be one of the method's. */
static bool has_known_names(const struct rpc_request *request, size_t count)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        known += ag_json_get(request->params, request->method->params[i].name) != NULL ? 1 : 0;
    }
    return known == ag_json_count(request->params);
}

enum ag_err ag_rpc_params_check(struct rpc_request *request)
{
    size_t count = param_count(request->method);
    size_t given = ag_json_count(request->params);
    if (given > count) {
        return ag_fault_limit(&request->fault, AG_ERR_RPC_PARAMS, "params", count, given);
    }
    if (ag_json_type(request->params) == AG_JSON_OBJECT && !has_known_names(request, count)) {
        return ag_fault_set(&request->fault, AG_ERR_RPC_PARAMS, "name of a parameter");
    }
    for (size_t i = 0; i < count; i++) {
        if (request->method->params[i].is_required &&
            ag_json_type(param(request, i)) == AG_JSON_NULL) {
            return bad_param(request, i);
        }
    }
    return AG_OK;
}

/* A number as JSON number, decimal string or 0x-hex string; `fallback` if it is not given. */
static enum ag_err number_param(struct rpc_request *request, size_t index, uint64_t fallback,
                                uint64_t *out)
{
    const struct ag_json_value *value = param(request, index);
    size_t size = 0;
    const char *text = ag_json_string(value, &size);
    if (ag_json_type(value) == AG_JSON_NULL) {
        *out = fallback;
        return AG_OK;
    }
    enum ag_err err = text != NULL ? ag_u64_parse(text, size, true, out) : ag_json_u64(value, out);
    return err == AG_OK ? AG_OK : bad_param(request, index);
}

/* A batch number from 1, or "latest", which the node calls 0. */
static enum ag_err batch_param(struct rpc_request *request, uint64_t *out)
{
    const char *text = ag_json_string(param(request, 0), NULL);
    if (text != NULL && strcmp(text, "latest") == 0) {
        *out = 0;
        return AG_OK;
    }
    AG_TRY(number_param(request, 0, 0, out));
    return *out == 0 ? ag_fault_set(&request->fault, AG_ERR_BATCH_NUMBER, "number") : AG_OK;
}

static enum ag_err id_param(struct rpc_request *request, struct ag_id *out)
{
    size_t size = 0;
    const char *text = ag_json_string(param(request, 0), &size);
    if (text == NULL ||
        ag_hex_decode(text, size, (struct ag_buf){out->bytes, sizeof(out->bytes)}) != AG_OK) {
        return bad_param(request, 0);
    }
    return AG_OK;
}

static enum ag_err envelope_param(struct rpc_request *request, const struct ag_json_value *value)
{
    struct ag_bytes envelope = {0};
    size_t size = 0;
    const char *text = ag_json_string(value, &size);
    if (text == NULL) {
        return bad_param(request, 0);
    }
    /* The limit of an envelope is told with its own error, by ag_rpc_exchange_add. */
    enum ag_err err =
        ag_hex_decode_arena(text, size, AG_LIMIT_HTTP_BODY_BYTES, &request->core->arena, &envelope);
    if (err == AG_ERR_TEXT) {
        return bad_param(request, 0);
    }
    AG_TRY(err);
    return ag_rpc_exchange_add(request->exchange, envelope);
}

static enum ag_err count_param(struct rpc_request *request, size_t index, uint64_t *out)
{
    AG_TRY(number_param(request, index, 20, out));
    if (*out > AG_LIMIT_RPC_LIST) {
        return ag_fault_limit(&request->fault, AG_ERR_RPC_PARAMS, "count", AG_LIMIT_RPC_LIST, *out);
    }
    return AG_OK;
}

/* ---- identity ---- */

struct identity {
    struct ag_vec bundle;
    struct ag_vec evidence;
    struct ag_vec collateral;
};

static void identity_close(struct identity *identity)
{
    ag_vec_close(&identity->bundle);
    ag_vec_close(&identity->evidence);
    ag_vec_close(&identity->collateral);
}

static enum ag_err fetch_identity(const struct rpc_core *core, struct ag_bytes nonce,
                                  struct identity *out)
{
    ag_vec_init(&out->bundle, AG_LIMIT_BUNDLE_BYTES);
    ag_vec_init(&out->evidence, 2u * (size_t)AG_LIMIT_EVIDENCE_BYTES);
    ag_vec_init(&out->collateral, 8u * (size_t)AG_LIMIT_COLLATERAL_PART_BYTES);
    return core->ops.identity(core->node, nonce, &out->bundle, &out->evidence, &out->collateral);
}

static enum ag_err get_bundle(struct rpc_request *request)
{
    struct identity identity AG_SCOPED(identity_close) = {0};
    AG_TRY(fetch_identity(request->core, (struct ag_bytes){NULL, 0}, &identity));
    ag_json_object(request->out, "result");
    ag_json_put_hex(request->out, "bundle", ag_vec_view(&identity.bundle));
    ag_json_end(request->out);
    return AG_OK;
}

/* Quotes over a client's nonce cost the hardware milliseconds, so there is a number per second. */
static enum ag_err take_quote_allowance(struct rpc_core *core)
{
    uint64_t second = core->host->monotonic_ns(core->host->context) / 1000000000u;
    if (second != core->evidence_second) {
        core->evidence_second = second;
        core->evidence_count = 0;
    }
    AG_ENSURE(core->evidence_count < AG_LIMIT_RPC_EVIDENCE_RATE, AG_ERR_BUSY);
    core->evidence_count++;
    return AG_OK;
}

static enum ag_err get_evidence(struct rpc_request *request)
{
    struct ag_id nonce_bytes;
    struct ag_bytes nonce = {NULL, 0};
    struct ag_seq_status status;
    if (ag_json_type(param(request, 0)) != AG_JSON_NULL) {
        AG_TRY(id_param(request, &nonce_bytes));
        AG_TRY(take_quote_allowance(request->core));
        nonce = AG_VIEW(&nonce_bytes);
    }
    struct identity identity AG_SCOPED(identity_close) = {0};
    AG_TRY(fetch_identity(request->core, nonce, &identity));
    request->core->ops.status(request->core->node, &status);
    ag_json_object(request->out, "result");
    ag_json_put_hex(request->out, "bundle", ag_vec_view(&identity.bundle));
    ag_json_put_hex(request->out, "evidence", ag_vec_view(&identity.evidence));
    ag_json_put_hex(request->out, "collateral", ag_vec_view(&identity.collateral));
    ag_rpc_put_number(request->out, "timeMs", status.now_ms);
    ag_rpc_put_number(request->out, "keyEpoch", status.key_epoch);
    ag_json_put_string(request->out, "provider", status.provider);
    ag_json_end(request->out);
    return AG_OK;
}

/* ---- envelopes ---- */

static enum ag_err send_envelope(struct rpc_request *request)
{
    AG_TRY(envelope_param(request, param(request, 0)));
    request->call->kind = RPC_CALL_ONE;
    return AG_OK;
}

static enum ag_err send_envelopes(struct rpc_request *request)
{
    const struct ag_json_value *list = param(request, 0);
    size_t count = ag_json_count(list);
    if (ag_json_type(list) != AG_JSON_ARRAY || count == 0) {
        return bad_param(request, 0);
    }
    if (count > AG_LIMIT_GROUP_COUNT) {
        return ag_fault_limit(&request->fault, AG_ERR_RPC_PARAMS, "envelopes", AG_LIMIT_GROUP_COUNT,
                              count);
    }
    /* All texts are read before any is submitted: a call is not half wrong. */
    size_t before = request->exchange->item_count;
    for (size_t i = 0; i < count; i++) {
        enum ag_err err = envelope_param(request, ag_json_at(list, i));
        if (err != AG_OK) {
            ag_rpc_exchange_drop(request->exchange, before);
            return err;
        }
    }
    request->call->kind = RPC_CALL_LIST;
    return AG_OK;
}

static enum ag_err get_status(struct rpc_request *request)
{
    struct ag_id id;
    struct ag_tx_status status = {0};
    AG_TRY(id_param(request, &id));
    enum ag_err err = request->core->ops.tx_status(request->core->node, &id, &status);
    if (err != AG_ERR_NOT_FOUND) {
        AG_TRY(err);
    }
    ag_json_object(request->out, "result");
    ag_json_put_hex(request->out, "envelopeId", AG_VIEW(&id));
    ag_json_put_string(request->out, "state", ag_rpc_tx_state_name(status.state));
    if (status.state != AG_TX_UNKNOWN) {
        ag_rpc_put_number(request->out, "admission", status.admission);
    }
    if (status.state == AG_TX_COMMITTED) {
        ag_rpc_put_number(request->out, "batch", status.batch);
        ag_rpc_put_outcome(request->out, "outcome", &status.outcome);
    }
    ag_json_end(request->out);
    return AG_OK;
}

typedef enum ag_err receipt_fn(void *node, const struct ag_id *id, struct ag_vec *out);

static enum ag_err get_receipt(struct rpc_request *request, receipt_fn *fetch)
{
    struct ag_id id;
    AG_TRY(id_param(request, &id));
    struct ag_vec receipt AG_SCOPED(ag_vec_close);
    ag_vec_init(&receipt, AG_LIMIT_RECEIPT_BYTES);
    enum ag_err err = fetch(request->core->node, &id, &receipt);
    if (err == AG_ERR_NOT_FOUND) {
        return ag_fault_set(&request->fault, err, "receipt");
    }
    AG_TRY(err);
    ag_json_object(request->out, "result");
    ag_json_put_hex(request->out, "envelopeId", AG_VIEW(&id));
    ag_json_put_hex(request->out, "receipt", ag_vec_view(&receipt));
    ag_json_end(request->out);
    return AG_OK;
}

static enum ag_err get_admission_receipt(struct rpc_request *request)
{
    return get_receipt(request, request->core->ops.admission_receipt);
}

static enum ag_err get_outcome_receipt(struct rpc_request *request)
{
    return get_receipt(request, request->core->ops.outcome_receipt);
}

/* ---- batches ---- */

static enum ag_err get_batch(struct rpc_request *request)
{
    uint64_t number = 0;
    struct ag_batch_header header;
    struct ag_hash digest;
    AG_TRY(batch_param(request, &number));
    AG_TRY(request->core->ops.batch_header(request->core->node, number, &header, &digest));
    ag_rpc_put_header(request->out, "result", &header, &digest);
    return AG_OK;
}

static enum ag_err list_batches(struct rpc_request *request)
{
    uint64_t from = 0;
    uint64_t count = 0;
    struct ag_seq_status status;
    AG_TRY(count_param(request, 1, &count));
    request->core->ops.status(request->core->node, &status);
    uint64_t newest = status.head_number;
    AG_TRY(number_param(request, 0, newest >= count ? newest - count + 1u : 1, &from));
    if (from == 0) {
        from = 1;
    }
    ag_json_array(request->out, "result");
    for (uint64_t i = 0; i < count && from <= newest && i <= newest - from; i++) {
        struct ag_batch_header header;
        struct ag_hash digest;
        AG_TRY(request->core->ops.batch_header(request->core->node, from + i, &header, &digest));
        ag_rpc_put_header(request->out, NULL, &header, &digest);
    }
    ag_json_end(request->out);
    return AG_OK;
}

struct outcome_page {
    struct ag_json_out *out;
    uint64_t from;
    uint64_t count;
};

static enum ag_err put_outcome_of_page(void *context, uint32_t index,
                                       const struct ag_outcome *outcome)
{
    struct outcome_page *page = context;
    if (index >= page->from && index - page->from < page->count) {
        ag_rpc_put_outcome(page->out, NULL, outcome);
    }
    return AG_OK;
}

static enum ag_err get_batch_outcomes(struct rpc_request *request)
{
    uint64_t number = 0;
    struct outcome_page page = {.out = request->out};
    AG_TRY(batch_param(request, &number));
    AG_TRY(number_param(request, 1, 0, &page.from));
    AG_TRY(count_param(request, 2, &page.count));
    ag_json_array(request->out, "result");
    AG_TRY(
        request->core->ops.batch_outcomes(request->core->node, number, put_outcome_of_page, &page));
    ag_json_end(request->out);
    return AG_OK;
}

static enum ag_err export_batch(struct rpc_request *request)
{
    uint64_t number = 0;
    AG_TRY(batch_param(request, &number));
    const char *encoding = "hex";
    if (ag_json_type(param(request, 1)) != AG_JSON_NULL) {
        encoding = ag_json_string(param(request, 1), NULL);
    }
    if (encoding == NULL || (strcmp(encoding, "hex") != 0 && strcmp(encoding, "base64") != 0)) {
        return bad_param(request, 1);
    }
    struct ag_vec file AG_SCOPED(ag_vec_close);
    ag_vec_init(&file, AG_LIMIT_RPC_ANSWER_BYTES / 2u);
    AG_TRY(request->core->ops.batch_export(request->core->node, number, &file));
    ag_json_object(request->out, "result");
    ag_json_put_string(request->out, "encoding", encoding);
    if (strcmp(encoding, "hex") == 0) {
        ag_json_put_hex(request->out, "file", ag_vec_view(&file));
    } else {
        ag_rpc_put_base64(request->out, "file", ag_vec_view(&file));
    }
    ag_json_end(request->out);
    return AG_OK;
}

/* ---- the node ---- */

static enum ag_err node_status(struct rpc_request *request)
{
    struct ag_seq_status status;
    request->core->ops.status(request->core->node, &status);
    ag_rpc_put_status(request->out, "result", &status);
    return AG_OK;
}

static void put_mode(struct rpc_request *request, uint8_t mode)
{
    ag_json_object(request->out, "result");
    ag_json_put_string(request->out, "mode", ag_rpc_order_mode_name(mode));
    ag_json_end(request->out);
}

static enum ag_err get_order_mode(struct rpc_request *request)
{
    struct ag_seq_status status;
    request->core->ops.status(request->core->node, &status);
    put_mode(request, status.order_mode);
    return AG_OK;
}

static enum ag_err set_order_mode(struct rpc_request *request)
{
    const char *name = ag_json_string(param(request, 0), NULL);
    if (name == NULL) {
        return bad_param(request, 0);
    }
    uint8_t mode = ag_rpc_order_mode_find(name);
    if (mode == 0) {
        return ag_fault_set(&request->fault, AG_ERR_ORDER_MODE, "mode");
    }
    AG_TRY(request->core->ops.set_order_mode(request->core->node, mode));
    ag_log(AG_LOG_INFO, "rpc.order_mode", ag_kv_text("mode", ag_rpc_order_mode_name(mode)));
    put_mode(request, mode);
    return AG_OK;
}

static enum ag_err rotate_keys(struct rpc_request *request)
{
    AG_TRY(request->core->ops.rotate_keys(request->core->node));
    ag_log(AG_LOG_INFO, "rpc.rotate_keys");
    ag_json_object(request->out, "result");
    ag_json_put_bool(request->out, "rotating", true); /* with the sequencer's next turn */
    ag_json_end(request->out);
    return AG_OK;
}

static enum ag_err drain(struct rpc_request *request)
{
    AG_ENSURE(request->core->drain != NULL, AG_ERR_RPC_DISABLED);
    ag_log(AG_LOG_INFO, "rpc.drain");
    request->core->drain(request->core->drain_context);
    ag_json_put_bool(request->out, "result", true);
    return AG_OK;
}

static enum ag_err version(struct rpc_request *request)
{
    ag_json_object(request->out, "result");
    ag_json_put_string(request->out, "name", "aegis");
    ag_json_put_string(request->out, "version", request->core->version);
    ag_json_put_u64(request->out, "wire", 1); /* docs/spec/wire.md */
    ag_json_put_u64(request->out, "rpc", 1);  /* docs/spec/rpc.md */
    ag_json_end(request->out);
    return AG_OK;
}

static enum ag_err list_methods(struct rpc_request *request)
{
    ag_json_array(request->out, "result");
    for (size_t i = 0; i < ag_rpc_method_count; i++) {
        const struct rpc_method *method = &ag_rpc_methods[i];
        ag_json_object(request->out, NULL);
        ag_json_put_string(request->out, "name", method->name);
        ag_json_put_string(request->out, "help", method->help);
        ag_json_put_bool(request->out, "operator", method->is_operator);
        ag_json_array(request->out, "params");
        for (size_t p = 0; p < param_count(method); p++) {
            ag_json_object(request->out, NULL);
            ag_json_put_string(request->out, "name", method->params[p].name);
            ag_json_put_string(request->out, "type", method->params[p].type);
            ag_json_put_bool(request->out, "required", method->params[p].is_required);
            ag_json_end(request->out);
        }
        ag_json_end(request->out);
        ag_json_end(request->out);
    }
    ag_json_end(request->out);
    return AG_OK;
}

/* ---- what Ethereum clients ask ---- */

static uint64_t chain_id_of(const struct rpc_request *request)
{
    struct ag_seq_status status;
    request->core->ops.status(request->core->node, &status);
    return status.chain_id;
}

static enum ag_err eth_chain_id(struct rpc_request *request)
{
    ag_rpc_put_quantity(request->out, "result", chain_id_of(request));
    return AG_OK;
}

static enum ag_err net_version(struct rpc_request *request)
{
    char text[24];
    int size = snprintf(text, sizeof(text), "%llu", (unsigned long long)chain_id_of(request));
    AG_ASSERT(size > 0 && (size_t)size < sizeof(text));
    ag_json_put_string(request->out, "result", text);
    return AG_OK;
}

static enum ag_err web3_client_version(struct rpc_request *request)
{
    char text[64];
    int size = snprintf(text, sizeof(text), "aegis/v%s", request->core->version);
    AG_ASSERT(size > 0 && (size_t)size < sizeof(text));
    ag_json_put_string(request->out, "result", text);
    return AG_OK;
}

static enum ag_err eth_send_raw_transaction(struct rpc_request *request)
{
    return ag_fault_set(&request->fault, AG_ERR_RPC_SEALED, "transaction");
}

/* ---- the table ---- */

#define ANYONE   false
#define OPERATOR true
#define NEEDS(name, type)                                                                          \
    {                                                                                              \
        (name), (type), true                                                                       \
    }
#define MAY(name, type)                                                                            \
    {                                                                                              \
        (name), (type), false                                                                      \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        NULL, NULL, false                                                                          \
    }

const struct rpc_method ag_rpc_methods[] = {
#define X(name, handler, who, help, ...) {#name, handler, who, help, {__VA_ARGS__}},
#include "methods.def"
#undef X
};
const size_t ag_rpc_method_count = AG_COUNT(ag_rpc_methods);

const struct rpc_method *ag_rpc_method_find(const char *name)
{
    for (size_t i = 0; i < ag_rpc_method_count; i++) {
        if (strcmp(ag_rpc_methods[i].name, name) == 0) {
            return &ag_rpc_methods[i];
        }
    }
    return NULL;
}
