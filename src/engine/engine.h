/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rules. Events in, effects out; no descriptor, no clock, no I/O. docs/semantics.md says what happens, section by
 * section; this header says how it is asked for.
 *
 * engine_feed() takes one event and appends what is to be done to a list of effects, in the order in which the broker
 * has to do it. It never blocks, never asks, and never fails halfway: it reserves the memory that the event can need
 * first, and -ENOMEM means that nothing changed and the event may be fed again. An event that cannot be honoured
 * yields a reply that says so. One event does a bounded amount of work; what is left is done by later EVENT_TICKs, and
 * engine_next_wake() is 0 as long as there is any.
 *
 * Every pointer in an event is read during the call only. Every pointer in an effect is valid until the next
 * engine_feed() or engine_free(). The engine is used by one thread.
 *
 * Replies carry the token of the event that asked; 0 means that nobody waits. A peer that has gone makes a reply
 * a no-op, so the engine does not hear of it.
 *
 * Commits: every STORE effect carries a commit number, and effects with the same number belong into one transaction.
 * The broker answers each number once with EVENT_COMMITTED, in any order. The engine keeps working meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/rows.h"
#include "base/terms.h"
#include "base/uuid.h"

typedef struct Engine Engine;

/* The three clocks at the moment of an event; docs/semantics.md, section 1. */
typedef struct EngineTime {
        uint64_t boot_usec;
        uint64_t mono_usec;
        uint64_t real_usec;
} EngineTime;

typedef struct EngineLimits {
        uint32_t registrations_per_package;
        uint32_t live_runs;
        uint32_t live_runs_per_task;        /* of a parallel task */
        uint32_t pending_per_task;          /* of a buffer-all or parallel task */
        uint32_t starts_per_window;         /* per package */
        uint64_t start_window_usec;
        uint64_t time_limit_usec;           /* of a run whose task sets none; 0: none */
} EngineLimits;

/* The values of docs/semantics.md, section 1. */
extern const EngineLimits engine_default_limits;

typedef struct EngineConfig {
        EngineLimits limits;
        Uuid boot_id;
        uint64_t host_hash;      /* constant of the machine: shifts the wake-up grids and the jitter of back-off */
        uint64_t hash_key[2];    /* secret of this process, for tables whose keys a caller chooses */
        uint64_t first_server;   /* server ids count up from here; more than any id in the ledger */
} EngineConfig;

/* In the place of the index of an ExeServer: the server is the supervisor of one attempt of a command task. */
#define EXE_SERVER_COMMAND (UINT32_MAX - 1)

typedef struct PackageClass {
        Uuid clsid;
        uint32_t exe_server;                /* index of the ExeServer in the manifest */
} PackageClass;

typedef enum EventType {
        /* At start, before anything else: what the store and the ledger hold, then EVENT_START once. */
        EVENT_RESTORE_PACKAGE,
        EVENT_RESTORE_PACKAGE_PAUSE,
        EVENT_RESTORE_TASK,
        EVENT_RESTORE_PENDING,
        EVENT_RESTORE_LEVEL,    /* only levels of this boot id */
        EVENT_RESTORE_SERVER,   /* a server of the ledger whose process is alive */
        EVENT_RESTORE_LEDGER,   /* after the pending rows and the servers */
        EVENT_START,

        EVENT_TICK,             /* time has passed, or there is work left */
        EVENT_CLOCK_STEPPED,    /* the wall clock was set */
        EVENT_ZONE,             /* the rules of a time zone; those that restored tasks name before them */
        EVENT_COMMITTED,

        EVENT_INSTALL,          /* a package, new or again */
        EVENT_REMOVE,
        EVENT_PAUSE_PACKAGE,    /* or resume */
        EVENT_REGISTER,
        EVENT_UNREGISTER,
        EVENT_PAUSE,            /* or resume, a task */
        EVENT_SKIP,             /* the next time of a task's trigger, or not */

        EVENT_LEVEL,            /* a sensor's reading of a condition */
        EVENT_RAISE,            /* a system or custom event happened; it may have a token */
        EVENT_REQUEST,          /* ApplicationTrigger.RequestAsync */
        EVENT_RUN_NOW,          /* by a person */
        EVENT_CANCEL,           /* all of a task */
        EVENT_CANCEL_RUN,

        EVENT_SPAWNED,          /* EFFECT_LAUNCH succeeded */
        EVENT_SPAWN_FAILED,
        EVENT_SERVER_ATTACHED,  /* a process that the broker did not launch made itself known as a server */
        EVENT_SERVER_ANNOUNCED, /* after a broker restart: the runs that this server runs, or whose results it still
                                 * holds; those follow as EVENT_RUN_COMPLETED */
        EVENT_SERVER_BECAME_APP,
        EVENT_SERVER_GONE,      /* connection or process, after everything that it wrote was fed */
        EVENT_CLASS_REGISTERED,
        EVENT_CLASS_REVOKED,
        EVENT_CLASSES_SUSPENDED, /* or resumed: all of a server */
        EVENT_ASK_TO_GO,

        EVENT_RUN_ACKNOWLEDGED,
        EVENT_RUN_REFUSED,      /* Run was answered with an error; if it could not be sent: EVENT_SERVER_GONE */
        EVENT_RUN_PROGRESS,
        EVENT_RUN_COMPLETED,
        EVENT_TRACED,           /* answer to EFFECT_CHECK_TRACED */

        EVENT_SHUTDOWN,         /* cancel all live runs with a reason; engine_is_quiet() tells when they have ended */
        _EVENT_TYPE_MAX,
} EventType;

typedef struct EventRun {
        Uuid run;
        uint32_t attempt;
} EventRun;

typedef struct Event {
        EventType type;
        EngineTime time;
        bool store_behind; /* what is due, or was raised, does not fire yet; of an event behind EVENT_START */
        uint64_t token; /* of REGISTER, UNREGISTER, PAUSE, SKIP, INSTALL, REMOVE, PAUSE_PACKAGE, REQUEST, RUN_NOW,
                         * CANCEL, CANCEL_RUN, CLASS_*, ASK_TO_GO: comes back in EFFECT_REPLY */
        union {
                struct {
                        const char *name; /* family name */
                        Uuid content;     /* identity of version and content: equal means nothing changed */
                        const PackageClass *classes;
                        size_t n_classes;
                        uint32_t capabilities;   /* CAPABILITY_BITs of what its manifest declares */
                        bool paused;             /* PAUSE_PACKAGE */
                        uint64_t since_real_usec; /* RESTORE_PACKAGE_PAUSE */
                } package; /* RESTORE_PACKAGE, INSTALL; only name: REMOVE, and with it the last two */
                struct {
                        const char *name; /* "": the local zone; a name that no expression could have is ignored */
                        const void *data; /* the TZif file; NULL: there is none (any more) */
                        size_t n;
                } zone; /* ZONE */
                const TaskRow *task_row;
                const PendingRow *pending_row;
                const LedgerRow *ledger_row;
                struct {
                        bool rebooted;    /* the pending rows are of another boot, or the ledger was lost with the
                                           * session: docs/semantics.md, 8.2 instead of 8.1 */
                } start;
                struct {
                        uint8_t condition;
                        int8_t level;     /* 1 true, 0 false, -1 unknown */
                        bool baseline;    /* LEVEL: found when a registration started its sensor: no edge */
                } level; /* RESTORE_LEVEL, LEVEL */
                struct {
                        uint64_t server;
                        const char *package;
                        uint32_t exe_server;
                        bool launched;    /* by a broker: may be signalled */
                } server; /* RESTORE_SERVER, SERVER_ATTACHED (server is taken from engine_new_server()) */
                struct {
                        uint64_t commit;
                        int error;        /* 0 or negative errno */
                } committed;
                struct {
                        const TaskSpec *spec;
                        uint8_t if_exists;
                } reg;
                struct {
                        Uuid task;
                        bool cancel;      /* UNREGISTER: running ones too */
                        bool paused;      /* PAUSE */
                        bool skip;        /* SKIP */
                        bool forced;      /* RUN_NOW: whatever the gate says, except for live runs */
                        uint8_t reason;   /* CANCEL */
                        const void *details; /* REQUEST */
                        size_t n_details;
                } task;
                struct {
                        uint8_t kind;     /* TRIGGER_SYSTEM with type, TRIGGER_RESUME, TRIGGER_CUSTOM_SYSTEM_EVENT
                                           * and those that are watched with text */
                        uint8_t system_type;
                        const char *text;
                        Uuid task;        /* of this task alone, of kinds with text; null: of all */
                        const void *details;
                        size_t n_details;
                } raise;
                struct {
                        uint64_t server;
                        int error;        /* SPAWN_FAILED: negative errno */
                        bool by_signal;   /* GONE */
                        bool status_known;
                        int status;       /* GONE: exit status or signal */
                        uint64_t cpu_usec, memory_bytes; /* GONE: as those of a run; 0: unknown */
                        bool traced;      /* TRACED */
                        bool suspended;   /* CLASSES_SUSPENDED */
                        const EventRun *runs; /* ANNOUNCED */
                        size_t n_runs;
                } process;
                struct {
                        uint64_t server;
                        Uuid clsid;
                        uint32_t flags;   /* REGCLS */
                        uint32_t cookie;  /* REVOKED; chosen by the engine when registered: in the reply */
                } class_object;
                struct {
                        uint64_t server;  /* who says so; ignored for CANCEL_RUN */
                        Uuid run;
                        uint32_t attempt; /* 0: CANCEL_RUN by a person */
                        uint8_t reason;   /* CANCEL_RUN */
                        uint32_t progress;
                        uint8_t detail;   /* COMPLETED: DETAIL_NONE; or DETAIL_EXITED, DETAIL_KILLED of a command
                                           * that failed: result is its exit status, or the signal */
                        int32_t result;   /* COMPLETED: ≥ 0 success, else negative errno */
                        uint64_t cpu_usec;         /* ACKNOWLEDGED, COMPLETED: that the server has used so far */
                        uint64_t memory_bytes;     /* COMPLETED: the most that it has held; 0: unknown */
                        uint64_t retry_after_usec; /* COMPLETED: not 0: try again after */
                } run;
                uint8_t shutdown_reason;
        };
} Event;

/* REGCLS bits as Windows numbers them. */
enum {
        REGCLS_SINGLEUSE = 0,
        REGCLS_MULTIPLEUSE = 1,
        REGCLS_MULTI_SEPARATE = 2,
        REGCLS_SUSPENDED = 4,
        REGCLS_SURROGATE = 8,
        REGCLS_AGILE = 16,
};

typedef enum EffectType {
        EFFECT_REPLY,
        EFFECT_STORE_TASK,       /* put: row */
        EFFECT_STORE_TASK_STATE, /* anchor, last number and skip_next of a row that is there */
        EFFECT_STORE_TASK_GONE,  /* with its pending rows */
        EFFECT_STORE_PENDING,    /* put */
        EFFECT_STORE_PENDING_GONE,
        EFFECT_STORE_RUN,        /* append to the history */
        EFFECT_STORE_LEVEL,
        EFFECT_STORE_PACKAGE,    /* put what the broker staged under this name (the token of its EVENT_INSTALL) */
        EFFECT_STORE_PACKAGE_PAUSE, /* put, or delete */
        EFFECT_STORE_PACKAGE_GONE, /* with its pause */
        EFFECT_LEDGER,           /* put, before the launch or send that it precedes */
        EFFECT_LEDGER_GONE,
        EFFECT_LAUNCH,
        EFFECT_SEND_RUN,
        EFFECT_SEND_CANCEL,
        EFFECT_SEND_RECORDED,    /* the outcome of this run is stored: its server need not remember it */
        EFFECT_SEND_LEAVE,       /* the server's package was updated or removed: leave when idle */
        EFFECT_SIGNAL,           /* to the server's whole tree */
        EFFECT_CHECK_TRACED,     /* is the server being traced? EVENT_TRACED answers */
        EFFECT_SERVER_RELEASED,  /* nothing refers to this server id any more */
        EFFECT_WATCH,            /* a registration needs the events of this text, or the last one that did is gone */
        EFFECT_NOTIFY,           /* tell watchers */
        _EFFECT_TYPE_MAX,
} EffectType;

typedef enum NotifyKind {
        NOTIFY_REGISTERED,
        NOTIFY_UNREGISTERED,
        NOTIFY_CHANGED,          /* the reasons of `why` may have changed */
        NOTIFY_RUN_STATE,        /* starting, running, stopping */
        NOTIFY_PROGRESS,
        NOTIFY_ENDED,            /* run_row is the record */
} NotifyKind;

/* ApplicationTriggerResult as Windows numbers it, and one more for devices. */
enum {
        RESULT_ALLOWED,
        RESULT_CURRENTLY_RUNNING,
        RESULT_DISABLED_BY_POLICY,
        RESULT_UNKNOWN_ERROR,
        RESULT_LOW_BATTERY,
};

typedef struct Effect {
        EffectType type;
        union {
                struct {
                        uint64_t token;
                        Error error;      /* ERROR_NONE: success */
                        int store_error;  /* negative errno behind a store error */
                        Uuid id;          /* REGISTER: the task; REQUEST, RUN_NOW: the run */
                        bool existed;     /* REGISTER: kept, not new */
                        uint32_t number;  /* CLASS_REGISTERED: cookie; ASK_TO_GO: 1 go, 0 stay;
                                           * CANCEL: how many were canceled */
                        uint8_t result;   /* REQUEST: RESULT_x */
                        uint8_t limit;    /* QUOTA_EXCEEDED: 1 registrations, 2 queue */
                } reply;
                struct {
                        uint64_t commit;
                        union {
                                const TaskRow *task;
                                const PendingRow *pending;
                                const RunRow *run;
                                struct {
                                        Uuid task;
                                        uint64_t number;
                                } pending_gone;
                                Uuid task_gone;
                                struct {
                                        uint8_t condition;
                                        int8_t level;
                                } level;
                                struct {
                                        const char *name;
                                        uint64_t token;
                                        bool paused;              /* PAUSE */
                                        uint64_t since_real_usec; /* the same */
                                } package;
                        };
                } store;
                const LedgerRow *ledger;
                Uuid ledger_gone;         /* run id */
                struct {
                        uint64_t server;
                        const char *package;
                        uint32_t exe_server;
                        Uuid command;     /* the command task that it is for; null: exe_server serves */
                } launch;
                struct {
                        uint64_t server;
                        uint32_t cookie;  /* of the class object; SEND_RUN */
                        Uuid clsid;
                        const RunInfo *info;
                } send_run;
                struct {
                        uint64_t server;
                        Uuid run;
                        uint32_t attempt;
                        uint8_t reason;
                } send; /* CANCEL, RECORDED; only server: LEAVE, CHECK_TRACED, SERVER_RELEASED */
                struct {
                        uint64_t server;
                        int number;       /* SIGTERM or SIGKILL */
                } signal;
                struct {
                        uint8_t kind;     /* one for which trigger_is_watched() */
                        const char *text;
                        bool on;
                } watch;
                struct {
                        NotifyKind kind;
                        Uuid task;
                        const char *package, *name; /* of the task, also when it is gone */
                        const RunInfo *info;        /* RUN_STATE, PROGRESS */
                        const RunRow *run_row;      /* ENDED */
                } notify;
        };
} Effect;

typedef struct Effects {
        Effect *items;
        size_t n_items;
        size_t n_allocated;
} Effects;

/* Forgets the effects and keeps their memory. */
void effects_clear(Effects *effects);
void effects_done(Effects *effects);

int engine_new(const EngineConfig *config, Engine **ret_engine);
Engine *engine_free(Engine *engine);
/* Before so many tasks are restored: makes the room for them at once. A hint; what does not fit comes as it comes. */
void engine_expect(Engine *engine, uint32_t n_tasks);

/* Appends to effects. 0, or -ENOMEM: nothing changed, nothing was appended. */
int engine_feed(Engine *engine, const Event *event, Effects *effects);

/* A server id that was never given before, for EVENT_SERVER_ATTACHED. */
uint64_t engine_new_server(Engine *engine);

/* When the next EVENT_TICK is due on each clock; USEC_INFINITY: on that clock never. boot_usec 0: now. */
EngineTime engine_next_wake(const Engine *engine);

/* No live run and no commit outstanding. */
bool engine_is_quiet(const Engine *engine);

/*
 * Queries. They change nothing and their pointers are valid until the next engine_feed(). Registrations are listed in
 * the order of their ids: a page starts after the id `after` (null: from the beginning).
 */
#define ENGINE_WHY_MAX 32

/* package NULL: all; name NULL: all; group NULL: all, "": only those in no group. Returns how many were written. */
size_t engine_list_tasks(const Engine *engine, const char *package, const char *name, const char *group, Uuid after,
                         TaskInfo *tasks, size_t n_tasks);
/* How many registrations fire on EVENT_RAISE of this kind and text. */
size_t engine_count_listeners(const Engine *engine, uint8_t kind, const char *text);
/* Their ids, the first that was registered first. Returns how many were written. */
size_t engine_list_listeners(const Engine *engine, uint8_t kind, const char *text, Uuid *ids, size_t n_ids);
/* How many registrations a package has, those on their way to the store among them. */
size_t engine_count_tasks(const Engine *engine, const char *package);
/* Whether a package is paused; since when. */
bool engine_get_package_pause(const Engine *engine, const char *package, uint64_t *ret_since_real_usec);
/* False if it is not registered (or still registering). */
bool engine_get_task(const Engine *engine, Uuid task, TaskInfo *ret_task);
size_t engine_get_why(const Engine *engine, Uuid task, Why reasons[static ENGINE_WHY_MAX]);
/*
 * Live and pending runs of a task (task null: of all) in the order of their acceptance. A page starts after the order
 * `after` (0: from the beginning). Returns how many were written.
 */
size_t engine_get_runs(const Engine *engine, Uuid task, uint64_t after, RunInfo *runs, size_t n_runs);
/* False if there is no such run, or it has ended. */
bool engine_get_run(const Engine *engine, Uuid run, RunInfo *ret_run);
/* -1 unknown, 0 false, 1 true; since when, 0: since the broker's start. */
int engine_get_level(const Engine *engine, int condition, uint64_t *ret_since_real_usec);

/* What has to be watched, because a registration or a run that is still alive depends on it. */
typedef struct EngineNeeds {
        uint32_t conditions;   /* CONDITION_BITs, those whose edge fires a SystemTrigger included */
        uint32_t system_types; /* 1 << SYSTEM_x */
        bool resume;           /* the end of a suspend, for TRIGGER_RESUME */
} EngineNeeds;
EngineNeeds engine_get_needs(const Engine *engine);

/* Live runs and outstanding commits, for status. */
typedef struct EngineCounts {
        size_t n_packages;
        size_t n_tasks;
        size_t n_pending;
        size_t n_live;
        size_t n_unsettled; /* live runs that are starting or stopping */
        size_t n_servers;
        size_t n_commits; /* asked for and not answered yet */
        size_t n_unstored; /* records whose commit failed and that wait to be written again */
} EngineCounts;
EngineCounts engine_get_counts(const Engine *engine);

/* Whether a task may not have both of these. */
bool engine_triggers_are_alike(const Trigger *a, const Trigger *b);

/* UUIDv5 of the task's id and the firing's number. */
Uuid engine_run_id(Uuid task, uint64_t number);
