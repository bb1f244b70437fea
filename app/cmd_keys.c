/* SPDX-License-Identifier: Apache-2.0 */
/* keys, evidence show: what a node is, judged. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

static enum ag_err print_bundle(struct cli *cli, const struct identity *identity)
{
    const struct ag_bundle *bundle = &identity->bundle;
    struct ag_address posting;
    char hex[2 * AG_HASH_SIZE + 1];
    char created[CLI_TIME_SIZE];
    AG_TRY(ag_secp256k1_address(AG_ARRAY_VIEW(bundle->posting_key), &posting));
    cli_time(bundle->created_ms, created);
    ag_hex_encode(AG_VIEW(&identity->bundle_digest), hex);
    AG_TRY(ag_vec_printf(&cli->text,
                         "bundle           0x%s\nchain            %llu\n"
                         "epoch            %llu, since %s\n",
                         hex, (unsigned long long)bundle->chain_id,
                         (unsigned long long)bundle->key_epoch, created));
    for (size_t i = 0; i < bundle->kem_count; i++) {
        const char *name = bundle->kems[i].kem == AG_KEM_MLKEM1024_P384 ? "MLKEM1024-P384"
                           : bundle->kems[i].kem == AG_KEM_MLKEM1024    ? "ML-KEM-1024"
                                                                        : "unknown here";
        AG_TRY(ag_vec_printf(&cli->text, "HPKE KEM         0x%04x %s, %zu bytes\n",
                             bundle->kems[i].kem, name, bundle->kems[i].public_key.size));
    }
    ag_hex_encode(ag_bytes_head(bundle->slhdsa, 32), hex);
    AG_TRY(ag_vec_printf(&cli->text,
                         "signatures       ML-DSA-87 (%zu bytes), SLH-DSA-SHA2-256s "
                         "0x%s...\n",
                         bundle->mldsa87.size, hex));
    ag_hex_encode(AG_VIEW(&posting), hex);
    AG_TRY(ag_vec_printf(&cli->text, "posting address  0x%s\n", hex));
    return cli_print_evidence(cli, "evidence", &identity->verdict);
}

static enum ag_err bundle_json(struct cli *cli, const struct identity *identity)
{
    const struct ag_bundle *bundle = &identity->bundle;
    struct ag_json_out out;
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_hex(&out, "digest", AG_VIEW(&identity->bundle_digest));
    ag_json_put_u64(&out, "chainId", bundle->chain_id);
    ag_json_put_u64(&out, "keyEpoch", bundle->key_epoch);
    ag_json_put_u64(&out, "createdMs", bundle->created_ms);
    ag_json_put_hex(&out, "genesis", AG_VIEW(&bundle->genesis));
    ag_json_array(&out, "kems");
    for (size_t i = 0; i < bundle->kem_count; i++) {
        ag_json_object(&out, NULL);
        ag_json_put_u64(&out, "kem", bundle->kems[i].kem);
        ag_json_put_hex(&out, "publicKey", bundle->kems[i].public_key);
        ag_json_end(&out);
    }
    ag_json_end(&out);
    ag_json_put_hex(&out, "mldsa87", bundle->mldsa87);
    ag_json_put_hex(&out, "slhdsa", bundle->slhdsa);
    ag_json_put_hex(&out, "postingKey", AG_ARRAY_VIEW(bundle->posting_key));
    ag_json_put_hex(&out, "bundle", ag_vec_view(&identity->bundle_bytes));
    ag_verdict_json(&identity->verdict, &out, "evidence");
    ag_json_end(&out);
    return cli_json_end(cli, &out);
}

static int with_identity(struct cli *cli,
                         enum ag_err (*print)(struct cli *cli, const struct identity *identity))
{
    struct client *client AG_SCOPED(client_cleanup) = NULL;
    struct identity *identity AG_SCOPED(client_identity_cleanup) = NULL;
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes no argument \"%.100s\"", cli->arguments[0]);
    }
    int status = client_open(cli, &client);
    if (status == CLI_DONE) {
        status = client_identity(cli, client, &identity);
    }
    return status == CLI_DONE ? cli_end(cli, print(cli, identity)) : status;
}

/* With --out: the bundle as `receipt verify --bundle` takes it. */
static enum ag_err print_keys(struct cli *cli, const struct identity *identity)
{
    if (cli_has(cli, CLI_OPT_OUT)) {
        return ag_vec_append(&cli->text, ag_vec_view(&identity->bundle_bytes));
    }
    return cli_has(cli, CLI_OPT_JSON) ? bundle_json(cli, identity) : print_bundle(cli, identity);
}

int cmd_keys(struct cli *cli)
{
    return with_identity(cli, print_keys);
}

/* With --out: the raw evidence, for other verifiers. */
static enum ag_err print_evidence(struct cli *cli, const struct identity *identity)
{
    if (cli_has(cli, CLI_OPT_OUT)) {
        struct ag_evidence evidence;
        AG_TRY(ag_evidence_decode(ag_vec_view(&identity->evidence_bytes), &evidence, NULL));
        return ag_vec_append(&cli->text, evidence.quote);
    }
    if (!cli_has(cli, CLI_OPT_JSON)) {
        return ag_verdict_print(&identity->verdict, &cli->text);
    }
    struct ag_json_out out;
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_hex(&out, "evidence", ag_vec_view(&identity->evidence_bytes));
    ag_verdict_json(&identity->verdict, &out, "verdict");
    ag_json_end(&out);
    return cli_json_end(cli, &out);
}

int cmd_evidence_show(struct cli *cli)
{
    return with_identity(cli, print_evidence);
}

/* Makes the key, writes it, and says which address it has. */
static int make_key(struct cli *cli, const char *path, struct ag_address *out)
{
    const struct ag_host *host = ag_host_system();
    struct ag_secp256k1_key key AG_SCOPED(ag_secp256k1_key_wipe) = {{0}};
    uint8_t point[33];
    char hex[67];
    enum ag_err err = ag_random_key(host, (struct ag_buf){key.bytes, sizeof(key.bytes)});
    if (err == AG_OK) {
        err = ag_secp256k1_public(&key, point, out);
    }
    if (err != AG_OK) {
        return cli_fail(cli, err, NULL, "making a key", NULL);
    }
    ag_hex_encode(AG_VIEW(&key), hex);
    hex[64] = '\n';
    int status = cli_write_file(cli, path, ag_bytes_of(hex, 65), 0600);
    ag_wipe(hex, sizeof(hex));
    return status;
}

int cmd_keys_new(struct cli *cli)
{
    struct ag_address address;
    struct ag_json_out out;
    char hex[2 * sizeof(address.bytes) + 1];
    if (cli->argument_count != 1 || cli->arguments[0][0] == '\0') {
        return cli_usage(cli, "one file name");
    }
    if (access(cli->arguments[0], F_OK) == 0 && !cli_has(cli, CLI_OPT_FORCE)) {
        return cli_fail(cli, AG_ERR_ARGUMENT, NULL, cli->arguments[0],
                        "The file exists. --force replaces it, and its key is then lost.");
    }
    int status = make_key(cli, cli->arguments[0], &address);
    if (status != CLI_DONE) {
        return status;
    }
    ag_hex_encode(AG_VIEW(&address), hex);
    if (!cli_has(cli, CLI_OPT_JSON)) {
        return cli_end(cli, ag_vec_printf(&cli->text, "0x%s\n", hex));
    }
    cli_json_begin(cli, &out);
    ag_json_object(&out, NULL);
    ag_json_put_hex(&out, "address", AG_VIEW(&address));
    ag_json_put_string(&out, "file", cli->arguments[0]);
    ag_json_end(&out);
    return cli_end(cli, cli_json_end(cli, &out));
}
