/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_WIRE_WIRE_I_H
#define AG_WIRE_WIRE_I_H

/* Private to wire: parts that one message has in common with another. */

#include "crypto/crypto.h"
#include "wire/wire.h"

/* Whole encodings of fixed size that other messages carry without a length. */
#define AG_GROUP_SIZE        178u
#define AG_BATCH_HEADER_SIZE 409u
/* The unpadded head with everything at its longest. */
#define AG_HEAD_SIZE_MAX 697u
/* An envelope before enc: magic, version, suite, chain, epoch, two classes. */
#define AG_ENVELOPE_CLEAR_SIZE 30u
#define AG_EVIDENCE_OVERHEAD   11u /* magic, version, kind, length */
#define AG_COLLATERAL_SIZE_MAX (6u + 7u * (4u + AG_LIMIT_COLLATERAL_PART_BYTES) + 8u)

/* Big-endian into memory that is there; each returns the byte after. */
uint8_t *ag_wire_put_u16(uint8_t *at, uint16_t value);
uint8_t *ag_wire_put_u32(uint8_t *at, uint32_t value);
uint8_t *ag_wire_put_u64(uint8_t *at, uint64_t value);

/* The header of an RLP string or list; returns its size. */
#define AG_RLP_HEADER_SIZE_MAX 9u
size_t ag_wire_rlp_header(uint8_t out[AG_RLP_HEADER_SIZE_MAX], bool is_list, size_t size);

/* index u64 | size u64 | count u8 | nodes */
struct ag_proof ag_wire_proof_read(struct ag_rd *rd);
void ag_wire_proof_write(struct ag_wr *wr, const struct ag_proof *proof);

/* The bundle that a receipt must name: decoded, and its digest compared with `named`. */
enum ag_err ag_wire_bundle_match(struct ag_bytes bundle_encoding, const struct ag_hash *named,
                                 uint64_t chain_id, uint64_t key_epoch, struct ag_bundle *out,
                                 struct ag_fault *fault);

/* The smallest class that holds `size` bytes; WIRE_LIMIT when none does. `out_index` may be
 * NULL. */
enum ag_wire_classes {
    AG_WIRE_HEAD_CLASSES,
    AG_WIRE_BODY_CLASSES
};
enum ag_err ag_wire_class_of(enum ag_wire_classes classes, size_t size, uint8_t *out_index,
                             size_t *out_size);
/* The size of class `index`, or 0 when there is no such class. */
size_t ag_wire_class_size(enum ag_wire_classes classes, size_t index);

#endif
