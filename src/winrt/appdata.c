/* SPDX-License-Identifier: MIT */

/* ApplicationData.Current: its LocalFolder, and its LocalSettings, which lie in that folder. */

#include <string.h>

#include "winrt/factory.h"
#include "winrt/folder.h"
#include "winrt/valueset.h"

#define SETTINGS_NAME "/.settings"

static STDMETHODIMP get_local_folder(IApplicationData *self, IStorageFolder **ret_value)
{
        const char *path;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        path = bgt_local_folder(NULL);
        return path ? folder_new(path, ret_value) : hresult_last();
}

/* Settings. */

static STDMETHODIMP get_container_name(IApplicationDataContainer *self, HSTRING *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return S_OK;
}

static STDMETHODIMP get_locality(IApplicationDataContainer *self, ApplicationDataLocality *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ApplicationDataLocality_Local;
        return S_OK;
}

static STDMETHODIMP get_values(IApplicationDataContainer *self, IPropertySet **ret_value)
{
        _cleanup_(freep) char *path = NULL;
        const char *folder;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        folder = bgt_local_folder(NULL);
        if (!folder)
                return hresult_last();
        path = malloc(strlen(folder) + sizeof SETTINGS_NAME);
        if (!path)
                return E_OUTOFMEMORY;
        (void)stpcpy(stpcpy(path, folder), SETTINGS_NAME);
        return valueset_open(path, ret_value);
}

static const IApplicationDataContainerVtbl container_vtable = {
        INSPECTABLE_SLOTS, .get_Name = get_container_name, .get_Locality = get_locality, .get_Values = get_values,
        .get_Containers = NOT_IMPLEMENTED, .CreateContainer = NOT_IMPLEMENTED, .DeleteContainer = NOT_IMPLEMENTED,
};
static const Class container_class = {
        .name = u"Windows.Storage.ApplicationDataContainer", .size = sizeof(Object),
        .faces = { { &IID_IApplicationDataContainer, &container_vtable, NULL } },
};

static HRESULT make(const Class *class_, void *ret)
{
        Object *object = object_new(class_);

        *(void **)ret = object ? object_face(object, 0) : NULL;
        return object ? S_OK : E_OUTOFMEMORY;
}

static STDMETHODIMP get_local_settings(IApplicationData *self, IApplicationDataContainer **ret_value)
{
        return ret_value ? make(&container_class, ret_value) : E_POINTER;
}

static STDMETHODIMP get_version(IApplicationData *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static const IApplicationDataVtbl data_vtable = {
        INSPECTABLE_SLOTS,
        .get_Version = get_version,
        .SetVersionAsync = NOT_IMPLEMENTED,
        .ClearAllAsync = NOT_IMPLEMENTED,
        .ClearAsync = NOT_IMPLEMENTED,
        .get_LocalSettings = get_local_settings,
        .get_RoamingSettings = NOT_IMPLEMENTED,
        .get_LocalFolder = get_local_folder,
        .get_RoamingFolder = NOT_IMPLEMENTED,
        .get_TemporaryFolder = NOT_IMPLEMENTED,
        .add_DataChanged = NOT_IMPLEMENTED,
        .remove_DataChanged = NOT_IMPLEMENTED,
        .SignalDataChanged = NOT_IMPLEMENTED,
        .get_RoamingStorageQuota = NOT_IMPLEMENTED,
};
static const Class data_class = {
        .name = u"Windows.Storage.ApplicationData", .size = sizeof(Object),
        .faces = { { &IID_IApplicationData, &data_vtable, NULL } },
};

/* A program without a package has none. */
static STDMETHODIMP get_current(IApplicationDataStatics *self, IApplicationData **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return bgt_local_folder(NULL) ? make(&data_class, ret_value) : hresult_last();
}

static const IApplicationDataStaticsVtbl statics = { INSPECTABLE_SLOTS, .get_Current = get_current };

const FactoryInfo appdata_factories[] = {
        { u"Windows.Storage.ApplicationData", { { &IID_IApplicationDataStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
