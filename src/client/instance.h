/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One run in this process, from the broker's Run until its outcome is recorded.
 *
 *      waiting    for a thread, or for bgt_dispatch()
 *      running    run executes, or has returned and deferrals are open
 *      ending     nothing of it is left; the object is being destroyed
 *      ended      the result is fixed and is sent; only to be recorded
 *      recorded   the broker has it on disk, or does not want it; not in the list of instances any more
 *
 * With the lock wherever nothing else is said.
 */

#include "client/client.h"
#include "client/server.h"

typedef enum InstanceState {
        INSTANCE_WAITING,
        INSTANCE_RUNNING,
        INSTANCE_ENDING,
        INSTANCE_ENDED,
        INSTANCE_RECORDED,
        _INSTANCE_STATE_MAX,
} InstanceState;

/* Of a run that is a command, which only the supervisor's are: what is told instead of its result. */
typedef enum InstanceExit {
        INSTANCE_EXIT_NONE,
        INSTANCE_EXIT_STATUS,
        INSTANCE_EXIT_SIGNAL,
} InstanceExit;

/*
 * Where a process leaves as soon as its last object is gone, and asks nobody: the result is told before the object
 * goes. False; to be set before anything is opened.
 */
extern bool instance_tells_first;

struct bgt_instance {
        atomic_uint n_ref;
        bgt *b;
        bgt_server *server; /* NULL once it has ended */
        ListNode node;      /* in b->instances */
        ListNode run_node;  /* in b->runs */
        Job run_job;        /* with BGT_NO_THREADS */
        Job cancel_job;

        char id[BGT_ID_SIZE];
        uint32_t attempt;
        bgt_registration *task;
        bgt_record *details;
        bgt_record *firing;

        uint32_t call_serial; /* of the Run that is to be acknowledged; 0: done */
        InstanceState state;
        bool returned;       /* run has */
        bool has_thread;     /* counted in b->n_busy */
        unsigned n_deferrals;
        int result;
        uint64_t retry_after_usec;
        InstanceExit exit;   /* how the command of this run failed */
        int exit_value;
        uint64_t cpu_usec, memory_bytes; /* of the command; 0: unknown */
        bool complete_sent;
        bool forgotten;      /* the broker does not know it */

        void *object;
        bool has_object;
        atomic_int reason;   /* -1: not canceled */
        atomic_int cancel_fd;
        bool class_told;     /* of the cancellation */
        bool handler_told;
        bool in_handler;
        bgt_canceled_handler handler;
        void *handler_userdata;

        atomic_uint progress;
        atomic_bool progress_waiting; /* somebody will send the newest value */
        bool has_progress;
        uint32_t sent_progress;
        uint64_t progress_mono_usec;  /* when the next one may be sent */
};

DEFINE_CLEANUP(bgt_instance *, bgt_instance_unref);

/* What Run says. References and text are taken over on success. Without a run job or a place in a list. */
int instance_new(bgt *b, bgt_server *server, const char *id, uint32_t attempt, bgt_instance **ret);
/* It is on its way to run. */
void instance_start(bgt_instance *instance);
/* Takes the first of b->runs out; whoever gets it calls instance_execute(), without the lock. */
bgt_instance *instance_take_run(bgt *b);
void instance_execute(bgt_instance *instance);

bgt_instance *instance_find(bgt *b, const char *id, uint32_t attempt);
/* Negative reason: none. The first one stays. */
void instance_cancel(bgt_instance *instance, int reason);
void instance_cancel_all(bgt *b, int reason);
/* The outcome is on disk. */
void instance_recorded(bgt_instance *instance);
/* Without the lock, before the end. Returns the result that its deferral is to be completed with. */
int instance_set_exit(bgt_instance *instance, InstanceExit exit, int value);
/* What a command has used, to be told with its result. Without the lock, before the end. */
void instance_set_usage(bgt_instance *instance, uint64_t cpu_usec, uint64_t memory_bytes);
/* Gives a reference back where the lock is held. */
void instance_unref_locked(bgt_instance *instance);
/* The broker does not know the run (any more): it is canceled, and its result is not told. */
void instance_forget(bgt *b, const char *id, uint32_t attempt);
void instance_forget_all(bgt *b);
/* The connection is closed: nobody will hear of results, what has not begun does not, what runs goes on. */
void instance_close_all(bgt *b);

/* The instance whose run this thread executes, else NULL. Without the lock. */
bgt_instance *instance_current(void);
