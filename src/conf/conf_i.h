/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_CONF_CONF_I_H
#define AG_CONF_CONF_I_H

/* conf, inside: the table of keys as data, which the parser, the printer and the page share. */

#include "conf/conf.h"

enum ag_conf_type {
    AG_CONF_TYPE_TEXT,
    AG_CONF_TYPE_BOOL,
    AG_CONF_TYPE_NUMBER,
    AG_CONF_TYPE_SUITES,
    AG_CONF_TYPE_PROVIDER,
    AG_CONF_TYPE_ORDER_MODE,
    AG_CONF_TYPE_LOG_LEVEL,
};

struct ag_conf_row {
    const char *name;
    enum ag_conf_type type;
    const char *fallback;
    uint64_t min;
    uint64_t max;
    const char *unit;
    const char *text;
    size_t offset; /* of the member in struct ag_conf */
};
extern const struct ag_conf_row ag_conf_rows[AG_CONF_KEY_COUNT];

/* The names that a choice may have; ends with a NULL name. */
struct ag_conf_choice {
    const char *name;
    uint8_t value;
};
/* Empty for a type that is no choice. */
const struct ag_conf_choice *ag_conf_choices(enum ag_conf_type type);

static inline const void *ag_conf_member(const struct ag_conf *conf, const struct ag_conf_row *row)
{
    return (const uint8_t *)conf + row->offset;
}

/* Parses `value` for `row` and stores it. */
AG_MUST_CHECK enum ag_err ag_conf_set(struct ag_conf *conf, const struct ag_conf_row *row,
                                      const char *value, struct ag_fault *fault);
/* Appends the value as ag_conf_set takes it, without quotes. */
AG_MUST_CHECK enum ag_err ag_conf_format(const struct ag_conf *conf, const struct ag_conf_row *row,
                                         struct ag_vec *out);

#endif
