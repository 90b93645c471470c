/* SPDX-License-Identifier: MIT */
#pragma once

/* The handlers of one event, by their tokens. */

#include "winrt/object.h"

typedef struct Events {
        pthread_mutex_t lock;
        IUnknown **handlers; /* NULL where one was removed; the index is the token less one */
        size_t n;
} Events;

/* Calls a handler, and returns what it answers. */
typedef HRESULT (*EventCall)(IUnknown *handler, void *userdata);

void events_init(Events *events);
void events_done(Events *events);
HRESULT events_add(Events *events, IUnknown *handler, EventRegistrationToken *ret_token);
/* False for a token that was never given or is removed: it does nothing. */
bool events_remove(Events *events, EventRegistrationToken token);
/*
 * Calls those that were added after the first `from` ones, in their order, but for those that are removed before it
 * is their turn and those that are added meanwhile. One that answers that its process is gone is removed. Returns how
 * many had been added in all.
 */
size_t events_raise(Events *events, size_t from, EventCall call, void *userdata);
/* Whether it has a handler. */
bool events_any(Events *events);
