/* SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask history [--last N] [TASK]\n"
        "List how runs ended, newest first: of a task, of a package (--package), or all.\n"
        "\n"
        "  --last N  at most so many (default 20; 0: all that are kept)\n"
        "\n"
        "  --usage   show how much CPU time and memory they used\n"
        "\n"
        "Examples:\n"
        "  bgtask history SampleTask\n"
        "  bgtask history --usage backup\n"
        "  bgtask history --last 0 --json | jq 'map(select(.outcome != \"completed\"))'\n";

static char *format_size(uint64_t bytes, char *buf, size_t size)
{
        static const char units[] = "kMGT";
        double number = (double)bytes / 1024;
        size_t i = 0;

        for (; number >= 1000 && i + 2 < sizeof units; i++)
                number /= 1024;
        snprintf(buf, size, "%.*f %cB", number < 10 ? 1 : 0, number, units[i]);
        return buf;
}

/* What is not known is a dash. */
static char *format_known(uint64_t value, char *(*format)(uint64_t value, char *buf, size_t size), char *buf,
                          size_t size)
{
        if (value > 0)
                return format(value, buf, size);
        snprintf(buf, size, "-");
        return buf;
}

static void add_row(Table *table, const bgt_record *row, bool usage)
{
        uint64_t started = bgt_record_uint(row, "started", 0), ended = bgt_record_uint(row, "ended", 0);
        char when[40], took[40], attempts[24], cpu[40], memory[40];

        format_time(started > 0 ? started : ended, false, when, sizeof when);
        if (started > 0 && ended >= started)
                format_duration(ended - started, took, sizeof took);
        else
                snprintf(took, sizeof took, "-");
        snprintf(attempts, sizeof attempts, "%" PRIu64, bgt_record_uint(row, "attempts", 0));
        format_known(bgt_record_uint(row, "cpu", 0), format_duration, cpu, sizeof cpu);
        format_known(bgt_record_uint(row, "memory", 0), format_size, memory, sizeof memory);
        table_add(table, (const char *const[]){ when, bgt_record_string(row, "name"), took,
                                                usage ? cpu : bgt_record_string(row, "fired-by"),
                                                usage ? memory : attempts, bgt_record_string(row, "text") });
        table_color(table, 5, color_of_outcome(bgt_record_string(row, "outcome")));
}

static int print(bgt_list *list, uint32_t last, bool usage)
{
        const char *const headings[] = { "TIME",  "TASK", "TOOK", usage ? "CPU" : "FIRED BY",
                                         usage ? "MEMORY" : "ATTEMPTS", "OUTCOME" };
        Table *table = table_new(headings, ELEMENTSOF(headings));
        const bgt_record *row;
        int r = 0;

        for (uint32_t i = 0; table && (last == 0 || i < last) && (r = bgt_list_next(list, &row)) > 0; i++)
                add_row(table, row, usage);
        table_print(table, "nothing has run yet");
        return r;
}

static int print_json(bgt_list *list, uint32_t last)
{
        const bgt_record *row;
        int r = 0;

        if (last == 0)
                return json_print_list(list);
        fputs("[", stdout);
        for (uint32_t i = 0; i < last && (r = bgt_list_next(list, &row)) > 0; i++) {
                fputs(i > 0 ? "," : "", stdout);
                json_print_line(row);
        }
        puts("]");
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *last_text = "20";
        bool usage = false;
        const CliOption options[] = { { "last", .value = &last_text }, { "usage", .flag = &usage } };
        bgt_record *task = NULL;
        bgt_list *list = NULL;
        uint32_t last;
        int r, status = EXIT_OK;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (cli_parse_number(verb, "--last", "runs, as 20", last_text, &last))
                return EXIT_USAGE;
        if (argc - r > 1)
                return cli_usage(verb, "name one task, or none for all");
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        if (argc > r)
                status = cli_find_task(cli, argv[r], &task);
        if (status != EXIT_OK)
                return status;
        r = bgt_list_history(cli->bgt, cli->package ? cli->package : "*", bgt_record_string(task, "task"), &list);
        if (r >= 0)
                r = cli->json ? print_json(list, last) : print(list, last, usage);
        bgt_list_free(list);
        bgt_record_unref(task);
        return r < 0 ? cli_complain() : EXIT_OK;
}

const Verb verb_history = { "history", "list how runs ended", help, run };
