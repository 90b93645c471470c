/* SPDX-License-Identifier: MIT */

/* What a run is told of sockets that were handed over, for a task of this process. */

#include "sockets.h"

typedef struct Seen {
        SocketActivityTriggerReason reason;
        SocketActivityKind kind;
        int has_id, has_context;
} Seen;

typedef HRESULT (*Act)(ISocketActivityInformation *information);

static Gate ran;
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER; /* of the next two */
static Act act;
static Seen seen;

/* What the next runs do. */
static void let_runs(Act what)
{
        pthread_mutex_lock(&seen_lock);
        act = what;
        pthread_mutex_unlock(&seen_lock);
}

/* What the last run has seen; a run tells it here. */
static Seen exchange(const Seen *of_run)
{
        Seen last;

        pthread_mutex_lock(&seen_lock);
        if (of_run)
                seen = *of_run;
        last = seen;
        pthread_mutex_unlock(&seen_lock);
        return last;
}

static HRESULT do_it(ISocketActivityInformation *information)
{
        Act what;

        pthread_mutex_lock(&seen_lock);
        what = act;
        pthread_mutex_unlock(&seen_lock);
        return what(information);
}

static STDMETHODIMP run(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        ISocketActivityTriggerDetails *details = NULL;
        ISocketActivityInformation *information = NULL;
        ISocketActivityContext *context = NULL;
        IInspectable *object = NULL;
        IBuffer *data = NULL;
        Seen sees = { 0 };
        HSTRING id = NULL;
        HRESULT hr = IBackgroundTaskInstance_get_TriggerDetails(instance, &object);

        if (SUCCEEDED(hr) && object)
                hr = IInspectable_QueryInterface(object, &IID_ISocketActivityTriggerDetails, (void **)&details);
        if (FAILED(hr) || !details)
                return hr;
        (void)ISocketActivityTriggerDetails_get_Reason(details, &sees.reason);
        hr = ISocketActivityTriggerDetails_get_SocketInformation(details, &information);
        if (SUCCEEDED(hr)) {
                (void)ISocketActivityInformation_get_Id(information, &id);
                (void)ISocketActivityInformation_get_SocketKind(information, &sees.kind);
                (void)ISocketActivityInformation_get_Context(information, &context);
                sees.has_id = string_is(id, "control");
                if (context)
                        (void)ISocketActivityContext_get_Data(context, &data);
                sees.has_context = holds(data, "state");
                hr = do_it(information);
                if (data)
                        IBuffer_Release(data);
                if (context)
                        ISocketActivityContext_Release(context);
                (void)WindowsDeleteString(id);
                ISocketActivityInformation_Release(information);
        }
        ISocketActivityTriggerDetails_Release(details);
        IInspectable_Release(object);
        (void)exchange(&sees);
        gate_raise(&ran);
        return hr;
}

static const IBackgroundTaskVtbl task_vtable = {
        FIXED_SLOTS,
        .Run = run,
};
static IBackgroundTask the_task = { &task_vtable };

static STDMETHODIMP create_instance(IClassFactory *self, IUnknown *outer, const IID *iid, void **ret_object)
{
        *ret_object = &the_task;
        return S_OK;
}

static STDMETHODIMP lock_server(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

static const IClassFactoryVtbl factory_vtable = {
        FIXED_SLOTS, create_instance, lock_server,
};
static IClassFactory factory = { &factory_vtable };

typedef struct Scene {
        IBackgroundTaskRegistration *task;
        GUID id;
        DWORD cookie;
} Scene;

static Scene set_scene(void)
{
        const Gate fresh = GATE;
        IBackgroundTrigger *trigger = activate_as(
                STRING("Windows.ApplicationModel.Background.SocketActivityTrigger"), &IID_IBackgroundTrigger);
        IBackgroundTaskBuilder *builder = new_builder(STRING("Sockets"), 0, 1);
        Scene scene = { 0 };

        ran = fresh;
        CHECK_OK(CoRegisterClassObject(&test_clsid, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE,
                                       &scene.cookie));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &scene.task));
        CHECK_OK(IBackgroundTaskRegistration_get_TaskId(scene.task, &scene.id));
        IBackgroundTaskBuilder_Release(builder);
        IBackgroundTrigger_Release(trigger);
        return scene;
}

static void clear(const Scene *scene)
{
        CHECK_OK(CoRevokeClassObject(scene->cookie));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(scene->task, 1));
        IBackgroundTaskRegistration_Release(scene->task);
}

static ISocketActivityContext *new_context(const char *text)
{
        ISocketActivityContextFactory *contexts = factory_of(STRING(SOCKETS "SocketActivityContext"),
                                                             &IID_ISocketActivityContextFactory);
        ISocketActivityContext *context = NULL;
        IBuffer *data = NULL;

        CHECK_OK(make_buffer(text, 16, &data));
        CHECK_OK(ISocketActivityContextFactory_Create(contexts, data, &context));
        IBuffer_Release(data);
        return context;
}

static void hand_over(IStreamSocket *socket, GUID task)
{
        ISocketActivityContext *context = new_context("state");
        IStreamSocket3 *socket3 = NULL;
        GUID nobody = { 0 };

        CHECK_OK(IStreamSocket_QueryInterface(socket, &IID_IStreamSocket3, (void **)&socket3));
        CHECK_OK(IStreamSocket3_EnableTransferOwnership(socket3, nobody));
        CHECK(IStreamSocket3_TransferOwnership(socket3, STRING("control")) == HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
        CHECK_OK(IStreamSocket3_EnableTransferOwnershipWithConnectedStandbyAction(
                socket3, task, SocketActivityConnectedStandbyAction_DoNotWake));
        CHECK(IStreamSocket3_TransferOwnershipWithContextAndKeepAliveTime(
                      socket3, STRING("control"), context, (TimeSpan){ -1 }) == E_INVALIDARG);
        CHECK(IStreamSocket3_TransferOwnership(socket3, NULL) == E_INVALIDARG);
        CHECK_OK(IStreamSocket3_TransferOwnershipWithContextAndKeepAliveTime(socket3, STRING("control"), context,
                                                                             (TimeSpan){ 36000000000 }));
        CHECK(IStreamSocket3_TransferOwnership(socket3, STRING("control")) == RO_E_CLOSED);
        IStreamSocket3_Release(socket3);
        CHECK(ISocketActivityContext_Release(context) == 0);
}

/* What AllSockets says of the one that is handed over; NULL if there is none. */
static ISocketActivityInformation *find_socket(void)
{
        ISocketActivityInformationStatics *statics = factory_of(STRING(SOCKETS "SocketActivityInformation"),
                                                                &IID_ISocketActivityInformationStatics);
        IMapView_HSTRING_SocketActivityInformation *all = NULL;
        ISocketActivityInformation *found = NULL;
        UINT32 n = 9;

        CHECK_OK(ISocketActivityInformationStatics_get_AllSockets(statics, &all));
        check_class_name(all, u"Windows.Foundation.Collections.IMapView`2<String, " SOCKETS
                         "SocketActivityInformation>");
        CHECK_OK(IMapView_HSTRING_SocketActivityInformation_get_Size(all, &n));
        CHECK(n < 2);
        (void)IMapView_HSTRING_SocketActivityInformation_Lookup(all, STRING("control"), &found);
        CHECK((n == 1) == (found != NULL));
        IMapView_HSTRING_SocketActivityInformation_Release(all);
        return found;
}

static HRESULT answer(ISocketActivityInformation *information)
{
        ISocketActivityContext *context = NULL;
        IDatagramSocket *none = (void *)&none;
        IStreamSocket *socket = NULL;
        IStreamSocket3 *socket3 = NULL;
        GUID task;
        HRESULT hr = ISocketActivityInformation_get_StreamSocket(information, &socket);

        if (FAILED(hr))
                return hr;
        hr = ISocketActivityInformation_get_DatagramSocket(information, &none);
        if (SUCCEEDED(hr) && none)
                hr = E_UNEXPECTED;
        if (SUCCEEDED(hr))
                hr = expect_text(socket, "ping");
        if (SUCCEEDED(hr))
                hr = send_text(socket, "pong");
        (void)ISocketActivityInformation_get_Context(information, &context);
        if (SUCCEEDED(hr))
                hr = ISocketActivityInformation_get_TaskId(information, &task);
        if (SUCCEEDED(hr))
                hr = IStreamSocket_QueryInterface(socket, &IID_IStreamSocket3, (void **)&socket3);
        if (SUCCEEDED(hr)) {
                hr = IStreamSocket3_EnableTransferOwnership(socket3, task);
                if (SUCCEEDED(hr))
                        hr = IStreamSocket3_TransferOwnershipWithContext(socket3, STRING("control"), context);
                IStreamSocket3_Release(socket3);
        }
        ISocketActivityContext_Release(context);
        IStreamSocket_Release(socket);
        return hr;
}

static HRESULT hang_up(ISocketActivityInformation *information)
{
        IStreamSocket *socket = NULL;
        HRESULT hr = ISocketActivityInformation_get_StreamSocket(information, &socket);

        if (FAILED(hr))
                return hr;
        hr = expect_text(socket, "");
        IStreamSocket_Release(socket);
        return hr;
}

static void a_run_talks_over_a_socket_that_was_handed_over(void)
{
        static const IID *const iids[] = { &IID_ISocketActivityInformation };
        ISocketActivityInformation *information;
        SocketActivityKind kind = SocketActivityKind_None;
        IStreamSocket *socket = NULL;
        Scene scene = set_scene();
        Pair pair = new_pair();
        Seen sees;

        hand_over(pair.one, scene.id);
        information = find_socket();
        check_interfaces(information, iids, 1);
        check_class_name(information, u"" SOCKETS "SocketActivityInformation");
        CHECK_OK(ISocketActivityInformation_get_SocketKind(information, &kind));
        CHECK(kind == SocketActivityKind_StreamSocket);
        CHECK(ISocketActivityInformation_get_StreamSocket(information, &socket) == E_ILLEGAL_METHOD_CALL && !socket);
        ISocketActivityInformation_Release(information);
        let_runs(answer);
        for (int i = 1; i <= 2; i++) {
                CHECK_OK(send_text(pair.other, "ping"));
                CHECK_OK(expect_text(pair.other, "pong"));
                CHECK(gate_wait(&ran, i));
                sees = exchange(NULL);
                CHECK(sees.reason == SocketActivityTriggerReason_SocketActivity &&
                      sees.kind == SocketActivityKind_StreamSocket && sees.has_id && sees.has_context);
        }
        let_runs(hang_up);
        CHECK_OK(close_face(pair.other));
        CHECK(gate_wait(&ran, 3));
        CHECK(exchange(NULL).reason == SocketActivityTriggerReason_SocketClosed);
        CHECK(!find_socket());
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
        clear(&scene);
}

static HRESULT finish(IAsyncOperation_UINT32 *operation)
{
        UINT32 n = 0;
        HRESULT hr = IAsyncOperation_UINT32_GetResults(operation, &n);

        IAsyncOperation_UINT32_Release(operation);
        return SUCCEEDED(hr) && n == 0 ? E_FAIL : hr;
}

/* As a program is written that has a control channel: some text comes, an answer goes, and the socket back. */
static HRESULT read_some(IStreamSocket *socket)
{
        IDataReaderFactory *readers = factory_of(STRING("Windows.Storage.Streams.DataReader"),
                                                 &IID_IDataReaderFactory);
        IAsyncOperation_UINT32 *operation = NULL;
        IInputStream *stream = NULL;
        IDataReader *reader = NULL;
        HSTRING text = NULL;
        UINT32 n = 0;
        HRESULT hr = IStreamSocket_get_InputStream(socket, &stream);

        if (SUCCEEDED(hr))
                hr = IDataReaderFactory_CreateDataReader(readers, stream, &reader);
        if (SUCCEEDED(hr))
                hr = IDataReader_put_InputStreamOptions(reader, InputStreamOptions_Partial);
        if (SUCCEEDED(hr))
                hr = IDataReader_LoadAsync(reader, 250, &operation);
        if (SUCCEEDED(hr))
                hr = finish(operation);
        if (SUCCEEDED(hr))
                hr = IDataReader_get_UnconsumedBufferLength(reader, &n);
        if (SUCCEEDED(hr))
                hr = IDataReader_ReadString(reader, n, &text);
        if (SUCCEEDED(hr) && !string_is(text, "ping"))
                hr = E_FAIL;
        (void)WindowsDeleteString(text);
        if (reader)
                IDataReader_Release(reader);
        if (stream)
                IInputStream_Release(stream);
        return hr;
}

static HRESULT write_back(IStreamSocket *socket)
{
        IDataWriterFactory *writers = factory_of(STRING("Windows.Storage.Streams.DataWriter"),
                                                 &IID_IDataWriterFactory);
        UINT8 pong[] = { 'p', 'o', 'n', 'g' };
        IOutputStream *stream = NULL, *detached = NULL;
        IAsyncOperation_UINT32 *operation = NULL;
        IDataWriter *writer = NULL;
        HRESULT hr = IStreamSocket_get_OutputStream(socket, &stream);

        if (SUCCEEDED(hr))
                hr = IDataWriterFactory_CreateDataWriter(writers, stream, &writer);
        if (SUCCEEDED(hr))
                hr = IDataWriter_WriteBytes(writer, sizeof pong, pong);
        if (SUCCEEDED(hr))
                hr = IDataWriter_StoreAsync(writer, &operation);
        if (SUCCEEDED(hr))
                hr = finish(operation);
        if (SUCCEEDED(hr))
                hr = IDataWriter_DetachStream(writer, &detached);
        if (SUCCEEDED(hr))
                hr = close_face(writer);
        if (detached)
                IOutputStream_Release(detached);
        if (writer)
                IDataWriter_Release(writer);
        if (stream)
                IOutputStream_Release(stream);
        return hr;
}

static HRESULT keep_channel(ISocketActivityInformation *information)
{
        IStreamSocket3 *socket3 = NULL;
        IStreamSocket *socket = NULL;
        HSTRING id = NULL;
        HRESULT hr = ISocketActivityInformation_get_StreamSocket(information, &socket);

        if (FAILED(hr))
                return hr;
        hr = read_some(socket);
        if (SUCCEEDED(hr))
                hr = write_back(socket);
        if (SUCCEEDED(hr))
                hr = ISocketActivityInformation_get_Id(information, &id);
        if (SUCCEEDED(hr))
                hr = IStreamSocket_QueryInterface(socket, &IID_IStreamSocket3, (void **)&socket3);
        if (SUCCEEDED(hr)) {
                hr = IStreamSocket3_TransferOwnership(socket3, id);
                IStreamSocket3_Release(socket3);
        }
        (void)WindowsDeleteString(id);
        IStreamSocket_Release(socket);
        return hr;
}

static void a_control_channel_is_kept(void)
{
        Scene scene = set_scene();
        Pair pair = new_pair();

        hand_over(pair.one, scene.id);
        let_runs(keep_channel);
        for (int i = 1; i <= 3; i++) {
                CHECK_OK(send_text(pair.other, "ping"));
                CHECK_OK(expect_text(pair.other, "pong"));
                CHECK(gate_wait(&ran, i));
                CHECK(exchange(NULL).reason == SocketActivityTriggerReason_SocketActivity);
        }
        let_runs(hang_up);
        CHECK_OK(close_face(pair.other));
        CHECK(gate_wait(&ran, 4));
        CHECK(exchange(NULL).reason == SocketActivityTriggerReason_SocketClosed);
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
        clear(&scene);
}

static HRESULT accept_one(ISocketActivityInformation *information)
{
        IStreamSocketListener *listener = NULL;
        EventRegistrationToken token;
        HRESULT hr = ISocketActivityInformation_get_StreamSocketListener(information, &listener);

        if (FAILED(hr))
                return hr;
        hr = IStreamSocketListener_add_ConnectionReceived(listener, &received_handler, &token);
        if (SUCCEEDED(hr))
                hr = gate_wait(&received, 1) ? S_OK : E_FAIL;
        IStreamSocketListener_Release(listener);
        return hr;
}

static void a_run_accepts_from_a_listener_that_was_handed_over(void)
{
        Scene scene = set_scene();
        IStreamSocketListener *listener = new_listener();
        IStreamSocketListener3 *listener3 = NULL;
        HSTRING port = port_of(listener);
        IStreamSocket *socket;
        Seen sees;

        let_runs(accept_one);
        CHECK_OK(IStreamSocketListener_QueryInterface(listener, &IID_IStreamSocketListener3, (void **)&listener3));
        CHECK_OK(IStreamSocketListener3_EnableTransferOwnership(listener3, scene.id));
        CHECK_OK(IStreamSocketListener3_TransferOwnership(listener3, STRING("control")));
        socket = connect_to(port);
        CHECK(gate_wait(&ran, 1));
        sees = exchange(NULL);
        CHECK(sees.reason == SocketActivityTriggerReason_ConnectionAccepted && !sees.has_context &&
              sees.kind == SocketActivityKind_StreamSocketListener && sees.has_id);
        CHECK_OK(send_text(accepted, "welcome"));
        CHECK_OK(expect_text(socket, "welcome"));
        CHECK_OK(WindowsDeleteString(port));
        IStreamSocket_Release(accepted);
        IStreamSocket_Release(socket);
        IStreamSocketListener3_Release(listener3);
        CHECK(IStreamSocketListener_Release(listener) == 0);
        clear(&scene);
}

static GUID sweep_task;
static IHostName *sweep_host;

/* A socket of the same id takes the place of the one before. */
static HRESULT hand_a_listener_over(void)
{
        ISocketActivityContextFactory *contexts = factory_of(STRING(SOCKETS "SocketActivityContext"),
                                                             &IID_ISocketActivityContextFactory);
        ISocketActivityInformationStatics *statics = factory_of(STRING(SOCKETS "SocketActivityInformation"),
                                                                &IID_ISocketActivityInformationStatics);
        IMapView_HSTRING_SocketActivityInformation *all = NULL;
        IStreamSocketListener3 *listener3 = NULL;
        IStreamSocketListener *listener = NULL;
        ISocketActivityContext *context = NULL;
        IAsyncAction *action = NULL;
        HRESULT hr = RoActivateInstance(STRING(SOCKETS "StreamSocketListener"), (IInspectable **)&listener);

        if (SUCCEEDED(hr))
                hr = IStreamSocketListener_BindEndpointAsync(listener, sweep_host, NULL, &action);
        if (SUCCEEDED(hr))
                hr = result_of(action);
        if (SUCCEEDED(hr))
                hr = IStreamSocketListener_QueryInterface(listener, &IID_IStreamSocketListener3, (void **)&listener3);
        if (SUCCEEDED(hr))
                hr = ISocketActivityContextFactory_Create(contexts, NULL, &context);
        if (SUCCEEDED(hr))
                hr = IStreamSocketListener3_EnableTransferOwnership(listener3, sweep_task);
        if (SUCCEEDED(hr))
                hr = IStreamSocketListener3_TransferOwnershipWithContext(listener3, STRING("control"), context);
        if (SUCCEEDED(hr))
                hr = ISocketActivityInformationStatics_get_AllSockets(statics, &all);
        if (all)
                IMapView_HSTRING_SocketActivityInformation_Release(all);
        if (context)
                ISocketActivityContext_Release(context);
        if (listener3)
                IStreamSocketListener3_Release(listener3);
        if (listener)
                IStreamSocketListener_Release(listener);
        return hr;
}

static void sockets_are_handed_over_without_memory(void)
{
        Scene scene;

        begin_row();
        scene = set_scene();
        sweep_task = scene.id;
        sweep_host = new_host(STRING("127.0.0.1"));
        sweep(hand_a_listener_over);
        IHostName_Release(sweep_host);
        clear(&scene);
}

const Row socket_run_rows[] = {
        { "StreamSocket.TransferOwnership, SocketActivityTriggerDetails",
          "a run talks over a socket that was handed over, and hands it over again",
          a_run_talks_over_a_socket_that_was_handed_over },
        { "SocketActivityTrigger (control channel)",
          "a run reads and writes values over a socket, and gives it back as it is", a_control_channel_is_kept },
        { "StreamSocketListener.TransferOwnership", "a run accepts from a listener that was handed over",
          a_run_accepts_from_a_listener_that_was_handed_over },
        { "E_OUTOFMEMORY", "a socket is handed over without memory", sockets_are_handed_over_without_memory },
        { NULL },
};
