/* SPDX-License-Identifier: Apache-2.0 */
/* tx make, seal, send, status: a transaction on its way in. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

#define DEFAULT_CHAIN     16584u
#define DEFAULT_GAS       21000u
#define DEFAULT_FEE       1000000000u /* 1 gwei */
#define DEFAULT_MAX_FEE   30000000000u
#define EXPIRES_DEFAULT_S 300u
#define WAIT_LIMIT_S      120u

/* ---- make ---------------------------------------------------------------------------------------- */

static enum ag_err read_key(const char *path, struct ag_secp256k1_key *out)
{
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 256);
    AG_TRY(ag_file_read(path, 128, &text));
    size_t length = text.size;
    while (length > 0 && (text.data[length - 1] == '\n' || text.data[length - 1] == ' ')) {
        length--;
    }
    enum ag_err err = ag_hex_decode((const char *)text.data, length,
                                    (struct ag_buf){out->bytes, sizeof(out->bytes)});
    ag_wipe(text.data, text.size);
    return err;
}

/* Signs what the options describe; prints and returns a status other than CLI_DONE on failure. */
static int make_raw(struct cli *cli, uint64_t chain_id, struct ag_vec *out)
{
    struct ag_secp256k1_key key AG_SCOPED(ag_secp256k1_key_wipe) = {{0}};
    struct ag_address to;
    uint64_t value;
    uint64_t nonce;
    uint64_t gas;
    uint64_t fee;
    uint64_t max_fee;
    const char *to_text = cli_value(cli, CLI_OPT_TO, NULL);
    if (!cli_has(cli, CLI_OPT_KEY) || to_text == NULL) {
        return cli_usage(cli, "--key FILE and --to ADDRESS are needed");
    }
    if (!cli_number(cli, CLI_OPT_VALUE, 0, &value) || !cli_number(cli, CLI_OPT_NONCE, 0, &nonce) ||
        !cli_number(cli, CLI_OPT_GAS, DEFAULT_GAS, &gas) ||
        !cli_number(cli, CLI_OPT_FEE, DEFAULT_FEE, &fee) ||
        !cli_number(cli, CLI_OPT_MAX_FEE, fee > DEFAULT_MAX_FEE ? fee : DEFAULT_MAX_FEE,
                    &max_fee)) {
        return CLI_USAGE;
    }
    if (ag_hex_decode(to_text, strlen(to_text), (struct ag_buf){to.bytes, sizeof(to.bytes)}) !=
        AG_OK) {
        return cli_usage(cli, "--to is not an address of 20 bytes in hex");
    }
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes data = {NULL, 0};
    const char *data_text = cli_value(cli, CLI_OPT_DATA, "");
    ag_arena_init(&arena, AG_LIMIT_TX_BYTES + 4096u);
    enum ag_err err =
        ag_hex_decode_arena(data_text, strlen(data_text), AG_LIMIT_TX_BYTES, &arena, &data);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "--data", NULL);
    }
    err = read_key(cli_value(cli, CLI_OPT_KEY, NULL), &key);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "--key", "A key file holds 32 bytes in hex.");
    }
    err = ag_eth_tx_sign_1559(&key, chain_id, nonce, fee, max_fee, gas, &to, value, data, out);
    return err == AG_OK ? CLI_DONE : cli_fail(cli, err, NULL, "signing", NULL);
}

static enum ag_err put_hex_line(struct cli *cli, const char *name, struct ag_bytes bytes)
{
    char *hex AG_SCOPED(ag_free_cleanup) = ag_alloc(2 * bytes.size + 1);
    AG_ENSURE(hex != NULL, AG_ERR_NO_MEMORY);
    ag_hex_encode(bytes, hex);
    if (cli_has(cli, CLI_OPT_JSON)) {
        return ag_vec_printf(&cli->text, "{\"%s\": \"0x%s\"}\n", name, hex);
    }
    return ag_vec_printf(&cli->text, "0x%s\n", hex);
}

int cmd_tx_make(struct cli *cli)
{
    struct ag_vec raw AG_SCOPED(ag_vec_close);
    uint64_t chain_id;
    ag_vec_init(&raw, AG_LIMIT_TX_BYTES + 4096u);
    if (!cli_number(cli, CLI_OPT_CHAIN_ID, DEFAULT_CHAIN, &chain_id)) {
        return CLI_USAGE;
    }
    int status = make_raw(cli, chain_id, &raw);
    if (status != CLI_DONE) {
        return status;
    }
    enum ag_err err = put_hex_line(cli, "raw", ag_vec_view(&raw));
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, NULL, NULL);
}

/* ---- seal ---------------------------------------------------------------------------------------- */

/* The raw transaction: the argument in hex, standard input, or made from the options. */
static int get_raw(struct cli *cli, uint64_t chain_id, struct ag_vec *raw)
{
    if (cli->argument_count == 0) {
        return make_raw(cli, chain_id, raw);
    }
    if (cli->argument_count != 1) {
        return cli_usage(cli, "one transaction at a time");
    }
    struct ag_vec text AG_SCOPED(ag_vec_close);
    ag_vec_init(&text, 4u * AG_LIMIT_TX_BYTES);
    enum ag_err err = strcmp(cli->arguments[0], "-") == 0
                          ? cli_read_file("-", 3u * AG_LIMIT_TX_BYTES, &text)
                          : ag_vec_append(&text, ag_bytes_of(cli->arguments[0],
                                                             strlen(cli->arguments[0])));
    while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == ' ')) {
        text.size--;
    }
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes bytes = {NULL, 0};
    ag_arena_init(&arena, 2u * AG_LIMIT_TX_BYTES);
    if (err == AG_OK) {
        err = ag_hex_decode_arena((const char *)text.data, text.size, AG_LIMIT_TX_BYTES, &arena,
                                  &bytes);
    }
    if (err == AG_OK) {
        err = ag_vec_append(raw, bytes);
    }
    return err == AG_OK ? CLI_DONE
                        : cli_fail(cli, err, NULL, "the transaction",
                                   "It is expected in hex, as eth_sendRawTransaction takes it.");
}

static uint64_t saturate(const struct ag_u256 *value)
{
    uint64_t low = 0;
    for (size_t i = 24; i < 32; i++) {
        low = low << 8 | value->bytes[i];
    }
    return ag_bytes_is_zero(ag_bytes_of(value->bytes, 24)) ? low : UINT64_MAX;
}

static bool read_assets(const char *text, struct ag_head *head)
{
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");
        if (head->asset_count == AG_HEAD_ASSETS_MAX) {
            return false;
        }
        struct ag_id *id = &head->assets[head->asset_count];
        if (ag_hex_decode(text, length, (struct ag_buf){id->bytes, sizeof(id->bytes)}) != AG_OK) {
            return false;
        }
        if (head->asset_count > 0 && ag_bytes_compare(AG_VIEW(id - 1), AG_VIEW(id)) >= 0) {
            return false;
        }
        head->asset_count++;
        text += length + (text[length] == ',' ? 1 : 0);
    }
    return true;
}

/* The head says what the transaction says; the node excludes it if they differ. */
static int fill_head(struct cli *cli, const struct ag_eth_tx *tx, struct ag_head *head)
{
    const struct ag_host *host = ag_host_system();
    uint64_t seconds;
    uint64_t risk;
    if (!cli_number(cli, CLI_OPT_EXPIRES, EXPIRES_DEFAULT_S, &seconds) ||
        !cli_number(cli, CLI_OPT_RISK, 0, &risk)) {
        return CLI_USAGE;
    }
    if (risk > 10000 || seconds > 86400) {
        return cli_usage(cli, "--risk is at most 10000, --expires-in at most 86400");
    }
    memset(head, 0, sizeof(*head));
    head->sender.kind = AG_SENDER_SECP256K1;
    memcpy(head->sender.id, tx->sender.bytes, AG_ADDRESS_SIZE);
    head->nonce = tx->nonce;
    head->gas_limit = tx->gas;
    head->priority_fee = saturate(&tx->priority_fee);
    head->expires_ms = host->now_ms(host->context) + seconds * 1000u;
    head->declared_risk_bp = (uint16_t)risk;
    head->payload_kind = AG_PAYLOAD_ETHEREUM;
    if (!read_assets(cli_value(cli, CLI_OPT_ASSET, NULL), head)) {
        return cli_usage(cli, "--asset takes up to 16 ids of 32 bytes in hex, ascending");
    }
    return CLI_DONE;
}

struct sealed {
    struct ag_vec envelope;
    struct ag_id id;
    struct ag_eth_tx tx;
};

static enum ag_err seal_to(struct cli *cli, const struct identity *identity, struct ag_head *head,
                           struct ag_bytes raw, unsigned stamp_bits, struct sealed *out)
{
    const struct ag_host *host = ag_host_system();
    uint64_t kem = identity->bundle.kems[0].kem;
    if (!cli_number(cli, CLI_OPT_SUITE, kem, &kem) || kem > UINT16_MAX ||
        ag_bundle_find_kem(&identity->bundle, (uint16_t)kem) == NULL) {
        return AG_ERR_SUITE;
    }
    struct ag_body body = {
        .payload_kind = AG_PAYLOAD_ETHEREUM,
        .payload = raw,
        .auth_scheme = AG_AUTH_PAYLOAD,
    };
    AG_TRY(host->random(host->context, (struct ag_buf){body.salt, sizeof(body.salt)}));
    out->envelope.size = 0;
    AG_TRY(ag_envelope_seal(host, &identity->bundle, &identity->bundle_digest, (uint16_t)kem, head,
                            &body, stamp_bits, &out->envelope));
    struct ag_envelope decoded;
    AG_TRY(ag_envelope_decode(ag_vec_view(&out->envelope), &decoded, NULL));
    return ag_envelope_id(&decoded, &out->id);
}

/* Judges the node, reads or makes the transaction, seals it. */
static int prepare(struct cli *cli, struct client *client, struct identity *identity,
                   struct ag_vec *raw, struct ag_head *head, struct sealed *out)
{
    struct ag_fault fault = {0};
    int status = client_identity(cli, client, identity);
    if (status == CLI_DONE) {
        status = get_raw(cli, identity->bundle.chain_id, raw);
    }
    if (status != CLI_DONE) {
        return status;
    }
    enum ag_err err = ag_eth_tx_decode(ag_vec_view(raw), identity->bundle.chain_id, false, &out->tx,
                                       &fault);
    if (err != AG_OK) {
        return cli_fail(cli, err, &fault, "the transaction",
                        "It was not sent: the node would exclude it.");
    }
    status = fill_head(cli, &out->tx, head);
    if (status != CLI_DONE) {
        return status;
    }
    err = seal_to(cli, identity, head, ag_vec_view(raw), 0, out);
    return err == AG_OK ? CLI_DONE : cli_fail(cli, err, NULL, "sealing", NULL);
}

/* ---- send ---------------------------------------------------------------------------------------- */

static enum ag_err call_with_envelope(struct client *client, const struct sealed *sealed,
                                      const struct ag_json_value **out)
{
    struct ag_vec params AG_SCOPED(ag_vec_close);
    struct ag_json_out json;
    ag_vec_init(&params, 4u * AG_LIMIT_ENVELOPE_BYTES);
    ag_json_begin(&json, &params, false);
    ag_json_array(&json, NULL);
    ag_json_put_hex(&json, NULL, ag_vec_view(&sealed->envelope));
    ag_json_end(&json);
    AG_TRY(ag_json_finish(&json));
    return client_call(client, "aegis_sendEnvelope", ag_vec_view(&params), out);
}

/* A node under load asks for work; its figure is in the error, and doing it is no question. */
static enum ag_err send(struct cli *cli, struct client *client, const struct identity *identity,
                        struct ag_head *head, struct ag_bytes raw, struct sealed *sealed,
                        const struct ag_json_value **out)
{
    enum ag_err err = call_with_envelope(client, sealed, out);
    for (unsigned tries = 0; err == AG_ERR_MEMPOOL_STAMP && tries < 3; tries++) {
        const struct ag_fault *fault = client_fault(client);
        if (!fault->has_limit || fault->limit > AG_LIMIT_STAMP_BITS) {
            return err;
        }
        if (!cli_has(cli, CLI_OPT_QUIET)) {
            fprintf(stderr, "the node is loaded and asks for a stamp of %llu bits; working...\n",
                    (unsigned long long)fault->limit);
        }
        AG_TRY(seal_to(cli, identity, head, raw, (unsigned)fault->limit, sealed));
        err = call_with_envelope(client, sealed, out);
    }
    return err;
}

/* Checks the receipt under the judged bundle: a promise that cannot be shown is none. */
static enum ag_err check_receipt(const struct identity *identity, const struct sealed *sealed,
                                 const struct ag_json_value *result)
{
    size_t length = 0;
    const char *text = ag_json_string(ag_json_get(result, "receipt"), &length);
    struct ag_arena arena AG_SCOPED(ag_arena_close);
    struct ag_bytes bytes;
    struct ag_admission_receipt receipt;
    ag_arena_init(&arena, 2u * AG_LIMIT_RECEIPT_BYTES);
    AG_ENSURE(text != NULL, AG_ERR_NET_PROTOCOL);
    AG_TRY(ag_hex_decode_arena(text, length, AG_LIMIT_RECEIPT_BYTES, &arena, &bytes));
    AG_TRY(ag_admission_receipt_decode(bytes, &receipt, NULL));
    AG_TRY(ag_admission_receipt_verify(&receipt, ag_vec_view(&identity->bundle_bytes), NULL));
    AG_ENSURE(ag_bytes_equal(AG_VIEW(&receipt.leaf.envelope_id), AG_VIEW(&sealed->id)),
              AG_ERR_PROOF);
    return AG_OK;
}

/* Asks until a batch covers the envelope; the document of the answer is the client's. */
static enum ag_err wait_for_batch(struct cli *cli, struct client *client, const struct ag_id *id,
                                  const struct ag_json_value **out)
{
    char hex[65];
    char params[80];
    ag_hex_encode(AG_VIEW(id), hex);
    int length = snprintf(params, sizeof(params), "[\"0x%s\"]", hex);
    for (unsigned i = 0; i < WAIT_LIMIT_S * 5; i++) {
        AG_TRY(client_call(client, "aegis_getStatus", ag_bytes_of(params, (size_t)length), out));
        const char *state = ag_json_string(ag_json_get(*out, "state"), NULL);
        if (state != NULL && strcmp(state, "committed") == 0) {
            return AG_OK;
        }
        if (i == 5 && !cli_has(cli, CLI_OPT_QUIET)) {
            fprintf(stderr, "admitted; waiting for its batch...\n");
        }
        const struct timespec pause = {0, 200000000};
        (void)nanosleep(&pause, NULL);
    }
    return AG_ERR_NET_TIMEOUT;
}

static int send_prepared(struct cli *cli, struct client *client, struct identity *identity,
                         struct ag_bytes raw, struct ag_head *head, struct sealed *sealed)
{
    const struct ag_json_value *result = NULL;
    enum ag_err err = send(cli, client, identity, head, raw, sealed, &result);
    if (err != AG_OK) {
        return client_fail(cli, client, err, "the node refused the envelope");
    }
    err = check_receipt(identity, sealed, result);
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "the admission receipt does not hold", NULL);
    }
    if (cli_has(cli, CLI_OPT_WAIT)) {
        err = wait_for_batch(cli, client, &sealed->id, &result);
        if (err != AG_OK) {
            return client_fail(cli, client, err, "waiting for the batch");
        }
    }
    return cli_print_result(cli, result);
}

static int seal_or_send(struct cli *cli, bool is_sent)
{
    struct client *client = NULL;
    struct identity *identity AG_SCOPED(ag_free_cleanup) = ag_alloc(sizeof(*identity));
    struct sealed *sealed AG_SCOPED(ag_free_cleanup) = ag_alloc(sizeof(*sealed));
    struct ag_vec raw AG_SCOPED(ag_vec_close);
    struct ag_head head;
    ag_vec_init(&raw, AG_LIMIT_TX_BYTES + 4096u);
    if (identity == NULL || sealed == NULL || client_open(cli, &client) != AG_OK) {
        return CLI_USAGE;
    }
    ag_vec_init(&sealed->envelope, AG_LIMIT_ENVELOPE_BYTES);
    int status = prepare(cli, client, identity, &raw, &head, sealed);
    if (status == CLI_DONE && is_sent) {
        status = send_prepared(cli, client, identity, ag_vec_view(&raw), &head, sealed);
    } else if (status == CLI_DONE) {
        enum ag_err err = put_hex_line(cli, "envelope", ag_vec_view(&sealed->envelope));
        status = err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, NULL, NULL);
    }
    ag_vec_close(&sealed->envelope);
    client_identity_close(identity);
    client_close(client);
    return status;
}

int cmd_tx_seal(struct cli *cli)
{
    return seal_or_send(cli, false);
}

int cmd_tx_send(struct cli *cli)
{
    return seal_or_send(cli, true);
}

bool cli_id_params(const char *text, char out[80])
{
    struct ag_id id;
    char hex[65];
    if (ag_hex_decode(text, strlen(text), (struct ag_buf){id.bytes, sizeof(id.bytes)}) != AG_OK) {
        return false;
    }
    ag_hex_encode(AG_VIEW(&id), hex);
    (void)snprintf(out, 80, "[\"0x%s\"]", hex);
    return true;
}

int cmd_tx_status(struct cli *cli)
{
    char params[80];
    if (cli->argument_count != 1 || !cli_id_params(cli->arguments[0], params)) {
        return cli_usage(cli, "an envelope id is 32 bytes in hex");
    }
    return cli_simple_call(cli, "aegis_getStatus", ag_bytes_of(params, strlen(params)));
}
