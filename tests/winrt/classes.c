/* SPDX-License-Identifier: MIT */

/*
 * What every class is by IUnknown and IInspectable, and which triggers Register() takes: those that base/support.def
 * says work, but for the ones of no_way.
 */

#include "conformance.h"

#include <string.h>

#include "getters.h"

#define BACKGROUND "Windows.ApplicationModel.Background."
#define IIDS_MAX 6

typedef struct ClassRow {
        const WCHAR *name;
        const IID *iids[IIDS_MAX]; /* the default one first */
        IInspectable *(*make)(void);
} ClassRow;

static HSTRING string_of_name(const WCHAR *name, HSTRING_HEADER *header)
{
        size_t n = 0;

        while (name[n])
                n++;
        return string_of(name, n, header);
}

#define MAKER(name, factory, method, ...)                                                                       \
        static IInspectable *make_##name(void)                                                                  \
        {                                                                                                       \
                factory *made_by = factory_of(STRING(BACKGROUND #name "Trigger"), &IID_##factory);              \
                void *made = NULL;                                                                              \
                                                                                                                \
                CHECK(factory##_##method(made_by, __VA_ARGS__, NULL) == E_POINTER);                             \
                CHECK_OK(factory##_##method(made_by, __VA_ARGS__, (void *)&made));                              \
                return made;                                                                                    \
        }                                                                                                       \
        struct needs_a_semicolon

MAKER(ActivitySensor, IActivitySensorTriggerFactory, Create, 1000);
MAKER(AppBroadcast, IAppBroadcastTriggerFactory, CreateAppBroadcastTrigger, STRING("provider"));
MAKER(DeviceManufacturerNotification, IDeviceManufacturerNotificationTriggerFactory, Create, STRING("x"), 1);
MAKER(GattCharacteristicNotification, IGattCharacteristicNotificationTriggerFactory, Create, NULL);
MAKER(Location, ILocationTriggerFactory, Create, 0);
MAKER(Maintenance, IMaintenanceTriggerFactory, Create, 15, 0);
MAKER(NetworkOperatorNotification, INetworkOperatorNotificationTriggerFactory, Create, STRING("account"));
MAKER(Phone, IPhoneTriggerFactory, Create, 0, 0);
MAKER(PushNotification, IPushNotificationTriggerFactory, Create, STRING("application"));
MAKER(SensorDataThreshold, ISensorDataThresholdTriggerFactory, Create, NULL);
MAKER(SmartCard, ISmartCardTriggerFactory, Create, 0);
MAKER(SmsMessageReceived, ISmsMessageReceivedTriggerFactory, Create, NULL);
MAKER(System, ISystemTriggerFactory, Create, SystemTriggerType_UserPresent, 0);
MAKER(Time, ITimeTriggerFactory, Create, 15, 0);
MAKER(ToastNotificationAction, IToastNotificationActionTriggerFactory, Create, STRING("application"));
MAKER(UserNotificationChanged, IUserNotificationChangedTriggerFactory, Create, NotificationKinds_Toast);
MAKER(CustomSystemEvent, ICustomSystemEventTriggerFactory, Create, STRING("id"),
      CustomSystemEventTriggerRecurrence_Once);

static IInspectable *make_condition(void)
{
        ISystemConditionFactory *factory =
                factory_of(STRING(BACKGROUND "SystemCondition"), &IID_ISystemConditionFactory);
        ISystemCondition *made = NULL;

        CHECK(ISystemConditionFactory_Create(factory, SystemConditionType_UserPresent, NULL) == E_POINTER);
        CHECK_OK(ISystemConditionFactory_Create(factory, SystemConditionType_UserPresent, &made));
        return (IInspectable *)made;
}

static IInspectable *make_group(void)
{
        IBackgroundTaskRegistrationGroupFactory *factory = factory_of(
                STRING(BACKGROUND "BackgroundTaskRegistrationGroup"), &IID_IBackgroundTaskRegistrationGroupFactory);
        IBackgroundTaskRegistrationGroup *made = NULL;

        CHECK_OK(IBackgroundTaskRegistrationGroupFactory_Create(factory, STRING("group"), &made));
        return (IInspectable *)made;
}

static IInspectable *make_content_trigger(void)
{
        return new_content_trigger(KnownLibraryId_Pictures);
}

static IInspectable *make_tracker_trigger(void)
{
        return new_tracker_trigger(KnownLibraryId_Pictures);
}

static IInspectable *make_DeviceConnectionChange(void)
{
        return new_connection_trigger(STRING("/dev/ttyUSB0"));
}

/* The object of an operation that is over. */
static IInspectable *make_GattServiceProvider(void)
{
        IGattServiceProviderTriggerStatics *statics = factory_of(STRING(BACKGROUND "GattServiceProviderTrigger"),
                                                                 &IID_IGattServiceProviderTriggerStatics);
        IAsyncOperation_GattServiceProviderTriggerResult *operation = NULL;
        IGattServiceProviderTriggerResult *result = NULL;
        IGattServiceProviderTrigger *trigger = NULL;

        CHECK_OK(IGattServiceProviderTriggerStatics_CreateAsync(statics, STRING("id"), test_clsid, &operation));
        CHECK_OK(IAsyncOperation_GattServiceProviderTriggerResult_GetResults(operation, &result));
        CHECK_OK(IGattServiceProviderTriggerResult_get_Trigger(result, &trigger));
        IGattServiceProviderTriggerResult_Release(result);
        IAsyncOperation_GattServiceProviderTriggerResult_Release(operation);
        return (IInspectable *)trigger;
}

/* Those without a maker are made by RoActivateInstance(). */
static const ClassRow refused[] = {
        { u"" BACKGROUND "ActivitySensorTrigger",
          { &IID_IActivitySensorTrigger, &IID_IBackgroundTrigger }, make_ActivitySensor },
        { u"" BACKGROUND "AppBroadcastTrigger",
          { &IID_IAppBroadcastTrigger, &IID_IBackgroundTrigger }, make_AppBroadcast },
        { u"" BACKGROUND "AppointmentStoreNotificationTrigger",
          { &IID_IAppointmentStoreNotificationTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "BluetoothLEAdvertisementPublisherTrigger",
          { &IID_IBluetoothLEAdvertisementPublisherTrigger, &IID_IBluetoothLEAdvertisementPublisherTrigger2,
            &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "BluetoothLEAdvertisementWatcherTrigger",
          { &IID_IBluetoothLEAdvertisementWatcherTrigger, &IID_IBluetoothLEAdvertisementWatcherTrigger2,
            &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "CachedFileUpdaterTrigger", { &IID_ICachedFileUpdaterTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "ChatMessageNotificationTrigger",
          { &IID_IChatMessageNotificationTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "ChatMessageReceivedNotificationTrigger",
          { &IID_IChatMessageReceivedNotificationTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "CommunicationBlockingAppSetAsActiveTrigger",
          { &IID_ICommunicationBlockingAppSetAsActiveTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "ContactStoreNotificationTrigger",
          { &IID_IContactStoreNotificationTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "ContentPrefetchTrigger", { &IID_IContentPrefetchTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "ConversationalAgentTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "DeviceManufacturerNotificationTrigger",
          { &IID_IDeviceManufacturerNotificationTrigger,
            &IID_IBackgroundTrigger }, make_DeviceManufacturerNotification },
        { u"" BACKGROUND "EmailStoreNotificationTrigger",
          { &IID_IEmailStoreNotificationTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "GattCharacteristicNotificationTrigger",
          { &IID_IGattCharacteristicNotificationTrigger, &IID_IGattCharacteristicNotificationTrigger2,
            &IID_IBackgroundTrigger }, make_GattCharacteristicNotification },
        { u"" BACKGROUND "GeovisitTrigger", { &IID_IGeovisitTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "LocationTrigger", { &IID_ILocationTrigger, &IID_IBackgroundTrigger }, make_Location },
        { u"" BACKGROUND "MobileBroadbandDeviceServiceNotificationTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "MobileBroadbandPcoDataChangeTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "MobileBroadbandPinLockStateChangeTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "MobileBroadbandRadioStateChangeTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "MobileBroadbandRegistrationStateChangeTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "NetworkOperatorDataUsageTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "NetworkOperatorHotspotAuthenticationTrigger",
          { &IID_INetworkOperatorHotspotAuthenticationTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "NetworkOperatorNotificationTrigger",
          { &IID_INetworkOperatorNotificationTrigger, &IID_IBackgroundTrigger }, make_NetworkOperatorNotification },
        { u"" BACKGROUND "PaymentAppCanMakePaymentTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "PhoneTrigger", { &IID_IPhoneTrigger, &IID_IBackgroundTrigger }, make_Phone },
        { u"" BACKGROUND "RcsEndUserMessageAvailableTrigger",
          { &IID_IRcsEndUserMessageAvailableTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "RfcommConnectionTrigger", { &IID_IRfcommConnectionTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "SecondaryAuthenticationFactorAuthenticationTrigger",
          { &IID_ISecondaryAuthenticationFactorAuthenticationTrigger, &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "SensorDataThresholdTrigger",
          { &IID_ISensorDataThresholdTrigger, &IID_IBackgroundTrigger }, make_SensorDataThreshold },
        { u"" BACKGROUND "SmartCardTrigger", { &IID_ISmartCardTrigger, &IID_IBackgroundTrigger }, make_SmartCard },
        { u"" BACKGROUND "SmsMessageReceivedTrigger", { &IID_IBackgroundTrigger }, make_SmsMessageReceived },
        { u"" BACKGROUND "TetheringEntitlementCheckTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "WiFiOnDemandHotspotConnectTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "WiFiOnDemandHotspotUpdateMetadataTrigger", { &IID_IBackgroundTrigger } },
        { u"" BACKGROUND "GattServiceProviderTrigger",
          { &IID_IGattServiceProviderTrigger, &IID_IBackgroundTrigger }, make_GattServiceProvider },
        { NULL },
};

static const ClassRow others[] = {
        { u"" BACKGROUND "ApplicationTrigger", { &IID_IApplicationTrigger, &IID_IBackgroundTrigger }, NULL },
        { u"" BACKGROUND "BackgroundTaskBuilder",
          { &IID_IBackgroundTaskBuilder, &IID_IBackgroundTaskBuilder2, &IID_IBackgroundTaskBuilder3,
            &IID_IBackgroundTaskBuilder4, &IID_IBackgroundTaskBuilder5, &IID_IBackgroundTaskBuilder6 }, NULL },
        { u"" BACKGROUND "BackgroundTaskRegistrationGroup", { &IID_IBackgroundTaskRegistrationGroup }, make_group },
        { u"" BACKGROUND "CustomSystemEventTrigger",
          { &IID_ICustomSystemEventTrigger, &IID_IBackgroundTrigger }, make_CustomSystemEvent },
        { u"" BACKGROUND "DeviceConnectionChangeTrigger",
          { &IID_IDeviceConnectionChangeTrigger, &IID_IBackgroundTrigger }, make_DeviceConnectionChange },
        { u"" BACKGROUND "DeviceServicingTrigger", { &IID_IDeviceServicingTrigger, &IID_IBackgroundTrigger }, NULL },
        { u"" BACKGROUND "DeviceUseTrigger", { &IID_IDeviceUseTrigger, &IID_IBackgroundTrigger }, NULL },
        { u"" BACKGROUND "MaintenanceTrigger",
          { &IID_IMaintenanceTrigger, &IID_IBackgroundTrigger }, make_Maintenance },
        { u"" BACKGROUND "MediaProcessingTrigger",
          { &IID_IMediaProcessingTrigger, &IID_IBackgroundTrigger }, NULL },
        { u"" BACKGROUND "PushNotificationTrigger", { &IID_IBackgroundTrigger }, make_PushNotification },
        { u"" BACKGROUND "SocketActivityTrigger",
          { &IID_IBackgroundTrigger, &IID_ISocketActivityTrigger }, NULL },
        { u"" BACKGROUND "StorageLibraryChangeTrackerTrigger", { &IID_IBackgroundTrigger }, make_tracker_trigger },
        { u"" BACKGROUND "StorageLibraryContentChangedTrigger",
          { &IID_IStorageLibraryContentChangedTrigger, &IID_IBackgroundTrigger }, make_content_trigger },
        { u"" BACKGROUND "SystemCondition", { &IID_ISystemCondition, &IID_IBackgroundCondition }, make_condition },
        { u"" BACKGROUND "SystemTrigger", { &IID_ISystemTrigger, &IID_IBackgroundTrigger }, make_System },
        { u"" BACKGROUND "TimeTrigger", { &IID_ITimeTrigger, &IID_IBackgroundTrigger }, make_Time },
        { u"" BACKGROUND "ToastNotificationActionTrigger", { &IID_IBackgroundTrigger }, make_ToastNotificationAction },
        { u"" BACKGROUND "ToastNotificationHistoryChangedTrigger", { &IID_IBackgroundTrigger }, NULL },
        { u"" BACKGROUND "UserNotificationChangedTrigger",
          { &IID_IBackgroundTrigger }, make_UserNotificationChanged },
        { NULL },
};

static IInspectable *make(const ClassRow *row)
{
        IInspectable *made = NULL;
        HSTRING_HEADER header;

        if (row->make)
                return row->make();
        CHECK(RoActivateInstance(string_of_name(row->name, &header), NULL) == E_POINTER);
        CHECK_OK(RoActivateInstance(string_of_name(row->name, &header), &made));
        return made;
}

/* Each method that hands something out refuses to hand it to nobody. */
static void check_getters(void *face, const IID *iid)
{
        const struct {
                HRESULT (STDMETHODCALLTYPE *methods[64])(void *self, void *ret);
        } *const vtable = *(const void *const *)face;

        for (size_t i = 0; i < sizeof getters / sizeof *getters; i++)
                if (memcmp(getters[i].iid, iid, sizeof *iid) == 0 &&
                    vtable->methods[getters[i].slot](face, NULL) != E_POINTER)
                        fail_row(__FILE__, __LINE__, getters[i].method);
}

/* A revoker of C++/WinRT keeps one of whatever has the event. */
static void check_weak_reference(IInspectable *object, IUnknown *unknown)
{
        IWeakReferenceSource *source = NULL;
        IWeakReference *weak = NULL;
        IUnknown *found = NULL;

        CHECK_OK(IInspectable_QueryInterface(object, &IID_IWeakReferenceSource, (void **)&source));
        CHECK_OK(IWeakReferenceSource_GetWeakReference(source, &weak));
        CHECK_OK(IWeakReferenceSource_QueryInterface(source, &IID_IUnknown, (void **)&found));
        CHECK(found == unknown);
        IUnknown_Release(found);
        IWeakReferenceSource_Release(source);
        CHECK_OK(IWeakReference_Resolve(weak, &IID_IUnknown, (IInspectable **)&found));
        CHECK(found == unknown);
        IUnknown_Release(found);
        IWeakReference_Release(weak);
}

static int is_among(const IID *iid, const IID *const *iids, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (memcmp(iid, iids[i], sizeof *iid) == 0)
                        return 1;
        return 0;
}

/* Of all interfaces that the header has, it answers for these and for what every object is. */
static void check_no_others(IInspectable *object, const IID *const *iids, size_t n_iids)
{
        static const IID *const common[] = { &IID_IUnknown, &IID_IInspectable, &IID_IAgileObject,
                                             &IID_IWeakReferenceSource };

        for (size_t i = 0; i < sizeof known_iids / sizeof *known_iids; i++) {
                int is_its = is_among(known_iids[i], iids, n_iids) || is_among(known_iids[i], common, 4);
                void *found = &found;
                HRESULT hr = IInspectable_QueryInterface(object, known_iids[i], &found);

                CHECK(hr == (is_its ? S_OK : E_NOINTERFACE) && !found == !is_its);
                if (found)
                        IUnknown_Release((IUnknown *)found);
        }
}

void check_interfaces(void *of, const IID *const *iids, size_t n_iids)
{
        IInspectable *object = of;
        IUnknown *unknown, *again;
        IID *found = NULL;
        TrustLevel trust = FullTrust;
        ULONG n = 0;

        CHECK_OK(IInspectable_QueryInterface(object, &IID_IUnknown, (void **)&unknown));
        for (size_t i = 0; i < n_iids; i++) {
                IInspectable *face = NULL, *back = NULL;

                CHECK_OK(IInspectable_QueryInterface(object, iids[i], (void **)&face));
                CHECK_OK(IInspectable_QueryInterface(face, &IID_IUnknown, (void **)&again));
                CHECK(again == unknown);
                IUnknown_Release(again);
                check_getters(face, iids[i]);
                CHECK_OK(IInspectable_QueryInterface(face, iids[0], (void **)&back));
                IInspectable_Release(back);
                IInspectable_Release(face);
        }
        CHECK_OK(IInspectable_QueryInterface(object, &IID_IInspectable, (void **)&again));
        IUnknown_Release(again);
        CHECK_OK(IInspectable_QueryInterface(object, &IID_IAgileObject, (void **)&again));
        IUnknown_Release(again);
        check_weak_reference(object, unknown);
        check_no_others(object, iids, n_iids);
        CHECK(IInspectable_QueryInterface(object, &IID_IUnknown, NULL) == E_POINTER);
        CHECK(IInspectable_GetIids(object, NULL, &found) == E_POINTER);
        CHECK(IInspectable_GetIids(object, &n, NULL) == E_POINTER);
        CHECK_OK(IInspectable_GetIids(object, &n, &found));
        CHECK(n == n_iids);
        for (ULONG i = 0; i < n; i++)
                CHECK(memcmp(&found[i], iids[i], sizeof(IID)) == 0);
        CoTaskMemFree(found);
        CHECK(IInspectable_GetTrustLevel(object, NULL) == E_POINTER);
        CHECK_OK(IInspectable_GetTrustLevel(object, &trust));
        CHECK(trust == BaseTrust);
        IUnknown_Release(unknown);
}

void check_class_name(void *of, const WCHAR *expected)
{
        HSTRING_HEADER header;
        HSTRING name = NULL;
        INT32 order = 9;

        CHECK(IInspectable_GetRuntimeClassName((IInspectable *)of, NULL) == E_POINTER);
        CHECK_OK(IInspectable_GetRuntimeClassName((IInspectable *)of, &name));
        CHECK_OK(WindowsCompareStringOrdinal(name, string_of_name(expected, &header), &order));
        CHECK(order == 0);
        CHECK_OK(WindowsDeleteString(name));
}

static void check_rows(const ClassRow *rows)
{
        for (; rows->name; rows++) {
                IInspectable *made = make(rows);
                size_t n = 0;

                row_of_table(rows->name);
                while (n < IIDS_MAX && rows->iids[n])
                        n++;
                check_interfaces(made, rows->iids, n);
                check_class_name(made, rows->name);
                CHECK(IInspectable_Release(made) == 0);
        }
}

static void every_class_is_exact(void)
{
        check_rows(others);
}

static void every_refused_trigger_is_exact(void)
{
        check_rows(refused);
}

static void factories_are_exact(void)
{
        static const IID *const iids[] = { &IID_IActivationFactory, &IID_ITimeTriggerFactory };
        void *factory = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);

        check_interfaces(factory, iids, 2);
        check_class_name(factory, u"" BACKGROUND "TimeTrigger");
}

static void check_factory(const WCHAR *name)
{
        HSTRING_HEADER header;
        IActivationFactory *factory = factory_of(string_of_name(name, &header), &IID_IActivationFactory);
        IInspectable *made = (void *)&made;
        const IID *pointers[IIDS_MAX];
        IID *iids = NULL;
        ULONG n = 0;
        HRESULT hr;

        row_of_table(name);
        CHECK_OK(IActivationFactory_GetIids(factory, &n, &iids));
        CHECK(n > 0 && n <= IIDS_MAX && memcmp(&iids[0], &IID_IActivationFactory, sizeof *iids) == 0);
        for (ULONG i = 0; i < n; i++)
                pointers[i] = &iids[i];
        check_interfaces(factory, pointers, n);
        check_class_name(factory, name);
        CHECK(IActivationFactory_ActivateInstance(factory, NULL) == E_POINTER);
        hr = IActivationFactory_ActivateInstance(factory, &made);
        CHECK((hr == S_OK && made) || (hr == E_NOTIMPL && !made));
        if (made) {
                check_class_name(made, name);
                IInspectable_Release(made);
        }
        CoTaskMemFree(iids);
        IActivationFactory_Release(factory);
}

static void every_factory_is_exact(void)
{
        static const WCHAR *const more[] = {
                u"" BACKGROUND "AlarmApplicationManager", u"" BACKGROUND "BackgroundExecutionManager",
                u"" BACKGROUND "BackgroundTaskRegistration", u"" BACKGROUND "BackgroundWorkCost",
                u"Windows.ApplicationModel.Package", u"Windows.Foundation.Collections.PropertySet",
                u"Windows.Foundation.Collections.ValueSet", u"Windows.Foundation.PropertyValue",
                u"Windows.Networking.HostName", u"Windows.Networking.Sockets.DatagramSocket",
                u"Windows.Networking.Sockets.SocketActivityContext",
                u"Windows.Networking.Sockets.SocketActivityInformation", u"Windows.Networking.Sockets.StreamSocket",
                u"Windows.Networking.Sockets.StreamSocketListener", u"Windows.Storage.ApplicationData",
                u"Windows.Storage.StorageLibrary", u"Windows.Storage.Streams.Buffer",
                u"Windows.Storage.Streams.DataReader", u"Windows.Storage.Streams.DataWriter",
        };
        const ClassRow *const tables[] = { refused, others };

        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
                for (const ClassRow *row = tables[i]; row->name; row++)
                        check_factory(row->name);
        for (size_t i = 0; i < sizeof more / sizeof *more; i++)
                check_factory(more[i]);
}

/* What works by the list, and cannot be registered through Windows' classes here; docs/winrt.md says why. */
static const char *const no_way[] = {
        "DeviceWatcherTrigger",
};

typedef struct SupportedRow {
        const char *list;
        const char *symbol; /* of what works; else NULL */
        const char *name;   /* of what is refused; else NULL */
} SupportedRow;

static const SupportedRow supported[] = {
#define X_WORKS(list, symbol, source, use) { #list, #symbol, NULL },
#define X_REFUSED(list, name, why, nearest, how) { #list, NULL, name },
#include "base/support.def"
};

static const struct {
        const char *symbol;
        const char *name;
} terms[] = {
#define X_TRIGGER(symbol, number, name) { #symbol, name },
#include "base/terms.def"
};

/* The trigger class that a row is of, NULL for one of another list or of ours. */
static const char *class_of_supported(const SupportedRow *row)
{
        const char *name = row->name;

        if (strcmp(row->list, "TRIGGER") != 0)
                return NULL;
        for (size_t i = 0; i < sizeof terms / sizeof *terms && !name; i++)
                if (strcmp(terms[i].symbol, row->symbol) == 0)
                        name = terms[i].name;
        CHECK(name);
        return strstr(name, "Trigger") ? name : NULL;
}

static int has_no_way(const char *name)
{
        for (size_t i = 0; i < sizeof no_way / sizeof *no_way; i++)
                if (strcmp(no_way[i], name) == 0)
                        return 1;
        return 0;
}

/* A class by its name without its namespace. */
static int is_class(const WCHAR *full_name, const char *name)
{
        full_name += strlen(BACKGROUND);
        while (*name && *full_name == (WCHAR)*name)
                full_name++, name++;
        return *full_name == 0 && *name == 0;
}

static const ClassRow *find_class(const char *name)
{
        const ClassRow *const tables[] = { refused, others };

        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
                for (const ClassRow *row = tables[i]; row->name; row++)
                        if (is_class(row->name, name))
                                return row;
        return NULL;
}

/* What Register() says to a trigger of this class; Validate() has to say the same. */
static HRESULT register_class(const ClassRow *row)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Any class"), 0, 1);
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTaskBuilder6 *builder6 = NULL;
        IBackgroundTrigger *trigger = NULL;
        IInspectable *made = make(row);
        boolean valid = 9;
        HRESULT hr;

        CHECK_OK(IInspectable_QueryInterface(made, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder6, (void **)&builder6));
        CHECK_OK(IBackgroundTaskBuilder6_Validate(builder6, &valid));
        hr = IBackgroundTaskBuilder_Register(builder, &task);
        CHECK(valid == SUCCEEDED(hr) && !task == !valid);
        if (task) {
                CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
                IBackgroundTaskRegistration_Release(task);
        }
        IBackgroundTaskBuilder6_Release(builder6);
        IBackgroundTrigger_Release(trigger);
        IInspectable_Release(made);
        IBackgroundTaskBuilder_Release(builder);
        return hr;
}

static void register_takes_the_triggers_that_work(void)
{
        for (size_t i = 0; i < sizeof supported / sizeof *supported; i++) {
                const char *name = class_of_supported(&supported[i]);
                const ClassRow *row = name ? find_class(name) : NULL;
                int works = supported[i].symbol != NULL;

                if (row) {
                        row_of_table(row->name);
                        CHECK(register_class(row) ==
                              (works && !has_no_way(name) ? S_OK : (HRESULT)0x80070032));
                }
        }
}

static size_t is_trigger(const ClassRow *row)
{
        for (size_t i = 0; i < IIDS_MAX && row->iids[i]; i++)
                if (row->iids[i] == &IID_IBackgroundTrigger)
                        return 1;
        return 0;
}

static void classes_and_the_list_of_what_works_agree(void)
{
        const ClassRow *const tables[] = { refused, others };

        for (size_t i = 0; i < sizeof supported / sizeof *supported; i++) {
                const char *name = class_of_supported(&supported[i]);
                WCHAR full_name[128] = u"" BACKGROUND;
                size_t n = strlen(BACKGROUND);
                HSTRING_HEADER header;
                void *factory = NULL;

                if (!name || find_class(name))
                        continue;
                for (const char *c = name; *c; c++)
                        full_name[n++] = (WCHAR)*c;
                row_of_table(full_name);
                CHECK(!supported[i].symbol || has_no_way(name));
                CHECK(RoGetActivationFactory(string_of_name(full_name, &header), &IID_IActivationFactory,
                                             &factory) == REGDB_E_CLASSNOTREG);
        }
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
                for (const ClassRow *row = tables[i]; row->name; row++) {
                        size_t n_found = 0;

                        row_of_table(row->name);
                        for (size_t j = 0; j < sizeof supported / sizeof *supported; j++) {
                                const char *name = class_of_supported(&supported[j]);

                                n_found += name && is_class(row->name, name);
                        }
                        CHECK(n_found == is_trigger(row));
                }
}

static void methods_of_triggers_without_meaning_are_not_implemented(void)
{
        const struct {
                IInspectableVtbl inspectable;
                HRESULT (STDMETHODCALLTYPE *request)(void *self, void **ret_operation);
        } *vtable;
        IInspectable *made = NULL;
        void *operation = NULL;

        CHECK_OK(RoActivateInstance(STRING(BACKGROUND "GeovisitTrigger"), &made));
        vtable = (const void *)made->lpVtbl;
        CHECK(vtable->request(made, &operation) == E_NOTIMPL && !operation);
        IInspectable_Release(made);
}

const Row class_rows[] = {
        { "IInspectable", "every class has its interfaces, one identity, its name, and is agile",
          every_class_is_exact },
        { "IInspectable", "so has every trigger class that can only be made", every_refused_trigger_is_exact },
        { "IActivationFactory", "so have factories", factories_are_exact },
        { "IActivationFactory", "and each of them is agile and makes an object of its class, or none",
          every_factory_is_exact },
        { "ours", "methods of triggers that have no meaning here are E_NOTIMPL",
          methods_of_triggers_without_meaning_are_not_implemented },
        { "ours", "every trigger class is in the list of what works here, and the other way round",
          classes_and_the_list_of_what_works_agree },
        { NULL },
};

const Row refused_rows[] = {
        { "WindowsAppSDK 3840", "Register() takes the triggers that work here, any other is ERROR_NOT_SUPPORTED",
          register_takes_the_triggers_that_work },
        { NULL },
};
