/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_NET_HTTP_I_H
#define AG_NET_HTTP_I_H

/* http: message heads and chunked bodies, on bytes alone. Strict on purpose: whatever two programs
 * could read in two ways (bare line feeds, folded fields, two lengths, a length beside chunks) is
 * refused, so that no proxy before us can be made to see another request than we do [RFC9112 11.2].
 */

#include "net/net.h"

/* A piece of the message, by offsets: the buffer may move while a body arrives. */
struct http_span {
    uint32_t at;
    uint32_t size;
};

struct http_field {
    struct http_span name; /* in lower case: the parser rewrites the buffer */
    struct http_span value;
};

struct http_head {
    enum ag_net_method method;
    struct http_span path;
    struct http_span query; /* without '?' */
    unsigned minor;         /* HTTP/1.minor, 0 or 1 */
    unsigned status;        /* of an answer */
    bool has_length;
    uint64_t length; /* of the body, when has_length */
    bool is_chunked;
    bool is_keep_alive;
    bool is_expecting; /* 100-continue */
    unsigned field_count;
    struct http_field fields[AG_LIMIT_HTTP_FIELDS];
};

/* Looks for the empty line that ends a head. `*scanned` remembers how far earlier calls came.
 * Returns the size of the head with its empty line, or 0 if it has not come yet. */
size_t ag_net_http_head_find_end(const uint8_t *data, size_t size, size_t *scanned);

/* Parse one whole head. A request gives 0 or the status to refuse it with; an answer gives an
 * error. */
unsigned ag_net_http_request_parse(uint8_t *data, size_t size, size_t target_size_max,
                                   struct http_head *out);
AG_MUST_CHECK enum ag_err ag_net_http_answer_parse(uint8_t *data, size_t size,
                                                   struct http_head *out);

struct ag_bytes ag_net_http_span_view(const uint8_t *data, struct http_span span);
/* The first field of this lower-case name, or an empty view. */
struct ag_bytes ag_net_http_field_find(const struct http_head *head, const uint8_t *data,
                                       const char *name);

/* Takes chunk framing away, in place and in any pieces. */
struct http_chunks {
    enum {
        HTTP_CHUNK_SIZE, /* digits */
        HTTP_CHUNK_EXTENSION,
        HTTP_CHUNK_SIZE_LF,
        HTTP_CHUNK_DATA,
        HTTP_CHUNK_DATA_CR,
        HTTP_CHUNK_DATA_LF,
        HTTP_CHUNK_TRAILER, /* at the start of a line */
        HTTP_CHUNK_TRAILER_LINE,
        HTTP_CHUNK_TRAILER_LF,
        HTTP_CHUNK_END_LF,
        HTTP_CHUNK_DONE,
    } state;
    unsigned digit_count;
    unsigned line_size; /* extensions and trailers so far */
    uint64_t left;      /* bytes of this chunk */
    uint64_t total;     /* bytes of all chunks announced so far */
};
/* Decodes data[*read_at .. end) and moves the payload down to data[*write_at ..). Both advance.
 * NET_PROTOCOL for bad framing, NET_LIMIT once the announced bytes exceed `limit`. */
AG_MUST_CHECK enum ag_err ag_net_http_chunks_decode(struct http_chunks *chunks, uint8_t *data,
                                                    size_t *write_at, size_t *read_at, size_t end,
                                                    uint64_t limit);

const char *ag_net_http_reason(unsigned status);

#endif
