/* SPDX-License-Identifier: Apache-2.0 */
/* Intel quotes of versions 3, 4 and 5 [SGX-DCAP A.4] [TDX-DCAP A.3] [TDX-DCAP A.4]. Integers are
 * little-endian. Every declared length must be used up exactly by what it contains. */
#include "attest/attest_i.h"

#include <string.h>

#define HEADER_SIZE     48u
#define KEY_TYPE_P256   2u
#define TEE_TYPE_SGX    0u
#define TEE_TYPE_TDX    0x81u
#define CERT_TYPE_CHAIN 5u
#define CERT_TYPE_QE    6u
#define CERT_TYPE_MAX   7u

static const uint8_t intel_qe_vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                            0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

/* A little-endian cursor that remembers that it ran out. */
struct reader {
    struct ag_bytes rest;
    bool is_short;
};

static struct ag_bytes take(struct reader *reader, size_t size)
{
    if (reader->is_short || size > reader->rest.size) {
        reader->is_short = true;
        return (struct ag_bytes){NULL, 0};
    }
    struct ag_bytes taken = ag_bytes_head(reader->rest, size);
    reader->rest = ag_bytes_tail(reader->rest, size);
    return taken;
}

static uint16_t load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint16_t take_u16(struct reader *reader)
{
    struct ag_bytes bytes = take(reader, 2);
    return bytes.data == NULL ? 0 : load_u16(bytes.data);
}

static uint32_t take_u32(struct reader *reader)
{
    uint32_t low = take_u16(reader);
    return low | (uint32_t)take_u16(reader) << 16;
}

static struct ag_finding malformed(const char *reason)
{
    return ag_finding_of(AG_ATTEST_Malformed, reason);
}

static struct ag_finding unsupported(const char *reason)
{
    return ag_finding_of(AG_ATTEST_Unsupported, reason);
}

static struct ag_finding parse_header(struct reader *reader, struct ag_quote *quote)
{
    quote->version = take_u16(reader);
    quote->key_type = take_u16(reader);
    quote->tee_type = take_u32(reader);
    take(reader,
         4); /* QE SVN and PCE SVN in version 3, reserved later; signed, and used by nobody */
    struct ag_bytes vendor = take(reader, sizeof(intel_qe_vendor));
    take(reader, 20); /* user data: signed, and of the QE's own */
    if (reader->is_short) {
        return malformed("the quote ends inside its header");
    }
    if (quote->version < 3 || quote->version > 5) {
        return unsupported("the quote's version is not 3, 4 or 5");
    }
    if (quote->key_type != KEY_TYPE_P256) {
        return unsupported("the attestation key is not of type ECDSA P-256");
    }
    bool is_known_tee =
        quote->tee_type == TEE_TYPE_SGX || (quote->tee_type == TEE_TYPE_TDX && quote->version >= 4);
    if (!is_known_tee) {
        return unsupported("the quote's TEE type does not exist in its version");
    }
    if (!ag_bytes_equal(vendor, AG_ARRAY_VIEW(intel_qe_vendor))) {
        return unsupported("the quoting enclave is not of Intel's vendor id");
    }
    return AG_FINDING_OK;
}

static size_t body_size_of(uint8_t body_type)
{
    switch (body_type) {
    case AG_ATTEST_BODY_SGX:
        return AG_QUOTE_SGX_REPORT_SIZE;
    case AG_ATTEST_BODY_TD10:
        return AG_QUOTE_TD10_SIZE;
    case AG_ATTEST_BODY_TD15:
        return AG_QUOTE_TD15_SIZE;
    default:
        return 0;
    }
}

static struct ag_finding parse_body(struct reader *reader, struct ag_quote *quote)
{
    bool is_tdx = quote->tee_type == TEE_TYPE_TDX;
    if (quote->version < 5) {
        quote->body_type = is_tdx ? AG_ATTEST_BODY_TD10 : AG_ATTEST_BODY_SGX;
    } else {
        uint16_t type = take_u16(reader);
        uint32_t size = take_u32(reader);
        if (reader->is_short) {
            return malformed("the quote ends before its body");
        }
        if (type < AG_ATTEST_BODY_SGX || type > AG_ATTEST_BODY_TD15) {
            return unsupported("the quote's body type is unknown");
        }
        quote->body_type = (uint8_t)type;
        if (size != body_size_of(quote->body_type)) {
            return malformed("the body's size does not fit its type");
        }
        if ((type == AG_ATTEST_BODY_SGX) == is_tdx) {
            return malformed("the body's type does not fit the TEE type");
        }
    }
    quote->body = take(reader, body_size_of(quote->body_type));
    return reader->is_short ? malformed("the quote ends inside its body") : AG_FINDING_OK;
}

/* QE report 384 | signature 64 | u16 auth | u16 type, u32 size, certification data: all of
 * `in`. */
static struct ag_finding parse_qe_block(struct reader *reader, struct ag_quote *quote)
{
    quote->qe_report = take(reader, AG_QUOTE_SGX_REPORT_SIZE);
    quote->qe_report_signature = take(reader, 64);
    quote->qe_auth = take(reader, take_u16(reader));
    quote->cert_type = take_u16(reader);
    quote->cert_data = take(reader, take_u32(reader));
    if (reader->is_short) {
        return malformed("the signature data end before a declared length");
    }
    if (reader->rest.size != 0) {
        return malformed("bytes are left behind the certification data");
    }
    if (quote->cert_type == 0 || quote->cert_type > CERT_TYPE_MAX) {
        return malformed("the certification data type does not exist");
    }
    if (quote->cert_type == CERT_TYPE_QE) {
        return malformed("a QE report block inside a QE report block");
    }
    return AG_FINDING_OK;
}

static struct ag_finding parse_signature_data(struct ag_bytes data, struct ag_quote *quote)
{
    struct reader reader = {.rest = data};
    quote->signature = take(&reader, 64);
    quote->attestation_key = take(&reader, 64);
    if (quote->version == 3) {
        return parse_qe_block(&reader, quote);
    }
    uint16_t outer_type = take_u16(&reader);
    struct reader inner = {.rest = take(&reader, take_u32(&reader))};
    if (reader.is_short) {
        return malformed("the signature data end before a declared length");
    }
    if (outer_type != CERT_TYPE_QE) {
        return malformed("the outer certification data are not a QE report block");
    }
    if (reader.rest.size != 0) {
        return malformed("bytes are left behind the QE report block");
    }
    return parse_qe_block(&inner, quote);
}

struct ag_finding ag_quote_parse(struct ag_bytes in, struct ag_quote *out)
{
    struct ag_quote quote = {0};
    if (in.size > AG_LIMIT_EVIDENCE_BYTES) {
        return malformed("the quote is over the size limit");
    }
    struct reader reader = {.rest = in};
    struct ag_finding finding = parse_header(&reader, &quote);
    if (!ag_finding_is_ok(finding)) {
        return finding;
    }
    finding = parse_body(&reader, &quote);
    if (!ag_finding_is_ok(finding)) {
        return finding;
    }
    quote.signed_part = ag_bytes_head(in, in.size - reader.rest.size);
    quote.signature_data_size = take_u32(&reader);
    struct ag_bytes data = take(&reader, quote.signature_data_size);
    if (reader.is_short) {
        return malformed("the quote ends inside its signature data");
    }
    finding = parse_signature_data(data, &quote);
    if (!ag_finding_is_ok(finding)) {
        return finding;
    }
    /* Hosts hand out fixed buffers; zeros behind the quote are transport, anything else is not. */
    if (!ag_bytes_is_zero(reader.rest)) {
        return malformed("bytes behind the quote are not zero");
    }
    quote.trailing_size = reader.rest.size;
    *out = quote;
    return AG_FINDING_OK;
}

/* ---- bodies ---- */

/* Where a field of a report stands and where it goes. */
struct field {
    size_t at;
    size_t size;
    void *out;
};

static void copy_fields(struct ag_bytes body, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AG_ASSERT(fields[i].at + fields[i].size <= body.size);
        memcpy(fields[i].out, body.data + fields[i].at, fields[i].size);
    }
}

void ag_quote_td_claims(const struct ag_quote *quote, struct ag_td_claims *out)
{
    *out = (struct ag_td_claims){0};
    const struct field fields[] = {
        {0, 16, out->tee_tcb_svn},     {16, 48, out->mr_seam},
        {64, 48, out->mr_signer_seam}, {112, 8, out->seam_attributes},
        {120, 8, out->td_attributes},  {128, 8, out->xfam},
        {136, 48, out->mr_td},         {184, 48, out->mr_config_id},
        {232, 48, out->mr_owner},      {280, 48, out->mr_owner_config},
        {328, 192, out->rtmr},         {520, 64, out->report_data},
    };
    copy_fields(quote->body, fields, AG_COUNT(fields));
    if (quote->body_type == AG_ATTEST_BODY_TD15) {
        const struct field more[] = {{584, 16, out->tee_tcb_svn2}, {600, 48, out->mr_service_td}};
        copy_fields(quote->body, more, AG_COUNT(more));
    }
}

void ag_quote_sgx_claims(struct ag_bytes report, struct ag_sgx_claims *out)
{
    *out = (struct ag_sgx_claims){0};
    const struct field fields[] = {
        {0, 16, out->cpu_svn},     {16, 4, out->misc_select}, {48, 16, out->attributes},
        {64, 32, out->mr_enclave}, {128, 32, out->mr_signer}, {320, 64, out->report_data},
    };
    copy_fields(report, fields, AG_COUNT(fields));
    out->isv_prod_id = load_u16(report.data + 256);
    out->isv_svn = load_u16(report.data + 258);
}
