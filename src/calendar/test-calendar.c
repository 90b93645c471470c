/* SPDX-License-Identifier: MIT */

/* Expressions and when they come next, as tables: systemd.time(7), and cron's rule at changes of the offset. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macro.h"
#include "calendar/calendar.h"
#include "calendar/test-file.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static int64_t utc(int year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second)
{
        return zone_days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

static Calendar parsed(const char *text)
{
        CalendarError error = { 0 };
        Calendar c;

        if (calendar_parse(text, &c, &error) < 0)
                fail_msg("\"%s\": %s", text, error.sentence);
        return c;
}

/* What comes after noon of Wednesday, 2026-03-18, in UTC. */
static void expressions_mean_what_systemd_time_says(void **state)
{
        static const struct {
                const char *text;
                int year;
                unsigned month, day, hour, minute, second;
        } rows[] = {
                { "minutely", 2026, 3, 18, 12, 1, 0 },
                { "hourly", 2026, 3, 18, 13, 0, 0 },
                { "daily", 2026, 3, 19, 0, 0, 0 },
                { "weekly", 2026, 3, 23, 0, 0, 0 },
                { "monthly", 2026, 4, 1, 0, 0, 0 },
                { "quarterly", 2026, 4, 1, 0, 0, 0 },
                { "semi-annually", 2026, 7, 1, 0, 0, 0 },
                { "yearly", 2027, 1, 1, 0, 0, 0 },
                { "Daily UTC", 2026, 3, 19, 0, 0, 0 },
                { "13:00", 2026, 3, 18, 13, 0, 0 },
                { "12:00", 2026, 3, 19, 12, 0, 0 },
                { "12:00:01", 2026, 3, 18, 12, 0, 1 },
                { "*:0/15", 2026, 3, 18, 12, 15, 0 },
                { "*:5,35:10", 2026, 3, 18, 12, 5, 10 },
                { "*:*/7", 2026, 3, 18, 12, 7, 0 },
                { "9..17/4:20", 2026, 3, 18, 13, 20, 0 },
                { "Mon..Fri 10:00", 2026, 3, 19, 10, 0, 0 },
                { "Sat,Sun 10:00", 2026, 3, 21, 10, 0, 0 },
                { "sunday", 2026, 3, 22, 0, 0, 0 },
                { "Tue-Thu,Sat 11:00", 2026, 3, 19, 11, 0, 0 },
                { "Fri *-*-13", 2026, 11, 13, 0, 0, 0 },
                { "*-*~1 23:00", 2026, 3, 31, 23, 0, 0 },
                { "*-02~1", 2027, 2, 28, 0, 0, 0 },
                { "*-02-29", 2028, 2, 29, 0, 0, 0 },
                { "Mon *-05~07/1", 2026, 5, 25, 0, 0, 0 },
                { "*-*~01..03", 2026, 3, 29, 0, 0, 0 },
                { "*-4,6-1..10/4 06:00", 2026, 4, 1, 6, 0, 0 },
                { "2027-01-02 03:04:05", 2027, 1, 2, 3, 4, 5 },
                { "27-01-02", 2027, 1, 2, 0, 0, 0 },
                { "2030/2-*-* 00:00", 2030, 1, 1, 0, 0, 0 },
                { "05-07", 2026, 5, 7, 0, 0, 0 },
                { "  12:30   UTC ", 2026, 3, 18, 12, 30, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Calendar c = parsed(rows[i].text);
                int64_t next = 0, wanted = utc(rows[i].year, rows[i].month, rows[i].day, rows[i].hour,
                                               rows[i].minute, rows[i].second);

                assert_true(calendar_next(&c, zone_utc(), utc(2026, 3, 18, 12, 0, 0), &next));
                if (next != wanted)
                        fail_msg("\"%s\" comes at %lld, not %lld", rows[i].text, (long long)next, (long long)wanted);
        }
}

static void what_is_no_expression_is_refused_with_its_place(void **state)
{
        static const struct {
                const char *text, *sentence;
                size_t position;
        } rows[] = {
                { "", "empty", 0 },
                { "   ", "empty", 0 },
                { "12", "a date is", 0 },
                { "25:00", "hour 25 is not between 0 and 23", 0 },
                { "12:60", "minute 60", 3 },
                { "12:00:00.5", "whole seconds", 8 },
                { "12:00:60", "second 60", 6 },
                { "*:0/0", "the step of the minute", 4 },
                { "*-13-01", "month 13", 2 },
                { "*-*-32", "day 32", 4 },
                { "1969-01-01", "year 1969", 0 },
                { "2200-01-01", "year 2200", 0 },
                { "Fri..Mon", "backwards", 8 },
                { "Mon,Foo", "a weekday is missing", 4 },
                { "Mon,Foo 10:00", "a weekday is missing", 4 },
                { "17..9:00", "backwards", 5 },
                { "10:00 11:00", "one word too many", 6 },
                { "daily 10:00", "only a zone", 6 },
                { "Mon *-*-* 10:00 UTC UTC", "weekdays, date, time and zone", 20 },
                { "10:00 Europe/../etc", "neither a time nor the name of a zone", 6 },
                { "10:00 /etc/passwd", "one word too many", 6 },
                { "UTC", "neither a date nor a time", 0 },
                { "10:00x", "does not belong", 5 },
                { "*-*-*-*", "a date is", 0 },
                { "99999999999:00", "too large", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                CalendarError error = { 0 };
                Calendar c;

                if (calendar_parse(rows[i].text, &c, &error) >= 0)
                        fail_msg("\"%s\" is taken", rows[i].text);
                if (!strstr(error.sentence, rows[i].sentence) || error.position != rows[i].position)
                        fail_msg("\"%s\": %s at %zu", rows[i].text, error.sentence, error.position);
        }
}

static void what_never_comes_again_has_no_next_time(void **state)
{
        static const char *const texts[] = { "*-02-30", "2020-01-01", "*-04-31", "Mon 2026-03-17" };
        int64_t next;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                Calendar c = parsed(texts[i]);

                assert_false(calendar_next(&c, zone_utc(), utc(2026, 3, 18, 12, 0, 0), &next));
        }
}

/* In Berlin 2026-03-29 02:00 is 03:00 (01:00 UTC), and 2026-10-25 03:00 is 02:00 again (01:00 UTC). */
static void changes_of_the_offset_follow_cron_s_rule(void **state)
{
        static const struct {
                const char *text;
                int64_t after, wanted; /* hours and minutes of the day of the change in UTC, as h * 60 + m */
                bool autumn;
        } rows[] = {
                { "02:30", 0, 60, false },           /* in the gap: at its end */
                { "02:15,45", 0, 60, false },        /* all of the gap at once */
                { "02:15,45", 60, 24 * 60 + 15, false },
                { "03:00", 0, 60, false },
                { "01:59", -60, 59, false },
                { "*:30", 30, 90, false },           /* every hour: what the clock does not show does not come */
                { "0/2:00", 0, 60, false },          /* 02:00 at the end of the gap, then 04:00 */
                { "0/2:00", 60, 120, false },
                { "02:30", -60, 30, true },          /* twice on the clock: the first time */
                { "02:30", 30, 25 * 60 + 30, true },
                { "02:00", -60, 0, true },
                { "02:00", 0, 25 * 60, true },
                { "03:00", 0, 120, true },
                { "*:30", 30, 90, true },            /* every hour: both */
                { "*:30", 90, 150, true },
        };
        Zone *berlin = test_zone_of_rule(BERLIN);

        assert_non_null(berlin);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                int64_t day = rows[i].autumn ? utc(2026, 10, 25, 0, 0, 0) : utc(2026, 3, 29, 0, 0, 0), next = 0;
                Calendar c = parsed(rows[i].text);

                assert_true(calendar_next(&c, berlin, day + 60 * rows[i].after, &next));
                if (next != day + 60 * rows[i].wanted)
                        fail_msg("row %zu, \"%s\": %lld minutes, not %lld", i, rows[i].text,
                                 (long long)(next - day) / 60, (long long)rows[i].wanted);
        }
        zone_free(berlin);
}

/* Samoa had no 2011-12-30: its offset changed by a day, which nothing makes up for. */
static void a_change_by_three_hours_or_more_is_a_correction(void **state)
{
        Zone *apia = test_zone("Pacific/Apia");
        Calendar c = parsed("12:00");
        int64_t next = 0;

        if (!apia)
                skip();
        assert_true(calendar_next(&c, apia, utc(2011, 12, 29, 22, 0, 0), &next));
        assert_int_equal(next, utc(2011, 12, 30, 22, 0, 0));
        zone_free(apia);
}

static void the_last_time_and_the_count_are_those_of_walking_on(void **state)
{
        static const char *const texts[] = { "*:*:*", "*:0/7", "02:30", "Mon..Fri 9..17:0/20", "*-*~1", "Sat 02:15",
                                             "*-02-29" };
        Zone *berlin = test_zone_of_rule(BERLIN);
        int64_t from = utc(2026, 3, 20, 5, 0, 0);

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                Calendar c = parsed(texts[i]);

                for (int64_t width = 1; width < 86400 * 30; width = width * 3 + 1) {
                        int64_t last = -1, found = -1, next = from;
                        uint32_t n = 0;

                        while (n < 1000 && calendar_next(&c, berlin, next, &next) && next <= from + width) {
                                last = next;
                                n++;
                        }
                        assert_int_equal(calendar_count(&c, berlin, from, from + width, 1000), n);
                        if (n == 1000)
                                continue;
                        assert_int_equal(calendar_last(&c, berlin, from, from + width, &found), n > 0);
                        assert_int_equal(found, last);
                }
        }
        zone_free(berlin);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(expressions_mean_what_systemd_time_says),
                cmocka_unit_test(what_is_no_expression_is_refused_with_its_place),
                cmocka_unit_test(what_never_comes_again_has_no_next_time),
                cmocka_unit_test(changes_of_the_offset_follow_cron_s_rule),
                cmocka_unit_test(a_change_by_three_hours_or_more_is_a_correction),
                cmocka_unit_test(the_last_time_and_the_count_are_those_of_walking_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
