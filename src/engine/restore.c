/* SPDX-License-Identifier: MIT */

/* The state of the last broker: docs/semantics.md, section 8. Rows that cannot be are left out. */

#include "engine/parts.h"

/* What a stored time may be at most, so that sums of it stay in range: some hundred thousand years. */
#define TIME_MAX (INT64_MAX / 4)

static void restore_anchor(Engine *e, Task *task, const Anchor *anchor)
{
        int64_t boot_usec = MIN((int64_t)anchor->boot_usec, (int64_t)e->now.boot_usec);

        task->foreign = !uuid_equal(anchor->boot_id, e->config.boot_id);
        task->anchor_real_usec = MIN(anchor->real_usec, (uint64_t)TIME_MAX);
        task->anchor_boot_usec = MAX(boot_usec, -TIME_MAX);
}

void restore_task(Engine *e, const Event *event)
{
        const TaskRow *row = event->task_row;
        Package *package;
        Options options;
        bool has_options;
        uint64_t hash;
        Task *task;

        if (!spec_check_row(row) || ids_find(&e->ids, row->id))
                return;
        package = package_need(e, row->spec.package);
        hash = names_prefetch(e, package, row->spec.name);
        task = task_take(e, class_need_for(e, package, &row->spec, row->id));
        task->id = row->id;
        task->registered_real_usec = row->registered_real_usec;
        task->last_number = MIN(row->last_number, (uint64_t)TIME_MAX);
        task->paused = row->paused;
        task->skip_next = row->skip_next;
        task->state = row->unregistered ? TASK_GONE : TASK_REGISTERED;
        spec_fill(e, task, &row->spec, &options, &has_options);
        if (has_options) {
                Extra *extra = task_need_extra(e, task);

                extra->options = options;
                extra->has_options = true;
        }
        restore_anchor(e, task, &row->anchor);
        for (uint32_t i = 0; i < row->spec.n_more; i++)
                restore_anchor(e, trigger_get(e, task, i + 1),
                               row->more_anchors ? &row->more_anchors[i] : &row->anchor);
        ids_insert(&e->ids, task->index);
        if (row->unregistered) {
                Extra *extra = task_need_extra(e, task);

                extra->outlived = true;
                list_append(&e->outlived, &extra->outlived_node);
                e->n_outlived++;
                /* It waits for nothing any more. */
                trigger_unref_topics(e, task);
                return;
        }
        names_add(e, task, hash);
        package->n_tasks++;
        trigger_enter(e, task);
}

/* Since acceptance was in another broker's time, its place on the boot clock follows from the wall clock. */
static uint64_t due_since(const Engine *e, uint64_t accepted_real_usec, uint64_t after_usec)
{
        uint64_t elapsed = usec_sub(e->now.real_usec, accepted_real_usec);

        if (!after_usec)
                return USEC_INFINITY;
        return usec_add(e->now.boot_usec, usec_sub(after_usec, elapsed));
}

static Run *restore_run(Engine *e, Task *task, const PendingRow *row)
{
        const Options *options = spec_options(e, task);
        Extra *extra = task_need_extra(e, task);
        Run *run = firing_new_run(e, task);

        run->accepted_real_usec = row->accepted_real_usec;
        run->scheduled_real_usec = row->scheduled_real_usec;
        run->first_scheduled_real_usec = row->first_scheduled_real_usec;
        run->count = row->count;
        run->attempts = run->runs_failed = row->attempts;
        run->fired_by = row->fired_by;
        run->trigger = row->trigger;
        run->forced = row->forced;
        run->rerun = row->rerun;
        run->details = firing_take_details(e);
        run->expires_boot_usec = due_since(e, row->accepted_real_usec, options->expires_usec);
        run->deadline_boot_usec = due_since(e, row->accepted_real_usec, options->deadline_usec);
        firing_set_number(e, run, row->number);
        if (trigger_ends_task(e, run) && task->state != TASK_GONE)
                trigger_disarm_all(e, task);
        list_append(&extra->queue, &run->task_node);
        extra->n_queue++;
        e->n_pending++;
        return run;
}

static bool row_is_possible(const Engine *e, const PendingRow *row)
{
        return row->number > 0 && row->number <= (uint64_t)TIME_MAX && row->fired_by <= FIRED_BY_MANUAL &&
               row->trigger < TRIGGERS_MAX &&
               !run_find(e, engine_run_id(row->task, row->number));
}

void restore_pending(Engine *e, const Event *event)
{
        const PendingRow *row = event->pending_row;
        Task *task = task_find(e, row->task);
        Run *run;

        if (!task || !row_is_possible(e, row))
                return;
        run = restore_run(e, task, row);
        run->stored_number = row->number;
        if (row->attempts > 0 || task->state == TASK_GONE)
                list_append(&e->attempted, &run->live_node);
        if (task->state == TASK_GONE)
                return;
        /* A commit that held the state of the task alone may have failed. */
        task->state_dirty |= row->number > task->last_number;
        task->last_number = MAX(task->last_number, row->number);
        run_arm(e, run);
        gate_kick(e, task);
}

/* The ledger is in no order: each entry is compared with the last number that was stored. */
static bool is_unheard_of(const Engine *e, const Task *task, const PendingRow *row)
{
        const Extra *extra = task_extra(e, task);

        return row->number > (extra && extra->has_taken_over ? extra->taken_over : task->last_number);
}

/* The store never heard of this firing: what it changed is made up for. */
static Run *take_over(Engine *e, Task *task, const PendingRow *row)
{
        Run *run = restore_run(e, task, row);
        Task *trigger = trigger_of_run(e, run);
        Extra *extra = task_extra(e, task);

        if (!extra->has_taken_over) {
                extra->has_taken_over = true;
                extra->taken_over = task->last_number;
        }
        if (spec_is_calendar(trigger)) {
                trigger->anchor_real_usec = MAX(trigger->anchor_real_usec, row->scheduled_real_usec);
                timer_arm(e, trigger, 0);
        } else if (spec_is_timer(trigger) && row->scheduled_real_usec > trigger->anchor_real_usec) {
                Schedule schedule = timer_schedule(e, trigger);
                uint64_t k = (row->scheduled_real_usec - trigger->anchor_real_usec) / trigger->period_usec;

                /* It has fired, so its time is not to come, even if the wall clock went back since. */
                trigger->anchor_boot_usec = MIN(schedule_earliest(&schedule, k), (int64_t)e->now.boot_usec);
                trigger->anchor_real_usec = schedule_nominal(&schedule, k);
                trigger->foreign = false;
                timer_arm(e, trigger, 0);
        } else if (spec_is_once_per_boot(trigger) && ending_is_of_trigger(run)) {
                trigger->foreign = false;
        }
        task->last_number = MAX(task->last_number, row->number);
        task->state_dirty = true;
        commit_touch(e, run);
        return run;
}

static void make_live(Engine *e, Run *run, const LedgerRow *row)
{
        Extra *extra = task_extra(e, run->task);
        Server *server = server_find(e, row->server);

        gate_leave(e, run);
        list_remove(&run->live_node);
        list_remove(&run->task_node);
        list_append(&extra->live, &run->task_node);
        extra->n_queue--;
        e->n_pending--;
        extra->n_live++;
        e->n_live++;
        list_append(&e->live, &run->live_node);
        if (run->attempts < row->attempt) {
                run->attempts = row->attempt;
                commit_touch(e, run);
        }
        run->runs_failed = run->attempts > 0 ? run->attempts - 1 : 0;
        run->unconfirmed = true;
        condition_watch(e, run);
        run->sent = row->sent;
        run->acknowledged = row->acknowledged;
        run->sent_real_usec = row->sent_real_usec;
        run->started_real_usec = row->acknowledged ? row->sent_real_usec : 0;
        run->server_id = row->server;
        run->ledger = true;
        run->state = row->acknowledged ? RUN_RUNNING : RUN_STARTING;
        run->since_real_usec = run->started_real_usec ? run->started_real_usec : e->now.real_usec;
        if (row->stopping) {
                run->state = RUN_STOPPING;
                run->reason = row->reason;
                run->since_real_usec = e->now.real_usec;
        }
        run_arm(e, run);
        if (!server)
                return;
        run->server = run->ledger_server = server;
        list_append(&server->runs, &run->server_node);
        server->n_runs++;
        server->n_ledger++;
}

void restore_ledger(Engine *e, const Event *event)
{
        const LedgerRow *row = event->ledger_row;
        Task *task = task_find(e, row->firing.task);
        Run *run = run_find(e, row->run);

        if (run && run->state != RUN_PENDING)
                return;
        if (!run && task && is_unheard_of(e, task, &row->firing) && row_is_possible(e, &row->firing) &&
            uuid_equal(engine_run_id(task->id, row->firing.number), row->run))
                run = take_over(e, task, &row->firing);
        if (run)
                make_live(e, run, row);
        else
                effect_add(e, EFFECT_LEDGER_GONE)->ledger_gone = row->run;
}

static void judge(Engine *e, Run *run)
{
        const Task *task = run->task;
        const Task *trigger = trigger_of_run(e, run);
        bool periodic = spec_is_timer(trigger) && !trigger->one_shot;
        bool again = task->rerun == RERUN_ONCE || (task->rerun == RERUN_DEFAULT && !periodic);

        /* What went on without its registration is not tried again. */
        if (task->state == TASK_GONE) {
                ending_finish(e, run, OUTCOME_ABANDONED, 0, DETAIL_LOST, 0);
                return;
        }
        if (!e->rebooted)
                return;
        if (again && !run->rerun) {
                run->rerun = true;
                commit_touch(e, run);
                return;
        }
        ending_finish(e, run, OUTCOME_ABANDONED, 0, DETAIL_LOST, 0);
}

bool restore_judge(Engine *e)
{
        for (; e->work > 0 && !list_is_empty(&e->attempted); e->work--) {
                Run *run = list_entry(e->attempted.next, Run, live_node);

                list_remove(&run->live_node);
                judge(e, run);
        }
        return list_is_empty(&e->attempted);
}

/* From now on nobody finds them; one without a run has been kept for nothing. */
static void hide_outlived(Engine *e)
{
        while (!list_is_empty(&e->outlived)) {
                Task *task = list_entry(e->outlived.next, Extra, outlived_node)->task;

                list_remove(e->outlived.next);
                ids_remove(&e->ids, task->index);
                task_release(e, task);
        }
        e->n_outlived = 0;
}

void restore_start(Engine *e, const Event *event)
{
        if (e->started)
                return;
        e->started = true;
        e->rebooted = event->start.rebooted;
        e->start = e->now;
        hide_outlived(e);
        if (e->now.boot_usec - e->now.real_usec != e->derived_boot_usec - e->derived_real_usec)
                timer_clock_stepped(e);
        for (unsigned c = 0; c < CONDITION_MAX; c++) {
                e->levels[c].since_real_usec = e->now.real_usec;
                e->levels[c].since_mono_usec = e->now.mono_usec;
        }
        list_for_each_safe(i, &e->live) {
                Run *run = list_entry(i, Run, live_node);

                run->answer_mono_usec = usec_add(e->now.mono_usec, CONFIRM_USEC);
                if (run->state == RUN_STOPPING)
                        run->grace_mono_usec = usec_add(e->now.mono_usec, GRACE_USEC);
                if (run->server)
                        run_arm(e, run);
                else
                        run_dispatch(e, run, RUN_UNCONFIRMED, (RunArgs){ 0 });
        }
        condition_boot(e);
}

static bool is_announced(const Event *event, const Run *run)
{
        for (size_t i = 0; i < event->process.n_runs; i++)
                if (uuid_equal(event->process.runs[i].run, run->id) &&
                    event->process.runs[i].attempt == run->attempts)
                        return true;
        return false;
}

void restore_announced(Engine *e, const Event *event)
{
        Server *server = server_find(e, event->process.server);

        if (!server || server->gone)
                return;
        server_heard(e, server);
        list_for_each_safe(i, &server->runs) {
                Run *run = list_entry(i, Run, server_node);

                if (run->unconfirmed)
                        run_dispatch(e, run, is_announced(event, run) ? RUN_CONFIRMED : RUN_UNCONFIRMED,
                                     (RunArgs){ 0 });
        }
        for (size_t i = 0; i < event->process.n_runs; i++) {
                const EventRun *announced = &event->process.runs[i];
                const Run *run = run_find(e, announced->run);
                Effect *effect;

                if (run && run->attempts == announced->attempt && (run->server == server || run->state == RUN_ENDED))
                        continue;
                effect = effect_add(e, EFFECT_SEND_CANCEL);
                effect->send.server = server->id;
                effect->send.run = announced->run;
                effect->send.attempt = announced->attempt;
                effect->send.reason = REASON_ABORT;
        }
}
