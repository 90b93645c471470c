/* SPDX-License-Identifier: MIT */
#pragma once

/* Events about devices: the kernel's, or those of udev, which come a little later and know more. */

#include <stddef.h>

#include "base/loop.h"
#include "base/macro.h"

typedef struct Uevents Uevents;

typedef struct Uevent {
        const char *action;    /* "add", "change", "remove" ... */
        const char *path;      /* of the device, below /sys */
        const char *properties; /* KEY=value, each with its NUL */
        size_t n_properties;
} Uevent;

/* Called from the loop; event NULL: events were lost, and everything may have changed. */
typedef void (*UeventsHappened)(const Uevent *event, void *userdata);

/*
 * subsystem: only its events, as the kernel tells them; it is static. NULL: all, from udev where
 * it runs, and as soon as it does.
 */
int uevents_new(Loop *loop, const char *subsystem, UeventsHappened happened, void *userdata, Uevents **ret_uevents);
Uevents *uevents_free(Uevents *uevents);
DEFINE_CLEANUP(Uevents *, uevents_free);

/* The value of a property, or NULL. */
const char *uevent_get(const Uevent *event, const char *key);
