/* SPDX-License-Identifier: MIT */

/*
 * Triggers that an app fires by a request: ApplicationTrigger, MediaProcessingTrigger, DeviceUseTrigger and
 * DeviceServicingTrigger.
 */

#include "winrt/async.h"
#include "winrt/factory.h"
#include "winrt/trigger.h"
#include "winrt/valueset.h"

/* Arguments that cannot be told are refused at once. */
static HRESULT request(void *self, AsyncKind kind, IPropertySet *arguments, void *ret_operation)
{
        int result = BGT_REQUEST_UNKNOWN_ERROR;
        bgt_record *record;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *(void **)ret_operation = NULL;
        hr = valueset_to_record(arguments, &record);
        if (FAILED(hr))
                return hr;
        hr = hresult_from(bgt_trigger_request(trigger_of(self), record, &result));
        bgt_record_unref(record);
        return async_new(kind, hr, result, ret_operation);
}

static STDMETHODIMP request_application(IApplicationTrigger *self,
                                        IAsyncOperation_ApplicationTriggerResult **ret_operation)
{
        return request(self, ASYNC_APPLICATION, NULL, ret_operation);
}

static STDMETHODIMP request_application_with(IApplicationTrigger *self, IPropertySet *arguments,
                                             IAsyncOperation_ApplicationTriggerResult **ret_operation)
{
        return request(self, ASYNC_APPLICATION, arguments, ret_operation);
}

static STDMETHODIMP request_media(IMediaProcessingTrigger *self,
                                  IAsyncOperation_MediaProcessingTriggerResult **ret_operation)
{
        return request(self, ASYNC_MEDIA, NULL, ret_operation);
}

static STDMETHODIMP request_media_with(IMediaProcessingTrigger *self, IPropertySet *arguments,
                                       IAsyncOperation_MediaProcessingTriggerResult **ret_operation)
{
        return request(self, ASYNC_MEDIA, arguments, ret_operation);
}

static HRESULT request_device(void *self, HSTRING device, TimeSpan expected, HSTRING arguments,
                              IAsyncOperation_DeviceTriggerResult **ret_operation)
{
        _cleanup_(freep) char *id = NULL, *text = NULL;
        int result = BGT_DEVICE_DENIED_BY_SYSTEM;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = expected.Duration < 0 ? E_INVALIDARG : string_to_utf8(device, &id);
        if (SUCCEEDED(hr))
                hr = string_to_utf8(arguments, &text);
        if (FAILED(hr))
                return hr;
        hr = hresult_from(bgt_trigger_request_device(trigger_of(self), id, (uint64_t)expected.Duration / 10, text,
                                                     &result));
        return async_new(ASYNC_DEVICE, hr, result, ret_operation);
}

static STDMETHODIMP request_use(IDeviceUseTrigger *self, HSTRING device,
                                IAsyncOperation_DeviceTriggerResult **ret_operation)
{
        return request_device(self, device, (TimeSpan){ 0 }, NULL, ret_operation);
}

static STDMETHODIMP request_use_with(IDeviceUseTrigger *self, HSTRING device, HSTRING arguments,
                                     IAsyncOperation_DeviceTriggerResult **ret_operation)
{
        return request_device(self, device, (TimeSpan){ 0 }, arguments, ret_operation);
}

static STDMETHODIMP request_servicing(IDeviceServicingTrigger *self, HSTRING device, TimeSpan expected,
                                      IAsyncOperation_DeviceTriggerResult **ret_operation)
{
        return request_device(self, device, expected, NULL, ret_operation);
}

static STDMETHODIMP request_servicing_with(IDeviceServicingTrigger *self, HSTRING device, TimeSpan expected,
                                           HSTRING arguments, IAsyncOperation_DeviceTriggerResult **ret_operation)
{
        return request_device(self, device, expected, arguments, ret_operation);
}

static const IApplicationTriggerVtbl application_vtable = {
        INSPECTABLE_SLOTS, .RequestAsync = request_application, .RequestAsyncWithArguments = request_application_with,
};
static const IMediaProcessingTriggerVtbl media_vtable = {
        INSPECTABLE_SLOTS, .RequestAsync = request_media, .RequestAsyncWithArguments = request_media_with,
};
static const IDeviceUseTriggerVtbl use_vtable = {
        INSPECTABLE_SLOTS, .RequestAsyncSimple = request_use, .RequestAsyncWithArguments = request_use_with,
};
static const IDeviceServicingTriggerVtbl servicing_vtable = {
        INSPECTABLE_SLOTS, .RequestAsyncSimple = request_servicing,
        .RequestAsyncWithArguments = request_servicing_with,
};

const Class trigger_application = TRIGGER_CLASS(u"ApplicationTrigger",
                                                { &IID_IApplicationTrigger, &application_vtable, NULL }, TRIGGER_FACE);
const Class trigger_media_processing = TRIGGER_CLASS(u"MediaProcessingTrigger",
                                                     { &IID_IMediaProcessingTrigger, &media_vtable, NULL },
                                                     TRIGGER_FACE);
const Class trigger_device_use = TRIGGER_CLASS(u"DeviceUseTrigger",
                                               { &IID_IDeviceUseTrigger, &use_vtable, NULL }, TRIGGER_FACE);
const Class trigger_device_servicing = TRIGGER_CLASS(u"DeviceServicingTrigger",
                                                     { &IID_IDeviceServicingTrigger, &servicing_vtable, NULL },
                                                     TRIGGER_FACE);

static HRESULT activate_application(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_application(), ret_instance);
}

static HRESULT activate_media(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_media_processing(), ret_instance);
}

static HRESULT activate_use(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_device_use(), ret_instance);
}

static HRESULT activate_servicing(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_device_servicing(), ret_instance);
}

const FactoryInfo request_factories[] = {
        { BACKGROUND u"ApplicationTrigger", { { NULL, NULL, NULL } }, activate_application },
        { BACKGROUND u"MediaProcessingTrigger", { { NULL, NULL, NULL } }, activate_media },
        { BACKGROUND u"DeviceUseTrigger", { { NULL, NULL, NULL } }, activate_use },
        { BACKGROUND u"DeviceServicingTrigger", { { NULL, NULL, NULL } }, activate_servicing },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
