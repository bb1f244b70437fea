/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_ERR_H
#define AG_ERR_H

/* err: every outcome a function can have, by number, class, name and sentence.
 *
 * Codes are frozen: the high byte is the room, the low byte the error. Texts may improve.
 * The class picks the exit status and the JSON-RPC code (docs/spec/errors.md). */

#include <stdint.h>

#include <ag/bytes.h>

enum ag_err_class {
    AG_CLASS_OK = 0,
    AG_CLASS_INPUT = 1,       /* the sender's fault: do not retry unchanged */
    AG_CLASS_DENIED = 2,      /* policy said no */
    AG_CLASS_LIMIT = 3,       /* a cap was reached: retry later */
    AG_CLASS_HOST = 4,        /* the system below failed */
    AG_CLASS_CORRUPT = 5,     /* our own data is not what we wrote */
    AG_CLASS_UNSUPPORTED = 6, /* known, and not done here */
};

/* X(code, name, class, sentence) */
#define AG_ERR_TABLE(X)                                                                            \
    X(0x0001, NO_MEMORY, HOST, "out of memory, or over the allocation cap")                        \
    X(0x0002, ENTROPY, HOST, "the random source failed or repeated itself")                        \
    X(0x0003, IO, HOST, "a file or device failed")                                                 \
    X(0x0004, ARGUMENT, INPUT, "an argument is outside its documented range")                      \
    X(0x0005, NOT_FOUND, INPUT, "nothing is stored under this name")                               \
    X(0x0006, BUSY, LIMIT, "a queue is full; retry")                                               \
    X(0x0007, JSON, INPUT, "not the JSON that was expected")                                       \
    X(0x0008, TEXT, INPUT, "not the text that was expected")                                       \
    X(0x0009, THREAD, HOST, "a thread could not be started")                                       \
    X(0x000a, CANCELLED, LIMIT, "stopped before it was done")                                      \
    X(0x0101, WIRE_SHORT, INPUT, "message ends before its last field")                             \
    X(0x0102, WIRE_TRAILING, INPUT, "bytes are left after the last field")                         \
    X(0x0103, WIRE_LIMIT, INPUT, "a field is longer than its limit")                               \
    X(0x0104, WIRE_VALUE, INPUT, "a field has a value that is not allowed")                        \
    X(0x0105, WIRE_VERSION, UNSUPPORTED, "unknown magic or version of a message")                  \
    X(0x0106, WIRE_ORDER, INPUT, "entries are repeated or not in order")                           \
    X(0x0107, WIRE_PADDING, INPUT, "padding is not zero or not of a size class")                   \
    X(0x0108, WIRE_SPACE, LIMIT, "the output buffer is too small")                                 \
    X(0x0111, RLP, INPUT, "not canonical RLP")                                                     \
    X(0x0112, TX_TYPE, UNSUPPORTED, "unknown transaction type")                                    \
    X(0x0113, TX_FIELD, INPUT, "a transaction field has a wrong count, width or form")             \
    X(0x0114, TX_CHAIN, INPUT, "the transaction is for another chain")                             \
    X(0x0115, TX_SIGNATURE, INPUT, "the transaction signature recovers no sender")                 \
    X(0x0116, TX_INTRINSIC, INPUT, "the transaction breaks a nonce, fee, gas or count rule")       \
    X(0x0117, PROOF, INPUT, "the Merkle proof does not lead to the root")                          \
    X(0x0201, CRYPTO, HOST, "the cryptographic library failed")                                    \
    X(0x0202, KEY, INPUT, "not a valid key")                                                       \
    X(0x0203, SIGNATURE, INPUT, "the signature does not verify")                                   \
    X(0x0204, OPEN, INPUT, "the sealed bytes do not open")                                         \
    X(0x0205, CPU, UNSUPPORTED, "the processor lacks an instruction that we require")              \
    X(0x0206, SUITE, UNSUPPORTED, "the cipher suite is unknown or not allowed")                    \
    X(0x0207, CERT, INPUT, "not a certificate or revocation list that we can use")                 \
    X(0x0208, CONTEXT, INPUT, "a signature context is longer than 255 bytes")                      \
    X(0x0301, EVIDENCE_TCB, DENIED, "platform firmware is below policy")                           \
    X(0x0302, EVIDENCE_MALFORMED, INPUT, "the evidence cannot be parsed")                          \
    X(0x0303, EVIDENCE_DENIED, DENIED, "the evidence does not pass the policy")                    \
    X(0x0304, EVIDENCE_UNSUPPORTED, UNSUPPORTED, "evidence of a kind that is not judged here")     \
    X(0x0305, COLLATERAL, INPUT, "collateral is missing, stale or not authentic")                  \
    X(0x0306, POLICY, INPUT, "the policy file is not valid")                                       \
    X(0x0401, STORE, HOST, "the database failed")                                                  \
    X(0x0402, STORE_FULL, LIMIT, "the database reached its size limit or the disk is full")        \
    X(0x0403, STORE_FORMAT, UNSUPPORTED, "the database has another format version")                \
    X(0x0404, STORE_CORRUPT, CORRUPT, "the database holds what we did not write")                  \
    X(0x0405, STORE_LOCKED, LIMIT, "another process has this database open")                       \
    X(0x0501, SEAL_TAMPERED, CORRUPT, "sealed bytes do not authenticate")                          \
    X(0x0502, SEAL_MACHINE, CORRUPT, "sealed on another machine")                                  \
    X(0x0503, SEAL_MEASUREMENT, CORRUPT, "sealed by another program")                              \
    X(0x0504, SEAL_PURPOSE, CORRUPT, "sealed for another purpose")                                 \
    X(0x0505, SEAL_EPOCH, CORRUPT, "sealed in an epoch that is not current")                       \
    X(0x0506, SEAL_TRUNCATED, CORRUPT, "sealed bytes are cut short")                               \
    X(0x0507, SEAL_SWAPPED, CORRUPT, "sealed bytes stand under another name")                      \
    X(0x0508, SEAL_ROLLBACK, CORRUPT, "older than the freshness counter allows")                   \
    X(0x0509, SEAL_FORMAT, CORRUPT, "not a sealed blob of a known version")                        \
    X(0x0511, KEYRING_EPOCHS, LIMIT, "too many key epochs are honoured; retire one first")         \
    X(0x0512, KEYRING_CHAIN, DENIED, "the stored keys are for another chain")                      \
    X(0x0601, TEE, HOST, "the trusted hardware failed or is absent")                               \
    X(0x0602, TEE_SIMULATED, DENIED, "insecure-sim is not allowed here")                           \
    X(0x0603, TEE_COUNTER, CORRUPT, "the monotonic counter does not fit the store")                \
    X(0x0701, MEMPOOL_FULL, LIMIT, "no room for another transaction")                              \
    X(0x0702, MEMPOOL_SENDER, LIMIT, "too many transactions of one sender")                        \
    X(0x0703, MEMPOOL_RATE, LIMIT, "this source sends faster than its allowance")                  \
    X(0x0704, MEMPOOL_STAMP, LIMIT, "a proof-of-work stamp of more bits is asked for")             \
    X(0x0705, ENVELOPE_REPLAY, INPUT, "this sender and nonce were accepted before")                \
    X(0x0706, ENVELOPE_EXPIRED, INPUT, "the envelope's expiry has passed")                         \
    X(0x0707, ENVELOPE_FUTURE, INPUT, "the envelope's expiry is too far ahead")                    \
    X(0x0708, ENVELOPE_CHAIN, INPUT, "the envelope is for another chain")                          \
    X(0x0709, ENVELOPE_EPOCH, INPUT, "the envelope's key epoch is not honoured")                   \
    X(0x070a, ENVELOPE_CLASS, INPUT, "a part's size is not a size class")                          \
    X(0x070b, ENVELOPE_MISMATCH, INPUT, "head, body and clear part contradict each other")         \
    X(0x070c, ENVELOPE_SENDER, INPUT, "the body is not authorised by the sender in the head")      \
    X(0x070d, ENVELOPE_KIND, UNSUPPORTED, "the payload kind is not run by this node")              \
    X(0x070e, ENVELOPE_FEE, INPUT, "the head promises a fee that the payload does not pay")        \
    X(0x070f, ENVELOPE_NONCE, INPUT, "an earlier nonce of this sender is missing")                 \
    X(0x0710, POLICY_ASSET, DENIED, "an asset's policy does not allow this")                       \
    X(0x0711, ASSET_FULL, LIMIT, "no room for another asset")                                      \
    X(0x0801, BATCH_NUMBER, INPUT, "no such batch")                                                \
    X(0x0802, BATCH_INVALID, CORRUPT, "the batch fails its own verification")                      \
    X(0x0803, ORDER_MODE, INPUT, "unknown ordering mode")                                          \
    X(0x0901, CONFIG, INPUT, "the configuration is not valid")                                     \
    X(0x0a01, NET, HOST, "the network failed")                                                     \
    X(0x0a02, NET_LIMIT, LIMIT, "a request is over the server's limits")                           \
    X(0x0a03, NET_TIMEOUT, LIMIT, "the peer did not answer in time")                               \
    X(0x0a04, NET_PROTOCOL, INPUT, "the peer does not speak the protocol")                         \
    X(0x0b01, RPC_METHOD, INPUT, "no such method")                                                 \
    X(0x0b02, RPC_PARAMS, INPUT, "wrong parameters")                                               \
    X(0x0b03, RPC_REQUEST, INPUT, "not a JSON-RPC 2.0 request")                                    \
    X(0x0b04, RPC_AUTH, DENIED, "the operator's token is missing or wrong")                        \
    X(0x0b05, RPC_SEALED, UNSUPPORTED, "transactions must be sealed: use aegis tx send")           \
    X(0x0b06, RPC_DISABLED, UNSUPPORTED, "this is switched off on this node")                      \
    X(0x0c01, STATE_MOVE, CORRUPT, "a life cycle was asked for a move it does not have")           \
    X(0x0c02, DRAINING, LIMIT, "the node is shutting down")                                        \
    X(0x0c03, CLOCK, HOST, "the clock went back further than allowed")

enum ag_err {
    AG_OK = 0,
#define AG_ERR_ENUM(code, name, class, text) AG_ERR_##name = (code),
    AG_ERR_TABLE(AG_ERR_ENUM)
#undef AG_ERR_ENUM
};

/* What was wrong with an input: the field by name, and the limit it broke. A decoder or judge fills
 * it before it returns an error; `field` points to static text or is NULL. `limit` and `got` are
 * in the field's own unit and count only if `has_limit`. */
struct ag_fault {
    enum ag_err err;
    const char *field;
    bool has_limit;
    uint64_t limit;
    uint64_t got;
};

/* Fills `fault` if it is not NULL, and returns `err`, so that a refusal is one line. */
enum ag_err ag_fault_set(struct ag_fault *fault, enum ag_err err, const char *field);
enum ag_err ag_fault_limit(struct ag_fault *fault, enum ag_err err, const char *field,
                           uint64_t limit, uint64_t got);

const char *ag_err_name(enum ag_err err); /* "WIRE_SHORT"; "UNKNOWN" for no known code */
const char *ag_err_text(enum ag_err err);
enum ag_err_class ag_err_class(enum ag_err err);
const char *ag_err_class_name(enum ag_err_class class);

/* The only two macros that return. */
#define AG_TRY(call)                                                                               \
    do {                                                                                           \
        enum ag_err ag_try_err_ = (call);                                                          \
        if (ag_try_err_ != AG_OK) {                                                                \
            return ag_try_err_;                                                                    \
        }                                                                                          \
    } while (0)

#define AG_ENSURE(condition, error)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return (error);                                                                        \
        }                                                                                          \
    } while (0)

#endif
