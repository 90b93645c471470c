/* SPDX-License-Identifier: MIT */

/* What the test kit says when something is not as it should be, and what it leaves behind. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bgtask/manage.h>
#include <bgtask/test.h>

static const char *real_broker;

static int set_up(void **state)
{
        setenv("BGTASK_BROKER", real_broker, 1);
        return 0;
}

static void a_program_that_is_not_there_is_no_broker(void **state)
{
        bgt_test_broker *broker = NULL;

        setenv("BGTASK_BROKER", "/nowhere/bgtaskd", 1);
        assert_int_equal(bgt_test_broker_new(&broker), -ENOENT);
        assert_null(broker);
}

static void a_program_that_ends_is_no_broker(void **state)
{
        bgt_test_broker *broker = NULL;

        setenv("BGTASK_BROKER", "/bin/false", 1);
        assert_int_equal(bgt_test_broker_new(&broker), -ECHILD);
        assert_null(broker);
}

static void there_is_one_at_a_time_and_it_leaves_nothing(void **state)
{
        bgt_test_broker *broker = NULL, *second = NULL;
        char folder[128];
        struct stat st;

        setenv("XDG_DATA_HOME", "/before", 1);
        assert_int_equal(bgt_test_broker_new(&broker), 0);
        assert_int_equal(bgt_test_broker_new(&second), -EBUSY);
        snprintf(folder, sizeof folder, "%s", bgt_test_broker_folder(broker));
        assert_int_equal(stat(folder, &st), 0);
        assert_string_not_equal(getenv("XDG_DATA_HOME"), "/before");
        bgt_test_broker_free(broker);
        assert_int_equal(stat(folder, &st), -1);
        assert_string_equal(getenv("XDG_DATA_HOME"), "/before");
        assert_null(getenv("BGTASK_PACKAGE"));
        bgt_test_broker_free(NULL);
        unsetenv("XDG_DATA_HOME");
}

static void a_package_that_is_not_there_is_not_installed(void **state)
{
        bgt_test_broker *broker = NULL;

        assert_int_equal(bgt_test_broker_new(&broker), 0);
        assert_int_equal(bgt_test_broker_install(broker, "/nowhere"), -ENOENT);
        assert_int_equal(bgt_test_broker_install(broker, "/"), -ENOENT);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.NoManifest");
        assert_null(getenv("BGTASK_PACKAGE"));
        bgt_test_broker_free(broker);
}

static void a_call_goes_to_the_broker_that_comes_after_a_crash(void **state)
{
        uint64_t before = 0, after = 0;
        bgt_test_broker *broker = NULL;
        bgt *b;

        assert_int_equal(bgt_test_broker_new(&broker), 0);
        b = bgt_test_broker_connection(broker);
        assert_int_equal(bgt_test_clock_set_patience(NULL, 10000000), 0);
        assert_int_equal(bgt_test_clock_get(b, &before, NULL, NULL), 0);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(bgt_test_broker_crash(broker), 0);
                /* The process's own connection has a thread, which may not have heard of the end yet. */
                assert_int_equal(bgt_test_clock_advance(NULL, 1000000), 0);
        }
        assert_int_equal(bgt_test_clock_get(b, &after, NULL, NULL), 0);
        assert_true(after >= before + 5000000);
        bgt_test_broker_free(broker);
}

static bgt_builder *new_command(void)
{
        bgt_builder *builder = bgt_builder_new(NULL, "several");

        bgt_builder_set_command(builder, (const char *const[]){ "true", NULL });
        return builder;
}

static void a_given_trigger_of_several_is_fired(void **state)
{
        const char *const paths[] = { "/tmp/x", NULL };
        bgt_trigger *triggers[] = { bgt_trigger_interval(3600000000, 0, false),
                                    bgt_trigger_system(BGT_SYSTEM_TIME_ZONE_CHANGE, false),
                                    bgt_trigger_files(paths, true, 1000000, 1000000, false) };
        bgt_test_broker *broker = NULL;
        bgt_registration *task = NULL;
        bgt_builder *builder;
        bgt_record *row = NULL;

        assert_int_equal(bgt_test_broker_new(&broker), 0);
        builder = new_command();
        for (size_t i = 0; i < 3; i++) {
                bgt_builder_add_trigger(builder, triggers[i]);
                bgt_trigger_unref(triggers[i]);
        }
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, &task), 0);
        assert_int_equal(bgt_registration_trigger_count(task), 3);
        for (unsigned i = 1; i < 3; i++) {
                assert_int_equal(bgt_test_fire(NULL, bgt_registration_id(task), i, NULL), 0);
                assert_int_equal(bgt_test_broker_wait(broker, "several", &row), 0);
                assert_int_equal(bgt_record_uint(row, "trigger-index", 99), i);
                assert_string_equal(bgt_record_string(row, "outcome"), "completed");
                bgt_record_unref(row);
        }
        assert_int_equal(bgt_test_fire(NULL, bgt_registration_id(task), 0, NULL), -EINVAL);
        assert_int_equal(bgt_test_fire(NULL, bgt_registration_id(task), 3, NULL), -EINVAL);
        bgt_registration_unref(task);
        bgt_builder_unref(builder);
        bgt_test_broker_free(broker);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, set_up)
                T(a_program_that_is_not_there_is_no_broker),
                T(a_program_that_ends_is_no_broker),
                T(there_is_one_at_a_time_and_it_leaves_nothing),
                T(a_package_that_is_not_there_is_not_installed),
                T(a_call_goes_to_the_broker_that_comes_after_a_crash),
                T(a_given_trigger_of_several_is_fired),
        };

        real_broker = getenv("BGTASK_BROKER") ? strdup(getenv("BGTASK_BROKER")) : "";
        return cmocka_run_group_tests(tests, NULL, NULL);
}
