/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"

#include <inttypes.h>
#include <string.h>

#include "conf/conf_i.h"

/* The state of one reading. A key may be set once in each source. */
struct reading {
    struct ag_conf conf;
    const char *file_name;
    unsigned file_lines[AG_CONF_KEY_COUNT]; /* where the file set it; 0: not */
    struct ag_conf_fault *fault;
};

const char *ag_conf_origin_name(enum ag_conf_origin origin)
{
    switch (origin) {
    case AG_CONF_DEFAULT:
        return "default";
    case AG_CONF_FILE:
        return "file";
    case AG_CONF_FLAG:
        return "flag";
    default:
        return "unknown";
    }
}

/* ---- messages ---- */

/* Copies `text` so that a terminal shows it as it is: what is not printable ASCII becomes `?`. */
static void copy_printable(char *out, size_t size, const char *text, size_t length)
{
    size_t i = 0;
    for (; i < length && text[i] != '\0' && i + 1u < size; i++) {
        bool is_printable = text[i] >= ' ' && text[i] < 0x7f;
        if (is_printable) {
            out[i] = text[i];
        } else {
            out[i] = '?';
        }
    }
    out[i] = '\0';
}

/* "aegis.conf:12: ", "--batch-tx-max: " or nothing, before the sentence. */
static enum ag_err complain(const struct reading *reading, unsigned line, enum ag_err err,
                            const char *field, const char *sentence)
{
    struct ag_conf_fault *fault = reading->fault;
    if (fault == NULL) {
        return err;
    }
    fault->line = line;
    if (fault->fault.err != err || fault->fault.field != field) {
        fault->fault = (struct ag_fault){.err = err, .field = field};
    }
    char name[128];
    copy_printable(name, sizeof(name), reading->file_name, SIZE_MAX);
    if (line != 0) {
        ag_text_format(fault->text, sizeof(fault->text), "%s:%u: %s", name, line, sentence);
    } else {
        ag_text_format(fault->text, sizeof(fault->text), "%s", sentence);
    }
    return err;
}

/* Says what is wrong with `value`, from what the parser of the type left in the fault. */
static enum ag_err complain_value(const struct reading *reading, unsigned line,
                                  const struct ag_conf_row *row, const char *value,
                                  const struct ag_fault *found)
{
    char shown[96];
    char sentence[384];
    copy_printable(shown, sizeof(shown), value, SIZE_MAX);
    const struct ag_conf_choice *choice = ag_conf_choices(row->type);
    if (row->type == AG_CONF_TYPE_TEXT) {
        ag_text_format(sentence, sizeof(sentence),
                       "%s must be %" PRIu64 " to %" PRIu64
                       " bytes of text without control characters",
                       row->name, row->min, row->max);
    } else if (row->type == AG_CONF_TYPE_NUMBER) {
        ag_text_format(sentence, sizeof(sentence),
                       "%s is %s; it may be %" PRIu64 " to %" PRIu64 " (%s)", row->name, shown,
                       row->min, row->max, row->unit);
    } else if (row->type == AG_CONF_TYPE_BOOL) {
        ag_text_format(sentence, sizeof(sentence), "%s is %s; it may be true or false", row->name,
                       shown);
    } else if (row->type == AG_CONF_TYPE_SUITES) {
        ag_text_format(sentence, sizeof(sentence), "%s is %s; it may be 0x0051, 0x0042 or both",
                       row->name, shown);
    } else {
        ag_text_format(sentence, sizeof(sentence), "%s is %s; it may be", row->name, shown);
        for (; choice->name != NULL; choice++) {
            size_t used = strlen(sentence);
            ag_text_format(sentence + used, sizeof(sentence) - used, " %s", choice->name);
        }
    }
    if (reading->fault != NULL) {
        reading->fault->fault = *found;
    }
    return complain(reading, line, AG_ERR_CONFIG, row->name, sentence);
}

/* ---- keys ---- */

/* Dashes and underscores are alike. */
static const struct ag_conf_row *find_row(const char *key, size_t length)
{
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        const char *name = ag_conf_rows[i].name;
        size_t at = 0;
        while (at < length && (name[at] == key[at] || (name[at] == '_' && key[at] == '-'))) {
            at++;
        }
        if (at == length && name[at] == '\0') {
            return &ag_conf_rows[i];
        }
    }
    return NULL;
}

static enum ag_err set(struct reading *reading, unsigned line, const struct ag_conf_row *row,
                       const char *value, enum ag_conf_origin origin)
{
    size_t index = (size_t)(row - ag_conf_rows);
    char sentence[384];
    if (origin != AG_CONF_DEFAULT && reading->conf.origins[index] == origin) {
        if (origin == AG_CONF_FILE) {
            ag_text_format(sentence, sizeof(sentence), "%s was set in line %u already", row->name,
                           reading->file_lines[index]);
        } else {
            ag_text_format(sentence, sizeof(sentence), "%s is given twice as a flag", row->name);
        }
        return complain(reading, line, AG_ERR_CONFIG, row->name, sentence);
    }
    struct ag_fault found = {0};
    if (ag_conf_set(&reading->conf, row, value, &found) != AG_OK) {
        return complain_value(reading, line, row, value, &found);
    }
    reading->conf.origins[index] = origin;
    if (origin == AG_CONF_FILE) {
        reading->file_lines[index] = line;
    }
    return AG_OK;
}

static enum ag_err complain_unknown(const struct reading *reading, unsigned line, const char *key,
                                    size_t length)
{
    char shown[96];
    char sentence[256];
    copy_printable(shown, sizeof(shown), key, length);
    ag_text_format(sentence, sizeof(sentence), "there is no setting %s", shown);
    return complain(reading, line, AG_ERR_CONFIG, "unknown key", sentence);
}

/* ---- the file ---- */

static enum ag_err read_row(void *context, unsigned line, const char *key, const char *value,
                            struct ag_fault *fault)
{
    struct reading *reading = context;
    (void)fault; /* ours is filled instead, and says more */
    const struct ag_conf_row *row = find_row(key, strlen(key));
    if (row == NULL) {
        return complain_unknown(reading, line, key, strlen(key));
    }
    return set(reading, line, row, value, AG_CONF_FILE);
}

static enum ag_err read_text(struct reading *reading, struct ag_bytes text)
{
    unsigned line = 0;
    struct ag_fault found = {0};
    enum ag_err err = ag_text_parse(text, read_row, reading, &line, &found);
    if (err == AG_OK || found.field == NULL) {
        return err;
    }
    char sentence[256];
    if (found.has_limit) {
        ag_text_format(sentence, sizeof(sentence), "%s over its limit of %" PRIu64, found.field,
                       found.limit);
    } else {
        ag_text_format(sentence, sizeof(sentence), "not of the form key = value (%s)", found.field);
    }
    if (reading->fault != NULL) {
        found.err = AG_ERR_CONFIG;
        reading->fault->fault = found;
    }
    return complain(reading, line, AG_ERR_CONFIG, found.field, sentence);
}

/* ---- flags ---- */

/* One flag, taken apart. */
struct flag {
    const char *key;
    size_t key_length;
    const char *value; /* NULL: none behind an equals sign */
};

static bool split_flag(const char *argument, struct flag *out)
{
    if (strncmp(argument, "--", 2) != 0) {
        return false;
    }
    out->key = argument + 2;
    out->key_length = strcspn(out->key, "=");
    out->value = out->key[out->key_length] == '=' ? out->key + out->key_length + 1u : NULL;
    return out->key_length != 0;
}

static bool is_config_flag(const struct flag *flag)
{
    return flag->key_length == 6 && strncmp(flag->key, "config", 6) == 0;
}

static bool is_bool_word(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

/* Reads the flag at `*at` and moves `*at` behind it and its value. `*out_row` is NULL for
 * --config. */
static enum ag_err take_flag(const struct reading *reading, size_t arg_count, char *const *args,
                             size_t *at, const struct ag_conf_row **out_row, const char **out_value)
{
    struct flag flag = {0};
    char sentence[256];
    char shown[96];
    const char *argument = args[*at];
    copy_printable(shown, sizeof(shown), argument, SIZE_MAX);
    if (!split_flag(argument, &flag)) {
        ag_text_format(sentence, sizeof(sentence), "%s is no flag of the form --key=value", shown);
        return complain(reading, 0, AG_ERR_CONFIG, "flag", sentence);
    }
    const struct ag_conf_row *row = NULL;
    if (!is_config_flag(&flag)) {
        row = find_row(flag.key, flag.key_length);
        if (row == NULL) {
            return complain_unknown(reading, 0, flag.key, flag.key_length);
        }
    }
    *at += 1;
    if (flag.value == NULL) {
        bool is_bool = row != NULL && row->type == AG_CONF_TYPE_BOOL;
        bool has_next = *at < arg_count && (!is_bool || is_bool_word(args[*at]));
        if (!has_next && !is_bool) {
            ag_text_format(sentence, sizeof(sentence), "%s wants a value", shown);
            return complain(reading, 0, AG_ERR_CONFIG, row == NULL ? "config" : row->name,
                            sentence);
        }
        flag.value = has_next ? args[*at] : "true";
        *at += has_next ? 1u : 0u;
    }
    *out_row = row;
    *out_value = flag.value;
    return AG_OK;
}

static enum ag_err read_flags(struct reading *reading, size_t arg_count, char *const *args)
{
    for (size_t at = 0; at < arg_count;) {
        const struct ag_conf_row *row = NULL;
        const char *value = NULL;
        AG_TRY(take_flag(reading, arg_count, args, &at, &row, &value));
        if (row != NULL) {
            AG_TRY(set(reading, 0, row, value, AG_CONF_FLAG));
        }
    }
    return AG_OK;
}

/* The path that --config names, or `path`. */
static enum ag_err find_config(const struct reading *reading, size_t arg_count, char *const *args,
                               const char **path)
{
    bool is_found = false;
    for (size_t at = 0; at < arg_count;) {
        const struct ag_conf_row *row = NULL;
        const char *value = NULL;
        AG_TRY(take_flag(reading, arg_count, args, &at, &row, &value));
        if (row == NULL) {
            if (is_found) {
                return complain(reading, 0, AG_ERR_CONFIG, "config", "--config is given twice");
            }
            is_found = true;
            *path = value;
        }
    }
    return AG_OK;
}

/* ---- the whole ---- */

static void start(struct reading *reading, const char *file_name, struct ag_conf_fault *fault)
{
    *reading = (struct reading){.file_name = file_name, .fault = fault};
    if (fault != NULL) {
        *fault = (struct ag_conf_fault){0};
    }
}

/* What no single key can know. */
static enum ag_err check_together(const struct reading *reading)
{
    const struct ag_conf *conf = &reading->conf;
    if (conf->batch_min_tx > conf->batch_tx_max) {
        return complain(reading, reading->file_lines[AG_CONF_KEY_batch_min_tx], AG_ERR_CONFIG,
                        "batch_min_tx",
                        "batch_min_tx is larger than batch_tx_max: no batch is ever due");
    }
    if (conf->batch_min_tx > conf->pool_count) {
        return complain(reading, reading->file_lines[AG_CONF_KEY_batch_min_tx], AG_ERR_CONFIG,
                        "batch_min_tx",
                        "batch_min_tx is larger than pool_count: no batch is ever due");
    }
    if (conf->provider == AG_TEE_INSECURE_SIM && conf->sim_dir[0] == '\0') {
        return complain(reading, reading->file_lines[AG_CONF_KEY_provider], AG_ERR_CONFIG,
                        "sim_dir", "provider insecure-sim needs sim_dir");
    }
    if (conf->memory_max != 0 && conf->memory_max <= conf->pool_bytes) {
        return complain(reading, reading->file_lines[AG_CONF_KEY_memory_max], AG_ERR_CONFIG,
                        "memory_max", "memory_max must be larger than pool_bytes, or 0");
    }
    return AG_OK;
}

static enum ag_err parse(struct reading *reading, struct ag_bytes text, size_t arg_count,
                         char *const *args, struct ag_conf *out)
{
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        /* A default outside its own range is a bug of the table. */
        AG_ASSERT(set(reading, 0, &ag_conf_rows[i], ag_conf_rows[i].fallback, AG_CONF_DEFAULT) ==
                  AG_OK);
    }
    AG_TRY(read_text(reading, text));
    AG_TRY(read_flags(reading, arg_count, args));
    AG_TRY(check_together(reading));
    *out = reading->conf;
    return AG_OK;
}

enum ag_err ag_conf_parse(struct ag_bytes text, const char *file_name, size_t arg_count,
                          char *const *args, struct ag_conf *out, struct ag_conf_fault *fault)
{
    struct reading reading;
    start(&reading, file_name, fault);
    const char *path = NULL;
    AG_TRY(find_config(&reading, arg_count, args, &path));
    if (path != NULL) {
        return complain(&reading, 0, AG_ERR_CONFIG, "config", "--config has no place here");
    }
    return parse(&reading, text, arg_count, args, out);
}

enum ag_err ag_conf_load(const char *path, size_t arg_count, char *const *args, struct ag_conf *out,
                         struct ag_conf_fault *fault)
{
    struct reading reading;
    start(&reading, "", fault);
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES + 1u);

    AG_TRY(find_config(&reading, arg_count, args, &path));
    if (path != NULL) {
        reading.file_name = path;
        /* One byte over the limit is read, so that the reader of texts names the limit. */
        enum ag_err err = ag_file_read(path, AG_LIMIT_TEXT_BYTES + 1u, &text);
        if (err != AG_OK) {
            char shown[256];
            char sentence[384];
            copy_printable(shown, sizeof(shown), path, SIZE_MAX);
            ag_text_format(sentence, sizeof(sentence), "%s: %s", shown,
                           err == AG_ERR_NOT_FOUND  ? "there is no such file"
                           : err == AG_ERR_ARGUMENT ? "too large for a configuration"
                                                    : ag_err_text(err));
            return complain(&reading, 0, err, "config", sentence);
        }
    }
    return parse(&reading, ag_vec_view(&text), arg_count, args, out);
}
