/* SPDX-License-Identifier: MIT */
#pragma once

/* The connection to whichever broker there is: made when it is needed, made again when it was lost. With the lock. */

#include "client/client.h"

/*
 * Takes the socket that a launched process has inherited. Nobody drives the loop yet. Negative errno; nothing is set.
 */
int link_adopt(bgt *b, int fd);
/*
 * Waits until there is a connection, asking for one if need be. Errors are set: -ECONNREFUSED if there is no broker
 * until then, or none may be started and none was ever there.
 */
int link_wait(bgt *b, uint64_t until_mono_usec);
/* Waits for the answer of Open or Attach; b->info is there then. Errors are set. */
int link_wait_info(bgt *b);
/* Sends what was left for later: before a call is waited for, and before the loop is. */
void link_flush(bgt *b);
/* Tries to connect if it is time; only for the driver. */
void link_step(bgt *b);
/* Ends the connection for this reason; it is looked for again if it is needed. Only for the driver. */
void link_drop(bgt *b, int reason);
/* The same from any thread: the driver finds it ended. */
void link_break(bgt *b);
/* Ends it for good, without a driver. */
void link_close(bgt *b);

/* greet.c: what is said first on a new connection. Negative errno; nothing is set. */
int greet(bgt *b);
/*
 * The same for a connection that turns out to be that of a server: from now on class objects may be registered.
 * Errors are set.
 */
int greet_as_server(bgt *b);
