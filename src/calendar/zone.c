/* SPDX-License-Identifier: MIT */

#include "calendar/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "calendar/rule.h"

#define TRANSITIONS_MAX 4096
#define TYPES_MAX 256
#define HEADER_SIZE 44
/* Rules are followed up to the end of the last year of an expression. */
#define YEAR_MAX 2200

typedef struct Transition {
        int64_t sec;
        int32_t offset_sec; /* from then on */
} Transition;

struct Zone {
        int32_t first_offset_sec;
        bool has_rule;
        ZoneRule rule; /* after the last transition */
        size_t n;
        Transition transitions[];
};

/* What the header of one block of the file says. */
typedef struct Block {
        uint32_t n_isutc, n_isstd, n_leap, n_transitions, n_types, n_chars;
        unsigned time_size;
        size_t size; /* of the block without its header */
        const uint8_t *data;
} Block;

static int64_t read_be(const uint8_t *p, unsigned n)
{
        uint64_t x = p[0] & 0x80 ? UINT64_MAX : 0;

        for (unsigned i = 0; i < n; i++)
                x = x << 8 | p[i];
        return (int64_t)x;
}

static int read_header(const uint8_t *p, size_t size, unsigned time_size, Block *ret_block)
{
        uint32_t *const counts[] = {
                &ret_block->n_isutc, &ret_block->n_isstd,  &ret_block->n_leap, &ret_block->n_transitions,
                &ret_block->n_types, &ret_block->n_chars,
        };

        if (size < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                *counts[i] = (uint32_t)read_be(p + 20 + 4 * i, 4);
                /* More than any file holds, and no sum of them overflows. */
                if (*counts[i] > 65536)
                        return -EFBIG;
        }
        ret_block->time_size = time_size;
        ret_block->data = p + HEADER_SIZE;
        ret_block->size = (size_t)ret_block->n_transitions * (time_size + 1) + (size_t)ret_block->n_types * 6 +
                          ret_block->n_chars + (size_t)ret_block->n_leap * (time_size + 4) + ret_block->n_isstd +
                          ret_block->n_isutc;
        if (ret_block->size > size - HEADER_SIZE || ret_block->n_types == 0 || ret_block->n_types > TYPES_MAX)
                return -EINVAL;
        return ret_block->n_transitions > TRANSITIONS_MAX ? -EFBIG : 0;
}

static int read_offset(const Block *block, unsigned type, int32_t *ret_offset)
{
        const uint8_t *types = block->data + (size_t)block->n_transitions * (block->time_size + 1);
        int64_t offset;

        if (type >= block->n_types)
                return -EINVAL;
        offset = read_be(types + 6 * (size_t)type, 4);
        if (offset <= -ZONE_OFFSET_MAX || offset >= ZONE_OFFSET_MAX)
                return -EINVAL;
        *ret_offset = (int32_t)offset;
        return 0;
}

static int read_block(const Block *block, Zone *zone)
{
        const uint8_t *types = block->data + (size_t)block->n_transitions * block->time_size;
        int32_t offset;
        int r;

        r = read_offset(block, 0, &zone->first_offset_sec);
        offset = zone->first_offset_sec;
        for (uint32_t i = 0; i < block->n_transitions && r >= 0; i++) {
                Transition *t = &zone->transitions[zone->n];

                t->sec = read_be(block->data + (size_t)i * block->time_size, block->time_size);
                if (i > 0 && t->sec <= read_be(block->data + (size_t)(i - 1) * block->time_size, block->time_size))
                        return -EINVAL;
                r = read_offset(block, types[i], &t->offset_sec);
                /* One of the names only is no change of time. */
                if (r >= 0 && t->offset_sec != offset) {
                        offset = t->offset_sec;
                        zone->n++;
                }
        }
        return r;
}

/* The rule for the time after the last transition: between two newlines at the end. */
static int read_footer(const uint8_t *p, size_t size, Zone *zone)
{
        char text[ZONE_RULE_TEXT_MAX + 1];
        const uint8_t *end;
        size_t n;

        if (size < 2 || p[0] != '\n')
                return -EINVAL;
        end = memchr(p + 1, '\n', size - 1);
        if (!end)
                return -EINVAL;
        n = (size_t)(end - p - 1);
        if (n == 0)
                return 0;
        if (n > ZONE_RULE_TEXT_MAX || memchr(p + 1, '\0', n))
                return -EINVAL;
        memcpy(text, p + 1, n);
        text[n] = '\0';
        zone->has_rule = true;
        return zone_rule_parse(text, &zone->rule);
}

int zone_parse(const void *data, size_t size, Zone **ret_zone)
{
        const uint8_t *p = data;
        Block block = { 0 };
        Zone *zone;
        int r;

        if (size > ZONE_FILE_MAX)
                return -EFBIG;
        r = read_header(p, size, 4, &block);
        if (r < 0)
                return r;
        if (p[4] >= '2') {
                size_t first = HEADER_SIZE + block.size;

                p += first;
                size -= first;
                r = read_header(p, size, 8, &block);
                if (r < 0)
                        return r;
        }
        zone = calloc(1, sizeof *zone + (block.n_transitions + 1) * sizeof zone->transitions[0]);
        if (!zone)
                return -ENOMEM;
        r = read_block(&block, zone);
        if (r >= 0 && block.time_size == 8)
                r = read_footer(block.data + block.size, size - HEADER_SIZE - block.size, zone);
        if (r < 0) {
                free(zone);
                return r;
        }
        *ret_zone = zone;
        return 0;
}

Zone *zone_free(Zone *zone)
{
        if (zone != zone_utc())
                free(zone);
        return NULL;
}

const Zone *zone_utc(void)
{
        static const Zone utc = { 0 };

        return &utc;
}

bool zone_equal(const Zone *a, const Zone *b)
{
        return a->first_offset_sec == b->first_offset_sec && a->has_rule == b->has_rule &&
               memcmp(&a->rule, &b->rule, sizeof a->rule) == 0 && a->n == b->n &&
               memcmp(a->transitions, b->transitions, a->n * sizeof a->transitions[0]) == 0;
}

/* The last transition at or before the moment, 0: none; else its position + 1. */
static size_t find_transition(const Zone *zone, int64_t sec)
{
        size_t low = 0, high = zone->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (zone->transitions[middle].sec <= sec)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int32_t offset_before(const Zone *zone, size_t i)
{
        return i > 0 ? zone->transitions[i - 1].offset_sec : zone->first_offset_sec;
}

/* Behind the last transition: between two steps of the rule that change something. */
static ZoneSpan span_of_rule(const Zone *zone, int64_t sec, ZoneSpan span)
{
        ZoneStep steps[ZONE_STEPS_MAX];
        int64_t year;
        unsigned month, day;
        int32_t offset;
        size_t n;

        if (!zone->rule.has_dst) {
                span.offset_sec = zone->rule.std_offset_sec;
                return span;
        }
        zone_date_of_days(MAX(sec, INT64_C(0)) / 86400, &year, &month, &day);
        n = zone_rule_steps(&zone->rule, year, steps);
        offset = span.offset_sec = steps[0].offset_sec;
        for (size_t i = 1; i < n; i++) {
                bool last_of_moment = i + 1 == n || steps[i + 1].sec > steps[i].sec;

                if (!last_of_moment || steps[i].offset_sec == offset)
                        continue;
                if (steps[i].sec > sec) {
                        span.until_sec = steps[i].sec;
                        break;
                }
                if (steps[i].sec > span.from_sec) {
                        span.from_sec = steps[i].sec;
                        span.before_sec = offset;
                }
                offset = span.offset_sec = steps[i].offset_sec;
        }
        /* For ever, as far as anybody asks. */
        if (year > YEAR_MAX)
                span.until_sec = INT64_MAX;
        return span;
}

ZoneSpan zone_span(const Zone *zone, int64_t sec)
{
        size_t i = find_transition(zone, sec);
        ZoneSpan span = {
                .from_sec = i > 0 ? zone->transitions[i - 1].sec : INT64_MIN,
                .until_sec = i < zone->n ? zone->transitions[i].sec : INT64_MAX,
                .offset_sec = offset_before(zone, i),
                .before_sec = offset_before(zone, i > 0 ? i - 1 : 0),
        };

        if (i == zone->n && zone->has_rule)
                span = span_of_rule(zone, sec, span);
        if (span.from_sec == INT64_MIN)
                span.before_sec = span.offset_sec;
        return span;
}

bool zone_same_from(const Zone *a, const Zone *b, int64_t sec)
{
        while (sec != INT64_MAX) {
                ZoneSpan x = zone_span(a, sec), y = zone_span(b, sec);

                if (x.offset_sec != y.offset_sec)
                        return false;
                sec = MIN(x.until_sec, y.until_sec);
        }
        return true;
}

/* After Howard Hinnant's "chrono-compatible low-level date algorithms": years begin in March. */
int64_t zone_days_of_date(int64_t year, unsigned month, unsigned day)
{
        int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
        int64_t of_era = y - era * 400;
        int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void zone_date_of_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
        int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
        int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;

        *ret_day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
        *ret_month = (unsigned)(m < 10 ? m + 3 : m - 9);
        *ret_year = year + era * 400 + (*ret_month <= 2);
}

unsigned zone_days_in_month(int64_t year, unsigned month)
{
        static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        return days[month - 1] + (month == 2 && leap);
}
