/* SPDX-License-Identifier: MIT */

/* Package.Current. */

#include "conformance.h"

#include <string.h>

#define YEAR_2020 132223104000000000 /* of DateTime */

static IPackageStatics *statics(void)
{
        return factory_of(STRING("Windows.ApplicationModel.Package"), &IID_IPackageStatics);
}

static IPackage *current(void)
{
        IPackage *package = NULL;

        CHECK(IPackageStatics_get_Current(statics(), NULL) == E_POINTER);
        CHECK_OK(IPackageStatics_get_Current(statics(), &package));
        return package;
}

static void *face_of(void *object, const IID *iid)
{
        void *face = NULL;

        CHECK_OK(IInspectable_QueryInterface((IInspectable *)object, iid, &face));
        return face;
}

static IPackageId *id_of_current(void)
{
        IPackage *package = current();
        IPackageId *id = NULL;

        CHECK_OK(IPackage_get_Id(package, &id));
        CHECK(IPackage_Release(package) == 1);
        return id;
}

typedef HRESULT (STDMETHODCALLTYPE *Getter)(void *self, HSTRING *ret_value);

/* What it gives, as ASCII. */
static void get_text(void *object, void *getter, char *text, size_t size)
{
        HSTRING string = NULL;

        CHECK_OK(((Getter)getter)(object, &string));
        narrow(string, text, size);
        CHECK_OK(WindowsDeleteString(string));
}

static void a_package_has_a_name(void)
{
        static const IID *const iids[] = { &IID_IPackageId };
        char name[128], family[128], full[256], publisher_id[64], expected[512];
        IPackageId *id = id_of_current();
        ProcessorArchitecture architecture = ProcessorArchitecture_X86;
        PackageVersion version = { 0 };
        HSTRING text = NULL;

        check_interfaces(id, iids, 1);
        check_class_name(id, u"Windows.ApplicationModel.PackageId");
        get_text(id, id->lpVtbl->get_Name, name, sizeof name);
        get_text(id, id->lpVtbl->get_FamilyName, family, sizeof family);
        get_text(id, id->lpVtbl->get_FullName, full, sizeof full);
        get_text(id, id->lpVtbl->get_PublisherId, publisher_id, sizeof publisher_id);
        CHECK(strlen(publisher_id) == 13);
        (void)snprintf(expected, sizeof expected, "%s_%s", name, publisher_id);
        CHECK(strcmp(expected, family) == 0);
        (void)snprintf(expected, sizeof expected, "%s_1.0.0.0_neutral__%s", name, publisher_id);
        CHECK(strcmp(expected, full) == 0);
        CHECK_OK(IPackageId_get_FamilyName(id, &text));
        CHECK(is_of_package("family", text));
        CHECK_OK(WindowsDeleteString(text));
        CHECK_OK(IPackageId_get_Publisher(id, &text));
        CHECK(is_of_package("publisher", text));
        CHECK_OK(WindowsDeleteString(text));
        CHECK_OK(IPackageId_get_ResourceId(id, &text));
        CHECK(WindowsIsStringEmpty(text));
        CHECK_OK(IPackageId_get_Version(id, &version));
        CHECK(version.Major == 1 && version.Minor == 0 && version.Build == 0 && version.Revision == 0);
        CHECK_OK(IPackageId_get_Architecture(id, &architecture));
        CHECK(architecture == ProcessorArchitecture_Neutral);
        CHECK(IPackageId_Release(id) == 0);
}

static void a_package_has_a_folder(void)
{
        IPackage *package = current();
        IPackage8 *package8 = face_of(package, &IID_IPackage8);
        IStorageFolder *folder = NULL;
        IStorageItem *item;
        HSTRING path = NULL;

        CHECK_OK(IPackage_get_InstalledLocation(package, &folder));
        item = face_of(folder, &IID_IStorageItem);
        CHECK_OK(IStorageItem_get_Path(item, &path));
        CHECK(is_of_package("place", path));
        CHECK_OK(WindowsDeleteString(path));
        CHECK_OK(IPackage8_get_InstalledPath(package8, &path));
        CHECK(is_of_package("place", path));
        CHECK_OK(WindowsDeleteString(path));
        CHECK_OK(IPackage8_get_EffectivePath(package8, &path));
        CHECK(is_of_package("place", path));
        CHECK_OK(WindowsDeleteString(path));
        IStorageItem_Release(item);
        CHECK(IStorageFolder_Release(folder) == 0);
        IPackage8_Release(package8);
        CHECK(IPackage_Release(package) == 0);
}

static void a_package_is_one_that_is_installed(void)
{
        static const IID *const iids[] = { &IID_IPackage, &IID_IPackage2, &IID_IPackage3, &IID_IPackage8 };
        IPackage *package = current();
        IPackage2 *package2 = face_of(package, &IID_IPackage2);
        IPackage3 *package3 = face_of(package, &IID_IPackage3);
        boolean is = 9, is_bundle = 9;
        DateTime installed = { 0 };
        IPackageId *id = NULL;
        char shown[128], name[128];

        check_interfaces(package, iids, 4);
        check_class_name(package, u"Windows.ApplicationModel.Package");
        CHECK_OK(IPackage_get_IsFramework(package, &is));
        CHECK_OK(IPackage2_get_IsBundle(package2, &is_bundle));
        CHECK(is == 0 && is_bundle == 0);
        CHECK_OK(IPackage3_get_InstalledDate(package3, &installed));
        CHECK(installed.UniversalTime > YEAR_2020);
        CHECK_OK(IPackage_get_Id(package, &id));
        get_text(id, id->lpVtbl->get_Name, name, sizeof name);
        get_text(package2, package2->lpVtbl->get_DisplayName, shown, sizeof shown);
        /* Its manifest gives it none. */
        CHECK(strcmp(shown, name) == 0);
        CHECK(IPackage_get_Dependencies(package) == E_NOTIMPL);
        IPackageId_Release(id);
        IPackage3_Release(package3);
        IPackage2_Release(package2);
        CHECK(IPackage_Release(package) == 0);
}

const Row identity_rows[] = {
        { "PackageId", "a package has a name and its parts", a_package_has_a_name },
        { "Package.InstalledLocation", "a package has a folder, and its path", a_package_has_a_folder },
        { "Package", "a package is one that is installed", a_package_is_one_that_is_installed },
        { NULL },
};
