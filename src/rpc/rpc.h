/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_RPC_RPC_H
#define AG_RPC_RPC_H

/* rpc: the node's public door: JSON-RPC 2.0, the binary envelope route, events, metrics, health.
 *
 * Owns:    the HTTP server, the calls that wait for the sequencer, and the operator's token.
 * Threads: everything runs on the I/O thread, the one that calls ag_rpc_run; only ag_rpc_stop may
 *          be called from others. The sequencer is reached through its thread-safe functions alone.
 * Fails:   NET and ARGUMENT when it cannot listen; a bad request is answered, never returned.
 * Not:     no TLS yet, no CORS unless an origin is configured, bodies are never logged.
 * Formats: docs/spec/rpc.md. */

#include "base/base.h"

struct ag_seq;
struct ag_rpc;

struct ag_rpc_config {
    const char *listen;         /* see ag_net_address_parse */
    const char *origin;         /* the one web origin that may call us; NULL: none */
    const char *allowed_host;   /* one more Host name accepted on a loopback listener; NULL: none */
    const char *operator_token; /* copied; NULL or "": operator methods are refused */
    const char *version;        /* of the program, for aegis_version; NULL: "0" */
    const struct ag_host *host;
    unsigned connections_max; /* 0: HTTP_CONNECTIONS */
    size_t body_size_max;     /* 0: HTTP_BODY_BYTES */
    /* Called on the I/O thread by aegis_drain; must only start the draining. NULL: UNSUPPORTED. */
    void (*drain)(void *context);
    void *drain_context;
    uint64_t max_lag_ms; /* /health: degraded when the oldest admission waits longer; 0: 60000 */
};

/* Reads `<data_dir>/operator.token`, or makes it (64 hex digits, mode 0600) when there is none.
 * DENIED-class CONFIG if others may read it. `out` takes 65 characters. */
AG_MUST_CHECK enum ag_err ag_rpc_token_load(const char *data_dir, const struct ag_host *host,
                                            char out[65], struct ag_fault *fault);

/* Listens. `seq` must outlive the object; it is read from, submitted to, and its events drained. */
AG_MUST_CHECK enum ag_err ag_rpc_open(const struct ag_rpc_config *config, struct ag_seq *seq,
                                      struct ag_rpc **out, struct ag_fault *fault);
void ag_rpc_close(struct ag_rpc *rpc);
/* Serves until ag_rpc_stop; then still says what the sequencer has answered, for at most a second.
 * After the sequencer has stopped the node can still be read. */
AG_MUST_CHECK enum ag_err ag_rpc_run(struct ag_rpc *rpc);
void ag_rpc_stop(struct ag_rpc *rpc); /* any thread, any signal handler */
uint16_t ag_rpc_port(const struct ag_rpc *rpc);

#endif
