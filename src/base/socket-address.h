/* SPDX-License-Identifier: MIT */
#pragma once

/* Where a SocketActivityTrigger listens: "tcp:127.0.0.1:8080", "udp:[::1]:5353", "unix:/run/user/1000/x". */

#include <sys/socket.h>

/* The text of a trigger that listens nowhere: what its app hands over is what it waits for. */
#define SOCKET_TRANSFERRED "transferred"

typedef struct SocketAddress {
        int type;             /* SOCK_STREAM or SOCK_DGRAM */
        socklen_t length;
        struct sockaddr_storage address;
        const char *path;     /* of a Unix socket, in the text; else NULL */
} SocketAddress;

/* NULL, or half a sentence that says what is wrong with the text. */
const char *socket_address_parse(const char *text, SocketAddress *ret_address);
