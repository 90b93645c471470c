/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, 6.1 and 6.2: activation. */

#include <errno.h>
#include <signal.h>

#include "engine/test-driver.h"

static Uuid event_task(Driver *d)
{
        return driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
}

static void fire(Driver *d)
{
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
}

static void a_due_timer_launches_its_server_sends_run_and_records_the_outcome(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid task = driver_must_register(d, driver_spec("backup"));

        assert_true(driver_why(d, task, WHY_WAITING_FOR_TIME));
        driver_advance(d, USEC_PER_HOUR - 1);
        assert_int_equal(d->n_launched, 0);
        driver_advance(d, 1);
        assert_int_equal(d->n_launched, 1);
        assert_int_equal(d->n_runs, 1);
        assert_true(driver_why(d, task, WHY_RUNNING));
        assert_int_equal(driver_n_ledger(d), 1);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        assert_int_equal(driver_n_ledger(d), 0);
        assert_int_equal(driver_n_stored_pending(d), 0);
        assert_int_equal(d->n_recorded, 1);
        driver_free(d);
}

static void a_warm_server_takes_the_next_run(void **state)
{
        Driver *d = driver_new_with_package();

        d->run = RUN_MODE_COMPLETE;
        driver_must_register(d, driver_spec("backup"));
        driver_advance(d, 3 * USEC_PER_HOUR);
        assert_int_equal(d->n_launched, 1);
        assert_int_equal(d->n_runs, 3);
        assert_int_equal(d->n_history, 3);
        driver_free(d);
}

static void the_newest_class_object_takes_a_run_and_the_one_before_when_it_goes(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t first = driver_attach(d), second = driver_attach(d);
        DriverReply *cookie;
        Event event = { .type = EVENT_CLASS_REVOKED };

        event_task(d);
        d->run = RUN_MODE_COMPLETE;
        driver_register_class(d, first, driver_clsid, REGCLS_MULTIPLEUSE);
        cookie = driver_register_class(d, second, driver_clsid, REGCLS_MULTI_SEPARATE);
        fire(d);
        assert_true(driver_last_run(d)->server == second);
        assert_int_equal(driver_last_run(d)->cookie, cookie->number);
        event.class_object.server = second;
        event.class_object.cookie = cookie->number;
        assert_int_equal(driver_ask(d, event)->error, ERROR_NONE);
        assert_int_equal(driver_ask(d, event)->error, ERROR_NO_SUCH_CLASS_OBJECT);
        fire(d);
        assert_true(driver_last_run(d)->server == first);
        driver_register_class(d, second, driver_clsid, REGCLS_MULTIPLEUSE);
        driver_server_gone(d, second, false, 0);
        fire(d);
        assert_true(driver_last_run(d)->server == first);
        assert_int_equal(d->n_launched, 0);
        driver_free(d);
}

static void a_single_use_class_object_takes_one_run(void **state)
{
        Driver *d = driver_new_with_package();

        event_task(d);
        d->class_flags = REGCLS_SINGLEUSE;
        d->run = RUN_MODE_COMPLETE;
        fire(d);
        fire(d);
        assert_int_equal(d->n_launched, 2);
        assert_int_equal(d->n_history, 2);
        driver_free(d);
}

static void of_two_runs_that_wait_for_a_single_use_server_the_second_gets_its_own(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("b", SYSTEM_TIME_ZONE_CHANGE);

        event_task(d);
        driver_must_register(d, spec);
        d->class_flags = REGCLS_SINGLEUSE;
        fire(d);
        assert_int_equal(d->n_launched, 2);
        assert_int_equal(d->n_runs, 2);
        assert_true(d->runs[0].server != d->runs[1].server);
        driver_free(d);
}

static void a_suspended_class_waits_for_resume(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_CLASSES_SUSPENDED };

        event_task(d);
        d->launch = LAUNCH_SUSPENDED;
        fire(d);
        assert_int_equal(d->n_runs, 0);
        event.process.server = driver_last_server(d);
        driver_ask(d, event);
        assert_int_equal(d->n_runs, 1);
        driver_complete(d, 0);
        event.process.suspended = true;
        driver_ask(d, event);
        d->launch = LAUNCH_UP;
        driver_advance(d, 2 * USEC_PER_MINUTE);
        fire(d);
        assert_int_equal(d->n_launched, 2);
        driver_free(d);
}

static void runs_of_one_class_wait_for_the_same_launched_server(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server;

        event_task(d);
        driver_must_register(d, driver_event_spec("b", SYSTEM_NETWORK_STATE_CHANGE));
        d->launch = LAUNCH_HOLD;
        fire(d);
        driver_raise(d, SYSTEM_NETWORK_STATE_CHANGE);
        assert_int_equal(d->n_launched, 1);
        server = driver_last_server(d);
        driver_register_class(d, server, driver_clsid, REGCLS_MULTIPLEUSE);
        assert_int_equal(d->n_runs, 2);
        driver_free(d);
}

static void a_run_that_waits_for_a_launched_server_is_sent_to_another_that_offers_its_class(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_CLASSES_SUSPENDED };
        uint64_t app = driver_attach(d), launched;

        event_task(d);
        driver_must_register(d, driver_event_spec("b", SYSTEM_NETWORK_STATE_CHANGE));
        d->launch = LAUNCH_HOLD;
        fire(d);
        launched = driver_last_server(d);
        driver_register_class(d, app, driver_clsid, REGCLS_MULTIPLEUSE | REGCLS_SUSPENDED);
        assert_int_equal(d->n_runs, 0);
        event.process.server = app;
        driver_ask(d, event);
        assert_int_equal(d->n_runs, 1);
        assert_true(driver_last_run(d)->server == app);
        /* Nothing waits for the launched one, which still may come. */
        driver_complete(d, 0);
        driver_register_class(d, launched, driver_clsid, REGCLS_MULTIPLEUSE);
        driver_raise(d, SYSTEM_NETWORK_STATE_CHANGE);
        assert_true(driver_last_run(d)->server == launched);
        assert_int_equal(d->n_launched, 1);
        driver_free(d);
}

static void a_spawn_that_fails_counts_and_is_tried_again_after_a_back_off(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);

        d->launch = LAUNCH_FAIL;
        fire(d);
        assert_int_equal(d->n_launched, 1);
        assert_true(driver_why(d, id, WHY_BACKING_OFF));
        assert_int_equal(driver_n_ledger(d), 0);
        driver_advance(d, 900 * USEC_PER_MSEC - 1);
        assert_int_equal(d->n_launched, 1);
        driver_advance(d, 200 * USEC_PER_MSEC + 1);
        assert_int_equal(d->n_launched, 2);
        d->launch = LAUNCH_UP;
        driver_advance(d, 3 * USEC_PER_SEC);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_last_run(d)->attempt, 3);
        assert_int_equal(d->n_released, 2);
        driver_free(d);
}

static void a_forced_run_starts_at_once_and_waits_after_its_own_failures(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);

        d->launch = LAUNCH_FAIL;
        driver_run_now(d, id, true);
        assert_int_equal(d->n_launched, 1);
        assert_true(driver_why(d, id, WHY_BACKING_OFF));
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_launched, 5);
        assert_int_equal(d->history[0].outcome, OUTCOME_NOT_STARTED);
        fire(d);
        assert_int_equal(d->n_launched, 6);
        driver_must_register(d, driver_event_spec("b", SYSTEM_TIME_ZONE_CHANGE));
        driver_run_now(d, driver_must_register(d, driver_event_spec("c", SYSTEM_TIME_ZONE_CHANGE)), true);
        assert_int_equal(d->n_launched, 7);
        driver_free(d);
}

static void after_five_failed_starts_a_firing_ends_with_the_last_failure(void **state)
{
        Driver *d = driver_new_with_package();

        event_task(d);
        d->launch = LAUNCH_EXIT;
        fire(d);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_launched, 5);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_NOT_STARTED);
        assert_int_equal(d->history[0].detail, DETAIL_EXITED);
        assert_int_equal(d->history[0].result, 3);
        assert_int_equal(d->history[0].attempts, 5);
        assert_true(d->history[0].started_real_usec == 0);
        assert_true(d->history[0].server == driver_last_server(d));
        driver_free(d);
}

static void ten_failed_starts_in_a_row_quarantine_the_class_for_an_hour_and_then_one_is_tried(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);
        size_t n;

        driver_must_register(d, driver_event_spec("b", SYSTEM_TIME_ZONE_CHANGE));
        d->launch = LAUNCH_FAIL;
        for (unsigned i = 0; i < 6 && !driver_why(d, id, WHY_QUARANTINED); i++) {
                fire(d);
                driver_advance(d, 15 * USEC_PER_MINUTE);
        }
        assert_true(driver_why(d, id, WHY_QUARANTINED));
        n = d->n_launched;
        assert_int_equal(n, 10);
        d->launch = LAUNCH_HOLD;
        driver_advance(d, 35 * USEC_PER_MINUTE);
        assert_int_equal(d->n_launched, n);
        for (unsigned i = 0; i < 20 && d->n_launched == n; i++)
                driver_advance(d, 30 * USEC_PER_SEC);
        assert_int_equal(d->n_launched, n + 1);
        assert_int_equal(engine_get_counts(d->engine).n_live, 1);
        d->run = RUN_MODE_COMPLETE;
        driver_register_class(d, driver_last_server(d), driver_clsid, REGCLS_MULTIPLEUSE);
        /* It worked: whoever waited goes on at once. */
        assert_int_equal(engine_get_counts(d->engine).n_pending, 0);
        driver_free(d);
}

static void a_probe_that_fails_begins_another_hour(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);
        size_t n;

        d->launch = LAUNCH_FAIL;
        for (unsigned i = 0; i < 3; i++) {
                fire(d);
                driver_advance(d, 15 * USEC_PER_MINUTE);
        }
        n = d->n_launched;
        assert_int_equal(n, 10);
        for (unsigned i = 0; i < 100 && d->n_launched == n; i++)
                driver_advance(d, 30 * USEC_PER_SEC);
        assert_int_equal(d->n_launched, n + 1);
        driver_advance(d, 59 * USEC_PER_MINUTE);
        assert_int_equal(d->n_launched, n + 1);
        assert_true(driver_why(d, id, WHY_QUARANTINED));
        driver_free(d);
}

static void a_class_that_is_never_registered_fails_after_60_seconds_and_its_server_is_stopped(void **state)
{
        Driver *d = driver_new_with_package();

        event_task(d);
        d->launch = LAUNCH_HOLD;
        d->ignore_signals = true;
        fire(d);
        driver_advance(d, 60 * USEC_PER_SEC - 1);
        assert_int_equal(d->n_signals, 0);
        driver_advance(d, 1);
        assert_int_equal(d->n_signals, 1);
        assert_int_equal(d->signals[0].number, 15);
        driver_advance(d, 2 * USEC_PER_SEC);
        assert_int_equal(d->n_signals, 2);
        assert_int_equal(d->signals[1].number, 9);
        driver_server_gone(d, d->launched[0], true, 9);
        driver_advance(d, 10 * USEC_PER_MINUTE);
        assert_int_equal(d->history[0].detail, DETAIL_NEVER_REGISTERED);
        driver_free(d);
}

static void the_time_of_registration_does_not_pass_while_the_machine_sleeps(void **state)
{
        Driver *d = driver_new_with_package();

        event_task(d);
        d->launch = LAUNCH_HOLD;
        fire(d);
        d->now.boot_usec += USEC_PER_DAY;
        d->now.real_usec += USEC_PER_DAY;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_signals, 0);
        driver_free(d);
}

static void an_unanswered_run_makes_the_server_unresponsive_and_the_next_attempt_cold(void **state)
{
        Driver *d = driver_new_with_package();
        DriverSent first;

        event_task(d);
        d->run = RUN_MODE_HOLD;
        fire(d);
        first = *driver_last_run(d);
        d->run = RUN_MODE_ACK;
        driver_advance(d, 10 * USEC_PER_SEC);
        driver_advance(d, 2 * USEC_PER_SEC);
        assert_int_equal(d->n_launched, 2);
        assert_true(driver_last_run(d)->server != first.server);
        assert_int_equal(driver_last_run(d)->attempt, 2);
        /* The late answer belongs to nothing any more. */
        {
                Event event = { .type = EVENT_RUN_ACKNOWLEDGED };

                event.run.server = first.server;
                event.run.run = first.run;
                event.run.attempt = first.attempt;
                driver_feed(d, event);
                assert_int_equal(d->n_cancels, 1);
                assert_true(d->cancels[0].server == first.server);
                assert_int_equal(d->cancels[0].attempt, 1);
                assert_int_equal(d->cancels[0].reason, REASON_ABORT);
                event.type = EVENT_RUN_COMPLETED;
                driver_feed(d, event);
                assert_int_equal(d->n_history, 0);
        }
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        driver_free(d);
}

static void a_server_that_hangs_is_stopped_when_it_is_silent_for_a_minute(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t hung;

        event_task(d);
        d->run = RUN_MODE_HOLD;
        fire(d);
        hung = driver_last_run(d)->server;
        d->run = RUN_MODE_COMPLETE;
        d->ignore_signals = true;
        driver_advance(d, 10 * USEC_PER_SEC);
        driver_advance(d, 59 * USEC_PER_SEC);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->n_signals, 0);
        driver_advance(d, USEC_PER_SEC);
        assert_int_equal(d->n_signals, 1);
        assert_true(d->signals[0].server == hung);
        assert_int_equal(d->signals[0].number, SIGTERM);
        driver_advance(d, 2 * USEC_PER_SEC);
        assert_int_equal(d->n_signals, 2);
        assert_int_equal(d->signals[1].number, SIGKILL);
        driver_free(d);
}

static void an_unresponsive_server_that_is_heard_of_again_takes_runs(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server = driver_attach(d);

        event_task(d);
        driver_register_class(d, server, driver_clsid, REGCLS_MULTIPLEUSE);
        d->run = RUN_MODE_HOLD;
        fire(d);
        d->launch = LAUNCH_HOLD;
        driver_advance(d, 12 * USEC_PER_SEC);
        assert_int_equal(d->n_launched, 1);
        driver_register_class(d, server, driver_other_clsid, REGCLS_MULTIPLEUSE);
        d->run = RUN_MODE_COMPLETE;
        driver_run_now(d, driver_must_register(d, driver_spec("c")), true);
        assert_true(driver_last_run(d)->server == server);
        driver_free(d);
}

static void a_refused_run_is_a_start_failure_that_counts(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);

        d->run = RUN_MODE_REFUSE;
        fire(d);
        assert_true(driver_why(d, id, WHY_BACKING_OFF));
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->history[0].outcome, OUTCOME_NOT_STARTED);
        assert_int_equal(d->history[0].detail, DETAIL_REFUSED);
        driver_free(d);
}

static void a_warm_server_that_goes_before_it_answers_does_not_count(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server = driver_attach(d);

        event_task(d);
        driver_register_class(d, server, driver_clsid, REGCLS_MULTIPLEUSE);
        d->run = RUN_MODE_HOLD;
        fire(d);
        d->run = RUN_MODE_ACK;
        driver_server_gone(d, server, true, 11);
        /* At once, cold. */
        assert_int_equal(d->n_launched, 1);
        assert_int_equal(driver_last_run(d)->attempt, 2);
        driver_free(d);
}

static void the_server_of_a_cold_start_that_goes_before_it_answers_counts(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);

        d->run = RUN_MODE_HOLD;
        fire(d);
        driver_server_gone(d, driver_last_server(d), true, 11);
        assert_true(driver_why(d, id, WHY_BACKING_OFF));
        assert_int_equal(d->n_launched, 1);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_due_timer_launches_its_server_sends_run_and_records_the_outcome),
                cmocka_unit_test(a_warm_server_takes_the_next_run),
                cmocka_unit_test(the_newest_class_object_takes_a_run_and_the_one_before_when_it_goes),
                cmocka_unit_test(a_single_use_class_object_takes_one_run),
                cmocka_unit_test(of_two_runs_that_wait_for_a_single_use_server_the_second_gets_its_own),
                cmocka_unit_test(a_suspended_class_waits_for_resume),
                cmocka_unit_test(runs_of_one_class_wait_for_the_same_launched_server),
                cmocka_unit_test(a_run_that_waits_for_a_launched_server_is_sent_to_another_that_offers_its_class),
                cmocka_unit_test(a_spawn_that_fails_counts_and_is_tried_again_after_a_back_off),
                cmocka_unit_test(a_forced_run_starts_at_once_and_waits_after_its_own_failures),
                cmocka_unit_test(after_five_failed_starts_a_firing_ends_with_the_last_failure),
                cmocka_unit_test(ten_failed_starts_in_a_row_quarantine_the_class_for_an_hour_and_then_one_is_tried),
                cmocka_unit_test(a_probe_that_fails_begins_another_hour),
                cmocka_unit_test(a_class_that_is_never_registered_fails_after_60_seconds_and_its_server_is_stopped),
                cmocka_unit_test(the_time_of_registration_does_not_pass_while_the_machine_sleeps),
                cmocka_unit_test(an_unanswered_run_makes_the_server_unresponsive_and_the_next_attempt_cold),
                cmocka_unit_test(a_server_that_hangs_is_stopped_when_it_is_silent_for_a_minute),
                cmocka_unit_test(an_unresponsive_server_that_is_heard_of_again_takes_runs),
                cmocka_unit_test(a_refused_run_is_a_start_failure_that_counts),
                cmocka_unit_test(a_warm_server_that_goes_before_it_answers_does_not_count),
                cmocka_unit_test(the_server_of_a_cold_start_that_goes_before_it_answers_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
