/* SPDX-License-Identifier: MIT */

/* ApplicationData.Current: its LocalFolder, and its LocalSettings, which lie in that folder. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "winrt/factory.h"
#include "winrt/platform.h"
#include "winrt/valueset.h"

#define ERROR_FILE_NOT_FOUND 2
#define SECONDS_FROM_1601_TO_1970 11644473600
#define SETTINGS_NAME "/.settings"

typedef struct Folder {
        Object object;
        char *path;
} Folder;

static STDMETHODIMP not_implemented(void *self)
{
        return E_NOTIMPL;
}

#define NOT_IMPLEMENTED (void *)not_implemented

static void folder_done(Object *object)
{
        free(((Folder *)object)->path);
}

static STDMETHODIMP get_folder_name(IStorageItem *self, HSTRING *ret_value)
{
        const char *path = ((Folder *)object_of(self))->path, *slash = strrchr(path, '/');

        return ret_value ? string_from_utf8(slash ? slash + 1 : path, ret_value) : E_POINTER;
}

static STDMETHODIMP get_path(IStorageItem *self, HSTRING *ret_value)
{
        return ret_value ? platform_path(((Folder *)object_of(self))->path, ret_value) : E_POINTER;
}

/* FileAttributes.Directory, StorageItemTypes.Folder. */
static STDMETHODIMP get_attributes(IStorageItem *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 16;
        return S_OK;
}

/* Where the file system does not know, its last change. */
static STDMETHODIMP get_date_created(IStorageItem *self, DateTime *ret_value)
{
        const struct statx_timestamp *at;
        struct statx status;

        if (!ret_value)
                return E_POINTER;
        if (statx(AT_FDCWD, ((Folder *)object_of(self))->path, 0, STATX_BTIME | STATX_MTIME, &status) < 0)
                return HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND);
        at = status.stx_mask & STATX_BTIME ? &status.stx_btime : &status.stx_mtime;
        ret_value->UniversalTime = (at->tv_sec + SECONDS_FROM_1601_TO_1970) * 10000000 + at->tv_nsec / 100;
        return S_OK;
}

static STDMETHODIMP is_of_type(IStorageItem *self, UINT32 type, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = (type & 2) != 0;
        return S_OK;
}

static const IStorageFolderVtbl folder_vtable = {
        INSPECTABLE_SLOTS,
        .CreateFileAsyncOverloadDefaultOptions = NOT_IMPLEMENTED,
        .CreateFileAsync = NOT_IMPLEMENTED,
        .CreateFolderAsyncOverloadDefaultOptions = NOT_IMPLEMENTED,
        .CreateFolderAsync = NOT_IMPLEMENTED,
        .GetFileAsync = NOT_IMPLEMENTED,
        .GetFolderAsync = NOT_IMPLEMENTED,
        .GetItemAsync = NOT_IMPLEMENTED,
        .GetFilesAsyncOverloadDefaultOptionsStartAndCount = NOT_IMPLEMENTED,
        .GetFoldersAsyncOverloadDefaultOptionsStartAndCount = NOT_IMPLEMENTED,
        .GetItemsAsyncOverloadDefaultStartAndCount = NOT_IMPLEMENTED,
};
static const IStorageItemVtbl item_vtable = {
        INSPECTABLE_SLOTS,
        .RenameAsyncOverloadDefaultOptions = NOT_IMPLEMENTED,
        .RenameAsync = NOT_IMPLEMENTED,
        .DeleteAsyncOverloadDefaultOptions = NOT_IMPLEMENTED,
        .DeleteAsync = NOT_IMPLEMENTED,
        .GetBasicPropertiesAsync = NOT_IMPLEMENTED,
        .get_Name = get_folder_name,
        .get_Path = get_path,
        .get_Attributes = get_attributes,
        .get_DateCreated = get_date_created,
        .IsOfType = is_of_type,
};
static const Class folder_class = {
        .name = u"Windows.Storage.StorageFolder", .size = sizeof(Folder), .done = folder_done,
        .faces = { { &IID_IStorageFolder, &folder_vtable, NULL }, { &IID_IStorageItem, &item_vtable, NULL } },
};

static STDMETHODIMP get_local_folder(IApplicationData *self, IStorageFolder **ret_value)
{
        const char *path;
        Folder *folder;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        path = bgt_local_folder(NULL);
        if (!path)
                return hresult_last();
        folder = (Folder *)object_new(&folder_class);
        if (!folder)
                return E_OUTOFMEMORY;
        folder->path = strdup(path);
        if (!folder->path) {
                object_unref(&folder->object);
                return E_OUTOFMEMORY;
        }
        *ret_value = object_face(&folder->object, 0);
        return S_OK;
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
