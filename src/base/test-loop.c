/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#include "base/loop.h"

typedef struct Pair {
        Loop loop;
        LoopSource sources[2];
        int fds[2];
        int n_called;
} Pair;

static void remove_both(LoopSource *source, uint32_t events, void *userdata)
{
        Pair *pair = userdata;

        pair->n_called++;
        loop_remove(&pair->loop, &pair->sources[0]);
        loop_remove(&pair->loop, &pair->sources[1]);
}

static void a_source_removed_during_the_round_is_not_called(void **state)
{
        Pair pair = { .loop = LOOP_INIT };

        assert_int_equal(loop_init(&pair.loop), 0);
        for (int i = 0; i < 2; i++) {
                pair.fds[i] = eventfd(1, EFD_CLOEXEC);
                assert_int_equal(
                        loop_add(&pair.loop, &pair.sources[i], pair.fds[i], EPOLLIN, remove_both, &pair), 0);
        }
        assert_int_equal(loop_dispatch(&pair.loop, -1), 1);
        assert_int_equal(pair.n_called, 1);
        assert_int_equal(loop_dispatch(&pair.loop, 0), 0);
        for (int i = 0; i < 2; i++)
                safe_close(pair.fds[i]);
        loop_done(&pair.loop);
}

static void a_descriptor_that_cannot_be_watched_is_an_error(void **state)
{
        LoopSource source = LOOP_SOURCE_INIT;
        Loop loop;

        assert_int_equal(loop_init(&loop), 0);
        assert_true(loop_add(&loop, &source, -1, EPOLLIN, remove_both, NULL) < 0);
        assert_int_equal(source.fd, -1);
        loop_remove(&loop, &source);
        loop_done(&loop);
}

typedef struct Jobs {
        Loop loop;
        LoopSource source;
        LoopJob end, idle, never;
        char order[16];
} Jobs;

static void note(Jobs *jobs, char c)
{
        jobs->order[strlen(jobs->order)] = c;
}

static void at_the_end(void *userdata)
{
        note(userdata, 'e');
}

static void when_idle(void *userdata)
{
        Jobs *jobs = userdata;

        note(jobs, 'i');
        /* What an idle job puts off to the end is done before the loop waits. */
        loop_put_off(&jobs->loop, &jobs->end, LOOP_END, at_the_end, jobs);
}

static void on_ready(LoopSource *source, uint32_t events, void *userdata)
{
        Jobs *jobs = userdata;

        note(jobs, 'r');
        loop_put_off(&jobs->loop, &jobs->idle, LOOP_IDLE, when_idle, jobs);
        loop_put_off(&jobs->loop, &jobs->never, LOOP_IDLE, when_idle, jobs);
        loop_put_off(&jobs->loop, &jobs->end, LOOP_END, at_the_end, jobs);
        loop_put_off(&jobs->loop, &jobs->end, LOOP_END, at_the_end, jobs);
        loop_drop_job(&jobs->never);
        loop_drop_job(&jobs->never);
}

static void jobs_wait_for_the_end_of_the_round_or_for_an_idle_moment(void **state)
{
        Jobs jobs = { 0 };
        int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        eventfd_t count;

        assert_int_equal(loop_init(&jobs.loop), 0);
        assert_int_equal(loop_add(&jobs.loop, &jobs.source, fd, EPOLLIN, on_ready, &jobs), 0);
        assert_int_equal(loop_dispatch(&jobs.loop, -1), 1);
        assert_string_equal(jobs.order, "r");
        assert_int_equal(loop_dispatch(&jobs.loop, -1), 1);
        assert_string_equal(jobs.order, "rer");
        assert_int_equal(eventfd_read(fd, &count), 0);
        assert_int_equal(loop_dispatch(&jobs.loop, 0), 0);
        assert_string_equal(jobs.order, "rereie");
        loop_remove(&jobs.loop, &jobs.source);
        safe_close(fd);
        loop_done(&jobs.loop);
}

static void an_idle_job_has_its_turn_although_something_is_always_ready(void **state)
{
        Jobs jobs = { 0 };
        int fd = eventfd(1, EFD_CLOEXEC), n = 0;

        assert_int_equal(loop_init(&jobs.loop), 0);
        assert_int_equal(loop_add(&jobs.loop, &jobs.source, fd, EPOLLIN, on_ready, &jobs), 0);
        do {
                memset(jobs.order, 0, sizeof jobs.order);
                assert_int_equal(loop_dispatch(&jobs.loop, -1), 1);
        } while (!strchr(jobs.order, 'i') && ++n < 1000);
        assert_true(n < 1000);
        loop_remove(&jobs.loop, &jobs.source);
        loop_drop_job(&jobs.idle);
        loop_drop_job(&jobs.end);
        safe_close(fd);
        loop_done(&jobs.loop);
}

static void once_more(void *userdata)
{
        Jobs *jobs = userdata;

        note(jobs, 'i');
        if (strlen(jobs->order) < sizeof jobs->order - 1)
                loop_put_off(&jobs->loop, &jobs->idle, LOOP_IDLE, once_more, jobs);
}

static void count_ready(LoopSource *source, uint32_t events, void *userdata)
{
        note(userdata, 'r');
}

static void a_long_work_in_pieces_leaves_the_loop_to_what_becomes_ready(void **state)
{
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        Jobs jobs = { 0 };

        assert_int_equal(loop_init(&jobs.loop), 0);
        assert_int_equal(loop_add(&jobs.loop, &jobs.source, fd, EPOLLIN, count_ready, &jobs), 0);
        loop_put_off(&jobs.loop, &jobs.idle, LOOP_IDLE, once_more, &jobs);
        /* It does not wait while there is work. */
        assert_int_equal(loop_dispatch(&jobs.loop, 10000), 0);
        assert_string_equal(jobs.order, "i");
        assert_int_equal(eventfd_write(fd, 1), 0);
        assert_int_equal(loop_dispatch(&jobs.loop, -1), 1);
        assert_string_equal(jobs.order, "ir");
        loop_drop_job(&jobs.idle);
        loop_remove(&jobs.loop, &jobs.source);
        safe_close(fd);
        loop_done(&jobs.loop);
}

typedef struct Turns {
        Loop loop;
        LoopSource sources[4];
        LoopJob end;
        char order[32];
} Turns;

static void note_turn(LoopSource *source, uint32_t events, void *userdata)
{
        Turns *turns = userdata;

        turns->order[strlen(turns->order)] = (char)('a' + (source - turns->sources));
}

static void patient_sources_come_last_and_one_in_a_round_in_turn(void **state)
{
        Turns turns = { 0 };
        int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), others[4];

        assert_int_equal(loop_init(&turns.loop), 0);
        for (int i = 0; i < 4; i++) {
                others[i] = dup(fd);
                assert_int_equal(loop_add(&turns.loop, &turns.sources[i], others[i], EPOLLIN, note_turn, &turns), 0);
                turns.sources[i].patient = i != 2;
        }
        for (int i = 0; i < 5; i++)
                assert_int_equal(loop_dispatch(&turns.loop, 0), 2);
        assert_string_equal(turns.order, "cacbcdcacb");
        /* Without haste they still have their turn, one after the other. */
        turns.sources[2].patient = true;
        memset(turns.order, 0, sizeof turns.order);
        for (int i = 0; i < 4; i++)
                assert_int_equal(loop_dispatch(&turns.loop, -1), 1);
        assert_string_equal(turns.order, "cdab");
        for (int i = 0; i < 4; i++) {
                loop_remove(&turns.loop, &turns.sources[i]);
                close(others[i]);
        }
        close(fd);
        loop_done(&turns.loop);
}

static void note_end(void *userdata)
{
        Turns *turns = userdata;

        strcat(turns->order, "e");
}

static void note_turn_and_put_off(LoopSource *source, uint32_t events, void *userdata)
{
        Turns *turns = userdata;

        note_turn(source, events, userdata);
        loop_put_off(&turns->loop, &turns->end, LOOP_END, note_end, turns);
}

static void what_a_round_puts_off_comes_before_a_patient_source(void **state)
{
        int fds[] = { eventfd(1, EFD_CLOEXEC), eventfd(1, EFD_CLOEXEC) };
        Turns turns = { 0 };

        assert_int_equal(loop_init(&turns.loop), 0);
        for (int i = 0; i < 2; i++)
                assert_int_equal(loop_add(&turns.loop, &turns.sources[i], fds[i], EPOLLIN, note_turn_and_put_off,
                                          &turns), 0);
        turns.sources[0].patient = true;
        assert_int_equal(loop_dispatch(&turns.loop, 0), 2);
        loop_end_round(&turns.loop);
        assert_string_equal(turns.order, "beae");
        for (int i = 0; i < 2; i++) {
                loop_remove(&turns.loop, &turns.sources[i]);
                close(fds[i]);
        }
        loop_done(&turns.loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_source_removed_during_the_round_is_not_called),
                cmocka_unit_test(a_descriptor_that_cannot_be_watched_is_an_error),
                cmocka_unit_test(jobs_wait_for_the_end_of_the_round_or_for_an_idle_moment),
                cmocka_unit_test(patient_sources_come_last_and_one_in_a_round_in_turn),
                cmocka_unit_test(what_a_round_puts_off_comes_before_a_patient_source),
                cmocka_unit_test(an_idle_job_has_its_turn_although_something_is_always_ready),
                cmocka_unit_test(a_long_work_in_pieces_leaves_the_loop_to_what_becomes_ready),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
