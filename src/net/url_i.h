/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_NET_URL_I_H
#define AG_NET_URL_I_H

/* url: where a client connects and what it asks for. */

#include "net/net.h"

struct url {
    struct ag_net_address address;
    char path[AG_LIMIT_HTTP_TARGET_BYTES + 1];
};

AG_MUST_CHECK enum ag_err ag_net_url_parse(const char *url, struct url *out,
                                           struct ag_fault *fault);
/* True if `path` can stand in a request line. */
bool ag_net_url_is_target(const char *path);
/* Splits `host`, `host:port`, `[v6]` or `[v6]:port`; the host is returned without brackets. */
bool ag_net_url_split_authority(struct ag_bytes text, struct ag_bytes *out_host,
                                struct ag_bytes *out_port);

#endif
