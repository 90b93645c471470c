/* SPDX-License-Identifier: MIT */

/* How attempts and runs end: docs/semantics.md, 6.2, 6.4 and 6.5. */

#include "engine/parts.h"

void ending_detach(Engine *e, Run *run)
{
        Server *server = TAKE_PTR(run->server);

        if (!server)
                return;
        list_remove(&run->server_node);
        server->n_runs--;
        server_check_idle(e, server);
        server_arm(e, server);
}

/* Out of the queue or the live ones. */
static void leave_task(Engine *e, Run *run)
{
        Extra *extra = task_extra(e, run->task);

        list_remove(&run->task_node);
        if (run->state == RUN_PENDING) {
                gate_leave(e, run);
                list_remove(&run->live_node);
                extra->n_queue--;
                e->n_pending--;
                return;
        }
        extra->n_live--;
        e->n_live--;
        list_remove(&run->live_node);
        class_probe_over(e, run);
        ending_detach(e, run);
        if (e->n_live < e->config.limits.live_runs)
                gate_open(e, &e->run_limit);
}

bool ending_is_of_trigger(const Run *run)
{
        /* A manual firing that the trigger's own was merged into stands for both. */
        return run->fired_by != FIRED_BY_MANUAL || run->count > 1;
}

static void write_end(Engine *e, Run *run)
{
        Task *task = run->task;

        if (trigger_ends_task(e, run) && task->state != TASK_GONE) {
                run->last = true;
                trigger_disarm_all(e, task);
                if (task->state != TASK_REGISTERED) {
                        run->held = run->dirty = true;
                        return;
                }
                run->removes_task = true;
                task_set_state(e, task, TASK_UNREGISTERING, 0);
        }
        commit_touch(e, run);
}

void ending_finish(Engine *e, Run *run, uint8_t outcome, uint8_t reason, uint8_t detail, int32_t result)
{
        Task *task = run->task;
        Extra *extra = task_extra(e, task);

        leave_task(e, run);
        if (!run->recorded) {
                run->outcome = outcome;
                run->reason = reason;
                run->detail = detail;
                run->result = result;
                run->ended_real_usec = e->now.real_usec;
        }
        run->unconfirmed = false;
        run_set_state(e, run, RUN_ENDED);
        run_arm(e, run);
        list_append(&extra->ended, &run->task_node);
        extra->n_ended++;
        if (run->ledger_server)
                run->ledger_server->n_uncommitted++;
        effect_notify_run(e, NOTIFY_ENDED, run);
        if (run->recorded)
                ending_stored(e, run);
        else
                write_end(e, run);
        gate_kick(e, task);
}

void ending_drop_ledger(Engine *e, Run *run)
{
        Server *server = TAKE_PTR(run->ledger_server);

        if (run->ledger)
                effect_add(e, EFFECT_LEDGER_GONE)->ledger_gone = run->id;
        run->ledger = run->ledger_over = false;
        if (server) {
                server->n_ledger--;
                server_check_released(e, server);
        }
}

void ending_stored(Engine *e, Run *run)
{
        Server *server = run->ledger_server;

        if (server) {
                server->n_uncommitted--;
                if (run->sent && !server->gone)
                        effect_send(e, EFFECT_SEND_RECORDED, server, run, 0);
                server_check_idle(e, server);
        }
        ending_drop_ledger(e, run);
        ending_free_run(e, run);
}

void ending_free_run(Engine *e, Run *run)
{
        Task *task = run->task;
        Extra *extra = task_extra(e, task);

        run_answer(e, run, run->state == RUN_ENDED ? 0 : -ECANCELED);
        engine_set_alarm(e, &run->boot_alarm, false, USEC_INFINITY);
        engine_set_alarm(e, &run->mono_alarm, true, USEC_INFINITY);
        commit_forget_run(e, run);
        map_remove(&e->runs_by_id, &run->node);
        if (run->state == RUN_ENDED)
                extra->n_ended--;
        list_remove(&run->task_node);
        list_append(&e->dead_runs, &run->task_node);
        task_release(e, task);
        if (task->state != TASK_GONE)
                task_drop_extra(e, task);
}

void ending_bury(Engine *e)
{
        while (!list_is_empty(&e->dead_runs)) {
                Run *run = list_entry(e->dead_runs.next, Run, task_node);

                list_remove(&run->task_node);
                firing_unref_details(run->details);
                pool_give(&e->runs, run);
        }
}

/* Back to its place in the queue: the order is that of acceptance. */
static void queue_again(Engine *e, Run *run)
{
        Extra *extra = task_extra(e, run->task);
        ListNode *where = &extra->queue;

        while (where->prev != &extra->queue && list_entry(where->prev, Run, task_node)->order > run->order)
                where = where->prev;
        list_insert_before(where, &run->task_node);
        extra->n_queue++;
        e->n_pending++;
}

void ending_again(Engine *e, Run *run, uint64_t retry_boot_usec)
{
        leave_task(e, run);
        run->unconfirmed = false;
        run->retry_boot_usec = retry_boot_usec;
        run->answer_mono_usec = run->limit_mono_usec = run->grace_mono_usec = USEC_INFINITY;
        run_set_state(e, run, RUN_PENDING);
        queue_again(e, run);
        run_arm(e, run);
        /* The ledger may forget the attempt only when the store knows the firing. */
        if (run->stored_number == run->number && !run->commit && !run->dirty)
                ending_drop_ledger(e, run);
        else
                run->ledger_over = true;
        effect_notify(e, NOTIFY_CHANGED, run->task);
        gate_kick(e, run->task);
}

void ending_start_failed(Engine *e, Run *run, RunArgs args)
{
        Class *class_ = task_class(e, run->task);

        /* Nothing will wait for the back-off of a command that is gone. */
        if (args.counts && !(class_->command && run->task->state == TASK_GONE))
                class_failed(e, class_, args.launched, args.detail, args.result);
        run->starts_failed++;
        if (run->starts_failed < STARTS_MAX && run->task->state != TASK_GONE)
                ending_again(e, run, 0);
        else
                ending_finish(e, run, OUTCOME_NOT_STARTED, 0, args.detail, args.result);
}

/* 6.4: true if the firing is pending again. */
static bool retry(Engine *e, Run *run, uint64_t after_usec)
{
        const Options *options = spec_options(e, run->task);
        uint64_t delay = options->retry_backoff_usec ? options->retry_backoff_usec : RETRY_FIRST_USEC;
        uint64_t most = MAX(delay, RETRY_MAX_USEC);

        if (run->runs_failed >= options->retry_max || run->task->state == TASK_GONE)
                return false;
        for (uint32_t i = 0; i < run->runs_failed && delay < most; i++)
                delay = MIN(usec_add(delay, delay), most);
        run->runs_failed++;
        ending_again(e, run, usec_add(e->now.boot_usec, after_usec ? after_usec : delay));
        return true;
}

void ending_completed(Engine *e, Run *run, RunArgs args)
{
        bool failed = args.result < 0 || args.detail != DETAIL_NONE;

        if (!failed && !args.retry_after_usec) {
                ending_finish(e, run, OUTCOME_COMPLETED, 0, DETAIL_NONE, args.result);
                return;
        }
        if (!retry(e, run, args.retry_after_usec))
                ending_finish(e, run, OUTCOME_FAILED, 0, args.detail, failed ? args.result : -EAGAIN);
}

void ending_lost(Engine *e, Run *run, RunArgs args)
{
        if (!retry(e, run, 0))
                ending_finish(e, run, OUTCOME_ABANDONED, 0, args.detail, args.result);
}

void ending_stopped(Engine *e, Run *run, bool completed, uint8_t detail, int32_t result)
{
        uint8_t outcome = OUTCOME_CANCELED;

        if (run->reason == REASON_EXECUTION_TIME_EXCEEDED) {
                outcome = OUTCOME_TIMED_OUT;
        } else if (run->reason == REASON_CONDITION_LOSS || run->reason == REASON_ENERGY_SAVER) {
                if (completed && result >= 0 && detail == DETAIL_NONE) {
                        ending_finish(e, run, OUTCOME_COMPLETED, 0, DETAIL_NONE, result);
                        return;
                }
                if (run->task->state != TASK_GONE) {
                        ending_again(e, run, 0);
                        return;
                }
        }
        ending_finish(e, run, outcome, run->reason, detail, result);
}
