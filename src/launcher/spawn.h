/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One process from a plan. Two implementations: spawn-clone.c shares memory with the child until exec, so that the
 * cost does not grow with the broker; spawn-fork.c, for builds whose instrumentation cannot follow that, forks.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "launcher/launcher.h"

/* Of what the child runs: it may share our memory, and stands on a stack that instrumentation does not know. */
#define _bare_ __attribute__((no_sanitize("address", "undefined", "thread")))

/* Every descriptor of a plan is at or above this, so that no dup2() in the child hits one that is still needed. */
#define SPAWN_FD_FLOOR 10
#define SPAWN_FDS_MAX 5

/* A duplicate of fd at or above the floor; fd stays open. Negative errno. */
int spawn_lift_fd(int fd);

typedef struct Confinement Confinement;

typedef struct SpawnRlimit {
        int resource;
        struct rlimit limit;
} SpawnRlimit;

typedef struct SpawnPlan {
        const char *executable;
        char *const *argv;
        char *const *environment;
        const char *cwd;
        int fds[SPAWN_FDS_MAX]; /* fds[i] becomes descriptor i */
        int n_fds;
        int cgroup_fd;          /* the folder of the cgroup, -1: stay in ours */
        bool join_cgroup;       /* the child enters cgroup_fd itself: set where clone cannot do it */
        SpawnRlimit rlimits[2];
        int n_rlimits;
        bool low_priority;
        const Confinement *confinement; /* NULL: none */
        int namespaces;                 /* CLONE_NEW… that the child is born into */
        const sigset_t *signals; /* filled in by spawner_run() */

        /* Written by the child. */
        volatile int error; /* 0 or a negative errno */
        volatile LaunchStep step;
        volatile uint64_t first_tick; /* of the boot clock, when the child began; 0: it cannot tell */
} SpawnPlan;

/* Memory on which children run until exec. */
typedef struct Spawner {
        void *stack;
        size_t stack_size;
        sigset_t signals;
} Spawner;

int spawner_init(Spawner *spawner);
void spawner_done(Spawner *spawner);

typedef struct Spawned {
        pid_t pid;
        int pidfd;
        uint64_t start_time; /* as in /proc/PID/stat; 0: it has to be read there */
} Spawned;

/*
 * Returns when the child has executed the program, or has failed: a negative errno, plan->step says where, and the
 * child is gone. All signals are blocked meanwhile.
 */
int spawner_run(Spawner *spawner, SpawnPlan *plan, Spawned *ret_spawned);

/*
 * What the child does. Only calls that are safe after vfork(); nothing that it leaves in memory but what the plan
 * says has a reader. Does not return if it succeeds.
 */
void spawn_child(SpawnPlan *plan);

/*
 * The signals that a child sets to their default: those that are not now, and those that a program is likely to change
 * later. All 64 would cost as much as the spawn itself.
 */
void spawn_note_signals(sigset_t *ret_signals);

#define SPAWN_LOW_NICE 10
