/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/terms.h"

static void every_number_has_one_name_and_every_name_one_number(void **state)
{
        for (TermList list = 0; list < _TERM_LIST_MAX; list++) {
                assert_true(term_at(list, 0) >= 0);
                for (size_t i = 0; term_at(list, i) >= 0; i++)
                        assert_int_equal(term_number(list, term_name(list, term_at(list, i))), term_at(list, i));
        }
}

static void the_numbers_of_windows_are_kept(void **state)
{
        assert_string_equal(term_name(TERM_REASON, 6), "ConditionLoss");
        assert_string_equal(term_name(TERM_SYSTEM, 15), "DefaultSignInAccountChange");
        assert_string_equal(term_name(TERM_CONDITION, 8), "BackgroundWorkCostNotHigh");
        assert_int_equal(term_number(TERM_CONDITION, "internetavailable"), 3);
}

static void what_is_not_in_the_list_is_not_found(void **state)
{
        assert_null(term_name(TERM_REASON, 12));
        assert_int_equal(term_number(TERM_REASON, "InternetAvailable"), -1);
        assert_int_equal(term_at(TERM_RERUN, 3), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_number_has_one_name_and_every_name_one_number),
                cmocka_unit_test(the_numbers_of_windows_are_kept),
                cmocka_unit_test(what_is_not_in_the_list_is_not_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
