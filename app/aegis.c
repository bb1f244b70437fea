/* SPDX-License-Identifier: Apache-2.0 */
/* aegis: a table of commands and main; no logic of its own. */
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "crypto/crypto.h"

#define SEAL_OPTIONS                                                                               \
    "node timeout policy suite expires-in risk asset key to value nonce gas priority-fee max-fee " \
    "data chain-id out quiet"

const struct cli_command cli_commands[] = {
    {"init", "[--insecure-sim]", "make a directory with configuration and policy",
     "insecure-sim chain-id listen suites force", cmd_init},
    {"run", "[-- FLAG...]", "run a node in the foreground (flags after -- go to aegisd)", "",
     cmd_run},
    {"status", "", "what the node is doing", "node timeout", cmd_status},
    {"order", "[MODE]", "show or switch the ordering mode", "node timeout", cmd_order},
    {"events", "", "follow what happens in pool and batches", "node timeout topics count",
     cmd_events},
    {"keys", "", "the node's public keys, judged", "node timeout policy out verbose", cmd_keys},
    {"keys new", "FILE", "make a secp256k1 key for signing transactions", "force", cmd_keys_new},
    {"keys rotate", "", "make the next key epoch; older envelopes are honoured for a while",
     "node timeout", cmd_keys_rotate},
    {"tx make", "--key FILE --to ADDRESS", "sign an EIP-1559 transaction",
     "key to value nonce gas priority-fee max-fee data chain-id out", cmd_tx_make},
    {"tx seal", "RAW|- | --key FILE --to ADDRESS", "seal a signed transaction to the node",
     SEAL_OPTIONS, cmd_tx_seal},
    {"tx send", "RAW|- | --key FILE --to ADDRESS", "seal and send a signed transaction",
     SEAL_OPTIONS " wait", cmd_tx_send},
    {"tx status", "ENVELOPE-ID", "what became of an envelope", "node timeout", cmd_tx_status},
    {"receipt get", "ENVELOPE-ID", "fetch the outcome receipt, or else the admission receipt",
     "node timeout out", cmd_receipt_get},
    {"receipt verify", "FILE", "check a receipt against a key bundle", "bundle node timeout policy",
     cmd_receipt_verify},
    {"batch list", "", "list committed batches", "node timeout from count", cmd_batch_list},
    {"batch show", "[NUMBER]", "show one batch and its outcomes", "node timeout count",
     cmd_batch_show},
    {"batch export", "NUMBER", "write a batch as one self-contained file", "node timeout out",
     cmd_batch_export},
    {"batch verify", "FILE", "judge an exported batch offline, with reasons",
     "policy parent genesis now threads verbose quiet", cmd_batch_verify},
    {"evidence show", "", "fetch the node's evidence, judged", "node timeout policy out",
     cmd_evidence_show},
    {"evidence verify", "FILE", "judge the evidence in an exported batch", "policy now",
     cmd_evidence_verify},
    {"bench", "", "measure the primitives on this machine", "", cmd_bench},
    {"completion", "bash", "print a completion script", "", cmd_completion},
    {"version", "", "print versions", "", cmd_version},
};
const size_t cli_command_count = AG_COUNT(cli_commands);

/* Beyond every character, so that getopt's own codes stay apart. */
#define OPTION_BASE 256
static const struct option long_options[] = {
#define X(name, text, has_value, help) {text, has_value, NULL, OPTION_BASE + CLI_OPT_##name},
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
    (void)fprintf(to, "aegis: a post-quantum sequencer's command line\n\nusage: aegis COMMAND "
                      "[OPTION...]\n\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        (void)fprintf(to, "  %-16s %s\n", cli_commands[i].name, cli_commands[i].summary);
    }
    (void)fprintf(
        to, "\nEvery command takes --json, --dir DIR and --help. Exit status: 0 done, 1 a verdict"
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
    (void)printf("aegis %s: %s\n\nusage: aegis %s%s%s\n\n", command->name, command->summary,
                 command->name, command->arguments[0] == '\0' ? "" : " ", command->arguments);
    for (size_t i = 0; i < CLI_OPT_TOTAL; i++) {
        if (takes(command, cli_option_name((enum cli_option)i))) {
            (void)printf("  --%s%s\n        %s\n", cli_option_name((enum cli_option)i),
                         long_options[i].has_arg != 0 ? " VALUE" : "", option_help[i]);
        }
    }
}

/* ---- which command --------------------------------------------------------------------------- */

/* How many of the command's words the arguments begin with; 0 unless all of them do. */
static int match(const struct cli_command *command, int argc, char *const *argv)
{
    size_t first = strcspn(command->name, " ");
    if (argc < 2 || strlen(argv[1]) != first || strncmp(argv[1], command->name, first) != 0) {
        return 0;
    }
    if (command->name[first] == '\0') {
        return 1;
    }
    return argc > 2 && strcmp(argv[2], command->name + first + 1) == 0 ? 2 : 0;
}

static const struct cli_command *find_command(int argc, char *const *argv, int *out_words)
{
    const struct cli_command *found = NULL;
    *out_words = 0;
    for (size_t i = 0; i < cli_command_count; i++) {
        int words = match(&cli_commands[i], argc, argv);
        if (words > *out_words) {
            found = &cli_commands[i];
            *out_words = words;
        }
    }
    return found;
}

/* Prints the commands whose first word is `word`; false when there is none. */
static bool print_group(FILE *to, const char *word)
{
    bool has_any = false;
    size_t length = strlen(word);
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        if (length != 0 && strncmp(name, word, length) == 0 && name[length] == ' ') {
            (void)fprintf(to, "%s  %-16s %s\n", has_any ? "" : "which one?\n", name,
                          cli_commands[i].summary);
            has_any = true;
        }
    }
    return has_any;
}

static int refuse_command(int argc, char *const *argv)
{
    char word[64];
    cli_printable(argv[1], word, sizeof(word));
    bool wants_help = argc > 2 && strcmp(argv[argc - 1], "--help") == 0;
    if (wants_help && print_group(stdout, word)) {
        return CLI_DONE;
    }
    (void)fprintf(stderr, "aegis: ");
    if (word[0] == '-') {
        (void)fprintf(stderr, "options stand behind the command; see aegis --help\n");
    } else if (!print_group(stderr, word)) {
        (void)fprintf(stderr, "no command \"%s\"; see aegis --help\n", word);
    }
    return CLI_USAGE;
}

/* ---- its options ----------------------------------------------------------------------------- */

static bool take_argument(struct cli *cli, char *argument)
{
    if (cli->argument_count == CLI_ARGUMENTS_MAX) {
        (void)cli_usage(cli, "more than %u arguments", CLI_ARGUMENTS_MAX);
        return false;
    }
    cli->arguments[cli->argument_count++] = argument;
    return true;
}

static bool take_option(struct cli *cli, enum cli_option option, const char *value)
{
    const char *name = cli_option_name(option);
    if (!takes(cli->command, name)) {
        (void)cli_usage(cli, "takes no --%s", name);
        return false;
    }
    /* The second of two amounts or recipients may be the mistake, so neither is taken. */
    if (value != NULL && cli->values[option] != NULL) {
        (void)cli_usage(cli, "--%s is given twice", name);
        return false;
    }
    if (value != NULL && value[0] == '\0' && option != CLI_OPT_DATA) {
        (void)cli_usage(cli, "--%s is empty", name);
        return false;
    }
    cli->values[option] = value == NULL ? "" : value;
    return true;
}

/* Whether errors are to be JSON has to be known before the first of them. */
static void look_for_json(struct cli *cli, int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            cli->values[CLI_OPT_JSON] = "";
        }
    }
}

static bool parse_options(struct cli *cli, int argc, char **argv)
{
    look_for_json(cli, argc, argv);
    opterr = 0;
    for (;;) {
        /* The dash hands over arguments in their order, whatever the environment asks of getopt. */
        /* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        int option = getopt_long(argc, argv, "-:h", long_options, NULL);
        if (option == -1) {
            break;
        }
        if (option == '?') {
            (void)cli_usage(cli, "no option \"%.100s\"", argv[optind - 1]);
            return false;
        }
        if (option == ':') {
            (void)cli_usage(cli, "%.100s needs a value", argv[optind - 1]);
            return false;
        }
        bool is_fine = option == 1 ? take_argument(cli, optarg)
                       : option == 'h'
                           ? take_option(cli, CLI_OPT_HELP, NULL)
                           : take_option(cli, (enum cli_option)(option - OPTION_BASE), optarg);
        if (!is_fine) {
            return false;
        }
    }
    for (int i = optind; i < argc; i++) {
        if (!take_argument(cli, argv[i])) {
            return false;
        }
    }
    return true;
}

/* The directory of this program and of this user. The environment is not read. */
static bool find_places(struct cli *cli)
{
    ssize_t length = readlink("/proc/self/exe", cli->program_dir, sizeof(cli->program_dir) - 1);
    cli->program_dir[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(cli->program_dir, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    const char *dir = cli->values[CLI_OPT_DIR];
    int printed;
    if (dir != NULL) {
        printed = snprintf(cli->dir, sizeof(cli->dir), "%s", dir);
    } else {
        /* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        const struct passwd *user = getpwuid(getuid());
        printed =
            snprintf(cli->dir, sizeof(cli->dir), "%s/.aegis", user == NULL ? "." : user->pw_dir);
    }
    if (printed < 0 || (size_t)printed >= sizeof(cli->dir)) {
        (void)cli_usage(cli, "--dir is longer than %zu bytes", sizeof(cli->dir) - 1);
        return false;
    }
    return true;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    if (!parse_options(cli, argc, argv)) {
        return CLI_USAGE;
    }
    if (cli_has(cli, CLI_OPT_HELP)) {
        print_help(cli->command);
        return CLI_DONE;
    }
    if (!find_places(cli)) {
        return CLI_USAGE;
    }
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
    static struct cli cli;
    const struct ag_host *host = ag_host_system();
    bool is_locked = false;
    if (ag_crypto_harden(AG_HARDEN_CLIENT, argv, &is_locked) != AG_OK) {
        (void)fprintf(stderr, "aegis: the process could not be hardened\n");
        return CLI_ERROR_BASE + AG_CLASS_HOST;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_overview(argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    cli.start_ns = host->monotonic_ns(host->context);
    if (strcmp(argv[1], "--version") == 0) {
        static char version[] = "version";
        argv[1] = version;
    }
    bool is_help = strcmp(argv[1], "help") == 0;
    int words = 0;
    cli.command =
        is_help ? find_command(argc - 1, argv + 1, &words) : find_command(argc, argv, &words);
    if (cli.command == NULL) {
        return refuse_command(argc - (is_help ? 1 : 0), argv + (is_help ? 1 : 0));
    }
    if (is_help) {
        print_help(cli.command);
        return CLI_DONE;
    }
    return run_command(&cli, argc - words, argv + words);
}
