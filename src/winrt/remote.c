/* SPDX-License-Identifier: MIT */

/*
 * Classes of the package that this process does not serve itself. Their only interface that crosses processes is
 * IBackgroundTask: its Run is carried by the broker, as the run of a task of its own that is gone when it has ended.
 * The server gets an instance of its own; its progress, and the cancellation and trigger details of the instance that
 * Run was called with, are passed on.
 */

#include <errno.h>
#include <poll.h>
#include <strings.h>

#include "base/uuid.h"
#include "winrt/args.h"
#include "winrt/class-object.h"
#include "winrt/details.h"
#include "winrt/package.h"

#define TASK_NAME "CoCreateInstance"
#define EVENT_PREFIX "bgtask.winrt."

typedef struct Remote {
        Object object;
        CLSID clsid;
} Remote;

/* A call of Run; also the delegate that is told when its instance is canceled. */
typedef struct Carried {
        Object object;
        bgt_registration *task;
        IBackgroundTaskInstance *instance;
        pthread_mutex_t lock;
        pthread_cond_t ended;
        bool has_fired;
        int reason; /* of the cancellation; -1: there was none */
        bool has_ended;
        int result;
} Carried;

static void carried_done(Object *object)
{
        Carried *carried = (Carried *)object;

        bgt_registration_unref(carried->task);
        pthread_cond_destroy(&carried->ended);
        pthread_mutex_destroy(&carried->lock);
}

static HRESULT pass_cancellation_on(Carried *carried, int reason)
{
        return hresult_from(bgt_task_cancel(NULL, bgt_registration_id(carried->task), reason, NULL));
}

static STDMETHODIMP on_canceled(IBackgroundTaskCanceledEventHandler *self, IBackgroundTaskInstance *sender,
                                BackgroundTaskCancellationReason reason)
{
        Carried *carried = (Carried *)object_of(self);
        bool has_fired;

        pthread_mutex_lock(&carried->lock);
        carried->reason = (int)reason;
        has_fired = carried->has_fired;
        pthread_mutex_unlock(&carried->lock);
        return has_fired ? pass_cancellation_on(carried, (int)reason) : S_OK;
}

static const IBackgroundTaskCanceledEventHandlerVtbl canceled_vtable = { UNKNOWN_SLOTS, .Invoke = on_canceled };
static const Class carried_class = {
        .is_plain = true, .size = sizeof(Carried), .done = carried_done,
        .faces = { { &IID_IBackgroundTaskCanceledEventHandler, &canceled_vtable, NULL } },
};

static void on_progress(bgt_registration *task, const char *run, uint32_t progress, void *userdata)
{
        (void)IBackgroundTaskInstance_put_Progress(((Carried *)userdata)->instance, progress);
}

static void on_completed(bgt_registration *task, const char *run, int result, const bgt_record *details,
                         void *userdata)
{
        Carried *carried = userdata;

        pthread_mutex_lock(&carried->lock);
        carried->has_ended = true;
        carried->result = result;
        pthread_cond_broadcast(&carried->ended);
        pthread_mutex_unlock(&carried->lock);
}

/* Where the program drives the connection, this does until the run has ended. */
static HRESULT wait_for_end(Carried *carried)
{
        int fd = bgt_get_fd(NULL), r = 0;

        pthread_mutex_lock(&carried->lock);
        while (!carried->has_ended && r >= 0) {
                if (fd < 0) {
                        pthread_cond_wait(&carried->ended, &carried->lock);
                        continue;
                }
                pthread_mutex_unlock(&carried->lock);
                (void)poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
                r = bgt_dispatch(NULL);
                pthread_mutex_lock(&carried->lock);
        }
        pthread_mutex_unlock(&carried->lock);
        return r < 0 ? hresult_last() : args_hresult(carried->result);
}

static HRESULT collect_details(IBackgroundTaskInstance *instance, bgt_record **ret)
{
        IInspectable *told = NULL;
        HRESULT hr = IBackgroundTaskInstance_get_TriggerDetails(instance, &told);

        *ret = NULL;
        if (SUCCEEDED(hr))
                hr = details_pass_on(told, ret);
        if (told)
                IInspectable_Release(told);
        return hr;
}

/* A task that an event of its own fires once. */
static HRESULT register_task(const CLSID *clsid, const char *event, bgt_registration **ret)
{
        bgt_builder *builder = bgt_builder_new(NULL, TASK_NAME);
        bgt_trigger *trigger = bgt_trigger_custom_system_event(event, true);
        char text[BGT_ID_SIZE];
        HRESULT hr;

        guid_format(*clsid, text);
        bgt_builder_set_entry_point_clsid(builder, text);
        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_set_rerun(builder, BGT_RERUN_NEVER);
        hr = hresult_from(bgt_builder_register(builder, BGT_IF_EXISTS_DUPLICATE, ret));
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
        return hr;
}

/* A cancellation may have come before there was something to cancel. */
static HRESULT fire(Carried *carried, const char *event, const bgt_record *details)
{
        HRESULT hr = hresult_from(bgt_raise(NULL, event, details, NULL));
        int reason;

        pthread_mutex_lock(&carried->lock);
        carried->has_fired = true;
        reason = carried->reason;
        pthread_mutex_unlock(&carried->lock);
        if (SUCCEEDED(hr) && reason >= 0)
                hr = pass_cancellation_on(carried, reason);
        return hr;
}

static HRESULT carry(Carried *carried, const char *event, const bgt_record *details)
{
        EventRegistrationToken token;
        HRESULT hr, removed;

        hr = hresult_from(bgt_registration_on_completed(carried->task, on_completed, carried));
        if (SUCCEEDED(hr))
                hr = hresult_from(bgt_registration_on_progress(carried->task, on_progress, carried));
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskInstance_add_Canceled(
                        carried->instance, (IBackgroundTaskCanceledEventHandler *)object_face(&carried->object, 0),
                        &token);
        if (FAILED(hr))
                return hr;
        hr = fire(carried, event, details);
        if (SUCCEEDED(hr))
                hr = wait_for_end(carried);
        removed = IBackgroundTaskInstance_remove_Canceled(carried->instance, token);
        return FAILED(hr) ? hr : removed;
}

static STDMETHODIMP run(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        Remote *remote = (Remote *)object_of(self);
        char event[sizeof EVENT_PREFIX + UUID_STRING_MAX] = EVENT_PREFIX;
        bgt_record *details = NULL;
        Carried *carried;
        HRESULT hr;

        if (!instance)
                return E_POINTER;
        carried = (Carried *)object_new(&carried_class);
        if (!carried)
                return E_OUTOFMEMORY;
        pthread_mutex_init(&carried->lock, NULL);
        pthread_cond_init(&carried->ended, NULL);
        carried->instance = instance;
        carried->reason = -1;
        (void)uuid_format(uuid_random(), event + sizeof EVENT_PREFIX - 1);
        hr = collect_details(instance, &details);
        if (SUCCEEDED(hr))
                hr = register_task(&remote->clsid, event, &carried->task);
        if (SUCCEEDED(hr)) {
                hr = carry(carried, event, details);
                (void)bgt_registration_on_progress(carried->task, NULL, NULL);
                (void)bgt_registration_on_completed(carried->task, NULL, NULL);
                /* It is gone if its run has ended. */
                (void)bgt_registration_unregister(carried->task, true);
        }
        bgt_record_unref(details);
        object_unref(&carried->object);
        return hr;
}

static const IBackgroundTaskVtbl task_vtable = { INSPECTABLE_SLOTS, .Run = run };
static const Class task_class = {
        .name = NULL, .size = sizeof(Remote), .faces = { { &IID_IBackgroundTask, &task_vtable, NULL } },
};

static HRESULT make(const Class *class_, const CLSID *clsid, const IID *iid, void **ret)
{
        Remote *remote = (Remote *)object_new(class_);
        HRESULT hr;

        if (!remote)
                return E_OUTOFMEMORY;
        remote->clsid = *clsid;
        hr = object_query_interface(object_face(&remote->object, 0), iid, ret);
        object_unref(&remote->object);
        return hr;
}

static STDMETHODIMP create_instance(IClassFactory *self, IUnknown *outer, const IID *iid, void **ret_object)
{
        if (!ret_object)
                return E_POINTER;
        *ret_object = NULL;
        if (!iid)
                return E_POINTER;
        return outer ? CLASS_E_NOAGGREGATION :
                make(&task_class, &((Remote *)object_of(self))->clsid, iid, ret_object);
}

/* A server stays as long as it has something to do. */
static STDMETHODIMP lock_server(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

static const IClassFactoryVtbl factory_vtable = {
        UNKNOWN_SLOTS, .CreateInstance = create_instance, .LockServer = lock_server,
};
static const Class factory_class = {
        .is_plain = true, .size = sizeof(Remote), .faces = { { &IID_IClassFactory, &factory_vtable, NULL } },
};

static bool declares(const bgt_record *package, const char *clsid)
{
        size_t n;
        const bgt_record *const *classes = bgt_record_records(package, "classes", &n);

        for (size_t i = 0; classes && i < n; i++)
                if (strcasecmp(bgt_record_string(classes[i], "clsid") ?: "", clsid) == 0)
                        return true;
        return false;
}

HRESULT remote_class_object(const CLSID *clsid, const IID *iid, void **ret)
{
        const bgt_record *package = NULL;
        char text[BGT_ID_SIZE];
        bgt_list *list;
        HRESULT hr;

        hr = package_find(&list, &package);
        if (FAILED(hr))
                return hr;
        guid_format(*clsid, text);
        hr = declares(package, text) ? make(&factory_class, clsid, iid, ret) : REGDB_E_CLASSNOTREG;
        bgt_list_free(list);
        return hr;
}
