/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool cli_has(const struct cli *cli, enum cli_option option)
{
    return cli->values[option] != NULL;
}

const char *cli_value(const struct cli *cli, enum cli_option option, const char *fallback)
{
    return cli->values[option] != NULL ? cli->values[option] : fallback;
}

static const char *option_name(enum cli_option option)
{
    static const char *const names[] = {
#define X(name, text, has_value, help) text,
        CLI_OPTIONS(X)
#undef X
    };
    return names[option];
}

bool cli_number(const struct cli *cli, enum cli_option option, uint64_t fallback, uint64_t *out)
{
    const char *text = cli->values[option];
    if (text == NULL) {
        *out = fallback;
        return true;
    }
    if (ag_u64_parse(text, strlen(text), true, out) != AG_OK) {
        fprintf(stderr, "aegis %s: --%s %s is not a number from 0 to 2^64 - 1\n",
                cli->command->name, option_name(option), text);
        return false;
    }
    return true;
}

static void print_json_error(struct cli *cli, enum ag_err err, const struct ag_fault *fault,
                             const char *what, const char *hint)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    struct ag_json_out out;
    ag_vec_init(&text, 65536);
    ag_json_begin(&out, &text, true);
    ag_json_object(&out, NULL);
    ag_json_object(&out, "error");
    ag_json_put_string(&out, "command", cli->command->name);
    ag_json_put_string(&out, "error", ag_err_name(err));
    ag_json_put_string(&out, "class", ag_err_class_name(ag_err_class(err)));
    ag_json_put_string(&out, "message", ag_err_text(err));
    if (what != NULL) {
        ag_json_put_string(&out, "while", what);
    }
    if (fault != NULL && fault->field != NULL) {
        ag_json_put_string(&out, "field", fault->field);
        if (fault->has_limit) {
            ag_json_put_u64(&out, "limit", fault->limit);
            ag_json_put_u64(&out, "got", fault->got);
        }
    }
    if (hint != NULL) {
        ag_json_put_string(&out, "hint", hint);
    }
    ag_json_end(&out);
    ag_json_end(&out);
    if (ag_json_finish(&out) == AG_OK) {
        fprintf(stderr, "%.*s\n", (int)text.size, (const char *)text.data);
    }
}

int cli_fail(struct cli *cli, enum ag_err err, const struct ag_fault *fault, const char *what,
             const char *hint)
{
    if (cli_has(cli, CLI_OPT_JSON)) {
        print_json_error(cli, err, fault, what, hint);
        return CLI_ERROR_BASE + (int)ag_err_class(err);
    }
    fprintf(stderr, "aegis %s: %s%s%s", cli->command->name, what == NULL ? "" : what,
            what == NULL ? "" : ": ", ag_err_text(err));
    if (fault != NULL && fault->field != NULL) {
        fprintf(stderr, " (%s", fault->field);
        if (fault->has_limit) {
            fprintf(stderr, ": limit %llu, got %llu", (unsigned long long)fault->limit,
                    (unsigned long long)fault->got);
        }
        fprintf(stderr, ")");
    }
    fprintf(stderr, " [%s]\n", ag_err_name(err));
    if (hint != NULL) {
        fprintf(stderr, "%s\n", hint);
    }
    return CLI_ERROR_BASE + (int)ag_err_class(err);
}

int cli_usage(struct cli *cli, const char *problem)
{
    fprintf(stderr, "aegis %s: %s\nusage: aegis %s %s\nSee aegis %s --help.\n",
            cli->command->name, problem, cli->command->name, cli->command->arguments,
            cli->command->name);
    return CLI_USAGE;
}

int cli_flush(struct cli *cli)
{
    const char *path = cli->values[CLI_OPT_OUT];
    if (path != NULL) {
        enum ag_err err = ag_file_write(path, ag_vec_view(&cli->text), 0644);
        return err == AG_OK ? CLI_DONE : cli_fail(cli, err, NULL, path, NULL);
    }
    size_t written = fwrite(cli->text.data, 1, cli->text.size, stdout);
    if (written != cli->text.size || fflush(stdout) != 0) {
        return cli_fail(cli, AG_ERR_IO, NULL, "standard output", NULL);
    }
    return CLI_DONE;
}

void cli_json_begin(struct cli *cli, struct ag_json_out *out)
{
    ag_json_begin(out, &cli->text, true);
}

void cli_path(const struct cli *cli, const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/%s", cli->dir, name);
}

enum ag_err cli_read_file(const char *path, size_t limit, struct ag_vec *out)
{
    if (strcmp(path, "-") != 0) {
        return ag_file_read(path, limit, out);
    }
    uint8_t buffer[4096];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        AG_ENSURE(got >= 0, AG_ERR_IO);
        if (got == 0) {
            return AG_OK;
        }
        AG_ENSURE(out->size + (size_t)got <= limit, AG_ERR_WIRE_LIMIT);
        AG_TRY(ag_vec_append(out, ag_bytes_of(buffer, (size_t)got)));
    }
}

struct ag_policy *cli_policy(struct cli *cli, int *out_status)
{
    char path[2048];
    cli_path(cli, "policy", path, sizeof(path));
    const char *name = cli_value(cli, CLI_OPT_POLICY, path);

    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES);
    enum ag_err err = ag_file_read(name, AG_LIMIT_TEXT_BYTES, &text);
    if (err != AG_OK) {
        *out_status = cli_fail(cli, err, NULL, name,
                               "A policy says which evidence is accepted. Name one with --policy, "
                               "or make one with `aegis init`.");
        return NULL;
    }
    struct ag_policy *policy = NULL;
    struct ag_fault fault = {0};
    unsigned line = 0;
    err = ag_policy_parse(ag_vec_view(&text), &policy, &line, &fault);
    if (err != AG_OK) {
        char what[2200];
        (void)snprintf(what, sizeof(what), "%s:%u", name, line);
        *out_status = cli_fail(cli, err, &fault, what, NULL);
        return NULL;
    }
    return policy;
}
