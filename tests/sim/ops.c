/* SPDX-License-Identifier: MIT */

/* The random operations: what clients, sensors, clocks and misfortune do. */

#include <string.h>

#include "model.h"
#include "world.h"

#define FAULTS_ALL UINT32_MAX
#define F(x) (UINT32_C(1) << FAULT_##x)

static const char *const task_names[] = { "a", "b", "c", "d" };
static const char *const texts[] = { "x", "y" };
/* The last three are refused. */
static const char *const expressions[] = { "*:0/15", "hourly", "daily", "02:30", "Mon..Fri 10:00 Area/City",
                                           "*-*~1 23:30", "25:00", "2020-01-01", "10:00 No/Where" };

/* Weights in the order of Op: small, wake, big, late, suspend, step, zone, store, proc, self, reg, unreg, pause, skip,
 * pause package, inst, rem, level, raise, request, run, cancel, cancel run, crash, reboot, shutdown. */
const Profile profiles[] = {
        { "everything", { 20, 30, 6, 3, 2, 2, 1, 60, 90, 2, 10, 4, 3, 3, 2, 2, 1, 12, 8, 8, 5, 4, 3, 3, 1, 0 },
          FAULTS_ALL },
        { "timers", { 10, 60, 20, 6, 6, 6, 1, 50, 60, 0, 8, 2, 2, 5, 1, 0, 0, 4, 0, 0, 2, 1, 1, 2, 2, 0 },
          F(CRASH) | F(COMMIT) | F(EXIT_AFTER_COMPLETE) },
        { "servers", { 20, 40, 4, 2, 0, 0, 0, 40, 140, 5, 5, 1, 0, 0, 0, 1, 0, 3, 10, 12, 6, 4, 4, 0, 0, 0 },
          FAULTS_ALL },
        { "registrations", { 10, 10, 4, 1, 0, 0, 0, 60, 30, 1, 60, 25, 4, 4, 2, 6, 4, 4, 4, 4, 3, 2, 0, 4, 2, 0 },
          F(COMMIT) },
        { "store", { 10, 30, 6, 2, 2, 2, 1, 60, 60, 1, 12, 6, 2, 4, 2, 3, 2, 8, 10, 10, 6, 3, 2, 4, 2, 0 },
          F(COMMIT) | F(CRASH) | F(EXIT_AFTER_COMPLETE) },
        { "crashes", { 15, 25, 4, 2, 1, 1, 1, 40, 90, 1, 8, 3, 1, 3, 1, 2, 1, 8, 8, 10, 5, 3, 2, 14, 2, 1 },
          FAULTS_ALL & ~F(COMMIT) },
        { "reboots", { 15, 25, 10, 2, 4, 4, 1, 40, 70, 1, 8, 3, 1, 3, 1, 2, 1, 8, 8, 10, 5, 3, 2, 2, 12, 0 },
          F(CRASH) },
        { "conditions", { 20, 30, 4, 2, 1, 0, 0, 40, 80, 1, 8, 2, 2, 2, 1, 0, 0, 60, 8, 8, 5, 2, 1, 2, 1, 0 },
          F(HANG) | F(TRACED) | F(IGNORE_TERM) },
        { "packages", { 10, 20, 4, 1, 1, 0, 0, 50, 70, 3, 14, 3, 1, 1, 6, 14, 6, 4, 8, 8, 5, 2, 1, 3, 1, 0 },
          F(COMMIT) | F(CRASH) | F(FOREIGN_CLASS) | F(REVOKE) },
        { "limits", { 10, 30, 6, 2, 1, 0, 0, 40, 90, 1, 14, 2, 2, 1, 1, 1, 0, 4, 20, 20, 12, 4, 3, 1, 1, 0 },
          F(REFUSE) | F(SPAWN) | F(NO_ACK) | F(NEVER_REGISTER) },
};
const size_t n_profiles = ELEMENTSOF(profiles);

static uint64_t pick(World *w, const uint64_t *values, size_t n)
{
        return values[rng_below(&w->rng, n)];
}
#define PICK(w, ...) pick(w, (const uint64_t[]){ __VA_ARGS__ }, sizeof (const uint64_t[]){ __VA_ARGS__ } / 8)

/* What tells a list of what has happened, and is watched by a text. */
static const uint8_t some_listed[] = { TRIGGER_STORAGE_CONTENT_CHANGED, TRIGGER_STORAGE_CHANGE_TRACKER,
                                       TRIGGER_DEVICE_CONNECTION_CHANGE, TRIGGER_DEVICE_WATCHER, TRIGGER_TOAST_ACTION,
                                       TRIGGER_USER_NOTIFICATION_CHANGED };

/* Of the sockets; that which was handed over belongs to one task. */
static const char *const sockets[] = { "x", "y", "transferred" };

static Trigger random_trigger(World *w)
{
        Trigger t = { .one_shot = rng_percent(&w->rng, 20) };

        t.kind = PICK(w, TRIGGER_TIME, TRIGGER_TIME, TRIGGER_INTERVAL, TRIGGER_INTERVAL, TRIGGER_INTERVAL,
                      TRIGGER_MAINTENANCE, TRIGGER_SYSTEM, TRIGGER_SYSTEM, TRIGGER_APPLICATION, TRIGGER_DEVICE_USE,
                      TRIGGER_CUSTOM_SYSTEM_EVENT, TRIGGER_STORAGE_CONTENT_CHANGED, TRIGGER_PUSH_NOTIFICATION,
                      TRIGGER_BOOT, TRIGGER_LOGIN, TRIGGER_RESUME, TRIGGER_CALENDAR, TRIGGER_CALENDAR,
                      TRIGGER_SOCKET_ACTIVITY, TRIGGER_SOCKET_ACTIVITY, TRIGGER_DEVICE_WATCHER,
                      some_listed[rng_below(&w->rng, ELEMENTSOF(some_listed))]);
        switch (t.kind) {
        case TRIGGER_CALENDAR:
                t.text = expressions[rng_below(&w->rng, ELEMENTSOF(expressions) - (rng_percent(&w->rng, 95) ? 3 : 0))];
                break;
        case TRIGGER_TIME:
        case TRIGGER_MAINTENANCE:
                t.period_usec = PICK(w, 15, 15, 20, 60, 1440) * USEC_PER_MINUTE;
                if (rng_percent(&w->rng, 4))
                        t.period_usec = 14 * USEC_PER_MINUTE;
                break;
        case TRIGGER_INTERVAL:
                t.period_usec = PICK(w, 1, 10, 60, 90, 3600, 86400) * USEC_PER_SEC;
                t.window_usec = PICK(w, 0, 0, 1, 7, 30, 3600) * USEC_PER_SEC;
                if (t.window_usec > t.period_usec && rng_percent(&w->rng, 95))
                        t.window_usec = t.period_usec;
                if (rng_percent(&w->rng, 3))
                        t.period_usec = rng_percent(&w->rng, 50) ? 0 : UINT64_MAX;
                break;
        case TRIGGER_SYSTEM:
                t.system_type = PICK(w, SYSTEM_USER_PRESENT, SYSTEM_USER_AWAY, SYSTEM_INTERNET_AVAILABLE,
                                     SYSTEM_SESSION_CONNECTED, SYSTEM_NETWORK_STATE_CHANGE, SYSTEM_SERVICING_COMPLETE,
                                     SYSTEM_TIME_ZONE_CHANGE);
                break;
        case TRIGGER_CUSTOM_SYSTEM_EVENT:
                t.system_type = rng_percent(&w->rng, 30) ? ONCE_PER_BOOT : 0;
                t.text = texts[rng_below(&w->rng, ELEMENTSOF(texts))];
                break;
        case TRIGGER_SOCKET_ACTIVITY:
                t.text = sockets[rng_below(&w->rng, ELEMENTSOF(sockets))];
                break;
        default:
                if (trigger_is_watched((int)t.kind))
                        t.text = texts[rng_below(&w->rng, ELEMENTSOF(texts))];
                break;
        }
        if (rng_percent(&w->rng, 2))
                t.kind = 0;
        return t;
}

static uint32_t random_conditions(World *w)
{
        static const uint8_t some[] = {CONDITION_USER_PRESENT,       CONDITION_USER_NOT_PRESENT,
                                       CONDITION_INTERNET_AVAILABLE, CONDITION_INTERNET_NOT_AVAILABLE,
                                       CONDITION_SESSION_CONNECTED,  CONDITION_ON_AC_POWER,
                                       CONDITION_BATTERY_NOT_LOW,    CONDITION_FREE_NETWORK_AVAILABLE,
                                       CONDITION_BACKGROUND_WORK_COST_NOT_HIGH };
        uint32_t bits = 0;

        if (rng_percent(&w->rng, 60))
                return 0;
        for (uint64_t n = rng_between(&w->rng, 1, 2); n > 0; n--)
                bits |= CONDITION_BIT(some[rng_below(&w->rng, ELEMENTSOF(some))]);
        if (rng_percent(&w->rng, 1))
                bits |= CONDITION_BIT(30);
        return bits;
}

/* Seeds in which nobody has to wait for the commit of somebody else. */
static bool is_calm(World *w)
{
        return w->profile == &profiles[1] && w->seed / n_profiles % 2;
}

static void calm_down(World *w)
{
        while (is_calm(w) && w->store.n_txs > 0)
                store_work(w, true);
}

/* Behind the first; now and then one too many, and now and then one twice. */
static void add_triggers(World *w, TaskSpec *s, Trigger more[static TRIGGERS_MAX])
{
        if (!rng_percent(&w->rng, 45))
                return;
        s->n_more = rng_percent(&w->rng, 3) ? TRIGGERS_MAX : rng_between(&w->rng, 1, 3);
        for (size_t i = 0; i < s->n_more; i++)
                more[i] = random_trigger(w);
        if (rng_percent(&w->rng, 3))
                more[0] = s->trigger;
        s->more = more;
}

static uint64_t catch_up_at_most(const TaskSpec *s, size_t place)
{
        const Trigger *t = trigger_of(s, place);

        if (!is_timer(t))
                return UINT64_MAX;
        return 40 * (is_calendar(t) ? 15 * USEC_PER_MINUTE : t->period_usec) / (1 + s->n_more);
}

/* The engine fires what is due in portions, and what a caller waits for may come between two of them. */
static void calm_catch_up(World *w, TaskSpec *s)
{
        for (size_t i = 0; i <= s->n_more && !is_calm(w); i++)
                s->catch_up_window_usec = MIN(s->catch_up_window_usec, catch_up_at_most(s, i));
}

/* The further triggers go to where the caller keeps them. */
static TaskSpec random_spec(World *w, Trigger more[static TRIGGERS_MAX])
{
        int package = rng_below(&w->rng, N_PACKAGES);
        TaskSpec s = {
                .package = package_names[package],
                .name = task_names[rng_below(&w->rng, ELEMENTSOF(task_names))],
                .group = "",
                .options = "",
                .trigger = random_trigger(w),
                .clsid = class_id(package, rng_below(&w->rng, N_CLASSES)),
                .conditions = random_conditions(w),
                .overlap = rng_below(&w->rng, 6),
                .catch_up = rng_below(&w->rng, 3),
                .rerun = rng_below(&w->rng, 3),
                .retry_max = rng_percent(&w->rng, 40) ? rng_below(&w->rng, 4) : 0,
                .catch_up_window_usec = PICK(w, 60, 3600, 86400) * USEC_PER_SEC,
                .retry_backoff_usec = PICK(w, 0, 0, 1, 60) * USEC_PER_SEC,
                .time_limit_usec = PICK(w, 0, 0, 0, 5, 60) * USEC_PER_SEC,
                .expires_usec = PICK(w, 0, 0, 0, 0, 60, 3600) * USEC_PER_SEC,
                .deadline_usec = PICK(w, 0, 0, 0, 0, 30, 1800) * USEC_PER_SEC,
        };

        add_triggers(w, &s, more);
        calm_catch_up(w, &s);
        s.cancel_on_condition_loss = s.conditions && rng_percent(&w->rng, 70);
        if (rng_percent(&w->rng, 3))
                s.clsid = class_id((package + 1) % N_PACKAGES, 0);
        if (rng_percent(&w->rng, 8))
                s.clsid = UUID_NULL;
        if (rng_percent(&w->rng, 2))
                s.has_entry_point = true;
        if (rng_percent(&w->rng, 25)) {
                s.command = true;
                s.options = "command";
                if (rng_percent(&w->rng, 3))
                        s.trigger = (Trigger){ .kind = TRIGGER_SOCKET_ACTIVITY, .text = texts[0] };
                if (!rng_percent(&w->rng, 2))
                        s.clsid = UUID_NULL;
        }
        if (rng_percent(&w->rng, 1))
                s.name = "";
        if (rng_percent(&w->rng, 1))
                s.name = "bad\nname";
        if (rng_percent(&w->rng, 1))
                s.package = s.command ? "-nobody" : "nobody";
        return s;
}

/* An update of one that is known, whose triggers stand in another order; the last has perhaps become another. */
static void move_triggers(World *w, TaskSpec *spec, Trigger more[static TRIGGERS_MAX])
{
        const MTask *t = model_task(w->model, model_random_task(w->model, &w->rng));
        size_t n = t ? t->spec.n_more + 1 : 0, shift;

        if (n == 0 || t->state != T_REGISTERED || t->forgotten)
                return;
        shift = rng_below(&w->rng, n);
        for (size_t i = 0; i < n - 1; i++)
                more[i] = *trigger_of(&t->spec, (i + shift) % n);
        *spec = t->spec;
        if (spec->command)
                spec->clsid = UUID_NULL;
        spec->trigger = *trigger_of(&t->spec, (n - 1 + shift) % n);
        spec->more = more;
        if (n > 1 && rng_percent(&w->rng, 50))
                more[n - 2] = random_trigger(w);
        /* What callers ask for is told apart by what they ask for. */
        spec->time_limit_usec = rng_between(&w->rng, 5, 5000) * USEC_PER_SEC;
        calm_catch_up(w, spec);
}

static void op_register(World *w)
{
        Trigger more[TRIGGERS_MAX];
        bool moves = rng_percent(&w->rng, 14);
        TaskSpec spec = random_spec(w, more);
        Event event = { .type = EVENT_REGISTER, .reg = { .spec = &spec } };

        calm_down(w);
        event.reg.if_exists = PICK(w, IF_EXISTS_FAIL, IF_EXISTS_KEEP, IF_EXISTS_UPDATE, IF_EXISTS_REPLACE,
                                   IF_EXISTS_REPLACE, IF_EXISTS_DUPLICATE);
        if (moves) {
                event.reg.if_exists = IF_EXISTS_UPDATE;
                move_triggers(w, &spec, more);
        }
        event.token = world_token(w, EVENT_REGISTER, 0);
        world_feed(w, &event);
}

/* A task that is known, most of the time. */
static Uuid random_task(World *w)
{
        if (rng_percent(&w->rng, 2))
                return class_id(0, 0);
        return model_random_task(w->model, &w->rng);
}

static void op_on_task(World *w, EventType type)
{
        static const uint8_t reasons[] = {REASON_ABORT, REASON_ABORT, REASON_USER, REASON_ENERGY_SAVER,
                                          REASON_IDLE_TASK };
        Event event = { .type = type, .task = { .task = random_task(w) } };
        uint8_t details[4];

        if (uuid_is_null(event.task.task))
                return;
        calm_down(w);
        event.task.cancel = rng_percent(&w->rng, 50);
        event.task.paused = rng_percent(&w->rng, 50);
        event.task.skip = rng_percent(&w->rng, 75);
        event.task.forced = rng_percent(&w->rng, 50);
        event.task.reason = reasons[rng_below(&w->rng, ELEMENTSOF(reasons))];
        if (type == EVENT_REQUEST && rng_percent(&w->rng, 70)) {
                for (size_t i = 0; i < sizeof details; i++)
                        details[i] = rng_next(&w->rng);
                event.task.details = details;
                event.task.n_details = rng_below(&w->rng, sizeof details + 1);
        }
        event.token = world_token(w, type, 0);
        world_feed(w, &event);
}

static void op_cancel_run(World *w)
{
        Event event = { .type = EVENT_CANCEL_RUN };

        event.run.run = model_random_run(w->model, &w->rng);
        event.run.reason = rng_percent(&w->rng, 50) ? REASON_ABORT : REASON_USER;
        event.token = world_token(w, EVENT_CANCEL_RUN, 0);
        world_feed(w, &event);
}

static void feed_install(World *w, int package, int version)
{
        PackageClass classes[N_CLASSES];
        Event event = { .type = EVENT_INSTALL };

        event.package.name = package_names[package];
        event.package.content = version_content(package, version);
        event.package.classes = classes;
        event.package.n_classes = version_classes(package, version, classes);
        event.package.capabilities = version_capabilities(version);
        event.token = world_token(w, EVENT_INSTALL, 0);
        world_want(w, event.token)->package = package;
        world_want(w, event.token)->version = version;
        world_feed(w, &event);
}

/* One operation at a time on each package: what the broker holds to, because it stages the new content first. */
static bool package_is_busy(World *w, int package)
{
        for (size_t i = 0; i < w->n_wants; i++)
                if ((w->wants[i].type == EVENT_INSTALL || w->wants[i].type == EVENT_REMOVE ||
                     w->wants[i].type == EVENT_PAUSE_PACKAGE) && w->wants[i].package == package)
                        return true;
        return false;
}

static void op_package(World *w, bool remove)
{
        int package = rng_below(&w->rng, N_PACKAGES);
        Event event = { .type = EVENT_REMOVE };

        if (package_is_busy(w, package))
                return;
        if (!remove) {
                feed_install(w, package, rng_below(&w->rng, N_VERSIONS));
                return;
        }
        event.package.name = package_names[package];
        event.token = world_token(w, EVENT_REMOVE, 0);
        world_want(w, event.token)->package = package;
        world_feed(w, &event);
}

static void op_pause_package(World *w)
{
        int package = rng_below(&w->rng, N_PACKAGES);
        Event event = { .type = EVENT_PAUSE_PACKAGE };

        if (package_is_busy(w, package))
                return;
        event.package.name = package_names[package];
        event.package.paused = rng_percent(&w->rng, 50);
        event.token = world_token(w, EVENT_PAUSE_PACKAGE, 0);
        world_want(w, event.token)->package = package;
        world_feed(w, &event);
}

static void feed_level(World *w, int condition, int level)
{
        Event event = { .type = EVENT_LEVEL, .level = { .condition = condition, .level = level } };

        event.level.baseline = rng_percent(&w->rng, 10);
        w->levels[condition] = level;
        world_feed(w, &event);
}

static void op_level(World *w)
{
        static const uint8_t some[] = { CONDITION_USER_PRESENT, CONDITION_USER_PRESENT, CONDITION_USER_NOT_PRESENT,
                                        CONDITION_INTERNET_AVAILABLE, CONDITION_SESSION_CONNECTED,
                                        CONDITION_ON_AC_POWER, CONDITION_BATTERY_NOT_LOW,
                                        CONDITION_FREE_NETWORK_AVAILABLE,
                                        CONDITION_BACKGROUND_WORK_COST_NOT_HIGH };

        feed_level(w, some[rng_below(&w->rng, ELEMENTSOF(some))],
                   rng_percent(&w->rng, 12) ? -1 : rng_percent(&w->rng, 60));
}

/* A list of what has happened; an empty entry: everything may have changed. */
static void raise_list(World *w, uint8_t kind, const char *text, Uuid task)
{
        static const char *const entries[] = { "a", "b", "c", "a\0b", "c\0a", "" };
        unsigned i = rng_below(&w->rng, ELEMENTSOF(entries));
        Event event = { .type = EVENT_RAISE, .raise = { .kind = kind, .text = text, .task = task,
                                                        .details = entries[i] } };

        event.raise.n_details = i < 3 ? 2 : i < 5 ? 4 : 1;
        world_feed(w, &event);
}

/* A socket that listens is told of once; one that was handed over belongs to one task. */
static void raise_socket(World *w)
{
        const char *text = sockets[rng_below(&w->rng, ELEMENTSOF(sockets))];
        uint64_t bit = WATCH_BIT(TRIGGER_SOCKET_ACTIVITY, text);

        if (text[0] == 't') {
                Uuid task = model_random_task(w->model, &w->rng);

                if (!uuid_is_null(task))
                        raise_list(w, TRIGGER_SOCKET_ACTIVITY, text, task);
        } else if (w->watched & ~w->told & bit) {
                w->told |= bit;
                raise_list(w, TRIGGER_SOCKET_ACTIVITY, text, UUID_NULL);
        }
}

static void op_raise(World *w)
{
        Event event = { .type = EVENT_RAISE };
        uint8_t details[3] = { 1, 2, rng_next(&w->rng) };

        if (rng_percent(&w->rng, 25)) {
                raise_list(w, some_listed[rng_below(&w->rng, ELEMENTSOF(some_listed))],
                           texts[rng_below(&w->rng, ELEMENTSOF(texts))], UUID_NULL);
                return;
        }
        if (rng_percent(&w->rng, 25)) {
                raise_socket(w);
                return;
        }
        if (rng_percent(&w->rng, 20)) {
                event.raise.kind = TRIGGER_PUSH_NOTIFICATION;
                event.raise.text = texts[rng_below(&w->rng, ELEMENTSOF(texts))];
                event.raise.details = details;
                event.raise.n_details = rng_below(&w->rng, sizeof details + 1);
                event.token = world_token(w, EVENT_RAISE, 0);
                world_feed(w, &event);
                return;
        }
        if (rng_percent(&w->rng, 15)) {
                event.raise.kind = TRIGGER_RESUME;
        } else if (rng_percent(&w->rng, 60)) {
                event.raise.kind = TRIGGER_SYSTEM;
                event.raise.system_type =
                        rng_percent(&w->rng, 70) ? SYSTEM_NETWORK_STATE_CHANGE : SYSTEM_TIME_ZONE_CHANGE;
        } else {
                event.raise.kind = TRIGGER_CUSTOM_SYSTEM_EVENT;
                event.raise.text = texts[rng_below(&w->rng, ELEMENTSOF(texts))];
        }
        if (rng_percent(&w->rng, 50)) {
                event.raise.details = details;
                event.raise.n_details = sizeof details;
        }
        world_feed(w, &event);
}

static void op_clock_step(World *w)
{
        Event event = { .type = EVENT_CLOCK_STEPPED };
        uint64_t step = PICK(w, 1, 60, 3600, 86400, 86400 * 400) * USEC_PER_SEC;

        w->now.real_usec = rng_percent(&w->rng, 50) ? usec_sub(w->now.real_usec, step) : w->now.real_usec + step;
        history_note(w, "the wall clock is set");
        world_feed(w, &event);
}

static void op_time(World *w, Op op)
{
        uint64_t delta;
        Event event = { .type = EVENT_TICK };

        switch (op) {
        case OP_ADVANCE_SMALL:
                world_advance(w, rng_between(&w->rng, 1, 3000) * USEC_PER_MSEC, true);
                break;
        case OP_ADVANCE_WAKE:
                world_advance(w, 0, true);
                break;
        case OP_ADVANCE_BIG:
                world_advance(w, PICK(w, 60, 600, 3600, 86400, 86400 * 30) * USEC_PER_SEC, true);
                break;
        case OP_ADVANCE_LATE:
                world_advance(w, PICK(w, 3, 20, 100, 4000, 86400) * USEC_PER_SEC, false);
                break;
        default:
                delta = PICK(w, 10, 600, 3600, 86400, 86400 * 5) * USEC_PER_SEC;
                w->now.boot_usec += delta;
                w->now.real_usec += delta;
                history_note(w, "suspended for %" PRIu64 " s", delta / USEC_PER_SEC);
                world_feed(w, &event);
                break;
        }
}

static void op_shutdown(World *w)
{
        Event event = { .type = EVENT_SHUTDOWN, .shutdown_reason = REASON_LOGGING_OFF };

        if (w->shutting_down)
                return;
        w->shutting_down = true;
        world_feed(w, &event);
}

static void do_op(World *w, Op op)
{
        switch (op) {
        case OP_ADVANCE_SMALL ... OP_SUSPEND:
                op_time(w, op);
                break;
        case OP_CLOCK_STEP:
                op_clock_step(w);
                break;
        case OP_ZONE:
                w->rules = (w->rules + rng_between(&w->rng, 1, 3)) % 4;
                world_feed_zone(w, "");
                break;
        case OP_STORE:
                store_work(w, false);
                break;
        case OP_PROC:
                proc_work(w);
                break;
        case OP_SELF_START:
                proc_self_start(w);
                break;
        case OP_REGISTER:
                op_register(w);
                break;
        case OP_UNREGISTER:
                op_on_task(w, EVENT_UNREGISTER);
                break;
        case OP_PAUSE:
                op_on_task(w, EVENT_PAUSE);
                break;
        case OP_SKIP:
                op_on_task(w, EVENT_SKIP);
                break;
        case OP_PAUSE_PACKAGE:
                op_pause_package(w);
                break;
        case OP_INSTALL:
        case OP_REMOVE:
                op_package(w, op == OP_REMOVE);
                break;
        case OP_LEVEL:
                op_level(w);
                break;
        case OP_RAISE:
                op_raise(w);
                break;
        case OP_REQUEST:
                op_on_task(w, EVENT_REQUEST);
                break;
        case OP_RUN_NOW:
                op_on_task(w, EVENT_RUN_NOW);
                break;
        case OP_CANCEL:
                op_on_task(w, EVENT_CANCEL);
                break;
        case OP_CANCEL_RUN:
                op_cancel_run(w);
                break;
        case OP_CRASH:
        case OP_REBOOT:
                world_crash(w, op == OP_REBOOT);
                break;
        case OP_SHUTDOWN:
                op_shutdown(w);
                break;
        case _OP_MAX:
                break;
        }
}

void ops_step(World *w)
{
        unsigned total = 0, at;

        for (Op op = 0; op < _OP_MAX; op++)
                total += w->weights[op];
        at = rng_below(&w->rng, total);
        for (Op op = 0; op < _OP_MAX; op++) {
                if (at < w->weights[op]) {
                        do_op(w, op);
                        break;
                }
                at -= w->weights[op];
        }
        /* A planned end waits for the runs, or loses its patience. */
        if (w->shutting_down && (engine_is_quiet(w->engine) || rng_percent(&w->rng, 10)))
                world_crash(w, false);
}

/* Swarm testing: each seed does without some operations and faults, and does more of others. */
void ops_setup(World *w)
{
        for (Op op = 0; op < _OP_MAX; op++) {
                bool needed = op == OP_STORE || op == OP_PROC || op == OP_REGISTER || op == OP_ADVANCE_WAKE;

                w->weights[op] = w->profile->weights[op] * rng_between(&w->rng, 1, 3);
                if (!needed && rng_percent(&w->rng, 25))
                        w->weights[op] = 0;
        }
        w->faults = 0;
        for (Fault fault = 0; fault < _FAULT_MAX; fault++)
                if ((w->profile->faults & (UINT32_C(1) << fault)) && rng_percent(&w->rng, 50))
                        w->faults |= UINT32_C(1) << fault;
        for (int i = 0; i < N_PACKAGES; i++)
                feed_install(w, i, rng_below(&w->rng, N_VERSIONS));
        store_work(w, true);
        store_work(w, true);
        for (int i = 0; i < CONDITION_MAX; i++)
                if (term_name(TERM_CONDITION, i) && rng_percent(&w->rng, 60))
                        feed_level(w, i, rng_percent(&w->rng, 70));
        for (uint64_t n = rng_between(&w->rng, 1, 4); n > 0; n--)
                op_register(w);
        while (rng_percent(&w->rng, 80) && w->store.n_txs > 0)
                store_work(w, true);
}
