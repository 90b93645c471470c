/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/nearest.h"

static const char *nearest(const char *wanted, const char *const *candidates, char found[static 256])
{
        Nearest n;

        nearest_init(&n, wanted);
        for (size_t i = 0; candidates[i]; i++)
                nearest_offer(&n, candidates[i]);
        return nearest_found(&n) ? strcpy(found, nearest_found(&n)) : NULL;
}

static void the_name_with_the_fewest_differences_is_found(void **state)
{
        static const char *const verbs[] = { "list", "log", "history", "unregister", "register", NULL };
        static const char *const meant[][2] = { { "lsit", "list" },       { "hsitory", "history" }, { "lgo", "log" },
                                                { "regsiter", "register" }, { "LIST", "list" } };
        char found[256];

        for (size_t i = 0; i < ELEMENTSOF(meant); i++)
                assert_string_equal(nearest(meant[i][0], verbs, found), meant[i][1]);
}

static void a_beginning_of_three_letters_is_enough(void **state)
{
        static const char *const names[] = { "Sample.App_h91ms92gdsmmt", "Other_1", NULL };
        char found[256];

        assert_string_equal(nearest("sam", names, found), names[0]);
        assert_null(nearest("sa", names, found));
}

static void what_is_like_nothing_finds_nothing(void **state)
{
        static const char *const names[] = { "list", "log", "", NULL };
        char found[256], longest[600];

        assert_null(nearest("zzzzzz", names, found));
        assert_null(nearest("x", names + 3, found));
        memset(longest, 'a', sizeof longest - 1);
        longest[sizeof longest - 1] = '\0';
        assert_null(nearest("aaaa", (const char *const[]){ longest, NULL }, found));
        assert_null(nearest(longest, names, found));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_name_with_the_fewest_differences_is_found),
                cmocka_unit_test(a_beginning_of_three_letters_is_enough),
                cmocka_unit_test(what_is_like_nothing_finds_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
