/* SPDX-License-Identifier: MIT */

/* BackgroundExecutionManager and BackgroundWorkCost. */

#include "winrt/async.h"
#include "winrt/factory.h"

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

        return async_new_access(hr, status, ret_operation);
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
        return async_new_boolean(hr, status == BackgroundAccessStatus_AlwaysAllowed ||
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

const FactoryInfo access_factories[] = {
        { u"BackgroundExecutionManager", { { &IID_IBackgroundExecutionManagerStatics, &manager, NULL },
                                           { &IID_IBackgroundExecutionManagerStatics2, &manager2, NULL },
                                           { &IID_IBackgroundExecutionManagerStatics3, &manager3, NULL } }, NULL },
        { u"BackgroundWorkCost", { { &IID_IBackgroundWorkCostStatics, &cost, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
