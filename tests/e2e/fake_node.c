/* SPDX-License-Identifier: Apache-2.0 */
/* fake_node: a server that says what a test tells it to, to see what `aegis` makes of it.
 *
 *   fake_node MODE [UPSTREAM-PORT RULE...]
 *
 * Prints its port, then serves one connection after the other until it is killed. Modes:
 *   raw FILE       answers every request with these bytes and closes
 *   silent         reads and never answers
 *   trickle        sends an answer of one byte each tenth of a second, without end
 *   huge           sends a body without end
 *   proxy PORT RULE...
 *                  passes requests on to the node at PORT. METHOD=FILE answers calls of METHOD with
 *                  FILE as the body instead; METHOD:KEY=FILE replaces the text of the member KEY in
 *                  the node's answer by what FILE holds: a node that lies. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX (4u << 20)
#define RULES_MAX 8

struct text {
    char *data; /* with a NUL behind it */
    size_t size;
};

struct rule {
    char method[64];
    char key[64]; /* empty: the whole body */
    struct text text;
};

struct fake {
    const char *mode;
    struct text raw;
    uint16_t upstream_port;
    struct rule rules[RULES_MAX];
    size_t rule_count;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "fake_node: %s\n", what);
    exit(1); /* One thread. NOLINT(concurrency-mt-unsafe) */
}

static void append(struct text *text, const char *data, size_t size)
{
    if (text->data == NULL) {
        text->data = malloc(BYTES_MAX + 1u);
    }
    if (text->data == NULL || size > BYTES_MAX - text->size) {
        die("too much");
        return;
    }
    memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
}

static struct text read_file(const char *path)
{
    struct text text = {0};
    char piece[4096];
    FILE *file = fopen(path, "re");
    append(&text, "", 0);
    if (file == NULL) {
        die(path);
        return text;
    }
    for (size_t got; (got = fread(piece, 1, sizeof(piece), file)) != 0;) {
        append(&text, piece, got);
    }
    (void)fclose(file);
    return text;
}

static void send_text(int fd, const char *data, size_t size)
{
    while (size != 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        data += sent;
        size -= (size_t)sent;
    }
}

/* ---- HTTP ---- */

static size_t content_length(const struct text *message)
{
    const char *field = strcasestr(message->data, "\r\ncontent-length:");
    return field == NULL ? 0 : strtoul(field + 17, NULL, 10);
}

/* Where the body begins, or NULL. */
static char *body_of(const struct text *message)
{
    char *end = message->data == NULL ? NULL : strstr(message->data, "\r\n\r\n");
    return end == NULL ? NULL : end + 4;
}

/* Reads a whole request; false when the client goes first. */
static int read_request(int fd, struct text *out)
{
    char piece[65536];
    for (;;) {
        ssize_t got = recv(fd, piece, sizeof(piece), 0);
        if (got <= 0) {
            return 0;
        }
        append(out, piece, (size_t)got);
        const char *body = body_of(out);
        if (body != NULL && out->size - (size_t)(body - out->data) >= content_length(out)) {
            return 1;
        }
    }
}

static void answer_json(int fd, const struct text *body)
{
    char head[160];
    int size =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n",
                 body->size);
    send_text(fd, head, (size_t)size);
    send_text(fd, body->data, body->size);
}

/* ---- a node between the client and the real one ---- */

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        die("no node to pass on to");
    }
    return fd;
}

/* The node's answer to this request. */
static struct text pass_on(uint16_t port, const struct text *request)
{
    static const char field[] = "\r\nConnection: close";
    struct text answer = {0};
    char piece[65536];
    int fd = connect_to(port);
    const char *line_end = strstr(request->data, "\r\n");
    size_t line_size = line_end == NULL ? 0 : (size_t)(line_end - request->data);
    send_text(fd, request->data, line_size);
    send_text(fd, field, sizeof(field) - 1);
    send_text(fd, request->data + line_size, request->size - line_size);
    append(&answer, "", 0);
    for (ssize_t got; (got = recv(fd, piece, sizeof(piece), 0)) > 0;) {
        append(&answer, piece, (size_t)got);
    }
    close(fd);
    return answer;
}

/* The body of the answer, with another text in the member `key`. */
static struct text forge(const char *body, const struct rule *rule)
{
    struct text out = {0};
    char wanted[80];
    int size = snprintf(wanted, sizeof(wanted), "\"%s\":\"", rule->key);
    const char *start = strstr(body, wanted);
    if (start == NULL) {
        append(&out, body, strlen(body)); /* an error, which has nothing to forge */
        return out;
    }
    start += size;
    append(&out, body, (size_t)(start - body));
    append(&out, rule->text.data, rule->text.size);
    append(&out, start + strcspn(start, "\""), strlen(start + strcspn(start, "\"")));
    return out;
}

static void serve_proxy(const struct fake *fake, int fd, const struct text *request)
{
    const struct rule *rule = NULL;
    const char *called = body_of(request);
    for (size_t i = 0; i < fake->rule_count; i++) {
        char wanted[80];
        (void)snprintf(wanted, sizeof(wanted), "\"%s\"", fake->rules[i].method);
        rule = strstr(called, wanted) != NULL ? &fake->rules[i] : rule;
    }
    if (rule != NULL && rule->key[0] == '\0') {
        answer_json(fd, &rule->text);
        return;
    }
    struct text answer = pass_on(fake->upstream_port, request);
    const char *body = body_of(&answer);
    if (rule == NULL || body == NULL) {
        send_text(fd, answer.data, answer.size);
    } else {
        struct text forged = forge(body, rule);
        answer_json(fd, &forged);
        free(forged.data);
    }
    free(answer.data);
}

/* ---- serving ---- */

static void serve_endless(int fd, int is_slow)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    static char spaces[65536];
    const struct timespec pause = {0, 100000000};
    memset(spaces, ' ', sizeof(spaces));
    send_text(fd, head, sizeof(head) - 1);
    for (;;) {
        if (send(fd, spaces, is_slow ? 1 : sizeof(spaces), MSG_NOSIGNAL) <= 0) {
            return;
        }
        if (is_slow) {
            (void)nanosleep(&pause, NULL);
        }
    }
}

static void serve(const struct fake *fake, int fd)
{
    struct text request = {0};
    if (!read_request(fd, &request)) {
        free(request.data);
        return;
    }
    if (strcmp(fake->mode, "raw") == 0) {
        send_text(fd, fake->raw.data, fake->raw.size);
    } else if (strcmp(fake->mode, "silent") == 0) {
        char byte;
        while (recv(fd, &byte, 1, 0) > 0) {
        }
    } else if (strcmp(fake->mode, "proxy") == 0) {
        serve_proxy(fake, fd, &request);
    } else {
        serve_endless(fd, strcmp(fake->mode, "trickle") == 0);
    }
    free(request.data);
}

static void add_rule(struct fake *fake, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || fake->rule_count == RULES_MAX) {
        die("METHOD=FILE or METHOD:KEY=FILE");
        return;
    }
    struct rule *rule = &fake->rules[fake->rule_count++];
    const char *colon = memchr(text, ':', (size_t)(equals - text));
    const char *method_end = colon == NULL ? equals : colon;
    (void)snprintf(rule->method, sizeof(rule->method), "%.*s", (int)(method_end - text), text);
    if (colon != NULL) {
        (void)snprintf(rule->key, sizeof(rule->key), "%.*s", (int)(equals - colon - 1), colon + 1);
    }
    rule->text = read_file(equals + 1);
    while (colon != NULL && rule->text.size != 0 && rule->text.data[rule->text.size - 1] == '\n') {
        rule->text.size--;
    }
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 16) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("cannot listen");
    }
    (void)printf("%u\n", (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    static struct fake fake;
    if (argc < 2) {
        die("which mode?");
        return 1;
    }
    fake.mode = argv[1];
    if (strcmp(fake.mode, "raw") == 0 && argc == 3) {
        fake.raw = read_file(argv[2]);
    }
    if (strcmp(fake.mode, "proxy") == 0 && argc > 2) {
        fake.upstream_port = (uint16_t)strtoul(argv[2], NULL, 10);
        for (int i = 3; i < argc; i++) {
            add_rule(&fake, argv[i]);
        }
    }
    /* It must not outlive the script that started it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = listen_somewhere();
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            die("accept");
        }
        serve(&fake, fd);
        close(fd);
    }
}
