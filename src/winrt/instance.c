/* SPDX-License-Identifier: MIT */

#include "winrt/instance.h"

#include "winrt/details.h"
#include "winrt/events.h"
#include "winrt/registration.h"

typedef struct Instance {
        Object object;
        bgt_instance *instance;
        Events canceled;
        size_t n_told; /* handlers that were told of the cancellation; only by the thread that calls handlers */
} Instance;

typedef struct Deferral {
        Object object;
        bgt_deferral *_Atomic deferral; /* NULL once it is complete */
} Deferral;

static Instance *instance_of(void *self)
{
        return (Instance *)object_of(self);
}

static void instance_done(Object *object)
{
        events_done(&((Instance *)object)->canceled);
        bgt_instance_unref(((Instance *)object)->instance);
}

static STDMETHODIMP get_instance_id(IBackgroundTaskInstance *self, GUID *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        return guid_parse(bgt_instance_id(instance_of(self)->instance), ret_value) ? S_OK : E_FAIL;
}

static STDMETHODIMP get_task(IBackgroundTaskInstance *self, IBackgroundTaskRegistration **ret_value)
{
        return ret_value ? registration_wrap(bgt_instance_task(instance_of(self)->instance), ret_value) : E_POINTER;
}

static STDMETHODIMP get_progress(IBackgroundTaskInstance *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = bgt_instance_progress(instance_of(self)->instance);
        return S_OK;
}

static STDMETHODIMP put_progress(IBackgroundTaskInstance *self, UINT32 value)
{
        bgt_instance_set_progress(instance_of(self)->instance, value);
        return S_OK;
}

static STDMETHODIMP get_trigger_details(IBackgroundTaskInstance *self, IInspectable **ret_value)
{
        return ret_value ? details_new(instance_of(self)->instance, ret_value) : E_POINTER;
}

typedef struct Cancellation {
        IBackgroundTaskInstance *sender;
        BackgroundTaskCancellationReason reason;
} Cancellation;

static HRESULT call_canceled(IUnknown *handler, void *userdata)
{
        const Cancellation *cancellation = userdata;

        return IBackgroundTaskCanceledEventHandler_Invoke((IBackgroundTaskCanceledEventHandler *)handler,
                                                          cancellation->sender, cancellation->reason);
}

/*
 * Tells whoever was not told yet: a handler that is added late is told at once. A reason of ours is told as Abort,
 * which is what such a cancellation means.
 */
static void on_canceled(bgt_instance *of, int reason, void *userdata)
{
        Instance *instance = userdata;
        Cancellation cancellation = {
                .sender = object_face(&instance->object, 0),
                .reason = reason > BackgroundTaskCancellationReason_EnergySaver ?
                        BackgroundTaskCancellationReason_Abort : (BackgroundTaskCancellationReason)reason,
        };

        instance->n_told = events_raise(&instance->canceled, instance->n_told, call_canceled, &cancellation);
}

static STDMETHODIMP add_canceled(IBackgroundTaskInstance *self, IBackgroundTaskCanceledEventHandler *handler,
                                 EventRegistrationToken *ret_token)
{
        Instance *instance = instance_of(self);
        HRESULT hr = events_add(&instance->canceled, (IUnknown *)handler, ret_token);

        if (SUCCEEDED(hr))
                bgt_instance_on_canceled(instance->instance, on_canceled, instance);
        return hr;
}

static STDMETHODIMP remove_canceled(IBackgroundTaskInstance *self, EventRegistrationToken token)
{
        events_remove(&instance_of(self)->canceled, token);
        return S_OK;
}

/* Nothing is suspended or throttled here. */
static STDMETHODIMP get_suspended_count(IBackgroundTaskInstance *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static STDMETHODIMP get_throttle_count(IBackgroundTaskInstance2 *self, BackgroundTaskThrottleCounter counter,
                                       UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        if ((int)counter < BackgroundTaskThrottleCounter_All || counter > BackgroundTaskThrottleCounter_Network)
                return E_INVALIDARG;
        *ret_value = 0;
        return S_OK;
}

/* One broker serves one user, so that none has to be told: NULL, as for an app of one user. */
static STDMETHODIMP get_user(IBackgroundTaskInstance4 *self, IInspectable **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return S_OK;
}

/* A second Complete() changes nothing. */
static STDMETHODIMP complete(IBackgroundTaskDeferral *self)
{
        bgt_deferral_complete(atomic_exchange(&((Deferral *)object_of(self))->deferral, NULL), 0);
        return S_OK;
}

/* One that nobody can complete any more fails the run, as it is with libbgtask. */
static void deferral_done(Object *object)
{
        bgt_deferral_unref(atomic_exchange(&((Deferral *)object)->deferral, NULL));
}

static const IBackgroundTaskDeferralVtbl deferral_vtable = { INSPECTABLE_SLOTS, .Complete = complete };
static const Class deferral_class = {
        .name = u"Windows.ApplicationModel.Background.BackgroundTaskDeferral", .size = sizeof(Deferral),
        .done = deferral_done, .faces = { { &IID_IBackgroundTaskDeferral, &deferral_vtable, NULL } },
};

static STDMETHODIMP get_deferral(IBackgroundTaskInstance *self, IBackgroundTaskDeferral **ret_deferral)
{
        Deferral *object;

        if (!ret_deferral)
                return E_POINTER;
        *ret_deferral = NULL;
        object = (Deferral *)object_new(&deferral_class);
        if (!object)
                return E_OUTOFMEMORY;
        atomic_init(&object->deferral, bgt_instance_get_deferral(instance_of(self)->instance));
        if (!atomic_load(&object->deferral)) {
                object_unref(&object->object);
                return E_ILLEGAL_METHOD_CALL;
        }
        *ret_deferral = object_face(&object->object, 0);
        return S_OK;
}

static const IBackgroundTaskInstanceVtbl vtable = {
        INSPECTABLE_SLOTS,
        .get_InstanceId = get_instance_id,
        .get_Task = get_task,
        .get_Progress = get_progress,
        .put_Progress = put_progress,
        .get_TriggerDetails = get_trigger_details,
        .add_Canceled = add_canceled,
        .remove_Canceled = remove_canceled,
        .get_SuspendedCount = get_suspended_count,
        .GetDeferral = get_deferral,
};
static const IBackgroundTaskInstance4Vtbl vtable4 = { INSPECTABLE_SLOTS, .get_User = get_user };
static const IBackgroundTaskInstance2Vtbl vtable2 = { INSPECTABLE_SLOTS, .GetThrottleCount = get_throttle_count };
static const Class instance_class = {
        .name = NULL, .size = sizeof(Instance), .done = instance_done,
        .faces = { { &IID_IBackgroundTaskInstance, &vtable, NULL },
                   { &IID_IBackgroundTaskInstance2, &vtable2, NULL },
                   { &IID_IBackgroundTaskInstance4, &vtable4, NULL } },
};

HRESULT instance_new(bgt_instance *instance, IBackgroundTaskInstance **ret)
{
        Instance *object = (Instance *)object_new(&instance_class);

        *ret = NULL;
        if (!object)
                return E_OUTOFMEMORY;
        object->instance = bgt_instance_ref(instance);
        details_note(instance);
        events_init(&object->canceled);
        *ret = object_face(&object->object, 0);
        return S_OK;
}
