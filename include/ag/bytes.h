/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BYTES_H
#define AG_BYTES_H

/* bytes: borrowed views and fixed-size values.
 *
 * Owns:    nothing. A view borrows; whoever made the bytes keeps them alive.
 * Threads: values only, no shared state.
 * Fails:   never; sizes are always in bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AG_MUST_CHECK __attribute__((warn_unused_result))
#define AG_PRINTF(format_index, first_argument)                                                    \
    __attribute__((format(printf, format_index, first_argument)))

/* A borrowed, read-only view. `data` may be NULL only when `size` is 0. */
struct ag_bytes {
    const uint8_t *data;
    size_t size;
};

/* A borrowed, writable buffer. */
struct ag_buf {
    uint8_t *data;
    size_t size;
};

/* SHA-384 digests name headers, bundles and groups; 32-byte values are Merkle nodes and ids. */
#define AG_HASH_SIZE 48u
#define AG_ID_SIZE   32u

struct ag_hash {
    uint8_t bytes[AG_HASH_SIZE];
};

struct ag_id {
    uint8_t bytes[AG_ID_SIZE];
};

/* An Ethereum address. */
#define AG_ADDRESS_SIZE 20u
struct ag_address {
    uint8_t bytes[AG_ADDRESS_SIZE];
};

/* A view of any fixed-size value that holds `bytes`. */
#define AG_VIEW(value) ((struct ag_bytes){(value)->bytes, sizeof((value)->bytes)})
/* A view of an array whose size the compiler knows. */
#define AG_ARRAY_VIEW(array) ((struct ag_bytes){(const uint8_t *)(array), sizeof(array)})
/* A view of a string literal without its terminator. */
#define AG_LITERAL(text) ((struct ag_bytes){(const uint8_t *)(text), sizeof(text) - 1u})

static inline struct ag_bytes ag_bytes_of(const void *data, size_t size)
{
    return (struct ag_bytes){(const uint8_t *)data, size};
}

/* The first `size` bytes of `view`; all of it if it is shorter. */
static inline struct ag_bytes ag_bytes_head(struct ag_bytes view, size_t size)
{
    return (struct ag_bytes){view.data, size < view.size ? size : view.size};
}

/* What follows the first `size` bytes of `view`; empty if it is shorter. */
static inline struct ag_bytes ag_bytes_tail(struct ag_bytes view, size_t size)
{
    if (size >= view.size) {
        return (struct ag_bytes){NULL, 0};
    }
    return (struct ag_bytes){view.data + size, view.size - size};
}

/* Compares public bytes. Not for secrets: see ag_ct_equal. */
bool ag_bytes_equal(struct ag_bytes a, struct ag_bytes b);
/* Lexicographic order of public bytes: negative, zero or positive. */
int ag_bytes_compare(struct ag_bytes a, struct ag_bytes b);
bool ag_bytes_is_zero(struct ag_bytes view);

#endif
