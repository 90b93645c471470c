/* SPDX-License-Identifier: MIT */

/*
 * Sockets. Their operations are over when they are returned, so that ConnectAsync takes as long as the peer does. A
 * socket that was handed over is closed here: the broker has it, until a run gets it as another object.
 */

#include "winrt/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "winrt/async.h"
#include "winrt/factory.h"
#include "winrt/hostname.h"
#include "winrt/socket-note.h"

#define RO_E_CLOSED ((HRESULT)0x80000013)
#define ERROR_OPERATION_ABORTED 995
#define WSAHOST_NOT_FOUND 11001

static Socket *socket_of(void *self)
{
        return (Socket *)object_of(self);
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

HRESULT socket_hresult(int error)
{
        static const struct {
                int error, code;
        } codes[] = {
                { EACCES, 10013 },      { EADDRINUSE, 10048 },   { EADDRNOTAVAIL, 10049 }, { ENETUNREACH, 10051 },
                { ECONNABORTED, 10053 }, { ECONNRESET, 10054 },  { EPIPE, 10054 },         { ENOTCONN, 10057 },
                { ETIMEDOUT, 10060 },   { ECONNREFUSED, 10061 }, { EHOSTUNREACH, 10065 },
        };

        for (size_t i = 0; i < ELEMENTSOF(codes); i++)
                if (codes[i].error == error)
                        return HRESULT_FROM_WIN32(codes[i].code);
        return error == ENOMEM || error == ENOBUFS ? E_OUTOFMEMORY : E_FAIL;
}

/* Operations under way. */

HRESULT socket_begin_io(Socket *socket, SocketIo *ret_io)
{
        HRESULT hr = S_OK;

        *ret_io = (SocketIo){ .fd = -1 };
        pthread_mutex_lock(&socket->lock);
        if (socket->is_closed)
                hr = RO_E_CLOSED;
        else if (socket->fd < 0)
                hr = E_ILLEGAL_METHOD_CALL;
        if (SUCCEEDED(hr) && socket->wake < 0)
                socket->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (SUCCEEDED(hr) && socket->wake >= 0)
                ret_io->fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 3);
        if (SUCCEEDED(hr) && ret_io->fd < 0)
                hr = E_OUTOFMEMORY;
        if (SUCCEEDED(hr)) {
                ret_io->wake = socket->wake;
                ret_io->n_canceled = socket->n_canceled;
                socket->n_io++;
        }
        pthread_mutex_unlock(&socket->lock);
        return hr;
}

void socket_end_io(Socket *socket, SocketIo *io)
{
        eventfd_t n;

        if (io->fd < 0)
                return;
        close_fd(&io->fd);
        pthread_mutex_lock(&socket->lock);
        if (--socket->n_io == 0)
                (void)eventfd_read(socket->wake, &n);
        pthread_mutex_unlock(&socket->lock);
}

HRESULT socket_wait(Socket *socket, const SocketIo *io, short events)
{
        struct pollfd fds[] = { { .fd = io->fd, .events = events }, { .fd = io->wake, .events = POLLIN } };
        bool is_canceled;

        (void)poll(fds, ELEMENTSOF(fds), -1);
        pthread_mutex_lock(&socket->lock);
        is_canceled = socket->n_canceled != io->n_canceled;
        pthread_mutex_unlock(&socket->lock);
        return is_canceled ? HRESULT_FROM_WIN32(ERROR_OPERATION_ABORTED) : S_OK;
}

/* Under the lock. */
static void cancel_io(Socket *socket)
{
        socket->n_canceled++;
        if (socket->n_io > 0)
                (void)eventfd_write(socket->wake, 1);
}

static STDMETHODIMP cancel_io_async(void *self, IAsyncAction **ret_action)
{
        Socket *socket = socket_of(self);

        if (!ret_action)
                return E_POINTER;
        pthread_mutex_lock(&socket->lock);
        cancel_io(socket);
        pthread_mutex_unlock(&socket->lock);
        return async_new(ASYNC_ACTION, S_OK, 0, ret_action);
}

static STDMETHODIMP close_socket(IClosable *self)
{
        Socket *socket = socket_of(self);

        acceptor_stop(socket);
        pthread_mutex_lock(&socket->lock);
        socket->is_closed = true;
        cancel_io(socket);
        if (socket->fd >= 0 && socket->n_io > 0)
                (void)shutdown(socket->fd, SHUT_RDWR);
        close_fd(&socket->fd);
        pthread_mutex_unlock(&socket->lock);
        return S_OK;
}

static void socket_done(Object *object)
{
        Socket *socket = (Socket *)object;

        acceptor_stop(socket);
        close_fd(&socket->fd);
        close_fd(&socket->wake);
        events_done(&socket->received);
        pthread_mutex_destroy(&socket->lock);
}

/* To get a descriptor. */

static const Class stream_class, datagram_class, listener_class;

static int type_of(const Socket *socket)
{
        return (socket->object.class_ == &datagram_class ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
}

static int connect_to(const Socket *socket_, const struct addrinfo *to)
{
        int fd = socket(to->ai_family, type_of(socket_), 0), error = 0;
        socklen_t size = sizeof error;

        if (fd < 0)
                return -errno;
        if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS) {
                error = errno;
        } else {
                (void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                        error = errno;
        }
        if (error == 0)
                return fd;
        (void)close(fd);
        return -error;
}

static int bind_to(const Socket *socket_, const struct addrinfo *to)
{
        int fd = socket(to->ai_family, type_of(socket_), 0), error = 0, on = 1;

        if (fd < 0)
                return -errno;
        if (socket_->object.class_ == &listener_class)
                (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, to->ai_addr, to->ai_addrlen) < 0 ||
            (socket_->object.class_ == &listener_class && listen(fd, SOMAXCONN) < 0))
                error = errno;
        if (error == 0)
                return fd;
        (void)close(fd);
        return -error;
}

/* host NULL: any address of this machine. An empty service: any port. */
static HRESULT look_up(const Socket *socket, IHostName *host, HSTRING service, bool is_passive,
                       struct addrinfo **ret_list)
{
        const struct addrinfo hints = { .ai_socktype = type_of(socket) & ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
                                        .ai_flags = is_passive ? AI_PASSIVE : 0 };
        _cleanup_(freep) char *name = NULL, *port = NULL;
        HRESULT hr = host ? hostname_text(host, &name) : S_OK;
        int r;

        if (SUCCEEDED(hr))
                hr = string_to_utf8(service, &port);
        if (FAILED(hr))
                return hr;
        r = getaddrinfo(name, *port ? port : "0", &hints, ret_list);
        return r == 0 ? S_OK : r == EAI_MEMORY ? E_OUTOFMEMORY :
                r == EAI_SERVICE ? E_INVALIDARG : HRESULT_FROM_WIN32(WSAHOST_NOT_FOUND);
}

/* The first address that can be reached, or had. */
static HRESULT open_socket(Socket *socket, IHostName *host, HSTRING service, bool is_passive)
{
        struct addrinfo *list = NULL;
        HRESULT hr = look_up(socket, host, service, is_passive, &list);
        int fd = -EHOSTUNREACH;

        if (FAILED(hr))
                return hr;
        for (const struct addrinfo *to = list; to && fd < 0; to = to->ai_next)
                fd = is_passive ? bind_to(socket, to) : connect_to(socket, to);
        freeaddrinfo(list);
        if (fd < 0)
                return socket_hresult(-fd);
        pthread_mutex_lock(&socket->lock);
        if (socket->is_closed || socket->fd >= 0)
                hr = socket->is_closed ? RO_E_CLOSED : E_ILLEGAL_METHOD_CALL;
        else
                socket->fd = TAKE_FD(fd);
        pthread_mutex_unlock(&socket->lock);
        close_fd(&fd);
        return SUCCEEDED(hr) ? acceptor_start(socket) : hr;
}

static HRESULT open_async(void *self, IHostName *host, HSTRING service, bool is_passive, IAsyncAction **ret_action)
{
        Socket *socket = socket_of(self);
        HRESULT hr = S_OK;

        if (!ret_action)
                return E_POINTER;
        *ret_action = NULL;
        pthread_mutex_lock(&socket->lock);
        if (socket->is_closed || socket->fd >= 0)
                hr = socket->is_closed ? RO_E_CLOSED : E_ILLEGAL_METHOD_CALL;
        pthread_mutex_unlock(&socket->lock);
        return FAILED(hr) ? hr :
                async_new(ASYNC_ACTION, open_socket(socket, host, service, is_passive), 0, ret_action);
}

static STDMETHODIMP connect_async(void *self, IHostName *host, HSTRING service, IAsyncAction **ret_action)
{
        if (!host || WindowsIsStringEmpty(service))
                return E_INVALIDARG;
        return open_async(self, host, service, false, ret_action);
}

static STDMETHODIMP connect_with_protection(IStreamSocket *self, IHostName *host, HSTRING service,
                                            SocketProtectionLevel level, IAsyncAction **ret_action)
{
        return level == SocketProtectionLevel_PlainSocket ? connect_async(self, host, service, ret_action) : E_NOTIMPL;
}

static STDMETHODIMP bind_service(void *self, HSTRING service, IAsyncAction **ret_action)
{
        return open_async(self, NULL, service, true, ret_action);
}

static STDMETHODIMP bind_endpoint(void *self, IHostName *host, HSTRING service, IAsyncAction **ret_action)
{
        return open_async(self, host, service, true, ret_action);
}

static STDMETHODIMP get_input(void *self, IInputStream **ret_value)
{
        return ret_value ? stream_new_input(socket_of(self), ret_value) : E_POINTER;
}

static STDMETHODIMP get_output(void *self, IOutputStream **ret_value)
{
        return ret_value ? stream_new_output(socket_of(self), ret_value) : E_POINTER;
}

/* To hand it over. */

static STDMETHODIMP enable(void *self, GUID task)
{
        Socket *socket = socket_of(self);

        pthread_mutex_lock(&socket->lock);
        socket->may_transfer = true;
        socket->task = task;
        pthread_mutex_unlock(&socket->lock);
        return S_OK;
}

void socket_enable(void *face, GUID task)
{
        (void)enable(face, task);
}

/* Nothing wakes a machine that is suspended. */
static STDMETHODIMP enable_with_action(void *self, GUID task, SocketActivityConnectedStandbyAction action)
{
        switch (action) {
        case SocketActivityConnectedStandbyAction_DoNotWake:
                return enable(self, task);
        case SocketActivityConnectedStandbyAction_Wake:
                return HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED);
        default:
                return E_INVALIDARG;
        }
}

/* Under the lock, which keeps operations from beginning. What the broker cannot keep is noted before it has it. */
static HRESULT give_away(Socket *socket, const char *id, ISocketActivityContext *context, uint64_t keep_alive_usec)
{
        char task_id[BGT_ID_SIZE];
        bgt_registration *task = NULL;
        HRESULT hr;

        if (socket->is_closed)
                return RO_E_CLOSED;
        if (socket->fd < 0 || !socket->may_transfer || socket->n_io > 0)
                return E_ILLEGAL_METHOD_CALL;
        guid_format(socket->task, task_id);
        hr = hresult_from(bgt_get_task(NULL, task_id, &task));
        if (SUCCEEDED(hr))
                hr = socket_note_put(task, id, socket_kind(socket->fd), context);
        if (SUCCEEDED(hr)) {
                hr = hresult_from(bgt_registration_transfer_socket(task, id, socket->fd, keep_alive_usec));
                if (FAILED(hr))
                        socket_note_remove(task, id);
        }
        if (SUCCEEDED(hr)) {
                socket->fd = -1;
                socket->is_closed = true;
        }
        bgt_registration_unref(task);
        return hr;
}

static STDMETHODIMP transfer_for(void *self, HSTRING id, ISocketActivityContext *context, TimeSpan keep_alive)
{
        Socket *socket = socket_of(self);
        _cleanup_(freep) char *text = NULL;
        HRESULT hr;

        if (keep_alive.Duration < 0)
                return E_INVALIDARG;
        hr = string_to_utf8(id, &text);
        if (FAILED(hr))
                return hr;
        acceptor_stop(socket);
        pthread_mutex_lock(&socket->lock);
        hr = give_away(socket, text, context, (uint64_t)keep_alive.Duration / 10);
        pthread_mutex_unlock(&socket->lock);
        if (FAILED(hr))
                (void)acceptor_start(socket);
        return hr;
}

static STDMETHODIMP transfer_with_context(void *self, HSTRING id, ISocketActivityContext *context)
{
        return transfer_for(self, id, context, (TimeSpan){ 0 });
}

static STDMETHODIMP transfer(void *self, HSTRING id)
{
        return transfer_for(self, id, NULL, (TimeSpan){ 0 });
}

static STDMETHODIMP get_stream_information(IStreamSocket *self, IStreamSocketInformation **ret_value)
{
        return ret_value ? endpoint_new(socket_of(self), SocketActivityKind_StreamSocket, ret_value) : E_POINTER;
}

static STDMETHODIMP get_datagram_information(IDatagramSocket *self, IDatagramSocketInformation **ret_value)
{
        return ret_value ? endpoint_new(socket_of(self), SocketActivityKind_DatagramSocket, ret_value) : E_POINTER;
}

static STDMETHODIMP get_listener_information(IStreamSocketListener *self, IStreamSocketListenerInformation **ret_value)
{
        return ret_value ? endpoint_new(socket_of(self), SocketActivityKind_StreamSocketListener, ret_value) :
                E_POINTER;
}

/* Who, or what, has come before is taken when the first handler is added. */
static STDMETHODIMP add_received(void *self, IUnknown *handler, EventRegistrationToken *ret_token)
{
        Socket *socket = socket_of(self);
        HRESULT hr = events_add(&socket->received, handler, ret_token);

        if (FAILED(hr))
                return hr;
        hr = acceptor_start(socket);
        if (FAILED(hr))
                (void)events_remove(&socket->received, *ret_token);
        return hr;
}

static STDMETHODIMP remove_received(void *self, EventRegistrationToken token)
{
        (void)events_remove(&socket_of(self)->received, token);
        return S_OK;
}

#define TRANSFER_SLOTS                                                                                          \
        .CancelIOAsync = (void *)cancel_io_async, .EnableTransferOwnership = (void *)enable,                    \
        .EnableTransferOwnershipWithConnectedStandbyAction = (void *)enable_with_action,                        \
        .TransferOwnership = (void *)transfer, .TransferOwnershipWithContext = (void *)transfer_with_context

static const IClosableVtbl closable_vtable = { INSPECTABLE_SLOTS, .Close = close_socket };
static const IStreamSocketVtbl stream_vtable = {
        INSPECTABLE_SLOTS, .get_Control = NOT_IMPLEMENTED, .get_Information = get_stream_information,
        .get_InputStream = (void *)get_input, .get_OutputStream = (void *)get_output,
        .ConnectWithEndpointPairAsync = NOT_IMPLEMENTED, .ConnectAsync = (void *)connect_async,
        .ConnectWithEndpointPairAndProtectionLevelAsync = NOT_IMPLEMENTED,
        .ConnectWithProtectionLevelAsync = connect_with_protection, .UpgradeToSslAsync = NOT_IMPLEMENTED,
};
static const IStreamSocket2Vtbl stream2_vtable = {
        INSPECTABLE_SLOTS, .ConnectWithProtectionLevelAndAdapterAsync = NOT_IMPLEMENTED,
};
static const IStreamSocket3Vtbl stream3_vtable = {
        INSPECTABLE_SLOTS, TRANSFER_SLOTS, .TransferOwnershipWithContextAndKeepAliveTime = (void *)transfer_for,
};
static const IDatagramSocketVtbl datagram_vtable = {
        INSPECTABLE_SLOTS, .get_Control = NOT_IMPLEMENTED, .get_Information = get_datagram_information,
        .get_OutputStream = (void *)get_output, .ConnectAsync = (void *)connect_async,
        .ConnectWithEndpointPairAsync = NOT_IMPLEMENTED, .BindServiceNameAsync = (void *)bind_service,
        .BindEndpointAsync = (void *)bind_endpoint, .JoinMulticastGroup = NOT_IMPLEMENTED,
        .GetOutputStreamAsync = NOT_IMPLEMENTED, .GetOutputStreamWithEndpointPairAsync = NOT_IMPLEMENTED,
        .add_MessageReceived = (void *)add_received, .remove_MessageReceived = (void *)remove_received,
};
static const IDatagramSocket3Vtbl datagram3_vtable = {
        INSPECTABLE_SLOTS, TRANSFER_SLOTS, .TransferOwnershipWithContextAndKeepAliveTime = (void *)transfer_for,
};
static const IStreamSocketListenerVtbl listener_vtable = {
        INSPECTABLE_SLOTS, .get_Control = NOT_IMPLEMENTED, .get_Information = get_listener_information,
        .BindServiceNameAsync = (void *)bind_service, .BindEndpointAsync = (void *)bind_endpoint,
        .add_ConnectionReceived = (void *)add_received, .remove_ConnectionReceived = (void *)remove_received,
};
static const IStreamSocketListener3Vtbl listener3_vtable = { INSPECTABLE_SLOTS, TRANSFER_SLOTS };

#define SOCKETS u"Windows.Networking.Sockets."
#define CLASS(text, ...) \
        { .name = SOCKETS text, .size = sizeof(Socket), .done = socket_done, .faces = { __VA_ARGS__ } }

static const Class stream_class = CLASS(u"StreamSocket", { &IID_IStreamSocket, &stream_vtable, NULL },
                                        { &IID_IClosable, &closable_vtable, NULL },
                                        { &IID_IStreamSocket2, &stream2_vtable, NULL },
                                        { &IID_IStreamSocket3, &stream3_vtable, NULL });
static const Class datagram_class = CLASS(u"DatagramSocket", { &IID_IDatagramSocket, &datagram_vtable, NULL },
                                          { &IID_IClosable, &closable_vtable, NULL },
                                          { &IID_IDatagramSocket3, &datagram3_vtable, NULL });
static const Class listener_class = CLASS(u"StreamSocketListener",
                                          { &IID_IStreamSocketListener, &listener_vtable, NULL },
                                          { &IID_IClosable, &closable_vtable, NULL },
                                          { &IID_IStreamSocketListener3, &listener3_vtable, NULL });

static HRESULT make(const Class *class_, int fd, void *ret)
{
        Socket *socket = (Socket *)object_new(class_);

        *(void **)ret = NULL;
        if (!socket) {
                close_fd(&fd);
                return E_OUTOFMEMORY;
        }
        pthread_mutex_init(&socket->lock, NULL);
        events_init(&socket->received);
        socket->fd = fd;
        socket->wake = -1;
        *(void **)ret = object_face(&socket->object, 0);
        return S_OK;
}

SocketActivityKind socket_kind(int fd)
{
        int type = 0, listens = 0;
        socklen_t size = sizeof type;

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
                return SocketActivityKind_None;
        return type == SOCK_DGRAM ? SocketActivityKind_DatagramSocket :
                listens ? SocketActivityKind_StreamSocketListener : SocketActivityKind_StreamSocket;
}

HRESULT socket_wrap(int fd, void *ret)
{
        switch (socket_kind(fd)) {
        case SocketActivityKind_DatagramSocket:
                return make(&datagram_class, fd, ret);
        case SocketActivityKind_StreamSocketListener:
                return make(&listener_class, fd, ret);
        default:
                return make(&stream_class, fd, ret);
        }
}

static HRESULT activate_stream(const FactoryInfo *info, IInspectable **ret_instance)
{
        return make(&stream_class, -1, ret_instance);
}

static HRESULT activate_datagram(const FactoryInfo *info, IInspectable **ret_instance)
{
        return make(&datagram_class, -1, ret_instance);
}

static HRESULT activate_listener(const FactoryInfo *info, IInspectable **ret_instance)
{
        return make(&listener_class, -1, ret_instance);
}

const FactoryInfo socket_factories[] = {
        { SOCKETS u"StreamSocket", { { NULL, NULL, NULL } }, activate_stream },
        { SOCKETS u"DatagramSocket", { { NULL, NULL, NULL } }, activate_datagram },
        { SOCKETS u"StreamSocketListener", { { NULL, NULL, NULL } }, activate_listener },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
