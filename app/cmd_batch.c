/* SPDX-License-Identifier: Apache-2.0 */
/* batch list, show, export, verify; evidence verify; receipt get, verify: history, judged. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "crypto/crypto.h"
#include "verify/verify.h"
#include "wire/wire.h"

/* ---- reading from a node ---------------------------------------------------------------------------- */

int cmd_batch_list(struct cli *cli)
{
    uint64_t from;
    uint64_t count;
    if (!cli_number(cli, CLI_OPT_FROM, 0, &from) || !cli_number(cli, CLI_OPT_COUNT, 20, &count)) {
        return CLI_USAGE;
    }
    struct client *client = NULL;
    const struct ag_json_value *result = NULL;
    if (client_open(cli, &client) != AG_OK) {
        return CLI_USAGE;
    }
    char params[64];
    int length = cli_has(cli, CLI_OPT_FROM)
                     ? snprintf(params, sizeof(params), "[%llu,%llu]", (unsigned long long)from,
                                (unsigned long long)count)
                     : snprintf(params, sizeof(params), "[null,%llu]", (unsigned long long)count);
    enum ag_err err = client_call(client, "aegis_listBatches",
                                  ag_bytes_of(params, (size_t)length), &result);
    int status;
    if (err != AG_OK) {
        status = client_fail(cli, client, err, "listing batches");
    } else {
        status = cli_has(cli, CLI_OPT_JSON) ? cli_print_result(cli, result)
                                            : cli_print_batches(cli, result);
    }
    client_close(client);
    return status;
}

static uint64_t number_of(const struct ag_json_value *object, const char *key)
{
    uint64_t number = 0;
    return ag_json_u64(ag_json_get(object, key), &number) == AG_OK ? number : 0;
}

int cli_print_batches(struct cli *cli, const struct ag_json_value *result)
{
    const struct ag_json_value *list = ag_json_get(result, "batches");
    list = list == NULL ? result : list;
    enum ag_err err = ag_vec_printf(&cli->text, "%10s %8s %8s  %s\n", "number", "included",
                                    "covered", "digest");
    for (size_t i = 0; i < ag_json_count(list) && err == AG_OK; i++) {
        const struct ag_json_value *batch = ag_json_at(list, i);
        const char *digest = ag_json_string(ag_json_get(batch, "digest"), NULL);
        err = ag_vec_printf(&cli->text, "%10llu %8llu %8llu  %.34s\n",
                            (unsigned long long)number_of(batch, "number"),
                            (unsigned long long)number_of(batch, "txCount"),
                            (unsigned long long)number_of(batch, "admissionCount"),
                            digest == NULL ? "" : digest);
    }
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, "printing", NULL);
}

int cmd_batch_show(struct cli *cli)
{
    char params[64];
    uint64_t number = 0;
    if (cli->argument_count > 1 ||
        (cli->argument_count == 1 &&
         ag_u64_parse(cli->arguments[0], strlen(cli->arguments[0]), false, &number) != AG_OK)) {
        return cli_usage(cli, "one batch number, or none for the newest");
    }
    int length = cli->argument_count == 0
                     ? snprintf(params, sizeof(params), "[\"latest\"]")
                     : snprintf(params, sizeof(params), "[%llu]", (unsigned long long)number);
    return cli_simple_call(cli, "aegis_getBatch", ag_bytes_of(params, (size_t)length));
}

int cmd_batch_export(struct cli *cli)
{
    uint64_t number = 0;
    if (cli->argument_count != 1 || ag_u64_parse(cli->arguments[0], strlen(cli->arguments[0]),
                                                 false, &number) != AG_OK) {
        return cli_usage(cli, "one batch number");
    }
    struct client *client = NULL;
    if (client_open(cli, &client) != AG_OK) {
        return CLI_USAGE;
    }
    char path[64];
    (void)snprintf(path, sizeof(path), "/v1/batches/%llu", (unsigned long long)number);
    enum ag_err err = client_get(client, path, &cli->text);
    int status = err == AG_OK ? cli_flush(cli) : client_fail(cli, client, err, path);
    client_close(client);
    return status;
}

/* ---- judging a file ---------------------------------------------------------------------------------- */

static int read_expectations(struct cli *cli, struct ag_batch_expect *expect)
{
    const char *parent = cli_value(cli, CLI_OPT_PARENT, NULL);
    const struct ag_host *host = ag_host_system();
    if (parent != NULL) {
        if (ag_hex_decode(parent, strlen(parent),
                          (struct ag_buf){expect->parent.bytes, AG_HASH_SIZE}) != AG_OK) {
            return cli_usage(cli, "--parent is not a digest of 48 bytes in hex");
        }
        expect->has_parent = true;
    }
    if (cli_has(cli, CLI_OPT_NOW)) {
        expect->now_ms = host->now_ms(host->context);
    }
    return CLI_DONE;
}

static const char *claim_result(const struct ag_batch_verdict *verdict, const char *name)
{
    for (size_t i = 0; i < verdict->claim_count; i++) {
        if (strcmp(verdict->claims[i].name, name) == 0) {
            return verdict->claims[i].result == AG_CLAIM_PASSED ? "ok" : "FAILED";
        }
    }
    return "not judged";
}

static enum ag_err print_verdict(struct cli *cli, const struct ag_batch_verdict *verdict)
{
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json_out out;
        cli_json_begin(cli, &out);
        ag_batch_verdict_json(verdict, &out, NULL);
        AG_TRY(ag_json_finish(&out));
        return ag_vec_append(&cli->text, AG_LITERAL("\n"));
    }
    if (!cli_has(cli, CLI_OPT_QUIET)) {
        AG_TRY(ag_batch_verdict_print(verdict, &cli->text));
    }
    return ag_vec_printf(
        &cli->text,
        "%s: batch %llu, %u transactions in the order the heads give, ML-DSA-87 %s, "
        "SLH-DSA-SHA2-256s %s, evidence %s %s\n",
        verdict->is_accepted ? "verified" : "refused", (unsigned long long)verdict->header.number,
        verdict->header.tx_count, claim_result(verdict, "ML-DSA-87 signature"),
        claim_result(verdict, "SLH-DSA-SHA2-256s signature"),
        ag_tee_kind_name(verdict->batch_evidence.tee_kind),
        ag_attest_status_name(verdict->batch_evidence.status));
}

static int judge_file(struct cli *cli, struct ag_bytes file, const struct ag_policy *policy,
                      enum ag_err (*print)(struct cli *cli, const struct ag_batch_verdict *verdict))
{
    struct ag_batch_expect expect = {0};
    struct ag_batch_verdict *verdict = NULL;
    struct ag_pool *pool = NULL;
    uint64_t threads;
    int status = read_expectations(cli, &expect);
    if (status != CLI_DONE || !cli_number(cli, CLI_OPT_THREADS, 0, &threads)) {
        return CLI_USAGE;
    }
    enum ag_err err = ag_pool_open((unsigned)(threads > AG_LIMIT_WORKERS ? 0 : threads), &pool);
    if (err == AG_OK) {
        err = ag_batch_verify(file, policy, &expect, pool, &verdict);
    }
    ag_pool_close(pool);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "judging the batch", NULL);
    }
    bool is_accepted = verdict->is_accepted;
    err = print(cli, verdict);
    ag_batch_verdict_close(verdict);
    status = err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, "printing", NULL);
    return status == CLI_DONE && !is_accepted ? CLI_VERDICT_NO : status;
}

static int with_file(struct cli *cli,
                     enum ag_err (*print)(struct cli *cli, const struct ag_batch_verdict *verdict))
{
    struct ag_vec file AG_SCOPED(ag_vec_close);
    int status = CLI_DONE;
    ag_vec_init(&file, AG_LIMIT_BATCH_FILE_BYTES);
    if (cli->argument_count != 1) {
        return cli_usage(cli, "one file, or - for standard input");
    }
    enum ag_err err = cli_read_file(cli->arguments[0], AG_LIMIT_BATCH_FILE_BYTES, &file);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, cli->arguments[0], NULL);
    }
    struct ag_policy *policy = cli_policy(cli, &status);
    if (policy == NULL) {
        return status;
    }
    status = judge_file(cli, ag_vec_view(&file), policy, print);
    ag_policy_close(policy);
    return status;
}

int cmd_batch_verify(struct cli *cli)
{
    return with_file(cli, print_verdict);
}

static enum ag_err print_evidence(struct cli *cli, const struct ag_batch_verdict *verdict)
{
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json_out out;
        cli_json_begin(cli, &out);
        ag_json_object(&out, NULL);
        ag_verdict_json(&verdict->bundle_evidence, &out, "bundleEvidence");
        ag_verdict_json(&verdict->batch_evidence, &out, "batchEvidence");
        ag_json_end(&out);
        AG_TRY(ag_json_finish(&out));
        return ag_vec_append(&cli->text, AG_LITERAL("\n"));
    }
    AG_TRY(ag_vec_printf(&cli->text, "evidence over the key bundle:\n"));
    AG_TRY(ag_verdict_print(&verdict->bundle_evidence, &cli->text));
    AG_TRY(ag_vec_printf(&cli->text, "evidence over the batch header:\n"));
    return ag_verdict_print(&verdict->batch_evidence, &cli->text);
}

int cmd_evidence_verify(struct cli *cli)
{
    return with_file(cli, print_evidence);
}

/* ---- receipts ---------------------------------------------------------------------------------------- */

static enum ag_err get_receipt(struct client *client, const char *method, const char *params,
                               struct ag_vec *out)
{
    const struct ag_json_value *result = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes bytes;
    ag_arena_init(&arena, 2u * AG_LIMIT_RECEIPT_BYTES);
    AG_TRY(client_call(client, method, ag_bytes_of(params, strlen(params)), &result));
    size_t length = 0;
    const char *text = ag_json_string(result, &length);
    if (text == NULL) {
        text = ag_json_string(ag_json_get(result, "receipt"), &length);
    }
    AG_ENSURE(text != NULL, AG_ERR_NET_PROTOCOL);
    AG_TRY(ag_hex_decode_arena(text, length, AG_LIMIT_RECEIPT_BYTES, &arena, &bytes));
    return ag_vec_append(out, bytes);
}

int cmd_receipt_get(struct cli *cli)
{
    char params[80];
    struct client *client = NULL;
    if (cli->argument_count != 1 || !cli_id_params(cli->arguments[0], params)) {
        return cli_usage(cli, "an envelope id is 32 bytes in hex");
    }
    if (!cli_has(cli, CLI_OPT_OUT)) {
        return cli_usage(cli, "--out FILE is needed: a receipt is binary");
    }
    if (client_open(cli, &client) != AG_OK) {
        return CLI_USAGE;
    }
    enum ag_err err = get_receipt(client, "aegis_getOutcomeReceipt", params, &cli->text);
    if (err == AG_ERR_NOT_FOUND) {
        err = get_receipt(client, "aegis_getAdmissionReceipt", params, &cli->text);
    }
    int status = err == AG_OK ? cli_flush(cli) : client_fail(cli, client, err, "the receipt");
    client_close(client);
    return status;
}

struct receipt_report {
    const char *kind;
    enum ag_err err;
    struct ag_fault fault;
    uint64_t admission;
    uint64_t batch;
    uint64_t deadline_ms;
    struct ag_id envelope_id;
    bool is_included;
    uint32_t reason;
};

static void judge_receipt(struct ag_bytes bytes, struct ag_bytes bundle,
                          struct receipt_report *report)
{
    struct ag_admission_receipt admission;
    struct ag_outcome_receipt outcome;
    struct ag_batch_header header;
    if (ag_admission_receipt_decode(bytes, &admission, &report->fault) == AG_OK) {
        report->kind = "admission";
        report->admission = admission.leaf.admission;
        report->deadline_ms = admission.leaf.deadline_ms;
        report->envelope_id = admission.leaf.envelope_id;
        report->err = ag_admission_receipt_verify(&admission, bundle, &report->fault);
        return;
    }
    report->err = ag_outcome_receipt_decode(bytes, &outcome, &report->fault);
    if (report->err != AG_OK) {
        report->kind = "unknown";
        return;
    }
    report->is_included = outcome.outcome.status == AG_OUTCOME_INCLUDED;
    report->kind = report->is_included ? "inclusion" : "exclusion";
    report->reason = outcome.outcome.reason;
    report->admission = outcome.outcome.admission;
    report->envelope_id = outcome.outcome.envelope_id;
    if (ag_batch_header_decode(outcome.header, &header, NULL) == AG_OK) {
        report->batch = header.number;
    }
    report->err = ag_outcome_receipt_verify(&outcome, bundle, &report->fault);
}

static enum ag_err print_receipt(struct cli *cli, const struct receipt_report *report)
{
    char id[65];
    ag_hex_encode(AG_VIEW(&report->envelope_id), id);
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json_out out;
        cli_json_begin(cli, &out);
        ag_json_object(&out, NULL);
        ag_json_put_bool(&out, "accepted", report->err == AG_OK);
        ag_json_put_string(&out, "kind", report->kind);
        ag_json_put_string(&out, "reason", report->err == AG_OK ? "path and signatures hold"
                                                                : ag_err_text(report->err));
        ag_json_put_string(&out, "envelopeId", id);
        ag_json_put_u64(&out, "admission", report->admission);
        ag_json_put_u64(&out, "batch", report->batch);
        if (report->reason != 0) {
            ag_json_put_string(&out, "excludedFor", ag_err_name((enum ag_err)report->reason));
        }
        ag_json_end(&out);
        AG_TRY(ag_json_finish(&out));
        return ag_vec_append(&cli->text, AG_LITERAL("\n"));
    }
    AG_TRY(ag_vec_printf(&cli->text, "%s: %s receipt, admission %llu",
                         report->err == AG_OK ? "verified" : "refused", report->kind,
                         (unsigned long long)report->admission));
    if (report->batch != 0) {
        AG_TRY(ag_vec_printf(&cli->text, ", batch %llu", (unsigned long long)report->batch));
    }
    if (report->reason != 0) {
        AG_TRY(ag_vec_printf(&cli->text, ", excluded: %s",
                             ag_err_text((enum ag_err)report->reason)));
    }
    if (report->err != AG_OK) {
        AG_TRY(ag_vec_printf(&cli->text, "; %s (%s)", ag_err_text(report->err),
                             report->fault.field == NULL ? "receipt" : report->fault.field));
    }
    return ag_vec_printf(&cli->text, "\nenvelope %s\n", id);
}

/* The bundle of --bundle, or that of a node whose evidence passes. */
static int get_bundle(struct cli *cli, struct ag_vec *out)
{
    const char *path = cli_value(cli, CLI_OPT_BUNDLE, NULL);
    if (path != NULL) {
        enum ag_err err = ag_file_read(path, AG_LIMIT_BUNDLE_BYTES, out);
        return err == AG_OK ? CLI_DONE : cli_fail(cli, err, NULL, path, NULL);
    }
    struct client *client = NULL;
    struct identity *identity AG_SCOPED(ag_free_cleanup) = ag_alloc(sizeof(*identity));
    if (identity == NULL || client_open(cli, &client) != AG_OK) {
        return CLI_USAGE;
    }
    int status = client_identity(cli, client, identity);
    if (status == CLI_DONE &&
        ag_vec_append(out, ag_vec_view(&identity->bundle_bytes)) != AG_OK) {
        status = CLI_ERROR_BASE + AG_CLASS_HOST;
    }
    client_identity_close(identity);
    client_close(client);
    return status;
}

int cmd_receipt_verify(struct cli *cli)
{
    struct ag_vec receipt AG_SCOPED(ag_vec_close);
    struct ag_vec bundle AG_SCOPED(ag_vec_close);
    struct receipt_report report = {0};
    ag_vec_init(&receipt, AG_LIMIT_RECEIPT_BYTES);
    ag_vec_init(&bundle, AG_LIMIT_BUNDLE_BYTES);
    if (cli->argument_count != 1) {
        return cli_usage(cli, "one file, or - for standard input");
    }
    enum ag_err err = cli_read_file(cli->arguments[0], AG_LIMIT_RECEIPT_BYTES, &receipt);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, cli->arguments[0], NULL);
    }
    int status = get_bundle(cli, &bundle);
    if (status != CLI_DONE) {
        return status;
    }
    judge_receipt(ag_vec_view(&receipt), ag_vec_view(&bundle), &report);
    err = print_receipt(cli, &report);
    status = err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, "printing", NULL);
    return status == CLI_DONE && report.err != AG_OK ? CLI_VERDICT_NO : status;
}
