/* SPDX-License-Identifier: MIT */

/* Events whose teller waits for an answer, as push messages are: docs/semantics.md, 4.5. */

#include <errno.h>
#include <string.h>

#include "engine/test-driver.h"

static TaskSpec push_spec(const char *name, const char *token)
{
        TaskSpec spec = driver_event_spec(name, 0);

        spec.trigger = (Trigger){ .kind = TRIGGER_PUSH_NOTIFICATION, .text = token };
        return spec;
}

static DriverReply *push(Driver *d, const char *token, const char *message)
{
        Event event = { .type = EVENT_RAISE };

        event.raise.kind = TRIGGER_PUSH_NOTIFICATION;
        event.raise.text = token;
        event.raise.details = message;
        event.raise.n_details = strlen(message);
        return driver_ask(d, event);
}

static void a_message_is_answered_when_it_is_stored_and_not_when_its_server_is_started(void **state)
{
        Driver *d = driver_new_with_package();
        DriverReply *reply;

        driver_must_register(d, push_spec("a", "x"));
        d->hold_commits = true;
        reply = push(d, "x", "hello");
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(reply->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(reply->n, 1);
        assert_int_equal(reply->error, ERROR_NONE);
        assert_true(uuid_equal(reply->id, driver_last_run(d)->run));
        driver_free(d);
}

static void what_was_merged_into_a_firing_is_answered_when_that_is_stored_again(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = push_spec("a", "x");
        DriverReply *first, *second;
        RunInfo info;
        Uuid id;

        spec.overlap = OVERLAP_BUFFER_ONE;
        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        first = push(d, "x", "one");
        second = push(d, "x", "two");
        assert_int_equal(d->n_held, 1);
        driver_answer_commits(d, 0);
        assert_int_equal(first->n + second->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(first->n, 1);
        assert_int_equal(second->n, 1);
        assert_int_equal(engine_get_runs(d->engine, id, 0, &info, 1), 1);
        assert_memory_equal(info.details, "two", 3);
        driver_free(d);
}

static void each_message_is_a_firing_of_its_own_unless_the_task_wants_it_otherwise(void **state)
{
        EngineLimits limits = engine_default_limits;
        TaskSpec spec = push_spec("a", "x");
        RunInfo infos[3];
        Driver *d;
        Uuid id;

        limits.pending_per_task = 2;
        d = driver_new(&limits);
        driver_install(d, DRIVER_PACKAGE, 1);
        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        assert_int_equal(push(d, "x", "same")->error, ERROR_NONE);
        assert_int_equal(push(d, "x", "same")->error, ERROR_NONE);
        assert_int_equal(push(d, "x", "more")->error, ERROR_QUOTA_EXCEEDED);
        assert_int_equal(engine_get_runs(d->engine, id, 0, infos, 3), 2);
        assert_int_equal(infos[1].n_details, 4);
        spec = push_spec("b", "y");
        spec.overlap = OVERLAP_SKIP;
        driver_must_register(d, spec);
        assert_int_equal(push(d, "y", "first")->error, ERROR_NONE);
        assert_int_equal(push(d, "y", "second")->error, ERROR_CURRENTLY_RUNNING);
        driver_free(d);
}

static void what_could_not_be_stored_or_nobody_hears_is_answered_so(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = push_spec("a", "x");
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        assert_int_equal(push(d, "other", "hello")->error, ERROR_NO_SUCH_TASK);
        d->commit_error = -EIO;
        assert_int_equal(push(d, "x", "hello")->error, ERROR_STORE_FAILED);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        d->commit_error = 0;
        driver_skip(d, id, true);
        assert_int_equal(push(d, "x", "skipped")->error, ERROR_NONE);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        driver_unregister(d, id, true);
        assert_int_equal(push(d, "x", "late")->error, ERROR_NO_SUCH_TASK);
        driver_free(d);
}

static void of_several_that_hear_it_the_first_is_answered(void **state)
{
        Driver *d = driver_new_with_package();
        DriverReply *reply;

        driver_must_register(d, push_spec("a", "x"));
        driver_must_register(d, push_spec("b", "x"));
        reply = push(d, "x", "hello");
        assert_int_equal(reply->n, 1);
        assert_int_equal(d->n_runs, 2);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_is_answered_when_it_is_stored_and_not_when_its_server_is_started),
                cmocka_unit_test(what_was_merged_into_a_firing_is_answered_when_that_is_stored_again),
                cmocka_unit_test(each_message_is_a_firing_of_its_own_unless_the_task_wants_it_otherwise),
                cmocka_unit_test(what_could_not_be_stored_or_nobody_hears_is_answered_so),
                cmocka_unit_test(of_several_that_hear_it_the_first_is_answered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
