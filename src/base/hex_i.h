/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BASE_HEX_I_H
#define AG_BASE_HEX_I_H

#include "base/base.h"

/* Whole blocks of sixteen bytes in vector registers, where the processor has SSSE3: receipts and
 * envelopes travel as ten thousand digits each. Both return how many bytes they did; the caller
 * does the rest. Nothing branches on the bytes. */
size_t ag_base_hex_encode_blocks(const uint8_t *bytes, size_t size, char *out);
/* Clears `*is_valid` when a digit of a block is none. */
size_t ag_base_hex_decode_blocks(const char *text, size_t size, uint8_t *out, bool *is_valid);

#endif
