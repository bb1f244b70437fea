/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "order/order_i.h"

/* The plan is what a fair clerk would do with one queue per sender: queues stand in order of nonce
 * (the same nonce twice: by admission), and he always calls the best of the queues' heads: highest
 * score, then lowest admission number.
 *
 * It is computed by sorting instead. Call `p` the priority of an item, (score, then lower
 * admission): no two are equal. Call `m` the lowest priority among an item and all before it in its
 * queue: its bottleneck. The clerk's row is the row sorted by falling m, and inside one bottleneck,
 * which belongs to one queue, by place in the queue.
 *
 * Proof. Claim: whenever a bottleneck is called, every head is its own bottleneck. True at the
 * start. Let the clerk call such a head b: the highest p of all heads, so the highest m of all that
 * is left, since nobody's m is above that of the head of its queue. The items behind b that have
 * the bottleneck b are above p(b), and the other heads below: they are called at once, one after
 * another, which is the order of the sort. When they are gone, the new head of this queue has a p
 * below p(b), so it is its own bottleneck; the other heads are as before; the claim holds again.
 *
 * Sorting is by digits, never by comparing: its time has no worst case that a sender could aim at,
 * and senders are grouped without a hash table that could be flooded. */

struct key {
    uint64_t value;
    uint32_t index; /* of the item */
};

struct plan {
    const struct ag_order_item *items;
    size_t count;
    struct key *keys;
    struct key *spare;
    uint64_t *scores; /* by item; first its own, then that of its bottleneck */
};

enum {
    DIGIT_BITS = 8,
    DIGIT_VALUES = 1 << DIGIT_BITS,
    DIGITS = 64 / DIGIT_BITS
};

/* Stable, by rising value. Digits that all keys share cost nothing. */
static void sort_by_value(struct plan *plan)
{
    uint32_t counts[DIGITS][DIGIT_VALUES] = {{0}};
    for (size_t i = 0; i < plan->count; i++) {
        uint64_t value = plan->keys[i].value;
        for (unsigned digit = 0; digit < DIGITS; digit++) {
            counts[digit][(value >> (DIGIT_BITS * digit)) & (DIGIT_VALUES - 1)]++;
        }
    }
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        unsigned shift = DIGIT_BITS * digit;
        uint32_t *places = counts[digit];
        if (places[(plan->keys[0].value >> shift) & (DIGIT_VALUES - 1)] == plan->count) {
            continue;
        }
        uint32_t next = 0;
        for (size_t i = 0; i < DIGIT_VALUES; i++) {
            uint32_t here = places[i];
            places[i] = next;
            next += here;
        }
        for (size_t i = 0; i < plan->count; i++) {
            struct key key = plan->keys[i];
            plan->spare[places[(key.value >> shift) & (DIGIT_VALUES - 1)]++] = key;
        }
        struct key *sorted = plan->spare;
        plan->spare = plan->keys;
        plan->keys = sorted;
    }
}

static const struct ag_sender *sender_of(const struct plan *plan, size_t place)
{
    return &plan->items[plan->keys[place].index].head->sender;
}

static bool is_same_sender(const struct ag_sender *a, const struct ag_sender *b)
{
    return a->kind == b->kind && memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

enum {
    SENDER_WORDS = sizeof(((struct ag_sender *)0)->id) / sizeof(uint64_t)
};

/* Sorts by one word of the sender. Which sender comes first does not matter, only that the items of
 * one stand together, so the word is taken in the byte order of the machine. */
static void sort_by_sender_word(struct plan *plan, size_t word)
{
    for (size_t i = 0; i < plan->count; i++) {
        memcpy(&plan->keys[i].value, sender_of(plan, i)->id + word * sizeof(uint64_t),
               sizeof(uint64_t));
    }
    sort_by_value(plan);
}

/* Puts the items of one sender together; their order among themselves stays. */
static void group_by_sender(struct plan *plan)
{
    sort_by_sender_word(plan, 0);
    bool is_mixed = false;
    for (size_t i = 1; i < plan->count && !is_mixed; i++) {
        is_mixed = plan->keys[i].value == plan->keys[i - 1].value &&
                   !is_same_sender(sender_of(plan, i), sender_of(plan, i - 1));
    }
    if (!is_mixed) {
        return;
    }
    /* Different senders begin alike, which happens only when somebody makes them: sort by all they
     * have, at about twice the cost. */
    for (size_t i = 0; i < plan->count; i++) {
        plan->keys[i].value = sender_of(plan, i)->kind;
    }
    sort_by_value(plan);
    for (size_t word = SENDER_WORDS; word-- > 0;) {
        sort_by_sender_word(plan, word);
    }
}

/* Walks the queues, which stand one after another, and replaces each score by that of the item's
 * bottleneck; the key becomes the bottleneck's admission. */
static void find_bottlenecks(struct plan *plan)
{
    uint64_t score = 0;
    uint64_t admission = 0;
    for (size_t i = 0; i < plan->count; i++) {
        uint32_t index = plan->keys[i].index;
        uint64_t own_score = plan->scores[index];
        uint64_t own_admission = plan->items[index].admission;
        bool is_new_queue = i == 0 || !is_same_sender(sender_of(plan, i - 1), sender_of(plan, i));
        if (is_new_queue || own_score < score ||
            (own_score == score && own_admission > admission)) {
            score = own_score;
            admission = own_admission;
        }
        plan->scores[index] = score;
        plan->keys[i].value = admission;
    }
}

/* Sorts by admission and refuses a number that occurs twice, since ties could then not be
 * broken. */
static enum ag_err sort_by_admission(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        AG_ENSURE(plan->items[i].head != NULL, AG_ERR_ARGUMENT);
        plan->keys[i] = (struct key){plan->items[i].admission, (uint32_t)i};
    }
    sort_by_value(plan);
    for (size_t i = 1; i < plan->count; i++) {
        AG_ENSURE(plan->keys[i - 1].value != plan->keys[i].value, AG_ERR_ARGUMENT);
    }
    return AG_OK;
}

/* A place for every admission since: saturating, so that the oldest of any numbers stays first. */
static uint64_t add_age(uint64_t units, uint64_t age)
{
    uint64_t age_units = 0;
    uint64_t sum = 0;
    if (__builtin_mul_overflow(age, (uint64_t)AG_ORDER_UNITS_PER_PLACE, &age_units) ||
        __builtin_add_overflow(units, age_units, &sum)) {
        return UINT64_MAX;
    }
    return sum;
}

static enum ag_err open_plan(struct plan *plan, struct ag_arena *scratch)
{
    void *keys = NULL;
    void *spare = NULL;
    void *scores = NULL;
    AG_TRY(ag_arena_take(scratch, plan->count * sizeof(plan->keys[0]), &keys));
    AG_TRY(ag_arena_take(scratch, plan->count * sizeof(plan->spare[0]), &spare));
    AG_TRY(ag_arena_take(scratch, plan->count * sizeof(plan->scores[0]), &scores));
    plan->keys = keys;
    plan->spare = spare;
    plan->scores = scores;
    return AG_OK;
}

enum ag_err ag_order_plan(enum ag_order_mode mode, const struct ag_order_item *items, size_t count,
                          const struct ag_asset_table *assets, const struct ag_risk_snapshot *risk,
                          struct ag_arena *scratch, uint32_t *out_order)
{
    AG_ENSURE((unsigned)mode <= UINT8_MAX && ag_order_mode_is_known((uint8_t)mode),
              AG_ERR_ORDER_MODE);
    AG_ENSURE(count <= AG_LIMIT_BATCH_TXS, AG_ERR_ARGUMENT);
    if (count == 0) {
        return AG_OK;
    }
    struct plan plan = {.items = items, .count = count};
    AG_TRY(open_plan(&plan, scratch));

    AG_TRY(sort_by_admission(&plan));
    uint64_t newest = plan.keys[count - 1].value;
    for (size_t i = 0; i < count; i++) {
        uint64_t units = ag_order_score_head(mode, items[i].head, assets, risk);
        plan.scores[i] = add_age(units, newest - items[i].admission);
    }
    /* Each sort keeps what the one before did among equals: admission, nonce, sender. */
    for (size_t i = 0; i < count; i++) {
        plan.keys[i].value = items[plan.keys[i].index].head->nonce;
    }
    sort_by_value(&plan);
    group_by_sender(&plan);

    find_bottlenecks(&plan);
    sort_by_value(&plan);
    for (size_t i = 0; i < count; i++) {
        plan.keys[i].value = ~plan.scores[plan.keys[i].index];
    }
    sort_by_value(&plan);
    for (size_t i = 0; i < count; i++) {
        out_order[i] = plan.keys[i].index;
    }
    return AG_OK;
}
