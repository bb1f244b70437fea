/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_ASSET_ASSET_H
#define AG_ASSET_ASSET_H

/* asset: what is protected, and by which policy.
 *
 * Owns:    a table owns its entries, from ag_asset_table_open to ag_asset_table_close.
 * Threads: a table may be shared for reading; one thread while it is changed or its root is taken.
 * Fails:   POLICY_ASSET when a policy says no, with the rule in `fault`; ASSET_FULL at the bound.
 * Not:     no registration by transactions yet, no migration state, no vault, and nothing is held
 *          back: what a policy does not allow is refused at admission and excluded at execution.
 * Rules:   docs/spec/admission.md.
 *
 * A NULL table is an empty one in every function that reads. */

#include <ag/batch.h>

#include "base/base.h"

/* Part of the encoding: frozen. */
enum ag_asset_type {
    AG_ASSET_TOKEN = 1,    /* on chain */
    AG_ASSET_NFT = 2,      /* on chain */
    AG_ASSET_DATA = 3,     /* on chain */
    AG_ASSET_DATABASE = 4, /* off chain */
    AG_ASSET_FILE = 5,     /* off chain */
    AG_ASSET_STREAM = 6,   /* off chain */
    AG_ASSET_BRIDGE = 7,   /* between chains */
};
const char *ag_asset_type_name(uint8_t type); /* "on-chain-token"; "unknown" */
bool ag_asset_type_is_off_chain(uint8_t type);

struct ag_asset_operation {
    uint8_t size;
    uint8_t name[AG_OPERATION_SIZE_MAX]; /* a-z, 0-9, '_' and '.'; zeros after */
};

struct ag_asset_policy {
    uint8_t operation_count; /* at most ASSET_OPERATIONS; none: nothing is allowed */
    struct ag_asset_operation operations[AG_LIMIT_ASSET_OPERATIONS]; /* strictly ascending */
    bool requires_pqc;          /* the sender authorises with ML-DSA-87 */
    bool requires_tee;          /* arrives sealed, and runs where the verdict passes */
    uint16_t risk_threshold_bp; /* at or above it both requirements hold; 10001: never */
};
#define AG_ASSET_THRESHOLD_NEVER 10001u

struct ag_asset {
    struct ag_id id;
    uint8_t type;      /* enum ag_asset_type */
    uint64_t chain_id; /* 0: on no chain */
    struct ag_asset_policy policy;
};
/* WIRE_VALUE, WIRE_LIMIT or WIRE_ORDER when an asset is not well formed. */
AG_MUST_CHECK enum ag_err ag_asset_validate(const struct ag_asset *asset, struct ag_fault *fault);
/* The leaf of the asset tree. Validates first. */
AG_MUST_CHECK enum ag_err ag_asset_encode(const struct ag_asset *asset, struct ag_vec *out);

/* ---- the table ------------------------------------------------------------------------------- */

struct ag_asset_table; /* sorted by id */

/* Room for `capacity` assets, 1 to ASSETS. */
AG_MUST_CHECK enum ag_err ag_asset_table_open(size_t capacity, struct ag_asset_table **out);
void ag_asset_table_close(struct ag_asset_table *table); /* NULL is fine */
/* Adds an asset or replaces the one with its id. */
AG_MUST_CHECK enum ag_err ag_asset_table_put(struct ag_asset_table *table,
                                             const struct ag_asset *asset, struct ag_fault *fault);
size_t ag_asset_table_count(const struct ag_asset_table *table);
/* Borrowed until the next put; NULL when nothing is registered under this id. */
const struct ag_asset *ag_asset_table_find(const struct ag_asset_table *table,
                                           const struct ag_id *id);
const struct ag_asset *ag_asset_table_at(const struct ag_asset_table *table, size_t index);
/* RFC 9162 root over the encodings in order of id; that of the tree without leaves when empty. */
AG_MUST_CHECK enum ag_err ag_asset_table_root(const struct ag_asset_table *table,
                                              struct ag_id *out);

/* ---- policy ---------------------------------------------------------------------------------- */

/* What the check is made against; borrowed. */
struct ag_asset_context {
    const struct ag_risk_snapshot *risk;
    bool is_sealed;    /* the transaction arrived in an envelope */
    bool is_appraised; /* the verdict on this node's evidence passes */
};

/* Whether the policies of all assets in the head allow it. Used at admission and again at
 * execution. Assets that nobody registered have no policy. The first refusal, in order of the
 * head's assets, is POLICY_ASSET with one of these fields:
 *
 *   asset.operation     the operation is not among the allowed ones
 *   asset.requires_pqc  the sender does not authorise with ML-DSA-87
 *   asset.requires_tee  not sealed, or this node's own verdict does not pass
 *   asset.risk          one of the two is asked for by the threshold (limit), which the risk (got)
 *                       has reached: the global figure, or the declared one if it is higher */
AG_MUST_CHECK enum ag_err ag_asset_check(const struct ag_asset_table *table,
                                         const struct ag_head *head,
                                         const struct ag_asset_context *context,
                                         struct ag_fault *fault);

#endif
