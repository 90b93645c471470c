/* SPDX-License-Identifier: MIT */

/* Triggers that are requested or that tell something, and what their runs are told. */

#include "conformance.h"

#define BACKGROUND "Windows.ApplicationModel.Background."

static IInspectable *activate(HSTRING class_name)
{
        IInspectable *made = NULL;

        CHECK_OK(RoActivateInstance(class_name, &made));
        return made;
}

/* The details that a run saw, of this class, as its default interface. */
static void *check_details(IInspectable *details, const WCHAR *name, const IID *const *iids, size_t n)
{
        void *face = NULL;

        CHECK(details);
        check_class_name(details, name);
        check_interfaces(details, iids, n);
        CHECK_OK(IInspectable_QueryInterface(details, iids[0], &face));
        IInspectable_Release(details);
        return face;
}

static void check_text(HSTRING text, const char *expected)
{
        CHECK(string_is(text, expected));
        CHECK_OK(WindowsDeleteString(text));
}

/* MediaProcessingTrigger. */

static void request_media(void *trigger)
{
        IPropertySet *arguments = new_set_of_all_types();
        IAsyncOperation_MediaProcessingTriggerResult *operation = NULL;
        MediaProcessingTriggerResult result = MediaProcessingTriggerResult_UnknownError;

        CHECK(IMediaProcessingTrigger_RequestAsync((IMediaProcessingTrigger *)trigger, NULL) == E_POINTER);
        CHECK_OK(IMediaProcessingTrigger_RequestAsyncWithArguments((IMediaProcessingTrigger *)trigger, arguments,
                                                                   &operation));
        check_class_name(operation, u"Windows.Foundation.IAsyncOperation`1<" BACKGROUND
                         "MediaProcessingTriggerResult>");
        CHECK_OK(IAsyncOperation_MediaProcessingTriggerResult_GetResults(operation, &result));
        CHECK(result == MediaProcessingTriggerResult_Allowed);
        IAsyncOperation_MediaProcessingTriggerResult_Release(operation);
        IPropertySet_Release(arguments);
}

static void media_is_processed_on_request(void)
{
        static const IID *const iids[] = { &IID_IMediaProcessingTriggerDetails };
        IInspectable *trigger = activate(STRING(BACKGROUND "MediaProcessingTrigger"));
        IMediaProcessingTriggerDetails *details = check_details(
                see_details(trigger, request_media), u"Windows.Media.MediaProcessingTriggerDetails", iids, 1);
        IPropertySet *arguments = NULL;

        CHECK_OK(IMediaProcessingTriggerDetails_get_Arguments(details, &arguments));
        check_set_of_all_types(arguments);
        IPropertySet_Release(arguments);
        CHECK(IMediaProcessingTriggerDetails_Release(details) == 0);
        CHECK(IInspectable_Release(trigger) == 0);
}

/* DeviceUseTrigger, DeviceServicingTrigger. */

static void check_device_result(IAsyncOperation_DeviceTriggerResult *operation, DeviceTriggerResult expected)
{
        DeviceTriggerResult result = DeviceTriggerResult_LowBattery;

        CHECK_OK(IAsyncOperation_DeviceTriggerResult_GetResults(operation, &result));
        CHECK(result == expected);
        IAsyncOperation_DeviceTriggerResult_Release(operation);
}

static void request_use(void *trigger)
{
        IAsyncOperation_DeviceTriggerResult *operation = NULL;

        CHECK(IDeviceUseTrigger_RequestAsyncSimple((IDeviceUseTrigger *)trigger, STRING("id"), NULL) == E_POINTER);
        CHECK_OK(IDeviceUseTrigger_RequestAsyncWithArguments((IDeviceUseTrigger *)trigger, STRING("usb:1"),
                                                             STRING("sync"), &operation));
        check_device_result(operation, DeviceTriggerResult_Allowed);
}

static void a_device_is_used_on_request(void)
{
        static const IID *const iids[] = { &IID_IDeviceUseDetails };
        IInspectable *trigger = activate(STRING(BACKGROUND "DeviceUseTrigger"));
        IDeviceUseDetails *details = check_details(see_details(trigger, request_use),
                                                   u"Windows.Devices.Background.DeviceUseDetails", iids, 1);
        HSTRING text = NULL;

        CHECK_OK(IDeviceUseDetails_get_DeviceId(details, &text));
        check_text(text, "usb:1");
        CHECK_OK(IDeviceUseDetails_get_Arguments(details, &text));
        check_text(text, "sync");
        CHECK(IDeviceUseDetails_Release(details) == 0);
        CHECK(IInspectable_Release(trigger) == 0);
}

static void request_servicing(void *of)
{
        IAsyncOperation_DeviceTriggerResult *operation = NULL;
        IDeviceServicingTrigger *trigger = of;
        TimeSpan minute = { 600000000 }, negative = { -1 };

        CHECK(IDeviceServicingTrigger_RequestAsyncSimple(trigger, STRING("id"), negative, &operation) == E_INVALIDARG);
        CHECK(!operation);
        CHECK_OK(IDeviceServicingTrigger_RequestAsyncSimple(trigger, STRING("usb:2"), minute, &operation));
        check_device_result(operation, DeviceTriggerResult_Allowed);
}

static void a_device_is_serviced_on_request(void)
{
        static const IID *const iids[] = { &IID_IDeviceServicingDetails };
        IInspectable *trigger = activate(STRING(BACKGROUND "DeviceServicingTrigger"));
        IDeviceServicingDetails *details = check_details(
                see_details(trigger, request_servicing), u"Windows.Devices.Background.DeviceServicingDetails",
                iids, 1);
        TimeSpan expected = { 0 };
        HSTRING text = NULL;

        CHECK_OK(IDeviceServicingDetails_get_DeviceId(details, &text));
        check_text(text, "usb:2");
        CHECK_OK(IDeviceServicingDetails_get_Arguments(details, &text));
        CHECK(!text);
        CHECK_OK(IDeviceServicingDetails_get_ExpectedDuration(details, &expected));
        CHECK(expected.Duration == 600000000);
        CHECK(IDeviceServicingDetails_Release(details) == 0);
        CHECK(IInspectable_Release(trigger) == 0);
}

static void requests_for_a_paused_device_task_are_denied(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Denied"), 0, 1);
        IInspectable *made = activate(STRING(BACKGROUND "DeviceUseTrigger"));
        IAsyncOperation_DeviceTriggerResult *operation = NULL;
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTrigger *trigger = NULL;

        CHECK_OK(IInspectable_QueryInterface(made, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        pause_task("Denied");
        CHECK_OK(IDeviceUseTrigger_RequestAsyncSimple((IDeviceUseTrigger *)made, STRING("id"), &operation));
        check_device_result(operation, DeviceTriggerResult_DeniedByUser);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
        IBackgroundTrigger_Release(trigger);
        IInspectable_Release(made);
        IBackgroundTaskBuilder_Release(builder);
}

/* DeviceConnectionChangeTrigger. */

IInspectable *new_connection_trigger(HSTRING id)
{
        IDeviceConnectionChangeTriggerStatics *statics = factory_of(STRING(BACKGROUND "DeviceConnectionChangeTrigger"),
                                                                    &IID_IDeviceConnectionChangeTriggerStatics);
        IAsyncOperation_DeviceConnectionChangeTrigger *operation = NULL;
        IDeviceConnectionChangeTrigger *trigger = NULL;

        CHECK_OK(IDeviceConnectionChangeTriggerStatics_FromIdAsync(statics, id, &operation));
        CHECK_OK(IAsyncOperation_DeviceConnectionChangeTrigger_GetResults(operation, &trigger));
        IAsyncOperation_DeviceConnectionChangeTrigger_Release(operation);
        return (IInspectable *)trigger;
}

static void an_id_is_a_path(void)
{
        IDeviceConnectionChangeTriggerStatics *statics = factory_of(STRING(BACKGROUND "DeviceConnectionChangeTrigger"),
                                                                    &IID_IDeviceConnectionChangeTriggerStatics);
        IAsyncOperation_DeviceConnectionChangeTrigger *operation = NULL;
        IDeviceConnectionChangeTrigger *trigger = NULL;

        CHECK_OK(IDeviceConnectionChangeTriggerStatics_FromIdAsync(statics, STRING("USB#1"), &operation));
        CHECK(IAsyncOperation_DeviceConnectionChangeTrigger_GetResults(operation, &trigger) == E_INVALIDARG);
        CHECK(!trigger);
        CHECK(IAsyncOperation_DeviceConnectionChangeTrigger_Release(operation) == 0);
}

static void check_connection(IDeviceConnectionChangeTrigger *trigger)
{
        HSTRING text = NULL;
        boolean value = 9;

        CHECK_OK(IDeviceConnectionChangeTrigger_get_DeviceId(trigger, &text));
        check_text(text, "/dev/ttyUSB0");
        CHECK_OK(IDeviceConnectionChangeTrigger_get_CanMaintainConnection(trigger, &value));
        CHECK(value == 0);
        CHECK(IDeviceConnectionChangeTrigger_put_MaintainConnection(trigger, 1) == (HRESULT)0x80070032);
        CHECK_OK(IDeviceConnectionChangeTrigger_put_MaintainConnection(trigger, 0));
        CHECK_OK(IDeviceConnectionChangeTrigger_get_MaintainConnection(trigger, &value));
        CHECK(value == 0);
}

static void a_registration_keeps_its_device(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Connected"), 0, 1);
        IInspectable *made = new_connection_trigger(STRING("/dev/ttyUSB0"));
        IDeviceConnectionChangeTrigger *connection = NULL;
        IBackgroundTaskRegistration2 *task2 = NULL;
        IBackgroundTaskRegistration *task = NULL, *found;
        IBackgroundTrigger *trigger = NULL;

        check_connection((IDeviceConnectionChangeTrigger *)made);
        CHECK_OK(IInspectable_QueryInterface(made, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        IBackgroundTrigger_Release(trigger);
        CHECK(IInspectable_Release(made) == 1);
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        found = find_task(task);
        CHECK_OK(IBackgroundTaskRegistration_QueryInterface(found, &IID_IBackgroundTaskRegistration2,
                                                            (void **)&task2));
        CHECK_OK(IBackgroundTaskRegistration2_get_Trigger(task2, &trigger));
        CHECK_OK(IBackgroundTrigger_QueryInterface(trigger, &IID_IDeviceConnectionChangeTrigger,
                                                   (void **)&connection));
        check_connection(connection);
        IDeviceConnectionChangeTrigger_Release(connection);
        IBackgroundTrigger_Release(trigger);
        IBackgroundTaskRegistration2_Release(task2);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(found);
        IBackgroundTaskRegistration_Release(task);
        IBackgroundTaskBuilder_Release(builder);
}

static void plug_in(void *trigger)
{
        tell_of("device", TOLD_DEVICE, "/dev/ttyUSB1");
}

static void a_device_that_comes_is_told(void)
{
        static const IID *const iids[] = { &IID_IDeviceConnectionChangeTriggerDetails };
        IInspectable *trigger = new_event_trigger(STRING("device"));
        IDeviceConnectionChangeTriggerDetails *details = check_details(
                see_details(trigger, plug_in), u"Windows.Devices.Enumeration.DeviceConnectionChangeTriggerDetails",
                iids, 1);
        HSTRING text = NULL;

        CHECK_OK(IDeviceConnectionChangeTriggerDetails_get_DeviceId(details, &text));
        check_text(text, "/dev/ttyUSB1");
        CHECK(IDeviceConnectionChangeTriggerDetails_Release(details) == 0);
        IInspectable_Release(trigger);
}

/* PushNotificationTrigger. */

static void push_text(void *trigger)
{
        tell_of("push", TOLD_PUSH, "hello");
}

static void push_bytes(void *trigger)
{
        tell_of("push", TOLD_PUSH, "\xff");
}

static void a_push_message_is_told(void)
{
        static const IID *const iids[] = { &IID_IRawNotification };
        IInspectable *trigger = new_event_trigger(STRING("push"));

        for (int i = 0; i < 2; i++) {
                IRawNotification *notification = check_details(
                        see_details(trigger, i == 0 ? push_text : push_bytes),
                        u"Windows.Networking.PushNotifications.RawNotification", iids, 1);
                HSTRING text = NULL;
                HRESULT hr = IRawNotification_get_Content(notification, &text);

                CHECK(hr == (i == 0 ? S_OK : (HRESULT)0x80070459));
                if (i == 0)
                        check_text(text, "hello");
                CHECK(IRawNotification_Release(notification) == 0);
        }
        IInspectable_Release(trigger);
}

/* ToastNotificationActionTrigger, ToastNotificationHistoryChangedTrigger. */

IInspectable *new_event_trigger(HSTRING id)
{
        ICustomSystemEventTriggerFactory *factory = factory_of(STRING(BACKGROUND "CustomSystemEventTrigger"),
                                                               &IID_ICustomSystemEventTriggerFactory);
        ICustomSystemEventTrigger *trigger = NULL;

        CHECK_OK(ICustomSystemEventTriggerFactory_Create(factory, id, CustomSystemEventTriggerRecurrence_Always,
                                                         &trigger));
        return (IInspectable *)trigger;
}

static void invoke_action(void *trigger)
{
        tell_of("toast", TOLD_ACTION, "snooze");
}

static void an_action_of_a_toast_is_told(void)
{
        static const IID *const iids[] = { &IID_IToastNotificationActionTriggerDetail };
        IInspectable *trigger = new_event_trigger(STRING("toast"));
        IToastNotificationActionTriggerDetail *detail = check_details(
                see_details(trigger, invoke_action), u"Windows.UI.Notifications.ToastNotificationActionTriggerDetail",
                iids, 1);
        IMap_HSTRING_IInspectable *map = NULL;
        IPropertySet *input = NULL;
        HSTRING text = NULL;
        boolean has = 0;

        CHECK_OK(IToastNotificationActionTriggerDetail_get_Argument(detail, &text));
        check_text(text, "snooze");
        CHECK_OK(IToastNotificationActionTriggerDetail_get_UserInput(detail, &input));
        CHECK_OK(IPropertySet_QueryInterface(input, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        CHECK_OK(IMap_HSTRING_IInspectable_HasKey(map, STRING("actions"), &has));
        CHECK(has == 1);
        IMap_HSTRING_IInspectable_Release(map);
        IPropertySet_Release(input);
        CHECK(IToastNotificationActionTriggerDetail_Release(detail) == 0);
        IInspectable_Release(trigger);
}

static void expire(void *trigger)
{
        tell_of("toast", TOLD_REASON, "expired");
}

static void dismiss(void *trigger)
{
        tell_of("toast", TOLD_REASON, "dismissed");
}

static void the_end_of_a_toast_is_told(void)
{
        static const IID *const iids[] = { &IID_IToastNotificationHistoryChangedTriggerDetail,
                                           &IID_IToastNotificationHistoryChangedTriggerDetail2 };
        IInspectable *trigger = new_event_trigger(STRING("toast"));

        for (int i = 0; i < 2; i++) {
                ToastHistoryChangedType type = ToastHistoryChangedType_Added;
                IToastNotificationHistoryChangedTriggerDetail *detail = check_details(
                        see_details(trigger, i == 0 ? expire : dismiss),
                        u"Windows.UI.Notifications.ToastNotificationHistoryChangedTriggerDetail", iids, 2);

                CHECK_OK(IToastNotificationHistoryChangedTriggerDetail_get_ChangeType(detail, &type));
                CHECK(type == (i == 0 ? ToastHistoryChangedType_Expired : ToastHistoryChangedType_Removed));
                CHECK(IToastNotificationHistoryChangedTriggerDetail_Release(detail) == 0);
        }
        IInspectable_Release(trigger);
}

static void show_one(void *trigger)
{
        tell_of("notification", TOLD_SHOWN, "added");
}

static void remove_one(void *trigger)
{
        tell_of("notification", TOLD_SHOWN, "removed");
}

static void a_notification_of_another_program_is_told(void)
{
        static const IID *const iids[] = { &IID_IUserNotificationChangedEventArgs };
        IInspectable *trigger = new_event_trigger(STRING("notification"));

        for (int i = 0; i < 2; i++) {
                UserNotificationChangedKind kind = (UserNotificationChangedKind)9;
                IUserNotificationChangedEventArgs *args = check_details(
                        see_details(trigger, i == 0 ? show_one : remove_one),
                        u"Windows.UI.Notifications.UserNotificationChangedEventArgs", iids, 1);
                UINT32 id = 0;

                CHECK_OK(IUserNotificationChangedEventArgs_get_ChangeKind(args, &kind));
                CHECK(kind == (i == 0 ? UserNotificationChangedKind_Added : UserNotificationChangedKind_Removed));
                CHECK_OK(IUserNotificationChangedEventArgs_get_UserNotificationId(args, &id));
                CHECK(id == 4294967295);
                CHECK(IUserNotificationChangedEventArgs_Release(args) == 0);
        }
        IInspectable_Release(trigger);
}

const Row trigger_rows[] = {
        { "MediaProcessingTrigger.RequestAsync(ValueSet)", "media is processed on request, with its arguments",
          media_is_processed_on_request },
        { "DeviceUseTrigger.RequestAsync", "a device is used on request, and the run is told which one",
          a_device_is_used_on_request },
        { "DeviceServicingTrigger.RequestAsync", "a device is serviced on request, and the run is told for how long",
          a_device_is_serviced_on_request },
        { "DeviceTriggerResult", "a task that the user has paused is DeniedByUser",
          requests_for_a_paused_device_task_are_denied },
        { "ours", "a device's id is a path", an_id_is_a_path },
        { "DeviceConnectionChangeTrigger.DeviceId", "a registration keeps the device of its trigger",
          a_registration_keeps_its_device },
        { "DeviceConnectionChangeTriggerDetails.DeviceId", "the device that has come or gone is told",
          a_device_that_comes_is_told },
        { "RawNotification.Content", "a push message is told as text", a_push_message_is_told },
        { "ToastNotificationActionTriggerDetail", "the action of a notification is told",
          an_action_of_a_toast_is_told },
        { "ToastNotificationHistoryChangedTriggerDetail", "the end of a notification is told",
          the_end_of_a_toast_is_told },
        { "UserNotificationChangedTrigger", "a notification that any program has shown, or that has gone, is told",
          a_notification_of_another_program_is_told },
        { NULL },
};
