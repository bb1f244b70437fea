/* SPDX-License-Identifier: Apache-2.0 */
/* hardware.bin: what a real machine has fused or in flash.
 *
 *     "AGHW" u16 1 | secret 32 | qe auth 32 | ppid 16 | five P-256 scalars of 32 |
 *     four certificates, each u16 size and DER | checksum 48 over all before
 *
 * It is written whole or not at all, so a machine that exists is complete. */
#include "tee/sim_i.h"

#include "wire/wire.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HARDWARE_VERSION  1u
#define HARDWARE_SIZE_MAX 16384u

static enum ag_err path_of(const char *directory, const char *name, char out[PATH_MAX])
{
    int length = snprintf(out, PATH_MAX, "%s/%s", directory, name);
    AG_ENSURE(length > 0 && length < PATH_MAX, AG_ERR_ARGUMENT);
    return AG_OK;
}

/* A vec that holds the machine's secrets. */
static void close_secret_vec(struct ag_vec *vec)
{
    ag_wipe(vec->data, vec->capacity);
    ag_vec_close(vec);
}

/* The public name follows from the PPID, as a real one would. */
static enum ag_err name_machine(struct ag_sim_machine *machine)
{
    return ag_hash_id(AG_TAG_SIM, AG_ARRAY_VIEW(machine->ppid), &machine->id);
}

static enum ag_err checksum_of(struct ag_bytes content, struct ag_hash *out)
{
    struct ag_bytes parts[] = {AG_LITERAL("hardware"), content};
    return ag_hash(AG_TAG_SIM, parts, AG_COUNT(parts), out);
}

/* ---- reading ---- */

static enum ag_err decode(struct ag_bytes in, struct ag_sim_machine *machine)
{
    AG_ENSURE(in.size > AG_HASH_SIZE, AG_ERR_TEE);
    struct ag_bytes content = ag_bytes_head(in, in.size - AG_HASH_SIZE);
    struct ag_hash checksum;
    AG_TRY(checksum_of(content, &checksum));
    AG_ENSURE(ag_bytes_equal(ag_bytes_tail(in, content.size), AG_VIEW(&checksum)), AG_ERR_TEE);

    struct ag_rd rd = ag_rd_from(content);
    ag_rd_magic(&rd, "AGHW", HARDWARE_VERSION);
    ag_rd_copy(&rd, machine->secret.bytes, sizeof(machine->secret.bytes), "secret");
    ag_rd_copy(&rd, machine->qe_auth, sizeof(machine->qe_auth), "auth data");
    ag_rd_copy(&rd, machine->ppid, sizeof(machine->ppid), "ppid");
    struct ag_bytes scalars[AG_SIM_KEY_COUNT];
    for (size_t i = 0; i < AG_SIM_KEY_COUNT; i++) {
        scalars[i] = ag_rd_fixed(&rd, 32, "key");
    }
    struct ag_bytes certs[AG_SIM_CERT_COUNT];
    for (size_t i = 0; i < AG_SIM_CERT_COUNT; i++) {
        certs[i] = ag_rd_bytes16(&rd, AG_LIMIT_CERT_BYTES, "certificate");
    }
    AG_ENSURE(ag_rd_finish(&rd, NULL) == AG_OK, AG_ERR_TEE);

    for (size_t i = 0; i < AG_SIM_KEY_COUNT; i++) {
        AG_TRY(ag_ecdsa_key_open(scalars[i], &machine->keys[i]));
    }
    for (size_t i = 0; i < AG_SIM_CERT_COUNT; i++) {
        AG_TRY(ag_cert_parse_der(certs[i], &machine->certs[i]));
    }
    return name_machine(machine);
}

/* ---- making ---- */

static enum ag_err encode(const struct ag_sim_machine *machine,
                          const struct ag_key256 scalars[AG_SIM_KEY_COUNT], struct ag_vec *out)
{
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_reserve(&wr, HARDWARE_SIZE_MAX);
    ag_wr_magic(&wr, "AGHW", HARDWARE_VERSION);
    ag_wr_bytes(&wr, AG_VIEW(&machine->secret));
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(machine->qe_auth));
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(machine->ppid));
    for (size_t i = 0; i < AG_SIM_KEY_COUNT; i++) {
        ag_wr_bytes(&wr, AG_VIEW(&scalars[i]));
    }
    for (size_t i = 0; i < AG_SIM_CERT_COUNT; i++) {
        ag_wr_bytes16(&wr, ag_cert_der(machine->certs[i]), AG_LIMIT_CERT_BYTES);
    }
    AG_TRY(ag_wr_finish(&wr));
    struct ag_hash checksum;
    AG_TRY(checksum_of(ag_vec_view(out), &checksum));
    return ag_vec_append(out, AG_VIEW(&checksum));
}

/* A random scalar is a valid P-256 key unless it is zero or not below the order, which happens
 * once in 2^32 draws: then another is drawn. */
static enum ag_err make_key(const struct ag_host *host, struct ag_key256 *scalar,
                            struct ag_ecdsa_key **out)
{
    for (unsigned attempt = 0; attempt < 4; attempt++) {
        AG_TRY(ag_random_key(host, (struct ag_buf){scalar->bytes, sizeof(scalar->bytes)}));
        enum ag_err err = ag_ecdsa_key_open(AG_VIEW(scalar), out);
        if (err != AG_ERR_KEY) {
            return err;
        }
    }
    return AG_ERR_ENTROPY;
}

static void wipe_scalars(struct ag_key256 (*scalars)[AG_SIM_KEY_COUNT])
{
    ag_wipe(*scalars, sizeof(*scalars));
}

/* The root for people: a policy of another machine needs its fingerprint. */
static enum ag_err publish_root(const char *directory, const struct ag_sim_machine *machine)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_CERT_BYTES);
    AG_TRY(ag_cert_to_pem(ag_cert_der(machine->certs[AG_SIM_CERT_ROOT]), &text));
    char path[PATH_MAX];
    AG_TRY(path_of(directory, "root.pem", path));
    AG_TRY(ag_file_write(path, ag_vec_view(&text), 0644));

    uint8_t fingerprint[32];
    AG_TRY(ag_cert_fingerprint(machine->certs[AG_SIM_CERT_ROOT], fingerprint));
    char hex[66];
    ag_hex_encode(AG_ARRAY_VIEW(fingerprint), hex);
    hex[64] = '\n';
    AG_TRY(path_of(directory, "root.sha256", path));
    return ag_file_write(path, ag_bytes_of(hex, 65), 0644);
}

static enum ag_err make(const char *directory, const char *path, const struct ag_host *host,
                        struct ag_sim_machine *machine)
{
    struct ag_key256 scalars[AG_SIM_KEY_COUNT] AG_SCOPED(wipe_scalars) = {0};
    AG_TRY(ag_random_key(host, (struct ag_buf){machine->secret.bytes, 32}));
    AG_TRY(host->random(host->context, (struct ag_buf){machine->qe_auth, 32}));
    AG_TRY(host->random(host->context, (struct ag_buf){machine->ppid, 16}));
    for (size_t i = 0; i < AG_SIM_KEY_COUNT; i++) {
        AG_TRY(make_key(host, &scalars[i], &machine->keys[i]));
    }
    AG_TRY(ag_tee_sim_issue_certs(machine, host));
    AG_TRY(name_machine(machine));

    struct ag_vec file AG_SCOPED(close_secret_vec);
    ag_vec_init(&file, HARDWARE_SIZE_MAX);
    AG_TRY(encode(machine, scalars, &file));
    /* The public files first: once hardware.bin stands, nothing is made again. */
    AG_TRY(publish_root(directory, machine));
    return ag_file_write(path, ag_vec_view(&file), 0600);
}

enum ag_err ag_tee_sim_machine_open(const char *directory, const struct ag_host *host,
                                    struct ag_sim_machine *out)
{
    *out = (struct ag_sim_machine){0};
    char path[PATH_MAX];
    AG_TRY(path_of(directory, "hardware.bin", path));
    struct ag_vec file AG_SCOPED(close_secret_vec);
    ag_vec_init(&file, HARDWARE_SIZE_MAX);
    enum ag_err err = ag_file_read(path, HARDWARE_SIZE_MAX, &file);
    if (err == AG_ERR_NOT_FOUND) {
        return make(directory, path, host, out);
    }
    AG_TRY(err);
    return decode(ag_vec_view(&file), out);
}

void ag_tee_sim_machine_close(struct ag_sim_machine *machine)
{
    for (size_t i = 0; i < AG_SIM_KEY_COUNT; i++) {
        ag_ecdsa_key_close(machine->keys[i]);
    }
    for (size_t i = 0; i < AG_SIM_CERT_COUNT; i++) {
        ag_cert_close(machine->certs[i]);
    }
    ag_key256_wipe(&machine->secret);
    *machine = (struct ag_sim_machine){0};
}
