/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 3, without an engine. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/terms.h"
#include "engine/schedule.h"

#define MIN_ USEC_PER_MINUTE
#define H USEC_PER_HOUR

typedef struct Row {
        uint8_t catch_up;
        uint64_t now;    /* the anchor is 0, the period 1 h, the window 10 min */
        uint64_t window; /* of catch-up all */
        uint64_t k_due;
        uint64_t first;
        uint64_t last;
        bool each;
} Row;

static const Row table_3_3[] = {
        { CATCH_UP_ONE, H - 1, 0, 0, 0, 0, false },
        /* k_due = 1 and not late: all fire 1. */
        { CATCH_UP_NONE, H, 0, 1, 1, 1, false },
        { CATCH_UP_NONE, H + 11 * MIN_, 0, 1, 1, 1, false },
        { CATCH_UP_ONE, H + 11 * MIN_, 0, 1, 1, 1, false },
        { CATCH_UP_ALL, H + 11 * MIN_, 0, 1, 1, 1, false },
        /* k_due = 1, later than its latest moment + 60 s. */
        { CATCH_UP_NONE, H + 11 * MIN_ + 1, 0, 1, 0, 0, false },
        { CATCH_UP_ONE, H + 11 * MIN_ + 1, 0, 1, 1, 1, false },
        { CATCH_UP_ALL, H + 20 * MIN_, 20 * MIN_, 1, 1, 1, true },
        { CATCH_UP_ALL, H + 20 * MIN_, 20 * MIN_ - 1, 1, 0, 0, false },
        /* k_due > 1. */
        { CATCH_UP_NONE, 5 * H + 11 * MIN_, 0, 5, 5, 5, false },
        { CATCH_UP_NONE, 5 * H + 12 * MIN_, 0, 5, 0, 0, false },
        { CATCH_UP_ONE, 5 * H + 12 * MIN_, 0, 5, 1, 5, false },
        { CATCH_UP_ALL, 5 * H + 12 * MIN_, 2 * H + 12 * MIN_, 5, 3, 5, true },
        { CATCH_UP_ALL, 5 * H + 12 * MIN_, 2 * H + 12 * MIN_ - 1, 5, 4, 5, true },
        { CATCH_UP_ALL, 5 * H + 12 * MIN_, 100 * H, 5, 1, 5, true },
        { CATCH_UP_ALL, 5 * H + 12 * MIN_, MIN_, 5, 0, 0, false },
        /* The newest 100. */
        { CATCH_UP_ALL, 1000 * H, 2000 * H, 1000, 901, 1000, true },
};

static void table_3_3_says_what_fires(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(table_3_3); i++) {
                const Row *row = &table_3_3[i];
                Schedule schedule = {
                        .period_usec = H,
                        .window_usec = 10 * MIN_,
                        .catch_up = row->catch_up,
                        .catch_up_window_usec = row->window,
                };
                ScheduleDue due = schedule_due(&schedule, row->now);

                if (due.k_due != row->k_due || due.first != row->first || due.last != row->last ||
                    due.each != row->each)
                        fail_msg("row %zu: k_due %u, %u to %u, each %d", i, (unsigned)due.k_due, (unsigned)due.first,
                                 (unsigned)due.last, due.each);
        }
}

static void a_one_shot_is_due_once_only(void **state)
{
        Schedule schedule = { .period_usec = H, .one_shot = true };
        ScheduleDue due = schedule_due(&schedule, 10 * H);

        assert_int_equal(due.k_due, 1);
        assert_int_equal(due.first, 1);
        assert_int_equal(due.last, 1);
}

static void an_anchor_may_lie_before_the_boot(void **state)
{
        Schedule schedule = { .period_usec = 24 * H, .anchor_boot_usec = -(int64_t)(20 * H) };

        assert_int_equal(schedule_due(&schedule, 4 * H - 1).k_due, 0);
        assert_int_equal(schedule_due(&schedule, 4 * H).k_due, 1);
        assert_true(schedule_earliest(&schedule, 1) == (int64_t)(4 * H));
}

static void an_anchor_of_another_boot_is_placed_by_the_wall_clock_and_never_after_now(void **state)
{
        assert_true(schedule_foreign_anchor(5 * H, 100 * H, 90 * H) == -(int64_t)(5 * H));
        assert_true(schedule_foreign_anchor(5 * H, 100 * H, 98 * H) == (int64_t)(3 * H));
        assert_true(schedule_foreign_anchor(5 * H, 100 * H, 300 * H) == (int64_t)(5 * H));
}

static void a_wake_up_lies_on_the_coarsest_grid_that_fits_the_window(void **state)
{
        const uint64_t hash = 12345678;
        static const struct {
                uint64_t window;
                uint64_t grid;
        } rows[] = {
                { USEC_PER_MINUTE, USEC_PER_MINUTE },
                { 30 * USEC_PER_MINUTE, USEC_PER_MINUTE },
                { 10 * USEC_PER_SEC, 10 * USEC_PER_SEC },
                { USEC_PER_SEC, USEC_PER_SEC },
                { 250 * USEC_PER_MSEC, 250 * USEC_PER_MSEC },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t earliest = 7 * H + 12345;
                uint64_t moment = schedule_wake(earliest, earliest + rows[i].window, hash);

                assert_true(moment >= earliest && moment <= earliest + rows[i].window);
                assert_int_equal((moment - hash % rows[i].grid) % rows[i].grid, 0);
                /* The last such moment. */
                assert_true(moment + rows[i].grid > earliest + rows[i].window);
        }
}

static void a_window_of_nothing_wakes_at_the_scheduled_time(void **state)
{
        assert_true(schedule_wake(7 * H + 12345, 7 * H + 12345, 999) == 7 * H + 12345);
        assert_true(schedule_wake(7 * H + 1, 7 * H + 1000, 0) == 7 * H + 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(table_3_3_says_what_fires),
                cmocka_unit_test(a_one_shot_is_due_once_only),
                cmocka_unit_test(an_anchor_may_lie_before_the_boot),
                cmocka_unit_test(an_anchor_of_another_boot_is_placed_by_the_wall_clock_and_never_after_now),
                cmocka_unit_test(a_wake_up_lies_on_the_coarsest_grid_that_fits_the_window),
                cmocka_unit_test(a_window_of_nothing_wakes_at_the_scheduled_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
