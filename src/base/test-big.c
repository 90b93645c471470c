/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/big.h"

static void memory_of_any_size_is_zero(void **state)
{
        static const size_t sizes[] = { 1, 4096, 4 * 1024 * 1024 - 1, 4 * 1024 * 1024, 5 * 1024 * 1024 + 1 };

        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                unsigned char *p = big_calloc(sizes[i], 2);
                size_t n_other = 0;

                assert_non_null(p);
                for (size_t k = 0; k < 2 * sizes[i]; k++)
                        n_other += p[k] != 0;
                assert_int_equal(n_other, 0);
                p[2 * sizes[i] - 1] = 1;
                free(p);
        }
}

static void more_than_there_can_be_is_refused(void **state)
{
        volatile size_t most = SIZE_MAX;

        assert_null(big_calloc(most, 2));
        assert_null(big_calloc(most / 2, 2));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_of_any_size_is_zero),
                cmocka_unit_test(more_than_there_can_be_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
