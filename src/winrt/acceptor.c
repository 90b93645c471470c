/* SPDX-License-Identifier: MIT */

/*
 * ConnectionReceived of a listener, MessageReceived of a socket for datagrams: a thread that accepts, or receives, as
 * long as there is a handler. It keeps no reference to the socket (the listener in what follows), which stops it and
 * waits for it before it goes; where a handler on that very thread gives the last reference back, the thread finds
 * itself stopped and looks at the listener no more.
 */

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "winrt/socket.h"

struct Acceptor {
        atomic_uint n_ref; /* the listener and the thread */
        atomic_bool is_stopped, is_over;
        Socket *listener;
        pthread_t thread; /* set by itself, under the lock */
        int fd;           /* the socket, as a descriptor of its own */
        int stop;         /* an eventfd */
        int over;         /* an eventfd, once the thread looks at the listener no more */
        bool is_datagram;
};

typedef struct Received {
        Object object;
        IStreamSocket *socket;
} Received;

static void received_done(Object *object)
{
        IStreamSocket_Release(((Received *)object)->socket);
}

static STDMETHODIMP get_socket(IStreamSocketListenerConnectionReceivedEventArgs *self, IStreamSocket **ret_value)
{
        IStreamSocket *socket = ((Received *)object_of(self))->socket;

        if (!ret_value)
                return E_POINTER;
        IStreamSocket_AddRef(socket);
        *ret_value = socket;
        return S_OK;
}

static const IStreamSocketListenerConnectionReceivedEventArgsVtbl args_vtable = {
        INSPECTABLE_SLOTS, .get_Socket = get_socket,
};
static const Class args_class = {
        .name = u"Windows.Networking.Sockets.StreamSocketListenerConnectionReceivedEventArgs",
        .size = sizeof(Received), .done = received_done,
        .faces = { { &IID_IStreamSocketListenerConnectionReceivedEventArgs, &args_vtable, NULL } },
};

static void acceptor_unref(Acceptor *acceptor)
{
        if (atomic_fetch_sub_explicit(&acceptor->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        if (acceptor->fd >= 0)
                (void)close(acceptor->fd);
        if (acceptor->stop >= 0)
                (void)close(acceptor->stop);
        if (acceptor->over >= 0)
                (void)close(acceptor->over);
        free(acceptor);
}

/* Handlers of both events look like this one to us. */
typedef struct Telling {
        IStreamSocketListener *sender;
        IStreamSocketListenerConnectionReceivedEventArgs *args;
} Telling;

static HRESULT call_received(IUnknown *handler, void *userdata)
{
        const Telling *telling = userdata;

        return IConnectionReceivedEventHandler_Invoke((IConnectionReceivedEventHandler *)handler, telling->sender,
                                                      telling->args);
}

/* The listener is there, and is kept by the caller. */
static void raise(Socket *listener, Object *args)
{
        Telling telling = { object_face(&listener->object, 0), object_face(args, 0) };

        (void)events_raise(&listener->received, 0, call_received, &telling);
}

/* Takes the descriptor. */
static void tell(Socket *listener, int fd)
{
        Received *received;
        IStreamSocket *socket;

        if (FAILED(socket_wrap(fd, &socket)))
                return;
        received = (Received *)object_new(&args_class);
        if (!received) {
                IStreamSocket_Release(socket);
                return;
        }
        received->socket = socket;
        raise(listener, &received->object);
        object_unref(&received->object);
}

static void accept_one(Socket *listener, const Acceptor *acceptor)
{
        Object *message = acceptor->is_datagram ? endpoint_receive(acceptor->fd) : NULL;
        int fd;

        if (message)
                raise(listener, message);
        object_unref(message);
        if (acceptor->is_datagram)
                return;
        fd = accept4(acceptor->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
                tell(listener, fd);
}

/* Where nobody hears the thread ends, and the next handler starts another one. */
static bool is_heard(Acceptor *acceptor)
{
        bool any;

        pthread_mutex_lock(&acceptor->listener->lock);
        any = events_any(&acceptor->listener->received);
        if (!any)
                atomic_store(&acceptor->is_stopped, true);
        pthread_mutex_unlock(&acceptor->listener->lock);
        return any;
}

static void *accept_all(void *of)
{
        Acceptor *acceptor = of;

        pthread_mutex_lock(&acceptor->listener->lock);
        acceptor->thread = pthread_self();
        pthread_mutex_unlock(&acceptor->listener->lock);
        while (!atomic_load(&acceptor->is_stopped)) {
                struct pollfd fds[] = { { .fd = acceptor->fd, .events = POLLIN },
                                        { .fd = acceptor->stop, .events = POLLIN } };
                Socket *listener = acceptor->listener;

                (void)poll(fds, ELEMENTSOF(fds), -1);
                if (atomic_load(&acceptor->is_stopped) || !is_heard(acceptor) || !object_try_ref(&listener->object))
                        break;
                accept_one(listener, acceptor);
                object_unref(&listener->object);
        }
        atomic_store(&acceptor->is_over, true);
        (void)eventfd_write(acceptor->over, 1);
        acceptor_unref(acceptor);
        return NULL;
}

/* Under the lock. */
static HRESULT start(Socket *listener)
{
        Acceptor *acceptor = calloc(1, sizeof *acceptor);

        if (!acceptor)
                return E_OUTOFMEMORY;
        atomic_init(&acceptor->n_ref, 2);
        acceptor->listener = listener;
        acceptor->fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 3);
        acceptor->is_datagram = socket_kind(listener->fd) == SocketActivityKind_DatagramSocket;
        acceptor->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        acceptor->over = eventfd(0, EFD_CLOEXEC);
        if (acceptor->fd < 0 || acceptor->stop < 0 || acceptor->over < 0 ||
            object_start_thread(accept_all, acceptor) < 0) {
                atomic_store(&acceptor->n_ref, 1);
                acceptor_unref(acceptor);
                return E_OUTOFMEMORY;
        }
        listener->acceptor = acceptor;
        return S_OK;
}

HRESULT acceptor_start(Socket *listener)
{
        HRESULT hr = S_OK;
        bool is_over;

        pthread_mutex_lock(&listener->lock);
        is_over = listener->acceptor && atomic_load(&listener->acceptor->is_stopped);
        pthread_mutex_unlock(&listener->lock);
        if (is_over)
                acceptor_stop(listener);
        pthread_mutex_lock(&listener->lock);
        if (!listener->acceptor && listener->fd >= 0 && events_any(&listener->received))
                hr = start(listener);
        pthread_mutex_unlock(&listener->lock);
        return hr;
}

void acceptor_stop(Socket *listener)
{
        Acceptor *acceptor;
        bool is_own = false;

        pthread_mutex_lock(&listener->lock);
        acceptor = TAKE_PTR(listener->acceptor);
        if (acceptor) {
                is_own = pthread_equal(acceptor->thread, pthread_self());
                atomic_store(&acceptor->is_stopped, true);
                (void)eventfd_write(acceptor->stop, 1);
        }
        pthread_mutex_unlock(&listener->lock);
        if (!acceptor)
                return;
        while (!is_own && !atomic_load(&acceptor->is_over))
                (void)eventfd_read(acceptor->over, &(eventfd_t){ 0 });
        acceptor_unref(acceptor);
}
