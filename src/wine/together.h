/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One processor for a program that starts, for wineserver and for this process (together.c says why). At most one
 * program at a time: another one that starts meanwhile does so as everybody else.
 */

#include <stdint.h>
#include <sys/types.h>

/* All zero: it has not begun. */
typedef struct Together {
        enum { TOGETHER_NOT_YET, TOGETHER_NOW, TOGETHER_OVER } state;
        uint64_t end_usec;        /* CLOCK_MONOTONIC: at the latest */
        uint64_t window_usec;     /* since then is measured whether it is of use */
        uint64_t window_cpu_usec; /* what wineserver had used then */
} Together;

/* Once, before the others, in a process that has talked to wineserver. */
void together_init(void);
/* Every millisecond or so while the program starts: begins when it may, and ends when it is of no use any more. */
void together_go_on(Together *together, pid_t program);
/* The program has started, or is gone. */
void together_end(Together *together);
/* This process ends, whatever its threads are at. */
void together_leave(void);
