/* SPDX-License-Identifier: MIT */

/* The numbers of the public header are those of the one table that everything else uses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bgtask/terms.h>

#include "base/terms.h"

static void public_numbers_are_those_of_the_table(void **state)
{
#define X_TRIGGER(symbol, number, name) assert_int_equal(BGT_TRIGGER_##symbol, number);
#define X_SYSTEM(symbol, number, name) assert_int_equal(BGT_SYSTEM_##symbol, number);
#define X_CONDITION(symbol, number, name) assert_int_equal(BGT_CONDITION_##symbol, number);
#define X_REASON(symbol, number, name) assert_int_equal(BGT_REASON_##symbol, number);
#define X_OUTCOME(symbol, number, name) assert_int_equal(BGT_OUTCOME_##symbol, number);
#define X_DETAIL(symbol, number, name)
#define X_OVERLAP(symbol, number, name) assert_int_equal(BGT_OVERLAP_##symbol, number);
#define X_CATCH_UP(symbol, number, name) assert_int_equal(BGT_CATCH_UP_##symbol, number);
#define X_RERUN(symbol, number, name) assert_int_equal(BGT_RERUN_##symbol, number);
#define X_IF_EXISTS(symbol, number, name) assert_int_equal(BGT_IF_EXISTS_##symbol, number);
#define X_WHY(symbol, number, name)
#define X_RUN_STATE(symbol, number, name)
#define X_FIRED_BY(symbol, number, name)
#include "base/terms.def"
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(public_numbers_are_those_of_the_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
