/* SPDX-License-Identifier: MIT */

/*
 * The smallest program that is a D-Bus server on this room: what the tests let foreign clients talk to.
 * test-echo-server SOCKET [MAX-MESSAGE] listens; test-echo-server unix:… is a client of the bus at that address and
 * has the name org.test.Broker there. It says "ready" when it can be called; SIGTERM ends it, and so does the bus.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/un.h>

#include "base/list.h"
#include "dbus/address.h"
#include "dbus/dispatch.h"
#include "dbus/reader.h"
#include "dbus/test-interface.h"

typedef struct Server {
        Loop loop;
        LoopSource listener;
        LoopSource signals;
        int listen_fd;
        int signal_fd;
        Dispatch dispatch;
        Writer writer;
        ListNode peers;
        Uuid guid;
        size_t max_message;
        uint64_t n_accepted;
        uint32_t n_notes;
        uint32_t n_lost;
        uint32_t n_peers;
        bool on_bus;
        bool leaving;
} Server;

/* Owns its connection, as the broker's peers do. */
typedef struct Peer {
        ListNode node;
        Server *server;
        Connection *connection;
        bool subscribed;
} Peer;

static Peer *peer_free(Peer *peer)
{
        if (!peer)
                return NULL;
        if (list_is_linked(&peer->node))
                peer->server->n_peers--;
        list_remove(&peer->node);
        connection_free(peer->connection);
        free(peer);
        return NULL;
}

DEFINE_CLEANUP(Peer *, peer_free);

static void on_echo(void *context, Connection *c, Message *call)
{
        Writer *w = &((Peer *)context)->server->writer;
        Reader r;

        reader_init(&r, call);
        writer_start_return(w, call);
        writer_put_string(w, reader_get_string(&r));
        (void)connection_reply(c, w, call);
}

static void on_put(void *context, Connection *c, Message *call)
{
        Writer *w = &((Peer *)context)->server->writer;
        size_t n;
        Reader r;

        reader_init(&r, call);
        (void)reader_get_bytes(&r, &n);
        writer_start_return(w, call);
        writer_put_uint64(w, n);
        (void)connection_reply(c, w, call);
}

static void on_read_fd(void *context, Connection *c, Message *call)
{
        Writer *w = &((Peer *)context)->server->writer;
        char data[64];
        ssize_t n;
        Reader r;

        reader_init(&r, call);
        n = pread(reader_get_fd(&r, NULL), data, sizeof data, 0);
        writer_start_return(w, call);
        writer_put_bytes(w, data, n > 0 ? (size_t)n : 0);
        (void)connection_reply(c, w, call);
}

static void on_pass_fds(void *context, Connection *c, Message *call)
{
        Writer *w = &((Peer *)context)->server->writer;
        Reader r;

        reader_init(&r, call);
        writer_start_return(w, call);
        writer_put_fd(w, reader_get_fd(&r, NULL));
        writer_put_fd(w, reader_get_fd(&r, NULL));
        (void)connection_reply(c, w, call);
}

static void on_who_am_i(void *context, Connection *c, Message *call)
{
        Writer *w = &((Peer *)context)->server->writer;
        _cleanup_(closep) int pidfd = -1;

        (void)connection_peer_pidfd(c, &pidfd);
        writer_start_return(w, call);
        writer_put_uint32(w, (uint32_t)connection_peer(c)->pid);
        writer_put_uint32(w, connection_peer(c)->uid);
        writer_put_bool(w, pidfd >= 0);
        (void)connection_reply(c, w, call);
}

static void on_subscribe(void *context, Connection *c, Message *call)
{
        Peer *peer = context;

        peer->subscribed = true;
        writer_start_return(&peer->server->writer, call);
        (void)connection_reply(c, &peer->server->writer, call);
}

static void on_emit(void *context, Connection *c, Message *call)
{
        Server *server = ((Peer *)context)->server;
        Writer *w = &server->writer;
        uint32_t n = 0;
        Reader r;

        reader_init(&r, call);
        interface_start_signal(w, "/org/test", &echo1_interface, ECHO1_SIGNAL_TICK);
        writer_put_uint64(w, reader_get_uint64(&r));
        list_for_each(i, &server->peers) {
                Peer *peer = list_entry(i, Peer, node);

                if (peer->subscribed && connection_send(peer->connection, w) == 0)
                        n++;
        }
        writer_start_return(w, call);
        writer_put_uint32(w, n);
        (void)connection_reply(c, w, call);
}

static void on_note(void *context, Connection *c, Message *call)
{
        ((Peer *)context)->server->n_notes++;
}

static void on_count(void *context, Connection *c, Message *call)
{
        Server *server = ((Peer *)context)->server;

        writer_start_return(&server->writer, call);
        writer_put_uint32(&server->writer, server->n_notes);
        writer_put_uint32(&server->writer, server->n_lost);
        writer_put_uint32(&server->writer, server->n_peers);
        (void)connection_reply(c, &server->writer, call);
}

static void get_property(void *context, unsigned property, Writer *w)
{
        writer_put_uint32(w, 1);
}

static const DispatchHandler handlers[_ECHO1_METHOD_MAX] = {
        [ECHO1_METHOD_ECHO] = on_echo,
        [ECHO1_METHOD_PUT] = on_put,
        [ECHO1_METHOD_READ_FD] = on_read_fd,
        [ECHO1_METHOD_PASS_FDS] = on_pass_fds,
        [ECHO1_METHOD_WHO_AM_I] = on_who_am_i,
        [ECHO1_METHOD_SUBSCRIBE] = on_subscribe,
        [ECHO1_METHOD_EMIT] = on_emit,
        [ECHO1_METHOD_NOTE] = on_note,
        [ECHO1_METHOD_COUNT] = on_count,
};

static const DispatchObject objects[] = {
        { "/org/test", false, &echo1_interface, handlers, get_property },
};

static void on_message(Connection *c, Message *m, void *userdata)
{
        Peer *peer = userdata;

        (void)dispatch_call(&peer->server->dispatch, c, m, peer);
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        Peer *peer = userdata;

        peer->server->n_lost++;
        peer->server->leaving = peer->server->leaving || peer->server->on_bus;
        peer_free(peer);
}

static int server_add_peer(Server *server, int fd)
{
        _cleanup_(peer_freep) Peer *peer = calloc(1, sizeof *peer);
        ConnectionOptions options = {
                .role = server->on_bus ? CONNECTION_CLIENT : CONNECTION_SERVER,
                .guid = server->guid, .id = ++server->n_accepted, .max_message = server->max_message,
                .on_message = on_message, .on_disconnected = on_disconnected, .userdata = peer,
        };
        int r;

        if (!peer)
                return -ENOMEM;
        peer->server = server;
        r = connection_new(&server->loop, fd, &options, &peer->connection);
        if (r < 0)
                return r;
        list_append(&server->peers, &peer->node);
        server->n_peers++;
        TAKE_PTR(peer);
        return 0;
}

static void on_connect(LoopSource *source, uint32_t events, void *userdata)
{
        Server *server = userdata;
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0 && server_add_peer(server, fd) < 0)
                close(fd);
}

static void on_signal(LoopSource *source, uint32_t events, void *userdata)
{
        ((Server *)userdata)->leaving = true;
}

static int server_listen(Server *server, const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (server->listen_fd < 0 || bind(server->listen_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            listen(server->listen_fd, SOMAXCONN) < 0)
                return -errno;
        return loop_add(&server->loop, &server->listener, server->listen_fd, EPOLLIN, on_connect, server);
}

static void on_name(Connection *c, Message *m, int error, void *userdata)
{
        Reader r;

        if (m)
                reader_init(&r, m);
        if (m && reader_get_uint32(&r) == 1)
                puts("ready");
        fflush(stdout);
}

/* Says hello and asks for the name at once, behind a handshake that nobody has answered yet. */
static int server_join(Server *server, const char *address)
{
        static const char bus[] = "org.freedesktop.DBus";
        Writer *w = &server->writer;
        Connection *c;
        int fd, r;

        r = address_connect(address, &fd);
        if (r < 0)
                return r;
        server->on_bus = true;
        r = server_add_peer(server, fd);
        if (r < 0) {
                close(fd);
                return r;
        }
        c = list_entry(server->peers.next, Peer, node)->connection;
        writer_start_call(w, bus, "/org/freedesktop/DBus", bus, "Hello");
        r = connection_send(c, w);
        if (r < 0)
                return r;
        writer_start_call(w, bus, "/org/freedesktop/DBus", bus, "RequestName");
        writer_put_string(w, "org.test.Broker");
        writer_put_uint32(w, 0);
        return connection_call(c, w, on_name, server, NULL);
}

static int server_init(Server *server, const char *path)
{
        sigset_t mask;
        int r;

        *server = (Server){
                .loop = LOOP_INIT, .listener = LOOP_SOURCE_INIT, .signals = LOOP_SOURCE_INIT,
                .listen_fd = -1, .signal_fd = -1, .guid = uuid_random(),
        };
        list_init(&server->peers);
        dispatch_init(&server->dispatch, objects, ELEMENTSOF(objects), "org.test.Broker");
        writer_init(&server->writer);
        r = loop_init(&server->loop);
        if (r < 0)
                return r;
        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        server->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
        if (server->signal_fd < 0)
                return -errno;
        r = loop_add(&server->loop, &server->signals, server->signal_fd, EPOLLIN, on_signal, server);
        if (r < 0)
                return r;
        return strncmp(path, "unix:", 5) == 0 ? server_join(server, path) : server_listen(server, path);
}

static void server_done(Server *server)
{
        list_for_each_safe(i, &server->peers)
                peer_free(list_entry(i, Peer, node));
        loop_remove(&server->loop, &server->listener);
        loop_remove(&server->loop, &server->signals);
        safe_close(server->listen_fd);
        safe_close(server->signal_fd);
        dispatch_done(&server->dispatch);
        writer_done(&server->writer);
        loop_done(&server->loop);
}

int main(int argc, char *argv[])
{
        Server server;
        int r;

        if (argc < 2 || argc > 3) {
                fprintf(stderr, "usage: test-echo-server SOCKET|ADDRESS [MAX-MESSAGE]\n");
                return EXIT_FAILURE;
        }
        r = server_init(&server, argv[1]);
        server.max_message = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
        if (r >= 0 && !server.on_bus)
                puts("ready");
        fflush(stdout);
        while (r >= 0 && !server.leaving)
                r = loop_dispatch(&server.loop, -1);
        server_done(&server);
        if (r < 0)
                fprintf(stderr, "test-echo-server: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
