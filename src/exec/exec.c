/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/exec.h"

#include <string.h>

#include "verify/verify.h"

struct ag_exec {
    struct ag_pool *pool;
    uint64_t chain_id;
    size_t count_max;
    unsigned lane_count;
    struct ag_arena *arenas; /* one per lane */
};

struct run {
    struct ag_exec *exec;
    uint64_t time_ms;
    const struct ag_exec_input *inputs;
    struct ag_exec_result *results;
    enum ag_err *lane_errors; /* our own failures, one slot per lane */
};

/* Memory of one lane: every body of the largest batch in one lane would not fit beside the rest, so
 * a lane that runs out fails the run, and the sequencer takes a smaller batch. */
#define LANE_BYTES (64u * 1024u * 1024u)

enum ag_err ag_exec_open(struct ag_pool *pool, uint64_t chain_id, size_t count_max,
                         struct ag_exec **out)
{
    struct ag_exec *exec = ag_alloc(sizeof(*exec));
    AG_ENSURE(exec != NULL, AG_ERR_NO_MEMORY);
    exec->pool = pool;
    exec->chain_id = chain_id;
    exec->count_max = count_max;
    exec->lane_count = ag_pool_size(pool);
    exec->arenas = ag_alloc_array(exec->lane_count, sizeof(*exec->arenas));
    if (exec->arenas == NULL) {
        ag_free(exec);
        return AG_ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < exec->lane_count; i++) {
        ag_arena_init_secret(&exec->arenas[i], LANE_BYTES);
    }
    *out = exec;
    return AG_OK;
}

void ag_exec_close(struct ag_exec *exec)
{
    if (exec == NULL) {
        return;
    }
    for (unsigned i = 0; i < exec->lane_count; i++) {
        ag_arena_close(&exec->arenas[i]);
    }
    ag_free(exec->arenas);
    ag_free(exec);
}

/* Opens the body and checks that head and body belong together. An INPUT error is an outcome. */
static enum ag_err open_body(const struct ag_exec_input *input, struct ag_arena *arena,
                             struct ag_body *out)
{
    AG_ENSURE(input->sealed_body.size > AG_GCM_TAG_SIZE, AG_ERR_OPEN);
    size_t size = input->sealed_body.size - AG_GCM_TAG_SIZE;
    void *memory = NULL;
    AG_TRY(ag_arena_take(arena, size, &memory));
    struct ag_buf plain = {memory, size};
    AG_TRY(ag_hpke_open_part(input->keys, 1, input->sealed_head, input->sealed_body, plain));

    struct ag_id body_id;
    AG_TRY(ag_hash_id(AG_TAG_BODY, ag_bytes_of(plain.data, plain.size), &body_id));
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&body_id), AG_VIEW(&input->head->body_id)),
              AG_ERR_ENVELOPE_MISMATCH);
    return ag_body_decode(ag_bytes_of(plain.data, plain.size), out, NULL);
}

static enum ag_err judge_one(const struct ag_exec *exec, uint64_t time_ms,
                             const struct ag_exec_input *input, struct ag_arena *arena,
                             struct ag_exec_result *result)
{
    struct ag_body body;
    AG_TRY(ag_verify_expiry(input->head, time_ms));
    AG_TRY(open_body(input, arena, &body));
    AG_ENSURE(body.payload_kind == input->head->payload_kind, AG_ERR_ENVELOPE_MISMATCH);
    AG_ENSURE(body.auth_scheme == AG_AUTH_PAYLOAD && body.auth.size == 0, AG_ERR_ENVELOPE_SENDER);

    struct ag_eth_tx tx = {0};
    /* A signed transaction authorises itself and no envelope: everyone who has read it on the chain
     * can seal it anew under a head that does not fit. So its signer is charged for nothing here;
     * the source pays. */
    AG_TRY(
        ag_verify_payload(input->head, body.payload_kind, body.payload, exec->chain_id, &tx, NULL));
    memcpy(result->outcome.tx_hash, tx.hash, sizeof(tx.hash));
    result->payload = body.payload;
    return AG_OK;
}

/* Whether an error says something of the envelope rather than of this machine. */
static bool is_outcome(enum ag_err err)
{
    enum ag_err_class class = ag_err_class(err);
    return class == AG_CLASS_INPUT || class == AG_CLASS_DENIED || class == AG_CLASS_UNSUPPORTED;
}

static void exclude(struct ag_exec_result *result, enum ag_err reason)
{
    result->outcome.status = AG_OUTCOME_EXCLUDED;
    result->outcome.reason = (uint32_t)reason;
    result->outcome.tx_index = AG_NO_TX_INDEX;
    memset(result->outcome.tx_hash, 0, sizeof(result->outcome.tx_hash));
    result->payload = (struct ag_bytes){NULL, 0};
    /* What never reached the chain must not block its nonce: the true sender may try again. */
    result->frees_nonce = true;
}

static void run_one(void *context, size_t index, unsigned lane)
{
    struct run *run = context;
    const struct ag_exec_input *input = &run->inputs[index];
    struct ag_exec_result *result = &run->results[index];

    memset(result, 0, sizeof(*result));
    result->outcome.admission = input->admission;
    result->outcome.envelope_id = input->envelope_id;
    result->outcome.status = AG_OUTCOME_INCLUDED;
    enum ag_err err = ag_head_id(input->head_encoding, &result->outcome.head_id);
    if (err == AG_OK) {
        err = judge_one(run->exec, run->time_ms, input, &run->exec->arenas[lane], result);
    }
    if (err != AG_OK && is_outcome(err)) {
        exclude(result, err);
    } else if (err != AG_OK && run->lane_errors[lane] == AG_OK) {
        run->lane_errors[lane] = err;
    }
}

/* The part that depends on what came before: nonces and places. */
static enum ag_err decide_in_order(const struct ag_exec_input *inputs, size_t count,
                                   struct ag_exec_result *results)
{
    struct ag_nonce_rule *rule = NULL;
    AG_TRY(ag_nonce_rule_open(count, &rule));
    uint32_t next_index = 0;
    for (size_t i = 0; i < count; i++) {
        if (results[i].outcome.status != AG_OUTCOME_INCLUDED) {
            continue;
        }
        enum ag_err err = ag_nonce_rule_include(rule, inputs[i].head);
        if (err != AG_OK) {
            exclude(&results[i], err);
            continue;
        }
        results[i].outcome.tx_index = next_index++;
    }
    ag_nonce_rule_close(rule);
    return AG_OK;
}

enum ag_err ag_exec_run(struct ag_exec *exec, uint64_t time_ms, const struct ag_exec_input *inputs,
                        size_t count, struct ag_exec_result *results)
{
    AG_ENSURE(count <= exec->count_max, AG_ERR_ARGUMENT);
    enum ag_err lane_errors[AG_LIMIT_WORKERS] = {AG_OK};
    for (unsigned i = 0; i < exec->lane_count; i++) {
        ag_arena_reset(&exec->arenas[i]);
    }

    struct run run = {exec, time_ms, inputs, results, lane_errors};
    ag_pool_run(exec->pool, count, run_one, &run);
    for (unsigned i = 0; i < exec->lane_count; i++) {
        AG_TRY(lane_errors[i]);
    }
    return decide_in_order(inputs, count, results);
}
