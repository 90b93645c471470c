/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static void what_is_appended_is_consumed_in_order(void **state)
{
        Buffer b = { 0 };

        for (int i = 0; i < 1000; i++)
                assert_int_equal(buffer_append(&b, "abcdefg", 7), 0);
        assert_int_equal(b.size, 7000);
        buffer_consume(&b, 6998);
        assert_int_equal(b.size, 2);
        assert_memory_equal(b.data, "fg", 2);
        buffer_consume(&b, 2);
        assert_int_equal(b.size, 0);
        buffer_done(&b);
        assert_null(b.data);
}

static void printed_text_is_a_c_string(void **state)
{
        Buffer b = { 0 };

        assert_int_equal(buffer_printf(&b, "%s-%d", "x", 7), 0);
        assert_int_equal(buffer_printf(&b, "%s", "!"), 0);
        assert_string_equal((char *)b.data, "x-7!");
        assert_int_equal(b.size, 4);
        buffer_done(&b);
}

static void an_impossible_size_is_no_memory_and_changes_nothing(void **state)
{
        Buffer b = { 0 };

        assert_int_equal(buffer_append(&b, "x", 1), 0);
        assert_int_equal(buffer_reserve(&b, SIZE_MAX), -ENOMEM);
        assert_int_equal(b.size, 1);
        buffer_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_appended_is_consumed_in_order),
                cmocka_unit_test(printed_text_is_a_c_string),
                cmocka_unit_test(an_impossible_size_is_no_memory_and_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
