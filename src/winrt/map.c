/* SPDX-License-Identifier: MIT */

#include "winrt/map.h"

#include <stdlib.h>

#include "winrt/iterator.h"
#include "winrt/registration.h"

typedef struct Map {
        Object object;
        size_t n;
        MapEntry *entries;
} Map;

typedef struct Pair {
        Object object;
        MapEntry entry;
} Pair;

/* The classes of one kind. */
typedef struct MapClasses {
        Class map, iterator, pair;
} MapClasses;

static const MapClasses classes[MAP_X_MAX];

static Map *map_of(void *self)
{
        return (Map *)object_of(self);
}

static void entry_done(MapEntry *entry)
{
        (void)WindowsDeleteString(entry->name);
        if (entry->value)
                IUnknown_Release(entry->value);
}

void map_entries_free(MapEntry *entries, size_t n)
{
        for (size_t i = 0; i < n; i++)
                entry_done(&entries[i]);
        free(entries);
}

static void map_done(Object *object)
{
        map_entries_free(((Map *)object)->entries, ((Map *)object)->n);
}

static void hand_out(const MapEntry *entry, IUnknown **ret_value)
{
        *ret_value = entry->value;
        if (entry->value)
                IUnknown_AddRef(entry->value);
}

static MapEntry *find_id(Map *map, const GUID *key)
{
        for (size_t i = 0; i < map->n; i++)
                if (iid_equal(&map->entries[i].id, key))
                        return &map->entries[i];
        return NULL;
}

static MapEntry *find_name(Map *map, HSTRING key)
{
        for (size_t i = 0; i < map->n; i++)
                if (string_equal(map->entries[i].name, key))
                        return &map->entries[i];
        return NULL;
}

static HRESULT lookup(const MapEntry *entry, IUnknown **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        if (!entry)
                return E_BOUNDS;
        hand_out(entry, ret_value);
        return S_OK;
}

static STDMETHODIMP lookup_id(void *self, GUID key, IUnknown **ret_value)
{
        return lookup(find_id(map_of(self), &key), ret_value);
}

static STDMETHODIMP lookup_name(void *self, HSTRING key, IUnknown **ret_value)
{
        return lookup(find_name(map_of(self), key), ret_value);
}

/* The text of a value that is one. */
static HRESULT hand_out_text(const MapEntry *entry, HSTRING *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return entry ? IPropertyValue_GetString((IPropertyValue *)entry->value, ret_value) : E_BOUNDS;
}

static STDMETHODIMP lookup_text(void *self, HSTRING key, HSTRING *ret_value)
{
        return hand_out_text(find_name(map_of(self), key), ret_value);
}

static STDMETHODIMP get_size(void *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = (UINT32)map_of(self)->n;
        return S_OK;
}

static STDMETHODIMP has_id(void *self, GUID key, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = find_id(map_of(self), &key) != NULL;
        return S_OK;
}

static STDMETHODIMP has_name(void *self, HSTRING key, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = find_name(map_of(self), key) != NULL;
        return S_OK;
}

/* May leave both empty: then there is nothing to be gained from it. */
static STDMETHODIMP split(void *self, IUnknown **ret_first, IUnknown **ret_second)
{
        if (!ret_first || !ret_second)
                return E_POINTER;
        *ret_first = *ret_second = NULL;
        return S_OK;
}

static STDMETHODIMP pair_get_id(void *self, GUID *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((Pair *)object_of(self))->entry.id;
        return S_OK;
}

static STDMETHODIMP pair_get_name(void *self, HSTRING *ret_value)
{
        return ret_value ? WindowsDuplicateString(((Pair *)object_of(self))->entry.name, ret_value) : E_POINTER;
}

static STDMETHODIMP pair_get_value(void *self, IUnknown **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        hand_out(&((Pair *)object_of(self))->entry, ret_value);
        return S_OK;
}

static STDMETHODIMP pair_get_text(void *self, HSTRING *ret_value)
{
        return hand_out_text(&((Pair *)object_of(self))->entry, ret_value);
}

static void pair_done(Object *object)
{
        entry_done(&((Pair *)object)->entry);
}

/* The map's class is the first one of its kind. */
static const MapClasses *classes_of(const Map *map)
{
        return CONTAINER_OF(map->object.class_, const MapClasses, map);
}

static HRESULT get_pair(Object *collection, size_t position, IUnknown **ret_pair)
{
        Map *map = (Map *)collection;
        const MapEntry *entry;
        Pair *pair;
        HRESULT hr;

        *ret_pair = NULL;
        if (position >= map->n)
                return E_BOUNDS;
        pair = (Pair *)object_new(&classes_of(map)->pair);
        if (!pair)
                return E_OUTOFMEMORY;
        entry = &map->entries[position];
        pair->entry.id = entry->id;
        hand_out(entry, &pair->entry.value);
        hr = WindowsDuplicateString(entry->name, &pair->entry.name);
        if (FAILED(hr))
                object_unref(&pair->object);
        else
                *ret_pair = object_face(&pair->object, 0);
        return hr;
}

static HRESULT new_iterator(Map *map, void *ret_iterator)
{
        return iterator_new(&classes_of(map)->iterator, &map->object, map->n, get_pair, ret_iterator);
}

static STDMETHODIMP first(void *self, IUnknown **ret_iterator)
{
        return ret_iterator ? new_iterator(map_of(self), ret_iterator) : E_POINTER;
}

HRESULT map_first(void *view, void *ret_iterator)
{
        return new_iterator(map_of(view), ret_iterator);
}

#define VTABLES_OF(suffix, key, lookup_it, get_it)                                                              \
        static const IMapView_##suffix##Vtbl suffix##_map = {                                                   \
                INSPECTABLE_SLOTS, .Lookup = (void *)lookup_it, .get_Size = (void *)get_size,                   \
                .HasKey = (void *)has_##key, .Split = (void *)split,                                            \
        };                                                                                                      \
        static const IIterable_##suffix##Vtbl suffix##_iterable = { INSPECTABLE_SLOTS, .First = (void *)first };\
        static const IIterator_##suffix##Vtbl suffix##_iterator = { ITERATOR_SLOTS };                           \
        static const IKeyValuePair_##suffix##Vtbl suffix##_pair = {                                             \
                INSPECTABLE_SLOTS, .get_Key = (void *)pair_get_##key, .get_Value = (void *)get_it,              \
        }
#define VTABLES(suffix, key) VTABLES_OF(suffix, key, lookup_##key, pair_get_value)

VTABLES(GUID_IBackgroundTaskRegistration, id);
VTABLES(GUID_BackgroundTaskRegistration, id);
VTABLES(HSTRING_BackgroundTaskRegistrationGroup, name);
VTABLES(HSTRING_IInspectable, name);
VTABLES(HSTRING_SocketActivityInformation, name);
VTABLES(HSTRING_ApplicationDataContainer, name);
VTABLES_OF(HSTRING_HSTRING, name, lookup_text, pair_get_text);

#define COLLECTIONS u"Windows.Foundation.Collections."
#define BACKGROUND u"Windows.ApplicationModel.Background."
#define CLASSES(suffix, types)                                                                                  \
        {                                                                                                       \
                .map = { .name = COLLECTIONS u"IMapView`2<" types u">", .size = sizeof(Map), .done = map_done,  \
                         .faces = { { &IID_IMapView_##suffix, &suffix##_map, NULL },                            \
                                    { &IID_IIterable_##suffix, &suffix##_iterable, NULL } } },                  \
                .iterator = { .name = COLLECTIONS u"IIterator`1<" COLLECTIONS u"IKeyValuePair`2<" types u">>",  \
                              .size = sizeof(Iterator), .done = iterator_done,                                  \
                              .faces = { { &IID_IIterator_##suffix, &suffix##_iterator, NULL } } },             \
                .pair = { .name = COLLECTIONS u"IKeyValuePair`2<" types u">", .size = sizeof(Pair),             \
                          .done = pair_done,                                                                    \
                          .faces = { { &IID_IKeyValuePair_##suffix, &suffix##_pair, NULL } } },                 \
        }

static const MapClasses classes[] = {
        [MAP_TASKS] = CLASSES(GUID_IBackgroundTaskRegistration, u"Guid, " BACKGROUND u"IBackgroundTaskRegistration"),
        [MAP_GROUP_TASKS] = CLASSES(GUID_BackgroundTaskRegistration,
                                    u"Guid, " BACKGROUND u"BackgroundTaskRegistration"),
        [MAP_GROUPS] = CLASSES(HSTRING_BackgroundTaskRegistrationGroup,
                               u"String, " BACKGROUND u"BackgroundTaskRegistrationGroup"),
        [MAP_OBJECTS] = CLASSES(HSTRING_IInspectable, u"String, Object"),
        [MAP_SOCKETS] = CLASSES(HSTRING_SocketActivityInformation,
                                u"String, Windows.Networking.Sockets.SocketActivityInformation"),
        [MAP_CONTAINERS] = CLASSES(HSTRING_ApplicationDataContainer,
                                   u"String, Windows.Storage.ApplicationDataContainer"),
        [MAP_STRINGS] = CLASSES(HSTRING_HSTRING, u"String, String"),
};

HRESULT map_new(MapKind kind, MapEntry *entries, size_t n, void *ret)
{
        void **ret_view = ret;
        Map *map = (Map *)object_new(&classes[kind].map);

        *ret_view = NULL;
        if (!map) {
                map_entries_free(entries, n);
                return E_OUTOFMEMORY;
        }
        map->entries = entries;
        map->n = n;
        *ret_view = object_face(&map->object, 0);
        return S_OK;
}

HRESULT map_new_of_tasks(MapKind kind, bgt_registration *const *tasks, size_t n, void *ret)
{
        MapEntry *entries = calloc(MAX(n, (size_t)1), sizeof *entries);
        HRESULT hr = entries ? S_OK : E_OUTOFMEMORY;

        *(void **)ret = NULL;
        for (size_t i = 0; i < n && SUCCEEDED(hr); i++) {
                hr = guid_parse(bgt_registration_id(tasks[i]), &entries[i].id) ? S_OK : E_FAIL;
                if (SUCCEEDED(hr))
                        hr = registration_wrap(tasks[i], (IBackgroundTaskRegistration **)&entries[i].value);
        }
        if (FAILED(hr)) {
                map_entries_free(entries, entries ? n : 0);
                return hr;
        }
        return map_new(kind, entries, n, ret);
}
