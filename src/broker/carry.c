/* SPDX-License-Identifier: MIT */

/* Each effect of the engine goes to the room that can do it. */

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "broker/broker.h"

static void carry_store(Broker *broker, const Effect *effect)
{
        uint64_t commit = effect->store.commit;
        Event failed;
        int r;

        r = store_begin(broker->store, commit);
        if (r < 0) {
                failed = broker_event(broker, EVENT_COMMITTED, 0);
                failed.committed.commit = commit;
                failed.committed.error = r;
                broker_feed(broker, &failed);
                return;
        }
        broker->last_begun = MAX(broker->last_begun, commit);
        broker_write_begin(broker, effect->type != EFFECT_STORE_PENDING && effect->type != EFFECT_STORE_TASK_STATE);
        /* An error of a put is the error of its commit, and is answered as such. */
        switch (effect->type) {
        case EFFECT_STORE_TASK:
                (void)store_put_task(broker->store, effect->store.task);
                break;
        case EFFECT_STORE_TASK_STATE:
                (void)store_put_task_state(broker->store, effect->store.task);
                break;
        case EFFECT_STORE_TASK_GONE:
                (void)store_delete_task(broker->store, effect->store.task_gone);
                break;
        case EFFECT_STORE_PENDING:
                (void)store_put_pending(broker->store, effect->store.pending);
                break;
        case EFFECT_STORE_PENDING_GONE:
                (void)store_delete_pending(broker->store, effect->store.pending_gone.task,
                                           effect->store.pending_gone.number);
                break;
        case EFFECT_STORE_RUN:
                (void)store_append_run(broker->store, effect->store.run);
                break;
        case EFFECT_STORE_LEVEL: {
                const StoreLevel row = {
                        .boot_id = broker->boot_id,
                        .condition = effect->store.level.condition,
                        .level = effect->store.level.level,
                };

                (void)store_put_level(broker->store, &row);
                break;
        }
        case EFFECT_STORE_PACKAGE:
                broker_package_stored(broker, effect->store.package.name, effect->store.package.token);
                break;
        case EFFECT_STORE_PACKAGE_PAUSE:
                if (effect->store.package.paused)
                        (void)store_put_pause(broker->store, effect->store.package.name,
                                              effect->store.package.since_real_usec);
                else
                        (void)store_delete_pause(broker->store, effect->store.package.name);
                break;
        case EFFECT_STORE_PACKAGE_GONE:
                (void)store_delete_package(broker->store, effect->store.package.name);
                break;
        default:
                break;
        }
}

static void refuse_run(Broker *broker, uint64_t server, const RunInfo *info)
{
        Event event = broker_event(broker, EVENT_RUN_REFUSED, 0);

        event.run.server = server;
        event.run.run = info->run;
        event.run.attempt = info->attempt;
        broker_feed(broker, &event);
}

static void carry_run(Broker *broker, const Effect *effect)
{
        Server *server = broker_server_find(broker, effect->send_run.server);

        /* It has hung up and has not exited yet: its end, and not a refusal, which would count against its class. */
        if (server && !server->peer && server->linger_fd >= 0) {
                broker_server_give_up(server);
                return;
        }
        if (!server || !server->peer ||
            bus_send_run(server->peer, effect->send_run.info, effect->send_run.clsid, effect->send_run.cookie) < 0)
                refuse_run(broker, effect->send_run.server, effect->send_run.info);
}

/* Messages to a server that cannot be reached any more are dropped: its end is on its way to the engine. */
static void carry_message(Broker *broker, const Effect *effect)
{
        Server *server = broker_server_find(broker, effect->send.server);
        BusRun run = { effect->send.run, effect->send.attempt };

        /* To a command SIGTERM says that it is canceled; its supervisor lives on and tells how it ended. */
        if (effect->type == EFFECT_SEND_CANCEL && server && server->process &&
            server->exe_server == EXE_SERVER_COMMAND)
                (void)process_signal_tree(server->process, SIGTERM);
        if (!server || !server->peer)
                return;
        if (effect->type == EFFECT_SEND_CANCEL)
                (void)bus_send_cancel(server->peer, run, effect->send.reason);
        else if (effect->type == EFFECT_SEND_RECORDED)
                (void)bus_send_recorded(server->peer, run);
        else
                (void)bus_send_leave(server->peer);
}

static void carry_signal(Broker *broker, const Effect *effect)
{
        Server *server = broker_server_find(broker, effect->signal.server);

        if (server)
                broker_server_signal(server, effect->signal.number);
}

static void carry_check_traced(Broker *broker, const Effect *effect)
{
        Server *server = broker_server_find(broker, effect->send.server);
        Event event = broker_event(broker, EVENT_TRACED, 0);

        event.process.server = effect->send.server;
        event.process.traced = server && server->process && process_is_traced(server->process) > 0;
        broker_feed(broker, &event);
}

static void carry_notify(Broker *broker, const Effect *effect)
{
        static const char *const changes[] = {
                [NOTIFY_REGISTERED] = "registered",
                [NOTIFY_UNREGISTERED] = "unregistered",
                [NOTIFY_CHANGED] = "changed",
        };

        switch (effect->notify.kind) {
        case NOTIFY_RUN_STATE:
                bus_signal_run_changed(broker->bus, effect->notify.info);
                break;
        case NOTIFY_PROGRESS:
                bus_signal_progress(broker->bus, effect->notify.info);
                break;
        case NOTIFY_ENDED:
                bus_signal_completed(broker->bus, effect->notify.run_row);
                broker_tell_failure(broker, effect->notify.run_row);
                broker_sockets_settle(broker, effect->notify.task, true);
                break;
        default:
                broker_sockets_check(broker, effect->notify.task);
                broker_sockets_settle(broker, effect->notify.task, false);
                bus_signal_task_changed(broker->bus, effect->notify.task, effect->notify.package, effect->notify.name,
                                        changes[effect->notify.kind]);
        }
}

static void carry_one(Broker *broker, const Effect *effect)
{
        switch (effect->type) {
        case EFFECT_REPLY:
                control_reply(broker, effect);
                break;
        case EFFECT_LEDGER:
                ledger_record(broker, effect->ledger);
                break;
        case EFFECT_LEDGER_GONE:
                ledger_forget(broker, effect->ledger_gone);
                break;
        case EFFECT_LAUNCH:
                broker_write_after_start(broker);
                broker_server_launch(broker, effect->launch.server, effect->launch.package, effect->launch.exe_server,
                                     effect->launch.command);
                break;
        case EFFECT_SEND_RUN:
                broker_write_after_start(broker);
                carry_run(broker, effect);
                break;
        case EFFECT_SEND_CANCEL:
        case EFFECT_SEND_RECORDED:
        case EFFECT_SEND_LEAVE:
                carry_message(broker, effect);
                break;
        case EFFECT_SIGNAL:
                carry_signal(broker, effect);
                break;
        case EFFECT_CHECK_TRACED:
                carry_check_traced(broker, effect);
                break;
        case EFFECT_SERVER_RELEASED:
                broker_server_released(broker, effect->send.server);
                break;
        case EFFECT_WATCH:
                if (broker->sensors)
                        sensors_watch(broker->sensors, effect->watch.kind, effect->watch.text, effect->watch.on);
                break;
        case EFFECT_NOTIFY:
                carry_notify(broker, effect);
                break;
        default:
                carry_store(broker, effect);
        }
}

/* Watchers come last: a server has its run before anybody is told of it. */
void broker_carry(Broker *broker, const Effects *effects)
{
        for (size_t i = 0; i < effects->n_items; i++)
                if (effects->items[i].type != EFFECT_NOTIFY)
                        carry_one(broker, &effects->items[i]);
        for (size_t i = 0; i < effects->n_items; i++)
                if (effects->items[i].type == EFFECT_NOTIFY)
                        carry_one(broker, &effects->items[i]);
}
