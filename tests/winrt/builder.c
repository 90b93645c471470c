/* SPDX-License-Identifier: MIT */

/* BackgroundTaskBuilder, BackgroundTaskRegistration, AllTasks. */

#include "conformance.h"

#include <string.h>

#define BACKGROUND "Windows.ApplicationModel.Background."

static void set_time(IBackgroundTaskBuilder *builder, UINT32 minutes)
{
        ITimeTriggerFactory *factory = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);
        IBackgroundTrigger *trigger = NULL;
        ITimeTrigger *time_trigger = NULL;

        CHECK_OK(ITimeTriggerFactory_Create(factory, minutes, 0, &time_trigger));
        CHECK_OK(ITimeTrigger_QueryInterface(time_trigger, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        IBackgroundTrigger_Release(trigger);
        ITimeTrigger_Release(time_trigger);
}

static void set_class(IBackgroundTaskBuilder *builder, GUID clsid)
{
        IBackgroundTaskBuilder5 *builder5 = NULL;

        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder5, (void **)&builder5));
        CHECK_OK(IBackgroundTaskBuilder5_SetTaskEntryPointClsid(builder5, clsid));
        IBackgroundTaskBuilder5_Release(builder5);
}

static void add_condition(IBackgroundTaskBuilder *builder, SystemConditionType type)
{
        ISystemConditionFactory *factory = factory_of(STRING(BACKGROUND "SystemCondition"),
                                                      &IID_ISystemConditionFactory);
        IBackgroundCondition *condition = NULL;
        ISystemCondition *made = NULL;

        CHECK_OK(ISystemConditionFactory_Create(factory, type, &made));
        CHECK_OK(ISystemCondition_QueryInterface(made, &IID_IBackgroundCondition, (void **)&condition));
        CHECK_OK(IBackgroundTaskBuilder_AddCondition(builder, condition));
        IBackgroundCondition_Release(condition);
        ISystemCondition_Release(made);
}

IBackgroundTaskBuilder *new_builder(HSTRING name, UINT32 minutes, int with_class)
{
        IBackgroundTaskBuilder *builder = NULL;

        CHECK_OK(RoActivateInstance(STRING(BACKGROUND "BackgroundTaskBuilder"), (IInspectable **)&builder));
        CHECK_OK(IBackgroundTaskBuilder_put_Name(builder, name));
        if (minutes > 0)
                set_time(builder, minutes);
        if (with_class)
                set_class(builder, test_clsid);
        return builder;
}

IBackgroundTaskRegistration *new_task(HSTRING name)
{
        IBackgroundTaskBuilder *builder = new_builder(name, 15, 1);
        IBackgroundTaskRegistration *task = NULL;

        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        IBackgroundTaskBuilder_Release(builder);
        return task;
}

static IMapView_GUID_IBackgroundTaskRegistration *all_tasks(void)
{
        IBackgroundTaskRegistrationStatics *statics =
                factory_of(STRING(BACKGROUND "BackgroundTaskRegistration"), &IID_IBackgroundTaskRegistrationStatics);
        IMapView_GUID_IBackgroundTaskRegistration *tasks = NULL;

        CHECK_OK(IBackgroundTaskRegistrationStatics_get_AllTasks(statics, &tasks));
        return tasks;
}

UINT32 count_tasks(void)
{
        IMapView_GUID_IBackgroundTaskRegistration *tasks = all_tasks();
        UINT32 n = 0;

        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_get_Size(tasks, &n));
        IMapView_GUID_IBackgroundTaskRegistration_Release(tasks);
        return n;
}

IBackgroundTaskRegistration *find_task(IBackgroundTaskRegistration *task)
{
        IMapView_GUID_IBackgroundTaskRegistration *tasks = all_tasks();
        IBackgroundTaskRegistration *found = NULL;
        GUID id;

        CHECK_OK(IBackgroundTaskRegistration_get_TaskId(task, &id));
        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_Lookup(tasks, id, &found));
        IMapView_GUID_IBackgroundTaskRegistration_Release(tasks);
        return found;
}

static void a_task_needs_a_trigger(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("T"), 0, 1);

        CHECK(IBackgroundTaskBuilder_SetTrigger(builder, NULL) == E_POINTER);
        CHECK(register_and_release(builder) == E_INVALIDARG);
}

static void less_than_15_minutes_is_refused_by_register(void)
{
        CHECK(register_and_release(new_builder(STRING("T"), 14, 1)) == E_INVALIDARG);
}

static void a_class_must_be_declared(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("T"), 15, 0);

        set_class(builder, (GUID){ 1, 2, 3, { 4 } });
        CHECK(register_and_release(builder) == REGDB_E_CLASSNOTREG);
}

static void an_empty_name_is_refused(void)
{
        CHECK(register_and_release(new_builder(NULL, 15, 1)) == E_INVALIDARG);
}

static void a_name_is_whole_utf16(void)
{
        static const WCHAR half[] = { 'a', 0xd800, 0 };
        HSTRING_HEADER header;

        CHECK(register_and_release(new_builder(STRING("a\0b"), 15, 1)) == E_INVALIDARG);
        CHECK(register_and_release(new_builder(string_of(half, 2, &header), 15, 1)) == E_INVALIDARG);
}

static void conditions_that_contradict_are_refused(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("T"), 15, 1);

        add_condition(builder, SystemConditionType_UserPresent);
        add_condition(builder, SystemConditionType_UserNotPresent);
        CHECK(register_and_release(builder) == E_INVALIDARG);
}

static void the_builder_keeps_what_is_put(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Some name"), 15, 1);
        IBackgroundTaskBuilder2 *builder2 = NULL;
        IBackgroundTaskBuilder6 *builder6 = NULL;
        HSTRING name = NULL;
        boolean value = 9;

        CHECK_OK(IBackgroundTaskBuilder_get_Name(builder, &name));
        CHECK(string_is(name, "Some name"));
        CHECK_OK(WindowsDeleteString(name));
        CHECK_OK(IBackgroundTaskBuilder_get_TaskEntryPoint(builder, &name));
        CHECK(!name);
        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder2, (void **)&builder2));
        CHECK_OK(IBackgroundTaskBuilder2_get_CancelOnConditionLoss(builder2, &value));
        CHECK(value == 0);
        CHECK_OK(IBackgroundTaskBuilder2_put_CancelOnConditionLoss(builder2, 1));
        CHECK_OK(IBackgroundTaskBuilder2_get_CancelOnConditionLoss(builder2, &value));
        CHECK(value == 1);
        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder6, (void **)&builder6));
        CHECK_OK(IBackgroundTaskBuilder6_Validate(builder6, &value));
        CHECK(value == 1);
        IBackgroundTaskBuilder6_Release(builder6);
        IBackgroundTaskBuilder2_Release(builder2);
        CHECK(IBackgroundTaskBuilder_Release(builder) == 0);
        builder = new_builder(STRING("T"), 14, 1);
        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder6, (void **)&builder6));
        CHECK_OK(IBackgroundTaskBuilder6_Validate(builder6, &value));
        CHECK(value == 0);
        IBackgroundTaskBuilder6_Release(builder6);
        IBackgroundTaskBuilder_Release(builder);
}

static void register_makes_a_new_task_every_time(void)
{
        IBackgroundTaskRegistration *a = new_task(STRING("Twice")), *b = new_task(STRING("Twice"));
        UINT32 n = count_tasks();
        GUID first, second;

        CHECK_OK(IBackgroundTaskRegistration_get_TaskId(a, &first));
        CHECK_OK(IBackgroundTaskRegistration_get_TaskId(b, &second));
        CHECK(memcmp(&first, &second, sizeof first) != 0);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(a, 0));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(b, 1));
        CHECK(count_tasks() == n - 2);
        CHECK(IBackgroundTaskRegistration_Unregister(b, 1) == (HRESULT)0x80070490);
        IBackgroundTaskRegistration_Release(a);
        IBackgroundTaskRegistration_Release(b);
}

static void register_by_name_replaces(void)
{
        IBackgroundTaskRegistration *a = new_task(STRING("Once")), *b = NULL;
        IBackgroundTaskBuilder *builder = new_builder(STRING("Another name"), 15, 1);
        IBackgroundTaskBuilder6 *builder6 = NULL;
        UINT32 n = count_tasks();
        HSTRING name = NULL;

        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder6, (void **)&builder6));
        CHECK_OK(IBackgroundTaskBuilder6_Register(builder6, STRING("Once"), &b));
        CHECK(count_tasks() == n);
        CHECK_OK(IBackgroundTaskRegistration_get_Name(b, &name));
        CHECK(string_is(name, "Once"));
        CHECK_OK(WindowsDeleteString(name));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(b, 1));
        IBackgroundTaskRegistration_Release(a);
        IBackgroundTaskRegistration_Release(b);
        IBackgroundTaskBuilder6_Release(builder6);
        IBackgroundTaskBuilder_Release(builder);
}

static STDMETHODIMP handler_query(IAsyncOperationCompletedHandler_ApplicationTriggerResult *self, const IID *iid,
                                  void **ret_object)
{
        *ret_object = self;
        return S_OK;
}

static STDMETHODIMP_(ULONG) handler_count(IAsyncOperationCompletedHandler_ApplicationTriggerResult *self)
{
        return 2;
}

static void registrations_and_views_are_exact(void)
{
        static const IID *const task_iids[] = {
                &IID_IBackgroundTaskRegistration, &IID_IBackgroundTaskRegistration2,
                &IID_IBackgroundTaskRegistration3, &IID_IBackgroundTaskRegistration4,
        };
        static const IID *const view_iids[] = {
                &IID_IMapView_GUID_IBackgroundTaskRegistration, &IID_IIterable_GUID_IBackgroundTaskRegistration,
        };
        static const IID *const iterator_iids[] = { &IID_IIterator_GUID_IBackgroundTaskRegistration };
        static const IID *const pair_iids[] = { &IID_IKeyValuePair_GUID_IBackgroundTaskRegistration };
        IBackgroundTaskRegistration *task = new_task(STRING("Exact"));
        IMapView_GUID_IBackgroundTaskRegistration *tasks = all_tasks();
        IIterable_GUID_IBackgroundTaskRegistration *iterable = NULL;
        IIterator_GUID_IBackgroundTaskRegistration *iterator = NULL;
        IKeyValuePair_GUID_IBackgroundTaskRegistration *pair = NULL;

        check_interfaces(task, task_iids, 4);
        check_class_name(task, u"" BACKGROUND "BackgroundTaskRegistration");
        check_interfaces(tasks, view_iids, 2);
        check_class_name(tasks, u"Windows.Foundation.Collections.IMapView`2<Guid, " BACKGROUND
                         "IBackgroundTaskRegistration>");
        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_QueryInterface(
                tasks, &IID_IIterable_GUID_IBackgroundTaskRegistration, (void **)&iterable));
        CHECK(IIterable_GUID_IBackgroundTaskRegistration_First(iterable, NULL) == E_POINTER);
        CHECK_OK(IIterable_GUID_IBackgroundTaskRegistration_First(iterable, &iterator));
        check_interfaces(iterator, iterator_iids, 1);
        CHECK(IIterator_GUID_IBackgroundTaskRegistration_MoveNext(iterator, NULL) == E_POINTER);
        CHECK_OK(IIterator_GUID_IBackgroundTaskRegistration_get_Current(iterator, &pair));
        check_interfaces(pair, pair_iids, 1);
        CHECK(IKeyValuePair_GUID_IBackgroundTaskRegistration_Release(pair) == 0);
        CHECK(IIterator_GUID_IBackgroundTaskRegistration_Release(iterator) == 0);
        IIterable_GUID_IBackgroundTaskRegistration_Release(iterable);
        CHECK(IMapView_GUID_IBackgroundTaskRegistration_Release(tasks) == 0);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        CHECK(IBackgroundTaskRegistration_Release(task) == 0);
}

static STDMETHODIMP nothing_happens(IBackgroundTaskCompletedEventHandler *self, IBackgroundTaskRegistration *sender,
                                    IBackgroundTaskCompletedEventArgs *args)
{
        return S_OK;
}

static void every_handler_has_a_token_of_its_own(void)
{
        static const IBackgroundTaskCompletedEventHandlerVtbl vtable = {
                (void *)handler_query, (void *)handler_count, (void *)handler_count, nothing_happens,
        };
        IBackgroundTaskCompletedEventHandler handler = { &vtable };
        IBackgroundTaskRegistration *task = new_task(STRING("Tokens"));
        EventRegistrationToken a = { 0 }, b = { 0 }, none = { 4711 };

        CHECK(IBackgroundTaskRegistration_add_Completed(task, NULL, &a) == E_POINTER && a.value == 0);
        CHECK(IBackgroundTaskRegistration_add_Completed(task, &handler, NULL) == E_POINTER);
        CHECK_OK(IBackgroundTaskRegistration_add_Completed(task, &handler, &a));
        CHECK_OK(IBackgroundTaskRegistration_add_Completed(task, &handler, &b));
        CHECK(a.value != 0 && b.value != 0 && a.value != b.value);
        CHECK_OK(IBackgroundTaskRegistration_remove_Completed(task, a));
        CHECK_OK(IBackgroundTaskRegistration_remove_Completed(task, a));
        CHECK_OK(IBackgroundTaskRegistration_remove_Completed(task, none));
        CHECK_OK(IBackgroundTaskRegistration_remove_Completed(task, b));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        CHECK(IBackgroundTaskRegistration_Release(task) == 0);
}

static void a_registration_has_its_trigger(void)
{
        IBackgroundTaskRegistration *task = new_task(STRING("Triggered"));
        IBackgroundTaskRegistration2 *task2 = NULL;
        IBackgroundTrigger *trigger = NULL;
        ITimeTrigger *time_trigger = NULL;
        UINT32 minutes = 0;

        CHECK_OK(IBackgroundTaskRegistration_QueryInterface(task, &IID_IBackgroundTaskRegistration2, (void **)&task2));
        CHECK_OK(IBackgroundTaskRegistration2_get_Trigger(task2, &trigger));
        CHECK_OK(IBackgroundTrigger_QueryInterface(trigger, &IID_ITimeTrigger, (void **)&time_trigger));
        CHECK_OK(ITimeTrigger_get_FreshnessTime(time_trigger, &minutes));
        CHECK(minutes == 15);
        ITimeTrigger_Release(time_trigger);
        IBackgroundTrigger_Release(trigger);
        IBackgroundTaskRegistration2_Release(task2);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
}

/* By its iterator, as a for loop of C++/WinRT goes. */
static void see_all(IMapView_GUID_IBackgroundTaskRegistration *tasks, UINT32 n)
{
        IIterator_GUID_IBackgroundTaskRegistration *iterator = NULL;
        IIterable_GUID_IBackgroundTaskRegistration *iterable = NULL;
        IKeyValuePair_GUID_IBackgroundTaskRegistration *pair = NULL;
        boolean more = 0;
        UINT32 seen = 0;

        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_QueryInterface(
                tasks, &IID_IIterable_GUID_IBackgroundTaskRegistration, (void **)&iterable));
        CHECK_OK(IIterable_GUID_IBackgroundTaskRegistration_First(iterable, &iterator));
        CHECK_OK(IIterator_GUID_IBackgroundTaskRegistration_get_HasCurrent(iterator, &more));
        for (; more; seen++) {
                IBackgroundTaskRegistration *value = NULL;
                GUID key, id;

                CHECK_OK(IIterator_GUID_IBackgroundTaskRegistration_get_Current(iterator, &pair));
                CHECK_OK(IKeyValuePair_GUID_IBackgroundTaskRegistration_get_Key(pair, &key));
                CHECK_OK(IKeyValuePair_GUID_IBackgroundTaskRegistration_get_Value(pair, &value));
                CHECK_OK(IBackgroundTaskRegistration_get_TaskId(value, &id));
                CHECK(memcmp(&key, &id, sizeof key) == 0);
                IBackgroundTaskRegistration_Release(value);
                IKeyValuePair_GUID_IBackgroundTaskRegistration_Release(pair);
                CHECK_OK(IIterator_GUID_IBackgroundTaskRegistration_MoveNext(iterator, &more));
        }
        CHECK(seen == n);
        CHECK(IIterator_GUID_IBackgroundTaskRegistration_get_Current(iterator, &pair) == E_BOUNDS && !pair);
        IIterator_GUID_IBackgroundTaskRegistration_Release(iterator);
        IIterable_GUID_IBackgroundTaskRegistration_Release(iterable);
}

static void all_tasks_is_a_view_of_this_moment(void)
{
        IBackgroundTaskRegistration *a = new_task(STRING("A")), *b = new_task(STRING("B")), *found = NULL;
        IMapView_GUID_IBackgroundTaskRegistration *tasks = all_tasks();
        GUID id, none = { 0 };
        boolean has = 0;

        CHECK_OK(IBackgroundTaskRegistration_get_TaskId(a, &id));
        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_HasKey(tasks, id, &has));
        CHECK(has == 1);
        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_Lookup(tasks, id, &found));
        IBackgroundTaskRegistration_Release(found);
        CHECK(IMapView_GUID_IBackgroundTaskRegistration_Lookup(tasks, none, &found) == E_BOUNDS && !found);
        see_all(tasks, 2);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(a, 1));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(b, 1));
        see_all(tasks, 2);
        CHECK(count_tasks() == 0);
        IMapView_GUID_IBackgroundTaskRegistration_Release(tasks);
        IBackgroundTaskRegistration_Release(a);
        IBackgroundTaskRegistration_Release(b);
}

static int n_answers;
static AsyncStatus answered;

static STDMETHODIMP handler_invoke(IAsyncOperationCompletedHandler_ApplicationTriggerResult *self,
                                   IAsyncOperation_ApplicationTriggerResult *operation, AsyncStatus status)
{
        n_answers++;
        answered = status;
        return S_OK;
}

/* What a request is answered with; status: that of the operation. */
static ApplicationTriggerResult request(IApplicationTrigger *trigger, AsyncStatus status)
{
        static const IAsyncOperationCompletedHandler_ApplicationTriggerResultVtbl vtable = {
                handler_query, handler_count, handler_count, handler_invoke,
        };
        IAsyncOperationCompletedHandler_ApplicationTriggerResult handler = { &vtable };
        ApplicationTriggerResult result = ApplicationTriggerResult_UnknownError;
        IAsyncOperation_ApplicationTriggerResult *operation = NULL;
        IAsyncInfo *info = NULL;
        AsyncStatus told = AsyncStatus_Started;
        HRESULT hr;

        n_answers = 0;
        CHECK_OK(IApplicationTrigger_RequestAsync(trigger, &operation));
        CHECK_OK(IAsyncOperation_ApplicationTriggerResult_put_Completed(operation, &handler));
        CHECK(n_answers == 1 && answered == status);
        CHECK(IAsyncOperation_ApplicationTriggerResult_put_Completed(operation, &handler) == (HRESULT)0x80000018);
        hr = IAsyncOperation_ApplicationTriggerResult_GetResults(operation, &result);
        CHECK(SUCCEEDED(hr) == (status == AsyncStatus_Completed));
        CHECK_OK(IAsyncOperation_ApplicationTriggerResult_QueryInterface(operation, &IID_IAsyncInfo, (void **)&info));
        CHECK_OK(IAsyncInfo_get_Status(info, &told));
        CHECK(told == status);
        CHECK_OK(IAsyncInfo_Close(info));
        CHECK(IAsyncOperation_ApplicationTriggerResult_GetResults(operation, &result) == E_ILLEGAL_METHOD_CALL);
        IAsyncInfo_Release(info);
        IAsyncOperation_ApplicationTriggerResult_Release(operation);
        return result;
}

static void requests_are_answered_as_on_windows(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Requested"), 0, 1);
        IBackgroundTaskRegistration *task = NULL;
        IApplicationTrigger *application = NULL;
        IBackgroundTrigger *trigger = NULL;
        IInspectable *made = NULL;

        CHECK_OK(RoActivateInstance(STRING(BACKGROUND "ApplicationTrigger"), &made));
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IApplicationTrigger, (void **)&application));
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IBackgroundTrigger, (void **)&trigger));
        (void)request(application, AsyncStatus_Error);
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        pause_task("Requested");
        CHECK(request(application, AsyncStatus_Completed) == ApplicationTriggerResult_DisabledByPolicy);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        CHECK(IApplicationTrigger_RequestAsync(application, NULL) == E_POINTER);
        CHECK(IApplicationTrigger_RequestAsyncWithArguments(application, NULL, NULL) == E_POINTER);
        IBackgroundTaskRegistration_Release(task);
        IBackgroundTaskBuilder_Release(builder);
        IBackgroundTrigger_Release(trigger);
        IApplicationTrigger_Release(application);
        CHECK(IInspectable_Release(made) == 0);
}

static void alarms_are_allowed_as_tasks_are(void)
{
        IAlarmApplicationManagerStatics *statics = factory_of(STRING(BACKGROUND "AlarmApplicationManager"),
                                                              &IID_IAlarmApplicationManagerStatics);
        IAsyncOperation_AlarmAccessStatus *operation = NULL;
        AlarmAccessStatus status = AlarmAccessStatus_Unspecified;

        CHECK_OK(IAlarmApplicationManagerStatics_GetAccessStatus(statics, &status));
        CHECK(status == AlarmAccessStatus_AllowedWithoutWakeupCapability);
        status = AlarmAccessStatus_Unspecified;
        CHECK_OK(IAlarmApplicationManagerStatics_RequestAccessAsync(statics, &operation));
        CHECK_OK(IAsyncOperation_AlarmAccessStatus_GetResults(operation, &status));
        CHECK(status == AlarmAccessStatus_AllowedWithoutWakeupCapability);
        IAsyncOperation_AlarmAccessStatus_Release(operation);
        CHECK(IAlarmApplicationManagerStatics_GetAccessStatus(statics, NULL) == E_POINTER);
        CHECK(IAlarmApplicationManagerStatics_RequestAccessAsync(statics, NULL) == E_POINTER);
}

static void nobody_measures_energy_or_throttles(void)
{
        IBackgroundWorkCostStatics2 *statics = factory_of(STRING(BACKGROUND "BackgroundWorkCost"),
                                                          &IID_IBackgroundWorkCostStatics2);
        IBackgroundTaskRegistration *task = new_task(STRING("Measured"));
        IBackgroundTaskRegistration4 *task4 = NULL;
        EnergyUseLevel level = EnergyUseLevel_OverBudget;
        DateTime at = { 1 };
        double part = 1;

        CHECK_OK(IBackgroundWorkCostStatics2_get_AppEnergyUseLevel(statics, &level));
        CHECK_OK(IBackgroundWorkCostStatics2_get_AppEnergyUsePrediction(statics, &part));
        CHECK_OK(IBackgroundWorkCostStatics2_get_AppLastThrottledInStandbyTimestamp(statics, &at));
        CHECK(level == EnergyUseLevel_Unknown && part == 0 && at.UniversalTime == 0);
        at.UniversalTime = 1;
        part = 1;
        CHECK_OK(IBackgroundTaskRegistration_QueryInterface(task, &IID_IBackgroundTaskRegistration4, (void **)&task4));
        CHECK_OK(IBackgroundTaskRegistration4_get_TaskLastThrottledInStandbyTimestamp(task4, &at));
        CHECK_OK(IBackgroundTaskRegistration4_get_AppEnergyUsePredictionContribution(task4, &part));
        CHECK(part == 0 && at.UniversalTime == 0);
        IBackgroundTaskRegistration4_Release(task4);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
}

static void access_is_granted_within_policy(void)
{
        IBackgroundExecutionManagerStatics *statics = factory_of(STRING(BACKGROUND "BackgroundExecutionManager"),
                                                                 &IID_IBackgroundExecutionManagerStatics);
        IBackgroundExecutionManagerStatics2 *statics2 = NULL;
        IAsyncOperation_BackgroundAccessStatus *operation = NULL;
        BackgroundAccessStatus status = BackgroundAccessStatus_Unspecified;
        IAsyncOperation_boolean *granted = NULL;
        boolean value = 9;

        CHECK_OK(IBackgroundExecutionManagerStatics_RequestAccessAsync(statics, &operation));
        CHECK_OK(IAsyncOperation_BackgroundAccessStatus_GetResults(operation, &status));
        CHECK(status == BackgroundAccessStatus_AllowedSubjectToSystemPolicy);
        IAsyncOperation_BackgroundAccessStatus_Release(operation);
        CHECK_OK(IBackgroundExecutionManagerStatics_RemoveAccess(statics));
        CHECK_OK(IBackgroundExecutionManagerStatics_GetAccessStatus(statics, &status));
        CHECK(status == BackgroundAccessStatus_AllowedSubjectToSystemPolicy);
        CHECK_OK(IBackgroundExecutionManagerStatics_QueryInterface(
                statics, &IID_IBackgroundExecutionManagerStatics2, (void **)&statics2));
        for (int kind = 0; kind <= 1; kind++) {
                CHECK_OK(IBackgroundExecutionManagerStatics2_RequestAccessKindAsync(
                        statics2, (BackgroundAccessRequestKind)kind, NULL, &granted));
                CHECK_OK(IAsyncOperation_boolean_GetResults(granted, &value));
                CHECK(value == kind);
                IAsyncOperation_boolean_Release(granted);
        }
}

const Row builder_rows[] = {
        { "ours", "a name that is not whole UTF-16, or holds a 0, is E_INVALIDARG", a_name_is_whole_utf16 },
        { "AlarmApplicationManager", "alarms are allowed as tasks are, without waking the machine",
          alarms_are_allowed_as_tasks_are },
        { "IBackgroundTaskRegistration4, IBackgroundWorkCostStatics2", "energy and standby: nothing is measured",
          nobody_measures_energy_or_throttles },
        { "IInspectable", "registrations, views, iterators and pairs have their interfaces and one identity",
          registrations_and_views_are_exact },
        { "EventRegistrationToken", "every handler has a token of its own, and it may be given back twice",
          every_handler_has_a_token_of_its_own },
        { "BackgroundTaskBuilder.Register", "a task without a trigger is refused", a_task_needs_a_trigger },
        { "TimeTrigger", "a freshness under 15 minutes is refused by Register",
          less_than_15_minutes_is_refused_by_register },
        { "windows-dev-docs 784", "a class that no manifest declares is REGDB_E_CLASSNOTREG",
          a_class_must_be_declared },
        { "ours", "an empty name is refused", an_empty_name_is_refused },
        { "ours", "conditions that contradict each other are refused", conditions_that_contradict_are_refused },
        { "BackgroundTaskBuilder", "the builder keeps what is put into it", the_builder_keeps_what_is_put },
        { "BackgroundTaskBuilder.Register", "Register() makes a new task every time",
          register_makes_a_new_task_every_time },
        { "BackgroundTaskBuilder.Register(String)", "Register(name) replaces tasks of that name",
          register_by_name_replaces },
        { "BackgroundTaskRegistration.Trigger", "a registration has its trigger", a_registration_has_its_trigger },
        { "BackgroundTaskRegistration.AllTasks", "AllTasks is a view of one moment, to look up and to go through",
          all_tasks_is_a_view_of_this_moment },
        { "ApplicationTrigger.RequestAsync", "requests are answered with Windows' results",
          requests_are_answered_as_on_windows },
        { "BackgroundExecutionManager", "access is granted within the system's policy",
          access_is_granted_within_policy },
        { NULL },
};
