/* SPDX-License-Identifier: MIT */

/* What an app has besides its LocalFolder and its LocalSettings, and containers of settings in containers. */

#include "conformance.h"

#include <string.h>

#define LONGEST "0123456789012345678901234567890123456789012345678901234567890123"

typedef IApplicationDataContainer Container;

static Container *settings_of(IApplicationData *data)
{
        Container *container = NULL;

        CHECK_OK(IApplicationData_get_LocalSettings(data, &container));
        return container;
}

static Container *make(Container *container, HSTRING name)
{
        Container *made = NULL;

        CHECK_OK(IApplicationDataContainer_CreateContainer(container, name, ApplicationDataCreateDisposition_Always,
                                                           &made));
        return made;
}

static IMap_HSTRING_IInspectable *values_of(Container *container)
{
        IMap_HSTRING_IInspectable *map = NULL;
        IPropertySet *set = NULL;

        CHECK_OK(IApplicationDataContainer_get_Values(container, &set));
        CHECK_OK(IPropertySet_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        IPropertySet_Release(set);
        return map;
}

static void put(Container *container, HSTRING key, UINT32 number)
{
        IPropertyValueStatics *values =
                factory_of(STRING("Windows.Foundation.PropertyValue"), &IID_IPropertyValueStatics);
        IMap_HSTRING_IInspectable *map = values_of(container);
        IInspectable *value = NULL;
        boolean replaced;

        CHECK_OK(IPropertyValueStatics_CreateUInt32(values, number, &value));
        CHECK_OK(IMap_HSTRING_IInspectable_Insert(map, key, value, &replaced));
        IInspectable_Release(value);
        IMap_HSTRING_IInspectable_Release(map);
}

/* 0: there is none. */
static UINT32 get(Container *container, HSTRING key)
{
        IMap_HSTRING_IInspectable *map = values_of(container);
        IPropertyValue *number = NULL;
        IInspectable *value = NULL;
        UINT32 found = 0;
        HRESULT hr = IMap_HSTRING_IInspectable_Lookup(map, key, &value);

        IMap_HSTRING_IInspectable_Release(map);
        if (hr == E_BOUNDS)
                return 0;
        CHECK_OK(hr);
        CHECK_OK(IInspectable_QueryInterface(value, &IID_IPropertyValue, (void **)&number));
        CHECK_OK(IPropertyValue_GetUInt32(number, &found));
        IPropertyValue_Release(number);
        IInspectable_Release(value);
        return found;
}

static UINT32 count(Container *container)
{
        IMapView_HSTRING_ApplicationDataContainer *view = NULL;
        UINT32 n = 99;

        CHECK_OK(IApplicationDataContainer_get_Containers(container, &view));
        CHECK_OK(IMapView_HSTRING_ApplicationDataContainer_get_Size(view, &n));
        IMapView_HSTRING_ApplicationDataContainer_Release(view);
        return n;
}

static int has(Container *container, HSTRING name)
{
        IMapView_HSTRING_ApplicationDataContainer *view = NULL;
        boolean has_it = 0;

        CHECK_OK(IApplicationDataContainer_get_Containers(container, &view));
        CHECK_OK(IMapView_HSTRING_ApplicationDataContainer_HasKey(view, name, &has_it));
        IMapView_HSTRING_ApplicationDataContainer_Release(view);
        return has_it;
}

static void containers_hold_settings(void)
{
        IApplicationData *data = app_data();
        Container *root = settings_of(data), *outer = make(root, STRING("outer")), *again, *inner;
        HSTRING name = NULL;

        check_class_name(outer, u"Windows.Storage.ApplicationDataContainer");
        CHECK_OK(IApplicationDataContainer_get_Name(outer, &name));
        CHECK(string_is(name, "outer"));
        CHECK_OK(WindowsDeleteString(name));
        inner = make(outer, STRING("inner"));
        put(root, STRING("key"), 1);
        put(outer, STRING("key"), 2);
        put(inner, STRING("key"), 3);
        again = make(root, STRING("outer"));
        CHECK(get(root, STRING("key")) == 1 && get(again, STRING("key")) == 2);
        CHECK(count(root) == 1 && count(again) == 1 && count(inner) == 0);
        CHECK(has(root, STRING("outer")) && !has(root, STRING("inner")) && has(again, STRING("inner")));
        CHECK_OK(IApplicationDataContainer_DeleteContainer(root, STRING("outer")));
        CHECK(count(root) == 0);
        IApplicationDataContainer_Release(again);
        again = make(root, STRING("outer"));
        CHECK(get(again, STRING("key")) == 0 && count(again) == 0 && get(root, STRING("key")) == 1);
        CHECK_OK(IApplicationDataContainer_DeleteContainer(root, STRING("outer")));
        CHECK_OK(IApplicationDataContainer_DeleteContainer(root, STRING("outer")));
        CHECK(IApplicationDataContainer_Release(again) == 0);
        CHECK(IApplicationDataContainer_Release(inner) == 0);
        CHECK(IApplicationDataContainer_Release(outer) == 0);
        IApplicationDataContainer_Release(root);
        IApplicationData_Release(data);
}

static void containers_are_listed(void)
{
        static const IID *const iids[] = { &IID_IMapView_HSTRING_ApplicationDataContainer,
                                           &IID_IIterable_HSTRING_ApplicationDataContainer };
        IApplicationData *data = app_data();
        Container *root = settings_of(data), *one = make(root, STRING("one")), *found = NULL;
        IMapView_HSTRING_ApplicationDataContainer *view = NULL;

        put(one, STRING("key"), 7);
        CHECK_OK(IApplicationDataContainer_get_Containers(root, &view));
        check_interfaces(view, iids, 2);
        check_class_name(view, u"Windows.Foundation.Collections.IMapView`2<String, "
                               u"Windows.Storage.ApplicationDataContainer>");
        CHECK_OK(IMapView_HSTRING_ApplicationDataContainer_Lookup(view, STRING("one"), &found));
        CHECK(get(found, STRING("key")) == 7);
        IApplicationDataContainer_Release(found);
        CHECK(IMapView_HSTRING_ApplicationDataContainer_Lookup(view, STRING("two"), &found) == E_BOUNDS && !found);
        CHECK(IMapView_HSTRING_ApplicationDataContainer_Release(view) == 0);
        CHECK_OK(IApplicationDataContainer_DeleteContainer(root, STRING("one")));
        IApplicationDataContainer_Release(one);
        IApplicationDataContainer_Release(root);
        IApplicationData_Release(data);
}

static void only_what_exists_is_opened(void)
{
        const ApplicationDataCreateDisposition existing = ApplicationDataCreateDisposition_Existing;
        IApplicationData *data = app_data();
        Container *root = settings_of(data), *made, *found = root;

        CHECK(IApplicationDataContainer_CreateContainer(root, STRING("new"), existing, NULL) == E_POINTER);
        CHECK(IApplicationDataContainer_CreateContainer(root, STRING("new"), existing, &found) ==
              (HRESULT)0x80073dbc);
        CHECK(!found && count(root) == 0);
        made = make(root, STRING("new"));
        CHECK_OK(IApplicationDataContainer_CreateContainer(root, STRING("new"), existing, &found));
        CHECK_OK(IApplicationDataContainer_DeleteContainer(root, STRING("new")));
        IApplicationDataContainer_Release(found);
        IApplicationDataContainer_Release(made);
        IApplicationDataContainer_Release(root);
        IApplicationData_Release(data);
}

static void names_are_any_text(void)
{
        HSTRING names[] = { STRING("a/b"), STRING(".."), STRING("."), STRING("50%"), STRING("%2e"), STRING("a b"),
                            STRING("\x1\x7f"), STRING("\u20ac") };
        enum { N = sizeof names / sizeof *names };
        IApplicationData *data = app_data();
        Container *root = settings_of(data), *made[N], *none = NULL;

        for (UINT32 i = 0; i < N; i++) {
                made[i] = make(root, names[i]);
                put(made[i], STRING("key"), i + 1);
        }
        CHECK(count(root) == N);
        for (UINT32 i = 0; i < N; i++) {
                CHECK(has(root, names[i]));
                CHECK(get(made[i], STRING("key")) == i + 1);
                CHECK_OK(IApplicationDataContainer_DeleteContainer(root, names[i]));
                IApplicationDataContainer_Release(made[i]);
        }
        CHECK(count(root) == 0);
        CHECK(IApplicationDataContainer_CreateContainer(root, NULL, ApplicationDataCreateDisposition_Always, &none) ==
              E_INVALIDARG);
        CHECK(IApplicationDataContainer_DeleteContainer(root, NULL) == E_INVALIDARG);
        CHECK(IApplicationDataContainer_CreateContainer(root, STRING(LONGEST LONGEST LONGEST LONGEST),
                                                        ApplicationDataCreateDisposition_Always, &none) ==
              (HRESULT)0x80073dca);
        IApplicationDataContainer_Release(root);
        IApplicationData_Release(data);
}

static void containers_have_so_many_levels(void)
{
        IApplicationData *data = app_data();
        Container *containers[33], *none = NULL;

        containers[0] = settings_of(data);
        for (int i = 1; i <= 32; i++)
                containers[i] = make(containers[i - 1], STRING("level"));
        CHECK(IApplicationDataContainer_CreateContainer(containers[32], STRING("level"),
                                                        ApplicationDataCreateDisposition_Always, &none) ==
              (HRESULT)0x80073dbd);
        CHECK(!none);
        CHECK_OK(IApplicationDataContainer_DeleteContainer(containers[0], STRING("level")));
        for (int i = 0; i <= 32; i++)
                IApplicationDataContainer_Release(containers[i]);
        IApplicationData_Release(data);
}

static void settings_may_roam(void)
{
        IApplicationData *data = app_data();
        Container *local = settings_of(data), *roaming = NULL, *inner;
        ApplicationDataLocality locality = ApplicationDataLocality_Local;
        UINT64 quota = 9;

        CHECK_OK(IApplicationData_get_RoamingSettings(data, &roaming));
        CHECK_OK(IApplicationDataContainer_get_Locality(roaming, &locality));
        CHECK(locality == ApplicationDataLocality_Roaming);
        put(local, STRING("key"), 1);
        put(roaming, STRING("key"), 2);
        CHECK(get(local, STRING("key")) == 1 && get(roaming, STRING("key")) == 2);
        inner = make(roaming, STRING("inner"));
        CHECK_OK(IApplicationDataContainer_get_Locality(inner, &locality));
        CHECK(locality == ApplicationDataLocality_Roaming);
        CHECK(count(local) == 0 && count(roaming) == 1);
        CHECK_OK(IApplicationDataContainer_DeleteContainer(roaming, STRING("inner")));
        CHECK_OK(IApplicationData_get_RoamingStorageQuota(data, &quota));
        CHECK(quota == 0);
        IApplicationDataContainer_Release(inner);
        IApplicationDataContainer_Release(roaming);
        IApplicationDataContainer_Release(local);
        IApplicationData_Release(data);
}

/* Gives the folder back; whether it has this name, and a date: it is there. */
static int is_there(IStorageFolder *folder, const char *name)
{
        IStorageItem *item = NULL;
        DateTime created = { 0 };
        HSTRING found = NULL;
        int good;

        CHECK_OK(IStorageFolder_QueryInterface(folder, &IID_IStorageItem, (void **)&item));
        CHECK_OK(IStorageItem_get_Name(item, &found));
        good = string_is(found, name) && IStorageItem_get_DateCreated(item, &created) == S_OK;
        CHECK_OK(WindowsDeleteString(found));
        IStorageItem_Release(item);
        IStorageFolder_Release(folder);
        return good;
}

static void an_app_has_more_folders(void)
{
        static const IID *const iids[] = { &IID_IApplicationData, &IID_IApplicationData2 };
        IApplicationData *data = app_data();
        IApplicationData2 *data2 = NULL;
        IStorageFolder *folder = NULL;

        check_interfaces(data, iids, 2);
        CHECK_OK(IApplicationData_get_RoamingFolder(data, &folder));
        CHECK(is_there(folder, ".roaming"));
        CHECK_OK(IApplicationData_get_TemporaryFolder(data, &folder));
        CHECK(is_there(folder, ".temporary"));
        CHECK_OK(IApplicationData_QueryInterface(data, &IID_IApplicationData2, (void **)&data2));
        CHECK_OK(IApplicationData2_get_LocalCacheFolder(data2, &folder));
        CHECK(is_there(folder, ".cache"));
        IApplicationData2_Release(data2);
        IApplicationData_Release(data);
}

const Row container_rows[] = {
        { "ApplicationDataContainer.CreateContainer", "containers hold settings and containers of their own",
          containers_hold_settings },
        { "ApplicationDataContainer.Containers", "containers are listed by their names", containers_are_listed },
        { "ApplicationDataCreateDisposition.Existing", "a container that is not there is not opened",
          only_what_exists_is_opened },
        { "ERROR_STATE_CONTAINER_NAME_SIZE_LIMIT_EXCEEDED", "a container has any name of at most 255 characters",
          names_are_any_text },
        { "Store and retrieve settings and other app data", "containers go 32 levels deep",
          containers_have_so_many_levels },
        { "ApplicationData.RoamingSettings", "settings that may roam are others, and nothing roams",
          settings_may_roam },
        { "ApplicationData.TemporaryFolder, RoamingFolder, LocalCacheFolder", "an app has more folders",
          an_app_has_more_folders },
        { NULL },
};
