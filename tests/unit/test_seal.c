/* SPDX-License-Identifier: Apache-2.0 */
/* Does seal keep its contract, over the simulated hardware? */
#include "seal/seal.h"

#include <pthread.h>

#include "test.h"
#include "test_directory.h"

#define NOW_MS 1760000000000u

/* Where the fields are, from docs/spec/sealing.md and not from the code. */
enum {
    AT_VERSION = 4,
    AT_PURPOSE = 6,
    AT_EPOCH = 8,
    AT_SIZE = 16,
    AT_MACHINE = 20,
    AT_MEASUREMENT = 52,
    AT_NAME = 100,
    AT_SALT = 132,
    AT_SEALED = 164,
    OVERHEAD = 180,
};

/* ---- two machines, two programs -------------------------------------------------------------- */

static struct ag_host_test chance;

struct machine {
    char directory[64];
    struct ag_tee *tee;
    struct ag_seal *seal;
};

static void start_machine(struct machine *machine)
{
    CHECK_OK(ag_tee_open(AG_TEE_INSECURE_SIM, machine->directory, &chance.host, &machine->tee));
    CHECK_OK(ag_seal_open(machine->tee, &chance.host, &machine->seal));
}

static void stop_machine(struct machine *machine)
{
    ag_seal_close(machine->seal);
    ag_tee_close(machine->tee);
    machine->seal = NULL;
    machine->tee = NULL;
}

static void make_machine(struct machine *machine)
{
    CHECK_OK(ag_crypto_start());
    ag_host_test_init(&chance, ag_test_seed + ag_test_random(), NOW_MS);
    strcpy(machine->directory, "/tmp/ag-seal-XXXXXX");
    CHECK(mkdtemp(machine->directory) != NULL);
    start_machine(machine);
}

static void remove_machine(struct machine *machine)
{
    stop_machine(machine);
    remove_flat(machine->directory);
}

/* The same machine runs another program from the next start on. */
static void set_program(const struct machine *machine, char digit)
{
    char name[128];
    char text[96];
    memset(text, digit, sizeof(text));
    join_name(name, sizeof(name), machine->directory, "measurement.hex");
    CHECK_OK(ag_file_write(name, AG_ARRAY_VIEW(text), 0600));
}

static struct ag_bytes text(const char *characters)
{
    return ag_bytes_of(characters, strlen(characters));
}

/* What opening `blob` answers; the plain text is compared when it opens. */
static enum ag_err open_blob(const struct ag_seal *seal, enum ag_purpose purpose,
                             uint64_t epoch_min, struct ag_bytes name, struct ag_bytes blob,
                             struct ag_bytes wanted)
{
    struct ag_arena arena;
    struct ag_bytes untouched = AG_LITERAL("untouched");
    struct ag_bytes got = untouched;
    ag_arena_init_secret(&arena, 1 << 22);
    enum ag_err err = ag_seal_unseal(seal, purpose, epoch_min, name, blob, &arena, &got);
    CHECK_BYTES(got, err == AG_OK ? wanted : untouched);
    ag_arena_close(&arena);
    return err;
}

static struct ag_vec seal_blob(const struct ag_seal *seal, enum ag_purpose purpose, uint64_t epoch,
                               struct ag_bytes name, struct ag_bytes plain)
{
    struct ag_vec blob;
    ag_vec_init(&blob, 1 << 22);
    CHECK_OK(ag_seal_seal(seal, purpose, epoch, name, plain, &blob));
    return blob;
}

/* ---- what opens ------------------------------------------------------------------------------ */

static void test_what_was_sealed_opens(void)
{
    static uint8_t plain[1000001];
    static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, sizeof(plain)};
    struct machine machine;
    make_machine(&machine);
    ag_test_random_bytes(plain, sizeof(plain));
    for (size_t i = 0; i < AG_COUNT(sizes); i++) {
        struct ag_bytes view = {plain, sizes[i]};
        struct ag_vec blob = seal_blob(machine.seal, AG_PURPOSE_STATE, 7, text("name"), view);
        struct ag_vec again = seal_blob(machine.seal, AG_PURPOSE_STATE, 7, text("name"), view);
        CHECK_U64(blob.size, sizes[i] + OVERHEAD);
        CHECK_U64(AG_SEAL_OVERHEAD_SIZE, OVERHEAD);
        CHECK_OK(
            open_blob(machine.seal, AG_PURPOSE_STATE, 7, text("name"), ag_vec_view(&blob), view));
        /* An older minimum is fine; two blobs share neither salt nor text. */
        CHECK_OK(
            open_blob(machine.seal, AG_PURPOSE_STATE, 0, text("name"), ag_vec_view(&again), view));
        CHECK(memcmp(blob.data + AT_SALT, again.data + AT_SALT, 32) != 0);
        CHECK(memcmp(blob.data + AT_SEALED, again.data + AT_SEALED, 16) != 0);
        CHECK(sizes[i] < 16 || memcmp(blob.data + AT_SEALED, plain, 16) != 0);
        ag_vec_close(&blob);
        ag_vec_close(&again);
    }
    uint8_t long_name[AG_LIMIT_SEALED_NAME_BYTES];
    memset(long_name, 'n', sizeof(long_name));
    struct ag_vec blob =
        seal_blob(machine.seal, AG_PURPOSE_TLS, UINT64_MAX, AG_ARRAY_VIEW(long_name), text("x"));
    CHECK_OK(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), text("y"), &blob));
    CHECK_U64(blob.size, 2 * OVERHEAD + 2); /* appended */
    CHECK_OK(open_blob(machine.seal, AG_PURPOSE_TLS, UINT64_MAX, AG_ARRAY_VIEW(long_name),
                       ag_bytes_head(ag_vec_view(&blob), OVERHEAD + 1), text("x")));
    CHECK_OK(open_blob(machine.seal, AG_PURPOSE_META, 1, text("n"),
                       ag_bytes_tail(ag_vec_view(&blob), OVERHEAD + 1), text("y")));

    stop_machine(&machine); /* and after a restart */
    start_machine(&machine);
    CHECK_OK(open_blob(machine.seal, AG_PURPOSE_META, 1, text("n"),
                       ag_bytes_tail(ag_vec_view(&blob), OVERHEAD + 1), text("y")));
    ag_vec_close(&blob);
    remove_machine(&machine);
}

/* The format once more, from the page alone. */
static void test_as_specified(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_vec blob =
        seal_blob(machine.seal, AG_PURPOSE_KEYRING, 0x0102030405060708u, text("name"), text("hi"));
    struct ag_key256 secret = {{0}};
    struct ag_key256 root = {{0}};
    struct ag_key256 key = {{0}};
    struct ag_id machine_id;
    uint8_t measurement[48];
    uint8_t info[200];
    uint8_t plain[2];
    ag_tee_machine(machine.tee, &machine_id);
    ag_tee_measurement(machine.tee, measurement);
    CHECK_OK(ag_tee_root_secret(machine.tee, &secret));

    CHECK_BYTES(ag_bytes_of(blob.data, AT_MACHINE),
                AG_LITERAL("AGSB\x00\x01\x00\x01\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x02"));
    CHECK_BYTES(ag_bytes_of(blob.data + AT_MACHINE, 32), AG_VIEW(&machine_id));
    CHECK_BYTES(ag_bytes_of(blob.data + AT_MEASUREMENT, 48), AG_ARRAY_VIEW(measurement));
    uint8_t name_hash[48];
    struct ag_bytes parts[] = {AG_LITERAL("\x12"), AG_LITERAL("aegis/v1/seal/name"), text("name")};
    CHECK_OK(ag_sha384(parts, AG_COUNT(parts), name_hash));
    CHECK_BYTES(ag_bytes_of(blob.data + AT_NAME, 32), ag_bytes_of(name_hash, 32));

    memcpy(info, "aegis/v1/seal/root", 19); /* with its 00 */
    memcpy(info + 19, machine_id.bytes, 32);
    memcpy(info + 51, measurement, 48);
    CHECK_OK(ag_hkdf(384, AG_VIEW(&secret), (struct ag_bytes){NULL, 0}, ag_bytes_of(info, 99),
                     (struct ag_buf){root.bytes, 32}));
    memcpy(info, "aegis/v1/seal/blob", 19);
    memcpy(info + 19, "\x00\x01\x01\x02\x03\x04\x05\x06\x07\x08name", 14);
    CHECK_OK(ag_hkdf(384, AG_VIEW(&root), ag_bytes_of(blob.data + AT_SALT, 32),
                     ag_bytes_of(info, 33), (struct ag_buf){key.bytes, 32}));
    const uint8_t nonce[12] = {0};
    CHECK_OK(ag_gcm_open(&key, nonce, ag_bytes_of(blob.data, AT_SEALED),
                         ag_bytes_of(blob.data + AT_SEALED, 18), (struct ag_buf){plain, 2}));
    CHECK_BYTES(AG_ARRAY_VIEW(plain), text("hi"));
    ag_vec_close(&blob);
    remove_machine(&machine);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void test_refusals_by_name(void)
{
    struct machine machine;
    struct machine other;
    make_machine(&other);
    make_machine(&machine);
    const struct ag_seal *seal = machine.seal;
    struct ag_vec vec = seal_blob(seal, AG_PURPOSE_STATE, 5, text("name"), text("secret"));
    struct ag_bytes blob = ag_vec_view(&vec);
    struct ag_bytes none = {NULL, 0};

    CHECK_OK(open_blob(seal, AG_PURPOSE_STATE, 5, text("name"), blob, text("secret")));
    CHECK_ERR(open_blob(other.seal, AG_PURPOSE_STATE, 5, text("name"), blob, none),
              AG_ERR_SEAL_MACHINE);
    CHECK_ERR(open_blob(seal, AG_PURPOSE_META, 5, text("name"), blob, none), AG_ERR_SEAL_PURPOSE);
    CHECK_ERR(open_blob(seal, AG_PURPOSE_STATE, 6, text("name"), blob, none), AG_ERR_SEAL_EPOCH);
    CHECK_ERR(open_blob(seal, AG_PURPOSE_STATE, 5, text("nam"), blob, none), AG_ERR_SEAL_SWAPPED);
    CHECK_ERR(open_blob(seal, AG_PURPOSE_STATE, 5, text("name"), none, none),
              AG_ERR_SEAL_TRUNCATED);
    CHECK_ERR(open_blob(seal, AG_PURPOSE_STATE, 5, text("name"), text("AGSB"), none),
              AG_ERR_SEAL_TRUNCATED);
    CHECK_ERR(open_blob(seal, AG_PURPOSE_STATE, 5, text("name"), text("no blob at all"), none),
              AG_ERR_SEAL_FORMAT);
    CHECK_ERR(open_blob(seal, AG_PURPOSE_STATE, 5, text("name"), text("no"), none),
              AG_ERR_SEAL_FORMAT);

    set_program(&machine, 'a');
    stop_machine(&machine);
    start_machine(&machine);
    CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), blob, none),
              AG_ERR_SEAL_MEASUREMENT);
    ag_vec_close(&vec);
    remove_machine(&machine);
    remove_machine(&other);
}

static void test_truncation_at_every_byte(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_vec blob =
        seal_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), text("forty-two bytes"));
    for (size_t size = 0; size < blob.size; size++) {
        /* A copy of just these bytes, so that a sanitizer sees any reading past them. */
        uint8_t *copy = malloc(size == 0 ? 1 : size);
        memcpy(copy, blob.data, size);
        CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"),
                            (struct ag_bytes){copy, size}, (struct ag_bytes){NULL, 0}),
                  AG_ERR_SEAL_TRUNCATED);
        free(copy);
    }
    uint8_t zero = 0;
    CHECK_OK(ag_vec_append(&blob, (struct ag_bytes){&zero, 1}));
    CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), ag_vec_view(&blob),
                        (struct ag_bytes){NULL, 0}),
              AG_ERR_SEAL_TAMPERED);
    ag_vec_close(&blob);
    remove_machine(&machine);
}

/* What a changed byte at this place may be called; 0: this table does not say. */
static enum ag_err wanted_for(size_t at, const uint8_t *blob, uint64_t epoch_min)
{
    if (at < AT_PURPOSE) {
        return AG_ERR_SEAL_FORMAT;
    }
    if (at < AT_EPOCH) {
        return AG_ERR_SEAL_PURPOSE;
    }
    if (at < AT_SIZE) {
        uint64_t epoch = 0;
        for (size_t i = 0; i < 8; i++) {
            epoch = epoch << 8 | blob[AT_EPOCH + i];
        }
        return epoch < epoch_min ? AG_ERR_SEAL_EPOCH : AG_ERR_SEAL_TAMPERED;
    }
    if (at < AT_MACHINE) {
        size_t size =
            (size_t)blob[16] << 24 | (size_t)blob[17] << 16 | (size_t)blob[18] << 8 | blob[19];
        return size > 15 ? AG_ERR_SEAL_TRUNCATED : AG_ERR_SEAL_TAMPERED;
    }
    if (at < AT_MEASUREMENT) {
        return AG_ERR_SEAL_MACHINE;
    }
    if (at < AT_NAME) {
        return AG_ERR_SEAL_MEASUREMENT;
    }
    return at < AT_SALT ? AG_ERR_SEAL_SWAPPED : AG_ERR_SEAL_TAMPERED;
}

static void test_each_bit_flipped(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_bytes plain = text("forty-two bytes");
    struct ag_vec blob = seal_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), plain);
    for (size_t at = 0; at < blob.size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            blob.data[at] ^= (uint8_t)(1u << bit);
            CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), ag_vec_view(&blob),
                                plain),
                      wanted_for(at, blob.data, 5));
            blob.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    CHECK_OK(open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), ag_vec_view(&blob), plain));
    ag_vec_close(&blob);
    remove_machine(&machine);
}

/* Whoever writes the right name into a field gets past the naming, never past the key. */
static void test_forged_fields(void)
{
    struct machine machine;
    struct machine other;
    make_machine(&other);
    make_machine(&machine);
    struct ag_bytes plain = text("secret");
    struct ag_vec good = seal_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), plain);
    const struct {
        const char *field;
        const struct ag_seal *seal;
        enum ag_purpose purpose;
        uint64_t epoch;
        const char *name;
        enum ag_err honest; /* what it is called before it is forged */
        size_t at;
        size_t size;
    } rows[] = {
        {"machine", other.seal, AG_PURPOSE_STATE, 5, "name", AG_ERR_SEAL_MACHINE, AT_MACHINE, 32},
        {"purpose", machine.seal, AG_PURPOSE_META, 5, "name", AG_ERR_SEAL_PURPOSE, AT_PURPOSE, 2},
        {"epoch", machine.seal, AG_PURPOSE_STATE, 4, "name", AG_ERR_SEAL_EPOCH, AT_EPOCH, 8},
        {"later epoch", machine.seal, AG_PURPOSE_STATE, 6, "name", AG_OK, AT_EPOCH, 8},
        {"name", machine.seal, AG_PURPOSE_STATE, 5, "eman", AG_ERR_SEAL_SWAPPED, AT_NAME, 32},
        {"salt", machine.seal, AG_PURPOSE_STATE, 5, "name", AG_OK, AT_SALT, 32},
        {"tag", machine.seal, AG_PURPOSE_STATE, 5, "name", AG_OK, AT_SEALED + 6, 16},
        {"text", machine.seal, AG_PURPOSE_STATE, 5, "name", AG_OK, AT_SEALED, 6},
        {"text and tag", machine.seal, AG_PURPOSE_STATE, 5, "name", AG_OK, AT_SEALED, 22},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        struct ag_vec blob =
            seal_blob(rows[i].seal, rows[i].purpose, rows[i].epoch, text(rows[i].name), plain);
        CHECK_ERR(
            open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), ag_vec_view(&blob), plain),
            rows[i].honest);
        memcpy(blob.data + rows[i].at, good.data + rows[i].at, rows[i].size);
        enum ag_err err =
            open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), ag_vec_view(&blob), plain);
        CHECK_ERR(err, AG_ERR_SEAL_TAMPERED);
        if (err != AG_ERR_SEAL_TAMPERED) {
            ag_test_note("forged field: %s", rows[i].field);
        }
        ag_vec_close(&blob);
    }
    ag_vec_close(&good);
    remove_machine(&machine);
    remove_machine(&other);
}

/* Half of one blob and half of another, cut at every place. */
static void test_mixed_halves(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_bytes plain = text("secret");
    struct ag_vec good = seal_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), plain);
    struct ag_vec rival = seal_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), plain);
    for (size_t at = AT_SALT + 1; at < good.size; at++) {
        uint8_t mixed[OVERHEAD + 6];
        memcpy(mixed, good.data, at);
        memcpy(mixed + at, rival.data + at, good.size - at);
        if (memcmp(mixed, good.data, good.size) != 0 && memcmp(mixed, rival.data, good.size) != 0) {
            CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"),
                                AG_ARRAY_VIEW(mixed), plain),
                      AG_ERR_SEAL_TAMPERED);
        }
    }
    ag_vec_close(&good);
    ag_vec_close(&rival);
    remove_machine(&machine);
}

/* Another program writes our measurement over its own. */
static void test_forged_measurement(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_bytes plain = text("secret");
    uint8_t ours[48];
    ag_tee_measurement(machine.tee, ours);
    struct ag_vec theirs;
    set_program(&machine, 'b');
    stop_machine(&machine);
    start_machine(&machine);
    theirs = seal_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), plain);
    char name[128];
    join_name(name, sizeof(name), machine.directory, "measurement.hex");
    CHECK(unlink(name) == 0);
    stop_machine(&machine);
    start_machine(&machine);
    CHECK_ERR(
        open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), ag_vec_view(&theirs), plain),
        AG_ERR_SEAL_MEASUREMENT);
    memcpy(theirs.data + AT_MEASUREMENT, ours, sizeof(ours));
    CHECK_ERR(
        open_blob(machine.seal, AG_PURPOSE_STATE, 5, text("name"), ag_vec_view(&theirs), plain),
        AG_ERR_SEAL_TAMPERED);
    ag_vec_close(&theirs);
    remove_machine(&machine);
}

static void test_misuse_is_refused(void)
{
    struct machine machine;
    make_machine(&machine);
    uint8_t long_name[AG_LIMIT_SEALED_NAME_BYTES + 1] = {1};
    struct ag_vec out;
    struct ag_bytes none = {NULL, 0};
    struct ag_bytes big = {long_name, (size_t)AG_LIMIT_SEALED_BYTES + 1};
    ag_vec_init(&out, OVERHEAD + 10);
    CHECK_ERR(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, none, none, &out), AG_ERR_ARGUMENT);
    CHECK_ERR(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, AG_ARRAY_VIEW(long_name), none, &out),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_seal_seal(machine.seal, (enum ag_purpose)0, 1, text("n"), none, &out),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_seal_seal(machine.seal, (enum ag_purpose)65536, 1, text("n"), none, &out),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), big, &out),
              AG_ERR_ARGUMENT);
    CHECK_ERR(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), text("eleven byte"), &out),
              AG_ERR_WIRE_SPACE); /* the vec's own limit */
    CHECK_U64(out.size, 0);
    CHECK_OK(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), text("ten bytes!"), &out));
    CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_META, 1, none, ag_vec_view(&out), none),
              AG_ERR_ARGUMENT);
    CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_META, 1, AG_ARRAY_VIEW(long_name),
                        ag_vec_view(&out), none),
              AG_ERR_ARGUMENT);
    struct ag_arena small;
    struct ag_bytes got = none;
    ag_arena_init(&small, 9);
    CHECK(ag_seal_unseal(machine.seal, AG_PURPOSE_META, 1, text("n"), ag_vec_view(&out), &small,
                         &got) != AG_OK);
    CHECK(got.data == NULL);
    ag_arena_close(&small);
    ag_vec_close(&out);
    ag_seal_close(NULL);
    remove_machine(&machine);
}

/* ---- failing ground -------------------------------------------------------------------------- */

static void test_failed_allocations(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_seal *seal = NULL;
    unsigned failures = 0;
    for (uint64_t nth = 1; nth < 50 && seal == NULL; nth++) {
        ag_alloc_fail_nth(nth);
        enum ag_err err = ag_seal_open(machine.tee, &chance.host, &seal);
        ag_alloc_fail_nth(0);
        CHECK((err == AG_OK) == (seal != NULL) && (err == AG_OK || err == AG_ERR_NO_MEMORY));
        failures += err != AG_OK;
    }
    CHECK(failures >= 2 && seal != NULL);
    ag_seal_close(seal);

    struct ag_vec out;
    ag_vec_init(&out, 4096);
    ag_alloc_fail_nth(1);
    CHECK_ERR(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), text("x"), &out),
              AG_ERR_NO_MEMORY);
    CHECK_U64(out.size, 0);
    CHECK_OK(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), text("x"), &out));
    ag_alloc_fail_nth(1);
    CHECK_ERR(open_blob(machine.seal, AG_PURPOSE_META, 1, text("n"), ag_vec_view(&out), text("x")),
              AG_ERR_NO_MEMORY);
    CHECK_OK(open_blob(machine.seal, AG_PURPOSE_META, 1, text("n"), ag_vec_view(&out), text("x")));
    ag_vec_close(&out);
    remove_machine(&machine);
}

static void test_failed_draws(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_vec out;
    ag_vec_init(&out, 4096);
    chance.fail_draw = 1;
    CHECK_ERR(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), text("x"), &out),
              AG_ERR_ENTROPY);
    CHECK_U64(out.size, 0);
    CHECK_OK(ag_seal_seal(machine.seal, AG_PURPOSE_META, 1, text("n"), text("x"), &out));
    ag_vec_close(&out);
    remove_machine(&machine);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *seal_and_open(void *argument)
{
    const struct ag_seal *seal = argument;
    size_t failures = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct ag_vec blob;
        struct ag_arena arena;
        struct ag_bytes got = {NULL, 0};
        ag_vec_init(&blob, 4096);
        ag_arena_init_secret(&arena, 4096);
        failures +=
            ag_seal_seal(seal, AG_PURPOSE_STATE, i, text("n"), text("plain"), &blob) != AG_OK ||
            ag_seal_unseal(seal, AG_PURPOSE_STATE, i, text("n"), ag_vec_view(&blob), &arena,
                           &got) != AG_OK ||
            !ag_bytes_equal(got, text("plain"));
        ag_arena_close(&arena);
        ag_vec_close(&blob);
    }
    return failures == 0 ? NULL : argument;
}

static void test_threads(void)
{
    struct machine machine;
    make_machine(&machine);
    struct ag_seal *seal = NULL;
    pthread_t threads[4];
    CHECK_OK(ag_seal_open(machine.tee, ag_host_system(), &seal)); /* its chance is free-threaded */
    for (size_t i = 0; i < AG_COUNT(threads); i++) {
        CHECK(pthread_create(&threads[i], NULL, seal_and_open, seal) == 0);
    }
    for (size_t i = 0; i < AG_COUNT(threads); i++) {
        void *failed = seal;
        CHECK(pthread_join(threads[i], &failed) == 0);
        CHECK(failed == NULL);
    }
    ag_seal_close(seal);
    remove_machine(&machine);
}

/* ---- the anchor ------------------------------------------------------------------------------ */

static uint64_t counter_of(const struct machine *machine)
{
    uint64_t counter = UINT64_MAX;
    CHECK_OK(ag_tee_counter_read(machine->tee, &counter));
    return counter;
}

static void test_anchor(void)
{
    struct machine machine;
    make_machine(&machine);
    CHECK_OK(ag_seal_anchor_check(machine.tee, 0)); /* a new store on a new machine */
    CHECK_ERR(ag_seal_anchor_advance(machine.tee, 2), AG_ERR_TEE_COUNTER); /* no leaps */
    CHECK_U64(counter_of(&machine), 0);
    for (uint64_t i = 1; i <= 5; i++) {
        CHECK_OK(ag_seal_anchor_advance(machine.tee, i));
        CHECK_OK(ag_seal_anchor_advance(machine.tee, i)); /* a repeat is harmless */
    }
    CHECK_ERR(ag_seal_anchor_advance(machine.tee, 4), AG_ERR_TEE_COUNTER); /* nor back */

    const struct {
        uint64_t stored;
        enum ag_err wanted;
        uint64_t counter_after;
    } rows[] = {
        {0, AG_ERR_SEAL_ROLLBACK, 5},        /* the store was thrown away */
        {4, AG_ERR_SEAL_ROLLBACK, 5},        /* one commit back */
        {5, AG_OK, 5},                       /* the newest */
        {7, AG_ERR_TEE_COUNTER, 5},          /* another machine's, or a counter reset */
        {UINT64_MAX, AG_ERR_TEE_COUNTER, 5}, /* without overflow */
        {6, AG_OK, 6},                       /* died before the counter: caught up */
        {5, AG_ERR_SEAL_ROLLBACK, 6},        /* and from then on the older one is old */
        {6, AG_OK, 6},
    };
    for (size_t i = 0; i < AG_COUNT(rows); i++) {
        CHECK_ERR(ag_seal_anchor_check(machine.tee, rows[i].stored), rows[i].wanted);
        CHECK_U64(counter_of(&machine), rows[i].counter_after);
    }
    stop_machine(&machine);
    start_machine(&machine);
    CHECK_U64(counter_of(&machine), 6); /* the hardware remembers */
    remove_machine(&machine);
}

static const struct ag_test_case cases[] = {
    {"what was sealed opens, at every size, after a restart", test_what_was_sealed_opens},
    {"the format is the one of the page", test_as_specified},
    {"each way to be wrong has its name", test_refusals_by_name},
    {"truncation at every byte", test_truncation_at_every_byte},
    {"each bit flipped", test_each_bit_flipped},
    {"forged fields end in SEAL_TAMPERED", test_forged_fields},
    {"halves of two blobs end in SEAL_TAMPERED", test_mixed_halves},
    {"a forged measurement ends in SEAL_TAMPERED", test_forged_measurement},
    {"misuse: names, purposes, sizes, small outputs", test_misuse_is_refused},
    {"each allocation fails once", test_failed_allocations},
    {"each random draw fails once", test_failed_draws},
    {"threads share a seal", test_threads},
    {"the anchor: every relation of store and counter", test_anchor},
};
TEST_MAIN(cases)
