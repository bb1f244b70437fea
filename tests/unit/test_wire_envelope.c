/* SPDX-License-Identifier: Apache-2.0 */
#include "test_wire_samples.h"

/* Envelopes sealed to a real key and opened as the node opens them, and every change refused. */

struct node {
    struct ag_kem_key *key;
    struct ag_kem_work *work;
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
    struct ag_bundle bundle;
    struct ag_hash digest;
    struct ag_hpke_info info;
};

static void node_open(struct node *node, enum ag_kem kem)
{
    static const uint8_t seed[AG_KEM_SEED_SIZE_MAX] = {3, 1, 4};
    uint8_t info[AG_HPKE_INFO_SIZE];
    struct ag_vec vec;
    *node = (struct node){0};
    CHECK_OK(ag_crypto_start());
    sample_fresh();
    CHECK_OK(ag_kem_key_open(kem, ag_bytes_of(seed, ag_kem_seed_size(kem)), &node->key));
    CHECK_OK(
        ag_kem_key_public(node->key, (struct ag_buf){node->public_key, ag_kem_public_size(kem)}));
    CHECK_OK(ag_kem_work_open(node->key, &node->work));
    node->bundle = sample_bundle();
    node->bundle.kem_count = 1;
    node->bundle.kems[0] = (struct ag_bundle_kem){
        (uint16_t)kem, ag_bytes_of(node->public_key, ag_kem_public_size(kem))};

    ag_vec_init(&vec, AG_LIMIT_BUNDLE_BYTES);
    CHECK_OK(ag_bundle_encode(&node->bundle, &vec));
    CHECK_OK(ag_bundle_digest(ag_vec_view(&vec), &node->digest));
    ag_vec_close(&vec);
    ag_hpke_info_bytes(node->bundle.chain_id, node->bundle.key_epoch, &node->digest, info);
    CHECK_OK(ag_hpke_info_init(&node->info, kem, AG_ARRAY_VIEW(info)));
}

static void node_close(struct node *node)
{
    ag_kem_work_close(node->work);
    ag_kem_key_close(node->key);
}

/* What the node does with an envelope: head first, body under the sealed head. */
static enum ag_err node_read(struct node *node, struct ag_bytes in, struct ag_head *out_head,
                             struct ag_body *out_body, struct ag_buf body_text)
{
    uint8_t head_text[768];
    struct ag_envelope envelope;
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    size_t used = 0;
    AG_TRY(ag_envelope_decode(in, &envelope, NULL));
    AG_TRY(ag_hpke_receive(node->work, &node->info, envelope.enc, false, &hpke));
    size_t head_size = envelope.sealed_head.size - AG_GCM_TAG_SIZE;
    AG_TRY(ag_hpke_open_part(&hpke, 0, envelope.clear, envelope.sealed_head,
                             (struct ag_buf){head_text, head_size}));
    AG_TRY(ag_head_decode_padded(ag_bytes_of(head_text, head_size), out_head, &used, NULL));
    body_text.size = envelope.sealed_body.size - AG_GCM_TAG_SIZE;
    AG_TRY(ag_hpke_open_part(&hpke, 1, envelope.sealed_head, envelope.sealed_body, body_text));

    struct ag_id body_id;
    AG_TRY(ag_hash_id(AG_TAG_BODY, ag_bytes_of(body_text.data, body_text.size), &body_id));
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&body_id), AG_VIEW(&out_head->body_id)),
              AG_ERR_ENVELOPE_MISMATCH);
    return ag_body_decode(ag_bytes_of(body_text.data, body_text.size), out_body, NULL);
}

static uint8_t text[131072];

static void seal_and_read(enum ag_kem kem, size_t payload_size)
{
    struct node node;
    struct ag_host_test host;
    struct ag_vec vec;
    struct ag_head head = {.sender = {.kind = 1}, .nonce = 5, .priority_fee = 7, .gas_limit = 9};
    struct ag_head got_head;
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM};
    struct ag_body got_body;
    node_open(&node, kem);
    ag_host_test_init(&host, ag_test_seed, 1000);
    body.payload = sample_bytes(payload_size);
    ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(ag_envelope_seal(&host.host, &node.bundle, &node.digest, (uint16_t)kem, &head, &body,
                              0, &vec));
    CHECK_OK(node_read(&node, ag_vec_view(&vec), &got_head, &got_body,
                       (struct ag_buf){text, sizeof(text)}));
    CHECK_U64(got_head.chain_id, node.bundle.chain_id);
    CHECK_U64(got_head.key_epoch, node.bundle.key_epoch);
    CHECK_U64(got_head.nonce, 5);
    CHECK_U64(got_head.payload_kind, AG_PAYLOAD_ETHEREUM);
    CHECK_BYTES(got_body.payload, body.payload);
    CHECK(!ag_bytes_is_zero(AG_ARRAY_VIEW(got_body.salt)));
    ag_vec_close(&vec);
    node_close(&node);
}

static void sealed_envelopes_open(void)
{
    seal_and_read(AG_KEM_MLKEM1024, 0);
    seal_and_read(AG_KEM_MLKEM1024_P384, 100);
    seal_and_read(AG_KEM_MLKEM1024, 471);
    seal_and_read(AG_KEM_MLKEM1024, 131000);
}

/* Any byte but those of the stamp: the envelope does not open, or is not read at all. */
static void changed_envelopes_do_not_open(void)
{
    struct node node;
    struct ag_host_test host;
    struct ag_vec vec;
    struct ag_head head = {.sender = {.kind = 1}};
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM};
    node_open(&node, AG_KEM_MLKEM1024);
    ag_host_test_init(&host, ag_test_seed, 1000);
    ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024, &head,
                              &body, 0, &vec));
    unsigned opened = 0;
    for (size_t at = 0; at < vec.size - 8; at += at < 40 ? 1 : 61) {
        struct ag_head got_head;
        struct ag_body got_body;
        vec.data[at] ^= 1;
        if (node_read(&node, ag_vec_view(&vec), &got_head, &got_body,
                      (struct ag_buf){text, sizeof(text)}) == AG_OK) {
            opened++;
        }
        vec.data[at] ^= 1;
    }
    CHECK_U64(opened, 0);
    ag_vec_close(&vec);
    node_close(&node);
}

/* The info binds chain, epoch and bundle: the same bytes do not open for another. */
static void envelopes_are_bound_to_their_bundle(void)
{
    struct node node;
    struct ag_host_test host;
    struct ag_vec vec;
    struct ag_head head = {.sender = {.kind = 1}};
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM};
    struct ag_head got_head;
    struct ag_body got_body;
    uint8_t info[3][AG_HPKE_INFO_SIZE];
    node_open(&node, AG_KEM_MLKEM1024);
    ag_host_test_init(&host, ag_test_seed, 1000);
    ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_OK(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024, &head,
                              &body, 0, &vec));
    struct ag_hash other = node.digest;
    other.bytes[47] ^= 1;
    ag_hpke_info_bytes(node.bundle.chain_id + 1, node.bundle.key_epoch, &node.digest, info[0]);
    ag_hpke_info_bytes(node.bundle.chain_id, node.bundle.key_epoch + 1, &node.digest, info[1]);
    ag_hpke_info_bytes(node.bundle.chain_id, node.bundle.key_epoch, &other, info[2]);
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(ag_hpke_info_init(&node.info, AG_KEM_MLKEM1024, AG_ARRAY_VIEW(info[i])));
        CHECK_ERR(node_read(&node, ag_vec_view(&vec), &got_head, &got_body,
                            (struct ag_buf){text, sizeof(text)}),
                  AG_ERR_OPEN);
    }
    ag_vec_close(&vec);
    node_close(&node);
}

static void info_has_its_published_form(void)
{
    uint8_t info[AG_HPKE_INFO_SIZE];
    struct ag_hash digest;
    memset(digest.bytes, 0xee, sizeof(digest.bytes));
    ag_hpke_info_bytes(0x0102, 0x0304, &digest, info);
    CHECK_BYTES(ag_bytes_of(info, 36),
                AG_LITERAL("aegis/v1/envelope\0\0\1\0\0\0\0\0\0\1\2\0\0\0\0\0\0\3\4"));
    CHECK_BYTES(ag_bytes_of(info + 36, 48), AG_VIEW(&digest));
}

/* ---- stamps ---------------------------------------------------------------------------------- */

static void stamps_have_their_bits(void)
{
    struct node node;
    struct ag_host_test host;
    node_open(&node, AG_KEM_MLKEM1024);
    ag_host_test_init(&host, ag_test_seed, 1000);
    for (unsigned bits = 0; bits <= 10; bits += 5) {
        struct ag_vec vec;
        struct ag_envelope envelope;
        struct ag_id id;
        unsigned got = 0;
        struct ag_head head = {.sender = {.kind = 1}};
        struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM};
        ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
        CHECK_OK(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024, &head,
                                  &body, bits, &vec));
        CHECK_OK(ag_envelope_decode(ag_vec_view(&vec), &envelope, NULL));
        CHECK_OK(ag_envelope_id(&envelope, &id));
        CHECK_OK(ag_stamp_bits(&id, envelope.stamp, &got));
        CHECK(got >= bits);
        CHECK((envelope.stamp == 0) == (bits == 0));
        ag_vec_close(&vec);
    }
    node_close(&node);
}

/* Counted against a plain hash of label, id and number. */
static void stamp_bits_are_those_of_the_hash(void)
{
    CHECK_OK(ag_crypto_start());
    for (uint64_t stamp = 0; stamp < 2000; stamp++) {
        struct ag_id id = {{1, 2, 3}};
        uint8_t message[14 + 32 + 8] = "aegis/v1/stamp";
        uint8_t digest[32];
        unsigned bits = 0;
        unsigned wanted = 0;
        memcpy(message + 14, id.bytes, 32);
        for (size_t i = 0; i < 8; i++) {
            message[46 + i] = (uint8_t)(stamp >> (56 - 8 * i));
        }
        CHECK_OK(ag_sha256(&AG_ARRAY_VIEW(message), 1, digest));
        while (wanted < 256 && (digest[wanted / 8] >> (7 - wanted % 8) & 1) == 0) {
            wanted++;
        }
        CHECK_OK(ag_stamp_bits(&id, stamp, &bits));
        CHECK_U64(bits, wanted);
    }
}

/* ---- what sealing refuses -------------------------------------------------------------------- */

static void sealing_refuses(void)
{
    struct node node;
    struct ag_host_test host;
    struct ag_vec vec;
    struct ag_head head = {.sender = {.kind = 1}};
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM};
    node_open(&node, AG_KEM_MLKEM1024);
    ag_host_test_init(&host, ag_test_seed, 1000);
    ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
    CHECK_ERR(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024_P384, &head,
                               &body, 0, &vec),
              AG_ERR_SUITE);
    CHECK_ERR(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024, &head,
                               &body, AG_LIMIT_STAMP_BITS + 1, &vec),
              AG_ERR_ARGUMENT);
    body.payload = ag_bytes_of(text, 131001);
    CHECK_ERR(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024, &head,
                               &body, 0, &vec),
              AG_ERR_WIRE_LIMIT);
    body.payload.size = 10;
    head.sender.kind = 0;
    CHECK_ERR(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024, &head,
                               &body, 0, &vec),
              AG_ERR_WIRE_VALUE);
    head.sender.kind = 1;
    node.public_key[0] = 0xff;
    node.public_key[1] = 0xff; /* a coefficient over the modulus */
    CHECK_ERR(ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024, &head,
                               &body, 0, &vec),
              AG_ERR_KEY);
    CHECK_U64(vec.size, 0);
    ag_vec_close(&vec);
    node_close(&node);
}

/* Each random draw and each allocation fails once; nothing is left in the output. */
static void sealing_survives_a_failing_host(void)
{
    struct node node;
    struct ag_head head = {.sender = {.kind = 1}};
    struct ag_body body = {.payload_kind = AG_PAYLOAD_ETHEREUM};
    unsigned failed = 0;
    node_open(&node, AG_KEM_MLKEM1024);
    for (uint64_t nth = 1; nth < 20; nth++) {
        struct ag_host_test host;
        struct ag_vec vec;
        ag_host_test_init(&host, ag_test_seed, 1000);
        ag_vec_init(&vec, AG_LIMIT_ENVELOPE_BYTES);
        host.fail_draw = nth % 2 == 0 ? nth / 2 : 0;
        ag_alloc_fail_nth(nth % 2 == 1 ? nth / 2 + 1 : 0);
        enum ag_err err = ag_envelope_seal(&host.host, &node.bundle, &node.digest, AG_KEM_MLKEM1024,
                                           &head, &body, 0, &vec);
        ag_alloc_fail_nth(0);
        CHECK(err == AG_OK || ag_err_class(err) == AG_CLASS_HOST);
        CHECK((err == AG_OK) == (vec.size != 0));
        failed += err != AG_OK ? 1 : 0;
        ag_vec_close(&vec);
    }
    CHECK(failed >= 3);
    node_close(&node);
}

static const struct ag_test_case cases[] = {
    {"a sealed envelope opens", sealed_envelopes_open},
    {"a changed envelope does not open", changed_envelopes_do_not_open},
    {"an envelope is bound to chain, epoch and bundle", envelopes_are_bound_to_their_bundle},
    {"the HPKE info has its published form", info_has_its_published_form},
    {"a stamp has the bits asked for", stamps_have_their_bits},
    {"stamp bits are those of the hash", stamp_bits_are_those_of_the_hash},
    {"sealing refuses wrong input", sealing_refuses},
    {"sealing survives a failing host", sealing_survives_a_failing_host},
};

TEST_MAIN(cases)
