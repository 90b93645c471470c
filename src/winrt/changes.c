/* SPDX-License-Identifier: MIT */

#include "winrt/changes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/list.h"
#include "winrt/async.h"
#include "winrt/platform.h"
#include "winrt/vector.h"

/* Of more than these nobody is told singly. */
#define NOTED_MAX 10000

typedef struct Noted {
        ListNode node;
        uint64_t number;
        char *path;
} Noted;

typedef struct Change {
        Object object;
        StorageLibraryChangeType type;
        char *path;
} Change;

typedef struct Reader {
        Object object;
        char *folder;
        atomic_ullong read; /* up to which number */
} Reader;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ListNode all = LIST_INIT(all);
static size_t n_noted;
static uint64_t last_number;
static uint64_t lost_number; /* of when changes were last lost; 0: they were not */

static void forget(Noted *noted)
{
        list_remove(&noted->node);
        n_noted--;
        free(noted->path);
        free(noted);
}

static void lose_all(void)
{
        list_for_each_safe(i, &all)
                forget(list_entry(i, Noted, node));
        lost_number = ++last_number;
}

/* One path once: its newest change. */
static void note(const char *path)
{
        Noted *noted;

        list_for_each_safe(i, &all)
                if (strcmp(list_entry(i, Noted, node)->path, path) == 0)
                        forget(list_entry(i, Noted, node));
        noted = n_noted < NOTED_MAX ? calloc(1, sizeof *noted) : NULL;
        if (noted)
                noted->path = strdup(path);
        if (!noted || !noted->path) {
                free(noted);
                lose_all();
                return;
        }
        noted->number = ++last_number;
        list_append(&all, &noted->node);
        n_noted++;
}

void changes_note(const bgt_record *details)
{
        size_t n = 0;
        const char *const *paths = bgt_record_strings(details, "paths", &n);

        pthread_mutex_lock(&lock);
        if (bgt_record_bool(details, "everything", false))
                lose_all();
        for (size_t i = 0; i < n; i++)
                note(paths[i]);
        pthread_mutex_unlock(&lock);
}

static bool is_below(const char *path, const char *folder)
{
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0' || (n > 0 && folder[n - 1] == '/'));
}

static void forget_below(const char *folder, uint64_t number)
{
        pthread_mutex_lock(&lock);
        list_for_each_safe(i, &all) {
                Noted *noted = list_entry(i, Noted, node);

                if (noted->number <= number && is_below(noted->path, folder))
                        forget(noted);
        }
        if (lost_number <= number)
                lost_number = 0;
        pthread_mutex_unlock(&lock);
}

void changes_forget(const char *folder)
{
        forget_below(folder, UINT64_MAX);
}

/* StorageLibraryChange. */

static void change_done(Object *object)
{
        free(((Change *)object)->path);
}

static STDMETHODIMP get_change_type(IStorageLibraryChange *self, StorageLibraryChangeType *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((Change *)object_of(self))->type;
        return S_OK;
}

static STDMETHODIMP get_path(IStorageLibraryChange *self, HSTRING *ret_value)
{
        return ret_value ? platform_path(((Change *)object_of(self))->path, ret_value) : E_POINTER;
}

/* What was moved is one that is gone and one that has come. */
static STDMETHODIMP get_previous_path(IStorageLibraryChange *self, HSTRING *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return S_OK;
}

/* StorageItemTypes: of what is gone nobody knows. */
static STDMETHODIMP is_of_type(IStorageLibraryChange *self, UINT32 type, boolean *ret_value)
{
        struct stat status;
        UINT32 is = 0;

        if (!ret_value)
                return E_POINTER;
        if (lstat(((Change *)object_of(self))->path, &status) >= 0)
                is = S_ISDIR(status.st_mode) ? 2 : 1;
        *ret_value = type == is || (type & is) != 0;
        return S_OK;
}

static STDMETHODIMP get_item(IStorageLibraryChange *self)
{
        return E_NOTIMPL;
}

static const IStorageLibraryChangeVtbl change_vtable = {
        INSPECTABLE_SLOTS, .get_ChangeType = get_change_type, .get_Path = get_path,
        .get_PreviousPath = get_previous_path, .IsOfType = is_of_type, .GetStorageItemAsync = get_item,
};
static const Class change_class = {
        .name = u"Windows.Storage.StorageLibraryChange", .size = sizeof(Change), .done = change_done,
        .faces = { { &IID_IStorageLibraryChange, &change_vtable, NULL } },
};

static IUnknown *new_change(StorageLibraryChangeType type, const char *path)
{
        Change *change = (Change *)object_new(&change_class);

        if (!change)
                return NULL;
        change->type = type;
        change->path = strdup(path);
        if (change->path)
                return object_face(&change->object, 0);
        object_unref(&change->object);
        return NULL;
}

/* StorageLibraryChangeReader. */

static void reader_done(Object *object)
{
        free(((Reader *)object)->folder);
}

static StorageLibraryChangeType type_of(const char *path)
{
        struct stat status;

        return lstat(path, &status) >= 0 ? StorageLibraryChangeType_ContentsChanged : StorageLibraryChangeType_Deleted;
}

/* Under the lock. items has room for all; *ret_n: how many there are. */
static HRESULT collect(const Reader *reader, IUnknown **items, size_t *ret_n)
{
        size_t n = 0;
        bool good = true;

        if (lost_number > 0) {
                items[n] = new_change(StorageLibraryChangeType_ChangeTrackingLost, reader->folder);
                good = items[n++] != NULL;
        }
        list_for_each(i, &all) {
                const char *path = list_entry(i, Noted, node)->path;

                if (!good || !is_below(path, reader->folder))
                        continue;
                items[n] = new_change(type_of(path), path);
                good = items[n++] != NULL;
        }
        *ret_n = n;
        return good ? S_OK : E_OUTOFMEMORY;
}

static STDMETHODIMP read_batch(IStorageLibraryChangeReader *self,
                               IAsyncOperation_IVectorView_StorageLibraryChange **ret_operation)
{
        Reader *reader = (Reader *)object_of(self);
        HRESULT hr = E_OUTOFMEMORY;
        IUnknown **items, *view = NULL;
        size_t n = 0;

        if (!ret_operation)
                return E_POINTER;
        pthread_mutex_lock(&lock);
        items = calloc(n_noted + 1, sizeof(IUnknown *));
        if (items)
                hr = collect(reader, items, &n);
        if (SUCCEEDED(hr))
                atomic_store(&reader->read, last_number);
        pthread_mutex_unlock(&lock);
        if (SUCCEEDED(hr))
                hr = vector_new(VECTOR_CHANGES, items, n, &view);
        else
                vector_free(items, n);
        return async_new_object(ASYNC_CHANGES, hr, view, ret_operation);
}

/* What was read. */
static STDMETHODIMP accept(IStorageLibraryChangeReader *self, IAsyncAction **ret_action)
{
        Reader *reader = (Reader *)object_of(self);

        if (!ret_action)
                return E_POINTER;
        forget_below(reader->folder, atomic_load(&reader->read));
        return async_new(ASYNC_ACTION, S_OK, 0, ret_action);
}

static const IStorageLibraryChangeReaderVtbl reader_vtable = {
        INSPECTABLE_SLOTS, .ReadBatchAsync = read_batch, .AcceptChangesAsync = accept,
};
static const Class reader_class = {
        .name = u"Windows.Storage.StorageLibraryChangeReader", .size = sizeof(Reader), .done = reader_done,
        .faces = { { &IID_IStorageLibraryChangeReader, &reader_vtable, NULL } },
};

HRESULT changes_new_reader(const char *folder, IStorageLibraryChangeReader **ret)
{
        Reader *reader = (Reader *)object_new(&reader_class);

        *ret = NULL;
        if (!reader)
                return E_OUTOFMEMORY;
        atomic_init(&reader->read, 0);
        reader->folder = strdup(folder);
        if (!reader->folder) {
                object_unref(&reader->object);
                return E_OUTOFMEMORY;
        }
        *ret = object_face(&reader->object, 0);
        return S_OK;
}
