/* SPDX-License-Identifier: Apache-2.0 */
/* aegisd: the node. Configuration, signals, two threads; everything else is in the rooms. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "crypto/crypto.h"
#include "rpc/rpc.h"
#include "seq/seq.h"

#define DEFAULT_CONFIG "/etc/aegis/aegis.conf"

/* Touched by a signal handler, so it is global: sem_post is what a handler may call. */
static sem_t stop_wanted;

struct node {
    struct ag_conf conf;
    struct ag_seq *seq;
    struct ag_rpc *rpc;
    pthread_t reaper;
};

static void on_signal(int number)
{
    (void)number;
    (void)sem_post(&stop_wanted);
}

static void on_drain(void *context)
{
    (void)context;
    (void)sem_post(&stop_wanted);
}

/* Drains while the door stays open for those who wait for answers, then closes it. */
static void *reaper_main(void *context)
{
    struct node *node = context;
    while (sem_wait(&stop_wanted) != 0) {
    }
    ag_log(AG_LOG_INFO, "node.draining", ag_kv_u64("pid", (uint64_t)getpid()));
    ag_seq_stop(node->seq);
    ag_rpc_stop(node->rpc);
    return NULL;
}

/* What to do about a refusal that an operator meets first. */
static void print_hint(enum ag_err err)
{
    const char *hint = NULL;
    switch ((unsigned)err) {
    case AG_ERR_TEE_SIMULATED:
        hint =
            "insecure-sim protects nothing; allow_insecure_sim = true lets it run for trying out.";
        break;
    case AG_ERR_STORE_LOCKED:
        hint = "Another aegisd has this data_dir open.";
        break;
    case AG_ERR_NET:
        hint = "The address cannot be had: is another program listening there?";
        break;
    case AG_ERR_SEAL_ROLLBACK:
        hint = "This store is older than the one that the hardware has seen: it is a copy that was "
               "put back. Nothing runs on it; take the newest one.";
        break;
    case AG_ERR_SEAL_MACHINE:
        hint = "The store was sealed on other hardware.";
        break;
    case AG_ERR_SEAL_MEASUREMENT:
        hint = "The store was sealed by another build of this program: only that one opens it.";
        break;
    default:
        break;
    }
    if (hint != NULL) {
        (void)fprintf(stderr, "%s\n", hint);
    }
}

static int fail(const char *what, enum ag_err err, const struct ag_fault *fault)
{
    (void)fprintf(stderr, "aegisd: %s: %s", what, ag_err_text(err));
    if (fault != NULL && fault->field != NULL && fault->has_limit) {
        (void)fprintf(stderr, " (%s: wanted %llu, got %llu)", fault->field,
                      (unsigned long long)fault->limit, (unsigned long long)fault->got);
    } else if (fault != NULL && fault->field != NULL) {
        (void)fprintf(stderr, " (%s)", fault->field);
    }
    (void)fprintf(stderr, " [%s]\n", ag_err_name(err));
    print_hint(err);
    return 2 + (int)ag_err_class(err);
}

static int print_vec(enum ag_err err, struct ag_vec *text)
{
    if (err != AG_OK) {
        return fail("printing", err, NULL);
    }
    (void)fwrite(text->data, 1, text->size, stdout);
    return fflush(stdout) == 0 ? 0 : 2 + AG_CLASS_HOST;
}

/* A policy that accepts this very program on this hardware: what clients of a node at home use. */
static int print_policy(const struct ag_conf *conf)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES);
    struct ag_fault fault = {0};
    enum ag_err err = ag_seq_write_policy(conf, ag_host_system(), &text, &fault);
    if (err != AG_OK) {
        return fail("hardware", err, &fault);
    }
    return print_vec(AG_OK, &text);
}

/* Signals are taken by the main thread alone. */
static void block_signals(sigset_t *out_old)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &wanted, out_old);
}

static void take_signals(const sigset_t *old)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    pthread_sigmask(SIG_SETMASK, old, NULL);
}

static int serve(struct node *node)
{
    char token[65];
    struct ag_fault fault = {0};
    enum ag_err err = ag_rpc_token_load(node->conf.data_dir, ag_host_system(), token, &fault);
    if (err != AG_OK) {
        return fail("operator token", err, &fault);
    }
    const struct ag_rpc_config config = {
        .listen = node->conf.listen,
        .operator_token = token,
        .host = ag_host_system(),
        .drain = on_drain,
        .version = AEGIS_VERSION,
        .connections_max = (unsigned)node->conf.http_connections,
        .body_size_max = (size_t)node->conf.http_body_bytes,
    };
    err = ag_rpc_open(&config, node->seq, &node->rpc, &fault);
    ag_wipe(token, sizeof(token));
    if (err != AG_OK) {
        return fail(node->conf.listen, err, &fault);
    }
    err = ag_seq_start(node->seq);
    if (err == AG_OK && pthread_create(&node->reaper, NULL, reaper_main, node) != 0) {
        err = AG_ERR_THREAD;
    }
    if (err != AG_OK) {
        ag_rpc_close(node->rpc);
        return fail("threads", err, NULL);
    }
    ag_log(AG_LOG_INFO, "node.listening", ag_kv_text("address", node->conf.listen),
           ag_kv_u64("port", ag_rpc_port(node->rpc)));
    err = ag_rpc_run(node->rpc);
    (void)sem_post(&stop_wanted);
    pthread_join(node->reaper, NULL);
    ag_rpc_close(node->rpc);
    if (err != AG_OK) {
        return fail("serving", err, NULL);
    }
    struct ag_seq_status status;
    ag_seq_status(node->seq, &status);
    return status.state == AG_NODE_REFUSING ? 2 + (int)ag_err_class(status.refusal) : 0;
}

/* Makes the directory, or finds that it is one that can be written to; errno says why not. */
static bool make_directory(const char *path)
{
    struct stat status;
    if (mkdir(path, 0700) == 0) {
        return true;
    }
    if (errno != EEXIST || stat(path, &status) != 0) {
        return false;
    }
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    return access(path, W_OK | X_OK) == 0;
}

static int run(struct node *node, bool is_locked)
{
    struct ag_fault fault = {0};
    sigset_t old;
    if (!make_directory(node->conf.data_dir)) {
        (void)fprintf(stderr, "aegisd: data_dir %s: %s [IO]\n", node->conf.data_dir,
                      strerrordesc_np(errno));
        return 2 + AG_CLASS_HOST;
    }
    ag_log(AG_LOG_INFO, "node.starting", ag_kv_text("crypto", ag_crypto_version()),
           ag_kv_text("memory", is_locked ? "locked" : "not locked"),
           ag_kv_text("data_dir", node->conf.data_dir));
    block_signals(&old);
    (void)sem_init(&stop_wanted, 0, 0);
    enum ag_err err = ag_seq_open(&node->conf, ag_host_system(), &node->seq, &fault);
    if (err != AG_OK) {
        return fail("refusing to start", err, &fault);
    }
    take_signals(&old);
    int status = serve(node);
    ag_seq_close(node->seq);
    ag_log(AG_LOG_INFO, "node.stopped", ag_kv_i64("status", status));
    return status;
}

static int help(void)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 1u << 20);
    (void)printf("aegisd: the Aegis node\n\n"
                 "usage: aegisd [--config FILE] [--KEY VALUE...]\n"
                 "       aegisd --print-config | --print-policy | --version [same flags]\n\n");
    return print_vec(ag_conf_write_help(&text), &text);
}

/* Takes the word out of the arguments. */
static bool take_word(int *argc, char **argv, const char *word)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], word) == 0) {
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(*argv));
            (*argc)--;
            return true;
        }
    }
    return false;
}

#ifdef AG_FAILPOINTS
static int take_failpoints(int *argc, char **argv)
{
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], "--failpoints") == 0) {
            enum ag_err err = ag_failpoint_configure(argv[i + 1]);
            memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof(*argv));
            *argc -= 2;
            return err == AG_OK ? 0 : fail("--failpoints", err, NULL);
        }
    }
    return 0;
}
#endif

int main(int argc, char **argv)
{
    bool is_locked = false;
    enum ag_err err = ag_crypto_harden(AG_HARDEN_NODE, argv, &is_locked);
    if (err != AG_OK) {
        return fail("hardening the process", err, NULL);
    }
    if (take_word(&argc, argv, "--help")) {
        return help();
    }
    if (take_word(&argc, argv, "--version")) {
        (void)printf("aegisd %s, %s\n", AEGIS_VERSION, ag_crypto_version());
        return 0;
    }
#ifdef AG_FAILPOINTS
    int refused = take_failpoints(&argc, argv);
    if (refused != 0) {
        return refused;
    }
#endif
    bool wants_policy = take_word(&argc, argv, "--print-policy");
    bool wants_config = take_word(&argc, argv, "--print-config");
    static struct node node;
    struct ag_conf_fault fault = {0};
    /* One that is there and cannot be read is an error, not a reason to run with defaults. */
    const char *path = access(DEFAULT_CONFIG, F_OK) == 0 ? DEFAULT_CONFIG : NULL;
    err = ag_conf_load(path, (size_t)(argc - 1), argv + 1, &node.conf, &fault);
    if (err != AG_OK) {
        (void)fprintf(stderr, "aegisd: %s\n", fault.text);
        return 2 + (int)ag_err_class(err);
    }
    ag_log_configure((enum ag_log_level)node.conf.log_level, node.conf.log_json);
    ag_alloc_set_cap((size_t)node.conf.memory_max);
    err = ag_crypto_start();
    if (err == AG_OK) {
        err = ag_crypto_selftest();
    }
    if (err != AG_OK) {
        return fail("cryptography", err, NULL);
    }
    if (wants_policy) {
        return print_policy(&node.conf);
    }
    if (wants_config) {
        struct ag_vec text AG_SCOPED(ag_vec_close);
        ag_vec_init(&text, 1u << 20);
        return print_vec(ag_conf_print(&node.conf, node.conf.log_json, &text), &text);
    }
    return run(&node, is_locked);
}
