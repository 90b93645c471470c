/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The reference model: an independent reading of docs/semantics.md, as simple and slow as can be. It is told an event
 * and what the engine did about it (w->acts), works out what had to happen, marks each effect that it expected, and
 * fails on one that is missing, different or left over. What the page leaves to the engine (ids, commit numbers, the
 * jitter of a back-off) it takes over from the effects.
 */

#include "world.h"

enum {
        M_TASKS = 64,
        M_FIRINGS = 700,
        M_SERVERS = 512,
        M_OBJECTS = 128,
        M_ENDINGS = 2000,
        M_WAITERS = 200,
        M_ORPHANS = 64
};

typedef enum TaskState { T_REGISTERING, T_REGISTERED, T_UPDATING, T_UNREGISTERING, _T_MAX } TaskState;
typedef enum ServerState { S_LAUNCHING, S_UP, S_LEAVING, S_STOPPING, _S_MAX } ServerState;

typedef struct MClass {
        unsigned failures, launch_failures;
        size_t failed_in;         /* the atom of the last one */
        bool unsure;              /* its failures: nobody used it, and they may be forgotten, or the last was none */
        uint64_t low, high;       /* it backs off until some moment between these */
} MClass;

/* Of one that was put off until the clock was set, or its zone: long ago. */
#define HOLD_OVER UINT64_C(1)

/* What belongs to one trigger of a task. */
typedef struct MTrigger {
        int64_t base;             /* the anchor on the boot clock of this boot */
        Anchor anchor;
        uint64_t hold_boot;       /* its firing was not stored: it is recomputed then */
        bool skipped;             /* the anchor moved over skipped times, which is not stored */
        bool fired_in_boot;       /* of one that does so once in a boot */
} MTrigger;

typedef struct MTask {
        Uuid id;
        /* new_spec: while updating. The class of a command is its task's own, and has the task's id. */
        TaskSpec spec, new_spec;
        MClass command_class;
        TaskState state;
        bool forgotten;           /* unregistered, and live runs are left */
        uint64_t commit;          /* that decides about the state */
        uint64_t token;
        bool cancel;              /* of the unregistration */
        uint8_t reason;
        bool one_shot_end;        /* unregistering by 3.4 */
        MTrigger triggers[TRIGGERS_MAX], new_triggers[TRIGGERS_MAX];
        uint64_t number_then;     /* the last number when the update was asked for */
        uint64_t last_number;
        uint64_t registered_real;
        bool paused, skip;
        EventType bit;            /* the update is of one bit: EVENT_PAUSE or EVENT_SKIP; 0: of all */
        bool new_bit;
        bool state_behind;        /* the bit's commit is followed by one with the state of the task */
        bool loose;               /* a commit about it failed: the store may be behind */
        bool taken_back;          /* with it a firing was forgotten */
        size_t stamp;
} MTask;

/* One accepted firing without an outcome. */
typedef struct MFiring {
        MTask *task;
        Uuid run;
        uint64_t number;
        uint64_t accepted_real, scheduled_real, first_real;
        int64_t accepted_boot;    /* may lie before the boot */
        uint64_t expires_usec, deadline_usec; /* as the task said when it was accepted */
        uint32_t count, attempts, start_failures, retries;
        uint8_t fired_by;
        uint8_t trigger;          /* the place of the one that fired it */
        bool forced, rerun;
        bool undo_fired_in_boot;  /* what its trigger had before it */
        uint64_t undo_number;     /* what the task's last number was before it */
        bool kept;                /* it is not forgotten if it cannot be stored */
        uint8_t details[MAX_DETAILS];
        size_t n_details;
        uint64_t token;           /* the caller waits for Allowed */
        uint64_t commit;          /* of its newest row; 0: answered */
        uint64_t first_commit;    /* of its row before others were merged into it; 0: answered */
        bool stored;              /* some commit of it succeeded */
        uint64_t promised;        /* the commit of its task's removal, which also records its end; 0: none */
        size_t stamp;             /* the order of acceptance */
        size_t atom;              /* in which it was accepted */

        uint8_t state;            /* RUN_PENDING … RUN_STOPPING */
        bool unconfirmed;
        uint64_t unconfirmed_mono;
        uint64_t retry_boot;      /* waits for a retry until then */
        bool retry_open;          /* how long is not known exactly */
        uint64_t server, last_server;
        Uuid clsid;               /* when it started */
        uint32_t watched, watched_power; /* conditions whose loss cancels it */
        bool launched_for;        /* its server was launched for this attempt */
        bool sent, acknowledged;
        bool probe;               /* the one start after a quarantine */
        uint64_t ack_mono;        /* the acknowledgement is due */
        uint64_t sent_real, started_real; /* of this attempt; 0: it was not sent, or not acknowledged */
        uint64_t limit_mono;      /* the time limit is due */
        bool limit_over;          /* it is not canceled if its server is traced */
        uint64_t running_mono;    /* running since */
        uint64_t grace_mono;
        bool given_grace;         /* the grace is over */
        uint8_t reason;
        uint32_t progress;
        uint64_t cpu_before, cpu; /* what its server had used when it acknowledged, and used for this attempt */
        uint8_t detail;           /* of the server's last complete */
        int32_t result;
} MFiring;

typedef struct MServer {
        uint64_t id;
        int package;
        uint32_t exe;
        ServerState state;
        bool launched, app, unresponsive, retired;
        bool doomed;              /* its package is removed: stopped when idle */
        bool adopted;             /* restored, and has not announced itself */
        uint64_t class_mono;      /* its 60 s end */
        bool spawned;
        uint64_t kill_mono;
        bool trace_asked;
        uint64_t ask_token;
        bool registered_any;
        size_t unresponsive_in;   /* the atom that showed it */
        uint64_t silent_mono;     /* and until when it is waited for */
} MServer;

typedef struct MObject {
        uint64_t server;
        Uuid clsid;
        uint32_t cookie, flags;
        bool suspended, used, withdrawn;
        bool fresh; /* offered by this very event */
} MObject;

/* An outcome whose commit has not been answered. */
typedef struct MEnding {
        Uuid run;
        Uuid task;
        uint64_t number;
        uint8_t trigger;
        uint32_t attempt;
        uint64_t server;
        uint64_t commit;
        bool failed;
        bool deferred;            /* its record waits for a commit about its task */
        bool one_shot;
        bool was_live;            /* its attempt was in the ledger when it ended */
        RunRow row;
} MEnding;

typedef struct MWaiter {
        EventType type;
        uint64_t token;
        TaskSpec spec;
        uint8_t if_exists;
        Uuid task;
        bool cancel;
        int package;
} MWaiter;

typedef struct MPackage {
        bool known;
        int version;
        uint64_t commit;          /* of an installation or a removal */
        EventType op;
        uint64_t token;
        int new_version;
        bool changed;
        bool paused, new_paused;
        uint64_t paused_real, new_paused_real;
} MPackage;

/* What is left of an attempt that was given up, or of a task that is not there any more. */
typedef struct MOrphan {
        Uuid run;
        uint32_t attempt;
        uint64_t server;
} MOrphan;

struct Model {
        MTask *tasks[M_TASKS];
        size_t n_tasks;
        MFiring *firings[M_FIRINGS];
        size_t n_firings;
        MServer servers[M_SERVERS];
        size_t n_servers;
        MObject objects[M_OBJECTS]; /* oldest first */
        size_t n_objects;
        MClass classes[N_PACKAGES][N_CLASSES + 1]; /* the last one: in-process */
        MEnding endings[M_ENDINGS];
        size_t n_endings;
        MWaiter waiters[M_WAITERS];
        size_t n_waiters;
        MOrphan orphans[M_ORPHANS];
        size_t n_orphans;
        MPackage packages[N_PACKAGES];
        int8_t level[CONDITION_MAX];        /* now */
        int8_t stored_level[CONDITION_MAX]; /* last known one of this boot; 2: none */
        uint64_t level_mono[CONDITION_MAX]; /* since */
        uint64_t starts[N_PACKAGES][1024];
        size_t n_starts[N_PACKAGES];
        size_t n_forgotten[N_PACKAGES];     /* of them may have been forgotten with their package */
        EngineTime derived;
        uint64_t loose_until;               /* a failed commit is written again until then */
        uint64_t free_until;                /* wake-ups that write again are free until then */
        bool booting;                       /* the boot fires when what is due by time has */
        bool shutting_down;
        size_t n_stamps, n_atoms;
        const Event *event;                 /* that is being judged */
        bool may_lose;                      /* a crash cut off what a failed commit held */
};

/* model.c */
Model *model_new(void);
Model *model_free(Model *m);
void model_event(World *w, const Event *event);
Uuid model_random_task(Model *m, Rng *r);
Uuid model_random_run(Model *m, Rng *r);
void model_before_crash(World *w);
MTask *model_task(Model *m, Uuid id);
MFiring *model_firing(Model *m, Uuid run);
MServer *model_server(Model *m, uint64_t id);
MTask *model_add_task(World *w, Uuid id, const TaskSpec *spec);
MFiring *model_add_firing(World *w, MTask *t, uint64_t number);
void model_remove_firing(Model *m, MFiring *f);
bool is_live(const MFiring *f);
bool of_trigger(const MFiring *f);
/* At that place; the first if the list is shorter. */
const Trigger *trigger_of(const TaskSpec *spec, size_t place);
bool has_trigger(const TaskSpec *spec, uint8_t kind);
bool is_timer(const Trigger *trigger);
bool is_calendar(const Trigger *trigger);
bool is_once_per_boot(const Trigger *trigger);
/* 3.4: the registration ends with it. */
bool ends_task(const MFiring *f);
bool is_spent(Model *m, const MTask *t);
bool is_listed(const MTask *t);
size_t count_live(Model *m, const MTask *t);
size_t count_queue(Model *m, const MTask *t, bool attempted_too);
void cover(unsigned table, unsigned state, EventType event);
void coverage_print(void);
/* What the model believes, for the end of a failed history. */
void model_print(World *w);

/* model-match.c: marking what the engine did */
Act *act_find(World *w, EffectType type, bool (*fits)(const Act *a, const void *key), const void *key);
Act *expect_reply(World *w, const char *section, uint64_t token, Error error);
Act *find_reply(World *w, uint64_t token);
Error error_of_store(int error);
Act *find_ledger_start(World *w, Uuid run, uint32_t attempt);
bool is_task_gone(const Act *a, Uuid task);
Act *find_task_gone(World *w, Uuid task);
bool recorded_now(World *w, Uuid run);
void expect_cancel(World *w, MFiring *f);
void match_rest(World *w);

/* model-package.c: section 9 */
void model_install(World *w, const Event *e);
/* False if it has to wait for a commit about one of the package's tasks. */
bool model_try_remove(World *w, int package, uint64_t token);
void model_package_committed(World *w, int package, int error);
void model_pause_package(World *w, const Event *e);
bool model_package_paused(Model *m, const TaskSpec *spec);

/* model-register.c: section 2 */
void model_begin_unregister(World *w, MTask *t, bool cancel, uint8_t reason, uint64_t token, uint64_t commit);
void model_register(World *w, const Event *e);
void model_unregister(World *w, const Event *e);
void model_remove(World *w, const Event *e);
void model_commit_tasks(World *w, uint64_t commit, int error);
void model_waiters(World *w);
void model_forget(World *w, MTask *t, bool cancel, uint8_t reason);

MWaiter *model_add_waiter(World *w, EventType type, uint64_t token);
/* The row of a registration that is given to the store; the null id: of a new one. */
Act *model_expect_row(World *w, const TaskSpec *spec, Uuid id);

/* model-bit.c: pause and skip */
void model_bit(World *w, const Event *e);
/* False if the caller has to wait for a commit. */
bool model_try_bit(World *w, EventType type, Uuid id, bool on, uint64_t token);
void model_bit_updated(World *w, MTask *t, int error);

/* model-calendar.c: 3.9 */
bool calendar_comes(World *w, const char *text);
/* When it comes next on the wall clock, USEC_INFINITY: never. */
uint64_t calendar_next_real(World *w, const MTask *t, size_t place);
typedef struct CalendarDue {
        uint64_t first, last;   /* 0: nothing is due */
        uint32_t count;         /* at most 1000 */
        uint64_t newest[100];   /* of those within the catch-up window, the oldest first */
        size_t n_newest;
} CalendarDue;
void calendar_due(World *w, const MTask *t, size_t place, CalendarDue *ret_due);

/* model-fire.c: sections 3 and 4 */
uint64_t timer_window(const Trigger *trigger);
bool timer_armed(Model *m, const MTask *t, size_t place);
void model_timers(World *w);
void model_derive(World *w, MTrigger *trigger);
void model_level(World *w, const Event *e);
/* What those that listen did with it, for the answer. */
/* Of one task alone, if it is not null. */
unsigned model_raise_for(World *w, uint8_t kind, uint8_t type, const char *text, int package, Uuid task,
                         const void *details, size_t n);
static inline unsigned model_raise(World *w, uint8_t kind, uint8_t type, const char *text, int package,
                                   const void *details, size_t n)
{
        return model_raise_for(w, kind, type, text, package, UUID_NULL, details, n);
}
void model_raise_answered(World *w, const Event *e, unsigned heard);
void model_request(World *w, const Event *e);
void model_cancel_task(World *w, const Event *e);
void model_cancel_run(World *w, const Event *e);
bool model_has_expired(World *w, const MFiring *f);
void model_expire(World *w);
void model_commit_firings(World *w, uint64_t commit, int error);
/* A number for the level that says that this boot has fired; the engine's own. */
#define LEVEL_BOOT (CONDITION_MAX - 1)
void model_boot(World *w, bool started);
void model_fire_boot(World *w);
int model_level_of(Model *m, int condition);

/* model-gate.c: section 5.1 */
bool model_is_probing(Model *m, const MClass *c);
void model_class_worked(Model *m, const TaskSpec *spec);
bool model_class_declared(Model *m, const TaskSpec *spec);
bool model_lacks_capability(Model *m, const TaskSpec *spec, int kind);
/* A class that some version of some package declares. */
bool model_package_has_class(Uuid clsid);
bool is_in_process(const TaskSpec *spec);
bool model_deadline_passed(World *w, const MFiring *f);

/* model-run.c: sections 5 and 6 */
enum { GATE_SHUT, GATE_OPEN, GATE_MAYBE };
int model_gate(World *w, MFiring *f, uint32_t *ret_codes);
MFiring *model_head(Model *m, const MTask *t);
void model_start_heads(World *w);
void model_cancel(World *w, MFiring *f, uint8_t reason);
void model_end(World *w, MFiring *f, uint8_t outcome, uint8_t reason, uint8_t detail);
void model_promise_ends(World *w, MTask *t, uint64_t commit);
void model_late_promises(World *w);
void model_promise_end(World *w, MFiring *f, uint64_t commit, uint8_t reason);
void model_wait_for_answer(World *w, uint64_t token);
void model_answer_late(World *w, MFiring *f);
void model_end_stopping(World *w, MFiring *f, bool completed_well);
void model_start_failure(World *w, MFiring *f, uint8_t detail, bool counts, bool launched);
void model_attempt_lost(World *w, MFiring *f);
void model_run_event(World *w, const Event *e);
void model_run_deadlines(World *w);
void model_traced(World *w, const MServer *s, bool traced);
uint64_t model_loss(World *w, const MFiring *f, uint8_t *ret_reason);
void model_watch(MFiring *f);
void model_add_orphan(Model *m, Uuid run, uint32_t attempt, uint64_t server);
void model_sweep_classes(Model *m);
MClass *model_class(Model *m, const TaskSpec *spec);
uint32_t needed_conditions(const TaskSpec *spec);

/* model-server.c: sections 6.1, 6.6 and 7 */
void model_server_event(World *w, const Event *e);
void model_class_event(World *w, const Event *e);
void model_server_deadlines(World *w);
bool model_has_host(Model *m, const TaskSpec *spec);
void model_assign(World *w, MFiring *f, const Act *ledger);
void model_withdraw(Model *m, MServer *s);
void model_stop_server(World *w, MServer *s);
void model_answer_asks(World *w);
bool server_signalable(const MServer *s);
void model_forget_server(World *w, MServer *s);
void model_sends(World *w);

/* model-restart.c: section 8 */
void model_restart(World *w, bool rebooted);
void model_started(World *w, const Event *e);
void model_announced(World *w, const Event *e);

/* model-check.c: comparing what can be seen */
void model_check(World *w);
void model_check_wake(World *w);
bool model_in_flight(World *w, Uuid task);
