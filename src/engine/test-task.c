/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 2: registering. */

#include <errno.h>
#include <string.h>

#include "engine/test-driver.h"

static void expect_refused(Driver *d, TaskSpec spec, Error error)
{
        DriverReply *reply = driver_register(d, spec, IF_EXISTS_FAIL);
        size_t n = d->n_effects;

        assert_int_equal(reply->n, 1);
        assert_int_equal(reply->error, error);
        assert_int_equal(d->n_held, 0);
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 0);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        assert_int_equal(d->n_effects, n);
}

static void each_check_of_table_2_answers_its_error_and_changes_nothing(void **state)
{
        Driver *d = driver_new_with_package();
        char long_name[257];
        TaskSpec spec;

        memset(long_name, 'x', 256);
        long_name[256] = '\0';
        expect_refused(d, driver_spec(""), ERROR_INVALID_NAME);
        expect_refused(d, driver_spec(long_name), ERROR_INVALID_NAME);
        expect_refused(d, driver_spec("a\nb"), ERROR_INVALID_NAME);
        expect_refused(d, driver_spec("\xff"), ERROR_INVALID_NAME);
        spec = driver_spec("a");
        spec.package = "Other_h91ms92gdsmmt";
        expect_refused(d, spec, ERROR_NO_SUCH_PACKAGE);
        spec = driver_spec("a");
        spec.has_entry_point = true;
        expect_refused(d, spec, ERROR_ENTRY_POINT_CONFLICT);
        spec.clsid = UUID_NULL;
        expect_refused(d, spec, ERROR_ENTRY_POINT_CONFLICT);
        spec = driver_spec("a");
        spec.trigger = (Trigger){ 0 };
        expect_refused(d, spec, ERROR_NO_TRIGGER);
        spec.trigger = (Trigger){ .kind = TRIGGER_TIME, .period_usec = 15 * USEC_PER_MINUTE - 1 };
        expect_refused(d, spec, ERROR_TRIGGER_TOO_SHORT);
        spec.trigger.kind = TRIGGER_MAINTENANCE;
        expect_refused(d, spec, ERROR_TRIGGER_TOO_SHORT);
        spec.trigger = (Trigger){ .kind = TRIGGER_INTERVAL, .period_usec = USEC_PER_SEC - 1 };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_INTERVAL, .period_usec = USEC_PER_SEC, .window_usec = 1000001 };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_INTERVAL, .period_usec = 101 * 366 * USEC_PER_DAY };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = 77 };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_SYSTEM, .system_type = 16 };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "" };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_SYSTEM, .system_type = SYSTEM_SMS_RECEIVED };
        expect_refused(d, spec, ERROR_TRIGGER_NOT_SUPPORTED);
        spec.trigger = (Trigger){ .kind = TRIGGER_CALENDAR, .text = "25:00 UTC" };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_CALENDAR, .text = "*-02-30 UTC" };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_CALENDAR, .text = "daily No/Where" };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_CALENDAR };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.trigger = (Trigger){ .kind = TRIGGER_SYSTEM, .system_type = SYSTEM_CONTROL_CHANNEL_RESET };
        expect_refused(d, spec, ERROR_TRIGGER_NOT_SUPPORTED);
        spec = driver_spec("a");
        spec.conditions = CONDITION_BIT(CONDITION_USER_PRESENT) | CONDITION_BIT(31);
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec = driver_spec("a");
        spec.clsid.bytes[15] = 9;
        expect_refused(d, spec, ERROR_CLASS_NOT_REGISTERED);
        driver_free(d);
}

static void the_first_check_that_fails_answers(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = { .name = "", .package = "none", .has_entry_point = true };

        expect_refused(d, spec, ERROR_INVALID_NAME);
        spec.name = "a";
        expect_refused(d, spec, ERROR_NO_SUCH_PACKAGE);
        spec.package = DRIVER_PACKAGE;
        expect_refused(d, spec, ERROR_ENTRY_POINT_CONFLICT);
        spec.has_entry_point = false;
        spec.conditions = UINT32_MAX;
        spec.clsid.bytes[0] = 1;
        expect_refused(d, spec, ERROR_NO_TRIGGER);
        spec.trigger = (Trigger){ .kind = TRIGGER_SYSTEM, .system_type = SYSTEM_CONTROL_CHANNEL_RESET };
        expect_refused(d, spec, ERROR_TRIGGER_NOT_SUPPORTED);
        spec.trigger = (Trigger){ .kind = TRIGGER_APPLICATION };
        expect_refused(d, spec, ERROR_INVALID_ARGUMENT);
        spec.conditions = 0;
        expect_refused(d, spec, ERROR_CLASS_NOT_REGISTERED);
        driver_free(d);
}

static void contradictory_conditions_are_refused_by_table_2_1(void **state)
{
        static const uint8_t pairs[][2] = {
                { CONDITION_USER_PRESENT, CONDITION_USER_NOT_PRESENT },
                { CONDITION_INTERNET_AVAILABLE, CONDITION_INTERNET_NOT_AVAILABLE },
                { CONDITION_SESSION_CONNECTED, CONDITION_SESSION_DISCONNECTED },
                { CONDITION_FREE_NETWORK_AVAILABLE, CONDITION_INTERNET_NOT_AVAILABLE },
        };
        Driver *d = driver_new_with_package();

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                TaskSpec spec = driver_spec("a");

                spec.conditions = CONDITION_BIT(pairs[i][0]) | CONDITION_BIT(pairs[i][1]);
                expect_refused(d, spec, ERROR_CONDITIONS_CONTRADICT);
        }
        driver_free(d);
}

static void every_trigger_with_a_meaning_is_accepted(void **state)
{
        static const uint8_t types[] = {
                SYSTEM_USER_PRESENT,      SYSTEM_USER_AWAY,        SYSTEM_NETWORK_STATE_CHANGE,
                SYSTEM_INTERNET_AVAILABLE, SYSTEM_SESSION_CONNECTED, SYSTEM_SERVICING_COMPLETE,
                SYSTEM_TIME_ZONE_CHANGE,  SYSTEM_BACKGROUND_WORK_COST_CHANGE, SYSTEM_POWER_STATE_CHANGE,
        };
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("interval");

        driver_must_register(d, spec);
        spec.name = "time";
        spec.trigger = (Trigger){ .kind = TRIGGER_TIME, .period_usec = 15 * USEC_PER_MINUTE };
        driver_must_register(d, spec);
        spec.name = "maintenance";
        spec.trigger.kind = TRIGGER_MAINTENANCE;
        driver_must_register(d, spec);
        driver_must_register(d, driver_request_spec("request"));
        spec.name = "custom";
        spec.trigger = (Trigger){ .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "hello" };
        driver_must_register(d, spec);
        spec.name = "in-process";
        spec.clsid = UUID_NULL;
        driver_must_register(d, spec);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                char name[] = { (char)('a' + i), '\0' };

                driver_must_register(d, driver_event_spec(name, types[i]));
        }
        driver_free(d);
}

/* Field by field: what lies between the fields is not copied by every compiler. */
static void assert_same_values(const TaskSpec *a, const TaskSpec *b)
{
        assert_int_equal(a->trigger.kind, b->trigger.kind);
        assert_int_equal(a->trigger.one_shot, b->trigger.one_shot);
        assert_int_equal(a->trigger.system_type, b->trigger.system_type);
        assert_int_equal(a->trigger.period_usec, b->trigger.period_usec);
        assert_int_equal(a->trigger.window_usec, b->trigger.window_usec);
        assert_true(uuid_equal(a->clsid, b->clsid));
        assert_int_equal(a->has_entry_point, b->has_entry_point);
        assert_int_equal(a->conditions, b->conditions);
        assert_int_equal(a->cancel_on_condition_loss, b->cancel_on_condition_loss);
        assert_int_equal(a->network_requested, b->network_requested);
        assert_int_equal(a->overlap, b->overlap);
        assert_int_equal(a->catch_up, b->catch_up);
        assert_int_equal(a->rerun, b->rerun);
        assert_int_equal(a->retry_max, b->retry_max);
        assert_int_equal(a->catch_up_window_usec, b->catch_up_window_usec);
        assert_int_equal(a->retry_backoff_usec, b->retry_backoff_usec);
        assert_int_equal(a->time_limit_usec, b->time_limit_usec);
        assert_int_equal(a->expires_usec, b->expires_usec);
        assert_int_equal(a->deadline_usec, b->deadline_usec);
}

static void what_was_registered_is_given_back(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a name that does not fit into the record itself");
        TaskInfo info;
        Uuid id;

        spec.group = "group";
        spec.options = "{\"opaque\":1}";
        spec.trigger.window_usec = USEC_PER_MINUTE;
        spec.conditions = CONDITION_BIT(CONDITION_USER_PRESENT);
        spec.cancel_on_condition_loss = true;
        spec.network_requested = true;
        spec.overlap = OVERLAP_PARALLEL;
        spec.catch_up = CATCH_UP_ALL;
        spec.catch_up_window_usec = USEC_PER_DAY;
        spec.rerun = RERUN_ONCE;
        spec.retry_max = 3;
        spec.retry_backoff_usec = 4;
        spec.time_limit_usec = 5;
        spec.expires_usec = 6;
        spec.deadline_usec = 7;
        id = driver_must_register(d, spec);
        info = driver_info(d, id);
        assert_string_equal(info.row.spec.name, spec.name);
        assert_string_equal(info.row.spec.package, spec.package);
        assert_string_equal(info.row.spec.group, spec.group);
        assert_string_equal(info.row.spec.options, spec.options);
        assert_same_values(&info.row.spec, &spec);
        assert_true(info.row.registered_real_usec == d->now.real_usec);
        assert_true(info.triggers[0].next_earliest_boot_usec == d->now.boot_usec + USEC_PER_HOUR);
        assert_true(info.triggers[0].next_latest_boot_usec == d->now.boot_usec + USEC_PER_HOUR + USEC_PER_MINUTE);
        driver_free(d);
}

static void table_2_2_with_no_such_name_registers_whatever_the_policy(void **state)
{
        Driver *d = driver_new_with_package();

        for (uint8_t policy = IF_EXISTS_FAIL; policy <= IF_EXISTS_DUPLICATE; policy++) {
                char name[] = { (char)('a' + policy), '\0' };
                DriverReply *reply = driver_register(d, driver_spec(name), policy);

                assert_int_equal(reply->error, ERROR_NONE);
                assert_false(reply->existed);
        }
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 5);
        assert_int_equal(driver_register(d, driver_spec("z"), 5)->error, ERROR_INVALID_ARGUMENT);
        driver_free(d);
}

static void table_2_2_with_one_of_that_name(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        DriverReply *reply;

        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_FAIL)->error, ERROR_NAME_TAKEN);
        reply = driver_register(d, driver_spec("a"), IF_EXISTS_KEEP);
        assert_true(uuid_equal(reply->id, id) && reply->existed);
        reply = driver_register(d, driver_spec("a"), IF_EXISTS_UPDATE);
        assert_true(uuid_equal(reply->id, id));
        reply = driver_register(d, driver_spec("a"), IF_EXISTS_REPLACE);
        assert_int_equal(reply->error, ERROR_NONE);
        assert_false(uuid_equal(reply->id, id));
        assert_int_equal(d->n_notified[NOTIFY_UNREGISTERED], 1);
        assert_int_equal(driver_n_stored_tasks(d), 1);
        reply = driver_register(d, driver_spec("a"), IF_EXISTS_DUPLICATE);
        assert_int_equal(reply->error, ERROR_NONE);
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 2);
        assert_int_equal(driver_n_stored_tasks(d), 2);
        driver_free(d);
}

static void table_2_2_with_several_of_that_name(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid oldest = driver_must_register(d, driver_spec("a"));
        DriverReply *reply;

        driver_register(d, driver_spec("a"), IF_EXISTS_DUPLICATE);
        driver_register(d, driver_spec("a"), IF_EXISTS_DUPLICATE);
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_FAIL)->error, ERROR_NAME_TAKEN);
        reply = driver_register(d, driver_spec("a"), IF_EXISTS_KEEP);
        assert_true(uuid_equal(reply->id, oldest));
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_UPDATE)->error, ERROR_AMBIGUOUS);
        reply = driver_register(d, driver_spec("a"), IF_EXISTS_REPLACE);
        assert_int_equal(reply->error, ERROR_NONE);
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 1);
        assert_int_equal(driver_n_stored_tasks(d), 1);
        driver_free(d);
}

static void the_oldest_of_a_name_can_go_and_the_next_is_kept(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid first = driver_must_register(d, driver_spec("a"));
        Uuid second = driver_register(d, driver_spec("a"), IF_EXISTS_DUPLICATE)->id;
        TaskInfo infos[4];

        assert_int_equal(driver_unregister(d, first, false)->error, ERROR_NONE);
        assert_true(uuid_equal(driver_register(d, driver_spec("a"), IF_EXISTS_KEEP)->id, second));
        assert_int_equal(engine_list_tasks(d->engine, DRIVER_PACKAGE, "a", NULL, UUID_NULL, infos, 4), 1);
        driver_unregister(d, second, false);
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_FAIL)->error, ERROR_NONE);
        driver_free(d);
}

static void a_registering_task_is_not_listed_found_or_fired_and_holds_its_name(void **state)
{
        Driver *d = driver_new_with_package();
        DriverReply *first, *second;
        TaskInfo info;

        d->hold_commits = true;
        first = driver_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE), IF_EXISTS_FAIL);
        second = driver_register(d, driver_spec("a"), IF_EXISTS_FAIL);
        assert_int_equal(first->n + second->n, 0);
        assert_int_equal(engine_list_tasks(d->engine, NULL, NULL, NULL, UUID_NULL, &info, 1), 0);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_launched, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(first->error, ERROR_NONE);
        assert_int_equal(second->n, 1);
        assert_int_equal(second->error, ERROR_NAME_TAKEN);
        assert_int_equal(engine_list_tasks(d->engine, NULL, NULL, NULL, UUID_NULL, &info, 1), 1);
        driver_free(d);
}

static void a_registration_that_could_not_be_stored_is_forgotten_and_the_next_one_tried(void **state)
{
        Driver *d = driver_new_with_package();
        DriverReply *first, *second;

        d->hold_commits = true;
        first = driver_register(d, driver_spec("a"), IF_EXISTS_FAIL);
        second = driver_register(d, driver_spec("a"), IF_EXISTS_FAIL);
        driver_answer_commits(d, -ENOSPC);
        assert_int_equal(first->error, ERROR_STORE_FULL);
        assert_int_equal(first->store_error, -ENOSPC);
        assert_int_equal(second->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(second->error, ERROR_NONE);
        assert_int_equal(engine_get_counts(d->engine).n_tasks, 1);
        driver_free(d);
}

static void requests_that_wait_are_judged_in_their_order(void **state)
{
        Driver *d = driver_new_with_package();
        DriverReply *keep, *fail, *replace, *update;

        d->hold_commits = true;
        driver_register(d, driver_spec("a"), IF_EXISTS_FAIL);
        replace = driver_register(d, driver_spec("a"), IF_EXISTS_REPLACE);
        keep = driver_register(d, driver_spec("a"), IF_EXISTS_KEEP);
        update = driver_register(d, driver_spec("a"), IF_EXISTS_UPDATE);
        fail = driver_register(d, driver_spec("a"), IF_EXISTS_FAIL);
        driver_answer_commits(d, 0);
        assert_int_equal(replace->n + keep->n + update->n + fail->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(replace->n, 1);
        assert_int_equal(keep->n, 1);
        assert_true(uuid_equal(keep->id, replace->id));
        assert_int_equal(update->n + fail->n, 0);
        driver_answer_commits(d, 0);
        assert_true(uuid_equal(update->id, replace->id));
        assert_int_equal(fail->error, ERROR_NAME_TAKEN);
        driver_free(d);
}

static void a_failed_update_leaves_the_old_options(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        TaskSpec spec = driver_spec("a");

        spec.trigger.period_usec = USEC_PER_DAY;
        spec.options = "something that is too long to be inside";
        spec.retry_max = 4;
        d->commit_error = -EIO;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_UPDATE)->error, ERROR_STORE_FAILED);
        assert_true(driver_info(d, id).row.spec.trigger.period_usec == USEC_PER_HOUR);
        assert_int_equal(driver_info(d, id).row.spec.retry_max, 0);
        d->commit_error = 0;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_UPDATE)->error, ERROR_NONE);
        assert_true(driver_info(d, id).row.spec.trigger.period_usec == USEC_PER_DAY);
        assert_int_equal(driver_info(d, id).row.spec.retry_max, 4);
        driver_free(d);
}

static void an_updating_task_fires_with_its_old_options(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        TaskSpec spec = driver_spec("a");

        spec.trigger.period_usec = 2 * USEC_PER_HOUR;
        driver_advance(d, USEC_PER_HOUR - 1);
        d->hold_commits = true;
        driver_register(d, spec, IF_EXISTS_UPDATE);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_launched, 1);
        driver_answer_commits(d, 0);
        driver_answer_commits(d, 0);
        /* The phase is that of the firing in between. */
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec ==
                    d->now.boot_usec - USEC_PER_MINUTE + 1 + 2 * USEC_PER_HOUR);
        driver_free(d);
}

static void an_update_of_the_period_keeps_the_phase_but_is_never_due_before_now(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t registered = d->now.boot_usec;
        TaskSpec spec = driver_spec("a");

        driver_advance(d, 30 * USEC_PER_MINUTE);
        spec.trigger.period_usec = 40 * USEC_PER_MINUTE;
        driver_register(d, spec, IF_EXISTS_UPDATE);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == registered + 40 * USEC_PER_MINUTE);
        spec.trigger.period_usec = 10 * USEC_PER_MINUTE;
        d->hold_commits = true;
        driver_register(d, spec, IF_EXISTS_UPDATE);
        d->hold_commits = false;
        driver_settle(d);
        /* Due at once, as one firing and not as three. */
        assert_int_equal(driver_last_run(d)->count, 1);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == d->now.boot_usec + 10 * USEC_PER_MINUTE);
        driver_free(d);
}

static void an_update_of_anything_else_keeps_the_phase(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t due = driver_info(d, id).triggers[0].next_earliest_boot_usec;
        TaskSpec spec = driver_spec("a");

        driver_advance(d, 30 * USEC_PER_MINUTE);
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_register(d, spec, IF_EXISTS_UPDATE);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == due);
        driver_free(d);
}

static void an_update_of_the_kind_of_trigger_begins_a_new_phase_and_listens_elsewhere(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        driver_advance(d, 30 * USEC_PER_MINUTE);
        driver_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE), IF_EXISTS_UPDATE);
        driver_advance(d, USEC_PER_DAY);
        assert_int_equal(d->n_launched, 0);
        driver_register(d, driver_spec("a"), IF_EXISTS_UPDATE);
        assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec == d->now.boot_usec + USEC_PER_HOUR);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_launched, 0);
        driver_free(d);
}

static void pending_firings_of_an_updated_task_are_judged_by_its_new_conditions(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_launched, 0);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        spec.conditions = 0;
        driver_register(d, spec, IF_EXISTS_UPDATE);
        assert_int_equal(d->n_launched, 1);
        driver_free(d);
}

static void unregister_ends_pending_firings_and_lets_live_runs_finish(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.retry_max = 5;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_live, 1);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        assert_int_equal(driver_unregister(d, id, false)->error, ERROR_NONE);
        assert_int_equal(d->n_ended, 1);
        assert_int_equal(d->ended[0].outcome, OUTCOME_CANCELED);
        assert_int_equal(d->ended[0].reason, REASON_ABORT);
        assert_int_equal(d->n_cancels, 0);
        /* Its row is there for the live run. */
        assert_int_equal(driver_n_stored_tasks(d), 1);
        assert_int_equal(driver_unregister(d, id, false)->error, ERROR_NO_SUCH_TASK);
        /* There is nothing left to retry for. */
        driver_complete(d, -EIO);
        assert_int_equal(d->n_history, 2);
        assert_int_equal(d->history[1].outcome, OUTCOME_FAILED);
        assert_string_equal(d->history[1].name, "a");
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void unregister_with_cancel_cancels_live_runs_with_abort(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        driver_advance(d, USEC_PER_HOUR);
        driver_unregister(d, id, true);
        assert_int_equal(d->n_cancels, 1);
        assert_int_equal(d->cancels[0].reason, REASON_ABORT);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        driver_free(d);
}

static void while_unregistering_all_is_left_alone_and_a_failure_restores_it(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        DriverReply *reply, *waits;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.expires_usec = USEC_PER_MINUTE;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        d->hold_commits = true;
        reply = driver_unregister(d, id, false);
        waits = driver_unregister(d, id, false);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        driver_advance(d, 2 * USEC_PER_MINUTE);
        assert_true(driver_why(d, id, WHY_UNREGISTERING));
        assert_true(driver_info(d, id).unregistering);
        assert_int_equal(d->n_launched, 0);
        assert_int_equal(d->n_ended, 0);
        driver_answer_commits(d, -EIO);
        assert_int_equal(reply->error, ERROR_STORE_FAILED);
        assert_int_equal(waits->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(waits->error, ERROR_NONE);
        assert_int_equal(d->n_ended, 1);
        driver_free(d);
}

static void a_failed_unregister_leaves_no_row_of_a_run_that_was_to_be_tried_again(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        uint64_t first;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        d->launch = LAUNCH_HOLD;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        driver_unregister(d, id, false);
        driver_server_gone(d, driver_last_server(d), false, 1);
        /* The row of the first firing is answered after all others. */
        first = d->held[0];
        memmove(d->held, d->held + 1, --d->n_held * sizeof d->held[0]);
        driver_answer_commits(d, -EIO);
        driver_cancel(d, id, REASON_USER);
        d->held[d->n_held++] = first;
        for (unsigned i = 0; i < 4; i++)
                driver_answer_commits(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(driver_n_stored_pending(d), 0);
        driver_free(d);
}

static void the_quota_of_registrations_is_not_asked_for_what_replaces(void **state)
{
        EngineLimits limits = engine_default_limits;
        DriverReply *reply;
        Driver *d;

        limits.registrations_per_package = 1;
        d = driver_new(&limits);
        driver_install(d, DRIVER_PACKAGE, 1);
        driver_must_register(d, driver_spec("a"));
        reply = driver_register(d, driver_spec("b"), IF_EXISTS_FAIL);
        assert_int_equal(reply->error, ERROR_QUOTA_EXCEEDED);
        assert_int_equal(reply->limit, 1);
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_DUPLICATE)->error, ERROR_QUOTA_EXCEEDED);
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_KEEP)->error, ERROR_NONE);
        assert_int_equal(driver_register(d, driver_spec("a"), IF_EXISTS_UPDATE)->error, ERROR_NONE);
        reply = driver_register(d, driver_spec("a"), IF_EXISTS_REPLACE);
        assert_int_equal(reply->error, ERROR_NONE);
        driver_unregister(d, reply->id, false);
        assert_int_equal(driver_register(d, driver_spec("b"), IF_EXISTS_FAIL)->error, ERROR_NONE);
        driver_free(d);
}

static void registrations_are_listed_in_pages_in_the_order_of_their_ids(void **state)
{
        Driver *d = driver_new_with_package();
        TaskInfo infos[7];
        Uuid after = UUID_NULL;
        size_t n, total = 0;

        for (unsigned i = 0; i < 400; i++) {
                char name[] = { (char)('a' + i % 26), (char)('a' + i / 26), '\0' };
                TaskSpec spec = driver_spec(name);

                spec.group = i % 2 ? "odd" : NULL;
                driver_must_register(d, spec);
        }
        while ((n = engine_list_tasks(d->engine, DRIVER_PACKAGE, NULL, "odd", after, infos, 7))) {
                for (size_t i = 0; i < n; i++) {
                        assert_true(uuid_compare(after, infos[i].row.id) < 0);
                        assert_string_equal(infos[i].row.spec.group, "odd");
                        after = infos[i].row.id;
                }
                total += n;
        }
        assert_int_equal(total, 200);
        assert_int_equal(engine_list_tasks(d->engine, DRIVER_PACKAGE, NULL, "", UUID_NULL, infos, 7), 7);
        assert_string_equal(infos[0].row.spec.group, "");
        assert_int_equal(engine_list_tasks(d->engine, DRIVER_PACKAGE, "ba", NULL, UUID_NULL, infos, 7), 1);
        assert_int_equal(engine_list_tasks(d->engine, "none", NULL, NULL, UUID_NULL, infos, 7), 0);
        driver_free(d);
}

static void a_paused_task_latches_its_firings_until_it_is_resumed(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        assert_int_equal(driver_pause(d, id, true)->error, ERROR_NONE);
        assert_true(driver_info(d, id).row.paused);
        assert_true(driver_why(d, id, WHY_PAUSED));
        driver_advance(d, 2 * USEC_PER_HOUR);
        assert_int_equal(d->n_launched, 0);
        assert_true(driver_why(d, id, WHY_PAUSED));
        driver_restart(d, false);
        assert_true(driver_info(d, id).row.paused);
        assert_int_equal(driver_pause(d, id, false)->error, ERROR_NONE);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_last_run(d)->count, 2);
        d->commit_error = -EIO;
        assert_int_equal(driver_pause(d, id, true)->error, ERROR_STORE_FAILED);
        assert_false(driver_info(d, id).row.paused);
        driver_free(d);
}

static void task_ids_are_in_the_order_of_registration(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid last = UUID_NULL;

        for (int i = 0; i < 50; i++) {
                char name[16];
                Uuid id;

                snprintf(name, sizeof name, "task %d", i);
                id = driver_register(d, driver_spec(name), IF_EXISTS_FAIL)->id;
                assert_true(uuid_compare(last, id) < 0);
                last = id;
                if (i % 3 == 0)
                        driver_advance(d, USEC_PER_SEC);
        }
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(task_ids_are_in_the_order_of_registration),
                cmocka_unit_test(each_check_of_table_2_answers_its_error_and_changes_nothing),
                cmocka_unit_test(the_first_check_that_fails_answers),
                cmocka_unit_test(contradictory_conditions_are_refused_by_table_2_1),
                cmocka_unit_test(every_trigger_with_a_meaning_is_accepted),
                cmocka_unit_test(what_was_registered_is_given_back),
                cmocka_unit_test(table_2_2_with_no_such_name_registers_whatever_the_policy),
                cmocka_unit_test(table_2_2_with_one_of_that_name),
                cmocka_unit_test(table_2_2_with_several_of_that_name),
                cmocka_unit_test(the_oldest_of_a_name_can_go_and_the_next_is_kept),
                cmocka_unit_test(a_registering_task_is_not_listed_found_or_fired_and_holds_its_name),
                cmocka_unit_test(a_registration_that_could_not_be_stored_is_forgotten_and_the_next_one_tried),
                cmocka_unit_test(requests_that_wait_are_judged_in_their_order),
                cmocka_unit_test(a_failed_update_leaves_the_old_options),
                cmocka_unit_test(an_updating_task_fires_with_its_old_options),
                cmocka_unit_test(an_update_of_the_period_keeps_the_phase_but_is_never_due_before_now),
                cmocka_unit_test(an_update_of_anything_else_keeps_the_phase),
                cmocka_unit_test(an_update_of_the_kind_of_trigger_begins_a_new_phase_and_listens_elsewhere),
                cmocka_unit_test(pending_firings_of_an_updated_task_are_judged_by_its_new_conditions),
                cmocka_unit_test(unregister_ends_pending_firings_and_lets_live_runs_finish),
                cmocka_unit_test(unregister_with_cancel_cancels_live_runs_with_abort),
                cmocka_unit_test(while_unregistering_all_is_left_alone_and_a_failure_restores_it),
                cmocka_unit_test(a_failed_unregister_leaves_no_row_of_a_run_that_was_to_be_tried_again),
                cmocka_unit_test(the_quota_of_registrations_is_not_asked_for_what_replaces),
                cmocka_unit_test(registrations_are_listed_in_pages_in_the_order_of_their_ids),
                cmocka_unit_test(a_paused_task_latches_its_firings_until_it_is_resumed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
