/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask run [OPTION]... TASK\n"
        "       bgtask run TASK --here [DEBUGGER...]\n"
        "Run a task now, whatever its trigger and its conditions, and watch it end.\n"
        "Ctrl-C stops watching; the run goes on.\n"
        "\n"
        "  --satisfied  wait until its conditions hold and nothing else is in its way\n"
        "  --no-wait    only start it, and print the id of the run\n"
        "  --here       become its server, or its command, in this terminal, with this\n"
        "               environment and without limits, below a debugger if one is named;\n"
        "               options of the debugger stand behind --\n"
        "\n"
        "Exit status: 0 if it completed, 5 if it ended otherwise.\n"
        "\n"
        "Examples:\n"
        "  bgtask run SampleTask\n"
        "  bgtask run --no-wait --json SampleTask\n"
        "  bgtask run SampleTask --here gdb\n"
        "  bgtask run SampleTask --here -- valgrind --leak-check=full\n";

typedef struct Watched {
        Cli *cli;
        const char *name;
        char run[BGT_ID_SIZE];
        ProgressBar bar;
        bgt_record *ended; /* its record */
        bool reconnected;  /* it may have ended meanwhile */
} Watched;

static void on_event(int event, const bgt_record *record, void *userdata)
{
        const char *run = bgt_record_string(record, "run");
        Watched *watched = userdata;

        if (event == BGT_EVENT_DISCONNECTED && !watched->cli->json) {
                progress_clear(&watched->bar);
                fputs("bgtask: the broker is gone; waiting for the next one\n", stderr);
        }
        if (event == BGT_EVENT_RECONNECTED)
                watched->reconnected = true;
        if (!run || strcmp(run, watched->run) != 0)
                return;
        if (event == BGT_EVENT_COMPLETED && !watched->ended)
                watched->ended = bgt_record_ref((bgt_record *)record);
        else if (event == BGT_EVENT_PROGRESS && !watched->cli->json)
                progress_show(&watched->bar, watched->name, (uint32_t)bgt_record_uint(record, "progress", 0));
}

/* What ended between the start and the subscription, or while the broker was away, is found in the history. */
static void look_in_history(Cli *cli, Watched *watched, const char *task)
{
        const bgt_record *row;
        bgt_list *list = NULL;

        if (bgt_list_history(cli->bgt, NULL, task, &list) < 0)
                return;
        for (int i = 0; i < 100 && !watched->ended && bgt_list_next(list, &row) > 0; i++)
                if (strcmp(bgt_record_string(row, "run"), watched->run) == 0)
                        watched->ended = bgt_record_ref((bgt_record *)row);
        bgt_list_free(list);
}

static void print_outcome(const char *name, const char *outcome, const char *text)
{
        printf("%s ", name);
        print_colored(text ? text : outcome, color_of_outcome(outcome));
        putchar('\n');
}

static int report(Cli *cli, Watched *watched)
{
        const char *outcome = bgt_record_string(watched->ended, "outcome");
        const char *text = bgt_record_string(watched->ended, "text");

        progress_clear(&watched->bar);
        if (cli->json)
                json_print_record(watched->ended);
        else
                print_outcome(watched->name, outcome, text);
        return outcome && strcmp(outcome, "completed") == 0 ? EXIT_OK : EXIT_NOT_COMPLETED;
}

static int wait_for_end(Cli *cli, Watched *watched, const char *task)
{
        int r = 0;

        watched->reconnected = true;
        while (!watched->ended && r >= 0) {
                if (watched->reconnected) {
                        watched->reconnected = false;
                        look_in_history(cli, watched, task);
                } else {
                        r = events_wait(cli);
                }
        }
        if (watched->ended)
                return report(cli, watched);
        progress_clear(&watched->bar);
        if (r == -EINTR) {
                fprintf(stderr, "the run goes on; 'bgtask watch %s' shows it, 'bgtask cancel %s' ends it\n",
                        watched->name, watched->name);
                return events_status();
        }
        if (r == -EPIPE)
                return EXIT_ERROR;
        return cli_complain();
}

static int run_task(Cli *cli, const bgt_record *task, bool satisfied, bool no_wait)
{
        const char *id = bgt_record_string(task, "task");
        Watched watched = { .cli = cli, .name = bgt_record_string(task, "name") };
        bgt_watch *watch = NULL;
        int status;

        if (!no_wait && events_catch_signals() != EXIT_OK)
                return EXIT_ERROR;
        if (!no_wait && bgt_watch_new(cli->bgt, NULL, id, on_event, &watched, &watch) < 0)
                return cli_complain();
        if (bgt_task_run(cli->bgt, id, satisfied, watched.run) < 0) {
                status = cli_complain();
        } else if (no_wait) {
                if (cli->json)
                        json_print_pair("run", watched.run);
                else
                        puts(watched.run);
                status = EXIT_OK;
        } else {
                status = wait_for_end(cli, &watched, id);
        }
        bgt_watch_free(watch);
        bgt_record_unref(watched.ended);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bool satisfied = false, no_wait = false, here = false;
        const CliOption options[] = {
                { "satisfied", .flag = &satisfied },
                { "no-wait", .flag = &no_wait },
                { "here", .flag = &here },
        };
        bgt_record *task = NULL;
        int r, status;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (here && (satisfied || no_wait || cli->json))
                return cli_usage(verb, "--here becomes the server itself and goes with no other option");
        if (argc - r < 1 || (argc - r > 1 && !here))
                return cli_usage(verb, "name one task");
        status = cli_connect(cli, BGT_NO_THREADS);
        if (status != EXIT_OK)
                return status;
        status = cli_find_task(cli, argv[r], &task);
        if (status == EXIT_OK && here)
                status = cli_run_here(cli, task, argv + r + 1);
        else if (status == EXIT_OK)
                status = run_task(cli, task, satisfied, no_wait);
        bgt_record_unref(task);
        return status;
}

const Verb verb_run = { "run", "run a task now and watch it", help, run };
