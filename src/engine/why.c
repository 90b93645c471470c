/* SPDX-License-Identifier: MIT */

/* Why a registration does not run: docs/semantics.md, section 11. Every gate that is closed is named. */

#include "engine/parts.h"

typedef struct List {
        Why *reasons;
        size_t n;
} List;

static Why *add(List *list, uint8_t code, uint64_t since_real_usec)
{
        Why *why = &list->reasons[list->n];

        /* The last place is overwritten rather than the array left: 32 codes and conditions fit. */
        if (list->n < ENGINE_WHY_MAX - 1)
                list->n++;
        *why = (Why){
                .code = code,
                .since_real_usec = since_real_usec,
                .until_boot_usec = USEC_INFINITY,
                .until_real_usec = USEC_INFINITY,
                .latest_boot_usec = USEC_INFINITY,
        };
        return why;
}

/* A reason about a firing speaks of what fired it, unless that was a person alone. */
static Why *add_of(const Engine *e, const Run *run, List *list, uint8_t code, uint64_t since_real_usec)
{
        Why *why = add(list, code, since_real_usec);

        why->of_trigger = ending_is_of_trigger(run);
        why->trigger = (uint8_t)trigger_of_run(e, run)->place;
        return why;
}

/* Of very many live runs some are named: what the others say has been said. */
static void add_run(const Engine *e, List *list, uint8_t code, const Run *run)
{
        for (size_t i = 0; list->n >= ENGINE_WHY_MAX / 2 && i < list->n; i++)
                if (list->reasons[i].code == code)
                        return;
        add_of(e, run, list, code, run->since_real_usec)->run = run->id;
}

static void add_live(const Engine *e, const Extra *extra, List *list)
{
        static const uint8_t codes[] = {
                [RUN_STARTING] = WHY_STARTING,
                [RUN_RUNNING] = WHY_RUNNING,
                [RUN_STOPPING] = WHY_STOPPING,
        };

        list_for_each(i, &extra->live) {
                const Run *run = list_entry(i, Run, task_node);

                add_run(e, list, codes[run->state], run);
                if (run->unconfirmed)
                        add_run(e, list, WHY_UNCONFIRMED, run);
        }
}

static void add_conditions(const Engine *e, const Run *run, List *list)
{
        for (uint32_t left = gate_missing_conditions(e, run); left; left &= left - 1) {
                unsigned c = (unsigned)__builtin_ctz(left);
                Why *why = add_of(e, run, list, e->levels[c].now == 0 ? WHY_CONDITION_FALSE : WHY_CONDITION_UNKNOWN,
                                  e->levels[c].since_real_usec);

                why->condition = (uint8_t)c;
                why->until_boot_usec = run->deadline_boot_usec;
        }
}

static void add_class(const Engine *e, const Run *run, List *list)
{
        const Class *class_ = task_class(e, run->task);
        Why *why;

        if (class_is_missing(class_))
                add_of(e, run, list, uuid_is_null(class_->clsid) ? WHY_NO_HOST : WHY_CLASS_MISSING,
                       run->accepted_real_usec);
        if (!gate_is_backing_off(e, run))
                return;
        why = add_of(e, run, list, class_->launch_failures >= QUARANTINE_AFTER ? WHY_QUARANTINED : WHY_BACKING_OFF,
                     class_->since_real_usec);
        why->detail = class_->last_detail;
        why->status = class_->last_status;
        why->count = class_->failures;
        why->until_boot_usec = class_->until_boot_usec;
}

/* When so many of the starts have left the window that another one may follow. */
static uint64_t next_start(const Engine *e, const Package *package, uint32_t starts)
{
        const EngineLimits *limits = &e->config.limits;
        uint32_t too_many = starts - limits->starts_per_window, n = 0;

        list_for_each(i, &package->starts) {
                uint64_t until = usec_add(list_entry(i, StartMark, node)->boot_usec, limits->start_window_usec);

                if (until > e->now.boot_usec && n++ == too_many)
                        return until;
        }
        return USEC_INFINITY;
}

static void add_limits(const Engine *e, const Run *run, List *list)
{
        const EngineLimits *limits = &e->config.limits;
        uint32_t starts = gate_count_starts(e, task_package(e, run->task));
        Why *why;

        if (e->n_live >= limits->live_runs) {
                why = add_of(e, run, list, WHY_RUN_LIMIT, run->since_real_usec);
                why->count = limits->live_runs;
                why->used = e->n_live;
        }
        if (!run->forced && starts >= limits->starts_per_window) {
                why = add_of(e, run, list, WHY_START_LIMIT, run->since_real_usec);
                why->count = limits->starts_per_window;
                why->used = starts;
                why->until_boot_usec = next_start(e, task_package(e, run->task), starts);
        }
}

static void add_pending(const Engine *e, const Run *run, List *list)
{
        const Task *task = run->task;

        if (task->paused && !run->forced)
                add_of(e, run, list, WHY_PAUSED, task_extra(e, task)->paused_real_usec);
        if (task_package(e, task)->paused && !run->forced)
                add_of(e, run, list, WHY_PACKAGE_PAUSED, task_package(e, task)->paused_real_usec);
        add_conditions(e, run, list);
        add_class(e, run, list);
        if (gate_task_missing_capabilities(e, task))
                add_of(e, run, list, WHY_CAPABILITY_MISSING, 0);
        if (run->retry_boot_usec > e->now.boot_usec) {
                Why *why = add_of(e, run, list, WHY_WAITING_FOR_RETRY, run->since_real_usec);

                why->until_boot_usec = run->retry_boot_usec;
                why->count = run->attempts;
        }
        add_limits(e, run, list);
}

static void add_due(const Engine *e, const Task *task, List *list)
{
        for (uint32_t i = 0; e->store_behind && i < trigger_count(e, task); i++) {
                const Task *trigger = trigger_get(e, task, i);

                if (timer_has_come(e, trigger)) {
                        Why *why = add(list, WHY_STORE_BEHIND, 0);

                        why->of_trigger = true;
                        why->trigger = (uint8_t)trigger->place;
                        return;
                }
        }
}

static void add_waiting(const Engine *e, const Task *task, const Task *trigger, List *list)
{
        uint64_t since = task->last_number > 0 ? trigger->anchor_real_usec : task->registered_real_usec;
        Why *why = add(list, spec_is_timer(trigger) ? WHY_WAITING_FOR_TIME : WHY_WAITING_FOR_TRIGGER, since);
        Schedule schedule;

        why->of_trigger = true;
        why->trigger = (uint8_t)trigger->place;
        if (!spec_is_timer(trigger))
                return;
        if (spec_is_calendar(trigger)) {
                why->until_real_usec = dates_next_usec(e, trigger);
                return;
        }
        schedule = timer_schedule(e, trigger);
        why->until_boot_usec = (uint64_t)MAX(schedule_earliest(&schedule, 1), (int64_t)0);
        why->latest_boot_usec = (uint64_t)MAX(schedule_latest(&schedule, 1), (int64_t)0);
}

static void add_idle(const Engine *e, const Task *task, List *list)
{
        const Extra *extra = task_extra(e, task);

        if (task->paused)
                add(list, WHY_PAUSED, extra ? extra->paused_real_usec : 0);
        if (task_package(e, task)->paused)
                add(list, WHY_PACKAGE_PAUSED, task_package(e, task)->paused_real_usec);
        if (gate_task_missing_capabilities(e, task))
                add(list, WHY_CAPABILITY_MISSING, 0);
        if (task->skip_next)
                add(list, WHY_SKIP_NEXT, 0);
        add_due(e, task, list);
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                add_waiting(e, task, trigger_get(e, task, i), list);
}

size_t engine_get_why(const Engine *e, Uuid id, Why reasons[static ENGINE_WHY_MAX])
{
        const Task *task = task_find(e, id);
        const Extra *extra = task ? task_extra(e, task) : NULL;
        List list = { .reasons = reasons };

        if (!task)
                return 0;
        if (task->state == TASK_REGISTERING)
                add(&list, WHY_REGISTERING, extra->since_real_usec);
        if (task->state == TASK_UNREGISTERING)
                add(&list, WHY_UNREGISTERING, extra->since_real_usec);
        if (extra && extra->n_live > 0)
                add_live(e, extra, &list);
        if (extra && !list_is_empty(&extra->queue))
                add_pending(e, list_entry(extra->queue.next, Run, task_node), &list);
        else if (!extra || extra->n_live == 0)
                add_idle(e, task, &list);
        /* Nothing holds it: it starts with the next piece of work. */
        if (list.n == 0) {
                const Run *run = list_entry(extra->queue.next, Run, task_node);

                add_of(e, run, &list, WHY_STARTING, run->since_real_usec);
        }
        return list.n;
}
