/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* ---- an answer of a node --------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static enum ag_err print_number(struct cli *cli, const char *key, uint64_t number)
{
    AG_TRY(ag_vec_printf(&cli->text, "%-20s %llu", key, (unsigned long long)number));
    /* Instants are Unix milliseconds and durations are not as large: year 2001 and later. */
    if (ends_in(key, "Ms") && number > 1000000000000u) {
        char text[CLI_TIME_SIZE];
        cli_time(number, text);
        AG_TRY(ag_vec_printf(&cli->text, " (%s)", text));
    }
    return ag_vec_append(&cli->text, AG_LITERAL("\n"));
}

static enum ag_err print_string(struct cli *cli, const char *key, const char *value)
{
    char printable[1024];
    uint64_t number = 0;
    cli_printable(value, printable, sizeof(printable));
    AG_TRY(ag_vec_printf(&cli->text, "%-20s %s", key, printable));
    if (strcmp(key, "chainId") == 0 && ag_u64_parse(value, strlen(value), true, &number) == AG_OK) {
        AG_TRY(ag_vec_printf(&cli->text, " (%llu)", (unsigned long long)number));
    }
    return ag_vec_append(&cli->text, AG_LITERAL("\n"));
}

static enum ag_err print_plain(struct cli *cli, const char *key, const struct ag_json_value *value)
{
    uint64_t number = 0;
    switch (ag_json_type(value)) {
    case AG_JSON_STRING:
        return print_string(cli, key, ag_json_string(value, NULL));
    case AG_JSON_NUMBER:
        /* A negative one is nothing that a node of ours says. */
        return ag_json_u64(value, &number) == AG_OK ? print_number(cli, key, number) : AG_OK;
    case AG_JSON_BOOL:
        return print_string(cli, key, ag_json_bool(value, false) ? "yes" : "no");
    case AG_JSON_NULL:
    case AG_JSON_ARRAY:
    case AG_JSON_OBJECT:
        break;
    }
    return AG_OK;
}

enum ag_err cli_print_members(struct cli *cli, const struct ag_json_value *object)
{
    for (size_t i = 0; i < ag_json_count(object); i++) {
        const char *key = NULL;
        char outer[64];
        const struct ag_json_value *value = ag_json_member(object, i, &key);
        if (key == NULL) {
            return AG_ERR_NET_PROTOCOL;
        }
        cli_printable(key, outer, sizeof(outer));
        AG_TRY(print_plain(cli, outer, value));
        for (size_t j = 0; ag_json_type(value) == AG_JSON_OBJECT && j < ag_json_count(value); j++) {
            const char *inner = NULL;
            char printable[64];
            char name[130];
            const struct ag_json_value *member = ag_json_member(value, j, &inner);
            cli_printable(inner, printable, sizeof(printable));
            (void)snprintf(name, sizeof(name), "%s.%s", outer, printable);
            AG_TRY(print_plain(cli, name, member));
        }
    }
    return AG_OK;
}

int cli_print_result(struct cli *cli, const struct ag_json_value *result)
{
    struct ag_json_out out;
    if (!cli_has(cli, CLI_OPT_JSON)) {
        return cli_end(cli, cli_print_members(cli, result));
    }
    cli_json_begin(cli, &out);
    ag_json_put_value(&out, NULL, result);
    return cli_end(cli, cli_json_end(cli, &out));
}

/* ---- a verdict on evidence ------------------------------------------------------------------- */

static const char *mark(enum ag_claim_result result)
{
    switch (result) {
    case AG_CLAIM_PASSED:
        return "ok";
    case AG_CLAIM_FAILED:
        return "FAILED";
    case AG_CLAIM_NOT_APPLICABLE:
    default:
        return "-";
    }
}

enum ag_err cli_print_evidence(struct cli *cli, const char *title, const struct ag_verdict *verdict)
{
    size_t counts[3] = {0};
    AG_TRY(ag_vec_printf(&cli->text, "%s: %s, %s, %s\n", title, ag_tee_kind_name(verdict->tee_kind),
                         ag_attest_status_name(verdict->status),
                         verdict->is_accepted ? "accepted" : "REFUSED"));
    for (size_t i = 0; i < verdict->claim_count; i++) {
        const struct ag_claim *claim = &verdict->claims[i];
        counts[claim->result <= AG_CLAIM_FAILED ? claim->result : AG_CLAIM_FAILED]++;
        if (claim->result == AG_CLAIM_FAILED || cli_has(cli, CLI_OPT_VERBOSE)) {
            AG_TRY(ag_vec_printf(&cli->text, "    %-7s %-31s %s\n", mark(claim->result),
                                 claim->name, claim->reason));
        }
    }
    return ag_vec_printf(&cli->text,
                         "    %zu claims: %zu passed, %zu failed, %zu not asked or not "
                         "reached%s\n",
                         verdict->claim_count, counts[AG_CLAIM_PASSED], counts[AG_CLAIM_FAILED],
                         counts[AG_CLAIM_NOT_APPLICABLE],
                         cli_has(cli, CLI_OPT_VERBOSE) ? "" : "; --verbose lists them");
}
