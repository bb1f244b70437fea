/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"
#include "net/url_i.h"

#include <arpa/inet.h>
#include <string.h>

static bool copy_text(char *out, size_t out_size, struct ag_bytes text)
{
    if (text.size >= out_size || (text.size != 0 && memchr(text.data, 0, text.size) != NULL)) {
        return false;
    }
    if (text.size != 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = '\0';
    return true;
}

static bool parse_port(struct ag_bytes text, uint16_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 5 ||
        ag_u64_parse((const char *)text.data, text.size, false, &value) != AG_OK ||
        value > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

/* Letters, digits, '-', '.', '_': what a host name or a v4 number is made of. */
static bool is_host_text(struct ag_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_';
        if (!is_good) {
            return false;
        }
    }
    return text.size != 0;
}

bool ag_net_url_split_authority(struct ag_bytes text, struct ag_bytes *out_host,
                                struct ag_bytes *out_port)
{
    *out_port = (struct ag_bytes){NULL, 0};
    if (text.size != 0 && text.data[0] == '[') {
        const uint8_t *end = memchr(text.data, ']', text.size);
        if (end == NULL) {
            return false;
        }
        size_t size = (size_t)(end - text.data) - 1u;
        *out_host = ag_bytes_of(text.data + 1, size);
        struct ag_bytes rest = ag_bytes_tail(text, size + 2u);
        char number[INET6_ADDRSTRLEN];
        struct in6_addr address;
        if (!copy_text(number, sizeof(number), *out_host) ||
            inet_pton(AF_INET6, number, &address) != 1) {
            return false;
        }
        if (rest.size != 0) {
            *out_port = ag_bytes_tail(rest, 1);
            return rest.data[0] == ':' && rest.size > 1;
        }
        return true;
    }
    const uint8_t *colon = text.size == 0 ? NULL : memchr(text.data, ':', text.size);
    size_t size = colon == NULL ? text.size : (size_t)(colon - text.data);
    *out_host = ag_bytes_head(text, size);
    *out_port = ag_bytes_tail(text, size + 1u);
    return is_host_text(*out_host) && (colon == NULL || out_port->size != 0);
}

enum ag_err ag_net_address_parse(const char *text, struct ag_net_address *out,
                                 struct ag_fault *fault)
{
    struct ag_net_address address = {0};
    if (text == NULL) {
        return ag_fault_set(fault, AG_ERR_TEXT, "address");
    }
    struct ag_bytes view = ag_bytes_of(text, strlen(text));
    if (strncmp(text, "unix:", 5) == 0) {
        address.is_unix = true;
        if (text[5] != '/' ||
            !copy_text(address.path, sizeof(address.path), ag_bytes_tail(view, 5))) {
            return ag_fault_limit(fault, AG_ERR_TEXT, "socket path", AG_NET_PATH_SIZE - 1u,
                                  view.size < 5 ? 0 : view.size - 5u);
        }
        *out = address;
        return AG_OK;
    }

    struct ag_bytes host = AG_LITERAL("127.0.0.1");
    struct ag_bytes port = view;
    if (view.size != 0 && view.data[0] == ':') {
        port = ag_bytes_tail(view, 1);
    } else if (memchr(text, ':', view.size) != NULL &&
               !ag_net_url_split_authority(view, &host, &port)) {
        return ag_fault_set(fault, AG_ERR_TEXT, "address");
    }
    if (!parse_port(port, &address.port)) {
        return ag_fault_set(fault, AG_ERR_TEXT, "port");
    }
    if (!copy_text(address.host, sizeof(address.host), host)) {
        return ag_fault_limit(fault, AG_ERR_TEXT, "host", AG_NET_HOST_SIZE - 1u, host.size);
    }
    *out = address;
    return AG_OK;
}

static bool is_loopback_host(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0) {
        return true;
    }
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool ag_net_address_is_loopback(const struct ag_net_address *address)
{
    return address->is_unix || is_loopback_host(address->host);
}

bool ag_net_host_is_loopback(struct ag_bytes host)
{
    struct ag_bytes name = {0};
    struct ag_bytes port = {0};
    char text[AG_NET_HOST_SIZE];
    uint16_t number = 0;
    return ag_net_url_split_authority(host, &name, &port) && copy_text(text, sizeof(text), name) &&
           (port.size == 0 || parse_port(port, &number)) && is_loopback_host(text);
}

/* ---- URLs ---- */

static enum ag_err parse_unix_url(struct ag_bytes rest, struct ag_net_address *address,
                                  struct ag_bytes *out_path)
{
    const uint8_t *colon = rest.size == 0 ? NULL : memchr(rest.data, ':', rest.size);
    size_t size = colon == NULL ? rest.size : (size_t)(colon - rest.data);
    AG_ENSURE(size != 0 && rest.data[0] == '/', AG_ERR_TEXT);
    address->is_unix = true;
    AG_ENSURE(copy_text(address->path, sizeof(address->path), ag_bytes_head(rest, size)),
              AG_ERR_TEXT);
    *out_path = ag_bytes_tail(rest, size + 1u);
    return AG_OK;
}

static enum ag_err parse_tcp_url(struct ag_bytes rest, struct ag_net_address *address,
                                 struct ag_bytes *out_path)
{
    const uint8_t *slash = rest.size == 0 ? NULL : memchr(rest.data, '/', rest.size);
    size_t size = slash == NULL ? rest.size : (size_t)(slash - rest.data);
    struct ag_bytes host = {0};
    struct ag_bytes port = {0};
    AG_ENSURE(ag_net_url_split_authority(ag_bytes_head(rest, size), &host, &port), AG_ERR_TEXT);
    address->port = 80;
    AG_ENSURE(port.size == 0 || parse_port(port, &address->port), AG_ERR_TEXT);
    AG_ENSURE(copy_text(address->host, sizeof(address->host), host), AG_ERR_TEXT);
    *out_path = ag_bytes_tail(rest, size);
    return AG_OK;
}

/* Printable, so that no text of the caller's can break the request line. */
bool ag_net_url_is_target(const char *path)
{
    if (path[0] != '/') {
        return false;
    }
    for (const char *c = path; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f) {
            return false;
        }
    }
    return true;
}

enum ag_err ag_net_url_parse(const char *url, struct url *out, struct ag_fault *fault)
{
    struct url parsed = {0};
    struct ag_bytes rest = {0};
    struct ag_bytes path = {0};
    if (strncmp(url, "http://", 7) != 0) {
        enum ag_err err = strncmp(url, "https://", 8) == 0 ? AG_ERR_NET_PROTOCOL : AG_ERR_TEXT;
        return ag_fault_set(fault, err, "url scheme");
    }
    rest = ag_bytes_of(url + 7, strlen(url + 7));
    enum ag_err err;
    if (rest.size >= 5 && memcmp(rest.data, "unix:", 5) == 0) {
        err = parse_unix_url(ag_bytes_tail(rest, 5), &parsed.address, &path);
    } else {
        err = parse_tcp_url(rest, &parsed.address, &path);
    }
    if (err != AG_OK) {
        return ag_fault_set(fault, err, "url host");
    }
    if (path.size == 0) {
        path = AG_LITERAL("/");
    }
    if (!copy_text(parsed.path, sizeof(parsed.path), path) || !ag_net_url_is_target(parsed.path)) {
        return ag_fault_limit(fault, AG_ERR_TEXT, "url path", sizeof(parsed.path) - 1u, path.size);
    }
    *out = parsed;
    return AG_OK;
}
