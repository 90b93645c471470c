/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a DeviceConnectionChangeTrigger and a DeviceWatcherTrigger watch, and the text that a registration keeps of it:
 * the events in the first line; in each further one a match, or in the only one a device.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define DEVICE_WATCH_MATCHES_MAX 16

typedef struct DeviceWatch {
        bool changes;         /* besides those that come and go */
        const char *device;   /* a path below /dev or /sys; NULL: by matches */
        const char *matches[DEVICE_WATCH_MATCHES_MAX]; /* KEY=PATTERN, all of which must fit */
        size_t n_matches;
} DeviceWatch;

/* Each NULL, or half a sentence that says what is wrong with it. */
const char *device_watch_add_match(DeviceWatch *watch, const char *match);
const char *device_watch_set_device(DeviceWatch *watch, const char *path);

/* Appends the text, with a NUL that size does not count. -ENOMEM. */
int device_watch_format(const DeviceWatch *watch, Buffer *buffer);
/* Takes a text apart: its line breaks become NULs, and the rest points into it. -EINVAL if it is no such text. */
int device_watch_parse(char *text, DeviceWatch *ret_watch);
