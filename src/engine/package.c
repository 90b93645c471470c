/* SPDX-License-Identifier: MIT */

/* Packages come, change and go: docs/semantics.md, section 9. */

#include "base/hash.h"
#include "engine/parts.h"

static uint64_t hash_of(const Engine *e, const char *name)
{
        return siphash24(name, strlen(name), e->config.hash_key);
}

Package *package_find(const Engine *e, const char *name)
{
        for (MapNode *i = map_find(&e->packages_by_name, hash_of(e, name)); i; i = map_next(i)) {
                Package *package = CONTAINER_OF(i, Package, node);

                if (strcmp(package->name, name) == 0)
                        return package;
        }
        return NULL;
}

Package *package_find_again(Engine *e, const char *name)
{
        if (!e->recent_package || strcmp(e->recent_package->name, name) != 0)
                e->recent_package = package_find(e, name);
        return e->recent_package;
}

Package *package_allocate(const char *name)
{
        size_t n = strlen(name) + 1;
        Package *package = calloc(1, sizeof *package + n);

        if (!package)
                return NULL;
        memcpy(package->name, name, n);
        package->alarm.kind = ALARM_PACKAGE;
        gate_init(&package->start_limit, true);
        gate_init(&package->resumed, true);
        gate_init(&package->capable, true);
        list_init(&package->classes);
        list_init(&package->waiters);
        list_init(&package->starts);
        return package;
}

Package *package_need(Engine *e, const char *name)
{
        Package *package = package_find_again(e, name);

        if (package)
                return package;
        for (size_t i = 0; i < ELEMENTSOF(e->spare.packages) && !package; i++)
                if (e->spare.packages[i] && strcmp(e->spare.packages[i]->name, name) == 0)
                        package = TAKE_PTR(e->spare.packages[i]);
        assert(package);
        map_insert(&e->packages_by_name, &package->node, hash_of(e, name));
        list_append(&e->packages, &package->all_node);
        return package;
}

bool package_is_installed(const Package *package)
{
        return package->state == PACKAGE_INSTALLED || package->state == PACKAGE_UPDATING ||
               package->state == PACKAGE_REMOVING;
}

void package_drop(Engine *e, Package *package)
{
        if (package->state != PACKAGE_ABSENT || package->n_servers > 0 || !list_is_empty(&package->classes) ||
            !list_is_empty(&package->waiters) || package->dropped || package->paused || package->pausing)
                return;
        package->dropped = true;
        e->recent_package = NULL;
        list_for_each(i, &e->raises) {
                Raise *raise = list_entry(i, Raise, node);

                if (raise->package == package)
                        raise->next = 0;
        }
        engine_set_alarm(e, &package->alarm, false, USEC_INFINITY);
        gate_close(&package->start_limit);
        gate_close(&package->resumed);
        gate_close(&package->capable);
        while (!list_is_empty(&package->starts)) {
                StartMark *mark = list_entry(package->starts.next, StartMark, node);

                list_remove(&mark->node);
                pool_give(&e->marks, mark);
        }
        map_remove(&e->packages_by_name, &package->node);
        list_remove(&package->all_node);
        list_append(&e->dead_packages, &package->all_node);
}

void package_free(Package *package)
{
        free(package->staged);
        free(package);
}

void package_alarm(Engine *e, Package *package)
{
        if (gate_has_start(e, package)) {
                gate_open(e, &package->start_limit);
                return;
        }
        if (!list_is_empty(&package->starts)) {
                const StartMark *mark = list_entry(package->starts.next, StartMark, node);

                engine_set_alarm(e, &package->alarm, false,
                                 usec_add(mark->boot_usec, e->config.limits.start_window_usec));
        }
}

static void stage(Engine *e, Package *package, const Event *event)
{
        package->staged = TAKE_PTR(e->spare.staged);
        package->n_staged = event->package.n_classes;
        package->staged_content = event->package.content;
        package->staged_capabilities = event->package.capabilities;
}

static void unstage(Package *package)
{
        free(TAKE_PTR(package->staged));
        package->n_staged = 0;
        package->staged_capabilities = 0;
}

/* What the manifest declares now; what waits for a class that is declared again goes on. */
static void declare(Engine *e, Package *package)
{
        list_for_each(i, &package->classes) {
                Class *class_ = list_entry(i, Class, package_node);

                class_->declared = class_->command;
        }
        for (size_t i = 0; i < package->n_staged; i++) {
                Class *class_ = class_need(e, package, package->staged[i].clsid);

                class_->declared = true;
                class_->exe_server = package->staged[i].exe_server;
        }
        list_for_each_safe(i, &package->classes) {
                Class *class_ = list_entry(i, Class, package_node);

                if (class_->declared)
                        gate_open(e, &class_->missing);
                else if (!uuid_is_null(class_->clsid))
                        gate_close(&class_->missing);
                class_drop(e, class_);
        }
        package->content = package->staged_content;
        package->capabilities = package->staged_capabilities;
        gate_open(e, &package->capable);
        unstage(package);
}

void package_restore(Engine *e, const Event *event)
{
        Package *package;

        if (!event->package.name || !*event->package.name)
                return;
        package = package_need(e, event->package.name);
        if (package->state != PACKAGE_ABSENT)
                return;
        package->state = PACKAGE_INSTALLED;
        stage(e, package, event);
        declare(e, package);
}

bool package_is_busy(const Package *package)
{
        return (package->state != PACKAGE_ABSENT && package->state != PACKAGE_INSTALLED) || package->pausing;
}

/* Who waits for the package's tasks goes first, and is not overtaken by those that come later. */
static bool must_wait(const Package *package)
{
        return package_is_busy(package) || (!list_is_empty(&package->waiters) && package->n_committing > 0);
}

static void set_pause(Engine *e, Package *package, bool paused, uint64_t since_real_usec)
{
        package->paused = paused;
        package->paused_real_usec = paused ? since_real_usec : 0;
        if (paused)
                gate_close(&package->resumed);
        else
                gate_open(e, &package->resumed);
}

void package_restore_pause(Engine *e, const Event *event)
{
        if (event->package.name && *event->package.name)
                set_pause(e, package_need(e, event->package.name), true, event->package.since_real_usec);
}

void package_pause(Engine *e, const Event *event)
{
        Package *package = event->package.name ? package_find(e, event->package.name) : NULL;
        Commit *commit;
        Effect *effect;

        if (!package || (package->state == PACKAGE_ABSENT && package->n_tasks == 0 && !package->paused &&
                         !package->pausing)) {
                effect_reply(e, event->token, ERROR_NO_SUCH_PACKAGE);
                return;
        }
        if (must_wait(package)) {
                request_wait(e, event, &package->waiters);
                return;
        }
        if (package->paused == event->package.paused) {
                effect_reply(e, event->token, ERROR_NONE);
                return;
        }
        commit = commit_new(e, COMMIT_PAUSE_PACKAGE, event->token);
        commit->package = package;
        commit->on = event->package.paused;
        commit->since_real_usec = e->now.real_usec;
        package->pausing = true;
        effect = effect_store(e, EFFECT_STORE_PACKAGE_PAUSE, commit);
        effect->store.package.name = package->name;
        effect->store.package.paused = commit->on;
        effect->store.package.since_real_usec = commit->since_real_usec;
}

void package_install(Engine *e, const Event *event)
{
        Package *package;
        Commit *commit;
        Effect *effect;

        if (!event->package.name || !*event->package.name) {
                effect_reply(e, event->token, ERROR_INVALID_ARGUMENT);
                return;
        }
        package = package_need(e, event->package.name);
        if (must_wait(package)) {
                request_wait(e, event, &package->waiters);
                return;
        }
        if (package->state == PACKAGE_INSTALLED && uuid_equal(package->content, event->package.content)) {
                effect_reply(e, event->token, ERROR_NONE);
                return;
        }
        commit = commit_new(e, COMMIT_INSTALL, event->token);
        commit->package = package;
        stage(e, package, event);
        package->state = package->state == PACKAGE_ABSENT ? PACKAGE_INSTALLING : PACKAGE_UPDATING;
        effect = effect_store(e, EFFECT_STORE_PACKAGE, commit);
        effect->store.package.name = package->name;
        effect->store.package.token = event->token;
}

/* The first task of the package after an id. */
static Task *next_task(const Engine *e, const Package *package, Uuid after)
{
        IdsPosition position;

        for (uint32_t i = ids_first_after(&e->ids, after, &position); i; i = ids_next(&e->ids, &position)) {
                Task *task = task_get(e, i);

                if (task_package(e, task) == package)
                        return task;
        }
        return NULL;
}

void package_remove(Engine *e, const Event *event)
{
        Package *package = event->package.name ? package_find(e, event->package.name) : NULL;
        TaskArgs args = { .event = event };
        Effect *effect;
        Commit *commit;

        if (!package || package->state == PACKAGE_ABSENT) {
                effect_reply(e, event->token, ERROR_NO_SUCH_PACKAGE);
                return;
        }
        if (package_is_busy(package)) {
                request_wait(e, event, &package->waiters);
                return;
        }
        for (Task *i = next_task(e, package, UUID_NULL); i && package->n_committing > 0;
             i = next_task(e, package, i->id))
                if (i->state != TASK_REGISTERED) {
                        task_dispatch(e, i, TASK_PACKAGE_REMOVED, &args);
                        return;
                }
        commit = commit_new(e, COMMIT_REMOVE, event->token);
        commit->package = package;
        args.commit = commit;
        package->state = PACKAGE_REMOVING;
        for (Task *i = next_task(e, package, UUID_NULL); i; i = next_task(e, package, i->id))
                task_dispatch(e, i, TASK_PACKAGE_REMOVED, &args);
        effect = effect_store(e, EFFECT_STORE_PACKAGE_GONE, commit);
        effect->store.package.name = package->name;
        effect->store.package.token = event->token;
}

static void cancel_live(Engine *e, const Package *package, uint8_t reason)
{
        list_for_each_safe(i, &e->live) {
                Run *run = list_entry(i, Run, live_node);

                if (task_package(e, run->task) == package)
                        run_dispatch(e, run, RUN_CANCEL, (RunArgs){ .reason = reason });
        }
}

static void release_servers(Engine *e, const Package *package, bool stop)
{
        list_for_each_safe(i, &e->servers_all) {
                Server *server = list_entry(i, Server, all_node);

                if (server->package == package)
                        server_tell_to_leave(e, server, stop);
        }
}

static void installed(Engine *e, Package *package)
{
        bool update = package->state == PACKAGE_UPDATING;

        package->state = PACKAGE_INSTALLED;
        declare(e, package);
        if (!update)
                return;
        cancel_live(e, package, REASON_SERVICING_UPDATE);
        release_servers(e, package, false);
        condition_raise_topic(e, &e->system_topics[SYSTEM_SERVICING_COMPLETE], package, NULL, 0);
}

static void not_installed(Engine *e, Package *package)
{
        package->state = package->state == PACKAGE_UPDATING ? PACKAGE_INSTALLED : PACKAGE_ABSENT;
        unstage(package);
}

static void removed(Engine *e, Package *package, const Commit *commit, int error)
{
        TaskArgs args = { .error = error, .commit = commit };
        Task *next;

        for (Task *i = next_task(e, package, UUID_NULL); i; i = next) {
                Uuid id = i->id;

                task_dispatch(e, i, error < 0 ? TASK_COMMIT_FAILED : TASK_COMMITTED, &args);
                next = next_task(e, package, id);
        }
        package->state = error < 0 ? PACKAGE_INSTALLED : PACKAGE_ABSENT;
        if (error < 0)
                return;
        set_pause(e, package, false, 0);
        declare(e, package);
        cancel_live(e, package, REASON_UNINSTALL);
        release_servers(e, package, true);
}

void package_committed(Engine *e, const Commit *commit, int error)
{
        Package *package = commit->package;

        if (commit->kind == COMMIT_PAUSE_PACKAGE) {
                package->pausing = false;
                if (error >= 0)
                        set_pause(e, package, commit->on, commit->since_real_usec);
        } else if (commit->kind == COMMIT_REMOVE) {
                removed(e, package, commit, error);
        } else if (error < 0) {
                not_installed(e, package);
        } else {
                installed(e, package);
        }
        if (error < 0)
                effect_reply_store(e, commit->token, error);
        else
                effect_reply(e, commit->token, ERROR_NONE);
        request_wake(e, &package->waiters);
        package_drop(e, package);
}
