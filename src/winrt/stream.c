/* SPDX-License-Identifier: MIT */

/* Streams of sockets. An operation is over when it is returned: what waits for the peer waits in ReadAsync. */

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "winrt/async.h"
#include "winrt/buffer.h"
#include "winrt/socket.h"

typedef struct Stream {
        Object object;
        Socket *socket;
} Stream;

static Socket *socket_of(void *self)
{
        return ((Stream *)object_of(self))->socket;
}

static void stream_done(Object *object)
{
        object_unref(&((Stream *)object)->socket->object);
}

/* After a call that has failed: until it may be tried again. */
static HRESULT wait_for(Socket *socket, const SocketIo *io, short events)
{
        return errno == EAGAIN || errno == EINTR ? socket_wait(socket, io, events) : socket_hresult(errno);
}

/* What has come, n at most: *ret_n is less where the peer has ended, or once there is some if that is enough. */
static HRESULT receive(Socket *socket, const SocketIo *io, UINT8 *bytes, UINT32 n, bool some, UINT32 *ret_n)
{
        HRESULT hr = S_OK;

        *ret_n = 0;
        while (*ret_n < n && !(some && *ret_n > 0) && SUCCEEDED(hr)) {
                ssize_t r = recv(io->fd, bytes + *ret_n, n - *ret_n, MSG_DONTWAIT);

                if (r == 0)
                        break;
                if (r > 0)
                        *ret_n += (UINT32)r;
                else
                        hr = wait_for(socket, io, POLLIN);
        }
        return hr;
}

static HRESULT send_all(Socket *socket, const SocketIo *io, UINT8 *bytes, UINT32 n, bool some, UINT32 *ret_n)
{
        HRESULT hr = S_OK;

        *ret_n = 0;
        while (*ret_n < n && SUCCEEDED(hr)) {
                ssize_t r = send(io->fd, bytes + *ret_n, n - *ret_n, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (r >= 0)
                        *ret_n += (UINT32)r;
                else
                        hr = wait_for(socket, io, POLLOUT);
        }
        return hr;
}

/* One of the two, as an operation of the socket. */
static HRESULT transfer(void *self, typeof(receive) *how, UINT8 *bytes, UINT32 n, bool some, UINT32 *ret_n)
{
        SocketIo io;
        HRESULT hr = socket_begin_io(socket_of(self), &io);

        if (SUCCEEDED(hr))
                hr = how(socket_of(self), &io, bytes, n, some, ret_n);
        socket_end_io(socket_of(self), &io);
        return hr;
}

static STDMETHODIMP read_async(IInputStream *self, IBuffer *buffer, UINT32 count, InputStreamOptions options,
                               IAsyncOperationWithProgress_IBuffer_UINT32 **ret_operation)
{
        UINT32 capacity = 0, length = 0, n = 0;
        UINT8 *bytes = NULL;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = buffer_bytes(buffer, &bytes, &capacity, &length);
        if (SUCCEEDED(hr) && count > capacity)
                hr = E_INVALIDARG;
        if (FAILED(hr))
                return hr;
        hr = transfer(self, receive, bytes, count, options & InputStreamOptions_Partial, &n);
        if (SUCCEEDED(hr))
                hr = IBuffer_put_Length(buffer, n);
        if (SUCCEEDED(hr))
                IBuffer_AddRef(buffer);
        return async_new_object(ASYNC_READ, hr, SUCCEEDED(hr) ? buffer : NULL, ret_operation);
}

static STDMETHODIMP write_async(IOutputStream *self, IBuffer *buffer,
                                IAsyncOperationWithProgress_UINT32_UINT32 **ret_operation)
{
        UINT32 capacity = 0, length = 0, n = 0;
        UINT8 *bytes = NULL;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = buffer_bytes(buffer, &bytes, &capacity, &length);
        if (FAILED(hr))
                return hr;
        hr = transfer(self, send_all, bytes, length, false, &n);
        return async_new(ASYNC_WRITE, hr, (int)n, ret_operation);
}

/* What is written is on its way. */
static STDMETHODIMP flush_async(IOutputStream *self, IAsyncOperation_boolean **ret_operation)
{
        return async_new(ASYNC_BOOLEAN, S_OK, 1, ret_operation);
}

/* One direction ends: the peer sees it. */
static HRESULT close_half(void *self, int how)
{
        SocketIo io;

        if (SUCCEEDED(socket_begin_io(socket_of(self), &io)))
                (void)shutdown(io.fd, how);
        socket_end_io(socket_of(self), &io);
        return S_OK;
}

static STDMETHODIMP close_input(IClosable *self)
{
        return close_half(self, SHUT_RD);
}

static STDMETHODIMP close_output(IClosable *self)
{
        return close_half(self, SHUT_WR);
}

static const IInputStreamVtbl input_vtable = { INSPECTABLE_SLOTS, .ReadAsync = read_async };
static const IOutputStreamVtbl output_vtable = {
        INSPECTABLE_SLOTS, .WriteAsync = write_async, .FlushAsync = flush_async,
};
static const IClosableVtbl close_input_vtable = { INSPECTABLE_SLOTS, .Close = close_input };
static const IClosableVtbl close_output_vtable = { INSPECTABLE_SLOTS, .Close = close_output };

static const Class input_class = {
        .name = NULL, .size = sizeof(Stream), .done = stream_done,
        .faces = { { &IID_IInputStream, &input_vtable, NULL }, { &IID_IClosable, &close_input_vtable, NULL } },
};
static const Class output_class = {
        .name = NULL, .size = sizeof(Stream), .done = stream_done,
        .faces = { { &IID_IOutputStream, &output_vtable, NULL }, { &IID_IClosable, &close_output_vtable, NULL } },
};

static HRESULT make(const Class *class_, Socket *socket, void *ret)
{
        Stream *stream = (Stream *)object_new(class_);

        *(void **)ret = NULL;
        if (!stream)
                return E_OUTOFMEMORY;
        stream->socket = (Socket *)object_ref(&socket->object);
        *(void **)ret = object_face(&stream->object, 0);
        return S_OK;
}

HRESULT stream_new_input(Socket *socket, IInputStream **ret)
{
        return make(&input_class, socket, ret);
}

HRESULT stream_new_output(Socket *socket, IOutputStream **ret)
{
        return make(&output_class, socket, ret);
}
