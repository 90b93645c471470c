/* SPDX-License-Identifier: MIT */

/*
 * What a warm call over src/dbus costs beside its floor, the same bytes there and back over a bare socketpair between
 * two processes: blocking, and with a loop on both sides as we have. bench-dbus [CALLS]
 */

#include <sys/wait.h>

#include "bench.h"
#include "dbus/connection.h"
#include "dbus/reader.h"

#define TEXT "0123456789012345678901234567890123456789012345678901234567890123"
#define N_ROUNDS 5

/* The sizes of call and answer on the wire, for the floors. */
static size_t call_size, answer_size;

static void require(bool condition, const char *what)
{
        if (!condition)
                bench_die(what, NULL);
}

static void transfer(int fd, size_t n_out, size_t n_in, bool wait_first)
{
        static char buffer[4096];
        struct epoll_event event;
        static int epoll_fd = -1;

        if (wait_first && epoll_fd < 0) {
                epoll_fd = epoll_create1(EPOLL_CLOEXEC);
                event = (struct epoll_event){ .events = EPOLLIN };
                require(epoll_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
        }
        if (n_out > 0)
                require(send(fd, buffer, n_out, MSG_NOSIGNAL) == (ssize_t)n_out, "send");
        for (size_t n = 0; n < n_in;) {
                ssize_t r;

                if (wait_first)
                        require(epoll_wait(epoll_fd, &event, 1, -1) == 1, "epoll_wait");
                r = recv(fd, buffer, sizeof buffer, 0);
                if (r == 0)
                        exit(EXIT_SUCCESS);
                require(r > 0, "recv");
                n += (size_t)r;
        }
        if (wait_first && n_in == 0) {
                close(epoll_fd);
                epoll_fd = -1;
        }
}

static void serve_raw(int fd, bool with_epoll)
{
        for (;;) {
                transfer(fd, 0, call_size, with_epoll);
                transfer(fd, answer_size, 0, false);
        }
}

static void call_raw(int fd, unsigned n, bool with_epoll)
{
        for (unsigned i = 0; i < n; i++)
                transfer(fd, call_size, answer_size, with_epoll);
        if (with_epoll)
                transfer(fd, 0, 0, true);
}

static Writer writer;
static bool gone;
static unsigned n_answers;

static void on_message(Connection *c, Message *m, void *userdata)
{
        Reader r;

        reader_init(&r, m);
        writer_start_return(&writer, m);
        writer_put_string(&writer, reader_get_string(&r));
        (void)connection_reply(c, &writer, m);
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        gone = true;
}

static void on_answer(Connection *c, Message *m, int error, void *userdata)
{
        answer_size = m ? m->n_data : 0;
        n_answers++;
}

static Connection *open_connection(Loop *loop, int fd)
{
        const ConnectionOptions options = {
                .role = CONNECTION_BARE, .on_message = on_message, .on_disconnected = on_disconnected,
        };
        Connection *c = NULL;

        writer_init(&writer);
        require(loop_init(loop) == 0 && connection_new(loop, fd, &options, &c) == 0, "connection");
        return c;
}

static void serve_dbus(int fd)
{
        Loop loop;

        (void)open_connection(&loop, fd);
        while (!gone)
                (void)loop_dispatch(&loop, -1);
        exit(EXIT_SUCCESS);
}

static void start_call(Writer *w)
{
        writer_start_call(w, NULL, "/org/bgtask", "org.bgtask.Manager1", "Echo");
        writer_put_string(w, TEXT);
}

static void call_dbus(int fd, unsigned n)
{
        Connection *c;
        Loop loop;

        c = open_connection(&loop, fd);
        n_answers = 0;
        for (unsigned i = 0; i < n; i++) {
                start_call(&writer);
                require(connection_call(c, &writer, on_answer, NULL, NULL) == 0, "call");
                while (n_answers <= i)
                        (void)loop_dispatch(&loop, -1);
        }
        call_size = writer.header.size + writer.body.size;
        connection_free(c);
        loop_done(&loop);
        writer_done(&writer);
}

typedef enum Kind { RAW, RAW_EPOLL, DBUS, _KIND_MAX } Kind;

/* Microseconds per round trip with a server in another process. */
static double measure(Kind kind, unsigned n)
{
        double start, end;
        int fds[2];
        pid_t pid;

        require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
        pid = fork();
        require(pid >= 0, "fork");
        if (pid == 0) {
                close(fds[0]);
                if (kind == DBUS)
                        serve_dbus(fds[1]);
                serve_raw(fds[1], kind == RAW_EPOLL);
        }
        close(fds[1]);
        start = bench_now_usec();
        if (kind == DBUS)
                call_dbus(fds[0], n);
        else
                call_raw(fds[0], n, kind == RAW_EPOLL);
        end = bench_now_usec();
        if (kind != DBUS)
                close(fds[0]);
        (void)waitpid(pid, NULL, 0);
        return (end - start) / n;
}

/* What the processor does for one call without any socket: write, seal, check, read, and the same for the answer. */
static double measure_codec(unsigned n)
{
        _cleanup_(message_unrefp) Message *m = NULL;
        uint8_t bytes[1024];
        struct iovec parts[2];
        double start;
        Reader r;

        writer_init(&writer);
        start_call(&writer);
        require(writer_seal(&writer, 1, parts) == 0, "seal");
        memcpy(bytes, parts[0].iov_base, parts[0].iov_len);
        memcpy(bytes + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
        require(message_new(bytes, parts[0].iov_len + parts[1].iov_len, NULL, 0, &m) == 0, "message");
        start = bench_now_usec();
        for (unsigned i = 0; i < n; i++) {
                size_t size;

                start_call(&writer);
                require(writer_seal(&writer, i + 1, parts) == 0, "seal");
                size = parts[0].iov_len + parts[1].iov_len;
                require(message_refill(m, bytes, size, NULL, 0) == 0, "message");
                reader_init(&r, m);
                (void)reader_get_string(&r);
        }
        writer_done(&writer);
        return (bench_now_usec() - start) / n;
}

int main(int argc, char *argv[])
{
        unsigned n = (unsigned)bench_count(argc, argv, 50000);
        double best[_KIND_MAX] = { 1e9, 1e9, 1e9 };

        /* The first run also finds the sizes. */
        (void)measure(DBUS, 100);
        for (int round = 0; round < N_ROUNDS; round++)
                for (Kind kind = 0; kind < _KIND_MAX; kind++)
                        best[kind] = MIN(best[kind], measure(kind, n));
        bench_title("A call over src/dbus");
        bench_row("bytes of a call", (double)call_size, 0, "B", "");
        bench_row("bytes of its answer", (double)answer_size, 0, "B", "");
        bench_floor("floor: raw round trip, blocking", best[RAW], "us");
        bench_row("call over src/dbus", best[DBUS], best[RAW], "us", "");
        bench_floor("floor: raw round trip, epoll and recv", best[RAW_EPOLL], "us");
        bench_row("call over src/dbus", best[DBUS], best[RAW_EPOLL], "us", "");
        bench_row("codec alone, one message", measure_codec(n), 0, "us", "");
        return EXIT_SUCCESS;
}
