/* SPDX-License-Identifier: Apache-2.0 */
/* keys, evidence: what a node is, judged. */
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
    AG_TRY(ag_secp256k1_address(AG_ARRAY_VIEW(bundle->posting_key), &posting));
    ag_hex_encode(AG_VIEW(&identity->bundle_digest), hex);
    AG_TRY(ag_vec_printf(&cli->text, "bundle          %s\nchain           %llu\nepoch           "
                                     "%llu\n",
                         hex, (unsigned long long)bundle->chain_id,
                         (unsigned long long)bundle->key_epoch));
    for (size_t i = 0; i < bundle->kem_count; i++) {
        AG_TRY(ag_vec_printf(&cli->text, "HPKE KEM        0x%04x, %zu bytes\n",
                             bundle->kems[i].kem, bundle->kems[i].public_key.size));
    }
    ag_hex_encode(ag_bytes_head(bundle->slhdsa, 32), hex);
    AG_TRY(ag_vec_printf(&cli->text, "signatures      ML-DSA-87 (%zu bytes), SLH-DSA-SHA2-256s "
                                     "%s...\n",
                         bundle->mldsa87.size, hex));
    ag_hex_encode(AG_VIEW(&posting), hex);
    return ag_vec_printf(&cli->text, "posting address 0x%s\nevidence        %s, %s, accepted\n",
                         hex, ag_tee_kind_name(identity->verdict.tee_kind),
                         ag_attest_status_name(identity->verdict.status));
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
    return ag_json_finish(&out);
}

static int with_identity(struct cli *cli,
                         enum ag_err (*print)(struct cli *cli, const struct identity *identity))
{
    struct client *client = NULL;
    struct identity *identity AG_SCOPED(ag_free_cleanup) = ag_alloc(sizeof(*identity));
    if (identity == NULL || client_open(cli, &client) != AG_OK) {
        return CLI_USAGE;
    }
    int status = client_identity(cli, client, identity);
    if (status == CLI_DONE) {
        enum ag_err err = print(cli, identity);
        status = err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, "printing", NULL);
    }
    client_identity_close(identity);
    client_close(client);
    return status;
}

static enum ag_err print_keys(struct cli *cli, const struct identity *identity)
{
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
    return ag_json_finish(&out);
}

int cmd_evidence_show(struct cli *cli)
{
    return with_identity(cli, print_evidence);
}

int cmd_keys_new(struct cli *cli)
{
    const struct ag_host *host = ag_host_system();
    struct ag_secp256k1_key key AG_SCOPED(ag_secp256k1_key_wipe) = {{0}};
    char hex[67];
    uint8_t point[33];
    struct ag_address address;
    if (cli->argument_count != 1) {
        return cli_usage(cli, "one file name");
    }
    if (access(cli->arguments[0], F_OK) == 0 && !cli_has(cli, CLI_OPT_FORCE)) {
        return cli_fail(cli, AG_ERR_ARGUMENT, NULL, cli->arguments[0],
                        "The file exists. --force replaces it, and its key is then lost.");
    }
    enum ag_err err = ag_random_key(host, (struct ag_buf){key.bytes, sizeof(key.bytes)});
    if (err == AG_OK) {
        err = ag_secp256k1_public(&key, point, &address);
    }
    if (err == AG_OK) {
        ag_hex_encode(AG_VIEW(&key), hex);
        hex[64] = '\n';
        err = ag_file_write(cli->arguments[0], ag_bytes_of(hex, 65), 0600);
    }
    ag_wipe(hex, sizeof(hex));
    if (err == AG_OK) {
        ag_hex_encode(AG_VIEW(&address), hex);
        err = cli_has(cli, CLI_OPT_JSON)
                  ? ag_vec_printf(&cli->text, "{\"address\": \"0x%s\"}\n", hex)
                  : ag_vec_printf(&cli->text, "0x%s\n", hex);
    }
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, cli->arguments[0], NULL);
}
