/* SPDX-License-Identifier: MIT */

#include "winrt/valueset.h"

#include <stdlib.h>
#include <string.h>

#include "winrt/events.h"
#include "winrt/factory.h"
#include "winrt/property.h"
#include "winrt/settings.h"

typedef struct ValueSet {
        Object object;
        pthread_mutex_t lock;
        MapEntry *entries;
        size_t n;
        char *path; /* NULL: they are only here */
        int fd;     /* while the file is locked */
        Events changed;
} ValueSet;

typedef struct ChangedArgs {
        Object object;
        CollectionChange change;
        HSTRING key;
} ChangedArgs;

static const Class set_class, property_class, settings_class, string_class;

static ValueSet *set_of(void *self)
{
        return (ValueSet *)object_of(self);
}

static void forget(ValueSet *set)
{
        map_entries_free(set->entries, set->n);
        set->entries = NULL;
        set->n = 0;
}

static void set_done(Object *object)
{
        ValueSet *set = (ValueSet *)object;

        forget(set);
        free(set->path);
        events_done(&set->changed);
        pthread_mutex_destroy(&set->lock);
}

/* Locks the set; that of a file is read. It is to be given to end(), whatever comes of it. */
static HRESULT begin(ValueSet *set, bool to_write)
{
        pthread_mutex_lock(&set->lock);
        if (!set->path)
                return S_OK;
        return settings_load(set->path, to_write, &set->fd, &set->entries, &set->n);
}

/* hr is how it went; changed: the file is to be written. */
static HRESULT end(ValueSet *set, HRESULT hr, bool changed)
{
        if (set->path) {
                if (SUCCEEDED(hr) && changed)
                        hr = settings_save(set->path, set->entries, set->n);
                settings_unlock(&set->fd);
                forget(set);
        }
        pthread_mutex_unlock(&set->lock);
        return hr;
}

static MapEntry *find(ValueSet *set, HSTRING key)
{
        for (size_t i = 0; i < set->n; i++)
                if (string_equal(set->entries[i].name, key))
                        return &set->entries[i];
        return NULL;
}

static STDMETHODIMP lookup(IMap_HSTRING_IInspectable *self, HSTRING key, IInspectable **ret_value)
{
        ValueSet *set = set_of(self);
        const MapEntry *entry;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        hr = begin(set, false);
        entry = SUCCEEDED(hr) ? find(set, key) : NULL;
        if (SUCCEEDED(hr) && !entry)
                hr = E_BOUNDS;
        if (entry && entry->value) {
                IUnknown_AddRef(entry->value);
                *ret_value = (IInspectable *)entry->value;
        }
        return end(set, hr, false);
}

static STDMETHODIMP get_size(IMap_HSTRING_IInspectable *self, UINT32 *ret_value)
{
        ValueSet *set = set_of(self);
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        hr = begin(set, false);
        *ret_value = (UINT32)set->n;
        return end(set, hr, false);
}

static STDMETHODIMP has_key(IMap_HSTRING_IInspectable *self, HSTRING key, boolean *ret_value)
{
        ValueSet *set = set_of(self);
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        hr = begin(set, false);
        *ret_value = find(set, key) != NULL;
        return end(set, hr, false);
}

/* What the set holds, for a view. */
static HRESULT copy_entries(ValueSet *set, MapEntry **ret_entries)
{
        MapEntry *copy = calloc(MAX(set->n, (size_t)1), sizeof *copy);

        if (!copy)
                return E_OUTOFMEMORY;
        for (size_t i = 0; i < set->n; i++) {
                HRESULT hr = WindowsDuplicateString(set->entries[i].name, &copy[i].name);

                if (FAILED(hr)) {
                        map_entries_free(copy, i);
                        return hr;
                }
                copy[i].value = set->entries[i].value;
                if (copy[i].value)
                        IUnknown_AddRef(copy[i].value);
        }
        *ret_entries = copy;
        return S_OK;
}

static HRESULT make_view(ValueSet *set, IMapView_HSTRING_IInspectable **ret_view)
{
        MapEntry *entries = NULL;
        HRESULT hr = begin(set, false);
        size_t n = set->n;

        *ret_view = NULL;
        if (SUCCEEDED(hr))
                hr = copy_entries(set, &entries);
        hr = end(set, hr, false);
        if (FAILED(hr))
                return hr;
        return map_new(set->object.class_ == &string_class ? MAP_STRINGS : MAP_OBJECTS, entries, n, ret_view);
}

static STDMETHODIMP get_view(IMap_HSTRING_IInspectable *self, IMapView_HSTRING_IInspectable **ret_view)
{
        return ret_view ? make_view(set_of(self), ret_view) : E_POINTER;
}

static STDMETHODIMP first(IIterable_HSTRING_IInspectable *self, IIterator_HSTRING_IInspectable **ret_iterator)
{
        IMapView_HSTRING_IInspectable *view;
        HRESULT hr;

        if (!ret_iterator)
                return E_POINTER;
        *ret_iterator = NULL;
        hr = make_view(set_of(self), &view);
        if (FAILED(hr))
                return hr;
        hr = map_first(view, ret_iterator);
        IMapView_HSTRING_IInspectable_Release(view);
        return hr;
}

/* MapChanged. */

static void args_done(Object *object)
{
        (void)WindowsDeleteString(((ChangedArgs *)object)->key);
}

static STDMETHODIMP get_change(IMapChangedEventArgs_HSTRING *self, CollectionChange *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((ChangedArgs *)object_of(self))->change;
        return S_OK;
}

static STDMETHODIMP get_key(IMapChangedEventArgs_HSTRING *self, HSTRING *ret_value)
{
        return ret_value ? WindowsDuplicateString(((ChangedArgs *)object_of(self))->key, ret_value) : E_POINTER;
}

static const IMapChangedEventArgs_HSTRINGVtbl args_vtable = {
        INSPECTABLE_SLOTS, .get_CollectionChange = get_change, .get_Key = get_key,
};
static const Class args_class = {
        .name = u"Windows.Foundation.Collections.IMapChangedEventArgs`1<String>", .size = sizeof(ChangedArgs),
        .done = args_done, .faces = { { &IID_IMapChangedEventArgs_HSTRING, &args_vtable, NULL } },
};

typedef struct Change {
        IObservableMap_HSTRING_IInspectable *sender;
        IMapChangedEventArgs_HSTRING *args;
} Change;

static HRESULT call_changed(IUnknown *handler, void *userdata)
{
        const Change *change = userdata;

        return IMapChangedEventHandler_HSTRING_IInspectable_Invoke(
                (IMapChangedEventHandler_HSTRING_IInspectable *)handler, change->sender, change->args);
}

/* The change is made: who cannot be told of it for want of memory is not. */
static void tell(ValueSet *set, CollectionChange change, HSTRING key)
{
        ChangedArgs *args = events_any(&set->changed) ? (ChangedArgs *)object_new(&args_class) : NULL;
        Change told = { .sender = object_face(&set->object, 2) };

        if (!args)
                return;
        args->change = change;
        told.args = object_face(&args->object, 0);
        if (SUCCEEDED(WindowsDuplicateString(key, &args->key)))
                (void)events_raise(&set->changed, 0, call_changed, &told);
        object_unref(&args->object);
}

/* Values that can be told to another process: PropertyValues, sets of them, and none. */
static bool is_value(IInspectable *value, bool may_be_set)
{
        static const IID *const iids[] = { &IID_IPropertyValue, &IID_IPropertySet };
        IUnknown *found;

        for (size_t i = 0; i < (may_be_set ? 2u : 1u); i++)
                if (value && SUCCEEDED(IInspectable_QueryInterface(value, iids[i], (void **)&found))) {
                        IUnknown_Release(found);
                        return true;
                }
        return !value && may_be_set;
}

/* What was there before, a value of the program, is the caller's: it may come back here when it is released. */
static HRESULT put(ValueSet *set, HSTRING key, IInspectable *value, boolean *ret_replaced, IUnknown **ret_old)
{
        MapEntry *entry = find(set, key), *grown;
        HSTRING copy = NULL;
        HRESULT hr;

        *ret_old = NULL;
        *ret_replaced = entry != NULL;
        if (!entry) {
                hr = WindowsDuplicateString(key, &copy);
                if (FAILED(hr))
                        return hr;
                grown = realloc(set->entries, (set->n + 1) * sizeof *grown);
                if (!grown) {
                        (void)WindowsDeleteString(copy);
                        return E_OUTOFMEMORY;
                }
                set->entries = grown;
                entry = &grown[set->n++];
                *entry = (MapEntry){ .name = copy };
        }
        if (value)
                IInspectable_AddRef(value);
        *ret_old = entry->value;
        entry->value = (IUnknown *)value;
        return S_OK;
}

/* Settings and what goes to another process are of values, and each has a name. */
static bool may_hold(const ValueSet *set, HSTRING key, IInspectable *value)
{
        const Class *class_ = set->object.class_;

        return class_ == &property_class || class_ == &string_class ||
                (!WindowsIsStringEmpty(key) && is_value(value, !set->path));
}

static STDMETHODIMP insert(IMap_HSTRING_IInspectable *self, HSTRING key, IInspectable *value, boolean *ret_replaced)
{
        ValueSet *set = set_of(self);
        IUnknown *old = NULL;
        HRESULT hr;

        if (!ret_replaced)
                return E_POINTER;
        *ret_replaced = 0;
        if (!may_hold(set, key, value))
                return E_INVALIDARG;
        hr = begin(set, true);
        if (SUCCEEDED(hr))
                hr = put(set, key, value, ret_replaced, &old);
        hr = end(set, hr, true);
        if (old)
                IUnknown_Release(old);
        if (SUCCEEDED(hr))
                tell(set, *ret_replaced ? CollectionChange_ItemChanged : CollectionChange_ItemInserted, key);
        return hr;
}

static STDMETHODIMP remove_key(IMap_HSTRING_IInspectable *self, HSTRING key)
{
        ValueSet *set = set_of(self);
        HRESULT hr = begin(set, true);
        MapEntry *entry = SUCCEEDED(hr) ? find(set, key) : NULL;
        IUnknown *value = NULL;

        if (SUCCEEDED(hr) && !entry)
                hr = E_BOUNDS;
        if (entry) {
                (void)WindowsDeleteString(entry->name);
                value = entry->value;
                set->n--;
                memmove(entry, entry + 1, (size_t)(&set->entries[set->n] - entry) * sizeof *entry);
        }
        hr = end(set, hr, true);
        if (value)
                IUnknown_Release(value);
        if (SUCCEEDED(hr))
                tell(set, CollectionChange_ItemRemoved, key);
        return hr;
}

static STDMETHODIMP clear(IMap_HSTRING_IInspectable *self)
{
        ValueSet *set = set_of(self);
        HRESULT hr = begin(set, true);
        MapEntry *entries = NULL;
        size_t n = 0;

        if (SUCCEEDED(hr)) {
                entries = TAKE_PTR(set->entries);
                n = set->n;
                set->n = 0;
        }
        hr = end(set, hr, true);
        map_entries_free(entries, n);
        if (SUCCEEDED(hr))
                tell(set, CollectionChange_Reset, NULL);
        return hr;
}

static STDMETHODIMP add_changed(IObservableMap_HSTRING_IInspectable *self,
                                IMapChangedEventHandler_HSTRING_IInspectable *handler,
                                EventRegistrationToken *ret_token)
{
        return events_add(&set_of(self)->changed, (IUnknown *)handler, ret_token);
}

static STDMETHODIMP remove_changed(IObservableMap_HSTRING_IInspectable *self, EventRegistrationToken token)
{
        (void)events_remove(&set_of(self)->changed, token);
        return S_OK;
}

static const IMap_HSTRING_IInspectableVtbl map_vtable = {
        INSPECTABLE_SLOTS, .Lookup = lookup, .get_Size = get_size, .HasKey = has_key, .GetView = get_view,
        .Insert = insert, .Remove = remove_key, .Clear = clear,
};
static const IIterable_HSTRING_IInspectableVtbl iterable_vtable = { INSPECTABLE_SLOTS, .First = first };
static const IObservableMap_HSTRING_IInspectableVtbl observable_vtable = {
        INSPECTABLE_SLOTS, .add_MapChanged = add_changed, .remove_MapChanged = remove_changed,
};
static const IPropertySetVtbl set_vtable = { INSPECTABLE_SLOTS };

#define SET_CLASS(text)                                                                                         \
        {                                                                                                       \
                .name = text, .size = sizeof(ValueSet), .done = set_done,                                       \
                .faces = { { &IID_IPropertySet, &set_vtable, NULL },                                            \
                           { &IID_IMap_HSTRING_IInspectable, &map_vtable, NULL },                               \
                           { &IID_IObservableMap_HSTRING_IInspectable, &observable_vtable, NULL },              \
                           { &IID_IIterable_HSTRING_IInspectable, &iterable_vtable, NULL } },                   \
        }

static const Class set_class = SET_CLASS(u"Windows.Foundation.Collections.ValueSet");
static const Class property_class = SET_CLASS(u"Windows.Foundation.Collections.PropertySet");
static const Class settings_class = SET_CLASS(u"Windows.Storage.ApplicationDataContainerSettings");

/* A StringMap keeps its texts as values, and is a set of them in all else. */

static STDMETHODIMP lookup_text(IMap_HSTRING_HSTRING *self, HSTRING key, HSTRING *ret_value)
{
        IInspectable *value;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        hr = lookup((IMap_HSTRING_IInspectable *)self, key, &value);
        if (FAILED(hr))
                return hr;
        hr = IPropertyValue_GetString((IPropertyValue *)value, ret_value);
        IInspectable_Release(value);
        return hr;
}

static STDMETHODIMP insert_text(IMap_HSTRING_HSTRING *self, HSTRING key, HSTRING text, boolean *ret_replaced)
{
        IInspectable *value;
        HRESULT hr;

        if (!ret_replaced)
                return E_POINTER;
        *ret_replaced = 0;
        hr = property_new_string(text, &value);
        if (FAILED(hr))
                return hr;
        hr = insert((IMap_HSTRING_IInspectable *)self, key, value, ret_replaced);
        IInspectable_Release(value);
        return hr;
}

static const IMap_HSTRING_HSTRINGVtbl text_map_vtable = {
        INSPECTABLE_SLOTS, .Lookup = lookup_text, .get_Size = (void *)get_size, .HasKey = (void *)has_key,
        .GetView = (void *)get_view, .Insert = insert_text, .Remove = (void *)remove_key, .Clear = (void *)clear,
};
static const IIterable_HSTRING_HSTRINGVtbl text_iterable_vtable = { INSPECTABLE_SLOTS, .First = (void *)first };
static const IObservableMap_HSTRING_HSTRINGVtbl text_observable_vtable = {
        INSPECTABLE_SLOTS, .add_MapChanged = (void *)add_changed, .remove_MapChanged = (void *)remove_changed,
};
/* IObservableMap is where it is in the sets: tell() hands it out. */
static const Class string_class = {
        .name = u"Windows.Foundation.Collections.StringMap", .size = sizeof(ValueSet), .done = set_done,
        .faces = { { &IID_IMap_HSTRING_HSTRING, &text_map_vtable, NULL },
                   { &IID_IIterable_HSTRING_HSTRING, &text_iterable_vtable, NULL },
                   { &IID_IObservableMap_HSTRING_HSTRING, &text_observable_vtable, NULL } },
};

static HRESULT new_set(const Class *class_, const char *path, IPropertySet **ret)
{
        char *copy = path ? strdup(path) : NULL;
        ValueSet *set;

        *ret = NULL;
        if (path && !copy)
                return E_OUTOFMEMORY;
        set = (ValueSet *)object_new(class_);
        if (!set) {
                free(copy);
                return E_OUTOFMEMORY;
        }
        pthread_mutex_init(&set->lock, NULL);
        events_init(&set->changed);
        set->path = copy;
        set->fd = -1;
        *ret = object_face(&set->object, 0);
        return S_OK;
}

HRESULT valueset_new(IPropertySet **ret)
{
        return new_set(&set_class, NULL, ret);
}

HRESULT valueset_open(const char *path, IPropertySet **ret)
{
        return new_set(&settings_class, path, ret);
}

static HRESULT activate(const FactoryInfo *info, IInspectable **ret_instance)
{
        return valueset_new((IPropertySet **)ret_instance);
}

/* Its values may be anything. */
static HRESULT activate_property_set(const FactoryInfo *info, IInspectable **ret_instance)
{
        return new_set(&property_class, NULL, (IPropertySet **)ret_instance);
}

static HRESULT activate_string_map(const FactoryInfo *info, IInspectable **ret_instance)
{
        return new_set(&string_class, NULL, (IPropertySet **)ret_instance);
}

const FactoryInfo valueset_factories[] = {
        { u"Windows.Foundation.Collections.PropertySet", { { NULL, NULL, NULL } }, activate_property_set },
        { u"Windows.Foundation.Collections.StringMap", { { NULL, NULL, NULL } }, activate_string_map },
        { u"Windows.Foundation.Collections.ValueSet", { { NULL, NULL, NULL } }, activate },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
