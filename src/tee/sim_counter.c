/* SPDX-License-Identifier: Apache-2.0 */
/* The counter advances at every commit of the store, so it is one write of 64 bytes and one
 * fdatasync on a file that never grows:
 *
 *     0     slot 0: magic 8 | value u64 | checksum 48
 *     4096  slot 1: the same, in another sector and another page
 *
 * A write goes to the slot that does not hold the current value. A torn write therefore costs only
 * the value that was being written, and the call had not returned. Real hardware does the same with
 * RPMB or NV memory; this file, of course, can be copied back by its owner. */
#include "tee/sim_i.h"

#include "wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT_COUNT  2u
#define SLOT_STRIDE 4096u
#define SLOT_MAGIC  "AGCOUNT1"
#define SLOT_SIZE   (8u + 8u + AG_HASH_SIZE)

static enum ag_err slot_checksum(const struct ag_id *program, const uint8_t slot[SLOT_SIZE],
                                 struct ag_hash *out)
{
    struct ag_bytes parts[] = {AG_LITERAL("counter"), AG_VIEW(program), ag_bytes_of(slot, 16)};
    return ag_hash(AG_TAG_SIM, parts, AG_COUNT(parts), out);
}

static enum ag_err slot_write(const struct ag_sim_counter *counter, unsigned index, uint64_t value)
{
    uint8_t slot[SLOT_SIZE];
    memcpy(slot, SLOT_MAGIC, 8);
    for (unsigned i = 0; i < 8; i++) {
        slot[8u + i] = (uint8_t)(value >> (56u - 8u * i));
    }
    struct ag_hash checksum;
    AG_TRY(slot_checksum(&counter->program, slot, &checksum));
    memcpy(slot + 16, checksum.bytes, AG_HASH_SIZE);

    ssize_t done;
    do {
        done = pwrite(counter->fd, slot, sizeof(slot), (off_t)index * (off_t)SLOT_STRIDE);
    } while (done < 0 && errno == EINTR);
    AG_ENSURE(done == (ssize_t)sizeof(slot), AG_ERR_IO);
    return AG_OK;
}

/* A slot that is cut short, torn or of another program is simply not valid. */
static enum ag_err slot_read(const struct ag_sim_counter *counter, unsigned index, bool *out_valid,
                             uint64_t *out_value)
{
    uint8_t slot[SLOT_SIZE] = {0};
    ssize_t got;
    do {
        got = pread(counter->fd, slot, sizeof(slot), (off_t)index * (off_t)SLOT_STRIDE);
    } while (got < 0 && errno == EINTR);
    AG_ENSURE(got >= 0, AG_ERR_IO);

    struct ag_hash checksum;
    AG_TRY(slot_checksum(&counter->program, slot, &checksum));
    *out_valid = got == (ssize_t)sizeof(slot) && memcmp(slot, SLOT_MAGIC, 8) == 0 &&
                 memcmp(slot + 16, checksum.bytes, AG_HASH_SIZE) == 0;
    *out_value = 0;
    for (unsigned i = 0; i < 8; i++) {
        *out_value = *out_value << 8 | slot[8u + i];
    }
    return AG_OK;
}

/* The current value and the slot that holds it. */
static enum ag_err current(const struct ag_sim_counter *counter, uint64_t *out_value,
                           unsigned *out_slot)
{
    bool is_found = false;
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        bool is_valid = false;
        uint64_t value = 0;
        AG_TRY(slot_read(counter, i, &is_valid, &value));
        if (is_valid && (!is_found || value > *out_value)) {
            is_found = true;
            *out_value = value;
            *out_slot = i;
        }
    }
    AG_ENSURE(is_found, AG_ERR_TEE_COUNTER);
    return AG_OK;
}

/* A new file gets both slots and its full size at once, so that later writes change no metadata.
 * It appears under its name only when that is on disk. */
static enum ag_err create(const char *path, const struct ag_id *program)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    AG_ENSURE(length > 0 && (size_t)length < sizeof(temporary), AG_ERR_ARGUMENT);
    struct ag_sim_counter counter AG_SCOPED(ag_tee_sim_counter_close) = {.program = *program};
    counter.fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    AG_ENSURE(counter.fd >= 0, AG_ERR_IO);
    AG_ENSURE(ftruncate(counter.fd, (off_t)(SLOT_COUNT * SLOT_STRIDE)) == 0, AG_ERR_IO);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        AG_TRY(slot_write(&counter, i, 0));
    }
    AG_ENSURE(fsync(counter.fd) == 0, AG_ERR_IO);
    AG_ENSURE(rename(temporary, path) == 0, AG_ERR_IO);
    return AG_OK;
}

enum ag_err ag_tee_sim_counter_open(const char *directory, const struct ag_id *program,
                                    struct ag_sim_counter *out)
{
    char name[2u * AG_ID_SIZE + 1u];
    ag_hex_encode(ag_bytes_of(program->bytes, 16), name);
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/counter-%s.bin", directory, name);
    AG_ENSURE(length > 0 && (size_t)length < sizeof(path), AG_ERR_ARGUMENT);

    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        AG_TRY(create(path, program));
        int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        AG_ENSURE(directory_fd >= 0, AG_ERR_IO);
        bool is_synced = fsync(directory_fd) == 0;
        close(directory_fd);
        AG_ENSURE(is_synced, AG_ERR_IO);
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    AG_ENSURE(fd >= 0, AG_ERR_IO);
    *out = (struct ag_sim_counter){.fd = fd, .program = *program};
    /* A predecessor may have been killed between its write and its sync. */
    AG_ENSURE(fdatasync(fd) == 0, AG_ERR_IO);

    uint64_t value = 0;
    unsigned slot = 0;
    return current(out, &value, &slot);
}

void ag_tee_sim_counter_close(struct ag_sim_counter *counter)
{
    if (counter->fd >= 0) {
        close(counter->fd);
        counter->fd = -1;
    }
}

/* Who first asks for the counter has it until he closes it, or dies: two runs that took turns could
 * both reach a value that only one of them answered for. Who only wants evidence never asks. The
 * caller keeps threads apart. */
static enum ag_err claim(int fd)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        AG_ENSURE(errno != EWOULDBLOCK, AG_ERR_BUSY);
        AG_ENSURE(errno == EINTR, AG_ERR_IO);
    }
    return AG_OK;
}

enum ag_err ag_tee_sim_counter_read(const struct ag_sim_counter *counter, uint64_t *out)
{
    AG_TRY(claim(counter->fd));
    uint64_t value = 0;
    unsigned slot = 0;
    AG_TRY(current(counter, &value, &slot));
    *out = value;
    return AG_OK;
}

static enum ag_err advance_claimed(struct ag_sim_counter *counter, uint64_t to)
{
    uint64_t value = 0;
    unsigned slot = 0;
    AG_TRY(current(counter, &value, &slot));
    AG_ENSURE(to >= value, AG_ERR_TEE_COUNTER);
    if (to == value && !counter->is_unsynced) {
        return AG_OK;
    }
    AG_FAILPOINT("tee.counter.write", AG_ERR_IO);
    counter->is_unsynced = true;
    AG_TRY(slot_write(counter, (slot + 1u) % SLOT_COUNT, to));
    AG_FAILPOINT("tee.counter.sync", AG_ERR_IO);
    AG_ENSURE(fdatasync(counter->fd) == 0, AG_ERR_IO);
    counter->is_unsynced = false;
    return AG_OK;
}

enum ag_err ag_tee_sim_counter_advance(struct ag_sim_counter *counter, uint64_t to)
{
    AG_TRY(claim(counter->fd));
    return advance_claimed(counter, to);
}
