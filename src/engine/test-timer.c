/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 3, in an engine; and that nothing wakes while nothing is due. */

#include <errno.h>
#include <string.h>

#include "engine/test-driver.h"

static void a_timer_keeps_its_phase_however_late_it_is_woken(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t start = d->now.boot_usec;

        d->run = RUN_MODE_COMPLETE;
        d->now.boot_usec += USEC_PER_HOUR + 25 * USEC_PER_MINUTE;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_runs, 1);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == start + 2 * USEC_PER_HOUR);
        driver_free(d);
}

static void what_is_due_waits_for_a_store_that_is_behind(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        Uuid other = driver_must_register(d, driver_spec("b"));

        d->run = RUN_MODE_COMPLETE;
        d->now.boot_usec += 2 * USEC_PER_HOUR;
        effects_clear(&d->effects);
        assert_int_equal(engine_feed(d->engine, &(Event){ .type = EVENT_TICK, .time = d->now, .store_behind = true },
                                     &d->effects), 0);
        assert_int_equal(d->effects.n_items, 0);
        assert_int_equal(engine_next_wake(d->engine).boot_usec, 0);
        assert_true(driver_why(d, id, WHY_STORE_BEHIND));
        assert_int_equal(driver_unregister(d, other, false)->error, 0);
        assert_int_equal(d->n_history, 1);
        assert_true(uuid_equal(d->history[0].task, id));
        assert_int_equal(d->history[0].count, 2);
        assert_false(driver_why(d, id, WHY_STORE_BEHIND));
        driver_free(d);
}

/* More of it than the driver has room for. */
static bool launches(Driver *d, Event event)
{
        event.time = d->now;
        effects_clear(&d->effects);
        assert_int_equal(engine_feed(d->engine, &event, &d->effects), 0);
        for (size_t i = 0; i < d->effects.n_items; i++)
                if (d->effects.items[i].type == EFFECT_LAUNCH)
                        return true;
        return false;
}

static void add_without_driver(Driver *d, TaskSpec spec)
{
        Event event = { .type = EVENT_REGISTER, .reg.spec = &spec };
        Event stored = { .type = EVENT_COMMITTED };

        assert_false(launches(d, event));
        stored.committed.commit = d->effects.items[0].store.commit;
        assert_false(launches(d, stored));
}

static void a_request_does_not_wait_for_all_that_is_due(void **state)
{
        enum { N_DUE = 8000, N_TICKS = 60 };
        Driver *d = driver_new_with_package();
        Event request = { .type = EVENT_REQUEST, .token = 1 };
        TaskSpec spec = driver_spec("due");
        unsigned n = 0;

        request.task.task = driver_must_register(d, driver_request_spec("requested"));
        spec.conditions = CONDITION_BIT(CONDITION_USER_PRESENT);
        for (unsigned i = 0; i < N_DUE; i++) {
                char name[16];

                snprintf(name, sizeof name, "due-%u", i);
                spec.name = name;
                add_without_driver(d, spec);
        }
        d->now.boot_usec += 2 * USEC_PER_HOUR;
        for (unsigned i = 0; i < N_TICKS; i++)
                assert_false(launches(d, (Event){ .type = EVENT_TICK }));
        for (bool launched = launches(d, request); !launched; n++)
                launched = launches(d, (Event){ .type = EVENT_TICK });
        assert_in_range(n, 0, 2 * 1024 / 64);
        driver_free(d);
}

static void missed_times_are_one_firing_that_counts_them(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t real = d->now.real_usec;

        d->run = RUN_MODE_COMPLETE;
        d->now.boot_usec += 5 * USEC_PER_HOUR + 1;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].count, 5);
        assert_true(d->history[0].first_scheduled_real_usec == real + USEC_PER_HOUR);
        assert_true(d->history[0].scheduled_real_usec == real + 5 * USEC_PER_HOUR);
        assert_true(d->history[0].number == real + 5 * USEC_PER_HOUR);
        assert_true(uuid_equal(d->history[0].id, engine_run_id(id, d->history[0].number)));
        driver_free(d);
}

static void without_catch_up_a_late_time_is_skipped_and_leaves_no_record(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        uint64_t start = d->now.boot_usec;
        Uuid id;

        spec.catch_up = CATCH_UP_NONE;
        id = driver_must_register(d, spec);
        d->now.boot_usec += 5 * USEC_PER_HOUR + 2 * USEC_PER_MINUTE;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_launched, 0);
        assert_int_equal(d->n_ended, 0);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == start + 6 * USEC_PER_HOUR);
        driver_free(d);
}

static void catch_up_all_fires_each_missed_time_in_order_even_if_they_are_many(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        uint64_t real = d->now.real_usec;

        spec.catch_up = CATCH_UP_ALL;
        spec.catch_up_window_usec = 1000 * USEC_PER_HOUR;
        spec.overlap = OVERLAP_BUFFER_ALL;
        driver_must_register(d, spec);
        d->run = RUN_MODE_COMPLETE;
        d->now.boot_usec += 500 * USEC_PER_HOUR;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_history, 100);
        for (unsigned i = 0; i < 100; i++)
                assert_true(d->ended[i].scheduled_real_usec == real + (401 + i) * USEC_PER_HOUR);
        driver_free(d);
}

static void a_one_shot_ends_with_its_outcome_and_is_removed_by_the_same_commit(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        TaskInfo info;
        Uuid id;

        spec.trigger.one_shot = true;
        id = driver_must_register(d, spec);
        driver_advance(d, 3 * USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_last_run(d)->count, 1);
        assert_int_equal(driver_n_stored_tasks(d), 1);
        d->hold_commits = true;
        driver_complete(d, 0);
        assert_int_equal(d->n_held, 1);
        driver_answer_commits(d, 0);
        assert_false(engine_get_task(d->engine, id, &info));
        assert_int_equal(driver_n_stored_tasks(d), 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->n_notified[NOTIFY_UNREGISTERED], 1);
        driver_free(d);
}

static void a_manual_run_does_not_spend_a_one_shot(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.trigger.one_shot = true;
        id = driver_must_register(d, spec);
        d->run = RUN_MODE_COMPLETE;
        driver_run_now(d, id, false);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_tasks(d), 1);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_history, 2);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void a_missed_one_shot_without_catch_up_expires(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");

        spec.trigger.one_shot = true;
        spec.catch_up = CATCH_UP_NONE;
        driver_must_register(d, spec);
        d->now.boot_usec += USEC_PER_DAY;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_EXPIRED);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void other_one_shot_triggers_fire_once_too(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.trigger.one_shot = true;
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void a_one_shot_that_ends_while_it_is_updated_is_removed_after_the_update(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        DriverReply *reply;

        spec.trigger.one_shot = true;
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        d->hold_commits = true;
        reply = driver_register(d, spec, IF_EXISTS_UPDATE);
        driver_complete(d, 0);
        d->hold_commits = false;
        driver_settle(d);
        assert_int_equal(reply->error, ERROR_NONE);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 0);
        driver_free(d);
}

static void a_failed_unregister_does_not_save_a_one_shot_that_has_ended(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        DriverReply *reply;
        Uuid id;

        spec.trigger.one_shot = true;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        d->hold_commits = true;
        reply = driver_unregister(d, id, false);
        driver_complete(d, 0);
        driver_answer_commits(d, -EIO);
        assert_int_equal(reply->error, ERROR_STORE_FAILED);
        d->hold_commits = false;
        driver_settle(d);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void a_firing_that_ended_before_its_task_became_a_one_shot_removes_nothing(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        DriverReply *update, *unregister;
        uint64_t first;

        driver_must_register(d, spec);
        d->hold_commits = true;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        spec.trigger = (Trigger){ .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "x", .one_shot = true };
        update = driver_register(d, spec, IF_EXISTS_UPDATE);
        driver_complete(d, 0);
        /* The update is answered before the row of the firing, which fails. */
        first = d->held[0];
        memmove(d->held, d->held + 1, --d->n_held * sizeof d->held[0]);
        driver_answer_commits(d, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(update->error, ERROR_NONE);
        d->held[d->n_held++] = first;
        driver_answer_commits(d, -EIO);
        unregister = driver_unregister(d, update->id, false);
        driver_answer_commits(d, -EIO);
        assert_int_equal(unregister->error, ERROR_STORE_FAILED);
        for (unsigned i = 0; i < 4; i++)
                driver_answer_commits(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_tasks(d), 1);
        driver_free(d);
}

static void a_clock_step_changes_nothing_for_anchors_of_this_boot(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t due = driver_info(d, id).triggers[0].next_earliest_boot_usec;

        d->now.real_usec += 1000 * USEC_PER_DAY;
        driver_feed(d, (Event){ .type = EVENT_CLOCK_STEPPED });
        assert_int_equal(d->n_launched, 0);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == due);
        d->now.real_usec -= 2000 * USEC_PER_DAY;
        driver_feed(d, (Event){ .type = EVENT_CLOCK_STEPPED });
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == due);
        driver_free(d);
}

static void after_a_reboot_elapsed_time_follows_the_wall_clock_until_the_first_firing(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        driver_advance(d, 10 * USEC_PER_MINUTE);
        d->now.real_usec += 20 * USEC_PER_MINUTE; /* the machine was off */
        driver_restart(d, true);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == d->now.boot_usec + 30 * USEC_PER_MINUTE);
        /* The clock was wrong: it was an hour and a half. */
        d->now.real_usec += 60 * USEC_PER_MINUTE;
        d->run = RUN_MODE_COMPLETE;
        driver_feed(d, (Event){ .type = EVENT_CLOCK_STEPPED });
        assert_int_equal(d->n_history, 1);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == d->now.boot_usec + 30 * USEC_PER_MINUTE);
        d->now.real_usec += 60 * USEC_PER_MINUTE;
        driver_feed(d, (Event){ .type = EVENT_CLOCK_STEPPED });
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void a_wall_clock_that_went_back_over_a_reboot_starts_the_interval_again(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        driver_advance(d, 10 * USEC_PER_MINUTE);
        d->now.real_usec = 5 * USEC_PER_DAY; /* 1970 */
        driver_restart(d, true);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == d->now.boot_usec + USEC_PER_HOUR);
        driver_free(d);
}

static void numbers_never_go_down_when_the_wall_clock_does(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t first;

        d->run = RUN_MODE_COMPLETE;
        driver_advance(d, USEC_PER_HOUR);
        first = d->history[0].number;
        driver_run_now(d, id, false);
        assert_true(d->history[1].number == first + 1);
        driver_free(d);
}

static void a_window_lets_many_timers_share_one_wake_up(void **state)
{
        Driver *d = driver_new_with_package();
        unsigned n_wakes = 0;

        for (unsigned i = 0; i < 26; i++) {
                char name[] = { (char)('a' + i), '\0' };
                TaskSpec spec = driver_spec(name);

                spec.trigger.window_usec = 10 * USEC_PER_MINUTE;
                driver_must_register(d, spec);
                d->now.boot_usec += 7 * USEC_PER_SEC;
                d->now.mono_usec += 7 * USEC_PER_SEC;
        }
        d->run = RUN_MODE_COMPLETE;
        while (d->n_runs < 26) {
                uint64_t next = engine_next_wake(d->engine).boot_usec;

                assert_true(next > d->now.boot_usec && next != USEC_INFINITY);
                d->now.boot_usec = next;
                driver_feed(d, (Event){ .type = EVENT_TICK });
                n_wakes++;
        }
        assert_int_equal(n_wakes, 1);
        driver_free(d);
}

static void the_earliest_latest_moment_decides_however_timers_come_and_go(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec wide = driver_spec("wide"), narrow = driver_spec("narrow");
        uint64_t start = d->now.boot_usec;
        Uuid id;

        wide.trigger.window_usec = USEC_PER_HOUR;
        driver_must_register(d, wide);
        assert_true(engine_next_wake(d->engine).boot_usec > start + USEC_PER_HOUR + 59 * USEC_PER_MINUTE);
        narrow.trigger.period_usec = USEC_PER_HOUR + USEC_PER_SEC;
        id = driver_must_register(d, narrow);
        assert_true(engine_next_wake(d->engine).boot_usec == start + USEC_PER_HOUR + USEC_PER_SEC);
        driver_unregister(d, id, false);
        assert_true(engine_next_wake(d->engine).boot_usec > start + USEC_PER_HOUR + 59 * USEC_PER_MINUTE);
        driver_free(d);
}

static void nothing_is_woken_for_when_nothing_is_due(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        EngineTime next;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        next = engine_next_wake(d->engine);
        assert_true(next.boot_usec == USEC_INFINITY);
        assert_true(next.mono_usec == USEC_INFINITY);
        assert_true(next.real_usec == USEC_INFINITY);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        next = engine_next_wake(d->engine);
        assert_true(next.boot_usec == USEC_INFINITY);
        assert_true(next.mono_usec == USEC_INFINITY);
        driver_free(d);
}

static void a_maintenance_task_waits_for_power_and_is_aborted_when_it_is_lost(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.trigger = (Trigger){ .kind = TRIGGER_MAINTENANCE, .period_usec = 15 * USEC_PER_MINUTE };
        id = driver_must_register(d, spec);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_launched, 0);
        assert_true(driver_why(d, id, WHY_CONDITION_FALSE));
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(d->n_runs, 1);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, 2 * USEC_PER_SEC - 1);
        assert_int_equal(d->n_cancels, 0);
        driver_advance(d, 1);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].reason, REASON_ABORT);
        driver_free(d);
}

static void time_that_goes_backwards_on_the_boot_clock_is_taken_as_standing_still(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_spec("a"));
        driver_advance(d, USEC_PER_MINUTE);
        d->now.boot_usec -= USEC_PER_DAY;
        d->now.mono_usec -= USEC_PER_DAY;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_launched, 0);
        d->now.boot_usec += USEC_PER_DAY + USEC_PER_HOUR;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        assert_int_equal(d->n_launched, 1);
        driver_free(d);
}

static void many_timers_that_are_due_at_once_are_fired_a_share_at_a_time(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec;

        for (unsigned i = 0; i < 200; i++) {
                char name[] = { (char)('a' + i % 26), (char)('a' + i / 26), '\0' };

                spec = driver_spec(name);
                spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
                driver_must_register(d, spec);
        }
        d->now.boot_usec += USEC_PER_HOUR;
        d->hold_commits = true;
        effects_clear(&d->effects);
        assert_int_equal(engine_feed(d->engine, &(Event){ .type = EVENT_TICK, .time = d->now }, &d->effects), 0);
        assert_int_equal(engine_get_counts(d->engine).n_pending, 64);
        assert_true(engine_next_wake(d->engine).boot_usec == 0);
        for (unsigned i = 0; i < 20; i++) {
                effects_clear(&d->effects);
                engine_feed(d->engine, &(Event){ .type = EVENT_TICK, .time = d->now }, &d->effects);
        }
        assert_int_equal(engine_get_counts(d->engine).n_pending, 200);
        assert_true(engine_next_wake(d->engine).boot_usec > d->now.boot_usec);
        driver_free(d);
}

static uint64_t bad_commit;

static int all_but_one_are_good(Driver *d, uint64_t commit)
{
        return commit == bad_commit ? -EIO : 0;
}

static void a_time_that_was_taken_back_comes_after_a_crash_although_another_commit_had_it(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        bad_commit = d->held[0];
        d->commit = all_but_one_are_good;
        driver_pause(d, id, true);
        d->hold_commits = false;
        driver_settle(d);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        driver_restart(d, false);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_timer_keeps_its_phase_however_late_it_is_woken),
                cmocka_unit_test(what_is_due_waits_for_a_store_that_is_behind),
                cmocka_unit_test(a_request_does_not_wait_for_all_that_is_due),
                cmocka_unit_test(missed_times_are_one_firing_that_counts_them),
                cmocka_unit_test(without_catch_up_a_late_time_is_skipped_and_leaves_no_record),
                cmocka_unit_test(catch_up_all_fires_each_missed_time_in_order_even_if_they_are_many),
                cmocka_unit_test(a_one_shot_ends_with_its_outcome_and_is_removed_by_the_same_commit),
                cmocka_unit_test(a_manual_run_does_not_spend_a_one_shot),
                cmocka_unit_test(a_missed_one_shot_without_catch_up_expires),
                cmocka_unit_test(other_one_shot_triggers_fire_once_too),
                cmocka_unit_test(a_one_shot_that_ends_while_it_is_updated_is_removed_after_the_update),
                cmocka_unit_test(a_failed_unregister_does_not_save_a_one_shot_that_has_ended),
                cmocka_unit_test(a_firing_that_ended_before_its_task_became_a_one_shot_removes_nothing),
                cmocka_unit_test(a_clock_step_changes_nothing_for_anchors_of_this_boot),
                cmocka_unit_test(after_a_reboot_elapsed_time_follows_the_wall_clock_until_the_first_firing),
                cmocka_unit_test(a_wall_clock_that_went_back_over_a_reboot_starts_the_interval_again),
                cmocka_unit_test(numbers_never_go_down_when_the_wall_clock_does),
                cmocka_unit_test(a_window_lets_many_timers_share_one_wake_up),
                cmocka_unit_test(the_earliest_latest_moment_decides_however_timers_come_and_go),
                cmocka_unit_test(nothing_is_woken_for_when_nothing_is_due),
                cmocka_unit_test(a_maintenance_task_waits_for_power_and_is_aborted_when_it_is_lost),
                cmocka_unit_test(time_that_goes_backwards_on_the_boot_clock_is_taken_as_standing_still),
                cmocka_unit_test(many_timers_that_are_due_at_once_are_fired_a_share_at_a_time),
                cmocka_unit_test(a_time_that_was_taken_back_comes_after_a_crash_although_another_commit_had_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
