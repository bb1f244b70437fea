/* SPDX-License-Identifier: Apache-2.0 */
/* What can he do who owns host, disk, network and clock? Each case is an attack that must fail. */
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

/* ---- the disk ------------------------------------------------------------------------------------- */

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

/* ---- promises ------------------------------------------------------------------------------------- */

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

static const struct ag_test_case cases[] = {
    {"the host reads the disk before the counter moves", read_the_disk},
    {"the deadline of a receipt is kept", deadline_of_a_slow_node},
};
TEST_MAIN(cases)
