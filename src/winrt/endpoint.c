/* SPDX-License-Identifier: MIT */

/*
 * StreamSocketInformation and its kin: where a socket is bound and connected to, at the moment it is asked for; and
 * what a datagram says, with where it comes from.
 */

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include "winrt/hostname.h"
#include "winrt/reader.h"
#include "winrt/socket.h"

typedef struct Name {
        char address[INET6_ADDRSTRLEN]; /* "": none */
        char port[8];
} Name;

typedef struct Endpoint {
        Object object;
        Name local, remote;
} Endpoint;

typedef struct Message {
        Endpoint endpoint;
        UINT8 *bytes;
        UINT32 n;
} Message;

static Endpoint *endpoint_of(void *self)
{
        return (Endpoint *)object_of(self);
}

static HRESULT hand_out_address(const Name *name, IHostName **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return name->address[0] ? hostname_new(name->address, ret_value) : S_OK;
}

static STDMETHODIMP get_local_address(void *self, IHostName **ret_value)
{
        return hand_out_address(&endpoint_of(self)->local, ret_value);
}

static STDMETHODIMP get_local_port(void *self, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(endpoint_of(self)->local.port, ret_value) : E_POINTER;
}

static STDMETHODIMP get_remote_address(void *self, IHostName **ret_value)
{
        return hand_out_address(&endpoint_of(self)->remote, ret_value);
}

static STDMETHODIMP get_remote_port(void *self, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(endpoint_of(self)->remote.port, ret_value) : E_POINTER;
}

static STDMETHODIMP get_protection(IStreamSocketInformation *self, SocketProtectionLevel *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = SocketProtectionLevel_PlainSocket;
        return S_OK;
}

#define NAME_SLOTS                                                                                              \
        .get_LocalAddress = (void *)get_local_address, .get_LocalPort = (void *)get_local_port,                 \
        .get_RemoteAddress = (void *)get_remote_address, .get_RemotePort = (void *)get_remote_port

static const IStreamSocketInformationVtbl stream_vtable = {
        INSPECTABLE_SLOTS, NAME_SLOTS, .get_RemoteHostName = (void *)get_remote_address,
        .get_RemoteServiceName = (void *)get_remote_port, .get_RoundTripTimeStatistics = NOT_IMPLEMENTED,
        .get_BandwidthStatistics = NOT_IMPLEMENTED, .get_ProtectionLevel = get_protection,
        .get_SessionKey = NOT_IMPLEMENTED,
};
static const IDatagramSocketInformationVtbl datagram_vtable = { INSPECTABLE_SLOTS, NAME_SLOTS };
static const IStreamSocketListenerInformationVtbl listener_vtable = {
        INSPECTABLE_SLOTS, .get_LocalPort = (void *)get_local_port,
};

#define CLASS(text, interface, vtable)                                                                  \
        { .name = u"Windows.Networking.Sockets." text, .size = sizeof(Endpoint),                        \
          .faces = { { &IID_##interface, &vtable, NULL } } }

static const Class classes[] = {
        [SocketActivityKind_StreamSocketListener] = CLASS(u"StreamSocketListenerInformation",
                                                          IStreamSocketListenerInformation, listener_vtable),
        [SocketActivityKind_DatagramSocket] = CLASS(u"DatagramSocketInformation", IDatagramSocketInformation,
                                                    datagram_vtable),
        [SocketActivityKind_StreamSocket] = CLASS(u"StreamSocketInformation", IStreamSocketInformation, stream_vtable),
};

typedef int (*Ask)(int fd, struct sockaddr *address, socklen_t *size);

static void set_name(const struct sockaddr_storage *address, socklen_t size, Name *ret_name)
{
        if ((address->ss_family != AF_INET && address->ss_family != AF_INET6) ||
            getnameinfo((const struct sockaddr *)address, size, ret_name->address, sizeof ret_name->address,
                        ret_name->port, sizeof ret_name->port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
                *ret_name = (Name){ { 0 }, { 0 } };
}

static void ask(int fd, Ask who, Name *ret_name)
{
        struct sockaddr_storage address = { 0 };
        socklen_t size = sizeof address;

        if (who(fd, (struct sockaddr *)&address, &size) < 0)
                address.ss_family = AF_UNSPEC;
        set_name(&address, size, ret_name);
}

static int ask_local(int fd, struct sockaddr *address, socklen_t *size)
{
        return getsockname(fd, address, size);
}

static int ask_remote(int fd, struct sockaddr *address, socklen_t *size)
{
        return getpeername(fd, address, size);
}

HRESULT endpoint_new(Socket *socket, SocketActivityKind kind, void *ret)
{
        Endpoint *endpoint = (Endpoint *)object_new(&classes[kind]);

        *(void **)ret = NULL;
        if (!endpoint)
                return E_OUTOFMEMORY;
        pthread_mutex_lock(&socket->lock);
        ask(socket->fd, ask_local, &endpoint->local);
        ask(socket->fd, ask_remote, &endpoint->remote);
        pthread_mutex_unlock(&socket->lock);
        *(void **)ret = object_face(&endpoint->object, 0);
        return S_OK;
}

/* What a datagram says. */

static void message_done(Object *object)
{
        free(((Message *)object)->bytes);
}

static STDMETHODIMP get_reader(IDatagramSocketMessageReceivedEventArgs *self, IDataReader **ret_reader)
{
        const Message *message = (Message *)object_of(self);

        return ret_reader ? reader_new(message->bytes, message->n, ret_reader) : E_POINTER;
}

static const IDatagramSocketMessageReceivedEventArgsVtbl message_vtable = {
        INSPECTABLE_SLOTS, .get_RemoteAddress = (void *)get_remote_address,
        .get_RemotePort = (void *)get_remote_port, .get_LocalAddress = (void *)get_local_address,
        .GetDataReader = get_reader, .GetDataStream = NOT_IMPLEMENTED,
};
static const Class message_class = {
        .name = u"Windows.Networking.Sockets.DatagramSocketMessageReceivedEventArgs", .size = sizeof(Message),
        .done = message_done, .faces = { { &IID_IDatagramSocketMessageReceivedEventArgs, &message_vtable, NULL } },
};

Object *endpoint_receive(int fd)
{
        ssize_t n = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
        struct sockaddr_storage from = { 0 };
        socklen_t size = sizeof from;
        Message *message;

        if (n < 0)
                return NULL;
        message = (Message *)object_new(&message_class);
        if (message)
                message->bytes = malloc(MAX((size_t)n, (size_t)1));
        /* It goes, whether there is memory for it or not. */
        n = recvfrom(fd, message ? message->bytes : NULL, message && message->bytes ? (size_t)n : 0, MSG_DONTWAIT,
                     (struct sockaddr *)&from, &size);
        if (!message || !message->bytes || n < 0) {
                object_unref(message ? &message->endpoint.object : NULL);
                return NULL;
        }
        message->n = (UINT32)n;
        set_name(&from, size, &message->endpoint.remote);
        ask(fd, ask_local, &message->endpoint.local);
        return &message->endpoint.object;
}
