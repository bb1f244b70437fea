/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_again(wire_again_head, data, size);
    fuzz_again(wire_again_head_padded, data, size);
    return 0;
}
