/* SPDX-License-Identifier: Apache-2.0 */
/* What can he do who owns host, disk, network and clock? Each case is an attack that must fail. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/batch.h"
#include "node.h"
#include "seq/seq_i.h"
#include "test.h"

static void open_ok(struct test_node *node, const char *const *flags)
{
    struct ag_fault fault = {0};
    test_node_init(node, flags);
    node->is_clocked = true;
    CHECK_OK(test_node_open(node, &fault));
}

static void close_all(struct test_node *node)
{
    test_node_close(node);
    test_node_remove(node);
}

static enum ag_err send_result(struct test_node *node, const struct test_tx *tx, struct ag_id *id)
{
    struct ag_submission *submission = test_send(node, tx);
    enum ag_err result = submission->result;
    if (id != NULL) {
        *id = submission->envelope_id;
    }
    ag_seq_submission_close(submission);
    return result;
}

/* ---- the disk -------------------------------------------------------------------------------- */

static bool is_on_disk(const struct ag_vec *disk, struct ag_bytes wanted)
{
    return memmem(disk->data, disk->size, wanted.data, wanted.size) != NULL;
}

/* The host sees every page of a commit before the hardware's counter has passed it. What it could
 * read there, it could read, kill the node, put the store back, and let the node plan anew: bodies
 * read before their place is fixed, and two signed batches with one number. */
static void read_the_disk(void)
{
    struct test_node node;
    struct ag_id id;
    struct ag_vec disk;
    struct ag_vec bytes;
    char path[320];
    open_ok(&node, NULL);
    ag_vec_init(&disk, 1u << 30);
    ag_vec_init(&bytes, AG_LIMIT_BATCH_FILE_BYTES);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .data_size = 64}, &id));
    CHECK(test_step_to(&node, 1));
    (void)snprintf(path, sizeof(path), "%s/data/store/data.mdb", node.dir);
    CHECK_OK(ag_file_read(path, AG_LIMIT_FILE_BYTES, &disk));

    struct ag_batch_file file;
    struct ag_batch_entry entry;
    CHECK_OK(ag_seq_batch_export(node.seq, 1, &bytes));
    CHECK_OK(ag_batch_file_decode(ag_vec_view(&bytes), &file, NULL));
    struct ag_bytes rest = file.entries;
    CHECK_OK(ag_batch_entry_next(&rest, &entry, NULL));
    CHECK(entry.payload.size > 100);
    CHECK(!is_on_disk(&disk, entry.payload));
    CHECK(!is_on_disk(&disk, entry.head));
    CHECK(!is_on_disk(&disk, file.mldsa87));
    CHECK(!is_on_disk(&disk, file.slhdsa));

    struct ag_admission_receipt receipt;
    bytes.size = 0;
    CHECK_OK(ag_seq_admission_receipt(node.seq, &id, &bytes));
    CHECK_OK(ag_admission_receipt_decode(ag_vec_view(&bytes), &receipt, NULL));
    CHECK(!is_on_disk(&disk, receipt.signature));

    /* The search finds what is there: the id of the envelope is no secret. */
    CHECK(is_on_disk(&disk, AG_VIEW(&id)));
    ag_vec_close(&bytes);
    ag_vec_close(&disk);
    close_all(&node);
}

static struct ag_store *open_store(struct test_node *node)
{
    struct ag_store *store = NULL;
    char path[320];
    (void)snprintf(path, sizeof(path), "%s/data/store", node->dir);
    CHECK_OK(ag_store_open(path, 1u << 30, &store));
    return store;
}

/* Two nodes of one program on one machine, each with its own copy of the store. Taking turns at the
 * counter they could be led to the same value with different contents: two chains from one key. */
static void two_copies_at_once(void)
{
    struct test_node node;
    struct test_node copy;
    struct ag_fault fault = {0};
    char data[320];
    char twin[320];
    open_ok(&node, NULL);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    copy = node;
    copy.seq = NULL;
    (void)snprintf(data, sizeof(data), "%s/data", node.dir);
    (void)snprintf(twin, sizeof(twin), "%s/twin", node.dir);
    test_copy_tree(data, twin);
    (void)snprintf(copy.conf.data_dir, sizeof(copy.conf.data_dir), "%s", twin);
    CHECK_ERR(test_node_open(&copy, &fault), AG_ERR_BUSY);
    /* The first one goes on as if nothing had been. */
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 1}, NULL));
    CHECK(test_step_to(&node, 1));
    close_all(&node);
}

/* Two rows of the receipt index changed over: the node would answer for another's envelope. */
static void swap_answers(void)
{
    struct test_node node;
    struct ag_id ids[2];
    struct ag_vec values[2];
    struct ag_fault fault = {0};
    const char *const flags[] = {"--batch_min_tx=2", NULL};
    open_ok(&node, flags);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, &ids[0]));
    CHECK_OK(
        send_result(&node, &(struct test_tx){.sender = 2, .head_fee_too_high = true}, &ids[1]));
    CHECK(test_step_to(&node, 1));
    test_node_close(&node);

    struct ag_store *store = open_store(&node);
    struct ag_store_tx *tx = NULL;
    CHECK_OK(ag_store_begin(store, &tx));
    for (size_t i = 0; i < 2; i++) {
        struct ag_bytes value;
        ag_vec_init(&values[i], 4096);
        CHECK_OK(ag_store_get(tx, AG_TABLE_RECEIPTS, AG_VIEW(&ids[i]), &value));
        CHECK_OK(ag_vec_append(&values[i], value));
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(
            ag_store_put(tx, AG_TABLE_RECEIPTS, AG_VIEW(&ids[i]), ag_vec_view(&values[1 - i])));
    }
    CHECK_OK(ag_store_commit(tx));
    ag_store_close(store);

    CHECK_OK(test_node_open(&node, &fault));
    for (size_t i = 0; i < 2; i++) {
        struct ag_tx_status status;
        values[i].size = 0;
        CHECK_ERR(ag_seq_tx_status(node.seq, &ids[i], &status), AG_ERR_STORE_CORRUPT);
        CHECK_ERR(ag_seq_outcome_receipt(node.seq, &ids[i], &values[i]), AG_ERR_STORE_CORRUPT);
        CHECK_ERR(ag_seq_admission_receipt(node.seq, &ids[i], &values[i]), AG_ERR_STORE_CORRUPT);
        ag_vec_close(&values[i]);
    }
    close_all(&node);
}

/* What many batches share stands in clear under its digest. */
static void change_shared_parts(void)
{
    struct test_node node;
    struct ag_fault fault = {0};
    struct ag_vec file;
    open_ok(&node, NULL);
    ag_vec_init(&file, AG_LIMIT_BATCH_FILE_BYTES);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    CHECK(test_step_to(&node, 1));
    test_node_close(&node);

    struct ag_store *store = open_store(&node);
    struct ag_store_tx *tx = NULL;
    struct ag_store_cursor *cursor = NULL;
    struct ag_store_entry row;
    CHECK_OK(ag_store_begin(store, &tx));
    CHECK_OK(ag_store_cursor_open(tx, AG_TABLE_COLLATERAL, &cursor));
    CHECK_OK(ag_store_first(cursor, &row));
    struct ag_hash key;
    memcpy(key.bytes, row.key.data, sizeof(key.bytes));
    ag_store_cursor_close(cursor);
    CHECK_OK(ag_store_put(tx, AG_TABLE_COLLATERAL, AG_VIEW(&key), AG_LITERAL("another")));
    CHECK_OK(ag_store_commit(tx));
    ag_store_close(store);

    CHECK_OK(test_node_open(&node, &fault));
    CHECK_ERR(ag_seq_batch_export(node.seq, 1, &file), AG_ERR_STORE_CORRUPT);
    ag_vec_close(&file);
    close_all(&node);
}

/* ---- promises -------------------------------------------------------------------------------- */

/* A receipt says by when its envelope is in a batch, whatever the operator configured. */
static void deadline_of_a_slow_node(void)
{
    static const char *const configurations[][3] = {
        {"--batch_interval_ms=3600000", NULL},
        {"--batch_interval_ms=1", "--batch_min_tx=5", NULL},
    };
    for (size_t i = 0; i < AG_COUNT(configurations); i++) {
        struct test_node node;
        struct ag_seq_status status;
        open_ok(&node, configurations[i]);
        struct ag_submission *submission = test_send(&node, &(struct test_tx){.sender = 1});
        CHECK_OK(submission->result);
        while (node.clock.now_ms < submission->deadline_ms) {
            bool did_work = false;
            CHECK_OK(ag_seq_step(node.seq, &did_work));
            node.clock.now_ms += 500;
        }
        ag_seq_status(node.seq, &status);
        CHECK_U64(status.head_number, 1);
        CHECK(status.head_time_ms <= submission->deadline_ms);
        ag_seq_submission_close(submission);
        close_all(&node);
    }
}

/* Who holds a node back by its clock, its power or its disk must not choose when an order runs. */
static void run_after_expiry(void)
{
    const char *const flags[] = {"--batch_interval_ms=20000", NULL};
    struct test_node node;
    struct ag_id ids[2];
    struct ag_tx_status status;
    open_ok(&node, flags);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .expires_in_ms = 10000}, &ids[0]));
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 2}, &ids[1]));
    node.clock.now_ms += 15000;
    CHECK(test_step_to(&node, 1));
    CHECK_OK(ag_seq_tx_status(node.seq, &ids[0], &status));
    CHECK_U64(status.outcome.reason, AG_ERR_ENVELOPE_EXPIRED);
    CHECK_OK(ag_seq_tx_status(node.seq, &ids[1], &status));
    CHECK_U64(status.outcome.reason, 0);
    /* And he may ask again, with the same nonce. */
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .fee = 7}, NULL));
    close_all(&node);
}

/* ---- framing --------------------------------------------------------------------------------- */

static struct ag_submission *send_from(struct test_node *node, const struct test_tx *tx,
                                       uint8_t source)
{
    struct ag_vec envelope;
    struct ag_submission *submission = NULL;
    struct ag_event event = {0};
    const struct ag_id id = {{source}};
    bool did_work = false;
    ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(test_seal(node, tx, &envelope));
    CHECK_OK(ag_seq_submission_open(ag_vec_view(&envelope), &id, NULL, &submission));
    CHECK_OK(ag_seq_submit(node->seq, &submission, 1));
    CHECK_OK(ag_seq_step(node->seq, &did_work));
    while (ag_seq_events(node->seq, &event, 1) == 1 && event.submission != submission) {
    }
    CHECK(event.submission == submission);
    ag_vec_close(&envelope);
    return submission;
}

/* Everyone can read a transaction that is on the chain, and seal it anew under a head that does not
 * fit. Whose signature it carries must not pay for that. */
static void strikes_for_another(void)
{
    static const struct test_tx bends[] = {
        {.sender = 1, .head_nonce_differs = true},
        {.sender = 1, .head_gas_differs = true, .nonce = 1},
        {.sender = 1, .head_fee_too_high = true, .nonce = 1},
    };
    struct test_node node;
    uint64_t batch = 1;
    open_ok(&node, NULL);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    CHECK(test_step_to(&node, batch));
    for (unsigned i = 0; i < 20; i++) {
        struct test_tx tx = bends[i % AG_COUNT(bends)];
        tx.data_size = i; /* another envelope each time */
        struct ag_submission *submission = send_from(&node, &tx, 2);
        CHECK(submission->result == AG_OK || submission->result == AG_ERR_MEMPOOL_RATE);
        if (submission->result == AG_OK) {
            CHECK(test_step_to(&node, ++batch));
        }
        ag_seq_submission_close(submission);
    }
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 1}, NULL));
    close_all(&node);
}

/* ---- the order ------------------------------------------------------------------------------- */

/* A flag in a head must not buy what others pay fees for. */
static void place_for_a_flag(void)
{
    struct test_node node;
    open_ok(&node, NULL);
    CHECK_ERR(
        send_result(&node, &(struct test_tx){.sender = 1, .head_requires_migration = true}, NULL),
        AG_ERR_ENVELOPE_MISMATCH);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    close_all(&node);
}

/* ---- the verifier ---------------------------------------------------------------------------- */

/* A batch that a faulty node signed with its true keys, inside true hardware. */
struct forgery {
    struct ag_batch_header header;
    struct ag_batch_entry entries[4];
    uint32_t count;
    struct ag_head head; /* of entry 0, encoded anew if `has_head` */
    bool has_head;
};

static void sign_forgery(struct test_node *node, struct forgery *forgery,
                         const struct ag_batch_file *genuine, struct ag_vec *out)
{
    struct ag_batch *batch = NULL;
    struct ag_vec head;
    ag_vec_init(&head, 4096);
    if (forgery->has_head) {
        CHECK_OK(ag_head_encode(&forgery->head, &head));
        forgery->entries[0].head = ag_vec_view(&head);
        CHECK_OK(ag_head_id(ag_vec_view(&head), &forgery->entries[0].outcome.head_id));
    }
    CHECK_OK(ag_batch_build(&forgery->header, forgery->entries, forgery->count, &batch));
    CHECK_OK(ag_batch_sign(batch, node->seq->keyring));
    const struct ag_batch_identity identity = {genuine->bundle, genuine->bundle_evidence,
                                               genuine->collateral};
    CHECK_OK(ag_batch_attest(batch, node->seq->tee, &identity, genuine->judged_ms));
    out->size = 0;
    CHECK_OK(ag_batch_file_encode(ag_batch_parts(batch), out));
    ag_batch_close(batch);
    ag_vec_close(&head);
}

static void bend_nothing(struct forgery *forgery)
{
    (void)forgery;
}
static void bend_chain(struct forgery *forgery)
{
    forgery->head.chain_id++;
    forgery->has_head = true;
}
static void bend_epoch(struct forgery *forgery)
{
    forgery->head.key_epoch = 9;
    forgery->has_head = true;
}
static void bend_expiry(struct forgery *forgery)
{
    forgery->head.expires_ms = forgery->header.time_ms - 1;
    forgery->has_head = true;
}
static void bend_flag(struct forgery *forgery)
{
    forgery->head.requires_migration = true;
    forgery->has_head = true;
}
static void bend_reason(struct forgery *forgery)
{
    struct ag_batch_entry *entry = &forgery->entries[1];
    entry->outcome.status = AG_OUTCOME_EXCLUDED;
    entry->outcome.reason = AG_ERR_BUSY;
    entry->outcome.tx_index = AG_NO_TX_INDEX;
    memset(entry->outcome.tx_hash, 0, sizeof(entry->outcome.tx_hash));
    entry->payload = (struct ag_bytes){NULL, 0};
}
static void bend_checkpoint(struct forgery *forgery)
{
    forgery->header.checkpoint.bytes[0] = 1;
}
static void bend_risk(struct forgery *forgery)
{
    forgery->header.risk.global_bp = 10000;
}
static void bend_first(struct forgery *forgery)
{
    forgery->header.first_admission = 5;
    forgery->entries[0].outcome.admission += 4;
    forgery->entries[1].outcome.admission += 4;
}
static void bend_groups(struct forgery *forgery)
{
    forgery->header.last_group = 0;
}

static void signed_nonsense(void)
{
    static const struct {
        void (*bend)(struct forgery *forgery);
        const char *failed_claim;
    } rows[] = {
        {bend_nothing, NULL},        {bend_chain, "entries"}, {bend_epoch, "entries"},
        {bend_expiry, "entries"},    {bend_flag, "entries"},  {bend_reason, "entries"},
        {bend_checkpoint, "header"}, {bend_risk, "header"},   {bend_first, "header"},
        {bend_groups, "header"},
    };
    const char *const flags[] = {"--batch_min_tx=2", NULL};
    struct test_node node;
    struct ag_vec bytes;
    struct ag_vec out;
    struct ag_batch_file file;
    open_ok(&node, flags);
    ag_vec_init(&bytes, AG_LIMIT_BATCH_FILE_BYTES);
    ag_vec_init(&out, AG_LIMIT_BATCH_FILE_BYTES);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 2}, NULL));
    CHECK(test_step_to(&node, 1));
    CHECK_OK(ag_seq_batch_export(node.seq, 1, &bytes));
    CHECK_OK(ag_batch_file_decode(ag_vec_view(&bytes), &file, NULL));

    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct forgery forgery = {.count = file.entry_count};
        struct ag_batch_verdict *verdict = NULL;
        struct ag_bytes rest = file.entries;
        CHECK_OK(ag_batch_header_decode(file.header, &forgery.header, NULL));
        for (uint32_t j = 0; j < file.entry_count; j++) {
            CHECK_OK(ag_batch_entry_next(&rest, &forgery.entries[j], NULL));
        }
        CHECK_OK(ag_head_decode(forgery.entries[0].head, &forgery.head, NULL));
        rows[i].bend(&forgery);
        sign_forgery(&node, &forgery, &file, &out);
        CHECK_OK(ag_batch_verify(ag_vec_view(&out), node.seq->policy, NULL, NULL, &verdict));
        bool is_named = rows[i].failed_claim == NULL;
        for (size_t j = 0; j < verdict->claim_count; j++) {
            bool is_failed = verdict->claims[j].result == AG_CLAIM_FAILED;
            is_named = is_named || (is_failed && rows[i].failed_claim != NULL &&
                                    strcmp(verdict->claims[j].name, rows[i].failed_claim) == 0);
        }
        if (!is_named || verdict->is_accepted != (rows[i].failed_claim == NULL)) {
            ag_test_note("row %zu", i);
        }
        CHECK(is_named);
        CHECK(verdict->is_accepted == (rows[i].failed_claim == NULL));
        ag_batch_verdict_close(verdict);
    }
    ag_vec_close(&bytes);
    ag_vec_close(&out);
    close_all(&node);
}

/* Makes the simulated machine another one; how many counters it had. */
static unsigned forget_counters(const char *sim)
{
    unsigned count = 0;
    DIR *dir = opendir(sim);
    CHECK(dir != NULL);
    if (dir == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        const char *end = strrchr(entry->d_name, '.');
        if (strncmp(entry->d_name, "counter-", 8) == 0 && end != NULL && strcmp(end, ".bin") == 0) {
            CHECK(unlinkat(dirfd(dir), entry->d_name, 0) == 0);
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

/* The same program, on the same kind of hardware, under the same chain id, run by somebody else: a
 * policy that names the program accepts both. Only the genesis tells them apart. */
static void another_chain_of_the_same_id(void)
{
    struct test_node nodes[2];
    struct ag_vec bytes;
    ag_vec_init(&bytes, AG_LIMIT_BATCH_FILE_BYTES);
    test_node_init(&nodes[0], NULL);
    test_node_init(&nodes[1], NULL);
    char sim[sizeof(nodes[0].conf.sim_dir)];
    memcpy(sim, nodes[0].conf.sim_dir, sizeof(sim));
    for (size_t i = 0; i < 2; i++) {
        struct ag_fault fault = {0};
        nodes[i].is_clocked = true;
        memcpy(nodes[i].conf.sim_dir, sim, sizeof(sim));
        CHECK_OK(test_node_open(&nodes[i], &fault));
        CHECK_OK(send_result(&nodes[i], &(struct test_tx){.sender = 1}, NULL));
        CHECK(test_step_to(&nodes[i], 1));
        if (i == 0) {
            /* One machine runs one node at a time; the second one is as good as another machine. */
            CHECK_OK(ag_seq_batch_export(nodes[0].seq, 1, &bytes));
            test_node_close(&nodes[0]);
            CHECK(forget_counters(sim) == 1);
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        struct ag_batch_verdict *verdict = NULL;
        struct ag_batch_expect expect = {.has_genesis = i != 0};
        struct ag_bundle bundle = nodes[i == 2 ? 1 : 0].bundle;
        expect.genesis = bundle.genesis;
        CHECK_OK(
            ag_batch_verify(ag_vec_view(&bytes), nodes[1].seq->policy, &expect, NULL, &verdict));
        CHECK(verdict->is_accepted == (i != 2));
        ag_batch_verdict_close(verdict);
    }
    CHECK(!ag_bytes_equal(AG_VIEW(&nodes[0].bundle.genesis), AG_VIEW(&nodes[1].bundle.genesis)));
    ag_vec_close(&bytes);
    close_all(&nodes[1]);
    test_node_remove(&nodes[0]);
}

static const struct ag_test_case cases[] = {
    {"the host reads the disk before the counter moves", read_the_disk},
    {"the host runs two copies at once", two_copies_at_once},
    {"the host changes answers over", swap_answers},
    {"the host replaces what batches share", change_shared_parts},
    {"the deadline of a receipt is kept", deadline_of_a_slow_node},
    {"nothing runs after its expiry", run_after_expiry},
    {"nobody is struck for what another sealed", strikes_for_another},
    {"no place for a flag", place_for_a_flag},
    {"another chain of the same id", another_chain_of_the_same_id},
    {"what a faulty node signs contradicts itself", signed_nonsense},
};
TEST_MAIN(cases)
