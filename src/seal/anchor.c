/* SPDX-License-Identifier: Apache-2.0 */
/* The rule of freshness. Its proof is in docs/spec/sealing.md. */
#include "seal/seal.h"

enum ag_err ag_seal_anchor_check(struct ag_tee *tee, uint64_t stored)
{
    uint64_t counter = 0;

    AG_TRY(ag_tee_counter_read(tee, &counter));
    AG_ENSURE(stored >= counter, AG_ERR_SEAL_ROLLBACK);
    AG_ENSURE(stored - counter <= 1, AG_ERR_TEE_COUNTER);
    /* One ahead: the process died between the commit and the counter. Only this program can have
     * sealed that record, and it did so as the last thing before. */
    return ag_tee_counter_advance(tee, stored);
}

enum ag_err ag_seal_anchor_advance(struct ag_tee *tee, uint64_t counter)
{
    uint64_t now = 0;

    AG_TRY(ag_tee_counter_read(tee, &now));
    /* A leap would make every later start take the store for older than it is. */
    AG_ENSURE(counter >= now && counter - now <= 1, AG_ERR_TEE_COUNTER);
    return ag_tee_counter_advance(tee, counter);
}
