/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of add and edit, as changes to a task's row: what bgt_task_register() takes. */

#include "cli/cli.h"

typedef struct TaskOptions {
        const char *when, *group, *overlap, *catch_up, *rerun, *retry;
        const char *on_failure, *dir, *memory, *cpu, *tasks;
        uint64_t window, catch_up_window, retry_backoff, limit, expires, deadline; /* UINT64_MAX: not given */
        uint64_t delay, maximum_delay;
        bool once, once_per_boot, changes, flat, tracker, cancel, no_cancel, notify, no_notify;
        CliList triggers, env;
} TaskOptions;

#define TASK_OPTIONS_INIT                                                                                       \
        { .window = UINT64_MAX, .catch_up_window = UINT64_MAX, .retry_backoff = UINT64_MAX, \
          .limit = UINT64_MAX, .expires = UINT64_MAX, .deadline = UINT64_MAX, .delay = FILE_WATCH_DELAY_USEC, \
          .maximum_delay = FILE_WATCH_MAX_DELAY_USEC }

/* Rows of a list of CliOption. */
#define TASK_OPTIONS(o)                                                    \
        { "every", .list = &(o)->triggers },                               \
        { "at", .list = &(o)->triggers },                                  \
        { "on", .list = &(o)->triggers },                                  \
        { "time", .list = &(o)->triggers },                                \
        { "maintenance", .list = &(o)->triggers },                         \
        { "custom", .list = &(o)->triggers },                              \
        { "files", .list = &(o)->triggers },                               \
        { "flat", .flag = &(o)->flat },                                    \
        { "tracker", .flag = &(o)->tracker },                              \
        { "delay", .duration_usec = &(o)->delay },                         \
        { "maximum-delay", .duration_usec = &(o)->maximum_delay },         \
        { "device", .list = &(o)->triggers },                              \
        { "devices", .list = &(o)->triggers },                             \
        { "changes", .flag = &(o)->changes },                              \
        { "once", .flag = &(o)->once },                                    \
        { "once-per-boot", .flag = &(o)->once_per_boot },                  \
        { "window", .duration_usec = &(o)->window },                       \
        { "when", .value = &(o)->when },                                   \
        { "cancel-on-condition-loss", .flag = &(o)->cancel },              \
        { "group", .value = &(o)->group },                                 \
        { "overlap", .value = &(o)->overlap },                             \
        { "catch-up", .value = &(o)->catch_up },                           \
        { "catch-up-window", .duration_usec = &(o)->catch_up_window },     \
        { "rerun", .value = &(o)->rerun },                                 \
        { "retry", .value = &(o)->retry },                                 \
        { "retry-backoff", .duration_usec = &(o)->retry_backoff },         \
        { "limit", .duration_usec = &(o)->limit },                         \
        { "expires", .duration_usec = &(o)->expires },                     \
        { "deadline", .duration_usec = &(o)->deadline },                   \
        { "notify-failure", .flag = &(o)->notify },                        \
        { "on-failure", .value = &(o)->on_failure },                       \
        { "env", .list = &(o)->env },                                      \
        { "dir", .value = &(o)->dir },                                     \
        { "memory", .value = &(o)->memory },                               \
        { "cpu", .value = &(o)->cpu },                                     \
        { "tasks", .value = &(o)->tasks }

/* Those that only edit needs: they take back what is a flag. */
#define TASK_OPTIONS_NO(o)                                                 \
        { "no-cancel-on-condition-loss", .flag = &(o)->no_cancel },        \
        { "no-notify-failure", .flag = &(o)->no_notify }

#define TASK_OPTIONS_HELP                                                                  \
        "When it is due; of several, up to 8, any fires it:\n"                             \
        "  --every DURATION   1s or more, as 15m, 1d\n"                                    \
        "  --at CALENDAR      as systemd.time(7): daily, Mon..Fri 09:30, *-*-01 04:00\n"   \
        "  --on EVENT         InternetAvailable, UserPresent, TimeZoneChange, ...\n"       \
        "  --time MINUTES     as 'bgtask register'\n"                                      \
        "  --files PATH[:PATH]...  one of these files changes, or what is below a folder\n" \
        "  --flat                  ... but not below the folders\n"                       \
        "  --tracker               ... as a StorageLibraryChangeTrackerTrigger\n"         \
        "  --delay DURATION        ... and nothing has changed since for so long (1s)\n"  \
        "  --maximum-delay DURATION  ... or so long after the first change (30s)\n"       \
        "  --device PATH      a device comes or goes: /dev/ttyUSB0, /sys/...\n"             \
        "  --devices MATCH,...     one that fits these: usb, ID_VENDOR_ID=1d6b, ...\n"     \
        "  --changes               ... or changes\n"                                       \
        "  --maintenance MINUTES\n"                                                        \
        "  --custom ID        when 'bgtask raise ID' says so\n"                            \
        "  --once-per-boot    ... but not again in the same boot\n"                        \
        "  --window DURATION  how late it may be, to save wake-ups\n"                      \
        "  --once             once, then it is gone\n"                                     \
        "\n"                                                                               \
        "What it waits for when it is due:\n"                                              \
        "  --when CONDITION,...   internet, unmetered, ac, battery (not low), away,\n"      \
        "                         idle, storage (not low); or as 'bgtask register'\n"      \
        "  --cancel-on-condition-loss  stop it when they hold no more, and run it again\n" \
        "  --deadline DURATION    then run it although they do not hold\n"                 \
        "  --expires DURATION     then give up\n"                                          \
        "\n"                                                                               \
        "How it runs:\n"                                                                   \
        "  --limit DURATION       stop it when it takes longer\n"                          \
        "  --retry N              try again so often if it fails\n"                        \
        "  --retry-backoff DURATION    how long to wait before that\n"                     \
        "  --overlap POLICY       skip, buffer-one, buffer-all, cancel-other, parallel\n"  \
        "  --catch-up POLICY      after downtime: one (default), none, all\n"              \
        "  --catch-up-window DURATION  how old a missed time may be\n"                     \
        "  --rerun POLICY         if power was lost during it: never, once\n"              \
        "  --group ID             registration group\n"                                    \
        "  --env NAME=VALUE       besides HOME, PATH ...; may be repeated\n"               \
        "  --dir DIR              its folder (default: the home)\n"                        \
        "  --memory SIZE          at most, as 500M\n"                                      \
        "  --cpu PERCENT          of one processor\n"                                      \
        "  --tasks N              processes and threads\n"                                 \
        "  --notify-failure       a desktop notification if a run does not complete\n"     \
        "  --on-failure COMMAND   for that, /bin/sh runs this\n"

/* True if one of the options says when it is due. */
bool task_options_have_trigger(const TaskOptions *o);
/* Changes the row. EXIT_OK, or says what is wrong and returns the exit status. */
int task_options_apply(const Cli *cli, const Verb *verb, TaskOptions *o, bgt_record *row);
/* Copies all values of a record that a registration can have. Negative errno. */
int task_row_copy(const bgt_record *from, bgt_record *to);
/* Says that a task that was just registered is held by the pause of its package or label, which may be an old one. */
void cli_warn_about_pause(const bgt_record *task);
/* Prints the task, or says in one line what was done to it. */
int task_row_report(Cli *cli, const char *done, const char *task);
