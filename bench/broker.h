/* SPDX-License-Identifier: MIT */
#pragma once

/* A broker for a benchmark alone, in a folder of its own. */

#include <bgtask.h>
#include <bgtask/manage.h>
#include <stdnoreturn.h>
#include <sys/types.h>

typedef struct Bench {
        char folder[64];  /* everything lies in here, the benchmark's package too */
        char package[80]; /* its family name, once it is installed */
        pid_t broker;
        const char *config; /* text of its configuration file; NULL: none */
} Bench;

/* Served by --serve for as long as it is used, and by --serve-one once. */
#define BENCH_CLSID_WARM "5d0a3b7e-9c0f-4a58-8f6e-0b1f5c7d2e41"
#define BENCH_CLSID_COLD "5d0a3b7e-9c0f-4a58-8f6e-0b1f5c7d2e42"

/*
 * Starts bgtaskd (that of this build, or what BGTASK_BROKER names) in a temporary folder and installs a package whose
 * servers are this program, with the arguments --serve and --serve-one. It is gone when the program ends, however that
 * comes. All of them end the program with a sentence if anything fails.
 */
void bench_start(Bench *bench);
/* The broker alone. bench_start_broker() returns when it answers, and what that took in seconds. */
double bench_start_broker(Bench *bench);
void bench_stop_broker(Bench *bench);
void bench_stop(Bench *bench);

/* Ends the program with the last error of the library. */
noreturn void bench_die_of(const char *what);
bgt *bench_open(const Bench *bench, int flags);
/* A task that its benchmark runs, on a connection of its own without threads. It ends the program if a run fails. */
typedef struct BenchTask {
        bgt *b;
        bgt_registration *registration;
        bgt_watch *watch;
        int n_ended;
        double accepted_real_usec, ended_usec; /* of the last one */
        uint64_t progress;
} BenchTask;

void bench_task_init(BenchTask *task, const Bench *bench, const char *name, const char *clsid);
void bench_task_done(BenchTask *task);
/* Runs it, waits until it is known that it has completed, and returns when it was requested. */
double bench_task_run(BenchTask *task);
/* Until so many have ended, which what watches counts. */
void bench_dispatch_until(bgt *b, const int *n_ended, int n);
/* Opens the file of that number in a folder for writing; makes it if it is not there. */
void bench_touch(const char *folder, unsigned i);
/* A builder of an interval task with one condition, whose class is the warm one. */
bgt_builder *bench_interval_builder(bgt *b, const char *name);
/* How many of n_batches times 1000 such tasks it registers in a second. Names begin with the prefix. */
double bench_register_batches(const Bench *bench, const char *prefix, int n_batches);
/* Of the broker. Wake-ups: how often in a second one of its threads has slept and runs again, in so many seconds. */
double bench_anonymous_bytes(const Bench *bench);
double bench_broker_cpu_usec(const Bench *bench);
double bench_wakeups(const Bench *bench, int seconds);
