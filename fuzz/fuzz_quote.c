/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/attest_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_inside(struct ag_bytes view, struct ag_bytes in)
{
    AG_ASSERT(view.size == 0 ||
              (view.data >= in.data && view.data + view.size <= in.data + in.size));
}

/* Whatever parses is made of views into the input, and every byte belongs to exactly one part. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_bytes in = ag_bytes_of(data, size);
    struct ag_quote quote;
    struct ag_finding finding = ag_quote_parse(in, &quote);
    if (!ag_finding_is_ok(finding)) {
        AG_ASSERT(finding.reason != NULL);
        AG_ASSERT(finding.status == AG_ATTEST_Malformed || finding.status == AG_ATTEST_Unsupported);
        return 0;
    }
    const struct ag_bytes views[] = {quote.signed_part, quote.body,
                                     quote.signature,   quote.attestation_key,
                                     quote.qe_report,   quote.qe_report_signature,
                                     quote.qe_auth,     quote.cert_data};
    for (size_t i = 0; i < AG_COUNT(views); i++) {
        is_inside(views[i], in);
    }
    AG_ASSERT(quote.signed_part.size + 4u + quote.signature_data_size + quote.trailing_size ==
              size);
    size_t outer = quote.version == 3 ? 0 : 6;
    AG_ASSERT(quote.signature_data_size ==
              128u + outer + 384u + 64u + 2u + quote.qe_auth.size + 6u + quote.cert_data.size);
    struct ag_td_claims td;
    struct ag_sgx_claims sgx;
    if (quote.body_type == AG_ATTEST_BODY_SGX) {
        ag_quote_sgx_claims(quote.body, &sgx);
    } else {
        ag_quote_td_claims(&quote, &td);
    }
    ag_quote_sgx_claims(quote.qe_report, &sgx);
    return 0;
}
