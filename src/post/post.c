/* SPDX-License-Identifier: Apache-2.0 */
#include "post/post.h"

#include <string.h>

/* In table `meta`: the number of the last entry that was taken out, u64. It keeps the order when
 * the outbox is empty. */
static const char done_key[] = "post.done";

/* ---- sinks ----------------------------------------------------------------------------------- */

static const struct {
    enum ag_post_sink sink;
    const char *name;
    bool delivers;
} sinks[] = {
    {AG_POST_SINK_NONE, "none", false},
};

const char *ag_post_sink_name(enum ag_post_sink sink)
{
    for (size_t i = 0; i < AG_COUNT(sinks); i++) {
        if (sinks[i].sink == sink) {
            return sinks[i].name;
        }
    }
    return "unknown";
}

enum ag_err ag_post_sink_parse(const char *name, enum ag_post_sink *out)
{
    for (size_t i = 0; i < AG_COUNT(sinks); i++) {
        if (strcmp(sinks[i].name, name) == 0) {
            *out = sinks[i].sink;
            return AG_OK;
        }
    }
    return AG_ERR_TEXT;
}

bool ag_post_sink_delivers(enum ag_post_sink sink)
{
    for (size_t i = 0; i < AG_COUNT(sinks); i++) {
        if (sinks[i].sink == sink) {
            return sinks[i].delivers;
        }
    }
    return false;
}

/* ---- the outbox ------------------------------------------------------------------------------ */

static struct ag_bytes done_view(void)
{
    return ag_bytes_of(done_key, sizeof(done_key) - 1);
}

/* Decodes an entry and demands that it stands under its own number. */
static enum ag_err read_entry(const struct ag_store_entry *row, struct ag_outbox_entry *out)
{
    struct ag_outbox_entry entry = {0};
    uint64_t number = 0;

    AG_TRY(ag_store_u64_parse(row->key, &number));
    AG_ENSURE(ag_outbox_entry_decode(row->value, &entry, NULL) == AG_OK &&
                  entry.batch_number == number,
              AG_ERR_STORE_CORRUPT);
    *out = entry;
    return AG_OK;
}

/* The newest number that was ever put; 0 when there was none. */
static enum ag_err newest(struct ag_store_tx *tx, uint64_t *out)
{
    struct ag_store_cursor *cursor AG_SCOPED(ag_store_cursor_cleanup) = NULL;
    struct ag_store_entry row = {0};
    struct ag_bytes done = {NULL, 0};
    enum ag_err err = AG_OK;

    AG_TRY(ag_store_cursor_open(tx, AG_TABLE_OUTBOX, &cursor));
    err = ag_store_last(cursor, &row);
    if (err != AG_ERR_NOT_FOUND) {
        AG_TRY(err);
        return ag_store_u64_parse(row.key, out);
    }
    err = ag_store_get(tx, AG_TABLE_META, done_view(), &done);
    if (err == AG_ERR_NOT_FOUND) {
        *out = 0;
        return AG_OK;
    }
    AG_TRY(err);
    return ag_store_u64_parse(done, out);
}

enum ag_err ag_post_put(struct ag_store_tx *tx, const struct ag_outbox_entry *entry)
{
    struct ag_vec encoding AG_SCOPED(ag_vec_close) = {0};
    struct ag_store_u64 key = ag_store_u64(entry->batch_number);
    uint64_t last = 0;

    AG_TRY(newest(tx, &last));
    AG_ENSURE(last < UINT64_MAX && entry->batch_number == last + 1, AG_ERR_ARGUMENT);
    ag_vec_init(&encoding, AG_LIMIT_TEXT_BYTES);
    AG_TRY(ag_outbox_entry_encode(entry, &encoding));
    return ag_store_put_append(tx, AG_TABLE_OUTBOX, AG_VIEW(&key), ag_vec_view(&encoding));
}

enum ag_err ag_post_next(struct ag_store_tx *tx, uint64_t from, struct ag_outbox_entry *out)
{
    struct ag_store_cursor *cursor AG_SCOPED(ag_store_cursor_cleanup) = NULL;
    struct ag_store_u64 key = ag_store_u64(from);
    struct ag_store_entry row = {0};

    AG_TRY(ag_store_cursor_open(tx, AG_TABLE_OUTBOX, &cursor));
    AG_TRY(ag_store_seek(cursor, AG_VIEW(&key), &row));
    return read_entry(&row, out);
}

enum ag_err ag_post_done(struct ag_store_tx *tx, uint64_t number)
{
    struct ag_store_u64 key = ag_store_u64(number);
    struct ag_outbox_entry oldest = {0};

    AG_TRY(ag_post_next(tx, 0, &oldest));
    AG_ENSURE(oldest.batch_number == number, AG_ERR_ARGUMENT);
    AG_TRY(ag_store_delete(tx, AG_TABLE_OUTBOX, AG_VIEW(&key)));
    return ag_store_put(tx, AG_TABLE_META, done_view(), AG_VIEW(&key));
}

enum ag_err ag_post_count(struct ag_store_tx *tx, uint64_t *out)
{
    return ag_store_count(tx, AG_TABLE_OUTBOX, out);
}
