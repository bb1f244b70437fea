/* SPDX-License-Identifier: Apache-2.0 */

/* bench_crypto: what the room adds to the operation that it cannot do without. Each figure is a
 * median of processor time for one call; its floor is the bare operation of libcrypto or
 * libsecp256k1 in a context made ready beforehand, measured by turns in the same run. */

#include <secp256k1_recovery.h>

#include "bench.h"
#include "crypto/x509_i.h"

enum {
    ROUNDS = 15,
    LARGE = 16384
};

#define BUF(array) ((struct ag_buf){(array), sizeof(array)})
static const struct ag_bytes none = {NULL, 0};

typedef void operation(void);

static uint64_t time_ns(operation *run, unsigned count)
{
    const uint64_t start_ns = bench_cpu_ns();
    for (unsigned i = 0; i < count; i++) {
        run();
    }
    return bench_cpu_ns() - start_ns;
}

/* `count` calls make one sample; `floor` may be NULL. */
static void measure(const char *name, unsigned count, operation *run, operation *floor)
{
    uint64_t run_ns[ROUNDS];
    uint64_t floor_ns[ROUNDS] = {0};
    char fields[256];
    const unsigned rounds = count == 1 ? 3 : ROUNDS;
    for (unsigned i = 0; i < rounds; i++) {
        run_ns[i] = time_ns(run, count);
        floor_ns[i] = floor == NULL ? 0 : time_ns(floor, count);
    }
    const double value = (double)bench_median(run_ns, rounds) / count / 1e3;
    const double bare = (double)bench_median(floor_ns, rounds) / count / 1e3;
    if (floor == NULL) {
        snprintf(fields, sizeof(fields), "\"value\":%.3f,\"unit\":\"us\"", value);
    } else {
        snprintf(fields, sizeof(fields),
                 "\"value\":%.3f,\"unit\":\"us\",\"floor\":%.3f,\"ratio\":%.3f", value, bare,
                 value / bare);
    }
    bench_print(name, fields);
}

/* ---- hashes ---------------------------------------------------------------------------------- */

static uint8_t data[LARGE + AG_GCM_TAG_SIZE];
static uint8_t out[LARGE + AG_GCM_TAG_SIZE];
static EVP_MD_CTX *bare_md;

static void bare_hash(enum ag_md md, size_t size)
{
    unsigned written = 0;
    AG_ASSERT(EVP_DigestInit_ex2(bare_md, ag_crypto_get()->md[md], NULL) == 1 &&
              EVP_DigestUpdate(bare_md, data, size) == 1 &&
              EVP_DigestFinal_ex(bare_md, out, &written) == 1);
}

static void sha256_node(void)
{
    const struct ag_bytes parts[] = {ag_bytes_of(data, 1), ag_bytes_of(data + 1, 32),
                                     ag_bytes_of(data + 33, 32)};
    BENCH_MUST(ag_sha256(parts, 3, out));
}

/* The prefix shifts both halves by a byte, so somebody has to copy them: a third of the cost. */
static void bare_sha256_node(void)
{
    static uint8_t node[65];
    unsigned written = 0;
    node[0] = data[0];
    memcpy(node + 1, data + 1, 32);
    memcpy(node + 33, data + 33, 32);
    AG_ASSERT(EVP_DigestInit_ex2(bare_md, ag_crypto_get()->md[AG_MD_SHA256], NULL) == 1 &&
              EVP_DigestUpdate(bare_md, node, sizeof(node)) == 1 &&
              EVP_DigestFinal_ex(bare_md, out, &written) == 1);
}

static void keccak_64(void)
{
    const struct ag_bytes message = ag_bytes_of(data, 64);
    BENCH_MUST(ag_keccak256(&message, 1, out));
}

static void bare_keccak_64(void)
{
    bare_hash(AG_MD_KECCAK256, 64);
}

static void keccak_300(void)
{
    const struct ag_bytes message = ag_bytes_of(data, 300);
    BENCH_MUST(ag_keccak256(&message, 1, out));
}

static void bare_keccak_300(void)
{
    bare_hash(AG_MD_KECCAK256, 300);
}

static void tagged_300(void)
{
    struct ag_hash hash;
    BENCH_MUST(ag_hash_one(AG_TAG_HEAD, ag_bytes_of(data, 300), &hash));
}

static void bare_tagged_300(void)
{
    bare_hash(AG_MD_SHA384, 300 + sizeof("aegis/v1/head"));
}

/* Inner and outer hash: four blocks. */
static void hmac_100(void)
{
    const struct ag_bytes message = ag_bytes_of(data, 100);
    BENCH_MUST(ag_hmac384(ag_bytes_of(data, 48), &message, 1, out));
}

static void bare_hmac_100(void)
{
    bare_hash(AG_MD_SHA384, 128 + 100);
    bare_hash(AG_MD_SHA384, 128 + 48);
}

/* ---- AES-256-GCM ----------------------------------------------------------------------------- */

static const struct ag_key256 gcm_key = {{1}};
static const uint8_t gcm_nonce[AG_GCM_NONCE_SIZE] = {2};
static EVP_CIPHER_CTX *bare_gcm_context;

static void seal(size_t size)
{
    BENCH_MUST(ag_gcm_seal(&gcm_key, gcm_nonce, none, ag_bytes_of(data, size),
                           (struct ag_buf){out, size + AG_GCM_TAG_SIZE}));
}

static void bare_seal(size_t size)
{
    int written = 0;
    AG_ASSERT(EVP_EncryptInit_ex2(bare_gcm_context, ag_crypto_get()->aes256gcm, gcm_key.bytes,
                                  gcm_nonce, NULL) == 1 &&
              EVP_EncryptUpdate(bare_gcm_context, out, &written, data, (int)size) == 1 &&
              EVP_EncryptFinal_ex(bare_gcm_context, out, &written) == 1 &&
              EVP_CIPHER_CTX_ctrl(bare_gcm_context, EVP_CTRL_AEAD_GET_TAG, AG_GCM_TAG_SIZE,
                                  out + size) == 1);
}

static void seal_300(void)
{
    seal(300);
}

static void bare_seal_300(void)
{
    bare_seal(300);
}

static void seal_large(void)
{
    seal(LARGE);
}

static void bare_seal_large(void)
{
    bare_seal(LARGE);
}

/* ---- HPKE ------------------------------------------------------------------------------------ */

/* One receiver of each KEM, an envelope of 300 bytes to it, and the bare halves of its key. */
struct receiver {
    enum ag_kem kem;
    struct ag_kem_key *key;
    struct ag_kem_work *work;
    struct ag_hpke_info info;
    size_t size;
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    uint8_t part[300 + AG_GCM_TAG_SIZE];
};
static struct receiver small;
static struct receiver hybrid;

static void send_to(struct receiver *to, struct ag_hpke *hpke)
{
    BENCH_MUST(ag_hpke_send(ag_host_system(), to->kem, ag_bytes_of(to->public_key, to->size),
                            &to->info, none, false, (struct ag_buf){to->enc, to->size}, hpke));
}

static void open_receiver(struct receiver *receiver, enum ag_kem kem)
{
    struct ag_hpke hpke = {.kem = kem};
    receiver->kem = kem;
    receiver->size = ag_kem_public_size(kem);
    BENCH_MUST(ag_kem_key_open(kem, ag_bytes_of(data, ag_kem_seed_size(kem)), &receiver->key));
    BENCH_MUST(ag_kem_work_open(receiver->key, &receiver->work));
    BENCH_MUST(
        ag_kem_key_public(receiver->key, (struct ag_buf){receiver->public_key, receiver->size}));
    BENCH_MUST(ag_hpke_info_init(&receiver->info, kem, AG_LITERAL("bench")));
    send_to(receiver, &hpke);
    BENCH_MUST(ag_hpke_seal_part(&hpke, 0, none, ag_bytes_of(data, 300), BUF(receiver->part)));
}

static void receive(struct receiver *receiver)
{
    struct ag_hpke hpke = {.kem = receiver->kem};
    BENCH_MUST(ag_hpke_receive(receiver->work, &receiver->info,
                               ag_bytes_of(receiver->enc, receiver->size), false, &hpke));
    BENCH_MUST(ag_hpke_open_part(&hpke, 0, none, AG_ARRAY_VIEW(receiver->part),
                                 (struct ag_buf){out, 300}));
}

static void receive_small(void)
{
    receive(&small);
}

static void receive_hybrid(void)
{
    receive(&hybrid);
}

static void send_small(void)
{
    struct ag_hpke hpke;
    send_to(&small, &hpke);
}

static void send_hybrid(void)
{
    struct ag_hpke hpke;
    send_to(&hybrid, &hpke);
}

static EVP_PKEY_CTX *bare_decap;
static EVP_PKEY_CTX *bare_derive;
static EVP_PKEY *bare_peer;

static void decap_alone(void)
{
    uint8_t secret[AG_KEM_SECRET_SIZE];
    size_t size = sizeof(secret);
    AG_ASSERT(EVP_PKEY_decapsulate(bare_decap, secret, &size, small.enc, AG_MLKEM1024_CT_SIZE) ==
              1);
}

/* Both private-key operations, and nothing else. */
static void decap_and_derive(void)
{
    uint8_t shared[AG_P384_SCALAR_SIZE];
    size_t size = sizeof(shared);
    decap_alone();
    AG_ASSERT(EVP_PKEY_set1_encoded_public_key(bare_peer, hybrid.enc + AG_MLKEM1024_CT_SIZE,
                                               AG_P384_POINT_SIZE) == 1 &&
              EVP_PKEY_derive_set_peer_ex(bare_derive, bare_peer, 0) == 1 &&
              EVP_PKEY_derive(bare_derive, shared, &size) == 1);
}

static void open_bare_keys(void)
{
    OSSL_LIB_CTX *library = ag_crypto_get()->library;
    uint8_t seed[64] = {1};
    uint8_t point[AG_P384_POINT_SIZE];
    EVP_PKEY *mlkem = NULL;
    EVP_PKEY *p384 = NULL;
    BENCH_MUST(ag_crypto_key_from_seed("ML-KEM-1024", AG_ARRAY_VIEW(seed), &mlkem));
    BENCH_MUST(ag_ec_public(AG_CURVE_P384, seed, point));
    BENCH_MUST(ag_ec_key(AG_CURVE_P384, seed, point, &p384));
    BENCH_MUST(ag_ec_peer(AG_CURVE_P384, point, &bare_peer));
    bare_decap = EVP_PKEY_CTX_new_from_pkey(library, mlkem, AG_CRYPTO_PROPERTIES);
    bare_derive = EVP_PKEY_CTX_new_from_pkey(library, p384, AG_CRYPTO_PROPERTIES);
    AG_ASSERT(EVP_PKEY_decapsulate_init(bare_decap, NULL) == 1);
    AG_ASSERT(EVP_PKEY_derive_init(bare_derive) == 1);
    EVP_PKEY_free(mlkem);
    EVP_PKEY_free(p384);
}

static void measure_hpke(void)
{
    open_receiver(&small, AG_KEM_MLKEM1024);
    open_receiver(&hybrid, AG_KEM_MLKEM1024_P384);
    open_bare_keys();
    measure("crypto.hpke.open-300.0042", 300, receive_small, decap_alone);
    measure("crypto.hpke.open-300.0051", 50, receive_hybrid, decap_and_derive);
    measure("crypto.hpke.send.0042", 100, send_small, NULL);
    measure("crypto.hpke.send.0051", 30, send_hybrid, NULL);
    ag_kem_work_close(small.work);
    ag_kem_key_close(small.key);
    ag_kem_work_close(hybrid.work);
    ag_kem_key_close(hybrid.key);
    EVP_PKEY_CTX_free(bare_decap);
    EVP_PKEY_CTX_free(bare_derive);
    EVP_PKEY_free(bare_peer);
}

/* ---- signatures ------------------------------------------------------------------------------ */

static struct ag_sig_key *sig_key;
static struct ag_sig_public *sig_public;
static EVP_PKEY_CTX *bare_verify_context;
static uint8_t signature[AG_SLHDSA_SIGNATURE_SIZE];
static size_t signature_size;

/* The number of rejections of ML-DSA depends on the message: another one each time. */
static void sign(void)
{
    static uint64_t number;
    number++;
    memcpy(data, &number, sizeof(number));
    BENCH_MUST(ag_sig_sign(sig_key, AG_TAG_BATCH, ag_bytes_of(data, 48),
                           (struct ag_buf){signature, signature_size}));
}

static void verify(void)
{
    BENCH_MUST(ag_sig_verify(sig_public, AG_TAG_BATCH, ag_bytes_of(data, 48),
                             ag_bytes_of(signature, signature_size)));
}

static void bare_verify(void)
{
    AG_ASSERT(EVP_PKEY_verify(bare_verify_context, signature, signature_size, data, 48) == 1);
}

static void measure_signatures(enum ag_sig_alg alg, const char *sign_name, const char *verify_name,
                               unsigned sign_count)
{
    static uint8_t public_key[AG_MLDSA87_PUBLIC_SIZE];
    const struct ag_crypto *crypto = ag_crypto_get();
    const char *label = ag_tag_label(AG_TAG_BATCH);
    char context[64] = {0};
    snprintf(context, sizeof(context), "%s", label);
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string("context-string", context, strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    const struct ag_buf public_buf = {public_key, ag_sig_public_size(alg)};
    signature_size = ag_sig_signature_size(alg);
    BENCH_MUST(ag_sig_key_open(alg, ag_bytes_of(data, ag_sig_seed_size(alg)), &sig_key));
    BENCH_MUST(ag_sig_key_public(sig_key, public_buf));
    BENCH_MUST(ag_sig_public_open(alg, ag_bytes_of(public_buf.data, public_buf.size), &sig_public));
    measure(sign_name, sign_count, sign, NULL);
    bare_verify_context = EVP_PKEY_CTX_new_from_pkey(
        crypto->library, ag_sig_public_pkey(sig_public), AG_CRYPTO_PROPERTIES);
    AG_ASSERT(EVP_PKEY_verify_message_init(bare_verify_context,
                                           alg == AG_SIG_MLDSA87 ? crypto->mldsa87 : crypto->slhdsa,
                                           parameters) == 1);
    measure(verify_name, 50, verify, bare_verify);
    EVP_PKEY_CTX_free(bare_verify_context);
    ag_sig_public_close(sig_public);
    ag_sig_key_close(sig_key);
}

/* ---- secp256k1 ------------------------------------------------------------------------------- */

static uint8_t digest[32] = {5};
static uint8_t recoverable[65];

static void recover(void)
{
    struct ag_address address;
    BENCH_MUST(ag_secp256k1_recover(digest, recoverable, recoverable + 32, recoverable[64], true,
                                    &address));
}

static void bare_recover(void)
{
    const secp256k1_context *context = ag_crypto_get()->secp256k1;
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    AG_ASSERT(secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, recoverable,
                                                                  recoverable[64]) == 1 &&
              secp256k1_ecdsa_recover(context, &key, &parsed, digest) == 1);
}

static void measure_secp256k1(void)
{
    const struct ag_secp256k1_key key = {{3}};
    BENCH_MUST(ag_secp256k1_sign(&key, digest, recoverable));
    measure("crypto.secp256k1.recover-address", 300, recover, bare_recover);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static struct ag_vec cert_der;
static struct ag_cert *root;

static void parse_cert(void)
{
    struct ag_cert *cert = NULL;
    BENCH_MUST(ag_cert_parse_der(ag_vec_view(&cert_der), &cert));
    ag_cert_close(cert);
}

static void verify_cert(void)
{
    BENCH_MUST(ag_cert_verify_signed_by(root, root));
}

static void bare_verify_cert(void)
{
    AG_ASSERT(X509_verify(ag_cert_x509(root), ag_cert_pkey(root)) == 1);
}

static void measure_certs(void)
{
    struct ag_ecdsa_key *key = NULL;
    const struct ag_cert_request request = {
        .common_name = "Root", .serial = AG_LITERAL("\x01"), .not_after_ms = 1000, .is_ca = true};
    ag_vec_init(&cert_der, AG_LIMIT_CERT_BYTES);
    BENCH_MUST(ag_ecdsa_key_open(AG_ARRAY_VIEW(digest), &key));
    BENCH_MUST(ag_cert_issue(&request, key, NULL, key, &cert_der));
    BENCH_MUST(ag_cert_parse_der(ag_vec_view(&cert_der), &root));
    measure("crypto.cert.parse", 100, parse_cert, NULL);
    measure("crypto.cert.verify", 100, verify_cert, bare_verify_cert);
    ag_cert_close(root);
    ag_vec_close(&cert_der);
    ag_ecdsa_key_close(key);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void random_key(void)
{
    BENCH_MUST(ag_random_key(ag_host_system(), (struct ag_buf){out, 32}));
}

static void selftest(void)
{
    BENCH_MUST(ag_crypto_selftest());
}

int main(void)
{
    BENCH_MUST(ag_crypto_start());
    bare_md = EVP_MD_CTX_new();
    bare_gcm_context = EVP_CIPHER_CTX_new();
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7u + 1u);
    }
    measure("crypto.sha256.merkle-node", 20000, sha256_node, bare_sha256_node);
    measure("crypto.keccak256.64", 5000, keccak_64, bare_keccak_64);
    EVP_MD_CTX_reset(bare_md);
    measure("crypto.keccak256.300", 5000, keccak_300, bare_keccak_300);
    measure("crypto.hash-tagged.300", 5000, tagged_300, bare_tagged_300);
    measure("crypto.hmac384.100", 5000, hmac_100, bare_hmac_100);
    measure("crypto.gcm.seal-300", 10000, seal_300, bare_seal_300);
    measure("crypto.gcm.seal-16384", 2000, seal_large, bare_seal_large);
    measure_hpke();
    measure_signatures(AG_SIG_MLDSA87, "crypto.ml-dsa-87.sign", "crypto.ml-dsa-87.verify", 100);
    measure_signatures(AG_SIG_SLHDSA_SHA2_256S, "crypto.slh-dsa-sha2-256s.sign",
                       "crypto.slh-dsa-sha2-256s.verify", 1);
    measure_secp256k1();
    measure_certs();
    measure("crypto.random-key.32", 100, random_key, NULL);
    measure("crypto.selftest", 1, selftest, NULL);
    EVP_CIPHER_CTX_free(bare_gcm_context);
    EVP_MD_CTX_free(bare_md);
    return 0;
}
