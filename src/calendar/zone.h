/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rules of a time zone: what a TZif file (RFC 8536) holds, read from memory. Whoever wants a zone by its name
 * reads it (base/zoneinfo.h) and hands the bytes over; they may come from anywhere, and what is wrong with them is
 * refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/zoneinfo.h"

typedef struct Zone Zone;

/* -EINVAL (no TZif), -EFBIG (too many transitions), -ENOMEM. */
int zone_parse(const void *data, size_t size, Zone **ret_zone);
Zone *zone_free(Zone *zone);
/* UTC, which is there without a file. */
const Zone *zone_utc(void);
/* Both follow the same rules. */
bool zone_equal(const Zone *a, const Zone *b);
/* Both show the same time at every moment from this one on, however their rules are written. */
bool zone_same_from(const Zone *a, const Zone *b, int64_t sec);

/* A time in which one offset holds, and the offset before it. Times are seconds since 1970 UTC. */
typedef struct ZoneSpan {
        int64_t from_sec;   /* INT64_MIN: always */
        int64_t until_sec;  /* the first second that is not in it; INT64_MAX: for ever */
        int32_t offset_sec; /* local time minus UTC */
        int32_t before_sec; /* the offset before from_sec; the same if there is none */
} ZoneSpan;

/* The span of this moment, which lies in the years 1970 to 2200; outside of them the rules are those of their end. */
ZoneSpan zone_span(const Zone *zone, int64_t sec);

/* Days since 1970 of a date of the Gregorian calendar, and back. month 1 to 12, day 1 to 31. */
int64_t zone_days_of_date(int64_t year, unsigned month, unsigned day);
void zone_date_of_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);
unsigned zone_days_in_month(int64_t year, unsigned month);
