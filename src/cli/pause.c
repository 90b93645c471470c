/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask pause TASK\n"
        "       bgtask pause PACKAGE\n"
        "Start no run of a task, or of any task of a package or label, until it is\n"
        "resumed. Firings are kept by their own rules, a run that is alive goes on, and\n"
        "the pause survives a reboot, that of a package also its update. Where a task\n"
        "has the name of a package, '--package PACKAGE' alone is the package.\n"
        "\n"
        "Examples:\n"
        "  bgtask pause SampleTask\n"
        "  bgtask pause --package Contoso.Sample_h91ms92gdsmmt\n";

static int say(Cli *cli, bool paused, const char *id, const char *prefix, const char *name)
{
        const char *what = paused ? "paused" : "resumed";

        if (cli->json)
                json_print_pair(what, id);
        else
                printf("%s %s%s\n", what, prefix, name);
        return EXIT_OK;
}

static int pause_package(Cli *cli, const char *package, bool paused)
{
        if (bgt_package_pause(cli->bgt, package, paused) < 0)
                return cli_complain_package(cli, package);
        return say(cli, paused, package, "all tasks of ", package);
}

static int pause_task(Cli *cli, const bgt_record *task, bool paused)
{
        if (bgt_task_pause(cli->bgt, bgt_record_string(task, "task"), paused) < 0)
                return cli_complain();
        return say(cli, paused, bgt_record_string(task, "task"), "", bgt_record_string(task, "name"));
}

/* A name that no task has may be that of a package; what is neither is told as a task that is not there. */
static int pause_named(Cli *cli, const char *name, bool paused)
{
        bgt_record *task = NULL;
        int r = 0, status;

        if (!cli->package && bgt_task_find(cli->bgt, "*", name, &task) == -ENOENT) {
                r = bgt_package_pause(cli->bgt, name, paused);
                if (r != -ENOENT)
                        return r < 0 ? cli_complain() : say(cli, paused, name, "all tasks of ", name);
        }
        status = task ? EXIT_OK : cli_find_task(cli, name, &task);
        if (status == EXIT_OK)
                status = pause_task(cli, task, paused);
        bgt_record_unref(task);
        return status;
}

int cli_pause(Cli *cli, const Verb *verb, int argc, char *argv[], bool paused)
{
        int r = cli_parse(cli, verb, argc, argv, NULL, 0), status;
        const char *package = NULL;

        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r > 1 || (argc == r && !cli->package))
                return cli_usage(verb, "name one task, or a package");
        /* A label that has no task any more is paused, and nothing that could be connected for. */
        if (argc == r)
                package = TAKE_PTR(cli->package);
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        return package ? pause_package(cli, package, paused) : pause_named(cli, argv[r], paused);
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        return cli_pause(cli, verb, argc, argv, true);
}

const Verb verb_pause = { "pause", "start no run of a task or package for now", help, run };
