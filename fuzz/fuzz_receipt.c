/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_again(wire_again_admission_receipt, data, size);
    fuzz_again(wire_again_group, data, size);
    fuzz_again(wire_again_outcome, data, size);
    fuzz_again(wire_again_outcome_receipt, data, size);
    fuzz_again(wire_again_batch_header, data, size);
    return 0;
}
