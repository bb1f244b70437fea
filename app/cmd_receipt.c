/* SPDX-License-Identifier: Apache-2.0 */
/* receipt get, verify: promises, and whether they hold. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "cmd_tx_i.h"
#include "wire/wire.h"

/* ---- get ------------------------------------------------------------------------------------- */

/* The receipt in the answer to a call, as bytes appended to `out`. */
static enum ag_err fetch(struct client *client, const char *method, const char *params,
                         struct ag_vec *out)
{
    const struct ag_json_value *result = NULL;
    AG_TRY(client_call(client, method, ag_bytes_of(params, strlen(params)), &result));
    return client_hex(result, "receipt", AG_LIMIT_RECEIPT_BYTES, out);
}

static enum ag_err print_fetched(struct cli *cli, const char *kind, struct ag_bytes receipt)
{
    struct ag_json_out out;
    if (cli_has(cli, CLI_OPT_OUT)) {
        return ag_vec_append(&cli->text, receipt);
    }
    if (!cli_has(cli, CLI_OPT_JSON)) {
        return cli_put_hex_line(cli, receipt);
    }
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_string(&out, "kind", kind);
    ag_json_put_hex(&out, "receipt", receipt);
    ag_json_end(&out);
    return cli_json_end(cli, &out);
}

int cmd_receipt_get(struct cli *cli)
{
    char params[CLI_ID_PARAMS_SIZE];
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    struct ag_vec receipt AG_SCOPED(ag_vec_close);
    const char *kind = "outcome";
    ag_vec_init(&receipt, AG_LIMIT_RECEIPT_BYTES);
    if (cli->argument_count != 1 || !cli_id_params(cli->arguments[0], params)) {
        return cli_usage(cli, "an envelope id is 32 bytes in hex");
    }
    int status = client_open(cli, &client);
    if (status != CLI_DONE) {
        return status;
    }
    enum ag_err err = fetch(client, "aegis_getOutcomeReceipt", params, &receipt);
    if (err == AG_ERR_NOT_FOUND) {
        kind = "admission";
        err = fetch(client, "aegis_getAdmissionReceipt", params, &receipt);
    }
    return err == AG_OK ? cli_end(cli, print_fetched(cli, kind, ag_vec_view(&receipt)))
                        : client_fail(cli, client, err, "the receipt");
}

/* ---- verify ---------------------------------------------------------------------------------- */

struct report {
    const char *kind; /* NULL: no receipt of any kind */
    enum ag_err err;
    struct ag_fault fault;
    uint64_t admission;
    uint64_t batch; /* 0: none */
    uint64_t deadline_ms;
    struct ag_id envelope_id;
    uint32_t reason; /* enum ag_err of an exclusion, else 0 */
};

static void judge_admission(const struct ag_admission_receipt *receipt, struct ag_bytes bundle,
                            struct report *report)
{
    report->kind = "admission";
    report->admission = receipt->leaf.admission;
    report->deadline_ms = receipt->leaf.deadline_ms;
    report->envelope_id = receipt->leaf.envelope_id;
    report->err = ag_admission_receipt_verify(receipt, bundle, &report->fault);
}

static void judge_outcome(const struct ag_outcome_receipt *receipt, struct ag_bytes bundle,
                          struct report *report)
{
    struct ag_batch_header header;
    report->kind = receipt->outcome.status == AG_OUTCOME_INCLUDED ? "inclusion" : "exclusion";
    report->reason = receipt->outcome.reason;
    report->admission = receipt->outcome.admission;
    report->envelope_id = receipt->outcome.envelope_id;
    if (ag_batch_header_decode(receipt->header, &header, NULL) == AG_OK) {
        report->batch = header.number;
    }
    report->err = ag_outcome_receipt_verify(receipt, bundle, &report->fault);
}

static void judge(struct ag_bytes bytes, struct ag_bytes bundle, struct report *report)
{
    struct ag_admission_receipt admission;
    struct ag_outcome_receipt outcome;
    struct ag_fault fault = {0};
    enum ag_err err = ag_admission_receipt_decode(bytes, &admission, &fault);
    if (err == AG_OK) {
        judge_admission(&admission, bundle, report);
        return;
    }
    report->err = ag_outcome_receipt_decode(bytes, &outcome, &report->fault);
    if (report->err == AG_OK) {
        judge_outcome(&outcome, bundle, report);
    } else if (report->err == AG_ERR_WIRE_VERSION && err != AG_ERR_WIRE_VERSION) {
        /* It begins like an admission receipt, so what is wrong with it as such is the news. */
        report->err = err;
        report->fault = fault;
    }
}

static enum ag_err print_json(struct cli *cli, const struct report *report)
{
    struct ag_json_out out;
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_bool(&out, "accepted", report->err == AG_OK);
    ag_json_put_string(&out, "kind", report->kind == NULL ? "unknown" : report->kind);
    ag_json_put_string(&out, "reason",
                       report->err == AG_OK ? "path and signatures hold"
                                            : ag_err_text(report->err));
    if (report->err != AG_OK) {
        ag_json_put_string(&out, "error", ag_err_name(report->err));
        ag_json_put_string(&out, "field",
                           report->fault.field == NULL ? "receipt" : report->fault.field);
    }
    if (report->kind != NULL) {
        ag_json_put_hex(&out, "envelopeId", AG_VIEW(&report->envelope_id));
        ag_json_put_u64(&out, "admission", report->admission);
    }
    if (report->deadline_ms != 0) {
        ag_json_put_u64(&out, "deadlineMs", report->deadline_ms);
    }
    if (report->batch != 0) {
        ag_json_put_u64(&out, "batch", report->batch);
    }
    if (report->reason != 0) {
        ag_json_put_string(&out, "excludedFor", ag_err_name((enum ag_err)report->reason));
    }
    ag_json_end(&out);
    return cli_json_end(cli, &out);
}

static enum ag_err print_text(struct cli *cli, const struct report *report)
{
    char id[65];
    char deadline[CLI_TIME_SIZE];
    const char *verdict = report->err == AG_OK ? "verified" : "refused";
    if (report->kind == NULL) {
        return ag_vec_printf(&cli->text, "%s: no receipt: %s (%s)\n", verdict,
                             ag_err_text(report->err),
                             report->fault.field == NULL ? "receipt" : report->fault.field);
    }
    ag_hex_encode(AG_VIEW(&report->envelope_id), id);
    cli_time(report->deadline_ms, deadline);
    AG_TRY(ag_vec_printf(&cli->text, "envelope 0x%s\n%s: %s receipt, admission %llu", id, verdict,
                         report->kind, (unsigned long long)report->admission));
    if (report->deadline_ms != 0) {
        AG_TRY(ag_vec_printf(&cli->text, ", in a batch by %s", deadline));
    }
    if (report->batch != 0) {
        AG_TRY(ag_vec_printf(&cli->text, ", batch %llu", (unsigned long long)report->batch));
    }
    if (report->reason != 0) {
        AG_TRY(
            ag_vec_printf(&cli->text, ", excluded: %s", ag_err_text((enum ag_err)report->reason)));
    }
    if (report->err != AG_OK) {
        AG_TRY(ag_vec_printf(&cli->text, "; %s (%s)", ag_err_text(report->err),
                             report->fault.field == NULL ? "receipt" : report->fault.field));
    }
    return ag_vec_append(&cli->text, AG_LITERAL("\n"));
}

/* The bundle of --bundle, or that of a node whose evidence passes. */
static int get_bundle(struct cli *cli, struct ag_vec *out)
{
    const char *path = cli_value(cli, CLI_OPT_BUNDLE, NULL);
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    struct identity *identity AG_SCOPED(client_identity_cleanup) = NULL;
    struct ag_bundle bundle;
    struct ag_fault fault = {0};
    if (path != NULL) {
        int status = cli_read_file(cli, path, "--bundle", AG_LIMIT_BUNDLE_BYTES, out);
        enum ag_err err = AG_OK;
        if (status == CLI_DONE) {
            err = ag_bundle_decode(ag_vec_view(out), &bundle, &fault);
        }
        return err == AG_OK ? status
                            : cli_fail(cli, err, &fault, path,
                                       "It is no key bundle; `aegis keys --out FILE` writes one.");
    }
    int status = client_open(cli, &client);
    if (status == CLI_DONE) {
        status = client_identity(cli, client, &identity);
    }
    if (status == CLI_DONE && ag_vec_append(out, ag_vec_view(&identity->bundle_bytes)) != AG_OK) {
        return cli_fail(cli, AG_ERR_NO_MEMORY, NULL, NULL, NULL);
    }
    return status;
}

/* A receipt as it came from `receipt get`: binary, or hex as printed without --out. */
static enum ag_err undo_hex(struct ag_vec *receipt)
{
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes bytes;
    size_t size = receipt->size;
    ag_arena_init(&arena, AG_LIMIT_RECEIPT_BYTES + 4096u);
    if (size < 2 || memcmp(receipt->data, "0x", 2) != 0) {
        return AG_OK;
    }
    while (size > 0 && (receipt->data[size - 1] == '\n' || receipt->data[size - 1] == '\r')) {
        size--;
    }
    AG_TRY(ag_hex_decode_arena((const char *)receipt->data, size, AG_LIMIT_RECEIPT_BYTES, &arena,
                               &bytes));
    receipt->size = 0;
    return ag_vec_append(receipt, bytes);
}

int cmd_receipt_verify(struct cli *cli)
{
    struct ag_vec receipt AG_SCOPED(ag_vec_close);
    struct ag_vec bundle AG_SCOPED(ag_vec_close);
    struct report report = {0};
    ag_vec_init(&receipt, 2u * AG_LIMIT_RECEIPT_BYTES + 16u);
    ag_vec_init(&bundle, AG_LIMIT_BUNDLE_BYTES);
    if (cli->argument_count != 1) {
        return cli_usage(cli, "one file, or - for standard input");
    }
    int status = cli_read_file(cli, cli->arguments[0], "the receipt", receipt.limit, &receipt);
    if (status != CLI_DONE) {
        return status;
    }
    enum ag_err err = undo_hex(&receipt);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, cli->arguments[0], "It begins like hex and is not.");
    }
    status = get_bundle(cli, &bundle);
    if (status != CLI_DONE) {
        return status;
    }
    judge(ag_vec_view(&receipt), ag_vec_view(&bundle), &report);
    status = cli_end(cli, cli_has(cli, CLI_OPT_JSON) ? print_json(cli, &report)
                                                     : print_text(cli, &report));
    return status == CLI_DONE && report.err != AG_OK ? CLI_VERDICT_NO : status;
}
