/* SPDX-License-Identifier: MIT */

/* Several triggers of one task: given to a builder, and found in a registration. */

#include "client/test-broker.h"

static FakeBroker *f;

static int set_up(void **state)
{
        f = fake_new();
        return 0;
}

static int tear_down(void **state)
{
        bgt_close(NULL);
        fake_free(f);
        return 0;
}

static void add(bgt_builder *builder, bgt_trigger *trigger)
{
        bgt_builder_add_trigger(builder, trigger);
        bgt_trigger_unref(trigger);
}

static bgt_builder *new_builder(void)
{
        bgt_builder *builder = bgt_builder_new(NULL, "SampleTask");

        bgt_builder_set_entry_point_clsid(builder, CLSID_1);
        return builder;
}

static void triggers_are_sent_in_the_order_in_which_they_were_added(void **state)
{
        bgt_builder *builder = new_builder();
        bgt_registration *task;

        add(builder, bgt_trigger_time(15, false));
        add(builder, bgt_trigger_custom_system_event("x", false));
        add(builder, bgt_trigger_application());
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, &task), 0);
        assert_string_equal(fake_wait(f, "Register"),
                            "Register(, SampleTask, (TimeTrigger, {freshness-minutes=15, one-shot=false}), [], "
                            "{clsid=" CLSID_1 ", triggers=[(CustomSystemEventTrigger, {id=x, one-shot=false}), "
                            "(ApplicationTrigger, {})]}, fail)");
        assert_int_equal(bgt_registration_trigger_count(task), 3);
        assert_int_equal(bgt_trigger_kind(bgt_registration_trigger_at(task, 0)), BGT_TRIGGER_TIME);
        assert_string_equal(bgt_trigger_id(bgt_registration_trigger_at(task, 1)), "x");
        assert_int_equal(bgt_trigger_kind(bgt_registration_trigger_at(task, 2)), BGT_TRIGGER_APPLICATION);
        assert_null(bgt_registration_trigger_at(task, 3));
        assert_ptr_equal(bgt_registration_trigger(task), bgt_registration_trigger_at(task, 0));
        bgt_builder_unref(builder);
        /* The registration has references of its own. */
        assert_string_equal(bgt_trigger_id(bgt_registration_trigger_at(task, 1)), "x");
        bgt_registration_unref(task);
}

static void a_trigger_that_is_set_takes_the_place_of_all(void **state)
{
        bgt_builder *builder = new_builder();
        bgt_trigger *trigger = bgt_trigger_time(30, false);
        bgt_registration *task;

        add(builder, bgt_trigger_application());
        add(builder, bgt_trigger_custom_system_event("x", false));
        bgt_builder_set_trigger(builder, trigger);
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, &task), 0);
        assert_int_equal(bgt_registration_trigger_count(task), 1);
        assert_ptr_equal(bgt_registration_trigger(task), trigger);
        bgt_registration_unref(task);
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
}

static void a_ninth_trigger_is_a_mistake_that_register_tells(void **state)
{
        bgt_builder *builder = new_builder();

        for (uint32_t i = 0; i < 8; i++)
                add(builder, bgt_trigger_time(15 + i, false));
        assert_int_equal(bgt_builder_validate(builder), 0);
        add(builder, bgt_trigger_time(60, false));
        assert_int_equal(bgt_builder_validate(builder), -EINVAL);
        assert_string_equal(bgt_error()->message, "a task has at most 8 triggers");
        bgt_builder_unref(builder);
}

static void what_is_wrong_with_a_further_trigger_is_told_too(void **state)
{
        bgt_builder *builder = new_builder();

        add(builder, bgt_trigger_application());
        add(builder, bgt_trigger_time(5, false));
        assert_int_equal(bgt_builder_validate(builder), -EINVAL);
        bgt_builder_unref(builder);
        builder = new_builder();
        bgt_builder_add_trigger(builder, NULL);
        assert_int_equal(bgt_builder_validate(builder), -ENOMEM);
        bgt_builder_unref(builder);
        bgt_builder_add_trigger(NULL, NULL);
}

static void a_trigger_that_was_added_can_be_requested(void **state)
{
        bgt_builder *builder = new_builder();
        bgt_trigger *trigger = bgt_trigger_application();
        int result;

        add(builder, bgt_trigger_time(15, false));
        bgt_builder_add_trigger(builder, trigger);
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, NULL), 0);
        assert_int_equal(bgt_trigger_request(trigger, NULL, &result), 0);
        assert_string_equal(fake_wait(f, "Request"), "Request(" TASK_1 ", {})");
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
}

static void a_task_that_is_found_has_all_its_triggers(void **state)
{
        bgt_registration *task;

        fake_set_tasks(f, 1, "T");
        assert_int_equal(bgt_find_task(NULL, "T", &task), 0);
        assert_int_equal(bgt_registration_trigger_count(task), 1);
        assert_null(bgt_registration_trigger_at(task, SIZE_MAX));
        bgt_registration_unref(task);
        fake_set_more_triggers(f, 3);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(i == 0 ? bgt_find_task(NULL, "T", &task) : bgt_get_task(NULL, TASK_1, &task), 0);
                assert_int_equal(bgt_registration_trigger_count(task), 4);
                assert_int_equal(bgt_trigger_minutes(bgt_registration_trigger(task)), 15);
                assert_int_equal(bgt_trigger_minutes(bgt_registration_trigger_at(task, 3)), 18);
                bgt_registration_unref(task);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(triggers_are_sent_in_the_order_in_which_they_were_added),
                T(a_trigger_that_is_set_takes_the_place_of_all),
                T(a_ninth_trigger_is_a_mistake_that_register_tells),
                T(what_is_wrong_with_a_further_trigger_is_told_too),
                T(a_trigger_that_was_added_can_be_requested),
                T(a_task_that_is_found_has_all_its_triggers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
