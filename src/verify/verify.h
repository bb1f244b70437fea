/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_VERIFY_VERIFY_H
#define AG_VERIFY_VERIFY_H

/* verify: the rules by which a batch is judged. The node runs the auditor's own rules: exec calls
 * the same functions to decide what is included, and batch calls the same judge before a commit.
 *
 * Owns:    a verdict, from ag_batch_verify to ag_batch_verdict_close.
 * Threads: free-threaded; recoveries run in the caller's pool.
 * Fails:   only for our own reasons; what is wrong with a batch is in its verdict.
 * Not:     no I/O, no clock. */

#include <ag/verify.h>

#include "base/base.h"
#include "wire/wire.h"

/* Whether this payload may be included under this head: kind, chain, signature, sender, nonce, gas
 * and fee agree. The error is the reason of an exclusion receipt. */
AG_MUST_CHECK enum ag_err ag_verify_payload(const struct ag_head *head, uint8_t payload_kind,
                                            struct ag_bytes payload, uint64_t chain_id,
                                            struct ag_eth_tx *out, struct ag_fault *fault);

/* ENVELOPE_EXPIRED when a batch of this time may not include this head any more: whoever can hold a
 * node back must not choose the moment at which an old order runs. */
AG_MUST_CHECK enum ag_err ag_verify_expiry(const struct ag_head *head, uint64_t time_ms);

/* The nonce rule, fed in plan order: inside one batch the included nonces of a sender rise by one
 * without gap or repeat, or the chain could not run what comes after. */
struct ag_nonce_rule;
AG_MUST_CHECK enum ag_err ag_nonce_rule_open(size_t sender_count_max, struct ag_nonce_rule **out);
void ag_nonce_rule_close(struct ag_nonce_rule *rule);
/* ENVELOPE_NONCE when this head may not be included now; otherwise notes it as included. */
AG_MUST_CHECK enum ag_err ag_nonce_rule_include(struct ag_nonce_rule *rule,
                                                const struct ag_head *head);

/* The roots of a world without contracts and assets: RFC 9162 trees without leaves. */
AG_MUST_CHECK enum ag_err ag_verify_empty_root(struct ag_id *out);

struct ag_judge_options {
    /* The caller executed this very batch and knows the senders: recoveries are not done again. */
    bool senders_are_known;
    struct ag_pool *pool;          /* may be NULL */
    struct ag_attest_cache *cache; /* may be NULL */
};
/* What ag_batch_verify calls. */
AG_MUST_CHECK enum ag_err ag_batch_judge(struct ag_bytes file, const struct ag_policy *policy,
                                         const struct ag_batch_expect *expect,
                                         const struct ag_judge_options *options,
                                         struct ag_batch_verdict **out);

#endif
