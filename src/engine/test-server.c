/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 7: servers and their class objects. */

#include <errno.h>

#include "engine/test-driver.h"

static DriverReply *ask_to_go(Driver *d, uint64_t server)
{
        Event event = { .type = EVENT_ASK_TO_GO };

        event.process.server = server;
        return driver_ask(d, event);
}

static Driver *with_live_run(void)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_runs, 1);
        return d;
}

static void a_server_with_a_run_is_told_to_stay(void **state)
{
        Driver *d = with_live_run();

        assert_int_equal(ask_to_go(d, driver_last_server(d))->number, 0);
        driver_complete(d, 0);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_launched, 1);
        driver_free(d);
}

static void a_server_may_go_when_its_outcomes_are_stored_and_gets_no_run_in_the_meantime(void **state)
{
        Driver *d = with_live_run();
        uint64_t server = driver_last_server(d);
        DriverReply *reply, *second;

        d->hold_commits = true;
        driver_complete(d, 0);
        reply = ask_to_go(d, server);
        assert_int_equal(reply->n, 0);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_launched, 2);
        second = ask_to_go(d, server);
        assert_int_equal(reply->n, 1);
        assert_int_equal(reply->number, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(second->number, 1);
        assert_int_equal(ask_to_go(d, server)->number, 1);
        assert_int_equal(driver_register_class(d, server, driver_clsid, 1)->error, ERROR_SHUTTING_DOWN);
        driver_server_gone(d, server, false, 0);
        assert_int_equal(d->n_released, 1);
        driver_free(d);
}

static void a_server_that_is_being_launched_is_told_to_stay(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        d->launch = LAUNCH_HOLD;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(ask_to_go(d, driver_last_server(d))->number, 0);
        driver_free(d);
}

static void a_server_that_is_being_stopped_may_go_and_registers_nothing(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server;

        driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        d->launch = LAUNCH_HOLD;
        d->ignore_signals = true;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        server = driver_last_server(d);
        driver_advance(d, 60 * USEC_PER_SEC);
        assert_int_equal(driver_register_class(d, server, driver_clsid, 1)->error, ERROR_SHUTTING_DOWN);
        assert_int_equal(ask_to_go(d, server)->number, 1);
        driver_free(d);
}

static void classes_that_the_manifest_does_not_declare_are_refused(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server = driver_attach(d);
        Uuid unknown = { { 9 } };

        assert_int_equal(driver_register_class(d, server, unknown, 1)->error, ERROR_CLASS_NOT_YOURS);
        assert_int_equal(driver_register_class(d, 99, driver_clsid, 1)->error, ERROR_NOT_A_SERVER);
        assert_int_equal(ask_to_go(d, 99)->error, ERROR_NOT_A_SERVER);
        driver_free(d);
}

static void a_server_can_register_a_limited_number_of_class_objects(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_CLASS_REGISTERED, .token = 1 };
        unsigned n = 0;

        event.class_object.server = driver_attach(d);
        event.class_object.clsid = driver_clsid;
        do {
                driver_feed(d, event);
                assert_true(++n < 10000);
        } while (d->replies[1].error == ERROR_NONE);
        assert_int_equal(d->replies[1].error, ERROR_QUOTA_EXCEEDED);
        driver_free(d);
}

static void what_a_server_says_after_it_has_gone_is_nothing(void **state)
{
        Driver *d = with_live_run();
        uint64_t server = driver_last_server(d);

        d->hold_commits = true;
        driver_server_gone(d, server, false, 0);
        assert_int_equal(d->n_released, 0);
        driver_complete(d, 0);
        driver_acknowledge(d);
        assert_int_equal(d->n_recorded + d->n_cancels, 0);
        assert_int_equal(driver_register_class(d, server, driver_clsid, 1)->error, ERROR_NOT_A_SERVER);
        driver_answer_commits(d, 0);
        d->hold_commits = false;
        driver_settle(d);
        assert_int_equal(d->n_released, 1);
        assert_int_equal(d->n_recorded, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_ABANDONED);
        driver_free(d);
}

static void registering_the_same_class_again_gives_a_second_cookie(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t server = driver_attach(d);
        uint32_t first = driver_register_class(d, server, driver_clsid, 1)->number;
        uint32_t second = driver_register_class(d, server, driver_clsid, 1)->number;

        assert_true(first != 0 && second != 0 && first != second);
        driver_free(d);
}

static void sixty_seconds_without_a_second_class_give_up_only_those_that_wait_for_it(void **state)
{
        Driver *d = with_live_run();
        TaskSpec spec = driver_event_spec("b", SYSTEM_NETWORK_STATE_CHANGE);
        uint64_t server = driver_last_server(d);

        /* ExeServer 0 has lost the other class to ExeServer 1; b's server registers the wrong one. */
        spec.clsid = driver_other_clsid;
        driver_must_register(d, spec);
        d->launch = LAUNCH_HOLD;
        driver_raise(d, SYSTEM_NETWORK_STATE_CHANGE);
        assert_int_equal(d->n_launched, 2);
        driver_register_class(d, driver_last_server(d), driver_clsid, 1);
        driver_advance(d, 60 * USEC_PER_SEC);
        assert_int_equal(d->n_signals, 0);
        assert_true(driver_last_server(d) != server);
        assert_true(d->n_launched == 2);
        driver_advance(d, 2 * USEC_PER_SEC);
        assert_int_equal(d->n_launched, 3);
        driver_free(d);
}

static void a_stop_before_the_spawn_was_reported_is_made_up_for(void **state)
{
        Driver *d = driver_new_with_package();
        Event remove = { .type = EVENT_REMOVE }, spawned = { .type = EVENT_SPAWNED };

        driver_must_register(d, driver_request_spec("a"));
        {
                /* The launch is under way while the package is removed. */
                Event fire = { .type = EVENT_RUN_NOW, .time = d->now };
                TaskInfo info;

                assert_int_equal(engine_list_tasks(d->engine, NULL, NULL, NULL, UUID_NULL, &info, 1), 1);
                fire.task.task = info.row.id;
                effects_clear(&d->effects);
                engine_feed(d->engine, &fire, &d->effects);
        }
        effects_clear(&d->effects);
        remove.package.name = DRIVER_PACKAGE;
        driver_ask(d, remove);
        assert_int_equal(d->n_signals, 0);
        spawned.process.server = 1;
        driver_feed(d, spawned);
        assert_int_equal(d->n_signals, 1);
        assert_int_equal(d->signals[0].number, 15);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_server_with_a_run_is_told_to_stay),
                cmocka_unit_test(a_server_may_go_when_its_outcomes_are_stored_and_gets_no_run_in_the_meantime),
                cmocka_unit_test(a_server_that_is_being_launched_is_told_to_stay),
                cmocka_unit_test(a_server_that_is_being_stopped_may_go_and_registers_nothing),
                cmocka_unit_test(classes_that_the_manifest_does_not_declare_are_refused),
                cmocka_unit_test(a_server_can_register_a_limited_number_of_class_objects),
                cmocka_unit_test(what_a_server_says_after_it_has_gone_is_nothing),
                cmocka_unit_test(registering_the_same_class_again_gives_a_second_cookie),
                cmocka_unit_test(sixty_seconds_without_a_second_class_give_up_only_those_that_wait_for_it),
                cmocka_unit_test(a_stop_before_the_spawn_was_reported_is_made_up_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
