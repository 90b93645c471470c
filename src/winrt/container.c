/* SPDX-License-Identifier: MIT */

/*
 * A container is a folder: its settings are the file .settings in it, and the containers in it are the folders below
 * .containers, each of its name; characters that no file name can have, and a dot at the beginning, are %xx there.
 */

#include "winrt/container.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "winrt/map.h"
#include "winrt/settings.h"
#include "winrt/valueset.h"

#define CONTAINERS "/.containers"
#define DEPTH_MAX 32
#define NAME_LENGTH_MAX 255
#define ERROR_STATE_OPEN_CONTAINER_FAILED 15804
#define ERROR_STATE_CREATE_CONTAINER_FAILED 15805
#define ERROR_STATE_CONTAINER_NAME_SIZE_LIMIT_EXCEEDED 15818

typedef struct Container {
        Object object;
        ApplicationDataLocality locality;
        char *folder;
        HSTRING name; /* empty: the outermost one */
        unsigned depth;
} Container;

static Container *container_of(void *self)
{
        return (Container *)object_of(self);
}

static void container_done(Object *object)
{
        Container *container = (Container *)object;

        (void)WindowsDeleteString(container->name);
        free(container->folder);
}

static STDMETHODIMP get_container_name(IApplicationDataContainer *self, HSTRING *ret_value)
{
        return ret_value ? WindowsDuplicateString(container_of(self)->name, ret_value) : E_POINTER;
}

static STDMETHODIMP get_locality(IApplicationDataContainer *self, ApplicationDataLocality *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = container_of(self)->locality;
        return S_OK;
}

static STDMETHODIMP get_values(IApplicationDataContainer *self, IPropertySet **ret_value)
{
        _cleanup_(freep) char *path = NULL;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        if (asprintf(&path, "%s/.settings", container_of(self)->folder) < 0)
                return E_OUTOFMEMORY;
        return valueset_open(path, ret_value);
}

/* Names as those of folders. */

static HRESULT to_file_name(HSTRING name, char **ret_name)
{
        static const char digits[] = "0123456789abcdef";
        _cleanup_(freep) char *text = NULL, *escaped = NULL;
        char *to;
        HRESULT hr;

        if (WindowsIsStringEmpty(name))
                return E_INVALIDARG;
        hr = string_to_utf8(name, &text);
        if (FAILED(hr))
                return hr;
        to = escaped = malloc(3 * strlen(text) + 1);
        if (!escaped)
                return E_OUTOFMEMORY;
        for (const char *p = text; *p; p++) {
                unsigned char c = (unsigned char)*p;

                if (c < ' ' || c == '/' || c == '%' || c == 0x7f || (c == '.' && p == text)) {
                        *to++ = '%';
                        *to++ = digits[c >> 4];
                        *to++ = digits[c & 15];
                } else {
                        *to++ = *p;
                }
        }
        *to = '\0';
        if (WindowsGetStringLen(name) > NAME_LENGTH_MAX || to - escaped > NAME_LENGTH_MAX)
                return HRESULT_FROM_WIN32(ERROR_STATE_CONTAINER_NAME_SIZE_LIMIT_EXCEEDED);
        *ret_name = TAKE_PTR(escaped);
        return S_OK;
}

static int digit_of(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

static HRESULT from_file_name(const char *file_name, HSTRING *ret_name)
{
        _cleanup_(freep) char *text = malloc(strlen(file_name) + 1);
        char *to = text;

        if (!text)
                return E_OUTOFMEMORY;
        for (const char *p = file_name; *p; p++)
                if (*p == '%' && p[1] && p[2]) {
                        *to++ = (char)(digit_of(p[1]) << 4 | digit_of(p[2]));
                        p += 2;
                } else {
                        *to++ = *p;
                }
        *to = '\0';
        return string_from_utf8(text, ret_name);
}

static HRESULT child_path(const Container *container, const char *file_name, char **ret_path)
{
        return asprintf(ret_path, "%s" CONTAINERS "/%s", container->folder, file_name) < 0 ? E_OUTOFMEMORY : S_OK;
}

/* Containers in a container. */

static HRESULT new_container(ApplicationDataLocality locality, const char *folder, HSTRING name, unsigned depth,
                             IApplicationDataContainer **ret);

static HRESULT new_child(const Container *container, const char *file_name, HSTRING name,
                         IApplicationDataContainer **ret)
{
        _cleanup_(freep) char *path = NULL;
        HRESULT hr = child_path(container, file_name, &path);

        return SUCCEEDED(hr) ? new_container(container->locality, path, name, container->depth + 1, ret) : hr;
}

static HRESULT make_folder(const char *path)
{
        return mkdir(path, 0700) == 0 || errno == EEXIST ? S_OK : settings_hresult(errno);
}

static HRESULT make_child(const Container *container, const char *file_name)
{
        _cleanup_(freep) char *parent = NULL, *path = NULL;
        HRESULT hr = child_path(container, file_name, &path);

        if (container->depth == DEPTH_MAX)
                return HRESULT_FROM_WIN32(ERROR_STATE_CREATE_CONTAINER_FAILED);
        if (SUCCEEDED(hr) && asprintf(&parent, "%s" CONTAINERS, container->folder) < 0)
                hr = E_OUTOFMEMORY;
        if (SUCCEEDED(hr))
                hr = make_folder(parent);
        return SUCCEEDED(hr) ? make_folder(path) : hr;
}

static HRESULT find_child(const Container *container, const char *file_name)
{
        _cleanup_(freep) char *path = NULL;
        HRESULT hr = child_path(container, file_name, &path);

        if (FAILED(hr) || access(path, F_OK) == 0)
                return hr;
        return HRESULT_FROM_WIN32(ERROR_STATE_OPEN_CONTAINER_FAILED);
}

static STDMETHODIMP create_container(IApplicationDataContainer *self, HSTRING name,
                                     ApplicationDataCreateDisposition disposition,
                                     IApplicationDataContainer **ret_container)
{
        const Container *container = container_of(self);
        _cleanup_(freep) char *file_name = NULL;
        HRESULT hr;

        if (!ret_container)
                return E_POINTER;
        *ret_container = NULL;
        if ((unsigned)disposition > ApplicationDataCreateDisposition_Existing)
                return E_INVALIDARG;
        hr = to_file_name(name, &file_name);
        if (FAILED(hr))
                return hr;
        hr = disposition == ApplicationDataCreateDisposition_Existing ? find_child(container, file_name) :
                                                                        make_child(container, file_name);
        return SUCCEEDED(hr) ? new_child(container, file_name, name, ret_container) : hr;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *at)
{
        return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* One that is not there is none. */
static STDMETHODIMP delete_container(IApplicationDataContainer *self, HSTRING name)
{
        _cleanup_(freep) char *file_name = NULL, *path = NULL;
        HRESULT hr = to_file_name(name, &file_name);

        if (SUCCEEDED(hr))
                hr = child_path(container_of(self), file_name, &path);
        if (SUCCEEDED(hr) && nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
                hr = settings_hresult(errno);
        return hr;
}

static HRESULT fill_entry(const Container *container, const char *file_name, MapEntry *entry)
{
        HRESULT hr = from_file_name(file_name, &entry->name);

        if (SUCCEEDED(hr))
                hr = new_child(container, file_name, entry->name, (IApplicationDataContainer **)&entry->value);
        return hr;
}

static int is_name(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

static STDMETHODIMP get_containers(IApplicationDataContainer *self,
                                   IMapView_HSTRING_ApplicationDataContainer **ret_value)
{
        const Container *container = container_of(self);
        _cleanup_(freep) char *path = NULL;
        struct dirent **names = NULL;
        MapEntry *entries;
        HRESULT hr = S_OK;
        int n;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        if (asprintf(&path, "%s" CONTAINERS, container->folder) < 0)
                return E_OUTOFMEMORY;
        n = scandir(path, &names, is_name, alphasort);
        if (n < 0 && errno != ENOENT)
                return settings_hresult(errno);
        n = MAX(n, 0);
        entries = calloc((size_t)n + 1, sizeof *entries);
        if (!entries)
                hr = E_OUTOFMEMORY;
        for (int i = 0; i < n; i++) {
                if (SUCCEEDED(hr))
                        hr = fill_entry(container, names[i]->d_name, &entries[i]);
                free(names[i]);
        }
        free(names);
        if (SUCCEEDED(hr))
                return map_new(MAP_CONTAINERS, entries, (size_t)n, ret_value);
        map_entries_free(entries, entries ? (size_t)n : 0);
        return hr;
}

static const IApplicationDataContainerVtbl container_vtable = {
        INSPECTABLE_SLOTS, .get_Name = get_container_name, .get_Locality = get_locality, .get_Values = get_values,
        .get_Containers = get_containers, .CreateContainer = create_container, .DeleteContainer = delete_container,
};
static const Class container_class = {
        .name = u"Windows.Storage.ApplicationDataContainer", .size = sizeof(Container), .done = container_done,
        .faces = { { &IID_IApplicationDataContainer, &container_vtable, NULL } },
};

static HRESULT new_container(ApplicationDataLocality locality, const char *folder, HSTRING name, unsigned depth,
                             IApplicationDataContainer **ret)
{
        Container *container = (Container *)object_new(&container_class);

        *ret = NULL;
        if (!container)
                return E_OUTOFMEMORY;
        container->locality = locality;
        container->depth = depth;
        container->folder = strdup(folder);
        if (!container->folder || FAILED(WindowsDuplicateString(name, &container->name))) {
                object_unref(&container->object);
                return E_OUTOFMEMORY;
        }
        *ret = object_face(&container->object, 0);
        return S_OK;
}

HRESULT container_new(ApplicationDataLocality locality, const char *folder, IApplicationDataContainer **ret)
{
        return new_container(locality, folder, NULL, 0, ret);
}
