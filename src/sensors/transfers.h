/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sockets that an app has handed over for one of its tasks: connected ones, those of datagrams, and listening ones.
 * One on which something happens is told of once, and is then not looked at until it is settled, or taken back.
 */

#include <stdbool.h>

#include "base/loop.h"
#include "base/macro.h"
#include "base/uuid.h"

#define TRANSFER_ID_MAX 128

typedef struct Transfers Transfers;

/* Called from the loop. details: an entry as docs/sensors.md has it, with its NUL. */
typedef void (*TransfersHappened)(Uuid task, const char *details, size_t n_details, void *userdata);

int transfers_new(Loop *loop, TransfersHappened happened, void *userdata, Transfers **ret_transfers);
/* Closes all of them. */
Transfers *transfers_free(Transfers *transfers);
DEFINE_CLEANUP(Transfers *, transfers_free);

/*
 * Takes the descriptor, which stays the caller's on failure, in the place of that with the same id. keep_alive_usec
 * 0: none. -ENOTSOCK, -EPROTONOSUPPORT, -ENOTCONN for what is none of these sockets; -ENOMEM.
 */
int transfers_add(Transfers *transfers, Uuid task, const char *id, int fd, uint64_t keep_alive_usec);
/* The descriptor, which is the caller's from now on. -ENOENT. */
int transfers_take(Transfers *transfers, Uuid task, const char *id);
/* Looks again at those of a task. One that is still ready is told of later and later; a closed one is dropped. */
void transfers_settle(Transfers *transfers, Uuid task);
/* Closes those of a task. */
void transfers_drop(Transfers *transfers, Uuid task);
/* May settle and drop. */
void transfers_each(Transfers *transfers, void (*each)(Uuid task, const char *id, void *userdata), void *userdata);

/* Lets the descriptors outlive an exec, for the transfers_new() of the next program. */
void transfers_keep(const Transfers *transfers);
