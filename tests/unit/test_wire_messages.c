/* SPDX-License-Identifier: Apache-2.0 */
#include "test_wire_samples.h"

/* Every message: what its decoder refuses, and that the refusal names the field and the limit; then
 * what its encoder refuses. */

static void start(void)
{
    CHECK_OK(ag_crypto_start());
    sample_fresh();
}

static const struct wire_message *find(const char *name)
{
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        if (strcmp(wire_messages[i].name, name) == 0) {
            return &wire_messages[i];
        }
    }
    ag_assert_failed(name, __FILE__, __LINE__);
}

static enum ag_err again(const struct wire_message *message, struct ag_bytes in,
                         struct ag_fault *fault)
{
    struct ag_vec out AG_SCOPED(ag_vec_close);
    ag_vec_init(&out, SAMPLE_VEC_SIZE);
    *fault = (struct ag_fault){0};
    enum ag_err err = message->again(in, &out, fault);
    if (err == AG_OK) {
        CHECK_BYTES(ag_vec_view(&out), in);
    } else {
        CHECK(fault->err == err && fault->field != NULL);
    }
    return err;
}

/* ---- every message in the same ways ---------------------------------------------------------- */

static void truncations_are_refused(void)
{
    start();
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        struct ag_vec vec;
        struct ag_fault fault;
        ag_vec_init(&vec, SAMPLE_VEC_SIZE);
        CHECK_OK(wire_messages[i].make(&vec));
        CHECK_OK(again(&wire_messages[i], ag_vec_view(&vec), &fault));
        bool is_good = true;
        for (size_t size = 0; size < vec.size; size++) {
            /* A padded text that loses padding is not of its class any more. */
            enum ag_err err = again(&wire_messages[i], ag_bytes_of(vec.data, size), &fault);
            is_good = is_good && (err == AG_ERR_WIRE_SHORT || err == AG_ERR_WIRE_PADDING);
        }
        CHECK(is_good);
        ag_vec_close(&vec);
    }
}

static void trailing_bytes_are_refused(void)
{
    start();
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        for (uint8_t extra = 0; extra < 2; extra++) {
            struct ag_vec vec;
            struct ag_fault fault;
            ag_vec_init(&vec, SAMPLE_VEC_SIZE);
            CHECK_OK(wire_messages[i].make(&vec));
            CHECK_OK(ag_vec_append(&vec, ag_bytes_of(&extra, 1)));
            enum ag_err err = again(&wire_messages[i], ag_vec_view(&vec), &fault);
            CHECK(err == AG_ERR_WIRE_TRAILING || err == AG_ERR_WIRE_PADDING);
            ag_vec_close(&vec);
        }
    }
}

static void other_magics_and_versions_are_refused(void)
{
    start();
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        const struct wire_message *message = &wire_messages[i];
        size_t magic_size = message->magic == NULL ? 0 : 4;
        struct ag_vec vec;
        struct ag_fault fault;
        ag_vec_init(&vec, SAMPLE_VEC_SIZE);
        CHECK_OK(message->make(&vec));
        CHECK(magic_size == 0 || memcmp(vec.data, message->magic, 4) == 0);
        for (size_t at = 0; at < magic_size + 2; at++) {
            vec.data[at] ^= 0x40;
            CHECK_ERR(again(message, ag_vec_view(&vec), &fault), AG_ERR_WIRE_VERSION);
            CHECK(strcmp(fault.field, at < magic_size ? "magic" : message->version_field) == 0);
            vec.data[at] ^= 0x40;
        }
        ag_vec_close(&vec);
    }
}

/* A message under the magic of another is refused before anything else is read. */
static void messages_are_not_taken_for_each_other(void)
{
    start();
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        struct ag_vec vec;
        struct ag_fault fault;
        ag_vec_init(&vec, SAMPLE_VEC_SIZE);
        CHECK_OK(wire_messages[i].make(&vec));
        for (size_t k = 0; k < AG_COUNT(wire_messages); k++) {
            if (k != i && wire_messages[k].magic != NULL) {
                CHECK_ERR(again(&wire_messages[k], ag_vec_view(&vec), &fault), AG_ERR_WIRE_VERSION);
            }
        }
        ag_vec_close(&vec);
    }
}

/* ---- fields: one wrong value each ------------------------------------------------------------ */

/* Overwrites `size` bytes with a big-endian value; a negative place counts from the end. */
struct patch {
    long at;
    unsigned size;
    uint64_t value;
};

static void apply(struct ag_vec *vec, const struct patch *patch)
{
    size_t at = patch->at < 0 ? vec->size - (size_t)-patch->at : (size_t)patch->at;
    AG_ASSERT(at + patch->size <= vec->size);
    for (unsigned i = 0; i < patch->size; i++) {
        vec->data[at + i] = (uint8_t)(patch->value >> (8 * (patch->size - 1 - i)));
    }
}

#define NO_LIMIT UINT64_MAX
static const struct {
    const char *message;
    struct patch patches[2];
    enum ag_err err;
    const char *field;
    uint64_t limit;
} bad_fields[] = {
    {"bundle", {{126, 1, 0}}, AG_ERR_WIRE_LIMIT, "kem count", 4},
    {"bundle", {{126, 1, 5}}, AG_ERR_WIRE_LIMIT, "kem count", 4},
    {"bundle", {{127, 2, 0x0041}}, AG_ERR_SUITE, "kem", NO_LIMIT},
    {"bundle", {{-33, 1, 4}}, AG_ERR_WIRE_VALUE, "posting_key", NO_LIMIT},
    {"bundle", {{-33, 1, 0}}, AG_ERR_WIRE_VALUE, "posting_key", NO_LIMIT},

    {"head", {{18, 1, 0}}, AG_ERR_WIRE_VALUE, "sender.kind", 2},
    {"head", {{18, 1, 3}}, AG_ERR_WIRE_VALUE, "sender.kind", 2},
    {"head", {{18, 1, 1}, {39, 1, 1}}, AG_ERR_WIRE_VALUE, "sender.id", NO_LIMIT},
    {"head", {{18, 1, 1}, {43, 8, 1}}, AG_ERR_WIRE_VALUE, "sender.id", NO_LIMIT},
    {"head", {{83, 1, 2}}, AG_ERR_WIRE_VALUE, "requires_migration", 1},
    {"head", {{84, 2, 10001}}, AG_ERR_WIRE_VALUE, "declared_risk_bp", 10000},
    {"head", {{86, 1, 0}}, AG_ERR_WIRE_VALUE, "payload_kind", 5},
    {"head", {{86, 1, 6}}, AG_ERR_WIRE_VALUE, "payload_kind", 5},
    {"head", {{119, 1, 33}}, AG_ERR_WIRE_LIMIT, "operation", 32},

    {"body", {{34, 1, 0}}, AG_ERR_WIRE_VALUE, "payload_kind", 5},
    {"body", {{34, 1, 6}}, AG_ERR_WIRE_VALUE, "payload_kind", 5},
    {"body", {{35, 4, 131001}}, AG_ERR_WIRE_LIMIT, "payload", 131000},
    {"body", {{35, 4, 0xffffffff}}, AG_ERR_WIRE_LIMIT, "payload", 131000},

    {"envelope", {{6, 2, 0x0040}}, AG_ERR_SUITE, "suite", NO_LIMIT},
    {"envelope", {{8, 2, 1}}, AG_ERR_SUITE, "suite", NO_LIMIT},
    {"envelope", {{10, 2, 1}}, AG_ERR_SUITE, "suite", NO_LIMIT},
    {"envelope", {{28, 1, 2}}, AG_ERR_WIRE_VALUE, "head class", 1},
    {"envelope", {{29, 1, 5}}, AG_ERR_WIRE_VALUE, "body class", 4},
    {"envelope", {{29, 1, 4}}, AG_ERR_WIRE_SHORT, "sealed_body", 131088},

    {"admission group", {{70, 8, 0}}, AG_ERR_WIRE_VALUE, "group.number", NO_LIMIT},
    {"admission group", {{142, 4, 0}}, AG_ERR_WIRE_LIMIT, "group.count", 1024},
    {"admission group", {{142, 4, 1025}}, AG_ERR_WIRE_LIMIT, "group.count", 1024},
    {"admission group",
     {{134, 8, UINT64_MAX}},
     AG_ERR_WIRE_VALUE,
     "group.first_admission",
     NO_LIMIT},

    {"admission receipt", {{184, 8, UINT64_MAX}}, AG_ERR_WIRE_VALUE, "leaf.admission", NO_LIMIT},
    {"admission receipt", {{232, 8, 1001}}, AG_ERR_WIRE_VALUE, "proof.index", NO_LIMIT},
    {"admission receipt", {{240, 8, 999}}, AG_ERR_WIRE_VALUE, "proof.size", 1000},
    {"admission receipt", {{248, 1, 65}}, AG_ERR_WIRE_LIMIT, "proof.count", 64},
    {"admission receipt", {{6, 4, 0}}, AG_ERR_WIRE_VERSION, "magic", NO_LIMIT},

    {"outcome", {{74, 1, 0}}, AG_ERR_WIRE_VALUE, "outcome.status", 2},
    {"outcome", {{74, 1, 3}}, AG_ERR_WIRE_VALUE, "outcome.status", 2},
    {"outcome", {{74, 1, 1}, {75, 4, 1}}, AG_ERR_WIRE_VALUE, "outcome.reason", NO_LIMIT},
    {"outcome", {{74, 1, 2}, {75, 4, 0}}, AG_ERR_WIRE_VALUE, "outcome.reason", NO_LIMIT},
    {"outcome",
     {{74, 5, 0x0100000000}, {79, 4, 0xffffffff}},
     AG_ERR_WIRE_VALUE,
     "outcome.tx_index",
     NO_LIMIT},
    {"outcome",
     {{74, 5, 0x0200000706}, {79, 4, 1}},
     AG_ERR_WIRE_VALUE,
     "outcome.tx_index",
     NO_LIMIT},
    {"outcome",
     {{74, 5, 0x0200000706}, {79, 5, 0xffffffff01}},
     AG_ERR_WIRE_VALUE,
     "outcome.tx_hash",
     NO_LIMIT},

    {"outcome receipt", {{6, 2, 2}}, AG_ERR_WIRE_VERSION, "outcome version", 1},
    {"outcome receipt", {{8, 8, UINT64_MAX}}, AG_ERR_WIRE_VALUE, "outcome.admission", NO_LIMIT},
    {"outcome receipt",
     {{80, 5, 0x0100000000}, {85, 4, 5000}},
     AG_ERR_WIRE_VALUE,
     "outcome.tx_index",
     5000},
    {"outcome receipt", {{121, 8, UINT64_MAX}}, AG_ERR_WIRE_VALUE, "proof.index", NO_LIMIT},
    {"outcome receipt", {{129, 8, 1}}, AG_ERR_WIRE_VALUE, "proof.size", NO_LIMIT},
    {"outcome receipt", {{137, 1, 65}}, AG_ERR_WIRE_LIMIT, "proof.count", 64},
    {"outcome receipt", {{-34828, 4, 0}}, AG_ERR_WIRE_VERSION, "magic", NO_LIMIT},

    {"batch header", {{14, 8, 0}}, AG_ERR_WIRE_VALUE, "number", NO_LIMIT},
    {"batch header", {{134, 1, 0}}, AG_ERR_WIRE_VALUE, "order_mode", 4},
    {"batch header", {{134, 1, 5}}, AG_ERR_WIRE_VALUE, "order_mode", 4},
    {"batch header", {{135, 8, UINT64_MAX}}, AG_ERR_WIRE_VALUE, "first_admission", NO_LIMIT},
    {"batch header", {{143, 4, 10001}}, AG_ERR_WIRE_LIMIT, "admission_count", 10000},
    {"batch header", {{203, 4, 10001}}, AG_ERR_WIRE_VALUE, "tx_count", NO_LIMIT},
    {"batch header", {{335, 2, 10001}}, AG_ERR_WIRE_VALUE, "risk.category_bp", 10000},
    {"batch header", {{357, 2, 10001}}, AG_ERR_WIRE_VALUE, "risk.category_bp", 10000},
    {"batch header", {{359, 2, 10001}}, AG_ERR_WIRE_VALUE, "risk.global_bp", 10000},

    {"evidence", {{6, 1, 0}}, AG_ERR_WIRE_VALUE, "evidence.kind", 7},
    {"evidence", {{6, 1, 8}}, AG_ERR_WIRE_VALUE, "evidence.kind", 7},
    {"evidence", {{7, 4, 65537}}, AG_ERR_WIRE_LIMIT, "evidence.quote", 65536},
    {"collateral", {{6, 4, 262145}}, AG_ERR_WIRE_LIMIT, "tcb_info", 262144},
    {"batch file", {{6 + 409 + 4627 + 29792, 4, 16385}}, AG_ERR_WIRE_LIMIT, "bundle", 16384},

    {"spool group", {{6, 4, 0}}, AG_ERR_WIRE_VERSION, "magic", NO_LIMIT},
    {"spool group", {{148, 4, 2}}, AG_ERR_WIRE_TRAILING, "spool.entries", NO_LIMIT},
    {"spool group", {{148, 4, 4}}, AG_ERR_WIRE_SHORT, "spool.deadline_ms", 8},
    {"spool group", {{4819, 4, 0}}, AG_ERR_WIRE_VALUE, "spool.envelope", NO_LIMIT},
    {"spool group", {{4819, 4, 141001}}, AG_ERR_WIRE_LIMIT, "spool.envelope", 141000},

    {"meta", {{6, 2, 0}}, AG_ERR_WIRE_VALUE, "meta.store_format", NO_LIMIT},
    {"meta", {{-24, 8, UINT64_MAX}}, AG_ERR_WIRE_VALUE, "meta.first_unbatched", NO_LIMIT},
    {"outbox entry", {{6, 8, 0}}, AG_ERR_WIRE_VALUE, "outbox.batch_number", NO_LIMIT},
    {"batch index", {{6, 4, 0}}, AG_ERR_WIRE_VERSION, "magic", NO_LIMIT},
    {"batch index", {{140, 1, 9}}, AG_ERR_WIRE_VALUE, "order_mode", 4},
    {"receipt index", {{14, 8, 0}}, AG_ERR_WIRE_VALUE, "index.group_number", NO_LIMIT},
    {"receipt index", {{22, 4, 1024}}, AG_ERR_WIRE_LIMIT, "index.leaf_index", 1023},
    {"receipt index", {{34, 4, 10000}}, AG_ERR_WIRE_LIMIT, "index.entry_index", 9999},
    {"receipt index", {{26, 8, 0}, {34, 4, 1}}, AG_ERR_WIRE_VALUE, "index.entry_index", NO_LIMIT},
};

static void wrong_fields_are_refused(void)
{
    start();
    for (size_t i = 0; i < AG_COUNT(bad_fields); i++) {
        const struct wire_message *message = find(bad_fields[i].message);
        struct ag_vec vec;
        struct ag_fault fault;
        ag_vec_init(&vec, SAMPLE_VEC_SIZE);
        CHECK_OK(message->make(&vec));
        for (size_t k = 0; k < 2 && bad_fields[i].patches[k].size != 0; k++) {
            apply(&vec, &bad_fields[i].patches[k]);
        }
        enum ag_err err = again(message, ag_vec_view(&vec), &fault);
        bool is_same = err == bad_fields[i].err && fault.field != NULL &&
                       strcmp(fault.field, bad_fields[i].field) == 0 &&
                       (bad_fields[i].limit == NO_LIMIT ||
                        (fault.has_limit && fault.limit == bad_fields[i].limit));
        CHECK(is_same);
        if (!is_same) {
            ag_test_note("row %zu (%s, %s): %s %s, limit %llu", i, bad_fields[i].message,
                         bad_fields[i].field, ag_err_name(err), fault.field,
                         (unsigned long long)fault.limit);
        }
        ag_vec_close(&vec);
    }
}

/* ---- order, repeats, padding ----------------------------------------------------------------- */

static struct ag_vec encode_head(const struct ag_head *head)
{
    struct ag_vec vec;
    ag_vec_init(&vec, 1024);
    CHECK_OK(ag_head_encode(head, &vec));
    return vec;
}

static void head_assets_are_strictly_ascending(void)
{
    start();
    struct ag_fault fault;
    struct ag_head head = sample_head();
    head.operation_size = 0;
    head.asset_count = 3;
    for (uint8_t i = 0; i < 3; i++) {
        head.assets[i] = (struct ag_id){{(uint8_t)(i + 1)}};
    }
    struct ag_vec vec = encode_head(&head);
    vec.data[121 + 32] = 1; /* the first again */
    CHECK_ERR(again(find("head"), ag_vec_view(&vec), &fault), AG_ERR_WIRE_ORDER);
    CHECK(strcmp(fault.field, "assets") == 0);
    vec.data[121 + 32] = 4; /* after the third */
    CHECK_ERR(again(find("head"), ag_vec_view(&vec), &fault), AG_ERR_WIRE_ORDER);
    vec.data[120] = 17;
    CHECK_ERR(again(find("head"), ag_vec_view(&vec), &fault), AG_ERR_WIRE_LIMIT);
    CHECK_U64(fault.limit, 16);
    ag_vec_close(&vec);

    head.assets[1] = head.assets[0];
    ag_vec_init(&vec, 1024);
    CHECK_ERR(ag_head_encode(&head, &vec), AG_ERR_WIRE_ORDER);
    head.asset_count = 17;
    CHECK_ERR(ag_head_encode(&head, &vec), AG_ERR_WIRE_LIMIT);
    CHECK_U64(vec.size, 0);
    ag_vec_close(&vec);
}

static void head_operations_are_identifiers(void)
{
    static const char *const bad[] = {"A", "a b", "a-b", "\x7f", "a\n", "\xc3\xa9"};
    start();
    struct ag_vec vec;
    struct ag_head long_one = sample_head();
    ag_vec_init(&vec, 1024);
    long_one.operation_size = AG_OPERATION_SIZE_MAX + 1;
    CHECK_ERR(ag_head_encode(&long_one, &vec), AG_ERR_WIRE_LIMIT);
    for (size_t i = 0; i < AG_COUNT(bad); i++) {
        struct ag_head head = sample_head();
        head.operation_size = (uint8_t)strlen(bad[i]);
        memcpy(head.operation, bad[i], strlen(bad[i]));
        CHECK_ERR(ag_head_encode(&head, &vec), AG_ERR_WIRE_VALUE);
    }
    struct ag_head head = sample_head();
    head.operation_size = 1;
    head.operation[0] = 'a';
    CHECK_OK(ag_head_encode(&head, &vec));
    vec.data[120] = 'A';
    struct ag_fault fault;
    CHECK_ERR(again(find("head"), ag_vec_view(&vec), &fault), AG_ERR_WIRE_VALUE);
    CHECK(strcmp(fault.field, "operation") == 0);
    ag_vec_close(&vec);
}

static void bundle_keys_are_strictly_ascending(void)
{
    start();
    struct ag_fault fault;
    struct ag_bundle bundle = sample_bundle();
    struct ag_bytes small = sample_bytes(ag_kem_public_size(AG_KEM_MLKEM1024));
    struct ag_vec vec;
    ag_vec_init(&vec, 65536);
    bundle.kem_count = 2;
    bundle.kems[0] = (struct ag_bundle_kem){AG_KEM_MLKEM1024, small};
    bundle.kems[1] = bundle.kems[0];
    CHECK_ERR(ag_bundle_encode(&bundle, &vec), AG_ERR_WIRE_ORDER);
    bundle.kems[1] = (struct ag_bundle_kem){
        AG_KEM_MLKEM1024_P384, sample_bytes(ag_kem_public_size(AG_KEM_MLKEM1024_P384))};
    CHECK_OK(ag_bundle_encode(&bundle, &vec));
    CHECK(ag_bundle_find_kem(&bundle, AG_KEM_MLKEM1024_P384) == &bundle.kems[1]);
    CHECK(ag_bundle_find_kem(&bundle, 0x0040) == NULL);
    ag_vec_close(&vec);

    /* The same key twice, written by hand: the count at 126, the first key at 127. */
    struct ag_vec one;
    struct ag_vec two;
    ag_vec_init(&one, 65536);
    ag_vec_init(&two, 65536);
    bundle.kem_count = 1;
    CHECK_OK(ag_bundle_encode(&bundle, &one));
    struct ag_bytes whole = ag_vec_view(&one);
    struct ag_bytes entry = ag_bytes_head(ag_bytes_tail(whole, 127), 2 + small.size);
    CHECK_OK(ag_vec_append(&two, ag_bytes_head(whole, 127)));
    CHECK_OK(ag_vec_append(&two, entry));
    CHECK_OK(ag_vec_append(&two, ag_bytes_tail(whole, 127)));
    two.data[126] = 2;
    CHECK_ERR(again(find("bundle"), ag_vec_view(&two), &fault), AG_ERR_WIRE_ORDER);
    CHECK(strcmp(fault.field, "kem") == 0);
    ag_vec_close(&one);
    ag_vec_close(&two);
}

static void padding_is_zero_and_of_the_smallest_class(void)
{
    static uint8_t text[2048];
    start();
    struct ag_fault fault;
    struct ag_head head = sample_head();
    head.operation_size = 0;
    head.asset_count = 0;
    struct ag_vec vec = encode_head(&head);
    size_t used = vec.size;
    memcpy(text, vec.data, used);
    ag_vec_close(&vec);
    CHECK_OK(again(find("padded head"), ag_bytes_of(text, 256), &fault));
    CHECK_ERR(again(find("padded head"), ag_bytes_of(text, 768), &fault), AG_ERR_WIRE_PADDING);
    CHECK(strcmp(fault.field, "head class") == 0);
    CHECK_U64(fault.limit, 256);
    CHECK_ERR(again(find("padded head"), ag_bytes_of(text, 257), &fault), AG_ERR_WIRE_PADDING);
    CHECK_ERR(again(find("padded head"), ag_bytes_of(text, used), &fault), AG_ERR_WIRE_PADDING);
    text[255] = 1;
    CHECK_ERR(again(find("padded head"), ag_bytes_of(text, 256), &fault), AG_ERR_WIRE_PADDING);
    CHECK(strcmp(fault.field, "head padding") == 0);

    struct ag_body body = sample_body(10);
    body.auth_scheme = AG_AUTH_PAYLOAD;
    body.payload_kind = AG_PAYLOAD_ETHEREUM;
    body.auth = (struct ag_bytes){NULL, 0};
    ag_vec_init(&vec, 4096);
    CHECK_OK(ag_body_encode(&body, &vec));
    CHECK_U64(vec.size, 512);
    memset(text, 0, sizeof(text));
    memcpy(text, vec.data, vec.size);
    ag_vec_close(&vec);
    CHECK_OK(again(find("body"), ag_bytes_of(text, 512), &fault));
    CHECK_ERR(again(find("body"), ag_bytes_of(text, 2048), &fault), AG_ERR_WIRE_PADDING);
    CHECK(strcmp(fault.field, "body class") == 0);
    text[511] = 1;
    CHECK_ERR(again(find("body"), ag_bytes_of(text, 512), &fault), AG_ERR_WIRE_PADDING);
    CHECK(strcmp(fault.field, "body padding") == 0);
}

/* ---- what only some messages have ------------------------------------------------------------ */

static void bodies_fill_their_classes(void)
{
    /* The fixed fields take 42 bytes. */
    static const struct {
        size_t payload;
        size_t size;
    } rows[] = {{0, 512},     {470, 512},    {471, 2048},    {2006, 2048},    {2007, 8192},
                {8150, 8192}, {8151, 32768}, {32726, 32768}, {32727, 131072}, {131000, 131072}};
    start();
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_fault fault;
        struct ag_vec vec;
        struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM,
                               .payload = sample_bytes(rows[i].payload)};
        ag_vec_init(&vec, 200000);
        CHECK_OK(ag_body_encode(&body, &vec));
        CHECK_U64(vec.size, rows[i].size);
        CHECK_OK(again(find("body"), ag_vec_view(&vec), &fault));
        ag_vec_close(&vec);
    }
    struct ag_vec vec;
    ag_vec_init(&vec, 200000);
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM, .payload = sample_bytes(131001)};
    CHECK_ERR(ag_body_encode(&body, &vec), AG_ERR_WIRE_LIMIT);
    /* The largest payload leaves no room for a post-quantum authorisation. */
    body = (struct ag_body){.payload_kind = AG_PAYLOAD_ETHEREUM,
                            .payload = sample_bytes(131000),
                            .auth_scheme = AG_AUTH_MLDSA87,
                            .auth = sample_bytes(2592 + 4627)};
    CHECK_ERR(ag_body_encode(&body, &vec), AG_ERR_WIRE_LIMIT);
    CHECK_U64(vec.size, 0);
    ag_vec_close(&vec);
}

static void body_authorisations_fit_their_scheme(void)
{
    static const struct {
        uint8_t kind;
        uint8_t scheme;
        size_t auth;
        enum ag_err err;
    } rows[] = {
        {AG_PAYLOAD_ETHEREUM, AG_AUTH_PAYLOAD, 0, AG_OK},
        {AG_PAYLOAD_ETHEREUM, AG_AUTH_PAYLOAD, 1, AG_ERR_WIRE_VALUE},
        {AG_PAYLOAD_CALL, AG_AUTH_PAYLOAD, 0, AG_ERR_WIRE_VALUE},
        {AG_PAYLOAD_CALL, AG_AUTH_SECP256K1, 65, AG_OK},
        {AG_PAYLOAD_CALL, AG_AUTH_SECP256K1, 64, AG_ERR_WIRE_VALUE},
        {AG_PAYLOAD_CALL, AG_AUTH_SECP256K1, 0, AG_ERR_WIRE_VALUE},
        {AG_PAYLOAD_ASSET, AG_AUTH_MLDSA87, 7219, AG_OK},
        {AG_PAYLOAD_ASSET, AG_AUTH_MLDSA87, 4627, AG_ERR_WIRE_VALUE},
        {AG_PAYLOAD_ASSET, 3, 65, AG_ERR_WIRE_VALUE},
        {0, AG_AUTH_SECP256K1, 65, AG_ERR_WIRE_VALUE},
        {6, AG_AUTH_SECP256K1, 65, AG_ERR_WIRE_VALUE},
    };
    start();
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_vec vec;
        struct ag_body body = {.payload_kind = rows[i].kind,
                               .payload = sample_bytes(7),
                               .auth_scheme = rows[i].scheme,
                               .auth = sample_bytes(rows[i].auth)};
        ag_vec_init(&vec, 20000);
        CHECK_ERR(ag_body_encode(&body, &vec), rows[i].err);
        ag_vec_close(&vec);
    }
    /* The decoder sees it too: a scheme that does not fit what follows it. */
    struct ag_vec vec;
    struct ag_fault fault;
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM, .payload = sample_bytes(7)};
    ag_vec_init(&vec, 20000);
    CHECK_OK(ag_body_encode(&body, &vec));
    vec.data[39 + 7] = AG_AUTH_SECP256K1;
    CHECK_ERR(again(find("body"), ag_vec_view(&vec), &fault), AG_ERR_WIRE_VALUE);
    CHECK(strcmp(fault.field, "auth") == 0);
    CHECK_U64(fault.limit, 65);
    vec.data[39 + 7] = 3;
    CHECK_ERR(again(find("body"), ag_vec_view(&vec), &fault), AG_ERR_WIRE_VALUE);
    CHECK(strcmp(fault.field, "auth_scheme") == 0);
    ag_vec_close(&vec);
}

static void batch_entries_carry_a_payload_when_included(void)
{
    start();
    struct ag_vec vec;
    ag_vec_init(&vec, 4096);
    struct ag_batch_entry entry = {.outcome = sample_outcome(true), .head = sample_bytes(153)};
    CHECK_ERR(ag_batch_entry_encode(&entry, &vec), AG_ERR_WIRE_VALUE);
    entry.payload = sample_bytes(5);
    CHECK_OK(ag_batch_entry_encode(&entry, &vec));
    size_t size = vec.size;
    entry.outcome = sample_outcome(false);
    CHECK_ERR(ag_batch_entry_encode(&entry, &vec), AG_ERR_WIRE_VALUE);
    entry.outcome.status = 9;
    CHECK_ERR(ag_batch_entry_encode(&entry, &vec), AG_ERR_WIRE_VALUE);
    entry = (struct ag_batch_entry){.outcome = sample_outcome(false)};
    CHECK_ERR(ag_batch_entry_encode(&entry, &vec), AG_ERR_WIRE_LIMIT);
    entry.head = sample_bytes(698);
    CHECK_ERR(ag_batch_entry_encode(&entry, &vec), AG_ERR_WIRE_LIMIT);
    entry = (struct ag_batch_entry){sample_outcome(true), sample_bytes(153), sample_bytes(131001)};
    CHECK_ERR(ag_batch_entry_encode(&entry, &vec), AG_ERR_WIRE_LIMIT);
    CHECK_U64(vec.size, size);

    /* The count of a file and its entries must agree, both ways. */
    struct ag_vec file_encoding;
    ag_vec_init(&file_encoding, 65536);
    struct ag_batch_file file = {.header = sample_bytes(409),
                                 .mldsa87 = sample_bytes(4627),
                                 .slhdsa = sample_bytes(29792),
                                 .entry_count = 2,
                                 .entries = ag_vec_view(&vec)};
    CHECK_ERR(ag_batch_file_encode(&file, &file_encoding), AG_ERR_WIRE_SHORT);
    file.entry_count = 0;
    CHECK_ERR(ag_batch_file_encode(&file, &file_encoding), AG_ERR_WIRE_TRAILING);
    file.entry_count = AG_LIMIT_BATCH_TXS + 1;
    CHECK_ERR(ag_batch_file_encode(&file, &file_encoding), AG_ERR_WIRE_LIMIT);
    file.entry_count = 1;
    file.slhdsa = sample_bytes(29791);
    CHECK_ERR(ag_batch_file_encode(&file, &file_encoding), AG_ERR_WIRE_VALUE);
    file.slhdsa = sample_bytes(29792);
    file.mldsa87 = sample_bytes(4628);
    CHECK_ERR(ag_batch_file_encode(&file, &file_encoding), AG_ERR_WIRE_VALUE);
    file.mldsa87 = sample_bytes(4627);
    file.header = sample_bytes(410);
    CHECK_ERR(ag_batch_file_encode(&file, &file_encoding), AG_ERR_WIRE_VALUE);
    file.header = sample_bytes(409);
    file.bundle = sample_bytes(16385);
    CHECK_ERR(ag_batch_file_encode(&file, &file_encoding), AG_ERR_WIRE_LIMIT);
    CHECK_U64(file_encoding.size, 0);
    file.bundle = sample_bytes(0);
    CHECK_OK(ag_batch_file_encode(&file, &file_encoding));
    ag_vec_close(&file_encoding);
    ag_vec_close(&vec);
}

static void encoders_refuse_what_decoders_refuse(void)
{
    start();
    struct ag_vec vec;
    ag_vec_init(&vec, 100000);

    struct ag_bundle bundle = sample_bundle();
    bundle.kems[0].public_key.size--;
    CHECK_ERR(ag_bundle_encode(&bundle, &vec), AG_ERR_WIRE_VALUE);
    bundle = sample_bundle();
    bundle.kems[0].kem = 0x0040;
    CHECK_ERR(ag_bundle_encode(&bundle, &vec), AG_ERR_SUITE);
    bundle = sample_bundle();
    bundle.kem_count = 5;
    CHECK_ERR(ag_bundle_encode(&bundle, &vec), AG_ERR_WIRE_LIMIT);
    bundle = sample_bundle();
    bundle.mldsa87.size = 0;
    CHECK_ERR(ag_bundle_encode(&bundle, &vec), AG_ERR_WIRE_VALUE);
    bundle = sample_bundle();
    bundle.slhdsa.size = 63;
    CHECK_ERR(ag_bundle_encode(&bundle, &vec), AG_ERR_WIRE_VALUE);

    struct ag_envelope envelope = sample_envelope();
    envelope.enc.size--;
    CHECK_ERR(ag_envelope_encode(&envelope, &vec), AG_ERR_WIRE_VALUE);
    envelope = sample_envelope();
    envelope.sealed_head.size--;
    CHECK_ERR(ag_envelope_encode(&envelope, &vec), AG_ERR_WIRE_VALUE);
    envelope = sample_envelope();
    envelope.sealed_body.size++;
    CHECK_ERR(ag_envelope_encode(&envelope, &vec), AG_ERR_WIRE_VALUE);
    envelope = sample_envelope();
    envelope.kdf = 1;
    CHECK_ERR(ag_envelope_encode(&envelope, &vec), AG_ERR_SUITE);

    struct ag_group group = sample_group(1025);
    CHECK_ERR(ag_group_encode(&group, &vec), AG_ERR_WIRE_LIMIT);
    group = sample_group(1);
    group.number = 0;
    CHECK_ERR(ag_group_encode(&group, &vec), AG_ERR_WIRE_VALUE);

    struct ag_batch_header header = sample_batch_header();
    header.risk.category_bp[11] = 10001;
    CHECK_ERR(ag_batch_header_encode(&header, &vec), AG_ERR_WIRE_VALUE);
    header = sample_batch_header();
    header.tx_count = header.admission_count + 1;
    CHECK_ERR(ag_batch_header_encode(&header, &vec), AG_ERR_WIRE_VALUE);

    struct ag_evidence evidence = {AG_TEE_TDX, {NULL, 0}};
    CHECK_ERR(ag_evidence_encode(&evidence, &vec), AG_ERR_WIRE_VALUE);
    evidence = (struct ag_evidence){AG_TEE_TDX, sample_bytes(65537)};
    CHECK_ERR(ag_evidence_encode(&evidence, &vec), AG_ERR_WIRE_LIMIT);
    evidence = (struct ag_evidence){8, sample_bytes(5)};
    CHECK_ERR(ag_evidence_encode(&evidence, &vec), AG_ERR_WIRE_VALUE);
    struct ag_collateral collateral = {.pck_crl_chain = {sample_pool, 262145}};
    CHECK_ERR(ag_collateral_encode(&collateral, &vec), AG_ERR_WIRE_LIMIT);
    CHECK_U64(vec.size, 0);
    ag_vec_close(&vec);
}

static void records_refuse_what_contradicts(void)
{
    start();
    struct ag_vec vec;
    struct ag_vec group_encoding;
    struct ag_vec header_encoding;
    ag_vec_init(&vec, 300000);
    ag_vec_init(&group_encoding, 1000);
    ag_vec_init(&header_encoding, 1000);
    struct ag_group group = sample_group(2);
    struct ag_batch_header header = sample_batch_header();
    CHECK_OK(ag_group_encode(&group, &group_encoding));
    CHECK_OK(ag_batch_header_encode(&header, &header_encoding));

    struct ag_spool_entry entries[2] = {{1, sample_bytes(9)}, {2, sample_bytes(9)}};
    struct ag_spool_group spool = {ag_vec_view(&group_encoding), sample_bytes(4627), 1, {NULL, 0}};
    CHECK_ERR(ag_spool_group_encode(&spool, entries, &vec), AG_ERR_WIRE_VALUE);
    spool.count = 2;
    spool.signature.size = 4626;
    CHECK_ERR(ag_spool_group_encode(&spool, entries, &vec), AG_ERR_WIRE_VALUE);
    spool.signature.size = 4627;
    entries[1].envelope.size = 0;
    CHECK_ERR(ag_spool_group_encode(&spool, entries, &vec), AG_ERR_WIRE_VALUE);
    entries[1].envelope = sample_bytes(141001);
    CHECK_ERR(ag_spool_group_encode(&spool, entries, &vec), AG_ERR_WIRE_LIMIT);
    spool.group.size--;
    CHECK_ERR(ag_spool_group_encode(&spool, entries, &vec), AG_ERR_WIRE_SHORT);

    struct ag_batch_index index = {ag_vec_view(&header_encoding), header.tx_count + 1, 0};
    CHECK_ERR(ag_batch_index_encode(&index, &vec), AG_ERR_WIRE_VALUE);
    struct ag_outbox_entry outbox = {0};
    CHECK_ERR(ag_outbox_entry_encode(&outbox, &vec), AG_ERR_WIRE_VALUE);
    struct ag_meta meta = {.store_format = 1, .first_unbatched = 1};
    CHECK_ERR(ag_meta_encode(&meta, &vec), AG_ERR_WIRE_VALUE);
    struct ag_receipt_index place = {.group_number = 1, .entry_index = 1};
    CHECK_ERR(ag_receipt_index_encode(&place, &vec), AG_ERR_WIRE_VALUE);
    CHECK_U64(vec.size, 0);
    ag_vec_close(&vec);
    ag_vec_close(&group_encoding);
    ag_vec_close(&header_encoding);
}

static void kinds_have_names(void)
{
    static const char *const names[] = {"unknown", "tdx", "snp",          "sgx",    "psa",
                                        "cca",     "tpm", "insecure-sim", "unknown"};
    for (size_t kind = 0; kind < AG_COUNT(names); kind++) {
        CHECK(strcmp(ag_tee_kind_name((uint8_t)kind), names[kind]) == 0);
    }
    CHECK(strcmp(ag_tee_kind_name(255), "unknown") == 0);
}

static void report_data_binds_subject_and_nonce(void)
{
    start();
    uint8_t nonce[33] = {1};
    uint8_t data[5][64];
    struct ag_hash digest = {{9}};
    const struct ag_bytes none = {NULL, 0};
    CHECK_OK(ag_report_data(AG_REPORT_BUNDLE, &digest, none, data[0]));
    CHECK_OK(ag_report_data(AG_REPORT_BATCH, &digest, none, data[1]));
    CHECK_OK(ag_report_data(AG_REPORT_BUNDLE, &digest, ag_bytes_of(nonce, 32), data[2]));
    nonce[31] = 1;
    CHECK_OK(ag_report_data(AG_REPORT_BUNDLE, &digest, ag_bytes_of(nonce, 32), data[3]));
    digest.bytes[47] = 1;
    CHECK_OK(ag_report_data(AG_REPORT_BUNDLE, &digest, none, data[4]));
    for (size_t i = 0; i < 5; i++) {
        CHECK(ag_bytes_is_zero(ag_bytes_of(data[i] + 48, 16)));
        for (size_t k = 0; k < i; k++) {
            CHECK(memcmp(data[i], data[k], 48) != 0);
        }
    }
    CHECK_ERR(ag_report_data(AG_REPORT_BUNDLE, &digest, ag_bytes_of(nonce, 31), data[0]),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_report_data(AG_REPORT_BUNDLE, &digest, ag_bytes_of(nonce, 33), data[0]),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_report_data(AG_REPORT_BATCH, &digest, ag_bytes_of(nonce, 32), data[0]),
              AG_ERR_ARGUMENT);
}

static const struct ag_test_case cases[] = {
    {"a message cut at any byte is refused", truncations_are_refused},
    {"bytes behind a message are refused", trailing_bytes_are_refused},
    {"another magic or version is refused", other_magics_and_versions_are_refused},
    {"no message is taken for another", messages_are_not_taken_for_each_other},
    {"a wrong field is refused by name and limit", wrong_fields_are_refused},
    {"assets of a head are strictly ascending", head_assets_are_strictly_ascending},
    {"operations of a head are identifiers", head_operations_are_identifiers},
    {"keys of a bundle are strictly ascending", bundle_keys_are_strictly_ascending},
    {"padding is zero and of the smallest class", padding_is_zero_and_of_the_smallest_class},
    {"bodies fill their classes", bodies_fill_their_classes},
    {"an authorisation fits its scheme", body_authorisations_fit_their_scheme},
    {"a batch entry has a payload when included", batch_entries_carry_a_payload_when_included},
    {"encoders refuse what decoders refuse", encoders_refuse_what_decoders_refuse},
    {"records refuse what contradicts", records_refuse_what_contradicts},
    {"kinds of evidence have names", kinds_have_names},
    {"report data binds subject and nonce", report_data_binds_subject_and_nonce},
};

TEST_MAIN(cases)
