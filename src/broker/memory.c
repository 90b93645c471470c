/* SPDX-License-Identifier: MIT */

/*
 * Servers that go over the memory that they may have: their runs are canceled with ResourceRevocation. Where a cgroup
 * holds the limit the kernel kills them, which is seen at their end. Elsewhere a process is held by RLIMIT_DATA, and a
 * tree of several is looked at once in a second while there is one with a limit.
 */

#include "broker/broker.h"

#define LOOK_USEC USEC_PER_SEC
#define RUNS_MAX 64

static void cancel_runs(Server *server)
{
        Broker *broker = server->broker;
        RunInfo runs[RUNS_MAX];
        uint64_t after = 0;
        size_t n;

        do {
                n = engine_get_runs(broker->engine, UUID_NULL, after, runs, RUNS_MAX);
                for (size_t i = 0; i < n; i++) {
                        Event event = broker_event(broker, EVENT_CANCEL_RUN, 0);

                        after = runs[i].order;
                        if (runs[i].server != server->id)
                                continue;
                        event.run.run = runs[i].run;
                        event.run.reason = REASON_RESOURCE_REVOCATION;
                        broker_feed(broker, &event);
                }
        } while (n == RUNS_MAX);
}

/* It is told once, until it is below the limit again. */
static void note(Server *server)
{
        bool over = process_is_over_memory(server->process);

        server->revoke = over && !server->over_memory;
        server->over_memory = over;
}

static void cancel_for_memory(Server *server)
{
        server->revoke = false;
        broker_log("%s: the server went over the memory that it may have: its runs are canceled", server->package);
        cancel_runs(server);
}

static Server *find_revoked(Broker *broker)
{
        list_for_each(i, &broker->servers) {
                Server *server = list_entry(i, Server, node);

                if (server->revoke)
                        return server;
        }
        return NULL;
}

static void look(Delay *delay, void *userdata)
{
        Broker *broker = userdata;
        bool again = false;
        Server *server;

        list_for_each(i, &broker->servers) {
                server = list_entry(i, Server, node);
                if (!server->process || server->ended || process_memory_limit(server->process) == 0)
                        continue;
                again = true;
                note(server);
        }
        /* What is canceled may free any of them. */
        while ((server = find_revoked(broker)))
                cancel_for_memory(server);
        if (again)
                delay_start(delay, LOOK_USEC);
        broker_settle(broker);
}

void broker_memory_ended(Server *server)
{
        if (process_memory_limit(server->process) == 0)
                return;
        note(server);
        if (server->revoke)
                cancel_for_memory(server);
}

int broker_memory_open(Broker *broker)
{
        return delay_init(&broker->memory_watch, &broker->loop, look, broker);
}

void broker_memory_watch(Broker *broker, const Process *process)
{
        if (process_memory_limit(process) > 0 && !delay_is_running(&broker->memory_watch))
                delay_start(&broker->memory_watch, LOOK_USEC);
}
