/* SPDX-License-Identifier: MIT */

/* StringMap: a map of texts to texts. */

#include "conformance.h"

typedef IMap_HSTRING_HSTRING Map;

static Map *new_map(void)
{
        Map *map = NULL;

        CHECK_OK(RoActivateInstance(STRING("Windows.Foundation.Collections.StringMap"), (IInspectable **)&map));
        return map;
}

static int insert(Map *map, HSTRING key, HSTRING value)
{
        boolean replaced = 9;

        CHECK_OK(IMap_HSTRING_HSTRING_Insert(map, key, value, &replaced));
        return replaced;
}

static int has_text(Map *map, HSTRING key, const char *expected)
{
        HSTRING found = NULL;
        int good;

        CHECK_OK(IMap_HSTRING_HSTRING_Lookup(map, key, &found));
        good = string_is(found, expected);
        CHECK_OK(WindowsDeleteString(found));
        return good;
}

static void a_string_map_is_a_map(void)
{
        static const IID *const iids[] = { &IID_IMap_HSTRING_HSTRING, &IID_IIterable_HSTRING_HSTRING,
                                           &IID_IObservableMap_HSTRING_HSTRING };
        HSTRING found = STRING("x");
        Map *map = new_map();
        boolean has = 9;
        UINT32 n = 9;

        check_interfaces(map, iids, 3);
        check_class_name(map, u"Windows.Foundation.Collections.StringMap");
        CHECK(insert(map, STRING("a"), STRING("one")) == 0);
        CHECK(insert(map, STRING("b"), NULL) == 0);
        CHECK(insert(map, NULL, STRING("of none")) == 0);
        CHECK(insert(map, STRING("a"), STRING("two")) == 1);
        CHECK(has_text(map, STRING("a"), "two") && has_text(map, STRING("b"), "") && has_text(map, NULL, "of none"));
        CHECK_OK(IMap_HSTRING_HSTRING_get_Size(map, &n));
        CHECK(n == 3);
        CHECK_OK(IMap_HSTRING_HSTRING_HasKey(map, STRING("b"), &has));
        CHECK(has == 1);
        CHECK_OK(IMap_HSTRING_HSTRING_Remove(map, STRING("b")));
        CHECK(IMap_HSTRING_HSTRING_Remove(map, STRING("b")) == E_BOUNDS);
        CHECK(IMap_HSTRING_HSTRING_Lookup(map, STRING("b"), &found) == E_BOUNDS && !found);
        CHECK(IMap_HSTRING_HSTRING_Lookup(map, STRING("a"), NULL) == E_POINTER);
        CHECK(IMap_HSTRING_HSTRING_Insert(map, STRING("c"), NULL, NULL) == E_POINTER);
        CHECK_OK(IMap_HSTRING_HSTRING_Clear(map));
        CHECK_OK(IMap_HSTRING_HSTRING_get_Size(map, &n));
        CHECK(n == 0);
        CHECK(IMap_HSTRING_HSTRING_Release(map) == 0);
}

static void a_string_map_has_views(void)
{
        static const IID *const iids[] = { &IID_IMapView_HSTRING_HSTRING, &IID_IIterable_HSTRING_HSTRING };
        static const IID *const pair_iids[] = { &IID_IKeyValuePair_HSTRING_HSTRING };
        IIterable_HSTRING_HSTRING *iterable = NULL;
        IIterator_HSTRING_HSTRING *iterator = NULL;
        IKeyValuePair_HSTRING_HSTRING *pair = NULL;
        IMapView_HSTRING_HSTRING *view = NULL;
        HSTRING key = NULL, value = NULL;
        Map *map = new_map();

        (void)insert(map, STRING("a"), STRING("one"));
        CHECK_OK(IMap_HSTRING_HSTRING_GetView(map, &view));
        CHECK_OK(IMap_HSTRING_HSTRING_QueryInterface(map, &IID_IIterable_HSTRING_HSTRING, (void **)&iterable));
        CHECK_OK(IIterable_HSTRING_HSTRING_First(iterable, &iterator));
        CHECK_OK(IMap_HSTRING_HSTRING_Clear(map));
        check_interfaces(view, iids, 2);
        check_class_name(view, u"Windows.Foundation.Collections.IMapView`2<String, String>");
        CHECK_OK(IMapView_HSTRING_HSTRING_Lookup(view, STRING("a"), &value));
        CHECK(string_is(value, "one"));
        CHECK_OK(WindowsDeleteString(value));
        CHECK(IMapView_HSTRING_HSTRING_Lookup(view, STRING("b"), &value) == E_BOUNDS && !value);
        CHECK(IMapView_HSTRING_HSTRING_Lookup(view, STRING("a"), NULL) == E_POINTER);
        CHECK_OK(IIterator_HSTRING_HSTRING_get_Current(iterator, &pair));
        check_interfaces(pair, pair_iids, 1);
        CHECK_OK(IKeyValuePair_HSTRING_HSTRING_get_Key(pair, &key));
        CHECK_OK(IKeyValuePair_HSTRING_HSTRING_get_Value(pair, &value));
        CHECK(string_is(key, "a") && string_is(value, "one"));
        CHECK_OK(WindowsDeleteString(key));
        CHECK_OK(WindowsDeleteString(value));
        CHECK(IKeyValuePair_HSTRING_HSTRING_Release(pair) == 0);
        CHECK(IIterator_HSTRING_HSTRING_Release(iterator) == 0);
        CHECK(IMapView_HSTRING_HSTRING_Release(view) == 0);
        IIterable_HSTRING_HSTRING_Release(iterable);
        CHECK(IMap_HSTRING_HSTRING_Release(map) == 0);
}

static IObservableMap_HSTRING_HSTRING *observable;
static int n_told;

static STDMETHODIMP on_changed(IMapChangedEventHandler_HSTRING_HSTRING *self, IObservableMap_HSTRING_HSTRING *sender,
                               IMapChangedEventArgs_HSTRING *args)
{
        CollectionChange change = CollectionChange_Reset;
        HSTRING key = NULL;

        (void)IMapChangedEventArgs_HSTRING_get_CollectionChange(args, &change);
        (void)IMapChangedEventArgs_HSTRING_get_Key(args, &key);
        n_told += sender == observable && change == CollectionChange_ItemInserted && string_is(key, "a");
        (void)WindowsDeleteString(key);
        return S_OK;
}

static void changes_of_a_string_map_are_told(void)
{
        static const IMapChangedEventHandler_HSTRING_HSTRINGVtbl vtable = { FIXED_SLOTS, on_changed };
        static IMapChangedEventHandler_HSTRING_HSTRING handler = { &vtable };
        EventRegistrationToken token = { 0 };
        Map *map = new_map();

        n_told = 0;
        CHECK_OK(IMap_HSTRING_HSTRING_QueryInterface(map, &IID_IObservableMap_HSTRING_HSTRING, (void **)&observable));
        CHECK_OK(IObservableMap_HSTRING_HSTRING_add_MapChanged(observable, &handler, &token));
        (void)insert(map, STRING("a"), STRING("one"));
        CHECK(n_told == 1);
        CHECK_OK(IObservableMap_HSTRING_HSTRING_remove_MapChanged(observable, token));
        (void)insert(map, STRING("b"), STRING("two"));
        CHECK(n_told == 1);
        IObservableMap_HSTRING_HSTRING_Release(observable);
        CHECK(IMap_HSTRING_HSTRING_Release(map) == 0);
}

static HRESULT use_map(void)
{
        HSTRING found = NULL;
        Map *map = NULL;
        IMapView_HSTRING_HSTRING *view = NULL;
        boolean replaced;
        HRESULT hr = RoActivateInstance(STRING("Windows.Foundation.Collections.StringMap"), (IInspectable **)&map);

        if (SUCCEEDED(hr))
                hr = IMap_HSTRING_HSTRING_Insert(map, STRING("a"), STRING("one"), &replaced);
        if (SUCCEEDED(hr))
                hr = IMap_HSTRING_HSTRING_Lookup(map, STRING("a"), &found);
        if (SUCCEEDED(hr))
                hr = IMap_HSTRING_HSTRING_GetView(map, &view);
        (void)WindowsDeleteString(found);
        if (view)
                IMapView_HSTRING_HSTRING_Release(view);
        if (map)
                IMap_HSTRING_HSTRING_Release(map);
        return hr;
}

static void string_maps_without_memory(void)
{
        begin_row();
        sweep(use_map);
}

const Row string_rows[] = {
        { "StringMap", "a StringMap is a map of texts to texts", a_string_map_is_a_map },
        { "IMap.GetView", "views and iterators of a StringMap stay as they were made", a_string_map_has_views },
        { "IObservableMap.MapChanged", "changes of a StringMap are told", changes_of_a_string_map_are_told },
        { NULL },
};

const Row string_memory_rows[] = {
        { "E_OUTOFMEMORY", "StringMaps without memory", string_maps_without_memory },
        { NULL },
};
