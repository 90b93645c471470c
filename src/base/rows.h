/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the engine asks to be kept, the store keeps and the bus shows: plain rows that travel between the rooms. A row
 * owns nothing; its pointers are valid as long as whoever hands it over says.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/terms.h"
#include "base/uuid.h"

/* CustomSystemEventTriggerRecurrence.Once: further events of the same boot do not fire it. */
#define ONCE_PER_BOOT 1

typedef struct Trigger {
        uint8_t kind;            /* TRIGGER_x; 0: none was set */
        bool one_shot;
        uint8_t system_type;     /* SYSTEM_x of TRIGGER_SYSTEM; of TRIGGER_CUSTOM_SYSTEM_EVENT 0 or ONCE_PER_BOOT */
        uint64_t period_usec;    /* of timers */
        uint64_t window_usec;    /* of TRIGGER_INTERVAL; that of Time and Maintenance is fixed */
        const char *text;        /* id of CustomSystemEvent, calendar expression …; NULL if the kind has none */
} Trigger;

/* Of one task. */
#define TRIGGERS_MAX 8

/*
 * The anchor of a timer: docs/semantics.md, 3.1. Of a trigger without a schedule it is the time of its last firing.
 * The engine gives one of another boot back with the null boot id. The phase may lie before the boot: boot_usec is
 * compared as a signed number.
 */
typedef struct Anchor {
        Uuid boot_id;
        uint64_t boot_usec;
        uint64_t real_usec;
} Anchor;

typedef struct TaskSpec {
        const char *package;     /* family name */
        const char *name;
        const char *group;       /* registration group id, NULL or "": none */
        const char *options;     /* opaque to the engine, kept and given back: what only other rooms read; NULL: "" */
        Trigger trigger;
        const Trigger *more;     /* further triggers: any of them fires the task; their place counts from 1 */
        uint32_t n_more;         /* at most TRIGGERS_MAX - 1 */
        Uuid clsid;              /* null: in-process, or a command */
        bool command;            /* the entry point is a command line, which the options hold */
        bool has_entry_point;    /* a TaskEntryPoint string was set beside or instead of the CLSID: refused */
        uint32_t conditions;     /* CONDITION_BITs */
        bool cancel_on_condition_loss;
        bool network_requested;
        uint8_t overlap;         /* OVERLAP_x */
        uint8_t catch_up;        /* CATCH_UP_x */
        uint8_t rerun;           /* RERUN_x */
        uint32_t retry_max;      /* further attempts after a failed or abandoned one */
        uint64_t catch_up_window_usec;
        uint64_t retry_backoff_usec; /* 0: the default */
        uint64_t time_limit_usec;    /* 0: the policy's */
        uint64_t expires_usec;       /* 0: never */
        uint64_t deadline_usec;      /* 0: none */
} TaskSpec;

/* The trigger at a place, 0 to spec->n_more. */
static inline const Trigger *spec_trigger(const TaskSpec *spec, uint32_t place)
{
        return place == 0 ? &spec->trigger : &spec->more[place - 1];
}

/* One registration as it is stored. */
typedef struct TaskRow {
        Uuid id;
        TaskSpec spec;
        Anchor anchor;
        const Anchor *more_anchors; /* of spec.more; NULL: not told */
        uint64_t last_number;
        uint64_t registered_real_usec;
        bool paused;
        bool skip_next;      /* the next time that its trigger fires by itself is not run */
        bool unregistered;   /* gone for everybody; the row is there until its last runs have their outcomes */
} TaskRow;

/* One accepted firing without an outcome, as it is stored. */
typedef struct PendingRow {
        Uuid task;
        uint64_t number;
        uint64_t accepted_real_usec;
        uint64_t scheduled_real_usec;       /* the newest; 0 if the trigger has no schedule */
        uint64_t first_scheduled_real_usec;
        uint32_t count;                     /* scheduled times or firings that it stands for */
        uint32_t attempts;                  /* attempts begun */
        uint8_t fired_by;                   /* FIRED_BY_x */
        uint8_t trigger;                    /* place of the trigger that did, 0: the first */
        bool forced;
        bool rerun;                         /* started again after a power loss once */
        const void *details;                /* opaque */
        size_t n_details;
} PendingRow;

/* One ended firing, as the history keeps it. */
typedef struct RunRow {
        Uuid id;
        Uuid task;
        const char *package;
        const char *name;
        uint64_t number;
        uint64_t server;                    /* of the last attempt, 0: none was started */
        uint64_t accepted_real_usec;
        uint64_t scheduled_real_usec;
        uint64_t first_scheduled_real_usec;
        uint64_t started_real_usec;         /* when Run was sent in the last attempt; 0: it was not acknowledged */
        uint64_t ended_real_usec;
        uint32_t count;
        uint32_t attempts;
        uint32_t progress;                  /* the last one */
        uint8_t fired_by;
        uint8_t trigger;                    /* place and kind of the trigger that did; of a manual run of the first */
        uint8_t trigger_kind;
        uint8_t outcome;                    /* OUTCOME_x */
        uint8_t reason;                     /* REASON_x of canceled and timed-out */
        uint8_t detail;                     /* DETAIL_x */
        uint64_t cpu_usec;                  /* of its process during the run: semantics.md, 13.6; 0: unknown */
        uint64_t memory_bytes;              /* the most that it held; 0: unknown */
        int32_t result;                     /* of the run; exit status or signal for DETAIL_EXITED and _KILLED;
                                             * negative errno for DETAIL_SPAWN */
} RunRow;

/* What a server needs to know of a run. */
typedef struct RunInfo {
        Uuid run;
        uint32_t attempt;
        uint8_t state;           /* RUN_x */
        uint8_t reason;          /* of stopping */
        uint8_t fired_by;
        bool unconfirmed;
        uint64_t server;         /* 0: none yet */
        Uuid task;
        const char *package;
        const char *name;
        const char *group;       /* registration group id, "": none */
        Trigger trigger;         /* that fired it; of a manual run the first */
        uint8_t place;           /* of that trigger */
        uint64_t number;
        uint64_t order;           /* of acceptance, since the start of the broker */
        uint64_t scheduled_real_usec;
        uint64_t first_scheduled_real_usec;
        uint64_t accepted_real_usec;
        uint64_t since_real_usec; /* of the state */
        uint32_t count;
        uint32_t progress;
        const void *details;
        size_t n_details;
} RunInfo;

/* What the engine says of one trigger. */
typedef struct TriggerInfo {
        Anchor anchor;
        uint64_t next_earliest_boot_usec;  /* timers; USEC_INFINITY: none */
        uint64_t next_latest_boot_usec;
        uint64_t next_real_usec;           /* calendar triggers; USEC_INFINITY: none */
} TriggerInfo;

/* What the engine says of a registration. */
typedef struct TaskInfo {
        TaskRow row;
        bool unregistering;
        bool package_paused;
        uint64_t package_paused_real_usec; /* since when */
        uint32_t n_pending;
        uint32_t n_live;
        TriggerInfo triggers[TRIGGERS_MAX]; /* as many as it has */
        uint64_t last_fired_real_usec;     /* since the broker's start or from the anchor; 0: never */
} TaskInfo;

/* One reason why a registration does not run, or that it runs: docs/semantics.md, section 11. */
typedef struct Why {
        uint8_t code;                      /* WHY_x */
        uint8_t condition;                 /* CONDITION_FALSE, _UNKNOWN */
        uint8_t detail;                    /* BACKING_OFF, QUARANTINED: DETAIL_x of the last failure */
        bool of_trigger;                   /* it is about one of the task's triggers: one that waits, or has fired */
        uint8_t trigger;                   /* the place of that */
        int32_t status;                    /* its status or errno */
        uint32_t count;                    /* failures in a row; a limit's value */
        uint32_t used;                     /* a limit's use */
        uint64_t since_real_usec;
        uint64_t until_boot_usec;          /* when it ends by itself; USEC_INFINITY: not by time */
        uint64_t latest_boot_usec;         /* WAITING_FOR_TIME */
        uint64_t until_real_usec;          /* WAITING_FOR_TIME of a calendar trigger; USEC_INFINITY: none */
        Uuid run;                          /* STARTING, RUNNING, STOPPING, UNCONFIRMED */
} Why;

/* One attempt whose server is being started or has been sent Run: what the broker keeps in the ledger. */
typedef struct LedgerRow {
        Uuid run;
        uint32_t attempt;
        uint64_t server;
        bool sent;                          /* Run was sent */
        bool acknowledged;
        uint64_t sent_real_usec;            /* when Run was; 0: it was not */
        bool stopping;                      /* it was canceled */
        uint8_t reason;                     /* REASON_x of that */
        PendingRow firing;
} LedgerRow;
