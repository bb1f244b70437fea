/* SPDX-License-Identifier: Apache-2.0 */
/* aegis: a table of commands and main; no logic of its own. */
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "crypto/crypto.h"

#define SEAL_OPTIONS                                                                               \
    "node policy suite expires-in risk asset key to value nonce gas priority-fee max-fee data "    \
    "chain-id out wait quiet"

const struct cli_command cli_commands[] = {
    {"init", "[--insecure-sim]", "make a directory with configuration and policy",
     "insecure-sim chain-id listen suites force", cmd_init},
    {"run", "[-- FLAG...]", "run a node in the foreground (flags after -- go to aegisd)", "",
     cmd_run},
    {"status", "", "what the node is doing", "node", cmd_status},
    {"order", "[MODE]", "show or switch the ordering mode", "node", cmd_order},
    {"keys", "", "the node's public keys, judged", "node policy", cmd_keys},
    {"keys new", "FILE", "make a secp256k1 key for signing transactions", "force", cmd_keys_new},
    {"tx make", "--key FILE --to ADDRESS", "sign an EIP-1559 transaction",
     "key to value nonce gas priority-fee max-fee data chain-id out", cmd_tx_make},
    {"tx seal", "RAW|- | --key FILE --to ADDRESS", "seal a signed transaction to the node",
     SEAL_OPTIONS, cmd_tx_seal},
    {"tx send", "RAW|- | --key FILE --to ADDRESS", "seal and send a signed transaction",
     SEAL_OPTIONS, cmd_tx_send},
    {"tx status", "ENVELOPE-ID", "what became of an envelope", "node", cmd_tx_status},
    {"receipt get", "ENVELOPE-ID", "fetch the outcome receipt, or else the admission receipt",
     "node out", cmd_receipt_get},
    {"receipt verify", "FILE", "check a receipt against a key bundle", "bundle node policy",
     cmd_receipt_verify},
    {"batch list", "", "list committed batches", "node from count", cmd_batch_list},
    {"batch show", "[NUMBER]", "show one batch and its outcomes", "node", cmd_batch_show},
    {"batch export", "NUMBER", "write a batch as one self-contained file", "node out",
     cmd_batch_export},
    {"batch verify", "FILE", "judge an exported batch offline, with reasons",
     "policy parent now threads quiet", cmd_batch_verify},
    {"evidence show", "", "fetch and show the node's evidence", "node policy out",
     cmd_evidence_show},
    {"evidence verify", "FILE", "judge the evidence in an exported batch", "policy now",
     cmd_evidence_verify},
    {"bench", "", "measure the primitives on this machine", "", cmd_bench},
    {"completion", "bash", "print a completion script", "", cmd_completion},
    {"version", "", "print versions", "", cmd_version},
};
const size_t cli_command_count = AG_COUNT(cli_commands);

static const struct option long_options[] = {
#define X(name, text, has_value, help) {text, has_value, NULL, CLI_OPT_##name},
    CLI_OPTIONS(X)
#undef X
    {NULL, 0, NULL, 0},
};
static const char *const option_help[] = {
#define X(name, text, has_value, help) help,
    CLI_OPTIONS(X)
#undef X
};

static void print_overview(FILE *to)
{
    fprintf(to, "aegis: a post-quantum sequencer's command line\n\nusage: aegis COMMAND "
                "[OPTION...]\n\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(to, "  %-16s %s\n", cli_commands[i].name, cli_commands[i].summary);
    }
    fprintf(to, "\nEvery command takes --json, --dir DIR and --help. Exit status: 0 done, 1 a verdict"
                " said no,\n2 wrong usage, 3 input, 4 denied, 5 limit (retry), 6 system, 7 corrupt, "
                "8 unsupported.\n");
}

static bool takes(const struct cli_command *command, const char *option)
{
    static const char always[] = " json dir help ";
    char wanted[64];
    char listed[512];
    (void)snprintf(wanted, sizeof(wanted), " %s ", option);
    (void)snprintf(listed, sizeof(listed), " %s ", command->options);
    return strstr(always, wanted) != NULL || strstr(listed, wanted) != NULL;
}

static void print_help(const struct cli_command *command)
{
    printf("aegis %s: %s\n\nusage: aegis %s %s\n\n", command->name, command->summary,
           command->name, command->arguments);
    for (size_t i = 0; i < CLI_OPT_TOTAL; i++) {
        if (takes(command, long_options[i].name)) {
            printf("  --%s%s\n        %s\n", long_options[i].name,
                   long_options[i].has_arg != 0 ? " VALUE" : "", option_help[i]);
        }
    }
}

/* The command with the most words that the arguments begin with. */
static const struct cli_command *find_command(int argc, char **argv, int *out_words)
{
    const struct cli_command *found = NULL;
    for (size_t i = 0; i < cli_command_count; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s", cli_commands[i].name);
        char *space = strchr(name, ' ');
        int words = space == NULL ? 1 : 2;
        if (space != NULL) {
            *space = '\0';
        }
        bool is_same = argc > words && strcmp(argv[1], name) == 0 &&
                       (space == NULL || strcmp(argv[2], space + 1) == 0);
        if (is_same && (found == NULL || words > *out_words)) {
            found = &cli_commands[i];
            *out_words = words;
        }
    }
    return found;
}

static bool parse_options(struct cli *cli, int argc, char **argv)
{
    int index = 0;
    for (;;) {
        int option = getopt_long(argc, argv, "h", long_options, &index);
        if (option == -1) {
            break;
        }
        if (option == 'h') {
            option = CLI_OPT_HELP;
        }
        if (option < 0 || option >= CLI_OPT_TOTAL) {
            return false; /* getopt has said why */
        }
        if (!takes(cli->command, long_options[option].name)) {
            fprintf(stderr, "aegis %s: takes no --%s\n", cli->command->name,
                    long_options[option].name);
            return false;
        }
        cli->values[option] = optarg == NULL ? "" : optarg;
    }
    cli->arguments = argv + optind;
    cli->argument_count = (size_t)(argc - optind);
    return true;
}

/* The directory of this program and of this user. The environment is not read. */
static void find_places(struct cli *cli)
{
    ssize_t length = readlink("/proc/self/exe", cli->program_dir, sizeof(cli->program_dir) - 1);
    cli->program_dir[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(cli->program_dir, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    const char *dir = cli->values[CLI_OPT_DIR];
    const struct passwd *user = getpwuid(getuid());
    if (dir != NULL) {
        (void)snprintf(cli->dir, sizeof(cli->dir), "%s", dir);
    } else {
        (void)snprintf(cli->dir, sizeof(cli->dir), "%s/.aegis",
                       user == NULL ? "." : user->pw_dir);
    }
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    if (!parse_options(cli, argc, argv)) {
        fprintf(stderr, "See aegis %s --help.\n", cli->command->name);
        return CLI_USAGE;
    }
    if (cli_has(cli, CLI_OPT_HELP)) {
        print_help(cli->command);
        return CLI_DONE;
    }
    find_places(cli);
    enum ag_err err = ag_crypto_start();
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "starting cryptography", NULL);
    }
    ag_vec_init(&cli->text, AG_LIMIT_FILE_BYTES);
    int status = cli->command->run(cli);
    ag_vec_close(&cli->text);
    return status;
}

int main(int argc, char **argv)
{
    bool is_locked = false;
    if (ag_crypto_harden(AG_HARDEN_CLIENT, argv, &is_locked) != AG_OK) {
        fprintf(stderr, "aegis: the process could not be hardened\n");
        return CLI_ERROR_BASE + AG_CLASS_HOST;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        print_overview(argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    int words = 0;
    struct cli cli = {0};
    cli.command = strcmp(argv[1], "--version") == 0 ? &cli_commands[cli_command_count - 1]
                                                    : find_command(argc, argv, &words);
    if (cli.command == NULL) {
        fprintf(stderr, "aegis: no command \"%s\"; see aegis --help\n", argv[1]);
        return CLI_USAGE;
    }
    return run_command(&cli, words == 0 ? 1 : argc - words, argv + words);
}
