/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "crypto/crypto.h"
#include "net/net.h"
#include "wire/wire.h"

#define DEFAULT_NODE "http://127.0.0.1:7788"

struct client {
    struct ag_http *http;
    struct ag_vec answer;
    struct ag_json *document;
    struct ag_fault fault;
    char field[128]; /* the node's field name: fault.field points here */
    char message[512];
    char token[128];
    struct ag_http_field fields[1];
    uint64_t next_id;
};

/* The operator's token, when this user has it: his methods then work without a flag. */
static void load_token(struct cli *cli, struct client *client)
{
    char path[2048];
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 256);
    cli_path(cli, "data/operator.token", path, sizeof(path));
    if (ag_file_read(path, 128, &text) != AG_OK || text.size < 64) {
        return;
    }
    (void)snprintf(client->token, sizeof(client->token), "Bearer %.64s", (const char *)text.data);
    client->fields[0] = (struct ag_http_field){"Authorization", client->token};
}

enum ag_err client_open(struct cli *cli, struct client **out)
{
    struct client *client = ag_alloc(sizeof(*client));
    AG_ENSURE(client != NULL, AG_ERR_NO_MEMORY);
    ag_vec_init(&client->answer, AG_LIMIT_FILE_BYTES);
    load_token(cli, client);
    const struct ag_http_options options = {
        .timeout_ms = 60000,
        .fields = client->fields,
        .field_count = client->token[0] == '\0' ? 0 : 1,
    };
    enum ag_err err = ag_net_http_open(cli_value(cli, CLI_OPT_NODE, DEFAULT_NODE), &options,
                                       &client->http, &client->fault);
    if (err != AG_OK) {
        (void)cli_fail(cli, err, &client->fault, "--node", NULL);
        client_close(client);
        return err;
    }
    *out = client;
    return AG_OK;
}

void client_close(struct client *client)
{
    if (client == NULL) {
        return;
    }
    ag_json_close(client->document);
    ag_vec_close(&client->answer);
    ag_net_http_close(client->http);
    ag_wipe(client->token, sizeof(client->token));
    ag_free(client);
}

const char *client_message(const struct client *client)
{
    return client->message;
}

const struct ag_fault *client_fault(const struct client *client)
{
    return &client->fault;
}

/* The node's own code for what went wrong, or NET_PROTOCOL when it sends none. */
static enum ag_err read_error(struct client *client, const struct ag_json_value *error)
{
    const struct ag_json_value *data = ag_json_get(error, "data");
    const char *message = ag_json_string(ag_json_get(error, "message"), NULL);
    (void)snprintf(client->message, sizeof(client->message), "%s",
                   message == NULL ? "the node gave no reason" : message);

    const char *code = ag_json_string(ag_json_get(data, "code"), NULL);
    uint64_t number = 0;
    if (code == NULL || ag_u64_parse(code, strlen(code), true, &number) != AG_OK || number == 0) {
        return AG_ERR_NET_PROTOCOL;
    }
    const char *field = ag_json_string(ag_json_get(data, "field"), NULL);
    if (field != NULL) {
        (void)snprintf(client->field, sizeof(client->field), "%s", field);
        client->fault.field = client->field;
    }
    client->fault.has_limit =
        ag_json_u64(ag_json_get(data, "limit"), &client->fault.limit) == AG_OK &&
        ag_json_u64(ag_json_get(data, "got"), &client->fault.got) == AG_OK;
    client->fault.err = (enum ag_err)number;
    return (enum ag_err)number;
}

static enum ag_err exchange(struct client *client, const char *method, struct ag_bytes params)
{
    struct ag_vec request AG_SCOPED(ag_vec_close);
    unsigned status = 0;
    ag_vec_init(&request, AG_LIMIT_HTTP_BODY_BYTES);
    AG_TRY(ag_vec_printf(&request, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\",\"params\":",
                         (unsigned long long)++client->next_id, method));
    AG_TRY(ag_vec_append(&request, params));
    AG_TRY(ag_vec_append(&request, AG_LITERAL("}")));

    client->answer.size = 0;
    AG_TRY(ag_net_http_call(client->http, NULL, "application/json", ag_vec_view(&request),
                            &client->answer, &status));
    return status == 200 ? AG_OK : AG_ERR_NET_PROTOCOL;
}

enum ag_err client_call(struct client *client, const char *method, struct ag_bytes params,
                        const struct ag_json_value **out_result)
{
    client->fault = (struct ag_fault){0};
    client->message[0] = '\0';
    ag_json_close(client->document);
    client->document = NULL;
    AG_TRY(exchange(client, method, params));
    AG_ENSURE(ag_json_parse(ag_vec_view(&client->answer), &client->document) == AG_OK,
              AG_ERR_NET_PROTOCOL);
    const struct ag_json_value *root = ag_json_root(client->document);
    const struct ag_json_value *error = ag_json_get(root, "error");
    if (error != NULL) {
        return read_error(client, error);
    }
    const struct ag_json_value *result = ag_json_get(root, "result");
    AG_ENSURE(result != NULL, AG_ERR_NET_PROTOCOL);
    *out_result = result;
    return AG_OK;
}

enum ag_err client_get(struct client *client, const char *path, struct ag_vec *out)
{
    unsigned status = 0;
    AG_TRY(ag_net_http_get(client->http, path, out, &status));
    AG_ENSURE(status != 404, AG_ERR_NOT_FOUND);
    AG_ENSURE(status == 200, AG_ERR_NET_PROTOCOL);
    return AG_OK;
}

int client_fail(struct cli *cli, struct client *client, enum ag_err err, const char *what)
{
    const char *hint = NULL;
    if (err == AG_ERR_NET || err == AG_ERR_NET_TIMEOUT) {
        hint = "Is a node running there? Start one with `aegis run`, or name one with --node URL.";
    }
    return cli_fail(cli, err, client == NULL ? NULL : &client->fault, what, hint);
}

/* ---- identity ------------------------------------------------------------------------------------ */

void client_identity_close(struct identity *identity)
{
    ag_vec_close(&identity->bundle_bytes);
    ag_vec_close(&identity->evidence_bytes);
    ag_vec_close(&identity->collateral_bytes);
}

static enum ag_err read_hex(const struct ag_json_value *object, const char *key, struct ag_vec *out)
{
    size_t length = 0;
    const char *text = ag_json_string(ag_json_get(object, key), &length);
    AG_ENSURE(text != NULL, AG_ERR_NET_PROTOCOL);
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes bytes;
    ag_arena_init(&arena, 16u << 20);
    AG_TRY(ag_hex_decode_arena(text, length, 8u << 20, &arena, &bytes));
    return ag_vec_append(out, bytes);
}

static enum ag_err fetch_identity(struct client *client, struct ag_bytes nonce,
                                  struct identity *out)
{
    char hex[65];
    char params[80];
    const struct ag_json_value *result = NULL;
    ag_hex_encode(nonce, hex);
    int length = snprintf(params, sizeof(params), "[\"0x%s\"]", hex);
    AG_TRY(client_call(client, "aegis_getEvidence", ag_bytes_of(params, (size_t)length), &result));
    AG_TRY(read_hex(result, "bundle", &out->bundle_bytes));
    AG_TRY(read_hex(result, "evidence", &out->evidence_bytes));
    AG_TRY(read_hex(result, "collateral", &out->collateral_bytes));
    AG_TRY(ag_bundle_decode(ag_vec_view(&out->bundle_bytes), &out->bundle, &client->fault));
    return ag_bundle_digest(ag_vec_view(&out->bundle_bytes), &out->bundle_digest);
}

static enum ag_err judge_identity(const struct ag_policy *policy, struct ag_bytes nonce,
                                  struct client *client, struct identity *out)
{
    const struct ag_host *host = ag_host_system();
    struct ag_evidence evidence;
    struct ag_collateral collateral;
    uint8_t report_data[64];
    AG_TRY(ag_evidence_decode(ag_vec_view(&out->evidence_bytes), &evidence, &client->fault));
    AG_TRY(ag_collateral_decode(ag_vec_view(&out->collateral_bytes), &collateral, &client->fault));
    AG_TRY(ag_report_data(AG_REPORT_BUNDLE, &out->bundle_digest, nonce, report_data));
    return ag_attest_verify(&evidence, &collateral, policy, AG_ARRAY_VIEW(report_data),
                            host->now_ms(host->context), &out->verdict);
}

static int refuse_identity(struct cli *cli, const struct identity *identity)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 1u << 20);
    if (ag_verdict_print(&identity->verdict, &text) == AG_OK) {
        fprintf(stderr, "%.*s", (int)text.size, (const char *)text.data);
    }
    return cli_fail(cli, AG_ERR_EVIDENCE_DENIED, NULL, "the node's evidence",
                    "Nothing was sealed or sent. The policy is in the file `policy` of --dir, or "
                    "the one of --policy.");
}

int client_identity(struct cli *cli, struct client *client, struct identity *out)
{
    const struct ag_host *host = ag_host_system();
    uint8_t nonce[32];
    int status = CLI_DONE;
    struct ag_policy *policy = cli_policy(cli, &status);
    if (policy == NULL) {
        return status;
    }
    memset(out, 0, sizeof(*out));
    ag_vec_init(&out->bundle_bytes, AG_LIMIT_BUNDLE_BYTES);
    ag_vec_init(&out->evidence_bytes, 2 * AG_LIMIT_EVIDENCE_BYTES);
    ag_vec_init(&out->collateral_bytes, (size_t)8 * AG_LIMIT_COLLATERAL_PART_BYTES);

    enum ag_err err = host->random(host->context, (struct ag_buf){nonce, sizeof(nonce)});
    if (err == AG_OK) {
        err = fetch_identity(client, AG_ARRAY_VIEW(nonce), out);
    }
    if (err == AG_OK) {
        err = judge_identity(policy, AG_ARRAY_VIEW(nonce), client, out);
    }
    ag_policy_close(policy);
    if (err != AG_OK) {
        return client_fail(cli, client, err, "fetching the node's evidence");
    }
    return out->verdict.is_accepted ? CLI_DONE : refuse_identity(cli, out);
}
