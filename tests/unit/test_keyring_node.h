/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_KEYRING_NODE_H
#define AG_TEST_KEYRING_NODE_H

/* Simulated hardware, a store and keys, and a client that writes to them; the tests of keyring
 * share them. */

#include <sys/stat.h>

#include "keyring/keyring.h"
#include "keyring/keyring_i.h"
#include "test.h"
#include "test_directory.h"
#include "wire/wire.h"

#define NOW_MS     1760000000000u
#define STORE_SIZE ((size_t)8 << 20)

static const uint16_t both_kems[] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024_P384};

/* ---- a node: hardware, store, keys ----------------------------------------------------------- */

static struct ag_host_test chance;

struct node {
    char directory[64];
    char hardware[96]; /* path of the simulated machine */
    char path[96];     /* of the store */
    struct ag_keyring_config config;
    struct ag_tee *tee;
    struct ag_seal *seal;
    struct ag_store *store;
    struct ag_keyring *keyring;
};

/* Hardware and store, without keys. */
static inline void start_ground(struct node *node)
{
    CHECK_OK(ag_tee_open(AG_TEE_INSECURE_SIM, node->hardware, &chance.host, &node->tee));
    CHECK_OK(ag_seal_open(node->tee, &chance.host, &node->seal));
    CHECK_OK(ag_store_open(node->path, STORE_SIZE, &node->store));
}

static inline enum ag_err open_keys(struct node *node)
{
    return ag_keyring_open(node->store, node->seal, &chance.host, &node->config, NOW_MS,
                           &node->keyring);
}

static inline void stop(struct node *node)
{
    ag_keyring_close(node->keyring);
    ag_store_close(node->store);
    ag_seal_close(node->seal);
    ag_tee_close(node->tee);
    node->keyring = NULL;
    node->store = NULL;
    node->seal = NULL;
    node->tee = NULL;
}

static inline void make_ground(struct node *node)
{
    memset(node, 0, sizeof(*node));
    CHECK_OK(ag_crypto_start());
    ag_host_test_init(&chance, ag_test_seed + ag_test_random(), NOW_MS);
    strcpy(node->directory, "/tmp/ag-keyring-XXXXXX");
    CHECK(mkdtemp(node->directory) != NULL);
    join_name(node->hardware, sizeof(node->hardware), node->directory, "hardware");
    join_name(node->path, sizeof(node->path), node->directory, "store");
    CHECK(mkdir(node->hardware, 0700) == 0);
    node->config = (struct ag_keyring_config){
        .chain_id = 901, .kems = both_kems, .kem_count = AG_COUNT(both_kems), .lanes = 3};
    memset(node->config.genesis.bytes, 0x67, AG_HASH_SIZE);
    start_ground(node);
}

static inline void make(struct node *node)
{
    make_ground(node);
    CHECK_OK(open_keys(node));
}

static inline void restart(struct node *node)
{
    stop(node);
    start_ground(node);
    CHECK_OK(open_keys(node));
}

static inline void destroy(struct node *node)
{
    stop(node);
    remove_flat(node->path);
    remove_flat(node->hardware);
    remove_flat(node->directory);
}

static inline struct ag_bytes text(const char *characters)
{
    return ag_bytes_of(characters, strlen(characters));
}

static inline struct ag_hash digest_of(struct node *node, uint64_t epoch)
{
    struct ag_hash digest = {{0}};
    CHECK_OK(ag_keyring_bundle(node->keyring, epoch, NULL, &digest));
    return digest;
}

/* `bundle` borrows from `encoding`. */
static inline void get_bundle(struct node *node, uint64_t epoch, struct ag_vec *encoding,
                              struct ag_bundle *bundle)
{
    struct ag_hash digest = {{0}};
    struct ag_hash again = {{0}};
    ag_vec_init(encoding, AG_LIMIT_BUNDLE_BYTES);
    CHECK_OK(ag_keyring_bundle(node->keyring, epoch, encoding, &digest));
    CHECK_OK(ag_bundle_decode(ag_vec_view(encoding), bundle, NULL));
    CHECK_OK(ag_bundle_digest(ag_vec_view(encoding), &again));
    CHECK_BYTES(AG_VIEW(&again), AG_VIEW(&digest));
    CHECK_U64(bundle->key_epoch, epoch);
}

static inline uint64_t row_count(struct node *node)
{
    struct ag_store_tx *tx = NULL;
    uint64_t count = UINT64_MAX;
    CHECK_OK(ag_store_read_begin(node->store, &tx));
    CHECK_OK(ag_store_count(tx, AG_TABLE_KEYS, &count));
    ag_store_read_end(tx);
    return count;
}

/* ---- a client -------------------------------------------------------------------------------- */

struct letter {
    uint64_t epoch;
    uint16_t kem;
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    uint8_t sealed[5 + AG_GCM_TAG_SIZE];
};

static inline void write_letter(struct node *node, uint64_t epoch, uint16_t kem, struct letter *out)
{
    struct ag_vec encoding;
    struct ag_bundle bundle = {0};
    struct ag_hpke_info info;
    struct ag_hpke hpke = {0};
    uint8_t info_bytes[AG_HPKE_INFO_SIZE];
    struct ag_hash digest = digest_of(node, epoch);
    get_bundle(node, epoch, &encoding, &bundle);
    const struct ag_bundle_kem *key = ag_bundle_find_kem(&bundle, kem);
    CHECK(key != NULL);
    if (key == NULL) {
        return;
    }
    ag_hpke_info_bytes(bundle.chain_id, epoch, &digest, info_bytes);
    CHECK_OK(ag_hpke_info_init(&info, (enum ag_kem)kem, AG_ARRAY_VIEW(info_bytes)));
    CHECK_OK(ag_hpke_send(&chance.host, (enum ag_kem)kem, key->public_key, &info,
                          (struct ag_bytes){NULL, 0}, false,
                          (struct ag_buf){out->enc, ag_kem_enc_size((enum ag_kem)kem)}, &hpke));
    CHECK_OK(ag_hpke_seal_part(&hpke, 0, text("aad"), text("hello"),
                               (struct ag_buf){out->sealed, sizeof(out->sealed)}));
    ag_hpke_wipe(&hpke);
    ag_vec_close(&encoding);
    out->epoch = epoch;
    out->kem = kem;
}

static inline enum ag_err read_letter(struct ag_keyring *keyring, unsigned lane,
                                      const struct letter *letter)
{
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    uint8_t plain[5];
    AG_TRY(ag_keyring_receive(keyring, lane, letter->epoch, letter->kem,
                              ag_bytes_of(letter->enc, ag_kem_enc_size((enum ag_kem)letter->kem)),
                              &hpke));
    AG_TRY(ag_hpke_open_part(&hpke, 0, text("aad"), AG_ARRAY_VIEW(letter->sealed),
                             (struct ag_buf){plain, sizeof(plain)}));
    AG_ENSURE(memcmp(plain, "hello", 5) == 0, AG_ERR_OPEN);
    return AG_OK;
}

static const struct {
    enum ag_sig_alg alg;
    enum ag_tag tag;
} signings[] = {
    {AG_SIG_MLDSA87, AG_TAG_GROUP_MLDSA},
    {AG_SIG_MLDSA87, AG_TAG_BATCH_MLDSA},
    {AG_SIG_SLHDSA_SHA2_256S, AG_TAG_BATCH_SLHDSA},
};

static uint8_t signature[AG_SLHDSA_SIGNATURE_SIZE];

static inline void check_signatures(struct node *node, uint64_t epoch)
{
    struct ag_vec encoding;
    struct ag_bundle bundle = {0};
    get_bundle(node, epoch, &encoding, &bundle);
    for (size_t i = 0; i < AG_COUNT(signings); i++) {
        struct ag_buf out = {signature, ag_sig_signature_size(signings[i].alg)};
        bool is_mldsa = signings[i].alg == AG_SIG_MLDSA87;
        CHECK_OK(ag_keyring_sign_epoch(node->keyring, epoch, signings[i].alg, signings[i].tag,
                                       text("message"), out));
        CHECK_OK(ag_sig_verify_once(signings[i].alg, is_mldsa ? bundle.mldsa87 : bundle.slhdsa,
                                    signings[i].tag, text("message"),
                                    ag_bytes_of(out.data, out.size)));
        CHECK_ERR(ag_sig_verify_once(signings[i].alg, is_mldsa ? bundle.mldsa87 : bundle.slhdsa,
                                     signings[i].tag, text("messagf"),
                                     ag_bytes_of(out.data, out.size)),
                  AG_ERR_SIGNATURE);
    }
    ag_vec_close(&encoding);
}

#endif
