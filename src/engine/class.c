/* SPDX-License-Identifier: MIT */

/* Classes and their objects: back-off and quarantine, and which object takes a run. docs/semantics.md, 6.1 and 6.2. */

#include "base/hash.h"
#include "engine/parts.h"

static uint64_t hash_of(const Engine *e, const Package *package, Uuid clsid)
{
        return siphash24(clsid.bytes, sizeof clsid.bytes, e->config.hash_key) ^ package->node.hash;
}

Class *class_find(const Engine *e, const Package *package, Uuid clsid)
{
        for (MapNode *i = map_find(&e->classes_by_id, hash_of(e, package, clsid)); i; i = map_next(i)) {
                Class *class_ = CONTAINER_OF(i, Class, node);

                if (class_->package == package && uuid_equal(class_->clsid, clsid))
                        return class_;
        }
        return NULL;
}

Class *class_need(Engine *e, Package *package, Uuid clsid)
{
        Class *class_ = e->recent_class;
        uint32_t index;

        if (class_ && class_->package == package && uuid_equal(class_->clsid, clsid))
                return class_;
        class_ = e->recent_class = class_find(e, package, clsid);
        if (class_)
                return class_;
        class_ = slab_take(&e->classes, &index);
        class_->index = index;
        class_->package = package;
        class_->clsid = clsid;
        class_->alarm.kind = ALARM_CLASS;
        gate_init(&class_->missing, false);
        gate_init(&class_->backoff, true);
        list_init(&class_->objects);
        list_append(&package->classes, &class_->package_node);
        map_insert(&e->classes_by_id, &class_->node, hash_of(e, package, clsid));
        return class_;
}

/* A command task has a class of its own, so that what fails is left alone by itself. */
Class *class_need_for(Engine *e, Package *package, const TaskSpec *spec, Uuid task)
{
        Class *class_ = class_need(e, package, spec->command ? task : spec->clsid);

        if (spec->command) {
                class_->command = class_->declared = true;
                class_->exe_server = EXE_SERVER_COMMAND;
        }
        return class_;
}

void class_drop(Engine *e, Class *class_)
{
        Package *package = class_->package;

        if (class_->n_tasks > 0 || (class_->declared && !class_->command))
                return;
        /* What a command's server has registered is of no use without the task. */
        if (class_->command)
                list_for_each_safe(i, &class_->objects) {
                        list_entry(i, ClassObject, class_node)->class_ = NULL;
                        list_remove(i);
                }
        if (!list_is_empty(&class_->objects))
                return;
        engine_set_alarm(e, &class_->alarm, false, USEC_INFINITY);
        gate_close(&class_->missing);
        gate_close(&class_->backoff);
        e->recent_class = NULL;
        map_remove(&e->classes_by_id, &class_->node);
        list_remove(&class_->package_node);
        slab_give(&e->classes, class_->index);
        package_drop(e, package);
}

static uint64_t backoff(const Engine *e, const Class *class_)
{
        uint64_t delay = BACKOFF_FIRST_USEC;

        for (uint32_t i = 1; i < class_->failures && delay < BACKOFF_MAX_USEC; i++)
                delay *= 2;
        delay = MIN(delay, BACKOFF_MAX_USEC);
        /* 90 % to 110 % of it. */
        return delay - delay / 10 + delay / 5 * engine_jitter(e, class_) / 1024;
}

void class_failed(Engine *e, Class *class_, bool launched, uint8_t detail, int32_t status)
{
        class_->last_detail = detail;
        class_->last_status = status;
        /* Several runs may have waited for one server: it failed once. */
        if (class_->failed_in == e->n_events)
                return;
        class_->failed_in = e->n_events;
        class_->failures++;
        class_->launch_failures += launched;
        class_->since_real_usec = e->now.real_usec;
        class_->until_boot_usec =
                usec_add(e->now.boot_usec,
                         class_->launch_failures >= QUARANTINE_AFTER ? QUARANTINE_USEC : backoff(e, class_));
        gate_close(&class_->backoff);
        engine_set_alarm(e, &class_->alarm, false, class_->until_boot_usec);
}

void class_worked(Engine *e, Class *class_)
{
        class_->failures = class_->launch_failures = 0;
        class_->until_boot_usec = 0;
        engine_set_alarm(e, &class_->alarm, false, USEC_INFINITY);
        /* What the one start after a quarantine was to show has been shown by another. */
        list_for_each(i, &e->live) {
                Run *run = list_entry(i, Run, live_node);

                if (class_->probing && task_class(e, run->task) == class_)
                        run->probe = false;
        }
        class_->probing = false;
        gate_open(e, &class_->backoff);
}

void class_probe_over(Engine *e, Run *run)
{
        Class *class_ = task_class(e, run->task);

        if (!run->probe)
                return;
        run->probe = class_->probing = false;
        if (class_->until_boot_usec <= e->now.boot_usec)
                gate_open(e, &class_->backoff);
}

void class_alarm(Engine *e, Class *class_)
{
        if (class_->until_boot_usec > e->now.boot_usec)
                engine_set_alarm(e, &class_->alarm, false, class_->until_boot_usec);
        else if (!class_->probing)
                gate_open(e, &class_->backoff);
}

static ClassObject *find_taker(const Class *class_)
{
        list_for_each(i, &class_->objects) {
                ClassObject *object = list_entry(i, ClassObject, class_node);

                if (!object->suspended && !object->used && server_takes_runs(object->server) &&
                    object->server->state == SERVER_UP)
                        return object;
        }
        return NULL;
}

static bool is_in_process(const Class *class_)
{
        return uuid_is_null(class_->clsid);
}

bool class_is_missing(const Class *class_)
{
        return is_in_process(class_) ? !find_taker(class_) : !class_->declared;
}

void class_resume(Engine *e, Server *server)
{
        list_for_each(i, &server->objects) {
                Class *class_ = list_entry(i, ClassObject, server_node)->class_;

                if (class_ && is_in_process(class_))
                        gate_open(e, &class_->missing);
        }
}

static bool may_become_taker(const Engine *e, const Class *class_, const Server *server)
{
        bool registered = false;

        if (!server->launched || server->package != class_->package || server->exe_server != class_->exe_server ||
            !server_takes_runs(server) || e->now.mono_usec >= server->class_until_mono_usec)
                return false;
        list_for_each(i, &server->objects) {
                const ClassObject *object = list_entry(i, ClassObject, server_node);

                if (object->class_ != class_)
                        continue;
                if (object->suspended && !object->used)
                        return true;
                registered = true;
        }
        return !registered;
}

static Server *find_awaited(const Engine *e, const Class *class_)
{
        list_for_each(i, &e->servers_all) {
                Server *server = list_entry(i, Server, all_node);

                if (may_become_taker(e, class_, server))
                        return server;
        }
        return NULL;
}

static void attach(Engine *e, Run *run, Server *server)
{
        Server *before = run->server;

        if (before == server)
                return;
        if (before) {
                list_remove(&run->server_node);
                before->n_runs--;
                server_arm(e, before);
        }
        run->launched = false;
        run->server = server;
        run->server_id = server->id;
        list_append(&server->runs, &run->server_node);
        server->n_runs++;
}

static void send(Engine *e, Run *run, ClassObject *object)
{
        RunInfo *info = scratch_take(&e->scratch, sizeof *info);
        Effect *effect;

        attach(e, run, object->server);
        object->used = object->single_use;
        run->sent = true;
        run->sent_real_usec = e->now.real_usec;
        run->answer_mono_usec = usec_add(e->now.mono_usec, ACKNOWLEDGE_USEC);
        effect_ledger(e, run);
        effect_run_info(e, run, info);
        effect = effect_add(e, EFFECT_SEND_RUN);
        effect->send_run.server = object->server->id;
        effect->send_run.cookie = object->cookie;
        effect->send_run.clsid = object->class_->clsid;
        effect->send_run.info = info;
}

static void launch(Engine *e, Run *run, const Class *class_)
{
        Server *server = server_new(e, ++e->last_server, class_->package, class_->exe_server);
        Effect *effect;

        server->launched = true;
        server->state = SERVER_LAUNCHING;
        server->class_until_mono_usec = usec_add(e->now.mono_usec, CLASS_REGISTRATION_USEC);
        attach(e, run, server);
        run->launched = true;
        effect_ledger(e, run);
        effect = effect_add(e, EFFECT_LAUNCH);
        effect->launch.server = server->id;
        effect->launch.package = class_->package->name;
        effect->launch.exe_server = class_->exe_server;
        effect->launch.command = class_->command ? class_->clsid : UUID_NULL;
        server_arm(e, server);
}

/* Each attempt of a command has a server of its own, which takes nothing else. */
static void place_command(Engine *e, Run *run, const Class *class_)
{
        if (!run->server) {
                launch(e, run, class_);
                return;
        }
        list_for_each(i, &class_->objects) {
                ClassObject *object = list_entry(i, ClassObject, class_node);

                if (object->server == run->server && !object->suspended && !object->used &&
                    server_takes_runs(run->server)) {
                        send(e, run, object);
                        return;
                }
        }
}

void class_place(Engine *e, Run *run)
{
        Class *class_ = task_class(e, run->task);
        ClassObject *object;
        Server *server;

        if (class_->command) {
                place_command(e, run, class_);
                return;
        }
        object = find_taker(class_);
        if (object) {
                send(e, run, object);
                return;
        }
        /* None is launched for it: its gate was open, or an update took its class while it waits for a server. */
        if (is_in_process(class_))
                return;
        if (run->server && may_become_taker(e, class_, run->server))
                return;
        server = find_awaited(e, class_);
        if (!server) {
                launch(e, run, class_);
                return;
        }
        attach(e, run, server);
        effect_ledger(e, run);
        server_arm(e, server);
}

void class_look_again(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);
        Class *class_ = task_class(e, task);

        if (!extra || class_->command)
                return;
        list_for_each_safe(i, &extra->live) {
                Run *run = list_entry(i, Run, task_node);

                if (run->state == RUN_STARTING && find_taker(class_))
                        run_dispatch(e, run, RUN_CLASS_READY, (RunArgs){ 0 });
        }
}

/* The runs that wait for this server look again: at its class object, or for another one. */
static void place_waiting(Engine *e, Server *server, const Class *class_)
{
        list_for_each_safe(i, &server->runs) {
                Run *run = list_entry(i, Run, server_node);

                if (!class_ || task_class(e, run->task) == class_)
                        run_dispatch(e, run, RUN_CLASS_READY, (RunArgs){ 0 });
        }
}

/* The server offers this class, NULL: whatever it has: the runs that wait for another server wait no longer. */
static void place_all(Engine *e, Server *server, const Class *class_)
{
        place_waiting(e, server, class_);
        list_for_each_safe(i, &e->servers_all) {
                Server *other = list_entry(i, Server, all_node);

                if (other != server && other->launched && other->package == server->package)
                        place_waiting(e, other, class_);
        }
}

void class_withdraw(Engine *e, ClassObject *object)
{
        Class *class_ = TAKE_PTR(object->class_);

        list_remove(&object->class_node);
        if (class_)
                class_drop(e, class_);
}

void class_free_object(Engine *e, ClassObject *object)
{
        Class *class_ = object->class_;

        list_remove(&object->class_node);
        list_remove(&object->server_node);
        object->server->n_objects--;
        pool_give(&e->objects, object);
        if (class_)
                class_drop(e, class_);
}

void class_register(Engine *e, Server *server, const Event *event)
{
        bool in_process = uuid_is_null(event->class_object.clsid) && package_is_installed(server->package);
        Class *class_ = in_process ? class_need(e, server->package, UUID_NULL)
                                   : class_find(e, server->package, event->class_object.clsid);
        ClassObject *object;

        if (!class_ || (!class_->declared && !in_process) ||
            (class_->command && (!server->launched || server->exe_server != EXE_SERVER_COMMAND))) {
                effect_reply(e, event->token, ERROR_CLASS_NOT_YOURS);
                return;
        }
        if (server->n_objects >= OBJECTS_MAX) {
                class_drop(e, class_);
                effect_reply(e, event->token, ERROR_QUOTA_EXCEEDED);
                return;
        }
        server->n_objects++;
        object = pool_take(&e->objects);
        object->class_ = class_;
        object->server = server;
        object->cookie = ++e->last_cookie;
        object->single_use = !(event->class_object.flags & (REGCLS_MULTIPLEUSE | REGCLS_MULTI_SEPARATE));
        object->suspended = event->class_object.flags & REGCLS_SUSPENDED;
        list_prepend(&class_->objects, &object->class_node);
        list_append(&server->objects, &object->server_node);
        server->state = SERVER_UP;
        effect_reply_number(e, event->token, object->cookie);
        class_resume(e, server);
        place_all(e, server, class_);
        server_arm(e, server);
}

static ClassObject *find_object(const Server *server, uint32_t cookie)
{
        list_for_each(i, &server->objects) {
                ClassObject *object = list_entry(i, ClassObject, server_node);

                if (object->cookie == cookie)
                        return object;
        }
        return NULL;
}

static void suspend_all(Engine *e, Server *server, bool suspended)
{
        list_for_each(i, &server->objects)
                list_entry(i, ClassObject, server_node)->suspended = suspended;
        if (suspended)
                return;
        class_resume(e, server);
        place_all(e, server, NULL);
}

void class_event(Engine *e, const Event *event)
{
        uint64_t id = event->type == EVENT_CLASSES_SUSPENDED ? event->process.server : event->class_object.server;
        Server *server = server_find(e, id);
        ClassObject *object;

        if (!server || server->gone) {
                effect_reply(e, event->token, ERROR_NOT_A_SERVER);
                return;
        }
        server_heard(e, server);
        switch (event->type) {
        case EVENT_CLASS_REGISTERED:
                server_dispatch(e, server, SERVER_CLASS_REGISTERED, event);
                break;
        case EVENT_CLASS_REVOKED:
                object = find_object(server, event->class_object.cookie);
                if (object)
                        class_free_object(e, object);
                effect_reply(e, event->token, object ? ERROR_NONE : ERROR_NO_SUCH_CLASS_OBJECT);
                break;
        default:
                suspend_all(e, server, event->process.suspended);
                effect_reply(e, event->token, ERROR_NONE);
                break;
        }
}
