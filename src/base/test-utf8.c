/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macro.h"
#include "base/utf8.h"

static void well_formed_text_is_valid(void **state)
{
        static const char *const good[] = { "", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                            "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\u00e4\u20ac" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(utf8_is_valid(good[i], strlen(good[i])));
}

static void overlong_truncated_surrogate_and_nul_are_not(void **state)
{
        static const char *const bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80",
                                           "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82",
                                           "a\xff", "\xe2\x28\xa1" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
        assert_false(utf8_is_valid("a\0b", 3));
}

static void one_bad_byte_is_found_wherever_it_is_in_long_text(void **state)
{
        char text[40];

        memset(text, 'x', sizeof text);
        assert_true(utf8_is_valid(text, sizeof text));
        memset(text, 0x7f, sizeof text);
        assert_true(utf8_is_valid(text, sizeof text));
        memset(text, 0x01, sizeof text);
        assert_true(utf8_is_valid(text, sizeof text));
        for (size_t i = 0; i < sizeof text; i++) {
                text[i] = '\0';
                assert_false(utf8_is_valid(text, sizeof text));
                text[i] = (char)0x80;
                assert_false(utf8_is_valid(text, sizeof text));
                text[i] = 0x01;
        }
        memcpy(text + 17, "\xe2\x82\xac", 3);
        assert_true(utf8_is_valid(text, sizeof text));
}

static void control_characters_of_both_sets_are_seen(void **state)
{
        assert_true(utf8_has_control("a\nb", 3));
        assert_true(utf8_has_control("\x7f", 1));
        assert_true(utf8_has_control("\xc2\x85", 2));
        assert_false(utf8_has_control("\xc2\xa0", 2));
        assert_false(utf8_has_control("\u20ac a", 5));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(well_formed_text_is_valid),
                cmocka_unit_test(overlong_truncated_surrogate_and_nul_are_not),
                cmocka_unit_test(one_bad_byte_is_found_wherever_it_is_in_long_text),
                cmocka_unit_test(control_characters_of_both_sets_are_seen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
