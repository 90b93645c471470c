/* SPDX-License-Identifier: MIT */

/* Timers of tasks: arming what schedule.c computes, firing what is due, and when to be woken. */

#include "engine/parts.h"

void timer_moved(void *userdata, uint32_t value, uint32_t position)
{
        Engine *e = userdata;

        task_get(e, value)->timer = position;
}

Schedule timer_schedule(const Engine *e, const Task *task)
{
        return (Schedule){
                .anchor_boot_usec = task->foreign ? schedule_foreign_anchor(e->derived_boot_usec, e->derived_real_usec,
                                                                            task->anchor_real_usec)
                                                  : task->anchor_boot_usec,
                .anchor_real_usec = task->anchor_real_usec,
                .period_usec = task->period_usec,
                .window_usec = task->window_usec,
                .catch_up_window_usec = spec_options(e, task)->catch_up_window_usec,
                .catch_up = (uint8_t)task->catch_up,
                .one_shot = task->one_shot,
        };
}

static uint64_t not_negative(int64_t boot_usec)
{
        return boot_usec > 0 ? (uint64_t)boot_usec : 0;
}

int64_t timer_next_usec(const Engine *e, const Task *trigger)
{
        Schedule schedule;

        if (spec_is_calendar(trigger))
                return (int64_t)MIN(dates_next_usec(e, trigger), (uint64_t)INT64_MAX);
        schedule = timer_schedule(e, trigger);
        return schedule_earliest(&schedule, 1);
}

static uint64_t key_of(void *userdata, uint32_t value)
{
        Engine *e = userdata;

        return not_negative(timer_next_usec(e, task_get(e, value)));
}

/* A timer that was put off, because its firing could not be stored, is due when it was put off to. */
static uint64_t latest_of(void *userdata, uint32_t value)
{
        Engine *e = userdata;
        const Task *task = task_get(e, value);
        Schedule schedule = timer_schedule(e, task);

        return MAX(not_negative(schedule_latest(&schedule, 1)), e->timers.keys[task->timer]);
}

void timer_disarm(Engine *e, Task *task)
{
        if (!spec_is_timer(task) || task->timer == HEAP_NONE)
                return;
        if (spec_is_calendar(task)) {
                heap_remove(&e->dates, task->timer);
                return;
        }
        if (e->wake_task == task->index)
                e->wake_task = 0;
        heap_remove(&e->timers, task->timer);
}

static uint64_t key_in_heap(const Engine *e, const Task *trigger)
{
        return (spec_is_calendar(trigger) ? &e->dates : &e->timers)->keys[trigger->timer];
}

bool timer_has_come(const Engine *e, const Task *trigger)
{
        return spec_is_timer(trigger) && trigger->timer != HEAP_NONE &&
               key_in_heap(e, trigger) <= (spec_is_calendar(trigger) ? e->now.real_usec : e->now.boot_usec);
}

static bool is_put_off(const Engine *e, const Task *trigger)
{
        return !timer_has_come(e, trigger) && (int64_t)key_in_heap(e, trigger) > timer_next_usec(e, trigger);
}

void timer_rest(Engine *e, Task *trigger)
{
        if (spec_is_timer(trigger) && trigger->timer != HEAP_NONE && !is_put_off(e, trigger))
                timer_disarm(e, trigger);
}

void timer_arm(Engine *e, Task *task, uint64_t delay_usec)
{
        uint64_t key;

        if (delay_usec == 0 && trigger_is_spent(e, trigger_task(e, task))) {
                timer_disarm(e, task);
                return;
        }
        if (spec_is_calendar(task)) {
                dates_arm(e, task, delay_usec);
                return;
        }
        key = key_of(e, task->index);
        if (delay_usec)
                key = MAX(key, usec_add(e->now.boot_usec, delay_usec));
        if (task->timer != HEAP_NONE) {
                if (e->wake_task == task->index)
                        e->wake_task = 0;
                heap_rekey(&e->timers, task->timer, key);
        } else {
                if (heap_reserve(&e->timers, 1) < 0)
                        abort();
                heap_push(&e->timers, key, task->index);
        }
        if (e->wake_task) {
                uint64_t latest = latest_of(e, task->index);

                if (latest < e->wake_latest_usec) {
                        e->wake_task = task->index;
                        e->wake_latest_usec = latest;
                }
        }
}

void timer_anchor_now(const Engine *e, Task *task)
{
        task->anchor_boot_usec = (int64_t)e->now.boot_usec;
        task->anchor_real_usec = e->now.real_usec;
        task->foreign = false;
}

void timer_anchor_new(const Engine *e, Task *task)
{
        timer_anchor_now(e, task);
        task->foreign = spec_is_once_per_boot(task);
}

void timer_keep_phase(const Engine *e, Task *task, const Task *old)
{
        Schedule schedule;
        int64_t late;

        task->anchor_boot_usec = old->anchor_boot_usec;
        task->anchor_real_usec = old->anchor_real_usec;
        task->foreign = old->foreign || (spec_is_once_per_boot(task) && !spec_is_once_per_boot(old));
        if (spec_is_calendar(task)) {
                if (strcmp(spec_trigger_text(task), spec_trigger_text(old)) != 0)
                        timer_anchor_now(e, task);
                return;
        }
        if (!spec_is_timer(task) || task->period_usec == old->period_usec)
                return;
        schedule = timer_schedule(e, task);
        late = (int64_t)e->now.boot_usec - schedule_earliest(&schedule, 1);
        if (late <= 0)
                return;
        /* It is due now, whatever the wall clock says of the boot that its anchor is of. */
        task->anchor_boot_usec = (int64_t)e->now.boot_usec - (int64_t)task->period_usec;
        task->anchor_real_usec += (uint64_t)late;
        task->foreign = false;
}

static void move_anchor(Engine *e, Task *task, const Schedule *schedule, uint64_t k)
{
        trigger_task(e, task)->state_dirty = true;
        task->anchor_boot_usec = schedule_earliest(schedule, k);
        task->anchor_real_usec = schedule_nominal(schedule, k);
        task->foreign = false;
}

void timer_fire(Engine *e, Task *trigger, const Undo *undo, uint64_t scheduled, uint64_t first, uint64_t count)
{
        Task *task = trigger_task(e, trigger);
        Firing firing = {
                .trigger = trigger,
                .fired_by = FIRED_BY_TIMER,
                .number = scheduled,
                .scheduled_real_usec = scheduled,
                .first_scheduled_real_usec = first,
                .count = (uint32_t)MIN(count, (uint64_t)UINT32_MAX),
                .undo = *undo,
        };
        TaskArgs args = { .firing = &firing };

        task_dispatch(e, task, TASK_FIRE, &args);
        if (args.accepted == ACCEPTED_NOT_OVERLAP)
                firing_record(e, task, &firing, OUTCOME_NOT_STARTED, DETAIL_OVERLAP);
        else if (args.accepted == ACCEPTED_NOT_QUOTA)
                firing_record(e, task, &firing, OUTCOME_NOT_STARTED, DETAIL_QUOTA);
}

void timer_skip(Engine *e, Task *trigger, const Undo *undo, uint64_t scheduled, uint64_t first)
{
        Firing firing = {
                .trigger = trigger,
                .fired_by = FIRED_BY_TIMER,
                .number = scheduled,
                .scheduled_real_usec = scheduled,
                .first_scheduled_real_usec = first,
                .count = 1,
                .undo = *undo,
        };

        if (trigger->one_shot)
                firing_record(e, trigger_task(e, trigger), &firing, OUTCOME_EXPIRED, DETAIL_NONE);
}

void timer_fired(Engine *e, Task *trigger)
{
        Task *task = trigger_task(e, trigger);

        if (task->state != TASK_REGISTERED && task->state != TASK_UPDATING)
                timer_disarm(e, trigger);
        else if (trigger_is_spent(e, task))
                trigger_rest_all(e, task);
        else
                timer_arm(e, trigger, 0);
}

void timer_skip_next(Engine *e, Task *trigger, uint64_t scheduled)
{
        firing_skip(e, trigger_task(e, trigger), &(Firing){
                .trigger = trigger,
                .fired_by = FIRED_BY_TIMER,
                .number = scheduled,
                .scheduled_real_usec = scheduled,
                .first_scheduled_real_usec = scheduled,
                .count = 1,
        });
}

static void fire_once(Engine *e, Task *task, const Schedule *schedule, uint64_t first, uint64_t last)
{
        Undo undo = firing_undo(e, task);

        move_anchor(e, task, schedule, last);
        timer_fire(e, task, &undo, schedule_nominal(schedule, last), schedule_nominal(schedule, first),
                   last - first + 1);
}

static void skip(Engine *e, Task *task, const Schedule *schedule, uint64_t k)
{
        Undo undo = firing_undo(e, task);

        move_anchor(e, task, schedule, k);
        timer_skip(e, task, &undo, schedule_nominal(schedule, k), schedule_nominal(schedule, 1));
}

/* Fires what is due of one timer, as far as the event's share of work goes; the rest stays due. */
static void fire_task(Engine *e, Task *task)
{
        Schedule schedule = timer_schedule(e, task);
        ScheduleDue due = schedule_due(&schedule, e->now.boot_usec);
        /* What another trigger of the task was due for may come between. */
        bool several = trigger_count(e, trigger_task(e, task)) > 1;

        if (trigger_is_spent(e, trigger_task(e, task))) {
                timer_disarm(e, task);
                return;
        }
        if (due.k_due > 0 && trigger_task(e, task)->skip_next) {
                /* What is due behind that time is another piece of work. */
                move_anchor(e, task, &schedule, 1);
                timer_skip_next(e, task, schedule_nominal(&schedule, 1));
        } else if (due.k_due > 0) {
                if (due.first == 0)
                        skip(e, task, &schedule, due.k_due);
                else if (!due.each)
                        fire_once(e, task, &schedule, due.first, due.last);
                for (uint64_t k = due.first; due.each && k <= due.last; k++) {
                        fire_once(e, task, &schedule, k, k);
                        if (e->work == 0 || several)
                                break;
                        if (k < due.last)
                                e->work--;
                }
        }
        timer_fired(e, task);
}

void timer_fire_due(Engine *e)
{
        while (e->work > 0 && timer_is_due(e)) {
                e->work--;
                fire_task(e, task_get(e, trigger_first_due(e, &e->timers)));
        }
        dates_fire_due(e);
}

bool timer_is_due(const Engine *e)
{
        return e->timers.n > 0 && e->timers.keys[0] <= e->now.boot_usec;
}

void timer_clock_stepped(Engine *e)
{
        e->derived_boot_usec = e->now.boot_usec;
        e->derived_real_usec = e->now.real_usec;
        /* Those of this boot get the key that they have, and one that was put off may be due a little early. */
        heap_rekey_all(&e->timers, key_of);
        e->wake_task = 0;
        dates_derive(e);
}

void timer_update_wake(Engine *e)
{
        uint32_t position;

        if (e->timers.n == 0 || timer_is_due(e)) {
                e->wake_boot_usec = e->timers.n == 0 ? USEC_INFINITY : 0;
                e->wake_task = 0;
                return;
        }
        if (!e->wake_task) {
                position = heap_find_latest(&e->timers, latest_of, &e->wake_latest_usec);
                e->wake_task = e->timers.values[position];
        }
        position = task_get(e, e->wake_task)->timer;
        e->wake_boot_usec = schedule_wake(e->timers.keys[position], e->wake_latest_usec, e->config.host_hash);
}
