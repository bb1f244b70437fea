/* SPDX-License-Identifier: Apache-2.0 */
/* net over real loopback sockets: one server on its own thread, raw clients and ours on this one. */
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

static void answer_text(struct ag_net_request *request, const char *text)
{
    ag_net_respond(request, 200, "text/plain", ag_bytes_of(text, strlen(text)));
}

static bool is_path(struct ag_net_request *request, const char *path)
{
    return ag_bytes_equal(ag_net_path(request), ag_bytes_of(path, strlen(path)));
}

static void on_stream_close(void *context, struct ag_net_stream *stream)
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

static void answer_big(struct ag_net_request *request)
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

static void push_event(struct fixture *fixture, struct ag_net_request *request)
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
    snprintf(text, sizeof(text), "%u %u", fixture->stream_count, fixture->closed_streams);
    answer_text(request, text);
}

static void answer_late(struct fixture *fixture)
{
    unsigned count = fixture->late_count;
    fixture->late_count = 0;
    for (unsigned i = 0; i < count; i++) {
        answer_text(fixture->late[i], "late");
    }
}

static void answer_counts(const struct fixture *fixture, struct ag_net_request *request)
{
    char text[64];
    snprintf(text, sizeof(text), "%u %zu.", ag_net_connection_count(fixture->net),
             ag_net_buffered_size(fixture->net));
    answer_text(request, text);
}

static void handle(void *context, struct ag_net_request *request)
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
static void on_queue(void *context)
{
    struct fixture *fixture = context;
    void *items[8];
    while (ag_queue_pop(fixture->queue, items, AG_COUNT(items)) != 0) {
    }
    answer_late(fixture);
}

static void *run_server(void *context)
{
    struct fixture *fixture = context;
    if (ag_net_run(fixture->net) != AG_OK) {
        abort();
    }
    return NULL;
}

static void start(struct fixture *fixture, struct ag_net_config config)
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
        fprintf(stderr, "the server does not start\n");
        abort();
    }
}

static void stop(struct fixture *fixture)
{
    ag_net_stop(fixture->net);
    pthread_join(fixture->thread, NULL);
    ag_net_close(fixture->net);
    ag_queue_close(fixture->queue);
}

/* ---- raw clients ---- */

static int dial(const struct fixture *fixture)
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

static bool write_all(int fd, const void *data, size_t size)
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

static bool write_text(int fd, const char *text)
{
    return write_all(fd, text, strlen(text));
}

/* Reads until `count` copies of `wanted` were seen, the peer closes, or `wait_ms` pass in silence.
 * Returns the number of bytes; the text ends with a NUL. */
static size_t read_until(int fd, char *out, size_t out_size, const char *wanted, unsigned count,
                         int wait_ms)
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
static bool is_closed(int fd, int wait_ms)
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
static unsigned status_of(const struct fixture *fixture, const char *text, size_t size,
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
static void read_counts(const struct fixture *fixture, unsigned *out_connections, size_t *out_size)
{
    char answer[4096];
    int fd = dial(fixture);
    unsigned connections = 0;
    size_t size = 0;
    CHECK(write_text(fd, "GET /counts HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    (void)read_until(fd, answer, sizeof(answer), ".", 1, 3000);
    const char *body = strstr(answer, "\r\n\r\n");
    CHECK(body != NULL && sscanf(body + 4, "%u %zu.", &connections, &size) == 2);
    close(fd);
    *out_connections = connections - 1u;
    *out_size = size - 16384u;
}

/* Waits until the server holds `wanted` connections; the number it holds in the end. */
static unsigned wait_connections(const struct fixture *fixture, unsigned wanted)
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
static void check_alive(const struct fixture *fixture)
{
    const char *hello = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    CHECK_U64(status_of(fixture, hello, strlen(hello), NULL), 200);
}

/* ---- addresses and URLs ---- */

static void test_addresses(void)
{
    static const struct {
        const char *text;
        enum ag_err err;
        const char *host;
        uint16_t port;
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1:8545", AG_OK, "127.0.0.1", 8545, true},
        {"8545", AG_OK, "127.0.0.1", 8545, true},
        {":8545", AG_OK, "127.0.0.1", 8545, true},
        {"localhost:1", AG_OK, "localhost", 1, true},
        {"[::1]:8545", AG_OK, "::1", 8545, true},
        {"0.0.0.0:8545", AG_OK, "0.0.0.0", 8545, false},
        {"[::]:0", AG_OK, "::", 0, false},
        {"127.9.9.9:1", AG_OK, "127.9.9.9", 1, true},
        {"127.0.0.1.evil.example:1", AG_OK, "127.0.0.1.evil.example", 1, false},
        {"", AG_ERR_TEXT, NULL, 0, false},
        {":", AG_ERR_TEXT, NULL, 0, false},
        {"host", AG_ERR_TEXT, NULL, 0, false},
        {"host:", AG_ERR_TEXT, NULL, 0, false},
        {"host:65536", AG_ERR_TEXT, NULL, 0, false},
        {"host:-1", AG_ERR_TEXT, NULL, 0, false},
        {"host:0x50", AG_ERR_TEXT, NULL, 0, false},
        {"::1:80", AG_ERR_TEXT, NULL, 0, false},
        {"[::1]", AG_ERR_TEXT, NULL, 0, false},
        {"[::1:80", AG_ERR_TEXT, NULL, 0, false},
        {"[zz]:80", AG_ERR_TEXT, NULL, 0, false},
        {"ho st:80", AG_ERR_TEXT, NULL, 0, false},
        {"unix:relative", AG_ERR_TEXT, NULL, 0, false},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_net_address address;
        enum ag_err err = ag_net_address_parse(cases[i].text, &address, NULL);
        if (err != cases[i].err) {
            ag_test_note("case \"%s\"", cases[i].text);
        }
        CHECK_ERR(err, cases[i].err);
        if (err == AG_OK) {
            CHECK(strcmp(address.host, cases[i].host) == 0);
            CHECK_U64(address.port, cases[i].port);
            CHECK(ag_net_address_is_loopback(&address) == cases[i].is_loopback);
        }
    }
    struct ag_net_address address;
    CHECK_ERR(ag_net_address_parse(NULL, &address, NULL), AG_ERR_TEXT);
    CHECK_OK(ag_net_address_parse("unix:/run/a.sock", &address, NULL));
    CHECK(address.is_unix && strcmp(address.path, "/run/a.sock") == 0);
    char too_long[200];
    memset(too_long, 'a', sizeof(too_long) - 1u);
    memcpy(too_long, "unix:/", 6);
    too_long[sizeof(too_long) - 1u] = '\0';
    struct ag_fault fault = {0};
    CHECK_ERR(ag_net_address_parse(too_long, &address, &fault), AG_ERR_TEXT);
    CHECK(fault.has_limit && fault.limit == AG_NET_PATH_SIZE - 1u);
}

static void test_host_names(void)
{
    static const struct {
        const char *text;
        bool is_loopback;
    } cases[] = {
        {"localhost", true},       {"LOCALHOST:8545", true},  {"127.0.0.1:1", true},
        {"[::1]", true},           {"[::1]:8545", true},      {"evil.example", false},
        {"localhost.evil", false}, {"127.0.0.1.evil", false}, {"", false},
        {"localhost:", false},     {"localhost:x", false},    {"[::2]", false},
        {"192.168.0.1", false},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        bool got = ag_net_host_is_loopback(ag_bytes_of(cases[i].text, strlen(cases[i].text)));
        if (got != cases[i].is_loopback) {
            ag_test_note("case \"%s\"", cases[i].text);
        }
        CHECK(got == cases[i].is_loopback);
    }
}

static void test_urls(void)
{
    static const struct {
        const char *url;
        enum ag_err err;
        const char *path;
    } cases[] = {
        {"http://localhost", AG_OK, "/"},
        {"http://localhost:8545/rpc?x=1", AG_OK, "/rpc?x=1"},
        {"http://[::1]:1/", AG_OK, "/"},
        {"http://unix:/run/x.sock", AG_OK, "/"},
        {"http://unix:/run/x.sock:/v1", AG_OK, "/v1"},
        {"https://localhost", AG_ERR_NET_PROTOCOL, NULL},
        {"ftp://localhost", AG_ERR_TEXT, NULL},
        {"localhost:8545", AG_ERR_TEXT, NULL},
        {"http://", AG_ERR_TEXT, NULL},
        {"http:///x", AG_ERR_TEXT, NULL},
        {"http://user@host/", AG_ERR_TEXT, NULL},
        {"http://host:99999/", AG_ERR_TEXT, NULL},
        {"http://host/a b", AG_ERR_TEXT, NULL},
        {"http://host/a\r\nX: y", AG_ERR_TEXT, NULL},
        {"http://unix:run", AG_ERR_TEXT, NULL},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_http *http = NULL;
        enum ag_err err = ag_http_open(cases[i].url, NULL, &http, NULL);
        if (err != cases[i].err) {
            ag_test_note("case \"%s\"", cases[i].url);
        }
        CHECK_ERR(err, cases[i].err);
        if (err == AG_OK) {
            CHECK(strcmp(ag_http_path(http), cases[i].path) == 0);
        }
        ag_http_close(http);
    }
    static const struct ag_http_field bad_fields[] = {{"X-A", "b\r\nX-C: d"}, {"X A", "b"}};
    for (size_t i = 0; i < AG_COUNT(bad_fields); i++) {
        struct ag_http_options options = {.fields = &bad_fields[i], .field_count = 1};
        struct ag_http *http = NULL;
        CHECK_ERR(ag_http_open("http://localhost", &options, &http, NULL), AG_ERR_ARGUMENT);
    }
    ag_http_close(NULL);
}

/* ---- heads and chunks ---- */

#define HOST "Host: localhost\r\n"

static void test_requests_refused(void)
{
    static const struct {
        const char *name;
        const char *text;
        unsigned status;
    } cases[] = {
        {"good", "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200},
        {"good after empty lines", "\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n", 200},
        {"good absolute form", "GET http://a.b/hello HTTP/1.1\r\n" HOST "\r\n", 200},
        {"good 1.0 without host", "GET /hello HTTP/1.0\r\n\r\n", 200},
        {"good 1.7", "GET /hello HTTP/1.7\r\n" HOST "\r\n", 200},
        {"unknown path", "GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404},
        {"no version", "GET /hello\r\n" HOST "\r\n", 400},
        {"version 2", "GET /hello HTTP/2.0\r\n" HOST "\r\n", 505},
        {"not http", "GET /hello XTTP/1.1\r\n" HOST "\r\n", 400},
        {"method with a bracket", "G(T /hello HTTP/1.1\r\n" HOST "\r\n", 400},
        {"no method", " /hello HTTP/1.1\r\n" HOST "\r\n", 400},
        {"two spaces", "GET  /hello HTTP/1.1\r\n" HOST "\r\n", 400},
        {"relative target", "GET hello HTTP/1.1\r\n" HOST "\r\n", 400},
        {"star for GET", "GET * HTTP/1.1\r\n" HOST "\r\n", 400},
        {"fragment", "GET /hello#x HTTP/1.1\r\n" HOST "\r\n", 400},
        {"control in target", "GET /he\001lo HTTP/1.1\r\n" HOST "\r\n", 400},
        {"absolute without authority", "GET http:///hello HTTP/1.1\r\n" HOST "\r\n", 400},
        {"no host", "GET /hello HTTP/1.1\r\n\r\n", 400},
        {"two hosts", "GET /hello HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"bare line feeds", "GET /hello HTTP/1.1\nHost: x\n\n", 400},
        {"one bare line feed", "GET /hello HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
        {"bare carriage return", "GET /hello HTTP/1.1\r\nHost: x\ry\r\n\r\n", 400},
        {"folded field", "GET /hello HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400},
        {"space before colon", "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"no colon", "GET /hello HTTP/1.1\r\n" HOST "nothing\r\n\r\n", 400},
        {"empty name", "GET /hello HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400},
        {"control in value", "GET /hello HTTP/1.1\r\n" HOST "A: b\001\r\n\r\n", 400},
        {"length twice",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
        {"length list", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\nx", 400},
        {"length with sign", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx", 400},
        {"negative length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nx", 400},
        {"hex length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\nx", 400},
        {"empty length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nx", 400},
        {"length over 64 bits",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\nx", 400},
        {"length over the limit",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9999999999\r\n\r\n", 413},
        {"length and chunks",
         "POST /echo HTTP/1.1\r\n" HOST
         "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"other coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
        {"coding twice",
         "POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"chunks in 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"chunk size missing",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
        {"chunk size not hex",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"chunk over the limit",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413},
        {"chunk size too long",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\n",
         413},
        {"chunk without end",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", 400},
        {"chunk with bare line feed",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n", 400},
        {"expectation", "POST /echo HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 417},
    };
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.body_size_max = 1u << 20});
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        bool has_closed = false;
        unsigned status = status_of(&fixture, cases[i].text, strlen(cases[i].text), &has_closed);
        if (status != cases[i].status) {
            ag_test_note("case: %s", cases[i].name);
        }
        CHECK_U64(status, cases[i].status);
        if (status != 200 && status != 404) {
            CHECK(has_closed); /* what follows a bad request is never looked at */
        }
    }
    const char zero[] = "GET /he\0lo HTTP/1.1\r\n" HOST "\r\n";
    CHECK_U64(status_of(&fixture, zero, sizeof(zero) - 1u, NULL), 400);
    check_alive(&fixture);
    stop(&fixture);
}

static void test_chunks_in_any_pieces(void)
{
    static const char text[] =
        "5;name=\"v\"\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT";
    for (unsigned round = 0; round < 200; round++) {
        uint8_t data[sizeof(text)];
        memcpy(data, text, sizeof(text));
        struct http_chunks chunks = {0};
        size_t write_at = 0;
        size_t read_at = 0;
        size_t end = 0;
        while (chunks.state != HTTP_CHUNK_DONE && end < sizeof(text) - 1u) {
            end += round == 0 ? 1 : 1u + ag_test_random() % 9u;
            if (end > sizeof(text) - 1u) {
                end = sizeof(text) - 1u;
            }
            CHECK_OK(http_chunks_decode(&chunks, data, &write_at, &read_at, end, 1000));
        }
        CHECK(chunks.state == HTTP_CHUNK_DONE);
        CHECK_BYTES(ag_bytes_of(data, write_at), AG_LITERAL("hello 0123456789"));
        CHECK_BYTES(ag_bytes_of(data + read_at, sizeof(text) - 1u - read_at), AG_LITERAL("NEXT"));
    }
    struct http_chunks chunks = {0};
    uint8_t data[] = "9\r\n123456789\r\n8\r\n";
    size_t write_at = 0;
    size_t read_at = 0;
    CHECK_ERR(http_chunks_decode(&chunks, data, &write_at, &read_at, sizeof(data) - 1u, 16),
              AG_ERR_NET_LIMIT);
}

static void test_answers_refused(void)
{
    static const struct {
        const char *text;
        enum ag_err err;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", AG_OK},
        {"HTTP/1.0 200\r\n\r\n", AG_OK},
        {"HTTP/1.1 099 X\r\n\r\n", AG_ERR_NET_PROTOCOL},
        {"HTTP/1.1 2x0 X\r\n\r\n", AG_ERR_NET_PROTOCOL},
        {"HTTP/1.1 2000 X\r\n\r\n", AG_ERR_NET_PROTOCOL},
        {"HTTP/2 200 X\r\n\r\n", AG_ERR_NET_PROTOCOL},
        {"HTTP/1.1\r\n\r\n", AG_ERR_NET_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nA b\r\n\r\n", AG_ERR_NET_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         AG_ERR_NET_PROTOCOL},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        uint8_t data[128];
        struct http_head head;
        size_t size = strlen(cases[i].text);
        memcpy(data, cases[i].text, size);
        CHECK_ERR(http_answer_parse(data, size, &head), cases[i].err);
    }
}

/* ---- limits ---- */

static void test_sizes(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){
                        .header_size_max = 2048, .target_size_max = 256, .body_size_max = 10000});
    static char text[16384];

    int used = snprintf(text, sizeof(text), "GET /hello?");
    memset(text + used, 'a', 300);
    strcpy(text + used + 300, " HTTP/1.1\r\n" HOST "\r\n");
    CHECK_U64(status_of(&fixture, text, strlen(text), NULL), 414);

    memset(text, 'G', 3000); /* a request line without end */
    CHECK_U64(status_of(&fixture, text, 3000, NULL), 414);

    used = snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\n" HOST "A: ");
    memset(text + used, 'b', 3000);
    strcpy(text + used + 3000, "\r\n\r\n");
    CHECK_U64(status_of(&fixture, text, strlen(text), NULL), 431);

    used = snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\n" HOST);
    for (unsigned i = 0; i < AG_LIMIT_HTTP_FIELDS; i++) {
        used += snprintf(text + used, sizeof(text) - (size_t)used, "a%u: b\r\n", i);
    }
    strcpy(text + used, "\r\n");
    CHECK_U64(status_of(&fixture, text, strlen(text), NULL), 431);

    /* The body limit is met to the byte, announced or in chunks. */
    used = snprintf(text, sizeof(text),
                    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10000\r\n\r\n");
    memset(text + used, 'c', 10000);
    CHECK_U64(status_of(&fixture, text, (size_t)used + 10000, NULL), 200);
    const char *over = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10001\r\n\r\n";
    CHECK_U64(status_of(&fixture, over, strlen(over), NULL), 413);

    check_alive(&fixture);
    stop(&fixture);
}

/* A client that sends a body far over the limit reads its 413, although it never stops to listen. */
static void test_refusal_is_heard(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.body_size_max = 1000});
    struct ag_vec out;
    ag_vec_init(&out, 1000);
    struct ag_vec body;
    ag_vec_init(&body, 1u << 20);
    uint8_t *data = NULL;
    CHECK_OK(ag_vec_extend(&body, 1u << 20, &data));
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", ag_net_port(fixture.net));
    unsigned status = 0;
    CHECK_OK(ag_http_post(url, NULL, "text/plain", ag_vec_view(&body), &out, &status));
    CHECK_U64(status, 413);
    ag_vec_close(&body);
    ag_vec_close(&out);
    stop(&fixture);
}

static void test_buffered_total(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.buffered_size_max = 200000, .body_size_max = 150000});
    static char body[120000];
    memset(body, 'z', sizeof(body));
    const char *head = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 150000\r\n\r\n";
    int first = dial(&fixture);
    CHECK(write_text(first, head) && write_all(first, body, sizeof(body)));
    unsigned connections = 0;
    size_t held = 0;
    for (unsigned i = 0; i < 50 && held < 120000; i++) {
        read_counts(&fixture, &connections, &held);
    }
    CHECK(held >= 120000);
    int second = dial(&fixture);
    char answer[4096];
    CHECK(write_text(second, head));
    (void)write_all(second, body, sizeof(body));
    (void)read_until(second, answer, sizeof(answer), "\r\n\r\n", 1, 3000);
    CHECK(strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
    /* The first still gets through, and then the memory is free again. */
    CHECK(write_all(first, body, 30000));
    (void)read_until(first, answer, sizeof(answer), "200 OK", 1, 3000);
    CHECK(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
    close(first);
    close(second);
    CHECK_U64(wait_connections(&fixture, 0), 0);
    read_counts(&fixture, &connections, &held);
    CHECK_U64(held, 0);
    stop(&fixture);
}

static void test_connection_cap(void)
{
    struct rlimit files;
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);

    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.connections_max = 8});
    int held[8];
    char answer[4096];
    for (unsigned i = 0; i < 8; i++) {
        held[i] = dial(&fixture);
        CHECK(write_text(held[i], "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
        CHECK(read_until(held[i], answer, sizeof(answer), "hello", 1, 3000) != 0);
    }
    /* A thousand more are told 503, or closed at once when too many are being told already. */
    unsigned told = 0;
    unsigned closed = 0;
    static int extra[1000];
    for (unsigned i = 0; i < AG_COUNT(extra); i++) {
        extra[i] = dial(&fixture);
    }
    for (unsigned i = 0; i < AG_COUNT(extra); i++) {
        size_t size = read_until(extra[i], answer, sizeof(answer), "\r\n\r\n", 1, 5000);
        if (size != 0 && strncmp(answer, "HTTP/1.1 503 ", 13) == 0) {
            told++;
        }
        closed += is_closed(extra[i], 3000) ? 1 : 0;
        close(extra[i]);
    }
    CHECK(told >= 64);
    CHECK_U64(closed, AG_COUNT(extra));
    ag_test_note("%u of 1000 were told 503", told);
    /* Those inside were not disturbed, and a place that is left is taken. */
    CHECK(write_text(held[0], "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(read_until(held[0], answer, sizeof(answer), "hello", 1, 3000) != 0);
    close(held[0]);
    usleep(100000);
    check_alive(&fixture);
    for (unsigned i = 1; i < 8; i++) {
        close(held[i]);
    }
    stop(&fixture);
}

/* ---- time ---- */

static void test_timeouts(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.request_timeout_ms = 400, .idle_timeout_ms = 600});
    char answer[4096];

    /* Slow on purpose: a byte now and then keeps no request alive. */
    int slow = dial(&fixture);
    const char *text = "GET /hello HTTP/1.1\r\nHost: x\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    bool is_refused = false;
    for (size_t i = 0; text[i] != '\0' && !is_refused; i++) {
        (void)send(slow, text + i, 1, MSG_NOSIGNAL);
        is_refused = read_until(slow, answer, sizeof(answer), "\r\n\r\n", 1, 50) != 0;
    }
    CHECK(is_refused && strncmp(answer, "HTTP/1.1 408 ", 13) == 0);
    CHECK(is_closed(slow, 3000));
    close(slow);

    /* Half a body is no request either. */
    int half = dial(&fixture);
    CHECK(write_text(half, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhalf"));
    (void)read_until(half, answer, sizeof(answer), "\r\n\r\n", 1, 3000);
    CHECK(strncmp(answer, "HTTP/1.1 408 ", 13) == 0);
    close(half);

    /* Silence between requests ends without a word. */
    int idle = dial(&fixture);
    CHECK(write_text(idle, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(read_until(idle, answer, sizeof(answer), "hello", 1, 3000) != 0);
    CHECK(recv(idle, answer, sizeof(answer), 0) == 0);
    close(idle);

    /* A request that is cut off by its sender leaves nothing behind. */
    int cut = dial(&fixture);
    CHECK(write_text(cut, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhalf"));
    close(cut);
    CHECK_U64(wait_connections(&fixture, 0), 0);
    stop(&fixture);
}

/* ---- keep-alive, pipelines, late answers ---- */

static void test_pipeline(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){0});
    static char text[65536];
    static char answer[65536];
    size_t used = 0;
    /* More requests than one turn answers, with bodies of both framings in between. */
    for (unsigned i = 0; i < 100; i++) {
        int size =
            snprintf(text + used, sizeof(text) - used,
                     i % 2 == 0 ? "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\n<%05u>"
                                : "POST /echo HTTP/1.1\r\n" HOST
                                  "Transfer-Encoding: chunked\r\n\r\n7\r\n<%05u>\r\n0\r\n\r\n",
                     i);
        used += (size_t)size;
    }
    int fd = dial(&fixture);
    CHECK(write_all(fd, text, used));
    CHECK(shutdown(fd, SHUT_WR) == 0); /* all answers come although nothing more will be asked */
    (void)read_until(fd, answer, sizeof(answer), "<00099>", 1, 3000);
    const char *at = answer;
    for (unsigned i = 0; i < 100 && at != NULL; i++) {
        char wanted[16];
        snprintf(wanted, sizeof(wanted), "<%05u>", i);
        at = strstr(at, wanted); /* in order */
        CHECK(at != NULL);
    }
    CHECK(is_closed(fd, 3000));
    close(fd);

    /* The same, a byte at a time. */
    fd = dial(&fixture);
    for (size_t i = 0; i < 400; i++) {
        CHECK(write_all(fd, text + i, 1));
    }
    CHECK(read_until(fd, answer, sizeof(answer), "<0000", 3, 3000) != 0);
    close(fd);

    /* A late answer in the middle holds back those behind it, and the order stays. */
    fd = dial(&fixture);
    CHECK(write_text(fd, "GET /hello HTTP/1.1\r\n" HOST "\r\nGET /late HTTP/1.1\r\n" HOST
                         "\r\nPOST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nend"));
    CHECK(read_until(fd, answer, sizeof(answer), "hello", 1, 3000) != 0);
    CHECK(read_until(fd, answer, sizeof(answer), "end", 1, 200) == 0);
    CHECK_OK(ag_queue_push(fixture.queue, &fixture));
    (void)read_until(fd, answer, sizeof(answer), "end", 1, 3000);
    const char *late = strstr(answer, "late");
    CHECK(late != NULL && strstr(late, "end") != NULL);
    close(fd);
    stop(&fixture);
}

static void test_connection_choices(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){0});
    static const struct {
        const char *name;
        const char *text;
        bool closes;
    } cases[] = {
        {"1.1", "GET /hello HTTP/1.1\r\n" HOST "\r\n", false},
        {"1.1 close", "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", true},
        {"1.1 close in a list", "GET /hello HTTP/1.1\r\n" HOST "Connection: a, Close\r\n\r\n",
         true},
        {"1.0", "GET /hello HTTP/1.0\r\n\r\n", true},
        {"1.0 keep-alive", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
        {"1.0 both", "GET /hello HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", true},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        bool closes = false;
        CHECK_U64(status_of(&fixture, cases[i].text, strlen(cases[i].text), &closes), 200);
        if (closes != cases[i].closes) {
            ag_test_note("case: %s", cases[i].name);
        }
        CHECK(closes == cases[i].closes);
    }
    char answer[4096];
    int fd = dial(&fixture);
    CHECK(
        write_text(fd, "HEAD /hello HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n"));
    (void)read_until(fd, answer, sizeof(answer), "hello", 1, 3000);
    /* The length of what was not sent, then the next answer at once. */
    CHECK(strstr(answer, "Content-Length: 5\r\n\r\nHTTP/1.1 200 OK") != NULL);
    close(fd);

    fd = dial(&fixture);
    CHECK(write_text(fd, "POST /echo HTTP/1.1\r\n" HOST
                         "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    CHECK(read_until(fd, answer, sizeof(answer), "100 Continue\r\n\r\n", 1, 3000) != 0);
    CHECK(write_text(fd, "12345"));
    CHECK(read_until(fd, answer, sizeof(answer), "12345", 1, 3000) != 0);
    close(fd);

    fd = dial(&fixture);
    CHECK(write_text(fd, "GET /field?w=1&v=a%20b+c HTTP/1.1\r\n" HOST "User-Agent:\t me \r\n\r\n"));
    (void)read_until(fd, answer, sizeof(answer), "me", 1, 3000);
    CHECK(strstr(answer, "X-Good: a b c\r\n") != NULL && strstr(answer, "Set-Cookie") == NULL);
    close(fd);
    const char *bad = "GET /field?v=%zz HTTP/1.1\r\n" HOST "\r\n";
    CHECK_U64(status_of(&fixture, bad, strlen(bad), NULL), 400);
    stop(&fixture);
}

static void test_late_answers(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.answer_timeout_ms = 500});
    char answer[4096];
    /* Clients leave in three ways while their answers are due; two stay. */
    int leaves[3];
    int stays[2];
    for (unsigned i = 0; i < 3; i++) {
        leaves[i] = dial(&fixture);
        CHECK(write_text(leaves[i], "GET /late HTTP/1.1\r\n" HOST "\r\n"));
    }
    for (unsigned i = 0; i < 2; i++) {
        stays[i] = dial(&fixture);
        CHECK(write_text(stays[i], "GET /late HTTP/1.1\r\n" HOST "\r\n"));
    }
    usleep(100000);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    CHECK(setsockopt(leaves[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
    close(leaves[0]);                         /* reset */
    close(leaves[1]);                         /* closed */
    CHECK(shutdown(leaves[2], SHUT_WR) == 0); /* will ask no more, but listens */
    usleep(100000);
    CHECK_OK(ag_queue_push(fixture.queue, &fixture));
    for (unsigned i = 0; i < 2; i++) {
        CHECK(read_until(stays[i], answer, sizeof(answer), "late", 1, 3000) != 0);
        close(stays[i]);
    }
    CHECK(read_until(leaves[2], answer, sizeof(answer), "late", 1, 3000) != 0);
    close(leaves[2]);

    /* No answer in time: 504; the answer that comes after all is dropped without harm. */
    int fd = dial(&fixture);
    CHECK(write_text(fd, "GET /late HTTP/1.1\r\n" HOST "\r\n"));
    (void)read_until(fd, answer, sizeof(answer), "\r\n\r\n", 1, 3000);
    CHECK(strncmp(answer, "HTTP/1.1 504 ", 13) == 0);
    CHECK(is_closed(fd, 3000));
    close(fd);
    CHECK_U64(wait_connections(&fixture, 1), 1); /* the handle is still out there */
    CHECK_OK(ag_queue_push(fixture.queue, &fixture));
    CHECK_U64(wait_connections(&fixture, 0), 0);

    /* One connection's handler answers another's request. */
    int first = dial(&fixture);
    CHECK(
        write_text(first, "GET /late HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n"));
    usleep(50000);
    const char *release = "GET /release HTTP/1.1\r\n" HOST "\r\n";
    CHECK_U64(status_of(&fixture, release, strlen(release), NULL), 200);
    CHECK(read_until(first, answer, sizeof(answer), "hello", 1, 3000) != 0);
    close(first);

    /* Closing the server with an answer due is safe as well. */
    int last = dial(&fixture);
    CHECK(write_text(last, "GET /late HTTP/1.1\r\n" HOST "\r\n"));
    usleep(50000);
    stop(&fixture);
    close(last);
}

static void test_large_answers(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){0});
    /* A reader that does not read is waited for without a copy of the answer per request. */
    int fd = dial(&fixture);
    CHECK(write_text(fd, "GET /big?size=8000000 HTTP/1.1\r\n" HOST
                         "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n"));
    usleep(100000);
    check_alive(&fixture);
    static char buffer[65536];
    size_t total = 0;
    char tail[6] = "";
    for (;;) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        if (poll(&item, 1, 1000) <= 0) {
            break;
        }
        ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
        if (got <= 0) {
            break;
        }
        total += (size_t)got;
        if (got >= 5) {
            memcpy(tail, buffer + got - 5, 5);
        }
        if (strcmp(tail, "hello") == 0) {
            break;
        }
    }
    CHECK(total > 8000000 && total < 8001000);
    CHECK(strcmp(tail, "hello") == 0);
    close(fd);

    /* A reader that leaves in the middle. */
    fd = dial(&fixture);
    CHECK(write_text(fd, "GET /big?size=8000000 HTTP/1.1\r\n" HOST "\r\n"));
    usleep(50000);
    close(fd);
    check_alive(&fixture);
    stop(&fixture);
}

/* ---- streams ---- */

static void test_events(void)
{
    struct fixture fixture;
    start(&fixture,
          (struct ag_net_config){.heartbeat_ms = 300, .streams_max = 3, .stream_size_max = 65536});
    char answer[8192];
    int listener = dial(&fixture);
    CHECK(write_text(listener, "GET /events HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(read_until(listener, answer, sizeof(answer), "\r\n\r\n", 1, 3000) != 0);
    CHECK(strstr(answer, "Content-Type: text/event-stream\r\n") != NULL);
    CHECK(strstr(answer, "Transfer-Encoding: chunked\r\n") != NULL);
    const char *push = "POST /push HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\none\ntwo";
    CHECK_U64(status_of(&fixture, push, strlen(push), NULL), 200);
    CHECK(read_until(listener, answer, sizeof(answer),
                     "id: 7\nevent: batch\ndata: one\ndata: two\n\n\r\n", 1, 3000) != 0);
    CHECK(read_until(listener, answer, sizeof(answer), "3\r\n:\n\n\r\n", 2, 3000) != 0);

    /* HTTP/1.0 gets the same without chunks. */
    int old = dial(&fixture);
    CHECK(write_text(old, "GET /events HTTP/1.0\r\n\r\n"));
    CHECK(read_until(old, answer, sizeof(answer), "Connection: close\r\n\r\n", 1, 3000) != 0);
    CHECK_U64(status_of(&fixture, push, strlen(push), NULL), 200);
    (void)read_until(old, answer, sizeof(answer), "two\n\n", 1, 3000);
    CHECK(strstr(answer, "\r\n") == NULL);

    /* One listener too many. */
    int third = dial(&fixture);
    CHECK(write_text(third, "GET /events HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(read_until(third, answer, sizeof(answer), "\r\n\r\n", 1, 3000) != 0);
    const char *events = "GET /events HTTP/1.1\r\n" HOST "\r\n";
    CHECK_U64(status_of(&fixture, events, strlen(events), NULL), 503);

    /* The one who leaves makes room. */
    close(old);
    usleep(100000);
    int fourth = dial(&fixture);
    CHECK(write_text(fourth, events));
    CHECK(read_until(fourth, answer, sizeof(answer), "\r\n\r\n", 1, 3000) != 0);
    CHECK(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);

    /* Now two never read again: they are dropped, and the third hears everything. */
    static char large[40000];
    static char heard[70000];
    int size = snprintf(large, sizeof(large),
                        "POST /push HTTP/1.1\r\n" HOST "Content-Length: 30000\r\n\r\n");
    memset(large + size, 'e', 30000);
    for (unsigned i = 0; i < 400; i++) {
        CHECK_U64(status_of(&fixture, large, (size_t)size + 30000, NULL), 200);
        CHECK(read_until(listener, heard, sizeof(heard), "e\n\n", 1, 3000) >= 30000);
    }
    usleep(300000);
    int last = dial(&fixture);
    CHECK(write_text(last, push));
    (void)read_until(last, answer, sizeof(answer), "1 3", 1, 3000);
    CHECK(strstr(answer, "1 3") != NULL);
    close(last);
    close(third);
    close(fourth);
    close(listener);
    stop(&fixture);

    struct ag_vec out;
    ag_vec_init(&out, 1000);
    CHECK_ERR(ag_net_event_format(&out, "a\nb", NULL, AG_LITERAL("")), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_net_event_format(&out, "a", "1\n2", AG_LITERAL("")), AG_ERR_ARGUMENT);
    CHECK_OK(ag_net_event_format(&out, "a", NULL, AG_LITERAL("")));
    CHECK_BYTES(ag_vec_view(&out), AG_LITERAL("event: a\ndata: \n\n"));
    ag_vec_close(&out);
}

/* ---- our client ---- */

static void test_client(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.idle_timeout_ms = 300});
    char url[64];
    snprintf(url, sizeof(url), "http://localhost:%u/echo", ag_net_port(fixture.net));
    struct ag_http_field field = {"User-Agent", "test"};
    struct ag_http_options options = {.timeout_ms = 2000, .fields = &field, .field_count = 1};
    struct ag_http *http = NULL;
    struct ag_vec out;
    unsigned status = 0;
    ag_vec_init(&out, 100000);
    CHECK_OK(ag_http_open(url, &options, &http, NULL));
    CHECK_OK(ag_http_call(http, NULL, "text/plain", AG_LITERAL("one"), &out, &status));
    CHECK_OK(ag_http_call(http, NULL, "text/plain", AG_LITERAL("two"), &out, &status));
    CHECK_BYTES(ag_vec_view(&out), AG_LITERAL("onetwo"));
    CHECK_U64(wait_connections(&fixture, 1), 1); /* one connection for both */
    usleep(600000);                              /* the server closes it meanwhile */
    out.size = 0;
    CHECK_OK(ag_http_get(http, "/field?v=x", &out, &status));
    CHECK_BYTES(ag_vec_view(&out), AG_LITERAL("test"));
    CHECK_OK(ag_http_get(http, "/nothing", &out, &status));
    CHECK_U64(status, 404);
    CHECK_ERR(ag_http_get(http, "nothing", &out, &status), AG_ERR_TEXT);
    CHECK_ERR(ag_http_get(http, "/a b", &out, &status), AG_ERR_TEXT);
    CHECK_ERR(ag_http_call(http, NULL, NULL, AG_LITERAL(""), &out, &status), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_http_call(http, NULL, "a\r\nb", AG_LITERAL(""), &out, &status), AG_ERR_ARGUMENT);

    /* An answer over the limit is no answer, and the output is as before. */
    out.size = 0;
    CHECK_ERR(ag_http_get(http, "/big?size=100001", &out, &status), AG_ERR_NET_LIMIT);
    CHECK_U64(out.size, 0);
    CHECK_OK(ag_http_get(http, "/big?size=100000", &out, &status));
    CHECK_U64(out.size, 100000);
    ag_http_close(http);

    /* Silence. */
    options.timeout_ms = 300;
    out.size = 0;
    CHECK_OK(ag_http_open(url, &options, &http, NULL));
    CHECK_ERR(ag_http_get(http, "/late", &out, &status), AG_ERR_NET_TIMEOUT);
    ag_http_close(http);
    CHECK_OK(ag_queue_push(fixture.queue, &fixture));
    stop(&fixture);
    CHECK_ERR(ag_http_post(url, &options, "text/plain", AG_LITERAL(""), &out, &status), AG_ERR_NET);
    ag_vec_close(&out);
}

/* A server that says whatever it was told to, once, and closes. */
struct liar {
    int listener;
    const char *text;
};

static void *run_liar(void *context)
{
    const struct liar *liar = context;
    char request[4096];
    int fd = accept(liar->listener, NULL, NULL);
    if (fd >= 0) {
        (void)read_until(fd, request, sizeof(request), "\r\n\r\n", 1, 2000);
        (void)write_text(fd, liar->text);
        close(fd);
    }
    return NULL;
}

static void test_client_against_liars(void)
{
    static const struct {
        const char *text;
        enum ag_err err;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", AG_OK, "abc"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", AG_OK,
         "abc"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         AG_OK, "abc"},
        {"HTTP/1.0 200 OK\r\n\r\nabc", AG_OK, "abc"},
        {"HTTP/1.1 204 No Content\r\n\r\n", AG_OK, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", AG_ERR_NET_PROTOCOL, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", AG_ERR_NET_PROTOCOL,
         ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", AG_ERR_NET_PROTOCOL, ""},
        {"SSH-2.0-OpenSSH\r\n\r\n", AG_ERR_NET_PROTOCOL, ""},
        {"", AG_ERR_NET_PROTOCOL, ""},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        struct liar liar = {socket(AF_INET, SOCK_STREAM, 0), cases[i].text};
        CHECK(bind(liar.listener, (struct sockaddr *)&address, size) == 0);
        CHECK(listen(liar.listener, 1) == 0);
        CHECK(getsockname(liar.listener, (struct sockaddr *)&address, &size) == 0);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run_liar, &liar) == 0);
        char url[64];
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
        struct ag_vec out;
        unsigned status = 0;
        ag_vec_init(&out, 1000);
        struct ag_http_options options = {.timeout_ms = 2000};
        enum ag_err err = ag_http_post(url, &options, "text/plain", AG_LITERAL("x"), &out, &status);
        if (err != cases[i].err) {
            ag_test_note("case %zu", i);
        }
        CHECK_ERR(err, cases[i].err);
        CHECK_BYTES(ag_vec_view(&out), ag_bytes_of(cases[i].body, strlen(cases[i].body)));
        ag_vec_close(&out);
        pthread_join(thread, NULL);
        close(liar.listener);
    }
}

static enum ag_err collect(void *context, struct ag_bytes piece)
{
    struct ag_vec *out = context;
    AG_TRY(ag_vec_append(out, piece));
    return out->size > 20 ? AG_ERR_CANCELLED : AG_OK;
}

static void test_follow(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.heartbeat_ms = 100});
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", ag_net_port(fixture.net));
    struct ag_http *http = NULL;
    struct ag_vec out;
    unsigned status = 0;
    ag_vec_init(&out, 1000);
    CHECK_OK(ag_http_open(url, NULL, &http, NULL));
    CHECK_ERR(ag_http_follow(http, "/events", 3000, collect, &out, &status), AG_ERR_CANCELLED);
    CHECK_U64(status, 200);
    CHECK_BYTES(ag_bytes_head(ag_vec_view(&out), 6), AG_LITERAL(":\n\n:\n\n"));
    CHECK_ERR(ag_http_follow(http, "/nothing", 3000, collect, &out, &status), AG_ERR_NET_PROTOCOL);
    CHECK_U64(status, 404);
    CHECK_ERR(ag_http_follow(http, "/events", 0, collect, &out, &status), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_http_follow(http, "/events", 20, collect, &out, &status), AG_ERR_NET_TIMEOUT);
    ag_http_close(http);
    ag_vec_close(&out);
    stop(&fixture);
}

/* ---- the rest ---- */

static void test_socket_file(void)
{
    char directory[] = "/tmp/ag_test_net_XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    char path[64];
    char listen[80];
    char url[96];
    snprintf(path, sizeof(path), "%s/s", directory);
    snprintf(listen, sizeof(listen), "unix:%s", path);
    snprintf(url, sizeof(url), "http://unix:%s:/hello", path);

    struct ag_net_config config = {.listen = listen, .handler = handle, .host = ag_host_system()};
    struct ag_net *net = NULL;
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    close(file);
    CHECK_ERR(ag_net_open(&config, &net, NULL), AG_ERR_NET); /* never replaces a plain file */
    CHECK(unlink(path) == 0);

    /* A socket that a dead process left behind is replaced. */
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path));
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(dead, (struct sockaddr *)&name, sizeof(name)) == 0);
    close(dead);

    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.listen = listen});
    struct stat status_of_file;
    CHECK(stat(path, &status_of_file) == 0 && (status_of_file.st_mode & 0777) == 0600);
    CHECK(ag_net_is_loopback(fixture.net));
    CHECK_ERR(ag_net_open(&config, &net, NULL), AG_ERR_NET); /* nor one that is in use */
    struct ag_vec out;
    unsigned status = 0;
    ag_vec_init(&out, 100);
    CHECK_OK(ag_http_post(url, NULL, "text/plain", AG_LITERAL(""), &out, &status));
    CHECK_BYTES(ag_vec_view(&out), AG_LITERAL("hello"));
    ag_vec_close(&out);
    stop(&fixture);
    CHECK(access(path, F_OK) != 0);
    CHECK(rmdir(directory) == 0);
}

static void count_call(void *context)
{
    (*(unsigned *)context)++;
}

static void test_open_refused(void)
{
    struct ag_net *net = NULL;
    struct ag_net_config config = {.listen = "127.0.0.1:0", .handler = handle};
    CHECK_ERR(ag_net_open(&config, &net, NULL), AG_ERR_ARGUMENT); /* no host */
    config.host = ag_host_system();
    config.handler = NULL;
    CHECK_ERR(ag_net_open(&config, &net, NULL), AG_ERR_ARGUMENT);
    config.handler = handle;
    config.listen = "nonsense";
    CHECK_ERR(ag_net_open(&config, &net, NULL), AG_ERR_TEXT);
    config.listen = "name.example:1";
    CHECK_ERR(ag_net_open(&config, &net, NULL), AG_ERR_ARGUMENT); /* names are not looked up */
    config.listen = "192.0.2.1:1";
    CHECK_ERR(ag_net_open(&config, &net, NULL), AG_ERR_NET); /* not an address of this machine */
    ag_net_close(NULL);

    config.listen = "[::1]:0";
    if (ag_net_open(&config, &net, NULL) == AG_OK) {
        CHECK(ag_net_port(net) != 0 && ag_net_is_loopback(net));
        ag_net_close(net);
    } else {
        ag_test_note("no v6 loopback here");
    }

    config.listen = "127.0.0.1:0";
    CHECK_OK(ag_net_open(&config, &net, NULL));
    char taken[32];
    snprintf(taken, sizeof(taken), "%u", ag_net_port(net));
    struct ag_net *second = NULL;
    config.listen = taken;
    struct ag_fault fault = {0};
    CHECK_ERR(ag_net_open(&config, &second, &fault), AG_ERR_NET);
    CHECK(fault.field != NULL);

    /* Watches and timers are bounded, and a stop before the run is not lost. */
    unsigned calls = 0;
    CHECK_ERR(ag_net_watch(net, -1, count_call, &calls), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_net_every(net, 0, count_call, &calls), AG_ERR_ARGUMENT);
    for (unsigned i = 0; i < AG_LIMIT_NET_WATCHES; i++) {
        CHECK_OK(ag_net_every(net, 1, count_call, &calls));
    }
    CHECK_ERR(ag_net_every(net, 1, count_call, &calls), AG_ERR_NET_LIMIT);
    CHECK_OK(ag_net_turn(net, 300));
    CHECK_U64(calls, AG_LIMIT_NET_WATCHES);
    ag_net_stop(net);
    CHECK_OK(ag_net_run(net));
    ag_net_close(net);
}

static void test_drain(void)
{
    struct fixture fixture;
    *(&fixture) = (struct fixture){0};
    struct ag_net_config config = {
        .listen = "127.0.0.1:0", .handler = handle, .context = &fixture, .host = ag_host_system()};
    CHECK_OK(ag_net_open(&config, &fixture.net, NULL));
    int busy = dial(&fixture);
    int idle = dial(&fixture);
    CHECK(write_text(busy, "GET /late HTTP/1.1\r\n" HOST "\r\n"));
    for (unsigned i = 0; i < 100 && fixture.late_count == 0; i++) {
        CHECK_OK(ag_net_turn(fixture.net, 10));
    }
    CHECK_U64(fixture.late_count, 1);
    ag_net_drain(fixture.net);
    for (unsigned i = 0; i < 100 && ag_net_connection_count(fixture.net) > 1; i++) {
        CHECK_OK(ag_net_turn(fixture.net, 10));
    }
    CHECK(is_closed(idle, 1000));
    answer_late(&fixture);
    CHECK_OK(ag_net_turn(fixture.net, 10));
    char answer[4096];
    CHECK(read_until(busy, answer, sizeof(answer), "late", 1, 1000) != 0);
    CHECK(strstr(answer, "Connection: close\r\n") != NULL);
    close(busy);
    close(idle);
    ag_net_close(fixture.net);
}

/* Each allocation of a request's life fails once: the connection may go, the server may not. */
static void test_memory_failures(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){0});
    static char text[40000];
    int size = snprintf(text, sizeof(text),
                        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 30000\r\n\r\n");
    memset(text + size, 'm', 30000);
    unsigned failures = 0;
    for (uint64_t nth = 1; nth < 12; nth++) {
        ag_alloc_fail_nth(nth);
        unsigned status = status_of(&fixture, text, (size_t)size + 30000, NULL);
        failures += status == 200 ? 0 : 1;
        CHECK(status == 200 || status == 503 || status == 0);
        ag_alloc_fail_nth(0);
        check_alive(&fixture);
    }
    CHECK(failures >= 3);
    CHECK_U64(status_of(&fixture, text, (size_t)size + 30000, NULL), 200);
    stop(&fixture);
}

/* Random bytes, and good requests with random bytes changed: never a hang, never a crash. */
static void test_random_requests(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.request_timeout_ms = 100, .body_size_max = 4096});
    const char *good = "POST /echo?a=b HTTP/1.1\r\n" HOST
                       "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
                       "3\r\nabc\r\n0\r\n\r\n";
    for (unsigned i = 0; i < 300; i++) {
        char text[256];
        size_t size = strlen(good);
        memcpy(text, good, size);
        unsigned changes = (unsigned)(ag_test_random() % 4u);
        for (unsigned c = 0; c < changes; c++) {
            text[ag_test_random() % size] = (char)(ag_test_random() >> 32);
        }
        if (i % 10 == 0) {
            ag_test_random_bytes(text, size);
        }
        int fd = dial(&fixture);
        CHECK(write_all(fd, text, size));
        CHECK(shutdown(fd, SHUT_WR) == 0);
        CHECK(is_closed(fd, 3000));
        close(fd);
    }
    check_alive(&fixture);
    stop(&fixture);
}

static const struct ag_test_case cases[] = {
    {"addresses", test_addresses},
    {"host names", test_host_names},
    {"urls", test_urls},
    {"requests refused", test_requests_refused},
    {"chunks in any pieces", test_chunks_in_any_pieces},
    {"answers refused", test_answers_refused},
    {"sizes", test_sizes},
    {"a refusal is heard", test_refusal_is_heard},
    {"bytes held over all connections", test_buffered_total},
    {"connection cap", test_connection_cap},
    {"timeouts", test_timeouts},
    {"pipelines", test_pipeline},
    {"connection choices", test_connection_choices},
    {"late answers", test_late_answers},
    {"large answers", test_large_answers},
    {"events", test_events},
    {"client", test_client},
    {"client against liars", test_client_against_liars},
    {"follow", test_follow},
    {"socket file", test_socket_file},
    {"what open refuses", test_open_refused},
    {"drain", test_drain},
    {"memory failures", test_memory_failures},
    {"random requests", test_random_requests},
};
TEST_MAIN(cases)
