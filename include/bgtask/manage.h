/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Managing tasks of any package: what the command line is made of. Packages are named by their
 * family name; "" or NULL is the caller's own, "*" all. Tasks and runs are named by their ids.
 *
 * Answers are records (bgtask/record.h). The keys are listed below as key:type: b bool, i int, u
 * uint, s string, S list of strings, r record, R list of records. Times are uint, in microseconds;
 * those of the day count since 1970, and one that is not known is 0 or absent. A record holds what
 * the broker sent: keys may be missing, newer brokers send more.
 *
 * trigger (a record in others): kind:s ("TimeTrigger", "interval" …) and what belongs to the kind:
 * freshness-minutes:u, period:u, window:u, type:s, id:s, one-shot:b.
 */

#include <stdbool.h>
#include <stdint.h>

#include <bgtask/connection.h>
#include <bgtask/record.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Lists. */

/*
 * A list is read row by row and fetched page by page, so that any length takes little memory. What
 * is added or removed meanwhile may or may not be seen. To be used by one thread at a time.
 */
typedef struct bgt_list bgt_list;

/*
 * Returns 1 and the next row, which lives until the next call; 0 at the end; or a negative errno.
 */
int bgt_list_next(bgt_list *list, const bgt_record **ret_row);
void bgt_list_free(bgt_list *list);

/*
 * package:s, version:s, folder:s, display-name:s, full-name:s (with its version, architecture and resource id),
 * publisher:s, classes:R (clsid:s, executable:s), servers:R (path:s, arguments:S, classes:S), full-trust:b (it is
 * not confined), installed:u, tasks:u.
 */
int bgt_list_packages(bgt *b, bgt_list **ret);
/*
 * name and group may be NULL: any; group "": only those in none. task:s, package:s, name:s,
 * trigger:r, triggers:R (further ones, if there are), conditions:S, clsid:s, group:s,
 * registered:u, paused:b, package-paused-since:u (if it
 * is), skip-next:b, state:s, pending:u, live:u, next-trigger:u (of several, which one comes next),
 * next-earliest:u, next-latest:u, last-fired:u, and the options that were set: entry-point:s, group-name:s,
 * cancel-on-condition-loss:b, network-requested:b, overlap:s, catch-up:s, catch-up-window:u, rerun:s,
 * retry-max:u, retry-backoff:u, time-limit:u, expires:u, deadline:u.
 */
int bgt_list_tasks(bgt *b, const char *package, const char *name, const char *group, bgt_list **ret);
/*
 * Live and pending runs; task NULL: all. run:s, task:s, state:s, package:s, name:s, attempt:u,
 * since:u, progress:u, accepted:u, scheduled:u, count:u, fired-by:s, trigger-index:u,
 * trigger-kind:s, server:u, pid:u, reason:s.
 */
int bgt_list_runs(bgt *b, const char *task, bgt_list **ret);
/*
 * Ended runs, newest first; task NULL: all of the package. run:s, task:s, outcome:s, package:s,
 * name:s, text:s (the outcome as a sentence), reason:s, detail:s, result:i, accepted:u,
 * scheduled:u, first-scheduled:u, started:u, ended:u, count:u, attempts:u, progress:u, fired-by:s,
 * trigger-index:u, trigger-kind:s, server:u.
 */
int bgt_list_history(bgt *b, const char *package, const char *task, bgt_list **ret);
/*
 * Every reason why the task does not run now, or that it runs: code:s, text:s, since:u, remedy:s,
 * details:r (among others trigger-index:u and trigger-kind:s of the trigger that it is about).
 */
int bgt_list_why(bgt *b, const char *task, bgt_list **ret);
/*
 * What the machine is like, a row for each condition that is read (of an inverse pair the first):
 * condition:s, level:s (true, false or unknown), source:s ("": there is none), words:s (what it
 * says), since:u (0: not read), needed:b (a registration depends on it). If a task has a
 * PushNotificationTrigger there is a row of that name: whether push messages can come.
 */
int bgt_list_sensors(bgt *b, bgt_list **ret);
/*
 * What servers printed; run NULL: during the latest runs of the task. time:u, text:s (without the
 * end of the line).
 */
int bgt_list_log(bgt *b, const char *task, const char *run, bgt_list **ret);

/* Packages. */

/*
 * Installs the package whose AppxManifest.xml is in this folder, or updates it. options may be
 * NULL: target-name:s, external-location:s, wine-prefix:s (an absolute path; where its programs of
 * Windows run, if it has some). The answer is the row of bgt_list_packages() (at least
 * package s). -ENOENT (no manifest, or no executable), -EBADMSG (the manifest is not valid),
 * -EACCES.
 */
int bgt_package_install(bgt *b, const char *folder, const bgt_record *options, bgt_record **ret);
/*
 * Removes the package and unregisters its tasks; runs are canceled with BGT_REASON_UNINSTALL.
 * -ENOENT.
 */
int bgt_package_remove(bgt *b, const char *package);
/*
 * Holds all tasks of a package, or of a label of command tasks, also those that are registered later: none starts, and
 * their firings are kept. An update does not end it. -ENOENT.
 */
int bgt_package_pause(bgt *b, const char *package, bool paused);

/* Tasks and runs. */

/*
 * The task of this TaskId or, in the package, of this name: the row of bgt_list_tasks(). -ENOENT,
 * -ENOTUNIQ.
 */
int bgt_task_find(bgt *b, const char *package, const char *id_or_name, bgt_record **ret);
/* The same for a TaskId only. -ENOENT. */
int bgt_task_get(bgt *b, const char *task, bgt_record **ret);
/*
 * Registers a task in a package as a row of bgt_list_tasks() describes it, of this broker or another one's: name:s,
 * trigger:r, triggers:R, conditions:S and the options; what a row says of a task's state is ignored. if_exists:
 * BGT_IF_EXISTS_x.
 * Returns 1 if an existing registration was kept, 0 if not. -EINVAL, -ENOPKG, -EEXIST and all that
 * bgt_builder_register() gives.
 */
int bgt_task_register(bgt *b, const char *package, const bgt_record *row, int if_exists, char ret_task[BGT_ID_SIZE]);
/* cancel_running: cancel its runs; else they may end. -ENOENT. */
int bgt_task_unregister(bgt *b, const char *task, bool cancel_running);
/*
 * Runs the task now, whatever its trigger and conditions. satisfied: wait for the conditions and
 * the other gates. -ENOENT, -EBUSY (it is running).
 */
int bgt_task_run(bgt *b, const char *task, bool satisfied, char ret_run[BGT_ID_SIZE]);
/*
 * ApplicationTrigger.RequestAsync: see bgt_trigger_request(). *ret_run is "" unless it was allowed.
 */
int bgt_task_request(bgt *b, const char *task, const bgt_record *arguments, int *ret_result,
                     char ret_run[BGT_ID_SIZE]);
/*
 * Raises an event: fires every task with a CustomSystemEventTrigger of this id, of any package.
 * details may be NULL; the runs find them in bgt_instance_details(). *ret_listeners: how many tasks
 * have such a trigger, whether it fires them now or not; may be NULL. Returns when the event was
 * taken. -EINVAL (no id, or the details take more than 64 KiB), -EACCES (the caller is confined).
 */
int bgt_raise(bgt *b, const char *id, const bgt_record *details, unsigned *ret_listeners);
/*
 * Cancels the live runs of a task with a BGT_REASON_x and drops its pending ones. *ret_n: how many.
 * -ENOENT.
 */
int bgt_task_cancel(bgt *b, const char *task, int reason, unsigned *ret_n);
/* A paused task keeps its firings and starts none. */
int bgt_task_pause(bgt *b, const char *task, bool paused);
/*
 * The next time that the task's trigger fires by itself is not run and is recorded as not-started (skipped); with skip
 * false it is run after all. Requests and manual runs are not skipped. -ENOENT, -EOPNOTSUPP (nothing but requests
 * fires the task).
 */
int bgt_task_skip(bgt *b, const char *task, bool skip);
/* Cancels one run. -ESRCH. */
int bgt_run_cancel(bgt *b, const char *run, int reason);

/* Watching. */

enum bgt_event {
        /* task:s, package:s, name:s, change:s (registered, unregistered, changed, endpoint) */
        BGT_EVENT_TASK_CHANGED = 1,
        BGT_EVENT_RUN_CHANGED = 2,   /* task:s, package:s, run:s, state:s, name:s, attempt:u, reason:s, server:u */
        BGT_EVENT_PROGRESS = 3,      /* task:s, package:s, run:s, progress:u */
        BGT_EVENT_COMPLETED = 4,     /* the row of bgt_list_history() */
        BGT_EVENT_DISCONNECTED = 5,  /* the broker is gone; nothing. The library looks for the next one */
        BGT_EVENT_RECONNECTED = 6    /* and has found it; nothing. What happened in between is in the lists */
};

typedef struct bgt_watch bgt_watch;
/* Called as handlers are: see bgtask/connection.h. The record is borrowed. */
typedef void (*bgt_watch_handler)(int event, const bgt_record *record, void *userdata);

/*
 * Watches one task or, with task NULL, a package. Returns when the subscription stands. -EDQUOT,
 * -ENOPKG.
 */
int bgt_watch_new(bgt *b, const char *package, const char *task, bgt_watch_handler handler, void *userdata,
                  bgt_watch **ret);
/* The handler is not running when this returns, unless it is what calls. */
void bgt_watch_free(bgt_watch *watch);

/* The broker. */

/*
 * version:s, pid:u, started:u, system:b, test-clock:b, state-folder:s, runtime-folder:s, journal:s,
 * packages:u, tasks:u, pending:u, live:u, servers:u, unstored:u, process-control:s, problems:S.
 */
int bgt_status(bgt *b, bgt_record **ret);
/*
 * Gives variables to servers and commands that are started from now on, until the end of the session. A value that is
 * no text is forgotten. -EINVAL (no name of a variable, or one of BGTASK_), -EDQUOT.
 */
int bgt_import_environment(bgt *b, const bgt_record *variables);
/*
 * What will run in the next so many microseconds (100 days at most), and what will be held, if every run completes at
 * once: the broker's rules, run ahead. package and task may be NULL: all. levels may be NULL: a record of conditions
 * with "true", "false" or "unknown", taken instead of what they are now. limit: 1 to 1000 steps. steps:R (time:u,
 * task:s, package:s, name:s, what:s ("runs", "skipped", "held"), scheduled:u, count:u, reasons:S, trigger-index:u,
 * trigger-kind:s, trigger-text:s (if the task has several)), complete:b (none is left out).
 */
int bgt_plan(bgt *b, uint64_t horizon_usec, const char *package, const char *task, const bgt_record *levels,
             uint32_t limit, bgt_record **ret);
/* Cancels all live runs with a BGT_REASON_x, waits for them (8 s at most) and ends the broker. */
int bgt_shutdown(bgt *b, int reason);

/*
 * The clocks and conditions of a broker that was started with --test-clock; -EPERM on any other.
 * advance moves all clocks, suspend all but the monotonic one; both return when everything that
 * became due has been started or latched. step sets the wall clock forward or back.
 */
int bgt_test_clock_advance(bgt *b, uint64_t usec);
int bgt_test_clock_suspend(bgt *b, uint64_t usec);
int bgt_test_clock_step(bgt *b, int64_t usec);
/*
 * How long, in real time, advance and suspend wait at each stop on their way for a process that has something to do:
 * 30 s unless this is called. 0: for nobody, which brings a server that hangs past its limits.
 */
int bgt_test_clock_set_patience(bgt *b, uint64_t usec);
int bgt_test_clock_get(bgt *b, uint64_t *ret_boot_usec, uint64_t *ret_mono_usec, uint64_t *ret_real_usec);
/*
 * condition as SystemConditionType spells it ("InternetAvailable"); level: "true", "false" or
 * "unknown".
 */
int bgt_test_set_condition(bgt *b, const char *condition, const char *level);
/*
 * Lets happen what a trigger of a task waits for, given by its TaskId and the trigger's place from 0
 * (bgt_registration_trigger_at()): it fires, and so does every trigger of other tasks that waits for the same.
 * Returns when what it fires has been started or latched. details may be NULL: what the run is to find, as far as its
 * trigger has any: of a CustomSystemEventTrigger anything, of files paths:S, of devices actions:S, devices:S and
 * nodes:S, of notifications notifications:S, and actions:S or reasons:S; without these everything may have changed.
 * Of a PushNotificationTrigger message:y, at most 4096 bytes; without it an empty one.
 * -ENOENT (no such task), -EINVAL (it has no such trigger, or one that fires by time, by a condition or on request:
 * the sentence says what makes it), -EPERM (no test clock).
 */
int bgt_test_fire(bgt *b, const char *task, unsigned trigger, const bgt_record *details);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
