/* SPDX-License-Identifier: MIT */

/* Receiving: bytes and descriptors in, the handshake, whole messages out to the owner. */

#include <errno.h>

#include "dbus/connection-internal.h"

#define IN_CHUNK_MIN ((size_t)1024)
#define IN_CHUNK_PATIENT ((size_t)256)
#define IN_CHUNK_MAX ((size_t)64 * 1024)
/* What a peer that says nothing costs. */
#define IN_KEEP_MAX ((size_t)16 * 1024)

static size_t in_size(const Connection *c)
{
        return c->in.size - c->in_start;
}

/*
 * Room to receive into: a chunk more than has come, however much the message says that it has. Chunks grow only within
 * a message: of many small ones a peer gets a few carried out, and then it is another's turn.
 */
static int input_make_room(Connection *c, size_t *ret_n)
{
        int r;

        buffer_consume(&c->in, c->in_start);
        c->in_start = 0;
        if (in_size(c) < IN_CHUNK_MIN)
                c->in_chunk = c->source.patient ? IN_CHUNK_PATIENT : IN_CHUNK_MIN;
        r = buffer_reserve(&c->in, c->in_chunk);
        *ret_n = c->in_chunk;
        return r;
}

/* Takes the descriptors out of a control message; false if there are more than anyone may send. */
static bool input_take_fds(Connection *c, struct msghdr *header)
{
        bool fits = !(header->msg_flags & MSG_CTRUNC);

        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
                size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
                        if (c->n_in_fds < CONNECTION_IN_FDS_MAX) {
                                c->in_fds[c->n_in_fds++] = fd;
                        } else {
                                safe_close(fd);
                                fits = false;
                        }
                }
        }
        return fits;
}

/* Number of bytes, 0 at the end of the stream, negative errno. */
static ssize_t input_read(Connection *c)
{
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
        } control;
        struct iovec part;
        struct msghdr header = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
        };
        ssize_t n;
        int r;

        c->in_was_full = false;
        r = input_make_room(c, &part.iov_len);
        if (r < 0)
                return r;
        part.iov_base = c->in.data + c->in.size;
        n = recvmsg(c->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        c->in.size += (size_t)n;
        c->in_was_full = (size_t)n == part.iov_len;
        if (c->in_was_full)
                c->in_chunk = MIN(c->in_chunk * 2, IN_CHUNK_MAX);
        else if ((size_t)n < c->in_chunk / 4)
                c->in_chunk = MAX(c->in_chunk / 2, IN_CHUNK_MIN);
        if (header.msg_controllen > 0 && !input_take_fds(c, &header))
                return -EMFILE;
        return n;
}

/* Feeds the handshake: 1 when it is over, 0 if more has to come. */
static int input_authenticate(Connection *c)
{
        _cleanup_(buffer_done) Buffer answer = { 0 };
        const uint8_t *data = c->in.data + c->in_start;
        size_t used = 0;
        int r;

        if (c->options.role == CONNECTION_SERVER)
                r = auth_feed_server(&c->auth, data, in_size(c), &used, &answer);
        else
                r = auth_feed_client(&c->auth, data, in_size(c), &used);
        if (r < 0)
                return r;
        c->in_start += used;
        if (answer.size > 0 && !c->failed)
                (void)output_write(c, &(struct iovec){ answer.data, answer.size }, 1, NULL, 0);
        return r;
}

/* Makes a message of the first n bytes and of as many descriptors, in their order, as it says that it has. */
static int input_take_message(Connection *c, size_t n, Message **ret_message)
{
        _cleanup_(message_unrefp) Message *m = TAKE_PTR(c->spare);
        const uint8_t *data = c->in.data + c->in_start;
        unsigned n_fds = c->auth.can_fds ? c->n_in_fds : 0;
        int r;

        if (m)
                r = message_refill(m, data, n, c->in_fds, n_fds);
        else
                r = message_new(data, n, c->in_fds, n_fds, &m);
        if (r < 0)
                return r;
        c->n_in_fds -= m->n_fds;
        memmove(c->in_fds, c->in_fds + m->n_fds, c->n_in_fds * sizeof *c->in_fds);
        c->in_start += n;
        *ret_message = TAKE_PTR(m);
        return 0;
}

static void input_deliver(Connection *c, Message *m)
{
        PendingCall call;

        bool is_answer = m->type == MESSAGE_RETURN || m->type == MESSAGE_ERROR;

        if (is_answer && calls_take(&c->calls, m->reply_serial, &call)) {
                call.callback(c, m, 0, call.userdata);
        } else if (is_answer && !c->options.all_answers) {
                return;
        } else if (m->type < _MESSAGE_TYPE_MAX && c->options.on_message) {
                c->options.on_message(c, m, c->options.userdata);
        }
}

/* A message that nobody kept serves the next one. */
static void input_recycle(Connection *c, Message *m)
{
        if (c->freed || c->spare || m->allocated > IN_KEEP_MAX || __atomic_load_n(&m->n_ref, __ATOMIC_ACQUIRE) > 1) {
                message_unref(m);
                return;
        }
        message_clear(m);
        c->spare = m;
}

/* Delivers the first message. 1 if it did, 0 if none is complete. */
static int input_process_message(Connection *c)
{
        Message *m;
        size_t n;
        int r;

        r = message_peek_size(c->in.data + c->in_start, in_size(c), c->options.max_message, &n);
        if (r <= 0)
                return r;
        if (n > in_size(c))
                return 0;
        r = input_take_message(c, n, &m);
        if (r < 0)
                return r;
        /* Descriptors come with the first byte of their message: none may be left when nothing else is there. */
        if (in_size(c) == 0 && c->n_in_fds > 0) {
                message_unref(m);
                return -EBADMSG;
        }
        input_deliver(c, m);
        input_recycle(c, m);
        return 1;
}

static void input_process(Connection *c)
{
        int r = 1;

        while (r > 0 && !c->ended) {
                if (in_size(c) == 0)
                        return;
                if (c->auth.state != AUTH_DONE)
                        r = input_authenticate(c);
                else
                        r = input_process_message(c);
        }
        if (r < 0)
                connection_end(c, r);
}

size_t input_receive(Connection *c)
{
        ssize_t n;

        if (c->ended)
                return 0;
        n = input_read(c);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        if (n <= 0) {
                /* A peer that closed with something unread says ECONNRESET, after the last of its bytes. */
                if (c->failed)
                        connection_end(c, c->reason);
                else
                        connection_end(c, n == -ECONNRESET ? 0 : (int)n);
                return 0;
        }
        input_process(c);
        if (in_size(c) == 0 && c->in.allocated > IN_KEEP_MAX) {
                buffer_done(&c->in);
                c->in_start = 0;
        }
        return (size_t)n;
}

void input_done(Connection *c)
{
        while (c->n_in_fds > 0)
                safe_close(c->in_fds[--c->n_in_fds]);
        buffer_done(&c->in);
        c->in_start = 0;
        c->spare = message_unref(c->spare);
}
