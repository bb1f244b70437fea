/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_CRYPTO_GROUND_H
#define AG_TEST_CRYPTO_GROUND_H

/* What the tests of the crypto room share. */

#include <string.h>

#include "crypto/crypto_i.h"
#include "test.h"

#define BUF(array) ((struct ag_buf){(array), sizeof(array)})
static const struct ag_bytes none = {NULL, 0};

struct text_bytes {
    uint8_t bytes[512];
    size_t size;
};

static inline struct text_bytes from_hex(const char *hex)
{
    struct text_bytes out = {.size = strlen(hex) / 2u};
    CHECK(out.size <= sizeof(out.bytes));
    CHECK_OK(ag_hex_decode(hex, strlen(hex), (struct ag_buf){out.bytes, out.size}));
    return out;
}

#define CHECK_HEX(got, hex)                                                                        \
    do {                                                                                           \
        const struct text_bytes wanted_ = from_hex(hex);                                           \
        CHECK_BYTES((got), ag_bytes_of(wanted_.bytes, wanted_.size));                              \
    } while (0)

#endif
