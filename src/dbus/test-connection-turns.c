/* SPDX-License-Identifier: MIT */

/* Connections that share a loop: who sends without end lets others come first. */

#include "dbus/test-connections.h"

enum { N_GREEDY = 32, N_CALLS = 100 };

typedef struct Crowd {
        Loop loop;
        End greedy[N_GREEDY], quiet;
        int fds[N_GREEDY], fd;
} Crowd;

static int add(Crowd *crowd, End *end)
{
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        end_init(end, &crowd->loop, fds[0], CONNECTION_BARE);
        end->connection->options.patient = true;
        return fds[1];
}

static unsigned n_greedy(const Crowd *crowd)
{
        unsigned n = 0;

        for (size_t i = 0; i < N_GREEDY; i++)
                n += crowd->greedy[i].n_messages;
        return n;
}

/* All of them have more to say than anyone wants to hear at once. */
static void gather(Crowd *crowd)
{
        *crowd = (Crowd){ .loop = LOOP_INIT };
        assert_int_equal(loop_init(&crowd->loop), 0);
        for (size_t i = 0; i < N_GREEDY; i++) {
                crowd->fds[i] = add(crowd, &crowd->greedy[i]);
                for (size_t k = 0; k < N_CALLS; k++)
                        write_call(crowd->fds[i], "More", 20);
        }
        crowd->fd = add(crowd, &crowd->quiet);
        for (size_t i = 0; i < N_GREEDY; i++)
                while (crowd->greedy[i].n_messages == 0)
                        assert_true(loop_dispatch(&crowd->loop, 0) > 0);
}

static void leave(Crowd *crowd)
{
        for (size_t i = 0; i < N_GREEDY; i++) {
                end_done(&crowd->greedy[i]);
                safe_close(crowd->fds[i]);
        }
        end_done(&crowd->quiet);
        safe_close(crowd->fd);
        loop_done(&crowd->loop);
}

static void a_call_comes_before_those_of_peers_that_send_without_end(void **state)
{
        unsigned before;
        Crowd crowd;

        gather(&crowd);
        for (unsigned i = 1; i <= 20; i++) {
                write_call(crowd.fd, "Only", 20);
                before = n_greedy(&crowd);
                assert_true(loop_dispatch(&crowd.loop, 0) > 0);
                assert_int_equal(crowd.quiet.n_messages, i);
                assert_in_range(n_greedy(&crowd) - before, 1, 4);
        }
        leave(&crowd);
}

static void who_sends_without_end_is_served_in_turn_and_to_the_end(void **state)
{
        Crowd crowd;

        gather(&crowd);
        for (unsigned round = 0; round < 10 * N_GREEDY; round++)
                assert_true(loop_dispatch(&crowd.loop, 0) > 0);
        for (size_t i = 1; i < N_GREEDY; i++)
                assert_in_range(crowd.greedy[i].n_messages + 4, crowd.greedy[0].n_messages,
                                crowd.greedy[0].n_messages + 8);
        settle(&crowd.loop);
        assert_int_equal(n_greedy(&crowd), N_GREEDY * N_CALLS);
        leave(&crowd);
}

static void who_has_stopped_comes_first_again(void **state)
{
        Crowd crowd;

        gather(&crowd);
        settle(&crowd.loop);
        for (size_t i = 0; i < N_GREEDY; i++)
                assert_false(crowd.greedy[i].connection->source.patient);
        leave(&crowd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_call_comes_before_those_of_peers_that_send_without_end),
                cmocka_unit_test(who_sends_without_end_is_served_in_turn_and_to_the_end),
                cmocka_unit_test(who_has_stopped_comes_first_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
