/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 4: acceptance, overlap, merging, requests, expiry; and section 12 for firings. */

#include <errno.h>

#include "engine/test-driver.h"

/* Table 4.3 for events, requests and manual runs: what becomes of a second firing. */
typedef enum Second {
        QUEUED,
        MERGED,
        RECORDED_OVERLAP,
        RECORDED_QUOTA,
        ALLOWED_MERGED,
        BUSY,
        FULL,
} Second;

typedef struct Row {
        uint8_t overlap;
        uint8_t fired_by;
        bool live;    /* a live run, else a pending one that waits for a condition */
        Second second;
} Row;

static const Row table_4_3[] = {
        { OVERLAP_SKIP, FIRED_BY_EVENT, false, MERGED },
        { OVERLAP_SKIP, FIRED_BY_EVENT, true, RECORDED_OVERLAP },
        { OVERLAP_SKIP, FIRED_BY_REQUEST, false, BUSY },
        { OVERLAP_SKIP, FIRED_BY_REQUEST, true, BUSY },
        { OVERLAP_SKIP, FIRED_BY_MANUAL, false, ALLOWED_MERGED },
        { OVERLAP_SKIP, FIRED_BY_MANUAL, true, BUSY },
        { OVERLAP_BUFFER_ONE, FIRED_BY_EVENT, false, MERGED },
        { OVERLAP_BUFFER_ONE, FIRED_BY_EVENT, true, QUEUED },
        { OVERLAP_BUFFER_ONE, FIRED_BY_REQUEST, false, BUSY },
        { OVERLAP_BUFFER_ONE, FIRED_BY_REQUEST, true, QUEUED },
        { OVERLAP_BUFFER_ONE, FIRED_BY_MANUAL, false, ALLOWED_MERGED },
        { OVERLAP_BUFFER_ONE, FIRED_BY_MANUAL, true, QUEUED },
        { OVERLAP_BUFFER_ALL, FIRED_BY_EVENT, false, QUEUED },
        { OVERLAP_BUFFER_ALL, FIRED_BY_EVENT, true, QUEUED },
        { OVERLAP_BUFFER_ALL, FIRED_BY_REQUEST, true, QUEUED },
        { OVERLAP_BUFFER_ALL, FIRED_BY_MANUAL, false, QUEUED },
        { OVERLAP_CANCEL_OTHER, FIRED_BY_EVENT, false, MERGED },
        { OVERLAP_CANCEL_OTHER, FIRED_BY_EVENT, true, QUEUED },
        { OVERLAP_CANCEL_OTHER, FIRED_BY_REQUEST, false, BUSY },
        { OVERLAP_CANCEL_OTHER, FIRED_BY_REQUEST, true, QUEUED },
        { OVERLAP_PARALLEL, FIRED_BY_EVENT, false, QUEUED },
        { OVERLAP_PARALLEL, FIRED_BY_REQUEST, false, QUEUED },
};

static DriverReply *fire(Driver *d, Uuid id, uint8_t fired_by)
{
        static DriverReply none;

        none = (DriverReply){ 0 };
        switch (fired_by) {
        case FIRED_BY_EVENT:
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
                return &none;
        case FIRED_BY_REQUEST:
                return driver_request(d, id);
        default:
                return driver_run_now(d, id, false);
        }
}

static void check_row(const Row *row)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = row->fired_by == FIRED_BY_REQUEST ? driver_request_spec("a")
                                                          : driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        size_t n_history = 0, n_pending;
        DriverReply reply;
        Uuid id;

        spec.overlap = row->overlap;
        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        if (row->live)
                driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        fire(d, id, row->fired_by == FIRED_BY_MANUAL ? FIRED_BY_EVENT : row->fired_by);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 0);
        assert_int_equal(driver_info(d, id).n_live, row->live);
        n_pending = !row->live;
        reply = *fire(d, id, row->fired_by);
        switch (row->second) {
        case QUEUED:
                n_pending++;
                assert_int_equal(reply.error, ERROR_NONE);
                break;
        case MERGED:
                assert_int_equal(reply.error, ERROR_NONE);
                break;
        case ALLOWED_MERGED:
                assert_int_equal(reply.n, 1);
                assert_int_equal(reply.error, ERROR_NONE);
                break;
        case RECORDED_OVERLAP:
                n_history = 1;
                assert_int_equal(d->history[0].outcome, OUTCOME_NOT_STARTED);
                assert_int_equal(d->history[0].detail, DETAIL_OVERLAP);
                break;
        default:
                assert_int_equal(reply.error, ERROR_CURRENTLY_RUNNING);
                assert_int_equal(reply.result, 1);
                break;
        }
        assert_int_equal(driver_info(d, id).n_pending, n_pending);
        assert_int_equal(d->n_history, n_history);
        assert_int_equal(d->n_cancels, row->overlap == OVERLAP_CANCEL_OTHER && row->live);
        driver_free(d);
}

static void table_4_3_says_what_becomes_of_a_second_firing(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(table_4_3); i++)
                check_row(&table_4_3[i]);
}

static void the_defaults_are_skip_for_timers_and_requests_and_buffer_one_for_events(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid timer = driver_must_register(d, driver_spec("timer"));
        Uuid event = driver_must_register(d, driver_event_spec("event", SYSTEM_TIME_ZONE_CHANGE));
        Uuid request = driver_must_register(d, driver_request_spec("request"));

        driver_advance(d, 2 * USEC_PER_HOUR);
        assert_int_equal(driver_info(d, timer).n_pending, 0);
        assert_int_equal(d->n_history, 1);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, event).n_pending, 1);
        assert_int_equal(driver_request(d, request)->result, 0);
        assert_int_equal(driver_request(d, request)->result, 1);
        driver_free(d);
}

static void a_merged_firing_counts_and_takes_the_newest_number(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        uint64_t real = d->now.real_usec;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        driver_advance(d, 3 * USEC_PER_HOUR);
        assert_int_equal(driver_n_stored_pending(d), 1);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].count, 3);
        assert_true(d->history[0].number == real + 3 * USEC_PER_HOUR);
        assert_true(d->history[0].first_scheduled_real_usec == real + USEC_PER_HOUR);
        assert_true(d->history[0].accepted_real_usec == real + USEC_PER_HOUR);
        assert_int_equal(driver_n_stored_pending(d), 0);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        driver_free(d);
}

static void a_manual_run_forces_the_pending_firing_and_adds_no_count(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_run_now(d, id, false)->error, ERROR_NONE);
        assert_int_equal(d->n_runs, 0);
        assert_int_equal(driver_run_now(d, id, true)->error, ERROR_NONE);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(driver_last_run(d)->count, 1);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].fired_by, FIRED_BY_TIMER);
        driver_free(d);
}

static void a_pending_manual_firing_is_kept_when_the_trigger_fires(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        DriverReply *reply;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        reply = driver_run_now(d, id, false);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        assert_true(uuid_equal(driver_last_run(d)->run, reply->id));
        assert_int_equal(driver_last_run(d)->count, 2);
        driver_free(d);
}

static void a_full_queue_refuses_requests_and_records_events(void **state)
{
        EngineLimits limits = engine_default_limits;
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        DriverReply *reply;
        Driver *d;
        Uuid id;

        limits.pending_per_task = 2;
        d = driver_new(&limits);
        driver_install(d, DRIVER_PACKAGE, 1);
        spec.overlap = OVERLAP_BUFFER_ALL;
        driver_must_register(d, spec);
        for (unsigned i = 0; i < 4; i++)
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_NOT_STARTED);
        assert_int_equal(d->history[0].detail, DETAIL_QUOTA);
        spec = driver_request_spec("b");
        spec.overlap = OVERLAP_BUFFER_ALL;
        id = driver_must_register(d, spec);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(driver_request(d, id)->result, 0);
        reply = driver_request(d, id);
        assert_int_equal(reply->error, ERROR_QUOTA_EXCEEDED);
        assert_int_equal(reply->result, 2);
        assert_int_equal(reply->limit, 2);
        driver_free(d);
}

static void parallel_runs_start_side_by_side_up_to_their_limit(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.overlap = OVERLAP_PARALLEL;
        id = driver_must_register(d, spec);
        for (unsigned i = 0; i < 20; i++)
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_live, 16);
        assert_int_equal(driver_info(d, id).n_pending, 4);
        assert_int_equal(d->n_launched, 1);
        driver_complete(d, 0);
        assert_int_equal(driver_info(d, id).n_live, 16);
        assert_int_equal(driver_info(d, id).n_pending, 3);
        driver_free(d);
}

static void buffered_firings_run_one_after_the_other_in_their_order(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.overlap = OVERLAP_BUFFER_ALL;
        driver_must_register(d, spec);
        for (unsigned i = 0; i < 3; i++)
                driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        for (unsigned i = 0; i < 3; i++)
                driver_complete(d, 0);
        assert_int_equal(d->n_history, 3);
        assert_true(d->history[0].number < d->history[1].number);
        assert_true(d->history[1].number < d->history[2].number);
        driver_free(d);
}

static void cancel_other_replaces_the_live_run_and_then_starts(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.overlap = OVERLAP_CANCEL_OTHER;
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->cancels[0].reason, REASON_REPLACED);
        assert_int_equal(d->n_runs, 1);
        driver_complete(d, 0);
        assert_int_equal(d->history[0].outcome, OUTCOME_CANCELED);
        assert_int_equal(d->history[0].reason, REASON_REPLACED);
        assert_int_equal(d->n_runs, 2);
        driver_free(d);
}

static void a_firing_that_waits_for_a_retry_counts_as_live(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("skip", SYSTEM_TIME_ZONE_CHANGE);
        Uuid skip, other;

        spec.retry_max = 3;
        spec.overlap = OVERLAP_SKIP;
        skip = driver_must_register(d, spec);
        spec.name = "other";
        spec.overlap = OVERLAP_CANCEL_OTHER;
        spec.trigger.system_type = SYSTEM_NETWORK_STATE_CHANGE;
        other = driver_must_register(d, spec);
        d->run = RUN_MODE_FAIL;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_true(driver_why(d, skip, WHY_WAITING_FOR_RETRY));
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(d->history[0].detail, DETAIL_OVERLAP);
        driver_raise(d, SYSTEM_NETWORK_STATE_CHANGE);
        d->run = RUN_MODE_ACK;
        driver_raise(d, SYSTEM_NETWORK_STATE_CHANGE);
        assert_int_equal(d->history[1].outcome, OUTCOME_CANCELED);
        assert_int_equal(d->history[1].reason, REASON_REPLACED);
        assert_int_equal(driver_info(d, other).n_live, 1);
        driver_free(d);
}

static void a_request_is_allowed_when_its_server_is_being_started_or_it_is_stored(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_request_spec("a");
        DriverReply *reply;
        Uuid id;

        id = driver_must_register(d, spec);
        d->hold_commits = true;
        reply = driver_request(d, id);
        assert_int_equal(reply->n, 1);
        assert_int_equal(reply->result, 0);
        assert_true(uuid_equal(reply->id, driver_last_run(d)->run));
        d->hold_commits = false;
        driver_complete(d, 0);
        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        driver_register(d, spec, IF_EXISTS_UPDATE);
        d->hold_commits = true;
        reply = driver_request(d, id);
        assert_int_equal(reply->n, 0);
        driver_answer_commits(d, 0);
        assert_int_equal(reply->n, 1);
        assert_int_equal(reply->result, 0);
        driver_free(d);
}

static void a_request_that_could_not_be_stored_is_forgotten(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_request_spec("a");
        DriverReply *reply;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        d->commit_error = -EIO;
        reply = driver_request(d, id);
        assert_int_equal(reply->result, 3);
        assert_int_equal(reply->error, ERROR_STORE_FAILED);
        assert_int_equal(reply->store_error, -EIO);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        assert_int_equal(d->n_ended, 0);
        assert_true(driver_info(d, id).row.last_number == 0);
        driver_free(d);
}

static void requests_to_what_is_paused_is_no_application_or_is_not_there_are_refused(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, driver_request_spec("a"));
        Uuid timer = driver_must_register(d, driver_spec("b"));

        driver_pause(d, id, true);
        assert_int_equal(driver_request(d, id)->result, 2);
        assert_int_equal(driver_request(d, timer)->error, ERROR_INVALID_ARGUMENT);
        assert_int_equal(driver_request(d, UUID_NULL)->error, ERROR_NO_SUCH_TASK);
        assert_int_equal(driver_run_now(d, UUID_NULL, true)->error, ERROR_NO_SUCH_TASK);
        driver_free(d);
}

static void the_details_of_a_request_reach_the_run(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_request_spec("a");
        Event event = { .type = EVENT_REQUEST };
        RunInfo info;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        event.task.task = driver_must_register(d, spec);
        event.task.details = "hello";
        event.task.n_details = 5;
        driver_ask(d, event);
        driver_restart(d, false);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        assert_int_equal(engine_get_runs(d->engine, event.task.task, 0, &info, 1), 1);
        assert_int_equal(info.n_details, 5);
        assert_memory_equal(info.details, "hello", 5);
        driver_free(d);
}

static void a_pending_firing_expires_by_its_oldest_acceptance(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        spec.expires_usec = USEC_PER_MINUTE;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_advance(d, 40 * USEC_PER_SEC);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_advance(d, 20 * USEC_PER_SEC - 1);
        assert_int_equal(d->n_history, 0);
        driver_advance(d, 1);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_EXPIRED);
        assert_int_equal(d->history[0].count, 2);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        driver_free(d);
}

static void after_its_deadline_a_firing_runs_whatever_the_conditions(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW) | CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.cancel_on_condition_loss = true;
        spec.deadline_usec = USEC_PER_MINUTE;
        driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_advance(d, USEC_PER_MINUTE - 1);
        assert_int_equal(d->n_runs, 0);
        driver_advance(d, 1);
        assert_int_equal(d->n_runs, 1);
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_cancels, 0);
        driver_free(d);
}

static void a_timers_firing_that_could_not_be_stored_is_computed_again_with_the_same_number(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        uint64_t real = d->now.real_usec;
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        id = driver_must_register(d, spec);
        d->commit_error = -EIO;
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        assert_int_equal(driver_n_stored_pending(d), 0);
        d->commit_error = 0;
        driver_advance(d, USEC_PER_MINUTE - 1);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        driver_advance(d, 1);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        assert_int_equal(driver_n_stored_pending(d), 1);
        assert_true(driver_info(d, id).row.last_number == real + USEC_PER_HOUR);
        driver_free(d);
}

static void a_started_firing_and_an_outcome_are_kept_and_written_again(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_spec("a"));
        d->commit_error = -ENOSPC;
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(engine_get_counts(d->engine).n_unstored, 1);
        driver_complete(d, 0);
        assert_int_equal(d->n_history, 0);
        assert_int_equal(driver_n_ledger(d), 1);
        assert_int_equal(engine_get_counts(d->engine).n_unstored, 1);
        driver_advance(d, 30 * USEC_PER_SEC);
        d->commit_error = 0;
        driver_advance(d, 31 * USEC_PER_SEC);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(engine_get_counts(d->engine).n_unstored, 0);
        assert_int_equal(driver_n_ledger(d), 0);
        assert_int_equal(d->n_recorded, 1);
        assert_true(engine_is_quiet(d->engine));
        driver_free(d);
}

static void what_could_not_be_written_goes_along_with_the_next_commit(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, driver_spec("a"));
        d->run = RUN_MODE_COMPLETE;
        d->commit_error = -ENOSPC;
        driver_advance(d, USEC_PER_HOUR);
        assert_int_equal(d->n_history, 0);
        d->commit_error = 0;
        driver_must_register(d, driver_spec("b"));
        assert_int_equal(d->n_history, 1);
        driver_free(d);
}

static void many_outcomes_are_written_again_once_a_minute_while_the_store_fails(void **state)
{
        Driver *d = driver_new_with_package();
        EngineTime next;

        for (unsigned i = 0; i < 150; i++) {
                char name[] = { (char)('a' + i % 26), (char)('a' + i / 26), '\0' };
                TaskSpec spec = driver_event_spec(name, SYSTEM_TIME_ZONE_CHANGE);

                spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
                driver_must_register(d, spec);
        }
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        d->run = RUN_MODE_COMPLETE;
        d->commit_error = -ENOSPC;
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        assert_int_equal(engine_get_counts(d->engine).n_unstored, 150);
        for (unsigned i = 0; i < 3; i++) {
                next = engine_next_wake(d->engine);
                assert_in_range(next.boot_usec, d->now.boot_usec + 1, d->now.boot_usec + USEC_PER_MINUTE);
                driver_advance(d, USEC_PER_MINUTE);
                assert_int_equal(engine_get_counts(d->engine).n_unstored, 150);
        }
        d->commit_error = 0;
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(d->n_history, 150);
        next = engine_next_wake(d->engine);
        assert_true(next.boot_usec == USEC_INFINITY);
        driver_free(d);
}

static void of_two_unstored_firings_both_are_taken_back(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_spec("a");
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        spec.overlap = OVERLAP_BUFFER_ALL;
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        driver_advance(d, 2 * USEC_PER_HOUR);
        assert_int_equal(driver_info(d, id).n_pending, 2);
        /* The newer commit is answered first. */
        assert_int_equal(d->n_held, 2);
        {
                uint64_t swap = d->held[0];

                d->held[0] = d->held[1];
                d->held[1] = swap;
        }
        driver_answer_commits(d, -EIO);
        assert_int_equal(driver_info(d, id).n_pending, 0);
        assert_true(driver_info(d, id).row.last_number == 0);
        d->hold_commits = false;
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        driver_level(d, CONDITION_BATTERY_NOT_LOW, 1);
        assert_int_equal(driver_last_run(d)->count, 2);
        driver_free(d);
}

static void custom_events_reach_those_that_listen_to_their_name(void **state)
{
        Driver *d = driver_new_with_package();
        Event event = { .type = EVENT_RAISE };
        TaskSpec spec = driver_spec("a");
        Uuid a, b;

        spec.trigger = (Trigger){ .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "one" };
        a = driver_must_register(d, spec);
        spec.name = "b";
        spec.trigger.text = "two";
        b = driver_must_register(d, spec);
        event.raise.kind = TRIGGER_CUSTOM_SYSTEM_EVENT;
        event.raise.text = "two";
        driver_feed(d, event);
        assert_int_equal(driver_info(d, a).n_live, 0);
        assert_int_equal(driver_info(d, b).n_live, 1);
        driver_unregister(d, b, true);
        driver_feed(d, event);
        assert_int_equal(d->n_runs, 1);
        event.raise.text = "nobody";
        driver_feed(d, event);
        driver_free(d);
}

static void an_event_reaches_all_that_listened_when_it_happened_a_share_at_a_time(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid ids[200];

        for (unsigned i = 0; i < 200; i++) {
                char name[] = { (char)('a' + i % 26), (char)('a' + i / 26), '\0' };
                TaskSpec spec = driver_event_spec(name, SYSTEM_TIME_ZONE_CHANGE);

                spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
                ids[i] = driver_must_register(d, spec);
        }
        effects_clear(&d->effects);
        {
                Event event = { .type = EVENT_RAISE, .time = d->now };

                event.raise.kind = TRIGGER_SYSTEM;
                event.raise.system_type = SYSTEM_TIME_ZONE_CHANGE;
                d->hold_commits = true;
                assert_int_equal(engine_feed(d->engine, &event, &d->effects), 0);
        }
        assert_int_equal(engine_get_counts(d->engine).n_pending, 64);
        /* One that has not been reached goes, and the last one as well. */
        for (unsigned i = 100; i < 200; i += 99) {
                Event event = { .type = EVENT_UNREGISTER, .time = d->now };

                event.task.task = ids[i];
                effects_clear(&d->effects);
                assert_int_equal(engine_feed(d->engine, &event, &d->effects), 0);
        }
        for (unsigned i = 0; i < 9; i++) {
                effects_clear(&d->effects);
                engine_feed(d->engine, &(Event){ .type = EVENT_TICK, .time = d->now }, &d->effects);
        }
        assert_in_range(engine_get_counts(d->engine).n_pending, 198, 200);
        driver_free(d);
}

static void a_firing_that_was_kept_since_another_followed_stays_kept(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.overlap = OVERLAP_BUFFER_ALL;
        id = driver_must_register(d, spec);
        d->hold_commits = true;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_pending, 2);
        d->commit_error = -EIO;
        d->hold_commits = false;
        driver_settle(d);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        d->commit_error = 0;
        driver_advance(d, USEC_PER_MINUTE);
        assert_int_equal(driver_n_stored_pending(d), 1);
        driver_free(d);
}

static void what_has_expired_when_its_registration_goes_is_expired(void **state)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
        Uuid id;

        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.expires_usec = USEC_PER_MINUTE;
        id = driver_must_register(d, spec);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        assert_int_equal(driver_info(d, id).n_pending, 1);
        /* Nobody has looked at it since. */
        d->now.boot_usec += USEC_PER_MINUTE;
        driver_unregister(d, id, false);
        assert_int_equal(d->n_history, 1);
        assert_int_equal(d->history[0].outcome, OUTCOME_EXPIRED);
        assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_EXPIRED);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(table_4_3_says_what_becomes_of_a_second_firing),
                cmocka_unit_test(the_defaults_are_skip_for_timers_and_requests_and_buffer_one_for_events),
                cmocka_unit_test(a_merged_firing_counts_and_takes_the_newest_number),
                cmocka_unit_test(a_manual_run_forces_the_pending_firing_and_adds_no_count),
                cmocka_unit_test(a_pending_manual_firing_is_kept_when_the_trigger_fires),
                cmocka_unit_test(a_full_queue_refuses_requests_and_records_events),
                cmocka_unit_test(parallel_runs_start_side_by_side_up_to_their_limit),
                cmocka_unit_test(buffered_firings_run_one_after_the_other_in_their_order),
                cmocka_unit_test(cancel_other_replaces_the_live_run_and_then_starts),
                cmocka_unit_test(a_firing_that_waits_for_a_retry_counts_as_live),
                cmocka_unit_test(a_request_is_allowed_when_its_server_is_being_started_or_it_is_stored),
                cmocka_unit_test(a_request_that_could_not_be_stored_is_forgotten),
                cmocka_unit_test(requests_to_what_is_paused_is_no_application_or_is_not_there_are_refused),
                cmocka_unit_test(the_details_of_a_request_reach_the_run),
                cmocka_unit_test(a_pending_firing_expires_by_its_oldest_acceptance),
                cmocka_unit_test(after_its_deadline_a_firing_runs_whatever_the_conditions),
                cmocka_unit_test(a_timers_firing_that_could_not_be_stored_is_computed_again_with_the_same_number),
                cmocka_unit_test(a_started_firing_and_an_outcome_are_kept_and_written_again),
                cmocka_unit_test(what_could_not_be_written_goes_along_with_the_next_commit),
                cmocka_unit_test(many_outcomes_are_written_again_once_a_minute_while_the_store_fails),
                cmocka_unit_test(of_two_unstored_firings_both_are_taken_back),
                cmocka_unit_test(custom_events_reach_those_that_listen_to_their_name),
                cmocka_unit_test(an_event_reaches_all_that_listened_when_it_happened_a_share_at_a_time),
                cmocka_unit_test(a_firing_that_was_kept_since_another_followed_stays_kept),
                cmocka_unit_test(what_has_expired_when_its_registration_goes_is_expired),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
