/* SPDX-License-Identifier: MIT */

/*
 * Twenty zones over thirty years against the C library's own reading of the same files: the offset at each moment, and
 * the times of expressions, found by trying every moment or every day. Without zoneinfo there is nothing to compare.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/macro.h"
#include "base/test-scale.h"
#include "calendar/calendar.h"
#include "calendar/test-file.h"

#define FROM INT64_C(1388534400)  /* 2014-01-01 */
#define UNTIL INT64_C(2335219200) /* 2044-01-01 */

static const char *const names[] = {
        "Europe/Berlin",      "Europe/London",       "Europe/Dublin",     "Europe/Istanbul",  "Africa/Casablanca",
        "Africa/Cairo",       "Asia/Tehran",         "Asia/Kathmandu",    "Asia/Kolkata",     "Asia/Tokyo",
        "Asia/Gaza",          "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Chatham", "Pacific/Apia",
        "America/New_York",   "America/St_Johns",    "America/Santiago",  "America/Sao_Paulo", "America/Nuuk",
};

/* All of them; fewer where everything takes longer. */
static size_t n_zones(void)
{
        double scale = test_scale();

        return scale < 1 ? MAX((size_t)(scale * ELEMENTSOF(names)), (size_t)2) : ELEMENTSOF(names);
}

static void use(const char *name)
{
        setenv("TZ", name, 1);
        tzset();
}

static int32_t offset_at(int64_t sec)
{
        time_t t = sec;
        struct tm tm;

        localtime_r(&t, &tm);
        return (int32_t)tm.tm_gmtoff;
}

static void the_offset_is_the_c_library_s(void **state)
{
        for (size_t i = 0; i < n_zones(); i++) {
                Zone *zone = test_zone(names[i]);

                if (!zone)
                        skip();
                use(names[i]);
                for (int64_t t = FROM; t < UNTIL;) {
                        ZoneSpan span = zone_span(zone, t);

                        assert_true(span.from_sec <= t && t < span.until_sec);
                        if (offset_at(t) != span.offset_sec)
                                fail_msg("%s at %lld: %d, not %d", names[i], (long long)t, span.offset_sec,
                                         offset_at(t));
                        if (span.until_sec < UNTIL) {
                                assert_int_equal(offset_at(span.until_sec - 1), span.offset_sec);
                                assert_int_equal(zone_span(zone, span.until_sec).before_sec, span.offset_sec);
                                assert_int_equal(zone_span(zone, span.until_sec).from_sec, span.until_sec);
                        }
                        t += 50 * 3600;
                }
                zone_free(zone);
        }
}

static bool is_same(const char *a, const char *b, int64_t sec)
{
        Zone *x = test_zone(a), *y = test_zone(b);
        bool same;

        assert_true(x && y);
        same = zone_same_from(x, y, sec);
        assert_true(zone_same_from(y, x, sec) == same);
        zone_free(x);
        zone_free(y);
        return same;
}

static void zones_differ_if_they_show_other_times_from_some_moment_on(void **state)
{
        static const struct {
                const char *a, *b;
                bool same;
        } rows[] = {
                { "Europe/Berlin", "Europe/Paris", true },      /* names and the past differ */
                { "Europe/Berlin", "Africa/Tunis", false },     /* summer time */
                { "Europe/Berlin", "Europe/London", false },
                { "UTC", "Africa/Abidjan", true },
                { "UTC", "Europe/Lisbon", false },
                { "Asia/Kolkata", "Asia/Colombo", true },
                { "Asia/Kathmandu", "Asia/Kolkata", false },
                { "America/New_York", "America/Toronto", true },
                { "America/New_York", "America/Jamaica", false },
                { "Australia/Sydney", "Australia/Hobart", true },
                { "Australia/Sydney", "Australia/Brisbane", false },
                { "Asia/Tokyo", "Asia/Tokyo", true },
        };
        const int64_t of_2024 = 1704067200;
        Zone *utc, *berlin;

        unsetenv("TZ");
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Zone *zone = test_zone(rows[i].a);

                if (!zone)
                        skip();
                zone_free(zone);
                if (is_same(rows[i].a, rows[i].b, of_2024) != rows[i].same)
                        fail_msg("%s and %s", rows[i].a, rows[i].b);
        }
        /* In 1970 Colombo was not yet what it is. */
        assert_false(is_same("Asia/Kolkata", "Asia/Colombo", 0));
        utc = test_zone_of_rule("UTC0");
        berlin = test_zone_of_rule("<X>-1<Y>,M3.5.0,M10.5.0/3");
        assert_true(zone_same_from(zone_utc(), utc, of_2024));
        assert_false(zone_same_from(zone_utc(), berlin, of_2024));
        zone_free(utc);
        utc = test_zone("Europe/Berlin");
        assert_true(zone_same_from(utc, berlin, of_2024));
        zone_free(utc);
        zone_free(berlin);
}

/* The moment at which a clock of this zone first shows a local time, by the rule; local is seconds as if of UTC. */
static int64_t moment_of(int64_t local)
{
        int64_t low = local - 86400, high = local + 86400;
        int32_t before = offset_at(low), after = offset_at(high), change = after - before;

        if (offset_at(local - before) == before)
                return local - before;
        if (offset_at(local - after) == after)
                return local - after;
        /* It is in a gap: the end of that is where the offset changes. */
        if (change <= 0 || change >= 3 * 3600)
                return -1;
        while (high - low > 1) {
                int64_t middle = low + (high - low) / 2;

                if (offset_at(middle) == before)
                        low = middle;
                else
                        high = middle;
        }
        return high;
}

/* Two changes within two days, or one of three hours or more: moment_of() knows nothing of these. */
static bool is_odd(int64_t day)
{
        int32_t before = offset_at(day - 2 * 86400), after = offset_at(day + 3 * 86400);
        unsigned n = 0;

        for (int64_t t = day - 2 * 86400; t < day + 3 * 86400; t += 3600)
                n += offset_at(t) != offset_at(t + 3600);
        return n > 1 || labs((long)after - before) >= 3 * 3600;
}

static void a_time_of_the_day_comes_once_each_day_in_every_zone(void **state)
{
        static const struct {
                const char *text;
                int64_t sec;
        } times[] = { { "00:00", 0 }, { "00:30", 1800 }, { "01:45", 6300 }, { "02:30", 9000 }, { "12:00", 43200 } };

        for (size_t i = 0; i < n_zones(); i++) {
                Calendar expressions[ELEMENTSOF(times)];
                Zone *zone = test_zone(names[i]);

                if (!zone)
                        skip();
                use(names[i]);
                for (size_t k = 0; k < ELEMENTSOF(times); k++)
                        assert_int_equal(calendar_parse(times[k].text, &expressions[k], NULL), 0);
                for (int64_t day = FROM / 86400 * 86400 + 2 * 86400; day < UNTIL; day += 86400) {
                        bool near_change = offset_at(day - 2 * 86400) != offset_at(day + 3 * 86400);

                        /* Where nothing changes one day is like another. */
                        if (near_change ? is_odd(day) : day / 86400 % 7 != 0)
                                continue;
                        for (size_t k = 0; k < ELEMENTSOF(times); k++) {
                                int64_t wanted = moment_of(day + times[k].sec), next = 0;

                                assert_true(calendar_next(&expressions[k], zone, wanted - 40000, &next));
                                if (next != wanted)
                                        fail_msg("%s %s on day %lld: %lld, not %lld", names[i], times[k].text,
                                                 (long long)day, (long long)next, (long long)wanted);
                        }
                }
                zone_free(zone);
        }
}

static void walking_on_never_goes_back_and_never_stands(void **state)
{
        static const char *const texts[] = { "daily", "02:30", "0/2:15", "*:30", "*-*~1 01:30", "Sun 02:00",
                                             "Mon..Fri 0..3:0/30" };

        for (size_t i = 0; i < n_zones(); i++) {
                Zone *zone = test_zone(names[i]);

                if (!zone)
                        skip();
                for (size_t j = 0; j < ELEMENTSOF(texts); j++) {
                        int64_t at = FROM, next = 0;
                        Calendar c;

                        assert_int_equal(calendar_parse(texts[j], &c, NULL), 0);
                        for (unsigned n = 0; at < UNTIL && n < 20000; n++) {
                                assert_true(calendar_next(&c, zone, at, &next));
                                assert_true(next > at && next - at <= 32 * 86400);
                                at = next;
                        }
                }
                zone_free(zone);
        }
}

/* Around each change every moment of the quarter of an hour is tried. */
static void what_comes_every_hour_follows_the_clock_as_it_is(void **state)
{
        Calendar c;

        assert_int_equal(calendar_parse("*:30", &c, NULL), 0);
        for (size_t i = 0; i < n_zones(); i++) {
                Zone *zone = test_zone(names[i]);

                if (!zone)
                        skip();
                use(names[i]);
                for (int64_t change = zone_span(zone, FROM).until_sec; change < UNTIL;
                     change = zone_span(zone, change).until_sec) {
                        int64_t next = change - 86400;

                        for (int64_t t = change - 86400 + 900; t < change + 86400; t += 900)
                                if ((t + offset_at(t)) % 3600 == 1800) {
                                        assert_true(calendar_next(&c, zone, next, &next));
                                        assert_int_equal(next, t);
                                }
                }
                zone_free(zone);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(zones_differ_if_they_show_other_times_from_some_moment_on),
                cmocka_unit_test(the_offset_is_the_c_library_s),
                cmocka_unit_test(a_time_of_the_day_comes_once_each_day_in_every_zone),
                cmocka_unit_test(walking_on_never_goes_back_and_never_stands),
                cmocka_unit_test(what_comes_every_hour_follows_the_clock_as_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
