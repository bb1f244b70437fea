/* SPDX-License-Identifier: Apache-2.0 */
/* init, run, status, order, version, completion: the node as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "crypto/crypto.h"

/* ---- init ---------------------------------------------------------------------------------------- */

static enum ag_err write_config(struct cli *cli, const char *path)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    bool is_simulated = cli_has(cli, CLI_OPT_INSECURE_SIM);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES);
    AG_TRY(ag_vec_printf(&text, "# Configuration of aegisd; every key is in configuration.md.\n"));
    AG_TRY(ag_vec_printf(&text, "data_dir = %s/data\n", cli->dir));
    AG_TRY(ag_vec_printf(&text, "chain_id = %s\n", cli_value(cli, CLI_OPT_CHAIN_ID, "16584")));
    AG_TRY(ag_vec_printf(&text, "listen = %s\n",
                         cli_value(cli, CLI_OPT_LISTEN, "127.0.0.1:7788")));
    AG_TRY(ag_vec_printf(&text, "key_suites = %s\n", cli_value(cli, CLI_OPT_SUITES, "0x0051")));
    if (is_simulated) {
        AG_TRY(ag_vec_printf(&text,
                             "# The simulated hardware protects nothing: it is for trying out.\n"
                             "provider = insecure-sim\nallow_insecure_sim = true\n"
                             "sim_dir = %s/sim-hardware\n",
                             cli->dir));
    } else {
        AG_TRY(ag_vec_printf(&text, "provider = tdx\n"));
    }
    return ag_file_write(path, ag_vec_view(&text), 0600);
}

/* Runs aegisd and takes what it prints. */
static enum ag_err ask_daemon(struct cli *cli, const char *config, struct ag_vec *out)
{
    char program[2048];
    int ends[2];
    (void)snprintf(program, sizeof(program), "%s/aegisd", cli->program_dir);
    AG_ENSURE(pipe2(ends, O_CLOEXEC) == 0, AG_ERR_IO);
    pid_t child = fork();
    if (child == 0) {
        char *const arguments[] = {program, (char[]){"--config"}, strdup(config),
                                   (char[]){"--print-policy"}, NULL};
        (void)dup2(ends[1], STDOUT_FILENO);
        execv(program, arguments);
        _exit(127);
    }
    close(ends[1]);
    enum ag_err err = child < 0 ? AG_ERR_IO : AG_OK;
    uint8_t buffer[4096];
    for (ssize_t got = 1; err == AG_OK && got != 0;) {
        got = read(ends[0], buffer, sizeof(buffer));
        if (got > 0) {
            err = ag_vec_append(out, ag_bytes_of(buffer, (size_t)got));
        } else if (got < 0 && errno != EINTR) {
            err = AG_ERR_IO;
        }
    }
    close(ends[0]);
    int status = 0;
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0)) {
        err = AG_ERR_TEE;
    }
    return err;
}

static enum ag_err write_policy(struct cli *cli, const char *config, const char *path)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES);
    AG_TRY(ag_vec_printf(&text, "# Which evidence clients in this directory accept: the aegisd that "
                                "lies beside this tool,\n# on the hardware of aegis.conf.\n"));
    AG_TRY(ask_daemon(cli, config, &text));
    return ag_file_write(path, ag_vec_view(&text), 0644);
}

int cmd_init(struct cli *cli)
{
    char config[2048];
    char policy[2048];
    cli_path(cli, "aegis.conf", config, sizeof(config));
    cli_path(cli, "policy", policy, sizeof(policy));
    if (mkdir(cli->dir, 0700) != 0 && errno != EEXIST) {
        return cli_fail(cli, AG_ERR_IO, NULL, cli->dir, strerror(errno));
    }
    if (access(config, F_OK) == 0 && !cli_has(cli, CLI_OPT_FORCE)) {
        return cli_fail(cli, AG_ERR_ARGUMENT, NULL, config,
                        "It exists already. --force writes it anew; keys and store stay.");
    }
    enum ag_err err = write_config(cli, config);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, config, NULL);
    }
    err = write_policy(cli, config, policy);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "asking aegisd for a policy",
                        "On a machine without trusted hardware, try --insecure-sim.");
    }
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json_out out;
        cli_json_begin(cli, &out);
        ag_json_object(&out, NULL);
        ag_json_put_string(&out, "configuration", config);
        ag_json_put_string(&out, "policy", policy);
        ag_json_end(&out);
        err = ag_json_finish(&out);
    } else {
        err = ag_vec_printf(&cli->text, "configuration  %s\npolicy         %s\n", config, policy);
    }
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, NULL, NULL);
}

int cmd_run(struct cli *cli)
{
    char program[2048];
    char config[2048];
    char *arguments[64];
    size_t count = 0;
    (void)snprintf(program, sizeof(program), "%s/aegisd", cli->program_dir);
    cli_path(cli, "aegis.conf", config, sizeof(config));
    if (access(config, R_OK) != 0) {
        return cli_fail(cli, AG_ERR_NOT_FOUND, NULL, config, "Make one with `aegis init`.");
    }
    if (cli->argument_count > 32) {
        return cli_usage(cli, "at most 32 flags");
    }
    arguments[count++] = program;
    char flag[] = "--config";
    arguments[count++] = flag;
    arguments[count++] = config;
    for (size_t i = 0; i < cli->argument_count; i++) {
        arguments[count++] = cli->arguments[i];
    }
    arguments[count] = NULL;
    execv(program, arguments);
    return cli_fail(cli, AG_ERR_IO, NULL, program, strerror(errno));
}

/* ---- status -------------------------------------------------------------------------------------- */

static enum ag_err print_plain(struct cli *cli, const char *key, const struct ag_json_value *value)
{
    uint64_t number = 0;
    switch (ag_json_type(value)) {
    case AG_JSON_STRING:
        return ag_vec_printf(&cli->text, "%-20s %s\n", key, ag_json_string(value, NULL));
    case AG_JSON_NUMBER:
        AG_TRY(ag_json_u64(value, &number));
        return ag_vec_printf(&cli->text, "%-20s %llu\n", key, (unsigned long long)number);
    case AG_JSON_BOOL:
        return ag_vec_printf(&cli->text, "%-20s %s\n", key,
                             ag_json_bool(value, false) ? "yes" : "no");
    case AG_JSON_NULL:
    case AG_JSON_ARRAY:
    case AG_JSON_OBJECT:
        break;
    }
    return AG_OK;
}

/* Prints the members of an object as lines, and those of an object in it as `outer.inner`; what
 * lies deeper is for --json. */
static enum ag_err print_members(struct cli *cli, const struct ag_json_value *object)
{
    for (size_t i = 0; i < ag_json_count(object); i++) {
        const char *key = NULL;
        const struct ag_json_value *value = ag_json_member(object, i, &key);
        AG_TRY(print_plain(cli, key, value));
        for (size_t j = 0; ag_json_type(value) == AG_JSON_OBJECT && j < ag_json_count(value);
             j++) {
            const char *inner = NULL;
            char name[96];
            const struct ag_json_value *member = ag_json_member(value, j, &inner);
            (void)snprintf(name, sizeof(name), "%s.%s", key, inner);
            AG_TRY(print_plain(cli, name, member));
        }
    }
    return AG_OK;
}

int cli_print_result(struct cli *cli, const struct ag_json_value *result)
{
    enum ag_err err = AG_OK;
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json_out out;
        cli_json_begin(cli, &out);
        ag_json_put_value(&out, NULL, result);
        err = ag_json_finish(&out);
        if (err == AG_OK) {
            err = ag_vec_append(&cli->text, AG_LITERAL("\n"));
        }
    } else {
        err = print_members(cli, result);
    }
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, "printing", NULL);
}

int cli_simple_call(struct cli *cli, const char *method, struct ag_bytes params)
{
    struct client *client = NULL;
    const struct ag_json_value *result = NULL;
    if (client_open(cli, &client) != AG_OK) {
        return CLI_USAGE;
    }
    enum ag_err err = client_call(client, method, params, &result);
    int status = err == AG_OK ? cli_print_result(cli, result)
                              : client_fail(cli, client, err, method);
    client_close(client);
    return status;
}

int cmd_status(struct cli *cli)
{
    return cli_simple_call(cli, "aegis_nodeStatus", AG_LITERAL("[]"));
}

int cmd_order(struct cli *cli)
{
    if (cli->argument_count == 0) {
        return cli_simple_call(cli, "aegis_getOrderMode", AG_LITERAL("[]"));
    }
    if (cli->argument_count != 1 || strlen(cli->arguments[0]) > 32 ||
        strspn(cli->arguments[0], "abcdefghijklmnopqrstuvwxyz-") != strlen(cli->arguments[0])) {
        return cli_usage(cli, "MODE is risk-aware, asset-protection, migration-aware or hybrid");
    }
    char params[64];
    int length = snprintf(params, sizeof(params), "[\"%s\"]", cli->arguments[0]);
    return cli_simple_call(cli, "aegis_setOrderMode", ag_bytes_of(params, (size_t)length));
}

/* ---- version, completion ---------------------------------------------------------------------------- */

int cmd_version(struct cli *cli)
{
    enum ag_err err;
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json_out out;
        cli_json_begin(cli, &out);
        ag_json_object(&out, NULL);
        ag_json_put_string(&out, "aegis", AEGIS_VERSION);
        ag_json_put_string(&out, "crypto", ag_crypto_version());
        ag_json_end(&out);
        err = ag_json_finish(&out);
    } else {
        err = ag_vec_printf(&cli->text, "aegis %s, %s\n", AEGIS_VERSION, ag_crypto_version());
    }
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, NULL, NULL);
}

static enum ag_err write_completion(struct ag_vec *out)
{
    AG_TRY(ag_vec_printf(out, "# bash completion for aegis; source it, or install it as\n"
                              "# /usr/share/bash-completion/completions/aegis\n"
                              "_aegis() {\n"
                              "    local words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n"
                              "    local current=\"${COMP_WORDS[COMP_CWORD]}\" choices=\"\"\n"
                              "    case \"$words\" in\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        AG_TRY(ag_vec_printf(out, "    \"%s\"*) choices=\"", cli_commands[i].name));
        char options[600];
        (void)snprintf(options, sizeof(options), "json dir help %s", cli_commands[i].options);
        for (char *rest = options, *word = strsep(&rest, " "); word != NULL;
             word = strsep(&rest, " ")) {
            if (word[0] != '\0') {
                AG_TRY(ag_vec_printf(out, "--%s ", word));
            }
        }
        AG_TRY(ag_vec_printf(out, "\" ;;\n"));
    }
    AG_TRY(ag_vec_printf(out, "    esac\n    if [[ $current != -* ]]; then\n"
                              "        choices=\"\"\n        case \"$words\" in\n"
                              "        \"\") choices=\""));
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t length = strcspn(cli_commands[i].name, " ");
        AG_TRY(ag_vec_printf(out, "%.*s ", (int)length, cli_commands[i].name));
    }
    AG_TRY(ag_vec_printf(out, "\" ;;\n"
                              "        tx) choices=\"make seal send status\" ;;\n"
                              "        keys) choices=\"new\" ;;\n"
                              "        receipt) choices=\"get verify\" ;;\n"
                              "        batch) choices=\"list show export verify\" ;;\n"
                              "        evidence) choices=\"show verify\" ;;\n"
                              "        order) choices=\"risk-aware asset-protection "
                              "migration-aware hybrid\" ;;\n"
                              "        esac\n    fi\n"));
    return ag_vec_printf(out, "    COMPREPLY=($(compgen -W \"$choices\" -- \"$current\"))\n"
                              "    [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "
                              "\"$current\"))\n}\ncomplete -F _aegis aegis\n");
}

int cmd_completion(struct cli *cli)
{
    if (cli->argument_count != 1 || strcmp(cli->arguments[0], "bash") != 0) {
        return cli_usage(cli, "only bash is known");
    }
    enum ag_err err = write_completion(&cli->text);
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, NULL, NULL);
}
