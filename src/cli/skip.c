/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask skip [--undo] TASK\n"
        "Do not run a task the next time that its trigger fires; the history tells of\n"
        "it. It is kept until then, over a reboot too. What is pending or running, a\n"
        "request and 'bgtask run' are not skipped.\n"
        "\n"
        "  --undo  run it the next time after all\n"
        "\n"
        "Examples:\n"
        "  bgtask skip Backup\n"
        "  bgtask skip --undo Backup\n";

static void say(const bgt_record *task, bool undo, uint64_t now)
{
        const char *name = bgt_record_string(task, "name");
        uint64_t next = bgt_record_uint(task, "next-earliest", 0);
        char time[40], relative[60];

        format_time(next, false, time, sizeof time);
        format_relative(next, now, relative, sizeof relative);
        if (undo)
                printf("%s is not skipped the next time\n", name);
        else if (bgt_record_records(task, "triggers", NULL))
                printf("%s is skipped the next time that one of its triggers fires\n", name);
        else if (next > 0)
                printf("%s is skipped the next time, %s (%s)\n", name, time, relative);
        else
                printf("%s is skipped the next time that its trigger fires\n", name);
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bool undo = false;
        const CliOption options[] = { { "undo", .flag = &undo } };
        bgt_record *task = NULL;
        int status;

        status = cli_one_task(cli, verb, argc, argv, options, ELEMENTSOF(options), &task);
        if (!task)
                return status;
        if (bgt_task_skip(cli->bgt, bgt_record_string(task, "task"), !undo) < 0)
                status = cli_complain();
        else if (cli->json)
                json_print_pair(undo ? "not-skipped" : "skipped", bgt_record_string(task, "task"));
        else
                say(task, undo, cli_now(cli));
        bgt_record_unref(task);
        return status;
}

const Verb verb_skip = { "skip", "do not run a task the next time", help, run };
