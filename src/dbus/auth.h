/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The handshake before the first message, as two pure state machines: bytes in, bytes out, no descriptor. Only
 * EXTERNAL is spoken: who the peer is, the kernel has said already. What follows BEGIN in the same bytes is not
 * touched: it is the first message.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/uuid.h"

#define AUTH_LINE_MAX (16 * 1024)
#define AUTH_LINES_MAX 64

typedef enum AuthState {
        AUTH_NUL,   /* server: the zero byte must come first */
        AUTH_AUTH,  /* server: nobody is authenticated. Client: OK is to come */
        AUTH_DATA,  /* server: DATA was asked for */
        AUTH_BEGIN, /* server: authenticated, BEGIN is to come. Client: the answer about descriptors is to come */
        AUTH_DONE,
        _AUTH_STATE_MAX,
} AuthState;

typedef struct Auth {
        AuthState state;
        uid_t uid;     /* server: of the peer, as the kernel says */
        Uuid guid;     /* server: ours. Client: the server's, once done */
        unsigned n_lines;
        bool can_fds;  /* descriptors may be passed */
} Auth;

void auth_init_server(Auth *auth, uid_t peer_uid, Uuid guid);
/* Appends the client's whole side of the handshake to out: messages may follow it at once. Negative errno. */
int auth_init_client(Auth *auth, Buffer *out);

/*
 * Takes what has come from the peer, all of it that was not used before, and appends answers to out. *ret_used bytes
 * are not needed again; an incomplete line is not used. Returns 1 when the handshake is done, 0 if more is to come,
 * -EPROTO if the peer does not speak the protocol or goes on for too long, -EACCES if the server refuses us, -ENOMEM.
 */
int auth_feed_server(Auth *auth, const uint8_t *data, size_t n, size_t *ret_used, Buffer *out);
int auth_feed_client(Auth *auth, const uint8_t *data, size_t n, size_t *ret_used);
