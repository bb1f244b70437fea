/* SPDX-License-Identifier: Apache-2.0 */
#include "net/server_i.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_SIZE_MAX 262144u /* one system call; others wait meanwhile */
#define OUTPUT_HIGH      65536u  /* unsent bytes above which no further request is looked at */
#define LINGER_MS        2000u
#define KEEP_INPUT_NS    1000000000u
#define BODY_RATE        64u /* bytes per ms that a large body may take longer than the timeout */

/* ---- birth and death ---- */

static void on_readable(evutil_socket_t fd, short what, void *context);
static void on_writable(evutil_socket_t fd, short what, void *context);

void ag_net_conn_set_deadline(struct ag_net_request *conn, uint32_t after_ms)
{
    conn->deadline_ns = ag_net_now_ns(conn->net) + (uint64_t)after_ms * 1000000u;
}

static void set_reading(struct ag_net_request *conn, bool is_on)
{
    if (conn->is_read_on == is_on || conn->readable == NULL) {
        return;
    }
    conn->is_read_on = is_on;
    if ((is_on ? event_add(conn->readable, NULL) : event_del(conn->readable)) != 0) {
        conn->is_dead = true;
    }
}

static void set_writing(struct ag_net_request *conn, bool is_on)
{
    if (conn->is_write_on == is_on || conn->writable == NULL) {
        return;
    }
    conn->is_write_on = is_on;
    if ((is_on ? event_add(conn->writable, NULL) : event_del(conn->writable)) != 0) {
        conn->is_dead = true;
    }
}

struct ag_net_request *ag_net_conn_open(struct ag_net *net, int fd, const uint8_t peer[16],
                                        bool is_overflow)
{
    struct ag_net_request *conn = ag_alloc(sizeof(*conn));
    if (conn == NULL) {
        close(fd);
        return NULL;
    }
    conn->net = net;
    conn->fd = fd;
    conn->is_overflow = is_overflow;
    memcpy(conn->peer, peer, sizeof(conn->peer));
    ag_vec_init(&conn->out, AG_LIMIT_HTTP_ANSWER_BYTES);
    ag_vec_init(&conn->body, AG_LIMIT_HTTP_ANSWER_BYTES);
    ag_vec_init(&conn->fields, AG_LIMIT_HTTP_HEADER_BYTES);
    conn->index = net->conn_count;
    net->conns[net->conn_count++] = conn;
    net->overflow_count += is_overflow ? 1u : 0u;
    conn->readable = event_new(net->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(net->base, fd, EV_WRITE | EV_PERSIST, on_writable, conn);
    ag_net_conn_set_deadline(conn, net->config.idle_timeout_ms);
    if (conn->readable == NULL || conn->writable == NULL) {
        ag_net_conn_free(conn);
        return NULL;
    }
    set_reading(conn, true);
    return conn;
}

void ag_net_conn_free_input(struct ag_net_request *conn)
{
    conn->net->buffered_size -= conn->in_capacity;
    ag_free(conn->in);
    conn->in = NULL;
    conn->in_capacity = 0;
    conn->in_at = 0;
    conn->in_size = 0;
}

static void close_socket(struct ag_net_request *conn)
{
    if (conn->readable != NULL) {
        event_free(conn->readable);
    }
    if (conn->writable != NULL) {
        event_free(conn->writable);
    }
    conn->readable = NULL;
    conn->writable = NULL;
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    conn->fd = -1;
}

void ag_net_conn_free(struct ag_net_request *conn)
{
    struct ag_net *net = conn->net;
    close_socket(conn);
    ag_net_conn_free_input(conn);
    ag_vec_close(&conn->out);
    ag_vec_close(&conn->body);
    ag_vec_close(&conn->fields);
    net->overflow_count -= conn->is_overflow ? 1u : 0u;
    net->conn_count--;
    net->conns[conn->index] = net->conns[net->conn_count];
    net->conns[conn->index]->index = conn->index;
    if (conn->state == CONN_STREAM) {
        net->stream_count--;
        conn->stream.on_close(conn->stream.context, &conn->stream);
    }
    ag_free(conn);
}

void ag_net_conn_reap(struct ag_net_request *conn)
{
    if (!conn->is_dead || conn->state == CONN_ORPHAN) {
        return;
    }
    if (conn->state == CONN_BUSY) {
        /* The handler holds views of the input: only the socket goes. */
        conn->state = CONN_ORPHAN;
        close_socket(conn);
        return;
    }
    ag_net_conn_free(conn);
}

/* ---- output ---- */

bool ag_net_conn_has_output(const struct ag_net_request *conn)
{
    return conn->out_at < conn->out.size || conn->body_at < conn->body.size;
}

static void forget_output(struct ag_net_request *conn)
{
    conn->out_at = 0;
    conn->body_at = 0;
    conn->out.size = 0;
    if (conn->out.capacity > OUTPUT_HIGH) {
        ag_vec_close(&conn->out);
    }
    ag_vec_close(&conn->body);
}

static void begin_linger(struct ag_net_request *conn)
{
    (void)shutdown(conn->fd, SHUT_WR);
    conn->state = CONN_LINGER;
    ag_net_conn_free_input(conn);
    ag_net_conn_set_deadline(conn, LINGER_MS);
    set_reading(conn, true);
}

static void add_piece(struct msghdr *message, const struct ag_vec *vec, size_t at)
{
    if (at < vec->size) {
        message->msg_iov[message->msg_iovlen++] =
            (struct iovec){.iov_base = vec->data + at, .iov_len = vec->size - at};
    }
}

/* One system call; false when the socket takes no more, or is dead. */
static bool send_some(struct ag_net_request *conn)
{
    struct iovec pieces[2];
    struct msghdr message = {.msg_iov = pieces};
    add_piece(&message, &conn->out, conn->out_at);
    add_piece(&message, &conn->body, conn->body_at);
    ssize_t sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno == EINTR) {
            return true;
        }
        conn->is_dead = errno != EAGAIN;
        return false;
    }
    size_t size = (size_t)sent;
    size_t of_out = conn->out.size - conn->out_at;
    of_out = size < of_out ? size : of_out;
    conn->out_at += of_out;
    conn->body_at += size - of_out;
    if (conn->state != CONN_BUSY) {
        ag_net_conn_set_deadline(conn, conn->net->config.write_timeout_ms);
    }
    return true;
}

void ag_net_conn_flush(struct ag_net_request *conn)
{
    if (conn->is_dead || conn->fd < 0) {
        return;
    }
    while (ag_net_conn_has_output(conn)) {
        if (!send_some(conn)) {
            if (!conn->is_dead) {
                set_writing(conn, true);
                if (conn->is_closing && conn->state == CONN_READING) {
                    conn->state = CONN_WRITING;
                }
            }
            return;
        }
    }
    set_writing(conn, false);
    forget_output(conn);
    if (conn->is_closing && (conn->state == CONN_READING || conn->state == CONN_WRITING)) {
        begin_linger(conn);
    }
}

/* ---- input: one request ---- */

/* Looks at no further request until what is pending has been sent. */
static void begin_writing(struct ag_net_request *conn)
{
    conn->state = CONN_WRITING;
    ag_net_conn_set_deadline(conn, conn->net->config.write_timeout_ms);
}

/* Ends the connection after telling why. */
static void refuse(struct ag_net_request *conn, unsigned status)
{
    ag_metric_add(AG_METRIC_HTTP_REFUSED, 1);
    ag_net_answer_refusal(conn, status);
}

/* Skips the empty lines that some clients send after a body [RFC9112 2.2]. */
static void skip_empty_lines(struct ag_net_request *conn)
{
    while (conn->scanned == 0 && conn->in_size - conn->in_at >= 2 &&
           memcmp(conn->in + conn->in_at, "\r\n", 2) == 0) {
        conn->in_at += 2;
    }
}

/* Finds and parses the head. False when more bytes are needed or the request was refused. */
static bool take_head(struct ag_net_request *conn)
{
    const struct ag_net_config *config = &conn->net->config;
    skip_empty_lines(conn);
    size_t size = conn->in_size - conn->in_at;
    if (size == 0) {
        return false;
    }
    if (size > config->header_size_max) {
        size = config->header_size_max;
    }
    uint8_t *data = conn->in + conn->in_at;
    size_t head_size = ag_net_http_head_find_end(data, size, &conn->scanned);
    if (head_size == 0) {
        if (size == config->header_size_max) {
            refuse(conn, memchr(data, '\n', size) == NULL ? 414 : 431);
        }
        return false;
    }
    unsigned status =
        ag_net_http_request_parse(data, head_size, config->target_size_max, &conn->head);
    if (status == 0 && conn->head.has_length && conn->head.length > config->body_size_max) {
        status = 413;
    }
    if (status != 0) {
        refuse(conn, status);
        return false;
    }
    conn->head_size = head_size;
    conn->body_size = 0;
    conn->chunks = (struct http_chunks){0};
    if (conn->head.is_expecting && conn->in_size - conn->in_at == head_size &&
        (conn->head.is_chunked || conn->head.length != 0)) {
        if (ag_vec_append(&conn->out, AG_LITERAL("HTTP/1.1 100 Continue\r\n\r\n")) != AG_OK) {
            conn->is_dead = true;
        }
    }
    return true;
}

/* Joins the chunks behind the head. True when the last one is there. */
static bool take_chunks(struct ag_net_request *conn)
{
    uint8_t *data = conn->in + conn->in_at;
    size_t end = conn->in_size - conn->in_at;
    size_t write_at = conn->head_size + conn->body_size;
    size_t read_at = write_at;
    enum ag_err err = ag_net_http_chunks_decode(&conn->chunks, data, &write_at, &read_at, end,
                                                conn->net->config.body_size_max);
    if (err != AG_OK) {
        refuse(conn, err == AG_ERR_NET_LIMIT ? 413 : 400);
        return false;
    }
    /* What is behind the last chunk belongs to the next request and closes up. */
    memmove(data + write_at, data + read_at, end - read_at);
    conn->in_size -= read_at - write_at;
    conn->body_size = write_at - conn->head_size;
    return conn->chunks.state == HTTP_CHUNK_DONE;
}

/* True when a whole request stands at in_at. */
static bool take_request(struct ag_net_request *conn)
{
    if (conn->head_size == 0 && !take_head(conn)) {
        return false;
    }
    if (conn->head.is_chunked) {
        return take_chunks(conn);
    }
    conn->body_size = (size_t)conn->head.length;
    return conn->in_size - conn->in_at - conn->head_size >= conn->body_size;
}

void ag_net_conn_answered(struct ag_net_request *conn)
{
    conn->in_at += conn->head_size + conn->body_size;
    conn->scanned = 0;
    conn->head_size = 0;
    conn->body_size = 0;
    conn->started_ns = 0;
    conn->answered_ns = ag_net_now_ns(conn->net);
    conn->user = NULL;
    conn->fields.size = 0;
    conn->state = CONN_READING;
    if (!conn->head.is_keep_alive || conn->net->is_draining) {
        conn->is_closing = true;
    }
    if (conn->in_at == conn->in_size) {
        conn->in_at = 0;
        conn->in_size = 0;
        /* A large buffer is kept for the next request, unless others need the room. */
        if (conn->in_capacity > CONN_INPUT_SIZE &&
            conn->net->buffered_size > conn->net->config.buffered_size_max / 2u) {
            ag_net_conn_free_input(conn);
        }
    }
    if (!conn->is_corked) {
        /* A late answer. The rest of the input is looked at from the loop, not from here: a handler
         * that answers others' requests must not find itself inside itself. */
        ag_net_conn_flush(conn);
        if (!conn->is_dead && conn->state == CONN_READING) {
            if (ag_net_conn_has_output(conn)) {
                begin_writing(conn);
            } else {
                set_reading(conn, !conn->is_eof);
                ag_net_conn_set_deadline(conn, conn->net->config.idle_timeout_ms);
                event_active(conn->readable, EV_READ, 0);
            }
        }
        ag_net_conn_reap(conn);
    }
}

void ag_net_conn_begin_stream(struct ag_net_request *conn)
{
    ag_net_conn_free_input(conn);
    ag_net_conn_set_deadline(conn, conn->net->config.write_timeout_ms);
    set_reading(conn, true);
    if (!conn->is_corked) {
        ag_net_conn_flush(conn);
    }
}

/* ---- input: bytes ---- */

static void hand_over(struct ag_net_request *conn)
{
    conn->state = CONN_BUSY;
    ag_net_conn_set_deadline(conn, conn->net->config.answer_timeout_ms);
    ag_metric_add(AG_METRIC_HTTP_REQUESTS, 1);
    conn->net->config.handler(conn->net->config.context, conn);
}

static void set_reading_deadline(struct ag_net_request *conn)
{
    const struct ag_net_config *config = &conn->net->config;
    if (conn->in_size == conn->in_at) {
        ag_net_conn_set_deadline(conn, config->idle_timeout_ms);
        return;
    }
    if (conn->started_ns == 0) {
        conn->started_ns = ag_net_now_ns(conn->net);
    }
    uint64_t allowed_ms = config->request_timeout_ms;
    if (conn->head_size != 0) {
        uint64_t body_size = conn->head.is_chunked ? conn->body_size : conn->head.length;
        allowed_ms += body_size / BODY_RATE;
    }
    conn->deadline_ns = conn->started_ns + allowed_ms * 1000000u;
}

/* Hands over the requests that are there, a bounded number at a time, and sends the answers. */
static void process(struct ag_net_request *conn)
{
    unsigned budget = AG_LIMIT_HTTP_PIPELINE;
    conn->is_corked = true;
    while (conn->state == CONN_READING && !conn->is_closing && !conn->is_dead && budget != 0 &&
           take_request(conn)) {
        budget--;
        hand_over(conn);
        /* A large body stands behind `out`, so nothing may follow before it is gone. */
        if (conn->body.size != 0 || conn->out.size - conn->out_at > OUTPUT_HIGH) {
            ag_net_conn_flush(conn);
            if (ag_net_conn_has_output(conn)) {
                break;
            }
        }
    }
    conn->is_corked = false;
    ag_net_conn_flush(conn);
    if (conn->is_dead || conn->state != CONN_READING) {
        return;
    }
    if (ag_net_conn_has_output(conn)) {
        begin_writing(conn);
        return;
    }
    set_reading(conn, !conn->is_eof);
    set_reading_deadline(conn);
    if (budget == 0 && conn->in_size != conn->in_at) {
        event_active(conn->readable, EV_READ, 0);
    } else if (conn->is_eof) {
        conn->is_dead = true; /* whatever is incomplete stays so */
    }
}

/* Makes room for at least one byte. False, with the request refused, when there can be none. */
static bool make_room(struct ag_net_request *conn)
{
    struct ag_net *net = conn->net;
    if (conn->in_at != 0) {
        memmove(conn->in, conn->in + conn->in_at, conn->in_size - conn->in_at);
        conn->in_size -= conn->in_at;
        conn->in_at = 0;
    }
    if (conn->in_size < conn->in_capacity) {
        return true;
    }
    size_t limit = net->config.header_size_max + net->config.body_size_max + CONN_INPUT_SIZE;
    size_t capacity = conn->in_capacity == 0 ? CONN_INPUT_SIZE : 2u * conn->in_capacity;
    if (capacity > limit) {
        capacity = limit;
    }
    size_t growth = capacity - conn->in_capacity;
    uint8_t *in = NULL;
    if (growth != 0 && growth <= net->config.buffered_size_max - net->buffered_size) {
        in = ag_alloc(capacity);
    }
    if (in == NULL) {
        refuse(conn, 503);
        return false;
    }
    if (conn->in_size != 0) {
        memcpy(in, conn->in, conn->in_size);
    }
    ag_free(conn->in);
    conn->in = in;
    conn->in_capacity = capacity;
    net->buffered_size += growth;
    return true;
}

static void receive(struct ag_net_request *conn)
{
    if (conn->is_eof) {
        process(conn);
        return;
    }
    if (conn->in_size == conn->in_capacity && !make_room(conn)) {
        ag_net_conn_flush(conn);
        return;
    }
    size_t room = conn->in_capacity - conn->in_size;
    ssize_t got = recv(conn->fd, conn->in + conn->in_size,
                       room < RECEIVE_SIZE_MAX ? room : RECEIVE_SIZE_MAX, 0);
    if (got > 0) {
        conn->in_size += (size_t)got;
    } else if (got == 0) {
        conn->is_eof = true; /* no more requests, but he may still read our answers */
    } else if (errno != EAGAIN && errno != EINTR) {
        conn->is_dead = true;
        return;
    }
    process(conn);
}

/* Reads and forgets: nobody asked for this. */
static void discard(struct ag_net_request *conn)
{
    ssize_t got = recv(conn->fd, conn->net->scratch, sizeof(conn->net->scratch), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        conn->is_dead = true;
    }
}

/* Something comes while an answer is due: it waits in the kernel. A reset is noticed; a peer that
 * only closed its sending side still gets its answer. */
static void postpone(struct ag_net_request *conn)
{
    uint8_t byte = 0;
    ssize_t got = recv(conn->fd, &byte, 1, MSG_PEEK);
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
        conn->is_dead = true;
        return;
    }
    set_reading(conn, false);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct ag_net_request *conn = context;
    (void)fd;
    (void)what;
    switch (conn->state) {
    case CONN_READING:
        receive(conn);
        break;
    case CONN_BUSY:
    case CONN_WRITING:
        postpone(conn);
        break;
    case CONN_STREAM:
    case CONN_LINGER:
        discard(conn);
        break;
    case CONN_ORPHAN:
    default:
        AG_ASSERT(false);
    }
    ag_net_conn_reap(conn);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct ag_net_request *conn = context;
    (void)fd;
    (void)what;
    ag_net_conn_flush(conn);
    if (!conn->is_dead && conn->state == CONN_WRITING && !ag_net_conn_has_output(conn)) {
        conn->state = CONN_READING;
        process(conn);
    }
    ag_net_conn_reap(conn);
}

/* ---- the clock ---- */

static void expire(struct ag_net_request *conn)
{
    switch (conn->state) {
    case CONN_READING:
        if (conn->in_size == conn->in_at) {
            conn->is_dead = true;
            break;
        }
        refuse(conn, 408);
        ag_net_conn_flush(conn);
        break;
    case CONN_BUSY:
        /* The answer may still come, and is dropped then. */
        ag_metric_add(AG_METRIC_HTTP_REFUSED, 1);
        ag_net_answer_refusal(conn, 504);
        ag_net_conn_flush(conn);
        conn->is_dead = true;
        break;
    case CONN_WRITING:
    case CONN_STREAM:
    case CONN_LINGER:
    case CONN_ORPHAN:
    default:
        conn->is_dead = true;
        break;
    }
}

void ag_net_conn_check_deadline(struct ag_net_request *conn, uint64_t now_ns)
{
    if (conn->state == CONN_STREAM) {
        const struct ag_net_config *config = &conn->net->config;
        bool is_stuck = ag_net_conn_has_output(conn) && now_ns >= conn->deadline_ns;
        bool is_over = conn->net->is_draining && !ag_net_conn_has_output(conn);
        conn->is_dead = conn->is_dead || is_stuck || is_over;
        if (!conn->is_dead && now_ns - conn->stream.sent_ns >= config->heartbeat_ms * 1000000ull) {
            ag_net_stream_send(&conn->stream, AG_LITERAL(":\n\n"));
        }
    } else if (conn->state != CONN_ORPHAN && now_ns >= conn->deadline_ns) {
        expire(conn);
    } else if (conn->state == CONN_READING && conn->in_size == conn->in_at &&
               !ag_net_conn_has_output(conn)) {
        /* Between requests. A large buffer is kept only while they follow each other. */
        conn->is_dead = conn->is_dead || conn->net->is_draining;
        if (conn->in_capacity > CONN_INPUT_SIZE && now_ns - conn->answered_ns > KEEP_INPUT_NS) {
            ag_net_conn_free_input(conn);
        }
    }
    ag_net_conn_reap(conn);
}
