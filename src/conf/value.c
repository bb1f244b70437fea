/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, and one value of each type: parsed and printed. */
#include "conf/conf_i.h"

#include <inttypes.h>
#include <string.h>

const struct ag_conf_row ag_conf_rows[AG_CONF_KEY_COUNT] = {
#define X(name, type, fallback, min, max, unit, text)                                              \
    {#name, AG_CONF_TYPE_##type, fallback, min, max, unit, text, offsetof(struct ag_conf, name)},
#include "keys.def"
#undef X
};

const struct ag_conf_choice *ag_conf_choices(enum ag_conf_type type)
{
    static const struct ag_conf_choice providers[] = {
        {"tdx", AG_TEE_TDX},
        {"snp", AG_TEE_SNP},
        {"sgx", AG_TEE_SGX},
        {"trustzone", AG_TEE_PSA},
        {"insecure-sim", AG_TEE_INSECURE_SIM},
        {NULL, 0},
    };
    static const struct ag_conf_choice order_modes[] = {
        {"risk-aware", AG_ORDER_RISK_AWARE},
        {"asset-protection", AG_ORDER_ASSET_PROTECTION},
        {"migration-aware", AG_ORDER_MIGRATION_AWARE},
        {"hybrid", AG_ORDER_HYBRID},
        {NULL, 0},
    };
    static const struct ag_conf_choice log_levels[] = {
        {"debug", AG_LOG_DEBUG},
        {"info", AG_LOG_INFO},
        {"warn", AG_LOG_WARN},
        {"error", AG_LOG_ERROR},
        {NULL, 0},
    };
    static const struct ag_conf_choice none[] = {{NULL, 0}};
    switch (type) {
    case AG_CONF_TYPE_PROVIDER:
        return providers;
    case AG_CONF_TYPE_ORDER_MODE:
        return order_modes;
    case AG_CONF_TYPE_LOG_LEVEL:
        return log_levels;
    case AG_CONF_TYPE_TEXT:
    case AG_CONF_TYPE_BOOL:
    case AG_CONF_TYPE_NUMBER:
    case AG_CONF_TYPE_SUITES:
    default:
        return none;
    }
}

/* ---- parsing ---- */

static enum ag_err parse_text(const struct ag_conf_row *row, const char *value, char *out,
                              struct ag_fault *fault)
{
    size_t length = strlen(value);
    if (length < row->min || length > row->max) {
        return ag_fault_limit(fault, AG_ERR_CONFIG, row->name,
                              length < row->min ? row->min : row->max, length);
    }
    /* The file's reader refuses these; a flag could bring one, and the printer could not. */
    for (size_t i = 0; i < length; i++) {
        uint8_t c = (uint8_t)value[i];
        if (c < 0x20 || c == 0x7f) {
            return ag_fault_set(fault, AG_ERR_CONFIG, row->name);
        }
    }
    memset(out, 0, AG_CONF_TEXT_SIZE);
    memcpy(out, value, length);
    return AG_OK;
}

static enum ag_err parse_bool(const struct ag_conf_row *row, const char *value, bool *out,
                              struct ag_fault *fault)
{
    bool is_true = strcmp(value, "true") == 0;
    if (!is_true && strcmp(value, "false") != 0) {
        return ag_fault_set(fault, AG_ERR_CONFIG, row->name);
    }
    *out = is_true;
    return AG_OK;
}

static enum ag_err parse_number(const struct ag_conf_row *row, const char *value, uint64_t *out,
                                struct ag_fault *fault)
{
    uint64_t number = 0;
    if (ag_u64_parse(value, strlen(value), false, &number) != AG_OK) {
        return ag_fault_set(fault, AG_ERR_CONFIG, row->name);
    }
    if (number < row->min || number > row->max) {
        return ag_fault_limit(fault, AG_ERR_CONFIG, row->name,
                              number < row->min ? row->min : row->max, number);
    }
    *out = number;
    return AG_OK;
}

static enum ag_err parse_choice(const struct ag_conf_row *row, const char *value, uint8_t *out,
                                struct ag_fault *fault)
{
    const struct ag_conf_choice *choice = ag_conf_choices(row->type);
    while (choice->name != NULL && strcmp(choice->name, value) != 0) {
        choice++;
    }
    if (choice->name == NULL) {
        return ag_fault_set(fault, AG_ERR_CONFIG, row->name);
    }
    *out = choice->value;
    return AG_OK;
}

/* The KEMs that exist, ascending: two bits of a mask stand for them. */
static const uint16_t known_kems[] = {0x0042, 0x0051};

/* A list of ids with commas and blanks between them, in any order. */
static enum ag_err parse_suites(const struct ag_conf_row *row, const char *value,
                                struct ag_conf_suites *out, struct ag_fault *fault)
{
    unsigned chosen = 0;
    for (;;) {
        value += strspn(value, " \t");
        size_t length = strcspn(value, ", \t");
        uint64_t id = 0;
        if (ag_u64_parse(value, length, true, &id) != AG_OK) {
            return ag_fault_set(fault, AG_ERR_CONFIG, row->name);
        }
        size_t index = 0;
        while (index < AG_COUNT(known_kems) && known_kems[index] != id) {
            index++;
        }
        if (index == AG_COUNT(known_kems) || (chosen & 1u << index) != 0) {
            return ag_fault_set(fault, AG_ERR_CONFIG, row->name);
        }
        chosen |= 1u << index;
        value += length;
        value += strspn(value, " \t");
        if (*value == '\0') {
            break;
        }
        if (*value != ',') {
            return ag_fault_set(fault, AG_ERR_CONFIG, row->name);
        }
        value++;
    }
    *out = (struct ag_conf_suites){0};
    for (size_t i = 0; i < AG_COUNT(known_kems); i++) {
        if ((chosen & 1u << i) != 0) {
            out->kems[out->count++] = known_kems[i];
        }
    }
    return AG_OK;
}

enum ag_err ag_conf_set(struct ag_conf *conf, const struct ag_conf_row *row, const char *value,
                        struct ag_fault *fault)
{
    void *member = (uint8_t *)conf + row->offset;
    switch (row->type) {
    case AG_CONF_TYPE_TEXT:
        return parse_text(row, value, member, fault);
    case AG_CONF_TYPE_BOOL:
        return parse_bool(row, value, member, fault);
    case AG_CONF_TYPE_NUMBER:
        return parse_number(row, value, member, fault);
    case AG_CONF_TYPE_SUITES:
        return parse_suites(row, value, member, fault);
    case AG_CONF_TYPE_PROVIDER:
    case AG_CONF_TYPE_ORDER_MODE:
    case AG_CONF_TYPE_LOG_LEVEL:
    default:
        return parse_choice(row, value, member, fault);
    }
}

/* ---- printing ---- */

static enum ag_err format_suites(const struct ag_conf_suites *suites, struct ag_vec *out)
{
    for (size_t i = 0; i < suites->count; i++) {
        AG_TRY(ag_vec_printf(out, "%s0x%04x", i == 0 ? "" : ",", (unsigned)suites->kems[i]));
    }
    return AG_OK;
}

static enum ag_err format_choice(const struct ag_conf_row *row, uint8_t value, struct ag_vec *out)
{
    const struct ag_conf_choice *choice = ag_conf_choices(row->type);
    while (choice->name != NULL && choice->value != value) {
        choice++;
    }
    AG_ASSERT(choice->name != NULL);
    return ag_vec_printf(out, "%s", choice->name);
}

enum ag_err ag_conf_format(const struct ag_conf *conf, const struct ag_conf_row *row,
                           struct ag_vec *out)
{
    const void *member = ag_conf_member(conf, row);
    switch (row->type) {
    case AG_CONF_TYPE_TEXT:
        return ag_vec_printf(out, "%s", (const char *)member);
    case AG_CONF_TYPE_BOOL:
        return ag_vec_printf(out, "%s", *(const bool *)member ? "true" : "false");
    case AG_CONF_TYPE_NUMBER:
        return ag_vec_printf(out, "%" PRIu64, *(const uint64_t *)member);
    case AG_CONF_TYPE_SUITES:
        return format_suites(member, out);
    case AG_CONF_TYPE_PROVIDER:
    case AG_CONF_TYPE_ORDER_MODE:
    case AG_CONF_TYPE_LOG_LEVEL:
    default:
        return format_choice(row, *(const uint8_t *)member, out);
    }
}
