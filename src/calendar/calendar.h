/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Calendar expressions in systemd.time(7)'s syntax, and when they come next. Computing only: no clock, no file, no
 * memory of its own. Times are whole seconds since 1970 UTC; the zone's rules are handed in (zone.h).
 *
 * An expression is weekdays, a date, a time and a zone, each of which may be left out: "Mon..Fri 10:00",
 * "*-*-01 03:00 Europe/Berlin", "*:0/15", "*-02~1" (the last day of February), or a shorthand such as "daily".
 * Seconds are whole. Unlike systemd.time, a star takes a step as well: "0/15" may be written with a star for the 0.
 *
 * Changes of the zone's offset by less than three hours follow cron's rule. An expression that names its hours (any
 * that does not take all 24) comes once for each of its times: what falls into the gap of spring comes at the gap's
 * end, all of it at once; what the clock shows twice in autumn comes the first time only. One that takes every hour
 * follows the clock as it is, and so does any expression at a larger change.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calendar/zone.h"

#define CALENDAR_YEAR_MIN 1970
#define CALENDAR_YEAR_MAX 2199
#define CALENDAR_YEARS (CALENDAR_YEAR_MAX - CALENDAR_YEAR_MIN + 1)
/* With its zone, without NUL. */
#define CALENDAR_TEXT_MAX 255

/* Bit n stands for n: of years since 1970, of weekdays from Monday, of days from the end of the month if from_end. */
typedef struct Calendar {
        uint64_t years[(CALENDAR_YEARS + 63) / 64];
        uint64_t minutes;
        uint64_t seconds;
        uint32_t hours;
        uint32_t days;           /* 1 to 31 */
        uint16_t months;         /* 1 to 12 */
        uint8_t weekdays;
        bool from_end;
        char zone[ZONE_NAME_MAX + 1]; /* "": the local one */
} Calendar;

/* What is wrong with an expression: a sentence, and where in the text. */
typedef struct CalendarError {
        char sentence[160];
        size_t position;
} CalendarError;

/* 0, or -EINVAL: ret_error (may be NULL) says why. Whether its zone exists is not looked at. */
int calendar_parse(const char *text, Calendar *ret_calendar, CalendarError *ret_error);

/* The first time after this one; false if there is none until 2199. */
bool calendar_next(const Calendar *calendar, const Zone *zone, int64_t after_sec, int64_t *ret_sec);
/* The last time that is after the one and not after the other; false if there is none. */
bool calendar_last(const Calendar *calendar, const Zone *zone, int64_t after_sec, int64_t until_sec, int64_t *ret_sec);
/* How many times lie in (after, until], counted up to max. */
uint32_t calendar_count(const Calendar *calendar, const Zone *zone, int64_t after_sec, int64_t until_sec,
                        uint32_t max);
