/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask sensors\n"
        "Show what the machine is like: each condition that tasks may wait for, whether\n"
        "it is true, false or unknown, since when, and who says so. What no task needs\n"
        "is not watched; it is read for this command. If a task waits for push messages\n"
        "or notifications there is a row for whether they can come.\n"
        "\n"
        "Example:\n"
        "  bgtask sensors --json\n";

static int print(Cli *cli, bgt_list *list)
{
        Table *table = table_new((const char *const[]){ "CONDITION", "LEVEL", "SINCE", "SOURCE", "WORDS" }, 5);
        uint64_t now = cli_now(cli);
        const bgt_record *row;
        char since[40];
        int r = 0;

        while (table && (r = bgt_list_next(list, &row)) > 0) {
                uint64_t usec = bgt_record_uint(row, "since", 0);
                const char *source = bgt_record_string(row, "source");

                table_add(table, (const char *const[]){
                                         bgt_record_string(row, "condition"), bgt_record_string(row, "level"),
                                         usec ? format_relative(usec, now, since, sizeof since) : "-",
                                         source && source[0] ? source : "-", bgt_record_string(row, "words") });
        }
        table_print(table, "this broker has no sensors");
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        return cli_run_list(cli, verb, argc, argv, bgt_list_sensors, print);
}

const Verb verb_sensors = { "sensors", "show what tasks may wait for, and who says so", help, run };
