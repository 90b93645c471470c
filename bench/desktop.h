/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A session bus of its own (dbus-daemon), the service that shows notifications, which does nothing but answer, and a
 * program that shows one after the other. One thread at a time.
 */

#include <stdbool.h>

#include <bgtask.h>

typedef struct Desktop Desktop;

/* Starts all of it below this folder. NULL: dbus-daemon is not there. Ends the program on any other failure. */
Desktop *desktop_new(const char *folder);
/* The broker at the other end of b uses that bus from now on; returns when it has asked the service who it is. */
void desktop_take(Desktop *desktop, bgt *b);
/* Shows another one. A few may be on their way. */
void desktop_show(Desktop *desktop);
void desktop_free(Desktop *desktop);
