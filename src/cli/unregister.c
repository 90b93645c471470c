/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask unregister [--cancel] TASK\n"
        "Unregister a task. What waits is dropped; its history stays.\n"
        "\n"
        "  --cancel   cancel what runs; without it, it may end\n"
        "\n"
        "Example:\n"
        "  bgtask unregister --cancel SampleTask\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bool cancel = false;
        const CliOption options[] = { { "cancel", .flag = &cancel } };
        bgt_record *task = NULL;
        int status;

        status = cli_one_task(cli, verb, argc, argv, options, ELEMENTSOF(options), &task);
        if (!task)
                return status;
        if (bgt_task_unregister(cli->bgt, bgt_record_string(task, "task"), cancel) < 0)
                status = cli_complain();
        else if (cli->json)
                json_print_pair("unregistered", bgt_record_string(task, "task"));
        else
                printf("unregistered %s\n", bgt_record_string(task, "name"));
        bgt_record_unref(task);
        return status;
}

const Verb verb_unregister = { "unregister", "unregister a task", help, run };
