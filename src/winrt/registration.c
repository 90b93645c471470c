/* SPDX-License-Identifier: MIT */

/* BackgroundTaskRegistration: one object for each answer, so that its handlers live as long as it does. */

#include "winrt/registration.h"

#include <stdlib.h>

#include "winrt/args.h"
#include "winrt/events.h"
#include "winrt/factory.h"
#include "winrt/group.h"
#include "winrt/map.h"
#include "winrt/value.h"

typedef struct Registration {
        Object object;
        bgt_registration *task;
        Events progress;
        Events completed;
} Registration;

static const Class registration_class;

static Registration *registration_of(void *self)
{
        return (Registration *)object_of(self);
}

static void registration_done(Object *object)
{
        Registration *registration = (Registration *)object;

        if (registration->task) {
                (void)bgt_registration_on_progress(registration->task, NULL, NULL);
                (void)bgt_registration_on_completed(registration->task, NULL, NULL);
        }
        bgt_registration_unref(registration->task);
        events_done(&registration->progress);
        events_done(&registration->completed);
}

HRESULT registration_prepare(IBackgroundTaskRegistration **ret)
{
        Registration *registration = (Registration *)object_new(&registration_class);

        *ret = NULL;
        if (!registration)
                return E_OUTOFMEMORY;
        events_init(&registration->progress);
        events_init(&registration->completed);
        *ret = object_face(&registration->object, 0);
        return S_OK;
}

void registration_fill(IBackgroundTaskRegistration *prepared, bgt_registration *task)
{
        registration_of(prepared)->task = bgt_registration_ref(task);
}

HRESULT registration_wrap(bgt_registration *task, IBackgroundTaskRegistration **ret)
{
        HRESULT hr = registration_prepare(ret);

        if (SUCCEEDED(hr))
                registration_fill(*ret, task);
        return hr;
}

static STDMETHODIMP get_task_id(IBackgroundTaskRegistration *self, GUID *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        return guid_parse(bgt_registration_id(registration_of(self)->task), ret_value) ? S_OK : E_FAIL;
}

static STDMETHODIMP get_name(IBackgroundTaskRegistration *self, HSTRING *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        return string_from_utf8(bgt_registration_name(registration_of(self)->task), ret_value);
}

static STDMETHODIMP unregister(IBackgroundTaskRegistration *self, boolean cancel_task)
{
        return hresult_from(bgt_registration_unregister(registration_of(self)->task, cancel_task));
}

static STDMETHODIMP get_trigger(IBackgroundTaskRegistration2 *self, IBackgroundTrigger **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        return value_wrap_trigger(bgt_registration_trigger(registration_of(self)->task), ret_value);
}

/* What a handler is called with. */
typedef struct Telling {
        IBackgroundTaskRegistration *sender;
        void *args;
} Telling;

static HRESULT call_progress(IUnknown *handler, void *userdata)
{
        const Telling *telling = userdata;

        return IBackgroundTaskProgressEventHandler_Invoke((IBackgroundTaskProgressEventHandler *)handler,
                                                          telling->sender, telling->args);
}

static HRESULT call_completed(IUnknown *handler, void *userdata)
{
        const Telling *telling = userdata;

        return IBackgroundTaskCompletedEventHandler_Invoke((IBackgroundTaskCompletedEventHandler *)handler,
                                                           telling->sender, telling->args);
}

/*
 * Takes the reference to the arguments. A handler may give the last reference to the registration back; where it is
 * gone already, nobody is told.
 */
static void tell(Registration *registration, Events *events, EventCall call, void *args)
{
        Telling telling = { object_face(&registration->object, 0), args };

        if (object_try_ref(&registration->object)) {
                (void)events_raise(events, 0, call, &telling);
                object_unref(&registration->object);
        }
        IUnknown_Release((IUnknown *)args);
}

static void on_progress(bgt_registration *task, const char *run, uint32_t progress, void *userdata)
{
        Registration *registration = userdata;
        IBackgroundTaskProgressEventArgs *args;

        if (SUCCEEDED(args_new_progress(run, progress, &args)))
                tell(registration, &registration->progress, call_progress, args);
}

static void on_completed(bgt_registration *task, const char *run, int result, const bgt_record *details,
                         void *userdata)
{
        Registration *registration = userdata;
        IBackgroundTaskCompletedEventArgs *args;

        if (SUCCEEDED(args_new_completed(run, result, &args)))
                tell(registration, &registration->completed, call_completed, args);
}

static STDMETHODIMP add_progress(IBackgroundTaskRegistration *self, IBackgroundTaskProgressEventHandler *handler,
                                 EventRegistrationToken *ret_token)
{
        Registration *registration = registration_of(self);
        HRESULT hr = events_add(&registration->progress, (IUnknown *)handler, ret_token);

        if (SUCCEEDED(hr))
                hr = hresult_from(bgt_registration_on_progress(registration->task, on_progress, registration));
        if (FAILED(hr) && handler && ret_token)
                events_remove(&registration->progress, *ret_token);
        return hr;
}

static STDMETHODIMP remove_progress(IBackgroundTaskRegistration *self, EventRegistrationToken token)
{
        events_remove(&registration_of(self)->progress, token);
        return S_OK;
}

static STDMETHODIMP add_completed(IBackgroundTaskRegistration *self, IBackgroundTaskCompletedEventHandler *handler,
                                  EventRegistrationToken *ret_token)
{
        Registration *registration = registration_of(self);
        HRESULT hr = events_add(&registration->completed, (IUnknown *)handler, ret_token);

        if (SUCCEEDED(hr))
                hr = hresult_from(bgt_registration_on_completed(registration->task, on_completed, registration));
        if (FAILED(hr) && handler && ret_token)
                events_remove(&registration->completed, *ret_token);
        return hr;
}

static STDMETHODIMP remove_completed(IBackgroundTaskRegistration *self, EventRegistrationToken token)
{
        events_remove(&registration_of(self)->completed, token);
        return S_OK;
}

static const IBackgroundTaskRegistrationVtbl vtable = {
        INSPECTABLE_SLOTS,
        .get_TaskId = get_task_id,
        .get_Name = get_name,
        .add_Progress = add_progress,
        .remove_Progress = remove_progress,
        .add_Completed = add_completed,
        .remove_Completed = remove_completed,
        .Unregister = unregister,
};

/* NULL: it is in none. */
static STDMETHODIMP get_group(IBackgroundTaskRegistration3 *self, IBackgroundTaskRegistrationGroup **ret_value)
{
        const char *id = bgt_registration_group(registration_of(self)->task);

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return *id ? group_wrap(id, ret_value) : S_OK;
}

/* Nothing is throttled in standby, and nobody measures the energy of an app: never, and nothing. */
static STDMETHODIMP get_last_throttled(IBackgroundTaskRegistration4 *self, DateTime *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        ret_value->UniversalTime = 0;
        return S_OK;
}

static STDMETHODIMP get_prediction(IBackgroundTaskRegistration4 *self, double *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static const IBackgroundTaskRegistration3Vtbl vtable3 = { INSPECTABLE_SLOTS, .get_TaskGroup = get_group };
static const IBackgroundTaskRegistration4Vtbl vtable4 = {
        INSPECTABLE_SLOTS, .get_TaskLastThrottledInStandbyTimestamp = get_last_throttled,
        .get_AppEnergyUsePredictionContribution = get_prediction,
};
static const IBackgroundTaskRegistration2Vtbl vtable2 = { INSPECTABLE_SLOTS, .get_Trigger = get_trigger };

static const Class registration_class = {
        .name = u"Windows.ApplicationModel.Background.BackgroundTaskRegistration", .size = sizeof(Registration),
        .done = registration_done,
        .faces = { { &IID_IBackgroundTaskRegistration, &vtable, NULL },
                   { &IID_IBackgroundTaskRegistration2, &vtable2, NULL },
                   { &IID_IBackgroundTaskRegistration3, &vtable3, NULL },
                   { &IID_IBackgroundTaskRegistration4, &vtable4, NULL } },
};

static STDMETHODIMP get_all_tasks(IBackgroundTaskRegistrationStatics *self,
                                  IMapView_GUID_IBackgroundTaskRegistration **ret_tasks)
{
        bgt_registration **list;
        HRESULT hr;
        size_t n;

        if (!ret_tasks)
                return E_POINTER;
        *ret_tasks = NULL;
        hr = hresult_from(bgt_all_tasks(NULL, &list, &n));
        if (FAILED(hr))
                return hr;
        hr = map_new_of_tasks(MAP_TASKS, list, n, ret_tasks);
        bgt_registrations_free(list, n);
        return hr;
}

static STDMETHODIMP get_all_groups(IBackgroundTaskRegistrationStatics2 *self,
                                   IMapView_HSTRING_BackgroundTaskRegistrationGroup **ret_groups)
{
        if (!ret_groups)
                return E_POINTER;
        *ret_groups = NULL;
        return group_list(ret_groups);
}

static STDMETHODIMP get_group_of_id(IBackgroundTaskRegistrationStatics2 *self, HSTRING id,
                                    IBackgroundTaskRegistrationGroup **ret_group)
{
        if (!ret_group)
                return E_POINTER;
        *ret_group = NULL;
        return group_find(id, ret_group);
}

static const IBackgroundTaskRegistrationStatics2Vtbl statics2 = {
        INSPECTABLE_SLOTS, .get_AllTaskGroups = get_all_groups, .GetTaskGroup = get_group_of_id,
};
static const IBackgroundTaskRegistrationStaticsVtbl statics = { INSPECTABLE_SLOTS, .get_AllTasks = get_all_tasks };

const FactoryInfo registration_factories[] = {
        { u"Windows.ApplicationModel.Background.BackgroundTaskRegistration",
          { { &IID_IBackgroundTaskRegistrationStatics, &statics, NULL },
            { &IID_IBackgroundTaskRegistrationStatics2, &statics2, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
