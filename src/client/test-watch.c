/* SPDX-License-Identifier: MIT */

/* Handlers for what the broker signals. */

#include "client/test-broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static FakeBroker *f;
static bgt_registration *task;

/* What a handler saw, under the gate's lock where it matters. */
static Gate seen, completed, go;
static char events[4096];
static unsigned n_seen;
static bool hold;

static void see(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void see(const char *format, ...)
{
        size_t n = strlen(events);
        va_list args;

        va_start(args, format);
        vsnprintf(events + n, sizeof events - n, format, args);
        va_end(args);
        n_seen++;
        gate_raise(&seen);
        if (hold)
                gate_wait(&go, 1);
}

static int set_up(void **state)
{
        const Gate fresh = GATE_INIT;

        f = fake_new();
        seen = completed = go = fresh;
        events[0] = '\0';
        n_seen = 0;
        hold = false;
        fake_set_tasks(f, 1, "T");
        assert_int_equal(bgt_get_task(NULL, TASK_1, &task), 0);
        return 0;
}

static int tear_down(void **state)
{
        bgt_registration_unref(task);
        bgt_close(NULL);
        fake_free(f);
        return 0;
}

static void on_progress(bgt_registration *registration, const char *run, uint32_t progress, void *userdata)
{
        see("[%s %.1s %u]", bgt_registration_name(registration), run, (unsigned)progress);
}

static void on_completed(bgt_registration *registration, const char *run, int result, const bgt_record *details,
                         void *userdata)
{
        see("[%s %.1s %d %s]", bgt_registration_name(registration), run, result,
            bgt_record_string(details, "outcome"));
        gate_raise(&completed);
}

static void handlers_get_what_happens_to_their_task(void **state)
{
        assert_int_equal(bgt_registration_on_progress(task, on_progress, NULL), 0);
        assert_int_equal(bgt_registration_on_completed(task, on_completed, NULL), 0);
        fake_wait(f, "Watch(, " TASK_1 ")");
        fake_progress(f, RUN_2, RUN_1, 1);
        fake_progress(f, TASK_1, RUN_1, 11);
        gate_wait(&seen, 1);
        fake_completed(f, TASK_1, RUN_1, "completed", 3);
        gate_wait(&seen, 2);
        assert_string_equal(events, "[T 1 11][T 1 3 completed]");
}

static void a_result_says_how_the_run_ended(void **state)
{
        static const struct {
                const char *outcome;
                int result;
                int expected;
        } cases[] = {
                { "completed", 0, 0 },
                { "completed", 9, 9 },
                { "failed", -EPIPE, -EPIPE },
                { "failed", 0, -EIO },
                { "canceled", 0, -ECANCELED },
                { "abandoned", 0, -ECONNRESET },
                { "timed-out", 0, -ETIMEDOUT },
                { "not-started", 0, -ENOEXEC },
                { "expired", 0, -ESTALE },
                { "something else", 0, -EPROTO },
        };
        char expected[64];

        assert_int_equal(bgt_registration_on_completed(task, on_completed, NULL), 0);
        for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                events[0] = '\0';
                fake_completed(f, TASK_1, RUN_1, cases[i].outcome, cases[i].result);
                gate_wait(&seen, i + 1);
                snprintf(expected, sizeof expected, "[T 1 %d %s]", cases[i].expected, cases[i].outcome);
                assert_string_equal(events, expected);
        }
}

static void a_slow_handler_gets_the_newest_progress(void **state)
{
        hold = true;
        assert_int_equal(bgt_registration_on_progress(task, on_progress, NULL), 0);
        assert_int_equal(bgt_registration_on_completed(task, on_completed, NULL), 0);
        fake_progress(f, TASK_1, RUN_1, 0);
        gate_wait(&seen, 1);
        for (unsigned i = 1; i <= 100; i++)
                fake_progress(f, TASK_1, RUN_1, i);
        fake_completed(f, TASK_1, RUN_1, "completed", 0);
        gate_raise(&go);
        gate_wait(&completed, 1);
        assert_non_null(strstr(events, "[T 1 100][T 1 0 completed]"));
        assert_true(n_seen < 100);
}

static void a_handler_that_was_taken_away_is_not_called(void **state)
{
        assert_int_equal(bgt_registration_on_progress(task, on_progress, NULL), 0);
        assert_int_equal(bgt_registration_on_completed(task, on_completed, NULL), 0);
        assert_int_equal(bgt_registration_on_progress(task, NULL, NULL), 0);
        fake_progress(f, TASK_1, RUN_1, 1);
        fake_completed(f, TASK_1, RUN_1, "completed", 0);
        gate_wait(&seen, 1);
        assert_string_equal(events, "[T 1 0 completed]");
        assert_false(fake_has(f, "Unwatch"));
        assert_int_equal(bgt_registration_on_completed(task, NULL, NULL), 0);
        fake_wait(f, "Unwatch(, " TASK_1 ")");
}

static void hold_on(bgt_registration *registration, const char *run, uint32_t progress, void *userdata)
{
        gate_raise(&seen);
        gate_wait(&go, 1);
        see("[end]");
}

static void *take_away(void *userdata)
{
        assert_int_equal(bgt_registration_on_progress(task, NULL, NULL), 0);
        see("[gone]");
        return NULL;
}

static void a_handler_is_not_running_when_it_was_taken_away(void **state)
{
        pthread_t thread;

        assert_int_equal(bgt_registration_on_progress(task, hold_on, NULL), 0);
        fake_progress(f, TASK_1, RUN_1, 1);
        gate_wait(&seen, 1);
        assert_int_equal(pthread_create(&thread, NULL, take_away, NULL), 0);
        fake_wait(f, "Unwatch");
        gate_raise(&go);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_string_equal(events, "[end][gone]");
}

static void take_itself_away(bgt_registration *registration, const char *run, uint32_t progress, void *userdata)
{
        assert_int_equal(bgt_registration_on_progress(registration, NULL, NULL), 0);
        see("[gone]");
}

static void a_handler_may_take_itself_away(void **state)
{
        assert_int_equal(bgt_registration_on_progress(task, take_itself_away, NULL), 0);
        fake_progress(f, TASK_1, RUN_1, 1);
        gate_wait(&seen, 1);
        fake_wait(f, "Unwatch");
}

static void drop_the_task(bgt_registration *registration, const char *run, uint32_t progress, void *userdata)
{
        bgt_registration_unref(registration);
        task = NULL;
        see("[dropped]");
}

static void a_handler_may_drop_its_task(void **state)
{
        assert_int_equal(bgt_registration_on_progress(task, drop_the_task, NULL), 0);
        fake_progress(f, TASK_1, RUN_1, 1);
        fake_wait(f, "Unwatch");
        gate_wait(&seen, 1);
}

static void close_the_connection(int event, const bgt_record *record, void *userdata)
{
        bgt_close(userdata);
        see("[closed]");
}

static void a_handler_may_close_its_connection(void **state)
{
        bgt_watch *watch;
        bgt *b;

        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        assert_int_equal(bgt_watch_new(b, "*", NULL, close_the_connection, b, &watch), 0);
        fake_wait(f, "Watch(*, )");
        fake_progress(f, TASK_1, RUN_1, 1);
        gate_wait(&seen, 1);
        fake_wait(f, "Disconnected");
        bgt_watch_free(watch);
}

static void on_event(int event, const bgt_record *record, void *userdata)
{
        const char *run = bgt_record_string(record, "run");

        see("[%s%d %.1s]", (const char *)userdata, event, run ? run : "");
}

static void a_watch_gets_the_events_of_its_package(void **state)
{
        bgt_watch *own, *other, *all;

        assert_int_equal(bgt_watch_new(NULL, NULL, NULL, on_event, (void *)"own", &own), 0);
        assert_int_equal(bgt_watch_new(NULL, "Other_x", NULL, on_event, (void *)"other", &other), 0);
        fake_progress(f, TASK_1, RUN_1, 1);
        gate_wait(&seen, 1);
        assert_string_equal(events, "[own3 1]");
        bgt_watch_free(own);
        fake_wait(f, "Unwatch(, )");
        assert_int_equal(bgt_watch_new(NULL, "*", NULL, on_event, (void *)"all", &all), 0);
        fake_completed(f, TASK_1, RUN_2, "failed", -1);
        gate_wait(&seen, 2);
        assert_string_equal(events, "[own3 1][all4 2]");
        bgt_watch_free(all);
        bgt_watch_free(other);
        fake_wait(f, "Unwatch(Other_x, )");
}

static void a_watch_survives_the_broker(void **state)
{
        bgt_watch *watch;

        assert_int_equal(bgt_watch_new(NULL, NULL, TASK_1, on_event, (void *)"", &watch), 0);
        fake_wait(f, "Watch");
        fake_stop(f);
        gate_wait(&seen, 1);
        fake_start(f);
        fake_wait(f, "Watch(, " TASK_1 ")");
        gate_wait(&seen, 2);
        fake_progress(f, TASK_1, RUN_1, 1);
        gate_wait(&seen, 3);
        assert_string_equal(events, "[5 ][6 ][3 1]");
        bgt_watch_free(watch);
}

static void a_refused_watch_is_no_watch(void **state)
{
        bgt_watch *watch = NULL;

        fake_refuse(f, "Watch", "org.bgtask.Error.QuotaExceeded", "1000 tasks are watched");
        assert_int_equal(bgt_watch_new(NULL, NULL, TASK_1, on_event, (void *)"", &watch), -EDQUOT);
        assert_null(watch);
        assert_int_equal(bgt_watch_new(NULL, NULL, TASK_1, NULL, NULL, &watch), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(handlers_get_what_happens_to_their_task),
                T(a_result_says_how_the_run_ended),
                T(a_slow_handler_gets_the_newest_progress),
                T(a_handler_that_was_taken_away_is_not_called),
                T(a_handler_is_not_running_when_it_was_taken_away),
                T(a_handler_may_take_itself_away),
                T(a_handler_may_drop_its_task),
                T(a_handler_may_close_its_connection),
                T(a_watch_gets_the_events_of_its_package),
                T(a_watch_survives_the_broker),
                T(a_refused_watch_is_no_watch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
