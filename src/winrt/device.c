/* SPDX-License-Identifier: MIT */

/* DeviceConnectionChangeTrigger. A device's id is its path here: of its node, or of its folder below /sys. */

#include "winrt/async.h"
#include "winrt/factory.h"
#include "winrt/trigger.h"

static STDMETHODIMP get_device_id(IDeviceConnectionChangeTrigger *self, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(bgt_trigger_id(trigger_of(self)) ?: "", ret_value) : E_POINTER;
}

/* Nobody holds connections of devices for apps. */
static STDMETHODIMP get_no(void *self, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static STDMETHODIMP put_maintain_connection(IDeviceConnectionChangeTrigger *self, boolean value)
{
        return value ? HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED) : S_OK;
}

static const IDeviceConnectionChangeTriggerVtbl vtable = {
        INSPECTABLE_SLOTS, .get_DeviceId = get_device_id, .get_CanMaintainConnection = (void *)get_no,
        .get_MaintainConnection = (void *)get_no, .put_MaintainConnection = put_maintain_connection,
};
const Class trigger_device_connection = TRIGGER_CLASS(u"DeviceConnectionChangeTrigger",
                                                      { &IID_IDeviceConnectionChangeTrigger, &vtable, NULL },
                                                      TRIGGER_FACE);

static STDMETHODIMP from_id(IDeviceConnectionChangeTriggerStatics *self, HSTRING id,
                            IAsyncOperation_DeviceConnectionChangeTrigger **ret_operation)
{
        _cleanup_(freep) char *path = NULL;
        IUnknown *trigger = NULL;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = string_to_utf8(id, &path);
        if (FAILED(hr))
                return hr;
        hr = trigger_wrap(bgt_trigger_device(path, false), &trigger);
        return async_new_object(ASYNC_CONNECTION, hr, trigger, ret_operation);
}

static const IDeviceConnectionChangeTriggerStaticsVtbl statics = { INSPECTABLE_SLOTS, .FromIdAsync = from_id };

const FactoryInfo device_factories[] = {
        { BACKGROUND u"DeviceConnectionChangeTrigger",
          { { &IID_IDeviceConnectionChangeTriggerStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
