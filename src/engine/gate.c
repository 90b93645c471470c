/* SPDX-License-Identifier: MIT */

/*
 * Who may start: docs/semantics.md, 5.1 and 5.2. A pending run waits at the first gate that is closed to it, or,
 * where that is a thing of its own task (paused, running, a retry), for gate_kick(). Runs before an open gate are
 * judged again in the order of their acceptance, whichever gates they come from.
 */

#include "engine/parts.h"

void gate_init(Gate *gate, bool open)
{
        list_init(&gate->node);
        gate->open = open;
}

static void link_gate(Engine *e, Gate *gate)
{
        if (gate->open && !queue_is_empty(&gate->waiting) && !list_is_linked(&gate->node))
                list_append(&e->open_gates, &gate->node);
}

void gate_open(Engine *e, Gate *gate)
{
        gate->open = true;
        link_gate(e, gate);
}

void gate_close(Gate *gate)
{
        gate->open = false;
        list_remove(&gate->node);
}

void gate_leave(Engine *e, Run *run)
{
        Gate *gate = TAKE_PTR(run->gate);

        if (!gate)
                return;
        queue_remove(&gate->waiting, &run->gate_node);
        e->n_ready -= gate == &e->ready;
        if (queue_is_empty(&gate->waiting))
                list_remove(&gate->node);
}

static void enter(Engine *e, Gate *gate, Run *run)
{
        gate_leave(e, run);
        run->gate = gate;
        e->n_ready += gate == &e->ready;
        queue_insert(&gate->waiting, &run->gate_node, run->order);
        link_gate(e, gate);
}

bool gate_is_head(const Extra *extra, const Task *task, const Run *run)
{
        /* The firings of a parallel task do not wait for each other. */
        return spec_is_parallel(task) || extra->queue.next == &run->task_node;
}

void gate_kick(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);

        if (!extra)
                return;
        list_for_each(i, &extra->queue) {
                Run *run = list_entry(i, Run, task_node);

                if (!gate_is_head(extra, task, run))
                        break;
                enter(e, &e->ready, run);
        }
}

uint32_t gate_missing_conditions(const Engine *e, const Run *run)
{
        uint32_t missing = 0;

        if (run->forced || run->deadline_boot_usec <= e->now.boot_usec)
                return 0;
        for (uint32_t left = spec_conditions(e, run->task); left; left &= left - 1) {
                unsigned c = (unsigned)__builtin_ctz(left);

                if (e->levels[c].now != 1)
                        missing |= CONDITION_BIT(c);
        }
        return missing;
}

uint32_t gate_missing_capabilities(const Engine *e, Task *trigger)
{
        uint32_t needed = trigger_capabilities(trigger->kind);
        const Task *task;

        if (!needed)
                return 0;
        task = trigger_task(e, trigger);
        return task_class(e, task)->command ? 0 : needed & ~task_package(e, task)->capabilities;
}

uint32_t gate_task_missing_capabilities(const Engine *e, const Task *task)
{
        uint32_t missing = 0;

        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                missing |= gate_missing_capabilities(e, trigger_get(e, task, i));
        return missing;
}

/* Who starts a task by hand does not wait for what failed before; what fails by itself from then on waits again. */
bool gate_is_backing_off(const Engine *e, const Run *run)
{
        const Class *class_ = task_class(e, run->task);

        if (run->forced && run->attempts == 0)
                return false;
        return class_->until_boot_usec > e->now.boot_usec || class_->probing;
}

/* Starts older than the window do not count any more. */
bool gate_has_start(Engine *e, Package *package)
{
        uint64_t window = e->config.limits.start_window_usec;

        while (!list_is_empty(&package->starts)) {
                StartMark *mark = list_entry(package->starts.next, StartMark, node);

                if (usec_add(mark->boot_usec, window) > e->now.boot_usec)
                        break;
                list_remove(&mark->node);
                pool_give(&e->marks, mark);
                package->n_starts--;
        }
        return package->n_starts < e->config.limits.starts_per_window;
}

uint32_t gate_count_starts(const Engine *e, const Package *package)
{
        uint32_t n = 0;

        list_for_each(i, &package->starts)
                n += usec_add(list_entry(i, StartMark, node)->boot_usec, e->config.limits.start_window_usec) >
                     e->now.boot_usec;
        return n;
}

static bool is_overlapping(const Engine *e, const Run *run)
{
        const Extra *extra = task_extra(e, run->task);

        if (spec_is_parallel(run->task))
                return extra->n_live >= e->config.limits.live_runs_per_task;
        return extra->n_live > 0 || !gate_is_head(extra, run->task, run);
}

uint8_t gate_first_closed(Engine *e, Run *run, Gate **ret_gate)
{
        Task *task = run->task;
        Class *class_ = task_class(e, task);
        uint32_t missing = gate_missing_conditions(e, run);

        *ret_gate = NULL;
        if (task->state != TASK_REGISTERED && task->state != TASK_UPDATING)
                return WHY_UNREGISTERING;
        if (task->paused && !run->forced)
                return WHY_PAUSED;
        if (class_->package->paused && !run->forced) {
                *ret_gate = &class_->package->resumed;
                return WHY_PACKAGE_PAUSED;
        }
        if (missing) {
                unsigned c = (unsigned)__builtin_ctz(missing);

                *ret_gate = &e->conditions[c];
                return e->levels[c].now == 0 ? WHY_CONDITION_FALSE : WHY_CONDITION_UNKNOWN;
        }
        if (class_is_missing(class_)) {
                *ret_gate = &class_->missing;
                return uuid_is_null(class_->clsid) ? WHY_NO_HOST : WHY_CLASS_MISSING;
        }
        if (gate_task_missing_capabilities(e, task)) {
                *ret_gate = &class_->package->capable;
                return WHY_CAPABILITY_MISSING;
        }
        if (gate_is_backing_off(e, run)) {
                *ret_gate = &class_->backoff;
                return class_->launch_failures >= QUARANTINE_AFTER ? WHY_QUARANTINED : WHY_BACKING_OFF;
        }
        if (run->retry_boot_usec > e->now.boot_usec)
                return WHY_WAITING_FOR_RETRY;
        if (is_overlapping(e, run))
                return WHY_RUNNING;
        if (e->n_live >= e->config.limits.live_runs) {
                *ret_gate = &e->run_limit;
                return WHY_RUN_LIMIT;
        }
        if (!run->forced && !gate_has_start(e, class_->package)) {
                *ret_gate = &class_->package->start_limit;
                return WHY_START_LIMIT;
        }
        return 0;
}

static void judge(Engine *e, Run *run)
{
        uint8_t before = run->waiting;
        Gate *gate;

        run->waiting = gate_first_closed(e, run, &gate);
        if (run->waiting == 0) {
                run_dispatch(e, run, RUN_START, (RunArgs){ 0 });
                return;
        }
        if (gate) {
                gate_close(gate);
                enter(e, gate, run);
                if (run->waiting == WHY_START_LIMIT)
                        package_alarm(e, task_package(e, run->task));
        }
        if (run->waiting != before)
                effect_notify(e, NOTIFY_CHANGED, run->task);
}

static Run *first_ready(const Engine *e)
{
        Run *first = NULL;

        list_for_each(i, &e->open_gates) {
                QueueNode *node = list_entry(i, Gate, node)->waiting.first;
                Run *run = CONTAINER_OF(node, Run, gate_node);

                if (!first || run->order < first->order)
                        first = run;
        }
        return first;
}

void gate_drain(Engine *e)
{
        if (e->shutting_down)
                return;
        while (e->work > 0) {
                Run *run = first_ready(e);

                if (!run)
                        break;
                e->work--;
                gate_leave(e, run);
                judge(e, run);
        }
}
