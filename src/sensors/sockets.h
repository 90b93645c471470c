/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sockets that listen for tasks. One that has something to read is told of once, and is then not looked at until it
 * is settled: whoever was told has taken what there was.
 */

#include <stdbool.h>

#include "base/loop.h"
#include "base/macro.h"

typedef struct Sockets Sockets;

/* Called from the loop: something can be read, or a connection can be accepted. */
typedef void (*SocketsReady)(const char *text, void *userdata);

int sockets_new(Loop *loop, SocketsReady ready, void *userdata, Sockets **ret_sockets);
Sockets *sockets_free(Sockets *sockets);
DEFINE_CLEANUP(Sockets *, sockets_free);

/* Listens where the text says (base/socket-address.h); what keeps it from that is a problem. -EINVAL, -ENOMEM. */
int sockets_watch(Sockets *sockets, const char *text);
/* Harmless for a text that is not watched. */
void sockets_unwatch(Sockets *sockets, const char *text);
bool sockets_is_empty(const Sockets *sockets);

/* Looks again. One that is still ready is told of later and later. */
void sockets_settle(Sockets *sockets, const char *text);
/* The descriptor stays here. -1: there is none. */
int sockets_take(Sockets *sockets, const char *text);
void sockets_each(const Sockets *sockets, void (*each)(const char *text, void *userdata), void *userdata);
/* What keeps it from listening, as a sentence; NULL if nothing does. */
const char *sockets_problem(const Sockets *sockets, const char *text);

/* Lets the descriptors outlive an exec, for the sockets_new() of the next program. */
void sockets_keep(const Sockets *sockets);
