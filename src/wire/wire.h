/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_WIRE_WIRE_H
#define AG_WIRE_WIRE_H

/* wire: the only encoder and decoder of every stored, signed or sent message, and of its
 * identifier.
 *
 * Owns:    nothing; a decoded struct borrows from the bytes it was decoded from.
 * Threads: values only; every function may be called from any thread.
 * Fails:   WIRE_*, RLP, TX_*, PROOF, SIGNATURE, SUITE for input; `fault` (may be NULL) names the
 *          field and, where there is one, the limit. An encoder refuses with the same errors what
 *          its decoder would refuse, and leaves the vec as it was.
 * Not:     no policy, no clock, no storage: a decoded message is well formed, not yet believed.
 * Formats: docs/spec/wire.md. */

#include <ag/batch.h>
#include <ag/receipt.h>
#include <ag/tx.h>

#include "base/base.h"

/* ---- reading ------------------------------------------------------------------------------- */

/* A cursor that remembers its first failure: a decoder is a list of fields and one question at the
 * end. After a failure every read gives zeros or nothing. Field names are static text. */
struct ag_rd {
    struct ag_bytes rest;  /* not read yet */
    struct ag_fault fault; /* the first failure; err is AG_OK before it */
};
struct ag_rd ag_rd_from(struct ag_bytes in);
bool ag_rd_is_ok(const struct ag_rd *rd);
/* Four ASCII characters and a version; anything else is WIRE_VERSION. */
void ag_rd_magic(struct ag_rd *rd, const char *magic, uint16_t version);
void ag_rd_version(struct ag_rd *rd, uint16_t version, const char *field);
uint8_t ag_rd_u8(struct ag_rd *rd, const char *field);
uint16_t ag_rd_u16(struct ag_rd *rd, const char *field);
uint32_t ag_rd_u32(struct ag_rd *rd, const char *field);
uint64_t ag_rd_u64(struct ag_rd *rd, const char *field);
bool ag_rd_bool(struct ag_rd *rd, const char *field); /* 00 or 01 */
/* Exactly `size` bytes, borrowed. */
struct ag_bytes ag_rd_fixed(struct ag_rd *rd, size_t size, const char *field);
void ag_rd_copy(struct ag_rd *rd, uint8_t *out, size_t size, const char *field);
struct ag_id ag_rd_id(struct ag_rd *rd, const char *field);
struct ag_hash ag_rd_hash(struct ag_rd *rd, const char *field);
/* A length of 8, 16 or 32 bits, then as many bytes; more than `limit` is WIRE_LIMIT. */
struct ag_bytes ag_rd_bytes8(struct ag_rd *rd, size_t limit, const char *field);
struct ag_bytes ag_rd_bytes16(struct ag_rd *rd, size_t limit, const char *field);
struct ag_bytes ag_rd_bytes32(struct ag_rd *rd, size_t limit, const char *field);
/* Everything that is left, borrowed. */
struct ag_bytes ag_rd_rest(struct ag_rd *rd);
/* Notes a failure that the caller found; the first one stays. */
void ag_rd_refuse(struct ag_rd *rd, enum ag_err err, const char *field);
void ag_rd_refuse_limit(struct ag_rd *rd, enum ag_err err, const char *field, uint64_t limit,
                        uint64_t got);
/* The first failure, or WIRE_TRAILING when bytes are left. */
AG_MUST_CHECK enum ag_err ag_rd_finish(struct ag_rd *rd, struct ag_fault *fault);
/* The first failure; what is left stays in rd->rest for the next item. */
AG_MUST_CHECK enum ag_err ag_rd_finish_item(struct ag_rd *rd, struct ag_fault *fault);

/* ---- writing ------------------------------------------------------------------------------- */

/* Appends to a vec and remembers its first failure. */
struct ag_wr {
    struct ag_vec *vec;
    size_t start; /* the size of the vec before the first field */
    enum ag_err err;
};
struct ag_wr ag_wr_to(struct ag_vec *vec);
/* Room for `size` more bytes at once: text that will be wiped is never left behind by growing. */
void ag_wr_reserve(struct ag_wr *wr, size_t size);
void ag_wr_magic(struct ag_wr *wr, const char *magic, uint16_t version);
void ag_wr_u8(struct ag_wr *wr, uint8_t value);
void ag_wr_u16(struct ag_wr *wr, uint16_t value);
void ag_wr_u32(struct ag_wr *wr, uint32_t value);
void ag_wr_u64(struct ag_wr *wr, uint64_t value);
void ag_wr_bytes(struct ag_wr *wr, struct ag_bytes bytes); /* without a length */
void ag_wr_zeros(struct ag_wr *wr, size_t size);
void ag_wr_bytes8(struct ag_wr *wr, struct ag_bytes bytes, size_t limit);
void ag_wr_bytes16(struct ag_wr *wr, struct ag_bytes bytes, size_t limit);
void ag_wr_bytes32(struct ag_wr *wr, struct ag_bytes bytes, size_t limit);
/* The first failure; the vec is then cut back to where it was. */
AG_MUST_CHECK enum ag_err ag_wr_finish(struct ag_wr *wr);

/* ---- RLP ----------------------------------------------------------------------------------- */

/* One item in canonical form. Both views borrow. */
struct ag_rlp_item {
    bool is_list;
    struct ag_bytes payload; /* the string, or the items of the list in a row */
    struct ag_bytes whole;   /* header and payload */
};
/* Takes the first item off `*in`. RLP when its header is not canonical or it is cut short. What is
 * inside a list is not looked at: see ag_rlp_check. */
AG_MUST_CHECK enum ag_err ag_rlp_next(struct ag_bytes *in, struct ag_rlp_item *out);
/* Exactly one item, canonical all the way down. Nesting deeper than RLP_DEPTH is RLP with a limit
 * in `fault`. No recursion. */
AG_MUST_CHECK enum ag_err ag_rlp_check(struct ag_bytes in, struct ag_fault *fault);
/* Appends a string; an integer without leading zeros (zero is the empty string); a list's
 * header. */
AG_MUST_CHECK enum ag_err ag_rlp_put_string(struct ag_vec *out, struct ag_bytes text);
AG_MUST_CHECK enum ag_err ag_rlp_put_integer(struct ag_vec *out, struct ag_bytes big_endian);
AG_MUST_CHECK enum ag_err ag_rlp_put_u64(struct ag_vec *out, uint64_t value);
AG_MUST_CHECK enum ag_err ag_rlp_put_list(struct ag_vec *out, size_t payload_size);

/* ---- Ethereum transactions ----------------------------------------------------------------- */

/* ag_eth_tx_decode with a choice: FORM stops before the intrinsic rules of a fork (nonce limit,
 * fees, gas, counts), which old transactions of other chains need not keep; OSAKA is what the
 * public function asks for. Only FORM takes more than TX_BYTES. */
enum ag_eth_rules {
    AG_ETH_RULES_FORM,
    AG_ETH_RULES_OSAKA
};
AG_MUST_CHECK enum ag_err ag_eth_tx_decode_under(enum ag_eth_rules rules, struct ag_bytes raw,
                                                 uint64_t chain_id, bool allow_unprotected,
                                                 struct ag_eth_tx *out, struct ag_fault *fault);
/* The gas that a transaction costs before it runs, as of Osaka, without the floor of its data. */
uint64_t ag_eth_tx_intrinsic_gas(const struct ag_eth_tx *tx);

/* ---- the spool: a group commit on disk ------------------------------------------------------- */

/* What is on disk before any of its receipts leaves. */
struct ag_spool_group {
    struct ag_bytes group;     /* encoding */
    struct ag_bytes signature; /* ML-DSA-87 over the group's digest, label GROUP_MLDSA */
    uint32_t count;            /* equals the group's */
    struct ag_bytes entries;   /* walked with ag_spool_entry_next */
};
struct ag_spool_entry {
    uint64_t deadline_ms;
    struct ag_bytes envelope; /* as it was received */
};
/* `entries` has group->count entries, in admission order; group->entries is not looked at. */
AG_MUST_CHECK enum ag_err ag_spool_group_encode(const struct ag_spool_group *group,
                                                const struct ag_spool_entry *entries,
                                                struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_spool_group_decode(struct ag_bytes in, struct ag_spool_group *out,
                                                struct ag_fault *fault);
/* Takes the first entry off `*entries`. */
AG_MUST_CHECK enum ag_err ag_spool_entry_next(struct ag_bytes *entries, struct ag_spool_entry *out,
                                              struct ag_fault *fault);

/* ---- records of the store -------------------------------------------------------------------- */

/* The store's own state; sealed by its user. */
struct ag_meta {
    uint16_t store_format; /* of the tables, from 1 */
    uint64_t chain_id;
    struct ag_hash genesis;
    uint64_t head_number;       /* newest committed batch; 0: none */
    struct ag_hash head_digest; /* the genesis while head_number is 0 */
    uint64_t next_admission;
    uint64_t last_group; /* 0: none */
    struct ag_hash last_group_digest;
    uint64_t first_unbatched; /* at most next_admission */
    uint64_t key_epoch;
    uint64_t anchor_counter;
};
AG_MUST_CHECK enum ag_err ag_meta_encode(const struct ag_meta *meta, struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_meta_decode(struct ag_bytes in, struct ag_meta *out,
                                         struct ag_fault *fault);

/* A batch that has to reach the chain. */
struct ag_outbox_entry {
    uint64_t batch_number; /* from 1 */
    struct ag_hash header_digest;
    uint64_t created_ms;
    uint32_t attempts;
};
AG_MUST_CHECK enum ag_err ag_outbox_entry_encode(const struct ag_outbox_entry *entry,
                                                 struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_outbox_entry_decode(struct ag_bytes in, struct ag_outbox_entry *out,
                                                 struct ag_fault *fault);

/* What a list of batches shows without opening their files. */
struct ag_batch_index {
    struct ag_bytes header; /* encoding */
    uint32_t tx_count;      /* the header's */
    uint64_t committed_ms;
};
AG_MUST_CHECK enum ag_err ag_batch_index_encode(const struct ag_batch_index *index,
                                                struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_batch_index_decode(struct ag_bytes in, struct ag_batch_index *out,
                                                struct ag_fault *fault);

/* Where the receipts of one envelope are found. */
struct ag_receipt_index {
    uint64_t admission;
    uint64_t group_number; /* from 1 */
    uint32_t leaf_index;
    uint64_t batch_number; /* 0: not in a batch yet; entry_index is then 0 */
    uint32_t entry_index;
};
AG_MUST_CHECK enum ag_err ag_receipt_index_encode(const struct ag_receipt_index *index,
                                                  struct ag_vec *out);
AG_MUST_CHECK enum ag_err ag_receipt_index_decode(struct ag_bytes in, struct ag_receipt_index *out,
                                                  struct ag_fault *fault);

#endif
