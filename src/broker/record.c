/* SPDX-License-Identifier: MIT */

/* What the ledger is told: attempts, and the processes that they run in. */

#include <string.h>

#include "broker/broker.h"

/* A full or broken ledger costs certainty after a crash, not the run: it is said and gone on. */
static void complain(Broker *broker, int error)
{
        if (error < 0 && !broker->ledger_failed)
                broker_add_problem(broker, "the ledger %s cannot be written (%s): a crash of the broker may lose runs",
                                   broker->paths.ledger, strerror(-error));
        broker->ledger_failed = error < 0;
}

void ledger_record(Broker *broker, const LedgerRow *row)
{
        complain(broker, ledger_put(broker->ledger, row));
}

void ledger_forget(Broker *broker, Uuid run)
{
        ledger_remove(broker->ledger, run);
}

void broker_server_record(Broker *broker, const Server *server)
{
        const LedgerServer row = {
                .server = server->id,
                .pid = server->process ? process_pid(server->process) : 0,
                .start_time = server->process ? process_start_time(server->process) : 0,
                .exe_server = server->exe_server,
                .launched = server->launched && !server->is_app,
                .log = server->id,
                .memory_max = server->process ? process_memory_limit(server->process) : server->memory_max,
                .package = server->package,
        };

        complain(broker, ledger_put_server(broker->ledger, &row));
}

void broker_server_unrecord(Broker *broker, const Server *server)
{
        ledger_remove_server(broker->ledger, server->id);
}
