/* SPDX-License-Identifier: MIT */

/* Every allocation of an operation fails once: the operation says E_OUTOFMEMORY, and nothing is left. */

#include "conformance.h"

#include <string.h>

#include "wrap.h"

#define BACKGROUND "Windows.ApplicationModel.Background."
/* What is made is given back whatever happens: the first failure is told, and what comes behind it is left out. */
#define TRY(call)                               \
        do {                                    \
                if (SUCCEEDED(hr))              \
                        hr = (call);            \
        } while (0)
#define DROP(object)                                                    \
        do {                                                            \
                if (object)                                             \
                        IUnknown_Release((IUnknown *)(object));         \
                (object) = NULL;                                        \
        } while (0)

void begin_row(void)
{
        size_t left;

        if (!wrap_begin(SIZE_MAX))
                skip_row("the objects are in a library");
        (void)wrap_end(&left);
}

void sweep(HRESULT (*operation)(void))
{
        for (size_t n = 0;; n++) {
                UINT32 tasks = count_tasks();
                size_t left = 0;
                HRESULT hr;
                int has_failed;

                (void)wrap_begin(n);
                hr = operation();
                has_failed = wrap_end(&left);
                CHECK(left == 0);
                CHECK(count_tasks() == tasks);
                if (!has_failed) {
                        CHECK_OK(hr);
                        CHECK(n > 0);
                        return;
                }
                CHECK(hr == E_OUTOFMEMORY);
        }
}

static HRESULT make_strings(void)
{
        HSTRING a = NULL, b = NULL, both = NULL;
        HRESULT hr = WindowsCreateString(u"a", 1, &a);

        TRY(WindowsDuplicateString(STRING("b"), &b));
        TRY(WindowsConcatString(a, b, &both));
        (void)WindowsDeleteString(a);
        (void)WindowsDeleteString(b);
        (void)WindowsDeleteString(both);
        return hr;
}

static void strings(void)
{
        begin_row();
        sweep(make_strings);
}

static HRESULT look_at(IInspectable *object)
{
        HSTRING name = NULL;
        IID *iids = NULL;
        ULONG n = 0;
        HRESULT hr = IInspectable_GetIids(object, &n, &iids);

        TRY(IInspectable_GetRuntimeClassName(object, &name));
        CoTaskMemFree(iids);
        (void)WindowsDeleteString(name);
        return hr;
}

static HRESULT make_values(void)
{
        ITimeTriggerFactory *times = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);
        ICustomSystemEventTriggerFactory *events =
                factory_of(STRING(BACKGROUND "CustomSystemEventTrigger"), &IID_ICustomSystemEventTriggerFactory);
        ISystemConditionFactory *conditions =
                factory_of(STRING(BACKGROUND "SystemCondition"), &IID_ISystemConditionFactory);
        IInspectable *media = NULL;
        ITimeTrigger *time_trigger = NULL;
        ICustomSystemEventTrigger *event = NULL;
        ISystemCondition *condition = NULL;
        HSTRING id = NULL;
        HRESULT hr = ITimeTriggerFactory_Create(times, 15, 0, &time_trigger);

        TRY(look_at((IInspectable *)time_trigger));
        TRY(ICustomSystemEventTriggerFactory_Create(events, STRING("id"), CustomSystemEventTriggerRecurrence_Once,
                                                    &event));
        TRY(ICustomSystemEventTrigger_get_TriggerId(event, &id));
        TRY(ISystemConditionFactory_Create(conditions, SystemConditionType_UserPresent, &condition));
        TRY(RoActivateInstance(STRING(BACKGROUND "MediaProcessingTrigger"), &media));
        (void)WindowsDeleteString(id);
        DROP(media);
        DROP(condition);
        DROP(event);
        DROP(time_trigger);
        return hr;
}

static void values_and_their_factories(void)
{
        begin_row();
        sweep(make_values);
}

static HRESULT fill_builder(IBackgroundTaskBuilder *builder)
{
        ITimeTriggerFactory *times = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);
        IBackgroundTaskRegistrationGroupFactory *groups = factory_of(
                STRING(BACKGROUND "BackgroundTaskRegistrationGroup"), &IID_IBackgroundTaskRegistrationGroupFactory);
        IBackgroundTaskRegistrationGroup *group = NULL;
        IBackgroundTaskBuilder4 *builder4 = NULL;
        IBackgroundTaskBuilder5 *builder5 = NULL;
        IBackgroundTrigger *trigger = NULL;
        ITimeTrigger *time_trigger = NULL;
        HRESULT hr = IBackgroundTaskBuilder_put_Name(builder, STRING("Memory"));

        TRY(ITimeTriggerFactory_Create(times, 15, 0, &time_trigger));
        TRY(ITimeTrigger_QueryInterface(time_trigger, &IID_IBackgroundTrigger, (void **)&trigger));
        TRY(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        TRY(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder4, (void **)&builder4));
        TRY(IBackgroundTaskRegistrationGroupFactory_Create(groups, STRING("known"), &group));
        TRY(IBackgroundTaskBuilder4_put_TaskGroup(builder4, group));
        TRY(IBackgroundTaskBuilder4_put_TaskGroup(builder4, NULL));
        TRY(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder5, (void **)&builder5));
        TRY(IBackgroundTaskBuilder5_SetTaskEntryPointClsid(builder5, test_clsid));
        DROP(builder5);
        DROP(group);
        DROP(builder4);
        DROP(trigger);
        DROP(time_trigger);
        return hr;
}

static HRESULT register_task(void)
{
        IBackgroundTaskBuilder *builder = NULL;
        IBackgroundTaskRegistration *task = NULL;
        HSTRING name = NULL;
        HRESULT hr = RoActivateInstance(STRING(BACKGROUND "BackgroundTaskBuilder"), (IInspectable **)&builder);

        TRY(fill_builder(builder));
        TRY(IBackgroundTaskBuilder_Register(builder, &task));
        TRY(IBackgroundTaskRegistration_get_Name(task, &name));
        (void)WindowsDeleteString(name);
        if (task)
                (void)IBackgroundTaskRegistration_Unregister(task, 1);
        DROP(task);
        DROP(builder);
        return hr;
}

/* What is known of a group is kept, and is there before. */
static void registering(void)
{
        IBackgroundTaskRegistrationGroupFactory *groups = factory_of(
                STRING(BACKGROUND "BackgroundTaskRegistrationGroup"), &IID_IBackgroundTaskRegistrationGroupFactory);
        IBackgroundTaskRegistrationGroup *group = NULL;

        begin_row();
        CHECK_OK(IBackgroundTaskRegistrationGroupFactory_Create(groups, STRING("known"), &group));
        IBackgroundTaskRegistrationGroup_Release(group);
        sweep(register_task);
}

static HRESULT list_tasks(void)
{
        IBackgroundTaskRegistrationStatics *statics =
                factory_of(STRING(BACKGROUND "BackgroundTaskRegistration"), &IID_IBackgroundTaskRegistrationStatics);
        IMapView_GUID_IBackgroundTaskRegistration *tasks = NULL;
        IIterable_GUID_IBackgroundTaskRegistration *iterable = NULL;
        IIterator_GUID_IBackgroundTaskRegistration *iterator = NULL;
        IKeyValuePair_GUID_IBackgroundTaskRegistration *pairs[4] = { NULL };
        UINT32 n = 0;
        HRESULT hr = IBackgroundTaskRegistrationStatics_get_AllTasks(statics, &tasks);

        TRY(IMapView_GUID_IBackgroundTaskRegistration_QueryInterface(
                tasks, &IID_IIterable_GUID_IBackgroundTaskRegistration, (void **)&iterable));
        TRY(IIterable_GUID_IBackgroundTaskRegistration_First(iterable, &iterator));
        TRY(IIterator_GUID_IBackgroundTaskRegistration_GetMany(iterator, 4, pairs, &n));
        for (UINT32 i = 0; i < n; i++)
                DROP(pairs[i]);
        DROP(iterator);
        DROP(iterable);
        DROP(tasks);
        return hr;
}

static void listing(void)
{
        IBackgroundTaskRegistration *a, *b;

        begin_row();
        a = new_task(STRING("A"));
        b = new_task(STRING("B"));
        sweep(list_tasks);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(a, 1));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(b, 1));
        IBackgroundTaskRegistration_Release(a);
        IBackgroundTaskRegistration_Release(b);
}

static HRESULT fill_set(IPropertySet *set)
{
        IPropertyValueStatics *values = factory_of(STRING("Windows.Foundation.PropertyValue"),
                                                   &IID_IPropertyValueStatics);
        HSTRING texts[] = { STRING("x"), STRING("y") };
        UINT8 bytes[] = { 1, 2 };
        IMap_HSTRING_IInspectable *map = NULL;
        IInspectable *made[4] = { NULL };
        boolean replaced;
        HRESULT hr = IPropertySet_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)&map);

        TRY(IPropertyValueStatics_CreateInt32(values, 1, &made[0]));
        TRY(IPropertyValueStatics_CreateString(values, STRING("text"), &made[1]));
        TRY(IPropertyValueStatics_CreateUInt8Array(values, 2, bytes, &made[2]));
        TRY(IPropertyValueStatics_CreateStringArray(values, 2, texts, &made[3]));
        TRY(IMap_HSTRING_IInspectable_Insert(map, STRING("number"), made[0], &replaced));
        TRY(IMap_HSTRING_IInspectable_Insert(map, STRING("text"), made[1], &replaced));
        TRY(IMap_HSTRING_IInspectable_Insert(map, STRING("bytes"), made[2], &replaced));
        TRY(IMap_HSTRING_IInspectable_Insert(map, STRING("texts"), made[3], &replaced));
        for (size_t i = 0; i < 4; i++)
                DROP(made[i]);
        DROP(map);
        return hr;
}

static HRESULT use_set(void)
{
        IMapView_HSTRING_IInspectable *view = NULL;
        IMap_HSTRING_IInspectable *map = NULL;
        IPropertySet *set = NULL;
        HRESULT hr = RoActivateInstance(STRING("Windows.Foundation.Collections.ValueSet"), (IInspectable **)&set);

        TRY(fill_set(set));
        TRY(IPropertySet_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        TRY(IMap_HSTRING_IInspectable_GetView(map, &view));
        DROP(view);
        DROP(map);
        DROP(set);
        return hr;
}

static void sets(void)
{
        begin_row();
        sweep(use_set);
}

static HRESULT use_settings(void)
{
        IApplicationDataStatics *statics =
                factory_of(STRING("Windows.Storage.ApplicationData"), &IID_IApplicationDataStatics);
        IMapView_HSTRING_ApplicationDataContainer *containers = NULL;
        IApplicationDataContainer *container = NULL, *inner = NULL;
        IMap_HSTRING_IInspectable *map = NULL;
        IApplicationData *data = NULL;
        IStorageFolder *folder = NULL;
        IPropertySet *set = NULL;
        HRESULT hr = IApplicationDataStatics_get_Current(statics, &data);

        TRY(IApplicationData_get_LocalFolder(data, &folder));
        TRY(IApplicationData_get_LocalSettings(data, &container));
        TRY(IApplicationDataContainer_get_Values(container, &set));
        TRY(fill_set(set));
        TRY(IPropertySet_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        TRY(IMap_HSTRING_IInspectable_Clear(map));
        TRY(IApplicationDataContainer_CreateContainer(container, STRING("inner"),
                                                      ApplicationDataCreateDisposition_Always, &inner));
        TRY(IApplicationDataContainer_get_Containers(container, &containers));
        TRY(IApplicationDataContainer_DeleteContainer(container, STRING("inner")));
        DROP(folder);
        TRY(IApplicationData_get_TemporaryFolder(data, &folder));
        DROP(containers);
        DROP(inner);
        DROP(map);
        DROP(set);
        DROP(container);
        DROP(folder);
        DROP(data);
        return hr;
}

static void settings(void)
{
        begin_row();
        sweep(use_settings);
}

/* Its operation is not answered: the task is paused. */
static IApplicationTrigger *asked;

static HRESULT request(void)
{
        IAsyncOperation_ApplicationTriggerResult *operation = NULL;
        IPropertySet *set = NULL;
        HRESULT hr = RoActivateInstance(STRING("Windows.Foundation.Collections.ValueSet"), (IInspectable **)&set);

        TRY(fill_set(set));
        TRY(IApplicationTrigger_RequestAsyncWithArguments(asked, set, &operation));
        DROP(operation);
        DROP(set);
        return hr;
}

static void requests(void)
{
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTaskBuilder *builder;
        IBackgroundTrigger *trigger = NULL;

        begin_row();
        builder = new_builder(STRING("Asked"), 0, 1);
        CHECK_OK(RoActivateInstance(STRING(BACKGROUND "ApplicationTrigger"), (IInspectable **)&asked));
        CHECK_OK(IApplicationTrigger_QueryInterface(asked, &IID_IBackgroundTrigger, (void **)&trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        pause_task("Asked");
        sweep(request);
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
        IBackgroundTrigger_Release(trigger);
        IBackgroundTaskBuilder_Release(builder);
        IApplicationTrigger_Release(asked);
}

static HRESULT look_into_library(IStorageLibrary *library)
{
        IStorageLibraryChangeTracker *tracker = NULL;
        IObservableVector_StorageFolder *folders = NULL;
        IStorageLibraryChangeReader *reader = NULL;
        IVectorView_StorageFolder *view = NULL;
        IVector_StorageFolder *vector = NULL;
        IStorageLibrary2 *library2 = NULL;
        IAsyncAction *action = NULL;
        HRESULT hr = IStorageLibrary_get_Folders(library, &folders);

        TRY(IObservableVector_StorageFolder_QueryInterface(folders, &IID_IVector_StorageFolder, (void **)&vector));
        TRY(IVector_StorageFolder_GetView(vector, &view));
        TRY(IStorageLibrary_QueryInterface(library, &IID_IStorageLibrary2, (void **)&library2));
        TRY(IStorageLibrary2_get_ChangeTracker(library2, &tracker));
        TRY(IStorageLibraryChangeTracker_GetChangeReader(tracker, &reader));
        TRY(IStorageLibraryChangeReader_AcceptChangesAsync(reader, &action));
        DROP(action);
        DROP(reader);
        DROP(tracker);
        DROP(library2);
        DROP(view);
        DROP(vector);
        DROP(folders);
        return hr;
}

/* What an operation lacks memory for it says when it is asked for its result. */
static HRESULT use_library(void)
{
        IStorageLibraryStatics *statics = factory_of(STRING("Windows.Storage.StorageLibrary"),
                                                     &IID_IStorageLibraryStatics);
        IAsyncOperation_StorageLibrary *operation = NULL;
        IStorageLibrary *library = NULL;
        HRESULT hr = IStorageLibraryStatics_GetLibraryAsync(statics, KnownLibraryId_Music, &operation);

        TRY(IAsyncOperation_StorageLibrary_GetResults(operation, &library));
        TRY(look_into_library(library));
        DROP(library);
        DROP(operation);
        return hr;
}

static void libraries(void)
{
        begin_row();
        sweep(use_library);
}

static HRESULT bind_listener(IStreamSocketListener *listener, IHostName *host)
{
        IStreamSocketListenerInformation *information = NULL;
        IAsyncAction *action = NULL;
        HSTRING port = NULL;
        HRESULT hr = IStreamSocketListener_BindEndpointAsync(listener, host, NULL, &action);

        TRY(IAsyncAction_GetResults(action));
        TRY(IStreamSocketListener_get_Information(listener, &information));
        TRY(IStreamSocketListenerInformation_get_LocalPort(information, &port));
        (void)WindowsDeleteString(port);
        DROP(information);
        DROP(action);
        return hr;
}

static HRESULT use_sockets(void)
{
        IHostNameFactory *names = factory_of(STRING("Windows.Networking.HostName"), &IID_IHostNameFactory);
        IBufferFactory *buffers = factory_of(STRING("Windows.Storage.Streams.Buffer"), &IID_IBufferFactory);
        IStreamSocketListener *listener = NULL;
        IInputStream *input = NULL;
        IOutputStream *output = NULL;
        IStreamSocket *stream = NULL;
        IBuffer *buffer = NULL;
        IHostName *host = NULL;
        HRESULT hr = IHostNameFactory_CreateHostName(names, STRING("127.0.0.1"), &host);

        TRY(IBufferFactory_Create(buffers, 10, &buffer));
        TRY(RoActivateInstance(STRING("Windows.Networking.Sockets.StreamSocketListener"),
                               (IInspectable **)&listener));
        TRY(bind_listener(listener, host));
        TRY(RoActivateInstance(STRING("Windows.Networking.Sockets.StreamSocket"), (IInspectable **)&stream));
        TRY(IStreamSocket_get_InputStream(stream, &input));
        TRY(IStreamSocket_get_OutputStream(stream, &output));
        DROP(output);
        DROP(input);
        DROP(stream);
        DROP(listener);
        DROP(buffer);
        DROP(host);
        return hr;
}

static void sockets(void)
{
        begin_row();
        sweep(use_sockets);
}

static HRESULT reach_server(void)
{
        IBackgroundTask *task = NULL;
        HRESULT hr = CoCreateInstance(&server_clsid, NULL, CLSCTX_LOCAL_SERVER, &IID_IBackgroundTask, (void **)&task);

        DROP(task);
        return hr;
}

static void class_objects(void)
{
        begin_row();
        sweep(reach_server);
}

static HRESULT read_and_write(void)
{
        IDataReaderStatics *readers = factory_of(STRING("Windows.Storage.Streams.DataReader"),
                                                 &IID_IDataReaderStatics);
        IBuffer *buffer = NULL, *part = NULL;
        IDataReader *reader = NULL;
        IDataWriter *writer = NULL;
        HSTRING text = NULL;
        UINT32 n = 0;
        HRESULT hr = RoActivateInstance(STRING("Windows.Storage.Streams.DataWriter"), (IInspectable **)&writer);

        TRY(IDataWriter_WriteString(writer, STRING("text"), &n));
        TRY(IDataWriter_put_UnicodeEncoding(writer, UnicodeEncoding_Utf16LE));
        TRY(IDataWriter_WriteString(writer, STRING("a longer text, for which there is no room at first"), &n));
        TRY(IDataWriter_DetachBuffer(writer, &buffer));
        TRY(IDataReaderStatics_FromBuffer(readers, buffer, &reader));
        TRY(IDataReader_ReadString(reader, 4, &text));
        TRY(IDataReader_ReadBuffer(reader, 2, &part));
        (void)WindowsDeleteString(text);
        DROP(part);
        DROP(reader);
        DROP(buffer);
        DROP(writer);
        return hr;
}

static void readers_and_writers(void)
{
        begin_row();
        sweep(read_and_write);
}

static HRESULT look_at_package(void)
{
        IPackageStatics *statics = factory_of(STRING("Windows.ApplicationModel.Package"), &IID_IPackageStatics);
        IStorageFolder *folder = NULL;
        IPackage *package = NULL;
        IPackageId *id = NULL;
        HSTRING name = NULL;
        HRESULT hr = IPackageStatics_get_Current(statics, &package);

        TRY(IPackage_get_Id(package, &id));
        TRY(IPackageId_get_FullName(id, &name));
        TRY(IPackage_get_InstalledLocation(package, &folder));
        (void)WindowsDeleteString(name);
        DROP(folder);
        DROP(id);
        DROP(package);
        return hr;
}

static void packages(void)
{
        begin_row();
        sweep(look_at_package);
}

static HRESULT leave_errors(void)
{
        BSTR description = NULL, restricted = NULL, sid = NULL, text = SysAllocString(u"why");
        ILanguageExceptionErrorInfo2 *language = NULL;
        IRestrictedErrorInfo *info = NULL;
        HRESULT error, hr = text ? S_OK : E_OUTOFMEMORY;

        TRY(RoOriginateErrorW(E_FAIL, 0, text) ? S_OK : E_OUTOFMEMORY);
        TRY(RoTransformError(E_FAIL, E_BOUNDS, NULL) ? S_OK : E_OUTOFMEMORY);
        TRY(RoCaptureErrorContext(E_ABORT));
        TRY(RoGetMatchingRestrictedErrorInfo(E_FAIL, &info));
        TRY(IRestrictedErrorInfo_GetErrorDetails(info, &description, &error, &restricted, &sid));
        TRY(IRestrictedErrorInfo_QueryInterface(info, &IID_ILanguageExceptionErrorInfo2, (void **)&language));
        TRY(ILanguageExceptionErrorInfo2_CapturePropagationContext(language, NULL));
        SysFreeString(restricted);
        SysFreeString(description);
        SysFreeString(text);
        DROP(language);
        DROP(info);
        RoClearError();
        return hr;
}

static void errors(void)
{
        begin_row();
        sweep(leave_errors);
}

const Row memory_rows[] = {
        { "E_OUTOFMEMORY", "strings without memory", strings },
        { "E_OUTOFMEMORY", "triggers, conditions and what they tell without memory", values_and_their_factories },
        { "E_OUTOFMEMORY", "a task that cannot be told is not registered", registering },
        { "E_OUTOFMEMORY", "AllTasks without memory", listing },
        { "E_OUTOFMEMORY", "sets of values without memory", sets },
        { "E_OUTOFMEMORY", "settings without memory", settings },
        { "E_OUTOFMEMORY", "requests without memory", requests },
        { "E_OUTOFMEMORY", "libraries and their trackers without memory", libraries },
        { "E_OUTOFMEMORY", "classes of other servers without memory", class_objects },
        { "E_OUTOFMEMORY", "sockets without memory", sockets },
        { "E_OUTOFMEMORY", "readers and writers without memory", readers_and_writers },
        { "E_OUTOFMEMORY", "the package without memory", packages },
        { "E_OUTOFMEMORY", "what failures leave without memory", errors },
        { NULL },
};
