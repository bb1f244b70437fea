/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "crypto/crypto.h"
#include "net/net.h"
#include "wire/wire.h"

#define DEFAULT_NODE  "http://127.0.0.1:7788"
#define TIMEOUT_S     60u
#define TIMEOUT_S_MAX 86400u
/* A listener is sent a comment every 15 s. */
#define SILENCE_MS 60000u

struct client {
    struct ag_http *http;
    struct ag_vec answer;
    struct ag_json *document;
    struct ag_fault fault;
    char field[128]; /* the node's field name: fault.field points here */
    char message[256];
    char token[128];
    struct ag_http_field fields[1];
    uint64_t next_id;
};

/* ---- opening --------------------------------------------------------------------------------- */

/* Whether the URL names this machine: the token is for no other, since it travels in the clear and
 * whoever reads it commands the node. */
static bool is_local(const char *url)
{
    static const char scheme[] = "http://";
    char authority[300];
    struct ag_net_address address;
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    url += sizeof(scheme) - 1;
    if (strncmp(url, "unix:", 5) == 0) {
        return true;
    }
    size_t length = strcspn(url, "/");
    if (length == 0 || length >= sizeof(authority) - 4) {
        return false;
    }
    memcpy(authority, url, length);
    const char *end = memchr(url, ']', length);
    bool has_port = memchr(end == NULL ? url : end, ':',
                           length - (end == NULL ? 0 : (size_t)(end - url))) != NULL;
    memcpy(authority + length, has_port ? "" : ":80", has_port ? 1 : 4);
    return ag_net_address_parse(authority, &address, NULL) == AG_OK &&
           ag_net_address_is_loopback(&address);
}

/* The operator's token, when this user has it: his methods then work without a flag. */
static void load_token(struct cli *cli, struct client *client)
{
    char path[2048];
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 256);
    cli_path(cli, "data/operator.token", path, sizeof(path));
    if (ag_file_read(path, 128, &text) == AG_OK && text.size >= 64) {
        (void)snprintf(client->token, sizeof(client->token), "Bearer %.64s",
                       (const char *)text.data);
        client->fields[0] = (struct ag_http_field){"Authorization", client->token};
    }
    if (text.data != NULL) {
        ag_wipe(text.data, text.capacity);
    }
}

static int open_client(struct cli *cli, bool is_operator, struct client **out)
{
    const char *url = cli_value(cli, CLI_OPT_NODE, DEFAULT_NODE);
    uint64_t timeout_s;
    if (!cli_number(cli, CLI_OPT_TIMEOUT, TIMEOUT_S, TIMEOUT_S_MAX, &timeout_s)) {
        return CLI_USAGE;
    }
    if (timeout_s == 0) {
        return cli_usage(cli, "--timeout 0 leaves no time for an answer");
    }
    struct client *client AG_SCOPED(client_cleanup) = ag_alloc(sizeof(*client));
    if (client == NULL) {
        return cli_fail(cli, AG_ERR_NO_MEMORY, NULL, NULL, NULL);
    }
    ag_vec_init(&client->answer, AG_LIMIT_JSON_BYTES);
    if (is_operator && is_local(url)) {
        load_token(cli, client);
    }
    const struct ag_http_options options = {
        .timeout_ms = (uint32_t)timeout_s * 1000u,
        .fields = client->fields,
        .field_count = client->token[0] == '\0' ? 0 : 1,
    };
    enum ag_err err = ag_net_http_open(url, &options, &client->http, &client->fault);
    if (err != AG_OK) {
        bool is_tls = strncmp(url, "https:", 6) == 0;
        return cli_fail(cli, err, &client->fault, "--node",
                        is_tls ? "There is no TLS in this version: envelopes are sealed whatever "
                                 "the transport. Use http://, or a tunnel."
                               : "It looks like http://HOST:PORT or http://unix:/PATH.");
    }
    *out = client;
    client = NULL;
    return CLI_DONE;
}

int client_open(struct cli *cli, struct client **out)
{
    return open_client(cli, false, out);
}

int client_open_operator(struct cli *cli, struct client **out)
{
    return open_client(cli, true, out);
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

void client_cleanup(struct client **client)
{
    client_close(*client);
}

const struct ag_fault *client_fault(const struct client *client)
{
    return &client->fault;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* The node's own code for what went wrong, or NET_PROTOCOL when it sends none that we know. */
static enum ag_err read_error(struct client *client, const struct ag_json_value *error)
{
    const struct ag_json_value *data = ag_json_get(error, "data");
    const char *message = ag_json_string(ag_json_get(error, "message"), NULL);
    cli_printable(message == NULL ? "the node gave no reason" : message, client->message,
                  sizeof(client->message));

    const char *code = ag_json_string(ag_json_get(data, "code"), NULL);
    uint64_t number = 0;
    if (code == NULL || ag_u64_parse(code, strlen(code), true, &number) != AG_OK || number == 0 ||
        number > UINT16_MAX || strcmp(ag_err_name((enum ag_err)number), "UNKNOWN") == 0) {
        return AG_ERR_NET_PROTOCOL;
    }
    const char *field = ag_json_string(ag_json_get(data, "field"), NULL);
    if (field != NULL) {
        cli_printable(field, client->field, sizeof(client->field));
        client->fault.field = client->field;
    }
    client->fault.has_limit =
        ag_json_u64(ag_json_get(data, "limit"), &client->fault.limit) == AG_OK &&
        ag_json_u64(ag_json_get(data, "got"), &client->fault.got) == AG_OK;
    client->fault.err = (enum ag_err)number;
    return (enum ag_err)number;
}

/* What a status other than 200 means to whoever called. */
static enum ag_err read_status(struct client *client, unsigned status)
{
    if (status == 200) {
        return AG_OK;
    }
    (void)snprintf(client->field, sizeof(client->field), "HTTP status %u", status);
    client->fault.field = client->field;
    switch (status) {
    case 404:
        return AG_ERR_NOT_FOUND;
    case 408:
    case 504:
        return AG_ERR_NET_TIMEOUT;
    case 413:
    case 414:
    case 431:
        return AG_ERR_NET_LIMIT;
    case 429:
    case 503:
        return AG_ERR_BUSY;
    default:
        return AG_ERR_NET_PROTOCOL;
    }
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
    return read_status(client, status);
}

static void forget_answer(struct client *client)
{
    client->fault = (struct ag_fault){0};
    client->message[0] = '\0';
    ag_json_close(client->document);
    client->document = NULL;
}

enum ag_err client_call(struct client *client, const char *method, struct ag_bytes params,
                        const struct ag_json_value **out_result)
{
    forget_answer(client);
    AG_TRY(exchange(client, method, params));
    if (ag_json_parse(ag_vec_view(&client->answer), &client->document) != AG_OK) {
        return ag_fault_set(&client->fault, AG_ERR_NET_PROTOCOL, "the answer is not JSON");
    }
    const struct ag_json_value *root = ag_json_root(client->document);
    const struct ag_json_value *error = ag_json_get(root, "error");
    if (ag_json_type(error) == AG_JSON_OBJECT) {
        return read_error(client, error);
    }
    uint64_t id = 0;
    const struct ag_json_value *result = ag_json_get(root, "result");
    if (result == NULL || ag_json_u64(ag_json_get(root, "id"), &id) != AG_OK ||
        id != client->next_id) {
        return ag_fault_set(&client->fault, AG_ERR_NET_PROTOCOL, "the answer is not to this call");
    }
    *out_result = result;
    return AG_OK;
}

enum ag_err client_get(struct client *client, const char *path, struct ag_vec *out)
{
    unsigned status = 0;
    size_t size_before = out->size;
    forget_answer(client);
    AG_TRY(ag_net_http_get(client->http, path, out, &status));
    enum ag_err err = read_status(client, status);
    if (err != AG_OK) {
        out->size = size_before;
    }
    return err;
}

enum ag_err client_follow(struct client *client, const char *path, client_piece *each,
                          void *context)
{
    unsigned status = 0;
    forget_answer(client);
    enum ag_err err = ag_net_http_follow(client->http, path, SILENCE_MS, each, context, &status);
    return status != 0 && status != 200 ? read_status(client, status) : err;
}

int client_fail(struct cli *cli, const struct client *client, enum ag_err err, const char *what)
{
    const char *hint = client->message[0] == '\0' ? NULL : client->message;
    switch ((unsigned)err) {
    case AG_ERR_NET:
    case AG_ERR_NET_TIMEOUT:
        hint = "Is a node running there? Start one with `aegis run`, or name one with --node URL.";
        break;
    case AG_ERR_RPC_AUTH:
        hint = "This takes the operator's token: run it on the node's machine, with --dir naming "
               "the directory whose data/operator.token this user can read.";
        break;
    case AG_ERR_BUSY:
    case AG_ERR_DRAINING:
        hint = "Try again in a moment.";
        break;
    default:
        break;
    }
    /* The node's sentence for a code that we know is our own sentence. */
    if (hint != NULL && strcmp(hint, ag_err_text(err)) == 0) {
        hint = NULL;
    }
    return cli_fail(cli, err, &client->fault, what, hint);
}

enum ag_err client_hex(const struct ag_json_value *object, const char *key, size_t limit,
                       struct ag_vec *out)
{
    size_t length = 0;
    const char *text = ag_json_string(ag_json_get(object, key), &length);
    AG_ENSURE(text != NULL && length != 0, AG_ERR_NET_PROTOCOL);
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes bytes;
    ag_arena_init(&arena, limit + 4096u);
    AG_TRY(ag_hex_decode_arena(text, length, limit, &arena, &bytes));
    return ag_vec_append(out, bytes);
}

/* ---- identity -------------------------------------------------------------------------------- */

void client_identity_cleanup(struct identity **identity)
{
    if (*identity != NULL) {
        ag_vec_close(&(*identity)->bundle_bytes);
        ag_vec_close(&(*identity)->evidence_bytes);
        ag_vec_close(&(*identity)->collateral_bytes);
        ag_free(*identity);
    }
}

static enum ag_err fetch_identity(struct client *client, struct ag_bytes nonce,
                                  struct identity *out)
{
    char hex[65];
    char params[80];
    const struct ag_json_value *result = NULL;
    ag_vec_init(&out->bundle_bytes, AG_LIMIT_BUNDLE_BYTES);
    ag_vec_init(&out->evidence_bytes, 2 * AG_LIMIT_EVIDENCE_BYTES);
    ag_vec_init(&out->collateral_bytes, (size_t)8 * AG_LIMIT_COLLATERAL_PART_BYTES);
    ag_hex_encode(nonce, hex);
    int length = snprintf(params, sizeof(params), "[\"0x%s\"]", hex);
    AG_TRY(client_call(client, "aegis_getEvidence", ag_bytes_of(params, (size_t)length), &result));
    AG_TRY(client_hex(result, "bundle", out->bundle_bytes.limit, &out->bundle_bytes));
    AG_TRY(client_hex(result, "evidence", out->evidence_bytes.limit, &out->evidence_bytes));
    AG_TRY(client_hex(result, "collateral", out->collateral_bytes.limit, &out->collateral_bytes));
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

/* The first claim that failed, by name and reason. */
static void describe_refusal(const struct ag_verdict *verdict, char *out, size_t size)
{
    (void)snprintf(out, size, "the node's evidence");
    for (size_t i = 0; i < verdict->claim_count; i++) {
        if (verdict->claims[i].result == AG_CLAIM_FAILED) {
            (void)snprintf(out, size, "the node's evidence: %s: %s", verdict->claims[i].name,
                           verdict->claims[i].reason);
            return;
        }
    }
}

static int refuse_identity(struct cli *cli, const struct identity *identity)
{
    char what[320];
    describe_refusal(&identity->verdict, what, sizeof(what));
    if (!cli_has(cli, CLI_OPT_JSON)) {
        size_t start = cli->text.size;
        if (cli_print_evidence(cli, "the node's evidence", &identity->verdict) == AG_OK) {
            (void)fprintf(stderr, "%.*s", (int)(cli->text.size - start),
                          (const char *)cli->text.data + start);
        }
        cli->text.size = start;
    }
    return cli_fail(cli, AG_ERR_EVIDENCE_DENIED, NULL, what,
                    "Nothing was sealed or sent. The policy is in the file `policy` of --dir, or "
                    "the one of --policy.");
}

int client_identity(struct cli *cli, struct client *client, struct identity **out)
{
    const struct ag_host *host = ag_host_system();
    uint8_t nonce[32];
    int status = CLI_DONE;
    struct ag_policy *policy AG_SCOPED(cli_policy_cleanup) = cli_policy(cli, &status);
    if (policy == NULL) {
        return status;
    }
    struct identity *identity AG_SCOPED(client_identity_cleanup) = ag_alloc(sizeof(*identity));
    enum ag_err err = identity == NULL ? AG_ERR_NO_MEMORY : AG_OK;
    if (err == AG_OK) {
        err = host->random(host->context, (struct ag_buf){nonce, sizeof(nonce)});
    }
    if (err == AG_OK) {
        err = fetch_identity(client, AG_ARRAY_VIEW(nonce), identity);
    }
    if (err == AG_OK) {
        err = judge_identity(policy, AG_ARRAY_VIEW(nonce), client, identity);
    }
    if (err != AG_OK) {
        return client_fail(cli, client, err, "fetching the node's evidence");
    }
    if (!identity->verdict.is_accepted) {
        return refuse_identity(cli, identity);
    }
    *out = identity;
    identity = NULL;
    return CLI_DONE;
}
