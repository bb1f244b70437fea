/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cmd_tx_i.h"
#include "wire/wire.h"

#define DEFAULT_CHAIN   16584u
#define DEFAULT_GAS     21000u
#define DEFAULT_FEE     1000000000u /* 1 gwei */
#define DEFAULT_MAX_FEE 30000000000u

/* A file ends in a new line, whatever wrote it. */
static size_t trimmed_size(const struct ag_vec *text)
{
    size_t size = text->size;
    while (size > 0 && (text->data[size - 1] == '\n' || text->data[size - 1] == '\r' ||
                        text->data[size - 1] == ' ')) {
        size--;
    }
    return size;
}

static int read_key(struct cli *cli, struct ag_secp256k1_key *out)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 256);
    int status = cli_read_file(cli, cli_value(cli, CLI_OPT_KEY, ""), "--key", 128, &text);
    enum ag_err err = AG_OK;
    if (status == CLI_DONE) {
        err = ag_hex_decode((const char *)text.data, trimmed_size(&text),
                            (struct ag_buf){out->bytes, sizeof(out->bytes)});
    }
    if (text.data != NULL) {
        ag_wipe(text.data, text.capacity);
    }
    return err == AG_OK ? status
                        : cli_fail(cli, err, NULL, "--key", "A key file holds 32 bytes in hex.");
}

static enum ag_err append_hex(const char *text, size_t size, struct ag_vec *out)
{
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes bytes = {NULL, 0};
    ag_arena_init(&arena, AG_LIMIT_TX_BYTES + 4096u);
    AG_TRY(ag_hex_decode_arena(text, size, AG_LIMIT_TX_BYTES, &arena, &bytes));
    return ag_vec_append(out, bytes);
}

static int read_raw(struct cli *cli, struct tx_source *out)
{
    const char *argument = cli->arguments[0];
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 3u * AG_LIMIT_TX_BYTES);
    if (cli->argument_count != 1) {
        return cli_usage(cli, "one transaction at a time");
    }
    if (cli_has(cli, CLI_OPT_KEY) || cli_has(cli, CLI_OPT_TO)) {
        return cli_usage(cli, "a signed transaction, or --key and --to to make one, but not both");
    }
    if (strcmp(argument, "-") == 0) {
        int status = cli_read_file(cli, "-", "the transaction", 3u * AG_LIMIT_TX_BYTES, &text);
        if (status != CLI_DONE) {
            return status;
        }
    } else if (ag_vec_append(&text, ag_bytes_of(argument, strlen(argument))) != AG_OK) {
        return cli_fail(cli, AG_ERR_WIRE_LIMIT, NULL, "the transaction", NULL);
    }
    out->is_raw = true;
    if (trimmed_size(&text) == 0) {
        return cli_usage(cli, "the transaction is empty");
    }
    enum ag_err err = append_hex((const char *)text.data, trimmed_size(&text), &out->raw);
    return err == AG_OK ? CLI_DONE
                        : cli_fail(cli, err, NULL, "the transaction",
                                   "It is expected in hex, as eth_sendRawTransaction takes it.");
}

static int read_options(struct cli *cli, struct tx_source *out)
{
    const char *to = cli_value(cli, CLI_OPT_TO, NULL);
    const char *data = cli_value(cli, CLI_OPT_DATA, "");
    if (!cli_has(cli, CLI_OPT_KEY) || to == NULL) {
        return cli_usage(cli, "--key FILE and --to ADDRESS are needed");
    }
    if (!cli_number(cli, CLI_OPT_VALUE, 0, UINT64_MAX, &out->value) ||
        !cli_number(cli, CLI_OPT_NONCE, 0, UINT64_MAX - 1, &out->nonce) ||
        !cli_number(cli, CLI_OPT_GAS, DEFAULT_GAS, UINT64_MAX, &out->gas) ||
        !cli_number(cli, CLI_OPT_FEE, DEFAULT_FEE, UINT64_MAX, &out->fee)) {
        return CLI_USAGE;
    }
    uint64_t max_fee = out->fee > DEFAULT_MAX_FEE ? out->fee : DEFAULT_MAX_FEE;
    if (!cli_number(cli, CLI_OPT_MAX_FEE, max_fee, UINT64_MAX, &out->max_fee)) {
        return CLI_USAGE;
    }
    if (ag_hex_decode(to, strlen(to), (struct ag_buf){out->to.bytes, sizeof(out->to.bytes)}) !=
        AG_OK) {
        return cli_usage(cli, "--to is not an address of 20 bytes in hex");
    }
    enum ag_err err = append_hex(data, strlen(data), &out->data);
    return err == AG_OK ? read_key(cli, &out->key) : cli_fail(cli, err, NULL, "--data", NULL);
}

int tx_source_open(struct cli *cli, struct tx_source *out)
{
    ag_vec_init(&out->raw, AG_LIMIT_TX_BYTES);
    ag_vec_init(&out->data, AG_LIMIT_TX_BYTES);
    if (!cli_number(cli, CLI_OPT_CHAIN_ID, DEFAULT_CHAIN, INT64_MAX, &out->chain_id)) {
        return CLI_USAGE;
    }
    return cli->argument_count == 0 ? read_options(cli, out) : read_raw(cli, out);
}

void tx_source_close(struct tx_source *source)
{
    ag_vec_close(&source->raw);
    ag_vec_close(&source->data);
    ag_secp256k1_key_wipe(&source->key);
}

int tx_source_raw(struct cli *cli, const struct tx_source *source, uint64_t chain_id,
                  struct ag_vec *out)
{
    enum ag_err err = source->is_raw
                          ? ag_vec_append(out, ag_vec_view(&source->raw))
                          : ag_eth_tx_sign_1559(&source->key, chain_id, source->nonce, source->fee,
                                                source->max_fee, source->gas, &source->to,
                                                source->value, ag_vec_view(&source->data), out);
    return err == AG_OK ? CLI_DONE : cli_fail(cli, err, NULL, "signing", NULL);
}

enum ag_err cli_put_hex_line(struct cli *cli, struct ag_bytes bytes)
{
    char *hex AG_SCOPED(ag_free_cleanup) = ag_alloc(2 * bytes.size + 1);
    AG_ENSURE(hex != NULL, AG_ERR_NO_MEMORY);
    ag_hex_encode(bytes, hex);
    return ag_vec_printf(&cli->text, "0x%s\n", hex);
}

static int make(struct cli *cli, struct tx_source *source, struct ag_vec *raw)
{
    struct ag_json_out out;
    struct ag_eth_tx tx;
    struct ag_fault fault = {0};
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes options only");
    }
    int status = tx_source_open(cli, source);
    if (status == CLI_DONE) {
        status = tx_source_raw(cli, source, source->chain_id, raw);
    }
    if (status != CLI_DONE) {
        return status;
    }
    /* What no node would take is better said here. */
    enum ag_err err = ag_eth_tx_decode(ag_vec_view(raw), source->chain_id, false, &tx, &fault);
    if (err != AG_OK) {
        return cli_fail(cli, err, &fault, "the transaction", NULL);
    }
    if (!cli_has(cli, CLI_OPT_JSON)) {
        return cli_end(cli, cli_put_hex_line(cli, ag_vec_view(raw)));
    }
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_hex(&out, "raw", ag_vec_view(raw));
    ag_json_put_hex(&out, "hash", AG_ARRAY_VIEW(tx.hash));
    ag_json_put_hex(&out, "sender", AG_VIEW(&tx.sender));
    ag_json_end(&out);
    return cli_end(cli, cli_json_end(cli, &out));
}

int cmd_tx_make(struct cli *cli)
{
    struct tx_source source = {0};
    struct ag_vec raw AG_SCOPED(ag_vec_close);
    ag_vec_init(&raw, AG_LIMIT_TX_BYTES + 4096u);
    int status = make(cli, &source, &raw);
    tx_source_close(&source);
    return status;
}
