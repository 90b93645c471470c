/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "base/terms.h"
#include "cli/task-row.h"

static const char help[] =
        "Usage: bgtask edit [OPTION]... TASK [-- COMMAND [ARGUMENT]...]\n"
        "Change a registered task. What is not given stays; so do its id, its history\n"
        "and, if the kind of its trigger stays, its rhythm. A live run goes on as it was.\n"
        "\n" TASK_OPTIONS_HELP
        "\n"
        "  --no-cancel-on-condition-loss, --no-notify-failure\n"
        "\n"
        "An empty --when takes all conditions away, an empty --on-failure its command, an\n"
        "empty --dir the folder, and --limit 0 the limit. What --env gives replaces all\n"
        "variables. An option that would have no effect is refused.\n"
        "\n"
        "Examples:\n"
        "  bgtask edit backup --every 12h --when ac\n"
        "  bgtask edit backup -- restic backup /home/me /etc\n";

/* Options that all verbs have say which task, and how to answer. */
static bool changes_something(const Cli *cli)
{
        static const char *const common[] = { "json", "system", "package" };
        size_t n = cli->n_given;

        for (size_t i = 0; i < ELEMENTSOF(common); i++)
                n -= cli_is_given(cli, common[i]);
        return n > 0;
}

static int edit(Cli *cli, const Verb *verb, TaskOptions *o, const bgt_record *old, char *argv[])
{
        char task[BGT_ID_SIZE];
        bgt_record *row;
        size_t n = 0;
        int status;

        while (argv[n])
                n++;
        if (n > 0 && !bgt_record_strings(old, "command", NULL))
                return cli_usage(verb, "%s is not a command, and cannot become one",
                                 bgt_record_string(old, "name"));
        if (n == 0 && !changes_something(cli))
                return cli_usage(verb, "nothing that is to be changed is given");
        row = bgt_record_new();
        /* The row of a list holds more than a registration: bgt_task_register() leaves that out. */
        if (!row || task_row_copy(old, row) < 0 ||
            (n > 0 && bgt_record_set_strings(row, "command", (const char *const *)argv, n) < 0)) {
                bgt_record_unref(row);
                return cli_out_of_memory();
        }
        status = task_options_apply(cli, verb, o, row);
        if (status == EXIT_OK)
                status = bgt_task_register(cli->bgt, bgt_record_string(old, "package"), row, IF_EXISTS_UPDATE, task) <
                                         0
                                 ? cli_complain()
                                 : task_row_report(cli, "changed", task);
        bgt_record_unref(row);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        TaskOptions o = TASK_OPTIONS_INIT;
        const CliOption options[] = { TASK_OPTIONS(&o), TASK_OPTIONS_NO(&o) };
        bgt_record *old = NULL;
        int r, status;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r < 1)
                return cli_usage(verb, "name the task");
        status = cli_connect(cli, 0);
        if (status == EXIT_OK)
                status = cli_find_task(cli, argv[r], &old);
        if (status == EXIT_OK)
                status = edit(cli, verb, &o, old, argv + r + 1);
        bgt_record_unref(old);
        return status;
}

const Verb verb_edit = { "edit", "change a registered task", help, run };
