/* SPDX-License-Identifier: Apache-2.0 */
#include "asset/asset.h"

#include <string.h>

#include "wire/wire.h"

_Static_assert(AG_OPERATION_SIZE_MAX == AG_LIMIT_OPERATION_BYTES, "one number in two headers");

const char *ag_asset_type_name(uint8_t type)
{
    static const char *const names[] = {
        [AG_ASSET_TOKEN] = "on-chain-token", [AG_ASSET_NFT] = "on-chain-nft",
        [AG_ASSET_DATA] = "on-chain-data",   [AG_ASSET_DATABASE] = "off-chain-database",
        [AG_ASSET_FILE] = "off-chain-file",  [AG_ASSET_STREAM] = "off-chain-stream",
        [AG_ASSET_BRIDGE] = "bridge",
    };
    return type < AG_COUNT(names) && names[type] != NULL ? names[type] : "unknown";
}

bool ag_asset_type_is_off_chain(uint8_t type)
{
    return type == AG_ASSET_DATABASE || type == AG_ASSET_FILE || type == AG_ASSET_STREAM;
}

/* ---- one asset ------------------------------------------------------------------------------- */

static bool is_operation_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* A name of at least one character, and zeros after it: one name has one form. */
static bool is_operation(const struct ag_asset_operation *operation)
{
    if (operation->size == 0 || operation->size > AG_OPERATION_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < AG_OPERATION_SIZE_MAX; i++) {
        bool is_inside = i < operation->size;
        if (is_inside ? !is_operation_character(operation->name[i]) : operation->name[i] != 0) {
            return false;
        }
    }
    return true;
}

static struct ag_bytes operation_name(const struct ag_asset_operation *operation)
{
    return ag_bytes_of(operation->name, operation->size);
}

static enum ag_err validate_policy(const struct ag_asset_policy *policy, struct ag_fault *fault)
{
    if (policy->operation_count > AG_LIMIT_ASSET_OPERATIONS) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "asset operation count",
                              AG_LIMIT_ASSET_OPERATIONS, policy->operation_count);
    }
    for (size_t i = 0; i < policy->operation_count; i++) {
        if (!is_operation(&policy->operations[i])) {
            return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "asset operation");
        }
        if (i != 0 && ag_bytes_compare(operation_name(&policy->operations[i - 1]),
                                       operation_name(&policy->operations[i])) >= 0) {
            return ag_fault_set(fault, AG_ERR_WIRE_ORDER, "asset operations");
        }
    }
    if (policy->risk_threshold_bp > AG_ASSET_THRESHOLD_NEVER) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "asset risk_threshold_bp",
                              AG_ASSET_THRESHOLD_NEVER, policy->risk_threshold_bp);
    }
    return AG_OK;
}

enum ag_err ag_asset_validate(const struct ag_asset *asset, struct ag_fault *fault)
{
    if (asset->type < AG_ASSET_TOKEN || asset->type > AG_ASSET_BRIDGE) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "asset type", AG_ASSET_BRIDGE, asset->type);
    }
    if (ag_bytes_is_zero(AG_VIEW(&asset->id))) {
        return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "asset id");
    }
    return validate_policy(&asset->policy, fault);
}

enum ag_err ag_asset_encode(const struct ag_asset *asset, struct ag_vec *out)
{
    AG_TRY(ag_asset_validate(asset, NULL));
    const struct ag_asset_policy *policy = &asset->policy;
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGAS", 1);
    ag_wr_bytes(&wr, AG_VIEW(&asset->id));
    ag_wr_u8(&wr, asset->type);
    ag_wr_u64(&wr, asset->chain_id);
    ag_wr_u8(&wr, policy->requires_pqc ? 1 : 0);
    ag_wr_u8(&wr, policy->requires_tee ? 1 : 0);
    ag_wr_u16(&wr, policy->risk_threshold_bp);
    ag_wr_u8(&wr, policy->operation_count);
    for (size_t i = 0; i < policy->operation_count; i++) {
        ag_wr_bytes8(&wr, operation_name(&policy->operations[i]), AG_OPERATION_SIZE_MAX);
    }
    return ag_wr_finish(&wr);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Entries never move: what is sorted is a row of small numbers, so that a put shifts little and a
 * borrowed entry stays where it is. */
struct ag_asset_table {
    size_t capacity;
    size_t count;
    struct ag_asset *assets; /* in order of registration */
    struct ag_id *leaves;    /* leaf hash of the entry at the same index */
    uint32_t *by_id;         /* indices in ascending order of id */
};

enum ag_err ag_asset_table_open(size_t capacity, struct ag_asset_table **out)
{
    AG_ENSURE(capacity >= 1 && capacity <= AG_LIMIT_ASSETS, AG_ERR_ARGUMENT);
    struct ag_asset_table *table = ag_alloc(sizeof(*table));
    AG_ENSURE(table != NULL, AG_ERR_NO_MEMORY);
    table->capacity = capacity;
    table->assets = ag_alloc_array(capacity, sizeof(table->assets[0]));
    table->leaves = ag_alloc_array(capacity, sizeof(table->leaves[0]));
    table->by_id = ag_alloc_array(capacity, sizeof(table->by_id[0]));
    if (table->assets == NULL || table->leaves == NULL || table->by_id == NULL) {
        ag_asset_table_close(table);
        return AG_ERR_NO_MEMORY;
    }
    *out = table;
    return AG_OK;
}

void ag_asset_table_close(struct ag_asset_table *table)
{
    if (table == NULL) {
        return;
    }
    ag_free(table->by_id);
    ag_free(table->leaves);
    ag_free(table->assets);
    ag_free(table);
}

size_t ag_asset_table_count(const struct ag_asset_table *table)
{
    return table == NULL ? 0 : table->count;
}

/* The place in `by_id` where `id` stands or would be put. */
static size_t find_place(const struct ag_asset_table *table, const struct ag_id *id,
                         bool *out_is_found)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2u;
        const struct ag_id *there = &table->assets[table->by_id[middle]].id;
        int order = memcmp(there->bytes, id->bytes, sizeof(id->bytes));
        if (order == 0) {
            *out_is_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    *out_is_found = false;
    return low;
}

/* The leaf hash of an asset. */
static enum ag_err hash_leaf(const struct ag_asset *asset, struct ag_id *out)
{
    struct ag_vec encoding AG_SCOPED(ag_vec_close) = {0};
    ag_vec_init(&encoding, sizeof(*asset) + 64u);
    AG_TRY(ag_asset_encode(asset, &encoding));
    return ag_merkle_leaf(ag_vec_view(&encoding), out);
}

enum ag_err ag_asset_table_put(struct ag_asset_table *table, const struct ag_asset *asset,
                               struct ag_fault *fault)
{
    bool is_found = false;
    struct ag_id leaf;
    AG_TRY(ag_asset_validate(asset, fault));
    size_t place = find_place(table, &asset->id, &is_found);
    if (!is_found && table->count == table->capacity) {
        return ag_fault_limit(fault, AG_ERR_ASSET_FULL, "assets", table->capacity,
                              table->count + 1u);
    }
    AG_TRY(hash_leaf(asset, &leaf));

    size_t index = table->count;
    if (is_found) {
        index = table->by_id[place];
    } else {
        memmove(&table->by_id[place + 1u], &table->by_id[place],
                (table->count - place) * sizeof(table->by_id[0]));
        table->by_id[place] = (uint32_t)index;
        table->count++;
    }
    table->assets[index] = *asset;
    table->leaves[index] = leaf;
    return AG_OK;
}

const struct ag_asset *ag_asset_table_find(const struct ag_asset_table *table,
                                           const struct ag_id *id)
{
    bool is_found = false;
    if (table == NULL) {
        return NULL;
    }
    size_t place = find_place(table, id, &is_found);
    return is_found ? &table->assets[table->by_id[place]] : NULL;
}

const struct ag_asset *ag_asset_table_at(const struct ag_asset_table *table, size_t index)
{
    return index < ag_asset_table_count(table) ? &table->assets[table->by_id[index]] : NULL;
}

enum ag_err ag_asset_table_root(const struct ag_asset_table *table, struct ag_id *out)
{
    size_t count = ag_asset_table_count(table);
    if (count == 0) {
        return ag_merkle_root(NULL, 0, out);
    }
    struct ag_id *leaves = ag_alloc_array(count, sizeof(*leaves));
    AG_ENSURE(leaves != NULL, AG_ERR_NO_MEMORY);
    for (size_t i = 0; i < count; i++) {
        leaves[i] = table->leaves[table->by_id[i]];
    }
    enum ag_err err = ag_merkle_root(leaves, count, out);
    ag_free(leaves);
    return err;
}
