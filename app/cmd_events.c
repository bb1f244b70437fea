/* SPDX-License-Identifier: Apache-2.0 */
/* events: what the node tells while it happens. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

struct listener {
    struct cli *cli;
    uint64_t count_max; /* 0: no end */
    uint64_t count;
    struct ag_vec line;
    struct ag_vec data;
    char event[32];
    bool is_cut; /* a return was seen: the new line after it belongs to it */
};

static enum ag_err print_event(struct listener *listener)
{
    struct cli *cli = listener->cli;
    cli->text.size = 0;
    AG_TRY(ag_vec_append(&listener->data, ag_bytes_of("", 1)));
    const char *data = (const char *)listener->data.data;
    if (cli_has(cli, CLI_OPT_JSON)) {
        struct ag_json *document AG_SCOPED(ag_json_cleanup) = NULL;
        struct ag_json_out out;
        struct ag_bytes text = ag_bytes_of(data, listener->data.size - 1);
        AG_ENSURE(ag_json_parse(text, &document) == AG_OK, AG_ERR_NET_PROTOCOL);
        ag_json_begin(&out, &cli->text, false);
        ag_json_object(&out, NULL);
        ag_json_put_string(&out, "event", listener->event);
        ag_json_put_value(&out, "data", ag_json_root(document));
        ag_json_end(&out);
        AG_TRY(cli_json_end(cli, &out));
    } else {
        char *printable AG_SCOPED(ag_free_cleanup) = ag_alloc(listener->data.size);
        AG_ENSURE(printable != NULL, AG_ERR_NO_MEMORY);
        cli_printable(data, printable, listener->data.size);
        AG_TRY(ag_vec_printf(&cli->text, "%-8s %s\n", listener->event, printable));
    }
    AG_ENSURE(fwrite(cli->text.data, 1, cli->text.size, stdout) == cli->text.size &&
                  fflush(stdout) == 0,
              AG_ERR_IO);
    listener->count++;
    return AG_OK;
}

/* One line of the stream [HTML 9.2.6]: a field, a comment, or the empty one that ends an event. */
static enum ag_err take_line(struct listener *listener)
{
    struct ag_bytes line = ag_vec_view(&listener->line);
    enum ag_err err = AG_OK;
    if (line.size == 0) {
        if (listener->data.size != 0) {
            err = print_event(listener);
        }
        listener->data.size = 0;
        (void)snprintf(listener->event, sizeof(listener->event), "message");
        AG_TRY(err);
        AG_ENSURE(listener->count_max == 0 || listener->count < listener->count_max,
                  AG_ERR_CANCELLED);
        return AG_OK;
    }
    if (line.size > 6 && memcmp(line.data, "event:", 6) == 0) {
        size_t skip = line.data[6] == ' ' ? 7 : 6;
        char word[sizeof(listener->event)];
        (void)snprintf(word, sizeof(word), "%.*s", (int)(line.size - skip),
                       (const char *)line.data + skip);
        cli_printable(word, listener->event, sizeof(listener->event));
    } else if (line.size > 5 && memcmp(line.data, "data:", 5) == 0) {
        size_t skip = line.data[5] == ' ' ? 6 : 5;
        err = ag_vec_append(&listener->data, ag_bytes_tail(line, skip));
    }
    return err;
}

static enum ag_err take_piece(void *context, struct ag_bytes piece)
{
    struct listener *listener = context;
    for (size_t i = 0; i < piece.size; i++) {
        uint8_t byte = piece.data[i];
        bool is_pair = byte == '\n' && listener->is_cut;
        listener->is_cut = byte == '\r';
        if (is_pair) {
            continue;
        }
        if (byte == '\n' || byte == '\r') {
            enum ag_err err = take_line(listener);
            listener->line.size = 0;
            AG_TRY(err);
        } else {
            /* No text of ours holds a NUL; it must not end one either. */
            byte = byte == 0 ? '?' : byte;
            AG_TRY(ag_vec_append(&listener->line, ag_bytes_of(&byte, 1)));
        }
    }
    return AG_OK;
}

/* The route, or false when --topics is no list of words. */
static bool make_path(const struct cli *cli, char *out, size_t size)
{
    const char *topics = cli_value(cli, CLI_OPT_TOPICS, NULL);
    if (topics == NULL) {
        (void)snprintf(out, size, "/events");
        return true;
    }
    if (strlen(topics) > 64 || strspn(topics, "abcdefghijklmnopqrstuvwxyz,") != strlen(topics)) {
        return false;
    }
    (void)snprintf(out, size, "/events?topics=%s", topics);
    return true;
}

int cmd_events(struct cli *cli)
{
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    struct listener listener = {.cli = cli, .event = "message"};
    char path[128];
    if (cli->argument_count != 0 || !make_path(cli, path, sizeof(path))) {
        return cli_usage(cli, "--topics lists pool, batch and receipt, with commas");
    }
    if (!cli_number(cli, CLI_OPT_COUNT, 0, UINT64_MAX, &listener.count_max)) {
        return CLI_USAGE;
    }
    int status = client_open(cli, &client);
    if (status != CLI_DONE) {
        return status;
    }
    ag_vec_init(&listener.line, AG_LIMIT_SSE_BUFFER_BYTES);
    ag_vec_init(&listener.data, AG_LIMIT_SSE_BUFFER_BYTES);
    enum ag_err err = client_follow(client, path, take_piece, &listener);
    ag_vec_close(&listener.line);
    ag_vec_close(&listener.data);
    if (err == AG_OK || err == AG_ERR_CANCELLED) {
        return CLI_DONE; /* the node ended it, or enough was seen */
    }
    return client_fail(cli, client, err, path);
}
