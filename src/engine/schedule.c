/* SPDX-License-Identifier: MIT */

#include "engine/schedule.h"

#include "base/clock.h"
#include "base/macro.h"
#include "base/terms.h"

int64_t schedule_earliest(const Schedule *schedule, uint64_t k)
{
        return schedule->anchor_boot_usec + (int64_t)(k * schedule->period_usec);
}

int64_t schedule_latest(const Schedule *schedule, uint64_t k)
{
        return schedule_earliest(schedule, k) + (int64_t)schedule->window_usec;
}

uint64_t schedule_nominal(const Schedule *schedule, uint64_t k)
{
        return schedule->anchor_real_usec + k * schedule->period_usec;
}

static uint64_t last_due(const Schedule *schedule, int64_t now)
{
        uint64_t k;

        if (now < schedule->anchor_boot_usec)
                return 0;
        k = (uint64_t)(now - schedule->anchor_boot_usec) / schedule->period_usec;
        return schedule->one_shot ? MIN(k, UINT64_C(1)) : k;
}

/* The smallest k whose scheduled time is not before the moment. */
static uint64_t first_since(const Schedule *schedule, int64_t moment)
{
        if (moment <= schedule->anchor_boot_usec)
                return 0;
        return ((uint64_t)(moment - schedule->anchor_boot_usec) + schedule->period_usec - 1) / schedule->period_usec;
}

static ScheduleDue due_of_all(const Schedule *schedule, int64_t now, ScheduleDue due, bool late)
{
        uint64_t first;

        if (due.k_due == 1 && !late) {
                due.first = due.last = 1;
                return due;
        }
        first = first_since(schedule, now - (int64_t)schedule->catch_up_window_usec);
        first = MAX(first, UINT64_C(1));
        if (due.k_due > SCHEDULE_ALL_MAX)
                first = MAX(first, due.k_due - SCHEDULE_ALL_MAX + 1);
        if (first <= due.k_due) {
                due.first = first;
                due.last = due.k_due;
                due.each = true;
        }
        return due;
}

ScheduleDue schedule_due(const Schedule *schedule, uint64_t now_boot_usec)
{
        int64_t now = (int64_t)now_boot_usec;
        ScheduleDue due = { .k_due = last_due(schedule, now) };
        bool late;

        if (due.k_due == 0)
                return due;
        late = now > schedule_latest(schedule, due.k_due) + (int64_t)SCHEDULE_LATENESS;
        switch (schedule->catch_up) {
        case CATCH_UP_NONE:
                if (!late)
                        due.first = due.last = due.k_due;
                return due;
        case CATCH_UP_ALL:
                return due_of_all(schedule, now, due, late);
        default:
                due.first = 1;
                due.last = due.k_due;
                return due;
        }
}

int64_t schedule_foreign_anchor(uint64_t boot_usec, uint64_t real_usec, uint64_t anchor_real_usec)
{
        return (int64_t)boot_usec - (int64_t)usec_sub(real_usec, anchor_real_usec);
}

uint64_t schedule_wake(uint64_t earliest_usec, uint64_t latest_usec, uint64_t host_hash)
{
        static const uint64_t grids[] = {
                USEC_PER_MINUTE,
                10 * USEC_PER_SEC,
                USEC_PER_SEC,
                250 * USEC_PER_MSEC,
        };

        for (size_t i = 0; i < ELEMENTSOF(grids); i++) {
                uint64_t shift = host_hash % grids[i], moment;

                if (latest_usec < shift)
                        continue;
                moment = (latest_usec - shift) / grids[i] * grids[i] + shift;
                if (moment >= earliest_usec)
                        return moment;
        }
        return latest_usec;
}
