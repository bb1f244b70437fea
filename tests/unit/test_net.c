/* SPDX-License-Identifier: Apache-2.0 */
/* Does net refuse what it must, over real loopback sockets: addresses, framing, sizes, connections,
 * time? What it serves is in test_net_serve.c. */
#include "test_net_ground.h"

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
        enum ag_err err = ag_net_http_open(cases[i].url, NULL, &http, NULL);
        if (err != cases[i].err) {
            ag_test_note("case \"%s\"", cases[i].url);
        }
        CHECK_ERR(err, cases[i].err);
        if (err == AG_OK) {
            CHECK(strcmp(ag_net_http_path(http), cases[i].path) == 0);
        }
        ag_net_http_close(http);
    }
    static const struct ag_http_field bad_fields[] = {{"X-A", "b\r\nX-C: d"}, {"X A", "b"}};
    for (size_t i = 0; i < AG_COUNT(bad_fields); i++) {
        struct ag_http_options options = {.fields = &bad_fields[i], .field_count = 1};
        struct ag_http *http = NULL;
        CHECK_ERR(ag_net_http_open("http://localhost", &options, &http, NULL), AG_ERR_ARGUMENT);
    }
    ag_net_http_close(NULL);
}

/* ---- heads and chunks ---- */

static const struct {
    const char *name;
    const char *text;
    unsigned status;
} request_cases[] = {
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
    {"length over the limit", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9999999999\r\n\r\n",
     413},
    {"length and chunks",
     "POST /echo HTTP/1.1\r\n" HOST
     "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"other coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
    {"coding twice",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"chunks in 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"chunk size missing", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n",
     400},
    {"chunk size not hex", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n",
     400},
    {"chunk over the limit",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413},
    {"chunk size too long",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\n", 413},
    {"chunk without end",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", 400},
    {"chunk with bare line feed",
     "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n", 400},
    {"expectation", "POST /echo HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 417},
};

static void test_requests_refused(void)
{
    struct fixture fixture;
    start(&fixture, (struct ag_net_config){.body_size_max = 1u << 20});
    for (size_t i = 0; i < AG_COUNT(request_cases); i++) {
        bool has_closed = false;
        unsigned status =
            status_of(&fixture, request_cases[i].text, strlen(request_cases[i].text), &has_closed);
        if (status != request_cases[i].status) {
            ag_test_note("case: %s", request_cases[i].name);
        }
        CHECK_U64(status, request_cases[i].status);
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
            CHECK_OK(ag_net_http_chunks_decode(&chunks, data, &write_at, &read_at, end, 1000));
        }
        CHECK(chunks.state == HTTP_CHUNK_DONE);
        CHECK_BYTES(ag_bytes_of(data, write_at), AG_LITERAL("hello 0123456789"));
        CHECK_BYTES(ag_bytes_of(data + read_at, sizeof(text) - 1u - read_at), AG_LITERAL("NEXT"));
    }
    struct http_chunks chunks = {0};
    uint8_t data[] = "9\r\n123456789\r\n8\r\n";
    size_t write_at = 0;
    size_t read_at = 0;
    CHECK_ERR(ag_net_http_chunks_decode(&chunks, data, &write_at, &read_at, sizeof(data) - 1u, 16),
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
        CHECK_ERR(ag_net_http_answer_parse(data, size, &head), cases[i].err);
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
    (void)snprintf(text + used + 300, 100, " HTTP/1.1\r\n" HOST "\r\n");
    CHECK_U64(status_of(&fixture, text, strlen(text), NULL), 414);

    memset(text, 'G', 3000); /* a request line without end */
    CHECK_U64(status_of(&fixture, text, 3000, NULL), 414);

    used = snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\n" HOST "A: ");
    memset(text + used, 'b', 3000);
    (void)snprintf(text + used + 3000, 100, "\r\n\r\n");
    CHECK_U64(status_of(&fixture, text, strlen(text), NULL), 431);

    used = snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\n" HOST);
    for (unsigned i = 0; i < AG_LIMIT_HTTP_FIELDS; i++) {
        used += snprintf(text + used, sizeof(text) - (size_t)used, "a%u: b\r\n", i);
    }
    (void)snprintf(text + used, 100, "\r\n");
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

/* A client that sends a body far over the limit reads its 413, although it only listens after. */
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
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", ag_net_port(fixture.net));
    unsigned status = 0;
    CHECK_OK(ag_net_http_post(url, NULL, "text/plain", ag_vec_view(&body), &out, &status));
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
};
TEST_MAIN(cases)
