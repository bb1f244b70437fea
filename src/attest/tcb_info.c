/* SPDX-License-Identifier: Apache-2.0 */
/* TCB info version 3 and enclave identity version 2 [PCS v4]: texts of the vendor's service into
 * flat structs. The signature covers the received bytes of the inner object, so those are handed
 * out as they came; nothing is ever serialised again. */
#include "attest/attest_i.h"

#include <string.h>

/* A text being read. AG_ERR_JSON from a helper means: the text is bad, and `finding` says how. */
struct text {
    struct ag_arena *arena;
    struct ag_finding finding;
};

static enum ag_err bad(struct text *text, const char *reason)
{
    text->finding = ag_finding_of(AG_ATTEST_Malformed, reason);
    return AG_ERR_JSON;
}

static enum ag_err unknown(struct text *text, const char *reason)
{
    text->finding = ag_finding_of(AG_ATTEST_Unsupported, reason);
    return AG_ERR_JSON;
}

/* ---- members ---- */

static enum ag_err read_hex(struct text *text, const struct ag_json_value *object, const char *key,
                            uint8_t *out, size_t size)
{
    size_t length = 0;
    const char *digits = ag_json_string(ag_json_get(object, key), &length);
    if (digits == NULL || length != 2u * size ||
        ag_hex_decode(digits, length, (struct ag_buf){out, size}) != AG_OK) {
        return bad(text, "a member is not hex of its fixed size");
    }
    return AG_OK;
}

static enum ag_err read_number(struct text *text, const struct ag_json_value *object,
                               const char *key, uint64_t limit, uint64_t *out)
{
    const struct ag_json_value *value = ag_json_get(object, key);
    if (ag_json_type(value) != AG_JSON_NUMBER || ag_json_u64(value, out) != AG_OK || *out > limit) {
        return bad(text, "a member is not a number in its range");
    }
    return AG_OK;
}

static enum ag_err read_time(struct text *text, const struct ag_json_value *object, const char *key,
                             uint64_t *out_ms)
{
    size_t length = 0;
    const char *instant = ag_json_string(ag_json_get(object, key), &length);
    if (instant == NULL || !ag_attest_time_parse(instant, length, out_ms)) {
        return bad(text, "a date is not written as in 2026-01-31T23:59:59Z");
    }
    return AG_OK;
}

static bool string_is(const struct ag_json_value *value, const char *wanted)
{
    size_t length = 0;
    const char *string = ag_json_string(value, &length);
    return string != NULL && length == strlen(wanted) && memcmp(string, wanted, length) == 0;
}

/* An array of 1 to `limit` items. */
static enum ag_err read_array(struct text *text, const struct ag_json_value *object,
                              const char *key, size_t limit, const struct ag_json_value **out,
                              size_t *out_count)
{
    *out = ag_json_get(object, key);
    if (ag_json_type(*out) != AG_JSON_ARRAY) {
        return bad(text, "an array is missing");
    }
    *out_count = ag_json_count(*out);
    if (*out_count == 0 || *out_count > limit) {
        return bad(text, "an array is empty or over its limit");
    }
    return AG_OK;
}

static enum ag_err take_rows(struct text *text, size_t count, size_t size, void **out)
{
    size_t total = 0;
    AG_ENSURE(!__builtin_mul_overflow(count, size, &total), AG_ERR_NO_MEMORY);
    AG_TRY(ag_arena_take(text->arena, total, out));
    memset(*out, 0, total);
    return AG_OK;
}

/* ---- statuses and advisories ---- */

/* Modules and quoting enclaves know three statuses, platforms seven [PCS v4]. */
static enum ag_err read_status(struct text *text, const struct ag_json_value *level,
                               bool is_platform, enum ag_attest_status *out)
{
    static const struct {
        const char *name;
        enum ag_attest_status status;
        bool is_for_parts;
    } rows[] = {
        {"UpToDate", AG_ATTEST_UpToDate, true},
        {"OutOfDate", AG_ATTEST_OutOfDate, true},
        {"Revoked", AG_ATTEST_Revoked, true},
        {"SWHardeningNeeded", AG_ATTEST_SWHardeningNeeded, false},
        {"ConfigurationNeeded", AG_ATTEST_ConfigurationNeeded, false},
        {"ConfigurationAndSWHardeningNeeded", AG_ATTEST_ConfigurationAndSWHardeningNeeded, false},
        {"OutOfDateConfigurationNeeded", AG_ATTEST_OutOfDateConfigurationNeeded, false},
    };
    const struct ag_json_value *value = ag_json_get(level, "tcbStatus");
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        if (string_is(value, rows[i].name) && (is_platform || rows[i].is_for_parts)) {
            *out = rows[i].status;
            return AG_OK;
        }
    }
    return bad(text, "a TCB status is unknown");
}

static bool is_advisory_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static enum ag_err read_advisory(struct text *text, const struct ag_json_value *value,
                                 char out[AG_ADVISORY_SIZE])
{
    size_t length = 0;
    const char *id = ag_json_string(value, &length);
    if (id == NULL || length == 0 || length >= AG_ADVISORY_SIZE) {
        return bad(text, "an advisory id is empty, too long or no text");
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_advisory_char(id[i])) {
            return bad(text, "an advisory id has an unexpected character");
        }
    }
    memcpy(out, id, length);
    return AG_OK;
}

static enum ag_err read_advisories(struct text *text, const struct ag_json_value *level,
                                   struct ag_advisory_list *out)
{
    const struct ag_json_value *list = ag_json_get(level, "advisoryIDs");
    if (list == NULL) {
        return AG_OK;
    }
    size_t count = ag_json_count(list);
    if (ag_json_type(list) != AG_JSON_ARRAY || count > AG_LIMIT_ADVISORIES) {
        return bad(text, "advisoryIDs is no array or over its limit");
    }
    void *rows = NULL;
    AG_TRY(take_rows(text, count, AG_ADVISORY_SIZE, &rows));
    char(*ids)[AG_ADVISORY_SIZE] = rows;
    for (size_t i = 0; i < count; i++) {
        AG_TRY(read_advisory(text, ag_json_at(list, i), ids[i]));
    }
    *out = (struct ag_advisory_list){(const char(*)[AG_ADVISORY_SIZE])ids, count};
    return AG_OK;
}

/* ---- levels of a module or an enclave ---- */

static enum ag_err read_isv_level(struct text *text, const struct ag_json_value *level,
                                  struct ag_isv_level *out)
{
    uint64_t isv_svn = 0;
    AG_TRY(read_number(text, ag_json_get(level, "tcb"), "isvsvn", UINT16_MAX, &isv_svn));
    out->isv_svn = (uint16_t)isv_svn;
    AG_TRY(read_time(text, level, "tcbDate", &out->date_ms));
    AG_TRY(read_status(text, level, false, &out->status));
    return read_advisories(text, level, &out->advisories);
}

static enum ag_err read_isv_levels(struct text *text, const struct ag_json_value *object,
                                   struct ag_isv_levels *out)
{
    const struct ag_json_value *list = NULL;
    AG_TRY(read_array(text, object, "tcbLevels", AG_LIMIT_TCB_LEVELS, &list, &out->count));
    void *rows = NULL;
    AG_TRY(take_rows(text, out->count, sizeof(*out->rows), &rows));
    out->rows = rows;
    for (size_t i = 0; i < out->count; i++) {
        AG_TRY(read_isv_level(text, ag_json_at(list, i), &out->rows[i]));
    }
    /* Highest first, stable: the order of the file is not trusted. Lists are short. */
    for (size_t i = 1; i < out->count; i++) {
        struct ag_isv_level row = out->rows[i];
        size_t at = i;
        for (; at > 0 && out->rows[at - 1].isv_svn < row.isv_svn; at--) {
            out->rows[at] = out->rows[at - 1];
        }
        out->rows[at] = row;
    }
    return AG_OK;
}

/* ---- TCB info ---- */

static enum ag_err read_components(struct text *text, const struct ag_json_value *tcb,
                                   const char *key, uint8_t out[16])
{
    const struct ag_json_value *list = ag_json_get(tcb, key);
    if (ag_json_type(list) != AG_JSON_ARRAY || ag_json_count(list) != 16) {
        return bad(text, "a TCB level has not 16 components");
    }
    for (size_t i = 0; i < 16; i++) {
        uint64_t svn = 0;
        AG_TRY(read_number(text, ag_json_at(list, i), "svn", UINT8_MAX, &svn));
        out[i] = (uint8_t)svn;
    }
    return AG_OK;
}

static enum ag_err read_level(struct text *text, const struct ag_json_value *level, bool is_tdx,
                              struct ag_tcb_level *out)
{
    const struct ag_json_value *tcb = ag_json_get(level, "tcb");
    AG_TRY(read_components(text, tcb, "sgxtcbcomponents", out->sgx));
    if (is_tdx) {
        AG_TRY(read_components(text, tcb, "tdxtcbcomponents", out->tdx));
    }
    uint64_t pce_svn = 0;
    AG_TRY(read_number(text, tcb, "pcesvn", UINT16_MAX, &pce_svn));
    out->pce_svn = (uint16_t)pce_svn;
    AG_TRY(read_time(text, level, "tcbDate", &out->date_ms));
    AG_TRY(read_status(text, level, true, &out->status));
    return read_advisories(text, level, &out->advisories);
}

/* The vendor's own order: SGX components, PCESVN, TDX components, each as one long number. */
static int compare_levels(const struct ag_tcb_level *a, const struct ag_tcb_level *b)
{
    int by_sgx = memcmp(a->sgx, b->sgx, sizeof(a->sgx));
    if (by_sgx != 0) {
        return by_sgx;
    }
    if (a->pce_svn != b->pce_svn) {
        return a->pce_svn < b->pce_svn ? -1 : 1;
    }
    return memcmp(a->tdx, b->tdx, sizeof(a->tdx));
}

static enum ag_err read_levels(struct text *text, const struct ag_json_value *inner,
                               struct ag_tcb_info *info)
{
    const struct ag_json_value *list = NULL;
    AG_TRY(read_array(text, inner, "tcbLevels", AG_LIMIT_TCB_LEVELS, &list, &info->level_count));
    void *rows = NULL;
    AG_TRY(take_rows(text, info->level_count, sizeof(*info->levels), &rows));
    info->levels = rows;
    for (size_t i = 0; i < info->level_count; i++) {
        AG_TRY(read_level(text, ag_json_at(list, i), info->is_tdx, &info->levels[i]));
    }
    for (size_t i = 1; i < info->level_count; i++) {
        struct ag_tcb_level row = info->levels[i];
        size_t at = i;
        for (; at > 0 && compare_levels(&info->levels[at - 1], &row) < 0; at--) {
            info->levels[at] = info->levels[at - 1];
        }
        info->levels[at] = row;
    }
    return AG_OK;
}

static enum ag_err read_module(struct text *text, const struct ag_json_value *object,
                               struct ag_module_identity *out)
{
    AG_TRY(read_hex(text, object, "mrsigner", out->mr_signer, sizeof(out->mr_signer)));
    AG_TRY(read_hex(text, object, "attributes", out->attributes, sizeof(out->attributes)));
    return read_hex(text, object, "attributesMask", out->attributes_mask,
                    sizeof(out->attributes_mask));
}

/* "TDX_01": the module's major version in two hex digits of either case. */
static enum ag_err read_module_major(struct text *text, const struct ag_json_value *object,
                                     uint8_t *out)
{
    size_t length = 0;
    const char *id = ag_json_string(ag_json_get(object, "id"), &length);
    if (id == NULL || length != 6 || memcmp(id, "TDX_", 4) != 0 ||
        ag_hex_decode(id + 4, 2, (struct ag_buf){out, 1}) != AG_OK) {
        return bad(text, "a TDX module identity has no id of the form TDX_01");
    }
    return AG_OK;
}

static enum ag_err read_modules(struct text *text, const struct ag_json_value *inner,
                                struct ag_tcb_info *info)
{
    AG_TRY(read_module(text, ag_json_get(inner, "tdxModule"), &info->module));
    if (ag_json_get(inner, "tdxModuleIdentities") == NULL) {
        return AG_OK; /* platforms that never had another module */
    }
    const struct ag_json_value *list = NULL;
    AG_TRY(read_array(text, inner, "tdxModuleIdentities", AG_LIMIT_TDX_MODULES, &list,
                      &info->module_count));
    void *rows = NULL;
    AG_TRY(take_rows(text, info->module_count, sizeof(*info->modules), &rows));
    info->modules = rows;
    for (size_t i = 0; i < info->module_count; i++) {
        const struct ag_json_value *object = ag_json_at(list, i);
        struct ag_module_identity *module = &info->modules[i];
        AG_TRY(read_module_major(text, object, &module->major));
        for (size_t k = 0; k < i; k++) {
            if (info->modules[k].major == module->major) {
                return bad(text, "a TDX module identity occurs twice");
            }
        }
        AG_TRY(read_module(text, object, module));
        AG_TRY(read_isv_levels(text, object, &module->levels));
    }
    return AG_OK;
}

static enum ag_err read_window(struct text *text, const struct ag_json_value *inner,
                               uint64_t *out_issued_ms, uint64_t *out_expires_ms,
                               uint32_t *out_evaluation)
{
    uint64_t evaluation = 0;
    AG_TRY(read_time(text, inner, "issueDate", out_issued_ms));
    AG_TRY(read_time(text, inner, "nextUpdate", out_expires_ms));
    AG_TRY(read_number(text, inner, "tcbEvaluationDataNumber", UINT32_MAX, &evaluation));
    *out_evaluation = (uint32_t)evaluation;
    return AG_OK;
}

static enum ag_err read_tcb_info(struct text *text, const struct ag_json_value *inner,
                                 struct ag_tcb_info *info)
{
    uint64_t version = 0;
    AG_TRY(read_number(text, inner, "version", UINT32_MAX, &version));
    if (version != 3) {
        return unknown(text, "TCB info of another version than 3");
    }
    info->is_tdx = string_is(ag_json_get(inner, "id"), "TDX");
    if (!info->is_tdx && !string_is(ag_json_get(inner, "id"), "SGX")) {
        return unknown(text, "TCB info that is neither for SGX nor for TDX");
    }
    uint64_t type = 0;
    AG_TRY(read_number(text, inner, "tcbType", UINT32_MAX, &type));
    if (type != 0) {
        return unknown(text, "TCB info of another type than 0");
    }
    AG_TRY(read_window(text, inner, &info->issued_ms, &info->expires_ms, &info->evaluation));
    AG_TRY(read_hex(text, inner, "fmspc", info->fmspc, sizeof(info->fmspc)));
    AG_TRY(read_hex(text, inner, "pceId", info->pce_id, sizeof(info->pce_id)));
    if (info->is_tdx) {
        AG_TRY(read_modules(text, inner, info));
    }
    return read_levels(text, inner, info);
}

/* ---- QE identity ---- */

static enum ag_err read_qe_identity(struct text *text, const struct ag_json_value *inner,
                                    struct ag_qe_identity *identity)
{
    uint64_t number = 0;
    AG_TRY(read_number(text, inner, "version", UINT32_MAX, &number));
    if (number != 2) {
        return unknown(text, "an enclave identity of another version than 2");
    }
    const struct ag_json_value *id = ag_json_get(inner, "id");
    identity->kind = string_is(id, "TD_QE") ? AG_QE_TD
                     : string_is(id, "QE")  ? AG_QE_SGX
                                            : AG_QE_OTHER;
    AG_TRY(read_window(text, inner, &identity->issued_ms, &identity->expires_ms,
                       &identity->evaluation));
    AG_TRY(read_hex(text, inner, "miscselect", identity->misc_select, 4));
    AG_TRY(read_hex(text, inner, "miscselectMask", identity->misc_select_mask, 4));
    AG_TRY(read_hex(text, inner, "attributes", identity->attributes, 16));
    AG_TRY(read_hex(text, inner, "attributesMask", identity->attributes_mask, 16));
    AG_TRY(read_hex(text, inner, "mrsigner", identity->mr_signer, 32));
    AG_TRY(read_number(text, inner, "isvprodid", UINT16_MAX, &number));
    identity->isv_prod_id = (uint16_t)number;
    return read_isv_levels(text, inner, &identity->levels);
}

/* ---- the signed envelope ---- */

/* {"<name>": {…}, "signature": "<128 hex digits>"} */
static enum ag_err read_signature(struct text *text, const struct ag_json_value *root,
                                  uint8_t out[64])
{
    if (read_hex(text, root, "signature", out, 64) != AG_OK) {
        return bad(text, "the signature is not 128 hex digits");
    }
    return AG_OK;
}

/* Turns "the text is bad" into a finding; our own errors pass. */
static enum ag_err settle(struct text *text, enum ag_err err, struct ag_finding *out_finding)
{
    if (ag_attest_is_input_error(err)) {
        if (ag_finding_is_ok(text->finding)) {
            text->finding =
                ag_finding_of(AG_ATTEST_Malformed, "not the JSON of the vendor's service");
        }
        *out_finding = text->finding;
        return AG_OK;
    }
    AG_TRY(err);
    *out_finding = AG_FINDING_OK;
    return AG_OK;
}

static enum ag_err parse_tcb_info(struct text *text, struct ag_bytes in, struct ag_tcb_info *out,
                                  struct ag_bytes *out_signed, uint8_t out_signature[64])
{
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    AG_TRY(ag_json_parse(in, &json));
    const struct ag_json_value *root = ag_json_root(json);
    AG_TRY(ag_json_raw_member(in, "tcbInfo", out_signed));
    AG_TRY(read_signature(text, root, out_signature));
    return read_tcb_info(text, ag_json_get(root, "tcbInfo"), out);
}

static enum ag_err parse_qe_identity(struct text *text, struct ag_bytes in,
                                     struct ag_qe_identity *out, struct ag_bytes *out_signed,
                                     uint8_t out_signature[64])
{
    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    AG_TRY(ag_json_parse(in, &json));
    const struct ag_json_value *root = ag_json_root(json);
    AG_TRY(ag_json_raw_member(in, "enclaveIdentity", out_signed));
    AG_TRY(read_signature(text, root, out_signature));
    return read_qe_identity(text, ag_json_get(root, "enclaveIdentity"), out);
}

enum ag_err ag_tcb_info_parse(struct ag_bytes text, struct ag_arena *arena, struct ag_tcb_info *out,
                              struct ag_bytes *out_signed, uint8_t out_signature[64],
                              struct ag_finding *out_finding)
{
    struct text state = {.arena = arena, .finding = AG_FINDING_OK};
    *out = (struct ag_tcb_info){0};
    return settle(&state, parse_tcb_info(&state, text, out, out_signed, out_signature),
                  out_finding);
}

enum ag_err ag_qe_identity_parse(struct ag_bytes text, struct ag_arena *arena,
                                 struct ag_qe_identity *out, struct ag_bytes *out_signed,
                                 uint8_t out_signature[64], struct ag_finding *out_finding)
{
    struct text state = {.arena = arena, .finding = AG_FINDING_OK};
    *out = (struct ag_qe_identity){0};
    return settle(&state, parse_qe_identity(&state, text, out, out_signed, out_signature),
                  out_finding);
}
