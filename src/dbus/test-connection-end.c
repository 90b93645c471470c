/* SPDX-License-Identifier: MIT */

#include "dbus/test-connections.h"

static void descriptors_that_come_with_the_handshake_reach_the_first_message(void **state)
{
        _cleanup_(buffer_done) Buffer message = fd_call_bytes(2), all = { 0 };
        size_t n_fds = count_fds();
        Fixture f;

        buffer_append(&all, handshake, sizeof handshake - 1);
        buffer_append(&all, message.data, message.size);
        for (int split = 0; split < 2; split++) {
                set_up(&f, CONNECTION_SERVER);
                if (split) {
                        write_fds(f.fd, all.data, sizeof handshake - 1, 2);
                        settle(&f.loop);
                        write_all(f.fd, message.data, message.size);
                } else {
                        write_fds(f.fd, all.data, all.size, 2);
                }
                settle(&f.loop);
                assert_int_equal(f.end.n_messages, 1);
                assert_int_equal(f.end.kept->n_fds, 2);
                assert_int_equal(f.end.n_disconnected, 0);
                tear_down(&f);
                assert_int_equal(count_fds(), n_fds);
        }
        /* and nobody keeps them if there is no such message */
        set_up(&f, CONNECTION_SERVER);
        write_fds(f.fd, all.data, sizeof handshake - 1, 2);
        settle(&f.loop);
        tear_down(&f);
        assert_int_equal(count_fds(), n_fds);
}

static void descriptors_without_a_message_end_the_connection(void **state)
{
        _cleanup_(buffer_done) Buffer plain = call_bytes("Plain", 1, 0), two = fd_call_bytes(2);
        size_t n_fds = count_fds();
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        write_fds(f.fd, plain.data, plain.size, 1);
        settle(&f.loop);
        assert_int_equal(f.end.reason, -EBADMSG);
        tear_down(&f);
        set_up(&f, CONNECTION_BARE);
        write_fds(f.fd, two.data, two.size, 1);
        settle(&f.loop);
        assert_int_equal(f.end.reason, -EBADMSG);
        tear_down(&f);
        set_up(&f, CONNECTION_BARE);
        write_fds(f.fd, two.data, two.size, MESSAGE_FDS_MAX + 1);
        settle(&f.loop);
        assert_int_equal(f.end.reason, -EMFILE);
        tear_down(&f);
        assert_int_equal(count_fds(), n_fds);
}

static void a_message_that_nobody_keeps_loses_its_descriptors_at_once(void **state)
{
        _cleanup_(buffer_done) Buffer message = fd_call_bytes(3);
        Fixture f;
        size_t n_fds;

        set_up(&f, CONNECTION_BARE);
        write_fds(f.fd, message.data, message.size, 3);
        settle(&f.loop);
        assert_non_null(f.end.kept);
        n_fds = count_fds();
        write_fds(f.fd, message.data, message.size, 3);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 2);
        assert_int_equal(count_fds(), n_fds);
        tear_down(&f);
}

static void what_the_peer_wrote_before_it_left_is_delivered_though_sending_fails(void **state)
{
        Answer answer = { 0 };
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        call(&f.end, "ping", &answer);
        write_call(f.fd, "Progress", 4);
        write_call(f.fd, "Complete", 4);
        f.fd = safe_close(f.fd);
        send_text(&f.end, "nobody reads this", -EPIPE);
        send_text(&f.end, "nor this", -ENOTCONN);
        assert_int_equal(f.end.n_disconnected, 0);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 2);
        assert_string_equal(f.end.last, "Complete");
        assert_int_equal(f.end.n_disconnected, 1);
        assert_int_equal(f.end.reason, -EPIPE);
        assert_int_equal(answer.n_called, 1);
        assert_int_equal(answer.error, -EPIPE);
        tear_down(&f);
        assert_int_equal(answer.n_called, 1);
}

static void a_reply_that_fails_does_not_lose_what_follows_the_call(void **state)
{
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        f.end.echo = true;
        for (int i = 0; i < 150; i++)
                write_call(f.fd, i < 149 ? "Progress" : "Complete", 40);
        f.fd = safe_close(f.fd);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 150);
        assert_string_equal(f.end.last, "Complete");
        assert_int_equal(f.end.n_disconnected, 1);
        tear_down(&f);
}

static void a_peer_that_does_not_read_is_disconnected_once_after_what_it_wrote(void **state)
{
        char text[4096] = { 0 };
        Fixture f;
        int r;

        memset(text, 'x', sizeof text - 1);
        set_up(&f, CONNECTION_BARE);
        write_call(f.fd, "Complete", 4);
        do {
                writer_start_signal(&f.end.writer, "/a", "a.b", "Tick");
                writer_put_string(&f.end.writer, text);
                r = connection_send(f.end.connection, &f.end.writer);
        } while (r == 0);
        assert_int_equal(r, -ENOBUFS);
        assert_int_equal(connection_queued(f.end.connection), 0);
        assert_int_equal(f.end.n_disconnected, 0);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 1);
        assert_int_equal(f.end.n_disconnected, 1);
        assert_int_equal(f.end.reason, -ENOBUFS);
        tear_down(&f);
}

static void of_many_messages_only_some_are_delivered_before_it_is_anothers_turn(void **state)
{
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        for (int i = 0; i < 100; i++)
                write_call(f.fd, "Greedy", 4);
        assert_int_equal(loop_dispatch(&f.loop, 0), 1);
        assert_in_range(f.end.n_messages, 1, 20);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 100);
        tear_down(&f);
}

static void too_many_waiting_descriptors_end_the_connection(void **state)
{
        size_t n_fds = count_fds();
        Fixture f;
        int r;

        set_up(&f, CONNECTION_BARE);
        do {
                writer_start_signal(&f.end.writer, "/a", "a.b", "WithFd");
                writer_put_fd(&f.end.writer, STDIN_FILENO);
                r = connection_send(f.end.connection, &f.end.writer);
        } while (r == 0);
        /* The kernel may see too many on their way before our queue does. */
        assert_true(r == -ENOBUFS || r == -ETOOMANYREFS);
        settle(&f.loop);
        assert_int_equal(f.end.reason, r);
        tear_down(&f);
        assert_int_equal(count_fds(), n_fds);
}

static void memory_for_a_message_grows_with_what_has_come_of_it(void **state)
{
        _cleanup_(buffer_done) Buffer message = call_bytes("Put", 60000, 0);
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        for (size_t i = 0; i + 1 < message.size; i += 100) {
                write_all(f.fd, message.data + i, MIN(message.size - 1 - i, (size_t)100));
                settle(&f.loop);
                assert_true(f.end.connection->in.allocated <= 2 * i + 16384);
        }
        assert_int_equal(f.end.n_messages, 0);
        write_all(f.fd, message.data + message.size - 1, 1);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 1);
        tear_down(&f);
}

typedef struct Bad {
        const char *bytes;
        size_t n;
        int reason;
} Bad;

static void what_is_no_message_ends_the_connection_with_a_reason(void **state)
{
        static const Bad bad[] = {
                { "GET / HTTP/1.1\r\n", 16, -EBADMSG },
                { "l\1\0\2\0\0\0\0\1\0\0\0\0\0\0\0", 16, -EBADMSG },
                { "l\1\0\1\0\0\0\0\1\0\0\0\0\0\0\0", 16, -EBADMSG },
                { "l\1\0\1\0\0\0\4\1\0\0\0\0\0\0\0", 16, -EMSGSIZE },
                { "l\1\0\1\0\0\0\xff\1\0\0\0\0\0\0\0", 16, -EBADMSG },
                { "l\1\0\1\0\0\0\0", 8, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Fixture f;

                set_up(&f, CONNECTION_BARE);
                write_call(f.fd, "Good", 1);
                write_all(f.fd, bad[i].bytes, bad[i].n);
                (void)shutdown(f.fd, SHUT_WR);
                settle(&f.loop);
                assert_int_equal(f.end.n_messages, 1);
                assert_int_equal(f.end.n_disconnected, 1);
                assert_int_equal(f.end.reason, bad[i].reason);
                tear_down(&f);
        }
}

static void a_callback_may_free_the_connection(void **state)
{
        Answer answers[3] = { { .free_connection = true } };
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        f.end.free_in_message = true;
        write_call(f.fd, "One", 1);
        write_call(f.fd, "Two", 1);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 1);
        assert_int_equal(f.end.n_disconnected, 0);
        tear_down(&f);

        set_up(&f, CONNECTION_BARE);
        f.end.free_in_disconnected = true;
        f.fd = safe_close(f.fd);
        settle(&f.loop);
        assert_int_equal(f.end.n_disconnected, 1);
        assert_null(f.end.connection);
        tear_down(&f);

        set_up(&f, CONNECTION_BARE);
        for (int i = 0; i < 3; i++)
                call(&f.end, "x", &answers[i]);
        f.fd = safe_close(f.fd);
        settle(&f.loop);
        for (int i = 0; i < 3; i++)
                assert_int_equal(answers[i].n_called, 1);
        assert_int_equal(f.end.n_disconnected, 0);
        tear_down(&f);

        set_up(&f, CONNECTION_BARE);
        f.end.free_in_message = true;
        write_call(f.fd, "One", 1);
        connection_read_dry(f.end.connection);
        assert_int_equal(f.end.n_messages, 1);
        assert_null(f.end.connection);
        tear_down(&f);
}

static void reading_dry_delivers_everything_while_a_child_holds_the_socket_open(void **state)
{
        Fixture f;
        int child;

        set_up(&f, CONNECTION_BARE);
        child = fcntl(f.fd, F_DUPFD_CLOEXEC, 3);
        for (int i = 0; i < 150; i++)
                write_call(f.fd, i < 149 ? "Progress" : "Complete", 100);
        f.fd = safe_close(f.fd);
        connection_read_dry(f.end.connection);
        assert_int_equal(f.end.n_messages, 150);
        assert_string_equal(f.end.last, "Complete");
        assert_int_equal(f.end.n_disconnected, 0);
        connection_read_dry(f.end.connection);
        f.end.read_dry_in_message = true;
        write_call(child, "More", 1);
        write_call(child, "Most", 1);
        settle(&f.loop);
        assert_int_equal(f.end.n_messages, 152);
        close(child);
        settle(&f.loop);
        assert_int_equal(f.end.n_disconnected, 1);
        connection_read_dry(f.end.connection);
        tear_down(&f);
}

static void no_connection_however_it_ends_leaves_a_descriptor_behind(void **state)
{
        _cleanup_(buffer_done) Buffer message = fd_call_bytes(1), all = { 0 };
        size_t n_fds = count_fds();

        buffer_append(&all, handshake, sizeof handshake - 1);
        buffer_append(&all, message.data, message.size);
        for (unsigned i = 0; i < 3000; i++) {
                Fixture f;

                set_up(&f, CONNECTION_SERVER);
                f.end.echo = i & 1;
                f.end.free_in_disconnected = i & 2;
                write_fds(f.fd, all.data, 1 + i % all.size, 1);
                if (i & 4)
                        f.fd = safe_close(f.fd);
                settle(&f.loop);
                tear_down(&f);
        }
        assert_int_equal(count_fds(), n_fds);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(descriptors_that_come_with_the_handshake_reach_the_first_message),
                cmocka_unit_test(descriptors_without_a_message_end_the_connection),
                cmocka_unit_test(a_message_that_nobody_keeps_loses_its_descriptors_at_once),
                cmocka_unit_test(what_the_peer_wrote_before_it_left_is_delivered_though_sending_fails),
                cmocka_unit_test(a_reply_that_fails_does_not_lose_what_follows_the_call),
                cmocka_unit_test(a_peer_that_does_not_read_is_disconnected_once_after_what_it_wrote),
                cmocka_unit_test(of_many_messages_only_some_are_delivered_before_it_is_anothers_turn),
                cmocka_unit_test(too_many_waiting_descriptors_end_the_connection),
                cmocka_unit_test(memory_for_a_message_grows_with_what_has_come_of_it),
                cmocka_unit_test(what_is_no_message_ends_the_connection_with_a_reason),
                cmocka_unit_test(a_callback_may_free_the_connection),
                cmocka_unit_test(reading_dry_delivers_everything_while_a_child_holds_the_socket_open),
                cmocka_unit_test(no_connection_however_it_ends_leaves_a_descriptor_behind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
