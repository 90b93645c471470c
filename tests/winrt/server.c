/* SPDX-License-Identifier: MIT */

/* Class objects, instances, deferrals, events. The test is the server of its own tasks. */

#include "conformance.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What the next run does, and what it saw. */
static Gate began, told, progressed, completed;
static HRESULT result;
static int takes_deferral;
static IBackgroundTaskDeferral *deferral;
static IBackgroundTaskInstance *kept;
static BackgroundTaskCancellationReason reason;
static UINT32 last_progress;
static HRESULT checked;
static char seen_name[32];
static IInspectable *seen_details;
static int has_user;

/* What others marshal answers exactly. */
static STDMETHODIMP query_task(void *self, const IID *iid, void **ret_object)
{
        return query_only(self, iid, &IID_IBackgroundTask, ret_object);
}

static STDMETHODIMP query_factory(void *self, const IID *iid, void **ret_object)
{
        return query_only(self, iid, &IID_IClassFactory, ret_object);
}

static STDMETHODIMP on_canceled(IBackgroundTaskCanceledEventHandler *self, IBackgroundTaskInstance *sender,
                                BackgroundTaskCancellationReason why)
{
        reason = why;
        gate_raise(&told);
        return S_OK;
}

static const IBackgroundTaskCanceledEventHandlerVtbl canceled_vtable = { FIXED_SLOTS, .Invoke = on_canceled };
static IBackgroundTaskCanceledEventHandler canceled_handler = { &canceled_vtable };

static STDMETHODIMP on_progress(IBackgroundTaskProgressEventHandler *self, IBackgroundTaskRegistration *sender,
                                IBackgroundTaskProgressEventArgs *args)
{
        (void)IBackgroundTaskProgressEventArgs_get_Progress(args, &last_progress);
        gate_raise(&progressed);
        return S_OK;
}

static const IBackgroundTaskProgressEventHandlerVtbl progress_vtable = { FIXED_SLOTS, .Invoke = on_progress };
static IBackgroundTaskProgressEventHandler progress_handler = { &progress_vtable };

static STDMETHODIMP on_completed(IBackgroundTaskCompletedEventHandler *self, IBackgroundTaskRegistration *sender,
                                 IBackgroundTaskCompletedEventArgs *args)
{
        checked = IBackgroundTaskCompletedEventArgs_CheckResult(args);
        gate_raise(&completed);
        return S_OK;
}

static const IBackgroundTaskCompletedEventHandlerVtbl completed_vtable = { FIXED_SLOTS, .Invoke = on_completed };
static IBackgroundTaskCompletedEventHandler completed_handler = { &completed_vtable };

static void see_name(IBackgroundTaskInstance *instance)
{
        IBackgroundTaskRegistration *task = NULL;
        HSTRING name = NULL;

        if (FAILED(IBackgroundTaskInstance_get_Task(instance, &task)))
                return;
        (void)IBackgroundTaskRegistration_get_Name(task, &name);
        narrow(name, seen_name, sizeof seen_name);
        (void)WindowsDeleteString(name);
        IBackgroundTaskRegistration_Release(task);
}

static void see_more(IBackgroundTaskInstance *instance)
{
        IBackgroundTaskInstance4 *instance4 = NULL;
        IInspectable *user = NULL;

        (void)IBackgroundTaskInstance_get_TriggerDetails(instance, &seen_details);
        has_user = -1;
        if (FAILED(IBackgroundTaskInstance_QueryInterface(instance, &IID_IBackgroundTaskInstance4,
                                                          (void **)&instance4)))
                return;
        if (SUCCEEDED(IBackgroundTaskInstance4_get_User(instance4, &user)))
                has_user = user != NULL;
        IBackgroundTaskInstance4_Release(instance4);
}

static STDMETHODIMP run(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        EventRegistrationToken token;

        see_name(instance);
        see_more(instance);
        (void)IBackgroundTaskInstance_put_Progress(instance, 10);
        (void)IBackgroundTaskInstance_add_Canceled(instance, &canceled_handler, &token);
        if (takes_deferral) {
                (void)IBackgroundTaskInstance_GetDeferral(instance, &deferral);
                IBackgroundTaskInstance_AddRef(instance);
                kept = instance;
        }
        gate_raise(&began);
        return result;
}

static const IBackgroundTaskVtbl task_vtable = { FIXED_SLOTS_BUT(query_task), .Run = run };
static IBackgroundTask the_task = { &task_vtable };

static STDMETHODIMP create_instance(IClassFactory *self, IUnknown *outer, const IID *iid, void **ret_object)
{
        if (outer)
                return CLASS_E_NOAGGREGATION;
        if (memcmp(iid, &IID_IBackgroundTask, sizeof *iid) != 0)
                return E_NOINTERFACE;
        *ret_object = &the_task;
        return S_OK;
}

static STDMETHODIMP lock_server(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

static const IClassFactoryVtbl factory_vtable = {
        FIXED_SLOTS_BUT(query_factory), .CreateInstance = create_instance, .LockServer = lock_server,
};
static IClassFactory factory = { &factory_vtable };

/* A task with handlers, and this process as its server. */
typedef struct Scene {
        IBackgroundTaskRegistration *task;
        DWORD cookie;
} Scene;

static Scene set_scene(void)
{
        const Gate fresh = GATE;
        EventRegistrationToken token;
        Scene scene = { 0 };

        began = told = progressed = completed = fresh;
        result = S_OK;
        takes_deferral = 0;
        deferral = NULL;
        kept = NULL;
        checked = E_FAIL;
        seen_name[0] = '\0';
        seen_details = NULL;
        scene.task = new_task(STRING("Scene"));
        CHECK_OK(IBackgroundTaskRegistration_add_Progress(scene.task, &progress_handler, &token));
        CHECK_OK(IBackgroundTaskRegistration_add_Completed(scene.task, &completed_handler, &token));
        CHECK_OK(CoRegisterClassObject(&test_clsid, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE,
                                       &scene.cookie));
        return scene;
}

static void start(void)
{
        run_task("Scene");
        CHECK(gate_wait(&began, 1));
}

static void clear(Scene *scene)
{
        CHECK_OK(CoRevokeClassObject(scene->cookie));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(scene->task, 1));
        IBackgroundTaskRegistration_Release(scene->task);
}

static void a_class_object_must_be_possible(void)
{
        DWORD cookie = 9;
        CLSID other = { 1, 2, 3, { 4 } };

        CHECK(CoRegisterClassObject(&test_clsid, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE,
                                    NULL) == E_INVALIDARG);
        CHECK(CoRegisterClassObject(&test_clsid, NULL, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &cookie) ==
              E_INVALIDARG);
        CHECK(CoRegisterClassObject(&other, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &cookie) ==
              E_ACCESSDENIED);
        CHECK(cookie == 0);
        CHECK(CoRevokeClassObject(4711) == CO_E_OBJNOTREG);
}

static void a_run_is_created_by_the_factory_and_completes(void)
{
        Scene scene = set_scene();

        start();
        CHECK(gate_wait(&completed, 1));
        CHECK(checked == S_OK);
        CHECK(strcmp(seen_name, "Scene") == 0);
        CHECK(!seen_details && has_user == 0);
        CHECK(gate_wait(&progressed, 1) && last_progress == 10);
        clear(&scene);
}

static void a_deferral_keeps_the_task_alive(void)
{
        IBackgroundTaskDeferral *late = NULL;
        Scene scene = set_scene();
        GUID id, none = { 0 };
        UINT32 value = 0;

        takes_deferral = 1;
        start();
        CHECK_OK(IBackgroundTaskInstance_get_InstanceId(kept, &id));
        CHECK(memcmp(&id, &none, sizeof id) != 0);
        CHECK_OK(IBackgroundTaskInstance_put_Progress(kept, 20));
        CHECK_OK(IBackgroundTaskInstance_get_Progress(kept, &value));
        CHECK(value == 20);
        CHECK_OK(IBackgroundTaskInstance_get_SuspendedCount(kept, &value));
        CHECK(value == 0);
        CHECK(completed.count == 0);
        CHECK_OK(IBackgroundTaskDeferral_Complete(deferral));
        CHECK(gate_wait(&completed, 1) && checked == S_OK);
        CHECK_OK(IBackgroundTaskDeferral_Complete(deferral));
        CHECK(IBackgroundTaskInstance_GetDeferral(kept, &late) == E_ILLEGAL_METHOD_CALL && !late);
        IBackgroundTaskDeferral_Release(deferral);
        IBackgroundTaskInstance_Release(kept);
        clear(&scene);
}

static Gate timer_is_over = GATE;

/* As Microsoft's sample of a background task does. */
static STDMETHODIMP on_elapsed(ITimerElapsedHandler *self, IThreadPoolTimer *timer)
{
        UINT32 progress = 0;

        (void)IBackgroundTaskInstance_get_Progress(kept, &progress);
        if (progress < 30)
                return IBackgroundTaskInstance_put_Progress(kept, progress + 10);
        (void)IThreadPoolTimer_Cancel(timer);
        return IBackgroundTaskDeferral_Complete(deferral);
}

static STDMETHODIMP on_destroyed(ITimerDestroyedHandler *self, IThreadPoolTimer *timer)
{
        gate_raise(&timer_is_over);
        return S_OK;
}

static void a_timer_completes_a_deferral(void)
{
        static const ITimerElapsedHandlerVtbl elapsed_vtable = { FIXED_SLOTS, on_elapsed };
        static const ITimerDestroyedHandlerVtbl destroyed_vtable = { FIXED_SLOTS, on_destroyed };
        static ITimerElapsedHandler elapsed = { &elapsed_vtable };
        static ITimerDestroyedHandler destroyed = { &destroyed_vtable };
        IThreadPoolTimerStatics *timers =
                factory_of(STRING("Windows.System.Threading.ThreadPoolTimer"), &IID_IThreadPoolTimerStatics);
        const TimeSpan millisecond = { 10000 };
        IThreadPoolTimer *timer = NULL;
        Scene scene = set_scene();
        UINT32 progress = 0;

        takes_deferral = 1;
        start();
        CHECK_OK(IThreadPoolTimerStatics_CreatePeriodicTimerWithCompletion(timers, &elapsed, millisecond, &destroyed,
                                                                          &timer));
        CHECK(gate_wait(&completed, 1) && checked == S_OK);
        CHECK(gate_wait(&timer_is_over, 1));
        CHECK_OK(IBackgroundTaskInstance_get_Progress(kept, &progress));
        CHECK(progress == 30);
        IThreadPoolTimer_Release(timer);
        IBackgroundTaskDeferral_Release(deferral);
        IBackgroundTaskInstance_Release(kept);
        clear(&scene);
}

static void a_deferral_that_is_dropped_fails_the_run(void)
{
        Scene scene = set_scene();

        takes_deferral = 1;
        start();
        IBackgroundTaskInstance_Release(kept);
        IBackgroundTaskDeferral_Release(deferral);
        CHECK(gate_wait(&completed, 1) && FAILED(checked));
        clear(&scene);
}

static void a_failed_run_fails_check_result(void)
{
        static const struct {
                HRESULT hr;
                const char *text;
        } rows[] = {
                { E_OUTOFMEMORY, "failed: 0x8007000e E_OUTOFMEMORY" },
                { E_FAIL, "failed: 0x80004005 E_FAIL" },
                { REGDB_E_CLASSNOTREG, "failed: 0x80040154 REGDB_E_CLASSNOTREG" },
                { (HRESULT)0x80000000, "failed: 0x80000000" },
                { (HRESULT)0xc0000005, "failed: 0xc0000005" },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                Scene scene = set_scene();

                result = rows[i].hr;
                start();
                CHECK(gate_wait(&completed, 1));
                CHECK(checked == rows[i].hr);
                CHECK(has_ended_as("Scene", rows[i].text));
                clear(&scene);
        }
}

static void a_run_that_says_s_false_completes(void)
{
        Scene scene = set_scene();

        result = S_FALSE;
        start();
        CHECK(gate_wait(&completed, 1));
        CHECK_OK(checked);
        CHECK(has_ended_as("Scene", "completed"));
        clear(&scene);
}

static void canceled_says_why_and_is_told_late_too(void)
{
        EventRegistrationToken token;
        Scene scene = set_scene();

        takes_deferral = 1;
        start();
        cancel_task("Scene", BackgroundTaskCancellationReason_SystemPolicy);
        CHECK(gate_wait(&told, 1));
        CHECK(reason == BackgroundTaskCancellationReason_SystemPolicy);
        reason = BackgroundTaskCancellationReason_Abort;
        CHECK_OK(IBackgroundTaskInstance_add_Canceled(kept, &canceled_handler, &token));
        CHECK(gate_wait(&told, 2));
        CHECK(reason == BackgroundTaskCancellationReason_SystemPolicy && told.count == 2);
        CHECK_OK(IBackgroundTaskDeferral_Complete(deferral));
        CHECK(gate_wait(&completed, 1) && checked == (HRESULT)0x800704c7);
        IBackgroundTaskDeferral_Release(deferral);
        IBackgroundTaskInstance_Release(kept);
        clear(&scene);
}

static void every_reason_is_told_as_it_is(void)
{
        for (int i = BackgroundTaskCancellationReason_Abort; i <= BackgroundTaskCancellationReason_EnergySaver; i++) {
                Scene scene = set_scene();

                takes_deferral = 1;
                start();
                reason = (BackgroundTaskCancellationReason)-1;
                cancel_task("Scene", i);
                CHECK(gate_wait(&told, 1) && reason == (BackgroundTaskCancellationReason)i);
                CHECK_OK(IBackgroundTaskDeferral_Complete(deferral));
                CHECK(gate_wait(&completed, 1));
                IBackgroundTaskDeferral_Release(deferral);
                IBackgroundTaskInstance_Release(kept);
                clear(&scene);
        }
}

static void handlers_that_were_removed_are_not_called(void)
{
        EventRegistrationToken token;
        Scene scene = set_scene();

        CHECK_OK(IBackgroundTaskRegistration_add_Completed(scene.task, &completed_handler, &token));
        CHECK_OK(IBackgroundTaskRegistration_remove_Completed(scene.task, token));
        CHECK(IBackgroundTaskRegistration_add_Completed(scene.task, NULL, &token) == E_POINTER);
        start();
        CHECK(gate_wait(&completed, 1));
        CHECK_OK(CoRevokeClassObject(scene.cookie));
        CHECK(completed.count == 1);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(scene.task, 1));
        IBackgroundTaskRegistration_Release(scene.task);
}

static void a_suspended_class_object_waits_to_be_resumed(void)
{
        Scene scene = set_scene();

        CHECK_OK(CoSuspendClassObjects());
        CHECK_OK(CoResumeClassObjects());
        CHECK(CoAddRefServerProcess() == 1 && CoAddRefServerProcess() == 2 && CoReleaseServerProcess() == 1);
        start();
        CHECK(gate_wait(&completed, 1) && checked == S_OK);
        clear(&scene);
}

/* A scene whose task has this trigger. */
static Scene set_scene_of(IInspectable *made)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Asked"), 0, 1);
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTrigger *trigger = NULL;
        EventRegistrationToken token;
        Scene scene = set_scene();

        CHECK_OK(IInspectable_QueryInterface(made, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        IBackgroundTrigger_Release(trigger);
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        IBackgroundTaskBuilder_Release(builder);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(scene.task, 1));
        IBackgroundTaskRegistration_Release(scene.task);
        scene.task = task;
        CHECK_OK(IBackgroundTaskRegistration_add_Completed(task, &completed_handler, &token));
        return scene;
}

IInspectable *see_details(IInspectable *trigger, void (*fire)(void *trigger))
{
        Scene scene = set_scene_of(trigger);

        fire(trigger);
        CHECK(gate_wait(&completed, 1));
        clear(&scene);
        return seen_details;
}

static IApplicationTrigger *set_request_scene(Scene *scene)
{
        IApplicationTrigger *application = NULL;

        CHECK_OK(RoActivateInstance(STRING("Windows.ApplicationModel.Background.ApplicationTrigger"),
                                    (IInspectable **)&application));
        *scene = set_scene_of((IInspectable *)application);
        return application;
}

static void request(IApplicationTrigger *trigger, IPropertySet *arguments)
{
        IAsyncOperation_ApplicationTriggerResult *operation = NULL;
        ApplicationTriggerResult answer = ApplicationTriggerResult_UnknownError;

        CHECK_OK(IApplicationTrigger_RequestAsyncWithArguments(trigger, arguments, &operation));
        CHECK_OK(IAsyncOperation_ApplicationTriggerResult_GetResults(operation, &answer));
        CHECK(answer == ApplicationTriggerResult_Allowed);
        IAsyncOperation_ApplicationTriggerResult_Release(operation);
}

/* The arguments that the run has seen. */
static IPropertySet *seen_arguments(void)
{
        static const IID *const iids[] = { &IID_IApplicationTriggerDetails };
        IApplicationTriggerDetails *details = NULL;
        IPropertySet *arguments = NULL;

        CHECK(seen_details);
        check_interfaces(seen_details, iids, 1);
        check_class_name(seen_details, u"Windows.ApplicationModel.Background.ApplicationTriggerDetails");
        CHECK_OK(IInspectable_QueryInterface(seen_details, &IID_IApplicationTriggerDetails, (void **)&details));
        CHECK_OK(IApplicationTriggerDetails_get_Arguments(details, &arguments));
        IApplicationTriggerDetails_Release(details);
        IInspectable_Release(seen_details);
        return arguments;
}

static void arguments_of_a_request_come_to_the_run(void)
{
        IPropertySet *arguments = new_set_of_all_types(), *seen;
        Scene scene;
        IApplicationTrigger *trigger = set_request_scene(&scene);

        request(trigger, arguments);
        CHECK(gate_wait(&completed, 1));
        CHECK(strcmp(seen_name, "Asked") == 0);
        seen = seen_arguments();
        check_set_of_all_types(seen);
        IPropertySet_Release(seen);
        IPropertySet_Release(arguments);
        IApplicationTrigger_Release(trigger);
        clear(&scene);
}

static void a_request_may_be_without_arguments(void)
{
        IMap_HSTRING_IInspectable *map = NULL;
        IPropertySet *seen;
        UINT32 n = 9;
        Scene scene;
        IApplicationTrigger *trigger = set_request_scene(&scene);

        request(trigger, NULL);
        CHECK(gate_wait(&completed, 1));
        seen = seen_arguments();
        CHECK_OK(IPropertySet_QueryInterface(seen, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        CHECK_OK(IMap_HSTRING_IInspectable_get_Size(map, &n));
        CHECK(n == 0);
        IMap_HSTRING_IInspectable_Release(map);
        IPropertySet_Release(seen);
        IApplicationTrigger_Release(trigger);
        clear(&scene);
}

static void the_cost_of_work_follows_power(void)
{
        IBackgroundWorkCostStatics *statics = factory_of(
                STRING("Windows.ApplicationModel.Background.BackgroundWorkCost"), &IID_IBackgroundWorkCostStatics);
        BackgroundWorkCostValue cost = BackgroundWorkCostValue_High;

        set_on_ac_power(1);
        CHECK_OK(IBackgroundWorkCostStatics_get_CurrentBackgroundWorkCost(statics, &cost));
        CHECK(cost == BackgroundWorkCostValue_Low);
        set_on_ac_power(0);
        CHECK_OK(IBackgroundWorkCostStatics_get_CurrentBackgroundWorkCost(statics, &cost));
        CHECK(cost == BackgroundWorkCostValue_Medium);
}

const Row server_rows[] = {
        { "CoRegisterClassObject", "a class object must be possible, and declared by the package",
          a_class_object_must_be_possible, NULL, "Wine takes every class, and knows no cookie that is not there" },
        { "IBackgroundTask.Run", "a run is created by the factory, and Progress and Completed tell of it",
          a_run_is_created_by_the_factory_and_completes },
        { "IBackgroundTaskInstance.GetDeferral", "a deferral keeps the task alive; a second Complete() does nothing",
          a_deferral_keeps_the_task_alive },
        { "SampleBackgroundTask", "a timer tells progress and completes a deferral", a_timer_completes_a_deferral },
        { "ours", "a deferral that is dropped fails the run", a_deferral_that_is_dropped_fails_the_run },
        { "BackgroundTaskCompletedEventArgs.CheckResult",
          "CheckResult() gives the HRESULT of a failed run, and history its name",
          a_failed_run_fails_check_result },
        { "SUCCEEDED", "a run that says S_FALSE has completed", a_run_that_says_s_false_completes },
        { "IBackgroundTaskInstance.Canceled", "Canceled says why, also to a handler that is added late",
          canceled_says_why_and_is_told_late_too },
        { "BackgroundTaskCancellationReason", "every reason is told as it is", every_reason_is_told_as_it_is },
        { "EventRegistrationToken", "handlers that were removed are not called",
          handlers_that_were_removed_are_not_called },
        { "CoResumeClassObjects", "suspended class objects serve again when they are resumed",
          a_suspended_class_object_waits_to_be_resumed },
        { "ApplicationTrigger.RequestAsync(ValueSet)", "the arguments of a request come to the run with their types",
          arguments_of_a_request_come_to_the_run },
        { "ours", "a request without arguments has an empty set of them", a_request_may_be_without_arguments },
        { "BackgroundWorkCost", "the cost of work follows power and the user", the_cost_of_work_follows_power },
        { NULL },
};
