/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "asset/asset.h"
#include "crypto/crypto.h"
#include "test.h"
#include "wire/wire.h"

static struct ag_asset_operation operation(const char *name)
{
    struct ag_asset_operation out = {.size = (uint8_t)strlen(name)};
    memcpy(out.name, name, strlen(name));
    return out;
}

static struct ag_asset asset_of(uint8_t number)
{
    struct ag_asset asset = {
        .id = {{number, 0x11}},
        .type = AG_ASSET_TOKEN,
        .chain_id = 16584,
        .policy = {.operation_count = 2, .risk_threshold_bp = AG_ASSET_THRESHOLD_NEVER},
    };
    asset.policy.operations[0] = operation("burn");
    asset.policy.operations[1] = operation("transfer");
    return asset;
}

static void type_names(void)
{
    CHECK(strcmp(ag_asset_type_name(AG_ASSET_TOKEN), "on-chain-token") == 0);
    CHECK(strcmp(ag_asset_type_name(AG_ASSET_BRIDGE), "bridge") == 0);
    CHECK(strcmp(ag_asset_type_name(0), "unknown") == 0);
    CHECK(strcmp(ag_asset_type_name(8), "unknown") == 0);
    CHECK(!ag_asset_type_is_off_chain(AG_ASSET_DATA));
    CHECK(ag_asset_type_is_off_chain(AG_ASSET_DATABASE));
    CHECK(ag_asset_type_is_off_chain(AG_ASSET_STREAM));
    CHECK(!ag_asset_type_is_off_chain(AG_ASSET_BRIDGE));
}

static void make_type_zero(struct ag_asset *asset)
{
    asset->type = 0;
}
static void make_type_eight(struct ag_asset *asset)
{
    asset->type = 8;
}
static void make_id_zero(struct ag_asset *asset)
{
    memset(&asset->id, 0, sizeof(asset->id));
}
static void make_operations_many(struct ag_asset *asset)
{
    asset->policy.operation_count = AG_LIMIT_ASSET_OPERATIONS + 1;
}
static void make_operations_unordered(struct ag_asset *asset)
{
    asset->policy.operations[0] = operation("transfer");
    asset->policy.operations[1] = operation("burn");
}
static void make_operations_repeated(struct ag_asset *asset)
{
    asset->policy.operations[0] = operation("transfer");
}
static void make_operation_empty(struct ag_asset *asset)
{
    asset->policy.operations[0] = operation("");
}
static void make_operation_upper(struct ag_asset *asset)
{
    asset->policy.operations[0] = operation("Burn");
}
static void make_operation_untidy(struct ag_asset *asset)
{
    asset->policy.operations[0].name[20] = 'x';
}
static void make_operation_long(struct ag_asset *asset)
{
    asset->policy.operations[0].size = AG_OPERATION_SIZE_MAX + 1;
}
static void make_threshold_high(struct ag_asset *asset)
{
    asset->policy.risk_threshold_bp = 10002;
}

static void refuses_what_is_not_well_formed(void)
{
    static const struct {
        const char *name;
        void (*make)(struct ag_asset *);
        enum ag_err wanted;
        const char *field;
    } cases[] = {
        {"type 0", make_type_zero, AG_ERR_WIRE_VALUE, "asset type"},
        {"type 8", make_type_eight, AG_ERR_WIRE_VALUE, "asset type"},
        {"id zero", make_id_zero, AG_ERR_WIRE_VALUE, "asset id"},
        {"17 operations", make_operations_many, AG_ERR_WIRE_LIMIT, "asset operation count"},
        {"operations unordered", make_operations_unordered, AG_ERR_WIRE_ORDER, "asset operations"},
        {"operation twice", make_operations_repeated, AG_ERR_WIRE_ORDER, "asset operations"},
        {"operation empty", make_operation_empty, AG_ERR_WIRE_VALUE, "asset operation"},
        {"operation upper case", make_operation_upper, AG_ERR_WIRE_VALUE, "asset operation"},
        {"bytes behind a name", make_operation_untidy, AG_ERR_WIRE_VALUE, "asset operation"},
        {"operation too long", make_operation_long, AG_ERR_WIRE_VALUE, "asset operation"},
        {"threshold", make_threshold_high, AG_ERR_WIRE_VALUE, "asset risk_threshold_bp"},
    };
    struct ag_asset_table *table = NULL;
    CHECK_OK(ag_asset_table_open(4, &table));
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_asset asset = asset_of(1);
        struct ag_fault fault = {0};
        struct ag_vec vec;
        ag_vec_init(&vec, 1024);
        CHECK_OK(ag_asset_validate(&asset, NULL));
        cases[i].make(&asset);
        ag_test_note("%s", cases[i].name);
        CHECK_ERR(ag_asset_validate(&asset, &fault), cases[i].wanted);
        CHECK(fault.field != NULL && strcmp(fault.field, cases[i].field) == 0);
        CHECK_ERR(ag_asset_encode(&asset, &vec), cases[i].wanted);
        CHECK_U64(vec.size, 0);
        CHECK_ERR(ag_asset_table_put(table, &asset, NULL), cases[i].wanted);
        CHECK_U64(ag_asset_table_count(table), 0);
        ag_vec_close(&vec);
    }
    ag_asset_table_close(table);
}

/* The bytes of docs/spec/admission.md. */
static void encoding(void)
{
    struct ag_asset asset = asset_of(0xa5);
    struct ag_vec vec;
    uint8_t wanted[4 + 2 + 32 + 1 + 8 + 1 + 1 + 2 + 1 + 5 + 9] = {'A', 'G', 'A',  'S',
                                                                  0,   1,   0xa5, 0x11};
    uint8_t *tail = wanted + 38;
    static const uint8_t rest[] = {1,   0,    0,    0,   0,   0,   0,   0x40, 0xc8, 1,
                                   0,   0x27, 0x11, 2,   4,   'b', 'u', 'r',  'n',  8,
                                   't', 'r',  'a',  'n', 's', 'f', 'e', 'r'};
    memcpy(tail, rest, sizeof(rest));
    asset.policy.requires_pqc = true;
    ag_vec_init(&vec, 1024);
    CHECK_OK(ag_asset_encode(&asset, &vec));
    CHECK_BYTES(ag_vec_view(&vec), AG_ARRAY_VIEW(wanted));
    ag_vec_close(&vec);
}

static void table_keeps_order_and_bound(void)
{
    struct ag_asset_table *table = NULL;
    struct ag_fault fault = {0};
    CHECK_ERR(ag_asset_table_open(0, &table), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_asset_table_open(AG_LIMIT_ASSETS + 1u, &table), AG_ERR_ARGUMENT);
    CHECK_OK(ag_asset_table_open(200, &table));

    uint8_t numbers[200];
    for (unsigned i = 0; i < 200; i++) {
        numbers[i] = (uint8_t)(i + 1);
    }
    for (unsigned i = 199; i > 0; i--) {
        unsigned j = (unsigned)(ag_test_random() % (i + 1));
        uint8_t swap = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = swap;
    }
    for (unsigned i = 0; i < 200; i++) {
        struct ag_asset asset = asset_of(numbers[i]);
        CHECK_OK(ag_asset_table_put(table, &asset, &fault));
        CHECK(ag_asset_table_find(table, &asset.id) != NULL);
    }
    CHECK_U64(ag_asset_table_count(table), 200);
    for (unsigned i = 0; i < 200; i++) {
        CHECK_U64(ag_asset_table_at(table, i)->id.bytes[0], i + 1);
    }
    CHECK(ag_asset_table_at(table, 200) == NULL);

    struct ag_asset more = asset_of(201);
    CHECK_ERR(ag_asset_table_put(table, &more, &fault), AG_ERR_ASSET_FULL);
    CHECK_U64(fault.limit, 200);
    CHECK(ag_asset_table_find(table, &more.id) == NULL);
    /* A full table still takes a new policy for an asset it has. */
    struct ag_asset changed = asset_of(7);
    changed.policy.requires_tee = true;
    CHECK_OK(ag_asset_table_put(table, &changed, NULL));
    CHECK_U64(ag_asset_table_count(table), 200);
    CHECK(ag_asset_table_find(table, &changed.id)->policy.requires_tee);
    ag_asset_table_close(table);
}

static void null_table_is_empty(void)
{
    struct ag_id id = {{1}};
    struct ag_id root;
    /* SHA-256 of nothing. */
    static const uint8_t empty[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                      0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                      0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                      0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    struct ag_asset_table *table = NULL;
    CHECK_U64(ag_asset_table_count(NULL), 0);
    CHECK(ag_asset_table_find(NULL, &id) == NULL);
    CHECK(ag_asset_table_at(NULL, 0) == NULL);
    CHECK_OK(ag_asset_table_root(NULL, &root));
    CHECK_BYTES(AG_VIEW(&root), AG_ARRAY_VIEW(empty));
    CHECK_OK(ag_asset_table_open(1, &table));
    CHECK_OK(ag_asset_table_root(table, &root));
    CHECK_BYTES(AG_VIEW(&root), AG_ARRAY_VIEW(empty));
    ag_asset_table_close(table);
    ag_asset_table_close(NULL);
}

/* The root is that of the tree over the encodings in order of id, whatever the order of puts. */
static void root_is_canonical(void)
{
    struct ag_asset_table *forth = NULL;
    struct ag_asset_table *back = NULL;
    struct ag_id leaves[9];
    struct ag_id wanted;
    struct ag_id got;
    CHECK_OK(ag_asset_table_open(9, &forth));
    CHECK_OK(ag_asset_table_open(9, &back));
    for (uint8_t i = 0; i < 9; i++) {
        struct ag_asset asset = asset_of((uint8_t)(i + 1));
        struct ag_asset other = asset_of((uint8_t)(9 - i));
        struct ag_vec vec;
        CHECK_OK(ag_asset_table_put(forth, &asset, NULL));
        CHECK_OK(ag_asset_table_put(back, &other, NULL));
        ag_vec_init(&vec, 1024);
        CHECK_OK(ag_asset_encode(&asset, &vec));
        CHECK_OK(ag_merkle_leaf(ag_vec_view(&vec), &leaves[i]));
        ag_vec_close(&vec);
    }
    CHECK_OK(ag_merkle_root(leaves, 9, &wanted));
    CHECK_OK(ag_asset_table_root(forth, &got));
    CHECK_BYTES(AG_VIEW(&got), AG_VIEW(&wanted));
    CHECK_OK(ag_asset_table_root(back, &got));
    CHECK_BYTES(AG_VIEW(&got), AG_VIEW(&wanted));

    struct ag_asset changed = asset_of(4);
    changed.policy.risk_threshold_bp = 5000;
    CHECK_OK(ag_asset_table_put(back, &changed, NULL));
    CHECK_OK(ag_asset_table_root(back, &got));
    CHECK(!ag_bytes_equal(AG_VIEW(&got), AG_VIEW(&wanted)));
    ag_asset_table_close(forth);
    ag_asset_table_close(back);
}

struct policy_case {
    const char *name;
    bool requires_pqc;
    bool requires_tee;
    uint16_t threshold_bp;
    const char *operation;
    uint8_t sender_kind;
    uint16_t global_bp;
    uint16_t declared_bp;
    bool is_sealed;
    bool is_appraised;
    const char *field; /* of the refusal; NULL: allowed */
};

static const struct policy_case policy_cases[] = {
    {"plain transfer", false, false, 10001, "transfer", 1, 0, 0, true, true, NULL},
    {"operation not listed", false, false, 10001, "mint", 1, 0, 0, true, true, "asset.operation"},
    {"prefix of an operation", false, false, 10001, "trans", 1, 0, 0, true, true,
     "asset.operation"},
    {"no operation", false, false, 10001, "", 1, 0, 0, true, true, "asset.operation"},
    {"pqc wanted and given", true, false, 10001, "burn", 2, 0, 0, true, false, NULL},
    {"pqc wanted, secp256k1", true, false, 10001, "burn", 1, 0, 0, true, true,
     "asset.requires_pqc"},
    {"tee wanted and given", false, true, 10001, "burn", 1, 0, 0, true, true, NULL},
    {"tee wanted, in the clear", false, true, 10001, "burn", 1, 0, 0, false, true,
     "asset.requires_tee"},
    {"tee wanted, no verdict", false, true, 10001, "burn", 1, 0, 0, true, false,
     "asset.requires_tee"},
    {"below the threshold", false, false, 5000, "burn", 1, 4999, 0, true, true, NULL},
    {"at the threshold", false, false, 5000, "burn", 1, 5000, 0, true, true, "asset.risk"},
    {"at the threshold, both hold", false, false, 5000, "burn", 2, 5000, 0, true, true, NULL},
    {"at the threshold, no verdict", false, false, 5000, "burn", 2, 5000, 0, true, false,
     "asset.risk"},
    {"declared risk asks for more", false, false, 5000, "burn", 1, 0, 5000, true, true,
     "asset.risk"},
    {"declared risk asks for no less", false, false, 5000, "burn", 1, 9000, 1, true, true,
     "asset.risk"},
    {"threshold 0 is always", false, false, 0, "burn", 1, 0, 0, true, true, "asset.risk"},
    {"threshold never", false, false, 10001, "burn", 1, 10000, 10000, true, true, NULL},
};

static void policies(void)
{
    struct ag_asset_table *table = NULL;
    CHECK_OK(ag_asset_table_open(4, &table));
    for (size_t i = 0; i < AG_COUNT(policy_cases); i++) {
        const struct policy_case *c = &policy_cases[i];
        struct ag_asset asset = asset_of(9);
        struct ag_head head = {.asset_count = 2, .declared_risk_bp = c->declared_bp};
        struct ag_risk_snapshot risk = {{0}, c->global_bp};
        struct ag_asset_context context = {&risk, c->is_sealed, c->is_appraised};
        struct ag_fault fault = {0};
        asset.policy.requires_pqc = c->requires_pqc;
        asset.policy.requires_tee = c->requires_tee;
        asset.policy.risk_threshold_bp = c->threshold_bp;
        CHECK_OK(ag_asset_table_put(table, &asset, NULL));
        head.sender.kind = c->sender_kind;
        head.operation_size = (uint8_t)strlen(c->operation);
        memcpy(head.operation, c->operation, strlen(c->operation));
        head.assets[0] = (struct ag_id){{3}}; /* nobody registered it: no policy */
        head.assets[1] = asset.id;
        enum ag_err err = ag_asset_check(table, &head, &context, &fault);
        if (err != (c->field == NULL ? AG_OK : AG_ERR_POLICY_ASSET)) {
            ag_test_note("%s", c->name);
        }
        CHECK_ERR(err, c->field == NULL ? AG_OK : AG_ERR_POLICY_ASSET);
        CHECK(c->field == NULL || (fault.field != NULL && strcmp(fault.field, c->field) == 0));
        CHECK_OK(ag_asset_check(NULL, &head, &context, NULL));
        head.asset_count = 1;
        CHECK_OK(ag_asset_check(table, &head, &context, NULL));
    }
    ag_asset_table_close(table);
}

static void policy_names_threshold_and_risk(void)
{
    struct ag_asset_table *table = NULL;
    struct ag_asset asset = asset_of(9);
    struct ag_head head = {.asset_count = 1, .declared_risk_bp = 7000};
    struct ag_risk_snapshot risk = {{0}, 100};
    struct ag_asset_context context = {&risk, true, true};
    struct ag_fault fault = {0};
    asset.policy.risk_threshold_bp = 6000;
    CHECK_OK(ag_asset_table_open(1, &table));
    CHECK_OK(ag_asset_table_put(table, &asset, NULL));
    head.sender.kind = AG_SENDER_SECP256K1;
    head.operation_size = 4;
    memcpy(head.operation, "burn", 4);
    head.assets[0] = asset.id;
    CHECK_ERR(ag_asset_check(table, &head, &context, &fault), AG_ERR_POLICY_ASSET);
    CHECK(fault.has_limit);
    CHECK_U64(fault.limit, 6000);
    CHECK_U64(fault.got, 7000);
    ag_asset_table_close(table);
}

/* Every allocation fails once: nothing leaks, and the table is as before. */
static void allocations_fail(void)
{
    struct ag_asset_table *table = NULL;
    for (uint64_t nth = 1; nth <= 4; nth++) {
        ag_alloc_fail_nth(nth);
        CHECK_ERR(ag_asset_table_open(8, &table), AG_ERR_NO_MEMORY);
        CHECK(table == NULL);
    }
    ag_alloc_fail_nth(0);
    CHECK_OK(ag_asset_table_open(8, &table));
    struct ag_asset asset = asset_of(1);
    struct ag_id root;
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_asset_table_put(table, &asset, NULL), AG_ERR_NO_MEMORY);
    CHECK_U64(ag_asset_table_count(table), 0);
    CHECK_OK(ag_asset_table_put(table, &asset, NULL));
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_asset_table_root(table, &root), AG_ERR_NO_MEMORY);
    ag_alloc_fail_nth(0);
    ag_asset_table_close(table);
}

static const struct ag_test_case cases[] = {
    {"type names", type_names},
    {"refuses what is not well formed", refuses_what_is_not_well_formed},
    {"encoding", encoding},
    {"table keeps order and bound", table_keeps_order_and_bound},
    {"a NULL table is empty", null_table_is_empty},
    {"root is canonical", root_is_canonical},
    {"policies", policies},
    {"policy names threshold and risk", policy_names_threshold_and_risk},
    {"allocations fail", allocations_fail},
};

int main(int argc, char **argv)
{
    if (ag_crypto_start() != AG_OK) { /* leaves of the asset tree are hashes */
        return 1;
    }
    return ag_test_main(argc, argv, cases, AG_COUNT(cases));
}
