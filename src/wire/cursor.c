/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

#include <string.h>

/* ---- reading ------------------------------------------------------------------------------- */

struct ag_rd ag_rd_from(struct ag_bytes in)
{
    return (struct ag_rd){.rest = in};
}

bool ag_rd_is_ok(const struct ag_rd *rd)
{
    return rd->fault.err == AG_OK;
}

void ag_rd_refuse(struct ag_rd *rd, enum ag_err err, const char *field)
{
    if (rd->fault.err == AG_OK) {
        rd->fault = (struct ag_fault){.err = err, .field = field};
    }
}

void ag_rd_refuse_limit(struct ag_rd *rd, enum ag_err err, const char *field, uint64_t limit,
                        uint64_t got)
{
    if (rd->fault.err == AG_OK) {
        rd->fault = (struct ag_fault){
            .err = err, .field = field, .has_limit = true, .limit = limit, .got = got};
    }
}

/* All reads end here, so that "nothing after a failure" stands in one place. */
struct ag_bytes ag_rd_fixed(struct ag_rd *rd, size_t size, const char *field)
{
    if (rd->fault.err != AG_OK) {
        return (struct ag_bytes){NULL, 0};
    }
    if (size > rd->rest.size) {
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_SHORT, field, size, rd->rest.size);
        return (struct ag_bytes){NULL, 0};
    }
    struct ag_bytes taken = ag_bytes_head(rd->rest, size);
    rd->rest = ag_bytes_tail(rd->rest, size);
    return taken;
}

/* Reads up to eight bytes as a big-endian number; 0 after a failure. */
static uint64_t read_number(struct ag_rd *rd, size_t size, const char *field)
{
    struct ag_bytes bytes = ag_rd_fixed(rd, size, field);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        value = value << 8 | bytes.data[i];
    }
    return value;
}

void ag_rd_magic(struct ag_rd *rd, const char *magic, uint16_t version)
{
    struct ag_bytes got = ag_rd_fixed(rd, 4, "magic");
    if (ag_rd_is_ok(rd) && memcmp(got.data, magic, 4) != 0) {
        ag_rd_refuse(rd, AG_ERR_WIRE_VERSION, "magic");
    }
    ag_rd_version(rd, version, "version");
}

void ag_rd_version(struct ag_rd *rd, uint16_t version, const char *field)
{
    uint16_t got = ag_rd_u16(rd, field);
    if (ag_rd_is_ok(rd) && got != version) {
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_VERSION, field, version, got);
    }
}

uint8_t ag_rd_u8(struct ag_rd *rd, const char *field)
{
    return (uint8_t)read_number(rd, 1, field);
}

uint16_t ag_rd_u16(struct ag_rd *rd, const char *field)
{
    return (uint16_t)read_number(rd, 2, field);
}

uint32_t ag_rd_u32(struct ag_rd *rd, const char *field)
{
    return (uint32_t)read_number(rd, 4, field);
}

uint64_t ag_rd_u64(struct ag_rd *rd, const char *field)
{
    return read_number(rd, 8, field);
}

bool ag_rd_bool(struct ag_rd *rd, const char *field)
{
    uint8_t value = ag_rd_u8(rd, field);
    if (value > 1) {
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_VALUE, field, 1, value);
    }
    return value == 1;
}

void ag_rd_copy(struct ag_rd *rd, uint8_t *out, size_t size, const char *field)
{
    struct ag_bytes bytes = ag_rd_fixed(rd, size, field);
    if (bytes.data != NULL) {
        memcpy(out, bytes.data, bytes.size);
    }
}

struct ag_id ag_rd_id(struct ag_rd *rd, const char *field)
{
    struct ag_id id = {{0}};
    ag_rd_copy(rd, id.bytes, sizeof(id.bytes), field);
    return id;
}

struct ag_hash ag_rd_hash(struct ag_rd *rd, const char *field)
{
    struct ag_hash hash = {{0}};
    ag_rd_copy(rd, hash.bytes, sizeof(hash.bytes), field);
    return hash;
}

static struct ag_bytes read_bytes(struct ag_rd *rd, size_t width, size_t limit, const char *field)
{
    uint64_t size = read_number(rd, width, field);
    if (size > limit) {
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_LIMIT, field, limit, size);
    }
    return ag_rd_fixed(rd, (size_t)size, field);
}

struct ag_bytes ag_rd_bytes8(struct ag_rd *rd, size_t limit, const char *field)
{
    return read_bytes(rd, 1, limit, field);
}

struct ag_bytes ag_rd_bytes16(struct ag_rd *rd, size_t limit, const char *field)
{
    return read_bytes(rd, 2, limit, field);
}

struct ag_bytes ag_rd_bytes32(struct ag_rd *rd, size_t limit, const char *field)
{
    return read_bytes(rd, 4, limit, field);
}

struct ag_bytes ag_rd_rest(struct ag_rd *rd)
{
    return ag_rd_fixed(rd, rd->rest.size, "rest");
}

enum ag_err ag_rd_finish_item(struct ag_rd *rd, struct ag_fault *fault)
{
    if (rd->fault.err != AG_OK && fault != NULL) {
        *fault = rd->fault;
    }
    return rd->fault.err;
}

enum ag_err ag_rd_finish(struct ag_rd *rd, struct ag_fault *fault)
{
    if (rd->rest.size != 0) {
        ag_rd_refuse_limit(rd, AG_ERR_WIRE_TRAILING, "end of message", 0, rd->rest.size);
    }
    return ag_rd_finish_item(rd, fault);
}

/* ---- writing ------------------------------------------------------------------------------- */

struct ag_wr ag_wr_to(struct ag_vec *vec)
{
    return (struct ag_wr){.vec = vec, .start = vec->size, .err = AG_OK};
}

void ag_wr_reserve(struct ag_wr *wr, size_t size)
{
    uint8_t *ignored = NULL;
    if (wr->err == AG_OK) {
        size_t before = wr->vec->size;
        wr->err = ag_vec_extend(wr->vec, size, &ignored);
        if (wr->err == AG_OK) {
            wr->vec->size = before;
        }
    }
}

void ag_wr_bytes(struct ag_wr *wr, struct ag_bytes bytes)
{
    if (wr->err == AG_OK && bytes.size != 0) {
        wr->err = ag_vec_append(wr->vec, bytes);
    }
}

void ag_wr_zeros(struct ag_wr *wr, size_t size)
{
    uint8_t *zeros = NULL;
    if (wr->err == AG_OK && size != 0) {
        wr->err = ag_vec_extend(wr->vec, size, &zeros);
        if (wr->err == AG_OK) {
            memset(zeros, 0, size);
        }
    }
}

static uint8_t *put_number(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        *at++ = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
    return at;
}

uint8_t *ag_wire_put_u16(uint8_t *at, uint16_t value)
{
    return put_number(at, value, 2);
}

uint8_t *ag_wire_put_u32(uint8_t *at, uint32_t value)
{
    return put_number(at, value, 4);
}

uint8_t *ag_wire_put_u64(uint8_t *at, uint64_t value)
{
    return put_number(at, value, 8);
}

static void write_number(struct ag_wr *wr, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    put_number(bytes, value, size);
    ag_wr_bytes(wr, ag_bytes_of(bytes, size));
}

void ag_wr_magic(struct ag_wr *wr, const char *magic, uint16_t version)
{
    ag_wr_bytes(wr, ag_bytes_of(magic, 4));
    ag_wr_u16(wr, version);
}

void ag_wr_u8(struct ag_wr *wr, uint8_t value)
{
    write_number(wr, value, 1);
}

void ag_wr_u16(struct ag_wr *wr, uint16_t value)
{
    write_number(wr, value, 2);
}

void ag_wr_u32(struct ag_wr *wr, uint32_t value)
{
    write_number(wr, value, 4);
}

void ag_wr_u64(struct ag_wr *wr, uint64_t value)
{
    write_number(wr, value, 8);
}

static void write_bytes(struct ag_wr *wr, struct ag_bytes bytes, size_t width, size_t limit)
{
    if (wr->err == AG_OK && (bytes.size > limit || bytes.size >> (8 * width) != 0)) {
        wr->err = AG_ERR_WIRE_LIMIT;
    }
    write_number(wr, bytes.size, width);
    ag_wr_bytes(wr, bytes);
}

void ag_wr_bytes8(struct ag_wr *wr, struct ag_bytes bytes, size_t limit)
{
    write_bytes(wr, bytes, 1, limit);
}

void ag_wr_bytes16(struct ag_wr *wr, struct ag_bytes bytes, size_t limit)
{
    write_bytes(wr, bytes, 2, limit);
}

void ag_wr_bytes32(struct ag_wr *wr, struct ag_bytes bytes, size_t limit)
{
    write_bytes(wr, bytes, 4, limit);
}

enum ag_err ag_wr_finish(struct ag_wr *wr)
{
    if (wr->err != AG_OK) {
        wr->vec->size = wr->start;
    }
    return wr->err;
}
