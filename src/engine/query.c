/* SPDX-License-Identifier: MIT */

/* What can be asked without changing anything. */

#include "engine/parts.h"

static bool is_listed(const Task *task)
{
        return task && task->state != TASK_REGISTERING && task->state < _TASK_STATE_MAX;
}

static TriggerInfo trigger_info(const Engine *e, const Task *trigger, bool spent)
{
        TriggerInfo info = {
                .anchor = trigger_anchor(e, trigger),
                .next_earliest_boot_usec = USEC_INFINITY,
                .next_latest_boot_usec = USEC_INFINITY,
                .next_real_usec = USEC_INFINITY,
        };
        Schedule schedule;

        if (spent || !spec_is_timer(trigger) || trigger->timer == HEAP_NONE)
                return info;
        if (spec_is_calendar(trigger)) {
                info.next_real_usec = dates_next_usec(e, trigger);
                return info;
        }
        schedule = timer_schedule(e, trigger);
        info.next_earliest_boot_usec = (uint64_t)MAX(schedule_earliest(&schedule, 1), (int64_t)0);
        info.next_latest_boot_usec = (uint64_t)MAX(schedule_latest(&schedule, 1), (int64_t)0);
        return info;
}

static void fill_info(const Engine *e, const Task *task, TaskInfo *ret_info)
{
        const Extra *extra = task_extra(e, task);
        const Package *package = task_package(e, task);
        bool spent = trigger_is_spent(e, task);
        uint64_t last_fired = 0;

        *ret_info = (TaskInfo){
                .unregistering = task->state == TASK_UNREGISTERING,
                .package_paused = package->paused,
                .package_paused_real_usec = package->paused_real_usec,
                .n_pending = extra ? extra->n_queue : 0,
                .n_live = extra ? extra->n_live : 0,
        };
        effect_task_row(e, task, &ret_info->row);
        for (uint32_t i = 0; i < trigger_count(e, task); i++) {
                const Task *trigger = trigger_get(e, task, i);

                ret_info->triggers[i] = trigger_info(e, trigger, spent);
                last_fired = MAX(last_fired, trigger->anchor_real_usec);
        }
        ret_info->last_fired_real_usec = task->last_number > 0 ? last_fired : 0;
}

static bool matches(const Engine *e, const Task *task, const char *package, const char *name, const char *group)
{
        TaskSpec spec;

        if (!is_listed(task))
                return false;
        if (!package && !name && !group)
                return true;
        spec_read(e, task, &spec);
        return (!package || strcmp(package, spec.package) == 0) && (!name || strcmp(name, spec.name) == 0) &&
               (!group || strcmp(group, spec.group) == 0);
}

/* One name: the few that have it, in the order of their ids. */
static size_t list_name(const Engine *e, const Package *package, const char *name, const char *group, Uuid after,
                        TaskInfo *tasks, size_t n_tasks)
{
        Task *oldest = names_find(e, package, name), *best;
        size_t n = 0;

        for (; oldest && n < n_tasks; n++) {
                Task *task = oldest;

                best = NULL;
                do {
                        if (uuid_compare(task->id, after) > 0 && (!best || uuid_compare(task->id, best->id) < 0) &&
                            matches(e, task, NULL, NULL, group))
                                best = task;
                        task = names_next(e, task);
                } while (task != oldest);
                if (!best)
                        break;
                after = best->id;
                fill_info(e, best, &tasks[n]);
        }
        return n;
}

size_t engine_list_tasks(const Engine *e, const char *package, const char *name, const char *group, Uuid after,
                         TaskInfo *tasks, size_t n_tasks)
{
        const Package *known = package ? package_find(e, package) : NULL;
        IdsPosition position;
        size_t n = 0;

        if (package && !known)
                return 0;
        if (package && name)
                return list_name(e, known, name, group, after, tasks, n_tasks);
        for (uint32_t i = ids_first_after(&e->ids, after, &position); i && n < n_tasks;
             i = ids_next(&e->ids, &position)) {
                const Task *task = task_get(e, i);

                if (matches(e, task, package, name, group))
                        fill_info(e, task, &tasks[n++]);
        }
        return n;
}

size_t engine_count_listeners(const Engine *engine, uint8_t kind, const char *text)
{
        const Topic *topic = spec_find_topic(engine, kind, text);

        return topic ? topic->refs : 0;
}

size_t engine_list_listeners(const Engine *e, uint8_t kind, const char *text, Uuid *ids, size_t n_ids)
{
        const Topic *topic = spec_find_topic(e, kind, text);
        Task *trigger = topic ? task_get(e, topic->first) : NULL;
        size_t n = 0;

        for (; trigger && n < n_ids; trigger = task_get(e, trigger->topic_next))
                ids[n++] = trigger_task(e, trigger)->id;
        return n;
}

size_t engine_count_tasks(const Engine *e, const char *package)
{
        const Package *known = package_find(e, package);

        return known ? known->n_tasks : 0;
}

bool engine_get_package_pause(const Engine *e, const char *package, uint64_t *ret_since_real_usec)
{
        const Package *known = package_find(e, package);

        *ret_since_real_usec = known ? known->paused_real_usec : 0;
        return known && known->paused;
}

bool engine_get_task(const Engine *e, Uuid id, TaskInfo *ret_task)
{
        const Task *task = task_find(e, id);

        if (!is_listed(task))
                return false;
        fill_info(e, task, ret_task);
        return true;
}

/* Keeps the oldest n_runs of those that were accepted after the cursor, in their order. */
static size_t insert_run(const Engine *e, const Run *run, uint64_t after, RunInfo *runs, size_t n, size_t n_runs)
{
        size_t at = n;

        if (run->order <= after || run->state == RUN_ENDED)
                return n;
        while (at > 0 && runs[at - 1].order > run->order)
                at--;
        if (at == n_runs)
                return n;
        n -= n == n_runs;
        memmove(&runs[at + 1], &runs[at], (n - at) * sizeof *runs);
        effect_run_info(e, run, &runs[at]);
        return n + 1;
}

static size_t insert_list(const Engine *e, const ListNode *list, uint64_t after, RunInfo *runs, size_t n,
                          size_t n_runs)
{
        list_for_each(i, list)
                n = insert_run(e, list_entry(i, Run, task_node), after, runs, n, n_runs);
        return n;
}

size_t engine_get_runs(const Engine *e, Uuid id, uint64_t after, RunInfo *runs, size_t n_runs)
{
        const Task *task = task_find(e, id);
        const Extra *extra = task ? task_extra(e, task) : NULL;
        size_t n = 0;

        if (extra) {
                n = insert_list(e, &extra->live, after, runs, n, n_runs);
                n = insert_list(e, &extra->queue, after, runs, n, n_runs);
        } else if (uuid_is_null(id)) {
                for (size_t i = 0; i < e->runs_by_id.n_buckets; i++)
                        for (MapNode *j = e->runs_by_id.buckets[i]; j; j = j->next)
                                n = insert_run(e, CONTAINER_OF(j, Run, node), after, runs, n, n_runs);
        }
        return n;
}

bool engine_get_run(const Engine *e, Uuid id, RunInfo *ret_run)
{
        const Run *run = run_find(e, id);

        if (!run || run->state == RUN_ENDED)
                return false;
        effect_run_info(e, run, ret_run);
        return true;
}

int engine_get_level(const Engine *e, int condition, uint64_t *ret_since_real_usec)
{
        if (condition < 0 || condition >= CONDITION_MAX) {
                *ret_since_real_usec = 0;
                return -1;
        }
        *ret_since_real_usec = e->levels[condition].since_real_usec;
        return e->levels[condition].now;
}

EngineNeeds engine_get_needs(const Engine *e)
{
        EngineNeeds needs = { .conditions = e->needs };

        for (unsigned i = 1; i <= SYSTEM_DEFAULT_SIGN_IN_ACCOUNT_CHANGE; i++)
                if (e->system_topics[i].refs > 0)
                        needs.system_types |= 1u << i;
        needs.resume = e->system_topics[TOPIC_RESUME].refs > 0;
        /* The local zone may become another one. */
        if (e->dates.n > 0)
                needs.system_types |= 1u << SYSTEM_TIME_ZONE_CHANGE;
        return needs;
}

EngineCounts engine_get_counts(const Engine *e)
{
        EngineCounts counts = {
                .n_tasks = e->ids.n,
                .n_pending = e->n_pending,
                .n_live = e->n_live,
                .n_servers = e->n_servers,
                .n_commits = e->n_commits,
                .n_unstored = e->n_unstored,
        };

        list_for_each(i, &e->live) {
                const Run *run = list_entry(i, Run, live_node);

                counts.n_unsettled += run->state == RUN_STARTING || run->state == RUN_STOPPING;
        }
        list_for_each(i, &e->unstored_states)
                counts.n_unstored++;
        list_for_each(i, &e->packages)
                counts.n_packages += package_is_installed(list_entry(i, Package, all_node));
        return counts;
}
