/* SPDX-License-Identifier: MIT */

/* Sockets of programs. Everything stays on the loopback. */

#include "sockets.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define WSAECONNREFUSED 10061
#define ERROR_OPERATION_ABORTED 995

void *activate_as(HSTRING class_name, const IID *iid)
{
        IInspectable *made = NULL;
        void *face = NULL;

        CHECK_OK(RoActivateInstance(class_name, &made));
        CHECK_OK(IInspectable_QueryInterface(made, iid, &face));
        IInspectable_Release(made);
        return face;
}

static IStreamSocket *new_stream(void)
{
        return activate_as(STRING(SOCKETS "StreamSocket"), &IID_IStreamSocket);
}

IHostName *new_host(HSTRING text)
{
        IHostNameFactory *factory = factory_of(STRING("Windows.Networking.HostName"), &IID_IHostNameFactory);
        IHostName *name = NULL;

        CHECK_OK(IHostNameFactory_CreateHostName(factory, text, &name));
        return name;
}

HRESULT make_buffer(const char *text, UINT32 capacity, IBuffer **ret)
{
        IBufferByteAccess *access = NULL;
        IBufferFactory *factory = NULL;
        UINT8 *bytes = NULL;
        HRESULT hr = RoGetActivationFactory(STRING("Windows.Storage.Streams.Buffer"), &IID_IBufferFactory,
                                            (void **)&factory);

        if (SUCCEEDED(hr))
                hr = IBufferFactory_Create(factory, capacity, ret);
        if (SUCCEEDED(hr))
                hr = IBuffer_QueryInterface(*ret, &IID_IBufferByteAccess, (void **)&access);
        if (FAILED(hr))
                return hr;
        hr = IBufferByteAccess_Buffer(access, &bytes);
        IBufferByteAccess_Release(access);
        memcpy(bytes, text, strlen(text));
        return SUCCEEDED(hr) ? IBuffer_put_Length(*ret, (UINT32)strlen(text)) : hr;
}

int holds(IBuffer *buffer, const char *text)
{
        IBufferByteAccess *access = NULL;
        UINT8 *bytes = NULL;
        UINT32 n = 0;
        int good;

        if (!buffer || FAILED(IBuffer_QueryInterface(buffer, &IID_IBufferByteAccess, (void **)&access)))
                return 0;
        good = SUCCEEDED(IBufferByteAccess_Buffer(access, &bytes)) && SUCCEEDED(IBuffer_get_Length(buffer, &n)) &&
                n == strlen(text) && memcmp(bytes, text, n) == 0;
        IBufferByteAccess_Release(access);
        return good;
}

HRESULT send_text(IStreamSocket *socket, const char *text)
{
        IAsyncOperationWithProgress_UINT32_UINT32 *operation = NULL;
        IOutputStream *stream = NULL;
        IBuffer *buffer = NULL;
        UINT32 n = 0;
        HRESULT hr = make_buffer(text, 64, &buffer);

        if (SUCCEEDED(hr))
                hr = IStreamSocket_get_OutputStream(socket, &stream);
        if (SUCCEEDED(hr)) {
                hr = IOutputStream_WriteAsync(stream, buffer, &operation);
                IOutputStream_Release(stream);
        }
        if (SUCCEEDED(hr)) {
                hr = IAsyncOperationWithProgress_UINT32_UINT32_GetResults(operation, &n);
                IAsyncOperationWithProgress_UINT32_UINT32_Release(operation);
        }
        if (SUCCEEDED(hr) && n != strlen(text))
                hr = E_FAIL;
        if (buffer)
                IBuffer_Release(buffer);
        return hr;
}

HRESULT expect_text(IStreamSocket *socket, const char *text)
{
        IAsyncOperationWithProgress_IBuffer_UINT32 *operation = NULL;
        IBuffer *buffer = NULL, *filled = NULL;
        IInputStream *stream = NULL;
        UINT32 count = *text ? (UINT32)strlen(text) : 1;
        HRESULT hr = make_buffer("", 64, &buffer);

        if (SUCCEEDED(hr))
                hr = IStreamSocket_get_InputStream(socket, &stream);
        if (SUCCEEDED(hr)) {
                hr = IInputStream_ReadAsync(stream, buffer, count, InputStreamOptions_None, &operation);
                IInputStream_Release(stream);
        }
        if (SUCCEEDED(hr)) {
                hr = IAsyncOperationWithProgress_IBuffer_UINT32_GetResults(operation, &filled);
                IAsyncOperationWithProgress_IBuffer_UINT32_Release(operation);
        }
        if (SUCCEEDED(hr) && !holds(filled, text))
                hr = E_FAIL;
        if (filled)
                IBuffer_Release(filled);
        if (buffer)
                IBuffer_Release(buffer);
        return hr;
}

HRESULT result_of(IAsyncAction *action)
{
        HRESULT hr = IAsyncAction_GetResults(action);

        IAsyncAction_Release(action);
        return hr;
}

HRESULT close_face(void *face)
{
        IClosable *closable = NULL;
        HRESULT hr = IUnknown_QueryInterface((IUnknown *)face, &IID_IClosable, (void **)&closable);

        if (FAILED(hr))
                return hr;
        hr = IClosable_Close(closable);
        IClosable_Release(closable);
        return hr;
}

/* A listener, and whom it has accepted last. */

Gate received;
IStreamSocket *accepted;

static STDMETHODIMP on_received(IConnectionReceivedEventHandler *self, IStreamSocketListener *sender,
                                IStreamSocketListenerConnectionReceivedEventArgs *args)
{
        HRESULT hr = IStreamSocketListenerConnectionReceivedEventArgs_get_Socket(args, &accepted);

        gate_raise(&received);
        return hr;
}

static const IConnectionReceivedEventHandlerVtbl received_vtable = {
        FIXED_SLOTS, on_received,
};
IConnectionReceivedEventHandler received_handler = { &received_vtable };

IStreamSocketListener *new_listener(void)
{
        const Gate fresh = GATE;
        IStreamSocketListener *listener = activate_as(STRING(SOCKETS "StreamSocketListener"),
                                                      &IID_IStreamSocketListener);
        IHostName *host = new_host(STRING("127.0.0.1"));
        IAsyncAction *action = NULL;

        received = fresh;
        accepted = NULL;
        CHECK_OK(IStreamSocketListener_BindEndpointAsync(listener, host, NULL, &action));
        CHECK_OK(result_of(action));
        IHostName_Release(host);
        return listener;
}

HSTRING port_of(IStreamSocketListener *listener)
{
        IStreamSocketListenerInformation *information = NULL;
        HSTRING port = NULL;

        CHECK_OK(IStreamSocketListener_get_Information(listener, &information));
        CHECK_OK(IStreamSocketListenerInformation_get_LocalPort(information, &port));
        CHECK(!WindowsIsStringEmpty(port));
        IStreamSocketListenerInformation_Release(information);
        return port;
}

IStreamSocket *connect_to(HSTRING port)
{
        IHostName *host = new_host(STRING("127.0.0.1"));
        IStreamSocket *socket = new_stream();
        IAsyncAction *action = NULL;

        CHECK_OK(IStreamSocket_ConnectAsync(socket, host, port, &action));
        CHECK_OK(result_of(action));
        IHostName_Release(host);
        return socket;
}

Pair new_pair(void)
{
        IStreamSocketListener *listener = new_listener();
        EventRegistrationToken token;
        HSTRING port = port_of(listener);
        Pair pair;

        CHECK_OK(IStreamSocketListener_add_ConnectionReceived(listener, &received_handler, &token));
        pair.one = connect_to(port);
        CHECK(gate_wait(&received, 1));
        pair.other = accepted;
        CHECK_OK(IStreamSocketListener_remove_ConnectionReceived(listener, token));
        CHECK_OK(WindowsDeleteString(port));
        /* The thread that has called the handler may have the last reference. */
        IStreamSocketListener_Release(listener);
        return pair;
}

/* Rows that need nobody. */

static void a_buffer_has_a_length_and_bytes(void)
{
        static const IID *const iids[] = { &IID_IBuffer, &IID_IBufferByteAccess };
        IBuffer *buffer = NULL;
        UINT32 n = 9;

        CHECK_OK(make_buffer("abc", 5, &buffer));
        check_interfaces(buffer, iids, 2);
        check_class_name(buffer, u"Windows.Storage.Streams.Buffer");
        CHECK_OK(IBuffer_get_Capacity(buffer, &n));
        CHECK(n == 5 && holds(buffer, "abc"));
        CHECK(IBuffer_put_Length(buffer, 6) == E_INVALIDARG);
        CHECK_OK(IBuffer_put_Length(buffer, 0));
        CHECK(holds(buffer, ""));
        CHECK(IBuffer_Release(buffer) == 0);
}

static void a_host_is_a_name_or_an_address(void)
{
        static const IID *const iids[] = { &IID_IHostName };
        IHostNameFactory *factory = factory_of(STRING("Windows.Networking.HostName"), &IID_IHostNameFactory);
        IHostName *name = new_host(STRING("Example.ORG")), *other = new_host(STRING("example.org"));
        HostNameType type = HostNameType_Bluetooth;
        boolean is_equal = 0;
        HSTRING text = NULL;

        check_interfaces(name, iids, 1);
        check_class_name(name, u"Windows.Networking.HostName");
        CHECK_OK(IHostName_get_RawName(name, &text));
        CHECK(string_is(text, "Example.ORG"));
        CHECK_OK(WindowsDeleteString(text));
        CHECK_OK(IHostName_get_CanonicalName(name, &text));
        CHECK(string_is(text, "example.org"));
        CHECK_OK(WindowsDeleteString(text));
        CHECK_OK(IHostName_get_Type(name, &type));
        CHECK(type == HostNameType_DomainName);
        CHECK_OK(IHostName_IsEqual(name, other, &is_equal));
        CHECK(is_equal == 1);
        CHECK(IHostName_Release(name) == 0 && IHostName_Release(other) == 0);
        name = new_host(STRING("0:0::1"));
        CHECK_OK(IHostName_get_CanonicalName(name, &text));
        CHECK_OK(IHostName_get_Type(name, &type));
        CHECK(string_is(text, "::1") && type == HostNameType_Ipv6);
        CHECK_OK(WindowsDeleteString(text));
        IHostName_Release(name);
        name = new_host(STRING("127.0.0.1"));
        CHECK_OK(IHostName_get_Type(name, &type));
        CHECK(type == HostNameType_Ipv4);
        IHostName_Release(name);
        CHECK(IHostNameFactory_CreateHostName(factory, NULL, &name) == E_INVALIDARG && !name);
}

static void socket_classes_are_exact(void)
{
        static const IID *const stream[] = { &IID_IStreamSocket, &IID_IClosable, &IID_IStreamSocket2,
                                             &IID_IStreamSocket3 };
        static const IID *const datagram[] = { &IID_IDatagramSocket, &IID_IClosable, &IID_IDatagramSocket3 };
        static const IID *const listener[] = { &IID_IStreamSocketListener, &IID_IClosable,
                                               &IID_IStreamSocketListener3 };
        void *socket = new_stream();

        check_interfaces(socket, stream, 4);
        check_class_name(socket, u"" SOCKETS "StreamSocket");
        IUnknown_Release((IUnknown *)socket);
        socket = activate_as(STRING(SOCKETS "DatagramSocket"), &IID_IDatagramSocket);
        check_interfaces(socket, datagram, 3);
        check_class_name(socket, u"" SOCKETS "DatagramSocket");
        IUnknown_Release((IUnknown *)socket);
        socket = activate_as(STRING(SOCKETS "StreamSocketListener"), &IID_IStreamSocketListener);
        check_interfaces(socket, listener, 3);
        check_class_name(socket, u"" SOCKETS "StreamSocketListener");
        IUnknown_Release((IUnknown *)socket);
}

static void streams_carry_bytes_until_their_end(void)
{
        static const IID *const names[] = { &IID_IStreamSocketInformation };
        IAsyncOperationWithProgress_IBuffer_UINT32 *operation = NULL;
        IStreamSocketInformation *information = NULL;
        Pair pair = new_pair();
        IInputStream *stream = NULL;
        IHostName *host = NULL;
        IBuffer *buffer = NULL;
        HSTRING text = NULL;

        CHECK_OK(send_text(pair.one, "hello"));
        CHECK_OK(expect_text(pair.other, "hello"));
        CHECK_OK(make_buffer("", 4, &buffer));
        CHECK_OK(send_text(pair.other, "me"));
        CHECK_OK(IStreamSocket_get_InputStream(pair.one, &stream));
        CHECK(IInputStream_ReadAsync(stream, buffer, 5, InputStreamOptions_Partial, &operation) == E_INVALIDARG);
        CHECK(IInputStream_ReadAsync(stream, NULL, 1, InputStreamOptions_Partial, &operation) == E_POINTER);
        CHECK(!operation);
        CHECK_OK(IInputStream_ReadAsync(stream, buffer, 4, InputStreamOptions_Partial, &operation));
        check_class_name(operation, u"Windows.Foundation.IAsyncOperationWithProgress`2<"
                         "Windows.Storage.Streams.IBuffer, UInt32>");
        IAsyncOperationWithProgress_IBuffer_UINT32_Release(operation);
        CHECK(holds(buffer, "me"));
        IInputStream_Release(stream);
        CHECK_OK(IStreamSocket_get_Information(pair.one, &information));
        check_interfaces(information, names, 1);
        CHECK_OK(IStreamSocketInformation_get_RemoteAddress(information, &host));
        CHECK_OK(IHostName_get_DisplayName(host, &text));
        CHECK(string_is(text, "127.0.0.1"));
        CHECK_OK(WindowsDeleteString(text));
        IHostName_Release(host);
        IStreamSocketInformation_Release(information);
        CHECK_OK(close_face(pair.one));
        CHECK(send_text(pair.one, "more") == RO_E_CLOSED);
        CHECK_OK(expect_text(pair.other, ""));
        IBuffer_Release(buffer);
        CHECK(IStreamSocket_Release(pair.one) == 0);
        /* The thread that has called the handler may have the arguments still. */
        IStreamSocket_Release(pair.other);
}

static atomic_int has_read;
static HRESULT read_result;

static void *read_one(void *socket)
{
        read_result = expect_text(socket, "never");
        atomic_store(&has_read, 1);
        return NULL;
}

static void waiting_operations_can_be_canceled(void)
{
        Pair pair = new_pair();
        IStreamSocket3 *socket3 = NULL;
        IAsyncAction *action = NULL;
        pthread_t thread;

        CHECK_OK(IStreamSocket_QueryInterface(pair.one, &IID_IStreamSocket3, (void **)&socket3));
        atomic_store(&has_read, 0);
        CHECK(pthread_create(&thread, NULL, read_one, pair.one) == 0);
        /* It may not have begun yet. */
        while (!atomic_load(&has_read)) {
                CHECK_OK(IStreamSocket3_CancelIOAsync(socket3, &action));
                CHECK_OK(result_of(action));
                (void)sched_yield();
        }
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(read_result == HRESULT_FROM_WIN32(ERROR_OPERATION_ABORTED));
        CHECK_OK(send_text(pair.other, "later"));
        CHECK_OK(expect_text(pair.one, "later"));
        IStreamSocket3_Release(socket3);
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
}

static void what_a_socket_cannot_do_yet_or_any_more_fails(void)
{
        IHostName *host = new_host(STRING("127.0.0.1"));
        IStreamSocket *socket = new_stream();
        IStreamSocket3 *socket3 = NULL;
        IAsyncAction *action = NULL;

        CHECK_OK(IStreamSocket_QueryInterface(socket, &IID_IStreamSocket3, (void **)&socket3));
        CHECK(send_text(socket, "x") == E_ILLEGAL_METHOD_CALL);
        CHECK(IStreamSocket3_TransferOwnership(socket3, STRING("id")) == E_ILLEGAL_METHOD_CALL);
        CHECK(IStreamSocket3_EnableTransferOwnershipWithConnectedStandbyAction(
                      socket3, test_clsid, SocketActivityConnectedStandbyAction_Wake) ==
              HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED));
        CHECK(IStreamSocket_ConnectAsync(socket, host, STRING("1"), NULL) == E_POINTER);
        CHECK(IStreamSocket_ConnectAsync(socket, NULL, STRING("1"), &action) == E_INVALIDARG);
        CHECK_OK(IStreamSocket_ConnectAsync(socket, host, STRING("1"), &action));
        CHECK(result_of(action) == HRESULT_FROM_WIN32(WSAECONNREFUSED));
        CHECK_OK(close_face(socket));
        CHECK_OK(close_face(socket));
        CHECK(IStreamSocket_ConnectAsync(socket, host, STRING("1"), &action) == RO_E_CLOSED);
        IStreamSocket3_Release(socket3);
        IStreamSocket_Release(socket);
        IHostName_Release(host);
}

const Row socket_rows[] = {
        { "IBuffer", "a buffer has a capacity, a length and bytes", a_buffer_has_a_length_and_bytes },
        { "HostName", "a host is a name or an address", a_host_is_a_name_or_an_address },
        { "StreamSocket", "classes of sockets have their interfaces", socket_classes_are_exact },
        { "StreamSocketListener.ConnectionReceived, IInputStream", "streams carry bytes until their end",
          streams_carry_bytes_until_their_end },
        { "StreamSocket.CancelIOAsync", "operations that wait can be canceled", waiting_operations_can_be_canceled },
        { "StreamSocket", "what a socket cannot do yet, or any more, fails",
          what_a_socket_cannot_do_yet_or_any_more_fails },
        { NULL },
};
