/* SPDX-License-Identifier: Apache-2.0 */
/* run, status, order: the node as a whole. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

int cmd_run(struct cli *cli)
{
    char program[2048];
    char config[2048];
    char flag[] = "--config";
    char *arguments[CLI_ARGUMENTS_MAX + 4];
    size_t count = 0;
    (void)snprintf(program, sizeof(program), "%s/aegisd", cli->program_dir);
    cli_path(cli, "aegis.conf", config, sizeof(config));
    if (access(config, R_OK) != 0) {
        return cli_fail(cli, errno == ENOENT ? AG_ERR_NOT_FOUND : AG_ERR_IO, NULL, config,
                        errno == ENOENT ? "Make one with `aegis init`." : strerrordesc_np(errno));
    }
    arguments[count++] = program;
    arguments[count++] = flag;
    arguments[count++] = config;
    for (size_t i = 0; i < cli->argument_count; i++) {
        arguments[count++] = cli->arguments[i];
    }
    arguments[count] = NULL;
    execv(program, arguments);
    bool is_missing = errno == ENOENT;
    return cli_fail(cli, is_missing ? AG_ERR_NOT_FOUND : AG_ERR_IO, NULL, program,
                    is_missing ? "The node's program is expected beside this one."
                               : strerrordesc_np(errno));
}

static int call_and_print(struct cli *cli, struct client *client, const char *method,
                          struct ag_bytes params)
{
    const struct ag_json_value *result = NULL;
    enum ag_err err = client_call(client, method, params, &result);
    if (err == AG_OK && ag_json_type(result) != AG_JSON_OBJECT) {
        err = AG_ERR_NET_PROTOCOL;
    }
    return err == AG_OK ? cli_print_result(cli, result) : client_fail(cli, client, err, method);
}

int cli_simple_call(struct cli *cli, const char *method, struct ag_bytes params)
{
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    int status = client_open(cli, &client);
    return status == CLI_DONE ? call_and_print(cli, client, method, params) : status;
}

/* ---- status, order --------------------------------------------------------------------------- */

int cmd_status(struct cli *cli)
{
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes no argument \"%.100s\"", cli->arguments[0]);
    }
    return cli_simple_call(cli, "aegis_nodeStatus", AG_LITERAL("[]"));
}

int cmd_keys_rotate(struct cli *cli)
{
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes no argument");
    }
    int status = client_open_operator(cli, &client);
    return status == CLI_DONE ? call_and_print(cli, client, "aegis_rotateKeys", AG_LITERAL("[]"))
                              : status;
}

int cmd_order(struct cli *cli)
{
    static const char *const modes[] = {"risk-aware", "asset-protection", "migration-aware",
                                        "hybrid"};
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    if (cli->argument_count == 0) {
        return cli_simple_call(cli, "aegis_getOrderMode", AG_LITERAL("[]"));
    }
    const char *mode = NULL;
    for (size_t i = 0; cli->argument_count == 1 && i < AG_COUNT(modes); i++) {
        mode = strcmp(cli->arguments[0], modes[i]) == 0 ? modes[i] : mode;
    }
    if (mode == NULL) {
        return cli_usage(cli, "MODE is risk-aware, asset-protection, migration-aware or hybrid");
    }
    char params[64];
    int length = snprintf(params, sizeof(params), "[\"%s\"]", mode);
    int status = client_open_operator(cli, &client);
    return status == CLI_DONE ? call_and_print(cli, client, "aegis_setOrderMode",
                                               ag_bytes_of(params, (size_t)length))
                              : status;
}
