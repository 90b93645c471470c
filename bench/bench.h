/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the benchmarks share: clocks, samples, and rows that show a figure beside the floor that was measured in the
 * same run and beside its budget. They print and never judge: on a machine that does other work the figures are worth
 * what their floors are. With BENCH_TSV set, rows are separated by tabs, for bench/run.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>
#include <time.h>

typedef struct Samples {
        double *values;
        size_t n;
        size_t n_allocated;
} Samples;

/* Says "bench: what: why" and ends the program. why NULL: that of errno. */
noreturn void bench_die(const char *what, const char *why);
/* What cannot be measured here, and why, in a row of its own. */
void bench_skip(const char *what, const char *why);

double bench_now_usec(void);
/* The wall clock, in which the broker tells when it accepted a firing. */
double bench_real_usec(void);
/* The processor time of this process. */
double bench_cpu_usec(void);
/* The number that the program was given, at least 1. */
int bench_count(int argc, char *argv[], int otherwise);
/* The path of this program. Static. */
const char *bench_self(void);
/* Keeps the caller, or the process and all its threads, on one processor. cpu < 0: on any. */
void bench_pin(pid_t pid, int cpu);
/* Waits for a process that is not our child; it may have ended already. */
void bench_wait_gone(pid_t pid);

/* Until what the last measurement left to be done has been: the latency of one is measured, not the rate of many. */
void bench_rest(void);
/* Until the second of the wall clock. */
void bench_sleep_until(time_t real_sec);

void samples_add(Samples *s, double value);
double samples_percentile(Samples *s, double percent);
void samples_free(Samples *s);

/* Begins a table. */
void bench_title(const char *title);
/* A floor. */
void bench_floor(const char *what, double value, const char *unit);
/* A figure, and what is wanted of it in words; floor 0: it has none. */
void bench_row(const char *what, double value, double floor, const char *unit, const char *budget);
/* The same of samples in microseconds: their median, and the fastest 5 %. */
void bench_floor_of(const char *what, Samples *s);
void bench_row_of(const char *what, Samples *s, Samples *floor, const char *budget);
