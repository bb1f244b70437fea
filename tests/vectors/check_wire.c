/* SPDX-License-Identifier: Apache-2.0 */

/* check_wire FILE: every message of docs/spec/wire.md against bytes that another program packed.
 * The decoder must take them, the encoder give them back, and their digests be those that are
 * written down. Together the cases must cover every message. */

#include <stdio.h>
#include <string.h>

#include "../unit/test_wire_samples.h"
#include "rsp.h"

static bool fail(const struct rsp_case *one, const char *what)
{
    printf("FAIL line %u, %s: %s\n", one->line, rsp_get(one, "id"), what);
    return false;
}

/* The digest or id of a message that has one. */
static enum ag_err digest_of(const char *message, struct ag_bytes encoding, struct ag_hash *hash,
                             struct ag_bytes *out)
{
    struct ag_id id = {{0}};
    struct ag_envelope envelope;
    *out = AG_VIEW(hash);
    if (strcmp(message, "bundle") == 0) {
        return ag_bundle_digest(encoding, hash);
    }
    if (strcmp(message, "admission group") == 0) {
        return ag_group_digest(encoding, hash);
    }
    if (strcmp(message, "batch header") == 0) {
        return ag_batch_header_digest(encoding, hash);
    }
    if (strcmp(message, "head") == 0) {
        AG_TRY(ag_head_id(encoding, &id));
    } else if (strcmp(message, "body") == 0) {
        AG_TRY(ag_hash_id(AG_TAG_BODY, encoding, &id));
    } else if (strcmp(message, "envelope") == 0) {
        AG_TRY(ag_envelope_decode(encoding, &envelope, NULL));
        AG_TRY(ag_envelope_id(&envelope, &id));
    } else {
        return AG_ERR_NOT_FOUND;
    }
    memcpy(hash->bytes, id.bytes, sizeof(id.bytes));
    *out = ag_bytes_head(*out, sizeof(id.bytes));
    return AG_OK;
}

/* The info of an envelope to this bundle, and the stamp that the envelope of the file carries. */
static bool check_extra(const struct rsp_case *one, const char *message, struct ag_bytes encoding,
                        struct ag_arena *arena)
{
    struct ag_bytes wanted;
    if (strcmp(message, "bundle") == 0) {
        uint8_t info[AG_HPKE_INFO_SIZE];
        struct ag_bundle bundle;
        struct ag_hash digest;
        if (ag_bundle_decode(encoding, &bundle, NULL) != AG_OK ||
            ag_bundle_digest(encoding, &digest) != AG_OK) {
            return fail(one, "no bundle");
        }
        ag_hpke_info_bytes(bundle.chain_id, bundle.key_epoch, &digest, info);
        if (!rsp_hex(one, "hpke_info", arena, &wanted) ||
            !ag_bytes_equal(AG_ARRAY_VIEW(info), wanted)) {
            return fail(one, "another HPKE info");
        }
    }
    if (strcmp(message, "envelope") == 0) {
        struct ag_envelope envelope;
        struct ag_id id;
        unsigned bits = 0;
        if (ag_envelope_decode(encoding, &envelope, NULL) != AG_OK ||
            ag_envelope_id(&envelope, &id) != AG_OK ||
            ag_stamp_bits(&id, envelope.stamp, &bits) != AG_OK || bits < 8) {
            return fail(one, "its stamp has fewer than 8 bits");
        }
    }
    return true;
}

static bool run_one(const struct rsp_case *one, struct ag_arena *arena, bool *seen)
{
    struct ag_bytes encoding;
    struct ag_bytes wanted;
    const struct wire_message *found = NULL;
    const char *message = rsp_get(one, "message");
    for (size_t i = 0; message != NULL && i < AG_COUNT(wire_messages); i++) {
        if (strcmp(wire_messages[i].name, message) == 0) {
            found = &wire_messages[i];
            seen[i] = true;
        }
    }
    if (found == NULL || !rsp_hex(one, "encoding", arena, &encoding)) {
        return fail(one, "no message of this name, or no encoding");
    }
    struct ag_vec back AG_SCOPED(ag_vec_close);
    struct ag_fault fault = {0};
    ag_vec_init(&back, SAMPLE_VEC_SIZE);
    if (found->again(encoding, &back, &fault) != AG_OK) {
        return fail(one, fault.field == NULL ? "refused" : fault.field);
    }
    if (!ag_bytes_equal(ag_vec_view(&back), encoding)) {
        return fail(one, "other bytes come back");
    }
    struct ag_hash hash;
    struct ag_bytes got;
    bool has_digest = rsp_hex(one, "digest", arena, &wanted);
    enum ag_err err = digest_of(message, encoding, &hash, &got);
    if ((err == AG_OK) != has_digest || (has_digest && !ag_bytes_equal(got, wanted))) {
        return fail(one, "another digest");
    }
    return check_extra(one, message, encoding, arena);
}

int main(int argc, char **argv)
{
    bool seen[AG_COUNT(wire_messages)] = {false};
    struct rsp_file file;
    struct rsp_case one;
    struct ag_arena arena;
    unsigned passed = 0;
    unsigned failed = 0;
    bool is_bad = false;
    if (argc != 2 || ag_crypto_start() != AG_OK || !rsp_open(&file, argv[1])) {
        (void)fprintf(stderr, "usage: check_wire FILE\n");
        return 2;
    }
    ag_arena_init(&arena, SAMPLE_VEC_SIZE);
    while (rsp_next(&file, &one, &is_bad)) {
        if (run_one(&one, &arena, seen)) {
            passed++;
        } else {
            failed++;
        }
        ag_arena_reset(&arena);
    }
    for (size_t i = 0; i < AG_COUNT(wire_messages); i++) {
        if (!seen[i]) {
            printf("FAIL no case has the message %s\n", wire_messages[i].name);
            failed++;
        }
    }
    failed += is_bad ? 1 : 0;
    ag_arena_close(&arena);
    rsp_close(&file);
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
