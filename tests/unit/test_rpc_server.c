/* SPDX-License-Identifier: Apache-2.0 */
/* Does the server of rpc keep its contract, over loopback: routes, callers, events, token? */
#include "test_rpc_text.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the server ---- */

#define TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct server_fixture {
    struct fake fake;
    struct ag_rpc *rpc;
    pthread_t thread;
    char url[64];
};

static void *run_server(void *context)
{
    if (ag_rpc_run(context) != AG_OK) {
        abort();
    }
    return NULL;
}

static void server_start(struct server_fixture *fixture, const char *origin, const char *host)
{
    memset(fixture, 0, sizeof(*fixture));
    fake_open(&fixture->fake);
    struct ag_rpc_config config = {.listen = "127.0.0.1:0",
                                   .host = ag_host_system(),
                                   .operator_token = TOKEN,
                                   .origin = origin,
                                   .allowed_host = host,
                                   .version = "0.1.0"};
    if (ag_rpc_open_node(&config, &fake_ops, &fixture->fake, &fixture->rpc, NULL) != AG_OK ||
        pthread_create(&fixture->thread, NULL, run_server, fixture->rpc) != 0) {
        (void)fprintf(stderr, "the server does not start\n");
        abort();
    }
    (void)snprintf(fixture->url, sizeof(fixture->url), "http://127.0.0.1:%u",
                   ag_rpc_port(fixture->rpc));
}

static void server_stop(struct server_fixture *fixture)
{
    ag_rpc_stop(fixture->rpc);
    pthread_join(fixture->thread, NULL);
    ag_rpc_close(fixture->rpc);
    fake_close(&fixture->fake);
}

/* One exchange with fields; the answer's body ends with a NUL. */
static unsigned talk(const struct server_fixture *fixture, const char *path, const char *type,
                     const char *body, const struct ag_http_field *fields, size_t field_count,
                     struct ag_vec *out)
{
    struct ag_http_options options = {
        .timeout_ms = 5000, .fields = fields, .field_count = field_count};
    struct ag_http *http = NULL;
    unsigned status = 0;
    out->size = 0;
    CHECK_OK(ag_net_http_open(fixture->url, &options, &http, NULL));
    if (type == NULL) {
        CHECK_OK(ag_net_http_get(http, path, out, &status));
    } else {
        CHECK_OK(ag_net_http_call(http, path, type, ag_bytes_of(body, strlen(body)), out, &status));
    }
    CHECK_OK(ag_vec_append(out, ag_bytes_of("", 1)));
    ag_net_http_close(http);
    return status;
}

static void test_routes(void)
{
    static const struct {
        const char *path;
        const char *type; /* NULL: GET */
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        {"/", "application/json", CALL(",\"id\":1"), 200, GOOD("1")},
        {"/rpc", "application/json; charset=utf-8", CALL(",\"id\":1"), 200, GOOD("1")},
        {"/", "application/json", CALL(""), 204, ""},
        {"/", "text/plain", CALL(",\"id\":1"), 415, ""},
        {"/", "application/x-www-form-urlencoded", CALL(",\"id\":1"), 415, ""},
        {"/", "application/jsonp", CALL(",\"id\":1"), 415, ""},
        {"/", NULL, NULL, 200, "POST /v1/envelopes"},
        {"/rpc", NULL, NULL, 405, ""},
        {"/v1/envelopes", "application/octet-stream", "", 204, ""},
        {"/v1/envelopes", "application/json", "", 415, ""},
        {"/v1/envelopes", NULL, NULL, 405, ""},
        {"/v1/batches/1", NULL, NULL, 200, "ffffffffff"},
        {"/v1/batches/latest", NULL, NULL, 200, "ffffffffff"},
        {"/v1/batches/0", NULL, NULL, 404, "BATCH_NUMBER"},
        {"/v1/batches/4", NULL, NULL, 404, "BATCH_NUMBER"},
        {"/v1/batches/", NULL, NULL, 404, "BATCH_NUMBER"},
        {"/v1/batches/0x1", NULL, NULL, 404, "BATCH_NUMBER"},
        {"/v1/batches/../x", NULL, NULL, 404, "BATCH_NUMBER"},
        {"/v1/batches/1", "text/plain", "", 405, ""},
        {"/health", NULL, NULL, 200, "\"health\":\"good\""},
        {"/metrics", NULL, NULL, 200, "# TYPE aegis_http_requests_total counter"},
        {"/health", "text/plain", "", 405, ""},
        {"/nothing", NULL, NULL, 404, ""},
        {"/events?topics=gossip", NULL, NULL, 400, ""},
        {"/events?topics=", NULL, NULL, 400, ""},
        {"/events?lastEventId=x", NULL, NULL, 400, ""},
    };
    struct server_fixture fixture;
    struct ag_vec out;
    ag_vec_init(&out, 1u << 20);
    server_start(&fixture, NULL, NULL);
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        unsigned status =
            talk(&fixture, cases[i].path, cases[i].type, cases[i].body, NULL, 0, &out);
        if (status != cases[i].status) {
            ag_test_note("case: %s %s", cases[i].type == NULL ? "GET" : cases[i].type,
                         cases[i].path);
        }
        CHECK_U64(status, cases[i].status);
        CHECK(contains((char *)out.data, cases[i].part));
    }
    /* A state that is not good is a status that a load balancer understands. */
    pthread_mutex_lock(&fixture.fake.lock);
    fixture.fake.status.state = AG_NODE_DRAINING;
    pthread_mutex_unlock(&fixture.fake.lock);
    CHECK_U64(talk(&fixture, "/health", NULL, NULL, NULL, 0, &out), 503);
    ag_vec_close(&out);
    server_stop(&fixture);
}

/* Which pages and which hosts may call, and who is the operator. */
static void test_callers(void)
{
    static const char set_mode[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_setOrderMode\","
        "\"params\":[\"hybrid\"]}";
    static const struct {
        const char *name;
        struct ag_http_field field;
        unsigned status;
        const char *part;
    } cases[] = {
        {"no token", {"X-Nothing", "x"}, 200, "\"error\":\"RPC_AUTH\""},
        {"token", {"Authorization", "Bearer " TOKEN}, 200, "\"mode\":\"hybrid\""},
        {"wrong token", {"Authorization", "Bearer 1" TOKEN}, 200, "RPC_AUTH"},
        {"token in capitals",
         {"Authorization",
          "Bearer 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"},
         200,
         "RPC_AUTH"},
        {"short token", {"Authorization", "Bearer 00112233"}, 200, "RPC_AUTH"},
        {"empty token", {"Authorization", "Bearer "}, 200, "RPC_AUTH"},
        {"other scheme", {"Authorization", "Basic " TOKEN}, 200, "RPC_AUTH"},
        {"configured page", {"Origin", "https://wallet.example"}, 200, "RPC_AUTH"},
        {"foreign page", {"Origin", "https://evil.example"}, 403, ""},
        {"sandboxed page", {"Origin", "null"}, 403, ""},
        {"name that begins alike", {"Origin", "https://wallet.example.evil"}, 403, ""},
    };
    struct server_fixture fixture;
    struct ag_vec out;
    ag_vec_init(&out, 1u << 20);
    server_start(&fixture, "https://wallet.example", "node.example");
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        unsigned status =
            talk(&fixture, "/", "application/json", set_mode, &cases[i].field, 1, &out);
        if (status != cases[i].status) {
            ag_test_note("case: %s", cases[i].name);
        }
        CHECK_U64(status, cases[i].status);
        CHECK(contains((char *)out.data, cases[i].part));
    }
    /* The page that the node itself serves. */
    struct ag_http_field own = {"Origin", fixture.url};
    CHECK_U64(talk(&fixture, "/", "application/json", set_mode, &own, 1, &out), 200);
    ag_vec_close(&out);
    server_stop(&fixture);
}

static int dial(const struct server_fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(ag_rpc_port(fixture->rpc)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        abort();
    }
    return fd;
}

static void read_until(int fd, const char *wanted, int wait_ms, char *out, size_t out_size)
{
    size_t used = 0;
    out[0] = '\0';
    while (used + 1u < out_size && strstr(out, wanted) == NULL) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        ssize_t got =
            poll(&item, 1, wait_ms) <= 0 ? 0 : recv(fd, out + used, out_size - used - 1, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        out[used] = '\0';
    }
}

/* Sends raw bytes and reads until `wanted` or silence; for what our client would never say. */
static void raw(const struct server_fixture *fixture, const char *text, const char *wanted,
                char *out, size_t out_size)
{
    int fd = dial(fixture);
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    read_until(fd, wanted, 2000, out, out_size);
    close(fd);
}

static void test_hosts(void)
{
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = {
        {"localhost", 200},    {"127.0.0.1:8545", 200}, {"[::1]:8545", 200},
        {"node.example", 200}, {"evil.example", 421},   {"127.0.0.1.evil.example", 421},
        {"192.168.1.1", 421},
    };
    struct server_fixture fixture;
    server_start(&fixture, NULL, "node.example");
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        char text[256];
        char answer[4096];
        char wanted[32];
        (void)snprintf(text, sizeof(text), "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n",
                       cases[i].host);
        (void)snprintf(wanted, sizeof(wanted), "HTTP/1.1 %u ", cases[i].status);
        raw(&fixture, text, "\r\n\r\n", answer, sizeof(answer));
        if (strncmp(answer, wanted, strlen(wanted)) != 0) {
            ag_test_note("host %s", cases[i].host);
        }
        CHECK(strncmp(answer, wanted, strlen(wanted)) == 0);
    }
    server_stop(&fixture);

    /* What a browser asks before a page may call. */
    char answer[4096];
    const char *preflight =
        "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://wallet.example\r\n"
        "Access-Control-Request-Method: POST\r\n\r\n";
    server_start(&fixture, NULL, NULL);
    raw(&fixture, preflight, "\r\n\r\n", answer, sizeof(answer));
    CHECK(strncmp(answer, "HTTP/1.1 403 ", 13) == 0);
    CHECK(strstr(answer, "Access-Control") == NULL);
    server_stop(&fixture);
    server_start(&fixture, "https://wallet.example", NULL);
    raw(&fixture, preflight, "\r\n\r\n", answer, sizeof(answer));
    CHECK(strncmp(answer, "HTTP/1.1 204 ", 13) == 0);
    CHECK(contains(answer, "Access-Control-Allow-Origin: https://wallet.example\r\n"));
    CHECK(strstr(answer, "Authorization") == NULL); /* no page is an operator */
    raw(&fixture, "OPTIONS / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n\r\n", answer,
        sizeof(answer));
    CHECK(strncmp(answer, "HTTP/1.1 405 ", 13) == 0);
    raw(&fixture, "HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n\r\n", answer,
        sizeof(answer));
    CHECK(contains(answer, "Content-Type: text/event-stream"));
    raw(&fixture, "DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n\r\n", answer,
        sizeof(answer));
    CHECK(contains(answer, "Allow: GET, HEAD, POST\r\n"));
    server_stop(&fixture);
}

static size_t held_count(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    size_t count = fake->held_count;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

static void wait_held(struct fake *fake, size_t wanted)
{
    for (unsigned i = 0; i < 200 && held_count(fake) != wanted; i++) {
        usleep(10000);
    }
    CHECK_U64(held_count(fake), wanted);
}

static void test_clients_that_leave(void)
{
    struct server_fixture fixture;
    server_start(&fixture, NULL, NULL);
    const char *body = SEND("[\"0x48\"]");
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    int fds[8];
    for (size_t i = 0; i < AG_COUNT(fds); i++) {
        fds[i] = dial(&fixture);
        CHECK(send(fds[i], text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    }
    wait_held(&fixture.fake, AG_COUNT(fds));
    for (size_t i = 0; i < AG_COUNT(fds) - 1u; i++) {
        struct linger now = {.l_onoff = i % 2 == 0, .l_linger = 0};
        CHECK(setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
        close(fds[i]);
    }
    usleep(50000);
    fake_release(&fixture.fake);
    char answer[4096];
    read_until(fds[AG_COUNT(fds) - 1u], "\"receipt\"", 3000, answer, sizeof(answer));
    CHECK(contains(answer, "\"receipt\":\"0x48\""));
    close(fds[AG_COUNT(fds) - 1u]);

    /* The server closes while answers are out. */
    int last = dial(&fixture);
    CHECK(send(last, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    wait_held(&fixture.fake, 1);
    server_stop(&fixture);
    close(last);
}

/* What the sequencer answered is said, although the door closes in the same instant; and a listener
 * does not hold the door open. */
static void test_last_words(void)
{
    struct server_fixture fixture;
    server_start(&fixture, NULL, NULL);
    const char *body = SEND("[\"0x48\"]");
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    int caller = dial(&fixture);
    int listener = dial(&fixture);
    const char *events = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    CHECK(send(caller, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    CHECK(send(listener, events, strlen(events), MSG_NOSIGNAL) == (ssize_t)strlen(events));
    wait_held(&fixture.fake, 1);
    ag_rpc_stop(fixture.rpc);
    fake_release(&fixture.fake);
    char answer[4096];
    read_until(caller, "\"receipt\"", 3000, answer, sizeof(answer));
    CHECK(contains(answer, "\"receipt\":\"0x48\"") && contains(answer, "Connection: close"));
    read_until(listener, "never said", 3000, answer, sizeof(answer));
    struct pollfd item = {.fd = listener, .events = POLLIN};
    CHECK(poll(&item, 1, 2000) == 1 && recv(listener, answer, sizeof(answer), 0) == 0);
    close(caller);
    close(listener);
    server_stop(&fixture);
}

static void announce(struct fake *fake, uint64_t number)
{
    fake_set_head(fake, number);
    struct ag_event event = {.kind = AG_EVENT_BATCH, .number = number};
    fake_push(fake, &event);
}

static int listen_to(const struct server_fixture *fixture, const char *query, const char *fields)
{
    char text[256];
    char answer[4096];
    int fd = dial(fixture);
    (void)snprintf(text, sizeof(text), "GET /events%s HTTP/1.0\r\n%s\r\n", query, fields);
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    if (strstr(fields, "Last") == NULL) {
        read_until(fd, "retry: 3000\n\n", 2000, answer, sizeof(answer));
        CHECK(contains(answer, "Content-Type: text/event-stream"));
    }
    return fd;
}

static void test_events(void)
{
    struct server_fixture fixture;
    static char answer[1u << 20];
    server_start(&fixture, NULL, NULL);
    int batches = listen_to(&fixture, "?topics=batch", "");
    int receipts = listen_to(&fixture, "?topics=receipt", "");
    int all = listen_to(&fixture, "", "");
    announce(&fixture.fake, 4);
    read_until(batches, "\n\n", 2000, answer, sizeof(answer));
    CHECK(strncmp(answer, "id: 4\nevent: batch\ndata: {\"number\":4,\"digest\":\"0x0404", 52) == 0);
    read_until(receipts, "\n\n", 2000, answer, sizeof(answer));
    CHECK(strncmp(answer, "event: receipt\ndata: {\"batch\":4,\"outcomes\":[[\"0x00", 50) == 0);
    CHECK(contains(answer, "\"excluded\",\"ENVELOPE_NONCE\"]"));

    struct ag_event pool = {.kind = AG_EVENT_POOL, .number = 17, .bytes = 4000};
    fake_push(&fixture.fake, &pool);
    read_until(all, "event: pool\ndata: {\"count\":17,\"bytes\":4000}\n\n", 2000, answer,
               sizeof(answer));
    CHECK(contains(answer, "{\"count\":17,\"bytes\":4000}"));

    /* Announcements that were dropped are made good: 5 and 6 come before 7. */
    announce(&fixture.fake, 7);
    read_until(batches, "id: 7\n", 2000, answer, sizeof(answer));
    CHECK(contains(answer, "id: 5\nevent: batch\n") && contains(answer, "id: 6\n"));

    /* A listener comes back: it gets what it missed, once, and then what is new. */
    int back = listen_to(&fixture, "?topics=batch", "Last-Event-ID: 5\r\n");
    read_until(back, "id: 7\n", 2000, answer, sizeof(answer));
    CHECK(contains(answer, "id: 6\n") && strstr(answer, "id: 5\n") == NULL);
    announce(&fixture.fake, 8);
    read_until(back, "id: 8\n", 2000, answer, sizeof(answer));
    CHECK(strstr(answer, "id: 7\n") == NULL);
    CHECK(contains(answer, "id: 8\n"));

    /* One who was away for too long is told what is missing. */
    fake_set_head(&fixture.fake, 1000);
    int late = listen_to(&fixture, "?topics=batch&lastEventId=10", "X-Last: 1\r\n");
    read_until(late, "id: 1000\n", 2000, answer, sizeof(answer));
    CHECK(contains(answer, "event: gap\ndata: {\"from\":11,\"to\":744}\n\n"));
    CHECK(contains(answer, "id: 745\n"));
    CHECK(strstr(answer, "id: 744\n") == NULL);

    /* A full batch reaches one who listens for receipts, in pieces. */
    fixture.fake.outcome_count = 1000;
    announce(&fixture.fake, 1001);
    unsigned seen = 0;
    for (unsigned i = 0; i < 200 && seen < 1000; i++) {
        read_until(receipts, "\n\n", 500, answer, sizeof(answer));
        for (const char *at = answer; (at = strstr(at, "cluded\"")) != NULL; at++) {
            seen++;
        }
    }
    CHECK(seen >= 1000);
    close(batches);
    close(receipts);
    close(all);
    close(back);
    close(late);
    server_stop(&fixture);
}

static void test_open_refused(void)
{
    struct fake fake;
    struct ag_rpc *rpc = NULL;
    struct ag_fault fault = {0};
    fake_open(&fake);
    struct ag_rpc_config config = {.host = ag_host_system()};
    CHECK_ERR(ag_rpc_open_node(&config, &fake_ops, &fake, &rpc, &fault), AG_ERR_ARGUMENT);
    config.listen = "127.0.0.1:0";
    config.operator_token = "short";
    CHECK_ERR(ag_rpc_open_node(&config, &fake_ops, &fake, &rpc, &fault), AG_ERR_ARGUMENT);
    CHECK(strcmp(fault.field, "operator token") == 0);
    config.operator_token = NULL;
    config.listen = "nonsense";
    CHECK_ERR(ag_rpc_open_node(&config, &fake_ops, &fake, &rpc, &fault), AG_ERR_TEXT);
    ag_rpc_close(NULL);
    fake_close(&fake);
}

static void test_token(void)
{
    char directory[] = "/tmp/ag_test_rpc_XXXXXX";
    char path[64];
    char first[65];
    char second[65];
    CHECK(mkdtemp(directory) != NULL);
    (void)snprintf(path, sizeof(path), "%s/operator.token", directory);
    const struct ag_host *host = ag_host_system();
    CHECK_OK(ag_rpc_token_load(directory, host, first, NULL));
    CHECK_OK(ag_rpc_token_load(directory, host, second, NULL));
    CHECK(strlen(first) == 64 && strcmp(first, second) == 0);
    struct stat status;
    CHECK(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);

    struct ag_fault fault = {0};
    CHECK(chmod(path, 0640) == 0);
    CHECK_ERR(ag_rpc_token_load(directory, host, second, &fault), AG_ERR_CONFIG);
    CHECK(fault.field != NULL);
    static const char *const bad[] = {"", "00", "zz" TOKEN, TOKEN "\n\n", TOKEN "0"};
    for (size_t i = 0; i < AG_COUNT(bad); i++) {
        CHECK_OK(ag_file_write(path, ag_bytes_of(bad[i], strlen(bad[i])), 0600));
        CHECK_ERR(ag_rpc_token_load(directory, host, second, NULL), AG_ERR_CONFIG);
    }
    CHECK(unlink(path) == 0);
    CHECK(symlink("/dev/null", path) == 0); /* never followed */
    CHECK_ERR(ag_rpc_token_load(directory, host, second, NULL), AG_ERR_IO);
    CHECK(unlink(path) == 0);
    struct ag_host_test broken;
    ag_host_test_init(&broken, 1, 1);
    broken.fail_draw = 1;
    CHECK_ERR(ag_rpc_token_load(directory, &broken.host, second, NULL), AG_ERR_ENTROPY);
    CHECK(access(path, F_OK) != 0);
    CHECK(rmdir(directory) == 0);
    CHECK_ERR(ag_rpc_token_load("/nonexistent", host, second, NULL), AG_ERR_IO);
}

static const struct ag_test_case cases[] = {
    {"routes", test_routes},
    {"callers", test_callers},
    {"hosts", test_hosts},
    {"clients that leave", test_clients_that_leave},
    {"last words", test_last_words},
    {"events", test_events},
    {"what open refuses", test_open_refused},
    {"token", test_token},
};
TEST_MAIN(cases)
