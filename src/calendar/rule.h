/* SPDX-License-Identifier: MIT */
#pragma once

/* The rule that a TZif file ends with, as POSIX writes the variable TZ: "CET-1CEST,M3.5.0,M10.5.0/3". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_RULE_TEXT_MAX 255
/* No zone is a day away from UTC, and none was. */
#define ZONE_OFFSET_MAX (25 * 3600 + 1)

typedef enum ZoneDayKind {
        ZONE_DAY_JULIAN,   /* 1 to 365, without February 29 */
        ZONE_DAY_OF_YEAR,  /* 0 to 365 */
        ZONE_DAY_OF_MONTH, /* the n-th such weekday of a month, 5: the last */
} ZoneDayKind;

typedef struct ZoneChange {
        ZoneDayKind kind;
        uint16_t day;
        uint8_t month;
        uint8_t week;
        uint8_t weekday; /* 0: Sunday */
        int32_t time_sec; /* local time of day, which may lie in another day */
} ZoneChange;

typedef struct ZoneRule {
        bool has_dst;
        int32_t std_offset_sec;
        int32_t dst_offset_sec;
        ZoneChange to_dst;
        ZoneChange to_std;
} ZoneRule;

/* 0 or -EINVAL. */
int zone_rule_parse(const char *text, ZoneRule *ret_rule);

/* A moment from which on an offset holds. */
typedef struct ZoneStep {
        int64_t sec;
        int32_t offset_sec;
} ZoneStep;

#define ZONE_STEPS_MAX 6

/* The steps of this year and its neighbours in their order; of two at one moment the later one counts. */
size_t zone_rule_steps(const ZoneRule *rule, int64_t year, ZoneStep ret_steps[static ZONE_STEPS_MAX]);
