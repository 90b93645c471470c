/* SPDX-License-Identifier: MIT */
#pragma once

/* The handlers of one event, by their tokens. */

#include "winrt/object.h"

typedef struct Events {
        pthread_mutex_t lock;
        IUnknown **handlers; /* NULL where one was removed; the index is the token less one */
        size_t n;
} Events;

/* The handlers at one moment, each with a reference. */
typedef struct EventList {
        IUnknown **handlers;
        size_t n;
} EventList;

void events_init(Events *events);
void events_done(Events *events);
HRESULT events_add(Events *events, IUnknown *handler, EventRegistrationToken *ret_token);
/* False for a token that was never given or is removed: it does nothing. */
bool events_remove(Events *events, EventRegistrationToken token);
/*
 * Those that were added after the first `from` ones; an empty list if there is no memory. Returns how many have been
 * added in all.
 */
size_t events_get(Events *events, size_t from, EventList *ret_list);
void events_list_done(EventList *list);
