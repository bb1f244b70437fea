/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seq/seq_i.h"

/* Rows that the host may not read: a commit is on its disk before the hardware's counter has passed
 * it, and until then the host can still take it back. Bodies and signatures that it saw there would
 * have left the node without a promise that anything of it stays. So they leave through the node
 * alone, which answers for what is anchored only.
 *
 * A batch is three blobs in one row, so that a question after one outcome does not cost the opening
 * of a whole batch: sizes of the first two (u32 each), then proof, outcomes and file. */

enum {
    NAME_SIZE = 1 + 8,
    SIZES_SIZE = 2 * 4
};

/* The place of a blob: what it is, and the number of its row. */
static void blob_name(char kind, uint64_t number, uint8_t out[NAME_SIZE])
{
    struct ag_store_u64 key = ag_store_u64(number);
    out[0] = (uint8_t)kind;
    memcpy(out + 1, key.bytes, sizeof(key.bytes));
}

static const char part_kinds[AG_SEQ_BATCH_PARTS] = {
    [AG_SEQ_BATCH_PROOF] = 'h', [AG_SEQ_BATCH_OUTCOMES] = 'o', [AG_SEQ_BATCH_FILE] = 'b'};

static void put_u32(uint8_t *out, size_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24u - 8u * i));
    }
}

static size_t get_u32(const uint8_t *in)
{
    size_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

enum ag_err ag_seq_put_batch(struct ag_seq *seq, struct ag_store_tx *tx, uint64_t number,
                             const struct ag_bytes parts[AG_SEQ_BATCH_PARTS])
{
    uint8_t sizes[SIZES_SIZE] = {0};
    struct ag_store_u64 key = ag_store_u64(number);
    struct ag_vec row AG_SCOPED(ag_vec_close);
    ag_vec_init(&row, (size_t)2 * AG_LIMIT_BATCH_FILE_BYTES);
    AG_TRY(ag_vec_append(&row, AG_ARRAY_VIEW(sizes)));
    for (unsigned i = 0; i < AG_SEQ_BATCH_PARTS; i++) {
        uint8_t name[NAME_SIZE];
        size_t before = row.size;
        blob_name(part_kinds[i], number, name);
        AG_TRY(ag_seal_seal(seq->seal, AG_PURPOSE_BATCH, 0, AG_ARRAY_VIEW(name), parts[i], &row));
        if (i < AG_SEQ_BATCH_FILE) {
            put_u32(row.data + (size_t)4 * i, row.size - before);
        }
    }
    return ag_store_put_append(tx, AG_TABLE_BATCHES, AG_VIEW(&key), ag_vec_view(&row));
}

enum ag_err ag_seq_get_batch(struct ag_seq *seq, struct ag_store_tx *tx, uint64_t number,
                             enum ag_seq_batch_part part, struct ag_arena *arena,
                             struct ag_bytes *out)
{
    uint8_t name[NAME_SIZE];
    uint8_t sizes[SIZES_SIZE];
    struct ag_store_u64 key = ag_store_u64(number);
    struct ag_bytes row;
    AG_ENSURE((unsigned)part < AG_SEQ_BATCH_PARTS, AG_ERR_ARGUMENT);
    AG_TRY(ag_store_get(tx, AG_TABLE_BATCHES, AG_VIEW(&key), &row));
    AG_ENSURE(row.size >= SIZES_SIZE, AG_ERR_STORE_CORRUPT);
    memcpy(sizes, row.data, SIZES_SIZE); /* the page is the host's: read once */
    row = ag_bytes_tail(row, SIZES_SIZE);
    for (unsigned i = 0; i < (unsigned)part; i++) {
        size_t size = get_u32(sizes + (size_t)4 * i);
        AG_ENSURE(size <= row.size, AG_ERR_STORE_CORRUPT);
        row = ag_bytes_tail(row, size);
    }
    if (part < AG_SEQ_BATCH_FILE) {
        size_t size = get_u32(sizes + (size_t)4 * (unsigned)part);
        AG_ENSURE(size <= row.size, AG_ERR_STORE_CORRUPT);
        row = ag_bytes_head(row, size);
    }
    blob_name(part_kinds[part], number, name);
    return ag_seal_unseal(seq->seal, AG_PURPOSE_BATCH, 0, AG_ARRAY_VIEW(name), row, arena, out);
}

enum ag_err ag_seq_put_group(struct ag_seq *seq, struct ag_store_tx *tx, uint64_t number,
                             struct ag_bytes group)
{
    uint8_t name[NAME_SIZE];
    struct ag_store_u64 key = ag_store_u64(number);
    struct ag_vec blob AG_SCOPED(ag_vec_close);
    ag_vec_init(&blob, group.size + AG_SEAL_OVERHEAD_SIZE);
    blob_name('g', number, name);
    AG_TRY(ag_seal_seal(seq->seal, AG_PURPOSE_GROUP, 0, AG_ARRAY_VIEW(name), group, &blob));
    return ag_store_put_append(tx, AG_TABLE_GROUPS, AG_VIEW(&key), ag_vec_view(&blob));
}

enum ag_err ag_seq_get_group(struct ag_seq *seq, struct ag_store_tx *tx, uint64_t number,
                             struct ag_arena *arena, struct ag_bytes *out)
{
    uint8_t name[NAME_SIZE];
    struct ag_store_u64 key = ag_store_u64(number);
    struct ag_bytes blob;
    AG_TRY(ag_store_get(tx, AG_TABLE_GROUPS, AG_VIEW(&key), &blob));
    blob_name('g', number, name);
    return ag_seal_unseal(seq->seal, AG_PURPOSE_GROUP, 0, AG_ARRAY_VIEW(name), blob, arena, out);
}
