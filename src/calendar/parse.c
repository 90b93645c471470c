/* SPDX-License-Identifier: MIT */

/* Calendar expressions: systemd.time(7)'s syntax to sets of bits. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "calendar/calendar.h"

#define WORDS_MAX 4
#define STEP_MAX 100000

typedef struct Word {
        const char *text;
        size_t n;
} Word;

typedef struct Parser {
        const char *text;
        CalendarError *error;
        Calendar calendar;
} Parser;

/* One of the numbers that a date or time is made of. */
typedef struct Field {
        const char *name;
        unsigned min, max;
        uint64_t *bits; /* bit of min - base */
        unsigned base;
        bool backwards; /* days from the end: a step goes towards it */
} Field;

/* Whatever the locale says. */
static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether the n bytes are the word, or its beginning, in any case. */
static bool begins(const char *word, const char *at, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (lower(at[i]) != lower(word[i]))
                        return false;
        return true;
}

static int refuse(Parser *p, const char *at, const char *format, ...) _printf_(3, 4);

static int refuse(Parser *p, const char *at, const char *format, ...)
{
        va_list args;

        if (!p->error)
                return -EINVAL;
        p->error->position = (size_t)(at - p->text);
        va_start(args, format);
        vsnprintf(p->error->sentence, sizeof p->error->sentence, format, args);
        va_end(args);
        return -EINVAL;
}

static void set_bit(uint64_t *bits, unsigned n)
{
        bits[n / 64] |= UINT64_C(1) << n % 64;
}

static int parse_number(Parser *p, const char **at, const Field *field, unsigned *ret_number)
{
        const char *start = *at;
        unsigned x = 0;

        while (is_digit(**at)) {
                if (x > STEP_MAX)
                        return refuse(p, start, "the number is too large");
                x = 10 * x + (unsigned)(*(*at)++ - '0');
        }
        if (*at == start)
                return refuse(p, start, "a number is missing for the %s", field->name);
        /* Years of two digits are those of 1970 to 2069. */
        if (field->base == CALENDAR_YEAR_MIN && *at - start <= 2)
                x += x < 70 ? 2000 : 1900;
        if (x < field->min || x > field->max)
                return refuse(p, start, "the %s %u is not between %u and %u", field->name, x, field->min, field->max);
        *ret_number = x;
        return 0;
}

static int parse_step(Parser *p, const char **at, const Field *field, unsigned *ret_step)
{
        const char *start = ++*at;
        unsigned x = 0;

        while (is_digit(**at) && x <= STEP_MAX)
                x = 10 * x + (unsigned)(*(*at)++ - '0');
        if (*at == start || x == 0 || x > STEP_MAX)
                return refuse(p, start, "the step of the %s is not a number above 0", field->name);
        *ret_step = x;
        return 0;
}

static void set_range(const Field *field, unsigned first, unsigned last, unsigned step)
{
        if (!field->backwards) {
                for (unsigned i = first; i <= last; i += step)
                        set_bit(field->bits, i - field->base);
                return;
        }
        /* The first day is the one that is farthest from the end. */
        for (unsigned i = last; i >= first && i <= last; i -= step)
                set_bit(field->bits, i - field->base);
}

/* VALUE, VALUE..VALUE or a star, each with a step or without. */
static int parse_item(Parser *p, const char **at, const Field *field)
{
        unsigned first = field->min, last = field->max, step = 1;
        bool range = true;
        int r;

        if (**at == '*') {
                (*at)++;
        } else {
                r = parse_number(p, at, field, &first);
                if (r < 0)
                        return r;
                range = (*at)[0] == '.' && (*at)[1] == '.';
                if (range) {
                        *at += 2;
                        r = parse_number(p, at, field, &last);
                        if (r < 0)
                                return r;
                }
        }
        if (range && first > last) {
                unsigned swap = first;

                if (!field->backwards)
                        return refuse(p, *at, "the range of the %s goes backwards", field->name);
                first = last;
                last = swap;
        }
        if (**at == '.')
                return refuse(p, *at, "times are whole seconds");
        if (**at == '/') {
                r = parse_step(p, at, field, &step);
                if (r < 0)
                        return r;
                if (!range && field->backwards) {
                        last = first;
                        first = field->min;
                }
        } else if (!range) {
                last = first;
        }
        set_range(field, first, last, step);
        return 0;
}

static int parse_field(Parser *p, const char **at, const Field *field)
{
        int r = parse_item(p, at, field);

        while (r >= 0 && **at == ',') {
                (*at)++;
                r = parse_item(p, at, field);
        }
        return r;
}

/* HOUR:MINUTE or HOUR:MINUTE:SECOND */
static int parse_time(Parser *p, const Word *word)
{
        uint64_t hours = 0;
        const Field fields[] = {
                { "hour", 0, 23, &hours, 0, false },
                { "minute", 0, 59, &p->calendar.minutes, 0, false },
                { "second", 0, 59, &p->calendar.seconds, 0, false },
        };
        const char *at = word->text;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                int r = parse_field(p, &at, &fields[i]);

                if (r < 0)
                        return r;
                if (at == word->text + word->n) {
                        p->calendar.hours = (uint32_t)hours;
                        if (i == 1)
                                p->calendar.seconds = 1;
                        return i == 0 ? refuse(p, word->text, "a time has hours and minutes") : 0;
                }
                if (*at != ':')
                        break;
                at++;
        }
        return refuse(p, at, "'%c' does not belong into a time", *at);
}

/* YEAR-MONTH-DAY or MONTH-DAY; '~' before the day counts it from the end. */
static int parse_date(Parser *p, const Word *word)
{
        uint64_t months = 0, days = 0;
        Field fields[] = {
                { "year", CALENDAR_YEAR_MIN, CALENDAR_YEAR_MAX, p->calendar.years, CALENDAR_YEAR_MIN, false },
                { "month", 1, 12, &months, 0, false },
                { "day", 1, 31, &days, 0, false },
        };
        const char *at = word->text;
        size_t n_signs = 0;

        for (size_t i = 0; i < word->n; i++)
                n_signs += word->text[i] == '-' || word->text[i] == '~';
        if (n_signs < 1 || n_signs > 2)
                return refuse(p, word->text, "a date is YEAR-MONTH-DAY or MONTH-DAY");
        if (n_signs == 1)
                memset(p->calendar.years, 0xff, sizeof p->calendar.years);
        for (size_t i = 2 - n_signs; i < ELEMENTSOF(fields); i++) {
                int r = parse_field(p, &at, &fields[i]);

                if (r < 0)
                        return r;
                if (i == 2)
                        break;
                if (*at != '-' && (*at != '~' || i == 0))
                        return refuse(p, at, "the %s is not followed by a '-'", fields[i].name);
                p->calendar.from_end = fields[2].backwards = *at++ == '~';
        }
        if (at != word->text + word->n)
                return refuse(p, at, "'%c' does not belong into a date", *at);
        p->calendar.months = (uint16_t)months;
        p->calendar.days = (uint32_t)days;
        return 0;
}

/* The weekday that begins here, 0 for Monday; -1: none does. */
static int find_weekday(const char *at, size_t *ret_n)
{
        static const char *const names[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
                                             "Sunday" };
        size_t n = 0;

        while (is_letter(at[n]))
                n++;
        *ret_n = n;
        for (int i = 0; i < (int)ELEMENTSOF(names); i++)
                if ((n == 3 || n == strlen(names[i])) && begins(names[i], at, n))
                        return i;
        return -1;
}

static bool is_weekdays(const Word *word)
{
        size_t n;

        return find_weekday(word->text, &n) >= 0 && (n == word->n || !strchr("/_+", word->text[n]));
}

static int parse_weekdays(Parser *p, const Word *word)
{
        const char *at = word->text, *end = at + word->n;

        while (at < end) {
                size_t n;
                int first = find_weekday(at, &n), last = first;

                if (first < 0)
                        return refuse(p, at, "a weekday is missing");
                at += n;
                if (*at == '-' || (at[0] == '.' && at[1] == '.')) {
                        at += *at == '-' ? 1 : 2;
                        last = find_weekday(at, &n);
                        if (last < 0)
                                return refuse(p, at, "a weekday is missing");
                        at += n;
                }
                if (last < first)
                        return refuse(p, at, "the range of weekdays goes backwards: a week begins on Monday");
                for (int i = first; i <= last; i++)
                        p->calendar.weekdays |= (uint8_t)(1 << i);
                if (at == end)
                        return 0;
                if (*at++ != ',')
                        return refuse(p, at - 1, "'%c' does not belong between weekdays", at[-1]);
        }
        return 0;
}

static const char *find_shorthand(const Word *word)
{
        static const struct {
                const char *name;
                const char *text;
        } shorthands[] = {
                { "minutely", "*-*-* *:*:00" },
                { "hourly", "*-*-* *:00:00" },
                { "daily", "*-*-* 00:00:00" },
                { "weekly", "Mon *-*-* 00:00:00" },
                { "monthly", "*-*-01 00:00:00" },
                { "quarterly", "*-01,04,07,10-01 00:00:00" },
                { "semiannually", "*-01,07-01 00:00:00" },
                { "semi-annually", "*-01,07-01 00:00:00" },
                { "yearly", "*-01-01 00:00:00" },
                { "annually", "*-01-01 00:00:00" },
        };

        for (size_t i = 0; i < ELEMENTSOF(shorthands); i++)
                if (strlen(shorthands[i].name) == word->n && begins(shorthands[i].name, word->text, word->n))
                        return shorthands[i].text;
        return NULL;
}

static size_t split(const char *text, Word words[static WORDS_MAX + 1])
{
        size_t n = 0;

        for (const char *at = text; n <= WORDS_MAX;) {
                at += strspn(at, " \t");
                if (!*at)
                        break;
                words[n].text = at;
                words[n].n = strcspn(at, " \t");
                at += words[n++].n;
        }
        return n;
}

static int parse_zone(Parser *p, const Word *word)
{
        char *name = p->calendar.zone;

        if (word->n <= ZONE_NAME_MAX) {
                memcpy(name, word->text, word->n);
                name[word->n] = '\0';
        }
        if (word->n > ZONE_NAME_MAX || !zone_name_is_valid(name))
                return refuse(p, word->text, "\"%.*s\" is neither a time nor the name of a zone",
                              (int)MIN(word->n, (size_t)64), word->text);
        if (word->n == 3 && begins("UTC", name, 3))
                memcpy(name, "UTC", sizeof "UTC");
        return 0;
}

/* Weekdays, date and time in this order, each of which may be missing. */
static int parse_words(Parser *p, const Word *words, size_t n)
{
        size_t i = 0;
        int r = 0;

        p->calendar.weekdays = 0;
        if (i < n && is_weekdays(&words[i]))
                r = parse_weekdays(p, &words[i++]);
        else
                p->calendar.weekdays = 0x7f;
        if (r < 0)
                return r;
        if (i < n && !memchr(words[i].text, ':', words[i].n)) {
                r = parse_date(p, &words[i++]);
        } else {
                memset(p->calendar.years, 0xff, sizeof p->calendar.years);
                p->calendar.months = 0x1ffe;
                p->calendar.days = UINT32_MAX - 1;
        }
        if (r < 0)
                return r;
        if (i < n) {
                r = parse_time(p, &words[i++]);
        } else {
                p->calendar.hours = 1;
                p->calendar.minutes = p->calendar.seconds = 1;
        }
        if (r >= 0 && i < n)
                return refuse(p, words[i].text, "\"%.*s\" is one word too many",
                              (int)MIN(words[i].n, (size_t)64), words[i].text);
        return r;
}

/* A zone is the last word, and none of the others. */
static bool is_zone(const Word *word)
{
        return is_letter(word->text[0]) && !is_weekdays(word) && !memchr(word->text, ':', word->n);
}

int calendar_parse(const char *text, Calendar *ret_calendar, CalendarError *ret_error)
{
        Parser p = { .text = text, .error = ret_error };
        Word words[WORDS_MAX + 1];
        const char *shorthand;
        size_t n = 0;
        int r;

        if (strlen(text) > CALENDAR_TEXT_MAX)
                return refuse(&p, text, "the expression is longer than %d bytes", CALENDAR_TEXT_MAX);
        n = split(text, words);
        if (n == 0)
                return refuse(&p, text, "the expression is empty");
        if (n > WORDS_MAX)
                return refuse(&p, words[WORDS_MAX].text, "an expression is weekdays, date, time and zone");
        shorthand = find_shorthand(&words[0]);
        if ((n > 1 || !shorthand) && is_zone(&words[n - 1])) {
                r = parse_zone(&p, &words[--n]);
                if (r < 0)
                        return r;
        }
        if (n == 0)
                return refuse(&p, text, "\"%.64s\" is neither a date nor a time", text);
        if (shorthand) {
                if (n > 1)
                        return refuse(&p, words[1].text, "only a zone may follow \"%.*s\"", (int)words[0].n,
                                      words[0].text);
                n = split(shorthand, words);
        }
        r = parse_words(&p, words, n);
        if (r >= 0)
                *ret_calendar = p.calendar;
        return r;
}
