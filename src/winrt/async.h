/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Operations whose answer is there when they are made: the broker is asked before. hr is that of the question; if it
 * failed, so did the operation.
 */

#include "winrt/object.h"

HRESULT async_new_request(HRESULT hr, ApplicationTriggerResult result,
                          IAsyncOperation_ApplicationTriggerResult **ret_operation);
HRESULT async_new_access(HRESULT hr, BackgroundAccessStatus result,
                         IAsyncOperation_BackgroundAccessStatus **ret_operation);
HRESULT async_new_alarm(HRESULT hr, AlarmAccessStatus result, IAsyncOperation_AlarmAccessStatus **ret_operation);
/* Take the reference to the result, which is NULL if hr failed, in any case. */
HRESULT async_new_device_connection(HRESULT hr, IUnknown *result,
                                    IAsyncOperation_DeviceConnectionChangeTrigger **ret_operation);
HRESULT async_new_provider(HRESULT hr, IUnknown *result,
                           IAsyncOperation_GattServiceProviderTriggerResult **ret_operation);
HRESULT async_new_boolean(HRESULT hr, boolean result, IAsyncOperation_boolean **ret_operation);
