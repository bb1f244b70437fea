/* SPDX-License-Identifier: Apache-2.0 */
/* insecure-sim: a directory plays the hardware. Only the root of trust is imitated; quotes,
 * chains, collateral, key derivation and the counter are as on a real machine. */
#include "tee/sim_i.h"
#include "tee/tee_i.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_MS             86400000u
#define COLLATERAL_LIFE_MS (30u * (uint64_t)DAY_MS)
#define COLLATERAL_LEFT_MS (10u * (uint64_t)DAY_MS) /* with less left, it is issued anew */
/* Issued an hour ago, so that a verifier whose clock is a little behind does not refuse it. */
#define COLLATERAL_BACKDATE_MS 3600000u
#define COLLATERAL_SIZE_MAX    (8u * (size_t)AG_LIMIT_CERT_BYTES)

struct sim {
    struct ag_sim_machine machine;
    uint8_t measurement[AG_SIM_MEASUREMENT_SIZE];
    struct ag_vec quote_template; /* constant after open */

    pthread_mutex_t collateral_lock; /* guards the next three */
    struct ag_vec collateral;
    uint64_t collateral_issued_ms;
    uint64_t collateral_expires_ms; /* 0: none issued yet */

    pthread_mutex_t counter_lock; /* flock does not keep threads of one process apart */
    struct ag_sim_counter counter;
};

/* ---- measurement ---- */

/* measurement.hex if there is one: 96 digits and perhaps a newline. */
static enum ag_err read_override(const char *directory, uint8_t out[AG_SIM_MEASUREMENT_SIZE],
                                 bool *out_found)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/measurement.hex", directory);
    AG_ENSURE(length > 0 && (size_t)length < sizeof(path), AG_ERR_ARGUMENT);
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 256);
    enum ag_err err = ag_file_read(path, 256, &text);
    *out_found = err == AG_OK;
    if (err == AG_ERR_NOT_FOUND) {
        return AG_OK;
    }
    AG_TRY(err);
    size_t size = text.size;
    while (size != 0 && (text.data[size - 1] == '\n' || text.data[size - 1] == '\r')) {
        size--;
    }
    return ag_hex_decode((const char *)text.data, size,
                         (struct ag_buf){out, AG_SIM_MEASUREMENT_SIZE});
}

/* The loader of a real TEE measures what it loads; here the program hashes its own file. */
static enum ag_err measure(const char *directory, uint8_t out[AG_SIM_MEASUREMENT_SIZE])
{
    bool is_found = false;
    AG_TRY(read_override(directory, out, &is_found));
    if (is_found) {
        return AG_OK;
    }
    struct ag_vec program AG_SCOPED(ag_vec_close);
    ag_vec_init(&program, AG_LIMIT_FILE_BYTES);
    AG_TRY(ag_file_read("/proc/self/exe", AG_LIMIT_FILE_BYTES, &program));
    struct ag_hash hash;
    AG_TRY(ag_hash_one(AG_TAG_MEASURE, ag_vec_view(&program), &hash));
    memcpy(out, hash.bytes, AG_SIM_MEASUREMENT_SIZE);
    return AG_OK;
}

/* ---- open and close ---- */

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Two programs that start at once must not make two machines: the lock file is held until the
 * caller closes it. */
static enum ag_err lock_directory(const char *directory, int *out_fd)
{
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return AG_ERR_IO;
    }
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/lock", directory);
    AG_ENSURE(length > 0 && (size_t)length < sizeof(path), AG_ERR_ARGUMENT);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    AG_ENSURE(fd >= 0, AG_ERR_IO);
    *out_fd = fd;
    while (flock(fd, LOCK_EX) != 0) {
        AG_ENSURE(errno == EINTR, AG_ERR_IO);
    }
    return AG_OK;
}

static enum ag_err open_parts(const char *directory, const struct ag_host *host, struct sim *sim)
{
    int lock_fd AG_SCOPED(close_fd) = -1;
    AG_TRY(lock_directory(directory, &lock_fd));
    AG_TRY(ag_tee_sim_machine_open(directory, host, &sim->machine));
    AG_TRY(measure(directory, sim->measurement));
    AG_TRY(ag_tee_sim_quote_template(&sim->machine, sim->measurement, &sim->quote_template));

    struct ag_id program;
    AG_TRY(ag_hash_id(AG_TAG_SIM, AG_ARRAY_VIEW(sim->measurement), &program));
    return ag_tee_sim_counter_open(directory, &program, &sim->counter);
}

static void sim_close(void *state)
{
    struct sim *sim = state;
    ag_tee_sim_counter_close(&sim->counter);
    ag_tee_sim_machine_close(&sim->machine);
    ag_vec_close(&sim->quote_template);
    ag_vec_close(&sim->collateral);
    pthread_mutex_destroy(&sim->collateral_lock);
    pthread_mutex_destroy(&sim->counter_lock);
    ag_secret_free(sim, sizeof(*sim));
}

static enum ag_err sim_open(const char *sim_dir, const struct ag_host *host, void **out)
{
    struct sim *sim = ag_secret_alloc(sizeof(*sim));
    AG_ENSURE(sim != NULL, AG_ERR_NO_MEMORY);
    sim->counter.fd = -1;
    ag_vec_init(&sim->quote_template, AG_LIMIT_EVIDENCE_BYTES);
    ag_vec_init(&sim->collateral, COLLATERAL_SIZE_MAX);
    pthread_mutex_init(&sim->collateral_lock, NULL); /* cannot fail with default attributes */
    pthread_mutex_init(&sim->counter_lock, NULL);

    enum ag_err err = open_parts(sim_dir, host, sim);
    if (err != AG_OK) {
        sim_close(sim);
        return err;
    }
    *out = sim;
    return AG_OK;
}

/* ---- the provider ---- */

static enum ag_err sim_quote(void *state, const uint8_t report_data[64], struct ag_vec *out)
{
    const struct sim *sim = state;
    return ag_tee_sim_quote_sign(&sim->machine, ag_vec_view(&sim->quote_template), report_data,
                                 out);
}

/* A clock that went back before the issue date needs new collateral too. */
static bool is_fresh(const struct sim *sim, uint64_t now_ms)
{
    return sim->collateral_expires_ms != 0 && now_ms >= sim->collateral_issued_ms &&
           now_ms + COLLATERAL_LEFT_MS <= sim->collateral_expires_ms;
}

static enum ag_err reissue(struct sim *sim, uint64_t now_ms)
{
    uint64_t issued_ms = now_ms > COLLATERAL_BACKDATE_MS ? now_ms - COLLATERAL_BACKDATE_MS : 0;
    issued_ms -= issued_ms % 1000u; /* dates carry whole seconds */
    uint64_t expires_ms = issued_ms + COLLATERAL_LIFE_MS;
    sim->collateral_expires_ms = 0;
    sim->collateral.size = 0;
    AG_TRY(ag_tee_sim_collateral_issue(&sim->machine, issued_ms, expires_ms, &sim->collateral));
    sim->collateral_issued_ms = issued_ms;
    sim->collateral_expires_ms = expires_ms;
    return AG_OK;
}

static enum ag_err sim_collateral(void *state, uint64_t now_ms, struct ag_vec *out)
{
    struct sim *sim = state;
    AG_ENSURE(now_ms <= UINT64_MAX - COLLATERAL_LIFE_MS, AG_ERR_ARGUMENT);
    pthread_mutex_lock(&sim->collateral_lock);
    enum ag_err err = is_fresh(sim, now_ms) ? AG_OK : reissue(sim, now_ms);
    if (err == AG_OK) {
        err = ag_vec_append(out, ag_vec_view(&sim->collateral));
    }
    pthread_mutex_unlock(&sim->collateral_lock);
    return err;
}

static enum ag_err sim_root_secret(void *state, struct ag_key256 *out)
{
    const struct sim *sim = state;
    return ag_kdf(AG_TAG_SIM, AG_VIEW(&sim->machine.secret), AG_VIEW(&sim->machine.id),
                  AG_ARRAY_VIEW(sim->measurement), (struct ag_buf){out->bytes, sizeof(out->bytes)});
}

static void sim_measurement(const void *state, uint8_t out[48])
{
    const struct sim *sim = state;
    memcpy(out, sim->measurement, AG_SIM_MEASUREMENT_SIZE);
}

static void sim_machine(const void *state, struct ag_id *out)
{
    const struct sim *sim = state;
    *out = sim->machine.id;
}

static enum ag_err sim_root_fingerprint(const void *state, uint8_t out[32])
{
    const struct sim *sim = state;
    return ag_cert_fingerprint(sim->machine.certs[AG_SIM_CERT_ROOT], out);
}

static enum ag_err sim_counter_read(void *state, uint64_t *out)
{
    struct sim *sim = state;
    pthread_mutex_lock(&sim->counter_lock);
    enum ag_err err = ag_tee_sim_counter_read(&sim->counter, out);
    pthread_mutex_unlock(&sim->counter_lock);
    return err;
}

static enum ag_err sim_counter_advance(void *state, uint64_t to)
{
    struct sim *sim = state;
    pthread_mutex_lock(&sim->counter_lock);
    enum ag_err err = ag_tee_sim_counter_advance(&sim->counter, to);
    pthread_mutex_unlock(&sim->counter_lock);
    return err;
}

const struct ag_tee_ops ag_tee_sim_ops = {
    .kind = AG_TEE_INSECURE_SIM,
    .name = "insecure-sim",
    .open = sim_open,
    .close = sim_close,
    .quote = sim_quote,
    .collateral = sim_collateral,
    .root_fingerprint = sim_root_fingerprint,
    .counter_read = sim_counter_read,
    .counter_advance = sim_counter_advance,
    .root_secret = sim_root_secret,
    .measurement = sim_measurement,
    .machine = sim_machine,
};
