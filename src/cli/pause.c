/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask pause TASK\n"
        "Start no run of a task until it is resumed. Its firings are kept by its own\n"
        "rules, a run that is alive goes on, and the pause survives a reboot.\n"
        "\n"
        "Example:\n"
        "  bgtask pause SampleTask\n";

int cli_pause(Cli *cli, const Verb *verb, int argc, char *argv[], bool paused)
{
        bgt_record *task = NULL;
        int status;

        status = cli_one_task(cli, verb, argc, argv, NULL, 0, &task);
        if (!task)
                return status;
        if (bgt_task_pause(cli->bgt, bgt_record_string(task, "task"), paused) < 0)
                status = cli_complain();
        else if (cli->json)
                json_print_pair(paused ? "paused" : "resumed", bgt_record_string(task, "task"));
        else
                printf("%s %s\n", paused ? "paused" : "resumed", bgt_record_string(task, "name"));
        bgt_record_unref(task);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        return cli_pause(cli, verb, argc, argv, true);
}

const Verb verb_pause = { "pause", "start no run of a task for now", help, run };
