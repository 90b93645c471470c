/* SPDX-License-Identifier: MIT */

#include "winrt/map.h"

#include <stdlib.h>

#include "winrt/registration.h"

typedef struct Entry {
        GUID key;
        IBackgroundTaskRegistration *value;
} Entry;

typedef struct Map {
        Object object;
        size_t n;
        Entry *entries;
} Map;

typedef struct Iterator {
        Object object;
        Map *map; /* counted */
        atomic_size_t position;
} Iterator;

typedef struct Pair {
        Object object;
        Entry entry;
} Pair;

static Map *map_of(void *self)
{
        return (Map *)object_of(self);
}

static void map_done(Object *object)
{
        Map *map = (Map *)object;

        for (size_t i = 0; i < map->n; i++)
                IBackgroundTaskRegistration_Release(map->entries[i].value);
        free(map->entries);
}

static Entry *find(Map *map, const GUID *key)
{
        for (size_t i = 0; i < map->n; i++)
                if (iid_equal(&map->entries[i].key, key))
                        return &map->entries[i];
        return NULL;
}

static STDMETHODIMP lookup(IMapView_GUID_BackgroundTaskRegistration *self, GUID key,
                           IBackgroundTaskRegistration **ret_value)
{
        Entry *entry;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        entry = find(map_of(self), &key);
        if (!entry)
                return E_BOUNDS;
        *ret_value = entry->value;
        IBackgroundTaskRegistration_AddRef(entry->value);
        return S_OK;
}

static STDMETHODIMP get_size(IMapView_GUID_BackgroundTaskRegistration *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = (UINT32)map_of(self)->n;
        return S_OK;
}

static STDMETHODIMP has_key(IMapView_GUID_BackgroundTaskRegistration *self, GUID key, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = find(map_of(self), &key) != NULL;
        return S_OK;
}

/* May leave both empty: then there is nothing to be gained from it. */
static STDMETHODIMP split(IMapView_GUID_BackgroundTaskRegistration *self,
                          IMapView_GUID_BackgroundTaskRegistration **ret_first,
                          IMapView_GUID_BackgroundTaskRegistration **ret_second)
{
        if (!ret_first || !ret_second)
                return E_POINTER;
        *ret_first = *ret_second = NULL;
        return S_OK;
}

static STDMETHODIMP pair_get_key(IKeyValuePair_GUID_BackgroundTaskRegistration *self, GUID *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((Pair *)object_of(self))->entry.key;
        return S_OK;
}

static STDMETHODIMP pair_get_value(IKeyValuePair_GUID_BackgroundTaskRegistration *self,
                                   IBackgroundTaskRegistration **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((Pair *)object_of(self))->entry.value;
        IBackgroundTaskRegistration_AddRef(*ret_value);
        return S_OK;
}

static void pair_done(Object *object)
{
        IBackgroundTaskRegistration_Release(((Pair *)object)->entry.value);
}

static const IKeyValuePair_GUID_BackgroundTaskRegistrationVtbl pair_vtable = {
        INSPECTABLE_SLOTS, .get_Key = pair_get_key, .get_Value = pair_get_value,
};
static const Class pair_class = {
        .name = u"Windows.Foundation.Collections.IKeyValuePair`2<Guid, "
                u"Windows.ApplicationModel.Background.IBackgroundTaskRegistration>",
        .size = sizeof(Pair), .done = pair_done,
        .faces = { { &IID_IKeyValuePair_GUID_BackgroundTaskRegistration, &pair_vtable, NULL } },
};

static HRESULT get_pair(Map *map, size_t position, IKeyValuePair_GUID_BackgroundTaskRegistration **ret_pair)
{
        Pair *pair;

        *ret_pair = NULL;
        if (position >= map->n)
                return E_BOUNDS;
        pair = (Pair *)object_new(&pair_class);
        if (!pair)
                return E_OUTOFMEMORY;
        pair->entry = map->entries[position];
        IBackgroundTaskRegistration_AddRef(pair->entry.value);
        *ret_pair = object_face(&pair->object, 0);
        return S_OK;
}

static STDMETHODIMP get_current(IIterator_GUID_BackgroundTaskRegistration *self,
                                IKeyValuePair_GUID_BackgroundTaskRegistration **ret_pair)
{
        Iterator *iterator = (Iterator *)object_of(self);

        return ret_pair ? get_pair(iterator->map, atomic_load(&iterator->position), ret_pair) : E_POINTER;
}

static STDMETHODIMP get_has_current(IIterator_GUID_BackgroundTaskRegistration *self, boolean *ret_value)
{
        Iterator *iterator = (Iterator *)object_of(self);

        if (!ret_value)
                return E_POINTER;
        *ret_value = atomic_load(&iterator->position) < iterator->map->n;
        return S_OK;
}

static STDMETHODIMP move_next(IIterator_GUID_BackgroundTaskRegistration *self, boolean *ret_value)
{
        Iterator *iterator = (Iterator *)object_of(self);

        if (!ret_value)
                return E_POINTER;
        if (atomic_load(&iterator->position) < iterator->map->n)
                atomic_fetch_add(&iterator->position, 1);
        return get_has_current(self, ret_value);
}

static STDMETHODIMP get_many(IIterator_GUID_BackgroundTaskRegistration *self, UINT32 size,
                             IKeyValuePair_GUID_BackgroundTaskRegistration **ret_pairs, UINT32 *ret_n)
{
        Iterator *iterator = (Iterator *)object_of(self);
        HRESULT hr = S_OK;
        UINT32 n = 0;

        if (!ret_n || (size > 0 && !ret_pairs))
                return E_POINTER;
        while (n < size && SUCCEEDED(hr) && atomic_load(&iterator->position) < iterator->map->n) {
                hr = get_pair(iterator->map, atomic_load(&iterator->position), &ret_pairs[n]);
                if (SUCCEEDED(hr)) {
                        n++;
                        atomic_fetch_add(&iterator->position, 1);
                }
        }
        *ret_n = n;
        return hr;
}

static void iterator_done(Object *object)
{
        object_unref(&((Iterator *)object)->map->object);
}

static const IIterator_GUID_BackgroundTaskRegistrationVtbl iterator_vtable = {
        INSPECTABLE_SLOTS, .get_Current = get_current, .get_HasCurrent = get_has_current, .MoveNext = move_next,
        .GetMany = get_many,
};
static const Class iterator_class = {
        .name = u"Windows.Foundation.Collections.IIterator`1<Windows.Foundation.Collections.IKeyValuePair`2<Guid, "
                u"Windows.ApplicationModel.Background.IBackgroundTaskRegistration>>",
        .size = sizeof(Iterator), .done = iterator_done,
        .faces = { { &IID_IIterator_GUID_BackgroundTaskRegistration, &iterator_vtable, NULL } },
};

static STDMETHODIMP first(IIterable_GUID_BackgroundTaskRegistration *self,
                          IIterator_GUID_BackgroundTaskRegistration **ret_iterator)
{
        Iterator *iterator;

        if (!ret_iterator)
                return E_POINTER;
        *ret_iterator = NULL;
        iterator = (Iterator *)object_new(&iterator_class);
        if (!iterator)
                return E_OUTOFMEMORY;
        iterator->map = (Map *)object_ref(object_of(self));
        *ret_iterator = object_face(&iterator->object, 0);
        return S_OK;
}

static const IMapView_GUID_BackgroundTaskRegistrationVtbl map_vtable = {
        INSPECTABLE_SLOTS, .Lookup = lookup, .get_Size = get_size, .HasKey = has_key, .Split = split,
};
static const IIterable_GUID_BackgroundTaskRegistrationVtbl iterable_vtable = { INSPECTABLE_SLOTS, .First = first };
static const Class map_class = {
        .name = u"Windows.Foundation.Collections.IMapView`2<Guid, "
                u"Windows.ApplicationModel.Background.IBackgroundTaskRegistration>",
        .size = sizeof(Map), .done = map_done,
        .faces = { { &IID_IMapView_GUID_BackgroundTaskRegistration, &map_vtable, NULL },
                   { &IID_IIterable_GUID_BackgroundTaskRegistration, &iterable_vtable, NULL } },
};

HRESULT map_new(bgt_registration *const *tasks, size_t n, IMapView_GUID_BackgroundTaskRegistration **ret)
{
        Map *map = (Map *)object_new(&map_class);
        HRESULT hr = S_OK;

        *ret = NULL;
        if (!map)
                return E_OUTOFMEMORY;
        map->entries = calloc(MAX(n, (size_t)1), sizeof(*map->entries));
        if (!map->entries)
                hr = E_OUTOFMEMORY;
        while (SUCCEEDED(hr) && map->n < n) {
                Entry *entry = &map->entries[map->n];

                hr = guid_parse(bgt_registration_id(tasks[map->n]), &entry->key) ? S_OK : E_FAIL;
                if (SUCCEEDED(hr))
                        hr = registration_wrap(tasks[map->n], &entry->value);
                if (SUCCEEDED(hr))
                        map->n++;
        }
        if (FAILED(hr)) {
                object_unref(&map->object);
                return hr;
        }
        *ret = object_face(&map->object, 0);
        return S_OK;
}
