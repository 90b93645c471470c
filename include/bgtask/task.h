/* SPDX-License-Identifier: MIT */
#pragma once

/* Triggers, the builder, and registrations: the side that says what is to run and when. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bgtask/connection.h>
#include <bgtask/record.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Triggers: TimeTrigger, MaintenanceTrigger, SystemTrigger, ApplicationTrigger …. */

/*
 * A trigger is a value that does not change: a builder takes a reference, and one trigger may serve
 * many registrations. The constructors return NULL if there is no memory; the builder takes that
 * NULL and remembers the error. They accept any number; register refuses what has no meaning.
 */
typedef struct bgt_trigger bgt_trigger;

/*
 * TimeTrigger(freshnessTime, oneShot): first between that many minutes and 15 more, then as often
 * again from that scheduled time on. Register refuses less than 15 minutes (-EINVAL,
 * TriggerTooShort).
 */
bgt_trigger *bgt_trigger_time(uint32_t minutes, bool one_shot);
/*
 * MaintenanceTrigger(freshnessTime, oneShot): the same, but only on AC power; a run is canceled
 * when that is lost.
 */
bgt_trigger *bgt_trigger_maintenance(uint32_t minutes, bool one_shot);
/*
 * Ours: every period_usec (1 s or more), up to window_usec later if that lets it run together with
 * others.
 */
bgt_trigger *bgt_trigger_interval(uint64_t period_usec, uint64_t window_usec, bool one_shot);
/*
 * Ours: at the times of a calendar expression as systemd.time(7) has them, with the name of a time
 * zone at its end or in the local one: "Mon..Fri 10:00", "*-*~1 23:00 Europe/Berlin", "*:0/15".
 * Register refuses (-EINVAL) one that is none or does not come again.
 */
bgt_trigger *bgt_trigger_calendar(const char *expression, bool one_shot);
/* SystemTrigger(triggerType, oneShot): a BGT_SYSTEM_x event. */
bgt_trigger *bgt_trigger_system(int type, bool one_shot);
/*
 * Ours: BGT_TRIGGER_BOOT (once in each boot, from the next one on), BGT_TRIGGER_LOGIN (the user has
 * logged in) or BGT_TRIGGER_RESUME (the machine was suspended and goes on). NULL for another kind.
 */
bgt_trigger *bgt_trigger_event(int kind, bool one_shot);
/*
 * StorageLibraryContentChangedTrigger: a file or folder of this NULL-terminated list (absolute
 * paths, which need not exist) has changed, or, if recursive, anything below it. Fires when nothing
 * has changed for delay_usec, and at the latest max_delay_usec after the first change. The run finds
 * in bgt_instance_details() paths:S, or everything:b if too much has changed to say what.
 */
bgt_trigger *bgt_trigger_files(const char *const *paths, bool recursive, uint64_t delay_usec,
                               uint64_t max_delay_usec, bool one_shot);
/*
 * StorageLibraryChangeTrackerTrigger: the same under its own name; the details take the place of the
 * tracker's reader.
 */
bgt_trigger *bgt_trigger_change_tracker(const char *const *paths, bool recursive, uint64_t delay_usec,
                                        uint64_t max_delay_usec, bool one_shot);
/*
 * DeviceConnectionChangeTrigger: fires when this device comes or goes; path is its node ("/dev/ttyUSB0", or
 * another name that udev gives it) or its folder below /sys. bgt_instance_details() tells of it as below.
 */
bgt_trigger *bgt_trigger_device(const char *path, bool one_shot);
/*
 * DeviceWatcherTrigger: fires when a device comes or goes (or changes, if that is wanted) whose
 * properties fit all of these, a NULL-terminated list of "KEY=PATTERN" with '*' and '?':
 * "SUBSYSTEM=usb", "ID_VENDOR_ID=1d6b". 'udevadm info' shows the properties of a device; without udev
 * there are only those of the kernel. bgt_instance_details() has, with one entry for each event,
 * actions:S ("add", "remove", "change" ...), devices:S (paths below /sys) and nodes:S (in /dev, ""
 * without one), or everything:b if events were lost.
 */
bgt_trigger *bgt_trigger_devices(const char *const *matches, bool changes, bool one_shot);
/* ApplicationTrigger(): fires on bgt_trigger_request() or bgt_registration_request(). */
bgt_trigger *bgt_trigger_application(void);
/*
 * SocketActivityTrigger: the broker listens at this address ("tcp:127.0.0.1:8080", "udp:[::1]:5353",
 * "unix:/path") as long as the task is registered, and fires it when a connection or a datagram has
 * come. The run takes the socket with bgt_instance_take_socket() and accepts or reads what is there; the
 * broker looks at it again when the run has ended. bgt_instance_details() has sockets:S (the address)
 * and reasons:S, in the words of SocketActivityTriggerReason: "ConnectionAccepted" or "SocketActivity".
 * NULL: it listens nowhere, and fires for what bgt_registration_transfer_socket() hands over.
 */
bgt_trigger *bgt_trigger_socket(const char *address, bool one_shot);
/*
 * ToastNotificationActionTrigger: fires when an action of a notification on the desktop was invoked
 * whose key fits this pattern, with '*' and '?' (NULL: any), by whatever program it was shown;
 * bgt_instance_details() has notifications:S (ids, as text) and actions:S.
 */
bgt_trigger *bgt_trigger_toast_action(const char *action, bool one_shot);
/*
 * ToastNotificationHistoryChangedTrigger: fires when a notification was closed; the details have
 * notifications:S and reasons:S ("expired", "dismissed", "closed", "undefined").
 */
bgt_trigger *bgt_trigger_toast_history_changed(bool one_shot);
/*
 * UserNotificationChangedTrigger(NotificationKinds.Toast): fires when any program has shown a notification
 * on the desktop, or one has gone; several that come together fire it once. The details have, one entry
 * for each, notifications:S (ids), changes:S ("added", "removed") and applications:S (the name of the
 * program that showed it; "" where that is not known, and of those that are removed), or everything:b if
 * some may have come or gone of which nothing is known. What a notification says is not told. The
 * package must declare the capability userNotificationListener, else registering fails with
 * -EACCES; commands need none.
 */
bgt_trigger *bgt_trigger_user_notification_changed(bool one_shot);
/*
 * PushNotificationTrigger(): fires when a push message has come for the task, once for each message;
 * bgt_instance_details() has message:bytes (4096 at most, as the push server got them). The messages
 * are sent to the task's endpoint, bgt_registration_endpoint().
 */
bgt_trigger *bgt_trigger_push_notification(bool one_shot);
/* MediaProcessingTrigger(): as an ApplicationTrigger, requested with bgt_trigger_request(). */
bgt_trigger *bgt_trigger_media_processing(void);
/*
 * DeviceUseTrigger(), DeviceServicingTrigger(): fire on bgt_trigger_request_device(). A task that sets
 * no time limit is given that of Windows: 10 minutes, 30 minutes.
 */
bgt_trigger *bgt_trigger_device_use(void);
bgt_trigger *bgt_trigger_device_servicing(void);
/*
 * CustomSystemEventTrigger(triggerId, Always): an event that any program of the user raises by this
 * id, with bgt_raise() or 'bgtask raise'; the run finds its details in bgt_instance_details().
 */
bgt_trigger *bgt_trigger_custom_system_event(const char *id, bool one_shot);
/* CustomSystemEventTrigger(triggerId, Once): further events of the same boot do not fire it. */
bgt_trigger *bgt_trigger_custom_system_event_per_boot(const char *id);

bgt_trigger *bgt_trigger_ref(bgt_trigger *trigger);
void bgt_trigger_unref(bgt_trigger *trigger);

/*
 * A BGT_TRIGGER_x; 0 if the broker names a kind that this library does not know. This and the
 * functions below take NULL, which is of no kind.
 */
int bgt_trigger_kind(const bgt_trigger *trigger);
/* OneShot. */
bool bgt_trigger_one_shot(const bgt_trigger *trigger);
/* FreshnessTime of a TimeTrigger or MaintenanceTrigger in minutes, else 0. */
uint32_t bgt_trigger_minutes(const bgt_trigger *trigger);
/* Of any trigger that fires by time; 0 for the others. */
uint64_t bgt_trigger_period_usec(const bgt_trigger *trigger);
/*
 * TriggerId of a CustomSystemEventTrigger, the path of a DeviceConnectionChangeTrigger's device; the
 * trigger's. Else NULL.
 */
const char *bgt_trigger_id(const bgt_trigger *trigger);
/* Recurrence of a CustomSystemEventTrigger: true for Once. */
bool bgt_trigger_once_per_boot(const bgt_trigger *trigger);
/* The expression of a calendar trigger, the trigger's; else NULL. */
const char *bgt_trigger_expression(const bgt_trigger *trigger);
/* TriggerType of a SystemTrigger, else 0. */
int bgt_trigger_system_type(const bgt_trigger *trigger);

/*
 * ApplicationTrigger.RequestAsync([arguments]): fires the task that this trigger was registered
 * with. arguments may be NULL; the run finds them in bgt_instance_details(). Returns when the
 * request is decided: *ret_result is a BGT_REQUEST_x, and only ALLOWED means that the task runs or
 * will. What Windows calls UnknownError is an error here, which says what is wrong: -EINVAL (the
 * trigger is no ApplicationTrigger, or the arguments take more than 64 KiB), -ENOENT (it was not
 * registered by this process, or the task is gone), -ENOTUNIQ (it was registered with several tasks:
 * use bgt_registration_request()), -EIO, -ENOSPC, -EROFS (it could not be stored).
 */
int bgt_trigger_request(bgt_trigger *trigger, const bgt_record *arguments, int *ret_result);
/*
 * RequestAsync(deviceId, expectedDuration, arguments) of a DeviceServicingTrigger, RequestAsync(deviceId,
 * arguments) of a DeviceUseTrigger. expected_usec 0: not said; arguments may be NULL. The run finds
 * device-id:s, arguments:s and expected-duration:u in bgt_instance_details(). *ret_result is a
 * BGT_DEVICE_x: DENIED_BY_USER if the task is paused, LOW_BATTERY while the battery is known to be low,
 * DENIED_BY_SYSTEM if it is running or its queue is full. Errors as above.
 */
int bgt_trigger_request_device(bgt_trigger *trigger, const char *device_id, uint64_t expected_usec,
                               const char *arguments, int *ret_result);

/* BackgroundTaskBuilder. */

/*
 * Collects what a task is to be. The setters never fail: the first mistake is remembered, and
 * bgt_builder_register() returns it with its sentence. To be used by one thread at a time; it may
 * register several times.
 */
typedef struct bgt_builder bgt_builder;
typedef struct bgt_registration bgt_registration;

/*
 * Name. 1 to 255 bytes of UTF-8 without control characters. NULL if there is no memory: every
 * function of the builder takes that NULL, and register then returns -ENOMEM.
 */
bgt_builder *bgt_builder_new(bgt *b, const char *name);
void bgt_builder_unref(bgt_builder *builder);

/*
 * SetTaskEntryPointClsid: the class that runs the task, as text
 * ("14C5882B-35D3-41BE-86B2-5106269B97E6", any case, with or without braces). An installed manifest
 * of the caller's package must declare it for an ExeServer.
 */
void bgt_builder_set_entry_point_clsid(bgt_builder *builder, const char *clsid);
/*
 * TaskEntryPoint ("Namespace.Class"). To set both is refused; to set neither makes a task that runs
 * in-process: bgt_server_register_in_process().
 */
void bgt_builder_set_entry_point(bgt_builder *builder, const char *name);
/*
 * Ours: the task is a command, which needs no package, manifest or class. argv is NULL-terminated,
 * begins with the program (found in PATH if it holds no slash), and is copied; NULL: it is none.
 * The run completes if the command exits with 0, and fails with its exit status otherwise.
 */
void bgt_builder_set_command(bgt_builder *builder, const char *const *argv);
/*
 * Ours, of a command: a variable "NAME=value" besides the fixed ones (docs/guide.md); the folder
 * that it runs in, an absolute path (NULL: the user's home).
 */
void bgt_builder_add_environment(bgt_builder *builder, const char *variable);
void bgt_builder_set_directory(bgt_builder *builder, const char *path);
/*
 * Ours, of a command: the package that it is listed under: 1 to 64 letters, digits, dots,
 * underscores and dashes. NULL: the connection's package, or "commands".
 */
void bgt_builder_set_label(bgt_builder *builder, const char *label);
/*
 * Ours, of a command: bytes of memory, percent of one processor, and number of processes and
 * threads that it and what it starts may have together; 0: no limit. What the machine cannot
 * enforce is told in the broker's status.
 */
void bgt_builder_set_resource_limits(bgt_builder *builder, uint64_t memory_bytes, uint32_t cpu_percent,
                                     uint64_t tasks);
/*
 * Ours: a run that does not complete is told to the user as a desktop notification; or to this
 * command, which finds BGTASK_NAME, BGTASK_RUN, BGTASK_OUTCOME and BGTASK_TEXT in its environment.
 * argv as above.
 */
void bgt_builder_set_notify_failure(bgt_builder *builder, bool value);
void bgt_builder_set_on_failure(bgt_builder *builder, const char *const *argv);
/*
 * SetTrigger: takes a reference; a second call replaces the first. NULL counts as -ENOMEM of the
 * constructor.
 */
void bgt_builder_set_trigger(bgt_builder *builder, bgt_trigger *trigger);
/*
 * A further trigger, up to eight in all: any of them fires the task, and the run is told which one did
 * (bgt_instance_firing(): trigger-index:u, its place from 0 in the order in which they were set and added). Takes a
 * reference. No two may be alike. Windows has no such thing; docs/semantics.md, 3.10, has the rules.
 */
void bgt_builder_add_trigger(bgt_builder *builder, bgt_trigger *trigger);
/*
 * AddCondition: a BGT_CONDITION_x; all that were added must hold before a task that is due may run.
 */
void bgt_builder_add_condition(bgt_builder *builder, int condition);
/*
 * CancelOnConditionLoss: cancel a run when one of its conditions has not held for 2 s, and try
 * again later.
 */
void bgt_builder_set_cancel_on_condition_loss(bgt_builder *builder, bool value);
/* IsNetworkRequested. */
void bgt_builder_set_network_requested(bgt_builder *builder, bool value);
/*
 * TaskGroup: the id of a BackgroundTaskRegistrationGroup. Its tasks are not among bgt_all_tasks().
 * NULL: none.
 */
void bgt_builder_set_group(bgt_builder *builder, const char *group);
/*
 * BackgroundTaskRegistrationGroup.Name: what people call the group, which the task keeps for
 * bgt_group_name(). At most 1000 bytes; register refuses more (-EINVAL). NULL: none.
 */
void bgt_builder_set_group_name(bgt_builder *builder, const char *name);

/* Ours: a BGT_OVERLAP_x. */
void bgt_builder_set_overlap(bgt_builder *builder, int overlap);
/* Ours: a BGT_CATCH_UP_x; window_usec is how far back BGT_CATCH_UP_ALL goes. */
void bgt_builder_set_catch_up(bgt_builder *builder, int catch_up, uint64_t window_usec);
/* Ours: a BGT_RERUN_x. */
void bgt_builder_set_rerun(bgt_builder *builder, int rerun);
/*
 * Ours: up to this many further attempts of a run that failed or was abandoned, the first after
 * backoff_usec (0: 30 s), each next after twice the time.
 */
void bgt_builder_set_retry(bgt_builder *builder, uint32_t maximum, uint64_t backoff_usec);
/*
 * Ours: a run that takes longer is canceled with BGT_REASON_EXECUTION_TIME_EXCEEDED. 0: as the
 * policy says.
 */
void bgt_builder_set_time_limit(bgt_builder *builder, uint64_t usec);
/* Ours: a firing that has not started this long after it was accepted ends as expired. 0: never. */
void bgt_builder_set_expiry(bgt_builder *builder, uint64_t usec);
/* Ours: a firing that has waited this long starts although its conditions do not hold. 0: never. */
void bgt_builder_set_deadline(bgt_builder *builder, uint64_t usec);

/*
 * Validate: 0, or what register would refuse as far as that can be told without the broker: a
 * mistake that a setter remembered, a name that is not valid, no trigger, two entry points, a
 * TimeTrigger under 15 minutes.
 */
int bgt_builder_validate(bgt_builder *builder);

/*
 * Register: makes the task and returns when it is stored on disk. if_exists is a BGT_IF_EXISTS_x.
 * Returns 1 if KEEP found a task of that name, which is *ret then, else 0. Errors: what a setter
 * remembered; -EINVAL (name, no trigger, TimeTrigger under 15 minutes, contradictory conditions,
 * two entry points, an unknown number), -EEXIST (FAIL, and the name is taken), -ENOTUNIQ (UPDATE,
 * and several tasks have that name), -ENXIO (no installed manifest of the package declares the
 * class), -EOPNOTSUPP (the trigger has no meaning on this machine), -ENOPKG (the caller belongs to
 * no package), -EDQUOT (a limit of registrations), -EIO, -ENOSPC, -EROFS (it could not be stored).
 */
int bgt_builder_register(bgt_builder *builder, int if_exists, bgt_registration **ret);

/* What became of one builder of bgt_builder_register_many(). */
typedef struct bgt_register_result {
        int error;              /* 0 or negative errno */
        bool existed;           /* KEEP found a task of that name */
        char task[BGT_ID_SIZE]; /* TaskId, "" on error */
} bgt_register_result;

/*
 * Ours: registers many tasks of one package with few messages and commits, which is much faster
 * than one by one. results has room for n. Returns how many could not be registered, or a negative
 * errno if the broker could not be asked; then the results that are 0 and hold a TaskId were
 * registered before that. The builders must be of the same connection.
 */
int bgt_builder_register_many(bgt_builder *const *builders, size_t n, int if_exists, bgt_register_result *results);

/* BackgroundTaskRegistration. */

/*
 * AllTasks: every task of the caller's package that is in no group, as it is at this moment; for
 * bgt_registrations_free(). The list is NULL if there is none. -ENOPKG.
 */
int bgt_all_tasks(bgt *b, bgt_registration ***ret_list, size_t *ret_n);
/*
 * AllTaskGroups: the ids of the groups that tasks of the caller's package are in, sorted; for
 * bgt_groups_free(). A group is what its tasks say of it, so that one without a task is none. The list is
 * NULL if there is none. -ENOPKG.
 */
int bgt_all_groups(bgt *b, char ***ret_ids, size_t *ret_n);
/* Gives the ids and their list back. */
void bgt_groups_free(char **ids, size_t n);
/*
 * BackgroundTaskRegistrationGroup.Name, to be freed: that of the newest task of the group that was given
 * one; "" if none was. -EINVAL (no id), -ENOENT (no task of the caller's package is in it), -ENOPKG.
 */
int bgt_group_name(bgt *b, const char *group, char **ret_name);
/* BackgroundTaskRegistrationGroup.AllTasks: those of one group. -EINVAL (no id), -ENOPKG. */
int bgt_group_all_tasks(bgt *b, const char *group, bgt_registration ***ret_list, size_t *ret_n);
/* Gives every registration of a list back, and the list. */
void bgt_registrations_free(bgt_registration **list, size_t n);
/*
 * The task of this name, in a group or not. -ENOENT if there is none, -ENOTUNIQ if there are
 * several.
 */
int bgt_find_task(bgt *b, const char *name, bgt_registration **ret);
/* The task of this TaskId, of any package. -ENOENT. */
int bgt_get_task(bgt *b, const char *id, bgt_registration **ret);

bgt_registration *bgt_registration_ref(bgt_registration *task);
/* The last reference takes the registration's handlers away. The task itself stays registered. */
void bgt_registration_unref(bgt_registration *task);

/* TaskId. */
const char *bgt_registration_id(const bgt_registration *task);
/* Name. */
const char *bgt_registration_name(const bgt_registration *task);
/* The family name of its package. */
const char *bgt_registration_package(const bgt_registration *task);
/* TaskGroup: the id of its group, "" if it is in none. */
const char *bgt_registration_group(const bgt_registration *task);
/*
 * Trigger; the first of several. NULL if it is not known. The registration's, as long as that lives; any thread. Of
 * bgt_instance_task(): the one that fired the run.
 */
bgt_trigger *bgt_registration_trigger(const bgt_registration *task);
/*
 * Ours: how many triggers the task has (bgt_builder_add_trigger()), as far as this registration knows: those that it
 * was registered or found with. Of bgt_instance_task(): 1. Any thread.
 */
size_t bgt_registration_trigger_count(const bgt_registration *task);
/*
 * Ours: the trigger at this place, from 0: the trigger-index of bgt_instance_firing(), bgt_list_runs() and
 * bgt_list_history(). NULL behind the last. The registration's, as long as that lives; any thread.
 */
bgt_trigger *bgt_registration_trigger_at(const bgt_registration *task, size_t place);

/*
 * Unregister: the task is gone when this returns. cancel_running cancels its runs; else they may
 * end. -ENOENT.
 */
int bgt_registration_unregister(bgt_registration *task, bool cancel_running);
/*
 * The URL to which servers send the messages of a task with a PushNotificationTrigger, as Windows'
 * PushNotificationChannel.Uri; for free(). It comes some time after the registration, and may become
 * another one at any time: then there is a BGT_EVENT_TASK_CHANGED whose change is "endpoint".
 * -ENODATA if none is known (bgt_why() tells why), -ENOENT if the task is gone, -ENOMEM.
 */
int bgt_registration_endpoint(bgt_registration *task, char **ret_endpoint);
/*
 * StreamSocket.TransferOwnership(id, context, keepAliveTime), of DatagramSocket and StreamSocketListener too:
 * the broker holds this socket (Unix, IPv4 or IPv6; connected, of datagrams, or listening) from now on, and
 * fires the task, which needs a bgt_trigger_socket(NULL, …), when something happens on it: "SocketActivity"
 * (there is something to read), "ConnectionAccepted", "SocketClosed" or, when nothing has happened for
 * keep_alive_usec (1 s to a year; 0: never), "KeepAliveTimerExpired". A run takes it with
 * bgt_instance_take_transferred_socket() and transfers it again; until it has ended, the broker does not look
 * again at what it has told of. What no run takes is told again, later and later; one that was closed is
 * dropped then. On success the descriptor is closed here. id: 1 to 128 bytes of UTF-8 without control
 * characters; one that the task has already is closed and replaced. A socket lives over an upgrade of the
 * broker, but not over its crash or a reboot: its peer sees it closed. -ENOENT, -EINVAL (no such trigger, no
 * such socket, or a wrong id or time: the sentence says which), -EDQUOT (64 of a package, 256 in all). Any
 * thread.
 */
int bgt_registration_transfer_socket(bgt_registration *task, const char *id, int fd, uint64_t keep_alive_usec);
/*
 * SocketActivityInformation.AllSockets, of this task: the ids of those that the broker holds, for
 * bgt_groups_free(). The list is NULL if there is none. -ENOENT. Any thread.
 */
int bgt_registration_list_sockets(bgt_registration *task, char ***ret_ids, size_t *ret_n);
/* ApplicationTrigger.RequestAsync for this task: see bgt_trigger_request(). */
int bgt_registration_request(bgt_registration *task, const bgt_record *arguments, int *ret_result);

/* run: InstanceId. progress: the newest value; those before it may not have been told. */
typedef void (*bgt_progress_handler)(bgt_registration *task, const char *run, uint32_t progress, void *userdata);
/*
 * result is what BackgroundTaskCompletedEventArgs.CheckResult() says: 0 or more if the run
 * completed, with what it returned; else the negative errno or HRESULT (below -4095) that it returned,
 * -ECANCELED, -ETIMEDOUT,
 * -ECONNRESET (its server was gone), -ENOEXEC (it was not started), -ESTALE (it expired). details
 * is borrowed: the row of bgt_list_history() (bgtask/manage.h).
 */
typedef void (*bgt_completed_handler)(bgt_registration *task, const char *run, int result, const bgt_record *details,
                                      void *userdata);

/*
 * Progress and Completed: set the handler in the place of the one before, and return when the broker
 * has heard of it; NULL takes it away. The old one is not running when this returns (unless it is
 * what calls). Events are told to a process that is alive and connected; what must not be missed is
 * found in the history afterwards.
 * -EDQUOT (over 1000 tasks are watched over one connection).
 */
int bgt_registration_on_progress(bgt_registration *task, bgt_progress_handler handler, void *userdata);
int bgt_registration_on_completed(bgt_registration *task, bgt_completed_handler handler, void *userdata);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
