/* SPDX-License-Identifier: MIT */

/* The sockets of the broker: one for everybody, and one for each package that is confined to it. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "bus/bus-internal.h"

#define ACCEPTS 2 /* then it is another's turn */
#define PAUSE_USEC (100 * USEC_PER_MSEC)

/* Whoever may open the socket could be told more, but only our own user and root are served. */
static bool is_allowed(int fd)
{
        struct ucred credentials;
        socklen_t size = sizeof credentials;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return false;
        return credentials.uid == 0 || credentials.uid == geteuid();
}

static void say_whether_there_are_fds(Bus *bus, bool short_of_fds, int error)
{
        if (bus->short_of_fds == short_of_fds)
                return;
        bus->short_of_fds = short_of_fds;
        if (bus->config.handlers->newcomers)
                bus->config.handlers->newcomers(short_of_fds ? error : 0, bus->config.handlers->userdata);
}

/* Nobody is asked for a while: a connection that nobody can take would wake us for ever. */
static void pause_listeners(Bus *bus)
{
        list_for_each(i, &bus->listeners) {
                Listener *listener = list_entry(i, Listener, node);

                if (listener->source.fd >= 0)
                        (void)loop_modify(bus->loop, &listener->source, 0);
        }
        bus->resume_mono_usec = clock_now_usec(CLOCK_MONOTONIC) + PAUSE_USEC;
}

void listeners_resume(Bus *bus, uint64_t now_mono_usec)
{
        if (bus->resume_mono_usec == 0 || now_mono_usec < bus->resume_mono_usec)
                return;
        bus->resume_mono_usec = 0;
        list_for_each(i, &bus->listeners) {
                Listener *listener = list_entry(i, Listener, node);

                if (listener->source.fd >= 0)
                        (void)loop_modify(bus->loop, &listener->source, EPOLLIN);
        }
}

static void take_reserve(Bus *bus)
{
        if (bus->reserve_fd < 0)
                bus->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * Out of descriptors the connection would stay in the queue and wake us for ever: the reserve takes it and ends it.
 * When the whole machine is out of them, somebody else may have got what the reserve gave up, or the reserve may not
 * come back: then the connection waits.
 */
static void refuse_connection(Listener *listener, int error)
{
        Bus *bus = listener->bus;
        int fd = -1;

        say_whether_there_are_fds(bus, true, error);
        if (bus->reserve_fd >= 0) {
                bus->reserve_fd = safe_close(bus->reserve_fd);
                fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        }
        if (fd < 0)
                pause_listeners(bus);
        safe_close(fd);
        take_reserve(bus);
}

static void on_connection(LoopSource *source, uint32_t events, void *userdata)
{
        Listener *listener = userdata;
        Bus *bus = listener->bus;

        for (int i = 0; i < ACCEPTS; i++) {
                _cleanup_(closep) int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE)
                                refuse_connection(listener, -errno);
                        break;
                }
                take_reserve(bus);
                say_whether_there_are_fds(bus, bus->reserve_fd < 0, -ENFILE);
                if (bus->n_peers < bus->config.max_peers && is_allowed(fd) &&
                    peer_new(bus, fd, CONNECTION_SERVER, listener->package, NULL) >= 0)
                        TAKE_FD(fd);
        }
        bus_arm_timer(bus);
}

Listener *listener_free(Listener *listener)
{
        struct stat st;

        if (!listener)
                return NULL;
        loop_remove(listener->bus->loop, &listener->source);
        if (listener->ino != 0 && stat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
            st.st_ino == listener->ino)
                (void)unlink(listener->path);
        safe_close(listener->fd);
        list_remove(&listener->node);
        free(listener->path);
        free(listener->package);
        free(listener);
        return NULL;
}

static int listener_new(Bus *bus, const char *path, const char *package, Listener **ret_listener)
{
        Listener *listener = calloc(1, sizeof *listener);

        if (!listener)
                return -ENOMEM;
        *listener = (Listener){ .bus = bus, .fd = -1, .source = LOOP_SOURCE_INIT };
        list_append(&bus->listeners, &listener->node);
        listener->path = strdup(path);
        listener->package = package ? strdup(package) : NULL;
        if (!listener->path || (package && !listener->package)) {
                listener_free(listener);
                return -ENOMEM;
        }
        *ret_listener = listener;
        return 0;
}

/* Binds a name of our own and renames it, so that the socket's name never leads to one that nobody listens to. */
static int bind_socket(Listener *listener)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char temporary[sizeof address.sun_path];
        struct stat st;
        int n;

        n = snprintf(temporary, sizeof temporary, "%s.%d", listener->path, (int)getpid());
        if (n < 0 || (size_t)n >= sizeof temporary)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, temporary, (size_t)n + 1);
        listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener->fd < 0)
                return -errno;
        (void)unlink(temporary);
        if (bind(listener->fd, (struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        if (chmod(temporary, 0600) < 0 || listen(listener->fd, SOMAXCONN) < 0 || stat(temporary, &st) < 0 ||
            rename(temporary, listener->path) < 0) {
                int error = -errno;

                (void)unlink(temporary);
                return error;
        }
        listener->dev = st.st_dev;
        listener->ino = st.st_ino;
        return 0;
}

static int listen_on(Bus *bus, const char *path, const char *package, int fd)
{
        Listener *listener;
        int r;

        r = listener_new(bus, path, package, &listener);
        if (r < 0)
                return r;
        listener->fd = fd;
        if (fd < 0)
                r = bind_socket(listener);
        if (r >= 0)
                r = loop_add(bus->loop, &listener->source, listener->fd, EPOLLIN, on_connection, listener);
        listener->source.patient = true;
        if (r < 0)
                listener_free(listener);
        return r;
}

/* package NULL: that of everybody. */
static Listener *find_listener(const Bus *bus, const char *package)
{
        list_for_each(i, &bus->listeners) {
                Listener *listener = list_entry(i, Listener, node);

                if (package ? listener->package && strcmp(listener->package, package) == 0 : !listener->package)
                        return listener;
        }
        return NULL;
}

int bus_listen(Bus *bus)
{
        int r, fd = bus->config.listen_fd > 0 ? bus->config.listen_fd : -1;
        Listener *listener;
        struct stat st;

        bus->config.listen_fd = 0;
        r = listen_on(bus, bus->config.path, NULL, fd);
        if (r < 0 || fd < 0 || !bus->config.owns_listen_fd)
                return r;
        listener = find_listener(bus, NULL);
        if (stat(listener->path, &st) >= 0) {
                listener->dev = st.st_dev;
                listener->ino = st.st_ino;
        }
        return 0;
}

int bus_release_socket(Bus *bus)
{
        Listener *listener = find_listener(bus, NULL);

        if (!listener)
                return -1;
        loop_remove(bus->loop, &listener->source);
        listener->ino = 0;
        return TAKE_FD(listener->fd);
}

int bus_listen_for(Bus *bus, const char *path, const char *package)
{
        return find_listener(bus, package) ? -EEXIST : listen_on(bus, path, package, -1);
}

void bus_unlisten_for(Bus *bus, const char *package)
{
        listener_free(find_listener(bus, package));
        list_for_each_safe(i, &bus->peers) {
                Peer *peer = list_entry(i, Peer, node);

                if (peer->is_confined && !peer->userdata && strcmp(peer->package, package) == 0)
                        peer_free(peer);
        }
}
