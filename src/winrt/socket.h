/* SPDX-License-Identifier: MIT */
#pragma once

/* StreamSocket, DatagramSocket and StreamSocketListener: each a descriptor, until it is closed or handed over. */

#include "winrt/events.h"

typedef struct Acceptor Acceptor;

typedef struct Socket {
        Object object;
        pthread_mutex_t lock;
        int fd;              /* -1: there is none yet, or no more */
        bool is_closed;      /* also: it was handed over */
        bool may_transfer;   /* to this task */
        GUID task;
        unsigned n_io;       /* so many operations are under way, with descriptors of their own */
        unsigned n_canceled; /* those that began before it was as much are to end */
        int wake;            /* an eventfd that says so; -1: none is under way */
        Events received;     /* of a listener: ConnectionReceived; of datagrams: MessageReceived */
        Acceptor *acceptor;  /* the thread that raises it; NULL: there is none */
} Socket;

/* One operation on a socket. */
typedef struct SocketIo {
        int fd; /* -1: none */
        int wake;
        unsigned n_canceled;
} SocketIo;

/* Takes the descriptor, in any case. *ret is set to the default interface of what it is. */
HRESULT socket_wrap(int fd, void *ret);
SocketActivityKind socket_kind(int fd);
/* The socket behind any interface of one may be handed over to this task. */
void socket_enable(void *face, GUID task);
/* What an errno is on Windows. */
HRESULT socket_hresult(int error);

/* RO_E_CLOSED (it is closed or handed over), E_ILLEGAL_METHOD_CALL (there is no descriptor yet), E_OUTOFMEMORY. */
HRESULT socket_begin_io(Socket *socket, SocketIo *ret_io);
void socket_end_io(Socket *socket, SocketIo *io);
/* Until there are such events (poll()); 0x800703e3 if it is canceled. */
HRESULT socket_wait(Socket *socket, const SocketIo *io, short events);

/* Streams of it: *ret is an IInputStream, an IOutputStream. */
HRESULT stream_new_input(Socket *socket, IInputStream **ret);
HRESULT stream_new_output(Socket *socket, IOutputStream **ret);
/* Its addresses, as one of the interfaces that the three classes have for that. */
HRESULT endpoint_new(Socket *socket, SocketActivityKind kind, void *ret);

/* The arguments of MessageReceived, for the next datagram; NULL: there is none, or it is lost for want of memory. */
Object *endpoint_receive(int fd);

/* Accepts, or receives, if there is a handler and a descriptor, and nobody does yet. E_OUTOFMEMORY. */
HRESULT acceptor_start(Socket *listener);
/* Returns when no handler is called any more, unless one of them has called this. */
void acceptor_stop(Socket *listener);
