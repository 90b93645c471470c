/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macro.h"
#include "base/result.h"

static const uint32_t known[] = {
#define X(name, hresult) hresult,
#include "base/hresults.def"
#undef X
};

/* NULL: as strerror() has it, which may make its words anew at each call. */
static void check(int32_t result, const char *expected)
{
        char text[64], words[64];

        result_format(result, text, sizeof text);
        snprintf(words, sizeof words, "%s", expected ? expected : strerror(-result));
        assert_string_equal(text, words);
}

static void an_errno_is_said_in_words_and_an_hresult_by_its_name(void **state)
{
        check(-EIO, NULL);
        check(-RESULT_ERRNO_MAX, NULL);
        check((int32_t)0x80004005, "0x80004005 E_FAIL");
        check((int32_t)0x8007000e, "0x8007000e E_OUTOFMEMORY");
        check((int32_t)0x80070003, "0x80070003");
        check(INT32_MIN, "0x80000000");
        check(-RESULT_ERRNO_MAX - 1, "0xfffff000");
}

static void every_name_is_of_a_failure_and_of_one_only(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                assert_true(result_is_hresult((int32_t)known[i]));
                for (size_t j = 0; j < i; j++)
                        assert_int_not_equal(known[i], known[j]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_errno_is_said_in_words_and_an_hresult_by_its_name),
                cmocka_unit_test(every_name_is_of_a_failure_and_of_one_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
