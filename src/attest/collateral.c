/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral without the instant: parses every part, walks the signers' chains to the anchor and
 * checks every signature, once. Findings are kept; who judges a quote reads them in DCAP's order
 * and adds the dates. */
#include "attest/attest_i.h"

#include <string.h>

/* Bounded by the parts: 40 bytes of JSON make at most 64 bytes of rows. */
#define PARSED_BYTES_MAX (16u * (size_t)AG_LIMIT_COLLATERAL_PART_BYTES)

bool ag_attest_is_input_error(enum ag_err err)
{
    switch (ag_err_class(err)) {
    case AG_CLASS_INPUT:
    case AG_CLASS_LIMIT:
    case AG_CLASS_UNSUPPORTED:
        return true;
    case AG_CLASS_OK:
    case AG_CLASS_DENIED:
    case AG_CLASS_HOST:
    case AG_CLASS_CORRUPT:
    default:
        return false;
    }
}

/* ---- signers ---- */

void ag_chain_close(struct ag_chain *chain)
{
    for (size_t i = 0; i < AG_COUNT(chain->certs); i++) {
        ag_cert_close(chain->certs[i]);
    }
}

enum ag_err ag_chain_parse(struct ag_bytes pem, struct ag_chain *out, bool *out_parsed)
{
    enum ag_err err = ag_cert_parse_pem(pem, out->certs, AG_LIMIT_CHAIN_CERTS, &out->count);
    *out_parsed = err == AG_OK;
    return ag_attest_is_input_error(err) ? AG_OK : err;
}

static struct ag_cert *chain_take(struct ag_chain *chain, size_t index)
{
    struct ag_cert *cert = chain->certs[index];
    chain->certs[index] = NULL;
    return cert;
}

enum ag_err ag_attest_is_anchor(const struct ag_cert *cert, const struct ag_anchor *anchor,
                                bool *out)
{
    uint8_t fingerprint[32];
    AG_TRY(ag_cert_fingerprint(cert, fingerprint));
    *out = memcmp(fingerprint, anchor->fingerprint, sizeof(fingerprint)) == 0;
    return AG_OK;
}

/* Signed by `issuer`, as a yes or no. */
enum ag_err ag_attest_is_signed_by(const struct ag_cert *cert, const struct ag_cert *issuer,
                                   bool *out)
{
    enum ag_err err = ag_cert_verify_signed_by(cert, issuer);
    *out = err == AG_OK;
    return ag_attest_is_input_error(err) ? AG_OK : err;
}

/* The rules of a TCB signer [PCS v4]: exactly leaf and pinned root, the vendor's name, and no CA:
 * a PCK certificate or a CA offered as the signer fails here. */
static enum ag_err judge_signer(const struct ag_chain *chain, const struct ag_anchor *anchor,
                                struct ag_finding *out)
{
    *out = ag_finding_of(AG_ATTEST_ChainUntrusted, NULL);
    if (chain->count != 2) {
        out->reason = "the signer's chain is not exactly signer and root";
        return AG_OK;
    }
    const struct ag_cert *leaf = chain->certs[0];
    bool is_true = false;
    AG_TRY(ag_attest_is_anchor(chain->certs[1], anchor, &is_true));
    if (!is_true) {
        out->reason = "the signer's chain does not end in the pinned root";
        return AG_OK;
    }
    if (!ag_cert_common_name_is(leaf, anchor->tcb_signer) || ag_cert_is_ca(leaf) ||
        !ag_cert_has_key_usage(leaf, 0) || ag_cert_point(leaf).size != 65) {
        out->reason = "the signer's certificate is not that of a TCB signer";
        return AG_OK;
    }
    AG_TRY(ag_attest_is_signed_by(leaf, chain->certs[1], &is_true));
    if (!is_true) {
        out->reason = "the signer's certificate is not signed by the pinned root";
        return AG_OK;
    }
    *out = AG_FINDING_OK;
    return AG_OK;
}

static enum ag_err read_signer(struct ag_bytes pem, struct ag_collateral_parsed *parsed,
                               struct ag_cert **out_signer, struct ag_finding *out_finding)
{
    struct ag_chain chain AG_SCOPED(ag_chain_close) = {.count = 0};
    bool is_parsed = false;
    AG_TRY(ag_chain_parse(pem, &chain, &is_parsed));
    if (!is_parsed) {
        *out_finding =
            ag_finding_of(AG_ATTEST_Malformed, "a signer's chain is not PEM certificates");
        return AG_OK;
    }
    AG_TRY(judge_signer(&chain, &parsed->anchor, out_finding));
    if (ag_finding_is_ok(*out_finding)) {
        *out_signer = chain_take(&chain, 0);
        if (parsed->root == NULL) {
            parsed->root = chain_take(&chain, 1);
        }
    }
    return AG_OK;
}

/* ---- signed texts ---- */

static enum ag_err check_signature(const struct ag_cert *signer, struct ag_bytes message,
                                   const uint8_t signature[64], struct ag_finding *finding)
{
    if (signer == NULL || !ag_finding_is_ok(*finding)) {
        return AG_OK; /* the chain's own finding speaks */
    }
    enum ag_err err = ag_ecdsa_verify(ag_cert_point(signer), message, ag_bytes_of(signature, 64));
    if (ag_attest_is_input_error(err)) {
        *finding = ag_finding_of(AG_ATTEST_BadCollateralSignature,
                                 "the signature does not cover the received bytes");
        return AG_OK;
    }
    return err;
}

static enum ag_err read_texts(const struct ag_collateral *in, struct ag_collateral_parsed *parsed)
{
    AG_TRY(
        read_signer(in->tcb_info_chain, parsed, &parsed->tcb_signer, &parsed->tcb_chain_finding));
    bool is_same_chain = ag_bytes_equal(in->tcb_info_chain, in->qe_identity_chain);
    if (is_same_chain) {
        parsed->qe_chain_finding = parsed->tcb_chain_finding;
    } else {
        AG_TRY(read_signer(in->qe_identity_chain, parsed, &parsed->qe_signer,
                           &parsed->qe_chain_finding));
    }

    struct ag_bytes message = {NULL, 0};
    uint8_t signature[64];
    AG_TRY(ag_tcb_info_parse(in->tcb_info, &parsed->arena, &parsed->tcb_info, &message, signature,
                             &parsed->tcb_finding));
    AG_TRY(check_signature(parsed->tcb_signer, message, signature, &parsed->tcb_finding));
    AG_TRY(ag_qe_identity_parse(in->qe_identity, &parsed->arena, &parsed->qe_identity, &message,
                                signature, &parsed->qe_finding));
    return check_signature(is_same_chain ? parsed->tcb_signer : parsed->qe_signer, message,
                           signature, &parsed->qe_finding);
}

/* ---- revocation lists ---- */

static enum ag_err parse_crl(struct ag_bytes der, struct ag_crl **out, struct ag_finding *finding)
{
    enum ag_err err = ag_crl_parse_der(der, out);
    if (ag_attest_is_input_error(err)) {
        *finding = ag_finding_of(AG_ATTEST_CrlInvalid, "the revocation list cannot be parsed");
        return AG_OK;
    }
    AG_TRY(err);
    *finding = ag_crl_next_update_ms(*out) == 0
                   ? ag_finding_of(AG_ATTEST_CrlInvalid, "the revocation list has no nextUpdate")
                   : AG_FINDING_OK;
    return AG_OK;
}

enum ag_err ag_attest_is_crl_of(const struct ag_crl *crl, const struct ag_cert *issuer, bool *out)
{
    *out = false;
    if (!ag_bytes_equal(ag_crl_issuer_der(crl), ag_cert_subject_der(issuer))) {
        return AG_OK;
    }
    enum ag_err err = ag_crl_verify_signed_by(crl, issuer);
    *out = err == AG_OK;
    return ag_attest_is_input_error(err) ? AG_OK : err;
}

static enum ag_err read_root_crl(const struct ag_collateral *in,
                                 struct ag_collateral_parsed *parsed)
{
    struct ag_finding *finding = &parsed->root_crl_finding;
    AG_TRY(parse_crl(in->root_crl, &parsed->root_crl, finding));
    if (!ag_finding_is_ok(*finding)) {
        return AG_OK;
    }
    if (parsed->root == NULL) {
        *finding = ag_finding_of(AG_ATTEST_ChainUntrusted, "no chain brings the pinned root");
        return AG_OK;
    }
    bool is_of_root = false;
    AG_TRY(ag_attest_is_crl_of(parsed->root_crl, parsed->root, &is_of_root));
    if (!is_of_root) {
        *finding = ag_finding_of(AG_ATTEST_CrlInvalid, "the list is not signed by the pinned root");
    }
    return AG_OK;
}

/* The chain beside the PCK CRL proves nothing that a quote's own chain does not prove again. It
 * lets the CA and its list be checked once for all quotes of that CA; a bad chain is no
 * finding. */
static enum ag_err read_pck_ca(const struct ag_collateral *in, struct ag_collateral_parsed *parsed)
{
    struct ag_chain chain AG_SCOPED(ag_chain_close) = {.count = 0};
    bool is_true = false;
    if (in->pck_crl_chain.size == 0 || parsed->pck_crl == NULL) {
        return AG_OK;
    }
    AG_TRY(ag_chain_parse(in->pck_crl_chain, &chain, &is_true));
    if (!is_true || chain.count != 2) {
        return AG_OK;
    }
    AG_TRY(ag_attest_is_anchor(chain.certs[1], &parsed->anchor, &is_true));
    if (!is_true || !ag_cert_is_ca(chain.certs[0])) {
        return AG_OK;
    }
    AG_TRY(ag_attest_is_signed_by(chain.certs[0], chain.certs[1], &is_true));
    if (!is_true) {
        return AG_OK;
    }
    AG_TRY(ag_attest_is_crl_of(parsed->pck_crl, chain.certs[0], &parsed->is_pck_crl_by_ca));
    parsed->pck_ca = chain_take(&chain, 0);
    return AG_OK;
}

/* ---- all of it ---- */

static struct ag_finding judge_presence(const struct ag_collateral *in)
{
    const struct {
        struct ag_bytes part;
        const char *missing;
    } parts[] = {
        {in->tcb_info, "the TCB info is missing"},
        {in->tcb_info_chain, "the chain of the TCB info's signer is missing"},
        {in->qe_identity, "the QE identity is missing"},
        {in->qe_identity_chain, "the chain of the QE identity's signer is missing"},
        {in->root_crl, "the root's revocation list is missing"},
        {in->pck_crl, "the revocation list of platform certificates is missing"},
        {in->pck_crl_chain, NULL},
    };
    struct ag_finding finding = AG_FINDING_OK;
    for (size_t i = 0; i < AG_COUNT(parts); i++) {
        if (parts[i].part.size > AG_LIMIT_COLLATERAL_PART_BYTES) {
            return ag_finding_of(AG_ATTEST_Malformed, "a part of the collateral is over its limit");
        }
        if (parts[i].part.size == 0 && parts[i].missing != NULL && ag_finding_is_ok(finding)) {
            finding = ag_finding_of(AG_ATTEST_CollateralMissing, parts[i].missing);
        }
    }
    return finding;
}

static enum ag_err parse_parts(const struct ag_collateral *in, struct ag_collateral_parsed *parsed)
{
    parsed->presence = judge_presence(in);
    if (!ag_finding_is_ok(parsed->presence)) {
        return AG_OK;
    }
    AG_TRY(read_texts(in, parsed));
    AG_TRY(read_root_crl(in, parsed));
    AG_TRY(parse_crl(in->pck_crl, &parsed->pck_crl, &parsed->pck_crl_finding));
    return read_pck_ca(in, parsed);
}

enum ag_err ag_collateral_parse(const struct ag_collateral *in, const struct ag_anchor *anchor,
                                struct ag_collateral_parsed **out)
{
    struct ag_collateral_parsed *parsed = ag_alloc(sizeof(*parsed));
    AG_ENSURE(parsed != NULL, AG_ERR_NO_MEMORY);
    parsed->anchor = *anchor;
    ag_arena_init(&parsed->arena, PARSED_BYTES_MAX);
    enum ag_err err = parse_parts(in, parsed);
    if (err != AG_OK) {
        ag_collateral_parsed_close(parsed);
        return err;
    }
    *out = parsed;
    return AG_OK;
}

void ag_collateral_parsed_close(struct ag_collateral_parsed *parsed)
{
    if (parsed == NULL) {
        return;
    }
    ag_arena_close(&parsed->arena);
    ag_cert_close(parsed->root);
    ag_cert_close(parsed->tcb_signer);
    ag_cert_close(parsed->qe_signer);
    ag_cert_close(parsed->pck_ca);
    ag_crl_close(parsed->root_crl);
    ag_crl_close(parsed->pck_crl);
    ag_free(parsed);
}
