/* SPDX-License-Identifier: Apache-2.0 */
/* bench: what the primitives cost on this machine, so that an operator can size a node. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

struct bench {
    struct cli *cli;
    struct ag_json_out json;
    const struct ag_host *host;
    struct ag_sig_key *mldsa;
    struct ag_sig_key *slhdsa;
    struct ag_sig_public *mldsa_public;
    struct ag_sig_public *slhdsa_public;
    uint8_t mldsa_signature[AG_MLDSA87_SIGNATURE_SIZE];
    uint8_t slhdsa_signature[AG_SLHDSA_SIGNATURE_SIZE];
    struct ag_kem_key *kem;
    struct ag_kem_work *work;
    struct ag_hpke_info info;
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    struct ag_secp256k1_key secp;
    uint8_t recoverable[AG_SECP256K1_SIGNATURE_SIZE];
};

static const uint8_t message[AG_HASH_SIZE] = {1};

static enum ag_err sign_mldsa(struct bench *bench)
{
    return ag_sig_sign(bench->mldsa, AG_TAG_BATCH_MLDSA, AG_ARRAY_VIEW(message),
                       (struct ag_buf){bench->mldsa_signature, sizeof(bench->mldsa_signature)});
}

static enum ag_err sign_slhdsa(struct bench *bench)
{
    return ag_sig_sign(bench->slhdsa, AG_TAG_BATCH_SLHDSA, AG_ARRAY_VIEW(message),
                       (struct ag_buf){bench->slhdsa_signature, sizeof(bench->slhdsa_signature)});
}

static enum ag_err verify_mldsa(struct bench *bench)
{
    return ag_sig_verify(bench->mldsa_public, AG_TAG_BATCH_MLDSA, AG_ARRAY_VIEW(message),
                         AG_ARRAY_VIEW(bench->mldsa_signature));
}

static enum ag_err verify_slhdsa(struct bench *bench)
{
    return ag_sig_verify(bench->slhdsa_public, AG_TAG_BATCH_SLHDSA, AG_ARRAY_VIEW(message),
                         AG_ARRAY_VIEW(bench->slhdsa_signature));
}

static enum ag_err receive(struct bench *bench)
{
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    return ag_hpke_receive(bench->work, &bench->info,
                           ag_bytes_of(bench->enc, ag_kem_enc_size(bench->info.kem)), false, &hpke);
}

static enum ag_err recover(struct bench *bench)
{
    struct ag_address address;
    return ag_secp256k1_recover(message, bench->recoverable, bench->recoverable + 32,
                                bench->recoverable[64], true, &address);
}

static enum ag_err hash_leaf(struct bench *bench)
{
    struct ag_id out;
    (void)bench;
    return ag_merkle_leaf(AG_ARRAY_VIEW(message), &out);
}

/* Runs for about `budget_ms` and at least thrice; the median is not needed for a sizing figure. */
static enum ag_err measure(struct bench *bench, const char *name,
                           enum ag_err (*run)(struct bench *bench), uint64_t budget_ms)
{
    uint64_t start_ns = bench->host->monotonic_ns(bench->host->context);
    uint64_t count = 0;
    uint64_t passed_ns = 0;
    while (count < 3 || passed_ns < budget_ms * 1000000u) {
        AG_TRY(run(bench));
        count++;
        passed_ns = bench->host->monotonic_ns(bench->host->context) - start_ns;
    }
    uint64_t each_ns = passed_ns / count;
    if (cli_has(bench->cli, CLI_OPT_JSON)) {
        ag_json_put_u64(&bench->json, name, each_ns);
        return AG_OK;
    }
    (void)printf("%-34s %12.3f us  %12.0f per second and core\n", name, (double)each_ns / 1000.0,
                 1e9 / (double)(each_ns == 0 ? 1 : each_ns));
    return fflush(stdout) == 0 ? AG_OK : AG_ERR_IO;
}

static enum ag_err open_kem(struct bench *bench, enum ag_kem kem)
{
    uint8_t seed[AG_KEM_SEED_SIZE_MAX] = {7};
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
    struct ag_hpke hpke AG_SCOPED(ag_hpke_wipe) = {0};
    ag_kem_work_close(bench->work);
    ag_kem_key_close(bench->kem);
    bench->work = NULL;
    bench->kem = NULL;
    AG_TRY(ag_kem_key_open(kem, ag_bytes_of(seed, ag_kem_seed_size(kem)), &bench->kem));
    AG_TRY(ag_kem_key_public(bench->kem, (struct ag_buf){public_key, ag_kem_public_size(kem)}));
    AG_TRY(ag_kem_work_open(bench->kem, &bench->work));
    AG_TRY(ag_hpke_info_init(&bench->info, kem, AG_LITERAL("aegis bench")));
    return ag_hpke_send(bench->host, kem, ag_bytes_of(public_key, ag_kem_public_size(kem)),
                        &bench->info, (struct ag_bytes){NULL, 0}, false,
                        (struct ag_buf){bench->enc, ag_kem_enc_size(kem)}, &hpke);
}

static enum ag_err open_signers(struct bench *bench)
{
    uint8_t seed[AG_SLHDSA_SEED_SIZE] = {9};
    uint8_t public_key[AG_MLDSA87_PUBLIC_SIZE];
    AG_TRY(ag_sig_key_open(AG_SIG_MLDSA87, ag_bytes_of(seed, AG_MLDSA87_SEED_SIZE), &bench->mldsa));
    AG_TRY(ag_sig_key_public(bench->mldsa, (struct ag_buf){public_key, AG_MLDSA87_PUBLIC_SIZE}));
    AG_TRY(ag_sig_public_open(AG_SIG_MLDSA87, ag_bytes_of(public_key, AG_MLDSA87_PUBLIC_SIZE),
                              &bench->mldsa_public));
    AG_TRY(ag_sig_key_open(AG_SIG_SLHDSA_SHA2_256S, AG_ARRAY_VIEW(seed), &bench->slhdsa));
    AG_TRY(ag_sig_key_public(bench->slhdsa, (struct ag_buf){public_key, AG_SLHDSA_PUBLIC_SIZE}));
    AG_TRY(ag_sig_public_open(AG_SIG_SLHDSA_SHA2_256S,
                              ag_bytes_of(public_key, AG_SLHDSA_PUBLIC_SIZE),
                              &bench->slhdsa_public));
    memset(bench->secp.bytes, 5, sizeof(bench->secp.bytes));
    uint8_t digest[32];
    memcpy(digest, message, sizeof(digest));
    return ag_secp256k1_sign(&bench->secp, digest, bench->recoverable);
}

static enum ag_err run_all(struct bench *bench)
{
    AG_TRY(open_signers(bench));
    AG_TRY(open_kem(bench, AG_KEM_MLKEM1024_P384));
    AG_TRY(measure(bench, "open an envelope, KEM 0x0051", receive, 500));
    AG_TRY(open_kem(bench, AG_KEM_MLKEM1024));
    AG_TRY(measure(bench, "open an envelope, KEM 0x0042", receive, 500));
    AG_TRY(measure(bench, "recover a sender", recover, 500));
    AG_TRY(measure(bench, "ML-DSA-87 sign", sign_mldsa, 500));
    AG_TRY(measure(bench, "ML-DSA-87 verify", verify_mldsa, 500));
    AG_TRY(measure(bench, "SLH-DSA-SHA2-256s sign", sign_slhdsa, 1500));
    AG_TRY(measure(bench, "SLH-DSA-SHA2-256s verify", verify_slhdsa, 500));
    return measure(bench, "hash a Merkle leaf", hash_leaf, 200);
}

int cmd_bench(struct cli *cli)
{
    if (cli->argument_count != 0) {
        return cli_usage(cli, "takes no argument \"%.100s\"", cli->arguments[0]);
    }
    struct bench *bench = ag_alloc(sizeof(*bench));
    if (bench == NULL) {
        return cli_fail(cli, AG_ERR_NO_MEMORY, NULL, NULL, NULL);
    }
    bench->cli = cli;
    bench->host = ag_host_system();
    bool is_json = cli_has(cli, CLI_OPT_JSON);
    if (is_json) {
        cli_json_begin(cli, &bench->json);
        ag_json_object(&bench->json, NULL);
        ag_json_put_string(&bench->json, "unit", "ns");
    }
    enum ag_err err = run_all(bench);
    if (err == AG_OK && is_json) {
        ag_json_end(&bench->json);
        err = cli_json_end(cli, &bench->json);
    }
    ag_kem_work_close(bench->work);
    ag_kem_key_close(bench->kem);
    ag_sig_public_close(bench->mldsa_public);
    ag_sig_public_close(bench->slhdsa_public);
    ag_sig_key_close(bench->mldsa);
    ag_sig_key_close(bench->slhdsa);
    ag_free(bench);
    return err == AG_OK ? cli_flush(cli) : cli_fail(cli, err, NULL, "measuring", NULL);
}
