/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* Signing takes half a second, all else a few milliseconds: several batches are signed at once, and
 * the sequencer never waits for a signature. */

static uint64_t elapsed_us(struct ag_seq *seq, uint64_t since_ns)
{
    return (seq->host->monotonic_ns(seq->host->context) - since_ns) / 1000u;
}

static enum ag_err sign_steps(struct ag_seq *seq, struct flight *flight)
{
    uint64_t start_ns = seq->host->monotonic_ns(seq->host->context);
    if (ag_batch_state(flight->batch) == AG_BATCH_EXECUTED) {
        AG_TRY(ag_batch_sign(flight->batch, seq->keyring));
        ag_metric_observe_us(AG_METRIC_SIGN_US, elapsed_us(seq, start_ns));
    }
    AG_FAILPOINT("batch.after_sign", AG_ERR_CRYPTO);

    start_ns = seq->host->monotonic_ns(seq->host->context);
    if (ag_batch_state(flight->batch) == AG_BATCH_SIGNED) {
        const struct ag_batch_identity identity = {
            ag_vec_view(&flight->identity.bundle),
            ag_vec_view(&flight->identity.evidence),
            ag_vec_view(&flight->identity.collateral),
        };
        AG_TRY(ag_batch_attest(flight->batch, seq->tee, &identity, ag_seq_now_ms(seq)));
        ag_metric_observe_us(AG_METRIC_EVIDENCE_US, elapsed_us(seq, start_ns));
    }
    AG_FAILPOINT("batch.after_attest", AG_ERR_TEE);

    start_ns = seq->host->monotonic_ns(seq->host->context);
    AG_TRY(ag_batch_selfcheck(flight->batch, seq->policy, seq->cache, &flight->failed_claim));
    ag_metric_observe_us(AG_METRIC_SELFCHECK_US, elapsed_us(seq, start_ns));
    return AG_OK;
}

void ag_seq_sign_flight(struct ag_seq *seq, struct flight *flight)
{
    flight->attempts++;
    flight->err = sign_steps(seq, flight);
}

static struct flight *take(struct signers *signers)
{
    if (signers->queue_count == 0) {
        return NULL;
    }
    struct flight *flight = signers->queue[0];
    signers->queue_count--;
    memmove(&signers->queue[0], &signers->queue[1],
            signers->queue_count * sizeof(signers->queue[0]));
    flight->state = FLIGHT_SIGNING;
    return flight;
}

static void *signer_main(void *context)
{
    struct ag_seq *seq = context;
    struct signers *signers = &seq->signers;

    pthread_mutex_lock(&signers->lock);
    for (;;) {
        struct flight *flight = take(signers);
        if (flight == NULL && signers->is_stopping) {
            break;
        }
        if (flight == NULL) {
            pthread_cond_wait(&signers->wake, &signers->lock);
            continue;
        }
        pthread_mutex_unlock(&signers->lock);
        ag_seq_sign_flight(seq, flight);
        pthread_mutex_lock(&signers->lock);
        flight->state = FLIGHT_DONE;
        ag_seq_wake(seq);
    }
    pthread_mutex_unlock(&signers->lock);
    return NULL;
}

enum ag_err ag_seq_signers_start(struct ag_seq *seq, unsigned count)
{
    struct signers *signers = &seq->signers;
    signers->is_stopping = false;
    for (unsigned i = 0; i < count && i < AG_LIMIT_WORKERS; i++) {
        if (pthread_create(&signers->threads[i], NULL, signer_main, seq) != 0) {
            ag_seq_signers_stop(seq);
            return AG_ERR_THREAD;
        }
        signers->count++;
    }
    return AG_OK;
}

void ag_seq_signers_stop(struct ag_seq *seq)
{
    struct signers *signers = &seq->signers;
    pthread_mutex_lock(&signers->lock);
    signers->is_stopping = true;
    pthread_cond_broadcast(&signers->wake);
    pthread_mutex_unlock(&signers->lock);
    for (unsigned i = 0; i < signers->count; i++) {
        pthread_join(signers->threads[i], NULL);
    }
    signers->count = 0;
}

void ag_seq_signers_push(struct ag_seq *seq, struct flight *flight)
{
    struct signers *signers = &seq->signers;
    if (signers->count == 0) {
        /* A node that is stepped without threads signs where it stands. */
        ag_seq_sign_flight(seq, flight);
        pthread_mutex_lock(&signers->lock);
        flight->state = FLIGHT_DONE;
        pthread_mutex_unlock(&signers->lock);
        return;
    }
    pthread_mutex_lock(&signers->lock);
    AG_ASSERT(signers->queue_count < AG_LIMIT_BATCHES_IN_FLIGHT);
    flight->state = FLIGHT_WAITING;
    signers->queue[signers->queue_count++] = flight;
    pthread_cond_signal(&signers->wake);
    pthread_mutex_unlock(&signers->lock);
}
