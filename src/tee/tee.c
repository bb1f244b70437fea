/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee_i.h"

struct ag_tee {
    const struct ag_tee_ops *ops;
    void *state;
};

/* One row per provider of this build. */
static const struct ag_tee_ops *const providers[] = {&ag_tee_sim_ops};

static const struct ag_tee_ops *find_provider(uint8_t kind)
{
    for (size_t i = 0; i < AG_COUNT(providers); i++) {
        if (providers[i]->kind == kind) {
            return providers[i];
        }
    }
    return NULL;
}

bool ag_tee_has_provider(uint8_t kind)
{
    return find_provider(kind) != NULL;
}

enum ag_err ag_tee_open(uint8_t kind, const char *sim_dir, const struct ag_host *host,
                        struct ag_tee **out)
{
    const struct ag_tee_ops *ops = find_provider(kind);
    AG_ENSURE(ops != NULL, AG_ERR_TEE);
    AG_ENSURE(host != NULL, AG_ERR_ARGUMENT);
    bool has_directory = sim_dir != NULL && sim_dir[0] != '\0';
    AG_ENSURE(has_directory || kind != AG_TEE_INSECURE_SIM, AG_ERR_ARGUMENT);

    struct ag_tee *tee = ag_alloc(sizeof(*tee));
    AG_ENSURE(tee != NULL, AG_ERR_NO_MEMORY);
    tee->ops = ops;
    enum ag_err err = ops->open(sim_dir, host, &tee->state);
    if (err != AG_OK) {
        ag_free(tee);
        return err;
    }
    *out = tee;
    return AG_OK;
}

void ag_tee_close(struct ag_tee *tee)
{
    if (tee != NULL) {
        tee->ops->close(tee->state);
        ag_free(tee);
    }
}

const char *ag_tee_provider(const struct ag_tee *tee)
{
    return tee->ops->name;
}

uint8_t ag_tee_kind(const struct ag_tee *tee)
{
    return tee->ops->kind;
}

enum ag_err ag_tee_quote(struct ag_tee *tee, const uint8_t report_data[64],
                         struct ag_vec *out_quote)
{
    return tee->ops->quote(tee->state, report_data, out_quote);
}

enum ag_err ag_tee_collateral(struct ag_tee *tee, uint64_t now_ms, struct ag_vec *out_encoding)
{
    AG_ENSURE(tee->ops->collateral != NULL, AG_ERR_NOT_FOUND);
    return tee->ops->collateral(tee->state, now_ms, out_encoding);
}

enum ag_err ag_tee_root_secret(struct ag_tee *tee, struct ag_key256 *out)
{
    return tee->ops->root_secret(tee->state, out);
}

void ag_tee_measurement(const struct ag_tee *tee, uint8_t out[48])
{
    tee->ops->measurement(tee->state, out);
}

void ag_tee_machine(const struct ag_tee *tee, struct ag_id *out)
{
    tee->ops->machine(tee->state, out);
}

enum ag_err ag_tee_root_fingerprint(const struct ag_tee *tee, uint8_t out[32])
{
    AG_ENSURE(tee->ops->root_fingerprint != NULL, AG_ERR_NOT_FOUND);
    return tee->ops->root_fingerprint(tee->state, out);
}

enum ag_err ag_tee_counter_read(struct ag_tee *tee, uint64_t *out)
{
    AG_ENSURE(tee->ops->counter_read != NULL, AG_ERR_NOT_FOUND);
    return tee->ops->counter_read(tee->state, out);
}

enum ag_err ag_tee_counter_advance(struct ag_tee *tee, uint64_t to)
{
    AG_ENSURE(tee->ops->counter_advance != NULL, AG_ERR_NOT_FOUND);
    return tee->ops->counter_advance(tee->state, to);
}
