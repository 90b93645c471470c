/* SPDX-License-Identifier: MIT */

#include "winrt/vector.h"

#include <stdlib.h>

#include "winrt/iterator.h"

typedef struct Vector {
        Object object;
        size_t n;
        IUnknown **items;
} Vector;

/* The classes of one kind. */
typedef struct VectorClasses {
        Class vector, iterator;
} VectorClasses;

static const VectorClasses classes[VECTOR_X_MAX];
static atomic_int_least64_t last_token;

static Vector *vector_of(void *self)
{
        return (Vector *)object_of(self);
}

void vector_free(IUnknown **items, size_t n)
{
        for (size_t i = 0; items && i < n; i++)
                if (items[i])
                        IUnknown_Release(items[i]);
        free(items);
}

static void vector_done(Object *object)
{
        vector_free(((Vector *)object)->items, ((Vector *)object)->n);
}

static HRESULT hand_out(Object *collection, size_t i, IUnknown **ret_item)
{
        const Vector *vector = (Vector *)collection;

        *ret_item = NULL;
        if (i >= vector->n)
                return E_BOUNDS;
        IUnknown_AddRef(vector->items[i]);
        *ret_item = vector->items[i];
        return S_OK;
}

static STDMETHODIMP get_at(void *self, UINT32 i, IUnknown **ret_item)
{
        return ret_item ? hand_out(object_of(self), i, ret_item) : E_POINTER;
}

static STDMETHODIMP get_size(void *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = (UINT32)vector_of(self)->n;
        return S_OK;
}

static STDMETHODIMP index_of(void *self, IUnknown *item, UINT32 *ret_index, boolean *ret_found)
{
        const Vector *vector = vector_of(self);

        if (!ret_index || !ret_found)
                return E_POINTER;
        *ret_index = 0;
        *ret_found = 0;
        for (size_t i = 0; i < vector->n && !*ret_found; i++)
                if (vector->items[i] == item) {
                        *ret_index = (UINT32)i;
                        *ret_found = 1;
                }
        return S_OK;
}

/* As many as fit. */
static STDMETHODIMP get_many(void *self, UINT32 start, UINT32 size, IUnknown **ret_items, UINT32 *ret_n)
{
        UINT32 n = 0;

        if (!ret_n || (size > 0 && !ret_items))
                return E_POINTER;
        *ret_n = 0;
        if (start > vector_of(self)->n)
                return E_BOUNDS;
        while (n < size && SUCCEEDED(hand_out(object_of(self), (size_t)start + n, &ret_items[n])))
                n++;
        *ret_n = n;
        return S_OK;
}

static STDMETHODIMP get_view(void *self, void **ret_view)
{
        const Vector *vector = vector_of(self);
        IUnknown **items;

        if (!ret_view)
                return E_POINTER;
        *ret_view = NULL;
        items = calloc(MAX(vector->n, (size_t)1), sizeof(IUnknown *));
        if (!items)
                return E_OUTOFMEMORY;
        for (size_t i = 0; i < vector->n; i++)
                (void)hand_out(object_of(self), i, &items[i]);
        return vector_new(VECTOR_FOLDER_VIEW, items, vector->n, ret_view);
}

/* Nobody changes it: a handler has nothing to hear. */
static STDMETHODIMP add_changed(void *self, void *handler, EventRegistrationToken *ret_token)
{
        if (!handler || !ret_token)
                return E_POINTER;
        ret_token->value = atomic_fetch_add(&last_token, 1) + 1;
        return S_OK;
}

static STDMETHODIMP remove_changed(void *self, EventRegistrationToken token)
{
        return S_OK;
}

static STDMETHODIMP first(void *self, void **ret_iterator)
{
        Vector *vector = vector_of(self);

        if (!ret_iterator)
                return E_POINTER;
        /* The vector's class is the first one of its kind. */
        return iterator_new(&CONTAINER_OF(vector->object.class_, const VectorClasses, vector)->iterator,
                            &vector->object, vector->n, hand_out, ret_iterator);
}

#define VTABLES(type)                                                                                           \
        static const IVectorView_##type##Vtbl type##_view = {                                                   \
                INSPECTABLE_SLOTS, .GetAt = (void *)get_at, .get_Size = (void *)get_size,                       \
                .IndexOf = (void *)index_of, .GetMany = (void *)get_many,                                       \
        };                                                                                                      \
        static const IIterable_##type##Vtbl type##_iterable = { INSPECTABLE_SLOTS, .First = (void *)first };    \
        static const IIterator_##type##Vtbl type##_iterator = { ITERATOR_SLOTS }

VTABLES(StorageFolder);
VTABLES(StorageLibraryChange);

static const IVector_StorageFolderVtbl folders = {
        INSPECTABLE_SLOTS, .GetAt = (void *)get_at, .get_Size = (void *)get_size, .GetView = (void *)get_view,
        .IndexOf = (void *)index_of, .SetAt = NOT_IMPLEMENTED, .InsertAt = NOT_IMPLEMENTED,
        .RemoveAt = NOT_IMPLEMENTED, .Append = NOT_IMPLEMENTED,
        .RemoveAtEnd = NOT_IMPLEMENTED, .Clear = NOT_IMPLEMENTED, .GetMany = (void *)get_many,
        .ReplaceAll = NOT_IMPLEMENTED,
};
static const IObservableVector_StorageFolderVtbl observable_folders = {
        INSPECTABLE_SLOTS, .add_VectorChanged = (void *)add_changed, .remove_VectorChanged = (void *)remove_changed,
};

#define COLLECTIONS u"Windows.Foundation.Collections."
#define CLASSES(generic, type, ...)                                                                             \
        {                                                                                                       \
                .vector = { .name = COLLECTIONS generic u"`1<Windows.Storage." u"" #type u">",                  \
                            .size = sizeof(Vector), .done = vector_done,                                        \
                            .faces = { __VA_ARGS__, { &IID_IIterable_##type, &type##_iterable, NULL } } },      \
                .iterator = { .name = COLLECTIONS u"IIterator`1<Windows.Storage." u"" #type u">",               \
                              .size = sizeof(Iterator), .done = iterator_done,                                  \
                              .faces = { { &IID_IIterator_##type, &type##_iterator, NULL } } },                 \
        }

static const VectorClasses classes[] = {
        [VECTOR_FOLDERS] = CLASSES(u"IObservableVector", StorageFolder,
                                   { &IID_IObservableVector_StorageFolder, &observable_folders, NULL },
                                   { &IID_IVector_StorageFolder, &folders, NULL }),
        [VECTOR_FOLDER_VIEW] = CLASSES(u"IVectorView", StorageFolder,
                                       { &IID_IVectorView_StorageFolder, &StorageFolder_view, NULL }),
        [VECTOR_CHANGES] = CLASSES(u"IVectorView", StorageLibraryChange,
                                   { &IID_IVectorView_StorageLibraryChange, &StorageLibraryChange_view, NULL }),
};

HRESULT vector_new(VectorKind kind, IUnknown **items, size_t n, void *ret)
{
        Vector *vector = (Vector *)object_new(&classes[kind].vector);

        *(void **)ret = NULL;
        if (!vector) {
                vector_free(items, n);
                return E_OUTOFMEMORY;
        }
        vector->items = items;
        vector->n = n;
        *(void **)ret = object_face(&vector->object, 0);
        return S_OK;
}
