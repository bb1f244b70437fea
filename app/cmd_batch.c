/* SPDX-License-Identifier: Apache-2.0 */
/* batch list, show, export, verify; evidence verify: history, judged. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "crypto/crypto.h"
#include "verify/verify.h"
#include "wire/wire.h"

#define COUNT_DEFAULT 20u

/* ---- reading from a node --------------------------------------------------------------------- */

static uint64_t number_of(const struct ag_json_value *object, const char *key)
{
    uint64_t number = 0;
    return ag_json_u64(ag_json_get(object, key), &number) == AG_OK ? number : 0;
}

static const char *string_of(const struct ag_json_value *object, const char *key)
{
    const char *text = ag_json_string(ag_json_get(object, key), NULL);
    return text == NULL ? "" : text;
}

static enum ag_err print_batches(struct cli *cli, const struct ag_json_value *list)
{
    AG_TRY(ag_vec_printf(&cli->text, "%8s  %-24s %8s %8s  %s\n", "number", "time", "included",
                         "excluded", "digest"));
    for (size_t i = 0; i < ag_json_count(list); i++) {
        const struct ag_json_value *batch = ag_json_at(list, i);
        char digest[35];
        char time[CLI_TIME_SIZE];
        uint64_t included = number_of(batch, "txCount");
        uint64_t covered = number_of(batch, "admissionCount");
        cli_printable(string_of(batch, "digest"), digest, sizeof(digest));
        cli_time(number_of(batch, "timeMs"), time);
        AG_TRY(ag_vec_printf(
            &cli->text, "%8llu  %-24s %8llu %8llu  %s\n",
            (unsigned long long)number_of(batch, "number"), time, (unsigned long long)included,
            (unsigned long long)(covered < included ? 0 : covered - included), digest));
    }
    if (ag_json_count(list) == 0) {
        AG_TRY(ag_vec_printf(&cli->text, "no batches\n"));
    }
    return AG_OK;
}

int cmd_batch_list(struct cli *cli)
{
    uint64_t from;
    uint64_t count;
    char params[64];
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    const struct ag_json_value *result = NULL;
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes no argument \"%.100s\"; see --from and --count",
                         cli->arguments[0]);
    }
    if (!cli_number(cli, CLI_OPT_FROM, 0, INT64_MAX, &from) ||
        !cli_number(cli, CLI_OPT_COUNT, COUNT_DEFAULT, AG_LIMIT_RPC_LIST, &count)) {
        return CLI_USAGE;
    }
    int status = client_open(cli, &client);
    if (status != CLI_DONE) {
        return status;
    }
    int length = cli_has(cli, CLI_OPT_FROM)
                     ? snprintf(params, sizeof(params), "[%llu,%llu]", (unsigned long long)from,
                                (unsigned long long)count)
                     : snprintf(params, sizeof(params), "[null,%llu]", (unsigned long long)count);
    enum ag_err err =
        client_call(client, "aegis_listBatches", ag_bytes_of(params, (size_t)length), &result);
    if (err == AG_OK && ag_json_type(result) != AG_JSON_ARRAY) {
        err = AG_ERR_NET_PROTOCOL;
    }
    if (err != AG_OK) {
        return client_fail(cli, client, err, "listing batches");
    }
    return cli_has(cli, CLI_OPT_JSON) ? cli_print_result(cli, result)
                                      : cli_end(cli, print_batches(cli, result));
}

/* ---- one batch ------------------------------------------------------------------------------- */

static enum ag_err print_outcomes(struct cli *cli, const struct ag_json_value *list, uint64_t all)
{
    size_t count = ag_json_count(list);
    AG_TRY(ag_vec_printf(&cli->text, "%zu of %llu outcome%s, in the order of the plan:\n", count,
                         (unsigned long long)all, CLI_PLURAL(all)));
    for (size_t i = 0; i < count; i++) {
        const struct ag_json_value *outcome = ag_json_at(list, i);
        char id[68];
        char status[16];
        char reason[128];
        cli_printable(string_of(outcome, "envelopeId"), id, sizeof(id));
        cli_printable(string_of(outcome, "status"), status, sizeof(status));
        cli_printable(string_of(outcome, "reasonText"), reason, sizeof(reason));
        AG_TRY(ag_vec_printf(&cli->text, "  %8llu  %s  %s%s%s\n",
                             (unsigned long long)number_of(outcome, "admission"), id, status,
                             reason[0] == '\0' ? "" : ": ", reason));
    }
    return AG_OK;
}

/* Two calls become one answer: the header, then what became of its envelopes. */
static enum ag_err show(struct cli *cli, struct client *client, const char *number, uint64_t count)
{
    const struct ag_json_value *result = NULL;
    struct ag_json_out out;
    char params[64];
    bool is_json = cli_has(cli, CLI_OPT_JSON);
    int length = snprintf(params, sizeof(params), "[%s]", number);
    AG_TRY(client_call(client, "aegis_getBatch", ag_bytes_of(params, (size_t)length), &result));
    AG_ENSURE(ag_json_type(result) == AG_JSON_OBJECT, AG_ERR_NET_PROTOCOL);
    uint64_t all = number_of(result, "admissionCount");
    uint64_t found = number_of(result, "number");
    if (!is_json) {
        AG_TRY(cli_print_members(cli, result));
    } else {
        cli_json_begin(cli, &out);
        ag_json_object(&out, NULL);
        for (size_t i = 0; i < ag_json_count(result); i++) {
            const char *key = NULL;
            const struct ag_json_value *value = ag_json_member(result, i, &key);
            ag_json_put_value(&out, key, value);
        }
    }
    /* "latest" may be another one by now. */
    length = snprintf(params, sizeof(params), "[%llu,0,%llu]", (unsigned long long)found,
                      (unsigned long long)count);
    AG_TRY(client_call(client, "aegis_getBatchOutcomes", ag_bytes_of(params, (size_t)length),
                       &result));
    const struct ag_json_value *list = ag_json_get(result, "outcomes");
    list = list == NULL ? result : list;
    AG_ENSURE(ag_json_type(list) == AG_JSON_ARRAY, AG_ERR_NET_PROTOCOL);
    if (!is_json) {
        return print_outcomes(cli, list, all);
    }
    ag_json_put_value(&out, "outcomes", list);
    ag_json_end(&out);
    return cli_json_end(cli, &out);
}

int cmd_batch_show(struct cli *cli)
{
    char text[32] = "\"latest\"";
    uint64_t number = 0;
    uint64_t count;
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    if (cli->argument_count > 1 ||
        (cli->argument_count == 1 &&
         ag_u64_parse(cli->arguments[0], strlen(cli->arguments[0]), false, &number) != AG_OK)) {
        return cli_usage(cli, "one batch number, or none for the newest");
    }
    if (cli->argument_count == 1) {
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    }
    if (!cli_number(cli, CLI_OPT_COUNT, COUNT_DEFAULT, AG_LIMIT_RPC_LIST, &count)) {
        return CLI_USAGE;
    }
    int status = client_open(cli, &client);
    if (status != CLI_DONE) {
        return status;
    }
    enum ag_err err = show(cli, client, text, count);
    return err == AG_OK ? cli_flush(cli) : client_fail(cli, client, err, "showing a batch");
}

int cmd_batch_export(struct cli *cli)
{
    char path[64];
    uint64_t number = 0;
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    if (cli->argument_count != 1 ||
        ag_u64_parse(cli->arguments[0], strlen(cli->arguments[0]), false, &number) != AG_OK) {
        return cli_usage(cli, "one batch number");
    }
    bool is_for_eyes = cli_has(cli, CLI_OPT_JSON) || isatty(STDOUT_FILENO) != 0;
    if (!cli_has(cli, CLI_OPT_OUT) && is_for_eyes) {
        return cli_usage(cli, "--out FILE is needed: a batch is binary");
    }
    int status = client_open(cli, &client);
    if (status != CLI_DONE) {
        return status;
    }
    (void)snprintf(path, sizeof(path), "/v1/batches/%llu", (unsigned long long)number);
    enum ag_err err = client_get(client, path, &cli->text);
    if (err == AG_ERR_NOT_FOUND) {
        return client_fail(cli, client, AG_ERR_BATCH_NUMBER, path);
    }
    return err == AG_OK ? cli_flush(cli) : client_fail(cli, client, err, path);
}

/* ---- judging a file -------------------------------------------------------------------------- */

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
    const char *genesis = cli_value(cli, CLI_OPT_GENESIS, NULL);
    if (genesis != NULL) {
        if (ag_hex_decode(genesis, strlen(genesis),
                          (struct ag_buf){expect->genesis.bytes, AG_HASH_SIZE}) != AG_OK) {
            return cli_usage(cli, "--genesis is not a digest of 48 bytes in hex");
        }
        expect->has_genesis = true;
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

static enum ag_err print_claims(struct cli *cli, const struct ag_batch_verdict *verdict)
{
    static const char *const words[] = {[AG_CLAIM_NOT_APPLICABLE] = "not asked",
                                        [AG_CLAIM_PASSED] = "ok",
                                        [AG_CLAIM_FAILED] = "FAILED"};
    for (size_t i = 0; i < verdict->claim_count; i++) {
        const struct ag_claim *claim = &verdict->claims[i];
        AG_TRY(
            ag_vec_printf(&cli->text, "  %-10s %-28s  %s\n",
                          words[claim->result <= AG_CLAIM_FAILED ? claim->result : AG_CLAIM_FAILED],
                          claim->name, claim->reason));
    }
    AG_TRY(cli_print_evidence(cli, "  evidence over the key bundle", &verdict->bundle_evidence));
    return cli_print_evidence(cli, "  evidence over the batch header", &verdict->batch_evidence);
}

static enum ag_err print_verdict(struct cli *cli, const struct ag_batch_verdict *verdict)
{
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json_out out;
        cli_json_begin(cli, &out);
        ag_batch_verdict_json(verdict, &out, NULL);
        return cli_json_end(cli, &out);
    }
    if (!cli_has(cli, CLI_OPT_QUIET)) {
        AG_TRY(print_claims(cli, verdict));
    }
    return ag_vec_printf(
        &cli->text,
        "%s: batch %llu, %u transaction%s in the order the heads give, ML-DSA-87 %s, "
        "SLH-DSA-SHA2-256s %s, evidence %s %s\n",
        verdict->is_accepted ? "verified" : "refused", (unsigned long long)verdict->header.number,
        verdict->header.tx_count, CLI_PLURAL(verdict->header.tx_count),
        claim_result(verdict, "ML-DSA-87 signature"),
        claim_result(verdict, "SLH-DSA-SHA2-256s signature"),
        ag_tee_kind_name(verdict->batch_evidence.tee_kind),
        ag_attest_status_name(verdict->batch_evidence.status));
}

/* How a command prints the verdict. */
typedef enum ag_err print_fn(struct cli *cli, const struct ag_batch_verdict *verdict);

static int judge_file(struct cli *cli, struct ag_bytes file, const struct ag_policy *policy,
                      print_fn *print, bool *out_is_accepted)
{
    struct ag_batch_expect expect = {0};
    struct ag_batch_verdict *verdict = NULL;
    struct ag_pool *pool = NULL;
    uint64_t threads;
    int status = read_expectations(cli, &expect);
    if (status != CLI_DONE || !cli_number(cli, CLI_OPT_THREADS, 0, AG_LIMIT_WORKERS, &threads)) {
        return CLI_USAGE;
    }
    enum ag_err err = ag_pool_open((unsigned)threads, &pool);
    if (err == AG_OK) {
        err = ag_batch_verify(file, policy, &expect, pool, &verdict);
    }
    ag_pool_close(pool);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "judging the batch", NULL);
    }
    /* The commands that judge evidence alone say no for it alone. */
    *out_is_accepted = print == print_verdict ? verdict->is_accepted
                                              : verdict->bundle_evidence.is_accepted &&
                                                    verdict->batch_evidence.is_accepted;
    err = print(cli, verdict);
    ag_batch_verdict_close(verdict);
    return cli_end(cli, err);
}

static int with_file(struct cli *cli, print_fn *print)
{
    struct ag_vec file AG_SCOPED(ag_vec_close);
    struct ag_policy *policy AG_SCOPED(cli_policy_cleanup) = NULL;
    int status = CLI_DONE;
    bool is_accepted = false;
    ag_vec_init(&file, AG_LIMIT_BATCH_FILE_BYTES);
    if (cli->argument_count != 1) {
        return cli_usage(cli, "one file, or - for standard input");
    }
    policy = cli_policy(cli, &status);
    if (policy == NULL) {
        return status;
    }
    status = cli_read_file(cli, cli->arguments[0], "the batch", AG_LIMIT_BATCH_FILE_BYTES, &file);
    if (status == CLI_DONE) {
        status = judge_file(cli, ag_vec_view(&file), policy, print, &is_accepted);
    }
    return status == CLI_DONE && !is_accepted ? CLI_VERDICT_NO : status;
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
        return cli_json_end(cli, &out);
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
