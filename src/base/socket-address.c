/* SPDX-License-Identifier: MIT */

#include "base/socket-address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/utf8.h"

#define FORM "is not of the form tcp:127.0.0.1:8080, udp:[::1]:5353 or unix:/path"

static const char *parse_unix(const char *path, SocketAddress *address)
{
        struct sockaddr_un *un = (struct sockaddr_un *)&address->address;
        size_t n = strlen(path);

        if (path[0] != '/' || path[n - 1] == '/' || !utf8_is_valid(path, n) || utf8_has_control(path, n))
                return FORM;
        if (n >= sizeof un->sun_path)
                return "has a path that is longer than a socket's may be";
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, path, n + 1);
        address->type = SOCK_STREAM;
        address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
        address->path = path;
        return NULL;
}

static bool parse_port(const char *text, in_port_t *ret_port)
{
        size_t n = strspn(text, "0123456789");
        long port = n > 0 && n <= 5 && text[n] == '\0' ? strtol(text, NULL, 10) : 0;

        *ret_port = htons((uint16_t)port);
        return port > 0 && port <= UINT16_MAX;
}

static const char *parse_internet(const char *text, SocketAddress *address)
{
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->address;
        struct sockaddr_in *in = (struct sockaddr_in *)&address->address;
        const char *colon = strrchr(text, ':');
        bool brackets = text[0] == '[';
        char host[INET6_ADDRSTRLEN];
        in_port_t port;
        size_t n;

        if (!colon || !parse_port(colon + 1, &port) || (brackets && colon[-1] != ']'))
                return FORM;
        n = (size_t)(colon - text) - (brackets ? 2 : 0);
        if (n >= sizeof host)
                return FORM;
        memcpy(host, text + brackets, n);
        host[n] = '\0';
        if (brackets && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
                in6->sin6_family = AF_INET6;
                in6->sin6_port = port;
                address->length = sizeof *in6;
        } else if (!brackets && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                in->sin_port = port;
                address->length = sizeof *in;
        } else {
                return FORM;
        }
        return NULL;
}

const char *socket_address_parse(const char *text, SocketAddress *ret_address)
{
        *ret_address = (SocketAddress){ 0 };
        if (strncmp(text, "unix:", 5) == 0)
                return parse_unix(text + 5, ret_address);
        ret_address->type = strncmp(text, "udp:", 4) == 0 ? SOCK_DGRAM : SOCK_STREAM;
        if (ret_address->type == SOCK_STREAM && strncmp(text, "tcp:", 4) != 0)
                return FORM;
        return parse_internet(text + 4, ret_address);
}
