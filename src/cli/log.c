/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask log [--run RUN] TASK\n"
        "Show what the servers of a task printed during its latest runs, or during one.\n"
        "A server that runs several tasks at once prints into one log.\n"
        "\n"
        "  --run RUN  only during this run\n"
        "\n"
        "Example:\n"
        "  bgtask log SampleTask\n";

static int print(Cli *cli, bgt_list *list)
{
        const bgt_record *row;
        char when[48];
        int r;

        while ((r = bgt_list_next(list, &row)) > 0) {
                printf("%s  ", format_time(bgt_record_uint(row, "time", 0), true, when, sizeof when));
                print_untrusted(bgt_record_string(row, "text"));
                putchar('\n');
        }
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *run_id = NULL;
        const CliOption options[] = { { "run", .value = &run_id } };
        bgt_record *task = NULL;
        bgt_list *list = NULL;
        int r, status;

        status = cli_one_task(cli, verb, argc, argv, options, ELEMENTSOF(options), &task);
        if (!task)
                return status;
        r = bgt_list_log(cli->bgt, bgt_record_string(task, "task"), run_id, &list);
        status = cli_show_list(cli, r, list, print);
        bgt_record_unref(task);
        return status;
}

const Verb verb_log = { "log", "show what a task printed", help, run };
