/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_NODE_H
#define AG_TEST_NODE_H

/* node: a whole node inside a test process, on simulated hardware and in a directory of its own,
 * and a client that seals transactions to it. */

#include "base/base.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "seq/seq.h"
#include "wire/wire.h"

struct test_node {
    char dir[256];
    struct ag_conf conf;
    struct ag_host_test clock; /* used when is_clocked */
    bool is_clocked;
    struct ag_seq *seq;
    /* the client's view */
    struct ag_vec bundle_bytes;
    struct ag_bundle bundle;
    struct ag_hash bundle_digest;
};

/* Makes a directory and a configuration; `extra` flags may be NULL-terminated or NULL. */
void test_node_init(struct test_node *node, const char *const *extra);
/* The host that the node sees. */
const struct ag_host *test_node_host(struct test_node *node);
enum ag_err test_node_open(struct test_node *node, struct ag_fault *fault);
void test_node_close(struct test_node *node);
/* Deletes the directory. */
void test_node_remove(struct test_node *node);
/* Reads bundle and digest from the open node. */
void test_node_read_bundle(struct test_node *node);

/* What a test bends. Zero means right. */
struct test_tx {
    uint32_t sender; /* which of many keys signs */
    uint64_t nonce;
    uint64_t fee;           /* priority fee in the transaction; 0: one gwei */
    uint64_t chain_id;      /* of the transaction; 0: the node's */
    uint64_t expires_in_ms; /* 0: five minutes */
    uint16_t kem;           /* 0: the first of the bundle */
    /* head against transaction */
    bool head_of_other_sender;
    bool head_nonce_differs;
    bool head_gas_differs;
    bool head_fee_too_high;
    bool payload_is_garbage;
    bool payload_of_other_kind;
    bool head_is_expired;
    bool head_requires_migration;
    size_t data_size; /* call data */
};
void test_key(uint32_t sender, struct ag_secp256k1_key *out);
/* Seals; appends the envelope. */
enum ag_err test_seal(struct test_node *node, const struct test_tx *tx, struct ag_vec *out);
/* Seals, submits, and steps until it is answered; the caller closes the submission. */
struct ag_submission *test_send(struct test_node *node, const struct test_tx *tx);
struct ag_submission *test_send_bytes(struct test_node *node, struct ag_bytes envelope);
/* Steps (without threads) until the head has this number or the steps run out; false then. */
bool test_step_to(struct test_node *node, uint64_t head_number);
/* Runs rm -r on a directory below the temporary one, and cp -r. */
void test_remove_tree(const char *path);
void test_copy_tree(const char *from, const char *to);

#endif
