/* SPDX-License-Identifier: MIT */

/* One run from its factory to its Completed: who holds what, what is told, and in which order it ends. */

#include "conformance.h"

#include <stdatomic.h>
#include <string.h>

#define BACKGROUND "Windows.ApplicationModel.Background."

/* What this process's factory and task have seen, and how they answer. CHECK() is for the thread of the row alone. */
static atomic_int factory_references, task_references;
static HRESULT creation; /* of a task */
static int gives_nothing, had_outer, asked_for_task;
static Gate began, told, untold, progressed, completed, released = GATE;
/* What comes when the row is over is not kept. */
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static int takes_events;
static BackgroundTaskCancellationReason reason;
static IBackgroundTaskInstance *instance;
static IBackgroundTaskDeferral *deferrals[2];
static EventRegistrationToken unwanted_token;
static IBackgroundTaskCompletedEventArgs *completed_args;
static IBackgroundTaskProgressEventArgs *progress_args;
static IUnknown *completed_sender;

static STDMETHODIMP query_itself(void *self, const IID *iid, void **ret_object)
{
        *ret_object = self;
        return S_OK;
}

static STDMETHODIMP_(ULONG) count_nothing(void *self)
{
        return 2;
}

#define DELEGATE_SLOTS                                  \
        .QueryInterface = (void *)query_itself,         \
        .AddRef = (void *)count_nothing,                \
        .Release = (void *)count_nothing

static STDMETHODIMP on_canceled(IBackgroundTaskCanceledEventHandler *self, IBackgroundTaskInstance *sender,
                                BackgroundTaskCancellationReason why)
{
        reason = why;
        gate_raise(&told);
        return S_OK;
}

static STDMETHODIMP on_unwanted(IBackgroundTaskCanceledEventHandler *self, IBackgroundTaskInstance *sender,
                                BackgroundTaskCancellationReason why)
{
        gate_raise(&untold);
        return S_OK;
}

static STDMETHODIMP on_progress(IBackgroundTaskProgressEventHandler *self, IBackgroundTaskRegistration *sender,
                                IBackgroundTaskProgressEventArgs *args)
{
        pthread_mutex_lock(&events_lock);
        if (takes_events && !progress_args) {
                IBackgroundTaskProgressEventArgs_AddRef(args);
                progress_args = args;
                gate_raise(&progressed);
        }
        pthread_mutex_unlock(&events_lock);
        return S_OK;
}

static STDMETHODIMP on_completed(IBackgroundTaskCompletedEventHandler *self, IBackgroundTaskRegistration *sender,
                                 IBackgroundTaskCompletedEventArgs *args)
{
        pthread_mutex_lock(&events_lock);
        if (takes_events) {
                IBackgroundTaskCompletedEventArgs_AddRef(args);
                completed_args = args;
                (void)IBackgroundTaskRegistration_QueryInterface(sender, &IID_IUnknown, (void **)&completed_sender);
                gate_raise(&completed);
        }
        pthread_mutex_unlock(&events_lock);
        return S_OK;
}

static const IBackgroundTaskCanceledEventHandlerVtbl canceled_vtable = { DELEGATE_SLOTS, .Invoke = on_canceled };
static const IBackgroundTaskCanceledEventHandlerVtbl unwanted_vtable = { DELEGATE_SLOTS, .Invoke = on_unwanted };
static const IBackgroundTaskProgressEventHandlerVtbl progress_vtable = { DELEGATE_SLOTS, .Invoke = on_progress };
static const IBackgroundTaskCompletedEventHandlerVtbl completed_vtable = { DELEGATE_SLOTS, .Invoke = on_completed };
static IBackgroundTaskCanceledEventHandler canceled_handler = { &canceled_vtable };
static IBackgroundTaskCanceledEventHandler unwanted_handler = { &unwanted_vtable };
static IBackgroundTaskProgressEventHandler progress_handler = { &progress_vtable };
static IBackgroundTaskCompletedEventHandler completed_handler = { &completed_vtable };

static STDMETHODIMP query_task(IBackgroundTask *self, const IID *iid, void **ret_object)
{
        HRESULT hr = query_only(self, iid, &IID_IBackgroundTask, ret_object);

        if (SUCCEEDED(hr))
                atomic_fetch_add(&task_references, 1);
        return hr;
}

static STDMETHODIMP_(ULONG) add_task_reference(void *self)
{
        return (ULONG)atomic_fetch_add(&task_references, 1) + 1;
}

static STDMETHODIMP_(ULONG) release_task(void *self)
{
        int n = atomic_fetch_sub(&task_references, 1) - 1;

        gate_raise(&released);
        return (ULONG)n;
}

/* Under Wine others hold a task too, and let go a little later. */
static int task_is_let_go(void)
{
        for (int n = 1; atomic_load(&task_references) > 0; n++)
                if (!gate_wait(&released, n))
                        return 0;
        return 1;
}

/* Keeps the instance, and two deferrals, for the row. */
static STDMETHODIMP run(IBackgroundTask *self, IBackgroundTaskInstance *of)
{
        EventRegistrationToken token;

        IBackgroundTaskInstance_AddRef(of);
        instance = of;
        (void)IBackgroundTaskInstance_put_Progress(of, 50);
        (void)IBackgroundTaskInstance_add_Canceled(of, &unwanted_handler, &unwanted_token);
        (void)IBackgroundTaskInstance_add_Canceled(of, &canceled_handler, &token);
        (void)IBackgroundTaskInstance_remove_Canceled(of, unwanted_token);
        for (int i = 0; i < 2; i++)
                (void)IBackgroundTaskInstance_GetDeferral(of, &deferrals[i]);
        gate_raise(&began);
        return S_OK;
}

static const IBackgroundTaskVtbl task_vtable = {
        .QueryInterface = query_task, .AddRef = (void *)add_task_reference,
        .Release = (void *)release_task, .Run = run,
};
static IBackgroundTask the_task = { &task_vtable };

static STDMETHODIMP query_factory(IClassFactory *self, const IID *iid, void **ret_object)
{
        *ret_object = NULL;
        if (memcmp(iid, &IID_IUnknown, sizeof *iid) != 0 && memcmp(iid, &IID_IClassFactory, sizeof *iid) != 0)
                return E_NOINTERFACE;
        atomic_fetch_add(&factory_references, 1);
        *ret_object = self;
        return S_OK;
}

static STDMETHODIMP_(ULONG) add_factory_reference(IClassFactory *self)
{
        return (ULONG)atomic_fetch_add(&factory_references, 1) + 1;
}

static STDMETHODIMP_(ULONG) release_factory(IClassFactory *self)
{
        return (ULONG)atomic_fetch_sub(&factory_references, 1) - 1;
}

static STDMETHODIMP create_instance(IClassFactory *self, IUnknown *outer, const IID *iid, void **ret_object)
{
        *ret_object = NULL;
        had_outer = outer != NULL;
        asked_for_task = memcmp(iid, &IID_IBackgroundTask, sizeof *iid) == 0;
        if (FAILED(creation) || gives_nothing)
                return creation;
        atomic_fetch_add(&task_references, 1);
        *ret_object = &the_task;
        return S_OK;
}

static STDMETHODIMP lock_server(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

static const IClassFactoryVtbl factory_vtable = {
        query_factory, add_factory_reference, release_factory, create_instance, lock_server,
};
static IClassFactory factory = { &factory_vtable };

/* A task that is requested, with its handlers, and this process as its server. */
typedef struct Stand {
        IBackgroundTaskRegistration *task;
        IApplicationTrigger *trigger;
        DWORD cookie;
} Stand;

static Stand put_up(void)
{
        const Gate fresh = GATE;
        IBackgroundTaskBuilder *builder = new_builder(STRING("Stand"), 0, 1);
        IBackgroundTrigger *trigger = NULL;
        EventRegistrationToken token;
        Stand stand = { 0 };

        began = told = untold = progressed = completed = fresh;
        CHECK(task_is_let_go());
        creation = S_OK;
        gives_nothing = 0;
        instance = NULL;
        deferrals[0] = deferrals[1] = NULL;
        completed_args = NULL;
        progress_args = NULL;
        completed_sender = NULL;
        pthread_mutex_lock(&events_lock);
        takes_events = 1;
        pthread_mutex_unlock(&events_lock);
        CHECK_OK(RoActivateInstance(STRING(BACKGROUND "ApplicationTrigger"), (IInspectable **)&stand.trigger));
        CHECK_OK(IApplicationTrigger_QueryInterface(stand.trigger, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        IBackgroundTrigger_Release(trigger);
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &stand.task));
        IBackgroundTaskBuilder_Release(builder);
        CHECK_OK(IBackgroundTaskRegistration_add_Progress(stand.task, &progress_handler, &token));
        CHECK_OK(IBackgroundTaskRegistration_add_Completed(stand.task, &completed_handler, &token));
        CHECK_OK(CoRegisterClassObject(&test_clsid, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE,
                                       &stand.cookie));
        return stand;
}

static ApplicationTriggerResult request(const Stand *stand)
{
        IAsyncOperation_ApplicationTriggerResult *operation = NULL;
        ApplicationTriggerResult answer = ApplicationTriggerResult_UnknownError;

        CHECK_OK(IApplicationTrigger_RequestAsync(stand->trigger, &operation));
        CHECK_OK(IAsyncOperation_ApplicationTriggerResult_GetResults(operation, &answer));
        IAsyncOperation_ApplicationTriggerResult_Release(operation);
        return answer;
}

static Stand put_up_and_run(void)
{
        Stand stand = put_up();

        CHECK(request(&stand) == ApplicationTriggerResult_Allowed);
        CHECK(gate_wait(&began, 1));
        CHECK(instance && deferrals[0] && deferrals[1]);
        return stand;
}

static void complete(int i)
{
        CHECK_OK(IBackgroundTaskDeferral_Complete(deferrals[i]));
        IBackgroundTaskDeferral_Release(deferrals[i]);
        deferrals[i] = NULL;
}

/* Ends what runs, and gives everything back. */
static void take_down(Stand *stand)
{
        for (int i = 0; i < 2; i++)
                if (deferrals[i])
                        complete(i);
        CHECK_OK(CoRevokeClassObject(stand->cookie));
        pthread_mutex_lock(&events_lock);
        takes_events = 0;
        pthread_mutex_unlock(&events_lock);
        if (instance)
                IBackgroundTaskInstance_Release(instance);
        if (completed_args)
                IBackgroundTaskCompletedEventArgs_Release(completed_args);
        if (progress_args)
                IBackgroundTaskProgressEventArgs_Release(progress_args);
        if (completed_sender)
                IUnknown_Release(completed_sender);
        (void)IBackgroundTaskRegistration_Unregister(stand->task, 1);
        IBackgroundTaskRegistration_Release(stand->task);
        IApplicationTrigger_Release(stand->trigger);
}

static void a_factory_is_held_until_it_is_revoked(void)
{
        Stand stand = put_up_and_run();
        int n = atomic_load(&factory_references);

        take_down(&stand);
        CHECK(n > 0);
        CHECK(atomic_load(&factory_references) == 0);
}

static void a_task_is_held_until_its_last_deferral(void)
{
        Stand stand = put_up_and_run();

        CHECK(!had_outer && asked_for_task);
        CHECK(atomic_load(&task_references) > 0);
        complete(1);
        CHECK(atomic_load(&task_references) > 0 && completed.count == 0);
        complete(0);
        CHECK(gate_wait(&completed, 1));
        take_down(&stand);
        CHECK(task_is_let_go());
}

static void what_a_factory_answers_is_the_result(void)
{
        static const struct {
                HRESULT creation, expected;
        } rows[] = {
                { E_ACCESSDENIED, E_ACCESSDENIED },
                { (HRESULT)0x80080008, (HRESULT)0x80080008 },
                { S_OK, E_NOINTERFACE },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                Stand stand = put_up();

                creation = rows[i].creation;
                gives_nothing = 1;
                CHECK(request(&stand) == ApplicationTriggerResult_Allowed);
                CHECK(gate_wait(&completed, 1));
                CHECK(IBackgroundTaskCompletedEventArgs_CheckResult(completed_args) == rows[i].expected);
                take_down(&stand);
        }
}

static void a_run_has_exact_objects(void)
{
        static const IID *const instance_iids[] = { &IID_IBackgroundTaskInstance, &IID_IBackgroundTaskInstance2,
                                                    &IID_IBackgroundTaskInstance4 };
        static const IID *const deferral_iids[] = { &IID_IBackgroundTaskDeferral };
        static const IID *const completed_iids[] = { &IID_IBackgroundTaskCompletedEventArgs };
        static const IID *const progress_iids[] = { &IID_IBackgroundTaskProgressEventArgs };
        IBackgroundTaskInstance2 *instance2 = NULL;
        Stand stand = put_up_and_run();
        HSTRING name = NULL;
        UINT32 n = 9;

        check_interfaces(instance, instance_iids, 3);
        CHECK(IBackgroundTaskInstance_GetRuntimeClassName(instance, &name) == E_ILLEGAL_METHOD_CALL && !name);
        CHECK_OK(IBackgroundTaskInstance_QueryInterface(instance, &IID_IBackgroundTaskInstance2,
                                                        (void **)&instance2));
        for (int counter = 0; counter <= BackgroundTaskThrottleCounter_Network; counter++) {
                CHECK_OK(IBackgroundTaskInstance2_GetThrottleCount(instance2, (BackgroundTaskThrottleCounter)counter,
                                                                   &n));
                CHECK(n == 0);
        }
        CHECK(IBackgroundTaskInstance2_GetThrottleCount(instance2, (BackgroundTaskThrottleCounter)3, &n) ==
              E_INVALIDARG);
        IBackgroundTaskInstance2_Release(instance2);
        check_interfaces(deferrals[0], deferral_iids, 1);
        check_class_name(deferrals[0], u"" BACKGROUND "BackgroundTaskDeferral");
        complete(0);
        complete(1);
        CHECK(gate_wait(&completed, 1) && gate_wait(&progressed, 1));
        check_interfaces(completed_args, completed_iids, 1);
        check_class_name(completed_args, u"" BACKGROUND "BackgroundTaskCompletedEventArgs");
        check_interfaces(progress_args, progress_iids, 1);
        check_class_name(progress_args, u"" BACKGROUND "BackgroundTaskProgressEventArgs");
        take_down(&stand);
}

static void events_name_their_sender_and_their_run(void)
{
        Stand stand = put_up_and_run();
        IUnknown *unknown = NULL;
        UINT32 progress = 0;
        GUID id, told_id;

        CHECK_OK(IBackgroundTaskInstance_get_InstanceId(instance, &id));
        complete(0);
        complete(1);
        CHECK(gate_wait(&completed, 1) && gate_wait(&progressed, 1));
        CHECK_OK(IBackgroundTaskRegistration_QueryInterface(stand.task, &IID_IUnknown, (void **)&unknown));
        CHECK(completed_sender == unknown);
        IUnknown_Release(unknown);
        CHECK_OK(IBackgroundTaskCompletedEventArgs_get_InstanceId(completed_args, &told_id));
        CHECK(memcmp(&id, &told_id, sizeof id) == 0);
        CHECK_OK(IBackgroundTaskCompletedEventArgs_CheckResult(completed_args));
        CHECK_OK(IBackgroundTaskProgressEventArgs_get_InstanceId(progress_args, &told_id));
        CHECK(memcmp(&id, &told_id, sizeof id) == 0);
        CHECK_OK(IBackgroundTaskProgressEventArgs_get_Progress(progress_args, &progress));
        CHECK(progress == 50);
        take_down(&stand);
}

static void unregistering_with_cancel_is_an_abort(void)
{
        Stand stand = put_up_and_run();

        CHECK_OK(IBackgroundTaskRegistration_Unregister(stand.task, 1));
        CHECK(gate_wait(&told, 1) && reason == BackgroundTaskCancellationReason_Abort);
        take_down(&stand);
        CHECK(untold.count == 0);
}

static void unregistering_lets_a_run_end(void)
{
        Stand stand = put_up_and_run();

        CHECK_OK(IBackgroundTaskRegistration_Unregister(stand.task, 0));
        take_down(&stand);
        CHECK(told.count == 0 && task_is_let_go());
}

static void a_request_during_a_run_is_currently_running(void)
{
        Stand stand = put_up_and_run();

        CHECK(request(&stand) == ApplicationTriggerResult_CurrentlyRunning);
        take_down(&stand);
        CHECK(began.count == 1);
}

static void without_references_to_the_process_nothing_is_activated(void)
{
        IClassFactory *found = NULL;
        Stand stand = put_up();

        CHECK(CoAddRefServerProcess() > 0);
        CHECK_OK(CoGetClassObject(&test_clsid, CLSCTX_INPROC_SERVER, NULL, &IID_IClassFactory, (void **)&found));
        IClassFactory_Release(found);
        while (CoReleaseServerProcess() > 0)
                ;
        CHECK(CoGetClassObject(&test_clsid, CLSCTX_INPROC_SERVER, NULL, &IID_IClassFactory, (void **)&found) ==
              REGDB_E_CLASSNOTREG);
        CHECK(!found);
        CHECK_OK(CoResumeClassObjects());
        CHECK(request(&stand) == ApplicationTriggerResult_Allowed);
        CHECK(gate_wait(&began, 1));
        take_down(&stand);
}

const Row activation_rows[] = {
        { "CoRegisterClassObject, CoRevokeClassObject", "a factory is held until it is revoked",
          a_factory_is_held_until_it_is_revoked, NULL, "nobody tells us that a class object was revoked" },
        { "IClassFactory.CreateInstance", "a task is made without outer object, and held until its last deferral",
          a_task_is_held_until_its_last_deferral },
        { "IClassFactory.CreateInstance", "what a factory fails with is what the run ended with",
          what_a_factory_answers_is_the_result },
        { "IInspectable", "instances, deferrals and arguments of events have their interfaces",
          a_run_has_exact_objects },
        { "BackgroundTaskCompletedEventArgs, BackgroundTaskProgressEventArgs",
          "events name their sender and their run", events_name_their_sender_and_their_run },
        { "BackgroundTaskRegistration.Unregister", "Unregister(true) cancels with Abort, and no handler that is gone",
          unregistering_with_cancel_is_an_abort },
        { "BackgroundTaskRegistration.Unregister", "Unregister(false) lets a run end", unregistering_lets_a_run_end },
        { "ApplicationTriggerResult", "a request during a run is CurrentlyRunning",
          a_request_during_a_run_is_currently_running },
        { "CoReleaseServerProcess", "at 0 class objects are suspended, until they are resumed",
          without_references_to_the_process_nothing_is_activated, NULL, "Wine finds a suspended class object" },
        { NULL },
};
