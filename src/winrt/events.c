/* SPDX-License-Identifier: MIT */

#include "winrt/events.h"

#include <stdlib.h>

void events_init(Events *events)
{
        pthread_mutex_init(&events->lock, NULL);
}

void events_done(Events *events)
{
        for (size_t i = 0; i < events->n; i++)
                if (events->handlers[i])
                        IUnknown_Release(events->handlers[i]);
        free(events->handlers);
        pthread_mutex_destroy(&events->lock);
}

HRESULT events_add(Events *events, IUnknown *handler, EventRegistrationToken *ret_token)
{
        IUnknown **grown;
        HRESULT hr = S_OK;

        if (!handler || !ret_token)
                return E_POINTER;
        pthread_mutex_lock(&events->lock);
        grown = realloc(events->handlers, (events->n + 1) * sizeof(*grown));
        if (grown) {
                events->handlers = grown;
                IUnknown_AddRef(handler);
                grown[events->n++] = handler;
                ret_token->value = (INT64)events->n;
        } else {
                hr = E_OUTOFMEMORY;
        }
        pthread_mutex_unlock(&events->lock);
        return hr;
}

bool events_remove(Events *events, EventRegistrationToken token)
{
        IUnknown *handler = NULL;

        pthread_mutex_lock(&events->lock);
        if (token.value > 0 && (size_t)token.value <= events->n)
                handler = TAKE_PTR(events->handlers[token.value - 1]);
        pthread_mutex_unlock(&events->lock);
        if (handler)
                IUnknown_Release(handler);
        return handler != NULL;
}

/* The one of this place, with a reference; NULL: it was removed. */
static IUnknown *get(Events *events, size_t i)
{
        IUnknown *handler;

        pthread_mutex_lock(&events->lock);
        handler = events->handlers[i];
        if (handler)
                IUnknown_AddRef(handler);
        pthread_mutex_unlock(&events->lock);
        return handler;
}

static size_t count(Events *events)
{
        size_t n;

        pthread_mutex_lock(&events->lock);
        n = events->n;
        pthread_mutex_unlock(&events->lock);
        return n;
}

/* What a proxy of a handler answers whose process is gone. */
static bool is_gone(HRESULT hr)
{
        return hr == RPC_E_DISCONNECTED || hr == HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE);
}

size_t events_raise(Events *events, size_t from, EventCall call, void *userdata)
{
        size_t n = count(events);

        for (size_t i = from; i < n; i++) {
                IUnknown *handler = get(events, i);

                if (handler && is_gone(call(handler, userdata)))
                        (void)events_remove(events, (EventRegistrationToken){ (INT64)i + 1 });
                if (handler)
                        IUnknown_Release(handler);
        }
        return n;
}

bool events_any(Events *events)
{
        bool any = false;

        pthread_mutex_lock(&events->lock);
        for (size_t i = 0; i < events->n; i++)
                any = any || events->handlers[i];
        pthread_mutex_unlock(&events->lock);
        return any;
}
