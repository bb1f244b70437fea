/* SPDX-License-Identifier: Apache-2.0 */
/* Does any byte string crash the HTTP parser, read past its end, or depend on how it is cut?
 *
 * The bytes are parsed as a request and as an answer. A body in chunks is decoded whole and in
 * pieces; both must agree in result, payload and rest. */
#include <string.h>

#include "net/http_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 8192u

struct decoded {
    enum ag_err err;
    bool is_done;
    size_t payload;
    size_t consumed;
};

static struct decoded decode(uint8_t *bytes, size_t size, size_t step)
{
    struct http_chunks chunks = {0};
    struct decoded result = {0};
    size_t end = 0;
    while (result.err == AG_OK && end < size && chunks.state != HTTP_CHUNK_DONE) {
        end = size - end < step ? size : end + step;
        result.err =
            ag_net_http_chunks_decode(&chunks, bytes, &result.payload, &result.consumed, end, 4096);
    }
    result.is_done = chunks.state == HTTP_CHUNK_DONE;
    AG_ASSERT(result.payload <= result.consumed && result.consumed <= size);
    return result;
}

static void check_chunks(const uint8_t *data, size_t size)
{
    static uint8_t whole[INPUT_MAX];
    static uint8_t pieces[INPUT_MAX];
    memcpy(whole, data, size);
    memcpy(pieces, data, size);
    struct decoded a = decode(whole, size, size == 0 ? 1 : size);
    struct decoded b = decode(pieces, size, 1u + (size == 0 ? 0 : data[0] % 7u));
    AG_ASSERT(a.err == b.err && a.is_done == b.is_done);
    if (a.err == AG_OK) {
        AG_ASSERT(a.payload == b.payload && a.consumed == b.consumed);
        AG_ASSERT(memcmp(whole, pieces, a.payload) == 0);
    }
}

static void check_span(struct http_span span, size_t size)
{
    AG_ASSERT(span.at <= size && span.size <= size - span.at);
}

static void check_head(const struct http_head *head, size_t size)
{
    check_span(head->path, size);
    check_span(head->query, size);
    AG_ASSERT(head->field_count <= AG_LIMIT_HTTP_FIELDS);
    for (unsigned i = 0; i < head->field_count; i++) {
        check_span(head->fields[i].name, size);
        check_span(head->fields[i].value, size);
        AG_ASSERT(head->fields[i].name.size != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[INPUT_MAX];
    static struct http_head head;
    if (size > sizeof(bytes)) {
        return 0;
    }
    check_chunks(data, size);

    /* The end of the head is found at the same place however the bytes come in. */
    memcpy(bytes, data, size);
    size_t scanned = 0;
    size_t head_size = ag_net_http_head_find_end(bytes, size, &scanned);
    size_t step_scanned = 0;
    size_t step_size = 0;
    for (size_t end = 1; end <= size && step_size == 0; end++) {
        step_size = ag_net_http_head_find_end(bytes, end, &step_scanned);
    }
    AG_ASSERT(step_size == head_size && head_size <= size);
    if (head_size == 0) {
        return 0;
    }
    memset(&head, 0, sizeof(head));
    unsigned status = ag_net_http_request_parse(bytes, head_size, 2048, &head);
    AG_ASSERT(status == 0 || (status >= 400 && status <= 505));
    if (status == 0) {
        check_head(&head, head_size);
        AG_ASSERT(head.path.size != 0 && !(head.is_chunked && head.has_length));
    }
    memcpy(bytes, data, size);
    if (ag_net_http_answer_parse(bytes, head_size, &head) == AG_OK) {
        check_head(&head, head_size);
        AG_ASSERT(head.status >= 100 && head.status <= 999);
    }
    return 0;
}
