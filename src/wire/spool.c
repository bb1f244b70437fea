/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_i.h"

/* AGSG, the spool group: magic, version, group, ML-DSA-87 signature, then for each envelope its
 * deadline u64 and itself with its length u32. The count is the group's. */

static enum ag_err check_group(struct ag_bytes encoding, uint32_t count, struct ag_bytes signature,
                               struct ag_fault *fault)
{
    struct ag_group group;
    AG_TRY(ag_group_decode(encoding, &group, fault));
    if (group.count != count) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "spool.count", group.count, count);
    }
    if (signature.size != AG_MLDSA87_SIGNATURE_SIZE) {
        return ag_fault_limit(fault, AG_ERR_WIRE_VALUE, "spool.signature",
                              AG_MLDSA87_SIGNATURE_SIZE, signature.size);
    }
    return AG_OK;
}

enum ag_err ag_spool_group_encode(const struct ag_spool_group *group,
                                  const struct ag_spool_entry *entries, struct ag_vec *out)
{
    AG_TRY(check_group(group->group, group->count, group->signature, NULL));
    struct ag_wr wr = ag_wr_to(out);
    ag_wr_magic(&wr, "AGSG", 1);
    ag_wr_bytes(&wr, group->group);
    ag_wr_bytes(&wr, group->signature);
    for (uint32_t i = 0; i < group->count; i++) {
        if (wr.err == AG_OK && entries[i].envelope.size == 0) {
            wr.err = AG_ERR_WIRE_VALUE;
        }
        ag_wr_u64(&wr, entries[i].deadline_ms);
        ag_wr_bytes32(&wr, entries[i].envelope, AG_LIMIT_ENVELOPE_BYTES);
    }
    return ag_wr_finish(&wr);
}

enum ag_err ag_spool_entry_next(struct ag_bytes *entries, struct ag_spool_entry *out,
                                struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(*entries);
    struct ag_spool_entry entry = {0};
    entry.deadline_ms = ag_rd_u64(&rd, "spool.deadline_ms");
    entry.envelope = ag_rd_bytes32(&rd, AG_LIMIT_ENVELOPE_BYTES, "spool.envelope");
    if (ag_rd_is_ok(&rd) && entry.envelope.size == 0) {
        ag_rd_refuse(&rd, AG_ERR_WIRE_VALUE, "spool.envelope");
    }
    AG_TRY(ag_rd_finish_item(&rd, fault));

    *out = entry;
    *entries = rd.rest;
    return AG_OK;
}

enum ag_err ag_spool_group_decode(struct ag_bytes in, struct ag_spool_group *out,
                                  struct ag_fault *fault)
{
    struct ag_rd rd = ag_rd_from(in);
    struct ag_spool_group spool = {0};
    struct ag_group group;

    ag_rd_magic(&rd, "AGSG", 1);
    spool.group = ag_rd_fixed(&rd, AG_GROUP_SIZE, "spool.group");
    spool.signature = ag_rd_fixed(&rd, AG_MLDSA87_SIGNATURE_SIZE, "spool.signature");
    spool.entries = ag_rd_rest(&rd);
    AG_TRY(ag_rd_finish(&rd, fault));
    AG_TRY(ag_group_decode(spool.group, &group, fault));
    spool.count = group.count;

    /* All entries are walked once, so that walking them again cannot fail. */
    struct ag_bytes rest = spool.entries;
    struct ag_spool_entry entry;
    for (uint32_t i = 0; i < spool.count; i++) {
        AG_TRY(ag_spool_entry_next(&rest, &entry, fault));
    }
    if (rest.size != 0) {
        return ag_fault_limit(fault, AG_ERR_WIRE_TRAILING, "spool.entries",
                              spool.entries.size - rest.size, spool.entries.size);
    }
    *out = spool;
    return AG_OK;
}
