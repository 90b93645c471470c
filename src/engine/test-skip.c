/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, 4.7: the next time is not run. */

#include <errno.h>

#include "engine/test-driver.h"

static const RunRow *last_stored(const Driver *d)
{
        assert_true(d->n_history > 0);
        return &d->history[d->n_history - 1];
}

static void assert_skipped(const Driver *d, uint64_t scheduled)
{
        assert_int_equal(last_stored(d)->outcome, OUTCOME_NOT_STARTED);
        assert_int_equal(last_stored(d)->detail, DETAIL_SKIPPED);
        assert_int_equal(last_stored(d)->count, 1);
        assert_true(last_stored(d)->scheduled_real_usec == scheduled);
}

static void a_skipped_time_is_told_of_and_not_run_and_the_next_one_runs(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        uint64_t real = d->now.real_usec;

        d->run = RUN_MODE_COMPLETE;
        assert_int_equal(driver_skip(d, id, true)->error, ERROR_NONE);
        assert_true(driver_info(d, id).row.skip_next);
        assert_true(driver_why(d, id, WHY_SKIP_NEXT));
        assert_true(driver_why(d, id, WHY_WAITING_FOR_TIME));
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 0);
        assert_int_equal(d->n_history, 1);
        assert_skipped(d, real + USEC_PER_HOUR);
        assert_false(driver_info(d, id).row.skip_next);
        assert_false(driver_why(d, id, WHY_SKIP_NEXT));
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(last_stored(d)->outcome, OUTCOME_COMPLETED);
        driver_free(d);
}

static void a_skip_is_taken_back(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        driver_skip(d, id, true);
        assert_int_equal(driver_skip(d, id, true)->error, ERROR_NONE);
        assert_int_equal(driver_skip(d, id, false)->error, ERROR_NONE);
        assert_false(driver_info(d, id).row.skip_next);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        driver_free(d);
}

static void of_several_missed_times_the_first_is_skipped_and_the_others_are_caught_up(void **state)
{
        static const struct {
                uint8_t catch_up;
                size_t n_runs;
                uint32_t count;
        } rows[] = { { CATCH_UP_ONE, 1, 4 }, { CATCH_UP_ALL, 4, 1 }, { CATCH_UP_NONE, 0, 0 } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Driver *d = driver_new_with_package();
                TaskSpec spec = driver_spec("a");
                uint64_t real = d->now.real_usec;
                Uuid id;

                spec.catch_up = rows[i].catch_up;
                spec.catch_up_window_usec = USEC_PER_DAY;
                spec.overlap = OVERLAP_BUFFER_ALL;
                id = driver_must_register(d, spec);
                driver_skip(d, id, true);
                d->run = RUN_MODE_COMPLETE;
                d->now.boot_usec += 5 * USEC_PER_HOUR + 2 * USEC_PER_MINUTE;
                driver_feed(d, (Event){ .type = EVENT_TICK });
                driver_settle(d);
                assert_int_equal(d->n_runs, rows[i].n_runs);
                assert_int_equal(d->n_history, rows[i].n_runs + 1);
                assert_int_equal(d->history[0].detail, DETAIL_SKIPPED);
                assert_true(d->history[0].scheduled_real_usec == real + USEC_PER_HOUR);
                if (rows[i].n_runs > 0) {
                        assert_int_equal(d->history[1].count, rows[i].count);
                        assert_true(d->history[1].first_scheduled_real_usec == real + 2 * USEC_PER_HOUR);
                }
                assert_true(driver_info(d, id).triggers[0].next_earliest_boot_usec > d->now.boot_usec);
                driver_free(d);
        }
}

static void a_calendar_skips_one_time_too(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        uint64_t next;
        Uuid id;

        spec.trigger = (Trigger){ .kind = TRIGGER_CALENDAR, .text = "hourly UTC" };
        id = driver_must_register(d, spec);
        driver_skip(d, id, true);
        next = driver_info(d, id).triggers[0].next_real_usec;
        d->run = RUN_MODE_COMPLETE;
        d->now.real_usec = next + 2 * USEC_PER_HOUR;
        driver_feed(d, (Event){ .type = EVENT_TICK });
        driver_settle(d);
        assert_int_equal(d->n_history, 2);
        assert_int_equal(d->history[0].detail, DETAIL_SKIPPED);
        assert_true(d->history[0].scheduled_real_usec == next);
        assert_int_equal(d->history[1].count, 2);
        assert_true(d->history[1].first_scheduled_real_usec == next + USEC_PER_HOUR);
        driver_free(d);
}

static void an_event_is_skipped_and_neither_merged_nor_told_as_overlap(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.overlap = OVERLAP_CANCEL_OTHER;
        id = driver_must_register(d, spec);
        d->run = RUN_MODE_ACK;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_live, 1);
        driver_skip(d, id, true);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_skipped(d, 0);
        assert_int_equal(d->n_cancels, 0);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_cancels, 1);
        driver_free(d);
}

static void what_is_pending_and_what_a_person_starts_is_not_skipped(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        driver_skip(d, id, true);
        d->run = RUN_MODE_COMPLETE;
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        assert_int_equal(d->n_runs, 1);
        driver_run_now(d, id, true);
        assert_int_equal(d->n_runs, 2);
        assert_true(driver_info(d, id).row.skip_next);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 2);
        assert_int_equal(last_stored(d)->detail, DETAIL_SKIPPED);
        driver_free(d);
}

static void a_task_that_only_requests_fire_has_nothing_to_skip(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_request_spec("a"));

        assert_int_equal(driver_skip(d, id, true)->error, ERROR_NOTHING_TO_SKIP);
        assert_int_equal(driver_skip(d, id, false)->error, ERROR_NONE);
        assert_int_equal(driver_skip(d, driver_clsid, true)->error, ERROR_NO_SUCH_TASK);
        driver_free(d);
}

static void a_one_shot_whose_time_is_skipped_ends(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.trigger.one_shot = true;
        id = driver_must_register(d, spec);
        driver_skip(d, id, true);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(last_stored(d)->detail, DETAIL_SKIPPED);
        assert_int_equal(driver_n_stored_tasks(d), 0);
        driver_free(d);
}

static void a_skip_survives_restart_reboot_update_and_pause(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id = driver_must_register(d, spec);

        driver_skip(d, id, true);
        driver_restart(d, false);
        assert_true(driver_info(d, id).row.skip_next);
        driver_restart(d, true);
        assert_true(driver_info(d, id).row.skip_next);
        spec.retry_max = 1;
        assert_int_equal(driver_register(d, spec, IF_EXISTS_UPDATE)->error, ERROR_NONE);
        driver_pause(d, id, true);
        driver_restart(d, false);
        assert_true(driver_info(d, id).row.skip_next);
        assert_true(driver_info(d, id).row.paused);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(last_stored(d)->detail, DETAIL_SKIPPED);
        driver_restart(d, false);
        assert_false(driver_info(d, id).row.skip_next);
        assert_int_equal(driver_register(d, spec, IF_EXISTS_REPLACE)->error, ERROR_NONE);
        driver_free(d);
}

static void a_skip_that_could_not_be_stored_is_none(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));

        d->commit_error = -EIO;
        assert_int_equal(driver_skip(d, id, true)->error, ERROR_STORE_FAILED);
        assert_false(driver_info(d, id).row.skip_next);
        driver_free(d);
}

/* The firing's state goes to the store behind the bit and says that nothing is skipped. */
static void a_firing_while_the_bit_is_stored_does_not_undo_it(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_spec("a"));
        const DriverReply *reply;

        d->run = RUN_MODE_COMPLETE;
        d->hold_commits = true;
        reply = driver_skip(d, id, true);
        assert_int_equal(reply->n, 0);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        driver_answer_commits(d, 0);
        d->hold_commits = false;
        driver_answer_commits(d, 0);
        assert_int_equal(reply->n, 1);
        assert_int_equal(reply->error, ERROR_NONE);
        driver_restart(d, false);
        assert_true(driver_info(d, id).row.skip_next);
        driver_free(d);
}

static uint64_t good_commit;

static int only_one_is_good(Driver *d, uint64_t commit)
{
        return commit == good_commit ? 0 : -EIO;
}

/* The store has the bit then, and neither a firing nor anything else would write over it. */
static void a_bit_that_fails_behind_a_firing_is_taken_out_of_the_store(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        const DriverReply *reply;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        reply = driver_skip(d, id, true);
        good_commit = d->held[0];
        d->commit = only_one_is_good;
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        d->hold_commits = false;
        driver_settle(d);
        assert_int_equal(reply->error, ERROR_STORE_FAILED);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        assert_int_equal(engine_get_counts(d->engine).n_unstored, 1);
        d->commit = NULL;
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(engine_get_counts(d->engine).n_unstored, 0);
        driver_restart(d, false);
        assert_false(driver_info(d, id).row.skip_next);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_skipped_time_is_told_of_and_not_run_and_the_next_one_runs),
                cmocka_unit_test(a_skip_is_taken_back),
                cmocka_unit_test(of_several_missed_times_the_first_is_skipped_and_the_others_are_caught_up),
                cmocka_unit_test(a_calendar_skips_one_time_too),
                cmocka_unit_test(an_event_is_skipped_and_neither_merged_nor_told_as_overlap),
                cmocka_unit_test(what_is_pending_and_what_a_person_starts_is_not_skipped),
                cmocka_unit_test(a_task_that_only_requests_fire_has_nothing_to_skip),
                cmocka_unit_test(a_one_shot_whose_time_is_skipped_ends),
                cmocka_unit_test(a_skip_survives_restart_reboot_update_and_pause),
                cmocka_unit_test(a_skip_that_could_not_be_stored_is_none),
                cmocka_unit_test(a_firing_while_the_bit_is_stored_does_not_undo_it),
                cmocka_unit_test(a_bit_that_fails_behind_a_firing_is_taken_out_of_the_store),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
