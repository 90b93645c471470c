/* SPDX-License-Identifier: MIT */

/* BackgroundExecutionManager, AlarmApplicationManager and BackgroundWorkCost. */

#include "winrt/async.h"
#include "winrt/factory.h"

#define BACKGROUND u"Windows.ApplicationModel.Background."

static STDMETHODIMP get_status(void *self, BackgroundAccessStatus *ret_value)
{
        int status;

        if (!ret_value)
                return E_POINTER;
        *ret_value = BackgroundAccessStatus_Unspecified;
        status = bgt_access_status(NULL);
        if (status < 0)
                return hresult_last();
        *ret_value = (BackgroundAccessStatus)status;
        return S_OK;
}

/* A package has one access: whichever of its applications is meant. */
static STDMETHODIMP get_status_of(void *self, HSTRING application, BackgroundAccessStatus *ret_value)
{
        return get_status(self, ret_value);
}

static STDMETHODIMP request_access(void *self, IAsyncOperation_BackgroundAccessStatus **ret_operation)
{
        BackgroundAccessStatus status = BackgroundAccessStatus_Unspecified;
        HRESULT hr = get_status(self, &status);

        return async_new(ASYNC_ACCESS, hr, (int)status, ret_operation);
}

static STDMETHODIMP request_access_for(IBackgroundExecutionManagerStatics *self, HSTRING application,
                                       IAsyncOperation_BackgroundAccessStatus **ret_operation)
{
        return request_access(self, ret_operation);
}

/* Nothing was granted that could be taken back. */
static STDMETHODIMP remove_access(IBackgroundExecutionManagerStatics *self)
{
        return S_OK;
}

static STDMETHODIMP remove_access_for(IBackgroundExecutionManagerStatics *self, HSTRING application)
{
        return S_OK;
}

/* What is asked for is granted if the answer is at least that: nobody is above the limits of the broker. */
static STDMETHODIMP request_kind(void *self, BackgroundAccessRequestKind kind, HSTRING reason,
                                 IAsyncOperation_boolean **ret_operation)
{
        BackgroundAccessStatus status = BackgroundAccessStatus_Unspecified;
        HRESULT hr;

        if (kind != BackgroundAccessRequestKind_AlwaysAllowed &&
            kind != BackgroundAccessRequestKind_AllowedSubjectToSystemPolicy)
                return E_INVALIDARG;
        hr = get_status(self, &status);
        return async_new(ASYNC_BOOLEAN, hr, status == BackgroundAccessStatus_AlwaysAllowed ||
                         (status == BackgroundAccessStatus_AllowedSubjectToSystemPolicy &&
                          kind == BackgroundAccessRequestKind_AllowedSubjectToSystemPolicy), ret_operation);
}

static STDMETHODIMP get_current_cost(IBackgroundWorkCostStatics *self, BackgroundWorkCostValue *ret_value)
{
        int cost;

        if (!ret_value)
                return E_POINTER;
        cost = bgt_work_cost(NULL);
        if (cost < 0)
                return hresult_last();
        *ret_value = (BackgroundWorkCostValue)cost;
        return S_OK;
}

/* Nobody measures the energy of an app, or throttles one in standby. */
static STDMETHODIMP get_energy_level(IBackgroundWorkCostStatics2 *self, EnergyUseLevel *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = EnergyUseLevel_Unknown;
        return S_OK;
}

static STDMETHODIMP get_prediction(IBackgroundWorkCostStatics2 *self, double *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static STDMETHODIMP get_last_throttled(IBackgroundWorkCostStatics2 *self, DateTime *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        ret_value->UniversalTime = 0;
        return S_OK;
}

/* Whoever may have tasks may have alarms; nothing wakes a machine that is suspended. */
static STDMETHODIMP get_alarm_status(IAlarmApplicationManagerStatics *self, AlarmAccessStatus *ret_value)
{
        BackgroundAccessStatus status;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = AlarmAccessStatus_Unspecified;
        hr = get_status(self, &status);
        if (FAILED(hr))
                return hr;
        *ret_value = status == BackgroundAccessStatus_DeniedBySystemPolicy ||
                     status == BackgroundAccessStatus_DeniedByUser ?
                AlarmAccessStatus_Denied : AlarmAccessStatus_AllowedWithoutWakeupCapability;
        return S_OK;
}

static STDMETHODIMP request_alarm(IAlarmApplicationManagerStatics *self,
                                  IAsyncOperation_AlarmAccessStatus **ret_operation)
{
        AlarmAccessStatus status = AlarmAccessStatus_Unspecified;
        HRESULT hr = get_alarm_status(self, &status);

        return async_new(ASYNC_ALARM, hr, (int)status, ret_operation);
}

static const IBackgroundExecutionManagerStaticsVtbl manager = {
        INSPECTABLE_SLOTS,
        .RequestAccessAsync = (void *)request_access,
        .RequestAccessForApplicationAsync = request_access_for,
        .RemoveAccess = remove_access,
        .RemoveAccessForApplication = remove_access_for,
        .GetAccessStatus = (void *)get_status,
        .GetAccessStatusForApplication = (void *)get_status_of,
};
static const IBackgroundExecutionManagerStatics2Vtbl manager2 = {
        INSPECTABLE_SLOTS, .RequestAccessKindAsync = (void *)request_kind,
};
static const IBackgroundExecutionManagerStatics3Vtbl manager3 = {
        INSPECTABLE_SLOTS,
        .RequestAccessKindForModernStandbyAsync = (void *)request_kind,
        .GetAccessStatusForModernStandby = (void *)get_status,
        .GetAccessStatusForModernStandbyForApplication = (void *)get_status_of,
};
static const IBackgroundWorkCostStaticsVtbl cost = {
        INSPECTABLE_SLOTS, .get_CurrentBackgroundWorkCost = get_current_cost,
};

static const IBackgroundWorkCostStatics2Vtbl cost2 = {
        INSPECTABLE_SLOTS, .get_AppEnergyUseLevel = get_energy_level, .get_AppEnergyUsePrediction = get_prediction,
        .get_AppLastThrottledInStandbyTimestamp = get_last_throttled,
};
static const IAlarmApplicationManagerStaticsVtbl alarms = {
        INSPECTABLE_SLOTS, .RequestAccessAsync = request_alarm, .GetAccessStatus = get_alarm_status,
};

const FactoryInfo access_factories[] = {
        { BACKGROUND u"BackgroundExecutionManager",
          { { &IID_IBackgroundExecutionManagerStatics, &manager, NULL },
            { &IID_IBackgroundExecutionManagerStatics2, &manager2, NULL },
            { &IID_IBackgroundExecutionManagerStatics3, &manager3, NULL } }, NULL },
        { BACKGROUND u"BackgroundWorkCost",
          { { &IID_IBackgroundWorkCostStatics, &cost, NULL },
            { &IID_IBackgroundWorkCostStatics2, &cost2, NULL } }, NULL },
        { BACKGROUND u"AlarmApplicationManager", { { &IID_IAlarmApplicationManagerStatics, &alarms, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
