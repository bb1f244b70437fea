/* SPDX-License-Identifier: Apache-2.0 */
#include "run_crypto.h"

#include <string.h>

/* AES-GCM, HKDF, ECDH and ECDSA: Wycheproof. */

/* ---- AES-256-GCM ----------------------------------------------------------------------------- */

struct gcm_case {
    struct ag_bytes key;
    struct ag_bytes iv;
    struct ag_bytes aad;
    struct ag_bytes plain;
    struct ag_bytes sealed; /* ciphertext and tag */
};

static struct ag_bytes join(const struct job *job, struct ag_bytes a, struct ag_bytes b)
{
    struct ag_buf both = run_take(job, a.size + b.size);
    if (a.size != 0) {
        memcpy(both.data, a.data, a.size);
    }
    if (b.size != 0) {
        memcpy(both.data + a.size, b.data, b.size);
    }
    return ag_bytes_of(both.data, both.size);
}

/* The room's functions for its own nonces, libcrypto for the others. */
static enum ag_err seal(const struct gcm_case *one, struct ag_buf out)
{
    if (one->iv.size != AG_GCM_NONCE_SIZE) {
        return ag_vector_gcm_seal(one->key, one->iv, one->aad, one->plain, out);
    }
    struct ag_key256 key AG_SCOPED(ag_key256_wipe) = {{0}};
    memcpy(key.bytes, one->key.data, sizeof(key.bytes));
    return ag_gcm_seal(&key, one->iv.data, one->aad, one->plain, out);
}

static enum ag_err open_sealed(const struct gcm_case *one, struct ag_buf out)
{
    if (one->iv.size != AG_GCM_NONCE_SIZE) {
        return ag_vector_gcm_open(one->key, one->iv, one->aad, one->sealed, out);
    }
    struct ag_key256 key AG_SCOPED(ag_key256_wipe) = {{0}};
    memcpy(key.bytes, one->key.data, sizeof(key.bytes));
    return ag_gcm_open(&key, one->iv.data, one->aad, one->sealed, out);
}

static enum verdict run_gcm(struct job *job)
{
    const struct ag_bytes tag = run_bytes(job, "tag");
    struct gcm_case one = {.key = run_bytes(job, "key"),
                           .iv = run_bytes(job, "iv"),
                           .aad = run_bytes(job, "aad"),
                           .plain = run_bytes(job, "msg")};
    if (one.key.size != 32) {
        return run_leave_out(job, "another key size");
    }
    if (one.iv.size > AG_VECTOR_IV_SIZE_MAX) {
        return run_leave_out(job, "IV beyond libcrypto's limit of 128 bytes");
    }
    one.sealed = join(job, run_bytes(job, "ct"), tag);
    if (one.sealed.size < AG_GCM_TAG_SIZE ||
        (tag.size != AG_GCM_TAG_SIZE && !run_is_invalid(job))) {
        return run_leave_out(job, "another tag size");
    }
    struct ag_buf opened = run_take(job, one.sealed.size - AG_GCM_TAG_SIZE);
    enum ag_err err = open_sealed(&one, opened);
    if (run_is_invalid(job)) {
        return run_refused(job, err);
    }
    struct ag_buf sealed = run_take(job, one.plain.size + AG_GCM_TAG_SIZE);
    err = err == AG_OK ? seal(&one, sealed) : err;
    if (err != AG_OK) {
        return run_fail(job, "%s", ag_err_name(err));
    }
    if (run_expect(job, "the plaintext", ag_bytes_of(opened.data, opened.size), one.plain) !=
        PASSED) {
        return FAILED;
    }
    return run_expect(job, "the ciphertext", ag_bytes_of(sealed.data, sealed.size), one.sealed);
}

/* ---- HKDF ------------------------------------------------------------------------------------ */

static enum verdict run_hkdf(struct job *job)
{
    uint64_t size = 0;
    unsigned bits = run_name_has(job, "sha256") ? 256 : run_name_has(job, "sha384") ? 384 : 0;
    if (bits == 0) {
        return run_leave_out(job, "HKDF with another hash");
    }
    if (!rsp_u64(&job->one, "size", &size)) {
        size = run_bytes(job, "okm").size;
    }
    if (size > 1000000) {
        return run_fail(job, "a size of %llu bytes", (unsigned long long)size);
    }
    struct ag_buf out = run_take(job, (size_t)size);
    enum ag_err err =
        ag_hkdf(bits, run_bytes(job, "ikm"), run_bytes(job, "salt"), run_bytes(job, "info"), out);
    if (run_is_invalid(job)) {
        return run_refused(job, err);
    }
    if (err != AG_OK) {
        return run_fail(job, "%s", ag_err_name(err));
    }
    return run_expect(job, "the output", ag_bytes_of(out.data, out.size), run_bytes(job, "okm"));
}

/* ---- ECDH on P-384 --------------------------------------------------------------------------- */

/* A private number of any length as 48 bytes; false when it does not fit. */
static bool to_scalar(struct ag_bytes number, uint8_t out[AG_P384_SCALAR_SIZE])
{
    while (number.size != 0 && number.data[0] == 0) {
        number = ag_bytes_tail(number, 1);
    }
    memset(out, 0, AG_P384_SCALAR_SIZE);
    if (number.size > AG_P384_SCALAR_SIZE) {
        return false;
    }
    if (number.size != 0) {
        memcpy(out + AG_P384_SCALAR_SIZE - number.size, number.data, number.size);
    }
    return true;
}

static enum verdict run_ecdh(struct job *job)
{
    uint8_t scalar[AG_P384_SCALAR_SIZE] = {0};
    uint8_t shared[AG_P384_SCALAR_SIZE] = {0};
    const char *curve = rsp_get(&job->one, "curve");
    if (curve != NULL && strcmp(curve, "secp384r1") != 0) {
        return run_leave_out(job, "another curve");
    }
    enum ag_err err = AG_ERR_KEY;
    if (to_scalar(run_bytes(job, "private"), scalar)) {
        err = ag_vector_ecdh_p384(scalar, run_bytes(job, "public"), shared);
    }
    if (run_is_invalid(job)) {
        return run_refused(job, err);
    }
    /* A compressed point: others may take it, this protocol has one encoding. */
    if (err != AG_OK && run_is_acceptable(job)) {
        return run_refused(job, err);
    }
    if (err != AG_OK) {
        return run_fail(job, "%s", ag_err_name(err));
    }
    return run_expect(job, "the shared secret", AG_ARRAY_VIEW(shared), run_bytes(job, "shared"));
}

/* ---- ECDSA on secp256k1 ---------------------------------------------------------------------- */

/* The order less r must not reach the field prime for r + n to be an x coordinate: such a signature
 * verifies, and Ethereum's two-valued recovery cannot name its key. */
static bool is_beyond_recovery(const uint8_t r[32])
{
    /* p - n, big-endian. */
    static const uint8_t gap[32] = {0,    0,    0,    0,    0,    0,    0,    0,
                                    0,    0,    0,    0,    0,    0,    0,    1,
                                    0x45, 0x51, 0x23, 0x19, 0x50, 0xb7, 0x5f, 0xc4,
                                    0x40, 0x2d, 0xa1, 0x72, 0x2f, 0xc9, 0xba, 0xee};
    return memcmp(r, gap, sizeof(gap)) < 0;
}

static bool recovers(const uint8_t digest[32], const uint8_t signature[64], bool require_low_s,
                     const struct ag_address *wanted)
{
    for (unsigned parity = 0; parity < 2; parity++) {
        struct ag_address found = {0};
        if (ag_secp256k1_recover(digest, signature, signature + 32, parity, require_low_s,
                                 &found) == AG_OK &&
            ag_bytes_equal(AG_VIEW(&found), AG_VIEW(wanted))) {
            return true;
        }
    }
    return false;
}

/* The room recovers keys; a signature is good when recovery names the signer. libsecp256k1's own
 * verification is run beside it, and both must agree. */
static enum verdict run_ecdsa(struct job *job)
{
    const struct ag_bytes message = run_bytes(job, "msg");
    const struct ag_bytes encoded = run_bytes(job, "sig");
    const struct ag_bytes public_key = run_bytes(job, "uncompressed");
    const bool require_low_s = run_name_has(job, "bitcoin");
    uint8_t digest[32] = {0};
    uint8_t signature[64] = {0};
    struct ag_address wanted = {0};
    bool is_encoded = true;
    if (run_name_has(job, "p1363")) {
        is_encoded = encoded.size == sizeof(signature);
        if (is_encoded) {
            memcpy(signature, encoded.data, sizeof(signature));
        }
    } else {
        is_encoded = ag_vector_secp256k1_from_der(encoded, signature);
    }
    enum ag_err err = ag_secp256k1_address(public_key, &wanted);
    err = err == AG_OK ? ag_sha256(&message, 1, digest) : err;
    if (err != AG_OK) {
        return run_is_invalid(job) ? run_refused(job, err) : run_fail(job, "%s", ag_err_name(err));
    }
    bool is_found = is_encoded && recovers(digest, signature, require_low_s, &wanted);
    bool is_verified = is_encoded && ag_vector_secp256k1_verify(public_key, digest, signature);
    if (is_found && !is_verified) {
        return run_fail(job, "recovered, and does not verify");
    }
    if (run_is_invalid(job)) {
        return is_found ? run_fail(job, "accepted, and must be refused") : PASSED;
    }
    if (!is_found && !(is_verified && is_beyond_recovery(signature))) {
        return run_fail(job, "refused, and is valid");
    }
    return PASSED;
}

/* ---- which ----------------------------------------------------------------------------------- */

run_case *run_find_classic(const struct job *job)
{
    if (run_has(job, "iv") && run_has(job, "tag")) {
        return run_gcm;
    }
    if (run_has(job, "ikm") && run_has(job, "okm")) {
        return run_hkdf;
    }
    if (run_has(job, "public") && run_has(job, "private") && run_has(job, "shared")) {
        return run_ecdh;
    }
    if (run_has(job, "uncompressed") && run_has(job, "sig") && run_name_has(job, "secp256k1")) {
        return run_ecdsa;
    }
    return NULL;
}
