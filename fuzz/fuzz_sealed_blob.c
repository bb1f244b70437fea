/* SPDX-License-Identifier: Apache-2.0 */
/* Does any byte string open that was not sealed here? Byte 0 of the input says how to read the
 * rest:
 *
 *     bit 0  0: the rest is the blob; 1: the rest are changes to a genuine blob, each an offset u16
 *            and a byte to xor
 *     bit 1  (blob) our magic, version, machine, measurement and name are written over its fields,
 *     so
 *            that random bytes get as far as the key
 *     bit 2  (blob) the rest is also sealed and must open again */
#include "seal/seal.h"

#include "test_directory.h"

enum {
    PLAIN_SIZE_MAX = 1 << 20,
    IDENTITY_AT = 20, /* machine, measurement and name, in a row */
    IDENTITY_SIZE = 112,
    EPOCH = 5,
};

static char directory[] = "/tmp/ag-fuzz-seal-XXXXXX";
static struct ag_tee *tee;
static struct ag_seal *seal;
static struct ag_vec genuine;

static void stop(void)
{
    ag_vec_close(&genuine);
    ag_seal_close(seal);
    ag_tee_close(tee);
    remove_flat(directory);
}

static void start(void)
{
    AG_ASSERT(ag_crypto_start() == AG_OK);
    AG_ASSERT(mkdtemp(directory) != NULL);
    AG_ASSERT(ag_tee_open(AG_TEE_INSECURE_SIM, directory, ag_host_system(), &tee) == AG_OK);
    AG_ASSERT(ag_seal_open(tee, ag_host_system(), &seal) == AG_OK);
    ag_vec_init(&genuine, 4096);
    AG_ASSERT(ag_seal_seal(seal, AG_PURPOSE_STATE, EPOCH, AG_LITERAL("name"),
                           AG_LITERAL("a plain text of a few bytes"), &genuine) == AG_OK);
    AG_ASSERT(atexit(stop) == 0);
}

static enum ag_err open_blob(struct ag_bytes blob, struct ag_bytes wanted)
{
    struct ag_arena arena;
    struct ag_bytes got = {NULL, 0};
    ag_arena_init_secret(&arena, PLAIN_SIZE_MAX);
    enum ag_err err =
        ag_seal_unseal(seal, AG_PURPOSE_STATE, EPOCH, AG_LITERAL("name"), blob, &arena, &got);
    AG_ASSERT(err != AG_OK || ag_bytes_equal(got, wanted));
    ag_arena_close(&arena);
    return err;
}

/* Refused, and by one of the names of the door. */
static void check_refused(struct ag_bytes blob)
{
    enum ag_err err = open_blob(blob, (struct ag_bytes){NULL, 0});
    AG_ASSERT(err >= AG_ERR_SEAL_TAMPERED && err <= AG_ERR_SEAL_FORMAT &&
              err != AG_ERR_SEAL_ROLLBACK);
}

static void change_genuine(struct ag_bytes changes)
{
    struct ag_vec blob AG_SCOPED(ag_vec_close) = {0};
    ag_vec_init(&blob, 4096);
    AG_ASSERT(ag_vec_append(&blob, ag_vec_view(&genuine)) == AG_OK);
    for (size_t i = 0; i + 3 <= changes.size; i += 3) {
        size_t at = (size_t)changes.data[i] << 8 | changes.data[i + 1];
        blob.data[at % blob.size] ^= changes.data[i + 2];
    }
    if (ag_bytes_equal(ag_vec_view(&blob), ag_vec_view(&genuine))) {
        AG_ASSERT(open_blob(ag_vec_view(&blob), AG_LITERAL("a plain text of a few bytes")) ==
                  AG_OK);
    } else {
        check_refused(ag_vec_view(&blob));
    }
}

static void open_any(struct ag_bytes given, bool has_identity)
{
    struct ag_vec blob AG_SCOPED(ag_vec_close) = {0};
    ag_vec_init(&blob, PLAIN_SIZE_MAX);
    AG_ASSERT(ag_vec_append(&blob, given) == AG_OK);
    if (has_identity && blob.size >= IDENTITY_AT + IDENTITY_SIZE) {
        memcpy(blob.data, genuine.data, 6); /* magic and version */
        memcpy(blob.data + IDENTITY_AT, genuine.data + IDENTITY_AT, IDENTITY_SIZE);
    }
    check_refused(ag_vec_view(&blob));
}

static void seal_and_open(struct ag_bytes plain)
{
    struct ag_vec blob AG_SCOPED(ag_vec_close) = {0};
    ag_vec_init(&blob, PLAIN_SIZE_MAX + AG_SEAL_OVERHEAD_SIZE);
    AG_ASSERT(ag_seal_seal(seal, AG_PURPOSE_STATE, EPOCH, AG_LITERAL("name"), plain, &blob) ==
              AG_OK);
    AG_ASSERT(open_blob(ag_vec_view(&blob), plain) == AG_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (seal == NULL) {
        start();
    }
    if (size == 0 || size > PLAIN_SIZE_MAX) {
        return 0;
    }
    struct ag_bytes rest = ag_bytes_tail(ag_bytes_of(data, size), 1);
    if ((data[0] & 1) != 0) {
        change_genuine(rest);
        return 0;
    }
    open_any(rest, (data[0] & 2) != 0);
    if ((data[0] & 4) != 0) {
        seal_and_open(rest);
    }
    return 0;
}
