/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The world around the engine: clocks, a store that commits late and fails, a ledger, processes that misbehave. All of
 * it is driven from one seed. The reference model (model.h) is told each event and everything that the engine did.
 */

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "calendar/zone.h"
#include "engine/engine.h"
#include "engine/event-bytes.h"
#include "rng.h"

typedef struct Model Model;
typedef struct World World;

enum {
        N_PACKAGES = 2,
        N_CLASSES = 3,          /* of each package: 0 and 1 in ExeServer 0, 2 in ExeServer 1 */
        N_VERSIONS = 3,         /* of each package: 2 lacks class 1, 1 all capabilities */
        MAX_DETAILS = 16,
};

/* What an effect said, in memory of ours. Strings are interned, details copied. */
typedef struct Act {
        Effect effect;
        TaskRow task;
        PendingRow pending;
        RunRow run;
        LedgerRow ledger;
        RunInfo info;
        uint8_t details[MAX_DETAILS];
        bool matched;
} Act;

typedef struct Acts {
        Act *items;
        size_t n, allocated;
} Acts;

/* The bit of a watched text of that kind: x, y and, of sockets that are handed over, transferred. */
#define WATCH_BIT(kind, text) \
        (UINT64_C(1) << (((kind) - TRIGGER_DEVICE_CONNECTION_CHANGE) * 3 + ((text)[0] == 't' ? 2 : (text)[0] - 'x')))

/* ---- store ---- */

typedef struct StoredPackage {
        bool there;
        int version;
        bool paused;
        uint64_t paused_real;
} StoredPackage;

typedef struct StoredPending {
        PendingRow row;
        uint8_t details[MAX_DETAILS];
} StoredPending;

enum { MAX_TASKS = 64, MAX_PENDING = 512 };

typedef struct Db {
        TaskRow tasks[MAX_TASKS];
        size_t n_tasks;
        StoredPending pending[MAX_PENDING];
        size_t n_pending;
        int8_t levels[CONDITION_MAX]; /* 2: none stored for this boot */
        StoredPackage packages[N_PACKAGES];
} Db;

typedef enum TxState { TX_QUEUED, TX_DURABLE, TX_FAILED } TxState;

typedef struct Tx {
        uint64_t commit;
        TxState state;
        int error;
        size_t feed;            /* the call of engine_feed() that made it */
        Act *ops;               /* the STORE effects */
        size_t n_ops;
} Tx;

typedef struct RunRecord {
        RunRow row;
        bool durable;
        bool failed;            /* its commit failed, and it has not been written again */
        uint64_t commit;
} RunRecord;

typedef struct Store {
        Db durable;
        Db projected;           /* durable with everything queued applied */
        Tx *txs;                /* not yet answered, oldest first */
        size_t n_txs, allocated;
        Tx answered;            /* whose answer is being judged */
        RunRecord *runs;
        size_t n_runs, runs_allocated;
        Uuid removed[128];      /* the last tasks that this broker asked to remove */
        size_t n_removed;
} Store;

/* ---- processes ---- */

enum { MAX_PROCS = 640, MAX_PROC_RUNS = 64, MAX_PROC_CLASSES = 6 };

typedef struct ProcRun {
        Uuid run;
        uint32_t attempt;
        bool acknowledged;
        bool canceled;
        bool done;              /* completed; kept until the engine says that it is recorded */
        uint8_t detail;
        int32_t result;
        uint64_t retry_after_usec;
} ProcRun;

typedef struct ProcClass {
        Uuid clsid;
        uint32_t cookie;        /* 0: not answered */
        uint64_t token;
} ProcClass;

typedef enum ProcState { PROC_SPAWNING, PROC_ALIVE, PROC_DEAD } ProcState;

typedef struct Proc {
        uint64_t id;
        int package;
        uint32_t exe;
        Uuid command;           /* the command task that it was launched for; null: none */
        ProcState state;        /* PROC_DEAD: it has ended, and nobody has told the engine */
        bool launched;
        bool connected;         /* to this broker */
        bool restored;          /* this broker knows it from the ledger */
        bool hung;
        bool app;
        bool no_register;       /* never registers a class */
        bool ignores_term;
        bool leave;             /* was told to leave */
        bool asked;             /* waits for the answer to ask-to-go */
        bool go;                /* may go */
        bool termed;
        bool by_signal;
        int status;
        bool traced;
        bool trace_asked;       /* EFFECT_CHECK_TRACED waits for its answer */
        uint64_t ask_token;
        ProcRun runs[MAX_PROC_RUNS];
        size_t n_runs;
        ProcClass classes[MAX_PROC_CLASSES];
        size_t n_classes;
} Proc;

/* ---- profile ---- */

typedef enum Op {
        OP_ADVANCE_SMALL,
        OP_ADVANCE_WAKE,
        OP_ADVANCE_BIG,
        OP_ADVANCE_LATE,
        OP_SUSPEND,
        OP_CLOCK_STEP,
        OP_ZONE,
        OP_STORE,
        OP_PROC,
        OP_SELF_START,
        OP_REGISTER,
        OP_UNREGISTER,
        OP_PAUSE,
        OP_SKIP,
        OP_PAUSE_PACKAGE,
        OP_INSTALL,
        OP_REMOVE,
        OP_LEVEL,
        OP_RAISE,
        OP_REQUEST,
        OP_RUN_NOW,
        OP_CANCEL,
        OP_CANCEL_RUN,
        OP_CRASH,
        OP_REBOOT,
        OP_SHUTDOWN,
        _OP_MAX,
} Op;

/* What a server may do besides working as it should. */
typedef enum Fault {
        FAULT_SPAWN,
        FAULT_EXIT_EARLY,
        FAULT_NEVER_REGISTER,
        FAULT_NO_ACK,
        FAULT_REFUSE,
        FAULT_CRASH,
        FAULT_HANG,
        FAULT_IGNORE_TERM,
        FAULT_EXIT_AFTER_COMPLETE,
        FAULT_DOUBLE_COMPLETE,
        FAULT_STRANGE_COMPLETE,
        FAULT_FOREIGN_CLASS,
        FAULT_REVOKE,
        FAULT_SUSPEND_CLASSES,
        FAULT_BECOME_APP,
        FAULT_FORGET_RUNS,
        FAULT_COMMIT,
        FAULT_TRACED,
        _FAULT_MAX,
} Fault;

typedef struct Profile {
        const char *name;
        uint8_t weights[_OP_MAX];
        uint32_t faults;        /* bits of Fault that may happen */
} Profile;

extern const Profile profiles[];
extern const size_t n_profiles;

/* ---- world ---- */

enum { MAX_WANTS = 256 };

typedef struct Want {
        uint64_t token;
        EventType type;
        uint64_t server;        /* the process that asked; 0: a client */
        int package, version;   /* INSTALL */
} Want;

typedef struct Failure {
        bool happened;
        unsigned step;
        char section[24];
        char text[1024];
} Failure;

struct World {
        uint64_t seed;
        unsigned step;
        unsigned until;         /* no step after this one */
        const uint8_t *dropped; /* steps that are left out */
        bool verbose;
        Rng rng;                /* begins anew with each step */
        Rng disk;               /* the same, of a store that is behind */
        const Profile *profile;
        unsigned rules;         /* which rules the local zone has */
        unsigned weights[_OP_MAX];
        uint32_t faults;
        EngineLimits limits;

        Engine *engine;
        Effects effects;
        Buffer bytes;            /* of the event that is being fed */
        EventStorage storage;
        Acts acts;              /* of the atom that is being checked */
        size_t n_feeds;

        EngineTime now;
        unsigned n_boots;
        Uuid boot_id;
        uint64_t first_server;

        Store store;
        uint64_t last_commit;   /* commit numbers rise */
        int staged_version[N_PACKAGES];
        LedgerRow ledger[2 * MAX_PENDING];
        uint8_t ledger_details[2 * MAX_PENDING][MAX_DETAILS];
        size_t n_ledger;
        uint64_t watched;        /* what sensors listen to: WATCH_BIT */
        uint64_t told;           /* of these the sockets that were told of, and that nobody has looked at since */

        Proc procs[MAX_PROCS];
        size_t n_procs;
        uint64_t telling_again; /* the server that is telling a new broker what it has completed; 0: none */

        Want wants[MAX_WANTS];
        size_t n_wants;
        uint64_t next_token;
        bool shutting_down;
        bool started;           /* the broker has, and events are judged */
        int8_t levels[CONDITION_MAX]; /* what the sensors would read */

        Model *model;
        struct Owned *owned;
        Failure failure;
        sigjmp_buf on_failure;
        bool broken;            /* the engine's own assertion failed: nothing of it can be used */
};

/* Ends this seed: what was expected by which section of docs/semantics.md (or invariant), and what was found. */
_Noreturn void sim_fail(World *w, const char *section, const char *format, ...) _printf_(3, 4);
#define sim_check(w, condition, section, ...)                   \
        do {                                                    \
                if (!(condition))                               \
                        sim_fail(w, section, __VA_ARGS__);      \
        } while (0)

/* world.c */
int world_new(uint64_t seed, const Profile *profile, World **ret_world);
World *world_free(World *w);
/* Plays n steps; false if a check failed (w->failure says which). */
bool world_play(World *w, unsigned n_steps);
/* Feeds one event and ticks until the engine rests, lets the model judge, compares. */
void world_feed(World *w, Event *event);
/* A sensor of files starts or stops. */
void world_watch(World *w, const Effect *e);
/* 4.2: a firing of the task has ended, or could not be stored: the sensors of its sockets look again. */
void world_settle(World *w, Uuid task);
uint64_t world_token(World *w, EventType type, uint64_t server);
Want *world_want(World *w, uint64_t token);
void world_crash(World *w, bool reboot);
void world_advance(World *w, uint64_t mono, bool stop_at_wakes);

/* The rules that the broker was told; NULL: none. */
const Zone *world_zone(World *w, const char *name);
void world_feed_zone(World *w, const char *name);
const char *intern(World *w, const char *text);
/* Copies that live as long as the world. */
const void *own(World *w, const void *data, size_t n);
const Trigger *own_triggers(World *w, const Trigger *triggers, size_t n);
extern const char *const package_names[N_PACKAGES];
int package_index(const char *name);
Uuid class_id(int package, int class);
uint32_t version_capabilities(int version);
size_t version_classes(int package, int version, PackageClass classes[static N_CLASSES]);
Uuid version_content(int package, int version);

/* acts.c */
void acts_add(World *w, const Effect *effect);
/* Carries out what the engine asked for: store, ledger, processes, answers. */
void acts_carry_out(World *w, const Act *act);
bool details_equal(const void *a, size_t n_a, const void *b, size_t n_b);

/* store.c */
void store_init(Store *s);
void store_done(Store *s);
void store_submit(World *w, const Act *act);
/* Makes a random prefix of what is queued durable (or fail), and answers some commit. */
void store_work(World *w, bool flush);
/* The process or the machine dies: a random prefix of what is queued became durable, the rest is lost. */
void store_crash(World *w, bool reboot);
TaskRow *db_find_task(Db *db, Uuid id);
StoredPending *db_find_pending(Db *db, Uuid task, uint64_t number);
/* True if the transaction holds a row of this task. */
bool tx_has_task(const Tx *tx, Uuid task);
/* True if it holds a firing of this task, or its anchor. */
bool tx_has_firing(const Tx *tx, Uuid task);
/* The broker asked for it, whether it succeeded or not. */
bool store_was_to_remove(const Store *s, Uuid task);
RunRecord *store_find_run(Store *s, Uuid run);

/* procs.c */
Proc *proc_find(World *w, uint64_t id);
Proc *proc_new(World *w, uint64_t id, int package, uint32_t exe, bool launched);
void proc_work(World *w);
void proc_self_start(World *w);
void proc_send_run(World *w, const Act *act);
void proc_send_cancel(World *w, const Act *act);
void proc_signal(World *w, uint64_t id, int number);
void proc_check_traced(World *w);
bool world_fault(World *w, Fault fault, unsigned percent);

/* ops.c */
void ops_step(World *w);
void ops_setup(World *w);

/* history.c */
void history_event(World *w, const Event *event);
void history_act(World *w, const Act *act);
void history_note(World *w, const char *format, ...) _printf_(2, 3);
const char *short_id(Uuid id);
