/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

const uint32_t ag_body_classes[AG_BODY_CLASS_COUNT] = {512, 2048, 8192, 32768, 131072};

/* version u16, salt, kind u8, payload length u32, scheme u8, authorisation length u16 */
enum {
    FIXED_SIZE = 2 + 32 + 1 + 4 + 1 + 2
};
_Static_assert(AG_LIMIT_BODY_BYTES == 131072, "the largest class");
_Static_assert(AG_LIMIT_TX_BYTES + FIXED_SIZE <= AG_LIMIT_BODY_BYTES, "the largest payload fits");

enum {
    AUTH_MLDSA87_SIZE = AG_MLDSA87_PUBLIC_SIZE + AG_MLDSA87_SIGNATURE_SIZE
};

static enum ag_err check_auth(const struct ag_body *body, struct ag_fault *fault)
{
    size_t wanted = 0;
    switch (body->auth_scheme) {
    case AG_AUTH_PAYLOAD:
        /* Only a signed transaction speaks for itself. */
        if (body->payload_kind != AG_PAYLOAD_ETHEREUM) {
            return ag_fault_set(fault, AG_ERR_WIRE_VALUE, "auth_scheme");
        }
        break;
    case AG_AUTH_SECP256K1:
        wanted = AG_SECP256K1_SIGNATURE_SIZE;
        break;
    case AG_AUTH_MLDSA87:
        wanted = AUTH_MLDSA87_SIZE;
        break;
    default:
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "auth_scheme", AG_AUTH_MLDSA87,
                              body->auth_scheme);
    }
    if (body->auth.size != wanted) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "auth", wanted, body->auth.size);
    }
    return AG_OK;
}

static enum ag_err check(const struct ag_body *body, struct ag_fault *fault)
{
    if (body->payload_kind < AG_PAYLOAD_ETHEREUM || body->payload_kind > AG_PAYLOAD_MIGRATION) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "payload_kind", AG_PAYLOAD_MIGRATION,
                              body->payload_kind);
    }
    if (body->payload.size > AG_LIMIT_TX_BYTES) {
        return ag_fault_limit(fault, AG_ERR_WIRE_LIMIT, "payload", AG_LIMIT_TX_BYTES,
                              body->payload.size);
    }
    return check_auth(body, fault);
}

enum ag_err ag_body_encode(const struct ag_body *body, struct ag_vec *out)
{
    size_t class_size = 0;
    size_t size = FIXED_SIZE + body->auth.size + body->payload.size;
    AG_TRY(check(body, NULL));
    AG_TRY(ag_wire_class_of(AG_WIRE_BODY_CLASSES, size, NULL, &class_size));

    struct ag_wr wr = ag_wr_to(out);
    ag_wr_reserve(&wr, class_size);
    ag_wr_u16(&wr, 1);
    ag_wr_bytes(&wr, AG_ARRAY_VIEW(body->salt));
    ag_wr_u8(&wr, body->payload_kind);
    ag_wr_bytes32(&wr, body->payload, AG_LIMIT_TX_BYTES);
    ag_wr_u8(&wr, body->auth_scheme);
    ag_wr_bytes16(&wr, body->auth, AUTH_MLDSA87_SIZE);
    ag_wr_zeros(&wr, class_size - size);
    return ag_wr_finish(&wr);
}

enum ag_err ag_body_decode(struct ag_bytes in, struct ag_body *out, struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_body body = {0};

    ag_rd_version(&rd, 1, "body version");
    ag_rd_copy(&rd, body.salt, sizeof(body.salt), "salt");
    body.payload_kind = ag_rd_u8(&rd, "payload_kind");
    body.payload = ag_rd_bytes32(&rd, AG_LIMIT_TX_BYTES, "payload");
    body.auth_scheme = ag_rd_u8(&rd, "auth_scheme");
    body.auth = ag_rd_bytes16(&rd, AUTH_MLDSA87_SIZE, "auth");
    AG_TRY(ag_rd_finish_item(&rd, fault));
    AG_TRY(check(&body, fault));

    size_t class_size = 0;
    AG_TRY(ag_wire_class_of(AG_WIRE_BODY_CLASSES, in.size - rd.rest.size, NULL, &class_size));
    if (in.size != class_size) {
        return ag_fault_limit(fault, AG_ERR_WIRE_PADDING, "body class", class_size, in.size);
    }
    if (!ag_bytes_is_zero(rd.rest)) {
        return ag_fault_set(fault, AG_ERR_WIRE_PADDING, "body padding");
    }
    *out = body;
    return AG_OK;
}
