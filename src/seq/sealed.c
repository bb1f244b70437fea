/* SPDX-License-Identifier: Apache-2.0 */
#include "seq/seq_i.h"

/* Rows that the host may not read: a commit is on its disk before the hardware's counter has passed
 * it, and until then the host can still take it back. Bodies and signatures that it saw there would
 * have left the node without a promise that anything of it stays. So they leave through the node
 * alone, which answers for what is anchored only. */

enum {
    NAME_SIZE = 1 + 8
};

/* The place of a row: table and number. */
static void row_name(enum ag_table table, uint64_t number, uint8_t out[NAME_SIZE])
{
    out[0] = table == AG_TABLE_BATCHES ? 'b' : 'g';
    for (unsigned i = 0; i < 8; i++) {
        out[1 + i] = (uint8_t)(number >> (56u - 8u * i));
    }
}

static enum ag_purpose purpose_of(enum ag_table table)
{
    return table == AG_TABLE_BATCHES ? AG_PURPOSE_BATCH : AG_PURPOSE_GROUP;
}

enum ag_err ag_seq_put_sealed(struct ag_seq *seq, struct ag_store_tx *tx, enum ag_table table,
                              uint64_t number, struct ag_bytes plain)
{
    uint8_t name[NAME_SIZE];
    struct ag_store_u64 key = ag_store_u64(number);
    struct ag_vec blob AG_SCOPED(ag_vec_close);
    ag_vec_init(&blob, plain.size + AG_SEAL_OVERHEAD_SIZE);
    row_name(table, number, name);
    AG_TRY(ag_seal_seal(seq->seal, purpose_of(table), 0, AG_ARRAY_VIEW(name), plain, &blob));
    return ag_store_put_append(tx, table, AG_VIEW(&key), ag_vec_view(&blob));
}

enum ag_err ag_seq_get_sealed(struct ag_seq *seq, struct ag_store_tx *tx, enum ag_table table,
                              uint64_t number, struct ag_arena *arena, struct ag_bytes *out)
{
    uint8_t name[NAME_SIZE];
    struct ag_store_u64 key = ag_store_u64(number);
    struct ag_bytes blob;
    AG_TRY(ag_store_get(tx, table, AG_VIEW(&key), &blob));
    row_name(table, number, name);
    return ag_seal_unseal(seq->seal, purpose_of(table), 0, AG_ARRAY_VIEW(name), blob, arena, out);
}
