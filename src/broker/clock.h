/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The three clocks that the engine is told, and its wake-ups. On the real clocks each is a timerfd, the one of the
 * wall clock with CANCEL_ON_SET, so that a step is seen. On the test clock time stands still until somebody moves it.
 */

#include "base/loop.h"
#include "engine/engine.h"

typedef struct Clock Clock;

typedef struct ClockHandlers {
        void (*woken)(void *userdata);
        void (*stepped)(void *userdata); /* the wall clock was set */
        void *userdata;
} ClockHandlers;

int clock_new(Loop *loop, const ClockHandlers *handlers, Clock **ret_clock);
Clock *clock_free(Clock *clock);
DEFINE_CLEANUP(Clock *, clock_free);

/*
 * Makes it a test clock. What was reached is kept in the folder, so that a broker that is started again goes on from
 * there: all three clocks for the same boot id, the wall clock alone for another, as a reboot does. Negative errno.
 */
int clock_set_test(Clock *clock, Uuid boot_id, const char *folder);
bool clock_is_test(const Clock *clock);
EngineTime clock_now(const Clock *clock);

/* Arms what differs from the last call. */
void clock_arm(Clock *clock, const EngineTime *wake);

/* Test clock only. The wall clock stops at 0 and at the year 10000. */
void clock_advance(Clock *clock, uint64_t usec, bool suspended);
void clock_step(Clock *clock, int64_t usec);
