/* SPDX-License-Identifier: MIT */

#include "winrt/value.h"

#include <string.h>

#include "winrt/async.h"
#include "winrt/factory.h"
#include "winrt/valueset.h"

#define BACKGROUND u"Windows.ApplicationModel.Background."

typedef struct Trigger {
        Object object;
        bgt_trigger *trigger;
} Trigger;

typedef struct Condition {
        Object object;
        SystemConditionType type;
} Condition;

const IInspectableVtbl value_plain_vtable = { INSPECTABLE_SLOTS };

static void trigger_done(Object *object)
{
        bgt_trigger_unref(((Trigger *)object)->trigger);
}

static bgt_trigger *trigger_of(void *self)
{
        return ((Trigger *)object_of(self))->trigger;
}

static STDMETHODIMP get_one_shot(void *self, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = bgt_trigger_one_shot(trigger_of(self));
        return S_OK;
}

static STDMETHODIMP get_freshness_time(void *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = bgt_trigger_minutes(trigger_of(self));
        return S_OK;
}

static STDMETHODIMP get_trigger_type(ISystemTrigger *self, SystemTriggerType *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = (SystemTriggerType)bgt_trigger_system_type(trigger_of(self));
        return S_OK;
}

static STDMETHODIMP get_trigger_id(ICustomSystemEventTrigger *self, HSTRING *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        return string_from_utf8(bgt_trigger_id(trigger_of(self)), ret_value);
}

static STDMETHODIMP get_recurrence(ICustomSystemEventTrigger *self, CustomSystemEventTriggerRecurrence *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = bgt_trigger_once_per_boot(trigger_of(self)) ? CustomSystemEventTriggerRecurrence_Once :
                CustomSystemEventTriggerRecurrence_Always;
        return S_OK;
}

/* Arguments that cannot be told are refused at once. */
static STDMETHODIMP request_with(IApplicationTrigger *self, IPropertySet *arguments,
                                 IAsyncOperation_ApplicationTriggerResult **ret_operation)
{
        int result = BGT_REQUEST_UNKNOWN_ERROR;
        bgt_record *record;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = valueset_to_record(arguments, &record);
        if (FAILED(hr))
                return hr;
        hr = hresult_from(bgt_trigger_request(trigger_of(self), record, &result));
        bgt_record_unref(record);
        return async_new_request(hr, (ApplicationTriggerResult)result, ret_operation);
}

static STDMETHODIMP request(IApplicationTrigger *self, IAsyncOperation_ApplicationTriggerResult **ret_operation)
{
        return request_with(self, NULL, ret_operation);
}

static const IApplicationTriggerVtbl application_vtable = {
        INSPECTABLE_SLOTS,
        .RequestAsync = request,
        .RequestAsyncWithArguments = request_with,
};
static const ITimeTriggerVtbl time_vtable = {
        INSPECTABLE_SLOTS,
        .get_FreshnessTime = (void *)get_freshness_time,
        .get_OneShot = (void *)get_one_shot,
};
static const IMaintenanceTriggerVtbl maintenance_vtable = {
        INSPECTABLE_SLOTS,
        .get_FreshnessTime = (void *)get_freshness_time,
        .get_OneShot = (void *)get_one_shot,
};
static const ISystemTriggerVtbl system_vtable = {
        INSPECTABLE_SLOTS,
        .get_OneShot = (void *)get_one_shot,
        .get_TriggerType = get_trigger_type,
};
static const ICustomSystemEventTriggerVtbl custom_vtable = {
        INSPECTABLE_SLOTS,
        .get_TriggerId = get_trigger_id,
        .get_Recurrence = get_recurrence,
};

#define TRIGGER_CLASS(text, iid, vtable)                                                                        \
        { .name = BACKGROUND text, .size = sizeof(Trigger), .done = trigger_done,  \
          .faces = { { &iid, &vtable, NULL }, { &IID_IBackgroundTrigger, &value_plain_vtable, NULL } } }

static const Class time_class = TRIGGER_CLASS(u"TimeTrigger", IID_ITimeTrigger, time_vtable);
static const Class maintenance_class =
        TRIGGER_CLASS(u"MaintenanceTrigger", IID_IMaintenanceTrigger, maintenance_vtable);
static const Class system_class = TRIGGER_CLASS(u"SystemTrigger", IID_ISystemTrigger, system_vtable);
static const Class application_class =
        TRIGGER_CLASS(u"ApplicationTrigger", IID_IApplicationTrigger, application_vtable);
static const Class custom_class =
        TRIGGER_CLASS(u"CustomSystemEventTrigger", IID_ICustomSystemEventTrigger, custom_vtable);

static const struct {
        int kind;
        const Class *class_;
} kinds[] = {
        { BGT_TRIGGER_TIME, &time_class },
        { BGT_TRIGGER_MAINTENANCE, &maintenance_class },
        { BGT_TRIGGER_SYSTEM, &system_class },
        { BGT_TRIGGER_APPLICATION, &application_class },
        { BGT_TRIGGER_CUSTOM_SYSTEM_EVENT, &custom_class },
};

/* Takes the reference to the trigger, in any case. */
static HRESULT wrap(bgt_trigger *trigger, size_t face, void *ret)
{
        void **ret_face = ret;
        Trigger *object = NULL;

        for (size_t i = 0; i < ELEMENTSOF(kinds) && trigger && !object; i++)
                if (kinds[i].kind == bgt_trigger_kind(trigger))
                        object = (Trigger *)object_new(kinds[i].class_);
        if (!object) {
                bgt_trigger_unref(trigger);
                return E_OUTOFMEMORY;
        }
        object->trigger = trigger;
        *ret_face = object_face(&object->object, face);
        return S_OK;
}

HRESULT value_wrap_trigger(bgt_trigger *trigger, IBackgroundTrigger **ret)
{
        *ret = NULL;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i].kind == bgt_trigger_kind(trigger))
                        return wrap(bgt_trigger_ref(trigger), 1, ret);
        return S_OK;
}

bgt_trigger *value_trigger(IBackgroundTrigger *trigger)
{
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                Object *object = object_of_class(trigger, kinds[i].class_);

                if (object)
                        return ((Trigger *)object)->trigger;
        }
        return NULL;
}

static STDMETHODIMP create_time(ITimeTriggerFactory *self, UINT32 minutes, boolean one_shot,
                                ITimeTrigger **ret_trigger)
{
        return ret_trigger ? wrap(bgt_trigger_time(minutes, one_shot), 0, ret_trigger) : E_POINTER;
}

static STDMETHODIMP create_maintenance(IMaintenanceTriggerFactory *self, UINT32 minutes, boolean one_shot,
                                       IMaintenanceTrigger **ret_trigger)
{
        return ret_trigger ? wrap(bgt_trigger_maintenance(minutes, one_shot), 0, ret_trigger) : E_POINTER;
}

static STDMETHODIMP create_system(ISystemTriggerFactory *self, SystemTriggerType type, boolean one_shot,
                                  ISystemTrigger **ret_trigger)
{
        return ret_trigger ? wrap(bgt_trigger_system((int)type, one_shot), 0, ret_trigger) : E_POINTER;
}

static HRESULT activate_application(const FactoryInfo *info, IInspectable **ret_instance)
{
        return wrap(bgt_trigger_application(), 0, ret_instance);
}

static STDMETHODIMP create_custom(ICustomSystemEventTriggerFactory *self, HSTRING id,
                                  CustomSystemEventTriggerRecurrence recurrence,
                                  ICustomSystemEventTrigger **ret_trigger)
{
        _cleanup_(freep) char *text = NULL;
        HRESULT hr;

        if (!ret_trigger)
                return E_POINTER;
        *ret_trigger = NULL;
        hr = string_to_utf8(id, &text);
        if (FAILED(hr))
                return hr;
        if (recurrence != CustomSystemEventTriggerRecurrence_Once &&
            recurrence != CustomSystemEventTriggerRecurrence_Always)
                return E_INVALIDARG;
        return wrap(recurrence == CustomSystemEventTriggerRecurrence_Once
                            ? bgt_trigger_custom_system_event_per_boot(text)
                            : bgt_trigger_custom_system_event(text, false), 0, ret_trigger);
}

static STDMETHODIMP get_condition_type(ISystemCondition *self, SystemConditionType *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((Condition *)object_of(self))->type;
        return S_OK;
}

static const ISystemConditionVtbl condition_vtable = { INSPECTABLE_SLOTS, .get_ConditionType = get_condition_type };
static const Class condition_class = {
        .name = u"Windows.ApplicationModel.Background.SystemCondition", .size = sizeof(Condition),
        .faces = { { &IID_ISystemCondition, &condition_vtable, NULL },
                   { &IID_IBackgroundCondition, &value_plain_vtable, NULL } },
};

static STDMETHODIMP create_condition(ISystemConditionFactory *self, SystemConditionType type,
                                     ISystemCondition **ret_condition)
{
        Condition *condition;

        if (!ret_condition)
                return E_POINTER;
        *ret_condition = NULL;
        condition = (Condition *)object_new(&condition_class);
        if (!condition)
                return E_OUTOFMEMORY;
        condition->type = type;
        *ret_condition = object_face(&condition->object, 0);
        return S_OK;
}

int value_condition(IBackgroundCondition *condition)
{
        Object *object = object_of_class(condition, &condition_class);

        return object ? (int)((Condition *)object)->type : -1;
}

static const ITimeTriggerFactoryVtbl time_factory = { INSPECTABLE_SLOTS, .Create = create_time };
static const IMaintenanceTriggerFactoryVtbl maintenance_factory = { INSPECTABLE_SLOTS, .Create = create_maintenance };
static const ISystemTriggerFactoryVtbl system_factory = { INSPECTABLE_SLOTS, .Create = create_system };
static const ICustomSystemEventTriggerFactoryVtbl custom_factory = { INSPECTABLE_SLOTS, .Create = create_custom };
static const ISystemConditionFactoryVtbl condition_factory = { INSPECTABLE_SLOTS, .Create = create_condition };

const FactoryInfo value_factories[] = {
        { BACKGROUND u"TimeTrigger", { { &IID_ITimeTriggerFactory, &time_factory, NULL } }, NULL },
        { BACKGROUND u"MaintenanceTrigger",
          { { &IID_IMaintenanceTriggerFactory, &maintenance_factory, NULL } }, NULL },
        { BACKGROUND u"SystemTrigger", { { &IID_ISystemTriggerFactory, &system_factory, NULL } }, NULL },
        { BACKGROUND u"ApplicationTrigger", { { NULL, NULL, NULL } }, activate_application },
        { BACKGROUND u"CustomSystemEventTrigger",
          { { &IID_ICustomSystemEventTriggerFactory, &custom_factory, NULL } }, NULL },
        { BACKGROUND u"SystemCondition", { { &IID_ISystemConditionFactory, &condition_factory, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
