/* SPDX-License-Identifier: Apache-2.0 */
/* Does any body crash the door, hang it, or get no answer or two?
 *
 * The first byte chooses the form and the caller; the rest is the body. Every answer of the JSON
 * forms must be JSON that our own reader takes, and every binary answer must be framed as
 * docs/spec/rpc.md says. */
#include "test_rpc_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer {
    unsigned count;
    enum rpc_form form;
};

static void check_frame(struct ag_bytes body)
{
    while (body.size != 0) {
        AG_ASSERT(body.size >= 5 && body.data[0] <= 1);
        size_t size = (size_t)body.data[1] << 24 | (size_t)body.data[2] << 16 |
                      (size_t)body.data[3] << 8 | body.data[4];
        AG_ASSERT(size <= body.size - 5u);
        body = ag_bytes_tail(body, 5u + size);
    }
}

static void on_done(void *context, unsigned status, const char *content_type, struct ag_vec *body)
{
    struct answer *answer = context;
    answer->count++;
    AG_ASSERT(status == 200 || status == 204 || status == 400);
    AG_ASSERT((status == 204) == (body->size == 0));
    if (status == 204) {
        return;
    }
    if (strcmp(content_type, "application/json") != 0) {
        AG_ASSERT(answer->form == RPC_FORM_BINARY && status == 200);
        check_frame(ag_vec_view(body));
        return;
    }
    struct ag_json *json = NULL;
    AG_ASSERT(ag_json_parse(ag_vec_view(body), &json) == AG_OK);
    ag_json_close(json);
}

static void on_drain(void *context)
{
    (void)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake fake;
    static struct rpc_core core;
    static struct ag_host_test host;
    static bool is_open;
    if (!is_open) {
        is_open = true;
        ag_log_configure(AG_LOG_ERROR, false);
        ag_host_test_init(&host, 1, 1000);
        struct ag_rpc_config config = {.host = &host.host, .version = "0.1.0", .drain = on_drain};
        fake_open(&fake);
        AG_ASSERT(ag_rpc_core_init(&core, &fake_ops, &fake, &config) == AG_OK);
    }
    if (size == 0) {
        return 0;
    }
    struct rpc_caller caller = {.is_operator = (data[0] & 4u) != 0};
    struct answer answer = {.form = (enum rpc_form)(data[0] % 3u)};
    ag_rpc_exchange_run(&core, answer.form, &caller, ag_bytes_of(data + 1, size - 1u), on_done,
                        &answer);
    AG_ASSERT(answer.count <= 1);
    fake_release(&fake);
    fake_pump(&fake, &core);
    AG_ASSERT(answer.count == 1 && core.waiting_count == 0);
    return 0;
}
