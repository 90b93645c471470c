/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of the engine share: its objects and how they hang together.
 *
 *   Package ── Class ── ClassObject ── Server
 *      │         │                       │
 *      └──────  Task ── Extra ──  Run ───┘
 *
 * A Task is a registration: as small as it can be, since there are a million of them. What only those need that have a
 * firing, a commit or rare options is in its Extra. A Run is one firing from its acceptance to its stored outcome.
 * What an effect may still point to is freed at the beginning of the next event: engine_bury().
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/macro.h"
#include "base/map.h"
#include "base/queue.h"
#include "calendar/calendar.h"
#include "engine/engine.h"
#include "engine/ids.h"
#include "engine/memory.h"
#include "engine/schedule.h"

typedef struct Class Class;
typedef struct ClassObject ClassObject;
typedef struct Commit Commit;
typedef struct Extra Extra;
typedef struct Further Further;
typedef struct Package Package;
typedef struct Run Run;
typedef struct Server Server;
typedef struct Task Task;
typedef struct Topic Topic;
typedef struct Waiter Waiter;
typedef struct ZoneEntry ZoneEntry;

/* Pieces of work that one event does at most before it leaves the rest to EVENT_TICK. */
#define WORK_MAX 64

/* With so many runs that are to be judged, nothing else that is due becomes one. */
#define READY_MAX 1024

#define CLASS_REGISTRATION_USEC (60 * USEC_PER_SEC)
#define ACKNOWLEDGE_USEC (10 * USEC_PER_SEC)
#define SILENCE_USEC (60 * USEC_PER_SEC)
#define GRACE_USEC (5 * USEC_PER_SEC)
#define KILL_USEC (2 * USEC_PER_SEC)
#define DEBOUNCE_USEC (2 * USEC_PER_SEC)
#define CONFIRM_USEC (60 * USEC_PER_SEC)
#define REWRITE_USEC (60 * USEC_PER_SEC)
#define STARTS_MAX 5
/* Class objects of one server. */
#define OBJECTS_MAX 1024
#define BACKOFF_FIRST_USEC USEC_PER_SEC
#define BACKOFF_MAX_USEC (5 * USEC_PER_MINUTE)
#define QUARANTINE_AFTER 10
#define QUARANTINE_USEC USEC_PER_HOUR
#define RETRY_FIRST_USEC (30 * USEC_PER_SEC)
#define RETRY_MAX_USEC (5 * USEC_PER_HOUR)
#define FILES_DETAILS_MAX (64 * 1024)

/* When something is to be looked at again, on the boot clock or the monotonic one. */
typedef enum AlarmKind {
        ALARM_RUN,
        ALARM_CLASS,
        ALARM_PACKAGE,
        ALARM_SERVER,
} AlarmKind;

typedef struct Alarm {
        QueueNode node;
        AlarmKind kind;
} Alarm;

/* Runs that wait for one thing, in the order of their acceptance; while the gate is open they are judged again. */
typedef struct Gate {
        Queue waiting;
        ListNode node; /* in engine.open_gates while the gate is open and somebody waits */
        bool open;
} Gate;

typedef struct Details {
        size_t refs;
        size_t n;
        uint8_t data[];
} Details;

typedef struct Options {
        uint32_t retry_max;
        uint64_t catch_up_window_usec;
        uint64_t retry_backoff_usec;
        uint64_t time_limit_usec;
        uint64_t expires_usec;
        uint64_t deadline_usec;
} Options;

/* The states of a registration; a task that is gone has left all tables and waits for its last run. */
typedef enum TaskState {
        TASK_REGISTERING,
        TASK_REGISTERED,
        TASK_UPDATING,
        TASK_UNREGISTERING,
        _TASK_STATE_MAX,
        TASK_GONE = _TASK_STATE_MAX,
        TASK_SHADOW, /* the new options of an updating one */
        TASK_FURTHER, /* not a task, but a further trigger of one */
} TaskState;

typedef enum TaskEvent {
        TASK_COMMITTED,
        TASK_COMMIT_FAILED,
        TASK_REGISTER,
        TASK_FIRE,
        TASK_UNREGISTER,
        TASK_PACKAGE_REMOVED,
        _TASK_EVENT_MAX,
} TaskEvent;

#define TASK_TEXT_INLINE 20

/* 112 bytes: think twice before adding any. */
struct Task {
        Uuid id;                      /* first: ids.c reads it there */
        char text[TASK_TEXT_INLINE];  /* name, group, options, trigger's text, each with NUL; or a pointer to them */
        uint32_t index;
        int64_t anchor_boot_usec;     /* not valid if foreign */
        uint64_t anchor_real_usec;
        uint64_t last_number;
        uint64_t registered_real_usec;
        union {
                struct {
                        uint64_t period_usec;
                        uint64_t window_usec;
                };
                struct {
                        Topic *topic; /* what it listens to, NULL: nothing */
                        uint32_t topic_next;
                        uint32_t topic_prev;
                };
        };
        uint32_t class_;
        uint32_t extra;
        uint32_t timer;               /* position in engine.timers or .dates */
        uint32_t conditions;
        uint32_t kind : 8;
        uint32_t system_type : 4;
        uint32_t overlap : 3;
        uint32_t catch_up : 2;
        uint32_t rerun : 2;
        uint32_t state : 3;
        uint32_t one_shot : 1;
        uint32_t cancel_on_condition_loss : 1;
        uint32_t network_requested : 1;
        uint32_t paused : 1;
        uint32_t skip_next : 1;
        uint32_t foreign : 1;         /* the anchor is of another boot */
        uint32_t long_text : 1;
        uint32_t state_dirty : 1;     /* anchors, number or skip_next differ from what is stored */
        uint32_t listening : 1;       /* in its topic's list */
        uint32_t place : 3;           /* among the triggers of its task */
};

struct Extra {
        uint32_t index;
        Task *task;
        MapNode committing_node; /* in engine.committing unless registered */
        bool committing;
        ListNode same;           /* ring of the registrations with this name, the oldest is in the name table */
        ListNode queue;          /* pending runs */
        ListNode live;
        ListNode ended;          /* outcomes that are not stored */
        uint32_t n_queue;
        uint32_t n_live;
        uint32_t n_ended;
        ListNode waiters;
        uint64_t commit;         /* the commit that decides the state, 0: none */
        uint64_t taken_over;     /* the stored last number, while later ones are restored from the ledger */
        bool has_taken_over;
        uint32_t shadow;         /* index of the updating one's new options */
        Further *further;        /* triggers behind the first; NULL: none */
        Further *shadow_further;
        bool has_options;
        bool shadow_has_options;
        bool state_written;      /* behind the commit of the update that is not answered */
        ListNode state_node;     /* in engine.states, .unstored_states, or those of a commit */
        Options options;
        Options shadow_options;
        bool replaced;           /* by the register of this commit */
        bool outlived;           /* by its runs: its row is kept for them */
        ListNode outlived_node;  /* in engine.outlived, from its restoration to the start */
        bool cancel;             /* unregister: running ones too */
        uint8_t reason;          /* of what ends with the registration */
        uint64_t since_real_usec; /* of the state */
        uint64_t paused_real_usec;
};

struct Class {
        uint32_t index;
        uint32_t n_tasks;
        MapNode node;            /* in engine.classes_by_id */
        ListNode package_node;
        Package *package;
        Uuid clsid;              /* null: the in-process tasks of the package */
        uint32_t exe_server;
        bool declared;
        bool command;            /* of one command task, whose id it has */
        bool probing;            /* the one start after a quarantine is under way */
        uint32_t failures;       /* in a row */
        uint32_t launch_failures; /* of servers that we launched */
        uint64_t until_boot_usec; /* end of back-off or quarantine */
        uint64_t since_real_usec;
        uint64_t failed_in;      /* the event that counted the last failure */
        uint8_t last_detail;
        int32_t last_status;
        Alarm alarm;
        Gate missing;            /* in-process tasks: for a process that takes them */
        Gate backoff;
        ListNode objects;        /* the newest first */
};

typedef enum PackageState {
        PACKAGE_ABSENT,          /* named by a registration or server only */
        PACKAGE_INSTALLING,
        PACKAGE_INSTALLED,
        PACKAGE_UPDATING,
        PACKAGE_REMOVING,
} PackageState;

struct Package {
        MapNode node;
        ListNode all_node;
        PackageState state;
        Uuid content;
        Uuid staged_content;
        PackageClass *staged;
        size_t n_staged;
        uint32_t staged_capabilities;
        uint32_t capabilities;
        ListNode classes;
        uint32_t n_tasks;
        uint32_t n_committing;   /* of its tasks */
        uint32_t n_servers;
        ListNode waiters;
        ListNode starts;         /* StartMarks, the oldest first */
        uint32_t n_starts;
        bool dropped;            /* waits for its memory to be freed */
        bool paused;
        bool pausing;            /* a commit about that is on its way */
        uint64_t paused_real_usec;
        Gate resumed;
        Gate capable;            /* for those that lack a capability, judged again at each change */
        Gate start_limit;
        Alarm alarm;
        char name[];
};

typedef struct StartMark {
        ListNode node;
        uint64_t boot_usec;
} StartMark;

struct ClassObject {
        ListNode class_node;
        ListNode server_node;
        Class *class_;           /* NULL: withdrawn */
        Server *server;
        uint32_t cookie;
        bool single_use;
        bool suspended;
        bool used;
};

typedef enum ServerState {
        SERVER_LAUNCHING,
        SERVER_UP,
        SERVER_LEAVING,
        SERVER_STOPPING,
        _SERVER_STATE_MAX,
} ServerState;

typedef enum ServerEvent {
        SERVER_SPAWNED,
        SERVER_CLASS_REGISTERED,
        SERVER_GONE,
        SERVER_ASKED,
        SERVER_TIME_OVER,
        SERVER_STOP,
        _SERVER_EVENT_MAX,
} ServerEvent;

struct Server {
        uint64_t id;
        MapNode node;
        ListNode all_node;
        Package *package;
        uint32_t exe_server;
        ServerState state;
        bool launched;           /* by a broker */
        bool spawned;
        bool app;                /* not to be signalled any more */
        bool unresponsive;
        uint64_t unresponsive_in; /* the event that showed it */
        uint64_t silent_until_mono_usec; /* if it is not heard of until then, it is stopped when idle */
        bool outdated;           /* told to leave: not for new runs */
        bool released;           /* the broker was told; buried at the end of the event */
        bool stop_when_idle;
        bool checking;           /* EFFECT_CHECK_TRACED is not answered */
        bool killed;             /* SIGKILL was sent */
        bool gone;
        bool asked;              /* waits for the answer to ask-to-go */
        uint64_t asked_token;
        uint64_t class_until_mono_usec; /* classes are waited for until then */
        uint64_t kill_mono_usec; /* 0: no signal is due */
        Alarm alarm;
        ListNode runs;           /* live runs */
        uint32_t n_runs;
        uint32_t n_uncommitted;  /* ended runs whose outcome is not stored */
        uint32_t n_ledger;       /* ledger rows that name it */
        ListNode objects;
        uint32_t n_objects;
};

typedef enum RunEvent {
        RUN_START,          /* every gate is open */
        RUN_CLASS_READY,    /* the server that it waits for has news */
        RUN_ACKNOWLEDGED,
        RUN_REFUSED,
        RUN_NO_ANSWER,
        RUN_SERVER_FAILED,  /* the server that it waits for will not register the class */
        RUN_SERVER_GONE,
        RUN_CONFIRMED,      /* after a restart: the server has it */
        RUN_UNCONFIRMED,    /* after a restart: the server does not have it, or is silent */
        RUN_PROGRESS,
        RUN_COMPLETED,
        RUN_CANCEL,
        RUN_GRACE_OVER,
        RUN_TIME_LIMIT,
        RUN_CONDITION_LOST,
        RUN_EXPIRED,
        _RUN_EVENT_MAX,
} RunEvent;

#define RUN_STATE_COUNT (RUN_ENDED + 1)

/* What goes back if the commit of an acceptance fails. */
typedef struct Undo {
        int64_t anchor_boot_usec;
        uint64_t anchor_real_usec;
        uint64_t last_number;
        bool foreign;
        uint8_t place;           /* of the trigger whose anchor this was */
} Undo;

typedef struct Reply Reply;

struct Reply {
        Reply *next;
        uint64_t token;
        bool stored;             /* it waits for the commit, also if the run starts before */
};

struct Run {
        Uuid id;
        MapNode node;            /* in engine.runs_by_id */
        Task *task;
        ListNode task_node;      /* in the task's queue, live or ended list */
        ListNode live_node;      /* in engine.live, or pending in engine.attempted */
        ListNode server_node;
        ListNode dirty_node;     /* in engine.dirty or engine.unstored */
        ListNode commit_node;
        QueueNode gate_node;
        Gate *gate;              /* what it waits for, NULL: an event of its task */
        Alarm boot_alarm;
        Alarm mono_alarm;
        uint64_t order;          /* of acceptance */

        uint64_t number;
        uint64_t accepted_real_usec;
        uint64_t scheduled_real_usec;
        uint64_t first_scheduled_real_usec;
        uint32_t count;
        uint32_t attempts;
        uint8_t fired_by;
        uint8_t trigger;         /* place of the trigger that fired it, as the task's list was then */
        bool forced;
        bool rerun;
        Details *details;
        uint64_t expires_boot_usec;  /* USEC_INFINITY: never */
        uint64_t deadline_boot_usec; /* USEC_INFINITY: none */
        uint64_t retry_boot_usec;    /* 0: not waiting for a retry */

        uint8_t state;           /* RUN_x */
        uint64_t since_real_usec; /* of the state */
        uint8_t waiting;         /* WHY_x of the gate that it stands before */
        uint32_t starts_failed;
        uint32_t runs_failed;

        Server *server;          /* of the live attempt */
        uint64_t server_id;      /* of the last attempt */
        bool sent;
        bool acknowledged;
        bool launched;           /* the server was launched for this run */
        bool probe;
        bool unconfirmed;
        bool grace_over;
        bool limit_over;         /* whether its server is traced decides what follows */
        uint64_t answer_mono_usec;  /* acknowledgement or confirmation due, USEC_INFINITY: none */
        uint64_t limit_mono_usec;
        uint64_t grace_mono_usec;
        uint32_t watched_conditions; /* that cancel it when they are lost */
        uint32_t watched_power;      /* and that of maintenance */
        uint64_t running_mono_usec;
        uint8_t reason;
        uint32_t progress;
        uint64_t cpu_before_usec; /* what the server had used when it acknowledged this attempt */
        uint64_t cpu_usec;
        uint64_t memory_bytes;
        uint64_t sent_real_usec;    /* Run of this attempt; 0: not yet */
        uint64_t started_real_usec; /* the same once it is acknowledged */

        uint8_t outcome;
        uint8_t detail;
        int32_t result;
        uint64_t ended_real_usec;

        uint64_t commit;         /* the one that carries its rows, 0: none */
        uint64_t stored_number;  /* of its pending row, 0: none */
        uint64_t writing_number;
        bool dirty;              /* differs from what is stored or being stored */
        bool unstored;           /* its last commit failed */
        bool held;               /* is written when the registration's commit is answered */
        bool last;               /* ended as the firing of a one-shot trigger */
        bool recorded;           /* its end is in the unregistration's commit */
        bool kept;               /* its pending row is in the unregistration's commit */
        bool removes_task;       /* its outcome's commit removes the one-shot registration */
        bool has_undo;
        bool ledger;             /* a ledger row exists */
        bool ledger_over;        /* and goes with the next commit */
        Server *ledger_server;
        Undo undo;
        Reply *replies;
};

typedef struct Level {
        int8_t now;              /* 1, 0, -1 */
        int8_t stored;           /* the last true or false one; -1 none */
        bool dirty;
        bool writing;
        uint64_t since_real_usec;
        uint64_t since_mono_usec;
} Level;

/* What fires event triggers: the types of SystemTrigger, and after them what has a trigger of its own. */
enum {
        TOPIC_BOOT = 16,
        TOPIC_LOGIN,
        TOPIC_RESUME,
        _TOPIC_MAX,
};

/* Stored like the level of a condition, but of none: that this boot has fired its triggers. */
#define LEVEL_BOOT (CONDITION_MAX - 1)

struct Topic {
        MapNode node; /* in engine.topics_by_text or, when it is over, in engine.dead_topics */
        uint8_t kind;
        uint32_t refs;
        uint32_t first;
        uint32_t last;
        char text[];
};

/* An event that has not reached all that listen to it. */
typedef struct Raise {
        ListNode node;
        Topic *topic;            /* NULL: it is gone, and somebody is to be told so */
        Package *package;        /* NULL: of any package */
        Uuid task;               /* null: of any task */
        uint32_t next;
        uint32_t last;
        Details *details;
        uint64_t token;          /* of whoever waits for the first firing; 0: nobody, or it is answered */
} Raise;

typedef enum CommitKind {
        COMMIT_RUNS,             /* rows of runs, states of tasks, levels */
        COMMIT_REGISTER,
        COMMIT_UPDATE,
        COMMIT_UNREGISTER,
        COMMIT_PAUSE,
        COMMIT_SKIP,
        COMMIT_INSTALL,
        COMMIT_REMOVE,
        COMMIT_PAUSE_PACKAGE,
} CommitKind;

struct Commit {
        MapNode node;
        uint64_t number;
        CommitKind kind;
        uint64_t token;
        Task *task;
        Package *package;
        bool on;                 /* PAUSE, SKIP, PAUSE_PACKAGE: what the bit becomes */
        bool again;              /* SKIP: it was stored, and the state of a firing behind it */
        uint64_t since_real_usec; /* PAUSE_PACKAGE: when it was asked for */
        uint64_t last_number;    /* of the task when it was asked for */
        ListNode states;         /* Extras of tasks whose state is in it without a run */
        ListNode runs;
        size_t n_runs;
        uint32_t levels;
};

/* A request that waits for a commit, with copies of all that it points to. */
struct Waiter {
        ListNode node;
        Event event;
        TaskSpec spec;
        TaskRow row;
};

/* What this event may need, allocated before it begins. */
typedef struct Spare {
        char *text;
        Options options;
        Further *further;
        Topic *topics[TRIGGERS_MAX];
        Package *packages[2];    /* that the event and the request judged with it may name first */
        PackageClass *staged;
        Details *details;
        Waiter *waiter;
        ZoneEntry *zone;
} Spare;

/* The rules of a zone, as the broker has read them; the local zone has the name "". */
struct ZoneEntry {
        ListNode node;
        Zone *zone;
        char name[ZONE_NAME_MAX + 1];
};

typedef struct NameTable {
        uint32_t *slots;
        uint8_t *tags;           /* a byte of the hash for each slot */
        uint32_t n_slots;        /* a power of two, 0: none */
        uint32_t n;
} NameTable;

struct Engine {
        EngineConfig config;
        EngineTime now;
        bool started;
        bool store_behind; /* at the last event */
        bool rebooted;
        bool shutting_down;
        EngineTime start;
        uint64_t derived_boot_usec; /* when foreign anchors were placed */
        uint64_t derived_real_usec;
        uint64_t n_events;
        uint64_t last_order;
        uint64_t last_commit;
        uint64_t commits_before; /* last_commit when this event began */
        uint64_t last_server;
        uint64_t last_task;
        uint32_t last_cookie;

        Slab tasks;
        Slab extras;
        Slab classes;
        Pool runs;
        Pool commits;
        Pool servers;
        Pool objects;
        Pool marks;
        Pool replies;
        Pool raises_pool;
        Spare spare;

        Ids ids;
        NameTable names;
        Map committing;
        Map runs_by_id;
        Map commits_by_number;
        Map servers_by_id;
        Map packages_by_name;
        Package *recent_package; /* what was looked for last, since a start looks for the same a million times */
        Class *recent_class;
        Map classes_by_id;
        Map topics_by_text;

        Heap timers;             /* keys on the boot clock */
        Heap dates;              /* of calendar triggers: keys on the wall clock */
        ListNode zones;
        Queue boot_alarms;
        Queue mono_alarms;
        uint32_t wake_task;      /* the timer with the smallest latest moment, 0: to be found */
        uint64_t wake_latest_usec;
        uint64_t wake_boot_usec;

        Gate ready;              /* of runs that are to be judged */
        size_t n_ready;          /* of them */
        Gate run_limit;
        Gate conditions[CONDITION_MAX];
        ListNode open_gates;
        Level levels[CONDITION_MAX];
        uint32_t n_needs[CONDITION_MAX]; /* registrations that wait for it, or for its edge */
        uint32_t needs;                  /* those that are not 0, as CONDITION_BITs */
        Topic system_topics[_TOPIC_MAX];
        MapNode *dead_topics;            /* an effect may point to their text */

        ListNode packages;
        ListNode servers_all;
        ListNode live;
        ListNode attempted;      /* restored, and the reboot rule has not been applied */
        ListNode outlived;       /* Extras of restored tasks that are kept for their runs, until the start */
        uint32_t n_outlived;
        ListNode dirty;
        ListNode unstored;
        ListNode states;         /* Extras of tasks whose state is to be written without a run */
        ListNode unstored_states;
        ListNode raises;
        ListNode waiters;        /* to be judged again */
        ListNode dead_runs;
        uint32_t dead_task;      /* list through timer */
        Further *dead_further;
        uint32_t n_further;      /* triggers behind the first of their task */
        ListNode dead_servers;
        ListNode dead_packages;
        uint64_t rewrite_boot_usec; /* when unstored rows are written again, USEC_INFINITY: there are none */
        uint32_t n_rewrite;      /* of them whose turn it is */
        uint32_t n_pending;
        uint32_t n_live;
        uint32_t n_unstored;
        uint32_t n_commits;
        uint32_t n_packages;
        uint32_t n_servers;
        bool levels_dirty;

        Effects *effects;
        Scratch scratch;
        Commit *batch;           /* the commit of this event's runs */
        Waiter *waiter;          /* the request being handled is this one */
        size_t work;             /* pieces left for this event */

        uint32_t task_visited[_TASK_STATE_MAX];   /* which cells of the tables were used, for their test */
        uint32_t run_visited[RUN_STATE_COUNT];
        uint32_t server_visited[_SERVER_STATE_MAX];
};
