/* SPDX-License-Identifier: MIT */

#include "winrt/value.h"

#include <string.h>

#include "winrt/factory.h"
#include "winrt/trigger.h"

typedef struct Condition {
        Object object;
        SystemConditionType type;
} Condition;

const IInspectableVtbl trigger_plain_vtable = { INSPECTABLE_SLOTS };

void trigger_done(Object *object)
{
        bgt_trigger_unref(((Trigger *)object)->trigger);
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

static const Class time_class = TRIGGER_CLASS(u"TimeTrigger", { &IID_ITimeTrigger, &time_vtable, NULL },
                                              TRIGGER_FACE);
static const Class maintenance_class = TRIGGER_CLASS(u"MaintenanceTrigger",
                                                     { &IID_IMaintenanceTrigger, &maintenance_vtable, NULL },
                                                     TRIGGER_FACE);
static const Class system_class = TRIGGER_CLASS(u"SystemTrigger", { &IID_ISystemTrigger, &system_vtable, NULL },
                                                TRIGGER_FACE);
static const Class custom_class = TRIGGER_CLASS(u"CustomSystemEventTrigger",
                                                { &IID_ICustomSystemEventTrigger, &custom_vtable, NULL },
                                                TRIGGER_FACE);
static const Class push_class = TRIGGER_CLASS(u"PushNotificationTrigger", TRIGGER_FACE);
static const Class toast_action_class = TRIGGER_CLASS(u"ToastNotificationActionTrigger", TRIGGER_FACE);
static const Class toast_history_class = TRIGGER_CLASS(u"ToastNotificationHistoryChangedTrigger", TRIGGER_FACE);
static const Class user_notification_class = TRIGGER_CLASS(u"UserNotificationChangedTrigger", TRIGGER_FACE);

static const struct {
        int kind;
        const Class *class_;
} kinds[] = {
        { BGT_TRIGGER_TIME, &time_class },
        { BGT_TRIGGER_MAINTENANCE, &maintenance_class },
        { BGT_TRIGGER_SYSTEM, &system_class },
        { BGT_TRIGGER_APPLICATION, &trigger_application },
        { BGT_TRIGGER_CUSTOM_SYSTEM_EVENT, &custom_class },
        { BGT_TRIGGER_MEDIA_PROCESSING, &trigger_media_processing },
        { BGT_TRIGGER_DEVICE_USE, &trigger_device_use },
        { BGT_TRIGGER_DEVICE_SERVICING, &trigger_device_servicing },
        { BGT_TRIGGER_DEVICE_CONNECTION_CHANGE, &trigger_device_connection },
        { BGT_TRIGGER_STORAGE_CONTENT_CHANGED, &trigger_storage_content },
        { BGT_TRIGGER_STORAGE_CHANGE_TRACKER, &trigger_storage_tracker },
        { BGT_TRIGGER_SOCKET_ACTIVITY, &trigger_socket_activity },
        { BGT_TRIGGER_PUSH_NOTIFICATION, &push_class },
        { BGT_TRIGGER_TOAST_ACTION, &toast_action_class },
        { BGT_TRIGGER_TOAST_HISTORY_CHANGED, &toast_history_class },
        { BGT_TRIGGER_USER_NOTIFICATION_CHANGED, &user_notification_class },
};

static const Class *class_of(const bgt_trigger *trigger)
{
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i].kind == bgt_trigger_kind(trigger))
                        return kinds[i].class_;
        return NULL;
}

HRESULT trigger_wrap(bgt_trigger *trigger, void *ret)
{
        Trigger *object;

        *(void **)ret = NULL;
        if (!trigger)
                return hresult_last();
        object = (Trigger *)object_new(class_of(trigger));
        if (!object) {
                bgt_trigger_unref(trigger);
                return E_OUTOFMEMORY;
        }
        object->trigger = trigger;
        *(void **)ret = object_face(&object->object, 0);
        return S_OK;
}

HRESULT value_wrap_trigger(bgt_trigger *trigger, IBackgroundTrigger **ret)
{
        IInspectable *made;
        HRESULT hr;

        *ret = NULL;
        if (!class_of(trigger))
                return S_OK;
        hr = trigger_wrap(bgt_trigger_ref(trigger), &made);
        if (SUCCEEDED(hr)) {
                hr = IInspectable_QueryInterface(made, &IID_IBackgroundTrigger, (void **)ret);
                IInspectable_Release(made);
        }
        return hr;
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
        return ret_trigger ? trigger_wrap(bgt_trigger_time(minutes, one_shot), ret_trigger) : E_POINTER;
}

static STDMETHODIMP create_maintenance(IMaintenanceTriggerFactory *self, UINT32 minutes, boolean one_shot,
                                       IMaintenanceTrigger **ret_trigger)
{
        return ret_trigger ? trigger_wrap(bgt_trigger_maintenance(minutes, one_shot), ret_trigger) : E_POINTER;
}

static STDMETHODIMP create_system(ISystemTriggerFactory *self, SystemTriggerType type, boolean one_shot,
                                  ISystemTrigger **ret_trigger)
{
        return ret_trigger ? trigger_wrap(bgt_trigger_system((int)type, one_shot), ret_trigger) : E_POINTER;
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
        return trigger_wrap(recurrence == CustomSystemEventTriggerRecurrence_Once
                                    ? bgt_trigger_custom_system_event_per_boot(text)
                                    : bgt_trigger_custom_system_event(text, false), ret_trigger);
}

static HRESULT activate_push(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_push_notification(false), ret_instance);
}

/* A package has one application, which its tasks run. */
static STDMETHODIMP create_push(IPushNotificationTriggerFactory *self, HSTRING application,
                                IBackgroundTrigger **ret_trigger)
{
        return ret_trigger ? activate_push(NULL, (IInspectable **)ret_trigger) : E_POINTER;
}

/* Whichever app a notification is of: the desktop tells of all of them. */
static HRESULT activate_toast_action(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_toast_action(NULL, false), ret_instance);
}

static HRESULT activate_toast_history(const FactoryInfo *info, IInspectable **ret_instance)
{
        return trigger_wrap(bgt_trigger_toast_history_changed(false), ret_instance);
}

static STDMETHODIMP create_toast_action(IToastNotificationActionTriggerFactory *self, HSTRING application,
                                        IBackgroundTrigger **ret_trigger)
{
        return ret_trigger ? activate_toast_action(NULL, (IInspectable **)ret_trigger) : E_POINTER;
}

static STDMETHODIMP create_toast_history(IToastNotificationHistoryChangedTriggerFactory *self, HSTRING application,
                                         IBackgroundTrigger **ret_trigger)
{
        return ret_trigger ? activate_toast_history(NULL, (IInspectable **)ret_trigger) : E_POINTER;
}

/* A desktop has no other kinds. */
static STDMETHODIMP create_user_notification(IUserNotificationChangedTriggerFactory *self, NotificationKinds wanted,
                                             IBackgroundTrigger **ret_trigger)
{
        return ret_trigger ? trigger_wrap(bgt_trigger_user_notification_changed(false), ret_trigger) : E_POINTER;
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
                   { &IID_IBackgroundCondition, &trigger_plain_vtable, NULL } },
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
static const IPushNotificationTriggerFactoryVtbl push_factory = { INSPECTABLE_SLOTS, .Create = create_push };
static const IToastNotificationActionTriggerFactoryVtbl toast_action_factory = {
        INSPECTABLE_SLOTS, .Create = create_toast_action,
};
static const IToastNotificationHistoryChangedTriggerFactoryVtbl toast_history_factory = {
        INSPECTABLE_SLOTS, .Create = create_toast_history,
};
static const IUserNotificationChangedTriggerFactoryVtbl user_notification_factory = {
        INSPECTABLE_SLOTS, .Create = create_user_notification,
};
static const ISystemConditionFactoryVtbl condition_factory = { INSPECTABLE_SLOTS, .Create = create_condition };

const FactoryInfo value_factories[] = {
        { BACKGROUND u"TimeTrigger", { { &IID_ITimeTriggerFactory, &time_factory, NULL } }, NULL },
        { BACKGROUND u"MaintenanceTrigger",
          { { &IID_IMaintenanceTriggerFactory, &maintenance_factory, NULL } }, NULL },
        { BACKGROUND u"SystemTrigger", { { &IID_ISystemTriggerFactory, &system_factory, NULL } }, NULL },
        { BACKGROUND u"PushNotificationTrigger",
          { { &IID_IPushNotificationTriggerFactory, &push_factory, NULL } }, activate_push },
        { BACKGROUND u"ToastNotificationActionTrigger",
          { { &IID_IToastNotificationActionTriggerFactory, &toast_action_factory, NULL } }, activate_toast_action },
        { BACKGROUND u"ToastNotificationHistoryChangedTrigger",
          { { &IID_IToastNotificationHistoryChangedTriggerFactory, &toast_history_factory, NULL } },
          activate_toast_history },
        { BACKGROUND u"UserNotificationChangedTrigger",
          { { &IID_IUserNotificationChangedTriggerFactory, &user_notification_factory, NULL } }, NULL },
        { BACKGROUND u"CustomSystemEventTrigger",
          { { &IID_ICustomSystemEventTriggerFactory, &custom_factory, NULL } }, NULL },
        { BACKGROUND u"SystemCondition", { { &IID_ISystemConditionFactory, &condition_factory, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
