/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BATCH_BATCH_I_H
#define AG_BATCH_BATCH_I_H

#include "batch/batch.h"

struct ag_batch {
    enum ag_batch_state state;
    struct ag_batch_header fields;
    struct ag_hash digest;
    struct ag_vec header;
    struct ag_vec entries;
    struct ag_vec evidence;
    struct ag_vec identity; /* bundle, its evidence and collateral in a row: our own copy */
    uint8_t mldsa87[AG_MLDSA87_SIGNATURE_SIZE];
    uint8_t slhdsa[AG_SLHDSA_SIGNATURE_SIZE];
    struct ag_batch_file file; /* views into the above */
};

#endif
