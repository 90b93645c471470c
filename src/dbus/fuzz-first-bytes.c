/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as the first ones that a server receives: the handshake, what follows it, and dispatch. The first byte
 * says where the bytes are cut in two, so that reading on is tried as well.
 */

#include <stdlib.h>
#include <unistd.h>

#include "dbus/dispatch.h"
#include "dbus/reader.h"
#include "dbus/test-interface.h"

/* What fits into a socket at once. */
#define INPUT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the fuzzer where an assertion would be compiled out. */
static void require(bool condition)
{
        if (!condition)
                abort();
}

static Writer writer;
static unsigned n_disconnected;

static void on_echo(void *context, Connection *c, Message *call)
{
        Reader r;

        reader_init(&r, call);
        writer_start_return(&writer, call);
        writer_put_string(&writer, reader_get_string(&r));
        (void)connection_reply(c, &writer, call);
}

static void get_property(void *context, unsigned property, Writer *w)
{
        writer_put_uint32(w, 1);
}

static const DispatchHandler handlers[_ECHO1_METHOD_MAX] = {
        [ECHO1_METHOD_ECHO] = on_echo,
};

static const DispatchObject objects[] = {
        { "/org/test", true, &echo1_interface, handlers, get_property },
};

static void on_message(Connection *c, Message *m, void *userdata)
{
        require(n_disconnected == 0);
        (void)dispatch_call(userdata, c, m, NULL);
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        n_disconnected++;
}

static void feed(Loop *loop, int fd, const uint8_t *data, size_t n)
{
        if (n > 0)
                (void)!write(fd, data, n);
        while (loop_dispatch(loop, 0) > 0)
                ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        ConnectionOptions options = {
                .role = CONNECTION_SERVER, .on_message = on_message, .on_disconnected = on_disconnected,
                .max_message = INPUT_MAX,
        };
        Connection *connection = NULL;
        Dispatch dispatch;
        Loop loop;
        size_t cut;
        int fds[2];

        if (size == 0 || size > INPUT_MAX)
                return 0;
        cut = 1 + data[0] * (size - 1) / 255;
        require(loop_init(&loop) == 0);
        require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        dispatch_init(&dispatch, objects, ELEMENTSOF(objects), "org.test.Broker");
        writer_init(&writer);
        n_disconnected = 0;
        options.userdata = &dispatch;
        require(connection_new(&loop, fds[0], &options, &connection) == 0);
        feed(&loop, fds[1], data + 1, cut - 1);
        if (n_disconnected == 0)
                feed(&loop, fds[1], data + cut, size - cut);
        close(fds[1]);
        feed(&loop, -1, NULL, 0);
        require(n_disconnected == 1);
        connection_free(connection);
        dispatch_done(&dispatch);
        writer_done(&writer);
        loop_done(&loop);
        return 0;
}
