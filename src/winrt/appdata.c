/* SPDX-License-Identifier: MIT */

/*
 * ApplicationData.Current. What an app has besides its LocalFolder lies in that folder, so that a confined one may
 * write it; nothing roams, and nobody clears what is temporary.
 */

#include <errno.h>
#include <sys/stat.h>

#include "winrt/container.h"
#include "winrt/factory.h"
#include "winrt/folder.h"
#include "winrt/settings.h"

static const char *const folder_names[] = {
        [ApplicationDataLocality_Local] = "",
        [ApplicationDataLocality_Roaming] = "/.roaming",
        [ApplicationDataLocality_Temporary] = "/.temporary",
        [ApplicationDataLocality_LocalCache] = "/.cache",
};

/* It is made if it is not there. */
static HRESULT folder_of(ApplicationDataLocality locality, char **ret_path)
{
        const char *local = bgt_local_folder(NULL);
        _cleanup_(freep) char *path = NULL;

        if (!local)
                return hresult_last();
        if (asprintf(&path, "%s%s", local, folder_names[locality]) < 0)
                return E_OUTOFMEMORY;
        if (*folder_names[locality] && mkdir(path, 0700) < 0 && errno != EEXIST)
                return settings_hresult(errno);
        *ret_path = TAKE_PTR(path);
        return S_OK;
}

static HRESULT get_folder(ApplicationDataLocality locality, IStorageFolder **ret_value)
{
        _cleanup_(freep) char *path = NULL;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        hr = folder_of(locality, &path);
        return SUCCEEDED(hr) ? folder_new(path, ret_value) : hr;
}

#define FOLDER_GETTER(name, type, locality)                                                                     \
        static STDMETHODIMP name(type *self, IStorageFolder **ret_value)                                        \
        {                                                                                                       \
                return get_folder(ApplicationDataLocality_##locality, ret_value);                               \
        }                                                                                                       \
        struct needs_a_semicolon

FOLDER_GETTER(get_local_folder, IApplicationData, Local);
FOLDER_GETTER(get_roaming_folder, IApplicationData, Roaming);
FOLDER_GETTER(get_temporary_folder, IApplicationData, Temporary);
FOLDER_GETTER(get_cache_folder, IApplicationData2, LocalCache);

static HRESULT get_settings(ApplicationDataLocality locality, IApplicationDataContainer **ret_value)
{
        _cleanup_(freep) char *path = NULL;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        hr = folder_of(locality, &path);
        return SUCCEEDED(hr) ? container_new(locality, path, ret_value) : hr;
}

static STDMETHODIMP get_local_settings(IApplicationData *self, IApplicationDataContainer **ret_value)
{
        return get_settings(ApplicationDataLocality_Local, ret_value);
}

static STDMETHODIMP get_roaming_settings(IApplicationData *self, IApplicationDataContainer **ret_value)
{
        return get_settings(ApplicationDataLocality_Roaming, ret_value);
}

static STDMETHODIMP get_quota(IApplicationData *self, UINT64 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
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
        .get_RoamingSettings = get_roaming_settings,
        .get_LocalFolder = get_local_folder,
        .get_RoamingFolder = get_roaming_folder,
        .get_TemporaryFolder = get_temporary_folder,
        .add_DataChanged = NOT_IMPLEMENTED,
        .remove_DataChanged = NOT_IMPLEMENTED,
        .SignalDataChanged = NOT_IMPLEMENTED,
        .get_RoamingStorageQuota = get_quota,
};
static const IApplicationData2Vtbl data2_vtable = { INSPECTABLE_SLOTS, .get_LocalCacheFolder = get_cache_folder };
static const Class data_class = {
        .name = u"Windows.Storage.ApplicationData", .size = sizeof(Object),
        .faces = { { &IID_IApplicationData, &data_vtable, NULL }, { &IID_IApplicationData2, &data2_vtable, NULL } },
};

/* A program without a package has none. */
static STDMETHODIMP get_current(IApplicationDataStatics *self, IApplicationData **ret_value)
{
        Object *data;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        if (!bgt_local_folder(NULL))
                return hresult_last();
        data = object_new(&data_class);
        if (!data)
                return E_OUTOFMEMORY;
        *ret_value = object_face(data, 0);
        return S_OK;
}

static const IApplicationDataStaticsVtbl statics = { INSPECTABLE_SLOTS, .get_Current = get_current };

const FactoryInfo appdata_factories[] = {
        { u"Windows.Storage.ApplicationData", { { &IID_IApplicationDataStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
