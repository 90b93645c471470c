/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "base/terms.h"
#include "cli/task-row.h"

static const char help[] =
        "Usage: bgtask add [OPTION]... NAME -- COMMAND [ARGUMENT]...\n"
        "Register a command that runs in the background when it is due and its\n"
        "conditions hold. It needs no package and no manifest. Returns when it is stored\n"
        "on disk.\n"
        "\n" TASK_OPTIONS_HELP
        "  --if-exists POLICY     fail (default), keep, update, replace, duplicate\n"
        "  --package LABEL        list it under this instead of 'commands'\n"
        "\n"
        "Its output is in 'bgtask log', its exit status in 'bgtask history'. SIGTERM\n"
        "tells it to stop. It may write numbers to the descriptor BGTASK_PROGRESS_FD:\n"
        "its progress; 'bgtask progress N' does that.\n"
        "\n"
        "Examples:\n"
        "  bgtask add backup --every 1d --when ac,unmetered --retry 3 -- \\\n"
        "          restic backup --exclude-caches /home/me\n"
        "  bgtask add sync --every 1d --on login -- syncthing-cli sync\n"
        "  bgtask add feeds --every 30m --when internet --limit 5m -- newsboat -x reload\n";

static int add(Cli *cli, const Verb *verb, TaskOptions *o, const char *if_exists, char *argv[])
{
        const char *label = TAKE_PTR(cli->package);
        char task[BGT_ID_SIZE];
        bgt_record *row;
        size_t n = 0;
        int policy, status, r;

        if (cli_parse_term(verb, "--if-exists", TERM_IF_EXISTS, if_exists, IF_EXISTS_FAIL, &policy))
                return EXIT_USAGE;
        while (argv[n + 1])
                n++;
        row = bgt_record_new();
        if (!row || bgt_record_set_string(row, "name", argv[0]) < 0 ||
            bgt_record_set_strings(row, "command", (const char *const *)argv + 1, n) < 0) {
                bgt_record_unref(row);
                return cli_usage(verb, "the name or the command is not valid UTF-8");
        }
        status = task_options_apply(cli, verb, o, row);
        if (status == EXIT_OK)
                status = cli_connect(cli, 0);
        if (status == EXIT_OK) {
                r = bgt_task_register(cli->bgt, label, row, policy, task);
                status = r < 0 ? cli_complain()
                               : task_row_report(cli, r > 0 && policy == IF_EXISTS_KEEP ? "kept"
                                                      : r > 0                           ? "updated"
                                                                                        : "added",
                                                 task);
        }
        bgt_record_unref(row);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        TaskOptions o = TASK_OPTIONS_INIT;
        const char *if_exists = NULL;
        const CliOption options[] = { TASK_OPTIONS(&o), { "if-exists", .value = &if_exists } };
        int r;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r < 1)
                return cli_usage(verb, "name the task, and behind -- the command");
        if (argc - r < 2)
                return cli_usage(verb, "what is it to run? give the command behind --");
        return add(cli, verb, &o, if_exists, argv + r);
}

const Verb verb_add = { "add", "run a command in the background", help, run };
