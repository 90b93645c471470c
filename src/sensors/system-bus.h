/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A connection to a message bus, that of the system or of a session. It is there while somebody uses a service on it.
 * A bus that is not there, or that goes, is waited for: its socket's folder is watched, and when the socket appears
 * the services start anew.
 *
 *      service.h   one service on the bus
 */

#include <stdbool.h>

#include "base/list.h"
#include "base/loop.h"
#include "dbus/connection.h"

typedef struct SystemBus SystemBus;

/* What uses the bus. */
typedef struct BusUser BusUser;
struct BusUser {
        ListNode node;
        void (*connected)(BusUser *user);
        void (*disconnected)(BusUser *user);
        void (*signal)(BusUser *user, Message *m);
        /* True: the call is this user's, and answered. NULL: nobody calls it. */
        bool (*call)(BusUser *user, Message *m);
};

/* own: only a bus of this process's user, as that of a session. */
int system_bus_new(Loop *loop, const char *address, bool own, SystemBus **ret_bus);
/* Without users. */
SystemBus *system_bus_free(SystemBus *bus);
DEFINE_CLEANUP(SystemBus *, system_bus_free);

/* Calls connected, at once or later, if there is a bus; a bus that is not there is no error. */
int system_bus_add(SystemBus *bus, BusUser *user);
void system_bus_remove(SystemBus *bus, BusUser *user);

/* From now on it is this one: its users hear that the other has gone. On failure (-ENOMEM) nothing has changed. */
int system_bus_move(SystemBus *bus, const char *address);

/* One more connection to the bus that it is connected to: as address_connect(). -ENOTCONN if it is to none. */
int system_bus_connect(const SystemBus *bus, int *ret_fd);

/* NULL: there is no bus. */
Connection *system_bus_connection(const SystemBus *bus);
/* For the messages of its users, one after the other. */
Writer *system_bus_writer(SystemBus *bus);
/* A call to the bus itself, whose answer nobody waits for. */
void system_bus_tell(SystemBus *bus, const char *member, const char *argument);
