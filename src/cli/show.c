/* SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask show TASK\n"
        "Show everything that is known of a task: how it is registered, and its live and\n"
        "pending runs.\n"
        "\n"
        "Example:\n"
        "  bgtask show SampleTask\n";

static bool is_time(const char *key)
{
        static const char *const keys[] = { "registered", "next-earliest", "next-latest", "last-fired" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(key, keys[i]) == 0)
                        return true;
        return false;
}

static bool is_duration(const char *key)
{
        static const char *const keys[] = { "catch-up-window", "retry-backoff", "time-limit", "expires", "deadline" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(key, keys[i]) == 0)
                        return true;
        return false;
}

static void print_uint(const char *key, uint64_t value, uint64_t now)
{
        char text[60], relative[60];

        if (is_time(key))
                printf("%s (%s)\n", format_time(value, false, text, sizeof text),
                       format_relative(value, now, relative, sizeof relative));
        else if (is_duration(key))
                printf("%s\n", format_duration(value, text, sizeof text));
        else
                printf("%" PRIu64 "\n", value);
}

/* Of several each has a line, with the number that 'why', 'plan' and 'history' name it by. */
static void print_trigger(const bgt_record *record, const bgt_record *trigger, size_t place)
{
        char text[120];

        if (place > 0)
                printf("  %-26s ", "");
        if (bgt_record_records(record, "triggers", NULL))
                printf("%zu: ", place);
        puts(format_trigger(trigger, text, sizeof text));
}

/* The further ones stand behind the first. */
static void print_triggers(const bgt_record *record)
{
        const bgt_record *const *more = bgt_record_records(record, "triggers", NULL);

        print_trigger(record, bgt_record_record(record, "trigger"), 0);
        for (size_t i = 0; more && more[i]; i++)
                print_trigger(record, more[i], i + 1);
}

static void print_value(const bgt_record *record, const char *key, uint64_t now)
{
        const char *const *strings;

        printf("  %-26s ", key);
        switch (bgt_record_type(record, key)) {
        case BGT_TYPE_STRING:
                print_untrusted(bgt_record_string(record, key));
                putchar('\n');
                break;
        case BGT_TYPE_BOOL:
                puts(bgt_record_bool(record, key, false) ? "yes" : "no");
                break;
        case BGT_TYPE_STRINGS:
                strings = bgt_record_strings(record, key, NULL);
                for (size_t i = 0; strings[i]; i++)
                        printf("%s%s", i > 0 ? ", " : "", strings[i]);
                puts(strings[0] ? "" : "-");
                break;
        case BGT_TYPE_RECORD:
                print_triggers(record);
                break;
        default:
                print_uint(key, bgt_record_uint(record, key, 0), now);
        }
}

static int print_runs(Cli *cli, const char *task, uint64_t now)
{
        Table *table = table_new((const char *const[]){ "!RUN", "STATE", "SINCE", "PROGRESS", "PID" }, 5);
        const bgt_record *row;
        bgt_list *list = NULL;
        bool any = false;
        int r;

        r = bgt_list_runs(cli->bgt, task, &list);
        while (table && r >= 0 && (r = bgt_list_next(list, &row)) > 0) {
                char since[60], progress[24], pid[24];

                any = true;
                format_relative(bgt_record_uint(row, "since", 0), now, since, sizeof since);
                snprintf(progress, sizeof progress, "%" PRIu64, bgt_record_uint(row, "progress", 0));
                snprintf(pid, sizeof pid, "%" PRIu64, bgt_record_uint(row, "pid", 0));
                table_add(table, (const char *const[]){ bgt_record_string(row, "run"), bgt_record_string(row, "state"),
                                                        since, progress, strcmp(pid, "0") == 0 ? "-" : pid });
        }
        bgt_list_free(list);
        if (any)
                putchar('\n');
        table_print(table, NULL);
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bgt_record *task = NULL;
        const char *key;
        uint64_t now;
        int status;

        status = cli_one_task(cli, verb, argc, argv, NULL, 0, &task);
        if (!task)
                return status;
        if (cli->json) {
                json_print_record(task);
        } else {
                now = cli_now(cli);
                printf("%s\n", bgt_record_string(task, "name"));
                for (size_t i = 0; (key = bgt_record_key(task, i)); i++)
                        if (strcmp(key, "name") != 0 && strcmp(key, "triggers") != 0)
                                print_value(task, key, now);
                if (print_runs(cli, bgt_record_string(task, "task"), now) < 0)
                        status = cli_complain();
        }
        bgt_record_unref(task);
        return status;
}

const Verb verb_show = { "show", "show everything about a task", help, run };
