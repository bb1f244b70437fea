/* SPDX-License-Identifier: Apache-2.0 */
/* A TDX quote of version 4 as a quoting enclave makes it [TDX-DCAP A.3], under simulated keys:
 *
 *     0     header 48: version 4, ECDSA P-256, TEE type 0x81, Intel's QE vendor id
 *     48    TD report 1.0, 584
 *     632   u32 size of all that follows
 *     636   quote signature 64, by the attestation key over 0..631
 *     700   attestation key 64
 *     764   u16 6, u32 size: QE report 384, its signature 64 by the PCK key, u16 and auth data 32,
 *           u16 5, u32 and PEM: PCK certificate, PCK CA, root
 *
 * Everything but the report data and the quote signature is the same in all quotes of one program
 * on one machine, so it is made once, and a quote costs one signature. */
#include "tee/sim_i.h"

#include <string.h>

#define HEADER_SIZE     48u
#define TD_REPORT_SIZE  584u
#define SIGNED_SIZE     (HEADER_SIZE + TD_REPORT_SIZE)
#define REPORT_DATA_AT  (HEADER_SIZE + 520u)
#define SIGNATURE_AT    (SIGNED_SIZE + 4u)
#define QE_REPORT_SIZE  384u
#define TEE_TYPE_TDX    0x81u
#define SEPT_VE_DISABLE 0x10u /* bit 28: in byte 3 */

const uint8_t ag_tee_sim_qe_signer[32] = {
    0x1d, 0x8b, 0xa5, 0x59, 0x93, 0x3c, 0x5c, 0x0e, 0xb7, 0x77, 0x87, 0x42, 0x34, 0x95, 0xa6, 0xb2,
    0x8b, 0x14, 0x5c, 0xfc, 0x83, 0xcd, 0xdc, 0xe1, 0xe2, 0x12, 0x3a, 0x31, 0xc3, 0x75, 0xbf, 0xbc,
};

static const uint8_t intel_qe_vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                            0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

/* Quotes are little-endian, so the cursor of wire is not for them. */
static void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, (uint16_t)value);
    put_u16(at + 2, (uint16_t)(value >> 16));
}

static void fill_header(uint8_t header[HEADER_SIZE])
{
    put_u16(header, 4);
    put_u16(header + 2, 2); /* ECDSA with P-256 */
    put_u32(header + 4, TEE_TYPE_TDX);
    memcpy(header + 12, intel_qe_vendor, sizeof(intel_qe_vendor));
}

static enum ag_err fill_td_report(uint8_t report[TD_REPORT_SIZE], const uint8_t measurement[48])
{
    report[0] = AG_SIM_MODULE_SVN;
    report[1] = AG_SIM_MODULE_MAJOR;
    report[2] = AG_SIM_TDX_SVN;
    /* MRSEAM: the digest of a module that does not exist. MRSIGNERSEAM and SEAMATTRIBUTES are
     * zero, as for Intel's own module. */
    struct ag_hash module;
    AG_TRY(ag_hash_one(AG_TAG_SIM, AG_LITERAL("tdx module"), &module));
    memcpy(report + 16, module.bytes, AG_HASH_SIZE);
    report[120 + 3] = SEPT_VE_DISABLE;
    static const uint8_t xfam[8] = {0xe7, 0x02, 0x06};
    memcpy(report + 128, xfam, sizeof(xfam));
    memcpy(report + 136, measurement, AG_SIM_MEASUREMENT_SIZE);
    /* RTMR0..3 stay zero: nothing was booted or extended here. */
    return AG_OK;
}

/* The simulated quoting enclave's own report: it vouches for the attestation key. */
static enum ag_err fill_qe_report(const struct ag_sim_machine *machine,
                                  const uint8_t attestation_key[64], uint8_t report[QE_REPORT_SIZE])
{
    memset(report, AG_SIM_COMPONENT_SVN, 16); /* CPUSVN */
    report[48] = 0x15;                        /* INIT, MODE64, PROVISIONKEY */
    report[56] = 0xe7;                        /* XFRM */
    struct ag_hash enclave;
    AG_TRY(ag_hash_one(AG_TAG_SIM, AG_LITERAL("quoting enclave"), &enclave));
    memcpy(report + 64, enclave.bytes, 32);
    memcpy(report + 128, ag_tee_sim_qe_signer, 32);
    put_u16(report + 256, AG_SIM_QE_PROD_ID);
    put_u16(report + 258, AG_SIM_QE_SVN);
    struct ag_bytes bound[] = {ag_bytes_of(attestation_key, 64), AG_ARRAY_VIEW(machine->qe_auth)};
    return ag_sha256(bound, AG_COUNT(bound), report + 320);
}

static enum ag_err chain_pem(const struct ag_sim_machine *machine, struct ag_vec *out)
{
    static const enum ag_sim_cert order[] = {AG_SIM_CERT_PCK, AG_SIM_CERT_CA, AG_SIM_CERT_ROOT};
    for (size_t i = 0; i < AG_COUNT(order); i++) {
        AG_TRY(ag_cert_to_pem(ag_cert_der(machine->certs[order[i]]), out));
    }
    return AG_OK;
}

enum ag_err ag_tee_sim_quote_template(const struct ag_sim_machine *machine,
                                      const uint8_t measurement[48], struct ag_vec *out)
{
    struct ag_vec chain AG_SCOPED(ag_vec_close);
    ag_vec_init(&chain, AG_LIMIT_EVIDENCE_BYTES);
    AG_TRY(chain_pem(machine, &chain));

    size_t inner_size = QE_REPORT_SIZE + 64u + 2u + sizeof(machine->qe_auth) + 6u + chain.size;
    size_t signature_size = 64u + 64u + 6u + inner_size;
    uint8_t *quote = NULL;
    AG_TRY(ag_vec_extend(out, SIGNED_SIZE + 4u + signature_size, &quote));
    fill_header(quote);
    AG_TRY(fill_td_report(quote + HEADER_SIZE, measurement));
    put_u32(quote + SIGNED_SIZE, (uint32_t)signature_size);

    uint8_t point[65];
    AG_TRY(ag_ecdsa_public(machine->keys[AG_SIM_KEY_ATTESTATION], point));
    uint8_t *at = quote + SIGNATURE_AT + 64;
    memcpy(at, point + 1, 64);
    put_u16(at + 64, 6);
    put_u32(at + 66, (uint32_t)inner_size);
    at += 70;

    AG_TRY(fill_qe_report(machine, point + 1, at));
    AG_TRY(ag_ecdsa_sign(machine->keys[AG_SIM_KEY_PCK], ag_bytes_of(at, QE_REPORT_SIZE),
                         at + QE_REPORT_SIZE));
    at += QE_REPORT_SIZE + 64;
    put_u16(at, (uint16_t)sizeof(machine->qe_auth));
    memcpy(at + 2, machine->qe_auth, sizeof(machine->qe_auth));
    at += 2 + sizeof(machine->qe_auth);
    put_u16(at, 5);
    put_u32(at + 2, (uint32_t)chain.size);
    memcpy(at + 6, chain.data, chain.size);
    return AG_OK;
}

enum ag_err ag_tee_sim_quote_sign(const struct ag_sim_machine *machine,
                                  struct ag_bytes template_bytes, const uint8_t report_data[64],
                                  struct ag_vec *out)
{
    size_t start = out->size;
    AG_TRY(ag_vec_append(out, template_bytes));
    uint8_t *quote = out->data + start;
    memcpy(quote + REPORT_DATA_AT, report_data, 64);
    enum ag_err err = ag_ecdsa_sign(machine->keys[AG_SIM_KEY_ATTESTATION],
                                    ag_bytes_of(quote, SIGNED_SIZE), quote + SIGNATURE_AT);
    if (err != AG_OK) {
        out->size = start;
    }
    return err;
}
