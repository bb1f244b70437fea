/* SPDX-License-Identifier: Apache-2.0 */
/* Does any envelope crash the receiver, and does any change of a good one still open?
 *
 * The first byte says what the rest is: an envelope as it stands, changes to a good envelope (two
 * bytes of position, one of difference), or a public key to send to. Its low bit picks the KEM. */
#include <string.h>

#include "crypto/crypto.h"

#define PART_SIZE 24u /* eight bytes of text and the tag */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A receiver and one good envelope to it, made once and always the same. */
struct receiver {
    enum ag_kem kem;
    struct ag_kem_key *key;
    struct ag_kem_work *work;
    struct ag_hpke_info info;
    size_t enc_size;
    uint8_t message[AG_KEM_ENC_SIZE_MAX + PART_SIZE]; /* enc, then one part */
};

static void make_receiver(struct receiver *receiver, enum ag_kem kem)
{
    uint8_t seed[AG_KEM_SEED_SIZE_MAX];
    uint8_t public_key[AG_KEM_PUBLIC_SIZE_MAX];
    uint8_t randomness[80];
    struct ag_hpke hpke = {.kem = kem};
    memset(seed, 0x42, sizeof(seed));
    memset(randomness, 0x24, sizeof(randomness));
    receiver->kem = kem;
    receiver->enc_size = ag_kem_enc_size(kem);
    const struct ag_buf enc = {receiver->message, receiver->enc_size};
    const size_t randomness_size = kem == AG_KEM_MLKEM1024 ? 32 : 80;
    AG_ASSERT(ag_kem_key_open(kem, ag_bytes_of(seed, ag_kem_seed_size(kem)), &receiver->key) ==
              AG_OK);
    AG_ASSERT(ag_kem_work_open(receiver->key, &receiver->work) == AG_OK);
    AG_ASSERT(ag_kem_key_public(receiver->key, (struct ag_buf){public_key, enc.size}) == AG_OK);
    AG_ASSERT(ag_hpke_info_init(&receiver->info, kem, AG_LITERAL("fuzz")) == AG_OK);
    AG_ASSERT(ag_hpke_send(NULL, kem, ag_bytes_of(public_key, enc.size), &receiver->info,
                           ag_bytes_of(randomness, randomness_size), false, enc, &hpke) == AG_OK);
    AG_ASSERT(ag_hpke_seal_part(&hpke, 0, AG_LITERAL("aad"), AG_LITERAL("the text"),
                                (struct ag_buf){receiver->message + enc.size, PART_SIZE}) == AG_OK);
}

/* OK or OPEN, and nothing else, whatever the sender wrote. */
static enum ag_err receive(const struct receiver *receiver, struct ag_bytes enc,
                           struct ag_bytes part)
{
    struct ag_hpke hpke = {.kem = receiver->kem};
    static uint8_t out[1 << 20];
    enum ag_err err = ag_hpke_receive(receiver->work, &receiver->info, enc, true, &hpke);
    AG_ASSERT(err == AG_OK || err == AG_ERR_OPEN);
    if (err == AG_OK) {
        const size_t size = part.size < 16 ? 0 : part.size - 16;
        AG_ASSERT(size <= sizeof(out));
        err = ag_hpke_open_part(&hpke, 0, AG_LITERAL("aad"), part, (struct ag_buf){out, size});
        AG_ASSERT(err == AG_OK || err == AG_ERR_OPEN);
    }
    ag_hpke_wipe(&hpke);
    return err;
}

static void receive_raw(const struct receiver *receiver, struct ag_bytes input)
{
    (void)receive(receiver, ag_bytes_head(input, receiver->enc_size),
                  ag_bytes_tail(input, receiver->enc_size));
    (void)receive(receiver, input, (struct ag_bytes){NULL, 0});
}

static void receive_changed(const struct receiver *receiver, struct ag_bytes changes)
{
    uint8_t message[sizeof(receiver->message)];
    const size_t size = receiver->enc_size + PART_SIZE;
    memcpy(message, receiver->message, sizeof(message));
    for (size_t i = 0; i + 3 <= changes.size; i += 3) {
        size_t at = ((size_t)changes.data[i] << 8 | changes.data[i + 1]) % size;
        message[at] ^= changes.data[i + 2];
    }
    bool is_same = memcmp(message, receiver->message, size) == 0;
    enum ag_err err = receive(receiver, ag_bytes_of(message, receiver->enc_size),
                              ag_bytes_of(message + receiver->enc_size, PART_SIZE));
    AG_ASSERT(err == (is_same ? AG_OK : AG_ERR_OPEN));
}

static void send_to(const struct receiver *receiver, struct ag_bytes public_key)
{
    struct ag_hpke hpke = {.kem = receiver->kem};
    uint8_t enc[AG_KEM_ENC_SIZE_MAX];
    uint8_t randomness[80];
    memset(randomness, 0x11, sizeof(randomness));
    const size_t size = receiver->kem == AG_KEM_MLKEM1024 ? 32 : 80;
    enum ag_err err = ag_hpke_send(NULL, receiver->kem, public_key, &receiver->info,
                                   ag_bytes_of(randomness, size), false,
                                   (struct ag_buf){enc, receiver->enc_size}, &hpke);
    AG_ASSERT(err == AG_OK || err == AG_ERR_KEY);
    ag_hpke_wipe(&hpke);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct receiver receivers[2];
    if (receivers[0].key == NULL) {
        AG_ASSERT(ag_crypto_start() == AG_OK);
        make_receiver(&receivers[0], AG_KEM_MLKEM1024);
        make_receiver(&receivers[1], AG_KEM_MLKEM1024_P384);
    }
    if (size == 0 || size > 65536) {
        return 0;
    }
    const struct receiver *receiver = &receivers[data[0] & 1];
    const struct ag_bytes rest = ag_bytes_of(data + 1, size - 1);
    switch ((data[0] >> 1) % 3) {
    case 0:
        receive_raw(receiver, rest);
        break;
    case 1:
        receive_changed(receiver, rest);
        break;
    default:
        send_to(receiver, rest);
        break;
    }
    return 0;
}
