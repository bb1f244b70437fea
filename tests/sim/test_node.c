/* SPDX-License-Identifier: Apache-2.0 */
/* Does a whole node keep its promises while clock, disk, memory, chance and its own store fail? */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node.h"
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

static enum ag_err reopen(struct test_node *node)
{
    struct ag_fault fault = {0};
    test_node_close(node);
    return test_node_open(node, &fault);
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

/* ---- the main job ---------------------------------------------------------------------------- */

static void check_receipts(struct test_node *node, const struct ag_id *id, bool is_included,
                           enum ag_err reason)
{
    struct ag_vec bytes;
    struct ag_admission_receipt admission;
    struct ag_outcome_receipt outcome;
    struct ag_fault fault = {0};
    ag_vec_init(&bytes, AG_LIMIT_RECEIPT_BYTES);

    CHECK_OK(ag_seq_admission_receipt(node->seq, id, &bytes));
    CHECK_OK(ag_admission_receipt_decode(ag_vec_view(&bytes), &admission, &fault));
    CHECK_OK(ag_admission_receipt_verify(&admission, ag_vec_view(&node->bundle_bytes), &fault));
    CHECK_BYTES(AG_VIEW(&admission.leaf.envelope_id), AG_VIEW(id));

    bytes.size = 0;
    CHECK_OK(ag_seq_outcome_receipt(node->seq, id, &bytes));
    CHECK_OK(ag_outcome_receipt_decode(ag_vec_view(&bytes), &outcome, &fault));
    CHECK_OK(ag_outcome_receipt_verify(&outcome, ag_vec_view(&node->bundle_bytes), &fault));
    CHECK_BYTES(AG_VIEW(&outcome.outcome.envelope_id), AG_VIEW(id));
    CHECK((outcome.outcome.status == AG_OUTCOME_INCLUDED) == is_included);
    CHECK_U64(outcome.outcome.reason, (uint64_t)reason);
    ag_vec_close(&bytes);
}

static void one_transaction(void)
{
    struct test_node node;
    struct ag_id id;
    open_ok(&node, NULL);
    const uint16_t kems[] = {AG_KEM_MLKEM1024, AG_KEM_MLKEM1024_P384};
    for (unsigned i = 0; i < 2; i++) {
        struct ag_tx_status status;
        const struct test_tx tx = {.sender = 1, .nonce = i, .kem = kems[i]};
        CHECK_OK(send_result(&node, &tx, &id));
        CHECK_OK(ag_seq_tx_status(node.seq, &id, &status));
        CHECK(status.state == AG_TX_ADMITTED || status.state == AG_TX_PLANNED);
        CHECK(test_step_to(&node, i + 1));
        CHECK_OK(ag_seq_tx_status(node.seq, &id, &status));
        CHECK(status.state == AG_TX_COMMITTED);
        CHECK_U64(status.batch, i + 1);
        check_receipts(&node, &id, true, AG_OK);
    }
    struct ag_tx_status status;
    const struct ag_id nobody = {{9}};
    CHECK_ERR(ag_seq_tx_status(node.seq, &nobody, &status), AG_ERR_NOT_FOUND);
    struct ag_batch_header header;
    struct ag_hash digest;
    CHECK_ERR(ag_seq_batch_header(node.seq, 3, &header, &digest), AG_ERR_BATCH_NUMBER);
    close_all(&node);
}

static void exclusions(void)
{
    static const struct {
        const char *name;
        struct test_tx tx;
        enum ag_err reason;
    } rows[] = {
        {"right", {.sender = 1}, AG_OK},
        {"head names another sender",
         {.sender = 2, .head_of_other_sender = true},
         AG_ERR_ENVELOPE_SENDER},
        {"head names another nonce",
         {.sender = 3, .head_nonce_differs = true},
         AG_ERR_ENVELOPE_MISMATCH},
        {"head names another gas limit",
         {.sender = 4, .head_gas_differs = true},
         AG_ERR_ENVELOPE_MISMATCH},
        {"head promises a higher fee",
         {.sender = 5, .head_fee_too_high = true},
         AG_ERR_ENVELOPE_FEE},
        {"transaction for another chain", {.sender = 6, .chain_id = 1}, AG_ERR_TX_CHAIN},
        {"payload of an unknown type", {.sender = 7, .payload_is_garbage = true}, AG_ERR_TX_TYPE},
        {"first nonce of a sender", {.sender = 9, .nonce = 5}, AG_OK},
        {"next but one nonce", {.sender = 9, .nonce = 7}, AG_ERR_ENVELOPE_NONCE},
    };
    const char *const flags[] = {"--batch_interval_ms=1000", "--batch_min_tx=9", NULL};
    struct test_node node;
    struct ag_id ids[AG_COUNT(rows)];
    open_ok(&node, flags);
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        CHECK_OK(send_result(&node, &rows[i].tx, &ids[i]));
    }
    CHECK(test_step_to(&node, 1));
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        check_receipts(&node, &ids[i], rows[i].reason == AG_OK, rows[i].reason);
    }
    /* What never reached the chain blocks nobody: the same nonce may be used again. */
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 9, .nonce = 7, .fee = 5}, NULL));
    CHECK_ERR(send_result(&node, &(struct test_tx){.sender = 9, .nonce = 5, .fee = 5}, NULL),
              AG_ERR_ENVELOPE_REPLAY);
    close_all(&node);
}

static void refusals(void)
{
    struct test_node node;
    open_ok(&node, NULL);
    CHECK_ERR(send_result(&node, &(struct test_tx){.sender = 1, .head_is_expired = true}, NULL),
              AG_ERR_ENVELOPE_EXPIRED);
    CHECK_ERR(send_result(&node, &(struct test_tx){.sender = 1, .expires_in_ms = 3600000}, NULL),
              AG_ERR_ENVELOPE_FUTURE);
    CHECK_ERR(
        send_result(&node, &(struct test_tx){.sender = 1, .payload_of_other_kind = true}, NULL),
        AG_ERR_ENVELOPE_KIND);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    CHECK_ERR(send_result(&node, &(struct test_tx){.sender = 1, .fee = 77}, NULL),
              AG_ERR_ENVELOPE_REPLAY);
    close_all(&node);
}

/* Every truncation and every flipped byte of an envelope: a typed error, and nothing is taken
 * in. */
static void bent_envelopes(void)
{
    struct test_node node;
    struct ag_vec envelope;
    struct ag_seq_status before;
    struct ag_seq_status after;
    const char *const flags[] = {"--source_burst=1000000", "--source_rate=1000000", NULL};
    open_ok(&node, flags);
    ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(test_seal(&node, &(struct test_tx){.sender = 1}, &envelope));
    ag_seq_status(node.seq, &before);
    for (size_t size = 0; size < envelope.size; size++) {
        struct ag_submission *bent = test_send_bytes(&node, ag_bytes_of(envelope.data, size));
        CHECK(bent->result != AG_OK);
        CHECK(ag_err_class(bent->result) == AG_CLASS_INPUT ||
              ag_err_class(bent->result) == AG_CLASS_UNSUPPORTED);
        ag_seq_submission_close(bent);
    }
    /* The stamp at the end is no part of what is sealed, and the body opens only after the plan. */
    size_t body_size = ag_body_classes[0] + AG_GCM_TAG_SIZE;
    size_t head_end = envelope.size - 8 - body_size;
    for (size_t i = 0; i < head_end; i++) {
        envelope.data[i] ^= 0x20;
        struct ag_submission *bent = test_send_bytes(&node, ag_vec_view(&envelope));
        CHECK(bent->result != AG_OK);
        ag_seq_submission_close(bent);
        envelope.data[i] ^= 0x20;
    }
    ag_seq_status(node.seq, &after);
    CHECK_U64(after.next_admission, before.next_admission);
    ag_vec_close(&envelope);
    close_all(&node);
}

/* ---- restarts -------------------------------------------------------------------------------- */

static void restart_keeps_promises(void)
{
    const char *const flags[] = {"--batch_interval_ms=3600000", NULL};
    struct test_node node;
    struct ag_id ids[20];
    struct ag_seq_status status;
    open_ok(&node, flags);
    for (unsigned i = 0; i < AG_COUNT(ids); i++) {
        CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .nonce = i}, &ids[i]));
    }
    CHECK_OK(reopen(&node));
    ag_seq_status(node.seq, &status);
    CHECK_U64(status.pool_count, AG_COUNT(ids));
    /* Replays are refused across restarts, before and after their batch. */
    CHECK_ERR(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 3}, NULL),
              AG_ERR_ENVELOPE_REPLAY);
    node.conf.batch_interval_ms = 1;
    CHECK(test_step_to(&node, 1));
    for (unsigned i = 0; i < AG_COUNT(ids); i++) {
        check_receipts(&node, &ids[i], true, AG_OK);
    }
    CHECK_OK(reopen(&node));
    CHECK_ERR(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 3}, NULL),
              AG_ERR_ENVELOPE_REPLAY);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 20}, NULL));
    CHECK(test_step_to(&node, 2));
    close_all(&node);
}

static void rolled_back_store(void)
{
    struct test_node node;
    char copy[320];
    char store[320];
    open_ok(&node, NULL);
    (void)snprintf(store, sizeof(store), "%s/data", node.dir);
    (void)snprintf(copy, sizeof(copy), "%s/old", node.dir);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    test_node_close(&node);
    test_copy_tree(store, copy);

    CHECK_OK(reopen(&node));
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 1}, NULL));
    test_node_close(&node);
    test_remove_tree(store);
    CHECK(rename(copy, store) == 0);
    CHECK_ERR(reopen(&node), AG_ERR_SEAL_ROLLBACK);

    /* An emptied store on hardware that has counted is a rollback to nothing. */
    test_remove_tree(store);
    CHECK(mkdir(store, 0700) == 0);
    CHECK_ERR(reopen(&node), AG_ERR_SEAL_ROLLBACK);
    test_node_remove(&node);
}

static void other_hardware(void)
{
    struct test_node node;
    struct test_node other;
    open_ok(&node, NULL);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    test_node_close(&node);
    open_ok(&other, NULL);
    test_node_close(&other);
    (void)snprintf(node.conf.sim_dir, sizeof(node.conf.sim_dir), "%s/sim", other.dir);
    CHECK_ERR(reopen(&node), AG_ERR_SEAL_MACHINE);
    test_node_remove(&other);
    test_node_remove(&node);
}

static void simulated_hardware_needs_leave(void)
{
    struct test_node node;
    struct ag_fault fault = {0};
    const char *const flags[] = {"--allow_insecure_sim=false", NULL};
    test_node_init(&node, flags);
    CHECK_ERR(test_node_open(&node, &fault), AG_ERR_TEE_SIMULATED);
    test_node_remove(&node);
}

static void two_processes(void)
{
    struct test_node node;
    struct test_node second;
    open_ok(&node, NULL);
    second = node;
    second.seq = NULL;
    struct ag_fault fault = {0};
    CHECK_ERR(test_node_open(&second, &fault), AG_ERR_STORE_LOCKED);
    close_all(&node);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void key_epochs_overlap(void)
{
    const char *const flags[] = {"--epoch_overlap_ms=60000", "--batch_interval_ms=1", NULL};
    struct test_node node;
    struct ag_vec old_envelope;
    struct ag_vec late_envelope;
    struct ag_batch_header header;
    struct ag_hash digest;
    bool did_work = false;
    open_ok(&node, flags);
    ag_vec_init(&old_envelope, AG_LIMIT_ENVELOPE_BYTES);
    ag_vec_init(&late_envelope, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(test_seal(&node, &(struct test_tx){.sender = 1}, &old_envelope));
    const struct test_tx late = {.sender = 2, .expires_in_ms = 200000};
    CHECK_OK(test_seal(&node, &late, &late_envelope));
    struct ag_hash first_digest = node.bundle_digest;

    node.clock.now_ms += 1000;
    CHECK_OK(ag_seq_rotate_keys(node.seq));
    CHECK_OK(ag_seq_step(node.seq, &did_work));
    test_node_read_bundle(&node);
    CHECK_U64(node.bundle.key_epoch, 2);
    CHECK_BYTES(AG_VIEW(&node.bundle.previous), AG_VIEW(&first_digest));

    /* An envelope in flight is honoured, one to the new keys too; both batches are of the new
     * epoch. */
    struct ag_submission *honoured = test_send_bytes(&node, ag_vec_view(&old_envelope));
    CHECK_U64((uint64_t)honoured->result, AG_OK);
    ag_seq_submission_close(honoured);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 3}, NULL));
    CHECK(test_step_to(&node, 1));
    CHECK_OK(ag_seq_batch_header(node.seq, 1, &header, &digest));
    CHECK_U64(header.key_epoch, 2);
    CHECK_BYTES(AG_VIEW(&header.bundle_digest), AG_VIEW(&node.bundle_digest));

    /* After the overlap the old epoch is refused, and its keys are gone for good. */
    CHECK_OK(reopen(&node));
    node.clock.now_ms += 61000;
    usleep(1100000); /* epochs are looked at once a second */
    CHECK_OK(ag_seq_step(node.seq, &did_work));
    struct ag_submission *refused = test_send_bytes(&node, ag_vec_view(&late_envelope));
    CHECK_U64((uint64_t)refused->result, AG_ERR_ENVELOPE_EPOCH);
    ag_seq_submission_close(refused);
    CHECK_OK(reopen(&node));
    refused = test_send_bytes(&node, ag_vec_view(&late_envelope));
    CHECK_U64((uint64_t)refused->result, AG_ERR_ENVELOPE_EPOCH);
    ag_seq_submission_close(refused);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 4}, NULL));

    /* No more epochs at once than the limit. */
    for (unsigned i = 1; i < AG_LIMIT_KEY_EPOCHS; i++) {
        CHECK_OK(ag_seq_rotate_keys(node.seq));
        CHECK_OK(ag_seq_step(node.seq, &did_work));
    }
    CHECK_ERR(ag_seq_rotate_keys(node.seq), AG_ERR_KEYRING_EPOCHS);
    ag_vec_close(&old_envelope);
    ag_vec_close(&late_envelope);
    close_all(&node);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void clock_jumps(void)
{
    struct test_node node;
    struct ag_batch_header first;
    struct ag_batch_header second;
    struct ag_hash digest;
    open_ok(&node, NULL);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
    CHECK(test_step_to(&node, 1));
    CHECK_OK(ag_seq_batch_header(node.seq, 1, &first, &digest));

    /* Back by a day: time in headers stands still rather than going back; replays stay refused. */
    node.clock.now_ms -= 86400000;
    CHECK_ERR(send_result(&node, &(struct test_tx){.sender = 1}, NULL), AG_ERR_ENVELOPE_EXPIRED);
    node.clock.now_ms += 86400000 - 60000;
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 1}, NULL));
    CHECK(test_step_to(&node, 2));
    CHECK_OK(ag_seq_batch_header(node.seq, 2, &second, &digest));
    CHECK(second.time_ms >= first.time_ms);

    /* Forward by an hour: old envelopes are expired, new ones go on. */
    struct ag_vec envelope;
    ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(test_seal(&node, &(struct test_tx){.sender = 1, .nonce = 2}, &envelope));
    node.clock.now_ms += 3600000;
    struct ag_submission *late = test_send_bytes(&node, ag_vec_view(&envelope));
    CHECK_U64((uint64_t)late->result, AG_ERR_ENVELOPE_EXPIRED);
    ag_seq_submission_close(late);
    CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1, .nonce = 2}, NULL));
    CHECK(test_step_to(&node, 3));
    ag_vec_close(&envelope);
    close_all(&node);
}

/* The n-th allocation of an admission fails, for every n: refused by a LIMIT or HOST error or taken
 * in, and never both. */
static void failed_allocations(void)
{
    struct test_node node;
    const char *const flags[] = {"--batch_interval_ms=3600000", "--workers=1", NULL};
    open_ok(&node, flags);
    struct ag_vec envelope;
    ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
    unsigned refused = 0;
    uint64_t nonce = 0;
    for (uint64_t nth = 1; nth < 400; nth++) {
        struct ag_seq_status before;
        struct ag_seq_status after;
        struct ag_submission *submission = NULL;
        const struct ag_id source = {{1}};
        envelope.size = 0;
        CHECK_OK(test_seal(&node, &(struct test_tx){.sender = 1, .nonce = nonce}, &envelope));
        CHECK_OK(ag_seq_submission_open(ag_vec_view(&envelope), &source, NULL, &submission));
        CHECK_OK(ag_seq_submit(node.seq, &submission, 1));
        ag_seq_status(node.seq, &before);
        ag_alloc_fail_nth(nth);
        bool is_answered = false;
        for (unsigned i = 0; i < 20 && !is_answered; i++) {
            struct ag_event event;
            bool did_work = false;
            CHECK_OK(ag_seq_step(node.seq, &did_work));
            while (ag_seq_events(node.seq, &event, 1) == 1) {
                is_answered = is_answered || event.submission == submission;
            }
        }
        ag_alloc_fail_nth(0);
        CHECK(is_answered);
        if (!is_answered) {
            break;
        }
        ag_seq_status(node.seq, &after);
        bool is_in = after.next_admission == before.next_admission + 1;
        if (submission->result != AG_OK && !is_in) {
            refused++;
        } else {
            CHECK(is_in);
            nonce++;
        }
        ag_seq_submission_close(submission);
    }
    ag_test_note("%u of 399 failed allocations refused the envelope", refused);
    CHECK(refused > 3);
    /* And the node is whole: what was taken in comes out. */
    node.conf.batch_interval_ms = 1;
    CHECK(test_step_to(&node, 1));
    ag_vec_close(&envelope);
    close_all(&node);
}

static void failed_random_draws(void)
{
    for (uint64_t nth = 1; nth <= 24; nth++) {
        struct test_node node;
        struct ag_fault fault = {0};
        test_node_init(&node, NULL);
        node.is_clocked = true;
        node.clock.fail_draw = nth;
        enum ag_err err = test_node_open(&node, &fault);
        if (err != AG_OK) {
            CHECK_U64((uint64_t)err, AG_ERR_ENTROPY);
            /* Nothing half-made stays behind: the next start works. */
            node.clock.fail_draw = 0;
            CHECK_OK(test_node_open(&node, &fault));
        }
        CHECK_OK(send_result(&node, &(struct test_tx){.sender = 1}, NULL));
        close_all(&node);
    }
}

static void full_disk(void)
{
    const char *const flags[] = {"--store_size_max=16777216", "--batch_interval_ms=3600000", NULL};
    struct test_node node;
    struct ag_seq_status status;
    open_ok(&node, flags);
    enum ag_err err = AG_OK;
    uint64_t accepted = 0;
    for (uint64_t nonce = 0; nonce < 1000 && err == AG_OK; nonce++) {
        const struct test_tx tx = {
            .sender = (uint32_t)(nonce / 500), .nonce = nonce, .data_size = 30000};
        err = send_result(&node, &tx, NULL);
        accepted += err == AG_OK ? 1 : 0;
    }
    CHECK_U64((uint64_t)err, AG_ERR_STORE_FULL);
    CHECK(accepted > 50);
    /* Nothing that was promised is lost, and a larger store goes on from there. */
    CHECK_OK(reopen(&node));
    ag_seq_status(node.seq, &status);
    CHECK_U64(status.pool_count, accepted);
    test_node_close(&node);
    node.conf.store_size_max = 1u << 30;
    node.conf.batch_interval_ms = 1;
    CHECK_OK(reopen(&node));
    CHECK(test_step_to(&node, 1));
    close_all(&node);
}

static void many_batches_in_flight(void)
{
    const char *const flags[] = {"--batch_interval_ms=1", "--batch_tx_max=2", NULL};
    struct test_node node;
    struct ag_seq_status status;
    test_node_init(&node, flags);
    struct ag_fault fault = {0};
    CHECK_OK(test_node_open(&node, &fault));
    CHECK_OK(ag_seq_start(node.seq));
    unsigned answered = 0;
    for (unsigned i = 0; i < 8; i++) {
        struct ag_vec envelope;
        struct ag_submission *submission = NULL;
        const struct ag_id source = {{1}};
        ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
        CHECK_OK(test_seal(&node, &(struct test_tx){.sender = i}, &envelope));
        CHECK_OK(ag_seq_submission_open(ag_vec_view(&envelope), &source, NULL, &submission));
        CHECK_OK(ag_seq_submit(node.seq, &submission, 1));
        ag_vec_close(&envelope);
    }
    for (unsigned i = 0; i < 20000; i++) {
        struct ag_event event;
        while (ag_seq_events(node.seq, &event, 1) == 1) {
            if (event.submission != NULL) {
                CHECK_U64((uint64_t)event.submission->result, AG_OK);
                answered++;
            }
            ag_seq_submission_close(event.submission);
        }
        ag_seq_status(node.seq, &status);
        if (answered == 8 && status.first_unbatched == 9) {
            break;
        }
        usleep(1000);
    }
    CHECK_U64(answered, 8);
    CHECK_U64(status.first_unbatched, 9);
    CHECK(status.head_number >= 4);
    ag_seq_stop(node.seq);
    ag_seq_status(node.seq, &status);
    CHECK(status.state == AG_NODE_STOPPED);
    struct ag_submission *refused = NULL;
    const struct ag_id source = {{1}};
    CHECK_OK(ag_seq_submission_open(AG_LITERAL("late"), &source, NULL, &refused));
    CHECK_ERR(ag_seq_submit(node.seq, &refused, 1), AG_ERR_DRAINING);
    ag_seq_submission_close(refused);
    close_all(&node);
}

static const struct ag_test_case cases[] = {
    {"one transaction becomes a batch", one_transaction},
    {"what cannot run is excluded with its reason", exclusions},
    {"what may not come in is refused by name", refusals},
    {"truncated and flipped envelopes", bent_envelopes},
    {"a restart keeps every promise", restart_keeps_promises},
    {"a rolled-back store is refused", rolled_back_store},
    {"a store on other hardware is refused", other_hardware},
    {"simulated hardware needs leave", simulated_hardware_needs_leave},
    {"one process at a time", two_processes},
    {"key epochs overlap, then end", key_epochs_overlap},
    {"the clock jumps both ways", clock_jumps},
    {"every allocation of an admission fails once", failed_allocations},
    {"every random draw of a start fails once", failed_random_draws},
    {"the disk is full", full_disk},
    {"batches overlap while they are signed", many_batches_in_flight},
};
TEST_MAIN(cases)
