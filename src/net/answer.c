/* SPDX-License-Identifier: Apache-2.0 */
#include "net/server_i.h"

#include <stdio.h>
#include <string.h>

#define COPY_SIZE_MAX 16384u /* bodies up to this join the head; larger ones are sent in place */

/* ---- the request, as the handler sees it ---- */

static const uint8_t *data_of(const struct ag_net_request *request)
{
    return request->in + request->in_at;
}

enum ag_net_method ag_net_method(const struct ag_net_request *request)
{
    return request->head.method;
}

struct ag_bytes ag_net_path(const struct ag_net_request *request)
{
    return ag_net_http_span_view(data_of(request), request->head.path);
}

struct ag_bytes ag_net_query(const struct ag_net_request *request)
{
    return ag_net_http_span_view(data_of(request), request->head.query);
}

struct ag_bytes ag_net_field(const struct ag_net_request *request, const char *name)
{
    return ag_net_http_field_find(&request->head, data_of(request), name);
}

struct ag_bytes ag_net_body(const struct ag_net_request *request)
{
    if (request->body_size == 0) {
        return (struct ag_bytes){NULL, 0};
    }
    return ag_bytes_of(data_of(request) + request->head_size, request->body_size);
}

void ag_net_peer(const struct ag_net_request *request, uint8_t out[16])
{
    memcpy(out, request->peer, sizeof(request->peer));
}

void ag_net_set_user(struct ag_net_request *request, void *user)
{
    request->user = user;
}

void *ag_net_user(const struct ag_net_request *request)
{
    return request->user;
}

/* ---- queries ---- */

/* Decodes %xx and '+' into `out` with a NUL. */
static enum ag_err decode_percent(struct ag_bytes text, char *out, size_t out_size)
{
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            AG_ENSURE(text.size - i >= 3, AG_ERR_TEXT);
            AG_TRY(ag_hex_decode((const char *)text.data + i + 1, 2, (struct ag_buf){&c, 1}));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        AG_ENSURE(c != 0 && used + 1u < out_size, AG_ERR_TEXT);
        out[used++] = (char)c;
    }
    AG_ENSURE(used < out_size, AG_ERR_TEXT);
    out[used] = '\0';
    return AG_OK;
}

enum ag_err ag_net_query_value(const struct ag_net_request *request, const char *name, char *out,
                               size_t out_size)
{
    struct ag_bytes rest = ag_net_query(request);
    size_t name_size = strlen(name);
    while (rest.size != 0) {
        const uint8_t *end = memchr(rest.data, '&', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
        if (size > name_size && rest.data[name_size] == '=' &&
            memcmp(rest.data, name, name_size) == 0) {
            return decode_percent(ag_bytes_tail(ag_bytes_head(rest, size), name_size + 1u), out,
                                  out_size);
        }
        rest = ag_bytes_tail(rest, size + 1u);
    }
    return AG_ERR_NOT_FOUND;
}

/* ---- heads of answers ---- */

static const char *const day_names[7] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_names[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* The Date field, printed once a second. Names must not follow the locale, so no strftime. */
static const char *date_text(struct ag_net *net)
{
    uint64_t now_s = net->config.host->now_ms(net->config.host->context) / 1000u;
    if (now_s != net->date_s) {
        time_t time_s = (time_t)now_s;
        struct tm tm;
        if (gmtime_r(&time_s, &tm) != NULL && tm.tm_year >= 0 && tm.tm_year < 8100) {
            int size = snprintf(net->date, sizeof(net->date), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                day_names[tm.tm_wday % 7], tm.tm_mday, month_names[tm.tm_mon % 12],
                                tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
            AG_ASSERT(size == 29);
        }
        net->date_s = now_s;
    }
    return net->date;
}

struct writer {
    struct ag_vec *vec;
    enum ag_err err;
};

static void put(struct writer *writer, struct ag_bytes text)
{
    if (writer->err == AG_OK) {
        writer->err = ag_vec_append(writer->vec, text);
    }
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, ag_bytes_of(text, strlen(text)));
}

static void put_u64(struct writer *writer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put(writer, ag_bytes_of(digits + at, sizeof(digits) - at));
}

/* The status line and the fields of every answer. */
static void put_common(struct writer *writer, struct ag_net_request *conn, unsigned status,
                       const char *content_type)
{
    put_text(writer, "HTTP/1.1 ");
    put_u64(writer, status);
    put_text(writer, " ");
    put_text(writer, ag_net_http_reason(status));
    put_text(writer, "\r\nDate: ");
    put_text(writer, date_text(conn->net));
    if (content_type != NULL) {
        put_text(writer, "\r\nContent-Type: ");
        put_text(writer, content_type);
    }
    put_text(writer, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    put(writer, ag_vec_view(&conn->fields));
}

static void put_head(struct writer *writer, struct ag_net_request *conn, unsigned status,
                     const char *content_type, size_t body_size, bool is_last)
{
    put_common(writer, conn, status, content_type);
    if (status != 204) {
        put_text(writer, "Content-Length: ");
        put_u64(writer, body_size);
        put_text(writer, "\r\n");
    }
    if (is_last) {
        put_text(writer, "Connection: close\r\n");
    } else if (conn->head.minor == 0) {
        put_text(writer, "Connection: keep-alive\r\n");
    }
    put_text(writer, "\r\n");
}

static bool is_last_answer(const struct ag_net_request *conn)
{
    return !conn->head.is_keep_alive || conn->net->is_draining;
}

void ag_net_answer_refusal(struct ag_net_request *conn, unsigned status)
{
    struct writer writer = {.vec = &conn->out};
    const char *reason = ag_net_http_reason(status);
    conn->fields.size = 0;
    if (status == 503) {
        struct writer fields = {.vec = &conn->fields};
        put_text(&fields, "Retry-After: 1\r\n");
    }
    put_head(&writer, conn, status, "text/plain; charset=utf-8", strlen(reason) + 1u, true);
    put_text(&writer, reason);
    put_text(&writer, "\n");
    conn->fields.size = 0;
    conn->is_closing = true;
    conn->is_dead = conn->is_dead || writer.err != AG_OK;
}

/* ---- answers of the handler ---- */

/* True if nobody waits for this answer any more; the handle is gone then. */
static bool is_orphan(struct ag_net_request *conn)
{
    if (conn->state == CONN_ORPHAN) {
        ag_net_conn_free(conn);
        return true;
    }
    AG_ASSERT(conn->state == CONN_BUSY);
    return false;
}

static bool is_token_text(const char *text)
{
    return text[0] != '\0' && strpbrk(text, " \t\r\n:") == NULL;
}

enum ag_err ag_net_add_field(struct ag_net_request *request, const char *name, const char *value)
{
    /* A line end in a value would let its author write the rest of the answer. */
    AG_ENSURE(is_token_text(name) && strpbrk(value, "\r\n") == NULL, AG_ERR_ARGUMENT);
    size_t before = request->fields.size;
    struct writer writer = {.vec = &request->fields};
    put_text(&writer, name);
    put_text(&writer, ": ");
    put_text(&writer, value);
    put_text(&writer, "\r\n");
    if (writer.err != AG_OK) {
        request->fields.size = before;
        return writer.err == AG_ERR_WIRE_SPACE ? AG_ERR_NET_LIMIT : writer.err;
    }
    return AG_OK;
}

static bool is_without_body(const struct ag_net_request *conn, unsigned status)
{
    return conn->head.method == AG_NET_HEAD || status == 204;
}

void ag_net_respond(struct ag_net_request *request, unsigned status, const char *content_type,
                    struct ag_bytes body)
{
    if (is_orphan(request)) {
        return;
    }
    struct writer writer = {.vec = &request->out};
    put_head(&writer, request, status, content_type, body.size, is_last_answer(request));
    if (!is_without_body(request, status)) {
        put(&writer, body);
    }
    request->is_dead = request->is_dead || writer.err != AG_OK;
    ag_net_conn_answered(request);
}

void ag_net_respond_vec(struct ag_net_request *request, unsigned status, const char *content_type,
                        struct ag_vec *body)
{
    if (request->state == CONN_ORPHAN || body->size <= COPY_SIZE_MAX ||
        is_without_body(request, status)) {
        ag_net_respond(request, status, content_type, ag_vec_view(body));
        ag_vec_close(body);
        return;
    }
    AG_ASSERT(request->state == CONN_BUSY && request->body.data == NULL);
    struct writer writer = {.vec = &request->out};
    put_head(&writer, request, status, content_type, body->size, is_last_answer(request));
    request->body = *body;
    *body = (struct ag_vec){.limit = body->limit};
    request->is_dead = request->is_dead || writer.err != AG_OK;
    ag_net_conn_answered(request);
}

void ag_net_respond_status(struct ag_net_request *request, unsigned status)
{
    char text[64];
    int size = snprintf(text, sizeof(text), "%s\n", ag_net_http_reason(status));
    AG_ASSERT(size > 0 && (size_t)size < sizeof(text));
    ag_net_respond(request, status, "text/plain; charset=utf-8", ag_bytes_of(text, (size_t)size));
}

/* ---- streams ---- */

enum ag_err ag_net_stream_open(struct ag_net_request *request, ag_net_stream_close *on_close,
                               void *context, struct ag_net_stream **out)
{
    struct ag_net *net = request->net;
    if (is_orphan(request)) {
        return AG_ERR_NET;
    }
    if (net->stream_count >= net->config.streams_max || net->is_draining) {
        /* Without memory for it the answer goes without this courtesy. */
        if (ag_net_add_field(request, "Retry-After", "5") != AG_OK) {
            request->fields.size = 0;
        }
        ag_net_respond_status(request, 503);
        return AG_ERR_NET_LIMIT;
    }
    size_t before = request->out.size;
    struct writer writer = {.vec = &request->out};
    put_common(&writer, request, 200, "text/event-stream");
    /* HTTP/1.0 has no chunks: the end of the connection is the end of the answer. */
    put_text(&writer, request->head.minor == 0 ? "Connection: close\r\n\r\n"
                                               : "Transfer-Encoding: chunked\r\n\r\n");
    if (writer.err != AG_OK) {
        request->out.size = before;
        ag_net_respond_status(request, 503);
        return AG_ERR_NET_LIMIT;
    }
    request->state = CONN_STREAM;
    request->is_closing = false;
    request->stream = (struct ag_net_stream){
        .conn = request, .on_close = on_close, .context = context, .sent_ns = ag_net_now_ns(net)};
    net->stream_count++;
    ag_net_conn_begin_stream(request);
    *out = &request->stream;
    return AG_OK;
}

/* Moves what is unsent to the front, so that a stream that is never quite idle does not grow. */
static void close_up(struct ag_net_request *conn)
{
    if (conn->out_at > COPY_SIZE_MAX) {
        memmove(conn->out.data, conn->out.data + conn->out_at, conn->out.size - conn->out_at);
        conn->out.size -= conn->out_at;
        conn->out_at = 0;
    }
}

void ag_net_stream_send(struct ag_net_stream *stream, struct ag_bytes events)
{
    struct ag_net_request *conn = stream->conn;
    if (conn->is_dead || events.size == 0) {
        return;
    }
    close_up(conn);
    size_t unsent = conn->out.size - conn->out_at;
    if (unsent == 0) {
        ag_net_conn_set_deadline(conn, conn->net->config.write_timeout_ms);
    }
    if (events.size > conn->net->config.stream_size_max ||
        unsent > conn->net->config.stream_size_max - events.size) {
        conn->is_dead = true; /* reaped by the clock */
        return;
    }
    struct writer writer = {.vec = &conn->out};
    if (conn->head.minor != 0) {
        char line[24];
        int size = snprintf(line, sizeof(line), "%zx\r\n", events.size);
        AG_ASSERT(size > 0 && (size_t)size < sizeof(line));
        put(&writer, ag_bytes_of(line, (size_t)size));
    }
    put(&writer, events);
    if (conn->head.minor != 0) {
        put_text(&writer, "\r\n");
    }
    conn->is_dead = writer.err != AG_OK;
    stream->sent_ns = ag_net_now_ns(conn->net);
    ag_net_conn_flush(conn);
}

enum ag_err ag_net_event_format(struct ag_vec *out, const char *event, const char *id,
                                struct ag_bytes data)
{
    AG_ENSURE(strpbrk(event, "\r\n") == NULL, AG_ERR_ARGUMENT);
    AG_ENSURE(id == NULL || strpbrk(id, "\r\n") == NULL, AG_ERR_ARGUMENT);
    struct writer writer = {.vec = out};
    if (id != NULL) {
        put_text(&writer, "id: ");
        put_text(&writer, id);
        put_text(&writer, "\n");
    }
    put_text(&writer, "event: ");
    put_text(&writer, event);
    put_text(&writer, "\n");
    do {
        const uint8_t *end = data.size == 0 ? NULL : memchr(data.data, '\n', data.size);
        size_t size = end == NULL ? data.size : (size_t)(end - data.data);
        put_text(&writer, "data: ");
        put(&writer, ag_bytes_head(data, size));
        put_text(&writer, "\n");
        data = ag_bytes_tail(data, size + 1u);
    } while (data.size != 0);
    put_text(&writer, "\n");
    return writer.err;
}
