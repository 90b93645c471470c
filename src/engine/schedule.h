/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When timers are due: computing only, docs/semantics.md, section 3. Times on the boot clock are signed here, because
 * the anchor of a timer may lie before the boot.
 */

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_PERIOD_MAX (UINT64_C(100) * 366 * 24 * 3600 * 1000000)
#define SCHEDULE_TIME_MIN (UINT64_C(15) * 60 * 1000000)
#define SCHEDULE_INTERVAL_MIN UINT64_C(1000000)
#define SCHEDULE_LATENESS (UINT64_C(60) * 1000000)
#define SCHEDULE_ALL_MAX 100

typedef struct Schedule {
        int64_t anchor_boot_usec;
        uint64_t anchor_real_usec;
        uint64_t period_usec; /* not 0 */
        uint64_t window_usec;
        uint64_t catch_up_window_usec;
        uint8_t catch_up;     /* CATCH_UP_x */
        bool one_shot;
} Schedule;

/* What table 3.3 says: nothing (first 0), one firing for the times first … last, or one for each of them. */
typedef struct ScheduleDue {
        uint64_t k_due; /* the anchor moves to this one; 0: nothing is due */
        uint64_t first;
        uint64_t last;
        bool each;
} ScheduleDue;

int64_t schedule_earliest(const Schedule *schedule, uint64_t k);
int64_t schedule_latest(const Schedule *schedule, uint64_t k);
/* The nominal wall clock time of scheduled time k. */
uint64_t schedule_nominal(const Schedule *schedule, uint64_t k);
ScheduleDue schedule_due(const Schedule *schedule, uint64_t now_boot_usec);

/* 3.2: the anchor of another boot on this boot's clock, derived at the given moment. */
int64_t schedule_foreign_anchor(uint64_t boot_usec, uint64_t real_usec, uint64_t anchor_real_usec);

/* 3.6: the moment in [earliest, latest] that most timers of this host share. */
uint64_t schedule_wake(uint64_t earliest_usec, uint64_t latest_usec, uint64_t host_hash);
