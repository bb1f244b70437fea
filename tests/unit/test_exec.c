/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel equals serial, byte for byte; what does not open or belong is an outcome, never a
 * fault. */
#include <string.h>

#include "exec/exec.h"
#include "test.h"

#define CHAIN 16584u
enum {
    COUNT = 40
};

struct world {
    struct ag_kem_key *kem;
    struct ag_kem_work *work;
    struct ag_bundle bundle;
    struct ag_hash digest;
    struct ag_hpke_info info;
    uint8_t public_key[1568];
    uint8_t mldsa[AG_MLDSA87_PUBLIC_SIZE];
    uint8_t slhdsa[AG_SLHDSA_PUBLIC_SIZE];
    /* what an envelope leaves behind at admission */
    struct ag_vec envelopes[COUNT];
    struct ag_vec heads[COUNT];
    struct ag_head head[COUNT];
    struct ag_hpke keys[COUNT];
    struct ag_exec_input inputs[COUNT];
};
static struct world world;

static void open_world(void)
{
    uint8_t seed[64] = {1};
    uint8_t info[AG_HPKE_INFO_SIZE];
    CHECK_OK(ag_crypto_start());
    memset(&world, 0, sizeof(world));
    CHECK_OK(ag_kem_key_open(AG_KEM_MLKEM1024, AG_ARRAY_VIEW(seed), &world.kem));
    CHECK_OK(
        ag_kem_key_public(world.kem, (struct ag_buf){world.public_key, sizeof(world.public_key)}));
    CHECK_OK(ag_kem_work_open(world.kem, &world.work));
    world.bundle = (struct ag_bundle){
        .chain_id = CHAIN,
        .key_epoch = 1,
        .kems = {{AG_KEM_MLKEM1024, AG_ARRAY_VIEW(world.public_key)}},
        .kem_count = 1,
        .mldsa87 = AG_ARRAY_VIEW(world.mldsa),
        .slhdsa = AG_ARRAY_VIEW(world.slhdsa),
        .posting_key = {2},
    };
    ag_hpke_info_bytes(CHAIN, 1, &world.digest, info);
    CHECK_OK(ag_hpke_info_init(&world.info, AG_KEM_MLKEM1024, AG_ARRAY_VIEW(info)));
}

static void seal(size_t i, uint8_t sender, uint64_t nonce, bool other_sender)
{
    struct ag_secp256k1_key key = {{sender}};
    struct ag_address address;
    const struct ag_address to = {{9}};
    uint8_t point[33];
    struct ag_vec raw;
    struct ag_head head = {.nonce = nonce,
                           .gas_limit = 21000,
                           .priority_fee = 10,
                           .expires_ms = 1,
                           .payload_kind = AG_PAYLOAD_ETHEREUM};
    ag_vec_init(&raw, 4096);
    ag_vec_init(&world.envelopes[i], AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(ag_secp256k1_public(&key, point, &address));
    head.sender.kind = AG_SENDER_SECP256K1;
    memcpy(head.sender.id, address.bytes, sizeof(address.bytes));
    key.bytes[1] = other_sender ? 1 : 0;
    CHECK_OK(ag_eth_tx_sign_1559(&key, CHAIN, nonce, 10, 20, 21000, &to, i,
                                 (struct ag_bytes){NULL, 0}, &raw));
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM, .payload = ag_vec_view(&raw)};
    CHECK_OK(ag_envelope_seal(ag_host_system(), &world.bundle, &world.digest, AG_KEM_MLKEM1024,
                              &head, &body, 0, &world.envelopes[i]));
    ag_vec_close(&raw);
}

/* What admission does: opens the head and keeps the keys. */
static void admit(size_t i)
{
    struct ag_envelope envelope;
    uint8_t plain[768];
    size_t size = 0;
    CHECK_OK(ag_envelope_decode(ag_vec_view(&world.envelopes[i]), &envelope, NULL));
    CHECK_OK(ag_hpke_receive(world.work, &world.info, envelope.enc, false, &world.keys[i]));
    struct ag_buf out = {plain, envelope.sealed_head.size - AG_GCM_TAG_SIZE};
    CHECK_OK(ag_hpke_open_part(&world.keys[i], 0, envelope.clear, envelope.sealed_head, out));
    CHECK_OK(ag_head_decode_padded(ag_bytes_of(plain, out.size), &world.head[i], &size, NULL));
    ag_vec_init(&world.heads[i], 1024);
    CHECK_OK(ag_vec_append(&world.heads[i], ag_bytes_of(plain, size)));
    world.inputs[i] = (struct ag_exec_input){
        .admission = 100 + i,
        .head = &world.head[i],
        .head_encoding = ag_vec_view(&world.heads[i]),
        .sealed_head = envelope.sealed_head,
        .sealed_body = envelope.sealed_body,
        .keys = &world.keys[i],
    };
    CHECK_OK(ag_envelope_id(&envelope, &world.inputs[i].envelope_id));
}

static void close_world(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        ag_vec_close(&world.envelopes[i]);
        ag_vec_close(&world.heads[i]);
        ag_hpke_wipe(&world.keys[i]);
    }
    ag_kem_work_close(world.work);
    ag_kem_key_close(world.kem);
}

static void run(unsigned lanes, struct ag_vec *out, struct ag_exec_result *results)
{
    struct ag_pool *pool = NULL;
    struct ag_exec *exec = NULL;
    CHECK_OK(ag_pool_open(lanes, &pool));
    CHECK_OK(ag_exec_open(pool, CHAIN, COUNT, &exec));
    CHECK_OK(ag_exec_run(exec, 1, world.inputs, COUNT, results));
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t bytes[AG_OUTCOME_SIZE];
        ag_outcome_encode(&results[i].outcome, bytes);
        CHECK_OK(ag_vec_append(out, AG_ARRAY_VIEW(bytes)));
        CHECK_OK(ag_vec_append(out, results[i].payload));
    }
    ag_exec_close(exec);
    ag_pool_close(pool);
}

static void parallel_equals_serial(void)
{
    static struct ag_exec_result results[COUNT];
    struct ag_vec serial;
    struct ag_vec parallel;
    open_world();
    for (size_t i = 0; i < COUNT; i++) {
        /* Eight senders; some bodies of others, some gaps. */
        seal(i, (uint8_t)(1 + i % 8), i / 8 + (i == 35 ? 3 : 0), i % 11 == 3);
        admit(i);
    }
    ag_vec_init(&serial, 1u << 20);
    ag_vec_init(&parallel, 1u << 20);
    run(1, &serial, results);
    for (unsigned lanes = 2; lanes <= 4; lanes++) {
        parallel.size = 0;
        run(lanes, &parallel, results);
        CHECK_BYTES(ag_vec_view(&parallel), ag_vec_view(&serial));
    }
    unsigned included = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (results[i].outcome.status == AG_OUTCOME_INCLUDED) {
            CHECK_U64(results[i].outcome.tx_index, included);
            included++;
        } else {
            CHECK(results[i].payload.size == 0 && results[i].frees_nonce);
        }
        if (i % 11 == 3) {
            CHECK_U64(results[i].outcome.reason, AG_ERR_ENVELOPE_SENDER);
            CHECK(!results[i].is_charged); /* nobody is proved to be that sender */
        }
    }
    CHECK(included > 10 && included < COUNT);
    CHECK_U64(results[35].outcome.reason, AG_ERR_ENVELOPE_NONCE);
    CHECK(!results[35].is_charged); /* another may have sealed it */
    ag_vec_close(&serial);
    ag_vec_close(&parallel);
    close_world();
}

/* Bodies of two envelopes changed over, cut, and bent: none opens under another's head. */
static void bodies_belong_to_heads(void)
{
    static struct ag_exec_result results[COUNT];
    struct ag_vec out;
    uint8_t bent[512 + 16];
    open_world();
    for (size_t i = 0; i < COUNT; i++) {
        seal(i, (uint8_t)(1 + i), 0, false);
        admit(i);
    }
    struct ag_bytes kept = world.inputs[0].sealed_body;
    world.inputs[0].sealed_body = world.inputs[1].sealed_body;
    world.inputs[1].sealed_body = kept;
    world.inputs[2].sealed_body.size -= 1;
    world.inputs[3].sealed_body.size = 3;
    world.inputs[4].sealed_body.size = 0;
    memcpy(bent, world.inputs[5].sealed_body.data, sizeof(bent));
    bent[77] ^= 1;
    world.inputs[5].sealed_body = AG_ARRAY_VIEW(bent);
    world.inputs[6].sealed_head = world.inputs[7].sealed_head;
    world.head[8].body_id.bytes[0] ^= 1;
    ag_vec_init(&out, 1u << 20);
    run(2, &out, results);
    for (size_t i = 0; i < 7; i++) {
        CHECK_U64(results[i].outcome.reason, AG_ERR_OPEN);
    }
    CHECK_U64(results[8].outcome.reason, AG_ERR_ENVELOPE_MISMATCH);
    CHECK_U64(results[7].outcome.status, AG_OUTCOME_INCLUDED);
    CHECK_U64(results[9].outcome.status, AG_OUTCOME_INCLUDED);
    ag_vec_close(&out);
    close_world();
}

static void too_many(void)
{
    struct ag_pool *pool = NULL;
    struct ag_exec *exec = NULL;
    CHECK_OK(ag_pool_open(1, &pool));
    CHECK_OK(ag_exec_open(pool, CHAIN, 2, &exec));
    CHECK_ERR(ag_exec_run(exec, 1, NULL, 3, NULL), AG_ERR_ARGUMENT);
    CHECK_OK(ag_exec_run(exec, 1, NULL, 0, NULL));
    ag_exec_close(exec);
    ag_exec_close(NULL);
    ag_pool_close(pool);
}

static const struct ag_test_case cases[] = {
    {"parallel equals serial", parallel_equals_serial},
    {"bodies belong to heads", bodies_belong_to_heads},
    {"limits", too_many},
};
TEST_MAIN(cases)
