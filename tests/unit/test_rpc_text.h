/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_TESTS_UNIT_TEST_RPC_TEXT_H
#define AG_TESTS_UNIT_TEST_RPC_TEXT_H

/* test_rpc_text: calls and answers as both tests of rpc write them. */

#include "test.h"
#include "test_rpc_fake.h"

#define GOOD(id)   "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":\"0x2105\"}"
#define CALL(rest) "{\"jsonrpc\":\"2.0\",\"method\":\"eth_chainId\"" rest "}"
#define SEND(params)                                                                               \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"aegis_sendEnvelope\",\"params\":" params "}"

static inline bool contains(const char *text, const char *part)
{
    bool is_there = strstr(text, part) != NULL;
    if (!is_there) {
        ag_test_note("%.300s\n  lacks %s", text, part);
    }
    return is_there;
}

#endif
