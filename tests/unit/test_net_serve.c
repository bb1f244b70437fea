/* SPDX-License-Identifier: Apache-2.0 */
/* Does net serve what it must, over real loopback sockets: pipelines, late answers, streams, and
 * our own client? What it refuses is in test_net.c. */
#include "test_net_ground.h"

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
        (void)snprintf(wanted, sizeof(wanted), "<%05u>", i);
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
    (void)snprintf(url, sizeof(url), "http://localhost:%u/echo", ag_net_port(fixture.net));
    struct ag_http_field field = {"User-Agent", "test"};
    struct ag_http_options options = {.timeout_ms = 2000, .fields = &field, .field_count = 1};
    struct ag_http *http = NULL;
    struct ag_vec out;
    unsigned status = 0;
    ag_vec_init(&out, 100000);
    CHECK_OK(ag_net_http_open(url, &options, &http, NULL));
    CHECK_OK(ag_net_http_call(http, NULL, "text/plain", AG_LITERAL("one"), &out, &status));
    CHECK_OK(ag_net_http_call(http, NULL, "text/plain", AG_LITERAL("two"), &out, &status));
    CHECK_BYTES(ag_vec_view(&out), AG_LITERAL("onetwo"));
    CHECK_U64(wait_connections(&fixture, 1), 1); /* one connection for both */
    usleep(600000);                              /* the server closes it meanwhile */
    out.size = 0;
    CHECK_OK(ag_net_http_get(http, "/field?v=x", &out, &status));
    CHECK_BYTES(ag_vec_view(&out), AG_LITERAL("test"));
    CHECK_OK(ag_net_http_get(http, "/nothing", &out, &status));
    CHECK_U64(status, 404);
    CHECK_ERR(ag_net_http_get(http, "nothing", &out, &status), AG_ERR_TEXT);
    CHECK_ERR(ag_net_http_get(http, "/a b", &out, &status), AG_ERR_TEXT);
    CHECK_ERR(ag_net_http_call(http, NULL, NULL, AG_LITERAL(""), &out, &status), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_net_http_call(http, NULL, "a\r\nb", AG_LITERAL(""), &out, &status),
              AG_ERR_ARGUMENT);

    /* An answer over the limit is no answer, and the output is as before. */
    out.size = 0;
    CHECK_ERR(ag_net_http_get(http, "/big?size=100001", &out, &status), AG_ERR_NET_LIMIT);
    CHECK_U64(out.size, 0);
    CHECK_OK(ag_net_http_get(http, "/big?size=100000", &out, &status));
    CHECK_U64(out.size, 100000);
    ag_net_http_close(http);

    /* Silence. */
    options.timeout_ms = 300;
    out.size = 0;
    CHECK_OK(ag_net_http_open(url, &options, &http, NULL));
    CHECK_ERR(ag_net_http_get(http, "/late", &out, &status), AG_ERR_NET_TIMEOUT);
    ag_net_http_close(http);
    CHECK_OK(ag_queue_push(fixture.queue, &fixture));
    stop(&fixture);
    CHECK_ERR(ag_net_http_post(url, &options, "text/plain", AG_LITERAL(""), &out, &status),
              AG_ERR_NET);
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
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
        struct ag_vec out;
        unsigned status = 0;
        ag_vec_init(&out, 1000);
        struct ag_http_options options = {.timeout_ms = 2000};
        enum ag_err err =
            ag_net_http_post(url, &options, "text/plain", AG_LITERAL("x"), &out, &status);
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
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", ag_net_port(fixture.net));
    struct ag_http *http = NULL;
    struct ag_vec out;
    unsigned status = 0;
    ag_vec_init(&out, 1000);
    CHECK_OK(ag_net_http_open(url, NULL, &http, NULL));
    CHECK_ERR(ag_net_http_follow(http, "/events", 3000, collect, &out, &status), AG_ERR_CANCELLED);
    CHECK_U64(status, 200);
    CHECK_BYTES(ag_bytes_head(ag_vec_view(&out), 6), AG_LITERAL(":\n\n:\n\n"));
    CHECK_ERR(ag_net_http_follow(http, "/nothing", 3000, collect, &out, &status),
              AG_ERR_NET_PROTOCOL);
    CHECK_U64(status, 404);
    CHECK_ERR(ag_net_http_follow(http, "/events", 0, collect, &out, &status), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_net_http_follow(http, "/events", 20, collect, &out, &status), AG_ERR_NET_TIMEOUT);
    ag_net_http_close(http);
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
    (void)snprintf(path, sizeof(path), "%s/s", directory);
    (void)snprintf(listen, sizeof(listen), "unix:%s", path);
    (void)snprintf(url, sizeof(url), "http://unix:%s:/hello", path);

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
    CHECK_OK(ag_net_http_post(url, NULL, "text/plain", AG_LITERAL(""), &out, &status));
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
    (void)snprintf(taken, sizeof(taken), "%u", ag_net_port(net));
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
