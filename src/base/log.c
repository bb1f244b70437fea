/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A longer text is cut: a log line tells that something happened, not all of it. */
#define TEXT_LENGTH_MAX 400u
/* Kept free at the end of the line for the mark that fields are missing. */
#define TAIL_SIZE 32u

static _Atomic int least_level = AG_LOG_INFO;
static _Atomic bool is_json_on;

/* One line under construction. A piece that does not fit sets `is_full` and writes nothing. */
struct line {
    char text[AG_LIMIT_LOG_LINE_BYTES];
    size_t size;
    size_t limit;
    bool is_full;
    bool is_json;
};

static void put_piece(struct line *line, const char *text, size_t length)
{
    if (line->is_full || length > line->limit - line->size) {
        line->is_full = true;
        return;
    }
    memcpy(line->text + line->size, text, length);
    line->size += length;
}

static void put(struct line *line, const char *text)
{
    put_piece(line, text, strlen(text));
}

static bool needs_quotes(const char *text)
{
    if (*text == '\0') {
        return true;
    }
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text >= 0x7f || *text == '"' || *text == '\\' || *text == '=') {
            return true;
        }
    }
    return false;
}

/* Writes `text` so that it can neither end the line nor pass for another field nor reach a
 * terminal: quotes, backslashes and everything outside printable ASCII are escaped. JSON knows no
 * \x, so its backslash is written twice. */
static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"");
    size_t length = 0;
    for (; length < TEXT_LENGTH_MAX && text[length] != '\0'; length++) {
        char c = text[length];
        char escape[8];
        if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = c;
            put_piece(line, escape, 2);
        } else if (c < ' ' || c >= 0x7f) {
            ag_text_format(escape, sizeof(escape), "%s\\x%02x", line->is_json ? "\\" : "",
                           (unsigned)(uint8_t)c);
            put(line, escape);
        } else {
            put_piece(line, &c, 1);
        }
    }
    put(line, text[length] != '\0' ? "...\"" : "\"");
}

static void put_text(struct line *line, const char *text)
{
    if (line->is_json || needs_quotes(text)) {
        put_quoted(line, text);
    } else {
        put_piece(line, text, strnlen(text, TEXT_LENGTH_MAX));
        if (strnlen(text, TEXT_LENGTH_MAX + 1u) > TEXT_LENGTH_MAX) {
            put(line, "...");
        }
    }
}

static void put_value(struct line *line, const struct ag_kv *field)
{
    char digits[2u * AG_HASH_SIZE + 1u];
    switch (field->type) {
    case AG_KV_U64:
        ag_text_format(digits, sizeof(digits), "%" PRIu64, field->value.u64);
        put(line, digits);
        break;
    case AG_KV_I64:
        ag_text_format(digits, sizeof(digits), "%" PRId64, field->value.i64);
        put(line, digits);
        break;
    case AG_KV_TEXT:
        put_text(line, field->value.text == NULL ? "" : field->value.text);
        break;
    case AG_KV_HASH:
        ag_hex_encode(ag_bytes_head(field->value.hash, AG_HASH_SIZE), digits);
        put_text(line, digits);
        break;
    case AG_KV_ERR:
        put_text(line, ag_err_name(field->value.err));
        break;
    case AG_KV_END:
    default:
        break;
    }
}

/* Writes a whole field or nothing. */
static void put_field(struct line *line, const struct ag_kv *field)
{
    size_t size_before = line->size;
    put(line, line->is_json ? "," : " ");
    put_text(line, field->key);
    put(line, line->is_json ? ":" : "=");
    put_value(line, field);
    if (line->is_full) {
        line->size = size_before;
    }
}

static void put_time(struct line *line)
{
    uint64_t now_ms = ag_host_system()->now_ms(NULL);
    time_t seconds = (time_t)(now_ms / 1000u);
    struct tm parts = {0};
    gmtime_r(&seconds, &parts);
    char text[32];
    size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    ag_text_format(text + length, sizeof(text) - length, ".%03uZ", (unsigned)(now_ms % 1000u));
    put(line, text);
}

static void write_line(const struct line *line)
{
    size_t done = 0;
    while (done < line->size) {
        ssize_t written = write(STDERR_FILENO, line->text + done, line->size - done);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        /* A log that cannot be written must not stop the node. */
        if (written <= 0) {
            return;
        }
        done += (size_t)written;
    }
}

void ag_log_write(enum ag_log_level level, const char *event, const struct ag_kv *fields)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    AG_ASSERT((unsigned)level < AG_COUNT(names));
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed)) {
        return;
    }
    struct line line;
    line.size = 0;
    line.limit = sizeof(line.text) - TAIL_SIZE;
    line.is_full = false;
    line.is_json = atomic_load_explicit(&is_json_on, memory_order_relaxed);

    int saved_errno = errno;
    put(&line, line.is_json ? "{\"time\":\"" : "");
    put_time(&line);
    put(&line, line.is_json ? "\",\"level\":\"" : " ");
    put(&line, names[level]);
    put(&line, line.is_json ? "\",\"event\":" : " ");
    put_text(&line, event);
    for (const struct ag_kv *field = fields; field->type != AG_KV_END && !line.is_full; field++) {
        put_field(&line, field);
    }
    bool is_cut = line.is_full;
    line.is_full = false;
    line.limit = sizeof(line.text);
    if (is_cut) {
        put(&line, line.is_json ? ",\"truncated\":true" : " truncated=true");
    }
    put(&line, line.is_json ? "}\n" : "\n");
    write_line(&line);
    errno = saved_errno;
}

void ag_log_configure(enum ag_log_level least, bool is_json)
{
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
    atomic_store_explicit(&is_json_on, is_json, memory_order_relaxed);
}

struct ag_kv ag_kv_u64(const char *key, uint64_t value)
{
    return (struct ag_kv){.key = key, .type = AG_KV_U64, .value.u64 = value};
}

struct ag_kv ag_kv_i64(const char *key, int64_t value)
{
    return (struct ag_kv){.key = key, .type = AG_KV_I64, .value.i64 = value};
}

struct ag_kv ag_kv_text(const char *key, const char *value)
{
    return (struct ag_kv){.key = key, .type = AG_KV_TEXT, .value.text = value};
}

struct ag_kv ag_kv_hash(const char *key, const struct ag_hash *value)
{
    return (struct ag_kv){.key = key, .type = AG_KV_HASH, .value.hash = AG_VIEW(value)};
}

struct ag_kv ag_kv_id(const char *key, const struct ag_id *value)
{
    return (struct ag_kv){.key = key, .type = AG_KV_HASH, .value.hash = AG_VIEW(value)};
}

struct ag_kv ag_kv_err(const char *key, enum ag_err value)
{
    return (struct ag_kv){.key = key, .type = AG_KV_ERR, .value.err = value};
}
