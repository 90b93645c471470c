/* SPDX-License-Identifier: MIT */

#include "winrt/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "winrt/platform.h"

#define ERROR_FILE_NOT_FOUND 2
#define SECONDS_FROM_1601_TO_1970 11644473600

typedef struct Folder {
        Object object;
        char *path;
} Folder;

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

HRESULT folder_new(const char *path, IStorageFolder **ret)
{
        Folder *folder = (Folder *)object_new(&folder_class);

        *ret = NULL;
        if (!folder)
                return E_OUTOFMEMORY;
        folder->path = strdup(path);
        if (!folder->path) {
                object_unref(&folder->object);
                return E_OUTOFMEMORY;
        }
        *ret = object_face(&folder->object, 0);
        return S_OK;
}
