/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "cli/json.h"

static const char help[] =
        "Usage: bgtask request TASK [KEY=TEXT|KEY:=JSON]...\n"
        "Fire the ApplicationTrigger of a task, as its app does with RequestAsync, and\n"
        "hand it arguments; also a MediaProcessingTrigger, and one for the use or\n"
        "servicing of a device (device-id=ID). Conditions and the overlap policy apply;\n"
        "'bgtask run' ignores them.\n"
        "\n"
        "Exit status: 0 if it was allowed, 5 if not: it is running, or paused, or its\n"
        "queue is full.\n"
        "\n"
        "Examples:\n"
        "  bgtask request Upload path=/tmp/photo.jpg\n"
        "  bgtask request Upload count:=3 urgent:=true\n";

static const char *const result_names[] = {
        [BGT_REQUEST_ALLOWED] = "Allowed",
        [BGT_REQUEST_CURRENTLY_RUNNING] = "CurrentlyRunning",
        [BGT_REQUEST_DISABLED_BY_POLICY] = "DisabledByPolicy",
        [BGT_REQUEST_UNKNOWN_ERROR] = "UnknownError",
};

static const char *const device_result_names[] = {
        [BGT_DEVICE_ALLOWED] = "Allowed",
        [BGT_DEVICE_DENIED_BY_USER] = "DeniedByUser",
        [BGT_DEVICE_DENIED_BY_SYSTEM] = "DeniedBySystem",
        [BGT_DEVICE_LOW_BATTERY] = "LowBattery",
};

/* A request fires the first trigger that can be requested, and is answered in its words. */
static const char *name_result(const bgt_record *task, int result)
{
        const bgt_record *const *more = bgt_record_records(task, "triggers", NULL);
        const bgt_record *trigger = bgt_record_record(task, "trigger");
        const char *kind;
        int number;

        for (; trigger; trigger = more && *more ? *more++ : NULL) {
                kind = bgt_record_string(trigger, "kind");
                number = kind ? term_number(TERM_TRIGGER, kind) : -1;
                if (trigger_is_requested(number))
                        return trigger_is_of_device(number) ? device_result_names[result] : result_names[result];
        }
        return result_names[result];
}

static int request(Cli *cli, const bgt_record *task, const bgt_record *arguments)
{
        const char *name = bgt_record_string(task, "name");
        char run[BGT_ID_SIZE];
        int result;

        if (bgt_task_request(cli->bgt, bgt_record_string(task, "task"), arguments, &result, run) < 0)
                return cli_complain();
        if (cli->json)
                printf("{\"result\": \"%s\", \"run\": \"%s\"}\n", name_result(task, result), run);
        else if (result == BGT_REQUEST_ALLOWED)
                printf("%s: %s, run %s\n", name, name_result(task, result), run);
        else
                printf("%s: %s; see 'bgtask why %s'\n", name, name_result(task, result), name);
        return result == BGT_REQUEST_ALLOWED ? EXIT_OK : EXIT_NOT_COMPLETED;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bgt_record *arguments, *task = NULL;
        int r, status;

        r = cli_parse(cli, verb, argc, argv, NULL, 0);
        if (r < 0)
                return CLI_RETURN(r);
        if (argc == r)
                return cli_usage(verb, "name one task");
        arguments = bgt_record_new();
        status = arguments ? EXIT_OK : cli_out_of_memory();
        for (int i = r + 1; i < argc && status == EXIT_OK; i++)
                status = cli_read_argument(verb, argv[i], arguments);
        if (status == EXIT_OK)
                status = cli_connect(cli, 0);
        if (status == EXIT_OK)
                status = cli_find_task(cli, argv[r], &task);
        if (status == EXIT_OK)
                status = request(cli, task, arguments);
        bgt_record_unref(task);
        bgt_record_unref(arguments);
        return status;
}

const Verb verb_request = { "request", "fire a task's ApplicationTrigger", help, run };
