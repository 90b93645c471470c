/* SPDX-License-Identifier: MIT */

/* Triggers and registrations as values: what they were made with, who has them. */

#include "client/test-broker.h"

static void a_trigger_keeps_what_it_was_made_with(void **state)
{
        const struct {
                bgt_trigger *trigger;
                int kind;
                bool one_shot;
                uint32_t minutes;
                uint64_t period_usec;
                int system_type;
        } rows[] = {
                { bgt_trigger_time(15, true), BGT_TRIGGER_TIME, true, 15, 900000000, 0 },
                /* The constructor takes what register refuses. */
                { bgt_trigger_time(1, false), BGT_TRIGGER_TIME, false, 1, 60000000, 0 },
                { bgt_trigger_maintenance(43200, false), BGT_TRIGGER_MAINTENANCE, false, 43200, 2592000000000, 0 },
                { bgt_trigger_interval(5000000, 1, true), BGT_TRIGGER_INTERVAL, true, 0, 5000000, 0 },
                { bgt_trigger_system(BGT_SYSTEM_TIME_ZONE_CHANGE, false), BGT_TRIGGER_SYSTEM, false, 0, 0, 11 },
                { bgt_trigger_application(), BGT_TRIGGER_APPLICATION, false, 0, 0, 0 },
                { bgt_trigger_custom_system_event_per_boot("x"), BGT_TRIGGER_CUSTOM_SYSTEM_EVENT, false, 0, 0, 0 },
                { bgt_trigger_custom_system_event("x", true), BGT_TRIGGER_CUSTOM_SYSTEM_EVENT, true, 0, 0, 0 },
                { bgt_trigger_media_processing(), BGT_TRIGGER_MEDIA_PROCESSING, false, 0, 0, 0 },
                { bgt_trigger_device_use(), BGT_TRIGGER_DEVICE_USE, false, 0, 0, 0 },
                { bgt_trigger_device_servicing(), BGT_TRIGGER_DEVICE_SERVICING, false, 0, 0, 0 },
                { bgt_trigger_device("/dev/x", true), BGT_TRIGGER_DEVICE_CONNECTION_CHANGE, true, 0, 0, 0 },
                { bgt_trigger_calendar("daily", true), BGT_TRIGGER_CALENDAR, true, 0, 0, 0 },
                { NULL, 0, false, 0, 0, 0 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                assert_int_equal(bgt_trigger_kind(rows[i].trigger), rows[i].kind);
                assert_int_equal(bgt_trigger_one_shot(rows[i].trigger), rows[i].one_shot);
                assert_int_equal(bgt_trigger_minutes(rows[i].trigger), rows[i].minutes);
                assert_int_equal(bgt_trigger_period_usec(rows[i].trigger), rows[i].period_usec);
                assert_int_equal(bgt_trigger_system_type(rows[i].trigger), rows[i].system_type);
                if (rows[i].kind == BGT_TRIGGER_CUSTOM_SYSTEM_EVENT)
                        assert_string_equal(bgt_trigger_id(rows[i].trigger), "x");
                else if (rows[i].kind == BGT_TRIGGER_DEVICE_CONNECTION_CHANGE)
                        assert_string_equal(bgt_trigger_id(rows[i].trigger), "/dev/x");
                else
                        assert_null(bgt_trigger_id(rows[i].trigger));
                assert_int_equal(bgt_trigger_once_per_boot(rows[i].trigger), i == 6);
                bgt_trigger_unref(rows[i].trigger);
        }
}

static void a_trigger_lives_as_long_as_somebody_has_it(void **state)
{
        bgt_trigger *trigger = bgt_trigger_application();

        assert_ptr_equal(bgt_trigger_ref(trigger), trigger);
        bgt_trigger_unref(trigger);
        assert_int_equal(bgt_trigger_kind(trigger), BGT_TRIGGER_APPLICATION);
        bgt_trigger_unref(trigger);
        assert_null(bgt_trigger_ref(NULL));
        bgt_trigger_unref(NULL);
}

static void a_registration_lives_as_long_as_somebody_has_it(void **state)
{
        FakeBroker *f = fake_new();
        bgt_registration *task = NULL;

        assert_int_equal(bgt_get_task(NULL, TASK_1, &task), 0);
        assert_ptr_equal(bgt_registration_ref(task), task);
        bgt_registration_unref(task);
        assert_string_equal(bgt_registration_id(task), TASK_1);
        bgt_registration_unref(task);
        assert_null(bgt_registration_ref(NULL));
        bgt_registration_unref(NULL);
        bgt_close(NULL);
        fake_free(f);
}

static void a_trigger_of_several_tasks_cannot_be_requested_but_each_task_can(void **state)
{
        FakeBroker *f = fake_new();
        bgt_trigger *trigger = bgt_trigger_application();
        bgt_registration *task = NULL;
        int result = -1;

        for (int i = 0; i < 2; i++) {
                bgt_builder *builder = bgt_builder_new(NULL, "T");

                if (i > 0)
                        fake_set_task_id(f, RUN_2);
                bgt_builder_set_trigger(builder, trigger);
                assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_DUPLICATE, i > 0 ? &task : NULL), 0);
                bgt_builder_unref(builder);
        }
        assert_int_equal(bgt_trigger_request(trigger, NULL, &result), -ENOTUNIQ);
        assert_int_equal(bgt_registration_request(task, NULL, &result), 0);
        assert_int_equal(result, BGT_REQUEST_CURRENTLY_RUNNING);
        assert_string_equal(fake_wait(f, "Request"), "Request(" RUN_2 ", {})");
        bgt_registration_unref(task);
        bgt_trigger_unref(trigger);
        bgt_close(NULL);
        fake_free(f);
}

static void the_tasks_of_a_group_are_asked_for_by_its_id(void **state)
{
        FakeBroker *f = fake_new();
        bgt_registration **list;
        size_t n = 0;

        fake_set_tasks(f, 2, "T");
        assert_int_equal(bgt_group_all_tasks(NULL, "", &list, &n), -EINVAL);
        assert_int_equal(bgt_group_all_tasks(NULL, "app.group", &list, &n), 0);
        assert_int_equal(n, 2);
        bgt_registrations_free(list, n);
        assert_string_equal(fake_wait(f, "ListTasks"), "ListTasks(, , {group=app.group}, , 500)");
        bgt_close(NULL);
        fake_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_trigger_keeps_what_it_was_made_with),
                cmocka_unit_test(a_trigger_lives_as_long_as_somebody_has_it),
                cmocka_unit_test(a_registration_lives_as_long_as_somebody_has_it),
                cmocka_unit_test(a_trigger_of_several_tasks_cannot_be_requested_but_each_task_can),
                cmocka_unit_test(the_tasks_of_a_group_are_asked_for_by_its_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
