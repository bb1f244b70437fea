/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/rpc_i.h"

#define TOKEN_SIZE      64u
#define POOL_EVENTS_MS  250u
#define EVENTS_PER_TURN 256u
#define LAST_MS         1000u /* that answers may take to leave when the door closes */

/* ---- the operator's token ---- */

/* Reads the token if the file is its owner's alone. NOT_FOUND if there is no file. */
static enum ag_err read_token(const char *path, char out[65], struct ag_fault *fault)
{
    struct stat status;
    char text[TOKEN_SIZE + 2];
    uint8_t bytes[TOKEN_SIZE / 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? AG_ERR_NOT_FOUND
                               : ag_fault_set(fault, AG_ERR_IO, "operator.token");
    }
    bool is_private = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                      (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
    ssize_t got = is_private ? read(fd, text, sizeof(text)) : 0;
    close(fd);
    enum ag_err err = AG_OK;
    if (!is_private) {
        err = ag_fault_set(fault, AG_ERR_CONFIG, "operator.token: mode must be 0600");
    } else if (got < (ssize_t)TOKEN_SIZE ||
               (got > (ssize_t)TOKEN_SIZE &&
                (got != (ssize_t)TOKEN_SIZE + 1 || text[TOKEN_SIZE] != '\n')) ||
               ag_hex_decode(text, TOKEN_SIZE, (struct ag_buf){bytes, sizeof(bytes)}) != AG_OK) {
        err = ag_fault_set(fault, AG_ERR_CONFIG, "operator.token: 64 hex digits");
    } else {
        memcpy(out, text, TOKEN_SIZE);
        out[TOKEN_SIZE] = '\0';
    }
    ag_wipe(text, sizeof(text));
    ag_wipe(bytes, sizeof(bytes));
    return err;
}

static enum ag_err make_token(const char *path, const struct ag_host *host, struct ag_fault *fault)
{
    uint8_t random[TOKEN_SIZE / 2];
    char text[TOKEN_SIZE + 2];
    enum ag_err err = host->random(host->context, (struct ag_buf){random, sizeof(random)});
    if (err == AG_OK) {
        ag_hex_encode(AG_ARRAY_VIEW(random), text);
        text[TOKEN_SIZE] = '\n';
        err = ag_file_write(path, ag_bytes_of(text, TOKEN_SIZE + 1u), 0600);
    }
    ag_wipe(random, sizeof(random));
    ag_wipe(text, sizeof(text));
    return err == AG_OK ? AG_OK : ag_fault_set(fault, err, "operator.token");
}

enum ag_err ag_rpc_token_load(const char *data_dir, const struct ag_host *host, char out[65],
                              struct ag_fault *fault)
{
    char path[4096];
    int size = snprintf(path, sizeof(path), "%s/operator.token", data_dir);
    if (size < 0 || (size_t)size >= sizeof(path)) {
        return ag_fault_limit(fault, AG_ERR_CONFIG, "data_dir", sizeof(path), strlen(data_dir));
    }
    enum ag_err err = read_token(path, out, fault);
    if (err != AG_ERR_NOT_FOUND) {
        return err;
    }
    AG_TRY(make_token(path, host, fault));
    return read_token(path, out, fault);
}

/* ---- opening ---- */

static bool copy_text(char *out, size_t out_size, const char *text)
{
    size_t size = text == NULL ? 0 : strlen(text);
    if (size >= out_size) {
        return false;
    }
    memcpy(out, text == NULL ? "" : text, size + 1u);
    return true;
}

static enum ag_err open_parts(struct ag_rpc *rpc, const struct ag_rpc_config *config,
                              struct ag_fault *fault)
{
    const char *token = config->operator_token == NULL ? "" : config->operator_token;
    if (!copy_text(rpc->origin, sizeof(rpc->origin), config->origin) ||
        !copy_text(rpc->allowed_host, sizeof(rpc->allowed_host), config->allowed_host)) {
        return ag_fault_set(fault, AG_ERR_ARGUMENT, "origin or allowed host");
    }
    /* A token is all 256 bits or nothing: a short one could be guessed. */
    if (token[0] != '\0') {
        if (strlen(token) != sizeof(rpc->token)) {
            return ag_fault_set(fault, AG_ERR_ARGUMENT, "operator token");
        }
        memcpy(rpc->token, token, sizeof(rpc->token));
        rpc->has_token = true;
    }
    const struct ag_net_config net_config = {
        .listen = config->listen,
        .handler = ag_rpc_route,
        .context = rpc,
        .host = config->host,
        .connections_max = config->connections_max,
        .body_size_max = config->body_size_max,
    };
    AG_TRY(ag_net_open(&net_config, &rpc->net, fault));
    AG_TRY(ag_net_watch(rpc->net, rpc->core.ops.events_fd(rpc->core.node), ag_rpc_on_node_events,
                        rpc));
    return ag_net_every(rpc->net, POOL_EVENTS_MS, ag_rpc_events_pool, rpc);
}

enum ag_err ag_rpc_open_node(const struct ag_rpc_config *config, const struct rpc_node_ops *ops,
                             void *node, struct ag_rpc **out, struct ag_fault *fault)
{
    if (config->listen == NULL || config->host == NULL) {
        return ag_fault_set(fault, AG_ERR_ARGUMENT, "listen or host");
    }
    struct ag_rpc *rpc = ag_alloc(sizeof(*rpc));
    AG_ENSURE(rpc != NULL, AG_ERR_NO_MEMORY);
    enum ag_err err = ag_rpc_core_init(&rpc->core, ops, node, config);
    if (err == AG_OK) {
        err = open_parts(rpc, config, fault);
    }
    if (err != AG_OK) {
        ag_rpc_close(rpc);
        return err;
    }
    if (!ag_net_is_loopback(rpc->net)) {
        ag_log(AG_LOG_WARN, "rpc.open_to_network", ag_kv_text("listen", config->listen),
               ag_kv_text("note", "no TLS here: put a proxy that ends it in front"));
    }
    *out = rpc;
    return AG_OK;
}

void ag_rpc_close(struct ag_rpc *rpc)
{
    if (rpc == NULL) {
        return;
    }
    ag_net_close(rpc->net); /* first: listeners are told through rpc */
    ag_rpc_core_close(&rpc->core);
    ag_wipe(rpc->token, sizeof(rpc->token));
    ag_free(rpc);
}

/* Says what is left to say: answers that the sequencer gave before it stopped, and answers that are
 * on their way to slow readers. */
static enum ag_err say_last(struct ag_rpc *rpc)
{
    const struct ag_host *host = rpc->core.host;
    uint64_t end_ns = host->monotonic_ns(host->context) + (uint64_t)LAST_MS * 1000000u;
    ag_net_drain(rpc->net);
    while (rpc->core.waiting_count != 0 || ag_net_connection_count(rpc->net) != 0) {
        if (host->monotonic_ns(host->context) >= end_ns) {
            break;
        }
        AG_TRY(ag_net_turn(rpc->net, 50));
    }
    return AG_OK;
}

enum ag_err ag_rpc_run(struct ag_rpc *rpc)
{
    AG_TRY(ag_net_run(rpc->net));
    return say_last(rpc);
}

void ag_rpc_stop(struct ag_rpc *rpc)
{
    ag_net_stop(rpc->net);
}

uint16_t ag_rpc_port(const struct ag_rpc *rpc)
{
    return ag_net_port(rpc->net);
}

/* ---- events of the node ---- */

static void on_event(struct ag_rpc *rpc, struct ag_event *event)
{
    switch (event->kind) {
    case AG_EVENT_SUBMISSION:
        ag_rpc_core_answer(&rpc->core, event->submission);
        break;
    case AG_EVENT_POOL:
        rpc->is_pool_changed = true;
        rpc->pool_count = event->number;
        rpc->pool_bytes = event->bytes;
        break;
    case AG_EVENT_BATCH:
        ag_rpc_events_batch(rpc, event->number);
        break;
    case AG_EVENT_STOPPED:
        ag_log(event->err == AG_OK ? AG_LOG_INFO : AG_LOG_ERROR, "rpc.sequencer_stopped",
               ag_kv_err("error", event->err));
        break;
    default:
        AG_ASSERT(false);
    }
}

void ag_rpc_on_node_events(void *context)
{
    struct ag_rpc *rpc = context;
    struct ag_event events[64];
    size_t handled = 0;
    /* A bounded number, so that sockets have their turn; the rest keeps the descriptor readable. */
    while (handled < EVENTS_PER_TURN) {
        size_t count = rpc->core.ops.events(rpc->core.node, events, AG_COUNT(events));
        for (size_t i = 0; i < count; i++) {
            on_event(rpc, &events[i]);
        }
        handled += count;
        if (count < AG_COUNT(events)) {
            break;
        }
    }
}
