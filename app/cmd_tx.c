/* SPDX-License-Identifier: Apache-2.0 */
/* tx seal, send, status: a transaction on its way in. Everything that the user says is checked
 * before the node hears of it, and everything that the node says before the user does. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "cmd_tx_i.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

#define EXPIRES_DEFAULT_S 300u
#define EXPIRES_MAX_S     86400u
#define RISK_MAX_BP       10000u
#define WAIT_LIMIT_MS     120000u
#define WAIT_STEP_MS      100u

/* ---- the head -------------------------------------------------------------------------------- */

static uint64_t saturate(const struct ag_u256 *value)
{
    uint64_t low = 0;
    for (size_t i = 24; i < 32; i++) {
        low = low << 8 | value->bytes[i];
    }
    return ag_bytes_is_zero(ag_bytes_of(value->bytes, 24)) ? low : UINT64_MAX;
}

/* Puts an id in its place; false when it is there already. */
static bool insert_asset(struct ag_head *head, const struct ag_id *id)
{
    size_t place = 0;
    while (place < head->asset_count &&
           ag_bytes_compare(AG_VIEW(&head->assets[place]), AG_VIEW(id)) < 0) {
        place++;
    }
    if (place < head->asset_count && ag_bytes_equal(AG_VIEW(&head->assets[place]), AG_VIEW(id))) {
        return false;
    }
    memmove(&head->assets[place + 1], &head->assets[place],
            (head->asset_count - place) * sizeof(*id));
    head->assets[place] = *id;
    head->asset_count++;
    return true;
}

static bool read_assets(const char *text, struct ag_head *head)
{
    while (text != NULL) {
        size_t length = strcspn(text, ",");
        struct ag_id id;
        if (head->asset_count == AG_HEAD_ASSETS_MAX ||
            ag_hex_decode(text, length, (struct ag_buf){id.bytes, sizeof(id.bytes)}) != AG_OK ||
            !insert_asset(head, &id)) {
            return false;
        }
        text = text[length] == ',' ? text + length + 1 : NULL;
    }
    return true;
}

/* What the options say of the head. */
static int read_head(struct cli *cli, struct ag_head *head)
{
    const struct ag_host *host = ag_host_system();
    uint64_t seconds;
    uint64_t risk;
    memset(head, 0, sizeof(*head));
    if (!cli_number(cli, CLI_OPT_EXPIRES, EXPIRES_DEFAULT_S, EXPIRES_MAX_S, &seconds) ||
        !cli_number(cli, CLI_OPT_RISK, 0, RISK_MAX_BP, &risk)) {
        return CLI_USAGE;
    }
    head->expires_ms = host->now_ms(host->context) + seconds * 1000u;
    head->declared_risk_bp = (uint16_t)risk;
    if (!read_assets(cli_value(cli, CLI_OPT_ASSET, NULL), head)) {
        return cli_usage(cli, "--asset takes up to %u different ids of 32 bytes in hex",
                         AG_HEAD_ASSETS_MAX);
    }
    return CLI_DONE;
}

/* The head says what the transaction says; the node excludes it if they differ. */
static void fill_head(const struct ag_eth_tx *tx, struct ag_head *head)
{
    head->sender.kind = AG_SENDER_SECP256K1;
    memcpy(head->sender.id, tx->sender.bytes, AG_ADDRESS_SIZE);
    head->nonce = tx->nonce;
    head->gas_limit = tx->gas;
    head->priority_fee = saturate(&tx->priority_fee);
    head->payload_kind = AG_PAYLOAD_ETHEREUM;
}

/* ---- sealing --------------------------------------------------------------------------------- */

/* One transaction under way. */
struct job {
    struct client *client;
    struct identity *identity;
    struct tx_source source;
    struct ag_vec raw;
    struct ag_eth_tx tx;
    struct ag_head head;
    uint64_t kem; /* 0: the first that the node offers */
    struct ag_vec envelope;
    struct ag_id id;
    struct ag_admission_leaf promise; /* from a receipt that was checked */
};

static void job_close(struct job **job)
{
    if (*job != NULL) {
        tx_source_close(&(*job)->source);
        ag_vec_close(&(*job)->raw);
        ag_vec_close(&(*job)->envelope);
        client_identity_cleanup(&(*job)->identity);
        client_close((*job)->client);
        ag_free(*job);
    }
}

static enum ag_err seal(struct job *job, unsigned stamp_bits)
{
    const struct ag_host *host = ag_host_system();
    const struct identity *identity = job->identity;
    struct ag_body body = {
        .payload_kind = AG_PAYLOAD_ETHEREUM,
        .payload = ag_vec_view(&job->raw),
        .auth_scheme = AG_AUTH_PAYLOAD,
    };
    struct ag_envelope decoded;
    uint16_t kem = job->kem == 0 ? identity->bundle.kems[0].kem : (uint16_t)job->kem;
    AG_TRY(host->random(host->context, (struct ag_buf){body.salt, sizeof(body.salt)}));
    job->envelope.size = 0;
    AG_TRY(ag_envelope_seal(host, &identity->bundle, &identity->bundle_digest, kem, &job->head,
                            &body, stamp_bits, &job->envelope));
    AG_TRY(ag_envelope_decode(ag_vec_view(&job->envelope), &decoded, NULL));
    return ag_envelope_id(&decoded, &job->id);
}

/* What can be wrong with the user's words is found before the node is asked. */
static int read_words(struct cli *cli, struct job *job)
{
    int status = read_head(cli, &job->head);
    if (status == CLI_DONE && !cli_number(cli, CLI_OPT_SUITE, 0, UINT16_MAX, &job->kem)) {
        status = CLI_USAGE;
    }
    if (status == CLI_DONE) {
        status = tx_source_open(cli, &job->source);
    }
    return status == CLI_DONE ? client_open(cli, &job->client) : status;
}

/* Judges the node, completes the transaction, seals it. */
static int prepare(struct cli *cli, struct job *job)
{
    struct ag_fault fault = {0};
    int status = read_words(cli, job);
    if (status == CLI_DONE) {
        status = client_identity(cli, job->client, &job->identity);
    }
    if (status != CLI_DONE) {
        return status;
    }
    const struct ag_bundle *bundle = &job->identity->bundle;
    if (cli_has(cli, CLI_OPT_CHAIN_ID) && job->source.chain_id != bundle->chain_id) {
        (void)ag_fault_limit(&fault, AG_ERR_TX_CHAIN, "chain-id", bundle->chain_id,
                             job->source.chain_id);
        return cli_fail(cli, AG_ERR_TX_CHAIN, &fault, "--chain-id", "The node is for the other.");
    }
    if (job->kem != 0 && ag_bundle_find_kem(bundle, (uint16_t)job->kem) == NULL) {
        return cli_fail(cli, AG_ERR_SUITE, NULL, "--suite",
                        "The node has no key for it; `aegis keys` lists those it has.");
    }
    status = tx_source_raw(cli, &job->source, bundle->chain_id, &job->raw);
    if (status != CLI_DONE) {
        return status;
    }
    enum ag_err err =
        ag_eth_tx_decode(ag_vec_view(&job->raw), bundle->chain_id, false, &job->tx, &fault);
    if (err != AG_OK) {
        return cli_fail(cli, err, &fault, "the transaction",
                        "It was not sent: the node would exclude it.");
    }
    fill_head(&job->tx, &job->head);
    err = seal(job, 0);
    return err == AG_OK ? CLI_DONE : cli_fail(cli, err, NULL, "sealing", NULL);
}

static struct job *job_open(void)
{
    struct job *job = ag_alloc(sizeof(*job));
    if (job != NULL) {
        ag_vec_init(&job->raw, AG_LIMIT_TX_BYTES + 4096u);
        ag_vec_init(&job->envelope, AG_LIMIT_ENVELOPE_BYTES);
    }
    return job;
}

int cmd_tx_seal(struct cli *cli)
{
    struct job *job AG_SCOPED(job_close) = job_open();
    struct ag_json_out out;
    if (job == NULL) {
        return cli_fail(cli, AG_ERR_NO_MEMORY, NULL, NULL, NULL);
    }
    int status = prepare(cli, job);
    if (status != CLI_DONE) {
        return status;
    }
    if (!cli_has(cli, CLI_OPT_JSON)) {
        return cli_end(cli, cli_put_hex_line(cli, ag_vec_view(&job->envelope)));
    }
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_hex(&out, "envelopeId", AG_VIEW(&job->id));
    ag_json_put_hex(&out, "envelope", ag_vec_view(&job->envelope));
    ag_json_put_u64(&out, "expiresMs", job->head.expires_ms);
    ag_json_end(&out);
    return cli_end(cli, cli_json_end(cli, &out));
}

/* ---- sending --------------------------------------------------------------------------------- */

static enum ag_err call_with_envelope(struct job *job, const struct ag_json_value **out)
{
    struct ag_vec params AG_SCOPED(ag_vec_close);
    struct ag_json_out json;
    ag_vec_init(&params, 4u * AG_LIMIT_ENVELOPE_BYTES);
    ag_json_begin(&json, &params, false);
    ag_json_array(&json, NULL);
    ag_json_put_hex(&json, NULL, ag_vec_view(&job->envelope));
    ag_json_end(&json);
    AG_TRY(ag_json_finish(&json));
    return client_call(job->client, "aegis_sendEnvelope", ag_vec_view(&params), out);
}

/* A node under load asks for work; its figure is in the error, and doing it is no question. */
static enum ag_err send(struct cli *cli, struct job *job, const struct ag_json_value **out)
{
    enum ag_err err = call_with_envelope(job, out);
    for (unsigned tries = 0; err == AG_ERR_MEMPOOL_STAMP && tries < 3; tries++) {
        const struct ag_fault *fault = client_fault(job->client);
        if (!fault->has_limit || fault->limit > AG_LIMIT_STAMP_BITS) {
            return err;
        }
        cli_progress(cli, "the node is loaded and asks for a stamp of %llu bits; working...",
                     (unsigned long long)fault->limit);
        AG_TRY(seal(job, (unsigned)fault->limit));
        err = call_with_envelope(job, out);
    }
    return err;
}

/* Checks the receipt under the judged bundle: a promise that cannot be shown is none. */
static enum ag_err check_receipt(struct job *job, const struct ag_json_value *result,
                                 struct ag_fault *fault)
{
    struct ag_vec bytes AG_SCOPED(ag_vec_close);
    struct ag_admission_receipt receipt;
    ag_vec_init(&bytes, AG_LIMIT_RECEIPT_BYTES);
    AG_TRY(client_hex(result, "receipt", AG_LIMIT_RECEIPT_BYTES, &bytes));
    AG_TRY(ag_admission_receipt_decode(ag_vec_view(&bytes), &receipt, fault));
    AG_TRY(ag_admission_receipt_verify(&receipt, ag_vec_view(&job->identity->bundle_bytes), fault));
    if (!ag_bytes_equal(AG_VIEW(&receipt.leaf.envelope_id), AG_VIEW(&job->id))) {
        return ag_fault_set(fault, AG_ERR_PROOF, "it is about another envelope");
    }
    job->promise = receipt.leaf;
    return AG_OK;
}

/* Asks until the envelope has an outcome, whose receipt is then in `out`. */
static enum ag_err wait_for_outcome(struct cli *cli, struct job *job, struct ag_vec *out)
{
    char hex[65];
    char params[CLI_ID_PARAMS_SIZE];
    ag_hex_encode(AG_VIEW(&job->id), hex);
    int length = snprintf(params, sizeof(params), "[\"0x%s\"]", hex);
    for (unsigned waited_ms = 0; waited_ms < WAIT_LIMIT_MS; waited_ms += WAIT_STEP_MS) {
        const struct ag_json_value *result = NULL;
        enum ag_err err = client_call(job->client, "aegis_getOutcomeReceipt",
                                      ag_bytes_of(params, (size_t)length), &result);
        if (err != AG_ERR_NOT_FOUND) {
            return err == AG_OK ? client_hex(result, "receipt", AG_LIMIT_RECEIPT_BYTES, out) : err;
        }
        if (waited_ms == 10 * WAIT_STEP_MS) {
            cli_progress(cli, "admitted; waiting for its batch...");
        }
        const struct timespec pause = {0, WAIT_STEP_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    return AG_ERR_NET_TIMEOUT;
}

static enum ag_err check_outcome(struct job *job, struct ag_bytes bytes,
                                 struct ag_outcome_receipt *receipt, struct ag_batch_header *header,
                                 struct ag_fault *fault)
{
    AG_TRY(ag_outcome_receipt_decode(bytes, receipt, fault));
    AG_TRY(ag_outcome_receipt_verify(receipt, ag_vec_view(&job->identity->bundle_bytes), fault));
    if (!ag_bytes_equal(AG_VIEW(&receipt->outcome.envelope_id), AG_VIEW(&job->id))) {
        return ag_fault_set(fault, AG_ERR_PROOF, "it is about another envelope");
    }
    return ag_batch_header_decode(receipt->header, header, fault);
}

static enum ag_err print_promise(struct cli *cli, const struct job *job, bool is_waited)
{
    char id[65];
    char deadline[CLI_TIME_SIZE];
    ag_hex_encode(AG_VIEW(&job->id), id);
    cli_time(job->promise.deadline_ms, deadline);
    AG_TRY(ag_vec_printf(&cli->text, "envelopeId           0x%s\n", id));
    AG_TRY(ag_vec_printf(&cli->text, "admission            %llu\n",
                         (unsigned long long)job->promise.admission));
    if (is_waited) {
        return AG_OK;
    }
    AG_TRY(ag_vec_printf(&cli->text, "deadline             %s\n", deadline));
    if (!cli_has(cli, CLI_OPT_QUIET)) {
        const char *node = cli_value(cli, CLI_OPT_NODE, "");
        const char *flag = node[0] == '\0' ? "" : " --node ";
        AG_TRY(ag_vec_printf(&cli->text,
                             "admitted: the node has signed for it. Next:\n"
                             "  aegis tx status 0x%s%s%s\n"
                             "  aegis receipt get 0x%s --out FILE%s%s\n",
                             id, flag, node, id, flag, node));
    }
    return AG_OK;
}

static enum ag_err print_outcome(struct cli *cli, const struct ag_outcome *outcome,
                                 const struct ag_batch_header *header)
{
    char hex[65];
    AG_TRY(ag_vec_printf(&cli->text, "batch                %llu\n",
                         (unsigned long long)header->number));
    if (outcome->status != AG_OUTCOME_INCLUDED) {
        return ag_vec_printf(&cli->text, "outcome              excluded: %s [%s]\n",
                             ag_err_text((enum ag_err)outcome->reason),
                             ag_err_name((enum ag_err)outcome->reason));
    }
    ag_hex_encode(AG_ARRAY_VIEW(outcome->tx_hash), hex);
    return ag_vec_printf(&cli->text,
                         "outcome              included at place %u\ntransaction          0x%s\n",
                         outcome->tx_index, hex);
}

static enum ag_err print_json(struct cli *cli, const struct job *job,
                              const struct ag_outcome *outcome,
                              const struct ag_batch_header *header)
{
    struct ag_json_out out;
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_hex(&out, "envelopeId", AG_VIEW(&job->id));
    ag_json_put_string(&out, "state", outcome == NULL ? "admitted" : "committed");
    ag_json_put_u64(&out, "admission", job->promise.admission);
    ag_json_put_u64(&out, "deadlineMs", job->promise.deadline_ms);
    if (outcome != NULL) {
        bool is_included = outcome->status == AG_OUTCOME_INCLUDED;
        ag_json_put_u64(&out, "batch", header->number);
        ag_json_put_string(&out, "outcome", is_included ? "included" : "excluded");
        if (is_included) {
            ag_json_put_u64(&out, "txIndex", outcome->tx_index);
            ag_json_put_hex(&out, "txHash", AG_ARRAY_VIEW(outcome->tx_hash));
        } else {
            ag_json_put_string(&out, "reason", ag_err_name((enum ag_err)outcome->reason));
        }
    }
    ag_json_end(&out);
    return cli_json_end(cli, &out);
}

/* Waits, checks the receipt of the outcome, prints it. An exclusion is a verdict that said no. */
static int finish_waiting(struct cli *cli, struct job *job)
{
    struct ag_vec bytes AG_SCOPED(ag_vec_close);
    struct ag_outcome_receipt receipt = {.outcome = {0}};
    struct ag_batch_header header = {.number = 0};
    struct ag_fault fault = {0};
    ag_vec_init(&bytes, AG_LIMIT_RECEIPT_BYTES);
    enum ag_err err = wait_for_outcome(cli, job, &bytes);
    if (err != AG_OK) {
        return client_fail(cli, job->client, err, "admitted, but waiting for its batch");
    }
    err = check_outcome(job, ag_vec_view(&bytes), &receipt, &header, &fault);
    if (err != AG_OK) {
        return cli_fail(cli, err, &fault, "admitted, but the outcome receipt does not hold", NULL);
    }
    if (cli_has(cli, CLI_OPT_JSON)) {
        err = print_json(cli, job, &receipt.outcome, &header);
    } else {
        err = print_promise(cli, job, true);
        if (err == AG_OK) {
            err = print_outcome(cli, &receipt.outcome, &header);
        }
    }
    int status = cli_end(cli, err);
    bool is_included = receipt.outcome.status == AG_OUTCOME_INCLUDED;
    return status == CLI_DONE && !is_included ? CLI_VERDICT_NO : status;
}

int cmd_tx_send(struct cli *cli)
{
    struct job *job AG_SCOPED(job_close) = job_open();
    const struct ag_json_value *result = NULL;
    struct ag_fault fault = {0};
    if (job == NULL) {
        return cli_fail(cli, AG_ERR_NO_MEMORY, NULL, NULL, NULL);
    }
    int status = prepare(cli, job);
    if (status != CLI_DONE) {
        return status;
    }
    enum ag_err err = send(cli, job, &result);
    if (err != AG_OK) {
        return client_fail(cli, job->client, err, "the node refused the envelope");
    }
    err = check_receipt(job, result, &fault);
    if (err != AG_OK) {
        return cli_fail(cli, err, &fault, "the admission receipt does not hold",
                        "The node may have the envelope, but there is no promise.");
    }
    if (cli_has(cli, CLI_OPT_WAIT)) {
        return finish_waiting(cli, job);
    }
    return cli_end(cli, cli_has(cli, CLI_OPT_JSON) ? print_json(cli, job, NULL, NULL)
                                                   : print_promise(cli, job, false));
}

/* ---- status ---------------------------------------------------------------------------------- */

bool cli_id_params(const char *text, char out[CLI_ID_PARAMS_SIZE])
{
    struct ag_id id;
    char hex[65];
    if (ag_hex_decode(text, strlen(text), (struct ag_buf){id.bytes, sizeof(id.bytes)}) != AG_OK) {
        return false;
    }
    ag_hex_encode(AG_VIEW(&id), hex);
    (void)snprintf(out, CLI_ID_PARAMS_SIZE, "[\"0x%s\"]", hex);
    return true;
}

int cmd_tx_status(struct cli *cli)
{
    char params[CLI_ID_PARAMS_SIZE];
    if (cli->argument_count != 1 || !cli_id_params(cli->arguments[0], params)) {
        return cli_usage(cli, "an envelope id is 32 bytes in hex");
    }
    return cli_simple_call(cli, "aegis_getStatus", ag_bytes_of(params, strlen(params)));
}
