/* SPDX-License-Identifier: Apache-2.0 */
/* crash: is every receipt honoured, nothing run twice, and the chain without gap, when the node is
 * killed at every named step and at random?
 *
 * A child runs a node with its threads, seals transactions to it and writes down, in memory shared
 * with the parent, every receipt that it was given. It dies by kill -9: by itself at a failpoint,
 * or by the parent's hand. At the end one child runs to completion, and the parent compares. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node.h"
#include "test.h"

#define RECEIPTS_MAX 200000u

struct promise {
    uint64_t admission;
    struct ag_id envelope_id;
};

/* Shared between parent and children. */
struct notes {
    volatile uint32_t count;
    volatile uint32_t next_sender; /* each round uses fresh senders, so that nonces never clash */
    volatile uint32_t refused_opens;
    volatile enum ag_err open_error;
    struct promise promises[RECEIPTS_MAX];
};
static struct notes *notes;

static bool submit_one(struct test_node *node, uint32_t sender, uint64_t nonce)
{
    struct ag_vec envelope;
    struct ag_submission *submission = NULL;
    const struct ag_id source = {{0}};
    const struct test_tx tx = {.sender = sender, .nonce = nonce, .kem = AG_KEM_MLKEM1024};
    ag_vec_init(&envelope, AG_LIMIT_ENVELOPE_BYTES);
    AG_ASSERT(test_seal(node, &tx, &envelope) == AG_OK);
    AG_ASSERT(ag_seq_submission_open(ag_vec_view(&envelope), &source, NULL, &submission) == AG_OK);
    ag_vec_close(&envelope);
    enum ag_err err = ag_seq_submit(node->seq, &submission, 1);
    if (err != AG_OK) {
        ag_seq_submission_close(submission);
    }
    return err == AG_OK;
}

/* Writes down what was promised, as a client would keep its receipts. */
static unsigned collect(struct test_node *node)
{
    struct ag_event events[32];
    unsigned answered = 0;
    size_t count = ag_seq_events(node->seq, events, AG_COUNT(events));
    for (size_t i = 0; i < count; i++) {
        struct ag_submission *submission = events[i].submission;
        if (submission == NULL) {
            continue;
        }
        answered++;
        if (submission->result == AG_OK && notes->count < RECEIPTS_MAX) {
            notes->promises[notes->count] =
                (struct promise){submission->admission, submission->envelope_id};
            __sync_synchronize();
            notes->count++;
        }
        ag_seq_submission_close(submission);
    }
    return answered;
}

static _Noreturn void child_main(struct test_node *node, const char *failpoints)
{
#ifdef AG_FAILPOINTS
    if (failpoints != NULL) {
        AG_ASSERT(ag_failpoint_configure(failpoints) == AG_OK);
    }
#else
    (void)failpoints;
#endif
    struct ag_fault fault = {0};
    enum ag_err err = test_node_open(node, &fault);
    if (err != AG_OK) {
        notes->open_error = err;
        notes->refused_opens++;
        _exit(3);
    }
    AG_ASSERT(ag_seq_start(node->seq) == AG_OK);
    uint32_t sender = __sync_fetch_and_add(&notes->next_sender, 1);
    unsigned out = 0;
    for (uint64_t nonce = 0;; nonce++) {
        if (nonce < 400 && out < 16 && submit_one(node, sender, nonce)) {
            out++;
        }
        struct pollfd fd = {.fd = ag_seq_events_fd(node->seq), .events = POLLIN};
        (void)poll(&fd, 1, 1);
        out -= collect(node);
    }
}

/* Runs one child and kills it; a failpoint may be faster. Returns its wait status. */
static int round_of(struct test_node *node, const char *failpoints, unsigned life_ms)
{
    pid_t child = fork();
    AG_ASSERT(child >= 0);
    if (child == 0) {
        child_main(node, failpoints);
    }
    for (unsigned passed_ms = 0; passed_ms < life_ms; passed_ms++) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child) {
            return status;
        }
        const struct timespec pause = {0, 1000000};
        (void)nanosleep(&pause, NULL);
    }
    kill(child, SIGKILL);
    int status = 0;
    AG_ASSERT(waitpid(child, &status, 0) == child);
    return status;
}

/* ---- judgement ------------------------------------------------------------------------------- */

struct seen {
    struct ag_id *ids; /* by admission number - 1 */
    size_t count;
    size_t capacity;
};

static enum ag_err note_outcome(void *context, uint32_t index, const struct ag_outcome *outcome)
{
    struct seen *seen = context;
    (void)index;
    size_t place = (size_t)(outcome->admission - 1);
    CHECK(place < seen->capacity);
    if (place < seen->capacity) {
        /* The same admission twice would be the same place twice. */
        CHECK(ag_bytes_is_zero(AG_VIEW(&seen->ids[place])));
        seen->ids[place] = outcome->envelope_id;
        seen->count++;
    }
    return AG_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ag_id));
}

static void check_chain(struct test_node *node, uint64_t head_number, struct seen *seen)
{
    struct ag_batch_header header;
    struct ag_hash digest;
    struct ag_hash parent = {{0}};
    uint64_t next_admission = 1;
    for (uint64_t number = 1; number <= head_number; number++) {
        CHECK_OK(ag_seq_batch_header(node->seq, number, &header, &digest));
        CHECK_U64(header.number, number);
        if (number > 1) {
            CHECK_BYTES(AG_VIEW(&header.parent), AG_VIEW(&parent));
        }
        CHECK_U64(header.first_admission, next_admission);
        next_admission += header.admission_count;
        parent = digest;
        CHECK_OK(ag_seq_batch_outcomes(node->seq, number, note_outcome, seen));
    }
    CHECK_U64(next_admission, seen->count + 1);
}

static void check_all(struct test_node *node)
{
    struct ag_fault fault = {0};
    CHECK_OK(test_node_open(node, &fault));
    struct ag_seq_status status;
    for (unsigned i = 0; i < 100; i++) {
        ag_seq_status(node->seq, &status);
        if (status.pool_count == 0) {
            break;
        }
        CHECK(test_step_to(node, status.head_number + 1));
    }
    ag_seq_status(node->seq, &status);
    CHECK_U64(status.first_unbatched, status.next_admission);

    struct seen seen = {.capacity = (size_t)status.next_admission};
    seen.ids = calloc(seen.capacity + 1, sizeof(*seen.ids));
    check_chain(node, status.head_number, &seen);

    /* Every receipt is honoured: its admission has an outcome, for this very envelope. */
    for (uint32_t i = 0; i < notes->count; i++) {
        size_t place = (size_t)(notes->promises[i].admission - 1);
        CHECK(place < seen.count);
        if (place < seen.count) {
            CHECK_BYTES(AG_VIEW(&seen.ids[place]), AG_VIEW(&notes->promises[i].envelope_id));
        }
    }
    /* Nothing ran twice: no envelope has two admissions. */
    qsort(seen.ids, seen.count, sizeof(*seen.ids), compare_ids);
    for (size_t i = 1; i < seen.count; i++) {
        CHECK(compare_ids(&seen.ids[i - 1], &seen.ids[i]) != 0);
    }
    printf("  %u receipts, %zu admissions, %llu batches\n", notes->count, seen.count,
           (unsigned long long)status.head_number);
    CHECK(notes->count > 0);
    free(seen.ids);
    test_node_close(node);
}

static void prepare(struct test_node *node)
{
    const char *const flags[] = {"--batch_interval_ms=20", "--workers=1", "--group_linger_us=0",
                                 "--store_size_max=4294967296", NULL};
    notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    AG_ASSERT(notes != MAP_FAILED);
    notes->next_sender = 1;
    test_node_init(node, flags);
}

static void finish(struct test_node *node)
{
    CHECK_U64(notes->refused_opens, 0);
    if (notes->refused_opens != 0) {
        fprintf(stderr, "a start was refused: %s\n", ag_err_name(notes->open_error));
    }
    check_all(node);
    test_node_remove(node);
    munmap(notes, sizeof(*notes));
}

static void killed_at_random(void)
{
    struct test_node node;
    prepare(&node);
    unsigned kills = 0;
    for (unsigned i = 0; i < 200; i++) {
        /* Mostly short lives: they hit starts and admissions; some reach commits of batches. */
        unsigned life_ms = 10 + (unsigned)(ag_test_random() % (i % 4 == 0 ? 1500 : 250));
        int status = round_of(&node, NULL, life_ms);
        kills += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 1 : 0;
    }
    CHECK_U64(kills, 200);
    finish(&node);
}

static void killed_at_every_step(void)
{
#ifdef AG_FAILPOINTS
    static const char *const places[] = {
        "admit.before_write",    "admit.after_write",    "admit.before_answer",
        "anchor.before_advance", "anchor.after_advance", "store.before_commit",
        "store.after_commit",    "batch.after_plan",     "batch.after_exec",
        "batch.after_sign",      "batch.after_attest",   "batch.before_commit",
        "batch.after_commit",
    };
    struct test_node node;
    prepare(&node);
    for (size_t i = 0; i < AG_COUNT(places); i++) {
        for (unsigned passage = 1; passage <= 3; passage++) {
            char text[128];
            (void)snprintf(text, sizeof(text), "%s=kill@%u", places[i], passage);
            int status = round_of(&node, text, 20000);
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
        printf("  killed thrice at %s; %u receipts so far\n", places[i], notes->count);
    }
    finish(&node);
#else
    ag_test_skip("this build has no failpoints; tools/ci makes one that has");
#endif
}

static const struct ag_test_case cases[] = {
    {"killed at every named step", killed_at_every_step},
    {"killed 200 times at random", killed_at_random},
};
TEST_MAIN(cases)
