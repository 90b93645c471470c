/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macro.h"
#include "dbus/names.h"

#define assert_valid(f, s) assert_true(f(s, strlen(s)))
#define assert_not_valid(f, s) assert_false(f(s, strlen(s)))

static void object_paths_follow_the_grammar(void **state)
{
        assert_valid(object_path_is_valid, "/");
        assert_valid(object_path_is_valid, "/a");
        assert_valid(object_path_is_valid, "/org/bgtask/Broker1/_0");
        assert_not_valid(object_path_is_valid, "");
        assert_not_valid(object_path_is_valid, "a");
        assert_not_valid(object_path_is_valid, "/a/");
        assert_not_valid(object_path_is_valid, "//");
        assert_not_valid(object_path_is_valid, "/a//b");
        assert_not_valid(object_path_is_valid, "/a-b");
        assert_not_valid(object_path_is_valid, "/\xc3\xa4");
        assert_false(object_path_is_valid("/a\0b", 4));
}

static void interface_and_error_names_follow_the_grammar(void **state)
{
        char longest[DBUS_NAME_MAX + 2];

        assert_valid(interface_name_is_valid, "a.b");
        assert_valid(interface_name_is_valid, "org.bgtask.Broker1");
        assert_valid(interface_name_is_valid, "_._0");
        assert_not_valid(interface_name_is_valid, "");
        assert_not_valid(interface_name_is_valid, "a");
        assert_not_valid(interface_name_is_valid, ".a.b");
        assert_not_valid(interface_name_is_valid, "a.b.");
        assert_not_valid(interface_name_is_valid, "a..b");
        assert_not_valid(interface_name_is_valid, "a.0b");
        assert_not_valid(interface_name_is_valid, "a.b-c");
        memset(longest, 'a', sizeof longest);
        longest[1] = '.';
        assert_true(interface_name_is_valid(longest, DBUS_NAME_MAX));
        assert_false(interface_name_is_valid(longest, DBUS_NAME_MAX + 1));
}

static void member_names_follow_the_grammar(void **state)
{
        assert_valid(member_name_is_valid, "Run");
        assert_valid(member_name_is_valid, "_0");
        assert_not_valid(member_name_is_valid, "");
        assert_not_valid(member_name_is_valid, "0a");
        assert_not_valid(member_name_is_valid, "a.b");
        assert_not_valid(member_name_is_valid, "a b");
}

static void bus_names_follow_the_grammar(void **state)
{
        assert_valid(bus_name_is_valid, "org.bgtask-x.Broker");
        assert_valid(bus_name_is_valid, ":1.0");
        assert_valid(bus_name_is_valid, ":0.-");
        assert_not_valid(bus_name_is_valid, "");
        assert_not_valid(bus_name_is_valid, ":");
        assert_not_valid(bus_name_is_valid, ":1");
        assert_not_valid(bus_name_is_valid, "org");
        assert_not_valid(bus_name_is_valid, "1.0");
        assert_not_valid(bus_name_is_valid, "a.b:c");
}

static void signatures_hold_complete_types_only(void **state)
{
        static const char *const valid[] = {
                "", "y", "ai", "a{sv}", "(i)", "a(sa{sv})", "aaaay", "a{ua{s(iv)}}", "sybnqiuxtdogvh",
        };
        static const char *const invalid[] = {
                "a",      "(",    ")",      "()",      "(i",      "i)",      "{sv}", "a{sv",  "a{v}",
                "a{vs}",  "a{s}", "a{sss}", "a{(i)s}", "a{s}}",   "e",       "r",    "z",     "a{}",
                "(a)",    "a()",  "a{sa}",  "((i)",    "a{s(}",   "\x01",    " ",    "a{{s}s}",
        };

        for (size_t i = 0; i < ELEMENTSOF(valid); i++)
                assert_valid(signature_is_valid, valid[i]);
        for (size_t i = 0; i < ELEMENTSOF(invalid); i++)
                assert_not_valid(signature_is_valid, invalid[i]);
        assert_false(signature_is_valid("i\0i", 3));
        assert_valid(signature_is_single, "a{sv}");
        assert_not_valid(signature_is_single, "");
        assert_not_valid(signature_is_single, "ii");
}

static void nesting_and_length_of_signatures_are_limited(void **state)
{
        char s[DBUS_SIGNATURE_MAX + 2];

        memset(s, 'a', 33);
        s[32] = 'y';
        assert_true(signature_is_valid(s, 33));
        s[32] = 'a';
        s[33] = 'y';
        assert_false(signature_is_valid(s, 34));
        memset(s, '(', 33);
        s[32] = 'y';
        memset(s + 33, ')', 32);
        assert_true(signature_is_valid(s, 65));
        s[32] = '(';
        s[33] = 'y';
        memset(s + 34, ')', 33);
        assert_false(signature_is_valid(s, 67));
        memset(s, 'y', sizeof s);
        assert_true(signature_is_valid(s, DBUS_SIGNATURE_MAX));
        assert_false(signature_is_valid(s, DBUS_SIGNATURE_MAX + 1));
}

static void the_next_type_is_the_first_complete_one(void **state)
{
        assert_int_equal(signature_next("", 0), 0);
        assert_int_equal(signature_next("su", 2), 1);
        assert_int_equal(signature_next("a{s(ii)}u", 9), 8);
        assert_int_equal(signature_next("(a(i)s)(i)", 10), 7);
        assert_int_equal(signature_next("aayy", 4), 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(object_paths_follow_the_grammar),
                cmocka_unit_test(interface_and_error_names_follow_the_grammar),
                cmocka_unit_test(member_names_follow_the_grammar),
                cmocka_unit_test(bus_names_follow_the_grammar),
                cmocka_unit_test(signatures_hold_complete_types_only),
                cmocka_unit_test(nesting_and_length_of_signatures_are_limited),
                cmocka_unit_test(the_next_type_is_the_first_complete_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
