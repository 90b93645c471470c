/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/settings.h"

static void values_come_back_in_their_order_whatever_they_hold(void **state)
{
        static const char *const values[] = { "", "a", "two\nlines\n", "back\\slash\\n", "=", "\\", "\xc3\xa4 b=c" };
        char **list, *one;
        Buffer b = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                assert_int_equal(settings_add(&b, "arg", values[i]), 0);
                assert_int_equal(settings_add(&b, "argument", "other"), 0);
        }
        assert_int_equal(strlen((char *)b.data), b.size);
        assert_int_equal(settings_list((char *)b.data, "arg", &list), ELEMENTSOF(values));
        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                assert_string_equal(list[i], values[i]);
        assert_null(list[ELEMENTSOF(values)]);
        free(list);
        assert_int_equal(settings_get((char *)b.data, "argument", &one), 1);
        assert_string_equal(one, "other");
        free(one);
        assert_int_equal(settings_get((char *)b.data, "ar", &one), 0);
        buffer_done(&b);
}

static void no_text_and_damaged_text_have_no_values(void **state)
{
        static const char *const texts[] = { NULL, "", "\n\n", "arg", "arg\n", "xarg=1", "ar=1\n" };
        char **list;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                assert_int_equal(settings_list(texts[i], "arg", &list), 0);
                assert_null(list[0]);
                free(list);
        }
        assert_int_equal(settings_list("arg=x\\", "arg", &list), 1);
        assert_string_equal(list[0], "x\\");
        free(list);
}

static void a_number_is_all_digits_or_not_there(void **state)
{
        assert_int_equal(settings_number("n=17\n", "n", 3), 17);
        assert_int_equal(settings_number("n=18446744073709551615\n", "n", 3), UINT64_MAX);
        assert_int_equal(settings_number("n=18446744073709551616\n", "n", 3), 3);
        assert_int_equal(settings_number("n=-1\n", "n", 3), 3);
        assert_int_equal(settings_number("n=\n", "n", 3), 3);
        assert_int_equal(settings_number("m=1\n", "n", 3), 3);
        assert_int_equal(settings_number(NULL, "n", 3), 3);
}

static void a_variable_has_a_name_that_a_shell_can_say(void **state)
{
        assert_true(variable_name_is_valid("PATH", 4));
        assert_true(variable_name_is_valid("_x1", 3));
        assert_false(variable_name_is_valid("1x", 2));
        assert_false(variable_name_is_valid("a-b", 3));
        assert_false(variable_name_is_valid("", 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_come_back_in_their_order_whatever_they_hold),
                cmocka_unit_test(no_text_and_damaged_text_have_no_values),
                cmocka_unit_test(a_number_is_all_digits_or_not_there),
                cmocka_unit_test(a_variable_has_a_name_that_a_shell_can_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
