/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <inttypes.h>
#include <stdatomic.h>

enum metric_kind {
    KIND_COUNTER,
    KIND_GAUGE,
    KIND_SUMMARY
};

static const struct {
    const char *name;
    const char *help;
    enum metric_kind kind;
} rows[AG_METRIC_COUNT] = {
#define X(name, kind, text_name, help) {text_name, help, KIND_##kind},
#include "metrics.def"
#undef X
};

/* Each number is its own: a reader may see a sum that is one observation ahead of its count, which
 * a scraper does not notice. */
static _Atomic uint64_t values[AG_METRIC_COUNT];
static _Atomic uint64_t counts[AG_METRIC_COUNT];

static void check_kind(enum ag_metric metric, enum metric_kind kind)
{
    AG_ASSERT((unsigned)metric < AG_METRIC_COUNT && rows[metric].kind == kind);
}

void ag_metric_add(enum ag_metric metric, uint64_t amount)
{
    check_kind(metric, KIND_COUNTER);
    atomic_fetch_add_explicit(&values[metric], amount, memory_order_relaxed);
}

void ag_metric_set(enum ag_metric metric, uint64_t value)
{
    check_kind(metric, KIND_GAUGE);
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

void ag_metric_observe_us(enum ag_metric metric, uint64_t value_us)
{
    check_kind(metric, KIND_SUMMARY);
    atomic_fetch_add_explicit(&values[metric], value_us, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts[metric], 1, memory_order_relaxed);
}

uint64_t ag_metric_get(enum ag_metric metric)
{
    AG_ASSERT((unsigned)metric < AG_METRIC_COUNT);
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

uint64_t ag_metric_get_count(enum ag_metric metric)
{
    check_kind(metric, KIND_SUMMARY);
    return atomic_load_explicit(&counts[metric], memory_order_relaxed);
}

static enum ag_err print_row(enum ag_metric metric, struct ag_vec *out)
{
    static const char *const kind_names[] = {
        [KIND_COUNTER] = "counter", [KIND_GAUGE] = "gauge", [KIND_SUMMARY] = "summary"};
    const char *name = rows[metric].name;

    AG_TRY(ag_vec_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, rows[metric].help, name,
                         kind_names[rows[metric].kind]));
    uint64_t value = ag_metric_get(metric);
    if (rows[metric].kind != KIND_SUMMARY) {
        return ag_vec_printf(out, "%s %" PRIu64 "\n", name, value);
    }
    return ag_vec_printf(out, "%s_sum %" PRIu64 "\n%s_count %" PRIu64 "\n", name, value, name,
                         ag_metric_get_count(metric));
}

enum ag_err ag_metrics_print(struct ag_vec *out)
{
    /* The only metric that base knows by itself; nobody has to remember to set it. */
    ag_metric_set(AG_METRIC_MEMORY_BYTES, ag_alloc_in_use());
    for (unsigned i = 0; i < AG_METRIC_COUNT; i++) {
        AG_TRY(print_row((enum ag_metric)i, out));
    }
    return AG_OK;
}
