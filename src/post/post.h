/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_POST_POST_H
#define AG_POST_POST_H

/* post: the outbox, from which committed batches leave in order, at least once.
 *
 * Owns:    table `outbox` and the entry `post.done` of table `meta`.
 * Threads: as the transaction that is passed.
 * Fails:   as store does; ARGUMENT when numbers are not in order; STORE_CORRUPT when an entry is
 *          not what this room wrote.
 * Not:     no chains yet: the only sink is `none`, whose batches stay in the outbox. An entry
 *          leaves only by ag_post_done. The outbox is bounded by the store's size. */

#include "base/base.h"
#include "store/store.h"
#include "wire/wire.h"

enum ag_post_sink {
    AG_POST_SINK_NONE = 0,
};
/* "none" */
const char *ag_post_sink_name(enum ag_post_sink sink);
/* TEXT when there is no sink of this name in this build. */
AG_MUST_CHECK enum ag_err ag_post_sink_parse(const char *name, enum ag_post_sink *out);
/* Whether entries may leave at all. */
bool ag_post_sink_delivers(enum ag_post_sink sink);

/* Puts an entry within the commit of its batch, which itself stands in `batches`. Its number must
 * follow the newest entry, or the last one done: no gap, no repeat. */
AG_MUST_CHECK enum ag_err ag_post_put(struct ag_store_tx *tx, const struct ag_outbox_entry *entry);
/* The oldest entry whose number is at least `from`; NOT_FOUND when there is none. */
AG_MUST_CHECK enum ag_err ag_post_next(struct ag_store_tx *tx, uint64_t from,
                                       struct ag_outbox_entry *out);
/* Takes out the oldest entry, once its chain has confirmed it. ARGUMENT when `number` is not the
 * oldest, NOT_FOUND when the outbox is empty. */
AG_MUST_CHECK enum ag_err ag_post_done(struct ag_store_tx *tx, uint64_t number);
/* Entries that wait. */
AG_MUST_CHECK enum ag_err ag_post_count(struct ag_store_tx *tx, uint64_t *out);

#endif
