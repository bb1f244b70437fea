/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_CONF_CONF_H
#define AG_CONF_CONF_H

/* conf: turns one file and flags into one checked struct that nobody changes afterwards.
 *
 * Owns:    nothing; struct ag_conf is a value of the caller.
 * Threads: plain values.
 * Fails:   CONFIG with the key, the limit and a sentence for a person; NOT_FOUND, IO or ARGUMENT
 *          (too large) for the file.
 * Not:     no environment variables, no reloading, no include files. Whether insecure-sim may run
 *          is asked where hardware is opened (seq), so that a configuration can always be shown;
 *          whether paths exist and addresses can be bound, where they are used. */

#include <ag/batch.h>

#include "base/base.h"

#define AG_CONF_TEXT_SIZE 1024u

/* The KEMs of the node's keys: enum ag_kem of crypto, ascending, each once, at least one. */
struct ag_conf_suites {
    uint16_t kems[AG_LIMIT_BUNDLE_KEMS];
    size_t count;
};

enum ag_conf_origin {
    AG_CONF_DEFAULT,
    AG_CONF_FILE,
    AG_CONF_FLAG
};
const char *ag_conf_origin_name(enum ag_conf_origin origin); /* "default", "file", "flag" */

/* AG_CONF_KEY_chain_id and so on: the rows of keys.def in their order. */
enum ag_conf_key {
#define X(name, type, fallback, min, max, unit, text) AG_CONF_KEY_##name,
#include "keys.def"
#undef X
    AG_CONF_KEY_COUNT
};

/* One member per row of keys.def, by its name: conf.batch_interval_ms. */
struct ag_conf {
#define AG_CONF_MEMBER_TEXT(name)                     char name[AG_CONF_TEXT_SIZE];
#define AG_CONF_MEMBER_BOOL(name)                     bool name;
#define AG_CONF_MEMBER_NUMBER(name)                   uint64_t name;
#define AG_CONF_MEMBER_SUITES(name)                   struct ag_conf_suites name;
#define AG_CONF_MEMBER_PROVIDER(name)                 uint8_t name; /* enum ag_tee_kind */
#define AG_CONF_MEMBER_ORDER_MODE(name)               uint8_t name; /* enum ag_order_mode */
#define AG_CONF_MEMBER_LOG_LEVEL(name)                uint8_t name; /* enum ag_log_level */
#define X(name, type, fallback, min, max, unit, text) AG_CONF_MEMBER_##type(name)
#include "keys.def"
#undef X
#undef AG_CONF_MEMBER_TEXT
#undef AG_CONF_MEMBER_BOOL
#undef AG_CONF_MEMBER_NUMBER
#undef AG_CONF_MEMBER_SUITES
#undef AG_CONF_MEMBER_PROVIDER
#undef AG_CONF_MEMBER_ORDER_MODE
#undef AG_CONF_MEMBER_LOG_LEVEL
    enum ag_conf_origin origins[AG_CONF_KEY_COUNT];
};

/* What was wrong, for a program and for a person. */
struct ag_conf_fault {
    struct ag_fault fault; /* field: the key, or what the reader of texts names */
    unsigned line;         /* of the file; 0: a flag, or no place */
    char text[512];        /* "aegis.conf:12: batch_tx_max is 20000; it may be 1 to 10000" */
};

/* Reads defaults, then the file at `path` (NULL: none), then `args`; each later source wins. `args`
 * are --key=value, --key value, or --key alone for a yes-or-no key; dashes and underscores
 * are alike. --config PATH among them replaces `path`. Unknown keys, keys set twice in one source,
 * and arguments that are no flags are errors. `*out` is written only on success. */
AG_MUST_CHECK enum ag_err ag_conf_load(const char *path, size_t arg_count, char *const *args,
                                       struct ag_conf *out, struct ag_conf_fault *fault);
/* The same over the text of a file; `file_name` is for messages. */
AG_MUST_CHECK enum ag_err ag_conf_parse(struct ag_bytes text, const char *file_name,
                                        size_t arg_count, char *const *args, struct ag_conf *out,
                                        struct ag_conf_fault *fault);

/* Appends the whole configuration: as text that ag_conf_parse reads back, grouped by origin, or as
 * one JSON object of {"value", "origin", "unit"} per key. */
AG_MUST_CHECK enum ag_err ag_conf_print(const struct ag_conf *conf, bool is_json,
                                        struct ag_vec *out);
/* Appends the flags with their sentences and defaults, for --help. */
AG_MUST_CHECK enum ag_err ag_conf_write_help(struct ag_vec *out);
/* Appends docs/spec/configuration.md. A test compares the page with this. */
AG_MUST_CHECK enum ag_err ag_conf_write_docs(struct ag_vec *out);

#endif
