/* SPDX-License-Identifier: MIT */
#pragma once

/* What survives the driver's broker: the rows of the store, the ledger and the servers. */

#include "engine/test-driver.h"

typedef struct StoredTask {
        TaskRow row;
        char *texts[5 + TRIGGERS_MAX - 1];
        Trigger more[TRIGGERS_MAX - 1];
        Anchor more_anchors[TRIGGERS_MAX - 1];
} StoredTask;

typedef struct StoredPending {
        PendingRow row;
        char details[64];
} StoredPending;

typedef struct StoredPackage {
        char name[64];
        unsigned version;
} StoredPackage;

typedef struct StoredServer {
        uint64_t id;
        char package[64];
        uint32_t exe_server;
        bool launched;
} StoredServer;

/* A change of the store, applied when its commit is answered. */
typedef struct Change {
        uint64_t commit;
        EffectType type;
        StoredTask task;
        StoredPending pending;
        RunRow run;
        Uuid id;
        uint64_t number;
        uint8_t condition;
        int8_t level;
        char package[64];
        unsigned version;
        bool paused;
        uint64_t since_real_usec;
} Change;

struct DriverStored {
        StoredTask tasks[DRIVER_MAX];
        size_t n_tasks;
        StoredPending pending[DRIVER_MAX];
        size_t n_pending;
        StoredPackage packages[8];
        size_t n_packages;
        char paused[8][64];
        uint64_t paused_real_usec[8];
        size_t n_paused;
        int8_t levels[CONDITION_MAX];
        LedgerRow ledger[DRIVER_MAX];
        size_t n_ledger;
        StoredServer servers[DRIVER_MAX];
        size_t n_servers;
        Change *changes;
        size_t n_changes;
        size_t n_changes_allocated;
        unsigned staged_version;
};

void store_free_task(StoredTask *task);
/* The row as an event tells it: its pointers are into the task. */
TaskRow store_task_row(const StoredTask *task);
/* With a copy of its name that lives long enough for a test. */
RunRow store_copy_run(const RunRow *row);
/* Keeps a change until its commit ends. */
void store_note_store(Driver *d, const Effect *effect);
/* Applies the changes of the commit, or drops them. */
void store_end_commit(Driver *d, uint64_t commit, int error);
void store_note_ledger(Driver *d, const LedgerRow *row);
void store_drop_ledger(DriverStored *stored, Uuid run);
void store_forget_server(DriverStored *stored, uint64_t server);
