/* SPDX-License-Identifier: MIT */

#include "winrt/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file-watch.h"
#include "winrt/async.h"
#include "winrt/changes.h"
#include "winrt/factory.h"
#include "winrt/folder.h"
#include "winrt/trigger.h"
#include "winrt/vector.h"

/* A library and its tracker: the folder. */
typedef struct Library {
        Object object;
        char *folder;
} Library;

/* By KnownLibraryId: the variable of xdg-user-dirs(1), and the folder where that says nothing. */
static const struct {
        const char *variable, *name;
} known[] = {
        [KnownLibraryId_Music] = { "XDG_MUSIC_DIR", "Music" },
        [KnownLibraryId_Pictures] = { "XDG_PICTURES_DIR", "Pictures" },
        [KnownLibraryId_Videos] = { "XDG_VIDEOS_DIR", "Videos" },
        [KnownLibraryId_Documents] = { "XDG_DOCUMENTS_DIR", "Documents" },
};

static atomic_int_least64_t last_token;

static const char *home(void)
{
        const char *path = getenv("HOME");

        return path && *path == '/' ? path : "/";
}

static char *joined(const char *a, const char *b)
{
        char *text = malloc(strlen(a) + strlen(b) + 2);

        if (text)
                (void)stpcpy(stpcpy(stpcpy(text, a), "/"), b);
        return text;
}

/* NAME="$HOME/path" or NAME="/path", in place; NULL: it is another line. */
static const char *value_of(char *line, const char *name)
{
        size_t n = strlen(name);
        char *end;

        line += strspn(line, " \t");
        if (strncmp(line, name, n) != 0 || strncmp(line + n, "=\"", 2) != 0)
                return NULL;
        line += n + 2;
        end = strchr(line, '"');
        if (!end)
                return NULL;
        *end = '\0';
        return *line == '/' || strncmp(line, "$HOME/", 6) == 0 ? line : NULL;
}

/* What the user has set, in the file that the desktop writes. NULL: nothing, or no memory. */
static char *configured(KnownLibraryId id)
{
        const char *folder = getenv("XDG_CONFIG_HOME");
        char path[4096], line[4096], *found = NULL;
        FILE *file;
        int n = folder && *folder == '/' ? snprintf(path, sizeof path, "%s/user-dirs.dirs", folder) :
                snprintf(path, sizeof path, "%s/.config/user-dirs.dirs", home());

        file = n > 0 && (size_t)n < sizeof path ? fopen(path, "re") : NULL;
        if (!file)
                return NULL;
        while (!found && fgets(line, sizeof line, file)) {
                const char *value = value_of(line, known[id].variable);

                if (value)
                        found = *value == '/' ? strdup(value) : joined(home(), value + 6);
        }
        fclose(file);
        return found;
}

static char *folder_of(KnownLibraryId id)
{
        return configured(id) ?: joined(home(), known[id].name);
}

static const Class library_class, tracker_class;

static Library *library_of(void *self)
{
        return (Library *)object_of(self);
}

static void library_done(Object *object)
{
        free(((Library *)object)->folder);
}

/* Takes the folder, in any case. */
static HRESULT new_of_folder(const Class *class_, char *folder, void *ret)
{
        Library *library = folder ? (Library *)object_new(class_) : NULL;

        *(void **)ret = NULL;
        if (!library) {
                free(folder);
                return E_OUTOFMEMORY;
        }
        library->folder = folder;
        *(void **)ret = object_face(&library->object, 0);
        return S_OK;
}

HRESULT library_new_tracker(const char *folder, IStorageLibraryChangeTracker **ret)
{
        return new_of_folder(&tracker_class, strdup(folder), ret);
}

static bool is_any_below(const char *const *paths, size_t n, const char *folder)
{
        size_t length = strlen(folder);

        for (size_t i = 0; i < n; i++)
                if (strncmp(paths[i], folder, length) == 0 && (paths[i][length] == '/' || paths[i][length] == '\0'))
                        return true;
        return false;
}

char *library_folder_of(const char *const *paths, size_t n)
{
        for (KnownLibraryId id = KnownLibraryId_Music; id <= KnownLibraryId_Documents && n > 0; id++) {
                char *folder = folder_of(id);

                if (!folder || is_any_below(paths, n, folder))
                        return folder;
                free(folder);
        }
        return strdup(home());
}

/* Asks somebody, or calls a method of a later time. */
static STDMETHODIMP get_save_folder(IStorageLibrary *self, IStorageFolder **ret_value)
{
        return ret_value ? folder_new(library_of(self)->folder, ret_value) : E_POINTER;
}

static STDMETHODIMP get_folders(IStorageLibrary *self, IObservableVector_StorageFolder **ret_value)
{
        IUnknown **items;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        items = calloc(1, sizeof(IUnknown *));
        if (!items)
                return E_OUTOFMEMORY;
        hr = folder_new(library_of(self)->folder, (IStorageFolder **)&items[0]);
        if (SUCCEEDED(hr))
                return vector_new(VECTOR_FOLDERS, items, 1, ret_value);
        vector_free(items, 1);
        return hr;
}

/* Nobody tells when the user sets another folder. */
static STDMETHODIMP add_definition_changed(IStorageLibrary *self, IUnknown *handler,
                                           EventRegistrationToken *ret_token)
{
        if (!handler || !ret_token)
                return E_POINTER;
        ret_token->value = atomic_fetch_add(&last_token, 1) + 1;
        return S_OK;
}

static STDMETHODIMP remove_definition_changed(IStorageLibrary *self, EventRegistrationToken token)
{
        return S_OK;
}

static STDMETHODIMP get_change_tracker(IStorageLibrary2 *self, IStorageLibraryChangeTracker **ret_value)
{
        return ret_value ? library_new_tracker(library_of(self)->folder, ret_value) : E_POINTER;
}

static STDMETHODIMP are_suggestions_available(IStorageLibrary3 *self, IAsyncOperation_boolean **ret_operation)
{
        return async_new(ASYNC_BOOLEAN, S_OK, 0, ret_operation);
}

static const IStorageLibraryVtbl library_vtable = {
        INSPECTABLE_SLOTS, .RequestAddFolderAsync = NOT_IMPLEMENTED,
        .RequestRemoveFolderAsync = NOT_IMPLEMENTED, .get_Folders = get_folders,
        .get_SaveFolder = get_save_folder, .add_DefinitionChanged = add_definition_changed,
        .remove_DefinitionChanged = remove_definition_changed,
};
static const IStorageLibrary2Vtbl library2_vtable = { INSPECTABLE_SLOTS, .get_ChangeTracker = get_change_tracker };
static const IStorageLibrary3Vtbl library3_vtable = {
        INSPECTABLE_SLOTS, .AreFolderSuggestionsAvailableAsync = are_suggestions_available,
};
static const Class library_class = {
        .name = u"Windows.Storage.StorageLibrary", .size = sizeof(Library), .done = library_done,
        .faces = { { &IID_IStorageLibrary, &library_vtable, NULL },
                   { &IID_IStorageLibrary2, &library2_vtable, NULL },
                   { &IID_IStorageLibrary3, &library3_vtable, NULL } },
};

static STDMETHODIMP get_library(IStorageLibraryStatics *self, KnownLibraryId id,
                                IAsyncOperation_StorageLibrary **ret_operation)
{
        IStorageLibrary *library = NULL;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        if ((int)id < KnownLibraryId_Music || id > KnownLibraryId_Documents)
                return E_INVALIDARG;
        hr = new_of_folder(&library_class, folder_of(id), &library);
        return async_new_object(ASYNC_LIBRARY, hr, library, ret_operation);
}

static const IStorageLibraryStaticsVtbl library_statics = { INSPECTABLE_SLOTS, .GetLibraryAsync = get_library };

/* StorageLibraryChangeTracker. */

static STDMETHODIMP get_change_reader(IStorageLibraryChangeTracker *self, IStorageLibraryChangeReader **ret_reader)
{
        return ret_reader ? changes_new_reader(library_of(self)->folder, ret_reader) : E_POINTER;
}

/* Changes are tracked as long as a task is registered for them. */
static STDMETHODIMP enable(void *self)
{
        return S_OK;
}

static STDMETHODIMP enable_with(IStorageLibraryChangeTracker2 *self, IInspectable *options)
{
        return S_OK;
}

static STDMETHODIMP reset(IStorageLibraryChangeTracker *self)
{
        changes_forget(library_of(self)->folder);
        return S_OK;
}

static const IStorageLibraryChangeTrackerVtbl tracker_vtable = {
        INSPECTABLE_SLOTS, .GetChangeReader = get_change_reader, .Enable = (void *)enable, .Reset = reset,
};
static const IStorageLibraryChangeTracker2Vtbl tracker2_vtable = {
        INSPECTABLE_SLOTS, .EnableWithOptions = enable_with, .Disable = (void *)enable,
};
static const Class tracker_class = {
        .name = u"Windows.Storage.StorageLibraryChangeTracker", .size = sizeof(Library), .done = library_done,
        .faces = { { &IID_IStorageLibraryChangeTracker, &tracker_vtable, NULL },
                   { &IID_IStorageLibraryChangeTracker2, &tracker2_vtable, NULL } },
};

/* The triggers. */

static const IStorageLibraryContentChangedTriggerVtbl content_vtable = { INSPECTABLE_SLOTS };
const Class trigger_storage_content = TRIGGER_CLASS(
        u"StorageLibraryContentChangedTrigger",
        { &IID_IStorageLibraryContentChangedTrigger, &content_vtable, NULL }, TRIGGER_FACE);
const Class trigger_storage_tracker = TRIGGER_CLASS(u"StorageLibraryChangeTrackerTrigger", TRIGGER_FACE);

/* paths: ends with NULL. */
static HRESULT wrap_files(const char *const *paths, void *ret_trigger)
{
        return trigger_wrap(bgt_trigger_files(paths, true, FILE_WATCH_DELAY_USEC, FILE_WATCH_MAX_DELAY_USEC, false),
                            ret_trigger);
}

static STDMETHODIMP create_content(IStorageLibraryContentChangedTriggerStatics *self, IStorageLibrary *library,
                                   IStorageLibraryContentChangedTrigger **ret_trigger)
{
        Object *object = object_of_class(library, &library_class);

        if (!ret_trigger || !library)
                return E_POINTER;
        *ret_trigger = NULL;
        return object ? wrap_files((const char *[]){ ((Library *)object)->folder, NULL }, ret_trigger) : E_INVALIDARG;
}

/* The folders of what a program has listed; the libraries, which they belong to, are kept beside them. */
static HRESULT list_folders(IIterator_StorageLibrary *iterator, IStorageLibrary **libraries, const char **folders)
{
        boolean more = 0;
        HRESULT hr = IIterator_StorageLibrary_get_HasCurrent(iterator, &more);

        for (size_t n = 0; SUCCEEDED(hr) && more; n++) {
                Object *object;

                hr = n < FILE_WATCH_PATHS_MAX ? IIterator_StorageLibrary_get_Current(iterator, &libraries[n]) :
                        E_INVALIDARG;
                if (FAILED(hr))
                        break;
                object = object_of_class(libraries[n], &library_class);
                if (!object)
                        return E_INVALIDARG;
                folders[n] = ((Library *)object)->folder;
                hr = IIterator_StorageLibrary_MoveNext(iterator, &more);
        }
        return SUCCEEDED(hr) && !folders[0] ? E_INVALIDARG : hr;
}

static STDMETHODIMP create_content_of(IStorageLibraryContentChangedTriggerStatics *self,
                                      IIterable_StorageLibrary *iterable,
                                      IStorageLibraryContentChangedTrigger **ret_trigger)
{
        IStorageLibrary *libraries[FILE_WATCH_PATHS_MAX] = { NULL };
        const char *folders[FILE_WATCH_PATHS_MAX + 1] = { NULL };
        IIterator_StorageLibrary *iterator = NULL;
        HRESULT hr;

        if (!ret_trigger || !iterable)
                return E_POINTER;
        *ret_trigger = NULL;
        hr = IIterable_StorageLibrary_First(iterable, &iterator);
        if (FAILED(hr))
                return hr;
        hr = list_folders(iterator, libraries, folders);
        if (SUCCEEDED(hr))
                hr = wrap_files(folders, ret_trigger);
        for (size_t i = 0; i < FILE_WATCH_PATHS_MAX && libraries[i]; i++)
                IStorageLibrary_Release(libraries[i]);
        IIterator_StorageLibrary_Release(iterator);
        return hr;
}

static STDMETHODIMP create_tracker(IStorageLibraryChangeTrackerTriggerFactory *self,
                                   IStorageLibraryChangeTracker *tracker, IBackgroundTrigger **ret_trigger)
{
        Object *object = object_of_class(tracker, &tracker_class);

        if (!ret_trigger || !tracker)
                return E_POINTER;
        *ret_trigger = NULL;
        if (!object)
                return E_INVALIDARG;
        return trigger_wrap(bgt_trigger_change_tracker((const char *[]){ ((Library *)object)->folder, NULL }, true,
                                                       FILE_WATCH_DELAY_USEC, FILE_WATCH_MAX_DELAY_USEC, false),
                            ret_trigger);
}

static const IStorageLibraryContentChangedTriggerStaticsVtbl content_statics = {
        INSPECTABLE_SLOTS, .Create = create_content, .CreateFromLibraries = create_content_of,
};
static const IStorageLibraryChangeTrackerTriggerFactoryVtbl tracker_factory = {
        INSPECTABLE_SLOTS, .Create = create_tracker,
};

const FactoryInfo library_factories[] = {
        { u"Windows.Storage.StorageLibrary", { { &IID_IStorageLibraryStatics, &library_statics, NULL } }, NULL },
        { BACKGROUND u"StorageLibraryContentChangedTrigger",
          { { &IID_IStorageLibraryContentChangedTriggerStatics, &content_statics, NULL } }, NULL },
        { BACKGROUND u"StorageLibraryChangeTrackerTrigger",
          { { &IID_IStorageLibraryChangeTrackerTriggerFactory, &tracker_factory, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
