/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 9: packages. */

#include <errno.h>

#include "engine/test-driver.h"

static DriverReply *remove_package(Driver *d)
{
        Event event = { .type = EVENT_REMOVE };

        event.package.name = DRIVER_PACKAGE;
        return driver_ask(d, event);
}

static void a_package_is_known_when_it_is_stored(void **state)
{
        Driver *d = driver_new(NULL);
        DriverReply *install;

        d->hold_commits = true;
        install = driver_install(d, DRIVER_PACKAGE, 1);
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_FAIL)->error, ERROR_NO_SUCH_PACKAGE);
        driver_answer_commits(d, 0);
        assert_int_equal(install->error, ERROR_NONE);
        d->hold_commits = false;
        driver_must_register(d, driver_spec("a"));
        driver_free(d);
}

static void a_package_that_could_not_be_stored_is_not_known(void **state)
{
        Driver *d = driver_new(NULL);

        d->commit_error = -EROFS;
        assert_int_equal(driver_install(d, DRIVER_PACKAGE, 1)->error, ERROR_STORE_READ_ONLY);
        d->commit_error = 0;
        assert_int_equal(remove_package(d)->error, ERROR_NO_SUCH_PACKAGE);
        assert_int_equal(engine_get_counts(d->engine).n_packages, 0);
        driver_free(d);
}

static void installing_the_same_again_does_nothing(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_event_spec("a", SYSTEM_SERVICING_COMPLETE));
        d->hold_commits = true;
        assert_int_equal(driver_install(d, DRIVER_PACKAGE, 1)->error, ERROR_NONE);
        assert_int_equal(d->n_held, 0);
        driver_free(d);
}

static void an_update_cancels_runs_tells_servers_to_leave_and_fires_servicing_complete(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid servicing, id;

        driver_install(d, "Other_h91ms92gdsmmt", 1);
        servicing = driver_must_register(d, driver_event_spec("servicing", SYSTEM_SERVICING_COMPLETE));
        {
                TaskSpec spec = driver_event_spec("servicing", SYSTEM_SERVICING_COMPLETE);

                spec.package = "Other_h91ms92gdsmmt";
                driver_must_register(d, spec);
        }
        id = driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_install(d, DRIVER_PACKAGE, 2)->error, ERROR_NONE);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].reason, REASON_SERVICING_UPDATE);
        assert_int_equal(d->n_leaves, 1);
        assert_true(d->leaves[0] == d->launched[0]);
        /* A new server for the new version. */
        assert_int_equal(d->n_launched, 2);
        assert_int_equal(driver_info(d, servicing).n_live, 1);
        assert_int_equal(d->n_runs, 2);
        {
                Event event = { .type = EVENT_RUN_COMPLETED };

                event.run.server = d->runs[0].server;
                event.run.run = d->runs[0].run;
                event.run.attempt = 1;
                driver_feed(d, event);
        }
        assert_int_equal(d->history[0].reason, REASON_SERVICING_UPDATE);
        assert_int_equal(driver_info(d, id).n_live, 1);
        assert_true(driver_last_run(d)->server == d->launched[1]);
        assert_int_equal(d->n_signals, 0);
        driver_free(d);
}

static void an_update_that_drops_a_class_latches_its_firings_until_it_is_back(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));

        driver_install(d, DRIVER_PACKAGE, 100);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_true(driver_why(d, id, WHY_CLASS_MISSING));
        assert_int_equal(driver_register(d, driver_spec("b"), IF_EXISTS_FAIL)->error, ERROR_CLASS_NOT_REGISTERED);
        driver_install(d, DRIVER_PACKAGE, 2);
        assert_int_equal(d->n_runs, 1);
        driver_free(d);
}

static DriverReply *raise_notifications(Driver *d)
{
        Event event = { .type = EVENT_RAISE };

        event.raise.kind = TRIGGER_USER_NOTIFICATION_CHANGED;
        event.raise.text = "*";
        event.raise.details = "1\t1\tadded\tMail";
        event.raise.n_details = sizeof "1\t1\tadded\tMail";
        return driver_ask(d, event);
}

static void an_update_that_drops_a_capability_holds_what_needs_it_until_it_is_back(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        const Trigger more[] = { { .kind = TRIGGER_SYSTEM, .system_type = SYSTEM_TIME_ZONE_CHANGE } };
        Uuid id, other;

        other = driver_must_register(d, spec);
        spec.name = "b";
        spec.trigger = (Trigger){ .kind = TRIGGER_USER_NOTIFICATION_CHANGED, .text = (char *)"*" };
        spec.more = (Trigger *)more;
        spec.n_more = 1;
        id = driver_must_register(d, spec);
        driver_install(d, DRIVER_PACKAGE, 50);
        assert_true(driver_why(d, id, WHY_CAPABILITY_MISSING));
        assert_true(driver_why(d, id, WHY_WAITING_FOR_TRIGGER));
        assert_false(driver_why(d, other, WHY_CAPABILITY_MISSING));
        raise_notifications(d);
        assert_false(engine_get_counts(d->engine).n_pending);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_true(driver_why(d, id, WHY_CAPABILITY_MISSING));
        assert_false(driver_why(d, id, WHY_WAITING_FOR_TRIGGER));
        assert_int_equal(d->n_launched, 1);
        driver_install(d, DRIVER_PACKAGE, 51);
        assert_true(driver_why(d, id, WHY_CAPABILITY_MISSING));
        driver_install(d, DRIVER_PACKAGE, 2);
        assert_false(driver_why(d, id, WHY_CAPABILITY_MISSING));
        driver_free(d);
}

static void a_failed_update_changes_nothing(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        d->commit_error = -EIO;
        assert_int_equal(driver_install(d, DRIVER_PACKAGE, 100)->error, ERROR_STORE_FAILED);
        assert_int_equal(d->n_cancels, 0);
        d->commit_error = 0;
        driver_must_register(d, driver_spec("b"));
        driver_free(d);
}

static void removal_unregisters_all_with_uninstall_and_stops_the_servers_after_their_runs(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        TaskInfo info;

        driver_must_register(d, spec);
        spec.name = "latched";
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(remove_package(d)->error, ERROR_NONE);
        assert_int_equal(engine_list_tasks(d->engine, NULL, NULL, NULL, UUID_NULL, &info, 1), 0);
        /* The rows of the run that is alive. */
        assert_int_equal(driver_n_stored_tasks(d), 1);
        assert_int_equal(driver_n_stored_pending(d), 1);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].reason, REASON_UNINSTALL);
        assert_string_equal(d->history[0].name, "latched");
        assert_int_equal(d->cancels[0].reason, REASON_UNINSTALL);
        assert_int_equal(d->n_signals, 0);
        driver_complete(d, 0);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        assert_int_equal(d->history[1].reason, REASON_UNINSTALL);
        assert_int_equal(d->n_signals, 1);
        assert_int_equal(d->signals[0].number, 15);
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_FAIL)->error, ERROR_NO_SUCH_PACKAGE);
        assert_int_equal(engine_get_counts(d->engine).n_packages, 0);
        assert_int_equal(engine_get_counts(d->engine).n_servers, 0);
        assert_int_equal(remove_package(d)->error, ERROR_NO_SUCH_PACKAGE);
        driver_install(d, DRIVER_PACKAGE, 1);
        driver_must_register(d, driver_spec("a"));
        driver_free(d);
}

static void removal_waits_for_registrations_that_commit_and_later_ones_wait_for_it(void **state)
{
        Driver *d = driver_new_with_package();
        DriverReply *first, *removal, *second;

        d->hold_commits = true;
        first = driver_register(d, driver_spec("a"), IF_EXISTS_FAIL);
        removal = remove_package(d);
        second = driver_register(d, driver_spec("b"), IF_EXISTS_FAIL);
        assert_int_equal(first->n + removal->n + second->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(first->error, ERROR_NONE);
        assert_int_equal(removal->n + second->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(removal->n, 1);
        assert_int_equal(removal->error, ERROR_NONE);
        assert_int_equal(second->error, ERROR_NO_SUCH_PACKAGE);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void a_removal_that_could_not_be_stored_restores_all(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        d->commit_error = -EIO;
        assert_int_equal(remove_package(d)->error, ERROR_STORE_FAILED);
        d->commit_error = 0;
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(driver_info(d, id).n_live, 1);
        driver_free(d);
}

static void installs_of_one_package_follow_each_other(void **state)
{
        Driver *d = driver_new(NULL);
        DriverReply *first, *second, *removal;

        d->hold_commits = true;
        first = driver_install(d, DRIVER_PACKAGE, 1);
        second = driver_install(d, DRIVER_PACKAGE, 2);
        removal = remove_package(d);
        driver_answer_commits(d, 0);
        assert_int_equal(first->n, 1);
        assert_int_equal(second->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(second->n, 1);
        driver_answer_commits(d, 0);
        assert_int_equal(removal->n, 1);
        assert_int_equal(engine_get_counts(d->engine).n_packages, 0);
        driver_free(d);
}

static void runs_of_unregistered_tasks_end_with_their_package(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));

        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_unregister(d, id, false);
        remove_package(d);
        assert_int_equal(d->cancels[0].reason, REASON_UNINSTALL);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        driver_free(d);
}

static void a_paused_package_holds_all_of_its_tasks_until_it_is_resumed(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid timer = driver_must_register(d, driver_spec("a"));
        Uuid event = driver_must_register(d, driver_event_spec("b", SYSTEM_TIME_ZONE_CHANGE));
        Uuid request = driver_must_register(d, driver_request_spec("c"));
        uint64_t since, paused_at = d->now.real_usec;

        d->run = RUN_MODE_COMPLETE;
        assert_int_equal(driver_pause_package(d, DRIVER_PACKAGE, true)->error, ERROR_NONE);
        assert_true(driver_why(d, timer, WHY_PACKAGE_PAUSED));
        assert_true(driver_why(d, timer, WHY_WAITING_FOR_TIME));
        driver_advance(d, USEC_PER_HOUR);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_request(d, request)->error, ERROR_PAUSED);
        assert_int_equal(driver_request(d, request)->result, RESULT_DISABLED_BY_POLICY);
        assert_int_equal(d->n_runs, 0);
        assert_true(driver_why(d, event, WHY_PACKAGE_PAUSED));
        assert_false(driver_why(d, event, WHY_PAUSED));
        assert_true(driver_info(d, event).package_paused);
        driver_must_register(d, driver_event_spec("d", SYSTEM_TIME_ZONE_CHANGE));
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_restart(d, false);
        driver_restart(d, true);
        assert_true(engine_get_package_pause(d->engine, DRIVER_PACKAGE, &since));
        assert_true(since == paused_at);
        assert_int_equal(driver_install(d, DRIVER_PACKAGE, 2)->error, ERROR_NONE);
        assert_true(engine_get_package_pause(d->engine, DRIVER_PACKAGE, &since));
        assert_int_equal(d->n_runs, 0);
        assert_int_equal(driver_run_now(d, timer, true)->error, ERROR_NONE);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_pause_package(d, DRIVER_PACKAGE, false)->error, ERROR_NONE);
        assert_int_equal(d->n_runs, 3);
        driver_free(d);
}

static void the_pauses_of_a_task_and_of_its_package_are_two(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));

        driver_pause(d, id, true);
        driver_pause_package(d, DRIVER_PACKAGE, true);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_pause_package(d, DRIVER_PACKAGE, false);
        assert_int_equal(d->n_runs, 0);
        driver_pause_package(d, DRIVER_PACKAGE, true);
        driver_pause(d, id, false);
        assert_int_equal(d->n_runs, 0);
        driver_pause_package(d, DRIVER_PACKAGE, false);
        assert_int_equal(d->n_runs, 1);
        driver_free(d);
}

static void a_label_is_paused_while_it_has_a_task_and_what_is_unknown_is_not(void **state)
{
        Driver *d = driver_new(NULL);
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        uint64_t since;
        Uuid id;

        assert_int_equal(driver_pause_package(d, "nightly", true)->error, ERROR_NO_SUCH_PACKAGE);
        spec.package = "nightly";
        spec.command = true;
        spec.clsid = UUID_NULL;
        id = driver_must_register(d, spec);
        assert_int_equal(driver_pause_package(d, "nightly", true)->error, ERROR_NONE);
        assert_int_equal(driver_unregister(d, id, false)->error, ERROR_NONE);
        driver_restart(d, false);
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_true(driver_why(d, id, WHY_PACKAGE_PAUSED));
        assert_int_equal(driver_unregister(d, id, false)->error, ERROR_NONE);
        assert_int_equal(driver_pause_package(d, "nightly", false)->error, ERROR_NONE);
        assert_false(engine_get_package_pause(d->engine, "nightly", &since));
        assert_int_equal(driver_pause_package(d, "nightly", false)->error, ERROR_NO_SUCH_PACKAGE);
        driver_free(d);
}

static void removal_ends_the_pause_and_a_failed_commit_changes_none(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t since;

        d->commit_error = -EIO;
        assert_int_equal(driver_pause_package(d, DRIVER_PACKAGE, true)->error, ERROR_STORE_FAILED);
        assert_false(engine_get_package_pause(d->engine, DRIVER_PACKAGE, &since));
        d->commit_error = 0;
        driver_pause_package(d, DRIVER_PACKAGE, true);
        assert_int_equal(remove_package(d)->error, ERROR_NONE);
        driver_install(d, DRIVER_PACKAGE, 1);
        assert_false(engine_get_package_pause(d->engine, DRIVER_PACKAGE, &since));
        driver_restart(d, false);
        assert_false(engine_get_package_pause(d->engine, DRIVER_PACKAGE, &since));
        driver_free(d);
}

static void commits_about_a_package_and_its_pause_follow_each_other(void **state)
{
        Driver *d = driver_new_with_package();
        DriverReply *pause, *update, *resume, *removal;
        DriverReply *const *order[] = { &pause, &update, &resume, &removal };
        uint64_t since;

        d->hold_commits = true;
        pause = driver_pause_package(d, DRIVER_PACKAGE, true);
        update = driver_install(d, DRIVER_PACKAGE, 2);
        resume = driver_pause_package(d, DRIVER_PACKAGE, false);
        removal = remove_package(d);
        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                assert_int_equal((*order[i])->n, 0);
                assert_int_equal(engine_get_package_pause(d->engine, DRIVER_PACKAGE, &since), i == 1 || i == 2);
                driver_answer_commits(d, 0);
                assert_int_equal((*order[i])->n, 1);
        }
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_package_is_known_when_it_is_stored),
                cmocka_unit_test(a_package_that_could_not_be_stored_is_not_known),
                cmocka_unit_test(installing_the_same_again_does_nothing),
                cmocka_unit_test(an_update_cancels_runs_tells_servers_to_leave_and_fires_servicing_complete),
                cmocka_unit_test(an_update_that_drops_a_class_latches_its_firings_until_it_is_back),
                cmocka_unit_test(an_update_that_drops_a_capability_holds_what_needs_it_until_it_is_back),
                cmocka_unit_test(a_failed_update_changes_nothing),
                cmocka_unit_test(removal_unregisters_all_with_uninstall_and_stops_the_servers_after_their_runs),
                cmocka_unit_test(removal_waits_for_registrations_that_commit_and_later_ones_wait_for_it),
                cmocka_unit_test(a_removal_that_could_not_be_stored_restores_all),
                cmocka_unit_test(installs_of_one_package_follow_each_other),
                cmocka_unit_test(runs_of_unregistered_tasks_end_with_their_package),
                cmocka_unit_test(a_paused_package_holds_all_of_its_tasks_until_it_is_resumed),
                cmocka_unit_test(the_pauses_of_a_task_and_of_its_package_are_two),
                cmocka_unit_test(a_label_is_paused_while_it_has_a_task_and_what_is_unknown_is_not),
                cmocka_unit_test(removal_ends_the_pause_and_a_failed_commit_changes_none),
                cmocka_unit_test(commits_about_a_package_and_its_pause_follow_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
