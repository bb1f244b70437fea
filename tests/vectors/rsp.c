/* SPDX-License-Identifier: Apache-2.0 */
#include "rsp.h"

#include <stdio.h>
#include <string.h>

enum {
    FILE_SIZE_MAX = 256 * 1024 * 1024
};

static void collect_comment(struct rsp_file *file, const char *line)
{
    size_t used = strlen(file->comments);
    size_t room = sizeof(file->comments) - used;
    (void)snprintf(file->comments + used, room, "%s\n", line);
}

bool rsp_open(struct rsp_file *file, const char *path)
{
    *file = (struct rsp_file){0};
    ag_vec_init(&file->text, FILE_SIZE_MAX);
    enum ag_err err = ag_file_read(path, FILE_SIZE_MAX - 1, &file->text);
    if (err == AG_OK) {
        static const uint8_t end = 0;
        err = ag_vec_append(&file->text, (struct ag_bytes){&end, 1});
    }
    if (err != AG_OK) {
        printf("%s: %s\n", path, ag_err_text(err));
        ag_vec_close(&file->text);
        return false;
    }
    file->at = (char *)file->text.data;
    return true;
}

void rsp_close(struct rsp_file *file)
{
    ag_vec_close(&file->text);
}

/* Cuts the next line off; NULL at the end. */
static char *next_line(struct rsp_file *file)
{
    char *line = file->at;
    if (*line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    if (end != NULL) {
        *end = '\0';
        file->at = end + 1;
    } else {
        file->at = line + strlen(line);
        end = file->at;
    }
    while (end > line && (end[-1] == '\r' || end[-1] == ' ')) {
        *--end = '\0';
    }
    file->line++;
    return line;
}

/* Splits `key = value` in place. */
static bool split(char *line, struct rsp_case *one)
{
    char *equals = strstr(line, " =");
    if (equals == NULL || one->key_count == RSP_KEYS_MAX) {
        return false;
    }
    *equals = '\0';
    char *value = equals + 2;
    while (*value == ' ') {
        value++;
    }
    one->keys[one->key_count] = line;
    one->values[one->key_count++] = value;
    return true;
}

bool rsp_next(struct rsp_file *file, struct rsp_case *out, bool *is_bad)
{
    *out = (struct rsp_case){0};
    for (;;) {
        char *line = next_line(file);
        if (line == NULL || (*line == '\0' && out->key_count != 0)) {
            return out->key_count != 0;
        }
        if (*line == '#') {
            if (out->key_count == 0) {
                collect_comment(file, line);
            }
            continue;
        }
        if (*line == '\0') {
            continue;
        }
        if (out->key_count == 0) {
            out->line = file->line;
        }
        if (!split(line, out)) {
            printf("line %u is not `key = value`, or one of too many\n", file->line);
            *is_bad = true;
        }
    }
}

const char *rsp_get(const struct rsp_case *one, const char *key)
{
    for (size_t i = 0; i < one->key_count; i++) {
        if (strcmp(one->keys[i], key) == 0) {
            return one->values[i];
        }
    }
    return NULL;
}

bool rsp_hex_text(const char *text, size_t length, struct ag_arena *arena, struct ag_bytes *out)
{
    if (length == 0) {
        *out = (struct ag_bytes){NULL, 0};
        return true;
    }
    return ag_hex_decode_arena(text, length, FILE_SIZE_MAX, arena, out) == AG_OK;
}

bool rsp_hex(const struct rsp_case *one, const char *key, struct ag_arena *arena,
             struct ag_bytes *out)
{
    const char *text = rsp_get(one, key);
    return text != NULL && rsp_hex_text(text, strlen(text), arena, out);
}

bool rsp_u64(const struct rsp_case *one, const char *key, uint64_t *out)
{
    const char *text = rsp_get(one, key);
    return text != NULL && ag_u64_parse(text, strlen(text), false, out) == AG_OK;
}
