/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_i.h"
#include "net/url_i.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_INPUT_SIZE 65536u
#define CLIENT_TIMEOUT_MS 30000u
#define FIELDS_SIZE_MAX   8192u

struct ag_http {
    struct url url;
    struct ag_vec fields; /* Host and the caller's, as lines */
    struct ag_vec head;   /* of the request being sent */
    uint32_t timeout_ms;
    int fd;
    size_t in_at;
    size_t in_size;
    struct http_head answer;
    uint8_t in[CLIENT_INPUT_SIZE];
};

_Static_assert(CLIENT_INPUT_SIZE > AG_LIMIT_HTTP_HEADER_BYTES, "an answer's head fits the buffer");

/* ---- opening ---- */

static enum ag_err add_fields(struct ag_http *http, const struct ag_http_options *options)
{
    const struct ag_net_address *address = &http->url.address;
    bool is_v6 = strchr(address->host, ':') != NULL;
    if (address->is_unix) {
        AG_TRY(ag_vec_append(&http->fields, AG_LITERAL("Host: localhost\r\n")));
    } else {
        AG_TRY(ag_vec_printf(&http->fields, is_v6 ? "Host: [%s]:%u\r\n" : "Host: %s:%u\r\n",
                             address->host, address->port));
    }
    for (size_t i = 0; options != NULL && i < options->field_count; i++) {
        const struct ag_http_field *field = &options->fields[i];
        AG_ENSURE(field->name[0] != '\0' && strpbrk(field->name, " \t\r\n:") == NULL &&
                      strpbrk(field->value, "\r\n") == NULL,
                  AG_ERR_ARGUMENT);
        AG_TRY(ag_vec_printf(&http->fields, "%s: %s\r\n", field->name, field->value));
    }
    return AG_OK;
}

enum ag_err ag_net_http_open(const char *url, const struct ag_http_options *options,
                             struct ag_http **out, struct ag_fault *fault)
{
    struct ag_http *http = ag_alloc(sizeof(*http));
    AG_ENSURE(http != NULL, AG_ERR_NO_MEMORY);
    http->fd = -1;
    http->timeout_ms =
        options == NULL || options->timeout_ms == 0 ? CLIENT_TIMEOUT_MS : options->timeout_ms;
    ag_vec_init(&http->fields, FIELDS_SIZE_MAX);
    ag_vec_init(&http->head, 2u * FIELDS_SIZE_MAX);
    enum ag_err err = ag_net_url_parse(url, &http->url, fault);
    if (err == AG_OK) {
        err = add_fields(http, options);
        if (err != AG_OK) {
            (void)ag_fault_set(fault, err, "header field");
        }
    }
    if (err != AG_OK) {
        ag_net_http_close(http);
        return err;
    }
    *out = http;
    return AG_OK;
}

static void disconnect(struct ag_http *http)
{
    if (http->fd >= 0) {
        close(http->fd);
    }
    http->fd = -1;
    http->in_at = 0;
    http->in_size = 0;
}

void ag_net_http_close(struct ag_http *http)
{
    if (http == NULL) {
        return;
    }
    disconnect(http);
    /* A field may be an operator's token. */
    if (http->fields.data != NULL) {
        ag_wipe(http->fields.data, http->fields.capacity);
    }
    if (http->head.data != NULL) {
        ag_wipe(http->head.data, http->head.capacity);
    }
    ag_vec_close(&http->fields);
    ag_vec_close(&http->head);
    ag_free(http);
}

static void close_cleanup(struct ag_http **http)
{
    ag_net_http_close(*http);
}

const char *ag_net_http_path(const struct ag_http *http)
{
    return http->url.path;
}

/* ---- waiting ---- */

static uint64_t now_ms(void)
{
    const struct ag_host *host = ag_host_system();
    return host->monotonic_ns(host->context) / 1000000u;
}

static enum ag_err wait_for(int fd, short events, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now = now_ms();
        AG_ENSURE(now < deadline_ms, AG_ERR_NET_TIMEOUT);
        uint64_t left = deadline_ms - now;
        struct pollfd item = {.fd = fd, .events = events};
        int ready = poll(&item, 1, left > 60000u ? 60000 : (int)left);
        if (ready > 0) {
            return AG_OK;
        }
        AG_ENSURE(ready == 0 || errno == EINTR, AG_ERR_NET);
    }
}

/* ---- connecting ---- */

static enum ag_err connect_to(struct ag_http *http, const struct sockaddr *address, socklen_t size,
                              uint64_t deadline_ms)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    AG_ENSURE(fd >= 0, AG_ERR_NET);
    int one = 1;
    if (address->sa_family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    enum ag_err err = AG_OK;
    if (connect(fd, address, size) != 0) {
        int failure = errno;
        socklen_t failure_size = sizeof(failure);
        err = failure == EINPROGRESS ? wait_for(fd, POLLOUT, deadline_ms) : AG_ERR_NET;
        if (err == AG_OK &&
            (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &failure_size) != 0 || failure != 0)) {
            err = AG_ERR_NET;
        }
    }
    if (err != AG_OK) {
        close(fd);
        return err;
    }
    http->fd = fd;
    return AG_OK;
}

/* Tries each address of the name in turn. The look-up itself has the resolver's timeouts. */
static enum ag_err open_connection(struct ag_http *http, uint64_t deadline_ms)
{
    const struct ag_net_address *address = &http->url.address;
    if (address->is_unix) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        memcpy(name.sun_path, address->path, sizeof(name.sun_path));
        return connect_to(http, (const struct sockaddr *)&name, sizeof(name), deadline_ms);
    }
    char port[8];
    int printed = snprintf(port, sizeof(port), "%u", address->port);
    AG_ASSERT(printed > 0 && (size_t)printed < sizeof(port));
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    AG_ENSURE(getaddrinfo(address->host, port, &hints, &found) == 0, AG_ERR_NET);
    enum ag_err err = AG_ERR_NET;
    for (const struct addrinfo *each = found; each != NULL && err == AG_ERR_NET;
         each = each->ai_next) {
        err = connect_to(http, each->ai_addr, each->ai_addrlen, deadline_ms);
    }
    freeaddrinfo(found);
    return err;
}

/* ---- sending ---- */

/* An iovec has no const, although sending only reads. */
static struct iovec piece_of(struct ag_bytes bytes)
{
    struct iovec piece = {.iov_len = bytes.size};
    memcpy(&piece.iov_base, &bytes.data, sizeof(piece.iov_base));
    return piece;
}

static enum ag_err send_all(struct ag_http *http, struct ag_bytes head, struct ag_bytes body,
                            uint64_t deadline_ms)
{
    while (head.size + body.size != 0) {
        struct iovec pieces[2] = {piece_of(head), piece_of(body)};
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
        ssize_t sent = sendmsg(http->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            AG_TRY(wait_for(http->fd, POLLOUT, deadline_ms));
            continue;
        }
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        AG_ENSURE(sent >= 0, AG_ERR_NET);
        size_t of_head = (size_t)sent < head.size ? (size_t)sent : head.size;
        head = ag_bytes_tail(head, of_head);
        body = ag_bytes_tail(body, (size_t)sent - of_head);
    }
    return AG_OK;
}

/* ---- receiving ---- */

/* Adds at least one byte to the input. NET_PROTOCOL when the server has closed. */
static enum ag_err receive(struct ag_http *http, uint64_t deadline_ms)
{
    if (http->in_at != 0) {
        memmove(http->in, http->in + http->in_at, http->in_size - http->in_at);
        http->in_size -= http->in_at;
        http->in_at = 0;
    }
    AG_ENSURE(http->in_size < sizeof(http->in), AG_ERR_NET_LIMIT);
    for (;;) {
        ssize_t got = recv(http->fd, http->in + http->in_size, sizeof(http->in) - http->in_size, 0);
        if (got > 0) {
            http->in_size += (size_t)got;
            return AG_OK;
        }
        AG_ENSURE(got != 0, AG_ERR_NET_PROTOCOL);
        if (errno == EAGAIN) {
            AG_TRY(wait_for(http->fd, POLLIN, deadline_ms));
        } else {
            AG_ENSURE(errno == EINTR, AG_ERR_NET);
        }
    }
}

/* Reads the head of the final answer; interim answers (100 Continue) are passed over. */
static enum ag_err receive_head(struct ag_http *http, uint64_t deadline_ms)
{
    size_t scanned = 0;
    for (;;) {
        size_t size = http->in_size - http->in_at;
        size_t head_size =
            size == 0 ? 0 : ag_net_http_head_find_end(http->in + http->in_at, size, &scanned);
        if (head_size == 0) {
            AG_ENSURE(size < AG_LIMIT_HTTP_HEADER_BYTES, AG_ERR_NET_LIMIT);
            AG_TRY(receive(http, deadline_ms));
            continue;
        }
        AG_TRY(ag_net_http_answer_parse(http->in + http->in_at, head_size, &http->answer));
        http->in_at += head_size;
        scanned = 0;
        if (http->answer.status >= 200) {
            return AG_OK;
        }
    }
}

struct body_sink {
    ag_http_piece *each;
    void *context;
    uint32_t silence_ms; /* 0: deadline_ms is for the whole */
    uint64_t deadline_ms;
};

static uint64_t sink_deadline(const struct body_sink *sink)
{
    return sink->silence_ms == 0 ? sink->deadline_ms : now_ms() + sink->silence_ms;
}

static enum ag_err receive_chunked(struct ag_http *http, const struct body_sink *sink)
{
    struct http_chunks chunks = {0};
    for (;;) {
        size_t start = http->in_at;
        size_t write_at = start;
        AG_TRY(ag_net_http_chunks_decode(&chunks, http->in, &write_at, &http->in_at, http->in_size,
                                         UINT64_MAX));
        if (write_at != start) {
            AG_TRY(sink->each(sink->context, ag_bytes_of(http->in + start, write_at - start)));
        }
        if (chunks.state == HTTP_CHUNK_DONE) {
            return AG_OK;
        }
        AG_TRY(receive(http, sink_deadline(sink)));
    }
}

/* A body of `length` bytes; UINT64_MAX: until the server closes. */
static enum ag_err receive_plain(struct ag_http *http, uint64_t length,
                                 const struct body_sink *sink)
{
    while (length != 0) {
        size_t size = http->in_size - http->in_at;
        if (size > length) {
            size = (size_t)length;
        }
        if (size != 0) {
            struct ag_bytes piece = ag_bytes_of(http->in + http->in_at, size);
            http->in_at += size;
            length -= length == UINT64_MAX ? 0 : size;
            AG_TRY(sink->each(sink->context, piece));
            continue;
        }
        enum ag_err err = receive(http, sink_deadline(sink));
        if (err == AG_ERR_NET_PROTOCOL && length == UINT64_MAX) {
            return AG_OK;
        }
        AG_TRY(err);
    }
    return AG_OK;
}

static enum ag_err receive_body(struct ag_http *http, const struct body_sink *sink)
{
    const struct http_head *answer = &http->answer;
    bool is_endless = !answer->is_chunked && !answer->has_length;
    if (answer->status == 204 || answer->status == 304) {
        return AG_OK;
    }
    if (answer->is_chunked) {
        AG_TRY(receive_chunked(http, sink));
    } else {
        AG_TRY(receive_plain(http, is_endless ? UINT64_MAX : answer->length, sink));
    }
    if (is_endless || !answer->is_keep_alive) {
        disconnect(http);
    }
    return AG_OK;
}

/* ---- calls ---- */

struct request {
    const char *method;
    const char *path;
    const char *content_type; /* NULL: no body */
    struct ag_bytes body;
};

static enum ag_err make_head(struct ag_http *http, const struct request *request)
{
    http->head.size = 0;
    AG_TRY(ag_vec_printf(&http->head, "%s %s HTTP/1.1\r\n", request->method, request->path));
    AG_TRY(ag_vec_append(&http->head, ag_vec_view(&http->fields)));
    if (request->content_type != NULL) {
        AG_TRY(ag_vec_printf(&http->head, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                             request->content_type, request->body.size));
    }
    return ag_vec_append(&http->head, AG_LITERAL("\r\n"));
}

/* Sends the request and reads the head of its answer. `*out_is_silent` tells that the connection
 * failed before a single byte of an answer. */
static enum ag_err try_exchange(struct ag_http *http, const struct request *request,
                                uint64_t deadline_ms, bool *out_is_silent)
{
    *out_is_silent = false;
    if (http->fd < 0) {
        AG_TRY(open_connection(http, deadline_ms));
    }
    enum ag_err sent = send_all(http, ag_vec_view(&http->head), request->body, deadline_ms);
    if (sent != AG_OK && sent != AG_ERR_NET) {
        return sent;
    }
    /* A server that refuses closes while we still send; its answer says why. */
    enum ag_err err = receive_head(http, deadline_ms);
    *out_is_silent = err != AG_OK && err != AG_ERR_NET_TIMEOUT && http->in_size == 0;
    return err == AG_OK ? AG_OK : sent != AG_OK ? sent : err;
}

static enum ag_err exchange(struct ag_http *http, const struct request *request,
                            uint64_t deadline_ms)
{
    AG_ENSURE(ag_net_url_is_target(request->path) &&
                  strlen(request->path) <= AG_LIMIT_HTTP_TARGET_BYTES,
              AG_ERR_TEXT);
    AG_ENSURE(request->content_type == NULL || strpbrk(request->content_type, "\r\n") == NULL,
              AG_ERR_ARGUMENT);
    AG_TRY(make_head(http, request));
    bool was_open = http->fd >= 0;
    bool is_silent = false;
    enum ag_err err = try_exchange(http, request, deadline_ms, &is_silent);
    if (err != AG_OK && was_open && is_silent) {
        /* The server closed an idle connection just as we used it. Should it have seen the request
         * after all, a second one does no harm: envelopes are known by their id, and every other
         * call sets or reads. */
        disconnect(http);
        err = try_exchange(http, request, deadline_ms, &is_silent);
    }
    return err;
}

static enum ag_err append_piece(void *context, struct ag_bytes piece)
{
    enum ag_err err = ag_vec_append(context, piece);
    return err == AG_ERR_WIRE_SPACE ? AG_ERR_NET_LIMIT : err;
}

static enum ag_err run_call(struct ag_http *http, const struct request *request, struct ag_vec *out,
                            unsigned *out_status)
{
    struct body_sink sink = {
        .each = append_piece, .context = out, .deadline_ms = now_ms() + http->timeout_ms};
    size_t before = out->size;
    enum ag_err err = exchange(http, request, sink.deadline_ms);
    unsigned status = http->answer.status;
    if (err == AG_OK) {
        err = receive_body(http, &sink);
    }
    if (err != AG_OK) {
        disconnect(http);
        out->size = before;
        return err;
    }
    *out_status = status;
    return AG_OK;
}

enum ag_err ag_net_http_get(struct ag_http *http, const char *path, struct ag_vec *out,
                            unsigned *out_status)
{
    struct request request = {.method = "GET", .path = path == NULL ? http->url.path : path};
    return run_call(http, &request, out, out_status);
}

enum ag_err ag_net_http_call(struct ag_http *http, const char *path, const char *content_type,
                             struct ag_bytes body, struct ag_vec *out, unsigned *out_status)
{
    AG_ENSURE(content_type != NULL, AG_ERR_ARGUMENT);
    struct request request = {.method = "POST",
                              .path = path == NULL ? http->url.path : path,
                              .content_type = content_type,
                              .body = body};
    return run_call(http, &request, out, out_status);
}

enum ag_err ag_net_http_follow(struct ag_http *http, const char *path, uint32_t silence_ms,
                               ag_http_piece *each, void *context, unsigned *out_status)
{
    AG_ENSURE(silence_ms != 0, AG_ERR_ARGUMENT);
    struct body_sink sink = {.each = each, .context = context, .silence_ms = silence_ms};
    struct request request = {.method = "GET", .path = path == NULL ? http->url.path : path};
    enum ag_err err = exchange(http, &request, now_ms() + http->timeout_ms);
    if (err == AG_OK) {
        *out_status = http->answer.status;
        err = *out_status == 200 ? receive_body(http, &sink) : AG_ERR_NET_PROTOCOL;
    }
    disconnect(http);
    return err;
}

enum ag_err ag_net_http_post(const char *url, const struct ag_http_options *options,
                             const char *content_type, struct ag_bytes body, struct ag_vec *out,
                             unsigned *out_status)
{
    struct ag_http *http AG_SCOPED(close_cleanup) = NULL;
    AG_TRY(ag_net_http_open(url, options, &http, NULL));
    return ag_net_http_call(http, NULL, content_type, body, out, out_status);
}
