/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

#define VEC_CAPACITY_MIN 64u

void ag_vec_init(struct ag_vec *vec, size_t limit)
{
    *vec = (struct ag_vec){.limit = limit};
}

/* Makes room for `size` more bytes behind the content and one spare byte, which vsnprintf needs for
 * its terminator. */
static enum ag_err reserve(struct ag_vec *vec, size_t size)
{
    AG_ENSURE(size <= vec->limit - vec->size, AG_ERR_WIRE_SPACE);
    size_t needed = 0;
    if (__builtin_add_overflow(vec->size + size, (size_t)1, &needed)) {
        return AG_ERR_NO_MEMORY;
    }
    if (needed <= vec->capacity) {
        return AG_OK;
    }
    size_t capacity = VEC_CAPACITY_MIN;
    if (__builtin_mul_overflow(vec->capacity, (size_t)2, &capacity) || capacity < needed) {
        capacity = needed;
    }
    if (capacity < VEC_CAPACITY_MIN) {
        capacity = VEC_CAPACITY_MIN;
    }
    uint8_t *data = ag_alloc(capacity);
    AG_ENSURE(data != NULL, AG_ERR_NO_MEMORY);
    if (vec->size != 0) {
        memcpy(data, vec->data, vec->size);
    }
    ag_free(vec->data);
    vec->data = data;
    vec->capacity = capacity;
    return AG_OK;
}

enum ag_err ag_vec_append(struct ag_vec *vec, struct ag_bytes bytes)
{
    AG_TRY(reserve(vec, bytes.size));
    if (bytes.size != 0) {
        memcpy(vec->data + vec->size, bytes.data, bytes.size);
        vec->size += bytes.size;
    }
    return AG_OK;
}

enum ag_err ag_vec_extend(struct ag_vec *vec, size_t size, uint8_t **out)
{
    AG_TRY(reserve(vec, size));
    *out = vec->data + vec->size;
    memset(*out, 0, size);
    vec->size += size;
    return AG_OK;
}

enum ag_err ag_vec_printf(struct ag_vec *vec, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    AG_ENSURE(length >= 0, AG_ERR_ARGUMENT);

    AG_TRY(reserve(vec, (size_t)length));
    va_start(arguments, format);
    int written = vsnprintf((char *)vec->data + vec->size, (size_t)length + 1u, format, arguments);
    va_end(arguments);
    AG_ASSERT(written == length);
    vec->size += (size_t)length;
    return AG_OK;
}

struct ag_bytes ag_vec_view(const struct ag_vec *vec)
{
    return (struct ag_bytes){vec->data, vec->size};
}

void ag_vec_close(struct ag_vec *vec)
{
    ag_free(vec->data);
    *vec = (struct ag_vec){.limit = vec->limit};
}
