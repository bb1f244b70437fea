/* SPDX-License-Identifier: Apache-2.0 */
#include "mempool/mempool_i.h"

/* Tokens are counted in thousandths: a rate per second is then a gain per millisecond. */
enum {
    TOKEN = 1000
};

struct source_account {
    int64_t tokens;      /* thousandths; below zero after a penalty */
    uint64_t settled_ms; /* 0: a new account */
};

struct strike_account {
    uint64_t settled_ms;
    uint32_t strikes;
};

struct held_account {
    uint32_t count;
};

enum ag_err ag_mempool_accounts_open(struct accounts *accounts,
                                     const struct ag_mempool_config *config)
{
    uint64_t seed = config->hash_seed;
    AG_TRY(ag_lru_open(AG_LIMIT_SOURCES, sizeof(struct source_account), seed, &accounts->sources));
    AG_TRY(ag_lru_open(AG_LIMIT_SOURCES, sizeof(struct strike_account), seed, &accounts->strikes));
    return ag_lru_open(config->count_max, sizeof(struct held_account), seed, &accounts->held);
}

void ag_mempool_accounts_close(struct accounts *accounts)
{
    ag_lru_close(accounts->sources);
    ag_lru_close(accounts->strikes);
    ag_lru_close(accounts->held);
    *accounts = (struct accounts){NULL, NULL, NULL};
}

/* ---- sources --------------------------------------------------------------------------------- */

/* The account of a source, with what it earned since it was last looked at. */
static struct source_account *settle_source(struct accounts *accounts,
                                            const struct ag_mempool_config *config,
                                            const struct ag_id *source, uint64_t clock_ms)
{
    struct source_account *account = ag_lru_insert(accounts->sources, source);
    int64_t most = (int64_t)config->source_burst * TOKEN;
    uint64_t gain = 0;
    if (account->settled_ms == 0 ||
        __builtin_mul_overflow(clock_ms - account->settled_ms, (uint64_t)config->source_rate,
                               &gain) ||
        gain > (uint64_t)(most - account->tokens)) {
        account->tokens = most;
    } else {
        account->tokens += (int64_t)gain;
    }
    account->settled_ms = clock_ms;
    return account;
}

static bool is_limited(const struct ag_mempool_config *config, const struct ag_id *source)
{
    return config->source_rate != 0 && !ag_bytes_is_zero(AG_VIEW(source));
}

enum ag_err ag_mempool_source_spend(struct accounts *accounts,
                                    const struct ag_mempool_config *config,
                                    const struct ag_id *source, uint64_t clock_ms,
                                    struct ag_fault *fault)
{
    if (!is_limited(config, source)) {
        return AG_OK;
    }
    struct source_account *account = settle_source(accounts, config, source, clock_ms);
    if (account->tokens < TOKEN) {
        return ag_fault_set(fault, AG_ERR_MEMPOOL_RATE, "source");
    }
    account->tokens -= TOKEN;
    return AG_OK;
}

void ag_mempool_source_penalise(struct accounts *accounts, const struct ag_mempool_config *config,
                                const struct ag_id *source, uint64_t clock_ms)
{
    if (!is_limited(config, source)) {
        return;
    }
    struct source_account *account = settle_source(accounts, config, source, clock_ms);
    /* A debt of one burst at most: a source that stops is trusted again after burst / rate. */
    int64_t least = -(int64_t)config->source_burst * TOKEN;
    account->tokens -= (int64_t)config->source_penalty * TOKEN;
    account->tokens = account->tokens < least ? least : account->tokens;
}

/* ---- senders --------------------------------------------------------------------------------- */

/* The kind is folded into the last byte. An address has zeros there, and a digest that looks like
 * an address with its kind would have to be searched for over 88 bits. */
static struct ag_id sender_key(const struct ag_sender *sender)
{
    struct ag_id key;
    for (size_t i = 0; i < sizeof(key.bytes); i++) {
        key.bytes[i] = sender->id[i];
    }
    key.bytes[sizeof(key.bytes) - 1u] ^= sender->kind;
    return key;
}

/* Forgives what time has healed. */
static void settle_strikes(struct strike_account *account, const struct ag_mempool_config *config,
                           uint64_t clock_ms)
{
    uint64_t healed = (clock_ms - account->settled_ms) / config->strike_decay_ms;
    if (healed >= account->strikes) {
        account->strikes = 0;
        account->settled_ms = clock_ms;
    } else {
        account->strikes -= (uint32_t)healed;
        account->settled_ms += healed * config->strike_decay_ms;
    }
}

enum ag_err ag_mempool_sender_check(struct accounts *accounts,
                                    const struct ag_mempool_config *config,
                                    const struct ag_sender *sender, uint64_t clock_ms,
                                    struct ag_fault *fault)
{
    struct ag_id key = sender_key(sender);
    struct strike_account *strikes = ag_lru_find(accounts->strikes, &key);
    if (strikes != NULL && config->strikes_max != 0) {
        settle_strikes(strikes, config, clock_ms);
        if (strikes->strikes >= config->strikes_max) {
            return ag_fault_limit(fault, AG_ERR_MEMPOOL_SENDER, "strikes", config->strikes_max,
                                  strikes->strikes);
        }
    }
    const struct held_account *held = ag_lru_find(accounts->held, &key);
    if (held != NULL && held->count >= config->sender_count_max) {
        return ag_fault_limit(fault, AG_ERR_MEMPOOL_SENDER, "count", config->sender_count_max,
                              (uint64_t)held->count + 1u);
    }
    return AG_OK;
}

void ag_mempool_sender_strike(struct accounts *accounts, const struct ag_mempool_config *config,
                              const struct ag_sender *sender, uint64_t clock_ms)
{
    if (config->strikes_max == 0) {
        return;
    }
    struct ag_id key = sender_key(sender);
    struct strike_account *account = ag_lru_insert(accounts->strikes, &key);
    settle_strikes(account, config, clock_ms);
    /* Twice the bound at most: one who stops is trusted again after a known time. */
    if (account->strikes < 2u * config->strikes_max) {
        account->strikes++;
    }
}

void ag_mempool_sender_hold(struct accounts *accounts, const struct ag_sender *sender)
{
    struct ag_id key = sender_key(sender);
    struct held_account *account = ag_lru_insert(accounts->held, &key);
    account->count++;
}

void ag_mempool_sender_drop(struct accounts *accounts, const struct ag_sender *sender)
{
    struct ag_id key = sender_key(sender);
    struct held_account *account = ag_lru_find(accounts->held, &key);
    AG_ASSERT(account != NULL && account->count != 0);
    account->count--;
    if (account->count == 0) {
        ag_lru_remove(accounts->held, &key);
    }
}
