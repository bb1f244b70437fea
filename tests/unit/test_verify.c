/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of verify by themselves; whole batches are judged in tests/sim/test_verdict.c. */
#include <string.h>

#include "crypto/crypto.h"
#include "test.h"
#include "verify/verify.h"

#define CHAIN 16584u

static struct ag_secp256k1_key key = {{0x31}};
static struct ag_head head;
static struct ag_vec raw;

static void make(void)
{
    struct ag_address address;
    const struct ag_address to = {{0x42}};
    uint8_t point[33];
    CHECK_OK(ag_crypto_start());
    CHECK_OK(ag_secp256k1_public(&key, point, &address));
    memset(&head, 0, sizeof(head));
    head.sender.kind = AG_SENDER_SECP256K1;
    memcpy(head.sender.id, address.bytes, sizeof(address.bytes));
    head.nonce = 7;
    head.gas_limit = 21000;
    head.priority_fee = 900;
    head.payload_kind = AG_PAYLOAD_ETHEREUM;
    ag_vec_init(&raw, 4096);
    CHECK_OK(ag_eth_tx_sign_1559(&key, CHAIN, 7, 900, 2000, 21000, &to, 5,
                                 (struct ag_bytes){NULL, 0}, &raw));
}

static void payload_rule(void)
{
    static const struct {
        const char *name;
        enum {
            NOTHING,
            SENDER,
            KIND_OF_SENDER,
            NONCE,
            GAS,
            FEE_UP,
            FEE_DOWN,
            KIND,
            OTHER_KIND,
            CHAIN_ID,
            CUT,
            PADDED_ID
        } bend;
        enum ag_err wanted;
        const char *field;
    } rows[] = {
        {"right", NOTHING, AG_OK, NULL},
        {"a lower fee than paid is the sender's own loss", FEE_DOWN, AG_OK, NULL},
        {"another sender", SENDER, AG_ERR_ENVELOPE_SENDER, "sender"},
        {"bytes behind the address", PADDED_ID, AG_ERR_ENVELOPE_SENDER, "sender"},
        {"an account of another kind", KIND_OF_SENDER, AG_ERR_ENVELOPE_SENDER, "sender"},
        {"another nonce", NONCE, AG_ERR_ENVELOPE_MISMATCH, "nonce"},
        {"another gas limit", GAS, AG_ERR_ENVELOPE_MISMATCH, "gas_limit"},
        {"a higher fee than paid", FEE_UP, AG_ERR_ENVELOPE_FEE, "priority_fee"},
        {"body of another kind than the head", KIND, AG_ERR_ENVELOPE_MISMATCH, "payload_kind"},
        {"a kind that is not run", OTHER_KIND, AG_ERR_ENVELOPE_KIND, "payload_kind"},
        {"another chain", CHAIN_ID, AG_ERR_TX_CHAIN, NULL},
        {"cut short", CUT, AG_ERR_RLP, NULL},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        make();
        struct ag_eth_tx tx = {0};
        struct ag_fault fault = {0};
        uint8_t kind = AG_PAYLOAD_ETHEREUM;
        struct ag_bytes payload = ag_vec_view(&raw);
        uint64_t chain_id = rows[i].bend == CHAIN_ID ? 1 : CHAIN;
        head.sender.id[3] ^= rows[i].bend == SENDER ? 1 : 0;
        head.sender.id[25] ^= rows[i].bend == PADDED_ID ? 1 : 0;
        head.sender.kind = rows[i].bend == KIND_OF_SENDER ? AG_SENDER_MLDSA87 : head.sender.kind;
        head.nonce += rows[i].bend == NONCE ? 1 : 0;
        head.gas_limit -= rows[i].bend == GAS ? 1 : 0;
        head.priority_fee += rows[i].bend == FEE_UP ? 1 : 0;
        head.priority_fee -= rows[i].bend == FEE_DOWN ? 1 : 0;
        kind = rows[i].bend == KIND || rows[i].bend == OTHER_KIND ? AG_PAYLOAD_CALL : kind;
        head.payload_kind = rows[i].bend == OTHER_KIND ? AG_PAYLOAD_CALL : head.payload_kind;
        payload.size -= rows[i].bend == CUT ? 1 : 0;
        enum ag_err err = ag_verify_payload(&head, kind, payload, chain_id, &tx, &fault);
        if (err != rows[i].wanted) {
            ag_test_note("%s: %s", rows[i].name, ag_err_name(err));
        }
        CHECK_ERR(err, rows[i].wanted);
        CHECK(rows[i].field == NULL ||
              (fault.field != NULL && strcmp(fault.field, rows[i].field) == 0));
        ag_vec_close(&raw);
    }
}

static enum ag_err include(struct ag_nonce_rule *rule, uint8_t sender, uint8_t kind, uint64_t nonce)
{
    struct ag_head one = {.nonce = nonce};
    one.sender.kind = kind;
    one.sender.id[0] = sender;
    return ag_nonce_rule_include(rule, &one);
}

static void nonce_rule(void)
{
    struct ag_nonce_rule *rule = NULL;
    CHECK_OK(ag_nonce_rule_open(8, &rule));
    CHECK_OK(include(rule, 1, 1, 5)); /* any first one */
    CHECK_OK(include(rule, 1, 1, 6));
    CHECK_ERR(include(rule, 1, 1, 6), AG_ERR_ENVELOPE_NONCE); /* repeated */
    CHECK_ERR(include(rule, 1, 1, 8), AG_ERR_ENVELOPE_NONCE); /* gap */
    CHECK_ERR(include(rule, 1, 1, 5), AG_ERR_ENVELOPE_NONCE); /* back */
    CHECK_OK(include(rule, 1, 1, 7));                         /* a refusal changes nothing */
    CHECK_OK(include(rule, 2, 1, 0));                         /* others are others */
    CHECK_OK(include(rule, 1, 2, 0));                         /* so is another kind of account */
    CHECK_OK(include(rule, 3, 1, UINT64_MAX));
    CHECK_ERR(include(rule, 3, 1, 0), AG_ERR_ENVELOPE_NONCE); /* nothing follows the last */
    ag_nonce_rule_close(rule);
    ag_nonce_rule_close(NULL);
    CHECK_OK(ag_nonce_rule_open(0, &rule));
    ag_nonce_rule_close(rule);
}

static void not_a_batch(void)
{
    struct ag_policy *policy = NULL;
    struct ag_batch_verdict *verdict = NULL;
    unsigned line = 0;
    static const char text[] = "accept_tee = tdx\nany_measurement_insecure = yes\n";
    CHECK_OK(ag_policy_parse(ag_bytes_of(text, sizeof(text) - 1), &policy, &line, NULL));
    const struct ag_bytes inputs[] = {{NULL, 0}, AG_LITERAL("AGBF"), AG_LITERAL("nonsense")};
    for (size_t i = 0; i < AG_COUNT(inputs); i++) {
        CHECK_OK(ag_batch_verify(inputs[i], policy, NULL, NULL, &verdict));
        CHECK(!verdict->is_accepted && verdict->claim_count == 1);
        CHECK(strcmp(verdict->claims[0].name, "format") == 0);
        ag_batch_verdict_close(verdict);
    }
    ag_batch_verdict_close(NULL);
    ag_policy_close(policy);
}

static const struct ag_test_case cases[] = {
    {"a payload under a head", payload_rule},
    {"nonces of a sender", nonce_rule},
    {"what is no batch fails its format", not_a_batch},
};
TEST_MAIN(cases)
