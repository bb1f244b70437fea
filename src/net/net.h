/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_NET_NET_H
#define AG_NET_NET_H

/* net: an HTTP/1.1 server with fixed limits, and a small blocking client.
 *
 * Owns:    sockets, connections and their buffers; a server owns the loop of its thread.
 * Threads: a server and everything under it belong to the thread that runs it, except ag_net_stop,
 *          which any thread and any signal handler may call. Others wake the loop through a
 *          descriptor given to ag_net_watch (that of an ag_queue). Clients are independent.
 * Fails:   NET for the system, NET_LIMIT for a cap, NET_TIMEOUT for a silent peer, NET_PROTOCOL for
 *          one that does not speak HTTP. The server answers bad requests itself and stays silent.
 * Not:     no TLS yet: a non-loopback listener needs a proxy that ends it. No HTTP/2, no files, no
 *          redirects, no cookies, no compression. */

#include "base/base.h"

/* ---- addresses ------------------------------------------------------------------------------- */

#define AG_NET_HOST_SIZE 256u
#define AG_NET_PATH_SIZE 108u
struct ag_net_address {
    bool is_unix;
    char host[AG_NET_HOST_SIZE]; /* a name or a number, without brackets */
    uint16_t port;
    char path[AG_NET_PATH_SIZE]; /* of the socket when is_unix */
};
/* `host:port`, `[v6]:port`, `:port` or `port` (loopback), `unix:/path`. TEXT otherwise. */
AG_MUST_CHECK enum ag_err ag_net_address_parse(const char *text, struct ag_net_address *out,
                                               struct ag_fault *fault);
/* True for `localhost`, 127.0.0.0/8, ::1 and socket files: what no other machine can reach. */
bool ag_net_address_is_loopback(const struct ag_net_address *address);
/* True if the Host field `host` (`host` or `host:port`) names this machine's loopback. A page of a
 * foreign site whose name was rebound to 127.0.0.1 still sends its own name. */
bool ag_net_host_is_loopback(struct ag_bytes host);

/* ---- server ---------------------------------------------------------------------------------- */

struct ag_net;         /* a listener, its connections and the loop */
struct ag_net_request; /* one request, from its handler until it is answered */
struct ag_net_stream;  /* one listener to server-sent events */

enum ag_net_method {
    AG_NET_GET,
    AG_NET_HEAD,
    AG_NET_POST,
    AG_NET_OPTIONS,
    AG_NET_OTHER
};

/* Called for each whole request. It must see to it that the request is answered exactly once, with
 * one of ag_net_respond, ag_net_respond_vec and ag_net_stream_open: before it returns, or later on
 * the same thread. */
typedef void ag_net_handler(void *context, struct ag_net_request *request);

/* Zero means the default, which is the limit of the same name in limits.def where there is one. */
struct ag_net_config {
    const char *listen; /* see ag_net_address_parse; a port of 0 takes any free one */
    ag_net_handler *handler;
    void *context;
    const struct ag_host *host;
    size_t header_size_max;      /* HTTP_HEADER_BYTES: request line and fields; 431 */
    size_t target_size_max;      /* HTTP_TARGET_BYTES; 414 */
    size_t body_size_max;        /* HTTP_BODY_BYTES; 413, before more than that is held */
    size_t buffered_size_max;    /* HTTP_BUFFERED_BYTES: requests held over all connections; 503 */
    unsigned connections_max;    /* HTTP_CONNECTIONS; 503 and close */
    unsigned streams_max;        /* SSE_CLIENTS; 503 */
    size_t stream_size_max;      /* SSE_BUFFER_BYTES: unsent bytes of one listener; dropped */
    uint32_t request_timeout_ms; /* 15000: from a request's first byte to its last; 408 */
    uint32_t answer_timeout_ms;  /* 30000: from the handler's call to the answer; 504 */
    uint32_t idle_timeout_ms;    /* 60000: between requests */
    uint32_t write_timeout_ms;   /* 30000: without progress of an answer */
    uint32_t heartbeat_ms;       /* 15000: comment lines to listeners */
};

/* Binds and listens. ARGUMENT for a bad address or no handler, NET when the system refuses. */
AG_MUST_CHECK enum ag_err ag_net_open(const struct ag_net_config *config, struct ag_net **out,
                                      struct ag_fault *fault);
/* Closes everything. Requests that are not answered yet are gone: their handles are invalid. */
void ag_net_close(struct ag_net *net);
/* Runs the loop on this thread until ag_net_stop. */
AG_MUST_CHECK enum ag_err ag_net_run(struct ag_net *net);
/* One turn of the loop, waiting at most `timeout_ms`; for tests and for draining. */
AG_MUST_CHECK enum ag_err ag_net_turn(struct ag_net *net, uint32_t timeout_ms);
/* Makes ag_net_run return. Any thread, any signal handler, before or during the run. */
void ag_net_stop(struct ag_net *net);
/* Stops accepting. Idle connections and streams are closed; the others after their next answer. */
void ag_net_drain(struct ag_net *net);

uint16_t ag_net_port(const struct ag_net *net); /* as bound; 0 for a socket file */
bool ag_net_is_loopback(const struct ag_net *net);
/* Connections that are open now, and bytes of requests held for them. */
unsigned ag_net_connection_count(const struct ag_net *net);
size_t ag_net_buffered_size(const struct ag_net *net);

/* Calls `ready` on the loop's thread whenever `fd` is readable. At most NET_WATCHES. The descriptor
 * stays the caller's and must outlive the server. */
typedef void ag_net_ready(void *context);
AG_MUST_CHECK enum ag_err ag_net_watch(struct ag_net *net, int fd, ag_net_ready *ready,
                                       void *context);
/* Calls `ready` about every `interval_ms`, to the grain of the server's clock (100 ms). */
AG_MUST_CHECK enum ag_err ag_net_every(struct ag_net *net, uint32_t interval_ms,
                                       ag_net_ready *ready, void *context);

/* ---- a request: all views live until it is answered ------------------------------------------ */

enum ag_net_method ag_net_method(const struct ag_net_request *request);
/* The path without its query, as sent: not decoded, begins with '/' (or is "*"). */
struct ag_bytes ag_net_path(const struct ag_net_request *request);
/* The text after '?', without it; empty if there is none. */
struct ag_bytes ag_net_query(const struct ag_net_request *request);
/* The value of `name` in the query, percent-decoded into `out` with a NUL. NOT_FOUND if absent,
 * TEXT if it is not valid or does not fit. */
AG_MUST_CHECK enum ag_err ag_net_query_value(const struct ag_net_request *request, const char *name,
                                             char *out, size_t out_size);
/* The value of a field, `name` in lower case; the first if it is repeated. Empty if absent. */
struct ag_bytes ag_net_field(const struct ag_net_request *request, const char *name);
/* The body after chunks are joined. */
struct ag_bytes ag_net_body(const struct ag_net_request *request);
/* The peer as 16 bytes: v6, v4 mapped to v6, zeros for a socket file. A v6 peer is its /64, since
 * one client commands that many addresses. */
void ag_net_peer(const struct ag_net_request *request, uint8_t out[16]);

/* The caller's own pointer, NULL at first. */
void ag_net_set_user(struct ag_net_request *request, void *user);
void *ag_net_user(const struct ag_net_request *request);

/* Adds a field to the answer; `name` and `value` are copied. LIMIT of space: NET_LIMIT. */
AG_MUST_CHECK enum ag_err ag_net_add_field(struct ag_net_request *request, const char *name,
                                           const char *value);
/* Answers; the bytes are copied. If the client has gone, or the server answered 504 meanwhile, the
 * answer is dropped: the handle is valid until this call and never after. */
void ag_net_respond(struct ag_net_request *request, unsigned status, const char *content_type,
                    struct ag_bytes body);
/* The same, taking the memory of `body`, which is left empty. */
void ag_net_respond_vec(struct ag_net_request *request, unsigned status, const char *content_type,
                        struct ag_vec *body);
/* Answers with the reason phrase as a line of text. */
void ag_net_respond_status(struct ag_net_request *request, unsigned status);

/* Answers with an endless text/event-stream. `on_close` is called once when the listener leaves, is
 * dropped for being slow, or the server closes; the stream is invalid after that. If this returns
 * an error (NET_LIMIT: too many listeners; NET: the client has gone) the request is answered. */
typedef void ag_net_stream_close(void *context, struct ag_net_stream *stream);
AG_MUST_CHECK enum ag_err ag_net_stream_open(struct ag_net_request *request,
                                             ag_net_stream_close *on_close, void *context,
                                             struct ag_net_stream **out);
/* Sends whole events, formatted by ag_net_event_format. A listener that holds more than
 * stream_size_max unsent is dropped; on_close is called from the loop, never from here. */
void ag_net_stream_send(struct ag_net_stream *stream, struct ag_bytes events);
/* Appends one event. `data` may hold lines; `id` may be NULL. */
AG_MUST_CHECK enum ag_err ag_net_event_format(struct ag_vec *out, const char *event, const char *id,
                                              struct ag_bytes data);

/* ---- client ---------------------------------------------------------------------------------- */

/* One connection to one server, kept alive between calls and opened again when the server closed it
 * in between. Blocking. */
struct ag_http;
struct ag_http_field {
    const char *name;
    const char *value;
};
struct ag_http_options {
    uint32_t timeout_ms; /* of a whole call; 0: 30000 */
    const struct ag_http_field *fields;
    size_t field_count;
};

/* `http://host[:port][/path]` or `http://unix:/socket[:/path]`. `https` is NET_PROTOCOL, what is no
 * URL is TEXT. Connects at the first call. */
AG_MUST_CHECK enum ag_err ag_net_http_open(const char *url, const struct ag_http_options *options,
                                           struct ag_http **out, struct ag_fault *fault);
void ag_net_http_close(struct ag_http *http);
/* The path of the URL that was opened; "/" if it had none. */
const char *ag_net_http_path(const struct ag_http *http);

/* One exchange. `path` NULL: that of the URL. The body of the answer is appended to `out`, whose
 * limit is the limit (NET_LIMIT). Any status is a success here. A request is sent a second time
 * only if the server closed an idle connection before it answered anything. */
AG_MUST_CHECK enum ag_err ag_net_http_get(struct ag_http *http, const char *path,
                                          struct ag_vec *out, unsigned *out_status);
AG_MUST_CHECK enum ag_err ag_net_http_call(struct ag_http *http, const char *path,
                                           const char *content_type, struct ag_bytes body,
                                           struct ag_vec *out, unsigned *out_status);

/* GETs an endless answer and hands over each piece as it comes, until `each` returns an error
 * (which is passed on), the server ends it (OK), or nothing came for `silence_ms` (NET_TIMEOUT). A
 * status other than 200 is NET_PROTOCOL, with the status in `out_status`. */
typedef enum ag_err ag_http_piece(void *context, struct ag_bytes piece);
AG_MUST_CHECK enum ag_err ag_net_http_follow(struct ag_http *http, const char *path,
                                             uint32_t silence_ms, ag_http_piece *each,
                                             void *context, unsigned *out_status);

/* One call on a connection of its own. */
AG_MUST_CHECK enum ag_err ag_net_http_post(const char *url, const struct ag_http_options *options,
                                           const char *content_type, struct ag_bytes body,
                                           struct ag_vec *out, unsigned *out_status);

#endif
