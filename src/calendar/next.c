/* SPDX-License-Identifier: MIT */

/*
 * When an expression comes next. Local time runs through spans of one offset each; within a span the next time is that
 * of a clock that never changes, and at its edges cron's rule decides.
 */

#include "base/macro.h"
#include "calendar/calendar.h"

#define ALL_HOURS UINT32_C(0xffffff)
/* Changes of the offset from here on are corrections, which the expression follows. */
#define SMALL_CHANGE (3 * 3600)

/* The lowest bit at or above n, -1: there is none. */
static int bit_from(uint64_t bits, unsigned n)
{
        bits = n < 64 ? bits & (UINT64_MAX << n) : 0;
        return bits ? __builtin_ctzll(bits) : -1;
}

static bool takes_day(const Calendar *c, int64_t year, unsigned month, unsigned day)
{
        unsigned bit = c->from_end ? zone_days_in_month(year, month) - day + 1 : day;
        /* 1970 began on a Thursday. */
        unsigned weekday = (unsigned)((zone_days_of_date(year, month, day) + 3) % 7);

        return c->days >> bit & 1 && c->weekdays >> weekday & 1;
}

static bool takes_year(const Calendar *c, int64_t year)
{
        uint64_t n = (uint64_t)(year - CALENDAR_YEAR_MIN);

        return c->years[n / 64] >> n % 64 & 1;
}

/* The first day at or after this one, in days since 1970; false: none. */
static bool next_day(const Calendar *c, int64_t days, int64_t *ret_days)
{
        unsigned month, day;
        int64_t year;

        zone_date_of_days(MAX(days, INT64_C(0)), &year, &month, &day);
        for (; year <= CALENDAR_YEAR_MAX; year++, month = day = 1) {
                if (!takes_year(c, year))
                        continue;
                for (; month <= 12; month++, day = 1) {
                        if (!(c->months >> month & 1))
                                continue;
                        for (; day <= zone_days_in_month(year, month); day++)
                                if (takes_day(c, year, month, day)) {
                                        *ret_days = zone_days_of_date(year, month, day);
                                        return true;
                                }
                }
        }
        return false;
}

/* The first time of the day at or after this one, in seconds; -1: none. */
static int next_time(const Calendar *c, unsigned sec)
{
        unsigned h = sec / 3600, m = sec / 60 % 60, s = sec % 60;
        int hour, minute, second;

        for (hour = bit_from(c->hours, h); hour >= 0; hour = bit_from(c->hours, (unsigned)hour + 1)) {
                if ((unsigned)hour > h)
                        m = s = 0;
                for (minute = bit_from(c->minutes, m); minute >= 0;
                     minute = bit_from(c->minutes, (unsigned)minute + 1)) {
                        second = bit_from(c->seconds, (unsigned)hour == h && (unsigned)minute == m ? s : 0);
                        if (second >= 0)
                                return hour * 3600 + minute * 60 + second;
                }
        }
        return -1;
}

/* The same of a clock that never changes: seconds of local time since 1970. */
static bool next_local(const Calendar *c, int64_t local, int64_t *ret_local)
{
        int64_t today, day;
        int time;

        local = MAX(local, INT64_C(0));
        today = local / 86400;
        if (!next_day(c, today, &day))
                return false;
        time = next_time(c, day == today ? (unsigned)(local % 86400) : 0);
        if (time < 0) {
                /* Only today's can be over: each day has its first time. */
                if (!next_day(c, today + 1, &day))
                        return false;
                time = next_time(c, 0);
        }
        *ret_local = day * 86400 + time;
        return true;
}

static bool names_its_hours(const Calendar *c)
{
        return (c->hours & ALL_HOURS) != ALL_HOURS;
}

static bool is_small(int64_t change)
{
        return change > 0 && change < SMALL_CHANGE;
}

/* Whether something of the gap that opens this span comes at its end. */
static bool comes_after_gap(const Calendar *c, const ZoneSpan *span)
{
        int64_t local;

        return names_its_hours(c) && is_small((int64_t)span->offset_sec - span->before_sec) &&
               next_local(c, span->from_sec + span->before_sec, &local) && local < span->from_sec + span->offset_sec;
}

bool calendar_next(const Calendar *c, const Zone *zone, int64_t after_sec, int64_t *ret_sec)
{
        int64_t at = MAX(after_sec, INT64_C(-1)) + 1, local, found;
        ZoneSpan span = zone_span(zone, at);

        for (;;) {
                if (at == span.from_sec && comes_after_gap(c, &span)) {
                        *ret_sec = at;
                        return true;
                }
                local = at + span.offset_sec;
                /* What the clock shows again is not taken again. */
                if (names_its_hours(c) && is_small((int64_t)span.before_sec - span.offset_sec))
                        local = MAX(local, span.from_sec + span.before_sec);
                if (!next_local(c, local, &found))
                        return false;
                if (found - span.offset_sec < span.until_sec) {
                        *ret_sec = found - span.offset_sec;
                        return true;
                }
                /* A span that nothing comes in until then need not be looked at. */
                at = span.until_sec;
                span = zone_span(zone, at);
        }
}

/* Given that one time of the expression lies in (after, until], the last. */
static int64_t last_of(const Calendar *c, const Zone *zone, int64_t first, int64_t until)
{
        int64_t next;

        while (first < until) {
                int64_t middle = first + (until - first) / 2;

                if (calendar_next(c, zone, middle, &next) && next <= until)
                        first = next;
                else if (middle == first)
                        break;
                else
                        until = middle;
        }
        return first;
}

bool calendar_last(const Calendar *c, const Zone *zone, int64_t after_sec, int64_t until_sec, int64_t *ret_sec)
{
        int64_t next;

        for (int64_t width = 3600; after_sec < until_sec; width *= 2) {
                int64_t from = MAX(until_sec - width, after_sec);

                if (calendar_next(c, zone, from, &next) && next <= until_sec) {
                        *ret_sec = last_of(c, zone, next, until_sec);
                        return true;
                }
                if (from == after_sec)
                        break;
        }
        return false;
}

uint32_t calendar_count(const Calendar *c, const Zone *zone, int64_t after_sec, int64_t until_sec, uint32_t max)
{
        uint32_t n = 0;

        while (n < max && calendar_next(c, zone, after_sec, &after_sec) && after_sec <= until_sec)
                n++;
        return n;
}
