/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEE_TEE_I_H
#define AG_TEE_TEE_I_H

/* What a provider is: one file with one of these tables. `state` is what `open` made. Every
 * function but open and close may be called from any thread at once; a provider brings its own
 * locks. */

#include "tee/tee.h"

struct ag_tee_ops {
    uint8_t kind;
    const char *name;
    /* Writes `*out` only on success. */
    enum ag_err (*open)(const char *sim_dir, const struct ag_host *host, void **out);
    void (*close)(void *state);
    enum ag_err (*quote)(void *state, const uint8_t report_data[64], struct ag_vec *out);
    /* NULL where the provider has no such thing: the door answers NOT_FOUND. */
    enum ag_err (*collateral)(void *state, uint64_t now_ms, struct ag_vec *out);
    enum ag_err (*root_fingerprint)(const void *state, uint8_t out[32]);
    enum ag_err (*counter_read)(void *state, uint64_t *out);
    enum ag_err (*counter_advance)(void *state, uint64_t to);
    enum ag_err (*root_secret)(void *state, struct ag_key256 *out);
    void (*measurement)(const void *state, uint8_t out[48]);
    void (*machine)(const void *state, struct ag_id *out);
};

extern const struct ag_tee_ops ag_tee_sim_ops;

#endif
