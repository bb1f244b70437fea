/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file: `key = value` lines through the reader that conf uses too. One table says which
 * keys exist and what their values are. */
#include "attest/policy_i.h"

#include <stddef.h>
#include <string.h>

#define AGE_MAX_DAYS_DEFAULT 31u /* Intel issues a list only every few weeks */

typedef enum ag_err read_value(const char *text, size_t length, unsigned line, size_t size,
                               void *out);

struct key {
    const char *name;
    read_value *read;
    size_t offset; /* of the rule in struct ag_policy */
    size_t size;   /* of one value in bytes, for lists; the highest value, for numbers */
    bool is_list;  /* several values in a row, and several rows */
};

/* ---- values ---- */

static enum ag_err read_tee(const char *text, size_t length, unsigned line, size_t size, void *out)
{
    (void)size;
    struct ag_policy_set *set = out;
    for (unsigned kind = AG_TEE_TDX; kind <= AG_TEE_INSECURE_SIM; kind++) {
        const char *name = ag_tee_kind_name((uint8_t)kind);
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            set->members |= (uint64_t)1 << kind;
            set->line = set->line == 0 ? line : set->line;
            return AG_OK;
        }
    }
    return AG_ERR_POLICY;
}

/* Only outcomes of genuine evidence, and of those not the two that nobody may accept. */
static enum ag_err read_status(const char *text, size_t length, unsigned line, size_t size,
                               void *out)
{
    (void)size;
    static const enum ag_attest_status acceptable[] = {
        AG_ATTEST_Valid,
        AG_ATTEST_UpToDate,
        AG_ATTEST_SWHardeningNeeded,
        AG_ATTEST_ConfigurationNeeded,
        AG_ATTEST_ConfigurationAndSWHardeningNeeded,
        AG_ATTEST_OutOfDate,
        AG_ATTEST_OutOfDateConfigurationNeeded,
        AG_ATTEST_TDRelaunchAdvised,
        AG_ATTEST_TDRelaunchAdvisedConfigurationNeeded,
    };
    struct ag_policy_set *set = out;
    for (size_t i = 0; i < AG_COUNT(acceptable); i++) {
        const char *name = ag_attest_status_name(acceptable[i]);
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            /* The first row replaces the default. */
            set->members = set->line == 0 ? 0 : set->members;
            set->members |= (uint64_t)1 << acceptable[i];
            set->line = set->line == 0 ? line : set->line;
            return AG_OK;
        }
    }
    return AG_ERR_POLICY;
}

static enum ag_err read_hex(const char *text, size_t length, size_t size, uint8_t *out)
{
    AG_ENSURE(ag_hex_decode(text, length, (struct ag_buf){out, size}) == AG_OK, AG_ERR_POLICY);
    return AG_OK;
}

static enum ag_err read_list(const char *text, size_t length, unsigned line, size_t size, void *out)
{
    struct ag_policy_list *list = out;
    AG_ENSURE(list->count < AG_LIMIT_POLICY_ROWS, AG_ERR_POLICY);
    struct ag_policy_value *row = &list->rows[list->count];
    AG_TRY(read_hex(text, length, size, row->bytes));
    row->line = line;
    list->count++;
    return AG_OK;
}

static enum ag_err read_mask(const char *text, size_t length, unsigned line, size_t size, void *out)
{
    struct ag_policy_mask *mask = out;
    AG_ENSURE(mask->line == 0, AG_ERR_POLICY);
    AG_TRY(read_hex(text, length, size, mask->bytes));
    mask->line = line;
    return AG_OK;
}

static enum ag_err read_root(const char *text, size_t length, unsigned line, size_t size, void *out)
{
    struct ag_policy_value *root = out;
    AG_ENSURE(root->line == 0, AG_ERR_POLICY);
    AG_TRY(read_hex(text, length, size, root->bytes));
    root->line = line;
    return AG_OK;
}

/* A scalar stands once: two values would leave it to the reader which one holds. */
static enum ag_err set_number(struct ag_policy_number *number, uint64_t value, unsigned line)
{
    AG_ENSURE(number->line == 0, AG_ERR_POLICY);
    *number = (struct ag_policy_number){value, line};
    return AG_OK;
}

static enum ag_err read_yes_no(const char *text, size_t length, unsigned line, size_t size,
                               void *out)
{
    (void)size;
    bool is_yes = length == 3 && memcmp(text, "yes", 3) == 0;
    AG_ENSURE(is_yes || (length == 2 && memcmp(text, "no", 2) == 0), AG_ERR_POLICY);
    return set_number(out, is_yes ? 1 : 0, line);
}

static enum ag_err read_number(const char *text, size_t length, unsigned line, size_t limit,
                               void *out)
{
    uint64_t value = 0;
    AG_ENSURE(ag_u64_parse(text, length, false, &value) == AG_OK && value <= limit, AG_ERR_POLICY);
    return set_number(out, value, line);
}

/* 2026-01-31: midnight UTC. */
static enum ag_err read_date(const char *text, size_t length, unsigned line, size_t size, void *out)
{
    (void)size;
    char instant[AG_ATTEST_TIME_SIZE] = "0000-00-00T00:00:00Z";
    AG_ENSURE(length == 10, AG_ERR_POLICY);
    memcpy(instant, text, 10);
    uint64_t value = 0;
    AG_ENSURE(ag_attest_time_parse(instant, AG_ATTEST_TIME_SIZE - 1u, &value), AG_ERR_POLICY);
    return set_number(out, value, line);
}

/* ---- the keys ---- */

#define AT(member) offsetof(struct ag_policy, member)
static const struct key keys[] = {
    {"accept_tee", read_tee, AT(tee_kinds), 0, true},
    {"accept_status", read_status, AT(statuses), 0, true},
    {"mr_td", read_list, AT(mr_td), 48, true},
    {"mr_seam", read_list, AT(mr_seam), 48, true},
    {"rtmr0", read_list, AT(rtmr[0]), 48, true},
    {"rtmr1", read_list, AT(rtmr[1]), 48, true},
    {"rtmr2", read_list, AT(rtmr[2]), 48, true},
    {"rtmr3", read_list, AT(rtmr[3]), 48, true},
    {"mr_enclave", read_list, AT(mr_enclave), 32, true},
    {"mr_signer", read_list, AT(mr_signer), 32, true},
    {"allowed_fmspc", read_list, AT(fmspc), 6, true},
    {"allowed_ppid", read_list, AT(ppid), 16, true},
    {"td_attributes_required", read_mask, AT(td_required), 8, false},
    {"td_attributes_forbidden", read_mask, AT(td_forbidden), 8, false},
    {"allow_debug_tee_insecure", read_yes_no, AT(allow_debug), 0, false},
    {"allow_service_td", read_yes_no, AT(allow_service_td), 0, false},
    {"any_measurement_insecure", read_yes_no, AT(any_measurement), 0, false},
    {"min_tcb_evaluation", read_number, AT(min_evaluation), UINT32_MAX, false},
    {"min_tcb_date", read_date, AT(min_tcb_date_ms), 0, false},
    {"collateral_age_max_days", read_number, AT(age_max_days), 3650, false},
    {"insecure_sim_root", read_root, AT(sim_root), 32, false},
};
#undef AT

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

/* The next value of a list; its length is 0 at the end. */
static const char *next_value(const char *text, size_t *out_length)
{
    while (is_separator(*text)) {
        text++;
    }
    size_t length = 0;
    while (text[length] != '\0' && !is_separator(text[length])) {
        length++;
    }
    *out_length = length;
    return text;
}

static enum ag_err read_row(const struct key *key, const char *value, unsigned line,
                            struct ag_policy *policy, struct ag_fault *fault)
{
    void *rule = (char *)policy + key->offset;
    size_t length = strlen(value);
    const char *item = key->is_list ? next_value(value, &length) : value;
    do {
        if (key->read(item, length, line, key->size, rule) != AG_OK) {
            return ag_fault_set(fault, AG_ERR_POLICY, key->name);
        }
        item = key->is_list ? next_value(item + length, &length) : "";
        length = key->is_list ? length : 0;
    } while (length != 0);
    return AG_OK;
}

static enum ag_err policy_row(void *context, unsigned line, const char *name, const char *value,
                              struct ag_fault *fault)
{
    for (size_t i = 0; i < AG_COUNT(keys); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return read_row(&keys[i], value, line, context, fault);
        }
    }
    return ag_fault_set(fault, AG_ERR_POLICY, "unknown key");
}

static void set_defaults(struct ag_policy *policy)
{
    policy->statuses.members = (uint64_t)1 << AG_ATTEST_Valid | (uint64_t)1 << AG_ATTEST_UpToDate |
                               (uint64_t)1 << AG_ATTEST_SWHardeningNeeded;
    policy->age_max_days.value = AGE_MAX_DAYS_DEFAULT;
    policy->td_required.bytes[3] = 0x10;  /* bit 28, SEPT_VE_DISABLE: Linux guests rely on it */
    policy->td_forbidden.bytes[0] = 0xfe; /* bits 1-7: untrusted modes of the future */
    policy->td_forbidden.bytes[3] = 0x20; /* bit 29, MIGRATABLE */
}

enum ag_err ag_policy_parse(struct ag_bytes text, struct ag_policy **out, unsigned *out_line,
                            struct ag_fault *fault)
{
    struct ag_policy *policy = ag_alloc(sizeof(*policy));
    AG_ENSURE(policy != NULL, AG_ERR_NO_MEMORY);
    set_defaults(policy);
    unsigned line = 0;
    enum ag_err err = ag_text_parse(text, policy_row, policy, &line, fault);
    if (out_line != NULL) {
        *out_line = err == AG_OK ? 0 : line;
    }
    if (err != AG_OK) {
        ag_free(policy);
        /* A line that is no `key = value` makes the policy invalid like any other. */
        if (err == AG_ERR_TEXT && fault != NULL) {
            fault->err = AG_ERR_POLICY;
        }
        return err == AG_ERR_TEXT ? AG_ERR_POLICY : err;
    }
    *out = policy;
    return AG_OK;
}

void ag_policy_close(struct ag_policy *policy)
{
    ag_free(policy);
}

const uint8_t *ag_policy_sim_root(const struct ag_policy *policy)
{
    bool is_accepted = (policy->tee_kinds.members & (uint64_t)1 << AG_TEE_INSECURE_SIM) != 0;
    return is_accepted && policy->sim_root.line != 0 ? policy->sim_root.bytes : NULL;
}

bool ag_policy_allows_insecure_sim(const struct ag_policy *policy)
{
    return ag_policy_sim_root(policy) != NULL;
}
