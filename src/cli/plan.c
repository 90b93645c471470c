/* SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask plan [OPTION]... [DURATION] [CONDITION=LEVEL]...\n"
        "Say what will run when in the next time (default: 24h, at most 100d), and what\n"
        "will be held and why: the broker's own rules, run ahead. Conditions are taken to\n"
        "stay as they are, unless a LEVEL (true, false or unknown) is given; every run is\n"
        "taken to complete at once, and events and requests are not foreseen.\n"
        "\n"
        "  --task TASK  only this one\n"
        "  --last N     at most so many lines (default 100, at most 1000)\n"
        "\n"
        "Examples:\n"
        "  bgtask plan\n"
        "  bgtask plan 7d OnACPower=true --task Backup\n";

#define HORIZON_MAX (100 * USEC_PER_DAY)

static void add_row(Table *table, const bgt_record *step, uint64_t now)
{
        const char *const *reasons = bgt_record_strings(step, "reasons", NULL);
        const char *what = bgt_record_string(step, "what"), *trigger = bgt_record_string(step, "trigger-text");
        uint64_t time = bgt_record_uint(step, "time", 0), count = bgt_record_uint(step, "count", 1);
        bool held = what && strcmp(what, "held") == 0, skipped = what && strcmp(what, "skipped") == 0;
        char when[40], relative[60], text[1000];
        int n;

        format_time(time, false, when, sizeof when);
        format_relative(time, now, relative, sizeof relative);
        n = snprintf(text, sizeof text, "%s", held ? "" : skipped ? "is skipped" : "runs");
        if (count > 1 && !held && !skipped)
                snprintf(text + n, sizeof text - (size_t)n, " once for %" PRIu64 " times", count);
        if (trigger && !held)
                n += snprintf(text + n, sizeof text - (size_t)n, "; fired by %s", trigger);
        for (size_t i = 0; reasons && reasons[i] && (size_t)n < sizeof text; i++)
                n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", i > 0 ? "; " : "", reasons[i]);
        table_add(table, (const char *const[]){ when, relative, bgt_record_string(step, "name"), text });
        table_color(table, 3, held ? COLOR_WARN : COLOR_NONE);
}

static void print(Cli *cli, const bgt_record *plan)
{
        Table *table = table_new((const char *const[]){ "!TIME", "IN", "TASK", "PLAN" }, 4);
        const bgt_record *const *steps;
        uint64_t now = cli_now(cli);
        size_t n;

        steps = bgt_record_records(plan, "steps", &n);
        for (size_t i = 0; table && i < n; i++)
                add_row(table, steps[i], now);
        table_print(table, "nothing will run, as far as can be foreseen");
        if (!bgt_record_bool(plan, "complete", true))
                fprintf(stderr, "there is more: see --last, --task and --package\n");
}

static int read_level(const Verb *verb, const char *argument, bgt_record **levels)
{
        const char *equals = strchr(argument, '=');
        _cleanup_(freep) char *name = strndup(argument, (size_t)(equals - argument));

        if (!*levels)
                *levels = bgt_record_new();
        if (!name || !*levels)
                return cli_out_of_memory();
        if (term_number(TERM_CONDITION, name) < 0)
                return cli_unknown_term(verb, "a condition", TERM_CONDITION, name);
        return bgt_record_set_string(*levels, name, equals + 1) < 0 ? cli_complain() : EXIT_OK;
}

static int read_arguments(const Verb *verb, int n, char *const *arguments, uint64_t *horizon_usec, bgt_record **levels)
{
        int status = EXIT_OK;

        for (int i = 0; i < n && status == EXIT_OK; i++)
                if (strchr(arguments[i], '='))
                        status = read_level(verb, arguments[i], levels);
                else if (i > 0)
                        status = cli_usage(verb, "'%s' is not of the form CONDITION=LEVEL", arguments[i]);
                else if (parse_duration(arguments[i], horizon_usec) < 0)
                        status = cli_usage(verb, "'%s' is no duration; write for example 24h or 7d", arguments[i]);
        if (status == EXIT_OK && (*horizon_usec == 0 || *horizon_usec > HORIZON_MAX))
                status = cli_usage(verb, "a plan reaches 1us to 100d ahead");
        return status;
}

static int plan(Cli *cli, const char *task_name, uint64_t horizon_usec, const bgt_record *levels, uint32_t last)
{
        bgt_record *task = NULL, *answer = NULL;
        int status = EXIT_OK;

        if (task_name)
                status = cli_find_task(cli, task_name, &task);
        if (status != EXIT_OK)
                return status;
        if (bgt_plan(cli->bgt, horizon_usec, cli->package, task ? bgt_record_string(task, "task") : NULL, levels, last,
                     &answer) < 0)
                status = cli_complain();
        else if (cli->json)
                json_print_record(answer);
        else
                print(cli, answer);
        bgt_record_unref(answer);
        bgt_record_unref(task);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *last_text = "100", *task = NULL;
        const CliOption options[] = { { "task", .value = &task }, { "last", .value = &last_text } };
        uint64_t horizon_usec = USEC_PER_DAY;
        bgt_record *levels = NULL;
        uint32_t last;
        int r, status;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (cli_parse_number(verb, "--last", "lines, as 100", last_text, &last))
                return EXIT_USAGE;
        if (last < 1 || last > 1000)
                return cli_usage(verb, "--last: a plan has 1 to 1000 lines, not %" PRIu32, last);
        status = read_arguments(verb, argc - r, argv + r, &horizon_usec, &levels);
        if (status == EXIT_OK)
                status = cli_connect(cli, 0);
        if (status == EXIT_OK)
                status = plan(cli, task, horizon_usec, levels, last);
        bgt_record_unref(levels);
        return status;
}

const Verb verb_plan = { "plan", "say what will run when", help, run };
