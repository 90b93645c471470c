/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 13: command tasks. */

#include <errno.h>

#include "engine/test-driver.h"

#define LABEL "commands"

static TaskSpec command_spec(const char *name)
{
        TaskSpec spec = driver_event_spec(name, SYSTEM_TIME_ZONE_CHANGE);

        spec.package = LABEL;
        spec.clsid = UUID_NULL;
        spec.command = true;
        spec.options = "arg=true";
        return spec;
}

static void fire(Driver *d)
{
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
}

static void a_command_needs_no_package_and_is_listed_with_its_options(void **state)
{
        Driver *d = driver_new(NULL);
        Uuid task = driver_must_register(d, command_spec("a"));
        TaskInfo info = driver_info(d, task);

        assert_string_equal(info.row.spec.package, LABEL);
        assert_string_equal(info.row.spec.options, "arg=true");
        assert_true(info.row.spec.command);
        assert_true(uuid_is_null(info.row.spec.clsid));
        assert_true(driver_why(d, task, WHY_WAITING_FOR_TRIGGER));
        driver_free(d);
}

static void a_label_that_is_none_and_a_second_entry_point_are_refused(void **state)
{
        static const char *const labels[] = {
                "", ".a", "-a", "a b", "a/b", "\xc3\xa4",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        };
        Driver *d = driver_new_with_package();
        TaskSpec spec = command_spec("a");

        for (size_t i = 0; i < ELEMENTSOF(labels); i++) {
                spec.package = labels[i];
                assert_int_equal(driver_register(d, spec, IF_EXISTS_FAIL)->error, ERROR_INVALID_LABEL);
        }
        spec.package = NULL;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_FAIL)->error, ERROR_INVALID_LABEL);
        spec.package = LABEL;
        spec.clsid = driver_clsid;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_FAIL)->error, ERROR_ENTRY_POINT_CONFLICT);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void no_trigger_of_a_command_is_a_socket(void **state)
{
        Trigger more = { .kind = TRIGGER_SOCKET_ACTIVITY, .text = "unix:/a" };
        Driver *d = driver_new_with_package();
        TaskSpec spec = command_spec("a"), other = driver_event_spec("b", SYSTEM_TIME_ZONE_CHANGE);

        spec.more = other.more = &more;
        spec.n_more = other.n_more = 1;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_FAIL)->error, ERROR_TRIGGER_NOT_SUPPORTED);
        spec.trigger = more;
        spec.n_more = 0;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_FAIL)->error, ERROR_TRIGGER_NOT_SUPPORTED);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_must_register(d, other);
        driver_free(d);
}

static void an_update_makes_no_command_of_another_task_nor_the_other_way(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec command = command_spec("a"), other = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid task;

        command.package = other.package;
        task = driver_must_register(d, command);
        assert_int_equal(driver_register(d, other, IF_EXISTS_UPDATE)->error, ERROR_ENTRY_POINT_CONFLICT);
        command.options = "arg=false";
        assert_int_equal(driver_register(d, command, IF_EXISTS_UPDATE)->error, ERROR_NONE);
        assert_string_equal(driver_info(d, task).row.spec.options, "arg=false");
        assert_int_equal(driver_register(d, other, IF_EXISTS_REPLACE)->error, ERROR_NONE);
        assert_int_equal(driver_register(d, command, IF_EXISTS_UPDATE)->error, ERROR_ENTRY_POINT_CONFLICT);
        driver_free(d);
}

static void each_attempt_launches_a_supervisor_that_takes_nothing_else(void **state)
{
        Driver *d = driver_new(NULL);

        driver_must_register(d, command_spec("a"));
        driver_must_register(d, command_spec("b"));
        fire(d);
        assert_int_equal(d->n_launched, 2);
        assert_int_equal(d->n_runs, 2);
        assert_true(d->runs[0].server == d->launched[0]);
        assert_true(d->runs[1].server == d->launched[1]);
        driver_complete(d, 0);
        assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_COMPLETED);
        fire(d);
        assert_int_equal(d->n_launched, 3);
        assert_true(driver_last_run(d)->server == d->launched[2]);
        driver_free(d);
}

static void of_the_objects_of_a_supervisor_the_newest_takes_the_run(void **state)
{
        Driver *d = driver_new(NULL);
        Uuid task = driver_must_register(d, command_spec("a"));
        Event event = { .type = EVENT_CLASSES_SUSPENDED };
        uint32_t newest;

        d->launch = LAUNCH_SUSPENDED;
        fire(d);
        newest = driver_register_class(d, d->launched[0], task, REGCLS_MULTIPLEUSE | REGCLS_SUSPENDED)->number;
        assert_int_equal(d->n_runs, 0);
        event.process.server = d->launched[0];
        driver_ask(d, event);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_last_run(d)->cookie, newest);
        driver_free(d);
}

static void a_supervisor_whose_run_was_canceled_takes_no_other(void **state)
{
        Driver *d = driver_new(NULL);
        Uuid task = driver_must_register(d, command_spec("a"));

        d->launch = LAUNCH_HOLD;
        fire(d);
        driver_cancel(d, task, REASON_USER);
        assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_CANCELED);
        assert_int_equal(driver_register_class(d, d->launched[0], task, REGCLS_MULTIPLEUSE)->error, ERROR_NONE);
        d->launch = LAUNCH_UP;
        fire(d);
        assert_int_equal(d->n_launched, 2);
        assert_true(driver_last_run(d)->server == d->launched[1]);
        driver_free(d);
}

static void an_exit_status_and_a_signal_fail_the_run_and_are_kept(void **state)
{
        Driver *d = driver_new(NULL);

        driver_must_register(d, command_spec("a"));
        fire(d);
        driver_command_ended(d, DETAIL_EXITED, 3);
        assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_FAILED);
        assert_int_equal(driver_last_ended(d)->detail, DETAIL_EXITED);
        assert_int_equal(driver_last_ended(d)->result, 3);
        fire(d);
        driver_command_ended(d, DETAIL_KILLED, 11);
        assert_int_equal(d->history[1].outcome, OUTCOME_FAILED);
        assert_int_equal(d->history[1].detail, DETAIL_KILLED);
        assert_int_equal(d->history[1].result, 11);
        driver_free(d);
}

static void a_command_that_failed_is_tried_again_if_it_asked_for_that(void **state)
{
        Driver *d = driver_new(NULL);
        TaskSpec spec = command_spec("a");
        Uuid task;

        spec.retry_max = 1;
        spec.retry_backoff_usec = USEC_PER_MINUTE;
        task = driver_must_register(d, spec);
        fire(d);
        driver_command_ended(d, DETAIL_EXITED, 1);
        assert_true(driver_why(d, task, WHY_WAITING_FOR_RETRY));
        /* The supervisor of the first attempt may leave. */
        assert_int_equal(d->n_recorded, 1);
        assert_int_equal(d->recorded[0].attempt, 1);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(driver_last_run(d)->attempt, 2);
        driver_command_ended(d, DETAIL_EXITED, 1);
        assert_int_equal(driver_last_ended(d)->attempts, 2);
        assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_FAILED);
        driver_free(d);
}

static void a_canceled_command_keeps_how_it_ended(void **state)
{
        Driver *d = driver_new(NULL);
        Uuid task = driver_must_register(d, command_spec("a"));

        fire(d);
        driver_cancel(d, task, REASON_LOGGING_OFF);
        assert_int_equal(d->n_cancels, 1);
        driver_command_ended(d, DETAIL_KILLED, 15);
        assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_CANCELED);
        assert_int_equal(driver_last_ended(d)->reason, REASON_LOGGING_OFF);
        assert_int_equal(driver_last_ended(d)->detail, DETAIL_KILLED);
        assert_int_equal(driver_last_ended(d)->result, 15);
        driver_free(d);
}

static void a_command_that_cannot_be_launched_holds_no_other(void **state)
{
        Driver *d = driver_new(NULL);
        Uuid bad = driver_must_register(d, command_spec("bad")), good;

        d->launch = LAUNCH_FAIL;
        fire(d);
        assert_true(driver_why(d, bad, WHY_BACKING_OFF));
        d->launch = LAUNCH_UP;
        good = driver_must_register(d, command_spec("good"));
        fire(d);
        assert_true(driver_why(d, good, WHY_RUNNING));
        assert_true(driver_why(d, bad, WHY_BACKING_OFF));
        driver_free(d);
}

static void a_restarted_broker_hears_of_the_command_and_its_end(void **state)
{
        Driver *d = driver_new(NULL);
        Uuid task = driver_must_register(d, command_spec("a"));
        Event event = { .type = EVENT_SERVER_ANNOUNCED };
        EventRun run;

        fire(d);
        run = (EventRun){ driver_last_run(d)->run, 1 };
        driver_restart(d, false);
        assert_true(driver_info(d, task).row.spec.command);
        assert_true(driver_why(d, task, WHY_UNCONFIRMED));
        event.process.server = d->launched[0];
        event.process.runs = &run;
        event.process.n_runs = 1;
        driver_feed(d, event);
        assert_true(driver_why(d, task, WHY_RUNNING));
        driver_command_ended(d, DETAIL_EXITED, 2);
        assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_FAILED);
        assert_int_equal(driver_last_ended(d)->result, 2);
        driver_free(d);
}

static void the_class_of_a_command_is_its_supervisors_alone(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = command_spec("a");
        Uuid task;

        spec.package = DRIVER_PACKAGE;
        task = driver_must_register(d, spec);
        assert_int_equal(driver_register_class(d, driver_attach(d), task, REGCLS_MULTIPLEUSE)->error,
                         ERROR_CLASS_NOT_YOURS);
        spec = driver_spec("b");
        spec.clsid = task;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_FAIL)->error, ERROR_CLASS_NOT_REGISTERED);
        driver_free(d);
}

static void a_command_of_an_installed_package_goes_with_it(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_REMOVE, .package.name = DRIVER_PACKAGE };
        TaskSpec spec = command_spec("a");

        spec.package = DRIVER_PACKAGE;
        driver_must_register(d, spec);
        fire(d);
        driver_install(d, DRIVER_PACKAGE, 2);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].reason, REASON_SERVICING_UPDATE);
        driver_command_ended(d, DETAIL_KILLED, 15);
        fire(d);
        assert_int_equal(d->n_launched, 2);
        driver_complete(d, 0);
        assert_int_equal(driver_ask(d, event)->error, ERROR_NONE);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_command_needs_no_package_and_is_listed_with_its_options),
                cmocka_unit_test(a_label_that_is_none_and_a_second_entry_point_are_refused),
                cmocka_unit_test(no_trigger_of_a_command_is_a_socket),
                cmocka_unit_test(an_update_makes_no_command_of_another_task_nor_the_other_way),
                cmocka_unit_test(each_attempt_launches_a_supervisor_that_takes_nothing_else),
                cmocka_unit_test(of_the_objects_of_a_supervisor_the_newest_takes_the_run),
                cmocka_unit_test(a_supervisor_whose_run_was_canceled_takes_no_other),
                cmocka_unit_test(an_exit_status_and_a_signal_fail_the_run_and_are_kept),
                cmocka_unit_test(a_command_that_failed_is_tried_again_if_it_asked_for_that),
                cmocka_unit_test(a_canceled_command_keeps_how_it_ended),
                cmocka_unit_test(a_command_that_cannot_be_launched_holds_no_other),
                cmocka_unit_test(a_restarted_broker_hears_of_the_command_and_its_end),
                cmocka_unit_test(the_class_of_a_command_is_its_supervisors_alone),
                cmocka_unit_test(a_command_of_an_installed_package_goes_with_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
