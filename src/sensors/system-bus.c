/* SPDX-License-Identifier: MIT */

#include "sensors/system-bus.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "dbus/address.h"
#include "base/delay.h"

/* The socket has appeared, but nobody listens on it yet: soon, or never. */
#define RETRY_USEC (100 * USEC_PER_MSEC)
#define RETRIES_MAX 8
/* What the bus queues for us if we were slow: more means that something is wrong with it. */
#define MESSAGE_MAX ((size_t)16 << 20)

struct SystemBus {
        Loop *loop;
        char *address;
        bool own;
        const char *entry; /* of the address, which the connection is to */
        Connection *connection;
        Writer writer;
        ListNode users;
        int inotify_fd;
        LoopSource inotify_source;
        Delay retry;
        unsigned n_retries;
};

static void try_connect(SystemBus *bus);

static void stop_waiting(SystemBus *bus)
{
        loop_remove(bus->loop, &bus->inotify_source);
        bus->inotify_fd = safe_close(bus->inotify_fd);
        delay_stop(&bus->retry);
}

static void on_folder(LoopSource *source, uint32_t events, void *userdata)
{
        SystemBus *bus = userdata;

        bus->n_retries = 0;
        try_connect(bus);
}

static void on_retry(Delay *delay, void *userdata)
{
        try_connect(userdata);
}

/* Watches the folder of the socket or, as long as that is not there, the nearest one above it. */
static int watch_folder(SystemBus *bus, char *path)
{
        const uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
        char *slash;

        while ((slash = strrchr(path, '/'))) {
                slash[slash == path] = '\0';
                if (inotify_add_watch(bus->inotify_fd, path, mask) >= 0)
                        return 0;
                if ((errno != ENOENT && errno != ENOTDIR) || strcmp(path, "/") == 0)
                        return -errno;
        }
        return -ENOENT;
}

/* Of each entry that has a file. False if there is none that can be watched. */
static bool watch_folders(SystemBus *bus)
{
        char path[PATH_MAX];
        bool watched = false;

        bus->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (bus->inotify_fd < 0)
                return false;
        for (const char *entry = bus->address; *entry; entry = address_next(entry))
                watched |= address_get_path(entry, path, sizeof path) >= 0 && watch_folder(bus, path) >= 0;
        return watched &&
               loop_add(bus->loop, &bus->inotify_source, bus->inotify_fd, EPOLLIN, on_folder, bus) >= 0;
}

static void on_call(SystemBus *bus, Message *m)
{
        list_for_each_safe(i, &bus->users) {
                BusUser *user = list_entry(i, BusUser, node);

                if (user->call && user->call(user, m))
                        return;
        }
        writer_start_error(&bus->writer, m, "org.freedesktop.DBus.Error.UnknownMethod", "there is nothing to call");
        (void)connection_reply(bus->connection, &bus->writer, m);
}

static void on_message(Connection *c, Message *m, void *userdata)
{
        SystemBus *bus = userdata;

        if (m->type == MESSAGE_CALL)
                on_call(bus, m);
        if (m->type != MESSAGE_SIGNAL)
                return;
        list_for_each_safe(i, &bus->users) {
                BusUser *user = list_entry(i, BusUser, node);

                user->signal(user, m);
        }
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        SystemBus *bus = userdata;

        bus->connection = connection_free(bus->connection);
        list_for_each_safe(i, &bus->users) {
                BusUser *user = list_entry(i, BusUser, node);

                user->disconnected(user);
        }
        bus->n_retries = 0;
        if (!list_is_empty(&bus->users))
                try_connect(bus);
}

static void on_hello(Connection *c, Message *reply, int error, void *userdata)
{
}

static int connect_now(SystemBus *bus)
{
        const ConnectionOptions options = {
                .role = CONNECTION_CLIENT,
                .max_message = MESSAGE_MAX,
                .on_message = on_message,
                .on_disconnected = on_disconnected,
                .userdata = bus,
        };
        _cleanup_(closep) int fd = -1;
        int r;

        if (bus->own)
                r = address_connect_own(bus->address, &fd, &bus->entry);
        else
                r = address_connect(bus->address, &fd);
        if (r < 0)
                return r;
        r = connection_new(bus->loop, fd, &options, &bus->connection);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        writer_start_call(&bus->writer, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "Hello");
        r = connection_call(bus->connection, &bus->writer, on_hello, NULL, NULL);
        if (r < 0)
                bus->connection = connection_free(bus->connection);
        return r;
}

/* The folder is watched before the last try, so that no socket appears unseen in between. */
static void wait_for_bus(SystemBus *bus)
{
        int r;

        if (!watch_folders(bus)) {
                stop_waiting(bus);
                return;
        }
        r = connect_now(bus);
        if (address_may_answer_soon(r) && bus->n_retries++ < RETRIES_MAX)
                delay_start(&bus->retry, RETRY_USEC << bus->n_retries);
        if (r >= 0)
                stop_waiting(bus);
}

static void try_connect(SystemBus *bus)
{
        stop_waiting(bus);
        if (connect_now(bus) < 0)
                wait_for_bus(bus);
        if (!bus->connection)
                return;
        bus->n_retries = 0;
        list_for_each_safe(i, &bus->users) {
                BusUser *user = list_entry(i, BusUser, node);

                user->connected(user);
        }
}

int system_bus_new(Loop *loop, const char *address, bool own, SystemBus **ret_bus)
{
        _cleanup_(system_bus_freep) SystemBus *bus = calloc(1, sizeof *bus);
        int r;

        if (!bus)
                return -ENOMEM;
        bus->loop = loop;
        bus->own = own;
        bus->inotify_fd = -1;
        bus->inotify_source = LOOP_SOURCE_INIT;
        bus->retry = DELAY_INIT;
        list_init(&bus->users);
        writer_init(&bus->writer);
        bus->address = strdup(address);
        if (!bus->address)
                return -ENOMEM;
        r = delay_init(&bus->retry, loop, on_retry, bus);
        if (r < 0)
                return r;
        *ret_bus = TAKE_PTR(bus);
        return 0;
}

SystemBus *system_bus_free(SystemBus *bus)
{
        if (!bus)
                return NULL;
        connection_free(bus->connection);
        stop_waiting(bus);
        delay_done(&bus->retry);
        writer_done(&bus->writer);
        free(bus->address);
        free(bus);
        return NULL;
}

int system_bus_add(SystemBus *bus, BusUser *user)
{
        bool first = list_is_empty(&bus->users);

        list_append(&bus->users, &user->node);
        if (first)
                try_connect(bus);
        else if (bus->connection)
                user->connected(user);
        return 0;
}

void system_bus_remove(SystemBus *bus, BusUser *user)
{
        list_remove(&user->node);
        if (!list_is_empty(&bus->users))
                return;
        bus->connection = connection_free(bus->connection);
        stop_waiting(bus);
        writer_release(&bus->writer);
}

int system_bus_move(SystemBus *bus, const char *address)
{
        char *copy;

        if (strcmp(address, bus->address) == 0)
                return 0;
        copy = strdup(address);
        if (!copy)
                return -ENOMEM;
        free(bus->address);
        bus->address = copy;
        bus->entry = NULL;
        if (bus->connection)
                on_disconnected(bus->connection, 0, bus);
        else if (!list_is_empty(&bus->users))
                try_connect(bus);
        return 0;
}

int system_bus_connect(const SystemBus *bus, int *ret_fd)
{
        const char *entry;

        return bus->connection && bus->entry ? address_connect_own(bus->entry, ret_fd, &entry) : -ENOTCONN;
}

Connection *system_bus_connection(const SystemBus *bus)
{
        return bus->connection;
}

Writer *system_bus_writer(SystemBus *bus)
{
        return &bus->writer;
}

void system_bus_tell(SystemBus *bus, const char *member, const char *argument)
{
        writer_start_call(&bus->writer, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          member);
        writer_put_string(&bus->writer, argument);
        writer_set_flags(&bus->writer, MESSAGE_NO_REPLY_EXPECTED);
        /* If it cannot be sent the connection ends, and everything starts anew. */
        (void)connection_send(bus->connection, &bus->writer);
}
