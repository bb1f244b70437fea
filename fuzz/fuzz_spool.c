/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_again(wire_again_spool_group, data, size);
    fuzz_again(wire_again_meta, data, size);
    fuzz_again(wire_again_outbox_entry, data, size);
    fuzz_again(wire_again_batch_index, data, size);
    fuzz_again(wire_again_receipt_index, data, size);
    return 0;
}
