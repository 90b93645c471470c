/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void every_error_has_a_name_of_its_own_a_sentence_and_a_remedy(void **state)
{
        for (Error i = ERROR_NONE + 1; i < _ERROR_MAX; i++) {
                const ErrorInfo *info = error_info(i);

                assert_int_equal(error_from_dbus_name(info->dbus_name), i);
                assert_true(info->error > 0);
                assert_true(info->hresult & 0x80000000);
                assert_true(strlen(info->sentence) > 10);
                assert_true(strlen(info->remedy) > 8);
        }
        assert_int_equal(error_from_dbus_name("org.bgtask.Error.None"), ERROR_NONE);
        assert_int_equal(error_from_dbus_name("org.freedesktop.DBus.Error.Failed"), ERROR_NONE);
}

static void system_errors_find_the_nearest_code(void **state)
{
        assert_int_equal(error_from_errno(-ENOSPC), ERROR_STORE_FULL);
        assert_int_equal(error_from_errno(-EPIPE), ERROR_DISCONNECTED);
        assert_int_equal(error_from_errno(-EXDEV), ERROR_FAILED);
        assert_int_equal(error_from_errno(0), ERROR_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_error_has_a_name_of_its_own_a_sentence_and_a_remedy),
                cmocka_unit_test(system_errors_find_the_nearest_code),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
