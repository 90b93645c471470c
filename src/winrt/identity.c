/* SPDX-License-Identifier: MIT */

/* Package.Current: what the broker knows of the package of this process, as it was when it was asked. */

#include <stdlib.h>
#include <string.h>

#include "winrt/factory.h"
#include "winrt/folder.h"
#include "winrt/package.h"
#include "winrt/platform.h"

#define NO_PACKAGE ((HRESULT)0x80073d54) /* APPMODEL_ERROR_NO_PACKAGE */
#define USEC_FROM_1601_TO_1970 11644473600000000

/* The parts of a full name: Name_Version_Architecture_ResourceId_PublisherId. */
typedef enum Part { PART_NAME, PART_VERSION, PART_ARCHITECTURE, PART_RESOURCE, PART_PUBLISHER, PART_X_MAX } Part;

typedef struct Package {
        Object object;
        char *family, *full_name, *publisher, *display_name, *folder;
        char *parts[PART_X_MAX]; /* of one text, which is that of the first */
        uint64_t installed_usec;
} Package;

typedef struct PackageId {
        Object object;
        Package *package;
} PackageId;

static const Class id_class;

static Package *package_of(void *self)
{
        return (Package *)object_of(self);
}

static Package *package_of_id(void *self)
{
        return ((PackageId *)object_of(self))->package;
}

static void package_done(Object *object)
{
        Package *package = (Package *)object;
        char *const kept[] = { package->family, package->full_name, package->publisher, package->display_name,
                               package->folder, package->parts[0] };

        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                free(kept[i]);
}

static void id_done(Object *object)
{
        object_unref(&((PackageId *)object)->package->object);
}

/* The name. */

#define TEXT_GETTER(name, text)                                                         \
        static STDMETHODIMP get_##name(IPackageId *self, HSTRING *ret_value)            \
        {                                                                               \
                return ret_value ? string_from_utf8(package_of_id(self)->text, ret_value) : E_POINTER; \
        }

TEXT_GETTER(name, parts[PART_NAME])
TEXT_GETTER(resource, parts[PART_RESOURCE])
TEXT_GETTER(publisher, publisher)
TEXT_GETTER(publisher_id, parts[PART_PUBLISHER])
TEXT_GETTER(full_name, full_name)
TEXT_GETTER(family, family)

static STDMETHODIMP get_version(IPackageId *self, PackageVersion *ret_value)
{
        unsigned v[4] = { 0 };

        if (!ret_value)
                return E_POINTER;
        (void)sscanf(package_of_id(self)->parts[PART_VERSION], "%5u.%5u.%5u.%5u", &v[0], &v[1], &v[2], &v[3]);
        *ret_value = (PackageVersion){ (UINT16)v[0], (UINT16)v[1], (UINT16)v[2], (UINT16)v[3] };
        return S_OK;
}

static STDMETHODIMP get_architecture(IPackageId *self, ProcessorArchitecture *ret_value)
{
        static const struct {
                const char *name;
                ProcessorArchitecture architecture;
        } known[] = {
                { "x86", ProcessorArchitecture_X86 }, { "x64", ProcessorArchitecture_X64 },
                { "arm", ProcessorArchitecture_Arm }, { "arm64", ProcessorArchitecture_Arm64 },
                { "x86a64", ProcessorArchitecture_X86OnArm64 }, { "neutral", ProcessorArchitecture_Neutral },
        };

        if (!ret_value)
                return E_POINTER;
        *ret_value = ProcessorArchitecture_Unknown;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(known[i].name, package_of_id(self)->parts[PART_ARCHITECTURE]) == 0)
                        *ret_value = known[i].architecture;
        return S_OK;
}

static const IPackageIdVtbl id_vtable = {
        INSPECTABLE_SLOTS, .get_Name = get_name, .get_Version = get_version, .get_Architecture = get_architecture,
        .get_ResourceId = get_resource, .get_Publisher = get_publisher, .get_PublisherId = get_publisher_id,
        .get_FullName = get_full_name, .get_FamilyName = get_family,
};
static const Class id_class = {
        .name = u"Windows.ApplicationModel.PackageId", .size = sizeof(PackageId), .done = id_done,
        .faces = { { &IID_IPackageId, &id_vtable, NULL } },
};

/* The package. */

static STDMETHODIMP get_id(IPackage *self, IPackageId **ret_value)
{
        PackageId *id;

        if (!ret_value)
                return E_POINTER;
        id = (PackageId *)object_new(&id_class);
        *ret_value = id ? object_face(&id->object, 0) : NULL;
        if (!id)
                return E_OUTOFMEMORY;
        id->package = (Package *)object_ref(object_of(self));
        return S_OK;
}

static STDMETHODIMP get_folder(IPackage *self, IStorageFolder **ret_value)
{
        return ret_value ? folder_new(package_of(self)->folder, ret_value) : E_POINTER;
}

static STDMETHODIMP get_no(void *self, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static STDMETHODIMP get_display_name(IPackage2 *self, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(package_of(self)->display_name, ret_value) : E_POINTER;
}

static STDMETHODIMP get_installed(IPackage3 *self, DateTime *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        ret_value->UniversalTime = (INT64)(package_of(self)->installed_usec + USEC_FROM_1601_TO_1970) * 10;
        return S_OK;
}

static STDMETHODIMP get_path(IPackage8 *self, HSTRING *ret_value)
{
        return ret_value ? platform_path(package_of(self)->folder, ret_value) : E_POINTER;
}

static const IPackageVtbl package_vtable = {
        INSPECTABLE_SLOTS, .get_Id = get_id, .get_InstalledLocation = get_folder, .get_IsFramework = (void *)get_no,
        .get_Dependencies = NOT_IMPLEMENTED,
};
static const IPackage2Vtbl package2_vtable = {
        INSPECTABLE_SLOTS, .get_DisplayName = get_display_name, .get_PublisherDisplayName = NOT_IMPLEMENTED,
        .get_Description = NOT_IMPLEMENTED, .get_Logo = NOT_IMPLEMENTED, .get_IsResourcePackage = (void *)get_no,
        .get_IsBundle = (void *)get_no, .get_IsDevelopmentMode = (void *)get_no,
};
static const IPackage3Vtbl package3_vtable = {
        INSPECTABLE_SLOTS, .get_Status = NOT_IMPLEMENTED, .get_InstalledDate = get_installed,
        .GetAppListEntriesAsync = NOT_IMPLEMENTED,
};
static const IPackage8Vtbl package8_vtable = {
        INSPECTABLE_SLOTS, .get_EffectiveExternalLocation = NOT_IMPLEMENTED,
        .get_MachineExternalLocation = NOT_IMPLEMENTED, .get_UserExternalLocation = NOT_IMPLEMENTED,
        .get_InstalledPath = get_path, .get_MutablePath = NOT_IMPLEMENTED, .get_EffectivePath = get_path,
        .get_EffectiveExternalPath = NOT_IMPLEMENTED, .get_MachineExternalPath = NOT_IMPLEMENTED,
        .get_UserExternalPath = NOT_IMPLEMENTED, .GetLogoAsRandomAccessStreamReference = NOT_IMPLEMENTED,
        .GetAppListEntries = NOT_IMPLEMENTED, .get_IsStub = (void *)get_no,
};
static const Class package_class = {
        .name = u"Windows.ApplicationModel.Package", .size = sizeof(Package), .done = package_done,
        .faces = { { &IID_IPackage, &package_vtable, NULL }, { &IID_IPackage2, &package2_vtable, NULL },
                   { &IID_IPackage3, &package3_vtable, NULL }, { &IID_IPackage8, &package8_vtable, NULL } },
};

/* False: a part of the full name is missing. */
static bool split(char *text, char *parts[PART_X_MAX])
{
        for (Part i = 0; i < PART_X_MAX; i++) {
                parts[i] = text;
                text = text ? strchr(text, '_') : NULL;
                if (text)
                        *text++ = '\0';
        }
        return parts[PART_PUBLISHER] != NULL;
}

static bool copy(const bgt_record *row, const char *key, char **ret)
{
        const char *text = bgt_record_string(row, key);

        *ret = strdup(text ? text : "");
        return *ret;
}

static HRESULT fill(Package *package, const bgt_record *row)
{
        char *parts = NULL;

        if (!copy(row, "package", &package->family) || !copy(row, "full-name", &package->full_name) ||
            !copy(row, "publisher", &package->publisher) || !copy(row, "display-name", &package->display_name) ||
            !copy(row, "folder", &package->folder) || !copy(row, "full-name", &parts))
                return E_OUTOFMEMORY;
        package->installed_usec = bgt_record_uint(row, "installed", 0);
        package->parts[0] = parts;
        /* The manifest of a package may have become unreadable. */
        return split(parts, package->parts) ? S_OK : E_FAIL;
}

static STDMETHODIMP get_current(IPackageStatics *self, IPackage **ret_value)
{
        const bgt_record *row = NULL;
        bgt_list *list = NULL;
        Package *package;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        hr = package_find(&list, &row);
        if (FAILED(hr))
                return hr == HRESULT_FROM_WIN32(ERROR_NOT_FOUND) ? NO_PACKAGE : hr;
        package = (Package *)object_new(&package_class);
        hr = package ? fill(package, row) : E_OUTOFMEMORY;
        if (SUCCEEDED(hr))
                *ret_value = object_face(&package->object, 0);
        else if (package)
                object_unref(&package->object);
        bgt_list_free(list);
        return hr;
}

static const IPackageStaticsVtbl statics = { INSPECTABLE_SLOTS, .get_Current = get_current };

const FactoryInfo identity_factories[] = {
        { u"Windows.ApplicationModel.Package", { { &IID_IPackageStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
