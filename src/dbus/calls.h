/* SPDX-License-Identifier: MIT */
#pragma once

/* The calls of one connection that wait for their answer, by serial. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbus/connection.h"

typedef struct PendingCall {
        uint32_t serial; /* 0: the slot is free */
        ConnectionReply callback;
        void *userdata;
} PendingCall;

/* Zero-initialised is empty. */
typedef struct Calls {
        PendingCall *slots;
        size_t n_slots; /* a power of two, less than three quarters used; or 0 */
        size_t n_used;
} Calls;

/* Makes room for one more. -ENOMEM changes nothing. */
int calls_reserve(Calls *calls);
/* Adds a call whose serial is not there yet, in room that was reserved. */
void calls_add(Calls *calls, PendingCall call);
bool calls_contain(const Calls *calls, uint32_t serial);
/* Takes the call out; false if it is not there. */
bool calls_take(Calls *calls, uint32_t serial, PendingCall *ret_call);
/* Takes the oldest call out, false if there is none. */
bool calls_take_oldest(Calls *calls, PendingCall *ret_call);
void calls_done(Calls *calls);
