/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The functions that the files of the engine offer each other, file by file. None of them fails: memory is reserved.
 */

#include "engine/internal.h"

/* --- effect.c: what the broker is told --- */

Effect *effect_add(Engine *e, EffectType type);
/* All of these do nothing for token 0. */
void effect_reply(Engine *e, uint64_t token, Error error);
void effect_reply_id(Engine *e, uint64_t token, Uuid id, bool existed);
void effect_reply_number(Engine *e, uint64_t token, uint32_t number);
void effect_reply_result(Engine *e, uint64_t token, Error error, uint8_t result, Uuid run);
void effect_reply_store(Engine *e, uint64_t token, int error);
void effect_notify(Engine *e, NotifyKind kind, const Task *task);
void effect_notify_run(Engine *e, NotifyKind kind, Run *run);
/* Effects with a commit number. */
Effect *effect_store(Engine *e, EffectType type, const Commit *commit);
void effect_store_task(Engine *e, EffectType type, const Commit *commit, const Task *task);
/* The same, as one that is kept for its runs only. */
void effect_store_unregistered(Engine *e, const Commit *commit, const Task *task);
void effect_store_run(Engine *e, const Commit *commit, Run *run);
void effect_store_pending(Engine *e, const Commit *commit, Run *run);
void effect_store_pending_gone(Engine *e, const Commit *commit, const Task *task, uint64_t number);
void effect_send(Engine *e, EffectType type, Server *server, const Run *run, uint8_t reason);
void effect_ledger(Engine *e, Run *run);
/* Rows; their pointers are into the task and the run. */
void effect_task_row(const Engine *e, const Task *task, TaskRow *ret_row);
void effect_run_info(const Engine *e, const Run *run, RunInfo *ret_info);
Error effect_store_error(int error);

/* --- names.c: registrations by package and name --- */

int names_reserve(Engine *e, uint32_t n);
/* The oldest registration of that name, also one that is registering or unregistering; NULL if there is none. */
Task *names_find(const Engine *e, const Package *package, const char *name);
/* One of that name that waits for its commit. */
Task *names_find_committing(const Engine *e, const Package *package, const char *name);
uint64_t names_hash(const Engine *e, const Package *package, const char *name);
/* The hash again; the memory where the name will be added is on its way meanwhile. There has to be room for it. */
uint64_t names_prefetch(const Engine *e, const Package *package, const char *name);
/* Both are followed by the other registrations of the name: names_next() walks the ring back to the oldest. */
void names_add(Engine *e, Task *task, uint64_t hash);
void names_remove(Engine *e, Task *task);
Task *names_next(const Engine *e, const Task *task);

/* --- spec.c: what a registration is made of --- */

/* Table 2 except for the last check. */
Error spec_check(const Engine *e, const TaskSpec *spec, const Package **ret_package);
/* Whether a stored row can be taken: what would break the engine is refused, what only does not fit is not. */
bool spec_check_row(const TaskRow *row);
size_t spec_text_size(const TaskSpec *spec);
/* Fills everything but identity, class, anchor and state; takes the spare text if it does not fit inside, and the
 * further triggers. */
void spec_fill(Engine *e, Task *task, const TaskSpec *spec, Options *ret_options, bool *ret_has_options);
/* What belongs to one trigger; the text is in place. */
void spec_fill_trigger(Engine *e, Task *trigger, const Trigger *spec);
void spec_read(const Engine *e, const Task *task, TaskSpec *ret_spec);
void spec_free_text(Task *task);
const char *spec_name(const Task *task);
bool spec_is_timer(const Task *task);
bool spec_is_calendar(const Task *task);
/* Fires once in a boot: its anchor is of another boot until it has. */
bool spec_is_once_per_boot(const Task *task);
/* Id of a custom event, calendar expression; "": the kind has none. */
const char *spec_trigger_text(const Task *task);
/* OnACPower is a condition of every task with a MaintenanceTrigger. */
uint32_t spec_conditions(const Engine *e, const Task *task);
bool spec_needs_power(const Engine *e, const Task *task);
/* OVERLAP_x of what this trigger of the task fires, never the default. */
uint8_t spec_overlap(const Task *task, const Task *trigger);
bool spec_is_parallel(const Task *task);
const Options *spec_options(const Engine *e, const Task *task);
/* Interned texts of custom events. */
/* Kinds whose text says what they listen to. */
bool spec_has_topic_text(uint8_t kind);
Topic *spec_find_topic(const Engine *e, uint8_t kind, const char *text);
void condition_bury(Engine *e);

/* --- trigger.c: the triggers of a task; the first is the task itself --- */

int trigger_reserve(Engine *e, const TaskSpec *spec);
/* Takes the spare further triggers, if the spec has any. */
void trigger_fill(Engine *e, Task *task, const TaskSpec *spec);
uint32_t trigger_count(const Engine *e, const Task *task);
/* The first, if there is none at that place. */
Task *trigger_get(const Engine *e, const Task *task, uint32_t place);
const Trigger *trigger_more(const Engine *e, const Task *task, uint32_t *ret_n);
/* The first that requests fire, NULL if there is none. */
Task *trigger_of_requests(const Engine *e, const Task *task);
bool trigger_fires_by_itself(const Engine *e, const Task *task);
Anchor trigger_anchor(const Engine *e, const Task *trigger);
/* Of the task of what is due first in a heap of timers: the trigger whose scheduled time is the first, 3.10. */
uint32_t trigger_first_due(Engine *e, const Heap *heap);
/* Whose trigger it is. */
Task *trigger_task(const Engine *e, Task *trigger);
Task *trigger_of_run(const Engine *e, const Run *run);
/* The first of that kind, NULL if there is none. */
Task *trigger_of_kind(const Engine *e, const Task *task, uint8_t kind);
/* Arms the timers that are not armed. */
void trigger_arm_all(Engine *e, Task *task);
void trigger_disarm_all(Engine *e, Task *task);
/* A spent task: what is put off stays so, in case that the firing which spent it is forgotten. */
void trigger_rest_all(Engine *e, Task *task);
void trigger_enter(Engine *e, Task *task);
void trigger_deaf_all(Engine *e, Task *task);
void trigger_unref_topics(Engine *e, Task *task);
/* Frees the further ones of a task that is gone, or of its shadow. */
void trigger_drop(Engine *e, Task *task);
void trigger_bury(Engine *e);
void trigger_free_all(Extra *extra);
/* The outcome of this run ends its registration: 3.4. */
bool trigger_ends_task(const Engine *e, const Run *run);
/* The last firing of the registration is under way. */
bool trigger_is_spent(const Engine *e, const Task *task);
/* Table 2.3: the anchors of the triggers that go on; begin: and of now for those that do not. */
void trigger_keep_phases(Engine *e, const Task *old, Task *new, bool begin);

/* --- task.c: the table of registrations --- */

typedef struct Firing {
        const Task *trigger;           /* of the task; that of a manual run is its first */
        uint8_t fired_by;
        bool forced;
        uint64_t number;               /* the least that it may have */
        uint64_t scheduled_real_usec;
        uint64_t first_scheduled_real_usec;
        uint32_t count;
        Details *details;
        Undo undo;
} Firing;

typedef enum Accepted {
        ACCEPTED_QUEUED,
        ACCEPTED_MERGED,
        ACCEPTED_NOT_OVERLAP, /* recorded or answered by the caller */
        ACCEPTED_NOT_QUOTA,
        ACCEPTED_NOT_FIRED,   /* its registration is not in force */
} Accepted;

typedef struct TaskArgs {
        const Event *event;
        int error;
        const Commit *commit;
        const Firing *firing;
        Accepted accepted;
        Run *run;
} TaskArgs;

void task_dispatch(Engine *e, Task *task, TaskEvent event, TaskArgs *args);
const char *task_cell_name(TaskState state, TaskEvent event);
const char *task_state_name(TaskState state);
const char *task_event_name(TaskEvent event);

Task *task_get(const Engine *e, uint32_t index);
Task *task_find(const Engine *e, Uuid id);
Extra *task_extra(const Engine *e, const Task *task);
/* Makes one if there is none. */
Extra *task_need_extra(Engine *e, Task *task);
/* Frees it if nothing needs it. */
void task_drop_extra(Engine *e, Task *task);
Class *task_class(const Engine *e, const Task *task);
Package *task_package(const Engine *e, const Task *task);
Task *task_take(Engine *e, Class *class_);
void task_set_state(Engine *e, Task *task, TaskState state, uint64_t commit);
/* Asks the store to forget it with its pending rows, whose outcome is recorded in the same commit. */
void task_store_gone(Engine *e, Task *task, Commit *commit, uint8_t reason);
/* The registration is over: 2.5. */
void task_forget(Engine *e, Task *task, bool cancel, uint8_t reason);
/* Writes the outcomes that waited for the registration's commit, since they may remove a one-shot. */
void task_settle(Engine *e, Task *task);
/* Frees a task that is gone and has no run. */
void task_release(Engine *e, Task *task);
void task_bury(Engine *e);

/* --- request.c: what clients ask of registrations --- */

/* REGISTER, UNREGISTER, PAUSE, INSTALL and REMOVE: in turn, behind those that wait. */
void request_handle(Engine *e, const Event *event);
bool request_is(EventType type);
/* The request that the next request_next() will judge, NULL: none. */
const Event *request_first(const Engine *e);
bool request_next(Engine *e);
/* Keeps the request that is being handled until the list's owner gives it back with request_wake(). */
void request_wait(Engine *e, const Event *event, ListNode *list);
void request_wake(Engine *e, ListNode *list);
bool request_may_wait(const Engine *e, const Event *event);
Waiter *request_copy(const Event *event);
void request_register(Engine *e, const Event *event);
void request_unregister(Engine *e, Task *task, const Event *event);
void request_pause(Engine *e, const Event *event);
void request_skip(Engine *e, const Event *event);
/* Asks the store for the bit that says that the next time is skipped. */
Commit *request_store_skip(Engine *e, Task *task, uint64_t token, bool skip);
/* Table 2.2 for a name that exists. */
void request_existing(Engine *e, Task *oldest, const Event *event);

/* --- commit.c: what is written, and what happens when it is not --- */

Commit *commit_new(Engine *e, CommitKind kind, uint64_t token);
Commit *commit_batch(Engine *e);
void commit_answer(Engine *e, const Event *event);
Commit *commit_find(const Engine *e, uint64_t number);
/* The run's rows are to be written at the end of this event. */
void commit_touch(Engine *e, Run *run);
/* The same of the task's state, whatever becomes of its runs, until a commit with it succeeds. */
void commit_state(Engine *e, Task *task);
void commit_flush(Engine *e);
bool commit_has_work(const Engine *e);
/* Takes a run out of whatever is being written, when it is freed. */
void commit_forget_run(Engine *e, Run *run);

/* --- timer.c: timers of tasks --- */

void timer_moved(void *userdata, uint32_t value, uint32_t position);
/* delay_usec: not before that much from now, because its firing could not be stored; 0: when it is due. */
/* Here, and in dates.c, a task is one of the triggers of a task. */
void timer_arm(Engine *e, Task *task, uint64_t delay_usec);
void timer_disarm(Engine *e, Task *task);
/* Disarms it unless it is put off. */
void timer_rest(Engine *e, Task *trigger);
Schedule timer_schedule(const Engine *e, const Task *task);
/* Its first scheduled time that has not fired, on its own clock. */
int64_t timer_next_usec(const Engine *e, const Task *trigger);
/* Gives the task an anchor of now. */
void timer_anchor_now(const Engine *e, Task *task);
/* That of a registration, which has not fired. */
void timer_anchor_new(const Engine *e, Task *task);
/* Table 2.3: the anchor of the old timer with the period of the new one, whose next time is never before now. */
void timer_keep_phase(const Engine *e, Task *task, const Task *old);
void timer_fire_due(Engine *e);
void timer_clock_stepped(Engine *e);
void timer_update_wake(Engine *e);
bool timer_is_due(const Engine *e);
/* It is due, and has not fired yet. */
bool timer_has_come(const Engine *e, const Task *trigger);
/* What is armed after it has fired. */
void timer_fired(Engine *e, Task *trigger);
/* Fires for scheduled times that the anchor has been moved over, of which undo knows nothing. */
void timer_fire(Engine *e, Task *trigger, const Undo *undo, uint64_t scheduled, uint64_t first, uint64_t count);
/* A one-shot whose time was missed, and that does not want to catch up, ends without having fired. */
void timer_skip(Engine *e, Task *trigger, const Undo *undo, uint64_t scheduled, uint64_t first);
/* The time that is not run because somebody said so: docs/semantics.md, 4.7. */
void timer_skip_next(Engine *e, Task *trigger, uint64_t scheduled);

/* --- dates.c: calendar triggers, 3.9 --- */

void dates_zone(Engine *e, const Event *event);
int dates_reserve_zone(Engine *e, const Event *event);
void dates_drop_spare(Engine *e);
void dates_done(Engine *e);
/* Whether the expression comes again, in a zone that is known. */
bool dates_comes(const Engine *e, const char *text);
/* When it comes next on the wall clock; USEC_INFINITY: never, or its zone is not known. */
uint64_t dates_next_usec(const Engine *e, const Task *task);
void dates_arm(Engine *e, Task *task, uint64_t delay_usec);
bool dates_is_due(const Engine *e);
void dates_fire_due(Engine *e);
void dates_derive(Engine *e);

/* --- firing.c: acceptance --- */

Run *firing_new_run(Engine *e, Task *task);
void firing_set_number(Engine *e, Run *run, uint64_t number);
Accepted firing_accept(Engine *e, Task *task, const Firing *firing, Run **ret_run);
/* A firing that was not accepted, or expired before it was: an outcome without a run. */
void firing_record(Engine *e, Task *task, const Firing *firing, uint8_t outcome, uint8_t detail);
/* The time that is not run: docs/semantics.md, 4.7. */
void firing_skip(Engine *e, Task *task, const Firing *firing);
void firing_request(Engine *e, const Event *event);
/* *token: is answered, and then 0, if the trigger fires. */
void firing_event(Engine *e, Task *trigger, Details *details, uint64_t *token);
Undo firing_undo(const Engine *e, Task *trigger);
/* The commit of an acceptance failed and nothing was started: as if it had not fired. */
void firing_forget(Engine *e, Run *run, int error);
Details *firing_take_details(Engine *e);
void firing_unref_details(Details *details);
/* Table 4.3 counts a firing that waits for a retry as live. */
bool firing_has_live(const Extra *extra);

/* --- gate.c: who may start --- */

void gate_init(Gate *gate, bool open);
void gate_open(Engine *e, Gate *gate);
void gate_close(Gate *gate);
void gate_leave(Engine *e, Run *run);
/* The heads of the task's queue are judged again. */
void gate_kick(Engine *e, Task *task);
void gate_drain(Engine *e);
/* Table 5.1 from the row of this code on: the first gate that is closed, 0 if none is. Conditions: which ones. */
uint8_t gate_first_closed(Engine *e, Run *run, Gate **ret_gate);
bool gate_is_head(const Extra *extra, const Task *task, const Run *run);
uint32_t gate_missing_conditions(const Engine *e, const Run *run);
/* CAPABILITY_BITs that the trigger, or one of the task's, needs and its package does not declare: section 9. */
uint32_t gate_missing_capabilities(const Engine *e, Task *trigger);
uint32_t gate_task_missing_capabilities(const Engine *e, const Task *task);
bool gate_is_backing_off(const Engine *e, const Run *run);
bool gate_has_start(Engine *e, Package *package);
uint32_t gate_count_starts(const Engine *e, const Package *package);

/* --- run.c, run-event.c: the table of runs, and how events reach it --- */

typedef struct RunArgs {
        uint8_t reason;
        uint8_t detail;
        int32_t result;
        uint32_t progress;
        uint64_t retry_after_usec;
        bool counts;             /* towards the back-off of the class */
        bool launched;           /* and towards its quarantine */
} RunArgs;

void run_dispatch(Engine *e, Run *run, RunEvent event, RunArgs args);
const char *run_cell_name(int state, RunEvent event);
const char *run_event_name(RunEvent event);

/* What the server has used, from which what it had used before the run is taken off. */
void run_note_usage(Run *run, uint64_t cpu_usec, uint64_t memory_bytes);
Run *run_find(const Engine *e, Uuid id);
void run_set_state(Engine *e, Run *run, uint8_t state);
void run_arm(Engine *e, Run *run);
void run_boot_alarm(Engine *e, Run *run);
void run_mono_alarm(Engine *e, Run *run);
void run_cancel_task(Engine *e, const Event *event);
void run_cancel_one(Engine *e, const Event *event);
void run_server_event(Engine *e, const Event *event);
void run_answer(Engine *e, Run *run, int store_error);
/* Those are answered who do not wait for the store to have it as it is: the firing is safe, and is being started. */
void run_answer_early(Engine *e, Run *run);
/* Whether its server is being traced, after its time limit was over. */
void run_traced(Engine *e, Run *run, bool is_traced);

/* --- ending.c: outcomes, retries, the next attempt --- */

/* False for a run by hand, which ends no one-shot. */
bool ending_is_of_trigger(const Run *run);
void ending_finish(Engine *e, Run *run, uint8_t outcome, uint8_t reason, uint8_t detail, int32_t result);
/* Pending again; not before the time on the boot clock, 0: at once. */
void ending_again(Engine *e, Run *run, uint64_t retry_boot_usec);
void ending_start_failed(Engine *e, Run *run, RunArgs args);
/* The attempt is over with a result, or lost: 6.3, 6.4. */
void ending_completed(Engine *e, Run *run, RunArgs args);
void ending_lost(Engine *e, Run *run, RunArgs args);
/* 6.5 */
void ending_stopped(Engine *e, Run *run, bool completed, uint8_t detail, int32_t result);
/* Takes the run from its server. */
void ending_detach(Engine *e, Run *run);
/* The outcome is stored: the ledger, the server and the engine forget the run. */
void ending_stored(Engine *e, Run *run);
void ending_drop_ledger(Engine *e, Run *run);
void ending_free_run(Engine *e, Run *run);
void ending_bury(Engine *e);

/* --- class.c: classes, their back-off, who takes a run --- */

Class *class_find(const Engine *e, const Package *package, Uuid clsid);
Class *class_need(Engine *e, Package *package, Uuid clsid);
/* The class of a registration with this id. */
Class *class_need_for(Engine *e, Package *package, const TaskSpec *spec, Uuid task);
void class_drop(Engine *e, Class *class_);
void class_failed(Engine *e, Class *class_, bool launched, uint8_t detail, int32_t status);
void class_worked(Engine *e, Class *class_);
void class_probe_over(Engine *e, Run *run);
/* No manifest declares it; in-process tasks: no running process takes them. */
bool class_is_missing(const Class *class_);
void class_alarm(Engine *e, Class *class_);
/* Table 6.1: sends the run to a class object, or lets it wait for one, or launches a server. */
void class_place(Engine *e, Run *run);
/* After an update: its runs that wait for a server are sent if the class that it has is offered. */
void class_look_again(Engine *e, Task *task);
/* CLASS_REGISTERED, CLASS_REVOKED, CLASSES_SUSPENDED */
void class_event(Engine *e, const Event *event);
/* The server may take runs again: what waits for a host looks again. */
void class_resume(Engine *e, Server *server);
void class_withdraw(Engine *e, ClassObject *object);
void class_free_object(Engine *e, ClassObject *object);
void class_register(Engine *e, Server *server, const Event *event);

/* --- server.c: the table of servers --- */

void server_dispatch(Engine *e, Server *server, ServerEvent event, const Event *args);
const char *server_cell_name(ServerState state, ServerEvent event);
const char *server_state_name(ServerState state);
const char *server_event_name(ServerEvent event);

Server *server_new(Engine *e, uint64_t id, Package *package, uint32_t exe_server);
Server *server_find(const Engine *e, uint64_t id);
void server_event(Engine *e, const Event *event);
void server_restore(Engine *e, const Event *event);
void server_alarm(Engine *e, Server *server);
void server_arm(Engine *e, Server *server);
/* A run of it has ended, or the outcome of one was stored. */
void server_check_idle(Engine *e, Server *server);
void server_check_released(Engine *e, Server *server);
bool server_may_signal(const Server *server);
void server_tell_to_leave(Engine *e, Server *server, bool stop);
bool server_takes_runs(const Server *server);
void server_heard(Engine *e, Server *server);
void server_bury(Engine *e);

/* --- condition.c: levels, edges, events --- */

void condition_level(Engine *e, const Event *event);
void condition_restore(Engine *e, const Event *event);
void condition_raise(Engine *e, const Event *event);
void condition_raise_topic(Engine *e, Topic *topic, Package *package, Details *details, uint64_t token);
void condition_drain(Engine *e);
/* Every task is counted from the moment when its options are known until nothing refers to it. */
void condition_count_needs(Engine *e, const Task *task);
void condition_discount_needs(Engine *e, const Task *task);
void condition_listen(Engine *e, Task *task);
/* The engine has started: fires the boot triggers unless this boot has done so. */
void condition_boot(Engine *e);
void condition_deaf(Engine *e, Task *task);
Topic *condition_topic(Engine *e, uint8_t kind, uint8_t system_type, const char *text);
/* Here as well a task is one of the triggers of a task. */
void condition_ref_topic(Engine *e, Task *task, const char *text);
void condition_unref_topic(Engine *e, Task *task);
/* A run goes on with the conditions that its task had when it started. */
void condition_watch(const Engine *e, Run *run);
/* When a run is to be canceled for a lost condition, USEC_INFINITY: not; and with which reason. */
uint64_t condition_loss_mono_usec(const Engine *e, const Run *run, uint8_t *ret_reason);

/* --- package.c --- */

Package *package_find(const Engine *e, const char *name);
/* The same, quickly if it is the one that was looked for before. */
Package *package_find_again(Engine *e, const char *name);
/* Makes an absent one from the spare if it is not known. */
Package *package_need(Engine *e, const char *name);
Package *package_allocate(const char *name);
bool package_is_installed(const Package *package);
void package_drop(Engine *e, Package *package);
void package_install(Engine *e, const Event *event);
void package_pause(Engine *e, const Event *event);
void package_restore_pause(Engine *e, const Event *event);
/* A commit about the package has not been answered. */
bool package_is_busy(const Package *package);
void package_remove(Engine *e, const Event *event);
void package_committed(Engine *e, const Commit *commit, int error);
void package_restore(Engine *e, const Event *event);
void package_alarm(Engine *e, Package *package);
void package_free(Package *package);

/* --- restore.c: the state of the last broker --- */

void restore_task(Engine *e, const Event *event);
void restore_pending(Engine *e, const Event *event);
void restore_ledger(Engine *e, const Event *event);
void restore_start(Engine *e, const Event *event);
/* Applies the reboot rule to what was attempted, before anything else happens; false: there is more of it. */
bool restore_judge(Engine *e);
void restore_announced(Engine *e, const Event *event);

/* --- reserve.c: memory before the event --- */

int reserve(Engine *e, const Event *event, Effects *effects);
void reserve_drop_spare(Engine *e);

/* --- engine.c --- */

void engine_set_alarm(Engine *e, Alarm *alarm, bool mono, uint64_t usec);
uint32_t engine_jitter(const Engine *e, const Class *class_);
