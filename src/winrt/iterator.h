/* SPDX-License-Identifier: MIT */
#pragma once

/* IIterator of any collection whose items have places and do not change. */

#include "winrt/object.h"

/* Hands out the i-th item of the collection; E_BOUNDS behind the last. */
typedef HRESULT (*IteratorGet)(Object *collection, size_t i, IUnknown **ret_item);

typedef struct Iterator {
        Object object;
        Object *collection; /* counted */
        size_t n;
        IteratorGet get;
        atomic_size_t position;
} Iterator;

/* *ret is set to the iterator of this class. */
HRESULT iterator_new(const Class *class_, Object *collection, size_t n, IteratorGet get, void *ret);

void iterator_done(Object *object);
STDMETHODIMP iterator_get_current(void *self, IUnknown **ret_item);
STDMETHODIMP iterator_get_has_current(void *self, boolean *ret_value);
STDMETHODIMP iterator_move_next(void *self, boolean *ret_value);
STDMETHODIMP iterator_get_many(void *self, UINT32 size, IUnknown **ret_items, UINT32 *ret_n);

#define ITERATOR_SLOTS                                                                          \
        INSPECTABLE_SLOTS, .get_Current = (void *)iterator_get_current,                         \
        .get_HasCurrent = (void *)iterator_get_has_current, .MoveNext = (void *)iterator_move_next,   \
        .GetMany = (void *)iterator_get_many
