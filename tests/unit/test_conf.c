/* SPDX-License-Identifier: Apache-2.0 */
/* Does conf keep its contract? `test_conf --print-docs` prints docs/spec/configuration.md. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/conf_i.h"

#define ARGS_MAX 4u

static enum ag_err parse(const char *text, char *const *args, struct ag_conf *conf,
                         struct ag_conf_fault *fault)
{
    size_t count = 0;
    while (args != NULL && count < ARGS_MAX && args[count] != NULL) {
        count++;
    }
    return ag_conf_parse(ag_bytes_of(text, strlen(text)), "aegis.conf", count, args, conf, fault);
}

static void test_defaults(void)
{
    struct ag_conf conf;
    struct ag_conf_fault fault;
    CHECK_OK(parse("", NULL, &conf, &fault));
    CHECK(fault.text[0] == '\0' && fault.fault.field == NULL);
    CHECK(strcmp(conf.data_dir, "/var/lib/aegis") == 0 && conf.sim_dir[0] == '\0');
    CHECK_U64(conf.provider, AG_TEE_TDX);
    CHECK(!conf.allow_insecure_sim);
    CHECK_U64(conf.chain_id, 16584);
    CHECK(strcmp(conf.listen, "127.0.0.1:7788") == 0);
    CHECK(conf.key_suites.count == 1 && conf.key_suites.kems[0] == 0x0051);
    CHECK_U64(conf.order_mode, AG_ORDER_HYBRID);
    CHECK_U64(conf.batch_interval_ms, 1000);
    CHECK_U64(conf.batch_tx_max, 1000);
    CHECK_U64(conf.batch_min_tx, 1);
    CHECK_U64(conf.pool_count, AG_LIMIT_POOL_COUNT);
    CHECK_U64(conf.pool_bytes, AG_LIMIT_POOL_BYTES);
    CHECK_U64(conf.pool_sender_count, AG_LIMIT_POOL_SENDER_COUNT);
    CHECK_U64(conf.group_linger_us, 1000);
    CHECK_U64(conf.envelope_ttl_ms_max, 600000);
    CHECK_U64(conf.clock_slack_ms, 5000);
    CHECK_U64(conf.source_rate, 2000);
    CHECK_U64(conf.source_burst, 4000);
    CHECK_U64(conf.stamp_bits_max, 24);
    CHECK_U64(conf.epoch_overlap_ms, 600000);
    CHECK_U64(conf.workers, 0);
    CHECK_U64(conf.signers, 2);
    CHECK_U64(conf.store_size_max, (uint64_t)64 << 30);
    CHECK_U64(conf.memory_max, 0);
    CHECK_U64(conf.log_level, AG_LOG_INFO);
    CHECK(!conf.log_json);
    CHECK_U64(conf.http_connections, AG_LIMIT_HTTP_CONNECTIONS);
    CHECK_U64(conf.http_body_bytes, AG_LIMIT_HTTP_BODY_BYTES);
    /* The document's seven. */
    CHECK_U64(conf.max_tee_environments, 100);
    CHECK_U64(conf.tee_environment_creation_timeout_ms, 120000);
    CHECK_U64(conf.confidential_contract_execution_timeout_ms, 300000);
    CHECK_U64(conf.attestation_verification_timeout_ms, 180000);
    CHECK_U64(conf.sealing_timeout_ms, 60000);
    CHECK(conf.enable_parallel_processing && conf.enable_tee_optimization);
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        CHECK(conf.origins[i] == AG_CONF_DEFAULT);
    }
}

static void test_sources(void)
{
    struct ag_conf conf;
    struct ag_conf_fault fault;
    char *args[] = {"--batch-tx-max=7", "--listen", "[::1]:1", NULL};
    CHECK_OK(parse("# a comment\nbatch_tx_max = 5\nbatch_interval_ms = 6\n"
                   "data_dir = \"/a b\"\nkey-suites = 0x0051, 0x0042\n",
                   args, &conf, &fault));
    CHECK_U64(conf.batch_tx_max, 7);
    CHECK_U64(conf.batch_interval_ms, 6);
    CHECK(strcmp(conf.listen, "[::1]:1") == 0 && strcmp(conf.data_dir, "/a b") == 0);
    /* Ascending, whatever the order in the file. */
    CHECK(conf.key_suites.count == 2 && conf.key_suites.kems[0] == 0x0042 &&
          conf.key_suites.kems[1] == 0x0051);
    CHECK(conf.origins[AG_CONF_KEY_batch_tx_max] == AG_CONF_FLAG);
    CHECK(conf.origins[AG_CONF_KEY_batch_interval_ms] == AG_CONF_FILE);
    CHECK(conf.origins[AG_CONF_KEY_chain_id] == AG_CONF_DEFAULT);
    CHECK(strcmp(ag_conf_origin_name(AG_CONF_DEFAULT), "default") == 0);
    CHECK(strcmp(ag_conf_origin_name(AG_CONF_FILE), "file") == 0);
    CHECK(strcmp(ag_conf_origin_name(AG_CONF_FLAG), "flag") == 0);
    CHECK(strcmp(ag_conf_origin_name((enum ag_conf_origin)9), "unknown") == 0);
}

static void test_flags(void)
{
    static const struct {
        const char *name;
        char *args[ARGS_MAX + 1];
        const char *field; /* NULL: accepted, and log_json is true */
    } cases[] = {
        {"alone", {"--log-json"}, NULL},
        {"alone before another", {"--log-json", "--workers=1"}, NULL},
        {"with a word", {"--log_json", "true"}, NULL},
        {"with equals", {"--log-json=true"}, NULL},
        {"underscores and dashes mixed", {"--log-json", "--batch_interval-ms", "5"}, NULL},
        {"a value that begins with dashes", {"--log-json", "--data-dir", "--x"}, NULL},
        {"an equals sign in the value", {"--log-json", "--data-dir=a=b"}, NULL},
        {"false and then missing", {"--log-json", "yes"}, "flag"},
        {"wrong word behind equals", {"--log-json=yes"}, "log_json"},
        {"empty value of a flag", {"--log-json="}, "log_json"},
        {"no value", {"--workers"}, "workers"},
        {"twice", {"--workers=1", "--workers=1"}, "workers"},
        {"twice in two spellings", {"--batch-tx-max=1", "--batch_tx_max=1"}, "batch_tx_max"},
        {"unknown", {"--wrokers=1"}, "unknown key"},
        {"longer than a key", {"--workers-x=1"}, "unknown key"},
        {"shorter than a key", {"--worker=1"}, "unknown key"},
        {"no name", {"--"}, "flag"},
        {"no name but a value", {"--=1"}, "flag"},
        {"one dash", {"-workers=1"}, "flag"},
        {"a word", {"start"}, "flag"},
        {"an empty word", {""}, "flag"},
        {"control character", {"--data-dir=a\nb"}, "data_dir"},
        {"config where a text is given", {"--config=x"}, "config"},
        {"config without a value", {"--config"}, "config"},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_conf conf;
        struct ag_conf_fault fault;
        enum ag_err err = parse("", cases[i].args, &conf, &fault);
        ag_test_check_err(err, cases[i].field == NULL ? AG_OK : AG_ERR_CONFIG, cases[i].name,
                          __FILE__, __LINE__);
        if (cases[i].field == NULL) {
            ag_test_check(err != AG_OK || conf.log_json, cases[i].name, __FILE__, __LINE__);
        } else {
            ag_test_check(fault.fault.field != NULL &&
                              strcmp(fault.fault.field, cases[i].field) == 0 && fault.line == 0 &&
                              fault.text[0] != '\0',
                          cases[i].name, __FILE__, __LINE__);
        }
    }
}

static void test_refused(void)
{
    static const struct {
        const char *text;
        const char *field;
        unsigned line;
        const char *message;
    } cases[] = {
        {"x = 1", "unknown key", 1, "aegis.conf:1: there is no setting x"},
        {"\n\nbatch_tx_max = 0", "batch_tx_max", 3,
         "aegis.conf:3: batch_tx_max is 0; it may be 1 to 10000 (transactions)"},
        {"batch_tx_max = 10001", "batch_tx_max", 1, NULL},
        {"batch_tx_max = -1", "batch_tx_max", 1, NULL},
        {"batch_tx_max = 1 # one", "batch_tx_max", 1, NULL},
        {"batch_tx_max = 99999999999999999999", "batch_tx_max", 1, NULL},
        {"batch_tx_max = 0x10", "batch_tx_max", 1, NULL},
        {"workers = 1\nworkers = 1", "workers", 2,
         "aegis.conf:2: workers was set in line 1 already"},
        {"batch-tx-max = 1\nbatch_tx_max = 1", "batch_tx_max", 2, NULL},
        {"log_json = yes", "log_json", 1, "aegis.conf:1: log_json is yes; it may be true or false"},
        {"log_json = True", "log_json", 1, NULL},
        {"log_level = trace", "log_level", 1,
         "aegis.conf:1: log_level is trace; it may be debug info warn error"},
        {"order_mode = fifo", "order_mode", 1, NULL},
        {"provider = sim", "provider", 1, NULL},
        {"provider = TDX", "provider", 1, NULL},
        {"key_suites = 0x0050", "key_suites", 1, NULL},
        {"key_suites = 0x0051,0x0051", "key_suites", 1, NULL},
        {"key_suites = 0x0051,", "key_suites", 1, NULL},
        {"key_suites = ,0x0051", "key_suites", 1, NULL},
        {"key_suites = 0x0051 0x0042", "key_suites", 1, NULL},
        {"key_suites = \"\"", "key_suites", 1, NULL},
        {"data_dir = \"\"", "data_dir", 1, NULL},
        {"chain_id = 0", "chain_id", 1, NULL},
        {"chain_id = 9223372036854775772", "chain_id", 1, NULL},
        {"provider = insecure-sim", "sim_dir", 1,
         "aegis.conf:1: provider insecure-sim needs sim_dir"},
        {"batch_tx_max = 5\nbatch_min_tx = 6", "batch_min_tx", 2, NULL},
        {"pool_count = 5\nbatch_min_tx = 6", "batch_min_tx", 2, NULL},
        {"memory_max = 268435456", "memory_max", 1, NULL},
        {"ok", "key", 1, "aegis.conf:1: not of the form key = value (key)"},
        {"workers =", "value", 1, NULL},
        {"workers = \x1b", "control character", 1, NULL},
    };
    for (size_t i = 0; i < AG_COUNT(cases); i++) {
        struct ag_conf conf;
        struct ag_conf_fault fault;
        memset(&conf, 0xa5, sizeof(conf));
        ag_test_check_err(parse(cases[i].text, NULL, &conf, &fault), AG_ERR_CONFIG, cases[i].text,
                          __FILE__, __LINE__);
        ag_test_check(fault.fault.field != NULL && strcmp(fault.fault.field, cases[i].field) == 0,
                      cases[i].text, __FILE__, __LINE__);
        ag_test_check_u64(fault.line, cases[i].line, cases[i].text, __FILE__, __LINE__);
        if (cases[i].message != NULL && strcmp(fault.text, cases[i].message) != 0) {
            ag_test_check(false, fault.text, __FILE__, __LINE__);
        }
        /* Nothing was written. */
        CHECK(*(const uint8_t *)&conf == 0xa5);
        CHECK_ERR(parse(cases[i].text, NULL, &conf, NULL), AG_ERR_CONFIG);
    }
}

/* Every number at both ends of its range and one outside, and every choice, from the table. */
static void test_every_key(void)
{
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        const struct ag_conf_row *row = &ag_conf_rows[i];
        struct ag_conf conf = {0};
        struct ag_fault fault = {0};
        char text[2048];
        CHECK(row->min <= row->max && row->text[0] != '\0' && row->unit[0] != '\0');
        ag_test_check_err(ag_conf_set(&conf, row, row->fallback, &fault), AG_OK, row->name,
                          __FILE__, __LINE__);
        if (row->type == AG_CONF_TYPE_NUMBER) {
            uint64_t value = 0;
            for (unsigned end = 0; end < 2; end++) {
                uint64_t good = end == 0 ? row->min : row->max;
                ag_text_format(text, sizeof(text), "%llu", (unsigned long long)good);
                CHECK_OK(ag_conf_set(&conf, row, text, &fault));
                memcpy(&value, ag_conf_member(&conf, row), sizeof(value));
                CHECK_U64(value, good);
                if (end == 0 && good == 0) {
                    continue;
                }
                ag_text_format(text, sizeof(text), "%llu",
                               (unsigned long long)(end == 0 ? good - 1 : good + 1));
                CHECK_ERR(ag_conf_set(&conf, row, text, &fault), AG_ERR_CONFIG);
                CHECK(fault.has_limit && fault.limit == good &&
                      fault.got == (end == 0 ? good - 1 : good + 1));
                CHECK(strcmp(fault.field, row->name) == 0);
            }
        } else if (row->type == AG_CONF_TYPE_TEXT) {
            memset(text, 'x', sizeof(text));
            text[row->max] = '\0';
            CHECK_OK(ag_conf_set(&conf, row, text, &fault));
            CHECK(strcmp(ag_conf_member(&conf, row), text) == 0);
            text[row->max] = 'x';
            text[row->max + 1] = '\0';
            CHECK_ERR(ag_conf_set(&conf, row, text, &fault), AG_ERR_CONFIG);
            CHECK(fault.has_limit && fault.limit == row->max && fault.got == row->max + 1);
        }
        const struct ag_conf_choice *choice = ag_conf_choices(row->type);
        for (; choice->name != NULL; choice++) {
            CHECK_OK(ag_conf_set(&conf, row, choice->name, &fault));
            CHECK_U64(*(const uint8_t *)ag_conf_member(&conf, row), choice->value);
        }
        CHECK_ERR(ag_conf_set(&conf, row, "\x01", &fault), AG_ERR_CONFIG);
    }
}

static void check_same(const struct ag_conf *a, const struct ag_conf *b)
{
    struct ag_vec left;
    struct ag_vec right;
    ag_vec_init(&left, 4096);
    ag_vec_init(&right, 4096);
    for (size_t i = 0; i < AG_CONF_KEY_COUNT; i++) {
        left.size = 0;
        right.size = 0;
        CHECK_OK(ag_conf_format(a, &ag_conf_rows[i], &left));
        CHECK_OK(ag_conf_format(b, &ag_conf_rows[i], &right));
        ag_test_check_bytes(ag_vec_view(&left), ag_vec_view(&right), ag_conf_rows[i].name, __FILE__,
                            __LINE__);
    }
    ag_vec_close(&left);
    ag_vec_close(&right);
}

static void test_print(void)
{
    struct ag_conf conf;
    struct ag_conf again;
    struct ag_conf_fault fault;
    struct ag_vec vec;
    char *args[] = {"--data-dir=  q\"b\\ \xc3\xa9 ", "--allow-insecure-sim", NULL};
    ag_vec_init(&vec, 100000);
    CHECK_OK(parse("provider = insecure-sim\nsim_dir = hw\nkey_suites = 0x0051,0x0042\n"
                   "log_level = error\n",
                   args, &conf, &fault));
    CHECK_OK(ag_conf_print(&conf, false, &vec));
    CHECK_OK(ag_conf_parse(ag_vec_view(&vec), "printed", 0, NULL, &again, &fault));
    check_same(&conf, &again);
    static const char wanted[] = "# flag\ndata_dir = \"  q\\\"b\\\\ \xc3\xa9 \"\n"
                                 "allow_insecure_sim = true\n\n# file\nprovider = insecure-sim\n"
                                 "sim_dir = \"hw\"\nkey_suites = 0x0042,0x0051\n"
                                 "log_level = error\n\n# default\nchain_id = 16584\n";
    CHECK_BYTES(ag_bytes_head(ag_vec_view(&vec), sizeof(wanted) - 1), AG_LITERAL(wanted));

    struct ag_json *json AG_SCOPED(ag_json_cleanup) = NULL;
    vec.size = 0;
    CHECK_OK(ag_conf_print(&conf, true, &vec));
    CHECK_OK(ag_json_parse(ag_vec_view(&vec), &json));
    CHECK_U64(ag_json_count(ag_json_root(json)), AG_CONF_KEY_COUNT);
    const struct ag_json_value *chain = ag_json_get(ag_json_root(json), "chain_id");
    uint64_t value = 0;
    CHECK_OK(ag_json_u64(ag_json_get(chain, "value"), &value));
    CHECK_U64(value, 16584);
    CHECK(strcmp(ag_json_string(ag_json_get(chain, "origin"), NULL), "default") == 0);
    const struct ag_json_value *allow = ag_json_get(ag_json_root(json), "allow_insecure_sim");
    CHECK(ag_json_bool(ag_json_get(allow, "value"), false));
    CHECK(strcmp(ag_json_string(ag_json_get(allow, "origin"), NULL), "flag") == 0);
    ag_vec_close(&vec);

    ag_vec_init(&vec, 100);
    CHECK_ERR(ag_conf_print(&conf, false, &vec), AG_ERR_WIRE_SPACE);
    ag_vec_close(&vec);
    ag_vec_init(&vec, 100);
    CHECK_ERR(ag_conf_print(&conf, true, &vec), AG_ERR_WIRE_SPACE);
    ag_vec_close(&vec);
}

static void test_load(void)
{
    char path[] = "aegis-conf-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK_OK(ag_file_write(path, AG_LITERAL("workers = 3\n"), 0600));

    struct ag_conf conf;
    struct ag_conf_fault fault;
    CHECK_OK(ag_conf_load(path, 0, NULL, &conf, &fault));
    CHECK_U64(conf.workers, 3);
    CHECK_OK(ag_conf_load(NULL, 0, NULL, &conf, &fault));
    CHECK_U64(conf.workers, 0);

    char *args[] = {"--config", path, "--signers=4"};
    CHECK_OK(ag_conf_load("/does/not/exist", 3, args, &conf, &fault));
    CHECK(conf.workers == 3 && conf.signers == 4);
    char *twice[] = {"--config=a", "--config=b"};
    CHECK_ERR(ag_conf_load(NULL, 2, twice, &conf, &fault), AG_ERR_CONFIG);

    CHECK_ERR(ag_conf_load("/does/not/exist", 0, NULL, &conf, &fault), AG_ERR_NOT_FOUND);
    CHECK(strcmp(fault.text, "/does/not/exist: there is no such file") == 0);
    CHECK_ERR(ag_conf_load("/does/not/exist", 0, NULL, &conf, NULL), AG_ERR_NOT_FOUND);
    CHECK_ERR(ag_conf_load("/", 0, NULL, &conf, &fault), AG_ERR_IO);

    static uint8_t big[AG_LIMIT_TEXT_BYTES + 2];
    memset(big, '\n', sizeof(big));
    for (size_t over = 1; over <= 2; over++) {
        CHECK_OK(ag_file_write(path, ag_bytes_of(big, AG_LIMIT_TEXT_BYTES + over), 0600));
        enum ag_err err = ag_conf_load(path, 0, NULL, &conf, &fault);
        CHECK_ERR(err, over == 1 ? AG_ERR_CONFIG : AG_ERR_ARGUMENT);
    }
    CHECK(unlink(path) == 0);
}

/* The messages show what was given, and nothing of it that could move a cursor. */
static void test_messages_are_printable(void)
{
    struct ag_conf conf;
    struct ag_conf_fault fault;
    char hostile[600];
    memset(hostile, '\x1b', sizeof(hostile) - 1);
    hostile[sizeof(hostile) - 1] = '\0';
    memcpy(hostile, "--workers=", 10);
    char *args[] = {hostile, NULL};
    CHECK_ERR(parse("", args, &conf, &fault), AG_ERR_CONFIG);
    memcpy(hostile, "--wxrkers=", 10);
    CHECK_ERR(parse("", args, &conf, &fault), AG_ERR_CONFIG);
    memcpy(hostile, "\x1b\xc2\x9b[31m", 7);
    CHECK_ERR(parse("", args, &conf, &fault), AG_ERR_CONFIG);
    for (const char *c = fault.text; *c != '\0'; c++) {
        CHECK(*c >= ' ' && *c < 0x7f);
    }
    CHECK_ERR(ag_conf_parse(AG_LITERAL("x = 1"), hostile, 0, NULL, &conf, &fault), AG_ERR_CONFIG);
    for (const char *c = fault.text; *c != '\0'; c++) {
        CHECK(*c >= ' ' && *c < 0x7f);
    }
}

static void test_help(void)
{
    struct ag_vec vec;
    ag_vec_init(&vec, 100000);
    CHECK_OK(ag_conf_write_help(&vec));
    CHECK_OK(ag_vec_append(&vec, AG_LITERAL("\0")));
    const char *text = (const char *)vec.data;
    CHECK(strstr(text, "  --config PATH\n") != NULL);
    CHECK(strstr(text, "  --batch-tx-max N\n      A batch is due as soon as so many wait") != NULL);
    CHECK(strstr(text, "  --log-json[=true|false]\n") != NULL);
    CHECK(strstr(text, "Default: none.\n") != NULL);
    ag_vec_close(&vec);
}

/* docs/spec/configuration.md, found from where this file was compiled. */
static void test_docs(void)
{
    char path[1024];
    ag_text_format(path, sizeof(path), "%s", __FILE__);
    char *end = strstr(path, "tests/unit/");
    CHECK(end != NULL);
    if (end == NULL) {
        return;
    }
    ag_text_format(end, sizeof(path) - (size_t)(end - path), "docs/spec/configuration.md");
    struct ag_vec page;
    struct ag_vec wanted;
    ag_vec_init(&page, 1000000);
    ag_vec_init(&wanted, 1000000);
    CHECK_OK(ag_file_read(path, 1000000, &page));
    CHECK_OK(ag_conf_write_docs(&wanted));
    /* Too long to print: run test_conf --print-docs and compare. */
    CHECK(ag_bytes_equal(ag_vec_view(&page), ag_vec_view(&wanted)));
    ag_vec_close(&page);
    ag_vec_close(&wanted);
}

static void test_every_allocation_fails_once(void)
{
    struct ag_conf conf;
    struct ag_conf_fault fault;
    struct ag_vec vec;
    for (unsigned kind = 0; kind < 4; kind++) {
        size_t in_use = ag_alloc_in_use();
        enum ag_err err = AG_ERR_NO_MEMORY;
        for (uint64_t nth = 1; err != AG_OK && nth < 1000; nth++) {
            CHECK_OK(parse("", NULL, &conf, &fault));
            ag_vec_init(&vec, 100000);
            ag_alloc_fail_nth(nth);
            err = kind == 0   ? ag_conf_print(&conf, false, &vec)
                  : kind == 1 ? ag_conf_print(&conf, true, &vec)
                  : kind == 2 ? ag_conf_write_help(&vec)
                              : ag_conf_write_docs(&vec);
            ag_alloc_fail_nth(0);
            CHECK(err == AG_OK || err == AG_ERR_NO_MEMORY);
            CHECK(err != AG_OK || nth > 1);
            ag_vec_close(&vec);
            CHECK_U64(ag_alloc_in_use(), in_use);
        }
        CHECK_OK(err);
    }
}

static int print_docs(void)
{
    struct ag_vec page;
    ag_vec_init(&page, 1000000);
    enum ag_err err = ag_conf_write_docs(&page);
    if (err == AG_OK && fwrite(page.data, 1, page.size, stdout) != page.size) {
        err = AG_ERR_IO;
    }
    ag_vec_close(&page);
    return err == AG_OK ? 0 : 1;
}

static const struct ag_test_case cases[] = {
    {"defaults", test_defaults},
    {"file under flags over defaults", test_sources},
    {"flags: accepted and refused", test_flags},
    {"refused, with place and reason", test_refused},
    {"every key at its ends", test_every_key},
    {"print and read back", test_print},
    {"load from a file", test_load},
    {"messages are printable", test_messages_are_printable},
    {"help", test_help},
    {"the page is current", test_docs},
    {"every allocation fails once", test_every_allocation_fails_once},
};

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print-docs") == 0) {
        return print_docs();
    }
    return ag_test_main(argc, argv, cases, AG_COUNT(cases));
}
