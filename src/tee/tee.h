/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEE_TEE_H
#define AG_TEE_TEE_H

/* tee: the hardware below us: evidence over given bytes, a secret bound to machine and program, and
 * a monotonic counter where there is one.
 *
 * Owns:    the provider's devices and keys, from ag_tee_open to ag_tee_close.
 * Threads: every function on an open object may be called from any thread at once.
 * Fails:   TEE when the hardware fails or this build has no provider for it; TEE_COUNTER when the
 *          counter would go back or its memory is damaged; NOT_FOUND for what a provider lacks.
 * Not:     no verdicts (attest) and no sealing (seal). `insecure-sim` protects nothing: whoever
 *          reads its directory has its keys. Everything above the hardware root is real there. */

#include <ag/batch.h>

#include "base/base.h"
#include "crypto/crypto.h"

struct ag_tee;

/* `kind` is one of enum ag_tee_kind. `sim_dir` is the directory that plays the hardware of
 * insecure-sim (made with mode 0700 at the first use); other kinds do not look at it. `host` is
 * borrowed until ag_tee_close. Kinds without a provider in this build fail with TEE. */
AG_MUST_CHECK enum ag_err ag_tee_open(uint8_t kind, const char *sim_dir, const struct ag_host *host,
                                      struct ag_tee **out);
void ag_tee_close(struct ag_tee *tee); /* NULL is fine */

/* "insecure-sim": static text, the same name as on the wire. */
const char *ag_tee_provider(const struct ag_tee *tee);
uint8_t ag_tee_kind(const struct ag_tee *tee);
/* Whether this build has a provider for `kind`. */
bool ag_tee_has_provider(uint8_t kind);

/* Appends a quote that binds exactly these 64 bytes. */
AG_MUST_CHECK enum ag_err ag_tee_quote(struct ag_tee *tee, const uint8_t report_data[64],
                                       struct ag_vec *out_quote);

/* Appends an encoding of ag_collateral that is valid at `now_ms`. insecure-sim is its own vendor:
 * it issues collateral for 30 days and hands out the same bytes until a third of that is left.
 * Real hardware has none (NOT_FOUND): `aegis` fetches the vendor's. */
AG_MUST_CHECK enum ag_err ag_tee_collateral(struct ag_tee *tee, uint64_t now_ms,
                                            struct ag_vec *out_encoding);

/* A secret that only this program on this machine can have. */
AG_MUST_CHECK enum ag_err ag_tee_root_secret(struct ag_tee *tee, struct ag_key256 *out);

/* Public names of program and machine. They stand in clear beside sealed blobs, so that a blob of
 * another program or machine is refused by name instead of by a failed tag. The measurement is the
 * MRTD of the evidence. */
void ag_tee_measurement(const struct ag_tee *tee, uint8_t out[48]);
void ag_tee_machine(const struct ag_tee *tee, struct ag_id *out);

/* SHA-256 of the root certificate under which this machine's evidence chains: what a policy names
 * in `insecure_sim_root`. NOT_FOUND on real hardware, whose roots the verifier pins itself. */
AG_MUST_CHECK enum ag_err ag_tee_root_fingerprint(const struct ag_tee *tee, uint8_t out[32]);

/* The monotonic counter of this program on this machine; 0 at first. Hardware without one answers
 * NOT_FOUND. The first use claims it until ag_tee_close; BUSY while another open object has it. The
 * proof of freshness in docs/spec/sealing.md needs that: a provider whose hardware does not tell
 * runs apart must not offer a counter. */
AG_MUST_CHECK enum ag_err ag_tee_counter_read(struct ag_tee *tee, uint64_t *out);
/* Durable when it returns OK. Advancing to the value it has is a no-op; going back is TEE_COUNTER.
 * A crash during the call leaves the old value or the new one. */
AG_MUST_CHECK enum ag_err ag_tee_counter_advance(struct ag_tee *tee, uint64_t to);

#endif
