/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon runs with, and what it can be told: for people, programs and the documents. */
#include "conf/conf.h"

#include <inttypes.h>
#include <string.h>

#include "conf/conf_i.h"

/* The longest value is a path. */
#define VALUE_SIZE_MAX ((size_t)AG_CONF_TEXT_SIZE)

static bool has_origin(const struct ag_conf *conf, enum ag_conf_origin origin)
{
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        if (conf->origins[i] == origin) {
            return true;
        }
    }
    return false;
}

/* Texts stand in quotes, so that any of them is read back as it was. */
static enum ag_err print_quoted(struct ag_bytes text, struct ag_vec *out)
{
    AG_TRY(ag_vec_append(out, AG_LITERAL("\"")));
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            AG_TRY(ag_vec_append(out, AG_LITERAL("\\")));
        }
        AG_TRY(ag_vec_append(out, ag_bytes_of(&text.data[i], 1)));
    }
    return ag_vec_append(out, AG_LITERAL("\""));
}

static enum ag_err print_group(const struct ag_conf *conf, enum ag_conf_origin origin,
                               struct ag_vec *out)
{
    struct ag_vec value AG_SCOPED(ag_vec_close);
    ag_vec_init(&value, VALUE_SIZE_MAX);
    if (!has_origin(conf, origin)) {
        return AG_OK;
    }
    AG_TRY(ag_vec_printf(out, "%s# %s\n", out->size == 0 ? "" : "\n", ag_conf_origin_name(origin)));
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        const struct ag_conf_row *row = &ag_conf_rows[i];
        if (conf->origins[i] != origin) {
            continue;
        }
        value.size = 0;
        AG_TRY(ag_conf_format(conf, row, &value));
        AG_TRY(ag_vec_printf(out, "%s = ", row->name));
        if (row->type == AG_CONF_TYPE_TEXT) {
            AG_TRY(print_quoted(ag_vec_view(&value), out));
        } else {
            AG_TRY(ag_vec_append(out, ag_vec_view(&value)));
        }
        AG_TRY(ag_vec_append(out, AG_LITERAL("\n")));
    }
    return AG_OK;
}

static enum ag_err print_json(const struct ag_conf *conf, struct ag_vec *out)
{
    struct ag_vec value AG_SCOPED(ag_vec_close);
    ag_vec_init(&value, VALUE_SIZE_MAX);
    struct ag_json_out json;
    ag_json_begin(&json, out, true);
    ag_json_object(&json, NULL);
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        const struct ag_conf_row *row = &ag_conf_rows[i];
        value.size = 0;
        AG_TRY(ag_conf_format(conf, row, &value));
        ag_json_object(&json, row->name);
        if (row->type == AG_CONF_TYPE_BOOL || row->type == AG_CONF_TYPE_NUMBER) {
            /* Their text is JSON as it stands. */
            ag_json_put_raw(&json, "value", ag_vec_view(&value));
        } else {
            ag_json_put_text(&json, "value", ag_vec_view(&value));
        }
        ag_json_put_string(&json, "origin", ag_conf_origin_name(conf->origins[i]));
        ag_json_put_string(&json, "unit", row->unit);
        ag_json_end(&json);
    }
    ag_json_end(&json);
    return ag_json_finish(&json);
}

enum ag_err ag_conf_print(const struct ag_conf *conf, bool is_json, struct ag_vec *out)
{
    if (is_json) {
        return print_json(conf, out);
    }
    AG_TRY(print_group(conf, AG_CONF_FLAG, out));
    AG_TRY(print_group(conf, AG_CONF_FILE, out));
    return print_group(conf, AG_CONF_DEFAULT, out);
}

/* ---- help ---- */

static enum ag_err print_dashed(const char *name, struct ag_vec *out)
{
    for (; *name != '\0'; name++) {
        AG_TRY(ag_vec_printf(out, "%c", *name == '_' ? '-' : *name));
    }
    return AG_OK;
}

enum ag_err ag_conf_write_help(struct ag_vec *out)
{
    AG_TRY(ag_vec_printf(out, "  --config PATH\n      The file to read.\n"));
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        const struct ag_conf_row *row = &ag_conf_rows[i];
        AG_TRY(ag_vec_printf(out, "  --"));
        AG_TRY(print_dashed(row->name, out));
        if (row->type == AG_CONF_TYPE_BOOL) {
            AG_TRY(ag_vec_printf(out, "[=true|false]"));
        } else {
            AG_TRY(ag_vec_printf(out, " %s", row->type == AG_CONF_TYPE_NUMBER ? "N" : "TEXT"));
        }
        AG_TRY(ag_vec_printf(out, "\n      %s Default: %s.\n", row->text,
                             row->fallback[0] == '\0' ? "none" : row->fallback));
    }
    return AG_OK;
}

/* ---- the page ---- */

static const char page_start[] =
    "# Configuration\n"
    "\n"
    "A node reads one file, `aegis.conf`, and then its flags. The file has lines of `key = "
    "value`;\n"
    "empty lines and lines that begin with `#` are skipped; a value with blanks at its ends, or "
    "an\n"
    "empty one, stands in double quotes, in which `\\\"` and `\\\\` are the only escapes. A flag "
    "is\n"
    "`--key=value` or `--key value`, or `--key` alone where the value is true or false; dashes "
    "and\n"
    "underscores are alike. A flag overrides the file, the file overrides the default. A key that\n"
    "does not exist, or stands twice in one source, is an error that names the line. The "
    "environment\n"
    "is not read. `aegisd --config PATH` names the file; the node prints what it runs with, and\n"
    "where each value came from.\n"
    "\n"
    "Beside the ranges below: `batch_min_tx` may not exceed `batch_tx_max` or `pool_count`,\n"
    "`insecure-sim` needs `sim_dir`, and `memory_max` must be 0 or larger than `pool_bytes`.\n"
    "\n"
    "This page is printed from `src/conf/keys.def` by `test_conf --print-docs`; do not edit it.\n"
    "\n"
    "| key | default | range | unit | meaning |\n"
    "|---|---|---|---|---|\n";

static const char page_end[] =
    "\n"
    "## The document's seven settings\n"
    "\n"
    "The confidential-contracts document names seven settings. Here they have the same names and\n"
    "defaults; durations carry their unit.\n"
    "\n"
    "| in the document | here | default |\n"
    "|---|---|---|\n"
    "| `max_tee_environments` | `max_tee_environments` | 100 |\n"
    "| `tee_environment_creation_timeout` | `tee_environment_creation_timeout_ms` | 2 minutes |\n"
    "| `confidential_contract_execution_timeout` | `confidential_contract_execution_timeout_ms` | "
    "5 "
    "minutes |\n"
    "| `attestation_verification_timeout` | `attestation_verification_timeout_ms` | 3 minutes |\n"
    "| `sealing_timeout` | `sealing_timeout_ms` | 1 minute |\n"
    "| `enable_parallel_processing` | `enable_parallel_processing` | true |\n"
    "| `enable_tee_optimization` | `enable_tee_optimization` | true |\n";

static enum ag_err print_range(const struct ag_conf_row *row, struct ag_vec *out)
{
    const struct ag_conf_choice *choice = ag_conf_choices(row->type);
    switch (row->type) {
    case AG_CONF_TYPE_TEXT:
        return ag_vec_printf(out, "%" PRIu64 " to %" PRIu64 " bytes", row->min, row->max);
    case AG_CONF_TYPE_NUMBER:
        return ag_vec_printf(out, "%" PRIu64 " to %" PRIu64, row->min, row->max);
    case AG_CONF_TYPE_BOOL:
        return ag_vec_printf(out, "`true`, `false`");
    case AG_CONF_TYPE_SUITES:
        return ag_vec_printf(out, "`0x0051`, `0x0042`, separated by commas");
    case AG_CONF_TYPE_PROVIDER:
    case AG_CONF_TYPE_ORDER_MODE:
    case AG_CONF_TYPE_LOG_LEVEL:
    default:
        for (size_t i = 0; choice[i].name != NULL; i++) {
            AG_TRY(ag_vec_printf(out, "%s`%s`", i == 0 ? "" : ", ", choice[i].name));
        }
        return AG_OK;
    }
}

enum ag_err ag_conf_write_docs(struct ag_vec *out)
{
    AG_TRY(ag_vec_append(out, AG_LITERAL(page_start)));
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        const struct ag_conf_row *row = &ag_conf_rows[i];
        bool is_empty = row->fallback[0] == '\0';
        AG_TRY(ag_vec_printf(out, "| `%s` | %s%s%s | ", row->name, is_empty ? "" : "`",
                             is_empty ? "none" : row->fallback, is_empty ? "" : "`"));
        AG_TRY(print_range(row, out));
        AG_TRY(ag_vec_printf(out, " | %s | %s |\n", row->unit, row->text));
    }
    return ag_vec_append(out, AG_LITERAL(page_end));
}
