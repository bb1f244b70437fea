/* SPDX-License-Identifier: Apache-2.0 */
#include "net/server_i.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TICK_MS      100u
#define BACKLOG      511
#define OVERFLOW_MAX 64u   /* connections over the cap that are told so at the same time */
#define OVERFLOW_MS  1000u /* for which such a connection may take its answer */
#define REQUEST_MS   15000u
#define ANSWER_MS    30000u
#define IDLE_MS      60000u
#define WRITE_MS     30000u
#define HEARTBEAT_MS 15000u

uint64_t ag_net_now_ns(const struct ag_net *net)
{
    return net->config.host->monotonic_ns(net->config.host->context);
}

/* ---- configuration ---- */

static void default_size(size_t *value, size_t fallback)
{
    *value = *value == 0 ? fallback : *value;
}

static void default_u32(uint32_t *value, uint32_t fallback)
{
    *value = *value == 0 ? fallback : *value;
}

static void set_defaults(struct ag_net_config *config)
{
    default_size(&config->header_size_max, AG_LIMIT_HTTP_HEADER_BYTES);
    default_size(&config->target_size_max, AG_LIMIT_HTTP_TARGET_BYTES);
    default_size(&config->body_size_max, AG_LIMIT_HTTP_BODY_BYTES);
    default_size(&config->buffered_size_max, AG_LIMIT_HTTP_BUFFERED_BYTES);
    default_size(&config->stream_size_max, AG_LIMIT_SSE_BUFFER_BYTES);
    default_u32(&config->connections_max, AG_LIMIT_HTTP_CONNECTIONS);
    default_u32(&config->streams_max, AG_LIMIT_SSE_CLIENTS);
    default_u32(&config->request_timeout_ms, REQUEST_MS);
    default_u32(&config->answer_timeout_ms, ANSWER_MS);
    default_u32(&config->idle_timeout_ms, IDLE_MS);
    default_u32(&config->write_timeout_ms, WRITE_MS);
    default_u32(&config->heartbeat_ms, HEARTBEAT_MS);
}

/* ---- accepting ---- */

/* The peer as 16 bytes, by the rule of ag_net_peer. */
static void read_peer(const struct sockaddr *address, int size, uint8_t out[16])
{
    memset(out, 0, 16);
    if (address->sa_family == AF_INET && (size_t)size >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        out[10] = 0xff;
        out[11] = 0xff;
        memcpy(out + 12, &v4.sin_addr, 4);
    } else if (address->sa_family == AF_INET6 && (size_t)size >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(out, &v6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8);
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *context)
{
    struct ag_net *net = context;
    (void)listener;
    bool is_overflow = ag_net_connection_count(net) >= net->config.connections_max;
    if (is_overflow && net->overflow_count >= OVERFLOW_MAX) {
        ag_metric_add(AG_METRIC_HTTP_REFUSED, 1);
        close(fd);
        return;
    }
    int one = 1;
    if (net->path[0] == '\0') {
        /* Answers are written whole; waiting for more would only add delay. A failure costs speed
         * alone. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    uint8_t peer[16];
    read_peer(address, size, peer);
    struct ag_net_request *conn = ag_net_conn_open(net, fd, peer, is_overflow);
    if (conn != NULL && is_overflow) {
        ag_metric_add(AG_METRIC_HTTP_REFUSED, 1);
        ag_net_answer_refusal(conn, 503);
        ag_net_conn_flush(conn);
        ag_net_conn_set_deadline(conn, OVERFLOW_MS);
        ag_net_conn_reap(conn);
    }
}

/* The process or the system is out of descriptors: pausing until the next tick keeps the loop from
 * spinning on a socket it cannot accept. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct ag_net *net = context;
    if (evconnlistener_disable(listener) == 0) {
        net->is_listening = false;
    }
}

/* ---- the clock ---- */

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct ag_net *net = context;
    (void)fd;
    (void)what;
    uint64_t now_ns = ag_net_now_ns(net);
    if (!net->is_listening && !net->is_draining) {
        net->is_listening = evconnlistener_enable(net->listener) == 0;
    }
    /* Downwards, because the last entry takes the place of one that goes. */
    for (unsigned i = net->conn_count; i > 0; i--) {
        if (i <= net->conn_count) {
            ag_net_conn_check_deadline(net->conns[i - 1u], now_ns);
        }
    }
    for (unsigned i = 0; i < net->timer_count; i++) {
        struct net_timer *timer = &net->timers[i];
        if (now_ns >= timer->next_ns) {
            timer->next_ns = now_ns + timer->interval_ns;
            timer->ready(timer->context);
        }
    }
}

static void on_nothing(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct ag_net *net = context;
    uint64_t count = 0;
    (void)what;
    ssize_t got = read(fd, &count, sizeof(count)); /* heard once */
    (void)got;
    (void)event_base_loopbreak(net->base);
}

static void on_watch(evutil_socket_t fd, short what, void *context)
{
    const struct net_watch *watch = context;
    (void)fd;
    (void)what;
    watch->ready(watch->context);
}

/* ---- listening ---- */

static enum ag_err listen_on(struct ag_net *net, const struct sockaddr *address, socklen_t size)
{
    net->listener =
        evconnlistener_new_bind(net->base, on_accept, net,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
                                BACKLOG, address, (int)size);
    AG_ENSURE(net->listener != NULL, AG_ERR_NET);
    evconnlistener_set_error_cb(net->listener, on_accept_error);
    net->is_listening = true;
    return AG_OK;
}

static enum ag_err listen_tcp(struct ag_net *net, const struct ag_net_address *address,
                              struct ag_fault *fault)
{
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    /* Names are not looked up: what a resolver says must not decide whom we listen to. */
    const char *host = strcasecmp(address->host, "localhost") == 0 ? "127.0.0.1" : address->host;
    int printed = snprintf(port, sizeof(port), "%u", address->port);
    AG_ASSERT(printed > 0 && (size_t)printed < sizeof(port));
    if (getaddrinfo(host, port, &hints, &found) != 0 || found == NULL) {
        return ag_fault_set(fault, AG_ERR_ARGUMENT, "listen address");
    }
    enum ag_err err = listen_on(net, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "listen port");
    }
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof(bound);
    AG_ENSURE(getsockname(evconnlistener_get_fd(net->listener), (struct sockaddr *)&bound, &size) ==
                  0,
              AG_ERR_NET);
    if (bound.ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, &bound, sizeof(v6));
        net->port = ntohs(v6.sin6_port);
    } else {
        struct sockaddr_in v4;
        memcpy(&v4, &bound, sizeof(v4));
        net->port = ntohs(v4.sin_port);
    }
    return AG_OK;
}

/* True if somebody answers at this socket file. One that nobody holds is left over from a crash. */
static bool is_taken(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return true;
    }
    bool is_free = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return !is_free;
}

static enum ag_err listen_unix(struct ag_net *net, const struct ag_net_address *address,
                               struct ag_fault *fault)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat status;
    _Static_assert(sizeof(name.sun_path) == AG_NET_PATH_SIZE,
                   "a parsed path fits a socket address");
    memcpy(name.sun_path, address->path, sizeof(name.sun_path));
    if (lstat(address->path, &status) == 0) {
        /* Only a dead socket is removed, never anything else that stands there. */
        if (!S_ISSOCK(status.st_mode) || is_taken(&name) || unlink(address->path) != 0) {
            return ag_fault_set(fault, AG_ERR_NET, "listen path");
        }
    }
    /* The file is its owner's alone from the first instant. The mask is the process's, which has no
     * other thread yet when it begins to listen. */
    mode_t before = umask(0177);
    enum ag_err err = listen_on(net, (const struct sockaddr *)&name, sizeof(name));
    (void)umask(before);
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "listen path");
    }
    memcpy(net->path, address->path, sizeof(net->path));
    return AG_OK;
}

/* ---- opening and closing ---- */

static enum ag_err open_loop(struct ag_net *net)
{
    net->base = event_base_new();
    AG_ENSURE(net->base != NULL, AG_ERR_NET);
    net->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    AG_ENSURE(net->stop_fd >= 0, AG_ERR_NET);
    net->stop = event_new(net->base, net->stop_fd, EV_READ | EV_PERSIST, on_stop, net);
    net->tick = event_new(net->base, -1, EV_PERSIST, on_tick, net);
    net->turn = event_new(net->base, -1, 0, on_nothing, NULL);
    AG_ENSURE(net->stop != NULL && net->tick != NULL && net->turn != NULL, AG_ERR_NO_MEMORY);
    struct timeval interval = {.tv_sec = 0, .tv_usec = TICK_MS * 1000};
    AG_ENSURE(event_add(net->stop, NULL) == 0 && event_add(net->tick, &interval) == 0, AG_ERR_NET);
    size_t count = 0;
    if (__builtin_add_overflow((size_t)net->config.connections_max, (size_t)OVERFLOW_MAX, &count)) {
        return AG_ERR_ARGUMENT;
    }
    net->conns = ag_alloc_array(count, sizeof(struct ag_net_request *));
    AG_ENSURE(net->conns != NULL, AG_ERR_NO_MEMORY);
    return AG_OK;
}

static enum ag_err open_parts(struct ag_net *net, struct ag_fault *fault)
{
    struct ag_net_address address = {0};
    AG_TRY(ag_net_address_parse(net->config.listen, &address, fault));
    net->is_loopback = ag_net_address_is_loopback(&address);
    AG_TRY(open_loop(net));
    return address.is_unix ? listen_unix(net, &address, fault) : listen_tcp(net, &address, fault);
}

enum ag_err ag_net_open(const struct ag_net_config *config, struct ag_net **out,
                        struct ag_fault *fault)
{
    if (config->listen == NULL || config->handler == NULL || config->host == NULL) {
        return ag_fault_set(fault, AG_ERR_ARGUMENT, "listen, handler or host");
    }
    struct ag_net *net = ag_alloc(sizeof(*net));
    AG_ENSURE(net != NULL, AG_ERR_NO_MEMORY);
    net->config = *config;
    net->stop_fd = -1;
    set_defaults(&net->config);
    enum ag_err err = open_parts(net, fault);
    if (err != AG_OK) {
        ag_net_close(net);
        return err;
    }
    *out = net;
    return AG_OK;
}

static void free_event(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

void ag_net_close(struct ag_net *net)
{
    if (net == NULL) {
        return;
    }
    while (net->conn_count != 0) {
        ag_net_conn_free(net->conns[net->conn_count - 1u]);
    }
    for (unsigned i = 0; i < net->watch_count; i++) {
        free_event(net->watches[i].event);
    }
    if (net->listener != NULL) {
        evconnlistener_free(net->listener);
        if (net->path[0] != '\0') {
            (void)unlink(net->path);
        }
    }
    free_event(net->tick);
    free_event(net->turn);
    free_event(net->stop);
    if (net->base != NULL) {
        event_base_free(net->base);
    }
    if (net->stop_fd >= 0) {
        close(net->stop_fd);
    }
    ag_free(net->conns);
    ag_free(net);
}

/* ---- running ---- */

enum ag_err ag_net_run(struct ag_net *net)
{
    return event_base_loop(net->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? AG_ERR_NET : AG_OK;
}

enum ag_err ag_net_turn(struct ag_net *net, uint32_t timeout_ms)
{
    struct timeval wait = {.tv_sec = timeout_ms / 1000u,
                           .tv_usec = (suseconds_t)(timeout_ms % 1000u) * 1000};
    AG_ENSURE(event_add(net->turn, &wait) == 0, AG_ERR_NET);
    int result = event_base_loop(net->base, EVLOOP_ONCE);
    (void)event_del(net->turn);
    return result < 0 ? AG_ERR_NET : AG_OK;
}

void ag_net_stop(struct ag_net *net)
{
    /* Only a write: what a signal handler may do. A full counter means that it was said before. */
    uint64_t one = 1;
    ssize_t written = write(net->stop_fd, &one, sizeof(one));
    (void)written;
}

void ag_net_drain(struct ag_net *net)
{
    net->is_draining = true;
    if (evconnlistener_disable(net->listener) == 0) {
        net->is_listening = false;
    }
}

uint16_t ag_net_port(const struct ag_net *net)
{
    return net->port;
}

bool ag_net_is_loopback(const struct ag_net *net)
{
    return net->is_loopback;
}

unsigned ag_net_connection_count(const struct ag_net *net)
{
    return net->conn_count - net->overflow_count;
}

size_t ag_net_buffered_size(const struct ag_net *net)
{
    return net->buffered_size;
}

enum ag_err ag_net_watch(struct ag_net *net, int fd, ag_net_ready *ready, void *context)
{
    AG_ENSURE(fd >= 0 && ready != NULL, AG_ERR_ARGUMENT);
    AG_ENSURE(net->watch_count < AG_LIMIT_NET_WATCHES, AG_ERR_NET_LIMIT);
    struct net_watch *watch = &net->watches[net->watch_count];
    struct event *event = event_new(net->base, fd, EV_READ | EV_PERSIST, on_watch, watch);
    AG_ENSURE(event != NULL, AG_ERR_NO_MEMORY);
    if (event_add(event, NULL) != 0) {
        event_free(event);
        return AG_ERR_NET;
    }
    *watch = (struct net_watch){.event = event, .ready = ready, .context = context};
    net->watch_count++;
    return AG_OK;
}

enum ag_err ag_net_every(struct ag_net *net, uint32_t interval_ms, ag_net_ready *ready,
                         void *context)
{
    AG_ENSURE(interval_ms != 0 && ready != NULL, AG_ERR_ARGUMENT);
    AG_ENSURE(net->timer_count < AG_LIMIT_NET_WATCHES, AG_ERR_NET_LIMIT);
    uint64_t interval_ns = (uint64_t)interval_ms * 1000000u;
    net->timers[net->timer_count++] =
        (struct net_timer){.interval_ns = interval_ns,
                           .next_ns = ag_net_now_ns(net) + interval_ns,
                           .ready = ready,
                           .context = context};
    return AG_OK;
}
