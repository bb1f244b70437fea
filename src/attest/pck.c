/* SPDX-License-Identifier: Apache-2.0 */
/* The extension of a PCK certificate [PCK profile 1.3.5]: SEQUENCE OF SEQUENCE { OID, value }.
 * Members may come in any order, each at most once; unknown ones are skipped, required ones must
 * be there. */
#include "attest/attest_i.h"

#include <string.h>

enum {
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_SEQUENCE = 0x30
};

/* 1.2.840.113741.1.13.1 without tag and length. */
static const uint8_t base_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

/* Takes one element off `*in`: definite, minimal lengths only [X.690 10.1]. */
static bool der_take(struct ag_bytes *in, uint8_t tag, struct ag_bytes *out)
{
    if (in->size < 2 || in->data[0] != tag) {
        return false;
    }
    size_t size = in->data[1];
    size_t head = 2;
    if (size >= 0x80u) {
        size_t octets = size & 0x7fu;
        if (octets == 0 || octets > 2 || in->size < 2 + octets) {
            return false;
        }
        size = 0;
        for (size_t i = 0; i < octets; i++) {
            size = size << 8 | in->data[2 + i];
        }
        if (size < 0x80u || (octets == 2 && size < 0x100u)) {
            return false;
        }
        head += octets;
    }
    if (size > in->size - head) {
        return false;
    }
    *out = ag_bytes_of(in->data + head, size);
    *in = ag_bytes_tail(*in, head + size);
    return true;
}

/* One member: its arcs below the base and what stands behind the OID. */
struct member {
    uint8_t arcs[2];
    size_t arc_count;
    bool is_known; /* below the base, with one or two small arcs */
    struct ag_bytes value;
};

static bool member_take(struct ag_bytes *in, struct member *out)
{
    struct ag_bytes content;
    struct ag_bytes oid;
    if (!der_take(in, DER_SEQUENCE, &content) || !der_take(&content, DER_OID, &oid)) {
        return false;
    }
    *out = (struct member){.value = content};
    struct ag_bytes arcs = ag_bytes_tail(oid, sizeof(base_oid));
    if (ag_bytes_equal(ag_bytes_head(oid, sizeof(base_oid)), AG_ARRAY_VIEW(base_oid)) &&
        arcs.size >= 1 && arcs.size <= 2) {
        out->is_known = true;
        out->arc_count = arcs.size;
        memcpy(out->arcs, arcs.data, arcs.size);
    }
    return true;
}

/* The one element of `value`, which must have exactly `size` octets. */
static bool read_octets(struct ag_bytes value, size_t size, uint8_t *out)
{
    struct ag_bytes octets;
    if (!der_take(&value, DER_OCTETS, &octets) || value.size != 0 || octets.size != size) {
        return false;
    }
    memcpy(out, octets.data, size);
    return true;
}

/* A non-negative, minimal number of at most `limit`. */
static bool read_number(struct ag_bytes value, uint8_t tag, uint32_t limit, uint32_t *out)
{
    struct ag_bytes octets;
    if (!der_take(&value, tag, &octets) || value.size != 0 || octets.size == 0 || octets.size > 4 ||
        octets.data[0] >= 0x80u ||
        (octets.size > 1 && octets.data[0] == 0 && octets.data[1] < 0x80u)) {
        return false;
    }
    uint32_t number = 0;
    for (size_t i = 0; i < octets.size; i++) {
        number = number << 8 | octets.data[i];
    }
    *out = number;
    return number <= limit;
}

#define TCB_PCE_SVN  17u
#define TCB_CPU_SVN  18u
#define TCB_SEEN_ALL 0x7fffeu /* bits 1 to 18 */

static bool parse_tcb(struct ag_bytes value, struct ag_pck *pck)
{
    struct ag_bytes members;
    if (!der_take(&value, DER_SEQUENCE, &members) || value.size != 0) {
        return false;
    }
    uint32_t seen = 0;
    while (members.size != 0) {
        struct member member;
        if (!member_take(&members, &member)) {
            return false;
        }
        uint8_t arc = member.arcs[1];
        if (!member.is_known || member.arc_count != 2 || member.arcs[0] != 2 || arc == 0 ||
            arc > TCB_CPU_SVN || (seen & 1u << arc) != 0) {
            return false;
        }
        seen |= 1u << arc;
        uint32_t number = 0;
        if (arc == TCB_CPU_SVN) {
            if (!read_octets(member.value, sizeof(pck->cpu_svn), pck->cpu_svn)) {
                return false;
            }
        } else if (arc == TCB_PCE_SVN) {
            if (!read_number(member.value, DER_INTEGER, UINT16_MAX, &number)) {
                return false;
            }
            pck->pce_svn = (uint16_t)number;
        } else {
            if (!read_number(member.value, DER_INTEGER, UINT8_MAX, &number)) {
                return false;
            }
            pck->components[arc - 1u] = (uint8_t)number;
        }
    }
    return seen == TCB_SEEN_ALL;
}

enum {
    ARC_PPID = 1,
    ARC_TCB,
    ARC_PCE_ID,
    ARC_FMSPC,
    ARC_SGX_TYPE,
    ARC_INSTANCE,
    ARC_CONFIGURATION
};
#define SEEN_REQUIRED 0x3eu /* PPID to SGX type: bits 1 to 5 */

static bool parse_member(const struct member *member, struct ag_pck *pck)
{
    uint32_t number = 0;
    switch (member->arcs[0]) {
    case ARC_PPID:
        return read_octets(member->value, sizeof(pck->ppid), pck->ppid);
    case ARC_TCB:
        return parse_tcb(member->value, pck);
    case ARC_PCE_ID:
        return read_octets(member->value, sizeof(pck->pce_id), pck->pce_id);
    case ARC_FMSPC:
        return read_octets(member->value, sizeof(pck->fmspc), pck->fmspc);
    case ARC_SGX_TYPE:
        if (!read_number(member->value, DER_ENUMERATED, UINT8_MAX, &number)) {
            return false;
        }
        pck->sgx_type = (uint8_t)number;
        return true;
    case ARC_INSTANCE:
        pck->has_platform_instance = true;
        return read_octets(member->value, sizeof(pck->platform_instance), pck->platform_instance);
    default:
        return true; /* the configuration and what may come: no verdict depends on it */
    }
}

struct ag_finding ag_pck_parse(struct ag_bytes extension, struct ag_pck *out)
{
    struct ag_finding bad = {AG_ATTEST_Malformed,
                             "the PCK certificate's extension is not well formed"};
    struct ag_pck pck = {0};
    struct ag_bytes members;
    if (!der_take(&extension, DER_SEQUENCE, &members) || extension.size != 0) {
        return bad;
    }
    uint32_t seen = 0;
    while (members.size != 0) {
        struct member member;
        if (!member_take(&members, &member)) {
            return bad;
        }
        if (!member.is_known || member.arc_count != 1 || member.arcs[0] > 31) {
            continue;
        }
        if ((seen & 1u << member.arcs[0]) != 0) {
            return ag_finding_of(AG_ATTEST_Malformed, "a member of the PCK extension occurs twice");
        }
        seen |= 1u << member.arcs[0];
        if (!parse_member(&member, &pck)) {
            return bad;
        }
    }
    if ((seen & SEEN_REQUIRED) != SEEN_REQUIRED) {
        return ag_finding_of(AG_ATTEST_Malformed, "the PCK extension lacks a required member");
    }
    *out = pck;
    return AG_FINDING_OK;
}
