/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_MEMPOOL_NODE_H
#define AG_TEST_MEMPOOL_NODE_H

/* A node's keys without a keyring, and clients that seal to them: for the tests and the
 * benchmark of mempool. What cannot go wrong here stops the program. */

#include <stdatomic.h>
#include <string.h>

#include "mempool/mempool.h"

enum {
    NODE_EPOCHS = 2,
    NODE_KEMS = 2,
    NODE_LANES = 4
};
#define NODE_CHAIN 16584u
#define NODE_NOW   UINT64_C(1800000000000)

struct node {
    struct ag_host_test host;
    uint64_t first_epoch; /* honoured, up to NODE_EPOCHS */
    struct ag_kem_key *keys[NODE_EPOCHS][NODE_KEMS];
    struct ag_kem_work *works[NODE_LANES][NODE_EPOCHS][NODE_KEMS];
    struct ag_hpke_info infos[NODE_EPOCHS][NODE_KEMS];
    uint8_t publics[NODE_EPOCHS][NODE_KEMS][AG_KEM_PUBLIC_SIZE_MAX];
    _Atomic unsigned receive_count; /* private-key operations */
};

static const enum ag_kem node_kems[NODE_KEMS] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024_P384};

#define NODE_MUST(call) AG_ASSERT((call) == AG_OK)

static inline void node_open(struct node *node)
{
    static const struct ag_hash bundle_digest = {{0x42}};
    memset(node, 0, sizeof(*node));
    ag_host_test_init(&node->host, 7, NODE_NOW);
    node->first_epoch = 1;
    for (unsigned e = 0; e < NODE_EPOCHS; e++) {
        for (unsigned k = 0; k < NODE_KEMS; k++) {
            enum ag_kem kem = node_kems[k];
            uint8_t seed[AG_KEM_SEED_SIZE_MAX];
            uint8_t info[AG_HPKE_INFO_SIZE];
            memset(seed, (int)(16u * e + k + 1u), sizeof(seed));
            ag_hpke_info_bytes(NODE_CHAIN, e + 1u, &bundle_digest, info);
            NODE_MUST(
                ag_kem_key_open(kem, ag_bytes_of(seed, ag_kem_seed_size(kem)), &node->keys[e][k]));
            NODE_MUST(ag_kem_key_public(
                node->keys[e][k], (struct ag_buf){node->publics[e][k], ag_kem_public_size(kem)}));
            NODE_MUST(ag_hpke_info_init(&node->infos[e][k], kem, AG_ARRAY_VIEW(info)));
            for (unsigned lane = 0; lane < NODE_LANES; lane++) {
                NODE_MUST(ag_kem_work_open(node->keys[e][k], &node->works[lane][e][k]));
            }
        }
    }
}

static inline void node_close(struct node *node)
{
    for (unsigned e = 0; e < NODE_EPOCHS; e++) {
        for (unsigned k = 0; k < NODE_KEMS; k++) {
            for (unsigned lane = 0; lane < NODE_LANES; lane++) {
                ag_kem_work_close(node->works[lane][e][k]);
            }
            ag_kem_key_close(node->keys[e][k]);
        }
    }
}

static inline enum ag_err node_honours(void *context, uint64_t epoch, uint16_t kem)
{
    const struct node *node = context;
    AG_ENSURE(epoch >= node->first_epoch && epoch <= NODE_EPOCHS, AG_ERR_ENVELOPE_EPOCH);
    return ag_kem_is_known(kem) ? AG_OK : AG_ERR_SUITE;
}

static inline unsigned node_kem_index(uint16_t kem)
{
    return kem == AG_KEM_MLKEM1024 ? 0 : 1;
}

static inline enum ag_err node_receive(void *context, unsigned lane, uint64_t epoch, uint16_t kem,
                                       struct ag_bytes enc, struct ag_hpke *out)
{
    struct node *node = context;
    AG_ASSERT(lane < NODE_LANES);
    AG_TRY(node_honours(context, epoch, kem));
    atomic_fetch_add(&node->receive_count, 1);
    unsigned e = (unsigned)epoch - 1u;
    unsigned k = node_kem_index(kem);
    return ag_hpke_receive(node->works[lane][e][k], &node->infos[e][k], enc, false, out);
}

static inline struct ag_mempool_keys node_keys(struct node *node)
{
    return (struct ag_mempool_keys){node, node_honours, node_receive, NODE_LANES};
}

/* What a client wants; zero values are filled in by `order_of`. */
struct order {
    struct ag_head head;
    uint16_t kem;
    uint64_t clear_chain; /* as the clear part says */
    uint64_t clear_epoch;
    struct ag_bytes head_text; /* padded plain text instead of the head's; empty: the head's */
};

static inline struct order order_of(uint64_t sender, uint64_t nonce)
{
    struct order order = {
        .head =
            {
                .chain_id = NODE_CHAIN,
                .key_epoch = 2,
                .sender = {.kind = AG_SENDER_SECP256K1},
                .nonce = nonce,
                .priority_fee = 100,
                .expires_ms = NODE_NOW + 60000,
                .gas_limit = 21000,
                .payload_kind = AG_PAYLOAD_ETHEREUM,
            },
        .kem = AG_KEM_MLKEM1024,
        .clear_chain = NODE_CHAIN,
        .clear_epoch = 2,
    };
    memcpy(order.head.sender.id, &sender, sizeof(sender));
    return order;
}

/* The padded plain text of a head. */
static inline struct ag_bytes node_pad_head(const struct ag_head *head, uint8_t text[768])
{
    struct ag_vec vec;
    memset(text, 0, 768);
    ag_vec_init(&vec, 768);
    NODE_MUST(ag_head_encode(head, &vec));
    size_t size = vec.size <= ag_head_classes[0] ? ag_head_classes[0] : ag_head_classes[1];
    memcpy(text, vec.data, vec.size);
    ag_vec_close(&vec);
    return ag_bytes_of(text, size);
}

/* The body that node_seal puts in: its encoding, padded to the smallest class. */
static inline void node_body(struct ag_vec *out)
{
    static const uint8_t payload[100] = {0x02, 0xf8};
    const struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM,
                                 .payload = AG_ARRAY_VIEW(payload)};
    NODE_MUST(ag_body_encode(&body, out));
}

/* Appends the sealed envelope. Keys are those of the clear epoch if the node has them. */
static inline void node_seal(struct node *node, const struct order *order, struct ag_vec *out)
{
    unsigned k = node_kem_index(order->kem);
    unsigned e = order->clear_epoch == 1 ? 0 : 1;
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    uint8_t text[768];
    uint8_t sealed_head[768 + AG_GCM_TAG_SIZE] = {0};
    uint8_t sealed_body[512 + AG_GCM_TAG_SIZE] = {0};
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    struct ag_head head = order->head;
    struct ag_vec body;
    ag_vec_init(&body, 1024);
    node_body(&body);
    NODE_MUST(ag_hash_id(AG_TAG_BODY, ag_vec_view(&body), &head.body_id));
    struct ag_bytes plain =
        order->head_text.size != 0 ? order->head_text : node_pad_head(&head, text);

    struct ag_buf enc_buf = {enc, ag_kem_enc_size(order->kem)};
    NODE_MUST(ag_hpke_send(&node->host.host, order->kem,
                           ag_bytes_of(node->publics[e][k], ag_kem_public_size(order->kem)),
                           &node->infos[e][k], (struct ag_bytes){NULL, 0}, false, enc_buf, &hpke));
    struct ag_envelope envelope = {
        .kem = order->kem,
        .kdf = AG_KDF_HKDF_SHA384,
        .aead = AG_AEAD_AES256GCM,
        .chain_id = order->clear_chain,
        .key_epoch = order->clear_epoch,
        .enc = ag_bytes_of(enc, enc_buf.size),
        .sealed_head = ag_bytes_of(sealed_head, plain.size + AG_GCM_TAG_SIZE),
        .sealed_body = ag_bytes_of(sealed_body, body.size + AG_GCM_TAG_SIZE),
    };
    AG_ASSERT(envelope.sealed_body.size <= sizeof(sealed_body));
    /* Once with empty parts, to learn the clear bytes that the head authenticates. */
    size_t start = out->size;
    struct ag_envelope shape;
    NODE_MUST(ag_envelope_encode(&envelope, out));
    NODE_MUST(ag_envelope_decode(ag_bytes_of(out->data + start, out->size - start), &shape, NULL));
    NODE_MUST(ag_hpke_seal_part(&hpke, 0, shape.clear, plain,
                                (struct ag_buf){sealed_head, envelope.sealed_head.size}));
    NODE_MUST(ag_hpke_seal_part(&hpke, 1, envelope.sealed_head, ag_vec_view(&body),
                                (struct ag_buf){sealed_body, envelope.sealed_body.size}));
    out->size = start;
    NODE_MUST(ag_envelope_encode(&envelope, out));
    ag_vec_close(&body);
}

/* Searches for a stamp of `bits` and writes it into an envelope's last 8 bytes. */
static inline void node_stamp(struct ag_vec *envelope, unsigned bits)
{
    struct ag_envelope decoded;
    struct ag_id id;
    NODE_MUST(ag_envelope_decode(ag_vec_view(envelope), &decoded, NULL));
    NODE_MUST(ag_envelope_id(&decoded, &id));
    uint64_t stamp = 0;
    unsigned found = 0;
    do {
        stamp++;
        NODE_MUST(ag_stamp_bits(&id, stamp, &found));
    } while (found < bits);
    for (unsigned i = 0; i < 8; i++) {
        envelope->data[envelope->size - 8u + i] = (uint8_t)(stamp >> (56u - 8u * i));
    }
}

/* A configuration without rate, strikes or stamps, that allows both suites. */
static inline struct ag_mempool_config node_config(void)
{
    struct ag_mempool_config config;
    ag_mempool_config_default(&config);
    config.chain_id = NODE_CHAIN;
    config.kems[0] = AG_KEM_MLKEM1024;
    config.kems[1] = AG_KEM_MLKEM1024_P384;
    config.first_admission = 1;
    config.clock_floor_ms = NODE_NOW - 1000;
    config.source_rate = 0;
    config.source_burst = 0;
    config.strikes_max = 0;
    config.stamp_bits_max = 0;
    config.hash_seed = 0x1234;
    return config;
}

#endif
