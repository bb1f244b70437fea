/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AEGIS_CLI_H
#define AEGIS_CLI_H

/* cli: what every command of `aegis` shares: options, output, errors, and the way to a node.
 *
 * Owns:    a struct cli lives for one run of the program.
 * Threads: one.
 * Fails:   a command returns an exit status: 0 done, 1 a verdict said no, 2 wrong usage, and one
 *          for each class of error (docs/spec/errors.md). Whoever returns another status than 0 has
 *          printed why. With --json, standard output carries exactly one JSON document or nothing,
 *          and an error is one JSON document on standard error.
 * Not:     no environment variable is read, and what a node says is never printed raw. */

#include <ag/attest.h>
#include <ag/tx.h>

#include "base/base.h"

enum {
    CLI_DONE = 0,
    CLI_VERDICT_NO = 1,
    CLI_USAGE = 2,
    CLI_ERROR_BASE = 2, /* plus enum ag_err_class: INPUT 3, DENIED 4, LIMIT 5, HOST 6, ... */
};

/* Every option of every command; a command names those it takes.
 * X(NAME, "name", takes value, help) */
#define CLI_OPTIONS(X)                                                                             \
    X(JSON, "json", 0, "print JSON")                                                               \
    X(HELP, "help", 0, "print this")                                                               \
    X(VERSION, "version", 0, "print the version")                                                  \
    X(DIR, "dir", 1, "directory of configuration, policy and keys (~/.aegis)")                     \
    X(NODE, "node", 1, "URL of the node (http://127.0.0.1:7788)")                                  \
    X(TIMEOUT, "timeout", 1, "seconds that the node may take for an answer (60)")                  \
    X(POLICY, "policy", 1, "policy file (DIR/policy)")                                             \
    X(INSECURE_SIM, "insecure-sim", 0, "use the simulated hardware, which protects nothing")       \
    X(CHAIN_ID, "chain-id", 1, "chain id")                                                         \
    X(LISTEN, "listen", 1, "address:port for JSON-RPC")                                            \
    X(SUITES, "suites", 1, "HPKE KEMs of the node: 0x0051, 0x0042 or both, comma between")         \
    X(SUITE, "suite", 1, "KEM to seal with: 0x0051 or 0x0042 (the first the node offers)")         \
    X(FORCE, "force", 0, "replace what is there")                                                  \
    X(KEY, "key", 1, "file with a secp256k1 key (hex); made by `aegis keys new`")                  \
    X(TO, "to", 1, "recipient address")                                                            \
    X(VALUE, "value", 1, "amount in wei")                                                          \
    X(NONCE, "nonce", 1, "nonce of the sender")                                                    \
    X(GAS, "gas", 1, "gas limit (21000)")                                                          \
    X(FEE, "priority-fee", 1, "priority fee in wei per gas")                                       \
    X(MAX_FEE, "max-fee", 1, "most wei per gas that is paid in all")                               \
    X(DATA, "data", 1, "call data in hex")                                                         \
    X(EXPIRES, "expires-in", 1, "seconds until the envelope expires (300)")                        \
    X(RISK, "risk", 1, "declared risk in basis points: asks for protection, buys no place")        \
    X(ASSET, "asset", 1, "asset reference, 32 bytes of hex; comma between several")                \
    X(WAIT, "wait", 0, "wait until the batch is committed, and check its receipt")                 \
    X(OUT, "out", 1, "write to this file instead of standard output")                              \
    X(FROM, "from", 1, "first number")                                                             \
    X(COUNT, "count", 1, "how many")                                                               \
    X(TOPICS, "topics", 1, "kinds of events: pool, batch, receipt, comma between (pool,batch)")    \
    X(NOW, "now", 0, "judge evidence at this instant instead of the archived one")                 \
    X(PARENT, "parent", 1, "header digest that the batch must follow")                             \
    X(GENESIS, "genesis", 1, "genesis of the chain that the batch must belong to")                 \
    X(BUNDLE, "bundle", 1, "file with the node's key bundle, from `aegis keys --out FILE`")        \
    X(THREADS, "threads", 1, "worker threads (one per processor)")                                 \
    X(VERBOSE, "verbose", 0, "print every claim about evidence, not only the failed ones")         \
    X(QUIET, "quiet", 0, "print results only")

enum cli_option {
#define X(name, text, has_value, help) CLI_OPT_##name,
    CLI_OPTIONS(X)
#undef X
    CLI_OPT_TOTAL
};

struct cli;
struct cli_command {
    const char *name; /* one or two words */
    const char *arguments;
    const char *summary;
    const char *options; /* names, space between; json, dir, help are always taken */
    int (*run)(struct cli *cli);
};

#define CLI_ARGUMENTS_MAX 64u
struct cli {
    const struct cli_command *command;
    const char *values[CLI_OPT_TOTAL];  /* NULL: not given; "" for those without a value */
    char *arguments[CLI_ARGUMENTS_MAX]; /* what is no option */
    size_t argument_count;
    uint64_t start_ns;
    char program_dir[1024]; /* where this program lies */
    char dir[1024];
    struct ag_vec text; /* output under construction */
};

bool cli_has(const struct cli *cli, enum cli_option option);
const char *cli_value(const struct cli *cli, enum cli_option option, const char *fallback);
const char *cli_option_name(enum cli_option option);
/* Parses a number option; prints and returns false when it is not one, or is over `max`. */
bool cli_number(struct cli *cli, enum cli_option option, uint64_t fallback, uint64_t max,
                uint64_t *out);

/* Prints the error to standard error (as JSON with --json) and returns the exit status. `what` is
 * what was being done, `hint` what to do about it; both may be NULL. */
int cli_fail(struct cli *cli, enum ag_err err, const struct ag_fault *fault, const char *what,
             const char *hint);
int cli_usage(struct cli *cli, const char *format, ...) AG_PRINTF(2, 3);
/* Tells a person at a terminal, or one who has waited for a second, what is going on. */
void cli_progress(const struct cli *cli, const char *format, ...) AG_PRINTF(2, 3);

/* ---- output ---------------------------------------------------------------------------------- */

/* Writes a file whole or not at all; prints and returns a status other than CLI_DONE. */
int cli_write_file(struct cli *cli, const char *path, struct ag_bytes bytes, unsigned mode);
/* Writes cli->text to standard output, or to the file of --out. */
int cli_flush(struct cli *cli);
/* The same when `err` is OK; otherwise prints that error. */
int cli_end(struct cli *cli, enum ag_err err);
/* Starts JSON output into cli->text; ends it with a new line. */
void cli_json_begin(struct cli *cli, struct ag_json_out *out);
AG_MUST_CHECK enum ag_err cli_json_end(struct cli *cli, struct ag_json_out *out);
/* `text` for a terminal: what could steer one is a question mark. Cut to fit. */
void cli_printable(const char *text, char *out, size_t size);
/* "3 transactions", "1 transaction". */
#define CLI_PLURAL(count) ((count) == 1 ? "" : "s")
/* An instant as people write it: 2026-01-31T12:00:00.000Z. */
#define CLI_TIME_SIZE 32u
void cli_time(uint64_t instant_ms, char out[CLI_TIME_SIZE]);

/* ---- files ----------------------------------------------------------------------------------- */

/* Path of a file in the directory of this user. */
void cli_path(const struct cli *cli, const char *name, char *out, size_t size);
/* Reads a file, or standard input if `path` is "-". Prints and returns a status other than CLI_DONE
 * when it cannot be had, is empty, or is over `limit` bytes. `what` says what was looked for. */
int cli_read_file(struct cli *cli, const char *path, const char *what, size_t limit,
                  struct ag_vec *out);
/* The policy of --policy, or DIR/policy; prints and returns NULL when it cannot be had. */
struct ag_policy *cli_policy(struct cli *cli, int *out_status);
void cli_policy_cleanup(struct ag_policy **policy); /* for AG_SCOPED */

/* ---- the way to a node (client.c) ------------------------------------------------------------ */

struct client;
/* Prints and returns a status other than CLI_DONE on failure. Does not connect yet. */
int client_open(struct cli *cli, struct client **out);
/* The same, with the operator's token of --dir: to a node on this machine only. */
int client_open_operator(struct cli *cli, struct client **out);
void client_close(struct client *client);
void client_cleanup(struct client **client); /* for AG_SCOPED */
/* One JSON-RPC call with `params` (JSON text). The result lives until the next call. An error of
 * the node is returned as its own code, with its field and limit in client_fault. */
AG_MUST_CHECK enum ag_err client_call(struct client *client, const char *method,
                                      struct ag_bytes params,
                                      const struct ag_json_value **out_result);
const struct ag_fault *client_fault(const struct client *client);
/* GETs a path into `out`. */
AG_MUST_CHECK enum ag_err client_get(struct client *client, const char *path, struct ag_vec *out);
/* Follows server-sent events; see ag_net_http_follow. */
typedef enum ag_err client_piece(void *context, struct ag_bytes piece);
AG_MUST_CHECK enum ag_err client_follow(struct client *client, const char *path, client_piece *each,
                                        void *context);
/* Prints the failure of a call and returns the exit status. */
int client_fail(struct cli *cli, const struct client *client, enum ag_err err, const char *what);

/* What a client needs before it seals, judged: nothing is sealed to a node whose evidence over a
 * fresh nonce does not pass the policy. There is no flag to skip this. */
struct identity {
    struct ag_vec bundle_bytes;
    struct ag_vec evidence_bytes;
    struct ag_vec collateral_bytes;
    struct ag_bundle bundle;
    struct ag_hash bundle_digest;
    struct ag_verdict verdict;
};
/* Fetches and judges; prints and returns a status other than CLI_DONE when it does not pass. */
int client_identity(struct cli *cli, struct client *client, struct identity **out);
void client_identity_cleanup(struct identity **identity); /* for AG_SCOPED */
/* The member `key` of an answer, which is hex, as bytes appended to `out`. */
AG_MUST_CHECK enum ag_err client_hex(const struct ag_json_value *object, const char *key,
                                     size_t limit, struct ag_vec *out);

/* Prints a result: whole as JSON, or its plain members as lines. Returns the exit status. */
int cli_print_result(struct cli *cli, const struct ag_json_value *result);
/* The plain members of an object as lines, and those of an object in it as `outer.inner`; what lies
 * deeper is for --json. */
AG_MUST_CHECK enum ag_err cli_print_members(struct cli *cli, const struct ag_json_value *object);
/* Checks an envelope id in hex and writes it as parameters of a call. */
#define CLI_ID_PARAMS_SIZE 80u
bool cli_id_params(const char *text, char out[CLI_ID_PARAMS_SIZE]);
/* One call whose result is printed. */
int cli_simple_call(struct cli *cli, const char *method, struct ag_bytes params);
/* A verdict on evidence, indented: all claims, or the failed ones and a count. */
AG_MUST_CHECK enum ag_err cli_print_evidence(struct cli *cli, const char *title,
                                             const struct ag_verdict *verdict);

/* ---- commands -------------------------------------------------------------------------------- */

int cmd_init(struct cli *cli);
int cmd_run(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_order(struct cli *cli);
int cmd_events(struct cli *cli);
int cmd_keys(struct cli *cli);
int cmd_keys_new(struct cli *cli);
int cmd_keys_rotate(struct cli *cli);
int cmd_tx_make(struct cli *cli);
int cmd_tx_seal(struct cli *cli);
int cmd_tx_send(struct cli *cli);
int cmd_tx_status(struct cli *cli);
int cmd_receipt_get(struct cli *cli);
int cmd_receipt_verify(struct cli *cli);
int cmd_batch_list(struct cli *cli);
int cmd_batch_show(struct cli *cli);
int cmd_batch_export(struct cli *cli);
int cmd_batch_verify(struct cli *cli);
int cmd_evidence_show(struct cli *cli);
int cmd_evidence_verify(struct cli *cli);
int cmd_bench(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_completion(struct cli *cli);

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

#endif
