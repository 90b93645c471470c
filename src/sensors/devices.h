/* SPDX-License-Identifier: MIT */
#pragma once

/* Devices that come, go and change, for any number of watchers with one netlink socket. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/macro.h"

typedef struct Devices Devices;

/*
 * happened: entries, each with its NUL: the number of the event, the action, the path below /sys and the node in /dev
 * or nothing, with tabs between. One empty entry: events were lost. Called from the loop, when nothing has come for a
 * moment: a plug brings a dozen of events.
 */
typedef void (*DevicesHappened)(uint8_t kind, const char *text, const void *entries, size_t n_entries, void *userdata);

int devices_new(Loop *loop, DevicesHappened happened, void *userdata, Devices **ret_devices);
Devices *devices_free(Devices *devices);
DEFINE_CLEANUP(Devices *, devices_free);

/* Begins to watch what the text of a device watch says (base/device-watch.h). -EINVAL, -ENOMEM, -EEXIST. */
int devices_watch(Devices *devices, uint8_t kind, const char *text);
/* Harmless for a text that is not watched. */
void devices_unwatch(Devices *devices, uint8_t kind, const char *text);
bool devices_is_empty(const Devices *devices);
