/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_envelope envelope;
    fuzz_again(wire_again_envelope, data, size);
    if (ag_envelope_decode(ag_bytes_of(data, size), &envelope, NULL) == AG_OK) {
        AG_ASSERT(envelope.whole.data == data && envelope.whole.size + 8 == size);
        AG_ASSERT(envelope.clear.data == data &&
                  envelope.clear.data + envelope.clear.size == envelope.sealed_head.data);
    }
    return 0;
}
