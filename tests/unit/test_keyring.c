/* SPDX-License-Identifier: Apache-2.0 */
/* Does keyring keep its contract, over the simulated hardware and a real store? */
#include <pthread.h>
#include <stdatomic.h>

#include "test_keyring_node.h"

/* ---- first start, restart -------------------------------------------------------------------- */

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

/* ---- misuse ---------------------------------------------------------------------------------- */

static void test_configurations_are_refused(void)
{
    struct node node;
    static const uint16_t unknown[] = {0x0050};
    static const uint16_t backwards[] = {AG_KEM_MLKEM1024_P384, AG_KEM_MLKEM1024};
    static const uint16_t twice[] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024};
    make_ground(&node);
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
    destroy(&node);
}

static void test_letters_are_refused(void)
{
    struct node node;
    static const uint16_t only[] = {AG_KEM_MLKEM1024_P384};
    make_ground(&node);
    node.config.kems = only;
    node.config.kem_count = 1;
    CHECK_OK(open_keys(&node));
    struct letter letter = {0};
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
    destroy(&node);
}

static void test_misuse_is_refused(void)
{
    struct node node;
    make(&node);
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

/* ---- rotation -------------------------------------------------------------------------------- */

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

/* ---- threads --------------------------------------------------------------------------------- */

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
    {"misuse: configurations", test_configurations_are_refused},
    {"misuse: letters to lanes, epochs and suites that are not", test_letters_are_refused},
    {"misuse: tags, sizes, epochs", test_misuse_is_refused},
    {"keys of another chain are KEYRING_CHAIN", test_another_chain},
    {"epochs overlap, up to their limit", test_epochs_overlap},
    {"retirement erases, and keeps bundles", test_retirement},
    {"a change within a larger transaction", test_change_in_a_larger_transaction},
    {"lanes receive and sign beside rotation", test_lanes_beside_rotation},
};
TEST_MAIN(cases)
