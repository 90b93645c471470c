/* SPDX-License-Identifier: MIT */

#include "client/link.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "client/activation.h"
#include "client/autostart.h"
#include "client/driver.h"
#include "client/error.h"
#include "client/listen.h"
#include "client/path.h"
#include "client/report.h"
#include "client/server.h"

#define RETRY_MIN_USEC (10 * USEC_PER_MSEC)
#define RETRY_MAX_USEC USEC_PER_SEC
/* A page of a list may be large; what a broker sends is still bounded. */
#define MESSAGE_MAX ((size_t)32 << 20)

static uint64_t now_usec(void)
{
        return clock_now_usec(CLOCK_MONOTONIC);
}

static void enter(void *userdata)
{
        client_lock(userdata);
}

static void leave(void *userdata)
{
        client_unlock(userdata);
}

/* Somebody waits for a connection, or something is to be told or heard as soon as there is one. */
static bool is_needed(const bgt *b)
{
        return b->n_linking > 0 || (b->is_server && !b->gone) || !list_is_empty(&b->listeners);
}

static void stop_watching(bgt *b)
{
        int fd = b->watch.fd;

        loop_remove(&b->loop, &b->watch);
        safe_close(fd);
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        bgt *b = userdata;

        b->connection = connection_free(c);
        b->bare = b->attached = false;
        /* Whoever closes waits for the driver, which goes on until it sees that. */
        if (b->state == LINK_CLOSED)
                return;
        b->down_mono_usec = now_usec();
        b->link_error = reason < 0 ? reason : -ECONNRESET;
        /* Who has never said anything sensible is no broker; one that just goes may be replaced by another. */
        if (!b->info && reason < 0 && reason != -ECONNRESET && reason != -EPIPE && reason != -ENOTCONN)
                b->greet_error = reason;
        b->state = is_needed(b) ? LINK_CONNECTING : LINK_DOWN;
        b->retry_mono_usec = usec_add(b->down_mono_usec, b->retry_delay_usec);
        b->start_tried = false;
        driver_arm(b, b->retry_mono_usec);
        server_on_disconnected(b);
        report_forget_calls(b);
        listen_on_link(b, BGT_EVENT_DISCONNECTED);
        /* A watch on the socket's folder is set, and a broker that is there already found, by the next step. */
        driver_wake(b);
        driver_changed(b);
}

static void on_message(Connection *c, Message *m, void *userdata)
{
        bgt *b = userdata;

        if (m->type == MESSAGE_CALL)
                (void)dispatch_call(&b->dispatch, c, m, b);
        else if (m->type == MESSAGE_SIGNAL)
                listen_on_signal(b, m);
}

/* Takes the descriptor, in any case. */
static int link_up(bgt *b, int fd, ConnectionRole role)
{
        const ConnectionOptions options = {
                .role = role, .max_message = MESSAGE_MAX, .on_message = on_message, .userdata = b,
                .on_disconnected = on_disconnected, .enter = enter, .leave = leave,
        };
        int r;

        r = connection_new(&b->loop, fd, &options, &b->connection);
        if (r < 0) {
                safe_close(fd);
                return r;
        }
        b->bare = role == CONNECTION_BARE;
        b->state = LINK_UP;
        b->link_error = 0;
        r = greet(b);
        if (r < 0) {
                link_drop(b, r);
                return r;
        }
        stop_watching(b);
        if (b->ever_up)
                listen_on_link(b, BGT_EVENT_RECONNECTED);
        b->ever_up = true;
        driver_changed(b);
        return 0;
}

int link_adopt(bgt *b, int fd)
{
        b->retry_delay_usec = RETRY_MIN_USEC;
        return link_up(b, fd, CONNECTION_BARE);
}

static void on_watch(LoopSource *source, uint32_t events, void *userdata)
{
        bgt *b = userdata;
        char buf[4096];

        while (read(source->fd, buf, sizeof buf) > 0)
                ;
        client_lock(b);
        b->retry_mono_usec = 0;
        link_step(b);
        client_unlock(b);
}

/* The timer is enough if this fails; the folder may not even be there. */
static void start_watching(bgt *b)
{
        _cleanup_(freep) char *folder = strdup(b->socket_path);
        _cleanup_(closep) int fd = -1;
        char *slash;

        if (b->watch.fd >= 0 || !folder)
                return;
        slash = strrchr(folder, '/');
        if (!slash || slash == folder)
                return;
        *slash = '\0';
        fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd < 0 || inotify_add_watch(fd, folder, IN_CREATE | IN_MOVED_TO) < 0)
                return;
        if (loop_add(&b->loop, &b->watch, fd, EPOLLIN, on_watch, b) >= 0)
                (void)TAKE_FD(fd);
}

static bool may_start(const bgt *b)
{
        return !(b->flags & BGT_NO_AUTOSTART) && autostart_is_allowed(b->flags & BGT_SYSTEM);
}

/* Only somebody who asks is a reason to start a broker: one that was shut down on purpose stays away else. */
static void start_broker(bgt *b)
{
        if (b->start_tried || b->n_linking == 0 || !may_start(b))
                return;
        b->start_tried = true;
        b->start_error = autostart_run(b->flags & BGT_SYSTEM);
}

static int try_to_connect(bgt *b)
{
        int r, fd;

        r = path_connect(b->socket_path, &fd);
        return r < 0 ? r : link_up(b, fd, CONNECTION_CLIENT);
}

void link_step(bgt *b)
{
        uint64_t now = now_usec();
        int r;

        if (b->state != LINK_CONNECTING)
                return;
        if (!is_needed(b)) {
                stop_watching(b);
                b->state = LINK_DOWN;
                return;
        }
        if (now < b->retry_mono_usec) {
                start_watching(b);
                driver_arm(b, b->retry_mono_usec);
                return;
        }
        start_watching(b);
        r = try_to_connect(b);
        if (r >= 0)
                return;
        b->link_error = r;
        if (r == -ENOENT || r == -ECONNREFUSED)
                start_broker(b);
        b->retry_mono_usec = usec_add(now, b->retry_delay_usec);
        b->retry_delay_usec = MIN(2 * b->retry_delay_usec, RETRY_MAX_USEC);
        driver_arm(b, b->retry_mono_usec);
        driver_changed(b);
}

void link_drop(bgt *b, int reason)
{
        Connection *c = b->connection;

        if (!c)
                return;
        /* Answers the calls that wait. */
        connection_free(c);
        on_disconnected(NULL, reason, b);
}

void link_flush(bgt *b)
{
        if (!b->delayed)
                return;
        b->delayed = false;
        if (b->connection)
                (void)connection_flush(b->connection);
}

void link_break(bgt *b)
{
        if (b->connection)
                (void)shutdown(connection_fd(b->connection), SHUT_RDWR);
}

void link_close(bgt *b)
{
        b->connection = connection_free(b->connection);
        stop_watching(b);
}

static int no_broker(const bgt *b)
{
        if (b->link_error == -ENOMEM)
                return fail(ERROR_NO_MEMORY, NULL);
        if (b->link_error == -EACCES || b->link_error == -EPERM)
                return fail(ERROR_ACCESS_DENIED, "the broker's socket %s may not be used by this user",
                            b->socket_path);
        if (b->start_tried && b->start_error < 0)
                return fail(ERROR_NO_BROKER, "no broker answers at %s, and %s could not be started: %s",
                            b->socket_path, autostart_program(), strerror(-b->start_error));
        if (b->start_tried)
                return fail(ERROR_NO_BROKER, "no broker answers at %s, although %s was started", b->socket_path,
                            autostart_program());
        return fail(ERROR_NO_BROKER, "no broker answers at %s", b->socket_path);
}

/* True if waiting any longer is of no use. */
static bool is_hopeless(const bgt *b)
{
        if (b->link_error == 0 || b->state != LINK_CONNECTING)
                return false;
        if (b->link_error != -ENOENT && b->link_error != -ECONNREFUSED)
                return b->link_error == -EACCES || b->link_error == -EPERM || b->link_error == -ENOMEM;
        if (b->start_tried)
                return b->start_error < 0;
        /* A socket without a listener is what a crash leaves; whoever looks after the broker starts the next one. */
        return b->link_error == -ENOENT && !b->ever_up && !may_start(b);
}

int link_wait(bgt *b, uint64_t until)
{
        int r = 0;

        if (b->state == LINK_UP)
                return 0;
        b->n_linking++;
        if (b->state == LINK_DOWN) {
                b->state = LINK_CONNECTING;
                b->link_error = 0;
                b->start_tried = false;
                b->retry_delay_usec = RETRY_MIN_USEC;
        }
        /* Who asks does not wait for the next attempt that is due anyway. */
        b->retry_mono_usec = 0;
        driver_wake(b);
        while (b->state != LINK_UP && r >= 0) {
                r = driver_wait(b, &b->changed, until);
                if (r < 0)
                        r = fail(ERROR_SHUTTING_DOWN, "the connection was closed");
                else if (b->state != LINK_UP && (is_hopeless(b) || now_usec() >= until))
                        r = no_broker(b);
        }
        b->n_linking--;
        return r;
}

static int no_greeting(bgt *b)
{
        if (b->info)
                return 0;
        if (b->refusal)
                return fail_reply(b->refusal);
        if (b->greet_error == -ENOMEM)
                return fail(ERROR_NO_MEMORY, NULL);
        if (b->greet_error == -EACCES)
                return fail(ERROR_ACCESS_DENIED, "what answers at %s does not let this user in", b->socket_path);
        return fail(ERROR_PROTOCOL, "what answers at %s is no broker", b->socket_path);
}

int link_wait_info(bgt *b)
{
        uint64_t until = usec_add(now_usec(), CLIENT_ANSWER_USEC);
        int r = driver_need_threads(b, 1);

        if (r < 0)
                return fail_errno(r, "no thread for the connection");
        link_flush(b);
        b->greet_error = 0;
        while (!b->info && !b->refusal && b->greet_error == 0) {
                r = link_wait(b, until);
                if (r < 0)
                        return r;
                if (b->info || b->refusal || b->greet_error < 0)
                        break;
                if (driver_wait(b, &b->changed, until) < 0)
                        return fail(ERROR_SHUTTING_DOWN, "the connection was closed");
                if (now_usec() >= until)
                        return fail(ERROR_TIMED_OUT, "what answers at %s says nothing", b->socket_path);
        }
        return no_greeting(b);
}
