/* SPDX-License-Identifier: Apache-2.0 */
/* What does the door cost: one JSON-RPC call, one of a batch, one binary envelope, over loopback
 * and without sockets? The node behind it is the one of the unit tests, which admits at once;
 * receipts are as long as envelopes here, which is about half of a real one. Times are of the I/O
 * thread alone, in user mode and in the kernel. */
#include <pthread.h>
#include <sys/resource.h>

#include "bench.h"
#include "test_rpc_fake.h"

#define ENVELOPE_SIZE 2300u
#define BATCH_COUNT   64u
#define ROUNDS        7u
#define CALLS         4000u

struct server {
    struct fake fake;
    struct ag_rpc *rpc;
    pthread_t thread;
    pthread_mutex_t lock;
    struct rusage usage; /* of the I/O thread, as of its newest tick */
};

static void note_usage(void *context)
{
    struct server *server = context;
    pthread_mutex_lock(&server->lock);
    AG_ASSERT(getrusage(RUSAGE_THREAD, &server->usage) == 0);
    pthread_mutex_unlock(&server->lock);
}

static void *run_server(void *context)
{
    struct server *server = context;
    BENCH_MUST(ag_rpc_run(server->rpc));
    return NULL;
}

static uint64_t us_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec;
}

/* Waits for a tick after the work, so that all of it is counted. */
static void read_usage(struct server *server, uint64_t *out_user_us, uint64_t *out_system_us)
{
    struct timespec wait = {.tv_nsec = 250000000};
    (void)nanosleep(&wait, NULL);
    pthread_mutex_lock(&server->lock);
    *out_user_us = us_of(server->usage.ru_utime);
    *out_system_us = us_of(server->usage.ru_stime);
    pthread_mutex_unlock(&server->lock);
}

static void start(struct server *server)
{
    memset(server, 0, sizeof(*server));
    fake_open(&server->fake);
    server->fake.receipt_size = ENVELOPE_SIZE;
    AG_ASSERT(pthread_mutex_init(&server->lock, NULL) == 0);
    struct ag_rpc_config config = {.listen = "127.0.0.1:0", .host = ag_host_system()};
    BENCH_MUST(ag_rpc_open_node(&config, &fake_ops, &server->fake, &server->rpc, NULL));
    BENCH_MUST(ag_net_every(server->rpc->net, 100, note_usage, server));
    AG_ASSERT(pthread_create(&server->thread, NULL, run_server, server) == 0);
}

static void stop(struct server *server)
{
    ag_rpc_stop(server->rpc);
    AG_ASSERT(pthread_join(server->thread, NULL) == 0);
    ag_rpc_close(server->rpc);
    fake_close(&server->fake);
}

static void put_call(struct ag_vec *text, unsigned id)
{
    BENCH_MUST(ag_vec_printf(text,
                             "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"aegis_sendEnvelope\","
                             "\"params\":[\"0x41",
                             id));
    for (unsigned i = 1; i < ENVELOPE_SIZE; i++) {
        BENCH_MUST(ag_vec_printf(text, "%02x", i & 255u));
    }
    BENCH_MUST(ag_vec_append(text, AG_LITERAL("\"]}")));
}

struct job {
    const char *name;
    const char *path;
    const char *type;
    struct ag_vec body;
    unsigned envelopes; /* of one request */
};

static void measure(const struct job *job)
{
    static struct server server;
    uint64_t user_ns[ROUNDS];
    uint64_t system_ns[ROUNDS];
    char url[64];
    start(&server);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", ag_rpc_port(server.rpc));
    struct ag_http *http = NULL;
    struct ag_vec out;
    ag_vec_init(&out, 64u << 20);
    BENCH_MUST(ag_net_http_open(url, NULL, &http, NULL));
    uint64_t count = CALLS / job->envelopes;
    AG_ASSERT(count != 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t user_before = 0;
        uint64_t system_before = 0;
        uint64_t user_after = 0;
        uint64_t system_after = 0;
        read_usage(&server, &user_before, &system_before);
        for (uint64_t i = 0; i < count; i++) {
            unsigned status = 0;
            out.size = 0;
            BENCH_MUST(ag_net_http_call(http, job->path, job->type, ag_vec_view(&job->body), &out,
                                        &status));
            AG_ASSERT(status == 200);
        }
        read_usage(&server, &user_after, &system_after);
        user_ns[round] = (user_after - user_before) * 1000u / (count * job->envelopes);
        system_ns[round] = (system_after - system_before) * 1000u / (count * job->envelopes);
    }
    ag_net_http_close(http);
    ag_vec_close(&out);
    stop(&server);
    char fields[128];
    (void)snprintf(fields, sizeof(fields), "\"user_ns\":%" PRIu64 ",\"kernel_ns\":%" PRIu64,
                   bench_median(user_ns, ROUNDS), bench_median(system_ns, ROUNDS));
    bench_print(job->name, fields);
}

static void on_done(void *context, unsigned status, const char *content_type, struct ag_vec *body)
{
    (void)content_type;
    AG_ASSERT(status == 200);
    *(size_t *)context += body->size;
}

/* The same call without sockets. */
static void measure_core(const struct job *job)
{
    static struct fake fake;
    static struct rpc_core core;
    struct ag_rpc_config config = {.host = ag_host_system()};
    struct rpc_caller caller = {.is_operator = false};
    uint64_t samples[ROUNDS];
    size_t total = 0;
    fake_open(&fake);
    fake.receipt_size = ENVELOPE_SIZE;
    BENCH_MUST(ag_rpc_core_init(&core, &fake_ops, &fake, &config));
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t before = bench_cpu_ns();
        for (unsigned i = 0; i < CALLS * 4u; i++) {
            ag_rpc_exchange_run(&core, RPC_FORM_CALLS, &caller, ag_vec_view(&job->body), on_done,
                                &total);
            fake_pump(&fake, &core);
        }
        samples[round] = (bench_cpu_ns() - before) / (CALLS * 4u);
    }
    ag_rpc_core_close(&core);
    fake_close(&fake);
    char fields[64];
    (void)snprintf(fields, sizeof(fields), "\"cpu_ns\":%" PRIu64, bench_median(samples, ROUNDS));
    bench_print("rpc.call_without_sockets", fields);
}

int main(void)
{
    struct job one = {"rpc.call", "/", "application/json", {0}, 1};
    struct job batch = {"rpc.call_of_a_batch_of_64", "/", "application/json", {0}, BATCH_COUNT};
    struct job binary = {
        "rpc.binary_envelope_of_64", "/v1/envelopes", "application/octet-stream", {0}, BATCH_COUNT};
    ag_vec_init(&one.body, 16u << 20);
    ag_vec_init(&batch.body, 16u << 20);
    ag_vec_init(&binary.body, 16u << 20);
    put_call(&one.body, 1);
    BENCH_MUST(ag_vec_append(&batch.body, AG_LITERAL("[")));
    for (unsigned i = 0; i < BATCH_COUNT; i++) {
        uint8_t *envelope = NULL;
        const uint8_t size[4] = {0, 0, ENVELOPE_SIZE >> 8, ENVELOPE_SIZE & 255u};
        put_call(&batch.body, i);
        BENCH_MUST(
            ag_vec_append(&batch.body, i + 1u == BATCH_COUNT ? AG_LITERAL("]") : AG_LITERAL(",")));
        BENCH_MUST(ag_vec_append(&binary.body, AG_ARRAY_VIEW(size)));
        BENCH_MUST(ag_vec_extend(&binary.body, ENVELOPE_SIZE, &envelope));
        envelope[0] = 'A';
    }
    measure_core(&one);
    measure(&one);
    measure(&batch);
    measure(&binary);
    ag_vec_close(&one.body);
    ag_vec_close(&batch.body);
    ag_vec_close(&binary.body);
    return 0;
}
