/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- options --------------------------------------------------------------------------------- */

bool cli_has(const struct cli *cli, enum cli_option option)
{
    return cli->values[option] != NULL;
}

const char *cli_value(const struct cli *cli, enum cli_option option, const char *fallback)
{
    return cli->values[option] != NULL ? cli->values[option] : fallback;
}

const char *cli_option_name(enum cli_option option)
{
    static const char *const names[] = {
#define X(name, text, has_value, help) text,
        CLI_OPTIONS(X)
#undef X
    };
    return names[option];
}

bool cli_number(struct cli *cli, enum cli_option option, uint64_t fallback, uint64_t max,
                uint64_t *out)
{
    const char *text = cli->values[option];
    if (text == NULL) {
        *out = fallback;
        return true;
    }
    if (ag_u64_parse(text, strlen(text), true, out) != AG_OK || *out > max) {
        (void)cli_usage(cli, "--%s \"%.100s\" is not a number from 0 to %llu",
                        cli_option_name(option), text, (unsigned long long)max);
        return false;
    }
    return true;
}

/* ---- errors ---------------------------------------------------------------------------------- */

void cli_printable(const char *text, char *out, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; text[i] != '\0' && length + 1 < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        /* C0, DEL, and C1 as UTF-8 writes it: c2 80 to c2 9f. */
        bool is_c1 = byte == 0xc2u && (unsigned char)text[i + 1] >= 0x80u &&
                     (unsigned char)text[i + 1] <= 0x9fu;
        bool is_steering = byte < 0x20u || byte == 0x7fu || is_c1;
        out[length++] = text[i];
        if (is_steering) {
            out[length - 1] = '?';
        }
        i += is_c1 ? 1u : 0u;
    }
    if (size != 0) {
        out[length] = '\0';
    }
}

static void put_fault(struct ag_json_out *out, const struct ag_fault *fault)
{
    if (fault == NULL || fault->field == NULL) {
        return;
    }
    ag_json_put_string(out, "field", fault->field);
    if (fault->has_limit) {
        ag_json_put_u64(out, "limit", fault->limit);
        ag_json_put_u64(out, "got", fault->got);
    }
}

static void put_optional(struct ag_json_out *out, const char *key, const char *text)
{
    if (text != NULL) {
        ag_json_put_string(out, key, text);
    }
}

struct problem {
    const char *name;
    const char *class;
    const char *message;
    const char *what;
    const char *hint;
    const struct ag_fault *fault;
};

static void print_json_problem(const struct cli *cli, const struct problem *problem)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    struct ag_json_out out;
    ag_vec_init(&text, 65536);
    ag_json_begin(&out, &text, true);
    ag_json_object(&out, NULL);
    ag_json_object(&out, "error");
    put_optional(&out, "command", cli->command->name);
    ag_json_put_string(&out, "error", problem->name);
    ag_json_put_string(&out, "class", problem->class);
    ag_json_put_string(&out, "message", problem->message);
    put_optional(&out, "while", problem->what);
    put_fault(&out, problem->fault);
    put_optional(&out, "hint", problem->hint);
    ag_json_end(&out);
    ag_json_end(&out);
    if (ag_json_finish(&out) == AG_OK) {
        (void)fprintf(stderr, "%.*s\n", (int)text.size, (const char *)text.data);
    }
}

int cli_fail(struct cli *cli, enum ag_err err, const struct ag_fault *fault, const char *what,
             const char *hint)
{
    int status = CLI_ERROR_BASE + (int)ag_err_class(err);
    if (cli_has(cli, CLI_OPT_JSON)) {
        const struct problem problem = {
            .name = ag_err_name(err),
            .class = ag_err_class_name(ag_err_class(err)),
            .message = ag_err_text(err),
            .what = what,
            .hint = hint,
            .fault = fault,
        };
        print_json_problem(cli, &problem);
        return status;
    }
    (void)fprintf(stderr, "aegis %s: %s%s%s", cli->command->name, what == NULL ? "" : what,
                  what == NULL ? "" : ": ", ag_err_text(err));
    if (fault != NULL && fault->field != NULL) {
        char field[128];
        cli_printable(fault->field, field, sizeof(field));
        (void)fprintf(stderr, " (%s", field);
        if (fault->has_limit) {
            (void)fprintf(stderr, ": limit %llu, got %llu", (unsigned long long)fault->limit,
                          (unsigned long long)fault->got);
        }
        (void)fprintf(stderr, ")");
    }
    (void)fprintf(stderr, " [%s]\n", ag_err_name(err));
    if (hint != NULL) {
        (void)fprintf(stderr, "%s\n", hint);
    }
    return status;
}

int cli_usage(struct cli *cli, const char *format, ...)
{
    char message[512];
    char hint[512];
    const struct cli_command *command = cli->command;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    (void)snprintf(hint, sizeof(hint), "usage: aegis %s%s%s", command->name,
                   command->arguments[0] == '\0' ? "" : " ", command->arguments);
    if (cli_has(cli, CLI_OPT_JSON)) {
        const struct problem problem = {
            .name = "USAGE", .class = "usage", .message = message, .hint = hint};
        print_json_problem(cli, &problem);
    } else {
        char printable[512];
        cli_printable(message, printable, sizeof(printable));
        (void)fprintf(stderr, "aegis %s: %s\n%s\nSee aegis %s --help.\n", command->name, printable,
                      hint, command->name);
    }
    return CLI_USAGE;
}

void cli_progress(const struct cli *cli, const char *format, ...)
{
    const struct ag_host *host = ag_host_system();
    uint64_t passed_ns = host->monotonic_ns(host->context) - cli->start_ns;
    if (cli_has(cli, CLI_OPT_QUIET) || cli_has(cli, CLI_OPT_JSON) ||
        (passed_ns < 1000000000u && isatty(STDERR_FILENO) == 0)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

/* ---- output ---------------------------------------------------------------------------------- */

int cli_write_file(struct cli *cli, const char *path, struct ag_bytes bytes, unsigned mode)
{
    errno = 0;
    enum ag_err err = ag_file_write(path, bytes, mode);
    return err == AG_OK
               ? CLI_DONE
               : cli_fail(cli, err, NULL, path, errno == 0 ? NULL : strerrordesc_np(errno));
}

/* What is said on standard output when the result itself went to a file. */
static enum ag_err describe_file(struct cli *cli, const char *path)
{
    struct ag_json_out out;
    uint64_t size = cli->text.size;
    cli->text.size = 0;
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_string(&out, "file", path);
    ag_json_put_u64(&out, "bytes", size);
    ag_json_end(&out);
    return cli_json_end(cli, &out);
}

int cli_flush(struct cli *cli)
{
    const char *path = cli->values[CLI_OPT_OUT];
    if (path != NULL) {
        int status = cli_write_file(cli, path, ag_vec_view(&cli->text), 0644);
        if (status != CLI_DONE || !cli_has(cli, CLI_OPT_JSON)) {
            return status;
        }
        enum ag_err err = describe_file(cli, path);
        if (err != AG_OK) {
            return cli_fail(cli, err, NULL, "printing", NULL);
        }
    }
    size_t written = fwrite(cli->text.data, 1, cli->text.size, stdout);
    if (written != cli->text.size || fflush(stdout) != 0) {
        return cli_fail(cli, AG_ERR_IO, NULL, "standard output", NULL);
    }
    return CLI_DONE;
}

int cli_end(struct cli *cli, enum ag_err err)
{
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, "printing", NULL);
}

void cli_json_begin(struct cli *cli, struct ag_json_out *out)
{
    ag_json_begin(out, &cli->text, true);
}

enum ag_err cli_json_end(struct cli *cli, struct ag_json_out *out)
{
    AG_TRY(ag_json_finish(out));
    return ag_vec_append(&cli->text, AG_LITERAL("\n"));
}

void cli_time(uint64_t instant_ms, char out[CLI_TIME_SIZE])
{
    struct tm parts;
    char date[24];
    time_t seconds = (time_t)(instant_ms / 1000u);
    /* Beyond the year 9999 nobody reads a date. */
    if (instant_ms > 253402300799999u || gmtime_r(&seconds, &parts) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(out, CLI_TIME_SIZE, "never");
        return;
    }
    (void)snprintf(out, CLI_TIME_SIZE, "%s.%03uZ", date, (unsigned)(instant_ms % 1000u));
}

/* ---- files ----------------------------------------------------------------------------------- */

void cli_path(const struct cli *cli, const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/%s", cli->dir, name);
}

static enum ag_err read_input(size_t limit, struct ag_vec *out)
{
    uint8_t buffer[4096];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        AG_ENSURE(got >= 0, AG_ERR_IO);
        if (got == 0) {
            return AG_OK;
        }
        AG_ENSURE(out->size + (size_t)got <= limit, AG_ERR_ARGUMENT);
        AG_TRY(ag_vec_append(out, ag_bytes_of(buffer, (size_t)got)));
    }
}

int cli_read_file(struct cli *cli, const char *path, const char *what, size_t limit,
                  struct ag_vec *out)
{
    bool is_input = strcmp(path, "-") == 0;
    char name[1280];
    struct stat about = {0};
    struct ag_fault fault = {0};
    (void)snprintf(name, sizeof(name), "%s %.1000s", what, is_input ? "standard input" : path);
    if (path[0] == '\0') {
        return cli_usage(cli, "%s: the name of the file is empty", what);
    }
    if (!is_input && stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        return cli_fail(cli, AG_ERR_IO, NULL, name, "This is a directory.");
    }
    bool is_large = S_ISREG(about.st_mode) && (uint64_t)about.st_size > limit;
    errno = 0;
    enum ag_err err = is_large   ? AG_ERR_ARGUMENT
                      : is_input ? read_input(limit, out)
                                 : ag_file_read(path, limit, out);
    if (err == AG_ERR_ARGUMENT) {
        uint64_t size = is_large ? (uint64_t)about.st_size : (uint64_t)limit + 1;
        (void)ag_fault_limit(&fault, AG_ERR_WIRE_LIMIT, "bytes", limit, size);
        return cli_fail(cli, AG_ERR_WIRE_LIMIT, &fault, name, NULL);
    }
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, name, errno == 0 ? NULL : strerrordesc_np(errno));
    }
    if (out->size == 0) {
        return cli_fail(cli, AG_ERR_WIRE_SHORT, NULL, name, "It is empty.");
    }
    return CLI_DONE;
}

/* The line of that number, from 1, cut to fit. */
static void quote_line(struct ag_bytes text, unsigned line, char *out, size_t size)
{
    size_t at = 0;
    for (unsigned i = 1; i < line && at < text.size; i++) {
        while (at < text.size && text.data[at] != '\n') {
            at++;
        }
        at++;
    }
    size_t length = 0;
    char raw[128] = "";
    while (line != 0 && at < text.size && text.data[at] != '\n' && length + 1 < sizeof(raw)) {
        raw[length++] = (char)text.data[at++];
    }
    raw[length] = '\0';
    if (length != 0) {
        char printable[sizeof(raw)];
        cli_printable(raw, printable, sizeof(printable));
        (void)snprintf(out, size, "The line is: %s", printable);
    }
}

struct ag_policy *cli_policy(struct cli *cli, int *out_status)
{
    char path[2048];
    cli_path(cli, "policy", path, sizeof(path));
    const char *name = cli_value(cli, CLI_OPT_POLICY, path);

    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, AG_LIMIT_TEXT_BYTES);
    if (!cli_has(cli, CLI_OPT_POLICY) && access(path, F_OK) != 0) {
        *out_status = cli_fail(cli, AG_ERR_NOT_FOUND, NULL, path,
                               "A policy says which evidence is accepted. Name one with --policy, "
                               "or make one with `aegis init`.");
        return NULL;
    }
    *out_status = cli_read_file(cli, name, "policy", AG_LIMIT_TEXT_BYTES, &text);
    if (*out_status != CLI_DONE) {
        return NULL;
    }
    struct ag_policy *policy = NULL;
    struct ag_fault fault = {0};
    unsigned line = 0;
    enum ag_err err = ag_policy_parse(ag_vec_view(&text), &policy, &line, &fault);
    if (err != AG_OK) {
        char what[2200];
        char quoted[160] = "";
        quote_line(ag_vec_view(&text), line, quoted, sizeof(quoted));
        (void)snprintf(what, sizeof(what), "%s:%u", name, line);
        *out_status = cli_fail(cli, err, &fault, what, quoted[0] == '\0' ? NULL : quoted);
        return NULL;
    }
    return policy;
}

void cli_policy_cleanup(struct ag_policy **policy)
{
    ag_policy_close(*policy);
}
