/* SPDX-License-Identifier: MIT */

/* One seed: the world's clocks, the broker's life and death, and the one way in which events reach the engine. */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "world.h"

const char *const package_names[N_PACKAGES] = { "Alpha_1", "Beta_2" };

void sim_fail(World *w, const char *section, const char *format, ...)
{
        va_list args;

        w->failure.happened = true;
        w->failure.step = w->step;
        snprintf(w->failure.section, sizeof w->failure.section, "%s", section);
        va_start(args, format);
        vsnprintf(w->failure.text, sizeof w->failure.text, format, args);
        va_end(args);
        if (w->verbose)
                model_print(w);
        siglongjmp(w->on_failure, 1);
}

/* The strings that the simulator uses, so that a copied row never points into the engine. */
const char *intern(World *w, const char *text)
{
        static const char *const known[] = { "", "a", "b", "c", "d", "x", "y", "bad\nname", "nobody", "-nobody",
                                             "command", "*:0/15", "hourly", "daily", "02:30",
                                             "Mon..Fri 10:00 Area/City", "*-*~1 23:30", "25:00", "2020-01-01",
                                             "10:00 No/Where", "transferred" };

        if (!text)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(text, known[i]) == 0)
                        return known[i];
        if (package_index(text) >= 0)
                return package_names[package_index(text)];
        sim_fail(w, "effects", "a text that nobody gave: '%.40s'", text);
}

typedef struct Owned {
        struct Owned *next;
        uint8_t data[] __attribute__((aligned(8)));
} Owned;

const void *own(World *w, const void *data, size_t n)
{
        Owned *owned = malloc(sizeof *owned + n);

        sim_check(w, owned, "simulator", "out of memory");
        owned->next = w->owned;
        w->owned = owned;
        return memcpy(owned->data, data, n);
}

const Trigger *own_triggers(World *w, const Trigger *triggers, size_t n)
{
        Trigger copy[TRIGGERS_MAX];

        if (n == 0)
                return NULL;
        /* Of more than there may be the number counts. */
        n = MIN(n, ELEMENTSOF(copy));
        for (size_t i = 0; i < n; i++) {
                copy[i] = triggers[i];
                copy[i].text = intern(w, triggers[i].text);
        }
        return own(w, copy, n * sizeof *copy);
}

int package_index(const char *name)
{
        for (int i = 0; i < N_PACKAGES; i++)
                if (strcmp(name, package_names[i]) == 0)
                        return i;
        return -1;
}

Uuid class_id(int package, int class)
{
        return (Uuid){ { 0xc1, 0x5d, package + 1, class + 1 } };
}

Uuid version_content(int package, int version)
{
        return (Uuid){ { 0xc0, package + 1, version + 1 } };
}

uint32_t version_capabilities(int version)
{
        return version == 1 ? 0 : UINT32_MAX;
}

size_t version_classes(int package, int version, PackageClass classes[static N_CLASSES])
{
        size_t n = 0;

        for (int class = 0; class < N_CLASSES; class++)
                if (version != 2 || class != 1)
                        classes[n++] = (PackageClass){ .clsid = class_id(package, class), .exe_server = class == 2 };
        return n;
}

uint64_t world_token(World *w, EventType type, uint64_t server)
{
        sim_check(w, w->n_wants < MAX_WANTS, "effects", "%d callers wait for an answer", MAX_WANTS);
        w->wants[w->n_wants++] = (Want){ .token = ++w->next_token, .type = type, .server = server };
        return w->next_token;
}

Want *world_want(World *w, uint64_t token)
{
        for (size_t i = 0; i < w->n_wants; i++)
                if (w->wants[i].token == token)
                        return &w->wants[i];
        return NULL;
}

/* The engine gets what a journal would give it: the event written as bytes, and read again. */
static int feed_through_bytes(World *w, const Event *event)
{
        Event again;
        int r;

        w->bytes.size = 0;
        r = event_write(event, &w->bytes);
        if (r >= 0)
                r = event_read(w->bytes.data, w->bytes.size, &w->storage, &again);
        sim_check(w, r == 0, "journal", "an event of the kind %s cannot be read again: %d",
                  event_name(event->type), r);
        return engine_feed(w->engine, &again, &w->effects);
}

/* Whether nothing of all who listen to this socket is pending or live. */
static bool is_idle(World *w, const char *text)
{
        Uuid tasks[16];
        size_t n = engine_list_listeners(w->engine, TRIGGER_SOCKET_ACTIVITY, text, tasks, ELEMENTSOF(tasks));
        TaskInfo info;

        for (size_t i = 0; i < n; i++)
                if (engine_get_task(w->engine, tasks[i], &info) && info.n_pending + info.n_live > 0)
                        return false;
        return true;
}

/* 4.2: a firing could not be stored. */
static void look_again(World *w)
{
        static const char *const texts[] = { "x", "y" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (is_idle(w, texts[i]))
                        w->told &= ~WATCH_BIT(TRIGGER_SOCKET_ACTIVITY, texts[i]);
}

/* Of the events of an atom any but the last may find the store behind, so that it ends as if it had never been. */
static void feed_once(World *w, const Event *fed, bool may_be_behind)
{
        Event event = *fed;
        int r;

        effects_clear(&w->effects);
        w->n_feeds++;
        event.store_behind = may_be_behind && rng_percent(&w->disk, 20);
        r = feed_through_bytes(w, &event);
        sim_check(w, r == 0, "effects", "engine_feed() answers %d", r);
        for (size_t i = 0; i < w->effects.n_items; i++) {
                acts_add(w, &w->effects.items[i]);
                if (w->verbose)
                        history_act(w, &w->acts.items[w->acts.n - 1]);
                acts_carry_out(w, &w->acts.items[w->acts.n - 1]);
        }
        if (event.type == EVENT_COMMITTED && event.committed.error < 0)
                look_again(w);
        sim_check(w, w->effects.n_items <= 2000, "I9", "one event has %zu effects", w->effects.n_items);
}

static bool is_due(World *w)
{
        EngineTime wake = engine_next_wake(w->engine);

        return wake.boot_usec <= w->now.boot_usec || wake.mono_usec <= w->now.mono_usec ||
                wake.real_usec <= w->now.real_usec;
}

/* An atom: the event, then a tick at the same moment, then ticks as long as the engine has work left. */
static void feed_atom(World *w, const Event *event)
{
        Event tick = { .type = EVENT_TICK, .time = w->now };
        unsigned n = 0;

        w->acts.n = 0;
        /* Then who waits to replace or to remove a task comes before its firing, and gates open before it. */
        feed_once(w, event, event->type > EVENT_TICK && event->type != EVENT_LEVEL && w->n_wants == 0);
        if (event->type < EVENT_START)
                return;
        if (event->type != EVENT_TICK)
                feed_once(w, &tick, false);
        while (is_due(w)) {
                EngineTime wake = engine_next_wake(w->engine);

                sim_check(w, ++n < 200, "I8",
                          "the engine wants to be woken at %" PRIu64 " boot %" PRIu64 " mono again "
                          "and again, and it is %" PRIu64 " boot %" PRIu64 " mono",
                          wake.boot_usec, wake.mono_usec, w->now.boot_usec, w->now.mono_usec);
                feed_once(w, &tick, false);
        }
}

void world_feed(World *w, Event *event)
{
        event->time = w->now;
        if (w->verbose)
                history_event(w, event);
        feed_atom(w, event);
        if (event->type < EVENT_START)
                return;
        model_event(w, event);
        proc_check_traced(w);
}

/* Clocks go on; the broker is woken whenever the engine asked for it, or (stop_at_wakes false) only at the end. */
void world_advance(World *w, uint64_t delta, bool stop_at_wakes)
{
        bool to_next = delta == 0;

        for (unsigned n = 0; n < 12 && (delta > 0 || to_next); n++) {
                EngineTime wake = engine_next_wake(w->engine);
                uint64_t step = usec_sub(wake.boot_usec, w->now.boot_usec);
                Event event = { .type = EVENT_TICK };

                step = MIN(step, usec_sub(wake.mono_usec, w->now.mono_usec));
                step = MIN(step, usec_sub(wake.real_usec, w->now.real_usec));
                if (to_next && step > 400 * USEC_PER_DAY)
                        step = USEC_PER_SEC;
                if (!to_next)
                        step = stop_at_wakes ? MIN(step, delta) : delta;
                w->now.boot_usec += step;
                w->now.mono_usec += step;
                w->now.real_usec += step;
                delta = to_next ? 0 : delta - step;
                to_next = false;
                world_feed(w, &event);
        }
}

void world_watch(World *w, const Effect *e)
{
        uint64_t bit = WATCH_BIT(e->watch.kind, e->watch.text);

        sim_check(w, !(w->watched & bit) == e->watch.on, "4.2", "\"%s\" is watched twice or not", e->watch.text);
        w->watched ^= bit;
        w->told &= ~bit;
}

void world_settle(World *w, Uuid task)
{
        TaskInfo info;

        if (!engine_get_task(w->engine, task, &info))
                return;
        for (size_t i = 0; i <= info.row.spec.n_more; i++) {
                const Trigger *trigger = spec_trigger(&info.row.spec, (uint32_t)i);

                if (trigger->kind == TRIGGER_SOCKET_ACTIVITY)
                        w->told &= ~WATCH_BIT(trigger->kind, trigger->text);
        }
}

static void restore_event(World *w, Event event)
{
        event.time = w->now;
        if (w->verbose)
                history_event(w, &event);
        feed_once(w, &event, false);
        for (size_t i = 0; i < w->acts.n; i++) {
                EffectType type = w->acts.items[i].effect.type;

                sim_check(w, type == EFFECT_LEDGER_GONE || type == EFFECT_WATCH, "8",
                          "an event before START has effects");
        }
        w->acts.n = 0;
}

static void restore_packages(World *w)
{
        for (int i = 0; i < N_PACKAGES; i++) {
                StoredPackage *p = &w->store.durable.packages[i];
                PackageClass classes[N_CLASSES];
                Event event = { .type = EVENT_RESTORE_PACKAGE };

                event.package.name = package_names[i];
                event.package.since_real_usec = p->paused_real;
                if (p->paused)
                        restore_event(w, (Event){ .type = EVENT_RESTORE_PACKAGE_PAUSE, .package = event.package });
                if (!p->there)
                        continue;
                event.package.content = version_content(i, p->version);
                event.package.classes = classes;
                event.package.n_classes = version_classes(i, p->version, classes);
                event.package.capabilities = version_capabilities(p->version);
                restore_event(w, event);
        }
}

static void restore_rows(World *w)
{
        Db *db = &w->store.durable;

        for (size_t i = 0; i < db->n_tasks; i++)
                restore_event(w, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &db->tasks[i] });
        for (size_t i = 0; i < db->n_pending; i++) {
                PendingRow row = db->pending[i].row;

                row.details = row.n_details ? db->pending[i].details : NULL;
                restore_event(w, (Event){ .type = EVENT_RESTORE_PENDING, .pending_row = &row });
        }
        for (int i = 0; i < CONDITION_MAX; i++)
                if (db->levels[i] != 2)
                        restore_event(w, (Event){ .type = EVENT_RESTORE_LEVEL,
                                                  .level = { .condition = i, .level = db->levels[i] } });
}

static void restore_ledger(World *w)
{
        for (size_t i = 0; i < w->n_procs; i++) {
                Proc *p = &w->procs[i];

                if (p->restored)
                        restore_event(w, (Event){.type = EVENT_RESTORE_SERVER,
                                                 .server = {.server = p->id,
                                                            .package = package_names[p->package],
                                                            .exe_server = p->exe,
                                                            .launched = p->launched && !p->app}});
        }
        /* An entry may be dropped at once, so that the last one takes its place. */
        for (size_t i = w->n_ledger; i-- > 0;) {
                LedgerRow row = w->ledger[i];

                row.firing.details = row.firing.n_details ? w->ledger_details[i] : NULL;
                restore_event(w, (Event){ .type = EVENT_RESTORE_LEDGER, .ledger_row = &row });
        }
}

/* A TZif file that holds nothing but a rule, NULL: there is none. */
static const uint8_t *zone_file(World *w, const char *name, size_t *ret_size)
{
        static const char *const local[] = { "CET-1CEST,M3.5.0,M10.5.0/3", "UTC0", "EST5EDT,M3.2.0,M11.1.0", NULL };
        static uint8_t data[256];
        const char *rule = *name ? "AAA-9:30BBB,M10.1.0,M4.1.0/3" : local[w->rules];
        size_t n = 2 * (44 + 6 + 1);

        if (!rule || (*name && strcmp(name, "Area/City") != 0))
                return NULL;
        memset(data, 0, sizeof data);
        for (size_t i = 0; i < n; i += 44 + 6 + 1) {
                memcpy(data + i, "TZif2", 5);
                data[i + 39] = data[i + 43] = 1;
        }
        *ret_size = n + snprintf((char *)data + n, sizeof data - n, "\n%s\n", rule);
        return data;
}

const Zone *world_zone(World *w, const char *name)
{
        static Zone *zones[8];
        size_t n = 0, slot = *name ? 4 : w->rules;
        const uint8_t *data = zone_file(w, name, &n);

        if (strcmp(name, "UTC") == 0)
                return zone_utc();
        if (data && !zones[slot])
                sim_check(w, zone_parse(data, n, &zones[slot]) == 0, "simulator", "no zone");
        return data ? zones[slot] : NULL;
}

void world_feed_zone(World *w, const char *name)
{
        Event event = { .type = EVENT_ZONE, .zone = { .name = name } };

        event.zone.data = zone_file(w, name, &event.zone.n);
        if (w->started)
                world_feed(w, &event);
        else
                restore_event(w, event);
}

static void start_broker(World *w, bool rebooted)
{
        EngineConfig config = { .limits = w->limits, .boot_id = w->boot_id, .host_hash = w->seed * 7919,
                                .hash_key = { w->seed, 77 + w->n_boots }, .first_server = w->first_server };
        Event event = { .type = EVENT_START, .start = { .rebooted = rebooted } };

        sim_check(w, engine_new(&config, &w->engine) == 0, "simulator", "out of memory");
        w->last_commit = 0;
        w->watched = 0;
        w->acts.n = 0;
        w->started = false;
        world_feed_zone(w, "");
        world_feed_zone(w, "Area/City");
        restore_packages(w);
        restore_rows(w);
        model_restart(w, rebooted);
        restore_ledger(w);
        w->started = true;
        world_feed(w, &event);
}

/* The processes when their broker dies. One that was being spawned is there or not. */
static void orphan_procs(World *w)
{
        for (size_t i = 0; i < w->n_procs; i++) {
                Proc *p = &w->procs[i];
                bool in_ledger = false;

                for (size_t j = 0; j < w->n_ledger; j++)
                        in_ledger = in_ledger || w->ledger[j].server == p->id;
                if (p->state == PROC_DEAD || (p->state == PROC_SPAWNING && rng_percent(&w->rng, 50)) || p->go) {
                        *p = w->procs[--w->n_procs];
                        i--;
                        continue;
                }
                p->state = PROC_ALIVE;
                p->connected = false;
                p->restored = in_ledger;
                p->trace_asked = p->asked = p->termed = false;
        }
}

static void feed_levels_again(World *w)
{
        for (int i = 0; i < CONDITION_MAX; i++) {
                Event event = { .type = EVENT_LEVEL, .level = { .condition = i, .level = w->levels[i] } };

                if (w->levels[i] >= 0 && rng_percent(&w->rng, 80))
                        world_feed(w, &event);
        }
}

static void new_boot(World *w)
{
        w->n_procs = 0;
        w->n_ledger = 0;
        w->n_boots++;
        w->boot_id = (Uuid){ { 0xb0, w->n_boots, 1 } };
        w->now.boot_usec = w->now.mono_usec = rng_between(&w->rng, 1, 90) * USEC_PER_SEC + rng_below(&w->rng, 1000000);
        if (rng_percent(&w->rng, 10))
                w->now.real_usec = rng_below(&w->rng, 1000) * USEC_PER_SEC;
        memset(w->levels, -1, sizeof w->levels);
}

void world_crash(World *w, bool reboot)
{
        static const uint32_t seconds[] = { 0, 1, 5, 70, 4000, 200000 };
        uint64_t down = seconds[rng_below(&w->rng, ELEMENTSOF(seconds))] * USEC_PER_SEC + rng_below(&w->rng, 1000000);

        history_note(w, "%s", reboot ? "the machine loses its power" : w->shutting_down ? "the broker leaves" :
                     "the broker is killed");
        model_before_crash(w);
        w->told = 0;
        store_crash(w, reboot);
        for (size_t i = 0; i < w->n_procs; i++)
                w->first_server = MAX(w->first_server, w->procs[i].id + 1);
        for (size_t i = 0; i < w->n_ledger; i++)
                w->first_server = MAX(w->first_server, w->ledger[i].server + 1);
        w->first_server = MAX(w->first_server, engine_new_server(w->engine));
        w->engine = engine_free(w->engine);
        w->n_wants = 0;
        w->shutting_down = false;
        w->now.real_usec += down;
        if (reboot) {
                new_boot(w);
        } else {
                w->now.boot_usec += down;
                w->now.mono_usec += down;
                orphan_procs(w);
        }
        start_broker(w, reboot);
        feed_levels_again(w);
}

static void random_limits(World *w)
{
        w->limits = engine_default_limits;
        w->limits.registrations_per_package = rng_between(&w->rng, 3, 10);
        w->limits.live_runs = rng_percent(&w->rng, 50) ? rng_between(&w->rng, 1, 3) : 64;
        w->limits.live_runs_per_task = rng_between(&w->rng, 1, 4);
        w->limits.pending_per_task = rng_between(&w->rng, 1, 5);
        w->limits.starts_per_window = rng_percent(&w->rng, 30) ? rng_between(&w->rng, 1, 6) : 1000;
        w->limits.time_limit_usec = rng_percent(&w->rng, 30) ? 30 * USEC_PER_SEC : 0;
}

int world_new(uint64_t seed, const Profile *profile, World **ret_world)
{
        World *w = calloc(1, sizeof *w);

        if (!w)
                return -ENOMEM;
        w->seed = seed;
        w->profile = profile;
        w->until = UINT32_MAX;
        w->first_server = 1;
        w->n_boots = 1;
        w->boot_id = (Uuid){ { 0xb0, 1, 1 } };
        w->now = (EngineTime){ 40 * USEC_PER_SEC + 7, 40 * USEC_PER_SEC + 7, UINT64_C(1792000000) * USEC_PER_SEC };
        memset(w->levels, -1, sizeof w->levels);
        store_init(&w->store);
        w->model = model_new();
        if (!w->model)
                return free(w), -ENOMEM;
        *ret_world = w;
        return 0;
}

World *world_free(World *w)
{
        if (!w)
                return NULL;
        if (!w->broken)
                engine_free(w->engine);
        effects_done(&w->effects);
        buffer_done(&w->bytes);
        event_storage_done(&w->storage);
        free(w->acts.items);
        while (w->owned) {
                Owned *owned = w->owned;

                w->owned = owned->next;
                free(owned);
        }
        store_done(&w->store);
        model_free(w->model);
        free(w);
        return NULL;
}

static void seed_step(World *w)
{
        rng_seed(&w->rng, w->seed, w->step);
        rng_seed(&w->disk, w->seed, UINT64_MAX - w->step);
}

static void play(World *w, unsigned n_steps)
{
        seed_step(w);
        random_limits(w);
        start_broker(w, false);
        ops_setup(w);
        for (w->step = 1; w->step <= n_steps && w->step <= w->until; w->step++) {
                /* Each step has chance of its own, so that leaving one out does not change the dice of the others. */
                seed_step(w);
                if (w->dropped && w->dropped[w->step])
                        continue;
                history_note(w, "step %u", w->step);
                ops_step(w);
        }
}

static World *playing;

/* An assertion of the engine is a failure of this seed, not the end of the program. */
static void on_abort(int number)
{
        playing->broken = true;
        playing->failure.happened = true;
        siglongjmp(playing->on_failure, 1);
}

bool world_play(World *w, unsigned n_steps)
{
        struct sigaction action = { .sa_handler = on_abort }, old;

        playing = w;
        sigaction(SIGABRT, &action, &old);
        if (sigsetjmp(w->on_failure, 1) == 0)
                play(w, n_steps);
        sigaction(SIGABRT, &old, NULL);
        if (w->broken) {
                w->failure.step = w->step;
                snprintf(w->failure.section, sizeof w->failure.section, "engine");
                snprintf(w->failure.text, sizeof w->failure.text, "an assertion of the engine fails");
        }
        return !w->failure.happened;
}
