/* SPDX-License-Identifier: Apache-2.0 */
/* The node that is a sequencer: seq.h, function by function. */
#include "rpc/rpc_i.h"

static enum ag_err submit(void *node, struct ag_submission *const *submissions, size_t count)
{
    return ag_seq_submit(node, submissions, count);
}

static int events_fd(void *node)
{
    return ag_seq_events_fd(node);
}

static size_t events(void *node, struct ag_event *out, size_t limit)
{
    return ag_seq_events(node, out, limit);
}

static void status(void *node, struct ag_seq_status *out)
{
    ag_seq_status(node, out);
}

static enum ag_err identity(void *node, struct ag_bytes nonce, struct ag_vec *out_bundle,
                            struct ag_vec *out_evidence, struct ag_vec *out_collateral)
{
    return ag_seq_identity(node, nonce, out_bundle, out_evidence, out_collateral);
}

static enum ag_err tx_status(void *node, const struct ag_id *id, struct ag_tx_status *out)
{
    return ag_seq_tx_status(node, id, out);
}

static enum ag_err admission_receipt(void *node, const struct ag_id *id, struct ag_vec *out)
{
    return ag_seq_admission_receipt(node, id, out);
}

static enum ag_err outcome_receipt(void *node, const struct ag_id *id, struct ag_vec *out)
{
    return ag_seq_outcome_receipt(node, id, out);
}

static enum ag_err batch_header(void *node, uint64_t number, struct ag_batch_header *out,
                                struct ag_hash *out_digest)
{
    return ag_seq_batch_header(node, number, out, out_digest);
}

static enum ag_err batch_export(void *node, uint64_t number, struct ag_vec *out)
{
    return ag_seq_batch_export(node, number, out);
}

static enum ag_err batch_outcomes(void *node, uint64_t number, ag_seq_outcome_fn *each,
                                  void *context)
{
    return ag_seq_batch_outcomes(node, number, each, context);
}

static enum ag_err set_order_mode(void *node, uint8_t mode)
{
    return ag_seq_set_order_mode(node, mode);
}

static enum ag_err rotate_keys(void *node)
{
    return ag_seq_rotate_keys(node);
}

enum ag_err ag_rpc_open(const struct ag_rpc_config *config, struct ag_seq *seq, struct ag_rpc **out,
                        struct ag_fault *fault)
{
    static const struct rpc_node_ops ops = {
        .submit = submit,
        .events_fd = events_fd,
        .events = events,
        .status = status,
        .identity = identity,
        .tx_status = tx_status,
        .admission_receipt = admission_receipt,
        .outcome_receipt = outcome_receipt,
        .batch_header = batch_header,
        .batch_export = batch_export,
        .batch_outcomes = batch_outcomes,
        .set_order_mode = set_order_mode,
        .rotate_keys = rotate_keys,
    };
    return ag_rpc_open_node(config, &ops, seq, out, fault);
}
