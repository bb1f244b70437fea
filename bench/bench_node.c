/* SPDX-License-Identifier: Apache-2.0 */
/* A whole node: what a batch costs beside its signatures, what judging one costs, what ten thousand
 * waiting transactions hold, and how long a restart takes with a long history. */
#include "bench.h"
#include "node.h"
#include "store/store.h"
#include "test.h"

#include <stdio.h>
#include <unistd.h>

enum {
    BATCH = 1000,
    RUNS = 5,
    PENDING = 10000,
    HISTORY = 100000,
    FILLER_SIZE = 4000
};

static uint64_t resident_bytes(void)
{
    uint64_t pages = 0;
    AG_ASSERT(bench_read_number("/proc/self/statm", 1, &pages));
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Submits `count` transactions in groups of 64, ten nonces to a sender, and steps until all are
 * in. */
static void fill(struct test_node *node, uint32_t first_sender, unsigned count)
{
    unsigned answered = 0;
    for (unsigned done = 0; done < count;) {
        for (unsigned i = 0; i < 64 && done < count; i++, done++) {
            struct ag_vec envelope;
            struct ag_submission *submission = NULL;
            const struct ag_id source = {{0}};
            const struct test_tx tx = {.sender = first_sender + done / 10,
                                       .nonce = done % 10,
                                       .fee = 1000000 + 977 * (uint64_t)done,
                                       .kem = AG_KEM_MLKEM1024};
            ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
            BENCH_MUST(test_seal(node, &tx, &envelope));
            BENCH_MUST(ag_seq_submission_open(ag_vec_view(&envelope), &source, NULL, &submission));
            BENCH_MUST(ag_seq_submit(node->seq, &submission, 1));
            ag_vec_close(&envelope);
        }
        while (answered < done) {
            struct ag_event event;
            bool did_work = false;
            BENCH_MUST(ag_seq_step(node->seq, &did_work));
            while (ag_seq_events(node->seq, &event, 1) == 1) {
                AG_ASSERT(event.submission == NULL || event.submission->result == AG_OK);
                answered += event.submission != NULL ? 1 : 0;
                ag_seq_submission_close(event.submission);
            }
        }
    }
}

/* ---- floors ---------------------------------------------------------------------------------- */

/* One ML-DSA-87 signature and `count` recoveries of different signatures, on one thread, as the
 * libraries do them: the same one again and again would be the branch predictor's own figure. */
static uint64_t floor_ns(unsigned count, bool with_signature)
{
    static uint8_t digests[BATCH][32];
    static uint8_t recoverable[BATCH][65];
    static uint8_t signature[AG_MLDSA87_SIGNATURE_SIZE];
    struct ag_sig_key *key = NULL;
    uint8_t seed[AG_MLDSA87_SEED_SIZE] = {3};
    AG_ASSERT(count <= BATCH);
    BENCH_MUST(ag_sig_key_open(AG_SIG_MLDSA87, AG_ARRAY_VIEW(seed), &key));
    for (unsigned i = 0; i < count; i++) {
        struct ag_secp256k1_key secp = {{7, (uint8_t)(i >> 8), (uint8_t)i}};
        const struct ag_bytes number = ag_bytes_of(&i, sizeof(i));
        BENCH_MUST(ag_sha256(&number, 1, digests[i]));
        BENCH_MUST(ag_secp256k1_sign(&secp, digests[i], recoverable[i]));
    }
    uint64_t start_ns = bench_now_ns();
    if (with_signature) {
        BENCH_MUST(ag_sig_sign(key, AG_TAG_BATCH_MLDSA, AG_ARRAY_VIEW(digests[0]),
                               (struct ag_buf){signature, sizeof(signature)}));
    }
    for (unsigned i = 0; i < count; i++) {
        struct ag_address address;
        BENCH_MUST(ag_secp256k1_recover(digests[i], recoverable[i], recoverable[i] + 32,
                                        recoverable[i][64], true, &address));
    }
    uint64_t spent_ns = bench_now_ns() - start_ns;
    ag_sig_key_close(key);
    return spent_ns;
}

/* The checks that nobody can spare in judging this very file. */
static uint64_t checks_ns(struct ag_bytes bytes)
{
    struct ag_batch_file file;
    struct ag_bundle bundle;
    struct ag_hash digest;
    BENCH_MUST(ag_batch_file_decode(bytes, &file, NULL));
    BENCH_MUST(ag_bundle_decode(file.bundle, &bundle, NULL));
    BENCH_MUST(ag_batch_header_digest(file.header, &digest));
    uint64_t start_ns = bench_now_ns();
    BENCH_MUST(ag_sig_verify_once(AG_SIG_MLDSA87, bundle.mldsa87, AG_TAG_BATCH_MLDSA,
                                  AG_VIEW(&digest), file.mldsa87));
    BENCH_MUST(ag_sig_verify_once(AG_SIG_SLHDSA_SHA2_256S, bundle.slhdsa, AG_TAG_BATCH_SLHDSA,
                                  AG_VIEW(&digest), file.slhdsa));
    /* Two quotes under one set of collateral: nine P-256 checks, then three. */
    uint8_t scalar[32] = {1};
    uint8_t point[65];
    uint8_t signature[64];
    struct ag_ecdsa_key *key = NULL;
    uint64_t spent_ns = bench_now_ns() - start_ns;
    BENCH_MUST(ag_ecdsa_key_open(AG_ARRAY_VIEW(scalar), &key));
    BENCH_MUST(ag_ecdsa_public(key, point));
    BENCH_MUST(ag_ecdsa_sign(key, AG_VIEW(&digest), signature));
    start_ns = bench_now_ns();
    for (unsigned i = 0; i < 12; i++) {
        BENCH_MUST(
            ag_ecdsa_verify(AG_ARRAY_VIEW(point), AG_VIEW(&digest), AG_ARRAY_VIEW(signature)));
    }
    spent_ns += bench_now_ns() - start_ns;
    ag_ecdsa_key_close(key);
    return spent_ns + floor_ns(file.entry_count, false);
}

/* ---- measurements ---------------------------------------------------------------------------- */

static void batch_cost(struct test_node *node)
{
    uint64_t rest_ns[RUNS];
    uint64_t floors_ns[RUNS];
    for (unsigned run = 0; run < RUNS; run++) {
        node->conf.batch_interval_ms = 3600000;
        fill(node, 1000 + run * BATCH, BATCH);
        node->conf.batch_interval_ms = 1;
        usleep(2000);
        uint64_t signed_us = ag_metric_get(AG_METRIC_SIGN_US);
        uint64_t start_ns = bench_now_ns();
        BENCH_MUST(test_step_to(node, run + 1) ? AG_OK : AG_ERR_BATCH_NUMBER);
        uint64_t spent_ns = bench_now_ns() - start_ns;
        rest_ns[run] = spent_ns - 1000 * (ag_metric_get(AG_METRIC_SIGN_US) - signed_us);
        floors_ns[run] = floor_ns(BATCH, true);
    }
    uint64_t rest = bench_median(rest_ns, RUNS);
    uint64_t least = bench_median(floors_ns, RUNS);
    char fields[512];
    (void)snprintf(
        fields, sizeof(fields),
        "\"transactions\":%d,\"rest_ms\":%.2f,\"rest_ms_min\":%.2f,\"rest_ms_max\":%.2f,"
        "\"floor_ms\":%.2f,\"floor\":\"one ML-DSA-87 signature and 1000 recoveries on one "
        "thread\",\"ratio\":%.3f,\"target\":1.0",
        BATCH, (double)rest / 1e6, (double)rest_ns[0] / 1e6, (double)rest_ns[RUNS - 1] / 1e6,
        (double)least / 1e6, (double)rest / (double)least);
    bench_print("batch_without_signatures", fields);
}

static void verify_cost(struct test_node *node)
{
    struct ag_vec file;
    struct ag_vec text;
    struct ag_policy *policy = NULL;
    unsigned line = 0;
    uint64_t spent_ns[RUNS];
    uint64_t floors_ns[RUNS];
    ag_vec_init(&file, AG_LIMIT_BATCH_FILE_BYTES);
    ag_vec_init(&text, 65536);
    BENCH_MUST(ag_seq_batch_export(node->seq, 1, &file));
    BENCH_MUST(ag_seq_write_policy(&node->conf, ag_host_system(), &text, NULL));
    BENCH_MUST(ag_policy_parse(ag_vec_view(&text), &policy, &line, NULL));
    for (unsigned run = 0; run < RUNS; run++) {
        struct ag_batch_verdict *verdict = NULL;
        uint64_t start_ns = bench_now_ns();
        BENCH_MUST(ag_batch_verify(ag_vec_view(&file), policy, NULL, NULL, &verdict));
        spent_ns[run] = bench_now_ns() - start_ns;
        AG_ASSERT(verdict->is_accepted);
        ag_batch_verdict_close(verdict);
        floors_ns[run] = checks_ns(ag_vec_view(&file));
    }
    uint64_t spent = bench_median(spent_ns, RUNS);
    uint64_t least = bench_median(floors_ns, RUNS);
    char fields[512];
    (void)snprintf(
        fields, sizeof(fields),
        "\"transactions\":%d,\"ms\":%.2f,\"ms_min\":%.2f,\"ms_max\":%.2f,\"floor_ms\":%.2f,"
        "\"floor\":\"1000 recoveries, one ML-DSA-87, one SLH-DSA and twelve P-256 checks, one "
        "thread\","
        "\"ratio\":%.3f,\"target\":1.2,\"file_bytes\":%zu",
        BATCH, (double)spent / 1e6, (double)spent_ns[0] / 1e6, (double)spent_ns[RUNS - 1] / 1e6,
        (double)least / 1e6, (double)spent / (double)least, file.size);
    bench_print("batch_verify", fields);
    ag_policy_close(policy);
    ag_vec_close(&file);
    ag_vec_close(&text);
}

static void pending_memory(void)
{
    const char *const flags[] = {"--batch_interval_ms=3600000", "--batch_tx_max=10000", NULL};
    struct test_node node;
    struct ag_fault fault = {0};
    struct ag_seq_status status;
    char fields[256];
    test_node_init(&node, flags);
    BENCH_MUST(test_node_open(&node, &fault));
    uint64_t before = resident_bytes();
    node.conf.batch_tx_max = 20000; /* nothing is taken while they wait */
    fill(&node, 500000, PENDING - 1);
    ag_seq_status(node.seq, &status);
    AG_ASSERT(status.pool_count == PENDING - 1);
    (void)snprintf(fields, sizeof(fields),
                   "\"pending\":%d,\"resident_mb\":%.1f,\"before_mb\":%.1f,\"target_mb\":100,"
                   "\"ratio\":%.3f",
                   PENDING, (double)resident_bytes() / 1e6, (double)before / 1e6,
                   (double)resident_bytes() / 100e6);
    bench_print("pending_memory", fields);
    test_node_close(&node);
    test_node_remove(&node);
}

/* A long history: rows of 4 kB, because real ones would take 4 GB of disk; opening reads none. */
static void fill_history(struct test_node *node)
{
    static uint8_t filler[FILLER_SIZE];
    struct ag_store *store = NULL;
    struct ag_store_tx *tx = NULL;
    char path[AG_CONF_TEXT_SIZE + 16];
    (void)snprintf(path, sizeof(path), "%s/store", node->conf.data_dir);
    BENCH_MUST(ag_store_open(path, (size_t)node->conf.store_size_max, &store));
    BENCH_MUST(ag_store_begin(store, &tx));
    for (uint64_t number = 2; number <= HISTORY; number++) {
        struct ag_store_u64 key = ag_store_u64(number);
        BENCH_MUST(ag_store_put_append(tx, AG_TABLE_BATCHES, AG_VIEW(&key), AG_ARRAY_VIEW(filler)));
        BENCH_MUST(
            ag_store_put_append(tx, AG_TABLE_GROUPS, AG_VIEW(&key), ag_bytes_of(filler, 100)));
    }
    BENCH_MUST(ag_store_commit(tx));
    ag_store_close(store);
}

static void restart(void)
{
    const char *const flags[] = {"--store_size_max=17179869184", NULL};
    struct test_node node;
    struct ag_fault fault = {0};
    char fields[256];
    uint64_t spent_ns[RUNS];
    test_node_init(&node, flags);
    BENCH_MUST(test_node_open(&node, &fault));
    fill(&node, 900000, 10);
    BENCH_MUST(test_step_to(&node, 1) ? AG_OK : AG_ERR_BATCH_NUMBER);
    test_node_close(&node);
    uint64_t empty_ns = bench_now_ns();
    BENCH_MUST(test_node_open(&node, &fault));
    empty_ns = bench_now_ns() - empty_ns;
    test_node_close(&node);
    fill_history(&node);
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t start_ns = bench_now_ns();
        BENCH_MUST(test_node_open(&node, &fault));
        spent_ns[run] = bench_now_ns() - start_ns;
        test_node_close(&node);
    }
    uint64_t spent = bench_median(spent_ns, RUNS);
    (void)snprintf(
        fields, sizeof(fields),
        "\"batches\":%d,\"ms\":%.1f,\"ms_max\":%.1f,\"floor_ms\":%.1f,\"floor\":\"a restart "
        "with one batch\",\"ratio\":%.2f,\"target_ms\":1000",
        HISTORY, (double)spent / 1e6, (double)spent_ns[RUNS - 1] / 1e6, (double)empty_ns / 1e6,
        (double)spent / (double)empty_ns);
    bench_print("restart", fields);
    test_node_remove(&node);
}

/* Batches overlap while they are signed: throughput against one signature at a time. */
static void pipelining(void)
{
    enum {
        BATCHES = 8
    };
    const char *const flags[] = {"--batch_tx_max=10", "--signers=2", NULL};
    struct test_node node;
    struct ag_fault fault = {0};
    struct ag_seq_status status;
    char fields[256];
    test_node_init(&node, flags);
    node.conf.batch_interval_ms = 3600000;
    BENCH_MUST(test_node_open(&node, &fault));
    node.conf.batch_tx_max = 1000;
    uint64_t count = ag_metric_get_count(AG_METRIC_SIGN_US);
    uint64_t signed_us = ag_metric_get(AG_METRIC_SIGN_US);
    node.conf.batch_tx_max = 10;
    uint64_t start_ns = bench_now_ns();
    BENCH_MUST(ag_seq_start(node.seq));
    for (unsigned i = 0; i < BATCHES * 10; i++) {
        struct ag_vec envelope;
        struct ag_submission *submission = NULL;
        const struct ag_id source = {{0}};
        const struct test_tx tx = {.sender = 700000 + i, .kem = AG_KEM_MLKEM1024};
        ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
        BENCH_MUST(test_seal(&node, &tx, &envelope));
        BENCH_MUST(ag_seq_submission_open(ag_vec_view(&envelope), &source, NULL, &submission));
        BENCH_MUST(ag_seq_submit(node.seq, &submission, 1));
        ag_vec_close(&envelope);
    }
    do {
        struct ag_event event;
        usleep(1000);
        while (ag_seq_events(node.seq, &event, 1) == 1) {
            ag_seq_submission_close(event.submission);
        }
        ag_seq_status(node.seq, &status);
    } while (status.first_unbatched != BATCHES * 10 + 1);
    uint64_t spent_ns = bench_now_ns() - start_ns;
    count = ag_metric_get_count(AG_METRIC_SIGN_US) - count;
    signed_us = ag_metric_get(AG_METRIC_SIGN_US) - signed_us;
    double each_ms = (double)signed_us / (double)count / 1e3;
    double rate = (double)count / ((double)spent_ns / 1e9);
    (void)snprintf(fields, sizeof(fields),
                   "\"batches\":%d,\"signers\":2,\"batches_per_second\":%.2f,\"sign_ms\":%.1f,"
                   "\"floor\":\"one signature at a time\",\"ratio\":%.2f",
                   (int)count, rate, each_ms, rate * each_ms / 1e3);
    bench_print("pipelining", fields);
    test_node_close(&node);
    test_node_remove(&node);
}

int main(void)
{
    /* More than a run fills, so that nothing is built before the clock starts. */
    const char *const flags[] = {"--batch_tx_max=10000", NULL};
    struct test_node node;
    struct ag_fault fault = {0};
    BENCH_MUST(ag_crypto_start());
    test_node_init(&node, flags);
    BENCH_MUST(test_node_open(&node, &fault));
    batch_cost(&node);
    verify_cost(&node);
    test_node_close(&node);
    test_node_remove(&node);
    pipelining();
    pending_memory();
    restart();
    return 0;
}
