/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the tests of connections: one with a bare socket at its other end, and bytes to write there. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dbus/connection-internal.h"
#include "dbus/reader.h"
#include "dbus/wire.h"

static const char handshake[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

/* One end that is a Connection, the other a bare socket or another End. */
typedef struct End {
        Loop *loop;
        Connection *connection;
        unsigned n_messages;
        unsigned n_disconnected;
        unsigned n_inside; /* of enter and leave */
        int reason;
        bool echo;
        bool free_in_message;
        bool free_in_disconnected;
        bool read_dry_in_message;
        Message *kept;
        char last[64];
        Writer writer;
        pthread_mutex_t lock;
} End;

static inline void on_message(Connection *c, Message *m, void *userdata)
{
        End *end = userdata;
        Reader r;

        assert_int_equal(end->n_disconnected, 0);
        end->n_messages++;
        snprintf(end->last, sizeof end->last, "%s", m->member ?: "");
        if (end->read_dry_in_message)
                connection_read_dry(c);
        if (end->echo && m->type == MESSAGE_CALL) {
                reader_init(&r, m);
                writer_start_return(&end->writer, m);
                while (reader_next_type(&r) == 's')
                        writer_put_string(&end->writer, reader_get_string(&r));
                (void)connection_send(c, &end->writer);
        }
        if (end->kept == NULL && m->n_fds > 0)
                end->kept = message_ref(m);
        if (end->free_in_message)
                end->connection = connection_free(c);
}

static inline void on_disconnected(Connection *c, int reason, void *userdata)
{
        End *end = userdata;

        end->n_disconnected++;
        end->reason = reason;
        if (end->free_in_disconnected)
                end->connection = connection_free(c);
}

static inline void end_init(End *end, Loop *loop, int fd, ConnectionRole role)
{
        const ConnectionOptions options = {
                .role = role, .on_message = on_message, .on_disconnected = on_disconnected, .userdata = end,
                .max_message = 64 * 1024, .max_queued = 256 * 1024, .max_queued_fds = 4,
        };

        *end = (End){ .loop = loop };
        writer_init(&end->writer);
        assert_int_equal(connection_new(loop, fd, &options, &end->connection), 0);
}

static inline void end_done(End *end)
{
        end->connection = connection_free(end->connection);
        end->kept = message_unref(end->kept);
        writer_done(&end->writer);
}

/* Runs what is ready until nothing is. */
static inline void settle(Loop *loop)
{
        while (loop_dispatch(loop, 0) > 0)
                ;
}

typedef struct Fixture {
        Loop loop;
        End end;
        int fd; /* the other end */
} Fixture;

static inline void set_up(Fixture *f, ConnectionRole role)
{
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(loop_init(&f->loop), 0);
        end_init(&f->end, &f->loop, fds[0], role);
        f->fd = fds[1];
}

static inline void tear_down(Fixture *f)
{
        end_done(&f->end);
        f->fd = safe_close(f->fd);
        loop_done(&f->loop);
}

static inline size_t count_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

/* The bytes of a call "member" with n bytes of text. */
static inline Buffer call_bytes(const char *member, size_t n_text, unsigned flags)
{
        _cleanup_(freep) char *text = calloc(1, n_text + 1);
        _cleanup_(writer_done) Writer w;
        struct iovec parts[2];
        Buffer b = { 0 };

        memset(text, 'x', n_text);
        writer_init(&w);
        writer_start_call(&w, NULL, "/a", "a.b", member);
        writer_set_flags(&w, flags);
        writer_put_string(&w, text);
        assert_int_equal(writer_seal(&w, 1, parts), 0);
        assert_int_equal(buffer_append(&b, parts[0].iov_base, parts[0].iov_len), 0);
        assert_int_equal(buffer_append(&b, parts[1].iov_base, parts[1].iov_len), 0);
        return b;
}

static inline void write_all(int fd, const void *data, size_t n)
{
        assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), n);
}

static inline void write_call(int fd, const char *member, size_t n_text)
{
        _cleanup_(buffer_done) Buffer b = call_bytes(member, n_text, 0);

        write_all(fd, b.data, b.size);
}

static inline void write_fds(int fd, const void *data, size_t n, unsigned n_fds)
{
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(64 * sizeof(int))];
        } control = { 0 };
        struct iovec part = { (void *)data, n };
        struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                                 .msg_controllen = CMSG_SPACE(n_fds * sizeof(int)) };
        int in = STDIN_FILENO;

        *CMSG_FIRSTHDR(&header) = (struct cmsghdr){
                .cmsg_len = CMSG_LEN(n_fds * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
        };
        for (unsigned i = 0; i < n_fds; i++)
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)) + i * sizeof in, &in, sizeof in);
        assert_int_equal(sendmsg(fd, &header, MSG_NOSIGNAL), n);
}

static inline Buffer fd_call_bytes(unsigned n_fds)
{
        _cleanup_(writer_done) Writer w;
        struct iovec parts[2];
        Buffer b = { 0 };

        writer_init(&w);
        writer_start_call(&w, NULL, "/a", "a.b", "Take");
        for (unsigned i = 0; i < n_fds; i++)
                writer_put_fd(&w, STDIN_FILENO);
        assert_int_equal(writer_seal(&w, 1, parts), 0);
        assert_int_equal(buffer_append(&b, parts[0].iov_base, parts[0].iov_len), 0);
        assert_int_equal(buffer_append(&b, parts[1].iov_base, parts[1].iov_len), 0);
        return b;
}

static inline void send_text(End *end, const char *text, int result)
{
        writer_start_call(&end->writer, NULL, "/a", "a.b", "Say");
        writer_put_string(&end->writer, text);
        assert_int_equal(connection_send(end->connection, &end->writer), result);
}

typedef struct Answer {
        unsigned n_called;
        int error;
        bool is_error;
        char text[32];
        bool free_connection;
} Answer;

static inline void on_answer(Connection *c, Message *m, int error, void *userdata)
{
        Answer *answer = userdata;

        answer->n_called++;
        answer->error = error;
        answer->is_error = m && m->type == MESSAGE_ERROR;
        snprintf(answer->text, sizeof answer->text, "%s", m ? message_error_text(m) : "");
        if (answer->free_connection)
                ((End *)connection_userdata(c))->connection = connection_free(c);
}

static inline uint32_t call(End *end, const char *text, Answer *answer)
{
        uint32_t serial;

        writer_start_call(&end->writer, NULL, "/a", "a.b", "Say");
        writer_put_string(&end->writer, text);
        assert_int_equal(connection_call(end->connection, &end->writer, on_answer, answer, &serial), 0);
        return serial;
}
