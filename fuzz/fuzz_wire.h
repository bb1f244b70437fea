/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_FUZZ_WIRE_H
#define AG_FUZZ_WIRE_H

/* What every target of a message asks: bytes that a decoder takes come out again unchanged, and a
 * refusal names its field. */

#include "crypto/crypto.h"
#include "test_wire_again.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_again(wire_again *again, const uint8_t *data, size_t size)
{
    struct ag_vec out AG_SCOPED(ag_vec_close);
    struct ag_fault fault = {0};
    struct ag_bytes in = ag_bytes_of(data, size);
    ag_vec_init(&out, size + AG_LIMIT_BODY_BYTES);

    enum ag_err err = again(in, &out, &fault);
    if (err == AG_OK) {
        AG_ASSERT(ag_bytes_equal(ag_vec_view(&out), in));
    } else {
        AG_ASSERT(fault.err == err && fault.field != NULL);
    }
}

#endif
