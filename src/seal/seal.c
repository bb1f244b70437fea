/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include <string.h>

/* A sealed blob, version 1 (docs/spec/sealing.md). Integers are big-endian.
 *
 *     offset size
 *          0    4  magic "AGSB"
 *          4    2  version, 1
 *          6    2  purpose
 *          8    8  epoch
 *         16    4  size of the plain text
 *         20   32  machine
 *         52   48  measurement
 *        100   32  name: ag_hash_id(SEAL_NAME, name)
 *        132   32  salt, random
 *        164    n  AES-256-GCM of the plain text, nonce zero, the 164 bytes above as aad
 *    164 + n   16  tag
 *
 * The key is used for this blob alone: it is derived from the seal root with the salt, and purpose,
 * epoch and name as info. Hence the constant nonce, and no limit on the number of blobs: two keys
 * meet only where two salts of 256 random bits do. GCM does not commit to its key; here nobody but
 * this program chooses keys, and the header that leads to one is authenticated under it. */

enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_PURPOSE = 6,
    AT_EPOCH = 8,
    AT_SIZE = 16,
    AT_MACHINE = 20,
    AT_MEASUREMENT = 52,
    AT_NAME = 100,
    AT_SALT = 132,
    HEADER_SIZE = 164,
    MACHINE_SIZE = AG_ID_SIZE,
    MEASUREMENT_SIZE = 48,
    NAME_SIZE = AG_ID_SIZE,
    SALT_SIZE = 32,
    VERSION = 1,
};
_Static_assert(HEADER_SIZE == AG_SEAL_HEADER_SIZE, "the door tells the size of the header");
_Static_assert(AT_MEASUREMENT == AT_MACHINE + MACHINE_SIZE, "fields in a row");
_Static_assert(AT_NAME == AT_MEASUREMENT + MEASUREMENT_SIZE, "fields in a row");
_Static_assert(AT_SALT == AT_NAME + NAME_SIZE, "fields in a row");
_Static_assert(HEADER_SIZE == AT_SALT + SALT_SIZE, "fields in a row");
_Static_assert((uint64_t)AG_LIMIT_SEALED_BYTES <= UINT32_MAX, "a plain text's size has 32 bits");

static const uint8_t magic[4] = {'A', 'G', 'S', 'B'};

struct ag_seal {
    struct ag_key256 *root; /* locked memory */
    const struct ag_host *host;
    uint8_t machine[MACHINE_SIZE];
    uint8_t measurement[MEASUREMENT_SIZE];
};

/* ---- the root -------------------------------------------------------------------------------- */

/* The hardware's secret belongs to machine and program already; naming both once more makes the
 * root differ even on hardware that binds its secret to less. */
static enum ag_err derive_root(struct ag_tee *tee, struct ag_seal *seal)
{
    struct ag_key256 secret AG_SCOPED(ag_key256_wipe) = {0};
    uint8_t names[MACHINE_SIZE + MEASUREMENT_SIZE];

    memcpy(names, seal->machine, MACHINE_SIZE);
    memcpy(names + MACHINE_SIZE, seal->measurement, MEASUREMENT_SIZE);
    AG_TRY(ag_tee_root_secret(tee, &secret));
    return ag_kdf(AG_TAG_SEAL_ROOT, AG_VIEW(&secret), (struct ag_bytes){NULL, 0},
                  AG_ARRAY_VIEW(names),
                  (struct ag_buf){seal->root->bytes, sizeof(seal->root->bytes)});
}

enum ag_err ag_seal_open(struct ag_tee *tee, const struct ag_host *host, struct ag_seal **out)
{
    struct ag_seal *seal AG_SCOPED(ag_seal_cleanup) = ag_alloc(sizeof(*seal));
    struct ag_id machine = {{0}};

    AG_ENSURE(seal != NULL, AG_ERR_NO_MEMORY);
    seal->host = host;
    seal->root = ag_secret_alloc(sizeof(*seal->root));
    AG_ENSURE(seal->root != NULL, AG_ERR_NO_MEMORY);
    ag_tee_machine(tee, &machine);
    memcpy(seal->machine, machine.bytes, MACHINE_SIZE);
    ag_tee_measurement(tee, seal->measurement);
    AG_TRY(derive_root(tee, seal));

    *out = seal;
    seal = NULL;
    return AG_OK;
}

void ag_seal_close(struct ag_seal *seal)
{
    if (seal == NULL) {
        return;
    }
    ag_secret_free(seal->root, sizeof(*seal->root));
    ag_free(seal);
}

void ag_seal_cleanup(struct ag_seal **seal)
{
    ag_seal_close(*seal);
}

/* ---- one blob -------------------------------------------------------------------------------- */

static void put_number(uint8_t *out, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    }
}

static uint64_t get_number(const uint8_t *in, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        number = number << 8 | in[i];
    }
    return number;
}

static bool is_name(struct ag_bytes name)
{
    return name.size > 0 && name.size <= AG_LIMIT_SEALED_NAME_BYTES;
}

/* The header's own fields say what the key is of. The name enters whole, not only as its digest. */
static enum ag_err derive_key(const struct ag_seal *seal, const uint8_t header[HEADER_SIZE],
                              struct ag_bytes name, struct ag_key256 *out)
{
    enum {
        FIXED_SIZE = AT_SIZE - AT_PURPOSE
    };
    uint8_t info[FIXED_SIZE + AG_LIMIT_SEALED_NAME_BYTES];

    memcpy(info, header + AT_PURPOSE, FIXED_SIZE); /* purpose and epoch */
    memcpy(info + FIXED_SIZE, name.data, name.size);
    return ag_kdf(AG_TAG_SEAL_BLOB, AG_VIEW(seal->root), ag_bytes_of(header + AT_SALT, SALT_SIZE),
                  ag_bytes_of(info, FIXED_SIZE + name.size),
                  (struct ag_buf){out->bytes, sizeof(out->bytes)});
}

static const uint8_t zero_nonce[AG_GCM_NONCE_SIZE];

static enum ag_err make_header(const struct ag_seal *seal, enum ag_purpose purpose, uint64_t epoch,
                               struct ag_bytes name, size_t plain_size, uint8_t out[HEADER_SIZE])
{
    struct ag_id name_id = {{0}};

    AG_TRY(ag_hash_id(AG_TAG_SEAL_NAME, name, &name_id));
    memcpy(out + AT_MAGIC, magic, sizeof(magic));
    put_number(out + AT_VERSION, 2, VERSION);
    put_number(out + AT_PURPOSE, 2, (uint64_t)purpose);
    put_number(out + AT_EPOCH, 8, epoch);
    put_number(out + AT_SIZE, 4, plain_size);
    memcpy(out + AT_MACHINE, seal->machine, MACHINE_SIZE);
    memcpy(out + AT_MEASUREMENT, seal->measurement, MEASUREMENT_SIZE);
    memcpy(out + AT_NAME, name_id.bytes, NAME_SIZE);
    return seal->host->random(seal->host->context, (struct ag_buf){out + AT_SALT, SALT_SIZE});
}

enum ag_err ag_seal_seal(const struct ag_seal *seal, enum ag_purpose purpose, uint64_t epoch,
                         struct ag_bytes name, struct ag_bytes plain, struct ag_vec *out)
{
    struct ag_key256 key AG_SCOPED(ag_key256_wipe) = {0};
    uint8_t header[HEADER_SIZE] = {0};
    size_t size_before = out->size;
    uint8_t *blob = NULL;
    enum ag_err err = AG_OK;

    AG_ENSURE(is_name(name) && (unsigned)purpose > 0 && (unsigned)purpose <= UINT16_MAX &&
                  plain.size <= AG_LIMIT_SEALED_BYTES,
              AG_ERR_ARGUMENT);
    AG_TRY(make_header(seal, purpose, epoch, name, plain.size, header));
    AG_TRY(derive_key(seal, header, name, &key));
    AG_TRY(ag_vec_extend(out, AG_SEAL_OVERHEAD_SIZE + plain.size, &blob));
    memcpy(blob, header, HEADER_SIZE);
    err = ag_gcm_seal(&key, zero_nonce, AG_ARRAY_VIEW(header), plain,
                      (struct ag_buf){blob + HEADER_SIZE, plain.size + AG_GCM_TAG_SIZE});
    if (err != AG_OK) {
        out->size = size_before;
    }
    return err;
}

/* Gives a refusal its name, from public bytes alone. Nothing here is believed: what passes is
 * authenticated next. */
static enum ag_err check_header(const struct ag_seal *seal, enum ag_purpose purpose,
                                uint64_t epoch_min, struct ag_bytes name, struct ag_bytes blob)
{
    const uint8_t *header = blob.data;
    struct ag_bytes known = ag_bytes_head(AG_ARRAY_VIEW(magic), blob.size);
    struct ag_id name_id = {{0}};

    AG_ENSURE(ag_bytes_equal(ag_bytes_head(blob, sizeof(magic)), known), AG_ERR_SEAL_FORMAT);
    AG_ENSURE(blob.size >= AT_PURPOSE, AG_ERR_SEAL_TRUNCATED);
    AG_ENSURE(get_number(header + AT_VERSION, 2) == VERSION, AG_ERR_SEAL_FORMAT);
    AG_ENSURE(blob.size >= AG_SEAL_OVERHEAD_SIZE &&
                  blob.size - AG_SEAL_OVERHEAD_SIZE >= get_number(header + AT_SIZE, 4),
              AG_ERR_SEAL_TRUNCATED);
    AG_ENSURE(memcmp(header + AT_MACHINE, seal->machine, MACHINE_SIZE) == 0, AG_ERR_SEAL_MACHINE);
    AG_ENSURE(memcmp(header + AT_MEASUREMENT, seal->measurement, MEASUREMENT_SIZE) == 0,
              AG_ERR_SEAL_MEASUREMENT);
    AG_ENSURE(get_number(header + AT_PURPOSE, 2) == (uint64_t)purpose, AG_ERR_SEAL_PURPOSE);
    AG_ENSURE(get_number(header + AT_EPOCH, 8) >= epoch_min, AG_ERR_SEAL_EPOCH);
    AG_TRY(ag_hash_id(AG_TAG_SEAL_NAME, name, &name_id));
    AG_ENSURE(memcmp(header + AT_NAME, name_id.bytes, NAME_SIZE) == 0, AG_ERR_SEAL_SWAPPED);
    AG_ENSURE(blob.size - AG_SEAL_OVERHEAD_SIZE == get_number(header + AT_SIZE, 4),
              AG_ERR_SEAL_TAMPERED);
    return AG_OK;
}

enum ag_err ag_seal_unseal(const struct ag_seal *seal, enum ag_purpose purpose, uint64_t epoch_min,
                           struct ag_bytes name, struct ag_bytes blob, struct ag_arena *arena,
                           struct ag_bytes *out)
{
    struct ag_key256 key AG_SCOPED(ag_key256_wipe) = {0};
    size_t plain_size = 0;
    void *plain = NULL;
    enum ag_err err = AG_OK;

    AG_ENSURE(is_name(name), AG_ERR_ARGUMENT);
    AG_TRY(check_header(seal, purpose, epoch_min, name, blob));
    plain_size = blob.size - AG_SEAL_OVERHEAD_SIZE;
    AG_TRY(derive_key(seal, blob.data, name, &key));
    AG_TRY(ag_arena_take(arena, plain_size, &plain));
    err = ag_gcm_open(&key, zero_nonce, ag_bytes_head(blob, HEADER_SIZE),
                      ag_bytes_tail(blob, HEADER_SIZE), (struct ag_buf){plain, plain_size});
    AG_ENSURE(err != AG_ERR_OPEN, AG_ERR_SEAL_TAMPERED);
    AG_TRY(err);

    *out = ag_bytes_of(plain, plain_size);
    return AG_OK;
}
