/* SPDX-License-Identifier: MIT */

#include "winrt/refused.h"

#include "winrt/async.h"
#include "winrt/factory.h"
#include "winrt/trigger.h"

/* The longest interface of a trigger has fewer methods. */
#define SILENT_METHODS 24

static const struct {
        IInspectableVtbl inspectable;
        HRESULT (STDMETHODCALLTYPE *methods[SILENT_METHODS])(void *self);
} silent = {
        { INSPECTABLE_SLOTS },
        { object_not_implemented, object_not_implemented, object_not_implemented, object_not_implemented,
          object_not_implemented, object_not_implemented, object_not_implemented, object_not_implemented,
          object_not_implemented, object_not_implemented, object_not_implemented, object_not_implemented,
          object_not_implemented, object_not_implemented, object_not_implemented, object_not_implemented,
          object_not_implemented, object_not_implemented, object_not_implemented, object_not_implemented,
          object_not_implemented, object_not_implemented, object_not_implemented, object_not_implemented },
};

#define PLAIN { TRIGGER_FACE }
#define OWN(interface) { { &IID_##interface, &silent, NULL }, TRIGGER_FACE }
#define OWN_TWICE(interface) \
        { { &IID_##interface, &silent, NULL }, { &IID_##interface##2, &silent, NULL }, TRIGGER_FACE }
#define CLASS(text, ...) { .name = BACKGROUND text u"Trigger", .size = sizeof(Object), .faces = __VA_ARGS__ }

static const Class classes[] = {
#define X(name, faces, factories, activate) CLASS(u"" #name, faces),
#include "winrt/refused.def"
#undef X
};
static const Class gatt_provider = CLASS(u"GattServiceProvider", OWN(IGattServiceProviderTrigger));

bool refused_is(IBackgroundTrigger *trigger)
{
        for (size_t i = 0; i < ELEMENTSOF(classes); i++)
                if (object_of_class(trigger, &classes[i]))
                        return true;
        return object_of_class(trigger, &gatt_provider);
}

static HRESULT make(const Class *class_, void *ret)
{
        Object *object = object_new(class_);

        *(void **)ret = object ? object_face(object, 0) : NULL;
        return object ? S_OK : E_OUTOFMEMORY;
}

static bool same_name(const WCHAR *a, const WCHAR *b)
{
        while (*a && *a == *b)
                a++, b++;
        return *a == *b;
}

static HRESULT make_named(const WCHAR *name, void *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(classes); i++)
                if (same_name(classes[i].name, name))
                        return make(&classes[i], ret);
        return E_NOTIMPL;
}

static HRESULT activate(const FactoryInfo *info, IInspectable **ret_instance)
{
        return make_named(info->name, ret_instance);
}

/* The factory's class has the name of what it makes. What that is made with does not matter. */
static HRESULT create(void *self, void *ret)
{
        return ret ? make_named(object_of(self)->class_->name, ret) : E_POINTER;
}

static STDMETHODIMP create_of_number(void *self, uint32_t a, void **ret)
{
        return create(self, ret);
}

static STDMETHODIMP create_of_pointer(void *self, void *a, void **ret)
{
        return create(self, ret);
}

static STDMETHODIMP create_of_span(void *self, TimeSpan a, void **ret)
{
        return create(self, ret);
}

static STDMETHODIMP create_of_number_and_flag(void *self, uint32_t a, boolean b, void **ret)
{
        return create(self, ret);
}

static STDMETHODIMP create_of_pointer_and_flag(void *self, void *a, boolean b, void **ret)
{
        return create(self, ret);
}

static STDMETHODIMP create_of_pointer_and_number(void *self, void *a, uint32_t b, void **ret)
{
        return create(self, ret);
}

#define FACTORY_VTABLE(interface, method, function)                     \
        static const interface##Vtbl interface##_vtable = {             \
                INSPECTABLE_SLOTS, .method = (void *)function,          \
        }

FACTORY_VTABLE(IActivitySensorTriggerFactory, Create, create_of_number);
FACTORY_VTABLE(IAppBroadcastTriggerFactory, CreateAppBroadcastTrigger, create_of_pointer);
FACTORY_VTABLE(IContentPrefetchTriggerFactory, Create, create_of_span);
FACTORY_VTABLE(IDeviceManufacturerNotificationTriggerFactory, Create, create_of_pointer_and_flag);
FACTORY_VTABLE(IGattCharacteristicNotificationTriggerFactory, Create, create_of_pointer);
FACTORY_VTABLE(IGattCharacteristicNotificationTriggerFactory2, CreateWithEventTriggeringMode,
               create_of_pointer_and_number);
FACTORY_VTABLE(ILocationTriggerFactory, Create, create_of_number);
FACTORY_VTABLE(INetworkOperatorNotificationTriggerFactory, Create, create_of_pointer);
FACTORY_VTABLE(IPhoneTriggerFactory, Create, create_of_number_and_flag);
FACTORY_VTABLE(ISensorDataThresholdTriggerFactory, Create, create_of_pointer);
FACTORY_VTABLE(ISmartCardTriggerFactory, Create, create_of_number);
FACTORY_VTABLE(ISmsMessageReceivedTriggerFactory, Create, create_of_pointer);

/* The one that an operation makes. */

static STDMETHODIMP create_provider(IGattServiceProviderTriggerStatics *self, HSTRING id, GUID service,
                                    IAsyncOperation_GattServiceProviderTriggerResult **ret_operation);

static const IGattServiceProviderTriggerStaticsVtbl provider_statics = {
        INSPECTABLE_SLOTS, .CreateAsync = create_provider,
};

typedef struct ProviderResult {
        Object object;
        IUnknown *trigger;
} ProviderResult;

static void provider_result_done(Object *object)
{
        IUnknown_Release(((ProviderResult *)object)->trigger);
}

static STDMETHODIMP get_trigger(IGattServiceProviderTriggerResult *self, IGattServiceProviderTrigger **ret_value)
{
        ProviderResult *result = (ProviderResult *)object_of(self);

        if (!ret_value)
                return E_POINTER;
        IUnknown_AddRef(result->trigger);
        *ret_value = (IGattServiceProviderTrigger *)result->trigger;
        return S_OK;
}

static STDMETHODIMP get_error(IGattServiceProviderTriggerResult *self, INT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static const IGattServiceProviderTriggerResultVtbl provider_result_vtable = {
        INSPECTABLE_SLOTS, .get_Trigger = get_trigger, .get_Error = get_error,
};
static const Class provider_result = {
        .name = BACKGROUND u"GattServiceProviderTriggerResult", .size = sizeof(ProviderResult),
        .done = provider_result_done,
        .faces = { { &IID_IGattServiceProviderTriggerResult, &provider_result_vtable, NULL } },
};

static STDMETHODIMP create_provider(IGattServiceProviderTriggerStatics *self, HSTRING id, GUID service,
                                    IAsyncOperation_GattServiceProviderTriggerResult **ret_operation)
{
        ProviderResult *result = NULL;
        IUnknown *trigger;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        hr = make(&gatt_provider, &trigger);
        if (SUCCEEDED(hr)) {
                result = (ProviderResult *)object_new(&provider_result);
                if (result) {
                        result->trigger = trigger;
                } else {
                        IUnknown_Release(trigger);
                        hr = E_OUTOFMEMORY;
                }
        }
        return async_new_object(ASYNC_PROVIDER, hr, result ? object_face(&result->object, 0) : NULL,
                                ret_operation);
}

#define NONE { { NULL, NULL, NULL } }
#define FACTORY(interface) { { &IID_##interface, &interface##_vtable, NULL } }
#define FACTORIES_2(one, two) { { &IID_##one, &one##_vtable, NULL }, { &IID_##two, &two##_vtable, NULL } }

const FactoryInfo refused_factories[] = {
#define X(name, faces, factories, activate) { BACKGROUND u"" #name u"Trigger", factories, activate },
#include "winrt/refused.def"
#undef X
        { BACKGROUND u"GattServiceProviderTrigger",
          { { &IID_IGattServiceProviderTriggerStatics, &provider_statics, NULL } }, NULL },
        { NULL, NONE, NULL },
};
