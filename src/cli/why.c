/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask why TASK\n"
        "Say every reason why a task does not run now, since when, and what would change\n"
        "it.\n"
        "\n"
        "Example:\n"
        "  bgtask why SampleTask\n";

static int print(Cli *cli, bgt_list *list, const char *name)
{
        uint64_t now = cli_now(cli);
        const bgt_record *row;
        char since[60];
        int r;

        while ((r = bgt_list_next(list, &row)) > 0) {
                const char *text = bgt_record_string(row, "text"), *remedy = bgt_record_string(row, "remedy");

                print_untrusted(name);
                printf(": %s\n", text ? text : bgt_record_string(row, "code"));
                if (bgt_record_uint(row, "since", 0) > 0)
                        printf("    since: %s\n",
                               format_relative(bgt_record_uint(row, "since", 0), now, since, sizeof since));
                if (remedy && remedy[0])
                        printf("    what to do: %s\n", remedy);
        }
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bgt_record *task = NULL;
        bgt_list *list = NULL;
        int r, status;

        status = cli_one_task(cli, verb, argc, argv, NULL, 0, &task);
        if (!task)
                return status;
        r = bgt_list_why(cli->bgt, bgt_record_string(task, "task"), &list);
        if (r >= 0)
                r = cli->json ? json_print_list(list) : print(cli, list, bgt_record_string(task, "name"));
        bgt_list_free(list);
        bgt_record_unref(task);
        return r < 0 ? cli_complain() : EXIT_OK;
}

const Verb verb_why = { "why", "say why a task does not run", help, run };
