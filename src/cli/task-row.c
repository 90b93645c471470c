/* SPDX-License-Identifier: MIT */

#include "cli/task-row.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/rows.h"
#include "base/terms.h"
#include "cli/combine.h"

/* Names for those who type them. */
static const struct {
        const char *name;
        int condition;
} short_conditions[] = {
        { "internet", CONDITION_INTERNET_AVAILABLE }, { "unmetered", CONDITION_FREE_NETWORK_AVAILABLE },
        { "ac", CONDITION_ON_AC_POWER },              { "battery", CONDITION_BATTERY_NOT_LOW },
        { "present", CONDITION_USER_PRESENT },        { "away", CONDITION_USER_NOT_PRESENT },
        { "idle", CONDITION_DEVICE_IDLE },            { "storage", CONDITION_STORAGE_NOT_LOW },
};

/* Setting a value fails only if there is no memory, or for text that is none. */
static int set(int result)
{
        if (result == -EINVAL) {
                fputs("bgtask: an option is not valid UTF-8\n", stderr);
                return EXIT_USAGE;
        }
        return result < 0 ? cli_out_of_memory() : EXIT_OK;
}

bool task_options_have_trigger(const TaskOptions *o)
{
        return o->triggers.n > 0;
}

static int set_minutes(const Verb *verb, const char *option, const char *text, bgt_record *trigger)
{
        uint32_t minutes;

        if (cli_parse_number(verb, option, "minutes, as 15", text, &minutes))
                return EXIT_USAGE;
        return set(bgt_record_set_uint(trigger, "freshness-minutes", minutes));
}

/* Events of the machine that are triggers of their own kind, or one of the SystemTriggers. */
static int set_event(const Verb *verb, const char *event, bgt_record *trigger)
{
        int kind, type;

        if (cli_parse_event(verb, event, &kind, &type))
                return EXIT_USAGE;
        return set(bgt_record_set_string(trigger, "kind", term_name(TERM_TRIGGER, kind))) ||
               (type > 0 && set(bgt_record_set_string(trigger, "type", term_name(TERM_SYSTEM, type))));
}

static int set_devices(const TaskOptions *o, const char *text, bgt_record *trigger)
{
        char *matches[DEVICE_WATCH_MATCHES_MAX + 2];
        size_t n = 0;
        int status;

        if (cli_split_matches(text, matches) < 0)
                return cli_out_of_memory();
        while (matches[n])
                n++;
        status = set(bgt_record_set_string(trigger, "kind", "DeviceWatcherTrigger")) ||
                 set(bgt_record_set_strings(trigger, "match", (const char *const *)matches, n)) ||
                 (o->changes && set(bgt_record_set_bool(trigger, "changes", true)));
        cli_free_texts(matches);
        return status;
}

static int set_files(const TaskOptions *o, const char *text, bgt_record *trigger)
{
        const char *kind = o->tracker ? "StorageLibraryChangeTrackerTrigger" : "StorageLibraryContentChangedTrigger";
        char *paths[FILE_WATCH_PATHS_MAX + 2];
        int status = cli_split_paths(text, paths);
        size_t n = 0;

        if (status != EXIT_OK)
                return status;
        while (paths[n])
                n++;
        status = set(bgt_record_set_string(trigger, "kind", kind)) ||
                 set(bgt_record_set_strings(trigger, "paths", (const char *const *)paths, n)) ||
                 set(bgt_record_set_bool(trigger, "recursive", !o->flat)) ||
                 set(bgt_record_set_uint(trigger, "delay", o->delay)) ||
                 set(bgt_record_set_uint(trigger, "maximum-delay", o->maximum_delay));
        cli_free_texts(paths);
        return status;
}

static int set_interval(const Verb *verb, const TaskOptions *o, const char *text, bgt_record *trigger)
{
        uint64_t period;

        if (cli_parse_duration(verb, "every", text, &period))
                return EXIT_USAGE;
        return set(bgt_record_set_string(trigger, "kind", "interval")) ||
               set(bgt_record_set_uint(trigger, "period", period)) ||
               (o->window != UINT64_MAX && set(bgt_record_set_uint(trigger, "window", o->window)));
}

/* The trigger that one option of the command line means. */
static int fill_trigger(const Verb *verb, const TaskOptions *o, const char *option, const char *text,
                        bgt_record *trigger)
{
        if (strcmp(option, "on") == 0)
                return set_event(verb, text, trigger);
        if (strcmp(option, "time") == 0)
                return set(bgt_record_set_string(trigger, "kind", "TimeTrigger")) ||
                       set_minutes(verb, "--time", text, trigger);
        if (strcmp(option, "maintenance") == 0)
                return set(bgt_record_set_string(trigger, "kind", "MaintenanceTrigger")) ||
                       set_minutes(verb, "--maintenance", text, trigger);
        if (strcmp(option, "at") == 0)
                return set(bgt_record_set_string(trigger, "kind", "calendar")) ||
                       set(bgt_record_set_string(trigger, "expression", text));
        if (strcmp(option, "custom") == 0)
                return set(bgt_record_set_string(trigger, "kind", "CustomSystemEventTrigger")) ||
                       set(bgt_record_set_string(trigger, "id", text)) ||
                       (o->once_per_boot && set(bgt_record_set_bool(trigger, "once-per-boot", true)));
        if (strcmp(option, "files") == 0)
                return set_files(o, text, trigger);
        if (strcmp(option, "device") == 0)
                return set(bgt_record_set_string(trigger, "kind", "DeviceConnectionChangeTrigger")) ||
                       set(bgt_record_set_string(trigger, "device", text));
        if (strcmp(option, "devices") == 0)
                return set_devices(o, text, trigger);
        return set_interval(verb, o, text, trigger);
}

int task_row_copy(const bgt_record *from, bgt_record *to)
{
        const char *key;
        int r = 0;

        for (size_t i = 0; (key = bgt_record_key(from, i)) && r >= 0; i++) {
                const bgt_record *const *records;
                const char *const *strings;
                size_t n;

                switch (bgt_record_type(from, key)) {
                case BGT_TYPE_STRING:
                        r = bgt_record_set_string(to, key, bgt_record_string(from, key));
                        break;
                case BGT_TYPE_STRINGS:
                        strings = bgt_record_strings(from, key, &n);
                        r = bgt_record_set_strings(to, key, strings, n);
                        break;
                case BGT_TYPE_BOOL:
                        r = bgt_record_set_bool(to, key, bgt_record_bool(from, key, false));
                        break;
                case BGT_TYPE_UINT:
                        r = bgt_record_set_uint(to, key, bgt_record_uint(from, key, 0));
                        break;
                case BGT_TYPE_RECORD:
                        r = bgt_record_set_record(to, key, (bgt_record *)bgt_record_record(from, key));
                        break;
                case BGT_TYPE_RECORDS:
                        records = bgt_record_records(from, key, &n);
                        r = bgt_record_set_records(to, key, (bgt_record *const *)records, n);
                        break;
                default:
                        break;
                }
        }
        return r;
}

/* One of the old ones: what the options do not name stays. */
static int keep_trigger(const TaskOptions *o, const bgt_record *old, bgt_record *trigger)
{
        const char *kind = bgt_record_string(old, "kind");
        int r = task_row_copy(old, trigger);

        if (r >= 0 && o->window != UINT64_MAX && kind && strcmp(kind, "interval") == 0)
                r = bgt_record_set_uint(trigger, "window", o->window);
        return set(r);
}

static int kind_of(const bgt_record *trigger)
{
        const char *kind = bgt_record_string(trigger, "kind");

        return kind ? term_number(TERM_TRIGGER, kind) : 0;
}

/* The i-th trigger as it is to be: of those that are given, or else of the old ones. */
static int make_trigger(const Verb *verb, const TaskOptions *o, const bgt_record *row, size_t i, bgt_record *trigger)
{
        int status;

        if (o->triggers.n > 0)
                status = fill_trigger(verb, o, o->triggers.names[i], o->triggers.items[i], trigger);
        else
                status = keep_trigger(o, i == 0 ? bgt_record_record(row, "trigger")
                                                : bgt_record_records(row, "triggers", NULL)[i - 1],
                                      trigger);
        if (status == EXIT_OK && o->once && !trigger_is_requested(kind_of(trigger)))
                status = set(bgt_record_set_bool(trigger, "one-shot", true));
        return status;
}

static int apply_triggers(const Verb *verb, const TaskOptions *o, bgt_record *row)
{
        bgt_record *made[ELEMENTSOF(o->triggers.items)] = { 0 };
        size_t n_more, n = o->triggers.n;
        int status = EXIT_OK;

        (void)bgt_record_records(row, "triggers", &n_more);
        if (n == 0 && !bgt_record_record(row, "trigger"))
                return cli_usage(verb, "when is it due? give --every, --at, --on or another trigger");
        if (n > TRIGGERS_MAX)
                return cli_usage(verb, "a task has at most %d triggers, and %zu are given", TRIGGERS_MAX, n);
        if (n == 0 && !o->once && o->window == UINT64_MAX)
                return EXIT_OK;
        if (n == 0)
                n = MIN(n_more + 1, ELEMENTSOF(made));
        for (size_t i = 0; i < n && status == EXIT_OK; i++) {
                made[i] = bgt_record_new();
                status = made[i] ? make_trigger(verb, o, row, i, made[i]) : cli_out_of_memory();
        }
        if (status == EXIT_OK)
                status = set(bgt_record_set_record(row, "trigger", made[0]));
        if (status == EXIT_OK && (n > 1 || n_more > 0))
                status = set(bgt_record_set_records(row, "triggers", made + 1, n - 1));
        for (size_t i = 0; i < n; i++)
                bgt_record_unref(made[i]);
        return status;
}

static int parse_condition(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(short_conditions); i++)
                if (strcmp(name, short_conditions[i].name) == 0)
                        return short_conditions[i].condition;
        return term_number(TERM_CONDITION, name);
}

static int apply_conditions(const Verb *verb, const char *list, bgt_record *row)
{
        _cleanup_(freep) char *copy = strdup(list);
        const char *names[CONDITION_MAX];
        char *state = NULL;
        size_t n = 0;

        if (!copy)
                return cli_out_of_memory();
        for (char *name = strtok_r(copy, ",", &state); name; name = strtok_r(NULL, ",", &state)) {
                int condition = parse_condition(name);

                if (condition < 0)
                        return cli_unknown_term(verb, "--when", TERM_CONDITION, name);
                if (n < ELEMENTSOF(names))
                        names[n++] = term_name(TERM_CONDITION, condition);
        }
        return set(bgt_record_set_strings(row, "conditions", names, n));
}

static int apply_term(const Verb *verb, const char *key, TermList list, const char *text, bgt_record *row)
{
        char option[40];
        int number;

        if (!text)
                return EXIT_OK;
        snprintf(option, sizeof option, "--%s", key);
        if (cli_parse_term(verb, option, list, text, 0, &number))
                return EXIT_USAGE;
        return set(bgt_record_set_string(row, key, text));
}

static int apply_duration(const char *key, uint64_t usec, bgt_record *row)
{
        return usec == UINT64_MAX ? EXIT_OK : set(bgt_record_set_uint(row, key, usec));
}

static int apply_number(const Verb *verb, const char *option, const char *key, const char *what, const char *text,
                        bgt_record *row)
{
        uint32_t number;

        if (!text)
                return EXIT_OK;
        if (cli_parse_number(verb, option, what, text, &number))
                return EXIT_USAGE;
        return set(bgt_record_set_uint(row, key, number));
}

static int apply_policies(const Verb *verb, const TaskOptions *o, bgt_record *row)
{
        if (apply_term(verb, "overlap", TERM_OVERLAP, o->overlap, row) ||
            apply_term(verb, "catch-up", TERM_CATCH_UP, o->catch_up, row) ||
            apply_term(verb, "rerun", TERM_RERUN, o->rerun, row) ||
            apply_number(verb, "--retry", "retry-max", "attempts, as 3", o->retry, row) ||
            apply_duration("catch-up-window", o->catch_up_window, row) ||
            apply_duration("retry-backoff", o->retry_backoff, row) || apply_duration("time-limit", o->limit, row) ||
            apply_duration("expires", o->expires, row) || apply_duration("deadline", o->deadline, row))
                return EXIT_USAGE;
        if (o->cancel || o->no_cancel)
                return set(bgt_record_set_bool(row, "cancel-on-condition-loss", o->cancel));
        return EXIT_OK;
}

static int apply_failure(const TaskOptions *o, bgt_record *row)
{
        const char *const shell[] = { "/bin/sh", "-c", o->on_failure };

        if ((o->notify || o->no_notify) && set(bgt_record_set_bool(row, "notify-failure", o->notify)))
                return EXIT_ERROR;
        if (!o->on_failure)
                return EXIT_OK;
        return set(bgt_record_set_strings(row, "on-failure", shell, o->on_failure[0] ? ELEMENTSOF(shell) : 0));
}

static int apply_memory(const Verb *verb, const char *text, bgt_record *row)
{
        static const char units[] = "KMGT";
        uint64_t bytes = 0;
        const char *unit;
        char *end;

        if (!text)
                return EXIT_OK;
        bytes = strtoull(text, &end, 10);
        unit = *end ? strchr(units, *end) : NULL;
        if (end == text || text[0] == '-' || (*end && (!unit || end[1])) ||
            (unit && __builtin_mul_overflow(bytes, UINT64_C(1) << 10 * (unit - units + 1), &bytes)))
                return cli_usage(verb, "--memory: '%s' is no size; write for example 500M or 2G", text);
        return set(bgt_record_set_uint(row, "memory-limit", bytes));
}

static int apply_command(const Verb *verb, const TaskOptions *o, bgt_record *row)
{
        if (o->env.n > 0 && set(bgt_record_set_strings(row, "environment", o->env.items, o->env.n)))
                return EXIT_USAGE;
        if (o->dir && set(bgt_record_set_string(row, "directory", o->dir)))
                return EXIT_USAGE;
        if (apply_memory(verb, o->memory, row) ||
            apply_number(verb, "--cpu", "cpu-limit", "percent, as 50", o->cpu, row))
                return EXIT_USAGE;
        return apply_number(verb, "--tasks", "tasks-limit", "processes, as 20", o->tasks, row);
}

static TaskShape shape_of(const bgt_record *row)
{
        const char *const *conditions = bgt_record_strings(row, "conditions", NULL);
        const bgt_record *const *more = bgt_record_records(row, "triggers", NULL);
        const char *catch_up = bgt_record_string(row, "catch-up");
        TaskShape shape = {
                .conditions = conditions && conditions[0],
                .catch_up_all = catch_up && term_number(TERM_CATCH_UP, catch_up) == CATCH_UP_ALL,
                .retries = bgt_record_uint(row, "retry-max", 0) > 0,
                .command = bgt_record_strings(row, "command", NULL),
        };

        shape_add_trigger(&shape, kind_of(bgt_record_record(row, "trigger")));
        for (; more && *more; more++)
                shape_add_trigger(&shape, kind_of(*more));
        return shape;
}

static int apply(const Verb *verb, const TaskOptions *o, bgt_record *row)
{
        int status = apply_triggers(verb, o, row);

        if (status == EXIT_OK && o->when)
                status = apply_conditions(verb, o->when, row);
        if (status == EXIT_OK && o->group)
                status = set(bgt_record_set_string(row, "group", o->group));
        if (status == EXIT_OK)
                status = apply_policies(verb, o, row);
        if (status == EXIT_OK)
                status = apply_failure(o, row);
        return status == EXIT_OK ? apply_command(verb, o, row) : status;
}

int task_options_apply(const Cli *cli, const Verb *verb, TaskOptions *o, bgt_record *row)
{
        int status = cli_check_delays(cli, verb, o->delay, &o->maximum_delay);
        TaskShape shape;

        if (status == EXIT_OK)
                status = apply(verb, o, row);
        if (status != EXIT_OK)
                return status;
        shape = shape_of(row);
        return cli_check_combination(cli, verb, &shape);
}

void cli_warn_about_pause(const bgt_record *task)
{
        const char *package = bgt_record_string(task, "package");

        if (package && bgt_record_uint(task, "package-paused-since", 0) > 0)
                fprintf(stderr, "bgtask: %s is paused: nothing of it runs until 'bgtask resume --package %s'\n",
                        package, package);
}

int task_row_report(Cli *cli, const char *done, const char *task)
{
        bgt_record *record = NULL;

        if (bgt_task_get(cli->bgt, task, &record) < 0)
                return cli_complain();
        if (cli->json)
                json_print_record(record);
        else
                printf("%s %s, id %s\n", done, bgt_record_string(record, "name"), task);
        cli_warn_about_pause(record);
        bgt_record_unref(record);
        return EXIT_OK;
}
