/* SPDX-License-Identifier: MIT */

/* The table of registrations: docs/semantics.md, 2.4, and the life of a Task and its Extra. */

#include "engine/parts.h"

Task *task_get(const Engine *e, uint32_t index)
{
        return slab_get(&e->tasks, index);
}

Task *task_find(const Engine *e, Uuid id)
{
        return uuid_is_null(id) ? NULL : task_get(e, ids_find(&e->ids, id));
}

Extra *task_extra(const Engine *e, const Task *task)
{
        return slab_get(&e->extras, task->extra);
}

Extra *task_need_extra(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);

        if (extra)
                return extra;
        extra = slab_take(&e->extras, &task->extra);
        extra->index = task->extra;
        extra->task = task;
        list_init(&extra->same);
        list_init(&extra->outlived_node);
        list_init(&extra->state_node);
        list_init(&extra->queue);
        list_init(&extra->live);
        list_init(&extra->ended);
        list_init(&extra->waiters);
        return extra;
}

void task_drop_extra(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);

        if (!extra || extra->has_options || extra->committing || extra->shadow || extra->further ||
            extra->paused_real_usec || list_is_linked(&extra->state_node) ||
            !list_is_empty(&extra->same) || !list_is_empty(&extra->queue) || !list_is_empty(&extra->live) ||
            !list_is_empty(&extra->ended) || !list_is_empty(&extra->waiters))
                return;
        slab_give(&e->extras, task->extra);
        task->extra = 0;
}

Class *task_class(const Engine *e, const Task *task)
{
        return slab_get(&e->classes, task->class_);
}

Package *task_package(const Engine *e, const Task *task)
{
        return task_class(e, task)->package;
}

Task *task_take(Engine *e, Class *class_)
{
        uint32_t index;
        Task *task = slab_take(&e->tasks, &index);

        task->index = index;
        task->class_ = class_->index;
        task->timer = HEAP_NONE;
        task->state = TASK_REGISTERING;
        class_->n_tasks++;
        return task;
}

void task_set_state(Engine *e, Task *task, TaskState state, uint64_t commit)
{
        Extra *extra = task_need_extra(e, task);
        Package *package = task_package(e, task);
        bool committing = state != TASK_REGISTERED && state != TASK_GONE;

        task->state = state;
        extra->commit = commit;
        extra->since_real_usec = e->now.real_usec;
        if (committing && !extra->committing) {
                map_insert(&e->committing, &extra->committing_node,
                           names_hash(e, package, spec_name(task)));
                package->n_committing++;
        } else if (!committing && extra->committing) {
                map_remove(&e->committing, &extra->committing_node);
                package->n_committing--;
                request_wake(e, &extra->waiters);
                if (package->n_committing == 0)
                        request_wake(e, &package->waiters);
        }
        extra->committing = committing;
}

static void leave(Engine *e, Task *task)
{
        trigger_deaf_all(e, task);
        trigger_unref_topics(e, task);
}

/* Its row, and the one that is on its way, unless it is the row of that number. */
static void drop_rows(Engine *e, Commit *commit, const Run *run, uint64_t but)
{
        if (run->stored_number && run->stored_number != but)
                effect_store_pending_gone(e, commit, run->task, run->stored_number);
        if (run->commit && run->writing_number && run->writing_number != but &&
            run->writing_number != run->stored_number)
                effect_store_pending_gone(e, commit, run->task, run->writing_number);
}

/* The ends of what waits, and the rows of what is alive, in the commit that takes the registration away. */
static void store_queue_gone(Engine *e, Task *task, Commit *commit, uint8_t reason, bool outlived)
{
        list_for_each(i, &task_extra(e, task)->queue) {
                Run *run = list_entry(i, Run, task_node);
                /* Whichever was looked at first. */
                bool expired = run->expires_boot_usec <= e->now.boot_usec;

                run->outcome = expired ? OUTCOME_EXPIRED : OUTCOME_CANCELED;
                run->reason = expired ? REASON_ABORT : reason;
                run->detail = DETAIL_NONE;
                run->ended_real_usec = e->now.real_usec;
                run->recorded = true;
                run_arm(e, run);
                effect_store_run(e, commit, run);
                if (outlived)
                        drop_rows(e, commit, run, 0);
        }
}

static void keep_rows(Engine *e, Commit *commit, ListNode *runs)
{
        list_for_each(i, runs) {
                Run *run = list_entry(i, Run, task_node);

                /* An outcome that is on its way, or in this commit, takes its row along. */
                if (run->state == RUN_ENDED && (run->commit || run->removes_task))
                        continue;
                drop_rows(e, commit, run, run->number);
                effect_store_pending(e, commit, run);
                run->kept = true;
        }
}

static bool is_outlived(const Extra *extra)
{
        if (!list_is_empty(&extra->live))
                return true;
        list_for_each(i, &extra->ended)
                if (!list_entry(i, Run, task_node)->removes_task)
                        return true;
        return false;
}

void task_store_gone(Engine *e, Task *task, Commit *commit, uint8_t reason)
{
        Extra *extra = task_extra(e, task);
        bool outlived = extra && is_outlived(extra);

        if (!outlived)
                effect_store(e, EFFECT_STORE_TASK_GONE, commit)->store.task_gone = task->id;
        if (!extra)
                return;
        extra->outlived = outlived;
        store_queue_gone(e, task, commit, reason, outlived);
        if (!outlived)
                return;
        effect_store_unregistered(e, commit, task);
        keep_rows(e, commit, &extra->live);
        keep_rows(e, commit, &extra->ended);
}

/* The answer about the rows of keep_rows(). */
static void rows_kept(Engine *e, Task *task, bool stored)
{
        Extra *extra = task_extra(e, task);
        /* One that was alive then may have to be tried again. */
        ListNode *const lists[] = { &extra->queue, &extra->live, &extra->ended };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                list_for_each(k, lists[i]) {
                        Run *run = list_entry(k, Run, task_node);

                        /* A commit before this one may be answered later: its row has gone since. */
                        if (run->kept && stored)
                                run->stored_number = run->writing_number = run->number;
                        run->kept = false;
                }
        extra->outlived = extra->outlived && stored;
}

void task_forget(Engine *e, Task *task, bool cancel, uint8_t reason)
{
        Extra *extra = task_need_extra(e, task);
        Package *package = task_package(e, task);

        list_for_each_safe(i, &extra->queue)
                ending_finish(e, list_entry(i, Run, task_node), OUTCOME_CANCELED, reason, DETAIL_NONE, 0);
        list_for_each_safe(i, &extra->live)
                if (cancel)
                        run_dispatch(e, list_entry(i, Run, task_node), RUN_CANCEL, (RunArgs){ .reason = reason });
        leave(e, task);
        names_remove(e, task);
        ids_remove(&e->ids, task->index);
        package->n_tasks--;
        effect_notify(e, NOTIFY_UNREGISTERED, task);
        rows_kept(e, task, true);
        task_set_state(e, task, TASK_GONE, 0);
        if (task_class(e, task)->command)
                engine_set_alarm(e, &task_class(e, task)->alarm, false, USEC_INFINITY);
        task_settle(e, task);
        task_release(e, task);
}

void task_settle(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);

        if (!extra)
                return;
        list_for_each_safe(i, &extra->ended) {
                Run *run = list_entry(i, Run, task_node);

                if (!run->held)
                        continue;
                run->held = false;
                run->removes_task = run->last && task->state == TASK_REGISTERED && trigger_ends_task(e, run);
                if (run->removes_task) {
                        trigger_disarm_all(e, task);
                        task_set_state(e, task, TASK_UNREGISTERING, 0);
                }
                commit_touch(e, run);
        }
}

void task_release(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);

        if (task->state != TASK_GONE)
                return;
        if (extra) {
                if (!list_is_empty(&extra->queue) || !list_is_empty(&extra->live) || !list_is_empty(&extra->ended))
                        return;
                if (extra->outlived)
                        effect_store(e, EFFECT_STORE_TASK_GONE, commit_batch(e))->store.task_gone = task->id;
                trigger_drop(e, task);
                extra->has_options = extra->outlived = false;
                extra->paused_real_usec = 0;
                list_remove(&extra->outlived_node);
                list_remove(&extra->state_node);
                task_drop_extra(e, task);
        }
        condition_discount_needs(e, task);
        task->timer = e->dead_task;
        e->dead_task = task->index;
}

void task_bury(Engine *e)
{
        while (e->dead_task) {
                Task *task = task_get(e, e->dead_task);
                Class *class_ = task_class(e, task);

                e->dead_task = task->timer;
                if (class_) {
                        spec_free_text(task);
                        class_->n_tasks--;
                        class_drop(e, class_);
                }
                slab_give(&e->tasks, task->index);
        }
        trigger_bury(e);
}

static void drop_shadow(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);
        Task *shadow = task_get(e, extra->shadow);

        trigger_unref_topics(e, shadow);
        trigger_drop(e, shadow);
        extra->shadow = 0;
        shadow->extra = 0;
        shadow->state = TASK_GONE;
        task_release(e, shadow);
}

/* The new options of an update take the place of the old ones; what identifies the task stays. */
static void apply_update(Engine *e, Task *task, uint64_t number_then)
{
        Extra *extra = task_extra(e, task);
        Task *shadow = task_get(e, extra->shadow), old;
        bool fired = task->last_number != number_then;
        Further *further;

        /* What is found out about the class that it leaves is not found out by its runs. */
        if (shadow->class_ != task->class_)
                list_for_each(i, &extra->live)
                        class_probe_over(e, list_entry(i, Run, task_node));
        /* The anchor that a firing would give back is that of the old options. */
        list_for_each(i, &extra->queue)
                list_entry(i, Run, task_node)->has_undo = false;
        trigger_deaf_all(e, task);
        if (fired)
                trigger_keep_phases(e, task, shadow, false);
        old = *task;
        *task = *shadow;
        task->index = old.index;
        task->extra = old.extra;
        task->last_number = old.last_number;
        task->paused = old.paused;
        task->skip_next = old.skip_next;
        task->state = old.state;
        extra->options = extra->shadow_options;
        extra->has_options = extra->shadow_has_options;
        further = extra->further;
        extra->further = extra->shadow_further;
        extra->shadow_further = further;
        /* The old text and topic live on in the shadow until nothing points to them. */
        old.index = shadow->index;
        *shadow = old;
        drop_shadow(e, task);
        /* The old state may have been written over that of the update. */
        if (fired || extra->state_written)
                task->state_dirty = true;
}

static void registered(Engine *e, Task *task, TaskArgs *args)
{
        effect_reply_id(e, args->commit->token, task->id, false);
        effect_notify(e, NOTIFY_REGISTERED, task);
        task_set_state(e, task, TASK_REGISTERED, 0);
        trigger_enter(e, task);
        task_drop_extra(e, task);
}

/* Undone as if it had never been asked for: nobody was told of it. */
static void not_registered(Engine *e, Task *task, TaskArgs *args)
{
        effect_reply_store(e, args->commit->token, args->error);
        leave(e, task);
        names_remove(e, task);
        ids_remove(&e->ids, task->index);
        task_package(e, task)->n_tasks--;
        task_set_state(e, task, TASK_GONE, 0);
        task_release(e, task);
}

static void bit_changed(Engine *e, Task *task, TaskArgs *args)
{
        if (args->commit->kind == COMMIT_PAUSE) {
                task->paused = args->commit->on;
                task_need_extra(e, task)->paused_real_usec = task->paused ? e->now.real_usec : 0;
        } else if (task_extra(e, task)->state_written) {
                /* The state of a firing was written behind the bit, with the old one. */
                request_store_skip(e, task, args->commit->token, args->commit->on)->again = true;
                return;
        } else {
                task->skip_next = args->commit->on;
        }
        effect_reply(e, args->commit->token, ERROR_NONE);
        effect_notify(e, NOTIFY_CHANGED, task);
        task_set_state(e, task, TASK_REGISTERED, 0);
        gate_kick(e, task);
        task_settle(e, task);
        task_drop_extra(e, task);
}

/* A pause, a skip, and their ends, are updates of one bit. */
static void updated(Engine *e, Task *task, TaskArgs *args)
{
        if (args->commit->kind != COMMIT_UPDATE) {
                bit_changed(e, task, args);
                return;
        }
        apply_update(e, task, args->commit->last_number);
        effect_reply_id(e, args->commit->token, task->id, true);
        effect_notify(e, NOTIFY_CHANGED, task);
        task_set_state(e, task, TASK_REGISTERED, 0);
        trigger_enter(e, task);
        class_look_again(e, task);
        if (task->state_dirty)
                commit_state(e, task);
        gate_kick(e, task);
        task_settle(e, task);
        task_drop_extra(e, task);
}

static void not_updated(Engine *e, Task *task, TaskArgs *args)
{
        effect_reply_store(e, args->commit->token, args->error);
        if (args->commit->kind == COMMIT_UPDATE)
                drop_shadow(e, task);
        /* Its first commit may be what the store has of it, if that of the firing fails. */
        if (args->commit->again)
                commit_state(e, task);
        task_set_state(e, task, TASK_REGISTERED, 0);
        task_settle(e, task);
        task_drop_extra(e, task);
}

static void unregistered(Engine *e, Task *task, TaskArgs *args)
{
        Extra *extra = task_extra(e, task);

        task_forget(e, task, extra->cancel, extra->reason);
}

static void write_what_waited(Engine *e, ListNode *list)
{
        list_for_each(i, list) {
                Run *run = list_entry(i, Run, task_node);

                run->recorded = false;
                run_arm(e, run);
                if (run->dirty)
                        commit_touch(e, run);
        }
}

static void not_unregistered(Engine *e, Task *task, TaskArgs *args)
{
        Extra *extra = task_extra(e, task);

        extra->replaced = false;
        rows_kept(e, task, false);
        task_set_state(e, task, TASK_REGISTERED, 0);
        write_what_waited(e, &extra->queue);
        write_what_waited(e, &extra->live);
        trigger_arm_all(e, task);
        gate_kick(e, task);
        if (task->state_dirty)
                commit_state(e, task);
        task_settle(e, task);
        task_drop_extra(e, task);
}

static void wait_for_commit(Engine *e, Task *task, TaskArgs *args)
{
        request_wait(e, args->event, &task_need_extra(e, task)->waiters);
}

static void wait_in_package(Engine *e, Task *task, TaskArgs *args)
{
        request_wait(e, args->event, &task_package(e, task)->waiters);
}

static void register_again(Engine *e, Task *task, TaskArgs *args)
{
        request_existing(e, task, args->event);
}

static void unregister(Engine *e, Task *task, TaskArgs *args)
{
        request_unregister(e, task, args->event);
}

static void remove_with_package(Engine *e, Task *task, TaskArgs *args)
{
        Extra *extra = task_need_extra(e, task);

        extra->cancel = true;
        extra->reason = REASON_UNINSTALL;
        trigger_disarm_all(e, task);
        task_store_gone(e, task, (Commit *)args->commit, REASON_UNINSTALL);
        task_set_state(e, task, TASK_UNREGISTERING, args->commit->number);
}

static void fire(Engine *e, Task *task, TaskArgs *args)
{
        args->accepted = firing_accept(e, task, args->firing, &args->run);
}

static void not_fired(Engine *e, Task *task, TaskArgs *args)
{
        args->accepted = ACCEPTED_NOT_FIRED;
}

typedef struct TaskCell {
        const char *name;
        void (*handler)(Engine *e, Task *task, TaskArgs *args);
} TaskCell;

#define IMPOSSIBLE { "impossible", NULL }

static const TaskCell cells[][_TASK_EVENT_MAX] = {
        [TASK_REGISTERING] = {
                [TASK_COMMITTED] = { "registered, answer", registered },
                [TASK_COMMIT_FAILED] = { "forgotten, answer the error", not_registered },
                [TASK_REGISTER] = { "waits", wait_for_commit },
                [TASK_FIRE] = { "not fired", not_fired },
                [TASK_UNREGISTER] = { "waits", wait_for_commit },
                [TASK_PACKAGE_REMOVED] = { "waits", wait_in_package },
        },
        [TASK_REGISTERED] = {
                [TASK_COMMITTED] = IMPOSSIBLE,
                [TASK_COMMIT_FAILED] = IMPOSSIBLE,
                [TASK_REGISTER] = { "table 2.2", register_again },
                [TASK_FIRE] = { "table 4", fire },
                [TASK_UNREGISTER] = { "unregistering", unregister },
                [TASK_PACKAGE_REMOVED] = { "unregistering (Uninstall)", remove_with_package },
        },
        [TASK_UPDATING] = {
                [TASK_COMMITTED] = { "registered with the new options, answer", updated },
                [TASK_COMMIT_FAILED] = { "registered with the old options, answer the error", not_updated },
                [TASK_REGISTER] = { "waits", wait_for_commit },
                [TASK_FIRE] = { "table 4, with the old options", fire },
                [TASK_UNREGISTER] = { "waits", wait_for_commit },
                [TASK_PACKAGE_REMOVED] = { "waits", wait_in_package },
        },
        [TASK_UNREGISTERING] = {
                [TASK_COMMITTED] = { "forgotten", unregistered },
                [TASK_COMMIT_FAILED] = { "registered", not_unregistered },
                [TASK_REGISTER] = { "waits", wait_for_commit },
                [TASK_FIRE] = { "not fired", not_fired },
                [TASK_UNREGISTER] = { "waits", wait_for_commit },
                [TASK_PACKAGE_REMOVED] = { "waits", wait_in_package },
        },
};

static_assert(ELEMENTSOF(cells) == _TASK_STATE_MAX, "a row for each state");

void task_dispatch(Engine *e, Task *task, TaskEvent event, TaskArgs *args)
{
        const TaskCell *cell;

        assert(task->state < _TASK_STATE_MAX);
        cell = &cells[task->state][event];
        e->task_visited[task->state] |= 1u << event;
        assert(cell->handler);
        cell->handler(e, task, args);
}

const char *task_cell_name(TaskState state, TaskEvent event)
{
        return cells[state][event].name;
}

const char *task_state_name(TaskState state)
{
        static const char *const names[] = { "registering", "registered", "updating", "unregistering" };

        static_assert(ELEMENTSOF(names) == _TASK_STATE_MAX, "a name for each state");
        return names[state];
}

const char *task_event_name(TaskEvent event)
{
        static const char *const names[] = {
                "commit succeeded", "commit failed", "register (same name)", "fire", "unregister", "package removed",
        };

        static_assert(ELEMENTSOF(names) == _TASK_EVENT_MAX, "a name for each event");
        return names[event];
}
