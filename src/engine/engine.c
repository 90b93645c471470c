/* SPDX-License-Identifier: MIT */

/*
 * Events in, effects out: each event reserves its memory, changes the state, and then does the work that has become
 * due.
 */

#include "base/hash.h"
#include "engine/parts.h"

const EngineLimits engine_default_limits = {
        .registrations_per_package = 1000000,
        .live_runs = 64,
        .live_runs_per_task = 16,
        .pending_per_task = 100,
        .starts_per_window = 1000,
        .start_window_usec = 10 * USEC_PER_MINUTE,
};

void effects_clear(Effects *effects)
{
        effects->n_items = 0;
}

void effects_done(Effects *effects)
{
        free(effects->items);
        *effects = (Effects){ 0 };
}

Uuid engine_run_id(Uuid task, uint64_t number)
{
        uint8_t name[8];

        for (size_t i = 0; i < sizeof name; i++)
                name[i] = (uint8_t)(number >> (56 - 8 * i));
        return uuid_v5(task, name, sizeof name);
}

uint32_t engine_jitter(const Engine *e, const Class *class_)
{
        const uint64_t key[2] = { e->config.host_hash, class_->failures };

        return siphash24(class_->clsid.bytes, sizeof class_->clsid.bytes, key) % 1025;
}

void engine_set_alarm(Engine *e, Alarm *alarm, bool mono, uint64_t usec)
{
        Queue *queue = mono ? &e->mono_alarms : &e->boot_alarms;

        if (queue_node_is_linked(&alarm->node) && alarm->node.key == usec)
                return;
        queue_remove(queue, &alarm->node);
        if (usec != USEC_INFINITY)
                queue_insert(queue, &alarm->node, usec);
}

static int init_maps(Engine *e)
{
        Map *maps[] = {
                &e->committing,       &e->runs_by_id,    &e->commits_by_number, &e->servers_by_id,
                &e->packages_by_name, &e->classes_by_id, &e->topics_by_text,
        };

        for (size_t i = 0; i < ELEMENTSOF(maps); i++) {
                int r = map_init(maps[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static void init_lists(Engine *e)
{
        ListNode *lists[] = {
                &e->open_gates, &e->packages, &e->servers_all,   &e->live,    &e->attempted,    &e->outlived,
                &e->dirty,      &e->unstored, &e->states,        &e->unstored_states,           &e->raises,
                &e->waiters,    &e->dead_runs, &e->dead_servers, &e->dead_packages,             &e->zones,
        };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                list_init(lists[i]);
        gate_init(&e->ready, true);
        gate_init(&e->run_limit, true);
        for (size_t i = 0; i < CONDITION_MAX; i++) {
                gate_init(&e->conditions[i], false);
                e->levels[i].now = e->levels[i].stored = -1;
        }
}

int engine_new(const EngineConfig *config, Engine **ret_engine)
{
        Engine *e = calloc(1, sizeof *e);
        int r;

        if (!e)
                return -ENOMEM;
        e->config = *config;
        e->last_server = config->first_server ? config->first_server - 1 : 0;
        e->rewrite_boot_usec = USEC_INFINITY;
        e->tasks = SLAB_INIT(sizeof(Task), 1024);
        e->extras = SLAB_INIT(sizeof(Extra), 128);
        e->classes = SLAB_INIT(sizeof(Class), 32);
        e->runs = POOL_INIT(sizeof(Run));
        e->commits = POOL_INIT(sizeof(Commit));
        e->servers = POOL_INIT(sizeof(Server));
        e->objects = POOL_INIT(sizeof(ClassObject));
        e->marks = POOL_INIT(sizeof(StartMark));
        e->replies = POOL_INIT(sizeof(Reply));
        e->raises_pool = POOL_INIT(sizeof(Raise));
        e->ids.tasks = &e->tasks;
        e->timers = HEAP_INIT(timer_moved, e);
        e->dates = HEAP_INIT(timer_moved, e);
        init_lists(e);
        r = init_maps(e);
        if (r < 0) {
                engine_free(e);
                return r;
        }
        *ret_engine = e;
        return 0;
}

static void free_tasks(Engine *e)
{
        IdsPosition position;

        if (!e->runs_by_id.buckets)
                return;
        for (uint32_t i = ids_first_after(&e->ids, UUID_NULL, &position); i; i = ids_next(&e->ids, &position)) {
                Task *task = task_get(e, i);
                Extra *extra = task_extra(e, task);

                if (extra && extra->shadow)
                        spec_free_text(task_get(e, extra->shadow));
                if (extra) {
                        request_wake(e, &extra->waiters);
                        trigger_free_all(extra);
                }
                spec_free_text(task);
        }
}

static void free_runs(Engine *e)
{
        MapNode *node;

        while ((node = map_any(&e->runs_by_id))) {
                Run *run = CONTAINER_OF(node, Run, node);

                map_remove(&e->runs_by_id, node);
                while (run->replies) {
                        Reply *reply = run->replies;

                        run->replies = reply->next;
                        free(reply);
                }
                /* A run of a registration that is gone is the last to hold its text. */
                if (run->task->state == TASK_GONE) {
                        spec_free_text(run->task);
                        trigger_free_all(task_extra(e, run->task));
                }
                firing_unref_details(run->details);
                free(run);
        }
}

static void free_list(ListNode *list, size_t offset)
{
        while (!list_is_empty(list)) {
                ListNode *node = list->next;

                list_remove(node);
                free((char *)node - offset);
        }
}

static void free_maps(Engine *e)
{
        MapNode *node;

        while ((node = map_any(&e->commits_by_number))) {
                map_remove(&e->commits_by_number, node);
                free(CONTAINER_OF(node, Commit, node));
        }
        while ((node = map_any(&e->topics_by_text))) {
                map_remove(&e->topics_by_text, node);
                free(CONTAINER_OF(node, Topic, node));
        }
        map_done(&e->committing);
        map_done(&e->runs_by_id);
        map_done(&e->commits_by_number);
        map_done(&e->servers_by_id);
        map_done(&e->packages_by_name);
        map_done(&e->classes_by_id);
        map_done(&e->topics_by_text);
}

static void free_servers(Engine *e)
{
        while (!list_is_empty(&e->servers_all)) {
                Server *server = list_entry(e->servers_all.next, Server, all_node);

                free_list(&server->objects, offsetof(ClassObject, server_node));
                list_remove(&server->all_node);
                free(server);
        }
}

static void free_packages(Engine *e, ListNode *list)
{
        while (!list_is_empty(list)) {
                Package *package = list_entry(list->next, Package, all_node);

                request_wake(e, &package->waiters);
                free_list(&package->starts, offsetof(StartMark, node));
                list_remove(&package->all_node);
                package_free(package);
        }
}

static void bury_packages(Engine *e)
{
        while (!list_is_empty(&e->dead_packages)) {
                Package *package = list_entry(e->dead_packages.next, Package, all_node);

                list_remove(&package->all_node);
                package_free(package);
        }
}

/* What the effects of the last event pointed to. */
static void bury(Engine *e)
{
        ending_bury(e);
        task_bury(e);
        server_bury(e);
        bury_packages(e);
        condition_bury(e);
        scratch_reset(&e->scratch);
}

void engine_expect(Engine *e, uint32_t n_tasks)
{
        (void)names_reserve(e, n_tasks);
}

Engine *engine_free(Engine *e)
{
        if (!e)
                return NULL;
        if (e->topics_by_text.buckets) {
                bury(e);
                free_tasks(e);
                free_runs(e);
                while (!list_is_empty(&e->raises)) {
                        Raise *raise = list_entry(e->raises.next, Raise, node);

                        list_remove(&raise->node);
                        firing_unref_details(raise->details);
                        free(raise);
                }
                free_servers(e);
                free_packages(e, &e->packages);
                free_list(&e->waiters, offsetof(Waiter, node));
        }
        free_maps(e);
        reserve_drop_spare(e);
        ids_done(&e->ids);
        free(e->names.slots);
        heap_done(&e->timers);
        heap_done(&e->dates);
        dates_done(e);
        slab_done(&e->tasks);
        slab_done(&e->extras);
        slab_done(&e->classes);
        pool_done(&e->runs);
        pool_done(&e->commits);
        pool_done(&e->servers);
        pool_done(&e->objects);
        pool_done(&e->marks);
        pool_done(&e->replies);
        pool_done(&e->raises_pool);
        scratch_done(&e->scratch);
        free(e);
        return NULL;
}

static void shut_down(Engine *e, const Event *event)
{
        e->shutting_down = true;
        list_for_each_safe(i, &e->live)
                run_dispatch(e, list_entry(i, Run, live_node), RUN_CANCEL,
                             (RunArgs){ .reason = event->shutdown_reason });
}

static void tick(Engine *e, const Event *event)
{
}

static void clock_stepped(Engine *e, const Event *event)
{
        timer_clock_stepped(e);
}

static void (*const handlers[])(Engine *e, const Event *event) = {
        [EVENT_RESTORE_PACKAGE] = package_restore,
        [EVENT_RESTORE_PACKAGE_PAUSE] = package_restore_pause,
        [EVENT_RESTORE_TASK] = restore_task,
        [EVENT_RESTORE_PENDING] = restore_pending,
        [EVENT_RESTORE_LEVEL] = condition_restore,
        [EVENT_RESTORE_SERVER] = server_restore,
        [EVENT_RESTORE_LEDGER] = restore_ledger,
        [EVENT_ZONE] = dates_zone,
        [EVENT_START] = restore_start,
        [EVENT_TICK] = tick,
        [EVENT_CLOCK_STEPPED] = clock_stepped,
        [EVENT_COMMITTED] = commit_answer,
        [EVENT_INSTALL] = request_handle,
        [EVENT_REMOVE] = request_handle,
        [EVENT_REGISTER] = request_handle,
        [EVENT_UNREGISTER] = request_handle,
        [EVENT_PAUSE] = request_handle,
        [EVENT_SKIP] = request_handle,
        [EVENT_PAUSE_PACKAGE] = request_handle,
        [EVENT_LEVEL] = condition_level,
        [EVENT_RAISE] = condition_raise,
        [EVENT_REQUEST] = firing_request,
        [EVENT_RUN_NOW] = firing_request,
        [EVENT_CANCEL] = run_cancel_task,
        [EVENT_CANCEL_RUN] = run_cancel_one,
        [EVENT_SPAWNED] = server_event,
        [EVENT_SPAWN_FAILED] = server_event,
        [EVENT_SERVER_ATTACHED] = server_event,
        [EVENT_SERVER_ANNOUNCED] = restore_announced,
        [EVENT_SERVER_BECAME_APP] = server_event,
        [EVENT_SERVER_GONE] = server_event,
        [EVENT_CLASS_REGISTERED] = class_event,
        [EVENT_CLASS_REVOKED] = class_event,
        [EVENT_CLASSES_SUSPENDED] = class_event,
        [EVENT_ASK_TO_GO] = server_event,
        [EVENT_RUN_ACKNOWLEDGED] = run_server_event,
        [EVENT_RUN_REFUSED] = run_server_event,
        [EVENT_RUN_PROGRESS] = run_server_event,
        [EVENT_RUN_COMPLETED] = run_server_event,
        [EVENT_TRACED] = server_event,
        [EVENT_SHUTDOWN] = shut_down,
};

static_assert(ELEMENTSOF(handlers) == _EVENT_TYPE_MAX, "a handler for each event");

static void sound(Engine *e, Alarm *alarm)
{
        if (alarm->kind == ALARM_CLASS)
                class_alarm(e, CONTAINER_OF(alarm, Class, alarm));
        else if (alarm->kind == ALARM_PACKAGE)
                package_alarm(e, CONTAINER_OF(alarm, Package, alarm));
        else
                run_boot_alarm(e, CONTAINER_OF(alarm, Run, boot_alarm));
}

static void sound_mono(Engine *e, Alarm *alarm)
{
        if (alarm->kind == ALARM_SERVER)
                server_alarm(e, CONTAINER_OF(alarm, Server, alarm));
        else
                run_mono_alarm(e, CONTAINER_OF(alarm, Run, mono_alarm));
}

static bool is_due(const Queue *queue, uint64_t now)
{
        return !queue_is_empty(queue) && queue->first->key <= now;
}

static Alarm *take_alarm(Queue *queue)
{
        QueueNode *node = queue->first;

        queue_remove(queue, node);
        return CONTAINER_OF(node, Alarm, node);
}

static void drain(Engine *e)
{
        if (!restore_judge(e))
                return;
        for (; e->work > 0 && is_due(&e->mono_alarms, e->now.mono_usec); e->work--)
                sound_mono(e, take_alarm(&e->mono_alarms));
        for (; e->work > 0 && is_due(&e->boot_alarms, e->now.boot_usec); e->work--)
                sound(e, take_alarm(&e->boot_alarms));
        /* Or who is requested now would be judged behind all that were due. */
        if (!e->shutting_down && !e->store_behind && e->n_ready < READY_MAX) {
                timer_fire_due(e);
                condition_drain(e);
        }
        gate_drain(e);
}

int engine_feed(Engine *e, const Event *event, Effects *effects)
{
        bool judge;
        int r;

        bury(e);
        r = reserve(e, event, effects);
        if (r < 0)
                return r;
        e->effects = effects;
        e->work = WORK_MAX;
        e->commits_before = e->last_commit;
        /* The kernel's clocks do not go back; whoever feeds them wrong shall not turn the engine's order around. */
        e->now = (EngineTime){
                .boot_usec = MAX(e->now.boot_usec, event->time.boot_usec),
                .mono_usec = MAX(e->now.mono_usec, event->time.mono_usec),
                .real_usec = event->time.real_usec,
        };
        if (e->n_events++ == 0) {
                e->derived_boot_usec = e->now.boot_usec;
                e->derived_real_usec = e->now.real_usec;
        }
        judge = request_first(e);
        if (event->type < _EVENT_TYPE_MAX)
                handlers[event->type](e, event);
        if (judge)
                request_next(e);
        e->store_behind = event->store_behind;
        if (e->started) {
                drain(e);
                commit_flush(e);
                timer_update_wake(e);
        }
        reserve_drop_spare(e);
        return 0;
}

uint64_t engine_new_server(Engine *e)
{
        return ++e->last_server;
}

static bool has_work(const Engine *e)
{
        return e->started && (!list_is_empty(&e->waiters) || !list_is_empty(&e->attempted) || commit_has_work(e) ||
                              (!e->shutting_down && (!list_is_empty(&e->raises) || !list_is_empty(&e->open_gates))));
}

static uint64_t first_key(const Queue *queue)
{
        return queue_is_empty(queue) ? USEC_INFINITY : queue->first->key;
}

EngineTime engine_next_wake(const Engine *e)
{
        EngineTime next = { .boot_usec = 0, .mono_usec = USEC_INFINITY, .real_usec = USEC_INFINITY };

        if (!e->started) {
                next.boot_usec = USEC_INFINITY;
                return next;
        }
        next.mono_usec = first_key(&e->mono_alarms);
        if (has_work(e))
                return next;
        next.boot_usec = MIN(first_key(&e->boot_alarms), e->rewrite_boot_usec);
        if (!e->shutting_down) {
                next.boot_usec = MIN(next.boot_usec, e->wake_boot_usec);
                next.real_usec = e->dates.n > 0 ? e->dates.keys[0] : USEC_INFINITY;
        }
        return next;
}

bool engine_is_quiet(const Engine *e)
{
        return e->n_live == 0 && e->n_commits == 0;
}
