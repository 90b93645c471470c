/* SPDX-License-Identifier: MIT */

/*
 * What is written, and what happens when it is not: docs/semantics.md, section 12. The rows of all runs that an event
 * touched go into one commit at its end; a run is in at most one commit at a time and waits for its answer before it
 * is written again.
 */

#include "engine/parts.h"

/* Runs written per event, and states without a run. */
#define FLUSH_MAX (2 * WORK_MAX)
#define STATES_MAX 4

Commit *commit_new(Engine *e, CommitKind kind, uint64_t token)
{
        Commit *commit = pool_take(&e->commits);

        commit->number = ++e->last_commit;
        commit->kind = kind;
        commit->token = token;
        list_init(&commit->runs);
        list_init(&commit->states);
        map_insert(&e->commits_by_number, &commit->node, commit->number);
        e->n_commits++;
        return commit;
}

Commit *commit_batch(Engine *e)
{
        if (!e->batch)
                e->batch = commit_new(e, COMMIT_RUNS, 0);
        return e->batch;
}

Commit *commit_find(const Engine *e, uint64_t number)
{
        MapNode *node = map_find(&e->commits_by_number, number);

        return node ? CONTAINER_OF(node, Commit, node) : NULL;
}

/* Once the store was asked to forget the registration, nothing but outcomes may follow: a row would be nobody's. */
static bool may_be_written(const Run *run)
{
        return run->state == RUN_ENDED || run->task->state < TASK_UNREGISTERING;
}

void commit_touch(Engine *e, Run *run)
{
        run->dirty = true;
        if (run->unstored) {
                run->unstored = false;
                e->n_unstored--;
                list_remove(&run->dirty_node);
        }
        if (run->commit || run->recorded || run->held)
                return;
        if (may_be_written(run) && !list_is_linked(&run->dirty_node))
                list_append(&e->dirty, &run->dirty_node);
}

void commit_state(Engine *e, Task *task)
{
        Extra *extra = task_need_extra(e, task);

        list_remove(&extra->state_node);
        list_append(&e->states, &extra->state_node);
}

static void write_state(Engine *e, Commit *commit, Task *task)
{
        effect_store_task(e, EFFECT_STORE_TASK_STATE, commit, task);
        task->state_dirty = false;
        if (task->state == TASK_UPDATING)
                task_extra(e, task)->state_written = true;
}

/* Of one that is unregistering it is written when that has failed. */
static void write_states(Engine *e)
{
        for (size_t n = STATES_MAX; n > 0 && !list_is_empty(&e->states); n--) {
                Extra *extra = list_entry(e->states.next, Extra, state_node);
                Commit *commit;

                list_remove(&extra->state_node);
                if (extra->task->state >= TASK_UNREGISTERING) {
                        extra->task->state_dirty = extra->task->state == TASK_UNREGISTERING;
                        continue;
                }
                commit = commit_batch(e);
                write_state(e, commit, extra->task);
                list_append(&commit->states, &extra->state_node);
        }
}

static void write_ended(Engine *e, Commit *commit, Run *run)
{
        Task *task = run->task;

        effect_store_run(e, commit, run);
        if (run->removes_task && task->state != TASK_GONE) {
                task_store_gone(e, task, commit, REASON_ABORT);
                if (!task_extra(e, task)->outlived)
                        return;
        }
        if (run->stored_number || run->kept)
                effect_store_pending_gone(e, commit, task, run->kept ? run->number : run->stored_number);
}

/*
 * 8.1 tells by the last number that an outcome was stored. The commit that was to tell of this one may fail, unless
 * the firing's own row went with it.
 */
static bool needs_state(const Run *run)
{
        return run->task->state_dirty || (run->state == RUN_ENDED && run->stored_number != run->number);
}

static void write_run(Engine *e, Run *run)
{
        Task *task = run->task;
        Commit *commit;

        list_remove(&run->dirty_node);
        if (!may_be_written(run) || run->held)
                return;
        /* An outcome whose number the store may not know waits for what becomes of its task. */
        if (run->state == RUN_ENDED && task->state == TASK_UNREGISTERING && !run->removes_task &&
            needs_state(run)) {
                run->held = true;
                return;
        }
        commit = commit_batch(e);
        if (run->state == RUN_ENDED) {
                write_ended(e, commit, run);
                run->writing_number = 0;
        } else {
                if (run->stored_number && run->stored_number != run->number)
                        effect_store_pending_gone(e, commit, task, run->stored_number);
                effect_store_pending(e, commit, run);
                run->writing_number = run->number;
        }
        if (needs_state(run) && task->state < TASK_UNREGISTERING)
                write_state(e, commit, task);
        run->dirty = false;
        run->commit = commit->number;
        list_append(&commit->runs, &run->commit_node);
        commit->n_runs++;
}

static void write_levels(Engine *e)
{
        Commit *commit;

        if (!e->levels_dirty)
                return;
        e->levels_dirty = false;
        for (unsigned c = 0; c < CONDITION_MAX; c++) {
                Effect *effect;

                if (!e->levels[c].dirty)
                        continue;
                commit = commit_batch(e);
                effect = effect_store(e, EFFECT_STORE_LEVEL, commit);
                effect->store.level.condition = (uint8_t)c;
                effect->store.level.level = e->levels[c].stored;
                e->levels[c].dirty = false;
                commit->levels |= CONDITION_BIT(c);
        }
}

static bool has_dirty_level(const Engine *e)
{
        for (unsigned c = 0; c < CONDITION_MAX; c++)
                if (e->levels[c].dirty)
                        return true;
        return false;
}

/* Up to n of those whose turn it is: what fails again goes to the end of the list and waits for the next time. */
static void write_again(Engine *e, size_t n)
{
        e->levels_dirty |= has_dirty_level(e);
        while (!list_is_empty(&e->unstored_states))
                commit_state(e, list_entry(e->unstored_states.next, Extra, state_node)->task);
        for (n = MIN(n, (size_t)e->n_rewrite); n > 0 && !list_is_empty(&e->unstored); n--, e->n_rewrite--)
                commit_touch(e, list_entry(e->unstored.next, Run, dirty_node));
        if (list_is_empty(&e->unstored))
                e->n_rewrite = 0;
}

static void write_dirty(Engine *e, size_t n)
{
        for (; n > 0 && !list_is_empty(&e->dirty); n--)
                write_run(e, list_entry(e->dirty.next, Run, dirty_node));
        write_states(e);
        /* An edge is stored with the last of its firings. */
        if (list_is_empty(&e->raises))
                write_levels(e);
}

void commit_flush(Engine *e)
{
        if (e->rewrite_boot_usec <= e->now.boot_usec) {
                e->rewrite_boot_usec = USEC_INFINITY;
                e->n_rewrite = e->n_unstored;
                write_again(e, WORK_MAX);
        } else if (e->n_rewrite > 0) {
                write_again(e, WORK_MAX);
        }
        write_dirty(e, FLUSH_MAX);
        /* What could not be written goes along with the next commit. */
        if (e->last_commit != e->commits_before && e->rewrite_boot_usec != USEC_INFINITY && e->n_rewrite == 0) {
                e->n_rewrite = e->n_unstored;
                write_again(e, WORK_MAX);
                e->n_rewrite = 0;
                write_dirty(e, WORK_MAX);
                if (list_is_empty(&e->unstored) && !has_dirty_level(e))
                        e->rewrite_boot_usec = USEC_INFINITY;
        }
        e->batch = NULL;
}

bool commit_has_work(const Engine *e)
{
        return !list_is_empty(&e->dirty) || !list_is_empty(&e->states) || e->n_rewrite > 0;
}

void commit_forget_run(Engine *e, Run *run)
{
        if (run->unstored)
                e->n_unstored--;
        run->unstored = false;
        list_remove(&run->dirty_node);
        if (run->commit) {
                Commit *commit = commit_find(e, run->commit);

                if (commit)
                        commit->n_runs--;
                list_remove(&run->commit_node);
        }
        run->commit = 0;
}

static void run_stored(Engine *e, Run *run)
{
        run->stored_number = run->writing_number;
        run->has_undo = false;
        /* What was merged into it meanwhile is not in the store yet. */
        if (run->dirty)
                run_answer_early(e, run);
        else
                run_answer(e, run, 0);
        if (run->state == RUN_ENDED && !run->dirty) {
                Task *task = run->task;
                bool removes = run->removes_task;

                ending_stored(e, run);
                if (removes && task->state != TASK_GONE)
                        task_forget(e, task, false, REASON_ABORT);
                return;
        }
        /* The entry goes when the store knows the last attempt, or the end: else its number would be given again. */
        if (run->dirty)
                commit_touch(e, run);
        else if (run->ledger_over)
                ending_drop_ledger(e, run);
}

static void rewrite_later(Engine *e)
{
        e->rewrite_boot_usec = MIN(e->rewrite_boot_usec, usec_add(e->now.boot_usec, REWRITE_USEC));
}

static void keep_unstored(Engine *e, Run *run)
{
        if (!run->unstored) {
                run->unstored = true;
                e->n_unstored++;
                list_remove(&run->dirty_node);
                list_append(&e->unstored, &run->dirty_node);
        }
        run->task->state_dirty = run->task->state != TASK_GONE;
        rewrite_later(e);
}

static void run_not_stored(Engine *e, Run *run, int error)
{
        /* Only the newest firing can be taken back: later ones count from it. */
        if (run->has_undo && run->state == RUN_PENDING && run->attempts == 0 && run->stored_number == 0 &&
            run->task->last_number == run->number) {
                firing_forget(e, run, error);
                return;
        }
        run->dirty = true;
        run->has_undo = false;
        keep_unstored(e, run);
}

static void states_answered(Engine *e, Commit *commit, int error)
{
        while (!list_is_empty(&commit->states)) {
                Extra *extra = list_entry(commit->states.next, Extra, state_node);

                list_remove(&extra->state_node);
                if (error < 0) {
                        extra->task->state_dirty = true;
                        list_append(&e->unstored_states, &extra->state_node);
                        rewrite_later(e);
                } else {
                        task_drop_extra(e, extra->task);
                }
        }
}

static void runs_answered(Engine *e, Commit *commit, int error)
{
        /* From the newest to the oldest if they failed, so that each can be taken back. */
        while (!list_is_empty(&commit->runs)) {
                Run *run = list_entry(error < 0 ? commit->runs.prev : commit->runs.next, Run, commit_node);

                list_remove(&run->commit_node);
                run->commit = 0;
                if (error < 0)
                        run_not_stored(e, run, error);
                else
                        run_stored(e, run);
        }
        states_answered(e, commit, error);
        for (unsigned c = 0; error < 0 && c < CONDITION_MAX; c++)
                if (commit->levels & CONDITION_BIT(c)) {
                        e->levels[c].dirty = true;
                        rewrite_later(e);
                }
}

static void replaced_answered(Engine *e, Commit *commit, TaskEvent event, TaskArgs *args)
{
        Task *task = commit->task, *next = names_next(e, task);

        while (next != commit->task) {
                Extra *extra = task_extra(e, next);

                task = next;
                next = names_next(e, task);
                if (extra->replaced && extra->commit == commit->number)
                        task_dispatch(e, task, event, args);
        }
}

static void unregister_answered(Engine *e, Commit *commit, TaskEvent event, TaskArgs *args)
{
        task_dispatch(e, commit->task, event, args);
        if (args->error < 0)
                effect_reply_store(e, commit->token, args->error);
        else
                effect_reply(e, commit->token, ERROR_NONE);
}

void commit_answer(Engine *e, const Event *event)
{
        Commit *commit = commit_find(e, event->committed.commit);
        int error = event->committed.error;
        TaskEvent outcome = error < 0 ? TASK_COMMIT_FAILED : TASK_COMMITTED;
        TaskArgs args = { .error = error, .commit = commit };

        if (!commit)
                return;
        map_remove(&e->commits_by_number, &commit->node);
        e->n_commits--;
        switch (commit->kind) {
        case COMMIT_RUNS:
                runs_answered(e, commit, error);
                break;
        case COMMIT_REGISTER:
                replaced_answered(e, commit, outcome, &args);
                task_dispatch(e, commit->task, outcome, &args);
                break;
        case COMMIT_UPDATE:
        case COMMIT_PAUSE:
        case COMMIT_SKIP:
                task_dispatch(e, commit->task, outcome, &args);
                break;
        case COMMIT_UNREGISTER:
                unregister_answered(e, commit, outcome, &args);
                break;
        case COMMIT_INSTALL:
        case COMMIT_REMOVE:
        case COMMIT_PAUSE_PACKAGE:
                package_committed(e, commit, error);
                break;
        }
        pool_give(&e->commits, commit);
}
