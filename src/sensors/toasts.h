/* SPDX-License-Identifier: MIT */
#pragma once

/* What becomes of notifications on the desktop, from org.freedesktop.Notifications on the bus of the session. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/macro.h"

typedef struct Toasts Toasts;

/*
 * One entry with its NUL: a number that grows, the notification's id, and the key of the action that was invoked or
 * why it was closed, with tabs between. Called from the loop.
 */
typedef void (*ToastsHappened)(uint8_t kind, const char *text, const void *entry, size_t n_entry, void *userdata);

/* address: D-Bus address of the session's bus, "": there is none. */
int toasts_new(Loop *loop, const char *address, ToastsHappened happened, void *userdata, Toasts **ret_toasts);
Toasts *toasts_free(Toasts *toasts);
DEFINE_CLEANUP(Toasts *, toasts_free);

/*
 * kind: TRIGGER_TOAST_ACTION, whose text is a pattern of actions, or TRIGGER_TOAST_HISTORY_CHANGED. -ENOMEM,
 * -EEXIST.
 */
int toasts_watch(Toasts *toasts, uint8_t kind, const char *text);
/* Harmless for what is not watched. */
void toasts_unwatch(Toasts *toasts, uint8_t kind, const char *text);
bool toasts_is_empty(const Toasts *toasts);
/* The session bus is another one. -ENOMEM: it is not. */
int toasts_move(Toasts *toasts, const char *address);

/* Why nothing can be heard now, as a sentence; NULL if all is well. It lives until the next call. */
const char *toasts_problem(Toasts *toasts);
