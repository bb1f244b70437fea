/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated vendor: certificates once, collateral every month. Names say what this is; the
 * verifier pins the root by fingerprint and takes the other names from its table of anchors. */
#include "tee/sim_i.h"

#include "wire/wire.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NOT_BEFORE_MS 1577836800000u /* 2020-01-01T00:00:00Z */
#define NOT_AFTER_MS  2524607999000u /* 2049-12-31T23:59:59Z, as Intel's root */
#define ORGANIZATION  "Aegis Insecure Simulation"
#define PCK_OID       "1.2.840.113741.1.13.1"

/* ---- the extension of a PCK certificate ---- */

/* DER under construction. Everything here is shorter than 1 KiB and of our own making. */
struct der {
    uint8_t bytes[1024];
    size_t size;
};

/* 1.2.840.113741.1.13.1, without the members' last arcs. */
static const uint8_t pck_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

static void der_put(struct der *der, uint8_t tag, const void *content, size_t size)
{
    AG_ASSERT(size < 0x10000u && der->size + size + 4u <= sizeof(der->bytes));
    der->bytes[der->size++] = tag;
    if (size >= 0x100u) {
        der->bytes[der->size++] = 0x82;
        der->bytes[der->size++] = (uint8_t)(size >> 8);
    } else if (size >= 0x80u) {
        der->bytes[der->size++] = 0x81;
    }
    der->bytes[der->size++] = (uint8_t)size;
    memcpy(der->bytes + der->size, content, size);
    der->size += size;
}

/* A small unsigned INTEGER; one more octet where the first would read as negative. */
static void der_put_integer(struct der *der, uint32_t value)
{
    uint8_t octets[5] = {0, (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                         (uint8_t)value};
    size_t start = 1;
    while (start < 4 && octets[start] == 0) {
        start++;
    }
    if (octets[start] >= 0x80u) {
        start--;
    }
    der_put(der, 0x02, octets + start, sizeof(octets) - start);
}

/* SEQUENCE { OID pck_oid.arc[.sub_arc], value }; `sub_arc` 0 means none. */
static void der_put_member(struct der *der, uint8_t arc, uint8_t sub_arc, const struct der *value)
{
    uint8_t oid[sizeof(pck_oid) + 2u];
    memcpy(oid, pck_oid, sizeof(pck_oid));
    oid[sizeof(pck_oid)] = arc;
    oid[sizeof(pck_oid) + 1u] = sub_arc;
    struct der content = {.size = 0};
    der_put(&content, 0x06, oid, sizeof(oid) - (sub_arc == 0 ? 1u : 0u));
    memcpy(content.bytes + content.size, value->bytes, value->size);
    content.size += value->size;
    der_put(der, 0x30, content.bytes, content.size);
}

static void der_put_octets_member(struct der *der, uint8_t arc, uint8_t sub_arc, const void *data,
                                  size_t size)
{
    struct der value = {.size = 0};
    der_put(&value, 0x04, data, size);
    der_put_member(der, arc, sub_arc, &value);
}

static void der_put_integer_member(struct der *der, uint8_t arc, uint8_t sub_arc, uint32_t number)
{
    struct der value = {.size = 0};
    der_put_integer(&value, number);
    der_put_member(der, arc, sub_arc, &value);
}

static void put_tcb_member(struct der *der)
{
    uint8_t cpu_svn[16];
    memset(cpu_svn, AG_SIM_COMPONENT_SVN, sizeof(cpu_svn));
    struct der tcb = {.size = 0};
    for (uint8_t i = 1; i <= 16; i++) {
        der_put_integer_member(&tcb, 2, i, AG_SIM_COMPONENT_SVN);
    }
    der_put_integer_member(&tcb, 2, 17, AG_SIM_PCE_SVN);
    der_put_octets_member(&tcb, 2, 18, cpu_svn, sizeof(cpu_svn));
    struct der sequence = {.size = 0};
    der_put(&sequence, 0x30, tcb.bytes, tcb.size);
    der_put_member(der, 2, 0, &sequence);
}

static void put_configuration_member(struct der *der)
{
    static const uint8_t yes = 0xff;
    struct der flag = {.size = 0};
    der_put(&flag, 0x01, &yes, 1);
    struct der flags = {.size = 0};
    for (uint8_t i = 1; i <= 3; i++) { /* dynamic platform, cached keys, SMT */
        der_put_member(&flags, 7, i, &flag);
    }
    struct der sequence = {.size = 0};
    der_put(&sequence, 0x30, flags.bytes, flags.size);
    der_put_member(der, 7, 0, &sequence);
}

enum ag_err ag_tee_sim_pck_extension(const uint8_t ppid[16], struct ag_vec *out)
{
    static const uint8_t pce_id[2] = {0};
    static const uint8_t platform_instance[16] = "insecure-sim";
    static const uint8_t sgx_type = 1; /* scalable */

    struct der members = {.size = 0};
    der_put_octets_member(&members, 1, 0, ppid, 16);
    put_tcb_member(&members);
    der_put_octets_member(&members, 3, 0, pce_id, sizeof(pce_id));
    der_put_octets_member(&members, 4, 0, AG_SIM_FMSPC, 6);
    struct der type = {.size = 0};
    der_put(&type, 0x0a, &sgx_type, 1);
    der_put_member(&members, 5, 0, &type);
    der_put_octets_member(&members, 6, 0, platform_instance, sizeof(platform_instance));
    put_configuration_member(&members);

    struct der extension = {.size = 0};
    der_put(&extension, 0x30, members.bytes, members.size);
    return ag_vec_append(out, ag_bytes_of(extension.bytes, extension.size));
}

/* ---- certificates ---- */

struct cert_plan {
    enum ag_sim_cert cert;
    enum ag_sim_key key;
    enum ag_sim_cert issuer;
    enum ag_sim_key issuer_key;
    const char *common_name;
    bool is_ca;
};

/* In the order of issuing. */
static const struct cert_plan cert_plans[] = {
    {AG_SIM_CERT_ROOT, AG_SIM_KEY_ROOT, AG_SIM_CERT_ROOT, AG_SIM_KEY_ROOT,
     "Aegis Insecure Simulated Root CA", true},
    {AG_SIM_CERT_CA, AG_SIM_KEY_CA, AG_SIM_CERT_ROOT, AG_SIM_KEY_ROOT,
     "Aegis Insecure Simulated PCK Platform CA", true},
    {AG_SIM_CERT_PCK, AG_SIM_KEY_PCK, AG_SIM_CERT_CA, AG_SIM_KEY_CA,
     "Aegis Insecure Simulated PCK Certificate", false},
    {AG_SIM_CERT_TCB, AG_SIM_KEY_TCB, AG_SIM_CERT_ROOT, AG_SIM_KEY_ROOT,
     "Aegis Insecure Simulated TCB Signing", false},
};

static enum ag_err issue_one(const struct cert_plan *plan, struct ag_bytes extension,
                             const struct ag_host *host, struct ag_sim_machine *machine)
{
    uint8_t serial[20] = {0};
    AG_TRY(host->random(host->context, (struct ag_buf){serial, sizeof(serial)}));
    serial[0] =
        (uint8_t)((serial[0] & 0x3fu) | 0x40u); /* positive and of full length [RFC5280 4.1.2.2] */
    struct ag_cert_request request = {
        .common_name = plan->common_name,
        .organization = ORGANIZATION,
        .serial = AG_ARRAY_VIEW(serial),
        .not_before_ms = NOT_BEFORE_MS,
        .not_after_ms = NOT_AFTER_MS,
        .is_ca = plan->is_ca,
        .extension_oid = plan->cert == AG_SIM_CERT_PCK ? PCK_OID : NULL,
        .extension = plan->cert == AG_SIM_CERT_PCK ? extension : (struct ag_bytes){NULL, 0},
    };
    struct ag_vec der AG_SCOPED(ag_vec_close);
    ag_vec_init(&der, AG_LIMIT_CERT_BYTES);
    AG_TRY(ag_cert_issue(&request, machine->keys[plan->key],
                         plan->cert == plan->issuer ? NULL : machine->certs[plan->issuer],
                         machine->keys[plan->issuer_key], &der));
    return ag_cert_parse_der(ag_vec_view(&der), &machine->certs[plan->cert]);
}

enum ag_err ag_tee_sim_issue_certs(struct ag_sim_machine *machine, const struct ag_host *host)
{
    struct ag_vec extension AG_SCOPED(ag_vec_close);
    ag_vec_init(&extension, AG_LIMIT_CERT_BYTES);
    AG_TRY(ag_tee_sim_pck_extension(machine->ppid, &extension));
    for (size_t i = 0; i < AG_COUNT(cert_plans); i++) {
        AG_TRY(issue_one(&cert_plans[i], ag_vec_view(&extension), host, machine));
    }
    return AG_OK;
}

/* ---- collateral ---- */

/* One batch of collateral under construction. */
struct issue {
    const struct ag_sim_machine *machine;
    char issued[21]; /* 2026-01-31T23:59:59Z */
    char expires[21];
};

static enum ag_err print_time(uint64_t instant_ms, char out[21])
{
    time_t seconds = (time_t)(instant_ms / 1000u);
    struct tm parts;
    AG_ENSURE(gmtime_r(&seconds, &parts) != NULL, AG_ERR_ARGUMENT);
    AG_ENSURE(strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &parts) == 20, AG_ERR_ARGUMENT);
    return AG_OK;
}

/* {"<name>":<inner>,"signature":"<hex>"}: the signature covers exactly the bytes of <inner>. */
static enum ag_err put_signed(const struct issue *issue, const char *name, struct ag_bytes inner,
                              struct ag_vec *out)
{
    uint8_t signature[64];
    AG_TRY(ag_ecdsa_sign(issue->machine->keys[AG_SIM_KEY_TCB], inner, signature));
    char hex[2u * sizeof(signature) + 1u];
    ag_hex_encode(AG_ARRAY_VIEW(signature), hex);
    AG_TRY(ag_vec_printf(out, "{\"%s\":", name));
    AG_TRY(ag_vec_append(out, inner));
    return ag_vec_printf(out, ",\"signature\":\"%s\"}", hex);
}

static enum ag_err put_components(struct ag_vec *out, const char *name, const uint8_t svn[16])
{
    AG_TRY(ag_vec_printf(out, "\"%s\":[", name));
    for (unsigned i = 0; i < 16; i++) {
        AG_TRY(ag_vec_printf(out, "%s{\"svn\":%u}", i == 0 ? "" : ",", svn[i]));
    }
    return ag_vec_printf(out, "],");
}

#define ZEROS_8  "0000000000000000"
#define ZEROS_48 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8

static enum ag_err put_tcb_info(const struct issue *issue, struct ag_vec *out)
{
    uint8_t sgx[16];
    memset(sgx, AG_SIM_COMPONENT_SVN, sizeof(sgx));
    uint8_t tdx[16] = {AG_SIM_MODULE_SVN, 0, AG_SIM_TDX_SVN};

    struct ag_vec inner AG_SCOPED(ag_vec_close);
    ag_vec_init(&inner, AG_LIMIT_COLLATERAL_PART_BYTES);
    AG_TRY(ag_vec_printf(
        &inner,
        "{\"id\":\"TDX\",\"version\":3,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
        "\"fmspc\":\"" AG_SIM_FMSPC_HEX "\",\"pceId\":\"0000\",\"tcbType\":0,"
        "\"tcbEvaluationDataNumber\":1,\"tdxModule\":{\"mrsigner\":\"" ZEROS_48
        "\",\"attributes\":\"" ZEROS_8 "\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},"
        "\"tdxModuleIdentities\":[{\"id\":\"TDX_%02X\",\"mrsigner\":\"" ZEROS_48
        "\",\"attributes\":\"" ZEROS_8 "\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\","
        "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%u},\"tcbDate\":\"2026-01-01T00:00:00Z\","
        "\"tcbStatus\":\"UpToDate\"}]}],\"tcbLevels\":[{\"tcb\":{",
        issue->issued, issue->expires, AG_SIM_MODULE_MAJOR, AG_SIM_MODULE_SVN));
    AG_TRY(put_components(&inner, "sgxtcbcomponents", sgx));
    AG_TRY(put_components(&inner, "tdxtcbcomponents", tdx));
    AG_TRY(ag_vec_printf(&inner,
                         "\"pcesvn\":%u},\"tcbDate\":\"2026-01-01T00:00:00Z\","
                         "\"tcbStatus\":\"UpToDate\"}]}",
                         AG_SIM_PCE_SVN));
    return put_signed(issue, "tcbInfo", ag_vec_view(&inner), out);
}

static enum ag_err put_qe_identity(const struct issue *issue, struct ag_vec *out)
{
    char signer[65];
    ag_hex_encode(ag_bytes_of(ag_tee_sim_qe_signer, 32), signer);
    struct ag_vec inner AG_SCOPED(ag_vec_close);
    ag_vec_init(&inner, AG_LIMIT_COLLATERAL_PART_BYTES);
    AG_TRY(ag_vec_printf(
        &inner,
        "{\"id\":\"TD_QE\",\"version\":2,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
        "\"tcbEvaluationDataNumber\":1,\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
        "\"attributes\":\"11000000000000000000000000000000\","
        "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"%s\","
        "\"isvprodid\":%u,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%u},"
        "\"tcbDate\":\"2026-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}]}",
        issue->issued, issue->expires, signer, AG_SIM_QE_PROD_ID, AG_SIM_QE_SVN));
    return put_signed(issue, "enclaveIdentity", ag_vec_view(&inner), out);
}

static enum ag_err put_chain(const struct ag_sim_machine *machine, enum ag_sim_cert leaf,
                             struct ag_vec *out)
{
    AG_TRY(ag_cert_to_pem(ag_cert_der(machine->certs[leaf]), out));
    return ag_cert_to_pem(ag_cert_der(machine->certs[AG_SIM_CERT_ROOT]), out);
}

enum ag_err ag_tee_sim_collateral_issue(const struct ag_sim_machine *machine, uint64_t issued_ms,
                                        uint64_t expires_ms, struct ag_vec *out)
{
    struct issue issue = {.machine = machine};
    AG_TRY(print_time(issued_ms, issue.issued));
    AG_TRY(print_time(expires_ms, issue.expires));

    enum {
        TCB,
        QE,
        TCB_CHAIN,
        ROOT_CRL,
        PCK_CRL,
        PCK_CHAIN,
        PART_COUNT
    };
    struct ag_vec parts[PART_COUNT];
    for (size_t i = 0; i < PART_COUNT; i++) {
        ag_vec_init(&parts[i], AG_LIMIT_COLLATERAL_PART_BYTES);
    }
    enum ag_err err = put_tcb_info(&issue, &parts[TCB]);
    err = err != AG_OK ? err : put_qe_identity(&issue, &parts[QE]);
    err = err != AG_OK ? err : put_chain(machine, AG_SIM_CERT_TCB, &parts[TCB_CHAIN]);
    err = err != AG_OK ? err : put_chain(machine, AG_SIM_CERT_CA, &parts[PCK_CHAIN]);
    err = err != AG_OK
              ? err
              : ag_crl_issue(machine->certs[AG_SIM_CERT_ROOT], machine->keys[AG_SIM_KEY_ROOT],
                             issued_ms, expires_ms, NULL, 0, &parts[ROOT_CRL]);
    err = err != AG_OK ? err
                       : ag_crl_issue(machine->certs[AG_SIM_CERT_CA], machine->keys[AG_SIM_KEY_CA],
                                      issued_ms, expires_ms, NULL, 0, &parts[PCK_CRL]);
    if (err == AG_OK) {
        struct ag_collateral collateral = {
            .tcb_info = ag_vec_view(&parts[TCB]),
            .tcb_info_chain = ag_vec_view(&parts[TCB_CHAIN]),
            .qe_identity = ag_vec_view(&parts[QE]),
            .qe_identity_chain = ag_vec_view(&parts[TCB_CHAIN]),
            .root_crl = ag_vec_view(&parts[ROOT_CRL]),
            .pck_crl = ag_vec_view(&parts[PCK_CRL]),
            .pck_crl_chain = ag_vec_view(&parts[PCK_CHAIN]),
            .fetched_ms = issued_ms,
        };
        err = ag_collateral_encode(&collateral, out);
    }
    for (size_t i = 0; i < PART_COUNT; i++) {
        ag_vec_close(&parts[i]);
    }
    return err;
}
