/* SPDX-License-Identifier: MIT */

/* A class for each trigger that tells something; what several tell alike, the same function reads. */

#include "winrt/details.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "winrt/changes.h"
#include "winrt/folder.h"
#include "winrt/library.h"
#include "winrt/socket-activity.h"
#include "winrt/valueset.h"

/* What details_pass_on() makes of details. */
#define PASSED_KIND "winrt.trigger"
#define PASSED_RECORD "winrt.details"

typedef struct Details {
        Object object;
        bgt_record *record; /* what the broker told */
        bgt_trigger *trigger;
        bgt_registration *task; /* this and the next one only where the run may take what it is told of */
        bgt_instance *instance;
        int kind; /* of the trigger that it was told by, which may have been another one */
} Details;

static Details *details_of(void *self)
{
        return (Details *)object_of(self);
}

static void details_done(Object *object)
{
        bgt_record_unref(((Details *)object)->record);
        bgt_trigger_unref(((Details *)object)->trigger);
        bgt_registration_unref(((Details *)object)->task);
        bgt_instance_unref(((Details *)object)->instance);
}

/* All of what was told, as a set. */
static STDMETHODIMP get_set(void *self, IPropertySet **ret_value)
{
        return ret_value ? valueset_from_record(details_of(self)->record, ret_value) : E_POINTER;
}

static HRESULT get_text(void *self, const char *key, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(bgt_record_string(details_of(self)->record, key) ?: "", ret_value) :
                E_POINTER;
}

static STDMETHODIMP get_device_id(void *self, HSTRING *ret_value)
{
        return get_text(self, "device-id", ret_value);
}

static STDMETHODIMP get_device_arguments(void *self, HSTRING *ret_value)
{
        return get_text(self, "arguments", ret_value);
}

static STDMETHODIMP get_expected_duration(IDeviceServicingDetails *self, TimeSpan *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        ret_value->Duration = (INT64)bgt_record_uint(details_of(self)->record, "expected-duration", 0) * 10;
        return S_OK;
}

/* The newest of a list of what has happened, "" where it is empty. */
static const char *newest(const Details *details, const char *key)
{
        size_t n = 0;
        const char *const *all = bgt_record_strings(details->record, key, &n);

        return n > 0 ? all[n - 1] : "";
}

/* The id that the trigger was made with; where that is elsewhere, the device's node. */
static STDMETHODIMP get_connection_id(IDeviceConnectionChangeTriggerDetails *self, HSTRING *ret_value)
{
        const Details *details = details_of(self);
        const char *id = bgt_trigger_kind(details->trigger) == details->kind ? bgt_trigger_id(details->trigger) : NULL;

        return ret_value ? string_from_utf8(id ?: newest(details, "nodes"), ret_value) : E_POINTER;
}

/* Text, which Windows' services send; what is none is in bgt_instance_details(). */
static STDMETHODIMP get_content(IRawNotification *self, HSTRING *ret_value)
{
        size_t n = 0;
        const char *message = bgt_record_bytes(details_of(self)->record, "message", &n);
        _cleanup_(freep) char *text = NULL;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        if (!utf8_is_valid(message ?: "", n))
                return (HRESULT)0x80070459; /* ERROR_NO_UNICODE_TRANSLATION */
        text = strndup(message ?: "", n);
        return text ? string_from_utf8(text, ret_value) : E_OUTOFMEMORY;
}

static STDMETHODIMP get_toast_argument(IToastNotificationActionTriggerDetail *self, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(newest(details_of(self), "actions"), ret_value) : E_POINTER;
}

static STDMETHODIMP get_change_type(IToastNotificationHistoryChangedTriggerDetail *self,
                                    ToastHistoryChangedType *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = strcmp(newest(details_of(self), "reasons"), "expired") == 0 ? ToastHistoryChangedType_Expired :
                ToastHistoryChangedType_Removed;
        return S_OK;
}

/* The desktop has no collections. */
static STDMETHODIMP get_collection_id(IToastNotificationHistoryChangedTriggerDetail2 *self, HSTRING *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return S_OK;
}

/* Of the newest: what has happened on other sockets is told again as long as no run has taken them. */
static STDMETHODIMP get_reason(ISocketActivityTriggerDetails *self, SocketActivityTriggerReason *ret_value)
{
        static const char *const reasons[] = {
                [SocketActivityTriggerReason_SocketActivity] = "SocketActivity",
                [SocketActivityTriggerReason_ConnectionAccepted] = "ConnectionAccepted",
                [SocketActivityTriggerReason_KeepAliveTimerExpired] = "KeepAliveTimerExpired",
                [SocketActivityTriggerReason_SocketClosed] = "SocketClosed",
        };
        const char *reason = newest(details_of(self), "reasons");

        if (!ret_value)
                return E_POINTER;
        *ret_value = SocketActivityTriggerReason_None;
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (reasons[i] && strcmp(reasons[i], reason) == 0)
                        *ret_value = (SocketActivityTriggerReason)i;
        return S_OK;
}

/* NULL where it has been passed on to another run. */
static STDMETHODIMP get_socket_information(ISocketActivityTriggerDetails *self, ISocketActivityInformation **ret_value)
{
        const Details *details = details_of(self);

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return details->task ?
                socket_information_new(details->task, newest(details, "sockets"), details->instance, ret_value) : S_OK;
}

/* Of the newest; where nothing is known of it, that one is gone whose id no notification has. */
static STDMETHODIMP get_change_kind(IUserNotificationChangedEventArgs *self, UserNotificationChangedKind *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = strcmp(newest(details_of(self), "changes"), "added") == 0 ? UserNotificationChangedKind_Added :
                UserNotificationChangedKind_Removed;
        return S_OK;
}

static STDMETHODIMP get_notification_id(IUserNotificationChangedEventArgs *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = (UINT32)strtoul(newest(details_of(self), "notifications"), NULL, 10);
        return S_OK;
}

/* Where the changes are. To be freed; NULL: no memory. */
static char *changed_folder(void *self)
{
        size_t n = 0;
        const char *const *paths = bgt_record_strings(details_of(self)->record, "paths", &n);

        return library_folder_of(paths, n);
}

static STDMETHODIMP get_folder(void *self, IStorageFolder **ret_value)
{
        _cleanup_(freep) char *folder = NULL;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        folder = changed_folder(self);
        return folder ? folder_new(folder, ret_value) : E_OUTOFMEMORY;
}

static STDMETHODIMP create_query(IStorageLibraryContentChangedTriggerDetails *self, DateTime last, void **ret_query)
{
        if (!ret_query)
                return E_POINTER;
        *ret_query = NULL;
        return E_NOTIMPL;
}

static STDMETHODIMP get_change_tracker(IStorageLibraryChangeTrackerTriggerDetails *self,
                                       IStorageLibraryChangeTracker **ret_value)
{
        _cleanup_(freep) char *folder = NULL;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        folder = changed_folder(self);
        return folder ? library_new_tracker(folder, ret_value) : E_OUTOFMEMORY;
}

static const IApplicationTriggerDetailsVtbl application_vtable = {
        INSPECTABLE_SLOTS, .get_Arguments = (void *)get_set,
};
static const IMediaProcessingTriggerDetailsVtbl media_vtable = {
        INSPECTABLE_SLOTS, .get_Arguments = (void *)get_set,
};
static const IDeviceUseDetailsVtbl use_vtable = {
        INSPECTABLE_SLOTS, .get_DeviceId = (void *)get_device_id, .get_Arguments = (void *)get_device_arguments,
};
static const IDeviceServicingDetailsVtbl servicing_vtable = {
        INSPECTABLE_SLOTS, .get_DeviceId = (void *)get_device_id, .get_Arguments = (void *)get_device_arguments,
        .get_ExpectedDuration = get_expected_duration,
};
static const IDeviceConnectionChangeTriggerDetailsVtbl connection_vtable = {
        INSPECTABLE_SLOTS, .get_DeviceId = get_connection_id,
};
static const IStorageLibraryContentChangedTriggerDetailsVtbl content_vtable = {
        INSPECTABLE_SLOTS, .get_Folder = (void *)get_folder, .CreateModifiedSinceQuery = create_query,
};
static const IStorageLibraryChangeTrackerTriggerDetailsVtbl tracker_vtable = {
        INSPECTABLE_SLOTS, .get_Folder = (void *)get_folder, .get_ChangeTracker = get_change_tracker,
};
static const ISocketActivityTriggerDetailsVtbl socket_vtable = {
        INSPECTABLE_SLOTS, .get_Reason = get_reason, .get_SocketInformation = get_socket_information,
};
static const IRawNotificationVtbl raw_vtable = { INSPECTABLE_SLOTS, .get_Content = get_content };
static const IToastNotificationActionTriggerDetailVtbl toast_action_vtable = {
        INSPECTABLE_SLOTS, .get_Argument = get_toast_argument, .get_UserInput = (void *)get_set,
};
static const IToastNotificationHistoryChangedTriggerDetailVtbl toast_history_vtable = {
        INSPECTABLE_SLOTS, .get_ChangeType = get_change_type,
};
static const IToastNotificationHistoryChangedTriggerDetail2Vtbl toast_history2_vtable = {
        INSPECTABLE_SLOTS, .get_CollectionId = get_collection_id,
};
static const IUserNotificationChangedEventArgsVtbl user_notification_vtable = {
        INSPECTABLE_SLOTS, .get_ChangeKind = get_change_kind, .get_UserNotificationId = get_notification_id,
};

#define CLASS(text, ...) \
        { .name = u"Windows." text, .size = sizeof(Details), .done = details_done, .faces = { __VA_ARGS__ } }

static const struct {
        int kind;
        Class class_;
} classes[] = {
        { BGT_TRIGGER_APPLICATION, CLASS(u"ApplicationModel.Background.ApplicationTriggerDetails",
                                         { &IID_IApplicationTriggerDetails, &application_vtable, NULL }) },
        { BGT_TRIGGER_MEDIA_PROCESSING, CLASS(u"Media.MediaProcessingTriggerDetails",
                                              { &IID_IMediaProcessingTriggerDetails, &media_vtable, NULL }) },
        { BGT_TRIGGER_DEVICE_USE, CLASS(u"Devices.Background.DeviceUseDetails",
                                        { &IID_IDeviceUseDetails, &use_vtable, NULL }) },
        { BGT_TRIGGER_DEVICE_SERVICING, CLASS(u"Devices.Background.DeviceServicingDetails",
                                              { &IID_IDeviceServicingDetails, &servicing_vtable, NULL }) },
        { BGT_TRIGGER_DEVICE_CONNECTION_CHANGE,
          CLASS(u"Devices.Enumeration.DeviceConnectionChangeTriggerDetails",
                { &IID_IDeviceConnectionChangeTriggerDetails, &connection_vtable, NULL }) },
        { BGT_TRIGGER_STORAGE_CONTENT_CHANGED,
          CLASS(u"Storage.Search.StorageLibraryContentChangedTriggerDetails",
                { &IID_IStorageLibraryContentChangedTriggerDetails, &content_vtable, NULL }) },
        { BGT_TRIGGER_STORAGE_CHANGE_TRACKER,
          CLASS(u"Storage.Search.StorageLibraryChangeTrackerTriggerDetails",
                { &IID_IStorageLibraryChangeTrackerTriggerDetails, &tracker_vtable, NULL }) },
        { BGT_TRIGGER_SOCKET_ACTIVITY, CLASS(u"Networking.Sockets.SocketActivityTriggerDetails",
                                             { &IID_ISocketActivityTriggerDetails, &socket_vtable, NULL }) },
        { BGT_TRIGGER_PUSH_NOTIFICATION, CLASS(u"Networking.PushNotifications.RawNotification",
                                               { &IID_IRawNotification, &raw_vtable, NULL }) },
        { BGT_TRIGGER_TOAST_ACTION,
          CLASS(u"UI.Notifications.ToastNotificationActionTriggerDetail",
                { &IID_IToastNotificationActionTriggerDetail, &toast_action_vtable, NULL }) },
        { BGT_TRIGGER_TOAST_HISTORY_CHANGED,
          CLASS(u"UI.Notifications.ToastNotificationHistoryChangedTriggerDetail",
                { &IID_IToastNotificationHistoryChangedTriggerDetail, &toast_history_vtable, NULL },
                { &IID_IToastNotificationHistoryChangedTriggerDetail2, &toast_history2_vtable, NULL }) },
        { BGT_TRIGGER_USER_NOTIFICATION_CHANGED,
          CLASS(u"UI.Notifications.UserNotificationChangedEventArgs",
                { &IID_IUserNotificationChangedEventArgs, &user_notification_vtable, NULL }) },
};

static const Class *class_of(int kind)
{
        for (size_t i = 0; i < ELEMENTSOF(classes); i++)
                if (classes[i].kind == kind)
                        return &classes[i].class_;
        return NULL;
}

/* The kind of the trigger that has fired a run, and what it told; 0: none has. */
static int kind_of(bgt_instance *instance, const bgt_record **ret_record)
{
        const char *by = bgt_record_string(bgt_instance_firing(instance), "fired-by");
        const bgt_record *record = bgt_instance_details(instance);
        int kind = bgt_trigger_kind(bgt_registration_trigger(bgt_instance_task(instance)));

        if (by && strcmp(by, "manual") == 0)
                return 0;
        if (kind == BGT_TRIGGER_CUSTOM_SYSTEM_EVENT) {
                kind = (int)bgt_record_uint(record, PASSED_KIND, 0);
                record = bgt_record_record(record, PASSED_RECORD);
        }
        *ret_record = record;
        return kind;
}

void details_note(bgt_instance *instance)
{
        const bgt_record *record = NULL;

        if (kind_of(instance, &record) == BGT_TRIGGER_STORAGE_CHANGE_TRACKER)
                changes_note(record);
}

HRESULT details_new(bgt_instance *instance, IInspectable **ret)
{
        const bgt_record *record = NULL;
        int kind = kind_of(instance, &record);
        Details *details;

        *ret = NULL;
        if (!class_of(kind))
                return S_OK;
        details = (Details *)object_new(class_of(kind));
        if (!details)
                return E_OUTOFMEMORY;
        /* A record is counted, and this one does not change any more. */
        details->record = bgt_record_ref((bgt_record *)record);
        details->trigger = bgt_trigger_ref(bgt_registration_trigger(bgt_instance_task(instance)));
        details->kind = kind;
        if (kind == BGT_TRIGGER_SOCKET_ACTIVITY && kind == bgt_trigger_kind(details->trigger)) {
                details->task = bgt_registration_ref(bgt_instance_task(instance));
                details->instance = bgt_instance_ref(instance);
        }
        *ret = object_face(&details->object, 0);
        return S_OK;
}

HRESULT details_pass_on(IInspectable *told, bgt_record **ret)
{
        const Details *details = NULL;
        bgt_record *record;

        *ret = NULL;
        for (size_t i = 0; i < ELEMENTSOF(classes) && !details; i++)
                details = (Details *)object_of_class(told, &classes[i].class_);
        if (!details)
                return S_OK;
        record = bgt_record_new();
        if (!record || bgt_record_set_uint(record, PASSED_KIND, (uint64_t)details->kind) < 0 ||
            bgt_record_set_record(record, PASSED_RECORD, details->record) < 0) {
                bgt_record_unref(record);
                return E_OUTOFMEMORY;
        }
        *ret = record;
        return S_OK;
}
