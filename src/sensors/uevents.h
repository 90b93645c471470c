/* SPDX-License-Identifier: MIT */
#pragma once

/* The kernel's events about devices, of one subsystem. */

#include "base/loop.h"
#include "base/macro.h"

typedef struct Uevents Uevents;

/*
 * happened is called from the loop: "add", "change", "remove" …, and the device's path below /sys; both NULL if events
 * were lost and everything may have changed. subsystem is static.
 */
typedef void (*UeventsHappened)(const char *action, const char *path, void *userdata);

int uevents_new(Loop *loop, const char *subsystem, UeventsHappened happened, void *userdata, Uevents **ret_uevents);
Uevents *uevents_free(Uevents *uevents);
DEFINE_CLEANUP(Uevents *, uevents_free);
