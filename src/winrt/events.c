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

size_t events_get(Events *events, size_t from, EventList *ret_list)
{
        size_t n;

        *ret_list = (EventList){ 0 };
        pthread_mutex_lock(&events->lock);
        if (events->n > from)
                ret_list->handlers = malloc((events->n - from) * sizeof(*ret_list->handlers));
        for (size_t i = from; i < events->n && ret_list->handlers; i++)
                if (events->handlers[i]) {
                        IUnknown_AddRef(events->handlers[i]);
                        ret_list->handlers[ret_list->n++] = events->handlers[i];
                }
        n = events->n;
        pthread_mutex_unlock(&events->lock);
        return n;
}

void events_list_done(EventList *list)
{
        for (size_t i = 0; i < list->n; i++)
                IUnknown_Release(list->handlers[i]);
        free(list->handlers);
}
