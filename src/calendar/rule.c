/* SPDX-License-Identifier: MIT */

#include "calendar/rule.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "calendar/zone.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int read_number(const char **p, unsigned max, unsigned *ret_number)
{
        unsigned x = 0;

        if (!is_digit(**p))
                return -EINVAL;
        for (; is_digit(**p); (*p)++) {
                x = 10 * x + (unsigned)(**p - '0');
                if (x > max)
                        return -EINVAL;
        }
        *ret_number = x;
        return 0;
}

/* "CEST", or "<+0330>". */
static int skip_name(const char **p)
{
        const char *start = *p;

        if (**p == '<') {
                const char *end = strchr(*p, '>');

                if (!end)
                        return -EINVAL;
                *p = end + 1;
                return 0;
        }
        while (is_letter(**p))
                (*p)++;
        return *p - start >= 3 ? 0 : -EINVAL;
}

/* [+-]hh[:mm[:ss]] */
static int read_time(const char **p, unsigned max_hours, int32_t *ret_sec)
{
        int sign = **p == '-' ? -1 : 1;
        unsigned hours = 0, parts[2] = { 0 };
        int r;

        if (**p == '-' || **p == '+')
                (*p)++;
        r = read_number(p, max_hours, &hours);
        for (unsigned i = 0; i < 2 && r >= 0 && **p == ':'; i++) {
                (*p)++;
                r = read_number(p, 59, &parts[i]);
        }
        *ret_sec = sign * (int32_t)(hours * 3600 + parts[0] * 60 + parts[1]);
        return r;
}

static int read_weekday(const char **p, ZoneChange *ret_change)
{
        unsigned month, week, weekday;
        int r = read_number(p, 12, &month);

        if (r < 0 || *(*p)++ != '.')
                return -EINVAL;
        r = read_number(p, 5, &week);
        if (r < 0 || *(*p)++ != '.')
                return -EINVAL;
        r = read_number(p, 6, &weekday);
        if (r < 0 || month < 1 || week < 1)
                return -EINVAL;
        ret_change->kind = ZONE_DAY_OF_MONTH;
        ret_change->month = (uint8_t)month;
        ret_change->week = (uint8_t)week;
        ret_change->weekday = (uint8_t)weekday;
        return 0;
}

static int read_change(const char **p, ZoneChange *ret_change)
{
        unsigned day = 0;
        int r;

        ret_change->time_sec = 2 * 3600;
        if (*(*p)++ != ',')
                return -EINVAL;
        if (**p == 'M') {
                (*p)++;
                r = read_weekday(p, ret_change);
        } else {
                ret_change->kind = **p == 'J' ? ZONE_DAY_JULIAN : ZONE_DAY_OF_YEAR;
                *p += **p == 'J';
                r = read_number(p, 365, &day);
                ret_change->day = (uint16_t)day;
                if (ret_change->kind == ZONE_DAY_JULIAN && day == 0)
                        return -EINVAL;
        }
        if (r >= 0 && **p == '/') {
                (*p)++;
                r = read_time(p, 167, &ret_change->time_sec);
        }
        return r;
}

int zone_rule_parse(const char *text, ZoneRule *ret_rule)
{
        ZoneRule rule = { 0 };
        const char *p = text;
        int r;

        r = skip_name(&p);
        if (r >= 0)
                r = read_time(&p, 24, &rule.std_offset_sec);
        if (r < 0)
                return r;
        /* POSIX counts westwards. */
        rule.std_offset_sec = -rule.std_offset_sec;
        if (*p) {
                rule.has_dst = true;
                rule.dst_offset_sec = rule.std_offset_sec + 3600;
                r = skip_name(&p);
                if (r >= 0 && *p && *p != ',') {
                        r = read_time(&p, 24, &rule.dst_offset_sec);
                        rule.dst_offset_sec = -rule.dst_offset_sec;
                }
                if (r >= 0)
                        r = read_change(&p, &rule.to_dst);
                if (r >= 0)
                        r = read_change(&p, &rule.to_std);
        }
        if (r < 0 || *p)
                return -EINVAL;
        *ret_rule = rule;
        return 0;
}

static int64_t day_of(const ZoneChange *change, int64_t year)
{
        int64_t first, days;
        unsigned weekday;

        switch (change->kind) {
        case ZONE_DAY_JULIAN:
                days = change->day - 1 + (change->day >= 60 && zone_days_in_month(year, 2) == 29);
                return zone_days_of_date(year, 1, 1) + days;
        case ZONE_DAY_OF_YEAR:
                return zone_days_of_date(year, 1, 1) + change->day;
        default:
                break;
        }
        first = zone_days_of_date(year, change->month, 1);
        /* 1970 began on a Thursday. */
        weekday = (unsigned)(((first + 4) % 7 + 7) % 7);
        days = (change->weekday + 7 - weekday) % 7 + 7 * (change->week - 1);
        while (days >= zone_days_in_month(year, change->month))
                days -= 7;
        return first + days;
}

size_t zone_rule_steps(const ZoneRule *rule, int64_t year, ZoneStep ret_steps[static ZONE_STEPS_MAX])
{
        size_t n = 0;

        for (int64_t y = year - 1; y <= year + 1; y++) {
                const ZoneStep steps[] = {
                        { day_of(&rule->to_dst, y) * 86400 + rule->to_dst.time_sec - rule->std_offset_sec,
                          rule->dst_offset_sec },
                        { day_of(&rule->to_std, y) * 86400 + rule->to_std.time_sec - rule->dst_offset_sec,
                          rule->std_offset_sec },
                };

                for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                        size_t at = n++;

                        for (; at > 0 && ret_steps[at - 1].sec > steps[i].sec; at--)
                                ret_steps[at] = ret_steps[at - 1];
                        ret_steps[at] = steps[i];
                }
        }
        return n;
}
