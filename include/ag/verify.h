/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_VERIFY_H
#define AG_VERIFY_H

/* verify: judges a whole batch from one file and a policy. No I/O, no clock.
 *
 * Owns:    the verdict, from ag_batch_verify to ag_batch_verdict_close.
 * Threads: free-threaded; may use a pool of its caller for the recoveries.
 * Fails:   an error only for our own failures; everything wrong with the batch is in the
 *          verdict. */

#include <ag/attest.h>
#include <ag/batch.h>

struct ag_pool; /* base: workers, may be NULL */

#define AG_BATCH_CLAIMS_MAX 32u
struct ag_batch_verdict {
    bool is_accepted; /* every claim passed or does not apply */
    struct ag_batch_header header;
    struct ag_hash digest; /* of the header */
    size_t claim_count;
    struct ag_claim claims[AG_BATCH_CLAIMS_MAX];
    struct ag_verdict bundle_evidence;
    struct ag_verdict batch_evidence;
};

/* What the caller knows beside the file; zero values mean "not known". */
struct ag_batch_expect {
    bool has_parent;
    struct ag_hash parent; /* digest that the batch must name */
    bool has_number;
    uint64_t number;
    uint64_t now_ms; /* 0: judge evidence at the archived instant of the file */
    /* Which chain of this id: anyone with such hardware can run the same program under the same
     * chain id, and only the genesis (or a parent that is known) tells the chains apart. */
    bool has_genesis;
    struct ag_hash genesis;
};

AG_MUST_CHECK enum ag_err ag_batch_verify(struct ag_bytes file, const struct ag_policy *policy,
                                          const struct ag_batch_expect *expect,
                                          struct ag_pool *pool, struct ag_batch_verdict **out);
void ag_batch_verdict_close(struct ag_batch_verdict *verdict);
void ag_batch_verdict_json(const struct ag_batch_verdict *verdict, struct ag_json_out *out,
                           const char *key);
AG_MUST_CHECK enum ag_err ag_batch_verdict_print(const struct ag_batch_verdict *verdict,
                                                 struct ag_vec *out);

#endif
