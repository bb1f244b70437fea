/* SPDX-License-Identifier: Apache-2.0 */
/* init: a directory with a configuration and a policy that belong together, or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "net/net.h"

#define DEFAULT_LISTEN "127.0.0.1:7788"
#define PATH_SIZE      2048u

/* Both files are written under a name of their own first; only when the daemon has read the one and
 * made the other do they take their places. */
struct places {
    char config[PATH_SIZE];
    char config_new[PATH_SIZE];
    char policy[PATH_SIZE];
    char policy_new[PATH_SIZE];
    bool has_made_dir;
};

/* ---- the configuration ----------------------------------------------------------------------- */

/* A value in the quotes of the configuration file. */
static enum ag_err put_quoted(struct ag_vec *out, const char *key, const char *value,
                              const char *suffix)
{
    AG_TRY(ag_vec_printf(out, "%s = \"", key));
    for (size_t i = 0; value[i] != '\0'; i++) {
        const char *escape = value[i] == '"' || value[i] == '\\' ? "\\" : "";
        AG_TRY(ag_vec_printf(out, "%s%c", escape, value[i]));
    }
    return ag_vec_printf(out, "%s\"\n", suffix);
}

static enum ag_err make_config(struct cli *cli, uint64_t chain_id, struct ag_vec *out)
{
    AG_TRY(ag_vec_printf(out, "# Configuration of aegisd. `aegisd --help` lists every key.\n"));
    AG_TRY(put_quoted(out, "data_dir", cli->dir, "/data"));
    AG_TRY(ag_vec_printf(out, "chain_id = %llu\n", (unsigned long long)chain_id));
    AG_TRY(put_quoted(out, "listen", cli_value(cli, CLI_OPT_LISTEN, DEFAULT_LISTEN), ""));
    AG_TRY(put_quoted(out, "key_suites", cli_value(cli, CLI_OPT_SUITES, "0x0051"), ""));
    if (!cli_has(cli, CLI_OPT_INSECURE_SIM)) {
        return ag_vec_printf(out, "provider = tdx\n");
    }
    AG_TRY(ag_vec_printf(out, "# The simulated hardware protects nothing: it is for trying out.\n"
                              "provider = insecure-sim\nallow_insecure_sim = true\n"));
    return put_quoted(out, "sim_dir", cli->dir, "/sim-hardware");
}

/* ---- the policy ------------------------------------------------------------------------------ */

/* What the daemon printed, and how it ended. */
struct answer {
    struct ag_vec out;
    struct ag_vec problem;
    int status;
};

static enum ag_err read_end(int fd, struct ag_vec *out)
{
    uint8_t buffer[4096];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        AG_ENSURE(got >= 0, AG_ERR_IO);
        if (got == 0) {
            return AG_OK;
        }
        AG_TRY(ag_vec_append(out, ag_bytes_of(buffer, (size_t)got)));
    }
}

static _Noreturn void become_daemon(char *program, char *config, int out, int problem)
{
    char flag[] = "--config";
    char question[] = "--print-policy";
    char *const arguments[] = {program, flag, config, question, NULL};
    if (dup2(out, STDOUT_FILENO) >= 0 && dup2(problem, STDERR_FILENO) >= 0) {
        execv(program, arguments);
    }
    _exit(127);
}

/* Runs aegisd and takes what it prints. What it has to complain of fits a pipe, so that reading one
 * end after the other cannot block either side. */
static enum ag_err ask_daemon(char *program, char *config, struct answer *answer)
{
    int out[2];
    int problem[2];
    AG_ENSURE(pipe2(out, O_CLOEXEC) == 0, AG_ERR_IO);
    if (pipe2(problem, O_CLOEXEC) != 0) {
        close(out[0]);
        close(out[1]);
        return AG_ERR_IO;
    }
    pid_t child = fork();
    if (child == 0) {
        become_daemon(program, config, out[1], problem[1]);
    }
    close(out[1]);
    close(problem[1]);
    enum ag_err err = child < 0 ? AG_ERR_IO : read_end(out[0], &answer->out);
    if (err == AG_OK) {
        err = read_end(problem[0], &answer->problem);
    }
    close(out[0]);
    close(problem[0]);
    int status = 0;
    if (child > 0 && (waitpid(child, &status, 0) != child || !WIFEXITED(status))) {
        return AG_ERR_IO;
    }
    answer->status = WEXITSTATUS(status);
    return err;
}

/* The daemon's refusal as ours: its class is in its exit status. */
static int refuse(struct cli *cli, const struct answer *answer)
{
    char said[512];
    char hint[768];
    int size = answer->problem.size > 400 ? 400 : (int)answer->problem.size;
    (void)snprintf(said, sizeof(said), "%.*s", size, (const char *)answer->problem.data);
    said[strcspn(said, "\n")] = '\0';
    bool is_config = answer->status == CLI_ERROR_BASE + AG_CLASS_INPUT;
    (void)snprintf(hint, sizeof(hint), "%s\n%s", said,
                   is_config || cli_has(cli, CLI_OPT_INSECURE_SIM)
                       ? "Nothing was written."
                       : "On a machine without trusted hardware, --insecure-sim lets you try "
                         "everything; it protects nothing. Nothing was written.");
    return cli_fail(cli, is_config ? AG_ERR_CONFIG : AG_ERR_TEE, NULL, "asking aegisd for a policy",
                    hint);
}

static int make_policy(struct cli *cli, struct places *places)
{
    char program[PATH_SIZE];
    struct ag_policy *policy AG_SCOPED(cli_policy_cleanup) = NULL;
    struct answer answer = {.status = 0};
    (void)snprintf(program, sizeof(program), "%s/aegisd", cli->program_dir);
    if (access(program, X_OK) != 0) {
        return cli_fail(cli, AG_ERR_NOT_FOUND, NULL, program,
                        "The node's program is expected beside this one.");
    }
    ag_vec_init(&answer.out, AG_LIMIT_TEXT_BYTES);
    ag_vec_init(&answer.problem, AG_LIMIT_TEXT_BYTES);
    enum ag_err err = ask_daemon(program, places->config_new, &answer);
    int status = CLI_DONE;
    if (err == AG_OK && answer.status != 0) {
        status = refuse(cli, &answer);
    } else if (err == AG_OK) {
        err = ag_policy_parse(ag_vec_view(&answer.out), &policy, &(unsigned){0}, NULL);
    }
    if (err != AG_OK) {
        status = cli_fail(cli, err, NULL, "asking aegisd for a policy", NULL);
    } else if (status == CLI_DONE) {
        status = cli_write_file(cli, places->policy_new, ag_vec_view(&answer.out), 0644);
    }
    ag_vec_close(&answer.out);
    ag_vec_close(&answer.problem);
    return status;
}

/* ---- the directory --------------------------------------------------------------------------- */

/* Makes the directory if need be, and its name absolute: a node may be started from anywhere. */
static int enter(struct cli *cli, struct places *places)
{
    for (const char *at = cli->dir; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return cli_usage(cli, "--dir holds a control character");
        }
    }
    if (mkdir(cli->dir, 0700) == 0) {
        places->has_made_dir = true;
    } else if (errno != EEXIST) {
        return cli_fail(cli, AG_ERR_IO, NULL, cli->dir, strerrordesc_np(errno));
    }
    char *absolute AG_SCOPED(ag_free_cleanup) = ag_alloc(PATH_MAX);
    if (absolute == NULL || realpath(cli->dir, absolute) == NULL || access(cli->dir, W_OK) != 0) {
        return cli_fail(cli, AG_ERR_IO, NULL, cli->dir, strerrordesc_np(errno));
    }
    int length = snprintf(cli->dir, sizeof(cli->dir), "%s", absolute);
    if (length < 0 || (size_t)length + sizeof("/sim-hardware") >= sizeof(cli->dir)) {
        return cli_usage(cli, "the absolute name of --dir is too long");
    }
    cli_path(cli, "aegis.conf", places->config, PATH_SIZE);
    cli_path(cli, "aegis.conf.new", places->config_new, PATH_SIZE);
    cli_path(cli, "policy", places->policy, PATH_SIZE);
    cli_path(cli, "policy.new", places->policy_new, PATH_SIZE);
    if (access(places->config, F_OK) == 0 && !cli_has(cli, CLI_OPT_FORCE)) {
        return cli_fail(cli, AG_ERR_ARGUMENT, NULL, places->config,
                        "It exists already. --force writes configuration and policy anew; keys and "
                        "store stay.");
    }
    return CLI_DONE;
}

static int write_both(struct cli *cli, struct places *places, uint64_t chain_id)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES);
    enum ag_err err = make_config(cli, chain_id, &text);
    int status = err == AG_OK ? cli_write_file(cli, places->config_new, ag_vec_view(&text), 0600)
                              : cli_fail(cli, err, NULL, places->config, NULL);
    if (status == CLI_DONE) {
        status = make_policy(cli, places);
    }
    if (status == CLI_DONE && (rename(places->policy_new, places->policy) != 0 ||
                               rename(places->config_new, places->config) != 0)) {
        status = cli_fail(cli, AG_ERR_IO, NULL, places->config, strerrordesc_np(errno));
    }
    return status;
}

static enum ag_err print_done(struct cli *cli, const struct places *places)
{
    struct ag_json_out out;
    if (cli_has(cli, CLI_OPT_JSON)) {
        cli_json_begin(cli, &out);
        ag_json_object(&out, NULL);
        ag_json_put_string(&out, "configuration", places->config);
        ag_json_put_string(&out, "policy", places->policy);
        ag_json_end(&out);
        return cli_json_end(cli, &out);
    }
    const char *flag = cli_has(cli, CLI_OPT_DIR) ? " --dir " : "";
    const char *dir = cli_has(cli, CLI_OPT_DIR) ? cli->dir : "";
    return ag_vec_printf(&cli->text,
                         "configuration  %s\npolicy         %s\nNext, start the node:\n"
                         "  aegis run%s%s\nthen look at it from another terminal:\n"
                         "  aegis status%s%s\n  aegis keys%s%s\n",
                         places->config, places->policy, flag, dir, flag, dir, flag, dir);
}

int cmd_init(struct cli *cli)
{
    struct places *places AG_SCOPED(ag_free_cleanup) = ag_alloc(sizeof(*places));
    uint64_t chain_id;
    struct ag_net_address address;
    if (places == NULL) {
        return cli_fail(cli, AG_ERR_NO_MEMORY, NULL, NULL, NULL);
    }
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes no argument \"%.100s\"; the place is named with --dir",
                         cli->arguments[0]);
    }
    if (!cli_number(cli, CLI_OPT_CHAIN_ID, 16584, INT64_MAX, &chain_id)) {
        return CLI_USAGE;
    }
    if (ag_net_address_parse(cli_value(cli, CLI_OPT_LISTEN, DEFAULT_LISTEN), &address, NULL) !=
        AG_OK) {
        return cli_usage(cli, "--listen is ADDRESS:PORT or unix:/PATH");
    }
    if (strpbrk(cli_value(cli, CLI_OPT_SUITES, ""), "\r\n") != NULL) {
        return cli_usage(cli, "--suites is one line");
    }
    int status = enter(cli, places);
    if (status == CLI_DONE) {
        status = write_both(cli, places, chain_id);
        if (status != CLI_DONE) {
            (void)unlink(places->config_new);
            (void)unlink(places->policy_new);
        }
    }
    if (status != CLI_DONE && places->has_made_dir) {
        (void)rmdir(cli->dir); /* stays if the simulated hardware is in it */
    }
    return status == CLI_DONE ? cli_end(cli, print_done(cli, places)) : status;
}
