/* SPDX-License-Identifier: MIT */

/* Acceptance of firings: docs/semantics.md, section 4. */

#include "engine/parts.h"

Details *firing_take_details(Engine *e)
{
        Details *details = TAKE_PTR(e->spare.details);

        if (details)
                details->refs = 1;
        return details;
}

static Details *ref_details(Details *details)
{
        if (details)
                details->refs++;
        return details;
}

void firing_unref_details(Details *details)
{
        if (details && --details->refs == 0)
                free(details);
}

Undo firing_undo(const Engine *e, Task *trigger)
{
        return (Undo){
                .anchor_boot_usec = trigger->anchor_boot_usec,
                .anchor_real_usec = trigger->anchor_real_usec,
                .last_number = trigger_task(e, trigger)->last_number,
                .foreign = trigger->foreign,
                .place = (uint8_t)trigger->place,
        };
}

Run *firing_new_run(Engine *e, Task *task)
{
        Run *run = pool_take(&e->runs);

        run->task = task;
        run->count = 1;
        run->order = ++e->last_order;
        run->accepted_real_usec = run->since_real_usec = e->now.real_usec;
        run->expires_boot_usec = run->deadline_boot_usec = USEC_INFINITY;
        run->answer_mono_usec = run->limit_mono_usec = run->grace_mono_usec = USEC_INFINITY;
        run->boot_alarm.kind = run->mono_alarm.kind = ALARM_RUN;
        list_init(&run->task_node);
        list_init(&run->live_node);
        list_init(&run->server_node);
        list_init(&run->dirty_node);
        list_init(&run->commit_node);
        return run;
}

static uint64_t next_number(Task *task, uint64_t at_least)
{
        uint64_t number = task->last_number + 1;

        if (number < at_least)
                number = at_least;
        task->last_number = number;
        task->state_dirty = true;
        return number;
}

void firing_set_number(Engine *e, Run *run, uint64_t number)
{
        uint64_t hash;

        if (run->number)
                map_remove(&e->runs_by_id, &run->node);
        run->number = number;
        run->id = engine_run_id(run->task->id, number);
        memcpy(&hash, run->id.bytes, sizeof hash);
        map_insert(&e->runs_by_id, &run->node, hash);
}

bool firing_has_live(const Extra *extra)
{
        if (!extra)
                return false;
        if (extra->n_live > 0)
                return true;
        list_for_each(i, &extra->queue)
                if (list_entry(i, Run, task_node)->attempts > 0)
                        return true;
        return false;
}

/* Whether the details of such a trigger are its own: an argument, a message, the paths that have changed. */
static bool has_own_details(const Task *trigger)
{
        return trigger_is_requested((int)trigger->kind) || trigger->kind == TRIGGER_CUSTOM_SYSTEM_EVENT ||
               trigger->kind == TRIGGER_PUSH_NOTIFICATION || trigger_collects((int)trigger->kind);
}

/* 4.4: firings of different triggers are one if none of them has something to tell. */
static bool goes_with(const Engine *e, const Run *run, const Firing *firing)
{
        const Task *trigger = trigger_of_run(e, run);

        if (firing->fired_by == FIRED_BY_MANUAL || !ending_is_of_trigger(run) || trigger == firing->trigger)
                return true;
        return !has_own_details(trigger) && !has_own_details(firing->trigger);
}

/* The pending firing that another one merges with: the newest that was not attempted. */
static Run *pending_of(const Engine *e, const Extra *extra, const Firing *firing)
{
        Run *found = NULL;

        if (!extra)
                return NULL;
        list_for_each(i, &extra->queue) {
                Run *run = list_entry(i, Run, task_node);

                if (run->attempts == 0 && goes_with(e, run, firing))
                        found = run;
        }
        return found;
}

static Run *queue(Engine *e, Task *task, const Firing *firing)
{
        const Options *options = spec_options(e, task);
        Run *run = firing_new_run(e, task);
        Extra *extra = task_need_extra(e, task);

        run->fired_by = firing->fired_by;
        run->trigger = (uint8_t)firing->trigger->place;
        run->forced = firing->forced;
        run->scheduled_real_usec = firing->scheduled_real_usec;
        run->first_scheduled_real_usec = firing->first_scheduled_real_usec;
        run->count = firing->count;
        run->details = ref_details(firing->details);
        if (options->expires_usec)
                run->expires_boot_usec = usec_add(e->now.boot_usec, options->expires_usec);
        if (options->deadline_usec)
                run->deadline_boot_usec = usec_add(e->now.boot_usec, options->deadline_usec);
        firing_set_number(e, run, next_number(task, firing->number));
        run->undo = firing->undo;
        run->has_undo = true;
        list_append(&extra->queue, &run->task_node);
        extra->n_queue++;
        e->n_pending++;
        run_arm(e, run);
        commit_touch(e, run);
        gate_kick(e, task);
        return run;
}

static bool has_path(const uint8_t *paths, size_t n, const char *path)
{
        size_t length = strlen(path) + 1;

        for (size_t at = 0; at < n; at += strlen((const char *)paths + at) + 1)
                if (n - at >= length && memcmp(paths + at, path, length) == 0)
                        return true;
        return false;
}

/* "Everything may have changed" is one empty path. */
static bool is_everything(const Details *details)
{
        return details->n == 1;
}

/* What a trigger of another kind left, that an update has replaced, is none. */
static bool is_list(const Details *details)
{
        return details->n > 0 && details->data[details->n - 1] == '\0';
}

/*
 * The paths of both, each once. What gets too long, and what there is no memory for, is everything: a task then looks
 * at more than it needs, and at nothing less. NULL stands for everything that could not even be written down.
 */
static Details *unite_paths(Details *old, Details *new)
{
        Details *both;

        if ((old && !is_list(old)) || (new && !is_list(new)))
                return ref_details(new);
        if (!old || is_everything(old))
                return ref_details(old);
        if (!new || is_everything(new) || old->n + new->n > FILES_DETAILS_MAX)
                return ref_details(new && is_everything(new) ? new : NULL);
        both = malloc(sizeof *both + old->n + new->n);
        if (!both)
                return NULL;
        *both = (Details){ .refs = 1, .n = old->n };
        memcpy(both->data, old->data, old->n);
        for (size_t at = 0; at < new->n; at += strlen((const char *)new->data + at) + 1) {
                const char *path = (const char *)new->data + at;

                if (has_path(both->data, both->n, path))
                        continue;
                memcpy(both->data + both->n, path, strlen(path) + 1);
                both->n += strlen(path) + 1;
        }
        return both;
}

static void merge_details(const Task *trigger, Run *run, Details *details)
{
        Details *merged = trigger_collects((int)trigger->kind) ? unite_paths(run->details, details)
                                                               : ref_details(details);

        firing_unref_details(run->details);
        run->details = merged;
}

/* Table 4.4. */
static Accepted merge(Engine *e, Task *task, Run *run, const Firing *firing)
{
        if (firing->fired_by == FIRED_BY_REQUEST)
                return ACCEPTED_NOT_OVERLAP;
        if (firing->fired_by == FIRED_BY_MANUAL) {
                run->forced |= firing->forced;
        } else {
                /* What another trigger or a newer firing has changed would not be taken back with this one. */
                if (run->undo.place != firing->trigger->place || run->number != task->last_number)
                        run->has_undo = false;
                run->trigger = (uint8_t)firing->trigger->place;
                run->count = (uint32_t)MIN((uint64_t)run->count + firing->count, (uint64_t)UINT32_MAX);
                run->scheduled_real_usec = firing->scheduled_real_usec;
                if (!run->first_scheduled_real_usec)
                        run->first_scheduled_real_usec = firing->first_scheduled_real_usec;
                next_number(task, firing->number);
                if (run->fired_by != FIRED_BY_MANUAL) {
                        run->fired_by = firing->fired_by;
                        merge_details(firing->trigger, run, firing->details);
                        firing_set_number(e, run, task->last_number);
                }
        }
        commit_touch(e, run);
        gate_kick(e, task);
        return ACCEPTED_MERGED;
}

static Accepted queue_or_merge(Engine *e, Task *task, const Firing *firing, Run *pending, Run **ret_run)
{
        if (pending) {
                *ret_run = pending;
                return merge(e, task, pending, firing);
        }
        *ret_run = queue(e, task, firing);
        return ACCEPTED_QUEUED;
}

static void cancel_others(Engine *e, Extra *extra)
{
        list_for_each_safe(i, &extra->live)
                run_dispatch(e, list_entry(i, Run, task_node), RUN_CANCEL, (RunArgs){ .reason = REASON_REPLACED });
        /* One that waits for a retry counts as live. */
        list_for_each_safe(i, &extra->queue) {
                Run *run = list_entry(i, Run, task_node);

                if (run->attempts > 0)
                        run_dispatch(e, run, RUN_CANCEL, (RunArgs){ .reason = REASON_REPLACED });
        }
}

Accepted firing_accept(Engine *e, Task *task, const Firing *firing, Run **ret_run)
{
        Extra *extra = task_extra(e, task);
        Run *pending = pending_of(e, extra, firing);
        bool live = firing_has_live(extra);
        Accepted accepted;

        switch (spec_overlap(task, firing->trigger)) {
        case OVERLAP_BUFFER_ONE:
                return queue_or_merge(e, task, firing, pending, ret_run);
        case OVERLAP_CANCEL_OTHER:
                accepted = queue_or_merge(e, task, firing, pending, ret_run);
                if (live && accepted != ACCEPTED_NOT_OVERLAP)
                        cancel_others(e, task_extra(e, task));
                return accepted;
        case OVERLAP_BUFFER_ALL:
        case OVERLAP_PARALLEL:
                if (extra && extra->n_queue >= e->config.limits.pending_per_task)
                        return ACCEPTED_NOT_QUOTA;
                *ret_run = queue(e, task, firing);
                return ACCEPTED_QUEUED;
        default:
                if (live)
                        return ACCEPTED_NOT_OVERLAP;
                return queue_or_merge(e, task, firing, pending, ret_run);
        }
}

void firing_record(Engine *e, Task *task, const Firing *firing, uint8_t outcome, uint8_t detail)
{
        Run *run = firing_new_run(e, task);
        Extra *extra = task_need_extra(e, task);

        run->fired_by = firing->fired_by;
        run->trigger = (uint8_t)firing->trigger->place;
        run->scheduled_real_usec = firing->scheduled_real_usec;
        run->first_scheduled_real_usec = firing->first_scheduled_real_usec;
        run->count = firing->count;
        firing_set_number(e, run, next_number(task, firing->number));
        list_append(&extra->queue, &run->task_node);
        extra->n_queue++;
        e->n_pending++;
        ending_finish(e, run, outcome, REASON_ABORT, detail, 0);
}

void firing_skip(Engine *e, Task *task, const Firing *firing)
{
        task->skip_next = false;
        firing_record(e, task, firing, OUTCOME_NOT_STARTED, DETAIL_SKIPPED);
        effect_notify(e, NOTIFY_CHANGED, task);
}

/* The answer waits until the firing is stored; one to a request also comes when its server is being started. */
static void answer_later(Engine *e, Run *run, uint64_t token, bool stored)
{
        Reply *reply;

        if (!token)
                return;
        reply = pool_take(&e->replies);
        reply->token = token;
        reply->stored = stored;
        reply->next = run->replies;
        run->replies = reply;
}

static void answer_firing(Engine *e, uint64_t token, const TaskArgs *args, bool stored)
{
        switch (args->accepted) {
        case ACCEPTED_QUEUED:
        case ACCEPTED_MERGED:
                answer_later(e, args->run, token, stored);
                break;
        case ACCEPTED_NOT_OVERLAP:
                effect_reply_result(e, token, ERROR_CURRENTLY_RUNNING, RESULT_CURRENTLY_RUNNING, UUID_NULL);
                break;
        case ACCEPTED_NOT_QUOTA:
                effect_reply_result(e, token, ERROR_QUOTA_EXCEEDED, RESULT_DISABLED_BY_POLICY, UUID_NULL);
                if (token)
                        e->effects->items[e->effects->n_items - 1].reply.limit = 2;
                break;
        case ACCEPTED_NOT_FIRED:
                effect_reply_result(e, token, ERROR_NO_SUCH_TASK, RESULT_UNKNOWN_ERROR, UUID_NULL);
                break;
        }
}

static void answer_event(Engine *e, uint64_t *token, const TaskArgs *args)
{
        /* Another one may listen, too. */
        if (args->accepted == ACCEPTED_NOT_FIRED)
                return;
        answer_firing(e, *token, args, true);
        *token = 0;
}

void firing_event(Engine *e, Task *trigger, Details *details, uint64_t *token)
{
        Task *task = trigger_task(e, trigger);
        Firing firing = {
                .trigger = trigger,
                .fired_by = FIRED_BY_EVENT,
                .count = 1,
                .details = details,
                .undo = firing_undo(e, trigger),
        };
        TaskArgs args = { .firing = &firing };

        if (trigger_is_spent(e, task) || (spec_is_once_per_boot(trigger) && !trigger->foreign))
                return;
        if (task->state == TASK_REGISTERED || task->state == TASK_UPDATING) {
                timer_anchor_now(e, trigger);
                if (task->skip_next) {
                        firing_skip(e, task, &firing);
                        effect_reply_result(e, *token, ERROR_NONE, RESULT_ALLOWED, UUID_NULL);
                        *token = 0;
                        return;
                }
        }
        task_dispatch(e, task, TASK_FIRE, &args);
        answer_event(e, token, &args);
        if (args.accepted == ACCEPTED_NOT_OVERLAP)
                firing_record(e, task, &firing, OUTCOME_NOT_STARTED, DETAIL_OVERLAP);
        else if (args.accepted == ACCEPTED_NOT_QUOTA)
                firing_record(e, task, &firing, OUTCOME_NOT_STARTED, DETAIL_QUOTA);
        if (trigger->one_shot)
                trigger_rest_all(e, task);
}

void firing_request(Engine *e, const Event *event)
{
        Task *task = task_find(e, event->task.task);
        bool manual = event->type == EVENT_RUN_NOW;
        Task *trigger = task && !manual ? trigger_of_requests(e, task) : task;
        Firing firing = { .trigger = trigger, .fired_by = manual ? FIRED_BY_MANUAL : FIRED_BY_REQUEST, .count = 1 };
        TaskArgs args = { .firing = &firing };
        uint64_t since;

        if (!task || task->state == TASK_REGISTERING || (!manual && trigger_is_spent(e, task))) {
                effect_reply_result(e, event->token, ERROR_NO_SUCH_TASK, RESULT_UNKNOWN_ERROR, UUID_NULL);
                return;
        }
        if (!trigger) {
                effect_reply_result(e, event->token, ERROR_INVALID_ARGUMENT, RESULT_UNKNOWN_ERROR, UUID_NULL);
                return;
        }
        if (!manual && (task->paused || task_package(e, task)->paused)) {
                effect_reply_result(e, event->token, ERROR_PAUSED, RESULT_DISABLED_BY_POLICY, UUID_NULL);
                return;
        }
        if (!manual && trigger_is_of_device(trigger->kind) &&
            engine_get_level(e, CONDITION_BATTERY_NOT_LOW, &since) == 0) {
                effect_reply_result(e, event->token, ERROR_NONE, RESULT_LOW_BATTERY, UUID_NULL);
                return;
        }
        firing.forced = manual && event->task.forced;
        firing.details = firing_take_details(e);
        firing.undo = firing_undo(e, trigger);
        task_dispatch(e, task, TASK_FIRE, &args);
        if (!manual && args.accepted == ACCEPTED_QUEUED) {
                timer_anchor_now(e, trigger);
                if (trigger->one_shot)
                        trigger_rest_all(e, task);
        }
        firing_unref_details(firing.details);
        answer_firing(e, event->token, &args, false);
}

void firing_forget(Engine *e, Run *run, int error)
{
        Task *task = run->task;
        Extra *extra = task_extra(e, task);
        Task *trigger = trigger_get(e, task, run->undo.place);
        bool again = trigger->anchor_real_usec != run->undo.anchor_real_usec;

        run_answer(e, run, error);
        trigger->anchor_boot_usec = run->undo.anchor_boot_usec;
        trigger->anchor_real_usec = run->undo.anchor_real_usec;
        trigger->foreign = run->undo.foreign;
        task->last_number = run->undo.last_number;
        /* Another commit may have stored what is taken back here: a crash would skip that time. */
        task->state_dirty = task->state != TASK_GONE;
        if (task->state_dirty)
                commit_state(e, task);
        gate_leave(e, run);
        list_remove(&run->task_node);
        extra->n_queue--;
        e->n_pending--;
        ending_free_run(e, run);
        if (task->state == TASK_REGISTERED || task->state == TASK_UPDATING) {
                /* One that was put off before stays so. */
                if (spec_is_timer(trigger) && again)
                        timer_arm(e, trigger, REWRITE_USEC);
                trigger_arm_all(e, task);
        }
        gate_kick(e, task);
        task_drop_extra(e, task);
}
