/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_RPC_RPC_I_H
#define AG_RPC_RPC_I_H

/* rpc inside: the core knows JSON-RPC and envelopes but neither sockets nor the sequencer; the
 * server joins it to net, node.c to seq. Tests and the fuzz target drive the core with a node of
 * their own.
 *
 *   exchange.c  one HTTP body in, one answer out, now or when the sequencer has answered
 *   methods.c   the methods of methods.def
 *   results.c   structs of the node as JSON
 *   binary.c    the binary envelope route
 *   routes.c    HTTP paths, who may call, files and texts
 *   events.c    server-sent events
 *   rpc.c       opening, the loop, the operator's token
 *   node.c      the node that is a sequencer */

#include "rpc/rpc.h"

#include "net/net.h"
#include "seq/seq.h"

/* ---- the node, as rpc sees it: the thread-safe part of seq.h --------------------------------- */

struct rpc_node_ops {
    enum ag_err (*submit)(void *node, struct ag_submission *const *submissions, size_t count);
    int (*events_fd)(void *node);
    size_t (*events)(void *node, struct ag_event *out, size_t limit);
    void (*status)(void *node, struct ag_seq_status *out);
    enum ag_err (*identity)(void *node, struct ag_bytes nonce, struct ag_vec *out_bundle,
                            struct ag_vec *out_evidence, struct ag_vec *out_collateral);
    enum ag_err (*tx_status)(void *node, const struct ag_id *id, struct ag_tx_status *out);
    enum ag_err (*admission_receipt)(void *node, const struct ag_id *id, struct ag_vec *out);
    enum ag_err (*outcome_receipt)(void *node, const struct ag_id *id, struct ag_vec *out);
    enum ag_err (*batch_header)(void *node, uint64_t number, struct ag_batch_header *out,
                                struct ag_hash *out_digest);
    enum ag_err (*batch_export)(void *node, uint64_t number, struct ag_vec *out);
    enum ag_err (*batch_outcomes)(void *node, uint64_t number, ag_seq_outcome_fn *each,
                                  void *context);
    enum ag_err (*set_order_mode)(void *node, uint8_t mode);
    enum ag_err (*rotate_keys)(void *node);
};

/* ---- the core -------------------------------------------------------------------------------- */

struct rpc_exchange;

struct rpc_core {
    struct rpc_node_ops ops;
    void *node;
    const struct ag_host *host;
    char version[32];
    void (*drain)(void *context);
    void *drain_context;
    uint64_t max_lag_ms;
    struct ag_arena arena;      /* of the request that is being read */
    struct rpc_exchange *first; /* those that wait for the sequencer */
    unsigned waiting_count;
    uint64_t evidence_second; /* quotes over nonces, counted per second */
    unsigned evidence_count;
};

AG_MUST_CHECK enum ag_err ag_rpc_core_init(struct rpc_core *core, const struct rpc_node_ops *ops,
                                           void *node, const struct ag_rpc_config *config);
/* Frees what waits. Their submissions stay the node's. */
void ag_rpc_core_close(struct rpc_core *core);

/* ---- exchanges ------------------------------------------------------------------------------- */

struct rpc_caller {
    struct ag_id source;
    bool is_operator;
};

enum rpc_form {
    RPC_FORM_CALLS,  /* JSON-RPC */
    RPC_FORM_BINARY, /* envelopes in, receipts out */
    RPC_FORM_LIST,   /* envelopes in, JSON out */
};

/* One envelope on its way. */
struct rpc_item {
    struct rpc_exchange *exchange;
    struct ag_submission *submission; /* NULL while the sequencer has it */
    enum ag_err err;                  /* why it was never handed over; OK if it was */
    struct ag_fault fault;
};

enum rpc_call_kind {
    RPC_CALL_DONE, /* the reply is in exchange->done */
    RPC_CALL_ONE,  /* aegis_sendEnvelope: one item */
    RPC_CALL_LIST, /* aegis_sendEnvelopes: a list of items */
};
struct rpc_call {
    enum rpc_call_kind kind;
    bool is_notification;
    uint32_t id_at; /* in exchange->ids, JSON text */
    uint32_t id_size;
    size_t reply_at;
    size_t reply_size;
    size_t item_first;
    size_t item_count;
};

/* `done` gets the answer: status 204 without a body, or a body that it may take. The exchange is
 * gone after it returns. Called once: before ag_rpc_exchange_run returns, or later from
 * ag_rpc_core_answer. */
typedef void rpc_exchange_done(void *context, unsigned status, const char *content_type,
                               struct ag_vec *body);

struct rpc_exchange {
    struct rpc_core *core;
    struct rpc_exchange *next;
    struct rpc_exchange *previous;
    enum rpc_form form;
    struct rpc_caller caller;
    bool is_list; /* a JSON-RPC batch */
    struct rpc_call *calls;
    size_t call_count;
    struct rpc_item *items;
    size_t item_count;
    size_t item_capacity;
    size_t waiting;    /* items that the sequencer has */
    struct ag_vec ids; /* of the calls, as JSON texts */
    struct ag_vec done_text;
    rpc_exchange_done *done;
    void *context;
};

/* Reads `body` and answers, at once or later. */
void ag_rpc_exchange_run(struct rpc_core *core, enum rpc_form form, const struct rpc_caller *caller,
                         struct ag_bytes body, rpc_exchange_done *done, void *context);
/* The sequencer has answered: takes the submission. */
void ag_rpc_core_answer(struct rpc_core *core, struct ag_submission *submission);

/* Adds an envelope. What is wrong with it is kept for its answer; an error is our own failure. */
AG_MUST_CHECK enum ag_err ag_rpc_exchange_add(struct rpc_exchange *exchange,
                                              struct ag_bytes envelope);
/* Takes back the items from `first` on; none of them was handed over yet. */
void ag_rpc_exchange_drop(struct rpc_exchange *exchange, size_t first);
/* Splits the binary body into envelopes. */
AG_MUST_CHECK enum ag_err ag_rpc_binary_read(struct rpc_exchange *exchange, struct ag_bytes body,
                                             struct ag_fault *fault);
AG_MUST_CHECK enum ag_err ag_rpc_binary_write(const struct rpc_exchange *exchange,
                                              struct ag_vec *out);

/* ---- methods --------------------------------------------------------------------------------- */

struct rpc_param {
    const char *name;
    const char *type;
    bool is_required;
};
#define RPC_PARAMS_MAX 3u

/* What a method sees. It writes its result under the key "result". */
struct rpc_request {
    struct rpc_core *core;
    struct rpc_exchange *exchange;
    struct rpc_call *call;
    const struct rpc_method *method;
    const struct ag_json_value *params;
    struct ag_fault fault;
    struct ag_json_out *out;
};
typedef enum ag_err rpc_handler(struct rpc_request *request);

struct rpc_method {
    const char *name;
    rpc_handler *handler;
    bool is_operator;
    const char *help;
    struct rpc_param params[RPC_PARAMS_MAX];
};
extern const struct rpc_method ag_rpc_methods[];
extern const size_t ag_rpc_method_count;
const struct rpc_method *ag_rpc_method_find(const char *name);
/* RPC_PARAMS if they do not fit the method: too many, unknown or missing. */
AG_MUST_CHECK enum ag_err ag_rpc_params_check(struct rpc_request *request);

/* ---- results --------------------------------------------------------------------------------- */

/* A JSON number below 2^53, else a decimal string: what every reader of JSON keeps exact. */
void ag_rpc_put_number(struct ag_json_out *out, const char *key, uint64_t value);
/* 0x and the shortest hex, as eth_* methods have it. */
void ag_rpc_put_quantity(struct ag_json_out *out, const char *key, uint64_t value);
void ag_rpc_put_base64(struct ag_json_out *out, const char *key, struct ag_bytes bytes);
/* {"code", "message", "data"}; `stamp_bits` 0: none asked for. */
void ag_rpc_put_error(struct ag_json_out *out, const char *key, enum ag_err err,
                      const struct ag_fault *fault, unsigned stamp_bits);
int ag_rpc_error_code(enum ag_err err);
bool ag_rpc_error_is_retry(enum ag_err err);
void ag_rpc_put_status(struct ag_json_out *out, const char *key,
                       const struct ag_seq_status *status);
void ag_rpc_put_header(struct ag_json_out *out, const char *key,
                       const struct ag_batch_header *header, const struct ag_hash *digest);
void ag_rpc_put_outcome(struct ag_json_out *out, const char *key, const struct ag_outcome *outcome);
/* The answer to one envelope: its receipt or, as an element of a list, {"error": ...}. */
void ag_rpc_put_item(struct ag_json_out *out, const char *key, const struct rpc_item *item);
enum ag_err ag_rpc_item_err(const struct rpc_item *item);
const struct ag_fault *ag_rpc_item_fault(const struct rpc_item *item);

const char *ag_rpc_order_mode_name(uint8_t mode); /* NULL if there is none */
uint8_t ag_rpc_order_mode_find(const char *name); /* 0 if there is none */
const char *ag_rpc_tx_state_name(enum ag_tx_state state);

enum rpc_health {
    RPC_HEALTH_GOOD,
    RPC_HEALTH_DEGRADED,
    RPC_HEALTH_BAD
};
/* Appends the JSON body of /health. */
AG_MUST_CHECK enum ag_err ag_rpc_health_write(const struct rpc_core *core, struct ag_vec *out,
                                              enum rpc_health *out_health);

/* ---- the server ------------------------------------------------------------------------------ */

enum rpc_topic {
    RPC_TOPIC_POOL = 1,
    RPC_TOPIC_BATCH = 2,
    RPC_TOPIC_RECEIPT = 4
};
struct rpc_listener {
    struct ag_rpc *rpc;
    struct ag_net_stream *stream; /* NULL: a free place */
    unsigned topics;
    uint64_t last_batch; /* told of when it resumed */
};

struct ag_rpc {
    struct rpc_core core;
    struct ag_net *net;
    char origin[256];
    char allowed_host[256];
    uint8_t token[64];
    bool has_token;
    struct rpc_listener listeners[AG_LIMIT_SSE_CLIENTS];
    bool is_pool_changed;
    uint64_t pool_count;
    uint64_t pool_bytes;
    uint64_t last_batch; /* announced; 0: none yet */
};

/* ag_rpc_open over any node. */
AG_MUST_CHECK enum ag_err ag_rpc_open_node(const struct ag_rpc_config *config,
                                           const struct rpc_node_ops *ops, void *node,
                                           struct ag_rpc **out, struct ag_fault *fault);
void ag_rpc_route(void *context, struct ag_net_request *request);
void ag_rpc_events_open(struct ag_rpc *rpc, struct ag_net_request *request);
void ag_rpc_events_batch(struct ag_rpc *rpc, uint64_t number);
/* Sends the newest state of the pool, if it changed; called a few times a second. */
void ag_rpc_events_pool(void *context);
void ag_rpc_on_node_events(void *context);

#endif
