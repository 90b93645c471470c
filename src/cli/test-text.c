/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/cli.h"

static void durations_are_read_as_people_write_them(void **state)
{
        static const struct {
                const char *text;
                uint64_t usec;
        } examples[] = {
                { "90", 90 * USEC_PER_SEC },
                { "0", 0 },
                { "15m", 15 * USEC_PER_MINUTE },
                { "1h30m", 90 * USEC_PER_MINUTE },
                { "1 h 30 min", 90 * USEC_PER_MINUTE },
                { "2d", 2 * USEC_PER_DAY },
                { "1w", 7 * USEC_PER_DAY },
                { "500ms", 500 * USEC_PER_MSEC },
                { "7us", 7 },
        };
        uint64_t usec;

        for (size_t i = 0; i < ELEMENTSOF(examples); i++) {
                assert_int_equal(parse_duration(examples[i].text, &usec), 0);
                assert_true(usec == examples[i].usec);
        }
}

static void what_is_no_duration_is_refused_and_changes_nothing(void **state)
{
        static const char *const bad[] = { "", "x", "-1", "1.5h", "1y", "h", "10 20 x", "99999999999999999999", " 1",
                                           "18446744073709551615s" };
        uint64_t usec = 7;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(parse_duration(bad[i], &usec), -EINVAL);
        assert_true(usec == 7);
}

static void durations_and_distances_are_written_in_their_two_largest_units(void **state)
{
        char buf[60];

        assert_string_equal(format_duration(90 * USEC_PER_MINUTE, buf, sizeof buf), "1 h 30 min");
        assert_string_equal(format_duration(USEC_PER_DAY, buf, sizeof buf), "1 d");
        assert_string_equal(format_duration(1500, buf, sizeof buf), "1 ms");
        assert_string_equal(format_duration(0, buf, sizeof buf), "0 us");
        assert_string_equal(format_relative(10 * USEC_PER_SEC, 70 * USEC_PER_SEC, buf, sizeof buf), "1 min ago");
        assert_string_equal(format_relative(70 * USEC_PER_SEC, 10 * USEC_PER_SEC, buf, sizeof buf), "in 1 min");
        assert_string_equal(format_relative(0, 10, buf, sizeof buf), "-");
}

static void times_are_local_and_one_that_is_not_known_is_a_dash(void **state)
{
        char buf[60];

        setenv("TZ", "UTC", 1);
        tzset();
        assert_string_equal(format_time(UINT64_C(1767225600123456), true, buf, sizeof buf), "2026-01-01 00:00:00.123");
        assert_string_equal(format_time(0, false, buf, sizeof buf), "-");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(durations_are_read_as_people_write_them),
                cmocka_unit_test(what_is_no_duration_is_refused_and_changes_nothing),
                cmocka_unit_test(durations_and_distances_are_written_in_their_two_largest_units),
                cmocka_unit_test(times_are_local_and_one_that_is_not_known_is_a_dash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
