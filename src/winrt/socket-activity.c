/* SPDX-License-Identifier: MIT */

/* SocketActivityTrigger, and what is known of sockets that were handed over. */

#include "winrt/socket-activity.h"

#include <stdlib.h>
#include <string.h>

#include "winrt/factory.h"
#include "winrt/map.h"
#include "winrt/socket-note.h"
#include "winrt/socket.h"
#include "winrt/trigger.h"

typedef struct Information {
        Object object;
        pthread_mutex_t lock;
        bgt_registration *task;
        bgt_instance *instance; /* NULL: of none */
        char *id;
        SocketActivityKind kind;
        ISocketActivityContext *context;
        IUnknown *socket; /* once it was taken */
} Information;

static Information *information_of(void *self)
{
        return (Information *)object_of(self);
}

static void information_done(Object *object)
{
        Information *information = (Information *)object;

        if (information->socket)
                IUnknown_Release(information->socket);
        if (information->context)
                ISocketActivityContext_Release(information->context);
        bgt_instance_unref(information->instance);
        bgt_registration_unref(information->task);
        free(information->id);
        pthread_mutex_destroy(&information->lock);
}

static STDMETHODIMP get_task_id(ISocketActivityInformation *self, GUID *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        return guid_parse(bgt_registration_id(information_of(self)->task), ret_value) ? S_OK : E_FAIL;
}

static STDMETHODIMP get_id(ISocketActivityInformation *self, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(information_of(self)->id, ret_value) : E_POINTER;
}

/* Under the lock. From here on the program has it: the broker hears of it again only when it is handed over anew. */
static HRESULT take(Information *information)
{
        GUID task;
        HRESULT hr;
        int fd;

        if (information->socket)
                return S_OK;
        if (!information->instance)
                return E_ILLEGAL_METHOD_CALL;
        fd = bgt_instance_take_transferred_socket(information->instance, information->id);
        /* One at whose address the broker listens was never handed over. */
        if (fd < 0)
                fd = bgt_instance_take_socket(information->instance);
        if (fd < 0)
                return hresult_last();
        information->kind = socket_kind(fd);
        socket_note_remove(information->task, information->id);
        hr = socket_wrap(fd, &information->socket);
        /* The run may give it back as it is. */
        if (SUCCEEDED(hr) && guid_parse(bgt_registration_id(information->task), &task))
                socket_enable(information->socket, task);
        return hr;
}

/* What was handed over by libbgtask has no note: a run looks at the socket itself. */
static STDMETHODIMP get_kind(ISocketActivityInformation *self, SocketActivityKind *ret_value)
{
        Information *information = information_of(self);
        HRESULT hr = S_OK;

        if (!ret_value)
                return E_POINTER;
        pthread_mutex_lock(&information->lock);
        if (information->kind == SocketActivityKind_None && information->instance)
                hr = take(information);
        *ret_value = information->kind;
        pthread_mutex_unlock(&information->lock);
        return hr;
}

static STDMETHODIMP get_context(ISocketActivityInformation *self, ISocketActivityContext **ret_value)
{
        ISocketActivityContext *context = information_of(self)->context;

        if (!ret_value)
                return E_POINTER;
        if (context)
                ISocketActivityContext_AddRef(context);
        *ret_value = context;
        return S_OK;
}

/* NULL for one of another kind. */
static HRESULT get_socket(void *self, SocketActivityKind kind, void *ret)
{
        Information *information = information_of(self);
        IUnknown **ret_value = ret;
        HRESULT hr = S_OK;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        pthread_mutex_lock(&information->lock);
        if (information->kind == SocketActivityKind_None || information->kind == kind)
                hr = take(information);
        if (SUCCEEDED(hr) && information->kind == kind) {
                IUnknown_AddRef(information->socket);
                *ret_value = information->socket;
        }
        pthread_mutex_unlock(&information->lock);
        return hr;
}

static STDMETHODIMP get_datagram_socket(ISocketActivityInformation *self, IDatagramSocket **ret_value)
{
        return get_socket(self, SocketActivityKind_DatagramSocket, ret_value);
}

static STDMETHODIMP get_stream_socket(ISocketActivityInformation *self, IStreamSocket **ret_value)
{
        return get_socket(self, SocketActivityKind_StreamSocket, ret_value);
}

static STDMETHODIMP get_listener(ISocketActivityInformation *self, IStreamSocketListener **ret_value)
{
        return get_socket(self, SocketActivityKind_StreamSocketListener, ret_value);
}

static const ISocketActivityInformationVtbl vtable = {
        INSPECTABLE_SLOTS, .get_TaskId = get_task_id, .get_Id = get_id, .get_SocketKind = get_kind,
        .get_Context = get_context, .get_DatagramSocket = get_datagram_socket, .get_StreamSocket = get_stream_socket,
        .get_StreamSocketListener = get_listener,
};
static const Class information_class = {
        .name = u"Windows.Networking.Sockets.SocketActivityInformation", .size = sizeof(Information),
        .done = information_done, .faces = { { &IID_ISocketActivityInformation, &vtable, NULL } },
};

HRESULT socket_information_new(bgt_registration *task, const char *id, bgt_instance *instance,
                               ISocketActivityInformation **ret)
{
        Information *information = (Information *)object_new(&information_class);
        HRESULT hr = S_OK;

        *ret = NULL;
        if (!information)
                return E_OUTOFMEMORY;
        pthread_mutex_init(&information->lock, NULL);
        information->task = bgt_registration_ref(task);
        information->id = strdup(id);
        if (instance)
                information->instance = bgt_instance_ref(instance);
        if (!information->id)
                hr = E_OUTOFMEMORY;
        if (SUCCEEDED(hr))
                hr = socket_note_get(task, id, &information->kind, &information->context);
        if (FAILED(hr))
                object_unref(&information->object);
        else
                *ret = object_face(&information->object, 0);
        return hr;
}

/* AllSockets. */

typedef struct Found {
        MapEntry *entries;
        size_t n;
} Found;

static HRESULT add_socket(Found *found, bgt_registration *task, const char *id)
{
        MapEntry *grown = realloc(found->entries, (found->n + 1) * sizeof *grown);
        MapEntry *entry;
        HRESULT hr;

        if (!grown)
                return E_OUTOFMEMORY;
        found->entries = grown;
        entry = &grown[found->n];
        *entry = (MapEntry){ 0 };
        hr = string_from_utf8(id, &entry->name);
        if (SUCCEEDED(hr))
                hr = socket_information_new(task, id, NULL, (ISocketActivityInformation **)&entry->value);
        if (FAILED(hr))
                (void)WindowsDeleteString(entry->name);
        else
                found->n++;
        return hr;
}

/* Takes the list. */
static HRESULT add_tasks(Found *found, bgt_registration **tasks, size_t n_tasks)
{
        HRESULT hr = S_OK;

        for (size_t i = 0; i < n_tasks && SUCCEEDED(hr); i++) {
                char **ids = NULL;
                size_t n = 0;

                if (bgt_trigger_kind(bgt_registration_trigger(tasks[i])) == BGT_TRIGGER_SOCKET_ACTIVITY)
                        hr = hresult_from(bgt_registration_list_sockets(tasks[i], &ids, &n));
                /* The task may have gone meanwhile. */
                if (hr == HRESULT_FROM_WIN32(ERROR_NOT_FOUND))
                        hr = S_OK;
                for (size_t k = 0; k < n && SUCCEEDED(hr); k++)
                        hr = add_socket(found, tasks[i], ids[k]);
                bgt_groups_free(ids, n);
        }
        bgt_registrations_free(tasks, n_tasks);
        return hr;
}

/* Of every task of the package, in a group or not. */
static HRESULT find_sockets(Found *found)
{
        bgt_registration **tasks = NULL;
        char **groups = NULL;
        size_t n = 0, n_groups = 0;
        HRESULT hr = hresult_from(bgt_all_tasks(NULL, &tasks, &n));

        if (SUCCEEDED(hr))
                hr = add_tasks(found, tasks, n);
        if (SUCCEEDED(hr))
                hr = hresult_from(bgt_all_groups(NULL, &groups, &n_groups));
        for (size_t i = 0; i < n_groups && SUCCEEDED(hr); i++) {
                hr = hresult_from(bgt_group_all_tasks(NULL, groups[i], &tasks, &n));
                if (SUCCEEDED(hr))
                        hr = add_tasks(found, tasks, n);
        }
        bgt_groups_free(groups, n_groups);
        return hr;
}

static STDMETHODIMP get_all_sockets(ISocketActivityInformationStatics *self,
                                    IMapView_HSTRING_SocketActivityInformation **ret_sockets)
{
        Found found = { 0 };
        HRESULT hr;

        if (!ret_sockets)
                return E_POINTER;
        *ret_sockets = NULL;
        hr = find_sockets(&found);
        if (SUCCEEDED(hr))
                return map_new(MAP_SOCKETS, found.entries, found.n, ret_sockets);
        map_entries_free(found.entries, found.n);
        return hr;
}

/* The trigger. */

/* Nothing wakes a machine that is suspended. */
static STDMETHODIMP get_is_wake_supported(ISocketActivityTrigger *self, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static const ISocketActivityTriggerVtbl trigger_vtable = {
        INSPECTABLE_SLOTS, .get_IsWakeFromLowPowerSupported = get_is_wake_supported,
};
const Class trigger_socket_activity = TRIGGER_CLASS(u"SocketActivityTrigger", TRIGGER_FACE,
                                                    { &IID_ISocketActivityTrigger, &trigger_vtable, NULL });

static HRESULT activate_trigger(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_socket(NULL, false), ret_instance);
}

static const ISocketActivityInformationStaticsVtbl statics = {
        INSPECTABLE_SLOTS, .get_AllSockets = get_all_sockets,
};

const FactoryInfo socket_activity_factories[] = {
        { BACKGROUND u"SocketActivityTrigger", { { NULL, NULL, NULL } }, activate_trigger },
        { u"Windows.Networking.Sockets.SocketActivityInformation",
          { { &IID_ISocketActivityInformationStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
