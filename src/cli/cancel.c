/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask cancel [--reason REASON] TASK\n"
        "       bgtask cancel [--reason REASON] --run RUN\n"
        "Cancel the runs of a task and drop what waits, or cancel one run. The task is\n"
        "told the reason, has 5 s to end, and is then stopped.\n"
        "\n"
        "  --reason REASON  name or number of a BackgroundTaskCancellationReason\n"
        "                   (default: User)\n"
        "  --run RUN        the id of a run\n"
        "\n"
        "Example:\n"
        "  bgtask cancel --reason SystemPolicy SampleTask\n";

static int cancel_task(Cli *cli, const char *name, int reason)
{
        bgt_record *task = NULL;
        unsigned n = 0;
        int status;

        status = cli_find_task(cli, name, &task);
        if (status != EXIT_OK)
                return status;
        if (bgt_task_cancel(cli->bgt, bgt_record_string(task, "task"), reason, &n) < 0)
                status = cli_complain();
        else if (cli->json)
                printf("{\"canceled\": %u}\n", n);
        else if (n == 0)
                printf("%s is not running and nothing of it waits\n", bgt_record_string(task, "name"));
        else
                printf("canceled %s (%s)\n", bgt_record_string(task, "name"), term_name(TERM_REASON, reason));
        bgt_record_unref(task);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *reason_text = NULL, *run_id = NULL;
        const CliOption options[] = { { "reason", .value = &reason_text }, { "run", .value = &run_id } };
        int r, reason, status;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != (run_id ? 0 : 1))
                return cli_usage(verb, "name one task, or one run with --run");
        if (cli_parse_reason(verb, reason_text, REASON_USER, &reason))
                return EXIT_USAGE;
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        if (!run_id)
                return cancel_task(cli, argv[r], reason);
        if (bgt_run_cancel(cli->bgt, run_id, reason) < 0)
                return cli_complain();
        if (cli->json)
                puts("{\"canceled\": 1}");
        else
                printf("canceled %s (%s)\n", run_id, term_name(TERM_REASON, reason));
        return EXIT_OK;
}

const Verb verb_cancel = { "cancel", "cancel the runs of a task", help, run };
