/* SPDX-License-Identifier: MIT */

/*
 * What clients ask of registrations: docs/semantics.md, 2. A request that meets a commit waits for it and is judged
 * again when it is answered; requests are judged one by one in the order in which they came.
 */

#include "engine/parts.h"

bool request_is(EventType type)
{
        return type == EVENT_REGISTER || type == EVENT_UNREGISTER || type == EVENT_PAUSE || type == EVENT_SKIP ||
               type == EVENT_INSTALL || type == EVENT_REMOVE || type == EVENT_PAUSE_PACKAGE;
}

static char *copy_text(char **p, const char *text)
{
        char *copy = *p;
        size_t n;

        if (!text)
                return NULL;
        n = strlen(text) + 1;
        memcpy(copy, text, n);
        *p += n;
        return copy;
}

static size_t text_size(const char *text)
{
        return text ? strlen(text) + 1 : 0;
}

static Waiter *copy_register(const Event *event)
{
        const TaskSpec *spec = event->reg.spec;
        /* More are refused unseen. */
        uint32_t n_more = spec->n_more < TRIGGERS_MAX ? spec->n_more : 0;
        size_t n = text_size(spec->package) + text_size(spec->name) + text_size(spec->group) +
                   text_size(spec->options) + text_size(spec->trigger.text);
        Waiter *waiter;
        Trigger *more;
        char *p;

        for (uint32_t i = 0; i < n_more; i++)
                n += sizeof *more + text_size(spec->more[i].text);
        waiter = malloc(sizeof *waiter + n);
        if (!waiter)
                return NULL;
        *waiter = (Waiter){ .event = *event, .spec = *spec };
        more = (Trigger *)(void *)(waiter + 1);
        p = (char *)(more + n_more);
        waiter->spec.package = copy_text(&p, spec->package);
        waiter->spec.name = copy_text(&p, spec->name);
        waiter->spec.group = copy_text(&p, spec->group);
        waiter->spec.options = copy_text(&p, spec->options);
        waiter->spec.trigger.text = copy_text(&p, spec->trigger.text);
        waiter->spec.more = more;
        for (uint32_t i = 0; i < n_more; i++) {
                more[i] = spec->more[i];
                more[i].text = copy_text(&p, spec->more[i].text);
        }
        waiter->event.reg.spec = &waiter->spec;
        return waiter;
}

static Waiter *copy_package(const Event *event)
{
        size_t n_classes = event->type == EVENT_INSTALL ? event->package.n_classes * sizeof(PackageClass) : 0;
        Waiter *waiter = malloc(sizeof *waiter + n_classes + text_size(event->package.name));
        char *p;

        if (!waiter)
                return NULL;
        *waiter = (Waiter){ .event = *event };
        p = (char *)(waiter + 1);
        waiter->event.package.classes = (const PackageClass *)(void *)p;
        if (n_classes > 0)
                memcpy(p, event->package.classes, n_classes);
        p += n_classes;
        waiter->event.package.name = copy_text(&p, event->package.name);
        return waiter;
}

Waiter *request_copy(const Event *event)
{
        Waiter *waiter;

        if (event->type == EVENT_REGISTER)
                return copy_register(event);
        if (event->type == EVENT_INSTALL || event->type == EVENT_REMOVE || event->type == EVENT_PAUSE_PACKAGE)
                return copy_package(event);
        waiter = malloc(sizeof *waiter);
        if (waiter)
                *waiter = (Waiter){ .event = *event };
        return waiter;
}

bool request_may_wait(const Engine *e, const Event *event)
{
        const Package *package;
        const Task *task;

        if (!list_is_empty(&e->waiters))
                return true;
        switch (event->type) {
        case EVENT_UNREGISTER:
        case EVENT_PAUSE:
        case EVENT_SKIP:
                task = task_find(e, event->task.task);
                return task && task->state != TASK_REGISTERED;
        case EVENT_REGISTER:
                package = event->reg.spec->package ? package_find(e, event->reg.spec->package) : NULL;
                if (!package)
                        return false;
                return package->state == PACKAGE_REMOVING || !list_is_empty(&package->waiters) ||
                       (event->reg.spec->name && names_find_committing(e, package, event->reg.spec->name));
        default:
                package = event->package.name ? package_find(e, event->package.name) : NULL;
                return package && (package->n_committing > 0 || !list_is_empty(&package->waiters) ||
                                   package_is_busy(package));
        }
}

void request_wait(Engine *e, const Event *event, ListNode *list)
{
        Waiter *waiter = e->waiter ? TAKE_PTR(e->waiter) : TAKE_PTR(e->spare.waiter);

        assert(waiter);
        list_append(list, &waiter->node);
}

void request_wake(Engine *e, ListNode *list)
{
        while (!list_is_empty(list)) {
                ListNode *node = list->next;

                list_remove(node);
                list_append(&e->waiters, node);
        }
}

static void judge(Engine *e, const Event *event)
{
        Task *task;

        switch (event->type) {
        case EVENT_REGISTER:
                request_register(e, event);
                break;
        case EVENT_UNREGISTER:
                task = task_find(e, event->task.task);
                if (task)
                        task_dispatch(e, task, TASK_UNREGISTER, &(TaskArgs){ .event = event });
                else
                        effect_reply(e, event->token, ERROR_NO_SUCH_TASK);
                break;
        case EVENT_PAUSE:
                request_pause(e, event);
                break;
        case EVENT_SKIP:
                request_skip(e, event);
                break;
        case EVENT_INSTALL:
                package_install(e, event);
                break;
        case EVENT_PAUSE_PACKAGE:
                package_pause(e, event);
                break;
        default:
                package_remove(e, event);
                break;
        }
}

void request_handle(Engine *e, const Event *event)
{
        if (list_is_empty(&e->waiters))
                judge(e, event);
        else
                request_wait(e, event, &e->waiters);
}

const Event *request_first(const Engine *e)
{
        return list_is_empty(&e->waiters) ? NULL : &list_entry(e->waiters.next, Waiter, node)->event;
}

bool request_next(Engine *e)
{
        if (list_is_empty(&e->waiters))
                return false;
        e->waiter = list_entry(e->waiters.next, Waiter, node);
        list_remove(&e->waiter->node);
        judge(e, &e->waiter->event);
        free(TAKE_PTR(e->waiter));
        return true;
}

/* In the order of registration, so that the store's index and ours are written where they were written last. */
static Uuid new_id(Engine *e, const TaskSpec *spec)
{
        struct {
                uint64_t key[2];
                uint64_t real_usec;
                uint64_t serial;
        } name = {
                .key = { e->config.hash_key[0], e->config.hash_key[1] },
                .real_usec = e->now.real_usec,
        };
        Uuid id;

        /* The secret differs for each process, so that not even the same moment gives the same id again. */
        do {
                name.serial = ++e->last_task;
                id = uuid_v7(e->now.real_usec, (unsigned)name.serial, uuid_v5(e->config.boot_id, &name, sizeof name));
        } while (ids_find(&e->ids, id));
        return id;
}

static void register_new(Engine *e, const Event *event, Commit *commit)
{
        const TaskSpec *spec = event->reg.spec;
        Package *package = package_need(e, spec->package);
        uint64_t hash = names_prefetch(e, package, spec->name);
        Uuid id = new_id(e, spec);
        Task *task = task_take(e, class_need_for(e, package, spec, id));
        Options options;
        bool has_options;

        task->id = id;
        task->registered_real_usec = e->now.real_usec;
        spec_fill(e, task, spec, &options, &has_options);
        if (has_options) {
                Extra *extra = task_need_extra(e, task);

                extra->options = options;
                extra->has_options = true;
        }
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                timer_anchor_new(e, trigger_get(e, task, i));
        names_add(e, task, hash);
        ids_insert(&e->ids, task->index);
        package->n_tasks++;
        if (!commit)
                commit = commit_new(e, COMMIT_REGISTER, event->token);
        commit->task = task;
        task_set_state(e, task, TASK_REGISTERING, commit->number);
        effect_store_task(e, EFFECT_STORE_TASK, commit, task);
}

static bool is_full(const Engine *e, const Package *package)
{
        return package->n_tasks >= e->config.limits.registrations_per_package;
}

static void refuse_full(Engine *e, const Event *event)
{
        Effect *effect;

        if (!event->token)
                return;
        effect = effect_add(e, EFFECT_REPLY);
        effect->reply.token = event->token;
        effect->reply.error = ERROR_QUOTA_EXCEEDED;
        effect->reply.limit = 1;
}

void request_register(Engine *e, const Event *event)
{
        const TaskSpec *spec = event->reg.spec;
        const Package *package = NULL;
        Error error = spec_check(e, spec, &package);
        Package *busy = spec->package ? package_find(e, spec->package) : NULL;
        Task *task = NULL;

        if (!error && event->reg.if_exists > IF_EXISTS_DUPLICATE)
                error = ERROR_INVALID_ARGUMENT;
        if (error) {
                effect_reply(e, event->token, error);
                return;
        }
        /* Who waits for the package goes first, and is not overtaken by those that come later. */
        if (busy && (busy->state == PACKAGE_REMOVING || (!list_is_empty(&busy->waiters) && busy->n_committing > 0))) {
                request_wait(e, event, &busy->waiters);
                return;
        }
        if (package)
                task = names_find_committing(e, package, spec->name);
        if (package && !task)
                task = names_find(e, package, spec->name);
        if (task)
                task_dispatch(e, task, TASK_REGISTER, &(TaskArgs){ .event = event });
        else if (package && is_full(e, package))
                refuse_full(e, event);
        else
                register_new(e, event, NULL);
}

static void replace(Engine *e, Task *oldest, const Event *event)
{
        Commit *commit = commit_new(e, COMMIT_REGISTER, event->token);
        Task *task = oldest;

        do {
                Extra *extra = task_need_extra(e, task);

                extra->cancel = false;
                extra->reason = REASON_ABORT;
                extra->replaced = true;
                trigger_disarm_all(e, task);
                task_store_gone(e, task, commit, REASON_ABORT);
                task_set_state(e, task, TASK_UNREGISTERING, commit->number);
                task = names_next(e, task);
        } while (task != oldest);
        register_new(e, event, commit);
}

static void update(Engine *e, Task *task, const Event *event)
{
        const TaskSpec *spec = event->reg.spec;
        Commit *commit = commit_new(e, COMMIT_UPDATE, event->token);
        Extra *extra = task_need_extra(e, task);
        Task *shadow = task_take(e, class_need_for(e, task_package(e, task), spec, task->id));

        shadow->state = TASK_SHADOW;
        shadow->id = task->id;
        shadow->extra = task->extra;
        shadow->registered_real_usec = task->registered_real_usec;
        shadow->last_number = task->last_number;
        shadow->paused = task->paused;
        shadow->skip_next = task->skip_next;
        extra->shadow = shadow->index;
        extra->state_written = false;
        spec_fill(e, shadow, spec, &extra->shadow_options, &extra->shadow_has_options);
        trigger_keep_phases(e, task, shadow, true);
        commit->task = task;
        commit->last_number = task->last_number;
        task_set_state(e, task, TASK_UPDATING, commit->number);
        effect_store_task(e, EFFECT_STORE_TASK, commit, shadow);
}

void request_existing(Engine *e, Task *oldest, const Event *event)
{
        bool several = names_next(e, oldest) != oldest;

        switch (event->reg.if_exists) {
        case IF_EXISTS_KEEP:
                effect_reply_id(e, event->token, oldest->id, true);
                break;
        case IF_EXISTS_UPDATE:
                if (several)
                        effect_reply(e, event->token, ERROR_AMBIGUOUS);
                else if (event->reg.spec->command != task_class(e, oldest)->command)
                        effect_reply(e, event->token, ERROR_ENTRY_POINT_CONFLICT);
                else
                        update(e, oldest, event);
                break;
        case IF_EXISTS_REPLACE:
                replace(e, oldest, event);
                break;
        case IF_EXISTS_DUPLICATE:
                if (is_full(e, task_package(e, oldest)))
                        refuse_full(e, event);
                else
                        register_new(e, event, NULL);
                break;
        default:
                effect_reply(e, event->token, ERROR_NAME_TAKEN);
                break;
        }
}

void request_unregister(Engine *e, Task *task, const Event *event)
{
        Commit *commit = commit_new(e, COMMIT_UNREGISTER, event->token);
        Extra *extra = task_need_extra(e, task);

        commit->task = task;
        extra->cancel = event->task.cancel;
        extra->reason = REASON_ABORT;
        trigger_disarm_all(e, task);
        task_store_gone(e, task, commit, REASON_ABORT);
        task_set_state(e, task, TASK_UNREGISTERING, commit->number);
}

/* The task whose bit is to be changed; NULL: the caller was answered, or waits. */
static Task *find_for_bit(Engine *e, const Event *event)
{
        Task *task = task_find(e, event->task.task);

        if (!task) {
                effect_reply(e, event->token, ERROR_NO_SUCH_TASK);
                return NULL;
        }
        if (task->state == TASK_REGISTERED)
                return task;
        request_wait(e, event, &task_need_extra(e, task)->waiters);
        return NULL;
}

static Commit *begin_bit(Engine *e, Task *task, CommitKind kind, uint64_t token, bool on)
{
        Commit *commit = commit_new(e, kind, token);

        commit->task = task;
        commit->on = on;
        task_need_extra(e, task)->state_written = false;
        task_set_state(e, task, TASK_UPDATING, commit->number);
        return commit;
}

void request_pause(Engine *e, const Event *event)
{
        Task *task = find_for_bit(e, event);
        Commit *commit;
        bool before;

        if (!task)
                return;
        if (task->paused == event->task.paused) {
                effect_reply(e, event->token, ERROR_NONE);
                return;
        }
        commit = begin_bit(e, task, COMMIT_PAUSE, event->token, event->task.paused);
        before = task->paused;
        task->paused = event->task.paused;
        effect_store_task(e, EFFECT_STORE_TASK, commit, task);
        task->paused = before;
}

Commit *request_store_skip(Engine *e, Task *task, uint64_t token, bool skip)
{
        Commit *commit = begin_bit(e, task, COMMIT_SKIP, token, skip);
        bool before = task->skip_next;

        task->skip_next = skip;
        effect_store_task(e, EFFECT_STORE_TASK, commit, task);
        task->skip_next = before;
        return commit;
}

void request_skip(Engine *e, const Event *event)
{
        Task *task = find_for_bit(e, event);

        if (!task)
                return;
        if (event->task.skip && !trigger_fires_by_itself(e, task))
                effect_reply(e, event->token, ERROR_NOTHING_TO_SKIP);
        else if (task->skip_next == event->task.skip)
                effect_reply(e, event->token, ERROR_NONE);
        else
                request_store_skip(e, task, event->token, event->task.skip);
}
