/* SPDX-License-Identifier: MIT */

#include "dbus/test-connections.h"

static void client_and_server_talk_after_the_handshake_and_during_it(void **state)
{
        Answer first = { 0 }, second = { 0 };
        Loop loop;
        End client, server;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(loop_init(&loop), 0);
        end_init(&server, &loop, fds[0], CONNECTION_SERVER);
        server.echo = true;
        send_text(&server, "too early", -ENOTCONN);
        end_init(&client, &loop, fds[1], CONNECTION_CLIENT);
        assert_false(connection_is_authenticated(client.connection));
        call(&client, "with the handshake", &first);
        settle(&loop);
        assert_true(connection_is_authenticated(client.connection));
        assert_true(connection_is_authenticated(server.connection));
        assert_string_equal(first.text, "with the handshake");
        call(&client, "later", &second);
        settle(&loop);
        assert_string_equal(second.text, "later");
        assert_int_equal(server.n_messages, 2);
        assert_int_equal(connection_peer(server.connection)->uid, getuid());
        assert_int_equal(connection_peer(server.connection)->pid, getpid());
        end_done(&client);
        settle(&loop);
        assert_int_equal(server.n_disconnected, 1);
        assert_int_equal(server.reason, 0);
        end_done(&server);
        loop_done(&loop);
}

static void handshake_and_first_message_come_in_pieces_of_any_size(void **state)
{
        _cleanup_(buffer_done) Buffer message = call_bytes("First", 3, 0);
        char all[1024];
        size_t n = sizeof handshake - 1 + message.size;

        memcpy(all, handshake, sizeof handshake - 1);
        memcpy(all + sizeof handshake - 1, message.data, message.size);
        for (size_t n_piece = 1; n_piece <= n; n_piece = n_piece < 8 ? n_piece + 1 : n_piece * 2) {
                Fixture f;

                set_up(&f, CONNECTION_SERVER);
                for (size_t i = 0; i < n; i += n_piece) {
                        write_all(f.fd, all + i, MIN(n_piece, n - i));
                        assert_int_equal(loop_dispatch(&f.loop, 0), 1);
                }
                assert_int_equal(f.end.n_messages, 1);
                tear_down(&f);
        }
}

static void what_waits_is_sent_in_order_with_its_descriptors_when_the_peer_reads(void **state)
{
        char text[8192] = { 0 };
        size_t n_fds = count_fds();
        End reader;
        Fixture f;

        memset(text, 'x', sizeof text - 1);
        set_up(&f, CONNECTION_BARE);
        for (unsigned i = 0; connection_queued(f.end.connection) < 200 * 1024; i++) {
                writer_start_signal(&f.end.writer, "/a", "a.b", i % 4 == 3 ? "WithFd" : "Plain");
                writer_put_string(&f.end.writer, text);
                if (i % 4 == 3 && f.end.connection->n_queued_fds < 4)
                        writer_put_fd(&f.end.writer, STDIN_FILENO);
                assert_int_equal(connection_send(f.end.connection, &f.end.writer), 0);
        }
        assert_int_equal(f.end.connection->n_queued_fds, 4);
        writer_start_signal(&f.end.writer, "/a", "a.b", "Last");
        assert_int_equal(connection_send(f.end.connection, &f.end.writer), 0);
        end_init(&reader, &f.loop, f.fd, CONNECTION_BARE);
        settle(&f.loop);
        assert_int_equal(connection_queued(f.end.connection), 0);
        assert_false(f.end.connection->out_watched);
        assert_int_equal(reader.n_messages, f.end.writer.serial);
        assert_string_equal(reader.last, "Last");
        assert_int_equal(reader.kept->n_fds, 1);
        assert_int_equal(reader.n_disconnected, 0);
        f.fd = -1;
        end_done(&reader);
        tear_down(&f);
        assert_int_equal(count_fds(), n_fds);
}

/* Receives at most n bytes and counts the descriptors that come with them. */
static size_t receive_raw(int fd, size_t n, unsigned *n_fds)
{
        _cleanup_(freep) void *data = malloc(n);
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
        } control;
        struct iovec part = { data, n };
        struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                                 .msg_controllen = sizeof control };
        ssize_t r;

        r = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (r <= 0)
                return 0;
        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header); cmsg; cmsg = CMSG_NXTHDR(&header, cmsg))
                for (size_t i = 0; i < (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                        close(((int *)(void *)CMSG_DATA(cmsg))[i]);
                        (*n_fds)++;
                }
        return (size_t)r;
}

static void queued_descriptors_leave_with_the_first_byte_of_their_message(void **state)
{
        char text[8192] = { 0 };
        unsigned n_fds = 0;
        size_t start;
        Fixture f;

        memset(text, 'x', sizeof text - 1);
        set_up(&f, CONNECTION_BARE);
        for (start = 0; connection_queued(f.end.connection) < 20 * 1024;) {
                writer_start_signal(&f.end.writer, "/a", "a.b", "Plain");
                writer_put_string(&f.end.writer, text);
                assert_int_equal(connection_send(f.end.connection, &f.end.writer), 0);
                start += f.end.writer.header.size + f.end.writer.body.size;
        }
        writer_start_signal(&f.end.writer, "/a", "a.b", "WithFd");
        writer_put_fd(&f.end.writer, STDIN_FILENO);
        assert_int_equal(connection_send(f.end.connection, &f.end.writer), 0);
        while (start > 0) {
                start -= receive_raw(f.fd, start, &n_fds);
                settle(&f.loop);
        }
        assert_int_equal(n_fds, 0);
        assert_int_equal(receive_raw(f.fd, 1, &n_fds), 1);
        assert_int_equal(n_fds, 1);
        tear_down(&f);
}

static void descriptors_of_a_message_that_is_cut_in_two_are_sent_once(void **state)
{
        _cleanup_(freep) char *text = calloc(1, 250 * 1024 + 1);
        unsigned n_fds = 0;
        size_t left;
        Fixture f;

        memset(text, 'x', 250 * 1024);
        set_up(&f, CONNECTION_BARE);
        writer_start_signal(&f.end.writer, "/a", "a.b", "Large");
        writer_put_fd(&f.end.writer, STDIN_FILENO);
        writer_put_string(&f.end.writer, text);
        assert_int_equal(connection_send(f.end.connection, &f.end.writer), 0);
        left = f.end.writer.header.size + f.end.writer.body.size;
        assert_in_range(connection_queued(f.end.connection), 1, left - 1);
        while (left > 0) {
                left -= receive_raw(f.fd, left, &n_fds);
                settle(&f.loop);
        }
        assert_int_equal(n_fds, 1);
        tear_down(&f);
}

static void a_call_is_answered_exactly_once(void **state)
{
        Answer answered = { 0 }, failed = { 0 }, forgotten = { 0 }, lost = { 0 }, dropped = { 0 };
        _cleanup_(writer_done) Writer w;
        uint32_t serials[3];
        struct iovec parts[2];
        Fixture f;

        writer_init(&w);
        set_up(&f, CONNECTION_BARE);
        serials[0] = call(&f.end, "a", &answered);
        serials[1] = call(&f.end, "b", &failed);
        serials[2] = call(&f.end, "c", &forgotten);
        assert_true(connection_cancel_call(f.end.connection, serials[2]));
        assert_false(connection_cancel_call(f.end.connection, serials[2]));
        for (int i = 0; i < 6; i++) {
                if (i % 3 == 1)
                        writer_start_error_to(&w, serials[i % 3], NULL, "a.b.C", "bad luck");
                else
                        writer_start_return_to(&w, serials[i % 3], NULL, NULL);
                assert_int_equal(writer_seal(&w, 1, parts), 0);
                write_all(f.fd, parts[0].iov_base, parts[0].iov_len);
                if (parts[1].iov_len > 0)
                        write_all(f.fd, parts[1].iov_base, parts[1].iov_len);
        }
        settle(&f.loop);
        assert_int_equal(answered.n_called, 1);
        assert_false(answered.is_error);
        assert_int_equal(failed.n_called, 1);
        assert_true(failed.is_error);
        assert_string_equal(failed.text, "bad luck");
        assert_int_equal(forgotten.n_called, 0);
        assert_int_equal(f.end.n_messages, 0);
        call(&f.end, "d", &lost);
        f.fd = safe_close(f.fd);
        settle(&f.loop);
        assert_int_equal(lost.n_called, 1);
        assert_int_equal(lost.error, -ECONNRESET);
        tear_down(&f);
        set_up(&f, CONNECTION_BARE);
        call(&f.end, "e", &dropped);
        tear_down(&f);
        assert_int_equal(dropped.n_called, 1);
        assert_int_equal(dropped.error, -ECANCELED);
        assert_int_equal(lost.n_called, 1);
}

static void a_monitor_is_given_the_answers_of_others_and_its_calls_their_own(void **state)
{
        _cleanup_(writer_done) Writer w;
        Answer answer = { 0 };
        uint32_t serial;
        Fixture f;

        writer_init(&w);
        set_up(&f, CONNECTION_BARE);
        f.end.connection->options.all_answers = true;
        serial = call(&f.end, "a", &answer);
        for (uint32_t i = 0; i < 3; i++) {
                struct iovec parts[2];

                if (i == 2)
                        writer_start_error_to(&w, serial + i, ":1.7", "a.b.C", "bad luck");
                else
                        writer_start_return_to(&w, serial + i, ":1.7", NULL);
                assert_int_equal(writer_seal(&w, i + 1, parts), 0);
                write_all(f.fd, parts[0].iov_base, parts[0].iov_len);
                if (parts[1].iov_len > 0)
                        write_all(f.fd, parts[1].iov_base, parts[1].iov_len);
        }
        settle(&f.loop);
        assert_int_equal(answer.n_called, 1);
        assert_int_equal(f.end.n_messages, 2);
        tear_down(&f);
}

static void a_writer_keeps_no_descriptor_that_was_sent(void **state)
{
        size_t n_fds;
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        n_fds = count_fds();
        writer_start_signal(&f.end.writer, "/a", "a.b", "WithFd");
        writer_put_fd(&f.end.writer, STDIN_FILENO);
        assert_int_equal(connection_send(f.end.connection, &f.end.writer), 0);
        assert_int_equal(count_fds(), n_fds);
        assert_int_equal(connection_send(f.end.connection, &f.end.writer), -EINVAL);
        tear_down(&f);
}

static void a_call_that_wants_no_answer_is_not_waited_for(void **state)
{
        Answer answer = { 0 };
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        writer_start_call(&f.end.writer, NULL, "/a", "a.b", "C");
        writer_set_flags(&f.end.writer, MESSAGE_NO_REPLY_EXPECTED);
        assert_int_equal(connection_call(f.end.connection, &f.end.writer, on_answer, &answer, NULL), -EINVAL);
        writer_start_call(&f.end.writer, NULL, "bad path", "a.b", "C");
        assert_int_equal(connection_call(f.end.connection, &f.end.writer, on_answer, &answer, NULL), -EINVAL);
        tear_down(&f);
        assert_int_equal(answer.n_called, 0);
}

static void a_call_without_want_of_an_answer_gets_none(void **state)
{
        _cleanup_(buffer_done) Buffer silent = call_bytes("Silent", 3, MESSAGE_NO_REPLY_EXPECTED);
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        f.end.echo = true;
        write_all(f.fd, silent.data, silent.size);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 1);
        assert_int_equal(poll(&(struct pollfd){ .fd = f.fd, .events = POLLIN }, 1, 0), 0);
        tear_down(&f);
}

static void many_calls_find_their_answers_in_any_order(void **state)
{
        PendingCall found;
        Calls calls = { 0 };
        uint64_t seed = 1;

        for (uint32_t i = 1; i <= 3000; i++) {
                assert_int_equal(calls_reserve(&calls), 0);
                calls_add(&calls, (PendingCall){ .serial = i * 64 });
        }
        for (uint32_t i = 0; i < 3000; i++) {
                seed = (seed * 1103) % 3001; /* a generator of the whole group: every number once */
                assert_true(calls_take(&calls, (uint32_t)seed * 64, &found));
                assert_int_equal(found.serial, seed * 64);
                assert_false(calls_contain(&calls, (uint32_t)seed * 64));
        }
        assert_false(calls_take_oldest(&calls, &found));
        calls_add(&calls, (PendingCall){ .serial = 2 });
        calls_add(&calls, (PendingCall){ .serial = UINT32_MAX });
        assert_true(calls_take_oldest(&calls, &found));
        assert_int_equal(found.serial, UINT32_MAX);
        calls_done(&calls);
}

static void the_process_of_the_peer_can_be_held(void **state)
{
        Fixture f;
        int pidfd = -1, r;

        set_up(&f, CONNECTION_SERVER);
        r = connection_peer_pidfd(f.end.connection, &pidfd);
        if (r == 0)
                assert_int_equal(poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 0), 0);
        else
                assert_int_equal(r, -EOPNOTSUPP);
        safe_close(pidfd);
        tear_down(&f);
}

static void enter(void *userdata)
{
        End *end = userdata;

        pthread_mutex_lock(&end->lock);
        end->n_inside++;
}

static void leave(void *userdata)
{
        End *end = userdata;

        end->n_inside--;
        pthread_mutex_unlock(&end->lock);
}

static void *send_from_thread(void *userdata)
{
        _cleanup_(writer_done) Writer w;
        End *end = userdata;

        writer_init(&w);
        for (int i = 0; i < 2000; i++) {
                writer_start_signal(&w, "/a", "a.b", i < 1999 ? "Tick" : "Last");
                writer_put_string(&w, "0123456789012345678901234567890123456789");
                pthread_mutex_lock(&end->lock);
                assert_int_equal(connection_send(end->connection, &w), 0);
                pthread_mutex_unlock(&end->lock);
        }
        return NULL;
}

static void a_second_thread_may_send_under_the_owners_lock(void **state)
{
        pthread_t thread;
        Loop loop;
        End from, to;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(loop_init(&loop), 0);
        end_init(&from, &loop, fds[0], CONNECTION_BARE);
        from.connection->options.enter = enter;
        from.connection->options.leave = leave;
        pthread_mutex_init(&from.lock, NULL);
        end_init(&to, &loop, fds[1], CONNECTION_BARE);
        assert_int_equal(pthread_create(&thread, NULL, send_from_thread, &from), 0);
        while (to.n_messages < 2000)
                assert_true(loop_dispatch(&loop, -1) >= 0);
        pthread_join(thread, NULL);
        assert_string_equal(to.last, "Last");
        assert_int_equal(from.n_inside, 0);
        end_done(&from);
        end_done(&to);
        pthread_mutex_destroy(&from.lock);
        loop_done(&loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(client_and_server_talk_after_the_handshake_and_during_it),
                cmocka_unit_test(handshake_and_first_message_come_in_pieces_of_any_size),
                cmocka_unit_test(what_waits_is_sent_in_order_with_its_descriptors_when_the_peer_reads),
                cmocka_unit_test(queued_descriptors_leave_with_the_first_byte_of_their_message),
                cmocka_unit_test(descriptors_of_a_message_that_is_cut_in_two_are_sent_once),
                cmocka_unit_test(a_call_is_answered_exactly_once),
                cmocka_unit_test(a_monitor_is_given_the_answers_of_others_and_its_calls_their_own),
                cmocka_unit_test(a_writer_keeps_no_descriptor_that_was_sent),
                cmocka_unit_test(a_call_that_wants_no_answer_is_not_waited_for),
                cmocka_unit_test(a_call_without_want_of_an_answer_gets_none),
                cmocka_unit_test(many_calls_find_their_answers_in_any_order),
                cmocka_unit_test(the_process_of_the_peer_can_be_held),
                cmocka_unit_test(a_second_thread_may_send_under_the_owners_lock),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
