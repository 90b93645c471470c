/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The floors of an activation. Cold: this very program, spawned at the priority that servers get, that says over a
 * socket pair that it is there and is told to run. Warm: a message that goes through a process in the middle to a
 * third: what the kernel takes for the two ways of a round trip.
 */

#include <sys/types.h>

/* Between a client and its servers: the file "shared" in their working directory. */
typedef struct Shared {
        double first_line_usec;
        double first_line_real_usec;
        pid_t server;
        int cpu; /* of the server; -1: any */
} Shared;

/* Never unmapped: each program has one. */
Shared *shared_map(void);
/* The first line of what was started. */
void shared_note(Shared *shared);

/* main() of the program when its first argument is FLOOR_ARGUMENT. */
#define FLOOR_ARGUMENT "--answer"
int floor_answer(void);
/* Microseconds from the spawn to the first line. */
double floor_spawn(const Shared *shared);

typedef struct Hops {
        int client_fd, answer_fd;
        pid_t middle, last;
} Hops;

/* On these processors; -1: any. */
Hops hops_start(int cpu_middle, int cpu_last);
/* Microseconds from here to the third process. */
double hops_measure(const Hops *hops);
void hops_stop(const Hops *hops);
