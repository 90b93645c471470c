/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 11: every registration that does not run says why. */

#include <errno.h>

#include "engine/test-driver.h"

static Why why_of(const Driver *d, Uuid task, uint8_t code)
{
        Why reasons[ENGINE_WHY_MAX];
        size_t n = engine_get_why(d->engine, task, reasons);

        for (size_t i = 0; i < n; i++)
                if (reasons[i].code == code)
                        return reasons[i];
        fail_msg("not among the reasons: %s", term_name(TERM_WHY, code));
        return (Why){ 0 };
}

static void a_timer_names_its_earliest_and_latest_moment(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        uint64_t registered = d->now.real_usec;
        Uuid id;
        Why why;

        spec.trigger.window_usec = USEC_PER_MINUTE;
        id = driver_must_register(d, spec);
        why = why_of(d, id, WHY_WAITING_FOR_TIME);
        assert_true(why.until_boot_usec == d->now.boot_usec + USEC_PER_HOUR);
        assert_true(why.latest_boot_usec == why.until_boot_usec + USEC_PER_MINUTE);
        assert_true(why.since_real_usec == registered);
        d->run = RUN_MODE_COMPLETE;
        driver_advance(d, USEC_PER_HOUR + USEC_PER_MINUTE);
        why = why_of(d, id, WHY_WAITING_FOR_TIME);
        assert_true(why.since_real_usec == registered + USEC_PER_HOUR);
        driver_free(d);
}

static void all_gates_that_are_closed_are_named_and_not_only_the_first(void **state)
{
        EngineLimits limits = engine_default_limits;
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Why reasons[ENGINE_WHY_MAX], why;
        Driver *d;
        Uuid id;

        limits.live_runs = 1;
        limits.starts_per_window = 1;
        d = driver_new(&limits);
        driver_install(d, DRIVER_PACKAGE, 1);
        driver_must_register(d, driver_spec("other"));
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER) | CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        assert_int_equal(why_of(d, id, WHY_WAITING_FOR_TRIGGER).code, WHY_WAITING_FOR_TRIGGER);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, USEC_PER_HOUR);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_pause(d, id, true);
        assert_int_equal(engine_get_why(d->engine, id, reasons), 5);
        assert_true(why_of(d, id, WHY_PAUSED).since_real_usec == d->now.real_usec);
        assert_int_equal(why_of(d, id, WHY_CONDITION_FALSE).condition, CONDITION_ON_AC_POWER);
        assert_int_equal(why_of(d, id, WHY_CONDITION_UNKNOWN).condition, CONDITION_BATTERY_NOT_LOW);
        why = why_of(d, id, WHY_RUN_LIMIT);
        assert_int_equal(why.count, 1);
        assert_int_equal(why.used, 1);
        why = why_of(d, id, WHY_START_LIMIT);
        assert_int_equal(why.used, 1);
        driver_free(d);
}

static void a_back_off_names_the_last_failure_and_its_end(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        Why why;

        d->launch = LAUNCH_EXIT;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        why = why_of(d, id, WHY_BACKING_OFF);
        assert_int_equal(why.detail, DETAIL_EXITED);
        assert_int_equal(why.status, 3);
        assert_int_equal(why.count, 1);
        assert_in_range(why.until_boot_usec, d->now.boot_usec + 900 * USEC_PER_MSEC,
                        d->now.boot_usec + 1100 * USEC_PER_MSEC);
        driver_free(d);
}

static void a_registration_that_commits_and_one_that_goes_say_so(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        d->hold_commits = true;
        driver_unregister(d, id, false);
        assert_int_equal(why_of(d, id, WHY_UNREGISTERING).code, WHY_UNREGISTERING);
        driver_free(d);
}

static void whatever_happens_there_is_a_reason(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Why reasons[ENGINE_WHY_MAX];
        Uuid id;

        spec.retry_max = 1;
        spec.overlap = OVERLAP_PARALLEL;
        id = driver_must_register(d, spec);
        for (unsigned i = 0; i < 40; i++)
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_in_range(engine_get_why(d->engine, id, reasons), 1, ENGINE_WHY_MAX);
        driver_feed(d, (Event){ .type = EVENT_SHUTDOWN, .shutdown_reason = REASON_LOGGING_OFF });
        driver_server_gone(d, driver_last_server(d), false, 0);
        assert_int_equal(driver_info(d, id).n_live, 0);
        assert_true(driver_info(d, id).n_pending > 0);
        assert_int_not_equal(engine_get_why(d->engine, id, reasons), 0);
        assert_int_equal(engine_get_why(d->engine, UUID_NULL, reasons), 0);
        driver_free(d);
}

static void runs_are_listed_oldest_first(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        RunInfo runs[8];
        Uuid id;

        spec.overlap = OVERLAP_BUFFER_ALL;
        id = driver_must_register(d, spec);
        for (unsigned i = 0; i < 4; i++) {
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
                driver_advance(d, USEC_PER_SEC);
        }
        assert_int_equal(engine_get_runs(d->engine, UUID_NULL, 0, runs, 8), 4);
        assert_int_equal(engine_get_runs(d->engine, id, 0, runs, 8), 4);
        assert_int_equal(runs[0].state, RUN_RUNNING);
        for (unsigned i = 1; i < 4; i++) {
                assert_int_equal(runs[i].state, RUN_PENDING);
                assert_true(runs[i - 1].accepted_real_usec < runs[i].accepted_real_usec);
        }
        driver_free(d);
}

static void runs_are_listed_page_by_page(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        uint64_t after = 0, accepted = 0;
        RunInfo runs[3];
        size_t n, n_all = 0;

        spec.overlap = OVERLAP_BUFFER_ALL;
        driver_must_register(d, spec);
        for (unsigned i = 0; i < 20; i++) {
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
                driver_advance(d, USEC_PER_SEC);
        }
        while ((n = engine_get_runs(d->engine, UUID_NULL, after, runs, 3)) > 0) {
                for (size_t i = 0; i < n; i++) {
                        assert_true(runs[i].accepted_real_usec > accepted);
                        accepted = runs[i].accepted_real_usec;
                }
                after = runs[n - 1].order;
                n_all += n;
        }
        assert_int_equal(n_all, 20);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_timer_names_its_earliest_and_latest_moment),
                cmocka_unit_test(all_gates_that_are_closed_are_named_and_not_only_the_first),
                cmocka_unit_test(a_back_off_names_the_last_failure_and_its_end),
                cmocka_unit_test(a_registration_that_commits_and_one_that_goes_say_so),
                cmocka_unit_test(whatever_happens_there_is_a_reason),
                cmocka_unit_test(runs_are_listed_oldest_first),
                cmocka_unit_test(runs_are_listed_page_by_page),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
