/* SPDX-License-Identifier: MIT */

/* Sending: straight to the socket, and into a bounded queue what that does not take. */

#include <errno.h>
#include <fcntl.h>

#include "dbus/connection-internal.h"

#define OUT_KEEP_MAX ((size_t)64 * 1024)
/* More than this is not worth the copy. */
#define GATHER_MAX ((size_t)16 * 1024)

/* Number of bytes that the socket took, 0 if it is full, negative errno. */
static ssize_t send_parts(int fd, struct iovec *parts, size_t n_parts, const int *fds, unsigned n_fds)
{
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
        } control = { 0 };
        struct msghdr header = { .msg_iov = parts, .msg_iovlen = n_parts };
        ssize_t n;

        if (n_fds > 0) {
                size_t size = n_fds * sizeof(int);

                header.msg_control = &control;
                header.msg_controllen = CMSG_SPACE(size);
                *CMSG_FIRSTHDR(&header) = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
                };
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), fds, size);
        }
        do
                n = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        return n;
}

static int output_watch(Connection *c, bool watch)
{
        int r;

        if (c->out_watched == watch)
                return 0;
        r = loop_modify(c->loop, &c->source, watch ? EPOLLIN | EPOLLOUT : EPOLLIN);
        if (r >= 0)
                c->out_watched = watch;
        return r;
}

static int output_queue_fds(Connection *c, const int *fds, unsigned n_fds)
{
        QueuedFds *grown, *last;

        grown = realloc(c->out_fds, (c->n_out_fds + 1) * sizeof *grown);
        if (!grown)
                return -ENOMEM;
        c->out_fds = grown;
        last = &grown[c->n_out_fds++];
        *last = (QueuedFds){ .position = c->out_position + connection_queued(c) };
        for (unsigned i = 0; i < n_fds; i++) {
                int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

                if (copy < 0)
                        return -errno;
                last->fds[last->n_fds++] = copy;
                c->n_queued_fds++;
        }
        return 0;
}

/* Queues the parts without their first n_sent bytes. */
static int output_queue(Connection *c, const struct iovec *parts, size_t n_parts, size_t n_sent, const int *fds,
                        unsigned n_fds)
{
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < n_parts; i++)
                n += parts[i].iov_len;
        n -= n_sent;
        if (n > c->options.max_queued || connection_queued(c) > c->options.max_queued - n ||
            n_fds > c->options.max_queued_fds || c->n_queued_fds > c->options.max_queued_fds - n_fds)
                return -ENOBUFS;
        if (n_fds > 0)
                r = output_queue_fds(c, fds, n_fds);
        for (size_t i = 0; i < n_parts && r >= 0; i++) {
                size_t skip = MIN(n_sent, parts[i].iov_len);

                /* A part that is empty has no address to count from. */
                if (skip == parts[i].iov_len) {
                        n_sent -= skip;
                        continue;
                }
                r = buffer_append(&c->out, (const char *)parts[i].iov_base + skip, parts[i].iov_len - skip);
                n_sent -= skip;
        }
        return r;
}

static void on_round_over(void *userdata)
{
        Connection *c = userdata;

        output_flush(c);
}

static int output_gather(Connection *c, const struct iovec *parts, size_t n_parts)
{
        int r;

        r = output_queue(c, parts, n_parts, 0, NULL, 0);
        if (r < 0)
                connection_fail(c, r);
        else
                loop_put_off(c->loop, &c->gather_job, LOOP_END, on_round_over, c);
        return r;
}

void output_finish(Connection *c)
{
        if (!c->out_watched)
                output_flush(c);
}

/* What waits for no answer of the socket goes out with these parts, or with those that come next. */
static int output_append(Connection *c, const struct iovec *parts, size_t n_parts, const int *fds, unsigned n_fds)
{
        int r;

        r = output_queue(c, parts, n_parts, 0, fds, n_fds);
        if (r < 0)
                connection_fail(c, r);
        else if (!c->delay)
                r = connection_flush(c);
        return r;
}

int output_write(Connection *c, const struct iovec *parts, size_t n_parts, const int *fds, unsigned n_fds)
{
        struct iovec left[2];
        ssize_t n = 0;
        size_t size = 0;
        int r;

        for (size_t i = 0; i < n_parts; i++) {
                left[i] = parts[i];
                size += parts[i].iov_len;
        }
        if (c->options.gather && !c->out_watched) {
                if (n_fds == 0 && connection_queued(c) + size <= GATHER_MAX)
                        return output_gather(c, parts, n_parts);
                r = connection_flush(c);
                if (r < 0)
                        return r;
        }
        if (!c->out_watched && (c->delay || connection_queued(c) > 0))
                return output_append(c, parts, n_parts, fds, n_fds);
        if (connection_queued(c) == 0)
                n = send_parts(c->fd, left, n_parts, fds, n_fds);
        if ((size_t)n == size)
                return 0;
        /* Descriptors have left with the first byte. */
        r = n < 0 ? (int)n : output_queue(c, parts, n_parts, (size_t)n, fds, n > 0 ? 0 : n_fds);
        if (r >= 0)
                r = output_watch(c, true);
        if (r < 0)
                connection_fail(c, r);
        return r;
}

static void output_drop_first_fds(Connection *c)
{
        QueuedFds *first = &c->out_fds[0];

        for (unsigned i = 0; i < first->n_fds; i++)
                safe_close(first->fds[i]);
        c->n_queued_fds -= first->n_fds;
        c->n_out_fds--;
        memmove(first, first + 1, c->n_out_fds * sizeof *first);
}

static void output_sent(Connection *c, size_t n)
{
        c->out_start += n;
        c->out_position += n;
        if (connection_queued(c) == 0) {
                c->out.size = c->out_start = 0;
                if (c->out.allocated > OUT_KEEP_MAX)
                        buffer_done(&c->out);
                (void)output_watch(c, false);
        } else if (c->out_start > c->out.size / 2) {
                buffer_consume(&c->out, c->out_start);
                c->out_start = 0;
        }
}

void output_flush(Connection *c)
{
        loop_drop_job(&c->gather_job);
        while (!c->failed && !c->ended && connection_queued(c) > 0) {
                struct iovec part = { c->out.data + c->out_start, connection_queued(c) };
                const QueuedFds *now = c->n_out_fds > 0 ? &c->out_fds[0] : NULL, *next = now;
                ssize_t n;

                if (now && now->position == c->out_position)
                        next = c->n_out_fds > 1 ? &c->out_fds[1] : NULL;
                else
                        now = NULL;
                if (next)
                        part.iov_len = (size_t)(next->position - c->out_position);
                n = send_parts(c->fd, &part, 1, now ? now->fds : NULL, now ? now->n_fds : 0);
                if (n == 0) {
                        n = output_watch(c, true);
                        if (n == 0)
                                return;
                }
                if (n < 0) {
                        connection_fail(c, (int)n);
                        return;
                }
                if (now)
                        output_drop_first_fds(c);
                output_sent(c, (size_t)n);
        }
}

void output_done(Connection *c)
{
        loop_drop_job(&c->gather_job);
        while (c->n_out_fds > 0)
                output_drop_first_fds(c);
        free(c->out_fds);
        c->out_fds = NULL;
        buffer_done(&c->out);
        c->out_start = 0;
}
