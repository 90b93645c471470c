/* SPDX-License-Identifier: MIT */

/* Runs and servers as records of slots.c. */

#include "store/ledger.h"

#include <errno.h>
#include <string.h>

#include "store/slots.h"

#define SIZE_DEFAULT (16 * 1024 * 1024)

enum {
        KIND_RUN = 1,
        KIND_SERVER = 2,
};

/*
 * The key comes first. Numbers as this machine has them: the file never leaves it. Fields are appended only: a broker
 * of another version may have written the file, and what it did not write is 0.
 */
typedef struct RunBody {
        Uuid run;
        Uuid task;
        uint64_t server;
        uint64_t number;
        uint64_t accepted_real_usec;
        uint64_t scheduled_real_usec;
        uint64_t first_scheduled_real_usec;
        uint32_t attempt;
        uint32_t count;
        uint32_t attempts;
        uint8_t sent;
        uint8_t acknowledged;
        uint8_t fired_by;
        uint8_t forced;
        uint8_t rerun;
        uint8_t stopping;
        uint8_t reason;
        uint8_t trigger;
        uint8_t unused[4];
        uint64_t sent_real_usec;
} RunBody;
_Static_assert(sizeof(RunBody) <= SLOT_BODY_SIZE, "a run fits into a slot");

typedef struct ServerBody {
        uint64_t server;
        uint64_t start_time;
        uint64_t log;
        int32_t pid;
        uint32_t exe_server;
        uint8_t launched;
        uint8_t unused[7];
        uint64_t memory_max;
} ServerBody;
_Static_assert(sizeof(ServerBody) <= SLOT_BODY_SIZE, "a server fits into a slot");

struct Ledger {
        Slots *slots;
};

int ledger_open(const char *path, Uuid boot_id, size_t size_max, Ledger **ret_ledger, bool *ret_discarded)
{
        _cleanup_(ledger_freep) Ledger *ledger = calloc(1, sizeof *ledger);
        bool discarded;
        int r;

        if (!ledger)
                return -ENOMEM;
        r = slots_open(path, boot_id, size_max ? size_max : SIZE_DEFAULT, LEDGER_DETAILS_MAX, &ledger->slots,
                       &discarded);
        if (r < 0)
                return r;
        if (ret_discarded)
                *ret_discarded = discarded;
        *ret_ledger = TAKE_PTR(ledger);
        return 0;
}

Ledger *ledger_free(Ledger *ledger)
{
        if (!ledger)
                return NULL;
        slots_free(ledger->slots);
        free(ledger);
        return NULL;
}

int ledger_put(Ledger *ledger, const LedgerRow *row)
{
        const PendingRow *firing = &row->firing;
        RunBody body = {
                .run = row->run, .task = firing->task, .server = row->server, .number = firing->number,
                .accepted_real_usec = firing->accepted_real_usec, .scheduled_real_usec = firing->scheduled_real_usec,
                .first_scheduled_real_usec = firing->first_scheduled_real_usec, .attempt = row->attempt,
                .count = firing->count, .attempts = firing->attempts, .sent = row->sent,
                .acknowledged = row->acknowledged, .fired_by = firing->fired_by, .forced = firing->forced,
                .rerun = firing->rerun, .trigger = firing->trigger, .sent_real_usec = row->sent_real_usec,
                .stopping = row->stopping, .reason = row->reason,
        };

        if (firing->n_details > LEDGER_DETAILS_MAX)
                return -E2BIG;
        return slots_put(ledger->slots, KIND_RUN, sizeof body.run, &body, sizeof body, firing->details,
                         firing->n_details);
}

void ledger_remove(Ledger *ledger, Uuid run)
{
        slots_remove(ledger->slots, KIND_RUN, sizeof run, &run);
}

static int put_server(Ledger *ledger, const ServerBody *body, const void *package, size_t n_package)
{
        return slots_put(ledger->slots, KIND_SERVER, sizeof body->server, body, sizeof *body, package, n_package);
}

int ledger_put_server(Ledger *ledger, const LedgerServer *row)
{
        ServerBody body = { .server = row->server, .start_time = row->start_time, .log = row->log, .pid = row->pid,
                            .exe_server = row->exe_server, .launched = row->launched,
                            .memory_max = row->memory_max };
        size_t n_package = row->package ? strnlen(row->package, LEDGER_PACKAGE_MAX + 1) : 0;

        if (row->server == 0)
                return -EINVAL;
        if (n_package > LEDGER_PACKAGE_MAX)
                return -E2BIG;
        return put_server(ledger, &body, row->package, n_package);
}

/* What ledger_set_process() keeps of a server. */
typedef struct Server {
        ServerBody body;
        uint8_t package[LEDGER_PACKAGE_MAX];
        size_t n_package;
} Server;

static int copy_server(const void *body, const uint8_t *tail, size_t n_tail, void *userdata)
{
        Server *server = userdata;

        memcpy(&server->body, body, sizeof server->body);
        server->n_package = MIN(n_tail, sizeof server->package);
        memcpy(server->package, tail, server->n_package);
        return 0;
}

int ledger_set_process(Ledger *ledger, uint64_t server, int32_t pid, uint64_t start_time)
{
        Server old;
        int r;

        r = slots_visit(ledger->slots, KIND_SERVER, sizeof server, &server, copy_server, &old);
        if (r < 0)
                return r;
        old.body.pid = pid;
        old.body.start_time = start_time;
        return put_server(ledger, &old.body, old.package, old.n_package);
}

void ledger_remove_server(Ledger *ledger, uint64_t server)
{
        slots_remove(ledger->slots, KIND_SERVER, sizeof server, &server);
}

static int load_server(const void *body, const uint8_t *tail, size_t n_tail, void *userdata)
{
        char package[LEDGER_PACKAGE_MAX + 1] = "";
        const LedgerLoader *loader = userdata;
        const ServerBody *b = body;
        LedgerServer row = {
                .server = b->server, .start_time = b->start_time, .pid = b->pid, .exe_server = b->exe_server,
                .launched = b->launched, .log = b->log, .memory_max = b->memory_max, .package = package,
        };

        memcpy(package, tail, MIN(n_tail, (size_t)LEDGER_PACKAGE_MAX));
        return loader->server ? loader->server(&row, loader->userdata) : 0;
}

static int load_run(const void *body, const uint8_t *tail, size_t n_tail, void *userdata)
{
        const LedgerLoader *loader = userdata;
        const RunBody *b = body;
        LedgerRow row = {
                .run = b->run, .attempt = b->attempt, .server = b->server, .sent = b->sent,
                .acknowledged = b->acknowledged, .sent_real_usec = b->sent_real_usec,
                .stopping = b->stopping, .reason = b->reason,
                .firing = {
                        .task = b->task, .number = b->number, .accepted_real_usec = b->accepted_real_usec,
                        .scheduled_real_usec = b->scheduled_real_usec,
                        .first_scheduled_real_usec = b->first_scheduled_real_usec, .count = b->count,
                        .attempts = b->attempts, .fired_by = b->fired_by, .forced = b->forced, .rerun = b->rerun,
                        .trigger = b->trigger,
                        .details = tail, .n_details = n_tail,
                },
        };

        return loader->run ? loader->run(&row, loader->userdata) : 0;
}

int ledger_load(Ledger *ledger, const LedgerLoader *loader)
{
        int r;

        r = slots_visit_all(ledger->slots, KIND_SERVER, load_server, (void *)loader);
        return r < 0 ? r : slots_visit_all(ledger->slots, KIND_RUN, load_run, (void *)loader);
}
