/* SPDX-License-Identifier: MIT */

/* Any text as an expression, and behind a NUL any bytes as a zone. What is taken goes on in time, and ends. */

#include <stdlib.h>
#include <string.h>

#include "calendar/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition)
                abort();
}

static void walk(const Calendar *c, const Zone *zone)
{
        int64_t at = INT64_C(1700000000), last;

        for (unsigned i = 0; i < 20; i++) {
                int64_t next;

                if (!calendar_next(c, zone, at, &next))
                        break;
                require(next > at);
                require(calendar_last(c, zone, at, next, &last) && last == next);
                at = next;
        }
}

static void check_zone(const Zone *zone)
{
        int64_t at = 0;

        for (unsigned i = 0; i < 1000 && at < INT64_C(7258118400); i++) {
                ZoneSpan span = zone_span(zone, at);

                require(span.from_sec <= at && at < span.until_sec);
                at = span.until_sec;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *end = memchr(data, '\0', size);
        char text[CALENDAR_TEXT_MAX + 2];
        size_t n = end ? (size_t)(end - data) : size;
        CalendarError error = { 0 };
        Zone *zone = NULL;
        Calendar c;

        if (n > sizeof text - 1)
                return 0;
        memcpy(text, data, n);
        text[n] = '\0';
        if (end && zone_parse(end + 1, size - n - 1, &zone) >= 0)
                check_zone(zone);
        if (calendar_parse(text, &c, &error) >= 0) {
                require(c.zone[0] == '\0' || zone_name_is_valid(c.zone));
                walk(&c, zone ? zone : zone_utc());
        } else {
                require(error.sentence[0] != '\0' && error.position <= n);
        }
        zone_free(zone);
        return 0;
}
