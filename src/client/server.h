/* SPDX-License-Identifier: MIT */
#pragma once

/* Class objects. With the lock wherever nothing else is said. */

#include "client/client.h"

typedef enum ServerState {
        SERVER_REGISTERING, /* asked for, or to be asked for as soon as there is a connection */
        SERVER_REGISTERED,
        SERVER_REFUSED,
        SERVER_REVOKED,
        _SERVER_STATE_MAX,
} ServerState;

struct bgt_server {
        atomic_uint n_ref;
        bgt *b;
        ListNode node;
        ServerState state;
        char clsid[BGT_ID_SIZE];
        unsigned regcls;
        bgt_class class_;
        void *factory;
        uint32_t cookie;
        Message *refusal;
        unsigned n_live; /* instances whose object is not destroyed yet */
};

bgt_server *server_ref(bgt_server *server);
void server_unref(bgt_server *server);

/* The class object that a Run is meant for. NULL if there is none. */
bgt_server *server_find(bgt *b, const char *clsid, uint32_t cookie);
/* Asks for each class object that is not revoked, on a new connection. Negative errno. */
int server_register_all(bgt *b);
void server_on_disconnected(bgt *b);
/* The connection is closed. */
void server_close_all(bgt *b);
