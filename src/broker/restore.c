/* SPDX-License-Identifier: MIT */

/*
 * The start: what the store holds, then what the ledger says was alive, then the truth about those processes. Only
 * after that does the engine start anything.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"

/* All of it happens at one time: to look at three clocks for each of a million rows takes a tenth of the start. */
typedef struct Restore {
        Broker *broker;
        EngineTime now;
} Restore;

static Event restore_event(const Restore *restore, EventType type)
{
        return (Event){ .type = type, .time = restore->now };
}

static void expect_tasks(uint64_t n_tasks, void *userdata)
{
        const Restore *restore = userdata;

        engine_expect(restore->broker->engine, (uint32_t)MIN(n_tasks, (uint64_t)UINT32_MAX));
}

static int restore_package(const StorePackage *row, void *userdata)
{
        const Restore *restore = userdata;

        return broker_package_restore(restore->broker, row);
}

static int restore_paused(const char *package, uint64_t since_real_usec, void *userdata)
{
        const Restore *restore = userdata;
        Event event = restore_event(restore, EVENT_RESTORE_PACKAGE_PAUSE);

        event.package.name = package;
        event.package.since_real_usec = since_real_usec;
        broker_feed(restore->broker, &event);
        return 0;
}

static int restore_wine_prefix(const char *package, const char *prefix, void *userdata)
{
        const Restore *restore = userdata;

        return broker_package_restore_wine_prefix(restore->broker, package, prefix);
}

static int restore_task(const TaskRow *row, void *userdata)
{
        const Restore *restore = userdata;
        Event event = restore_event(restore, EVENT_RESTORE_TASK);

        for (uint32_t i = 0; i <= row->spec.n_more; i++) {
                const Trigger *trigger = spec_trigger(&row->spec, i);

                if (trigger->kind == TRIGGER_CALENDAR && !broker_zone_need(restore->broker, trigger->text))
                        broker_log("%s/%s waits for a zone that is not there: %s", row->spec.package, row->spec.name,
                                   trigger->text);
        }
        event.task_row = row;
        broker_feed(restore->broker, &event);
        return 0;
}

static int restore_pending(const PendingRow *row, void *userdata)
{
        const Restore *restore = userdata;
        Event event = restore_event(restore, EVENT_RESTORE_PENDING);

        event.pending_row = row;
        broker_feed(restore->broker, &event);
        return 0;
}

static int restore_level(const StoreLevel *row, void *userdata)
{
        const Restore *restore = userdata;
        Event event = restore_event(restore, EVENT_RESTORE_LEVEL);

        if (!uuid_equal(row->boot_id, restore->broker->boot_id))
                return 0;
        event.level.condition = row->condition;
        event.level.level = row->level;
        broker_feed(restore->broker, &event);
        return 0;
}

/* Takes a process over if it is still the one that the ledger means; else its runs are seen to be lost. */
static int restore_server(const LedgerServer *row, void *userdata)
{
        Broker *broker = userdata;
        char log_id[SERVER_LOG_ID_MAX];
        Server *server;
        Event event;
        int r;

        server = broker_server_new(broker, row->server, row->package, row->exe_server, row->launched);
        if (!server)
                return -ENOMEM;
        broker_server_log_id(row->package, row->server, log_id);
        if (row->launched)
                r = launcher_adopt(broker->launcher, log_id, row->pid, row->start_time, server, &server->process);
        else
                r = launcher_watch(broker->launcher, log_id, row->pid, row->start_time, server, &server->process);
        if (r < 0) {
                broker_server_free(server);
                return 0;
        }
        process_remember_memory_limit(server->process, row->memory_max);
        broker_memory_watch(broker, server->process);
        if (row->pid == 0)
                broker_server_record(broker, server);
        event = broker_event(broker, EVENT_RESTORE_SERVER, 0);
        event.server.server = row->server;
        event.server.package = server->package;
        event.server.exe_server = row->exe_server;
        event.server.launched = row->launched;
        broker_feed(broker, &event);
        return 0;
}

static int restore_run(const LedgerRow *row, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RESTORE_LEDGER, 0);

        event.ledger_row = row;
        broker_feed(broker, &event);
        return 0;
}

/* The records of processes that are gone leave the ledger after its runs were told of them. */
static void drop_dead_servers(Broker *broker, const uint64_t *ids, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!broker_server_find(broker, ids[i]))
                        ledger_remove_server(broker->ledger, ids[i]);
}

typedef struct ServerIds {
        uint64_t *items;
        size_t n;
} ServerIds;

static int collect_id(const LedgerServer *row, void *userdata)
{
        ServerIds *ids = userdata;
        uint64_t *items = realloc(ids->items, (ids->n + 1) * sizeof *items);

        if (!items)
                return -ENOMEM;
        ids->items = items;
        ids->items[ids->n++] = row->server;
        return 0;
}

static int ignore_run(const LedgerRow *row, void *userdata)
{
        return 0;
}

uint64_t broker_last_server(Broker *broker)
{
        const LedgerLoader loader = { collect_id, ignore_run, &(ServerIds){ 0 } };
        const ServerIds *ids = loader.userdata;
        uint64_t last = 0;

        (void)ledger_load(broker->ledger, &loader);
        for (size_t i = 0; i < ids->n; i++)
                last = MAX(last, ids->items[i]);
        free(ids->items);
        return last;
}

int broker_restore(Broker *broker)
{
        Restore restore = { broker, clock_now(broker->clock) };
        const StoreLoader loader = {
                .package = restore_package,
                .paused = restore_paused,
                .wine_prefix = restore_wine_prefix,
                .task = restore_task,
                .pending = restore_pending,
                .level = restore_level,
                .userdata = &restore,
                .expect = expect_tasks,
        };
        const LedgerLoader ledger_loader = { restore_server, restore_run, broker };
        ServerIds ids = { 0 };
        const LedgerLoader id_loader = { collect_id, ignore_run, &ids };
        StoreReport report = { 0 };
        Event start;
        int r;

        r = store_load(broker->store, &loader, &report);
        if (r < 0) {
                broker_log("cannot read the state: %s", report.sentence[0] ? report.sentence : strerror(-r));
                return r;
        }
        if (report.sentence[0])
                broker_add_problem(broker, "%s", report.sentence);
        r = ledger_load(broker->ledger, &id_loader);
        if (r >= 0)
                r = ledger_load(broker->ledger, &ledger_loader);
        if (r >= 0) {
                start = broker_event(broker, EVENT_START, 0);
                start.start.rebooted = broker->ledger_is_new;
                broker_feed(broker, &start);
                drop_dead_servers(broker, ids.items, ids.n);
                launcher_collect_leftovers(broker->launcher);
        }
        free(ids.items);
        return r;
}
