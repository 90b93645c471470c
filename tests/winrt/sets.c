/* SPDX-License-Identifier: MIT */

/* PropertyValue, ValueSet, ApplicationData. */

#include "conformance.h"

#include <string.h>

typedef IMap_HSTRING_IInspectable Map;

static IPropertyValueStatics *values(void)
{
        return factory_of(STRING("Windows.Foundation.PropertyValue"), &IID_IPropertyValueStatics);
}

static IInspectable *new_number(INT32 number)
{
        IInspectable *value = NULL;

        CHECK_OK(IPropertyValueStatics_CreateInt32(values(), number, &value));
        return value;
}

static Map *map_of(void *set)
{
        Map *map = NULL;

        CHECK_OK(IInspectable_QueryInterface((IInspectable *)set, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        return map;
}

static IPropertySet *new_set(void)
{
        IPropertySet *set = NULL;

        CHECK_OK(RoActivateInstance(STRING("Windows.Foundation.Collections.ValueSet"), (IInspectable **)&set));
        return set;
}

/* Gives the value away. */
static int insert(Map *map, HSTRING key, IInspectable *value)
{
        boolean replaced = 9;

        CHECK_OK(IMap_HSTRING_IInspectable_Insert(map, key, value, &replaced));
        if (value)
                IInspectable_Release(value);
        return replaced;
}

static IPropertyValue *look_up(Map *map, HSTRING key)
{
        IPropertyValue *value = NULL;
        IInspectable *found = NULL;

        CHECK_OK(IMap_HSTRING_IInspectable_Lookup(map, key, &found));
        CHECK_OK(IInspectable_QueryInterface(found, &IID_IPropertyValue, (void **)&value));
        IInspectable_Release(found);
        return value;
}

static INT32 number_of(Map *map, HSTRING key)
{
        IPropertyValue *value = look_up(map, key);
        PropertyType type = PropertyType_Empty;
        INT32 number = 0;

        CHECK_OK(IPropertyValue_get_Type(value, &type));
        CHECK(type == PropertyType_Int32);
        CHECK_OK(IPropertyValue_GetInt32(value, &number));
        IPropertyValue_Release(value);
        return number;
}

static UINT32 size_of(Map *map)
{
        UINT32 n = 0;

        CHECK_OK(IMap_HSTRING_IInspectable_get_Size(map, &n));
        return n;
}

static void a_value_set_is_a_map(void)
{
        static const IID *const iids[] = {
                &IID_IPropertySet, &IID_IMap_HSTRING_IInspectable, &IID_IObservableMap_HSTRING_IInspectable,
                &IID_IIterable_HSTRING_IInspectable,
        };
        IPropertySet *set = new_set();
        Map *map = map_of(set);
        IInspectable *found = NULL;
        boolean has = 9;

        check_interfaces(set, iids, 4);
        check_class_name(set, u"Windows.Foundation.Collections.ValueSet");
        CHECK(insert(map, STRING("a"), new_number(1)) == 0);
        CHECK(insert(map, STRING("b"), new_number(2)) == 0);
        CHECK(insert(map, STRING("a"), new_number(3)) == 1);
        CHECK(number_of(map, STRING("a")) == 3 && size_of(map) == 2);
        CHECK_OK(IMap_HSTRING_IInspectable_HasKey(map, STRING("b"), &has));
        CHECK(has == 1);
        CHECK_OK(IMap_HSTRING_IInspectable_Remove(map, STRING("a")));
        CHECK(IMap_HSTRING_IInspectable_Remove(map, STRING("a")) == E_BOUNDS);
        CHECK(IMap_HSTRING_IInspectable_Lookup(map, STRING("a"), &found) == E_BOUNDS && !found);
        CHECK(number_of(map, STRING("b")) == 2);
        CHECK_OK(IMap_HSTRING_IInspectable_Clear(map));
        CHECK(size_of(map) == 0);
        CHECK(IMap_HSTRING_IInspectable_Lookup(map, STRING("a"), NULL) == E_POINTER);
        CHECK(IMap_HSTRING_IInspectable_get_Size(map, NULL) == E_POINTER);
        CHECK(IMap_HSTRING_IInspectable_HasKey(map, STRING("a"), NULL) == E_POINTER);
        CHECK(IMap_HSTRING_IInspectable_GetView(map, NULL) == E_POINTER);
        CHECK(IMap_HSTRING_IInspectable_Insert(map, STRING("a"), NULL, NULL) == E_POINTER);
        IMap_HSTRING_IInspectable_Release(map);
        CHECK(IPropertySet_Release(set) == 0);
}

static void a_value_set_takes_only_what_can_be_told(void)
{
        IPropertySet *set = new_set(), *nested = new_set();
        Map *map = map_of(set);
        boolean replaced = 9;

        CHECK(IMap_HSTRING_IInspectable_Insert(map, STRING("a"), (IInspectable *)values(), &replaced) == E_INVALIDARG);
        CHECK(IMap_HSTRING_IInspectable_Insert(map, NULL, NULL, &replaced) == E_INVALIDARG && replaced == 0);
        CHECK(insert(map, STRING("set"), (IInspectable *)nested) == 0);
        CHECK(insert(map, STRING("none"), NULL) == 0);
        CHECK(size_of(map) == 2);
        IMap_HSTRING_IInspectable_Release(map);
        CHECK(IPropertySet_Release(set) == 0);
}

static void a_property_set_takes_anything(void)
{
        static const IID *const iids[] = {
                &IID_IPropertySet, &IID_IMap_HSTRING_IInspectable, &IID_IObservableMap_HSTRING_IInspectable,
                &IID_IIterable_HSTRING_IInspectable,
        };
        IInspectable *found = (void *)&found;
        IPropertySet *set = NULL;
        Map *map;

        CHECK_OK(RoActivateInstance(STRING("Windows.Foundation.Collections.PropertySet"), (IInspectable **)&set));
        check_interfaces(set, iids, 4);
        check_class_name(set, u"Windows.Foundation.Collections.PropertySet");
        map = map_of(set);
        CHECK(insert(map, STRING("any"), factory_of(STRING("Windows.Foundation.PropertyValue"),
                                                    &IID_IPropertyValueStatics)) == 0);
        CHECK(insert(map, STRING("number"), new_number(7)) == 0);
        CHECK(insert(map, NULL, NULL) == 0);
        CHECK(number_of(map, STRING("number")) == 7 && size_of(map) == 3);
        CHECK(IMap_HSTRING_IInspectable_Lookup(map, NULL, &found) == S_OK && !found);
        IMap_HSTRING_IInspectable_Release(map);
        CHECK(IPropertySet_Release(set) == 0);
}

static void a_view_of_a_set_stays_as_it_was(void)
{
        IPropertySet *set = new_set();
        Map *map = map_of(set);
        IMapView_HSTRING_IInspectable *view = NULL;
        IIterable_HSTRING_IInspectable *iterable = NULL;
        IIterator_HSTRING_IInspectable *iterator = NULL;
        IKeyValuePair_HSTRING_IInspectable *pairs[4] = { NULL };
        HSTRING key = NULL;
        UINT32 n = 9;

        insert(map, STRING("a"), new_number(1));
        insert(map, STRING("b"), new_number(2));
        CHECK_OK(IMap_HSTRING_IInspectable_GetView(map, &view));
        CHECK_OK(IPropertySet_QueryInterface(set, &IID_IIterable_HSTRING_IInspectable, (void **)&iterable));
        CHECK_OK(IIterable_HSTRING_IInspectable_First(iterable, &iterator));
        CHECK_OK(IMap_HSTRING_IInspectable_Clear(map));
        CHECK_OK(IMapView_HSTRING_IInspectable_get_Size(view, &n));
        CHECK(n == 2);
        CHECK_OK(IIterator_HSTRING_IInspectable_GetMany(iterator, 4, pairs, &n));
        CHECK(n == 2 && pairs[0] && pairs[1] && !pairs[2]);
        CHECK_OK(IKeyValuePair_HSTRING_IInspectable_get_Key(pairs[1], &key));
        CHECK(string_is(key, "b"));
        CHECK_OK(WindowsDeleteString(key));
        IKeyValuePair_HSTRING_IInspectable_Release(pairs[0]);
        IKeyValuePair_HSTRING_IInspectable_Release(pairs[1]);
        IIterator_HSTRING_IInspectable_Release(iterator);
        IIterable_HSTRING_IInspectable_Release(iterable);
        IMapView_HSTRING_IInspectable_Release(view);
        IMap_HSTRING_IInspectable_Release(map);
        IPropertySet_Release(set);
}

/* MapChanged. */

static int n_changes;
static CollectionChange last_change;
static char last_key[8];

static STDMETHODIMP on_changed(IMapChangedEventHandler_HSTRING_IInspectable *self,
                               IObservableMap_HSTRING_IInspectable *sender, IMapChangedEventArgs_HSTRING *args)
{
        HSTRING key = NULL;

        n_changes++;
        (void)IMapChangedEventArgs_HSTRING_get_CollectionChange(args, &last_change);
        (void)IMapChangedEventArgs_HSTRING_get_Key(args, &key);
        narrow(key, last_key, sizeof last_key);
        (void)WindowsDeleteString(key);
        return S_OK;
}

static const IMapChangedEventHandler_HSTRING_IInspectableVtbl handler_vtable = {
        FIXED_SLOTS, on_changed,
};
static IMapChangedEventHandler_HSTRING_IInspectable handler = { &handler_vtable };

static void changes_of_a_set_are_told(void)
{
        IPropertySet *set = new_set();
        IObservableMap_HSTRING_IInspectable *observable = NULL;
        EventRegistrationToken token;
        Map *map = map_of(set);

        n_changes = 0;
        CHECK_OK(IPropertySet_QueryInterface(set, &IID_IObservableMap_HSTRING_IInspectable, (void **)&observable));
        CHECK(IObservableMap_HSTRING_IInspectable_add_MapChanged(observable, NULL, &token) == E_POINTER);
        CHECK(IObservableMap_HSTRING_IInspectable_add_MapChanged(observable, &handler, NULL) == E_POINTER);
        CHECK_OK(IObservableMap_HSTRING_IInspectable_add_MapChanged(observable, &handler, &token));
        CHECK(token.value != 0);
        insert(map, STRING("a"), new_number(1));
        CHECK(n_changes == 1 && last_change == CollectionChange_ItemInserted && strcmp(last_key, "a") == 0);
        insert(map, STRING("a"), new_number(2));
        CHECK(n_changes == 2 && last_change == CollectionChange_ItemChanged);
        CHECK_OK(IMap_HSTRING_IInspectable_Remove(map, STRING("a")));
        CHECK(n_changes == 3 && last_change == CollectionChange_ItemRemoved);
        CHECK_OK(IMap_HSTRING_IInspectable_Clear(map));
        CHECK(n_changes == 4 && last_change == CollectionChange_Reset && last_key[0] == '\0');
        CHECK_OK(IObservableMap_HSTRING_IInspectable_remove_MapChanged(observable, token));
        insert(map, STRING("a"), new_number(3));
        CHECK(n_changes == 4);
        IMap_HSTRING_IInspectable_Release(map);
        IObservableMap_HSTRING_IInspectable_Release(observable);
        CHECK(IPropertySet_Release(set) == 0);
}

static void numbers_are_taken_where_they_fit(void)
{
        IPropertyValue *value = NULL;
        IInspectable *made = new_number(-1);
        boolean is_number = 0;
        HSTRING string = NULL;
        UINT8 byte = 7;
        UINT64 huge = 7;
        INT64 wide = 0;
        DOUBLE real = 0;

        CHECK_OK(IInspectable_QueryInterface(made, &IID_IPropertyValue, (void **)&value));
        IInspectable_Release(made);
        CHECK_OK(IPropertyValue_get_IsNumericScalar(value, &is_number));
        CHECK(is_number == 1);
        CHECK_OK(IPropertyValue_GetInt64(value, &wide));
        CHECK_OK(IPropertyValue_GetDouble(value, &real));
        CHECK(wide == -1 && real == -1.0);
        CHECK(IPropertyValue_GetUInt8(value, &byte) == DISP_E_OVERFLOW);
        CHECK(IPropertyValue_GetUInt64(value, &huge) == DISP_E_OVERFLOW);
        CHECK(IPropertyValue_GetString(value, &string) == TYPE_E_TYPEMISMATCH && !string);
        CHECK(IPropertyValue_GetUInt8(value, NULL) == E_POINTER);
        CHECK(IPropertyValue_GetPoint(value) == TYPE_E_TYPEMISMATCH);
        IPropertyValue_Release(value);
        made = new_number(300);
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IPropertyValue, (void **)&value));
        IInspectable_Release(made);
        CHECK_OK(IPropertyValue_GetUInt64(value, &huge));
        CHECK(huge == 300);
        CHECK(IPropertyValue_GetUInt8(value, &byte) == DISP_E_OVERFLOW);
        IPropertyValue_Release(value);
}

static void a_value_is_a_reference_of_its_type(void)
{
        static const IID *const iids[] = { &IID_IPropertyValue, &IID_IReference_INT32 };
        IReference_INT32 *reference = NULL;
        IReference_INT64 *other = NULL;
        IInspectable *made = new_number(42);
        INT32 number = 0;

        check_interfaces(made, iids, 2);
        check_class_name(made, u"Windows.Foundation.IReference`1<Int32>");
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IReference_INT32, (void **)&reference));
        CHECK_OK(IReference_INT32_get_Value(reference, &number));
        CHECK(number == 42);
        CHECK(IInspectable_QueryInterface(made, &IID_IReference_INT64, (void **)&other) == E_NOINTERFACE);
        IReference_INT32_Release(reference);
        CHECK(IInspectable_Release(made) == 0);
}

static void arrays_are_copied(void)
{
        UINT8 bytes[] = { 1, 2, 255 }, *copy = NULL;
        HSTRING texts[] = { STRING("x"), NULL }, *strings = NULL;
        IInspectable *made = NULL;
        IPropertyValue *value = NULL;
        UINT32 n = 0;

        CHECK(IPropertyValueStatics_CreateUInt8Array(values(), 3, NULL, &made) == E_POINTER);
        CHECK_OK(IPropertyValueStatics_CreateUInt8Array(values(), 3, bytes, &made));
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IPropertyValue, (void **)&value));
        CHECK_OK(IPropertyValue_GetUInt8Array(value, &n, &copy));
        CHECK(n == 3 && copy != bytes && memcmp(copy, bytes, 3) == 0);
        CoTaskMemFree(copy);
        CHECK(IPropertyValue_GetStringArray(value, &n, &strings) == TYPE_E_TYPEMISMATCH);
        IPropertyValue_Release(value);
        IInspectable_Release(made);
        CHECK_OK(IPropertyValueStatics_CreateStringArray(values(), 2, texts, &made));
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IPropertyValue, (void **)&value));
        CHECK_OK(IPropertyValue_GetStringArray(value, &n, &strings));
        CHECK(n == 2 && string_is(strings[0], "x") && !strings[1]);
        CHECK_OK(WindowsDeleteString(strings[0]));
        CoTaskMemFree(strings);
        IPropertyValue_Release(value);
        IInspectable_Release(made);
}

/* One value of each type, and whether a set has them still. */

#define NUMBERS(X)                                                      \
        X(UInt8, UINT8, 200)                                            \
        X(Int16, INT16, -300)                                           \
        X(UInt16, UINT16, 60000)                                        \
        X(Int32, INT32, -70000)                                         \
        X(UInt32, UINT32, 4000000000u)                                  \
        X(Int64, INT64, -5000000000)                                    \
        X(UInt64, UINT64, 18000000000000000000u)                        \
        X(Single, FLOAT, 1.5f)                                          \
        X(Double, DOUBLE, 0.1)                                          \
        X(Char16, WCHAR, 0x20ac)                                        \
        X(Boolean, boolean, 1)

IPropertySet *new_set_of_all_types(void)
{
        UINT8 bytes[] = { 0, 127, 255 };
        HSTRING texts[] = { STRING("one two"), NULL, STRING("100 %") };
        IPropertySet *set = new_set();
        Map *map = map_of(set);
        IInspectable *value = NULL;

#define INSERT(name, ctype, number)                                                             \
        CHECK_OK(IPropertyValueStatics_Create##name(values(), number, &value));                 \
        insert(map, STRING(#name), value);
        NUMBERS(INSERT)
        CHECK_OK(IPropertyValueStatics_CreateString(values(), STRING("a\tb\n"), &value));
        insert(map, STRING("String"), value);
        CHECK_OK(IPropertyValueStatics_CreateString(values(), NULL, &value));
        insert(map, STRING("No text"), value);
        CHECK_OK(IPropertyValueStatics_CreateGuid(values(), test_clsid, &value));
        insert(map, STRING("Guid"), value);
        CHECK_OK(IPropertyValueStatics_CreateDateTime(values(), (DateTime){ -1 }, &value));
        insert(map, STRING("DateTime"), value);
        CHECK_OK(IPropertyValueStatics_CreateTimeSpan(values(), (TimeSpan){ 10000000 }, &value));
        insert(map, STRING("TimeSpan"), value);
        CHECK_OK(IPropertyValueStatics_CreateUInt8Array(values(), 3, bytes, &value));
        insert(map, STRING("Bytes"), value);
        CHECK_OK(IPropertyValueStatics_CreateStringArray(values(), 3, texts, &value));
        insert(map, STRING("Strings"), value);
        /* Where the record of such a set has its types. */
        insert(map, STRING("winrt.types"), new_number(11));
        insert(map, STRING("winrt.types.."), new_number(13));
        IMap_HSTRING_IInspectable_Release(map);
        return set;
}

static void check_texts(Map *map)
{
        IPropertyValue *value = look_up(map, STRING("String"));
        HSTRING text = NULL, *texts = NULL;
        UINT32 n = 0;

        CHECK_OK(IPropertyValue_GetString(value, &text));
        CHECK(string_is(text, "a\tb\n"));
        CHECK_OK(WindowsDeleteString(text));
        IPropertyValue_Release(value);
        value = look_up(map, STRING("No text"));
        CHECK_OK(IPropertyValue_GetString(value, &text));
        CHECK(!text);
        IPropertyValue_Release(value);
        value = look_up(map, STRING("Strings"));
        CHECK_OK(IPropertyValue_GetStringArray(value, &n, &texts));
        CHECK(n == 3 && string_is(texts[0], "one two") && !texts[1] && string_is(texts[2], "100 %"));
        for (UINT32 i = 0; i < n; i++)
                CHECK_OK(WindowsDeleteString(texts[i]));
        CoTaskMemFree(texts);
        IPropertyValue_Release(value);
}

void check_set_of_all_types(void *set)
{
        static const UINT8 bytes[] = { 0, 127, 255 };
        Map *map = map_of(set);
        IPropertyValue *value;
        UINT8 *copy = NULL;
        DateTime date = { 0 };
        TimeSpan span = { 0 };
        GUID guid = { 0 };
        UINT32 n = 0;

#define COMPARE(name, ctype, number)                                            \
        do {                                                                    \
                PropertyType type = PropertyType_Empty;                         \
                ctype v = 0;                                                    \
                                                                                \
                value = look_up(map, STRING(#name));                            \
                CHECK_OK(IPropertyValue_get_Type(value, &type));                \
                CHECK(type == PropertyType_##name);                             \
                CHECK_OK(IPropertyValue_Get##name(value, &v));                  \
                CHECK(v == (number));                                           \
                IPropertyValue_Release(value);                                  \
        } while (0);
        NUMBERS(COMPARE)
        check_texts(map);
        value = look_up(map, STRING("Guid"));
        CHECK_OK(IPropertyValue_GetGuid(value, &guid));
        CHECK(memcmp(&guid, &test_clsid, sizeof guid) == 0);
        IPropertyValue_Release(value);
        value = look_up(map, STRING("DateTime"));
        CHECK_OK(IPropertyValue_GetDateTime(value, &date));
        CHECK(date.UniversalTime == -1);
        IPropertyValue_Release(value);
        value = look_up(map, STRING("TimeSpan"));
        CHECK_OK(IPropertyValue_GetTimeSpan(value, &span));
        CHECK(span.Duration == 10000000);
        IPropertyValue_Release(value);
        value = look_up(map, STRING("Bytes"));
        CHECK_OK(IPropertyValue_GetUInt8Array(value, &n, &copy));
        CHECK(n == 3 && memcmp(copy, bytes, 3) == 0);
        CoTaskMemFree(copy);
        IPropertyValue_Release(value);
        CHECK(number_of(map, STRING("winrt.types")) == 11 && number_of(map, STRING("winrt.types..")) == 13);
        CHECK(size_of(map) == 20);
        IMap_HSTRING_IInspectable_Release(map);
}

static void values_keep_their_types(void)
{
        IPropertySet *set = new_set_of_all_types();

        check_set_of_all_types(set);
        CHECK(IPropertySet_Release(set) == 0);
}

/* ApplicationData. */

IApplicationData *app_data(void)
{
        IApplicationDataStatics *statics =
                factory_of(STRING("Windows.Storage.ApplicationData"), &IID_IApplicationDataStatics);
        IApplicationData *data = NULL;

        CHECK(IApplicationDataStatics_get_Current(statics, NULL) == E_POINTER);
        CHECK_OK(IApplicationDataStatics_get_Current(statics, &data));
        return data;
}

static IPropertySet *settings(void)
{
        static const IID *const iids[] = { &IID_IApplicationDataContainer };
        IApplicationDataContainer *container = NULL;
        IApplicationData *data = app_data();
        IPropertySet *set = NULL;

        CHECK_OK(IApplicationData_get_LocalSettings(data, &container));
        check_interfaces(container, iids, 1);
        check_class_name(container, u"Windows.Storage.ApplicationDataContainer");
        CHECK_OK(IApplicationDataContainer_get_Values(container, &set));
        IApplicationDataContainer_Release(container);
        IApplicationData_Release(data);
        return set;
}

static void an_app_has_a_folder(void)
{
        static const IID *const iids[] = { &IID_IStorageFolder, &IID_IStorageItem };
        IApplicationData *data = app_data();
        IStorageFolder *folder = NULL;
        IStorageItem *item = NULL;
        HSTRING path = NULL;

        check_class_name(data, u"Windows.Storage.ApplicationData");
        CHECK_OK(IApplicationData_get_LocalFolder(data, &folder));
        check_interfaces(folder, iids, 2);
        check_class_name(folder, u"Windows.Storage.StorageFolder");
        CHECK_OK(IStorageFolder_QueryInterface(folder, &IID_IStorageItem, (void **)&item));
        CHECK(IStorageItem_get_Path(item, NULL) == E_POINTER);
        CHECK_OK(IStorageItem_get_Path(item, &path));
        CHECK(is_local_folder(path));
        CHECK_OK(WindowsDeleteString(path));
        IStorageItem_Release(item);
        CHECK(IStorageFolder_Release(folder) == 0);
        CHECK(IApplicationData_Release(data) == 0);
}

static void settings_last(void)
{
        IPropertySet *all = new_set_of_all_types(), *set = settings();
        IMapView_HSTRING_IInspectable *view = NULL;
        Map *map = map_of(all), *to = map_of(set);
        IIterator_HSTRING_IInspectable *iterator = NULL;
        IIterable_HSTRING_IInspectable *iterable = NULL;
        IKeyValuePair_HSTRING_IInspectable *pairs[32];
        UINT32 n = 0;

        CHECK_OK(IMap_HSTRING_IInspectable_Clear(to));
        CHECK_OK(IMap_HSTRING_IInspectable_GetView(map, &view));
        CHECK_OK(IMapView_HSTRING_IInspectable_QueryInterface(view, &IID_IIterable_HSTRING_IInspectable,
                                                              (void **)&iterable));
        CHECK_OK(IIterable_HSTRING_IInspectable_First(iterable, &iterator));
        CHECK_OK(IIterator_HSTRING_IInspectable_GetMany(iterator, 32, pairs, &n));
        for (UINT32 i = 0; i < n; i++) {
                IInspectable *value = NULL;
                HSTRING key = NULL;

                CHECK_OK(IKeyValuePair_HSTRING_IInspectable_get_Key(pairs[i], &key));
                CHECK_OK(IKeyValuePair_HSTRING_IInspectable_get_Value(pairs[i], &value));
                CHECK(insert(to, key, value) == 0);
                CHECK_OK(WindowsDeleteString(key));
                IKeyValuePair_HSTRING_IInspectable_Release(pairs[i]);
        }
        IIterator_HSTRING_IInspectable_Release(iterator);
        IIterable_HSTRING_IInspectable_Release(iterable);
        IMapView_HSTRING_IInspectable_Release(view);
        IMap_HSTRING_IInspectable_Release(to);
        IPropertySet_Release(set);
        set = settings();
        check_set_of_all_types(set);
        to = map_of(set);
        CHECK_OK(IMap_HSTRING_IInspectable_Remove(to, STRING("Int32")));
        CHECK(size_of(to) == 19);
        CHECK_OK(IMap_HSTRING_IInspectable_Clear(to));
        IMap_HSTRING_IInspectable_Release(to);
        IMap_HSTRING_IInspectable_Release(map);
        IPropertySet_Release(set);
        IPropertySet_Release(all);
}

static void settings_take_values_only(void)
{
        IPropertySet *set = settings(), *nested = new_set();
        Map *map = map_of(set);
        boolean replaced = 9;

        CHECK(IMap_HSTRING_IInspectable_Insert(map, STRING("set"), (IInspectable *)nested, &replaced) == E_INVALIDARG);
        CHECK(IMap_HSTRING_IInspectable_Insert(map, STRING("none"), NULL, &replaced) == E_INVALIDARG);
        CHECK(size_of(map) == 0);
        IMap_HSTRING_IInspectable_Release(map);
        IPropertySet_Release(nested);
        IPropertySet_Release(set);
}

const Row set_rows[] = {
        { "ValueSet", "a ValueSet is a map of texts to values", a_value_set_is_a_map },
        { "ValueSet", "it takes only what can be told to another process", a_value_set_takes_only_what_can_be_told },
        { "PropertySet", "a PropertySet is a map of texts to anything", a_property_set_takes_anything },
        { "IMap.GetView", "views and iterators of a set stay as they were made", a_view_of_a_set_stays_as_it_was },
        { "IObservableMap.MapChanged", "changes of a set are told", changes_of_a_set_are_told },
        { "IPropertyValue", "numbers are taken as another type where they fit, and nothing else is",
          numbers_are_taken_where_they_fit },
        { "IReference", "a value is a reference of its type", a_value_is_a_reference_of_its_type },
        { "IPropertyValue", "arrays are copied", arrays_are_copied },
        { "PropertyValue", "values of every type keep it", values_keep_their_types },
        { NULL },
};

const Row data_rows[] = {
        { "ApplicationData.LocalFolder", "an app has a folder, and its path", an_app_has_a_folder },
        { "ApplicationData.LocalSettings", "settings last, with their types", settings_last },
        { "ApplicationDataContainer.Values", "settings take values only", settings_take_values_only },
        { NULL },
};
