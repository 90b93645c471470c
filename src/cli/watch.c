/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask watch [TASK]\n"
        "Show what happens to a task, or to all, as it happens, until Ctrl-C.\n"
        "\n"
        "With --json each event is one line.\n"
        "\n"
        "Examples:\n"
        "  bgtask watch\n"
        "  bgtask watch --json SampleTask | jq -r .event\n";

typedef struct Watching {
        Cli *cli;
        ProgressBar bar;
        char task[BGT_ID_SIZE]; /* the last one whose name was looked up */
        char name[256];
} Watching;

static const char *const event_names[] = {
        [BGT_EVENT_TASK_CHANGED] = "task-changed",   [BGT_EVENT_RUN_CHANGED] = "run-changed",
        [BGT_EVENT_PROGRESS] = "progress",           [BGT_EVENT_COMPLETED] = "completed",
        [BGT_EVENT_DISCONNECTED] = "disconnected",   [BGT_EVENT_RECONNECTED] = "reconnected",
};

static const char *value(const bgt_record *record, const char *key)
{
        const char *text = bgt_record_string(record, key);

        return text ? text : "";
}

/* Progress comes often and names its task by id only. */
static const char *name_of(Watching *w, const bgt_record *record)
{
        const char *id = value(record, "task");
        bgt_record *task = NULL;

        if (value(record, "name")[0])
                return value(record, "name");
        if (strcmp(w->task, id) != 0 && bgt_task_get(w->cli->bgt, id, &task) >= 0) {
                snprintf(w->task, sizeof w->task, "%s", id);
                snprintf(w->name, sizeof w->name, "%s", value(task, "name"));
                bgt_record_unref(task);
        }
        return strcmp(w->task, id) == 0 ? w->name : id;
}

static void print_stamp(Cli *cli)
{
        char text[40];

        printf("%s ", format_time(cli_now(cli), false, text, sizeof text));
}

static void print_event(Watching *w, int event, const bgt_record *record)
{
        if (event == BGT_EVENT_PROGRESS) {
                if (isatty(STDOUT_FILENO)) {
                        progress_show(&w->bar, name_of(w, record),
                                      (uint32_t)bgt_record_uint(record, "progress", 0));
                        return;
                }
        } else {
                progress_clear(&w->bar);
        }
        print_stamp(w->cli);
        switch (event) {
        case BGT_EVENT_TASK_CHANGED:
                print_untrusted(name_of(w, record));
                printf(" %s\n", value(record, "change"));
                break;
        case BGT_EVENT_RUN_CHANGED:
                print_untrusted(name_of(w, record));
                printf(" %s%s%s\n", value(record, "state"), value(record, "reason")[0] ? ": " : "",
                       value(record, "reason"));
                break;
        case BGT_EVENT_PROGRESS:
                print_untrusted(name_of(w, record));
                printf(" progress %" PRIu64 "\n", bgt_record_uint(record, "progress", 0));
                break;
        case BGT_EVENT_COMPLETED:
                print_untrusted(name_of(w, record));
                putchar(' ');
                print_colored(value(record, "text"), color_of_outcome(value(record, "outcome")));
                putchar('\n');
                break;
        default:
                puts(event == BGT_EVENT_DISCONNECTED ? "the broker is gone; waiting for the next one"
                                                     : "the broker is back");
        }
        fflush(stdout);
}

static void on_event(int event, const bgt_record *record, void *userdata)
{
        Watching *w = userdata;

        if ((size_t)event >= ELEMENTSOF(event_names) || !event_names[event])
                return;
        if (w->cli->json) {
                json_print_event(event_names[event], record);
        } else {
                print_event(w, event, record);
        }
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        Watching watching = { .cli = cli };
        bgt_record *task = NULL;
        bgt_watch *watch = NULL;
        int r, status = EXIT_OK;

        r = cli_parse(cli, verb, argc, argv, NULL, 0);
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r > 1)
                return cli_usage(verb, "name one task, or none for all");
        status = cli_connect(cli, BGT_NO_THREADS);
        if (status != EXIT_OK)
                return status;
        if (argc > r)
                status = cli_find_task(cli, argv[r], &task);
        if (status == EXIT_OK)
                status = events_catch_signals();
        if (status != EXIT_OK)
                return status;
        r = bgt_watch_new(cli->bgt, cli->package ? cli->package : "*", task ? bgt_record_string(task, "task") : NULL,
                          on_event, &watching, &watch);
        while (r >= 0)
                r = events_wait(cli);
        progress_clear(&watching.bar);
        bgt_watch_free(watch);
        bgt_record_unref(task);
        if (r == -EPIPE)
                return EXIT_OK;
        return r == -EINTR ? events_status() : cli_complain();
}

const Verb verb_watch = { "watch", "show what happens as it happens", help, run };
