/* SPDX-License-Identifier: MIT */
#pragma once

/* Who runs the loop, and what is called when it has returned. The lock is held wherever nothing else is said. */

#include "client/client.h"

/* Sets the loop up, without the lock. */
int driver_init(bgt *b);
/* Lets go of all of it. The driver must have left. */
void driver_done(bgt *b);

/* Queues a job unless it is queued already, or the connection is closed. */
void driver_queue(bgt *b, Job *job);
/* Takes a job out of the queue; true if it was there. */
bool driver_unqueue(bgt *b, Job *job);

/* Makes the driver look at the loop, from any thread; without the lock too. Safe in a signal handler. */
void driver_wake(bgt *b);
/* Makes the loop call back at this time at the latest. */
void driver_arm(bgt *b, uint64_t mono_usec);

/*
 * Waits until cond (or anything, if this thread drives the loop meanwhile) or the time: the caller looks again and
 * waits again. Lets go of the lock. -ESHUTDOWN once the connection is closed.
 */
int driver_wait(bgt *b, pthread_cond_t *cond, uint64_t until_mono_usec);
/* To be called when the wait is over, which may have been several driver_wait(). */
void driver_end_wait(bgt *b);
/* The same as one driver_wait() for b->changed, but a driver calls handlers too. */
void driver_serve(bgt *b, uint64_t until_mono_usec);
/* Tells all who wait that something has changed. */
void driver_changed(bgt *b);
/* The same for the end of an instance, which is too frequent to wake those whom it does not concern. */
void driver_ended(bgt *b);
/* True on the thread that drives the loop or calls handlers. */
bool driver_is_me(const bgt *b);

/*
 * Makes sure that n threads are there besides those that are spoken for: one to drive, and one for each run that is to
 * start. -EAGAIN if there is none to be had. Nothing with BGT_NO_THREADS.
 */
int driver_need_threads(bgt *b, unsigned n);
/* Waits until no thread drives the loop, and wakes the parked ones to their end; state is LINK_CLOSED. */
void driver_stop(bgt *b);

/*
 * How threads of the library are made, where they must be of a kind that POSIX does not know: runs main(userdata) on a
 * new one, with a stack of 1 MiB or more; 0 or negative errno. NULL: a plain thread with all signals blocked. To be
 * set before anything is opened.
 */
extern int (*driver_start_thread)(void *(*main)(void *), void *userdata);

/* A condition on the clock that driver_wait() uses. */
void driver_cond_init(pthread_cond_t *cond);
