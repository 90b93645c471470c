/* SPDX-License-Identifier: MIT */

/*
 * Memory before the event: what it can need at most is allocated before it changes anything, so that -ENOMEM leaves
 * all as it was. The unit is a piece of work: the start, the end or the acceptance of one run with all that follows.
 */

#include "engine/parts.h"

#define EFFECTS_PER_UNIT 14
#define SCRATCH_PER_UNIT 2560
/* The text of a registration is told at most twice in one event, beside the units. */
#define UNITS_OF_REQUEST 4

/* Runs that end, or are recorded, with a registration. */
static size_t units_of_task(const Engine *e, const Task *task)
{
        const Extra *extra = task ? task_extra(e, task) : NULL;

        return extra ? 1 + (size_t)extra->n_queue + extra->n_live + extra->n_ended : 1;
}

static size_t units_of_name(const Engine *e, const char *package_name, const char *name)
{
        const Package *package = package_name ? package_find(e, package_name) : NULL;
        const Task *oldest = package && name ? names_find(e, package, name) : NULL, *task = oldest;
        size_t n = 1;

        if (!oldest)
                return n;
        do {
                n += units_of_task(e, task);
                task = names_next(e, task);
        } while (task != oldest);
        return n;
}

static size_t units_of_package(const Engine *e, const Package *package)
{
        return package ? (size_t)package->n_tasks + e->n_pending + e->n_servers + e->n_live : 1;
}

static size_t units_of_commit(const Engine *e, const Commit *commit)
{
        size_t n = 0;

        if (!commit)
                return 0;
        switch (commit->kind) {
        case COMMIT_RUNS:
                list_for_each(i, &commit->runs) {
                        const Run *run = list_entry(i, Run, commit_node);

                        n += run->removes_task ? units_of_task(e, run->task) : 1;
                }
                return n;
        case COMMIT_INSTALL:
        case COMMIT_REMOVE:
                return units_of_package(e, commit->package);
        case COMMIT_PAUSE_PACKAGE:
                return 1;
        default:
                return units_of_name(e, task_package(e, commit->task)->name, spec_name(commit->task));
        }
}

static size_t units_of_request(const Engine *e, const Event *event)
{
        switch (event->type) {
        case EVENT_REGISTER:
                return UNITS_OF_REQUEST + units_of_name(e, event->reg.spec->package, event->reg.spec->name);
        case EVENT_UNREGISTER:
                return UNITS_OF_REQUEST + units_of_task(e, task_find(e, event->task.task));
        case EVENT_INSTALL:
        case EVENT_REMOVE:
                return UNITS_OF_REQUEST +
                       units_of_package(e, event->package.name ? package_find(e, event->package.name) : NULL);
        default:
                return UNITS_OF_REQUEST;
        }
}

static size_t units_of_event(const Engine *e, const Event *event)
{
        switch (event->type) {
        case EVENT_COMMITTED:
                return units_of_commit(e, commit_find(e, event->committed.commit));
        case EVENT_CANCEL:
                return units_of_task(e, task_find(e, event->task.task));
        case EVENT_SERVER_ANNOUNCED:
                return event->process.n_runs;
        case EVENT_START:
                return e->n_outlived;
        default:
                return 4;
        }
}

static int reserve_topic(const Engine *e, const Trigger *trigger, Topic **ret_topic)
{
        Topic *topic;
        size_t n;

        if (!spec_has_topic_text(trigger->kind) || !trigger->text ||
            spec_find_topic(e, trigger->kind, trigger->text))
                return 0;
        n = strlen(trigger->text) + 1;
        topic = calloc(1, sizeof *topic + n);
        if (!topic)
                return -ENOMEM;
        topic->kind = trigger->kind;
        memcpy(topic->text, trigger->text, n);
        *ret_topic = topic;
        return 0;
}

static int reserve_text(Engine *e, const TaskSpec *spec)
{
        size_t n = spec_text_size(spec);
        int r;

        /* Refused unseen. */
        if (spec->n_more >= TRIGGERS_MAX)
                return 0;
        if (n > TASK_TEXT_INLINE) {
                e->spare.text = malloc(n);
                if (!e->spare.text)
                        return -ENOMEM;
        }
        r = reserve_topic(e, &spec->trigger, &e->spare.topics[0]);
        for (uint32_t i = 0; r >= 0 && i < spec->n_more; i++)
                r = reserve_topic(e, &spec->more[i], &e->spare.topics[i + 1]);
        return r < 0 ? r : trigger_reserve(e, spec);
}

static int reserve_package(Engine *e, const char *name)
{
        Package **spare = &e->spare.packages[e->spare.packages[0] != NULL];

        if (!name || package_find_again(e, name))
                return 0;
        if (e->spare.packages[0] && strcmp(e->spare.packages[0]->name, name) == 0)
                return 0;
        *spare = package_allocate(name);
        return *spare ? 0 : -ENOMEM;
}

static int reserve_classes(Engine *e, const Event *event)
{
        size_t n = event->package.n_classes;
        int r;

        e->spare.staged = malloc(MAX(n, (size_t)1) * sizeof *e->spare.staged);
        if (!e->spare.staged)
                return -ENOMEM;
        if (n > 0)
                memcpy(e->spare.staged, event->package.classes, n * sizeof *e->spare.staged);
        r = slab_reserve(&e->classes, (uint32_t)n + 2);
        if (r < 0)
                return r;
        return reserve_package(e, event->package.name);
}

static int reserve_details(Engine *e, const void *data, size_t n)
{
        if (n == 0)
                return 0;
        e->spare.details = malloc(sizeof *e->spare.details + n);
        if (!e->spare.details)
                return -ENOMEM;
        *e->spare.details = (Details){ .refs = 1, .n = n };
        memcpy(e->spare.details->data, data, n);
        return 0;
}

/* For the request that will be judged: this one, or the first of those that wait. */
static int reserve_request(Engine *e, const Event *event)
{
        int r = 0;

        switch (event->type) {
        case EVENT_REGISTER:
                r = reserve_text(e, event->reg.spec);
                if (r >= 0)
                        r = ids_reserve(&e->ids);
                if (r >= 0 && event->reg.spec->command)
                        r = reserve_package(e, event->reg.spec->package);
                return r < 0 ? r : names_reserve(e, 1);
        case EVENT_INSTALL:
                return reserve_classes(e, event);
        case EVENT_REMOVE: {
                const Package *package = event->package.name ? package_find(e, event->package.name) : NULL;

                return package ? slab_reserve(&e->extras, package->n_tasks + WORK_MAX) : 0;
        }
        default:
                return r;
        }
}

static int reserve_event(Engine *e, const Event *event)
{
        int r;

        switch (event->type) {
        case EVENT_ZONE:
                return dates_reserve_zone(e, event);
        case EVENT_RESTORE_PACKAGE:
                return reserve_classes(e, event);
        case EVENT_RESTORE_PACKAGE_PAUSE:
                return reserve_package(e, event->package.name);
        case EVENT_RESTORE_TASK:
                r = reserve_text(e, &event->task_row->spec);
                if (r >= 0)
                        r = ids_reserve(&e->ids);
                if (r >= 0)
                        r = names_reserve(e, 1);
                return r < 0 ? r : reserve_package(e, event->task_row->spec.package);
        case EVENT_RESTORE_PENDING:
                return reserve_details(e, event->pending_row->details, event->pending_row->n_details);
        case EVENT_RESTORE_LEDGER:
                return reserve_details(e, event->ledger_row->firing.details, event->ledger_row->firing.n_details);
        case EVENT_RESTORE_SERVER:
        case EVENT_SERVER_ATTACHED:
                return reserve_package(e, event->server.package);
        case EVENT_REQUEST:
                return reserve_details(e, event->task.details, event->task.n_details);
        case EVENT_RAISE:
                return reserve_details(e, event->raise.details, event->raise.n_details);
        case EVENT_COMMITTED: {
                const Commit *commit = commit_find(e, event->committed.commit);

                if (!commit || !commit->package)
                        return 0;
                return slab_reserve(&e->classes, (uint32_t)commit->package->n_staged + 2);
        }
        default:
                return 0;
        }
}

static int reserve_effects(Effects *effects, size_t n)
{
        size_t needed = effects->n_items + n;
        Effect *items;

        if (needed <= effects->n_allocated)
                return 0;
        items = realloc(effects->items, needed * sizeof *items);
        if (!items)
                return -ENOMEM;
        effects->items = items;
        effects->n_allocated = needed;
        return 0;
}

static int reserve_common(Engine *e, Effects *effects, size_t units)
{
        uint32_t n_timers = e->ids.n + e->n_further + TRIGGERS_MAX + 2;
        int r = reserve_effects(effects, units * EFFECTS_PER_UNIT);

        if (r >= 0)
                r = scratch_reserve(&e->scratch, units * SCRATCH_PER_UNIT);
        if (r >= 0)
                r = slab_reserve(&e->tasks, 2 + TRIGGERS_MAX);
        if (r >= 0)
                r = slab_reserve(&e->extras, WORK_MAX + 8);
        if (r >= 0)
                r = slab_reserve(&e->classes, 2);
        if (r >= 0)
                r = pool_reserve(&e->runs, WORK_MAX + 2);
        if (r >= 0)
                r = pool_reserve(&e->commits, 4);
        if (r >= 0)
                r = pool_reserve(&e->servers, WORK_MAX + e->n_live + 1);
        if (r >= 0)
                r = pool_reserve(&e->objects, 1);
        if (r >= 0)
                r = pool_reserve(&e->marks, WORK_MAX);
        if (r >= 0)
                r = pool_reserve(&e->replies, WORK_MAX + 1);
        if (r >= 0)
                r = pool_reserve(&e->raises_pool, 4);
        if (r >= 0 && n_timers > e->timers.n)
                r = heap_reserve(&e->timers, n_timers - e->timers.n);
        if (r >= 0)
                r = heap_reserve(&e->dates, TRIGGERS_MAX + 2);
        return r;
}

int reserve(Engine *e, const Event *event, Effects *effects)
{
        const Event *judged = request_first(e);
        size_t units = WORK_MAX + e->n_live + units_of_event(e, event);
        int r = reserve_event(e, event);

        if (r >= 0 && request_is(event->type) && request_may_wait(e, event)) {
                e->spare.waiter = request_copy(event);
                r = e->spare.waiter ? 0 : -ENOMEM;
        }
        if (!judged && request_is(event->type))
                judged = event;
        if (r >= 0 && judged) {
                units += units_of_request(e, judged);
                r = reserve_request(e, judged);
        }
        if (r >= 0)
                r = reserve_common(e, effects, units);
        if (r < 0)
                reserve_drop_spare(e);
        return r;
}

void reserve_drop_spare(Engine *e)
{
        Spare *spare = &e->spare;

        free(TAKE_PTR(spare->text));
        free(TAKE_PTR(spare->further));
        for (size_t i = 0; i < ELEMENTSOF(spare->topics); i++)
                free(TAKE_PTR(spare->topics[i]));
        for (size_t i = 0; i < ELEMENTSOF(spare->packages); i++)
                if (spare->packages[i])
                        package_free(TAKE_PTR(spare->packages[i]));
        free(TAKE_PTR(spare->staged));
        free(TAKE_PTR(spare->details));
        dates_drop_spare(e);
        free(TAKE_PTR(spare->waiter));
}
