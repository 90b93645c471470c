/* SPDX-License-Identifier: MIT */

#include "engine/test-driver-store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const Uuid driver_clsid = { { 0x14, 0xc5, 0xa8, 0x82, 1 } };
const Uuid driver_other_clsid = { { 0x14, 0xc5, 0xa8, 0x82, 2 } };

/* What follows from an effect, fed after it. */
struct DriverAction {
        Event event;
        Uuid clsid;
};

static DriverAction *add_action(Driver *d, EventType type)
{
        if (d->n_actions == d->n_actions_allocated) {
                d->n_actions_allocated = d->n_actions_allocated * 2 + 16;
                d->actions = realloc(d->actions, d->n_actions_allocated * sizeof *d->actions);
        }
        d->actions[d->n_actions] = (DriverAction){ .event.type = type };
        return &d->actions[d->n_actions++];
}

static void note_commit(Driver *d, uint64_t commit)
{
        for (size_t i = 0; i < d->n_held; i++)
                if (d->held[i] == commit)
                        return;
        assert_true(d->n_held < DRIVER_MAX);
        d->held[d->n_held++] = commit;
}

static void add_gone(Driver *d, uint64_t server, bool by_signal, int status)
{
        DriverAction *action = add_action(d, EVENT_SERVER_GONE);

        action->event.process.server = server;
        action->event.process.by_signal = by_signal;
        action->event.process.status_known = true;
        action->event.process.status = status;
}

static void launch(Driver *d, const Effect *effect)
{
        uint64_t server = effect->launch.server;
        DriverAction *action;
        StoredServer *s;

        d->launched[d->n_launched++] = server;
        if (d->launch == LAUNCH_FAIL) {
                action = add_action(d, EVENT_SPAWN_FAILED);
                action->event.process.server = server;
                action->event.process.error = -ENOEXEC;
                return;
        }
        s = &d->stored->servers[d->stored->n_servers++];
        *s = (StoredServer){ .id = server, .exe_server = effect->launch.exe_server, .launched = true };
        strcpy(s->package, effect->launch.package);
        add_action(d, EVENT_SPAWNED)->event.process.server = server;
        if (d->launch == LAUNCH_EXIT)
                add_gone(d, server, false, 3);
        if (d->launch != LAUNCH_UP && d->launch != LAUNCH_SUSPENDED)
                return;
        action = add_action(d, EVENT_CLASS_REGISTERED);
        action->event.class_object.server = server;
        action->event.class_object.clsid = effect->launch.exe_server ? driver_other_clsid : driver_clsid;
        if (!uuid_is_null(effect->launch.command))
                action->event.class_object.clsid = effect->launch.command;
        action->event.class_object.flags = d->class_flags | (d->launch == LAUNCH_SUSPENDED ? REGCLS_SUSPENDED : 0);
}

static DriverAction *add_run_action(Driver *d, EventType type, const DriverSent *sent)
{
        DriverAction *action = add_action(d, type);

        action->event.run.server = sent->server;
        action->event.run.run = sent->run;
        action->event.run.attempt = sent->attempt;
        return action;
}

static void send_run(Driver *d, const Effect *effect)
{
        const RunInfo *info = effect->send_run.info;
        DriverSent sent = {
                .run = info->run,
                .server = effect->send_run.server,
                .attempt = info->attempt,
                .cookie = effect->send_run.cookie,
                .count = info->count,
        };

        d->runs[d->n_runs++] = sent;
        if (d->run == RUN_MODE_HOLD)
                return;
        if (d->run == RUN_MODE_REFUSE) {
                add_run_action(d, EVENT_RUN_REFUSED, &sent);
                return;
        }
        add_run_action(d, EVENT_RUN_ACKNOWLEDGED, &sent);
        if (d->run == RUN_MODE_COMPLETE)
                add_run_action(d, EVENT_RUN_COMPLETED, &sent);
        if (d->run == RUN_MODE_FAIL)
                add_run_action(d, EVENT_RUN_COMPLETED, &sent)->event.run.result = -EIO;
}

static void note_reply(Driver *d, const Effect *effect)
{
        DriverReply *reply = &d->replies[effect->reply.token];

        assert_true(effect->reply.token < DRIVER_MAX);
        *reply = (DriverReply){
                .error = effect->reply.error,
                .store_error = effect->reply.store_error,
                .id = effect->reply.id,
                .existed = effect->reply.existed,
                .number = effect->reply.number,
                .result = effect->reply.result,
                .limit = effect->reply.limit,
                .n = reply->n + 1,
        };
}

static DriverSent sent_of(const Effect *effect)
{
        return (DriverSent){
                .run = effect->send.run,
                .server = effect->send.server,
                .attempt = effect->send.attempt,
                .reason = effect->send.reason,
        };
}

static void carry_out(Driver *d, const Effect *effect)
{
        switch (effect->type) {
        case EFFECT_REPLY:
                note_reply(d, effect);
                break;
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_TASK_STATE:
        case EFFECT_STORE_TASK_GONE:
        case EFFECT_STORE_PENDING:
        case EFFECT_STORE_PENDING_GONE:
        case EFFECT_STORE_RUN:
        case EFFECT_STORE_LEVEL:
        case EFFECT_STORE_PACKAGE:
        case EFFECT_STORE_PACKAGE_PAUSE:
        case EFFECT_STORE_PACKAGE_GONE:
                store_note_store(d, effect);
                note_commit(d, effect->store.commit);
                break;
        case EFFECT_LEDGER:
                store_note_ledger(d, effect->ledger);
                break;
        case EFFECT_LEDGER_GONE:
                store_drop_ledger(d->stored, effect->ledger_gone);
                break;
        case EFFECT_LAUNCH:
                launch(d, effect);
                break;
        case EFFECT_SEND_RUN:
                send_run(d, effect);
                break;
        case EFFECT_SEND_CANCEL:
                d->cancels[d->n_cancels++] = sent_of(effect);
                break;
        case EFFECT_SEND_RECORDED:
                d->recorded[d->n_recorded++] = sent_of(effect);
                break;
        case EFFECT_SEND_LEAVE:
                d->leaves[d->n_leaves++] = effect->send.server;
                break;
        case EFFECT_SIGNAL:
                d->signals[d->n_signals].server = effect->signal.server;
                d->signals[d->n_signals++].number = effect->signal.number;
                if (!d->ignore_signals)
                        add_gone(d, effect->signal.server, true, effect->signal.number);
                break;
        case EFFECT_CHECK_TRACED: {
                DriverAction *action = add_action(d, EVENT_TRACED);

                action->event.process.server = effect->send.server;
                action->event.process.traced = d->traced;
                break;
        }
        case EFFECT_SERVER_RELEASED:
                d->released[d->n_released++] = effect->send.server;
                break;
        case EFFECT_NOTIFY:
                d->n_notified[effect->notify.kind]++;
                assert_true(effect->notify.package[0] != '\0' && effect->notify.name[0] != '\0');
                if (effect->notify.kind == NOTIFY_ENDED)
                        d->ended[d->n_ended++] = store_copy_run(effect->notify.run_row);
                break;
        case EFFECT_WATCH:
                break;
        default:
                fail();
        }
}

static int feed_one(Driver *d, const Event *event)
{
        Event timed = *event;
        int r;

        if (event->type == EVENT_SERVER_GONE)
                store_forget_server(d->stored, event->process.server);
        effects_clear(&d->effects);
        timed.time = d->now;
        r = engine_feed(d->engine, &timed, &d->effects);
        if (r < 0)
                return r;
        if (d->fed)
                d->fed(d, &timed);
        d->n_effects += d->effects.n_items;
        for (size_t i = 0; i < d->effects.n_items; i++)
                carry_out(d, &d->effects.items[i]);
        return 0;
}

static void answer_commit(Driver *d, int error)
{
        Event event = { .type = EVENT_COMMITTED };

        event.committed.commit = d->held[0];
        event.committed.error = error;
        memmove(&d->held[0], &d->held[1], --d->n_held * sizeof d->held[0]);
        store_end_commit(d, event.committed.commit, error);
        assert_int_equal(feed_one(d, &event), 0);
}

static bool carry_on(Driver *d)
{
        if (d->n_actions > 0) {
                DriverAction action = d->actions[0];

                memmove(&d->actions[0], &d->actions[1], --d->n_actions * sizeof *d->actions);
                assert_int_equal(feed_one(d, &action.event), 0);
                return true;
        }
        if (!d->hold_commits && d->n_held > 0) {
                answer_commit(d, d->commit ? d->commit(d, d->held[0]) : d->commit_error);
                return true;
        }
        return false;
}

void driver_settle(Driver *d)
{
        for (unsigned i = 0; i < 100000; i++) {
                if (carry_on(d))
                        continue;
                if (engine_next_wake(d->engine).boot_usec != 0)
                        return;
                assert_int_equal(feed_one(d, &(Event){ .type = EVENT_TICK }), 0);
        }
        fail_msg("the engine never comes to rest");
}

int driver_feed(Driver *d, Event event)
{
        int r = feed_one(d, &event);

        if (r >= 0)
                driver_settle(d);
        return r;
}

DriverReply *driver_ask(Driver *d, Event event)
{
        event.token = ++d->last_token;
        assert_int_equal(driver_feed(d, event), 0);
        return &d->replies[event.token];
}

void driver_advance(Driver *d, uint64_t usec)
{
        uint64_t end = d->now.boot_usec + usec;

        for (unsigned i = 0; i < 100000; i++) {
                EngineTime next = engine_next_wake(d->engine);
                uint64_t step = end - d->now.boot_usec;

                if (next.boot_usec != USEC_INFINITY)
                        step = MIN(step, usec_sub(next.boot_usec, d->now.boot_usec));
                if (next.mono_usec != USEC_INFINITY)
                        step = MIN(step, usec_sub(next.mono_usec, d->now.mono_usec));
                d->now.boot_usec += step;
                d->now.mono_usec += step;
                d->now.real_usec += step;
                assert_int_equal(driver_feed(d, (Event){ .type = EVENT_TICK }), 0);
                next = engine_next_wake(d->engine);
                if (d->now.boot_usec == end && next.boot_usec > end && next.mono_usec > d->now.mono_usec)
                        return;
        }
        fail_msg("the engine wakes for ever");
}

void driver_answer_commits(Driver *d, int error)
{
        for (size_t n = d->n_held; n > 0; n--)
                answer_commit(d, d->commit ? d->commit(d, d->held[0]) : error);
        driver_settle(d);
}

static void new_engine(Driver *d)
{
        assert_int_equal(engine_new(&d->config, &d->engine), 0);
}

static void feed_package(Driver *d, EventType type, const char *name, unsigned version, uint64_t token)
{
        const PackageClass classes[] = { { driver_clsid, 0 }, { driver_other_clsid, 1 } };
        Event event = { .type = type, .token = token };

        event.package.name = name;
        event.package.content.bytes[0] = (uint8_t)version;
        event.package.classes = classes;
        event.package.capabilities = driver_capabilities(version);
        /* Version 100 and above have lost the first class. */
        if (version >= 100)
                event.package.classes++;
        event.package.n_classes = version >= 100 ? 1 : 2;
        assert_int_equal(driver_feed(d, event), 0);
}

Driver *driver_new(const EngineLimits *limits)
{
        Driver *d = calloc(1, sizeof *d);

        d->stored = calloc(1, sizeof *d->stored);
        memset(d->stored->levels, -1, sizeof d->stored->levels);
        d->config.limits = limits ? *limits : engine_default_limits;
        d->config.boot_id.bytes[0] = 1;
        d->config.host_hash = 12345678901;
        d->config.hash_key[0] = 17;
        d->config.first_server = 1;
        d->class_flags = REGCLS_MULTIPLEUSE;
        d->now = (EngineTime){
                .boot_usec = 1000 * USEC_PER_DAY,
                .mono_usec = 500 * USEC_PER_DAY,
                .real_usec = 20000 * USEC_PER_DAY,
        };
        new_engine(d);
        assert_int_equal(driver_feed(d, (Event){ .type = EVENT_START }), 0);
        return d;
}

Driver *driver_new_with_package(void)
{
        Driver *d = driver_new(NULL);

        driver_install(d, DRIVER_PACKAGE, 1);
        return d;
}

Driver *driver_free(Driver *d)
{
        engine_free(d->engine);
        effects_done(&d->effects);
        for (size_t i = 0; i < d->stored->n_tasks; i++)
                store_free_task(&d->stored->tasks[i]);
        for (size_t i = 0; i < d->stored->n_changes; i++)
                store_free_task(&d->stored->changes[i].task);
        free(d->stored->changes);
        free(d->stored);
        free(d->actions);
        free(d);
        return NULL;
}

static void restore_rows(Driver *d)
{
        DriverStored *stored = d->stored;

        for (size_t i = 0; i < stored->n_packages; i++)
                feed_package(d, EVENT_RESTORE_PACKAGE, stored->packages[i].name, stored->packages[i].version, 0);
        for (size_t i = 0; i < stored->n_paused; i++) {
                Event event = { .type = EVENT_RESTORE_PACKAGE_PAUSE };

                event.package.name = stored->paused[i];
                event.package.since_real_usec = stored->paused_real_usec[i];
                driver_feed(d, event);
        }
        for (size_t i = 0; i < stored->n_tasks; i++) {
                TaskRow row = store_task_row(&stored->tasks[i]);

                driver_feed(d, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &row });
        }
        for (size_t i = 0; i < stored->n_pending; i++) {
                stored->pending[i].row.details = stored->pending[i].details;
                driver_feed(d, (Event){ .type = EVENT_RESTORE_PENDING, .pending_row = &stored->pending[i].row });
        }
        for (uint8_t c = 0; c < CONDITION_MAX; c++)
                if (stored->levels[c] >= 0) {
                        Event event = { .type = EVENT_RESTORE_LEVEL };

                        event.level.condition = c;
                        event.level.level = stored->levels[c];
                        driver_feed(d, event);
                }
}

static void restore_processes(Driver *d)
{
        DriverStored *stored = d->stored;
        LedgerRow ledger[DRIVER_MAX];
        size_t n_ledger = stored->n_ledger;

        for (size_t i = 0; i < stored->n_servers; i++) {
                Event event = { .type = EVENT_RESTORE_SERVER };

                event.server.server = stored->servers[i].id;
                event.server.package = stored->servers[i].package;
                event.server.exe_server = stored->servers[i].exe_server;
                event.server.launched = stored->servers[i].launched;
                driver_feed(d, event);
        }
        memcpy(ledger, stored->ledger, sizeof ledger);
        for (size_t i = 0; i < n_ledger; i++)
                driver_feed(d, (Event){ .type = EVENT_RESTORE_LEDGER, .ledger_row = &ledger[i] });
}

void driver_restore(Driver *d, bool reboot)
{
        DriverStored *stored = d->stored;

        engine_free(d->engine);
        d->n_actions = 0;
        while (d->n_held > 0)
                store_end_commit(d, d->held[--d->n_held], -EIO);
        d->config.hash_key[0]++;
        d->config.first_server += 1000;
        if (reboot) {
                d->config.boot_id.bytes[0]++;
                d->now.boot_usec = USEC_PER_MINUTE;
                d->now.mono_usec = USEC_PER_MINUTE;
                stored->n_ledger = stored->n_servers = 0;
                memset(stored->levels, -1, sizeof stored->levels);
        }
        new_engine(d);
        restore_rows(d);
        restore_processes(d);
}

void driver_restart(Driver *d, bool reboot)
{
        Event event = { .type = EVENT_START };

        driver_restore(d, reboot);
        event.start.rebooted = reboot;
        driver_feed(d, event);
}
