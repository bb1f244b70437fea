/* SPDX-License-Identifier: Apache-2.0 */
/* Does the core of rpc keep its contract, without sockets? The server is in test_rpc_server.c. */
#include "test_rpc_text.h"

/* ---- the core ---- */

struct core_fixture {
    struct fake fake;
    struct rpc_core core;
    struct rpc_caller caller;
    unsigned status;
    unsigned answer_count;
    char type[64];
    struct ag_vec body; /* with a NUL behind it */
};

static void on_drain(void *context)
{
    (*(unsigned *)context)++;
}

static unsigned drain_count;

static void core_open(struct core_fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    fake_open(&fixture->fake);
    struct ag_rpc_config config = {.host = ag_host_system(),
                                   .version = "0.1.0",
                                   .drain = on_drain,
                                   .drain_context = &drain_count};
    CHECK_OK(ag_rpc_core_init(&fixture->core, &fake_ops, &fixture->fake, &config));
    /* Room for answers beforehand, so that no allocation of the test itself is made to fail. */
    uint8_t *room = NULL;
    ag_vec_init(&fixture->body, 256u << 20);
    CHECK_OK(ag_vec_extend(&fixture->body, 1u << 20, &room));
    fixture->body.size = 0;
}

static void core_close(struct core_fixture *fixture)
{
    ag_rpc_core_close(&fixture->core);
    ag_vec_close(&fixture->body);
    fake_close(&fixture->fake);
}

static void on_done(void *context, unsigned status, const char *content_type, struct ag_vec *body)
{
    struct core_fixture *fixture = context;
    fixture->status = status;
    fixture->answer_count++;
    (void)snprintf(fixture->type, sizeof(fixture->type), "%s", content_type);
    fixture->body.size = 0;
    if (ag_vec_append(&fixture->body, ag_vec_view(body)) != AG_OK ||
        ag_vec_append(&fixture->body, ag_bytes_of("", 1)) != AG_OK) {
        abort();
    }
}

static const char *run_form(struct core_fixture *fixture, enum rpc_form form, struct ag_bytes body)
{
    fixture->answer_count = 0;
    fixture->body.size = 0;
    ag_rpc_exchange_run(&fixture->core, form, &fixture->caller, body, on_done, fixture);
    fake_pump(&fixture->fake, &fixture->core);
    return fixture->body.size == 0 ? "(no answer)" : (const char *)fixture->body.data;
}

static const char *run_text(struct core_fixture *fixture, const char *text)
{
    return run_form(fixture, RPC_FORM_CALLS, ag_bytes_of(text, strlen(text)));
}

#define ERROR_REPLY(id, code, message, rest)                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" message       \
    "\",\"data\":{" rest "}}}"
#define NOT_A_REQUEST(field)                                                                       \
    ERROR_REPLY(                                                                                   \
        "null", "-32600", "not a JSON-RPC 2.0 request",                                            \
        "\"error\":\"RPC_REQUEST\",\"code\":\"0x0b03\",\"class\":\"input\",\"field\":\"" field     \
        "\",\"retry\":false")
#define NO_METHOD(id)                                                                              \
    ERROR_REPLY(id, "-32601", "no such method",                                                    \
                "\"error\":\"RPC_METHOD\",\"code\":\"0x0b01\",\"class\":\"input\","                \
                "\"field\":\"method\",\"retry\":false")
#define NOT_JSON                                                                                   \
    ERROR_REPLY("null", "-32700", "not the JSON that was expected",                                \
                "\"error\":\"JSON\",\"code\":\"0x0007\",\"class\":\"input\",\"retry\":false")

/* The examples of the JSON-RPC 2.0 specification, section 7, with our methods, and what surrounds
 * them. An empty answer is none at all: status 204. */
static void test_protocol(void)
{
    static const struct {
        const char *name;
        const char *text;
        const char *answer;
    } cases[] = {
        {"positional", CALL(",\"params\":[],\"id\":1"), GOOD("1")},
        {"named", CALL(",\"params\":{},\"id\":\"x\\\"y\""), GOOD("\"x\\\"y\"")},
        {"no params", CALL(",\"id\":-3"), GOOD("-3")},
        {"null id is a call", CALL(",\"id\":null"), GOOD("null")},
        {"largest id", CALL(",\"id\":9223372036854775807"), GOOD("9223372036854775807")},
        {"notification", CALL(""), ""},
        {"notification of no method", "{\"jsonrpc\":\"2.0\",\"method\":\"foobar\"}", ""},
        {"no method", "{\"jsonrpc\":\"2.0\",\"method\":\"foobar\",\"id\":\"1\"}",
         NO_METHOD("\"1\"")},
        {"invalid JSON", "{\"jsonrpc\":\"2.0\",\"method\":\"foobar,\"params\":\"bar\",\"baz]",
         NOT_JSON},
        {"empty body", "", NOT_JSON},
        {"trailing bytes", CALL(",\"id\":1") "x", NOT_JSON},
        {"duplicate member", CALL(",\"id\":1,\"id\":2"), NOT_JSON},
        {"real number", CALL(",\"id\":1.5"), NOT_JSON},
        {"id over 64 bits", CALL(",\"id\":18446744073709551617"), NOT_JSON},
        {"invalid request", "{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}",
         NOT_A_REQUEST("method")},
        {"params no list", CALL(",\"params\":\"bar\""), NOT_A_REQUEST("params")},
        {"params null", CALL(",\"params\":null"), NOT_A_REQUEST("params")},
        {"old version", "{\"jsonrpc\":\"1.0\",\"method\":\"eth_chainId\"}",
         NOT_A_REQUEST("jsonrpc")},
        {"no version", "{\"method\":\"eth_chainId\"}", NOT_A_REQUEST("jsonrpc")},
        {"id a list", CALL(",\"id\":[]"), NOT_A_REQUEST("id")},
        {"id a truth", CALL(",\"id\":true"), NOT_A_REQUEST("id")},
        {"a number", "1", NOT_A_REQUEST("request")},
        {"a text", "\"eth_chainId\"", NOT_A_REQUEST("request")},
        {"null", "null", NOT_A_REQUEST("request")},
        {"batch, invalid JSON", "[{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\"},{\"jsonrpc\"]",
         NOT_JSON},
        {"empty batch", "[]",
         ERROR_REPLY("null", "-32600", "not a JSON-RPC 2.0 request",
                     "\"error\":\"RPC_REQUEST\",\"code\":\"0x0b03\",\"class\":\"input\","
                     "\"field\":\"calls\",\"limit\":256,\"got\":0,\"retry\":false")},
        {"batch of one wrong", "[1]", "[" NOT_A_REQUEST("request") "]"},
        {"batch of three wrong", "[1,2,3]",
         "[" NOT_A_REQUEST("request") "," NOT_A_REQUEST("request") "," NOT_A_REQUEST(
             "request") "]"},
        {"batch in a batch", "[[]]", "[" NOT_A_REQUEST("request") "]"},
        {"batch",
         "[" CALL(",\"id\":1") "," CALL("") "," CALL(
             ",\"id\":\"2\"") ",{\"foo\":\"boo\"},"
                              "{\"jsonrpc\":\"2.0\",\"method\":\"foo.get\",\"id\":\"5\"}]",
         "[" GOOD("1") "," GOOD("\"2\"") "," NOT_A_REQUEST("jsonrpc") "," NO_METHOD("\"5\"") "]"},
        {"batch of one", "[" CALL(",\"id\":1") "]", "[" GOOD("1") "]"},
        {"batch of notifications", "[" CALL("") "," CALL("") "]", ""},
    };
    struct core_fixture fixture;
    core_open(&fixture);
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        const char *answer = run_text(&fixture, cases[i].text);
        if (strcmp(answer, cases[i].answer) != 0) {
            ag_test_note("case: %s\n  got    %s\n  wanted %s", cases[i].name, answer,
                         cases[i].answer);
        }
        CHECK(strcmp(answer, cases[i].answer) == 0);
        CHECK_U64(fixture.status, cases[i].answer[0] == '\0' ? 204 : 200);
        CHECK_U64(fixture.answer_count, 1);
    }
    core_close(&fixture);
}

static void test_bounds(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
    struct ag_vec text;
    ag_vec_init(&text, 8u << 20);
    /* One call more than a batch may hold. */
    CHECK_OK(ag_vec_printf(&text, "[1"));
    for (unsigned i = 0; i < AG_LIMIT_RPC_BATCH; i++) {
        CHECK_OK(ag_vec_printf(&text, ",1"));
    }
    CHECK_OK(ag_vec_append(&text, ag_bytes_of("]", 2)));
    CHECK(contains(run_text(&fixture, (char *)text.data), "\"limit\":256,\"got\":257"));

    /* An id longer than is echoed. */
    text.size = 0;
    CHECK_OK(ag_vec_printf(
        &text, "{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\",\"id\":\"%0200d\"}", 1));
    CHECK_OK(ag_vec_append(&text, ag_bytes_of("", 1)));
    CHECK(contains(run_text(&fixture, (char *)text.data), "\"id\":null"));
    CHECK(contains(run_text(&fixture, (char *)text.data), "\"field\":\"id\""));

    /* Depth is the parser's. */
    text.size = 0;
    for (unsigned i = 0; i < 40; i++) {
        CHECK_OK(ag_vec_append(&text, AG_LITERAL("[")));
    }
    CHECK(contains(run_form(&fixture, RPC_FORM_CALLS, ag_vec_view(&text)), "\"code\":-32700"));
    ag_vec_close(&text);
    core_close(&fixture);
}

#define ID_OF(first) first "00000000000000000000000000000000000000000000000000000000000000"

/* Each method once well, and every way to call it wrongly. */
static const struct {
    const char *method;
    const char *params;
    const char *part; /* of the answer */
} method_cases[] = {
    {"aegis_getBundle", "[]", "\"result\":{\"bundle\":\"0x62756e646c65\"}"},
    {"aegis_getBundle", "[1]", "\"code\":-32602"},
    {"aegis_getBundle", "{\"x\":1}", "\"code\":-32602"},
    {"aegis_getEvidence", "[]", "\"evidence\":\"0x71756f7465\""},
    {"aegis_getEvidence", "[null]", "\"evidence\":\"0x71756f7465\""},
    {"aegis_getEvidence", "[\"0x" ID_OF("ab") "\"]", "\"evidence\":\"0x71756f7465ab00"},
    {"aegis_getEvidence", "{\"nonce\":\"" ID_OF("ab") "\"}", "\"evidence\":\"0x71756f7465ab00"},
    {"aegis_getEvidence", "[\"0xab\"]", "\"field\":\"nonce\""},
    {"aegis_getEvidence", "[12]", "\"field\":\"nonce\""},
    {"aegis_getStatus", "[]", "\"field\":\"envelopeId\""},
    {"aegis_getStatus", "[\"0x" ID_OF("00") "\"]", "\"state\":\"unknown\"}"},
    {"aegis_getStatus", "[\"0x" ID_OF("01") "\"]", "\"state\":\"admitted\",\"admission\":7}"},
    {"aegis_getStatus", "[\"0x" ID_OF("02") "\"]", "\"state\":\"planned\",\"admission\":7}"},
    {"aegis_getStatus", "[\"0x" ID_OF("03") "\"]",
     "\"state\":\"committed\",\"admission\":7,\"batch\":3,\"outcome\":{\"admission\":7,"},
    {"aegis_getStatus", "[\"0x" ID_OF("03") "\"]", "\"status\":\"included\",\"txIndex\":0,"},
    {"aegis_getStatus", "[\"0x" ID_OF("45") "\"]",
     "\"status\":\"excluded\",\"reason\":\"ENVELOPE_EXPIRED\",\"reasonCode\":\"0x0706\""},
    {"aegis_getStatus", "[\"0x" ID_OF("ff") "\"]", "\"code\":-32014"},
    {"aegis_getStatus", "[\"0x" ID_OF("0") "\"]", "\"code\":-32602"},
    {"aegis_getAdmissionReceipt", "[\"0x" ID_OF("01") "\"]", "\"receipt\":\"0x72656365697074\""},
    {"aegis_getAdmissionReceipt", "[\"0x" ID_OF("00") "\"]",
     "\"code\":-32010,\"message\":\"nothing is stored under this name\""},
    {"aegis_getOutcomeReceipt", "{\"envelopeId\":\"0x" ID_OF("01") "\"}", "0x72656365697074"},
    {"aegis_getOutcomeReceipt", "{\"id\":\"0x" ID_OF("01") "\"}", "\"code\":-32602"},
    {"aegis_getBatch", "[\"latest\"]", "\"result\":{\"number\":3,\"digest\":\"0x030303"},
    {"aegis_getBatch", "[1]", "\"number\":1,"},
    {"aegis_getBatch", "[\"2\"]", "\"number\":2,"},
    {"aegis_getBatch", "[\"0x2\"]", "\"number\":2,"},
    {"aegis_getBatch", "[0]", "\"error\":\"BATCH_NUMBER\""},
    {"aegis_getBatch", "[4]", "\"error\":\"BATCH_NUMBER\""},
    {"aegis_getBatch", "[-1]", "\"code\":-32602"},
    {"aegis_getBatch", "[\"newest\"]", "\"code\":-32602"},
    {"aegis_getBatch", "[true]", "\"code\":-32602"},
    {"aegis_getBatch", "[]", "\"code\":-32602"},
    {"aegis_listBatches", "[]", "[{\"number\":1,"},
    {"aegis_listBatches", "[2,1]", "\"result\":[{\"number\":2,"},
    {"aegis_listBatches", "[9]", "\"result\":[]"},
    {"aegis_listBatches", "[1,0]", "\"result\":[]"},
    {"aegis_listBatches", "{\"count\":257}", "\"limit\":256,\"got\":257"},
    {"aegis_listBatches", "[\"18446744073709551615\"]", "\"result\":[]"},
    {"aegis_getBatchOutcomes", "[\"latest\",1,1]", "\"result\":[{\"admission\":2,"},
    {"aegis_getBatchOutcomes", "[1]", "\"reason\":\"ENVELOPE_NONCE\""},
    {"aegis_getBatchOutcomes", "[9]", "\"error\":\"BATCH_NUMBER\""},
    {"aegis_exportBatch", "[1]", "\"file\":\"0x66666666666666666666\""},
    {"aegis_exportBatch", "[1,\"base64\"]", "\"file\":\"ZmZmZmZmZmZmZg==\""},
    {"aegis_exportBatch", "[1,\"base32\"]", "\"field\":\"encoding\""},
    {"aegis_exportBatch", "[1,2]", "\"field\":\"encoding\""},
    {"aegis_nodeStatus", "[]", "\"state\":\"running\",\"chainId\":\"0x2105\""},
    {"aegis_getOrderMode", "[]", "\"result\":{\"mode\":\"hybrid\"}"},
    {"aegis_setOrderMode", "[\"risk-aware\"]", "\"code\":-32011"},
    {"aegis_rotateKeys", "[]", "\"error\":\"RPC_AUTH\""},
    {"aegis_drain", "[]", "\"error\":\"RPC_AUTH\""},
    {"aegis_version", "[]", "\"version\":\"0.1.0\""},
    {"aegis_methods", "[]", "{\"name\":\"aegis_getBundle\",\"help\":"},
    {"eth_chainId", "[]", "\"result\":\"0x2105\""},
    {"net_version", "[]", "\"result\":\"8453\""},
    {"web3_clientVersion", "[]", "\"result\":\"aegis/v0.1.0\""},
    {"eth_sendRawTransaction", "[\"0x02\"]",
     "\"code\":-32015,\"message\":\"transactions must be sealed: use aegis tx send\""},
    {"eth_sendTransaction", "[]", "\"code\":-32601"},
};

static void test_methods(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
    for (size_t i = 0; i < AG_COUNT(method_cases); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
                       method_cases[i].method, method_cases[i].params);
        bool is_right = contains(run_text(&fixture, text), method_cases[i].part);
        if (!is_right) {
            ag_test_note("case: %s%s", method_cases[i].method, method_cases[i].params);
        }
        CHECK(is_right);
    }
    fixture.fake.is_identity_broken = true;
    CHECK(contains(
        run_text(&fixture, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_getBundle\"}"),
        "\"code\":-32013"));
    core_close(&fixture);
}

static void test_operator(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
    fixture.caller.is_operator = true;
#define SET(mode)                                                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_setOrderMode\",\"params\":[" mode "]}"
    CHECK(contains(run_text(&fixture, SET("\"risk-aware\"")), "\"mode\":\"risk-aware\""));
    CHECK_U64(fixture.fake.status.order_mode, AG_ORDER_RISK_AWARE);
    CHECK(contains(run_text(&fixture, SET("\"fastest\"")), "\"error\":\"ORDER_MODE\""));
    CHECK(contains(run_text(&fixture, SET("4")), "\"code\":-32602"));
    CHECK_U64(fixture.fake.status.order_mode, AG_ORDER_RISK_AWARE);
    uint64_t epoch = fixture.fake.status.key_epoch;
    const char *rotate = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_rotateKeys\"}";
    CHECK(contains(run_text(&fixture, rotate), "\"rotating\":true"));
    CHECK_U64(fixture.fake.status.key_epoch, epoch + 1);
    drain_count = 0;
    const char *drain = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_drain\"}";
    CHECK(contains(run_text(&fixture, drain), "\"result\":true"));
    CHECK_U64(drain_count, 1);
    fixture.core.drain = NULL;
    CHECK(contains(run_text(&fixture, drain), "\"error\":\"RPC_DISABLED\""));
    core_close(&fixture);
}

static void test_evidence_rate(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
    struct ag_host_test host;
    ag_host_test_init(&host, 1, 5000);
    fixture.core.host = &host.host;
    const char *fresh =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_getEvidence\",\"params\":[\"" ID_OF(
            "0x11") "\"]}";
    for (unsigned i = 0; i < AG_LIMIT_RPC_EVIDENCE_RATE; i++) {
        CHECK(contains(run_text(&fixture, fresh), "\"result\""));
    }
    const char *refused = run_text(&fixture, fresh);
    CHECK(contains(refused, "\"code\":-32012") && contains(refused, "\"retry\":true"));
    /* What needs no new quote is always to be had. */
    CHECK(contains(
        run_text(&fixture, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_getEvidence\"}"),
        "\"result\""));
    core_close(&fixture);
}

/* ---- envelopes ---- */

/* `fate` and zeros, as hex. */
static void put_envelope(struct ag_vec *text, char fate, size_t size)
{
    CHECK_OK(ag_vec_printf(text, "\"0x%02x", (unsigned)fate));
    for (size_t i = 1; i < size; i++) {
        CHECK_OK(ag_vec_append(text, AG_LITERAL("00")));
    }
    CHECK_OK(ag_vec_append(text, AG_LITERAL("\"")));
}

static const char *send_one(struct core_fixture *fixture, char fate, size_t size)
{
    struct ag_vec text;
    ag_vec_init(&text, 4u << 20);
    CHECK_OK(ag_vec_printf(
        &text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_sendEnvelope\",\"params\":["));
    put_envelope(&text, fate, size);
    CHECK_OK(ag_vec_append(&text, AG_LITERAL("]}")));
    const char *answer = run_form(fixture, RPC_FORM_CALLS, ag_vec_view(&text));
    ag_vec_close(&text);
    return answer;
}

static void test_envelopes(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
    static const size_t sizes[] = {1, 254, 255, 256, 2300, AG_LIMIT_ENVELOPE_BYTES};
    for (size_t i = 0; i < AG_COUNT(sizes); i++) {
        const char *answer = send_one(&fixture, 'A', sizes[i]);
        CHECK(contains(answer, "\"result\":{\"envelopeId\":\"0x414141"));
        CHECK(contains(answer,
                       sizes[i] == 1 ? "\"receipt\":\"0x41\"" : "\"receipt\":\"0x41000000\""));
        CHECK(contains(answer, "\"deadlineMs\":1000,"));
    }
    CHECK(contains(send_one(&fixture, 'A', AG_LIMIT_ENVELOPE_BYTES + 1u),
                   "\"error\":\"WIRE_LIMIT\",\"code\":\"0x0103\",\"class\":\"input\","
                   "\"field\":\"envelope\",\"limit\":"));
    CHECK(contains(send_one(&fixture, 'R', 300), "\"error\":\"MEMPOOL_RATE\""));
    CHECK(contains(send_one(&fixture, 'R', 300), "\"retry\":true"));
    CHECK(contains(send_one(&fixture, 'S', 300), "\"stampBits\":12,"));
    CHECK(contains(send_one(&fixture, 'B', 300), "\"error\":\"BUSY\""));
    CHECK(contains(send_one(&fixture, 'X', 300), "\"field\":\"magic\""));

    CHECK(contains(run_text(&fixture, SEND("[\"0x4\"]")), "\"code\":-32602"));
    CHECK(contains(run_text(&fixture, SEND("[\"zz\"]")), "\"code\":-32602"));
    CHECK(contains(run_text(&fixture, SEND("[7]")), "\"code\":-32602"));
    CHECK(contains(run_text(&fixture, SEND("[]")), "\"code\":-32602"));
    CHECK(contains(run_text(&fixture, SEND("[\"0x41\",\"0x41\"]")), "\"code\":-32602"));
    CHECK(contains(run_text(&fixture, SEND("{\"envelope\":\"0x41\"}")), "\"admission\":"));
    /* A notification is acted on, without an answer. */
    CHECK(strcmp(run_text(&fixture, "{\"jsonrpc\":\"2.0\",\"method\":\"aegis_sendEnvelope\","
                                    "\"params\":[\"0x41\"]}"),
                 "") == 0);
    CHECK_U64(fixture.status, 204);
    core_close(&fixture);
}

static void test_envelope_lists(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
#define SEND_LIST(params)                                                                          \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_sendEnvelopes\",\"params\":" params "}"
    const char *answer = run_text(&fixture, SEND_LIST("[[\"0x41\",\"0x52\",\"0x41\"]]"));
    CHECK(contains(answer, "\"result\":[{\"envelopeId\":\"0x4141"));
    CHECK(contains(answer, "},{\"error\":{\"code\":-32012,"));
    CHECK(contains(answer, "\"admission\":2,"));
    CHECK(contains(run_text(&fixture, SEND_LIST("[[]]")), "\"code\":-32602"));
    CHECK(contains(run_text(&fixture, SEND_LIST("[\"0x41\"]")), "\"code\":-32602"));
    /* One text that is no hex refuses the call as a whole: nothing was admitted. */
    CHECK(contains(run_text(&fixture, SEND_LIST("[[\"0x41\",\"0xzz\"]]")), "\"code\":-32602"));
    CHECK_U64(fixture.fake.next_admission, 3);
    /* The queue takes all or none: both calls of this batch are told. */
    answer = run_text(&fixture, "[" SEND("[\"0x41\"]") "," SEND("[\"0x42\"]") "]");
    CHECK(strstr(answer, "BUSY") != strstr(answer, "BUSY\",\"code\":\"0x0006\"") ||
          strstr(strstr(answer, "BUSY") + 1, "BUSY") != NULL);
    CHECK_U64(fixture.fake.next_admission, 3);

    /* More than one group holds. */
    struct ag_vec text;
    ag_vec_init(&text, 4u << 20);
    CHECK_OK(ag_vec_printf(&text, "[\"0x41\""));
    for (unsigned i = 0; i < AG_LIMIT_GROUP_COUNT; i++) {
        CHECK_OK(ag_vec_printf(&text, ",\"0x41\""));
    }
    CHECK_OK(ag_vec_append(&text, ag_bytes_of("]", 2)));
    struct ag_vec call;
    ag_vec_init(&call, 4u << 20);
    CHECK_OK(ag_vec_printf(&call,
                           "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_sendEnvelopes\","
                           "\"params\":[%s]}%c",
                           (char *)text.data, 0));
    CHECK(contains(run_text(&fixture, (char *)call.data), "\"limit\":1024,\"got\":1025"));
    ag_vec_close(&text);
    ag_vec_close(&call);
    core_close(&fixture);
}

/* A batch is answered when its last envelope is, whole and in order. */
static void test_late_envelopes(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
    run_text(&fixture, "[" CALL(",\"id\":1") "," SEND("[\"0x48\"]") "," SEND("[\"0x41\"]") "," CALL(
                           ",\"id\":4") "]");
    CHECK_U64(fixture.answer_count, 0);
    CHECK_U64(fixture.core.waiting_count, 1);
    fake_release(&fixture.fake);
    fake_pump(&fixture.fake, &fixture.core);
    CHECK_U64(fixture.answer_count, 1);
    CHECK_U64(fixture.core.waiting_count, 0);
    const char *answer = (const char *)fixture.body.data;
    const char *held = strstr(answer, "0x4848");
    const char *other = strstr(answer, "0x4141");
    CHECK(strncmp(answer, "[" GOOD("1") ",", strlen("[" GOOD("1") ",")) == 0);
    CHECK(held != NULL && other != NULL && held < other);
    CHECK(contains(answer, "," GOOD("4") "]"));

    /* Closing with some of them out is safe; their submissions stay the node's. */
    run_text(&fixture, SEND("[\"0x48\"]"));
    run_text(&fixture, SEND("[\"0x48\"]"));
    CHECK_U64(fixture.core.waiting_count, 2);
    core_close(&fixture);
}

/* ---- the binary route ---- */

static void test_binary(void)
{
    struct core_fixture fixture;
    core_open(&fixture);
    static const uint8_t two[] = {0, 0, 0, 5, 'A', 1, 2, 3, 4, 0, 0, 0, 1, 'R'};
    run_form(&fixture, RPC_FORM_BINARY, AG_ARRAY_VIEW(two));
    CHECK_U64(fixture.status, 200);
    CHECK(strcmp(fixture.type, "application/octet-stream") == 0);
    static const uint8_t first[] = {0, 0, 0, 0, 4, 'A', 1, 2, 3, 1, 0, 0, 0};
    CHECK_BYTES(ag_bytes_of(fixture.body.data, sizeof(first)), AG_ARRAY_VIEW(first));
    CHECK_U64(fixture.body.data[sizeof(first)], fixture.body.size - 1u - sizeof(first) - 1u);
    CHECK(strncmp((char *)fixture.body.data + sizeof(first) + 1, "{\"code\":-32012,", 15) == 0);

    run_form(&fixture, RPC_FORM_LIST, AG_ARRAY_VIEW(two));
    CHECK_U64(fixture.status, 200);
    CHECK(strncmp((char *)fixture.body.data, "{\"results\":[{\"envelopeId\":", 26) == 0);

    static const struct {
        const char *name;
        uint8_t bytes[8];
        size_t size;
    } bad[] = {
        {"cut size", {0, 0, 0}, 3},
        {"cut envelope", {0, 0, 0, 2, 'A'}, 5},
        {"huge size", {0xff, 0xff, 0xff, 0xff, 'A'}, 5},
        {"good, then cut", {0, 0, 0, 1, 'A', 0}, 6},
    };
    uint64_t before = fixture.fake.next_admission;
    for (size_t i = 0; i < AG_COUNT(bad); i++) {
        const char *answer =
            run_form(&fixture, RPC_FORM_BINARY, ag_bytes_of(bad[i].bytes, bad[i].size));
        CHECK_U64(fixture.status, 400);
        CHECK(contains(answer, "\"error\":\"WIRE_SHORT\""));
    }
    CHECK_U64(fixture.fake.next_admission, before); /* a bad frame admits nothing */

    static uint8_t many[5 * (AG_LIMIT_GROUP_COUNT + 1)];
    for (size_t i = 0; i < AG_LIMIT_GROUP_COUNT + 1u; i++) {
        many[5 * i + 3] = 1;
        many[5 * i + 4] = 'A';
    }
    run_form(&fixture, RPC_FORM_BINARY, AG_ARRAY_VIEW(many));
    CHECK_U64(fixture.status, 400);
    run_form(&fixture, RPC_FORM_BINARY, ag_bytes_of(many, sizeof(many) - 5));
    CHECK_U64(fixture.status, 200);
    run_form(&fixture, RPC_FORM_BINARY, ag_bytes_of(many, 0));
    CHECK_U64(fixture.status, 204);
    core_close(&fixture);
}

/* ---- values ---- */

static void test_numbers(void)
{
    static const struct {
        uint64_t value;
        const char *number;
        const char *quantity;
    } cases[] = {
        {0, "0", "\"0x0\""},
        {9007199254740991u, "9007199254740991", "\"0x1fffffffffffff\""},
        {9007199254740992u, "\"9007199254740992\"", "\"0x20000000000000\""},
        {UINT64_MAX, "\"18446744073709551615\"", "\"0xffffffffffffffff\""},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_vec text;
        struct ag_json_out out;
        char wanted[96];
        ag_vec_init(&text, 1000);
        ag_json_begin(&out, &text, false);
        ag_json_array(&out, NULL);
        ag_rpc_put_number(&out, NULL, cases[i].value);
        ag_rpc_put_quantity(&out, NULL, cases[i].value);
        ag_json_end(&out);
        CHECK_OK(ag_json_finish(&out));
        (void)snprintf(wanted, sizeof(wanted), "[%s,%s]", cases[i].number, cases[i].quantity);
        CHECK_BYTES(ag_vec_view(&text), ag_bytes_of(wanted, strlen(wanted)));
        ag_vec_close(&text);
    }
    static const char *const plain[] = {"", "f", "fo", "foo", "foob"};
    static const char *const coded[] = {"\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"", "\"Zm9vYg==\""};
    for (size_t i = 0; i < AG_COUNT(plain); i++) { /* [RFC4648 10] */
        struct ag_vec text;
        struct ag_json_out out;
        ag_vec_init(&text, 1000);
        ag_json_begin(&out, &text, false);
        ag_rpc_put_base64(&out, NULL, ag_bytes_of(plain[i], strlen(plain[i])));
        CHECK_OK(ag_json_finish(&out));
        CHECK_BYTES(ag_vec_view(&text), ag_bytes_of(coded[i], strlen(coded[i])));
        ag_vec_close(&text);
    }
    static const struct {
        enum ag_err err;
        int code;
        bool is_retry;
    } codes[] = {
        {AG_ERR_JSON, -32700, false},         {AG_ERR_RPC_REQUEST, -32600, false},
        {AG_ERR_RPC_METHOD, -32601, false},   {AG_ERR_RPC_PARAMS, -32602, false},
        {AG_ERR_WIRE_SHORT, -32010, false},   {AG_ERR_EVIDENCE_DENIED, -32011, false},
        {AG_ERR_MEMPOOL_FULL, -32012, true},  {AG_ERR_NET_LIMIT, -32012, false},
        {AG_ERR_STORE, -32013, false},        {AG_ERR_STORE_CORRUPT, -32014, false},
        {AG_ERR_WIRE_VERSION, -32015, false}, {AG_OK, -32603, false},
    };
    for (size_t i = 0; i < AG_COUNT(codes); i++) {
        CHECK(ag_rpc_error_code(codes[i].err) == codes[i].code);
        CHECK(ag_rpc_error_is_retry(codes[i].err) == codes[i].is_retry);
    }
}

static void test_health(void)
{
    static const struct {
        const char *name;
        enum ag_node_state state;
        uint64_t now_ms;
        uint64_t next_admission;
        uint64_t pool_count;
        uint64_t expires_ms;
        enum rpc_health health;
        const char *part;
    } cases[] = {
        {"good", AG_NODE_RUNNING, 2000, 1, 0, 0, RPC_HEALTH_GOOD, "\"reasons\":[]"},
        {"waiting, not long", AG_NODE_RUNNING, 60000, 2, 0, 0, RPC_HEALTH_GOOD, "\"good\""},
        {"waiting long", AG_NODE_RUNNING, 61001, 2, 0, 0, RPC_HEALTH_DEGRADED, "wait for a batch"},
        {"nothing waits", AG_NODE_RUNNING, 61001, 1, 0, 0, RPC_HEALTH_GOOD, "\"good\""},
        {"full", AG_NODE_RUNNING, 2000, 1, 18000, 0, RPC_HEALTH_DEGRADED, "nine tenths"},
        {"stale", AG_NODE_RUNNING, 2000, 1, 0, 2000, RPC_HEALTH_DEGRADED, "collateral"},
        {"starting", AG_NODE_STARTING, 2000, 1, 0, 0, RPC_HEALTH_BAD, "not running"},
        {"draining", AG_NODE_DRAINING, 2000, 1, 0, 0, RPC_HEALTH_BAD, "\"draining\""},
        {"refusing", AG_NODE_REFUSING, 2000, 1, 0, 0, RPC_HEALTH_BAD, "older than the freshness"},
    };
    struct core_fixture fixture;
    core_open(&fixture);
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_seq_status *status = &fixture.fake.status;
        status->state = cases[i].state;
        status->now_ms = cases[i].now_ms;
        status->next_admission = cases[i].next_admission;
        status->pool_count = cases[i].pool_count;
        status->collateral_expires_ms = cases[i].expires_ms;
        status->refusal = AG_ERR_SEAL_ROLLBACK;
        struct ag_vec text;
        enum rpc_health health = RPC_HEALTH_BAD;
        ag_vec_init(&text, 4096);
        CHECK_OK(ag_rpc_health_write(&fixture.core, &text, &health));
        CHECK_OK(ag_vec_append(&text, ag_bytes_of("", 1)));
        if (health != cases[i].health) {
            ag_test_note("case: %s", cases[i].name);
        }
        CHECK(health == cases[i].health && contains((char *)text.data, cases[i].part));
        ag_vec_close(&text);
    }
    core_close(&fixture);
}

/* Each allocation fails once: always one answer, never a crash, nothing left behind. */
static void test_memory_failures(void)
{
    struct ag_vec text;
    ag_vec_init(&text, 1u << 20);
    CHECK_OK(ag_vec_printf(&text, "[" CALL(",\"id\":1") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":"
                                                        "\"aegis_sendEnvelopes\",\"params\":[["));
    put_envelope(&text, 'A', 2000);
    CHECK_OK(ag_vec_printf(&text, ",\"0x52\"]]},{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":"
                                  "\"aegis_nodeStatus\"}]"));
    unsigned failures = 0;
    bool is_whole = false;
    for (uint64_t nth = 1; nth < 400 && !is_whole; nth++) {
        struct core_fixture fixture;
        core_open(&fixture);
        uint64_t before = ag_alloc_count();
        ag_alloc_fail_nth(nth);
        fixture.answer_count = 0;
        ag_rpc_exchange_run(&fixture.core, RPC_FORM_CALLS, &fixture.caller, ag_vec_view(&text),
                            on_done, &fixture);
        bool is_used = ag_alloc_count() - before >= nth;
        ag_alloc_fail_nth(0);
        fake_pump(&fixture.fake, &fixture.core);
        CHECK_U64(fixture.answer_count, 1);
        is_whole = !is_used;
        failures += is_used ? 1 : 0;
        core_close(&fixture);
    }
    CHECK(is_whole && failures >= 15);
    ag_test_note("%u allocations failed", failures);
    ag_vec_close(&text);
}

/* ---- the page ---- */

static void test_docs(void)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s", __FILE__);
    char *end = strstr(path, "tests/unit/");
    CHECK(end != NULL);
    if (end == NULL) {
        return;
    }
    (void)snprintf(end, sizeof(path) - (size_t)(end - path), "docs/spec/rpc.md");
    struct ag_vec page;
    ag_vec_init(&page, 1000000);
    CHECK_OK(ag_file_read(path, 1000000, &page));
    CHECK_OK(ag_vec_append(&page, ag_bytes_of("", 1)));
    for (size_t i = 0; i < ag_rpc_method_count; i++) {
        char row[512];
        char params[128] = "";
        for (size_t p = 0; p < RPC_PARAMS_MAX && ag_rpc_methods[i].params[p].name != NULL; p++) {
            const struct rpc_param *param = &ag_rpc_methods[i].params[p];
            size_t used = strlen(params);
            (void)snprintf(params + used, sizeof(params) - used, "%s%s%s", p == 0 ? "" : ", ",
                           param->name, param->is_required ? "" : "?");
        }
        (void)snprintf(row, sizeof(row), "| `%s(%s)` | %s%s |", ag_rpc_methods[i].name, params,
                       ag_rpc_methods[i].help, ag_rpc_methods[i].is_operator ? " *Operator.*" : "");
        CHECK(contains((char *)page.data, row));
    }
    ag_vec_close(&page);
}

static const struct ag_test_case cases[] = {
    {"protocol", test_protocol},
    {"bounds", test_bounds},
    {"methods", test_methods},
    {"operator", test_operator},
    {"evidence rate", test_evidence_rate},
    {"envelopes", test_envelopes},
    {"lists of envelopes", test_envelope_lists},
    {"late envelopes", test_late_envelopes},
    {"binary", test_binary},
    {"numbers", test_numbers},
    {"health", test_health},
    {"memory failures", test_memory_failures},
    {"docs", test_docs},
};
TEST_MAIN(cases)
