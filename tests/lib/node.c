/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define START_MS 1800000000000u

void test_node_init(struct test_node *node, const char *const *extra)
{
    char *flags[64];
    char copies[32][256];
    char data[300];
    char sim[300];
    size_t count = 0;
    memset(node, 0, sizeof(*node));
    (void)snprintf(node->dir, sizeof(node->dir), "/tmp/aegis-test-XXXXXX");
    AG_ASSERT(mkdtemp(node->dir) != NULL);
    (void)snprintf(data, sizeof(data), "--data_dir=%s/data", node->dir);
    (void)snprintf(sim, sizeof(sim), "--sim_dir=%s/sim", node->dir);
    static char provider[] = "--provider=insecure-sim";
    static char allow[] = "--allow_insecure_sim=true";
    static char interval[] = "--batch_interval_ms=1";
    static char suites[] = "--key_suites=0x0042,0x0051";
    static char size[] = "--store_size_max=1073741824";
    static char workers[] = "--workers=2";
    char *const fixed[] = {data, sim, provider, allow, interval, suites, size, workers};
    for (size_t i = 0; i < AG_COUNT(fixed); i++) {
        bool is_replaced = false;
        size_t name = strcspn(fixed[i], "=");
        for (size_t j = 0; extra != NULL && extra[j] != NULL; j++) {
            is_replaced = is_replaced || strncmp(extra[j], fixed[i], name + 1) == 0;
        }
        if (!is_replaced) {
            flags[count++] = fixed[i];
        }
    }
    for (size_t j = 0; extra != NULL && extra[j] != NULL; j++) {
        AG_ASSERT(j < AG_COUNT(copies) && strlen(extra[j]) < sizeof(copies[j]));
        memcpy(copies[j], extra[j], strlen(extra[j]) + 1);
        flags[count++] = copies[j];
    }
    struct ag_conf_fault fault = {0};
    enum ag_err err = ag_conf_load(NULL, count, flags, &node->conf, &fault);
    if (err != AG_OK) {
        fprintf(stderr, "test configuration: %s\n", fault.text);
        abort();
    }
    AG_ASSERT(mkdir(node->conf.data_dir, 0700) == 0);
    ag_vec_init(&node->bundle_bytes, AG_LIMIT_BUNDLE_BYTES);
    static uint64_t node_count; /* no two nodes of a test draw the same numbers */
    ag_host_test_init(&node->clock, ag_test_seed + ++node_count, START_MS);
    ag_log_configure(AG_LOG_WARN, false);
}

const struct ag_host *test_node_host(struct test_node *node)
{
    return node->is_clocked ? &node->clock.host : ag_host_system();
}

enum ag_err test_node_open(struct test_node *node, struct ag_fault *fault)
{
    AG_TRY(ag_crypto_start());
    AG_TRY(ag_seq_open(&node->conf, test_node_host(node), &node->seq, fault));
    test_node_read_bundle(node);
    return AG_OK;
}

void test_node_read_bundle(struct test_node *node)
{
    struct ag_vec evidence;
    struct ag_vec collateral;
    ag_vec_init(&evidence, 1u << 20);
    ag_vec_init(&collateral, 1u << 22);
    node->bundle_bytes.size = 0;
    CHECK_OK(ag_seq_identity(node->seq, (struct ag_bytes){NULL, 0}, &node->bundle_bytes, &evidence,
                             &collateral));
    CHECK_OK(ag_bundle_decode(ag_vec_view(&node->bundle_bytes), &node->bundle, NULL));
    CHECK_OK(ag_bundle_digest(ag_vec_view(&node->bundle_bytes), &node->bundle_digest));
    ag_vec_close(&evidence);
    ag_vec_close(&collateral);
}

void test_node_close(struct test_node *node)
{
    ag_seq_close(node->seq);
    node->seq = NULL;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

void test_remove_tree(const char *path)
{
    AG_ASSERT(strncmp(path, "/tmp/aegis-test-", 16) == 0);
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void test_copy_tree(const char *from, const char *to)
{
    pid_t child = fork();
    AG_ASSERT(child >= 0);
    if (child == 0) {
        execlp("cp", "cp", "-a", "--sparse=always", from, to, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    AG_ASSERT(waitpid(child, &status, 0) == child && status == 0);
}

void test_node_remove(struct test_node *node)
{
    ag_vec_close(&node->bundle_bytes);
    test_remove_tree(node->dir);
}

/* ---- the client ------------------------------------------------------------------------------ */

void test_key(uint32_t sender, struct ag_secp256k1_key *out)
{
    memset(out->bytes, 0x11, sizeof(out->bytes));
    out->bytes[28] = (uint8_t)(sender >> 24);
    out->bytes[29] = (uint8_t)(sender >> 16);
    out->bytes[30] = (uint8_t)(sender >> 8);
    out->bytes[31] = (uint8_t)sender;
}

static enum ag_err make_payload(struct test_node *node, const struct test_tx *tx, uint64_t fee,
                                struct ag_vec *out)
{
    struct ag_secp256k1_key key;
    struct ag_address to = {{0x42}};
    struct ag_vec data;
    test_key(tx->sender, &key);
    ag_vec_init(&data, AG_LIMIT_TX_BYTES);
    uint8_t *bytes = NULL;
    AG_TRY(ag_vec_extend(&data, tx->data_size, &bytes));
    uint64_t chain_id = tx->chain_id == 0 ? node->conf.chain_id : tx->chain_id;
    enum ag_err err =
        ag_eth_tx_sign_1559(&key, chain_id, tx->nonce, fee, fee + 1000, 21000 + 40 * tx->data_size,
                            &to, 1, ag_vec_view(&data), out);
    ag_vec_close(&data);
    if (err == AG_OK && tx->payload_is_garbage) {
        out->data[0] ^= 0x7f;
    }
    return err;
}

static enum ag_err make_head(struct test_node *node, const struct test_tx *tx, uint64_t fee,
                             struct ag_head *head)
{
    struct ag_secp256k1_key key;
    struct ag_address address;
    uint8_t point[33];
    const struct ag_host *host = test_node_host(node);
    test_key(tx->sender + (tx->head_of_other_sender ? 1000000 : 0), &key);
    AG_TRY(ag_secp256k1_public(&key, point, &address));
    memset(head, 0, sizeof(*head));
    head->sender.kind = AG_SENDER_SECP256K1;
    memcpy(head->sender.id, address.bytes, sizeof(address.bytes));
    head->nonce = tx->nonce + (tx->head_nonce_differs ? 1 : 0);
    head->priority_fee = fee + (tx->head_fee_too_high ? 1 : 0);
    head->gas_limit = 21000 + 40 * tx->data_size + (tx->head_gas_differs ? 1 : 0);
    head->payload_kind = AG_PAYLOAD_ETHEREUM;
    head->requires_migration = tx->head_requires_migration;
    uint64_t now_ms = host->now_ms(host->context);
    head->expires_ms = now_ms + (tx->expires_in_ms == 0 ? 300000 : tx->expires_in_ms);
    if (tx->head_is_expired) {
        head->expires_ms = now_ms - 60000;
    }
    return AG_OK;
}

enum ag_err test_seal(struct test_node *node, const struct test_tx *tx, struct ag_vec *out)
{
    uint64_t fee = tx->fee == 0 ? 1000000000u : tx->fee;
    struct ag_vec raw AG_SCOPED(ag_vec_close);
    struct ag_head head;
    ag_vec_init(&raw, AG_LIMIT_TX_BYTES + 4096u);
    AG_TRY(make_payload(node, tx, fee, &raw));
    AG_TRY(make_head(node, tx, fee, &head));
    struct ag_body body = {
        .payload_kind = tx->payload_of_other_kind ? AG_PAYLOAD_CALL : AG_PAYLOAD_ETHEREUM,
        .payload = ag_vec_view(&raw),
        .auth_scheme = AG_AUTH_PAYLOAD,
    };
    static const uint8_t signature[AG_SECP256K1_SIGNATURE_SIZE];
    if (tx->payload_of_other_kind) {
        body.auth_scheme = AG_AUTH_SECP256K1;
        body.auth = AG_ARRAY_VIEW(signature);
    }
    ag_test_random_bytes(body.salt, sizeof(body.salt));
    uint16_t kem = tx->kem == 0 ? node->bundle.kems[0].kem : tx->kem;
    return ag_envelope_seal(ag_host_system(), &node->bundle, &node->bundle_digest, kem, &head,
                            &body, 0, out);
}

struct ag_submission *test_send_bytes(struct test_node *node, struct ag_bytes envelope)
{
    struct ag_submission *submission = NULL;
    const struct ag_id source = {{1}};
    AG_ASSERT(ag_seq_submission_open(envelope, &source, node, &submission) == AG_OK);
    enum ag_err err = ag_seq_submit(node->seq, &submission, 1);
    if (err != AG_OK) {
        submission->result = err;
        return submission;
    }
    for (unsigned i = 0; i < 1000; i++) {
        bool did_work = false;
        struct ag_event event;
        err = ag_seq_step(node->seq, &did_work);
        while (ag_seq_events(node->seq, &event, 1) == 1) {
            if (event.kind == AG_EVENT_SUBMISSION) {
                AG_ASSERT(event.submission == submission);
                return submission;
            }
        }
        if (err != AG_OK) {
            break;
        }
    }
    fprintf(stderr, "a submission was not answered\n");
    abort();
}

struct ag_submission *test_send(struct test_node *node, const struct test_tx *tx)
{
    struct ag_vec envelope;
    ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
    enum ag_err err = test_seal(node, tx, &envelope);
    if (err != AG_OK) {
        fprintf(stderr, "sealing in a test gave %s\n", ag_err_name(err));
        abort();
    }
    struct ag_submission *submission = test_send_bytes(node, ag_vec_view(&envelope));
    ag_vec_close(&envelope);
    return submission;
}

bool test_step_to(struct test_node *node, uint64_t head_number)
{
    for (unsigned i = 0; i < 10000; i++) {
        struct ag_seq_status status;
        struct ag_event event;
        bool did_work = false;
        ag_seq_status(node->seq, &status);
        if (status.head_number >= head_number) {
            return true;
        }
        if (node->is_clocked) {
            node->clock.now_ms += 5;
        } else {
            usleep(200);
        }
        enum ag_err err = ag_seq_step(node->seq, &did_work);
        if (err != AG_OK) {
            fprintf(stderr, "a step gave %s\n", ag_err_name(err));
            return false;
        }
        while (ag_seq_events(node->seq, &event, 1) == 1) {
            ag_seq_submission_close(event.submission);
        }
    }
    return false;
}
