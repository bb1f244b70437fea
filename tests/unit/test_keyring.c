/* SPDX-License-Identifier: Apache-2.0 */
/* Does keyring keep its contract, over the simulated hardware and a real store? */
#include "keyring/keyring.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyring/keyring_i.h"
#include "test.h"
#include "wire/wire.h"

#define NOW_MS     1760000000000u
#define STORE_SIZE ((size_t)8 << 20)

static const uint16_t both_kems[] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024_P384};

/* ---- a node: hardware, store, keys ------------------------------------------------------------- */

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

static int remove_one(const char *name, const struct stat *stat, int type, struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(name);
}

/* Hardware and store, without keys. */
static void start_ground(struct node *node)
{
    CHECK_OK(ag_tee_open(AG_TEE_INSECURE_SIM, node->hardware, &chance.host, &node->tee));
    CHECK_OK(ag_seal_open(node->tee, &chance.host, &node->seal));
    CHECK_OK(ag_store_open(node->path, STORE_SIZE, &node->store));
}

static enum ag_err open_keys(struct node *node)
{
    return ag_keyring_open(node->store, node->seal, &chance.host, &node->config, NOW_MS,
                           &node->keyring);
}

static void stop(struct node *node)
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

static void make_ground(struct node *node)
{
    memset(node, 0, sizeof(*node));
    CHECK_OK(ag_crypto_start());
    ag_host_test_init(&chance, ag_test_seed + ag_test_random(), NOW_MS);
    strcpy(node->directory, "/tmp/ag-keyring-XXXXXX");
    CHECK(mkdtemp(node->directory) != NULL);
    snprintf(node->hardware, sizeof(node->hardware), "%s/hardware", node->directory);
    snprintf(node->path, sizeof(node->path), "%s/store", node->directory);
    CHECK(mkdir(node->hardware, 0700) == 0);
    node->config = (struct ag_keyring_config){
        .chain_id = 901, .kems = both_kems, .kem_count = AG_COUNT(both_kems), .lanes = 3};
    memset(node->config.genesis.bytes, 0x67, AG_HASH_SIZE);
    start_ground(node);
}

static void make(struct node *node)
{
    make_ground(node);
    CHECK_OK(open_keys(node));
}

static void restart(struct node *node)
{
    stop(node);
    start_ground(node);
    CHECK_OK(open_keys(node));
}

static void destroy(struct node *node)
{
    stop(node);
    nftw(node->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct ag_bytes text(const char *characters)
{
    return ag_bytes_of(characters, strlen(characters));
}

static struct ag_hash digest_of(struct node *node, uint64_t epoch)
{
    struct ag_hash digest = {{0}};
    CHECK_OK(ag_keyring_bundle(node->keyring, epoch, NULL, &digest));
    return digest;
}

/* `bundle` borrows from `encoding`. */
static void get_bundle(struct node *node, uint64_t epoch, struct ag_vec *encoding,
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

static uint64_t row_count(struct node *node)
{
    struct ag_store_tx *tx = NULL;
    uint64_t count = UINT64_MAX;
    CHECK_OK(ag_store_read_begin(node->store, &tx));
    CHECK_OK(ag_store_count(tx, AG_TABLE_KEYS, &count));
    ag_store_read_end(tx);
    return count;
}

/* ---- a client ---------------------------------------------------------------------------------- */

struct letter {
    uint64_t epoch;
    uint16_t kem;
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    uint8_t sealed[5 + AG_GCM_TAG_SIZE];
};

static void write_letter(struct node *node, uint64_t epoch, uint16_t kem, struct letter *out)
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

static enum ag_err read_letter(struct ag_keyring *keyring, unsigned lane,
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

static void check_signatures(struct node *node, uint64_t epoch)
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

/* ---- first start, restart ---------------------------------------------------------------------- */

static void test_first_epoch(void)
{
    struct node node;
    struct ag_vec encoding;
    struct ag_bundle bundle = {0};
    struct letter letters[2];
    make(&node);
    CHECK_U64(ag_keyring_epoch(node.keyring), 1);
    CHECK_U64(ag_keyring_epoch_first(node.keyring), 1);
    get_bundle(&node, 1, &encoding, &bundle);
    CHECK_U64(bundle.chain_id, 901);
    CHECK_U64(bundle.created_ms, NOW_MS);
    CHECK_U64(bundle.kem_count, 2);
    CHECK_BYTES(AG_VIEW(&bundle.genesis), AG_VIEW(&node.config.genesis));
    CHECK(ag_bytes_is_zero(AG_VIEW(&bundle.previous)));
    for (size_t i = 0; i < 2; i++) {
        write_letter(&node, 1, both_kems[i], &letters[i]);
        for (unsigned lane = 0; lane < 3; lane++) {
            CHECK_OK(read_letter(node.keyring, lane, &letters[i]));
        }
    }
    check_signatures(&node, 1);
    struct ag_hash digest = digest_of(&node, 1);

    restart(&node); /* the same keys, from the disk */
    struct ag_hash again = digest_of(&node, 1);
    CHECK_BYTES(AG_VIEW(&again), AG_VIEW(&digest));
    CHECK_OK(read_letter(node.keyring, 0, &letters[0]));
    CHECK_OK(read_letter(node.keyring, 2, &letters[1]));
    check_signatures(&node, 1);
    ag_vec_close(&encoding);
    destroy(&node);
}

static void test_posting_key(void)
{
    struct node node;
    struct ag_vec encoding;
    struct ag_bundle bundle = {0};
    struct ag_address wanted = {{0}};
    struct ag_address got = {{0}};
    uint8_t digest[32];
    uint8_t posted[AG_SECP256K1_SIGNATURE_SIZE];
    make(&node);
    get_bundle(&node, 1, &encoding, &bundle);
    CHECK_OK(ag_secp256k1_address(AG_ARRAY_VIEW(bundle.posting_key), &wanted));
    ag_test_random_bytes(digest, sizeof(digest));
    CHECK_OK(ag_keyring_post_sign(node.keyring, digest, posted));
    CHECK_OK(ag_secp256k1_recover(digest, posted, posted + 32, posted[64], true, &got));
    CHECK_BYTES(AG_VIEW(&got), AG_VIEW(&wanted));
    ag_vec_close(&encoding);
    destroy(&node);
}

/* No seed stands in the store in clear, and none in the bundle. */
static void test_seeds_are_sealed(void)
{
    struct node node;
    make(&node);
    const struct ag_keyring_keys *keys = node.keyring->honoured[0];
    struct ag_store_tx *tx = NULL;
    struct ag_store_cursor *cursor = NULL;
    struct ag_store_entry entry = {0};
    unsigned sealed_count = 0;
    CHECK_OK(ag_store_read_begin(node.store, &tx));
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_KEYS, &cursor));
    while (ag_store_next(cursor, &entry) == AG_OK) {
        CHECK(memmem(entry.value.data, entry.value.size, keys->posting->bytes, 32) == NULL);
        sealed_count += ag_bytes_equal(ag_bytes_head(entry.value, 4), text("AGSB"));
    }
    CHECK_U64(sealed_count, 7); /* inventory, digest, three keys, two suites */
    CHECK_U64(row_count(&node), 8);
    ag_store_cursor_close(cursor);
    ag_store_read_end(tx);
    destroy(&node);
}

/* ---- misuse ------------------------------------------------------------------------------------ */

static void test_misuse_is_refused(void)
{
    struct node node;
    static const uint16_t unknown[] = {0x0050};
    static const uint16_t backwards[] = {AG_KEM_MLKEM1024_P384, AG_KEM_MLKEM1024};
    static const uint16_t twice[] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024};
    static const uint16_t only[] = {AG_KEM_MLKEM1024_P384};
    make_ground(&node);
    const struct ag_keyring_config good = node.config;
    const struct {
        const uint16_t *kems;
        size_t kem_count;
        unsigned lanes;
        enum ag_err wanted;
    } rows[] = {
        {both_kems, 0, 1, AG_ERR_ARGUMENT},
        {both_kems, AG_LIMIT_BUNDLE_KEMS + 1, 1, AG_ERR_ARGUMENT},
        {both_kems, 2, 0, AG_ERR_ARGUMENT},
        {both_kems, 2, AG_LIMIT_WORKERS + 1, AG_ERR_ARGUMENT},
        {unknown, 1, 1, AG_ERR_SUITE},
        {backwards, 2, 1, AG_ERR_ARGUMENT},
        {twice, 2, 1, AG_ERR_ARGUMENT},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        node.config.kems = rows[i].kems;
        node.config.kem_count = rows[i].kem_count;
        node.config.lanes = rows[i].lanes;
        CHECK_ERR(open_keys(&node), rows[i].wanted);
        CHECK(node.keyring == NULL);
    }
    CHECK_U64(row_count(&node), 0);

    node.config = good;
    node.config.kems = only;
    node.config.kem_count = 1;
    CHECK_OK(open_keys(&node));
    struct letter letter;
    struct ag_hpke hpke = {0};
    write_letter(&node, 1, AG_KEM_MLKEM1024_P384, &letter);
    struct ag_bytes enc = AG_ARRAY_VIEW(letter.enc);
    CHECK_ERR(ag_keyring_receive(node.keyring, 3, 1, letter.kem, enc, &hpke), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_keyring_receive(node.keyring, 0, 0, letter.kem, enc, &hpke),
              AG_ERR_ENVELOPE_EPOCH);
    CHECK_ERR(ag_keyring_receive(node.keyring, 0, 2, letter.kem, enc, &hpke),
              AG_ERR_ENVELOPE_EPOCH);
    CHECK_ERR(ag_keyring_receive(node.keyring, 0, 1, AG_KEM_MLKEM1024, enc, &hpke), AG_ERR_SUITE);
    CHECK_ERR(ag_keyring_receive(node.keyring, 0, 1, 0xffff, enc, &hpke), AG_ERR_SUITE);
    CHECK_ERR(ag_keyring_receive(node.keyring, 0, 1, letter.kem, ag_bytes_head(enc, 1664), &hpke),
              AG_ERR_OPEN);
    CHECK(ag_bytes_is_zero(ag_bytes_of(&hpke, sizeof(hpke))));
    letter.enc[0] ^= 1; /* implicit rejection: only the part tells */
    CHECK_ERR(read_letter(node.keyring, 0, &letter), AG_ERR_OPEN);

    struct ag_buf mldsa = {signature, AG_MLDSA87_SIGNATURE_SIZE};
    struct ag_buf slhdsa = {signature, AG_SLHDSA_SIGNATURE_SIZE};
    CHECK_ERR(ag_keyring_sign(node.keyring, AG_SIG_SLHDSA_SHA2_256S, AG_TAG_BATCH_MLDSA, text("m"),
                              slhdsa),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_keyring_sign(node.keyring, AG_SIG_MLDSA87, AG_TAG_BATCH_SLHDSA, text("m"), mldsa),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_keyring_sign(node.keyring, AG_SIG_MLDSA87, AG_TAG_SEAL_BLOB, text("m"), mldsa),
              AG_ERR_ARGUMENT);
    CHECK_ERR(
        ag_keyring_sign(node.keyring, (enum ag_sig_alg)9, AG_TAG_BATCH_MLDSA, text("m"), mldsa),
        AG_ERR_ARGUMENT);
    CHECK_ERR(ag_keyring_sign(node.keyring, AG_SIG_MLDSA87, AG_TAG_BATCH_MLDSA, text("m"), slhdsa),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_keyring_sign_epoch(node.keyring, 0, AG_SIG_MLDSA87, AG_TAG_BATCH_MLDSA, text("m"),
                                    mldsa),
              AG_ERR_ENVELOPE_EPOCH);
    CHECK_ERR(ag_keyring_sign_epoch(node.keyring, 2, AG_SIG_MLDSA87, AG_TAG_BATCH_MLDSA, text("m"),
                                    mldsa),
              AG_ERR_ENVELOPE_EPOCH);
    CHECK_ERR(ag_keyring_bundle(node.keyring, 0, NULL, NULL), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_keyring_bundle(node.keyring, 2, NULL, NULL), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_keyring_bundle(node.keyring, UINT64_MAX, NULL, NULL), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_keyring_retire(node.keyring, 1), AG_ERR_ARGUMENT); /* the current one */
    CHECK_ERR(ag_keyring_retire(node.keyring, 0), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_keyring_retire(node.keyring, 2), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_keyring_retire(node.keyring, UINT64_MAX), AG_ERR_NOT_FOUND);
    ag_keyring_settle(node.keyring, true); /* nothing waits: nothing happens */
    CHECK_U64(ag_keyring_epoch(node.keyring), 1);
    ag_keyring_close(NULL);
    destroy(&node);
}

static void test_another_chain(void)
{
    struct node node;
    make(&node);
    ag_keyring_close(node.keyring);
    node.keyring = NULL;
    node.config.chain_id++;
    CHECK_ERR(open_keys(&node), AG_ERR_KEYRING_CHAIN);
    node.config.chain_id--;
    node.config.genesis.bytes[47] ^= 1;
    CHECK_ERR(open_keys(&node), AG_ERR_KEYRING_CHAIN);
    node.config.genesis.bytes[47] ^= 1;
    CHECK_OK(open_keys(&node));
    destroy(&node);
}

/* ---- rotation ---------------------------------------------------------------------------------- */

static void test_epochs_overlap(void)
{
    struct node node;
    struct letter letters[AG_LIMIT_KEY_EPOCHS + 1];
    make(&node);
    write_letter(&node, 1, AG_KEM_MLKEM1024_P384, &letters[1]);
    for (uint64_t epoch = 2; epoch <= AG_LIMIT_KEY_EPOCHS; epoch++) {
        struct ag_vec encoding;
        struct ag_bundle bundle = {0};
        struct ag_hash before = digest_of(&node, epoch - 1);
        CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS + epoch));
        CHECK_U64(ag_keyring_epoch(node.keyring), epoch);
        CHECK_U64(ag_keyring_epoch_first(node.keyring), 1);
        get_bundle(&node, epoch, &encoding, &bundle);
        CHECK_BYTES(AG_VIEW(&bundle.previous), AG_VIEW(&before));
        CHECK_U64(bundle.created_ms, NOW_MS + epoch);
        ag_vec_close(&encoding);
        write_letter(&node, epoch, AG_KEM_MLKEM1024_P384, &letters[epoch]);
        for (uint64_t old = 1; old <= epoch; old++) {
            CHECK_OK(read_letter(node.keyring, 0, &letters[old]));
        }
    }
    CHECK_ERR(ag_keyring_rotate(node.keyring, NOW_MS), AG_ERR_KEYRING_EPOCHS);
    CHECK_U64(ag_keyring_epoch(node.keyring), AG_LIMIT_KEY_EPOCHS);

    /* A letter to one epoch says so under the seal: another epoch's key does not open it. */
    struct letter moved = letters[1];
    moved.epoch = 2;
    CHECK_ERR(read_letter(node.keyring, 0, &moved), AG_ERR_OPEN);
    restart(&node);
    CHECK_U64(ag_keyring_epoch(node.keyring), AG_LIMIT_KEY_EPOCHS);
    for (uint64_t old = 1; old <= AG_LIMIT_KEY_EPOCHS; old++) {
        CHECK_OK(read_letter(node.keyring, 1, &letters[old]));
    }
    check_signatures(&node, 1);
    check_signatures(&node, AG_LIMIT_KEY_EPOCHS);
    destroy(&node);
}

static bool has_row(struct node *node, uint64_t epoch, uint32_t kind)
{
    struct ag_keyring_row_key key = ag_keyring_row_key(epoch, kind);
    struct ag_store_tx *tx = NULL;
    struct ag_bytes value;
    CHECK_OK(ag_store_read_begin(node->store, &tx));
    enum ag_err err = ag_store_get(tx, AG_TABLE_KEYS, AG_VIEW(&key), &value);
    ag_store_read_end(tx);
    return err == AG_OK;
}

static const uint32_t secret_kinds[] = {
    AG_KEYRING_MLDSA87,
    AG_KEYRING_SLHDSA,
    AG_KEYRING_POSTING,
    (uint32_t)AG_KEYRING_KEM_BASE + AG_KEM_MLKEM1024,
    (uint32_t)AG_KEYRING_KEM_BASE + AG_KEM_MLKEM1024_P384,
};

static void test_retirement(void)
{
    struct node node;
    struct letter letters[4];
    make(&node);
    CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS));
    CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS));
    for (uint64_t epoch = 1; epoch <= 3; epoch++) {
        write_letter(&node, epoch, AG_KEM_MLKEM1024, &letters[epoch]);
    }
    struct ag_hash first = digest_of(&node, 1);
    CHECK_ERR(ag_keyring_retire(node.keyring, 3), AG_ERR_ARGUMENT);
    CHECK_OK(ag_keyring_retire(node.keyring, 2)); /* and what is older */
    for (unsigned round = 0; round < 2; round++) {
        CHECK_U64(ag_keyring_epoch_first(node.keyring), 3);
        CHECK_U64(ag_keyring_epoch(node.keyring), 3);
        for (uint64_t epoch = 1; epoch <= 2; epoch++) {
            CHECK_ERR(read_letter(node.keyring, 0, &letters[epoch]), AG_ERR_ENVELOPE_EPOCH);
            CHECK_ERR(ag_keyring_sign_epoch(node.keyring, epoch, AG_SIG_MLDSA87, AG_TAG_BATCH_MLDSA,
                                            text("m"),
                                            (struct ag_buf){signature, AG_MLDSA87_SIGNATURE_SIZE}),
                      AG_ERR_ENVELOPE_EPOCH);
            CHECK_ERR(ag_keyring_retire(node.keyring, epoch), AG_ERR_NOT_FOUND);
            for (size_t i = 0; i < AG_COUNT(secret_kinds); i++) {
                CHECK(!has_row(&node, epoch, secret_kinds[i]));
                CHECK(has_row(&node, 3, secret_kinds[i]));
            }
        }
        CHECK_OK(read_letter(node.keyring, 0, &letters[3]));
        /* Verifiers of old batches still get the old bundle. */
        struct ag_hash again = digest_of(&node, 1);
        CHECK_BYTES(AG_VIEW(&again), AG_VIEW(&first));
        restart(&node);
    }
    CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS)); /* there is room again */
    CHECK_U64(ag_keyring_epoch(node.keyring), 4);
    destroy(&node);
}

static void test_change_in_a_larger_transaction(void)
{
    struct node node;
    struct ag_store_tx *tx = NULL;
    make(&node);
    CHECK_OK(ag_store_begin(node.store, &tx));
    CHECK_OK(ag_keyring_rotate_in(node.keyring, tx, NOW_MS));
    CHECK_U64(ag_keyring_epoch(node.keyring), 1); /* not yet */
    CHECK_ERR(ag_keyring_rotate_in(node.keyring, tx, NOW_MS), AG_ERR_BUSY);
    CHECK_ERR(ag_keyring_retire_in(node.keyring, tx, 1), AG_ERR_BUSY);
    ag_store_abort(tx);
    ag_keyring_settle(node.keyring, false);
    CHECK_U64(ag_keyring_epoch(node.keyring), 1);
    CHECK_U64(row_count(&node), 8);

    CHECK_OK(ag_store_begin(node.store, &tx));
    CHECK_OK(ag_keyring_rotate_in(node.keyring, tx, NOW_MS));
    CHECK_OK(ag_store_put(tx, AG_TABLE_META, text("with it"), text("")));
    CHECK_OK(ag_store_commit(tx));
    ag_keyring_settle(node.keyring, true);
    CHECK_U64(ag_keyring_epoch(node.keyring), 2);

    CHECK_OK(ag_store_begin(node.store, &tx));
    CHECK_OK(ag_keyring_retire_in(node.keyring, tx, 1));
    ag_store_abort(tx);
    ag_keyring_settle(node.keyring, false);
    CHECK_U64(ag_keyring_epoch_first(node.keyring), 1);
    CHECK(has_row(&node, 1, AG_KEYRING_MLDSA87));
    CHECK_OK(ag_store_begin(node.store, &tx));
    CHECK_OK(ag_keyring_retire_in(node.keyring, tx, 1));
    CHECK_OK(ag_store_commit(tx));
    ag_keyring_settle(node.keyring, true);
    CHECK_U64(ag_keyring_epoch_first(node.keyring), 2);
    CHECK_OK(ag_store_begin(node.store, &tx)); /* closed while a change waits: nothing leaks */
    CHECK_OK(ag_keyring_rotate_in(node.keyring, tx, NOW_MS));
    ag_store_abort(tx);
    destroy(&node);
}

/* ---- failing ground ---------------------------------------------------------------------------- */

static void test_failed_draws(void)
{
    struct node node;
    make_ground(&node);
    unsigned failures = 0;
    for (uint64_t nth = 1; nth < 100 && node.keyring == NULL; nth++) {
        chance.fail_draw = nth;
        enum ag_err err = open_keys(&node);
        chance.fail_draw = 0;
        if (err != AG_OK) {
            failures++;
            CHECK_ERR(err, AG_ERR_ENTROPY);
            CHECK(node.keyring == NULL);
            CHECK_U64(row_count(&node), 0); /* nothing half-written */
        }
    }
    CHECK(failures >= 5 + 7); /* each key, each salt */
    struct ag_hash digest = digest_of(&node, 1);
    for (uint64_t nth = 1; nth <= failures; nth++) {
        chance.fail_draw = nth;
        CHECK_ERR(ag_keyring_rotate(node.keyring, NOW_MS), AG_ERR_ENTROPY);
        chance.fail_draw = 0;
        CHECK_U64(ag_keyring_epoch(node.keyring), 1);
        CHECK_U64(row_count(&node), 8);
    }
    restart(&node);
    struct ag_hash again = digest_of(&node, 1);
    CHECK_BYTES(AG_VIEW(&again), AG_VIEW(&digest));
    ag_test_note("%u draws failed", failures);
    destroy(&node);
}

static void test_failed_allocations(void)
{
    struct node node;
    make_ground(&node);
    unsigned failures = 0;
    size_t in_use = ag_alloc_in_use();
    for (uint64_t nth = 1; nth < 500 && node.keyring == NULL; nth++) {
        ag_alloc_fail_nth(nth);
        enum ag_err err = open_keys(&node);
        ag_alloc_fail_nth(0);
        if (err != AG_OK) {
            failures++;
            CHECK_ERR(err, AG_ERR_NO_MEMORY);
            CHECK_U64(row_count(&node), 0);
            CHECK_U64(ag_alloc_in_use(), in_use); /* and nothing leaks */
        }
    }
    CHECK(failures >= 10 && node.keyring != NULL);
    ag_keyring_close(node.keyring);
    node.keyring = NULL;
    CHECK_U64(ag_alloc_in_use(), in_use);
    unsigned load_failures = 0;
    for (uint64_t nth = 1; nth < 500 && node.keyring == NULL; nth++) {
        ag_alloc_fail_nth(nth);
        enum ag_err err = open_keys(&node);
        ag_alloc_fail_nth(0);
        if (err != AG_OK) {
            load_failures++;
            CHECK_ERR(err, AG_ERR_NO_MEMORY);
            CHECK_U64(ag_alloc_in_use(), in_use);
        }
    }
    CHECK(load_failures >= 10 && node.keyring != NULL);
    ag_test_note("%u allocations failed while making, %u while loading", failures, load_failures);
    destroy(&node);
}

static void test_full_store(void)
{
    struct node node;
    make(&node);
    struct ag_store_tx *tx = NULL;
    static uint8_t value[3000];
    enum ag_err err = AG_OK;
    for (uint64_t i = 0; err == AG_OK; i++) {
        struct ag_store_u64 key = ag_store_u64(i);
        CHECK_OK(ag_store_begin(node.store, &tx));
        err = ag_store_put(tx, AG_TABLE_SPOOL, AG_VIEW(&key), AG_ARRAY_VIEW(value));
        if (err == AG_OK) {
            err = ag_store_commit(tx);
        } else {
            ag_store_abort(tx);
        }
    }
    CHECK_ERR(err, AG_ERR_STORE_FULL);
    CHECK_ERR(ag_keyring_rotate(node.keyring, NOW_MS), AG_ERR_STORE_FULL);
    CHECK_U64(ag_keyring_epoch(node.keyring), 1);
    CHECK_U64(row_count(&node), 8);
    check_signatures(&node, 1);
    restart(&node);
    CHECK_U64(ag_keyring_epoch(node.keyring), 1);
    destroy(&node);
}

/* ---- a hostile disk ---------------------------------------------------------------------------- */

enum damage {
    DELETE, /* the row */
    FLIP,   /* its last byte */
    SWAP,   /* with the same row of epoch 2 */
    REPLACE /* by the row of another kind of its epoch */
};

static void damage_row(struct node *node, uint64_t epoch, uint32_t kind, enum damage damage,
                       uint32_t other_kind)
{
    struct ag_keyring_row_key key = ag_keyring_row_key(epoch, kind);
    struct ag_keyring_row_key other =
        damage == SWAP ? ag_keyring_row_key(2, kind) : ag_keyring_row_key(epoch, other_kind);
    struct ag_store_tx *tx = NULL;
    struct ag_bytes value = {NULL, 0};
    static uint8_t copy[AG_LIMIT_BUNDLE_BYTES];
    CHECK_OK(ag_store_begin(node->store, &tx));
    if (damage == DELETE) {
        CHECK_OK(ag_store_delete(tx, AG_TABLE_KEYS, AG_VIEW(&key)));
    } else {
        CHECK_OK(ag_store_get(tx, AG_TABLE_KEYS, damage == FLIP ? AG_VIEW(&key) : AG_VIEW(&other),
                              &value));
        memcpy(copy, value.data, value.size);
        copy[value.size - 1] ^= damage == FLIP ? 1 : 0;
        CHECK_OK(ag_store_put(tx, AG_TABLE_KEYS, AG_VIEW(&key), ag_bytes_of(copy, value.size)));
    }
    CHECK_OK(ag_store_commit(tx));
}

static void copy_file(const char *from, const char *to)
{
    struct ag_vec content;
    ag_vec_init(&content, AG_LIMIT_FILE_BYTES);
    CHECK_OK(ag_file_read(from, AG_LIMIT_FILE_BYTES, &content));
    CHECK_OK(ag_file_write(to, ag_vec_view(&content), 0600));
    ag_vec_close(&content);
}

/* The data file of the closed store, to or from beside it. */
static void save_store(const struct node *node, const char *name, bool is_restore)
{
    char data[160];
    char copy[160];
    snprintf(data, sizeof(data), "%s/data.mdb", node->path);
    snprintf(copy, sizeof(copy), "%s/%s", node->directory, name);
    copy_file(is_restore ? copy : data, is_restore ? data : copy);
}

static void test_damaged_rows(void)
{
    struct node node;
    const uint32_t kem = (uint32_t)AG_KEYRING_KEM_BASE + AG_KEM_MLKEM1024;
    const struct {
        const char *what;
        uint64_t epoch;
        uint32_t kind;
        enum damage damage;
        uint32_t other_kind;
        enum ag_err wanted;
    } rows[] = {
        {"inventory deleted", 0, AG_KEYRING_INVENTORY, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"inventory changed", 0, AG_KEYRING_INVENTORY, FLIP, 0, AG_ERR_SEAL_TAMPERED},
        {"bundle deleted", 1, AG_KEYRING_BUNDLE, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"bundle changed", 1, AG_KEYRING_BUNDLE, FLIP, 0, AG_ERR_STORE_CORRUPT},
        {"bundle of another epoch", 1, AG_KEYRING_BUNDLE, SWAP, 0, AG_ERR_STORE_CORRUPT},
        {"digest deleted", 1, AG_KEYRING_DIGEST, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"digest changed", 2, AG_KEYRING_DIGEST, FLIP, 0, AG_ERR_SEAL_TAMPERED},
        {"digest of another epoch", 1, AG_KEYRING_DIGEST, SWAP, 0, AG_ERR_SEAL_SWAPPED},
        {"newest key deleted", 2, AG_KEYRING_MLDSA87, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"key changed", 1, AG_KEYRING_MLDSA87, FLIP, 0, AG_ERR_SEAL_TAMPERED},
        {"key of another epoch", 1, AG_KEYRING_SLHDSA, SWAP, 0, AG_ERR_SEAL_SWAPPED},
        {"key of another kind", 1, AG_KEYRING_POSTING, REPLACE, AG_KEYRING_MLDSA87,
         AG_ERR_SEAL_SWAPPED},
        {"suite deleted", 1, kem, DELETE, 0, AG_ERR_STORE_CORRUPT},
        {"suite of another epoch", 1, kem, SWAP, 0, AG_ERR_SEAL_SWAPPED},
        {"a bundle where a key was", 1, kem, REPLACE, AG_KEYRING_BUNDLE, AG_ERR_STORE_CORRUPT},
    };
    make(&node);
    CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS));
    stop(&node);
    save_store(&node, "good", false);
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        save_store(&node, "good", true);
        start_ground(&node);
        damage_row(&node, rows[i].epoch, rows[i].kind, rows[i].damage, rows[i].other_kind);
        enum ag_err err = open_keys(&node);
        CHECK_ERR(err, rows[i].wanted);
        if (err != rows[i].wanted) {
            ag_test_note("%s", rows[i].what);
        }
        stop(&node);
    }
    save_store(&node, "good", true);
    start_ground(&node);
    CHECK_OK(open_keys(&node));
    /* A retired epoch's bundle is still judged when it is asked for. */
    CHECK_OK(ag_keyring_retire(node.keyring, 1));
    damage_row(&node, 1, AG_KEYRING_BUNDLE, FLIP, 0);
    CHECK_ERR(ag_keyring_bundle(node.keyring, 1, NULL, NULL), AG_ERR_STORE_CORRUPT);
    destroy(&node);
}

static void test_other_machine_other_program(void)
{
    struct node node;
    struct node thief;
    char program[160];
    char digits[96];
    make(&node);
    stop(&node);
    save_store(&node, "copy", false);
    start_ground(&node);

    make_ground(&thief);
    stop(&thief);
    char from[160];
    char to[160];
    snprintf(from, sizeof(from), "%s/copy", node.directory);
    snprintf(to, sizeof(to), "%s/data.mdb", thief.path);
    copy_file(from, to);
    start_ground(&thief);
    CHECK_ERR(open_keys(&thief), AG_ERR_SEAL_MACHINE);
    destroy(&thief);

    stop(&node);
    memset(digits, 'c', sizeof(digits));
    snprintf(program, sizeof(program), "%s/measurement.hex", node.hardware);
    CHECK_OK(ag_file_write(program, AG_ARRAY_VIEW(digits), 0600));
    start_ground(&node);
    CHECK_ERR(open_keys(&node), AG_ERR_SEAL_MEASUREMENT);
    stop(&node);
    CHECK(unlink(program) == 0);
    start_ground(&node);
    CHECK_OK(open_keys(&node));
    destroy(&node);
}

/* ---- the anchored store as a whole ------------------------------------------------------------- */

static const char meta_key[] = "meta";

/* Steps 1 to 3 of the discipline in seal.h, as far as `steps`. */
static void anchored_commit(struct node *node, uint64_t counter, unsigned steps)
{
    struct ag_meta meta = {.store_format = 1,
                           .chain_id = 901,
                           .next_admission = 1,
                           .first_unbatched = 1,
                           .key_epoch = 1,
                           .anchor_counter = counter + 1};
    struct ag_vec plain;
    struct ag_vec sealed;
    struct ag_store_tx *tx = NULL;
    ag_vec_init(&plain, 4096);
    ag_vec_init(&sealed, 4096);
    CHECK_OK(ag_meta_encode(&meta, &plain));
    CHECK_OK(
        ag_seal_seal(node->seal, AG_PURPOSE_META, 0, text(meta_key), ag_vec_view(&plain), &sealed));
    CHECK_OK(ag_store_begin(node->store, &tx));
    CHECK_OK(ag_store_put(tx, AG_TABLE_META, text(meta_key), ag_vec_view(&sealed)));
    if (steps >= 2) {
        CHECK_OK(ag_store_commit(tx));
    } else {
        ag_store_abort(tx);
    }
    if (steps >= 3) {
        CHECK_OK(ag_seal_anchor_advance(node->tee, counter + 1));
    }
    ag_vec_close(&plain);
    ag_vec_close(&sealed);
}

/* What the next start says, and the counter it goes on from. */
static enum ag_err check_anchor(struct node *node, uint64_t *out_counter)
{
    struct ag_store_tx *tx AG_SCOPED(ag_store_read_cleanup) = NULL;
    struct ag_arena arena AG_SCOPED(ag_arena_close) = {0};
    struct ag_meta meta = {0};
    struct ag_bytes sealed = {NULL, 0};
    struct ag_bytes plain = {NULL, 0};
    ag_arena_init(&arena, 65536);
    AG_TRY(ag_store_read_begin(node->store, &tx));
    enum ag_err err = ag_store_get(tx, AG_TABLE_META, text(meta_key), &sealed);
    if (err != AG_ERR_NOT_FOUND) {
        AG_TRY(err);
        AG_TRY(
            ag_seal_unseal(node->seal, AG_PURPOSE_META, 0, text(meta_key), sealed, &arena, &plain));
        AG_TRY(ag_meta_decode(plain, &meta, NULL));
    }
    *out_counter = meta.anchor_counter;
    return ag_seal_anchor_check(node->tee, meta.anchor_counter);
}

static void stop_and_start_ground(struct node *node)
{
    stop(node);
    start_ground(node);
}

static void test_store_taken_back(void)
{
    struct node node;
    uint64_t counter = 0;
    make_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 0);
    for (uint64_t i = 0; i < 3; i++) {
        anchored_commit(&node, i, 3);
    }
    stop(&node);
    save_store(&node, "older", false);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 3);
    anchored_commit(&node, 3, 3);
    stop(&node);
    save_store(&node, "newest", false);

    save_store(&node, "older", true); /* the whole directory goes back one commit */
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    stop(&node);
    nftw(node.path, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* or is thrown away */
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    stop(&node);
    save_store(&node, "newest", true);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 4);
    destroy(&node);
}

static void test_crash_at_each_step(void)
{
    struct node node;
    uint64_t counter = 0;
    make_ground(&node);
    anchored_commit(&node, 0, 3);
    stop_and_start_ground(&node);

    anchored_commit(&node, 1, 1); /* died before the commit */
    stop(&node);
    save_store(&node, "before", false);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 1);

    anchored_commit(&node, 1, 2); /* died between commit and counter */
    stop(&node);
    save_store(&node, "between", false);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 2);
    CHECK_OK(check_anchor(&node, &counter)); /* caught up once, and that is that */
    stop(&node);
    save_store(&node, "before", true);
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    stop(&node);

    /* The host may pick either of two copies that differ in an unfinished commit; the anchored commit
     * that each start makes then closes the door on the other. */
    save_store(&node, "between", true);
    start_ground(&node);
    anchored_commit(&node, 2, 2);
    stop(&node);
    save_store(&node, "unfinished", false);
    save_store(&node, "between", true);
    start_ground(&node);
    CHECK_OK(check_anchor(&node, &counter));
    CHECK_U64(counter, 2);
    anchored_commit(&node, 2, 3); /* of the start */
    anchored_commit(&node, 3, 3); /* of the first thing that leaves */
    stop(&node);
    save_store(&node, "unfinished", true);
    start_ground(&node);
    CHECK_ERR(check_anchor(&node, &counter), AG_ERR_SEAL_ROLLBACK);
    destroy(&node);
}

/* ---- threads ----------------------------------------------------------------------------------- */

struct worker {
    struct node *node;
    unsigned lane;
    const struct letter *letters; /* one per epoch, from 1 */
    atomic_bool *is_over;
    uint64_t read_count;
    uint64_t refused_count;
    enum ag_err wrong;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    uint8_t own[AG_MLDSA87_SIGNATURE_SIZE];
    while (!atomic_load(worker->is_over)) {
        for (uint64_t epoch = 1; epoch <= 2; epoch++) {
            enum ag_err err =
                read_letter(worker->node->keyring, worker->lane, &worker->letters[epoch]);
            worker->read_count += err == AG_OK;
            worker->refused_count += err == AG_ERR_ENVELOPE_EPOCH;
            if (err != AG_OK && err != AG_ERR_ENVELOPE_EPOCH) {
                worker->wrong = err;
            }
        }
        enum ag_err err = ag_keyring_sign(worker->node->keyring, AG_SIG_MLDSA87, AG_TAG_GROUP_MLDSA,
                                          text("m"), (struct ag_buf){own, sizeof(own)});
        if (err != AG_OK) {
            worker->wrong = err;
        }
    }
    return NULL;
}

/* Lanes receive and sign while epochs come and go. */
static void test_lanes_beside_rotation(void)
{
    struct node node;
    struct letter letters[3];
    struct worker workers[3];
    pthread_t threads[3];
    atomic_bool is_over = false;
    make(&node);
    CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS));
    write_letter(&node, 1, AG_KEM_MLKEM1024_P384, &letters[1]);
    write_letter(&node, 2, AG_KEM_MLKEM1024_P384, &letters[2]);
    for (unsigned i = 0; i < 3; i++) {
        workers[i] = (struct worker){&node, i, letters, &is_over, 0, 0, AG_OK};
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    usleep(20000);
    for (uint64_t epoch = 1; epoch <= 6; epoch++) {
        CHECK_OK(ag_keyring_rotate(node.keyring, NOW_MS));
        CHECK_OK(ag_keyring_retire(node.keyring, epoch));
    }
    usleep(20000);
    atomic_store(&is_over, true);
    uint64_t read_count = 0;
    uint64_t refused_count = 0;
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK_OK(workers[i].wrong);
        read_count += workers[i].read_count;
        refused_count += workers[i].refused_count;
    }
    CHECK(read_count > 0 && refused_count > 0);
    CHECK_U64(ag_keyring_epoch(node.keyring), 8);
    CHECK_U64(ag_keyring_epoch_first(node.keyring), 7);
    destroy(&node);
}

static const struct ag_test_case cases[] = {
    {"the first epoch: bundle, letters, signatures, restart", test_first_epoch},
    {"the posting key is the bundle's", test_posting_key},
    {"seeds are sealed", test_seeds_are_sealed},
    {"misuse: configurations, lanes, epochs, suites, tags, sizes", test_misuse_is_refused},
    {"keys of another chain are KEYRING_CHAIN", test_another_chain},
    {"epochs overlap, up to their limit", test_epochs_overlap},
    {"retirement erases, and keeps bundles", test_retirement},
    {"a change within a larger transaction", test_change_in_a_larger_transaction},
    {"each random draw fails once: nothing half-written", test_failed_draws},
    {"each allocation fails once: nothing half-written", test_failed_allocations},
    {"a full store does not lose keys", test_full_store},
    {"damaged rows are refused by name", test_damaged_rows},
    {"another machine's and another program's store", test_other_machine_other_program},
    {"the whole store taken back is SEAL_ROLLBACK", test_store_taken_back},
    {"a crash at each step of an anchored commit", test_crash_at_each_step},
    {"lanes receive and sign beside rotation", test_lanes_beside_rotation},
};
TEST_MAIN(cases)
