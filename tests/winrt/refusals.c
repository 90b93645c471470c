/* SPDX-License-Identifier: MIT */

/* What Register() refuses besides, and what views, operations and statics answer to mistakes. */

#include "conformance.h"

#define BACKGROUND "Windows.ApplicationModel.Background."

HRESULT register_and_release(IBackgroundTaskBuilder *builder)
{
        IBackgroundTaskRegistration *task = NULL;
        HRESULT hr = IBackgroundTaskBuilder_Register(builder, &task);

        CHECK(SUCCEEDED(hr) == (task != NULL));
        if (task) {
                CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
                IBackgroundTaskRegistration_Release(task);
        }
        IBackgroundTaskBuilder_Release(builder);
        return hr;
}

static HRESULT register_maintenance(UINT32 minutes)
{
        IMaintenanceTriggerFactory *factory = factory_of(STRING(BACKGROUND "MaintenanceTrigger"),
                                                         &IID_IMaintenanceTriggerFactory);
        IBackgroundTaskBuilder *builder = new_builder(STRING("Maintenance"), 0, 1);
        IMaintenanceTrigger *maintenance = NULL;
        IBackgroundTrigger *trigger = NULL;

        CHECK_OK(IMaintenanceTriggerFactory_Create(factory, minutes, 0, &maintenance));
        CHECK_OK(IMaintenanceTrigger_QueryInterface(maintenance, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        IBackgroundTrigger_Release(trigger);
        IMaintenanceTrigger_Release(maintenance);
        return register_and_release(builder);
}

static void maintenance_needs_15_minutes(void)
{
        CHECK(register_maintenance(14) == E_INVALIDARG);
        CHECK_OK(register_maintenance(15));
        CHECK_OK(register_maintenance(43200));
}

static void a_task_has_one_entry_point(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Both"), 15, 1);

        CHECK_OK(IBackgroundTaskBuilder_put_TaskEntryPoint(builder, STRING("Sample.Task")));
        CHECK(register_and_release(builder) == E_INVALIDARG);
}

static void a_name_has_at_most_255_bytes(void)
{
        HSTRING_HEADER header;
        WCHAR name[257];

        for (size_t i = 0; i < 256; i++)
                name[i] = 'x';
        name[256] = 0;
        CHECK(register_and_release(new_builder(string_of(name, 256, &header), 15, 1)) == E_INVALIDARG);
        name[255] = 0;
        CHECK_OK(register_and_release(new_builder(string_of(name, 255, &header), 15, 1)));
}

static void a_name_has_no_control_characters(void)
{
        CHECK(register_and_release(new_builder(STRING("a\nb"), 15, 1)) == E_INVALIDARG);
}

static void a_second_application_trigger_exists_already(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Second"), 0, 1);
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTrigger *trigger = NULL;
        IInspectable *made = NULL;
        HRESULT hr;

        CHECK_OK(RoActivateInstance(STRING(BACKGROUND "ApplicationTrigger"), &made));
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        IBackgroundTrigger_Release(trigger);
        IInspectable_Release(made);
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        hr = register_and_release(builder);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
        CHECK(hr == (HRESULT)0x800700b7);
}

static IMapView_GUID_IBackgroundTaskRegistration *all_tasks(void)
{
        IBackgroundTaskRegistrationStatics *statics =
                factory_of(STRING(BACKGROUND "BackgroundTaskRegistration"), &IID_IBackgroundTaskRegistrationStatics);
        IMapView_GUID_IBackgroundTaskRegistration *tasks = NULL;

        CHECK(IBackgroundTaskRegistrationStatics_get_AllTasks(statics, NULL) == E_POINTER);
        CHECK_OK(IBackgroundTaskRegistrationStatics_get_AllTasks(statics, &tasks));
        return tasks;
}

static void views_refuse_null_and_are_gone_through_at_once(void)
{
        IBackgroundTaskRegistration *a = new_task(STRING("A")), *b = new_task(STRING("B"));
        IMapView_GUID_IBackgroundTaskRegistration *tasks = all_tasks(), *first = tasks, *second = tasks;
        IIterable_GUID_IBackgroundTaskRegistration *iterable = NULL;
        IIterator_GUID_IBackgroundTaskRegistration *iterator = NULL;
        IKeyValuePair_GUID_IBackgroundTaskRegistration *pairs[3] = { NULL };
        GUID none = { 0 };
        UINT32 n = 9;

        CHECK(IMapView_GUID_IBackgroundTaskRegistration_Lookup(tasks, none, NULL) == E_POINTER);
        CHECK(IMapView_GUID_IBackgroundTaskRegistration_HasKey(tasks, none, NULL) == E_POINTER);
        CHECK(IMapView_GUID_IBackgroundTaskRegistration_Split(tasks, NULL, &second) == E_POINTER);
        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_Split(tasks, &first, &second));
        CHECK(!first && !second);
        CHECK_OK(IMapView_GUID_IBackgroundTaskRegistration_QueryInterface(
                tasks, &IID_IIterable_GUID_IBackgroundTaskRegistration, (void **)&iterable));
        CHECK_OK(IIterable_GUID_IBackgroundTaskRegistration_First(iterable, &iterator));
        CHECK(IIterator_GUID_IBackgroundTaskRegistration_GetMany(iterator, 3, NULL, &n) == E_POINTER);
        CHECK(IIterator_GUID_IBackgroundTaskRegistration_GetMany(iterator, 3, pairs, NULL) == E_POINTER);
        CHECK_OK(IIterator_GUID_IBackgroundTaskRegistration_GetMany(iterator, 3, pairs, &n));
        CHECK(n == 2);
        for (UINT32 i = 0; i < n; i++)
                CHECK(IKeyValuePair_GUID_IBackgroundTaskRegistration_Release(pairs[i]) == 0);
        CHECK_OK(IIterator_GUID_IBackgroundTaskRegistration_GetMany(iterator, 3, pairs, &n));
        CHECK(n == 0);
        IIterator_GUID_IBackgroundTaskRegistration_Release(iterator);
        IIterable_GUID_IBackgroundTaskRegistration_Release(iterable);
        IMapView_GUID_IBackgroundTaskRegistration_Release(tasks);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(a, 1));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(b, 1));
        IBackgroundTaskRegistration_Release(a);
        IBackgroundTaskRegistration_Release(b);
}

static IAsyncOperation_BackgroundAccessStatus *ask_for_access(void)
{
        IBackgroundExecutionManagerStatics *statics = factory_of(STRING(BACKGROUND "BackgroundExecutionManager"),
                                                                 &IID_IBackgroundExecutionManagerStatics);
        IAsyncOperation_BackgroundAccessStatus *operation = NULL;

        CHECK_OK(IBackgroundExecutionManagerStatics_RequestAccessForApplicationAsync(statics, STRING("App"),
                                                                                     &operation));
        return operation;
}

static void operations_have_an_id_and_no_error(void)
{
        IAsyncOperation_BackgroundAccessStatus *a = ask_for_access(), *b = ask_for_access();
        IAsyncOperationCompletedHandler_BackgroundAccessStatus *handler = (void *)&handler;
        IAsyncInfo *first = NULL, *second = NULL;
        HRESULT error = E_FAIL;
        UINT32 id = 0, other = 0;

        CHECK_OK(IAsyncOperation_BackgroundAccessStatus_QueryInterface(a, &IID_IAsyncInfo, (void **)&first));
        CHECK_OK(IAsyncOperation_BackgroundAccessStatus_QueryInterface(b, &IID_IAsyncInfo, (void **)&second));
        CHECK_OK(IAsyncInfo_get_Id(first, &id));
        CHECK_OK(IAsyncInfo_get_Id(second, &other));
        CHECK(id != 0 && other != 0 && id != other);
        CHECK_OK(IAsyncInfo_get_ErrorCode(first, &error));
        CHECK(error == S_OK);
        CHECK_OK(IAsyncInfo_Cancel(first));
        CHECK(IAsyncOperation_BackgroundAccessStatus_put_Completed(a, NULL) == E_POINTER);
        CHECK_OK(IAsyncOperation_BackgroundAccessStatus_get_Completed(a, &handler));
        CHECK(!handler);
        CHECK(IAsyncOperation_BackgroundAccessStatus_GetResults(a, NULL) == E_POINTER);
        IAsyncInfo_Release(first);
        IAsyncInfo_Release(second);
        CHECK(IAsyncOperation_BackgroundAccessStatus_Release(a) == 0);
        CHECK(IAsyncOperation_BackgroundAccessStatus_Release(b) == 0);
}

static void standby_has_the_same_access(void)
{
        IBackgroundExecutionManagerStatics3 *statics = factory_of(STRING(BACKGROUND "BackgroundExecutionManager"),
                                                                  &IID_IBackgroundExecutionManagerStatics3);
        BackgroundAccessStatus status = BackgroundAccessStatus_Unspecified;
        IAsyncOperation_boolean *operation = NULL;
        boolean granted = 9;

        CHECK_OK(IBackgroundExecutionManagerStatics3_GetAccessStatusForModernStandby(statics, &status));
        CHECK(status == BackgroundAccessStatus_AllowedSubjectToSystemPolicy);
        status = BackgroundAccessStatus_Unspecified;
        CHECK_OK(IBackgroundExecutionManagerStatics3_GetAccessStatusForModernStandbyForApplication(
                statics, STRING("App"), &status));
        CHECK(status == BackgroundAccessStatus_AllowedSubjectToSystemPolicy);
        CHECK_OK(IBackgroundExecutionManagerStatics3_RequestAccessKindForModernStandbyAsync(
                statics, BackgroundAccessRequestKind_AllowedSubjectToSystemPolicy, STRING("why"), &operation));
        CHECK_OK(IAsyncOperation_boolean_GetResults(operation, &granted));
        CHECK(granted == 1);
        IAsyncOperation_boolean_Release(operation);
        CHECK(IBackgroundExecutionManagerStatics3_RequestAccessKindForModernStandbyAsync(
                      statics, (BackgroundAccessRequestKind)2, NULL, &operation) == E_INVALIDARG);
        CHECK(IBackgroundExecutionManagerStatics3_GetAccessStatusForModernStandby(statics, NULL) == E_POINTER);
        IBackgroundExecutionManagerStatics3_Release(statics);
}

const Row refusal_rows[] = {
        { "MaintenanceTrigger", "a freshness under 15 minutes is refused by Register, 30 days are not",
          maintenance_needs_15_minutes },
        { "ours", "a class and a name are two entry points", a_task_has_one_entry_point },
        { "ours", "a name has at most 255 bytes", a_name_has_at_most_255_bytes },
        { "ours", "a name has no control characters", a_name_has_no_control_characters },
        { "Windows-universal-samples 544", "a second registration of an ApplicationTrigger is ERROR_ALREADY_EXISTS",
          a_second_application_trigger_exists_already,
          "every task may have one here: docs/semantics.md, 4.2" },
        { "IMapView, IIterator", "views refuse NULL, and are gone through at once",
          views_refuse_null_and_are_gone_through_at_once },
        { "IAsyncInfo", "every operation has an id of its own, and no error", operations_have_an_id_and_no_error },
        { "IBackgroundExecutionManagerStatics3", "in standby there is the same access", standby_has_the_same_access },
        { NULL },
};
