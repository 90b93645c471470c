/* SPDX-License-Identifier: MIT */

/* When a calendar expression comes next: computed here, as the broker does, so that none is needed. */

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "calendar/calendar.h"
#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask next [OPTION]... CALENDAR\n"
        "Show when a calendar expression comes next. Expressions are those of\n"
        "systemd.time(7): weekdays, a date, a time and a time zone, each of which may be\n"
        "left out. No broker is needed.\n"
        "\n"
        "  --count N       how many times (default 5, at most 1000)\n"
        "  --after MOMENT  from then on instead of from now: a date, or date and time\n"
        "  --json          an array with one object for each time\n"
        "\n"
        "What the clocks skip in spring comes right after that, and what they show twice\n"
        "in autumn comes once, unless it comes every hour.\n"
        "\n"
        "Examples:\n"
        "  bgtask next 'Mon..Fri 09:30'\n"
        "  bgtask next --count 12 '*-*~1 23:00 Europe/Berlin'  # the last of each month\n"
        "  bgtask next '*:0/15'                                # every quarter hour\n";

#define COUNT_MAX 1000

static int read_zone(const Verb *verb, const char *name, Zone **ret_zone)
{
        _cleanup_(freep) void *data = NULL;
        size_t n;
        int r;

        r = zoneinfo_read(name, &data, &n);
        if (r >= 0)
                r = zone_parse(data, n, ret_zone);
        if (r < 0)
                return cli_usage(verb, "there is no time zone %s: see /usr/share/zoneinfo, of the package tzdata",
                                 name[0] ? name : "for this machine");
        return EXIT_OK;
}

static int read_expression(const Verb *verb, const char *text, Calendar *ret_calendar, Zone **ret_zone)
{
        CalendarError error;

        if (calendar_parse(text, ret_calendar, &error) < 0)
                return cli_usage(verb, "\"%s\", character %zu: %s", text, error.position + 1, error.sentence);
        return read_zone(verb, ret_calendar->zone, ret_zone);
}

/* A moment is an expression that is taken at its first time. */
static int read_moment(const Verb *verb, const char *text, int64_t *ret_sec)
{
        Zone *zone = NULL;
        Calendar calendar;
        int status = read_expression(verb, text, &calendar, &zone);

        if (status == EXIT_OK && !calendar_next(&calendar, zone, -1, ret_sec))
                status = cli_usage(verb, "\"%s\" is no moment", text);
        zone_free(zone);
        return status;
}

static char *format_local(const Zone *zone, int64_t sec, char *buf, size_t size)
{
        static const char *const weekdays[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
        int32_t offset = zone_span(zone, sec).offset_sec, minutes = abs(offset) / 60;
        int64_t local = sec + offset, year;
        unsigned month, day, time = (unsigned)(local % 86400);

        zone_date_of_days(local / 86400, &year, &month, &day);
        snprintf(buf, size, "%s %04" PRIi64 "-%02u-%02u %02u:%02u:%02u %c%02d:%02d", weekdays[local / 86400 % 7],
                 year, month, day, time / 3600, time / 60 % 60, time % 60, offset < 0 ? '-' : '+', minutes / 60,
                 minutes % 60);
        return buf;
}

static void print_json(const Zone *zone, const int64_t *times, size_t n)
{
        json_t *array = json_array();
        char local[60];

        for (size_t i = 0; i < n; i++) {
                json_t *object = json_object();

                json_object_set_new(object, "time", json_integer(times[i] * (int64_t)USEC_PER_SEC));
                json_object_set_new(object, "local", json_string(format_local(zone, times[i], local, sizeof local)));
                json_array_append_new(array, object);
        }
        json_dumpf(array, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(array);
}

static void print_table(const Zone *zone, const int64_t *times, size_t n)
{
        Table *table = table_new((const char *const[]){ "!TIME", "IN" }, 2);
        uint64_t now = clock_now_usec(CLOCK_REALTIME);
        char local[60], relative[60];

        for (size_t i = 0; table && i < n; i++) {
                format_relative((uint64_t)times[i] * USEC_PER_SEC, now, relative, sizeof relative);
                table_add(table, (const char *const[]){ format_local(zone, times[i], local, sizeof local), relative });
        }
        table_print(table, "it does not come again before the year 2200");
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *count_text = NULL, *after_text = NULL;
        const CliOption options[] = {
                { "count", .value = &count_text },
                { "after", .value = &after_text },
        };
        int64_t times[COUNT_MAX], after = (int64_t)(clock_now_usec(CLOCK_REALTIME) / USEC_PER_SEC);
        int first = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options)), status;
        uint32_t count = 5;
        Calendar calendar;
        Zone *zone = NULL;
        size_t n = 0;

        if (first < 0)
                return CLI_RETURN(first);
        if (argc - first != 1)
                return cli_usage(verb, argc == first ? "the expression is missing"
                                                     : "give the expression as one argument, in quotes");
        if (count_text && cli_parse_number(verb, "--count", "times, as 12", count_text, &count))
                return EXIT_USAGE;
        if (count < 1 || count > COUNT_MAX)
                return cli_usage(verb, "--count is 1 to %d", COUNT_MAX);
        if (after_text && read_moment(verb, after_text, &after))
                return EXIT_USAGE;
        status = read_expression(verb, argv[first], &calendar, &zone);
        while (status == EXIT_OK && n < count && calendar_next(&calendar, zone, after, &after))
                times[n++] = after;
        if (status == EXIT_OK && cli->json)
                print_json(zone, times, n);
        else if (status == EXIT_OK)
                print_table(zone, times, n);
        zone_free(zone);
        return status != EXIT_OK ? status : n > 0 ? EXIT_OK : EXIT_ERROR;
}

const Verb verb_next = { "next", "when a calendar expression comes next", help, run };
