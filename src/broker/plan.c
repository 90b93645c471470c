/* SPDX-License-Identifier: MIT */

/*
 * What will run when: a second engine gets the registrations, the pending firings and the conditions of the first one,
 * and a clock that runs ahead. What it asks for is granted at once: every commit succeeds, every server starts and
 * registers its classes, every run completes with success and takes no time. It starts with nothing alive, and the
 * machine neither sleeps nor is its wall clock set. What is held is told with the engine's own reasons.
 */

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "broker/broker.h"

/* A plan is made while nobody else is served, and so has to be short: some milliseconds. */
#define TASKS_MAX 20000
#define TICKS_MAX 50000
#define PAGE 256

typedef struct Plan {
        Broker *broker;
        Engine *engine;
        EngineTime now;
        Effects effects;
        Buffer events;          /* of Event, to be fed: what granting an effect brings about */
        size_t n_fed;
        uint64_t last_commit;
        Buffer held;            /* Uuid of the tasks that were told to be held, and have not run since */
        const BusPlan *request;
        Writer *w;
        uint32_t n_steps;
        int error;
} Plan;

static Event event_of(const Plan *plan, EventType type)
{
        return (Event){ .type = type, .time = plan->now };
}

/* Events that are granted have no pointers: a plain copy can wait. */
static void push(Plan *plan, const Event *event)
{
        if (plan->error == 0)
                plan->error = buffer_append(&plan->events, event, sizeof *event);
}

/* Which trigger it is that fires; a manual run that waits is of none. */
static void put_trigger(Plan *plan, const RunInfo *run)
{
        char buf[TRIGGER_NAME_MAX];
        const char *name = NULL;
        TaskInfo task;

        if (run->fired_by == FIRED_BY_MANUAL && run->count <= 1)
                return;
        writer_put_option_uint32(plan->w, "trigger-index", run->place);
        writer_put_option_string(plan->w, "trigger-kind", term_name(TERM_TRIGGER, run->trigger.kind));
        /* A one-shot that has been skipped is gone in the second engine, but not in the first. */
        if (engine_get_task(plan->broker->engine, run->task, &task))
                name = broker_name_trigger(&task.row.spec, run->place, buf);
        if (name)
                writer_put_option_string(plan->w, "trigger-text", name);
}

static void begin_step(Plan *plan, const char *what, const RunInfo *run)
{
        char text[UUID_STRING_MAX];
        Writer *w = plan->w;

        plan->n_steps++;
        writer_open_struct(w, "tsssa{sv}");
        writer_put_uint64(w, plan->now.real_usec);
        writer_put_string(w, uuid_format(run->task, text));
        writer_put_string(w, run->package);
        writer_put_string(w, run->name);
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "what", what);
        if (run->scheduled_real_usec > 0)
                writer_put_option_uint64(w, "scheduled", run->scheduled_real_usec);
        if (run->count > 1)
                writer_put_option_uint32(w, "count", run->count);
        put_trigger(plan, run);
}

static void end_step(Plan *plan)
{
        writer_close(plan->w);
        writer_close(plan->w);
}

static void grant_classes(Plan *plan, const Effect *effect)
{
        const Package *package = broker_package_find(plan->broker, effect->launch.package);
        const ManifestServer *server = NULL;
        Event event = event_of(plan, EVENT_CLASS_REGISTERED);

        event.class_object.server = effect->launch.server;
        event.class_object.flags = REGCLS_MULTIPLEUSE;
        if (!uuid_is_null(effect->launch.command)) {
                event.class_object.clsid = effect->launch.command;
                push(plan, &event);
                return;
        }
        if (package && package->manifest && effect->launch.exe_server < package->manifest->n_servers)
                server = &package->manifest->servers[effect->launch.exe_server];
        for (size_t i = 0; server && i < server->n_classes; i++) {
                event.class_object.clsid = server->classes[i].clsid;
                push(plan, &event);
        }
}

static void grant_launch(Plan *plan, const Effect *effect)
{
        Event event = event_of(plan, EVENT_SPAWNED);

        event.process.server = effect->launch.server;
        push(plan, &event);
        grant_classes(plan, effect);
}

static Uuid *find_held(const Plan *plan, Uuid task)
{
        Uuid *held = (Uuid *)(void *)plan->held.data;

        for (size_t i = 0; i < plan->held.size / sizeof *held; i++)
                if (uuid_equal(held[i], task))
                        return &held[i];
        return NULL;
}

/* Wake-ups are shared and limits too, so that others take part even if only one is asked for. */
static bool is_asked_for(const Plan *plan, const RunInfo *run)
{
        const BusPlan *request = plan->request;

        return (uuid_is_null(request->task) || uuid_equal(request->task, run->task)) &&
               (!request->package || strcmp(request->package, run->package) == 0) && plan->n_steps < request->limit;
}

static void grant_run(Plan *plan, const Effect *effect)
{
        Uuid *held = find_held(plan, effect->send_run.info->task);
        Event event = event_of(plan, EVENT_RUN_ACKNOWLEDGED);

        if (is_asked_for(plan, effect->send_run.info)) {
                begin_step(plan, "runs", effect->send_run.info);
                end_step(plan);
        }
        if (held)
                *held = UUID_NULL;
        event.run.server = effect->send_run.server;
        event.run.run = effect->send_run.info->run;
        event.run.attempt = effect->send_run.info->attempt;
        push(plan, &event);
        event.type = EVENT_RUN_COMPLETED;
        push(plan, &event);
}

static void tell_skipped(Plan *plan, const RunRow *row)
{
        const RunInfo run = { .task = row->task, .package = row->package, .name = row->name, .count = row->count,
                              .scheduled_real_usec = row->scheduled_real_usec, .place = row->trigger,
                              .trigger.kind = row->trigger_kind, .fired_by = row->fired_by };

        if (row->detail != DETAIL_SKIPPED || !is_asked_for(plan, &run))
                return;
        begin_step(plan, "skipped", &run);
        end_step(plan);
}

static void grant(Plan *plan, const Effect *effect)
{
        Event event;

        if (effect->type == EFFECT_STORE_RUN)
                tell_skipped(plan, effect->store.run);
        switch (effect->type) {
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_TASK_STATE:
        case EFFECT_STORE_TASK_GONE:
        case EFFECT_STORE_PENDING:
        case EFFECT_STORE_PENDING_GONE:
        case EFFECT_STORE_RUN:
        case EFFECT_STORE_LEVEL:
                if (effect->store.commit <= plan->last_commit)
                        break;
                plan->last_commit = effect->store.commit;
                event = event_of(plan, EVENT_COMMITTED);
                event.committed.commit = effect->store.commit;
                push(plan, &event);
                break;
        case EFFECT_LAUNCH:
                grant_launch(plan, effect);
                break;
        case EFFECT_SEND_RUN:
                grant_run(plan, effect);
                break;
        default:
                break;
        }
}

/* Feeds an event, and all that follows from it at the same moment. */
static int feed(Plan *plan, const Event *first)
{
        Event event = *first;

        for (;;) {
                effects_clear(&plan->effects);
                event.time = plan->now;
                if (plan->error == 0)
                        plan->error = engine_feed(plan->engine, &event, &plan->effects);
                for (size_t i = 0; plan->error == 0 && i < plan->effects.n_items; i++)
                        grant(plan, &plan->effects.items[i]);
                if (plan->error < 0 || plan->n_fed == plan->events.size / sizeof event)
                        break;
                memcpy(&event, plan->events.data + plan->n_fed++ * sizeof event, sizeof event);
        }
        plan->events.size = 0;
        plan->n_fed = 0;
        return plan->error;
}

static int restore_packages(Plan *plan)
{
        list_for_each(i, &plan->broker->packages) {
                _cleanup_(freep) PackageClass *classes = NULL;
                const Package *package = list_entry(i, Package, node);
                Event event = event_of(plan, EVENT_RESTORE_PACKAGE);

                if (package->token != 0)
                        continue;
                if (broker_package_fill_event(package, &event, &classes) < 0 || feed(plan, &event) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int restore_zone(void *userdata, const Event *event)
{
        return feed(userdata, event);
}

static int restore_task(Plan *plan, const TaskInfo *task)
{
        Event event = event_of(plan, EVENT_RESTORE_TASK), pause = event_of(plan, EVENT_RESTORE_PACKAGE_PAUSE);

        pause.package.name = task->row.spec.package;
        pause.package.since_real_usec = task->package_paused_real_usec;
        if (task->package_paused && feed(plan, &pause) < 0)
                return plan->error;
        event.task_row = &task->row;
        return task->unregistering ? 0 : feed(plan, &event);
}

/* A page of registrations; the last id of it, null at the end. */
static int restore_page(Plan *plan, const char *package, Uuid *after)
{
        TaskInfo tasks[PAGE];
        size_t n = engine_list_tasks(plan->broker->engine, package, NULL, NULL, *after, tasks, PAGE);
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = restore_task(plan, &tasks[i]);
        *after = n == PAGE ? tasks[n - 1].row.id : UUID_NULL;
        return r;
}

/* Before the start as what was known already, so that no edge is seen, and after it as what sensors read. */
static int feed_levels(Plan *plan, EventType type)
{
        int r = 0;

        for (uint8_t c = 0; c < CONDITION_MAX && r >= 0; c++) {
                Event event = event_of(plan, type);

                event.level.condition = c;
                event.level.level = plan->request->levels[c];
                if (term_name(TERM_CONDITION, c) && plan->request->levels[c] >= 0)
                        r = feed(plan, &event);
        }
        return r;
}

static int restore_run(Plan *plan, const RunInfo *run)
{
        const PendingRow row = {
                .task = run->task,
                .number = run->number,
                .accepted_real_usec = run->accepted_real_usec,
                .scheduled_real_usec = run->scheduled_real_usec,
                .first_scheduled_real_usec = run->first_scheduled_real_usec,
                .count = run->count,
                .fired_by = run->fired_by,
                .trigger = run->place,
                .details = run->details,
                .n_details = run->n_details,
        };
        Event event = event_of(plan, EVENT_RESTORE_PENDING);

        event.pending_row = &row;
        return run->state == RUN_PENDING ? feed(plan, &event) : 0;
}

static int restore_pending(Plan *plan, Uuid task)
{
        uint64_t after = 0;
        RunInfo runs[PAGE];
        size_t n = PAGE;
        int r = 0;

        while (n == PAGE && r >= 0) {
                n = engine_get_runs(plan->broker->engine, task, after, runs, PAGE);
                for (size_t i = 0; i < n && r >= 0; i++)
                        r = restore_run(plan, &runs[i]);
                after = n > 0 ? runs[n - 1].order : 0;
        }
        return r;
}

static void put_reasons(Plan *plan, Uuid id)
{
        Why reasons[ENGINE_WHY_MAX];
        TaskInfo task;
        size_t n = engine_get_why(plan->engine, id, reasons);
        Writer *w = plan->w;

        writer_open_option(w, "reasons", "as");
        writer_open_array(w, "s");
        for (size_t i = 0; i < n && engine_get_task(plan->engine, id, &task); i++) {
                char sentence[WHY_SENTENCE_MAX];

                broker_why_sentence(plan->broker, &task, &reasons[i], &plan->now, sentence);
                writer_put_string(w, sentence);
        }
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

/* Tells of each task whose firing could not start at once, when that is so for the first time since it ran. */
static void tell_held(Plan *plan)
{
        uint64_t after = 0;
        RunInfo run;

        while (plan->n_steps < plan->request->limit && plan->error == 0 &&
               engine_get_runs(plan->engine, UUID_NULL, after, &run, 1) > 0) {
                after = run.order;
                if (run.state != RUN_PENDING || find_held(plan, run.task))
                        continue;
                plan->error = buffer_append(&plan->held, &run.task, sizeof run.task);
                if (!is_asked_for(plan, &run))
                        continue;
                begin_step(plan, "held", &run);
                put_reasons(plan, run.task);
                end_step(plan);
        }
}

/* Lets time pass until the engine wants to be woken. False: not before the end. */
static bool pass_time(Plan *plan, uint64_t end_boot_usec)
{
        EngineTime wake = engine_next_wake(plan->engine);
        uint64_t usec;

        usec = MIN(usec_sub(wake.boot_usec, plan->now.boot_usec), usec_sub(wake.mono_usec, plan->now.mono_usec));
        usec = MIN(usec, usec_sub(wake.real_usec, plan->now.real_usec));
        if (usec > usec_sub(end_boot_usec, plan->now.boot_usec))
                return false;
        plan->now.boot_usec += usec;
        plan->now.mono_usec += usec;
        plan->now.real_usec += usec;
        return true;
}

/* Returns true if the plan reaches its end, false if it was cut before. */
static bool run_ahead(Plan *plan, uint64_t horizon_usec)
{
        uint64_t end = usec_add(plan->now.boot_usec, horizon_usec);
        Event start = event_of(plan, EVENT_START);

        if (feed(plan, &start) >= 0)
                (void)feed_levels(plan, EVENT_LEVEL);
        for (unsigned n = 0; plan->error == 0; n++) {
                EngineTime before = plan->now;
                Event tick;

                if (plan->n_steps >= plan->request->limit || n >= TICKS_MAX)
                        return false;
                if (!pass_time(plan, end))
                        break;
                /* All that was due at the last moment has been granted: what is left of it is held. */
                if (plan->now.boot_usec != before.boot_usec) {
                        EngineTime now = plan->now;

                        plan->now = before;
                        tell_held(plan);
                        plan->now = now;
                }
                tick = event_of(plan, EVENT_TICK);
                (void)feed(plan, &tick);
        }
        tell_held(plan);
        return plan->n_steps < plan->request->limit;
}

static int restore(Plan *plan, bool all)
{
        const EngineConfig config = broker_engine_config(plan->broker);
        const BusPlan *request = plan->request;
        bool one = !all && !uuid_is_null(request->task);
        Uuid after = UUID_NULL;
        TaskInfo task;
        int r;

        r = engine_new(&config, &plan->engine);
        if (r >= 0)
                r = restore_packages(plan);
        if (r >= 0)
                r = broker_zones_tell(plan->broker, restore_zone, plan);
        if (r >= 0 && one && engine_get_task(plan->broker->engine, request->task, &task))
                r = restore_task(plan, &task);
        while (r >= 0 && !one) {
                r = restore_page(plan, all ? NULL : request->package, &after);
                if (uuid_is_null(after))
                        break;
        }
        if (r >= 0)
                r = feed_levels(plan, EVENT_RESTORE_LEVEL);
        return r < 0 ? r : restore_pending(plan, one ? request->task : UUID_NULL);
}

static void put_plan(Plan *plan, Call *call, bool all)
{
        bool complete;
        int r;

        plan->w = bus_begin_reply(call);
        writer_open_array(plan->w, "(tsssa{sv})");
        r = restore(plan, all);
        complete = r >= 0 && run_ahead(plan, plan->request->horizon_usec);
        writer_close(plan->w);
        writer_put_bool(plan->w, complete);
        if (r < 0 || plan->error < 0)
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
        else
                bus_send_reply(call);
}

/* Levels that were not asked for are as they are now. */
static void fill_levels(const Broker *broker, BusPlan *request)
{
        uint64_t since;

        for (int c = 0; c < CONDITION_MAX; c++)
                if (!request->assumed[c])
                        request->levels[c] = (int8_t)engine_get_level(broker->engine, c, &since);
}

void on_plan(Call *call, const BusPlan *asked, void *userdata)
{
        Broker *broker = userdata;
        BusPlan request = *asked;
        Plan plan = { .broker = broker, .now = clock_now(broker->clock), .request = &request };
        bool all = engine_get_counts(broker->engine).n_tasks <= TASKS_MAX;
        TaskInfo task;

        if (!uuid_is_null(request.task) && !engine_get_task(broker->engine, request.task, &task)) {
                bus_reply_error(call, ERROR_NO_SUCH_TASK, NULL);
                return;
        }
        if (!all && uuid_is_null(request.task) &&
            (!request.package || engine_count_tasks(broker->engine, request.package) > TASKS_MAX)) {
                bus_reply_error_with(call, ERROR_QUOTA_EXCEEDED, "there are too many registrations for one plan",
                                     "plan for one task or one package");
                return;
        }
        fill_levels(broker, &request);
        put_plan(&plan, call, all);
        effects_done(&plan.effects);
        buffer_done(&plan.events);
        buffer_done(&plan.held);
        engine_free(plan.engine);
}
