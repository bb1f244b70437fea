/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TESTS_UNIT_TEST_NET_GROUND_H
#define AG_TESTS_UNIT_TEST_NET_GROUND_H

/* test_net_ground: a server on its own thread whose paths do what their names say, and raw clients
 * that say what ours never would. Checks run on the thread of the test. */

#include "net/http_i.h"
#include "net/url_i.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"

/* ---- the server under test ---- */

#define LATE_MAX    64u
#define STREAMS_MAX 16u

/* Belongs to the server's thread while it runs. */
struct fixture {
    struct ag_net *net;
    pthread_t thread;
    struct ag_queue *queue;
    struct ag_net_request *late[LATE_MAX];
    unsigned late_count;
    struct ag_net_stream *streams[STREAMS_MAX];
    unsigned stream_count;
    unsigned closed_streams;
};

static inline void answer_text(struct ag_net_request *request, const char *text)
{
    ag_net_respond(request, 200, "text/plain", ag_bytes_of(text, strlen(text)));
}

static inline bool is_path(struct ag_net_request *request, const char *path)
{
    return ag_bytes_equal(ag_net_path(request), ag_bytes_of(path, strlen(path)));
}

static inline void on_stream_close(void *context, struct ag_net_stream *stream)
{
    struct fixture *fixture = context;
    for (unsigned i = 0; i < fixture->stream_count; i++) {
        if (fixture->streams[i] == stream) {
            fixture->streams[i] = fixture->streams[--fixture->stream_count];
            fixture->closed_streams++;
            return;
        }
    }
    abort(); /* a stream that was never opened, or was closed twice */
}

static inline void answer_big(struct ag_net_request *request)
{
    char text[24];
    uint64_t size = 0;
    uint8_t *data = NULL;
    struct ag_vec body;
    ag_vec_init(&body, 64u << 20);
    if (ag_net_query_value(request, "size", text, sizeof(text)) != AG_OK ||
        ag_u64_parse(text, strlen(text), false, &size) != AG_OK ||
        ag_vec_extend(&body, size, &data) != AG_OK) {
        ag_net_respond_status(request, 400);
        return;
    }
    memset(data, 'x', size);
    ag_net_respond_vec(request, 200, "application/octet-stream", &body);
}

static inline void push_event(struct fixture *fixture, struct ag_net_request *request)
{
    struct ag_vec event;
    ag_vec_init(&event, 1u << 20);
    struct ag_bytes data = ag_net_body(request);
    if (ag_net_event_format(&event, "batch", "7", data) != AG_OK) {
        abort();
    }
    for (unsigned i = 0; i < fixture->stream_count; i++) {
        ag_net_stream_send(fixture->streams[i], ag_vec_view(&event));
    }
    ag_vec_close(&event);
    char text[64];
    (void)snprintf(text, sizeof(text), "%u %u", fixture->stream_count, fixture->closed_streams);
    answer_text(request, text);
}

static inline void answer_late(struct fixture *fixture)
{
    unsigned count = fixture->late_count;
    fixture->late_count = 0;
    for (unsigned i = 0; i < count; i++) {
        answer_text(fixture->late[i], "late");
    }
}

static inline void answer_counts(const struct fixture *fixture, struct ag_net_request *request)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%u %zu.", ag_net_connection_count(fixture->net),
                   ag_net_buffered_size(fixture->net));
    answer_text(request, text);
}

static inline void handle(void *context, struct ag_net_request *request)
{
    struct fixture *fixture = context;
    if (is_path(request, "/counts")) {
        answer_counts(fixture, request);
    } else if (is_path(request, "/hello")) {
        answer_text(request, "hello");
    } else if (is_path(request, "/echo")) {
        ag_net_respond(request, 200, "application/octet-stream", ag_net_body(request));
    } else if (is_path(request, "/big")) {
        answer_big(request);
    } else if (is_path(request, "/late") && fixture->late_count < LATE_MAX) {
        fixture->late[fixture->late_count++] = request;
    } else if (is_path(request, "/release")) {
        answer_late(fixture);
        answer_text(request, "released");
    } else if (is_path(request, "/field")) {
        char text[32] = "";
        if (ag_net_add_field(request, "X-Bad", "a\r\nSet-Cookie: b") != AG_ERR_ARGUMENT ||
            ag_net_query_value(request, "v", text, sizeof(text)) != AG_OK ||
            ag_net_add_field(request, "X-Good", text) != AG_OK) {
            ag_net_respond_status(request, 400);
            return;
        }
        ag_net_respond(request, 200, NULL, ag_net_field(request, "user-agent"));
    } else if (is_path(request, "/events") && fixture->stream_count < STREAMS_MAX) {
        struct ag_net_stream *stream = NULL;
        if (ag_net_stream_open(request, on_stream_close, fixture, &stream) == AG_OK) {
            fixture->streams[fixture->stream_count++] = stream;
        }
    } else if (is_path(request, "/push")) {
        push_event(fixture, request);
    } else {
        ag_net_respond_status(request, 404);
    }
}

/* What another thread pushed releases the late answers, as the sequencer's queue does in a node. */
static inline void on_queue(void *context)
{
    struct fixture *fixture = context;
    void *items[8];
    while (ag_queue_pop(fixture->queue, items, AG_COUNT(items)) != 0) {
    }
    answer_late(fixture);
}

static inline void *run_server(void *context)
{
    struct fixture *fixture = context;
    if (ag_net_run(fixture->net) != AG_OK) {
        abort();
    }
    return NULL;
}

static inline void start(struct fixture *fixture, struct ag_net_config config)
{
    *fixture = (struct fixture){0};
    if (config.listen == NULL) {
        config.listen = "127.0.0.1:0";
    }
    config.handler = handle;
    config.context = fixture;
    config.host = ag_host_system();
    if (ag_net_open(&config, &fixture->net, NULL) != AG_OK ||
        ag_queue_open(8, &fixture->queue) != AG_OK ||
        ag_net_watch(fixture->net, ag_queue_fd(fixture->queue), on_queue, fixture) != AG_OK ||
        pthread_create(&fixture->thread, NULL, run_server, fixture) != 0) {
        (void)fprintf(stderr, "the server does not start\n");
        abort();
    }
}

static inline void stop(struct fixture *fixture)
{
    ag_net_stop(fixture->net);
    pthread_join(fixture->thread, NULL);
    ag_net_close(fixture->net);
    ag_queue_close(fixture->queue);
}

/* ---- raw clients ---- */

static inline int dial(const struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(ag_net_port(fixture->net)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("dial");
        abort();
    }
    return fd;
}

static inline bool write_all(int fd, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    while (size != 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static inline bool write_text(int fd, const char *text)
{
    return write_all(fd, text, strlen(text));
}

/* Reads until `count` copies of `wanted` were seen, the peer closes, or `wait_ms` pass in silence.
 * Returns the number of bytes; the text ends with a NUL. */
static inline size_t read_until(int fd, char *out, size_t out_size, const char *wanted,
                                unsigned count, int wait_ms)
{
    size_t used = 0;
    out[0] = '\0';
    while (used + 1u < out_size) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        if (poll(&item, 1, wait_ms) <= 0) {
            break;
        }
        ssize_t got = recv(fd, out + used, out_size - 1u - used, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        out[used] = '\0';
        unsigned seen = 0;
        for (const char *at = strstr(out, wanted); at != NULL; at = strstr(at + 1, wanted)) {
            seen++;
        }
        if (seen >= count) {
            break;
        }
    }
    return used;
}

/* True if the peer closes (or resets) within `wait_ms`; what comes before that is thrown away. */
static inline bool is_closed(int fd, int wait_ms)
{
    char waste[4096];
    for (;;) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        if (poll(&item, 1, wait_ms) <= 0) {
            return false;
        }
        if (recv(fd, waste, sizeof(waste), 0) <= 0) {
            return true;
        }
    }
}

/* Sends `text` on a fresh connection; the status of the answer, 0 if there was none. */
static inline unsigned status_of(const struct fixture *fixture, const char *text, size_t size,
                                 bool *out_closed)
{
    char answer[4096];
    int fd = dial(fixture);
    (void)write_all(fd, text, size);
    (void)read_until(fd, answer, sizeof(answer), "\r\n\r\n", 1, 3000);
    if (out_closed != NULL) {
        *out_closed = is_closed(fd, 100);
    }
    close(fd);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (unsigned)strtoul(answer + 9, NULL, 10) : 0;
}

/* What the server holds beside the connection that asks: connections and bytes of requests. */
static inline void read_counts(const struct fixture *fixture, unsigned *out_connections,
                               size_t *out_size)
{
    char answer[4096];
    int fd = dial(fixture);
    unsigned connections = 0;
    size_t size = 0;
    CHECK(write_text(fd, "GET /counts HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    (void)read_until(fd, answer, sizeof(answer), ".", 1, 3000);
    const char *body = strstr(answer, "\r\n\r\n");
    CHECK(body != NULL);
    if (body != NULL) {
        char *end = NULL;
        connections = (unsigned)strtoul(body + 4, &end, 10);
        size = strtoul(end, &end, 10);
        CHECK(*end == '.');
    }
    close(fd);
    *out_connections = connections - 1u;
    *out_size = size - 16384u;
}

/* Waits until the server holds `wanted` connections; the number it holds in the end. */
static inline unsigned wait_connections(const struct fixture *fixture, unsigned wanted)
{
    unsigned connections = 0;
    size_t size = 0;
    for (unsigned i = 0; i < 50; i++) {
        read_counts(fixture, &connections, &size);
        if (connections == wanted) {
            break;
        }
        usleep(20000);
    }
    return connections;
}

/* The server still serves. */
static inline void check_alive(const struct fixture *fixture)
{
    const char *hello = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    CHECK_U64(status_of(fixture, hello, strlen(hello), NULL), 200);
}

#endif
