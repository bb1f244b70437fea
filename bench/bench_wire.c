/* SPDX-License-Identifier: Apache-2.0 */

/* bench_wire: what the room adds to the primitives that it cannot do without. Each figure is a
 * ratio to its floor, measured in the same run and by turns: a tree to its bare hashes, a decoded
 * transaction to its bare recovery and Keccak, a decoded envelope to one hash of its bytes. */

#include "bench.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

enum {
    LEAVES = 10000,
    TXS = 1000,
    ENVELOPES = 1000,
    ROUNDS = 15
};

/* Times `run` and `floor` by turns; prints both medians and their ratio. */
static void compare(const char *name, size_t count, void (*run)(void), const char *floor_name,
                    void (*floor)(void))
{
    uint64_t run_ns[ROUNDS];
    uint64_t floor_ns[ROUNDS];
    char fields[256];
    for (size_t i = 0; i < ROUNDS; i++) {
        uint64_t start = bench_now_ns();
        run();
        uint64_t middle = bench_now_ns();
        floor();
        run_ns[i] = middle - start;
        floor_ns[i] = bench_now_ns() - middle;
    }
    uint64_t run_median = bench_median(run_ns, ROUNDS);
    uint64_t floor_median = bench_median(floor_ns, ROUNDS);
    snprintf(fields, sizeof(fields),
             "\"count\":%zu,\"us\":%.1f,\"floor\":\"%s\",\"floor_us\":%.1f,\"ratio\":%.3f", count,
             (double)run_median / 1e3, floor_name, (double)floor_median / 1e3,
             (double)run_median / (double)floor_median);
    bench_print(name, fields);
}

/* ---- Merkle ---------------------------------------------------------------------------------- */

static struct ag_id leaves[LEAVES];
static struct ag_id nodes[2 * LEAVES];
static struct ag_id root;

static void merkle_root(void)
{
    BENCH_MUST(ag_merkle_root(leaves, LEAVES, &root));
}

static void merkle_tree_and_proofs(void)
{
    struct ag_tree tree = {.nodes = nodes};
    struct ag_proof proof;
    BENCH_MUST(ag_tree_build(&tree, leaves, LEAVES, &root));
    for (uint64_t i = 0; i < LEAVES; i++) {
        BENCH_MUST(ag_tree_prove(&tree, i, &proof));
    }
}

/* A tree of n leaves has n - 1 inner nodes of 65 bytes. */
static void merkle_floor(void)
{
    uint8_t text[65] = {1};
    for (size_t i = 0; i + 1 < LEAVES; i++) {
        BENCH_MUST(ag_sha256(&(struct ag_bytes){text, sizeof(text)}, 1, text + 1));
    }
}

/* ---- transactions ---------------------------------------------------------------------------- */

static struct ag_vec txs[TXS];
static struct ag_eth_tx decoded[TXS];

static void make_txs(void)
{
    static const struct ag_secp256k1_key key = {{[31] = 5}};
    static const uint8_t data[68] = {0xa9, 0x05, 0x9c, 0xbb};
    struct ag_address to = {{1}};
    for (size_t i = 0; i < TXS; i++) {
        ag_vec_init(&txs[i], 1024);
        BENCH_MUST(ag_eth_tx_sign_1559(&key, 1, i, 1, 2, 100000, &to, i,
                                       ag_bytes_of(data, sizeof(data)), &txs[i]));
    }
}

static void tx_decode(void)
{
    for (size_t i = 0; i < TXS; i++) {
        BENCH_MUST(ag_eth_tx_decode(ag_vec_view(&txs[i]), 1, false, &decoded[i], NULL));
    }
}

static void tx_floor(void)
{
    struct ag_address sender;
    for (size_t i = 0; i < TXS; i++) {
        const struct ag_eth_tx *tx = &decoded[i];
        BENCH_MUST(ag_secp256k1_recover(tx->sighash, tx->r, tx->s, tx->parity, true, &sender));
    }
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static struct ag_vec envelope;

static void make_envelope(void)
{
    static uint8_t filler[2064];
    struct ag_envelope one = {.kem = AG_KEM_MLKEM1024,
                              .kdf = AG_KDF_HKDF_SHA384,
                              .aead = AG_AEAD_AES256GCM,
                              .enc = {filler, 1568},
                              .sealed_head = {filler, 272},
                              .sealed_body = {filler, 528}};
    ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
    BENCH_MUST(ag_envelope_encode(&one, &envelope));
}

static void envelope_decode(void)
{
    struct ag_envelope one;
    struct ag_id id;
    for (size_t i = 0; i < ENVELOPES; i++) {
        BENCH_MUST(ag_envelope_decode(ag_vec_view(&envelope), &one, NULL));
        BENCH_MUST(ag_envelope_id(&one, &id));
    }
}

static void envelope_floor(void)
{
    uint8_t digest[48];
    struct ag_bytes whole = ag_vec_view(&envelope);
    for (size_t i = 0; i < ENVELOPES; i++) {
        BENCH_MUST(ag_sha384(&whole, 1, digest));
    }
}

int main(void)
{
    BENCH_MUST(ag_crypto_start());
    for (size_t i = 0; i < LEAVES; i++) {
        leaves[i].bytes[0] = (uint8_t)i;
        leaves[i].bytes[1] = (uint8_t)(i >> 8);
    }
    make_txs();
    make_envelope();
    compare("wire.merkle_root", LEAVES, merkle_root, "bare SHA-256 of each node", merkle_floor);
    compare("wire.merkle_tree_and_all_proofs", LEAVES, merkle_tree_and_proofs,
            "bare SHA-256 of each node", merkle_floor);
    compare("wire.eth_tx_decode", TXS, tx_decode, "bare recovery", tx_floor);
    compare("wire.envelope_decode_and_id", ENVELOPES, envelope_decode, "bare SHA-384",
            envelope_floor);
    for (size_t i = 0; i < TXS; i++) {
        ag_vec_close(&txs[i]);
    }
    ag_vec_close(&envelope);
    return 0;
}
