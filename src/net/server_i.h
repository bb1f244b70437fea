/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_NET_SERVER_I_H
#define AG_NET_SERVER_I_H

/* server: what the parts of the server share.
 *
 *   server.c   listener, loop, clock, limits of the whole
 *   conn.c     one connection: bytes in, requests out to the handler, bytes out
 *   answer.c   what the handler calls: answers and streams
 *
 * A connection carries one request at a time, so a request's handle *is* its connection:
 *
 *   READING -- whole request --> BUSY -- answer --> READING  (WRITING while the socket is full)
 *      |                          | `--- stream --> STREAM
 *      | refused, or last         | no answer in time: 504
 *      v                          v
 *    LINGER -- peer closes -->  ORPHAN -- answer, dropped --> freed
 *
 * LINGER has said all it will say and reads what still comes, because closing a socket with unread
 * bytes resets the connection and may take the answer with it [RFC9112 9.6]. ORPHAN has no socket
 * any more and waits for the handler's answer, which keeps handles valid; it still counts as a
 * connection, so their number is bounded.
 *
 * Nothing is freed inside nested calls: they set `is_dead`, and who came from the loop reaps. */

#include <event2/event.h>
#include <event2/listener.h>

#include "net/http_i.h"

#define CONN_INPUT_SIZE 16384u /* of a buffer at first: a head, or a call with one small envelope */

enum conn_state {
    CONN_READING,
    CONN_BUSY,
    CONN_WRITING,
    CONN_STREAM,
    CONN_LINGER,
    CONN_ORPHAN,
};

struct ag_net_stream {
    struct ag_net_request *conn;
    ag_net_stream_close *on_close;
    void *context;
    uint64_t sent_ns; /* when something was last sent */
};

struct ag_net_request {
    struct ag_net *net;
    unsigned index; /* in net->conns */
    enum conn_state state;
    bool is_overflow; /* over the cap: told so, and not counted */
    bool is_dead;
    bool is_closing; /* after the pending output */
    bool is_eof;     /* the peer sends no more */
    bool is_corked;  /* output is gathered and sent by the caller */
    bool is_read_on;
    bool is_write_on;
    int fd; /* -1 when ORPHAN */
    struct event *readable;
    struct event *writable;
    uint8_t peer[16];
    uint64_t deadline_ns;
    uint64_t answered_ns; /* the last answer */
    uint64_t started_ns;  /* first byte of the request being read; 0: none yet */

    /* Input. Offsets of the request are from `in_at`, so that moving the buffer costs nothing. */
    uint8_t *in;
    size_t in_capacity;
    size_t in_at;
    size_t in_size;
    size_t scanned;
    size_t head_size; /* 0: not parsed yet */
    size_t body_size; /* of chunks joined so far */
    struct http_chunks chunks;
    struct http_head head;

    /* Output: `out` from `out_at`, then `body` from `body_at`. */
    struct ag_vec out;
    size_t out_at;
    struct ag_vec body;
    size_t body_at;
    struct ag_vec fields; /* of the next answer */

    void *user;
    struct ag_net_stream stream;
};

struct net_watch {
    struct event *event;
    ag_net_ready *ready;
    void *context;
};
struct net_timer {
    uint64_t interval_ns;
    uint64_t next_ns;
    ag_net_ready *ready;
    void *context;
};

struct ag_net {
    struct ag_net_config config;
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *tick;
    struct event *turn;
    struct event *stop;
    int stop_fd;
    bool is_loopback;
    bool is_listening; /* false while the process is out of descriptors */
    bool is_draining;
    uint16_t port;
    char path[AG_NET_PATH_SIZE];
    struct ag_net_request **conns;
    unsigned conn_count;     /* entries in conns */
    unsigned overflow_count; /* of those, over the cap */
    unsigned stream_count;
    size_t buffered_size;
    char date[32];
    uint64_t date_s;
    struct net_watch watches[AG_LIMIT_NET_WATCHES];
    unsigned watch_count;
    struct net_timer timers[AG_LIMIT_NET_WATCHES];
    unsigned timer_count;
    uint8_t scratch[16384]; /* bytes that are read to be forgotten */
};

uint64_t ag_net_now_ns(const struct ag_net *net);

/* Takes the socket. Returns NULL, with the socket closed, if there is no memory. */
struct ag_net_request *ag_net_conn_open(struct ag_net *net, int fd, const uint8_t peer[16],
                                        bool is_overflow);
/* Frees the connection if it is dead. A BUSY one becomes an ORPHAN instead. */
void ag_net_conn_reap(struct ag_net_request *conn);
/* Called by the clock. */
void ag_net_conn_check_deadline(struct ag_net_request *conn, uint64_t now_ns);
/* Sends what is pending, as far as the socket takes it. */
void ag_net_conn_flush(struct ag_net_request *conn);
bool ag_net_conn_has_output(const struct ag_net_request *conn);
/* After an answer to the current request was put into the output. */
void ag_net_conn_answered(struct ag_net_request *conn);
/* The handler's answer to an ORPHAN: the end of its life. */
void ag_net_conn_free(struct ag_net_request *conn);
void ag_net_conn_free_input(struct ag_net_request *conn);
/* The request became a stream: its input is no longer wanted. */
void ag_net_conn_begin_stream(struct ag_net_request *conn);
void ag_net_conn_set_deadline(struct ag_net_request *conn, uint32_t after_ms);

/* Puts an answer of the server itself into the output; the connection closes after it. */
void ag_net_answer_refusal(struct ag_net_request *conn, unsigned status);

#endif
