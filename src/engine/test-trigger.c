/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, 3.10: several triggers of one task. */

#include <errno.h>
#include <string.h>

#include "engine/test-driver.h"

static const Trigger hourly = { .kind = TRIGGER_INTERVAL, .period_usec = USEC_PER_HOUR };
static const Trigger each_40_min = { .kind = TRIGGER_INTERVAL, .period_usec = 40 * USEC_PER_MINUTE };
static const Trigger zone_change = { .kind = TRIGGER_SYSTEM, .system_type = SYSTEM_TIME_ZONE_CHANGE };
static const Trigger on_request = { .kind = TRIGGER_APPLICATION };
static const Trigger a_moment_later = { .kind = TRIGGER_INTERVAL, .period_usec = 40 * USEC_PER_MINUTE + 1 };
static const Trigger calendar_hourly = { .kind = TRIGGER_CALENDAR, .text = "hourly UTC" };
static const Trigger custom_x = { .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "x" };
static const Trigger files_f = { .kind = TRIGGER_STORAGE_CONTENT_CHANGED, .text = "f" };

/* The further triggers stay where they are until the next call. */
static TaskSpec with_triggers(const Trigger *triggers, size_t n)
{
        TaskSpec spec = driver_spec("a");

        spec.trigger = triggers[0];
        spec.more = triggers + 1;
        spec.n_more = (uint32_t)(n - 1);
        return spec;
}
#define WITH(...) with_triggers((const Trigger[]){ __VA_ARGS__ }, ELEMENTSOF(((const Trigger[]){ __VA_ARGS__ })))

static void raise_text(Driver *d, uint8_t kind, const char *text, const char *details, size_t n)
{
        driver_feed(d, (Event){ .type = EVENT_RAISE, .raise = { .kind = kind, .text = text, .details = details,
                                                                .n_details = n } });
}

static RunInfo first_run(const Driver *d, Uuid task)
{
        RunInfo info = { 0 };

        assert_int_equal(engine_get_runs(d->engine, task, 0, &info, 1), 1);
        return info;
}

static void any_of_several_triggers_fires_the_task_and_the_firing_names_it(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, WITH(hourly, zone_change, on_request));

        d->run = RUN_MODE_COMPLETE;
        driver_advance(d, USEC_PER_HOUR);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_request(d, id)->result, RESULT_ALLOWED);
        assert_int_equal(d->n_history, 3);
        assert_int_equal(d->history[0].trigger, 0);
        assert_int_equal(d->history[0].trigger_kind, TRIGGER_INTERVAL);
        assert_int_equal(d->history[0].fired_by, FIRED_BY_TIMER);
        assert_int_equal(d->history[1].trigger, 1);
        assert_int_equal(d->history[1].trigger_kind, TRIGGER_SYSTEM);
        assert_int_equal(d->history[1].fired_by, FIRED_BY_EVENT);
        assert_int_equal(d->history[2].trigger, 2);
        assert_int_equal(d->history[2].trigger_kind, TRIGGER_APPLICATION);
        assert_int_equal(d->history[2].fired_by, FIRED_BY_REQUEST);
        driver_free(d);
}

static void each_timer_has_a_phase_of_its_own_that_survives_a_restart(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t start = d->now.boot_usec;
        Uuid id = driver_must_register(d, WITH(hourly, each_40_min));

        d->run = RUN_MODE_COMPLETE;
        driver_advance(d, 45 * USEC_PER_MINUTE);
        assert_int_equal(d->n_history, 1);
        for (unsigned i = 0; i < 2; i++) {
                TaskInfo info = driver_info(d, id);

                assert_int_equal(info.row.spec.n_more, 1);
                assert_true(info.triggers[0].next_earliest_boot_usec == start + USEC_PER_HOUR);
                assert_true(info.triggers[1].next_earliest_boot_usec == start + 80 * USEC_PER_MINUTE);
                driver_restart(d, false);
        }
        driver_advance(d, 40 * USEC_PER_MINUTE);
        assert_int_equal(d->n_history, 3);
        assert_int_equal(d->history[1].trigger, 0);
        assert_int_equal(d->history[2].trigger, 1);
        driver_free(d);
}

static void what_the_triggers_of_a_latched_task_fire_becomes_one_run_of_the_newest(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = WITH(hourly, zone_change);
        RunInfo run;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        driver_advance(d, 3 * USEC_PER_HOUR);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        run = first_run(d, id);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        assert_int_equal(run.count, 4);
        assert_int_equal(run.place, 1);
        assert_int_equal(run.trigger.kind, TRIGGER_SYSTEM);
        assert_int_equal(run.fired_by, FIRED_BY_EVENT);
        d->run = RUN_MODE_COMPLETE;
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void firings_with_details_of_their_own_are_merged_with_their_own_trigger_only(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = WITH(files_f, hourly, on_request, custom_x);
        RunInfo runs[5];
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        raise_text(d, TRIGGER_STORAGE_CONTENT_CHANGED, "f", "a", 2);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_request(d, id)->result, RESULT_ALLOWED);
        raise_text(d, TRIGGER_CUSTOM_SYSTEM_EVENT, "x", "1", 2);
        raise_text(d, TRIGGER_STORAGE_CONTENT_CHANGED, "f", "b", 2);
        assert_int_equal(driver_request(d, id)->result, RESULT_CURRENTLY_RUNNING);
        assert_int_equal(engine_get_runs(d->engine, id, 0, runs, 5), 4);
        assert_int_equal(runs[0].place, 0);
        assert_int_equal(runs[0].count, 2);
        assert_memory_equal(runs[0].details, "a\0b", 4);
        assert_int_equal(runs[1].place, 1);
        assert_int_equal(runs[2].place, 2);
        assert_int_equal(runs[3].place, 3);
        assert_memory_equal(runs[3].details, "1", 2);
        driver_free(d);
}

static void a_timer_of_a_running_task_is_dropped_and_an_event_waits(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, WITH(hourly, zone_change));

        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_info(d, id).n_live, 1);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].detail, DETAIL_OVERLAP);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        driver_free(d);
}

static void the_firing_of_a_one_shot_is_the_last_whatever_the_other_triggers_are(void **state)
{
        Driver *d = driver_new_with_package();
        Trigger once = each_40_min;
        Uuid id;

        once.one_shot = true;
        id = driver_must_register(d, WITH(hourly, once, zone_change));
        driver_advance(d, 40 * USEC_PER_MINUTE);
        assert_int_equal(driver_info(d, id).n_live, 1);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == USEC_INFINITY);
        driver_restart(d, false);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].trigger, 1);
        driver_free(d);
}

static void another_trigger_may_fire_while_the_one_shot_has_not(void **state)
{
        Driver *d = driver_new_with_package();
        Trigger once = hourly;

        once.one_shot = true;
        driver_must_register(d, WITH(once, each_40_min));
        d->run = RUN_MODE_COMPLETE;
        driver_advance(d, 50 * USEC_PER_MINUTE);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_tasks(d), 1);
        driver_advance(d, 20 * USEC_PER_MINUTE);
        assert_int_equal(d->n_history, 2);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void one_maintenance_trigger_makes_ac_power_a_condition_of_every_firing(void **state)
{
        Driver *d = driver_new_with_package();
        Trigger maintenance = { .kind = TRIGGER_MAINTENANCE, .period_usec = USEC_PER_HOUR };
        Uuid id = driver_must_register(d, WITH(on_request, maintenance));

        assert_int_equal(driver_request(d, id)->result, RESULT_ALLOWED);
        assert_int_equal(d->n_runs, 0);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(d->n_runs, 1);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, 3 * USEC_PER_SEC);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].reason, REASON_ABORT);
        driver_free(d);
}

static void a_device_is_not_used_while_the_battery_is_low(void **state)
{
        static const Trigger on_use = { .kind = TRIGGER_DEVICE_USE };
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, WITH(hourly, on_use));

        assert_int_equal(engine_get_needs(d->engine).conditions, CONDITION_BIT(CONDITION_BATTERY_NOT_LOW));
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 0);
        assert_int_equal(driver_request(d, id)->result, RESULT_LOW_BATTERY);
        assert_int_equal(d->n_runs + d->n_history, 0);
        /* Its other trigger does not mind. */
        d->run = RUN_MODE_COMPLETE;
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_history, 1);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        assert_int_equal(driver_request(d, id)->result, RESULT_ALLOWED);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, -1);
        assert_int_equal(driver_request(d, id)->result, RESULT_ALLOWED);
        assert_int_equal(d->n_history, 3);
        driver_free(d);
}

static void an_update_keeps_the_phase_of_a_trigger_wherever_it_stands(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t start = d->now.boot_usec, updated;
        Uuid id = driver_must_register(d, WITH(hourly, each_40_min, zone_change));
        TaskInfo info;

        driver_advance(d, 10 * USEC_PER_MINUTE);
        updated = d->now.boot_usec;
        assert_int_equal(driver_register(d, WITH(on_request, each_40_min, hourly), IF_EXISTS_UPDATE)->error,
                         ERROR_NONE);
        info = driver_info(d, id);
        assert_int_equal(info.row.spec.n_more, 2);
        assert_true(info.triggers[1].next_earliest_boot_usec == start + 40 * USEC_PER_MINUTE);
        assert_true(info.triggers[2].next_earliest_boot_usec == start + USEC_PER_HOUR);
        /* The hourly one goes on in front, so the new one behind it is new. */
        driver_register(d, WITH(hourly, (Trigger){ .kind = TRIGGER_INTERVAL, .period_usec = 2 * USEC_PER_HOUR },
                                custom_x), IF_EXISTS_UPDATE);
        info = driver_info(d, id);
        assert_true(info.triggers[0].next_earliest_boot_usec == start + USEC_PER_HOUR);
        assert_true(info.triggers[1].next_earliest_boot_usec == start + 2 * USEC_PER_HOUR);
        driver_register(d, WITH(custom_x), IF_EXISTS_UPDATE);
        driver_advance(d, 5 * USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 0);
        assert_true(updated > start);
        driver_free(d);
}

static void lists_of_triggers_that_cannot_be_are_refused(void **state)
{
        Driver *d = driver_new_with_package();
        Trigger many[TRIGGERS_MAX + 1], too_short = { .kind = TRIGGER_TIME, .period_usec = USEC_PER_MINUTE };

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = (Trigger){ .kind = TRIGGER_INTERVAL, .period_usec = (i + 1) * USEC_PER_HOUR };
        assert_int_equal(driver_register(d, with_triggers(many, TRIGGERS_MAX + 1), IF_EXISTS_FAIL)->error,
                         ERROR_INVALID_ARGUMENT);
        assert_int_equal(driver_register(d, WITH(hourly, zone_change, hourly), IF_EXISTS_FAIL)->error,
                         ERROR_INVALID_ARGUMENT);
        assert_int_equal(driver_register(d, WITH(hourly, (Trigger){ 0 }), IF_EXISTS_FAIL)->error, ERROR_NO_TRIGGER);
        assert_int_equal(driver_register(d, WITH(hourly, too_short), IF_EXISTS_FAIL)->error, ERROR_TRIGGER_TOO_SHORT);
        assert_int_equal(driver_register(d, with_triggers(many, TRIGGERS_MAX), IF_EXISTS_FAIL)->error, ERROR_NONE);
        driver_free(d);
}

static void a_firing_that_another_trigger_was_merged_into_is_kept_when_it_cannot_be_stored(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = WITH(hourly, zone_change);
        RunInfo run;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        driver_advance(d, USEC_PER_HOUR);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_answer_commits(d, -EIO);
        d->hold_commits = false;
        driver_advance(d, 2 * USEC_PER_MINUTE);
        run = first_run(d, id);
        assert_int_equal(run.count, 2);
        assert_int_equal(run.place, 1);
        assert_int_equal(driver_n_stored_pending(d), 1);
        driver_free(d);
}

static void the_next_firing_of_whichever_trigger_is_skipped(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, WITH(on_request, hourly, zone_change));

        d->run = RUN_MODE_COMPLETE;
        assert_int_equal(driver_skip(d, id, true)->error, ERROR_NONE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->history[0].detail, DETAIL_SKIPPED);
        assert_int_equal(d->history[0].trigger, 2);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        driver_free(d);
}

static void why_names_what_each_trigger_waits_for(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, WITH(hourly, zone_change, each_40_min));
        Why reasons[ENGINE_WHY_MAX];

        assert_int_equal(engine_get_why(d->engine, id, reasons), 3);
        for (uint8_t i = 0; i < 3; i++) {
                assert_int_equal(reasons[i].code, i == 1 ? WHY_WAITING_FOR_TRIGGER : WHY_WAITING_FOR_TIME);
                assert_int_equal(reasons[i].trigger, i);
        }
        assert_true(reasons[2].until_boot_usec == d->now.boot_usec + 40 * USEC_PER_MINUTE);
        driver_free(d);
}

static void why_names_the_trigger_whose_firing_waits_or_runs(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = WITH(hourly, zone_change);
        Why reasons[ENGINE_WHY_MAX];
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(engine_get_why(d->engine, id, reasons), 1);
        assert_int_equal(reasons[0].code, WHY_CONDITION_UNKNOWN);
        assert_true(reasons[0].of_trigger);
        assert_int_equal(reasons[0].trigger, 1);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(engine_get_why(d->engine, id, reasons), 1);
        assert_int_equal(reasons[0].code, WHY_RUNNING);
        assert_true(reasons[0].of_trigger);
        assert_int_equal(reasons[0].trigger, 1);
        driver_free(d);
}

static void why_names_no_trigger_of_what_a_person_started(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, WITH(hourly, zone_change));
        Why reasons[ENGINE_WHY_MAX];

        driver_run_now(d, id, true);
        assert_int_equal(engine_get_why(d->engine, id, reasons), 1);
        assert_int_equal(reasons[0].code, WHY_RUNNING);
        assert_false(reasons[0].of_trigger);
        driver_free(d);
}

static void an_event_for_one_task_fires_the_trigger_that_waits_for_it_and_no_other_task(void **state)
{
        static const Trigger sockets = { .kind = TRIGGER_SOCKET_ACTIVITY, .text = "transferred" };
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_RAISE, .raise = { .kind = TRIGGER_SOCKET_ACTIVITY, .text = "transferred",
                                                        .details = "a\tx", .n_details = 4 } };
        TaskSpec spec = driver_spec("a");
        Uuid first, second;

        spec.trigger = sockets;
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        first = driver_must_register(d, spec);
        spec = WITH(custom_x, sockets);
        spec.name = "b";
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        second = driver_must_register(d, spec);
        event.raise.task = second;
        driver_feed(d, event);
        assert_int_equal(driver_info(d, first).n_pending, 0);
        assert_int_equal(first_run(d, second).place, 1);
        event.raise.details = "b\tx";
        driver_feed(d, event);
        assert_int_equal(first_run(d, second).count, 2);
        assert_int_equal(first_run(d, second).n_details, 8);
        event.raise.task = (Uuid){ { 1 } };
        driver_feed(d, event);
        event.raise.task = first;
        event.raise.text = "elsewhere";
        driver_feed(d, event);
        assert_int_equal(driver_info(d, first).n_pending, 0);
        driver_free(d);
}

static void an_event_for_one_task_fires_each_of_its_triggers_that_wait_for_it(void **state)
{
        static const Trigger once = { .kind = TRIGGER_SOCKET_ACTIVITY, .text = "transferred", .one_shot = true };
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_RAISE, .raise = { .kind = TRIGGER_SOCKET_ACTIVITY, .text = "transferred",
                                                        .details = "a\tx", .n_details = 4 } };
        TaskSpec spec = driver_spec("a");
        Uuid between, both;

        spec.trigger = once;
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        between = driver_must_register(d, spec);
        spec = WITH(once, once);
        spec.trigger.one_shot = false;
        spec.name = "b";
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        both = driver_must_register(d, spec);
        event.raise.task = both;
        driver_feed(d, event);
        assert_int_equal(driver_info(d, both).n_pending, 2);
        assert_int_equal(driver_info(d, between).n_pending, 0);
        driver_free(d);
}

static void what_one_trigger_listens_to_is_forgotten_with_its_task(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, WITH(custom_x, files_f, zone_change,
                                               (Trigger){ .kind = TRIGGER_SYSTEM,
                                                          .system_type = SYSTEM_INTERNET_AVAILABLE }));

        assert_true(engine_get_needs(d->engine).system_types & 1u << SYSTEM_TIME_ZONE_CHANGE);
        assert_true(engine_get_needs(d->engine).conditions & CONDITION_BIT(CONDITION_INTERNET_AVAILABLE));
        driver_unregister(d, id, false);
        assert_int_equal(engine_get_needs(d->engine).system_types & 1u << SYSTEM_TIME_ZONE_CHANGE, 0);
        assert_int_equal(engine_get_needs(d->engine).conditions, 0);
        raise_text(d, TRIGGER_CUSTOM_SYSTEM_EVENT, "x", "1", 2);
        raise_text(d, TRIGGER_STORAGE_CONTENT_CHANGED, "f", "a", 2);
        assert_int_equal(d->n_runs, 0);
        driver_free(d);
}

/* The machine sleeps, or nobody looks, and then all that is due is due at one moment. */
static void leap(Driver *d, uint64_t usec)
{
        d->now.boot_usec += usec;
        d->now.real_usec += usec;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        driver_settle(d);
}

/* Places of the triggers in the order of their firings: "10" is the second, then the first. */
static const char *places(const Driver *d)
{
        static char text[DRIVER_MAX + 1];

        for (size_t i = 0; i < d->n_history; i++)
                text[i] = (char)('0' + d->history[i].trigger);
        text[d->n_history] = '\0';
        return text;
}

static Driver *driver_that_completes(void)
{
        Driver *d = driver_new_with_package();

        d->run = RUN_MODE_COMPLETE;
        return d;
}

static void what_is_due_at_one_moment_fires_by_its_first_scheduled_time(void **state)
{
        Driver *d = driver_that_completes();
        TaskSpec spec = WITH(hourly, each_40_min);

        spec.overlap = OVERLAP_PARALLEL;
        driver_must_register(d, spec);
        leap(d, 125 * USEC_PER_MINUTE);
        assert_string_equal(places(d), "10");
        driver_free(d);
}

static void of_equal_times_that_of_the_first_place_fires_first(void **state)
{
        Driver *d = driver_that_completes();
        TaskSpec spec = WITH(hourly, each_40_min);

        spec.overlap = OVERLAP_PARALLEL;
        driver_must_register(d, spec);
        leap(d, 119 * USEC_PER_MINUTE);
        assert_string_equal(places(d), "10");
        leap(d, USEC_PER_MINUTE);
        assert_string_equal(places(d), "1001");
        driver_free(d);
}

static void what_catch_up_all_leaves_is_due_still(void **state)
{
        Driver *d = driver_that_completes();
        TaskSpec spec = WITH(hourly, each_40_min);

        spec.overlap = OVERLAP_PARALLEL;
        spec.catch_up = CATCH_UP_ALL;
        spec.catch_up_window_usec = USEC_PER_DAY;
        driver_must_register(d, spec);
        leap(d, 125 * USEC_PER_MINUTE);
        assert_string_equal(places(d), "10101");
        driver_free(d);
}

static void what_is_left_behind_a_skip_is_due_still(void **state)
{
        Driver *d = driver_that_completes();
        TaskSpec spec = WITH(hourly, each_40_min);
        Uuid id;

        spec.overlap = OVERLAP_PARALLEL;
        spec.catch_up = CATCH_UP_ALL;
        spec.catch_up_window_usec = USEC_PER_DAY;
        id = driver_must_register(d, spec);
        driver_skip(d, id, true);
        leap(d, 81 * USEC_PER_MINUTE);
        assert_string_equal(places(d), "101");
        assert_int_equal(d->history[0].outcome, OUTCOME_NOT_STARTED);
        assert_int_equal(d->history[1].outcome, OUTCOME_COMPLETED);
        driver_free(d);
}

static void calendars_fire_behind_the_others_and_events_behind_both(void **state)
{
        Driver *d = driver_that_completes();
        TaskSpec spec = WITH(calendar_hourly, zone_change, each_40_min);
        uint64_t to_the_hour;

        spec.overlap = OVERLAP_PARALLEL;
        driver_must_register(d, spec);
        /* The hour of the calendar is before the end of the interval. */
        to_the_hour = USEC_PER_HOUR - d->now.real_usec % USEC_PER_HOUR;
        assert_true(to_the_hour < 2 * USEC_PER_HOUR);
        d->now.boot_usec += 2 * USEC_PER_HOUR;
        d->now.real_usec += 2 * USEC_PER_HOUR;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_settle(d);
        assert_string_equal(places(d), "201");
        driver_free(d);
}

static void one_that_was_put_off_still_comes_by_its_scheduled_time(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = WITH(each_40_min, a_moment_later);
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        d->commit_error = -EIO;
        leap(d, 40 * USEC_PER_MINUTE);
        d->commit_error = 0;
        assert_int_equal(driver_info(d, id).n_pending, 0);
        leap(d, 2 * USEC_PER_MINUTE);
        /* The newest of what was merged is what came last. */
        assert_int_equal(first_run(d, id).count, 2);
        assert_int_equal(first_run(d, id).place, 1);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_of_several_triggers_fires_the_task_and_the_firing_names_it),
                cmocka_unit_test(each_timer_has_a_phase_of_its_own_that_survives_a_restart),
                cmocka_unit_test(what_the_triggers_of_a_latched_task_fire_becomes_one_run_of_the_newest),
                cmocka_unit_test(firings_with_details_of_their_own_are_merged_with_their_own_trigger_only),
                cmocka_unit_test(a_timer_of_a_running_task_is_dropped_and_an_event_waits),
                cmocka_unit_test(the_firing_of_a_one_shot_is_the_last_whatever_the_other_triggers_are),
                cmocka_unit_test(another_trigger_may_fire_while_the_one_shot_has_not),
                cmocka_unit_test(a_device_is_not_used_while_the_battery_is_low),
                cmocka_unit_test(one_maintenance_trigger_makes_ac_power_a_condition_of_every_firing),
                cmocka_unit_test(an_update_keeps_the_phase_of_a_trigger_wherever_it_stands),
                cmocka_unit_test(lists_of_triggers_that_cannot_be_are_refused),
                cmocka_unit_test(a_firing_that_another_trigger_was_merged_into_is_kept_when_it_cannot_be_stored),
                cmocka_unit_test(the_next_firing_of_whichever_trigger_is_skipped),
                cmocka_unit_test(why_names_what_each_trigger_waits_for),
                cmocka_unit_test(why_names_the_trigger_whose_firing_waits_or_runs),
                cmocka_unit_test(why_names_no_trigger_of_what_a_person_started),
                cmocka_unit_test(an_event_for_one_task_fires_the_trigger_that_waits_for_it_and_no_other_task),
                cmocka_unit_test(an_event_for_one_task_fires_each_of_its_triggers_that_wait_for_it),
                cmocka_unit_test(what_one_trigger_listens_to_is_forgotten_with_its_task),
                cmocka_unit_test(what_is_due_at_one_moment_fires_by_its_first_scheduled_time),
                cmocka_unit_test(of_equal_times_that_of_the_first_place_fires_first),
                cmocka_unit_test(what_catch_up_all_leaves_is_due_still),
                cmocka_unit_test(what_is_left_behind_a_skip_is_due_still),
                cmocka_unit_test(calendars_fire_behind_the_others_and_events_behind_both),
                cmocka_unit_test(one_that_was_put_off_still_comes_by_its_scheduled_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
