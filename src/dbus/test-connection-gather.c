/* SPDX-License-Identifier: MIT */

/* Connections that send what one round of the loop has gathered. */

#include <sys/ioctl.h>

#include "dbus/test-connections.h"

static void set_up_gathering(Fixture *f)
{
        set_up(f, CONNECTION_BARE);
        f->end.connection->options.gather = true;
}

static void send_signal(Fixture *f, const char *member, size_t n_text)
{
        _cleanup_(freep) char *text = calloc(1, n_text + 1);

        memset(text, 'x', n_text);
        writer_start_signal(&f->end.writer, "/a", "a.b", member);
        writer_put_string(&f->end.writer, text);
        assert_int_equal(connection_send(f->end.connection, &f->end.writer), 0);
}

static int n_readable(const Fixture *f)
{
        int n;

        assert_int_equal(ioctl(f->fd, FIONREAD, &n), 0);
        return n;
}

static void what_is_sent_in_one_round_goes_out_at_its_end(void **state)
{
        int n_first, n_both;
        Fixture f;

        set_up_gathering(&f);
        send_signal(&f, "First", 10);
        n_first = (int)connection_queued(f.end.connection);
        send_signal(&f, "Second", 10);
        n_both = (int)connection_queued(f.end.connection);
        assert_true(n_first > 0 && n_both > n_first);
        assert_int_equal(n_readable(&f), 0);
        assert_int_equal(loop_dispatch(&f.loop, 0), 0);
        assert_int_equal(n_readable(&f), n_both);
        assert_int_equal(connection_queued(f.end.connection), 0);
        tear_down(&f);
}

static void what_was_gathered_can_be_sent_at_once(void **state)
{
        Fixture f;

        set_up_gathering(&f);
        send_signal(&f, "Only", 10);
        assert_int_equal(connection_flush(f.end.connection), 0);
        assert_true(n_readable(&f) > 0);
        f.fd = safe_close(f.fd);
        send_signal(&f, "Lost", 10);
        assert_int_equal(connection_flush(f.end.connection), -EPIPE);
        settle(&f.loop);
        assert_int_equal(f.end.n_disconnected, 1);
        assert_int_equal(f.end.reason, -EPIPE);
        tear_down(&f);
}

static void what_was_gathered_goes_out_before_the_connection_is_closed(void **state)
{
        Fixture f;

        set_up_gathering(&f);
        send_signal(&f, "Last", 10);
        f.end.connection = connection_free(f.end.connection);
        assert_true(n_readable(&f) > 0);
        assert_int_equal(loop_dispatch(&f.loop, 0), 0);
        tear_down(&f);
}

static void much_is_sent_before_the_round_is_over(void **state)
{
        Fixture f;

        set_up_gathering(&f);
        send_signal(&f, "Small", 10);
        send_signal(&f, "Big", 32 * 1024);
        assert_true(n_readable(&f) > 32 * 1024);
        tear_down(&f);
}

static void what_the_socket_does_not_take_goes_on_when_the_peer_reads(void **state)
{
        unsigned n_sent = 0;
        End reader;
        Fixture f;

        set_up_gathering(&f);
        while (connection_queued(f.end.connection) < 200 * 1024 && n_sent < 1000) {
                send_signal(&f, "Much", 1000);
                if (++n_sent % 10 == 0)
                        settle(&f.loop);
        }
        assert_true(f.end.connection->out_watched);
        end_init(&reader, &f.loop, f.fd, CONNECTION_BARE);
        settle(&f.loop);
        assert_int_equal(reader.n_messages, n_sent);
        assert_false(f.end.connection->out_watched);
        f.fd = -1;
        end_done(&reader);
        tear_down(&f);
}

static void what_is_delayed_goes_out_with_the_next_message(void **state)
{
        int n_delayed;
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        connection_delay(f.end.connection, true);
        send_signal(&f, "First", 10);
        send_signal(&f, "Second", 10);
        connection_delay(f.end.connection, false);
        n_delayed = (int)connection_queued(f.end.connection);
        settle(&f.loop);
        assert_int_equal(n_readable(&f), 0);
        send_signal(&f, "Third", 10);
        assert_true(n_readable(&f) > n_delayed);
        assert_int_equal(connection_queued(f.end.connection), 0);
        tear_down(&f);
}

static void what_is_delayed_can_be_sent_without_a_next_message(void **state)
{
        Fixture f;

        set_up(&f, CONNECTION_BARE);
        connection_delay(f.end.connection, true);
        send_signal(&f, "Only", 10);
        assert_int_equal(n_readable(&f), 0);
        assert_int_equal(connection_flush(f.end.connection), 0);
        assert_true(n_readable(&f) > 0);
        tear_down(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_sent_in_one_round_goes_out_at_its_end),
                cmocka_unit_test(what_was_gathered_can_be_sent_at_once),
                cmocka_unit_test(what_was_gathered_goes_out_before_the_connection_is_closed),
                cmocka_unit_test(much_is_sent_before_the_round_is_over),
                cmocka_unit_test(what_is_delayed_goes_out_with_the_next_message),
                cmocka_unit_test(what_is_delayed_can_be_sent_without_a_next_message),
                cmocka_unit_test(what_the_socket_does_not_take_goes_on_when_the_peer_reads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
