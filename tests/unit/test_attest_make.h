/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_ATTEST_MAKE_H
#define AG_TEST_ATTEST_MAKE_H

/* A made-up vendor, platform and moment, with a knob for everything that a test bends. `world_make`
 * turns the knobs into evidence and collateral that are right but for what was bent; `world_judge`
 * judges them under the made-up root. Real evidence is judged by tests/vectors/run-attestation. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attest_i.h"
#include "test.h"

#define WORLD_NOW_MS 1780272000000u /* 2026-06-01T00:00:00Z */
#define WORLD_DAY_MS 86400000u
#define WORLD_ZEROS  "000000000000000000000000000000000000000000000000" /* 24 bytes */

enum world_key {
    KEY_ROOT,
    KEY_CA,
    KEY_PCK,
    KEY_ATTESTATION,
    KEY_TCB,
    KEY_OTHER,
    KEY_COUNT
};
enum world_cert {
    CERT_ROOT,
    CERT_CA,
    CERT_PCK,
    CERT_TCB,
    CERT_COUNT
};

struct world {
    /* certificates */
    uint64_t not_before_ms[CERT_COUNT];
    uint64_t not_after_ms[CERT_COUNT];
    bool is_ca_a_ca;
    enum world_cert pck_issuer;
    const char *pck_name;
    const char *tcb_name;
    size_t chain_size; /* certificates in the quote, 1 to 3 */
    bool is_chain_reversed;
    uint8_t components[16];
    uint16_t pce_svn;
    uint8_t pce_id[2];
    uint8_t fmspc[6];
    /* the quote */
    uint8_t kind;
    uint16_t version;
    uint8_t body_type;
    uint32_t body_size; /* as version 5 says it; 0: the right one */
    uint8_t vendor_bit; /* flips into the vendor id */
    uint8_t tee_tcb_svn[16];
    uint8_t tee_tcb_svn2[16];
    uint8_t mr_signer_seam_bit;
    uint8_t seam_attributes_bit;
    uint8_t td_attributes[8];
    uint8_t service_td_bit;
    uint8_t sgx_flags;
    uint8_t report_data[64];
    size_t auth_size;
    uint16_t outer_type;
    uint16_t cert_type;
    size_t trailing_size;
    uint8_t trailing_byte;
    enum world_key qe_signer;
    enum world_key quote_signer;
    uint8_t qe_report_data_tail;
    uint8_t qe_mr_signer_bit;
    uint16_t qe_prod_id;
    uint16_t qe_svn;
    uint8_t qe_flags;
    bool is_s_flipped;
    /* collateral */
    const char *tcb_id;
    uint8_t tcb_fmspc[6];
    uint8_t tcb_pce_id[2];
    unsigned evaluation;
    const char *levels;  /* JSON of tcbLevels */
    const char *modules; /* JSON member with its comma, or "" */
    uint64_t tcb_issued_ms;
    uint64_t tcb_expires_ms;
    enum world_key tcb_signer;
    bool is_tcb_reformatted; /* a space after the signature was made */
    const char *qe_id;
    const char *qe_levels;
    uint64_t qe_issued_ms;
    uint64_t qe_expires_ms;
    enum world_key qe_identity_signer;
    bool is_tcb_chain_pck; /* the PCK chain offered as the TCB signer's */
    enum world_key root_crl_signer;
    enum world_key pck_crl_signer;
    enum world_cert pck_crl_issuer;
    uint64_t crl_this_ms;
    uint64_t crl_next_ms;
    bool is_revoked[CERT_COUNT];
    bool has_root_crl;
    bool has_pck_crl;
    bool has_pck_crl_chain;
    /* judging */
    uint64_t now_ms;
    const char *policy;
    struct ag_bytes asked; /* report data */
    struct ag_attest_cache *cache;
    bool is_root_foreign; /* another root is pinned */
};

/* Two levels, highest first; TDX component 0 matters only while the module's major version is 0. */
#define WORLD_LEVEL(svn, tdx, pce, status)                                                         \
    "{\"tcb\":{\"sgxtcbcomponents\":[" svn "],\"tdxtcbcomponents\":[" tdx "],\"pcesvn\":" pce      \
    "},\"tcbDate\":\"2026-01-01T00:00:00Z\",\"tcbStatus\":\"" status "\"}"
#define WORLD_SVN16(a)                                                                             \
    "{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a  \
    "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a                \
    "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "},{\"svn\":" a "}"
#define WORLD_TDX16(a, b, c)                                                                       \
    "{\"svn\":" a "},{\"svn\":" b "},{\"svn\":" c                                                  \
    "},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{"      \
    "\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0}"
#define WORLD_LEVELS                                                                               \
    WORLD_LEVEL(WORLD_SVN16("5"), WORLD_TDX16("5", "0", "7"), "11", "UpToDate")                    \
    "," WORLD_LEVEL(WORLD_SVN16("3"), WORLD_TDX16("3", "0", "6"), "10", "OutOfDate")
#define WORLD_MODULE(id, levels)                                                                   \
    "{\"id\":\"" id "\",\"mrsigner\":\"" WORLD_ZEROS WORLD_ZEROS                                   \
    "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\","              \
    "\"tcbLevels\":[" levels "]}"
#define WORLD_ISV(svn, status)                                                                     \
    "{\"tcb\":{\"isvsvn\":" svn "},\"tcbDate\":\"2026-01-01T00:00:00Z\",\"tcbStatus\":\"" status   \
    "\"}"
#define WORLD_MODULES                                                                              \
    "\"tdxModuleIdentities\":[" WORLD_MODULE(                                                      \
        "TDX_01", WORLD_ISV("4", "UpToDate") "," WORLD_ISV("2", "OutOfDate")) "],"

static inline struct world world_default(void)
{
    struct world world = {
        .is_ca_a_ca = true,
        .pck_issuer = CERT_CA,
        .pck_name = "Intel SGX PCK Certificate",
        .tcb_name = "Intel SGX TCB Signing",
        .chain_size = 3,
        .pce_svn = 11,
        .fmspc = {0xc0, 0xff, 0xee},
        .kind = AG_TEE_TDX,
        .version = 4,
        .body_type = AG_ATTEST_BODY_TD10,
        .tee_tcb_svn = {4, 1, 7},
        .tee_tcb_svn2 = {4, 1, 7},
        .td_attributes = {0, 0, 0, 0x10},
        .sgx_flags = 0x05,
        .auth_size = 32,
        .outer_type = 6,
        .cert_type = 5,
        .qe_signer = KEY_PCK,
        .quote_signer = KEY_ATTESTATION,
        .qe_prod_id = 2,
        .qe_svn = 4,
        .qe_flags = 0x11,
        .tcb_id = "TDX",
        .tcb_fmspc = {0xc0, 0xff, 0xee},
        .evaluation = 20,
        .levels = WORLD_LEVELS,
        .modules = WORLD_MODULES,
        .tcb_issued_ms = WORLD_NOW_MS - 5u * (uint64_t)WORLD_DAY_MS,
        .tcb_expires_ms = WORLD_NOW_MS + 25u * (uint64_t)WORLD_DAY_MS,
        .tcb_signer = KEY_TCB,
        .qe_id = "TD_QE",
        .qe_levels = WORLD_ISV("4", "UpToDate") "," WORLD_ISV("2", "OutOfDate"),
        .qe_issued_ms = WORLD_NOW_MS - 5u * (uint64_t)WORLD_DAY_MS,
        .qe_expires_ms = WORLD_NOW_MS + 25u * (uint64_t)WORLD_DAY_MS,
        .qe_identity_signer = KEY_TCB,
        .root_crl_signer = KEY_ROOT,
        .pck_crl_signer = KEY_CA,
        .pck_crl_issuer = CERT_CA,
        .crl_this_ms = WORLD_NOW_MS - 10u * (uint64_t)WORLD_DAY_MS,
        .crl_next_ms = WORLD_NOW_MS + 20u * (uint64_t)WORLD_DAY_MS,
        .has_root_crl = true,
        .has_pck_crl = true,
        .has_pck_crl_chain = true,
        .now_ms = WORLD_NOW_MS,
        .policy = "accept_tee = tdx, sgx\nany_measurement_insecure = yes\n",
    };
    for (size_t i = 0; i < CERT_COUNT; i++) {
        world.not_before_ms[i] = WORLD_NOW_MS - 1000u * (uint64_t)WORLD_DAY_MS;
        world.not_after_ms[i] = WORLD_NOW_MS + 1000u * (uint64_t)WORLD_DAY_MS;
    }
    memset(world.components, 5, sizeof(world.components));
    for (size_t i = 0; i < 64; i++) {
        world.report_data[i] = (uint8_t)i;
    }
    return world;
}

/* The same world seen by an SGX quote of version 3. */
static inline struct world world_sgx(void)
{
    struct world world = world_default();
    world.kind = AG_TEE_SGX;
    world.version = 3;
    world.body_type = AG_ATTEST_BODY_SGX;
    world.tcb_id = "SGX";
    world.qe_id = "QE";
    world.modules = "";
    return world;
}

/* What was made. */
struct made {
    struct ag_ecdsa_key *keys[KEY_COUNT];
    struct ag_cert *certs[CERT_COUNT];
    struct ag_vec quote;
    struct ag_vec chain;
    struct ag_vec tcb_info;
    struct ag_vec tcb_chain;
    struct ag_vec qe_identity;
    struct ag_vec root_crl;
    struct ag_vec pck_crl;
    struct ag_vec pck_crl_chain;
    struct ag_anchor anchor;
};

static inline void made_close(struct made *made)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        ag_ecdsa_key_close(made->keys[i]);
    }
    for (size_t i = 0; i < CERT_COUNT; i++) {
        ag_cert_close(made->certs[i]);
    }
    struct ag_vec *vecs[] = {&made->quote,     &made->chain,        &made->tcb_info,
                             &made->tcb_chain, &made->qe_identity,  &made->root_crl,
                             &made->pck_crl,   &made->pck_crl_chain};
    for (size_t i = 0; i < AG_COUNT(vecs); i++) {
        ag_vec_close(vecs[i]);
    }
    memset(made, 0, sizeof(*made));
}

/* What cannot fail in a test stops it: a half-made world proves nothing. */
static inline void must(enum ag_err err, const char *what)
{
    if (err != AG_OK) {
        fprintf(stderr, "cannot make the test's world: %s: %s\n", what, ag_err_name(err));
        abort();
    }
}

/* ---- certificates ---- */

static inline void put_der(uint8_t *out, size_t *size, uint8_t tag, const void *content,
                           size_t length)
{
    out[(*size)++] = tag;
    if (length >= 0x100u) {
        out[(*size)++] = 0x82;
        out[(*size)++] = (uint8_t)(length >> 8);
    } else if (length >= 0x80u) {
        out[(*size)++] = 0x81;
    }
    out[(*size)++] = (uint8_t)length;
    memcpy(out + *size, content, length);
    *size += length;
}

static inline void put_pck_member(uint8_t *out, size_t *size, uint8_t arc, uint8_t sub_arc,
                                  uint8_t tag, const void *content, size_t length)
{
    uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, arc, sub_arc};
    uint8_t member[800];
    size_t member_size = 0;
    put_der(member, &member_size, 0x06, oid, sizeof(oid) - (sub_arc == 0 ? 1u : 0u));
    put_der(member, &member_size, tag, content, length);
    put_der(out, size, 0x30, member, member_size);
}

/* The extension of the PCK certificate, 600 bytes or so; `out` holds 1024. */
static inline size_t world_pck_extension(const struct world *world, uint8_t *out)
{
    static const uint8_t ppid[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t tcb[700];
    size_t tcb_size = 0;
    for (uint8_t i = 0; i < 16; i++) {
        uint8_t number[2] = {0, world->components[i]};
        bool is_high = number[1] >= 0x80u;
        put_pck_member(tcb, &tcb_size, 2, (uint8_t)(i + 1), 0x02, is_high ? number : number + 1,
                       is_high ? 2 : 1);
    }
    uint8_t pce_svn[1] = {(uint8_t)world->pce_svn};
    put_pck_member(tcb, &tcb_size, 2, 17, 0x02, pce_svn, 1);
    put_pck_member(tcb, &tcb_size, 2, 18, 0x04, world->components, 16);

    uint8_t body[1000];
    size_t body_size = 0;
    put_pck_member(body, &body_size, 1, 0, 0x04, ppid, 16);
    put_pck_member(body, &body_size, 2, 0, 0x30, tcb, tcb_size);
    put_pck_member(body, &body_size, 3, 0, 0x04, world->pce_id, 2);
    put_pck_member(body, &body_size, 4, 0, 0x04, world->fmspc, 6);
    put_pck_member(body, &body_size, 5, 0, 0x0a, "\x00", 1);
    size_t size = 0;
    put_der(out, &size, 0x30, body, body_size);
    return size;
}

static inline enum world_key key_of(enum world_cert cert)
{
    static const enum world_key keys[CERT_COUNT] = {KEY_ROOT, KEY_CA, KEY_PCK, KEY_TCB};
    return keys[cert];
}

static inline void make_cert(const struct world *world, struct made *made, enum world_cert cert,
                             enum world_cert issuer, const char *name, bool is_ca)
{
    uint8_t extension[1024];
    size_t extension_size = cert == CERT_PCK ? world_pck_extension(world, extension) : 0;
    uint8_t serial[] = {0x40, (uint8_t)cert, 0x01};
    struct ag_cert_request request = {
        .common_name = name,
        .organization = "Made-up Corporation",
        .serial = AG_ARRAY_VIEW(serial),
        .not_before_ms = world->not_before_ms[cert],
        .not_after_ms = world->not_after_ms[cert],
        .is_ca = is_ca,
        .extension_oid = cert == CERT_PCK ? "1.2.840.113741.1.13.1" : NULL,
        .extension = ag_bytes_of(extension, extension_size),
    };
    struct ag_vec der;
    ag_vec_init(&der, 8192);
    must(ag_cert_issue(&request, made->keys[key_of(cert)],
                       cert == issuer ? NULL : made->certs[issuer], made->keys[key_of(issuer)],
                       &der),
         "certificate");
    must(ag_cert_parse_der(ag_vec_view(&der), &made->certs[cert]), "own certificate");
    ag_vec_close(&der);
}

static inline void put_pem(struct made *made, enum world_cert cert, struct ag_vec *out)
{
    must(ag_cert_to_pem(ag_cert_der(made->certs[cert]), out), "PEM");
}

static inline void make_certs(const struct world *world, struct made *made)
{
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        uint8_t scalar[32] = {0};
        scalar[0] = 1;
        scalar[31] = (uint8_t)(i + 1);
        must(ag_ecdsa_key_open(AG_ARRAY_VIEW(scalar), &made->keys[i]), "key");
    }
    make_cert(world, made, CERT_ROOT, CERT_ROOT, "Made-up Root CA", true);
    make_cert(world, made, CERT_CA, CERT_ROOT, "Intel SGX PCK Platform CA", world->is_ca_a_ca);
    make_cert(world, made, CERT_TCB, CERT_ROOT, world->tcb_name, false);
    make_cert(world, made, CERT_PCK, world->pck_issuer, world->pck_name, false);

    enum world_cert order[] = {CERT_PCK, CERT_CA, CERT_ROOT};
    for (size_t i = 0; i < world->chain_size; i++) {
        size_t at = world->is_chain_reversed ? world->chain_size - 1 - i : i;
        /* A chain of two is leaf and root. */
        put_pem(made, world->chain_size == 2 && at == 1 ? CERT_ROOT : order[at], &made->chain);
    }
    put_pem(made, CERT_CA, &made->pck_crl_chain);
    put_pem(made, CERT_ROOT, &made->pck_crl_chain);
    if (world->is_tcb_chain_pck) {
        put_pem(made, CERT_PCK, &made->tcb_chain);
        put_pem(made, CERT_CA, &made->tcb_chain);
    } else {
        put_pem(made, CERT_TCB, &made->tcb_chain);
    }
    put_pem(made, CERT_ROOT, &made->tcb_chain);

    must(ag_anchor_for(AG_TEE_TDX, NULL, &made->anchor) ? AG_OK : AG_ERR_ARGUMENT, "anchor");
    must(ag_cert_fingerprint(made->certs[CERT_ROOT], made->anchor.fingerprint), "fingerprint");
    made->anchor.fingerprint[0] ^= world->is_root_foreign ? 1u : 0u;
}

/* ---- collateral ---- */

static inline void put_signed(const struct made *made, enum world_key signer, const char *name,
                              struct ag_bytes inner, bool is_reformatted, struct ag_vec *out)
{
    uint8_t signature[64];
    must(ag_ecdsa_sign(made->keys[signer], inner, signature), "signature");
    char hex[129];
    ag_hex_encode(AG_ARRAY_VIEW(signature), hex);
    must(ag_vec_printf(out, "{\"%s\":%.*s%s%.*s,\"signature\":\"%s\"}", name, 1,
                       (const char *)inner.data, is_reformatted ? " " : "", (int)inner.size - 1,
                       (const char *)inner.data + 1, hex),
         "signed text");
}

static inline void make_texts(const struct world *world, struct made *made)
{
    char issued[AG_ATTEST_TIME_SIZE];
    char expires[AG_ATTEST_TIME_SIZE];
    char fmspc[13];
    char pce_id[5];
    struct ag_vec inner;
    ag_vec_init(&inner, 1u << 18);
    ag_attest_time_print(world->tcb_issued_ms, issued);
    ag_attest_time_print(world->tcb_expires_ms, expires);
    ag_hex_encode(AG_ARRAY_VIEW(world->tcb_fmspc), fmspc);
    ag_hex_encode(AG_ARRAY_VIEW(world->tcb_pce_id), pce_id);
    must(ag_vec_printf(
             &inner,
             "{\"id\":\"%s\",\"version\":3,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
             "\"fmspc\":\"%s\",\"pceId\":\"%s\",\"tcbType\":0,"
             "\"tcbEvaluationDataNumber\":%u,\"tdxModule\":{\"mrsigner\":\"" WORLD_ZEROS WORLD_ZEROS
             "\",\"attributes\":\"0000000000000000\","
             "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},%s\"tcbLevels\":[%s]}",
             world->tcb_id, issued, expires, fmspc, pce_id, world->evaluation, world->modules,
             world->levels),
         "TCB info");
    put_signed(made, world->tcb_signer, "tcbInfo", ag_vec_view(&inner), world->is_tcb_reformatted,
               &made->tcb_info);

    inner.size = 0;
    ag_attest_time_print(world->qe_issued_ms, issued);
    ag_attest_time_print(world->qe_expires_ms, expires);
    must(ag_vec_printf(
             &inner,
             "{\"id\":\"%s\",\"version\":2,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
             "\"tcbEvaluationDataNumber\":%u,\"miscselect\":\"00000000\",\"miscselectMask\":"
             "\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\","
             "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":"
             "\"" WORLD_ZEROS "0000000000000000\",\"isvprodid\":2,\"tcbLevels\":[%s]}",
             world->qe_id, issued, expires, world->evaluation, world->qe_levels),
         "QE identity");
    put_signed(made, world->qe_identity_signer, "enclaveIdentity", ag_vec_view(&inner), false,
               &made->qe_identity);
    ag_vec_close(&inner);
}

static inline void make_crls(const struct world *world, struct made *made)
{
    struct ag_bytes serials[CERT_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < CERT_COUNT; i++) {
        if (world->is_revoked[i]) {
            serials[count++] = ag_cert_serial(made->certs[i]);
        }
    }
    /* Both lists name all that are revoked: each verifier step must look into its own. */
    if (world->has_root_crl) {
        must(ag_crl_issue(made->certs[CERT_ROOT], made->keys[world->root_crl_signer],
                          world->crl_this_ms, world->crl_next_ms, serials, count, &made->root_crl),
             "root CRL");
    }
    if (world->has_pck_crl) {
        must(ag_crl_issue(made->certs[world->pck_crl_issuer], made->keys[world->pck_crl_signer],
                          world->crl_this_ms, world->crl_next_ms, serials, count, &made->pck_crl),
             "PCK CRL");
    }
}

/* ---- the quote ---- */

static inline void put_le(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8u * i));
    }
}

static inline void fill_body(const struct world *world, uint8_t *body)
{
    if (world->body_type == AG_ATTEST_BODY_SGX) {
        body[48] = world->sgx_flags;
        memset(body + 64, 0xee, 32);
        memset(body + 128, 0xdd, 32);
        memcpy(body + 320, world->report_data, 64);
        return;
    }
    memcpy(body, world->tee_tcb_svn, 16);
    memset(body + 16, 0xaa, 48);
    body[64] = world->mr_signer_seam_bit;
    body[112] = world->seam_attributes_bit;
    memcpy(body + 120, world->td_attributes, 8);
    memset(body + 136, 0xbb, 48);
    for (size_t i = 0; i < 4; i++) {
        memset(body + 328 + 48 * i, (int)(0xc0 + i), 48);
    }
    memcpy(body + 520, world->report_data, 64);
    if (world->body_type == AG_ATTEST_BODY_TD15) {
        memcpy(body + 584, world->tee_tcb_svn2, 16);
        body[600] = world->service_td_bit;
    }
}

static inline void fill_qe_report(const struct world *world, const struct made *made,
                                  const uint8_t *key, const uint8_t *auth, uint8_t *report)
{
    (void)made;
    report[48] = world->qe_flags;
    report[128] = world->qe_mr_signer_bit;
    put_le(report + 256, world->qe_prod_id, 2);
    put_le(report + 258, world->qe_svn, 2);
    struct ag_bytes bound[] = {ag_bytes_of(key, 64), ag_bytes_of(auth, world->auth_size)};
    must(ag_sha256(bound, 2, report + 320), "report data");
    report[383] = world->qe_report_data_tail;
}

static inline void flip_s(uint8_t s[32])
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - s[i] - borrow;
        borrow = digit < 0;
        s[i] = (uint8_t)(digit + (borrow ? 256 : 0));
    }
}

static inline void make_quote(const struct world *world, struct made *made)
{
    static const uint8_t vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
    size_t body_size = world->body_type == AG_ATTEST_BODY_SGX    ? 384
                       : world->body_type == AG_ATTEST_BODY_TD10 ? 584
                                                                 : 648;
    size_t body_at = world->version == 5 ? 54 : 48;
    size_t block_size = 384u + 64u + 2u + world->auth_size + 6u + made->chain.size;
    size_t data_size = 128u + (world->version == 3 ? 0u : 6u) + block_size;
    size_t signed_size = body_at + body_size;
    uint8_t *quote = NULL;
    must(ag_vec_extend(&made->quote, signed_size + 4u + data_size + world->trailing_size, &quote),
         "quote");
    put_le(quote, world->version, 2);
    put_le(quote + 2, 2, 2);
    put_le(quote + 4, world->body_type == AG_ATTEST_BODY_SGX ? 0 : 0x81, 4);
    memcpy(quote + 12, vendor, 16);
    quote[12] ^= world->vendor_bit;
    if (world->version == 5) {
        put_le(quote + 48, world->body_type, 2);
        put_le(quote + 50, world->body_size != 0 ? world->body_size : body_size, 4);
    }
    fill_body(world, quote + body_at);
    put_le(quote + signed_size, data_size, 4);

    uint8_t *at = quote + signed_size + 4;
    must(ag_ecdsa_sign(made->keys[world->quote_signer], ag_bytes_of(quote, signed_size), at),
         "quote signature");
    if (world->is_s_flipped) {
        flip_s(at + 32);
    }
    uint8_t point[65];
    must(ag_ecdsa_public(made->keys[KEY_ATTESTATION], point), "attestation key");
    uint8_t *key = at + 64;
    memcpy(key, point + 1, 64);
    at += 128;
    if (world->version != 3) {
        put_le(at, world->outer_type, 2);
        put_le(at + 2, block_size, 4);
        at += 6;
    }
    uint8_t *auth = at + 450;
    memset(auth, 0x5a, world->auth_size);
    fill_qe_report(world, made, key, auth, at);
    must(ag_ecdsa_sign(made->keys[world->qe_signer], ag_bytes_of(at, 384), at + 384), "QE report");
    put_le(at + 448, world->auth_size, 2);
    at = auth + world->auth_size;
    put_le(at, world->cert_type, 2);
    put_le(at + 2, made->chain.size, 4);
    memcpy(at + 6, made->chain.data, made->chain.size);
    if (world->trailing_size != 0) {
        memset(at + 6 + made->chain.size, world->trailing_byte, world->trailing_size);
    }
}

/* ---- all of it ---- */

static inline void world_make(const struct world *world, struct made *made)
{
    memset(made, 0, sizeof(*made));
    struct ag_vec *vecs[] = {&made->quote,     &made->chain,        &made->tcb_info,
                             &made->tcb_chain, &made->qe_identity,  &made->root_crl,
                             &made->pck_crl,   &made->pck_crl_chain};
    for (size_t i = 0; i < AG_COUNT(vecs); i++) {
        ag_vec_init(vecs[i], 1u << 18);
    }
    must(ag_crypto_start(), "crypto");
    make_certs(world, made);
    make_texts(world, made);
    make_crls(world, made);
    make_quote(world, made);
}

static inline struct ag_collateral made_collateral(const struct world *world,
                                                   const struct made *made)
{
    struct ag_bytes none = {NULL, 0};
    return (struct ag_collateral){
        .tcb_info = ag_vec_view(&made->tcb_info),
        .tcb_info_chain = ag_vec_view(&made->tcb_chain),
        .qe_identity = ag_vec_view(&made->qe_identity),
        .qe_identity_chain = ag_vec_view(&made->tcb_chain),
        .root_crl = ag_vec_view(&made->root_crl),
        .pck_crl = ag_vec_view(&made->pck_crl),
        .pck_crl_chain = world->has_pck_crl_chain ? ag_vec_view(&made->pck_crl_chain) : none,
        .fetched_ms = world->now_ms,
    };
}

static inline enum ag_err made_judge(const struct world *world, const struct made *made,
                                     struct ag_verdict *out)
{
    struct ag_policy *policy = NULL;
    must(ag_policy_parse(ag_bytes_of(world->policy, strlen(world->policy)), &policy, NULL, NULL),
         "policy");
    struct ag_evidence evidence = {world->kind, ag_vec_view(&made->quote)};
    struct ag_collateral collateral = made_collateral(world, made);
    struct ag_attest_input in = {
        .evidence = &evidence,
        .collateral = &collateral,
        .policy = policy,
        .report_data = world->asked,
        .now_ms = world->now_ms,
        .cache = world->cache,
        .anchor = &made->anchor,
    };
    enum ag_err err = ag_attest_judge(&in, out);
    ag_policy_close(policy);
    return err;
}

static inline void world_judge(const struct world *world, struct ag_verdict *out)
{
    struct made made;
    world_make(world, &made);
    must(made_judge(world, &made, out), "verdict");
    made_close(&made);
}

/* The claim of this name; its reason is printed when a check on it fails. */
static inline const struct ag_claim *claim_of(const struct ag_verdict *verdict,
                                              enum ag_claim_id claim)
{
    return &verdict->claims[claim];
}

#endif
