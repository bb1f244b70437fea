/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "rpc/rpc_i.h"

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_JSON    "application/json"
#define TYPE_BINARY  "application/octet-stream"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

typedef void route_handler(struct ag_rpc *rpc, struct ag_net_request *request,
                           struct ag_bytes rest);

struct route {
    const char *path;
    bool is_prefix; /* what follows the path is the handler's */
    bool is_post;   /* else GET and HEAD */
    route_handler *handler;
    const char *help;
};

/* ---- who may call ---- */

/* A page whose name was rebound to our address still sends its own name as Host. */
static bool is_good_host(const struct ag_rpc *rpc, const struct ag_net_request *request)
{
    struct ag_bytes host = ag_net_field(request, "host");
    struct ag_bytes allowed = ag_bytes_of(rpc->allowed_host, strlen(rpc->allowed_host));
    if (allowed.size != 0 && ag_bytes_equal(host, allowed)) {
        return true;
    }
    if (!ag_net_is_loopback(rpc->net)) {
        return allowed.size == 0;
    }
    return host.size == 0 || ag_net_host_is_loopback(host);
}

/* Browsers tell whose page calls. Ours (http://<Host>) and the configured one may. */
static bool is_good_origin(const struct ag_rpc *rpc, struct ag_net_request *request)
{
    struct ag_bytes origin = ag_net_field(request, "origin");
    struct ag_bytes host = ag_net_field(request, "host");
    if (origin.size == 0) {
        return true;
    }
    if (rpc->origin[0] != '\0' &&
        ag_bytes_equal(origin, ag_bytes_of(rpc->origin, strlen(rpc->origin)))) {
        return ag_net_add_field(request, "Access-Control-Allow-Origin", rpc->origin) == AG_OK &&
               ag_net_add_field(request, "Vary", "Origin") == AG_OK;
    }
    return origin.size > 7 && memcmp(origin.data, "http://", 7) == 0 &&
           ag_bytes_equal(ag_bytes_tail(origin, 7), host);
}

/* `Authorization: Bearer <token>`, compared in constant time. */
static bool is_operator(const struct ag_rpc *rpc, const struct ag_net_request *request)
{
    struct ag_bytes value = ag_net_field(request, "authorization");
    if (!rpc->has_token || value.size != 7u + sizeof(rpc->token) ||
        memcmp(value.data, "Bearer ", 7) != 0) {
        return false;
    }
    return ag_ct_equal(value.data + 7, rpc->token, sizeof(rpc->token));
}

static struct rpc_caller caller_of(const struct ag_rpc *rpc, const struct ag_net_request *request)
{
    struct rpc_caller caller = {.is_operator = is_operator(rpc, request)};
    ag_net_peer(request, caller.source.bytes); /* 16 bytes, then zeros */
    return caller;
}

/* The media type without its parameters. */
static bool is_type(const struct ag_net_request *request, const char *type)
{
    struct ag_bytes value = ag_net_field(request, "content-type");
    size_t size = strlen(type);
    return value.size >= size && memcmp(value.data, type, size) == 0 &&
           (value.size == size || value.data[size] == ';' || value.data[size] == ' ');
}

/* ---- answers ---- */

static void answer_error(struct ag_net_request *request, unsigned status, enum ag_err err,
                         const struct ag_fault *fault)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 4096);
    struct ag_json_out out;
    ag_json_begin(&out, &text, false);
    ag_json_object(&out, NULL);
    ag_rpc_put_error(&out, "error", err, fault, 0);
    ag_json_end(&out);
    if (ag_json_finish(&out) != AG_OK) {
        ag_net_respond_status(request, 503);
        return;
    }
    ag_net_respond_vec(request, status, TYPE_JSON, &text);
}

/* ---- calls ---- */

static void on_done(void *context, unsigned status, const char *content_type, struct ag_vec *body)
{
    struct ag_net_request *request = context;
    if (status == 503 && ag_net_add_field(request, "Retry-After", "1") != AG_OK) {
        status = 500; /* without memory for a courtesy */
    }
    ag_net_respond_vec(request, status, status == 204 ? NULL : content_type, body);
}

static void route_calls(struct ag_rpc *rpc, struct ag_net_request *request, struct ag_bytes rest)
{
    (void)rest;
    /* A form of a foreign page can send other types without asking first. */
    if (!is_type(request, TYPE_JSON)) {
        ag_net_respond_status(request, 415);
        return;
    }
    struct rpc_caller caller = caller_of(rpc, request);
    ag_rpc_exchange_run(&rpc->core, RPC_FORM_CALLS, &caller, ag_net_body(request), on_done,
                        request);
}

static void route_envelopes(struct ag_rpc *rpc, struct ag_net_request *request,
                            struct ag_bytes rest)
{
    (void)rest;
    if (!is_type(request, TYPE_BINARY)) {
        ag_net_respond_status(request, 415);
        return;
    }
    bool wants_json =
        ag_bytes_equal(ag_net_field(request, "accept"), AG_LITERAL("application/json"));
    struct rpc_caller caller = caller_of(rpc, request);
    ag_rpc_exchange_run(&rpc->core, wants_json ? RPC_FORM_LIST : RPC_FORM_BINARY, &caller,
                        ag_net_body(request), on_done, request);
}

static void route_batch(struct ag_rpc *rpc, struct ag_net_request *request, struct ag_bytes rest)
{
    uint64_t number = 0;
    if (!ag_bytes_equal(rest, AG_LITERAL("latest")) &&
        (rest.size == 0 ||
         ag_u64_parse((const char *)rest.data, rest.size, false, &number) != AG_OK ||
         number == 0)) {
        answer_error(request, 404, AG_ERR_BATCH_NUMBER, NULL);
        return;
    }
    struct ag_vec file AG_SCOPED(ag_vec_close);
    ag_vec_init(&file, AG_LIMIT_BATCH_FILE_BYTES);
    enum ag_err err = rpc->core.ops.batch_export(rpc->core.node, number, &file);
    if (err != AG_OK) {
        answer_error(request, err == AG_ERR_BATCH_NUMBER ? 404 : 503, err, NULL);
        return;
    }
    ag_net_respond_vec(request, 200, TYPE_BINARY, &file);
}

/* ---- texts ---- */

static void route_health(struct ag_rpc *rpc, struct ag_net_request *request, struct ag_bytes rest)
{
    (void)rest;
    struct ag_vec text AG_SCOPED(ag_vec_close);
    enum rpc_health health = RPC_HEALTH_BAD;
    ag_vec_init(&text, 8192);
    if (ag_rpc_health_write(&rpc->core, &text, &health) != AG_OK) {
        ag_net_respond_status(request, 503);
        return;
    }
    ag_net_respond_vec(request, health == RPC_HEALTH_BAD ? 503 : 200, TYPE_JSON, &text);
}

static void route_metrics(struct ag_rpc *rpc, struct ag_net_request *request, struct ag_bytes rest)
{
    (void)rest;
    uint64_t listeners = 0;
    for (size_t i = 0; i < AG_COUNT(rpc->listeners); i++) {
        listeners += rpc->listeners[i].stream != NULL ? 1 : 0;
    }
    ag_metric_set(AG_METRIC_SSE_CLIENTS, listeners);
    ag_metric_set(AG_METRIC_MEMORY_BYTES, ag_alloc_in_use());
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 1u << 20);
    if (ag_metrics_print(&text) != AG_OK) {
        ag_net_respond_status(request, 503);
        return;
    }
    ag_net_respond_vec(request, 200, TYPE_METRICS, &text);
}

static void route_events(struct ag_rpc *rpc, struct ag_net_request *request, struct ag_bytes rest)
{
    (void)rest;
    if (ag_net_method(request) == AG_NET_HEAD) {
        ag_net_respond(request, 200, "text/event-stream", (struct ag_bytes){NULL, 0});
        return;
    }
    ag_rpc_events_open(rpc, request);
}

static route_handler route_overview;

static const struct route routes[] = {
    {"/", false, true, route_calls, "JSON-RPC 2.0; the methods: aegis_methods"},
    {"/rpc", false, true, route_calls, "the same"},
    {"/v1/envelopes", false, true, route_envelopes, "sealed envelopes, binary"},
    {"/v1/batches/", true, false, route_batch, "a batch as a file: a number, or latest"},
    {"/health", false, false, route_health, "good, degraded or bad, with reasons"},
    {"/metrics", false, false, route_metrics, "Prometheus text"},
    {"/events", false, false, route_events, "server-sent events: ?topics=pool,batch,receipt"},
    {"/", false, false, route_overview, "this page"},
};

static void route_overview(struct ag_rpc *rpc, struct ag_net_request *request, struct ag_bytes rest)
{
    (void)rest;
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 8192);
    enum ag_err err = ag_vec_printf(&text, "aegis %s\n\n", rpc->core.version);
    for (size_t i = 0; err == AG_OK && i < AG_COUNT(routes); i++) {
        err = ag_vec_printf(&text, "%-4s %-16s %s\n", routes[i].is_post ? "POST" : "GET",
                            routes[i].path, routes[i].help);
    }
    if (err != AG_OK) {
        ag_net_respond_status(request, 503);
        return;
    }
    ag_net_respond_vec(request, 200, TYPE_TEXT, &text);
}

/* ---- finding the route ---- */

static bool is_of_route(const struct route *route, struct ag_bytes path)
{
    struct ag_bytes wanted = ag_bytes_of(route->path, strlen(route->path));
    return route->is_prefix ? ag_bytes_equal(ag_bytes_head(path, wanted.size), wanted)
                            : ag_bytes_equal(path, wanted);
}

/* What a page of the configured origin asks before it calls. */
static void answer_preflight(const struct ag_rpc *rpc, struct ag_net_request *request)
{
    if (rpc->origin[0] == '\0' || ag_net_field(request, "origin").size == 0) {
        ag_net_respond_status(request, 405);
        return;
    }
    if (ag_net_add_field(request, "Access-Control-Allow-Methods", "GET, POST") != AG_OK ||
        ag_net_add_field(request, "Access-Control-Allow-Headers", "Content-Type") != AG_OK ||
        ag_net_add_field(request, "Access-Control-Max-Age", "600") != AG_OK) {
        ag_net_respond_status(request, 503);
        return;
    }
    ag_net_respond(request, 204, NULL, (struct ag_bytes){NULL, 0});
}

void ag_rpc_route(void *context, struct ag_net_request *request)
{
    struct ag_rpc *rpc = context;
    if (!is_good_host(rpc, request)) {
        ag_net_respond_status(request, 421);
        return;
    }
    if (!is_good_origin(rpc, request)) {
        ag_net_respond_status(request, 403);
        return;
    }
    enum ag_net_method method = ag_net_method(request);
    if (method == AG_NET_OPTIONS) {
        answer_preflight(rpc, request);
        return;
    }
    struct ag_bytes path = ag_net_path(request);
    const char *allow = NULL;
    for (size_t i = 0; i < AG_COUNT(routes); i++) {
        const struct route *route = &routes[i];
        if (!is_of_route(route, path)) {
            continue;
        }
        bool fits =
            route->is_post ? method == AG_NET_POST : method == AG_NET_GET || method == AG_NET_HEAD;
        if (fits) {
            route->handler(rpc, request, ag_bytes_tail(path, strlen(route->path)));
            return;
        }
        allow = allow != NULL ? "GET, HEAD, POST" : route->is_post ? "POST" : "GET, HEAD";
    }
    if (allow != NULL && ag_net_add_field(request, "Allow", allow) == AG_OK) {
        ag_net_respond_status(request, 405);
        return;
    }
    ag_net_respond_status(request, 404);
}
