/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 5: gates, conditions, levels and edges. */

#include <errno.h>

#include "engine/test-driver.h"

static void a_firing_runs_when_its_last_condition_becomes_true(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER) | CONDITION_BIT(CONDITION_USER_PRESENT) |
                          CONDITION_BIT(CONDITION_NO_IO_PRESSURE);
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_true(driver_why(d, id, WHY_CONDITION_UNKNOWN));
        driver_level(d, CONDITION_NO_IO_PRESSURE, 1);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_level(d, CONDITION_USER_PRESENT, 1);
        assert_true(driver_why(d, id, WHY_CONDITION_FALSE));
        assert_int_equal(d->n_runs, 0);
        driver_level(d, CONDITION_NO_IO_PRESSURE, 0);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(d->n_runs, 0);
        driver_level(d, CONDITION_NO_IO_PRESSURE, 1);
        assert_int_equal(d->n_runs, 1);
        driver_free(d);
}

static void unknown_is_not_true(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_must_register(d, spec);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        driver_level(d, CONDITION_ON_AC_POWER, -1);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_runs, 0);
        driver_free(d);
}

static void a_forced_run_passes_the_gates_of_table_5_1_that_do_not_apply_to_it(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        driver_pause(d, id, true);
        driver_run_now(d, id, true);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_run_now(d, id, true)->error, ERROR_CURRENTLY_RUNNING);
        driver_free(d);
}

static void the_pairs_of_conditions_follow_from_each_other(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t since;

        driver_level(d, CONDITION_USER_PRESENT, 1);
        assert_int_equal(engine_get_level(d->engine, CONDITION_USER_NOT_PRESENT, &since), 0);
        driver_level(d, CONDITION_USER_NOT_PRESENT, 1);
        assert_int_equal(engine_get_level(d->engine, CONDITION_USER_PRESENT, &since), 0);
        driver_level(d, CONDITION_INTERNET_NOT_AVAILABLE, 0);
        assert_int_equal(engine_get_level(d->engine, CONDITION_INTERNET_AVAILABLE, &since), 1);
        driver_level(d, CONDITION_INTERNET_AVAILABLE, -1);
        assert_int_equal(engine_get_level(d->engine, CONDITION_INTERNET_NOT_AVAILABLE, &since), -1);
        driver_level(d, CONDITION_SESSION_DISCONNECTED, 0);
        assert_int_equal(engine_get_level(d->engine, CONDITION_SESSION_CONNECTED, &since), 1);
        driver_free(d);
}

typedef struct Edge {
        int last;    /* stored for this boot; -1 none */
        int reading;
        bool edge;
} Edge;

static const Edge table_5_3[] = {
        { -1, 1, true }, { 0, 1, true }, { 1, 1, false }, { -1, 0, false }, { 0, 0, false }, { 1, 0, false },
        { -1, -1, false }, { 0, -1, false }, { 1, -1, false },
};

static void table_5_3_says_what_is_an_edge(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(table_5_3); i++) {
                const Edge *row = &table_5_3[i];
                Driver *d = driver_new_with_package();
                Uuid id = driver_must_register(d, driver_event_spec("a", SYSTEM_INTERNET_AVAILABLE));

                if (row->last >= 0)
                        driver_level(d, CONDITION_INTERNET_AVAILABLE, row->last);
                driver_cancel(d, id, REASON_USER);
                if (d->n_runs > 0)
                        driver_complete(d, 0);
                d->n_runs = 0;
                /* The level is stored: a new broker of this boot knows it. */
                driver_restart(d, false);
                driver_level(d, CONDITION_INTERNET_AVAILABLE, row->reading);
                assert_int_equal(d->n_runs, row->edge);
                driver_free(d);
        }
}

static void after_an_unknown_in_between_the_stored_level_counts(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_event_spec("a", SYSTEM_SESSION_CONNECTED));
        d->run = RUN_MODE_COMPLETE;
        driver_level(d, CONDITION_SESSION_CONNECTED, 1);
        driver_level(d, CONDITION_SESSION_CONNECTED, -1);
        driver_level(d, CONDITION_SESSION_CONNECTED, 1);
        assert_int_equal(d->n_runs, 1);
        driver_level(d, CONDITION_SESSION_CONNECTED, 0);
        driver_level(d, CONDITION_SESSION_CONNECTED, -1);
        driver_level(d, CONDITION_SESSION_CONNECTED, 1);
        assert_int_equal(d->n_runs, 2);
        driver_free(d);
}

static void user_away_fires_when_the_user_goes_and_user_present_when_he_comes(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid away = driver_must_register(d, driver_event_spec("away", SYSTEM_USER_AWAY));
        Uuid present = driver_must_register(d, driver_event_spec("present", SYSTEM_USER_PRESENT));

        driver_level(d, CONDITION_USER_PRESENT, 1);
        assert_int_equal(driver_info(d, present).n_live, 1);
        assert_int_equal(driver_info(d, away).n_live, 0);
        driver_level(d, CONDITION_USER_PRESENT, 0);
        assert_int_equal(driver_info(d, away).n_live, 1);
        driver_free(d);
}

static void after_a_reboot_the_first_true_reading_is_an_edge(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_event_spec("a", SYSTEM_INTERNET_AVAILABLE));
        d->run = RUN_MODE_COMPLETE;
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 1);
        driver_restart(d, true);
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 1);
        assert_int_equal(d->n_runs, 2);
        driver_free(d);
}

static void what_a_sensor_finds_when_a_registration_starts_it_is_no_edge(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_LEVEL };

        driver_must_register(d, driver_event_spec("a", SYSTEM_INTERNET_AVAILABLE));
        d->run = RUN_MODE_COMPLETE;
        event.level.condition = CONDITION_INTERNET_AVAILABLE;
        event.level.level = 1;
        event.level.baseline = true;
        assert_int_equal(driver_feed(d, event), 0);
        driver_settle(d);
        assert_int_equal(d->n_runs, 0);
        /* It was stored: only after a loss there is something to tell. */
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 1);
        assert_int_equal(d->n_runs, 0);
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 0);
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 1);
        assert_int_equal(d->n_runs, 1);
        driver_free(d);
}

static void a_boot_fires_what_was_registered_before_it_once(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");

        spec.trigger = (Trigger){ .kind = TRIGGER_BOOT };
        d->run = RUN_MODE_COMPLETE;
        driver_must_register(d, spec);
        driver_restart(d, false);
        assert_int_equal(d->n_runs, 0);
        driver_restart(d, true);
        assert_int_equal(d->n_runs, 1);
        driver_restart(d, false);
        assert_int_equal(d->n_runs, 1);
        driver_restart(d, true);
        assert_int_equal(d->n_runs, 2);
        driver_free(d);
}

static void login_fires_with_the_session_and_resume_when_it_is_raised(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("login");
        Event event = { .type = EVENT_RAISE, .raise.kind = TRIGGER_RESUME };

        d->run = RUN_MODE_COMPLETE;
        spec.trigger = (Trigger){ .kind = TRIGGER_LOGIN };
        driver_must_register(d, spec);
        assert_int_equal(engine_get_needs(d->engine).conditions, CONDITION_BIT(CONDITION_SESSION_CONNECTED));
        assert_false(engine_get_needs(d->engine).resume);
        driver_level(d, CONDITION_SESSION_CONNECTED, 1);
        assert_int_equal(d->n_runs, 1);
        spec.name = "resume";
        spec.trigger = (Trigger){ .kind = TRIGGER_RESUME };
        driver_must_register(d, spec);
        assert_true(engine_get_needs(d->engine).resume);
        assert_int_equal(driver_feed(d, event), 0);
        driver_settle(d);
        assert_int_equal(d->n_runs, 2);
        driver_free(d);
}

static void what_has_to_be_watched_follows_the_registrations(void **state)
{
        const uint32_t both = CONDITION_BIT(CONDITION_ON_AC_POWER) | CONDITION_BIT(CONDITION_USER_PRESENT);
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_request_spec("a");
        EngineNeeds needs = engine_get_needs(d->engine);
        Uuid a, edge, change;

        assert_int_equal(needs.conditions, 0);
        assert_int_equal(needs.system_types, 0);
        spec.conditions = both;
        a = driver_must_register(d, spec);
        edge = driver_must_register(d, driver_event_spec("b", SYSTEM_USER_AWAY));
        change = driver_must_register(d, driver_event_spec("c", SYSTEM_TIME_ZONE_CHANGE));
        needs = engine_get_needs(d->engine);
        assert_int_equal(needs.conditions, both | CONDITION_BIT(CONDITION_USER_NOT_PRESENT));
        assert_int_equal(needs.system_types, 1u << SYSTEM_USER_AWAY | 1u << SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, true);
        needs = engine_get_needs(d->engine);
        assert_int_equal(needs.conditions, both | CONDITION_BIT(CONDITION_USER_NOT_PRESENT));
        spec.conditions = CONDITION_BIT(CONDITION_STORAGE_NOT_LOW);
        driver_register(d, spec, IF_EXISTS_UPDATE);
        driver_unregister(d, edge, false);
        driver_unregister(d, change, false);
        needs = engine_get_needs(d->engine);
        assert_int_equal(needs.conditions, CONDITION_BIT(CONDITION_STORAGE_NOT_LOW));
        assert_int_equal(needs.system_types, 0);
        driver_unregister(d, a, false);
        assert_int_equal(engine_get_needs(d->engine).conditions, 0);
        driver_free(d);
}

static void an_edge_and_its_firing_are_one_commit(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_INTERNET_AVAILABLE);

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_must_register(d, spec);
        d->hold_commits = true;
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 1);
        assert_int_equal(d->n_held, 1);
        d->hold_commits = false;
        /* Lost with the broker: the edge is seen again. */
        driver_restart(d, false);
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 1);
        assert_int_equal(driver_n_stored_pending(d), 1);
        driver_restart(d, false);
        driver_level(d, CONDITION_INTERNET_AVAILABLE, 1);
        assert_int_equal(engine_get_counts(d->engine).n_pending, 1);
        driver_free(d);
}

static void a_lost_condition_cancels_after_two_seconds_if_the_task_asked_for_it(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.cancel_on_condition_loss = true;
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_level(d, CONDITION_ON_AC_POWER, -1);
        driver_advance(d, USEC_PER_SEC);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, USEC_PER_SEC - 1);
        assert_int_equal(d->n_cancels, 0);
        driver_advance(d, 1);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].reason, REASON_CONDITION_LOSS);
        /* 6.5: pending again, without using up anything. */
        driver_complete(d, -ECANCELED);
        assert_int_equal(d->n_history, 0);
        assert_true(driver_why(d, id, WHY_CONDITION_FALSE));
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(driver_last_run(d)->attempt, 2);
        assert_true(uuid_equal(d->runs[0].run, d->runs[1].run));
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_COMPLETED);
        driver_free(d);
}

static void a_condition_that_comes_back_in_time_cancels_nothing(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.cancel_on_condition_loss = true;
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        for (unsigned i = 0; i < 5; i++) {
                driver_level(d, CONDITION_ON_AC_POWER, 0);
                driver_advance(d, 2 * USEC_PER_SEC - 1);
                driver_level(d, CONDITION_ON_AC_POWER, 1);
        }
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_cancels, 0);
        driver_free(d);
}

static void a_lost_condition_does_not_cancel_a_forced_run_or_one_that_did_not_ask(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        driver_level(d, CONDITION_ON_AC_POWER, 1);
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_must_register(d, spec);
        spec.name = "b";
        spec.trigger.system_type = SYSTEM_SESSION_CONNECTED;
        spec.cancel_on_condition_loss = true;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_run_now(d, id, true);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(d->n_cancels, 0);
        driver_free(d);
}

static void a_starting_run_is_judged_when_it_is_running(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        driver_level(d, CONDITION_ON_AC_POWER, 1);
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.cancel_on_condition_loss = true;
        driver_must_register(d, spec);
        d->run = RUN_MODE_HOLD;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, 5 * USEC_PER_SEC);
        assert_int_equal(d->n_cancels, 0);
        driver_acknowledge(d);
        driver_advance(d, 2 * USEC_PER_SEC);
        assert_int_equal(d->n_cancels, 1);
        driver_free(d);
}

static void firings_that_become_ready_together_start_in_the_order_of_their_acceptance(void **state)
{
        EngineLimits limits = engine_default_limits;
        Uuid ids[6];
        Driver *d;

        limits.live_runs = 1;
        d = driver_new(&limits);
        driver_install(d, DRIVER_PACKAGE, 1);
        for (unsigned i = 0; i < 6; i++) {
                char name[] = { (char)('a' + i), '\0' };
                TaskSpec spec = driver_request_spec(name);

                spec.conditions = CONDITION_BIT(i % 2 ? CONDITION_ON_AC_POWER : CONDITION_BATTERY_NOT_LOW);
                ids[i] = driver_must_register(d, spec);
        }
        for (unsigned i = 0; i < 6; i++)
                driver_request(d, ids[i]);
        d->run = RUN_MODE_COMPLETE;
        /* The odd ones queue at the run limit; when the even ones come, the oldest of all goes first. */
        driver_run_now(d, ids[0], true);
        d->run = RUN_MODE_ACK;
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        assert_true(driver_why(d, ids[3], WHY_RUN_LIMIT));
        d->run = RUN_MODE_COMPLETE;
        driver_complete(d, 0);
        assert_int_equal(d->n_ended, 6);
        for (unsigned i = 0; i < 6; i++)
                assert_true(uuid_equal(d->ended[i].task, ids[i]));
        driver_free(d);
}

static void the_start_limit_holds_firings_until_the_oldest_start_has_left_the_window(void **state)
{
        EngineLimits limits = engine_default_limits;
        Driver *d;
        Uuid id;

        limits.starts_per_window = 3;
        d = driver_new(&limits);
        driver_install(d, DRIVER_PACKAGE, 1);
        id = driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        d->run = RUN_MODE_COMPLETE;
        for (unsigned i = 0; i < 3; i++) {
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
                driver_advance(d, USEC_PER_MINUTE);
        }
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_runs, 3);
        assert_true(driver_why(d, id, WHY_START_LIMIT));
        driver_advance(d, 7 * USEC_PER_MINUTE - 1);
        assert_int_equal(d->n_runs, 3);
        driver_advance(d, 1);
        assert_int_equal(d->n_runs, 4);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_runs, 4);
        driver_run_now(d, id, true);
        assert_int_equal(d->n_runs, 5);
        driver_free(d);
}

static void an_in_process_task_latches_until_a_process_asks_for_it(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        uint64_t host;
        Uuid id;

        spec.clsid = UUID_NULL;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_true(driver_why(d, id, WHY_NO_HOST));
        assert_int_equal(driver_info(d, id).n_pending, 1);
        assert_int_equal(d->n_launched, 0);
        host = driver_attach(d);
        assert_int_equal(driver_register_class(d, host, UUID_NULL, REGCLS_MULTIPLEUSE)->error, ERROR_NONE);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(d->runs[0].server, host);
        driver_free(d);
}

static void an_in_process_task_goes_to_the_newest_process_and_waits_when_all_have_gone(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        uint64_t older = driver_attach(d), newer = driver_attach(d);
        Uuid id;

        spec.clsid = UUID_NULL;
        spec.overlap = OVERLAP_PARALLEL;
        id = driver_must_register(d, spec);
        driver_register_class(d, older, UUID_NULL, REGCLS_MULTIPLEUSE);
        driver_register_class(d, newer, UUID_NULL, REGCLS_MULTIPLEUSE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->runs[0].server, newer);
        driver_server_gone(d, newer, false, 0);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(d->runs[1].server, older);
        driver_server_gone(d, older, false, 0);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_true(driver_why(d, id, WHY_NO_HOST));
        assert_int_equal(d->n_launched, 0);
        driver_free(d);
}

static void a_change_of_one_condition_touches_only_those_that_wait_for_it(void **state)
{
        Driver *d = driver_new_with_package();
        size_t n;

        for (unsigned i = 0; i < 26; i++) {
                char name[] = { (char)('a' + i), '\0' };
                TaskSpec spec = driver_event_spec(name, SYSTEM_TIME_ZONE_CHANGE);

                spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER) | CONDITION_BIT(CONDITION_STORAGE_NOT_LOW);
                driver_must_register(d, spec);
        }
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        n = d->n_effects;
        driver_level(d, CONDITION_STORAGE_NOT_LOW, 1);
        assert_int_equal(d->n_effects, n);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_firing_runs_when_its_last_condition_becomes_true),
                cmocka_unit_test(unknown_is_not_true),
                cmocka_unit_test(a_forced_run_passes_the_gates_of_table_5_1_that_do_not_apply_to_it),
                cmocka_unit_test(the_pairs_of_conditions_follow_from_each_other),
                cmocka_unit_test(table_5_3_says_what_is_an_edge),
                cmocka_unit_test(after_an_unknown_in_between_the_stored_level_counts),
                cmocka_unit_test(user_away_fires_when_the_user_goes_and_user_present_when_he_comes),
                cmocka_unit_test(after_a_reboot_the_first_true_reading_is_an_edge),
                cmocka_unit_test(what_a_sensor_finds_when_a_registration_starts_it_is_no_edge),
                cmocka_unit_test(a_boot_fires_what_was_registered_before_it_once),
                cmocka_unit_test(login_fires_with_the_session_and_resume_when_it_is_raised),
                cmocka_unit_test(what_has_to_be_watched_follows_the_registrations),
                cmocka_unit_test(an_edge_and_its_firing_are_one_commit),
                cmocka_unit_test(a_lost_condition_cancels_after_two_seconds_if_the_task_asked_for_it),
                cmocka_unit_test(a_condition_that_comes_back_in_time_cancels_nothing),
                cmocka_unit_test(a_lost_condition_does_not_cancel_a_forced_run_or_one_that_did_not_ask),
                cmocka_unit_test(a_starting_run_is_judged_when_it_is_running),
                cmocka_unit_test(firings_that_become_ready_together_start_in_the_order_of_their_acceptance),
                cmocka_unit_test(the_start_limit_holds_firings_until_the_oldest_start_has_left_the_window),
                cmocka_unit_test(an_in_process_task_latches_until_a_process_asks_for_it),
                cmocka_unit_test(an_in_process_task_goes_to_the_newest_process_and_waits_when_all_have_gone),
                cmocka_unit_test(a_change_of_one_condition_touches_only_those_that_wait_for_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
