/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_i.h"

#include <string.h>

#define CHUNK_LINE_SIZE_MAX 1024u
#define CHUNK_DIGITS_MAX    15u

/* ---- characters ---- */

/* One bit per character below 128 that a token may hold [RFC9110 5.6.2]:
 * ! # $ % & ' * + - . 0-9 in the first word, A-Z ^ _ ` a-z | ~ in the second. */
static const uint64_t token_bits[2] = {0x03ff6cfa00000000u, 0x57ffffffc7fffffeu};

static bool is_token(uint8_t c)
{
    return c < 128 && (token_bits[c >> 6] >> (c & 63u) & 1u) != 0;
}

static uint8_t to_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20u) : c;
}

/* Compares with a lower-case text, whatever the case of `view`. */
static bool is_same_word(struct ag_bytes view, const char *word)
{
    size_t size = strlen(word);
    if (view.size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (to_lower(view.data[i]) != (uint8_t)word[i]) {
            return false;
        }
    }
    return true;
}

static struct ag_bytes trim(struct ag_bytes view)
{
    while (view.size != 0 && (view.data[0] == ' ' || view.data[0] == '\t')) {
        view = ag_bytes_tail(view, 1);
    }
    while (view.size != 0 &&
           (view.data[view.size - 1u] == ' ' || view.data[view.size - 1u] == '\t')) {
        view.size--;
    }
    return view;
}

struct ag_bytes ag_net_http_span_view(const uint8_t *data, struct http_span span)
{
    return span.size == 0 ? (struct ag_bytes){NULL, 0} : ag_bytes_of(data + span.at, span.size);
}

static struct http_span span_of(const uint8_t *data, struct ag_bytes view)
{
    if (view.size == 0) {
        return (struct http_span){0, 0};
    }
    return (struct http_span){(uint32_t)(view.data - data), (uint32_t)view.size};
}

/* ---- heads ---- */

size_t ag_net_http_head_find_end(const uint8_t *data, size_t size, size_t *scanned)
{
    size_t at = *scanned;
    while (at < size) {
        const uint8_t *line_feed = memchr(data + at, '\n', size - at);
        if (line_feed == NULL) {
            *scanned = size;
            return 0;
        }
        size_t next = (size_t)(line_feed - data) + 1u;
        /* A bare line feed ends the head too: the parser will refuse it at once, rather than leave
         * the sender waiting for his timeout. */
        if (next < size && data[next] == '\n') {
            return next + 1u;
        }
        if (next + 1u < size && data[next] == '\r' && data[next + 1u] == '\n') {
            return next + 2u;
        }
        if (next + 1u >= size) {
            *scanned = next - 1u; /* what follows this line feed is still on its way */
            return 0;
        }
        at = next;
    }
    return 0;
}

/* Takes the first line, without its end, off `*rest`. */
static bool take_line(struct ag_bytes *rest, struct ag_bytes *out)
{
    const uint8_t *line_feed = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    if (line_feed == NULL) {
        return false;
    }
    size_t size = (size_t)(line_feed - rest->data);
    if (size == 0 || rest->data[size - 1u] != '\r') {
        return false;
    }
    *out = ag_bytes_of(rest->data, size - 1u);
    *rest = ag_bytes_tail(*rest, size + 1u);
    return true;
}

/* Digits only: no sign, no list, no overflow [RFC9112 6.3]. */
static bool parse_length(struct ag_bytes value, uint64_t *out)
{
    return value.size != 0 && value.size <= 19 &&
           ag_u64_parse((const char *)value.data, value.size, false, out) == AG_OK;
}

static void read_connection(struct http_head *head, struct ag_bytes value)
{
    while (value.size != 0) {
        const uint8_t *comma = memchr(value.data, ',', value.size);
        size_t size = comma == NULL ? value.size : (size_t)(comma - value.data);
        struct ag_bytes word = trim(ag_bytes_head(value, size));
        if (is_same_word(word, "close")) {
            head->is_keep_alive = false;
        } else if (is_same_word(word, "keep-alive") && head->minor == 0) {
            head->is_keep_alive = true;
        }
        value = ag_bytes_tail(value, size + 1u);
    }
}

static bool is_name(struct ag_bytes name, const char *text, size_t size)
{
    return name.size == size && memcmp(name.data, text, size) == 0;
}
#define IS_NAME(view, literal) is_name((view), (literal), sizeof(literal) - 1u)

struct framing {
    bool has_host;
    bool has_encoding;
};

/* Notes what the fields say about framing. Returns 0 or a status to refuse with. */
static unsigned read_framing(struct http_head *head, struct framing *framing, struct ag_bytes name,
                             struct ag_bytes value)
{
    if (IS_NAME(name, "content-length")) {
        if (head->has_length || !parse_length(value, &head->length)) {
            return 400;
        }
        head->has_length = true;
    } else if (IS_NAME(name, "transfer-encoding")) {
        if (framing->has_encoding) {
            return 400;
        }
        framing->has_encoding = true;
        if (!is_same_word(value, "chunked")) {
            return 501;
        }
        head->is_chunked = true;
    } else if (IS_NAME(name, "host")) {
        if (framing->has_host) {
            return 400;
        }
        framing->has_host = true;
    } else if (IS_NAME(name, "connection")) {
        read_connection(head, value);
    } else if (IS_NAME(name, "expect")) {
        if (!is_same_word(value, "100-continue")) {
            return 417;
        }
        head->is_expecting = true;
    }
    return 0;
}

/* One `name: value` line. The name is lowered in the buffer. */
static unsigned parse_field(uint8_t *data, struct ag_bytes line, struct http_head *head,
                            struct framing *framing)
{
    size_t name_size = 0;
    uint8_t *start = data + (line.data - data);
    while (name_size < line.size && is_token(start[name_size])) {
        start[name_size] = to_lower(start[name_size]);
        name_size++;
    }
    /* No name, white space before the colon, or a folded line [RFC9112 5.1, 5.2]. */
    if (name_size == 0 || name_size == line.size || start[name_size] != ':') {
        return 400;
    }
    struct ag_bytes name = ag_bytes_of(start, name_size);
    struct ag_bytes value = trim(ag_bytes_tail(line, name_size + 1u));
    for (size_t i = 0; i < value.size; i++) {
        if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7f) {
            return 400;
        }
    }
    if (head->field_count == AG_LIMIT_HTTP_FIELDS) {
        return 431;
    }
    head->fields[head->field_count++] =
        (struct http_field){span_of(data, name), span_of(data, value)};
    return read_framing(head, framing, name, value);
}

static unsigned parse_fields(uint8_t *data, struct ag_bytes rest, struct http_head *head,
                             struct framing *framing)
{
    for (;;) {
        struct ag_bytes line = {0};
        if (!take_line(&rest, &line)) {
            return 400;
        }
        if (line.size == 0) {
            return rest.size == 0 ? 0 : 400;
        }
        unsigned status = parse_field(data, line, head, framing);
        if (status != 0) {
            return status;
        }
    }
}

static bool parse_version(struct ag_bytes text, unsigned *out_minor)
{
    if (text.size != 8 || memcmp(text.data, "HTTP/1.", 7) != 0 || text.data[7] < '0' ||
        text.data[7] > '9') {
        return false;
    }
    /* A higher minor version is spoken to as 1.1 [RFC9110 2.5]. */
    *out_minor = text.data[7] == '0' ? 0 : 1;
    return true;
}

static enum ag_net_method parse_method(struct ag_bytes text)
{
    return IS_NAME(text, "POST")      ? AG_NET_POST
           : IS_NAME(text, "GET")     ? AG_NET_GET
           : IS_NAME(text, "HEAD")    ? AG_NET_HEAD
           : IS_NAME(text, "OPTIONS") ? AG_NET_OPTIONS
                                      : AG_NET_OTHER;
}

/* The path and query of a target: `/path?query`, `http://authority/path`, or `*`. The authority of
 * the absolute form is skipped: the Host field, which must be there as well, is what is judged. */
static bool parse_target(const uint8_t *data, struct ag_bytes target, struct http_head *head)
{
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= 0x20 || target.data[i] >= 0x7f || target.data[i] == '#') {
            return false;
        }
    }
    if (target.size > 7 && is_same_word(ag_bytes_head(target, 7), "http://")) {
        struct ag_bytes rest = ag_bytes_tail(target, 7);
        const uint8_t *slash = memchr(rest.data, '/', rest.size);
        if (slash == NULL || slash == rest.data) {
            return false;
        }
        target = ag_bytes_tail(rest, (size_t)(slash - rest.data));
    }
    bool is_star = target.size == 1 && target.data[0] == '*' && head->method == AG_NET_OPTIONS;
    if (target.size == 0 || (target.data[0] != '/' && !is_star)) {
        return false;
    }
    const uint8_t *mark = memchr(target.data, '?', target.size);
    size_t path_size = mark == NULL ? target.size : (size_t)(mark - target.data);
    head->path = span_of(data, ag_bytes_head(target, path_size));
    head->query = span_of(data, ag_bytes_tail(target, path_size + 1u));
    return true;
}

static unsigned parse_request_line(const uint8_t *data, struct ag_bytes line,
                                   size_t target_size_max, struct http_head *head)
{
    size_t method_size = 0;
    while (method_size < line.size && is_token(line.data[method_size])) {
        method_size++;
    }
    if (method_size == 0 || method_size > 16 || method_size == line.size ||
        line.data[method_size] != ' ') {
        return 400;
    }
    head->method = parse_method(ag_bytes_head(line, method_size));
    struct ag_bytes rest = ag_bytes_tail(line, method_size + 1u);
    const uint8_t *space = rest.size == 0 ? NULL : memchr(rest.data, ' ', rest.size);
    size_t target_size = space == NULL ? rest.size : (size_t)(space - rest.data);
    if (target_size > target_size_max) {
        return 414;
    }
    if (space == NULL) {
        return 400;
    }
    struct ag_bytes version = ag_bytes_tail(rest, target_size + 1u);
    if (!parse_version(version, &head->minor)) {
        return version.size > 5 && memcmp(version.data, "HTTP/", 5) == 0 ? 505 : 400;
    }
    return parse_target(data, ag_bytes_head(rest, target_size), head) ? 0 : 400;
}

unsigned ag_net_http_request_parse(uint8_t *data, size_t size, size_t target_size_max,
                                   struct http_head *out)
{
    struct framing framing = {0};
    struct ag_bytes rest = ag_bytes_of(data, size);
    struct ag_bytes line = {0};
    out->field_count = 0;
    out->has_length = false;
    out->length = 0;
    out->is_chunked = false;
    out->is_expecting = false;
    out->status = 0;
    if (!take_line(&rest, &line)) {
        return 400;
    }
    unsigned status = parse_request_line(data, line, target_size_max, out);
    if (status != 0) {
        return status;
    }
    out->is_keep_alive = out->minor == 1;
    status = parse_fields(data, rest, out, &framing);
    if (status != 0) {
        return status;
    }
    if (out->minor == 1 && !framing.has_host) {
        return 400; /* [RFC9112 3.2] */
    }
    if (out->is_chunked && (out->has_length || out->minor == 0)) {
        return 400; /* two framings, or one that the version does not have [RFC9112 6.1] */
    }
    if (out->minor == 0) {
        out->is_expecting = false; /* [RFC9110 10.1.1] */
    }
    return 0;
}

enum ag_err ag_net_http_answer_parse(uint8_t *data, size_t size, struct http_head *out)
{
    struct framing framing = {0};
    struct ag_bytes rest = ag_bytes_of(data, size);
    struct ag_bytes line = {0};
    memset(out, 0, sizeof(*out));
    AG_ENSURE(take_line(&rest, &line), AG_ERR_NET_PROTOCOL);
    /* "HTTP/1.1 200" and, after a space, a reason that nobody reads. */
    AG_ENSURE(line.size >= 12 && line.data[8] == ' ' && (line.size == 12 || line.data[12] == ' ') &&
                  parse_version(ag_bytes_head(line, 8), &out->minor),
              AG_ERR_NET_PROTOCOL);
    uint64_t status = 0;
    AG_ENSURE(ag_u64_parse((const char *)line.data + 9, 3, false, &status) == AG_OK &&
                  status >= 100,
              AG_ERR_NET_PROTOCOL);
    out->status = (unsigned)status;
    out->is_keep_alive = out->minor == 1;
    AG_ENSURE(parse_fields(data, rest, out, &framing) == 0, AG_ERR_NET_PROTOCOL);
    AG_ENSURE(!out->is_chunked || !out->has_length, AG_ERR_NET_PROTOCOL);
    return AG_OK;
}

struct ag_bytes ag_net_http_field_find(const struct http_head *head, const uint8_t *data,
                                       const char *name)
{
    size_t size = strlen(name);
    for (unsigned i = 0; i < head->field_count; i++) {
        if (head->fields[i].name.size == size &&
            memcmp(data + head->fields[i].name.at, name, size) == 0) {
            return ag_net_http_span_view(data, head->fields[i].value);
        }
    }
    return (struct ag_bytes){NULL, 0};
}

/* ---- chunks ---- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The end of a size line: a last chunk, or data that must stay within the limit. */
static enum ag_err begin_chunk(struct http_chunks *chunks, uint64_t limit)
{
    chunks->digit_count = 0;
    chunks->line_size = 0;
    if (chunks->left == 0) {
        chunks->state = HTTP_CHUNK_TRAILER;
        return AG_OK;
    }
    AG_ENSURE(chunks->left <= limit && chunks->total <= limit - chunks->left, AG_ERR_NET_LIMIT);
    chunks->total += chunks->left;
    chunks->state = HTTP_CHUNK_DATA;
    return AG_OK;
}

static enum ag_err size_byte(struct http_chunks *chunks, uint8_t c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        AG_ENSURE(++chunks->digit_count <= CHUNK_DIGITS_MAX, AG_ERR_NET_LIMIT);
        chunks->left = chunks->left << 4 | (unsigned)digit;
        return AG_OK;
    }
    AG_ENSURE(chunks->digit_count != 0, AG_ERR_NET_PROTOCOL);
    AG_ENSURE(c == '\r' || c == ';', AG_ERR_NET_PROTOCOL);
    chunks->state = c == '\r' ? HTTP_CHUNK_SIZE_LF : HTTP_CHUNK_EXTENSION;
    return AG_OK;
}

/* A byte of an extension or a trailer: counted, and never a control character. */
static enum ag_err ignored_byte(struct http_chunks *chunks, uint8_t c)
{
    AG_ENSURE(c >= 0x20 || c == '\t', AG_ERR_NET_PROTOCOL);
    AG_ENSURE(++chunks->line_size <= CHUNK_LINE_SIZE_MAX, AG_ERR_NET_LIMIT);
    return AG_OK;
}

static enum ag_err framing_byte(struct http_chunks *chunks, uint8_t c, uint64_t limit)
{
    switch (chunks->state) {
    case HTTP_CHUNK_SIZE:
        return size_byte(chunks, c);
    case HTTP_CHUNK_EXTENSION:
        if (c == '\r') {
            chunks->state = HTTP_CHUNK_SIZE_LF;
            return AG_OK;
        }
        return ignored_byte(chunks, c);
    case HTTP_CHUNK_SIZE_LF:
        AG_ENSURE(c == '\n', AG_ERR_NET_PROTOCOL);
        return begin_chunk(chunks, limit);
    case HTTP_CHUNK_DATA_CR:
        AG_ENSURE(c == '\r', AG_ERR_NET_PROTOCOL);
        chunks->state = HTTP_CHUNK_DATA_LF;
        return AG_OK;
    case HTTP_CHUNK_DATA_LF:
        AG_ENSURE(c == '\n', AG_ERR_NET_PROTOCOL);
        chunks->state = HTTP_CHUNK_SIZE;
        return AG_OK;
    case HTTP_CHUNK_TRAILER:
        if (c == '\r') {
            chunks->state = HTTP_CHUNK_END_LF;
            return AG_OK;
        }
        chunks->state = HTTP_CHUNK_TRAILER_LINE;
        return ignored_byte(chunks, c);
    case HTTP_CHUNK_TRAILER_LINE:
        if (c == '\r') {
            chunks->state = HTTP_CHUNK_TRAILER_LF;
            return AG_OK;
        }
        return ignored_byte(chunks, c);
    case HTTP_CHUNK_TRAILER_LF:
        AG_ENSURE(c == '\n', AG_ERR_NET_PROTOCOL);
        chunks->state = HTTP_CHUNK_TRAILER;
        return AG_OK;
    case HTTP_CHUNK_END_LF:
        AG_ENSURE(c == '\n', AG_ERR_NET_PROTOCOL);
        chunks->state = HTTP_CHUNK_DONE;
        return AG_OK;
    case HTTP_CHUNK_DATA:
    case HTTP_CHUNK_DONE:
    default:
        AG_ASSERT(false);
        return AG_ERR_NET_PROTOCOL;
    }
}

enum ag_err ag_net_http_chunks_decode(struct http_chunks *chunks, uint8_t *data, size_t *write_at,
                                      size_t *read_at, size_t end, uint64_t limit)
{
    while (*read_at < end && chunks->state != HTTP_CHUNK_DONE) {
        if (chunks->state != HTTP_CHUNK_DATA) {
            AG_TRY(framing_byte(chunks, data[*read_at], limit));
            (*read_at)++;
            continue;
        }
        size_t size = end - *read_at;
        if (size > chunks->left) {
            size = (size_t)chunks->left;
        }
        memmove(data + *write_at, data + *read_at, size);
        *write_at += size;
        *read_at += size;
        chunks->left -= size;
        if (chunks->left == 0) {
            chunks->state = HTTP_CHUNK_DATA_CR;
        }
    }
    return AG_OK;
}

/* ---- reasons ---- */

const char *ag_net_http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } table[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < AG_COUNT(table); i++) {
        if (table[i].status == status) {
            return table[i].reason;
        }
    }
    return "Unknown";
}
