/* SPDX-License-Identifier: Apache-2.0 */
/* Admission through the socket: processor time of the daemon per accepted envelope, receipts on
 * disk, against the bare cost of opening one on the same machine in the same run. */
#include "bench.h"
#include "net/net.h"
#include "node.h"
#include "test.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PER_CALL = 64,
    CLIENTS = 16,
    RUNS = 5
};

struct daemon {
    pid_t pid;
    unsigned port;
    FILE *log;             /* stays open: the daemon may go on writing */
    struct test_node node; /* its configuration and the client's view; no node in this process */
};

/* Nanoseconds on a processor, over all threads. */
static uint64_t cpu_ns(pid_t pid)
{
    char path[300];
    uint64_t sum = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    AG_ASSERT(dir != NULL);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        uint64_t ns = 0;
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)pid,
                       entry->d_name);
        /* A thread that ended since has no file any more. */
        if (bench_read_number(path, 0, &ns)) {
            sum += ns;
        }
    }
    closedir(dir);
    return sum;
}

static void start(struct daemon *daemon, const char *program)
{
    char data[300];
    char sim[300];
    int ends[2];
    test_node_init(&daemon->node, NULL);
    (void)snprintf(data, sizeof(data), "--data_dir=%s/data", daemon->node.dir);
    (void)snprintf(sim, sizeof(sim), "--sim_dir=%s/sim", daemon->node.dir);
    AG_ASSERT(pipe(ends) == 0);
    daemon->pid = fork();
    AG_ASSERT(daemon->pid >= 0);
    if (daemon->pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)dup2(ends[1], STDOUT_FILENO); /* our own reader must not wait for the daemon */
        execl(program, program, data, sim, "--provider=insecure-sim", "--allow_insecure_sim=true",
              "--listen=127.0.0.1:0", "--key_suites=0x0042,0x0051", "--batch_interval_ms=3600000",
              "--batch_tx_max=10000", "--batch_min_tx=10000", "--source_rate=1000000",
              "--source_burst=1000000", "--workers=2", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    daemon->log = fdopen(ends[0], "r");
    char line[1024];
    while (fgets(line, sizeof(line), daemon->log) != NULL) {
        const char *found = strstr(line, "port=");
        if (strstr(line, "node.listening") != NULL && found != NULL) {
            daemon->port = (unsigned)strtoul(found + 5, NULL, 10);
            AG_ASSERT(daemon->port != 0);
            return;
        }
        (void)fputs(line, stderr);
    }
    AG_ASSERT(false);
}

static const struct ag_json_value *call(struct daemon *daemon, const char *body,
                                        struct ag_json **out)
{
    char url[64];
    unsigned status = 0;
    struct ag_vec answer;
    ag_vec_init(&answer, 64u << 20);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", daemon->port);
    BENCH_MUST(ag_net_http_post(url, NULL, "application/json", ag_bytes_of(body, strlen(body)),
                                &answer, &status));
    BENCH_MUST(ag_json_parse(ag_vec_view(&answer), out));
    ag_vec_close(&answer);
    return ag_json_get(ag_json_root(*out), "result");
}

static void read_bundle(struct daemon *daemon)
{
    struct ag_json *json = NULL;
    struct ag_arena arena;
    struct ag_bytes bytes;
    size_t length = 0;
    ag_arena_init(&arena, 1u << 20);
    const struct ag_json_value *result =
        call(daemon, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_getBundle\"}", &json);
    const char *text = ag_json_string(ag_json_get(result, "bundle"), &length);
    BENCH_MUST(ag_hex_decode_arena(text, length, AG_LIMIT_BUNDLE_BYTES, &arena, &bytes));
    struct test_node *node = &daemon->node;
    node->bundle_bytes.size = 0;
    BENCH_MUST(ag_vec_append(&node->bundle_bytes, bytes));
    BENCH_MUST(ag_bundle_decode(ag_vec_view(&node->bundle_bytes), &node->bundle, NULL));
    BENCH_MUST(ag_bundle_digest(bytes, &node->bundle_digest));
    ag_arena_close(&arena);
    ag_json_close(json);
}

/* Opening one, with nothing around it: decapsulate, schedule, open the head. */
static uint64_t bare_ns(uint16_t kem, unsigned count)
{
    uint8_t seed[AG_KEM_SEED_SIZE_MAX] = {7};
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    uint8_t head[256] = {0};
    uint8_t sealed[256 + AG_GCM_TAG_SIZE];
    struct ag_kem_key *key = NULL;
    struct ag_kem_work *work = NULL;
    struct ag_hpke_info info;
    struct ag_hpke hpke;
    enum ag_kem id = (enum ag_kem)kem;
    BENCH_MUST(ag_kem_key_open(id, ag_bytes_of(seed, ag_kem_seed_size(id)), &key));
    BENCH_MUST(ag_kem_key_public(key, (struct ag_buf){public_key, ag_kem_public_size(id)}));
    BENCH_MUST(ag_kem_work_open(key, &work));
    BENCH_MUST(ag_hpke_info_init(&info, id, AG_LITERAL("bench")));
    BENCH_MUST(ag_hpke_send(ag_host_system(), id, ag_bytes_of(public_key, ag_kem_public_size(id)),
                            &info, (struct ag_bytes){NULL, 0}, false,
                            (struct ag_buf){enc, ag_kem_enc_size(id)}, &hpke));
    BENCH_MUST(ag_hpke_seal_part(&hpke, 0, AG_LITERAL("aad"), AG_ARRAY_VIEW(head),
                                 (struct ag_buf){sealed, sizeof(sealed)}));
    AG_ASSERT(count > 0);
    uint64_t start_ns = bench_cpu_ns();
    for (unsigned i = 0; i < count; i++) {
        BENCH_MUST(
            ag_hpke_receive(work, &info, ag_bytes_of(enc, ag_kem_enc_size(id)), false, &hpke));
        BENCH_MUST(ag_hpke_open_part(&hpke, 0, AG_LITERAL("aad"), AG_ARRAY_VIEW(sealed),
                                     (struct ag_buf){head, sizeof(head)}));
    }
    uint64_t spent_ns = (bench_cpu_ns() - start_ns) / count;
    ag_kem_work_close(work);
    ag_kem_key_close(key);
    return spent_ns;
}

/* Everything a run will send, made before the clock starts. */
static void make_bodies(struct daemon *daemon, uint16_t kem, uint32_t first_sender, unsigned count,
                        bool is_binary, struct ag_vec *bodies)
{
    for (unsigned i = 0; i < count; i++) {
        struct ag_vec *body = &bodies[i / PER_CALL];
        struct ag_vec envelope;
        const struct test_tx tx = {.sender = first_sender + i / 10, .nonce = i % 10, .kem = kem};
        ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
        BENCH_MUST(test_seal(&daemon->node, &tx, &envelope));
        if (is_binary) {
            const uint8_t length[4] = {0, 0, (uint8_t)(envelope.size >> 8), (uint8_t)envelope.size};
            BENCH_MUST(ag_vec_append(body, AG_ARRAY_VIEW(length)));
            BENCH_MUST(ag_vec_append(body, ag_vec_view(&envelope)));
        } else {
            char *hex = ag_alloc(2 * envelope.size + 1);
            ag_hex_encode(ag_vec_view(&envelope), hex);
            BENCH_MUST(ag_vec_printf(body,
                                     "%s{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":"
                                     "\"aegis_sendEnvelope\",\"params\":[\"0x",
                                     body->size == 0 ? "[" : ",", i));
            BENCH_MUST(ag_vec_append(body, ag_bytes_of(hex, 2 * envelope.size)));
            BENCH_MUST(ag_vec_append(body, AG_LITERAL("\"]}")));
            ag_free(hex);
        }
        ag_vec_close(&envelope);
        if (!is_binary && (i % PER_CALL == PER_CALL - 1 || i + 1 == count)) {
            BENCH_MUST(ag_vec_append(body, AG_LITERAL("]")));
        }
    }
}

static unsigned count_text(const struct ag_vec *answer, const char *text)
{
    unsigned count = 0;
    size_t length = strlen(text);
    const char *from = (const char *)answer->data;
    const char *end = from + answer->size;
    for (const char *at = memmem(from, answer->size, text, length); at != NULL;
         at = memmem(at + 1, (size_t)(end - at - 1), text, length)) {
        count++;
    }
    return count;
}

/* Clients that call at once, as a loaded node has them: groups are as large as the load makes
 * them. */
struct clients {
    struct daemon *daemon;
    struct ag_vec *bodies;
    size_t call_count;
    bool is_binary;
    atomic_size_t next;
    atomic_uint accepted;
};

static void *client_main(void *context)
{
    struct clients *clients = context;
    char url[64];
    struct ag_http *http = NULL;
    struct ag_vec answer;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", clients->daemon->port,
                   clients->is_binary ? "/v1/envelopes" : "/");
    BENCH_MUST(ag_net_http_open(url, NULL, &http, NULL));
    ag_vec_init(&answer, 64u << 20);
    for (;;) {
        size_t i = atomic_fetch_add(&clients->next, 1);
        unsigned status = 0;
        if (i >= clients->call_count) {
            break;
        }
        answer.size = 0;
        BENCH_MUST(ag_net_http_call(
            http, NULL, clients->is_binary ? "application/octet-stream" : "application/json",
            ag_vec_view(&clients->bodies[i]), &answer, &status));
        AG_ASSERT(status == 200);
        unsigned accepted = count_text(&answer, clients->is_binary ? "AGAR" : "\"receipt\"");
        if (accepted == 0) {
            fprintf(stderr, "nothing accepted: %.400s\n", (const char *)answer.data);
        }
        atomic_fetch_add(&clients->accepted, accepted);
    }
    ag_vec_close(&answer);
    ag_net_http_close(http);
    return NULL;
}

static uint64_t send_all(struct daemon *daemon, unsigned count, bool is_binary,
                         struct ag_vec *bodies, double *out_per_second)
{
    struct clients clients = {.daemon = daemon,
                              .bodies = bodies,
                              .call_count = (count + PER_CALL - 1) / PER_CALL,
                              .is_binary = is_binary};
    pthread_t threads[CLIENTS];
    uint64_t cpu_before = cpu_ns(daemon->pid);
    uint64_t start_ns = bench_now_ns();
    for (unsigned i = 0; i < CLIENTS; i++) {
        AG_ASSERT(pthread_create(&threads[i], NULL, client_main, &clients) == 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        AG_ASSERT(pthread_join(threads[i], NULL) == 0);
    }
    *out_per_second = (double)count / ((double)(bench_now_ns() - start_ns) / 1e9);
    uint64_t spent_ns = (cpu_ns(daemon->pid) - cpu_before) / count;
    AG_ASSERT(clients.accepted == count);
    return spent_ns;
}

static void stop(struct daemon *daemon)
{
    kill(daemon->pid, SIGKILL);
    (void)waitpid(daemon->pid, NULL, 0);
    (void)fclose(daemon->log);
    test_node_remove(&daemon->node);
}

/* A daemon of its own for each: a pool over half its size asks for stamps. */
static void measure(const char *program, uint16_t kem, unsigned count, bool is_binary)
{
    struct daemon own = {0};
    struct daemon *daemon = &own;
    uint32_t next_sender = 1;
    start(daemon, program);
    read_bundle(daemon);
    uint64_t spent[RUNS];
    uint64_t bare[RUNS];
    double rate = 0;
    size_t calls = (count + PER_CALL - 1) / PER_CALL;
    for (unsigned run = 0; run < RUNS; run++) {
        struct ag_vec *bodies = ag_alloc_array(calls, sizeof(*bodies));
        for (size_t i = 0; i < calls; i++) {
            ag_vec_init(&bodies[i], AG_LIMIT_HTTP_BODY_BYTES);
        }
        make_bodies(daemon, kem, next_sender, count, is_binary, bodies);
        next_sender += count;
        bare[run] = bare_ns(kem, count);
        spent[run] = send_all(daemon, count, is_binary, bodies, &rate);
        for (size_t i = 0; i < calls; i++) {
            ag_vec_close(&bodies[i]);
        }
        ag_free(bodies);
    }
    uint64_t spent_ns = bench_median(spent, RUNS);
    uint64_t bare_each_ns = bench_median(bare, RUNS);
    char fields[512];
    (void)snprintf(
        fields, sizeof(fields),
        "\"kem\":\"0x%04x\",\"route\":\"%s\",\"calls_of\":%d,\"clients\":%d,\"cpu_us\":%.2f,"
        "\"cpu_us_min\":%.2f,\"cpu_us_max\":%.2f,\"floor_us\":%.2f,\"floor\":\"decapsulate "
        "and open one head\",\"ratio\":%.3f,\"target\":1.5,\"per_second\":%.0f",
        kem, is_binary ? "binary" : "json-rpc", PER_CALL, CLIENTS, (double)spent_ns / 1e3,
        (double)spent[0] / 1e3, (double)spent[RUNS - 1] / 1e3, (double)bare_each_ns / 1e3,
        (double)spent_ns / (double)bare_each_ns, rate);
    bench_print("admission_socket", fields);
    stop(daemon);
}

int main(int argc, char **argv)
{
    char program[4096];
    (void)argc;
    /* Beside this program: BUILD/bench/bench_socket and BUILD/app/aegisd. */
    (void)snprintf(program, sizeof(program), "%s", argv[0]);
    char *slash = strrchr(program, '/');
    (void)snprintf(slash == NULL ? program : slash, 64, "/../app/aegisd");
    BENCH_MUST(ag_crypto_start());
    measure(program, AG_KEM_MLKEM1024, 1920, true);
    measure(program, AG_KEM_MLKEM1024, 1920, false);
    measure(program, AG_KEM_MLKEM1024_P384, 512, true);
    measure(program, AG_KEM_MLKEM1024_P384, 512, false);
    return 0;
}
