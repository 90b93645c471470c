/* SPDX-License-Identifier: MIT */

#include "dbus/connection-internal.h"

#include <errno.h>
#include <sys/ioctl.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

void connection_enter(Connection *c)
{
        c->n_users++;
}

void connection_leave(Connection *c)
{
        if (--c->n_users == 0 && c->freed)
                free(c);
}

static void connection_resolve_calls(Connection *c, int error)
{
        PendingCall call;

        while (calls_take_oldest(&c->calls, &call))
                call.callback(c, NULL, error, call.userdata);
}

void connection_end(Connection *c, int reason)
{
        if (c->ended)
                return;
        output_finish(c);
        c->ended = true;
        loop_remove(c->loop, &c->source);
        (void)shutdown(c->fd, SHUT_RDWR);
        output_done(c);
        connection_resolve_calls(c, reason < 0 ? reason : -ECONNRESET);
        if (!c->freed && c->options.on_disconnected)
                c->options.on_disconnected(c, reason, c->options.userdata);
}

void connection_fail(Connection *c, int reason)
{
        if (c->failed || c->ended)
                return;
        c->failed = true;
        c->reason = reason;
        output_done(c);
        /* The loop sees this at once, whatever the peer does; what has been received can still be read. */
        (void)shutdown(c->fd, SHUT_RDWR);
}

static void on_ready(LoopSource *source, uint32_t events, void *userdata)
{
        Connection *c = userdata;
        void (*leave)(void *userdata) = c->options.leave;
        void *owner = c->options.userdata;

        if (c->options.enter)
                c->options.enter(owner);
        connection_enter(c);
        if (events & EPOLLOUT)
                output_flush(c);
        if (events & ~(uint32_t)EPOLLOUT)
                (void)input_receive(c);
        c->source.patient = c->options.patient && (c->in_was_full || c->auth.state != AUTH_DONE);
        connection_leave(c);
        if (leave)
                leave(owner);
}

static int connection_start(Connection *c, int fd)
{
        _cleanup_(buffer_done) Buffer handshake = { 0 };
        struct iovec part;
        int r;

        switch (c->options.role) {
        case CONNECTION_SERVER:
                auth_init_server(&c->auth, c->peer.uid, c->options.guid);
                break;
        case CONNECTION_CLIENT:
                r = auth_init_client(&c->auth, &handshake);
                if (r < 0)
                        return r;
                break;
        case CONNECTION_BARE:
                c->auth = (Auth){ .state = AUTH_DONE, .can_fds = true };
                break;
        }
        r = loop_add(c->loop, &c->source, fd, EPOLLIN, on_ready, c);
        c->source.patient = c->options.patient && c->auth.state != AUTH_DONE;
        if (r < 0 || handshake.size == 0)
                return r;
        part = (struct iovec){ handshake.data, handshake.size };
        /* A server that is gone already is the loop's to tell. */
        (void)output_write(c, &part, 1, NULL, 0);
        return 0;
}

int connection_new(Loop *loop, int fd, const ConnectionOptions *options, Connection **ret_connection)
{
        _cleanup_(connection_freep) Connection *c = NULL;
        socklen_t size = sizeof c->peer;
        int r;

        c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->loop = loop;
        c->source = LOOP_SOURCE_INIT;
        c->fd = -1;
        c->options = *options;
        if (c->options.max_message == 0)
                c->options.max_message = CONNECTION_MESSAGE_DEFAULT;
        if (c->options.max_queued == 0)
                c->options.max_queued = CONNECTION_QUEUE_DEFAULT;
        if (c->options.max_queued_fds == 0)
                c->options.max_queued_fds = CONNECTION_FDS_DEFAULT;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->peer, &size) < 0)
                return -errno;
        c->fd = fd;
        r = connection_start(c, fd);
        if (r < 0) {
                loop_remove(loop, &c->source);
                c->fd = -1;
                return r;
        }
        *ret_connection = TAKE_PTR(c);
        return 0;
}

Connection *connection_free(Connection *c)
{
        if (!c || c->freed)
                return NULL;
        connection_enter(c);
        output_finish(c);
        c->freed = c->ended = true;
        loop_remove(c->loop, &c->source);
        connection_resolve_calls(c, -ECANCELED);
        calls_done(&c->calls);
        input_done(c);
        output_done(c);
        c->fd = safe_close(c->fd);
        connection_leave(c);
        return NULL;
}

static uint32_t connection_next_serial(Connection *c)
{
        do
                c->last_serial++;
        while (c->last_serial == 0 || calls_contain(&c->calls, c->last_serial));
        return c->last_serial;
}

static int connection_send_message(Connection *c, Writer *w)
{
        struct iovec parts[2];
        int r;

        if (c->ended || c->failed || (c->options.role == CONNECTION_SERVER && !connection_is_authenticated(c)))
                return -ENOTCONN;
        if (w->unwanted)
                return w->error;
        r = writer_seal(w, connection_next_serial(c), parts);
        if (r < 0)
                return r;
        if (w->n_fds > 0 && !c->auth.can_fds)
                return -EOPNOTSUPP;
        return output_write(c, parts, 2, w->fds, w->n_fds);
}

int connection_send(Connection *c, Writer *w)
{
        int r;

        r = connection_send_message(c, w);
        if (w->n_fds > 0)
                writer_release(w);
        return r;
}

void connection_delay(Connection *c, bool on)
{
        c->delay = on;
}

int connection_flush(Connection *c)
{
        output_flush(c);
        return c->ended ? -ENOTCONN : c->failed ? c->reason : 0;
}

int connection_reply_to(Connection *c, Writer *w, uint32_t serial, const char *destination)
{
        bool unwanted = w->unwanted;
        int r;

        r = connection_send(c, w);
        if (r >= 0 || unwanted || c->ended || c->failed)
                return r;
        writer_start_error_to(w, serial, destination,
                              r == -ENOMEM ? "org.freedesktop.DBus.Error.NoMemory" :
                                             "org.freedesktop.DBus.Error.Failed",
                              "the answer cannot be written as a message");
        if (connection_send(c, w) == -ENOMEM)
                connection_fail(c, -ENOMEM);
        return r;
}

int connection_call(Connection *c, Writer *w, ConnectionReply callback, void *userdata, uint32_t *ret_serial)
{
        PendingCall call = { .callback = callback, .userdata = userdata };
        int r;

        if (w->error == 0 && !writer_wants_reply(w))
                return -EINVAL;
        /* Room first: a call that is on its way cannot be taken back. */
        r = calls_reserve(&c->calls);
        if (r < 0)
                return r;
        r = connection_send(c, w);
        if (r < 0)
                return r;
        call.serial = w->serial;
        calls_add(&c->calls, call);
        if (ret_serial)
                *ret_serial = call.serial;
        return 0;
}

bool connection_cancel_call(Connection *c, uint32_t serial)
{
        PendingCall call;

        return calls_take(&c->calls, serial, &call);
}

void connection_read_dry(Connection *c)
{
        size_t n_read = 0;
        int n_waiting = 0;

        if (c->ended)
                return;
        connection_enter(c);
        /* Who writes without end must not keep us here: what counts is what had been written by now. */
        if (ioctl(c->fd, FIONREAD, &n_waiting) < 0)
                n_waiting = 0;
        while (!c->ended && n_read < (size_t)n_waiting) {
                size_t n = input_receive(c);

                if (n == 0)
                        break;
                n_read += n;
        }
        connection_leave(c);
}

bool connection_is_authenticated(const Connection *c)
{
        return c->auth.state == AUTH_DONE;
}

size_t connection_queued(const Connection *c)
{
        return c->out.size - c->out_start;
}

const struct ucred *connection_peer(const Connection *c)
{
        return &c->peer;
}

int connection_peer_pidfd(const Connection *c, int *ret_pidfd)
{
        socklen_t size = sizeof(int);
        int pidfd;

        if (getsockopt(c->fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
                *ret_pidfd = pidfd;
                return 0;
        }
        switch (errno) {
        case ENOPROTOOPT:
                return -EOPNOTSUPP;
        case EINVAL: /* what kernels before 6.16 say of a process that has been reaped */
                return -ESRCH;
        default:
                return -errno;
        }
}

uint64_t connection_id(const Connection *c)
{
        return c->options.id;
}

Uuid connection_guid(const Connection *c)
{
        return c->options.role == CONNECTION_CLIENT ? c->auth.guid : c->options.guid;
}

int connection_fd(const Connection *c)
{
        return c->fd;
}

void *connection_userdata(const Connection *c)
{
        return c->options.userdata;
}
