/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 8: what a new broker makes of what the last one left. */

#include <errno.h>

#include "engine/test-driver.h"

static TaskSpec event_spec(uint32_t conditions, uint8_t rerun)
{
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.conditions = conditions;
        spec.rerun = rerun;
        return spec;
}

static void announce(Driver *d, uint64_t server, bool with_run)
{
        Event event = { .type = EVENT_SERVER_ANNOUNCED };
        EventRun run = { driver_last_run(d)->run, driver_last_run(d)->attempt };

        event.process.server = server;
        event.process.runs = &run;
        event.process.n_runs = with_run;
        driver_feed(d, event);
}

static void a_pending_firing_is_pending_as_before_the_crash(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(CONDITION_BIT(CONDITION_ON_AC_POWER), 0));

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, false);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].attempts, 1);
        driver_free(d);
}

static Driver *crashed_while_running(Uuid *ret_id, uint32_t retry_max)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = event_spec(0, 0);

        spec.retry_max = retry_max;
        *ret_id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, false);
        assert_true(driver_why(d, *ret_id, WHY_UNCONFIRMED));
        assert_true(driver_why(d, *ret_id, WHY_RUNNING));
        assert_int_equal(d->n_runs, 1);
        return d;
}

static void a_running_run_is_confirmed_by_its_server_and_completes(void **state)
{
        Uuid id;
        Driver *d = crashed_while_running(&id, 0);

        announce(d, driver_last_server(d), true);
        assert_false(driver_why(d, id, WHY_UNCONFIRMED));
        driver_advance(d, USEC_PER_HOUR);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        assert_int_equal(d->n_signals, 0);
        driver_free(d);
}

static void a_run_that_outlived_its_broker_started_when_it_was_sent(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(0, 0));
        uint64_t started;
        RunInfo info;

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        started = d->now.real_usec;
        driver_advance(d, USEC_PER_HOUR);
        driver_restart(d, false);
        announce(d, driver_last_server(d), true);
        assert_int_equal(engine_get_runs(d->engine, id, 0, &info, 1), 1);
        assert_int_equal(info.since_real_usec, started);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].started_real_usec, started);
        assert_int_equal(d->history[0].ended_real_usec, started + USEC_PER_HOUR);
        driver_free(d);
}

static void a_result_that_its_server_still_holds_completes_it(void **state)
{
        Uuid id;
        Driver *d = crashed_while_running(&id, 0);

        driver_complete(d, 7);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        assert_int_equal(d->history[0].result, 7);
        assert_int_equal(d->n_recorded, 1);
        driver_free(d);
}

static void a_server_that_does_not_have_the_run_has_lost_it(void **state)
{
        Uuid id;
        Driver *d = crashed_while_running(&id, 0);

        announce(d, driver_last_server(d), false);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        assert_int_equal(d->history[0].detail, DETAIL_LOST);
        assert_int_equal(d->n_signals, 0);
        driver_free(d);
}

static void a_server_that_is_seen_dead_has_lost_its_run(void **state)
{
        Uuid id;
        Driver *d = crashed_while_running(&id, 1);

        driver_server_gone(d, driver_last_server(d), false, 0);
        assert_true(driver_why(d, id, WHY_WAITING_FOR_RETRY));
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_runs, 2);
        assert_true(uuid_equal(d->runs[0].run, d->runs[1].run));
        driver_free(d);
}

static void a_server_that_died_with_the_broker_has_lost_its_run_at_the_start(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, event_spec(0, 0));
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        /* Its process is not among those that are alive. */
        d->engine = engine_free(d->engine);
        assert_int_equal(engine_new(&d->config, &d->engine), 0);
        driver_forget_servers(d);
        driver_restart(d, false);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        assert_int_equal(driver_n_ledger(d), 0);
        driver_free(d);
}

static void a_silent_server_is_given_up_after_60_seconds_and_stopped(void **state)
{
        Uuid id;
        Driver *d = crashed_while_running(&id, 0);

        driver_advance(d, 60 * USEC_PER_SEC - 1);
        assert_int_equal(d->n_history, 0);
        driver_advance(d, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        assert_int_equal(d->n_signals, 1);
        driver_free(d);
}

static void a_starting_run_is_not_started_again_until_its_server_has_spoken(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(0, 0));

        d->run = RUN_MODE_HOLD;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, false);
        assert_true(driver_why(d, id, WHY_STARTING));
        assert_true(driver_why(d, id, WHY_UNCONFIRMED));
        assert_int_equal(d->n_launched, 1);
        d->run = RUN_MODE_ACK;
        announce(d, driver_last_server(d), false);
        /* Its server is there and may still register the class again. */
        assert_int_equal(d->n_launched, 1);
        driver_register_class(d, driver_last_server(d), driver_clsid, REGCLS_MULTIPLEUSE);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(driver_last_run(d)->attempt, 2);
        driver_free(d);
}

static void a_starting_run_that_its_server_has_is_running(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(0, 0));

        d->run = RUN_MODE_HOLD;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, false);
        announce(d, driver_last_server(d), true);
        assert_true(driver_why(d, id, WHY_RUNNING));
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        driver_free(d);
}

static void an_outcome_that_was_stored_drops_the_ledger(void **state)
{
        Driver *d = driver_new_with_package();
        LedgerRow row = { .attempt = 1, .server = 1, .sent = true, .acknowledged = true };
        Uuid id = driver_must_register(d, event_spec(0, 0));

        d->run = RUN_MODE_COMPLETE;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_history, 1);
        row.run = d->history[0].id;
        row.firing.task = id;
        row.firing.number = d->history[0].number;
        driver_restore(d, false);
        driver_put_ledger(d, &row);
        driver_feed(d, (Event){ .type = EVENT_RESTORE_LEDGER, .ledger_row = &row });
        driver_feed(d, (Event){ .type = EVENT_START });
        assert_int_equal(driver_n_ledger(d), 0);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void an_acceptance_that_was_not_stored_is_taken_over_from_the_ledger(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t due = driver_info(d, id).triggers[0].next_earliest_boot_usec;

        d->hold_commits = true;
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_n_stored_pending(d), 0);
        d->hold_commits = false;
        driver_restart(d, false);
        /* Not fired a second time for the same moment. */
        assert_int_equal(d->n_runs, 1);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == due + USEC_PER_HOUR);
        assert_int_equal(driver_n_stored_pending(d), 1);
        announce(d, driver_last_server(d), true);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void a_firing_that_was_neither_stored_nor_started_is_computed_again_with_the_same_id(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        uint64_t number;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        driver_advance(d, USEC_PER_HOUR);
        number = driver_info(d, id).row.last_number;
        d->hold_commits = false;
        driver_restart(d, false);
        assert_true(driver_info(d, id).row.last_number == number);
        assert_int_equal(driver_n_stored_pending(d), 1);
        driver_free(d);
}

static void after_a_reboot_a_firing_that_was_never_attempted_is_pending(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(CONDITION_BIT(CONDITION_ON_AC_POWER), RERUN_NEVER));

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, true);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        assert_true(driver_why(d, id, WHY_CONDITION_UNKNOWN));
        driver_free(d);
}

static void after_a_reboot_an_attempted_firing_runs_once_more_and_then_is_abandoned(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, event_spec(0, RERUN_DEFAULT));
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, true);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(driver_last_run(d)->attempt, 2);
        assert_true(uuid_equal(d->runs[0].run, d->runs[1].run));
        driver_restart(d, true);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        assert_int_equal(d->history[0].detail, DETAIL_LOST);
        driver_free(d);
}

static void after_a_reboot_a_periodic_timer_does_not_run_its_lost_firing_again(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_spec("a"));
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        driver_restart(d, true);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        driver_free(d);
}

static void a_one_shot_that_is_under_way_is_not_due_again_after_a_restart(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");

        spec.trigger.one_shot = true;
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_must_register(d, spec);
        driver_advance(d, USEC_PER_HOUR);
        driver_restart(d, false);
        driver_advance(d, USEC_PER_DAY);
        assert_int_equal(engine_get_counts(d->engine).n_pending, 1);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(driver_last_run(d)->count, 1);
        driver_complete(d, 0);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void expiry_and_deadline_survive_a_restart(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = event_spec(CONDITION_BIT(CONDITION_ON_AC_POWER), 0);

        spec.expires_usec = USEC_PER_HOUR;
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_advance(d, 20 * USEC_PER_MINUTE);
        driver_restart(d, false);
        driver_advance(d, 40 * USEC_PER_MINUTE - 1);
        assert_int_equal(d->n_history, 0);
        driver_advance(d, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_EXPIRED);
        driver_free(d);
}

static void a_canceled_run_is_still_canceled_after_a_crash(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = event_spec(0, 0);
        Uuid id;

        spec.retry_max = 3;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_cancel(d, id, REASON_LOGGING_OFF);
        assert_int_equal(d->n_cancels, 1);
        driver_restart(d, false);
        assert_true(driver_why(d, id, WHY_STOPPING));
        announce(d, driver_last_server(d), true);
        assert_int_equal(d->n_cancels, 2);
        assert_int_equal(d->cancels[1].reason, REASON_LOGGING_OFF);
        driver_complete(d, -ECANCELED);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        assert_int_equal(d->history[0].reason, REASON_LOGGING_OFF);
        driver_free(d);
}

static void a_canceled_run_is_stopped_although_the_broker_was_killed(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(0, 0));

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_cancel(d, id, REASON_ABORT);
        driver_restart(d, false);
        driver_advance(d, 5 * USEC_PER_SEC);
        assert_int_equal(d->n_signals, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        driver_free(d);
}

static void a_run_whose_registration_is_gone_goes_on_after_a_crash(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(0, 0));

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_unregister(d, id, false);
        for (int i = 0; i < 2; i++) {
                TaskInfo info;

                driver_restart(d, false);
                assert_false(engine_get_task(d->engine, id, &info));
                assert_int_equal(engine_list_tasks(d->engine, NULL, NULL, NULL, UUID_NULL, &info, 1), 0);
                assert_int_equal(engine_get_counts(d->engine).n_tasks, 0);
                announce(d, driver_last_server(d), true);
        }
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_runs, 1);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        assert_string_equal(d->history[0].name, "a");
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_restart(d, false);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void a_run_whose_registration_is_gone_is_not_run_again_after_a_reboot(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(0, RERUN_ONCE));

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_unregister(d, id, false);
        driver_restart(d, true);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        assert_int_equal(d->history[0].detail, DETAIL_LOST);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void a_registration_that_was_kept_for_nothing_goes_at_the_start(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, event_spec(0, 0));

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_unregister(d, id, false);
        /* The outcome is stored, the removal of the row is not. */
        d->hold_commits = true;
        driver_complete(d, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_tasks(d), 1);
        d->hold_commits = false;
        driver_restart(d, false);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void ids_are_never_given_twice_even_by_another_broker_at_the_same_moment(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid first = driver_must_register(d, driver_spec("a")), second;

        driver_unregister(d, first, false);
        driver_restart(d, false);
        second = driver_must_register(d, driver_spec("a"));
        assert_false(uuid_equal(first, second));
        driver_free(d);
}

static void rows_that_cannot_be_are_left_out(void **state)
{
        Driver *d = driver_new_with_package();
        TaskRow row = { .spec = driver_spec("a") };
        PendingRow pending = { .number = 1, .count = 1 };
        LedgerRow ledger = { .attempt = 1 };

        d->engine = engine_free(d->engine);
        assert_int_equal(engine_new(&d->config, &d->engine), 0);
        driver_feed(d, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &row });
        row.id.bytes[0] = 1;
        row.spec.trigger.period_usec = 0;
        driver_feed(d, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &row });
        row.spec = driver_spec("");
        driver_feed(d, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &row });
        driver_feed(d, (Event){ .type = EVENT_RESTORE_PENDING, .pending_row = &pending });
        driver_feed(d, (Event){ .type = EVENT_RESTORE_LEDGER, .ledger_row = &ledger });
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 0);
        /* Absurd times do no harm, and a package that is not there is only missing. */
        row.spec = driver_spec("b");
        row.anchor = (Anchor){ .boot_id = d->config.boot_id, .boot_usec = UINT64_MAX / 2, .real_usec = UINT64_MAX };
        row.last_number = UINT64_MAX;
        driver_feed(d, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &row });
        driver_feed(d, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &row });
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 1);
        d->hold_commits = true;
        driver_feed(d, (Event){ .type = EVENT_START });
        driver_advance(d, USEC_PER_DAY);
        assert_true(driver_why(d, row.id, WHY_CLASS_MISSING));
        driver_free(d);
}

static void an_announced_run_that_nobody_knows_is_canceled(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server = driver_attach(d);
        EventRun run = { { { 7 } }, 3 };
        Event event = { .type = EVENT_SERVER_ANNOUNCED };

        event.process.server = server;
        event.process.runs = &run;
        event.process.n_runs = 1;
        driver_feed(d, event);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].attempt, 3);
        event = (Event){ .type = EVENT_RUN_COMPLETED };
        event.run.server = server;
        event.run.run = run.run;
        event.run.attempt = 3;
        driver_feed(d, event);
        assert_int_equal(d->n_recorded, 1);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pending_firing_is_pending_as_before_the_crash),
                cmocka_unit_test(a_running_run_is_confirmed_by_its_server_and_completes),
                cmocka_unit_test(a_run_that_outlived_its_broker_started_when_it_was_sent),
                cmocka_unit_test(a_result_that_its_server_still_holds_completes_it),
                cmocka_unit_test(a_server_that_does_not_have_the_run_has_lost_it),
                cmocka_unit_test(a_server_that_is_seen_dead_has_lost_its_run),
                cmocka_unit_test(a_server_that_died_with_the_broker_has_lost_its_run_at_the_start),
                cmocka_unit_test(a_silent_server_is_given_up_after_60_seconds_and_stopped),
                cmocka_unit_test(a_starting_run_is_not_started_again_until_its_server_has_spoken),
                cmocka_unit_test(a_starting_run_that_its_server_has_is_running),
                cmocka_unit_test(an_outcome_that_was_stored_drops_the_ledger),
                cmocka_unit_test(an_acceptance_that_was_not_stored_is_taken_over_from_the_ledger),
                cmocka_unit_test(a_firing_that_was_neither_stored_nor_started_is_computed_again_with_the_same_id),
                cmocka_unit_test(after_a_reboot_a_firing_that_was_never_attempted_is_pending),
                cmocka_unit_test(after_a_reboot_an_attempted_firing_runs_once_more_and_then_is_abandoned),
                cmocka_unit_test(after_a_reboot_a_periodic_timer_does_not_run_its_lost_firing_again),
                cmocka_unit_test(a_one_shot_that_is_under_way_is_not_due_again_after_a_restart),
                cmocka_unit_test(expiry_and_deadline_survive_a_restart),
                cmocka_unit_test(a_canceled_run_is_still_canceled_after_a_crash),
                cmocka_unit_test(a_canceled_run_is_stopped_although_the_broker_was_killed),
                cmocka_unit_test(a_run_whose_registration_is_gone_goes_on_after_a_crash),
                cmocka_unit_test(a_run_whose_registration_is_gone_is_not_run_again_after_a_reboot),
                cmocka_unit_test(a_registration_that_was_kept_for_nothing_goes_at_the_start),
                cmocka_unit_test(ids_are_never_given_twice_even_by_another_broker_at_the_same_moment),
                cmocka_unit_test(rows_that_cannot_be_are_left_out),
                cmocka_unit_test(an_announced_run_that_nobody_knows_is_canceled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
