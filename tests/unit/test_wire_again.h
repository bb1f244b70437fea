/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TEST_WIRE_AGAIN_H
#define AG_TEST_WIRE_AGAIN_H

/* Every message decoded and encoded again, for unit tests, property tests and fuzz targets:
 * whatever a decoder takes must come out byte for byte. */

#include "wire/wire.h"

typedef enum ag_err wire_again(struct ag_bytes in, struct ag_vec *out, struct ag_fault *fault);

static inline enum ag_err wire_again_bundle(struct ag_bytes in, struct ag_vec *out,
                                            struct ag_fault *fault)
{
    struct ag_bundle value;
    AG_TRY(ag_bundle_decode(in, &value, fault));
    return ag_bundle_encode(&value, out);
}

static inline enum ag_err wire_again_head(struct ag_bytes in, struct ag_vec *out,
                                          struct ag_fault *fault)
{
    struct ag_head value;
    AG_TRY(ag_head_decode(in, &value, fault));
    return ag_head_encode(&value, out);
}

static inline enum ag_err wire_again_body(struct ag_bytes in, struct ag_vec *out,
                                          struct ag_fault *fault)
{
    struct ag_body value;
    AG_TRY(ag_body_decode(in, &value, fault));
    return ag_body_encode(&value, out);
}

static inline enum ag_err wire_again_envelope(struct ag_bytes in, struct ag_vec *out,
                                              struct ag_fault *fault)
{
    struct ag_envelope value;
    AG_TRY(ag_envelope_decode(in, &value, fault));
    return ag_envelope_encode(&value, out);
}

static inline enum ag_err wire_again_group(struct ag_bytes in, struct ag_vec *out,
                                           struct ag_fault *fault)
{
    struct ag_group value;
    AG_TRY(ag_group_decode(in, &value, fault));
    return ag_group_encode(&value, out);
}

static inline enum ag_err wire_again_admission_receipt(struct ag_bytes in, struct ag_vec *out,
                                                       struct ag_fault *fault)
{
    struct ag_admission_receipt value;
    AG_TRY(ag_admission_receipt_decode(in, &value, fault));
    return ag_admission_receipt_encode(&value, out);
}

static inline enum ag_err wire_again_outcome_receipt(struct ag_bytes in, struct ag_vec *out,
                                                     struct ag_fault *fault)
{
    struct ag_outcome_receipt value;
    AG_TRY(ag_outcome_receipt_decode(in, &value, fault));
    return ag_outcome_receipt_encode(&value, out);
}

static inline enum ag_err wire_again_batch_header(struct ag_bytes in, struct ag_vec *out,
                                                  struct ag_fault *fault)
{
    struct ag_batch_header value;
    AG_TRY(ag_batch_header_decode(in, &value, fault));
    return ag_batch_header_encode(&value, out);
}

static inline enum ag_err wire_again_evidence(struct ag_bytes in, struct ag_vec *out,
                                              struct ag_fault *fault)
{
    struct ag_evidence value;
    AG_TRY(ag_evidence_decode(in, &value, fault));
    return ag_evidence_encode(&value, out);
}

static inline enum ag_err wire_again_collateral(struct ag_bytes in, struct ag_vec *out,
                                                struct ag_fault *fault)
{
    struct ag_collateral value;
    AG_TRY(ag_collateral_decode(in, &value, fault));
    return ag_collateral_encode(&value, out);
}

static inline enum ag_err wire_again_batch_file(struct ag_bytes in, struct ag_vec *out,
                                                struct ag_fault *fault)
{
    struct ag_batch_file value;
    AG_TRY(ag_batch_file_decode(in, &value, fault));
    return ag_batch_file_encode(&value, out);
}

static inline enum ag_err wire_again_meta(struct ag_bytes in, struct ag_vec *out,
                                          struct ag_fault *fault)
{
    struct ag_meta value;
    AG_TRY(ag_meta_decode(in, &value, fault));
    return ag_meta_encode(&value, out);
}

static inline enum ag_err wire_again_outbox_entry(struct ag_bytes in, struct ag_vec *out,
                                                  struct ag_fault *fault)
{
    struct ag_outbox_entry value;
    AG_TRY(ag_outbox_entry_decode(in, &value, fault));
    return ag_outbox_entry_encode(&value, out);
}

static inline enum ag_err wire_again_batch_index(struct ag_bytes in, struct ag_vec *out,
                                                 struct ag_fault *fault)
{
    struct ag_batch_index value;
    AG_TRY(ag_batch_index_decode(in, &value, fault));
    return ag_batch_index_encode(&value, out);
}

static inline enum ag_err wire_again_receipt_index(struct ag_bytes in, struct ag_vec *out,
                                                   struct ag_fault *fault)
{
    struct ag_receipt_index value;
    AG_TRY(ag_receipt_index_decode(in, &value, fault));
    return ag_receipt_index_encode(&value, out);
}

/* A padded head: the text before the padding, then zeros up to the same class. */
static inline enum ag_err wire_again_head_padded(struct ag_bytes in, struct ag_vec *out,
                                                 struct ag_fault *fault)
{
    struct ag_head head;
    size_t used = 0;
    uint8_t *padding = NULL;
    AG_TRY(ag_head_decode_padded(in, &head, &used, fault));
    AG_TRY(ag_head_encode(&head, out));
    AG_ASSERT(out->size == used);
    return ag_vec_extend(out, in.size - used, &padding);
}

static inline enum ag_err wire_again_outcome(struct ag_bytes in, struct ag_vec *out,
                                             struct ag_fault *fault)
{
    struct ag_outcome outcome;
    uint8_t encoding[AG_OUTCOME_SIZE];
    AG_TRY(ag_outcome_decode(in, &outcome, fault));
    ag_outcome_encode(&outcome, encoding);
    return ag_vec_append(out, AG_ARRAY_VIEW(encoding));
}

/* The entries of a batch file, to the last byte. */
static inline enum ag_err wire_again_batch_entries(struct ag_bytes in, struct ag_vec *out,
                                                   struct ag_fault *fault)
{
    struct ag_batch_entry entry;
    while (in.size != 0) {
        AG_TRY(ag_batch_entry_next(&in, &entry, fault));
        AG_TRY(ag_batch_entry_encode(&entry, out));
    }
    return AG_OK;
}

static inline enum ag_err wire_again_spool_group(struct ag_bytes in, struct ag_vec *out,
                                                 struct ag_fault *fault)
{
    struct ag_spool_group group;
    AG_TRY(ag_spool_group_decode(in, &group, fault));
    struct ag_spool_entry *entries AG_SCOPED(ag_free_cleanup) =
        ag_alloc_array(group.count, sizeof(*entries));
    AG_ENSURE(entries != NULL, AG_ERR_NO_MEMORY);
    struct ag_bytes rest = group.entries;
    for (uint32_t i = 0; i < group.count; i++) {
        AG_TRY(ag_spool_entry_next(&rest, &entries[i], fault));
    }
    AG_ASSERT(rest.size == 0);
    return ag_spool_group_encode(&group, entries, out);
}

#endif
