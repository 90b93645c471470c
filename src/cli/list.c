/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask list [--group ID]\n"
        "List the registered tasks of all packages, or of one with --package.\n"
        "\n"
        "  --group ID  only those of this registration group\n"
        "\n"
        "Examples:\n"
        "  bgtask list\n"
        "  bgtask list --json | jq -r '.[].name'\n";

static Color color_of_state(const char *state)
{
        if (!state)
                return COLOR_NONE;
        if (strcmp(state, "live") == 0)
                return COLOR_GOOD;
        return strcmp(state, "paused") == 0 ? COLOR_WARN : COLOR_NONE;
}

static void add_row(Table *table, const bgt_record *row, uint64_t now)
{
        const char *state = bgt_record_string(row, "state");
        char trigger[200], next[80], last[60];

        format_triggers(row, trigger, sizeof trigger);
        format_relative(bgt_record_uint(row, "next-earliest", 0), now, next, sizeof next);
        if (bgt_record_bool(row, "skip-next", false))
                strcat(next, " (skipped)");
        format_relative(bgt_record_uint(row, "last-fired", 0), now, last, sizeof last);
        table_add(table, (const char *const[]){ bgt_record_string(row, "name"), state, trigger, next, last,
                                                bgt_record_string(row, "package") });
        table_color(table, 1, color_of_state(state));
}

static int print(Cli *cli, bgt_list *list)
{
        Table *table = table_new((const char *const[]){ "NAME", "STATE", "TRIGGER", "NEXT", "LAST", "PACKAGE" }, 6);
        uint64_t now = cli_now(cli);
        const bgt_record *row;
        int r = 0;

        while (table && (r = bgt_list_next(list, &row)) > 0)
                add_row(table, row, now);
        table_print(table, "no task is registered; see 'bgtask register --help'");
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *group = NULL;
        const CliOption options[] = { { "group", .value = &group } };
        bgt_list *list = NULL;
        int r, status;

        r = cli_parse_alone(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        r = bgt_list_tasks(cli->bgt, cli->package ? cli->package : "*", NULL, group, &list);
        return cli_show_list(cli, r, list, print);
}

const Verb verb_list = { "list", "list the registered tasks", help, run };
