/* SPDX-License-Identifier: Apache-2.0 */
/* Does any byte string crash the parser of revocation lists, or give one that disagrees with itself
 * about what it lists? */
#include <string.h>

#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ag_crl *crl = NULL;
    struct ag_crl *again = NULL;
    AG_ASSERT(ag_crypto_start() == AG_OK);
    const struct ag_bytes input = ag_bytes_of(data, size);
    enum ag_err err = ag_crl_parse_der(input, &crl);
    AG_ASSERT(err == AG_OK || err == AG_ERR_CERT);
    if (err != AG_OK) {
        return 0;
    }
    AG_ASSERT(ag_crl_parse_der(input, &again) == AG_OK);
    AG_ASSERT(ag_bytes_equal(ag_crl_issuer_der(crl), ag_crl_issuer_der(again)));
    AG_ASSERT(ag_crl_this_update_ms(crl) == ag_crl_this_update_ms(again));
    AG_ASSERT(ag_crl_next_update_ms(crl) == ag_crl_next_update_ms(again));
    /* Serial numbers are somewhere in the bytes: whatever three of them say, zeroes in front of it
     * change nothing. */
    for (size_t at = 0; at + 3 <= size && at < 4096; at++) {
        const uint8_t padded[] = {0, 0, data[at], data[at + 1], data[at + 2]};
        AG_ASSERT(ag_crl_lists(crl, ag_bytes_of(data + at, 3)) ==
                  ag_crl_lists(again, AG_ARRAY_VIEW(padded)));
    }
    ag_crl_close(again);
    ag_crl_close(crl);
    return 0;
}
