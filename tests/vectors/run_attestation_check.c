/* SPDX-License-Identifier: Apache-2.0 */
/* What a case expects against what the room said. A member that this file does not know fails the
 * case: nothing is left unchecked silently. */
#include "run_attestation.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const struct ag_json_value *value)
{
    size_t length = 0;
    const char *text = ag_json_string(value, &length);
    return text == NULL ? "" : text;
}

/* ---- expect ---- */

static bool is_expected(const struct ag_json_value *expect, const char *status)
{
    if (strcmp(text_of(ag_json_get(expect, "verdict")), status) == 0) {
        return true;
    }
    const struct ag_json_value *others = ag_json_get(expect, "also_acceptable");
    for (size_t i = 0; i < ag_json_count(others); i++) {
        if (strcmp(text_of(ag_json_at(others, i)), status) == 0) {
            return true;
        }
    }
    return false;
}

/* "malleated" cannot be seen in one quote: both forms of an ECDSA signature are as good. What must
 * hold is that the other form gets the same verdict and the same identity. */
static bool check_twin(const struct run_case *one, const struct ag_verdict *verdict)
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    struct ag_quote quote;
    static uint8_t copy[AG_LIMIT_EVIDENCE_BYTES];
    if (!ag_finding_is_ok(ag_quote_parse(one->evidence.quote, &quote))) {
        return run_fail(one, "malleated, but not parsed");
    }
    memcpy(copy, one->evidence.quote.data, one->evidence.quote.size);
    uint8_t *s = copy + (quote.signature.data - one->evidence.quote.data) + 32;
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - s[i] - borrow;
        borrow = digit < 0;
        s[i] = (uint8_t)(digit + (borrow ? 256 : 0));
    }
    struct ag_evidence twin = {one->evidence.kind, ag_bytes_of(copy, one->evidence.quote.size)};
    struct ag_attest_input in = {
        .evidence = &twin,
        .collateral = &one->collateral,
        .policy = one->policy,
        .now_ms = one->now_ms,
        .anchor = &one->anchor,
    };
    static struct ag_verdict other;
    if (ag_attest_judge(&in, &other) != AG_OK || other.status != verdict->status ||
        other.is_high_s == verdict->is_high_s ||
        memcmp(other.evidence_id, verdict->evidence_id, 32) != 0) {
        return run_fail(one, "the other form of the signature is judged otherwise");
    }
    return true;
}

static bool check_flag(const struct run_case *one, const struct ag_verdict *verdict,
                       const char *flag)
{
    const struct {
        const char *name;
        bool is_set;
    } flags[] = {
        {"debug", verdict->is_debug},
        {"trailing-bytes", verdict->has_trailing_bytes},
        {"sept-ve-disable-clear", verdict->is_sept_ve_disable_clear},
        {"service-td", verdict->has_service_td},
    };
    if (strcmp(flag, "malleated") == 0) {
        return check_twin(one, verdict);
    }
    for (size_t i = 0; i < AG_COUNT(flags); i++) {
        if (strcmp(flags[i].name, flag) == 0) {
            return flags[i].is_set || run_fail(one, "flag %s is not reported", flag);
        }
    }
    return run_fail(one, "unknown flag %s", flag);
}

static bool check_status(const struct run_case *one, const struct ag_json_value *tcb,
                         const char *key, enum ag_attest_status got)
{
    const struct ag_json_value *wanted = ag_json_get(tcb, key);
    /* Module version 0 has no levels of its own: vectors call that UpToDate or null. */
    if (ag_json_type(wanted) == AG_JSON_NULL ||
        (got == AG_ATTEST_NONE && strcmp(text_of(wanted), "UpToDate") == 0)) {
        return got == AG_ATTEST_NONE || run_fail(one, "%s is reported", key);
    }
    return strcmp(text_of(wanted), ag_attest_status_name(got)) == 0 ||
           run_fail(one, "%s: wanted %s, got %s", key, text_of(wanted), ag_attest_status_name(got));
}

static bool check_advisories(const struct run_case *one, const struct ag_json_value *list,
                             const struct ag_verdict *verdict)
{
    if (ag_json_count(list) != verdict->advisory_count) {
        return run_fail(one, "%zu advisories, wanted %zu", verdict->advisory_count,
                        ag_json_count(list));
    }
    for (size_t i = 0; i < verdict->advisory_count; i++) {
        bool is_found = false;
        for (size_t k = 0; k < verdict->advisory_count; k++) {
            is_found |= strcmp(text_of(ag_json_at(list, i)), verdict->advisories[k]) == 0;
        }
        if (!is_found) {
            return run_fail(one, "advisory %s is not reported", text_of(ag_json_at(list, i)));
        }
    }
    return true;
}

static bool check_tcb(const struct run_case *one, const struct ag_json_value *tcb,
                      const struct ag_verdict *verdict)
{
    bool is_right = true;
    for (size_t i = 0; i < ag_json_count(tcb); i++) {
        const char *key = NULL;
        const struct ag_json_value *value = ag_json_member(tcb, i, &key);
        uint64_t number = 0;
        char date[AG_ATTEST_TIME_SIZE];
        if (strcmp(key, "platform_status") == 0) {
            is_right &= check_status(one, tcb, key, verdict->platform_status);
        } else if (strcmp(key, "module_status") == 0) {
            is_right &= check_status(one, tcb, key, verdict->module_status);
        } else if (strcmp(key, "qe_status") == 0) {
            is_right &= check_status(one, tcb, key, verdict->qe_status);
        } else if (strcmp(key, "advisories") == 0) {
            is_right &= check_advisories(one, value, verdict);
        } else if (strcmp(key, "tcb_eval") == 0) {
            is_right &= (ag_json_u64(value, &number) == AG_OK &&
                         number == verdict->tcb_evaluation_number) ||
                        run_fail(one, "tcb_eval is %u", verdict->tcb_evaluation_number);
        } else if (strcmp(key, "tcb_date") == 0) {
            ag_attest_time_print(verdict->tcb_date_ms, date);
            is_right &= strcmp(text_of(value), date) == 0 || run_fail(one, "tcb_date is %s", date);
        } else if (strcmp(key, "qe_isvsvn") == 0) {
            struct ag_quote quote;
            struct ag_sgx_claims qe = {0};
            if (ag_finding_is_ok(ag_quote_parse(one->evidence.quote, &quote))) {
                ag_quote_sgx_claims(quote.qe_report, &qe);
            }
            is_right &= (ag_json_u64(value, &number) == AG_OK && number == qe.isv_svn) ||
                        run_fail(one, "qe_isvsvn is %u", qe.isv_svn);
        } else {
            is_right = run_fail(one, "unknown member of expect.tcb: %s", key);
        }
    }
    return is_right;
}

bool run_check_verdict(const struct run_case *one, const struct ag_verdict *verdict)
{
    const struct ag_json_value *expect = ag_json_get(one->json, "expect");
    const char *got = ag_attest_status_name(verdict->status);
    if (!is_expected(expect, got)) {
        const char *why = "";
        for (size_t i = 0; i < verdict->claim_count && *why == '\0'; i++) {
            why = verdict->claims[i].result == AG_CLAIM_FAILED ? verdict->claims[i].reason : "";
        }
        return run_fail(one, "wanted %s, got %s: %s", text_of(ag_json_get(expect, "verdict")), got,
                        why);
    }
    bool is_right = true;
    const struct ag_json_value *flags = ag_json_get(expect, "flags");
    for (size_t i = 0; i < ag_json_count(flags); i++) {
        is_right &= check_flag(one, verdict, text_of(ag_json_at(flags, i)));
    }
    /* Levels are told only by a verdict that got so far: strict order stops at an earlier failure,
     * where some cases still note what the levels would have been. */
    if (verdict->status >= AG_ATTEST_UpToDate && verdict->status <= AG_ATTEST_TcbNotSupported) {
        is_right &= check_tcb(one, ag_json_get(expect, "tcb"), verdict);
    }
    return is_right;
}

/* ---- fields ---- */

struct field {
    const char *name;
    struct ag_bytes bytes; /* compared as hex, or: */
    bool is_number;
    uint64_t number;
};

static bool check_field(const struct run_case *one, const struct field *field,
                        const struct ag_json_value *value)
{
    if (field->is_number) {
        uint64_t number = 0;
        const char *text = text_of(value);
        enum ag_err err = ag_json_type(value) == AG_JSON_STRING
                              ? ag_u64_parse(text, strlen(text), true, &number)
                              : ag_json_u64(value, &number);
        return (err == AG_OK && number == field->number) ||
               run_fail(one, "field %s is %llu", field->name, (unsigned long long)field->number);
    }
    uint8_t wanted[64];
    const char *text = text_of(value);
    bool is_same =
        field->bytes.size <= sizeof(wanted) &&
        ag_hex_decode(text, strlen(text), (struct ag_buf){wanted, field->bytes.size}) == AG_OK &&
        memcmp(wanted, field->bytes.data, field->bytes.size) == 0;
    return is_same || run_fail(one, "field %s differs", field->name);
}

static bool check_members(const struct run_case *one, const struct ag_json_value *object,
                          const struct field *fields, size_t count)
{
    bool is_right = true;
    for (size_t i = 0; i < ag_json_count(object); i++) {
        const char *key = NULL;
        const struct ag_json_value *value = ag_json_member(object, i, &key);
        size_t k = 0;
        while (k < count && strcmp(fields[k].name, key) != 0) {
            k++;
        }
        if (k == count) {
            is_right &= ag_json_type(value) == AG_JSON_OBJECT || ag_json_type(value) == AG_JSON_NULL
                            ? true
                            : run_fail(one, "unknown field %s", key);
            continue;
        }
        is_right &= check_field(one, &fields[k], value);
    }
    return is_right;
}

#define BYTES(name, array)                                                                         \
    {                                                                                              \
        name, AG_ARRAY_VIEW(array), false, 0                                                       \
    }
#define NUMBER(name, value)                                                                        \
    {                                                                                              \
        name, {NULL, 0}, true, (uint64_t)(value)                                                   \
    }

static bool check_pck(const struct run_case *one, struct ag_bytes pem,
                      const struct ag_json_value *object)
{
    struct ag_chain chain AG_SCOPED(ag_chain_close) = {.count = 0};
    bool is_parsed = false;
    struct ag_bytes extension;
    struct ag_pck pck;
    if (ag_chain_parse(pem, &chain, &is_parsed) != AG_OK || !is_parsed || chain.count == 0 ||
        ag_cert_extension(chain.certs[0], "1.2.840.113741.1.13.1", &extension) != AG_OK ||
        !ag_finding_is_ok(ag_pck_parse(extension, &pck))) {
        return run_fail(one, "the PCK certificate cannot be parsed");
    }
    char not_before[AG_ATTEST_TIME_SIZE];
    char not_after[AG_ATTEST_TIME_SIZE];
    ag_attest_time_print(ag_cert_not_before_ms(chain.certs[0]), not_before);
    ag_attest_time_print(ag_cert_not_after_ms(chain.certs[0]), not_after);
    /* Written as a number: without leading zeros, so perhaps with an odd count of digits. */
    char digits[2u * 20u + 1u] = "";
    if (ag_cert_serial(chain.certs[0]).size <= 20) {
        ag_hex_encode(ag_cert_serial(chain.certs[0]), digits);
    }
    const char *serial = digits + strspn(digits, "0");
    const char *ca = ag_cert_common_name_is(chain.certs[1], "Intel SGX PCK Processor CA")
                         ? "processor"
                         : "platform";
    const struct {
        const char *key;
        const char *got;
    } texts[] = {
        {"not_before", not_before}, {"not_after", not_after}, {"ca", ca}, {"serial", serial}};
    const struct field fields[] = {
        BYTES("fmspc", pck.fmspc),     BYTES("pceid", pck.pce_id), BYTES("cpusvn", pck.cpu_svn),
        NUMBER("pcesvn", pck.pce_svn), BYTES("ppid", pck.ppid),
    };
    bool is_right = ag_json_count(object) == AG_COUNT(fields) + AG_COUNT(texts) ||
                    run_fail(one, "pck has another number of members");
    for (size_t i = 0; i < AG_COUNT(texts); i++) {
        is_right &= strcmp(text_of(ag_json_get(object, texts[i].key)), texts[i].got) == 0 ||
                    run_fail(one, "field pck.%s is %s", texts[i].key, texts[i].got);
    }
    for (size_t i = 0; i < AG_COUNT(fields); i++) {
        is_right &= check_field(one, &fields[i], ag_json_get(object, fields[i].name));
    }
    return is_right;
}

bool run_check_fields(const struct run_case *one, const struct ag_verdict *verdict)
{
    const struct ag_json_value *object = ag_json_get(one->json, "fields");
    if (ag_json_type(object) != AG_JSON_OBJECT || !verdict->is_parsed) {
        return true;
    }
    struct ag_quote quote;
    if (!ag_finding_is_ok(ag_quote_parse(one->evidence.quote, &quote))) {
        return run_fail(one, "the verdict says parsed, and it is not");
    }
    const struct ag_td_claims *td = &verdict->td;
    const struct ag_sgx_claims *sgx = &verdict->sgx;
    bool is_sgx = verdict->body == AG_ATTEST_BODY_SGX;
    const struct field fields[] = {
        NUMBER("version", quote.version),
        NUMBER("att_key_type", quote.key_type),
        NUMBER("tee_type", quote.tee_type),
        NUMBER("body_type", quote.body_type),
        NUMBER("qe_auth_data_len", quote.qe_auth.size),
        NUMBER("cert_data_type", quote.cert_type),
        NUMBER("signature_data_len", quote.signature_data_size),
        NUMBER("trailing_bytes", quote.trailing_size),
        NUMBER("isv_prod_id", sgx->isv_prod_id),
        NUMBER("isv_svn", sgx->isv_svn),
        {"attestation_key", quote.attestation_key, false, 0},
        {"report_data", is_sgx ? AG_ARRAY_VIEW(sgx->report_data) : AG_ARRAY_VIEW(td->report_data),
         false, 0},
        BYTES("mr_enclave", sgx->mr_enclave),
        BYTES("mr_signer", sgx->mr_signer),
        BYTES("cpu_svn", sgx->cpu_svn),
        BYTES("misc_select", sgx->misc_select),
        BYTES("attributes", sgx->attributes),
        BYTES("tee_tcb_svn", td->tee_tcb_svn),
        BYTES("mr_seam", td->mr_seam),
        BYTES("mr_signer_seam", td->mr_signer_seam),
        BYTES("seam_attributes", td->seam_attributes),
        BYTES("td_attributes", td->td_attributes),
        BYTES("xfam", td->xfam),
        BYTES("mr_td", td->mr_td),
        BYTES("mr_config_id", td->mr_config_id),
        BYTES("mr_owner", td->mr_owner),
        BYTES("mr_owner_config", td->mr_owner_config),
        BYTES("rtmr0", td->rtmr[0]),
        BYTES("rtmr1", td->rtmr[1]),
        BYTES("rtmr2", td->rtmr[2]),
        BYTES("rtmr3", td->rtmr[3]),
        BYTES("tee_tcb_svn2", td->tee_tcb_svn2),
        BYTES("mr_service_td", td->mr_service_td),
    };
    bool is_right = check_members(one, object, fields, AG_COUNT(fields));
    const struct ag_json_value *pck = ag_json_get(object, "pck");
    if (ag_json_type(pck) == AG_JSON_OBJECT && verdict->tcb_date_ms != 0) {
        is_right &=
            check_pck(one, one->pck_chain.size != 0 ? one->pck_chain : quote.cert_data, pck);
    }
    return is_right;
}
