/* SPDX-License-Identifier: MIT */
#pragma once

/* D-Bus addresses of Unix sockets, as DBUS_SESSION_BUS_ADDRESS has them. */

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

/*
 * Connects to the first of the entries ("unix:path=…", "unix:abstract=…", separated by ';') that answers. The socket
 * is non-blocking and the caller's. -EINVAL if the address has no entry that can be understood, else what the last one
 * failed with (-ENOENT …), unless address_may_answer_soon() is true of another's.
 */
int address_connect(const char *address, int *ret_fd);
/* The socket is there, and nobody listens on it yet (-ECONNREFUSED), or its queue is full (-EAGAIN). */
bool address_may_answer_soon(int error);

/*
 * The same where who listens is this process's own user, or root: anybody may listen at the address of a bus that is
 * gone. Others answer -EPERM. ret_entry: where the entry begins that answered, which lies in address.
 */
int address_connect_own(const char *address, int *ret_fd, const char **ret_entry);

/* The file of the first entry that has one. -ENOENT if none has, -ENAMETOOLONG. */
int address_get_path(const char *address, char *buf, size_t size);

/* What stands behind the first entry, "" if nothing does. */
const char *address_next(const char *address);
