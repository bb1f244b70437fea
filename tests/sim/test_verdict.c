/* SPDX-License-Identifier: Apache-2.0 */
/* Does the verifier of batches say yes to a real batch, and no, by the right name, to every bent
 * one? */
#include <stdio.h>
#include <string.h>

#include "node.h"
#include "test.h"

static struct test_node node;
static struct ag_vec file;
static struct ag_policy *policy;

static void prepare(void)
{
    const char *const flags[] = {"--batch_min_tx=6", NULL};
    struct ag_fault fault = {0};
    struct ag_vec text;
    unsigned line = 0;
    if (policy != NULL) {
        return;
    }
    test_node_init(&node, flags);
    CHECK_OK(test_node_open(&node, &fault));
    for (uint32_t i = 0; i < 6; i++) {
        const struct test_tx tx = {
            .sender = i / 2, .nonce = i % 2, .fee = 1000 + 7000 * i, .head_fee_too_high = i == 5};
        ag_seq_submission_close(test_send(&node, &tx));
    }
    CHECK(test_step_to(&node, 1));
    ag_vec_init(&file, AG_LIMIT_BATCH_FILE_BYTES);
    CHECK_OK(ag_seq_batch_export(node.seq, 1, &file));
    ag_vec_init(&text, 65536);
    CHECK_OK(ag_seq_write_policy(&node.conf, ag_host_system(), &text, &fault));
    CHECK_OK(ag_policy_parse(ag_vec_view(&text), &policy, &line, &fault));
    ag_vec_close(&text);
}

static const struct ag_claim *find(const struct ag_batch_verdict *verdict, const char *name)
{
    for (size_t i = 0; i < verdict->claim_count; i++) {
        if (strcmp(verdict->claims[i].name, name) == 0) {
            return &verdict->claims[i];
        }
    }
    return NULL;
}

static void expect(struct ag_bytes bytes, const struct ag_batch_expect *expected,
                   const char *failed_claim)
{
    struct ag_batch_verdict *verdict = NULL;
    CHECK_OK(ag_batch_verify(bytes, policy, expected, NULL, &verdict));
    if (verdict == NULL) {
        return;
    }
    CHECK(verdict->is_accepted == (failed_claim == NULL));
    if (failed_claim != NULL) {
        const struct ag_claim *claim = find(verdict, failed_claim);
        CHECK(claim != NULL && claim->result == AG_CLAIM_FAILED && claim->reason[0] != '\0');
    } else {
        for (size_t i = 0; i < verdict->claim_count; i++) {
            CHECK(verdict->claims[i].result != AG_CLAIM_FAILED);
        }
        const struct ag_claim *order = find(verdict, "order");
        const struct ag_claim *transactions = find(verdict, "transactions");
        CHECK(order != NULL && order->result == AG_CLAIM_PASSED);
        CHECK(transactions != NULL && transactions->result == AG_CLAIM_PASSED);
    }
    ag_batch_verdict_close(verdict);
}

static void real_batch(void)
{
    prepare();
    expect(ag_vec_view(&file), NULL, NULL);
    struct ag_batch_expect known = {.has_number = true, .number = 1};
    expect(ag_vec_view(&file), &known, NULL);
    known.number = 2;
    expect(ag_vec_view(&file), &known, "number");
    struct ag_batch_expect parent = {.has_parent = true, .parent = {{1}}};
    expect(ag_vec_view(&file), &parent, "parent");
    parent.parent = node.bundle.genesis;
    expect(ag_vec_view(&file), &parent, NULL);
    /* Judged after its collateral has ended: the archived instant says yes, that one says no. */
    struct ag_batch_expect late = {.now_ms = ag_host_system()->now_ms(NULL) + 40ull * 86400000};
    expect(ag_vec_view(&file), &late, "batch evidence");
}

static void other_policies(void)
{
    static const char *const texts[] = {
        "accept_tee = tdx\nany_measurement_insecure = yes\n",
        "accept_tee = insecure-sim\nany_measurement_insecure = yes\n",
    };
    prepare();
    struct ag_policy *kept = policy;
    for (size_t i = 0; i < AG_COUNT(texts); i++) {
        unsigned line = 0;
        struct ag_fault fault = {0};
        CHECK_OK(ag_policy_parse(ag_bytes_of(texts[i], strlen(texts[i])), &policy, &line, &fault));
        expect(ag_vec_view(&file), NULL, "bundle evidence");
        ag_policy_close(policy);
    }
    policy = kept;
}

/* Takes the file apart, lets `bend` change the parts, and puts it together again. */
struct parts {
    struct ag_batch_file file;
    struct ag_batch_header header;
    struct ag_batch_entry entries[16];
    bool is_header_bent;
};

static void expect_bent(void (*bend)(struct parts *parts), const char *failed_claim)
{
    struct parts parts = {0};
    struct ag_vec entries;
    struct ag_vec header;
    struct ag_vec out;
    ag_vec_init(&entries, 1u << 22);
    ag_vec_init(&header, 65536);
    ag_vec_init(&out, 1u << 24);
    CHECK_OK(ag_batch_file_decode(ag_vec_view(&file), &parts.file, NULL));
    CHECK_OK(ag_batch_header_decode(parts.file.header, &parts.header, NULL));
    struct ag_bytes rest = parts.file.entries;
    for (uint32_t i = 0; i < parts.file.entry_count; i++) {
        CHECK_OK(ag_batch_entry_next(&rest, &parts.entries[i], NULL));
    }
    bend(&parts);
    for (uint32_t i = 0; i < parts.file.entry_count; i++) {
        CHECK_OK(ag_batch_entry_encode(&parts.entries[i], &entries));
    }
    parts.file.entries = ag_vec_view(&entries);
    if (parts.is_header_bent) {
        CHECK_OK(ag_batch_header_encode(&parts.header, &header));
        parts.file.header = ag_vec_view(&header);
    }
    CHECK_OK(ag_batch_file_encode(&parts.file, &out));
    expect(ag_vec_view(&out), NULL, failed_claim);
    ag_vec_close(&entries);
    ag_vec_close(&header);
    ag_vec_close(&out);
}

static struct ag_batch_entry *included(struct parts *parts, unsigned nth)
{
    for (uint32_t i = 0; i < parts->file.entry_count; i++) {
        if (parts->entries[i].outcome.status == AG_OUTCOME_INCLUDED && nth-- == 0) {
            return &parts->entries[i];
        }
    }
    AG_ASSERT(false);
    return NULL;
}

static void nothing(struct parts *parts)
{
    (void)parts;
}
static void swap_entries(struct parts *parts)
{
    struct ag_batch_entry kept = parts->entries[0];
    parts->entries[0] = parts->entries[1];
    parts->entries[1] = kept;
}
static void drop_entry(struct parts *parts)
{
    parts->file.entry_count--;
}
static void repeat_entry(struct parts *parts)
{
    parts->entries[1] = parts->entries[0];
}
static void other_payload(struct parts *parts)
{
    included(parts, 0)->payload = included(parts, 1)->payload;
}
static void other_hash(struct parts *parts)
{
    included(parts, 0)->outcome.tx_hash[0] ^= 1;
}
static void other_place(struct parts *parts)
{
    included(parts, 0)->outcome.tx_index++;
}
static void other_head_id(struct parts *parts)
{
    included(parts, 0)->outcome.head_id.bytes[5] ^= 1;
}
static void other_envelope(struct parts *parts)
{
    included(parts, 0)->outcome.envelope_id.bytes[5] ^= 1;
}
static void exclude_included(struct parts *parts)
{
    for (uint32_t i = 0; i < parts->file.entry_count; i++) {
        struct ag_batch_entry *entry = &parts->entries[i];
        if (entry->outcome.status == AG_OUTCOME_INCLUDED) {
            entry->outcome.status = AG_OUTCOME_EXCLUDED;
            entry->outcome.reason = AG_ERR_TX_CHAIN;
            entry->outcome.tx_index = AG_NO_TX_INDEX;
            memset(entry->outcome.tx_hash, 0, 32);
            entry->payload = (struct ag_bytes){NULL, 0};
            return;
        }
    }
}
/* A reason that is no error of ours. */
static void meaningless_reason(struct parts *parts)
{
    for (uint32_t i = 0; i < parts->file.entry_count; i++) {
        if (parts->entries[i].outcome.status == AG_OUTCOME_EXCLUDED) {
            parts->entries[i].outcome.reason = 0x7fff;
        }
    }
}
static void later_time(struct parts *parts)
{
    parts->header.time_ms++;
    parts->is_header_bent = true;
}
static void other_mode(struct parts *parts)
{
    parts->header.order_mode = AG_ORDER_RISK_AWARE;
    parts->is_header_bent = true;
}
static void other_state(struct parts *parts)
{
    parts->header.state_root.bytes[0] ^= 1;
    parts->is_header_bent = true;
}
static void other_epoch(struct parts *parts)
{
    parts->header.key_epoch++;
    parts->is_header_bent = true;
}
static void swap_evidence(struct parts *parts)
{
    struct ag_bytes kept = parts->file.bundle_evidence;
    parts->file.bundle_evidence = parts->file.batch_evidence;
    parts->file.batch_evidence = kept;
}
static void no_collateral(struct parts *parts)
{
    static struct ag_vec empty;
    const struct ag_collateral none = {0};
    ag_vec_init(&empty, 4096);
    CHECK_OK(ag_collateral_encode(&none, &empty));
    parts->file.collateral = ag_vec_view(&empty);
}
static void early_judgement(struct parts *parts)
{
    parts->file.judged_ms = 1;
}

static void bent_batches(void)
{
    static const struct {
        void (*bend)(struct parts *parts);
        const char *failed_claim;
    } rows[] = {
        {nothing, NULL},
        {swap_entries, "order"},
        {drop_entry, "admissions"},
        {repeat_entry, "admissions"},
        {other_payload, "transactions"},
        {other_payload, "transaction root"},
        {other_hash, "transactions"},
        {other_hash, "receipt root"},
        {other_place, "nonces"},
        {other_head_id, "entries"},
        {other_envelope, "receipt root"},
        {exclude_included, "nonces"},
        {meaningless_reason, "entries"},
        {later_time, "ML-DSA-87 signature"},
        {later_time, "SLH-DSA-SHA2-256s signature"},
        {later_time, "batch evidence"},
        {other_mode, "ML-DSA-87 signature"},
        {other_state, "state and asset root"},
        {other_epoch, "key bundle"},
        {swap_evidence, "bundle evidence"},
        {swap_evidence, "batch evidence"},
        {no_collateral, "bundle evidence"},
        {early_judgement, "time"},
    };
    prepare();
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        expect_bent(rows[i].bend, rows[i].failed_claim);
    }
}

/* Any flipped byte of the file must cost it its acceptance, but for a few. The chain that came
 * with the PCK CRL is a hint, because the CRL is checked under the CA of the quote's own chain. The
 * instants when collateral was fetched (its last field) and when the node judged are anybody's to
 * choose, within what collateral and header allow. And hex in a vendor's answer, outside the object
 * that is signed, may be of either case: the digits of the signature itself. */
static bool is_hint(struct ag_bytes bytes, size_t place, uint8_t mask)
{
    struct ag_batch_file parts;
    struct ag_collateral collateral;
    if (ag_batch_file_decode(bytes, &parts, NULL) != AG_OK ||
        ag_collateral_decode(parts.collateral, &collateral, NULL) != AG_OK) {
        return false;
    }
    size_t start = (size_t)(collateral.pck_crl_chain.data - bytes.data);
    size_t first = (size_t)(parts.collateral.data - bytes.data);
    uint8_t letter = bytes.data[place] | 0x20;
    if (mask == 0x20 && letter >= 'a' && letter <= 'f' && place >= first &&
        place < first + parts.collateral.size) {
        return true;
    }
    size_t instant = (size_t)(parts.collateral.data + parts.collateral.size - bytes.data);
    return (place >= start && place < start + collateral.pck_crl_chain.size) ||
           (place >= instant - 8 && place < instant + 8);
}

static void flipped_bytes(void)
{
    prepare();
    struct ag_vec copy;
    unsigned refused = 0;
    ag_vec_init(&copy, AG_LIMIT_BATCH_FILE_BYTES);
    CHECK_OK(ag_vec_append(&copy, ag_vec_view(&file)));
    size_t step = 1 + copy.size / 400;
    unsigned tried = 0;
    for (size_t i = (size_t)(ag_test_random() % step); i < copy.size; i += step, tried++) {
        uint8_t mask = (uint8_t)(1u << (ag_test_random() % 8));
        if (is_hint(ag_vec_view(&copy), i, mask)) {
            tried--;
            continue;
        }
        struct ag_batch_verdict *verdict = NULL;
        copy.data[i] ^= mask;
        CHECK_OK(ag_batch_verify(ag_vec_view(&copy), policy, NULL, NULL, &verdict));
        if (verdict->is_accepted) {
            ag_test_note("byte %zu xor %u is not covered", i, mask);
        } else {
            refused++;
        }
        ag_batch_verdict_close(verdict);
        copy.data[i] ^= mask;
    }
    ag_test_note("%u of %u flips refused", refused, tried);
    CHECK_U64(refused, tried);
    for (size_t size = 0; size < copy.size; size += step) {
        expect(ag_bytes_of(copy.data, size), NULL, "format");
    }
    ag_vec_close(&copy);
}

static void finish(void)
{
    ag_policy_close(policy);
    ag_vec_close(&file);
    test_node_close(&node);
    test_node_remove(&node);
    CHECK(true);
}

static const struct ag_test_case cases[] = {
    {"a real batch is accepted", real_batch},
    {"other policies refuse its evidence", other_policies},
    {"each bent part fails its own claim", bent_batches},
    {"flipped and cut files", flipped_bytes},
    {"clean up", finish},
};
TEST_MAIN(cases)
