/* SPDX-License-Identifier: MIT */

/* Enumerations: their numbers, and what becomes of each value. */

#include "conformance.h"

#include <string.h>

#define BACKGROUND "Windows.ApplicationModel.Background."

/* The values of one enumeration, in the order of their numbers, which begin with 0. */
typedef struct Numbers {
        const WCHAR *name;
        int values[20];
        int n;
} Numbers;

#define NUMBERS(name, ...) { u"" name, { __VA_ARGS__ }, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int) }

static const Numbers enumerations[] = {
        NUMBERS("BackgroundTaskCancellationReason", BackgroundTaskCancellationReason_Abort,
                BackgroundTaskCancellationReason_Terminating, BackgroundTaskCancellationReason_LoggingOff,
                BackgroundTaskCancellationReason_ServicingUpdate, BackgroundTaskCancellationReason_IdleTask,
                BackgroundTaskCancellationReason_Uninstall, BackgroundTaskCancellationReason_ConditionLoss,
                BackgroundTaskCancellationReason_SystemPolicy, BackgroundTaskCancellationReason_QuietHoursEntered,
                BackgroundTaskCancellationReason_ExecutionTimeExceeded,
                BackgroundTaskCancellationReason_ResourceRevocation, BackgroundTaskCancellationReason_EnergySaver),
        NUMBERS("SystemTriggerType", SystemTriggerType_Invalid, SystemTriggerType_SmsReceived,
                SystemTriggerType_UserPresent, SystemTriggerType_UserAway, SystemTriggerType_NetworkStateChange,
                SystemTriggerType_ControlChannelReset, SystemTriggerType_InternetAvailable,
                SystemTriggerType_SessionConnected, SystemTriggerType_ServicingComplete,
                SystemTriggerType_LockScreenApplicationAdded, SystemTriggerType_LockScreenApplicationRemoved,
                SystemTriggerType_TimeZoneChange, SystemTriggerType_OnlineIdConnectedStateChange,
                SystemTriggerType_BackgroundWorkCostChange, SystemTriggerType_PowerStateChange,
                SystemTriggerType_DefaultSignInAccountChange),
        NUMBERS("SystemConditionType", SystemConditionType_Invalid, SystemConditionType_UserPresent,
                SystemConditionType_UserNotPresent, SystemConditionType_InternetAvailable,
                SystemConditionType_InternetNotAvailable, SystemConditionType_SessionConnected,
                SystemConditionType_SessionDisconnected, SystemConditionType_FreeNetworkAvailable,
                SystemConditionType_BackgroundWorkCostNotHigh),
        NUMBERS("BackgroundAccessStatus", BackgroundAccessStatus_Unspecified,
                BackgroundAccessStatus_AllowedWithAlwaysOnRealTimeConnectivity,
                BackgroundAccessStatus_AllowedMayUseActiveRealTimeConnectivity, BackgroundAccessStatus_Denied,
                BackgroundAccessStatus_AlwaysAllowed, BackgroundAccessStatus_AllowedSubjectToSystemPolicy,
                BackgroundAccessStatus_DeniedBySystemPolicy, BackgroundAccessStatus_DeniedByUser),
        NUMBERS("BackgroundAccessRequestKind", BackgroundAccessRequestKind_AlwaysAllowed,
                BackgroundAccessRequestKind_AllowedSubjectToSystemPolicy),
        NUMBERS("AlarmAccessStatus", AlarmAccessStatus_Unspecified, AlarmAccessStatus_AllowedWithWakeupCapability,
                AlarmAccessStatus_AllowedWithoutWakeupCapability, AlarmAccessStatus_Denied),
        NUMBERS("BackgroundTaskThrottleCounter", BackgroundTaskThrottleCounter_All, BackgroundTaskThrottleCounter_Cpu,
                BackgroundTaskThrottleCounter_Network),
        NUMBERS("BackgroundWorkCostValue", BackgroundWorkCostValue_Low, BackgroundWorkCostValue_Medium,
                BackgroundWorkCostValue_High),
        NUMBERS("EnergyUseLevel", EnergyUseLevel_Unknown, EnergyUseLevel_UnderHalfOfBudget,
                EnergyUseLevel_OverHalfOfBudget, EnergyUseLevel_OverBudget),
        NUMBERS("ApplicationTriggerResult", ApplicationTriggerResult_Allowed,
                ApplicationTriggerResult_CurrentlyRunning, ApplicationTriggerResult_DisabledByPolicy,
                ApplicationTriggerResult_UnknownError),
        NUMBERS("MediaProcessingTriggerResult", MediaProcessingTriggerResult_Allowed,
                MediaProcessingTriggerResult_CurrentlyRunning, MediaProcessingTriggerResult_DisabledByPolicy,
                MediaProcessingTriggerResult_UnknownError),
        NUMBERS("DeviceTriggerResult", DeviceTriggerResult_Allowed, DeviceTriggerResult_DeniedByUser,
                DeviceTriggerResult_DeniedBySystem, DeviceTriggerResult_LowBattery),
        NUMBERS("CustomSystemEventTriggerRecurrence", CustomSystemEventTriggerRecurrence_Once,
                CustomSystemEventTriggerRecurrence_Always),
        NUMBERS("SocketActivityTriggerReason", SocketActivityTriggerReason_None,
                SocketActivityTriggerReason_SocketActivity, SocketActivityTriggerReason_ConnectionAccepted,
                SocketActivityTriggerReason_KeepAliveTimerExpired, SocketActivityTriggerReason_SocketClosed),
        NUMBERS("SocketActivityKind", SocketActivityKind_None, SocketActivityKind_StreamSocketListener,
                SocketActivityKind_DatagramSocket, SocketActivityKind_StreamSocket),
};

static void numbers_are_those_of_windows(void)
{
        for (size_t i = 0; i < sizeof enumerations / sizeof *enumerations; i++) {
                row_of_table(enumerations[i].name);
                for (int k = 0; k < enumerations[i].n; k++)
                        CHECK(enumerations[i].values[k] == k);
        }
}

/* What the constructor or Register() says. */
static HRESULT register_system(int type)
{
        ISystemTriggerFactory *factory = factory_of(STRING(BACKGROUND "SystemTrigger"), &IID_ISystemTriggerFactory);
        IBackgroundTaskBuilder *builder = new_builder(STRING("System"), 0, 1);
        IBackgroundTrigger *trigger = NULL;
        ISystemTrigger *made = NULL;
        HRESULT hr = ISystemTriggerFactory_Create(factory, (SystemTriggerType)type, 0, &made);

        if (FAILED(hr)) {
                IBackgroundTaskBuilder_Release(builder);
                CHECK(!made);
                return hr;
        }
        CHECK_OK(ISystemTrigger_QueryInterface(made, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        IBackgroundTrigger_Release(trigger);
        ISystemTrigger_Release(made);
        return register_and_release(builder);
}

typedef struct System {
        const char *name;
        int number;
} System;

static const System systems[] = {
#define X_SYSTEM(symbol, number, name) { name, number },
#include "base/terms.def"
};

static const struct {
        const char *list, *name;
} refused_ones[] = {
#define X_REFUSED(list, name, why, nearest, how) { #list, name },
#include "base/support.def"
};

static int is_refused(const char *name)
{
        for (size_t i = 0; i < sizeof refused_ones / sizeof *refused_ones; i++)
                if (strcmp(refused_ones[i].list, "SYSTEM") == 0 && strcmp(refused_ones[i].name, name) == 0)
                        return 1;
        return 0;
}

static void each_system_trigger_is_taken_or_refused(void)
{
        CHECK(sizeof systems / sizeof *systems == 15);
        for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
                CHECK(register_system(systems[i].number) ==
                      (is_refused(systems[i].name) ? HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED) : S_OK));
        CHECK(register_system(SystemTriggerType_Invalid) == E_INVALIDARG);
        CHECK(register_system(16) == E_INVALIDARG && register_system(-1) == E_INVALIDARG);
}

static HRESULT register_with_condition(int type)
{
        ISystemConditionFactory *factory = factory_of(STRING(BACKGROUND "SystemCondition"),
                                                      &IID_ISystemConditionFactory);
        IBackgroundTaskBuilder *builder = new_builder(STRING("Condition"), 15, 1);
        IBackgroundCondition *condition = NULL;
        ISystemCondition *made = NULL;
        HRESULT hr;

        CHECK_OK(ISystemConditionFactory_Create(factory, (SystemConditionType)type, &made));
        CHECK_OK(ISystemCondition_QueryInterface(made, &IID_IBackgroundCondition, (void **)&condition));
        hr = IBackgroundTaskBuilder_AddCondition(builder, condition);
        IBackgroundCondition_Release(condition);
        ISystemCondition_Release(made);
        if (SUCCEEDED(hr))
                return register_and_release(builder);
        IBackgroundTaskBuilder_Release(builder);
        return hr;
}

static void each_condition_is_taken(void)
{
        for (int type = SystemConditionType_UserPresent; type <= SystemConditionType_BackgroundWorkCostNotHigh; type++)
                CHECK_OK(register_with_condition(type));
        CHECK(register_with_condition(SystemConditionType_Invalid) == E_INVALIDARG);
        CHECK(register_with_condition(9) == E_INVALIDARG && register_with_condition(-1) == E_INVALIDARG);
}

static void events_happen_once_or_always(void)
{
        ICustomSystemEventTriggerFactory *factory = factory_of(STRING(BACKGROUND "CustomSystemEventTrigger"),
                                                               &IID_ICustomSystemEventTriggerFactory);
        ICustomSystemEventTrigger *made = NULL;

        for (int i = -1; i <= 2; i++) {
                CHECK(ICustomSystemEventTriggerFactory_Create(
                              factory, STRING("id"), (CustomSystemEventTriggerRecurrence)i, &made) ==
                      (i == 0 || i == 1 ? S_OK : E_INVALIDARG));
                if (made)
                        ICustomSystemEventTrigger_Release(made);
                made = NULL;
        }
}

static void access_is_asked_for_in_two_kinds(void)
{
        IBackgroundExecutionManagerStatics2 *statics = factory_of(STRING(BACKGROUND "BackgroundExecutionManager"),
                                                                  &IID_IBackgroundExecutionManagerStatics2);
        IAsyncOperation_boolean *operation = NULL;

        for (int i = -1; i <= 2; i++) {
                CHECK(IBackgroundExecutionManagerStatics2_RequestAccessKindAsync(
                              statics, (BackgroundAccessRequestKind)i, STRING("why"), &operation) ==
                      (i == 0 || i == 1 ? S_OK : E_INVALIDARG));
                if (operation)
                        IAsyncOperation_boolean_Release(operation);
                operation = NULL;
        }
}

static void an_entry_point_of_no_class_is_not_registered(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Nobody"), 15, 0);

        CHECK_OK(IBackgroundTaskBuilder_put_TaskEntryPoint(builder, STRING("Nobody.Task")));
        CHECK(register_and_release(builder) == REGDB_E_CLASSNOTREG);
}

const Row enum_rows[] = {
        { "enumerations", "numbers are those of Windows", numbers_are_those_of_windows },
        { "SystemTriggerType", "a SystemTrigger of each type is taken or refused, as the list of what works says",
          each_system_trigger_is_taken_or_refused },
        { "SystemConditionType", "a condition of each type is taken", each_condition_is_taken },
        { "CustomSystemEventTriggerRecurrence", "an event happens once or always", events_happen_once_or_always },
        { "BackgroundAccessRequestKind", "access is asked for in two kinds", access_is_asked_for_in_two_kinds },
        { "windows-dev-docs 784", "an entry point that no manifest declares is REGDB_E_CLASSNOTREG",
          an_entry_point_of_no_class_is_not_registered,
          "a name is that of an in-process task here, which no manifest declares: docs/semantics.md, 2" },
        { NULL },
};

/* The broker takes one task of this package. */
static void a_task_too_many_is_over_the_quota(void)
{
        IBackgroundTaskRegistration *task = new_task(STRING("First"));

        CHECK(register_and_release(new_builder(STRING("Second"), 15, 1)) ==
              HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
        CHECK_OK(register_and_release(new_builder(STRING("Second"), 15, 1)));
}

const Row quota_rows[] = {
        { "Windows-universal-samples 8", "a task too many is ERROR_NOT_ENOUGH_QUOTA",
          a_task_too_many_is_over_the_quota },
        { NULL },
};
