/* SPDX-License-Identifier: MIT */

#include "winrt/iterator.h"

static Iterator *iterator_of(void *self)
{
        return (Iterator *)object_of(self);
}

void iterator_done(Object *object)
{
        object_unref(((Iterator *)object)->collection);
}

HRESULT iterator_new(const Class *class_, Object *collection, size_t n, IteratorGet get, void *ret)
{
        Iterator *iterator = (Iterator *)object_new(class_);

        *(void **)ret = NULL;
        if (!iterator)
                return E_OUTOFMEMORY;
        iterator->collection = object_ref(collection);
        iterator->n = n;
        iterator->get = get;
        *(void **)ret = object_face(&iterator->object, 0);
        return S_OK;
}

STDMETHODIMP iterator_get_current(void *self, IUnknown **ret_item)
{
        Iterator *iterator = iterator_of(self);

        return ret_item ? iterator->get(iterator->collection, atomic_load(&iterator->position), ret_item) : E_POINTER;
}

STDMETHODIMP iterator_get_has_current(void *self, boolean *ret_value)
{
        Iterator *iterator = iterator_of(self);

        if (!ret_value)
                return E_POINTER;
        *ret_value = atomic_load(&iterator->position) < iterator->n;
        return S_OK;
}

STDMETHODIMP iterator_move_next(void *self, boolean *ret_value)
{
        Iterator *iterator = iterator_of(self);

        if (!ret_value)
                return E_POINTER;
        if (atomic_load(&iterator->position) < iterator->n)
                atomic_fetch_add(&iterator->position, 1);
        return iterator_get_has_current(self, ret_value);
}

/* All of what fits, or nothing. */
STDMETHODIMP iterator_get_many(void *self, UINT32 size, IUnknown **ret_items, UINT32 *ret_n)
{
        Iterator *iterator = iterator_of(self);
        size_t start = atomic_load(&iterator->position);
        HRESULT hr = S_OK;
        UINT32 n = 0;

        if (!ret_n || (size > 0 && !ret_items))
                return E_POINTER;
        *ret_n = 0;
        while (n < size && start + n < iterator->n && SUCCEEDED(hr)) {
                hr = iterator->get(iterator->collection, start + n, &ret_items[n]);
                n += SUCCEEDED(hr);
        }
        if (FAILED(hr)) {
                for (UINT32 i = 0; i < n; i++)
                        IUnknown_Release(ret_items[i]);
                return hr;
        }
        atomic_store(&iterator->position, start + n);
        *ret_n = n;
        return S_OK;
}
