/* SPDX-License-Identifier: MIT */
#pragma once

/* The text of a trigger that watches something, as the options that say it: for both sides of the wire. */

#include "dbus/writer.h"

/*
 * Of base/file-watch.h: paths, recursive, delay, maximum-delay. Of base/device-watch.h: device or match, changes.
 * Nothing of a text that makes no sense, or without memory.
 */
void writer_put_file_watch(Writer *w, const char *text);
void writer_put_device_watch(Writer *w, const char *text);
