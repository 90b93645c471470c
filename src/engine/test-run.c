/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, 6.3 to 6.7: how runs go on and end. */

#include <errno.h>

#include "engine/test-driver.h"

static Uuid event_task(Driver *d)
{
        return driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
}

static void fire(Driver *d)
{
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
}

static void a_result_below_zero_is_failed_and_the_result_is_kept(void **state)
{
        Driver *d = driver_new_with_package();

        event_task(d);
        fire(d);
        driver_complete(d, -ENOENT);
        assert_int_equal(d->history[0].outcome, OUTCOME_FAILED);
        assert_int_equal(d->history[0].result, -ENOENT);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void progress_is_kept_in_the_record(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_RUN_PROGRESS };

        event_task(d);
        fire(d);
        event.run.server = driver_last_run(d)->server;
        event.run.run = driver_last_run(d)->run;
        event.run.attempt = 1;
        event.run.progress = 70;
        driver_feed(d, event);
        assert_int_equal(d->n_notified[NOTIFY_PROGRESS], 1);
        event.run.server = 4711;
        event.run.progress = 80;
        driver_feed(d, event);
        driver_complete(d, 0);
        driver_feed(d, event);
        assert_int_equal(d->history[0].progress, 70);
        driver_free(d);
}

static void the_complete_of_another_server_is_ignored(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t stranger = driver_attach(d);
        Event event = { .type = EVENT_RUN_COMPLETED };

        event_task(d);
        fire(d);
        event.run.server = stranger;
        event.run.run = driver_last_run(d)->run;
        event.run.attempt = 1;
        driver_feed(d, event);
        assert_int_equal(d->n_ended, 0);
        driver_free(d);
}

static void a_failed_run_is_retried_with_the_same_id_as_often_as_the_task_asked(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.retry_max = 2;
        id = driver_must_register(d, spec);
        d->run = RUN_MODE_FAIL;
        fire(d);
        assert_true(driver_why(d, id, WHY_WAITING_FOR_RETRY));
        driver_advance(d, 30 * USEC_PER_SEC - 1);
        assert_int_equal(d->n_runs, 1);
        driver_advance(d, 1);
        assert_int_equal(d->n_runs, 2);
        driver_advance(d, 60 * USEC_PER_SEC - 1);
        assert_int_equal(d->n_runs, 2);
        driver_advance(d, 1);
        assert_int_equal(d->n_runs, 3);
        assert_true(uuid_equal(d->runs[0].run, d->runs[2].run));
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_FAILED);
        assert_int_equal(d->history[0].attempts, 3);
        driver_free(d);
}

static void a_run_can_name_when_it_wants_to_be_tried_again(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.retry_max = 1;
        driver_must_register(d, spec);
        fire(d);
        driver_complete_later(d, -EAGAIN, 7 * USEC_PER_SEC);
        driver_advance(d, 7 * USEC_PER_SEC);
        assert_int_equal(d->n_runs, 2);
        driver_complete_later(d, 0, 7 * USEC_PER_SEC);
        assert_int_equal(d->history[0].outcome, OUTCOME_FAILED);
        driver_free(d);
}

static void a_server_that_goes_abandons_its_runs_or_has_them_retried(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("retried", SYSTEM_TIME_ZONE_CHANGE);

        spec.retry_max = 1;
        event_task(d);
        driver_must_register(d, spec);
        fire(d);
        assert_int_equal(d->n_runs, 2);
        driver_server_gone(d, driver_last_server(d), true, 11);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        assert_string_equal(d->history[0].name, "a");
        assert_int_equal(engine_get_counts(d->engine).n_pending, 1);
        assert_int_equal(d->n_released, 1);
        driver_free(d);
}

static void a_time_limit_cancels_and_ends_timed_out(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.time_limit_usec = USEC_PER_MINUTE;
        driver_must_register(d, spec);
        fire(d);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->cancels[0].reason, REASON_EXECUTION_TIME_EXCEEDED);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_TIMED_OUT);
        assert_int_equal(d->history[0].reason, REASON_EXECUTION_TIME_EXCEEDED);
        driver_free(d);
}

static void a_time_limit_begins_again_while_the_server_is_traced(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.time_limit_usec = USEC_PER_MINUTE;
        driver_must_register(d, spec);
        fire(d);
        d->traced = true;
        driver_advance(d, 10 * USEC_PER_MINUTE);
        assert_int_equal(d->n_cancels, 0);
        d->traced = false;
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].reason, REASON_EXECUTION_TIME_EXCEEDED);
        driver_free(d);
}

typedef struct Stop {
        uint8_t reason;
        int result; /* 1: the server goes */
        uint8_t outcome; /* 0: pending again */
} Stop;

static const Stop table_6_5[] = {
        { REASON_CONDITION_LOSS, 0, OUTCOME_COMPLETED },
        { REASON_CONDITION_LOSS, -EIO, 0 },
        { REASON_CONDITION_LOSS, 1, 0 },
        { REASON_ENERGY_SAVER, 0, OUTCOME_COMPLETED },
        { REASON_ENERGY_SAVER, -EIO, 0 },
        { REASON_ENERGY_SAVER, 1, 0 },
        { REASON_EXECUTION_TIME_EXCEEDED, 0, OUTCOME_TIMED_OUT },
        { REASON_EXECUTION_TIME_EXCEEDED, -EIO, OUTCOME_TIMED_OUT },
        { REASON_EXECUTION_TIME_EXCEEDED, 1, OUTCOME_TIMED_OUT },
        { REASON_USER, 0, OUTCOME_CANCELED },
        { REASON_USER, -EIO, OUTCOME_CANCELED },
        { REASON_USER, 1, OUTCOME_CANCELED },
};

static void table_6_5_says_how_a_stopping_run_ends(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(table_6_5); i++) {
                const Stop *row = &table_6_5[i];
                Driver *d = driver_new_with_package();
                Event event = { .type = EVENT_CANCEL_RUN };

                driver_level(d, CONDITION_ON_AC_POWER, 1);
                event_task(d);
                fire(d);
                event.run.run = driver_last_run(d)->run;
                event.run.reason = row->reason;
                driver_ask(d, event);
                /* The first reason stays. */
                event.run.reason = REASON_ABORT;
                driver_ask(d, event);
                assert_int_equal(d->n_cancels, 1);
                if (row->result == 1)
                        driver_server_gone(d, driver_last_server(d), true, 9);
                else
                        driver_complete(d, row->result);
                assert_int_equal(d->n_history, row->outcome != 0);
                if (row->outcome) {
                        assert_int_equal(d->history[0].outcome, row->outcome);
                        if (row->outcome == OUTCOME_CANCELED)
                                assert_int_equal(d->history[0].reason, row->reason);
                        assert_int_equal(d->history[0].result, row->result == 1 ? 0 : row->result);
                } else {
                        assert_int_equal(d->n_runs, 2);
                }
                driver_free(d);
        }
}

static void the_ladder_is_canceled_grace_sigterm_sigkill(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);

        driver_must_register(d, driver_event_spec("other", SYSTEM_TIME_ZONE_CHANGE));
        d->ignore_signals = true;
        fire(d);
        driver_cancel(d, id, REASON_ABORT);
        driver_advance(d, 5 * USEC_PER_SEC - 1);
        assert_int_equal(d->n_signals, 0);
        driver_advance(d, 1);
        assert_int_equal(d->n_signals, 1);
        assert_int_equal(d->signals[0].number, 15);
        driver_advance(d, 2 * USEC_PER_SEC);
        assert_int_equal(d->n_signals, 2);
        assert_int_equal(d->signals[1].number, 9);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_signals, 2);
        driver_server_gone(d, driver_last_server(d), true, 9);
        assert_int_equal(d->n_history, 2);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        assert_int_equal(d->history[1].outcome, OUTCOME_ABANDONED);
        driver_free(d);
}

static void a_traced_server_keeps_its_grace(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);

        d->traced = true;
        fire(d);
        driver_cancel(d, id, REASON_ABORT);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_signals, 0);
        d->traced = false;
        driver_advance(d, 5 * USEC_PER_SEC);
        assert_int_equal(d->n_signals, 1);
        driver_free(d);
}

static void a_server_that_we_did_not_launch_is_never_signalled_its_run_is_given_up(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server = driver_attach(d);
        Uuid id = event_task(d);

        driver_register_class(d, server, driver_clsid, REGCLS_MULTIPLEUSE);
        fire(d);
        driver_cancel(d, id, REASON_ABORT);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_signals, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        fire(d);
        assert_int_equal(d->n_launched, 1);
        driver_free(d);
}

static void a_server_that_became_an_app_is_not_signalled_even_in_the_middle_of_the_ladder(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_SERVER_BECAME_APP };
        Uuid id = event_task(d);

        d->ignore_signals = true;
        fire(d);
        driver_cancel(d, id, REASON_ABORT);
        driver_advance(d, 5 * USEC_PER_SEC);
        assert_int_equal(d->n_signals, 1);
        event.process.server = driver_last_server(d);
        driver_feed(d, event);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_signals, 1);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void a_canceled_starting_run_ends_at_once_or_stops_if_run_was_sent(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = event_task(d);

        d->launch = LAUNCH_HOLD;
        fire(d);
        assert_int_equal(driver_cancel(d, id, REASON_USER)->number, 1);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->n_cancels, 0);
        d->run = RUN_MODE_HOLD;
        driver_register_class(d, driver_last_server(d), driver_clsid, REGCLS_MULTIPLEUSE);
        assert_int_equal(d->n_runs, 0);
        fire(d);
        assert_int_equal(d->n_runs, 1);
        driver_cancel(d, id, REASON_USER);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->n_history, 1);
        driver_acknowledge(d);
        driver_complete(d, 3);
        assert_int_equal(d->history[1].outcome, OUTCOME_CANCELED);
        assert_int_equal(d->history[1].result, 3);
        assert_true(d->history[1].started_real_usec > 0);
        driver_free(d);
}

static void a_refusal_after_the_cancel_ends_the_run_canceled(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_RUN_REFUSED };
        Uuid id = event_task(d);

        d->run = RUN_MODE_HOLD;
        fire(d);
        driver_cancel(d, id, REASON_USER);
        event.run.server = driver_last_run(d)->server;
        event.run.run = driver_last_run(d)->run;
        event.run.attempt = 1;
        driver_feed(d, event);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        assert_int_equal(d->history[0].reason, REASON_USER);
        driver_free(d);
}

static void cancel_of_a_task_drops_its_queue_and_cancel_of_a_run_touches_that_run_only(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Event event = { .type = EVENT_CANCEL_RUN };
        Uuid id;

        spec.overlap = OVERLAP_BUFFER_ALL;
        id = driver_must_register(d, spec);
        for (unsigned i = 0; i < 4; i++)
                fire(d);
        event.run.run = driver_last_run(d)->run;
        event.run.reason = REASON_USER;
        assert_int_equal(driver_ask(d, event)->error, ERROR_NONE);
        assert_int_equal(driver_info(d, id).n_pending, 3);
        driver_complete(d, 0);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(driver_ask(d, event)->error, ERROR_NO_SUCH_RUN);
        assert_int_equal(driver_cancel(d, id, REASON_USER)->number, 3);
        assert_int_equal(d->n_history, 3);
        driver_complete(d, 0);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(d->n_history, 4);
        assert_int_equal(driver_cancel(d, UUID_NULL, REASON_USER)->error, ERROR_NO_SUCH_TASK);
        driver_free(d);
}

static void a_shutdown_cancels_all_and_starts_nothing(void **state)
{
        Driver *d = driver_new_with_package();

        event_task(d);
        driver_must_register(d, driver_spec("b"));
        fire(d);
        fire(d);
        driver_feed(d, (Event){ .type = EVENT_SHUTDOWN, .shutdown_reason = REASON_LOGGING_OFF });
        assert_int_equal(d->cancels[0].reason, REASON_LOGGING_OFF);
        assert_false(engine_is_quiet(d->engine));
        driver_complete(d, 0);
        driver_advance(d, 2 * USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        assert_true(engine_is_quiet(d->engine));
        assert_int_equal(driver_n_stored_pending(d), 1);
        driver_free(d);
}

static void a_complete_that_overtakes_the_acknowledgement_counts(void **state)
{
        Driver *d = driver_new_with_package();

        event_task(d);
        d->run = RUN_MODE_HOLD;
        fire(d);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        assert_true(d->history[0].started_real_usec > 0);
        driver_acknowledge(d);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_result_below_zero_is_failed_and_the_result_is_kept),
                cmocka_unit_test(progress_is_kept_in_the_record),
                cmocka_unit_test(the_complete_of_another_server_is_ignored),
                cmocka_unit_test(a_failed_run_is_retried_with_the_same_id_as_often_as_the_task_asked),
                cmocka_unit_test(a_run_can_name_when_it_wants_to_be_tried_again),
                cmocka_unit_test(a_server_that_goes_abandons_its_runs_or_has_them_retried),
                cmocka_unit_test(a_time_limit_cancels_and_ends_timed_out),
                cmocka_unit_test(a_time_limit_begins_again_while_the_server_is_traced),
                cmocka_unit_test(table_6_5_says_how_a_stopping_run_ends),
                cmocka_unit_test(the_ladder_is_canceled_grace_sigterm_sigkill),
                cmocka_unit_test(a_traced_server_keeps_its_grace),
                cmocka_unit_test(a_server_that_we_did_not_launch_is_never_signalled_its_run_is_given_up),
                cmocka_unit_test(a_server_that_became_an_app_is_not_signalled_even_in_the_middle_of_the_ladder),
                cmocka_unit_test(a_canceled_starting_run_ends_at_once_or_stops_if_run_was_sent),
                cmocka_unit_test(a_refusal_after_the_cancel_ends_the_run_canceled),
                cmocka_unit_test(cancel_of_a_task_drops_its_queue_and_cancel_of_a_run_touches_that_run_only),
                cmocka_unit_test(a_shutdown_cancels_all_and_starts_nothing),
                cmocka_unit_test(a_complete_that_overtakes_the_acknowledgement_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
