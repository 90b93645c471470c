/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of libbgtask share: the connection object.
 *
 * One lock for each connection guards everything that is reached from it, except what is atomic; it is never held over
 * code of the application. One thread at a time is the driver, which runs the loop: a thread of the library, or, with
 * BGT_NO_THREADS, whoever is in bgt_dispatch() or waits for an answer. Callbacks of the loop only compute, send, and
 * queue jobs; the driver calls the jobs' handlers when the loop has returned, without the lock. Therefore a handler
 * may wait for the broker: it drives the loop itself meanwhile, and what becomes due is queued behind it.
 *
 *      client.c      opening, closing, references          driver.c      the driver, its jobs, the timer, threads
 *      link.c        connecting, again after a loss        call.c        calls that wait for their answer
 *      server.c      class objects                         activation.c  what the broker asks of a server
 *      instance.c    runs, deferrals                       wait.c        waiting and leaving
 *      listen.c      signals to those who watch
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <bgtask.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/loop.h"
#include "dbus/connection.h"
#include "dbus/dispatch.h"

#define CLIENT_PATH "/org/bgtask"

/* How long a call waits for a broker to appear, and for its answer. */
#define CLIENT_LINK_USEC (5 * USEC_PER_SEC)
#define CLIENT_ANSWER_USEC (25 * USEC_PER_SEC)

typedef enum LinkState {
        LINK_DOWN,       /* nobody needs a connection */
        LINK_CONNECTING, /* tried again by the timer, and when the socket appears */
        LINK_UP,
        LINK_CLOSED,
        _LINK_STATE_MAX,
} LinkState;

/*
 * Something that the driver does when the loop has returned. It is in the queue at most once. run has the lock, and
 * lets go of it around the code of the application.
 */
typedef struct Job Job;
struct Job {
        ListNode node;
        void (*run)(bgt *b, Job *job);
};

struct bgt {
        atomic_uint n_ref;   /* of the memory */
        unsigned n_open;     /* of the own connection: what bgt_open() gave out and has not got back */
        pid_t pid;
        unsigned flags;
        bool own;            /* it is the process's own connection */
        char *package;       /* asked for; "" if none was named */
        char *socket_path;

        pthread_mutex_t lock;
        pthread_cond_t changed; /* of anything that somebody waits for */
        Loop loop;
        LoopSource wake;
        LoopSource timer;
        uint64_t timer_mono_usec; /* USEC_INFINITY: not armed */
        bool driving;
        pthread_t driver;
        unsigned n_end_waiters; /* who wants to know of every instance's end */
        unsigned n_driving;  /* depth of waits that drive the loop, which a change must wake */
        ListNode jobs;
        size_t n_jobs;

        ListNode runs;       /* instances that wait for a thread */
        unsigned n_threads;
        unsigned n_busy;     /* threads in a run function, and those spoken for by runs */
        pthread_cond_t parked;

        LinkState state;
        bool bare;           /* the connection is the inherited one */
        bool ever_up;
        bool attached;       /* what a server says may be sent */
        unsigned n_linking;  /* calls that wait for a connection */
        int link_error;      /* why the last attempt failed, negative errno */
        bool start_tried;    /* to start a broker, in this time of connecting */
        int start_error;     /* why that failed */
        uint64_t retry_mono_usec;
        uint64_t retry_delay_usec;
        uint64_t down_mono_usec; /* since when there is none */
        int watch_fd;        /* inotify on the socket's folder while connecting */
        LoopSource watch;
        Connection *connection;
        Dispatch dispatch;
        Writer writer;       /* for messages that nobody waits for */
        bool delayed;        /* something waits to be sent with what comes next */
        ListNode calls;

        bgt_record *info;    /* what Open or Attach answered; NULL before */
        Message *refusal;    /* or their error */
        int greet_error;     /* or why it was no answer: negative errno */
        char *local_folder;  /* what bgt_local_folder() and bgt_package() have returned */
        char *shown_package;

        bool is_server;
        bool suspended;
        bool leave_wanted;   /* by the broker, or because the references to the process fell to 0 */
        bool terminating;    /* SIGTERM */
        bool gone;           /* the broker has agreed that the process leaves */
        bool counted;        /* bgt_server_add_ref_process() was called */
        unsigned n_process_refs;
        char *cookie;        /* of this server */
        ListNode servers;
        ListNode instances;  /* until their outcome is recorded */
        unsigned n_instances;
        unsigned n_live;     /* of them, those that have not ended */
        unsigned n_unacknowledged;
        uint64_t n_ended;
        uint64_t n_ended_seen; /* by bgt_server_wait() */
        uint64_t idle_mono_usec; /* since when nothing is live */
        bgt_idle_handler on_idle;
        void *on_idle_userdata;
        bool idle_wanted;
        bool idle_queued;
        Job idle_job;

        ListNode listeners;
        struct Listener *calling; /* whose handler runs */
};

/* client.c. */

/*
 * The file of the program, where that is not /proc/self/exe; the broker finds its package by it. NULL: it is that. To
 * be set before anything is opened.
 */
extern const char *client_program;

/* The connection that an argument stands for, opened if need be; NULL, and the error is set, if it cannot be used. */
bgt *client_use(bgt *b);
bgt *client_ref(bgt *b);
void client_unref(bgt *b);
static inline void client_lock(bgt *b)
{
        pthread_mutex_lock(&b->lock);
}
static inline void client_unlock(bgt *b)
{
        pthread_mutex_unlock(&b->lock);
}
/* False in the child of a fork. */
bool client_is_ours(const bgt *b);
/* Duplicates text into *p, which is freed first. -ENOMEM changes nothing. */
int client_set_text(char **p, const char *text);
