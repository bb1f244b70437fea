/* SPDX-License-Identifier: Apache-2.0 */
/* completion, version: what the program knows of itself. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "crypto/crypto.h"

/* Commands of one word come after those of two that begin with it, or `keys` would hide `keys new`:
 * the first pattern that matches wins. */
static enum ag_err write_options(struct ag_vec *out, size_t word_count)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = &cli_commands[i];
        if ((strchr(command->name, ' ') == NULL ? 1u : 2u) != word_count) {
            continue;
        }
        AG_TRY(ag_vec_printf(out, "    \"%s \"*) choices=\"--json --dir --help", command->name));
        const char *at = command->options;
        while (*at != '\0') {
            size_t length = strcspn(at, " ");
            AG_TRY(ag_vec_printf(out, " --%.*s", (int)length, at));
            at += length + (at[length] == ' ' ? 1u : 0u);
        }
        AG_TRY(ag_vec_printf(out, "\" ;;\n"));
    }
    return AG_OK;
}

/* The second words of commands that begin with this one. */
static enum ag_err write_second_words(struct ag_vec *out, const char *first, size_t length)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        if (strncmp(name, first, length) == 0 && name[length] == ' ') {
            AG_TRY(ag_vec_printf(out, "%s ", name + length + 1));
        }
    }
    return AG_OK;
}

/* Whether no command before this one begins with the same word. */
static bool is_first_of_word(size_t index, size_t length)
{
    for (size_t i = 0; i < index; i++) {
        if (strncmp(cli_commands[i].name, cli_commands[index].name, length) == 0 &&
            strcspn(cli_commands[i].name, " ") == length) {
            return false;
        }
    }
    return true;
}

static enum ag_err write_words(struct ag_vec *out)
{
    AG_TRY(ag_vec_printf(out, "    \"\") choices=\"help "));
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t length = strcspn(cli_commands[i].name, " ");
        if (is_first_of_word(i, length)) {
            AG_TRY(ag_vec_printf(out, "%.*s ", (int)length, cli_commands[i].name));
        }
    }
    AG_TRY(ag_vec_printf(out, "\" ;;\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t length = strcspn(cli_commands[i].name, " ");
        if (is_first_of_word(i, length)) {
            AG_TRY(
                ag_vec_printf(out, "    \"%.*s \") choices=\"", (int)length, cli_commands[i].name));
            AG_TRY(write_second_words(out, cli_commands[i].name, length));
            if (strcmp(cli_commands[i].name, "order") == 0) {
                AG_TRY(ag_vec_printf(out, "risk-aware asset-protection migration-aware hybrid "));
            }
            if (strcmp(cli_commands[i].name, "completion") == 0) {
                AG_TRY(ag_vec_printf(out, "bash "));
            }
            AG_TRY(ag_vec_printf(out, "\" ;;\n"));
        }
    }
    return AG_OK;
}

static enum ag_err write_completion(struct ag_vec *out)
{
    AG_TRY(ag_vec_printf(out, "# bash completion for aegis; source it, or install it as\n"
                              "# /usr/share/bash-completion/completions/aegis\n"
                              "_aegis() {\n"
                              "    local words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" choices=\"\"\n"
                              "    local current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
                              "    words=\"$words${words:+ }\"\n"
                              "    if [[ $current == -* ]]; then\n"
                              "    case \"$words\" in\n"));
    AG_TRY(write_options(out, 2));
    AG_TRY(write_options(out, 1));
    AG_TRY(ag_vec_printf(out, "    esac\n    else\n    case \"$words\" in\n"));
    AG_TRY(write_words(out));
    return ag_vec_printf(out, "    esac\n    fi\n"
                              "    COMPREPLY=($(compgen -W \"$choices\" -- \"$current\"))\n"
                              "    [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "
                              "\"$current\"))\n}\ncomplete -o filenames -F _aegis aegis\n");
}

int cmd_completion(struct cli *cli)
{
    if (cli->argument_count != 1 || strcmp(cli->arguments[0], "bash") != 0) {
        return cli_usage(cli, "only bash is known");
    }
    return cli_end(cli, write_completion(&cli->text));
}

int cmd_version(struct cli *cli)
{
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes no argument \"%.100s\"", cli->arguments[0]);
    }
    if (!cli_has(cli, CLI_OPT_JSON)) {
        return cli_end(
            cli, ag_vec_printf(&cli->text, "aegis %s, %s\n", AEGIS_VERSION, ag_crypto_version()));
    }
    struct ag_json_out out;
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_string(&out, "aegis", AEGIS_VERSION);
    ag_json_put_string(&out, "crypto", ag_crypto_version());
    ag_json_end(&out);
    return cli_end(cli, cli_json_end(cli, &out));
}
