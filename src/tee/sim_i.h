/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEE_SIM_I_H
#define AG_TEE_SIM_I_H

/* The parts of insecure-sim. One directory is one simulated machine:
 *
 *     lock                  held while the machine is made
 *     hardware.bin          every key and certificate of the machine, made once, mode 0600
 *     root.pem, root.sha256 the root certificate and its fingerprint, for policies of others
 *     counter-<program>.bin one monotonic counter per measurement
 *     measurement.hex       optional: 96 hex digits that replace the measurement of the running
 *                           program, so that a test can be "another program" on the same machine
 *
 * The simulated vendor signs with the same machine's keys: root, PCK CA, TCB signer. */

#include "tee/tee.h"

/* The one measured value that a quote and the root secret share. */
#define AG_SIM_MEASUREMENT_SIZE 48u

enum ag_sim_key {
    AG_SIM_KEY_ROOT,
    AG_SIM_KEY_CA,
    AG_SIM_KEY_PCK,
    AG_SIM_KEY_ATTESTATION,
    AG_SIM_KEY_TCB,
    AG_SIM_KEY_COUNT,
};

/* The attestation key is certified by the QE report, not by a certificate. */
enum ag_sim_cert {
    AG_SIM_CERT_ROOT,
    AG_SIM_CERT_CA,
    AG_SIM_CERT_PCK,
    AG_SIM_CERT_TCB,
    AG_SIM_CERT_COUNT,
};

struct ag_sim_machine {
    struct ag_key256 secret;
    struct ag_id id;
    uint8_t ppid[16];
    uint8_t qe_auth[32];
    struct ag_ecdsa_key *keys[AG_SIM_KEY_COUNT];
    struct ag_cert *certs[AG_SIM_CERT_COUNT];
};
/* Reads the machine of this directory, or makes it. Whatever the outcome, the caller closes it.
 * One caller at a time: the caller holds the directory's lock. */
AG_MUST_CHECK enum ag_err ag_tee_sim_machine_open(const char *directory, const struct ag_host *host,
                                                  struct ag_sim_machine *out);
void ag_tee_sim_machine_close(struct ag_sim_machine *machine);

/* What this machine's certificates, quotes and TCB info agree on. TEE_TCB_SVN[1] is 1, so that the
 * module identity of major version 1 judges components 0 and 1. */
#define AG_SIM_FMSPC         "\x53\x49\x4d\x00\x00\x00" /* "SIM" */
#define AG_SIM_FMSPC_HEX     "53494d000000"
#define AG_SIM_PCE_SVN       13u
#define AG_SIM_COMPONENT_SVN 2u /* each of the 16 SGX components */
#define AG_SIM_MODULE_SVN    5u /* TEE_TCB_SVN[0] */
#define AG_SIM_MODULE_MAJOR  1u /* TEE_TCB_SVN[1] */
#define AG_SIM_TDX_SVN       7u /* TEE_TCB_SVN[2], the TDX late microcode */
#define AG_SIM_QE_PROD_ID    2u
#define AG_SIM_QE_SVN        4u
/* SHA-256("aegis insecure-sim quoting enclave"): no real signer has it. */
extern const uint8_t ag_tee_sim_qe_signer[32];

/* The certificate extension of a PCK certificate [PCK profile 1.2.840.113741.1.13.1]. */
AG_MUST_CHECK enum ag_err ag_tee_sim_pck_extension(const uint8_t ppid[16], struct ag_vec *out);
/* Issues the four certificates over the machine's keys. The clock is not asked: they are valid
 * from 2020 to the end of 2049, as a vendor's are before and after any node runs. */
AG_MUST_CHECK enum ag_err ag_tee_sim_issue_certs(struct ag_sim_machine *machine,
                                                 const struct ag_host *host);

/* Everything of a quote but the report data and its signature. */
AG_MUST_CHECK enum ag_err ag_tee_sim_quote_template(const struct ag_sim_machine *machine,
                                                    const uint8_t measurement[48],
                                                    struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_tee_sim_quote_sign(const struct ag_sim_machine *machine,
                                                struct ag_bytes template_bytes,
                                                const uint8_t report_data[64], struct ag_vec *out);

/* Appends an encoding of ag_collateral whose parts are valid from `issued_ms` to `expires_ms`. */
AG_MUST_CHECK enum ag_err ag_tee_sim_collateral_issue(const struct ag_sim_machine *machine,
                                                      uint64_t issued_ms, uint64_t expires_ms,
                                                      struct ag_vec *out);

/* The counter's file: two slots, the valid one with the higher value counts. */
struct ag_sim_counter {
    int fd; /* -1: closed */
    /* The last write may not have reached the disk: a kernel forgets a page whose sync failed, so
     * "it has this value already" would then be no promise. */
    bool is_unsynced;
    struct ag_id program; /* in every slot's checksum: a copied file is not another program's */
};
AG_MUST_CHECK enum ag_err ag_tee_sim_counter_open(const char *directory,
                                                  const struct ag_id *program,
                                                  struct ag_sim_counter *out);
void ag_tee_sim_counter_close(struct ag_sim_counter *counter);
AG_MUST_CHECK enum ag_err ag_tee_sim_counter_read(const struct ag_sim_counter *counter,
                                                  uint64_t *out);
AG_MUST_CHECK enum ag_err ag_tee_sim_counter_advance(struct ag_sim_counter *counter, uint64_t to);

#endif
