/* SPDX-License-Identifier: MIT */

#include "winrt/socket-note.h"

#include <string.h>

#include "winrt/buffer.h"
#include "winrt/factory.h"
#include "winrt/property.h"
#include "winrt/valueset.h"

#define NOTES_NAME "/.sockets"
/* More are looked through: a package may have hardly as many sockets. */
#define NOTES_MAX 128

typedef IMap_HSTRING_IInspectable Notes;

static HRESULT open_notes(Notes **ret)
{
        const char *folder = bgt_local_folder(NULL);
        _cleanup_(freep) char *path = NULL;
        IPropertySet *set;
        HRESULT hr;

        *ret = NULL;
        if (!folder)
                return hresult_last();
        path = malloc(strlen(folder) + sizeof NOTES_NAME);
        if (!path)
                return E_OUTOFMEMORY;
        (void)stpcpy(stpcpy(path, folder), NOTES_NAME);
        hr = valueset_open(path, &set);
        if (FAILED(hr))
                return hr;
        hr = IPropertySet_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)ret);
        IPropertySet_Release(set);
        return hr;
}

/* TaskId/id. */
static HRESULT new_key(bgt_registration *task, const char *id, HSTRING *ret_key)
{
        _cleanup_(freep) char *text = malloc(BGT_ID_SIZE + strlen(id) + 1);

        *ret_key = NULL;
        if (!text)
                return E_OUTOFMEMORY;
        (void)stpcpy(stpcpy(stpcpy(text, bgt_registration_id(task)), "/"), id);
        return string_from_utf8(text, ret_key);
}

/* Its kind, then whether it has a context, and the bytes of that. */
static HRESULT new_note(SocketActivityKind kind, ISocketActivityContext *context, IInspectable **ret_note)
{
        _cleanup_(freep) UINT8 *note = NULL;
        IBuffer *data = NULL;
        UINT8 *bytes = NULL;
        UINT32 capacity = 0, n = 0;
        HRESULT hr = S_OK;

        if (context)
                hr = ISocketActivityContext_get_Data(context, &data);
        if (SUCCEEDED(hr) && data)
                hr = buffer_bytes(data, &bytes, &capacity, &n);
        if (SUCCEEDED(hr)) {
                note = malloc((size_t)n + 2);
                hr = note ? S_OK : E_OUTOFMEMORY;
        }
        if (SUCCEEDED(hr)) {
                note[0] = (UINT8)kind;
                note[1] = context != NULL;
                if (n > 0)
                        memcpy(note + 2, bytes, n);
                hr = property_new_bytes(note, n + 2, ret_note);
        }
        if (data)
                IBuffer_Release(data);
        return hr;
}

/* Whether a socket of this key is held for the task; not where that cannot be known. */
static bool is_gone(const char *key)
{
        const char *slash = strchr(key, '/');
        char task_id[BGT_ID_SIZE], **ids = NULL;
        bgt_registration *task = NULL;
        bool found = false;
        size_t n = 0;

        if (!slash || (size_t)(slash - key) != sizeof task_id - 1)
                return true;
        memcpy(task_id, key, sizeof task_id - 1);
        task_id[sizeof task_id - 1] = '\0';
        if (bgt_get_task(NULL, task_id, &task) < 0)
                return bgt_error()->hresult == (uint32_t)HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
        found = bgt_registration_list_sockets(task, &ids, &n) < 0;
        for (size_t i = 0; i < n; i++)
                found = found || strcmp(ids[i], slash + 1) == 0;
        bgt_groups_free(ids, n);
        bgt_registration_unref(task);
        return !found;
}

static void drop_one(Notes *notes, IKeyValuePair_HSTRING_IInspectable *pair)
{
        _cleanup_(freep) char *key = NULL;
        HSTRING name = NULL;

        if (SUCCEEDED(IKeyValuePair_HSTRING_IInspectable_get_Key(pair, &name)) &&
            SUCCEEDED(string_to_utf8(name, &key)) && is_gone(key))
                (void)IMap_HSTRING_IInspectable_Remove(notes, name);
        (void)WindowsDeleteString(name);
}

/* What was closed and never taken by a run leaves its note behind. */
static HRESULT drop_old(Notes *notes)
{
        IIterable_HSTRING_IInspectable *iterable = NULL;
        IIterator_HSTRING_IInspectable *iterator = NULL;
        IKeyValuePair_HSTRING_IInspectable *pair;
        boolean more = 0;
        UINT32 n = 0;
        HRESULT hr = IMap_HSTRING_IInspectable_get_Size(notes, &n);

        if (FAILED(hr) || n < NOTES_MAX)
                return hr;
        hr = IMap_HSTRING_IInspectable_QueryInterface(notes, &IID_IIterable_HSTRING_IInspectable, (void **)&iterable);
        if (SUCCEEDED(hr))
                hr = IIterable_HSTRING_IInspectable_First(iterable, &iterator);
        if (SUCCEEDED(hr)) {
                (void)IIterator_HSTRING_IInspectable_get_HasCurrent(iterator, &more);
                while (more && SUCCEEDED(IIterator_HSTRING_IInspectable_get_Current(iterator, &pair))) {
                        drop_one(notes, pair);
                        IKeyValuePair_HSTRING_IInspectable_Release(pair);
                        (void)IIterator_HSTRING_IInspectable_MoveNext(iterator, &more);
                }
                IIterator_HSTRING_IInspectable_Release(iterator);
        }
        if (iterable)
                IIterable_HSTRING_IInspectable_Release(iterable);
        return hr;
}

HRESULT socket_note_put(bgt_registration *task, const char *id, SocketActivityKind kind,
                        ISocketActivityContext *context)
{
        IInspectable *note = NULL;
        Notes *notes = NULL;
        HSTRING key = NULL;
        boolean replaced;
        HRESULT hr = new_key(task, id, &key);

        if (SUCCEEDED(hr))
                hr = new_note(kind, context, &note);
        if (SUCCEEDED(hr))
                hr = open_notes(&notes);
        if (SUCCEEDED(hr)) {
                hr = drop_old(notes);
                if (SUCCEEDED(hr))
                        hr = IMap_HSTRING_IInspectable_Insert(notes, key, note, &replaced);
                IMap_HSTRING_IInspectable_Release(notes);
        }
        if (note)
                IInspectable_Release(note);
        (void)WindowsDeleteString(key);
        return hr;
}

static HRESULT read_note(IInspectable *note, SocketActivityKind *ret_kind, ISocketActivityContext **ret_context)
{
        IPropertyValue *value;
        IBuffer *data = NULL;
        UINT8 *bytes = NULL;
        UINT32 n = 0;
        HRESULT hr = IInspectable_QueryInterface(note, &IID_IPropertyValue, (void **)&value);

        if (FAILED(hr))
                return hr;
        hr = IPropertyValue_GetUInt8Array(value, &n, &bytes);
        IPropertyValue_Release(value);
        if (SUCCEEDED(hr) && n >= 2) {
                *ret_kind = (SocketActivityKind)bytes[0];
                if (bytes[1])
                        hr = buffer_new(bytes + 2, n - 2, &data);
                if (SUCCEEDED(hr) && data) {
                        hr = socket_context_new(data, ret_context);
                        IBuffer_Release(data);
                }
        }
        CoTaskMemFree(bytes);
        return hr;
}

HRESULT socket_note_get(bgt_registration *task, const char *id, SocketActivityKind *ret_kind,
                        ISocketActivityContext **ret_context)
{
        IInspectable *note = NULL;
        Notes *notes = NULL;
        HSTRING key = NULL;
        HRESULT hr = new_key(task, id, &key);

        *ret_kind = SocketActivityKind_None;
        *ret_context = NULL;
        if (SUCCEEDED(hr))
                hr = open_notes(&notes);
        if (SUCCEEDED(hr)) {
                hr = IMap_HSTRING_IInspectable_Lookup(notes, key, &note);
                IMap_HSTRING_IInspectable_Release(notes);
        }
        if (SUCCEEDED(hr)) {
                hr = read_note(note, ret_kind, ret_context);
                IInspectable_Release(note);
        }
        (void)WindowsDeleteString(key);
        return hr == E_BOUNDS ? S_OK : hr;
}

void socket_note_remove(bgt_registration *task, const char *id)
{
        Notes *notes = NULL;
        HSTRING key = NULL;

        if (SUCCEEDED(new_key(task, id, &key)) && SUCCEEDED(open_notes(&notes))) {
                (void)IMap_HSTRING_IInspectable_Remove(notes, key);
                IMap_HSTRING_IInspectable_Release(notes);
        }
        (void)WindowsDeleteString(key);
}

/* SocketActivityContext. */

typedef struct Context {
        Object object;
        IBuffer *data;
} Context;

static void context_done(Object *object)
{
        IBuffer *data = ((Context *)object)->data;

        if (data)
                IBuffer_Release(data);
}

static STDMETHODIMP get_data(ISocketActivityContext *self, IBuffer **ret_value)
{
        IBuffer *data = ((Context *)object_of(self))->data;

        if (!ret_value)
                return E_POINTER;
        if (data)
                IBuffer_AddRef(data);
        *ret_value = data;
        return S_OK;
}

static const ISocketActivityContextVtbl vtable = { INSPECTABLE_SLOTS, .get_Data = get_data };
static const Class context_class = {
        .name = u"Windows.Networking.Sockets.SocketActivityContext", .size = sizeof(Context), .done = context_done,
        .faces = { { &IID_ISocketActivityContext, &vtable, NULL } },
};

HRESULT socket_context_new(IBuffer *data, ISocketActivityContext **ret)
{
        Context *context = (Context *)object_new(&context_class);

        *ret = NULL;
        if (!context)
                return E_OUTOFMEMORY;
        if (data)
                IBuffer_AddRef(data);
        context->data = data;
        *ret = object_face(&context->object, 0);
        return S_OK;
}

static STDMETHODIMP create(ISocketActivityContextFactory *self, IBuffer *data, ISocketActivityContext **ret_context)
{
        return ret_context ? socket_context_new(data, ret_context) : E_POINTER;
}

static const ISocketActivityContextFactoryVtbl factory = { INSPECTABLE_SLOTS, .Create = create };

const FactoryInfo socket_context_factories[] = {
        { u"Windows.Networking.Sockets.SocketActivityContext",
          { { &IID_ISocketActivityContextFactory, &factory, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
